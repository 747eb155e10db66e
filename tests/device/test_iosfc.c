/* SPDX-License-Identifier: MIT */
/*
 * The surface mapper's window, ring, table and life (memory 9; host-api 1.14), in both task modes. Pictures of mappings
 * are in test_iosfc_present.c.
 */
#include "device/check.h"

#include "base/limits.h"
#include "lib/mapper.h"

static struct vmm v;
static struct guest g;
static struct mapper mp;

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    mapper_new(&mp, &g);
    mapper_start(&mp, 1024);
    return 0;
}

static int teardown(void **state)
{
    mapper_free(&mp);
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

/* Give whatever runs although it must not the time to do so. */
static void linger(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static uint64_t live(void)
{
    return pvg_iosfc_mappings(mp.m);
}

/* memory 9.2: 64 bits, 8 bytes apart, 4-byte accesses reach one half. */
static void test_registers(void **state)
{
    static const uint64_t kept[] = {IOSFC_RING_BASE, IOSFC_CAPACITY, IOSFC_DESC_TABLE, IOSFC_DESC_TABLE2};
    uint64_t refused = vmm_refused(&v, "register-access-size");

    pvg_iosfc_reset(mp.m);
    for (unsigned i = 0; i < COUNT(kept); i++) {
        assert_int_equal(mapper_read(&mp, kept[i]), 0);
        mapper_write(&mp, kept[i], 0x123456789abcdef0ull + i);
        assert_int_equal(mapper_read(&mp, kept[i]), 0x123456789abcdef0ull + i);
        assert_int_equal(pvg_iosfc_mmio_read(mp.m, kept[i], 4), 0x9abcdef0 + i);
        assert_int_equal(pvg_iosfc_mmio_read(mp.m, kept[i] + 4, 4), 0x12345678);
        pvg_iosfc_mmio_write(mp.m, kept[i], 0xffffffff00000011ull, 4);
        assert_int_equal(mapper_read(&mp, kept[i]), 0x1234567800000011ull);
        pvg_iosfc_mmio_write(mp.m, kept[i] + 4, 0xffffffff00000022ull, 4);
        assert_int_equal(mapper_read(&mp, kept[i]), 0x0000002200000011ull);
    }
    mapper_write(&mp, IOSFC_STATUS, UINT64_MAX);
    assert_int_equal(mapper_read(&mp, IOSFC_STATUS), 0);
    assert_int_equal(pvg_iosfc_mmio_read(mp.m, IOSFC_STATUS + 4, 4), 0);
    mapper_write(&mp, IOSFC_CONSUMER, 0x55); /* the descriptor enable, not a consumer */
    assert_int_equal(mapper_read(&mp, IOSFC_CONSUMER), 0);
    pvg_iosfc_mmio_write(mp.m, IOSFC_CONSUMER + 4, 0x55, 4);
    assert_int_equal(mapper_read(&mp, IOSFC_CONSUMER), 0);
    /* elsewhere: 0, ignored */
    static const uint64_t nowhere[] = {0, 0xff8, 0x1038, 0x2000, 0xfff8, 0x10000, 0x100001000ull, UINT64_MAX - 7};
    for (unsigned i = 0; i < COUNT(nowhere); i++) {
        mapper_write(&mp, nowhere[i], UINT64_MAX);
        assert_int_equal(mapper_read(&mp, nowhere[i]), 0);
    }
    assert_int_equal(vmm_refused(&v, "register-access-size"), refused);
    /* sizes that are not the window's */
    pvg_iosfc_mmio_write(mp.m, IOSFC_RING_BASE, 1, 1);
    pvg_iosfc_mmio_write(mp.m, IOSFC_RING_BASE, 1, 2);
    pvg_iosfc_mmio_write(mp.m, IOSFC_RING_BASE + 4, 1, 8);
    pvg_iosfc_mmio_write(mp.m, IOSFC_RING_BASE + 2, 1, 4);
    pvg_iosfc_mmio_write(mp.m, IOSFC_RING_BASE, 1, 0);
    assert_int_equal(pvg_iosfc_mmio_read(mp.m, IOSFC_RING_BASE, 1), 0);
    assert_int_equal(pvg_iosfc_mmio_read(mp.m, IOSFC_RING_BASE + 4, 8), 0);
    assert_int_equal(mapper_read(&mp, IOSFC_RING_BASE), 0x0000002200000011ull);
    assert_int_equal(vmm_refused(&v, "register-access-size"), refused + 7);
}

/* Ring and table above 4 GiB, set by halves. */
static void test_above_4g(void **state)
{
    uint64_t high = v.block[1].gpa;
    struct mapped s;

    mapped_new(&mp, &s, 40, 16, 16, FORMAT_BGRA, 0, false);
    mp.ring_pfn = (uint32_t)(high >> g.shift);
    pvg_iosfc_mmio_write(mp.m, IOSFC_RING_BASE, LO(high), 4);
    pvg_iosfc_mmio_write(mp.m, IOSFC_RING_BASE + 4, HI(high), 4);
    memcpy(guest_ptr(&g, mp.ring_pfn + 1, 0), guest_ptr(&g, mp.table_pfn, 0), g.page);
    mapper_write(&mp, IOSFC_DESC_TABLE, high + g.page);
    mapper_put(&mp, IOSFC_OP_MAP, 40);
    pvg_iosfc_mmio_write(mp.m, IOSFC_PRODUCER, 1, 4);
    mapper_wait(&mp);
    assert_int_equal(le32_get(mapper_entry(&mp, 0) + IOSFC_ENTRY_RESULT), 0);
    assert_int_equal(live(), 1);
    mapped_free(&s);
}

static void test_requests(void **state)
{
    struct mapped s;

    mapped_new(&mp, &s, 33, 100, 100, FORMAT_BGRA, 0, false);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 33), 0);
    assert_int_equal(live(), 1);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 33), 0); /* the same incarnation */
    assert_int_equal(live(), 1);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 33), 0);
    assert_int_equal(live(), 0);
    assert_int_equal(vmm_refused_total(&v), 0);
    vmm_wait(&v, mp.interrupts == 3);
    assert_int_equal(vmm_see(&v, mp.live), 0);
    assert_int_equal(vmm_report_number(&v, "mapper.requests"), 3);
    assert_int_equal(vmm_report_number(&v, "mapper.maps"), 2);
    assert_int_equal(vmm_report_number(&v, "mapper.unmaps"), 1);

    assert_int_not_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 33), 0);
    assert_int_not_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 0), 0);
    assert_int_equal(vmm_refused(&v, "mapper-unmap"), 2);
    assert_int_not_equal(mapper_do(&mp, IOSFC_OP_MAP, 0), 0);
    assert_int_equal(vmm_refused(&v, "mapper-id"), 1);
    assert_int_not_equal(mapper_do(&mp, 0, 33), 0);
    assert_int_not_equal(mapper_do(&mp, 3, 33), 0);
    assert_int_not_equal(mapper_do(&mp, UINT32_MAX, 33), 0);
    assert_int_equal(vmm_refused(&v, "mapper-operation"), 3);
    assert_int_equal(vmm_refused_total(&v), 6);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 33), 0);
    assert_int_equal(vmm_see(&v, v.creates), 0); /* the gfx window is not up, and was not needed */
    mapped_free(&s);
}

