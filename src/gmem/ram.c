/* SPDX-License-Identifier: MIT */
/*
 * The RAM table and pins: which guest-physical addresses are memory, and where they are in this process.
 *
 * The table is a chain of immutable snapshots. A pin holds the one that was current when it was taken; adding or
 * removing a block makes a new one; gmem_del_ram() waits until no older snapshot has the block. Physical reads and
 * writes are here too. Any thread. (docs/spec/memory.md 10.3, 11.3)
 */
#include "gmem/gmem_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ram_table *table_alloc(size_t count)
{
    struct ram_table *t = calloc(1, sizeof(*t) + count * sizeof(t->block[0]));

    if (t) {
        t->count = count;
        atomic_init(&t->refs, 1);
    }
    return t;
}

int gmem_new(const struct gmem_config *config, struct gmem **out)
{
    const struct pvg_host_ops *ops = config->ops;
    struct gmem *g;

    *out = NULL;
    if (config->page_shift != 12 && config->page_shift != 14)
        return PVG_ERR_INVALID;
    if (config->tasks == PVG_TASKS_CALLBACKS && (!ops || !ops->create_task || !ops->destroy_task || !ops->map_memory ||
                                                 !ops->unmap_memory || !ops->read_memory))
        return PVG_ERR_INVALID;
    g = calloc(1, sizeof(*g));
    if (!g)
        return PVG_ERR_NOMEM;
    g->config = *config;
    g->host_page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    atomic_flag_clear(&g->view_copy_said);
    if (!gmem_callbacks(g)) {
        g->table = table_alloc(0);
        if (!g->table) {
            free(g);
            return PVG_ERR_NOMEM;
        }
    }
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
    *out = g;
    return 0;
}

void gmem_free(struct gmem *g)
{
    if (!g)
        return;
    gmem_root_drop(g);
    assert(!g->retired && !g->oldest); /* a pin outlived the device */
    free(g->table);
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

uint32_t gmem_page_shift(const struct gmem *g)
{
    return g->config.page_shift;
}

bool gmem_has_table(const struct gmem *g)
{
    return !gmem_callbacks(g);
}

/* Drop a reference; the last one of a retired snapshot frees it and tells those who wait in gmem_del_ram(). */
static void table_unref(struct gmem *g, struct ram_table *t)
{
    struct ram_table **p;

    if (atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    pthread_mutex_lock(&g->lock);
    for (p = &g->retired; *p != t; p = &(*p)->next)
        ;
    *p = t->next;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    free(t);
}

/* Make @t current. The old one goes to the retired list first, so that its last reference finds it there. */
static void table_set(struct gmem *g, struct ram_table *t)
{
    struct ram_table *old;

    for (size_t i = 0; i < t->count; i++)
        t->bytes += t->block[i].length_bytes;
    pthread_mutex_lock(&g->lock);
    old = g->table;
    g->table = t;
    old->next = g->retired;
    g->retired = old;
    pthread_mutex_unlock(&g->lock);
    table_unref(g, old);
}

static void record_block(struct gmem *g, const struct ram_block *b, uint32_t there)
{
    struct recorder *rec = g->config.recorder;
    const uint64_t place[2] = {b->gpa, b->length_bytes};
    const uint32_t state[2] = {b->flags, there};

    if (rec && recorder_on(rec))
        recorder_add(rec, RECORD_RAM, place, sizeof(place), state, sizeof(state));
}

void gmem_record_known(struct gmem *g, uint64_t gpa, uint64_t length)
{
    record_block(g, &(struct ram_block){.gpa = gpa, .length_bytes = length}, 1);
}

void gmem_record_ram(struct gmem *g)
{
    pthread_mutex_lock(&g->lock);
    for (size_t i = 0; g->table && i < g->table->count; i++)
        record_block(g, &g->table->block[i], 1);
    pthread_mutex_unlock(&g->lock);
}

int gmem_add_ram(struct gmem *g, uint64_t gpa, uint64_t length_bytes, void *host_va, int fd, uint64_t fd_offset_bytes,
                 uint32_t flags)
{
    const struct ram_table *old = g->table; /* changed only here and in gmem_del_ram(), which the VMM serialises */
    struct ram_table *t;
    uint64_t end, mask = g->host_page_bytes - 1;
    size_t at;

    if (gmem_callbacks(g))
        return PVG_ERR_INVALID; /* the VMM answers through its callbacks: two sources would contradict each other */
    if (!host_va || !length_bytes || ((gpa | length_bytes | (uintptr_t)host_va) & mask) ||
        (flags & ~(PVG_RAM_READONLY | PVG_RAM_SHARED)) || __builtin_add_overflow(gpa, length_bytes, &end) ||
        (fd >= 0 && __builtin_add_overflow(fd_offset_bytes, length_bytes, &end)))
        return PVG_ERR_INVALID;
    end = gpa + length_bytes;
    for (at = 0; at < old->count && old->block[at].gpa < gpa; at++)
        ;
    if ((at > 0 && gpa - old->block[at - 1].gpa < old->block[at - 1].length_bytes) ||
        (at < old->count && old->block[at].gpa < end))
        return PVG_ERR_IN_USE;
    t = table_alloc(old->count + 1);
    if (!t)
        return PVG_ERR_NOMEM;
    memcpy(t->block, old->block, at * sizeof(t->block[0]));
    memcpy(t->block + at + 1, old->block + at, (old->count - at) * sizeof(t->block[0]));
    t->block[at] = (struct ram_block){.gpa = gpa,
                                      .length_bytes = length_bytes,
                                      .host = host_va,
                                      .fd = fd,
                                      .fd_offset_bytes = fd_offset_bytes,
                                      .flags = flags};
    record_block(g, &t->block[at], 1);
    table_set(g, t);
    return 0;
}

static bool table_has(const struct ram_table *t, uint64_t gpa, uint64_t length_bytes)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->block[i].gpa == gpa && t->block[i].length_bytes == length_bytes)
            return true;
    }
    return false;
}

