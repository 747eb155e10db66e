/* SPDX-License-Identifier: MIT */
/* Textures on mappings, object type 11: fields, forms, and the choice of the window (memory 5.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/rd.h"
#include "object_fixture.h"
#include "wire/mapping_texture.h"
#include "wire/objects.h"

static const uint8_t golden[0x58] = {
    0x07, 0x20, 0x00, 0x00, 0xee, 0xee, 0xee, 0xee,                         /* mapping 0x2007 in a slot of 8 */
    0x2f, 0x00, 0x00, 0x00, 0x30, 0x00, 0x00, 0x00,                         /* opcode, blob */
    0x99, 0x00, 0x00, 0x80,                                                 /* own ref */
    0x62, 0x00, 0x51, 0x00, 0x80, 0x07, 0x00, 0x00,                         /* type bits, format 0x51; 1920 */
    0x38, 0x04, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,                         /* 1080; depth */
    0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0, /* rest of the texture descriptor */
    0x02, 0x00, 0x01, 0x00,                                                 /* plane 2, rotation 1 */
};

static void test_fields(void **state)
{
    static const struct {
        size_t bytes;
        bool has_plane;
    } forms[] = {{0x20, false}, {0x34, false}, {0x37, false}, {0x38, true}, {0x39, false}, {0x58, false}};
    struct mapping_texture t;

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        assert_int_equal(mapping_texture_decode(golden, forms[i].bytes, &t), REFUSE_NONE);
        assert_int_equal(t.mapping, 0x2007);
        assert_int_equal(t.opcode, 0x2f);
        assert_int_equal(t.blob_bytes, 0x30);
        assert_int_equal(t.ref, 0x80000099);
        assert_int_equal(t.pixel_format, 0x51);
        assert_int_equal(t.width, 1920);
        assert_int_equal(t.height, 1080);
        assert_int_equal(t.has_plane, forms[i].has_plane);
        assert_int_equal(t.plane, forms[i].has_plane ? 2 : 0);
        assert_int_equal(t.rotation, forms[i].has_plane ? 1 : 0);
    }
}

static void test_refusals(void **state)
{
    uint8_t d[0x38];
    struct mapping_texture t;

    (void)state;
    for (size_t n = 0; n < 0x20; n++)
        assert_int_equal(mapping_texture_decode(golden, n, &t), REFUSE_DESCRIPTOR_SHORT);
    memcpy(d, golden, sizeof(d));
    le32_put(d, 0);
    assert_int_equal(mapping_texture_decode(d, sizeof(d), &t), REFUSE_IOSFC_ID);
    le32_put(d, 1);
    le32_put(d + 0x18, 0);
    assert_int_equal(mapping_texture_decode(d, sizeof(d), &t), REFUSE_SURFACE_EDGE);
    le32_put(d + 0x18, 1);
    le32_put(d + 0x1c, 0);
    assert_int_equal(mapping_texture_decode(d, sizeof(d), &t), REFUSE_SURFACE_EDGE);
}

/* Y, CbCr, and alpha of Y's geometry, as three-plane surfaces have. */
static struct iosfc_surface planar(uint32_t planes)
{
    struct iosfc_surface s = {.size_bytes = 0x10000, .plane_count = planes};

    s.plane[0] = (struct iosfc_plane){0x0, 100, 50, 128, 1};
    s.plane[1] = (struct iosfc_plane){0x4000, 50, 25, 128, 2};
    s.plane[2] = (struct iosfc_plane){0x8000, 100, 50, 128, 1};
    return s;
}

