/* SPDX-License-Identifier: MIT */
/*
 * CmdGetDeviceInfo (transport 8.1; check 15.9): key limits of all guests, capacities, zeroed tail, no byte beyond the reply's
 * part of the page, refusals; the report, its diagnosis, and the record file.
 */
#include "device/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/record.h"

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];

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

/* Ask; the page before and behind the reply page must keep their bytes. Returns the number of pairs. */
static uint32_t ask(uint32_t pfn, uint32_t limit, uint32_t capacity)
{
    uint64_t bytes = (uint64_t)capacity * 8 > g.page ? g.page : (uint64_t)capacity * 8;
    uint32_t n = 0;

    for (int i = -1; i <= 1; i++)
        memset(guest_ptr(&g, pfn + (uint32_t)i, 0), 0xcc, g.page);
    guest_run(&g, root, CMD_GET_DEVICE_INFO, WORDS(limit, capacity, pfn));
    for (uint64_t i = 0; i < g.page; i++) {
        assert_int_equal(*(uint8_t *)guest_ptr(&g, pfn - 1, i), 0xcc);
        assert_int_equal(*(uint8_t *)guest_ptr(&g, pfn + 1, i), 0xcc);
        if (i >= bytes)
            assert_int_equal(*(uint8_t *)guest_ptr(&g, pfn, i), 0xcc);
    }
    for (uint64_t i = 0; i < bytes / 8; i++) {
        uint32_t key = *guest_word(&g, pfn, 8 * i), value = *guest_word(&g, pfn, 8 * i + 4);

        assert_true(key < limit || !key);
        assert_true(key != 43);
        if (!key)
            assert_int_equal(value, 0);
        else
            assert_int_equal(n++, i); /* from the start, without a gap */
    }
    return n;
}

static bool answered(uint32_t pfn, uint32_t key, uint32_t *value)
{
    for (uint32_t i = 0; i < g.page / 8; i++)
        if (*guest_word(&g, pfn, 8 * i) == key) {
            *value = *guest_word(&g, pfn, 8 * i + 4);
            return true;
        }
    return false;
}

static void test_limits(void **state)
{
    static const uint32_t limits[] = {0, 1, 2, 7, 14, 18, 42, 45, 46, 1000, 0xffffffff};
    uint32_t pfn, value, last = 0;

    guest_boot(&g, 0);
    pfn = guest_pages(&g, 3) + 1;
    for (unsigned i = 0; i < COUNT(limits); i++) {
        uint32_t n = ask(pfn, limits[i], (uint32_t)(g.page / 8));

        assert_true(n >= last && n < 45);
        last = n;
        if (limits[i] <= 1)
            assert_int_equal(n, 0);
        assert_int_equal(vmm_report_number(&v, "device_info_key_limit"), limits[i]);
    }
    /* what transport 8.1 requires whatever the host can do */
    assert_true(answered(pfn, 1, &value) && value >= 1);
    assert_true(!answered(pfn, 12, &value) || value == 0); /* version 6: no dual-plane textures */
    assert_true(!answered(pfn, 14, &value) || value == 0); /* no heaps without a GPU */
    assert_int_equal(vmm_refused_total(&v), 0);
}

