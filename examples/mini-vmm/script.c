/* SPDX-License-Identifier: MIT */
/*
 * The user of the machine: types at the guest (guest_do) and looks at the monitors (expect_picture), and compares every pixel
 * that arrives. Through everything that a display driver does.
 */
#include "script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "picture.h"

/* ---- looking at a monitor ---- */

/* What one pixel should be. */
struct expect {
    uint32_t salt;
    bool gamma;
    bool pointer; /* drawn into the picture, its hot spot at: */
    uint32_t x, y;
};

static uint32_t expected_pixel(const struct expect *e, const struct pvg_frame *f, uint32_t x, uint32_t y)
{
    uint32_t pixel = picture_pixel(x, y, f->width_px, f->height_px, e->salt);
    uint32_t px = x - (e->x - POINTER_HOT_X), py = y - (e->y - POINTER_HOT_Y);

    if (e->gamma)
        pixel = gamma_pixel(pixel);
    if (e->pointer && px < POINTER_WIDTH && py < POINTER_HEIGHT && pointer_pixel(px, py) >> 24)
        pixel = pointer_pixel(px, py);
    return pixel & PIXEL_RGB;
}

/* How many pixels are wrong; *@first: a sentence about the first one. */
static uint64_t wrong_pixels(const struct pvg_frame *f, const struct expect *e, char first[120])
{
    uint64_t wrong = 0;

    for (uint32_t y = 0; y < f->height_px; y++) {
        const uint32_t *row = (const uint32_t *)(const void *)(f->pixels + (size_t)y * f->stride_bytes);

        for (uint32_t x = 0; x < f->width_px; x++) {
            uint32_t want = expected_pixel(e, f, x, y);

            if ((row[x] & PIXEL_RGB) != want && !wrong++)
                snprintf(first, 120, "pixel %u,%u is %06x, not %06x", x, y, row[x] & PIXEL_RGB, want);
        }
    }
    return wrong;
}

/* Leave what came and what should have come, for people to look at. */
static void save_both(const struct pvg_frame *f, const struct expect *e)
{
    size_t stride = 4 * (size_t)f->width_px;
    uint8_t *want = malloc(stride * f->height_px);

    if (!want)
        return;
    for (uint32_t y = 0; y < f->height_px; y++) {
        for (uint32_t x = 0; x < f->width_px; x++) {
            uint32_t pixel = expected_pixel(e, f, x, y);

            memcpy(want + y * stride + 4 * (size_t)x, &pixel, 4);
        }
    }
    if (picture_write("mini-vmm-got.ppm", f->pixels, f->stride_bytes, f->width_px, f->height_px) &&
        picture_write("mini-vmm-want.ppm", want, stride, f->width_px, f->height_px))
        fprintf(stderr, "mini-vmm: see mini-vmm-got.ppm and mini-vmm-want.ppm\n");
    free(want);
}

/* The newest frame of monitor @m must be this size and this picture. */
static bool expect_picture(struct script *s, struct monitor *m, const struct expect *e, bool final)
{
    const struct pvg_frame *frame;
    uint32_t width, height;
    char first[120] = "";
    uint64_t wrong;
    int err = pvg_display_get_frame(m->display, &frame);

    pthread_mutex_lock(&s->vmm.lock);
    width = m->width_px;
    height = m->height_px;
    pthread_mutex_unlock(&s->vmm.lock);
    if (err) {
        snprintf(s->why, sizeof(s->why), "no picture: %s", pvg_error_text(err));
        return false;
    }
    wrong = wrong_pixels(frame, e, first);
    if (wrong)
        snprintf(s->why, sizeof(s->why), "serial %u: %llu of %llu pixels are wrong, %s", m->serial,
                 (unsigned long long)wrong, (unsigned long long)frame->width_px * frame->height_px, first);
    else if (frame->width_px != width || frame->height_px != height)
        snprintf(s->why, sizeof(s->why), "announced %ux%u, got %ux%u", width, height, frame->width_px,
                 frame->height_px);
    if (wrong && final)
        save_both(frame, e);
    pvg_frame_put(frame);
    return !s->why[0];
}

static bool frames_moved(struct monitor *m, const void *arg)
{
    return m->frames > *(const uint64_t *)arg;
}

/*
 * Wait until the picture is there. The guest's stamp says that the library has taken it, so normally it is; the on_mode
 * that goes with it, and a pointer drawn into it, come a moment later.
 */
