/* SPDX-License-Identifier: MIT */
/*
 * Page-table walks and runs in table mode: the vectors of memory 2.2, depths 1 to 4 on both geometries, every refusal,
 * spans, merging, block borders, reading by rows (memory 1.3, 2, 14.3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guest_ram.h"

#define RAM_GPA   0x100000ull
#define RAM_BYTES (16ull << 20)

struct fixture {
    struct guest_ram ram;
    struct log log;
    struct gmem *g;
    struct gmem_pin pin;
    struct gmem_space space;
    struct gmem_fault fault;
    struct gmem_runs runs;
};

static void set_up(struct fixture *f, uint32_t shift, uint32_t depth)
{
    memset(f, 0, sizeof(*f));
    guest_ram_init(&f->ram, shift, RAM_GPA, RAM_BYTES);
    f->g = guest_ram_gmem(&f->ram, &f->log);
    gmem_pin(f->g, &f->pin);
    f->space = (struct gmem_space){.task = 1, .length_bytes = 1ull << 62};
    f->space.directory_pfn = guest_directory(&f->ram, depth);
}

static void tear_down(struct fixture *f)
{
    gmem_runs_fini(&f->runs);
    gmem_unpin(&f->pin);
    gmem_free(f->g);
    log_fini(&f->log);
    guest_ram_fini(&f->ram);
}

static void repin(struct fixture *f)
{
    gmem_unpin(&f->pin);
    gmem_pin(f->g, &f->pin);
}

/* memory 2.2: entries put at the indices of the vector by hand. */
static void vector(uint32_t shift, const uint32_t index[3], uint64_t offset)
{
    const uint64_t gva = 0x4030201abcull;
    struct fixture f;
    uint32_t *dir, *node;
    gpa_t gpa;

    set_up(&f, shift, 3);
    dir = guest_page_at(&f.ram, f.space.directory_pfn);
    node = guest_page_at(&f.ram, dir[0]);
    for (int level = 0; level < 3; level++) {
        node[index[level]] = guest_page(&f.ram);
        if (level < 2)
            node = guest_page_at(&f.ram, node[index[level]]);
    }
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){gva}, &gpa, &f.fault), 0);
    assert_int_equal(gpa.v, ((uint64_t)node[index[2]] << shift) + offset);
    tear_down(&f);
}

static void test_vectors(void **state)
{
    (void)state;
    vector(12, (const uint32_t[]){0x40, 0x0c0, 0x201}, 0xabc);
    vector(14, (const uint32_t[]){0x1, 0x00c, 0x080}, 0x1abc);
}

static void test_depths(void **state)
{
    static const uint32_t reach[2][4] = {{22, 32, 42, 52}, {26, 38, 50, 62}};

    (void)state;
    for (int arm = 0; arm < 2; arm++) {
        for (uint32_t depth = 1; depth <= 4; depth++) {
            uint32_t shift = arm ? 14 : 12, pfn;
            uint64_t top = (1ull << reach[arm][depth - 1]) - 1, page = 1ull << shift;
            struct fixture f;
            gpa_t gpa;

            set_up(&f, shift, depth);
            pfn = guest_page(&f.ram);
            guest_map(&f.ram, f.space.directory_pfn, top, pfn);
            assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){top}, &gpa, &f.fault), 0);
            assert_int_equal(gpa.v, ((uint64_t)pfn << shift) + page - 1);

            /* Above the reach: refused, not aliased. */
            f.space.length_bytes = UINT64_MAX;
            assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){(top + 1) | top}, &gpa, &f.fault), PVG_ERR_REFUSED);
            assert_int_equal(f.fault.reason, REFUSE_VA_RANGE);
            assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){top}, 2, false, &f.runs, &f.fault),
                             PVG_ERR_REFUSED);
            assert_int_equal(f.fault.reason, REFUSE_VA_RANGE);
            assert_int_equal(f.runs.count, 0);

            /* A hole, the flag alone, and a node outside RAM, at each level; the flag with a page number is masked. */
            for (uint32_t level = 0; level < depth; level++) {
                uint32_t *entry = guest_entry(&f.ram, f.space.directory_pfn, top, level), good = *entry;

                *entry = 0;
                assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){top}, &gpa, &f.fault), PVG_ERR_REFUSED);
                assert_int_equal(f.fault.reason, REFUSE_PT_HOLE);
                assert_int_equal(f.fault.level, level);
                assert_int_equal(f.fault.gva.v, top & ~(page - 1));
                assert_int_equal(gpa.v, 0);
                *entry = 0x80000000;
                assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){top}, &gpa, &f.fault), PVG_ERR_REFUSED);
                assert_int_equal(f.fault.reason, REFUSE_PT_CORRUPT);
                assert_int_equal(f.fault.level, level);
                assert_int_equal(f.fault.entry, 0x80000000);
                *entry = 0x7fffffff;
                assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){top}, 1, false, &f.runs, &f.fault),
                                 PVG_ERR_REFUSED);
                assert_int_equal(f.fault.reason, level + 1 == depth ? REFUSE_PT_TARGET : REFUSE_PT_NOT_RAM);
                *entry = good | 0x80000000;
                assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){top}, &gpa, &f.fault), 0);
                assert_int_equal(gpa.v, ((uint64_t)pfn << shift) + page - 1);
                *entry = good;
            }
            tear_down(&f);
        }
    }
}

