/* SPDX-License-Identifier: MIT */
/*
 * Every function family of air 3.3-3.5 and 3.9, run on the device and compared by value with C: each row of the tables is
 * one AIR intrinsic; the kernel around it is written as LLVM text here, assembled and compiled like a guest's.
 *
 * usage: intrinsics [NAME]. Exit status 77 without a Vulkan device.
 */
#include "vkrun.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 64 /* threads; lane i works on element i */

static struct vk vk;
static unsigned right, wrong, refused;

static const char head[] = "target triple = \"air64-apple-macosx14.0.0\"\n";

/* Kernel: out[i] = f(a[i], b[i], c[i]) with LLVM types @r and @t; @op the intrinsic with its suffixes. */
static void kernel_text(char *s, size_t max, const char *op, const char *r, const char *t, int nargs, const char *extra)
{
    char decl[256] = "", args[256] = "", loads[1024] = "";

    for (int i = 0; i < nargs; i++) {
        snprintf(decl + strlen(decl), sizeof(decl) - strlen(decl), "%s%s", i ? ", " : "", t);
        snprintf(args + strlen(args), sizeof(args) - strlen(args), "%s%s %%v%d", i ? ", " : "", t, i);
        snprintf(loads + strlen(loads), sizeof(loads) - strlen(loads),
                 "  %%p%d = getelementptr %s, ptr addrspace(1) %%%c, i32 %%id\n  %%v%d = load %s, ptr addrspace(1) %%p%d\n", i, t,
                 "abc"[i], i, t, i);
    }
    snprintf(s, max,
             "%sdefine void @k(ptr addrspace(1) %%a, ptr addrspace(1) %%b, ptr addrspace(1) %%c, ptr addrspace(1) %%o, i32 "
             "%%id) {\n%s  %%x = call %s @air.%s(%s%s)\n  %%po = getelementptr %s, ptr addrspace(1) %%o, i32 %%id\n"
             "  store %s %%x, ptr addrspace(1) %%po\n  ret void\n}\ndeclare %s @air.%s(%s%s)\n"
             "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5, !6, !7}\n",
             head, loads, r, op, args, extra, r, r, r, op, decl,
             *extra ? ", i1" : "");
    for (int i = 0; i < 4; i++)
        snprintf(s + strlen(s), max - strlen(s),
                 "!%d = !{i32 %d, !\"air.buffer\", !\"air.location_index\", i32 %d, i32 1, !\"air.read_write\"}\n", 3 + i, i, i);
    snprintf(s + strlen(s), max - strlen(s), "!7 = !{i32 4, !\"air.thread_position_in_grid\"}\n");
}

static bool run(const char *text, const char *label, struct vk_buf b[4], uint32_t local)
{
    struct air_options o;
    struct vk_run r = {.groups = {N / local, 1, 1}, .local = {local, 1, 1}};
    enum vk_text how;
    char err[600];

    vk_options(&vk, &o);
    for (unsigned i = 0; i < 4; i++)
        r.buf[i] = &b[i];
    memset(b[3].map, 0xee, b[3].bytes);
    how = vk_run_text(&vk, text, &o, &r, NULL, err, sizeof(err));
    if (how == VK_TEXT_RAN)
        return true;
    printf("%s %s\n", label, err);
    *(how == VK_TEXT_REFUSED ? &refused : &wrong) += 1;
    return false;
}

static void verdict(const char *label, bool ok, unsigned at, double got, double want)
{
    if (ok) {
        right++;
    } else {
        printf("%s wrong: [%u] is %.9g, expected %.9g\n", label, at, got, want);
        wrong++;
    }
}

/* ---- floats ---- */

static double f_round(double x, double y, double z)
{
    return round(x);
}

#define F1(n, e)                                                                                                       \
    static double f_##n(double x, double y, double z)                                                                  \
    {                                                                                                                  \
        return e;                                                                                                      \
    }
