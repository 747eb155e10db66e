/* SPDX-License-Identifier: MIT */
/*
 * An enable is honoured wherever the worker is when it comes (transport 2.1): a guest that writes FIFO_CONTROL 0, 1 and
 * one packet, and then only waits, rings for the last time while the worker may be anywhere in what it does for the
 * disable. On a core of the test's own, so that the worker can be held where that matters.
 */
#include "device/alone.h"

#include <pthread.h>
#include <sched.h>

#include "core/core_priv.h"

enum { ROUNDS = 20, GEOMETRIES = 2000 };

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];
static struct alone alone;
static _Atomic bool stuck, release;

static int setup(void **state)
{
    alone_init(&alone, &v, *state);
    guest_init(&g, &v);
    return 0;
}

static int teardown(void **state)
{
    atomic_store(&v.on_interrupt, NULL);
    if (!v.core->started)
        gmem_unpin(&v.core->pin); /* of a test that failed */
    alone_fini(&alone, &v, &g);
    return 0;
}

static void stick(struct vmm *vmm)
{
    if (atomic_exchange(&stuck, true))
        return;
    while (!atomic_load(&release))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/*
 * The worker has looked for an enable, found none, and is about to look at the doorbells for the last time before it
 * sleeps: what it takes there is the doorbells of the enable and of the packet. It is held between the two by the
 * interrupt that is owed after a pause.
 */
static void test_between_the_looks(void **state)
{
    must(!core_start(v.core), "core_start");
    for (int i = 0; i < ROUNDS; i++) {
        vmm_w32(&v, REG_FIFO_CONTROL, 0);
        core_pause(v.core); /* no interrupt of the round before is on its way behind this */
        core_display_event(v.core, 0);
        atomic_store(&stuck, false);
        atomic_store(&release, false);
        atomic_store(&v.on_interrupt, stick);
        core_unpause(v.core);
        vmm_poll(atomic_load(&stuck));
        guest_boot(&g, 0);
        guest_send(&g, root, CMD_NOP, NULL, 0);
        atomic_store(&release, true);
        guest_wait(&g, root, 1);
        atomic_store(&v.on_interrupt, NULL);
    }
}

/*
 * A disable cuts pins off until it returns, the last time after the worker may have carried out its request and come
 * back in. With such a pin the ring is not opened, and the enable is not forgotten either. No worker runs here.
 */
static void test_pin_of_before(void **state)
{
    struct core *core = v.core;

    for (int i = 0; i < ROUNDS; i++) {
        vmm_w32(&v, REG_FIFO_CONTROL, 0);
        gmem_pin(alone.gmem, &core->pin);
        gmem_cut(alone.gmem); /* the display's part of the disable */
        guest_boot(&g, 0);
        fifo_open_root(core);
        assert_true(core->pin.cut);
        gmem_unpin(&core->pin);

        gmem_pin(alone.gmem, &core->pin);
        fifo_open_root(core);
        assert_false(core->pin.cut);
        assert_true(core->fifos[0].defined);
        fifo_close(core, &core->fifos[0]);
        fifo_open_root(core); /* once only */
        assert_false(core->fifos[0].defined);
        gmem_unpin(&core->pin);
    }
}

/*
 * An enable that is undone before the worker has looked at it is not what the next one opens: that has a geometry of
 * its own. This thread is the worker, and looks all the time while the other one enables.
 */
static _Atomic uint32_t enabled_round, opened_round;
static _Atomic bool rounds_end;

static uint32_t fifo_bytes(uint32_t i)
{
    return (uint32_t)g.page * (2 + i % 3);
}

static void *enable_twice(void *arg)
{
    for (uint32_t i = 1; !atomic_load(&rounds_end); i++) {
        vmm_w32(&v, REG_ROOT_FIFO_LENGTH, fifo_bytes(i - 1));
        vmm_w32(&v, REG_FIFO_CONTROL, 1);
        vmm_w32(&v, REG_FIFO_CONTROL, 0);
        vmm_w32(&v, REG_ROOT_FIFO_LENGTH, fifo_bytes(i));
        atomic_store(&enabled_round, i);
        vmm_w32(&v, REG_FIFO_CONTROL, 1);
        while (atomic_load(&opened_round) != i)
            sched_yield();
        vmm_w32(&v, REG_FIFO_CONTROL, 0);
    }
    return NULL;
}

static void test_geometry_is_the_last(void **state)
{
    struct core *core = v.core;
    struct fifo *f = &core->fifos[0];
    uint64_t end = vmm_now_ns() + 1000000000; /* long enough, and not longer where the two threads share a CPU */
    pthread_t thread;

    guest_prepare(&g, 4 * (uint32_t)g.page);
    atomic_store(&enabled_round, 0);
    atomic_store(&opened_round, 0);
    atomic_store(&rounds_end, false);
    must(!pthread_create(&thread, NULL, enable_twice, NULL), "pthread_create");
    for (uint32_t i = 1; !atomic_load(&rounds_end); i++) {
        while (atomic_load(&enabled_round) != i)
            sched_yield();
        gmem_pin(alone.gmem, &core->pin);
        for (unsigned looks = 1; !f->defined; looks++) {
            fifo_open_root(core);
            if (looks % 4096 == 0)
                sched_yield(); /* where there is one CPU only */
        }
        must(f->ring_bytes == fifo_bytes(i) - g.page, "round %u: ring of 0x%x bytes", i, f->ring_bytes);
        fifo_close(core, f);
        gmem_unpin(&core->pin);
        if (i == GEOMETRIES || vmm_now_ns() > end)
            atomic_store(&rounds_end, true);
        atomic_store(&opened_round, i);
    }
    pthread_join(thread, NULL);
}

/* A pin that is cut off in the middle of a round: what the round had before it is done all the same. */
static void test_cut_in_a_round(void **state)
{
    must(!core_start(v.core), "core_start");
    guest_boot(&g, 0);
    for (uint32_t id = 1; id < 4; id++)
        guest_channel(&g, id, 2);
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t stamp[4];

        atomic_store(&stuck, false);
        atomic_store(&release, false);
        atomic_store(&v.on_interrupt, stick);
        for (uint32_t id = 0; id < 4; id++)
            stamp[id] = guest_send(&g, &g.channel[id], CMD_NOP, NULL, 0);
        vmm_poll(atomic_load(&stuck));
        gmem_cut(alone.gmem);
        atomic_store(&release, true);
        for (uint32_t id = 0; id < 4; id++)
            guest_wait(&g, &g.channel[id], stamp[id]);
        atomic_store(&v.on_interrupt, NULL);
    }
    assert_int_equal(vmm_see(&v, v.warnings), 0);
}

int main(void)
{
    static struct vmm_config table = {.no_device = true}, table_16k = {.no_device = true, .shift = 14};
    static struct vmm_config callbacks = {.no_device = true, .tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_between_the_looks, table),        DEVICE_TEST(test_between_the_looks, table_16k),
        DEVICE_TEST(test_between_the_looks, callbacks),    DEVICE_TEST(test_pin_of_before, table),
        DEVICE_TEST(test_pin_of_before, callbacks),        DEVICE_TEST(test_geometry_is_the_last, table),
        DEVICE_TEST(test_geometry_is_the_last, callbacks), DEVICE_TEST(test_cut_in_a_round, table),
        DEVICE_TEST(test_cut_in_a_round, callbacks),
    };

    return cmocka_run_group_tests_name("enable", tests, NULL, NULL);
}