static void test_capacities(void **state)
{
    static const uint32_t capacities[] = {0, 1, 2, 511, 512, 513, 2048, 4096, 0x20000000, 0x20000001, 0xffffffff};
    uint32_t pfn;

    guest_boot(&g, 0);
    pfn = guest_pages(&g, 3) + 1;
    for (unsigned i = 0; i < COUNT(capacities); i++) {
        uint32_t n = ask(pfn, 45, capacities[i]);

        assert_true(n <= capacities[i]);
        if (capacities[i] >= 64)
            assert_true(n > 2);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* Key 12 follows the negotiated version: on at exactly 31, 41..43, 60..62. */
static void test_dual_plane(void **state)
{
    uint32_t pfn, value;

    guest_boot(&g, 0);
    pfn = guest_pages(&g, 3) + 1;
    for (uint32_t version = 1; version <= 64; version++) {
        uint32_t granted = version > 62 ? 62 : version;
        bool on = granted == 31 || (granted >= 41 && granted <= 43) || granted >= 60;

        vmm_w32(&v, REG_VERSION, version);
        ask(pfn, 45, 512);
        if (!answered(pfn, 12, &value))
            value = 0;
        assert_int_equal(value, on);
    }
}

/* The request with the bytes of transport 12, from macOS 26. */
static void test_example(void **state)
{
    static const uint8_t packet[24] = {0x3a, 0, 0, 0, 0x18, 0, 0, 0, 0x09, 0, 0, 0, 0x2d, 0, 0, 0, 0, 2, 0, 0};
    uint8_t bytes[24];
    uint32_t pfn;

    guest_boot(&g, 0);
    pfn = guest_pages(&g, 1);
    memcpy(bytes, packet, sizeof(bytes));
    le32_put(bytes + 20, pfn);
    root->stamp = 9;
    guest_put(&g, root, bytes, sizeof(bytes));
    guest_publish(&g, root);
    guest_wait(&g, root, 9);
    assert_true(*guest_word(&g, pfn, 0) >= 1);
}

/* Page 0: no reply. The reply may not hit what the device itself lives on. */
static void test_bad_reply_pages(void **state)
{
    struct channel *c;
    struct space task;
    uint32_t own[5];

    guest_boot(&g, 0);
    c = guest_channel(&g, 1, 2);
    space_init(&g, &task, 3, 3, 1ull << 34);
    space_define(&g, &task);
    memset(guest_ptr(&g, 0, 0), 0xcc, g.page);
    guest_run(&g, root, CMD_GET_DEVICE_INFO, WORDS(45, 512, 0));
    for (uint64_t i = 0; i < g.page; i += 4)
        assert_int_equal(*guest_word(&g, 0, i), 0xcccccccc);
    assert_int_equal(vmm_refused_total(&v), 0);

    own[0] = g.fifo_pfn;      /* stamp cells */
    own[1] = g.root_page_pfn; /* channel records */
    own[2] = c->list_pfn;
    own[3] = c->pages[1];
    own[4] = task.directory_pfn;
    for (unsigned i = 0; i < COUNT(own); i++) {
        uint32_t before[64];

        for (unsigned k = 0; k < 64; k++)
            before[k] = *guest_word(&g, own[i], 4ull * k);
        guest_run(&g, c, CMD_GET_DEVICE_INFO, WORDS(45, 512, own[i]));
        assert_int_equal(vmm_refused(&v, "reply-collision"), i + 1);
        if (i >= 2)
            for (unsigned k = 0; k < 64; k++)
                assert_int_equal(*guest_word(&g, own[i], 4ull * k), before[k]);
    }
    guest_run(&g, root, CMD_NOP, NULL, 0);
    guest_run(&g, c, CMD_NOP, NULL, 0);
}

/* A short last page of RAM, and ROM. */
static void test_reply_in_rom(void **state)
{
    static _Alignas(4096) uint8_t rom[8192];
    uint32_t pfn = 0x80000;

    memset(rom, 0xcc, sizeof(rom));
    assert_int_equal(pvg_device_add_ram(v.dev, (uint64_t)pfn << 12, sizeof(rom), rom, -1, 0, PVG_RAM_READONLY), 0);
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_GET_DEVICE_INFO, WORDS(45, 512, pfn));
    assert_int_equal(vmm_refused(&v, "reply-not-ram"), 1);
    for (unsigned i = 0; i < sizeof(rom); i++)
        assert_int_equal(rom[i], 0xcc);
    assert_int_equal(pvg_device_del_ram(v.dev, (uint64_t)pfn << 12, sizeof(rom)), 0);
}

/* ---- report ---- */

static void test_diagnosis(void **state)
{
    static const struct pvg_mode mode = {640, 480, 60};
    struct pixels surface;
    struct screen s;

    assert_true(vmm_report_has(&v, "no guest driver has spoken to the device"));
    guest_prepare(&g, 0);
    assert_true(vmm_report_has(&v, "has not enabled the command FIFO"));
    vmm_w32(&v, REG_FIFO_CONTROL, 1);
    assert_true(vmm_report_has(&v, "no monitor is attached by the VMM"));
    vmm_display_new(&v, 0, NULL, 0, false);
    assert_true(vmm_report_has(&v, "the monitor is unplugged"));
    pvg_display_set_modes(v.display[0].disp, &mode, 1);
    assert_true(vmm_report_has(&v, "the guest driver has not set this display up"));
    screen_init(&s, &g, 0);
    screen_announce(&s);
    assert_true(vmm_report_has(&v, "has not answered yet"));
    screen_enable(&s, EVENT_ONLINE);
    screen_wait_event(&s, EVENT_ONLINE);
    screen_ack(&s);
    assert_true(vmm_report_has(&v, "has not presented anything"));
    guest_kernel_task(&g);
    guest_surface(&g, &surface, 1, 64, 64, FORMAT_BGRA, 0);
    screen_show(&s, 77);
    assert_true(vmm_report_has(&v, "no picture could be taken"));
    screen_show(&s, 1);
    assert_true(vmm_report_has(&v, "nothing is wrong from here"));
    assert_int_equal(vmm_report_number(&v, "displays.0.picture.width"), 64);
    assert_int_equal(vmm_report_number(&v, "displays.0.guest_presents"), 2);
    assert_int_equal(vmm_report_number(&v, "displays.0.host_presents"), 1);
    assert_int_equal(vmm_report_number(&v, "registers.version"), 6);
    assert_int_equal(vmm_report_number(&v, "ram_bytes"), v.ram_bytes);
}

static void test_no_ram(void **state)
{
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pvg_device_del_ram(v.dev, v.block[i].gpa, v.block[i].bytes), 0);
    assert_true(vmm_report_has(&v, "has not told the device about guest RAM"));
    vmm_w32(&v, REG_ROOT_FIFO_PFN, 0x100);
    vmm_w32(&v, REG_ROOT_FIFO_LENGTH, 0x10000);
    vmm_w32(&v, REG_ROOT_FIFO_START, 0x1000);
    vmm_w32(&v, REG_FIFO_CONTROL, 1);
    vmm_poll(vmm_refused(&v, "root-not-ram") == 1);
}

