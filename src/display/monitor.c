/* SPDX-License-Identifier: MIT */
/*
 * The VMM's side of a display: attaching and freeing monitors, mode lists, frames, positions (include/pvg/display.h),
 * and the set of displays of a device.
 */
#include "display/display_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/desc.h"
#include "base/thread.h"

#define MIN_CURSOR_PX 16

/* ---- serial numbers: unique in the process, because guests ignore a second display with the same (host-api 1.12) ---- */

static pthread_mutex_t serial_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t *serials;
static size_t serial_count;

static int serial_take(uint32_t serial)
{
    int err = PVG_ERR_IN_USE;
    uint32_t *more;

    pthread_mutex_lock(&serial_lock);
    for (size_t i = 0; i < serial_count; i++)
        if (serials[i] == serial)
            goto out;
    err = PVG_ERR_NOMEM;
    more = realloc(serials, (serial_count + 1) * sizeof(*serials));
    if (!more)
        goto out;
    serials = more;
    serials[serial_count++] = serial;
    err = 0;
out:
    pthread_mutex_unlock(&serial_lock);
    return err;
}

static void serial_give(uint32_t serial)
{
    pthread_mutex_lock(&serial_lock);
    for (size_t i = 0; i < serial_count; i++)
        if (serials[i] == serial) {
            serials[i] = serials[--serial_count];
            break;
        }
    if (!serial_count) {
        free(serials);
        serials = NULL;
    }
    pthread_mutex_unlock(&serial_lock);
}

/* ---- the set ---- */

int display_set_new(const struct display_config *config, struct display_set **out)
{
    struct display_set *set = calloc(1, sizeof(*set));
    bool complete = true;

    *out = NULL;
    if (!set)
        return PVG_ERR_NOMEM;
    set->cfg = *config;
    set->budget = frame_budget_new(LIMIT_PICTURES_BYTES);
    complete = set->budget;
    pthread_mutex_init(&set->attach_lock, NULL);
    pthread_mutex_init(&set->mapper_lock, NULL);
    for (uint32_t i = 0; i < LIMIT_PORTS; i++) {
        struct pipe *pipe = &set->pipes[i];

        pipe->set = set;
        pipe->port = i;
        pthread_mutex_init(&pipe->lock, NULL);
        pthread_cond_init(&pipe->idle, NULL);
        pipe->cursor = (struct pvg_coord){0xffff, 0xffff};
        gamma_identity(&pipe->gamma);
        pipe->pool = set->budget ? frame_pool_new(set->budget) : NULL;
        complete = complete && pipe->pool;
    }
    if (!complete) {
        display_set_free(set);
        return PVG_ERR_NOMEM;
    }
    pipe_register(set);
    present_register(set);
    cursor_register(set);
    efi_register(set);
    *out = set;
    return 0;
}

/* End the clock; no callback runs afterwards. */
static void stop_clock(struct pvg_display *disp)
{
    if (atomic_exchange(&disp->stop, true))
        return;
    clock_wake(disp->pipe);
    pthread_join(disp->clock, NULL);
}

void display_set_stop(struct display_set *set)
{
    pthread_mutex_lock(&set->attach_lock);
    set->stopped = true;
    for (uint32_t i = 0; i < LIMIT_PORTS; i++)
        if (set->pipes[i].monitor)
            stop_clock(set->pipes[i].monitor);
    pthread_mutex_unlock(&set->attach_lock);
}

void display_set_pause(struct display_set *set)
{
    for (uint32_t i = 0; i < LIMIT_PORTS; i++) {
        struct pipe *pipe = &set->pipes[i];

        pthread_mutex_lock(&pipe->lock);
        /* Who waits for a section found the device running, and goes on. */
        while (pipe->busy || pipe->waiting || (pipe->monitor && pipe->monitor->in_callback))
            pthread_cond_wait(&pipe->idle, &pipe->lock);
        pthread_mutex_unlock(&pipe->lock);
    }
}

