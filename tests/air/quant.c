/* SPDX-License-Identifier: MIT */
/*
 * Block formats, written from their public description: a few scales per block, small integers per element. Plain loops in
 * the order of the elements, nothing shared with the kernels under test.
 */
#include "quant.h"
#include "base/half.h"

#include <math.h>
#include <string.h>

float half_get(const uint8_t *p)
{
    return half_to_float((uint16_t)(p[0] | p[1] << 8));
}

void half_put(uint8_t *p, float f)
{
    uint16_t h = half_from_double((double)f);

    memcpy(p, &h, 2);
}

float bf16_get(const uint8_t *p)
{
    uint32_t u = (uint32_t)(p[0] | p[1] << 8) << 16;
    float f;

    memcpy(&f, &u, 4);
    return f;
}

void bf16_put(uint8_t *p, float f)
{
    uint32_t u;

    memcpy(&u, &f, 4);
    u = (u + 0x7fff + (u >> 16 & 1)) >> 16;
    p[0] = (uint8_t)u;
    p[1] = (uint8_t)(u >> 8);
}

static const int8_t nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const int8_t fp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static void q4_0(const uint8_t *b, float *y)
{
    for (int j = 0; j < 16; j++) {
        y[j] = (float)((b[2 + j] & 15) - 8) * half_get(b);
        y[j + 16] = (float)((b[2 + j] >> 4) - 8) * half_get(b);
    }
}

static void q4_1(const uint8_t *b, float *y)
{
    for (int j = 0; j < 16; j++) {
        y[j] = (float)(b[4 + j] & 15) * half_get(b) + half_get(b + 2);
        y[j + 16] = (float)(b[4 + j] >> 4) * half_get(b) + half_get(b + 2);
    }
}

static int fifth(const uint8_t *qh, int j)
{
    return (qh[j / 8] >> (j % 8) & 1) << 4;
}

static void q5_0(const uint8_t *b, float *y)
{
    for (int j = 0; j < 16; j++) {
        y[j] = (float)(((b[6 + j] & 15) | fifth(b + 2, j)) - 16) * half_get(b);
        y[j + 16] = (float)(((b[6 + j] >> 4) | fifth(b + 2, j + 16)) - 16) * half_get(b);
    }
}

static void q5_1(const uint8_t *b, float *y)
{
    for (int j = 0; j < 16; j++) {
        y[j] = (float)((b[8 + j] & 15) | fifth(b + 4, j)) * half_get(b) + half_get(b + 2);
        y[j + 16] = (float)((b[8 + j] >> 4) | fifth(b + 4, j + 16)) * half_get(b) + half_get(b + 2);
    }
}

static void q8_0(const uint8_t *b, float *y)
{
    for (int j = 0; j < 32; j++)
        y[j] = (float)(int8_t)b[2 + j] * half_get(b);
}

static void iq4_nl(const uint8_t *b, float *y)
{
    for (int j = 0; j < 16; j++) {
        y[j] = (float)nl_values[b[2 + j] & 15] * half_get(b);
        y[j + 16] = (float)nl_values[b[2 + j] >> 4] * half_get(b);
    }
}

static void mxfp4(const uint8_t *b, float *y)
{
    for (int j = 0; j < 16; j++) {
        y[j] = (float)fp4_values[b[1 + j] & 15] * ldexpf(1, b[0] - 128);
        y[j + 16] = (float)fp4_values[b[1 + j] >> 4] * ldexpf(1, b[0] - 128);
    }
}

static void q2_k(const uint8_t *b, float *y)
{
    float d = half_get(b + 80), m = half_get(b + 82);

    for (int i = 0; i < 256; i++) {
        int part = i / 128, in = i % 128, shift = in / 32 * 2, sc = b[i / 16];

        y[i] = d * (float)(sc & 15) * (float)(b[16 + part * 32 + in % 32] >> shift & 3) - m * (float)(sc >> 4);
    }
}

static int q3_scale(const uint8_t *s, int i)
{
    int low = i < 8 ? s[i] & 15 : s[i - 8] >> 4;

    return (low | (s[8 + i % 4] >> (i / 4 * 2) & 3) << 4) - 32;
}

