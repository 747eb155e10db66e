/* SPDX-License-Identifier: MIT */
/* References of the corpus' kernels that work across threads: reductions, norms, softmax, rope, products. */
#include "corpus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void t_sum_rows(struct env *e, bool options)
{
    const size_t ne = 150, r1 = 4, r2 = 3;
    bool mean = !strcmp(e->kernel, "kernel_mean");
    uint8_t *a;
    float *x, want[12];

    if (options)
        return;
    a = buffer(e, 0, 192);
    const uint64_t v[] = {ne, r1, r2, 1, 4, ne * 4, ne * r1 * 4, ne * r1 * r2 * 4, 0, 0, 0, 0, 0, 0, 0, 0, 1, r1, r2, 1,
                          4, 4, r1 * 4, r1 * r2 * 4};

    memcpy(a, v, sizeof(v));
    x = floats(e, 1, ne * 12, -1, 1);
    buffer(e, 2, 48);
    for (size_t i = 0; i < 12; i++) {
        double s = 0;

        for (size_t j = 0; j < ne; j++)
            s += (double)x[i * ne + j];
        want[i] = (float)(mean ? s / (double)ne : s);
    }
    if (launch(e, (uint32_t)r1, (uint32_t)r2, 1, 64, 1))
        expect(e, e->b[2].map, want, 12, 1e-4f, 1e-4f);
}

void t_argmax(struct env *e, bool options)
{
    const size_t ne = 300, rows = 5;
    float *x;
    int32_t want[5];

    if (options)
        return;
    x = floats(e, 0, ne * rows, -1, 1);
    buffer(e, 1, rows * 4);
    args_u64(buffer(e, 2, 8), 0, ne);
    args_u64(buffer(e, 3, 8), 0, ne * 4);
    for (size_t r = 0; r < rows; r++) {
        size_t at = rng() % ne;

        x[r * ne + at] = 2;
        want[r] = (int32_t)at;
    }
    if (launch(e, (uint32_t)rows, 1, 1, 64, 1))
        expect_bytes(e, e->b[1].map, want, sizeof(want));
}

void t_argsort(struct env *e, bool options)
{
    enum { N = 50, PAD = 64, ROWS = 3 };
    bool desc = strstr(e->kernel, "desc") != NULL;
    uint8_t *a;
    float *x;

    if (options)
        return;
    x = floats(e, 0, N * ROWS, -1, 1);
    for (size_t i = 0; i < N * ROWS; i++)
        x[i] = (float)(i * 37 % N) + (float)(i / N) * 0.5f; /* all different within a row */
    buffer(e, 1, N * ROWS * 4);
    a = buffer(e, 2, 16);
    args_u64(a, 0, N);
    args_u64(a, 8, PAD);
    if (!launch(e, 1, ROWS, 1, PAD, 1))
        return;
    for (int r = 0; r < ROWS; r++) {
        const int32_t *d = (const int32_t *)e->b[1].map + r * N;
        int32_t want[N];

        for (int i = 0; i < N; i++) {
            int rank = 0;

            for (int j = 0; j < N; j++)
                rank += desc ? x[r * N + j] > x[r * N + i] : x[r * N + j] < x[r * N + i];
            want[rank] = i;
        }
        expect_bytes(e, d, want, sizeof(want));
    }
}

