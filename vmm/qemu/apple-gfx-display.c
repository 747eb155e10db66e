/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One head of an apple-gfx device: a QEMU console that shows what a libpvg
 * display presents.
 *
 * Pictures are pulled: an update of the console takes the library's newest
 * frame, which is immutable, and copies it if it is new. So nothing waits, and
 * what nobody looks at is never copied. The console's surface is made when the
 * first update asks for it. Surface, cursor object and console are the main
 * loop's; the library's display thread only leaves the pointer's state behind
 * and schedules a bottom half.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "hw/qdev-core.h"
#include "ui/console.h"
#include "compat.h"
#include "apple-gfx.h"
#include "trace.h"

/* Position that means: the pointer is not on this display. */
#define CURSOR_NOWHERE 0xffff

/* --- Picture --- */

static const AppleGFXModes *display_modes(const AppleGFXDisplay *d)
{
    return d->modes.n ? &d->modes : &d->s->display[0].modes;
}

static DisplaySurface *display_surface(AppleGFXDisplay *d, uint32_t width,
                                       uint32_t height)
{
    DisplaySurface *surface = qemu_console_surface(d->con);

    if (!d->has_surface || surface_width(surface) != (int)width ||
        surface_height(surface) != (int)height) {
        surface = qemu_create_displaysurface(width, height);
        dpy_gfx_replace_surface(d->con, surface);
        d->has_surface = true;
        d->shown_sequence = 0;
    }
    return surface;
}

static void display_show_black(AppleGFXDisplay *d)
{
    const struct pvg_mode *mode = &display_modes(d)->mode[0];
    DisplaySurface *surface;

    if (d->has_surface && !d->shown_sequence) {
        return;
    }
    surface = d->has_surface ? qemu_console_surface(d->con) :
              display_surface(d, mode->width_px, mode->height_px);
    memset(surface_data(surface), 0,
           (size_t)surface_stride(surface) * surface_height(surface));
    d->shown_sequence = 0;
    dpy_gfx_update_full(d->con);
}

static void display_show_frame(AppleGFXDisplay *d,
                               const struct pvg_frame *frame)
{
    DisplaySurface *surface = display_surface(d, frame->width_px,
                                              frame->height_px);
    size_t row_bytes = (size_t)frame->width_px * 4;
    uint8_t *dst = surface_data(surface);
    const uint8_t *src = frame->pixels;
    uint32_t y;

    if (d->shown_sequence == frame->sequence) {
        return;
    }
    for (y = 0; y < frame->height_px; y++) {
        memcpy(dst, src, row_bytes);
        dst += surface_stride(surface);
        src += frame->stride_bytes;
    }
    d->shown_sequence = frame->sequence;
    if (frame->sequence > d->last_sequence) {
        d->frames_dropped += frame->sequence - d->last_sequence - 1;
    }
    d->last_sequence = frame->sequence;
    trace_apple_gfx_show_frame(d->port, frame->sequence, frame->width_px,
                               frame->height_px);
    dpy_gfx_update_full(d->con);
}

/* Whether the library draws the pointer follows who listens to the console. */
static void display_choose_cursor(AppleGFXDisplay *d)
{
    const char *how = d->s->cursor ? d->s->cursor : "auto";
    bool draw = strcmp(how, "sw") == 0 ||
                (strcmp(how, "auto") == 0 &&
                 !apple_gfx_backend_shows_cursor(d->con));

    if (draw != d->library_draws_cursor) {
        d->library_draws_cursor = draw;
        pvg_display_draw_cursor(d->disp, draw);
    }
}

static void display_gfx_update(void *opaque)
{
    AppleGFXDisplay *d = opaque;
    const struct pvg_frame *frame;

    if (!d->disp) {
        return;
    }
    display_choose_cursor(d);
    if (pvg_display_get_frame(d->disp, &frame) == 0) {
        display_show_frame(d, frame);
        pvg_frame_put(frame);
    } else {
        display_show_black(d);
    }
}

static void display_invalidate(void *opaque)
{
    AppleGFXDisplay *d = opaque;

    /* Forces the next update to copy and to mark everything dirty. */
    d->shown_sequence = UINT64_MAX;
}

/* The user's window has a new size: make it the preferred mode. */
static void display_ui_info(void *opaque, uint32_t head, QemuUIInfo *info)
{
    AppleGFXDisplay *d = opaque;
    uint32_t width = MIN(info->width, 8192), height = MIN(info->height, 8192);

    if (!d->disp || !d->s->resize || !width || !height) {
        return;
    }
    if (d->ui_width_px == width && d->ui_height_px == height) {
        return;
    }
    d->ui_width_px = width;
    d->ui_height_px = height;
    /* Cannot fail: the size is in range and the rest was accepted before. */
    (void)apple_gfx_display_set_modes(d, NULL);
}

static const GraphicHwOps display_hw_ops = {
    .invalidate = display_invalidate,
    .gfx_update = display_gfx_update,
    .ui_info = display_ui_info,
};

