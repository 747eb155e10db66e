/* SPDX-License-Identifier: MIT */
/*
 * A monitor's clock: one thread that keeps the refresh grid, takes the standing present at its tick, signals online, offline,
 * vertical blank and transaction events, samples the pointer, and tells the VMM (display 5.2, 6.3; docs/architecture.md 3.4).
 *
 * At a tick the order is: picture, stamp published, vertical blank. A guest that flips to every vertical blank then sees its
 * stamp in time.
 */
#include "display/display_priv.h"

#include <string.h>

#include "base/thread.h"

#define FAST_POLL_NS     (1 * NS_PER_MS)  /* of the enabled word, when a one-shot guest re-arms at any moment */
#define SLOW_POLL_NS     (4 * NS_PER_MS)
#define HANDSHAKE_NS     (2 * NS_PER_MS)  /* first pulse: at most this late (display 5.2 asks for 4 ms) */
#define FAST_POLLS       8
#define SLOW_POLLS       64
#define PULSE_NS         (200 * NS_PER_MS)
#define PULSE_TAKEN_NS   (1 * NS_PER_S)   /* the guest took the event and has not answered */
#define PULSES_MAX       150
#define ONLINE_PATIENCE_NS (30 * NS_PER_S)
#define MODES_DEBOUNCE_NS  (500 * NS_PER_MS)
#define POOL_NS          (1 * NS_PER_S)   /* without a new picture: memory of old ones is given back */
#define PUBLISH_WAIT_NS  (5 * NS_PER_MS)  /* at most, between a picture and its vertical blank */

/* State of one wake-up. */
struct round {
    struct pvg_display *disp;
    struct pipe *pipe;
    uint64_t now;
    uint64_t next;        /* earliest reason to wake again; UINT64_MAX: none */
    unsigned idle_polls;  /* polls of the enabled word in a row that found nothing armed; kept over rounds */
    uint32_t enabled;     /* as recorded last; kept over rounds */
    uint64_t composed_ns; /* when the pointer was drawn last, and into which picture; kept over rounds */
    uint64_t composed;
    uint64_t sample_ns; /* the pointer is looked at next, at the earliest; kept over rounds */
};

static void wake_at(struct round *r, uint64_t at_ns)
{
    if (at_ns < r->next)
        r->next = at_ns;
}

/* First point of the refresh grid after @after. */
static uint64_t tick_after(const struct pipe *pipe, uint64_t period, uint64_t after)
{
    if (after < pipe->grid_ns)
        return pipe->grid_ns;
    return pipe->grid_ns + ((after - pipe->grid_ns) / period + 1) * period;
}

/* Set event bits that are enabled, and tell the guest. Section open, lock not held. Returns the bits set. */
static uint32_t signal_events(struct round *r, uint32_t bits)
{
    _Atomic uint32_t *enabled = pipe_word(r->pipe, &r->disp->pin, SHARED_ENABLED);
    _Atomic uint32_t *pending = pipe_word(r->pipe, &r->disp->pin, SHARED_PENDING);
    uint32_t armed;

    if (!enabled || !pending)
        return 0;
    armed = atomic_load(enabled);
    if (armed != r->enabled) {
        pipe_record_word(r->pipe, SHARED_ENABLED, armed);
        r->enabled = armed;
    }
    bits &= armed;
    if (bits)
        atomic_fetch_or(pending, bits);
    return bits;
}

static void raise_event(struct round *r, uint32_t bits)
{
    struct pipe *pipe = r->pipe;

    if (!bits)
        return;
    atomic_fetch_add(&pipe->vblanks, !!(bits & EVENT_VBL));
    atomic_fetch_add(&pipe->transactions, !!(bits & EVENT_TRANSACTION));
    atomic_fetch_add(&pipe->onlines, !!(bits & EVENT_ONLINE));
    core_display_event(pipe->set->cfg.core, pipe->port);
}

/* ---- online and offline ---- */