/* ---- record ---- */

struct record {
    uint32_t kind, length;
    uint64_t time_ns;
    const uint8_t *data;
};

/* Next record of a file in memory; false at its end. Everything must add up. */
static bool next_record(const uint8_t **p, const uint8_t *end, struct record *r)
{
    if (*p == end)
        return false;
    assert_true(end - *p >= 16);
    r->kind = le32_get(*p);
    r->length = le32_get(*p + 4);
    r->time_ns = le64_get(*p + 8);
    r->data = *p + 16;
    assert_true((uint64_t)(end - r->data) >= r->length);
    *p = r->data + r->length;
    return true;
}

static void test_record(void **state)
{
    static const struct pvg_mode mode = {640, 480, 60};
    char path[] = "/tmp/pvg-record-XXXXXX";
    int fd = mkstemp(path), copy;
    unsigned packets = 0, writes = 0, reads = 0, pictures = 0, memory = 0;
    uint64_t last_ns = 0;
    struct pixels surface;
    struct record r;
    const uint8_t *p, *end;
    uint8_t *file;
    struct stat st;
    struct screen s;

    assert_true(fd >= 0);
    unlink(path);
    copy = dup(fd);
    assert_int_equal(pvg_device_record(v.dev, fd), 0);
    vmm_display_new(&v, 0, &mode, 1, false);
    guest_boot(&g, 0);
    guest_kernel_task(&g);
    guest_surface(&g, &surface, 1, 8, 4, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 3);
    screen_init(&s, &g, 0);
    screen_online(&s, 0);
    screen_show(&s, 1);
    assert_true(vmm_report_has(&v, "\"recording\":\"on\""));
    assert_int_equal(pvg_device_record(v.dev, -1), 0);
    assert_true(vmm_report_has(&v, "\"recording\":\"off\""));
    guest_run(&g, root, CMD_NOP, NULL, 0); /* not recorded */

    assert_int_equal(fstat(copy, &st), 0);
    file = malloc((size_t)st.st_size);
    assert_non_null(file);
    assert_true(pread(copy, file, (size_t)st.st_size, 0) == st.st_size);
    close(copy);
    p = file;
    end = file + st.st_size;
    assert_memory_equal(p, "PVGR", 4);
    assert_int_equal(le32_get(p + 4), RECORD_VERSION);
    p += 8;
    while (next_record(&p, end, &r)) {
        assert_true(r.time_ns >= last_ns);
        last_ns = r.time_ns;
        switch (r.kind) {
        case RECORD_DEVICE:
            assert_int_equal(r.length, 20);
            assert_int_equal(le32_get(r.data), v.cfg.shift);
            assert_int_equal(le32_get(r.data + 4), 1);
            break;
        case RECORD_MMIO_READ:
        case RECORD_MMIO_WRITE:
            assert_int_equal(r.length, 16);
            assert_true(le32_get(r.data + 4) == 4);
            reads += r.kind == RECORD_MMIO_READ;
            writes += r.kind == RECORD_MMIO_WRITE;
            break;
        case RECORD_PACKET:
            assert_true(r.length >= 4 + 12 && le32_get(r.data) < 32);
            assert_int_equal(le32_get(r.data + 4 + 4), r.length - 4); /* its own length word */
            packets++;
            break;
        case RECORD_PICTURE:
            assert_int_equal(r.length, 12 + 8 * 4 * 4);
            for (uint32_t i = 0; i < 32; i++)
                assert_int_equal(le32_get(r.data + 12 + 4 * i) & 0xffffff, pattern(i % 8, i / 8, 3));
            pictures++;
            break;
        case RECORD_PHYSICAL:
            assert_true(r.length > 8);
            memory++;
            break;
        case RECORD_VIRTUAL:
            assert_true(r.length > 12);
            memory++;
            break;
        default: /* for replays: tests/tools/test_record.py plays recordings */
            assert_in_range(r.kind, RECORD_RAM, RECORD_REPORT);
        }
    }
    free(file);
    assert_true(reads >= 1 && writes >= 6);
    assert_int_equal(packets, vmm_fifo_number(&v, 0, "packets") + vmm_fifo_number(&v, 5, "packets") - 1);
    assert_int_equal(pictures, 1);
    assert_true(memory >= 3); /* directory, tables, slot, descriptor as they were read */
}

