/* SPDX-License-Identifier: MIT */
/*
 * simdgroup_matrix of the test functions (air 3.10): loads and stores from each memory, with strides, origins,
 * transposed or not, known to the compiler or not; filled, diagonal; products of each type, and with the types mixed.
 * As a matrix spread over 32 threads, and as one that each thread holds whole.
 */
#include "functions.h"

#include <stdio.h>

#define SPAN 400 /* elements of a buffer that a matrix may lie in */

static const char prefix[] = "simdgroup_matrix_8x8_";

/* Where matrices lie: the other operands of load and store after the pointer. */
static const struct place {
    const char *words;                             /* as LLVM text; %stride, %origin, %flip are made at run time */
    unsigned row, column, first_row, first_column; /* distances of elements, place of the first */
    bool transposed, by_strides;
} places[] = {
    {"i64 8, <2 x i64> zeroinitializer, i1 false", 8, 1, 0, 0, false, false},
    {"i64 11, <2 x i64> <i64 2, i64 3>, i1 false", 11, 1, 3, 2, false, false},
    {"i64 13, <2 x i64> <i64 1, i64 2>, i1 true", 13, 1, 2, 1, true, false},
    {"i64 %stride, <2 x i64> %origin, i1 %flip", 17, 1, 3, 4, true, false},
    {"<2 x i64> <i64 8, i64 8>, <2 x i64> <i64 1, i64 12>, <2 x i64> <i64 3, i64 1>", 12, 1, 1, 3, false, true},
    {"<2 x i64> <i64 8, i64 8>, <2 x i64> <i64 9, i64 2>, <2 x i64> <i64 1, i64 2>", 2, 9, 2, 1, false, true},
};

static unsigned element(const struct place *p, unsigned row, unsigned column)
{
    unsigned r = p->transposed ? column : row, c = p->transposed ? row : column;

    return (r + p->first_row) * p->row + (c + p->first_column) * p->column;
}

/* What the place with run-time words needs. */
static const char at_run_time[] =
    "  %stride = load i64, ptr addrspace(1) %c\n  %pq = getelementptr i64, ptr addrspace(1) %c, i32 1\n"
    "  %q = load <2 x i64>, ptr addrspace(1) %pq, align 8\n  %origin = add <2 x i64> %q, <i64 1, i64 1>\n"
    "  %pf = getelementptr i64, ptr addrspace(1) %c, i32 3\n  %f = load i64, ptr addrspace(1) %pf\n"
    "  %flip = icmp ne i64 %f, 0\n";

static void fill(const struct scalar *a, const struct scalar *b_, const struct scalar *c)
{
    for (unsigned i = 0; i < SPAN; i++) { /* whole numbers: products of eight are exact in the narrowest type */
        put(0, i, a->bits, encode(a, (double)(i * 7 % 11 % 7) - 3));
        put(1, i, b_->bits, encode(b_, (double)(i * 5 % 13 % 7) - 3));
        if (c)
            put(2, i, c->bits, encode(c, (double)(i % 40) - 20));
    }
    if (!c) {
        put(2, 0, 64, 17);
        put(2, 1, 64, 3);
        put(2, 2, 64, 2);
        put(2, 3, 64, 1);
    }
    clear_out();
}

/* The stored matrix is what @want says, and nothing beside it is touched. */
static void compare(const char *label, const struct scalar *t, const struct place *p,
                    double (*want)(unsigned, unsigned))
{
    bool inside[SPAN] = {false};

    for (unsigned r = 0; r < 8; r++) {
        for (unsigned c = 0; c < 8; c++) {
            unsigned at = element(p, r, c);

            inside[at] = true;
            if (get(3, at, t->bits) != encode(t, want(r, c))) {
                verdict(label, false, r * 8 + c, get(3, at, t->bits), encode(t, want(r, c)));
                return;
            }
        }
    }
    for (unsigned i = 0; i < SPAN; i++) {
        if (!inside[i] && get(3, i, t->bits) != (UINT64_C(0xeeeeeeeeeeeeeeee) & ones(t->bits))) {
            verdict(label, false, 1000 + i, get(3, i, t->bits), 0xee);
            return;
        }
    }
    verdict(label, true, 0, 0, 0);
}

static const struct scalar *ta, *tb, *tc;
static const struct place *from;
static bool accumulate;

static double loaded(unsigned r, unsigned c)
{
    return decode(ta, get(0, element(from, r, c), ta->bits));
}

static const char *operands(const struct place *p)
{
    return p->by_strides ? "<2 x i64>, <2 x i64>, <2 x i64>" : "i64, <2 x i64>, i1";
}

