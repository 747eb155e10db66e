/* SPDX-License-Identifier: MIT */
/* Decoding, checking and encoding of surface descriptors: see surface.h. */
#include "wire/surface.h"

#include "base/rd.h"

#define STRIDE_MASK 0xffffffu /* of a plane's last word; bits 31:24 are bytes per element */

enum refuse surface_decode(const uint8_t *descriptor, size_t bytes, struct surface *out)
{
    struct rd r = rd_over(descriptor, bytes);
    uint8_t planes;

    *out = (struct surface){.length_bytes = rd_u64(&r)};
    out->first_page = rd_u32(&r);
    out->format = rd_u32(&r);
    planes = rd_u8(&r);
    rd_bytes(&r, 3); /* 0 in every sample seen */
    if (r.bad || bytes < SURFACE_LEAST_BYTES)
        return REFUSE_DESCRIPTOR_SHORT;
    if (!out->length_bytes || !out->first_page)
        return REFUSE_SURFACE_EMPTY;
    if (!planes || planes > SURFACE_PLANES_MAX)
        return REFUSE_SURFACE_PLANES;
    for (uint32_t i = 0; i < planes; i++) {
        struct surface_plane *p = &out->plane[i];
        uint32_t packed;

        p->offset_bytes = rd_u32(&r);
        p->width_px = rd_u32(&r);
        p->height_px = rd_u32(&r);
        packed = rd_u32(&r);
        p->stride_bytes = packed & STRIDE_MASK;
        p->bytes_per_element = (uint8_t)(packed >> 24);
    }
    if (r.bad)
        return REFUSE_SURFACE_PLANES;
    out->plane_count = planes;
    return REFUSE_NONE;
}

enum refuse surface_plane_check(const struct surface *s, uint32_t plane, uint32_t bytes_per_px, uint32_t edge_px)
{
    const struct surface_plane *p;
    uint64_t row, end;

    if (plane >= s->plane_count)
        return REFUSE_SURFACE_PLANES;
    p = &s->plane[plane];
    if (!p->width_px || !p->height_px || p->width_px > edge_px || p->height_px > edge_px)
        return REFUSE_SURFACE_EDGE;
    row = (uint64_t)p->width_px * bytes_per_px;
    if (p->stride_bytes < row)
        return REFUSE_SURFACE_STRIDE;
    end = p->offset_bytes + (uint64_t)(p->height_px - 1) * p->stride_bytes + row; /* below 2^57 */
    return end > s->length_bytes ? REFUSE_SURFACE_BOUNDS : REFUSE_NONE;
}

size_t surface_encode(uint8_t *out, const struct surface *s)
{
    uint8_t *p = out + 0x14;

    memset(out, 0, 0x14);
    le64_put(out, s->length_bytes);
    le32_put(out + 8, s->first_page);
    le32_put(out + 12, s->format);
    out[16] = (uint8_t)s->plane_count;
    for (uint32_t i = 0; i < s->plane_count; i++, p += 16) {
        const struct surface_plane *in = &s->plane[i];

        le32_put(p, in->offset_bytes);
        le32_put(p + 4, in->width_px);
        le32_put(p + 8, in->height_px);
        le32_put(p + 12, (in->stride_bytes & STRIDE_MASK) | (uint32_t)in->bytes_per_element << 24);
    }
    return (size_t)(p - out);
}