static _Atomic uint32_t early;

static void look_at_consumer(struct mapper *at)
{
    if (mapper_read(at, IOSFC_CONSUMER) != mapper_read(at, IOSFC_PRODUCER) ||
        le32_get(mapper_entry(at, mapper_read(at, IOSFC_CONSUMER) - 1) + IOSFC_ENTRY_RESULT) != 0)
        atomic_fetch_add(&early, 1);
}

/* In the interrupt, everything that was asked is answered. */
static void test_interrupt_order(void **state)
{
    struct mapped s;

    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    atomic_store(&early, 0);
    atomic_store(&mp.on_interrupt, look_at_consumer);
    for (uint32_t i = 0; i < 200; i++) {
        uint64_t before = vmm_see(&v, mp.interrupts);

        mapper_put(&mp, IOSFC_OP_MAP, 1);
        mapper_put(&mp, IOSFC_OP_UNMAP, 1);
        mapper_ring(&mp);
        vmm_wait(&v, mp.interrupts > before);
    }
    assert_int_equal(atomic_load(&early), 0);
    /* a doorbell without a request: nothing, and no interrupt */
    mapper_ring(&mp);
    linger();
    assert_int_equal(vmm_see(&v, mp.interrupts), 200);
    mapped_free(&s);
}

/* 10^5 requests in batches of every size; each is answered, in order. */
static void many_requests(uint32_t largest)
{
    struct mapped s;
    uint32_t n = 1, done = 0;

    mapped_new(&mp, &s, 5, 64, 64, FORMAT_BGRA, 0, true);
    while (done < 100000 / SLOWER) {
        uint64_t first = mp.producer;

        for (uint32_t i = 0; i < n; i++)
            mapper_put(&mp, (done + i) & 1 ? IOSFC_OP_UNMAP : IOSFC_OP_MAP, 5);
        mapper_ring(&mp);
        mapper_wait(&mp);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(le32_get(mapper_entry(&mp, first + i) + IOSFC_ENTRY_RESULT), 0);
        done += n;
        n = n * 7 % 1019;
        n = n < 1 ? 1 : n > largest ? largest : n;
    }
    assert_int_equal(live(), done & 1);
    assert_int_equal(vmm_refused_total(&v), 0);
    assert_int_equal(vmm_report_number(&v, "mapper.requests"), done);
    mapped_free(&s);
}

static void test_growing_indices(void **state)
{
    many_requests(1024);
}

static void test_wrapped_indices(void **state)
{
    pvg_iosfc_reset(mp.m);
    mapper_start(&mp, 1000); /* no power of two: a host that masks is wrong */
    mp.wraps = true;
    many_requests(999);
}