static bool await_picture(struct script *s, struct monitor *m, const struct expect *e)
{
    uint64_t seen = 0;

    for (;;) {
        bool moved;

        pthread_mutex_lock(&s->vmm.lock);
        moved = vmm_wait(&s->vmm, m, frames_moved, &seen);
        seen = m->frames;
        pthread_mutex_unlock(&s->vmm.lock);
        s->why[0] = 0;
        if (expect_picture(s, m, e, !moved))
            return true;
        if (!moved)
            return false;
    }
}

static bool await_pictures(struct script *s, uint32_t salt)
{
    for (uint32_t p = 0; p < s->vmm.monitor_count; p++) {
        const struct expect e = {.salt = salt + p};

        if (!await_picture(s, &s->vmm.monitors[p], &e))
            return false;
    }
    return true;
}

/* ---- steps ---- */

static bool type(struct script *s, guest_job *job, uint32_t arg)
{
    if (guest_do(s->guest, job, arg))
        return true;
    snprintf(s->why, sizeof(s->why), "guest: %.190s", s->guest->error);
    return false;
}

static bool failed(struct script *s, const char *why)
{
    snprintf(s->why, sizeof(s->why), "%s", why);
    return false;
}

/* Monitor 0 has the size asked for, the others a smaller one each. */
static bool plug_in(struct script *s, uint32_t port, uint32_t width, uint32_t height)
{
    const struct pvg_mode modes[] = {{.width_px = (uint16_t)width, .height_px = (uint16_t)height, .refresh_hz = 60},
                                     {.width_px = 640, .height_px = 480, .refresh_hz = 60}};
    int err = pvg_display_set_modes(s->vmm.monitors[port].display, modes, width == 640 && height == 480 ? 1 : 2);

    return err ? failed(s, pvg_error_text(err)) : true;
}

/* Does the guest see the monitor that we attached? */
static bool same_monitor(struct script *s, uint32_t port, uint32_t width, uint32_t height)
{
    const struct guest_monitor *seen = &s->guest->monitors[port];

    if (seen->serial != s->vmm.monitors[port].serial || strcmp(seen->name, "mini-vmm") || seen->width_mm != 480 ||
        seen->height_mm != 270)
        return failed(s, "the guest sees another monitor than was attached");
    if (seen->modes[0].width != width || seen->modes[0].height != height || seen->modes[0].refresh != 60u << 16)
        return failed(s, "the guest sees another preferred mode than was set");
    return true;
}

static bool step_hello(struct script *s)
{
    return type(s, guest_hello, 0);
}

static bool step_boot(struct script *s)
{
    return type(s, guest_boot, 0);
}

static bool step_online(struct script *s)
{
    for (uint32_t p = 0; p < s->vmm.monitor_count; p++) {
        uint32_t width = p ? 1024 - 32 * p : s->width, height = p ? 768 - 24 * p : s->height;

        if (!plug_in(s, p, width, height) || !type(s, guest_online, p) || !same_monitor(s, p, width, height))
            return false;
    }
    return true;
}

static bool step_picture(struct script *s)
{
    const struct pvg_frame *frame;
    bool good;

    if (!type(s, guest_picture, 0) || !await_pictures(s, 0))
        return false;
    if (!s->out)
        return true;
    if (pvg_display_get_frame(s->vmm.monitors[0].display, &frame))
        return failed(s, "no picture to save");
    good = picture_write(s->out, frame->pixels, frame->stride_bytes, frame->width_px, frame->height_px);
    pvg_frame_put(frame);
    if (!good)
        snprintf(s->why, sizeof(s->why), "cannot write %.100s: %s", s->out, strerror(errno));
    return good;
}

static bool step_vblank(struct script *s)
{
    return type(s, guest_vblanks, 30);
}

/*
 * Two pictures presented in turn as fast as the rings take them: the newest wins (decision 1), and with every refresh
 * comes a picture, also when the guest never pauses. A refresh that the guest saw may lack one at the storm's ends.
 */
static bool step_storm(struct script *s)
{
    const struct guest_monitor *first = &s->guest->monitors[0];
    uint64_t presents = 0, frames = 0, before;

    /* step_picture drew to the first surface, these two to the second and the first again. */
    if (!type(s, guest_picture, 10) || !type(s, guest_picture, 30))
        return false;
    before = pvg_display_host_presents(s->vmm.monitors[0].display);
    if (!type(s, guest_storm, s->storm) || !await_pictures(s, 10))
        return false;
    if (pvg_display_host_presents(s->vmm.monitors[0].display) - before < first->vblanks / 2)
        return failed(s, "no picture comes while the guest presents without a pause");
    for (uint32_t p = 0; p < s->vmm.monitor_count; p++) {
        if (pvg_display_guest_presents(s->vmm.monitors[p].display) != s->guest->monitors[p].presents)
            return failed(s, "the library counts other presents than the guest made");
        presents += s->guest->monitors[p].presents;
        frames += pvg_display_host_presents(s->vmm.monitors[p].display);
    }
    printf("     %llu presents became %llu pictures\n", (unsigned long long)presents, (unsigned long long)frames);
    return frames <= presents ? true : failed(s, "more pictures than presents");
}

