/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of a display: set-up and acknowledgement, the shared page, sleep and properties, sections, teardown
 * (display 4, 5, 8). Presents and pointer have files of their own. Handlers run on core's worker.
 */
#include "display/display_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/rd.h"
#include "wire/opcodes.h"

/* ---- sections ---- */

bool section_enter(struct pipe *pipe, struct gmem_pin *pin)
{
    int err = 0;

    pipe->waiting++;
    while (pipe->busy && !err) {
        /* Touches no guest memory meanwhile: whoever wants it out need not wait for the other. */
        gmem_callback_begin(pin);
        pthread_cond_wait(&pipe->idle, &pipe->lock);
        err = gmem_callback_end(pin);
    }
    pipe->waiting--;
    if (err) {
        pthread_cond_broadcast(&pipe->idle);
        return false;
    }
    pipe->busy = true;
    pipe->busy_pin = pin;
    pipe->detached = false;
    return true;
}

void section_leave(struct pipe *pipe)
{
    pipe->busy = false;
    pipe->busy_pin = NULL;
    pthread_cond_broadcast(&pipe->idle);
}

/* Lock held: wait until no section touches guest memory. */
static void wait_out(struct pipe *pipe)
{
    while (pipe->busy && !atomic_load(&pipe->busy_pin->in_callback)) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 5000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&pipe->idle, &pipe->lock, &until);
    }
}

/* Lock held: forget the shared page and what came from it. */
static void leave_page(struct pipe *pipe)
{
    pipe->shared_gpa = 0;
    pipe->channel = 0;
    pipe->online = ONLINE_OFF;
    pipe->refill = pipe->offline_due = pipe->acknowledged = false;
    pipe->cursor = (struct pvg_coord){0xffff, 0xffff};
    pipe->cursor_visible = false;
    pipe->tell_show = pipe->tell_move = true;
    pipe->compose = true;
    gamma_identity(&pipe->gamma);
}

void pipe_detach(struct pipe *pipe)
{
    leave_page(pipe);
    pipe->detached = true;
    if (pipe->standing.there)
        free(pipe->standing.lut);
    pipe->standing = (struct standing){0};
}

static void teardown(void *ctx, bool reset)
{
    struct display_set *set = ctx;

    if (reset)
        efi_reset(set); /* first: a clock would show the firmware's picture once more */
    for (uint32_t i = 0; i < set->cfg.ports; i++) {
        struct pipe *pipe = &set->pipes[i];

        pthread_mutex_lock(&pipe->lock);
        pipe_detach(pipe);
        /* A clock that took its pin since the quiescer's cut, and the section before this lock, is cut off here. */
        gmem_cut(core_gmem(set->cfg.core));
        wait_out(pipe);
        if (reset) {
            present_forget(pipe);
            glyph_unref(pipe->glyph);
            pipe->glyph = NULL;
            pipe->epoch = 0;
            pipe->sleep_state = 0;
            pipe->guest_presented = false;
        }
        pthread_mutex_unlock(&pipe->lock);
        clock_wake(pipe);
    }
}

/*
 * The channel that set a pipe up is gone: the guest may reuse the page at once (display 5.6). A present that stands came on
 * another one (this one owed no stamp any more), which goes on: it is taken at its tick and stamped.
 */
static void channel_gone(void *ctx, uint32_t channel)
{
    struct display_set *set = ctx;

    for (uint32_t i = 0; i < set->cfg.ports; i++) {
        struct pipe *pipe = &set->pipes[i];

        pthread_mutex_lock(&pipe->lock);
        if (pipe->channel == channel) {
            leave_page(pipe);
            while (pipe->busy)
                pthread_cond_wait(&pipe->idle, &pipe->lock);
        }
        pthread_mutex_unlock(&pipe->lock);
    }
}

/* ---- the shared page ---- */

_Atomic uint32_t *pipe_word(struct pipe *pipe, struct gmem_pin *pin, uint32_t offset)
{
    uint64_t gpa;
    void *p;

    pthread_mutex_lock(&pipe->lock);
    gpa = pipe->shared_gpa;
    pthread_mutex_unlock(&pipe->lock);
    if (!gpa || gmem_ptr(pin, (gpa_t){gpa + offset}, 4, true, &p))
        return NULL;
    return p;
}

