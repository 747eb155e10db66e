/* SPDX-License-Identifier: MIT */
/*
 * The test functions: intrinsics of which tables of one operand type and one result (intrinsics.c) cannot tell all, by
 * value on every type, 1 to 4 components. Here are the types and the floats: results behind pointers, exponents, dot
 * products, edges (air 3.3).
 */
#include "functions.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>

const struct scalar scalars[SCALARS] = {
    {"i8", "i8", 8, 's'},      {"i8", "i8", 8, 'u'},     {"i16", "i16", 16, 's'},     {"i16", "i16", 16, 'u'},
    {"i32", "i32", 32, 's'},   {"i32", "i32", 32, 'u'},  {"i64", "i64", 64, 's'},     {"i64", "i64", 64, 'u'},
    {"float", "f32", 32, 'f'}, {"half", "f16", 16, 'f'}, {"bfloat", "bf16", 16, 'f'},
};

double decode(const struct scalar *t, uint64_t bits)
{
    uint32_t u = (uint32_t)bits;
    float f;

    if (t->kind != 'f')
        return t->kind == 's' ? (double)sx(bits, t->bits) : (double)bits;
    if (t->llvm[0] == 'h')
        return (double)half_to_float((uint16_t)bits);
    u <<= t->bits == 16 ? 16 : 0;
    memcpy(&f, &u, 4);
    return (double)f;
}

uint64_t encode(const struct scalar *t, double v)
{
    float f = (float)v;
    uint32_t u;

    if (t->llvm[0] == 'h')
        return half_from_double(v);
    memcpy(&u, &f, 4);
    if (t->bits == 32 || isnan(v))
        return t->bits == 32 ? u : u >> 16 | 0x40;
    return (u + 0x7fff + (u >> 16 & 1)) >> 16;
}

void vector_names(const struct scalar *t, unsigned n, char llvm[24], char air[24])
{
    snprintf(llvm, 24, "%s", t->llvm);
    snprintf(air, 24, "%s", t->air);
    if (n > 1) {
        snprintf(llvm, 24, "<%u x %s>", n, t->llvm);
        snprintf(air, 24, "v%u%s", n, t->air);
    }
}

void load_text(char *s, size_t max, const char *name, const char *type, char buf)
{
    snprintf(s, max,
             "  %%p%1$s = getelementptr %2$s, ptr addrspace(1) %%%3$c, i32 %%id\n"
             "  %%%1$s = load %2$s, ptr addrspace(1) %%p%1$s\n",
             name, type, buf);
}

void store_text(char *s, size_t max, const char *name, const char *type)
{
    snprintf(s, max,
             "  %%po = getelementptr %2$s, ptr addrspace(1) %%o, i32 %%id\n"
             "  store %2$s %%%1$s, ptr addrspace(1) %%po\n",
             name, type);
}

/* ---- two results, exponents, dot products: each type, each number of components ---- */

static const struct scalar *type;
static unsigned n;

static double operand_at(unsigned buf, unsigned i, unsigned k)
{
    return decode(type, get(buf, component(i, n, k), type->bits));
}

/* Half a unit in the last place of the type. */
static double step(void)
{
    return type->bits == 32 ? 0x1p-24 : type->llvm[0] == 'h' ? 0x1p-11 : 0x1p-8;
}

static double least_normal(void)
{
    return type->llvm[0] == 'h' ? 0x1p-14 : 0x1p-126;
}

static double flushed(double x)
{
    return fabs(x) < least_normal() ? copysign(0, x) : x;
}

/* A device may take subnormals as zeros (Metal: of f32; Vulkan: of any type). */
static bool near(double got, double want, double tolerance)
{
    if (isnan(want) || isinf(want) || isnan(got))
        return isnan(want) ? isnan(got) : got == want;
    return fabs(got - want) <= tolerance || got == flushed(want);
}

