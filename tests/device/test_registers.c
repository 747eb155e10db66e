/* SPDX-License-Identifier: MIT */
/*
 * Registers (transport 1.3, 2, 3; display 10): access sizes, 64-bit accesses, unknown offsets, the version handshake, status
 * registers, doorbells of what does not exist, and the first packet of a polling guest (transport 15.1).
 */
#include "device/check.h"

static struct vmm v;
static struct guest g;

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    return 0;
}

static int teardown(void **state)
{
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

static void test_reset_values(void **state)
{
    for (uint32_t at = 0; at < PVG_MMIO_LENGTH; at += 4) {
        uint32_t want = at == REG_EFI_PITCH_ALIGN ? 64 : at == REG_DISPLAY_PORTS || at == REG_BUILTIN_CONNECTED ? 1 : 0;

        assert_int_equal(vmm_r32(&v, at), want);
    }
    assert_int_equal(vmm_see(&v, v.interrupts), 0);
}

static void test_access_sizes(void **state)
{
    static const struct {
        uint64_t offset;
        unsigned size;
    } bad[] = {{REG_ROOT_FIFO_LENGTH, 1}, {REG_ROOT_FIFO_LENGTH, 2}, {REG_ROOT_FIFO_LENGTH + 1, 1},
               {REG_ROOT_FIFO_LENGTH + 2, 2}, {REG_ROOT_FIFO_LENGTH + 2, 4}, {REG_ROOT_FIFO_LENGTH, 8},
               {REG_ROOT_FIFO_LENGTH - 1, 4}};

    vmm_w32(&v, REG_ROOT_FIFO_LENGTH, 0x12345678);
    vmm_w32(&v, REG_ROOT_PRODUCER, 0x9abcdef0);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(vmm_read(&v, bad[i].offset, bad[i].size), 0);
        vmm_write(&v, bad[i].offset, UINT64_MAX, bad[i].size);
    }
    assert_int_equal(vmm_r32(&v, REG_ROOT_FIFO_LENGTH), 0x12345678);
    assert_int_equal(vmm_r32(&v, REG_ROOT_PRODUCER), 0x9abcdef0);
    assert_int_equal(vmm_refused(&v, "register-access-size"), 2 * sizeof(bad) / sizeof(bad[0]));
    assert_true(vmm_logged(&v, "register-access-size") >= 1);
    assert_true(vmm_logged(&v, "register-access-size") <= 4); /* at a bounded rate */
}

static void test_below_the_registers(void **state)
{
    vmm_w32(&v, 0, 0xffffffff);
    vmm_w32(&v, 0xffc, 0xffffffff);
    vmm_write(&v, 3, 0xff, 1);
    assert_int_equal(vmm_read(&v, 0, 8), 0);
    assert_int_equal(vmm_read(&v, 0xffc, 4), 0);
    /* an 8-byte access may not reach from below into the registers */
    vmm_w32(&v, REG_VERSION, 4);
    vmm_write(&v, 0xffc, UINT64_MAX, 8);
    assert_int_equal(vmm_r32(&v, REG_FIFO_CONTROL), 0);
}

static void test_unknown_registers(void **state)
{
    static const uint32_t unknown[] = {0x1040, 0x10fc, 0x11fc, 0x1230, 0x1238, 0x2000, 0x3ffc};

    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        vmm_w32(&v, unknown[i], 0x55aa55aa);
        assert_int_equal(vmm_r32(&v, unknown[i]), 0);
    }
    assert_true(vmm_refused(&v, "register-unknown") >= 6);
    /* outside the window: nothing, whatever the VMM passes */
    vmm_write(&v, PVG_MMIO_LENGTH, 1, 4);
    vmm_write(&v, UINT64_MAX - 7, 1, 8);
    assert_int_equal(vmm_read(&v, PVG_MMIO_LENGTH, 4), 0);
    assert_int_equal(vmm_read(&v, 1ull << 32 | REG_DISPLAY_PORTS, 4), 0);
}