static void expect_idle(uint64_t base, uint64_t capacity, uint64_t producer)
{
    uint64_t sum = guest_checksum(&g), interrupts;

    pvg_iosfc_reset(mp.m);
    interrupts = vmm_see(&v, mp.interrupts);
    mapper_write(&mp, IOSFC_DESC_TABLE, (uint64_t)mp.table_pfn << g.shift);
    mapper_write(&mp, IOSFC_RING_BASE, base);
    mapper_write(&mp, IOSFC_CAPACITY, capacity);
    mapper_write(&mp, IOSFC_PRODUCER, producer);
    vmm_wait(&v, mp.interrupts > interrupts);
    assert_int_equal(mapper_read(&mp, IOSFC_CONSUMER), producer);
    assert_int_equal(guest_checksum(&g), sum);
    assert_int_equal(live(), 0);
}

/* memory 9.4: no usable ring: the indices are taken, nothing is served. */
static void test_capacities(void **state)
{
    static const uint64_t capacities[] = {0, LIMIT_IOSFC_CAPACITY + 1, 0x100000, UINT32_MAX, 1ull << 32, UINT64_MAX};
    uint64_t base = (uint64_t)mp.ring_pfn << g.shift;
    struct mapped s;

    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    mapper_put(&mp, IOSFC_OP_MAP, 1);
    for (unsigned i = 0; i < COUNT(capacities); i++) {
        expect_idle(base, capacities[i], 1);
        expect_idle(base, capacities[i], UINT64_MAX);
    }
    expect_idle(0, 1024, 1);
    assert_int_equal(vmm_refused_total(&v), 0);
    expect_idle(base, 1024, 1025);
    expect_idle(base, 1024, UINT64_MAX);
    expect_idle(base, 1, 2);
    assert_int_equal(vmm_refused(&v, "mapper-index"), 3);
    assert_int_equal(vmm_refused_total(&v), 3);
    /* the largest ring there may be */
    pvg_iosfc_reset(mp.m);
    mapper_start(&mp, LIMIT_IOSFC_CAPACITY);
    mapped_describe(&mp, &s);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    mapped_free(&s);
}

static void test_ring_not_ram(void **state)
{
    uint64_t hole = (uint64_t)guest_hole(&g) << g.shift, end = v.block[0].bytes;

    expect_idle(hole, 1024, 3);
    assert_int_equal(vmm_refused(&v, "mapper-ring-not-ram"), 3);
    expect_idle(hole, LIMIT_IOSFC_CAPACITY, LIMIT_IOSFC_CAPACITY);
    expect_idle(end - 8, 1024, 2); /* the first entry straddles the end */
    expect_idle(UINT64_MAX - 15, 1024, 5);
    expect_idle(UINT64_MAX - 3, 1024, 5);
    assert_int_equal(vmm_refused(&v, "mapper-ring-not-ram"), 3 + LIMIT_IOSFC_CAPACITY + 2 + 5 + 5);
    assert_int_equal(vmm_refused_total(&v), 3 + LIMIT_IOSFC_CAPACITY + 2 + 5 + 5);
}

/* A ring at any address: entries straddle pages. */
static void test_ring_unaligned(void **state)
{
    struct mapped s;
    uint8_t *at;

    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    pvg_iosfc_reset(mp.m);
    mp.ring_pfn = guest_pages(&g, 2);
    mapper_write(&mp, IOSFC_DESC_TABLE, (uint64_t)mp.table_pfn << g.shift);
    mapper_write(&mp, IOSFC_RING_BASE, ((uint64_t)mp.ring_pfn << g.shift) + g.page - 10);
    mapper_write(&mp, IOSFC_CAPACITY, 4);
    at = guest_ptr(&g, mp.ring_pfn, g.page - 10);
    le32_put(at, IOSFC_OP_MAP);
    le32_put(at + 4, 1);
    le32_put(at + 8, MAPPER_UNANSWERED);
    mp.producer = 1;
    mapper_ring(&mp);
    mapper_wait(&mp);
    assert_int_equal(le32_get(at + 8), 0);
    assert_int_equal(live(), 1);
    mapped_free(&s);
}

enum spoil {
    TABLE_NONE,
    TABLE_HOLE,
    TABLE_WRAPS,
    ENTRY_ABSENT,
    RECORD_HOLE,
    LIST_ABSENT,
    LIST_HOLE,
    PAGE_ABSENT,
    PAGE_HOLE,
    LAST_PAGE_BEYOND,
    SIZE_ZERO,
    SIZE_LARGE,
    PLANES_8,
    PLANES_255,
    SPOILS
};

