/* SPDX-License-Identifier: MIT */
/*
 * The surface mapper: register window, request ring, interrupt, life cycle, and pictures of mappings (memory 9.2 to 9.7).
 */
#include "iosfc/iosfc_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/desc.h"
#include "base/rd.h"
#include "base/thread.h"
#include "wire/display.h"

static _Atomic uint64_t *reg(struct pvg_iosfc *m, uint32_t offset)
{
    return &m->reg[(offset - IOSFC_FIRST) / 8];
}

/* ---- registers ---- */

static bool acceptable(struct pvg_iosfc *m, uint64_t offset, unsigned size)
{
    if ((size == 4 || size == 8) && offset % size == 0)
        return offset >= IOSFC_FIRST && offset < IOSFC_FIRST + 8 * IOSFC_REGISTERS;
    log_refuse(m->log, REFUSE_REG_SIZE, "mapper, %u bytes at 0x%llx", size, (unsigned long long)offset);
    return false;
}

uint64_t pvg_iosfc_mmio_read(struct pvg_iosfc *m, uint64_t offset, unsigned size)
{
    uint32_t at = (uint32_t)offset & ~7u;
    uint64_t value;

    if (!acceptable(m, offset, size) || at == IOSFC_STATUS)
        return 0;
    value = atomic_load(reg(m, at));
    if (size == 8)
        return value;
    return offset & 4 ? value >> 32 : (uint32_t)value;
}

void pvg_iosfc_mmio_write(struct pvg_iosfc *m, uint64_t offset, uint64_t value, unsigned size)
{
    uint32_t at = (uint32_t)offset & ~7u;
    uint64_t old, mask = UINT64_MAX;

    if (!acceptable(m, offset, size))
        return;
    if (at == IOSFC_CONSUMER) /* the descriptor enable: does not move the consumer, and nothing depends on it */
        return;
    if (size == 4) { /* one half; the other stays */
        mask = offset & 4 ? UINT64_MAX << 32 : UINT32_MAX;
        value = offset & 4 ? value << 32 : value & UINT32_MAX;
    }
    old = atomic_load(reg(m, at));
    while (!atomic_compare_exchange_weak(reg(m, at), &old, (old & ~mask) | value))
        continue;
    if (at == IOSFC_PRODUCER)
        event_signal(&m->wake);
}

/* ---- requests ---- */

static enum refuse serve_map(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t id, uint64_t epoch)
{
    struct mapping *fresh, *gone, *now = NULL, *old;
    enum refuse why = mapping_resolve(m, pin, id, &fresh);
    bool moved;

    if (why)
        return why;
    pthread_mutex_lock(&m->lock);
    old = mapping_find(m, id);
    moved = old && old->fingerprint != fresh->fingerprint;
    pthread_mutex_unlock(&m->lock);
    if (moved)
        m->hooks.settle(m->hooks.ctx, pin, id); /* other pages under an old id: finish with the old ones */
    pthread_mutex_lock(&m->lock);
    gone = fresh;
    if (m->epoch == epoch)
        now = mapping_install(m, fresh, &gone);
    pthread_mutex_unlock(&m->lock);
    mapping_put(gone);
    atomic_fetch_add(&m->maps, 1);
    return now ? REFUSE_NONE : REFUSE_IOSFC_LIMIT;
}

static enum refuse serve_unmap(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t id)
{
    struct mapping *mapping;

    m->hooks.settle(m->hooks.ctx, pin, id);
    pthread_mutex_lock(&m->lock);
    mapping = mapping_remove(m, id);
    pthread_mutex_unlock(&m->lock);
    if (!mapping)
        return REFUSE_IOSFC_UNMAP;
    mapping_put(mapping);
    atomic_fetch_add(&m->unmaps, 1);
    return REFUSE_NONE;
}

/* One entry of the ring: read once, done, answered in its result word. */
static void serve_entry(struct pvg_iosfc *m, struct gmem_pin *pin, gpa_t gpa, uint64_t epoch)
{
    uint8_t bytes[IOSFC_ENTRY_BYTES], result[4];
    struct iosfc_request req = {0};
    enum refuse why;

    if (gmem_read(pin, gpa, bytes, sizeof(bytes))) {
        log_refuse(m->log, REFUSE_IOSFC_RING_NOT_RAM, "entry at 0x%llx", (unsigned long long)gpa.v);
        return;
    }
    req = iosfc_request_decode(bytes);
    atomic_fetch_add(&m->requests, 1);
    switch (req.operation) {
    case IOSFC_OP_MAP:
        why = serve_map(m, pin, req.mapping, epoch);
        break;
    case IOSFC_OP_UNMAP:
        why = serve_unmap(m, pin, req.mapping);
        break;
    default:
        why = REFUSE_IOSFC_OPERATION;
    }
    if (why)
        log_refuse(m->log, why, "request %u, mapping %u", req.operation, req.mapping);
    le32_put(result, why ? 1 : 0);
    if (gmem_write(pin, (gpa_t){gpa.v + IOSFC_ENTRY_RESULT}, result, sizeof(result)) == PVG_ERR_NOT_RAM)
        log_refuse(m->log, REFUSE_IOSFC_RING_NOT_RAM, "result at 0x%llx", (unsigned long long)gpa.v);
}

