/* SPDX-License-Identifier: MIT */
/*
 * The worker: waits for doorbells, completions and requests, gives every FIFO with work its turn, and raises the
 * interrupt. See core.h for how others get it out of guest memory.
 */
#include "core/core_priv.h"

#include "base/thread.h"

/*
 * Insurance against guests that drop doorbells and against lost ones (transport 7.4): after 50 ms at the latest. The slack is
 * longer than the ticks of all kernels, so that going to sleep sets no timer: that is part of the doorbell's time where the
 * guest's core is also the worker's.
 */
#define RESCUE_NS       (40 * NS_PER_MS)
#define RESCUE_SLACK_NS (10 * NS_PER_MS)

void worker_kick(struct core *core, uint32_t fifo_mask)
{
    atomic_fetch_or(&core->doorbells, fifo_mask);
    event_signal(&core->wake);
}

void worker_raise(struct core *core)
{
    atomic_fetch_add(&core->callbacks, 1);
    if (!core_silent(core)) {
        atomic_fetch_add_explicit(&core->interrupts, 1, memory_order_relaxed);
        core->cfg.ops->raise_interrupt(core->cfg.opaque, 0);
    }
    atomic_fetch_sub(&core->callbacks, 1);
    if (core_silent(core))
        event_signal(&core->quiet);
}

/* The worker's own: guest memory is not touched while the VMM handles the interrupt. */
static void raise_if_owed(struct core *core)
{
    if (!core->raise)
        return;
    core->raise = false;
    gmem_callback_begin(&core->pin);
    if (atomic_load(&core->requests))
        event_signal(&core->quiet);
    worker_raise(core);
    (void)gmem_callback_end(&core->pin); /* the pin remembers that it was cut off; the next access fails */
}

/*
 * Enter guest memory, unless somebody wants the worker out of it. The pin comes first: a quiescer that posts its
 * request after the look at it below has then cut the pin off, and one that posted before is seen. The other way round
 * the pin could be newer than the cut, and the worker would go on after a callback during which it had been taken for
 * out.
 */
static bool section_enter(struct core *core)
{
    gmem_pin(core->cfg.gmem, &core->pin);
    atomic_store(&core->in_section, true);
    if (!atomic_load(&core->requests) && !core_silent(core))
        return true;
    gmem_unpin(&core->pin);
    atomic_store(&core->in_section, false);
    event_signal(&core->quiet);
    return false;
}

static void section_leave(struct core *core)
{
    gmem_unpin(&core->pin);
    atomic_store(&core->in_section, false);
    if (atomic_load(&core->requests) || core_silent(core))
        event_signal(&core->quiet);
}

static bool paused(struct core *core)
{
    return atomic_load(&core->paused) && !atomic_load(&core->stopped);
}

static void drop_all(struct core *core)
{
    for (uint32_t i = 0; i < LIMIT_FIFOS; i++)
        fifo_close(core, &core->fifos[i]);
    for (unsigned i = 0; i < core->observer_count; i++)
        if (core->observers[i].reset)
            core->observers[i].reset(core->observers[i].ctx);
    task_drop_all(core);
    gmem_root_drop(core->cfg.gmem);
    core->raise = false;
}

/*
 * Carry out requests: the worker is outside its section. Not before who made them has everybody else out of guest memory: in
 * callback mode that goes with the tasks. The VMM hears of those: not while it is paused.
 */
static void carry_out(struct core *core)
{
    uint32_t requests;

    if (!atomic_load(&core->requests))
        return;
    atomic_fetch_add(&core->callbacks, 1);
    pthread_mutex_lock(&core->quiesce_lock);
    requests = paused(core) ? 0 : atomic_exchange(&core->requests, 0);
    pthread_mutex_unlock(&core->quiesce_lock);
    if (requests)
        drop_all(core);
    atomic_fetch_sub(&core->callbacks, 1);
    if (core_silent(core))
        event_signal(&core->quiet);
}

static uint32_t active_fifos(struct core *core)
{
    uint32_t mask = 0;

    for (uint32_t i = 0; i < LIMIT_FIFOS; i++)
        mask |= (uint32_t)core->fifos[i].defined << i;
    return mask;
}