static void q3_k(const uint8_t *b, float *y)
{
    float d = half_get(b + 108);

    for (int i = 0; i < 256; i++) {
        int part = i / 128, in = i % 128, j = in / 32, l = in % 32;
        int q = b[32 + part * 32 + l] >> (j * 2) & 3;

        q -= b[l] >> (part * 4 + j) & 1 ? 0 : 4;
        y[i] = d * (float)q3_scale(b + 96, i / 16) * (float)q;
    }
}

static void scale_min(const uint8_t *s, int j, int *sc, int *m)
{
    if (j < 4) {
        *sc = s[j] & 63;
        *m = s[j + 4] & 63;
    } else {
        *sc = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        *m = s[j + 4] >> 4 | (s[j] >> 6) << 4;
    }
}

static void q4_k(const uint8_t *b, float *y)
{
    for (int i = 0; i < 256; i++) {
        int sc, m, byte = b[16 + i / 64 * 32 + i % 32];

        scale_min(b + 4, i / 32, &sc, &m);
        y[i] = half_get(b) * (float)sc * (float)(i / 32 % 2 ? byte >> 4 : byte & 15) - half_get(b + 2) * (float)m;
    }
}

static void q5_k(const uint8_t *b, float *y)
{
    for (int i = 0; i < 256; i++) {
        int sc, m, byte = b[48 + i / 64 * 32 + i % 32], hi = b[16 + i % 32] >> (i / 32) & 1;

        scale_min(b + 4, i / 32, &sc, &m);
        y[i] = half_get(b) * (float)sc * (float)((i / 32 % 2 ? byte >> 4 : byte & 15) + hi * 16) - half_get(b + 2) * (float)m;
    }
}

static void q6_k(const uint8_t *b, float *y)
{
    const int8_t *sc = (const int8_t *)b + 192;

    for (int i = 0; i < 256; i++) {
        int part = i / 128, in = i % 128, quarter = in / 32, l = in % 32;
        int ql = b[part * 64 + (quarter & 1) * 32 + l], qh = b[128 + part * 32 + l] >> (quarter * 2) & 3;
        int q = ((quarter < 2 ? ql & 15 : ql >> 4) | qh << 4) - 32;

        y[i] = half_get(b + 208) * (float)sc[part * 8 + l / 16 + quarter * 2] * (float)q;
    }
}

static void iq4_xs(const uint8_t *b, float *y)
{
    int h = b[2] | b[3] << 8;

    for (int i = 0; i < 256; i++) {
        int ib = i / 32, j = i % 32, ls = (b[4 + ib / 2] >> (4 * (ib % 2)) & 15) | (h >> (2 * ib) & 3) << 4;
        int byte = b[8 + ib * 16 + j % 16];

        y[i] = half_get(b) * (float)(ls - 32) * (float)nl_values[j < 16 ? byte & 15 : byte >> 4];
    }
}

static void f32(const uint8_t *b, float *y)
{
    memcpy(y, b, 4);
}

static void f16(const uint8_t *b, float *y)
{
    *y = half_get(b);
}

static void bf16(const uint8_t *b, float *y)
{
    *y = bf16_get(b);
}

const struct quant quants[] = {
    {"q4_0", 32, 18, q4_0, 0, -1},     {"q4_1", 32, 20, q4_1, 0, 2},   {"q5_0", 32, 22, q5_0, 0, -1},
    {"q5_1", 32, 24, q5_1, 0, 2},      {"q8_0", 32, 34, q8_0, 0, -1},  {"iq4_nl", 32, 18, iq4_nl, 0, -1},
    {"mxfp4", 32, 17, mxfp4, -1, -1},  {"q2_K", 256, 84, q2_k, 80, 82}, {"q3_K", 256, 110, q3_k, 108, -1},
    {"q4_K", 256, 144, q4_k, 0, 2},    {"q5_K", 256, 176, q5_k, 0, 2}, {"q6_K", 256, 210, q6_k, 208, -1},
    {"iq4_xs", 256, 136, iq4_xs, 0, -1}, {"f32", 1, 4, f32, -1, -1},   {"f16", 1, 2, f16, -1, -1},
    {"bf16", 1, 2, bf16, -1, -1},
};
const int quant_count = sizeof(quants) / sizeof(quants[0]);

const struct quant *quant_find(const char *name)
{
    for (int i = 0; i < quant_count; i++) {
        if (!strcmp(quants[i].name, name))
            return &quants[i];
    }
    return 0;
}
