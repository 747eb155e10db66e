/* SPDX-License-Identifier: MIT */
/*
 * Quad-group and SIMD-group operations of fragment functions, drawn with lanes.ll. The quads of a picture are known;
 * which pixels share a SIMD group is the device's choice, so each group is found by its first pixel and then computed
 * anew. usage: lanes PATH/lanes.ll. Exit status 77 without a Vulkan device.
 */
#include "gfx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static unsigned target;

/* Number of pixel @i of the quad that holds (x, y): 0 upper left, 1 upper right, 2 lower left, 3 lower right. */
static unsigned quad_pixel(unsigned x, unsigned y, unsigned i)
{
    return (x & ~1u) + (i & 1) + 16 * ((y & ~1u) + (i >> 1));
}

static double w_quad(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    unsigned q = (x & 1) + 2 * (y & 1);
    double v[4], sum = 0, before = 0, product = 1, fact[4] = {1, 2, 6, 24};

    for (unsigned i = 0; i < 4; i++) {
        v[i] = quad_pixel(x, y, i);
        sum += v[i];
        before += i < q ? v[i] : 0;
        product *= i + 1;
    }
    const double want[16] = {
        v[q ^ 1],       v[q ^ 2], v[3 - q], v[2], v[q ? q - 1 : q], v[q < 3 ? q + 1 : q], v[(q + 3) & 3],
        v[(q + 3) & 3], sum,      v[0],     v[3], product,          before + v[q],        before,
        fact[q],        v[0]};

    /* rotating down by three is rotating up by one */
    return want[target * 4 + k];
}

static double w_quad_int(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    static const unsigned threes[4] = {1, 3, 9, 27};
    unsigned q = (x & 1) + 2 * (y & 1), a = ~0u, o = 0, e = 0, sum = 0, v[4];

    for (unsigned i = 0; i < 4; i++) {
        v[i] = quad_pixel(x, y, i);
        a &= v[i];
        o |= v[i];
        e ^= v[i];
        sum += v[i];
    }
    const double want[16] = {a,        o,        e,
                             sum,      0,        1,
                             10,       q,        100.0 - v[3],
                             v[3],     v[3 - q], 100.0 - v[3 - q],
                             sum,      q == 0,   q < 3 ? v[q + 1] : 0 /* lane 0 of the fill data */,
                             threes[q]};
    double r = want[target * 4 + k];

    return r < 0 ? r + 4294967296.0 : r;
}

static bool inside(double px, double py)
{
    return px / 7.5 + (8 - py) / 7.25 < 1;
}

static double w_helpers(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    double l = x & ~1u, other = (x ^ 1) + 0.5, below = (y ^ 1) + 0.5;

    if (x & 1 || !inside(x + 0.5, y + 0.5))
        return -1;
    return k == 0 ? other * other : k == 1 ? below * below : k == 2 ? 4 * l + 4 : (l + 1.5) * (l + 1.5);
}

static unsigned bits(uint32_t x)
{
    return (unsigned)__builtin_popcount(x);
}

/* Word @w of the sixteen that fs_simd gives for pixel @i. */
static uint32_t word(const struct gfx *d, unsigned i, unsigned w)
{
    return d->out[w / 4][0][i * 4 + w % 4].u;
}

static uint32_t number(unsigned i)
{
    return i % 8 + 16 * (i / 8);
}

/* Everything that pixel @i says about its SIMD group, against the pixels that say they are in it. */
static bool simd_pixel(const struct gfx *d, unsigned i, char *detail, size_t max)
{
    uint32_t sum = 0, lo = ~0u, hi = 0, x = 0, n = 0, lanes = 0, threes = 0, before = 0, partner = ~0u, second = ~0u;
    uint32_t lane = word(d, i, 1), width = word(d, i, 2), first = ~0u;

    for (unsigned k = 0; k < 64; k++) {
        uint32_t v = number(k), l = word(d, k, 1);

        if (word(d, k, 0) != word(d, i, 0))
            continue;
        n++;
        sum += v;
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
        x ^= v;
        if (l >= 32 || lanes >> l & 1) {
            snprintf(detail, max, "lane %u twice in the group of pixel %u", l, i);
            return false;
        }
        lanes |= 1u << l;
        first = l < first ? l : first;
        threes |= v % 16 == 3 ? 1u << l : 0;
        before += l < lane ? v : 0;
        partner = l == (lane ^ 1) ? v : partner;
        second = l == 2 ? v : second;
    }
    const uint32_t want[16] = {word(d, i, 0),
                               lane,
                               gfx_vk.subgroup,
                               sum,
                               lo,
                               hi,
                               x,
                               threes,
                               before + number(i),
                               before,
                               (threes != 0) | (bits(threes) == n ? 2u : 0u),
                               lanes,
                               partner,
                               second,
                               lane == first,
                               hi};

    for (unsigned w = 0; w < 16; w++) {
        /* a lane that is not there has no value */
        if (word(d, i, w) != want[w] && !(w == 12 && partner == ~0u) && !(w == 13 && second == ~0u)) {
            snprintf(detail, max, "pixel %u of a group of %u (width %u): word %u is %u, expected %u", i, n, width, w,
                     word(d, i, w), want[w]);
            return false;
        }
    }
    return n <= width;
}

static void simd(const char *name, uint32_t width)
{
    struct gfx *d = gfx_start("vs_cover", "fs_simd");
    char detail[160] = "a group larger than its width";
    bool ran, ok = true;

    for (unsigned i = 0; i < 4; i++)
        d->color[i] = VK_FORMAT_R32G32B32A32_UINT;
    d->opt.simd_width = width;
    ran = gfx_go(d);
    for (unsigned i = 0; ran && ok && i < 64; i++)
        ok = simd_pixel(d, i, detail, sizeof(detail));
    gfx_verdict(name, d, ran, ok, detail);
}

int main(int argc, char **argv)
{
    int status = gfx_open(argc, argv);
    struct gfx *d;
    char name[32];

    if (status >= 0)
        return status;
    if (!gfx_vk.fragment_subgroups) {
        gfx_skip("all", "no subgroup operations in fragment functions");
        return gfx_close();
    }
    for (target = 0; target < 4; target++) {
        d = gfx_start("vs_cover", "fs_quad");
        d->color[1] = d->color[2] = d->color[3] = d->color[0];
        snprintf(name, sizeof(name), "quad_float_%u", target);
        gfx_expect(name, d, target, w_quad, 0);
    }
    for (target = 0; target < 4; target++) {
        d = gfx_start("vs_cover", "fs_quad_int");
        d->color[0] = d->color[1] = d->color[2] = d->color[3] = VK_FORMAT_R32G32B32A32_UINT;
        snprintf(name, sizeof(name), "quad_int_%u", target);
        gfx_expect_int(name, d, target, w_quad_int);
    }
    d = gfx_start("vs_edge", "fs_quad_helpers");
    d->clear = -1;
    gfx_expect("quad_helpers", d, 0, w_helpers, 1e-4);
    simd("simd", gfx_vk.subgroup);
    simd("simd_native", 0);
    d = gfx_start("vs_cover", NULL);
    d->opt.simd_width = 8;
    gfx_refused("simd_lane_20_of_8", "device_feature__width8_far", &d->opt, AIR_REFUSE_DEVICE_FEATURE);
    return gfx_close();
}
