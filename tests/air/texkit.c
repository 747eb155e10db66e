/* SPDX-License-Identifier: MIT */
/*
 * Frame of the texture tests: makes the text of each row's kernel, its textures and samplers, runs it and compares
 * every component. usage: textures [NAME]
 */
#include "texkit.h"
#include "base/half.h"

#include <ctype.h>
#include <math.h>
#include <spirv/unified1/spirv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS  16
#define MAX_TEX  4
#define MAX_TEXT 24576

static struct vk vk;
static unsigned right, wrong, refused, skipped;

float texel(unsigned x, unsigned y, unsigned layer, unsigned level, unsigned comp)
{
    return (float)(x + 10 * y + 100 * layer + 1000 * level) + (comp < 3 ? 0.25f * (float)comp : 0);
}

/* ---- text ---- */

struct text {
    char s[MAX_TEXT];
    size_t n;
};

static void add_n(struct text *t, const char *s, size_t n)
{
    if (n >= sizeof(t->s) - t->n)
        abort(); /* a row of this program is too long */
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = 0;
}

static void add(struct text *t, const char *s)
{
    add_n(t, s, strlen(s));
}

/* End of the type at @p: "<4 x float>", "{ float, i8 }", "ptr addrspace(1)", "i32". */
static const char *type_end(const char *p)
{
    const char *open = strchr("<{[", *p);
    unsigned depth = 0;

    if (open && *open) {
        do {
            depth += strchr("<{[", *p) != NULL;
            depth -= strchr(">}]", *p) != NULL;
            p++;
        } while (depth && *p);
        return p;
    }
    while (isalnum((unsigned char)*p))
        p++;
    return !strncmp(p, " addrspace(", 11) ? strchr(p, ')') + 1 : p;
}

/* Next argument after the one that starts at @p, or the closing parenthesis. */
static const char *argument_end(const char *p)
{
    unsigned depth = 0;

    for (; *p && (depth || (*p != ',' && *p != ')')); p++) {
        depth += strchr("(<{[", *p) != NULL;
        depth -= strchr(")>}]", *p) != NULL;
    }
    return p;
}

/* "declare RESULT @air.NAME(TYPES)" for every call in @body, each name once. */
static void declarations(struct text *t, const char *body)
{
    struct text seen = {.n = 0};
    const char *p = body;

    seen.s[0] = 0;
    while ((p = strstr(p, "call "))) {
        const char *ret = p + 5, *re = type_end(ret), *name = re + 1, *open = strchr(name, '('), *q = open + 1;
        char key[200];

        snprintf(key, sizeof(key), "|%.*s|", (int)(open - name), name);
        p = open;
        if (strstr(seen.s, key))
            continue;
        add(&seen, key);
        add(t, "declare ");
        add_n(t, ret, (size_t)(open - ret));
        add(t, "(");
        while (*q != ')') {
            add_n(t, q, (size_t)(type_end(q) - q));
            q = argument_end(q);
            if (*q == ',') {
                add(t, ", ");
                q += 1 + strspn(q + 1, " ");
            }
        }
        add(t, ")\n");
    }
}

