/* SPDX-License-Identifier: MIT */
/*
 * Descriptor of an IOSurface backing, object type 4 (memory 5.3), and the checks before one of its planes is read
 * (display 7.2). Decodes a private copy of the bytes; no state.
 */
#ifndef PVG_WIRE_SURFACE_H
#define PVG_WIRE_SURFACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/refuse.h"

#define SURFACE_PLANES_MAX  8u
#define SURFACE_LEAST_BYTES 0x24u /* one plane */

struct surface_plane {
    uint32_t offset_bytes; /* in the backing */
    uint32_t width_px, height_px;
    uint32_t stride_bytes;
    uint8_t bytes_per_element; /* 0: not stated */
};

struct surface {
    uint64_t length_bytes; /* of the backing; > 0 */
    uint32_t first_page;   /* page number in the kernel task; > 0 */
    uint32_t format;       /* FourCC, or a Metal pixel format up to 0xffff; unchecked */
    uint32_t plane_count;  /* 1..8 */
    struct surface_plane plane[SURFACE_PLANES_MAX];
};

/* Decode @bytes of @descriptor: DESCRIPTOR_SHORT, SURFACE_EMPTY, SURFACE_PLANES. A tail after the planes is ignored. */
enum refuse surface_decode(const uint8_t *descriptor, size_t bytes, struct surface *out);

/*
 * May plane @plane be read as rows of width_px elements of @bytes_per_px (> 0)? SURFACE_PLANES, SURFACE_EDGE
 * (1..@edge_px), SURFACE_STRIDE, SURFACE_BOUNDS. The last row need not be padded to the stride. Which formats can be
 * shown, display knows.
 */
enum refuse surface_plane_check(const struct surface *s, uint32_t plane, uint32_t bytes_per_px, uint32_t edge_px);

/* The guest's side of tests. @out: 0x14 + 16 * plane_count bytes; returns that number. */
size_t surface_encode(uint8_t *out, const struct surface *s);

#endif
