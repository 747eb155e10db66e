/* SPDX-License-Identifier: MIT */
/*
 * Functions of floats and integers (air 3.3, 3.4) whose operands and result are of one type, run on the device and
 * compared by value with C: each row of the tables is one AIR intrinsic, run on each type with 1 to 4 components; the
 * kernel around it is written as LLVM text here, assembled and compiled like a guest's. The test functions has the
 * rest.
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
        snprintf(
            loads + strlen(loads), sizeof(loads) - strlen(loads),
            "  %%p%d = getelementptr %s, ptr addrspace(1) %%%c, i32 %%id\n  %%v%d = load %s, ptr addrspace(1) %%p%d\n",
            i, t, "abc"[i], i, t, i);
    }
    snprintf(
        s, max,
        "%sdefine void @k(ptr addrspace(1) %%a, ptr addrspace(1) %%b, ptr addrspace(1) %%c, ptr addrspace(1) %%o, i32 "
        "%%id) {\n%s  %%x = call %s @air.%s(%s%s)\n  %%po = getelementptr %s, ptr addrspace(1) %%o, i32 %%id\n"
        "  store %s %%x, ptr addrspace(1) %%po\n  ret void\n}\ndeclare %s @air.%s(%s%s)\n"
        "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5, !6, !7}\n",
        head, loads, r, op, args, extra, r, r, r, op, decl, *extra ? ", i1" : "");
    for (int i = 0; i < 4; i++)
        snprintf(s + strlen(s), max - strlen(s),
                 "!%d = !{i32 %d, !\"air.buffer\", !\"air.location_index\", i32 %d, i32 1, !\"air.read_write\"}\n",
                 3 + i, i, i);
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
F1(sinpi, sin(x *M_PI))
F1(cospi, cos(x *M_PI))
F1(tanpi, tan(x *M_PI))
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
F1(clamp, x<y ? y : x> z ? z : x)
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
    {"fabs", f_fabs, 1, ANY, 0, 0},           {"floor", f_floor, 1, ANY, 0, 0},
    {"ceil", f_ceil, 1, ANY, 0, 0},           {"trunc", f_trunc, 1, ANY, 0, 0},
    {"rint", f_rint, 1, HALVES, 0, 0},        {"round", f_round, 1, HALVES, 0, 0},
    {"fract", f_fract, 1, ANY, 0, 1e-6},      {"sqrt", f_sqrt, 1, POS, 1e-6, 0},
    {"rsqrt", f_rsqrt, 1, POS, 1e-5, 0},      {"sin", f_sin, 1, ANY, 0, 1e-5},
    {"cos", f_cos, 1, ANY, 0, 1e-5},          {"tan", f_tan, 1, UNIT, 1e-4, 1e-5},
    {"asin", f_asin, 1, UNIT, 1e-4, 5e-4},    {"acos", f_acos, 1, UNIT, 1e-4, 5e-4},
    {"atan", f_atan, 1, ANY, 1e-4, 1e-5},     {"sinh", f_sinh, 1, ANY, 1e-4, 1e-5},
    {"cosh", f_cosh, 1, ANY, 1e-4, 0},        {"tanh", f_tanh, 1, ANY, 1e-4, 1e-5},
    {"asinh", f_asinh, 1, ANY, 1e-4, 1e-5},   {"acosh", f_acosh, 1, GE1, 1e-4, 1e-3},
    {"atanh", f_atanh, 1, UNIT, 1e-4, 1e-5},  {"sinpi", f_sinpi, 1, ANY, 0, 1e-5},
    {"cospi", f_cospi, 1, ANY, 0, 1e-5},      {"tanpi", f_tanpi, 1, SMALL, 1e-4, 1e-4},
    {"exp", f_exp, 1, ANY, 1e-5, 0},          {"exp2", f_exp2, 1, ANY, 1e-5, 0},
    {"exp10", f_exp10, 1, UNIT, 1e-5, 0},     {"log", f_log, 1, POS, 1e-5, 1e-5},
    {"log2", f_log2, 1, POS, 1e-5, 1e-5},     {"log10", f_log10, 1, POS, 1e-5, 1e-5},
    {"saturate", f_saturate, 1, ANY, 0, 0},   {"sign", f_sign, 1, ANY, 0, 0},
    {"atan2", f_atan2, 2, ANY, 1e-4, 1e-4},   {"pow", f_pow, 2, HALVES, 1e-4, 0},
    {"powr", f_powr, 2, POS, 1e-4, 0},        {"fmod", f_fmod, 2, ANY, 1e-4, 2e-5},
    {"fmin", f_fmin, 2, ANY, 0, 0},           {"fmax", f_fmax, 2, ANY, 0, 0},
    {"copysign", f_copysign, 2, ANY, 0, 0},   {"fdim", f_fdim, 2, ANY, 1e-6, 1e-6},
    {"fma", f_fma, 3, ANY, 1e-5, 1e-5},       {"mix", f_mix, 3, ANY, 1e-5, 1e-5},
    {"clamp", f_clamp, 3, ORD, 0, 0},         {"fmin3", f_min3, 3, ANY, 0, 0},
    {"fmax3", f_max3, 3, ANY, 0, 0},          {"fmedian3", f_median3, 3, ANY, 0, 0},
    {"nextafter", f_nextafter, 2, ANY, 0, 0},
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

/* Types of floats. Values drawn for bfloats have no more bits than these. */
enum { F32, F16, BF16 };