/* norm, l2_norm, rms_norm, rms_norm_mul, rms_norm_mul_add. arg: threads per workgroup */
void t_norm(struct env *e, bool options)
{
    enum { NE = 200, ROWS = 6 };
    const char *k = e->kernel + 7;
    bool rms = !strncmp(k, "rms", 3), l2 = !strncmp(k, "l2", 2);
    float *x, *f0 = NULL, *f1 = NULL, want[NE * ROWS], eps = 1e-3f;
    uint8_t *a;

    if (options)
        return;
    a = buffer(e, 0, 160);
    args_i32(a, 0, NE);
    args_i32(a, 4, NE / 4);
    args_u64(a, 8, NE * 4);
    if (rms) {
        args_u64(a, 16, NE * 4 * ROWS);
        args_u64(a, 24, NE * 4 * ROWS);
        args_f32(a, 32, eps);
        for (size_t i = 0; i < 3; i++) {
            args_i32(a, 36 + i * 4, i ? 1 : ROWS);
            args_i32(a, 48 + i * 4, 1);
            args_i32(a, 60 + i * 4, 1);
            args_u64(a, 72 + i * 8, NE * 4);
            args_u64(a, 96 + i * 8, NE * 4 * ROWS);
            args_u64(a, 120 + i * 8, NE * 4 * ROWS);
        }
    } else {
        args_f32(a, 16, eps);
    }
    x = floats(e, 1, NE * ROWS, -2, 2);
    if (rms) {
        f0 = floats(e, 2, NE, 0.5f, 2);
        f1 = floats(e, 3, NE, -1, 1);
    }
    buffer(e, rms ? 4 : 2, NE * ROWS * 4);
    for (int r = 0; r < ROWS; r++) {
        double s = 0, q = 0;
        float *p = x + r * NE;

        for (int i = 0; i < NE; i++)
            s += (double)p[i];
        for (int i = 0; i < NE; i++) {
            double d = (double)p[i] - (rms || l2 ? 0 : s / NE);

            q += d * d;
        }
        for (int i = 0; i < NE; i++) {
            double v = rms   ? (double)p[i] / sqrt(q / NE + (double)eps)
                       : l2 ? (double)p[i] / sqrt(fmax(q, (double)eps))
                            : ((double)p[i] - s / NE) / sqrt(q / NE + (double)eps);

            if (strstr(k, "mul"))
                v *= (double)f0[i];
            if (strstr(k, "add"))
                v += (double)f1[i];
            want[r * NE + i] = (float)v;
        }
    }
    if (launch(e, ROWS, 1, 1, e->arg ? (uint32_t)e->arg : 32, 1))
        expect(e, e->b[rms ? 4 : 2].map, want, NE * ROWS, 1e-4f, 1e-5f);
}

void t_group_norm(struct env *e, bool options)
{
    enum { N0 = 10, N1 = 7, N2 = 6, G = 3, N = N0 * N1 * N2, S = N / G };
    uint8_t *a;
    float *x, want[N], eps = 1e-4f;

    if (options)
        return;
    x = floats(e, 0, N, -2, 2);
    buffer(e, 1, N * 4);
    a = buffer(e, 2, 64);
    args_u64(a, 0, N0);
    args_u64(a, 8, N1);
    args_u64(a, 16, N2);
    args_u64(a, 24, 4);
    args_u64(a, 32, 4 * N0);
    args_u64(a, 40, 4 * N0 * N1);
    args_i32(a, 48, G);
    args_f32(a, 52, eps);
    for (int g = 0; g < G; g++) {
        double s = 0, q = 0;

        for (int i = 0; i < S; i++)
            s += (double)x[g * S + i];
        for (int i = 0; i < S; i++)
            q += ((double)x[g * S + i] - s / S) * ((double)x[g * S + i] - s / S);
        for (int i = 0; i < S; i++)
            want[g * S + i] = (float)(((double)x[g * S + i] - s / S) / sqrt(q / S + (double)eps));
    }
    if (launch(e, G, 1, 1, 64, 1))
        expect(e, e->b[1].map, want, N, 1e-4f, 1e-5f);
}

/* arg 1: no mask (the mask's buffer is the source's: the kernel compares the pointers) */
void t_soft_max(struct env *e, bool options)
{
    enum { NE = 96, R1 = 4, R2 = 3, N = NE * R1 * R2 };
    bool h = strstr(e->kernel, "f16") != NULL, mask = !e->arg;
    uint8_t *a, *m = NULL;
    float *x, want[N], scale = 0.7f;

    if (options)
        return;
    x = floats(e, 0, N, -3, 3);
    if (mask) {
        m = buffer(e, 1, NE * R1 * 4);
        for (int i = 0; i < NE * R1; i++) {
            float v = i % 7 == 3 ? -INFINITY : frand(-1, 1);

            if (h)
                half_put(m + i * 2, v);
            else
                memcpy(m + i * 4, &v, 4);
        }
    } else {
        e->run.buf[1] = e->run.buf[0];
    }
    e->run.buf[2] = e->run.buf[0];
    buffer(e, 3, N * 4);
    a = buffer(e, 4, 128);
    args_i32(a, 0, NE);
    args_i32(a, 4, R1);
    args_i32(a, 8, R2);
    args_u64(a, 16, NE * 4);
    args_u64(a, 24, NE * 4 * R1);
    args_u64(a, 32, N * 4);
    args_i32(a, 40, R1);
    args_i32(a, 44, 1);
    args_i32(a, 48, 1);
    args_u64(a, 56, NE * (h ? 2 : 4));
    args_u64(a, 64, NE * R1 * (h ? 2 : 4));
    args_u64(a, 72, NE * R1 * (h ? 2 : 4));
    args_u64(a, 80, NE * 4);
    args_u64(a, 88, NE * 4 * R1);
    args_u64(a, 96, N * 4);
    args_f32(a, 104, scale);
    args_f32(a, 108, 0);
    args_f32(a, 112, 1);
    args_f32(a, 116, 1);
    args_i32(a, 120, 1);
    for (int r = 0; r < R1 * R2; r++) {
        double mx = -INFINITY, sum = 0, v[NE];

        for (int i = 0; i < NE; i++) {
            float mv = 0;

            if (mask && h)
                mv = half_get(m + (r % R1 * NE + i) * 2);
            else if (mask)
                memcpy(&mv, m + (r % R1 * NE + i) * 4, 4);
            v[i] = (double)x[r * NE + i] * (double)scale + (double)mv;
            mx = fmax(mx, v[i]);
        }
        for (int i = 0; i < NE; i++)
            sum += exp(v[i] - mx);
        for (int i = 0; i < NE; i++)
            want[r * NE + i] = (float)(exp(v[i] - mx) / sum);
    }
    if (launch(e, R1, R2, 1, strstr(e->kernel, "_4") ? 32 : 64, 1))
        expect(e, e->b[3].map, want, N, 2e-4f, 1e-6f);
}

