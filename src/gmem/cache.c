/* SPDX-License-Identifier: MIT */
/*
 * Callback mode: the device's own root task, used as a cache of single guest pages that the device writes or keeps
 * looking at (stamp cells, root page, rings, replies). (docs/spec/transport.md 11.4)
 *
 * A page is mapped when it is first asked for; the least recently used one that no live pin has a pointer into makes
 * room. No lock is held while the VMM maps: the slot is marked busy, and who needs the same page waits, marked as
 * inside a callback, so that nobody who quiesces waits for the VMM. Any thread.
 */
#include "gmem/gmem_impl.h"

#include <stdlib.h>

static int32_t chain_of(const struct gmem *g, uint64_t page)
{
    return (int32_t)((page * 0x9e3779b97f4a7c15ull >> 32) % (uint64_t)g->slot_count);
}

static struct cache_slot *find(struct gmem *g, uint64_t page, bool write)
{
    for (int32_t i = g->hash[chain_of(g, page)]; i >= 0; i = g->slot[i].next) {
        if (g->slot[i].page == page && (g->slot[i].writable || !write))
            return &g->slot[i];
    }
    return NULL;
}

static void unlink_slot(struct gmem *g, struct cache_slot *s)
{
    int32_t *p = &g->hash[chain_of(g, s->page)];

    while (&g->slot[*p] != s)
        p = &g->slot[*p].next;
    *p = s->next;
    s->state = SLOT_FREE;
}

/* A slot to map into: a free one, or the least recently used one that no live pin can point into. */
static struct cache_slot *take_slot(struct gmem *g)
{
    uint64_t oldest_seq = g->oldest->seq; /* the caller holds a pin */
    struct cache_slot *best = NULL;

    for (int32_t i = 0; i < g->slot_count; i++) {
        struct cache_slot *s = &g->slot[i];

        if (s->state == SLOT_FREE)
            return s;
        if (s->state == SLOT_READY && s->pin_seq < oldest_seq && (!best || s->tick < best->tick))
            best = s;
    }
    if (best)
        unlink_slot(g, best);
    return best;
}

/* Wait for another thread that is in a callback. With gmem.lock. */
static int wait_changed(struct gmem_pin *pin)
{
    gmem_callback_begin(pin);
    pthread_cond_wait(&pin->g->changed, &pin->g->lock);
    return gmem_callback_end(pin);
}

int gmem_root_ready(struct gmem_pin *pin)
{
    struct gmem *g = pin->g;
    const struct gmem_config *c = &g->config;
    int32_t count = (int32_t)(ROOT_TASK_BYTES >> c->page_shift);
    struct cache_slot *slot = NULL;
    int32_t *hash = NULL;
    pvg_task *task;
    void *base = NULL;
    int err = 0;

    if (!gmem_callbacks(g))
        return 0;
    if (pin->cut)
        return PVG_ERR_STOPPED;
    pthread_mutex_lock(&g->lock);
    while (g->root_busy && !err)
        err = wait_changed(pin);
    if (err || g->root) {
        pthread_mutex_unlock(&g->lock);
        return err;
    }
    g->root_busy = true;
    g->busy++;
    pthread_mutex_unlock(&g->lock);

    slot = calloc((size_t)count, sizeof(*slot));
    hash = calloc((size_t)count, sizeof(*hash));
    gmem_callback_begin(pin);
    task = slot && hash ? c->ops->create_task(c->opaque, ROOT_TASK_BYTES, &base) : NULL;
    err = gmem_callback_end(pin);

    pthread_mutex_lock(&g->lock);
    g->root_busy = false;
    g->busy--;
    if (task) {
        for (int32_t i = 0; i < count; i++)
            hash[i] = -1;
        g->root = task;
        g->root_base = base;
        g->slot = slot;
        g->hash = hash;
        g->slot_count = count;
    }
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    if (!task) {
        log_msg(c->log, PVG_LOG_ERROR, "the VMM could not create the root task of %llu bytes", ROOT_TASK_BYTES);
        free(slot);
        free(hash);
        return err ? err : PVG_ERR_SYSTEM;
    }
    return err;
}

void gmem_root_drop(struct gmem *g)
{
    struct cache_slot *slot;
    int32_t *hash;
    pvg_task *task;

    pthread_mutex_lock(&g->lock);
    while (g->busy)
        pthread_cond_wait(&g->changed, &g->lock);
    task = g->root;
    slot = g->slot;
    hash = g->hash;
    g->root = NULL;
    g->root_base = NULL;
    g->slot = NULL;
    g->hash = NULL;
    pthread_mutex_unlock(&g->lock);
    if (task)
        g->config.ops->destroy_task(g->config.opaque, task);
    free(slot);
    free(hash);
}

/* Map @s, which the caller has marked busy. With gmem.lock, which is dropped meanwhile. */
static int map_slot(struct gmem_pin *pin, struct cache_slot *s)
{
    struct gmem *g = pin->g;
    const struct gmem_config *c = &g->config;
    uint64_t page_bytes = gmem_page_bytes(g);
    struct pvg_range range = {.gpa = s->page << c->page_shift, .length_bytes = page_bytes};
    uint64_t offset = (uint64_t)(s - g->slot) * page_bytes;
    bool readonly = !s->writable, ok;
    pvg_task *root = g->root;
    int err;

    g->busy++;
    pthread_mutex_unlock(&g->lock);
    gmem_callback_begin(pin);
    ok = c->ops->map_memory(c->opaque, root, 1, offset, readonly, &range);
    err = gmem_callback_end(pin);
    if (ok)
        gmem_record_known(g, range.gpa, range.length_bytes);
    pthread_mutex_lock(&g->lock);
    g->busy--;
    if (ok)
        s->state = SLOT_READY;
    else
        unlink_slot(g, s);
    pthread_cond_broadcast(&g->changed);
    if (err)
        return err;
    return ok ? 0 : PVG_ERR_NOT_RAM;
}

int cache_ptr(struct gmem_pin *pin, uint64_t gpa, bool write, void **out)
{
    struct gmem *g = pin->g;
    uint64_t page = gpa >> g->config.page_shift;
    struct cache_slot *s;
    int err;

    *out = NULL;
    err = gmem_root_ready(pin);
    if (err)
        return err;
    pthread_mutex_lock(&g->lock);
    s = g->root ? find(g, page, write) : NULL;
    while (!err && s && s->state == SLOT_BUSY) {
        err = wait_changed(pin);
        s = g->root ? find(g, page, write) : NULL;
    }
    if (!err && !g->root)
        err = PVG_ERR_STOPPED; /* dropped meanwhile: only for a pin that was cut off */
    if (!s && !err) {
        s = take_slot(g);
        if (!s) {
            err = PVG_ERR_NOMEM;
        } else {
            int32_t *head = &g->hash[chain_of(g, page)];

            *s = (struct cache_slot){.state = SLOT_BUSY, .writable = write, .page = page, .next = *head};
            *head = (int32_t)(s - g->slot);
            err = map_slot(pin, s);
        }
    }
    if (!err) {
        s->pin_seq = s->pin_seq > pin->seq ? s->pin_seq : pin->seq;
        s->tick = ++g->tick;
        *out = g->root_base + (uint64_t)(s - g->slot) * gmem_page_bytes(g) + (gpa & (gmem_page_bytes(g) - 1));
    }
    pthread_mutex_unlock(&g->lock);
    return err;
}
