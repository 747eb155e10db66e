/* SPDX-License-Identifier: MIT */
/*
 * References of the products that choose their matrix by a table of experts (_id), with the map they work from (map0), and
 * of the products for a handful of vectors (_ext). Definition: for token t and slot s, result[t][s] = W[ids[t][s]] * x.
 */
#include "corpus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct experts {
    size_t k, m;          /* columns and rows of each matrix */
    size_t experts, used; /* matrices, and how many each token uses */
    size_t tokens;
    size_t inputs; /* vectors per token: 1, shared by all slots, or @used */
};

/* Different experts for the slots of one token, as a router gives them. */
static void choose(const struct experts *s, int32_t *ids)
{
    for (size_t t = 0; t < s->tokens; t++) {
        for (size_t i = 0; i < s->used; i++) {
            bool again = true;

            while (again) {
                ids[t * s->used + i] = (int32_t)(rng() % s->experts);
                again = false;
                for (size_t j = 0; j < i; j++)
                    again |= ids[t * s->used + j] == ids[t * s->used + i];
            }
        }
    }
}

static void expert_products(const struct experts *s, const float *w, const float *x, const int32_t *ids, float *out)
{
    for (size_t t = 0; t < s->tokens; t++) {
        for (size_t i = 0; i < s->used; i++) {
            const float *wm = w + (size_t)ids[t * s->used + i] * s->m * s->k;
            const float *v = x + (t * s->inputs + i % s->inputs) * s->k;

            for (size_t r = 0; r < s->m; r++) {
                double sum = 0;

                for (size_t c = 0; c < s->k; c++)
                    sum += (double)wm[r * s->k + c] * (double)v[c];
                out[(t * s->used + i) * s->m + r] = (float)sum;
            }
        }
    }
}

/* The format in kernel_<..>_id_<format>_<..>. */
static const struct quant *format_of(const char *kernel, const char *after)
{
    char w[24];

    snprintf(w, sizeof(w), "%s", strstr(kernel, after) + strlen(after));
    *strrchr(w, '_') = 0;
    return quant_find(w);
}

/* SIMD groups that share the rows of a workgroup, or in q8_0 the columns. */
uint32_t simd_groups(const struct quant *q)
{
    return strcmp(q->name, "q8_0") ? 2 : 4;
}

static float largest(const float *x, size_t n)
{
    float top = 0;

    for (size_t i = 0; i < n; i++)
        top = fmaxf(top, fabsf(x[i]));
    return top;
}

void t_mul_mv_id(struct env *e, bool options)
{
    static const struct experts sizes[] = {{256, 12, 4, 2, 3, 1}, {512, 33, 5, 3, 2, 3}, {1024, 8, 9, 4, 1, 1}};
    const struct quant *q = format_of(e->kernel, "_id_");

    if (options)
        return;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !e->bad; i++) {
        const struct experts *s = &sizes[i];
        size_t row = s->k / (size_t)q->elems * (size_t)q->bytes, nw = s->k * s->m * s->experts;
        size_t nout = s->tokens * s->used * s->m;
        float *fw = malloc(nw * 4), *want = malloc(nout * 4), *x;
        int32_t *ids;
        bool ran;

        args_pack(buffer(e, 0, 112), "iiqiiiqqqiiiiqqqiiq", (int)s->used, (int)s->tokens, s->used * 4, (int)s->k, (int)s->m,
                  (int)s->experts, (size_t)q->bytes, row, row * s->m, (int)s->k, (int)s->inputs, (int)s->tokens, 1,
                  (size_t)4, s->k * 4, s->k * 4 * s->inputs, (int)s->m, (int)s->used, s->m * 4);
        /* groups past the last row read on: the rows exist, their results must not be stored */
        unpack(q, blocks(e, 1, q, nw + 64 * s->k), nw, fw);
        x = floats(e, 2, s->k * s->inputs * s->tokens, -1, 1);
        memset(buffer(e, 3, nout * 4), 0xff, nout * 4);
        ids = buffer(e, 4, s->used * s->tokens * 4);
        choose(s, ids);
        expert_products(s, fw, x, ids, want);
        ran = q->elems == 1 ? launch(e, (uint32_t)s->m, 1, (uint32_t)(s->used * s->tokens), 32, 1)
                            : launch(e, (uint32_t)(s->m + 1) / 2, 1, (uint32_t)(s->used * s->tokens), 32, simd_groups(q));
        if (ran)
            expect(e, e->b[3].map, want, nout, 2e-3f, 2e-2f);
        free(fw);
        free(want);
        if (!ran)
            return;
    }
}

/* kernel_mul_mm_id_map0_f16_ne20_<used>: for each expert, how many (token, slot) pairs chose it, and which. */
void t_mul_mm_id_map(struct env *e, bool options)
{
    const uint32_t used = (uint32_t)e->arg;
    static const uint32_t sizes[][2] = {{32, 5}, {32, 32}, {64, 150}}; /* experts, tokens */

    if (options)
        return;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !e->bad; i++) {
        const struct experts s = {.experts = sizes[i][0], .tokens = sizes[i][1], .used = used};
        int32_t *ids, *count = calloc(s.experts, 4), *want = calloc(s.experts * s.tokens, 4);

        args_pack(buffer(e, 0, 48), "iiiqqiiq", (int)s.experts, 0, 0, (size_t)0, (size_t)0, (int)s.tokens, (int)used,
                  (size_t)used * 4);
        ids = buffer(e, 1, s.tokens * used * 4);
        choose(&s, ids);
        memset(buffer(e, 2, s.experts * 4), 0, s.experts * 4);
        memset(buffer(e, 3, s.experts * s.tokens * 4), 0, s.experts * s.tokens * 4);
        for (size_t p = 0; p < s.tokens * used; p++)
            want[(size_t)ids[p] * s.tokens + (size_t)count[ids[p]]++] = (int32_t)p;
        if (!launch(e, 1, 1, 1, sizes[i][0], 1)) {
            free(count);
            free(want);
            return;
        }
        expect_bytes(e, e->b[2].map, count, s.experts * 4);
        for (size_t x = 0; x < s.experts; x++) /* what lies after the last pair is scratch */
            expect_bytes(e, (int32_t *)e->b[3].map + x * s.tokens, want + x * s.tokens, (size_t)count[x] * 4);
        free(count);
        free(want);
    }
}