void t_rope(struct env *e, bool options)
{
    enum { D = 32, H = 3, T = 4, ND = 24, N = D * H * T };
    bool h = strstr(e->kernel, "f16") != NULL, neox = strstr(e->kernel, "neox") != NULL;
    size_t es = h ? 2 : 4;
    uint8_t *a, *s;
    int32_t *pos;
    float x[N], want[N], got[N], base = 10000;

    if (options)
        return;
    a = buffer(e, 0, 160);
    const int ne[4] = {D, H, T, 1};
    uint64_t nb = es;

    for (size_t i = 0; i < 4; i++) {
        args_i32(a, i * 4, ne[i]);
        args_i32(a, 48 + i * 4, ne[i]);
        args_u64(a, 16 + i * 8, nb);
        args_u64(a, 64 + i * 8, nb);
        nb *= (uint64_t)ne[i];
    }
    args_i32(a, 100, ND);
    args_i32(a, 104, 4096);
    args_f32(a, 108, base);
    args_f32(a, 112, 1);
    args_f32(a, 120, 1);
    args_f32(a, 124, 32);
    args_f32(a, 128, 1);
    s = buffer(e, 1, N * es);
    for (int i = 0; i < N; i++) {
        x[i] = frand(-1, 1);
        if (h) {
            half_put(s + i * 2, x[i]);
            x[i] = half_get(s + i * 2);
        } else {
            memcpy(s + i * 4, &x[i], 4);
        }
    }
    pos = buffer(e, 2, T * 4);
    for (int i = 0; i < T; i++)
        pos[i] = i * 3 + 1;
    e->run.buf[3] = e->run.buf[1]; /* no frequency factors */
    buffer(e, 4, N * es);
    memcpy(want, x, sizeof(want));
    for (int r = 0; r < H * T; r++) {
        for (int i0 = 0; i0 < ND; i0 += 2) {
            double th = pos[r / H] * pow((double)base, -(double)i0 / ND), co = cos(th), si = sin(th);
            int p = neox ? i0 / 2 : i0, q = neox ? i0 / 2 + ND / 2 : i0 + 1;

            want[r * D + p] = (float)((double)x[r * D + p] * co - (double)x[r * D + q] * si);
            want[r * D + q] = (float)((double)x[r * D + p] * si + (double)x[r * D + q] * co);
        }
    }
    if (launch(e, H, T, 1, 32, 1)) {
        for (int i = 0; i < N; i++)
            got[i] = h ? half_get((uint8_t *)e->b[4].map + i * 2) : ((float *)e->b[4].map)[i];
        expect(e, got, want, N, h ? 2e-3f : 1e-4f, h ? 1e-3f : 1e-4f);
    }
}

static void product(const float *w, const float *x, size_t k, size_t m, size_t n, float *out)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < m; i++) {
            double s = 0;

            for (size_t t = 0; t < k; t++)
                s += (double)w[i * k + t] * (double)x[j * k + t];
            out[j * m + i] = (float)s;
        }
    }
}