/* Operands for all that is special about exponents and edges. */
static double edge(unsigned i)
{
    static const double common[] = {0,    -0.0, 1,     -1, 0.5,      -0.5,      1.5, 2.5,
                                    -2.5, 0.3,  -7.75, 3,  INFINITY, -INFINITY, NAN, 100};
    double most = type->llvm[0] == 'h' ? 65504 : type->bits == 32 ? 0x1.fffffep127 : 0x1.fep127, least = least_normal();
    const double own[] = {most,
                          -most,
                          least,
                          -least,
                          least / 2,
                          -least / 8,
                          least * step() * 2,
                          1 + step() * 2,
                          1 - step(),
                          0.5 - step() / 2,
                          0.25 / step(),
                          -0.5 / step() + 0.5,
                          least * 1.5,
                          most / 3,
                          -0.125,
                          12};

    return i % 32 < 16 ? common[i % 16] : own[i % 16];
}

struct of_two {
    const char *name, *second; /* type of the second operand: pointer to what it gets, or itself; T: the operand's */
    double (*want)(double x, double y);
    double (*other)(double x);
    double tolerance; /* of f32, absolute; narrower types have their step more */
    bool edges;
};

static double modf_fraction(double x, double y)
{
    return isinf(x) ? copysign(0, x) : modf(x, &y);
}

static double modf_whole(double x)
{
    return trunc(x);
}

static double frexp_fraction(double x, double y)
{
    int e;

    return frexp(x, &e);
}

static double frexp_exponent(double x)
{
    int e = 0;

    if (isfinite(x))
        (void)frexp(x, &e);
    return e;
}

static double sin_of(double x, double y)
{
    return sin(x);
}

static double ldexp_of(double x, double y)
{
    return ldexp(x, (int)fmin(fmax(y, -1e6), 1e6));
}

static double ilogb_of(double x, double y)
{
    return x == 0 || isnan(x) ? INT32_MIN : isinf(x) ? INT32_MAX : ilogb(x);
}

static const struct of_two twos[] = {
    {"sincos", "ptr", sin_of, cos, 1e-5, false},         {"fast_sincos", "ptr", sin_of, cos, 1e-4, false},
    {"modf", "ptr", modf_fraction, modf_whole, 0, true}, {"frexp", "ptr", frexp_fraction, frexp_exponent, 0, true},
    {"ldexp", "i32", ldexp_of, NULL, 0, true},           {"ilogb", "", ilogb_of, NULL, 0, true},
};

