/* SPDX-License-Identifier: MIT */
/*
 * Colour targets: mixed types, holes, dual-source blending, framebuffer fetch through input attachments, raster order
 * groups. Drawn with targets.ll. usage: targets PATH/targets.ll. Exit status 77 without a Vulkan device.
 */
#include "gfx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static unsigned target;

static double w_mixed(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    const double t[8][4] = {{x, 0.5, -1.5, 1073741824.0},
                            {x, 4294967295.0, 70000, 3},
                            {-5.0 - x, -2147483648.0, 2147483647.0, -70000},
                            {x, -2, 65504, 0.25},
                            {floor(x * 0.125 * 255 + 0.5) / 255, 1, 0, 0.25},
                            {x + 1000000.0, 0, 0, 0},
                            {-300.0 - x, -32768, 32767, -1},
                            {x, 65535, 255, 256}};

    return t[target][k];
}

static void mixed(void)
{
    static const VkFormat f[8] = {VK_FORMAT_R32G32B32A32_SFLOAT, VK_FORMAT_R32G32B32A32_UINT,
                                  VK_FORMAT_R32G32B32A32_SINT,   VK_FORMAT_R16G16B16A16_SFLOAT,
                                  VK_FORMAT_R8G8B8A8_UNORM,      VK_FORMAT_R32_UINT,
                                  VK_FORMAT_R16G16B16A16_SINT,   VK_FORMAT_R16G16B16A16_UINT};

    for (target = 0; target < 8; target++) {
        struct gfx *d = gfx_start("vs_cover", "fs_mixed");
        char name[32];

        memcpy(d->color, f, sizeof(f));
        snprintf(name, sizeof(name), "mixed_target_%u", target);
        if (target == 0 || target == 3 || target == 4)
            gfx_expect(name, d, target, w_mixed, target == 4 ? 5e-3 : 0); /* half of 255 is rounded to either side */
        else
            gfx_expect_int(name, d, target, w_mixed);
    }
}

static double w_sparse(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return target == 1 ? 9 : target == 0 ? 1 : 2;
}

static double w_dual(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    static const double factor[4] = {0.5, 0.25, 0.125, 2};

    return (k ? k : x + 0.5) + 8 * factor[k];
}

/* ---- framebuffer fetch ---- */

static double start_value;
static unsigned times;

static double w_fetch(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    double v = start_value;

    for (unsigned i = 0; i < times; i++)
        v = v * 2 + 1;
    return v;
}

static void fetch(const char *name, const char *fs, VkFormat format, bool integer, float before, unsigned draws)
{
    struct gfx *d = gfx_start("vs_cover", fs);

    d->color[0] = format;
    d->run.fetch = true;
    d->run.draws = draws;
    d->clear = before;
    start_value = (double)before;
    times = draws;
    if (integer)
        gfx_expect_int(name, d, 0, w_fetch);
    else
        gfx_expect(name, d, 0, w_fetch, 0);
}

/* 8-bit normalised: 0.1 * 2 + 1 saturates; with 0 draws before it is exact. */
static double w_unorm(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return 1;
}

static bool inside(double px, double py)
{
    return px / 7.5 + (8 - py) / 7.25 < 1;
}

static double w_fetch_samples(unsigned s, unsigned x, unsigned y, unsigned k)
{
    static const double place4[4][2] = {{0.375, 0.125}, {0.875, 0.375}, {0.125, 0.625}, {0.625, 0.875}};

    return inside(x + place4[s][0], y + place4[s][1]) ? ((3 * 2 + 1) * 2 + 1) : 3;
}

static double w_chain(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    double v = 1;

    for (unsigned i = 0; i < 5; i++)
        v = v * 2 + i + 1;
    return v;
}

static double w_swap(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    /* both begin as 5; three times: a, b = b, a + 10 */
    double a = 5, b = 5, t;

    for (unsigned i = 0; i < 3; i++) {
        t = a + 10;
        a = b;
        b = t;
    }
    return target ? b : a;
}

