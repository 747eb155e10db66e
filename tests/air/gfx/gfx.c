/* SPDX-License-Identifier: MIT */
/* Frame of the drawing tests: see gfx.h. */
#include "gfx.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vk gfx_vk;
static uint8_t *bc, *reader;
static size_t bc_len, reader_len;
static unsigned right, wrong, skipped;
static struct gfx the;

/* Sample z of pixel (x, y) to out[(z * height + y) * width + x]. */
static const char reader_text[] =
    "target triple = \"air64-apple-macosx14.0.0\"\n"
    "define i32 @at(<3 x i32> %g, <3 x i32> %n) alwaysinline {\n"
    "  %x = extractelement <3 x i32> %g, i32 0\n"
    "  %y = extractelement <3 x i32> %g, i32 1\n"
    "  %z = extractelement <3 x i32> %g, i32 2\n"
    "  %w = extractelement <3 x i32> %n, i32 0\n"
    "  %h = extractelement <3 x i32> %n, i32 1\n"
    "  %a = mul i32 %z, %h\n"
    "  %b = add i32 %a, %y\n"
    "  %c = mul i32 %b, %w\n"
    "  %d = add i32 %c, %x\n"
    "  ret i32 %d\n"
    "}\n"
    "define void @read_float(ptr addrspace(1) %t, ptr addrspace(1) %o, <3 x i32> %g, <3 x i32> %n) {\n"
    "  %xy = shufflevector <3 x i32> %g, <3 x i32> undef, <2 x i32> <i32 0, i32 1>\n"
    "  %z = extractelement <3 x i32> %g, i32 2\n"
    "  %q = call { <4 x float>, i8 } @air.read_texture_2d_ms.v4f32(ptr addrspace(1) %t, <2 x i32> %xy, i32 %z, i32 1)\n"
    "  %v = extractvalue { <4 x float>, i8 } %q, 0\n"
    "  %i = call i32 @at(<3 x i32> %g, <3 x i32> %n)\n"
    "  %p = getelementptr <4 x float>, ptr addrspace(1) %o, i32 %i\n"
    "  store <4 x float> %v, ptr addrspace(1) %p, align 16\n"
    "  ret void\n"
    "}\n"
    "define void @read_uint(ptr addrspace(1) %t, ptr addrspace(1) %o, <3 x i32> %g, <3 x i32> %n) {\n"
    "  %xy = shufflevector <3 x i32> %g, <3 x i32> undef, <2 x i32> <i32 0, i32 1>\n"
    "  %z = extractelement <3 x i32> %g, i32 2\n"
    "  %q = call { <4 x i32>, i8 } @air.read_texture_2d_ms.u.v4i32(ptr addrspace(1) %t, <2 x i32> %xy, i32 %z, i32 1)\n"
    "  %v = extractvalue { <4 x i32>, i8 } %q, 0\n"
    "  %i = call i32 @at(<3 x i32> %g, <3 x i32> %n)\n"
    "  %p = getelementptr <4 x i32>, ptr addrspace(1) %o, i32 %i\n"
    "  store <4 x i32> %v, ptr addrspace(1) %p, align 16\n"
    "  ret void\n"
    "}\n"
    "declare { <4 x float>, i8 } @air.read_texture_2d_ms.v4f32(ptr addrspace(1), <2 x i32>, i32, i32)\n"
    "declare { <4 x i32>, i8 } @air.read_texture_2d_ms.u.v4i32(ptr addrspace(1), <2 x i32>, i32, i32)\n"
    "!air.kernel = !{!0, !1}\n"
    "!0 = !{ptr @read_float, !9, !{!2, !4, !5, !6}}\n"
    "!1 = !{ptr @read_uint, !9, !{!3, !4, !5, !6}}\n"
    "!2 = !{i32 0, !\"air.texture\", !\"air.location_index\", i32 0, i32 1, !\"air.read\", !\"air.arg_type_name\", "
    "!\"texture2d_ms<float, read>\"}\n"
    "!3 = !{i32 0, !\"air.texture\", !\"air.location_index\", i32 0, i32 1, !\"air.read\", !\"air.arg_type_name\", "
    "!\"texture2d_ms<uint, read>\"}\n"
    "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\", "
    "!\"air.address_space\", "
    "i32 1, !\"air.arg_type_size\", i32 16, !\"air.arg_type_align_size\", i32 16, !\"air.arg_type_name\", "
    "!\"float4\"}\n"
    "!5 = !{i32 2, !\"air.thread_position_in_grid\", !\"air.arg_type_name\", !\"uint3\"}\n"
    "!6 = !{i32 3, !\"air.threads_per_grid\", !\"air.arg_type_name\", !\"uint3\"}\n"
    "!9 = !{}\n";

