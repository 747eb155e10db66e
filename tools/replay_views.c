/* SPDX-License-Identifier: MIT */
/*
 * Replaying a recording of tasks=callbacks: guest memory is what the recorded VMM answered to be RAM, in one file; the
 * five memory callbacks map it as examples/mini-vmm/views.c does. Where a task's memory lay is taken from the recording
 * too.
 */
#include "replay_priv.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/record.h"

struct pvg_task {
    uint8_t *base;
    uint64_t length_bytes;
};

/* ---- where RAM is ---- */

static bool grow(struct views *v)
{
    size_t capacity = v->capacity ? 2 * v->capacity : 256;
    struct piece *grown = realloc(v->piece, capacity * sizeof(*grown));

    if (!grown)
        return false;
    v->piece = grown;
    v->capacity = capacity;
    return true;
}

/* Whole guest pages: that is what a VMM has. */
static bool add(struct replay *r, uint64_t gpa, uint64_t length)
{
    uint64_t mask = (1ull << r->page_shift) - 1, end;
    struct views *v = &r->views;

    if (!length || __builtin_add_overflow(gpa, length, &end) || end > UINT64_MAX - mask)
        return true;
    gpa &= ~mask;
    end = (end + mask) & ~mask;
    if (v->count == v->capacity && !grow(v))
        return false;
    v->piece[v->count++] = (struct piece){.gpa = gpa, .length = end - gpa};
    return true;
}

static int by_address(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;

    return (x->gpa > y->gpa) - (x->gpa < y->gpa);
}

static bool collect(struct replay *r, const struct item *i)
{
    struct rd rd = rd_over(i->bytes, i->length);
    uint64_t gpa, length;
    bool good = true;

    switch (i->kind) {
    case RECORD_PHYSICAL:
    case RECORD_MAPPER_MEMORY:
        gpa = rd_u64(&rd);
        return rd.bad || add(r, gpa, rd_left(&rd));
    case RECORD_RAM:
        gpa = rd_u64(&rd);
        length = rd_u64(&rd);
        return rd.bad || add(r, gpa, length);
    case RECORD_MAP:
        (void)rd_bytes(&rd, 12);
        while (good && rd_left(&rd) >= 16) {
            gpa = rd_u64(&rd);
            length = rd_u64(&rd);
            good = add(r, gpa, length);
        }
        return good;
    case RECORD_SOURCE:
        (void)rd_bytes(&rd, sizeof(struct record_source) - 8);
        for (uint32_t n = rd_u32(&rd), unused = rd_u32(&rd); good && n-- && rd_left(&rd) >= 16; (void)unused) {
            gpa = rd_u64(&rd);
            length = rd_u64(&rd);
            good = add(r, gpa, length);
        }
        return good;
    }
    return true;
}

bool views_init(struct replay *r)
{
    struct views *v = &r->views;
    size_t n = 0;

    for (size_t i = 0; i < r->count; i++) {
        if (!collect(r, &r->item[i]))
            return false;
        v->maps += r->item[i].kind == RECORD_MAP;
        if (r->item[i].kind == RECORD_RAM)
            r->item[i].kind = 0; /* of the VMM's answers, not a change at that moment */
    }
    v->map = malloc((v->maps + 1) * sizeof(*v->map));
    if (!v->map)
        return false;
    v->maps = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->item[i].kind == RECORD_MAP)
            v->map[v->maps++] = i;
    if (!v->count)
        return true;
    qsort(v->piece, v->count, sizeof(*v->piece), by_address);
    for (size_t i = 1; i < v->count; i++) {
        struct piece *last = &v->piece[n];
        const struct piece *p = &v->piece[i];

        if (p->gpa > last->gpa + last->length)
            v->piece[++n] = *p;
        else if (p->gpa + p->length > last->gpa + last->length)
            last->length = p->gpa + p->length - last->gpa;
    }
    v->count = n + 1;
    for (size_t i = 0; i < v->count; i++) {
        v->piece[i].offset = v->bytes;
        if (v->piece[i].length > RAM_MAX - v->bytes)
            return false;
        v->bytes += v->piece[i].length;
    }
    v->fd = memfd_create("pvg-record", MFD_CLOEXEC);
    if (v->fd < 0 || ftruncate(v->fd, (off_t)v->bytes))
        return false;
    v->host = mmap(NULL, v->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, v->fd, 0);
    if (v->host == MAP_FAILED)
        v->host = NULL;
    return v->host != NULL;
}

void views_fini(struct replay *r)
{
    struct views *v = &r->views;

    if (v->host)
        munmap(v->host, v->bytes);
    if (v->fd >= 0)
        close(v->fd);
    free(v->piece);
    free(v->map);
}

static const struct piece *find(const struct views *v, uint64_t gpa, uint64_t length)
{
    size_t lo = 0, hi = v->host ? v->count : 0;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct piece *p = &v->piece[mid];

        if (gpa < p->gpa)
            hi = mid;
        else if (gpa - p->gpa >= p->length)
            lo = mid + 1;
        else
            return length <= p->length - (gpa - p->gpa) ? p : NULL;
    }
    return NULL;
}

