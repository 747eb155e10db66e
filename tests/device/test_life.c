/* SPDX-License-Identifier: MIT */
/*
 * Disable, reset, pause, stop, RAM that goes (transport 2.1, 11.1; check 15.7): with work in flight on every FIFO and a
 * display at full rate, guest memory does not change after the call returned, and the device comes up again.
 */
#include "device/check.h"

#include <pthread.h>

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];
static struct screen screen;
static struct pixels surface[2];

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    return 0;
}

static int teardown(void **state)
{
    atomic_store(&v.on_interrupt, NULL);
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

/* A thread that keeps channels 1..4 and root busy until told to stop. */
static _Atomic bool storm_ends;
static pthread_t storm_thread;

static bool room(struct channel *c)
{
    uint32_t used = c->written - guest_consumed(&g, c);

    return used <= c->ring_bytes && c->ring_bytes - used >= 1024;
}

static void *storm(void *arg)
{
    static const uint32_t zeros[64];

    for (uint32_t i = 0; !atomic_load(&storm_ends); i++) {
        struct channel *c = &g.channel[i % 5];

        if (!room(c) || !room(&g.channel[1]))
            continue;
        guest_send(&g, c, i % 7 ? CMD_NOP : CMD_DEBUG, zeros, i % 7 ? 0 : 256);
        if (i % 11 == 0)
            guest_send_full(&g, &g.channel[1], CMD_NOP, &(struct packet_barrier){2, g.channel[2].stamp}, 1, NULL, 0);
    }
    return NULL;
}

/* Bring everything up: channels, kernel task, a display with vertical blank and a present in flight. */
static void bring_up(void)
{
    guest_boot(&g, 0);
    for (uint32_t i = 1; i < 5; i++)
        guest_channel(&g, i, 2);
    guest_kernel_task(&g);
    for (uint32_t i = 0; i < 2; i++)
        guest_surface(&g, &surface[i], 1 + i, 64, 48, FORMAT_BGRA, 0);
    screen_init(&screen, &g, 0);
    screen_online(&screen, EVENT_VBL | EVENT_TRANSACTION | EVENT_OFFLINE);
    screen_present(&screen, 1);
}

static void start_storm(void)
{
    uint32_t stamp = g.channel[4].stamp + 20;

    atomic_store(&storm_ends, false);
    must(!pthread_create(&storm_thread, NULL, storm, NULL), "pthread_create");
    guest_wait(&g, &g.channel[4], stamp); /* it runs */
}

static void end_storm(void)
{
    atomic_store(&storm_ends, true);
    pthread_join(storm_thread, NULL);
}

/* The host leaves guest memory alone: over two refresh periods and a rescue poll nothing changes. */
static void assert_memory_is_left_alone(void)
{
    uint64_t sum = guest_checksum(&g);

    vmm_w32(&v, REG_CHILD_DOORBELL, 1);
    vmm_w32(&v, REG_DISPLAY_DOORBELL, 0);
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
    assert_true(guest_checksum(&g) == sum);
}

enum { CYCLES = 10 };

static void cycles(void (*quiesce)(void))
{
    static const struct pvg_mode mode = {640, 480, 60};
    uint64_t pages = g.next_scattered, low = g.next_low;

    vmm_display_new(&v, 0, &mode, 1, false);
    for (int i = 0; i < CYCLES; i++) {
        g.next_scattered = pages;
        g.next_low = low;
        g.fifo_length = 0; /* pages anew */
        g.root_page_pfn = 0;
        bring_up();
        start_storm();
        end_storm();
        if (i & 1)
            screen_present(&screen, 2);
        quiesce();
        assert_int_equal(vmm_r32(&v, REG_FIFO_CONTROL), 0);
        assert_int_equal(vmm_r32(&v, REG_ROOT_CONSUMER), 0);
        assert_int_equal(vmm_r32(&v, REG_ROOT_PRODUCER), 0);
        assert_int_equal(vmm_r32(&v, REG_STAMP_EVENTS), 0);
        assert_int_equal(vmm_r32(&v, REG_DISPLAY_EVENTS), 0);
        assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
        if (i < 4) {
            assert_memory_is_left_alone();
        } else {
            uint64_t sum = guest_checksum(&g);

            assert_true(guest_checksum(&g) == sum);
        }
    }
    /* tasks are gone with it */
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_DELETE_TASK, WORDS(0));
    assert_true(vmm_refused(&v, "task-none") >= 1);
    assert_true(vmm_see(&v, v.events[PVG_TASK_CREATED] == v.events[PVG_TASK_DESTROYED]));
}

static void disable(void)
{
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
}

static void reset(void)
{
    pvg_device_reset(v.dev);
}

static void test_disable_cycles(void **state)
{
    cycles(disable);
}

