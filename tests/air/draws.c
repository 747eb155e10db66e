/* SPDX-License-Identifier: MIT */
/*
 * Draws with the functions of graphics.ll and compares pixels by value: stage-in of every format, varyings matched by
 * identity, orientation and winding as Metal has them (air 4.5), several targets, depth, discard, derivatives, sampling
 * with implicit level, constants. usage: draws PATH/graphics.ll. Exit status 77 without a Vulkan device.
 */
#include "vkrun.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define W 8

static struct vk vk;
static uint8_t *bc;
static size_t bc_len;
static unsigned right, wrong;

struct draw {
    const char *vs, *fs;
    VkFormat color[2], depth;
    struct air_options opt;
    struct vk_run run;
    struct vk_image image[2], dimage;
    float out[2][W * W * 4], dout[W * W];
    float clear; /* initial contents of the attachments */
    char why[300];
};

static void fill(struct vk_image *im, float v)
{
    static uint8_t raw[W * W * 16];

    for (unsigned i = 0; i < W * W * 4; i++) {
        if (im->format == VK_FORMAT_R16G16B16A16_SFLOAT)
            ((uint16_t *)raw)[i] = half_from_double((double)v);
        else if (im->format == VK_FORMAT_R32G32B32A32_UINT)
            ((uint32_t *)raw)[i] = (uint32_t)v;
        else
            ((float *)raw)[i] = v;
    }
    vk_image_write(&vk, im, 0, raw, W * W * (im->format == VK_FORMAT_D32_SFLOAT ? 4 : im->format == VK_FORMAT_R16G16B16A16_SFLOAT ? 8 : 16));
}

static bool attachment(struct vk_image *im, VkFormat f, float clear)
{
    memset(im, 0, sizeof(*im));
    im->type = VK_IMAGE_TYPE_2D;
    im->view_type = VK_IMAGE_VIEW_TYPE_2D;
    im->format = f;
    im->width = im->height = W;
    im->aspect = f == VK_FORMAT_D32_SFLOAT ? VK_IMAGE_ASPECT_DEPTH_BIT : VK_IMAGE_ASPECT_COLOR_BIT;
    im->usage = f == VK_FORMAT_D32_SFLOAT ? VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT : VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT;
    if (!vk_image_new(&vk, im))
        return false;
    fill(im, clear);
    return true;
}

static void start(struct draw *d, const char *vs, const char *fs)
{
    memset(d, 0, sizeof(*d));
    d->vs = vs;
    d->fs = fs;
    d->color[0] = VK_FORMAT_R32G32B32A32_SFLOAT;
    vk_options(&vk, &d->opt);
    d->run.vertices = 3;
    d->run.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST;
    d->run.front = VK_FRONT_FACE_CLOCKWISE; /* Metal's default winding, unchanged */
    d->run.depth_op = VK_COMPARE_OP_ALWAYS;
}

static bool go(struct draw *d)
{
    struct air_result vs = {0}, fs = {0};
    static uint16_t h[W * W * 4];
    bool ok = false;

    if (air_compile(bc, bc_len, d->vs, &d->opt, &vs)) {
        snprintf(d->why, sizeof(d->why), "refused %s: %.200s", air_refuse_name(vs.reason), vs.error);
        goto out;
    }
    if (d->fs && air_compile(bc, bc_len, d->fs, &d->opt, &fs)) {
        snprintf(d->why, sizeof(d->why), "refused %s: %.200s", air_refuse_name(fs.reason), fs.error);
        goto out;
    }
    for (unsigned i = 0; i < 2 && d->color[i]; i++) {
        if (!attachment(&d->image[i], d->color[i], d->clear))
            goto out;
        d->run.color[i] = &d->image[i];
    }
    if (d->depth) {
        if (!attachment(&d->dimage, d->depth, 1))
            goto out;
        d->run.depth = &d->dimage;
    }
    ok = vk_draw(&vk, &vs, d->fs ? &fs : NULL, &d->run, d->why, sizeof(d->why));
    for (unsigned i = 0; ok && i < 2 && d->color[i]; i++) {
        if (d->color[i] == VK_FORMAT_R16G16B16A16_SFLOAT) {
            ok = vk_image_read(&vk, &d->image[i], 0, h, sizeof(h));
            for (unsigned k = 0; k < W * W * 4; k++)
                d->out[i][k] = half_to_float(h[k]);
        } else {
            ok = vk_image_read(&vk, &d->image[i], 0, d->out[i], sizeof(d->out[i]));
        }
    }
    if (ok && d->depth)
        ok = vk_image_read(&vk, &d->dimage, 0, d->dout, sizeof(d->dout));
out:
    air_result_fini(&vs);
    air_result_fini(&fs);
    for (unsigned i = 0; i < 2; i++) {
        if (d->image[i].image)
            vk_image_free(&vk, &d->image[i]);
    }
    if (d->dimage.image)
        vk_image_free(&vk, &d->dimage);
    return ok;
}

