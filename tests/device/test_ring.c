/* SPDX-License-Identifier: MIT */
/*
 * Rings (transport 5.2, 5.3, 7, 10; checks 15.2, 15.3): wrap at every boundary, full rings, counters across 2^32, scattered
 * pages, incomplete packets, redefinition, doorbells before definition, and the lost wake-up of a guest that rings only when
 * it found its ring empty.
 */
#include "device/check.h"

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

/* A debug packet of @bytes in all: any payload is legal in it. */
static uint32_t send_sized(struct channel *c, uint32_t bytes)
{
    static uint8_t payload[0x20000];

    memset(payload, 0xa5, sizeof(payload));
    return guest_send(&g, c, CMD_DEBUG, payload, bytes - PACKET_HEADER_BYTES);
}

/* Packets that begin at every 4-byte boundary around the ring's end, in every length that crosses it. */
static void wrap_everywhere(struct channel *c)
{
    uint32_t n = 0;

    for (uint32_t before = 4; before <= 24; before += 4)
        for (uint32_t length = 12; length <= 32; length += 4) {
            uint32_t pos = c->written % c->ring_bytes, to = c->ring_bytes - before;

            /* fill up to @before bytes from the end */
            uint32_t gap = (to + c->ring_bytes - pos) % c->ring_bytes;
            if (gap && gap < PACKET_HEADER_BYTES)
                gap += c->ring_bytes - 24; /* once around, in two packets */
            while (gap) {
                uint32_t piece = gap > c->ring_bytes / 2 ? c->ring_bytes / 2 : gap;

                if (gap - piece && gap - piece < PACKET_HEADER_BYTES)
                    piece -= PACKET_HEADER_BYTES;
                send_sized(c, piece);
                gap -= piece;
                n++;
            }
            guest_wait(&g, c, send_sized(c, length));
            n++;
            assert_int_equal(guest_consumed(&g, c), c->written);
        }
    assert_int_equal(*guest_cell(&g, c->stamp_index), c->stamp);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
    assert_true(n > 36);
}

