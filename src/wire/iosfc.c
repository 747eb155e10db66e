/* SPDX-License-Identifier: MIT */
/* The surface mapper's structures: see iosfc.h. */
#include "wire/iosfc.h"

#include <string.h>

#include "base/limits.h"
#include "base/rd.h"

/* Offsets in a record; a plane record has the same shape from its own start on. */
#define RECORD_LIST        0x00u
#define RECORD_FORMAT      0x04u
#define RECORD_OFFSET      0x08u
#define RECORD_PLANE_BASE  0x0cu
#define RECORD_SIZE        0x10u
#define RECORD_DIMENSIONS  0x14u
#define RECORD_STRIDE      0x1cu
#define RECORD_ELEMENT     0x20u
#define RECORD_PLANE_COUNT 0x24u
#define RECORD_PLANES      0x40u
#define RECORD_PLANE_BYTES 0x40u

struct iosfc_request iosfc_request_decode(const uint8_t *bytes)
{
    return (struct iosfc_request){.operation = le32_get(bytes), .mapping = le32_get(bytes + 4)};
}

struct iosfc_span iosfc_span(uint64_t base, uint64_t n, uint64_t p, uint64_t c)
{
    struct iosfc_span s = {.first = c};

    if (p == c)
        return s;
    s.raise = true;
    if (!base || !n || n > LIMIT_IOSFC_CAPACITY)
        return s; /* boot handshake without a ring */
    if (p > c && p - c <= n)
        s.count = p - c;
    else if (p < c && c <= n)
        s.count = n - c + p;
    else
        s.nonsense = true;
    return s;
}

static void decode_plane(const uint8_t *p, struct iosfc_plane *out)
{
    uint64_t dimensions = le64_get(p + RECORD_DIMENSIONS);

    *out = (struct iosfc_plane){.offset_bytes = le32_get(p + RECORD_OFFSET),
                                .width_px = (uint32_t)(dimensions >> 8) & 0xffffff,
                                .height_px = (uint32_t)(dimensions >> 40),
                                .stride_bytes = le32_get(p + RECORD_STRIDE),
                                .bytes_per_element = le16_get(p + RECORD_ELEMENT)};
}

enum refuse iosfc_record_decode(const uint8_t *record, uint64_t page_bytes, struct iosfc_surface *out)
{
    uint32_t list = le32_get(record + RECORD_LIST);
    uint32_t planes = record[RECORD_PLANE_COUNT];

    *out = (struct iosfc_surface){.list_pfn = iosfc_entry_pfn(list),
                                  .format = le32_get(record + RECORD_FORMAT),
                                  .size_bytes = le32_get(record + RECORD_SIZE),
                                  .plane_count = planes ? planes : 1};
    if (!iosfc_entry_present(list))
        return REFUSE_IOSFC_LIST;
    if (!out->size_bytes)
        return REFUSE_SURFACE_EMPTY;
    if (out->size_bytes > page_bytes / 4 * page_bytes) /* more than one page of list: layout unknown */
        return REFUSE_IOSFC_SIZE;
    if (planes > IOSFC_PLANES_MAX)
        return REFUSE_SURFACE_PLANES;
    if (!planes)
        decode_plane(record, &out->plane[0]);
    for (uint32_t i = 0; i < planes; i++) {
        const uint8_t *p = record + RECORD_PLANES + i * RECORD_PLANE_BYTES;

        decode_plane(p, &out->plane[i]);
        if (!out->plane[i].offset_bytes)
            out->plane[i].offset_bytes = le32_get(p + RECORD_PLANE_BASE);
    }
    return REFUSE_NONE;
}

static bool plane_equal(const struct iosfc_plane *a, const struct iosfc_plane *b)
{
    return a->offset_bytes == b->offset_bytes && a->width_px == b->width_px && a->height_px == b->height_px &&
           a->stride_bytes == b->stride_bytes && a->bytes_per_element == b->bytes_per_element;
}

bool iosfc_surface_equal(const struct iosfc_surface *a, const struct iosfc_surface *b)
{
    bool equal = a->list_pfn == b->list_pfn && a->format == b->format && a->size_bytes == b->size_bytes &&
                 a->plane_count == b->plane_count;

    for (uint32_t i = 0; equal && i < a->plane_count; i++)
        equal = plane_equal(&a->plane[i], &b->plane[i]);
    return equal;
}

static void encode_plane(const struct iosfc_plane *plane, uint8_t *p)
{
    le32_put(p + RECORD_OFFSET, (uint32_t)plane->offset_bytes);
    le64_put(p + RECORD_DIMENSIONS, 1 | (uint64_t)plane->width_px << 8 | 1ull << 32 | (uint64_t)plane->height_px << 40);
    le32_put(p + RECORD_STRIDE, plane->stride_bytes);
    le16_put(p + RECORD_ELEMENT, (uint16_t)plane->bytes_per_element);
}

void iosfc_record_encode(const struct iosfc_surface *surface, uint8_t *record)
{
    memset(record, 0, IOSFC_RECORD_BYTES);
    encode_plane(&surface->plane[0], record);
    le32_put(record + RECORD_LIST, surface->list_pfn << 2 | IOSFC_ENTRY_PRESENT);
    le32_put(record + RECORD_FORMAT, surface->format);
    le32_put(record + RECORD_SIZE, (uint32_t)surface->size_bytes);
    if (surface->plane_count > 1) {
        record[RECORD_PLANE_COUNT] = (uint8_t)surface->plane_count;
        for (uint32_t i = 0; i < surface->plane_count; i++)
            encode_plane(&surface->plane[i], record + RECORD_PLANES + i * RECORD_PLANE_BYTES);
    }
}