/* --- Mode list --- */

/* The configured list, with the size of the user's window in front. */
bool apple_gfx_display_set_modes(AppleGFXDisplay *d, Error **errp)
{
    const AppleGFXModes *given = display_modes(d);
    g_autofree struct pvg_mode *modes = g_new0(struct pvg_mode, PVG_MAX_MODES);
    g_autofree char *text = NULL;
    size_t n = 0, i;
    int err;

    if (d->ui_width_px) {
        modes[n].width_px = d->ui_width_px;
        modes[n].height_px = d->ui_height_px;
        modes[n].refresh_hz = given->mode[0].refresh_hz;
        n++;
    }
    for (i = 0; i < given->n && n < PVG_MAX_MODES; i++) {
        const struct pvg_mode *m = &given->mode[i];

        /* No extent twice: the guest cannot say which rate it chose. */
        if (!d->ui_width_px || m->width_px != modes[0].width_px ||
            m->height_px != modes[0].height_px) {
            modes[n++] = *m;
        }
    }
    text = apple_gfx_modes_text(modes, n);
    trace_apple_gfx_modes(d->port, text);
    err = pvg_display_set_modes(d->disp, modes, n);
    if (err && err != PVG_ERR_STOPPED) {
        error_setg(errp, "display %u: modes '%s': %s", d->port, text,
                   pvg_error_text(err));
        return false;
    }
    return true;
}

void apple_gfx_display_set_connected(AppleGFXDisplay *d)
{
    /* Fails only when the device is stopped, which is all the same then. */
    (void)pvg_display_set_connected(d->disp, d->connected);
}

/* --- Pointer; callbacks on the library's display thread --- */

static void display_on_cursor(void *opaque, const struct pvg_cursor *cursor)
{
    AppleGFXDisplay *d = opaque;
    size_t row = (size_t)cursor->width_px * 4;
    uint8_t *copy = g_try_malloc(row * cursor->height_px);
    uint32_t y;

    trace_apple_gfx_cursor_set(d->port, 32, cursor->width_px,
                               cursor->height_px, cursor->hot_x_px,
                               cursor->hot_y_px);
    if (!copy) {
        return; /* the old pointer stays */
    }
    for (y = 0; y < cursor->height_px; y++) {
        memcpy(copy + y * row, cursor->pixels + (size_t)y * cursor->stride_bytes,
               row);
    }
    pthread_mutex_lock(&d->cursor_lock);
    g_free((void *)d->cursor.pixels);
    d->cursor = *cursor;
    d->cursor.pixels = copy;
    d->cursor.stride_bytes = row;
    d->cursor_changed = true;
    pthread_mutex_unlock(&d->cursor_lock);
    qemu_bh_schedule(d->cursor_bh);
}

static void display_on_cursor_show(void *opaque, bool visible)
{
    AppleGFXDisplay *d = opaque;

    trace_apple_gfx_cursor_show(d->port, visible);
    pthread_mutex_lock(&d->cursor_lock);
    d->cursor_visible = visible;
    pthread_mutex_unlock(&d->cursor_lock);
    qemu_bh_schedule(d->cursor_bh);
}

static void display_on_cursor_move(void *opaque, uint16_t x_px, uint16_t y_px)
{
    AppleGFXDisplay *d = opaque;

    trace_apple_gfx_cursor_move(d->port, x_px, y_px);
    pthread_mutex_lock(&d->cursor_lock);
    d->cursor_x = x_px;
    d->cursor_y = y_px;
    pthread_mutex_unlock(&d->cursor_lock);
    qemu_bh_schedule(d->cursor_bh);
}

static void display_on_frame(void *opaque, uint64_t sequence)
{
    AppleGFXDisplay *d = opaque;

    trace_apple_gfx_new_frame(d->port, sequence);
}

static void display_on_mode(void *opaque, uint32_t width_px, uint32_t height_px,
                            uint32_t fourcc)
{
    AppleGFXDisplay *d = opaque;

    trace_apple_gfx_mode_change(d->port, width_px, height_px, fourcc);
}

static const struct pvg_display_ops display_ops = {
    .size = sizeof(display_ops),
    .on_mode = display_on_mode,
    .on_frame = display_on_frame,
    .on_cursor = display_on_cursor,
    .on_cursor_show = display_on_cursor_show,
    .on_cursor_move = display_on_cursor_move,
};

/*
 * Main loop: gives the console the pointer's newest image, place and
 * visibility.
 */
