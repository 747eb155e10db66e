/* SPDX-License-Identifier: MIT */
/*
 * Faults and refusals (transport 9, 11.3; check 15.6). Framing lost: that FIFO stops, its fault bit is set, the interrupt is
 * raised, others go on, resume discards what was submitted. Everything else: named, counted, stamped, no other effect. Strict
 * mode faults on each refusal, after its stamp.
 */
#include "device/check.h"

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    guest_boot(&g, 0);
    guest_channel(&g, 1, 2);
    guest_channel(&g, 2, 1);
    return 0;
}

static int teardown(void **state)
{
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

static uint32_t take_fault(uint32_t bit)
{
    uint32_t bits = 0;

    vmm_wait(&v, (bits |= vmm_r32(&v, REG_INTR_FAULT)) & bit);
    return bits;
}

/* ---- framing ---- */

enum { RING = 1u << 31 }; /* in a length: relative to the ring's */

static const struct framing {
    const char *name, *reason;
    uint32_t length; /* in the header */
    uint16_t barriers;
} framing[] = {
    {"length 0", "packet-length", 0, 0},
    {"length 4", "packet-length", 4, 0},
    {"length 11", "packet-length", 11, 0},
    {"length 13", "packet-length", 13, 0},
    {"length 14", "packet-length", 14, 0},
    {"length ring + 4", "packet-length", RING | 4, 0},
    {"length 2^31", "packet-length", 0x7ffffffc, 0},
    {"length 2^32 - 4", "packet-length", 0xfffffffc & ~RING, 0},
    {"barriers beyond the packet", "packet-barriers", 12, 1},
    {"barriers one word short", "packet-barriers", 16, 1},
    {"65 barriers", "packet-barriers", 12 + 8 * 65, 65},
    {"65535 barriers", "packet-barriers", 2048, 65535},
};

static void put_bad_header(struct channel *c, const struct framing *f)
{
    struct packet_header h = {.opcode = CMD_NOP,
                              .barriers = f->barriers,
                              .length_bytes = f->length & RING ? c->ring_bytes + (f->length & ~RING) : f->length,
                              .stamp = c->stamp + 1};
    uint8_t head[12];

    packet_encode(head, &h);
    guest_put(&g, c, head, 12);
    guest_publish(&g, c);
}

/* @c has just lost its framing at counter @at: everything that must hold, then resume. */
static void check_stopped(struct channel *c, const char *reason, uint64_t refused, uint32_t at)
{
    struct channel *other = c->id == 1 ? &g.channel[2] : &g.channel[1];
    uint32_t bit = 1u << c->id;

    assert_int_equal(take_fault(bit), bit);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0); /* read-to-clear */
    assert_int_equal(vmm_refused(&v, reason), refused + 1);
    assert_int_equal(guest_consumed(&g, c), at);
    if (c->id == 0)
        assert_int_equal(vmm_r32(&v, REG_ROOT_FAULT_OFFSET), at % c->ring_bytes);
    assert_int_equal(*guest_cell(&g, c->stamp_index), c->stamp);

    /* parked: doorbells and good packets change nothing; others go on */
    guest_put(&g, c, (uint8_t[12]){CMD_NOP, 0, 0, 0, 12, 0, 0, 0, 0xff, 0xff}, 12);
    guest_publish(&g, c);
    if (c->id)
        vmm_w32(&v, REG_CHILD_DOORBELL, c->id);
    guest_run(&g, other, CMD_NOP, NULL, 0);
    guest_run(&g, other, CMD_NOP, NULL, 0);
    assert_int_equal(guest_consumed(&g, c), at);
    assert_int_equal(*guest_cell(&g, c->stamp_index), c->stamp);
    assert_int_equal(vmm_refused(&v, reason), refused + 1);

    /* resume discards what was submitted */
    vmm_w32(&v, c->id ? REG_CHILD_RESUME : REG_ROOT_RESUME, c->id);
    vmm_poll(guest_consumed(&g, c) == c->written);
    guest_run(&g, c, CMD_NOP, NULL, 0);
    assert_int_equal(*guest_cell(&g, c->stamp_index), c->stamp);
    if (c->id == 0)
        assert_int_equal(vmm_r32(&v, REG_ROOT_FAULT_OFFSET), 0);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
}

