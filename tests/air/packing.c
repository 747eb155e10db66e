/* SPDX-License-Identifier: MIT */
/*
 * Packing and unpacking (air 3.5), every layout from and to floats and halves, by value: normalised fields, sRGB, the small
 * floats of rg11b10f and rgb9e5. References are computed in double, those of packing by search over all codes where there
 * is no formula. usage: packing [NAME]
 */
#include "vkrun.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 512 /* vectors tried per operation */

static struct vk vk;
static unsigned right, wrong, refused;

struct layout {
    const char *name, *word; /* of the operation; LLVM type of the packed word */
    unsigned n;
    unsigned bits[4];
    bool sg, srgb;
};

static const struct layout layouts[] = {
    {"unorm4x8", "i32", 4, {8, 8, 8, 8}, false, false},
    {"snorm4x8", "i32", 4, {8, 8, 8, 8}, true, false},
    {"unorm2x16", "i32", 2, {16, 16}, false, false},
    {"snorm2x16", "i32", 2, {16, 16}, true, false},
    {"unorm1x8", "i8", 1, {8}, false, false},
    {"snorm1x8", "i8", 1, {8}, true, false},
    {"unorm2x8", "i16", 2, {8, 8}, false, false},
    {"snorm2x8", "i16", 2, {8, 8}, true, false},
    {"unorm1x16", "i16", 1, {16}, false, false},
    {"snorm1x16", "i16", 1, {16}, true, false},
    {"unorm4x8.srgb", "i32", 4, {8, 8, 8, 8}, false, true},
    {"unorm.srgb4x8", "i32", 4, {8, 8, 8, 8}, false, true},
    {"unorm1x8.srgb", "i8", 1, {8}, false, true},
    {"unorm.rgb10a2", "i32", 4, {10, 10, 10, 2}, false, false},
    {"unorm.rg11b10f", "i32", 3, {11, 11, 10}, false, false},
    {"unorm.rgb9e5", "i32", 3, {9, 9, 9}, false, false},
};

static bool small_float(const struct layout *l)
{
    return l->bits[0] == 11;
}

static bool shared_exponent(const struct layout *l)
{
    return l->bits[0] == 9;
}

static double linear_of(double s)
{
    return s <= 0.04045 ? s / 12.92 : pow((s + 0.055) / 1.055, 2.4);
}

static double srgb_of(double x)
{
    return x < 0.0031308 ? x * 12.92 : 1.055 * pow(x, 1 / 2.4) - 0.055;
}

/* Value of a float of 5 exponent and @m mantissa bits. */
static double small_value(unsigned code, unsigned m)
{
    unsigned e = code >> m, f = code & ((1u << m) - 1);

    if (e == 31)
        return f ? NAN : INFINITY;
    return e ? ldexp(1 + ldexp(f, -(int)m), (int)e - 15) : ldexp(f, -14 - (int)m);
}

/* The nearest code, the even one of two; the largest finite for what is larger. */
static unsigned small_code(double v, unsigned m)
{
    unsigned best = 0, finite = 31u << m;

    if (isinf(v) && v > 0)
        return finite;
    if (!(v > 0))
        return 0;
    for (unsigned c = 1; c < finite; c++) {
        double a = fabs(small_value(c, m) - v), b = fabs(small_value(best, m) - v);

        if (a < b || (a == b && !(c & 1)))
            best = c;
    }
    return best;
}

static uint32_t pack_rgb9e5(const double *v)
{
    double c[3], m = 0;
    int e;
    uint32_t r;

    for (unsigned i = 0; i < 3; i++) {
        c[i] = v[i] > 0 ? fmin(v[i], 65408) : 0;
        m = fmax(m, c[i]);
    }
    e = m > 0 ? (int)floor(log2(m)) : -16;
    e = (e < -16 ? -16 : e) + 16;
    if (floor(ldexp(m, 24 - e) + 0.5) == 512)
        e++;
    r = (uint32_t)e << 27;
    for (unsigned i = 0; i < 3; i++)
        r |= (uint32_t)floor(ldexp(c[i], 24 - e) + 0.5) << 9 * i;
    return r;
}

static double norm_code(const struct layout *l, unsigned i, double v)
{
    double top = (double)((1u << (l->sg ? l->bits[i] - 1 : l->bits[i])) - 1);

    v = isnan(v) ? 0 : fmin(fmax(v, l->sg ? -1 : 0), 1);
    if (l->srgb && i < 3)
        v = srgb_of(v);
    return nearbyint(v * top);
}

static double norm_value(const struct layout *l, unsigned i, uint32_t field)
{
    double top = (double)((1u << (l->sg ? l->bits[i] - 1 : l->bits[i])) - 1), v;

    v = l->sg && field >> (l->bits[i] - 1) ? (double)field - ldexp(1, (int)l->bits[i]) : field;
    v = fmax(v / top, -1);
    return l->srgb && i < 3 ? linear_of(v) : v;
}

