/* SPDX-License-Identifier: MIT */
/*
 * Creation, registration and life cycle of core, and the handshake that takes the worker out of guest memory (core.h).
 */
#include "core/core_priv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

/* A quiescer says so when guest memory is let go of later than this. */
#define SLOW_QUIESCE_NS (1 * NS_PER_S)

int core_new(const struct core_config *config, struct core **out)
{
    struct core *core = calloc(1, sizeof(*core));

    *out = NULL;
    if (!core)
        return PVG_ERR_NOMEM;
    core->cfg = *config;
    core->page_shift = gmem_page_shift(config->gmem);
    core->stamp_cells = (1u << core->page_shift) / 4;
    pthread_mutex_init(&core->quiesce_lock, NULL);
    for (uint32_t i = 0; i < LIMIT_FIFOS; i++)
        fifo_init(&core->fifos[i], i);
    command_register(core);
    task_register(core);
    *out = core;
    return 0;
}

void core_handle(struct core *core, uint32_t opcode, core_handler handler, void *ctx)
{
    assert(!core->handlers[opcode].fn);
    core->handlers[opcode].fn = handler;
    core->handlers[opcode].ctx = ctx;
}

void core_observe(struct core *core, const struct core_observer *observer)
{
    assert(core->observer_count < CORE_OBSERVERS);
    core->observers[core->observer_count++] = *observer;
}

void core_display_regs(struct core *core, const struct core_display_regs *regs)
{
    core->display_regs = *regs;
}

int core_start(struct core *core)
{
    if (thread_start(&core->worker, "pvg-worker", worker_main, core))
        return PVG_ERR_SYSTEM;
    core->started = true;
    return 0;
}

void core_free(struct core *core)
{
    if (!core)
        return;
    core_stop(core);
    if (core->started)
        pthread_join(core->worker, NULL);
    else
        task_drop_all(core);
    for (uint32_t i = 0; i < LIMIT_FIFOS; i++)
        fifo_fini(&core->fifos[i]);
    pthread_mutex_destroy(&core->quiesce_lock);
    free(core);
}

/* Is the worker (seen from another thread) unable to touch guest memory until it has looked at the requests? */
static bool worker_is_out(struct core *core, bool callbacks_too)
{
    if (callbacks_too)
        return !atomic_load(&core->in_section) && !atomic_load(&core->callbacks);
    return !atomic_load(&core->in_section) || atomic_load(&core->pin.in_callback);
}

static void wait_worker_out(struct core *core, bool callbacks_too)
{
    if (!core->started || pthread_equal(pthread_self(), core->worker))
        return;
    for (;;) {
        uint32_t seq = event_seq(&core->quiet);

        if (worker_is_out(core, callbacks_too))
            return;
        event_wait(&core->quiet, seq, clock_now_ns() + 10 * NS_PER_MS);
    }
}

/* No lock held. */
static void say_how_long(struct core *core, uint64_t begin)
{
    uint64_t ns = clock_now_ns() - begin;

    if (ns > SLOW_QUIESCE_NS)
        log_msg(core->cfg.log, PVG_LOG_WARN, "device was slow to let go of guest memory: %llu ms",
                (unsigned long long)(ns / NS_PER_MS));
}

/* Post @request, get worker and observers out of guest memory, and clear what the guest sees. */
static void quiesce(struct core *core, uint32_t request)
{
    struct regs *r = &core->regs;

    atomic_fetch_or(&core->requests, request);
    gmem_cut(core->cfg.gmem);
    event_signal(&core->wake);
    wait_worker_out(core, false);
    for (unsigned i = 0; i < core->observer_count; i++)
        if (core->observers[i].teardown)
            core->observers[i].teardown(core->observers[i].ctx, request != CTL_TEARDOWN);

    atomic_store(&r->root_producer, 0);
    atomic_store(&r->root_consumer, 0);
    atomic_store(&r->display_events, 0);
    atomic_store(&r->stamp_events, 0);
    atomic_store(&r->intr_fault, 0);
    atomic_store(&r->root_fault_offset, 0);
    atomic_store(&core->doorbells, 0);
    atomic_store(&core->resumes, 0);
}

