/* SPDX-License-Identifier: MIT */
/*
 * Levels of detail in fragment functions, drawn with texdraws.ll and compared by value: implicit, with bias and limit, with
 * gradients, where texture or sampler are chosen at run time (by index and by switch), the level queries, and comparison.
 * usage: texdraws PATH/texdraws.ll. Exit status 77 without a Vulkan device.
 */
#include "gfx/gfx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SIZE   16
#define LEVELS 5

static struct vk_image color[4], depth;

/* Every texel of level l of texture e: l + 10 e. */
static bool make_color(unsigned e)
{
    static float data[SIZE * SIZE * 4];
    struct vk_image *im = &color[e];

    *im = (struct vk_image){.type = VK_IMAGE_TYPE_2D, .view_type = VK_IMAGE_VIEW_TYPE_2D,
                            .format = VK_FORMAT_R32G32B32A32_SFLOAT, .width = SIZE, .height = SIZE, .levels = LEVELS,
                            .usage = VK_IMAGE_USAGE_SAMPLED_BIT};
    if (!vk_image_new(&gfx_vk, im))
        return false;
    for (unsigned l = 0; l < LEVELS; l++) {
        unsigned n = (SIZE >> l) * (SIZE >> l) * 4;

        for (unsigned i = 0; i < n; i++)
            data[i] = (float)(l + 10 * e);
        if (!vk_image_write(&gfx_vk, im, l, data, n * sizeof(float)))
            return false;
    }
    return true;
}

/* Every texel 0.5. */
static bool make_depth(void)
{
    static float data[SIZE * SIZE];

    depth = (struct vk_image){.type = VK_IMAGE_TYPE_2D, .view_type = VK_IMAGE_VIEW_TYPE_2D, .format = VK_FORMAT_D32_SFLOAT,
                              .width = SIZE, .height = SIZE, .aspect = VK_IMAGE_ASPECT_DEPTH_BIT,
                              .usage = VK_IMAGE_USAGE_SAMPLED_BIT};
    for (unsigned i = 0; i < SIZE * SIZE; i++)
        data[i] = 0.5f;
    return vk_image_new(&gfx_vk, &depth) && vk_image_write(&gfx_vk, &depth, 0, data, sizeof(data));
}

#define WANT(name, e)                                                                                                  \
    static double name(unsigned plane, unsigned x, unsigned y, unsigned k)                                             \
    {                                                                                                                  \
        (void)plane;                                                                                                   \
        (void)x;                                                                                                       \
        (void)y;                                                                                                       \
        (void)k;                                                                                                       \
        return e;                                                                                                      \
    }
WANT(level0, 0)
WANT(level1, 1)
WANT(level2, 2)
WANT(level3, 3)
WANT(array_level1, 1 + 10 * (x & 3))
WANT(array_level2, 2 + 10 * (x & 3))
WANT(array_level3, 3 + 10 * (x & 3))
WANT(sampler, x & 1 ? 3 : 1)
WANT(lods, k == 0 ? 4 : k == 1 ? 7 : 0)
WANT(array_lods, k < 2 ? 1 : 0)
/* the reference is the row's centre; it passes up to the texel's 0.5 */
WANT(compared, k == 0 && y < 4 ? 1 : 0)

static const struct {
    const char *fs;
    gfx_want want;
    bool chosen, limited; /* run by index and by switch; with and without the device's limit operand */
} tests[] = {
    {"fs_auto", level1, false, false},
    {"fs_bias", level2, false, false},
    {"fs_min_lod", level2, false, true},
    {"fs_min_lod_bias", level3, false, true},
    {"fs_grad", level0, false, false},
    {"fs_grad_min_lod", level2, false, true},
    {"fs_array", array_level1, true, false},
    {"fs_array_bias", array_level2, true, false},
    {"fs_array_min_lod", array_level3, true, true},
    {"fs_array_level", array_level2, true, false},
    {"fs_sampler", sampler, false, false},
    {"fs_lod", lods, false, false},
    {"fs_array_lod", array_lods, true, false},
    {"fs_compare", compared, false, false},
};

static void test(unsigned i, uint32_t without, const char *how)
{
    struct gfx *d = gfx_start("vs_all", tests[i].fs);
    char name[80];

    snprintf(name, sizeof(name), "%s%s", tests[i].fs, how);
    d->opt.caps &= ~without;
    for (unsigned e = 0; e < 4; e++)
        d->run.tex[e] = &color[e];
    if (!strcmp(tests[i].fs, "fs_compare"))
        d->run.tex[0] = &depth;
    gfx_expect(name, d, 0, tests[i].want, 0.01);
}

int main(int argc, char **argv)
{
    int status = gfx_open(argc, argv);
    bool ok = true;

    if (status >= 0)
        return status;
    for (unsigned e = 0; e < 4; e++)
        ok = ok && make_color(e);
    if (!ok || !make_depth()) {
        printf("textures could not be made\n");
        return 1;
    }
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        test(i, 0, "");
        if (tests[i].chosen && gfx_vk.caps & AIR_CAP_NON_UNIFORM)
            test(i, AIR_CAP_NON_UNIFORM, " by switch");
        if (tests[i].limited && gfx_vk.caps & AIR_CAP_MIN_LOD)
            test(i, AIR_CAP_MIN_LOD, " without limit operand");
    }
    for (unsigned e = 0; e < 4; e++)
        vk_image_free(&gfx_vk, &color[e]);
    vk_image_free(&gfx_vk, &depth);
    return gfx_close();
}
