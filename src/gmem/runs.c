/* SPDX-License-Identifier: MIT */
/*
 * Spans of a task as runs of host memory: resolved as a whole or not at all, neighbours merged, and copied from run by
 * run (docs/spec/memory.md 2.3, 2.4, 11.3). A run never crosses a RAM block. Any thread that holds a pin.
 */
#include "gmem/gmem_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES (1u << 20) /* copied at once: about 0.1 ms */

struct resolve {
    struct gmem_runs *runs;
    const struct ram_block *block; /* of the last run */
    bool write;
};

static int runs_push(struct gmem_runs *runs, const struct gmem_run *run)
{
    if (runs->count == runs->capacity) {
        size_t capacity = runs->capacity ? runs->capacity * 2 : 16;
        struct gmem_run *grown = realloc(runs->run, capacity * sizeof(*grown));

        if (!grown)
            return PVG_ERR_NOMEM;
        runs->run = grown;
        runs->capacity = capacity;
    }
    runs->run[runs->count++] = *run;
    return 0;
}

static inline int resolve_page(void *opaque, struct gmem_pin *pin, const struct walk_page *page,
                               struct gmem_fault *fault)
{
    struct resolve *r = opaque;
    uint64_t gpa = page->gpa, left = page->length_bytes;

    while (left) { /* once, unless a block ends inside the guest page */
        const struct ram_block *b = ram_block_at(pin, gpa);
        struct gmem_run *last = r->runs->count ? &r->runs->run[r->runs->count - 1] : NULL;
        uint64_t n;

        if (!b || (r->write && (b->flags & PVG_RAM_READONLY)))
            return gmem_fail(fault, REFUSE_PT_TARGET, page->gva, page->leaf_level, page->entry);
        n = b->length_bytes - (gpa - b->gpa);
        n = n < left ? n : left;
        if (last && r->block == b && last->gpa.v + last->length_bytes == gpa) {
            last->length_bytes += n;
        } else {
            struct gmem_run run = {.host = b->host + (gpa - b->gpa), .length_bytes = n, .gpa = {gpa}};
            int err = runs_push(r->runs, &run);

            if (err)
                return err;
            r->block = b;
        }
        gpa += n;
        left -= n;
    }
    return 0;
}

static int place_page(void *opaque, struct gmem_pin *pin, const struct walk_page *page, struct gmem_fault *fault)
{
    const struct gmem_run run = {.length_bytes = page->length_bytes, .gpa = {page->gpa}};

    (void)pin;
    (void)fault;
    return runs_push(opaque, &run);
}

int gmem_resolve(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, uint64_t length, bool write,
                 struct gmem_runs *out, struct gmem_fault *fault)
{
    struct resolve r = {.runs = out, .write = write};
    int err;

    out->count = 0;
    out->length_bytes = 0;
    err = span_check(pin, space, gva, length, fault);
    if (err)
        return err;
    if (gmem_callbacks(pin->g)) {
        struct gmem_run run = {.host = space->base + gva.v, .length_bytes = length, .gpa = {UINT64_MAX}};

        err = space_mapped(space, gva.v, length) ? runs_push(out, &run) : gmem_fail(fault, REFUSE_PT_HOLE, gva.v, 0, 0);
    } else {
        err = walk_span(pin, space, gva, length, resolve_page, &r, fault);
    }
    if (err)
        out->count = 0;
    else
        out->length_bytes = length;
    return err;
}

int gmem_runs_push(struct gmem_runs *runs, void *host, uint64_t length)
{
    struct gmem_run run = {.host = host, .length_bytes = length, .gpa = {UINT64_MAX}};
    int err = runs_push(runs, &run);

    if (!err)
        runs->length_bytes += length;
    return err;
}