/* FIFO_CONTROL := 0 (transport 2.1). Called by the register write. */
void core_disable(struct core *core)
{
    uint64_t begin = clock_now_ns();

    pthread_mutex_lock(&core->quiesce_lock);
    atomic_store(&core->regs.fifo_control, 0);
    quiesce(core, CTL_TEARDOWN);
    pthread_mutex_unlock(&core->quiesce_lock);
    say_how_long(core, begin);
}

void core_reset(struct core *core)
{
    struct regs *r = &core->regs;
    uint64_t begin = clock_now_ns();

    pthread_mutex_lock(&core->quiesce_lock);
    if (recorder_on(core->cfg.recorder))
        recorder_add(core->cfg.recorder, RECORD_RESET, NULL, 0, NULL, 0);
    atomic_store(&r->fifo_control, 0);
    quiesce(core, CTL_RESET);
    atomic_store(&r->root_fifo_length, 0);
    atomic_store(&r->root_fifo_start, 0);
    atomic_store(&r->root_fifo_pfn, 0);
    atomic_store(&r->root_page_pfn, 0);
    atomic_store(&r->version, 0);
    pthread_mutex_unlock(&core->quiesce_lock);
    say_how_long(core, begin);
}

/* Not under quiesce_lock: this waits for callbacks, and a register write that takes the lock must not (T-5). */
void core_pause(struct core *core)
{
    atomic_store(&core->paused, true);
    event_signal(&core->wake);
    wait_worker_out(core, true);
}

void core_unpause(struct core *core)
{
    atomic_store(&core->paused, false);
    atomic_store(&core->unpaused, true);
    worker_kick(core, UINT32_MAX);
}

void core_stop(struct core *core)
{
    pthread_mutex_lock(&core->quiesce_lock);
    if (!atomic_exchange(&core->stopped, true))
        quiesce(core, CTL_STOP);
    pthread_mutex_unlock(&core->quiesce_lock);
    while (core->started && !atomic_load(&core->worker_gone)) {
        uint32_t seq = event_seq(&core->quiet);

        if (!atomic_load(&core->worker_gone))
            event_wait(&core->quiet, seq, 0);
    }
    wait_worker_out(core, true);
}

bool core_stopped(struct core *core)
{
    return atomic_load(&core->stopped);
}

bool core_silent(struct core *core)
{
    return atomic_load(&core->stopped) || atomic_load(&core->paused);
}

void core_complete(struct core *core, struct core_ticket ticket)
{
    uint64_t expect = ticket.generation << 1;

    if (atomic_compare_exchange_strong(&core->fifos[ticket.fifo].pending[ticket.slot].state, &expect, expect | 1))
        worker_kick(core, 1u << ticket.fifo);
}

/* Publication is what the guest sees; retirement alone is not (fifo.c, publish()). */
void core_wait_published(struct core *core, struct core_ticket ticket, uint64_t until_ns)
{
    struct fifo *f = &core->fifos[ticket.fifo];

    for (;;) {
        uint32_t seq = event_seq(&core->published);

        if (atomic_load(&f->published_generation) >= ticket.generation || clock_now_ns() >= until_ns)
            return;
        event_wait(&core->published, seq, until_ns);
    }
}

void core_display_event(struct core *core, uint32_t port)
{
    atomic_fetch_or(&core->regs.display_events, 1u << port);
    worker_raise(core);
}

void core_refuse(struct core *core, const struct core_cmd *cmd, enum refuse reason, const char *fmt, ...)
{
    struct fifo *f = &core->fifos[cmd->channel];
    char details[256];
    va_list ap;

    if (core->pin.cut) /* what failed was an access after a reset, not the guest */
        return;
    va_start(ap, fmt);
    vsnprintf(details, sizeof(details), fmt, ap);
    va_end(ap);
    log_refuse(core->cfg.log, reason, "channel %u, %s: %s", cmd->channel, opcode_info(cmd->opcode)->name, details);
    atomic_fetch_add_explicit(&f->refused, 1, memory_order_relaxed);
    if (core->cfg.flags & PVG_DEVICE_STRICT)
        f->fault_after = true;
}

void core_refuse_fault(struct core *core, const struct core_cmd *cmd, const struct gmem_fault *fault, const char *what)
{
    core_refuse(core, cmd, fault->reason, "%s: address 0x%llx, level %u, entry 0x%x", what,
                (unsigned long long)fault->gva.v, fault->level, fault->entry);
}