int gmem_del_ram(struct gmem *g, uint64_t gpa, uint64_t length_bytes)
{
    const struct ram_table *old = g->table;
    struct ram_table *t;
    bool found;

    if (gmem_callbacks(g) || !table_has(old, gpa, length_bytes))
        return PVG_ERR_INVALID;
    t = table_alloc(old->count - 1);
    if (!t)
        return PVG_ERR_NOMEM;
    for (size_t i = 0, n = 0; i < old->count; i++) {
        if (old->block[i].gpa != gpa)
            t->block[n++] = old->block[i];
        else
            record_block(g, &old->block[i], 0);
    }
    table_set(g, t);

    pthread_mutex_lock(&g->lock);
    do {
        found = false;
        for (const struct ram_table *r = g->retired; r && !found; r = r->next)
            found = table_has(r, gpa, length_bytes);
        if (found)
            pthread_cond_wait(&g->changed, &g->lock);
    } while (found);
    pthread_mutex_unlock(&g->lock);
    return 0;
}

uint64_t gmem_ram_bytes(struct gmem *g)
{
    uint64_t bytes;

    if (gmem_callbacks(g))
        return UINT64_MAX;
    pthread_mutex_lock(&g->lock);
    bytes = g->table->bytes;
    pthread_mutex_unlock(&g->lock);
    return bytes;
}

void gmem_pin(struct gmem *g, struct gmem_pin *pin)
{
    pin->g = g;
    pin->last = NULL;
    pin->cut = false;
    atomic_store(&pin->in_callback, false);
    pthread_mutex_lock(&g->lock);
    pin->epoch = atomic_load(&g->epoch);
    if (gmem_callbacks(g)) {
        pin->table = NULL;
        pin->seq = ++g->next_seq;
        pin->older = g->youngest;
        pin->younger = NULL;
        *(g->youngest ? &g->youngest->younger : &g->oldest) = pin;
        g->youngest = pin;
    } else {
        pin->table = g->table;
        atomic_fetch_add(&g->table->refs, 1);
    }
    pthread_mutex_unlock(&g->lock);
}

void gmem_unpin(struct gmem_pin *pin)
{
    struct gmem *g = pin->g;

    if (!g)
        return;
    if (gmem_callbacks(g)) {
        pthread_mutex_lock(&g->lock);
        *(pin->older ? &pin->older->younger : &g->oldest) = pin->younger;
        *(pin->younger ? &pin->younger->older : &g->youngest) = pin->older;
        pthread_mutex_unlock(&g->lock);
    } else {
        table_unref(g, (struct ram_table *)pin->table);
    }
    pin->g = NULL;
    pin->table = NULL;
    pin->last = NULL;
}

void gmem_cut(struct gmem *g)
{
    atomic_fetch_add(&g->epoch, 1);
}

/*
 * The quiescer adds to the epoch, then looks at in_callback; the pin clears in_callback, then looks at the epoch. Both
 * are sequentially consistent, so either the quiescer sees a pin to wait for or the pin sees that it was cut off.
 */
void gmem_callback_begin(struct gmem_pin *pin)
{
    atomic_store(&pin->in_callback, true);
}

int gmem_callback_end(struct gmem_pin *pin)
{
    atomic_store(&pin->in_callback, false);
    return gmem_go_on(pin);
}

int gmem_go_on(struct gmem_pin *pin)
{
    if (atomic_load(&pin->g->epoch) != pin->epoch)
        pin->cut = true;
    return pin->cut ? PVG_ERR_STOPPED : 0;
}