/* May the thread go on with work of @epoch? Lock held. */
static bool may_work(const struct pvg_iosfc *m, uint64_t epoch)
{
    return !m->stop && !m->paused && m->epoch == epoch;
}

static void raise_interrupt(struct pvg_iosfc *m)
{
    bool raise;

    pthread_mutex_lock(&m->lock);
    raise = m->in_callback = !m->stop && !m->paused;
    pthread_mutex_unlock(&m->lock);
    if (!raise)
        return;
    m->ops.raise_interrupt(m->opaque, 0);
    pthread_mutex_lock(&m->lock);
    m->in_callback = false;
    pthread_cond_broadcast(&m->idle);
    pthread_mutex_unlock(&m->lock);
}

/* Serve what the ring holds now. Returns whether there may be more. */
static bool serve_ring(struct pvg_iosfc *m)
{
    uint64_t base = atomic_load(reg(m, IOSFC_RING_BASE)), capacity = atomic_load(reg(m, IOSFC_CAPACITY));
    uint64_t producer = atomic_load(reg(m, IOSFC_PRODUCER)), consumer = atomic_load(reg(m, IOSFC_CONSUMER));
    struct iosfc_span span = iosfc_span(base, capacity, producer, consumer);
    uint64_t epoch, i;
    bool done;

    if (span.nonsense)
        log_refuse(m->log, REFUSE_IOSFC_INDEX, "producer %llu, consumer %llu, capacity %llu",
                   (unsigned long long)producer, (unsigned long long)consumer, (unsigned long long)capacity);
    pthread_mutex_lock(&m->lock);
    epoch = m->epoch;
    for (i = 0; i < span.count && may_work(m, epoch); i++) {
        struct gmem_pin pin = {0};
        uint64_t gpa = 0;
        bool wraps = __builtin_add_overflow(base, (span.first + i) % capacity * IOSFC_ENTRY_BYTES, &gpa);

        m->busy = true;
        pthread_mutex_unlock(&m->lock);
        gmem_pin(m->gmem, &pin);
        if (!wraps)
            serve_entry(m, &pin, (gpa_t){gpa}, epoch);
        gmem_unpin(&pin);
        pthread_mutex_lock(&m->lock);
        m->busy = false;
        pthread_cond_broadcast(&m->idle);
    }
    /* A pause in the middle: what was served is consumed, so that nothing is served twice. */
    done = may_work(m, epoch) && i == span.count;
    if (m->epoch == epoch && span.raise) {
        uint64_t at = consumer + i;

        if (!done && capacity && producer < consumer)
            at %= capacity;
        atomic_store(reg(m, IOSFC_CONSUMER), done ? producer : at);
    }
    pthread_mutex_unlock(&m->lock);
    if (done && span.raise && atomic_load(reg(m, IOSFC_PRODUCER)) == producer)
        raise_interrupt(m);
    return done && span.raise;
}

static void *thread_main(void *arg)
{
    struct pvg_iosfc *m = arg;
    const struct pvg_host_ops *host = core_ops(m->core);
    bool stop = false;

    if (host->thread_enter)
        host->thread_enter(core_opaque(m->core), "pvg-mapper");
    while (!stop) {
        uint32_t seq = event_seq(&m->wake);
        bool paused;

        pthread_mutex_lock(&m->lock);
        stop = m->stop;
        paused = m->paused;
        pthread_mutex_unlock(&m->lock);
        if (!stop && (paused || !serve_ring(m)))
            event_wait(&m->wake, seq, 0);
    }
    if (host->thread_leave)
        host->thread_leave(core_opaque(m->core));
    return NULL;
}

/* ---- pictures ---- */

/* The mapping, resolved on demand: a present may come before its MAP request (memory 9.7). A reference for the caller. */
static enum refuse get_mapping(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t id, struct mapping **out)
{
    struct mapping *mapping, *fresh, *gone;
    enum refuse why = REFUSE_NONE;
    uint64_t epoch;

