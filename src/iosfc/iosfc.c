/* SPDX-License-Identifier: MIT */
/*
 * The surface mapper: register window, request ring, interrupt, life cycle, and pictures of mappings (memory 9.2
 * to 9.7).
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

static void record(struct pvg_iosfc *m, enum record_kind kind, const void *words, size_t bytes)
{
    struct recorder *rec = core_recorder(m->core);

    if (recorder_on(rec))
        recorder_add(rec, kind, words, bytes, NULL, 0);
}

static void record_access(struct pvg_iosfc *m, enum record_kind kind, uint64_t offset, uint64_t value, unsigned size)
{
    const uint32_t at = offset > UINT32_MAX ? 0xfffffff8u | (uint32_t)(offset & 7) : (uint32_t)offset;
    const uint32_t words[4] = {at, size, (uint32_t)value, (uint32_t)(value >> 32)};

    record(m, kind, words, sizeof(words));
}

void iosfc_record_state(struct pvg_iosfc *m, enum record_mapper state)
{
    record(m, RECORD_MAPPER, &(uint32_t){state}, sizeof(uint32_t));
}

static uint64_t read_any(struct pvg_iosfc *m, uint64_t offset, unsigned size)
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

uint64_t pvg_iosfc_mmio_read(struct pvg_iosfc *m, uint64_t offset, unsigned size)
{
    uint64_t value = read_any(m, offset, size);

    record_access(m, RECORD_MAPPER_READ, offset, value, size);
    return value;
}

/* The pages on which nothing else may lie (memory 7.5). */
static void tell_pages(struct pvg_iosfc *m)
{
    uint64_t base = atomic_load(reg(m, IOSFC_RING_BASE)), capacity = atomic_load(reg(m, IOSFC_CAPACITY));

    if (!base || capacity > LIMIT_IOSFC_CAPACITY) /* no ring: nothing is served */
        capacity = 0;
    core_set_mapper_pages(m->core, (gpa_t){base}, capacity * IOSFC_ENTRY_BYTES,
                          (gpa_t){atomic_load(reg(m, IOSFC_DESC_TABLE))});
}

void pvg_iosfc_mmio_write(struct pvg_iosfc *m, uint64_t offset, uint64_t value, unsigned size)
{
    uint32_t at = (uint32_t)offset & ~7u;
    uint64_t old, mask = UINT64_MAX;

    record_access(m, RECORD_MAPPER_WRITE, offset, value, size);
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
    else
        tell_pages(m);
}

/* ---- requests ---- */

/* Has a reset or stop overtaken work of @epoch? */
static bool overtaken(struct pvg_iosfc *m, uint64_t epoch)
{
    bool over;

    pthread_mutex_lock(&m->lock);
    over = m->stop || m->epoch != epoch;
    pthread_mutex_unlock(&m->lock);
    return over;
}

/*
 * A quiesced gfx window cuts every pin that waits or is in a callback (gmem.h). To a request of this window that is
 * nothing: true when the step that failed is to be done again, under a new pin.
 */
static bool cut_off(struct pvg_iosfc *m, struct gmem_pin *pin, uint64_t epoch)
{
    if (!pin->cut)
        return false;
    gmem_unpin(pin);
    gmem_pin(m->gmem, pin);
    return !overtaken(m, epoch);
}

/* Take what stands on the old pages of @id. */
static void settle(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t id, uint64_t epoch)
{
    do
        m->hooks.settle(m->hooks.ctx, pin, id);
    while (cut_off(m, pin, epoch));
}

static enum refuse serve_map(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t id, uint64_t epoch)
{
    struct mapping *fresh, *gone, *now = NULL, *old;
    enum refuse why;
    bool replaces;

    do
        why = mapping_resolve(m, pin, id, &fresh);
    while (why && cut_off(m, pin, epoch));
    if (why)
        return why;
    pthread_mutex_lock(&m->lock);
    old = mapping_find(m, id);
    replaces = old && !mapping_same(old, fresh);
    pthread_mutex_unlock(&m->lock);
    if (replaces) /* another surface under an old id: finish with the old one */
        settle(m, pin, id, epoch);
    pthread_mutex_lock(&m->lock);
    gone = fresh;
    if (m->epoch == epoch)
        now = mapping_install(m, fresh, &gone);
    pthread_mutex_unlock(&m->lock);
    mapping_put(gone, pin);
    if (!now)
        return REFUSE_IOSFC_LIMIT;
    atomic_fetch_add(&m->maps, 1);
    return REFUSE_NONE;
}