static void lose_framing(struct channel *c)
{
    for (unsigned i = 0; i < COUNT(framing); i++) {
        uint64_t refused = vmm_refused(&v, framing[i].reason), raised;
        uint32_t at;

        guest_run(&g, c, CMD_NOP, NULL, 0);
        at = c->written;
        raised = vmm_see(&v, v.interrupts);
        put_bad_header(c, &framing[i]);
        vmm_wait(&v, v.interrupts > raised);
        check_stopped(c, framing[i].reason, refused, at);
    }
}

static void test_framing_root(void **state)
{
    lose_framing(root);
}

static void test_framing_child(void **state)
{
    lose_framing(&g.channel[1]);
}

/* A fault's log line says which channel and what. */
static void test_fault_is_logged(void **state)
{
    put_bad_header(&g.channel[1], &framing[0]);
    take_fault(2);
    assert_int_equal(vmm_logged(&v, "packet-length"), 1);
    assert_true(vmm_logged(&v, "channel 1") >= 1);
    assert_true(vmm_report_has(&v, "\"packet-length\""));
}

/* Producer ahead of the consumer by more than the ring. */
static void test_counter_range(void **state)
{
    static const uint32_t ahead[] = {4, 1, 0x80000000, 0xfffffff0};

    for (int who = 0; who < 2; who++)
        for (unsigned i = 0; i < COUNT(ahead); i++) {
            struct channel *c = &g.channel[who];
            uint64_t refused = vmm_refused(&v, "counter-range");
            uint32_t at;

            guest_run(&g, c, CMD_NOP, NULL, 0);
            at = c->written;
            if ((uint64_t)c->ring_bytes + ahead[i] > UINT32_MAX)
                continue;
            c->written += c->ring_bytes + ahead[i];
            guest_publish(&g, c);
            assert_int_equal(take_fault(1u << who), 1u << who);
            assert_int_equal(vmm_refused(&v, "counter-range"), refused + 1);
            assert_int_equal(guest_consumed(&g, c), at);
            vmm_w32(&v, who ? REG_CHILD_RESUME : REG_ROOT_RESUME, c->id);
            vmm_poll(guest_consumed(&g, c) == c->written);
            guest_run(&g, c, CMD_NOP, NULL, 0);
        }
    /* available == ring is legal */
    assert_int_equal(g.channel[1].ring_bytes % 12, 8192 % 12);
}

/* Pages that are not RAM: list, ring, and a ring page that the guest names later. */
static void test_ring_not_ram(void **state)
{
    struct channel *c = &g.channel[3];
    uint32_t hole = guest_hole(&g);
    static const uint32_t wild[] = {0xffffffff, 0x7fffffff, 0xfffff};

    guest_channel_prepare(&g, 3, 2, 0);
    *guest_word(&g, c->list_pfn, 4) = hole; /* second ring page */
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(3));
    assert_int_equal(vmm_refused(&v, "ring-not-ram"), 1);
    for (unsigned i = 0; i < COUNT(wild); i++) {
        *guest_word(&g, c->list_pfn, 4) = wild[i];
        guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(3));
        atomic_store(guest_record(&g, 3, CHANNEL_LIST_PFN), wild[i]);
        guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(3));
        atomic_store(guest_record(&g, 3, CHANNEL_LIST_PFN), c->list_pfn);
        assert_int_equal(vmm_refused(&v, "ring-not-ram"), 3 + 2 * i);
    }
    *guest_word(&g, c->list_pfn, 0) = 0; /* an empty list */
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(3));
    assert_int_equal(vmm_refused(&v, "ring-empty"), 1);
    guest_send(&g, c, CMD_NOP, NULL, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    assert_int_equal(*guest_cell(&g, 3), 0);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0); /* unusable, not faulted: it never ran */
    c->stamp = 0;
    guest_channel(&g, 3, 2);
    guest_run(&g, c, CMD_NOP, NULL, 0);
}

/* A live channel whose record names a bad list: not served any more, until it is defined again. */
static void test_list_goes_bad(void **state)
{
    struct channel *c = &g.channel[1];

    guest_run(&g, c, CMD_NOP, NULL, 0);
    atomic_store(guest_record(&g, 1, CHANNEL_LIST_PFN), guest_hole(&g));
    guest_send(&g, c, CMD_NOP, NULL, 0);
    vmm_poll(vmm_refused(&v, "ring-not-ram") == 1);
    guest_run(&g, &g.channel[2], CMD_NOP, NULL, 0);
    assert_int_equal(*guest_cell(&g, 1), 1);
    guest_channel(&g, 1, 1);
    guest_run(&g, c, CMD_NOP, NULL, 0);
}

