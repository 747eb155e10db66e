/* SPDX-License-Identifier: MIT */
/*
 * References of attention in one pass: for each query, softmax over all keys of (scale q.k, capped, plus the mask with the
 * head's slope), times the values; a sink is one more key without a value. The kernels keep q and what they take from
 * block formats as half (bfloat in the bfloat kernels), and so does the reference: the tolerances are for the sums alone.
 *
 * _vec shares the keys out among SIMD groups and workgroups; with more than one workgroup its results are parts, which
 * _vec_reduce puts together.
 */
#include "corpus.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct attention {
    int dk, dv;
    int queries, heads, kv_heads, batches, keys; /* keys: a multiple of 64, as the kernels want */
    const struct quant *q;
    bool bf16;
    float scale, cap, max_bias;
    const float *sinks;
    const uint8_t *mask; /* halves: a row of @keys per query, for all heads; NULL for none */
    int used_dk, used_dv; /* elements that take part: block formats are read 16 at a time, and the rest is left out */
};

static void name_parts(const char *kernel, const char *prefix, struct attention *a)
{
    char format[8];

    if (sscanf(kernel + strlen(prefix), "%7[^_]_dk%d_dv%d", format, &a->dk, &a->dv) != 3) {
        /* q4_0 and its like have a line in their name */
        char tail[4];

        (void)sscanf(kernel + strlen(prefix), "%2[^_]_%1[^_]_dk%d_dv%d", format, tail, &a->dk, &a->dv);
        strcat(strcat(format, "_"), tail);
    }
    a->q = quant_find(format);
    a->bf16 = !strcmp(format, "bf16");
}

/* As the kernels store it. */
static float kept(const struct attention *a, float v)
{
    uint8_t b[2];

    if (a->bf16) {
        bf16_put(b, v);
        return bf16_get(b);
    }
    half_put(b, v);
    return half_get(b);
}

static float slope(const struct attention *a, int head)
{
    int n = 1;

    while (n * 2 <= a->heads)
        n *= 2;
    if (a->max_bias <= 0)
        return 1;
    return head < n ? powf(exp2f(-a->max_bias / (float)n), (float)(head + 1))
                    : powf(exp2f(-a->max_bias / 2 / (float)n), (float)(2 * (head - n) + 1));
}

/* @k, @v: rows of floats by [batch][head][key]; @x by [batch][head][query]; @out by [batch][query][head]. */
static void attend(const struct attention *a, const float *x, const float *k, const float *v, float *out)
{
    double *p = malloc((size_t)a->keys * sizeof(double));

    for (int i = 0; i < a->batches * a->heads * a->queries; i++) {
        const int qi = i % a->queries, h = i / a->queries % a->heads, b = i / a->queries / a->heads;
        const int kh = b * a->kv_heads + h / (a->heads / a->kv_heads);
        const float *xi = x + (size_t)i * (size_t)a->dk;
        float *o = out + (size_t)((b * a->queries + qi) * a->heads + h) * (size_t)a->dv;
        double top = a->sinks ? (double)a->sinks[h] : -INFINITY, sum = 0;

        for (int t = 0; t < a->keys; t++) {
            const float *kt = k + (size_t)(kh * a->keys + t) * (size_t)a->dk;
            double s = 0;

            for (int c = 0; c < a->used_dk; c++)
                s += (double)kept(a, xi[c]) * (double)kt[c];
            s *= (double)a->scale;
            if (a->cap > 0)
                s = (double)a->cap * tanh(s);
            p[t] = s;
            if (a->mask)
                p[t] += (double)slope(a, h) * (double)half_get(a->mask + (size_t)(qi * a->keys + t) * 2);
            top = fmax(top, p[t]);
        }
        for (int t = 0; t < a->keys; t++) {
            p[t] = exp(p[t] - top);
            sum += p[t];
        }
        if (a->sinks)
            sum += exp((double)a->sinks[h] - top);
        for (int c = 0; c < a->dv; c++) {
            double s = 0;

            for (int t = 0; c < a->used_dv && t < a->keys; t++)
                s += p[t] * (double)v[(size_t)(kh * a->keys + t) * (size_t)a->dv + (size_t)c];
            o[c] = (float)(s / sum);
        }
    }
    free(p);
}

/* Rows of a format in buffer @index, @pad elements longer than used, and what they mean. Bytes from row to row. */
static size_t rows_of(struct env *e, unsigned index, const struct attention *a, int width, int pad, float *out)
{
    const int rows = a->batches * a->kv_heads * a->keys, blocks_in_row = (width + pad + a->q->elems - 1) / a->q->elems;
    const size_t row = (size_t)(blocks_in_row * a->q->bytes);
    float *f = malloc((size_t)(blocks_in_row * a->q->elems) * 4);
    uint8_t *p = blocks(e, index, a->q, (size_t)rows * (size_t)(blocks_in_row * a->q->elems));

    for (int r = 0; r < rows; r++) {
        unpack(a->q, p + (size_t)r * row, (size_t)(blocks_in_row * a->q->elems), f);
        for (int c = 0; c < width; c++)
            out[(size_t)r * (size_t)width + (size_t)c] = a->q->elems == 1 ? f[c] : kept(a, f[c]);
    }
    free(f);
    return row;
}