/* Bits of field @i in @word. */
static uint32_t field_of(const struct layout *l, uint32_t word, unsigned i)
{
    unsigned at = 0;

    for (unsigned j = 0; j < i; j++)
        at += l->bits[j];
    return word >> at & ((1u << l->bits[i]) - 1);
}

static unsigned word_bits(const struct layout *l)
{
    return (unsigned)atoi(l->word + 1);
}

/* Component @i of vector @t: ends, middles, what must be clamped, what is no number. */
static double input(const struct layout *l, unsigned t, unsigned i)
{
    static const double special[] = {0, 1, -1, 0.5, -0.5, 2, -3, NAN, 0.25, 1 / 255.0, 0.003, 0.0032, 0.04, INFINITY};
    static const double range[] = {0, 1, -1, 0.5, 65408, 65024, 64512, 1e6, NAN, INFINITY, 6e-5, 1e-6, 0x1p-14, 3e-8,
                                   511.5, 4095.7};
    uint32_t r = (t * 4 + i) * 2654435761u;
    bool wide = small_float(l) || shared_exponent(l);
    unsigned count = wide ? sizeof(range) / sizeof(range[0]) : sizeof(special) / sizeof(special[0]);

    if (t < count)
        return wide ? range[(t + i * 3) % count] : special[(t + i * 3) % count];
    if (wide)
        return ldexp(1 + (r >> 9) / 8388608.0, (int)(r & 31) - 16);
    return (r >> 8) / 16777216.0 * (l->sg ? 2.2 : 1.1) - (l->sg ? 1.1 : 0.05);
}

static bool run(const char *name, const char *text, struct vk_buf *in, struct vk_buf *out)
{
    char err[300];
    struct air_options o;
    struct vk_run r = {.groups = {N / 64, 1, 1}, .local = {64, 1, 1}, .buf = {in, out}};
    enum vk_text how;

    vk_options(&vk, &o);
    how = vk_run_text(&vk, text, &o, &r, NULL, err, sizeof(err));
    if (how == VK_TEXT_RAN)
        return true;
    printf("%s %s\n", name, err);
    *(how == VK_TEXT_REFUSED ? &refused : &wrong) += 1;
    return false;
}

/* Type of the vector: "float", "<2 x half>". */
static const char *vector_type(const struct layout *l, bool half, char *s, size_t max)
{
    const char *e = half ? "half" : "float";

    if (l->n == 1)
        snprintf(s, max, "%s", e);
    else
        snprintf(s, max, "<%u x %s>", l->n, e);
    return s;
}

static void suffix(const struct layout *l, bool half, char *s, size_t max)
{
    if (l->n == 1)
        snprintf(s, max, "f%u", half ? 16 : 32);
    else
        snprintf(s, max, "v%uf%u", l->n, half ? 16 : 32);
}

/* One kernel: element %id of the first buffer through the operation to the second. */
static void text_of(const struct layout *l, bool pack, bool half, char *s, size_t max)
{
    char vt[24], sx[8];
    const char *from, *to;

    vector_type(l, half, vt, sizeof(vt));
    suffix(l, half, sx, sizeof(sx));
    from = pack ? vt : l->word;
    to = pack ? l->word : vt;
    snprintf(s, max,
             "target datalayout = \"e-p:64:64:64-i1:8:8-i8:8:8-i16:16:16-i32:32:32-i64:64:64-f32:32:32-f64:64:64-v16:16:16-"
             "v24:32:32-v32:32:32-v48:64:64-v64:64:64-v96:128:128-v128:128:128\"\n"
             "target triple = \"air64-apple-macosx14.0.0\"\n"
             "define void @k(ptr addrspace(1) %%a, ptr addrspace(1) %%b, i32 %%id) {\n"
             "  %%pa = getelementptr %s, ptr addrspace(1) %%a, i32 %%id\n  %%x = load %s, ptr addrspace(1) %%pa\n"
             "  %%r = call %s @air.%s.%s.%s(%s %%x)\n"
             "  %%pb = getelementptr %s, ptr addrspace(1) %%b, i32 %%id\n  store %s %%r, ptr addrspace(1) %%pb\n  ret void\n}\n"
             "declare %s @air.%s.%s.%s(%s)\n"
             "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5}\n"
             "!3 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"
             "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 1, i32 1, !\"air.read_write\"}\n"
             "!5 = !{i32 2, !\"air.thread_position_in_grid\"}\n",
             from, from, to, pack ? "pack" : "unpack", l->name, sx, from, to, to, to, pack ? "pack" : "unpack", l->name, sx,
             from);
}

/* Elements of a vector in memory: three take the room of four. */
static unsigned stride_of(const struct layout *l)
{
    return l->n == 3 ? 4 : l->n;
}

static void put(struct vk_buf *b, bool half, unsigned at, double v)
{
    if (half)
        ((uint16_t *)b->map)[at] = half_from_double(v);
    else
        ((float *)b->map)[at] = (float)v;
}

static double get(struct vk_buf *b, bool half, unsigned at)
{
    return half ? (double)half_to_float(((uint16_t *)b->map)[at]) : (double)((float *)b->map)[at];
}