static void spoil(enum spoil how, const struct mapped *s)
{
    uint64_t hole = guest_hole(&g);
    uint8_t *record = mapper_record(&mp, s->id);

    switch (how) {
    case TABLE_NONE:
        mapper_write(&mp, IOSFC_DESC_TABLE, 0);
        break;
    case TABLE_HOLE:
        mapper_write(&mp, IOSFC_DESC_TABLE, hole << g.shift);
        break;
    case TABLE_WRAPS:
        mapper_write(&mp, IOSFC_DESC_TABLE, UINT64_MAX - 3);
        break;
    case ENTRY_ABSENT:
        *mapper_table_entry(&mp, s->id) &= ~IOSFC_ENTRY_PRESENT;
        break;
    case RECORD_HOLE:
        *mapper_table_entry(&mp, s->id) = (uint32_t)hole << 2 | 1;
        break;
    case LIST_ABSENT:
        le32_put(record, s->desc.list_pfn << 2 | 2);
        break;
    case LIST_HOLE:
        le32_put(record, (uint32_t)hole << 2 | 1);
        break;
    case PAGE_ABSENT:
        mapped_list(&mp, s)[1] = s->pages[1] << 2 | 2;
        break;
    case PAGE_HOLE:
        mapped_list(&mp, s)[2] = (uint32_t)hole << 2 | 1;
        break;
    case LAST_PAGE_BEYOND:
        mapped_list(&mp, s)[s->page_count - 1] = UINT32_MAX;
        break;
    case SIZE_ZERO:
        le32_put(record + 0x10, 0);
        break;
    case SIZE_LARGE:
        le32_put(record + 0x10, (64u << 20) + 1);
        break;
    case PLANES_8:
        record[0x24] = 8;
        break;
    case PLANES_255:
        record[0x24] = 255;
        break;
    case SPOILS:
        break;
    }
}

/* Every way in which table, record and list can be wrong: refused by name, nothing kept; whole again, it maps. */
static void test_descriptors(void **state)
{
    static const char *const want[SPOILS] = {
        [TABLE_NONE] = "mapper-id",         [TABLE_HOLE] = "mapper-table",   [TABLE_WRAPS] = "mapper-id",
        [ENTRY_ABSENT] = "mapper-id",       [RECORD_HOLE] = "mapper-table",  [LIST_ABSENT] = "mapper-list",
        [LIST_HOLE] = "mapper-list",        [PAGE_ABSENT] = "mapper-page",   [PAGE_HOLE] = "mapper-page",
        [LAST_PAGE_BEYOND] = "mapper-page", [SIZE_ZERO] = "surface-empty",   [SIZE_LARGE] = "mapper-size",
        [PLANES_8] = "surface-planes",      [PLANES_255] = "surface-planes",
    };
    struct mapped s;

    mapped_new(&mp, &s, 70, 128, 128, FORMAT_BGRA, 0, false);
    assert_true(s.page_count >= 4);
    for (unsigned i = 0; i < SPOILS; i++) {
        uint32_t entry = *mapper_table_entry(&mp, 70);
        uint64_t refused = vmm_refused(&v, want[i]), total = vmm_refused_total(&v);

        spoil(i, &s);
        assert_int_not_equal(mapper_do(&mp, IOSFC_OP_MAP, 70), 0);
        assert_int_equal(vmm_refused(&v, want[i]), refused + 1);
        assert_int_equal(vmm_refused_total(&v), total + 1);
        assert_int_equal(live(), 0);
        assert_int_equal(vmm_see(&v, mp.live), 0);
        *mapper_table_entry(&mp, 70) = entry;
        mapper_write(&mp, IOSFC_DESC_TABLE, (uint64_t)mp.table_pfn << g.shift);
        mapped_describe(&mp, &s);
        assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 70), 0);
        assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 70), 0);
    }
    /* ids are bounded by the table alone */
    assert_int_not_equal(mapper_do(&mp, IOSFC_OP_MAP, 0x1fff), 0);
    assert_int_not_equal(mapper_do(&mp, IOSFC_OP_MAP, UINT32_MAX), 0);
    mapped_free(&s);
}

/* A page list that fills its page: 64 MiB, every entry the same page, which the guest may do. */
static void large_surface(struct mapped *s, uint32_t id)
{
    uint32_t entries = (uint32_t)(g.page / 4);

    *s = (struct mapped){.id = id,
                         .page_count = entries,
                         .desc = {.list_pfn = guest_page(&g),
                                  .format = FORMAT_BGRA,
                                  .size_bytes = entries * g.page,
                                  .plane_count = 1,
                                  .plane[0] = {.width_px = 4096, .height_px = 4096, .stride_bytes = 16384}}};
    s->pages = calloc(entries, sizeof(*s->pages));
    must(s->pages, "out of memory");
    s->pages[0] = guest_page(&g);
    for (uint32_t i = 1; i < entries; i++)
        s->pages[i] = s->pages[0];
    mapped_describe(&mp, s);
}

static void test_full_list(void **state)
{
    struct mapped s;

    large_surface(&s, 1);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    if (v.cfg.tasks == PVG_TASKS_CALLBACKS)
        assert_int_equal(vmm_see(&v, mp.live), 4096);
    mapped_list(&mp, &s)[4095] = 2;
    assert_int_not_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0); /* the old incarnation stays */
    assert_int_equal(live(), 1);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 1), 0);
    mapped_free(&s);
}

/* All entries of a table of @pages pages name one page of records, each record the same surface: ids without end. */
static void alias_table(const struct mapped *s, uint32_t pages)
{
    uint32_t records = guest_page(&g), table = guest_pages(&g, pages);
    uint8_t record[IOSFC_RECORD_BYTES];

    iosfc_record_encode(&s->desc, record);
    for (uint64_t at = 0; at < g.page; at += sizeof(record))
        memcpy(guest_ptr(&g, records, at), record, sizeof(record));
    for (uint32_t p = 0; p < pages; p++)
        for (uint32_t i = 0; i < g.page / 4; i++)
            le32_put(guest_ptr(&g, table + p, 4ull * i), records << 2 | 1);
    mapper_write(&mp, IOSFC_DESC_TABLE, (uint64_t)table << g.shift);
}

