/* SPDX-License-Identifier: MIT */
/*
 * The picture that firmware draws into guest memory before any driver runs (display 10.2, 11.2; checks H15, H16). It is
 * looked at some 30 times a second until the guest's driver presents for the first time: then its memory is the guest's
 * again, and is not read any more before a reset. Runs on the monitor's clock.
 */
#include "display/display_priv.h"

#include <string.h>

#define SCAN_NS (NS_PER_S / 30) /* firmware has no command that says that it drew */

/* What the registers say, read once. */
struct scan {
    uint64_t address, stride_bytes, row_bytes;
    uint32_t width_px, height_px;
};

/* False: firmware shows nothing. */
static bool scan_read(struct pipe *pipe, struct scan *s)
{
    uint32_t extent = efi_extent(pipe);

    s->address = atomic_load(&pipe->efi.address);
    s->width_px = extent >> 16;
    s->height_px = extent & 0xffff;
    s->row_bytes = 4ull * s->width_px;
    s->stride_bytes = atomic_load(&pipe->efi.pitch);
    if (!s->stride_bytes)
        s->stride_bytes = s->row_bytes;
    return s->address && extent;
}

/* Once for each change of the registers: the picture is looked at again and again. */
static void refuse(struct pipe *pipe, const struct scan *s, const char *why)
{
    if (!pipe->scan_refused)
        log_refuse(core_log(pipe->set->cfg.core), REFUSE_FIRMWARE_PICTURE,
                   "port %u: %ux%u at 0x%llx, rows 0x%llx bytes apart: %s", pipe->port, s->width_px, s->height_px,
                   (unsigned long long)s->address, (unsigned long long)s->stride_bytes, why);
    pipe->scan_refused = true;
}

/* Copy all rows, or nothing. 0, PVG_ERR_NOT_RAM or PVG_ERR_STOPPED. */
static int scan_copy(struct gmem_pin *pin, const struct scan *s, uint8_t *dst)
{
    int err = 0;

    for (uint32_t y = 0; y < s->height_px && !err; y++) {
        err = gmem_go_on(pin);
        if (!err)
            err = gmem_read_pixels(pin, (gpa_t){s->address + y * s->stride_bytes}, dst + y * s->row_bytes, s->row_bytes);
    }
    return err;
}

/* The picture as it is now. Section open, lock not held. NULL: there is none. */
static struct pvg_frame *scan_picture(struct pipe *pipe, struct gmem_pin *pin, const struct scan *s)
{
    struct pvg_frame *frame;
    uint64_t end;
    int err;

    if (s->stride_bytes < s->row_bytes || __builtin_add_overflow(s->address, s->stride_bytes * s->height_px, &end)) {
        refuse(pipe, s, "no such rows");
        return NULL;
    }
    frame = frame_new(pipe->pool, s->width_px, s->height_px);
    if (!frame)
        return NULL;
    err = scan_copy(pin, s, frame->pixels);
    if (!err)
        return frame;
    if (err == PVG_ERR_NOT_RAM)
        refuse(pipe, s, "not all of it is guest RAM");
    frame_unref(frame);
    return NULL;
}

static bool same_picture(const struct pvg_frame *a, const struct pvg_frame *b)
{
    return a->width_px == b->width_px && a->height_px == b->height_px &&
           !memcmp(a->pixels, b->pixels, (size_t)a->stride_bytes * a->height_px);
}

uint64_t firmware_step(struct pipe *pipe, struct gmem_pin *pin, uint64_t now)
{
    uint32_t writes = atomic_load(&pipe->efi.writes);
    struct pvg_frame *frame, *shown;
    struct scan s;
    bool same;

    if (pipe->guest_presented || !scan_read(pipe, &s))
        return UINT64_MAX;
    if (writes != pipe->scan_writes) { /* address and pitch are two registers: until they have settled */
        pipe->scan_writes = writes;
        pipe->scan_ns = now;
        pipe->scan_refused = false;
    }
    if (now < pipe->scan_ns + SCAN_NS)
        return pipe->scan_ns + SCAN_NS;
    pipe->scan_ns = now;
    pipe->pool_used = true;
    shown = pipe->base ? frame_ref(pipe->base) : NULL;
    pthread_mutex_unlock(&pipe->lock);
    frame = scan_picture(pipe, pin, &s);
    gmem_callback_begin(pin); /* guest memory is not touched any more: nobody need wait for the rest */
    same = frame && shown && same_picture(frame, shown);
    (void)gmem_callback_end(pin); /* cut off: as detached */
    pthread_mutex_lock(&pipe->lock);
    if (frame && !same && !pipe->guest_presented && !pipe->detached)
        present_show(pipe, frame);
    else
        frame_unref(frame);
    frame_unref(shown);
    return now + SCAN_NS;
}