static void two(const struct of_two *f)
{
    static const int32_t exponents[] = {0,   1,    -1,  10,   -10, 24,   -24,       127,      -126,
                                        128, -149, 150, -150, 260, -260, INT32_MAX, INT32_MIN};
    char t[24], suffix[24], it[24], label[64], body[1600], extra[400], x[200], y[200], so[400], st[200];
    bool pointer = f->second[0] == 'p', to_int = f->name[0] == 'i', int_part = f->want == frexp_fraction;
    const char *r, *o;

    if (f->name[0] == 'f' && f->name[1] == 'a' && type->bits != 32)
        return;
    vector_names(type, n, t, suffix);
    snprintf(it, sizeof(it), n > 1 ? "<%u x i32>" : "i32", n);
    r = to_int ? it : t;
    o = int_part ? it : t;
    snprintf(label, sizeof(label), "%s%s.%s", f->name, to_int ? ".i32" : "", suffix);
    load_text(x, sizeof(x), "x", t, 'a');
    load_text(y, sizeof(y), "y", it, 'b');
    store_text(st, sizeof(st), "r", r);
    snprintf(so, sizeof(so),
             "  %%s = load %1$s, ptr %%q\n  %%pc = getelementptr %1$s, ptr addrspace(1) %%c, i32 %%id\n"
             "  store %1$s %%s, ptr addrspace(1) %%pc\n",
             o);
    snprintf(extra, sizeof(extra), "declare %s @air.%s(%s%s%s)", r, label, t, *f->second ? ", " : "",
             pointer      ? "ptr"
             : *f->second ? it
                          : "");
    if (pointer)
        snprintf(body, sizeof(body), "  %%q = alloca %s\n%s  %%r = call %s @air.%s(%s %%x, ptr %%q)\n%s%s", o, x, r,
                 label, t, st, so);
    else
        snprintf(body, sizeof(body), "%s%s  %%r = call %s @air.%s(%s %%x%s%s%s)\n%s", x, y, r, label, t,
                 *f->second ? ", " : "", *f->second ? it : "", *f->second ? " %y" : "", st);
    rng_state = 91;
    for (unsigned i = 0; i < N * 4; i++) {
        put(0, i, type->bits, encode(type, f->edges ? edge(i * 5 + i / 32) : (double)(rnd() % 8001) / 1000 - 4));
        put(1, i, 32, (uint32_t)exponents[i % 17]);
    }
    clear_out();
    memset(b[2].map, 0xee, BYTES);
    if (!run(label, body, extra, N, 32))
        return;
    for (unsigned i = 0; i < N; i++) {
        for (unsigned k = 0; k < n; k++) {
            const struct scalar *whole = &scalars[4];
            unsigned at = component(i, n, k);
            double v = operand_at(0, i, k), e = decode(whole, get(1, at, 32)), want = f->want(v, e),
                   got = decode(to_int ? whole : type, get(3, at, to_int ? 32 : type->bits)),
                   tolerance = f->tolerance + (f->edges ? 0 : 16 * step()); /* Vulkan: 2^-7 for halves */
            bool flush = v != 0 && v == v && flushed(v) == 0;

            if (!to_int)
                want = decode(type, encode(type, want));
            if (!near(got, want, tolerance) && !(flush && near(got, f->want(0, e), 0))) {
                verdict(label, false, i, get(3, at, 32), (uint64_t)(int64_t)(want * 1000));
                return;
            }
            if (!f->other)
                continue;
            want = f->other(v);
            got = decode(int_part ? whole : type, get(2, at, int_part ? 32 : type->bits));
            if (!near(got, want, tolerance) && !(flush && got == f->other(0))) {
                verdict(label, false, i, get(2, at, 32), (uint64_t)(int64_t)(want * 1000));
                return;
            }
        }
    }
    verdict(label, true, 0, 0, 0);
}

static void dot_test(void)
{
    char t[24], suffix[24], label[64], body[800], extra[400], x[200], y[200], st[200];

    vector_names(type, n, t, suffix);
    snprintf(label, sizeof(label), "dot.%s", suffix);
    load_text(x, sizeof(x), "x", t, 'a');
    load_text(y, sizeof(y), "y", t, 'b');
    store_text(st, sizeof(st), "r", type->llvm);
    snprintf(extra, sizeof(extra), "declare %s @air.%s(%s, %s)", type->llvm, label, t, t);
    snprintf(body, sizeof(body), "%s%s  %%r = call %s @air.%s(%s %%x, %s %%y)\n%s", x, y, type->llvm, label, t, t, st);
    rng_state = 97;
    for (unsigned i = 0; i < N * 4; i++) {
        for (unsigned j = 0; j < 2; j++)
            put(j, i, type->bits, encode(type, (double)(rnd() % 2001) / 250 - 4));
    }
    clear_out();
    if (!run(label, body, extra, N, 32))
        return;
    for (unsigned i = 0; i < N; i++) {
        double want = 0, size = 0, got = decode(type, get(3, i, type->bits));

        for (unsigned k = 0; k < n; k++) {
            want += operand_at(0, i, k) * operand_at(1, i, k);
            size += fabs(operand_at(0, i, k) * operand_at(1, i, k));
        }
        if (fabs(got - want) > size * 2 * n * step()) { /* each product and each sum may be rounded */
            verdict(label, false, i, get(3, i, type->bits), encode(type, want));
            return;
        }
    }
    verdict(label, true, 0, 0, 0);
}

