/* SPDX-License-Identifier: MIT */
/*
 * Small reads and writes of a task's memory, and callback mode's bookkeeping: which parts of a task the VMM has mapped
 * (docs/spec/memory.md 2.3, 3.1, 10.1).
 *
 * In callback mode only mapped parts may be touched through the task's base; small reads elsewhere walk the page table
 * and go through read_memory. Runs on the thread that handles the commands of the task.
 */
#include "gmem/gmem_impl.h"

#include <stdlib.h>
#include <string.h>

/* Index of the first interval that ends above @gva. */
static size_t interval_at(const struct gmem_space *space, uint64_t gva)
{
    size_t lo = 0, hi = space->mapped_count;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (space->mapped[mid].end <= gva)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool space_mapped(const struct gmem_space *space, uint64_t gva, uint64_t length)
{
    size_t i = interval_at(space, gva);

    /* Neighbours are merged when they are added, so a mapped span lies in one interval. */
    return i < space->mapped_count && space->mapped[i].start <= gva && length <= space->mapped[i].end - gva;
}

/* Replace @count intervals from @at on by the @n of @with. */
static int interval_splice(struct gmem_space *space, size_t at, size_t count, const struct gmem_interval *with,
                           size_t n)
{
    size_t total = space->mapped_count - count + n, tail = space->mapped_count - at - count;

    if (total > space->mapped_capacity) {
        size_t capacity = total > 8 ? total * 2 : 16;
        struct gmem_interval *grown = realloc(space->mapped, capacity * sizeof(*grown));

        if (!grown)
            return PVG_ERR_NOMEM;
        space->mapped = grown;
        space->mapped_capacity = capacity;
    }
    if (tail)
        memmove(space->mapped + at + n, space->mapped + at + count, tail * sizeof(*space->mapped));
    for (size_t i = 0; i < n; i++)
        space->mapped[at + i] = with[i];
    space->mapped_count = total;
    return 0;
}

/* Add [start, end), merged with what it touches. */
static int interval_add(struct gmem_space *space, uint64_t start, uint64_t end)
{
    struct gmem_interval all = {start, end};
    size_t at, last;

    for (at = interval_at(space, start); at > 0 && space->mapped[at - 1].end >= start; at--)
        ;
    for (last = at; last < space->mapped_count && space->mapped[last].start <= end; last++) {
        all.start = space->mapped[last].start < all.start ? space->mapped[last].start : all.start;
        all.end = space->mapped[last].end > all.end ? space->mapped[last].end : all.end;
    }
    return interval_splice(space, at, last - at, &all, 1);
}

/*
 * Forget [start, end). When there is no memory to remember both sides of a hole, the upper side is forgotten too: it
 * counts as unmapped then, which costs a failed resolve and never a stray access. Returns whether anything was there.
 */
static bool interval_remove(struct gmem_space *space, uint64_t start, uint64_t end)
{
    size_t at = interval_at(space, start), last, n = 0;
    struct gmem_interval rest[2];

    for (last = at; last < space->mapped_count && space->mapped[last].start < end; last++)
        ;
    if (last == at)
        return false;
    if (space->mapped[at].start < start)
        rest[n++] = (struct gmem_interval){space->mapped[at].start, start};
    if (space->mapped[last - 1].end > end)
        rest[n++] = (struct gmem_interval){end, space->mapped[last - 1].end};
    if (interval_splice(space, at, last - at, rest, n))
        (void)interval_splice(space, at, last - at, rest, 1); /* does not grow */
    return true;
}

struct gmem_space gmem_space_detached(const struct gmem_space *space)
{
    return (struct gmem_space){
        .task = space->task, .directory_pfn = space->directory_pfn, .length_bytes = space->length_bytes};
}

int gmem_space_create(struct gmem_pin *pin, struct gmem_space *space)
{
    const struct gmem_config *c = &pin->g->config;
    void *base = NULL;
    int err;

    if (!gmem_callbacks(pin->g))
        return 0;
    if (pin->cut)
        return PVG_ERR_STOPPED;
    gmem_callback_begin(pin);
    space->handle = c->ops->create_task(c->opaque, space->length_bytes, &base);
    err = gmem_callback_end(pin);
    space->base = space->handle ? base : NULL;
    if (err)
        return err;
    return space->handle ? 0 : PVG_ERR_SYSTEM;
}

void gmem_space_destroy(struct gmem_pin *pin, struct gmem_space *space)
{
    const struct gmem_config *c = &pin->g->config;
    pvg_task *task = space->handle;

    pin->g->intervals -= space->mapped_count;
    free(space->mapped);
    space->mapped = NULL;
    space->mapped_count = space->mapped_capacity = 0;
    space->handle = NULL;
    space->base = NULL;
    if (task) {
        gmem_callback_begin(pin);
        c->ops->destroy_task(c->opaque, task);
        (void)gmem_callback_end(pin); /* the task is gone either way; the pin remembers that it was cut */
    }
}

struct ranges {
    struct pvg_range *range;
    uint32_t count, capacity;
};

static int ranges_page(void *opaque, struct gmem_pin *pin, const struct walk_page *page, struct gmem_fault *fault)
{
    struct ranges *r = opaque;
    struct pvg_range *last = r->count ? &r->range[r->count - 1] : NULL;

    if (last && last->gpa + last->length_bytes == page->gpa) {
        last->length_bytes += page->length_bytes;
        return 0;
    }
    if (r->count == r->capacity) {
        uint32_t capacity = r->capacity ? r->capacity * 2 : 64;
        struct pvg_range *grown = realloc(r->range, capacity * sizeof(*grown));

        if (!grown)
            return PVG_ERR_NOMEM;
        r->range = grown;
        r->capacity = capacity;
    }
    r->range[r->count++] = (struct pvg_range){.gpa = page->gpa, .length_bytes = page->length_bytes};
    return 0;
}

/* What the VMM has mapped, so that a replay knows where the task's memory is. */
static void record_map(struct gmem *g, uint32_t task, gva_t gva, const struct ranges *r)
{
    struct recorder *rec = g->config.recorder;
    const uint32_t head[3] = {task, (uint32_t)gva.v, (uint32_t)(gva.v >> 32)};

    if (rec && recorder_on(rec))
        recorder_add(rec, RECORD_MAP, head, sizeof(head), r->range, r->count * sizeof(*r->range));
}

int gmem_space_map(struct gmem_pin *pin, struct gmem_space *space, gva_t gva, uint64_t length, struct gmem_fault *fault)
{
    const struct gmem_config *c = &pin->g->config;
    uint64_t mask = gmem_page_bytes(pin->g) - 1;
    struct ranges r = {0};
    size_t before = space->mapped_count;
    bool ok;
    int err;

    if (!gmem_callbacks(pin->g))
        return 0;
    err = span_check(pin, space, gva, length, fault);
    if (err)
        return err;
    if ((gva.v | length) & mask)
        return gmem_fail(fault, REFUSE_VA_RANGE, gva.v, 0, 0);
    if (!space->handle || pin->g->intervals >= LIMIT_TASK_INTERVALS)
        return gmem_fail(fault, REFUSE_TASK_MAP, gva.v, 0, 0);
    err = walk_span(pin, space, gva, length, ranges_page, &r, fault);
    if (err)
        goto out;
    gmem_callback_begin(pin);
    ok = c->ops->map_memory(c->opaque, space->handle, r.count, gva.v, false, r.range);
    err = gmem_callback_end(pin);
    if (err)
        goto out;
    if (!ok) {
        err = gmem_fail(fault, REFUSE_TASK_MAP, gva.v, 0, 0);
    } else {
        record_map(pin->g, space->task, gva, &r);
        err = interval_add(space, gva.v, gva.v + length);
        pin->g->intervals += space->mapped_count - before;
    }
out:
    free(r.range);
    return err;
}

/*
 * A hole in an interval makes two of it, here and in the VMM's process. When there are too many already, what is above
 * the hole goes too. Returns the end of what goes.
 */
static uint64_t hole_end(struct gmem *g, const struct gmem_space *space, uint64_t start, uint64_t end)
{
    size_t at = interval_at(space, start);

    if (g->intervals < LIMIT_TASK_INTERVALS || at == space->mapped_count || space->mapped[at].start >= start ||
        space->mapped[at].end <= end)
        return end;
    log_refuse(g->config.log, REFUSE_TASK_MAP, "task %u: %u separate mappings; all from 0x%llx to 0x%llx goes", space->task,
               LIMIT_TASK_INTERVALS, (unsigned long long)start, (unsigned long long)space->mapped[at].end);
    return space->mapped[at].end;
}

void gmem_space_unmap(struct gmem_pin *pin, struct gmem_space *space, gva_t gva, uint64_t length)
{
    const struct gmem_config *c = &pin->g->config;
    uint64_t mask = gmem_page_bytes(pin->g) - 1, start = gva.v & ~mask, end;
    size_t before = space->mapped_count;
    bool ok;

    if (!gmem_callbacks(pin->g) || !space->handle || !length || gva.v >= space->length_bytes)
        return;
    /* To a page's end, but not beyond the last whole page: the VMM's reservation ends where the task does. */
    if (__builtin_add_overflow(gva.v, length, &end) || __builtin_add_overflow(end, mask, &end) ||
        end > space->length_bytes)
        end = space->length_bytes;
    end &= ~mask;
    end = hole_end(pin->g, space, start, end);
    if (!interval_remove(space, start, end))
        return;
    pin->g->intervals += space->mapped_count - before;
    gmem_callback_begin(pin);
    ok = c->ops->unmap_memory(c->opaque, space->handle, start, end - start);
    (void)gmem_callback_end(pin); /* nothing is touched below; the pin remembers that it was cut */
    if (!ok)
        log_msg(c->log, PVG_LOG_WARN, "task %u: the VMM could not unmap %#llx bytes at %#llx", space->task,
                (unsigned long long)(end - start), (unsigned long long)start);
}

/* A read where the VMM has no mapping: page by page through the table. */
struct callback_read_state {
    uint8_t *dst;
    bool record;
};

static int read_page(void *opaque, struct gmem_pin *pin, const struct walk_page *page, struct gmem_fault *fault)
{
    struct callback_read_state *s = opaque;
    int err = callback_read(pin, page->gpa, s->dst, page->length_bytes);

    if (!err && s->record)
        gmem_record(pin, page->gpa, s->dst, page->length_bytes);
    s->dst += page->length_bytes;
    if (err == PVG_ERR_NOT_RAM)
        return gmem_fail(fault, REFUSE_PT_TARGET, page->gva, page->leaf_level, page->entry);
    return err;
}

/* @record: what is physical goes to the recording. */
static int virtual_read(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, void *dst, size_t length,
                        bool record, struct gmem_fault *fault)
{
    struct gmem_runs runs = {0};
    int err;

    err = span_check(pin, space, gva, length, fault);
    if (err)
        return err;
    if (gmem_callbacks(pin->g) && !space_mapped(space, gva.v, length))
        return walk_span(pin, space, gva, length, read_page, &(struct callback_read_state){dst, record}, fault);
    err = gmem_resolve(pin, space, gva, length, false, &runs, fault);
    if (!err)
        gmem_runs_read(&runs, 0, dst, length);
    if (!err && record && !gmem_callbacks(pin->g))
        gmem_runs_record(pin->g, space, gva, &runs);
    gmem_runs_fini(&runs);
    return err;
}

int gmem_space_read(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, void *dst, size_t length,
                    struct gmem_fault *fault)
{
    struct recorder *rec = pin->g->config.recorder;
    int err = virtual_read(pin, space, gva, dst, length, true, fault);

    if (!err && rec && recorder_on(rec)) {
        const uint32_t head[3] = {space->task, (uint32_t)gva.v, (uint32_t)(gva.v >> 32)};

        recorder_add(rec, RECORD_VIRTUAL, head, sizeof(head), dst, length);
    }
    return err;
}

int gmem_space_read_pixels(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, void *dst, size_t length,
                           struct gmem_fault *fault)
{
    return virtual_read(pin, space, gva, dst, length, false, fault);
}

int gmem_space_write(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, const void *src, size_t length,
                     struct gmem_fault *fault)
{
    const uint8_t *from = src;
    struct gmem_runs runs = {0};
    int err;

    err = gmem_resolve(pin, space, gva, length, true, &runs, fault);
    for (size_t i = 0; !err && i < runs.count; i++) {
        memcpy(runs.run[i].host, from, runs.run[i].length_bytes);
        from += runs.run[i].length_bytes;
    }
    gmem_runs_fini(&runs);
    return err;
}