F1(fabs, fabs(x))
F1(floor, floor(x))
F1(ceil, ceil(x))
F1(trunc, trunc(x))
F1(rint, rint(x))
F1(fract, fmin(x - floor(x), 0x1.fffffep-1))
F1(sqrt, sqrt(x))
F1(rsqrt, 1 / sqrt(x))
F1(sin, sin(x))
F1(cos, cos(x))
F1(tan, tan(x))
F1(asin, asin(x))
F1(acos, acos(x))
F1(atan, atan(x))
F1(sinh, sinh(x))
F1(cosh, cosh(x))
F1(tanh, tanh(x))
F1(asinh, asinh(x))
F1(acosh, acosh(x))
F1(atanh, atanh(x))
F1(sinpi, sin(x * M_PI))
F1(cospi, cos(x * M_PI))
F1(tanpi, tan(x * M_PI))
F1(exp, exp(x))
F1(exp2, exp2(x))
F1(exp10, pow(10, x))
F1(log, log(x))
F1(log2, log2(x))
F1(log10, log10(x))
F1(saturate, x > 1 ? 1 : x > 0 ? x : 0)
F1(sign, x > 0 ? 1 : x < 0 ? -1 : 0)
F1(atan2, atan2(x, y))
F1(pow, pow(x, y))
F1(powr, pow(x, y))
F1(fmod, fmod(x, y))
F1(fmin, fmin(x, y))
F1(fmax, fmax(x, y))
F1(copysign, copysign(x, y))
F1(fdim, fdim(x, y))
F1(fma, x *y + z)
F1(mix, x + (y - x) * z)
F1(clamp, x < y ? y : x > z ? z : x)
F1(min3, fmin(fmin(x, y), z))
F1(max3, fmax(fmax(x, y), z))
F1(median3, fmax(fmin(x, y), fmin(fmax(x, y), z)))

static double f_nextafter(double x, double y, double z)
{
    return (double)nextafterf((float)x, (float)y);
}

enum range { ANY, POS, UNIT, GE1, SMALL, ORD, HALVES };

static const struct {
    const char *name;
    double (*fn)(double, double, double);
    int n;
    enum range range;
    double rel, abs; /* of f32; f16 gets 2e-3 more */
} floats[] = {
    {"fabs", f_fabs, 1, ANY, 0, 0}, {"floor", f_floor, 1, ANY, 0, 0}, {"ceil", f_ceil, 1, ANY, 0, 0},
    {"trunc", f_trunc, 1, ANY, 0, 0}, {"rint", f_rint, 1, HALVES, 0, 0}, {"round", f_round, 1, HALVES, 0, 0},
    {"fract", f_fract, 1, ANY, 0, 1e-6}, {"sqrt", f_sqrt, 1, POS, 1e-6, 0}, {"rsqrt", f_rsqrt, 1, POS, 1e-5, 0},
    {"sin", f_sin, 1, ANY, 0, 1e-5}, {"cos", f_cos, 1, ANY, 0, 1e-5}, {"tan", f_tan, 1, UNIT, 1e-4, 1e-5},
    {"asin", f_asin, 1, UNIT, 1e-4, 5e-4}, {"acos", f_acos, 1, UNIT, 1e-4, 5e-4}, {"atan", f_atan, 1, ANY, 1e-4, 1e-5},
    {"sinh", f_sinh, 1, ANY, 1e-4, 1e-5}, {"cosh", f_cosh, 1, ANY, 1e-4, 0}, {"tanh", f_tanh, 1, ANY, 1e-4, 1e-5},
    {"asinh", f_asinh, 1, ANY, 1e-4, 1e-5}, {"acosh", f_acosh, 1, GE1, 1e-4, 1e-3}, {"atanh", f_atanh, 1, UNIT, 1e-4, 1e-5},
    {"sinpi", f_sinpi, 1, ANY, 0, 1e-5}, {"cospi", f_cospi, 1, ANY, 0, 1e-5}, {"tanpi", f_tanpi, 1, SMALL, 1e-4, 1e-4},
    {"exp", f_exp, 1, ANY, 1e-5, 0}, {"exp2", f_exp2, 1, ANY, 1e-5, 0}, {"exp10", f_exp10, 1, UNIT, 1e-5, 0},
    {"log", f_log, 1, POS, 1e-5, 1e-5}, {"log2", f_log2, 1, POS, 1e-5, 1e-5}, {"log10", f_log10, 1, POS, 1e-5, 1e-5},
    {"saturate", f_saturate, 1, ANY, 0, 0}, {"sign", f_sign, 1, ANY, 0, 0}, {"atan2", f_atan2, 2, ANY, 1e-4, 1e-4},
    {"pow", f_pow, 2, HALVES, 1e-4, 0}, {"powr", f_powr, 2, POS, 1e-4, 0}, {"fmod", f_fmod, 2, ANY, 1e-4, 2e-5},
    {"fmin", f_fmin, 2, ANY, 0, 0}, {"fmax", f_fmax, 2, ANY, 0, 0}, {"copysign", f_copysign, 2, ANY, 0, 0},
    {"fdim", f_fdim, 2, ANY, 1e-6, 1e-6}, {"fma", f_fma, 3, ANY, 1e-5, 1e-5}, {"mix", f_mix, 3, ANY, 1e-5, 1e-5},
    {"clamp", f_clamp, 3, ORD, 0, 0}, {"fmin3", f_min3, 3, ANY, 0, 0}, {"fmax3", f_max3, 3, ANY, 0, 0},
    {"fmedian3", f_median3, 3, ANY, 0, 0}, {"nextafter", f_nextafter, 2, ANY, 0, 0},
};

