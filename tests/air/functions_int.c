/* SPDX-License-Identifier: MIT */
/*
 * Integers of the test functions: bit fields, questions to vectors of booleans, conversions between all pairs of types
 * (air 3.4, 3.5), 1 to 4 components.
 */
#include "functions.h"

#include <math.h>
#include <stdio.h>

static const struct scalar *type;
static unsigned n;

/* ---- bit fields: the field may be empty, and then begin behind the last bit ---- */

static uint64_t field(unsigned i, unsigned k, bool insert)
{
    unsigned w = type->bits, at = component(i, n, k), off = (unsigned)get(2, i, 32) & 0xff,
             count = (unsigned)get(2, i, 32) >> 8;
    uint64_t x = get(0, at, w), low = count ? ones(count) : 0;

    if (!count)
        return insert ? x : 0;
    if (insert)
        return ((x & ~(low << off)) | (get(1, at, w) & low) << off) & ones(w);
    x = x >> off & low;
    return type->kind == 's' ? (uint64_t)sx(x, count) & ones(w) : x;
}

static void field_test(bool insert)
{
    char t[24], suffix[24], label[64], body[1200], extra[400], x[200], y[200], p[200], st[200];

    vector_names(type, n, t, suffix);
    snprintf(label, sizeof(label), "%s_bits.%c.%s", insert ? "insert" : "extract", type->kind, suffix);
    load_text(x, sizeof(x), "x", t, 'a');
    load_text(y, sizeof(y), "y", t, 'b');
    load_text(p, sizeof(p), "where", "i32", 'c');
    store_text(st, sizeof(st), "r", t);
    snprintf(extra, sizeof(extra), "declare %s @air.%s(%s%s%s, i32, i32)", t, label, t, insert ? ", " : "",
             insert ? t : "");
    snprintf(body, sizeof(body),
             "%s%s%s  %%off = and i32 %%where, 255\n  %%count = lshr i32 %%where, 8\n"
             "  %%r = call %s @air.%s(%s %%x%s%s%s, i32 %%off, i32 %%count)\n%s",
             x, y, p, t, label, t, insert ? ", " : "", insert ? t : "", insert ? " %y" : "", st);
    rng_state = 101;
    for (unsigned i = 0; i < N * 4; i++) {
        put(0, i, type->bits, sample(i % 20, type->bits));
        put(1, i, type->bits, sample(i / 3 % 20, type->bits));
    }
    for (unsigned i = 0; i < N; i++) {
        unsigned off = i == 0  ? type->bits
                       : i < 4 ? 0
                               : (unsigned)(rnd() % type->bits),
                 count = i == 1 ? type->bits : (unsigned)(rnd() % (type->bits - off + 1));

        put(2, i, 32, off | (i == 2 ? 0 : count) << 8);
    }
    clear_out();
    if (!run(label, body, extra, N, 32))
        return;
    for (unsigned i = 0; i < N; i++) {
        for (unsigned k = 0; k < n; k++) {
            uint64_t got = get(3, component(i, n, k), type->bits);

            if (got != field(i, k, insert)) {
                verdict(label, false, i, got, field(i, k, insert));
                return;
            }
        }
    }
    verdict(label, true, 0, 0, 0);
}

/* ---- all, any ---- */

static void truth_test(bool all)
{
    char t[24], suffix[24], label[64], body[1200], extra[400], x[200], st[200];
    const struct scalar word = {"i32", "i1", 32, 'u'}, bit = {"i1", "i1", 1, 'u'};
    char bits[24];

    vector_names(&word, n, t, suffix);
    vector_names(&bit, n, bits, suffix);
    snprintf(label, sizeof(label), "%s.%s", all ? "all" : "any", suffix);
    load_text(x, sizeof(x), "x", t, 'a');
    store_text(st, sizeof(st), "r", "i32");
    snprintf(extra, sizeof(extra), "declare i1 @air.%s(%s)", label, bits);
    snprintf(body, sizeof(body),
             "%s  %%bit = trunc %s %%x to %s\n  %%q = call i1 @air.%s(%s %%bit)\n  %%r = zext i1 %%q to i32\n%s", x, t,
             bits, label, bits, st);
    for (unsigned i = 0; i < N; i++) {
        for (unsigned k = 0; k < n; k++)
            put(0, component(i, n, k), 32, i >> k & 1);
    }
    clear_out();
    if (!run(label, body, extra, N, 32))
        return;
    for (unsigned i = 0; i < N; i++) {
        unsigned set = i & ((1u << n) - 1);

        if (get(3, i, 32) != (all ? set == (1u << n) - 1 : set != 0)) {
            verdict(label, false, i, get(3, i, 32), !get(3, i, 32));
            return;
        }
    }
    verdict(label, true, 0, 0, 0);
}

/* ---- conversions ---- */