/* Lock held: is it time for (another) online pulse? @pending: the page's word. */
static bool pulse_due(struct round *r, uint32_t pending)
{
    struct pipe *pipe = r->pipe;
    uint64_t since = r->now - pipe->pulse_ns;

    if (pipe->online == ONLINE_ARMED)
        return true;
    if (pipe->online != ONLINE_SIGNALLED || pipe->pulses >= PULSES_MAX)
        return false;
    return pending & EVENT_ONLINE ? since >= PULSE_NS : since >= PULSE_TAKEN_NS;
}

/* Section open, lock held (dropped meanwhile). */
static uint32_t online_step(struct round *r)
{
    struct pipe *pipe = r->pipe;
    struct pvg_display *disp = r->disp;
    _Atomic uint32_t *pending;
    uint32_t bits = 0, pulses;
    bool gives_up;

    if (!disp->connected || !disp->mode_count) {
        bool due = pipe->offline_due;

        pipe->offline_due = false;
        if (!due)
            return 0;
        pipe->online = ONLINE_OFF;
        pthread_mutex_unlock(&pipe->lock);
        bits = signal_events(r, EVENT_OFFLINE);
        pthread_mutex_lock(&pipe->lock);
        return bits;
    }
    if (pipe->refill && (pipe->online == ONLINE_OFF || pipe->online == ONLINE_ARMED))
        return 0; /* the page still shows what was there before: refill_step() arms */
    if (pipe->online == ONLINE_OFF)
        pipe->online = ONLINE_ARMED;
    if (pipe->online == ONLINE_ACKNOWLEDGED)
        return 0;
    /* armed may be later than this round */
    gives_up = !pipe->online_gave_up && r->now > pipe->armed_ns + ONLINE_PATIENCE_NS;
    pipe->online_gave_up = pipe->online_gave_up || gives_up;
    pulses = pipe->pulses;
    wake_at(r, r->now + (pipe->online_gave_up ? SLOW_POLL_NS * 4 : HANDSHAKE_NS));
    pthread_mutex_unlock(&pipe->lock);
    if (gives_up)
        log_refuse(core_log(pipe->set->cfg.core), REFUSE_ONLINE_TIMEOUT, "port %u: %u pulses in %llu s", pipe->port,
                   pulses, ONLINE_PATIENCE_NS / NS_PER_S);
    pending = pipe_word(pipe, &disp->pin, SHARED_PENDING);
    pthread_mutex_lock(&pipe->lock);
    if (pending && pulse_due(r, atomic_load(pending))) {
        pthread_mutex_unlock(&pipe->lock);
        bits = signal_events(r, EVENT_ONLINE);
        pthread_mutex_lock(&pipe->lock);
        if (bits) {
            if (pipe->online == ONLINE_ARMED)
                pipe->online = ONLINE_SIGNALLED;
            pipe->pulses++;
            pipe->pulse_ns = r->now;
        }
    }
    return bits;
}

/* Section open, lock held: a replaced mode list goes to the page, at most twice a second (display 5.4). */
static void refill_step(struct round *r)
{
    struct pipe *pipe = r->pipe;
    struct pvg_display *disp = r->disp;

    if (!pipe->refill)
        return;
    /* The list may be newer than this round: the first one waits for nothing. */
    if (pipe->online == ONLINE_SIGNALLED || (pipe->acknowledged && r->now < disp->modes_ns + MODES_DEBOUNCE_NS)) {
        /* never before the acknowledgement of what was signalled last */
        wake_at(r, pipe->online == ONLINE_SIGNALLED ? r->now + SLOW_POLL_NS : disp->modes_ns + MODES_DEBOUNCE_NS);
        if (!pipe->online_gave_up)
            return;
    }
    pthread_mutex_unlock(&pipe->lock);
    pipe_fill(pipe, &disp->pin);
    pthread_mutex_lock(&pipe->lock);
    pipe->online = ONLINE_ARMED;
    pipe->armed_ns = r->now;
    pipe->pulses = 0;
}

/* ---- refresh ---- */