static void text_of(const struct row *r, struct text *t)
{
    const char *params = r->params ? r->params : "ptr addrspace(1) %t";
    unsigned n = 0;
    char line[600];
    static const char prelude[] =
        "  %x = and i32 %id, 3\n  %y = lshr i32 %id, 2\n"
        "  %fx = uitofp i32 %x to float\n  %fy = uitofp i32 %y to float\n"
        "  %hx = fadd float %fx, 0.5\n  %hy = fadd float %fy, 0.5\n"
        "  %u = fmul float %hx, 0.25\n  %v = fmul float %hy, 0.25\n"
        "  %c_ = insertelement <2 x float> undef, float %u, i32 0\n"
        "  %c = insertelement <2 x float> %c_, float %v, i32 1\n"
        "  %c3_ = shufflevector <2 x float> %c, <2 x float> undef, <3 x i32> <i32 0, i32 1, i32 undef>\n"
        "  %c3 = insertelement <3 x float> %c3_, float 0x3FECCCCCC0000000, i32 2\n"
        "  %i_ = insertelement <2 x i32> undef, i32 %x, i32 0\n"
        "  %i = insertelement <2 x i32> %i_, i32 %y, i32 1\n"
        "  %i3_ = shufflevector <2 x i32> %i, <2 x i32> undef, <3 x i32> <i32 0, i32 1, i32 undef>\n"
        "  %i3 = insertelement <3 x i32> %i3_, i32 2, i32 2\n";

    t->n = 0;
    add(t, "target triple = \"air64-apple-macosx14.0.0\"\n");
    if (r->globals)
        add(t, r->globals);
    if (r->sampler && r->enc != ENC_INT) {
        snprintf(line, sizeof(line),
                 r->enc == ENC_PAIR ? "@s = internal addrspace(2) constant [2 x i64] [i64 %lld, i64 0]\n"
                                    : "@s = internal addrspace(2) constant i64 %lld\n",
                 (long long)(r->enc == ENC_PAIR ? r->sampler : r->sampler | 1ull << 63));
        add(t, line);
    }
    snprintf(line, sizeof(line), "define void @k(%s, ptr addrspace(1) %%o, i32 %%id) {\n", params);
    add(t, line);
    add(t, prelude);
    add(t, r->body);
    add(t, "  %po = getelementptr <4 x float>, ptr addrspace(1) %o, i32 %id\n"
           "  store <4 x float> %r, ptr addrspace(1) %po\n  ret void\n}\n");
    declarations(t, r->body);
    if (r->version) {
        snprintf(line, sizeof(line), "!air.version = !{!90}\n!90 = !{%s}\n", r->version);
        add(t, line);
    }
    add(t, "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n");
    if (r->metadata) {
        for (const char *p = r->metadata; *p; n++) {
            size_t len = strcspn(p, "\n");

            snprintf(line, sizeof(line), "!%u = !{i32 %u, %.*s}\n", 3 + n, n, (int)len, p);
            add(t, line);
            p += len + (p[len] == '\n');
        }
    } else {
        snprintf(line, sizeof(line),
                 "!3 = !{i32 0, !\"air.texture\", !\"air.location_index\", i32 0, i32 %u, !\"air.sample\", "
                 "!\"air.arg_type_name\", !\"%s\", !\"air.arg_name\", !\"t\"}\n",
                 r->count ? r->count : 1, r->type);
        add(t, line);
        n = 1;
    }
    snprintf(line, sizeof(line),
             "!%u = !{i32 %u, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"
             "!%u = !{i32 %u, !\"air.thread_position_in_grid\"}\n!2 = !{",
             3 + n, n, 4 + n, n + 1);
    add(t, line);
    for (unsigned i = 0; i < n + 2; i++) {
        snprintf(line, sizeof(line), "%s!%u", i ? ", " : "", 3 + i);
        add(t, line);
    }
    add(t, "}\n");
}

/* ---- textures ---- */

static unsigned texel_bytes(enum fmt f)
{
    return f == HALF4 || f == ULONG1 ? 8 : f == DEPTH || f == UINT1 || f == SINT1 ? 4 : 16;
}

static unsigned components(enum fmt f)
{
    return f == DEPTH || f == UINT1 || f == SINT1 || f == ULONG1 ? 1 : 4;
}

/* Component @k of a texel as the format stores it. */
static void put_texel(const struct row *r, uint8_t *at, unsigned x, unsigned y, unsigned layer, unsigned level, unsigned e,
                      unsigned k)
{
    float f = k == 3 ? 1 : texel(x, y, layer, level, k) + (float)(10000 * e), d = (float)((x + 4 * y + 5 * layer) % 16) / 16;
    int32_t v = (int)(x + 10 * y + 100 * layer + 1000 * level + 10000 * e) + (int)(k < 3 ? k : 7) -
                (r->fmt == SINT4 || r->fmt == SINT1 ? 20 : 0);
    uint64_t v64 = (uint64_t)(uint32_t)v << 32 | (uint32_t)v;
    uint16_t h = half_from_double((double)f);

    switch (r->fmt) {
    case DEPTH:
        memcpy(at, &d, 4);
        break;
    case HALF4:
        memcpy(at + 2 * k, &h, 2);
        break;
    case ULONG1:
        memcpy(at, &v64, 8);
        break;
    case FLOAT4:
        memcpy(at + 4 * k, &f, 4);
        break;
    default:
        memcpy(at + 4 * k, &v, 4);
    }
}

/*
 * Every sample of a multisampled image gets a value of its own by a draw at sample rate; colour is the texel's, with the
 * sample as layer, depth a sixteenth of it.
 */
