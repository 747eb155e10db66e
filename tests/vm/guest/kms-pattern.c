/* SPDX-License-Identifier: MIT */
/*
 * Shows a fixed pattern and changes it each time the host says so (SIGUSR1); ends on SIGTERM.
 *
 * usage: kms-pattern [OPTIONS] STEP...
 *
 * Prints "shown N" when the N-th step is on the screen; step 0 is the pattern itself. Steps:
 *   pattern:SEED       another pattern, by a page flip
 *   dirty              a red square at 64,64 of 96 pixels drawn into the shown buffer, then DIRTYFB
 *   storm              DIRTYFB without a pause, by four processes, until SIGTERM
 *   gamma:invert       a gamma table that inverts; gamma:half halves; gamma:none removes it
 *   off, on            CRTC inactive, active
 *   mode:WxH           another mode with the pattern
 *   cursor:X,Y         a 64x64 cursor of four opaque quarters at X,Y; cursor:none hides it
 *   move:X,Y           the cursor moves by the old call for it, which may overtake commits
 *   recolour:RRGGBB    the cursor gets another image, of one colour
 *   redraw:RRGGBB      one colour drawn into the cursor's present image, which a commit with damage tells
 *   overhang:N         the plane reaches N pixels over every edge, with a pattern of that size
 *   formats            "takes FORMAT" for each format of which the shown buffer may become a framebuffer
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <xf86drm.h>

#include "kms.h"

#define CURSOR_PX 64

static struct kms k;
static struct kms_options o;
static struct kms_fb shown, other, cursor;

static void swap_to_other(void)
{
    struct kms_fb t = shown;

    shown = other;
    other = t;
}

static void step_pattern(unsigned seed)
{
    int err;

    kms_fb_pattern(&other, seed);
    err = kms_flip(&k, &other, false, 0);
    if (err)
        kms_fail("page flip: %s", strerror(-err));
    kms_wait_flip(&k, NULL, NULL);
    swap_to_other();
}

static void step_dirty(void)
{
    drmModeClip clip = {.x1 = 64, .y1 = 64, .x2 = 160, .y2 = 160};

    for (uint32_t y = clip.y1; y < clip.y2; y++) {
        uint32_t *row = (uint32_t *)(void *)(shown.pixels + (size_t)y * shown.stride_bytes);

        for (uint32_t x = clip.x1; x < clip.x2; x++)
            row[x] = 0xffff0000u;
    }
    if (drmModeDirtyFB(k.fd, shown.id, &clip, 1))
        kms_fail("DIRTYFB: %s", strerror(errno));
}

/*
 * A device that holds presents makes the call fail with EBUSY after a while. More than one process: so that some always wait
 * for the locks that whoever comes next needs.
 */
static void step_storm(void)
{
    drmModeClip clip = {.x2 = 1, .y2 = 1};
    sigset_t pending;

    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            break;
        }
    }
    kms_say("storming");
    do {
        if (drmModeDirtyFB(k.fd, shown.id, &clip, 1) && errno != EBUSY)
            kms_fail("DIRTYFB: %s", strerror(errno));
        sigpending(&pending);
    } while (!sigismember(&pending, SIGTERM));
}

static void commit(drmModeAtomicReq *req, uint32_t flags, const char *what)
{
    if (drmModeAtomicCommit(k.fd, req, flags, NULL))
        kms_fail("%s: %s", what, strerror(errno));
    drmModeAtomicFree(req);
}

static void step_gamma(const char *kind)
{
    drmModeAtomicReq *req = drmModeAtomicAlloc();
    uint64_t size = 0;
    uint32_t blob = 0;

    kms_property(&k, k.crtc_id, DRM_MODE_OBJECT_CRTC, "GAMMA_LUT_SIZE", &size);
    if (!size)
        kms_fail("the CRTC has no gamma table");
    if (strcmp(kind, "none")) {
        struct drm_color_lut *lut = calloc(size, sizeof(*lut));

        for (uint64_t i = 0; i < size; i++) {
            uint64_t v = i * 0xffff / (size - 1);

            v = !strcmp(kind, "invert") ? 0xffff - v : v / 2;
            lut[i].red = lut[i].green = lut[i].blue = (uint16_t)v;
        }
        if (drmModeCreatePropertyBlob(k.fd, lut, size * sizeof(*lut), &blob))
            kms_fail("cannot make a gamma blob: %s", strerror(errno));
        free(lut);
    }
    kms_set(&k, req, k.crtc_id, DRM_MODE_OBJECT_CRTC, "GAMMA_LUT", blob);
    commit(req, 0, "gamma");
}

