/* SPDX-License-Identifier: MIT */
/*
 * Callback mode with a fake VMM (memory 10.1, transport 11.4): the root task and its page cache, tasks and maps, walks
 * through read_memory, every failure a callback can have, and a cut while a thread is inside one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "guest_ram.h"

#define RAM_BYTES (24ull << 20)

struct fixture {
    struct guest_ram ram;
    struct fake_vmm vmm;
    struct gmem *g;
    struct gmem_pin pin;
    struct gmem_space space;
    struct gmem_fault fault;
    struct gmem_runs runs;
};

static void set_up(struct fixture *f, uint32_t shift)
{
    memset(f, 0, sizeof(*f));
    guest_ram_init(&f->ram, shift, 0, RAM_BYTES);
    fake_vmm_init(&f->vmm, &f->ram);
    f->g = fake_vmm_gmem(&f->vmm);
    gmem_pin(f->g, &f->pin);
    f->space = (struct gmem_space){.task = 3, .length_bytes = 1ull << 34};
    f->space.directory_pfn = guest_directory(&f->ram, 3);
}

static void tear_down(struct fixture *f)
{
    f->vmm.hook = NULL;
    gmem_runs_fini(&f->runs);
    gmem_space_destroy(&f->pin, &f->space);
    gmem_unpin(&f->pin);
    gmem_free(f->g);
    assert_int_equal(f->vmm.creates, f->vmm.destroys);
    fake_vmm_fini(&f->vmm);
    guest_ram_fini(&f->ram);
}

static void test_root(void **state)
{
    struct fixture f;
    uint8_t in[0x2000], out[0x2000];
    void *p, *q;

    (void)state;
    set_up(&f, 12);
    assert_int_equal(gmem_ram_bytes(f.g), UINT64_MAX);
    assert_int_equal(gmem_add_ram(f.g, 0, RAM_BYTES, f.ram.host, f.ram.fd, 0, 0), PVG_ERR_INVALID);
    assert_int_equal(gmem_del_ram(f.g, 0, RAM_BYTES), PVG_ERR_INVALID);
    assert_int_equal(gmem_root_ready(&f.pin), 0);
    assert_int_equal(gmem_root_ready(&f.pin), 0);
    assert_int_equal(f.vmm.creates, 1);

    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0x5010}, 8, true, &p), 0);
    assert_int_equal(f.vmm.maps, 1);
    assert_false(f.vmm.last_readonly);
    memcpy(p, "stampstm", 8);
    assert_memory_equal(guest_at(&f.ram, 0x5010), "stampstm", 8);
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0x5018}, 8, false, &q), 0); /* a read uses the same mapping */
    assert_ptr_equal(q, (uint8_t *)p + 8);
    assert_int_equal(f.vmm.maps, 1);
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0x6000}, 8, false, &p), 0);
    assert_true(f.vmm.last_readonly);
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0x6000}, 8, true, &p), 0); /* to be written: a mapping of its own */
    assert_false(f.vmm.last_readonly);
    assert_int_equal(f.vmm.maps, 3);

    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 3 + 1);
    assert_int_equal(gmem_write(&f.pin, (gpa_t){0x8800}, in, sizeof(in)), 0);
    assert_memory_equal(guest_at(&f.ram, 0x8800), in, sizeof(in));
    assert_int_equal(gmem_read(&f.pin, (gpa_t){0x8800}, out, sizeof(out)), 0);
    assert_memory_equal(out, in, sizeof(in));
    assert_int_equal(f.vmm.reads, 1);

    /* Not RAM; a write that ends outside RAM writes nothing. */
    assert_int_equal(gmem_read(&f.pin, (gpa_t){RAM_BYTES - 1}, out, 2), PVG_ERR_NOT_RAM);
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){RAM_BYTES}, 1, true, &p), PVG_ERR_NOT_RAM);
    assert_null(p);
    memset(in, 0xdd, 4);
    assert_int_equal(gmem_write(&f.pin, (gpa_t){RAM_BYTES - 2}, in, 4), PVG_ERR_NOT_RAM);
    assert_int_equal(*(uint8_t *)guest_at(&f.ram, RAM_BYTES - 1), 0);
    assert_int_equal(gmem_write(&f.pin, (gpa_t){UINT64_MAX}, in, 4), PVG_ERR_NOT_RAM);
    /* A page that could not be mapped is asked for again. */
    f.vmm.refuse_map = 1;
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0x20000}, 1, true, &p), PVG_ERR_NOT_RAM);
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0x20000}, 1, true, &p), 0);

    gmem_unpin(&f.pin);
    gmem_root_drop(f.g);
    assert_int_equal(f.vmm.destroys, 1);
    gmem_root_drop(f.g);
    assert_int_equal(f.vmm.destroys, 1);
    gmem_pin(f.g, &f.pin);
    f.vmm.refuse_create = 1;
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0x5000}, 8, true, &p), PVG_ERR_SYSTEM);
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0x5000}, 8, true, &p), 0); /* root comes by itself */
    f.vmm.creates--;                                                     /* the refused one */
    tear_down(&f);
}

