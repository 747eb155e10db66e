/* SPDX-License-Identifier: MIT */
/*
 * Threads against the device, for ThreadSanitizer above all: doorbell storms by four threads with 10^6 stamps of which none may
 * be lost (under the sanitizers too), registers and reports meanwhile; tasks made and deleted by eight threads; displays with
 * everything at once; the life cycle under load; a guest that rewrites what the host reads.
 */
#include "device/check.h"

#include <pthread.h>

#define STAMPS  1000000
#define SENDERS 4

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];
static _Atomic bool over;

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    guest_boot(&g, 0);
    atomic_store(&over, false);
    return 0;
}

static int teardown(void **state)
{
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
    pthread_t t;

    must(!pthread_create(&t, NULL, fn, arg), "pthread_create");
    return t;
}

/* Sends on two channels and rings the bells of all. */
static void *sender(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;

    for (uint32_t i = 0; i < STAMPS / SENDERS; i++) {
        struct channel *c = &g.channel[1 + 2 * me + (i & 1)];
        const struct packet_barrier b = {c->stamp_index, c->stamp};

        guest_send_full(&g, c, CMD_NOP, &b, i % 17 == 0, NULL, 0);
        vmm_w32(&v, REG_CHILD_DOORBELL, 1 + i % 8);
    }
    return NULL;
}

/* What a guest's interrupt handler and a curious VMM do meanwhile. */
static void *reader(void *arg)
{
    while (!atomic_load(&over)) {
        char *json;

        for (int i = 0; i < 200; i++) {
            (void)vmm_r32(&v, REG_STAMP_EVENTS);
            (void)vmm_r32(&v, REG_DISPLAY_EVENTS);
            (void)vmm_r32(&v, REG_INTR_FAULT);
            (void)vmm_r32(&v, REG_ROOT_CONSUMER);
            vmm_w32(&v, REG_ROOT_RESUME, 1);
            vmm_w32(&v, REG_CHILD_RESUME, 1 + (uint32_t)i % 31);
            vmm_w32(&v, REG_DISPLAY_DOORBELL, (uint32_t)i % 3);
        }
        must(!pvg_device_report(v.dev, &json) && json_valid(json), "report");
        pvg_free(json);
        sched_yield();
    }
    return NULL;
}

static void test_doorbell_storm(void **state)
{
    pthread_t send[SENDERS], read;

    for (uint32_t i = 1; i <= 2 * SENDERS; i++)
        guest_channel(&g, i, 16);
    read = start(reader, NULL);
    for (uint32_t i = 0; i < SENDERS; i++)
        send[i] = start(sender, (void *)(uintptr_t)i);
    for (uint32_t i = 0; i < SENDERS; i++)
        pthread_join(send[i], NULL);
    for (uint32_t i = 1; i <= 2 * SENDERS; i++) {
        guest_wait(&g, &g.channel[i], STAMPS / SENDERS / 2);
        assert_int_equal(*guest_cell(&g, i), STAMPS / SENDERS / 2);
        assert_int_equal(vmm_fifo_number(&v, i, "stamps"), STAMPS / SENDERS / 2);
    }
    atomic_store(&over, true);
    pthread_join(read, NULL);
    assert_int_equal(vmm_report_number(&v, "commands.CMD_NOP.count"), STAMPS);
    assert_int_equal(vmm_refused_total(&v), vmm_refused(&v, "doorbell-display"));
}

/* Eight threads with a channel each make, map, unmap and delete tasks (seed-checklist D4). */
#define TASKERS 8

static struct space space[TASKERS];

static void *tasker(void *arg)
{
    const struct space *s = arg;
    struct channel *c = &g.channel[s->task];
    uint64_t gva = s->next - 5 * g.page; /* four pages and the hole behind them */

    for (uint32_t i = 0; i < 4000 / SLOWER; i++) {
        guest_send(&g, c, CMD_DEFINE_TASK2, WORDS(s->task << 1, LO(s->length), HI(s->length), s->directory_pfn));
        guest_send(&g, c, CMD_MAP_MEMORY2, WORDS(s->task, LO(gva), HI(gva), 4 * g.page, 0));
        guest_send(&g, c, CMD_UNMAP_MEMORY, WORDS(s->task, LO(gva), HI(gva), 2 * g.page, 0));
        guest_send(&g, c, CMD_DELETE_TASK, WORDS(s->task));
    }
    guest_wait(&g, c, c->stamp);
    return NULL;
}