static bool fill_samples(struct vk_image *im, bool depth)
{
    static const char text[] =
        "target triple = \"air64-apple-macosx14.0.0\"\n"
        "define <4 x float> @v(i32 %id) {\n"
        "  %a = and i32 %id, 1\n  %b = and i32 %id, 2\n  %x = uitofp i32 %a to float\n  %y = uitofp i32 %b to float\n"
        "  %x4 = fmul float %x, 4.0\n  %y4 = fmul float %y, 2.0\n  %px = fsub float %x4, 1.0\n  %py = fsub float %y4, 1.0\n"
        "  %p0 = insertelement <4 x float> <float 0.0, float 0.0, float 0.0, float 1.0>, float %px, i32 0\n"
        "  %p = insertelement <4 x float> %p0, float %py, i32 1\n  ret <4 x float> %p\n}\n"
        "define <4 x float> @f(<4 x float> %p, i32 %s) {\n"
        "  %x = extractelement <4 x float> %p, i32 0\n  %y = extractelement <4 x float> %p, i32 1\n"
        "  %fx = call float @air.fast_floor.f32(float %x)\n  %fy = call float @air.fast_floor.f32(float %y)\n"
        "  %y10 = fmul float %fy, 10.0\n  %fs = uitofp i32 %s to float\n  %s100 = fmul float %fs, 100.0\n"
        "  %a = fadd float %fx, %y10\n  %b = fadd float %a, %s100\n"
        "  %r0 = insertelement <4 x float> undef, float %b, i32 0\n"
        "  %r1 = shufflevector <4 x float> %r0, <4 x float> undef, <4 x i32> zeroinitializer\n"
        "  %r2 = fadd <4 x float> %r1, <float 0.0, float 0.25, float 0.5, float 0.0>\n"
        "  %r = insertelement <4 x float> %r2, float 1.0, i32 3\n  ret <4 x float> %r\n}\n"
        "define float @d(<4 x float> %p, i32 %s) {\n"
        "  %x = extractelement <4 x float> %p, i32 0\n  %fx = call float @air.fast_floor.f32(float %x)\n"
        "  %fs = uitofp i32 %s to float\n  %s4 = fmul float %fs, 4.0\n  %a = fadd float %fx, %s4\n"
        "  %r = fmul float %a, 0.0625\n  ret float %r\n}\n"
        "declare float @air.fast_floor.f32(float)\n"
        "!air.vertex = !{!0}\n!air.fragment = !{!4, !9}\n"
        "!0 = !{ptr @v, !1, !2}\n!1 = !{!12}\n!12 = !{!\"air.position\"}\n!2 = !{!3}\n!3 = !{i32 0, !\"air.vertex_id\"}\n"
        "!4 = !{ptr @f, !5, !6}\n!5 = !{!7}\n!7 = !{!\"air.render_target\", i32 0, i32 0}\n!6 = !{!8, !13}\n"
        "!8 = !{i32 0, !\"air.position\"}\n!13 = !{i32 1, !\"air.sample_id\"}\n"
        "!9 = !{ptr @d, !10, !6}\n!10 = !{!11}\n!11 = !{!\"air.depth\", !\"air.depth_qualifier\", !\"air.any\"}\n";
    struct air_options o;
    struct air_result vs = {0}, fs = {0};
    uint8_t *bc = NULL;
    size_t n;
    char err[300] = "";
    struct vk_run run = {.vertices = 3, .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST, .depth_op = VK_COMPARE_OP_ALWAYS};
    bool ok;

    vk_options(&vk, &o);
    o.sample_count = im->samples;
    if (depth)
        run.depth = im;
    else
        run.color[0] = im;
    ok = !air_assemble(text, &bc, &n, err, sizeof(err)) && !air_compile(bc, n, "v", &o, &vs) &&
         !air_compile(bc, n, depth ? "d" : "f", &o, &fs) && vk_draw(&vk, &vs, &fs, &run, err, sizeof(err));
    if (!ok)
        printf("samples: %s%s%s\n", err, vs.error, fs.error);
    air_result_fini(&vs);
    air_result_fini(&fs);
    free(bc);
    return ok;
}

