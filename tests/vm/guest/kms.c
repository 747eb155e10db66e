/* SPDX-License-Identifier: MIT */
/*
 * Shared part of the guest's test programs; see kms.h.
 */
#include "kms.h"

#include <dirent.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>

/* Debian 12's libdrm is older. */
#ifndef DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT
#define DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT 6
#endif
#ifndef DRM_CAP_ATOMIC_ASYNC_PAGE_FLIP
#define DRM_CAP_ATOMIC_ASYNC_PAGE_FLIP 0x15
#endif

/* A flip takes one refresh period; this long without an event is a hang, not a slow machine. */
#define EVENT_LIMIT_MS 60000

void kms_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("FAILED: ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    exit(1);
}

void kms_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    fflush(stdout);
}

uint64_t kms_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double kms_mode_hz(const drmModeModeInfo *mode)
{
    return mode->clock * 1000.0 / ((double)mode->htotal * mode->vtotal);
}

void kms_rate_add(struct kms_rate *r, uint64_t sequence, uint64_t time_ns)
{
    double x, y;

    if (r->n == 0) {
        r->first_sequence = sequence;
        r->first_ns = time_ns;
    }
    r->last_sequence = sequence;
    r->last_ns = time_ns;
    x = (double)(sequence - r->first_sequence);
    y = (double)(time_ns - r->first_ns) / 1e9;
    r->n++;
    r->x += x;
    r->y += y;
    r->xx += x * x;
    r->xy += x * y;
}

double kms_rate_hz(const struct kms_rate *r)
{
    double slope = r->n * r->xy - r->x * r->y;

    return slope > 0 ? (r->n * r->xx - r->x * r->x) / slope : 0;
}

static const char *argument(int argc, char **argv, int *i)
{
    if (++*i >= argc)
        kms_fail("%s needs a value", argv[*i - 1]);
    return argv[*i];
}

void kms_options(struct kms_options *o, int argc, char **argv)
{
    *o = (struct kms_options){.seconds = 10};
    o->rest = argc;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--card")) {
            o->card = argument(argc, argv, &i);
        } else if (!strcmp(argv[i], "--connector")) {
            o->connector = (unsigned)atoi(argument(argc, argv, &i));
        } else if (!strcmp(argv[i], "--seed")) {
            o->seed = (unsigned)atoi(argument(argc, argv, &i));
        } else if (!strcmp(argv[i], "--seconds")) {
            o->seconds = atof(argument(argc, argv, &i));
        } else if (!strcmp(argv[i], "--mode")) {
            if (sscanf(argument(argc, argv, &i), "%ux%u", &o->width_px, &o->height_px) != 2)
                kms_fail("--mode needs WxH");
        } else if (!strncmp(argv[i], "--", 2)) {
            kms_fail("unknown option %s", argv[i]);
        } else {
            o->what = argv[i];
            o->rest = i;
            break;
        }
    }
}

uint32_t kms_property(struct kms *k, uint32_t object_id, uint32_t object_type, const char *name, uint64_t *value)
{
    drmModeObjectProperties *list = drmModeObjectGetProperties(k->fd, object_id, object_type);
    uint32_t id = 0;

    for (uint32_t i = 0; list && i < list->count_props && !id; i++) {
        drmModePropertyRes *p = drmModeGetProperty(k->fd, list->props[i]);

        if (p && !strcmp(p->name, name)) {
            id = p->prop_id;
            if (value)
                *value = list->prop_values[i];
        }
        drmModeFreeProperty(p);
    }
    drmModeFreeObjectProperties(list);
    return id;
}

void kms_set(struct kms *k, drmModeAtomicReq *req, uint32_t object_id, uint32_t object_type, const char *name,
             uint64_t value)
{
    uint32_t property = kms_property(k, object_id, object_type, name, NULL);

    if (!property)
        kms_fail("object %u has no property %s", object_id, name);
    if (drmModeAtomicAddProperty(req, object_id, property, value) < 0)
        kms_fail("cannot add property %s", name);
}

/* The N-th connected connector of this card, or NULL. */
static drmModeConnector *find_connector(int fd, const drmModeRes *res, unsigned number)
{
    for (int i = 0; i < res->count_connectors; i++) {
        drmModeConnector *c = drmModeGetConnector(fd, res->connectors[i]);

        if (c && c->connection == DRM_MODE_CONNECTED && c->count_modes > 0 && number-- == 0)
            return c;
        drmModeFreeConnector(c);
    }
    return NULL;
}