static void test_wrap_root(void **state)
{
    guest_boot(&g, (uint32_t)(2 * g.page));
    wrap_everywhere(root);
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* Apple's root ring of 0xf000 bytes is not a power of two. */
static void test_wrap_root_60k(void **state)
{
    guest_boot(&g, 0);
    wrap_everywhere(root);
    assert_int_equal(vmm_refused_total(&v), 0);
}

static void test_wrap_child(void **state)
{
    guest_boot(&g, 0);
    wrap_everywhere(guest_channel(&g, 1, 3));
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* The example of transport 12: ring 0xf000, counter 0xeff8, packet of 20 bytes. */
static void test_wrap_example(void **state)
{
    guest_boot(&g, 0);
    guest_channel(&g, 2, 1);
    guest_run(&g, &g.channel[2], CMD_NOP, NULL, 0);
    while (root->written < 0xeff8)
        send_sized(root, 0xeff8 - root->written > 0x8000 ? 0x8000 : 0xeff8 - root->written);
    guest_wait(&g, root, root->stamp);
    assert_int_equal(vmm_r32(&v, REG_ROOT_CONSUMER), 0xeff8);
    guest_wait(&g, root,
               guest_send_full(&g, root, CMD_NOP, &(struct packet_barrier){2, 1}, 1, NULL, 0));
    assert_int_equal(vmm_r32(&v, REG_ROOT_CONSUMER), 0xf00c);
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* A packet as long as the ring, from several positions; then a ring full of the smallest packets at once. */
static void whole_ring(struct channel *c)
{
    uint32_t count = c->ring_bytes / 12, stamp = c->stamp;

    for (int i = 0; i < 3; i++) {
        guest_wait(&g, c, send_sized(c, c->ring_bytes));
        guest_wait(&g, c, send_sized(c, 16));
    }
    stamp = c->stamp;
    for (uint32_t i = 0; i < count; i++) {
        struct packet_header h = {.opcode = CMD_NOP, .length_bytes = 12, .stamp = ++stamp};
        uint8_t head[12];

        packet_encode(head, &h);
        c->packet = c->written;
        guest_put(&g, c, head, 12);
    }
    c->stamp = stamp;
    guest_publish(&g, c);
    guest_wait(&g, c, stamp);
    assert_int_equal(guest_consumed(&g, c), c->written);
    assert_int_equal(vmm_refused_total(&v), 0);
}

static void test_full_root(void **state)
{
    guest_boot(&g, 0);
    whole_ring(root);
}

static void test_full_root_largest(void **state)
{
    guest_boot(&g, 0x20000);
    whole_ring(root);
}

static void test_full_child(void **state)
{
    guest_boot(&g, 0);
    whole_ring(guest_channel(&g, 31, 4));
}

/* Child counters start where the record says: here, shortly before 2^32, at several distances. */
static void test_counter_wrap_child(void **state)
{
    guest_boot(&g, 0);
    for (uint32_t before = 4; before <= 64; before += 4) {
        struct channel *c = &g.channel[4];

        guest_channel_prepare(&g, 4, 3, 0u - before); /* three pages: 2^32 is no multiple of the ring */
        guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(4));
        for (int i = 0; i < 12; i++)
            send_sized(c, 12 + 4u * (uint32_t)(i % 4));
        guest_wait(&g, c, c->stamp);
        assert_int_equal(guest_consumed(&g, c), c->written);
        whole_ring(c);
        if (before % 16 == 0) /* pages of old rings are the guest's again */
            g.next_scattered = g.next_scattered > 40 ? g.next_scattered - 16 : g.next_scattered;
    }
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* The root counter starts at 0: 4 GiB of traffic takes it across. */
static void test_counter_wrap_root(void **state)
{
    uint32_t length, crossed;

    guest_boot(&g, 0x20000);
    length = root->ring_bytes; /* 0x1f000: no divisor of 2^32 */
    for (uint64_t sent = 0; sent < (1ull << 32) - length; sent += length) {
        struct packet_header h = {.opcode = CMD_DEBUG, .length_bytes = length, .stamp = ++root->stamp};
        uint8_t head[12];

        packet_encode(head, &h);
        vmm_wait(&v, guest_consumed(&g, root) == root->written || guest_reached(&g, root, root->stamp - 1));
        guest_put(&g, root, head, 12); /* the payload is what was there */
        root->written += length - 12;
        guest_publish(&g, root);
    }
    guest_wait(&g, root, root->stamp);
    assert_true(root->written > 0u - length);
    /* the packet that spans 2^32 is contiguous from its start; the next one starts at counter mod ring size */
    crossed = 0u - root->written + 8;
    guest_wait(&g, root, send_sized(root, crossed < 12 ? 12 : crossed));
    assert_true(root->written < 64);
    whole_ring(root);
    assert_int_equal(vmm_r32(&v, REG_ROOT_CONSUMER), root->written);
}

/* An incomplete packet waits without a word for the rest. */
static void test_incomplete(void **state)
{
    struct packet_header h = {.opcode = CMD_NOP, .length_bytes = 12, .stamp = 1};
    struct channel *c;
    uint8_t head[12];

    guest_boot(&g, 0);
    c = guest_channel(&g, 3, 1);
    packet_encode(head, &h);
    for (uint32_t i = 0; i < 12; i += 4) {
        guest_put(&g, c, head + i, 4);
        if (i < 8) {
            guest_publish(&g, c);
            c->packet = 0;
            guest_run(&g, root, CMD_NOP, NULL, 0); /* gives the worker a turn */
            assert_int_equal(guest_consumed(&g, c), 0);
            assert_int_equal(*guest_cell(&g, 3), 0);
        }
    }
    guest_publish(&g, c);
    guest_wait(&g, c, 1);
    c->stamp = 1;

    /* header complete, payload missing */
    h = (struct packet_header){.opcode = CMD_DEBUG, .length_bytes = 20, .stamp = 2};
    packet_encode(head, &h);
    guest_put(&g, c, head, 12);
    guest_publish(&g, c);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    assert_int_equal(guest_consumed(&g, c), 12);
    c->packet = 12;
    guest_put(&g, c, (uint8_t[8]){0}, 8);
    guest_publish(&g, c);
    guest_wait(&g, c, 2);
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* Packets and doorbells before CmdDefineChildFIFO; the definition serves them. */
static void test_doorbell_before_define(void **state)
{
    struct channel *c = &g.channel[7];
    uint32_t stamp;

    guest_boot(&g, 0);
    guest_channel_prepare(&g, 7, 2, 0);
    for (int i = 0; i < 20; i++)
        send_sized(c, 64);
    stamp = c->stamp;
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(7));
    guest_wait(&g, c, stamp);
}

/* Redefining restarts the channel with the new record and ring; its stamp index may change. */
static void test_redefine(void **state)
{
    struct channel *c;

    guest_boot(&g, 0);
    c = guest_channel(&g, 6, 2);
    guest_run(&g, c, CMD_NOP, NULL, 0);
    c->stamp_index = 40;
    guest_channel(&g, 6, 3);
    guest_run(&g, c, CMD_NOP, NULL, 0);
    assert_int_equal(*guest_cell(&g, 40), 1);
    assert_int_equal(*guest_cell(&g, 6), 1);
    vmm_r32(&v, REG_STAMP_EVENTS);
    guest_run(&g, c, CMD_NOP, NULL, 0);
    assert_int_equal(vmm_r32(&v, REG_STAMP_EVENTS), 1u << (40 & 31));
    c->stamp_index = 6;
}

/* A changed page list in the record is a new ring, without a command. */
static void test_list_changes(void **state)
{
    struct channel *c;
    uint32_t list, second;

    guest_boot(&g, 0);
    c = guest_channel(&g, 6, 1);
    guest_run(&g, c, CMD_NOP, NULL, 0);
    list = guest_page(&g);
    second = guest_page(&g);
    *guest_word(&g, list, 0) = second;
    atomic_store(guest_record(&g, 6, CHANNEL_LIST_PFN), list);
    c->pages[0] = second;
    guest_run(&g, c, CMD_NOP, NULL, 0);
    guest_run(&g, c, CMD_NOP, NULL, 0);
    assert_int_equal(*guest_cell(&g, 6), 3);
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* After deletion the channel is not served and its pages are the guest's; started work is stamped first. */
static void test_delete(void **state)
{
    struct channel *c;
    uint32_t consumed;

    guest_boot(&g, 0);
    c = guest_channel(&g, 2, 1);
    for (int i = 0; i < 50; i++)
        send_sized(c, 16);
    guest_wait(&g, c, c->stamp);
    guest_run(&g, root, CMD_DELETE_CHILD_FIFO, WORDS(2));
    consumed = guest_consumed(&g, c);
    send_sized(c, 16);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    assert_int_equal(guest_consumed(&g, c), consumed);
    assert_int_equal(*guest_cell(&g, 2), 50);
    guest_run(&g, root, CMD_DELETE_CHILD_FIFO, WORDS(2));
    assert_int_equal(vmm_refused(&v, "channel-none"), 1);
    /* and again */
    guest_channel(&g, 2, 1);
    guest_run(&g, c, CMD_NOP, NULL, 0);
}

/* Commands work on any FIFO: a channel that deletes or redefines itself gets the stamp of that command too. */
static void test_delete_itself(void **state)
{
    struct channel *c;

    guest_boot(&g, 0);
    c = guest_channel(&g, 2, 1);
    c->quiet = true;
    for (int i = 0; i < 3; i++)
        send_sized(c, 16);
    c->quiet = false;
    guest_run(&g, c, CMD_DELETE_CHILD_FIFO, WORDS(2));
    assert_int_equal(*guest_cell(&g, 2), 4);
    guest_channel(&g, 2, 1);
    guest_run(&g, c, CMD_NOP, NULL, 0);
}

static void test_redefine_itself(void **state)
{
    struct channel *c;

    guest_boot(&g, 0);
    c = guest_channel(&g, 2, 1);
    send_sized(c, 16);
    guest_run(&g, c, CMD_DEFINE_CHILD_FIFO, WORDS(2));
    guest_run(&g, c, CMD_NOP, NULL, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

/* PFN 0 in the record means "not set up", also where page 0 is RAM that looks like a page list. */
static void test_list_page_zero(void **state)
{
    struct channel *c = &g.channel[3];

    guest_boot(&g, 0);
    guest_channel_prepare(&g, 3, 1, 0);
    *guest_word(&g, 0, 0) = c->pages[0];
    atomic_store(guest_record(&g, 3, CHANNEL_LIST_PFN), 0);
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(3));
    send_sized(c, 16);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    assert_int_equal(*guest_cell(&g, 3), 0);
    assert_int_equal(guest_consumed(&g, c), 0);
    assert_true(vmm_refused_total(&v) >= 1);
}

/* The largest ring: a page full of entries, without a terminator. */
static void test_largest_list(void **state)
{
    struct channel *c = &g.channel[1];
    uint32_t entries = (uint32_t)(g.page / 4);
    _Atomic uint32_t *list;

    guest_boot(&g, 0);
    guest_channel_prepare(&g, 1, 1, 0);
    list = guest_word(&g, c->list_pfn, 0);
    for (uint32_t i = 0; i < entries; i++) /* one page many times over: what a ring of 4 MiB needs is entries */
        list[i] = c->pages[0];
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(1));
    c->ring_bytes = (uint32_t)g.page; /* as every page is the same one */
    for (uint32_t i = 0; i < 3 * entries; i++)
        send_sized(c, (uint32_t)g.page / 2);
    guest_wait(&g, c, c->stamp);
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* All ids that are served, each with its own stamp cell and bit. */
static void test_all_channels(void **state)
{
    guest_boot(&g, 0);
    for (uint32_t i = 1; i < 32; i++)
        guest_channel(&g, i, 1);
    (void)vmm_r32(&v, REG_STAMP_EVENTS);
    for (uint32_t round = 0; round < 20; round++)
        for (uint32_t i = 1; i < 32; i++)
            guest_send(&g, &g.channel[i], CMD_NOP, NULL, 0);
    for (uint32_t i = 1; i < 32; i++) {
        guest_wait(&g, &g.channel[i], 20);
        assert_int_equal(*guest_cell(&g, i), 20);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
}

/*
 * A driver that rings only when the ring was empty before its packet (transport 7.4): store written, full fence, load read. The
 * host must see the packet without its rescue poll: 20,000 packets take a second, or 50 ms each when the poll serves them.
 */
static void test_rings_only_when_empty(void **state)
{
    uint32_t count = 20000 / SLOWER, rung = 0;
    uint64_t begin = vmm_now_ns();
    struct channel *c;

    guest_boot(&g, 0);
    c = guest_channel(&g, 1, 16);
    c->quiet = true;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t before = c->written;

        guest_send(&g, c, CMD_NOP, NULL, 0);
        if (guest_consumed(&g, c) == before) {
            guest_ring(&g, c);
            rung++;
        }
        if (i % 3 == 0)
            guest_wait(&g, c, c->stamp);
    }
    guest_wait(&g, c, c->stamp);
    assert_true(rung > 0);
    assert_true(vmm_now_ns() - begin < count * 25000000ull); /* half of what the poll would need */
    assert_int_equal(vmm_fifo_number(&v, 1, "packets"), count);
}

/* A guest that forgets its doorbells is served all the same, by the poll (transport 7.4). */
static void test_no_doorbell(void **state)
{
    struct channel *c;

    guest_boot(&g, 0);
    c = guest_channel(&g, 1, 1);
    c->quiet = true;
    for (int i = 0; i < 5; i++)
        guest_run(&g, c, CMD_NOP, NULL, 0);
    assert_int_equal(vmm_fifo_number(&v, 1, "stamps"), 5);
}

/* Counts of the report: every packet once, stamped once. */
static void test_counts(void **state)
{
    guest_boot(&g, 0);
    guest_channel(&g, 1, 1);
    for (int i = 0; i < 1000; i++)
        guest_send(&g, &g.channel[1], CMD_NOP, NULL, 0);
    guest_wait(&g, &g.channel[1], 1000);
    assert_int_equal(vmm_fifo_number(&v, 1, "stamps"), 1000);
    assert_int_equal(vmm_report_number(&v, "commands.CMD_NOP.count"), 1000);
    assert_int_equal(vmm_fifo_number(&v, 1, "packets"), 1000);
    assert_int_equal(vmm_fifo_number(&v, 0, "packets"), 1);
}

int main(void)
{
    static struct vmm_config four_k, sixteen_k = {.shift = 14, .low_bytes = 48 << 20, .high_bytes = 24 << 20};
    static struct vmm_config callbacks = {.tasks = PVG_TASKS_CALLBACKS}, gigabytes = {.unrecorded = true};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_wrap_root, four_k),
        DEVICE_TEST(test_wrap_root, sixteen_k),
        DEVICE_TEST(test_wrap_root_60k, four_k),
        DEVICE_TEST(test_wrap_root_60k, callbacks),
        DEVICE_TEST(test_wrap_child, four_k),
        DEVICE_TEST(test_wrap_child, sixteen_k),
        DEVICE_TEST(test_wrap_child, callbacks),
        DEVICE_TEST(test_wrap_example, four_k),
        DEVICE_TEST(test_full_root, four_k),
        DEVICE_TEST(test_full_root, sixteen_k),
        DEVICE_TEST(test_full_root_largest, four_k),
        DEVICE_TEST(test_full_child, four_k),
        DEVICE_TEST(test_full_child, sixteen_k),
        DEVICE_TEST(test_counter_wrap_child, four_k),
        DEVICE_TEST(test_counter_wrap_root, gigabytes),
        DEVICE_TEST(test_incomplete, four_k),
        DEVICE_TEST(test_doorbell_before_define, four_k),
        DEVICE_TEST(test_redefine, four_k),
        DEVICE_TEST(test_list_changes, four_k),
        DEVICE_TEST(test_delete, four_k),
        DEVICE_TEST(test_delete_itself, four_k),
        DEVICE_TEST(test_redefine_itself, four_k),
        DEVICE_TEST(test_list_page_zero, four_k),
        DEVICE_TEST(test_largest_list, four_k),
        DEVICE_TEST(test_largest_list, sixteen_k),
        DEVICE_TEST(test_all_channels, four_k),
        DEVICE_TEST(test_all_channels, sixteen_k),
        DEVICE_TEST(test_rings_only_when_empty, four_k),
        DEVICE_TEST(test_no_doorbell, four_k),
        DEVICE_TEST(test_counts, four_k),
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
