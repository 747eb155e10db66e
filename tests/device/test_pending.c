/* SPDX-License-Identifier: MIT */
/*
 * Handlers that take time (decision 12): a core of the test's own with a slow fake handler on CmdExecIndirect2 and one that
 * holds on CmdHeapTextureSizeAndAlign. Order per FIFO, barriers, the limit, channel deletion, disable, reset and stop hold
 * for them; a completion that comes too late touches nothing.
 */
#include "device/alone.h"

#include <pthread.h>

#include "base/limits.h"
#include "core/core.h"

#define SLOW CMD_EXEC_INDIRECT2
#define HOLD CMD_HEAP_TEXTURE_SIZE_AND_ALIGN
#define TICKETS (1u << 18)

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];
static struct alone alone;

/* what the handlers saw; under v.lock */
static struct core_ticket ticket[TICKETS];
static uint32_t started;
static uint32_t holds, hold_calls;
static uint64_t hold_first_ns[4]; /* by channel */
static bool at_once; /* complete inside the handler */

static enum core_verdict slow(void *ctx, const struct core_cmd *cmd)
{
    bool complete;

    pthread_mutex_lock(&v.lock);
    must(started < TICKETS, "too many commands");
    ticket[started++] = cmd->ticket;
    complete = at_once;
    pthread_cond_broadcast(&v.cond);
    pthread_mutex_unlock(&v.lock);
    if (complete)
        core_complete(v.core, cmd->ticket);
    return CORE_PENDING;
}

static enum core_verdict hold(void *ctx, const struct core_cmd *cmd)
{
    enum core_verdict verdict;

    pthread_mutex_lock(&v.lock);
    hold_calls++;
    must(cmd->first_ns, "first_ns is 0");
    must(!hold_first_ns[cmd->channel] || hold_first_ns[cmd->channel] == cmd->first_ns, "first_ns moved");
    verdict = holds ? CORE_HOLD : CORE_DONE;
    hold_first_ns[cmd->channel] = holds ? cmd->first_ns : 0;
    pthread_cond_broadcast(&v.cond);
    pthread_mutex_unlock(&v.lock);
    return verdict;
}

static int setup(void **state)
{
    alone_init(&alone, &v, *state);
    core_handle(v.core, SLOW, slow, NULL);
    core_handle(v.core, HOLD, hold, NULL);
    must(!core_start(v.core), "core_start");
    started = holds = hold_calls = 0;
    memset(hold_first_ns, 0, sizeof(hold_first_ns));
    at_once = false;
    guest_init(&g, &v);
    guest_boot(&g, 0);
    for (uint32_t i = 1; i < 4; i++)
        guest_channel(&g, i, 16);
    return 0;
}

static int teardown(void **state)
{
    alone_fini(&alone, &v, &g);
    return 0;
}

static uint32_t send_slow(struct channel *c)
{
    return guest_send(&g, c, SLOW, WORDS(0, 0, 0));
}

static void complete(uint32_t i)
{
    struct core_ticket t;

    pthread_mutex_lock(&v.lock);
    must(i < started, "command %u has not started", i);
    t = ticket[i];
    pthread_mutex_unlock(&v.lock);
    core_complete(v.core, t);
}

static void settle(void)
{
    for (int i = 0; i < 3; i++) {
        guest_run(&g, &g.channel[2], CMD_NOP, NULL, 0);
        guest_run(&g, &g.channel[3], CMD_NOP, NULL, 0);
    }
}

static void test_reverse_order(void **state)
{
    struct channel *c = &g.channel[1];

    for (int i = 0; i < 10; i++)
        send_slow(c);
    guest_send(&g, c, CMD_NOP, NULL, 0); /* done at once, but behind */
    vmm_wait(&v, started == 10);
    vmm_poll(guest_consumed(&g, c) == c->written);
    for (uint32_t i = 9; i >= 1; i--) {
        complete(i);
        settle();
        assert_int_equal(*guest_cell(&g, 1), 0);
    }
    complete(0);
    guest_wait(&g, c, 11);
    complete(0); /* twice is harmless */
    settle();
    assert_int_equal(*guest_cell(&g, 1), 11);
}

static void test_stamps_one_by_one(void **state)
{
    struct channel *c = &g.channel[1];

    for (int i = 0; i < 10; i++)
        send_slow(c);
    vmm_wait(&v, started == 10);
    for (uint32_t i = 0; i < 10; i++) {
        complete(i);
        guest_wait(&g, c, i + 1);
        settle();
        assert_int_equal(*guest_cell(&g, 1), i + 1);
    }
}

static void test_complete_in_handler(void **state)
{
    at_once = true;
    for (int i = 0; i < 1000; i++)
        send_slow(&g.channel[1]);
    guest_wait(&g, &g.channel[1], 1000);
}

