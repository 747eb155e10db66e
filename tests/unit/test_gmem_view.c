/* SPDX-License-Identifier: MIT */
/* Contiguous host views (memory 11): in place, mapped over a reservation, copied; the mapping budget; read-only memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "guest_ram.h"

struct fixture {
    struct guest_ram ram;
    struct log log;
    struct gmem *g;
    struct gmem_pin pin;
    struct gmem_space space;
    struct gmem_fault fault;
    struct gmem_runs runs;
    int said; /* messages logged */
};

static void on_log(void *opaque, enum pvg_log_level level, const char *message)
{
    (void)level;
    (void)message;
    ++*(int *)opaque;
}

static void set_up(struct fixture *f, bool with_fd)
{
    struct gmem_config config = {.page_shift = 12, .tasks = PVG_TASKS_TABLE, .log = &f->log};

    memset(f, 0, sizeof(*f));
    guest_ram_init(&f->ram, 12, 1ull << 32, 64ull << 20);
    log_init(&f->log, on_log, &f->said);
    assert_int_equal(gmem_new(&config, &f->g), 0);
    guest_ram_add(&f->ram, f->g, with_fd);
    gmem_pin(f->g, &f->pin);
    f->space = (struct gmem_space){.task = 0, .length_bytes = 1ull << 34};
    f->space.directory_pfn = guest_directory(&f->ram, 3);
}

static void tear_down(struct fixture *f)
{
    gmem_runs_fini(&f->runs);
    gmem_unpin(&f->pin);
    gmem_free(f->g);
    log_fini(&f->log);
    guest_ram_fini(&f->ram);
}

/* @pages pages at @gva, each with a gap behind it. */
static void scatter(struct fixture *f, uint64_t gva, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) {
        guest_map_fresh(&f->ram, f->space.directory_pfn, gva + i * 0x1000, 0x1000);
        f->ram.next++;
    }
}

static void resolve(struct fixture *f, uint64_t gva, uint64_t length)
{
    assert_int_equal(gmem_resolve(&f->pin, &f->space, (gva_t){gva}, length, false, &f->runs, &f->fault), 0);
}

static void fill(uint8_t *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 13 + i / 256 + seed);
}

static void test_in_place(void **state)
{
    struct fixture f;
    struct gmem_view view;

    (void)state;
    set_up(&f, true);
    guest_map_fresh(&f.ram, f.space.directory_pfn, 0x10000, 0x8000);
    resolve(&f, 0x10123, 0x4000);
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, true, &view), 0);
    assert_ptr_equal(view.host, f.runs.run[0].host);
    assert_false(view.copied);
    assert_int_equal(view.vmas, 0);
    gmem_view_fini(&view);
    f.runs.count = 0;
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, false, &view), PVG_ERR_INVALID);
    tear_down(&f);
}

/* Shared: guest writes show in the view, writes through the view show in the guest, also in the middle of pages. */
static void test_mapped(void **state)
{
    struct fixture f;
    struct gmem_view view;
    uint8_t pattern[0x8000], byte;

    (void)state;
    set_up(&f, true);
    scatter(&f, 0x10000, 8);
    fill(pattern, sizeof(pattern), 1);
    guest_poke(&f.ram, f.space.directory_pfn, 0x10000, pattern, sizeof(pattern));
    resolve(&f, 0x10345, 0x7000);
    assert_int_equal(f.runs.count, 8);
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, true, &view), 0);
    assert_false(view.copied);
    assert_int_equal(view.vmas, 8);
    assert_memory_equal(view.host, pattern + 0x345, 0x7000);
    byte = 0x99;
    guest_poke(&f.ram, f.space.directory_pfn, 0x13456, &byte, 1);
    assert_int_equal(view.host[0x13456 - 0x10345], 0x99);
    view.host[0x6fff] = 0x77;
    assert_int_equal(gmem_space_read(&f.pin, &f.space, (gva_t){0x17344}, &byte, 1, &f.fault), 0);
    assert_int_equal(byte, 0x77);
    gmem_view_refresh(&view, &f.runs); /* nothing to do */
    gmem_view_fini(&view);
    assert_null(view.host);
    tear_down(&f);
}

static void copied(bool with_fd, uint32_t flags)
{
    struct fixture f;
    struct gmem_view view;
    uint8_t pattern[0x4000];

    set_up(&f, with_fd);
    if (!flags) { /* the same memory, not announced as shared */
        gmem_unpin(&f.pin);
        assert_int_equal(gmem_del_ram(f.g, f.ram.gpa, f.ram.bytes), 0);
        assert_int_equal(gmem_add_ram(f.g, f.ram.gpa, f.ram.bytes, f.ram.host, f.ram.fd, 0, flags), 0);
        gmem_pin(f.g, &f.pin);
    }
    scatter(&f, 0x10000, 4);
    fill(pattern, sizeof(pattern), 5);
    guest_poke(&f.ram, f.space.directory_pfn, 0x10000, pattern, sizeof(pattern));
    resolve(&f, 0x10010, 0x3000);
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, true, &view), PVG_ERR_UNSUPPORTED); /* a copy cannot be written */
    assert_int_equal(f.said, 0);
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, false, &view), 0);
    assert_true(view.copied);
    assert_int_equal(view.vmas, 0);
    assert_memory_equal(view.host, pattern + 0x10, 0x3000);
    fill(pattern, sizeof(pattern), 6);
    guest_poke(&f.ram, f.space.directory_pfn, 0x10000, pattern, sizeof(pattern));
    gmem_view_refresh(&view, &f.runs);
    assert_memory_equal(view.host, pattern + 0x10, 0x3000);
    gmem_view_fini(&view);
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, false, &view), 0);
    gmem_view_fini(&view);
    assert_int_equal(f.said, 1); /* said once */
    tear_down(&f);
}