/* Operands that do not go together are refused by name before there is invalid code. */
static void mismatch_test(void)
{
    run_refused("ldexp of a vector by a scalar",
                "  %x = load <2 x float>, ptr addrspace(1) %a\n"
                "  %r = call <2 x float> @air.ldexp.v2f32(<2 x float> %x, i32 %id)\n"
                "  store <2 x float> %r, ptr addrspace(1) %o\n",
                "declare <2 x float> @air.ldexp.v2f32(<2 x float>, i32)", "intrinsic: k: air.ldexp");
    run_refused("dot of a vector and a scalar",
                "  %x = load <2 x float>, ptr addrspace(1) %a\n  %y = load float, ptr addrspace(1) %b\n"
                "  %r = call float @air.dot.v2f32(<2 x float> %x, float %y)\n  store float %r, ptr addrspace(1) %o\n",
                "declare float @air.dot.v2f32(<2 x float>, float)", "intrinsic: k: air.dot");
}

/* ---- edges: functions whose result is exact ---- */

static double e_fabs(double x, double y, double z)
{
    return fabs(x);
}

static double e_floor(double x, double y, double z)
{
    return floor(x);
}

static double e_ceil(double x, double y, double z)
{
    return ceil(x);
}

static double e_trunc(double x, double y, double z)
{
    return trunc(x);
}

static double e_rint(double x, double y, double z)
{
    return nearbyint(x);
}

static double e_round(double x, double y, double z)
{
    return round(x);
}

/* Never 1, however near below a whole number x is. */
static double e_fract(double x, double y, double z)
{
    return isinf(x) ? NAN : fmin(x - floor(x), 1 - step());
}

static double e_saturate(double x, double y, double z)
{
    return x > 1 ? 1 : x > 0 ? x : 0;
}

static double e_sign(double x, double y, double z)
{
    return isnan(x) ? 0 : x > 0 ? 1 : x < 0 ? -1 : x;
}

static double e_fmin(double x, double y, double z)
{
    return fmin(x, y);
}

static double e_fmax(double x, double y, double z)
{
    return fmax(x, y);
}

static double e_fmin3(double x, double y, double z)
{
    return fmin(fmin(x, y), z);
}

static double e_fmax3(double x, double y, double z)
{
    return fmax(fmax(x, y), z);
}

static double e_median3(double x, double y, double z)
{
    return fmax(fmin(x, y), fmin(fmax(x, y), z));
}

static double e_clamp(double x, double y, double z)
{
    return fmin(fmax(x, y), z);
}

static double e_copysign(double x, double y, double z)
{
    return copysign(x, y);
}

static double e_fdim(double x, double y, double z)
{
    return fdim(x, y);
}

static double e_nextafter(double x, double y, double z)
{
    uint64_t v = encode(type, x);

    if (isnan(x) || isnan(y))
        return NAN;
    if (x == y)
        return y;
    if (x == 0)
        return decode(type, 1 | (y < 0 ? UINT64_C(1) << (type->bits - 1) : 0));
    return decode(type, (y > x) == (x > 0) ? v + 1 : v - 1);
}

static const struct {
    const char *name;
    double (*fn)(double, double, double);
    unsigned operands;
    bool bits; /* subnormals, and signs of zeros */
} edges[] = {
    {"fabs", e_fabs, 1, true},         {"floor", e_floor, 1, false},       {"ceil", e_ceil, 1, false},
    {"trunc", e_trunc, 1, false},      {"rint", e_rint, 1, false},         {"round", e_round, 1, false},
    {"fract", e_fract, 1, false},      {"saturate", e_saturate, 1, false}, {"sign", e_sign, 1, false},
    {"fmin", e_fmin, 2, false},        {"fmax", e_fmax, 2, false},         {"fmin3", e_fmin3, 3, false},
    {"fmax3", e_fmax3, 3, false},      {"fmedian3", e_median3, 3, false},  {"min3", e_fmin3, 3, false},
    {"max3", e_fmax3, 3, false},       {"median3", e_median3, 3, false},   {"clamp", e_clamp, 3, false},
    {"copysign", e_copysign, 2, true}, {"fdim", e_fdim, 2, false},         {"nextafter", e_nextafter, 2, true},
};