static uint32_t rng_state;

static double rnd(void)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return (double)(rng_state >> 8 & 0xffff) / 65535.0;
}

static double draw(enum range r, int arg)
{
    double u = rnd();

    switch (r) {
    case POS:
        return u * 4 + 0.05;
    case UNIT:
        return u * 1.9 - 0.95;
    case GE1:
        return 1 + u * 4;
    case SMALL:
        return u * 0.8 - 0.4;
    case ORD:
        return arg == 0 ? u * 8 - 4 : arg == 1 ? -1 - u : 1 + u;
    case HALVES: /* multiples of a half: ties for rounding, whole exponents for pow */
        return arg ? floor(u * 5) - 2 : floor(u * 16) * 0.5 - 4 + (floor(u * 16) == 8 ? 0.5 : 0);
    default:
        return u * 8 - 4;
    }
}

static void put(void *map, unsigned i, unsigned bits, double v)
{
    if (bits == 16)
        ((uint16_t *)map)[i] = half_from_double(v);
    else
        ((float *)map)[i] = (float)v;
}

static double get(const void *map, unsigned i, unsigned bits)
{
    return bits == 16 ? (double)half_to_float(((const uint16_t *)map)[i]) : (double)((const float *)map)[i];
}

static void float_test(unsigned k, unsigned bits, unsigned lanes, bool fast, struct vk_buf b[4])
{
    char text[4096], op[64], t[32], suffix[16], label[96];
    const char *base = bits == 16 ? "half" : "float", *sb = bits == 16 ? "f16" : "f32";
    unsigned total = N * lanes, at = 0;
    bool ok = true;
    double got = 0, want = 0;

    if (bits == 16 && (!strcmp(floats[k].name, "nextafter") || !strcmp(floats[k].name, "tanpi")))
        return; /* no use: the reference is single precision */
    if (lanes == 1) {
        snprintf(t, sizeof(t), "%s", base);
        snprintf(suffix, sizeof(suffix), "%s", sb);
    } else {
        snprintf(t, sizeof(t), "<%u x %s>", lanes, base);
        snprintf(suffix, sizeof(suffix), "v%u%s", lanes, sb);
    }
    snprintf(op, sizeof(op), "%s%s.%s", fast ? "fast_" : "", floats[k].name, suffix);
    snprintf(label, sizeof(label), "air.%s", op);
    kernel_text(text, sizeof(text), op, t, t, floats[k].n, "");
    rng_state = k + 1;
    for (unsigned i = 0; i < total; i++) {
        for (int j = 0; j < 3; j++)
            put(b[j].map, i, bits, draw(floats[k].range, j));
    }
    if (!run(text, label, b, 32))
        return;
    for (unsigned i = 0; i < total && ok; i++) {
        double x = get(b[0].map, i, bits), y = get(b[1].map, i, bits), z = get(b[2].map, i, bits);

        want = floats[k].fn(x, y, z);
        got = get(b[3].map, i, bits);
        double tol = floats[k].abs + floats[k].rel * fabs(want) +
                     (bits == 16 ? 4e-3 * (fabs(want) + 1) : fast ? 1e-4 * (fabs(want) + 1) : 0);

        if (isnan(want) ? !isnan(got) : fabs(got - want) > tol) {
            ok = false;
            at = i;
        }
    }
    verdict(label, ok, at, got, want);
}

