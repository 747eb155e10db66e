/* SPDX-License-Identifier: MIT */
/*
 * The two ends of the wire, written independently from the specification (decision 11): the constants of the Linux driver's
 * header against the host's, and structures laid out with the driver's offsets through the host's decoders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "base/rd.h"
#include "wire/display.h"
#include "wire/iosfc.h"
#include "wire/memory.h"
#include "wire/opcodes.h"
#include "wire/packet.h"
#include "wire/regs.h"
#include "wire/surface.h"

#include "../../guest/linux/pvg_wire.h"

#define SAME(guest, host) {#guest, (uint64_t)(guest), (uint64_t)(host)}

static const struct {
    const char *name;
    uint64_t guest, host;
} constants[] = {
    SAME(PVG_REG_FIFO_CONTROL, REG_FIFO_CONTROL),
    SAME(PVG_REG_ROOT_FIFO_LENGTH, REG_ROOT_FIFO_LENGTH),
    SAME(PVG_REG_ROOT_PRODUCER, REG_ROOT_PRODUCER),
    SAME(PVG_REG_ROOT_CONSUMER, REG_ROOT_CONSUMER),
    SAME(PVG_REG_ROOT_FIFO_START, REG_ROOT_FIFO_START),
    SAME(PVG_REG_DISPLAY_EVENTS, REG_DISPLAY_EVENTS),
    SAME(PVG_REG_STAMP_EVENTS, REG_STAMP_EVENTS),
    SAME(PVG_REG_ROOT_PAGE, REG_ROOT_PAGE_PFN),
    SAME(PVG_REG_CHILD_DOORBELL, REG_CHILD_DOORBELL),
    SAME(PVG_REG_ROOT_RESUME, REG_ROOT_RESUME),
    SAME(PVG_REG_CHILD_RESUME, REG_CHILD_RESUME),
    SAME(PVG_REG_INTR_FAULT, REG_INTR_FAULT),
    SAME(PVG_REG_ROOT_FIFO_PAGE, REG_ROOT_FIFO_PFN),
    SAME(PVG_REG_VERSION, REG_VERSION),
    SAME(PVG_REG_DISPLAY_DOORBELL, REG_DISPLAY_DOORBELL),
    SAME(PVG_REG_DISPLAY_PORTS, REG_DISPLAY_PORTS),
    SAME(PVG_VERSION_REFUSED, WIRE_VERSION_BIT31),
    SAME(PVG_RECORD_BASE, CHANNEL_RECORDS_OFFSET),
    SAME(PVG_RECORD_SIZE, CHANNEL_RECORD_BYTES),
    SAME(PVG_RECORD_WRITTEN, CHANNEL_WRITTEN),
    SAME(PVG_RECORD_READ, CHANNEL_READ),
    SAME(PVG_RECORD_FAULT, CHANNEL_FAULT),
    SAME(PVG_RECORD_STAMP_INDEX, CHANNEL_STAMP_INDEX),
    SAME(PVG_RECORD_PAGE_LIST, CHANNEL_LIST_PFN),
    SAME(PVG_PACKET_HEADER_SIZE, PACKET_HEADER_BYTES),
    SAME(PVG_PACKET_BARRIER_SIZE, PACKET_BARRIER_BYTES),
    SAME(PVG_CMD_SET_SHARED_PAGE, CMD_DISPLAY_SET_SHARED_STATE_PAGE),
    SAME(PVG_CMD_DISPLAY_ACK, CMD_DISPLAY_ACK),
    SAME(PVG_CMD_CURSOR_GLYPH, CMD_DISPLAY_CURSOR_GLYPH),
    SAME(PVG_CMD_CURSOR_SHOW, CMD_DISPLAY_CURSOR_SHOW),
    SAME(PVG_CMD_PRESENT, CMD_DISPLAY_TRANSACTION2),
    SAME(PVG_CMD_PRESENT_GAMMA, CMD_DISPLAY_TRANSACTION3),
    SAME(PVG_CMD_PRESENT_MAPPING, CMD_DISPLAY_SWAP_MAPPING),
    SAME(PVG_CMD_NOP, CMD_NOP),
    SAME(PVG_CMD_UNMAP_MEMORY, CMD_UNMAP_MEMORY),
    SAME(PVG_CMD_DEFINE_CHANNEL, CMD_DEFINE_CHILD_FIFO),
    SAME(PVG_CMD_DELETE_CHANNEL, CMD_DELETE_CHILD_FIFO),
    SAME(PVG_CMD_SET_OBJECT_LIST, CMD_SET_OBJECT_LIST),
    SAME(PVG_CMD_INVALIDATE, CMD_INVALIDATE_RESOURCES),
    SAME(PVG_CMD_DELETE_SURFACE, CMD_DELETE_IOSURFACE_BACKING2),
    SAME(PVG_CMD_DEFINE_TASK, CMD_DEFINE_TASK2),
    SAME(PVG_CMD_MAP_MEMORY, CMD_MAP_MEMORY2),
    SAME(PVG_CMD_GET_DEVICE_INFO, CMD_GET_DEVICE_INFO),
    SAME(PVG_PAGE_SERIAL, SHARED_SERIAL),
    SAME(PVG_PAGE_NAME, SHARED_NAME),
    SAME(PVG_PAGE_NAME_SIZE, SHARED_NAME_BYTES),
    SAME(PVG_PAGE_PIPE, SHARED_PORT),
    SAME(PVG_PAGE_WIDTH_MM, SHARED_WIDTH_MM),
    SAME(PVG_PAGE_HEIGHT_MM, SHARED_HEIGHT_MM),
    SAME(PVG_PAGE_CURSOR_WIDTH, SHARED_CURSOR_WIDTH),
    SAME(PVG_PAGE_CURSOR_HEIGHT, SHARED_CURSOR_HEIGHT),
    SAME(PVG_PAGE_GAMMA_ENTRIES, SHARED_GAMMA_ENTRIES),
    SAME(PVG_PAGE_CURSOR_FEATURES, SHARED_CURSOR_FEATURES),
    SAME(PVG_PAGE_WIDTH_MM_FLOAT, SHARED_WIDTH_MM_F32),
    SAME(PVG_PAGE_HEIGHT_MM_FLOAT, SHARED_HEIGHT_MM_F32),
    SAME(PVG_PAGE_PENDING, SHARED_PENDING),
    SAME(PVG_PAGE_ENABLED, SHARED_ENABLED),
    SAME(PVG_PAGE_EPOCH, SHARED_EPOCH),
    SAME(PVG_PAGE_MODE_COUNT, SHARED_MODE_COUNT),
    SAME(PVG_PAGE_MODES, SHARED_MODES),
    SAME(PVG_MODE_SIZE, SHARED_MODE_BYTES),
    SAME(PVG_PAGE_CURSOR_POSITION, SHARED_CURSOR_POSITION),
    SAME(PVG_PAGE_CURSOR_VISIBLE, SHARED_CURSOR_VISIBLE),
    SAME(PVG_CURSOR_NOWHERE, SHARED_CURSOR_NOWHERE),
    SAME(PVG_EVENT_VBLANK, EVENT_VBL),
    SAME(PVG_EVENT_TRANSACTION, EVENT_TRANSACTION),
    SAME(PVG_EVENT_ONLINE, EVENT_ONLINE),
    SAME(PVG_EVENT_OFFLINE, EVENT_OFFLINE),
    SAME(PVG_CURSOR_FEATURE_VISIBLE, CURSOR_DOORBELL_SHOW),
    SAME(PVG_CURSOR_FEATURE_POSITION, CURSOR_DOORBELL_MOVE),
    SAME(PVG_DIRECTORY_ROOT, DIRECTORY_ROOT),
    SAME(PVG_DIRECTORY_DEPTH, DIRECTORY_DEPTH),
    SAME(PVG_DIRECTORY_LENGTH, DIRECTORY_LENGTH),
    SAME(PVG_PTE_SIZE, PTE_BYTES),
    SAME(PVG_PTE_PAGE_MASK, PTE_PFN_MASK),
    SAME(PVG_SLOT_SIZE, OBJECT_SLOT_BYTES),
    SAME(PVG_SURFACE_DESCRIPTOR_SIZE, SURFACE_LEAST_BYTES),
    SAME(PVG_FORMAT_BGRA, FORMAT_BGRA),
    SAME(PVG_IOSFC_RING_BASE, IOSFC_RING_BASE),
    SAME(PVG_IOSFC_CAPACITY, IOSFC_CAPACITY),
    SAME(PVG_IOSFC_TABLE, IOSFC_DESC_TABLE),
    SAME(PVG_IOSFC_PRODUCER, IOSFC_PRODUCER),
    SAME(PVG_IOSFC_CONSUMER, IOSFC_CONSUMER),
    SAME(PVG_IOSFC_ENTRY_RESULT, IOSFC_ENTRY_RESULT),
    SAME(PVG_IOSFC_ENTRY_SIZE, IOSFC_ENTRY_BYTES),
    SAME(PVG_IOSFC_OP_MAP, IOSFC_OP_MAP),
    SAME(PVG_IOSFC_OP_UNMAP, IOSFC_OP_UNMAP),
    SAME(PVG_IOSFC_PAGE_VALID, IOSFC_ENTRY_PRESENT),
    SAME(PVG_IOSFC_RECORD_SIZE, IOSFC_RECORD_BYTES),
};

static void same_constants(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
        if (constants[i].guest != constants[i].host)
            print_error("%s differs\n", constants[i].name);
        assert_int_equal(constants[i].guest, constants[i].host);
    }
}

/* What the driver sends is at least what the host wants, for every command it knows. */
static void payload_sizes(void **state)
{
    static const uint32_t sent[][2] = {
        {PVG_CMD_SET_SHARED_PAGE, PVG_LEN_SET_SHARED_PAGE}, {PVG_CMD_DISPLAY_ACK, PVG_LEN_DISPLAY_ACK},
        {PVG_CMD_CURSOR_GLYPH, PVG_LEN_CURSOR_GLYPH},       {PVG_CMD_CURSOR_SHOW, PVG_LEN_CURSOR_SHOW},
        {PVG_CMD_PRESENT, PVG_LEN_PRESENT},                 {PVG_CMD_PRESENT_GAMMA, PVG_LEN_PRESENT_GAMMA},
        {PVG_CMD_PRESENT_MAPPING, PVG_LEN_PRESENT_MAPPING}, {PVG_CMD_NOP, PVG_LEN_NOP},
        {PVG_CMD_UNMAP_MEMORY, PVG_LEN_UNMAP_MEMORY},       {PVG_CMD_DEFINE_CHANNEL, PVG_LEN_DEFINE_CHANNEL},
        {PVG_CMD_DELETE_CHANNEL, PVG_LEN_DELETE_CHANNEL},   {PVG_CMD_SET_OBJECT_LIST, PVG_LEN_SET_OBJECT_LIST},
        {PVG_CMD_INVALIDATE, PVG_LEN_INVALIDATE_1},         {PVG_CMD_DELETE_SURFACE, PVG_LEN_DELETE_SURFACE},
        {PVG_CMD_DEFINE_TASK, PVG_LEN_DEFINE_TASK},         {PVG_CMD_MAP_MEMORY, PVG_LEN_MAP_MEMORY},
        {PVG_CMD_GET_DEVICE_INFO, PVG_LEN_GET_DEVICE_INFO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        const struct opcode_info *info = opcode_info(sent[i][0]);

        assert_int_equal(info->class, OPCODE_SERVED);
        assert_true(sent[i][1] >= info->least_payload_bytes);
    }
}

static void packet(void **state)
{
    uint8_t bytes[PVG_PACKET_HEADER_SIZE];
    struct packet_header h;

    (void)state;
    le16_put(bytes + PVG_PACKET_OPCODE, PVG_CMD_NOP);
    le16_put(bytes + PVG_PACKET_BARRIERS, 1);
    le32_put(bytes + PVG_PACKET_LENGTH, PVG_PACKET_HEADER_SIZE + PVG_PACKET_BARRIER_SIZE);
    le32_put(bytes + PVG_PACKET_STAMP, 77);
    assert_int_equal(packet_decode(bytes, 4096, &h), REFUSE_NONE);
    assert_int_equal(h.opcode, CMD_NOP);
    assert_int_equal(h.barriers, 1);
    assert_int_equal(h.length_bytes, 20);
    assert_int_equal(h.stamp, 77);
}

static void surface(void **state)
{
    uint8_t d[PVG_SURFACE_DESCRIPTOR_SIZE] = {0};
    struct surface s;

    (void)state;
    le64_put(d + PVG_SURFACE_LENGTH, 0x7e9000);
    le32_put(d + PVG_SURFACE_PAGE, 0x200);
    le32_put(d + PVG_SURFACE_FORMAT, PVG_FORMAT_BGRA);
    d[PVG_SURFACE_PLANES] = 1;
    le32_put(d + PVG_SURFACE_PLANE0 + PVG_PLANE_OFFSET, 64);
    le32_put(d + PVG_SURFACE_PLANE0 + PVG_PLANE_WIDTH, 1920);
    le32_put(d + PVG_SURFACE_PLANE0 + PVG_PLANE_HEIGHT, 1079);
    le32_put(d + PVG_SURFACE_PLANE0 + PVG_PLANE_PITCH, 7680 | 4u << PVG_PLANE_ELEMENT_SHIFT);
    assert_int_equal(surface_decode(d, sizeof(d), &s), REFUSE_NONE);
    assert_int_equal(s.length_bytes, 0x7e9000);
    assert_int_equal(s.first_page, 0x200);
    assert_int_equal(s.format, FORMAT_BGRA);
    assert_int_equal(s.plane_count, 1);
    assert_int_equal(s.plane[0].offset_bytes, 64);
    assert_int_equal(s.plane[0].width_px, 1920);
    assert_int_equal(s.plane[0].height_px, 1079);
    assert_int_equal(s.plane[0].stride_bytes, 7680);
    assert_int_equal(s.plane[0].bytes_per_element, 4);
}

static void mapping_record(void **state)
{
    uint8_t r[PVG_IOSFC_RECORD_SIZE] = {0}, e[PVG_IOSFC_ENTRY_SIZE] = {0};
    struct iosfc_surface s;
    struct iosfc_request q;

    (void)state;
    le32_put(r + PVG_IOSFC_RECORD_LIST, 0x1234u << PVG_IOSFC_PAGE_SHIFT | PVG_IOSFC_PAGE_VALID);
    le32_put(r + PVG_IOSFC_RECORD_FORMAT, PVG_FORMAT_BGRA);
    le32_put(r + PVG_IOSFC_RECORD_BASE, 256);
    le32_put(r + PVG_IOSFC_RECORD_LENGTH, 0x7ec000);
    le32_put(r + PVG_IOSFC_RECORD_WIDTH, 1 | 1920u << PVG_IOSFC_EXTENT_SHIFT);
    le32_put(r + PVG_IOSFC_RECORD_HEIGHT, 1 | 1080u << PVG_IOSFC_EXTENT_SHIFT);
    le32_put(r + PVG_IOSFC_RECORD_PITCH, 0x1e00);
    le16_put(r + PVG_IOSFC_RECORD_ELEMENT, 4);
    assert_int_equal(iosfc_record_decode(r, 1u << PVG_PAGE_SHIFT_MMIO, &s), REFUSE_NONE);
    assert_int_equal(s.list_pfn, 0x1234);
    assert_int_equal(s.format, FORMAT_BGRA);
    assert_int_equal(s.size_bytes, 0x7ec000);
    assert_int_equal(s.plane_count, 1);
    assert_int_equal(s.plane[0].offset_bytes, 256);
    assert_int_equal(s.plane[0].width_px, 1920);
    assert_int_equal(s.plane[0].height_px, 1080);
    assert_int_equal(s.plane[0].stride_bytes, 0x1e00);
    assert_int_equal(s.plane[0].bytes_per_element, 4);

    le32_put(e + PVG_IOSFC_ENTRY_OPERATION, PVG_IOSFC_OP_UNMAP);
    le32_put(e + PVG_IOSFC_ENTRY_MAPPING, PVG_IOSFC_MAX_MAPPING);
    q = iosfc_request_decode(e);
    assert_int_equal(q.operation, IOSFC_OP_UNMAP);
    assert_int_equal(q.mapping, PVG_IOSFC_MAX_MAPPING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_constants), cmocka_unit_test(payload_sizes),  cmocka_unit_test(packet),
        cmocka_unit_test(surface),        cmocka_unit_test(mapping_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