static int open_card(const char *path, unsigned number, drmModeConnector **connector)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    drmModeRes *res;

    if (fd < 0)
        return -1;
    res = drmModeGetResources(fd);
    *connector = res ? find_connector(fd, res, number) : NULL;
    drmModeFreeResources(res);
    if (!*connector) {
        close(fd);
        return -1;
    }
    return fd;
}

static void choose_mode(struct kms *k, const drmModeConnector *c, const struct kms_options *o)
{
    const drmModeModeInfo *found = NULL;

    for (int i = 0; i < c->count_modes && !found; i++) {
        const drmModeModeInfo *m = &c->modes[i];

        if (o->width_px ? m->hdisplay == o->width_px && m->vdisplay == o->height_px
                        : !!(m->type & DRM_MODE_TYPE_PREFERRED))
            found = m;
    }
    if (!found && o->width_px)
        kms_fail("connector %u has no mode %ux%u", c->connector_id, o->width_px, o->height_px);
    k->mode = found ? *found : c->modes[0];
}

static void choose_crtc(struct kms *k, const drmModeConnector *c)
{
    drmModeRes *res = drmModeGetResources(k->fd);
    uint32_t possible = 0;

    for (int i = 0; i < c->count_encoders; i++) {
        drmModeEncoder *e = drmModeGetEncoder(k->fd, c->encoders[i]);

        possible |= e ? e->possible_crtcs : 0;
        drmModeFreeEncoder(e);
    }
    for (int i = 0; i < res->count_crtcs && !k->crtc_id; i++) {
        if (possible & (1u << i)) {
            k->crtc_id = res->crtcs[i];
            k->crtc_index = (unsigned)i;
        }
    }
    drmModeFreeResources(res);
    if (!k->crtc_id)
        kms_fail("connector %u has no CRTC", c->connector_id);
}

static void choose_planes(struct kms *k)
{
    drmModePlaneRes *planes = drmModeGetPlaneResources(k->fd);

    for (uint32_t i = 0; planes && i < planes->count_planes; i++) {
        drmModePlane *p = drmModeGetPlane(k->fd, planes->planes[i]);
        uint64_t type = DRM_PLANE_TYPE_OVERLAY;

        if (p && (p->possible_crtcs & (1u << k->crtc_index))) {
            kms_property(k, p->plane_id, DRM_MODE_OBJECT_PLANE, "type", &type);
            if (type == DRM_PLANE_TYPE_PRIMARY && !k->primary_id)
                k->primary_id = p->plane_id;
            if (type == DRM_PLANE_TYPE_CURSOR && !k->cursor_id)
                k->cursor_id = p->plane_id;
        }
        drmModeFreePlane(p);
    }
    drmModeFreePlaneResources(planes);
    if (!k->primary_id)
        kms_fail("CRTC %u has no primary plane", k->crtc_id);
}

void kms_open(struct kms *k, const struct kms_options *o)
{
    drmModeConnector *connector = NULL;
    uint64_t cap = 0;

    *k = (struct kms){.fd = -1};
    /* A driver that was loaded a moment ago may not have heard of its displays yet. */
    for (int waited_ms = 0; k->fd < 0; waited_ms += 100) {
        if (waited_ms)
            usleep(100000);
        if (waited_ms > EVENT_LIMIT_MS)
            kms_fail("no card has connected connector number %u", o->connector);
        for (int i = 0; i < (o->card ? 1 : 8) && k->fd < 0; i++) {
            char path[32];

            snprintf(path, sizeof(path), "/dev/dri/card%d", i);
            k->fd = open_card(o->card ? o->card : path, o->connector, &connector);
        }
    }
    if (drmSetMaster(k->fd) && errno != EINVAL)
        kms_fail("cannot become DRM master: %s", strerror(errno));
    if (drmSetClientCap(k->fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1) || drmSetClientCap(k->fd, DRM_CLIENT_CAP_ATOMIC, 1))
        kms_fail("the driver is not atomic: %s", strerror(errno));
    /* From Linux 6.8 on, a virtual display's cursor plane is shown only to clients that know of hot spots; before, EINVAL. */
    (void)drmSetClientCap(k->fd, DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT, 1);
    k->async = !drmGetCap(k->fd, DRM_CAP_ASYNC_PAGE_FLIP, &cap) && cap;
    k->atomic_async = !drmGetCap(k->fd, DRM_CAP_ATOMIC_ASYNC_PAGE_FLIP, &cap) && cap;
    k->connector_id = connector->connector_id;
    choose_mode(k, connector, o);
    choose_crtc(k, connector);
    choose_planes(k);
    drmModeFreeConnector(connector);
    if (drmModeCreatePropertyBlob(k->fd, &k->mode, sizeof(k->mode), &k->mode_blob))
        kms_fail("cannot make a mode blob: %s", strerror(errno));
}

