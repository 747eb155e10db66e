/* SPDX-License-Identifier: MIT */
/* Textures on mappings: see mapping_texture.h. */
#include "wire/mapping_texture.h"

#include "base/rd.h"

/* Offsets (memory 5.5); the texture descriptor is the narrow one of 5.8. */
#define TEXTURE_MAPPING  0x00u
#define TEXTURE_OPCODE   0x08u
#define TEXTURE_BLOB     0x0cu
#define TEXTURE_REF      0x10u
#define TEXTURE_FORMAT   0x16u
#define TEXTURE_WIDTH    0x18u
#define TEXTURE_HEIGHT   0x1cu
#define TEXTURE_PLANE    0x34u
#define TEXTURE_ROTATION 0x36u

enum refuse mapping_texture_decode(const uint8_t *d, size_t bytes, struct mapping_texture *out)
{
    *out = (struct mapping_texture){.mapping = 0};
    if (bytes < MAPPING_TEXTURE_LEAST_BYTES)
        return REFUSE_DESCRIPTOR_SHORT;
    *out = (struct mapping_texture){.mapping = le32_get(d + TEXTURE_MAPPING),
                                    .opcode = le32_get(d + TEXTURE_OPCODE),
                                    .blob_bytes = le32_get(d + TEXTURE_BLOB),
                                    .ref = le32_get(d + TEXTURE_REF),
                                    .pixel_format = le16_get(d + TEXTURE_FORMAT),
                                    .width = le32_get(d + TEXTURE_WIDTH),
                                    .height = le32_get(d + TEXTURE_HEIGHT),
                                    .has_plane = bytes == MAPPING_TEXTURE_PLANE_BYTES};
    if (out->has_plane) {
        out->plane = le16_get(d + TEXTURE_PLANE);
        out->rotation = le16_get(d + TEXTURE_ROTATION);
    }
    if (!out->mapping)
        return REFUSE_IOSFC_ID;
    return out->width && out->height ? REFUSE_NONE : REFUSE_SURFACE_EDGE;
}

static bool may_hold(const struct iosfc_plane *p, const struct mapping_texture *t, uint32_t texel_bytes)
{
    return t->width <= p->width_px && t->height <= p->height_px && p->bytes_per_element == texel_bytes;
}

static bool matches(const struct iosfc_plane *p, const struct mapping_texture *t, uint32_t texel_bytes)
{
    return t->width == p->width_px && t->height == p->height_px && p->bytes_per_element == texel_bytes;
}

/* Index of the plane, or plane_count: none that is beyond doubt. */
static uint32_t choose(const struct mapping_texture *t, const struct iosfc_surface *s, uint32_t texel_bytes)
{
    uint32_t chosen = s->plane_count;

    if (t->has_plane && t->plane < s->plane_count && may_hold(&s->plane[t->plane], t, texel_bytes))
        return t->plane;
    if (s->plane_count == 1)
        return 0;
    for (uint32_t i = 0; i < s->plane_count; i++) {
        if (!matches(&s->plane[i], t, texel_bytes))
            continue;
        if (chosen != s->plane_count)
            return s->plane_count; /* the second one */
        chosen = i;
    }
    return chosen;
}

enum refuse mapping_texture_window(const struct mapping_texture *t, const struct iosfc_surface *s, uint32_t texel_bytes,
                                   struct mapping_window *out)
{
    uint32_t plane = choose(t, s, texel_bytes);
    const struct iosfc_plane *p;
    uint64_t row, end;

    *out = (struct mapping_window){.plane = 0};
    if (plane == s->plane_count)
        return REFUSE_SURFACE_PLANES;
    p = &s->plane[plane];
    if (t->width > p->width_px || t->height > p->height_px)
        return REFUSE_SURFACE_EDGE;
    row = (uint64_t)t->width * texel_bytes;
    if (p->stride_bytes < row)
        return REFUSE_SURFACE_STRIDE;
    end = p->offset_bytes + (t->height - 1ull) * p->stride_bytes; /* 32 + 24 bits by 32: does not overflow */
    if (end > s->size_bytes || row > s->size_bytes - end)
        return REFUSE_SURFACE_BOUNDS;
    *out = (struct mapping_window){.plane = plane, .offset_bytes = p->offset_bytes, .stride_bytes = p->stride_bytes};
    return REFUSE_NONE;
}
