/* SPDX-License-Identifier: MIT */
/*
 * Presents: from guest pages to the console picture, and what a superseded present costs.
 *
 * A present is normally copied at the display's refresh tick, so its stamp tells the tick and not the copy. The copy
 * itself is timed where the guest asks for it: CmdUnmapMemory of a page of the surface makes the device take the
 * standing present before the unmap's stamp (src/display/present.c, present_settle()). Measured is all of it: doorbell,
 * waking the worker, walking the 2025 pages, the copy, publishing the picture, the stamp in the guest's cell. The same
 * unmap with nothing to take is reported beside it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"
#include "measure.h"
#include "picture.h"
#include "protocol.h"

#define WIDTH       1920
#define HEIGHT      1080
#define FRAME_BYTES (4ull * WIDTH * HEIGHT)
#define ROUNDS      300
#define STORM       20000
#define STORMS      5

/* The guest's second surface gets adjacent pages: new entries, then the command that says so (memory 3.2). */
static void straighten(struct guest *g, struct surface *s)
{
    const uint32_t payload[2] = {0, s->id};

    for (uint32_t i = 0; i < s->pages.count; i++) {
        s->pages.gpa[i] = STRAIGHT_GPA + ((uint64_t)i << g->shift);
        *task_leaf(g, &g->kernel, s->va + ((uint64_t)i << g->shift)) = (uint32_t)(s->pages.gpa[i] >> g->shift);
    }
    must(g, submit_wait(g, &g->immediate, OP_REPLACE_PHYSICAL, payload, 2));
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++)
            ((uint32_t *)machine_ram(g->vmm, STRAIGHT_GPA))[y * WIDTH + x] = picture_pixel(x, y, WIDTH, HEIGHT, 7);
}

static void present(struct guest *g, const struct surface *s)
{
    const uint32_t show[3] = {0, s->id, 0};

    must(g, submit(g, &g->monitors[0].channel, OP_PRESENT, show, 3, NULL, 0) != 0);
}

/* One page of the surface; the entries stay, so that the next present finds them. Time from doorbell to stamp. */
static double unmap_page(struct guest *g, const struct surface *s)
{
    const uint32_t range[5] = {0, low(s->va), high(s->va), 4096, 0};
    uint64_t begin = now_ns();
    double us;

    must(g, submit(g, &g->immediate, OP_UNMAP, range, 5, NULL, 0) != 0);
    spin_stamp(g, &g->immediate, g->immediate.stamp);
    us = (double)(now_ns() - begin) / 1e3;
    must(g, submit_wait(g, &g->immediate, OP_MAP, range, 5));
    return us;
}

/* False: the refresh tick came first and took the picture. */
static bool settle(struct guest *g, const struct surface *s, double *us)
{
    struct pvg_display *display = g->vmm->display;
    uint64_t presents = pvg_display_guest_presents(display), taken = pvg_display_host_presents(display);

    present(g, s);
    while (pvg_display_guest_presents(display) == presents)
        relax();
    if (pvg_display_host_presents(display) != taken)
        return false;
    *us = unmap_page(g, s);
    spin_stamp(g, &g->monitors[0].channel, g->monitors[0].channel.stamp);
    if (pvg_display_host_presents(display) != taken + 1)
        die("a present made %u pictures", (unsigned)(pvg_display_host_presents(display) - taken));
    return true;
}

/* The least that could be done: memcpy of the same pages in the same order. */
static double copy_pages(struct guest *g, const struct surface *s, uint8_t *dst)
{
    uint64_t begin = now_ns(), left = FRAME_BYTES;

    for (uint32_t i = 0; i < s->pages.count; i++) {
        size_t piece = left < 4096 ? left : 4096;

        memcpy(dst + ((size_t)i << 12), machine_ram(g->vmm, s->pages.gpa[i]), piece);
        left -= piece;
    }
    return (double)(now_ns() - begin) / 1e3;
}

static double copy_whole(struct guest *g, uint8_t *dst)
{
    uint64_t begin = now_ns();

    memcpy(dst, machine_ram(g->vmm, STRAIGHT_GPA), FRAME_BYTES);
    return (double)(now_ns() - begin) / 1e3;
}

static void check_picture(struct guest *g, uint32_t salt)
{
    const struct pvg_frame *f;

    if (pvg_display_get_frame(g->vmm->display, &f))
        die("no picture");
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++) {
            uint32_t pixel;

            memcpy(&pixel, f->pixels + (size_t)y * f->stride_bytes + 4 * (size_t)x, 4);
            if ((pixel & PIXEL_RGB) != (picture_pixel(x, y, WIDTH, HEIGHT, salt) & PIXEL_RGB))
                die("pixel %u,%u is wrong: not measuring that", x, y);
        }
    pvg_frame_put(f);
}