/* @operation for ids @first .. @last. Returns how many were refused. */
static uint32_t sweep(uint32_t operation, uint32_t first, uint32_t last)
{
    uint32_t refused = 0;

    for (uint64_t id = first; id <= last;) {
        uint64_t from = mp.producer;

        for (; id <= last && mp.producer - from < mp.capacity; id++)
            mapper_put(&mp, operation, (uint32_t)id);
        mapper_ring(&mp);
        mapper_wait(&mp);
        for (uint64_t i = from; i < mp.producer; i++)
            refused += le32_get(mapper_entry(&mp, i) + IOSFC_ENTRY_RESULT) != 0;
    }
    return refused;
}

static void test_100000_mappings(void **state)
{
    const uint32_t n = 100000 / SLOWER;
    struct mapped s;

    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    alias_table(&s, 1);
    assert_int_equal(sweep(IOSFC_OP_MAP, 1, n), 0);
    assert_int_equal(live(), n);
    assert_int_equal(sweep(IOSFC_OP_MAP, 1, n), 0);
    assert_int_equal(live(), n);
    assert_int_equal(sweep(IOSFC_OP_UNMAP, n / 4, n / 2), 0);
    assert_int_equal(live(), n - (n / 2 - n / 4 + 1));
    assert_int_equal(sweep(IOSFC_OP_UNMAP, n / 4, n / 2), n / 2 - n / 4 + 1);
    assert_int_equal(sweep(IOSFC_OP_UNMAP, 1, n / 4 - 1) + sweep(IOSFC_OP_UNMAP, n / 2 + 1, n), 0);
    assert_int_equal(live(), 0);
    assert_int_equal(sweep(IOSFC_OP_MAP, 1, n), 0);
    pvg_iosfc_reset(mp.m);
    assert_int_equal(live(), 0);
    assert_int_equal(vmm_see(&v, mp.live), 0);
    mapped_free(&s);
}

static void test_mapping_limit(void **state)
{
    struct mapped s;

    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    alias_table(&s, 3);
    assert_int_equal(sweep(IOSFC_OP_MAP, 1, LIMIT_MAPPINGS), 0);
    assert_int_equal(sweep(IOSFC_OP_MAP, LIMIT_MAPPINGS + 1, LIMIT_MAPPINGS + 3), 3);
    assert_int_equal(vmm_refused(&v, "mapper-limit"), 3);
    assert_int_equal(live(), LIMIT_MAPPINGS);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 7), 0); /* one that is there */
    assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 7), 0);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, LIMIT_MAPPINGS + 1), 0);
    mapped_free(&s);
}

/* Callback mode: what the VMM has mapped for all surfaces together is bounded too. */
static void test_range_limit(void **state)
{
    const uint32_t fit = LIMIT_MAPPED_RANGES / 4096;
    struct mapped s;

    large_surface(&s, 1);
    alias_table(&s, 1);
    assert_int_equal(sweep(IOSFC_OP_MAP, 1, fit), 0);
    assert_int_equal(vmm_see(&v, mp.live), LIMIT_MAPPED_RANGES);
    assert_int_not_equal(mapper_do(&mp, IOSFC_OP_MAP, fit + 1), 0);
    assert_int_equal(vmm_refused(&v, "mapper-limit"), 1);
    assert_int_equal(vmm_see(&v, mp.live), LIMIT_MAPPED_RANGES);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 1), 0);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, fit + 1), 0);
    mapped_free(&s);
}

/* Blocks of RAM that adjoin in the guest only: the mapper asks page by page; a page that is refused refuses the
 * mapping. */
static void test_callback_refusals(void **state)
{
    struct mapped s;

    mapped_new(&mp, &s, 1, 256, 256, FORMAT_BGRA, 0, true);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    assert_int_equal(vmm_see(&v, mp.live), 1);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 1), 0);
    mp.page_by_page = true;
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    assert_int_equal(vmm_see(&v, mp.live), s.page_count);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 1), 0);
    assert_int_equal(vmm_refused_total(&v), 0);
    mp.refuse_map = 2; /* the whole, then its first page */
    assert_int_not_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    assert_int_equal(vmm_refused(&v, "mapper-page"), 1);
    assert_int_equal(vmm_see(&v, mp.live), 0);
    mapped_free(&s);
}

/* RAM that the VMM takes away and gives back (host-api 4.5): refused meanwhile. */
static void test_ram_goes(void **state)
{
    struct mapped s;

    mapped_new(&mp, &s, 1, 128, 128, FORMAT_BGRA, 0, false); /* on pages of both blocks */
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    assert_int_equal(pvg_device_del_ram(v.dev, v.block[1].gpa, v.block[1].bytes), 0);
    assert_int_not_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    assert_int_equal(live(), 1); /* the mapping holds no pages */
    assert_int_equal(vmm_refused_total(&v), 1);
    vmm_add_ram(&v, 1);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 1), 0);
    mapped_free(&s);
}