/* The cache holds 16 MiB; the oldest page that no live pin has touched makes room. */
static void test_lru(void **state)
{
    struct fixture f;
    uint64_t pages;
    int maps;
    void *p, *first;

    (void)state;
    set_up(&f, 14);
    pages = (16ull << 20) >> 14;
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0}, 4, true, &first), 0);
    for (uint64_t i = 1; i < pages; i++)
        assert_int_equal(gmem_ptr(&f.pin, (gpa_t){i << 14}, 4, true, &p), 0);
    assert_int_equal(f.vmm.maps, pages);
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){pages << 14}, 4, true, &p), PVG_ERR_NOMEM); /* all pinned */

    gmem_unpin(&f.pin);
    gmem_pin(f.g, &f.pin);
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0}, 4, true, &p), 0); /* young again */
    assert_ptr_equal(p, first);
    maps = f.vmm.maps;
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){pages << 14}, 4, true, &p), 0);
    assert_int_equal(f.vmm.maps, maps + 1);
    *(uint32_t *)p = 0x1234;
    assert_int_equal(*(uint32_t *)guest_at(&f.ram, pages << 14), 0x1234);
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){0}, 4, true, &p), 0); /* was kept */
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){2ull << 14}, 4, true, &p), 0);
    assert_int_equal(f.vmm.maps, maps + 1);
    assert_int_equal(gmem_ptr(&f.pin, (gpa_t){1ull << 14}, 4, true, &p), 0); /* was the one that made room */
    assert_int_equal(f.vmm.maps, maps + 2);

    /* Another, older pin holds what it touched, however old. */
    struct gmem_pin older = {0};

    gmem_unpin(&f.pin);
    gmem_pin(f.g, &older);
    assert_int_equal(gmem_ptr(&older, (gpa_t){3ull << 14}, 4, true, &first), 0);
    for (uint64_t round = 0; round < 2 * pages; round++) {
        gmem_pin(f.g, &f.pin);
        assert_int_equal(gmem_ptr(&f.pin, (gpa_t){(4 + round % (pages - 1)) << 14}, 4, true, &p), 0);
        gmem_unpin(&f.pin);
    }
    maps = f.vmm.maps;
    assert_int_equal(gmem_ptr(&older, (gpa_t){3ull << 14}, 4, true, &p), 0);
    assert_ptr_equal(p, first);
    assert_int_equal(f.vmm.maps, maps);
    gmem_unpin(&older);
    gmem_pin(f.g, &f.pin);
    tear_down(&f);
}

