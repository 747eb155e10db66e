/* SPDX-License-Identifier: MIT */
/* Pixels by value (src/display/pixels.c): every input of every conversion, pictures of odd sizes, runs of equal pixels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/half.h"
#include "base/rd.h"
#include "display/pixels.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    uint32_t width_px, height_px;
} sizes[] = {{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {7, 3}, {8, 2}, {31, 5}, {256, 256}};

static uint32_t seed;

static uint32_t noise(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* Exactly as many bytes as the picture has: a sanitizer sees a step too far. */
static struct pvg_frame picture_new(uint32_t width_px, uint32_t height_px)
{
    struct pvg_frame f = {.width_px = width_px, .height_px = height_px, .stride_bytes = 4 * width_px};

    f.pixels = malloc((size_t)f.stride_bytes * height_px);
    assert_non_null(f.pixels);
    return f;
}

/* Pixels that differ from their neighbours, then runs of equal ones, of every length from 1 on, zeros among them. */
static void fill(struct pvg_frame *f, bool runs)
{
    uint32_t left = 0, length = 0, px = 0;

    for (size_t i = 0; i < (size_t)f->width_px * f->height_px; i++) {
        if (!left) {
            left = runs ? ++length : 1;
            px = runs && length % 3 == 0 ? 0 : noise() << 16 ^ noise();
        }
        left--;
        le32_put(f->pixels + 4 * i, px);
    }
}

typedef void apply_fn(const struct gamma_lut *lut, struct pvg_frame *f);

static void check_gamma(apply_fn *apply, const struct gamma_lut *lut, const uint8_t want[3][256], struct pvg_frame *f)
{
    size_t bytes = (size_t)f->stride_bytes * f->height_px;
    uint8_t *before = malloc(bytes);

    assert_non_null(before);
    memcpy(before, f->pixels, bytes);
    apply(lut, f);
    for (size_t i = 0; i < bytes; i += 4) {
        assert_int_equal(f->pixels[i], want[2][before[i]]);
        assert_int_equal(f->pixels[i + 1], want[1][before[i + 1]]);
        assert_int_equal(f->pixels[i + 2], want[0][before[i + 2]]);
        assert_int_equal(f->pixels[i + 3], before[i + 3]);
    }
    free(before);
}

/* As this processor does it, and as those without its instructions do. */
static void check_table(const float *table, const uint8_t want[3][256], bool identity)
{
    static apply_fn *const ways[] = {gamma_apply, gamma_apply_portable};
    struct gamma_lut lut;

    gamma_from_table(table, 256, &lut);
    assert_int_equal(lut.identity, identity);
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (unsigned way = 0; way < 2 * COUNT(ways); way++) {
            struct pvg_frame f = picture_new(sizes[i].width_px, sizes[i].height_px);

            fill(&f, way & 1);
            check_gamma(ways[way / 2], &lut, want, &f);
            free(f.pixels);
        }
}

/* Tables of 256 entries: an entry per input, nothing to interpolate. */
static void test_gamma(void **state)
{
    uint8_t want[3][256];
    float table[3 * 256];

    for (int round = 0; round < 8; round++) {
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 256; i++) {
                want[c][i] = round ? (uint8_t)noise() : (uint8_t)(255 - i);
                table[c * 256 + i] = (float)want[c][i] / 255.0f;
            }
        check_table(table, want, false);
    }
}

/* A table that changes one value of one channel is not "changes nothing". */
static void test_gamma_identity(void **state)
{
    uint8_t want[3][256];
    float table[3 * 256];
    struct gamma_lut lut;

    for (int i = 0; i < 3 * 256; i++) {
        want[i / 256][i % 256] = (uint8_t)i;
        table[i] = (float)(i % 256) / 255.0f;
    }
    check_table(table, want, true);
    gamma_identity(&lut);
    assert_true(lut.identity);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 256; i += 51) {
            want[c][i] ^= 1;
            table[c * 256 + i] = (float)want[c][i] / 255.0f;
            check_table(table, want, false);
            want[c][i] ^= 1;
            table[c * 256 + i] = (float)want[c][i] / 255.0f;
        }
}

static void test_swap(void **state)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct pvg_frame f = picture_new(sizes[i].width_px, sizes[i].height_px);
        size_t bytes = (size_t)f.stride_bytes * f.height_px;
        uint8_t *before = malloc(bytes);

        assert_non_null(before);
        fill(&f, false);
        memcpy(before, f.pixels, bytes);
        pixels_swap_red_blue(&f);
        for (size_t b = 0; b < bytes; b += 4) {
            assert_int_equal(f.pixels[b], before[b + 2]);
            assert_int_equal(f.pixels[b + 1], before[b + 1]);
            assert_int_equal(f.pixels[b + 2], before[b]);
            assert_int_equal(f.pixels[b + 3], before[b + 3]);
        }
        free(before);
        free(f.pixels);
    }
}

static uint8_t half_byte(uint16_t h)
{
    double v = half_to_float(h);

    return !(v > 0) ? 0 : v >= 1 ? 255 : (uint8_t)(v * 255 + 0.5);
}

/* All 65536 bit patterns in each channel; rows with a gap between them. */
static void test_half(void **state)
{
    struct pvg_frame f = picture_new(256, 256);
    size_t stride = 256 * 8 + 24;
    uint8_t *src = calloc(256, stride);

    assert_non_null(src);
    for (uint32_t h = 0; h < 65536; h++) {
        uint8_t *px = src + h / 256 * stride + h % 256 * 8;

        le16_put(px, (uint16_t)h);
        le16_put(px + 2, (uint16_t)(h + 1));
        le16_put(px + 4, (uint16_t)(h * 31));
        le16_put(px + 6, (uint16_t)noise());
    }
    pixels_from_half(src, stride, &f);
    for (uint32_t h = 0; h < 65536; h++) {
        const uint8_t *px = f.pixels + 4 * (size_t)h;

        assert_int_equal(px[2], half_byte((uint16_t)h));
        assert_int_equal(px[1], half_byte((uint16_t)(h + 1)));
        assert_int_equal(px[0], half_byte((uint16_t)(h * 31)));
        assert_int_equal(px[3], 255);
    }
    free(src);
    free(f.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gamma),
        cmocka_unit_test(test_gamma_identity),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_half),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