static void display_cursor_bh(void *opaque)
{
    AppleGFXDisplay *d = opaque;
    struct pvg_cursor cursor = { 0 };
    QEMUCursor *image;
    uint16_t x, y;
    bool changed, visible;

    pthread_mutex_lock(&d->cursor_lock);
    changed = d->cursor_changed;
    if (changed) {
        cursor = d->cursor;
        d->cursor.pixels = NULL;
        d->cursor_changed = false;
    }
    x = d->cursor_x;
    y = d->cursor_y;
    visible = d->cursor_visible;
    pthread_mutex_unlock(&d->cursor_lock);

    if (!d->con) {
        g_free((void *)cursor.pixels);
        return;
    }
    /* Here too: a screendump is an update of its own, and would be the first. */
    display_choose_cursor(d);
    if (changed) {
        /* NULL above QEMU's own limit of 512: the old pointer stays. */
        image = cursor_alloc(cursor.width_px, cursor.height_px);
        if (image) {
            image->hot_x = cursor.hot_x_px;
            image->hot_y = cursor.hot_y_px;
            memcpy(image->data, cursor.pixels,
                   (size_t)cursor.width_px * cursor.height_px * 4);
            dpy_cursor_define(d->con, image);
            apple_gfx_cursor_unref(image);
        } else {
            warn_report("%s: pointer of %ux%u pixels is too large for QEMU",
                        d->s->id, cursor.width_px, cursor.height_px);
        }
        g_free((void *)cursor.pixels);
    }
    dpy_mouse_set(d->con, x, y, visible && x != CURSOR_NOWHERE &&
                                    y != CURSOR_NOWHERE);
}

/* --- Life cycle --- */

/*
 * Serial numbers tell the guest's window system which monitor is which. Given
 * ones stay as they are over restarts; automatic ones count from 1 in this
 * process and step over those that are taken.
 */
static int display_new(AppleGFXDisplay *d, const struct pvg_display_desc *desc,
                       uint32_t *serial)
{
    static uint32_t last_automatic;
    AppleGFXState *s = d->s;
    int err;

    *serial = d->serial;
    if (!*serial && s->display[0].serial) {
        *serial = s->display[0].serial + d->port;
        if (!*serial) {
            return PVG_ERR_INVALID; /* past the largest number */
        }
    }
    if (*serial) {
        return pvg_display_new(s->dev, desc, d->port, *serial, &d->disp);
    }
    do {
        *serial = ++last_automatic;
        err = pvg_display_new(s->dev, desc, d->port, *serial, &d->disp);
    } while (err == PVG_ERR_IN_USE && *serial < UINT16_MAX);
    return err;
}

bool apple_gfx_display_realize(AppleGFXDisplay *d, Error **errp)
{
    AppleGFXState *s = d->s;
    struct pvg_display_desc desc;
    uint32_t serial;
    int err;

    if (!s->display[0].modes.n) {
        apple_gfx_default_modes(&s->display[0].modes);
    }
    /* Before the display: its callbacks may come at once. */
    d->cursor_bh = qemu_bh_new_guarded(display_cursor_bh, d,
                                       &s->owner->mem_reentrancy_guard);
    d->con = graphic_console_init(s->owner, d->port, &display_hw_ops, d);

    pvg_display_desc_init(&desc, sizeof(desc));
    desc.name = d->name ? d->name : s->display[0].name;
    desc.width_mm = s->width_mm;
    desc.height_mm = s->height_mm;
    desc.ops = &display_ops;
    desc.opaque = d;
    err = display_new(d, &desc, &serial);
    if (err == PVG_ERR_IN_USE) {
        error_setg(errp, "display %u: serial number %u is in use: every "
                   "display needs its own", d->port, serial);
        return false;
    } else if (err) {
        error_setg(errp, "display %u, serial number %u: %s", d->port, serial,
                   pvg_error_text(err));
        return false;
    }
    if (!apple_gfx_display_set_modes(d, errp)) {
        return false;
    }
    if (!d->connected) {
        apple_gfx_display_set_connected(d);
    }
    display_choose_cursor(d);
    return true;
}

void apple_gfx_display_reset(AppleGFXDisplay *d)
{
    pthread_mutex_lock(&d->cursor_lock);
    d->cursor_visible = true;
    d->cursor_x = d->cursor_y = CURSOR_NOWHERE;
    pthread_mutex_unlock(&d->cursor_lock);
    d->shown_sequence = UINT64_MAX; /* whatever comes is drawn */
    qemu_bh_schedule(d->cursor_bh);
}

void apple_gfx_display_unrealize(AppleGFXDisplay *d)
{
    pvg_display_free(d->disp);
    d->disp = NULL;
    if (d->con) {
        graphic_console_close(d->con);
        d->con = NULL;
    }
    if (d->cursor_bh) {
        qemu_bh_delete(d->cursor_bh);
        d->cursor_bh = NULL;
    }
    g_free((void *)d->cursor.pixels);
    d->cursor.pixels = NULL;
    d->cursor_changed = false;
    d->has_surface = false;
}

void apple_gfx_display_init(AppleGFXDisplay *d, AppleGFXState *s, uint32_t port)
{
    d->s = s;
    d->port = port;
    d->connected = true;
    d->cursor_visible = true;
    d->cursor_x = d->cursor_y = CURSOR_NOWHERE;
    pthread_mutex_init(&d->cursor_lock, NULL);
}

void apple_gfx_display_finalize(AppleGFXDisplay *d)
{
    pthread_mutex_destroy(&d->cursor_lock);
    g_free(d->name);
}
