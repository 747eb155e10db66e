/* SPDX-License-Identifier: MIT */
/* Pixels: see pixels.h. */
#include "display/pixels.h"

#include <string.h>

#include "base/half.h"
#include "wire/display.h"

bool pixels_are_bgra(uint32_t format)
{
    return wire_format_bytes(format) == 4 && format != FORMAT_RGBA;
}

void gamma_identity(struct gamma_lut *lut)
{
    lut->identity = true;
    for (unsigned i = 0; i < 256; i++)
        lut->r[i] = lut->g[i] = lut->b[i] = (uint8_t)i;
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
    for (unsigned i = 0; i < 256; i++) {
        lut->r[i] = lookup(table, entries, i);
        lut->g[i] = lookup(table + entries, entries, i);
        lut->b[i] = lookup(table + 2 * (size_t)entries, entries, i);
        lut->identity = lut->identity && lut->r[i] == i && lut->g[i] == i && lut->b[i] == i;
    }
}

void gamma_apply(const struct gamma_lut *lut, struct pvg_frame *frame)
{
    uint8_t *p = frame->pixels, *end = p + (size_t)frame->stride_bytes * frame->height_px;

    if (lut->identity)
        return;
    for (; p < end; p += 4) {
        p[0] = lut->b[p[0]];
        p[1] = lut->g[p[1]];
        p[2] = lut->r[p[2]];
    }
}

void pixels_swap_red_blue(struct pvg_frame *frame)
{
    uint8_t *p = frame->pixels, *end = p + (size_t)frame->stride_bytes * frame->height_px;

    for (; p < end; p += 4) {
        uint8_t r = p[0];

        p[0] = p[2];
        p[2] = r;
    }
}

/* Values below 0 and NaN give 0, above 1 give 255. */
static uint8_t half_to_byte(uint16_t h)
{
    return (uint8_t)(clamp01(half_to_float(h)) * 255.0f + 0.5f);
}

void pixels_from_half(const uint8_t *src, size_t stride_bytes, struct pvg_frame *frame)
{
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