static void step_active(bool on)
{
    drmModeAtomicReq *req = drmModeAtomicAlloc();

    kms_set(&k, req, k.crtc_id, DRM_MODE_OBJECT_CRTC, "ACTIVE", on);
    commit(req, DRM_MODE_ATOMIC_ALLOW_MODESET, on ? "on" : "off");
}

static void step_mode(const char *size)
{
    struct kms_options again = o;

    if (sscanf(size, "%ux%u", &again.width_px, &again.height_px) != 2)
        kms_fail("mode:%s is not WxH", size);
    drmDropMaster(k.fd);
    drmClose(k.fd);
    kms_open(&k, &again);
    kms_fb_new(&k, &shown, k.mode.hdisplay, k.mode.vdisplay, DRM_FORMAT_XRGB8888);
    kms_fb_new(&k, &other, k.mode.hdisplay, k.mode.vdisplay, DRM_FORMAT_XRGB8888);
    kms_fb_pattern(&shown, o.seed);
    kms_show(&k, &shown);
}

static void step_cursor(const char *at)
{
    int x = 0, y = 0;

    if (!strcmp(at, "none")) {
        kms_cursor(&k, NULL, 0, 0);
        return;
    }
    if (sscanf(at, "%d,%d", &x, &y) != 2)
        kms_fail("cursor:%s is not X,Y", at);
    if (!cursor.id) {
        kms_fb_new(&k, &cursor, CURSOR_PX, CURSOR_PX, DRM_FORMAT_ARGB8888);
        kms_fb_quarters(&cursor);
    }
    kms_cursor(&k, &cursor, x, y);
}

static uint32_t colour(const char *rrggbb)
{
    return 0xff000000u | (uint32_t)strtoul(rrggbb, NULL, 16);
}

static void step_move(const char *at)
{
    int x = 0, y = 0;

    if (sscanf(at, "%d,%d", &x, &y) != 2)
        kms_fail("move:%s is not X,Y", at);
    if (drmModeMoveCursor(k.fd, k.crtc_id, x, y))
        kms_fail("cannot move the cursor: %s", strerror(errno));
}

static void step_recolour(const char *rrggbb)
{
    drmModeAtomicReq *req = drmModeAtomicAlloc();

    kms_fb_new(&k, &cursor, CURSOR_PX, CURSOR_PX, DRM_FORMAT_ARGB8888);
    kms_fb_fill(&cursor, colour(rrggbb));
    kms_set(&k, req, k.cursor_id, DRM_MODE_OBJECT_PLANE, "FB_ID", cursor.id);
    commit(req, 0, "another image");
}

static void step_redraw(const char *rrggbb)
{
    struct drm_mode_rect all = {.x2 = CURSOR_PX, .y2 = CURSOR_PX};
    drmModeAtomicReq *req = drmModeAtomicAlloc();
    uint32_t blob = 0;

    kms_fb_fill(&cursor, colour(rrggbb));
    if (drmModeCreatePropertyBlob(k.fd, &all, sizeof(all), &blob))
        kms_fail("cannot make a damage blob: %s", strerror(errno));
    kms_set(&k, req, k.cursor_id, DRM_MODE_OBJECT_PLANE, "FB_ID", cursor.id);
    kms_set(&k, req, k.cursor_id, DRM_MODE_OBJECT_PLANE, "FB_DAMAGE_CLIPS", blob);
    commit(req, 0, "damage");
}

