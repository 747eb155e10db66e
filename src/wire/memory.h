/* SPDX-License-Identifier: MIT */
/*
 * Layout of what a task keeps in guest memory for the device: directory page, page-table entries, object slots
 * (memory 1.3, 2, 4.2). Decodes bytes already copied; the encoders are the guest's side of tests.
 */
#ifndef PVG_WIRE_MEMORY_H
#define PVG_WIRE_MEMORY_H

#include <stdint.h>

#include "base/rd.h"

/* Directory page (memory 1.3). */
#define DIRECTORY_ROOT   0x00u /* u32: page number of the root node */
#define DIRECTORY_DEPTH  0x04u /* u32: number of levels */
#define DIRECTORY_LENGTH 0x14u /* u64: copy of the task's length; the host does not read it */
#define DIRECTORY_BYTES  0x1cu

struct directory {
    uint32_t root_pfn;
    uint32_t depth;
};

static inline void directory_encode(uint8_t *out, const struct directory *d, uint64_t task_length_bytes)
{
    memset(out, 0, DIRECTORY_BYTES);
    le32_put(out + DIRECTORY_ROOT, d->root_pfn);
    le32_put(out + DIRECTORY_DEPTH, d->depth);
    le64_put(out + DIRECTORY_LENGTH, task_length_bytes);
}

/* Entry of a node, at any level (memory 2.2). 0 alone means "not present"; bit 31 has no known meaning and is masked.
 */
#define PTE_BYTES    4u
#define PTE_PFN_MASK 0x7fffffffu

/* Bits of the index of one level: a node is one guest page of entries. */
static inline uint32_t pt_level_bits(uint32_t page_shift)
{
    return page_shift - 2;
}

/* Object slot (memory 4.2): u32 type (bits 7:0) and descriptor length (31:8), u64 address of the descriptor. */
#define OBJECT_SLOT_BYTES 12u

struct object_slot {
    uint8_t type;          /* OBJECT_TYPE_*, unchecked */
    uint32_t length_bytes; /* of the descriptor, below 2^24 */
    uint64_t gva;          /* of the descriptor, in the same task */
};

static inline struct object_slot object_slot_decode(const uint8_t *bytes)
{
    uint32_t word = le32_get(bytes);

    return (struct object_slot){.type = (uint8_t)word, .length_bytes = word >> 8, .gva = le64_get(bytes + 4)};
}

static inline void object_slot_encode(uint8_t *out, const struct object_slot *s)
{
    le32_put(out, s->type | s->length_bytes << 8);
    le64_put(out + 4, s->gva);
}

/* Task-virtual address of slot @ref of a list that starts at page @first_page. No overflow: both are 32 bits wide. */
static inline uint64_t object_slot_gva(uint32_t first_page, uint32_t page_shift, uint32_t ref)
{
    return ((uint64_t)first_page << page_shift) + (uint64_t)OBJECT_SLOT_BYTES * ref;
}

#endif