/* ---- integers ---- */

typedef uint64_t (*ifn)(uint64_t, uint64_t, uint64_t, unsigned w);

static int64_t sx(uint64_t v, unsigned w)
{
    return (int64_t)(v << (64 - w)) >> (64 - w);
}

static uint64_t i_popcount(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)__builtin_popcountll(a);
}

static uint64_t i_clz(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return a ? (uint64_t)__builtin_clzll(a) - (64 - w) : w;
}

static uint64_t i_ctz(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return a ? (uint64_t)__builtin_ctzll(a) : w;
}

static uint64_t i_reverse(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    uint64_t r = 0;

    for (unsigned i = 0; i < w; i++)
        r |= (a >> i & 1) << (w - 1 - i);
    return r;
}

static uint64_t i_abs(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return sx(a, w) < 0 ? 0 - a : a;
}

static uint64_t i_smin(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return sx(a, w) < sx(b, w) ? a : b;
}

static uint64_t i_smax(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return sx(a, w) > sx(b, w) ? a : b;
}

static uint64_t i_umin(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return a < b ? a : b;
}

static uint64_t i_umax(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return a > b ? a : b;
}

static uint64_t i_rotate(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    unsigned n = b & (w - 1);

    return n ? a << n | a >> (w - n) : a;
}

static uint64_t i_mulhi_u(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)((unsigned __int128)a * b >> w);
}

static uint64_t i_mulhi_s(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)((__int128)sx(a, w) * sx(b, w) >> w);
}

static __int128 clampw(__int128 v, bool sg, unsigned w)
{
    __int128 lo = sg ? -((__int128)1 << (w - 1)) : 0, hi = sg ? ((__int128)1 << (w - 1)) - 1 : ((__int128)1 << w) - 1;

    return v < lo ? lo : v > hi ? hi : v;
}

static uint64_t i_addsat_u(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)clampw((__int128)a + b, false, w);
}

static uint64_t i_addsat_s(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)clampw((__int128)sx(a, w) + sx(b, w), true, w);
}

static uint64_t i_subsat_u(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)clampw((__int128)a - (__int128)b, false, w);
}

static uint64_t i_subsat_s(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)clampw((__int128)sx(a, w) - sx(b, w), true, w);
}

static uint64_t i_hadd_u(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)(((unsigned __int128)a + b) >> 1);
}

static uint64_t i_rhadd_s(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)(((__int128)sx(a, w) + sx(b, w) + 1) >> 1);
}

static uint64_t i_absdiff_s(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return sx(a, w) > sx(b, w) ? a - b : b - a;
}

static uint64_t i_clamp_s(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return i_smin(i_smax(a, b, 0, w), c, 0, w);
}

static uint64_t i_median_u(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    uint64_t lo = a < b ? a : b, hi = a < b ? b : a;

    return c < lo ? lo : c > hi ? hi : c;
}

static uint64_t i_mad(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return a * b + c;
}

static uint64_t i_bswap(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return __builtin_bswap64(a) >> (64 - w);
}

static uint64_t i_madsat_s(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)clampw((__int128)sx(a, w) * sx(b, w) + sx(c, w), true, w);
}

/* A product of 64 bits and an addend fit in 128 without a sign. */
static uint64_t i_madsat_u(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    unsigned __int128 v = (unsigned __int128)a * b + c, most = ((unsigned __int128)1 << w) - 1;

    return (uint64_t)(v > most ? most : v);
}

static uint64_t i_madhi_u(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return i_mulhi_u(a, b, 0, w) + c;
}

