/* SPDX-License-Identifier: MIT */
/*
 * Commands that name objects: their payloads, and the small records inside (memory 3.2, 4.1, 4.5, 6.2 to 6.4, 7.1
 * to 7.3). Decodes bytes already copied to checked structs; no state. Object lists are decoded record by record, so
 * that nothing is allocated from a count of the guest.
 */
#ifndef PVG_WIRE_OBJECTS_H
#define PVG_WIRE_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/refuse.h"

/* Object types: low byte of a slot (memory 5). */
#define OBJECT_BUFFER              1u
#define OBJECT_TEXTURE             2u
#define OBJECT_CLIENT_TEXTURE      3u
#define OBJECT_SURFACE             4u /* IOSurface backing */
#define OBJECT_SURFACE_VIEW        5u
#define OBJECT_FUNCTION            6u
#define OBJECT_SERIALIZER_STATE    7u
#define OBJECT_SERIALIZER_RESOURCE 8u
#define OBJECT_MAPPED_SURFACE_VIEW 11u
#define OBJECT_TYPE_COUNT          16u

/* Where an object of a type is registered, which decides what deletes it (memory 4.4). */
enum object_registry { REGISTRY_NONE, REGISTRY_RESOURCE, REGISTRY_FUNCTION, REGISTRY_STATE };

struct object_type_info {
    const char *name;
    enum object_registry registry; /* NONE: no layout known or not a type */
    uint32_t least_bytes;          /* of the descriptor */
    uint32_t most_bytes;
};
/* Never NULL; types whose layout is not known have registry NONE. */
const struct object_type_info *object_type_info(uint32_t type);

/* 0x33, and the first three words of 0x44. */
#define SET_OBJECT_LIST_BYTES      12u
#define SET_OBJECT_PLACEMENT_BYTES 28u
struct object_list_cmd {
    uint32_t task;
    uint32_t first_page;   /* task-virtual page number */
    uint32_t count;        /* of slots */
    uint64_t placement[2]; /* 0x44 only: two words whose meaning is not settled; else 0 */
};
enum refuse object_list_decode(const uint8_t *payload, size_t bytes, struct object_list_cmd *out);
enum refuse object_placement_decode(const uint8_t *payload, size_t bytes, struct object_list_cmd *out);

/* 0x25 and 0x3c: {task, object}; 0x36: {object, task}. */
struct object_cmd {
    uint32_t task;
    uint32_t object;
};
enum refuse object_cmd_decode(const uint8_t *payload, size_t bytes, struct object_cmd *out);
enum refuse surface_delete_decode(const uint8_t *payload, size_t bytes, struct object_cmd *out);

/* 0x28: one destroy record of the serializer. */
enum destroy_kind {
    DESTROY_UNKNOWN, /* not a destroy record: log, ignore */
    DESTROY_BUFFER,
    DESTROY_TEXTURE,
    DESTROY_DEPTH_STENCIL,
    DESTROY_SAMPLER,
    DESTROY_FUNCTION,
    DESTROY_COMPUTE_PIPELINE,
    DESTROY_RENDER_PIPELINE,
    DESTROY_FENCE,
    DESTROY_HEAP,
    DESTROY_RATE_MAP,
    DESTROY_INDIRECT_BUFFER,
    DESTROY_KIND_COUNT
};
const char *destroy_kind_name(enum destroy_kind kind);

struct destroy_cmd {
    uint32_t task;
    uint32_t opcode; /* of the record, raw */
    enum destroy_kind kind;
    uint32_t ref; /* in the serializer's space of that task and kind; not an index in the object list */
};
enum refuse destroy_decode(const uint8_t *payload, size_t bytes, struct destroy_cmd *out);

/* 0x34, 0x35, 0x3e, 0x3f: {task, count, records}. @record points into the payload and holds @count records. */
struct object_records {
    uint32_t task;
    uint32_t count;
    const uint8_t *record;
};
#define VALIDITY_RECORD_BYTES 8u /* 0x34 */
#define OBJECT_REF_BYTES      4u /* 0x35, 0x3e, 0x3f */
enum refuse object_records_decode(const uint8_t *payload, size_t bytes, uint32_t record_bytes,
                                  struct object_records *out);
uint32_t object_ref_at(const struct object_records *records, uint32_t i);

/* What the guest says about the two copies of an object; the same four bytes are in 0x34 and 0x37. */
struct validity {
    bool clear_host, set_host, clear_guest, set_guest; /* clears apply before sets */
};
struct validity_record {
    uint32_t object; /* 0: skip */
    struct validity validity;
};
struct validity_record validity_at(const struct object_records *records, uint32_t i);
struct validity validity_decode(const uint8_t bytes[4]);

/* The guest's side of tests; each returns the number of bytes written. */
size_t object_list_encode(uint8_t *out, const struct object_list_cmd *cmd);
size_t object_cmd_encode(uint8_t *out, const struct object_cmd *cmd);
size_t surface_delete_encode(uint8_t *out, const struct object_cmd *cmd);
size_t destroy_encode(uint8_t *out, const struct destroy_cmd *cmd);
size_t object_refs_encode(uint8_t *out, uint32_t task, const uint32_t *object, uint32_t count);
size_t validity_encode(uint8_t *out, uint32_t task, const struct validity_record *record, uint32_t count);

#endif