static void verdict(const char *name, struct draw *d, bool ran, bool ok, const char *detail)
{
    if (ran && ok) {
        right++;
        return;
    }
    printf("%s %s: %s\n", name, ran ? "wrong" : "failed", ran ? detail : d->why);
    wrong++;
}

static bool near(float a, float b, float tol)
{
    return fabsf(a - b) <= tol;
}

/* Every pixel of target @t against fn(x, y, component). */
static bool compare(struct draw *d, unsigned t, float (*fn)(unsigned, unsigned, unsigned), float tol, char *detail)
{
    for (unsigned i = 0; i < W * W * 4; i++) {
        float want = fn(i / 4 % W, i / 4 / W, i % 4);

        if (!near(d->out[t][i], want, tol)) {
            snprintf(detail, 128, "pixel (%u, %u).%c is %g, expected %g", i / 4 % W, i / 4 / W, "rgba"[i % 4],
                     (double)d->out[t][i], (double)want);
            return false;
        }
    }
    return true;
}

static float e_uv(unsigned x, unsigned y, unsigned k)
{
    return k == 0 ? ((float)x + 0.5f) / W : k == 1 ? ((float)y + 0.5f) / W : k == 2 ? (float)x + 0.5f : 0.25f;
}

static float e_red(unsigned x, unsigned y, unsigned k)
{
    return k == 0 || k == 3 ? 1 : 0;
}

static float e_green(unsigned x, unsigned y, unsigned k)
{
    return k == 1 || k == 3 ? 1 : 0;
}

static float e_discard(unsigned x, unsigned y, unsigned k)
{
    return x < 4 ? 9 : k == 3 ? 1 : 0.5f;
}

static float e_deriv(unsigned x, unsigned y, unsigned k)
{
    return k < 3 ? 1.0f / W : 0;
}

static float e_tex(unsigned x, unsigned y, unsigned k)
{
    return (float)(x / 2 * 10 + y / 2 + k * 100);
}

static float e_buffer(unsigned x, unsigned y, unsigned k)
{
    static const float t[4] = {0.125f, 0.25f, 0.5f, 1};

    return t[x & 3] * (float)(k + 1);
}

static float e_constant(unsigned x, unsigned y, unsigned k)
{
    return k == 0 ? 0.375f : k == 1 ? 0.75f : k == 3 ? 1 : 0;
}

static float e_unset(unsigned x, unsigned y, unsigned k)
{
    return k == 3 ? 1 : 0;
}

static float e_dual(unsigned x, unsigned y, unsigned k)
{
    return 0.25f + 8 * 0.5f;
}

static void simple(const char *name, const char *fs, float (*fn)(unsigned, unsigned, unsigned), float tol,
                   void (*setup)(struct draw *))
{
    struct draw d;
    char detail[128] = "";
    bool ran;

    start(&d, "vs_full", fs);
    if (setup)
        setup(&d);
    ran = go(&d);
    verdict(name, &d, ran, ran && compare(&d, 0, fn, tol, detail), detail);
}

static void s_discard(struct draw *d)
{
    d->clear = 9;
}

static void s_ccw(struct draw *d)
{
    d->run.front = VK_FRONT_FACE_COUNTER_CLOCKWISE;
}

static void s_cull(struct draw *d)
{
    d->clear = 9;
    d->run.cull = VK_CULL_MODE_BACK_BIT; /* the triangle turns counter-clockwise: back-facing for Metal's default */
}