    pthread_mutex_lock(&m->lock);
    mapping = mapping_find(m, id);
    *out = mapping ? mapping_get(mapping) : NULL;
    epoch = m->epoch;
    pthread_mutex_unlock(&m->lock);
    if (*out)
        return REFUSE_NONE;
    why = mapping_resolve(m, pin, id, &fresh);
    if (why)
        return why;
    gone = fresh;
    pthread_mutex_lock(&m->lock);
    mapping = m->epoch == epoch && !m->stop ? mapping_install(m, fresh, &gone) : NULL;
    *out = mapping ? mapping_get(mapping) : NULL;
    pthread_mutex_unlock(&m->lock);
    mapping_put(gone);
    return mapping ? REFUSE_NONE : REFUSE_IOSFC_LIMIT;
}

static enum refuse check_plane(const struct iosfc_surface *s, uint32_t bytes_per_pixel)
{
    const struct iosfc_plane *p = &s->plane[0];
    uint64_t row = (uint64_t)p->width_px * bytes_per_pixel;

    if (!p->width_px || !p->height_px || p->width_px > LIMIT_EDGE_PX || p->height_px > LIMIT_EDGE_PX)
        return REFUSE_SURFACE_EDGE;
    if (p->stride_bytes < row)
        return REFUSE_SURFACE_STRIDE;
    if (p->offset_bytes + (p->height_px - 1ull) * p->stride_bytes + row > s->size_bytes)
        return REFUSE_SURFACE_BOUNDS;
    return REFUSE_NONE;
}

static enum refuse find(void *ctx, struct gmem_pin *pin, uint32_t task, uint32_t id, struct picture *out,
                        struct gmem_fault *fault)
{
    struct pvg_iosfc *m = ctx;
    struct gmem_runs runs = {0};
    struct mapping *mapping;
    const struct iosfc_surface *s;
    uint32_t bytes;
    enum refuse why = get_mapping(m, pin, id, &mapping);

    (void)task; /* mapping ids are the device's */
    (void)fault;
    if (why)
        return why;
    s = &mapping->surface;
    bytes = wire_format_bytes(s->format);
    why = bytes ? check_plane(s, bytes) : REFUSE_SURFACE_FORMAT;
    if (!why && mapping_runs(mapping, pin, &runs, &why) && !why)
        why = REFUSE_IOSFC_PAGE;
    gmem_runs_fini(&runs);
    if (!why)
        *out = (struct picture){.width_px = s->plane[0].width_px,
                                .height_px = s->plane[0].height_px,
                                .format = s->format,
                                .bytes_per_pixel = bytes,
                                .stride_bytes = s->plane[0].stride_bytes,
                                .offset_bytes = s->plane[0].offset_bytes,
                                .backing_bytes = s->size_bytes,
                                .mapping = id};
    mapping_put(mapping);
    return why;
}

static int read_pixels(void *ctx, struct gmem_pin *pin, const struct picture *pic, uint8_t *dst, size_t dst_stride,
                       struct gmem_runs *scratch, struct gmem_fault *fault)
{
    struct pvg_iosfc *m = ctx;
    struct mapping *mapping;
    int err;

    *fault = (struct gmem_fault){.reason = REFUSE_IOSFC_UNMAP};
    pthread_mutex_lock(&m->lock);
    mapping = mapping_find(m, pic->mapping);
    if (mapping)
        mapping_get(mapping);
    pthread_mutex_unlock(&m->lock);
    if (!mapping)
        return PVG_ERR_REFUSED;
    err = mapping->surface.size_bytes == pic->backing_bytes ? mapping_runs(mapping, pin, scratch, &fault->reason)
                                                            : PVG_ERR_REFUSED;
    if (!err)
        gmem_runs_read_rows(scratch, pic->offset_bytes, pic->stride_bytes, dst, dst_stride,
                            (size_t)pic->width_px * pic->bytes_per_pixel, pic->height_px);
    gmem_runs_clear(scratch);
    mapping_put(mapping);
    return err;
}

struct picture_provider iosfc_picture_provider(struct pvg_iosfc *m)
{
    return (struct picture_provider){.ctx = m, .find = find, .read = read_pixels};
}

/* ---- life ---- */

/* Lock held: the thread has left guest memory and, with @callbacks, its interrupt callback. */
static void wait_out(struct pvg_iosfc *m, bool callbacks)
{
    while (m->busy || (callbacks && m->in_callback))
        pthread_cond_wait(&m->idle, &m->lock);
}