static void test_copied(void **state)
{
    (void)state;
    copied(false, PVG_RAM_SHARED);
    copied(true, 0);
}

/* A run that does not lie as in its host page cannot be mapped beside the others: 16 KiB guest pages cut by a block. */
static void test_misaligned(void **state)
{
    struct fixture f;
    struct gmem_view view;
    struct gmem_runs odd;

    (void)state;
    set_up(&f, true);
    scatter(&f, 0x10000, 4);
    resolve(&f, 0x10000, 0x4000);
    odd = f.runs;
    odd.run[1].host += 0x10; /* no resolve makes this today; the check must not depend on that */
    odd.run[1].gpa.v += 0x10;
    odd.run[1].length_bytes -= 0x10;
    odd.length_bytes -= 0x10;
    assert_int_equal(gmem_view_new(&f.pin, &odd, false, &view), 0);
    assert_true(view.copied);
    gmem_view_fini(&view);
    tear_down(&f);
}

/* Files that cannot be mapped there: the view is a copy and nothing is left behind. */
static void test_mmap_fails(void **state)
{
    struct fixture f;
    struct gmem_view view, good;
    int pipes[2];
    uint8_t *host = mmap(NULL, 0x8000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    set_up(&f, true);
    assert_int_equal(pipe(pipes), 0);
    gmem_unpin(&f.pin);
    assert_int_equal(gmem_add_ram(f.g, 0x10000, 0x8000, host, pipes[0], 0, PVG_RAM_SHARED), 0);
    gmem_pin(f.g, &f.pin);
    for (uint32_t i = 0; i < 4; i++)
        guest_map(&f.ram, f.space.directory_pfn, 0x10000 + 0x1000 * i, 0x10 + 2 * i);
    fill(host, 0x8000, 3);
    resolve(&f, 0x10000, 0x4000);
    for (int n = 0; n < LIMIT_VIEW_VMAS / 4 + 1;
         n++) { /* often enough to spend the budget, if it were not given back */
        assert_int_equal(gmem_view_new(&f.pin, &f.runs, false, &view), 0);
        assert_true(view.copied);
        for (int i = 0; i < 4; i++)
            assert_memory_equal(view.host + 0x1000 * i, host + 0x2000 * i, 0x1000);
        gmem_view_fini(&view);
    }

    /* The budget is whole again. */
    scatter(&f, 0x100000, 4);
    resolve(&f, 0x100000, 0x4000);
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, false, &good), 0);
    assert_false(good.copied);
    gmem_view_fini(&good);
    tear_down(&f);
    munmap(host, 0x8000);
    close(pipes[0]);
    close(pipes[1]);
}

static void test_readonly(void **state)
{
    struct fixture f;
    struct gmem_view view;
    uint8_t *rom = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    set_up(&f, true);
    gmem_unpin(&f.pin);
    assert_int_equal(gmem_add_ram(f.g, 0x10000, 0x4000, rom, -1, 0, PVG_RAM_READONLY), 0);
    gmem_pin(f.g, &f.pin);
    guest_map(&f.ram, f.space.directory_pfn, 0x10000, 0x10);
    guest_map(&f.ram, f.space.directory_pfn, 0x11000, 0x12);
    resolve(&f, 0x10000, 0x2000);
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, true, &view), PVG_ERR_NOT_RAM);
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, false, &view), 0);
    assert_true(view.copied);
    gmem_view_fini(&view);
    tear_down(&f);
    munmap(rom, 0x4000);
}

/* Views beyond LIMIT_VIEW_VMAS mappings are copies; freeing one makes room. */
static void test_budget(void **state)
{
    enum { PAGES = 1000, VIEWS = LIMIT_VIEW_VMAS / PAGES };
    struct fixture f;
    struct gmem_view view[VIEWS], over;

    (void)state;
    set_up(&f, true);
    scatter(&f, 0x1000000, PAGES);
    resolve(&f, 0x1000000, PAGES * 0x1000ull);
    for (int i = 0; i < VIEWS; i++) {
        assert_int_equal(gmem_view_new(&f.pin, &f.runs, true, &view[i]), 0);
        assert_false(view[i].copied);
    }
    *(uint32_t *)(void *)(view[3].host + 0x345678) = 0xfeedf00d;
    assert_int_equal(*(uint32_t *)(void *)(view[9].host + 0x345678), 0xfeedf00d); /* the same memory */
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, true, &over), PVG_ERR_UNSUPPORTED);
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, false, &over), 0);
    assert_true(over.copied);
    assert_memory_equal(over.host, view[0].host, PAGES * 0x1000ull);
    gmem_view_fini(&over);
    gmem_view_fini(&view[0]);
    assert_int_equal(gmem_view_new(&f.pin, &f.runs, true, &view[0]), 0);
    assert_false(view[0].copied);
    for (int i = 0; i < VIEWS; i++)
        gmem_view_fini(&view[i]);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_place),   cmocka_unit_test(test_mapped),     cmocka_unit_test(test_copied),
        cmocka_unit_test(test_misaligned), cmocka_unit_test(test_mmap_fails), cmocka_unit_test(test_readonly),
        cmocka_unit_test(test_budget),
    };

    return cmocka_run_group_tests_name("gmem_view", tests, NULL, NULL);
}