static float e_nine(unsigned x, unsigned y, unsigned k)
{
    return 9;
}

static void s_constant(struct draw *d)
{
    d->opt.constant_count = 1;
    d->opt.constant[0].index = 3;
    d->opt.constant[0].number = 0.375;
}

static void s_dual(struct draw *d)
{
    d->clear = 8;
    d->run.dual_source = true;
}

static struct vk_image tex;
static struct vk_buf buf;

static void s_tex(struct draw *d)
{
    d->run.tex[0] = &tex;
    d->run.sampler[0] = vk_sampler(&vk, 0x007BFF0000080049ull);
}

static void s_buffer(struct draw *d)
{
    d->run.buf[2] = &buf;
}

static void resources(void)
{
    static float t[4 * 4 * 4];
    float *f;

    tex = (struct vk_image){.type = VK_IMAGE_TYPE_2D, .view_type = VK_IMAGE_VIEW_TYPE_2D, .format = VK_FORMAT_R32G32B32A32_SFLOAT,
                            .width = 4, .height = 4, .usage = VK_IMAGE_USAGE_SAMPLED_BIT};
    for (unsigned i = 0; i < 64; i++)
        t[i] = (float)(i / 4 % 4 * 10 + i / 16 + i % 4 * 100);
    if (!vk_image_new(&vk, &tex) || !vk_image_write(&vk, &tex, 0, t, sizeof(t)) || !vk_buf_new(&vk, &buf, 64))
        exit(2);
    f = buf.map;
    for (unsigned i = 0; i < 4; i++)
        f[i] = (float)(i + 1);
}

/* Vertex data: three corners of a triangle that covers everything, then the colour in @bytes. */
static void vertices(struct draw *d, struct vk_buf *b, const void *color, size_t bytes, VkFormat fmt, bool half3)
{
    static const float pos[3][4] = {{-1, -1, 0.5f, 1}, {3, -1, 0.5f, 1}, {-1, 3, 0.5f, 1}};

    if (!vk_buf_new(&vk, b, 256))
        exit(2);
    d->run.stride = 48;
    for (unsigned i = 0; i < 3; i++) {
        if (half3) {
            for (unsigned k = 0; k < 3; k++)
                ((uint16_t *)b->map)[i * 24 + k] = half_from_double((double)pos[i][k]);
        } else {
            memcpy((uint8_t *)b->map + i * 48, pos[i], 16);
            memcpy((uint8_t *)b->map + i * 48 + 16, color, bytes);
        }
    }
    d->run.attr_format[0] = half3 ? VK_FORMAT_R16G16B16_SFLOAT : VK_FORMAT_R32G32B32A32_SFLOAT;
    d->run.attr_format[1] = fmt;
    d->run.attr_offset[1] = 16;
    d->run.vertex_buf = b;
}

