/* SPDX-License-Identifier: MIT */
/*
 * Block formats, written from their public description: a few scales per block, small integers per element. Plain loops in
 * the order of the elements, nothing shared with the kernels under test. The codebooks of the iq1, iq2 and iq3 formats are
 * data of the format, thousands of numbers: they are read from the modules that use them, by quant_codebook().
 */
#include "quant.h"
#include "base/half.h"

#include <math.h>
#include <stdbool.h>
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

/* Codebooks: each entry stands for 8 elements (4 in iq3), a byte each; iq1 packs two per byte. */
static uint64_t iq2_xxs_book[256], iq2_xs_book[512], iq2_s_book[1024], iq3_xxs_book[256], iq3_s_book[512], iq1_book[2048];

static const struct {
    const char *quant;
    uint64_t *book;
    size_t entries;
} codebooks[] = {
    {"iq2_xxs", iq2_xxs_book, 256}, {"iq2_xs", iq2_xs_book, 512}, {"iq2_s", iq2_s_book, 1024}, {"iq3_xxs", iq3_xxs_book, 256},
    {"iq3_s", iq3_s_book, 512},     {"iq1_s", iq1_book, 2048},    {"iq1_m", iq1_book, 2048},
};

uint64_t *quant_codebook(const char *name, size_t *entries)
{
    for (size_t i = 0; i < sizeof(codebooks) / sizeof(codebooks[0]); i++) {
        if (!strcmp(codebooks[i].quant, name)) {
            *entries = codebooks[i].entries;
            return codebooks[i].book;
        }
    }
    return NULL;
}

static int entry(uint64_t word, int j)
{
    return (int)(word >> (8 * j) & 255);
}

/* Seven signs are stored, the eighth makes their number even. */
static int sign7(uint32_t seven, int j)
{
    uint32_t eight = seven | (uint32_t)(__builtin_popcount(seven) & 1) << 7;

    return eight >> j & 1 ? -1 : 1;
}

static uint32_t word32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Per 32 elements: four indices of 8 bits, then four times seven signs and four bits of scale. */
static void iq2_xxs(const uint8_t *b, float *y)
{
    for (int i = 0; i < 256; i++) {
        const uint8_t *part = b + 2 + i / 32 * 8;
        uint32_t tail = word32(part + 4);
        int group = i % 32 / 8;

        y[i] = half_get(b) * 0.25f * (0.5f + (float)(tail >> 28)) * (float)entry(iq2_xxs_book[part[group]], i % 8) *
               (float)sign7(tail >> (7 * group) & 127, i % 8);
    }
}

/* Per 8 elements: an index of 9 bits and seven signs; per 16 elements four bits of scale. */
static void iq2_xs(const uint8_t *b, float *y)
{
    for (int i = 0; i < 256; i++) {
        uint32_t code = (uint32_t)(b[2 + i / 8 * 2] | b[3 + i / 8 * 2] << 8);
        int scale = b[66 + i / 32] >> (i % 32 / 16 * 4) & 15;

        y[i] = half_get(b) * 0.25f * (0.5f + (float)scale) * (float)entry(iq2_xs_book[code & 511], i % 8) *
               (float)sign7(code >> 9, i % 8);
    }
}

/* Indices of 10 bits, two of them apart; a whole byte of signs per 8 elements; four bits of scale per 16. */
static void iq2_s(const uint8_t *b, float *y)
{
    for (int i = 0; i < 256; i++) {
        int group = i / 8, index = b[2 + group] | (b[66 + i / 32] >> (group % 4 * 2) & 3) << 8;
        int scale = b[74 + i / 32] >> (i % 32 / 16 * 4) & 15;

        y[i] = half_get(b) * 0.25f * (0.5f + (float)scale) * (float)entry(iq2_s_book[index], i % 8) *
               (b[34 + group] >> (i % 8) & 1 ? -1.0f : 1.0f);
    }
}

/* As iq2_xxs, with an index per 4 elements. */
static void iq3_xxs(const uint8_t *b, float *y)
{
    for (int i = 0; i < 256; i++) {
        uint32_t tail = word32(b + 66 + i / 32 * 4);

        y[i] = half_get(b) * 0.5f * (0.5f + (float)(tail >> 28)) * (float)entry(iq3_xxs_book[b[2 + i / 4]], i % 4) *
               (float)sign7(tail >> (i % 32 / 8 * 7) & 127, i % 8);
    }
}

static void iq3_s(const uint8_t *b, float *y)
{
    for (int i = 0; i < 256; i++) {
        int index = b[2 + i / 4] | (b[66 + i / 32] >> (i % 32 / 4) & 1) << 8;
        int scale = b[106 + i / 64] >> (i % 64 / 32 * 4) & 15;

        y[i] = half_get(b) * (float)(1 + 2 * scale) * (float)entry(iq3_s_book[index], i % 4) *
               (b[74 + i / 8] >> (i % 8) & 1 ? -1.0f : 1.0f);
    }
}

/* Elements of -1, 0 and 1, stored one higher in the low and then the high halves of four bytes, all moved by an eighth. */
static float iq1(int index, int j, bool down)
{
    int v = (int)(iq1_book[index] >> (8 * (j % 4) + (j < 4 ? 0 : 4)) & 15);

    return (float)(v - 1) + (down ? -0.125f : 0.125f);
}

static void iq1_s(const uint8_t *b, float *y)
{
    for (int i = 0; i < 256; i++) {
        int high = b[34 + i / 32 * 2] | b[35 + i / 32 * 2] << 8, group = i % 32 / 8;
        int index = b[2 + i / 8] | (high >> (3 * group) & 7) << 8;

        y[i] = half_get(b) * (float)(2 * (high >> 12 & 7) + 1) * iq1(index, i % 8, high & 0x8000);
    }
}

static void iq1_m(const uint8_t *b, float *y)
{
    uint8_t d[2] = {(uint8_t)(b[49] >> 4 | (b[51] & 0xf0)), (uint8_t)(b[53] >> 4 | (b[55] & 0xf0))};

    for (int i = 0; i < 256; i++) {
        int high = b[32 + i / 16] >> (i % 16 / 8 * 4), index = b[i / 8] | (high & 7) << 8;
        int scales = b[48 + i / 64 * 2] | b[49 + i / 64 * 2] << 8, scale = scales >> (i % 64 / 16 * 3) & 7;

        y[i] = half_get(d) * (float)(2 * scale + 1) * iq1(index, i % 8, high & 8);
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
    {"bf16", 1, 2, bf16, -1, -1},      {"iq2_xxs", 256, 66, iq2_xxs, 0, -1}, {"iq2_xs", 256, 74, iq2_xs, 0, -1},
    {"iq2_s", 256, 82, iq2_s, 0, -1},  {"iq3_xxs", 256, 98, iq3_xxs, 0, -1}, {"iq3_s", 256, 110, iq3_s, 0, -1},
    {"iq1_s", 256, 50, iq1_s, 0, -1},  {"iq1_m", 256, 56, iq1_m, -1, -1},
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