static uint32_t word_at(struct vk_buf *b, unsigned bits, unsigned at)
{
    return bits == 8 ? ((uint8_t *)b->map)[at] : bits == 16 ? ((uint16_t *)b->map)[at] : ((uint32_t *)b->map)[at];
}

static void pack_test(const struct layout *l, bool half, struct vk_buf *in, struct vk_buf *out)
{
    char text[4096], name[64];

    snprintf(name, sizeof(name), "air.pack.%s of %s", l->name, half ? "half" : "float");
    text_of(l, true, half, text, sizeof(text));
    for (unsigned t = 0; t < N; t++) {
        for (unsigned i = 0; i < l->n; i++)
            put(in, half, t * stride_of(l) + i, input(l, t, i));
    }
    if (!run(name, text, in, out))
        return;
    for (unsigned t = 0; t < N; t++) {
        uint32_t got = word_at(out, word_bits(l), t), want = 0;
        double v[4];
        bool ok = true;

        for (unsigned i = 0; i < l->n; i++)
            v[i] = get(in, half, t * stride_of(l) + i);
        if (shared_exponent(l)) {
            want = pack_rgb9e5(v);
            ok = got == want;
        }
        for (unsigned i = 0, at = 0; i < l->n && !shared_exponent(l); at += l->bits[i], i++) {
            uint32_t w = small_float(l) ? small_code(v[i], l->bits[i] - 5)
                                        : (uint32_t)(int64_t)norm_code(l, i, v[i]) & ((1u << l->bits[i]) - 1);
            uint32_t g = field_of(l, got, i);
            double scaled = l->srgb && i < 3 ? 0 : v[i] * (double)((1u << (l->sg ? l->bits[i] - 1 : l->bits[i])) - 1);

            want |= w << at;
            /* sRGB goes through powers; a product that falls between two codes may be rounded either way */
            ok = ok && (g == w || ((l->srgb || fabs(fabs(scaled - floor(scaled)) - 0.5) < 1e-2) && !small_float(l) &&
                                   (g == w + 1 || g + 1 == w)));
        }
        if (!ok) {
            printf("%s wrong: (%g, %g, %g, %g) is %08x, expected %08x\n", name, v[0], l->n > 1 ? v[1] : 0,
                   l->n > 2 ? v[2] : 0, l->n > 3 ? v[3] : 0, got, want);
            wrong++;
            return;
        }
    }
    right++;
}

static void unpack_test(const struct layout *l, bool half, struct vk_buf *in, struct vk_buf *out)
{
    char text[4096], name[64];

    snprintf(name, sizeof(name), "air.unpack.%s to %s", l->name, half ? "half" : "float");
    text_of(l, false, half, text, sizeof(text));
    for (unsigned t = 0; t < N; t++) {
        uint32_t w = t < 8 ? t * 0x24924924u : t * 2654435761u;

        if (word_bits(l) == 8)
            ((uint8_t *)in->map)[t] = (uint8_t)t;
        else if (word_bits(l) == 16)
            ((uint16_t *)in->map)[t] = (uint16_t)(t < 256 ? t : w >> 16);
        else
            ((uint32_t *)in->map)[t] = t == 8 ? UINT32_MAX : t == 9 ? 0x80808080u : w;
    }
    if (!run(name, text, in, out))
        return;
    for (unsigned t = 0; t < N; t++) {
        uint32_t w = word_at(in, word_bits(l), t);

        for (unsigned i = 0; i < l->n; i++) {
            double got = get(out, half, t * stride_of(l) + i), want;

            if (small_float(l))
                want = small_value(field_of(l, w, i), l->bits[i] - 5);
            else if (shared_exponent(l))
                want = ldexp(w >> 9 * i & 511, (int)(w >> 27) - 24);
            else
                want = norm_value(l, i, field_of(l, w, i));
            if (half)
                want = (double)half_to_float(half_from_double(want));
            if (isnan(want) ? isnan(got) : got == want || fabs(got - want) <= fabs(want) * (half ? 1e-3 : 2e-6) + (half ? 1e-7 : 0))
                continue;
            printf("%s wrong: component %u of %08x is %g, expected %g\n", name, i, w, got, want);
            wrong++;
            return;
        }
    }
    right++;
}

int main(int argc, char **argv)
{
    struct vk_buf in, out;
    const char *why = vk_open(&vk);

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    if (!vk_buf_new(&vk, &in, N * 16) || !vk_buf_new(&vk, &out, N * 16))
        return 2;
    for (unsigned k = 0; k < sizeof(layouts) / sizeof(layouts[0]); k++) {
        if (argc > 1 && strcmp(argv[1], layouts[k].name))
            continue;
        for (unsigned half = 0; half < 2; half++) {
            pack_test(&layouts[k], half, &in, &out);
            unpack_test(&layouts[k], half, &in, &out);
        }
    }
    vk_buf_free(&vk, &in);
    vk_buf_free(&vk, &out);
    printf("device %s: %u right, %u wrong, %u refused\n", vk.name, right, wrong, refused);
    vk_close(&vk);
    return wrong || refused ? 1 : 0;
}
