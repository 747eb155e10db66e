/* SPDX-License-Identifier: MIT */
/* Surface descriptors: the example of memory 5.3 byte by byte, and a table of everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "wire/surface.h"

/* 1920x1080 BGRA, pitch 7680, backing at page 0x200, tightly sized. */
static const uint8_t example[36] = {0x00, 0x90, 0x7e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00,
                                    0x41, 0x52, 0x47, 0x42, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                    0x80, 0x07, 0x00, 0x00, 0x38, 0x04, 0x00, 0x00, 0x00, 0x1e, 0x00, 0x04};

static void test_example(void **state)
{
    struct surface s;
    uint8_t out[36];

    (void)state;
    assert_int_equal(surface_decode(example, sizeof(example), &s), REFUSE_NONE);
    assert_int_equal(s.length_bytes, 0x7e9000);
    assert_int_equal(s.first_page, 0x200);
    assert_int_equal(s.format, 0x42475241);
    assert_int_equal(s.plane_count, 1);
    assert_int_equal(s.plane[0].offset_bytes, 0);
    assert_int_equal(s.plane[0].width_px, 1920);
    assert_int_equal(s.plane[0].height_px, 1080);
    assert_int_equal(s.plane[0].stride_bytes, 7680);
    assert_int_equal(s.plane[0].bytes_per_element, 4);
    assert_int_equal(surface_plane_check(&s, 0, 4, 8192), REFUSE_NONE);
    assert_int_equal(surface_encode(out, &s), 36);
    assert_memory_equal(out, example, 36);
}

static void test_decode(void **state)
{
    uint8_t bytes[0x14 + 16 * 9];
    struct surface s, t;

    (void)state;
    for (size_t n = 0; n < sizeof(example); n++)
        assert_int_equal(surface_decode(example, n, &s), REFUSE_DESCRIPTOR_SHORT);
    for (unsigned planes = 0; planes < 256; planes++) {
        memset(bytes, 1, sizeof(bytes));
        bytes[0x10] = (uint8_t)planes;
        assert_int_equal(surface_decode(bytes, sizeof(bytes), &s),
                         planes >= 1 && planes <= 8 ? REFUSE_NONE : REFUSE_SURFACE_PLANES);
        if (planes >= 2 && planes <= 8) { /* a declared plane beyond the descriptor */
            assert_int_equal(surface_decode(bytes, 0x14 + 16 * planes, &s), REFUSE_NONE);
            assert_int_equal(s.plane_count, planes);
            assert_int_equal(s.plane[planes - 1].width_px, 0x01010101);
            assert_int_equal(surface_decode(bytes, 0x14 + 16 * planes - 1, &s), REFUSE_SURFACE_PLANES);
            assert_int_equal(s.plane_count, 0);
        }
    }
    memcpy(bytes, example, 36);
    memset(bytes, 0, 8);
    assert_int_equal(surface_decode(bytes, 36, &s), REFUSE_SURFACE_EMPTY);
    memcpy(bytes, example, 36);
    memset(bytes + 8, 0, 4);
    assert_int_equal(surface_decode(bytes, 36, &s), REFUSE_SURFACE_EMPTY);

    /* Two planes there and back. */
    s = (struct surface){.length_bytes = 1ull << 40, .first_page = UINT32_MAX, .format = 0x34323066, .plane_count = 2};
    s.plane[0] = (struct surface_plane){64, 640, 480, 0xffffff, 1};
    s.plane[1] = (struct surface_plane){0xfffff000, 320, 240, 640, 255};
    assert_int_equal(surface_encode(bytes, &s), 52);
    assert_int_equal(surface_decode(bytes, 52, &t), REFUSE_NONE);
    assert_memory_equal(&s, &t, sizeof(s));
}

static const struct {
    const char *name;
    uint64_t length;
    struct surface_plane plane;
    uint32_t bpp;
    enum refuse want;
} plane_cases[] = {
    {"smallest", 4, {0, 1, 1, 4, 4}, 4, REFUSE_NONE},
    {"width 0", 4096, {0, 0, 1, 4, 4}, 4, REFUSE_SURFACE_EDGE},
    {"height 0", 4096, {0, 1, 0, 4, 4}, 4, REFUSE_SURFACE_EDGE},
    {"edges at limit", 8192ull * 8192 * 4, {0, 8192, 8192, 8192 * 4, 4}, 4, REFUSE_NONE},
    {"width over limit", 1ull << 40, {0, 8193, 1, 8193 * 4, 4}, 4, REFUSE_SURFACE_EDGE},
    {"height over limit", 1ull << 40, {0, 1, 8193, 4, 4}, 4, REFUSE_SURFACE_EDGE},
    {"width that wraps", 1ull << 40, {0, 0x40000001, 1, 4, 4}, 4, REFUSE_SURFACE_EDGE},
    {"stride 0", 4096, {0, 1, 1, 0, 4}, 4, REFUSE_SURFACE_STRIDE},
    {"stride one short", 1ull << 30, {0, 100, 2, 399, 4}, 4, REFUSE_SURFACE_STRIDE},
    {"stride of half float", 1ull << 30, {0, 100, 2, 400, 0}, 8, REFUSE_SURFACE_STRIDE},
    {"half float", 1600, {0, 100, 2, 800, 8}, 8, REFUSE_NONE},
    {"element size not stated", 800, {0, 100, 2, 400, 0}, 4, REFUSE_NONE},
    {"last row not padded", 384 * 26 + 27 * 2 + 0x850, {0x850, 27, 27, 384, 2}, 2, REFUSE_NONE},
    {"one byte beyond", 384 * 26 + 27 * 2 + 0x850 - 1, {0x850, 27, 27, 384, 2}, 2, REFUSE_SURFACE_BOUNDS},
    {"offset beyond", 4096, {4096, 1, 1, 4, 4}, 4, REFUSE_SURFACE_BOUNDS},
    {"offset that wraps 32 bits", 4096, {0xfffffffc, 1, 2, 4, 4}, 4, REFUSE_SURFACE_BOUNDS},
    {"largest product",
     0x100000000 + 8191ull * 0xffffff + 32768,
     {0xffffffff, 8192, 8192, 0xffffff, 4},
     4,
     REFUSE_NONE},
    {"largest product, backing short", 0x7fffffff, {0xffffffff, 8192, 8192, 0xffffff, 4}, 4, REFUSE_SURFACE_BOUNDS},
};

static void test_plane(void **state)
{
    struct surface s = {.first_page = 1, .plane_count = 1};

    (void)state;
    for (size_t i = 0; i < sizeof(plane_cases) / sizeof(plane_cases[0]); i++) {
        print_message("  %s\n", plane_cases[i].name);
        s.length_bytes = plane_cases[i].length;
        s.plane[0] = plane_cases[i].plane;
        assert_int_equal(surface_plane_check(&s, 0, plane_cases[i].bpp, 8192), plane_cases[i].want);
    }
    assert_int_equal(surface_plane_check(&s, 1, 4, 8192), REFUSE_SURFACE_PLANES);
    assert_int_equal(surface_plane_check(&s, UINT32_MAX, 4, 8192), REFUSE_SURFACE_PLANES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_plane),
    };

    return cmocka_run_group_tests_name("wire_surface", tests, NULL, NULL);
}