static void move_test(const struct scalar *t, const struct place *in, const struct place *out)
{
    char label[96], body[1600], extra[600];
    const char *ty = t->llvm, *sx_ = t->air;

    ta = t;
    from = in;
    snprintf(label, sizeof(label), "simd matrix of %s from place %u to %u", sx_, (unsigned)(in - places),
             (unsigned)(out - places));
    snprintf(extra, sizeof(extra),
             "declare <64 x %1$s> @air.%2$sload.v64%3$s.p1%3$s(ptr addrspace(1), %4$s)\n"
             "declare void @air.%2$sstore.v64%3$s.p1%3$s(<64 x %1$s>, ptr addrspace(1), %5$s)",
             ty, prefix, sx_, operands(in), operands(out));
    snprintf(body, sizeof(body),
             "%6$s  %%m = call <64 x %1$s> @air.%2$sload.v64%3$s.p1%3$s(ptr addrspace(1) %%a, %4$s)\n"
             "  call void @air.%2$sstore.v64%3$s.p1%3$s(<64 x %1$s> %%m, ptr addrspace(1) %%o, %5$s)\n",
             ty, prefix, sx_, in->words, out->words, at_run_time);
    fill(t, t, NULL);
    if (run(label, body, extra, 32, 32))
        compare(label, t, out, loaded);
}

/* Through threadgroup memory. */
static void local_test(const struct scalar *t)
{
    const struct place *p = &places[0];
    char label[96], body[2400], extra[900];

    ta = t;
    from = p;
    snprintf(label, sizeof(label), "simd matrix of %s in threadgroup memory", t->air);
    snprintf(
        extra, sizeof(extra),
        "@t = internal addrspace(3) global [64 x %1$s] undef\n@u = internal addrspace(3) global [64 x %1$s] undef\n"
        "declare <64 x %1$s> @air.%2$sload.v64%3$s.p3%3$s(ptr addrspace(3), %4$s)\n"
        "declare void @air.%2$sstore.v64%3$s.p3%3$s(<64 x %1$s>, ptr addrspace(3), %4$s)",
        t->llvm, prefix, t->air, operands(p));
    snprintf(body, sizeof(body),
             "  %%i = add i32 %%id, 32\n"
             "  %%pa = getelementptr %1$s, ptr addrspace(1) %%a, i32 %%id\n  %%pb = getelementptr %1$s, ptr "
             "addrspace(1) %%a, i32 %%i\n"
             "  %%x = load %1$s, ptr addrspace(1) %%pa\n  %%y = load %1$s, ptr addrspace(1) %%pb\n"
             "  %%ta = getelementptr [64 x %1$s], ptr addrspace(3) @t, i32 0, i32 %%id\n"
             "  %%tb = getelementptr [64 x %1$s], ptr addrspace(3) @t, i32 0, i32 %%i\n"
             "  store %1$s %%x, ptr addrspace(3) %%ta\n  store %1$s %%y, ptr addrspace(3) %%tb\n  call void "
             "@air.wg.barrier(i32 2, i32 1)\n"
             "  %%m = call <64 x %1$s> @air.%2$sload.v64%3$s.p3%3$s(ptr addrspace(3) @t, %4$s)\n"
             "  call void @air.%2$sstore.v64%3$s.p3%3$s(<64 x %1$s> %%m, ptr addrspace(3) @u, %4$s)\n"
             "  call void @air.wg.barrier(i32 2, i32 1)\n"
             "  %%ua = getelementptr [64 x %1$s], ptr addrspace(3) @u, i32 0, i32 %%id\n"
             "  %%ub = getelementptr [64 x %1$s], ptr addrspace(3) @u, i32 0, i32 %%i\n"
             "  %%v = load %1$s, ptr addrspace(3) %%ua\n  %%w = load %1$s, ptr addrspace(3) %%ub\n"
             "  %%oa = getelementptr %1$s, ptr addrspace(1) %%o, i32 %%id\n  %%ob = getelementptr %1$s, ptr "
             "addrspace(1) %%o, i32 %%i\n"
             "  store %1$s %%v, ptr addrspace(1) %%oa\n  store %1$s %%w, ptr addrspace(1) %%ob\n",
             t->llvm, prefix, t->air, p->words);
    fill(t, t, NULL);
    if (run(label, body, extra, 32, 32))
        compare(label, t, p, loaded);
}

static double filled(unsigned r, unsigned c)
{
    return decode(ta, get(0, 0, ta->bits));
}

static double diagonal(unsigned r, unsigned c)
{
    return r == c ? filled(r, c) : 0;
}