/* Aligned 8-byte accesses are two of 4, low half first, with the side effects of both. */
static void test_wide_access(void **state)
{
    vmm_write(&v, REG_ROOT_PRODUCER, 0x1111111122222222, 8); /* upper half: ROOT_CONSUMER, not writable */
    assert_int_equal(vmm_r32(&v, REG_ROOT_PRODUCER), 0x22222222);
    assert_int_equal(vmm_r32(&v, REG_ROOT_CONSUMER), 0);
    assert_int_equal(vmm_read(&v, REG_ROOT_PRODUCER, 8), 0x22222222);
    vmm_write(&v, REG_STAMP_EVENTS, 0x0000777700000000, 8); /* upper half: ROOT_PAGE_PFN */
    assert_int_equal(vmm_r32(&v, REG_ROOT_PAGE_PFN), 0x7777);

    /* 0x1030: the upper half would land in VERSION and is dropped */
    vmm_w32(&v, REG_VERSION, 6);
    vmm_write(&v, REG_ROOT_FIFO_PFN, 0x0000002a00000123, 8);
    assert_int_equal(vmm_r32(&v, REG_ROOT_FIFO_PFN), 0x123);
    assert_int_equal(vmm_r32(&v, REG_VERSION), 6);
}

/* 0x1210 is the only true 64-bit register; 0x1214 is not its upper half. */
static void test_firmware_address(void **state)
{
    vmm_w32(&v, REG_EFI_BUFFER_SIZE, 0x800000);
    vmm_write(&v, REG_EFI_BUFFER_ADDRESS, 0x123456789abcd000, 8);
    assert_true(vmm_read(&v, REG_EFI_BUFFER_ADDRESS, 8) == 0x123456789abcd000);
    assert_int_equal(vmm_r32(&v, REG_EFI_BUFFER_ADDRESS), 0x9abcd000);
    assert_int_equal(vmm_r32(&v, REG_EFI_BUFFER_SIZE), 0x800000);
    vmm_w32(&v, REG_EFI_BUFFER_ADDRESS, 0x1000);
    assert_true(vmm_read(&v, REG_EFI_BUFFER_ADDRESS, 8) == 0x1234567800001000);
    vmm_w32(&v, REG_EFI_BUFFER_BPP, 32);
    vmm_w32(&v, REG_EFI_BUFFER_PITCH, 7680);
    vmm_w32(&v, REG_EFI_BUFFER_ENABLE, 1);
    assert_int_equal(vmm_r32(&v, REG_EFI_BUFFER_BPP), 32);
    assert_int_equal(vmm_r32(&v, REG_EFI_BUFFER_PITCH), 7680);
    assert_int_equal(vmm_r32(&v, REG_EFI_BUFFER_ENABLE), 1);
    pvg_device_reset(v.dev);
    assert_int_equal(vmm_read(&v, REG_EFI_BUFFER_ADDRESS, 8), 0);
    assert_int_equal(vmm_r32(&v, REG_EFI_BUFFER_PITCH), 0);
}

/* H16: the firmware's address may point anywhere; nothing is read or written there. */
static void test_firmware_address_hostile(void **state)
{
    static const uint64_t at[] = {0x1c00000, 0xfebf0000, 0x17ff000, UINT64_MAX, 0xfffffffffffff000, 1};
    uint64_t before = guest_checksum(&g);

    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        vmm_write(&v, REG_EFI_BUFFER_ADDRESS, at[i], 8);
        vmm_w32(&v, REG_EFI_BUFFER_SIZE, 0x1000000);
        vmm_w32(&v, REG_EFI_BUFFER_PITCH, 0xffffffff);
        vmm_w32(&v, REG_EFI_BUFFER_ENABLE, 1);
    }
    guest_boot(&g, 0);
    guest_run(&g, &g.channel[0], CMD_NOP, NULL, 0);
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    memset(guest_ptr(&g, g.fifo_pfn, 0), 0, g.fifo_length);
    memset(guest_ptr(&g, g.root_page_pfn, 0), 0, g.page);
    assert_true(guest_checksum(&g) == before);
}

