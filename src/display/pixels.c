/* SPDX-License-Identifier: MIT */
/* Pixels: see pixels.h. */
#include "display/pixels.h"

#include <pthread.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/half.h"
#include "base/rd.h"
#include "wire/display.h"

bool pixels_are_bgra(uint32_t format)
{
    return wire_format_bytes(format) == 4 && format != FORMAT_RGBA;
}

void gamma_identity(struct gamma_lut *lut)
{
    lut->identity = true;
    for (uint32_t i = 0; i < 256; i++) {
        lut->r[i] = i << 16;
        lut->g[i] = i << 8;
        lut->b[i] = i;
    }
}

/* NaN compares false everywhere and becomes 0. */
static float clamp01(float v)
{
    if (v >= 1.0f)
        return 1.0f;
    return v > 0.0f ? v : 0.0f;
}

static uint8_t lookup(const float *plane, uint32_t entries, unsigned input)
{
    float at = (float)input / 255.0f * (float)(entries - 1);
    uint32_t i = (uint32_t)at;
    float a, b;

    if (i >= entries - 1)
        i = entries - 2;
    a = clamp01(plane[i]);
    b = clamp01(plane[i + 1]);
    return (uint8_t)((a + (b - a) * (at - (float)i)) * 255.0f + 0.5f);
}

void gamma_from_table(const float *table, uint32_t entries, struct gamma_lut *lut)
{
    lut->identity = true;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t r = lookup(table, entries, i);
        uint32_t g = lookup(table + entries, entries, i);
        uint32_t b = lookup(table + 2 * (size_t)entries, entries, i);

        lut->r[i] = r << 16;
        lut->g[i] = g << 8;
        lut->b[i] = b;
        lut->identity = lut->identity && r == i && g == i && b == i;
    }
}

static uint64_t gamma_two(const struct gamma_lut *lut, uint64_t px)
{
    uint32_t low = lut->r[px >> 16 & 255] | lut->g[px >> 8 & 255] | lut->b[px & 255];
    uint32_t high = lut->r[px >> 48 & 255] | lut->g[px >> 40 & 255] | lut->b[px >> 32 & 255];

    return (uint64_t)high << 32 | low | (px & 0xff000000ff000000);
}

/*
 * Four pixels at a time. Much of what displays show is flat: where four pixels are those before them, so is the result,
 * at the speed of memory. Others pay one comparison for it.
 */
void gamma_apply_portable(const struct gamma_lut *lut, struct pvg_frame *frame)
{
    uint8_t *p = frame->pixels, *end = p + (size_t)frame->stride_bytes * frame->height_px;
    uint64_t in[2] = {0}, out[2] = {gamma_two(lut, 0), gamma_two(lut, 0)};

    for (; end - p >= 16; p += 16) {
        uint64_t a = le64_get(p), b = le64_get(p + 8);

        if (a != in[0] || b != in[1]) {
            in[0] = a;
            in[1] = b;
            out[0] = gamma_two(lut, a);
            out[1] = gamma_two(lut, b);
        }
        le64_put(p, out[0]);
        le64_put(p + 8, out[1]);
    }
    for (; p < end; p += 4)
        le32_put(p, (uint32_t)gamma_two(lut, le32_get(p)));
}

#if defined(__x86_64__)
/* A table of 256 bytes fits in four registers: two permutes look all bytes of a register up, the inputs' top bits
 * choose. */
__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static void gamma_apply_avx512(const struct gamma_lut *lut,
                                                                                      struct pvg_frame *frame)
{
    uint8_t *p = frame->pixels, *end = p + (size_t)frame->stride_bytes * frame->height_px;
    __m512i table[3][4];