static void test_tasks(void **state)
{
    pthread_t thread[TASKERS];

    for (uint32_t i = 0; i < TASKERS; i++) {
        guest_channel(&g, i + 1, 4);
        space_init(&g, &space[i], i + 1, 3, 1ull << 30);
        space_enter(&g, &space[i], 4ull * g.page);
    }
    for (uint32_t i = 0; i < TASKERS; i++)
        thread[i] = start(tasker, &space[i]);
    for (uint32_t i = 0; i < TASKERS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(vmm_report_number(&v, "commands.CMD_DELETE_TASK.count"), TASKERS * (4000 / SLOWER));
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* Two displays with presents, pointer, modes, frames pulled and monitors plugged, each by a thread of its own. */
static struct screen screen[2];

static void *presenter(void *arg)
{
    struct screen *s = arg;

    for (uint32_t i = 0; i < 4000 / SLOWER; i++) {
        screen_present(s, 1 + s->port * 2 + (i & 1));
        if (i % 7 == 0)
            guest_wait(&g, s->c, s->c->stamp);
    }
    guest_wait(&g, s->c, s->c->stamp);
    return NULL;
}

static void *mover(void *arg)
{
    for (uint32_t i = 0; !atomic_load(&over); i++) {
        atomic_store(screen_word(&screen[i & 1], SHARED_CURSOR_POSITION), i & 0x1ff01ff);
        atomic_store(screen_word(&screen[i & 1], SHARED_CURSOR_VISIBLE), i >> 3 & 1);
        vmm_w32(&v, REG_DISPLAY_DOORBELL, i & 1);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    return NULL;
}

static void *watcher(void *arg)
{
    static uint32_t picture[64 * 64];

    for (uint32_t i = 0; !atomic_load(&over); i++) {
        struct pvg_display *disp = v.display[i & 1].disp;
        const struct pvg_frame *frame;
        uint64_t sum = 0;

        if (!pvg_display_get_frame(disp, &frame)) {
            for (uint32_t at = 0; at < frame->stride_bytes * frame->height_px; at++)
                sum += frame->pixels[at];
            must(sum, "black");
            pvg_frame_put(frame);
        }
        pvg_display_read_frame(disp, picture, 256, 64, 64);
        (void)pvg_display_cursor(disp);
        (void)pvg_display_guest_presents(disp);
        pvg_display_draw_cursor(disp, i & 4);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return NULL;
}

static void *replugger(void *arg)
{
    for (uint32_t i = 0; !atomic_load(&over); i++) {
        struct pvg_display *disp = v.display[i & 1].disp;

        pvg_display_set_modes(disp, &(struct pvg_mode){(uint16_t)(640 + i % 100), 480, 60 + i % 200}, 1);
        if (i % 5 == 0) {
            pvg_display_set_connected(disp, false);
            pvg_display_set_connected(disp, true);
        }
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    }
    return NULL;
}

/* Takes events and acknowledges, as the guest's interrupt handler does, on root: its own FIFO for that. */
static void *acker(void *arg)
{
    while (!atomic_load(&over)) {
        for (uint32_t i = 0; i < 2; i++)
            if (screen_take(&screen[i]) & EVENT_ONLINE)
                guest_run(&g, root, CMD_DISPLAY_ACK, WORDS(i, atomic_load(screen_word(&screen[i], SHARED_EPOCH))));
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return NULL;
}

static void test_displays(void **state)
{
    pthread_t present[2], others[4];
    struct pixels surface;

    guest_kernel_task(&g);
    for (uint32_t i = 0; i < 2; i++) {
        vmm_display_new(&v, i, &(struct pvg_mode){640, 480, 240}, 1, i);
        screen_init(&screen[i], &g, i);
        screen_online(&screen[i], 0xf);
    }
    for (uint32_t i = 1; i <= 4; i++) {
        guest_surface(&g, &surface, i, 64, 64, FORMAT_BGRA, 0);
        pixels_pattern(&g, &surface, i);
    }
    others[0] = start(mover, NULL);
    others[1] = start(watcher, NULL);
    others[2] = start(replugger, NULL);
    others[3] = start(acker, NULL);
    for (uint32_t i = 0; i < 2; i++)
        present[i] = start(presenter, &screen[i]);
    for (uint32_t i = 0; i < 2; i++)
        pthread_join(present[i], NULL);
    atomic_store(&over, true);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(others[i], NULL);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(pvg_display_guest_presents(v.display[i].disp), 4000 / SLOWER);
}

/* Pause, unpause, disable and reset by a thread of the VMM while guest threads go on. */
static void *submitter(void *arg)
{
    struct channel *c = &g.channel[(uintptr_t)arg];

    while (!atomic_load(&over)) {
        uint32_t used = c->written - guest_consumed(&g, c);

        if (used <= c->ring_bytes && c->ring_bytes - used > 64)
            guest_send(&g, c, CMD_NOP, NULL, 0);
        else
            sched_yield();
        vmm_w32(&v, REG_CHILD_DOORBELL, c->id);
    }
    return NULL;
}

static void test_life_cycle(void **state)
{
    pthread_t send[2], read;

    for (uint32_t i = 1; i <= 2; i++)
        guest_channel(&g, i, 4);
    read = start(reader, NULL);
    for (uint32_t i = 0; i < 2; i++)
        send[i] = start(submitter, (void *)(uintptr_t)(i + 1));
    for (uint32_t i = 0; i < 300 / SLOWER; i++) {
        assert_int_equal(pvg_device_pause(v.dev), 0);
        assert_int_equal(pvg_device_unpause(v.dev), 0);
        guest_run(&g, root, CMD_NOP, NULL, 0);
        if (i % 5 == 0)
            vmm_w32(&v, REG_FIFO_CONTROL, 0);
        if (i % 7 == 0)
            pvg_device_reset(v.dev);
        if (i % 5 == 0 || i % 7 == 0) {
            guest_boot(&g, 0);
            guest_run(&g, root, CMD_NOP, NULL, 0);
        }
    }
    atomic_store(&over, true);
    for (uint32_t i = 0; i < 2; i++)
        pthread_join(send[i], NULL);
    pthread_join(read, NULL);
    guest_boot(&g, 0);
}

/* Blocks of RAM come and go while the guest uses others. */
static void test_ram_comes_and_goes(void **state)
{
    static _Alignas(4096) uint8_t block[1 << 16];
    pthread_t send[2];

    for (uint32_t i = 1; i <= 2; i++)
        guest_channel(&g, i, 4);
    for (uint32_t i = 0; i < 2; i++)
        send[i] = start(submitter, (void *)(uintptr_t)(i + 1));
    for (uint32_t i = 0; i < 2000 / SLOWER; i++) {
        guest_send(&g, root, CMD_GET_DEVICE_INFO, WORDS(45, 512, 0x80000 + i % 16));
        assert_int_equal(pvg_device_add_ram(v.dev, 0x80000000, sizeof(block), block, -1, 0, 0), 0);
        guest_send(&g, root, CMD_GET_DEVICE_INFO, WORDS(45, 512, 0x80000 + i % 16));
        assert_int_equal(pvg_device_del_ram(v.dev, 0x80000000, sizeof(block)), 0);
        memset(block, (int)i, sizeof(block)); /* ours again */
    }
    atomic_store(&over, true);
    for (uint32_t i = 0; i < 2; i++)
        pthread_join(send[i], NULL);
    guest_wait(&g, root, root->stamp);
}

/* A guest that rewrites ring, records, lists, tables and pages at random while the host reads them. Nothing crashes. */
static void *scribbler(void *arg)
{
    uint32_t x = 12345;
    uint32_t target[] = {g.root_page_pfn, g.channel[1].list_pfn, g.channel[1].pages[0], g.kernel.directory_pfn,
                         screen[0].page_pfn, *guest_word(&g, g.kernel.directory_pfn, 0)};

    while (!atomic_load(&over)) {
        _Atomic uint32_t *word;

        x = x * 1664525 + 1013904223;
        word = guest_word(&g, target[(x >> 8) % COUNT(target)], (x >> 12) & (g.page - 4));
        atomic_store(word, x & 1 ? x : 0);
        if (x >> 4 & 1)
            vmm_w32(&v, REG_CHILD_DOORBELL, 1);
    }
    return NULL;
}

static void test_scribbling_guest(void **state)
{
    struct pixels surface;
    pthread_t thread;
    uint64_t end;

    if (UNDER_TSAN)
        skip(); /* the races are the guest's, and real */
    guest_kernel_task(&g);
    vmm_display_new(&v, 0, &(struct pvg_mode){640, 480, 240}, 1, true);
    guest_channel(&g, 1, 1);
    screen_init(&screen[0], &g, 0);
    screen_online(&screen[0], 0xf);
    guest_surface(&g, &surface, 1, 64, 64, FORMAT_BGRA, 0);
    thread = start(scribbler, NULL);
    end = vmm_now_ns() + 2000000000;
    while (vmm_now_ns() < end) {
        uint32_t used = root->written - guest_consumed(&g, root);

        if (root->ring_bytes - used < 1024)
            continue;
        guest_send(&g, root, CMD_DISPLAY_TRANSACTION2, WORDS(0, 1, 0));
        guest_send(&g, root, CMD_MAP_MEMORY2, WORDS(0, LO(surface.gva), HI(surface.gva), 0x4000, 0));
        guest_send(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(1));
        vmm_w32(&v, REG_CHILD_RESUME, 1);
        vmm_w32(&v, REG_ROOT_RESUME, 1);
    }
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    pvg_device_reset(v.dev);
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

int main(void)
{
    static struct vmm_config four_k, two_ports = {.ports = 2}, callbacks = {.tasks = PVG_TASKS_CALLBACKS};
    static struct vmm_config two_ports_callbacks = {.ports = 2, .tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_doorbell_storm, four_k),
        DEVICE_TEST(test_tasks, four_k),
        DEVICE_TEST(test_tasks, callbacks),
        DEVICE_TEST(test_displays, two_ports),
        DEVICE_TEST(test_displays, two_ports_callbacks),
        DEVICE_TEST(test_life_cycle, four_k),
        DEVICE_TEST(test_life_cycle, callbacks),
        DEVICE_TEST(test_ram_comes_and_goes, four_k),
        DEVICE_TEST(test_scribbling_guest, four_k),
        DEVICE_TEST(test_scribbling_guest, callbacks),
    };

    return cmocka_run_group_tests_name("stress", tests, NULL, NULL);
}