/* A ring in read-only RAM: served, and its results cannot be written. */
static void test_ring_read_only(void **state)
{
    const uint64_t rom_gpa = 8ull << 30;
    uint8_t *rom = aligned_alloc(g.page, g.page);
    struct mapped s;

    must(rom, "out of memory");
    memset(rom, 0, g.page);
    le32_put(rom, IOSFC_OP_MAP);
    le32_put(rom + 4, 1);
    le32_put(rom + 8, MAPPER_UNANSWERED);
    assert_int_equal(pvg_device_add_ram(v.dev, rom_gpa, g.page, rom, -1, 0, PVG_RAM_READONLY), 0);
    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    mapper_write(&mp, IOSFC_RING_BASE, rom_gpa);
    mp.producer = 1;
    mapper_ring(&mp);
    mapper_wait(&mp);
    assert_int_equal(vmm_refused(&v, "mapper-ring-not-ram"), 1);
    assert_int_equal(le32_get(rom + 8), MAPPER_UNANSWERED);
    assert_int_equal(live(), 1);
    assert_int_equal(pvg_device_del_ram(v.dev, rom_gpa, g.page), 0);
    free(rom);
    mapped_free(&s);
}

/* ---- life ---- */

static void test_new(void **state)
{
    struct pvg_iosfc_ops ops = {.size = sizeof(ops)};
    struct pvg_iosfc_desc desc;
    struct pvg_iosfc *other = (void *)1;

    pvg_iosfc_desc_init(&desc, sizeof(desc));
    pvg_iosfc_desc_init(&desc, sizeof(desc));
    assert_int_equal(desc.mmio_length_bytes, 0x10000);
    assert_int_equal(pvg_iosfc_new(v.dev, &desc, &other), PVG_ERR_IN_USE);
    assert_null(other);
    mapper_free(&mp);
    assert_int_equal(pvg_iosfc_new(v.dev, &desc, &other), PVG_ERR_INVALID); /* no callbacks */
    desc.ops = &ops;
    assert_int_equal(pvg_iosfc_new(v.dev, &desc, &other), PVG_ERR_INVALID); /* no interrupt */
    desc.mmio_length_bytes = 0x1000;
    assert_int_equal(pvg_iosfc_new(v.dev, &desc, &other), PVG_ERR_INVALID);
    assert_null(other);
    pvg_iosfc_free(NULL);
    mapper_new(&mp, &g);
    mapper_start(&mp, 16);
    pvg_device_stop(v.dev);
    mapper_free(&mp);
    desc.mmio_length_bytes = 0x10000;
    assert_int_equal(pvg_iosfc_new(v.dev, &desc, &other), PVG_ERR_STOPPED);
}

static void test_pci_has_none(void **state)
{
    static const struct vmm_config pci = {.shift = 12};
    struct pvg_iosfc_ops ops = {.size = sizeof(ops)};
    struct pvg_iosfc_desc desc;
    struct pvg_iosfc *m = (void *)1;
    struct vmm other;

    vmm_init(&other, &pci);
    pvg_iosfc_desc_init(&desc, sizeof(desc));
    desc.ops = &ops;
    assert_int_equal(pvg_iosfc_new(other.dev, &desc, &m), PVG_ERR_INVALID);
    assert_null(m);
    vmm_fini(&other);
}

static void test_pause(void **state)
{
    struct mapped s;
    uint8_t *entry;

    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    assert_int_equal(pvg_device_pause(v.dev), 0);
    entry = mapper_entry(&mp, mp.producer);
    mapper_put(&mp, IOSFC_OP_MAP, 1);
    mapper_ring(&mp);
    linger();
    assert_int_equal(mapper_read(&mp, IOSFC_CONSUMER), 0);
    assert_int_equal(le32_get(entry + IOSFC_ENTRY_RESULT), MAPPER_UNANSWERED);
    assert_int_equal(vmm_see(&v, mp.interrupts), 0);
    assert_int_equal(pvg_device_unpause(v.dev), 0);
    vmm_wait(&v, mp.interrupts == 1);
    assert_int_equal(le32_get(entry + IOSFC_ENTRY_RESULT), 0);
    /* one that is made while the device is paused is paused */
    assert_int_equal(pvg_device_pause(v.dev), 0);
    mapper_free(&mp);
    mapper_new(&mp, &g);
    mapper_start(&mp, 16);
    mapped_describe(&mp, &s);
    mapper_put(&mp, IOSFC_OP_MAP, 1);
    mapper_ring(&mp);
    linger();
    assert_int_equal(mapper_read(&mp, IOSFC_CONSUMER), 0);
    assert_int_equal(pvg_device_unpause(v.dev), 0);
    vmm_wait(&v, mp.interrupts == 1);
    assert_int_equal(live(), 1);
    mapped_free(&s);
}