const struct ram_block *ram_block_find(struct gmem_pin *pin, uint64_t gpa)
{
    const struct ram_table *t = pin->table;
    size_t lo = 0, hi = t->count;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (gpa < t->block[mid].gpa)
            hi = mid;
        else if (gpa - t->block[mid].gpa >= t->block[mid].length_bytes)
            lo = mid + 1;
        else
            return pin->last = &t->block[mid];
    }
    return NULL;
}

/* Is all of [gpa, gpa + length) RAM, and writable where @write? */
static bool range_is_ram(struct gmem_pin *pin, uint64_t gpa, uint64_t length, bool write)
{
    while (length) {
        const struct ram_block *b = ram_block_at(pin, gpa);
        uint64_t n;

        if (!b || (write && (b->flags & PVG_RAM_READONLY)))
            return false;
        n = b->length_bytes - (gpa - b->gpa);
        n = n < length ? n : length;
        length -= n;
        if (length && __builtin_add_overflow(gpa, n, &gpa))
            return false;
    }
    return true;
}

int callback_read(struct gmem_pin *pin, uint64_t gpa, void *dst, size_t length)
{
    const struct gmem_config *c = &pin->g->config;
    bool ok;
    int err;

    gmem_callback_begin(pin);
    ok = c->ops->read_memory(c->opaque, gpa, length, dst);
    err = gmem_callback_end(pin);
    if (err)
        return err;
    return ok ? 0 : PVG_ERR_NOT_RAM;
}

static int physical_read(struct gmem_pin *pin, gpa_t gpa, void *dst, size_t length)
{
    uint8_t *to = dst;

    if (gmem_callbacks(pin->g))
        return callback_read(pin, gpa.v, dst, length);
    if (!range_is_ram(pin, gpa.v, length, false))
        return PVG_ERR_NOT_RAM;
    for (uint64_t at = gpa.v; length;) {
        const struct ram_block *b = ram_block_at(pin, at);
        uint64_t n = b->length_bytes - (at - b->gpa);

        n = n < length ? n : length;
        memcpy(to, b->host + (at - b->gpa), n);
        to += n;
        at += n;
        length -= n;
    }
    return 0;
}

int gmem_read_pixels(struct gmem_pin *pin, gpa_t gpa, void *dst, size_t length)
{
    if (pin->cut)
        return PVG_ERR_STOPPED;
    return length ? physical_read(pin, gpa, dst, length) : 0;
}

int gmem_read(struct gmem_pin *pin, gpa_t gpa, void *dst, size_t length)
{
    int err = gmem_read_pixels(pin, gpa, dst, length);

    if (!err && length)
        gmem_record(pin, gpa.v, dst, length);
    return err;
}

/* Callback mode: map every page first, then write: all or nothing. The pin keeps the pages in the cache. */
static int callback_write(struct gmem_pin *pin, uint64_t gpa, const uint8_t *src, size_t length)
{
    uint64_t page = gmem_page_bytes(pin->g), end;

    if (__builtin_add_overflow(gpa, length - 1, &end))
        return PVG_ERR_NOT_RAM;
    for (int pass = 0; pass < 2; pass++) {
        size_t left = length;

        for (uint64_t at = gpa; left;) {
            uint64_t n = page - (at & (page - 1));
            void *p;
            int err = cache_ptr(pin, at, true, &p);

            if (err)
                return err;
            n = n < left ? n : left;
            if (pass)
                memcpy(p, src + (length - left), n);
            at += n;
            left -= n;
        }
    }
    return 0;
}

int gmem_write(struct gmem_pin *pin, gpa_t gpa, const void *src, size_t length)
{
    const uint8_t *from = src;

    if (pin->cut)
        return PVG_ERR_STOPPED;
    if (!length)
        return 0;
    if (gmem_callbacks(pin->g))
        return callback_write(pin, gpa.v, src, length);
    if (!range_is_ram(pin, gpa.v, length, true))
        return PVG_ERR_NOT_RAM;
    for (uint64_t at = gpa.v; length;) {
        const struct ram_block *b = ram_block_at(pin, at);
        uint64_t n = b->length_bytes - (at - b->gpa);

        n = n < length ? n : length;
        memcpy(b->host + (at - b->gpa), from, n);
        from += n;
        at += n;
        length -= n;
    }
    return 0;
}

int gmem_ptr(struct gmem_pin *pin, gpa_t gpa, size_t length, bool write, void **out)
{
    uint64_t page = gmem_page_bytes(pin->g);

    *out = NULL;
    if (pin->cut)
        return PVG_ERR_STOPPED;
    if (!length || length > page - (gpa.v & (page - 1)))
        return PVG_ERR_INVALID;
    if (gmem_callbacks(pin->g))
        return cache_ptr(pin, gpa.v, write, out);
    *out = ram_ptr(pin, gpa.v, length, write);
    return *out ? 0 : PVG_ERR_NOT_RAM;
}