/* Section open, lock held (dropped meanwhile): whatever of classes 0 and 1 is armed (display 6.3). */
static uint32_t vblank_step(struct round *r)
{
    struct pipe *pipe = r->pipe;
    uint64_t period = r->disp->period_ns, due = pipe->grid_ns + period;
    uint32_t bits;

    if (pipe->online != ONLINE_ACKNOWLEDGED)
        return 0;
    if (r->now < due) {
        wake_at(r, due);
        return 0;
    }
    pthread_mutex_unlock(&pipe->lock);
    bits = signal_events(r, EVENT_VBL | EVENT_TRANSACTION);
    pthread_mutex_lock(&pipe->lock);
    if (!bits) {
        /* The slot is not consumed: a one-shot guest that re-arms late still gets it. */
        uint64_t poll = r->idle_polls < FAST_POLLS ? FAST_POLL_NS : r->idle_polls < SLOW_POLLS ? SLOW_POLL_NS : period;

        r->idle_polls++;
        wake_at(r, r->now + poll);
        return 0;
    }
    r->idle_polls = 0;
    /* After a stall the missed slots are skipped and the phase stays, as a monitor's does: no burst, and no drift. */
    pipe->grid_ns += (r->now - pipe->grid_ns) / period * period;
    wake_at(r, pipe->grid_ns + period);
    return bits;
}

/* Lock held: is the standing present to be taken now? */
static bool take_due(struct round *r)
{
    struct pipe *pipe = r->pipe;
    uint64_t period = r->disp->period_ns, tick;

    if (!pipe->standing.there)
        return false;
    tick = tick_after(pipe, period, pipe->standing.accepted_ns);
    if (pipe->set->cfg.hold_presents && pipe->unpulled >= 2 && r->now < pipe->taken_ns + 2 * period)
        tick = pipe->taken_ns + 2 * period; /* two frames not pulled: hold, but not for ever (display 7.5(3)) */
    if (r->now >= tick)
        return true;
    wake_at(r, tick);
    return false;
}

/* Lock held (dropped meanwhile). */
static void take_step(struct round *r)
{
    struct pipe *pipe = r->pipe;
    struct core *core = pipe->set->cfg.core;
    struct core_ticket ticket;

    if (!take_due(r) || !present_take(pipe, &r->disp->pin, &ticket))
        return;
    pthread_mutex_unlock(&pipe->lock);
    core_complete(core, ticket);
    core_wait_published(core, ticket, clock_now_ns() + PUBLISH_WAIT_NS);
    pthread_mutex_lock(&pipe->lock);
}

/* Lock held: give the memory of old pictures back when no new one comes. */
static void rest_step(struct round *r)
{
    struct pipe *pipe = r->pipe;
    uint64_t due = (pipe->taken_ns > pipe->scan_ns ? pipe->taken_ns : pipe->scan_ns) + POOL_NS;

    if (!pipe->pool_used)
        return;
    if (r->now < due) {
        wake_at(r, due);
        return;
    }
    present_rest(pipe);
    pipe->pool_used = false;
}

/*
 * Section open, lock held (dropped meanwhile). Of many moves one in half a refresh is told: while the doorbell waits to be
 * taken, another wakes nobody. A new image comes with its position.
 */
static void pointer_step(struct round *r)
{
    struct pipe *pipe = r->pipe;

    if (!atomic_load(&pipe->doorbell))
        return;
    if (r->now < r->sample_ns && !pipe->tell_glyph) {
        wake_at(r, r->sample_ns);
        return;
    }
    (void)atomic_exchange(&pipe->doorbell, false); /* what was written before it rang is seen */
    r->sample_ns = r->now + r->disp->period_ns / 2;
    pthread_mutex_unlock(&pipe->lock);
    cursor_sample(pipe, &r->disp->pin);
    pthread_mutex_lock(&pipe->lock);
}

