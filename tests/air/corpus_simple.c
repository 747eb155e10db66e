/* SPDX-License-Identifier: MIT */
/* References of the corpus' kernels that work element by element: maths, copies, conversions, gathers. */
#include "corpus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float gelu(float x)
{
    return 0.5f * x * (1 + tanhf(0.79788456080286535588f * x * (1 + 0.044715f * x * x)));
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

static float clamp01(float x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

static float unary(const char *k, float x)
{
    static const struct {
        const char *n;
        int op;
    } t[] = {{"abs", 0}, {"cos", 1}, {"elu", 2}, {"exp", 3}, {"gelu", 4}, {"gelu_erf", 5}, {"gelu_quick", 6}, {"hardsigmoid", 7},
             {"hardswish", 8}, {"neg", 9}, {"relu", 10}, {"sgn", 11}, {"sigmoid", 12}, {"silu", 13}, {"sin", 14}, {"sqr", 15},
             {"sqrt", 16}, {"step", 17}, {"tanh", 18}, {"gelu_4", 4}, {"gelu_erf_4", 5}, {"gelu_quick_4", 6}, {"silu_4", 13}};
    int op = -1;

    for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        if (!strcmp(k + 7, t[i].n))
            op = t[i].op;
    }
    switch (op) {
    case 0:
        return fabsf(x);
    case 1:
        return cosf(x);
    case 2:
        return x > 0 ? x : expf(x) - 1;
    case 3:
        return expf(x);
    case 4:
        return gelu(x);
    case 5:
        return 0.5f * x * (1 + erff(x * 0.70710678f));
    case 6:
        return x * sigmoid(1.702f * x);
    case 7:
        return clamp01((x + 3) / 6);
    case 8:
        return x * clamp01((x + 3) / 6);
    case 9:
        return -x;
    case 10:
        return x > 0 ? x : 0;
    case 11:
        return x > 0 ? 1 : x < 0 ? -1 : 0;
    case 12:
        return sigmoid(x);
    case 13:
        return x * sigmoid(x);
    case 14:
        return sinf(x);
    case 15:
        return x * x;
    case 16:
        return sqrtf(x);
    case 17:
        return x > 0 ? 1 : 0;
    default:
        return tanhf(x);
    }
}

/* Sizes that are and are not multiples of the workgroup: the second shows the edge guard. */
void t_unary(struct env *e, bool options)
{
    size_t n = 1000;
    bool v4 = strstr(e->kernel, "_4") != NULL, positive = !strcmp(e->kernel, "kernel_sqrt");
    float *src, *want;

    if (options)
        return;
    src = floats(e, 0, n, positive ? 0 : -4, 4);
    buffer(e, 1, n * 4 + 256);
    src[3] = 0;
    want = malloc(n * 4);
    for (size_t i = 0; i < n; i++)
        want[i] = unary(e->kernel, src[i]);
    if (launch_threads(e, (uint32_t)(v4 ? n / 4 : n), 1, 1, 64))
        expect(e, e->b[1].map, want, n, 2e-5f, 3e-6f);
    for (unsigned i = 0; i < 64; i++) { /* nothing was written behind the end */
        if (((float *)e->b[1].map)[n + i] != 0)
            e->bad++;
    }
    free(want);
}

static float binop(char c, float a, float b)
{
    return c == 'a' ? a + b : c == 's' ? a - b : c == 'm' ? a * b : a / b;
}

static void bin_args(uint8_t *a, const int *ne0, const int *ne1)
{
    uint64_t nb0 = 4, nb1 = 4;

    for (int i = 0; i < 4; i++) {
        args_i32(a, (size_t)i * 4, ne0[i]);
        args_i32(a, 48 + (size_t)i * 4, ne1[i]);
        args_i32(a, 96 + (size_t)i * 4, ne0[i]);
        args_u64(a, 16 + (size_t)i * 8, nb0);
        args_u64(a, 64 + (size_t)i * 8, nb1);
        args_u64(a, 112 + (size_t)i * 8, nb0);
        nb0 *= (uint64_t)ne0[i];
        nb1 *= (uint64_t)ne1[i];
    }
}

/* arg: number of fused right sides */
void t_binary(struct env *e, bool options)
{
    static const int ne0[4] = {70, 5, 4, 2}, ne1[4] = {35, 5, 2, 1};
    int fuse = e->arg ? e->arg : 1, n0 = 70 * 5 * 4 * 2, n1 = 35 * 5 * 2;
    uint8_t *a;
    float *s0, *s1, *want;

    if (options)
        return;
    a = buffer(e, 0, 256);
    bin_args(a, ne0, ne1);
    s0 = floats(e, 1, (size_t)n0, -2, 2);
    s1 = floats(e, 2, (size_t)(n1 * fuse), 0.5f, 2);
    for (int j = 0; j < fuse; j++)
        args_u64(a, 152 + (size_t)j * 8, (uint64_t)(n1 * j * 4));
    buffer(e, 3, (size_t)n0 * 4);
    want = malloc((size_t)n0 * 4);
    for (int i = 0; i < n0; i++) {
        int x = i % 70, y = i / 70 % 5, z = i / 350 % 4;

        want[i] = s0[i];
        for (int j = 0; j < fuse; j++)
            want[i] = binop(e->kernel[7], want[i], s1[n1 * j + x % 35 + y * 35 + z % 2 * 175]);
    }
    if (launch(e, 5, 4, 2, 32, 1))
        expect(e, e->b[3].map, want, (size_t)n0, 1e-5f, 1e-6f);
    free(want);
}

void t_row(struct env *e, bool options)
{
    static const int ne0[4] = {64, 10, 1, 1}, ne1[4] = {64, 1, 1, 1};
    int fuse = e->arg ? e->arg : 1;
    uint8_t *a;
    float *s0, *s1, want[640];

    if (options)
        return;
    a = buffer(e, 0, 256);
    bin_args(a, ne0, ne1);
    s0 = floats(e, 1, 640, -2, 2);
    s1 = floats(e, 2, (size_t)(64 * fuse), 0.5f, 2);
    for (int j = 0; j < fuse; j++)
        args_u64(a, 152 + (size_t)j * 8, (uint64_t)(64 * j * 4));
    buffer(e, 3, 640 * 4);
    for (int i = 0; i < 640; i++) {
        float sum = s1[i % 64];

        for (int j = 1; j < fuse; j++)
            sum += s1[64 * j + i % 64];
        want[i] = binop(e->kernel[7], s0[i], sum);
    }
    if (launch_threads(e, 160, 1, 1, 32))
        expect(e, e->b[3].map, want, 640, 1e-5f, 1e-5f);
}

/* kernel_scale, kernel_scale_4, kernel_clamp, kernel_leaky_relu_f32 */
void t_scale(struct env *e, bool options)
{
    float *s, want[512], a = 1.25f, b = -0.5f;
    char k = e->kernel[7];

    if (options)
        return;
    s = floats(e, 0, 512, -3, 3);
    buffer(e, 1, 2048);
    if (k == 'c') {
        a = -1.25f;
        b = 0.75f;
    } else if (k == 'l') {
        a = 0.1f;
    }
    *floats(e, 2, 4, 0, 0) = a;
    *floats(e, 3, 4, 0, 0) = b;
    for (int i = 0; i < 512; i++)
        want[i] = k == 's' ? s[i] * a + b : k == 'c' ? (s[i] < a ? a : s[i] > b ? b : s[i]) : s[i] > 0 ? s[i] : s[i] * a;
    if (launch_threads(e, strstr(e->kernel, "_4") ? 128 : 512, 1, 1, 32))
        expect(e, e->b[1].map, want, 512, 1e-5f, 1e-6f);
}

void t_glu(struct env *e, bool options)
{
    const int n = 100, rows = 3;
    uint8_t *a;
    float *x, *y, want[300], alpha = 1.702f, limit = 1.5f;
    const char *k = e->kernel + 7;

    if (options)
        return;
    x = floats(e, 0, 300, -3, 3);
    y = floats(e, 1, 300, -3, 3);
    buffer(e, 2, 1200);
    a = buffer(e, 3, 64);
    args_i32(a, 0, n);
    args_u64(a, 8, 400);
    args_i32(a, 16, n);
    args_u64(a, 24, 400);
    args_i32(a, 32, n);
    args_u64(a, 40, 400);
    args_f32(a, 56, alpha);
    args_f32(a, 60, limit);
    for (int i = 0; i < 300; i++) {
        float g = x[i], u = y[i];

        if (!strcmp(k, "reglu"))
            want[i] = g * u * (g > 0 ? 1.0f : 0.0f);
        else if (!strcmp(k, "geglu"))
            want[i] = gelu(g) * u;
        else if (!strcmp(k, "geglu_erf"))
            want[i] = 0.5f * g * (1 + erff(g * 0.70710678f)) * u;
        else if (!strcmp(k, "geglu_quick"))
            want[i] = g * sigmoid(1.702f * g) * u;
        else if (!strcmp(k, "swiglu"))
            want[i] = g * sigmoid(g) * u;
        else {
            g = fminf(g, limit);
            u = fmaxf(fminf(u, limit), -limit);
            want[i] = g * sigmoid(alpha * g) * (1 + u);
        }
    }
    if (launch(e, (uint32_t)rows, 1, 1, 32, 1))
        expect(e, e->b[2].map, want, 300, 1e-4f, 1e-5f);
}

/* arg: bytes per element */
void t_repeat(struct env *e, bool options)
{
    static const int ne0[4] = {8, 3, 2, 1}, ne[4] = {24, 6, 4, 2};
    uint8_t *a, *s, *want;
    size_t sz = (size_t)e->arg, n = 24 * 6 * 4 * 2;
    uint64_t nb0 = sz, nb = sz;

    if (options)
        return;
    a = buffer(e, 0, 128);
    for (size_t i = 0; i < 4; i++) {
        args_i32(a, i * 4, ne0[i]);
        args_u64(a, 16 + i * 8, nb0);
        args_i32(a, 48 + i * 4, ne[i]);
        args_u64(a, 64 + i * 8, nb);
        nb0 *= (uint64_t)ne0[i];
        nb *= (uint64_t)ne[i];
    }
    s = buffer(e, 1, 48 * sz);
    for (size_t i = 0; i < 48 * sz; i++) /* finite numbers of either width: a converting copy keeps them */
        s[i] = sz == 4 ? (uint8_t)(i * 7 % 60 + 1) : (uint8_t)(i * 5 % 59 + 1);
    buffer(e, 2, n * sz);
    want = malloc(n * sz);
    for (size_t i = 0; i < n; i++) {
        size_t x = i % 24 % 8, y = i / 24 % 6 % 3, z = i / 144 % 4 % 2;

        memcpy(want + i * sz, s + (x + y * 8 + z * 24) * sz, sz);
    }
    if (launch(e, 6, 4, 2, 16, 1))
        expect_bytes(e, e->b[2].map, want, n * sz);
    free(want);
}

void t_concat(struct env *e, bool options)
{
    static const int a0[4] = {10, 3, 2, 2}, b0[4] = {10, 4, 2, 2}, d0[4] = {10, 7, 2, 2};
    uint8_t *a;
    float *x, *y, want[280];
    uint64_t na = 4, nb = 4, nd = 4;

    if (options)
        return;
    a = buffer(e, 0, 256);
    for (size_t i = 0; i < 4; i++) {
        args_i32(a, i * 4, a0[i]);
        args_u64(a, 16 + i * 8, na);
        args_i32(a, 48 + i * 4, b0[i]);
        args_u64(a, 64 + i * 8, nb);
        args_i32(a, 96 + i * 4, d0[i]);
        args_u64(a, 112 + i * 8, nd);
        na *= (uint64_t)a0[i];
        nb *= (uint64_t)b0[i];
        nd *= (uint64_t)d0[i];
    }
    args_i32(a, 144, 1);
    x = floats(e, 1, 120, -1, 1);
    y = floats(e, 2, 160, -1, 1);
    buffer(e, 3, 280 * 4);
    for (int i = 0; i < 280; i++) {
        int c = i % 10, r = i / 10 % 7, p = i / 70;

        want[i] = r < 3 ? x[c + r * 10 + p * 30] : y[c + (r - 3) * 10 + p * 40];
    }
    if (launch(e, 7, 2, 2, 16, 1))
        expect(e, e->b[3].map, want, 280, 0, 0);
}

void t_diag_mask(struct env *e, bool options)
{
    uint8_t *a;
    float *x, want[16 * 12 * 2];
    bool by8 = strstr(e->kernel, "_8") != NULL;

    if (options)
        return;
    x = floats(e, 0, 384, -1, 1);
    buffer(e, 1, 384 * 4);
    a = buffer(e, 2, 32);
    args_u64(a, 0, 16);
    args_u64(a, 8, 12);
    args_i32(a, 16, 3);
    for (int i = 0; i < 384; i++)
        want[i] = i % 16 > 3 + i / 16 % 12 ? -INFINITY : x[i];
    if (by8 ? launch_threads(e, 48, 1, 1, 16) : launch_threads(e, 16, 12, 2, 16))
        expect(e, e->b[1].map, want, 384, 0, 0);
}

void t_arange(struct env *e, bool options)
{
    uint8_t *a;
    float want[77];

    if (options)
        return;
    buffer(e, 0, 77 * 4);
    a = buffer(e, 1, 16);
    args_u64(a, 0, 77);
    args_f32(a, 8, 2.5f);
    args_f32(a, 12, 0.25f);
    for (int i = 0; i < 77; i++)
        want[i] = 2.5f + 0.25f * (float)i;
    if (launch(e, 1, 1, 1, 32, 1))
        expect(e, e->b[0].map, want, 77, 1e-6f, 0);
}

static void shape_args(uint8_t *a, const int *ne0, const int *ne, size_t es0, size_t es)
{
    uint64_t n0 = es0, n = es;

    for (size_t i = 0; i < 4; i++) {
        args_u64(a, i * 8, (uint64_t)ne0[i]);
        args_u64(a, 32 + i * 8, n0);
        args_u64(a, 64 + i * 8, (uint64_t)ne[i]);
        args_u64(a, 96 + i * 8, n);
        n0 *= (uint64_t)ne0[i];
        n *= (uint64_t)ne[i];
    }
}

/* kernel_pad_f32, kernel_pad_reflect_1d_f32 */
void t_pad(struct env *e, bool options)
{
    bool reflect = strstr(e->kernel, "reflect") != NULL;
    const int ne0[4] = {20, 5, 2, 1}, ne[4] = {27, reflect ? 5 : 7, reflect ? 2 : 3, 1};
    int n = ne[0] * ne[1] * ne[2];
    float *x, want[27 * 7 * 3];
    uint8_t *a;

    if (options)
        return;
    x = floats(e, 0, 200, -1, 1);
    buffer(e, 1, (size_t)n * 4);
    a = buffer(e, 2, 160);
    shape_args(a, ne0, ne, 4, 4);
    args_i32(a, 128, 3);
    args_i32(a, 132, 4);
    for (int i = 0; i < n; i++) {
        int c = i % ne[0], r = i / ne[0] % ne[1], p = i / ne[0] / ne[1];

        if (reflect) {
            c -= 3;
            c = c < 0 ? -c : c >= 20 ? 38 - c : c;
            want[i] = x[c + r * 20 + p * 100];
        } else {
            want[i] = c < 20 && r < 5 && p < 2 ? x[c + r * 20 + p * 100] : 0;
        }
    }
    if (launch(e, (uint32_t)ne[1], (uint32_t)ne[2], 1, 32, 1))
        expect(e, e->b[1].map, want, (size_t)n, 0, 0);
}

void t_upscale(struct env *e, bool options)
{
    static const int ne0[4] = {6, 5, 2, 1}, ne[4] = {12, 15, 2, 1};
    float *x, want[360];
    uint8_t *a;

    if (options)
        return;
    x = floats(e, 0, 60, -1, 1);
    buffer(e, 1, 1440);
    a = buffer(e, 2, 160);
    shape_args(a, ne0, ne, 4, 4);
    for (size_t i = 0; i < 4; i++)
        args_f32(a, 128 + i * 4, (float)ne[i] / (float)ne0[i]);
    for (int i = 0; i < 360; i++)
        want[i] = x[i % 12 / 2 + i / 12 % 15 / 3 * 6 + i / 180 * 30];
    if (launch(e, 15, 2, 1, 32, 1))
        expect(e, e->b[1].map, want, 360, 0, 0);
}

void t_pool(struct env *e, bool options)
{
    const int IH = 9, IW = 11, OH = 4, OW = 5, planes = 3;
    bool avg = strstr(e->kernel, "avg") != NULL;
    float *x, want[60];
    uint8_t *a;

    if (options)
        return;
    x = floats(e, 0, (size_t)(IH * IW * planes), -1, 1);
    buffer(e, 1, 240);
    a = buffer(e, 2, 64);
    args_i32(a, 0, 3);
    args_i32(a, 4, 3);
    args_i32(a, 8, 2);
    args_i32(a, 12, 2);
    args_i32(a, 16, 0);
    args_i32(a, 20, 0);
    args_u64(a, 24, (uint64_t)IH);
    args_u64(a, 32, (uint64_t)IW);
    args_u64(a, 40, (uint64_t)OH);
    args_u64(a, 48, (uint64_t)OW);
    args_u64(a, 56, 60);
    for (int i = 0; i < 60; i++) {
        int ox = i % OW, oy = i / OW % OH, p = i / (OW * OH);
        float r = avg ? 0 : -INFINITY;

        for (int y = oy * 2; y < oy * 2 + 3; y++) {
            for (int c = ox * 2; c < ox * 2 + 3; c++) {
                float v = x[p * IH * IW + y * IW + c];

                r = avg ? r + v / 9 : fmaxf(r, v);
            }
        }
        want[i] = r;
    }
    if (launch_threads(e, 60, 1, 1, 32))
        expect(e, e->b[1].map, want, 60, 1e-5f, 1e-6f);
}

void t_im2col(struct env *e, bool options)
{
    const int N = 2, IC = 3, IH = 7, IW = 6, KH = 3, KW = 3, OH = 7, OW = 6;
    bool h = strstr(e->kernel, "f16") != NULL;
    int n = N * OH * OW * IC * KH * KW;
    uint8_t *a;
    float *x, *want, *got;

    if (options)
        return;
    x = floats(e, 0, (size_t)(N * IC * IH * IW), -1, 1);
    buffer(e, 1, (size_t)n * 4);
    a = buffer(e, 2, 128);
    args_u64(a, 0, (uint64_t)(IC * IH * IW));
    args_u64(a, 8, (uint64_t)(IH * IW));
    const int v[] = {IW, IH, IC * KH * KW, 1, 1, 1, 1, 1, 1, N, KH, KW, KH * KW};

    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
        args_i32(a, 16 + i * 4, v[i]);
    want = calloc((size_t)n, 4);
    got = calloc((size_t)n, 4);
    for (int b = 0; b < N; b++)
        for (int oh = 0; oh < OH; oh++)
            for (int ow = 0; ow < OW; ow++)
                for (int c = 0; c < IC; c++)
                    for (int k = 0; k < 9; k++) {
                        int y = oh + k / 3 - 1, z = ow + k % 3 - 1;

                        want[((b * OH + oh) * OW + ow) * IC * 9 + c * 9 + k] =
                            y < 0 || y >= IH || z < 0 || z >= IW ? 0 : x[(b * IC + c) * IH * IW + y * IW + z];
                    }
    e->run.groups[0] = (uint32_t)IC;
    e->run.groups[1] = (uint32_t)OH;
    e->run.groups[2] = (uint32_t)OW;
    e->run.local[0] = (uint32_t)N;
    e->run.local[1] = e->run.local[2] = 3;
    e->ran = vk_dispatch(e->vk, &e->fn, &e->run, e->detail, sizeof(e->detail));
    if (e->ran) {
        for (int i = 0; i < n; i++)
            got[i] = h ? half_get((uint8_t *)e->b[1].map + i * 2) : ((float *)e->b[1].map)[i];
        expect(e, got, want, (size_t)n, h ? 1e-3f : 0, 0);
    }
    free(want);
    free(got);
}

void t_timestep(struct env *e, bool options)
{
    const int dim = 64, rows = 3;
    float *t, want[192];
    uint8_t *a;

    if (options)
        return;
    t = floats(e, 0, 3, 0, 20);
    buffer(e, 1, 768);
    a = buffer(e, 2, 16);
    args_u64(a, 0, (uint64_t)dim * 4);
    args_i32(a, 8, dim);
    args_i32(a, 12, 10000);
    for (int r = 0; r < rows; r++) {
        for (int j = 0; j < 32; j++) {
            float x = t[r] * expf(-logf(10000) * (float)j / 32);

            want[r * 64 + j] = cosf(x);
            want[r * 64 + 32 + j] = sinf(x);
        }
    }
    if (launch(e, 3, 1, 1, 16, 1))
        expect(e, e->b[1].map, want, 192, 2e-4f, 2e-4f);
}

/* kernel_cpy_<from>_<to> of plain types, also with i32 */
void t_cpy(struct env *e, bool options)
{
    static const int ne[4] = {37, 5, 3, 2};
    char from[8] = "", to[8] = "";
    const struct quant *qf, *qt;
    uint8_t *a, *src;
    float *x, *got;
    size_t n = 37 * 5 * 3 * 2, sf, st;

    if (options)
        return;
    (void)sscanf(e->kernel, "kernel_cpy_%7[^_]_%7s", from, to);
    qf = quant_find(from);
    qt = quant_find(to);
    sf = qf ? (size_t)qf->bytes : 4;
    st = qt ? (size_t)qt->bytes : 4;
    a = buffer(e, 0, 128);
    shape_args(a, ne, ne, sf, st);
    x = malloc(n * 4);
    got = malloc(n * 4);
    if (qf) {
        src = blocks(e, 1, qf, n);
        unpack(qf, src, n, x);
        for (size_t i = 0; !qt && i < n; i++) { /* to integers: some of them */
            x[i] = (float)((int)i - 300);
            memcpy(src + i * 4, &x[i], 4);
        }
    } else {
        int32_t *s = buffer(e, 1, n * 4);

        for (size_t i = 0; i < n; i++) {
            s[i] = (int32_t)i - 500;
            x[i] = (float)s[i];
        }
    }
    buffer(e, 2, n * st);
    if (launch(e, 5, 3, 2, 32, 1)) {
        for (size_t i = 0; i < n; i++) {
            const uint8_t *d = (const uint8_t *)e->b[2].map + i * st;
            int32_t v;

            if (qt) {
                qt->dequant(d, &got[i]);
            } else {
                memcpy(&v, d, 4);
                got[i] = (float)v;
            }
        }
        expect(e, got, x, n, st == 2 ? (strcmp(to, "bf16") ? 1e-3f : 8e-3f) : 0, 1e-6f);
    }
    free(x);
    free(got);
}

/* How far a value may be from the block element that stands for it. */
static float step_of(const char *fmt, float lo, float hi)
{
    float amax = fmaxf(fabsf(lo), fabsf(hi));

    if (!strcmp(fmt, "q4_0"))
        return amax / 8 * 1.02f;
    if (!strcmp(fmt, "q5_0"))
        return amax / 16 * 1.02f;
    if (!strcmp(fmt, "q4_1"))
        return (hi - lo) / 15 * 0.52f + 2e-3f;
    if (!strcmp(fmt, "q5_1"))
        return (hi - lo) / 31 * 0.52f + 2e-3f;
    if (!strcmp(fmt, "q8_0"))
        return amax / 127 * 0.52f + 1e-3f;
    return amax * 0.13f; /* iq4_nl: half the widest gap of its table */
}

static void check_blocks(struct env *e, const struct quant *q, const uint8_t *got, const float *x, size_t n)
{
    float y[256];

    for (size_t b = 0; b < n / (size_t)q->elems; b++) {
        float lo = INFINITY, hi = -INFINITY, tol;

        q->dequant(got + b * (size_t)q->bytes, y);
        for (int i = 0; i < q->elems; i++) {
            lo = fminf(lo, x[b * (size_t)q->elems + (size_t)i]);
            hi = fmaxf(hi, x[b * (size_t)q->elems + (size_t)i]);
        }
        tol = q->elems == 1 ? fabsf(hi) * (strcmp(q->name, "bf16") ? 1e-3f : 8e-3f) + 1e-6f : step_of(q->name, lo, hi);
        expect(e, y, x + b * (size_t)q->elems, (size_t)q->elems, 0, tol);
    }
}

/* kernel_cpy_f32_<q> and kernel_cpy_<q>_{f32,f16} */
void t_cpy_quant(struct env *e, bool options)
{
    static const int ne[4] = {128, 3, 2, 1};
    const size_t n = 768;
    bool to = !strncmp(e->kernel, "kernel_cpy_f32_", 15), h;
    const struct quant *q;
    char name[16];
    uint8_t *a, *src;
    float x[768], got[768];
    size_t row;

    if (options)
        return;
    snprintf(name, sizeof(name), "%s", e->kernel + (to ? 15 : 11));
    h = !to && strstr(name, "_f16");
    if (!to)
        name[strlen(name) - 4] = 0;
    q = quant_find(name);
    a = buffer(e, 0, 128);
    shape_args(a, ne, ne, 4, 4);
    row = 128 / (size_t)q->elems * (size_t)q->bytes;
    for (size_t side = 0; side < 2; side++) {
        bool quantised = to == (side == 1);
        size_t es = quantised ? (size_t)q->bytes : h && side == 1 ? 2 : 4, at = side ? 96 : 32;
        uint64_t nb1 = quantised ? row : 128 * es;

        args_u64(a, at, es);
        args_u64(a, at + 8, nb1);
        args_u64(a, at + 16, nb1 * 3);
        args_u64(a, at + 24, nb1 * 6);
    }
    if (to) {
        float *s = floats(e, 1, n, -2, 2);

        memcpy(x, s, sizeof(x));
        buffer(e, 2, row * 6 + 64);
    } else {
        src = blocks(e, 1, q, n);
        unpack(q, src, n, x);
        buffer(e, 2, n * 4);
    }
    if (!launch(e, 3, 2, 1, 32, 1))
        return;
    if (to) {
        check_blocks(e, q, e->b[2].map, x, n);
    } else {
        for (size_t i = 0; i < n; i++)
            got[i] = h ? half_get((uint8_t *)e->b[2].map + i * 2) : ((float *)e->b[2].map)[i];
        expect(e, got, x, n, h ? 2e-3f : 1e-3f, h ? 2e-3f : 1e-4f);
    }
}

void t_get_rows(struct env *e, bool options)
{
    const struct quant *q = quant_find(e->kernel + 16);
    const size_t ne = 512, rows = 12, picks = 5;
    size_t row = q ? ne / (size_t)q->elems * (size_t)q->bytes : ne * 4;
    uint8_t *a, *src;
    int32_t *idx;
    float *x, *want;

    if (options)
        return;
    a = buffer(e, 0, 64);
    args_u64(a, 0, ne);
    args_u64(a, 8, row);
    args_u64(a, 16, row * rows);
    args_u64(a, 24, picks);
    args_u64(a, 32, 4);
    args_u64(a, 40, 4 * picks);
    args_u64(a, 48, ne * 4);
    args_u64(a, 56, ne * 4 * picks);
    x = calloc(ne * rows, 4);
    if (q) {
        src = blocks(e, 1, q, ne * rows);
        unpack(q, src, ne * rows, x);
    } else {
        int32_t *s = buffer(e, 1, ne * rows * 4);

        for (size_t i = 0; i < ne * rows; i++) {
            s[i] = (int32_t)(rng() & 0x7fff);
            memcpy(&x[i], &s[i], 4);
        }
    }
    idx = buffer(e, 2, picks * 4);
    buffer(e, 3, ne * picks * 4);
    want = malloc(ne * picks * 4);
    for (size_t i = 0; i < picks; i++) {
        idx[i] = (int32_t)(rng() % rows);
        memcpy(want + i * ne, x + (size_t)idx[i] * ne, ne * 4);
    }
    if (launch(e, (uint32_t)picks, 1, 1, 32, 1)) {
        if (q)
            expect(e, e->b[3].map, want, ne * picks, 1e-3f, 1e-4f);
        else
            expect_bytes(e, e->b[3].map, want, ne * picks * 4);
    }
    free(x);
    free(want);
}

void t_set_rows(struct env *e, bool options)
{
    const struct quant *q = quant_find(e->kernel + 16);
    const size_t ne = 128, rows = 4, all = 9;
    size_t row = ne / (size_t)q->elems * (size_t)q->bytes;
    static const int64_t where[4] = {7, 0, 3, 8};
    uint8_t *a;
    float *x;
    int64_t *idx;

    if (options)
        return;
    a = buffer(e, 0, 96);
    args_i32(a, 0, (int32_t)(ne / (size_t)q->elems));
    args_i32(a, 4, (int32_t)rows);
    args_u64(a, 8, ne * 4);
    args_u64(a, 16, ne * 4 * rows);
    args_u64(a, 24, ne * 4 * rows);
    args_i32(a, 32, 1);
    args_i32(a, 36, 1);
    args_u64(a, 40, 8);
    args_u64(a, 48, 8 * rows);
    args_u64(a, 56, 8 * rows);
    args_u64(a, 64, row);
    args_u64(a, 72, row * all);
    args_u64(a, 80, row * all);
    x = floats(e, 1, ne * rows, -2, 2);
    idx = buffer(e, 2, 32);
    memcpy(idx, where, 32);
    buffer(e, 3, row * all + 64);
    if (!launch(e, (uint32_t)rows, 1, 1, 32, 1))
        return;
    for (size_t r = 0; r < rows; r++)
        check_blocks(e, q, (uint8_t *)e->b[3].map + (size_t)where[r] * row, x + r * ne, ne);
}

void t_add_id(struct env *e, bool options)
{
    const size_t ne0 = 50, n1 = 3, n2 = 4, experts = 6;
    uint8_t *a;
    float *x, *y, want[600];
    int32_t *ids;

    if (options)
        return;
    a = buffer(e, 0, 64);
    args_u64(a, 0, ne0);
    args_u64(a, 8, n1);
    args_u64(a, 16, ne0 * 4);
    args_u64(a, 24, ne0 * n1 * 4);
    args_u64(a, 32, ne0 * 4);
    args_u64(a, 40, n1 * 4);
    x = floats(e, 1, 600, -1, 1);
    y = floats(e, 2, ne0 * experts, -1, 1);
    ids = buffer(e, 3, n1 * n2 * 4);
    buffer(e, 4, 2400);
    for (size_t i = 0; i < n1 * n2; i++)
        ids[i] = (int32_t)(rng() % experts);
    for (size_t i = 0; i < 600; i++)
        want[i] = x[i] + y[(size_t)ids[i / ne0] * ne0 + i % ne0];
    if (launch(e, (uint32_t)n1, (uint32_t)n2, 1, 32, 1))
        expect(e, e->b[4].map, want, 600, 1e-6f, 1e-6f);
}
