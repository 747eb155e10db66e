/* SPDX-License-Identifier: MIT */
/*
 * What a guest can make the host use is bounded by name (base/limits.h): addresses of the VMM's process, work on one
 * command, memory. Cores of the test's own, where the VMM's side is a fake.
 */
#include "device/alone.h"

#include "base/limits.h"

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];
static struct alone alone;

static int setup(void **state)
{
    alone_init(&alone, &v, *state);
    guest_init(&g, &v);
    return 0;
}

static int teardown(void **state)
{
    alone_fini(&alone, &v, &g);
    return 0;
}

static void start(void)
{
    must(!core_start(v.core), "core_start");
    guest_boot(&g, 0);
    guest_kernel_task(&g);
}

/* ---- addresses ---- */

#define VAST (1ull << (LIMIT_TASKS_BITS - 1))

static pvg_task *(*real_create)(void *opaque, uint64_t length_bytes, void **base);
static void (*real_destroy)(void *opaque, pvg_task *task);
static uint8_t vast[4]; /* handles of tasks that are too large to be made where a sanitizer has most addresses */
static _Atomic unsigned vast_created, vast_live;

static pvg_task *create_task(void *opaque, uint64_t length_bytes, void **base)
{
    if (length_bytes < VAST)
        return real_create(opaque, length_bytes, base);
    atomic_fetch_add(&vast_live, 1);
    *base = vast;
    return (pvg_task *)(void *)&vast[atomic_fetch_add(&vast_created, 1) % sizeof(vast)];
}

static void destroy_task(void *opaque, pvg_task *task)
{
    uint8_t *handle = (uint8_t *)task;

    if (handle >= vast && handle < vast + sizeof(vast))
        atomic_fetch_sub(&vast_live, 1);
    else
        real_destroy(opaque, task);
}

static void define(uint32_t task, uint64_t length)
{
    guest_run(&g, root, CMD_DEFINE_TASK2, WORDS(task << 1, LO(length), HI(length), g.kernel.directory_pfn));
}

static uint64_t refused(enum refuse why)
{
    return atomic_load(&alone.logger.refused[why]);
}

/* A VMM that reserves what tasks ask for keeps most of its addresses. */
static void test_addresses(void **state)
{
    bool callbacks = v.cfg.tasks == PVG_TASKS_CALLBACKS;

    real_create = v.ops.create_task;
    real_destroy = v.ops.destroy_task;
    if (callbacks) {
        v.ops.create_task = create_task;
        v.ops.destroy_task = destroy_task;
    }
    start();
    define(1, VAST);
    assert_int_equal(refused(REFUSE_TASK_LENGTH), 0);
    define(2, VAST); /* with the kernel task's it is more than all may have */
    assert_int_equal(refused(REFUSE_TASK_LENGTH), callbacks);
    define(1, VAST); /* in the place of itself */
    assert_int_equal(refused(REFUSE_TASK_LENGTH), callbacks);
    guest_run(&g, root, CMD_DELETE_TASK, WORDS(1));
    define(2, VAST);
    assert_int_equal(refused(REFUSE_TASK_LENGTH), callbacks);
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    guest_boot(&g, 0);
    define(3, VAST);
    assert_int_equal(refused(REFUSE_TASK_LENGTH), callbacks);
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    vmm_poll(atomic_load(&vast_live) == 0);
}

/* ---- control pages ---- */

/* Whether some of many stretches are the device's own is found for all at once: as for each, and in any order. */
static void test_control_pages(void **state)
{
    struct gmem_run run[64];
    struct gmem_runs runs = {.run = run};
    uint32_t pages = (uint32_t)(v.block[0].bytes >> g.shift), x = 1, hits = 0;

    start();
    for (uint32_t i = 1; i < 6; i++)
        guest_channel(&g, i, 8);
    for (uint32_t round = 0; round < 4000; round++) {
        bool one = false;

        runs.count = round % COUNT(run);
        for (size_t i = 0; i < runs.count; i++) {
            x = x * 1664525 + 1013904223;
            run[i] =
                (struct gmem_run){.gpa = {(uint64_t)((x >> 8) % pages) << g.shift}, .length_bytes = g.page << (x >> 4 & 1)};
            if (!(x >> 5 & 15))
                run[i].gpa.v = UINT64_MAX;
            else
                one = one || core_is_control(v.core, run[i].gpa, run[i].length_bytes);
        }
        assert_int_equal(core_any_control(v.core, &runs), one);
        hits += one;
    }
    assert_in_range(hits, 100, 3900);
    run[0] = (struct gmem_run){.gpa = {(uint64_t)g.channel[3].pages[7] << g.shift}, .length_bytes = g.page};
    run[1] = (struct gmem_run){.gpa = {0}, .length_bytes = g.page};
    runs.count = 2;
    assert_true(core_any_control(v.core, &runs));
    runs.run++;
    runs.count = 1;
    assert_false(core_any_control(v.core, &runs));
    runs.count = 0;
    assert_false(core_any_control(v.core, &runs));
}