static enum refuse serve_unmap(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t id, uint64_t epoch)
{
    struct mapping *mapping;

    pthread_mutex_lock(&m->lock);
    mapping = mapping_find(m, id);
    pthread_mutex_unlock(&m->lock);
    if (!mapping) /* nothing stands on it: no reason to wait for the displays */
        return REFUSE_IOSFC_UNMAP;
    settle(m, pin, id, epoch);
    pthread_mutex_lock(&m->lock);
    mapping = mapping_remove(m, id);
    pthread_mutex_unlock(&m->lock);
    if (!mapping)
        return REFUSE_IOSFC_UNMAP;
    mapping_put(mapping, pin);
    atomic_fetch_add(&m->unmaps, 1);
    return REFUSE_NONE;
}

/*
 * Callback mode: through the mapper's own callbacks. The root task's pages, which gmem_write() would use, belong to the
 * gfx window and go when that is disabled.
 */
static int write_result(struct pvg_iosfc *m, struct gmem_pin *pin, gpa_t gpa, const uint8_t result[4])
{
    void *host = NULL;
    bool ok;
    int err;

    if (!m->callbacks)
        return gmem_write(pin, gpa, result, 4);
    gmem_callback_begin(pin);
    ok = m->ops.map_memory(m->opaque, gpa.v, 4, false, &host) && host;
    if (ok) {
        gmem_record_known(m->gmem, gpa.v, 4);
        memcpy(host, result, 4);
        if (!m->ops.unmap_memory(m->opaque, host, 4))
            log_msg(m->log, PVG_LOG_WARN, "mapper: the VMM could not unmap a ring entry");
    }
    err = gmem_callback_end(pin);
    return ok ? 0 : err ? err : PVG_ERR_NOT_RAM;
}

static void record_place(struct pvg_iosfc *m, enum record_kind kind, gpa_t gpa, uint32_t a, uint32_t b)
{
    const uint32_t words[4] = {(uint32_t)gpa.v, (uint32_t)(gpa.v >> 32), a, b};

    record(m, kind, words, kind == RECORD_ANSWER ? 12 : 16);
}

/* One entry of the ring: read once, done, answered in its result word. */
static void serve_entry(struct pvg_iosfc *m, struct gmem_pin *pin, gpa_t gpa, uint64_t epoch)
{
    uint8_t bytes[IOSFC_ENTRY_BYTES], result[4];
    struct iosfc_request req;
    enum refuse why;
    int err;

    do
        err = gmem_read(pin, gpa, bytes, sizeof(bytes));
    while (err && cut_off(m, pin, epoch));
    if (err) {
        log_refuse(m->log, REFUSE_IOSFC_RING_NOT_RAM, "entry at 0x%llx", (unsigned long long)gpa.v);
        return;
    }
    req = iosfc_request_decode(bytes);
    record_place(m, RECORD_REQUEST, gpa, req.operation, req.mapping);
    atomic_fetch_add(&m->requests, 1);
    switch (req.operation) {
    case IOSFC_OP_MAP:
        why = serve_map(m, pin, req.mapping, epoch);
        break;
    case IOSFC_OP_UNMAP:
        why = serve_unmap(m, pin, req.mapping, epoch);
        break;
    default:
        why = REFUSE_IOSFC_OPERATION;
    }
    if (why && overtaken(m, epoch))
        return; /* nobody waits for an answer */
    if (why)
        log_refuse(m->log, why, "request %u, mapping %u", req.operation, req.mapping);
    le32_put(result, why ? 1 : 0);
    record_place(m, RECORD_ANSWER, gpa, le32_get(result), 0);
    do
        err = write_result(m, pin, (gpa_t){gpa.v + IOSFC_ENTRY_RESULT}, result);
    while (err && cut_off(m, pin, epoch));
    if (err)
        log_refuse(m->log, REFUSE_IOSFC_RING_NOT_RAM, "result at 0x%llx", (unsigned long long)gpa.v);
}

/* May the thread go on with work of @epoch? Lock held. */
static bool may_work(const struct pvg_iosfc *m, uint64_t epoch)
{
    return !m->stop && !m->paused && m->epoch == epoch;
}