/* Stamps owed are bounded; what does not fit waits in the ring or in hand, and its FIFO alone. */
static void test_limit(void **state)
{
    struct channel *c = &g.channel[1];

    for (uint32_t i = 0; i < 3 * LIMIT_PENDING; i++)
        send_slow(c);
    vmm_wait(&v, started == LIMIT_PENDING);
    settle();
    pthread_mutex_lock(&v.lock);
    assert_int_equal(started, LIMIT_PENDING);
    pthread_mutex_unlock(&v.lock);
    for (uint32_t i = 0; i < 3 * LIMIT_PENDING; i++) {
        vmm_wait(&v, started > i);
        complete(i);
    }
    guest_wait(&g, c, 3 * LIMIT_PENDING);
}

/* Barriers on a stamp that is owed: of its own FIFO, and of another. */
static void test_barriers(void **state)
{
    struct channel *a = &g.channel[1], *b = &g.channel[2];
    uint32_t own, other;

    send_slow(a);
    own = guest_send_full(&g, a, SLOW, &(struct packet_barrier){1, 1}, 1, WORDS(0, 0, 0));
    other = guest_send_full(&g, b, CMD_NOP, &(struct packet_barrier){1, 2}, 1, NULL, 0);
    guest_run(&g, &g.channel[3], CMD_NOP, NULL, 0);
    vmm_wait(&v, started == 1);
    complete(0);
    guest_wait(&g, a, 1);
    vmm_wait(&v, started == 2);
    guest_run(&g, &g.channel[3], CMD_NOP, NULL, 0);
    assert_int_equal(*guest_cell(&g, 2), 0);
    complete(1);
    guest_wait(&g, a, own);
    guest_wait(&g, b, other);
}

/* Deleting and redefining wait for started work; its stamps come first (transport 6). */
static void test_delete_waits(void **state)
{
    struct channel *c = &g.channel[1];

    for (uint32_t i = 0; i < 2; i++) {
        uint32_t stamp = send_slow(c), done;

        vmm_wait(&v, started == i + 1);
        atomic_store(guest_record(&g, 1, CHANNEL_READ), c->written);
        done = guest_send(&g, root, i ? CMD_DELETE_CHILD_FIFO : CMD_DEFINE_CHILD_FIFO, WORDS(1));
        settle();
        assert_false(guest_reached(&g, root, done));
        complete(i);
        guest_wait(&g, root, done);
        assert_int_equal(*guest_cell(&g, 1), stamp);
    }
}

/* A new page list while stamps are owed: they are still given. */
static void test_list_changes(void **state)
{
    struct channel *c = &g.channel[1];
    uint32_t list = guest_page(&g), page = guest_page(&g);

    send_slow(c);
    send_slow(c);
    vmm_wait(&v, started == 2);
    *guest_word(&g, list, 0) = page;
    c->pages[0] = page;
    c->ring_bytes = (uint32_t)g.page;
    atomic_store(guest_record(&g, 1, CHANNEL_LIST_PFN), list);
    guest_send(&g, c, CMD_NOP, NULL, 0);
    settle();
    assert_int_equal(*guest_cell(&g, 1), 0);
    complete(0);
    guest_wait(&g, c, 1);
    settle();
    assert_int_equal(*guest_cell(&g, 1), 1);
    complete(1);
    guest_wait(&g, c, 3);
}

/* After disable, reset or stop a late completion writes nothing, and completes nothing that is newer. */
static void late(void (*quiesce)(void))
{
    struct channel *c = &g.channel[1];
    uint64_t sum;

    for (int i = 0; i < 5; i++)
        send_slow(c);
    vmm_wait(&v, started == 5);
    quiesce();
    sum = guest_checksum(&g);
    for (uint32_t i = 0; i < 5; i++)
        complete(i);
    assert_true(guest_checksum(&g) == sum);
    guest_boot(&g, 0);
    c->stamp = 0;
    for (uint32_t i = 1; i < 4; i++)
        guest_channel(&g, i, 1);
    for (int i = 0; i < 5; i++)
        send_slow(c);
    vmm_wait(&v, started == 10);
    for (uint32_t i = 0; i < 5; i++)
        complete(i); /* of the old life */
    settle();
    assert_int_equal(*guest_cell(&g, 1), 0);
    for (uint32_t i = 5; i < 10; i++)
        complete(i);
    guest_wait(&g, c, 5);
}

static void disable(void)
{
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
}

static void reset(void)
{
    core_reset(v.core);
}

static void test_late_after_disable(void **state)
{
    late(disable);
}

static void test_late_after_reset(void **state)
{
    late(reset);
}

