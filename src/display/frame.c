/* SPDX-License-Identifier: MIT */
/* Reference-counted pictures: see frame.h. */
#include "display/frame.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

struct frame {
    struct pvg_frame pub;
    _Atomic uint32_t refs;
    size_t mapped_bytes;
};

/* Pixels come straight from the kernel: zeroed, page-aligned, and given back when freed. */
struct pvg_frame *frame_new(uint32_t width_px, uint32_t height_px)
{
    struct frame *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->pub.width_px = width_px;
    f->pub.height_px = height_px;
    f->pub.stride_bytes = width_px * 4;
    f->pub.fourcc = PVG_FOURCC_BGRA;
    f->mapped_bytes = (size_t)f->pub.stride_bytes * height_px;
    f->pub.pixels = mmap(NULL, f->mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f->pub.pixels == MAP_FAILED) {
        free(f);
        return NULL;
    }
    atomic_init(&f->refs, 1);
    return &f->pub;
}

struct pvg_frame *frame_ref(struct pvg_frame *frame)
{
    atomic_fetch_add_explicit(&((struct frame *)frame)->refs, 1, memory_order_relaxed);
    return frame;
}

void frame_unref(struct pvg_frame *frame)
{
    struct frame *f = (struct frame *)frame;

    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    munmap(f->pub.pixels, f->mapped_bytes);
    free(f);
}

bool frame_is_ours(const struct pvg_frame *frame)
{
    return atomic_load_explicit(&((const struct frame *)frame)->refs, memory_order_acquire) == 1;
}

PVG_API void pvg_frame_put(const struct pvg_frame *frame)
{
    frame_unref((struct pvg_frame *)frame);
}