/* Some keys hidden from each query, one stretch of 64 from all of them. The rows of a whole last tile exist. */
static const uint8_t *mask_of(struct env *e, unsigned index, const struct attention *a)
{
    const int rows = (a->queries + 7) / 8 * 8;
    uint8_t *m = buffer(e, index, (size_t)(rows * a->keys) * 2);

    for (int i = 0; i < rows * a->keys; i++) {
        const int t = i % a->keys;
        const bool hidden = (a->keys > 128 && t / 64 == 1) || rng() % 7 == 0;

        half_put(m + i * 2, hidden ? -INFINITY : frand(-1, 1));
    }
    return m;
}

/* What of a run is asked for, in the table's number. */
#define SINKS(arg)   ((arg)&1)
#define BIAS(arg)    ((arg) >> 1 & 1)
#define CAP(arg)     ((arg) >> 2 & 1)
#define PADDED(arg)  ((arg) >> 3 & 1)
#define GROUPS(arg)  (1 << ((arg) >> 4 & 3)) /* SIMD groups of _vec */
#define PARTS(arg)   ((arg) >> 6 & 1 ? 32 : 1) /* workgroups of _vec that share the keys */
#define NO_MASK(arg) ((arg) >> 7 & 1)

static void constants(struct env *e, const struct attention *a, uint32_t from)
{
    const int pad = PADDED(e->arg) && a->q->elems == 1 ? 8 : 0;

    constant(e, from, !NO_MASK(e->arg));
    constant(e, from + 1, SINKS(e->arg));
    constant(e, from + 2, BIAS(e->arg));
    constant(e, from + 3, CAP(e->arg));
    constant(e, from + 20, a->dk + pad);
    constant(e, from + 21, a->dv + pad);
}

/* Make one problem in the kernel's buffers 0 to 5, and its answer. */
static float *problem(struct env *e, struct attention *a)
{
    const int pad = PADDED(e->arg) && a->q->elems == 1 ? 8 : 0, n = a->batches * a->heads * a->queries;
    const size_t nk = (size_t)(a->batches * a->kv_heads * a->keys);
    float *k = malloc(nk * (size_t)a->dk * 4), *v = malloc(nk * (size_t)a->dv * 4), *x;
    float *want = malloc((size_t)(n * a->dv) * 4);
    float top = 1;
    int log2 = 1;
    size_t krow, vrow, xrow = (size_t)a->dk * 4, keys = (size_t)a->keys, kvh = (size_t)a->kv_heads;

    while (log2 * 2 <= a->heads)
        log2 *= 2;
    x = floats(e, 1, (size_t)(n * a->dk), -2, 2);
    krow = rows_of(e, 2, a, a->dk, pad, k);
    vrow = rows_of(e, 3, a, a->dv, pad, v);
    a->mask = mask_of(e, 4, a);
    if (NO_MASK(e->arg))
        a->mask = NULL;
    a->sinks = floats(e, 5, (size_t)a->heads, 0, 3);
    if (!SINKS(e->arg))
        a->sinks = NULL;
    a->cap = CAP(e->arg) ? 2.0f : 0;
    a->max_bias = BIAS(e->arg) ? 4.0f : 0;
    for (size_t i = 0; i < nk * (size_t)a->dk; i++)
        top = fmaxf(top, fabsf(k[i]));
    a->scale = 2 / sqrtf((float)a->dk) / top / (a->cap > 0 ? a->cap : 1); /* scores of about one */
    a->used_dk = a->q->elems == 1 ? a->dk : a->dk / 16 * 16;
    a->used_dv = a->q->elems == 1 ? a->dv : a->dv / 16 * 16;
    args_pack(buffer(e, 0, 184), "iiiqqqiiiiqqqiqqqiiqqqiiiffffif", a->queries, a->heads, a->batches, xrow,
              xrow * (size_t)a->queries, xrow * (size_t)(a->queries * a->heads), a->keys, a->kv_heads, a->batches, a->dk + pad,
              krow, krow * keys, krow * keys * kvh, a->dv + pad, vrow, vrow * keys, vrow * keys * kvh, 1, 1, keys * 2,
              keys * 2 * (size_t)a->queries, keys * 2 * (size_t)a->queries, a->heads, a->queries, a->batches,
              (double)a->scale, (double)a->max_bias, exp2(-(double)a->max_bias / log2), exp2(-(double)a->max_bias / 2 / log2),
              log2, (double)a->cap);
    attend(a, x, k, v, want);
    free(k);
    free(v);
    return want;
}