void pipe_record_word(struct pipe *pipe, uint32_t offset, uint32_t value)
{
    struct recorder *rec = core_recorder(pipe->set->cfg.core);
    uint64_t gpa;

    if (!recorder_on(rec))
        return;
    pthread_mutex_lock(&pipe->lock);
    gpa = pipe->shared_gpa + offset;
    pthread_mutex_unlock(&pipe->lock);
    recorder_add(rec, RECORD_PHYSICAL, &gpa, sizeof(gpa), &value, sizeof(value));
}

void pipe_fill(struct pipe *pipe, struct gmem_pin *pin)
{
    struct shared_state state = {.port = (uint16_t)pipe->port};
    struct wire_mode modes[LIMIT_MODES];
    uint32_t limit = gmem_page_shift(core_gmem(pipe->set->cfg.core)) > 12 ? LIMIT_MODES_SHORT_PAGE : LIMIT_MODES;
    uint32_t epoch;
    uint64_t gpa;
    void *page;

    pthread_mutex_lock(&pipe->lock);
    gpa = pipe->shared_gpa;
    epoch = ++pipe->epoch;
    pipe->refill = false;
    if (pipe->monitor) {
        const struct pvg_display *disp = pipe->monitor;

        state.serial = disp->serial;
        memcpy(state.name, disp->name, sizeof(state.name));
        state.width_mm = (float)disp->width_mm;
        state.height_mm = (float)disp->height_mm;
        state.cursor_px = (uint16_t)disp->max_cursor_px;
        state.gamma_entries = 1024; /* what Apple's host says; a present states its own count (display 4.2) */
        state.cursor_features = CURSOR_DOORBELL_SHOW | CURSOR_DOORBELL_MOVE;
        state.mode_count = disp->connected ? disp->mode_count : 0;
        if (state.mode_count > limit)
            state.mode_count = (uint16_t)limit;
        memcpy(modes, disp->modes, sizeof(modes));
        state.modes = modes;
    }
    pthread_mutex_unlock(&pipe->lock);
    if (!gpa || gmem_ptr(pin, (gpa_t){gpa}, gmem_page_bytes(core_gmem(pipe->set->cfg.core)), true, &page))
        return;
    shared_state_encode(&state, page);
    atomic_store_explicit((_Atomic uint32_t *)(void *)((uint8_t *)page + SHARED_EPOCH), epoch, memory_order_release);
}

/* ---- commands ---- */

struct pipe *pipe_of(struct display_set *set, const struct core_cmd *cmd)
{
    uint32_t port = le32_get(cmd->payload);

    if (port < set->cfg.ports)
        return &set->pipes[port];
    core_refuse(set->cfg.core, cmd, REFUSE_PORT, "port %u of %u", port, set->cfg.ports);
    return NULL;
}

static enum core_verdict set_shared_page(void *ctx, const struct core_cmd *cmd)
{
    struct display_set *set = ctx;
    struct core *core = set->cfg.core;
    struct pipe *pipe = pipe_of(set, cmd);
    uint64_t page_bytes = gmem_page_bytes(core_gmem(core));
    uint32_t pfn = le32_get(cmd->payload + 4);
    gpa_t gpa = {(uint64_t)pfn << gmem_page_shift(core_gmem(core))};
    bool open;
    void *page;

    if (!pipe)
        return CORE_DONE;
    /* The pipe stays off when the page is refused, whatever it was before. */
    pthread_mutex_lock(&pipe->lock);
    pipe->shared_gpa = 0;
    pipe->online = ONLINE_OFF;
    pipe->acknowledged = false;
    open = section_enter(pipe, cmd->pin);
    pthread_mutex_unlock(&pipe->lock);
    if (!open)
        return CORE_DONE;