/* Everything that touches guest memory. */
static void guest_step(struct round *r)
{
    struct pipe *pipe = r->pipe;
    struct gmem_pin *pin = &r->disp->pin;
    uint32_t bits = 0;

    gmem_pin(core_gmem(pipe->set->cfg.core), pin);
    pthread_mutex_lock(&pipe->lock);
    /* With the lock held: pause and stop set their flag first and then wait for `busy` under it. */
    if (core_silent(pipe->set->cfg.core) || atomic_load(&r->disp->stop))
        goto out;
    take_step(r);
    if (core_silent(pipe->set->cfg.core) || !section_enter(pipe, pin))
        goto out;
    if (pipe->shared_gpa) {
        pointer_step(r);
        refill_step(r);
        bits = online_step(r);
        bits |= vblank_step(r);
    }
    wake_at(r, firmware_step(pipe, pin, r->now));
    section_leave(pipe);
    rest_step(r);
out:
    pthread_mutex_unlock(&pipe->lock);
    gmem_unpin(pin);
    raise_event(r, bits);
}

/* ---- telling the VMM ---- */

/*
 * Draw the pointer into a copy of the newest picture (the seed's manual cursor; display 9.3). Where it has gone again the
 * picture under it becomes a new frame too: a frame's sequence only grows.
 */
static void compose_step(struct round *r)
{
    struct pipe *pipe = r->pipe;
    struct pvg_frame *base = NULL, *frame;
    struct glyph *glyph = NULL;
    struct pvg_coord at = {0};
    bool copy;

    pthread_mutex_lock(&pipe->lock);
    /* A guest may move its pointer without end: into the same picture it is drawn once a refresh. */
    if (pipe->compose && pipe->base && pipe->base->sequence == r->composed &&
        r->now < r->composed_ns + r->disp->period_ns) {
        wake_at(r, r->composed_ns + r->disp->period_ns);
        pthread_mutex_unlock(&pipe->lock);
        return;
    }
    if (pipe->compose && pipe->base) {
        base = frame_ref(pipe->base);
        at = pipe->cursor;
        if (r->disp->draw_cursor && pipe->cursor_visible && at.x != 0xffff)
            glyph = glyph_ref(pipe->glyph);
    }
    /* The picture itself will do, unless the pointer goes in or comes out of what is shown already. */
    copy = base && (glyph || (pipe->front && pipe->front->sequence > base->sequence));
    pipe->compose = false;
    pthread_mutex_unlock(&pipe->lock);
    if (!base)
        return;
    frame = copy ? frame_new(pipe->pool, base->width_px, base->height_px) : frame_ref(base);
    if (frame && copy)
        memcpy(frame->pixels, base->pixels, (size_t)base->stride_bytes * base->height_px);
    if (frame && glyph)
        pixels_draw_cursor(frame, &glyph->image, at.x - glyph->image.hot_x_px, at.y - glyph->image.hot_y_px);
    pthread_mutex_lock(&pipe->lock);
    if (frame && pipe->base == base && pipe->front != frame) {
        if (copy)
            frame->sequence = ++pipe->sequence;
        frame_unref(pipe->front);
        pipe->front = frame_ref(frame);
        if (copy && !glyph) {
            frame_unref(pipe->base);
            pipe->base = frame_ref(frame);
        }
        if (copy) {
            r->composed = pipe->base->sequence;
            r->composed_ns = r->now;
        }
    }
    pthread_mutex_unlock(&pipe->lock);
    frame_unref(frame);
    frame_unref(base);
    glyph_unref(glyph);
}

/* What there is to tell, taken under the lock, told without it. */
struct news {
    bool mode, frame, glyph, show, move;
    uint32_t width, height;
    uint64_t sequence;
    struct glyph *image;
    bool visible;
    struct pvg_coord at;
};

static bool collect(struct round *r, struct news *n)
{
    struct pipe *pipe = r->pipe;
    struct pvg_display *disp = r->disp;

    *n = (struct news){0};
    if (core_silent(pipe->set->cfg.core) || atomic_load(&disp->stop))
        return false;
    if (pipe->front && pipe->front->sequence != disp->told_sequence) {
        n->width = pipe->front->width_px;
        n->height = pipe->front->height_px;
        n->sequence = disp->told_sequence = pipe->front->sequence;
        n->mode = n->width != disp->told_width || n->height != disp->told_height;
        n->frame = true;
        disp->told_width = n->width;
        disp->told_height = n->height;
    }
    n->glyph = pipe->tell_glyph && pipe->glyph;
    n->image = n->glyph ? glyph_ref(pipe->glyph) : NULL;
    n->show = pipe->tell_show;
    n->visible = pipe->cursor_visible;
    n->move = pipe->tell_move;
    n->at = pipe->cursor;
    pipe->tell_glyph = pipe->tell_show = pipe->tell_move = false;
    return n->frame || n->glyph || n->show || n->move;
}

