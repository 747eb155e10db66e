/* SPDX-License-Identifier: MIT */
/*
 * Whoever wants the worker out of guest memory (FIFO_CONTROL := 0, reset, pause) waits for the command in hand and not for
 * what a guest has queued behind it, and nothing reads guest memory for the sake of what is dropped. On a core of the
 * test's own, with a handler that knows when it is wanted out.
 */
#include "device/alone.h"

#include <pthread.h>

#include "core/core_priv.h"
#include "display/display_priv.h"

#define WAITS  CMD_EXEC_INDIRECT2
#define QUEUED 20

static struct vmm v;
static struct guest g;
static struct alone alone;
static struct display_set *displays;
static _Atomic unsigned calls, settled, gone;
static _Atomic bool inside;
static _Atomic uint32_t stay_ms; /* once wanted out */
static _Atomic bool in_callback; /* the handler waits in one */

/* The first time, stay until somebody wants the worker out; or in a callback, until the test ends it. */
static enum core_verdict handler(void *ctx, const struct core_cmd *cmd)
{
    (void)ctx;
    if (atomic_fetch_add(&calls, 1))
        return CORE_DONE;
    atomic_store(&inside, true);
    if (atomic_load(&in_callback)) {
        gmem_callback_begin(cmd->pin);
        vmm_poll(!atomic_load(&in_callback));
        (void)gmem_callback_end(cmd->pin);
        return CORE_DONE;
    }
    vmm_poll(atomic_load(&v.core->requests) || core_silent(v.core));
    for (uint32_t ms = atomic_load(&stay_ms); ms; ms--)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return CORE_DONE;
}

static void settle(void *ctx, struct gmem_pin *pin, uint32_t task, gva_t gva, uint64_t length)
{
    atomic_fetch_add(&settled, 1);
}

static void task_gone(void *ctx, uint32_t task)
{
    atomic_fetch_add(&gone, 1);
}

static int setup(void **state)
{
    const struct core_observer observer = {.settle = settle, .task_gone = task_gone};

    alone_init(&alone, &v, *state);
    core_handle(v.core, WAITS, handler, NULL);
    core_observe(v.core, &observer);
    must(!display_set_new(&(struct display_config){.core = v.core, .ports = 1}, &displays), "display_set_new");
    must(!core_start(v.core), "core_start");
    atomic_store(&calls, 0);
    atomic_store(&settled, 0);
    atomic_store(&gone, 0);
    atomic_store(&inside, false);
    guest_init(&g, &v);
    guest_boot(&g, 0);
    for (uint32_t i = 1; i < 4; i++)
        guest_channel(&g, i, 1);
    return 0;
}

static int teardown(void **state)
{
    core_stop(v.core);
    display_set_free(displays);
    alone_fini(&alone, &v, &g);
    return 0;
}

/* Commands on four FIFOs, of which the worker has begun one. */
static void begin_one(void)
{
    for (uint32_t n = 0; n < QUEUED; n++)
        for (uint32_t i = 0; i < 4; i++)
            guest_send(&g, &g.channel[i], WAITS, WORDS(0, 0, 0));
    vmm_poll(atomic_load(&inside));
}

static void test_disable(void **state)
{
    begin_one();
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    assert_int_equal(atomic_load(&calls), 1);
    guest_boot(&g, 0);
    guest_run(&g, &g.channel[0], CMD_NOP, NULL, 0);
    assert_int_equal(atomic_load(&calls), 1);
}

static void test_reset(void **state)
{
    begin_one();
    core_reset(v.core);
    assert_int_equal(atomic_load(&calls), 1);
}

/* A command that would have stopped its FIFO for a bad barrier, and ends after the disable, sets no fault of the new life. */
static void test_late_fault(void **state)
{
    atomic_store(&in_callback, true);
    guest_send_full(&g, &g.channel[1], WAITS, &(struct packet_barrier){0xffff, 1}, 1, WORDS(0, 0, 0));
    vmm_poll(atomic_load(&inside));
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    atomic_store(&in_callback, false);
    guest_boot(&g, 0);
    guest_run(&g, &g.channel[0], CMD_NOP, NULL, 0);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
}

/* What takes long is said, with no lock held: the VMM may disable the device once more from there. */
static _Atomic unsigned said;

static void disable_again(struct vmm *vmm, const char *message)
{
    if (!strstr(message, "slow to let go") || atomic_fetch_add(&said, 1))
        return;
    vmm_w32(vmm, REG_FIFO_CONTROL, 0);
}

static void test_slow(void **state)
{
    atomic_store(&said, 0);
    atomic_store(&stay_ms, 1100);
    atomic_store(&v.on_log, disable_again);
    begin_one();
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    assert_int_equal(atomic_load(&said), 1);
    atomic_store(&v.on_log, NULL);
    atomic_store(&stay_ms, 0);
}

/* A pause loses nothing. */
static void test_pause(void **state)
{
    begin_one();
    core_pause(v.core);
    assert_int_equal(atomic_load(&calls), 1);
    core_unpause(v.core);
    for (uint32_t i = 0; i < 4; i++)
        guest_wait(&g, &g.channel[i], g.channel[i].stamp);
    assert_int_equal(atomic_load(&calls), 4 * QUEUED);
}