static void test_space(void **state)
{
    struct fixture f;
    uint8_t in[0x3000], out[0x3000];
    int maps;
    gpa_t gpa;

    (void)state;
    set_up(&f, 12);
    guest_map_fresh(&f.ram, f.space.directory_pfn, 0x10000, 0x2000);
    f.ram.next++;
    guest_map_fresh(&f.ram, f.space.directory_pfn, 0x12000, 0x2000);
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i ^ (i >> 7));
    guest_poke(&f.ram, f.space.directory_pfn, 0x10800, in, sizeof(in));

    f.vmm.refuse_create = 1;
    assert_int_equal(gmem_space_create(&f.pin, &f.space), PVG_ERR_SYSTEM);
    assert_null(f.space.handle);
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x10000}, 0x1000, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_TASK_MAP);
    f.vmm.creates--;
    assert_int_equal(gmem_space_create(&f.pin, &f.space), 0);
    assert_non_null(f.space.base);

    /* Before a mapping exists: walks and small reads work through read_memory, runs and writes do not. */
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x13abc}, &gpa, &f.fault), 0);
    assert_int_equal(gpa.v, (f.ram.next - 1) * 0x1000 + 0xabc);
    assert_int_equal(gmem_space_read(&f.pin, &f.space, (gva_t){0x10800}, out, sizeof(out), &f.fault), 0);
    assert_memory_equal(out, in, sizeof(in));
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x10000}, 1, false, &f.runs, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_PT_HOLE);
    assert_int_equal(gmem_space_write(&f.pin, &f.space, (gva_t){0x10000}, in, 1, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(gmem_space_read(&f.pin, &f.space, (gva_t){0x13fff}, out, 2, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_PT_HOLE);
    assert_int_equal(f.fault.gva.v, 0x14000);

    /* Maps: merged ranges, then all through the base. */
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x10000}, 0x4000, &f.fault), 0);
    assert_int_equal(f.vmm.last_ranges, 2);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x10800}, 0x3000, true, &f.runs, &f.fault), 0);
    assert_int_equal(f.runs.count, 1);
    assert_ptr_equal(f.runs.run[0].host, f.space.base + 0x10800);
    assert_int_equal(f.runs.run[0].gpa.v, UINT64_MAX);
    assert_memory_equal(f.runs.run[0].host, in, sizeof(in));
    memset(in, 0x42, 0x1800);
    assert_int_equal(gmem_space_write(&f.pin, &f.space, (gva_t){0x11000}, in, 0x1800, &f.fault), 0);
    assert_int_equal(gmem_space_read(&f.pin, &f.space, (gva_t){0x11000}, out, 0x1800, &f.fault), 0);
    assert_memory_equal(out, in, 0x1800);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x13fff}, 2, true, &f.runs, &f.fault), PVG_ERR_REFUSED);

    /* Refused maps change nothing. */
    maps = f.vmm.maps;
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x13000}, 0x2000, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_PT_HOLE);
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x10800}, 0x1000, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_VA_RANGE);
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x10000}, 0, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_SPAN_EMPTY);
    f.space.length_bytes = 1ull << 40;
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x10000}, (16ull << 30) + 0x1000, &f.fault),
                     PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_SPAN_LONG);
    f.space.length_bytes = 1ull << 34;
    assert_int_equal(f.vmm.maps, maps);
    guest_map(&f.ram, f.space.directory_pfn, 0x20000, 0x7fffff);
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x20000}, 0x1000, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_TASK_MAP);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x20000}, 1, false, &f.runs, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(gmem_space_read(&f.pin, &f.space, (gva_t){0x20000}, out, 1, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_PT_TARGET);
    f.vmm.refuse_read = 1;
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x10000}, &gpa, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_DIR_NOT_RAM);

    /* A batch that fails falls back to single reads (directory 2, upper nodes 2, then the batch). */
    f.vmm.reads = 0;
    assert_int_equal(gmem_walk(&f.pin, &f.space, (gva_t){0x10000}, &gpa, &f.fault), 0);
    assert_int_equal(f.vmm.reads, 5);

    /* Unmap: part, more than there is, to the end, nothing; a VMM that cannot. */
    gmem_space_unmap(&f.pin, &f.space, (gva_t){0x11800}, 0x800);
    assert_int_equal(f.vmm.unmaps, 1);
    assert_int_equal(f.space.mapped_count, 2);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x10000}, 0x1000, true, &f.runs, &f.fault), 0);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x12000}, 0x2000, true, &f.runs, &f.fault), 0);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x10fff}, 2, true, &f.runs, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x11000}, 0x1000, &f.fault), 0);
    assert_int_equal(f.space.mapped_count, 1); /* the gap is closed */
    gmem_space_unmap(&f.pin, &f.space, (gva_t){0x40000}, 0x1000);
    gmem_space_unmap(&f.pin, &f.space, (gva_t){0x10000}, 0);
    gmem_space_unmap(&f.pin, &f.space, (gva_t){1ull << 34}, 0x1000);
    assert_int_equal(f.vmm.unmaps, 1);
    f.vmm.refuse_unmap = 1;
    gmem_space_unmap(&f.pin, &f.space, (gva_t){0x13000}, UINT64_MAX);
    assert_int_equal(f.vmm.unmaps, 2);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x13000}, 1, false, &f.runs, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x10000}, 0x3000, true, &f.runs, &f.fault), 0);
    tear_down(&f);
}

