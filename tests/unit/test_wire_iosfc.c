/* SPDX-License-Identifier: MIT */
/* The surface mapper's structures: records, ring requests, and the rule for ring indices (memory 9.3 to 9.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "base/rd.h"
#include "wire/iosfc.h"

#define PAGE 16384u

/* 1920x1080 BGRA as memory 9.5 gives it: 0x1e00 bytes per row, 0x7ec000 in all, 507 pages. */
static const uint8_t flat[0x40] = {
    0x05, 0x00, 0x79, 0x02, 'A',  'R',  'G',  'B',  /* list entry, format */
    0x00, 0x01, 0x00, 0x00, 0x77, 0x66, 0x55, 0x44, /* base; unknown */
    0x00, 0xc0, 0x7e, 0x00,                         /* allocation */
    0x01, 0x80, 0x07, 0x00, 0x01, 0x38, 0x04, 0x00, /* element width 1, 1920; element height 1, 1080 */
    0x00, 0x1e, 0x00, 0x00, 0x04, 0x00, 0xee, 0xee, /* row; element; not ours */
    0x00, 0xdd,                                     /* planes; not ours */
};

static void test_flat_record(void **state)
{
    uint8_t record[IOSFC_RECORD_BYTES] = {0};
    struct iosfc_surface s;

    (void)state;
    memcpy(record, flat, sizeof(flat));
    assert_int_equal(iosfc_record_decode(record, PAGE, &s), REFUSE_NONE);
    assert_int_equal(s.list_pfn, 0x02790005 >> 2);
    assert_int_equal(s.format, 0x42475241);
    assert_int_equal(s.size_bytes, 0x7ec000);
    assert_int_equal((s.size_bytes + PAGE - 1) / PAGE, 507);
    assert_int_equal(s.plane_count, 1);
    assert_int_equal(s.plane[0].offset_bytes, 0x100);
    assert_int_equal(s.plane[0].width_px, 1920);
    assert_int_equal(s.plane[0].height_px, 1080);
    assert_int_equal(s.plane[0].stride_bytes, 0x1e00);
    assert_int_equal(s.plane[0].bytes_per_element, 4);
    /* widest values of every field */
    memset(record, 0xff, sizeof(record));
    le32_put(record + 0x10, PAGE / 4 * PAGE);
    record[0x24] = 0;
    assert_int_equal(iosfc_record_decode(record, PAGE, &s), REFUSE_NONE);
    assert_int_equal(s.list_pfn, 0x3fffffff);
    assert_int_equal(s.size_bytes, 64u << 20);
    assert_int_equal(s.plane[0].offset_bytes, UINT32_MAX);
    assert_int_equal(s.plane[0].width_px, 0xffffff);
    assert_int_equal(s.plane[0].height_px, 0xffffff);
    assert_int_equal(s.plane[0].stride_bytes, UINT32_MAX);
    assert_int_equal(s.plane[0].bytes_per_element, 0xffff);
}

static void test_flat_refusals(void **state)
{
    static const struct {
        const char *name;
        uint32_t list, size, planes, page;
        enum refuse want;
    } cases[] = {
        {"one byte", 1, 1, 0, PAGE, REFUSE_NONE},
        {"list absent", 2, 1, 0, PAGE, REFUSE_IOSFC_LIST},
        {"list absent, everything else wrong too", 0xfffffffe, 0, 255, PAGE, REFUSE_IOSFC_LIST},
        {"empty", 1, 0, 0, PAGE, REFUSE_SURFACE_EMPTY},
        {"a page of list", 1, 64u << 20, 0, PAGE, REFUSE_NONE},
        {"a byte more", 1, (64u << 20) + 1, 0, PAGE, REFUSE_IOSFC_SIZE},
        {"largest", 1, UINT32_MAX, 0, PAGE, REFUSE_IOSFC_SIZE},
        {"a page of list, small pages", 1, 4u << 20, 0, 4096, REFUSE_NONE},
        {"a byte more, small pages", 1, (4u << 20) + 1, 0, 4096, REFUSE_IOSFC_SIZE},
        {"one plane", 1, 1, 1, PAGE, REFUSE_NONE},
        {"seven planes", 1, 1, 7, PAGE, REFUSE_NONE},
        {"eight planes", 1, 1, 8, PAGE, REFUSE_SURFACE_PLANES},
        {"255 planes", 1, 1, 255, PAGE, REFUSE_SURFACE_PLANES},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t record[IOSFC_RECORD_BYTES] = {0};
        struct iosfc_surface s;

        le32_put(record, cases[i].list);
        le32_put(record + 0x10, cases[i].size);
        record[0x24] = (uint8_t)cases[i].planes;
        if (iosfc_record_decode(record, cases[i].page, &s) != cases[i].want)
            fail_msg("%s: %s", cases[i].name, refuse_name(iosfc_record_decode(record, cases[i].page, &s)));
    }
}