static bool same_mappings(struct script *s)
{
    return pvg_iosfc_mappings(s->vmm.mapper) == s->guest->mapper.live
               ? true
               : failed(s, "the library counts other mappings than the guest made");
}

static bool step_mapper_first(struct script *s)
{
    return type(s, guest_mapper_first, 0) && same_mappings(s);
}

/* Two threads of the guest: one presents from mapped surfaces, the other maps and unmaps; the picture is the one of the
 * storm. */
static bool step_churn(struct script *s)
{
    return type(s, guest_churn, s->storm) && await_pictures(s, 10) && same_mappings(s);
}

/* One window is reset while the other works: pictures stay, and come again when the guest has mapped anew. */
static bool step_mapper_reset(struct script *s)
{
    pvg_iosfc_reset(s->vmm.mapper);
    if (pvg_iosfc_mappings(s->vmm.mapper))
        return failed(s, "mappings outlive a reset of the mapper");
    return await_pictures(s, 90) && type(s, guest_mapper_restart, 0) && same_mappings(s) &&
           type(s, guest_picture, 91) && await_pictures(s, 91);
}

static bool held(struct monitor *m, const void *arg)
{
    return m->held;
}

static void hold(struct vmm *vmm, struct monitor *m, bool hold)
{
    pthread_mutex_lock(&vmm->lock);
    m->hold = hold;
    pthread_cond_broadcast(&vmm->news);
    pthread_mutex_unlock(&vmm->lock);
}

/*
 * The VMM takes longer over a picture than a refresh, and the guest presents twice meanwhile, before and after the
 * tick. The tick was the first present's and is over, so the second is shown with the next vertical blank and not one
 * later: else a guest that never pauses would push its tick away for ever.
 */
static bool step_slow(struct script *s)
{
    struct monitor *m = &s->vmm.monitors[0];
    const struct expect e = {.salt = 10};
    uint64_t before;
    bool good;

    /* Held is the announcement of this present, or of one before it that had not been told yet. */
    hold(&s->vmm, m, true);
    good = type(s, guest_again, 0);
    pthread_mutex_lock(&s->vmm.lock);
    if (good && !vmm_wait(&s->vmm, m, held, NULL))
        good = failed(s, "no picture for a present");
    pthread_mutex_unlock(&s->vmm.lock);
    before = pvg_display_host_presents(m->display);
    good = good && type(s, guest_supersede, 20); /* a refresh at 60 Hz is shorter */
    hold(&s->vmm, m, false);
    if (!good || !type(s, guest_superseded, 0))
        return false;
    if (pvg_display_host_presents(m->display) == before)
        return failed(s, "a present that supersedes another has lost its place");
    return await_picture(s, m, &e);
}

struct pointer_at {
    uint32_t x, y;
};

static bool pointer_seen(struct monitor *m, const void *arg)
{
    const struct pointer_at *at = arg;

    return m->glyph && m->pointer_shown && m->pointer.x == at->x && m->pointer.y == at->y;
}

static bool step_pointer(struct script *s)
{
    struct monitor *m = &s->vmm.monitors[0];
    const struct pointer_at at = {300, 200};
    uint32_t wrong = 0;
    bool seen;

    if (!type(s, guest_pointer, at.x | at.y << 16))
        return false;
    pthread_mutex_lock(&s->vmm.lock);
    seen = vmm_wait(&s->vmm, m, pointer_seen, &at);
    if (seen && m->glyph_width == POINTER_WIDTH && m->glyph_height == POINTER_HEIGHT) {
        for (uint32_t i = 0; i < POINTER_WIDTH * POINTER_HEIGHT; i++)
            wrong += m->glyph[i] != pointer_pixel(i % POINTER_WIDTH, i / POINTER_WIDTH);
    } else {
        wrong = 1;
    }
    wrong += m->glyph_hot_x != POINTER_HOT_X || m->glyph_hot_y != POINTER_HOT_Y;
    pthread_mutex_unlock(&s->vmm.lock);
    if (!seen)
        return failed(s, "the pointer does not arrive");
    return wrong ? failed(s, "the pointer's image, size or hot spot is wrong") : true;
}