void core_settle(struct core *core, struct gmem_pin *pin, uint32_t task, gva_t gva, uint64_t length)
{
    for (unsigned i = 0; i < core->observer_count; i++)
        if (core->observers[i].settle)
            core->observers[i].settle(core->observers[i].ctx, pin, task, gva, length);
}

/* ---- control pages ---- */

void core_set_mapper_pages(struct core *core, gpa_t ring, uint64_t ring_bytes, gpa_t table)
{
    atomic_store(&core->mapper_ring, ring.v);
    atomic_store(&core->mapper_ring_bytes, ring_bytes);
    atomic_store(&core->mapper_table, table.v);
}

bool spans_touch(const struct spans *s, uint64_t gpa, uint64_t length)
{
    size_t lo = 0, hi = s->count;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->span[mid].end <= gpa)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->count && s->span[lo].start < gpa + length;
}

static bool spans_touch_mapper(struct core *core, const struct spans *s)
{
    uint64_t page = 1ull << core->page_shift, bytes = atomic_load(&core->mapper_ring_bytes);
    uint64_t table = atomic_load(&core->mapper_table);

    return (bytes && spans_touch(s, atomic_load(&core->mapper_ring), bytes)) ||
           (table && spans_touch(s, table & ~(page - 1), page));
}

static bool spans_are_control(struct core *core, const struct spans *s)
{
    uint64_t page = 1ull << core->page_shift;
    struct regs *r = &core->regs;

    if (spans_touch(s, (uint64_t)atomic_load(&r->enabled_pfn) << core->page_shift, atomic_load(&r->enabled_length)) ||
        spans_touch(s, (uint64_t)atomic_load(&r->root_page_pfn) << core->page_shift, page))
        return true;
    for (uint32_t i = 1; i < LIMIT_FIFOS; i++) {
        const struct fifo *f = &core->fifos[i];

        if (!f->defined)
            continue;
        if (spans_touch(s, (uint64_t)f->list_pfn << core->page_shift, page))
            return true;
        for (uint32_t p = 0; p < f->page_count; p++)
            if (spans_touch(s, (uint64_t)f->pages[p] << core->page_shift, page))
                return true;
    }
    return task_uses_page(core, s) || spans_touch_mapper(core, s);
}

bool core_is_control(struct core *core, gpa_t gpa, uint64_t length)
{
    return spans_are_control(core, &(struct spans){&(struct span){gpa.v, gpa.v + length}, 1});
}

static int by_start(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    return (x->start > y->start) - (x->start < y->start);
}

/*
 * A guest can have 130000 control pages and a surface of 260000: the pages of one are sorted, so that the work is their sum
 * and not their product, which would be a minute for each present.
 */
bool core_any_control(struct core *core, const struct gmem_runs *runs)
{
    struct span *span = malloc((runs->count + 1) * sizeof(*span));
    size_t count = 0, n = 0;
    bool sorted = true, hit;

    if (!span)
        return true; /* not known to be harmless */
    for (size_t i = 0; i < runs->count; i++) {
        const struct gmem_run *r = &runs->run[i];

        if (r->gpa.v == UINT64_MAX)
            continue;
        sorted = sorted && (!count || span[count - 1].start <= r->gpa.v);
        span[count++] = (struct span){r->gpa.v, r->gpa.v + r->length_bytes};
    }
    if (!sorted)
        qsort(span, count, sizeof(*span), by_start);
    for (size_t i = 1; i < count; i++) { /* the same page may be there twice */
        if (span[i].start > span[n].end)
            span[++n] = span[i];
        else if (span[i].end > span[n].end)
            span[n].end = span[i].end;
    }
    hit = spans_are_control(core, &(struct spans){span, count ? n + 1 : 0});
    free(span);
    return hit;
}

struct gmem *core_gmem(struct core *core)
{
    return core->cfg.gmem;
}

struct log *core_log(struct core *core)
{
    return core->cfg.log;
}

const struct pvg_host_ops *core_ops(struct core *core)
{
    return core->cfg.ops;
}

void *core_opaque(struct core *core)
{
    return core->cfg.opaque;
}

uint32_t core_version(struct core *core)
{
    return atomic_load(&core->regs.version);
}

bool core_enabled(struct core *core)
{
    return atomic_load(&core->regs.fifo_control) != 0;
}

struct recorder *core_recorder(struct core *core)
{
    return core->cfg.recorder;
}
