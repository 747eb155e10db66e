/* SPDX-License-Identifier: MIT */
/* The RAM table: adding, removing, pins that hold off a removal, physical reads, writes and pointers, cut pins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "guest_ram.h"

static uint8_t *host_pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(p, MAP_FAILED);
    return p;
}

static struct gmem *empty_gmem(struct log *log)
{
    struct gmem_config config = {.page_shift = 12, .tasks = PVG_TASKS_TABLE, .log = log};
    struct gmem *g;

    log_init(log, NULL, NULL);
    assert_int_equal(gmem_new(&config, &g), 0);
    return g;
}

static void test_new(void **state)
{
    struct gmem_config config = {.page_shift = 13, .tasks = PVG_TASKS_TABLE};
    struct gmem *g = (struct gmem *)&config;

    (void)state;
    assert_int_equal(gmem_new(&config, &g), PVG_ERR_INVALID);
    assert_null(g);
    config.page_shift = 14;
    assert_int_equal(gmem_new(&config, &g), 0);
    assert_int_equal(gmem_page_shift(g), 14);
    assert_int_equal(gmem_page_bytes(g), 16384);
    gmem_free(g);
    config.tasks = PVG_TASKS_CALLBACKS; /* without callbacks */
    assert_int_equal(gmem_new(&config, &g), PVG_ERR_INVALID);
    gmem_free(NULL);
}

static void test_add_del(void **state)
{
    uint8_t *host = host_pages(0x10000);
    struct log log;
    struct gmem *g = empty_gmem(&log);
    const struct {
        const char *name;
        uint64_t gpa, length;
        void *host;
        int fd;
        uint64_t offset;
        uint32_t flags;
        int want;
    } cases[] = {
        {"first", 0x10000, 0x4000, host, -1, 0, 0, 0},
        {"same again", 0x10000, 0x4000, host, -1, 0, 0, PVG_ERR_IN_USE},
        {"overlaps its start", 0xf000, 0x2000, host, -1, 0, 0, PVG_ERR_IN_USE},
        {"overlaps its end", 0x13000, 0x2000, host, -1, 0, 0, PVG_ERR_IN_USE},
        {"inside", 0x11000, 0x1000, host, -1, 0, 0, PVG_ERR_IN_USE},
        {"around", 0, 0x100000, host, -1, 0, 0, PVG_ERR_IN_USE},
        {"right behind", 0x14000, 0x1000, host, -1, 0, 0, 0},
        {"right before", 0xf000, 0x1000, host, -1, 0, 0, 0},
        {"empty", 0x20000, 0, host, -1, 0, 0, PVG_ERR_INVALID},
        {"address not aligned", 0x20800, 0x1000, host, -1, 0, 0, PVG_ERR_INVALID},
        {"length not aligned", 0x20000, 0x1800, host, -1, 0, 0, PVG_ERR_INVALID},
        {"host not aligned", 0x20000, 0x1000, host + 8, -1, 0, 0, PVG_ERR_INVALID},
        {"no host", 0x20000, 0x1000, NULL, -1, 0, 0, PVG_ERR_INVALID},
        {"unknown flag", 0x20000, 0x1000, host, -1, 0, 8, PVG_ERR_INVALID},
        {"overflow", UINT64_MAX - 0xfff, 0x2000, host, -1, 0, 0, PVG_ERR_INVALID},
        {"file offset overflow", 0x20000, 0x1000, host, 0, UINT64_MAX - 0xfff, 0, PVG_ERR_INVALID},
        {"far up", 1ull << 40, 0x1000, host, -1, 0, PVG_RAM_READONLY, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("  %s\n", cases[i].name);
        assert_int_equal(
            gmem_add_ram(g, cases[i].gpa, cases[i].length, cases[i].host, cases[i].fd, cases[i].offset, cases[i].flags),
            cases[i].want);
    }
    assert_int_equal(gmem_ram_bytes(g), 0x7000);
    assert_int_equal(gmem_del_ram(g, 0x10000, 0x3000), PVG_ERR_INVALID);
    assert_int_equal(gmem_del_ram(g, 0x11000, 0x4000), PVG_ERR_INVALID);
    assert_int_equal(gmem_del_ram(g, 0x10000, 0x4000), 0);
    assert_int_equal(gmem_del_ram(g, 0x10000, 0x4000), PVG_ERR_INVALID);
    assert_int_equal(gmem_ram_bytes(g), 0x3000);
    assert_int_equal(gmem_add_ram(g, 0x11000, 0x1000, host, -1, 0, 0), 0); /* its place is free again */
    gmem_free(g);
    log_fini(&log);
    munmap(host, 0x10000);
}

static void test_physical(void **state)
{
    uint8_t *a = host_pages(0x2000), *b = host_pages(0x2000), *rom = host_pages(0x1000), out[0x3000], in[0x3000];
    struct gmem_pin pin = {0};
    struct log log;
    struct gmem *g = empty_gmem(&log);
    void *p;

    (void)state;
    /* a ends where b starts; b ends where the ROM starts; behind it nothing. */
    assert_int_equal(gmem_add_ram(g, 0x10000, 0x2000, a, -1, 0, 0), 0);
    assert_int_equal(gmem_add_ram(g, 0x12000, 0x2000, b, -1, 0, 0), 0);
    assert_int_equal(gmem_add_ram(g, 0x14000, 0x1000, rom, -1, 0, PVG_RAM_READONLY), 0);
    gmem_pin(g, &pin);
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i + 1 + i / 255);

    assert_int_equal(gmem_write(&pin, (gpa_t){0x10800}, in, 0x3000), 0);
    assert_memory_equal(a + 0x800, in, 0x1800);
    assert_memory_equal(b, in + 0x1800, 0x1800);
    assert_int_equal(gmem_read(&pin, (gpa_t){0x10800}, out, 0x3000), 0);
    assert_memory_equal(out, in, 0x3000);

    memset(rom, 0x5a, 0x1000);
    assert_int_equal(gmem_read(&pin, (gpa_t){0x13fff}, out, 2), 0);
    assert_int_equal(out[1], 0x5a);
    in[0] = (uint8_t)~b[0x1fff];
    assert_int_equal(gmem_write(&pin, (gpa_t){0x13fff}, in, 2), PVG_ERR_NOT_RAM); /* all or nothing */
    assert_int_not_equal(b[0x1fff], in[0]);
    assert_int_equal(rom[0], 0x5a);
    out[0] = 0x77;
    assert_int_equal(gmem_read(&pin, (gpa_t){0x14fff}, out, 2), PVG_ERR_NOT_RAM);
    assert_int_equal(out[0], 0x77);
    assert_int_equal(gmem_read(&pin, (gpa_t){0xffff}, out, 2), PVG_ERR_NOT_RAM);
    assert_int_equal(gmem_read(&pin, (gpa_t){UINT64_MAX}, out, 2), PVG_ERR_NOT_RAM);
    assert_int_equal(gmem_read(&pin, (gpa_t){0}, out, 0), 0);

    assert_int_equal(gmem_ptr(&pin, (gpa_t){0x12ffc}, 4, true, &p), 0);
    assert_ptr_equal(p, b + 0xffc);
    assert_int_equal(gmem_ptr(&pin, (gpa_t){0x12ffc}, 5, true, &p), PVG_ERR_INVALID);
    assert_null(p);
    assert_int_equal(gmem_ptr(&pin, (gpa_t){0x12ffc}, 0, true, &p), PVG_ERR_INVALID);
    assert_int_equal(gmem_ptr(&pin, (gpa_t){0x14000}, 4, false, &p), 0);
    assert_int_equal(gmem_ptr(&pin, (gpa_t){0x14000}, 4, true, &p), PVG_ERR_NOT_RAM);
    assert_int_equal(gmem_ptr(&pin, (gpa_t){0x15000}, 4, false, &p), PVG_ERR_NOT_RAM);
    gmem_unpin(&pin);
    gmem_unpin(&pin); /* harmless */
    gmem_free(g);
    log_fini(&log);
    munmap(a, 0x2000);
    munmap(b, 0x2000);
    munmap(rom, 0x1000);
}