void t_flash(struct env *e, bool options)
{
    static const int sizes[][5] = {{5, 2, 1, 1, 64}, {11, 4, 2, 2, 192}}; /* queries, heads, of keys, batches, keys */
    struct attention a = {0};

    name_parts(e->kernel, "kernel_flash_attn_ext_", &a);
    if (options) {
        constants(e, &a, 100);
        constant(e, 122, 4);
        if (e->software && a.dk > 128)
            e->left_out = "a software device takes minutes to translate rows this long";
        return;
    }
    /* 8 queries, 8 rows of results in float, 8 rows of 64 scores and masks, and room to unpack blocks */
    e->run.tg_bytes[0] = (uint32_t)(8 * (a.dk + 2 * ((a.dv + 63) / 64 * 64) + 4 * 64) * 2 + (a.q->elems == 1 ? 0 : 4096));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !e->bad; i++) {
        const int *s = sizes[i];
        float *want;
        size_t n;
        bool ran;

        a.queries = s[0];
        a.heads = s[1];
        a.kv_heads = s[2];
        a.batches = s[3];
        a.keys = s[4];
        want = problem(e, &a);
        n = (size_t)(a.batches * a.queries * a.heads * a.dv);
        memset(buffer(e, 6, n * 4), 0xff, n * 4);
        ran = launch(e, (uint32_t)(a.queries + 7) / 8, (uint32_t)a.heads, (uint32_t)a.batches, 32, 4);
        if (ran)
            expect(e, e->b[6].map, want, n, 2e-3f, a.bf16 ? 2e-3f : 5e-4f);
        free(want);
        if (!ran)
            return;
    }
}

/* Parts by [row][element / 4][part][4], then sum and maximum by [row][part]: what _vec leaves for _vec_reduce. */
static void put_together(const float *parts, size_t rows, size_t dv, size_t n, float *out)
{
    const float *sm = parts + rows * dv * n;

    for (size_t r = 0; r < rows; r++) {
        double top = -INFINITY, sum = 0;

        for (size_t w = 0; w < n; w++)
            top = fmax(top, (double)sm[(r * n + w) * 2 + 1]);
        for (size_t w = 0; w < n; w++)
            sum += (double)sm[(r * n + w) * 2] * exp((double)sm[(r * n + w) * 2 + 1] - top);
        for (size_t c = 0; c < dv; c++) {
            double o = 0;

            for (size_t w = 0; w < n; w++)
                o += (double)parts[((r * dv / 4 + c / 4) * n + w) * 4 + c % 4] *
                     exp((double)sm[(r * n + w) * 2 + 1] - top);
            out[r * dv + c] = (float)(o / sum);
        }
    }
}

void t_flash_vec(struct env *e, bool options)
{
    static const int sizes[][5] = {{1, 2, 1, 1, 64}, {3, 4, 2, 2, 192}};
    const size_t parts = (size_t)PARTS(e->arg);
    struct attention a = {0};

    name_parts(e->kernel, "kernel_flash_attn_ext_vec_", &a);
    if (options) {
        constants(e, &a, 200);
        constant(e, 222, GROUPS(e->arg));
        constant(e, 223, (double)parts);
        return;
    }
    /* the query, and for each SIMD group 32 scores and masks and a row of results in float */
    e->run.tg_bytes[0] = (uint32_t)(((a.dk + 127) / 128 * 128 + GROUPS(e->arg) * (4 * 32 + 2 * ((a.dv + 127) / 128 * 128))) * 2);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !e->bad; i++) {
        const int *s = sizes[i];
        float *want, *got;
        size_t rows, n;
        bool ran;

        a.queries = s[0];
        a.heads = s[1];
        a.kv_heads = s[2];
        a.batches = s[3];
        a.keys = s[4];
        want = problem(e, &a);
        rows = (size_t)(a.batches * a.queries * a.heads);
        n = rows * (size_t)a.dv;
        got = malloc(n * 4);
        memset(buffer(e, 6, (n + 2 * rows) * parts * 4), 0xff, (n + 2 * rows) * parts * 4);
        ran = launch(e, (uint32_t)a.queries, (uint32_t)a.heads, (uint32_t)(a.batches * (int)parts), 32, (uint32_t)GROUPS(e->arg));
        if (ran) {
            if (parts > 1)
                put_together(e->b[6].map, rows, (size_t)a.dv, parts, got);
            else
                memcpy(got, e->b[6].map, n * 4);
            expect(e, got, want, n, 2e-3f, a.bf16 ? 2e-3f : 5e-4f);
        }
        free(want);
        free(got);
        if (!ran)
            return;
    }
}

void t_flash_reduce(struct env *e, bool options)
{
    enum { DV = 96, ROWS = 5, PARTS_MAX = 32 };
    float *parts, want[ROWS * DV];

    if (options) {
        constant(e, 300, DV);
        constant(e, 301, PARTS_MAX);
        return;
    }
    args_i32(buffer(e, 0, 4), 0, ROWS);
    parts = floats(e, 1, ROWS * (DV + 2) * PARTS_MAX, -1, 1);
    for (int i = 0; i < ROWS * PARTS_MAX; i++)
        parts[ROWS * DV * PARTS_MAX + 2 * i] = frand(0.5f, 30);
    buffer(e, 2, sizeof(want));
    put_together(parts, ROWS, DV, PARTS_MAX, want);
    if (launch(e, ROWS, 1, 1, 32 * PARTS_MAX, 1))
        expect(e, e->b[2].map, want, ROWS * DV, 1e-4f, 1e-4f);
}