/* The interrupt that is due, unless more requests have come, behind which it is due again. */
static void raise_interrupt(struct pvg_iosfc *m)
{
    bool raise;

    pthread_mutex_lock(&m->lock);
    raise = m->raise_due && may_work(m, m->epoch) &&
            atomic_load(reg(m, IOSFC_PRODUCER)) == atomic_load(reg(m, IOSFC_CONSUMER));
    if (raise) {
        m->in_callback = true;
        m->raise_due = false;
    }
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
    uint64_t base, capacity, producer, consumer, epoch, i;
    struct iosfc_span span;
    bool done;

    pthread_mutex_lock(&m->lock);
    epoch = m->epoch;
    producer = atomic_load(reg(m, IOSFC_PRODUCER)); /* first: with it is seen what the guest wrote before it */
    consumer = atomic_load(reg(m, IOSFC_CONSUMER));
    base = atomic_load(reg(m, IOSFC_RING_BASE));
    capacity = atomic_load(reg(m, IOSFC_CAPACITY));
    pthread_mutex_unlock(&m->lock);
    span = iosfc_span(base, capacity, producer, consumer);
    if (span.nonsense)
        log_refuse(m->log, REFUSE_IOSFC_INDEX, "producer %llu, consumer %llu, capacity %llu",
                   (unsigned long long)producer, (unsigned long long)consumer, (unsigned long long)capacity);
    pthread_mutex_lock(&m->lock);
    for (i = 0; i < span.count && may_work(m, epoch); i++) {
        struct gmem_pin pin = {.mapper = true};
        uint64_t gpa;
        bool wraps = __builtin_add_overflow(base, (span.first + i) % capacity * IOSFC_ENTRY_BYTES, &gpa);

        m->busy = true;
        pthread_mutex_unlock(&m->lock);
        gmem_pin(m->gmem, &pin);
        if (wraps)
            log_refuse(m->log, REFUSE_IOSFC_RING_NOT_RAM, "ring at 0x%llx", (unsigned long long)base);
        else
            serve_entry(m, &pin, (gpa_t){gpa}, epoch);
        gmem_unpin(&pin);
        pthread_mutex_lock(&m->lock);
        m->busy = false;
        pthread_cond_broadcast(&m->idle);
    }
    /* A pause in the middle: what was served is consumed, so that nothing is served twice. */
    done = i == span.count && (i || may_work(m, epoch));
    if (m->epoch == epoch && span.raise) {
        uint64_t at = consumer + i;

        if (!done && capacity && producer < consumer)
            at %= capacity;
        atomic_store(reg(m, IOSFC_CONSUMER), done ? producer : at);
        m->raise_due = m->raise_due || done; /* raised after the pause, if there is one */
    }
    pthread_mutex_unlock(&m->lock);
    if (done)
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

/* Whoever uses mappings on other threads, so that a reset can wait for it. */
static void reader_enter(struct pvg_iosfc *m)
{
    pthread_mutex_lock(&m->lock);
    m->readers++;
    pthread_mutex_unlock(&m->lock);
}

static void reader_leave(struct pvg_iosfc *m)
{
    pthread_mutex_lock(&m->lock);
    m->readers--;
    pthread_cond_broadcast(&m->idle);
    pthread_mutex_unlock(&m->lock);
}

/* The mapping, resolved on demand: a present may come before its MAP (memory 9.7). A reference for the caller. */
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
    mapping_put(gone, pin);
    if (mapping)
        return REFUSE_NONE;
    return overtaken(m, epoch) ? REFUSE_IOSFC_ID : REFUSE_IOSFC_LIMIT; /* a reset forgets the table */
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

/* Worker: all pages are there, and none is one of the device's own (memory 7.5; in callback mode addresses are not
 * kept). */
static enum refuse check_pages(struct pvg_iosfc *m, struct mapping *mapping, struct gmem_pin *pin)
{
    struct gmem_runs runs = {0};
    enum refuse why = REFUSE_NONE;
    uint64_t print = 0;

    if (mapping_runs(mapping, pin, &runs, &why) && !why)
        why = REFUSE_IOSFC_PAGE;
    for (size_t i = 0; !why && !m->callbacks && i < runs.count; i++)
        print = (print ^ runs.run[i].gpa.v) * 0x100000001b3ull ^ runs.run[i].length_bytes;
    if (!why && (!mapping->checked || print != mapping->checked_print)) {
        if (!m->callbacks && core_any_control(m->core, &runs))
            why = REFUSE_SURFACE_COLLISION;
        mapping->checked = !why;
        mapping->checked_print = print;
    }
    gmem_runs_fini(&runs);
    return why;
}

static enum refuse describe(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t id, struct picture *out)
{
    const struct iosfc_surface *s;
    struct mapping *mapping;
    uint32_t bytes;
    enum refuse why = get_mapping(m, pin, id, &mapping);

    if (why)
        return why;
    s = &mapping->surface;
    bytes = wire_format_bytes(s->format);
    why = bytes ? check_plane(s, bytes) : REFUSE_SURFACE_FORMAT;
    if (!why)
        why = check_pages(m, mapping, pin);
    if (!why)
        *out = (struct picture){.width_px = s->plane[0].width_px,
                                .height_px = s->plane[0].height_px,
                                .format = s->format,
                                .bytes_per_pixel = bytes,
                                .stride_bytes = s->plane[0].stride_bytes,
                                .offset_bytes = s->plane[0].offset_bytes,
                                .backing_bytes = s->size_bytes,
                                .mapping = id};
    mapping_put(mapping, pin);
    return why;
}

static enum refuse find(void *ctx, struct gmem_pin *pin, uint32_t task, uint32_t id, struct picture *out,
                        struct gmem_fault *fault)
{
    struct pvg_iosfc *m = ctx;
    enum refuse why;

    (void)task; /* mapping ids are the device's */
    (void)fault;
    reader_enter(m);
    why = describe(m, pin, id, out);
    reader_leave(m);
    return why;
}

static int read_pixels(void *ctx, struct gmem_pin *pin, const struct picture *pic, uint8_t *dst, size_t dst_stride,
                       struct gmem_runs *scratch, struct gmem_fault *fault)
{
    struct pvg_iosfc *m = ctx;
    struct mapping *mapping;
    int err = PVG_ERR_REFUSED;

    *fault = (struct gmem_fault){.reason = REFUSE_IOSFC_UNMAP};
    pthread_mutex_lock(&m->lock);
    m->readers++;
    mapping = mapping_find(m, pic->mapping);
    if (mapping)
        mapping_get(mapping);
    pthread_mutex_unlock(&m->lock);
    if (mapping && mapping->surface.size_bytes == pic->backing_bytes)
        err = mapping_runs(mapping, pin, scratch, &fault->reason);
    if (!err)
        err = gmem_runs_read_rows(pin, scratch, pic->offset_bytes, pic->stride_bytes, dst, dst_stride,
                                  (size_t)pic->width_px * pic->bytes_per_pixel, pic->height_px);
    if (err)
        gmem_runs_clear(scratch); /* what was read stays, for the recording: its addresses */
    mapping_put(mapping, pin);
    reader_leave(m);
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

static void put_all(struct mapping *all)
{
    for (struct mapping *next; all; all = next) {
        next = all->next;
        mapping_put(all, NULL);
    }
}

void pvg_iosfc_reset(struct pvg_iosfc *m)
{
    struct mapping *all;

    pthread_mutex_lock(&m->lock);
    iosfc_record_state(m, RECORD_MAPPER_RESET);
    m->epoch++;
    m->raise_due = false;
    for (unsigned i = 0; i < IOSFC_REGISTERS; i++)
        atomic_store(&m->reg[i], 0);
    tell_pages(m);
    all = mapping_remove_all(m);
    pthread_mutex_unlock(&m->lock);
    m->hooks.drop(m->hooks.ctx);
    pthread_mutex_lock(&m->lock);
    while (m->busy || m->readers)
        pthread_cond_wait(&m->idle, &m->lock);
    pthread_mutex_unlock(&m->lock);
    put_all(all);
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
    struct mapping *all;
    bool join;

    pthread_mutex_lock(&m->lock);
    join = m->started && !m->stop;
    m->stop = true;
    pthread_mutex_unlock(&m->lock);
    event_signal(&m->wake);
    if (join)
        pthread_join(m->thread, NULL);
    m->hooks.drop(m->hooks.ctx);
    pthread_mutex_lock(&m->lock);
    all = mapping_remove_all(m);
    pthread_mutex_unlock(&m->lock);
    put_all(all);
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
    m->key = hash_key_new();
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
    iosfc_record_state(m, RECORD_MAPPER_THERE);
    *out = m;
    return 0;
}

void pvg_iosfc_free(struct pvg_iosfc *m)
{
    if (!m)
        return;
    iosfc_record_state(m, RECORD_MAPPER_GONE);
    m->hooks.gone(m->hooks.ctx);
    iosfc_stop(m);
    core_set_mapper_pages(m->core, (gpa_t){0}, 0, (gpa_t){0});
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