static bool make_image(const struct row *r, unsigned e, struct vk_image *im)
{
    static const VkFormat fmts[] = {
        [FLOAT4] = VK_FORMAT_R32G32B32A32_SFLOAT, [HALF4] = VK_FORMAT_R16G16B16A16_SFLOAT,
        [UINT4] = VK_FORMAT_R32G32B32A32_UINT,    [SINT4] = VK_FORMAT_R32G32B32A32_SINT,
        [DEPTH] = VK_FORMAT_D32_SFLOAT,           [UINT1] = VK_FORMAT_R32_UINT,
        [SINT1] = VK_FORMAT_R32_SINT,             [ULONG1] = VK_FORMAT_R64_UINT};
    static const struct {
        VkImageViewType view;
        uint32_t layers;
    } shapes[] = {[T1D] = {VK_IMAGE_VIEW_TYPE_1D, 1},         [T1DA] = {VK_IMAGE_VIEW_TYPE_1D_ARRAY, 3},
                  [T2D] = {VK_IMAGE_VIEW_TYPE_2D, 1},         [T2DA] = {VK_IMAGE_VIEW_TYPE_2D_ARRAY, 3},
                  [T3D] = {VK_IMAGE_VIEW_TYPE_3D, 1},         [TCUBE] = {VK_IMAGE_VIEW_TYPE_CUBE, 6},
                  [TCUBEA] = {VK_IMAGE_VIEW_TYPE_CUBE_ARRAY, 12}, [TBUF] = {0, 1},
                  [T2DMS] = {VK_IMAGE_VIEW_TYPE_2D, 1},       [T2DMSA] = {VK_IMAGE_VIEW_TYPE_2D_ARRAY, 2}};
    bool ms = r->shape == T2DMS || r->shape == T2DMSA;
    bool store = strstr(r->type, "write") != NULL || strstr(r->body, "@air.atomic_") != NULL;
    static uint8_t data[4 * 4 * 12 * 16];
    unsigned bytes = texel_bytes(r->fmt);

    memset(im, 0, sizeof(*im));
    if (r->shape == TBUF) {
        VkBufferViewCreateInfo bi = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO, .format = fmts[r->fmt],
                                     .range = 4 * bytes};

        if (!vk_buf_new(&vk, &im->texels, 4 * bytes))
            return false;
        im->levels = 1;
        for (unsigned i = 0; i < 4 * components(r->fmt); i++)
            put_texel(r, (uint8_t *)im->texels.map + i / components(r->fmt) * bytes, i / components(r->fmt), 0, 0, 0, e,
                      i % components(r->fmt));
        bi.buffer = im->texels.buf;
        return vkCreateBufferView(vk.dev, &bi, NULL, &im->buffer_view) == VK_SUCCESS;
    }
    im->type = r->shape <= T1DA ? VK_IMAGE_TYPE_1D : r->shape == T3D ? VK_IMAGE_TYPE_3D : VK_IMAGE_TYPE_2D;
    im->view_type = shapes[r->shape].view;
    im->format = fmts[r->fmt];
    im->width = 4;
    im->height = r->shape <= T1DA ? 1 : 4;
    im->depth = r->shape == T3D ? 3 : 1;
    im->layers = shapes[r->shape].layers;
    im->levels = r->levels ? r->levels : r->shape == T2D && r->fmt == FLOAT4 && !store ? 2 : 1;
    im->usage = (store ? VK_IMAGE_USAGE_STORAGE_BIT : 0) | VK_IMAGE_USAGE_SAMPLED_BIT;
    im->aspect = r->fmt == DEPTH ? VK_IMAGE_ASPECT_DEPTH_BIT : VK_IMAGE_ASPECT_COLOR_BIT;
    if (ms) {
        im->samples = 4;
        im->usage |= r->fmt == DEPTH ? VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT : VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT;
        return vk_image_new(&vk, im) && vk_image_clear(&vk, im, r->fmt == DEPTH ? (VkClearValue){.depthStencil = {1, 0}}
                                                                      : (VkClearValue){.color.float32 = {7, 7, 7, 7}}) &&
               fill_samples(im, r->fmt == DEPTH);
    }
    if (!vk_image_new(&vk, im))
        return false;
    for (uint32_t level = 0; level < im->levels; level++) {
        unsigned w = 4 >> level ? 4 >> level : 1, h = im->height >> level ? im->height >> level : 1, n = 0;
        unsigned d = im->depth >> level ? im->depth >> level : 1;

        for (unsigned l = 0; l < im->layers * d; l++) {
            for (unsigned i = 0; i < w * h; i++, n++) {
                for (unsigned k = 0; k < components(r->fmt); k++)
                    put_texel(r, data + n * bytes, i % w, i / w, l, level, e, k);
            }
        }
        if (!vk_image_write(&vk, im, level, data, n * bytes))
            return false;
    }
    return true;
}