static uint64_t i_madhi_s(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return i_mulhi_s(a, b, 0, w) + c;
}

static uint64_t i_hadd_s(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)(((__int128)sx(a, w) + sx(b, w)) >> 1);
}

static uint64_t i_rhadd_u(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return (uint64_t)(((unsigned __int128)a + b + 1) >> 1);
}

static uint64_t i_absdiff_u(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return a > b ? a - b : b - a;
}

static uint64_t i_smin3(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return i_smin(i_smin(a, b, 0, w), c, 0, w);
}

static uint64_t i_umax3(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return i_umax(i_umax(a, b, 0, w), c, 0, w);
}

static uint64_t i_median_s(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return i_smax(i_smin(a, b, 0, w), i_smin(i_smax(a, b, 0, w), c, 0, w), 0, w);
}

static const struct {
    const char *name, *sign;
    ifn fn;
    int n;
    unsigned widths; /* bit mask of 8, 16, 32, 64 as values */
    const char *extra;
} ints[] = {
    {"popcount", "", i_popcount, 1, 120, ""}, {"clz", "", i_clz, 1, 120, ", i1 false"}, {"ctz", "", i_ctz, 1, 120, ", i1 false"},
    {"reverse_bits", "", i_reverse, 1, 120, ""}, {"abs", ".s", i_abs, 1, 120, ""}, {"min", ".s", i_smin, 2, 120, ""},
    {"max", ".s", i_smax, 2, 120, ""}, {"min", ".u", i_umin, 2, 120, ""}, {"max", ".u", i_umax, 2, 120, ""},
    {"rotate", "", i_rotate, 2, 120, ""}, {"mul_hi", ".u", i_mulhi_u, 2, 120, ""}, {"mul_hi", ".s", i_mulhi_s, 2, 120, ""},
    {"add_sat", ".u", i_addsat_u, 2, 120, ""}, {"add_sat", ".s", i_addsat_s, 2, 120, ""},
    {"sub_sat", ".u", i_subsat_u, 2, 120, ""}, {"sub_sat", ".s", i_subsat_s, 2, 120, ""}, {"hadd", ".u", i_hadd_u, 2, 120, ""},
    {"rhadd", ".s", i_rhadd_s, 2, 120, ""}, {"abs_diff", ".s", i_absdiff_s, 2, 120, ""}, {"clamp", ".s", i_clamp_s, 3, 120, ""},
    {"median3", ".u", i_median_u, 3, 120, ""}, {"mad24", ".u", i_mad, 3, 32, ""}, {"bswap", "", i_bswap, 1, 112, ""},
    {"mad_sat", ".s", i_madsat_s, 3, 120, ""}, {"mad_sat", ".u", i_madsat_u, 3, 120, ""}, {"mad_hi", ".u", i_madhi_u, 3, 120, ""},
    {"mad_hi", ".s", i_madhi_s, 3, 120, ""}, {"hadd", ".s", i_hadd_s, 2, 120, ""}, {"rhadd", ".u", i_rhadd_u, 2, 120, ""},
    {"abs_diff", ".u", i_absdiff_u, 2, 120, ""}, {"min3", ".s", i_smin3, 3, 120, ""}, {"max3", ".u", i_umax3, 3, 120, ""},
    {"median3", ".s", i_median_s, 3, 120, ""},
};