/* As a VMM asks for it whose window system cannot show a pointer of its own. */
static bool step_pointer_drawn(struct script *s)
{
    struct monitor *m = &s->vmm.monitors[0];
    struct expect e = {.salt = 10, .pointer = true, .x = 300, .y = 200};

    pvg_display_draw_cursor(m->display, true);
    if (!await_picture(s, m, &e))
        return false;
    e.x = 2; /* image partly outside */
    e.y = 3;
    if (!type(s, guest_pointer, e.x | e.y << 16) || !await_picture(s, m, &e))
        return false;
    pvg_display_draw_cursor(m->display, false);
    e.pointer = false;
    return await_picture(s, m, &e);
}

static bool step_gamma(struct script *s)
{
    struct monitor *m = &s->vmm.monitors[0];
    struct expect e = {.salt = 10, .gamma = true};

    if (!type(s, guest_gamma, 1) || !await_picture(s, m, &e))
        return false;
    e.gamma = false;
    return type(s, guest_gamma, 0) && await_picture(s, m, &e);
}

static bool step_moved_pages(struct script *s)
{
    const struct expect e = {.salt = 55};

    return type(s, guest_move_pages, 55) && await_picture(s, &s->vmm.monitors[0], &e);
}

/* A window was resized: the guest hears of the new list and follows. */
static bool step_mode_change(struct script *s)
{
    return plug_in(s, 0, 1366, 768) && type(s, guest_online, 0) && same_monitor(s, 0, 1366, 768) &&
           type(s, guest_picture, 70) && await_pictures(s, 70);
}

static bool step_unplug(struct script *s)
{
    struct monitor *m = &s->vmm.monitors[0];

    if (pvg_display_set_connected(m->display, false))
        return failed(s, "cannot pull the plug");
    if (!type(s, guest_offline, 0))
        return false;
    if (pvg_display_set_connected(m->display, true))
        return failed(s, "cannot put the plug back");
    return type(s, guest_online, 0) && type(s, guest_picture, 90) && await_pictures(s, 90);
}

/* The reset button, in the middle of a running guest; then it boots again. */
static bool step_reset(struct script *s)
{
    if (s->vmm.mapper)
        pvg_iosfc_reset(s->vmm.mapper);
    pvg_device_reset(s->vmm.device);
    if (!type(s, guest_forget, 0) || !type(s, guest_boot, 0))
        return false;
    for (uint32_t p = 0; p < s->vmm.monitor_count; p++)
        if (!type(s, guest_online, p))
            return false;
    return type(s, guest_picture, 120) && await_pictures(s, 120);
}

static bool step_shutdown(struct script *s)
{
    return type(s, guest_shutdown, 0) && (!s->vmm.mapper || same_mappings(s));
}

static const struct {
    const char *name;
    bool (*run)(struct script *s);
    bool mapper; /* only with one */
} steps[] = {
    {"mapper before the device is up", step_mapper_first, true},
    {"handshake and first command, polling", step_hello},
    {"bring-up by interrupt", step_boot},
    {"monitors come online", step_online},
    {"test picture, every page scattered", step_picture},
    {"vertical blanks", step_vblank},
    {"storm of presents", step_storm},
    {"map and unmap beside presents", step_churn, true},
    {"VMM slower than the display", step_slow},
    {"pointer told to the VMM", step_pointer},
    {"pointer drawn into the picture", step_pointer_drawn},
    {"gamma table", step_gamma},
    {"pages moved below a surface", step_moved_pages},
    {"mode list replaced", step_mode_change},
    {"unplugged and plugged in", step_unplug},
    {"mapper reset alone", step_mapper_reset, true},
    {"reset and second boot", step_reset},
    {"shutdown", step_shutdown},
};

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

bool script_run(struct script *s)
{
    if (s->vmm.mapper)
        s->guest->way = &surfaces_by_mapping;
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        double begin = now_ms();
        bool good;

        if (steps[i].mapper && !s->vmm.mapper)
            continue;
        good = steps[i].run(s);
        printf("%s %-40s %8.1f ms\n", good ? "ok  " : "FAIL", steps[i].name, now_ms() - begin);
        if (!good) {
            fprintf(stderr, "mini-vmm: %s: %s\n", steps[i].name, s->why);
            return false;
        }
    }
    if (atomic_load(&s->vmm.complaints)) {
        fprintf(stderr, "mini-vmm: the library complained %u times of a guest without mistakes\n",
                atomic_load(&s->vmm.complaints));
        return false;
    }
    return true;
}