static void test_reset_cycles(void **state)
{
    cycles(reset);
    assert_int_equal(vmm_r32(&v, REG_VERSION), 6);
    reset();
    assert_int_equal(vmm_r32(&v, REG_VERSION), 0);
    assert_int_equal(vmm_r32(&v, REG_ROOT_PAGE_PFN), 0);
    assert_int_equal(vmm_r32(&v, REG_ROOT_FIFO_LENGTH), 0);
}

/* Disable and enable with nothing between, many times, packets at once behind. */
static void test_quick_cycles(void **state)
{
    for (int i = 0; i < 300; i++) {
        guest_boot(&g, 0);
        guest_send(&g, root, CMD_NOP, NULL, 0);
        if (i & 1)
            guest_wait(&g, root, 1);
        if (i % 3 == 0)
            vmm_w32(&v, REG_FIFO_CONTROL, 1);
        vmm_w32(&v, REG_FIFO_CONTROL, 0);
        if (i % 5 == 0)
            vmm_w32(&v, REG_FIFO_CONTROL, 0);
    }
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

/* The picture stays over a disable, and goes with a reset. */
static void test_picture_stays(void **state)
{
    static const struct pvg_mode mode = {640, 480, 60};
    const struct pvg_frame *frame;

    vmm_display_new(&v, 0, &mode, 1, false);
    bring_up();
    guest_wait(&g, screen.c, screen.c->stamp); /* until then the surface is the host's to read */
    pixels_pattern(&g, &surface[0], 5);
    screen_show(&screen, 1);
    assert_true(screen_shows_pattern(&screen, 64, 48, 5));
    disable();
    assert_true(screen_shows_pattern(&screen, 64, 48, 5));
    bring_up();
    reset();
    assert_int_equal(pvg_display_get_frame(v.display[0].disp, &frame), PVG_ERR_NO_FRAME);
    assert_null(frame);
    bring_up();
    guest_wait(&g, screen.c, screen.c->stamp);
    pixels_pattern(&g, &surface[0], 6);
    screen_show(&screen, 1);
    assert_true(screen_shows_pattern(&screen, 64, 48, 6));
}

/* Pause: no callback, no write; registers answer; unpause goes on with what came meanwhile. */
static void test_pause(void **state)
{
    static const struct pvg_mode mode = {640, 480, 60};

    vmm_display_new(&v, 0, &mode, 1, false);
    bring_up();
    for (int i = 0; i < 5; i++) {
        uint64_t raised, sum;
        uint32_t stamp;

        start_storm();
        end_storm();
        assert_int_equal(pvg_device_pause(v.dev), 0);
        sum = guest_checksum(&g);
        raised = vmm_see(&v, v.interrupts);
        nanosleep(&(struct timespec){.tv_nsec = 40000000}, NULL);
        assert_true(guest_checksum(&g) == sum);
        assert_true(vmm_see(&v, v.interrupts) == raised);
        assert_int_equal(vmm_r32(&v, REG_FIFO_CONTROL), 1);
        stamp = guest_send(&g, &g.channel[3], CMD_NOP, NULL, 0);
        screen_present(&screen, 2);
        assert_true(vmm_report_has(&v, "the virtual machine is paused"));
        assert_false(guest_reached(&g, &g.channel[3], stamp));
        assert_int_equal(pvg_device_unpause(v.dev), 0);
        guest_wait(&g, &g.channel[3], stamp);
        guest_wait(&g, screen.c, screen.c->stamp);
        screen_wait_event(&screen, EVENT_VBL);
    }
    /* reset and disable while paused */
    assert_int_equal(pvg_device_pause(v.dev), 0);
    disable();
    reset();
    assert_memory_is_left_alone();
    guest_boot(&g, 0);
    guest_send(&g, root, CMD_NOP, NULL, 0);
    assert_int_equal(pvg_device_unpause(v.dev), 0);
    guest_wait(&g, root, 1);
}

/* Bits that were set before a pause come with an interrupt after it: the one of the stamp may have been lost (10.3). */
static void test_unpause_raises(void **state)
{
    uint64_t raised;

    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    vmm_wait(&v, v.interrupts == 1);
    assert_int_equal(pvg_device_pause(v.dev), 0);
    raised = vmm_see(&v, v.interrupts);
    assert_int_equal(pvg_device_unpause(v.dev), 0);
    vmm_wait(&v, v.interrupts > raised);
    assert_int_equal(vmm_r32(&v, REG_STAMP_EVENTS), 1);
}

static void test_stop(void **state)
{
    static const struct pvg_mode mode = {640, 480, 60};
    uint64_t raised, frames;

    vmm_display_new(&v, 0, &mode, 1, false);
    bring_up();
    start_storm();
    pvg_device_stop(v.dev);
    end_storm();
    raised = vmm_see(&v, v.interrupts);
    frames = vmm_see(&v, v.display[0].frames);
    assert_memory_is_left_alone();
    assert_true(vmm_see(&v, v.interrupts) == raised);
    assert_true(vmm_see(&v, v.display[0].frames) == frames);
    pvg_device_stop(v.dev); /* idempotent */
    assert_int_equal(pvg_device_pause(v.dev), PVG_ERR_STOPPED);
    assert_int_equal(pvg_device_unpause(v.dev), PVG_ERR_STOPPED);
    assert_int_equal(pvg_display_set_modes(v.display[0].disp, &mode, 1), PVG_ERR_STOPPED);
    assert_int_equal(pvg_display_set_connected(v.display[0].disp, false), PVG_ERR_STOPPED);
    assert_true(vmm_report_has(&v, "the device is stopped"));
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    vmm_w32(&v, REG_FIFO_CONTROL, 1);
    vmm_w32(&v, REG_ROOT_PRODUCER, 12);
    assert_memory_is_left_alone();
    pvg_device_reset(v.dev);
    pvg_display_free(v.display[0].disp);
}

/* Disable, reset and register reads while another thread submits: no deadlock, no write afterwards. */
static void test_disable_under_storm(void **state)
{
    static const struct pvg_mode mode = {640, 480, 60};
    uint64_t pages = g.next_scattered, low = g.next_low;

    vmm_display_new(&v, 0, &mode, 1, false);
    for (int i = 0; i < CYCLES; i++) {
        g.next_scattered = pages;
        g.next_low = low;
        g.fifo_length = g.root_page_pfn = 0;
        bring_up();
        start_storm();
        if (i & 1)
            reset();
        else
            disable();
        end_storm();
        assert_int_equal(vmm_r32(&v, REG_FIFO_CONTROL), 0);
        assert_memory_is_left_alone();
    }
}

/* The VMM may call the library from inside a callback: a disable there does not wait for itself. */
static _Atomic int hooked;

static void disable_in_interrupt(struct vmm *vmm)
{
    if (atomic_fetch_add(&hooked, 1) == 0)
        vmm_w32(vmm, REG_FIFO_CONTROL, 0);
}

static void test_disable_in_callback(void **state)
{
    guest_boot(&g, 0);
    atomic_store(&hooked, 0);
    atomic_store(&v.on_interrupt, disable_in_interrupt);
    for (int i = 0; i < 50; i++)
        guest_send(&g, root, CMD_NOP, NULL, 0);
    vmm_wait(&v, v.interrupts >= 1);
    atomic_store(&v.on_interrupt, NULL);
    assert_int_equal(vmm_r32(&v, REG_FIFO_CONTROL), 0);
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

/* An interrupt callback that is stuck does not keep a reset or a disable waiting (T-7). */
static _Atomic bool stuck, release;

static void stick(struct vmm *vmm)
{
    if (atomic_exchange(&stuck, true))
        return;
    while (!atomic_load(&release))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void test_reset_while_callback_blocks(void **state)
{
    for (int i = 0; i < 4; i++) {
        atomic_store(&stuck, false);
        atomic_store(&release, false);
        guest_boot(&g, 0);
        atomic_store(&v.on_interrupt, stick);
        guest_send(&g, root, CMD_NOP, NULL, 0);
        vmm_poll(atomic_load(&stuck));
        guest_send(&g, root, CMD_NOP, NULL, 0);
        if (i & 1)
            reset();
        else
            disable();
        assert_memory_is_left_alone();
        atomic_store(&release, true);
        atomic_store(&v.on_interrupt, NULL);
        guest_boot(&g, 0);
        guest_run(&g, root, CMD_NOP, NULL, 0);
        disable();
    }
}

/* A guest's disable waits for no callback, also while somebody else's pause or stop does (T-5, mmio_write's contract).
 */
static void *pause_device(void *arg)
{
    (void)pvg_device_pause(v.dev); /* or stopped */
    return NULL;
}

static void *stop_device(void *arg)
{
    pvg_device_stop(v.dev);
    return NULL;
}

static void disable_while(void *(*waiter)(void *))
{
    pthread_t thread;

    atomic_store(&stuck, false);
    atomic_store(&release, false);
    guest_boot(&g, 0);
    atomic_store(&v.on_interrupt, stick);
    guest_send(&g, root, CMD_NOP, NULL, 0);
    vmm_poll(atomic_load(&stuck));
    must(!pthread_create(&thread, NULL, waiter, NULL), "pthread_create");
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* it waits for the callback by now */
    disable();
    assert_int_equal(vmm_r32(&v, REG_FIFO_CONTROL), 0);
    assert_memory_is_left_alone();
    atomic_store(&release, true);
    pthread_join(thread, NULL);
    atomic_store(&v.on_interrupt, NULL);
}

static void test_disable_while_pausing(void **state)
{
    disable_while(pause_device);
    assert_int_equal(pvg_device_unpause(v.dev), 0);
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

static void test_disable_while_stopping(void **state)
{
    disable_while(stop_device);
}

/* A block of RAM that is taken away is not touched any more; commands that need it are refused, and it may come back.
 */
static void test_ram_goes(void **state)
{
    static const struct pvg_mode mode = {640, 480, 60};
    struct vmm_block *b = &v.block[1];
    uint64_t sum = 0;

    vmm_display_new(&v, 0, &mode, 1, false);
    bring_up();
    guest_wait(&g, screen.c, screen.c->stamp); /* until then the surface is the host's to read */
    pixels_pattern(&g, &surface[0], 9);
    screen_show(&screen, 1);
    assert_int_equal(pvg_device_del_ram(v.dev, b->gpa, b->bytes), 0);
    for (uint64_t i = 0; i < b->bytes; i += 8)
        sum += *(const uint64_t *)(const void *)(b->host + i);
    /* half of every surface lies there: the present is refused, the picture stays */
    guest_put(&g, root, (uint8_t[12]){CMD_NOP, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 1}, 12);
    guest_publish(&g, root);
    vmm_poll(guest_consumed(&g, root) == root->written);
    for (uint64_t i = 0; i < b->bytes; i += 8)
        sum -= *(const uint64_t *)(const void *)(b->host + i);
    assert_true(sum == 0);
    assert_true(screen_shows_pattern(&screen, 64, 48, 9));
    assert_int_equal(pvg_device_del_ram(v.dev, b->gpa, b->bytes), PVG_ERR_INVALID);
    vmm_add_ram(&v, 1);
    assert_int_equal(pvg_device_add_ram(v.dev, b->gpa, b->bytes, b->host, -1, 0, 0), PVG_ERR_IN_USE);
    reset();
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

/* ---- a monitor that goes at once ---- */

static atomic_uint clocks, go;

static void meet_clock(struct vmm *vmm, const char *name)
{
    if (strcmp(name, "pvg-display") == 0) {
        unsigned mine = atomic_fetch_add(&clocks, 1) + 1;

        while (atomic_load(&go) != mine)
            sched_yield();
    }
}

/*
 * The clock of a monitor begins its first round while the VMM frees the monitor, a little earlier or later each time:
 * it must not go to sleep behind the signal that wakes it to stop. The other order was seen to hang within 60,000
 * times.
 */
static void test_freed_at_once(void **state)
{
    struct pvg_display_desc desc;
    struct pvg_display *disp;

    atomic_store(&v.on_thread, meet_clock);
    pvg_display_desc_init(&desc, sizeof(desc));
    for (unsigned i = 1; i <= 20000 / SLOWER; i++) {
        assert_int_equal(pvg_display_new(v.dev, &desc, 0, 77, &disp), 0);
        while (atomic_load(&clocks) != i)
            sched_yield();
        atomic_store(&go, i);
        for (unsigned k = 0; k < i % 512; k++)
            (void)atomic_load(&go);
        pvg_display_free(disp);
    }
}

int main(void)
{
    static struct vmm_config four_k, sixteen_k = {.shift = 14, .low_bytes = 48 << 20, .high_bytes = 24 << 20};
    static struct vmm_config callbacks = {.tasks = PVG_TASKS_CALLBACKS}, no_file = {.no_fd = true};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_freed_at_once, four_k),
        DEVICE_TEST(test_disable_cycles, four_k),
        DEVICE_TEST(test_disable_cycles, sixteen_k),
        DEVICE_TEST(test_disable_cycles, callbacks),
        DEVICE_TEST(test_reset_cycles, four_k),
        DEVICE_TEST(test_reset_cycles, no_file),
        DEVICE_TEST(test_reset_cycles, callbacks),
        DEVICE_TEST(test_quick_cycles, four_k),
        DEVICE_TEST(test_quick_cycles, callbacks),
        DEVICE_TEST(test_picture_stays, four_k),
        DEVICE_TEST(test_pause, four_k),
        DEVICE_TEST(test_pause, callbacks),
        DEVICE_TEST(test_unpause_raises, four_k),
        DEVICE_TEST(test_stop, four_k),
        DEVICE_TEST(test_disable_under_storm, four_k),
        DEVICE_TEST(test_disable_under_storm, callbacks),
        DEVICE_TEST(test_disable_in_callback, four_k),
        DEVICE_TEST(test_reset_while_callback_blocks, four_k),
        DEVICE_TEST(test_reset_while_callback_blocks, callbacks),
        DEVICE_TEST(test_disable_while_pausing, four_k),
        DEVICE_TEST(test_disable_while_stopping, four_k),
        DEVICE_TEST(test_disable_while_stopping, callbacks),
        DEVICE_TEST(test_ram_goes, four_k),
    };

    return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