static void int_test(unsigned k, unsigned w, struct vk_buf b[4])
{
    char text[4096], op[64], t[16], label[96];
    uint64_t mask = w == 64 ? UINT64_MAX : (UINT64_C(1) << w) - 1, got = 0, want = 0;
    unsigned at = 0, bytes = w / 8;
    bool ok = true;

    if (!(ints[k].widths & w))
        return;
    snprintf(t, sizeof(t), "i%u", w);
    snprintf(op, sizeof(op), "%s%s.%s", ints[k].name, ints[k].sign, t);
    snprintf(label, sizeof(label), "air.%s", op);
    kernel_text(text, sizeof(text), op, t, t, ints[k].n, ints[k].extra);
    rng_state = k + 77;
    for (unsigned i = 0; i < N; i++) {
        for (int j = 0; j < 3; j++) {
            uint64_t v = (uint64_t)(rnd() * 65535) ^ (uint64_t)(rnd() * 65535) << 16 ^ (uint64_t)(rnd() * 65535) << 32 ^
                         (uint64_t)(rnd() * 65535) << 48;

            v = i == 0 ? 0 : i == 1 ? mask : i == 2 ? mask >> 1 : i == 3 ? (mask >> 1) + 1 : i < 20 ? v & 0xff : v;
            if (!strcmp(ints[k].name, "clamp") && j)
                v = j == 1 ? (mask >> 1) + 3 + i : mask >> 2;
            if (!strcmp(ints[k].name, "mad_sat") && j == 1)
                v = v % 7 - (ints[k].sign[1] == 's' ? 3 : 0); /* products on both sides of the limits */
            v &= mask;
            memcpy((uint8_t *)b[j].map + i * bytes, &v, bytes);
        }
    }
    if (!run(text, label, b, 32))
        return;
    for (unsigned i = 0; i < N && ok; i++) {
        uint64_t a[3] = {0};

        for (int j = 0; j < 3; j++)
            memcpy(&a[j], (uint8_t *)b[j].map + i * bytes, bytes);
        want = ints[k].fn(a[0], a[1], a[2], w) & mask;
        got = 0;
        memcpy(&got, (uint8_t *)b[3].map + i * bytes, bytes);
        if (got != want) {
            ok = false;
            at = i;
        }
    }
    verdict(label, ok, at, (double)got, (double)want);
}

/* ---- conversions: every pair of scalar types ---- */

static const struct {
    const char *t;
    unsigned bits;
    char kind;
} types[] = {{"i8", 8, 's'}, {"i8", 8, 'u'}, {"i16", 16, 's'}, {"i16", 16, 'u'}, {"i32", 32, 's'}, {"i32", 32, 'u'},
             {"i64", 64, 's'}, {"i64", 64, 'u'}, {"half", 16, 'f'}, {"float", 32, 'f'}};

static const char *mangled(unsigned i)
{
    return types[i].kind != 'f' ? types[i].t : types[i].bits == 16 ? "f16" : "f32";
}

static double load_as(const uint8_t *p, unsigned ty)
{
    uint64_t v = 0;

    if (types[ty].kind == 'f')
        return get(p, 0, types[ty].bits);
    memcpy(&v, p, types[ty].bits / 8);
    return types[ty].kind == 's' ? (double)sx(v, types[ty].bits) : (double)v;
}

static void convert_test(unsigned d, unsigned s, struct vk_buf b[4])
{
    static const double samples[] = {0, 1, -1, 2.5, -2.5, 100.7, -100.7, 127, 128, 255, 256, -129, 300, 1000, -1000, 32767, 40000};
    char text[4096], op[64], label[96];
    unsigned sb = types[s].bits / 8, db = types[d].bits / 8, at = 0;
    bool ok = true;
    double got = 0, want = 0;

    snprintf(op, sizeof(op), "convert.%c.%s.%c.%s", types[d].kind, mangled(d), types[s].kind, mangled(s));
    snprintf(label, sizeof(label), "air.%s", op);
    kernel_text(text, sizeof(text), op, types[d].t, types[s].t, 1, "");
    for (unsigned i = 0; i < N; i++) {
        double v = samples[i % (sizeof(samples) / sizeof(samples[0]))];
        int64_t iv = (int64_t)v;

        if (types[s].kind == 'f')
            put((uint8_t *)b[0].map + i * sb, 0, types[s].bits, v);
        else
            memcpy((uint8_t *)b[0].map + i * sb, &iv, sb);
    }
    /* the result type differs from the operand's: patch the text's load and store types through kernel_text's @r and @t */
    if (!run(text, label, b, 32))
        return;
    for (unsigned i = 0; i < N && ok; i++) {
        double x = load_as((uint8_t *)b[0].map + i * sb, s);
        double lo, hi;

        got = load_as((uint8_t *)b[3].map + i * db, d);
        if (types[d].kind == 'f') {
            want = types[d].bits == 16 ? (double)half_to_float(half_from_double(x)) : (double)(float)x;
        } else if (types[s].kind == 'f') { /* towards zero, clamped */
            lo = types[d].kind == 's' ? -ldexp(1, (int)types[d].bits - 1) : 0;
            hi = types[d].kind == 's' ? ldexp(1, (int)types[d].bits - 1) - 1 : ldexp(1, (int)types[d].bits) - 1;
            want = fmin(fmax(trunc(x), lo), hi);
        } else { /* modulo */
            uint64_t raw = 0;
            uint8_t tmp[8];

            memcpy(&raw, (uint8_t *)b[0].map + i * sb, sb);
            raw = types[s].kind == 's' ? (uint64_t)sx(raw, types[s].bits) : raw;
            memcpy(tmp, &raw, 8);
            want = load_as(tmp, d);
        }
        if (got != want) {
            ok = false;
            at = i;
        }
    }
    verdict(label, ok, at, got, want);
}