static void test_cut(void **state)
{
    uint8_t *host = host_pages(0x1000), out[4];
    struct gmem_pin pin = {0};
    struct gmem_runs runs = {0};
    struct gmem_space space = {.length_bytes = 0x1000, .directory_pfn = 1};
    struct gmem_fault fault;
    struct gmem_view view;
    struct log log;
    struct gmem *g = empty_gmem(&log);
    gpa_t gpa;
    void *p;

    (void)state;
    assert_int_equal(gmem_add_ram(g, 0x1000, 0x1000, host, -1, 0, 0), 0);
    gmem_pin(g, &pin);
    gmem_cut(g);
    assert_int_equal(gmem_read(&pin, (gpa_t){0x1000}, out, 4), 0); /* not in a callback: whoever cuts waits for it */
    gmem_callback_begin(&pin);
    assert_true(pin.in_callback);
    assert_int_equal(gmem_callback_end(&pin), PVG_ERR_STOPPED);
    assert_false(pin.in_callback);
    assert_int_equal(gmem_read(&pin, (gpa_t){0x1000}, out, 4), PVG_ERR_STOPPED);
    assert_int_equal(gmem_write(&pin, (gpa_t){0x1000}, out, 4), PVG_ERR_STOPPED);
    assert_int_equal(gmem_ptr(&pin, (gpa_t){0x1000}, 4, false, &p), PVG_ERR_STOPPED);
    assert_int_equal(gmem_walk(&pin, &space, (gva_t){0}, &gpa, &fault), PVG_ERR_STOPPED);
    assert_int_equal(gmem_resolve(&pin, &space, (gva_t){0}, 1, false, &runs, &fault), PVG_ERR_STOPPED);
    assert_int_equal(gmem_space_read(&pin, &space, (gva_t){0}, out, 4, &fault), PVG_ERR_STOPPED);
    assert_int_equal(gmem_space_write(&pin, &space, (gva_t){0}, out, 4, &fault), PVG_ERR_STOPPED);
    assert_int_equal(gmem_view_new(&pin, &runs, false, &view), PVG_ERR_STOPPED);
    gmem_unpin(&pin);
    gmem_pin(g, &pin); /* taken anew: works */
    assert_int_equal(gmem_read(&pin, (gpa_t){0x1000}, out, 4), 0);
    gmem_callback_begin(&pin);
    assert_int_equal(gmem_callback_end(&pin), 0);
    gmem_unpin(&pin);
    gmem_free(g);
    log_fini(&log);
    munmap(host, 0x1000);
}