static void test_firmware_modes(void **state)
{
    static const struct pvg_mode modes[] = {{1920, 1080, 60}, {1280, 1024, 60}, {640, 480, 60}};
    struct vmm_display *d = vmm_display_new(&v, 0, modes, 3, false);

    assert_int_equal(vmm_r32(&v, REG_EFI_MODES), 3);
    for (uint32_t i = 0; i < 3; i++) {
        vmm_w32(&v, REG_EFI_MODE_INDEX, i);
        assert_int_equal(vmm_r32(&v, REG_EFI_MODE_INDEX), i);
        assert_int_equal(vmm_r32(&v, REG_EFI_MODE_EXTENT),
                         (uint32_t)modes[i].width_px << 16 | modes[i].height_px);
    }
    vmm_w32(&v, REG_EFI_MODE_INDEX, 3);
    assert_int_equal(vmm_r32(&v, REG_EFI_MODE_EXTENT), 0);
    vmm_w32(&v, REG_EFI_MODE_INDEX, UINT32_MAX);
    assert_int_equal(vmm_r32(&v, REG_EFI_MODE_EXTENT), 0);
    vmm_w32(&v, REG_EFI_DISPLAY_SELECT, UINT32_MAX); /* no such display: harmless */
    (void)vmm_r32(&v, REG_EFI_MODES);
    vmm_w32(&v, REG_EFI_DISPLAY_SELECT, 0);
    pvg_display_free(d->disp);
    assert_int_equal(vmm_r32(&v, REG_EFI_MODES), 0);
}

static void test_version(void **state)
{
    static const uint32_t cases[][2] = {{4, 4}, {6, 6}, {1, 1}, {43, 43}, {62, 62}, {63, 62}, {0x7fffffff, 62},
                                        {0x80000006, 0x80000006}, {0xffffffff, 0xffffffff}, {0, 0}, {6, 6}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vmm_w32(&v, REG_VERSION, cases[i][0]);
        assert_int_equal(vmm_r32(&v, REG_VERSION), cases[i][1]);
    }
    assert_int_equal(vmm_refused(&v, "version-bit31"), 2);
}

static void test_ports(void **state)
{
    assert_int_equal(vmm_r32(&v, REG_DISPLAY_PORTS), 8);
}

/* Display doorbells of ports that do not exist (H14), and of ones that nobody has set up. */
static void test_display_doorbell(void **state)
{
    static const uint32_t bad[] = {1, 8, 31, 32, 0xffffffff};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        vmm_w32(&v, REG_DISPLAY_DOORBELL, bad[i]);
    assert_int_equal(vmm_refused(&v, "doorbell-display"), 5);
    vmm_w32(&v, REG_DISPLAY_DOORBELL, 0);
    assert_int_equal(vmm_r32(&v, REG_DISPLAY_EVENTS), 0);
    assert_int_equal(vmm_see(&v, v.interrupts), 0);
}

static void test_channel_doorbell(void **state)
{
    static const uint32_t bad[] = {0, 32, 33, 64, 0x80000001, 0xffffffff};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        vmm_w32(&v, REG_CHILD_DOORBELL, bad[i]);
        vmm_w32(&v, REG_CHILD_RESUME, bad[i]);
    }
    assert_int_equal(vmm_refused(&v, "doorbell-channel"), 12);
    /* before enable, and for a channel without a record: harmless */
    vmm_w32(&v, REG_CHILD_DOORBELL, 3);
    guest_boot(&g, 0);
    vmm_w32(&v, REG_CHILD_DOORBELL, 3);
    vmm_w32(&v, REG_CHILD_RESUME, 3);
    vmm_w32(&v, REG_ROOT_RESUME, 1);
    guest_run(&g, &g.channel[0], CMD_NOP, NULL, 0);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
}

/* Transport 15.1: handshake, enable, NOP with stamp 1: cell 0 = 1, consumer 12, status bit 0, one interrupt. */
static void test_first_packet(void **state)
{
    guest_boot(&g, 0);
    assert_int_equal(guest_send(&g, &g.channel[0], CMD_NOP, NULL, 0), 1);
    guest_wait(&g, &g.channel[0], 1);
    assert_int_equal(*guest_cell(&g, 0), 1);
    assert_int_equal(vmm_r32(&v, REG_ROOT_CONSUMER), 12);
    vmm_wait(&v, v.interrupts >= 1);
    assert_int_equal(vmm_see(&v, v.interrupts), 1);
    assert_int_equal(vmm_r32(&v, REG_STAMP_EVENTS), 1);
    assert_int_equal(vmm_r32(&v, REG_STAMP_EVENTS), 0); /* read-to-clear */
    assert_int_equal(vmm_r32(&v, REG_DISPLAY_EVENTS), 0);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
    /* nothing else in the header page, nothing in the root page */
    for (uint32_t i = 1; i < g.page / 4; i++)
        assert_int_equal(*guest_cell(&g, i), 0);
    for (uint32_t i = 0; i < g.page; i += 4)
        assert_int_equal(*guest_word(&g, g.root_page_pfn, i), 0);
}

