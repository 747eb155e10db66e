/* SPDX-License-Identifier: MIT */
/* Packets, barriers, channel records, stamp arithmetic (transport 5.3, 5.4, 7.1) and the table of opcodes (8.0). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "base/rd.h"
#include "wire/opcodes.h"
#include "wire/packet.h"

/* The examples of transport 12 and display 3.3, byte by byte. */
static void test_examples(void **state)
{
    static const struct {
        uint8_t bytes[32];
        struct packet_header want;
        struct packet_barrier barrier;
    } cases[] = {
        {{0x30, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, {0x30, 0, 16, 1}, {0, 0}},
        {{0x1e, 0, 1, 0, 0x14, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}, {0x1e, 1, 20, 5}, {2, 3}},
        {{0x3a, 0, 0, 0, 0x18, 0, 0, 0, 9, 0, 0, 0, 0x2d}, {0x3a, 0, 24, 9}, {0, 0}},
        {{0x06, 0, 1, 0, 0x20, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 3}, {6, 1, 32, 9}, {1, 0x40}},
    };
    struct packet_header h;
    uint8_t out[12];

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(packet_decode(cases[i].bytes, 0xf000, &h), REFUSE_NONE);
        assert_int_equal(h.opcode, cases[i].want.opcode);
        assert_int_equal(h.barriers, cases[i].want.barriers);
        assert_int_equal(h.length_bytes, cases[i].want.length_bytes);
        assert_int_equal(h.stamp, cases[i].want.stamp);
        if (h.barriers) {
            assert_int_equal(packet_barrier(cases[i].bytes, 0).index, cases[i].barrier.index);
            assert_int_equal(packet_barrier(cases[i].bytes, 0).value, cases[i].barrier.value);
        }
        packet_encode(out, &h);
        assert_memory_equal(out, cases[i].bytes, 12);
    }
}

static void test_lengths(void **state)
{
    static const struct {
        const char *name;
        uint32_t length, ring;
        uint16_t barriers;
        enum refuse want;
    } cases[] = {
        {"smallest", 12, 4096, 0, REFUSE_NONE},
        {"as the ring", 4096, 4096, 0, REFUSE_NONE},
        {"above the ring", 4100, 4096, 0, REFUSE_PACKET_LENGTH},
        {"below the header", 8, 4096, 0, REFUSE_PACKET_LENGTH},
        {"0", 0, 4096, 0, REFUSE_PACKET_LENGTH},
        {"not a multiple of 4", 18, 4096, 0, REFUSE_PACKET_LENGTH},
        {"2^32 - 4", 0xfffffffc, 0xf000, 0, REFUSE_PACKET_LENGTH},
        {"one barrier", 20, 4096, 1, REFUSE_NONE},
        {"a barrier that does not fit", 16, 4096, 1, REFUSE_PACKET_BARRIERS},
        {"64 barriers", 12 + 512, 4096, 64, REFUSE_NONE},
        {"65 barriers", 12 + 520, 4096, 65, REFUSE_PACKET_BARRIERS},
        {"65535 barriers", 4096, 4096, 0xffff, REFUSE_PACKET_BARRIERS},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct packet_header h = {
            .opcode = 1, .length_bytes = cases[i].length, .barriers = cases[i].barriers, .stamp = 7};
        struct packet_header out;
        uint8_t bytes[12];

        packet_encode(bytes, &h);
        if (packet_decode(bytes, cases[i].ring, &out) != cases[i].want)
            fail_msg("%s", cases[i].name);
    }
}

static void test_barrier_index_is_masked(void **state)
{
    uint8_t packet[12 + 16] = {0};

    le32_put(packet + 12, 0xabcd0005);
    le32_put(packet + 16, 0x11111111);
    le32_put(packet + 20, 0xffffffff);
    le32_put(packet + 24, 0x22222222);
    assert_int_equal(packet_barrier(packet, 0).index, 5);
    assert_int_equal(packet_barrier(packet, 0).value, 0x11111111);
    assert_int_equal(packet_barrier(packet, 1).index, 0xffff);
    assert_int_equal(packet_barrier(packet, 1).value, 0x22222222);
}

static void test_compare(void **state)
{
    assert_false(stamp_reached(0xfffffffe, 2)); /* transport 12: difference -4 */
    assert_true(stamp_reached(3, 2));
    assert_true(stamp_reached(2, 2));
    assert_true(stamp_reached(2, 0xfffffffe));
    assert_true(stamp_reached(0x7fffffff, 0));
    assert_false(stamp_reached(0x80000000, 0));
    assert_false(stamp_reached(0, 1));
}

static void test_records(void **state)
{
    static const uint32_t want[][2] = {{1, 0x400}, {2, 0x414}, {3, 0x428}, {4, 0x43c},
                                       {5, 0x450}, {6, 0x464}, {12, 0x4dc}, {31, 0x658}};

    for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_int_equal(channel_record_offset(want[i][0]), want[i][1]);
    assert_true(channel_record_offset(LIMIT_FIFOS - 1) + CHANNEL_RECORD_BYTES <= 4096);
}

/* Transport 8.0, written out again from the document. */
static void test_opcodes(void **state)
{
    static const uint8_t deprecated[] = {0x03, 0x1f, 0x21, 0x23, 0x24, 0x26, 0x27, 0x29,
                                         0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x32};
    static const struct {
        uint8_t op, least;
    } known[] = {{0x00, 0}, {0x01, 8}, {0x02, 8}, {0x04, 0x2c}, {0x05, 8}, {0x06, 12}, {0x07, 0x24}, {0x08, 12}, {0x09, 8},
                 {0x0a, 8}, {0x0b, 0}, {0x0c, 0}, {0x1e, 0}, {0x20, 4}, {0x22, 20}, {0x25, 8}, {0x28, 16}, {0x30, 4},
                 {0x31, 4}, {0x33, 12}, {0x34, 8}, {0x35, 8}, {0x36, 8}, {0x37, 12}, {0x38, 16}, {0x39, 20}, {0x3a, 12},
                 {0x3b, 24}, {0x3c, 8}, {0x3d, 0}, {0x3e, 8}, {0x3f, 8}, {0x40, 24}, {0x41, 0}, {0x42, 0}, {0x43, 0},
                 {0x44, 28}, {0x45, 0}};
    unsigned unknown = 0;

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct opcode_info *info = opcode_info(known[i].op);

        assert_true(info->class == OPCODE_SERVED || info->class == OPCODE_NOT_SERVED);
        assert_int_equal(info->least_payload_bytes, known[i].least);
        assert_memory_equal(info->name, "CMD_", 4);
    }
    for (unsigned i = 0; i < sizeof(deprecated); i++)
        assert_int_equal(opcode_info(deprecated[i])->class, OPCODE_DEPRECATED);
    for (uint32_t op = 0; op <= 0xffff; op++) {
        assert_non_null(opcode_info(op)->name);
        unknown += opcode_info(op)->class == OPCODE_UNKNOWN;
    }
    assert_int_equal(unknown, 0x10000 - sizeof(known) / sizeof(known[0]) - sizeof(deprecated));
    assert_int_equal(opcode_info(0xffffffff)->class, OPCODE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_barrier_index_is_masked), cmocka_unit_test(test_compare),
        cmocka_unit_test(test_records), cmocka_unit_test(test_opcodes),
    };

    return cmocka_run_group_tests_name("wire_packet", tests, NULL, NULL);
}