/* ---- SIMD and quad groups ---- */

static const struct {
    const char *name, *t;
    int kind; /* 0 reduce, 1 inclusive scan, 2 exclusive scan, 3 shuffle family */
    char op;  /* + * < > & | ^, or the shuffle: s b u d x r(up) R(down) f(irst) */
    int quad;
} groups[] = {
    {"simd_sum.f32", "float", 0, '+', 0}, {"simd_sum.s.i32", "i32", 0, '+', 0}, {"simd_product.f32", "float", 0, '*', 0},
    {"simd_min.f32", "float", 0, '<', 0}, {"simd_max.f32", "float", 0, '>', 0}, {"simd_min.s.i32", "i32", 0, '<', 0},
    {"simd_max.s.i32", "i32", 0, '>', 0}, {"simd_and.u.i32", "i32", 0, '&', 0}, {"simd_or.u.i32", "i32", 0, '|', 0},
    {"simd_xor.u.i32", "i32", 0, '^', 0}, {"simd_prefix_inclusive_sum.f32", "float", 1, '+', 0},
    {"simd_prefix_exclusive_sum.s.i32", "i32", 2, '+', 0}, {"simd_prefix_inclusive_product.s.i32", "i32", 1, '*', 0},
    {"simd_sum.f16", "half", 0, '+', 0}, {"simd_max.f16", "half", 0, '>', 0},
    {"quad_sum.f32", "float", 0, '+', 1}, {"quad_max.s.i32", "i32", 0, '>', 1}, {"quad_xor.u.i32", "i32", 0, '^', 1},
    {"simd_shuffle.f32", "float", 3, 's', 0}, {"simd_broadcast.f32", "float", 3, 's', 0},
    {"simd_shuffle_up.f32", "float", 3, 'u', 0}, {"simd_shuffle_down.s.i32", "i32", 3, 'd', 0},
    {"simd_shuffle_xor.f32", "float", 3, 'x', 0}, {"simd_shuffle_rotate_up.f32", "float", 3, 'r', 0},
    {"simd_shuffle_rotate_down.f32", "float", 3, 'R', 0}, {"simd_broadcast_first.f32", "float", 3, 'f', 0},
    {"simd_shuffle_xor.f16", "half", 3, 'x', 0}, {"quad_shuffle.f32", "float", 3, 's', 1},
    {"quad_shuffle_xor.s.i32", "i32", 3, 'x', 1}, {"quad_broadcast.f32", "float", 3, 's', 1},
};

static double combine(char op, double a, double b)
{
    switch (op) {
    case '+':
        return a + b;
    case '*':
        return a * b;
    case '<':
        return fmin(a, b);
    case '>':
        return fmax(a, b);
    case '&':
        return (double)((uint32_t)a & (uint32_t)b);
    case '|':
        return (double)((uint32_t)a | (uint32_t)b);
    default:
        return (double)((uint32_t)a ^ (uint32_t)b);
    }
}

