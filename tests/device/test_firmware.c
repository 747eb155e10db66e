/* SPDX-License-Identifier: MIT */
/*
 * The picture that firmware draws before any driver runs (display 10, 11.2; checks H15, H16): shown while it changes,
 * gone for good with the first present, back after a reset; addresses that are no rows of RAM.
 */
#include "device/check.h"

#define MODE_WIDTH  320u
#define MODE_HEIGHT 200u
#define PITCH       1344u /* rows of 1280 bytes, and a gap */

static struct vmm v;
static struct guest g;
static struct screen s;
static struct vmm_display *d;

static const struct pvg_mode modes[] = {{640, 480, 60}, {MODE_WIDTH, MODE_HEIGHT, 60}};

static int setup(void **state)
{
    struct vmm_config cfg = *(struct vmm_config *)*state;

    cfg.ports = 2;
    vmm_init(&v, &cfg);
    guest_init(&g, &v);
    d = vmm_display_new(&v, 0, modes, COUNT(modes), false);
    s = (struct screen){.g = &g, .port = 0};
    return 0;
}

static int teardown(void **state)
{
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

/* ---- firmware ---- */

/* Memory for a picture of @mode; guest-physical. */
static uint64_t fw_alloc(uint32_t pitch, uint32_t height)
{
    return (uint64_t)guest_pages(&g, (uint32_t)((pitch * height + g.page - 1) / g.page)) << g.shift;
}

/*
 * Draw as firmware does, while the device may be looking: it has no way to say that it draws. For ThreadSanitizer that
 * is the race that it is.
 */
__attribute__((no_sanitize("thread"))) static void fw_draw(uint64_t gpa, uint32_t pitch, uint32_t seed)
{
    for (uint32_t y = 0; y < MODE_HEIGHT; y++)
        for (uint32_t x = 0; x < MODE_WIDTH; x++)
            *(volatile uint32_t *)vmm_at(&v, gpa + (uint64_t)y * pitch + 4ull * x) = pattern(x, y, seed) | 0x5a000000;
}

/* The sequence of display 10.1. */
static void fw_show(uint32_t port, uint32_t mode, uint64_t gpa, uint32_t pitch)
{
    vmm_w32(&v, REG_EFI_DISPLAY_SELECT, port);
    assert_int_equal(vmm_r32(&v, REG_BUILTIN_CONNECTED), 1);
    assert_true(mode < vmm_r32(&v, REG_EFI_MODES));
    vmm_w32(&v, REG_EFI_MODE_INDEX, mode);
    vmm_write(&v, REG_EFI_BUFFER_ADDRESS, gpa, 8);
    vmm_w32(&v, REG_EFI_BUFFER_SIZE, (pitch ? pitch : 4 * MODE_WIDTH) * MODE_HEIGHT);
    vmm_w32(&v, REG_EFI_BUFFER_BPP, 32);
    vmm_w32(&v, REG_EFI_BUFFER_PITCH, pitch);
    vmm_w32(&v, REG_EFI_BUFFER_ENABLE, 1);
}

static bool fw_shown(uint32_t seed)
{
    return screen_shows_pattern(&s, MODE_WIDTH, MODE_HEIGHT, seed);
}

static bool no_picture(void)
{
    const struct pvg_frame *frame;

    return pvg_display_get_frame(d->disp, &frame) == PVG_ERR_NO_FRAME;
}

/* ---- tests ---- */

/* H15 */
static void test_picture(void **state)
{
    uint64_t gpa = fw_alloc(PITCH, MODE_HEIGHT);
    struct pixels surface;
    uint64_t told;

    assert_true(no_picture());
    fw_draw(gpa, PITCH, 1);
    fw_show(0, 1, gpa, PITCH);
    vmm_poll(fw_shown(1));
    vmm_wait(&v, d->width == MODE_WIDTH && d->height == MODE_HEIGHT && d->fourcc == PVG_FOURCC_BGRA && d->frames);
    assert_false(vmm_see(&v, d->frame_before_mode));
    for (uint32_t seed = 2; seed < 5; seed++) { /* no command says that it drew */
        told = vmm_see(&v, d->frames);
        fw_draw(gpa, PITCH, seed);
        vmm_poll(fw_shown(seed));
        vmm_wait(&v, d->frames > told);
    }
    assert_true(vmm_report_has(&v, "\"console\":\"firmware\""));
    assert_int_equal(vmm_report_number(&v, "displays.0.host_presents"), 0);

    guest_boot(&g, 0);
    guest_channel(&g, 1, 2);
    guest_kernel_task(&g);
    screen_init(&s, &g, 0);
    screen_online(&s, EVENT_ONLINE);
    assert_true(fw_shown(4)); /* a driver that has shown nothing yet */
    assert_true(vmm_report_has(&v, "has not presented anything"));
    screen_show(&s, 77); /* no such surface: not accepted */
    fw_draw(gpa, PITCH, 5);
    vmm_poll(fw_shown(5));

    guest_surface(&g, &surface, 1, 64, 48, FORMAT_BGRA, 0);
    for (uint32_t seed = 10; seed < 20; seed++) { /* each takes a refresh period: time for scans */
        fw_draw(gpa, PITCH, seed);
        pixels_pattern(&g, &surface, seed);
        screen_show(&s, 1);
        assert_true(screen_shows_pattern(&s, 64, 48, seed));
    }
    assert_int_equal(vmm_report_number(&v, "displays.0.host_presents"), 10);
    vmm_wait(&v, d->width == 64);
    assert_true(vmm_report_has(&v, "\"console\":\"guest\""));
    vmm_write(&v, REG_EFI_BUFFER_ADDRESS, gpa, 8); /* nor when it says so once more */
    screen_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 48, 19));

    pvg_device_reset(v.dev);
    assert_true(no_picture());
    assert_int_equal(vmm_read(&v, REG_EFI_BUFFER_ADDRESS, 8), 0);
    assert_int_equal(vmm_r32(&v, REG_EFI_BUFFER_PITCH), 0);
    fw_draw(gpa, PITCH, 30);
    fw_show(0, 1, gpa, PITCH);
    vmm_poll(fw_shown(30));
    assert_int_equal(vmm_report_number(&v, "refusals.firmware-picture.count"), 0);
}

