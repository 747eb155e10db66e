/* SPDX-License-Identifier: MIT */
/* Commands that name objects, and object slots: golden bytes, short payloads, counts (memory 3.2, 4, 6, 7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "wire/memory.h"
#include "wire/objects.h"

static void test_slot(void **state)
{
    static const uint8_t slot[12] = {0x02, 0x74, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}; /* memory 4.2 */
    struct object_slot s = object_slot_decode(slot);
    uint8_t out[12];

    (void)state;
    assert_int_equal(s.type, 2);
    assert_int_equal(s.length_bytes, 116);
    assert_int_equal(s.gva, 0x10000);
    object_slot_encode(out, &s);
    assert_memory_equal(out, slot, 12);
    memset(out, 0xff, 12);
    s = object_slot_decode(out);
    assert_int_equal(s.type, 255);
    assert_int_equal(s.length_bytes, 0xffffff);
    assert_int_equal(s.gva, UINT64_MAX);
    assert_int_equal(object_slot_gva(1, 12, 32), 0x1180); /* memory 4.2 */
    assert_int_equal(object_slot_gva(UINT32_MAX, 14, UINT32_MAX), 0x3fffffffc000 + 12 * 0xffffffffull);
}

static void test_directory(void **state)
{
    uint8_t out[DIRECTORY_BYTES];

    (void)state;
    directory_encode(out, &(struct directory){0x1234, 3}, 0x400000000);
    assert_memory_equal(out, "\x34\x12\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0", DIRECTORY_BYTES);
    assert_int_equal(pt_level_bits(12), 10);
    assert_int_equal(pt_level_bits(14), 12);
}

static void test_types(void **state)
{
    /* Registries: memory 4.4; those without a known layout are not constructed. */
    static const uint32_t resources[] = {1, 2, 3, 4, 5, 8, 11};

    (void)state;
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        const struct object_type_info *t = object_type_info(resources[i]);

        assert_int_equal(t->registry, REGISTRY_RESOURCE);
        assert_true(t->least_bytes >= 12 && t->least_bytes <= t->most_bytes);
    }
    assert_int_equal(object_type_info(6)->registry, REGISTRY_FUNCTION);
    assert_int_equal(object_type_info(7)->registry, REGISTRY_STATE);
    assert_int_equal(object_type_info(4)->least_bytes, 0x24);
    assert_int_equal(object_type_info(4)->most_bytes, LIMIT_DESCRIPTOR_BYTES);
    assert_int_equal(object_type_info(7)->most_bytes, LIMIT_STATE_DESCRIPTOR_BYTES);
    for (uint32_t t = 9; t < 400; t += t == 10 ? 2 : 1)
        assert_int_equal(object_type_info(t)->registry, REGISTRY_NONE);
    assert_int_equal(object_type_info(0)->registry, REGISTRY_NONE);
    assert_string_equal(object_type_info(UINT32_MAX)->name, "unknown");
}

static void test_lists(void **state)
{
    static const uint8_t payload[28] = {3, 0, 0, 0, 1, 0, 0, 0, 0,    0,    0x10, 0, 0x88, 0x77,
                                        0, 0, 0, 0, 0, 0, 1, 0, 0x11, 0x10, 0,    0, 0,    0x80};
    struct object_list_cmd c;
    uint8_t out[12];

    (void)state;
    assert_int_equal(object_list_decode(payload, 12, &c), REFUSE_NONE);
    assert_int_equal(c.task, 3);
    assert_int_equal(c.first_page, 1);
    assert_int_equal(c.count, 0x100000);
    assert_int_equal(object_list_encode(out, &c), 12);
    assert_memory_equal(out, payload, 12);
    for (size_t n = 0; n < 28; n++) {
        assert_int_equal(object_list_decode(payload, n, &c), n < 12 ? REFUSE_PAYLOAD_SHORT : REFUSE_NONE);
        assert_int_equal(object_placement_decode(payload, n, &c), REFUSE_PAYLOAD_SHORT);
    }
    assert_int_equal(object_placement_decode(payload, 28, &c), REFUSE_NONE);
    assert_int_equal(c.count, 0x100000);
    assert_int_equal(c.placement[0], 0x7788);
    assert_int_equal(c.placement[1], 0x8000000010110001);
}

static void test_pairs(void **state)
{
    static const uint8_t payload[8] = {1, 0, 0, 0, 2, 0, 0, 0x80};
    struct object_cmd c;
    uint8_t out[8];

    (void)state;
    assert_int_equal(object_cmd_decode(payload, 8, &c), REFUSE_NONE);
    assert_int_equal(c.task, 1);
    assert_int_equal(c.object, 0x80000002);
    assert_int_equal(object_cmd_encode(out, &c), 8);
    assert_memory_equal(out, payload, 8);
    assert_int_equal(surface_delete_decode(payload, 8, &c), REFUSE_NONE); /* object first */
    assert_int_equal(c.object, 1);
    assert_int_equal(c.task, 0x80000002);
    assert_int_equal(surface_delete_encode(out, &c), 8);
    assert_memory_equal(out, payload, 8);
    for (size_t n = 0; n < 8; n++) {
        assert_int_equal(object_cmd_decode(payload, n, &c), REFUSE_PAYLOAD_SHORT);
        assert_int_equal(surface_delete_decode(payload, n, &c), REFUSE_PAYLOAD_SHORT);
    }
}