static void group_test(unsigned k, struct vk_buf b[4])
{
    const char *t = groups[k].t, *extra = "";
    unsigned bits = !strcmp(t, "half") ? 16 : 32, width = groups[k].quad ? 4 : 32, at = 0;
    char text[4096], label[96], *p;
    bool ok = true, integer = !strcmp(t, "i32");
    double v[N], got = 0, want = 0;
    const unsigned delta = groups[k].quad ? 1 : 5;

    snprintf(label, sizeof(label), "air.%s", groups[k].name);
    kernel_text(text, sizeof(text), groups[k].name, t, t, 1, extra);
    if (groups[k].kind == 3 && groups[k].op != 'f') { /* add the lane operand to call and declaration */
        char with[4096];

        p = strstr(text, "%v0)");
        snprintf(with, sizeof(with), "%.*s%%v0, i16 %u)%s", (int)(p - text), text, delta, p + 4);
        p = strstr(with, "declare");
        p = strchr(p, ')');
        snprintf(text, sizeof(text), "%.*s, i16)%s", (int)(p - with), with, p + 1);
    }
    for (unsigned i = 0; i < N; i++) {
        v[i] = groups[k].op == '*' ? (i % 9 == 3 ? 2 : 1) : strchr("&|^", groups[k].op) ? (i * 37 & 0xff) : (double)(i * 7 % 23) - 5;
        if (integer)
            ((int32_t *)b[0].map)[i] = (int32_t)v[i];
        else
            put(b[0].map, i, bits, v[i]);
    }
    if (!run(text, label, b, 64))
        return;
    for (unsigned i = 0; i < N && ok; i++) {
        unsigned base = i / width * width, lane = i % width, from = lane;

        if (groups[k].kind == 3) {
            switch (groups[k].op) {
            case 's':
                from = delta;
                break;
            case 'u':
                from = lane < delta ? lane : lane - delta;
                break;
            case 'd':
                from = lane + delta < width ? lane + delta : lane;
                break;
            case 'x':
                from = lane ^ delta;
                break;
            case 'r':
                from = (lane - delta) % width;
                break;
            case 'R':
                from = (lane + delta) % width;
                break;
            default:
                from = 0;
            }
            want = v[base + from];
        } else {
            unsigned end = groups[k].kind == 0 ? width : groups[k].kind == 1 ? lane + 1 : lane;

            want = groups[k].op == '*' ? 1 : 0;
            for (unsigned j = 0; j < end; j++)
                want = j == 0 ? v[base] : combine(groups[k].op, want, v[base + j]);
        }
        got = integer ? (double)((int32_t *)b[3].map)[i] : get(b[3].map, i, bits);
        if (fabs(got - want) > 1e-4 * fabs(want)) {
            ok = false;
            at = i;
        }
    }
    verdict(label, ok, at, got, want);
}

int main(int argc, char **argv)
{
    struct vk_buf b[4];
    const char *why = vk_open(&vk), *only = argc > 1 ? argv[1] : NULL;

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (!vk_buf_new(&vk, &b[i], 4096))
            return 2;
    }
    for (unsigned k = 0; k < sizeof(floats) / sizeof(floats[0]); k++) {
        if (only && strcmp(only, floats[k].name))
            continue;
        float_test(k, 32, 1, false, b);
        float_test(k, 32, 4, true, b);
        float_test(k, 16, 2, false, b);
    }
    for (unsigned k = 0; k < sizeof(ints) / sizeof(ints[0]); k++) {
        for (unsigned w = 8; w <= 64; w *= 2) {
            if (!only || !strcmp(only, ints[k].name))
                int_test(k, w, b);
        }
    }
    for (unsigned d = 0; d < 10; d++) {
        for (unsigned s = 0; s < 10; s++) {
            if (d != s && (!only || !strcmp(only, "convert")))
                convert_test(d, s, b);
        }
    }
    for (unsigned k = 0; k < sizeof(groups) / sizeof(groups[0]); k++) {
        if (!only || !strcmp(only, groups[k].name))
            group_test(k, b);
    }
    for (unsigned i = 0; i < 4; i++)
        vk_buf_free(&vk, &b[i]);
    printf("device %s: %u right, %u wrong, %u refused\n", vk.name, right, wrong, refused);
    vk_close(&vk);
    return wrong || refused ? 1 : 0;
}