/* One level of a texture as floats, four components for each texel of the first layer. */
static bool read_back(const struct row *r, struct vk_image *im, unsigned level, float *out, unsigned *texels)
{
    static uint8_t data[4 * 4 * 12 * 16];
    unsigned w = 4 >> level ? 4 >> level : 1, h = im->height >> level ? im->height >> level : 1, bytes = texel_bytes(r->fmt);
    unsigned d = im->depth >> level ? im->depth >> level : 1;

    if (im->buffer_view) {
        memcpy(data, im->texels.map, 4 * bytes);
        h = 1;
    } else if (!vk_image_read(&vk, im, level, data, (size_t)w * h * d * im->layers * bytes)) {
        return false;
    }
    *texels = w * h;
    for (unsigned i = 0; i < w * h * 4; i++) {
        const uint8_t *at = data + i / 4 * bytes;
        unsigned k = i % 4 < components(r->fmt) ? i % 4 : 0;
        uint16_t half;
        uint32_t u;
        uint64_t u64;

        memcpy(&half, at + 2 * (r->fmt == HALF4 ? k : 0), 2);
        memcpy(&u, at + 4 * (r->fmt == HALF4 ? 0 : k), 4);
        memcpy(&u64, at, r->fmt == ULONG1 ? 8 : 4);
        if (r->fmt == HALF4)
            out[i] = half_to_float(half);
        else if (r->fmt == FLOAT4 || r->fmt == DEPTH)
            memcpy(&out[i], &u, 4);
        else
            out[i] = r->fmt == ULONG1 ? (float)(u64 >> 32) : r->fmt == UINT4 || r->fmt == UINT1 ? (float)u : (float)(int32_t)u;
    }
    return true;
}

/* ---- one row ---- */

static const char *lacking(const struct row *r)
{
    if (r->need & NEED_IMAGE_INT64 && ~vk.caps & (AIR_CAP_IMAGE_INT64 | AIR_CAP_INT64))
        return "no 64-bit texture atomics";
    if (r->need & NEED_NULL_DESCRIPTOR && !vk.null_descriptor)
        return "no null descriptors";
    if (r->need & NEED_NON_UNIFORM && !(vk.caps & AIR_CAP_NON_UNIFORM))
        return "no indexing of descriptors that differs between threads";
    if (r->need & NEED_MIN_LOD && !(vk.caps & AIR_CAP_MIN_LOD))
        return "no minimum LOD operand";
    if (r->need & NEED_SAMPLE_RATE && !(vk.caps & AIR_CAP_SAMPLE_RATE))
        return "no sample-rate shading";
    return NULL;
}

static bool compare(const struct row *r, const char *what, const float *got, unsigned n, unsigned width, want_fn want)
{
    for (unsigned i = 0; i < n * 4; i++) {
        float w = want(i / 4 % width, i / 4 / width, i % 4);

        if (!(fabsf(got[i] - w) <= 1e-3f)) {
            printf("%s wrong: %s[%u].%c is %g, expected %g\n", r->name, what, i / 4, "xyzw"[i % 4], (double)got[i],
                   (double)w);
            return false;
        }
    }
    return true;
}

static bool compare_textures(const struct row *r, struct vk_image *im)
{
    static float got[4 * 4 * 4];

    for (unsigned i = 0; i < 3 && r->check[i].want; i++) {
        const struct check *k = &r->check[i];
        char what[40];
        unsigned n;

        snprintf(what, sizeof(what), "texture %u level %u ", k->element, k->level);
        if (!read_back(r, &im[k->element], k->level, got, &n) ||
            !compare(r, what, got, n, 4 >> k->level ? 4 >> k->level : 1, k->want))
            return false;
    }
    return true;
}

/* Validators since 2024 refuse it. */
static uint32_t decorated_twice(const struct air_result *res)
{
    for (size_t i = 5; i < res->words; i += res->spirv[i] >> 16) {
        if ((res->spirv[i] & 0xffff) != SpvOpDecorate)
            continue;
        for (size_t k = i + (res->spirv[i] >> 16); k < res->words; k += res->spirv[k] >> 16) {
            if (res->spirv[k] == res->spirv[i] && res->spirv[k + 1] == res->spirv[i + 1] &&
                res->spirv[k + 2] == res->spirv[i + 2])
                return res->spirv[i + 1];
        }
    }
    return 0;
}

