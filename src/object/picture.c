/* SPDX-License-Identifier: MIT */
/*
 * The default provider of pictures: a type-4 surface in guest memory (docs/spec/display.md 7.2, 7.4;
 * memory.md 5.3, 7.5, 8).
 *
 * find() runs on the worker and proves that all pages are there; read() runs on any thread, walks them again and
 * copies. Nothing is ever written to a surface, and no page list is kept between the two.
 */
#include "object/object_priv.h"

#include <string.h>

#include "wire/display.h"
#include "wire/surface.h"

/* The surface object, in the task that a present names or, failing that, in the kernel task (display 7.2(1)). */
static enum refuse find_surface(struct object_set *set, struct gmem_pin *pin, uint32_t task, uint32_t surface,
                                struct object **out, struct gmem_fault *fault)
{
    const struct object *found;
    struct gmem_fault other;
    enum refuse reason = object_resolve(set, pin, task, OBJECT_CLASS_RESOURCE, surface, &found, fault);

    if (!reason && found->type != OBJECT_SURFACE)
        reason = REFUSE_OBJECT_TYPE;
    if (reason && task && !pin->cut) {
        if (object_resolve(set, pin, 0, OBJECT_CLASS_RESOURCE, surface, &found, &other) ||
            found->type != OBJECT_SURFACE)
            return reason;
        if (!set->said_other_task)
            log_msg(core_log(set->core), PVG_LOG_INFO, "surface %u: named in task %u, found in the kernel task",
                    surface, task);
        set->said_other_task = true;
        task = 0;
        reason = REFUSE_NONE;
    }
    *out = reason ? NULL : object_find(set, task, OBJECT_CLASS_RESOURCE, surface);
    return reason;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    return (h ^ v) * 0x100000001b3ull ^ v >> 32;
}

/* Of a page list; where addresses are not known (callback mode), of where the VMM shows it. */
static uint64_t fingerprint(const struct gmem_runs *runs)
{
    uint64_t h = 0xcbf29ce484222325ull;

    for (size_t i = 0; i < runs->count; i++) {
        const struct gmem_run *r = &runs->run[i];

        h = mix(h, r->gpa.v != UINT64_MAX ? r->gpa.v : (uintptr_t)r->host);
        h = mix(h, r->length_bytes);
    }
    return h;
}

/* All pages of @o: there, RAM, and none of the device's own. Decides what a delete meant (memory 7.3). */
static enum refuse resolve_pages(struct object_set *set, struct gmem_pin *pin, struct object *o,
                                 const struct gmem_space *space, struct gmem_fault *fault)
{
    struct gmem_runs *runs = &set->scratch;
    uint64_t length, print;
    uint32_t task;
    gva_t gva;
    int err;

    if (!object_backing(set, o, &task, &gva, &length))
        return REFUSE_SURFACE_EMPTY;
    err = gmem_resolve(pin, space, gva, length, false, runs, fault);
    if (err)
        return err == PVG_ERR_REFUSED ? fault->reason : REFUSE_SLOT_UNREADABLE;
    print = fingerprint(runs);
    if (o->resolved && print == o->fingerprint)
        return REFUSE_NONE;
    /* Once per page list: nothing is written there, so later control pages need no second look (memory 7.5). */
    if (core_any_control(set->core, runs))
        return REFUSE_SURFACE_COLLISION;
    if ((o->resolved || o->condemned) && print != o->fingerprint) { /* a new surface under an old id */
        o->host_valid = false;
        o->guest_valid = true;
    }
    o->condemned = false;
    o->resolved = true;
    o->fingerprint = print;
    o->generation = ++set->generation;
    return REFUSE_NONE;
}

static enum refuse find(void *ctx, struct gmem_pin *pin, uint32_t task, uint32_t surface, struct picture *out,
                        struct gmem_fault *fault)
{
    struct object_set *set = ctx;
    const struct gmem_space *space;
    const struct surface_plane *p;
    uint32_t bytes_per_pixel;
    enum refuse reason;
    struct surface s;
    struct object *o;

    reason = find_surface(set, pin, task, surface, &o, fault);
    if (reason)
        return reason;
    reason = surface_decode(o->descriptor, o->length_bytes, &s);
    if (reason)
        return reason;
    bytes_per_pixel = wire_format_bytes(s.format);
    if (!bytes_per_pixel)
        return REFUSE_SURFACE_FORMAT;
    reason = surface_plane_check(&s, 0, bytes_per_pixel, LIMIT_EDGE_PX); /* presents use plane 0 */
    if (reason)
        return reason;
    if (s.length_bytes > LIMIT_SURFACE_BYTES) /* its pages are walked at each present */
        return REFUSE_SURFACE_LARGE;
    space = core_task(set->core, o->task);
    reason = resolve_pages(set, pin, o, space, fault);
    if (reason)
        return reason;
    p = &s.plane[0];
    *out = (struct picture){
        .width_px = p->width_px,
        .height_px = p->height_px,
        .format = s.format,
        .bytes_per_pixel = bytes_per_pixel,
        .stride_bytes = p->stride_bytes,
        .offset_bytes = p->offset_bytes,
        .space = gmem_space_detached(space),
        .backing = {(uint64_t)s.first_page << gmem_page_shift(pin->g)},
        .backing_bytes = s.length_bytes,
    };
    return REFUSE_NONE;
}

/* Callback mode: the VMM's mappings belong to the worker, so each row is read through the table and read_memory. */
static int read_by_rows(struct gmem_pin *pin, const struct picture *pic, uint8_t *dst, size_t dst_stride,
                        size_t row_bytes, struct gmem_fault *fault)
{
    uint64_t at = pic->backing.v + pic->offset_bytes;
    int err = 0;

    for (uint32_t y = 0; y < pic->height_px && !err; y++) {
        err = gmem_space_read_pixels(pin, &pic->space, (gva_t){at}, dst, row_bytes, fault);
        at += pic->stride_bytes;
        dst += dst_stride;
    }
    return err;
}

static int read_picture(void *ctx, struct gmem_pin *pin, const struct picture *pic, uint8_t *dst, size_t dst_stride,
                        struct gmem_runs *scratch, struct gmem_fault *fault)
{
    size_t row_bytes = (size_t)pic->width_px * pic->bytes_per_pixel;
    uint64_t span = (pic->height_px - 1) * pic->stride_bytes + row_bytes; /* checked by find() */
    int err;

    if (!gmem_has_table(pin->g)) {
        struct recorder *rec = core_recorder(((struct object_set *)ctx)->core);
        struct gmem_fault none;

        err = read_by_rows(pin, pic, dst, dst_stride, row_bytes, fault);
        gmem_runs_clear(scratch);
        /* For the recording alone: where it fails, there is no source in it. */
        if (!err && rec && recorder_on(rec))
            (void)gmem_space_places(pin, &pic->space, (gva_t){pic->backing.v + pic->offset_bytes}, span, scratch,
                                    &none);
        return err;
    }
    err = gmem_resolve(pin, &pic->space, (gva_t){pic->backing.v + pic->offset_bytes}, span, false, scratch, fault);
    if (err)
        return err;
    return gmem_runs_read_rows(pin, scratch, 0, pic->stride_bytes, dst, dst_stride, row_bytes, pic->height_px);
}

struct picture_provider object_picture_provider(struct object_set *set)
{
    return (struct picture_provider){.ctx = set, .find = find, .read = read_picture};
}