void kms_fb_new(struct kms *k, struct kms_fb *fb, uint32_t width_px, uint32_t height_px, uint32_t fourcc)
{
    struct drm_mode_create_dumb create = {.width = width_px, .height = height_px, .bpp = 32};
    struct drm_mode_map_dumb map = {0};
    uint32_t handles[4] = {0}, pitches[4] = {0}, offsets[4] = {0};

    if (drmIoctl(k->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
        kms_fail("cannot make a buffer of %ux%u: %s", width_px, height_px, strerror(errno));
    map.handle = handles[0] = create.handle;
    pitches[0] = create.pitch;
    *fb = (struct kms_fb){.handle = create.handle,
                          .width_px = width_px,
                          .height_px = height_px,
                          .stride_bytes = create.pitch,
                          .size_bytes = create.size};
    if (drmModeAddFB2(k->fd, width_px, height_px, fourcc, handles, pitches, offsets, &fb->id, 0))
        kms_fail("cannot make a framebuffer: %s", strerror(errno));
    if (drmIoctl(k->fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
        kms_fail("cannot map a buffer: %s", strerror(errno));
    fb->pixels = mmap(NULL, fb->size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, (off_t)map.offset);
    if (fb->pixels == MAP_FAILED)
        kms_fail("cannot map a buffer: %s", strerror(errno));
}

void kms_fb_fill(struct kms_fb *fb, uint32_t xrgb)
{
    for (uint32_t y = 0; y < fb->height_px; y++) {
        uint32_t *row = (uint32_t *)(void *)(fb->pixels + (size_t)y * fb->stride_bytes);

        for (uint32_t x = 0; x < fb->width_px; x++)
            row[x] = xrgb;
    }
}

void kms_fb_pattern(struct kms_fb *fb, unsigned seed)
{
    for (uint32_t y = 0; y < fb->height_px; y++) {
        uint32_t *row = (uint32_t *)(void *)(fb->pixels + (size_t)y * fb->stride_bytes);

        for (uint32_t x = 0; x < fb->width_px; x++) {
            uint32_t r = (x + seed * 16) & 0xff, g = (y * 3 + seed) & 0xff, b = ((x >> 3) ^ (y >> 3)) & 0xff;

            row[x] = 0xff000000u | r << 16 | g << 8 | b;
        }
    }
}

void kms_fb_quarters(struct kms_fb *fb)
{
    static const uint32_t quarter[4] = {0xffff0000u, 0xff00ff00u, 0xff0000ffu, 0xffffffffu};

    for (uint32_t y = 0; y < fb->height_px; y++) {
        uint32_t *row = (uint32_t *)(void *)(fb->pixels + (size_t)y * fb->stride_bytes);

        for (uint32_t x = 0; x < fb->width_px; x++)
            row[x] = quarter[(y >= fb->height_px / 2) * 2 + (x >= fb->width_px / 2)];
    }
}

/* @fb NULL: the plane goes off. */
static void set_plane(struct kms *k, drmModeAtomicReq *req, uint32_t plane, const struct kms_fb *fb, int x, int y,
                      uint32_t width_px, uint32_t height_px)
{
    uint32_t t = DRM_MODE_OBJECT_PLANE;

    kms_set(k, req, plane, t, "FB_ID", fb ? fb->id : 0);
    kms_set(k, req, plane, t, "CRTC_ID", fb ? k->crtc_id : 0);
    kms_set(k, req, plane, t, "SRC_X", 0);
    kms_set(k, req, plane, t, "SRC_Y", 0);
    kms_set(k, req, plane, t, "SRC_W", (uint64_t)width_px << 16);
    kms_set(k, req, plane, t, "SRC_H", (uint64_t)height_px << 16);
    kms_set(k, req, plane, t, "CRTC_X", (uint64_t)(int64_t)x);
    kms_set(k, req, plane, t, "CRTC_Y", (uint64_t)(int64_t)y);
    kms_set(k, req, plane, t, "CRTC_W", width_px);
    kms_set(k, req, plane, t, "CRTC_H", height_px);
}

int kms_try_show(struct kms *k, const struct kms_fb *fb)
{
    drmModeAtomicReq *req = drmModeAtomicAlloc();
    int err = 0;

    kms_set(k, req, k->connector_id, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", k->crtc_id);
    kms_set(k, req, k->crtc_id, DRM_MODE_OBJECT_CRTC, "MODE_ID", k->mode_blob);
    kms_set(k, req, k->crtc_id, DRM_MODE_OBJECT_CRTC, "ACTIVE", 1);
    set_plane(k, req, k->primary_id, fb, 0, 0, k->mode.hdisplay, k->mode.vdisplay);
    if (drmModeAtomicCommit(k->fd, req, DRM_MODE_ATOMIC_ALLOW_MODESET, NULL))
        err = -errno;
    drmModeAtomicFree(req);
    return err;
}

void kms_show(struct kms *k, const struct kms_fb *fb)
{
    int err = kms_try_show(k, fb);

    if (err)
        kms_fail("cannot set mode %s: %s", k->mode.name, strerror(-err));
}

int kms_try_cursor(struct kms *k, const struct kms_fb *fb, int x, int y)
{
    drmModeAtomicReq *req = drmModeAtomicAlloc();
    int err = 0;

    if (!k->cursor_id)
        kms_fail("the CRTC has no cursor plane");
    set_plane(k, req, k->cursor_id, fb, x, y, fb ? fb->width_px : 0, fb ? fb->height_px : 0);
    if (drmModeAtomicCommit(k->fd, req, 0, NULL))
        err = -errno;
    drmModeAtomicFree(req);
    return err;
}

void kms_cursor(struct kms *k, const struct kms_fb *fb, int x, int y)
{
    int err = kms_try_cursor(k, fb, x, y);

    if (err)
        kms_fail("cursor: %s", strerror(-err));
}

int kms_flip(struct kms *k, const struct kms_fb *fb, bool async, uint64_t cookie)
{
    uint32_t flags = DRM_MODE_PAGE_FLIP_EVENT | (async ? DRM_MODE_PAGE_FLIP_ASYNC : 0);

    return drmModePageFlip(k->fd, k->crtc_id, fb->id, flags, (void *)(uintptr_t)cookie) ? -errno : 0;
}

int kms_flip_atomic(struct kms *k, const struct kms_fb *fb, bool blocking, uint64_t cookie)
{
    uint32_t flags = DRM_MODE_PAGE_FLIP_EVENT | DRM_MODE_PAGE_FLIP_ASYNC | (blocking ? 0 : DRM_MODE_ATOMIC_NONBLOCK);
    drmModeAtomicReq *req = drmModeAtomicAlloc();
    int err = 0;

    /* Nothing else may be in an asynchronous commit. */
    kms_set(k, req, k->primary_id, DRM_MODE_OBJECT_PLANE, "FB_ID", fb->id);
    if (drmModeAtomicCommit(k->fd, req, flags, (void *)(uintptr_t)cookie))
        err = -errno;
    drmModeAtomicFree(req);
    return err;
}

void kms_wait_flip(struct kms *k, uint32_t *sequence, uint64_t *time_ns)
{
    struct pollfd p = {.fd = k->fd, .events = POLLIN};
    struct drm_event_vblank event;
    ssize_t n;

    do {
        int ready = poll(&p, 1, EVENT_LIMIT_MS);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            kms_fail("no flip event within %d s", EVENT_LIMIT_MS / 1000);
        /* The kernel hands out whole events only: a buffer of one event's size reads one. */
        n = read(k->fd, &event, sizeof(event));
        if (n != (ssize_t)sizeof(event))
            kms_fail("flip event of %zd bytes", n);
    } while (n <= 0 || event.base.type != DRM_EVENT_FLIP_COMPLETE);
    if (sequence)
        *sequence = event.sequence;
    if (time_ns)
        *time_ns = (uint64_t)event.tv_sec * 1000000000u + (uint64_t)event.tv_usec * 1000u;
}

static sigset_t waited_signals;

void kms_signals(void)
{
    sigemptyset(&waited_signals);
    sigaddset(&waited_signals, SIGUSR1);
    sigaddset(&waited_signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &waited_signals, NULL);
}

bool kms_next(void)
{
    int number = 0;

    sigwait(&waited_signals, &number);
    return number == SIGUSR1;
}