uint8_t *views_at(struct replay *r, uint64_t gpa, uint64_t length)
{
    const struct piece *p = find(&r->views, gpa, length);

    return p ? r->views.host + p->offset + (gpa - p->gpa) : NULL;
}

/* ---- where a task's memory lay ---- */

/* Is the page at @gva of @task in the map record @i? Then its guest-physical address. */
static bool in_map(const struct item *i, uint32_t task, uint64_t gva, uint64_t *gpa)
{
    struct rd rd = rd_over(i->bytes, i->length);
    uint32_t its_task = rd_u32(&rd);
    uint64_t at = rd_u64(&rd);

    if (rd.bad || its_task != task || gva < at)
        return false;
    while (rd_left(&rd) >= 16) {
        uint64_t start = rd_u64(&rd), length = rd_u64(&rd);

        if (gva - at < length) {
            *gpa = start + (gva - at);
            return true;
        }
        at += length;
    }
    return false;
}

/* How many of the map records stand before record @item. */
static size_t maps_before(const struct views *v, size_t item)
{
    size_t lo = 0, hi = v->maps;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (v->map[mid] < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void views_put_virtual(struct replay *r, size_t item)
{
    struct rd rd = rd_over(r->item[item].bytes, r->item[item].length);
    uint32_t task = rd_u32(&rd);
    uint64_t gva = rd_u64(&rd), page = 1ull << r->page_shift;
    size_t before = maps_before(&r->views, item);

    while (!rd.bad && rd_left(&rd)) {
        uint64_t n = page - (gva & (page - 1)), gpa;
        size_t i = before;

        n = n < rd_left(&rd) ? n : rd_left(&rd);
        while (i > 0 && !in_map(&r->item[r->views.map[i - 1]], task, gva, &gpa))
            i--;
        if (i) /* else it was read through the table, page by page, and is there as physical memory */
            replay_put(r, gpa, rd.p, n);
        (void)rd_bytes(&rd, n);
        gva += n;
    }
}

/* ---- callbacks ---- */

static pvg_task *create_task(void *opaque, uint64_t length_bytes, void **base)
{
    pvg_task *task = malloc(sizeof(*task));

    (void)opaque;
    if (!task)
        return NULL;
    task->length_bytes = length_bytes;
    task->base = mmap(NULL, length_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (task->base == MAP_FAILED) {
        free(task);
        return NULL;
    }
    *base = task->base;
    return task;
}

static void destroy_task(void *opaque, pvg_task *task)
{
    (void)opaque;
    munmap(task->base, task->length_bytes);
    free(task);
}

static bool inside(const pvg_task *task, uint64_t offset, uint64_t length)
{
    return length && offset <= task->length_bytes && length <= task->length_bytes - offset;
}

static bool unmap_memory(void *opaque, pvg_task *task, uint64_t offset_bytes, uint64_t length_bytes)
{
    (void)opaque;
    return inside(task, offset_bytes, length_bytes) &&
           mmap(task->base + offset_bytes, length_bytes, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static bool map_memory(void *opaque, pvg_task *task, uint32_t n, uint64_t offset_bytes, bool readonly,
                       const struct pvg_range *ranges)
{
    struct replay *r = opaque;
    uint64_t at = offset_bytes;

    for (uint32_t i = 0; i < n; at += ranges[i++].length_bytes)
        if (!find(&r->views, ranges[i].gpa, ranges[i].length_bytes) || !inside(task, at, ranges[i].length_bytes))
            return false;
    at = offset_bytes;
    for (uint32_t i = 0; i < n; at += ranges[i++].length_bytes) {
        const struct piece *p = find(&r->views, ranges[i].gpa, ranges[i].length_bytes);

        if (mmap(task->base + at, ranges[i].length_bytes, PROT_READ | (readonly ? 0 : PROT_WRITE),
                 MAP_SHARED | MAP_FIXED, r->views.fd, (off_t)(p->offset + (ranges[i].gpa - p->gpa))) == MAP_FAILED) {
            unmap_memory(r, task, offset_bytes, at - offset_bytes);
            return false;
        }
    }
    return true;
}

/* Words are read whole: the replay writes the memory of coming commands meanwhile. */
static bool read_memory(void *opaque, uint64_t gpa, uint64_t length_bytes, void *dst)
{
    const uint8_t *src = views_at(opaque, gpa, length_bytes);
    uint8_t *to = dst;

    if (!src)
        return false;
    for (; length_bytes >= 4 && gpa % 4 == 0; src += 4, to += 4, length_bytes -= 4) {
        uint32_t word = atomic_load_explicit((const _Atomic uint32_t *)(const void *)src, memory_order_relaxed);

        memcpy(to, &word, sizeof(word));
    }
    memcpy(to, src, length_bytes);
    return true;
}

void views_ops(struct pvg_host_ops *ops)
{
    ops->create_task = create_task;
    ops->destroy_task = destroy_task;
    ops->map_memory = map_memory;
    ops->unmap_memory = unmap_memory;
    ops->read_memory = read_memory;
}
