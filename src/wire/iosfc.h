/* SPDX-License-Identifier: MIT */
/*
 * The surface mapper's window, request ring and device descriptors (memory 9.2 to 9.5). Decodes bytes already copied.
 */
#ifndef PVG_WIRE_IOSFC_H
#define PVG_WIRE_IOSFC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/refuse.h"

/* Registers: 64 bits wide, 8 bytes apart. */
#define IOSFC_FIRST       0x1000u
#define IOSFC_RING_BASE   0x1000u
#define IOSFC_CAPACITY    0x1008u
#define IOSFC_DESC_TABLE  0x1010u
#define IOSFC_PRODUCER    0x1018u /* the write is the doorbell */
#define IOSFC_CONSUMER    0x1020u /* read; a write is the descriptor enable, bit 0 */
#define IOSFC_STATUS      0x1028u /* reads 0: descriptor layout as below */
#define IOSFC_DESC_TABLE2 0x1030u
#define IOSFC_REGISTERS   7u

/* Ring entry. */
#define IOSFC_ENTRY_BYTES  16u
#define IOSFC_ENTRY_RESULT 8u /* offset of the host's answer, 0 = success */
#define IOSFC_OP_MAP       1u
#define IOSFC_OP_UNMAP     2u

struct iosfc_request {
    uint32_t operation, mapping;
};

struct iosfc_request iosfc_request_decode(const uint8_t *bytes);

/* Page entry of table, record and list: page number << 2 | flags. */
#define IOSFC_ENTRY_PRESENT 1u
static inline bool iosfc_entry_present(uint32_t entry)
{
    return entry & IOSFC_ENTRY_PRESENT;
}
static inline uint32_t iosfc_entry_pfn(uint32_t entry)
{
    return entry >> 2;
}

#define IOSFC_RECORD_BYTES 0x200u
#define IOSFC_PLANES_MAX   7u

struct iosfc_plane {
    uint64_t offset_bytes; /* of the plane in the allocation */
    uint32_t width_px, height_px, stride_bytes, bytes_per_element;
};

/* A surface as its record describes it. */
struct iosfc_surface {
    uint32_t list_pfn; /* page that holds the page list */
    uint32_t format;
    uint64_t size_bytes;  /* of the allocation */
    uint32_t plane_count; /* 1 for a surface without planes */
    struct iosfc_plane plane[IOSFC_PLANES_MAX];
};

/* How ring indices say which entries to serve (memory 9.4). */
struct iosfc_span {
    uint64_t first, count; /* entries first, first + 1, .., modulo capacity */
    bool nonsense;         /* indices contradict each other: serve nothing */
    bool raise;            /* an interrupt is due even when nothing is served */
};
struct iosfc_span iosfc_span(uint64_t base, uint64_t capacity, uint64_t producer, uint64_t consumer);

/* Decode and check a record of a mapping whose pages are @page_bytes large; the page list itself is the caller's to
 * check. */
enum refuse iosfc_record_decode(const uint8_t *record, uint64_t page_bytes, struct iosfc_surface *out);
/* Do two records describe the same surface, its page list's place included? */
bool iosfc_surface_equal(const struct iosfc_surface *a, const struct iosfc_surface *b);
/* Write a record: for the guest's side of tests. */
void iosfc_record_encode(const struct iosfc_surface *surface, uint8_t *record);

#endif