static void stage_in(void)
{
    static const struct {
        const char *name;
        VkFormat fmt;
        uint8_t bytes[16];
        size_t n;
        float want[4];
    } f[] = {
        {"unorm8x4", VK_FORMAT_R8G8B8A8_UNORM, {255, 51, 0, 102}, 4, {1, 0.2f, 0, 0.4f}},
        {"snorm8x4", VK_FORMAT_R8G8B8A8_SNORM, {127, 129, 0, 64}, 4, {1, -1, 0, 64 / 127.0f}},
        {"unorm8x2", VK_FORMAT_R8G8_UNORM, {255, 51}, 2, {1, 0.2f, 0, 1}},
        {"unorm8x1", VK_FORMAT_R8_UNORM, {51}, 1, {0.2f, 0, 0, 1}},
        {"unorm16x4", VK_FORMAT_R16G16B16A16_UNORM, {0xff, 0xff, 0x33, 0x33, 0, 0, 0x66, 0x66}, 8, {1, 0.2f, 0, 0.4f}},
        {"unorm16x2", VK_FORMAT_R16G16_UNORM, {0xff, 0xff, 0x33, 0x33}, 4, {1, 0.2f, 0, 1}},
        {"snorm16x2", VK_FORMAT_R16G16_SNORM, {0xff, 0x7f, 0x01, 0x80}, 4, {1, -1, 0, 1}},
        {"half4", VK_FORMAT_R16G16B16A16_SFLOAT, {0, 0x3c, 0, 0x38, 0, 0xb8, 0, 0x40}, 8, {1, 0.5f, -0.5f, 2}},
        {"half2", VK_FORMAT_R16G16_SFLOAT, {0, 0x3c, 0, 0x38}, 4, {1, 0.5f, 0, 1}},
        {"float1", VK_FORMAT_R32_SFLOAT, {0, 0, 0, 0x3f}, 4, {0.5f, 0, 0, 1}},
        {"float2", VK_FORMAT_R32G32_SFLOAT, {0, 0, 0, 0x3f, 0, 0, 0x80, 0x3f}, 8, {0.5f, 1, 0, 1}},
        {"float3", VK_FORMAT_R32G32B32_SFLOAT, {0, 0, 0, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}, 12, {0.5f, 1, 2, 1}},
        {"float4", VK_FORMAT_R32G32B32A32_SFLOAT, {0, 0, 0, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0x80, 0x40}, 16, {0.5f, 1, 2, 4}},
        {"rgb10a2", VK_FORMAT_A2B10G10R10_UNORM_PACK32, {0xff, 0x03, 0, 0xc0}, 4, {1, 0, 0, 1}},
        {"bgra8", VK_FORMAT_B8G8R8A8_UNORM, {0, 51, 255, 102}, 4, {1, 0.2f, 0, 0.4f}},
    };
    struct vk_buf b;

    for (unsigned i = 0; i < sizeof(f) / sizeof(f[0]); i++) {
        struct draw d;
        char name[64], detail[128] = "";
        bool ran, ok = true;

        snprintf(name, sizeof(name), "stage_in_%s", f[i].name);
        start(&d, "vs_in", "fs_mrt");
        d.color[1] = VK_FORMAT_R16G16B16A16_SFLOAT;
        vertices(&d, &b, f[i].bytes, f[i].n, f[i].fmt, false);
        ran = go(&d);
        for (unsigned k = 0; ran && k < W * W * 4; k++) {
            if (!near(d.out[0][k], f[i].want[k % 4], 2e-3f) || !near(d.out[1][k], f[i].want[k % 4] * 2, 5e-3f)) {
                ok = false;
                snprintf(detail, sizeof(detail), "component %u is %g and %g, expected %g and twice that", k % 4,
                         (double)d.out[0][k], (double)d.out[1][k], (double)f[i].want[k % 4]);
            }
        }
        verdict(name, &d, ran, ok, detail);
        vk_buf_free(&vk, &b);
    }
}

static void stage_in_uint(void)
{
    static const struct {
        const char *name;
        VkFormat fmt;
        uint8_t bytes[16];
        size_t n;
        uint32_t want[4];
    } f[] = {
        {"uint8x4", VK_FORMAT_R8G8B8A8_UINT, {200, 1, 2, 3}, 4, {200, 1, 2, 3}},
        {"uint16x2", VK_FORMAT_R16G16_UINT, {0x10, 0x27, 5, 0}, 4, {10000, 5, 0, 1}},
        {"uint32x4", VK_FORMAT_R32G32B32A32_UINT, {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0}, 16, {1, 2, 3, 4}},
        {"uint32x1", VK_FORMAT_R32_UINT, {0x78, 0x56, 0x34, 0x12}, 4, {0x12345678, 0, 0, 1}},
    };
    struct vk_buf b;

    for (unsigned i = 0; i < sizeof(f) / sizeof(f[0]); i++) {
        struct draw d;
        char name[64], detail[128] = "";
        bool ran, ok = true;

        snprintf(name, sizeof(name), "stage_in_%s", f[i].name);
        start(&d, "vs_uint", "fs_uint");
        d.color[0] = VK_FORMAT_R32G32B32A32_UINT;
        d.run.instances = 3; /* the last one wins: instance 2 is added to the last component */
        vertices(&d, &b, f[i].bytes, f[i].n, f[i].fmt, false);
        ran = go(&d);
        for (unsigned k = 0; ran && k < W * W * 4; k++) {
            uint32_t got, want = f[i].want[k % 4] + k % 4 + 1 + (k % 4 == 3 ? 2 : 0);

            memcpy(&got, &d.out[0][k], 4);
            if (got != want) {
                ok = false;
                snprintf(detail, sizeof(detail), "component %u is %u, expected %u", k % 4, got, want);
            }
        }
        verdict(name, &d, ran, ok, detail);
        vk_buf_free(&vk, &b);
    }
}