/* A plane starts at its offset, or at its base where the offset is 0; surface-level fields do not count. */
static void test_planes(void **state)
{
    uint8_t record[IOSFC_RECORD_BYTES] = {0};
    struct iosfc_surface s;

    (void)state;
    for (uint32_t planes = 1; planes <= IOSFC_PLANES_MAX; planes++) {
        memset(record, 0, sizeof(record));
        memcpy(record, flat, sizeof(flat));
        record[0x24] = (uint8_t)planes;
        for (uint32_t i = 0; i < IOSFC_PLANES_MAX; i++) { /* those above the count are of no interest */
            uint8_t *p = record + 0x40 + 0x40 * i;

            le32_put(p + 0x08, i % 2 ? 0 : 0x1000 * (i + 1));
            le32_put(p + 0x0c, 0x2000 * (i + 1));
            le32_put(p + 0x10, 0x99);
            le64_put(p + 0x14, 2 | (uint64_t)(100 + i) << 8 | 2ull << 32 | (uint64_t)(200 + i) << 40);
            le32_put(p + 0x1c, 300 + i);
            le16_put(p + 0x20, (uint16_t)(1 + i));
        }
        assert_int_equal(iosfc_record_decode(record, PAGE, &s), REFUSE_NONE);
        assert_int_equal(s.plane_count, planes);
        for (uint32_t i = 0; i < planes; i++) {
            assert_int_equal(s.plane[i].offset_bytes, i % 2 ? 0x2000 * (i + 1) : 0x1000 * (i + 1));
            assert_int_equal(s.plane[i].width_px, 100 + i);
            assert_int_equal(s.plane[i].height_px, 200 + i);
            assert_int_equal(s.plane[i].stride_bytes, 300 + i);
            assert_int_equal(s.plane[i].bytes_per_element, 1 + i);
        }
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    for (uint32_t planes = 1; planes <= IOSFC_PLANES_MAX; planes++) {
        struct iosfc_surface s = {
            .list_pfn = 0x3ffffff0 + planes, .format = 0x34323076, .size_bytes = 12345, .plane_count = planes};
        struct iosfc_surface back, other;
        uint8_t record[IOSFC_RECORD_BYTES];

        for (uint32_t i = 0; i < planes; i++)
            s.plane[i] = (struct iosfc_plane){.offset_bytes = 0x10000 * i,
                                              .width_px = 0xffffff - i,
                                              .height_px = 0xfffff0 + i,
                                              .stride_bytes = 0xffffff00 + i,
                                              .bytes_per_element = 0xfff0 + i};
        memset(record, 0xff, sizeof(record));
        iosfc_record_encode(&s, record);
        assert_int_equal(iosfc_record_decode(record, PAGE, &back), REFUSE_NONE);
        assert_true(iosfc_surface_equal(&s, &back));
        for (uint32_t field = 0; field < 9; field++) {
            struct iosfc_plane *last;

            other = back;
            last = &other.plane[planes - 1];
            uint32_t *const word[] = {&other.list_pfn,  &other.format,       &last->width_px,
                                      &last->height_px, &last->stride_bytes, &last->bytes_per_element};

            if (field < 6)
                (*word[field])++;
            other.size_bytes += field == 6;
            last->offset_bytes += field == 7;
            other.plane_count -= field == 8;
            assert_false(iosfc_surface_equal(&back, &other));
        }
    }
}

static void test_request(void **state)
{
    static const uint8_t bytes[IOSFC_ENTRY_BYTES] = {1, 0, 0, 0, 0xff, 0x1f, 0, 0x80, 9, 9, 9, 9, 9, 9, 9, 9};
    struct iosfc_request r = iosfc_request_decode(bytes);

    (void)state;
    assert_int_equal(r.operation, IOSFC_OP_MAP);
    assert_int_equal(r.mapping, 0x80001fff);
}

/* The table of memory 9.4, written down a second time, entry by entry. */
static void check_span(uint64_t base, uint64_t n, uint64_t p, uint64_t c)
{
    struct iosfc_span s = iosfc_span(base, n, p, c);
    bool ring = base && n && n <= 65536;
    bool grows = ring && p > c && p - c <= n, wraps = ring && p < c && p <= n && c <= n;
    uint64_t count = grows ? p - c : wraps ? (n - c) + p : 0;

    assert_int_equal(s.raise, p != c);
    assert_int_equal(s.count, count);
    assert_int_equal(s.nonsense, ring && p != c && !grows && !wraps);
    if (count)
        assert_int_equal(s.first, c);
    assert_true(s.count <= LIMIT_IOSFC_CAPACITY);
}

static void test_span(void **state)
{
    static const uint64_t edges[] = {0,         1,     2,     3,     4,      5,          1023,           1024,
                                     1025,      65535, 65536, 65537, 131072, UINT32_MAX, 0x100000000ull, UINT64_MAX - 1,
                                     UINT64_MAX};
    const size_t n = sizeof(edges) / sizeof(edges[0]);

    (void)state;
    for (uint64_t capacity = 0; capacity <= 9; capacity++)
        for (uint64_t p = 0; p <= 24; p++)
            for (uint64_t c = 0; c <= 24; c++) {
                check_span(0x79e98000, capacity, p, c);
                check_span(0, capacity, p, c);
            }
    for (size_t k = 0; k < n; k++)
        for (size_t p = 0; p < n; p++)
            for (size_t c = 0; c < n; c++)
                check_span(0x1000, edges[k], edges[p], edges[c]);
    /* by hand, so that the second writing is not wrong in the same way */
    struct iosfc_span s = iosfc_span(0x1000, 8, 3, 6);

    assert_int_equal(s.first, 6);
    assert_int_equal(s.count, 5); /* 6, 7, 0, 1, 2 */
    s = iosfc_span(0x1000, 8, 0, 8);
    assert_int_equal(s.count, 0); /* a wrapped producer that has published nothing new */
    assert_true(s.raise && !s.nonsense);
    s = iosfc_span(0x1000, 1024, 5000, 4000);
    assert_int_equal(s.count, 1000);
    s = iosfc_span(0x1000, 1024, 5025, 4000);
    assert_true(s.nonsense && !s.count && s.raise);
    s = iosfc_span(0x1000, UINT32_MAX, 3, 0);
    assert_true(!s.nonsense && !s.count && s.raise);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat_record), cmocka_unit_test(test_flat_refusals), cmocka_unit_test(test_planes),
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_request),       cmocka_unit_test(test_span),
    };

    return cmocka_run_group_tests_name("wire_iosfc", tests, NULL, NULL);
}
