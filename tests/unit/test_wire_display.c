/* SPDX-License-Identifier: MIT */
/* Display payloads, the shared page, gamma sums and pointer checks (display 3.2, 4, 8.1, 9.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "base/rd.h"
#include "wire/display.h"

static void test_presents(void **state)
{
    static const uint8_t two[12] = {1, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0};
    uint8_t three[0x24], swap[0x28];
    struct present p;

    present_decode_transaction2(two, &p);
    assert_int_equal(p.port, 1);
    assert_int_equal(p.surface, 3);
    assert_int_equal(p.task, 9);
    assert_int_equal(p.gamma.gva, 0);

    for (unsigned i = 0; i < sizeof(three); i++)
        three[i] = (uint8_t)(i + 1);
    present_decode_transaction3(three, &p);
    assert_int_equal(p.port, 0x04030201);
    assert_int_equal(p.task, 0x08070605);
    assert_int_equal(p.surface, 0x0c0b0a09);
    assert_true(p.gamma.gva == 0x14131211100f0e0d); /* not aligned */
    assert_true(p.gamma.length_bytes == 0x1c1b1a1918171615);
    assert_int_equal(p.gamma.entries, 0x201f1e1d);
    assert_int_equal(p.gamma.sum, 0x24232221);

    /* the tail as recorded from a live guest (display 3.2) */
    memset(swap, 0, sizeof(swap));
    le32_put(swap + 8, 77);
    le64_put(swap + 0x10, 0x104000);
    le64_put(swap + 0x18, 0x4000);
    le32_put(swap + 0x20, 0x101);
    le32_put(swap + 0x24, 0x48400000);
    present_decode_swap_mapping(swap, 40, &p);
    assert_int_equal(p.surface, 77);
    assert_true(p.gamma.gva == 0x104000 && p.gamma.length_bytes == 0x4000);
    assert_int_equal(p.gamma.entries, 257);
    assert_int_equal(p.gamma.sum, 0x48400000);
    assert_true(gamma_ref_ok(&p.gamma));
    present_decode_swap_mapping(swap, 36, &p); /* short: without gamma */
    assert_true(p.gamma.gva == 0 && p.gamma.entries == 0);
}

/* H12: the identity of 257 entries. */
static void test_identity_sum(void **state)
{
    static float table[3 * 257];

    for (unsigned i = 0; i < 3 * 257; i++)
        table[i] = (float)(i % 257) / 256.0f;
    assert_int_equal(wire_sum(table, 3 * 257), 0x48400000);
    assert_int_equal(wire_sum(table, 0), 0);
}

static void test_gamma_ref(void **state)
{
    static const struct {
        uint32_t entries;
        uint64_t length;
        bool ok;
    } cases[] = {{0, 4096, false}, {1, 4096, false}, {2, 24, true}, {2, 23, false}, {257, 3084, true}, {257, 3083, false},
                 {4096, 49152, true}, {4097, 1 << 20, false}, {0xffffffff, ~0ull, false}, {0x15555556, 8, false}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gamma_ref ref = {.gva = 1, .entries = cases[i].entries, .length_bytes = cases[i].length};

        assert_int_equal(gamma_ref_ok(&ref), cases[i].ok);
    }
}

static void put_glyph(uint8_t *payload, uint16_t w, uint16_t h, uint64_t stride, uint64_t length, uint16_t x, uint16_t y)
{
    memset(payload, 0, 44);
    le32_put(payload, 2);
    le32_put(payload + 4, 5);
    le64_put(payload + 8, 0x123456789a);
    le64_put(payload + 0x10, length);
    le64_put(payload + 0x18, stride);
    le16_put(payload + 0x20, w);
    le16_put(payload + 0x22, h);
    le16_put(payload + 0x24, x);
    le16_put(payload + 0x26, y);
    le32_put(payload + 0x28, 99);
}