int gfx_open(int argc, char **argv)
{
    static char text[1 << 17];
    const char *why = vk_open(&gfx_vk);
    char err[300];
    FILE *f;

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    if (argc < 2 || !(f = fopen(argv[1], "r"))) {
        fprintf(stderr, "usage: %s FILE.ll\n", argv[0]);
        return 2;
    }
    text[fread(text, 1, sizeof(text) - 1, f)] = 0;
    fclose(f);
    if (air_assemble(text, &bc, &bc_len, err, sizeof(err)) ||
        air_assemble(reader_text, &reader, &reader_len, err, sizeof(err))) {
        printf("assembler: %s\n", err);
        return 1;
    }
    return -1;
}

int gfx_close(void)
{
    printf("device %s: %u right, %u wrong, %u skipped\n", gfx_vk.name, right, wrong, skipped);
    free(bc);
    free(reader);
    vk_close(&gfx_vk);
    return wrong ? 1 : 0;
}

struct gfx *gfx_start(const char *vs, const char *fs)
{
    memset(&the, 0, sizeof(the));
    the.vs = vs;
    the.fs = fs;
    the.color[0] = VK_FORMAT_R32G32B32A32_SFLOAT;
    the.size = 8;
    the.layers = the.samples = 1;
    the.clear_depth = 1;
    vk_options(&gfx_vk, &the.opt);
    the.run.vertices = 3;
    the.run.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST;
    the.run.front = VK_FRONT_FACE_CLOCKWISE; /* Metal's default winding, unchanged */
    the.run.depth_op = VK_COMPARE_OP_ALWAYS;
    return &the;
}

enum texel { TEXEL_FLOAT, TEXEL_HALF, TEXEL_UNORM8, TEXEL_WORD, TEXEL_U8, TEXEL_S8, TEXEL_U16, TEXEL_S16 };

static enum texel texel_of(VkFormat f, unsigned *n)
{
    *n = 4;
    switch (f) {
    case VK_FORMAT_R32_SFLOAT:
        *n = 1;
        return TEXEL_FLOAT;
    case VK_FORMAT_R16G16B16A16_SFLOAT:
        return TEXEL_HALF;
    case VK_FORMAT_R8G8B8A8_UNORM:
        return TEXEL_UNORM8;
    case VK_FORMAT_R32G32B32A32_UINT:
    case VK_FORMAT_R32G32B32A32_SINT:
        return TEXEL_WORD;
    case VK_FORMAT_R32_UINT:
    case VK_FORMAT_R32_SINT:
        *n = 1;
        return TEXEL_WORD;
    case VK_FORMAT_R8G8B8A8_UINT:
        return TEXEL_U8;
    case VK_FORMAT_R8G8B8A8_SINT:
        return TEXEL_S8;
    case VK_FORMAT_R16G16B16A16_UINT:
        return TEXEL_U16;
    case VK_FORMAT_R16G16B16A16_SINT:
        return TEXEL_S16;
    default:
        return TEXEL_FLOAT;
    }
}

static bool is_integer(VkFormat f)
{
    unsigned n;

    return texel_of(f, &n) >= TEXEL_WORD;
}

static bool attachment(struct gfx *d, struct vk_image *im, VkFormat f)
{
    VkClearValue v;
    bool color = f != VK_FORMAT_D32_SFLOAT && f != VK_FORMAT_S8_UINT && f != VK_FORMAT_D32_SFLOAT_S8_UINT;

    memset(im, 0, sizeof(*im));
    im->type = VK_IMAGE_TYPE_2D;
    im->view_type = d->layers > 1 ? VK_IMAGE_VIEW_TYPE_2D_ARRAY : VK_IMAGE_VIEW_TYPE_2D;
    im->format = f;
    im->width = im->height = d->size;
    im->layers = d->layers;
    im->samples = d->samples;
    im->aspect = color                    ? VK_IMAGE_ASPECT_COLOR_BIT
                 : f == VK_FORMAT_S8_UINT ? VK_IMAGE_ASPECT_STENCIL_BIT
                                          : VK_IMAGE_ASPECT_DEPTH_BIT;
    im->usage = color ? VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_SAMPLED_BIT
                      : VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT;
    if (color && d->run.fetch)
        im->usage |= VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT;
    if (!vk_image_new(&gfx_vk, im))
        return false;
    for (unsigned i = 0; color && i < 4; i++) {
        if (is_integer(f))
            v.color.uint32[i] = (uint32_t)(int32_t)d->clear;
        else
            v.color.float32[i] = d->clear;
    }
    if (!color)
        v.depthStencil = (VkClearDepthStencilValue){d->clear_depth, 0};
    return vk_image_clear(&gfx_vk, im, v);
}