static void tell_step(struct round *r)
{
    struct pipe *pipe = r->pipe;
    const struct pvg_display_ops *ops = &r->disp->ops;
    void *opaque = r->disp->opaque;
    struct news n;
    bool any;

    pthread_mutex_lock(&pipe->lock);
    any = collect(r, &n);
    r->disp->in_callback = any;
    pthread_mutex_unlock(&pipe->lock);
    if (!any)
        return;
    if (n.mode && ops->on_mode)
        ops->on_mode(opaque, n.width, n.height, PVG_FOURCC_BGRA);
    if (n.frame && ops->on_frame)
        ops->on_frame(opaque, n.sequence);
    if (n.glyph && ops->on_cursor)
        ops->on_cursor(opaque, &n.image->image);
    if (n.show && ops->on_cursor_show)
        ops->on_cursor_show(opaque, n.visible);
    if (n.move && ops->on_cursor_move)
        ops->on_cursor_move(opaque, n.at.x, n.at.y);
    glyph_unref(n.image);
    pthread_mutex_lock(&pipe->lock);
    r->disp->in_callback = false;
    pthread_cond_broadcast(&pipe->idle);
    pthread_mutex_unlock(&pipe->lock);
}

/* ---- the thread ---- */

/* The monitor goes away for good: tell the guest while its page is still ours to write. */
static void unplug(struct round *r)
{
    struct pipe *pipe = r->pipe;
    uint32_t bits = 0;

    gmem_pin(core_gmem(pipe->set->cfg.core), &r->disp->pin);
    pthread_mutex_lock(&pipe->lock);
    if (!core_silent(pipe->set->cfg.core) && pipe->shared_gpa && section_enter(pipe, &r->disp->pin)) {
        pthread_mutex_unlock(&pipe->lock);
        bits = signal_events(r, EVENT_OFFLINE);
        pthread_mutex_lock(&pipe->lock);
        pipe->online = ONLINE_OFF;
        section_leave(pipe);
    }
    pthread_mutex_unlock(&pipe->lock);
    gmem_unpin(&r->disp->pin);
    raise_event(r, bits);
}

void *clock_main(void *arg)
{
    struct pvg_display *disp = arg;
    struct pipe *pipe = disp->pipe;
    struct core *core = pipe->set->cfg.core;
    const struct pvg_host_ops *host = core_ops(core);
    struct round r = {.disp = disp, .pipe = pipe};

    thread_prefer_latency();
    if (host->thread_enter)
        host->thread_enter(core_opaque(core), "pvg-display");
    pthread_mutex_lock(&pipe->lock);
    pipe->grid_ns = clock_now_ns();
    pthread_mutex_unlock(&pipe->lock);
    for (;;) {
        uint32_t seq = event_seq(&pipe->wake);

        if (atomic_load(&disp->stop) || core_stopped(core)) /* said before the signal: never look before event_seq() */
            break;
        /* From here on a present that comes is seen in this round, or finds the clock not armed and wakes it. */
        atomic_store(&pipe->clock_armed, false);
        r.now = clock_now_ns();
        r.next = UINT64_MAX;
        guest_step(&r);
        compose_step(&r);
        tell_step(&r);
        pthread_mutex_lock(&pipe->lock);
        atomic_store(&pipe->clock_armed, pipe->standing.there && r.next != UINT64_MAX);
        pthread_mutex_unlock(&pipe->lock);
        event_wait(&pipe->wake, seq, r.next == UINT64_MAX ? 0 : r.next);
    }
    unplug(&r);
    if (host->thread_leave)
        host->thread_leave(core_opaque(core));
    return NULL;
}