    if (!pfn)
        core_refuse(core, cmd, REFUSE_SHARED_PAGE_NONE, "port %u", pipe->port);
    else if (core_is_control(core, gpa, page_bytes))
        core_refuse(core, cmd, REFUSE_REPLY_COLLISION, "port %u, page 0x%x", pipe->port, pfn);
    else if (gmem_ptr(cmd->pin, gpa, page_bytes, true, &page))
        core_refuse(core, cmd, REFUSE_SHARED_PAGE_NOT_RAM, "port %u, page 0x%x", pipe->port, pfn);
    else {
        pthread_mutex_lock(&pipe->lock);
        pipe->shared_gpa = gpa.v;
        pipe->channel = cmd->channel;
        pipe->pulses = 0;
        pipe->online_gave_up = false;
        pipe->pulse_ns = 0;
        pthread_mutex_unlock(&pipe->lock);
        pipe_fill(pipe, cmd->pin);
        pthread_mutex_lock(&pipe->lock);
        pipe->online = ONLINE_ARMED;
        pipe->armed_ns = clock_now_ns();
        pthread_mutex_unlock(&pipe->lock);
    }

    pthread_mutex_lock(&pipe->lock);
    section_leave(pipe);
    pthread_mutex_unlock(&pipe->lock);
    clock_wake(pipe);
    return CORE_DONE;
}

/* The guest has processed an online event; a repeat that crossed it must not be delivered (display 5.2). */
static enum core_verdict acknowledge(void *ctx, const struct core_cmd *cmd)
{
    struct display_set *set = ctx;
    struct pipe *pipe = pipe_of(set, cmd);
    uint32_t epoch = le32_get(cmd->payload + 4);
    _Atomic uint32_t *pending;
    bool open, again = false;

    if (!pipe)
        return CORE_DONE;
    pthread_mutex_lock(&pipe->lock);
    if (!pipe->shared_gpa) {
        pthread_mutex_unlock(&pipe->lock);
        core_refuse(set->cfg.core, cmd, REFUSE_ACK_UNEXPECTED, "port %u, epoch %u", pipe->port, epoch);
        return CORE_DONE;
    }
    open = section_enter(pipe, cmd->pin);
    if (open) {
        pipe->acknowledged = true;
        pipe->online_gave_up = false;
        /* The guest read a list that has been replaced since: once more. 0 is what hosts without an epoch give. */
        again = epoch && epoch != pipe->epoch;
        pipe->online = again ? ONLINE_ARMED : ONLINE_ACKNOWLEDGED;
        pipe->armed_ns = clock_now_ns();
        pipe->pulses = 0;
        pipe->pulse_ns = 0;
    }
    pthread_mutex_unlock(&pipe->lock);
    if (!open)
        return CORE_DONE;
    pending = pipe_word(pipe, cmd->pin, SHARED_PENDING);
    if (pending && !again)
        atomic_fetch_and(pending, ~EVENT_ONLINE);
    pthread_mutex_lock(&pipe->lock);
    section_leave(pipe);
    pthread_mutex_unlock(&pipe->lock);
    clock_wake(pipe);
    return CORE_DONE;
}

/* Values unknown: recorded, not interpreted (display 8.5). */
static enum core_verdict sleep_state(void *ctx, const struct core_cmd *cmd)
{
    struct display_set *set = ctx;
    struct pipe *pipe = pipe_of(set, cmd);

    if (!pipe)
        return CORE_DONE;
    pthread_mutex_lock(&pipe->lock);
    pipe->sleep_state = le32_get(cmd->payload + 4);
    pthread_mutex_unlock(&pipe->lock);
    return CORE_DONE;
}

/* Keys unknown (display 8.2). */
static enum core_verdict set_properties(void *ctx, const struct core_cmd *cmd)
{
    struct display_set *set = ctx;

    if (pipe_of(set, cmd))
        log_msg(core_log(set->cfg.core), PVG_LOG_DEBUG, "port %u: property key 0x%x, %u bytes", le32_get(cmd->payload),
                le32_get(cmd->payload + 4), cmd->payload_bytes);
    return CORE_DONE;
}

/* ---- report ---- */

static const char *online_name(enum online online)
{
    static const char *const names[] = {"off", "armed", "signalled", "acknowledged"};

    return names[online];
}