/* Rows without gaps; firmware that writes only the low half, and no mode, bpp and enable: display 10.2. */
static void test_few_registers(void **state)
{
    uint64_t gpa = fw_alloc(4 * MODE_WIDTH, MODE_HEIGHT);

    pvg_display_set_modes(d->disp, modes + 1, 1);
    fw_draw(gpa, 4 * MODE_WIDTH, 7);
    vmm_w32(&v, REG_EFI_BUFFER_ADDRESS, (uint32_t)gpa);
    vmm_poll(fw_shown(7));
    assert_int_equal(vmm_refused_total(&v), 0);
}

static uint64_t shown_sequence(void)
{
    const struct pvg_frame *frame;
    uint64_t sequence;

    assert_int_equal(pvg_display_get_frame(d->disp, &frame), 0);
    sequence = frame->sequence;
    pvg_frame_put(frame);
    return sequence;
}

/* What is the same as before is no news for the VMM. The second display, looked at as often, tells how often that was.
 */
static void test_no_news(void **state)
{
    uint64_t first = fw_alloc(PITCH, MODE_HEIGHT), second = fw_alloc(PITCH, MODE_HEIGHT), sequence;

    vmm_display_new(&v, 1, modes, COUNT(modes), false);
    fw_draw(first, PITCH, 1);
    fw_draw(second, PITCH, 1);
    fw_show(1, 1, second, PITCH);
    fw_show(0, 1, first, PITCH);
    vmm_poll(fw_shown(1));
    sequence = shown_sequence();
    vmm_wait(&v, d->sequence == sequence);
    s.port = 1;
    for (uint32_t seed = 2; seed < 8; seed++) {
        fw_draw(second, PITCH, seed);
        vmm_poll(fw_shown(seed));
    }
    assert_int_equal(shown_sequence(), sequence);
    assert_int_equal(vmm_see(&v, d->sequence), sequence);
}