static void measure_copies(struct guest *g, const struct surface *scattered, const struct surface *straight)
{
    struct samples s_us = {0}, c_us = {0}, held_us = {0}, none_us = {0}, ref_s = {0}, ref_c = {0};
    uint8_t *dst = mmap(NULL, FRAME_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    double us;

    if (dst == MAP_FAILED)
        die("out of memory");
    for (int i = 0; i < ROUNDS; i++) {
        const struct pvg_frame *held;

        /* Each goes first every other time: the second finds the pages in the cache. */
        if (i & 1)
            samples_add(&ref_c, copy_whole(g, dst));
        if (settle(g, straight, &us))
            samples_add(&c_us, us);
        if (!(i & 1))
            samples_add(&ref_c, copy_whole(g, dst));
        if (i == 0)
            check_picture(g, 7);
        if (i & 1)
            samples_add(&ref_s, copy_pages(g, scattered, dst));
        if (settle(g, scattered, &us))
            samples_add(&s_us, us);
        if (!(i & 1))
            samples_add(&ref_s, copy_pages(g, scattered, dst));
        if (i == 0)
            check_picture(g, 3);
        samples_add(&none_us, unmap_page(g, scattered));
        /* A console that keeps the newest frame until the next one is there. */
        if (pvg_display_get_frame(g->vmm->display, &held))
            die("no picture");
        if (settle(g, straight, &us))
            samples_add(&held_us, us);
        pvg_frame_put(held);
    }
    munmap(dst, FRAME_BYTES);
    double none = samples_quantile(&none_us, 0.5), c = samples_quantile(&c_us, 0.5), s = samples_quantile(&s_us, 0.5);

    result_lower("present 1920x1080, contiguous", "us", c, 500, "goal");
    result_lower("present 1920x1080, every page scattered", "us", s, 1000, "goal");
    result_lower("present 1920x1080, contiguous, beside memcpy", "us", c, samples_quantile(&ref_c, 0.5), "memcpy");
    result_lower("present 1920x1080, every page scattered, beside memcpy", "us", s, samples_quantile(&ref_s, 0.5),
                 "memcpy page by page");
    result_lower("present 1920x1080, contiguous, console holds the last frame", "us", samples_quantile(&held_us, 0.5),
                 c, "console holds none");
    result_alone("unmap with nothing to take, doorbell to stamp", "us", none, "lower");
    samples_free(&s_us);
    samples_free(&c_us);
    samples_free(&held_us);
    samples_free(&none_us);
    samples_free(&ref_s);
    samples_free(&ref_c);
}

/* The same copy with a table that changes every pixel, and with one that the library finds to change none. */
static void measure_gamma(struct guest *g, const struct surface *straight)
{
    struct samples on_us = {0}, off_us = {0};
    double us;

    must(g, guest_gamma(g, 1));
    for (int i = 0; i < ROUNDS; i++)
        if (settle(g, straight, &us))
            samples_add(&on_us, us);
    must(g, guest_gamma(g, 0));
    for (int i = 0; i < ROUNDS; i++)
        if (settle(g, straight, &us))
            samples_add(&off_us, us);
    result_lower("present 1920x1080, contiguous, with a gamma table, no two pixels alike", "us", samples_quantile(&on_us, 0.5),
                 samples_quantile(&off_us, 0.5), "table that changes nothing");
    samples_free(&on_us);
    samples_free(&off_us);
}

/* Presents as fast as the ring takes them: all but those at a refresh tick are superseded. */
static void measure_storm(struct guest *g, const struct surface *const surfaces[2])
{
    struct pvg_display *display = g->vmm->display;
    struct channel *c = &g->monitors[0].channel;
    uint8_t *dst = mmap(NULL, FRAME_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    struct samples us = {0}, ref = {0}, copied = {0};

    if (dst == MAP_FAILED)
        die("out of memory");
    for (int round = 0; round < STORMS; round++) {
        uint64_t frames = pvg_display_host_presents(display), begin = now_ns();

        for (int i = 0; i < STORM; i++)
            present(g, surfaces[i & 1]);
        spin_stamp(g, c, c->stamp - 1); /* the last one has to wait for its tick */
        samples_add(&us, (double)(now_ns() - begin) / 1e3 / STORM);
        samples_add(&copied, (double)(pvg_display_host_presents(display) - frames));
        samples_add(&ref, copy_pages(g, surfaces[0], dst));
        spin_stamp(g, c, c->stamp);
    }
    munmap(dst, FRAME_BYTES);
    result_lower("superseded present 1920x1080, each", "us", samples_quantile(&us, 0.5), samples_quantile(&ref, 0.5),
                 "one pass over its pixels (memcpy)");
    result_higher("superseded presents 1920x1080", "1/s", 1e6 / samples_quantile(&us, 0.5),
                  1e6 / samples_quantile(&ref, 0.5), "if each were copied (memcpy)");
    result_alone("pictures taken during 20000 presents", "", samples_quantile(&copied, 0.5), "lower");
    samples_free(&us);
    samples_free(&ref);
    samples_free(&copied);
}

int main(void)
{
    const struct surface *surfaces[2];
    struct guest *g;
    struct vmm vmm;

    bench_machine_new(&vmm, WIDTH, HEIGHT, &g);
    must(g, guest_picture(g, 3) && guest_picture(g, 4));
    surfaces[0] = &g->monitors[0].surfaces[0];
    surfaces[1] = &g->monitors[0].surfaces[1];
    straighten(g, &g->monitors[0].surfaces[1]);
    measure_copies(g, surfaces[0], surfaces[1]);
    measure_gamma(g, surfaces[1]);
    measure_storm(g, surfaces);
    g->monitors[0].surfaces[1].pages.count = 0; /* the straight pages are not the allocator's */
    bench_machine_free(&vmm, g);
    return 0;
}