static void test_record_fails(void **state)
{
    int fd = open("/dev/full", O_WRONLY);

    if (fd < 0)
        skip(); /* a chroot without /dev/full */
    assert_int_equal(pvg_device_record(v.dev, fd), PVG_ERR_SYSTEM);
    fd = open("/dev/null", O_RDONLY);
    assert_int_equal(pvg_device_record(v.dev, fd), PVG_ERR_SYSTEM);
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    assert_int_equal(pvg_device_record(v.dev, -1), 0);
}

int main(void)
{
    static struct vmm_config four_k, sixteen_k = {.shift = 14}, callbacks = {.tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_limits, four_k),
        DEVICE_TEST(test_limits, sixteen_k),
        DEVICE_TEST(test_limits, callbacks),
        DEVICE_TEST(test_capacities, four_k),
        DEVICE_TEST(test_capacities, sixteen_k),
        DEVICE_TEST(test_dual_plane, four_k),
        DEVICE_TEST(test_example, four_k),
        DEVICE_TEST(test_bad_reply_pages, four_k),
        DEVICE_TEST(test_bad_reply_pages, callbacks),
        DEVICE_TEST(test_reply_in_rom, four_k),
        DEVICE_TEST(test_diagnosis, four_k),
        DEVICE_TEST(test_no_ram, four_k),
        DEVICE_TEST(test_record, four_k),
        DEVICE_TEST(test_record_fails, four_k),
    };

    return cmocka_run_group_tests_name("info", tests, NULL, NULL);
}
