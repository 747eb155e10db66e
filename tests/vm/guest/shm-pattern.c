/* SPDX-License-Identifier: MIT */
/*
 * A Wayland client that fills the screen with the fixed pattern of kms_fb_pattern() through wl_shm.
 *
 * usage: shm-pattern SEED
 *
 * Prints "shown WxH" when the compositor has repainted with it (its frame callback came, twice, because the first may
 * belong to the frame in which the surface was mapped). Hides the pointer. Runs until it is killed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-client.h>

#include "xdg-shell-client.h"

static struct wl_compositor *compositor;
static struct wl_shm *shm;
static struct wl_seat *seat;
static struct xdg_wm_base *wm;
static struct wl_surface *surface;
static uint32_t width_px, height_px;
static unsigned seed, frames;
static bool configured;

static void fail(const char *what)
{
    printf("FAILED: %s\n", what);
    exit(1);
}

static struct wl_buffer *pattern_buffer(void)
{
    size_t stride = (size_t)width_px * 4, size = stride * height_px;
    int fd = memfd_create("pattern", MFD_CLOEXEC);
    struct wl_shm_pool *pool;
    struct wl_buffer *buffer;
    uint32_t *pixels;

    if (fd < 0 || ftruncate(fd, (off_t)size))
        fail("cannot make shared memory");
    pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (pixels == MAP_FAILED)
        fail("cannot map shared memory");
    for (uint32_t y = 0; y < height_px; y++) {
        for (uint32_t x = 0; x < width_px; x++) {
            uint32_t r = (x + seed * 16) & 0xff, g = (y * 3 + seed) & 0xff, b = ((x >> 3) ^ (y >> 3)) & 0xff;

            pixels[(size_t)y * width_px + x] = r << 16 | g << 8 | b;
        }
    }
    munmap(pixels, size);
    pool = wl_shm_create_pool(shm, fd, (int32_t)size);
    buffer = wl_shm_pool_create_buffer(pool, 0, (int32_t)width_px, (int32_t)height_px, (int32_t)stride,
                                       WL_SHM_FORMAT_XRGB8888);
    wl_shm_pool_destroy(pool);
    close(fd);
    return buffer;
}

static void frame_done(void *data, struct wl_callback *callback, uint32_t time_ms);
static const struct wl_callback_listener frame_listener = {.done = frame_done};

static void ask_for_frame(void)
{
    wl_callback_add_listener(wl_surface_frame(surface), &frame_listener, NULL);
    wl_surface_damage_buffer(surface, 0, 0, INT32_MAX, INT32_MAX);
    wl_surface_commit(surface);
}

static void frame_done(void *data, struct wl_callback *callback, uint32_t time_ms)
{
    (void)data, (void)time_ms;
    wl_callback_destroy(callback);
    if (++frames == 3) {
        printf("shown %ux%u\n", width_px, height_px);
        fflush(stdout);
    } else if (frames < 3) {
        ask_for_frame();
    }
}

static void surface_configure(void *data, struct xdg_surface *xdg, uint32_t serial)
{
    (void)data;
    xdg_surface_ack_configure(xdg, serial);
    if (configured || !width_px || !height_px)
        return;
    configured = true;
    wl_surface_attach(surface, pattern_buffer(), 0, 0);
    ask_for_frame();
}
static const struct xdg_surface_listener surface_listener = {.configure = surface_configure};

static void toplevel_configure(void *data, struct xdg_toplevel *top, int32_t width, int32_t height,
                               struct wl_array *states)
{
    (void)data, (void)top, (void)states;
    if (!configured && width > 0 && height > 0) {
        width_px = (uint32_t)width;
        height_px = (uint32_t)height;
    }
}

static void toplevel_close(void *data, struct xdg_toplevel *top)
{
    (void)data, (void)top;
    exit(0);
}
static const struct xdg_toplevel_listener toplevel_listener = {.configure = toplevel_configure,
                                                               .close = toplevel_close};

static void ping(void *data, struct xdg_wm_base *base, uint32_t serial)
{
    (void)data;
    xdg_wm_base_pong(base, serial);
}
static const struct xdg_wm_base_listener wm_listener = {.ping = ping};

static void pointer_enter(void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *s, wl_fixed_t x,
                          wl_fixed_t y)
{
    (void)data, (void)s, (void)x, (void)y;
    wl_pointer_set_cursor(pointer, serial, NULL, 0, 0);
}
static void pointer_leave(void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *s)
{
    (void)data, (void)pointer, (void)serial, (void)s;
}
static void pointer_motion(void *data, struct wl_pointer *pointer, uint32_t time_ms, wl_fixed_t x, wl_fixed_t y)
{
    (void)data, (void)pointer, (void)time_ms, (void)x, (void)y;
}
static void pointer_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t time_ms, uint32_t button,
                           uint32_t state)
{
    (void)data, (void)pointer, (void)serial, (void)time_ms, (void)button, (void)state;
}
static void pointer_axis(void *data, struct wl_pointer *pointer, uint32_t time_ms, uint32_t axis, wl_fixed_t value)
{
    (void)data, (void)pointer, (void)time_ms, (void)axis, (void)value;
}
static const struct wl_pointer_listener pointer_listener = {.enter = pointer_enter,
                                                            .leave = pointer_leave,
                                                            .motion = pointer_motion,
                                                            .button = pointer_button,
                                                            .axis = pointer_axis};

static void seat_capabilities(void *data, struct wl_seat *s, uint32_t capabilities)
{
    static struct wl_pointer *pointer;

    (void)data;
    if ((capabilities & WL_SEAT_CAPABILITY_POINTER) && !pointer) {
        pointer = wl_seat_get_pointer(s);
        wl_pointer_add_listener(pointer, &pointer_listener, NULL);
    }
}
static const struct wl_seat_listener seat_listener = {.capabilities = seat_capabilities};

static void global(void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version)
{
    (void)data, (void)version;
    if (!strcmp(interface, wl_compositor_interface.name))
        compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
    else if (!strcmp(interface, wl_shm_interface.name))
        shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
    else if (!strcmp(interface, xdg_wm_base_interface.name))
        wm = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
    else if (!strcmp(interface, wl_seat_interface.name) && !seat) {
        seat = wl_registry_bind(registry, name, &wl_seat_interface, 1);
        wl_seat_add_listener(seat, &seat_listener, NULL);
    }
}

static void global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
    (void)data, (void)registry, (void)name;
}
static const struct wl_registry_listener registry_listener = {.global = global, .global_remove = global_remove};

int main(int argc, char **argv)
{
    struct wl_display *display = wl_display_connect(NULL);
    struct xdg_surface *xdg;
    struct xdg_toplevel *top;

    seed = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
    if (!display)
        fail("no compositor");
    wl_registry_add_listener(wl_display_get_registry(display), &registry_listener, NULL);
    wl_display_roundtrip(display);
    if (!compositor || !shm || !wm)
        fail("the compositor lacks an interface");
    xdg_wm_base_add_listener(wm, &wm_listener, NULL);
    surface = wl_compositor_create_surface(compositor);
    xdg = xdg_wm_base_get_xdg_surface(wm, surface);
    xdg_surface_add_listener(xdg, &surface_listener, NULL);
    top = xdg_surface_get_toplevel(xdg);
    xdg_toplevel_add_listener(top, &toplevel_listener, NULL);
    xdg_toplevel_set_title(top, "pattern");
    xdg_toplevel_set_fullscreen(top, NULL);
    wl_surface_commit(surface);
    while (wl_display_dispatch(display) >= 0)
        ;
    fail("the compositor went away");
}