static void test_directory(void **state)
{
    struct fixture f;
    uint32_t *dir, good;
    gpa_t gpa;

    (void)state;
    set_up(&f, 12, 3);
    guest_map_fresh(&f.ram, f.space.directory_pfn, 0x5000, 1);
    dir = guest_page_at(&f.ram, f.space.directory_pfn);
    good = f.space.directory_pfn;

    f.space.directory_pfn = 0;
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x5000}, &gpa, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_DIR_NONE);
    f.space.directory_pfn = UINT32_MAX;
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x5000}, &gpa, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_DIR_NOT_RAM);
    f.space.directory_pfn = good;

    for (uint32_t bad = 0; bad < 3; bad++) {
        static const uint32_t depths[3] = {0, 5, UINT32_MAX};

        dir[1] = depths[bad];
        assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x5000}, &gpa, &f.fault), PVG_ERR_REFUSED);
        assert_int_equal(f.fault.reason, REFUSE_PT_DEPTH);
        assert_int_equal(f.fault.entry, depths[bad]);
    }
    dir[1] = 3;
    good = dir[0];
    dir[0] = 0;
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x5000}, &gpa, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_PT_ROOT_NONE);
    dir[0] = 0x7ffffffe;
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x5000}, &gpa, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_PT_NOT_RAM);
    dir[0] = good;
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x5000}, &gpa, &f.fault), 0);

    /* Addresses at and beyond the length of the task. */
    f.space.length_bytes = 0x6000;
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x5fff}, &gpa, &f.fault), 0);
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x6000}, &gpa, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_VA_RANGE);
    tear_down(&f);
}