/* A task that ends inside a page: an unmap to its end stays inside what the VMM has reserved, which the fake checks. */
static void test_odd_length(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, 14);
    f.space.length_bytes = 0x8000 + 0x1800;
    guest_map(&f.ram, f.space.directory_pfn, 0x4000, guest_page(&f.ram));
    guest_map(&f.ram, f.space.directory_pfn, 0x8000, guest_page(&f.ram));
    assert_int_equal(gmem_space_create(&f.pin, &f.space), 0);
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x8000}, 0x4000, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_VA_RANGE);
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x4000}, 0x4000, &f.fault), 0);
    gmem_space_unmap(&f.pin, &f.space, (gva_t){0x8000}, 0x4000); /* nothing whole is there */
    assert_int_equal(f.vmm.unmaps, 0);
    gmem_space_unmap(&f.pin, &f.space, (gva_t){0x4000}, UINT64_MAX);
    assert_int_equal(f.vmm.unmaps, 1);
    assert_int_equal(f.space.mapped_count, 0);
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x4000}, 0x4000, &f.fault), 0);
    gmem_space_unmap(&f.pin, &f.space, (gva_t){0x4000}, 0x4001);
    assert_int_equal(f.vmm.unmaps, 2);
    tear_down(&f);
}

/* 2025 pages go through read_memory in batches. */
static void test_batches(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, 12);
    for (uint64_t i = 0; i < 2025; i++)
        guest_map_fresh(&f.ram, f.space.directory_pfn, 0x200000 + i * 0x1000, 0x1000);
    assert_int_equal(gmem_space_create(&f.pin, &f.space), 0);
    assert_int_equal(gmem_space_map(&f.pin, &f.space, (gva_t){0x200000}, 2025 * 0x1000, &f.fault), 0);
    assert_true(f.vmm.reads < 2025 / 64 + 16);
    assert_true(f.vmm.last_ranges <= 4);
    tear_down(&f);
}