int gmem_runs_add(struct gmem_pin *pin, gpa_t gpa, uint64_t length, bool write, struct gmem_runs *runs)
{
    size_t count = runs->count;
    uint64_t at = gpa.v, left = length;

    if (pin->cut)
        return PVG_ERR_STOPPED;
    while (left) {
        const struct ram_block *b = ram_block_at(pin, at);
        struct gmem_run run;

        if (!b || (write && (b->flags & PVG_RAM_READONLY)))
            goto not_ram;
        run = (struct gmem_run){
            .host = b->host + (at - b->gpa), .length_bytes = b->length_bytes - (at - b->gpa), .gpa = {at}};
        if (run.length_bytes > left)
            run.length_bytes = left;
        if (runs_push(runs, &run)) {
            runs->count = count;
            return PVG_ERR_NOMEM;
        }
        at += run.length_bytes;
        left -= run.length_bytes;
    }
    runs->length_bytes += length;
    return 0;

not_ram:
    runs->count = count;
    return PVG_ERR_NOT_RAM;
}

void gmem_runs_record(struct gmem *g, const struct gmem_space *space, gva_t gva, const struct gmem_runs *runs)
{
    struct recorder *rec = g->config.recorder;

    for (size_t i = 0; rec && recorder_on(rec) && i < runs->count; i++) {
        const struct gmem_run *run = &runs->run[i];
        const uint32_t place[3] = {space->task, (uint32_t)gva.v, (uint32_t)(gva.v >> 32)};

        if (run->gpa.v != UINT64_MAX)
            recorder_add(rec, RECORD_PHYSICAL, &run->gpa.v, sizeof(run->gpa.v), run->host, run->length_bytes);
        else
            recorder_add(rec, RECORD_VIRTUAL, place, sizeof(place), run->host, run->length_bytes);
        gva.v += run->length_bytes;
    }
}

int gmem_space_places(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, uint64_t length,
                      struct gmem_runs *out, struct gmem_fault *fault)
{
    int err;

    gmem_runs_clear(out);
    err = span_check(pin, space, gva, length, fault);
    if (!err)
        err = walk_span(pin, space, gva, length, place_page, out, fault);
    if (err)
        gmem_runs_clear(out);
    else
        out->length_bytes = length;
    return err;
}

void gmem_runs_fini(struct gmem_runs *runs)
{
    free(runs->run);
    *runs = (struct gmem_runs){0};
}

/* A place in the runs. */
struct cursor {
    const struct gmem_run *run;
    uint64_t offset; /* in the run */
};

/* Skip @n bytes; ends in the run that holds the next byte, or at the end of the last one. */
static void cursor_skip(struct cursor *c, uint64_t n, const struct gmem_run *end)
{
    c->offset += n;
    while (c->run != end && c->offset >= c->run->length_bytes)
        c->offset -= c->run++->length_bytes;
}

static void cursor_copy(struct cursor c, uint8_t *dst, uint64_t length)
{
    while (length) {
        uint64_t n = c.run->length_bytes - c.offset;

        n = n < length ? n : length;
        memcpy(dst, c.run->host + c.offset, n);
        dst += n;
        length -= n;
        c.run++;
        c.offset = 0;
    }
}

void gmem_runs_read(const struct gmem_runs *runs, uint64_t offset, void *dst, size_t length)
{
    struct cursor c = {.run = runs->run};

    assert(offset <= runs->length_bytes && length <= runs->length_bytes - offset);
    cursor_skip(&c, offset, runs->run + runs->count);
    cursor_copy(c, dst, length);
}

int gmem_runs_read_rows(struct gmem_pin *pin, const struct gmem_runs *runs, uint64_t offset, uint64_t stride, uint8_t *dst,
                        size_t dst_stride, size_t row_bytes, size_t rows)
{
    const struct gmem_run *end = runs->run + runs->count;
    uint64_t left = (uint64_t)row_bytes * rows;
    struct cursor c = {.run = runs->run};

    if (!left)
        return 0;
    assert(offset <= runs->length_bytes && row_bytes <= runs->length_bytes - offset &&
           (rows == 1 || stride <= (runs->length_bytes - offset - row_bytes) / (rows - 1)));
    if (stride == row_bytes && dst_stride == row_bytes) { /* rows without gaps are as good as longer ones */
        stride = dst_stride = PIECE_BYTES;
        row_bytes = PIECE_BYTES;
    }
    cursor_skip(&c, offset, end);
    while (left) {
        uint64_t n = row_bytes < left ? row_bytes : left;

        if (gmem_go_on(pin))
            return PVG_ERR_STOPPED;
        cursor_copy(c, dst, n);
        dst += dst_stride;
        cursor_skip(&c, stride, end);
        left -= n;
    }
    return 0;
}