static void report(void *ctx, struct str *json)
{
    struct display_set *set = ctx;

    str_add(json, "\"displays\":[");
    for (uint32_t i = 0; i < set->cfg.ports; i++) {
        struct pipe *pipe = &set->pipes[i];

        pthread_mutex_lock(&pipe->lock);
        str_add(json,
                "%s{\"port\":%u,\"attached\":%s,\"console\":\"%s\",\"set_up\":%s,\"online\":\"%s\",\"epoch\":%u,"
                "\"sleep_state\":%u,"
                "\"guest_presents\":%llu,\"host_presents\":%llu,\"superseded\":%llu,\"vblanks\":%llu,"
                "\"transactions\":%llu,\"onlines\":%llu,",
                i ? "," : "", i, pipe->monitor ? "true" : "false", pipe->guest_presented ? "guest" : "firmware",
                pipe->shared_gpa ? "true" : "false", online_name(pipe->online), pipe->epoch, pipe->sleep_state,
                (unsigned long long)atomic_load(&pipe->guest_presents),
                (unsigned long long)atomic_load(&pipe->host_presents),
                (unsigned long long)atomic_load(&pipe->superseded), (unsigned long long)atomic_load(&pipe->vblanks),
                (unsigned long long)atomic_load(&pipe->transactions), (unsigned long long)atomic_load(&pipe->onlines));
        if (pipe->front)
            str_add(json, "\"picture\":{\"width\":%u,\"height\":%u,\"sequence\":%llu},", pipe->front->width_px,
                    pipe->front->height_px, (unsigned long long)pipe->front->sequence);
        str_add(json, "\"pointer\":{\"image\":%s,\"visible\":%s,\"x\":%u,\"y\":%u},\"gamma\":%s}",
                pipe->glyph ? "true" : "false", pipe->cursor_visible ? "true" : "false", pipe->cursor.x, pipe->cursor.y,
                pipe->gamma.identity ? "false" : "true");
        pthread_mutex_unlock(&pipe->lock);
    }
    str_add(json, "]");
}

static const char *pipe_trouble(struct pipe *pipe)
{
    if (!pipe->monitor)
        return "no monitor is attached by the VMM";
    if (!pipe->monitor->connected || !pipe->monitor->mode_count)
        return "the monitor is unplugged: set modes, or connect it";
    if (!pipe->shared_gpa && !pipe->front)
        return "the guest driver has not set this display up";
    if (!pipe->shared_gpa && !pipe->guest_presented)
        return "shows the firmware's picture: the guest driver has not set this display up";
    if (pipe->shared_gpa && pipe->online_gave_up)
        return "the guest was told that the monitor is online and never answered: its driver hangs or lost interrupts";
    if (pipe->shared_gpa && pipe->online != ONLINE_ACKNOWLEDGED)
        return "the guest is being told that the monitor is online and has not answered yet";
    if (!pipe->guest_presented && !atomic_load(&pipe->guest_presents))
        return "the guest knows the monitor and has not presented anything: no console or desktop has set a mode";
    if (!pipe->front || !pipe->guest_presented)
        return "the guest presents, but no picture could be taken: see refusals";
    return NULL;
}

bool display_set_diagnose(struct display_set *set, struct str *json, bool comma)
{
    for (uint32_t i = 0; i < set->cfg.ports; i++) {
        const char *trouble;

        pthread_mutex_lock(&set->pipes[i].lock);
        trouble = pipe_trouble(&set->pipes[i]);
        pthread_mutex_unlock(&set->pipes[i].lock);
        if (!trouble)
            continue;
        str_add(json, "%s\"display %u: %s\"", comma ? "," : "", i, trouble);
        comma = true;
    }
    return comma;
}

void pipe_register(struct display_set *set)
{
    const struct core_observer observer = {
        .ctx = set, .teardown = teardown, .settle = present_settle, .channel_gone = channel_gone, .report = report};
    struct core *core = set->cfg.core;

    core_observe(core, &observer);
    core_handle(core, CMD_DISPLAY_SET_SHARED_STATE_PAGE, set_shared_page, set);
    core_handle(core, CMD_DISPLAY_ACK, acknowledge, set);
    core_handle(core, CMD_DISPLAY_SLEEP_STATE, sleep_state, set);
    core_handle(core, CMD_DISPLAY_SET_PROPERTIES, set_properties, set);
}