static void depth(void)
{
    struct draw d;
    char detail[128] = "";
    bool ran, ok = true;
    struct vk_buf b;

    start(&d, "vs_full", "fs_depth");
    d.depth = VK_FORMAT_D32_SFLOAT;
    ran = go(&d);
    for (unsigned i = 0; ran && i < W * W; i++)
        ok = ok && near(d.dout[i], ((float)(i % W) + 0.5f) / 8, 1e-5f);
    snprintf(detail, sizeof(detail), "depth of pixel 0 is %g", (double)d.dout[0]);
    verdict("fragment_depth", &d, ran, ok, detail);

    start(&d, "vs_single", NULL); /* depth only: no fragment function, one unwrapped output, halves in */
    d.color[0] = VK_FORMAT_UNDEFINED;
    d.depth = VK_FORMAT_D32_SFLOAT;
    vertices(&d, &b, NULL, 0, VK_FORMAT_UNDEFINED, true);
    ran = go(&d);
    ok = true;
    for (unsigned i = 0; ran && i < W * W; i++)
        ok = ok && near(d.dout[i], 0.75f, 1e-6f);
    snprintf(detail, sizeof(detail), "depth of pixel 0 is %g", (double)d.dout[0]);
    verdict("vertex_only", &d, ran, ok, detail);
    vk_buf_free(&vk, &b);
}

/* Functions that compile and validate but need more of a device or a pass than this test makes. */
static void compile_only(const char *name)
{
    struct air_options o;
    struct air_result r;

    vk_options(&vk, &o);
    if (air_compile(bc, bc_len, name, &o, &r)) {
        printf("%s refused %s: %s\n", name, air_refuse_name(r.reason), r.error);
        wrong++;
    } else {
        right++;
    }
    air_result_fini(&r);
}

int main(int argc, char **argv)
{
    const char *why = vk_open(&vk);
    static char text[1 << 16];
    char err[300];
    FILE *f;

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    if (argc < 2 || !(f = fopen(argv[1], "r"))) {
        fprintf(stderr, "usage: draws graphics.ll\n");
        return 2;
    }
    text[fread(text, 1, sizeof(text) - 1, f)] = 0;
    fclose(f);
    if (air_assemble(text, &bc, &bc_len, err, sizeof(err))) {
        printf("assembler: %s\n", err);
        return 1;
    }
    resources();
    simple("varyings_position_orientation", "fs_uv", e_uv, 1e-5f, NULL);
    simple("back_facing", "fs_front", e_green, 0, NULL);
    simple("front_facing", "fs_front", e_red, 0, s_ccw);
    simple("cull_back", "fs_front", e_nine, 0, s_cull);
    simple("discard", "fs_discard", e_discard, 0, s_discard);
    simple("derivatives", "fs_deriv", e_deriv, 1e-3f, NULL);
    simple("texture", "fs_tex", e_tex, 1e-3f, s_tex);
    simple("buffer_and_table", "fs_buffer", e_buffer, 1e-6f, s_buffer);
    simple("function_constant", "fs_constant", e_constant, 1e-6f, s_constant);
    simple("function_constant_unset", "fs_constant", e_unset, 1e-6f, NULL);
    simple("dual_source", "fs_dual", e_dual, 1e-5f, s_dual);
    stage_in();
    stage_in_uint();
    depth();
    compile_only("fs_fetch");
    compile_only("fs_point");
    compile_only("fs_mask");
    compile_only("vs_all");
    compile_only("fs_pull");
    printf("device %s: %u right, %u wrong\n", vk.name, right, wrong);
    free(bc);
    vk_image_free(&vk, &tex);
    vk_buf_free(&vk, &buf);
    vk_close(&vk);
    return wrong ? 1 : 0;
}