static void drop_all(struct pvg_iosfc *m)
{
    struct mapping *all, *next;

    m->hooks.drop(m->hooks.ctx);
    pthread_mutex_lock(&m->lock);
    all = mapping_remove_all(m);
    pthread_mutex_unlock(&m->lock);
    for (; all; all = next) {
        next = all->next;
        mapping_put(all);
    }
}

void pvg_iosfc_reset(struct pvg_iosfc *m)
{
    pthread_mutex_lock(&m->lock);
    m->epoch++;
    wait_out(m, false);
    for (unsigned i = 0; i < IOSFC_REGISTERS; i++)
        atomic_store(&m->reg[i], 0);
    pthread_mutex_unlock(&m->lock);
    drop_all(m);
}

void iosfc_pause(struct pvg_iosfc *m)
{
    pthread_mutex_lock(&m->lock);
    m->paused = true;
    wait_out(m, true);
    pthread_mutex_unlock(&m->lock);
}

void iosfc_unpause(struct pvg_iosfc *m)
{
    pthread_mutex_lock(&m->lock);
    m->paused = false;
    pthread_mutex_unlock(&m->lock);
    event_signal(&m->wake);
}

void iosfc_stop(struct pvg_iosfc *m)
{
    bool join;

    pthread_mutex_lock(&m->lock);
    join = m->started && !m->stop;
    m->stop = true;
    pthread_mutex_unlock(&m->lock);
    event_signal(&m->wake);
    if (join)
        pthread_join(m->thread, NULL);
    drop_all(m);
}

static void release(struct pvg_iosfc *m)
{
    free(m->bucket);
    pthread_cond_destroy(&m->idle);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

int iosfc_new(struct core *core, const struct pvg_iosfc_desc *user, const struct iosfc_hooks *hooks,
              struct pvg_iosfc **out)
{
    struct pvg_iosfc_desc desc;
    struct pvg_iosfc *m;
    int err;

    *out = NULL;
    m = calloc(1, sizeof(*m));
    if (!m)
        return PVG_ERR_NOMEM;
    err = desc_copy(&desc, sizeof(desc), user, user->size);
    if (!err)
        err = desc.ops ? desc_copy(&m->ops, sizeof(m->ops), desc.ops, desc.ops->size) : PVG_ERR_INVALID;
    m->callbacks = !gmem_has_table(core_gmem(core));
    if (!err && (!m->ops.raise_interrupt || desc.mmio_length_bytes != PVG_IOSFC_MMIO_LENGTH ||
                 (m->callbacks && (!m->ops.map_memory || !m->ops.unmap_memory))))
        err = PVG_ERR_INVALID;
    if (err) {
        free(m);
        return err;
    }
    m->core = core;
    m->gmem = core_gmem(core);
    m->log = core_log(core);
    m->hooks = *hooks;
    m->opaque = desc.opaque;
    m->page_shift = gmem_page_shift(m->gmem);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->idle, NULL);
    if (thread_start(&m->thread, "pvg-mapper", thread_main, m)) {
        release(m);
        return PVG_ERR_SYSTEM;
    }
    m->started = true;
    *out = m;
    return 0;
}

void pvg_iosfc_free(struct pvg_iosfc *m)
{
    if (!m)
        return;
    m->hooks.gone(m->hooks.ctx);
    iosfc_stop(m);
    release(m);
}

uint64_t pvg_iosfc_mappings(struct pvg_iosfc *m)
{
    uint64_t n;

    pthread_mutex_lock(&m->lock);
    n = m->mapping_count;
    pthread_mutex_unlock(&m->lock);
    return n;
}

void iosfc_report(struct pvg_iosfc *m, struct str *json)
{
    str_add(json,
            "\"mapper\":{\"ring\":%llu,\"capacity\":%llu,\"table\":%llu,\"producer\":%llu,\"consumer\":%llu,"
            "\"requests\":%llu,\"maps\":%llu,\"unmaps\":%llu,\"mappings\":%llu}",
            (unsigned long long)atomic_load(reg(m, IOSFC_RING_BASE)),
            (unsigned long long)atomic_load(reg(m, IOSFC_CAPACITY)),
            (unsigned long long)atomic_load(reg(m, IOSFC_DESC_TABLE)),
            (unsigned long long)atomic_load(reg(m, IOSFC_PRODUCER)),
            (unsigned long long)atomic_load(reg(m, IOSFC_CONSUMER)), (unsigned long long)atomic_load(&m->requests),
            (unsigned long long)atomic_load(&m->maps), (unsigned long long)atomic_load(&m->unmaps),
            (unsigned long long)pvg_iosfc_mappings(m));
}