/* What C's conversion makes of it: towards zero, as near as the type reaches, 0 of NaN; modulo between integers. */
static uint64_t converted(const struct scalar *d, const struct scalar *s, uint64_t bits)
{
    double x = decode(s, bits), lo, hi;

    if (d->kind == 'f')
        return encode(d, x);
    if (s->kind != 'f')
        return (s->kind == 's' ? (uint64_t)sx(bits, s->bits) : bits) & ones(d->bits);
    if (isnan(x))
        return 0;
    lo = d->kind == 's' ? -ldexp(1, (int)d->bits - 1) : 0;
    hi = ldexp(1, (int)d->bits - (d->kind == 's'));
    if (x < lo || x >= hi)
        return d->kind == 's' ? (ones(d->bits) >> 1) + (x < lo) : x < lo ? 0 : ones(d->bits);
    return (d->kind == 's' ? (uint64_t)(int64_t)x : (uint64_t)x) & ones(d->bits);
}

static void convert_test(const struct scalar *d, const struct scalar *s)
{
    static const double values[] = {0,      1,       -1,     2.5,      -2.5,      100.75, -100.75, 127,
                                    128,    255,     256,    -129,     304,       1000,   -1000,   32640,
                                    40192,  -0.5,    65280,  INFINITY, -INFINITY, NAN,    1e9,     -1e9,
                                    0x1p31, -0x1p31, 0x1p63, -0x1p63,  0x1p32,    0x1p64, 1e30,    -1e30};
    char dt[24], st[24], ds[24], ss[24], label[96], body[1200], extra[400], x[200], out[200];

    vector_names(d, n, dt, ds);
    vector_names(s, n, st, ss);
    snprintf(label, sizeof(label), "convert.%c.%s.%c.%s", d->kind, ds, s->kind, ss);
    load_text(x, sizeof(x), "x", st, 'a');
    store_text(out, sizeof(out), "r", dt);
    snprintf(extra, sizeof(extra), "declare %s @air.%s(%s)", dt, label, st);
    snprintf(body, sizeof(body), "%s  %%r = call %s @air.%s(%s %%x)\n%s", x, dt, label, st, out);
    for (unsigned i = 0; i < N * 4; i++) {
        double v = values[i % 32];

        /* of integers those that every float can hold */
        put(0, i, s->bits, s->kind == 'f' ? encode(s, v) : (uint64_t)(int64_t)values[i % 19]);
    }
    clear_out();
    if (!run(label, body, extra, N, 32))
        return;
    for (unsigned i = 0; i < N; i++) {
        for (unsigned k = 0; k < n; k++) {
            uint64_t from = get(0, component(i, n, k), s->bits), got = get(3, component(i, n, k), d->bits),
                     want = converted(d, s, from);

            if (got != want && !(d->kind == 'f' && isnan(decode(d, want)) && isnan(decode(d, got)))) {
                verdict(label, false, i, got, want);
                return;
            }
        }
    }
    verdict(label, true, 0, 0, 0);
}

/* To and from booleans, which memory has not. */
static void convert_bool(const struct scalar *t)
{
    char label[64], back[64], body[900], extra[240], x[200], st[200];

    snprintf(label, sizeof(label), "convert.u.i1.%c.%s", t->kind, t->air);
    snprintf(back, sizeof(back), "convert.%c.%s.u.i1", t->kind, t->air);
    load_text(x, sizeof(x), "x", t->llvm, 'a');
    store_text(st, sizeof(st), "r", t->llvm);
    snprintf(extra, sizeof(extra), "declare i1 @air.%s(%s)\ndeclare %s @air.%s(i1)", label, t->llvm, t->llvm, back);
    snprintf(body, sizeof(body), "%s  %%q = call i1 @air.%s(%s %%x)\n  %%r = call %s @air.%s(i1 %%q)\n%s", x, label,
             t->llvm, t->llvm, back, st);
    for (unsigned i = 0; i < N; i++)
        put(0, i, t->bits,
            t->kind == 'f' ? encode(t, i % 5 == 4 ? NAN : (double)(i % 5) / 2 - 0.5) : sample(i % 12, t->bits));
    clear_out();
    if (!run(label, body, extra, N, 32))
        return;
    for (unsigned i = 0; i < N; i++) {
        double v = decode(t, get(0, i, t->bits));
        uint64_t want = t->kind == 'f' ? encode(t, v != 0) : v != 0;

        if (get(3, i, t->bits) != want) {
            verdict(label, false, i, get(3, i, t->bits), want);
            return;
        }
    }
    verdict(label, true, 0, 0, 0);
}

void functions_int(void)
{
    for (n = 1; n <= 4; n++) {
        for (unsigned t = 0; t < 8; t++) {
            type = &scalars[t];
            if ((t / 2 + n) % 2) /* each width with two numbers of components */
                continue;
            field_test(false);
            field_test(true);
        }
        truth_test(true);
        truth_test(false);
    }
    for (unsigned d = 0; d < SCALARS; d++) {
        for (unsigned s = 0; s < SCALARS; s++) {
            n = 1 + (d + s) % 4;
            convert_test(&scalars[d], &scalars[s]);
        }
        convert_bool(&scalars[d]);
    }
}