/* ---- packets ---- */

/* A ring of as many pages as a list holds, all of them the same page: large packets cost a guest nothing. */
static void large_channel(uint32_t id)
{
    struct channel *c = &g.channel[id];

    guest_channel_prepare(&g, id, 1, 0);
    for (uint64_t at = 0; at < g.page; at += 4)
        atomic_store(guest_word(&g, c->list_pfn, at), c->pages[0]);
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(id));
}

/* One that fills the ring and waits for cell 40 to be 1. */
static void send_large(uint32_t id)
{
    struct packet_header h = {.opcode = CMD_EXEC_INDIRECT2,
                              .barriers = 1,
                              .length_bytes = (uint32_t)(g.page / 4 * g.page),
                              .stamp = ++g.channel[id].stamp};
    uint8_t *p = guest_ptr(&g, g.channel[id].pages[0], 0);

    packet_encode(p, &h);
    le32_put(p + 12, 40);
    le32_put(p + 16, 1);
    vmm_order(&v);
    atomic_store(guest_record(&g, id, CHANNEL_WRITTEN), h.length_bytes);
    vmm_w32(&v, REG_CHILD_DOORBELL, id);
}

static void test_packets(void **state)
{
    start();
    for (uint32_t id = 1; id < 4; id++)
        large_channel(id);
    guest_channel(&g, 4, 1);
    for (uint32_t id = 1; id < 3; id++) {
        send_large(id);
        vmm_poll(guest_consumed(&g, &g.channel[id]));
    }
    send_large(3);
    vmm_poll(refused(REFUSE_PACKET_MEMORY));
    assert_int_equal(guest_consumed(&g, &g.channel[3]), 0); /* it waits in its ring */
    guest_run(&g, &g.channel[4], CMD_NOP, NULL, 0);         /* others go on */
    atomic_store(guest_cell(&g, 40), 1);
    for (uint32_t id = 1; id < 4; id++)
        guest_wait(&g, &g.channel[id], 1);
    /* All is given back: three more, and the channels may go with the packets in hand. */
    atomic_store(guest_cell(&g, 40), 0);
    for (uint32_t id = 1; id < 3; id++)
        guest_run(&g, root, CMD_DELETE_CHILD_FIFO, WORDS(id));
    large_channel(1);
    send_large(1);
    vmm_poll(guest_consumed(&g, &g.channel[1]));
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    guest_boot(&g, 0);
    for (uint32_t id = 1; id < 3; id++) {
        atomic_store(guest_cell(&g, id), 0);
        large_channel(id);
        send_large(id);
        vmm_poll(guest_consumed(&g, &g.channel[id]));
    }
}

/* ---- log ---- */

static _Atomic uint64_t markers;

static void count_marker(struct vmm *vmm, const char *message)
{
    if (strstr(message, "guest marker"))
        atomic_fetch_add(&markers, 1);
}

/* What a guest can have said is bounded also where nothing is refused, and hides no refusal. */
static void test_messages(void **state)
{
    uint64_t begin = vmm_now_ns();

    atomic_store(&markers, 0);
    atomic_store(&v.on_log, count_marker);
    start();
    for (uint32_t i = 0; i < 500; i++)
        guest_send(&g, root, CMD_DEBUG, WORDS(i));
    guest_run(&g, root, CMD_NOP, WORDS(0));
    assert_in_range(atomic_load(&markers), 1, 100 * (1 + (vmm_now_ns() - begin) / 10000000000));
    assert_int_equal(vmm_logged(&v, "payload-nop"), 1);
    atomic_store(&v.on_log, NULL);
}

int main(void)
{
    static struct vmm_config own_core = {.no_device = true};
    static struct vmm_config own_core_callbacks = {.no_device = true, .tasks = PVG_TASKS_CALLBACKS};
    static struct vmm_config own_core_16k = {.no_device = true, .shift = 14};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_addresses, own_core),
        DEVICE_TEST(test_addresses, own_core_callbacks),
        DEVICE_TEST(test_control_pages, own_core),
        DEVICE_TEST(test_packets, own_core_16k),
        DEVICE_TEST(test_messages, own_core),
    };

    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