static void put(void *map, unsigned i, unsigned type, double v)
{
    float f = (float)v;
    uint32_t u;

    memcpy(&u, &f, 4);
    if (type == F32)
        ((float *)map)[i] = f;
    else
        ((uint16_t *)map)[i] = type == F16 ? half_from_double(v) : (uint16_t)(u >> 16);
}

static double get(const void *map, unsigned i, unsigned type)
{
    uint32_t u = (uint32_t)((const uint16_t *)map)[i] << 16;
    float f;

    memcpy(&f, &u, 4);
    return type == F32   ? (double)((const float *)map)[i]
           : type == F16 ? (double)half_to_float(((const uint16_t *)map)[i])
                         : (double)f;
}

/* "<3 x i8>" and "v3i8", or those of the scalar. Returns how many elements a vector takes. */
static unsigned vector_of(const char *llvm, const char *air, unsigned lanes, char type[32], char suffix[32])
{
    snprintf(type, 32, "%s", llvm);
    snprintf(suffix, 32, "%s", air);
    if (lanes > 1) {
        snprintf(type, 32, "<%u x %s>", lanes, llvm);
        snprintf(suffix, 32, "v%u%s", lanes, air);
    }
    return lanes == 3 ? 4 : lanes;
}

static void float_test(unsigned k, unsigned type, unsigned lanes, bool fast, struct vk_buf b[4])
{
    static const char *const names[][2] = {{"float", "f32"}, {"half", "f16"}, {"bfloat", "bf16"}};
    static const double more[] = {0, 4e-3, 2e-2}; /* tolerance of narrower types, relative and absolute */
    char text[4096], op[64], t[32], suffix[32], label[96];
    unsigned stride = vector_of(names[type][0], names[type][1], lanes, t, suffix), at = 0;
    bool ok = true;
    double got = 0, want = 0;

    if (type != F32 && (!strcmp(floats[k].name, "nextafter") || !strcmp(floats[k].name, "tanpi")))
        return; /* no use: the reference is single precision */
    snprintf(op, sizeof(op), "%s%s.%s", fast ? "fast_" : "", floats[k].name, suffix);
    snprintf(label, sizeof(label), "air.%s", op);
    kernel_text(text, sizeof(text), op, t, t, floats[k].n, "");
    rng_state = k + 1;
    for (unsigned i = 0; i < N * stride; i++) {
        for (int j = 0; j < 3; j++)
            put(b[j].map, i, type, draw(floats[k].range, j));
    }
    if (!run(text, label, b, 32))
        return;
    for (unsigned i = 0; i < N * stride && ok; i++) {
        double x = get(b[0].map, i, type), y = get(b[1].map, i, type), z = get(b[2].map, i, type);

        if (i % stride >= lanes)
            continue;
        want = floats[k].fn(x, y, z);
        got = get(b[3].map, i, type);
        double tol = floats[k].abs + floats[k].rel * fabs(want) + (more[type] + (fast ? 1e-4 : 0)) * (fabs(want) + 1);

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

static uint64_t i_same(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return a;
}

static uint64_t i_clamp_u(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return i_umin(i_umax(a, b, 0, w), c, 0, w);
}

static uint64_t i_umin3(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return i_umin(i_umin(a, b, 0, w), c, 0, w);
}

static uint64_t i_smax3(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return i_smax(i_smax(a, b, 0, w), c, 0, w);
}

static uint64_t i_mul24(uint64_t a, uint64_t b, uint64_t c, unsigned w)
{
    return a * b;
}

static const struct {
    const char *name, *sign;
    ifn fn;
    int n;
    unsigned widths; /* bit mask of 8, 16, 32, 64 as values */
    const char *extra;
} ints[] = {
    {"popcount", "", i_popcount, 1, 120, ""},
    {"clz", "", i_clz, 1, 120, ", i1 false"},
    {"ctz", "", i_ctz, 1, 120, ", i1 false"},
    {"reverse_bits", "", i_reverse, 1, 120, ""},
    {"abs", ".s", i_abs, 1, 120, ""},
    {"min", ".s", i_smin, 2, 120, ""},
    {"max", ".s", i_smax, 2, 120, ""},
    {"min", ".u", i_umin, 2, 120, ""},
    {"max", ".u", i_umax, 2, 120, ""},
    {"rotate", "", i_rotate, 2, 120, ""},
    {"mul_hi", ".u", i_mulhi_u, 2, 120, ""},
    {"mul_hi", ".s", i_mulhi_s, 2, 120, ""},
    {"add_sat", ".u", i_addsat_u, 2, 120, ""},
    {"add_sat", ".s", i_addsat_s, 2, 120, ""},
    {"sub_sat", ".u", i_subsat_u, 2, 120, ""},
    {"sub_sat", ".s", i_subsat_s, 2, 120, ""},
    {"hadd", ".u", i_hadd_u, 2, 120, ""},
    {"rhadd", ".s", i_rhadd_s, 2, 120, ""},
    {"abs_diff", ".s", i_absdiff_s, 2, 120, ""},
    {"clamp", ".s", i_clamp_s, 3, 120, ""},
    {"median3", ".u", i_median_u, 3, 120, ""},
    {"mad24", ".u", i_mad, 3, 32, ""},
    {"bswap", "", i_bswap, 1, 112, ""},
    {"mad_sat", ".s", i_madsat_s, 3, 120, ""},
    {"mad_sat", ".u", i_madsat_u, 3, 120, ""},
    {"mad_hi", ".u", i_madhi_u, 3, 120, ""},
    {"mad_hi", ".s", i_madhi_s, 3, 120, ""},
    {"hadd", ".s", i_hadd_s, 2, 120, ""},
    {"rhadd", ".u", i_rhadd_u, 2, 120, ""},
    {"abs_diff", ".u", i_absdiff_u, 2, 120, ""},
    {"min3", ".s", i_smin3, 3, 120, ""},
    {"max3", ".u", i_umax3, 3, 120, ""},
    {"median3", ".s", i_median_s, 3, 120, ""},
    {"abs", ".u", i_same, 1, 120, ""},
    {"clamp", ".u", i_clamp_u, 3, 120, ""},
    {"min3", ".u", i_umin3, 3, 120, ""},
    {"max3", ".s", i_smax3, 3, 120, ""},
    {"mul24", ".u", i_mul24, 2, 32, ""},
    {"mul24", ".s", i_mul24, 2, 32, ""},
    {"mad24", ".s", i_mad, 3, 32, ""},
    {"mad", "", i_mad, 3, 120, ""},
};

/* Every pair of 0, 1s, the largest and the smallest signed number; then small numbers, and those of every size. */
static uint64_t int_draw(unsigned k, unsigned i, int j, uint64_t mask)
{
    const uint64_t edge[] = {0, mask, mask >> 1, (mask >> 1) + 1};
    uint64_t v = (uint64_t)(rnd() * 65535) ^ (uint64_t)(rnd() * 65535) << 16 ^ (uint64_t)(rnd() * 65535) << 32 ^
                 (uint64_t)(rnd() * 65535) << 48;
    bool sg = ints[k].sign[0] && ints[k].sign[1] == 's';

    v = i < 16 ? edge[(j == 1 ? i / 4 : i + (unsigned)j) % 4] : i < 32 ? v & 0xff : v;
    if (!strcmp(ints[k].name, "clamp") && j) /* the lower limit is the lower */
        v = j == 1 ? (sg ? mask >> 1 : 0) + 3 + i % 16 : mask >> 2;
    if (!strcmp(ints[k].name, "mad_sat") && j == 1)
        v = v % 7 - (sg ? 3 : 0); /* products on both sides of the limits */
    if (strstr(ints[k].name, "24") && j < 2)
        v = sg ? (uint64_t)sx(v, 24) : v & 0xffffff;
    return v & mask;
}

static void int_test(unsigned k, unsigned w, unsigned lanes, struct vk_buf b[4])
{
    char text[4096], op[64], scalar[16], t[32], suffix[32], label[96];
    uint64_t mask = w == 64 ? UINT64_MAX : (UINT64_C(1) << w) - 1, got = 0, want = 0;
    unsigned at = 0, bytes = w / 8, stride;
    bool ok = true;

    if (!(ints[k].widths & w))
        return;
    snprintf(scalar, sizeof(scalar), "i%u", w);
    stride = vector_of(scalar, scalar, lanes, t, suffix);
    snprintf(op, sizeof(op), "%s%s.%s", ints[k].name, ints[k].sign, suffix);
    snprintf(label, sizeof(label), "air.%s", op);
    kernel_text(text, sizeof(text), op, t, t, ints[k].n, ints[k].extra);
    rng_state = k + 77;
    for (unsigned i = 0; i < N * stride; i++) {
        for (int j = 0; j < 3; j++) {
            uint64_t v = int_draw(k, i, j, mask);

            memcpy((uint8_t *)b[j].map + i * bytes, &v, bytes);
        }
    }
    if (!run(text, label, b, 32))
        return;
    for (unsigned i = 0; i < N * stride && ok; i++) {
        uint64_t a[3] = {0};

        if (i % stride >= lanes)
            continue;
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
        for (unsigned lanes = 1; lanes <= 4; lanes++) {
            float_test(k, lanes % 2 ? F32 : F16, lanes, false, b);
            float_test(k, lanes % 2 ? BF16 : F32, lanes, lanes % 2 == 0, b);
        }
    }
    for (unsigned k = 0; k < sizeof(ints) / sizeof(ints[0]); k++) {
        for (unsigned w = 8; w <= 64; w *= 2) {
            if (!only || !strcmp(only, ints[k].name)) {
                int_test(k, w, 1, b);
                int_test(k, w, 2 + (k + w / 8) % 3, b);
            }
        }
    }
    for (unsigned i = 0; i < 4; i++)
        vk_buf_free(&vk, &b[i]);
    printf("device %s: %u right, %u wrong, %u refused\n", vk.name, right, wrong, refused);
    vk_close(&vk);
    return wrong || refused ? 1 : 0;
}