static void test_destroy(void **state)
{
    static const struct {
        uint32_t opcode;
        enum destroy_kind kind;
    } kinds[] = {
        {0x3e7, DESTROY_UNKNOWN},
        {0x3e8, DESTROY_BUFFER},
        {0x3e9, DESTROY_TEXTURE},
        {0x3ea, DESTROY_DEPTH_STENCIL},
        {0x3eb, DESTROY_SAMPLER},
        {0x3ec, DESTROY_UNKNOWN},
        {0x3ed, DESTROY_FUNCTION},
        {0x3ee, DESTROY_COMPUTE_PIPELINE},
        {0x3ef, DESTROY_RENDER_PIPELINE},
        {0x3f0, DESTROY_UNKNOWN},
        {0x3f1, DESTROY_FENCE},
        {0x3f2, DESTROY_UNKNOWN},
        {0x3f3, DESTROY_UNKNOWN},
        {0x3f4, DESTROY_HEAP},
        {0x3f5, DESTROY_UNKNOWN},
        {0x3f6, DESTROY_RATE_MAP},
        {0x3f7, DESTROY_INDIRECT_BUFFER},
        {0x3f8, DESTROY_UNKNOWN},
        {0, DESTROY_UNKNOWN},
        {UINT32_MAX, DESTROY_UNKNOWN},
    };
    uint8_t payload[20];
    struct destroy_cmd c = {.task = 7, .ref = 9};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        c.opcode = kinds[i].opcode;
        assert_int_equal(destroy_encode(payload, &c), 16);
        assert_int_equal(destroy_decode(payload, 16, &c), REFUSE_NONE);
        assert_int_equal(c.kind, kinds[i].kind);
        assert_int_equal(c.task, 7);
        assert_int_equal(c.ref, 9);
        assert_int_equal(c.kind == DESTROY_UNKNOWN, !strcmp(destroy_kind_name(c.kind), "unknown"));
    }
    for (size_t n = 0; n < 16; n++)
        assert_int_equal(destroy_decode(payload, n, &c), REFUSE_PAYLOAD_SHORT);
    for (uint32_t length = 0; length < 40; length++) {
        le32_put(payload + 8, length);
        assert_int_equal(destroy_decode(payload, 20, &c),
                         length >= 12 && length <= 16 ? REFUSE_NONE : REFUSE_RECORD_LENGTH);
    }
}

static void test_records(void **state)
{
    static const uint8_t page_on[16] = {4, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 1}; /* transport 8.3 */
    const struct validity_record v[2] = {{5, {true, true, false, false}}, {0xffffffff, {false, false, true, true}}};
    const uint32_t refs[3] = {1, 0, UINT32_MAX};
    struct object_records r;
    struct validity_record one;
    uint8_t payload[64];

    (void)state;
    assert_int_equal(object_records_decode(page_on, 16, VALIDITY_RECORD_BYTES, &r), REFUSE_NONE);
    assert_int_equal(r.task, 4);
    assert_int_equal(r.count, 1);
    one = validity_at(&r, 0);
    assert_int_equal(one.object, 9);
    assert_true(one.validity.clear_host && !one.validity.set_host && !one.validity.clear_guest &&
                one.validity.set_guest);
    one.validity = validity_decode((const uint8_t[]){0, 2, 0x80, 0}); /* any non-zero byte */
    assert_true(!one.validity.clear_host && one.validity.set_host && one.validity.clear_guest &&
                !one.validity.set_guest);

    assert_int_equal(validity_encode(payload, 6, v, 2), 24);
    assert_int_equal(object_records_decode(payload, 24, VALIDITY_RECORD_BYTES, &r), REFUSE_NONE);
    for (uint32_t i = 0; i < 2; i++) {
        one = validity_at(&r, i);
        assert_memory_equal(&one, &v[i], sizeof(one));
    }
    assert_int_equal(object_refs_encode(payload, 6, refs, 3), 20);
    assert_int_equal(object_records_decode(payload, 20, OBJECT_REF_BYTES, &r), REFUSE_NONE);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(object_ref_at(&r, i), refs[i]);

    /* Counts against the payload, in 64 bits. */
    for (size_t n = 0; n < 8; n++)
        assert_int_equal(object_records_decode(payload, n, OBJECT_REF_BYTES, &r), REFUSE_PAYLOAD_SHORT);
    assert_int_equal(object_records_decode(payload, 19, OBJECT_REF_BYTES, &r), REFUSE_PAYLOAD_COUNT);
    assert_int_equal(object_records_decode(payload, 20, VALIDITY_RECORD_BYTES, &r), REFUSE_PAYLOAD_COUNT);
    le32_put(payload + 4, UINT32_MAX);
    assert_int_equal(object_records_decode(payload, 64, OBJECT_REF_BYTES, &r), REFUSE_PAYLOAD_COUNT);
    le32_put(payload + 4, 0x20000000); /* times 8 wraps to 0 in 32 bits */
    assert_int_equal(object_records_decode(payload, 64, VALIDITY_RECORD_BYTES, &r), REFUSE_PAYLOAD_COUNT);
    le32_put(payload + 4, 0);
    assert_int_equal(object_records_decode(payload, 8, VALIDITY_RECORD_BYTES, &r), REFUSE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slot),    cmocka_unit_test(test_directory), cmocka_unit_test(test_types),
        cmocka_unit_test(test_lists),   cmocka_unit_test(test_pairs),     cmocka_unit_test(test_destroy),
        cmocka_unit_test(test_records),
    };

    return cmocka_run_group_tests_name("wire_objects", tests, NULL, NULL);
}