static void test_late_after_stop(void **state)
{
    uint64_t sum, raised;

    send_slow(&g.channel[1]);
    vmm_wait(&v, started == 1);
    core_stop(v.core);
    sum = guest_checksum(&g);
    raised = vmm_see(&v, v.interrupts);
    complete(0);
    vmm_w32(&v, REG_CHILD_DOORBELL, 1);
    assert_true(guest_checksum(&g) == sum);
    assert_true(vmm_see(&v, v.interrupts) == raised);
}

/* Pause holds the stamp back; unpause gives it. */
static void test_pause(void **state)
{
    struct channel *c = &g.channel[1];
    uint64_t sum, raised;
    uint32_t stamp = send_slow(c);

    vmm_wait(&v, started == 1);
    core_pause(v.core);
    sum = guest_checksum(&g);
    raised = vmm_see(&v, v.interrupts);
    complete(0);
    assert_true(guest_checksum(&g) == sum);
    assert_true(vmm_see(&v, v.interrupts) == raised);
    core_unpause(v.core);
    guest_wait(&g, c, stamp);
}

/* A handler that holds: called again, nothing behind it starts, others go on. */
static void test_hold(void **state)
{
    static const uint32_t payload[6];
    struct channel *c = &g.channel[1];
    uint32_t stamp;

    holds = 1;
    guest_send(&g, c, HOLD, payload, sizeof(payload));
    stamp = send_slow(c);
    vmm_wait(&v, hold_calls >= 5);
    settle();
    assert_int_equal(*guest_cell(&g, 1), 0);
    pthread_mutex_lock(&v.lock);
    assert_int_equal(started, 0);
    holds = 0;
    pthread_mutex_unlock(&v.lock);
    vmm_wait(&v, started == 1);
    guest_wait(&g, c, stamp - 1);
    complete(0);
    guest_wait(&g, c, stamp);
}

static void test_hold_and_disable(void **state)
{
    static const uint32_t payload[6];

    holds = 1;
    guest_send(&g, root, HOLD, payload, sizeof(payload));
    guest_send(&g, &g.channel[1], HOLD, payload, sizeof(payload));
    vmm_wait(&v, hold_calls >= 4);
    disable();
    pthread_mutex_lock(&v.lock);
    holds = 0;
    memset(hold_first_ns, 0, sizeof(hold_first_ns));
    pthread_mutex_unlock(&v.lock);
    guest_boot(&g, 0);
    guest_run(&g, root, HOLD, payload, sizeof(payload));
    guest_channel(&g, 1, 1);
    g.channel[1].stamp = 0;
    guest_run(&g, &g.channel[1], CMD_NOP, NULL, 0);
}

/* Two threads complete in their own order while the guest submits: every stamp once, in order. */
#define MANY (100000 / SLOWER)
static _Atomic uint32_t next_complete;

static void *completer(void *arg)
{
    for (;;) {
        uint32_t i = atomic_fetch_add(&next_complete, 1);

        if (i >= 2 * MANY)
            return NULL;
        vmm_wait(&v, started > i);
        complete(i);
    }
}

static void test_many_completers(void **state)
{
    pthread_t thread[2];
    uint32_t last[3] = {0};

    atomic_store(&next_complete, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, completer, NULL), 0);
    for (uint32_t i = 0; i < MANY; i++)
        for (uint32_t k = 1; k <= 2; k++) {
            uint32_t now = *guest_cell(&g, k);

            assert_true(now >= last[k] && now <= g.channel[k].stamp);
            last[k] = now;
            send_slow(&g.channel[k]);
        }
    guest_wait(&g, &g.channel[1], MANY);
    guest_wait(&g, &g.channel[2], MANY);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}

int main(void)
{
    static struct vmm_config own_core = {.no_device = true}, own_core_16k = {.no_device = true, .shift = 14};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_reverse_order, own_core),
        DEVICE_TEST(test_reverse_order, own_core_16k),
        DEVICE_TEST(test_stamps_one_by_one, own_core),
        DEVICE_TEST(test_complete_in_handler, own_core),
        DEVICE_TEST(test_limit, own_core),
        DEVICE_TEST(test_barriers, own_core),
        DEVICE_TEST(test_delete_waits, own_core),
        DEVICE_TEST(test_list_changes, own_core),
        DEVICE_TEST(test_late_after_disable, own_core),
        DEVICE_TEST(test_late_after_reset, own_core),
        DEVICE_TEST(test_late_after_stop, own_core),
        DEVICE_TEST(test_pause, own_core),
        DEVICE_TEST(test_hold, own_core),
        DEVICE_TEST(test_hold_and_disable, own_core),
        DEVICE_TEST(test_many_completers, own_core),
    };

    return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