/*
 * The doorbells that came since the last look. The one that announces an enable may be the last that ever comes, so
 * whoever takes doorbells looks at FIFO_CONTROL too.
 */
static uint32_t take_doorbells(struct core *core)
{
    uint32_t mask = atomic_exchange(&core->doorbells, 0);

    fifo_open_root(core);
    return mask;
}

/* Serve every FIFO in @work until nothing moves. Returns the FIFOs that wait for a time; *@until: the earliest. */
static uint32_t serve(struct core *core, uint32_t work, uint64_t *until)
{
    uint32_t held = 0;

    *until = 0;
    do {
        uint32_t more = 0;

        core->progress = false;
        for (uint32_t i = 0; i < LIMIT_FIFOS; i++) {
            struct fifo *f = &core->fifos[i];
            enum fifo_state state;

            if (!(work >> i & 1))
                continue;
            state = fifo_serve(core, f);
            atomic_store_explicit(&f->shown_state, state, memory_order_relaxed);
            raise_if_owed(core);
            if (core->pin.cut) { /* what is left of this round is for the next section, which has a pin of its own */
                worker_kick(core, work | held | core->blocked);
                return 0;
            }
            core->blocked &= ~(1u << i);
            if (state == FIFO_MORE)
                more |= 1u << i;
            else if (state == FIFO_BARRIER)
                core->blocked |= 1u << i;
            else if (state == FIFO_HELD) {
                held |= 1u << i;
                if (!*until || f->retry_ns < *until)
                    *until = f->retry_ns;
            }
        }
        /* A stamp may have met a barrier; doorbells that arrived meanwhile join. */
        work = more | take_doorbells(core) | (core->progress ? core->blocked : 0);
    } while (work && !atomic_load(&core->requests) && !core_silent(core));
    worker_kick(core, work);
    return held;
}

static void wait_for_work(struct core *core, uint64_t until)
{
    uint32_t seq = event_seq(&core->wake);

    if (!atomic_load(&core->doorbells) && !atomic_load(&core->requests))
        event_wait(&core->wake, seq, until);
}

/* Doorbells and requests stay pending. */
static void wait_while_paused(struct core *core)
{
    while (paused(core)) {
        uint32_t seq = event_seq(&core->wake);

        if (paused(core))
            event_wait(&core->wake, seq, 0);
    }
}

void *worker_main(void *arg)
{
    struct core *core = arg;
    const struct pvg_host_ops *ops = core->cfg.ops;
    uint64_t until = 0, rescue = 0;
    uint32_t held = 0;
    bool exact = false; /* a packet that is held is tried again on time */

    thread_prefer_latency();
    thread_timer_slack(RESCUE_SLACK_NS);
    if (ops->thread_enter)
        ops->thread_enter(core->cfg.opaque, "pvg-worker");
    while (!atomic_load(&core->stopped)) {
        uint32_t work;

        if (exact != (until != 0)) {
            exact = until != 0;
            thread_timer_slack(exact ? 0 : RESCUE_SLACK_NS);
        }
        if (active_fifos(core))
            wait_for_work(core, until && until < rescue ? until : rescue);
        else
            wait_for_work(core, 0);
        wait_while_paused(core);
        carry_out(core);
        if (!section_enter(core))
            continue;
        /* An interrupt may have been withheld while paused, also where the pause was over before this thread saw it. */
        if (atomic_exchange(&core->unpaused, false))
            core->raise = core->raise || atomic_load(&core->regs.stamp_events) ||
                          atomic_load(&core->regs.display_events) || atomic_load(&core->regs.intr_fault);
        work = take_doorbells(core) | held;
        if (clock_now_ns() >= rescue) {
            work |= active_fifos(core);
            rescue = clock_now_ns() + RESCUE_NS;
        }
        raise_if_owed(core);
        held = serve(core, work, &until);
        section_leave(core);
    }
    carry_out(core);
    if (ops->thread_leave)
        ops->thread_leave(core->cfg.opaque);
    atomic_store(&core->worker_gone, true);
    event_signal(&core->quiet);
    return NULL;
}