/* kernel_mul_mv_<w>_<x>[_1row|_l4|_c4]: rows of a block format times vectors. */
void t_mul_mv(struct env *e, bool options)
{
    enum { KMAX = 512, M = 12, N = 3 };
    const size_t K = strstr(e->kernel, "_c4") ? 4 : KMAX; /* c4: rows of four, one row per thread */
    char w[16], xt[8] = "f32";
    const struct quant *qw, *qx;
    uint8_t *a, *sw, *sx;
    float *fw, *fx, *want;
    size_t row, es;
    char *p;

    if (options)
        return;
    snprintf(w, sizeof(w), "%s", e->kernel + 14);
    p = strstr(w, "_f32");
    if (!strncmp(w, "f32", 3) || !strncmp(w, "f16", 3) || !strncmp(w, "bf16", 4)) {
        p = strchr(w, '_');
        snprintf(xt, sizeof(xt), "%.*s", (int)strcspn(p + 1, "_"), p + 1);
    }
    *p = 0;
    qw = quant_find(w);
    qx = quant_find(xt);
    row = K / (size_t)qw->elems * (size_t)qw->bytes;
    es = (size_t)qx->bytes;
    a = buffer(e, 0, 112);
    args_i32(a, 0, (int32_t)K);
    args_i32(a, 4, M);
    args_i32(a, 8, 1);
    args_u64(a, 16, (uint64_t)qw->bytes);
    args_u64(a, 24, row);
    args_u64(a, 32, row * M);
    args_u64(a, 40, row * M);
    args_i32(a, 48, (int32_t)K);
    args_i32(a, 52, N);
    args_i32(a, 56, 1);
    args_u64(a, 64, es);
    args_u64(a, 72, es * K);
    args_u64(a, 80, es * K * N);
    args_u64(a, 88, es * K * N);
    args_i32(a, 96, M);
    args_i32(a, 100, N);
    a[104] = a[106] = 1;
    /* groups past the last row read on: the rows exist, their results must not be stored */
    sw = blocks(e, 1, qw, K * (M + 64));
    sx = blocks(e, 2, qx, K * N);
    fw = malloc(K * M * 4);
    fx = malloc(K * N * 4);
    want = calloc(M * N, 4);
    unpack(qw, sw, K * M, fw);
    unpack(qx, sx, K * N, fx);
    product(fw, fx, K, M, N, want);
    buffer(e, 3, M * N * 4);
    if (qw->elems == 1 ? launch(e, M, strstr(e->kernel, "_1row") ? N : strstr(e->kernel, "_l4") ? 1 : 1, 1, 32, 1)
                       : launch(e, (M + 1) / 2, N, 1, 32, simd_groups(qw)))
        expect(e, e->b[3].map, want, M * N, 2e-3f, 2e-2f);
    free(fw);
    free(fx);
    free(want);
}

void t_mul_mm(struct env *e, bool options)
{
    enum { K = 256, M = 70, N = 35 };
    char w[16];
    const struct quant *qw;
    uint8_t *a, *sw;
    float *fw, *fx, *want, top = 0;
    size_t row;

    if (options)
        return;
    snprintf(w, sizeof(w), "%s", e->kernel + 14);
    *strrchr(w, '_') = 0;
    qw = quant_find(w);
    row = K / (size_t)qw->elems * (size_t)qw->bytes;
    a = buffer(e, 0, 96);
    args_i32(a, 0, K);
    args_i32(a, 4, 1);
    args_u64(a, 8, row);
    args_u64(a, 16, row * M);
    args_u64(a, 24, row * M);
    args_i32(a, 32, 1);
    args_u64(a, 40, 4);
    args_u64(a, 48, 4 * K);
    args_u64(a, 56, 4 * K * N);
    args_u64(a, 64, 4 * K * N);
    args_i32(a, 72, M);
    args_i32(a, 76, N);
    a[80] = a[82] = 1;
    sw = blocks(e, 1, qw, K * M);
    fx = floats(e, 2, K * N, -1, 1);
    fw = malloc(K * M * 4);
    want = calloc(M * N, 4);
    unpack(qw, sw, K * M, fw);
    product(fw, fx, K, M, N, want);
    buffer(e, 3, M * N * 4);
    /* Weights and activations are rounded to half on the way, 2^-11 of each; K such errors add up like a random walk. */
    for (int i = 0; i < K * M; i++)
        top = fmaxf(top, fabsf(fw[i]));
    if (launch(e, (N + 31) / 32, (M + 63) / 64, 1, 128, 1))
        expect(e, e->b[3].map, want, M * N, 2e-3f, 4 * sqrtf(K) * top / 2048);
    free(fw);
    free(want);
}
