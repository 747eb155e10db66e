/* SPDX-License-Identifier: MIT */
/* Barriers and stamps (transport 5.4, 10; checks 15.4, 15.5). */
#include "device/check.h"

#include <pthread.h>

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    guest_boot(&g, 0);
    for (uint32_t i = 1; i < 6; i++)
        guest_channel(&g, i, 1);
    return 0;
}

static int teardown(void **state)
{
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

static uint32_t send_waiting(struct channel *c, uint32_t index, uint32_t value)
{
    return guest_send_full(&g, c, CMD_NOP, &(struct packet_barrier){index, value}, 1, NULL, 0);
}

/* Give the worker a turn on every FIFO: root and one more are served after everything that was rung before. */
static void settle(void)
{
    for (int i = 0; i < 3; i++) {
        guest_run(&g, root, CMD_NOP, NULL, 0);
        guest_run(&g, &g.channel[5], CMD_NOP, NULL, 0);
    }
}

static void test_cross_channel(void **state)
{
    struct channel *a = &g.channel[1], *b = &g.channel[2];
    uint32_t first = send_waiting(a, 2, 3), second;

    second = guest_send(&g, a, CMD_NOP, NULL, 0); /* behind the waiting one: must not overtake */
    for (uint32_t i = 1; i <= 2; i++) {
        guest_run(&g, b, CMD_NOP, NULL, 0);
        settle();
        assert_int_equal(*guest_cell(&g, 1), 0);
    }
    guest_run(&g, b, CMD_NOP, NULL, 0);
    guest_wait(&g, a, first);
    guest_wait(&g, a, second);
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* A packet with several barriers starts when the last is met, in whatever order they are. */
static void test_many_barriers(void **state)
{
    struct packet_barrier b[64];
    struct channel *a = &g.channel[1];
    uint32_t stamp;

    for (uint32_t i = 0; i < 64; i++)
        b[i] = (struct packet_barrier){.index = 2 + i % 3, .value = 1 + i % 5};
    stamp = guest_send_full(&g, a, CMD_NOP, b, 64, NULL, 0);
    for (uint32_t value = 1; value <= 5; value++)
        for (uint32_t i = 4; i >= 2; i--) {
            settle();
            assert_int_equal(*guest_cell(&g, 1), 0);
            guest_run(&g, &g.channel[i], CMD_NOP, NULL, 0);
        }
    guest_wait(&g, a, stamp);
}

/* A chain over all channels, submitted in the worst order. */
static void test_chain(void **state)
{
    uint64_t begin = vmm_now_ns();

    for (int round = 0; round < 200; round++) {
        uint32_t base = g.channel[4].stamp;

        for (uint32_t i = 1; i <= 3; i++)
            send_waiting(&g.channel[i], i + 1, base + 1);
        guest_send(&g, &g.channel[4], CMD_NOP, NULL, 0);
        for (uint32_t i = 1; i <= 4; i++)
            guest_wait(&g, &g.channel[i], base + 1);
    }
    /* re-tested after every stamp, not by the rescue poll: that would take 150 ms for each of the 200 */
    assert_true(vmm_now_ns() - begin < 10000000000ull);
}

/* A wait on the FIFO's own cell is met by its own completion, also unpublished (transport 5.4). */
static void test_own_cell(void **state)
{
    struct channel *a = &g.channel[1];

    a->quiet = true;
    guest_send(&g, a, CMD_NOP, NULL, 0);
    for (int i = 0; i < 20; i++)
        send_waiting(a, 1, a->stamp);
    a->quiet = false;
    guest_run(&g, a, CMD_NOP, NULL, 0);
    guest_wait(&g, root, send_waiting(root, 0, root->stamp));
}

/* Wrapping, signed comparison: the examples of transport 12. */
static void test_wrapping_compare(void **state)
{
    struct channel *a = &g.channel[1], *b = &g.channel[2];
    uint32_t stamp;

    b->stamp = 0xfffffffd;
    atomic_store(guest_cell(&g, 2), 0xfffffffd);
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(2)); /* re-bases the cell */
    guest_wait(&g, b, guest_send(&g, b, CMD_NOP, NULL, 0));
    assert_int_equal(*guest_cell(&g, 2), 0xfffffffe);
    stamp = send_waiting(a, 2, 2);
    settle();
    assert_int_equal(*guest_cell(&g, 1), 0);
    for (int i = 0; i < 4; i++)
        guest_run(&g, b, CMD_NOP, NULL, 0);
    assert_int_equal(*guest_cell(&g, 2), 2);
    guest_wait(&g, a, stamp);
    guest_run(&g, b, CMD_NOP, NULL, 0);
    guest_wait(&g, a, send_waiting(a, 2, 2));
    guest_wait(&g, a, send_waiting(a, 2, 0xfffffff0));
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* Barriers whose cell does not exist can never be decided: counted, not waited for. */
static void test_index_out_of_range(void **state)
{
    uint32_t cells = (uint32_t)(g.page / 4);
    struct channel *a = &g.channel[1];

    guest_wait(&g, a, send_waiting(a, cells, 5));
    guest_wait(&g, a, send_waiting(a, 0xffff, 5));
    assert_int_equal(vmm_refused(&v, "barrier-index"), 2);
    /* the index is masked with 0xffff: this is cell 2 */
    guest_run(&g, &g.channel[2], CMD_NOP, NULL, 0);
    guest_wait(&g, a, send_waiting(a, 0x10002, 1));
    guest_wait(&g, a, send_waiting(a, 0xffff0002, 1));
    assert_int_equal(vmm_refused(&v, "barrier-index"), 2);
    /* the last cell exists; somebody else may write it */
    guest_channel_prepare(&g, 6, 1, 0);
    g.channel[6].stamp_index = cells - 1;
    guest_channel(&g, 6, 1);
    guest_run(&g, &g.channel[6], CMD_NOP, NULL, 0);
    guest_wait(&g, a, send_waiting(a, cells - 1, 1));
    assert_int_equal(vmm_refused(&v, "barrier-index"), 2);
}

/* Behind a wait that can be decided the bad one is looked at again and again: refused once all the same. */
static void test_index_out_of_range_once(void **state)
{
    const struct packet_barrier b[] = {{(uint32_t)(g.page / 4), 5}, {2, 1}, {0xffff, 1}};
    struct channel *a = &g.channel[1];
    uint32_t stamp = guest_send_full(&g, a, CMD_NOP, b, 3, NULL, 0);

    for (int i = 0; i < 5; i++)
        settle();
    assert_int_equal(*guest_cell(&g, 1), 0);
    guest_run(&g, &g.channel[2], CMD_NOP, NULL, 0);
    guest_wait(&g, a, stamp);
    assert_int_equal(vmm_refused(&v, "barrier-index"), 2);
    assert_int_equal(vmm_fifo_number(&v, 1, "refused"), 2);
    assert_int_equal(vmm_logged(&v, "barrier-index"), 2);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
}

/* Strict mode faults a FIFO behind such a wait, and behind a definition whose stamps have no cell (transport 5.4, 9). */
static void test_strict(void **state)
{
    uint32_t cells = (uint32_t)(g.page / 4), stamp, bits = 0;
    struct channel *a = &g.channel[1];

    a->quiet = true;
    stamp = send_waiting(a, cells, 5);
    guest_send(&g, a, CMD_NOP, NULL, 0);
    a->quiet = false;
    guest_ring(&g, a);
    guest_wait(&g, a, stamp);
    vmm_wait(&v, (bits |= vmm_r32(&v, REG_INTR_FAULT)) & 2);
    settle();
    assert_int_equal(*guest_cell(&g, 1), stamp);
    assert_int_equal(guest_consumed(&g, a), 20);
    vmm_w32(&v, REG_CHILD_RESUME, 1);
    guest_wait(&g, a, stamp + 1);
    assert_int_equal(vmm_refused(&v, "barrier-index"), 1);

    guest_channel_prepare(&g, 6, 1, 0);
    atomic_store(guest_record(&g, 6, CHANNEL_STAMP_INDEX), cells);
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(6));
    vmm_wait(&v, (bits |= vmm_r32(&v, REG_INTR_FAULT)) & 1);
    assert_int_equal(vmm_refused(&v, "stamp-index"), 1);
    vmm_w32(&v, REG_ROOT_RESUME, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    assert_int_equal(bits, 3);
}

/* An unsatisfiable wait stops its own FIFO only; deletion, redefinition and disable break it. */
static void test_unsatisfiable(void **state)
{
    struct channel *a = &g.channel[1];
    uint32_t never = 0x7fffffff;

    send_waiting(a, 2, never);
    settle();
    assert_int_equal(*guest_cell(&g, 1), 0);
    guest_run(&g, root, CMD_DELETE_CHILD_FIFO, WORDS(1));
    a->stamp = 0;
    guest_channel(&g, 1, 1);
    guest_run(&g, a, CMD_NOP, NULL, 0);

    send_waiting(a, 2, never);
    settle();
    guest_channel(&g, 1, 1);
    guest_run(&g, a, CMD_NOP, NULL, 0);

    send_waiting(a, 2, never);
    send_waiting(root, 2, never);
    guest_run(&g, &g.channel[5], CMD_NOP, NULL, 0);
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    assert_true(vmm_fifo_number(&v, 1, "packets") >= 3);
}

/* The guest may write a cell itself; the host sees it at its next look, at the latest by its rescue poll. */
static void test_guest_writes_cell(void **state)
{
    struct channel *a = &g.channel[1];
    uint32_t stamp = send_waiting(a, 30, 7);

    settle();
    assert_int_equal(*guest_cell(&g, 1), 0);
    atomic_store(guest_cell(&g, 30), 7);
    guest_wait(&g, a, stamp);
}

/* ---- stamps ---- */

/* A stamp behind the last one is not stored; stamp 0 asks for none. Both commands run. */
static void test_rewind(void **state)
{
    struct channel *a = &g.channel[1];
    uint64_t refused;

    for (int i = 0; i < 10; i++)
        guest_send(&g, a, CMD_NOP, NULL, 0);
    guest_wait(&g, a, 10);
    a->stamp = 4;
    guest_send(&g, a, CMD_NOP, NULL, 0); /* 5 */
    a->stamp = 0xffffffff;
    guest_send(&g, a, CMD_NOP, NULL, 0); /* 0 */
    a->stamp = 10;
    guest_run(&g, a, CMD_NOP, NULL, 0);
    assert_int_equal(*guest_cell(&g, 1), 11);
    refused = vmm_refused(&v, "stamp-rewind"); /* 0 when all three retired together */
    assert_true(refused <= 1);
    assert_int_equal(vmm_report_number(&v, "commands.CMD_NOP.count"), 13);

    a->stamp = 4;
    guest_send(&g, a, CMD_NOP, NULL, 0);
    settle();
    assert_int_equal(*guest_cell(&g, 1), 11);
    assert_int_equal(vmm_refused(&v, "stamp-rewind"), refused + 1);
    assert_int_equal(vmm_fifo_number(&v, 1, "stamps"), 14);
}

/* Large steps and steps of 0x100 (arm): the host stores what the guest said. */
static void test_steps(void **state)
{
    struct channel *a = &g.channel[1];

    for (uint32_t i = 1; i < 100; i++) {
        a->stamp = i * 0x100 - 1;
        guest_run(&g, a, CMD_NOP, NULL, 0);
        assert_int_equal(*guest_cell(&g, 1), i * 0x100);
    }
    a->stamp += 0x7fffff00;
    guest_run(&g, a, CMD_NOP, NULL, 0);
    a->stamp += 0x7fffff00;
    guest_run(&g, a, CMD_NOP, NULL, 0);
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* A stamp index beyond the page: counted, packets run, nothing is written anywhere. */
static void test_stamp_index_out_of_range(void **state)
{
    uint32_t cells = (uint32_t)(g.page / 4);
    struct channel *c = &g.channel[6];

    guest_channel_prepare(&g, 6, 1, 0);
    atomic_store(guest_record(&g, 6, CHANNEL_STAMP_INDEX), cells);
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(6));
    assert_int_equal(vmm_refused(&v, "stamp-index"), 1);
    guest_send(&g, c, CMD_NOP, NULL, 0);
    vmm_poll(guest_consumed(&g, c) == 12);
    settle();
    /* the first word behind the header page is ring data: the definition of channel 1 */
    assert_int_equal(*guest_word(&g, g.fifo_pfn, g.page), 0x30);
    for (uint32_t i = 6; i < cells; i++)
        assert_int_equal(*guest_cell(&g, i), 0);
    assert_int_equal(vmm_fifo_number(&v, 6, "stamps"), 1);
}

/* The upper half of the word at +0xc is not part of the index. */
static void test_stamp_index_masked(void **state)
{
    guest_channel_prepare(&g, 6, 1, 0);
    atomic_store(guest_record(&g, 6, CHANNEL_STAMP_INDEX), 0xdead0006);
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(6));
    guest_run(&g, &g.channel[6], CMD_NOP, NULL, 0);
    assert_int_equal(vmm_refused_total(&v), 0);
}

/*
 * Read-to-clear under concurrent publication: a reader that is woken by the bit alone must see every stamp (15.5). 10^6
 * stamps; fewer under a sanitizer.
 */
#define STAMPS (1000000 / SLOWER)

static _Atomic bool reader_ends;
static _Atomic uint32_t seen;

/* A waiter that trusts the bits: looks at the cell only when its bit was set. */
static void *read_events(void *arg)
{
    while (!atomic_load(&reader_ends))
        if (vmm_r32(&v, REG_STAMP_EVENTS) & 2)
            atomic_store(&seen, atomic_load_explicit(guest_cell(&g, 1), memory_order_acquire));
    return NULL;
}

static void test_no_lost_bit(void **state)
{
    struct channel *a = guest_channel(&g, 1, 16);
    pthread_t thread;

    (void)vmm_r32(&v, REG_STAMP_EVENTS);
    assert_int_equal(pthread_create(&thread, NULL, read_events, NULL), 0);
    for (uint32_t i = 0; i < STAMPS; i++) {
        guest_send(&g, a, CMD_NOP, NULL, 0);
        if (i % 1000 == 999)
            vmm_poll(atomic_load(&seen) == a->stamp);
    }
    vmm_poll(atomic_load(&seen) == a->stamp);
    atomic_store(&reader_ends, true);
    pthread_join(thread, NULL);
    assert_int_equal(vmm_fifo_number(&v, 1, "stamps"), STAMPS);
}

int main(void)
{
    static struct vmm_config four_k, sixteen_k = {.shift = 14}, callbacks = {.tasks = PVG_TASKS_CALLBACKS};
    static struct vmm_config strict = {.flags = PVG_DEVICE_STRICT};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_cross_channel, four_k),
        DEVICE_TEST(test_cross_channel, sixteen_k),
        DEVICE_TEST(test_cross_channel, callbacks),
        DEVICE_TEST(test_many_barriers, four_k),
        DEVICE_TEST(test_chain, four_k),
        DEVICE_TEST(test_own_cell, four_k),
        DEVICE_TEST(test_wrapping_compare, four_k),
        DEVICE_TEST(test_index_out_of_range, four_k),
        DEVICE_TEST(test_index_out_of_range, sixteen_k),
        DEVICE_TEST(test_index_out_of_range_once, four_k),
        DEVICE_TEST(test_strict, strict),
        DEVICE_TEST(test_unsatisfiable, four_k),
        DEVICE_TEST(test_guest_writes_cell, four_k),
        DEVICE_TEST(test_rewind, four_k),
        DEVICE_TEST(test_steps, four_k),
        DEVICE_TEST(test_stamp_index_out_of_range, four_k),
        DEVICE_TEST(test_stamp_index_out_of_range, sixteen_k),
        DEVICE_TEST(test_stamp_index_masked, four_k),
        DEVICE_TEST(test_no_lost_bit, four_k),
    };

    return cmocka_run_group_tests_name("barrier", tests, NULL, NULL);
}