void display_set_unpause(struct display_set *set)
{
    for (uint32_t i = 0; i < LIMIT_PORTS; i++)
        clock_wake(&set->pipes[i]);
}

void display_set_free(struct display_set *set)
{
    if (!set)
        return;
    for (uint32_t i = 0; i < LIMIT_PORTS; i++) {
        struct pipe *pipe = &set->pipes[i];

        pvg_display_free(pipe->monitor);
        pipe_detach(pipe);
        glyph_unref(pipe->glyph);
        gmem_runs_fini(&pipe->scratch);
        free(pipe->convert);
        frame_pool_free(pipe->pool);
        pthread_cond_destroy(&pipe->idle);
        pthread_mutex_destroy(&pipe->lock);
    }
    frame_budget_unref(set->budget);
    pthread_mutex_destroy(&set->mapper_lock);
    pthread_mutex_destroy(&set->attach_lock);
    free(set);
}

/* ---- recording ---- */

/* Lock held. */
static void record_monitor(struct pipe *pipe)
{
    struct recorder *rec = core_recorder(pipe->set->cfg.core);
    const struct pvg_display *disp = pipe->monitor;
    const uint32_t head[4] = {pipe->port,
                              !disp                                 ? RECORD_MONITOR_GONE
                              : disp->connected && disp->mode_count ? RECORD_MONITOR_CONNECTED
                                                                    : RECORD_MONITOR_UNPLUGGED,
                              disp ? disp->max_cursor_px : 0, disp ? disp->mode_count : 0};

    if (recorder_on(rec))
        recorder_add(rec, RECORD_MONITOR, head, sizeof(head), disp ? disp->modes : NULL,
                     head[3] * sizeof(struct wire_mode));
}

void display_set_record(struct display_set *set)
{
    for (uint32_t i = 0; i < set->cfg.ports; i++) {
        struct pipe *pipe = &set->pipes[i];

        pthread_mutex_lock(&pipe->lock);
        if (pipe->monitor)
            record_monitor(pipe);
        pthread_mutex_unlock(&pipe->lock);
    }
}

/* ---- attaching ---- */