#define PAIRS 1024 /* every two of the 32 edges */

/* Of NaN and its bounds in this order, Metal says nothing. */
static bool undefined(unsigned k, double x, double y, double z)
{
    if (edges[k].fn == e_clamp)
        return !(y <= z);
    return edges[k].fn == e_median3 ? isnan(x) || isnan(y) || isnan(z) : edges[k].fn == e_fract && isinf(x);
}

static bool edge_right(unsigned k, double x, double y, double z, double got)
{
    double want = edges[k].fn(x, y, z);

    if (isnan(want))
        return isnan(got);
    if (edges[k].bits)
        return signbit(got) == signbit(want) && (got == want || (edges[k].fn == e_fabs && got == flushed(want)));
    if (edges[k].fn == e_sign && flushed(x) == 0 && flushed(got) == 0) /* what is taken as zero comes back */
        return signbit(got) == signbit(x);
    return near(got, decode(type, encode(type, want)), 0) ||
           near(got, decode(type, encode(type, edges[k].fn(flushed(x), flushed(y), flushed(z)))), 0);
}

static void edge_test(unsigned k)
{
    char label[64], body[1200], extra[400], load[3][200], st[200];
    const char *t = type->llvm;
    unsigned m = edges[k].operands;

    snprintf(label, sizeof(label), "%s.%s", edges[k].name, type->air);
    for (unsigned j = 0; j < 3; j++)
        load_text(load[j], sizeof(load[j]), j == 0 ? "x" : j == 1 ? "y" : "z", t, "abc"[j]);
    store_text(st, sizeof(st), "r", t);
    snprintf(extra, sizeof(extra), "declare %1$s @air.%2$s(%1$s%3$s%4$s%5$s%6$s)", t, label, m > 1 ? ", " : "",
             m > 1 ? t : "", m > 2 ? ", " : "", m > 2 ? t : "");
    snprintf(body, sizeof(body), "%s%s%s  %%r = call %s @air.%s(%s %%x%s%s%s%s%s%s)\n%s", load[0], load[1], load[2], t,
             label, t, m > 1 ? ", " : "", m > 1 ? t : "", m > 1 ? " %y" : "", m > 2 ? ", " : "", m > 2 ? t : "",
             m > 2 ? " %z" : "", st);
    for (unsigned i = 0; i < PAIRS; i++) {
        put(0, i, type->bits, encode(type, edge(i)));
        put(1, i, type->bits, encode(type, edge(i / 32)));
        put(2, i, type->bits, encode(type, edge(i * 7 + i / 32)));
    }
    clear_out();
    n = 1;
    if (!run(label, body, extra, PAIRS, 64))
        return;
    for (unsigned i = 0; i < PAIRS; i++) {
        double x = operand_at(0, i, 0), y = operand_at(1, i, 0), z = operand_at(2, i, 0), got = operand_at(3, i, 0);

        if (!undefined(k, x, y, z) && !edge_right(k, x, y, z, got)) {
            verdict(label, false, i, get(3, i, type->bits), encode(type, edges[k].fn(x, y, z)));
            return;
        }
    }
    verdict(label, true, 0, 0, 0);
}

static void functions_float(void)
{
    mismatch_test();
    for (unsigned t = 0; t < 3; t++) {
        type = FLOATS + t;
        for (n = 1; n <= 4; n++) {
            for (unsigned k = 0; k < sizeof(twos) / sizeof(twos[0]); k++)
                two(&twos[k]);
            dot_test();
        }
        for (unsigned k = 0; k < sizeof(edges) / sizeof(edges[0]); k++)
            edge_test(k);
    }
}

void (*const parts[])(void) = {functions_float,  functions_int,  functions_groups,
                               functions_matrix, functions_rest, NULL};
const unsigned one_in = 9; /* what is run there in full is the matter of the test widths */