/* The form with descriptors that differ between threads, made whether or not the device runs it. */
static void check_indexed(const struct row *r, const uint8_t *bc, size_t n, struct air_options o)
{
    struct air_result res;

    o.caps |= AIR_CAP_NON_UNIFORM;
    if (air_compile(bc, n, "k", &o, &res)) {
        printf("%s by index refused %s: %s\n", r->name, air_refuse_name(res.reason), res.error);
        refused++;
    } else if (decorated_twice(&res)) {
        printf("%s by index wrong: %%%u is decorated with the same twice\n", r->name, decorated_twice(&res));
        wrong++;
    }
    air_result_fini(&res);
}

/* @without: AIR_CAP_* that the compiler is told the device lacks. */
static void test(const struct row *r, uint32_t without)
{
    static struct text text;
    char err[300] = "";
    struct air_options o;
    struct air_result res = {0};
    struct vk_image im[MAX_TEX] = {0};
    struct vk_buf out = {0};
    struct vk_run run = {.groups = {1, 1, 1}, .local = {THREADS, 1, 1}};
    uint8_t *bc = NULL;
    size_t n;
    unsigned count = r->count ? r->count : 1;
    bool ok = true;

    text_of(r, &text);
    if (vk_only_names(r->refused ? "" : text.s))
        return;
    if (lacking(r)) {
        printf("%s skipped: %s\n", r->name, lacking(r));
        skipped++;
        return;
    }
    vk_options(&vk, &o);
    o.caps = (o.caps | r->with) & ~without;
    o.flags |= r->flags;
    memset(o.storage_format, r->storage_format, MAX_TEX);
    if (air_assemble(text.s, &bc, &n, err, sizeof(err))) {
        printf("%s assembler: %s\n%s", r->name, err, text.s);
        wrong++;
        return;
    }
    if (r->chosen && !r->refused)
        check_indexed(r, bc, n, o);
    if (air_compile(bc, n, "k", &o, &res)) {
        if (r->refused && r->refused == res.reason) {
            right++;
        } else {
            printf("%s refused %s: %s\n", r->name, air_refuse_name(res.reason), res.error);
            refused++;
        }
        goto out;
    }
    if (r->refused) {
        printf("%s wrong: compiled, expected refusal %s\n", r->name, air_refuse_name(r->refused));
        wrong++;
        goto out;
    }
    for (unsigned e = 0; e < count && ok; e++) {
        ok = make_image(r, e, &im[e]);
        run.tex[e] = &im[e];
    }
    if (!ok || !vk_buf_new(&vk, &out, THREADS * 32)) {
        printf("%s failed: image\n", r->name);
        wrong++;
        goto free_images;
    }
    run.buf[0] = &out;
    if (r->threads) {
        run.threads[0] = r->threads;
        run.threads[1] = run.threads[2] = 1;
    }
    for (unsigned i = 0; i < 4; i++)
        run.sampler[i] = r->samplers[i] ? vk_sampler(&vk, r->samplers[i]) : VK_NULL_HANDLE;
    ok = vk_dispatch(&vk, &res, &run, err, sizeof(err));
    if (!ok)
        printf("%s failed: %s\n", r->name, err);
    else
        ok = (!r->want || compare(r, "", out.map, THREADS, 4, r->want)) && compare_textures(r, im);
    right += ok;
    wrong += !ok;
    for (unsigned i = 0; i < 4; i++)
        vkDestroySampler(vk.dev, run.sampler[i], NULL);
free_images:
    for (unsigned e = 0; e < count; e++)
        vk_image_free(&vk, &im[e]);
    vk_buf_free(&vk, &out);
out:
    air_result_fini(&res);
    free(bc);
}

int main(int argc, char **argv)
{
    const struct rows *all[] = {&sample_rows, &depth_rows, &choice_rows, &store_rows};
    const char *why = vk_open(&vk);

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    for (unsigned t = 0; t < sizeof(all) / sizeof(all[0]); t++) {
        for (unsigned i = 0; i < all[t]->n; i++) {
            const struct row *r = &all[t]->row[i];

            if (argc > 1 && strcmp(argv[1], r->name))
                continue;
            test(r, r->without);
            /* descriptors of an array: indexed where the device can, and by a switch everywhere */
            if (r->chosen && vk.caps & AIR_CAP_NON_UNIFORM)
                test(r, r->without | AIR_CAP_NON_UNIFORM);
        }
    }
    printf("device %s: %u right, %u wrong, %u refused, %u skipped\n", vk.name, right, wrong, refused, skipped);
    vk_close(&vk);
    return wrong || refused ? 1 : 0;
}