static void fetches(void)
{
    struct gfx *d;

    fetch("fetch_float", "fs_fetch", VK_FORMAT_R32G32B32A32_SFLOAT, false, 3, 1);
    fetch("fetch_float_3_draws", "fs_fetch", VK_FORMAT_R32G32B32A32_SFLOAT, false, 3, 3);
    fetch("fetch_half", "fs_fetch_half", VK_FORMAT_R16G16B16A16_SFLOAT, false, 3, 3);
    fetch("fetch_scalar", "fs_fetch_scalar", VK_FORMAT_R32_SFLOAT, false, 3, 3);
    fetch("fetch_uint", "fs_fetch_uint", VK_FORMAT_R32G32B32A32_UINT, true, 3, 3);
    fetch("fetch_int", "fs_fetch_int", VK_FORMAT_R32G32B32A32_SINT, true, -7, 3);
    fetch("fetch_short", "fs_fetch_short", VK_FORMAT_R16G16B16A16_SINT, true, -7, 3);
    d = gfx_start("vs_cover", "fs_fetch");
    d->color[0] = VK_FORMAT_R8G8B8A8_UNORM;
    d->run.fetch = true;
    gfx_expect("fetch_unorm", d, 0, w_unorm, 0);

    d = gfx_start("vs_edge", "fs_fetch");
    d->samples = 4;
    d->opt.sample_count = 4;
    d->run.fetch = true;
    d->run.draws = 2;
    d->clear = 3;
    gfx_expect("fetch_per_sample", d, 0, w_fetch_samples, 0);

    for (target = 0; target < 2; target++) {
        d = gfx_start("vs_cover", "fs_fetch_swap");
        d->color[1] = VK_FORMAT_R32G32B32A32_SFLOAT;
        d->run.fetch = true;
        d->run.draws = 3;
        d->clear = 5;
        gfx_expect(target ? "fetch_two_targets_1" : "fetch_two_targets_0", d, target, w_swap, 0);
    }

    if (!gfx_vk.raster_order) {
        gfx_skip("fetch_overlapping", "no VK_EXT_rasterization_order_attachment_access");
        return;
    }
    d = gfx_start("vs_cover", "fs_fetch_chain");
    d->run.fetch = d->run.ordered = true;
    d->run.instances = 5;
    d->clear = 1;
    gfx_expect("fetch_overlapping", d, 0, w_chain, 0);
}

/* Cells of a buffer, one per pixel, changed by overlapping fragments in the order of the draw. */
static void raster_order(void)
{
    struct gfx *d = gfx_start("vs_cover", "fs_ordered");
    char detail[160] = "";
    uint32_t want = 2;
    struct vk_buf b;
    bool ran, ok = true;

    d->opt.caps &= ~(uint32_t)AIR_CAP_INTERLOCK;
    gfx_refused("raster_order_group_refused", "fs_ordered", &d->opt, AIR_REFUSE_DEVICE_FEATURE);
    if (!(gfx_vk.caps & AIR_CAP_INTERLOCK)) {
        gfx_skip("raster_order_group", "no VK_EXT_fragment_shader_interlock");
        return;
    }
    d->opt.caps = gfx_vk.caps;
    if (!vk_buf_new(&gfx_vk, &b, 256))
        return;
    for (unsigned i = 0; i < 64; i++)
        ((uint32_t *)b.map)[i] = want;
    d->run.buf[3] = &b;
    d->run.instances = 7;
    ran = gfx_go(d);
    for (unsigned i = 0; i < 7; i++)
        want = want * 3 + i + 1;
    for (unsigned i = 0; ran && i < 64; i++) {
        if (((uint32_t *)b.map)[i] != want) {
            ok = false;
            snprintf(detail, sizeof(detail), "cell %u is %u, expected %u", i, ((uint32_t *)b.map)[i], want);
        }
    }
    gfx_verdict("raster_order_group", d, ran, ok, detail);
    vk_buf_free(&gfx_vk, &b);
}

int main(int argc, char **argv)
{
    int status = gfx_open(argc, argv);
    struct gfx *d;

    if (status >= 0)
        return status;
    mixed();
    for (target = 0; target < 3; target++) {
        char name[32];

        d = gfx_start("vs_cover", "fs_sparse");
        d->color[1] = d->color[2] = d->color[0];
        d->clear = 9;
        snprintf(name, sizeof(name), "targets_with_a_hole_%u", target);
        gfx_expect(name, d, target, w_sparse, 0);
    }
    d = gfx_start("vs_cover", "fs_dual");
    d->clear = 8;
    d->run.dual_source = true;
    gfx_expect("dual_source", d, 0, w_dual, 1e-5);
    fetches();
    raster_order();
    return gfx_close();
}
