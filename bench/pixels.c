/* SPDX-License-Identifier: MIT */
/*
 * Passes over the pixels of one 1920x1080 picture: gamma tables, formats that need conversion. Beside memcpy of the
 * same picture. Uses the library's insides: in a present these come after the copy.
 *
 * Two pictures: "desktop" has flat areas and a window full of text; in "photograph" no pixel is like its neighbour.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "display/pixels.h"
#include "measure.h"

#define WIDTH       1920
#define HEIGHT      1080
#define FRAME_BYTES (4ull * WIDTH * HEIGHT)
#define ROUNDS      100

static uint32_t noise(void)
{
    static uint32_t seed;

    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* Text: cells of 8x16 pixels, an inked core of smoothed strokes in two thirds of them. */
static uint32_t desktop_pixel(uint32_t x, uint32_t y)
{
    uint32_t cell = (x / 8 * 2654435761u ^ y / 16 * 40503u) >> 7;
    bool window = x > 200 && x < 1700 && y > 80 && y < 1000;

    if (!window)
        return 0xff2e3440;
    if (y < 110)
        return 0xffd8dee9;
    if (cell % 3 && x % 8 > 0 && x % 8 < 7 && y % 16 > 2 && y % 16 < 14 && (cell >> (x + y) % 8 & 1))
        return 0xff000000 | (noise() & 0x3f) * 0x010101;
    return 0xffffffff;
}

static void restore(struct pvg_frame *f, const uint32_t *picture, struct samples *memcpy_us)
{
    uint64_t begin = now_ns();

    memcpy(f->pixels, picture, FRAME_BYTES);
    samples_add(memcpy_us, (double)(now_ns() - begin) / 1e3);
}

static void measure(const char *what, const uint32_t *picture, const struct gamma_lut *lut, struct pvg_frame *f)
{
    struct samples gamma_us = {0}, portable_us = {0}, swap_us = {0}, memcpy_us = {0};
    char name[80];

    for (int i = 0; i < ROUNDS; i++) {
        uint64_t begin;

        restore(f, picture, &memcpy_us);
        begin = now_ns();
        gamma_apply(lut, f);
        samples_add(&gamma_us, (double)(now_ns() - begin) / 1e3);
        restore(f, picture, &memcpy_us);
        begin = now_ns();
        gamma_apply_portable(lut, f);
        samples_add(&portable_us, (double)(now_ns() - begin) / 1e3);
        restore(f, picture, &memcpy_us);
        begin = now_ns();
        pixels_swap_red_blue(f);
        samples_add(&swap_us, (double)(now_ns() - begin) / 1e3);
    }
    snprintf(name, sizeof(name), "gamma table over 1920x1080, %s", what);
    result_lower(name, "us", samples_quantile(&gamma_us, 0.5), samples_quantile(&memcpy_us, 0.5), "memcpy");
    snprintf(name, sizeof(name), "gamma table over 1920x1080, without AVX-512, %s", what);
    result_lower(name, "us", samples_quantile(&portable_us, 0.5), samples_quantile(&memcpy_us, 0.5), "memcpy");
    snprintf(name, sizeof(name), "R,G,B,A to B,G,R,A over 1920x1080, %s", what);
    result_lower(name, "us", samples_quantile(&swap_us, 0.5), samples_quantile(&memcpy_us, 0.5), "memcpy");
    samples_free(&gamma_us);
    samples_free(&portable_us);
    samples_free(&swap_us);
    samples_free(&memcpy_us);
}

/* Values from 0 to 1 that differ from pixel to pixel. */
static void measure_half(struct pvg_frame *f)
{
    uint16_t *src = malloc(2 * FRAME_BYTES);
    uint8_t *dst = calloc(1, 2 * FRAME_BYTES);
    struct samples half_us = {0}, memcpy_us = {0};

    if (!src || !dst)
        die("out of memory");
    for (size_t i = 0; i < FRAME_BYTES; i++)
        src[i] = (uint16_t)(noise() % 0x3c01);
    for (int i = 0; i < ROUNDS / 4; i++) {
        uint64_t begin = now_ns(), middle;

        pixels_from_half((const uint8_t *)src, 8ull * WIDTH, f);
        middle = now_ns();
        memcpy(dst, src, 2 * FRAME_BYTES);
        samples_add(&memcpy_us, (double)(now_ns() - middle) / 1e3);
        samples_add(&half_us, (double)(middle - begin) / 1e3);
    }
    result_lower("half floats to bytes over 1920x1080, photograph", "us", samples_quantile(&half_us, 0.5),
                 samples_quantile(&memcpy_us, 0.5), "memcpy of the half floats");
    samples_free(&half_us);
    samples_free(&memcpy_us);
    free(src);
    free(dst);
}

int main(void)
{
    struct pvg_frame f = {.width_px = WIDTH, .height_px = HEIGHT, .stride_bytes = 4 * WIDTH};
    uint32_t *desktop = malloc(FRAME_BYTES), *photograph = malloc(FRAME_BYTES);
    float table[3 * 256];
    struct gamma_lut lut;

    f.pixels = malloc(FRAME_BYTES);
    if (!desktop || !photograph || !f.pixels)
        die("out of memory");
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++) {
            desktop[y * WIDTH + x] = desktop_pixel(x, y);
            photograph[y * WIDTH + x] = noise();
        }
    for (int i = 0; i < 256; i++) { /* a warm light: less green, little blue */
        table[i] = (float)i / 255;
        table[256 + i] = 0.8f * (float)i / 255;
        table[512 + i] = 0.5f * (float)i / 255;
    }
    gamma_from_table(table, 256, &lut);
    measure("desktop", desktop, &lut, &f);
    measure("photograph", photograph, &lut, &f);
    measure_half(&f);
    free(desktop);
    free(photograph);
    free(f.pixels);
    return 0;
}