/* Cut to 13 bytes, not inside a UTF-8 character. */
static void set_name(struct pvg_display *disp, const char *name)
{
    size_t n = strnlen(name, NAME_MAX_BYTES + 1);

    if (n > NAME_MAX_BYTES) {
        n = NAME_MAX_BYTES;
        while (n && ((unsigned char)name[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(disp->name, name, n);
    disp->name[n] = '\0';
}

static int check_desc(const struct pvg_display_desc *d, struct pvg_display_ops *ops)
{
    if (!(d->width_mm >= 1 && d->width_mm <= 65535 && d->height_mm >= 1 && d->height_mm <= 65535) ||
        d->max_cursor_px < MIN_CURSOR_PX || d->max_cursor_px > LIMIT_CURSOR_PX)
        return PVG_ERR_INVALID;
    *ops = (struct pvg_display_ops){0};
    return d->ops ? desc_copy(ops, sizeof(*ops), d->ops, d->ops->size) : 0;
}

static struct pvg_display *monitor_new(struct pipe *pipe, const struct pvg_display_desc *d,
                                       const struct pvg_display_ops *ops, uint32_t serial)
{
    struct pvg_display *disp = calloc(1, sizeof(*disp));

    if (!disp)
        return NULL;
    disp->pipe = pipe;
    set_name(disp, d->name ? d->name : "OpenPVG");
    disp->width_mm = d->width_mm;
    disp->height_mm = d->height_mm;
    disp->max_cursor_px = d->max_cursor_px;
    disp->serial = serial;
    disp->ops = *ops;
    disp->opaque = d->opaque;
    disp->period_ns = NS_PER_S / 60;
    /* Without both handlers the pointer is drawn into the frame (host-api 1.9). */
    disp->draw_cursor = !ops->on_cursor || !ops->on_cursor_show;
    return disp;
}

int display_attach(struct display_set *set, const struct pvg_display_desc *user, uint32_t port, uint32_t serial,
                   struct pvg_display **out)
{
    struct pvg_display_desc desc;
    struct pvg_display_ops ops;
    struct pvg_display *disp;
    struct pipe *pipe;
    int err;

    *out = NULL;
    err = desc_copy(&desc, sizeof(desc), user, user->size);
    if (err)
        return err;
    err = port < set->cfg.ports && serial ? check_desc(&desc, &ops) : PVG_ERR_INVALID;
    if (err)
        return err;
    pipe = &set->pipes[port];
    pthread_mutex_lock(&set->attach_lock);
    err = set->stopped ? PVG_ERR_STOPPED : pipe->monitor ? PVG_ERR_IN_USE : serial_take(serial);
    if (err)
        goto unlock;
    disp = monitor_new(pipe, &desc, &ops, serial);
    err = PVG_ERR_NOMEM;
    if (!disp)
        goto give_serial;
    pthread_mutex_lock(&pipe->lock);
    pipe->monitor = disp;
    pipe->tell_show = true; /* what is so from the start; a VMM that assumes the other would show a pointer that is hidden */
    record_monitor(pipe);
    pthread_mutex_unlock(&pipe->lock);
    if (thread_start(&disp->clock, "pvg-display", clock_main, disp)) {
        err = PVG_ERR_SYSTEM;
        goto free_monitor;
    }
    *out = disp;
    pthread_mutex_unlock(&set->attach_lock);
    return 0;

free_monitor:
    pthread_mutex_lock(&pipe->lock);
    pipe->monitor = NULL;
    pthread_mutex_unlock(&pipe->lock);
    free(disp);
give_serial:
    serial_give(serial);
unlock:
    pthread_mutex_unlock(&set->attach_lock);
    return err;
}

void pvg_display_desc_init(struct pvg_display_desc *desc, size_t size)
{
    const struct pvg_display_desc defaults = {
        .size = size, .width_mm = 400, .height_mm = 300, .max_cursor_px = LIMIT_CURSOR_PX};

    memset(desc, 0, size);
    memcpy(desc, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

void pvg_display_free(struct pvg_display *disp)
{
    struct display_set *set;
    struct core_ticket ticket;
    struct pipe *pipe;
    bool owed;

    if (!disp)
        return;
    pipe = disp->pipe;
    set = pipe->set;
    pthread_mutex_lock(&set->attach_lock);
    stop_clock(disp);
    pthread_mutex_lock(&pipe->lock);
    while (pipe->busy) /* a section of the worker's */
        pthread_cond_wait(&pipe->idle, &pipe->lock);
    owed = pipe->standing.there;
    ticket = pipe->standing.ticket;
    free(pipe->standing.lut);
    pipe->standing = (struct standing){0};
    pipe->monitor = NULL;
    record_monitor(pipe);
    efi_show_modes(pipe, NULL);
    present_forget(pipe);
    pthread_mutex_unlock(&pipe->lock);
    if (owed)
        core_complete(set->cfg.core, ticket);
    serial_give(disp->serial);
    pthread_mutex_unlock(&set->attach_lock);
    free(disp);
}

/* ---- modes ---- */

static bool mode_ok(const struct pvg_mode *m)
{
    return m->width_px >= 1 && m->width_px <= LIMIT_EDGE_PX && m->height_px >= 1 && m->height_px <= LIMIT_EDGE_PX &&
           m->refresh_hz >= 1 && m->refresh_hz <= 480 && !m->flags;
}

int pvg_display_set_modes(struct pvg_display *disp, const struct pvg_mode *modes, size_t n)
{
    struct pipe *pipe = disp->pipe;

    if (!modes || n < 1 || n > PVG_MAX_MODES)
        return PVG_ERR_INVALID;
    for (size_t i = 0; i < n; i++)
        if (!mode_ok(&modes[i]))
            return PVG_ERR_INVALID;
    if (core_stopped(pipe->set->cfg.core))
        return PVG_ERR_STOPPED;
    pthread_mutex_lock(&pipe->lock);
    for (size_t i = 0; i < n; i++)
        disp->modes[i] = (struct wire_mode){.width_px = modes[i].width_px,
                                            .height_px = modes[i].height_px,
                                            .refresh_16_16 = (uint32_t)(modes[i].refresh_hz * 65536.0 + 0.5)};
    if (!disp->mode_count)
        disp->connected = true;
    disp->mode_count = (uint16_t)n;
    disp->period_ns = (uint64_t)(1e9 / modes[0].refresh_hz + 0.5);
    disp->modes_ns = clock_now_ns();
    pipe->refill = true;
    efi_show_modes(pipe, disp);
    record_monitor(pipe);
    pthread_mutex_unlock(&pipe->lock);
    clock_wake(pipe);
    return 0;
}

int pvg_display_set_connected(struct pvg_display *disp, bool connected)
{
    struct pipe *pipe = disp->pipe;

    if (core_stopped(pipe->set->cfg.core))
        return PVG_ERR_STOPPED;
    pthread_mutex_lock(&pipe->lock);
    if (disp->connected != connected) {
        disp->connected = connected;
        pipe->offline_due = !connected;
        pipe->refill = connected; /* an offline display keeps its page until it comes back */
        efi_show_modes(pipe, disp);
        record_monitor(pipe);
    }
    pthread_mutex_unlock(&pipe->lock);
    clock_wake(pipe);
    return 0;
}

/* ---- frames and pointer ---- */

void pvg_display_draw_cursor(struct pvg_display *disp, bool draw)
{
    struct pipe *pipe = disp->pipe;

    pthread_mutex_lock(&pipe->lock);
    disp->draw_cursor = draw;
    pipe->compose = true;
    pthread_mutex_unlock(&pipe->lock);
    clock_wake(pipe);
}

int pvg_display_get_frame(struct pvg_display *disp, const struct pvg_frame **out)
{
    struct pipe *pipe = disp->pipe;
    bool held;

    *out = NULL;
    pthread_mutex_lock(&pipe->lock);
    if (pipe->front)
        *out = frame_ref(pipe->front);
    held = pipe->set->cfg.hold_presents && pipe->unpulled;
    pipe->unpulled = 0;
    pthread_mutex_unlock(&pipe->lock);
    if (held)
        clock_wake(pipe);
    return *out ? 0 : PVG_ERR_NO_FRAME;
}

int pvg_display_read_frame(struct pvg_display *disp, void *dst, size_t stride_bytes, uint32_t width_px,
                           uint32_t height_px)
{
    const struct pvg_frame *frame;
    uint32_t w, h;
    int err;

    if (stride_bytes < 4ull * width_px)
        return PVG_ERR_INVALID;
    err = pvg_display_get_frame(disp, &frame);
    if (err)
        return err;
    w = width_px < frame->width_px ? width_px : frame->width_px;
    h = height_px < frame->height_px ? height_px : frame->height_px;
    for (uint32_t y = 0; y < h; y++)
        memcpy((uint8_t *)dst + y * stride_bytes, frame->pixels + (size_t)y * frame->stride_bytes, 4ull * w);
    pvg_frame_put(frame);
    return 0;
}

struct pvg_coord pvg_display_cursor(struct pvg_display *disp)
{
    struct pvg_coord at;

    pthread_mutex_lock(&disp->pipe->lock);
    at = disp->pipe->cursor;
    pthread_mutex_unlock(&disp->pipe->lock);
    return at;
}

uint64_t pvg_display_guest_presents(struct pvg_display *disp)
{
    return atomic_load(&disp->pipe->guest_presents);
}

uint64_t pvg_display_host_presents(struct pvg_display *disp)
{
    return atomic_load(&disp->pipe->host_presents);
}
