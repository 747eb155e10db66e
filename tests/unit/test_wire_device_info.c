/* SPDX-License-Identifier: MIT */
/* CmdGetDeviceInfo's request and answer (transport 8.1), with capability structures that the device does not have yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/rd.h"
#include "wire/device_info.h"

static void test_decode(void **state)
{
    static const uint8_t payload[12] = {0x2d, 0, 0, 0, 0, 2, 0, 0, 0x45, 0x23, 1, 0}; /* transport 12 */
    struct device_info_request r = device_info_decode(payload);

    assert_int_equal(r.key_limit, 0x2d);
    assert_int_equal(r.pair_capacity, 0x200);
    assert_int_equal(r.reply_pfn, 0x12345);
}

/* Every key present: limits, capacities, zeroed tail, nothing beyond. */
static void test_encode(void **state)
{
    static const uint32_t limits[] = {0, 1, 2, 7, 14, 18, 42, 45, 46, 0xffffffff};
    static const size_t capacities[] = {0, 7, 8, 9, 15, 16, 100, 352, 360, 4096};
    struct capabilities caps = {.present = ~0ull};
    uint8_t out[4096 + 8];

    for (unsigned k = 0; k < DEVICE_INFO_KEYS; k++)
        caps.value[k] = 0x1000 + k;
    for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        for (unsigned c = 0; c < sizeof(capacities) / sizeof(capacities[0]); c++) {
            size_t keys = limits[i] < 1 ? 0 : limits[i] > 45 ? 44 : limits[i] - 1, room = capacities[c] / 8, n;

            memset(out, 0xcc, sizeof(out));
            n = device_info_encode(&caps, 6, limits[i], out, capacities[c]);
            assert_int_equal(n, keys < room ? keys : room);
            for (size_t k = 0; k < n; k++) {
                uint32_t key = le32_get(out + 8 * k);

                assert_true(key >= 1 && key < limits[i]);
                assert_int_equal(le32_get(out + 8 * k + 4), key == 12 ? 0 : 0x1000 + key);
            }
            for (size_t at = 8 * n; at < capacities[c]; at++)
                assert_int_equal(out[at], 0);
            for (size_t at = capacities[c]; at < sizeof(out); at++)
                assert_int_equal(out[at], 0xcc);
        }
}

/* dualPlaneTextures: exactly these versions (transport 3). */
static void test_dual_plane(void **state)
{
    struct capabilities caps = {.present = 1ull << 12};
    uint8_t out[8];

    for (uint32_t version = 0; version < 100; version++) {
        uint32_t on = version == 31 || version == 41 || version == 42 || version == 43 || version == 60 ||
                      version == 61 || version == 62;

        assert_int_equal(device_info_encode(&caps, version, 45, out, 8), 1);
        assert_int_equal(le32_get(out), 12);
        assert_int_equal(le32_get(out + 4), on);
    }
}

/* What a device without a GPU promises: nothing that lets a guest build GPU work. */
static void test_display_only(void **state)
{
    static const unsigned never[] = {3, 4, 5, 6, 7, 14, 16, 17, 19, 21, 23, 24, 25, 26, 27, 42, 43};
    struct capabilities caps = capabilities_display_only();

    assert_true(caps.present >> 1 & 1 && caps.value[1] == 1);
    for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        assert_true(!(caps.present >> never[i] & 1) || caps.value[never[i]] == 0);
    assert_int_equal(caps.present & 1, 0);
    assert_int_equal(caps.present >> DEVICE_INFO_KEYS, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_decode), cmocka_unit_test(test_encode),
                                       cmocka_unit_test(test_dual_plane), cmocka_unit_test(test_display_only)};

    return cmocka_run_group_tests_name("wire_device_info", tests, NULL, NULL);
}