bool gfx_compile(const char *name, const struct air_options *opt, struct air_result *r, char *why, size_t max)
{
    if (!air_compile(bc, bc_len, name, opt, r))
        return true;
    snprintf(why, max, "%s refused %s: %.200s", name, air_refuse_name(r->reason), r->error);
    return false;
}

static bool read_samples(struct gfx *d, unsigned t)
{
    struct vk_buf b;
    struct vk_run run = {.groups = {d->size, d->size, d->samples}, .local = {1, 1, 1}};
    struct air_options o;
    struct air_result r;
    size_t plane = (size_t)d->size * d->size * 16;
    bool ok;

    vk_options(&gfx_vk, &o);
    if (!vk_buf_new(&gfx_vk, &b, plane * d->samples))
        return false;
    run.tex[0] = &d->image[t];
    run.buf[0] = &b;
    ok = !air_compile(reader, reader_len, is_integer(d->color[t]) ? "read_uint" : "read_float", &o, &r) &&
         vk_dispatch(&gfx_vk, &r, &run, d->why, sizeof(d->why));
    if (!ok && *r.error)
        snprintf(d->why, sizeof(d->why), "%.250s", r.error);
    for (unsigned s = 0; ok && s < d->samples; s++)
        memcpy(d->out[t][s], (uint8_t *)b.map + plane * s, plane);
    air_result_fini(&r);
    vk_buf_free(&gfx_vk, &b);
    return ok;
}

static bool read_color(struct gfx *d, unsigned t)
{
    static uint8_t raw[GFX_PLANES * GFX_MAX * GFX_MAX * 16];
    static const size_t width[] = {4, 2, 1, 4, 1, 1, 2, 2};
    unsigned n, px = d->size * d->size;
    enum texel e = texel_of(d->color[t], &n);

    if (d->samples > 1)
        return read_samples(d, t);
    if (!vk_image_read(&gfx_vk, &d->image[t], 0, raw, (size_t)d->layers * px * n * width[e]))
        return false;
    for (unsigned i = 0; i < d->layers * px; i++) {
        for (unsigned k = 0; k < n; k++) {
            const uint8_t *p = raw + ((size_t)i * n + k) * width[e];
            uint16_t h;
            uint32_t w;
            float f = 0;

            memcpy(&h, p, width[e] < 2 ? 1 : 2);
            memcpy(&w, p, width[e] < 4 ? 1 : 4);
            if (e == TEXEL_HALF)
                f = half_to_float(h);
            else if (e == TEXEL_UNORM8)
                f = *p / 255.0f;
            else if (e == TEXEL_FLOAT)
                memcpy(&f, p, 4);
            else if (e == TEXEL_U8)
                w = *p;
            else if (e == TEXEL_S8)
                w = (uint32_t)(int8_t)*p;
            else if (e == TEXEL_U16)
                w = h;
            else if (e == TEXEL_S16)
                w = (uint32_t)(int16_t)h;
            if (e >= TEXEL_WORD)
                d->out[t][i / px][i % px * 4 + k].u = w;
            else
                d->out[t][i / px][i % px * 4 + k].f = f;
        }
    }
    return true;
}

static bool read_depth(struct gfx *d)
{
    static float raw[GFX_PLANES * GFX_MAX * GFX_MAX];
    unsigned px = d->size * d->size;

    if (d->depth == VK_FORMAT_S8_UINT)
        return vk_image_read(&gfx_vk, &d->dimage, 0, d->sout, px);
    if (d->samples > 1)
        return true;
    if (!vk_image_read(&gfx_vk, &d->dimage, 0, raw, (size_t)d->layers * px * 4))
        return false;
    for (unsigned l = 0; l < d->layers; l++)
        memcpy(d->dout[l], raw + (size_t)l * px, (size_t)px * 4);
    return true;
}