static void test_window(void **state)
{
    static const struct {
        const char *name;
        uint32_t planes, width, height, texel;
        int plane; /* stated; -1: not */
        enum refuse want;
        uint32_t got;
    } cases[] = {
        {"single plane, no plane stated", 1, 100, 50, 1, -1, REFUSE_NONE, 0},
        {"single plane, smaller texture", 1, 10, 5, 1, -1, REFUSE_NONE, 0},
        {"single plane, plane beyond", 1, 100, 50, 1, 7, REFUSE_NONE, 0},
        {"single plane, other texel size", 1, 25, 50, 4, -1, REFUSE_NONE, 0},
        {"single plane, too wide", 1, 101, 50, 1, -1, REFUSE_SURFACE_EDGE, 0},
        {"single plane, too high", 1, 100, 51, 1, -1, REFUSE_SURFACE_EDGE, 0},
        {"single plane, largest", 1, UINT32_MAX, UINT32_MAX, 16, -1, REFUSE_SURFACE_EDGE, 0},
        {"single plane, row longer than its stride", 1, 100, 50, 4, -1, REFUSE_SURFACE_STRIDE, 0},
        {"plane stated", 3, 100, 50, 1, 2, REFUSE_NONE, 2},
        {"plane stated, the first of two equal ones", 3, 100, 50, 1, 0, REFUSE_NONE, 0},
        {"plane stated, smaller texture", 3, 7, 7, 2, 1, REFUSE_NONE, 1},
        {"plane stated that cannot be, unique match", 3, 50, 25, 2, 0, REFUSE_NONE, 1},
        {"plane beyond, unique match", 3, 50, 25, 2, 3, REFUSE_NONE, 1},
        {"plane beyond, two matches", 3, 100, 50, 1, 0xffff, REFUSE_SURFACE_PLANES, 0},
        {"no plane, unique match", 3, 50, 25, 2, -1, REFUSE_NONE, 1},
        {"no plane, two matches", 3, 100, 50, 1, -1, REFUSE_SURFACE_PLANES, 0},
        {"no plane, two planes, one match", 2, 100, 50, 1, -1, REFUSE_NONE, 0},
        {"no plane, no match", 3, 50, 24, 2, -1, REFUSE_SURFACE_PLANES, 0},
        {"no plane, other texel size", 3, 50, 25, 1, -1, REFUSE_SURFACE_PLANES, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct iosfc_surface s = planar(cases[i].planes);
        struct mapping_texture t = {.mapping = 1,
                                    .width = cases[i].width,
                                    .height = cases[i].height,
                                    .has_plane = cases[i].plane >= 0,
                                    .plane = (uint16_t)(cases[i].plane >= 0 ? cases[i].plane : 0)};
        struct mapping_window w;
        enum refuse why = mapping_texture_window(&t, &s, cases[i].texel, &w);

        if (why != cases[i].want)
            fail_msg("%s: %s", cases[i].name, refuse_name(why));
        if (!why && (w.plane != cases[i].got || w.offset_bytes != s.plane[w.plane].offset_bytes ||
                     w.stride_bytes != s.plane[w.plane].stride_bytes))
            fail_msg("%s: plane %u", cases[i].name, w.plane);
    }
}

static void test_window_bounds(void **state)
{
    struct mapping_texture t = {.mapping = 1, .width = 10, .height = 10};
    struct iosfc_surface s = {.plane_count = 1, .plane[0] = {5, 10, 10, 64, 4}};
    struct mapping_window w;

    (void)state;
    s.size_bytes = 5 + 9 * 64 + 40;
    assert_int_equal(mapping_texture_window(&t, &s, 4, &w), REFUSE_NONE);
    s.size_bytes--;
    assert_int_equal(mapping_texture_window(&t, &s, 4, &w), REFUSE_SURFACE_BOUNDS);
    /* the widest values a record can hold */
    t.width = t.height = 0xffffff;
    s.plane[0] = (struct iosfc_plane){UINT32_MAX, 0xffffff, 0xffffff, UINT32_MAX, 0xffff};
    s.size_bytes = 64u << 20;
    assert_int_equal(mapping_texture_window(&t, &s, 4, &w), REFUSE_SURFACE_BOUNDS);
    assert_int_equal(mapping_texture_window(&t, &s, 0xffff, &w), REFUSE_SURFACE_STRIDE);
}

/* The object's snapshot is decoded and checked when it is named for the first time. */
static void test_object(void **state)
{
    static const uint32_t lengths[] = {0x20, 0x38, 0x58};
    uint8_t wrong[0x38];
    struct fixture f;

    (void)state;
    fixture_init(&f, 14, true);
    for (uint32_t i = 0; i < 3; i++) {
        put(&f, 3, 1 + i, OBJECT_MAPPED_SURFACE_VIEW, golden, lengths[i], lengths[i]);
        assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 1 + i), REFUSE_NONE);
        assert_int_equal(f.object->type, OBJECT_MAPPED_SURFACE_VIEW);
        assert_int_equal(f.object->length_bytes, lengths[i]);
        assert_memory_equal(f.object->descriptor, golden, lengths[i]);
    }
    put(&f, 3, 10, OBJECT_MAPPED_SURFACE_VIEW, golden, 0x1f, 0x1f);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 10), REFUSE_DESCRIPTOR_SHORT);
    memcpy(wrong, golden, sizeof(wrong));
    le32_put(wrong, 0);
    put(&f, 3, 11, OBJECT_MAPPED_SURFACE_VIEW, wrong, sizeof(wrong), sizeof(wrong));
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 11), REFUSE_IOSFC_ID);
    le32_put(wrong, 1);
    le32_put(wrong + 0x18, 0);
    put(&f, 3, 12, OBJECT_MAPPED_SURFACE_VIEW, wrong, sizeof(wrong), sizeof(wrong));
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 12), REFUSE_SURFACE_EDGE);
    put(&f, 3, 12, OBJECT_MAPPED_SURFACE_VIEW, golden, 0x38, 0x38); /* failures are not remembered */
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 12), REFUSE_NONE);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),        cmocka_unit_test(test_refusals), cmocka_unit_test(test_window),
        cmocka_unit_test(test_window_bounds), cmocka_unit_test(test_object),
    };

    return cmocka_run_group_tests_name("wire_mapping_texture", tests, NULL, NULL);
}