static void test_glyph(void **state)
{
    static const struct {
        uint16_t w, h;
        uint64_t stride, length;
        uint16_t x, y;
        enum refuse want;
    } cases[] = {
        {1, 1, 4, 4, 0, 0, REFUSE_NONE},
        {64, 64, 256, 64 * 256, 63, 63, REFUSE_NONE},
        {64, 64, 300, 63 * 300 + 256, 0, 0, REFUSE_NONE},
        {64, 64, 300, 63 * 300 + 255, 0, 0, REFUSE_CURSOR_STRIDE},
        {512, 512, 2048, 512 * 2048, 0, 0, REFUSE_NONE},
        {513, 1, 4096, 4096, 0, 0, REFUSE_CURSOR_EXTENT},
        {1, 513, 4, 4096, 0, 0, REFUSE_CURSOR_EXTENT},
        {0, 1, 4, 4, 0, 0, REFUSE_CURSOR_EXTENT},
        {1, 0, 4, 4, 0, 0, REFUSE_CURSOR_EXTENT},
        {8, 8, 32, 256, 8, 0, REFUSE_CURSOR_HOT},
        {8, 8, 32, 256, 0, 8, REFUSE_CURSOR_HOT},
        {8, 8, 31, 256, 0, 0, REFUSE_CURSOR_STRIDE},
        {8, 1, 32, 31, 0, 0, REFUSE_CURSOR_STRIDE},
        {8, 8, 1ull << 62, ~0ull, 0, 0, REFUSE_CURSOR_STRIDE},
        {8, 8, ~0ull, ~0ull, 0, 0, REFUSE_CURSOR_STRIDE},
        {8, 2, (16u << 20) - 32, 32u << 20, 0, 0, REFUSE_NONE},
        {8, 2, (16u << 20) - 31, 32u << 20, 0, 0, REFUSE_CURSOR_STRIDE}, /* its pages are looked up, all of them */
        {8, 1, ~0ull, 32, 0, 0, REFUSE_NONE}, /* one row: its stride is never used */
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cursor_glyph g;
        uint8_t payload[44];

        put_glyph(payload, cases[i].w, cases[i].h, cases[i].stride, cases[i].length, cases[i].x, cases[i].y);
        assert_int_equal(cursor_glyph_decode(payload, 512, &g), cases[i].want);
        assert_int_equal(g.port, 2);
        assert_int_equal(g.task, 5);
        assert_true(g.gva == 0x123456789a);
        assert_int_equal(g.sum, 99);
    }
}

static void test_formats(void **state)
{
    static const uint32_t four[] = {0x42475241, 0x41524742, 0x52474241, 80, 81}, eight[] = {0x52476841, 0x41684752, 115};

    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(wire_format_bytes(four[i]), 4);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(wire_format_bytes(eight[i]), 8);
    assert_int_equal(wire_format_bytes(0), 0);
    assert_int_equal(wire_format_bytes(0x34323066), 0);
    assert_int_equal(wire_format_bytes(0xffffffff), 0);
}

/* The fill writes its fields and nothing else, and never the epoch. */
static void test_shared_page(void **state)
{
    const struct wire_mode modes[2] = {{1920, 1080, 60 << 16}, {65535, 1, 0xffffffff}};
    struct shared_state st = {.serial = 0x01020304,
                              .name = "Thirteen char",
                              .port = 7,
                              .width_mm = 65535.0f,
                              .height_mm = 0.4f,
                              .cursor_px = 512,
                              .gamma_entries = 1024,
                              .cursor_features = 3,
                              .modes = modes,
                              .mode_count = 2};
    static const uint16_t written[][2] = {{0x000, 0x02c}, {0x208, 0x20a}, {0x210, 0x230}};
    uint8_t page[4096];

    memset(page, 0xcc, sizeof(page));
    shared_state_encode(&st, page);
    assert_int_equal(le32_get(page), 0x01020304);
    assert_string_equal((char *)page + 4, "Thirteen char");
    assert_int_equal(le16_get(page + 0x12), 7);
    assert_int_equal(le16_get(page + 0x14), 65535);
    assert_int_equal(le16_get(page + 0x16), 0);
    assert_int_equal(le16_get(page + 0x208), 2);
    assert_int_equal(le16_get(page + 0x220), 65535);
    assert_int_equal(le32_get(page + 0x224), 0xffffffff);
    for (unsigned at = 0; at < sizeof(page); at++) {
        bool ours = false;

        for (unsigned i = 0; i < 3; i++)
            ours = ours || (at >= written[i][0] && at < written[i][1]);
        if (!ours)
            assert_int_equal(page[at], 0xcc);
    }
    st.mode_count = 0;
    st.modes = NULL;
    shared_state_encode(&st, page);
    assert_int_equal(le16_get(page + 0x208), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presents), cmocka_unit_test(test_identity_sum), cmocka_unit_test(test_gamma_ref),
        cmocka_unit_test(test_glyph),    cmocka_unit_test(test_formats),      cmocka_unit_test(test_shared_page),
    };

    return cmocka_run_group_tests_name("wire_display", tests, NULL, NULL);
}