static void init_test(const struct scalar *t, bool diag)
{
    char label[96], body[900], extra[500];
    const char *name = diag ? "init_diag" : "init_filled";

    ta = t;
    snprintf(label, sizeof(label), "simd matrix %s of %s", name, t->air);
    snprintf(extra, sizeof(extra),
             "declare <64 x %1$s> @air.%2$s%5$s.v64%3$s.%3$s(%1$s)\n"
             "declare void @air.%2$sstore.v64%3$s.p1%3$s(<64 x %1$s>, ptr addrspace(1), %4$s)",
             t->llvm, prefix, t->air, operands(places), name);
    snprintf(body, sizeof(body),
             "  %%x = load %1$s, ptr addrspace(1) %%a\n  %%m = call <64 x %1$s> @air.%2$s%5$s.v64%3$s.%3$s(%1$s %%x)\n"
             "  call void @air.%2$sstore.v64%3$s.p1%3$s(<64 x %1$s> %%m, ptr addrspace(1) %%o, %4$s)\n",
             t->llvm, prefix, t->air, places[1].words, name);
    fill(t, t, NULL);
    put(0, 0, t->bits, encode(t, -6.5));
    if (run(label, body, extra, 32, 32))
        compare(label, t, &places[1], diag ? diagonal : filled);
}

static double product(unsigned r, unsigned c)
{
    double sum = accumulate ? decode(tc, get(2, r * 8 + c, tc->bits)) : 0;

    for (unsigned k = 0; k < 8; k++)
        sum += decode(ta, get(0, r * 8 + k, ta->bits)) * decode(tb, get(1, k * 8 + c, tb->bits));
    return sum;
}

static void product_test(const struct scalar *t)
{
    const struct scalar *all[4] = {ta, tb, tc, t};
    char label[96], name[96], body[1600], extra[1600] = "";
    unsigned loads = accumulate ? 3 : 2;

    snprintf(name, sizeof(name), "%smultiply%s.v64%s.v64%s.v64%s%s%s", prefix, accumulate ? "_accumulate" : "", t->air,
             ta->air, tb->air, accumulate ? ".v64" : "", accumulate ? tc->air : "");
    snprintf(label, sizeof(label), "%s", name);
    snprintf(extra, sizeof(extra),
             "declare <64 x %s> @air.%s(<64 x %s>, <64 x %s>%s%s%s)\n"
             "declare void @air.%sstore.v64%s.p1%s(<64 x %s>, ptr addrspace(1), %s)\n",
             t->llvm, name, ta->llvm, tb->llvm, accumulate ? ", <64 x " : "", accumulate ? tc->llvm : "",
             accumulate ? ">" : "", prefix, t->air, t->air, t->llvm, operands(places));
    *body = 0;
    for (unsigned i = 0; i < loads; i++) {
        const struct scalar *x = all[i];
        bool declared = false;

        for (unsigned j = 0; j < i; j++)
            declared = declared || all[j] == x;
        if (!declared)
            snprintf(extra + strlen(extra), sizeof(extra) - strlen(extra),
                     "declare <64 x %s> @air.%sload.v64%s.p1%s(ptr addrspace(1), %s)\n", x->llvm, prefix, x->air,
                     x->air, operands(places));
        snprintf(body + strlen(body), sizeof(body) - strlen(body),
                 "  %%m%u = call <64 x %s> @air.%sload.v64%s.p1%s(ptr addrspace(1) %%%c, %s)\n", i, x->llvm, prefix,
                 x->air, x->air, "abc"[i], places[0].words);
    }
    snprintf(body + strlen(body), sizeof(body) - strlen(body),
             "  %%r = call <64 x %s> @air.%s(<64 x %s> %%m0, <64 x %s> %%m1%s%s%s)\n"
             "  call void @air.%sstore.v64%s.p1%s(<64 x %s> %%r, ptr addrspace(1) %%o, %s)\n",
             t->llvm, name, ta->llvm, tb->llvm, accumulate ? ", <64 x " : "", accumulate ? tc->llvm : "",
             accumulate ? "> %m2" : "", prefix, t->air, t->air, t->llvm, places[0].words);
    fill(ta, tb, tc);
    if (run(label, body, extra, 32, 32))
        compare(label, t, &places[0], product);
}

void functions_matrix(void)
{
    static const unsigned char mixes[][4] = {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {1, 1, 0, 0}, {2, 2, 0, 0},
                                             {0, 1, 2, 0}, {2, 0, 1, 1}, {1, 2, 0, 2}}; /* A, B, C, result */

    for (unsigned native = 0; native < 2; native++) {
        native_groups = native;
        for (unsigned t = 0; t < 3; t++) {
            for (unsigned p = 0; p < sizeof(places) / sizeof(places[0]); p++)
                move_test(FLOATS + t, &places[p], &places[(p + 1 + t) % 6]);
            local_test(FLOATS + t);
            init_test(FLOATS + t, false);
            init_test(FLOATS + t, true);
        }
        for (unsigned k = 0; k < sizeof(mixes) / sizeof(mixes[0]); k++) {
            ta = FLOATS + mixes[k][0];
            tb = FLOATS + mixes[k][1];
            tc = FLOATS + mixes[k][2];
            for (unsigned acc = 0; acc < 2; acc++) {
                accumulate = acc;
                product_test(FLOATS + mixes[k][3]);
            }
        }
    }
    native_groups = false;
}