static void test_spans(void **state)
{
    static const struct {
        const char *name;
        uint64_t gva, length;
        enum refuse want;
        size_t runs;
    } cases[] = {
        {"one byte", 0x10000, 1, REFUSE_NONE, 1},
        {"one page", 0x10000, 0x1000, REFUSE_NONE, 1},
        {"mid-page to next", 0x10ff0, 0x20, REFUSE_NONE, 2},
        {"one page, mid-page start", 0x10800, 0x1000, REFUSE_NONE, 2},
        {"four scattered pages", 0x10000, 0x4000, REFUSE_NONE, 4},
        {"adjacent pages merge", 0x20000, 0x4000, REFUSE_NONE, 1},
        {"adjacent, both ends mid-page", 0x20123, 0x3000, REFUSE_NONE, 1},
        {"scattered then hole", 0x13000, 0x1001, REFUSE_PT_HOLE, 0},
        {"empty", 0x10000, 0, REFUSE_SPAN_EMPTY, 0},
        {"ends at the task's end", 0xfffff000, 0x1000, REFUSE_NONE, 1},
        {"beyond the task's end", 0xfffff000, 0x1001, REFUSE_VA_RANGE, 0},
        {"overflow", 0xfffff000, UINT64_MAX, REFUSE_VA_RANGE, 0},
        {"start overflow", UINT64_MAX, 2, REFUSE_VA_RANGE, 0},
        {"longer than RAM", 0x10000, RAM_BYTES + 1, REFUSE_SPAN_LONG, 0},
    };
    struct fixture f;
    uint32_t page[4];

    (void)state;
    set_up(&f, 12, 3);
    f.space.length_bytes = 1ull << 32;
    for (int i = 0; i < 4; i++) {
        page[i] = guest_page(&f.ram);
        guest_page(&f.ram); /* so that neighbours are not adjacent */
        guest_map(&f.ram, f.space.directory_pfn, 0x10000 + 0x1000 * i, page[i]);
    }
    f.ram.next += 4;
    for (int i = 0; i < 4; i++)
        guest_map(&f.ram, f.space.directory_pfn, 0x20000 + 0x1000 * i, (uint32_t)f.ram.next - 4 + i);
    guest_map_fresh(&f.ram, f.space.directory_pfn, 0xfffff000, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int err = gmem_resolve(&f.pin, &f.space, (gva_t){cases[i].gva}, cases[i].length, true, &f.runs, &f.fault);
        uint64_t sum = 0;

        print_message("  %s\n", cases[i].name);
        assert_int_equal(err, cases[i].want ? PVG_ERR_REFUSED : 0);
        if (err)
            assert_int_equal(f.fault.reason, cases[i].want);
        assert_int_equal(f.runs.count, cases[i].runs);
        for (size_t k = 0; k < f.runs.count; k++) {
            assert_ptr_equal(f.runs.run[k].host, guest_at(&f.ram, f.runs.run[k].gpa.v));
            sum += f.runs.run[k].length_bytes;
        }
        assert_int_equal(sum, err ? 0 : cases[i].length);
        assert_int_equal(f.runs.length_bytes, sum);
    }
    /* Reads and writes of the same spans: whole or not at all. */
    uint8_t out[0x2000], in[0x2000];

    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 7 + i / 251);
    assert_int_equal(gmem_space_write(&f.pin, &f.space, (gva_t){0x10801}, in, sizeof(in), &f.fault), 0);
    assert_memory_equal((uint8_t *)guest_page_at(&f.ram, page[0]) + 0x801, in, 0x7ff);
    assert_memory_equal(guest_page_at(&f.ram, page[1]), in + 0x7ff, 0x1000);
    assert_int_equal(gmem_space_read(&f.pin, &f.space, (gva_t){0x10801}, out, sizeof(out), &f.fault), 0);
    assert_memory_equal(out, in, sizeof(in));
    memset(in, 0xee, sizeof(in));
    assert_int_equal(gmem_space_write(&f.pin, &f.space, (gva_t){0x12800}, in, sizeof(in), &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_PT_HOLE);
    assert_int_equal(f.fault.gva.v, 0x14000);
    for (int i = 0; i < 0x1000; i++)
        assert_int_equal(((uint8_t *)guest_page_at(&f.ram, page[3]))[i], 0); /* nothing of it moved */
    assert_int_equal(gmem_space_read(&f.pin, &f.space, (gva_t){0x12800}, out, sizeof(out), &f.fault), PVG_ERR_REFUSED);
    tear_down(&f);
}