    for (unsigned c = 0; c < 3; c++) {
        uint8_t bytes[256];

        for (unsigned i = 0; i < 256; i++)
            bytes[i] = (uint8_t)(c == 0 ? lut->b[i] : c == 1 ? lut->g[i] >> 8 : lut->r[i] >> 16);
        for (unsigned i = 0; i < 4; i++)
            table[c][i] = _mm512_loadu_si512(bytes + 64 * i);
    }
    for (; p < end; p += 64) {
        __mmask64 there = end - p >= 64 ? ~0ull : (1ull << (end - p)) - 1;
        __m512i px = _mm512_maskz_loadu_epi8(there, p), out = px;
        __mmask64 high = _mm512_movepi8_mask(px);

        for (unsigned c = 0; c < 3; c++) {
            __mmask64 channel = 0x1111111111111111ull << c;

            out = _mm512_mask_mov_epi8(out, channel & ~high, _mm512_permutex2var_epi8(table[c][0], px, table[c][1]));
            out = _mm512_mask_mov_epi8(out, channel & high, _mm512_permutex2var_epi8(table[c][2], px, table[c][3]));
        }
        _mm512_mask_storeu_epi8(p, there, out);
    }
}
#endif

void gamma_apply(const struct gamma_lut *lut, struct pvg_frame *frame)
{
    if (lut->identity)
        return;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi")) {
        gamma_apply_avx512(lut, frame);
        return;
    }
#endif
    gamma_apply_portable(lut, frame);
}

void pixels_swap_red_blue(struct pvg_frame *frame)
{
    uint8_t *p = frame->pixels, *end = p + (size_t)frame->stride_bytes * frame->height_px;

    for (; end - p >= 8; p += 8) {
        uint64_t px = le64_get(p), rb = px & 0x00ff00ff00ff00ff;

        le64_put(p, (px ^ rb) | (rb >> 16 & 0x000000ff000000ff) | (rb & 0x000000ff000000ff) << 16);
    }
    for (; p < end; p += 4)
        le32_put(p, (le32_get(p) & 0xff00ff00) | p[0] << 16 | p[2]);
}

/* Bytes of the half floats from 0 to 1, by their bits; made at the first use. */
#define HALF_ONE 0x3c00u
#define HALF_INF 0x7c00u
static uint8_t half_bytes[HALF_ONE + 1];
static pthread_once_t half_once = PTHREAD_ONCE_INIT;

static void half_init(void)
{
    for (uint32_t h = 0; h <= HALF_ONE; h++)
        half_bytes[h] = (uint8_t)(half_to_float((uint16_t)h) * 255.0f + 0.5f);
}

/* Values below 0 and NaN give 0, above 1 give 255. */
static uint8_t half_to_byte(uint16_t h)
{
    uint32_t at = h > HALF_ONE ? HALF_ONE : h;

    return half_bytes[h > HALF_INF ? 0 : at];
}

void pixels_from_half(const uint8_t *src, size_t stride_bytes, struct pvg_frame *frame)
{
    pthread_once(&half_once, half_init);
    for (uint32_t y = 0; y < frame->height_px; y++) {
        uint8_t *dst = frame->pixels + (size_t)y * frame->stride_bytes;

        for (uint32_t x = 0; x < frame->width_px; x++, dst += 4) {
            uint16_t px[4];

            memcpy(px, src + y * stride_bytes + 8ull * x, sizeof(px));
            dst[0] = half_to_byte(px[2]);
            dst[1] = half_to_byte(px[1]);
            dst[2] = half_to_byte(px[0]);
            dst[3] = 255;
        }
    }
}

void pixels_draw_cursor(struct pvg_frame *frame, const struct pvg_cursor *cursor, int x, int y)
{
    for (int row = 0; row < cursor->height_px; row++) {
        const uint8_t *src = cursor->pixels + (size_t)row * cursor->stride_bytes;

        if (y + row < 0 || y + row >= (int)frame->height_px)
            continue;
        for (int col = 0; col < cursor->width_px; col++, src += 4) {
            uint8_t *dst;

            if (x + col < 0 || x + col >= (int)frame->width_px)
                continue;
            dst = frame->pixels + (size_t)(y + row) * frame->stride_bytes + 4 * (size_t)(x + col);
            for (int c = 0; c < 3; c++) {
                unsigned v = src[c] + (dst[c] * (255u - src[3]) + 127) / 255;

                dst[c] = v > 255 ? 255 : (uint8_t)v;
            }
        }
    }
}