/* Status registers take a write as write-1-to-clear. */
static void test_status_write(void **state)
{
    guest_boot(&g, 0);
    guest_channel(&g, 3, 1);
    guest_run(&g, &g.channel[3], CMD_NOP, NULL, 0);
    vmm_w32(&v, REG_STAMP_EVENTS, 1);
    assert_int_equal(vmm_r32(&v, REG_STAMP_EVENTS), 1u << 3);
}

/* Geometry written while enabled takes effect at the next enable; a non-zero write while enabled is a kick. */
static void test_geometry_is_latched(void **state)
{
    struct channel *root = &g.channel[0];

    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    vmm_w32(&v, REG_ROOT_FIFO_PFN, 0);
    vmm_w32(&v, REG_ROOT_FIFO_LENGTH, 3);
    vmm_w32(&v, REG_ROOT_FIFO_START, 0xffffffff);
    vmm_w32(&v, REG_FIFO_CONTROL, 1);
    vmm_w32(&v, REG_FIFO_CONTROL, 77);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    assert_int_equal(vmm_r32(&v, REG_ROOT_CONSUMER), 24);
    assert_true(vmm_r32(&v, REG_FIFO_CONTROL) != 0);
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    assert_int_equal(vmm_r32(&v, REG_FIFO_CONTROL), 0);
    assert_int_equal(vmm_r32(&v, REG_ROOT_CONSUMER), 0);
    assert_int_equal(vmm_r32(&v, REG_ROOT_PRODUCER), 0);
    vmm_w32(&v, REG_FIFO_CONTROL, 1);
    vmm_poll(vmm_refused(&v, "root-geometry") == 1);
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

/* With the FIFO disabled, the producer register only stores. */
static void test_producer_while_disabled(void **state)
{
    guest_prepare(&g, 0);
    vmm_w32(&v, REG_ROOT_PRODUCER, 0x1000);
    assert_int_equal(vmm_r32(&v, REG_ROOT_PRODUCER), 0x1000);
    vmm_w32(&v, REG_FIFO_CONTROL, 1);
    assert_int_equal(vmm_r32(&v, REG_ROOT_PRODUCER), 0);
    guest_run(&g, &g.channel[0], CMD_NOP, NULL, 0);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
}

int main(void)
{
    static struct vmm_config four_k, sixteen_k = {.shift = 14}, eight_ports = {.ports = 8};
    static struct vmm_config callbacks = {.tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_reset_values, four_k),
        DEVICE_TEST(test_access_sizes, four_k),
        DEVICE_TEST(test_below_the_registers, four_k),
        DEVICE_TEST(test_unknown_registers, four_k),
        DEVICE_TEST(test_wide_access, four_k),
        DEVICE_TEST(test_firmware_address, four_k),
        DEVICE_TEST(test_firmware_address_hostile, four_k),
        DEVICE_TEST(test_firmware_modes, four_k),
        DEVICE_TEST(test_version, four_k),
        DEVICE_TEST(test_ports, eight_ports),
        DEVICE_TEST(test_display_doorbell, four_k),
        DEVICE_TEST(test_channel_doorbell, four_k),
        DEVICE_TEST(test_first_packet, four_k),
        DEVICE_TEST(test_first_packet, sixteen_k),
        DEVICE_TEST(test_first_packet, callbacks),
        DEVICE_TEST(test_status_write, four_k),
        DEVICE_TEST(test_geometry_is_latched, four_k),
        DEVICE_TEST(test_producer_while_disabled, four_k),
    };

    return cmocka_run_group_tests_name("registers", tests, NULL, NULL);
}