/* The guest's delete finishes with the pages of a task; a disable, which comes when the worker is out, drops them. */
static void test_settles(void **state)
{
    struct space task;

    guest_kernel_task(&g);
    space_init(&g, &task, 1, 3, 1ull << 34);
    space_define(&g, &task);
    atomic_store(&settled, 0);
    guest_run(&g, &g.channel[0], CMD_DELETE_TASK, WORDS(1));
    assert_int_equal(atomic_load(&settled), 1);
    assert_int_equal(atomic_load(&gone), 1);
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    vmm_poll(atomic_load(&gone) == 2);
    assert_int_equal(atomic_load(&settled), 1);
}

/* The VMM hears of the tasks that a disable drops: before a pause or after it. */
static void (*real_destroy)(void *opaque, pvg_task *task);

static void destroy(void *opaque, pvg_task *task)
{
    atomic_store(&inside, true);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    real_destroy(opaque, task);
    atomic_fetch_add(&gone, 1);
    atomic_store(&inside, false);
}

static void test_pause_drops(void **state)
{
    real_destroy = v.ops.destroy_task;
    v.ops.destroy_task = destroy;
    guest_kernel_task(&g);
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    vmm_poll(atomic_load(&inside) || atomic_load(&gone));
    core_pause(v.core);
    assert_false(atomic_load(&inside));
    core_unpause(v.core);
    guest_boot(&g, 0);
    guest_kernel_task(&g);
    core_pause(v.core);
    atomic_store(&gone, 0);
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
    assert_false(atomic_load(&inside) || atomic_load(&gone));
    core_unpause(v.core);
    vmm_poll(atomic_load(&gone));
}

/* What the device has mapped of the guest's (callback mode) goes when all have left it: a display's clock too. */
static void *disable_main(void *arg)
{
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    return NULL;
}

static void test_root_stays(void **state)
{
    struct pipe *pipe = &displays->pipes[0];
    struct gmem_pin pin = {0};
    uint64_t destroyed = vmm_see(&v, v.destroys);
    pthread_t thread;
    void *p;

    gmem_pin(alone.gmem, &pin);
    pthread_mutex_lock(&pipe->lock);
    must(section_enter(pipe, &pin), "section_enter");
    pthread_mutex_unlock(&pipe->lock);
    must(!gmem_ptr(&pin, (gpa_t){(uint64_t)g.root_page_pfn << g.shift}, 4, true, &p), "gmem_ptr");
    must(!pthread_create(&thread, NULL, disable_main, NULL), "pthread_create");
    vmm_poll(gmem_go_on(&pin));
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    assert_int_equal(vmm_see(&v, v.destroys), destroyed);
    atomic_store((_Atomic uint32_t *)p, 0);
    pthread_mutex_lock(&pipe->lock);
    section_leave(pipe);
    pthread_mutex_unlock(&pipe->lock);
    gmem_unpin(&pin);
    pthread_join(thread, NULL);
    vmm_poll(vmm_see(&v, v.destroys) > destroyed);
}

/* Who waits for a display's section found the device running, and goes on: a pause waits for it too. */
static void *visit(void *arg)
{
    struct pipe *pipe = arg;
    struct gmem_pin pin = {0};

    gmem_pin(alone.gmem, &pin);
    pthread_mutex_lock(&pipe->lock);
    must(section_enter(pipe, &pin), "section_enter");
    pthread_mutex_unlock(&pipe->lock);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* works */
    atomic_store(&inside, false);
    pthread_mutex_lock(&pipe->lock);
    section_leave(pipe);
    pthread_mutex_unlock(&pipe->lock);
    gmem_unpin(&pin);
    return NULL;
}

static uint32_t waiting(struct pipe *pipe)
{
    uint32_t n;

    pthread_mutex_lock(&pipe->lock);
    n = pipe->waiting;
    pthread_mutex_unlock(&pipe->lock);
    return n;
}

static void test_pause_display(void **state)
{
    struct display_set *set = displays;
    struct pipe *pipe = &set->pipes[0];
    struct gmem_pin pin = {0};
    pthread_t thread;

    gmem_pin(alone.gmem, &pin);
    pthread_mutex_lock(&pipe->lock);
    must(section_enter(pipe, &pin), "section_enter");
    pthread_mutex_unlock(&pipe->lock);
    atomic_store(&inside, true);
    must(!pthread_create(&thread, NULL, visit, pipe), "pthread_create");
    vmm_poll(waiting(pipe));
    pthread_mutex_lock(&pipe->lock);
    section_leave(pipe);
    pthread_mutex_unlock(&pipe->lock);
    display_set_pause(set); /* before the other has begun, as a rule */
    assert_false(atomic_load(&inside));
    pthread_join(thread, NULL);
    gmem_unpin(&pin);
}

int main(void)
{
    static struct vmm_config own_core = {.no_device = true};
    static struct vmm_config own_core_strict = {.no_device = true, .flags = PVG_DEVICE_STRICT};
    static struct vmm_config own_core_callbacks = {.no_device = true, .tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_disable, own_core),          DEVICE_TEST(test_reset, own_core),
        DEVICE_TEST(test_pause, own_core),            DEVICE_TEST(test_settles, own_core),
        DEVICE_TEST(test_disable, own_core_callbacks), DEVICE_TEST(test_settles, own_core_callbacks),
        DEVICE_TEST(test_slow, own_core),             DEVICE_TEST(test_late_fault, own_core_strict),
        DEVICE_TEST(test_root_stays, own_core_callbacks),
        DEVICE_TEST(test_pause_display, own_core),     DEVICE_TEST(test_pause_drops, own_core_callbacks),
    };

    return cmocka_run_group_tests_name("quiesce", tests, NULL, NULL);
}