void t_mul_mm_id(struct env *e, bool options)
{
    static const struct experts sizes[] = {{64, 70, 3, 2, 37, 1}, {256, 64, 4, 4, 9, 4}};
    const struct quant *q = format_of(e->kernel, "_id_");

    if (options)
        return;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !e->bad; i++) {
        struct experts s = sizes[i];
        size_t row, nw, nout;
        float *fw, *want, *x, top;
        int32_t *ids, *count, *map;
        bool ran;

        if (s.k < (size_t)q->elems)
            s.k = (size_t)q->elems;
        row = s.k / (size_t)q->elems * (size_t)q->bytes;
        nw = s.k * s.m * s.experts;
        nout = s.tokens * s.used * s.m;
        args_pack(buffer(e, 0, 96), "iiqqqiqqqqiiiihh", (int)s.k, (int)s.experts, row, row * s.m, row * s.m * s.experts,
                  (int)s.inputs, (size_t)4, s.k * 4, s.k * 4 * s.inputs, s.k * 4 * s.inputs * s.tokens, (int)s.used,
                  (int)s.tokens, (int)s.m, (int)s.used, 1, 1);
        fw = malloc(nw * 4);
        want = malloc(nout * 4);
        unpack(q, blocks(e, 1, q, nw), nw, fw);
        x = floats(e, 2, s.k * s.inputs * s.tokens, -1, 1);
        count = buffer(e, 3, s.experts * 4);
        map = buffer(e, 4, s.experts * s.tokens * 4);
        memset(buffer(e, 5, nout * 4), 0xff, nout * 4);
        memset(count, 0, s.experts * 4);
        ids = malloc(s.tokens * s.used * 4);
        choose(&s, ids);
        for (size_t p = 0; p < s.tokens * s.used; p++)
            map[(size_t)ids[p] * s.tokens + (size_t)count[ids[p]]++] = (int32_t)p;
        expert_products(&s, fw, x, ids, want);
        /* Weights and activations are rounded to half on the way, 2^-11 of each; K such errors add up like a random walk. */
        top = largest(fw, nw);
        ran = launch(e, (uint32_t)(s.tokens + 31) / 32, (uint32_t)(s.m + 63) / 64, (uint32_t)s.experts, 128, 1);
        if (ran)
            expect(e, e->b[5].map, want, nout, 2e-3f, 4 * sqrtf((float)s.k) * top / 2048);
        free(fw);
        free(want);
        free(ids);
        if (!ran)
            return;
    }
}

/* kernel_mul_mv_ext_<format>_f32_r1_<vectors per thread>; threads per row: 4, 8, 16 and 32 */
void t_mul_mv_ext(struct env *e, bool options)
{
    const int r1 = e->kernel[strlen(e->kernel) - 1] - '0';
    static const int nxp[] = {4, 8, 16, 32};
    const struct quant *q;
    char w[16];

    if (options)
        return;
    snprintf(w, sizeof(w), "%s", e->kernel + strlen("kernel_mul_mv_ext_"));
    *strstr(w, "_f32_r1") = 0;
    q = quant_find(w);
    for (size_t i = 0; i < 4 && !e->bad; i++) {
        const int k = i % 2 ? 1024 : 512, m = i < 2 ? 13 : 32, n = i % 2 ? 2 * r1 : 2 * r1 - 1, nsg = i < 3 ? 2 : 1;
        const int rows = 32 / nxp[i] * nsg;
        size_t row = (size_t)(k / q->elems * q->bytes), es = (size_t)k * 4, nout = (size_t)(m * n);
        float *fw = malloc((size_t)(k * m) * 4), *want = malloc(nout * 4), *x;
        bool ran;

        args_pack(buffer(e, 0, 120), "iiiqqqqiiiqqqqiihhhhh", k, m, 1, (size_t)q->bytes, row, row * (size_t)m, row * (size_t)m, k,
                  n, 1, (size_t)4, es, es * (size_t)n, es * (size_t)n, m, n, 1, 1, nsg, nxp[i], r1);
        unpack(q, blocks(e, 1, q, (size_t)(k * m)), (size_t)(k * m), fw);
        x = floats(e, 2, (size_t)(k * n), -1, 1);
        memset(buffer(e, 3, nout * 4), 0xff, nout * 4);
        for (int j = 0; j < n; j++) {
            for (int r = 0; r < m; r++) {
                double sum = 0;

                for (int c = 0; c < k; c++)
                    sum += (double)fw[r * k + c] * (double)x[j * k + c];
                want[j * m + r] = (float)sum;
            }
        }
        ran = launch(e, (uint32_t)((m + rows - 1) / rows), (uint32_t)((n + r1 - 1) / r1), 1, 32, (uint32_t)nsg);
        if (ran)
            expect(e, e->b[3].map, want, nout, 2e-3f, 2e-2f);
        free(fw);
        free(want);
        if (!ran)
            return;
    }
}