static void step_overhang(unsigned by)
{
    uint32_t t = DRM_MODE_OBJECT_PLANE, width = k.mode.hdisplay + 2 * by, height = k.mode.vdisplay + 2 * by;
    drmModeAtomicReq *req = drmModeAtomicAlloc();
    struct kms_fb fb;

    kms_fb_new(&k, &fb, width, height, DRM_FORMAT_XRGB8888);
    kms_fb_pattern(&fb, o.seed);
    kms_set(&k, req, k.primary_id, t, "FB_ID", fb.id);
    kms_set(&k, req, k.primary_id, t, "SRC_W", (uint64_t)width << 16);
    kms_set(&k, req, k.primary_id, t, "SRC_H", (uint64_t)height << 16);
    kms_set(&k, req, k.primary_id, t, "CRTC_X", (uint64_t)-(int64_t)by);
    kms_set(&k, req, k.primary_id, t, "CRTC_Y", (uint64_t)-(int64_t)by);
    kms_set(&k, req, k.primary_id, t, "CRTC_W", width);
    kms_set(&k, req, k.primary_id, t, "CRTC_H", height);
    commit(req, 0, "a plane over the edges");
}

static void step_formats(void)
{
    static const char names[][5] = {"XR24", "AR24", "XB24", "AB24", "RX24", "BX24", "XR30", "RG24", "RG16", "YUYV", "NV12"};
    static const uint64_t layouts[] = {DRM_FORMAT_MOD_LINEAR, I915_FORMAT_MOD_X_TILED};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) * 2; i++) {
        uint32_t handles[4] = {0}, pitches[4] = {0}, offsets[4] = {0}, id, fourcc;
        uint64_t modifiers[4] = {0};
        const char *name = names[i / 2];

        memcpy(&fourcc, name, sizeof(fourcc));
        for (int plane = 0; plane < (fourcc == DRM_FORMAT_NV12 ? 2 : 1); plane++) {
            handles[plane] = shown.handle;
            pitches[plane] = shown.stride_bytes;
            modifiers[plane] = layouts[i % 2];
        }
        if (!drmModeAddFB2WithModifiers(k.fd, 64, 64, fourcc, handles, pitches, offsets, modifiers, &id,
                                        DRM_MODE_FB_MODIFIERS)) {
            kms_say("takes %s%s", name, i % 2 ? " in tiles" : "");
            drmModeRmFB(k.fd, id);
        } else if (errno != EINVAL) {
            kms_fail("a framebuffer of %s: %s", name, strerror(errno));
        }
    }
}

static void step(const char *s)
{
    if (!strncmp(s, "pattern:", 8))
        step_pattern((unsigned)atoi(s + 8));
    else if (!strcmp(s, "dirty"))
        step_dirty();
    else if (!strcmp(s, "storm"))
        step_storm();
    else if (!strncmp(s, "gamma:", 6))
        step_gamma(s + 6);
    else if (!strcmp(s, "off") || !strcmp(s, "on"))
        step_active(!strcmp(s, "on"));
    else if (!strncmp(s, "mode:", 5))
        step_mode(s + 5);
    else if (!strncmp(s, "cursor:", 7))
        step_cursor(s + 7);
    else if (!strncmp(s, "move:", 5))
        step_move(s + 5);
    else if (!strncmp(s, "recolour:", 9))
        step_recolour(s + 9);
    else if (!strncmp(s, "redraw:", 7))
        step_redraw(s + 7);
    else if (!strncmp(s, "overhang:", 9))
        step_overhang((unsigned)atoi(s + 9));
    else if (!strcmp(s, "formats"))
        step_formats();
    else
        kms_fail("unknown step %s", s);
}

int main(int argc, char **argv)
{
    int done = 0;

    kms_signals();
    kms_options(&o, argc, argv);
    kms_open(&k, &o);
    kms_fb_new(&k, &shown, k.mode.hdisplay, k.mode.vdisplay, DRM_FORMAT_XRGB8888);
    kms_fb_new(&k, &other, k.mode.hdisplay, k.mode.vdisplay, DRM_FORMAT_XRGB8888);
    kms_fb_pattern(&shown, o.seed);
    kms_show(&k, &shown);
    kms_say("shown 0 of %ux%u at %.3f Hz", k.mode.hdisplay, k.mode.vdisplay, kms_mode_hz(&k.mode));
    for (int i = o.rest; i < argc; i++) {
        if (!kms_next())
            return 0;
        step(argv[i]);
        kms_say("shown %d %s", ++done, argv[i]);
    }
    while (kms_next())
        ;
    return 0;
}