/* A pause that falls between a request's completion and its interrupt must not lose the interrupt. */
static void test_pause_loses_nothing(void **state)
{
    struct mapped s;

    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    for (uint32_t i = 0; i < 3000 / SLOWER; i++) {
        uint64_t before = vmm_see(&v, mp.interrupts);

        mapper_put(&mp, i & 1 ? IOSFC_OP_UNMAP : IOSFC_OP_MAP, 1);
        mapper_ring(&mp);
        for (uint32_t spin = 0; spin < i % 64; spin++)
            (void)mapper_read(&mp, IOSFC_CONSUMER);
        assert_int_equal(pvg_device_pause(v.dev), 0);
        assert_int_equal(pvg_device_unpause(v.dev), 0);
        vmm_wait(&v, mp.interrupts > before);
        assert_int_equal(mapper_read(&mp, IOSFC_CONSUMER), mp.producer);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
    mapped_free(&s);
}

static void test_stop(void **state)
{
    struct mapped s;

    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    vmm_wait(&v, mp.interrupts == 1);
    pvg_device_stop(v.dev);
    assert_int_equal(live(), 0);
    assert_int_equal(vmm_see(&v, mp.live), 0);
    mapper_put(&mp, IOSFC_OP_MAP, 1);
    mapper_ring(&mp);
    linger();
    assert_int_equal(mapper_read(&mp, IOSFC_CONSUMER), 1);
    assert_int_equal(vmm_see(&v, mp.interrupts), 1);
    pvg_iosfc_reset(mp.m);
    assert_int_equal(mapper_read(&mp, IOSFC_PRODUCER), 0);
    mapped_free(&s);
}

static void test_reset(void **state)
{
    struct mapped s;

    mapped_new(&mp, &s, 1, 100, 100, FORMAT_BGRA, 0, false);
    for (uint32_t round = 0; round < 5; round++) {
        assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
        pvg_iosfc_reset(mp.m);
        assert_int_equal(live(), 0);
        assert_int_equal(vmm_see(&v, mp.live), 0);
        for (uint32_t i = 0; i < IOSFC_REGISTERS; i++)
            assert_int_equal(mapper_read(&mp, IOSFC_FIRST + 8ull * i), 0);
        mapper_start(&mp, 8);
        mapped_describe(&mp, &s);
    }
    mapped_free(&s);
}

/* Requests that a reset overtakes: none is served from the old ring once it has returned. */
static void test_reset_drops_requests(void **state)
{
    struct mapped s;

    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    for (uint32_t round = 0; round < 3000 / SLOWER; round++) {
        uint64_t sum;

        for (uint32_t i = 0; i < 50; i++)
            mapper_put(&mp, i & 1 ? IOSFC_OP_UNMAP : IOSFC_OP_MAP, 1);
        mapper_ring(&mp);
        for (uint32_t spin = 0; spin < round % 128; spin++)
            (void)mapper_read(&mp, IOSFC_CONSUMER);
        pvg_iosfc_reset(mp.m);
        memset(guest_ptr(&g, mp.ring_pfn, 0), 0x5a,
               1024 * IOSFC_ENTRY_BYTES); /* the guest uses the pages for something else */
        sum = round % 64 ? 0 : guest_checksum(&g);
        assert_int_equal(live(), 0);
        mp.producer = 0;
        mapper_write(&mp, IOSFC_DESC_TABLE, (uint64_t)mp.table_pfn << g.shift);
        mapper_write(&mp, IOSFC_CAPACITY, 1024);
        sched_yield();
        for (uint32_t i = 0; i < 1024 * IOSFC_ENTRY_BYTES; i++)
            assert_int_equal(*(uint8_t *)guest_ptr(&g, mp.ring_pfn, i), 0x5a);
        if (sum)
            assert_int_equal(guest_checksum(&g), sum);
        mapper_write(&mp, IOSFC_RING_BASE, (uint64_t)mp.ring_pfn << g.shift);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
    mapped_free(&s);
}

/* ---- the other window's life: callback mode, inside a callback ---- */

static _Atomic int gate; /* 1: wait in map_memory; 2: somebody waits; 0: go on */

static void wait_at_gate(struct mapper *at)
{
    int one = 1;

    if (!atomic_compare_exchange_strong(&gate, &one, 2))
        return;
    vmm_poll(atomic_load(&gate) == 0);
}

/* FIFO_CONTROL := 0 and a reset of the gfx device while a request is in the VMM: they do not wait, and it is not lost.
 */
static void test_gfx_reset_in_callback(void **state)
{
    struct mapped s;

    guest_boot(&g, 0);
    mapped_new(&mp, &s, 1, 100, 100, FORMAT_BGRA, 0, false);
    atomic_store(&mp.on_map, wait_at_gate);
    for (int how = 0; how < 2; how++) {
        uint8_t *entry = mapper_entry(&mp, mp.producer);

        atomic_store(&gate, 1);
        mapper_put(&mp, IOSFC_OP_MAP, 1);
        mapper_ring(&mp);
        vmm_poll(atomic_load(&gate) == 2);
        if (how)
            pvg_device_reset(v.dev);
        else
            vmm_w32(&v, REG_FIFO_CONTROL, 0);
        atomic_store(&gate, 0);
        mapper_wait(&mp);
        assert_int_equal(le32_get(entry + IOSFC_ENTRY_RESULT), 0);
        assert_int_equal(live(), 1);
        assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 1), 0);
        assert_int_equal(vmm_see(&v, mp.live), 0);
        guest_boot(&g, 0);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
    mapped_free(&s);
}

static void *reset_mapper(void *arg)
{
    pvg_iosfc_reset(mp.m);
    return NULL;
}

/* A reset of the mapper while its request is in the VMM: waits for it, and nothing of it stays. */
static void test_reset_in_callback(void **state)
{
    struct mapped s;
    pthread_t thread;

    mapped_new(&mp, &s, 1, 100, 100, FORMAT_BGRA, 0, false);
    atomic_store(&mp.on_map, wait_at_gate);
    atomic_store(&gate, 1);
    mapper_put(&mp, IOSFC_OP_MAP, 1);
    mapper_ring(&mp);
    vmm_poll(atomic_load(&gate) == 2);
    assert_int_equal(pthread_create(&thread, NULL, reset_mapper, NULL), 0);
    vmm_poll(mapper_read(&mp, IOSFC_CAPACITY) == 0);
    atomic_store(&gate, 0);
    pthread_join(thread, NULL);
    assert_int_equal(live(), 0);
    assert_int_equal(vmm_see(&v, mp.live), 0);
    assert_int_equal(vmm_see(&v, mp.interrupts), 0);
    mapper_start(&mp, 16);
    mapped_describe(&mp, &s);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    mapped_free(&s);
}

static void ask_for_report(struct mapper *at)
{
    char *json;

    if (!pvg_device_report(at->g->vmm->dev, &json))
        pvg_free(json);
}

/* host-api T-8: a callback may ask for a report, also while a pause waits for that callback. */
static void test_report_in_interrupt(void **state)
{
    struct mapped s;

    mapped_new(&mp, &s, 1, 8, 8, FORMAT_BGRA, 0, false);
    atomic_store(&mp.on_interrupt, ask_for_report);
    atomic_store(&mp.on_map, ask_for_report);
    for (uint32_t i = 0; i < 300 / SLOWER; i++) {
        mapper_put(&mp, i & 1 ? IOSFC_OP_UNMAP : IOSFC_OP_MAP, 1);
        mapper_ring(&mp);
        assert_int_equal(pvg_device_pause(v.dev), 0);
        assert_int_equal(pvg_device_unpause(v.dev), 0);
    }
    mapper_wait(&mp);
    mapped_free(&s);
}

int main(void)
{
    static struct vmm_config table = {.shift = 14}, callbacks = {.shift = 14, .tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_registers, table),
        DEVICE_TEST(test_above_4g, table),
        DEVICE_TEST(test_above_4g, callbacks),
        DEVICE_TEST(test_requests, table),
        DEVICE_TEST(test_requests, callbacks),
        DEVICE_TEST(test_interrupt_order, table),
        DEVICE_TEST(test_interrupt_order, callbacks),
        DEVICE_TEST(test_growing_indices, table),
        DEVICE_TEST(test_growing_indices, callbacks),
        DEVICE_TEST(test_wrapped_indices, table),
        DEVICE_TEST(test_wrapped_indices, callbacks),
        DEVICE_TEST(test_capacities, table),
        DEVICE_TEST(test_capacities, callbacks),
        DEVICE_TEST(test_ring_not_ram, table),
        DEVICE_TEST(test_ring_not_ram, callbacks),
        DEVICE_TEST(test_ring_unaligned, table),
        DEVICE_TEST(test_ring_unaligned, callbacks),
        DEVICE_TEST(test_descriptors, table),
        DEVICE_TEST(test_descriptors, callbacks),
        DEVICE_TEST(test_full_list, table),
        DEVICE_TEST(test_full_list, callbacks),
        DEVICE_TEST(test_100000_mappings, table),
        DEVICE_TEST(test_100000_mappings, callbacks),
        DEVICE_TEST(test_mapping_limit, table),
        DEVICE_TEST(test_range_limit, callbacks),
        DEVICE_TEST(test_callback_refusals, callbacks),
        DEVICE_TEST(test_ram_goes, table),
        DEVICE_TEST(test_ring_read_only, table),
        DEVICE_TEST(test_new, table),
        DEVICE_TEST(test_new, callbacks),
        cmocka_unit_test(test_pci_has_none),
        DEVICE_TEST(test_pause, table),
        DEVICE_TEST(test_pause, callbacks),
        DEVICE_TEST(test_pause_loses_nothing, table),
        DEVICE_TEST(test_stop, table),
        DEVICE_TEST(test_stop, callbacks),
        DEVICE_TEST(test_reset, table),
        DEVICE_TEST(test_reset, callbacks),
        DEVICE_TEST(test_reset_drops_requests, table),
        DEVICE_TEST(test_reset_drops_requests, callbacks),
        DEVICE_TEST(test_gfx_reset_in_callback, callbacks),
        DEVICE_TEST(test_reset_in_callback, callbacks),
        DEVICE_TEST(test_report_in_interrupt, table),
        DEVICE_TEST(test_report_in_interrupt, callbacks),
    };

    return cmocka_run_group_tests_name("iosfc", tests, NULL, NULL);
}