/* A slot straddles pages: memory 4.2. */
static void test_slot_straddle(void **state)
{
    static const uint8_t slot[12] = {0x02, 0x74, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    struct fixture f;
    uint8_t out[12];

    (void)state;
    set_up(&f, 12, 3);
    guest_map_fresh(&f.ram, f.space.directory_pfn, 0x1000, 1);
    f.ram.next++;
    guest_map_fresh(&f.ram, f.space.directory_pfn, 0x2000, 1);
    guest_poke(&f.ram, f.space.directory_pfn, 0x1000 + 12 * 341, slot, 12);
    assert_int_equal(gmem_space_read(&f.pin, &f.space, (gva_t){0x1000 + 12 * 341}, out, 12, &f.fault), 0);
    assert_memory_equal(out, slot, 12);
    tear_down(&f);
}

/* Leaf nodes change in the middle of a span, and a span covers many of them. */
static void test_many_nodes(void **state)
{
    struct fixture f;
    uint32_t pfn;

    (void)state;
    set_up(&f, 12, 3);
    pfn = guest_page(&f.ram);
    for (uint64_t i = 0; i < 3000; i++)
        guest_map(&f.ram, f.space.directory_pfn, 0x3ff000 + i * 0x1000, pfn + (uint32_t)(i & 1));
    guest_page(&f.ram);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x3ff000}, 3000ull * 0x1000, false, &f.runs, &f.fault), 0);
    assert_int_equal(f.runs.count, 1500);
    for (size_t i = 0; i < f.runs.count; i++) {
        assert_int_equal(f.runs.run[i].gpa.v, (uint64_t)pfn << 12);
        assert_int_equal(f.runs.run[i].length_bytes, 0x2000);
    }
    tear_down(&f);
}

static void test_blocks(void **state)
{
    struct fixture f;
    uint32_t next, rom;
    void *more, *flash;
    gpa_t gpa;

    (void)state;
    set_up(&f, 14, 3);
    /* A second block right behind the first, which ends inside a 16 KiB page of a third; and one that cannot be
     * written. */
    more = mmap(NULL, 0x5000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    flash = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(gmem_add_ram(f.g, RAM_GPA + RAM_BYTES, 0x5000, more, -1, 0, 0), 0);
    assert_int_equal(gmem_add_ram(f.g, RAM_GPA + RAM_BYTES + 0x5000, 0x3000, (uint8_t *)f.ram.host, -1, 0, 0), 0);
    assert_int_equal(gmem_add_ram(f.g, 1ull << 32, 0x4000, flash, -1, 0, PVG_RAM_READONLY), 0);
    assert_int_equal(gmem_ram_bytes(f.g), RAM_BYTES + 0x5000 + 0x3000 + 0x4000);
    repin(&f);

    next = (uint32_t)((RAM_GPA + RAM_BYTES) >> 14);
    rom = 1u << (32 - 14);
    guest_map(&f.ram, f.space.directory_pfn, 0x40000, next - 1);
    guest_map(&f.ram, f.space.directory_pfn, 0x44000, next);
    guest_map(&f.ram, f.space.directory_pfn, 0x48000, next + 1);
    guest_map(&f.ram, f.space.directory_pfn, 0x4c000, rom);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x40000}, 0xc000, true, &f.runs, &f.fault), 0);
    assert_int_equal(f.runs.count, 3); /* adjacent addresses, but not one block */
    assert_ptr_equal(f.runs.run[0].host, f.ram.host + RAM_BYTES - 0x4000);
    assert_ptr_equal(f.runs.run[1].host, more);
    assert_int_equal(f.runs.run[1].length_bytes, 0x5000);
    assert_ptr_equal(f.runs.run[2].host, f.ram.host);
    assert_int_equal(f.runs.run[2].length_bytes, 0x3000);

    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x40000}, 0x10000, false, &f.runs, &f.fault), 0);
    assert_int_equal(f.runs.count, 4);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x40000}, 0x10000, true, &f.runs, &f.fault),
                     PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_PT_TARGET);
    assert_int_equal(f.fault.gva.v, 0x4c000);
    assert_int_equal(f.fault.level, 2);
    assert_int_equal(f.runs.count, 0);

    /* A leaf node that crosses blocks works word by word. */
    *guest_entry(&f.ram, f.space.directory_pfn, 0x10000000, 1) = next + 1;
    *(uint32_t *)((uint8_t *)more + 0x4000 + 4 * 3) = rom; /* entry 3: in the second block */
    *(uint32_t *)(void *)(f.ram.host + 4 * 100) = next;    /* entry 1024 + 100: in the third */
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x10000000 + 3 * 0x4000}, &gpa, &f.fault), 0);
    assert_int_equal(gpa.v, 1ull << 32);
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x10000000 + 1124 * 0x4000}, &gpa, &f.fault), 0);
    assert_int_equal(gpa.v, RAM_GPA + RAM_BYTES);
    tear_down(&f);
    munmap(more, 0x5000);
    munmap(flash, 0x4000);
}