/* H16: refused by name, once for each change; the picture stays. */
static void test_not_ram(void **state)
{
    uint64_t hole = (uint64_t)guest_hole(&g) << g.shift, gpa = fw_alloc(PITCH, MODE_HEIGHT);
    uint64_t end = v.block[0].gpa + v.block[0].bytes;
    const struct {
        uint64_t gpa;
        uint32_t pitch;
    } bad[] = {
        {hole, PITCH},                            /* as is the window of the registers: no RAM */
        {end - PITCH * (MODE_HEIGHT - 1), PITCH}, /* the last row is not */
        {end - 4, PITCH},                         /* one pixel is */
        {hole, 0},
        {UINT64_MAX - 1000, PITCH},
        {UINT64_MAX - 4ull * MODE_WIDTH * MODE_HEIGHT + 1, 0},
        {gpa, 4 * MODE_WIDTH - 1}, /* rows would overlap */
        {gpa, 1},
        {gpa, 0xffffffff},
        {v.block[1].gpa + v.block[1].bytes, PITCH},
    };

    fw_draw(gpa, PITCH, 3);
    fw_show(0, 1, gpa, PITCH);
    vmm_poll(fw_shown(3));
    for (uint32_t i = 0; i < COUNT(bad); i++) {
        uint64_t refused = vmm_refused(&v, "firmware-picture");

        /* Both at once, as far as the clock can see: address and pitch are two registers. */
        vmm_write(&v, REG_EFI_BUFFER_ADDRESS, 0, 8);
        vmm_w32(&v, REG_EFI_BUFFER_PITCH, bad[i].pitch);
        vmm_write(&v, REG_EFI_BUFFER_ADDRESS, bad[i].gpa, 8);
        vmm_poll(vmm_refused(&v, "firmware-picture") > refused);
        assert_true(fw_shown(3));
        /* Looked at some thirty times a second, refused once: until the next picture is there, at least one more look.
         */
        vmm_write(&v, REG_EFI_BUFFER_ADDRESS, 0, 8);
        vmm_w32(&v, REG_EFI_BUFFER_PITCH, PITCH);
        fw_draw(gpa, PITCH, 40 + i);
        vmm_write(&v, REG_EFI_BUFFER_ADDRESS, gpa, 8);
        vmm_poll(fw_shown(40 + i));
        assert_int_equal(vmm_refused(&v, "firmware-picture"), refused + 1);
        fw_draw(gpa, PITCH, 3);
        vmm_poll(fw_shown(3));
    }
    assert_int_equal(vmm_refused_total(&v), COUNT(bad));
}

