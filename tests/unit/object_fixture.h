/* SPDX-License-Identifier: MIT */
/*
 * A device without worker and displays for the tests of src/object: guest RAM with two tasks (0 and 3), each with room
 * for an object list and descriptors, and handlers that the test calls itself. Include after cmocka.h.
 */
#ifndef PVG_TESTS_OBJECT_FIXTURE_H
#define PVG_TESTS_OBJECT_FIXTURE_H

#include "base/rd.h"
#include "core/core_priv.h"
#include "guest_ram.h"
#include "object/object.h"
#include "wire/memory.h"
#include "wire/opcodes.h"
#include "wire/surface.h"

#define LIST_PAGE   1u
#define LIST_COUNT  1000u
#define DESCRIPTORS 0x100000ull /* task-virtual: room for descriptors, 8 KiB per reference below 64 */

/* Payload of 32-bit words, for the two arguments of run() and its like. */
#define WORDS(...) (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__})

struct fixture {
    struct guest_ram ram;
    struct fake_vmm vmm; /* callback mode */
    struct log log;
    struct gmem *g;
    struct core *core;
    struct object_set *set;
    struct picture_provider provider;
    uint32_t directory[4]; /* by task */

    const struct object *object; /* of the last resolve() */
    struct gmem_fault fault;

    int settled; /* calls of the observer, and the last one's arguments */
    uint32_t settled_task;
    uint64_t settled_gva, settled_bytes;
};

/* @lists: tell the host of both object lists. */
void fixture_init(struct fixture *f, uint32_t shift, bool lists);
/* The same with the VMM's callbacks instead of a RAM table. */
void fixture_init_callbacks(struct fixture *f, uint32_t shift);
void fixture_fini(struct fixture *f);

/* Define or redefine @task with its directory. */
void define_task(struct fixture *f, uint32_t task);
/* Run a command as the worker does. */
enum core_verdict run(struct fixture *f, uint32_t opcode, const void *payload, size_t bytes);
/* Run a command and check that nothing, or exactly @why, was refused. */
void done(struct fixture *f, uint32_t opcode, const void *payload, size_t bytes);
void refused(struct fixture *f, enum refuse why, uint32_t opcode, const void *payload, size_t bytes);
/* What the set's observer does at a reset. */
void reset(struct fixture *f);

enum refuse resolve(struct fixture *f, uint32_t task, enum object_class class, uint32_t ref);

/* Map [@gva, + @length) of @task to fresh scattered pages; in callback mode the host is told. */
void map_scattered(struct fixture *f, uint32_t task, uint64_t gva, uint64_t length);
void put_slot(struct fixture *f, uint32_t task, uint32_t ref, struct object_slot slot);
/* Descriptor of @length bytes that starts with @bytes of @start, and its slot. */
void put(struct fixture *f, uint32_t task, uint32_t ref, uint8_t type, const void *start, size_t bytes,
         uint32_t length);
void put_buffer(struct fixture *f, uint32_t task, uint32_t ref, uint64_t size, uint32_t first_page);
/* A BGRA surface on fresh scattered pages of the kernel task; returns where. */
struct surface put_surface(struct fixture *f, uint32_t id, uint32_t width, uint32_t height);
void put_surface_as(struct fixture *f, uint32_t task, uint32_t id, const struct surface *s);
void put_view(struct fixture *f, uint32_t task, uint32_t ref, uint32_t surface);

/* Sum over all RAM. */
uint64_t checksum(struct fixture *f);

#endif