/* Mapping every other page: the number of separate mappings is bounded. */
static void test_interval_limit(void **state)
{
    struct gmem_space other = {.task = 4, .length_bytes = 1ull << 34};
    struct fixture f;
    uint32_t pfn;
    uint64_t i;
    int err = 0;

    (void)state;
    set_up(&f, 12);
    other.directory_pfn = f.space.directory_pfn;
    pfn = guest_page(&f.ram);
    for (i = 0; i < 40000; i++)
        guest_map(&f.ram, f.space.directory_pfn, 0x100000 + i * 0x1000, pfn);
    assert_int_equal(gmem_space_create(&f.pin, &f.space), 0);
    for (i = 0; i < 20000 && !err; i++)
        err = gmem_space_map(&f.pin, &f.space, (gva_t){0x100000 + i * 0x2000}, 0x1000, &f.fault);
    assert_int_equal(err, PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_TASK_MAP);
    assert_int_equal(f.space.mapped_count, 16384);

    /* All tasks share the bound: it stands for what the VMM's process may have. */
    assert_int_equal(gmem_space_create(&f.pin, &other), 0);
    err = gmem_space_map(&f.pin, &other, (gva_t){0x100000}, 0x3000, &f.fault);
    assert_int_equal(err, PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_TASK_MAP);
    gmem_space_unmap(&f.pin, &f.space, (gva_t){0x100000}, 0x1000);
    assert_int_equal(gmem_space_map(&f.pin, &other, (gva_t){0x100000}, 0x3000, &f.fault), 0);
    /* So does a hole, which makes two of one: what is above it goes. */
    gmem_space_unmap(&f.pin, &other, (gva_t){0x101000}, 0x1000);
    assert_int_equal(other.mapped_count, 1);
    assert_int_equal(gmem_resolve(&f.pin, &other, (gva_t){0x100000}, 0x1000, true, &f.runs, &f.fault), 0);
    assert_int_equal(gmem_resolve(&f.pin, &other, (gva_t){0x102000}, 0x1000, true, &f.runs, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(atomic_load(&f.vmm.log.refused[REFUSE_TASK_MAP]), 1);
    gmem_space_unmap(&f.pin, &f.space, (gva_t){0}, UINT64_MAX);
    assert_int_equal(f.space.mapped_count, 0);
    assert_int_equal(gmem_space_map(&f.pin, &other, (gva_t){0x101000}, 0x2000, &f.fault), 0);
    gmem_space_unmap(&f.pin, &other, (gva_t){0x101000}, 0x1000);
    assert_int_equal(other.mapped_count, 2); /* there is room again */
    gmem_space_destroy(&f.pin, &other);
    tear_down(&f);
}

static void cut_now(void *ctx)
{
    gmem_cut(ctx);
}

/* The device is quiesced while the thread is inside each callback: everything ends with STOPPED, nothing is lost. */
static void test_cut(void **state)
{
    struct fixture f;
    uint8_t out[16];
    gpa_t gpa;
    void *p;

    (void)state;
    set_up(&f, 12);
    guest_map_fresh(&f.ram, f.space.directory_pfn, 0x10000, 0x4000);
    f.vmm.hook_ctx = f.g;
#define CUT(call, want)                                                                                                \
    do {                                                                                                               \
        f.vmm.hook = cut_now;                                                                                          \
        assert_int_equal(call, PVG_ERR_STOPPED);                                                                       \
        assert_int_equal(call, PVG_ERR_STOPPED);                                                                       \
        f.vmm.hook = NULL;                                                                                             \
        gmem_unpin(&f.pin);                                                                                            \
        gmem_pin(f.g, &f.pin);                                                                                         \
        assert_int_equal(call, want);                                                                                  \
    } while (0)
    CUT(gmem_root_ready(&f.pin), 0);
    assert_int_equal(f.vmm.creates, 1);
    CUT(gmem_read(&f.pin, (gpa_t){0x100000}, out, 16), 0);
    CUT(gmem_ptr(&f.pin, (gpa_t){0x100000}, 16, true, &p), 0);
    assert_int_equal(f.vmm.maps, 1); /* the mapping that was made is used */
    CUT(gmem_write(&f.pin, (gpa_t){0x102000}, out, 16), 0);
    CUT(gmem_walk(&f.pin, &f.space, (gva_t){0x10000}, &gpa, &f.fault), 0);
    CUT(gmem_space_read(&f.pin, &f.space, (gva_t){0x10000}, out, 16, &f.fault), 0);

    f.vmm.hook = cut_now;
    assert_int_equal(gmem_space_create(&f.pin, &f.space), PVG_ERR_STOPPED);
    f.vmm.hook = NULL;
    assert_non_null(f.space.handle); /* to be destroyed by its owner */
    gmem_unpin(&f.pin);
    gmem_pin(f.g, &f.pin);
    CUT(gmem_space_map(&f.pin, &f.space, (gva_t){0x10000}, 0x4000, &f.fault), 0);
    f.vmm.hook = cut_now;
    gmem_space_unmap(&f.pin, &f.space, (gva_t){0x10000}, 0x1000);
    assert_true(f.pin.cut);
    f.vmm.hook = NULL;
    gmem_unpin(&f.pin);
    gmem_pin(f.g, &f.pin);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x10000}, 1, false, &f.runs, &f.fault), PVG_ERR_REFUSED);
    assert_int_equal(gmem_resolve(&f.pin, &f.space, (gva_t){0x11000}, 1, false, &f.runs, &f.fault), 0);
    tear_down(&f);
}