/* No picture of that kind: a mode that is not in the list, a monitor that is unplugged, nothing written. */
static void test_nothing(void **state)
{
    uint64_t gpa = fw_alloc(PITCH, MODE_HEIGHT);

    fw_draw(gpa, PITCH, 1);
    pvg_display_set_connected(d->disp, false);
    vmm_write(&v, REG_EFI_BUFFER_ADDRESS, gpa, 8);
    vmm_w32(&v, REG_EFI_BUFFER_PITCH, PITCH);
    vmm_w32(&v, REG_EFI_MODE_INDEX, 1);
    assert_true(no_picture());
    pvg_display_set_connected(d->disp, true);
    vmm_poll(fw_shown(1));
    vmm_w32(&v, REG_EFI_MODE_INDEX, COUNT(modes));
    fw_draw(gpa, PITCH, 2);
    vmm_w32(&v, REG_EFI_MODE_INDEX, 0xffffffff);
    assert_int_equal(vmm_r32(&v, REG_EFI_MODE_EXTENT), 0);
    assert_true(fw_shown(1));
    vmm_w32(&v, REG_EFI_MODE_INDEX, 1);
    vmm_poll(fw_shown(2));
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* Each display has registers of its own. */
static void test_two_displays(void **state)
{
    uint64_t first = fw_alloc(PITCH, MODE_HEIGHT), second = fw_alloc(PITCH, MODE_HEIGHT);

    vmm_display_new(&v, 1, modes + 1, 1, false);
    fw_draw(first, PITCH, 1);
    fw_draw(second, PITCH, 2);
    fw_show(0, 1, first, PITCH);
    fw_show(1, 0, second, PITCH);
    vmm_poll(fw_shown(1));
    s.port = 1;
    vmm_poll(fw_shown(2));
    vmm_w32(&v, REG_EFI_DISPLAY_SELECT, 0);
    assert_int_equal(vmm_read(&v, REG_EFI_BUFFER_ADDRESS, 8), first);
    assert_int_equal(vmm_r32(&v, REG_EFI_MODE_INDEX), 1);
    vmm_w32(&v, REG_EFI_DISPLAY_SELECT, 1);
    assert_int_equal(vmm_read(&v, REG_EFI_BUFFER_ADDRESS, 8), second);
    assert_int_equal(vmm_r32(&v, REG_EFI_MODE_INDEX), 0);
}

/* Its memory goes while it is looked at, the monitor too: nothing is touched that is not there. */
static void test_taken_away(void **state)
{
    const struct vmm_block *b = &v.block[1];

    for (uint32_t round = 0; round < 20; round++) {
        fw_draw(b->gpa, PITCH, round);
        fw_show(0, 1, b->gpa, PITCH);
        vmm_poll(fw_shown(round));
        if (round % 2) {
            assert_int_equal(pvg_device_del_ram(v.dev, b->gpa, b->bytes), 0);
            memset(b->host, 0xee, PITCH * MODE_HEIGHT); /* the VMM's again */
            vmm_w32(&v, REG_EFI_BUFFER_PITCH, PITCH);
            vmm_poll(vmm_refused(&v, "firmware-picture") == round / 2 + 1);
            assert_true(fw_shown(round));
            assert_int_equal(pvg_device_add_ram(v.dev, b->gpa, b->bytes, b->host, v.fd, b->file_offset, 0), 0);
        } else {
            pvg_display_free(d->disp);
            d->disp = NULL;
            d = vmm_display_new(&v, 0, modes, COUNT(modes), false);
            vmm_poll(fw_shown(round));
        }
    }
}

static atomic_bool stop;

static void *scribble(void *arg)
{
    uint32_t r = 1;

    while (!atomic_load(&stop)) {
        r = r * 1664525 + 1013904223;
        vmm_w32(&v, REG_EFI_DISPLAY_SELECT, r >> 8 & 3);
        vmm_w32(&v, REG_EFI_MODE_INDEX, r >> 10 & 3);
        vmm_write(&v, REG_EFI_BUFFER_ADDRESS, (uint64_t)(r >> 12) << (r & 15), r & 16 ? 8 : 4);
        vmm_w32(&v, REG_EFI_BUFFER_PITCH, r & 32 ? 0 : r >> 16);
        sched_yield();
    }
    return NULL;
}

/* Registers written without end by one processor while another one resets and presents. */
static void test_scribble(void **state)
{
    struct pixels surface;
    pthread_t thread;

    must(!pthread_create(&thread, NULL, scribble, NULL), "no thread");
    for (uint32_t round = 0; round < 15; round++) {
        guest_boot(&g, 0);
        if (!round) {
            guest_channel(&g, 1, 2);
            guest_kernel_task(&g);
            guest_surface(&g, &surface, 1, 64, 48, FORMAT_BGRA, 0);
            pixels_pattern(&g, &surface, 1);
            screen_init(&s, &g, 0);
            screen_online(&s, EVENT_ONLINE);
            screen_show(&s, 1);
            assert_true(screen_shows_pattern(&s, 64, 48, 1));
        }
        guest_run(&g, &g.channel[0], CMD_NOP, NULL, 0);
        pvg_device_reset(v.dev);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    atomic_store(&stop, false);
}

int main(void)
{
    static struct vmm_config four_k, sixteen_k = {.shift = 14}, callbacks = {.tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_picture, four_k),          DEVICE_TEST(test_picture, sixteen_k),
        DEVICE_TEST(test_picture, callbacks),       DEVICE_TEST(test_few_registers, four_k),
        DEVICE_TEST(test_few_registers, callbacks), DEVICE_TEST(test_no_news, four_k),
        DEVICE_TEST(test_not_ram, four_k),          DEVICE_TEST(test_not_ram, callbacks),
        DEVICE_TEST(test_nothing, four_k),          DEVICE_TEST(test_two_displays, four_k),
        DEVICE_TEST(test_taken_away, four_k),       DEVICE_TEST(test_scribble, four_k),
        DEVICE_TEST(test_scribble, callbacks),
    };

    return cmocka_run_group_tests_name("firmware", tests, NULL, NULL);
}
