/* SPDX-License-Identifier: MIT */
/*
 * Descriptor of a texture on a mapping of the surface mapper, object type 11 (memory 5.5), and the choice of its window
 * in the surface. Decodes a private copy of the bytes; no state. What a texel's size is, the caller knows (pixel
 * formats are the renderer's business).
 */
#ifndef PVG_WIRE_MAPPING_TEXTURE_H
#define PVG_WIRE_MAPPING_TEXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/refuse.h"
#include "wire/iosfc.h"

#define MAPPING_TEXTURE_LEAST_BYTES 0x20u
#define MAPPING_TEXTURE_PLANE_BYTES                                                                                    \
    0x38u /* the form whose last word is plane and rotation; other tails are not known */

struct mapping_texture {
    uint32_t mapping;       /* id, not 0 */
    uint32_t opcode;        /* creation opcode, raw: 0x2f seen */
    uint32_t blob_bytes;    /* as stated, unchecked */
    uint32_t ref;           /* the object's own reference, as stated */
    uint16_t pixel_format;  /* Metal's number, raw */
    uint32_t width, height; /* in texels, not 0 */
    bool has_plane;         /* the two below are stated */
    uint16_t plane, rotation;
};

/* DESCRIPTOR_SHORT; IOSFC_ID for mapping 0; SURFACE_EDGE for an empty texture. */
enum refuse mapping_texture_decode(const uint8_t *descriptor, size_t bytes, struct mapping_texture *out);

/* Where the texture's rows lie in the allocation of its mapping. */
struct mapping_window {
    uint32_t plane;
    uint64_t offset_bytes;
    uint32_t stride_bytes;
};

/*
 * The window of @texture, whose texels have @texel_bytes (> 0), in @surface. The plane stated, when it exists and can
 * hold the texture; else the only plane there is, or the only one of exactly this geometry; never a guess.
 * SURFACE_PLANES: no plane, or several; SURFACE_EDGE, SURFACE_STRIDE, SURFACE_BOUNDS: the plane does not hold it.
 */
enum refuse mapping_texture_window(const struct mapping_texture *texture, const struct iosfc_surface *surface,
                                   uint32_t texel_bytes, struct mapping_window *out);

#endif