/* The root page becomes something that is not RAM: children cannot publish their counter and stop; root goes on. */
static void test_root_page_not_ram(void **state)
{
    struct channel *c = &g.channel[1];
    uint32_t consumed = guest_consumed(&g, c);

    vmm_w32(&v, REG_ROOT_PAGE_PFN, guest_hole(&g));
    guest_send(&g, c, CMD_NOP, NULL, 0);
    assert_true(take_fault(2) & 2);
    assert_true(vmm_refused(&v, "root-page-not-ram") >= 1);
    assert_int_equal(guest_consumed(&g, c), consumed);
    guest_run(&g, root, CMD_DEFINE_CHILD_FIFO, WORDS(1));
    guest_run(&g, root, CMD_NOP, NULL, 0);
    vmm_w32(&v, REG_ROOT_PAGE_PFN, g.root_page_pfn);
    c->stamp = *guest_cell(&g, 1);
    guest_channel(&g, 1, 1);
    guest_run(&g, c, CMD_NOP, NULL, 0);
}

/* ---- root geometry ---- */

static void test_root_geometry(void **state)
{
    static const struct {
        uint32_t pfn, length, start; /* pfn 1: a good one */
        const char *reason;
    } bad[] = {
        {0, 0x10000, 0x1000, "root-geometry"},        {1, 0, 0x1000, "root-geometry"},
        {1, 0x1000, 0x1000, "root-geometry"},         {1, 0x800, 0x1000, "root-geometry"},
        {1, 0x20004, 0x1000, "root-geometry"},        {1, 0xffffffff, 0x1000, "root-geometry"},
        {1, 0x10000, 0, "root-geometry"},             {1, 0x10000, 0x800, "root-geometry"},
        {1, 0x10000, 0x1002, "root-geometry"},        {1, 0x10001, 0x1000, "root-geometry"},
        {1, 0x10002, 0x1002, "root-geometry"},
        {1, 0x10000, 0xffffffff, "root-geometry"},    {0xffffffff, 0x10000, 0x1000, "root-not-ram"},
        {0x00100000 - 4, 0x10000, 0x1000, "root-not-ram"},
    };

    for (unsigned i = 0; i < COUNT(bad); i++) {
        uint64_t refused = vmm_refused(&v, bad[i].reason);

        vmm_w32(&v, REG_FIFO_CONTROL, 0);
        guest_prepare(&g, 0);
        if (bad[i].pfn != 1)
            vmm_w32(&v, REG_ROOT_FIFO_PFN, bad[i].pfn);
        vmm_w32(&v, REG_ROOT_FIFO_LENGTH, bad[i].length);
        vmm_w32(&v, REG_ROOT_FIFO_START, bad[i].start);
        vmm_w32(&v, REG_FIFO_CONTROL, 1);
        vmm_w32(&v, REG_ROOT_PRODUCER, 12);
        vmm_poll(vmm_refused(&v, bad[i].reason) > refused); /* once at the start, or again at the producer */
        assert_int_equal(vmm_r32(&v, REG_ROOT_CONSUMER), 0);
    }
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

/* ---- commands refused ---- */

static uint64_t state_of_device(void)
{
    return vmm_report_number(&v, "tasks");
}

/* Every opcode there is, with an empty and with a long payload: each is stamped, and the device lives. */
static void test_every_opcode(void **state)
{
    struct channel *c = &g.channel[1];

    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t op = 0; op < 0x10000; op = op < 0x100 ? op + 1 : op + 0xff) {
            static const uint32_t payload[64];

            if (pass && (op == CMD_DELETE_CHILD_FIFO || op == CMD_DEFINE_CHILD_FIFO))
                continue; /* payload of zeros: channel 0, below */
            guest_run(&g, c, op, payload, pass ? sizeof(payload) : 0);
        }
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

static void test_unknown_and_deprecated(void **state)
{
    static const uint16_t deprecated[] = {0x03, 0x1f, 0x21, 0x23, 0x24, 0x26, 0x27, 0x29,
                                          0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x32};
    static const uint16_t unknown[] = {0x0d, 0x1d, 0x46, 0x80, 0x100, 0x3e8, 0xffff};
    static const uint16_t later[] = {0x0b, 0x0c, 0x3d, 0x41, 0x42, 0x43, 0x45};

    for (unsigned i = 0; i < COUNT(deprecated); i++)
        guest_run(&g, &g.channel[1], deprecated[i], WORDS(1, 2, 3));
    assert_int_equal(vmm_refused(&v, "opcode-deprecated"), COUNT(deprecated));
    for (unsigned i = 0; i < COUNT(unknown); i++)
        guest_run(&g, root, unknown[i], NULL, 0);
    assert_int_equal(vmm_refused(&v, "opcode-unknown"), COUNT(unknown));
    assert_int_equal(vmm_report_number(&v, "commands.unknown.count"), COUNT(unknown));
    for (unsigned i = 0; i < COUNT(later); i++)
        guest_run(&g, &g.channel[1], later[i], WORDS(1, 2));
    assert_int_equal(vmm_report_number(&v, "commands.CMD_EXEC_INDIRECT3.count"), 1);
    assert_true(vmm_report_has(&v, "\"CMD_INFO_INDIRECT\":{\"count\":1,\"served\":false}"));
    assert_int_equal(vmm_refused_total(&v), COUNT(deprecated) + COUNT(unknown));
}

/* Each served opcode with a payload one word shorter than its least. */
static void test_short_payloads(void **state)
{
    static const uint32_t zeros[16];
    uint64_t n = 0;

    for (uint32_t op = 0; op < OPCODE_COUNT; op++) {
        const struct opcode_info *info = opcode_info(op);

        if (info->class != OPCODE_SERVED || !info->least_payload_bytes)
            continue;
        guest_run(&g, &g.channel[1], op, zeros, info->least_payload_bytes - 4);
        n++;
        assert_int_equal(vmm_refused(&v, "payload-short"), n);
        assert_int_equal(vmm_refused_total(&v), n); /* and nothing else */
        assert_int_equal(state_of_device(), 0);
    }
    assert_true(n > 20);
}

static const struct refusal {
    const char *name, *reason;
    uint32_t opcode, words;
    uint32_t payload[16];
} refusals[] = {
    {"NOP with a payload", "payload-nop", CMD_NOP, 1, {1}},
    {"define channel 0", "channel-id", CMD_DEFINE_CHILD_FIFO, 1, {0}},
    {"define channel 32", "channel-id", CMD_DEFINE_CHILD_FIFO, 1, {32}},
    {"define channel 2^32-1", "channel-id", CMD_DEFINE_CHILD_FIFO, 1, {0xffffffff}},
    {"define channel without record", "ring-empty", CMD_DEFINE_CHILD_FIFO, 1, {9}},
    {"delete channel 0", "channel-id", CMD_DELETE_CHILD_FIFO, 1, {0}},
    {"delete channel 32", "channel-id", CMD_DELETE_CHILD_FIFO, 1, {32}},
    {"delete channel that is not", "channel-none", CMD_DELETE_CHILD_FIFO, 1, {9}},
    {"delete task that is not", "task-none", CMD_DELETE_TASK, 1, {5}},
    {"delete task 2^32-1", "task-none", CMD_DELETE_TASK, 1, {0xffffffff}},
    {"map in no task", "task-none", CMD_MAP_MEMORY2, 5, {5, 0x1000, 0, 0x1000, 0}},
    {"unmap in no task", "task-none", CMD_UNMAP_MEMORY, 5, {5, 0x1000, 0, 0x1000, 0}},
    {"list of no task", "task-none", CMD_SET_OBJECT_LIST, 3, {5, 1, 100}},
    {"placement list of no task", "task-none", CMD_SET_OBJECT_AND_PLACEMENT_LIST, 7, {5, 1, 100}},
    {"task of 2^47 + 1 bytes", "task-length", CMD_DEFINE_TASK2, 4, {2, 1, 0x8000, 0x20}},
    {"task of 2^64 - 1 bytes", "task-length", CMD_DEFINE_TASK2, 4, {2, 0xffffffff, 0xffffffff, 0x20}},
    {"info to a page that is not RAM", "reply-not-ram", CMD_GET_DEVICE_INFO, 3, {18, 0x200, 0xfffff}},
    {"info to page 2^32-1", "reply-not-ram", CMD_GET_DEVICE_INFO, 3, {18, 0x200, 0xffffffff}},
    {"counts beyond the payload", "payload-count", CMD_INVALIDATE_RESOURCES, 2, {0, 1}},
    {"counts beyond the payload", "payload-count", CMD_INVALIDATE_RESOURCES, 2, {0, 0x20000000}},
    {"counts beyond the payload", "payload-count", CMD_SYNCHRONIZE_RESOURCES, 2, {0, 0x40000000}},
    {"counts beyond the payload", "payload-count", CMD_SYNCHRONIZE_AND_DISCARD_RESOURCES, 2, {0, 0xffffffff}},
    {"counts beyond the payload", "payload-count", CMD_DISCARD_RESOURCES, 3, {0, 2, 7}},
    {"port 1 of 1: page", "port", CMD_DISPLAY_SET_SHARED_STATE_PAGE, 2, {1, 0x20}},
    {"port 2^32-1: page", "port", CMD_DISPLAY_SET_SHARED_STATE_PAGE, 2, {0xffffffff, 0x20}},
    {"port 1: acknowledge", "port", CMD_DISPLAY_ACK, 2, {1, 1}},
    {"port 8: present", "port", CMD_DISPLAY_TRANSACTION2, 3, {8, 1, 0}},
    {"port 8: present with gamma", "port", CMD_DISPLAY_TRANSACTION3, 9, {8, 0, 1}},
    {"port 8: swap", "port", CMD_DISPLAY_SWAP_MAPPING, 3, {8, 0, 1}},
    {"port 8: glyph", "port", CMD_DISPLAY_CURSOR_GLYPH, 11, {8}},
    {"port 8: show", "port", CMD_DISPLAY_CURSOR_SHOW, 2, {8, 1}},
    {"port 8: sleep", "port", CMD_DISPLAY_SLEEP_STATE, 2, {8, 1}},
    {"port 8: properties", "port", CMD_DISPLAY_SET_PROPERTIES, 2, {8, 1}},
    {"shared page 0", "shared-page-none", CMD_DISPLAY_SET_SHARED_STATE_PAGE, 2, {0, 0}},
    {"shared page not RAM", "shared-page-not-ram", CMD_DISPLAY_SET_SHARED_STATE_PAGE, 2, {0, 0xfffff}},
    {"acknowledge before set-up", "ack-unexpected", CMD_DISPLAY_ACK, 2, {0, 1}},
};

/* One refusal of that name and no other, the stamp, no fault, nothing else changed. */
static void check_refusals(struct channel *c, bool faults)
{
    for (unsigned i = 0; i < COUNT(refusals); i++) {
        const struct refusal *r = &refusals[i];
        uint64_t named = vmm_refused(&v, r->reason), all = vmm_refused_total(&v);
        uint32_t bit = 1u << c->stamp_index;

        guest_run(&g, c, r->opcode, r->payload, 4 * r->words);
        if (vmm_refused(&v, r->reason) != named + 1 || vmm_refused_total(&v) != all + 1)
            fail_msg("%s: %s counted %llu times, all %llu times", r->name, r->reason,
                     (unsigned long long)(vmm_refused(&v, r->reason) - named),
                     (unsigned long long)(vmm_refused_total(&v) - all));
        if (named < 4) /* the first of each kind has its line; after that they are bounded by time */
            assert_true(vmm_logged(&v, r->reason) >= 1);
        assert_int_equal(vmm_report_number(&v, "tasks"), 0);
        if (!faults)
            continue;
        assert_int_equal(take_fault(bit), bit);
        vmm_w32(&v, c->id ? REG_CHILD_RESUME : REG_ROOT_RESUME, c->id);
    }
    guest_run(&g, c, CMD_NOP, NULL, 0);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
    assert_true(vmm_see(&v, v.warnings) <= 4 * COUNT(refusals));
}

static void test_refusals_child(void **state)
{
    check_refusals(&g.channel[1], false);
}

static void test_refusals_root(void **state)
{
    check_refusals(root, false);
}

/* Strict: the stamp completes, then the FIFO parks; what is behind waits for resume. */
static void test_strict(void **state)
{
    check_refusals(&g.channel[1], true);
    check_refusals(root, true);
}

static void test_strict_parks(void **state)
{
    struct channel *c = &g.channel[1];

    c->quiet = true;
    guest_send(&g, c, 0x0d, NULL, 0);
    guest_send(&g, c, CMD_NOP, NULL, 0);
    c->quiet = false;
    guest_ring(&g, c);
    assert_int_equal(take_fault(2), 2);
    guest_run(&g, &g.channel[2], CMD_NOP, NULL, 0);
    assert_int_equal(*guest_cell(&g, 1), 1);
    assert_int_equal(guest_consumed(&g, c), 12);
    vmm_w32(&v, REG_CHILD_RESUME, 1);
    guest_wait(&g, c, 2);
    guest_run(&g, c, CMD_NOP, NULL, 0);
    assert_int_equal(vmm_fifo_number(&v, 1, "stamps"), 3);

    guest_run(&g, root, CMD_NOP, NULL, 0);
    guest_run(&g, root, 0x0d, WORDS(1, 2));
    assert_int_equal(take_fault(1), 1);
    assert_int_equal(vmm_r32(&v, REG_ROOT_FAULT_OFFSET), root->written - 20);
}

/* A fault is left by redefinition, deletion, disable and reset too. */
static void test_ways_out(void **state)
{
    struct channel *c = &g.channel[1];

    put_bad_header(c, &framing[0]);
    take_fault(2);
    guest_channel(&g, 1, 1);
    guest_run(&g, c, CMD_NOP, NULL, 0);

    put_bad_header(c, &framing[0]);
    take_fault(2);
    guest_run(&g, root, CMD_DELETE_CHILD_FIFO, WORDS(1));
    guest_channel(&g, 1, 1);
    guest_run(&g, c, CMD_NOP, NULL, 0);

    put_bad_header(root, &framing[0]);
    take_fault(1);
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);

    put_bad_header(root, &framing[0]);
    vmm_poll(vmm_r32(&v, REG_ROOT_FAULT_OFFSET) == 12);
    pvg_device_reset(v.dev);
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
    assert_int_equal(vmm_r32(&v, REG_ROOT_FAULT_OFFSET), 0);
    guest_boot(&g, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

/* Resume of a FIFO that is not faulted is a doorbell: nothing is discarded. */
static void test_resume_without_fault(void **state)
{
    struct channel *c = &g.channel[1];

    for (int i = 0; i < 200; i++) {
        c->quiet = true;
        guest_send(&g, c, CMD_NOP, NULL, 0);
        vmm_w32(&v, REG_CHILD_RESUME, 1);
        guest_send(&g, root, CMD_NOP, NULL, 0);
        vmm_w32(&v, REG_ROOT_RESUME, 0);
    }
    guest_wait(&g, c, 200);
    guest_wait(&g, root, root->stamp);
    assert_int_equal(vmm_fifo_number(&v, 1, "stamps"), 200);
}

/* Many refusals of one kind: all counted, few logged. */
static void test_log_rate(void **state)
{
    uint64_t before = vmm_see(&v, v.log_lines);

    for (int i = 0; i < 10000 / SLOWER; i++)
        guest_send(&g, &g.channel[1], 0x0d, NULL, 0);
    guest_wait(&g, &g.channel[1], g.channel[1].stamp);
    assert_int_equal(vmm_refused(&v, "opcode-unknown"), 10000 / SLOWER);
    assert_true(vmm_see(&v, v.log_lines) - before <= 8);
    assert_true(vmm_see(&v, v.log_lines) > before);
}

int main(void)
{
    static struct vmm_config four_k, sixteen_k = {.shift = 14}, strict = {.flags = PVG_DEVICE_STRICT};
    static struct vmm_config callbacks = {.tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_framing_root, four_k),
        DEVICE_TEST(test_framing_root, sixteen_k),
        DEVICE_TEST(test_framing_child, four_k),
        DEVICE_TEST(test_framing_child, callbacks),
        DEVICE_TEST(test_fault_is_logged, four_k),
        DEVICE_TEST(test_counter_range, four_k),
        DEVICE_TEST(test_ring_not_ram, four_k),
        DEVICE_TEST(test_ring_not_ram, callbacks),
        DEVICE_TEST(test_list_goes_bad, four_k),
        DEVICE_TEST(test_root_page_not_ram, four_k),
        DEVICE_TEST(test_root_geometry, four_k),
        DEVICE_TEST(test_root_geometry, callbacks),
        DEVICE_TEST(test_every_opcode, four_k),
        DEVICE_TEST(test_unknown_and_deprecated, four_k),
        DEVICE_TEST(test_short_payloads, four_k),
        DEVICE_TEST(test_refusals_child, four_k),
        DEVICE_TEST(test_refusals_child, sixteen_k),
        DEVICE_TEST(test_refusals_child, callbacks),
        DEVICE_TEST(test_refusals_root, four_k),
        DEVICE_TEST(test_strict, strict),
        DEVICE_TEST(test_strict_parks, strict),
        DEVICE_TEST(test_ways_out, four_k),
        DEVICE_TEST(test_resume_without_fault, four_k),
        DEVICE_TEST(test_log_rate, four_k),
    };

    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
