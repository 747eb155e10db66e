/* SPDX-License-Identifier: MIT */
/*
 * Who holds a surface's pixels: display asks through this interface for "the picture of surface S as of now, after all work
 * submitted before" (decision 13). Guest memory is the default provider (src/object); a renderer becomes another.
 */
#ifndef PVG_DISPLAY_PROVIDER_H
#define PVG_DISPLAY_PROVIDER_H

#include "gmem/gmem.h"

/* Where a picture is. Plain data, private copies of everything: survives the command that named it. */
struct picture {
    uint32_t width_px, height_px; /* 1..LIMIT_EDGE_PX */
    uint32_t format;              /* as on the wire: FourCC, or a Metal format number up to 0xffff (display 7.7) */
    uint32_t bytes_per_pixel;     /* of that format: 4 or 8 */
    uint64_t stride_bytes;        /* of a row in the backing */
    uint64_t offset_bytes;        /* of the first pixel in the backing */
    struct gmem_space space;      /* address space of the backing */
    gva_t backing;                /* its first byte */
    uint64_t backing_bytes;
    uint32_t mapping;             /* id of the surface mapper's mapping that this shows; 0: a task's surface */
};

struct picture_provider {
    void *ctx;
    /*
     * Worker: find surface @surface of task @task and check that all its pages are there. Returns REFUSE_NONE and fills
     * @out, or the reason with @fault filled where it is a failed walk.
     */
    enum refuse (*find)(void *ctx, struct gmem_pin *pin, uint32_t task, uint32_t surface, struct picture *out,
                        struct gmem_fault *fault);
    /*
     * Any library thread, under its own @pin: walk the pages again and copy height_px rows of width_px * bytes_per_pixel
     * bytes to @dst, @dst_stride apart, in the wire's format. @scratch: the caller's, kept between calls. 0,
     * PVG_ERR_REFUSED with @fault, PVG_ERR_STOPPED or PVG_ERR_NOMEM; @dst is undefined then.
     */
    int (*read)(void *ctx, struct gmem_pin *pin, const struct picture *picture, uint8_t *dst, size_t dst_stride,
                struct gmem_runs *scratch, struct gmem_fault *fault);
};

#endif