/* Two threads want the same page; the VMM takes its time. */
struct slow {
    sem_t entered, go;
    _Atomic int inside;
};

static void slow_hook(void *ctx)
{
    struct slow *s = ctx;

    s->inside++;
    sem_post(&s->entered);
    sem_wait(&s->go);
    s->inside--;
}

struct worker {
    struct gmem *g;
    struct gmem_pin pin;
    uint64_t gpa;
    int err;
    void *p;
};

static void *want_page(void *arg)
{
    struct worker *w = arg;

    gmem_pin(w->g, &w->pin);
    w->err = gmem_ptr(&w->pin, (gpa_t){w->gpa}, 4, true, &w->p);
    return NULL;
}

static void *drop_root(void *g)
{
    gmem_root_drop(g);
    return NULL;
}

/* @cut: the device is reset meanwhile, and the root task dropped, which waits for both callbacks. */
static void busy_page(bool cut)
{
    pthread_t dropper;
    struct fixture f;
    struct slow slow = {.inside = 0};
    struct worker w[3];
    pthread_t thread[3];
    uint8_t out[4];

    set_up(&f, 12);
    assert_int_equal(gmem_root_ready(&f.pin), 0);
    sem_init(&slow.entered, 0, 0);
    sem_init(&slow.go, 0, 0);
    f.vmm.hook_ctx = &slow;
    f.vmm.hook = slow_hook;
    for (int i = 0; i < 3; i++) {
        w[i] = (struct worker){.g = f.g, .gpa = i == 2 ? 0x9000 : 0x8000};
        assert_int_equal(pthread_create(&thread[i], NULL, want_page, &w[i]), 0);
        if (i != 1)
            sem_wait(&slow.entered); /* the first is in map_memory; so is the third, for another page */
        else
            while (!w[1].pin.in_callback) /* the second waits, and says so */
                sched_yield();
    }
    assert_int_equal(slow.inside, 2);
    assert_int_equal(f.vmm.maps, 2);
    assert_int_equal(gmem_ram_bytes(f.g), UINT64_MAX);
    if (cut) {
        gmem_cut(f.g);
        assert_int_equal(pthread_create(&dropper, NULL, drop_root, f.g), 0);
    }
    sem_post(&slow.go);
    sem_post(&slow.go);
    if (cut) {
        sem_post(&slow.go); /* destroy_task is a callback too */
        pthread_join(dropper, NULL);
        assert_int_equal(f.vmm.destroys, 1);
        assert_int_equal(slow.inside, 0);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(w[i].err, cut ? PVG_ERR_STOPPED : 0);
        gmem_unpin(&w[i].pin);
    }
    assert_int_equal(f.vmm.maps, 2);
    f.vmm.hook = NULL;
    if (!cut) {
        assert_ptr_equal(w[0].p, w[1].p);
        memcpy(w[1].p, "page", 4);
        assert_int_equal(gmem_read(&f.pin, (gpa_t){0x8000}, out, 4), 0);
        assert_memory_equal(out, "page", 4);
    }
    tear_down(&f);
    sem_destroy(&slow.entered);
    sem_destroy(&slow.go);
}

static void test_busy_page(void **state)
{
    (void)state;
    busy_page(false);
    busy_page(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root),           cmocka_unit_test(test_lru), cmocka_unit_test(test_space),
        cmocka_unit_test(test_batches),        cmocka_unit_test(test_cut), cmocka_unit_test(test_busy_page),
        cmocka_unit_test(test_interval_limit), cmocka_unit_test(test_odd_length),
    };

    return cmocka_run_group_tests_name("gmem_callback", tests, NULL, NULL);
}