bool gfx_go(struct gfx *d)
{
    struct air_result vs = {0}, fs = {0}, ob = {0};
    bool ok = false;

    if (!gfx_compile(d->vs, &d->opt, &vs, d->why, sizeof(d->why)) ||
        (d->fs && !gfx_compile(d->fs, &d->opt, &fs, d->why, sizeof(d->why))) ||
        (d->object && !gfx_compile(d->object, &d->opt, &ob, d->why, sizeof(d->why))))
        goto out;
    snprintf(d->why, sizeof(d->why), "attachment");
    for (unsigned i = 0; i < 8 && d->color[i]; i++) {
        if (!attachment(d, &d->image[i], d->color[i]))
            goto out;
        d->run.color[i] = &d->image[i];
        if (d->run.fetch)
            d->run.input[i] = &d->image[i];
    }
    if (d->depth) {
        if (!attachment(d, &d->dimage, d->depth))
            goto out;
        d->run.depth = &d->dimage;
    }
    d->run.object = d->object ? &ob : NULL;
    if (d->prepare && !d->prepare(d, &vs))
        goto out;
    ok = vk_draw(&gfx_vk, &vs, d->fs ? &fs : NULL, &d->run, d->why, sizeof(d->why));
    d->run.object = NULL;
    for (unsigned i = 0; ok && i < 8 && d->color[i]; i++)
        ok = read_color(d, i);
    if (ok && d->depth)
        ok = read_depth(d);
out:
    air_result_fini(&vs);
    air_result_fini(&fs);
    air_result_fini(&ob);
    for (unsigned i = 0; i < 8; i++) {
        if (d->image[i].image)
            vk_image_free(&gfx_vk, &d->image[i]);
    }
    if (d->dimage.image)
        vk_image_free(&gfx_vk, &d->dimage);
    return ok;
}

void gfx_verdict(const char *name, const struct gfx *d, bool ran, bool ok, const char *detail)
{
    if (ran && ok) {
        right++;
        return;
    }
    printf("%s %s: %s\n", name, ran ? "wrong" : "failed", ran ? detail : d->why);
    wrong++;
}

void gfx_skip(const char *name, const char *reason)
{
    printf("SKIP: %s: %s\n", name, reason);
    skipped++;
}

static void expect(const char *name, struct gfx *d, unsigned t, gfx_want want, double tol, bool integer)
{
    bool ran = gfx_go(d), ok = true;
    char detail[160] = "";
    unsigned planes = d->layers > d->samples ? d->layers : d->samples, n;

    (void)texel_of(d->color[t], &n);
    for (unsigned i = 0; ran && ok && i < planes * d->size * d->size * n; i++) {
        unsigned k = i % n, x = i / n % d->size, y = i / n / d->size % d->size, pl = i / n / d->size / d->size;
        uint32_t u = d->out[t][pl][(y * d->size + x) * 4 + k].u;
        double w = want(pl, x, y, k), got = integer ? (double)u : (double)d->out[t][pl][(y * d->size + x) * 4 + k].f;

        if (isnan(w))
            continue;
        if (integer && w < 0)
            got = (double)(int32_t)u;
        if (!(fabs(got - w) <= tol)) {
            ok = false;
            snprintf(detail, sizeof(detail), "plane %u pixel (%u, %u).%c is %.9g, expected %.9g", pl, x, y, "rgba"[k],
                     got, w);
        }
    }
    gfx_verdict(name, d, ran, ok, detail);
}

void gfx_expect(const char *name, struct gfx *d, unsigned t, gfx_want want, double tol)
{
    expect(name, d, t, want, tol, false);
}

void gfx_expect_int(const char *name, struct gfx *d, unsigned t, gfx_want want)
{
    expect(name, d, t, want, 0, true);
}

void gfx_refused(const char *name, const char *function, const struct air_options *opt, enum air_refuse reason)
{
    struct air_result r;
    bool bad = air_compile(bc, bc_len, function, opt, &r) != 0;

    if (bad && r.reason == reason) {
        right++;
    } else {
        printf("%s: %s, expected a refusal for %s\n", name, bad ? r.error : "compiled", air_refuse_name(reason));
        wrong++;
    }
    air_result_fini(&r);
}