struct deleter {
    struct gmem *g;
    _Atomic bool unpinned, returned, early;
};

static void *delete_block(void *arg)
{
    struct deleter *d = arg;

    if (gmem_del_ram(d->g, 0x10000, 0x1000))
        d->early = true;
    if (!d->unpinned)
        d->early = true;
    d->returned = true;
    return NULL;
}

/* Pins on two older snapshots hold off the removal; one on a snapshot without the block does not. */
static void test_del_waits(void **state)
{
    uint8_t *a = host_pages(0x1000), *b = host_pages(0x1000), out[4];
    struct gmem_pin old = {0}, older = {0}, probe = {0};
    struct log log;
    struct gmem *g = empty_gmem(&log);
    struct deleter d = {.g = g};
    pthread_t thread;
    int gone = 0;

    (void)state;
    assert_int_equal(gmem_add_ram(g, 0x10000, 0x1000, a, -1, 0, 0), 0);
    gmem_pin(g, &older);
    assert_int_equal(gmem_add_ram(g, 0x20000, 0x1000, b, -1, 0, 0), 0);
    gmem_pin(g, &old);
    assert_int_equal(pthread_create(&thread, NULL, delete_block, &d), 0);
    while (!gone) { /* until the new table is there */
        gmem_unpin(&probe);
        gmem_pin(g, &probe);
        gone = gmem_read(&probe, (gpa_t){0x10000}, out, 4) == PVG_ERR_NOT_RAM;
        sched_yield();
    }
    assert_int_equal(gmem_read(&old, (gpa_t){0x10000}, out, 4), 0);
    gmem_unpin(&old);
    sched_yield();
    assert_false(d.returned);
    assert_int_equal(gmem_read(&older, (gpa_t){0x10000}, out, 4), 0);
    assert_int_equal(gmem_read(&older, (gpa_t){0x20000}, out, 4), PVG_ERR_NOT_RAM);
    d.unpinned = true;
    gmem_unpin(&older);
    pthread_join(thread, NULL);
    assert_true(d.returned);
    assert_false(d.early);
    assert_int_equal(gmem_read(&probe, (gpa_t){0x20000}, out, 4), 0);
    gmem_unpin(&probe);
    gmem_free(g);
    log_fini(&log);
    munmap(a, 0x1000);
    munmap(b, 0x1000);
}

struct reader {
    struct gmem *g;
    _Atomic bool stop;
    _Atomic uint64_t reads;
};

static void *read_all(void *arg)
{
    struct reader *r = arg;
    struct gmem_pin pin = {0};
    uint32_t word;

    while (!r->stop) {
        gmem_pin(r->g, &pin);
        if (!gmem_read(&pin, (gpa_t){0x10000}, &word, 4))
            r->reads++;
        gmem_unpin(&pin);
    }
    return NULL;
}

/* Blocks come and go, each really unmapped after its removal, while threads read: no stray access, no leak of
 * snapshots. */
static void test_storm(void **state)
{
    struct log log;
    struct gmem *g = empty_gmem(&log);
    struct reader r = {.g = g};
    pthread_t thread[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, read_all, &r), 0);
    for (int i = 0; i < 300; i++) {
        uint8_t *host = host_pages(0x1000);
        uint64_t before = r.reads;

        assert_int_equal(gmem_add_ram(g, 0x10000, 0x1000, host, -1, 0, 0), 0);
        while (r.reads == before)
            sched_yield();
        assert_int_equal(gmem_del_ram(g, 0x10000, 0x1000), 0);
        munmap(host, 0x1000);
    }
    r.stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    gmem_free(g);
    log_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new), cmocka_unit_test(test_add_del),   cmocka_unit_test(test_physical),
        cmocka_unit_test(test_cut), cmocka_unit_test(test_del_waits), cmocka_unit_test(test_storm),
    };

    return cmocka_run_group_tests_name("gmem_ram", tests, NULL, NULL);
}