static void test_runs(void **state)
{
    struct fixture f;
    uint8_t pattern[0x6000], out[0x6000], rows[0x6000];

    (void)state;
    set_up(&f, 12, 3);
    for (int i = 0; i < 6; i++) {
        guest_map_fresh(&f.ram, f.space.directory_pfn, 0x10000 + 0x1000 * i, 1);
        f.ram.next += i & 1;
    }
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)(i ^ i >> 8);
    assert_int_equal(gmem_space_write(&f.pin, &f.space, (gva_t){0x10000}, pattern, 0x6000, &f.fault), 0);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x10000}, 0x6000, false, &f.runs, &f.fault), 0);
    assert_true(f.runs.count > 1);

    for (size_t at = 0; at < 0x6000; at += 0x3f1) {
        size_t n = sizeof(pattern) - at < 0x1234 ? sizeof(pattern) - at : 0x1234;

        gmem_runs_read(&f.runs, at, out, n);
        assert_memory_equal(out, pattern + at, n);
    }
    gmem_runs_read(&f.runs, 0x6000, out, 0);

    /* 13 rows of 0x123 bytes, 0x7d1 apart, from 0x77: rows cross pages. Then overlapping rows, then packed ones. */
    memset(rows, 0xaa, sizeof(rows));
    assert_int_equal(gmem_runs_read_rows(&f.pin, &f.runs, 0x77, 0x7d1, rows, 0x140, 0x123, 11), 0);
    for (size_t y = 0; y < 11; y++) {
        assert_memory_equal(rows + y * 0x140, pattern + 0x77 + y * 0x7d1, 0x123);
        assert_int_equal(rows[y * 0x140 + 0x123], 0xaa); /* the gap is left alone */
    }
    assert_int_equal(gmem_runs_read_rows(&f.pin, &f.runs, 0xfff, 1, rows, 0x40, 0x40, 5), 0);
    for (size_t y = 0; y < 5; y++)
        assert_memory_equal(rows + y * 0x40, pattern + 0xfff + y, 0x40);
    assert_int_equal(gmem_runs_read_rows(&f.pin, &f.runs, 3, 0x400, rows, 0x400, 0x400, 20), 0);
    assert_memory_equal(rows, pattern + 3, 0x5000);
    assert_int_equal(gmem_runs_read_rows(&f.pin, &f.runs, 0x6000 - 16, 0x1000, rows, 16, 16, 1), 0); /* one row at the very end */
    assert_memory_equal(rows, pattern + 0x6000 - 16, 16);

    /* Quiesced: not one row more. */
    memset(rows, 0xaa, sizeof(rows));
    assert_int_equal(gmem_go_on(&f.pin), 0);
    gmem_cut(f.pin.g);
    assert_int_equal(gmem_runs_read_rows(&f.pin, &f.runs, 0, 0x7d1, rows, 0x140, 0x123, 11), PVG_ERR_STOPPED);
    assert_int_equal(gmem_runs_read_rows(&f.pin, &f.runs, 0, 0x400, rows, 0x400, 0x400, 20), PVG_ERR_STOPPED);
    for (size_t i = 0; i < sizeof(rows); i++)
        assert_int_equal(rows[i], 0xaa);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_depths),        cmocka_unit_test(test_directory),
        cmocka_unit_test(test_spans),   cmocka_unit_test(test_slot_straddle), cmocka_unit_test(test_many_nodes),
        cmocka_unit_test(test_blocks),  cmocka_unit_test(test_runs),
    };

    return cmocka_run_group_tests_name("gmem_walk", tests, NULL, NULL);
}
