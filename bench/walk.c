/* SPDX-License-Identifier: MIT */
/*
 * Translation: looking up an address in the RAM table, and resolving the 2025 pages of a 1920x1080 surface to host
 * memory through a task's page table. Uses the library's insides: no public function does only this.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gmem/gmem.h"
#include "measure.h"
#include "wire/memory.h"

#define BLOCK_BYTES (64ull << 20)
#define BLOCKS_MAX  64
#define PAGES       2025u
#define VA          0x10000000ull
#define ROUNDS      500
#define LOOKUPS     4096

struct ram {
    uint8_t *host; /* BLOCK_BYTES, seen at several places when there are several blocks */
    struct gmem *g;
};

static void no_interrupt(void *opaque, uint32_t vector)
{
}

static void ram_new(struct ram *r, uint32_t blocks, struct log *log)
{
    static const struct pvg_host_ops ops = {.size = sizeof(ops), .raise_interrupt = no_interrupt};
    const struct gmem_config config = {.page_shift = 12, .tasks = PVG_TASKS_TABLE, .ops = &ops, .log = log};

    r->host = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (r->host == MAP_FAILED || gmem_new(&config, &r->g))
        die("out of memory");
    for (uint32_t i = 0; i < blocks; i++)
        if (gmem_add_ram(r->g, i * 2 * BLOCK_BYTES, BLOCK_BYTES, r->host, -1, 0, 0))
            die("no RAM");
}

static void ram_free(struct ram *r)
{
    gmem_free(r->g);
    munmap(r->host, BLOCK_BYTES);
}

/* Three levels from page 1 on, data pages from page 256 on, @step apart (mod the rest of the block). */
static struct gmem_space make_space(struct ram *r, uint32_t step)
{
    const struct directory d = {.root_pfn = 2, .depth = 3};
    uint32_t *root = (uint32_t *)(void *)(r->host + 2 * 4096), *middle = (uint32_t *)(void *)(r->host + 3 * 4096);
    uint32_t total = (uint32_t)(BLOCK_BYTES >> 12) - 256;

    directory_encode(r->host + 4096, &d, 1ull << 34);
    root[VA >> 32] = 3;
    for (uint32_t i = 0; i < PAGES; i++) {
        uint64_t page = (VA >> 12) + i;
        uint32_t table = (uint32_t)(4 + ((page >> 10) - (VA >> 22)));

        middle[page >> 10 & 1023] = table;
        ((uint32_t *)(void *)(r->host + table * 4096ull))[page & 1023] = 256 + i * step % total;
    }
    return (struct gmem_space){.task = 0, .directory_pfn = 1, .length_bytes = 1ull << 34};
}

static double resolve_us(struct ram *r, const struct gmem_space *space, struct gmem_runs *runs)
{
    struct gmem_pin pin = {0};
    struct gmem_fault fault;
    uint64_t begin;
    double us;

    gmem_pin(r->g, &pin);
    begin = now_ns();
    if (gmem_resolve(&pin, space, (gva_t){VA}, PAGES * 4096ull, false, runs, &fault))
        die("walk: %s", refuse_text(fault.reason));
    us = (double)(now_ns() - begin) / 1e3;
    gmem_unpin(&pin);
    return us;
}

static double copy_us(const struct gmem_runs *runs, uint8_t *dst)
{
    uint64_t begin = now_ns();

    gmem_runs_read(runs, 0, dst, PAGES * 4096ull);
    return (double)(now_ns() - begin) / 1e3;
}

static void measure_walk(struct log *log)
{
    struct samples scattered_us = {0}, straight_us = {0}, ref_us = {0};
    struct gmem_runs runs = {0};
    struct ram scattered, straight;
    struct gmem_space a, b;
    uint8_t *dst = malloc(PAGES * 4096ull);

    if (!dst)
        die("out of memory");
    ram_new(&scattered, 1, log);
    ram_new(&straight, 1, log);
    a = make_space(&scattered, 4999);
    b = make_space(&straight, 1);
    for (int i = 0; i < ROUNDS; i++) {
        samples_add(&straight_us, resolve_us(&straight, &b, &runs));
        if (runs.count != 1)
            die("%zu runs, expected 1", runs.count);
        samples_add(&scattered_us, resolve_us(&scattered, &a, &runs));
        if (runs.count != PAGES)
            die("%zu runs, expected %u", runs.count, PAGES);
        samples_add(&ref_us, copy_us(&runs, dst));
    }
    double ref = samples_quantile(&ref_us, 0.5);

    result_lower("walk of 2025 pages, contiguous", "us", samples_quantile(&straight_us, 0.5), ref,
                 "copying the pages it finds");
    result_lower("walk of 2025 pages, every page scattered", "us", samples_quantile(&scattered_us, 0.5), ref,
                 "copying the pages it finds");
    gmem_runs_fini(&runs);
    free(dst);
    ram_free(&scattered);
    ram_free(&straight);
    samples_free(&scattered_us);
    samples_free(&straight_us);
    samples_free(&ref_us);
}

/* Reads of 4 bytes at random addresses. */
static double lookup_ns(struct ram *r, const uint64_t *gpa)
{
    struct gmem_pin pin = {0};
    uint32_t sum = 0;
    uint64_t begin;
    double ns;

    gmem_pin(r->g, &pin);
    begin = now_ns();
    for (int i = 0; i < LOOKUPS; i++) {
        void *p;

        if (gmem_ptr(&pin, (gpa_t){gpa[i]}, 4, false, &p))
            die("address 0x%llx is not RAM", (unsigned long long)gpa[i]);
        sum += *(const uint32_t *)p;
    }
    ns = (double)(now_ns() - begin) / LOOKUPS;
    gmem_unpin(&pin);
    __asm__ volatile("" : : "r"(sum));
    return ns;
}

/* The floor: the same reads at host addresses. */
static double direct_ns(struct ram *r, const uint64_t *gpa)
{
    uint64_t begin = now_ns();
    uint32_t sum = 0;

    for (int i = 0; i < LOOKUPS; i++)
        sum += *(const uint32_t *)(const void *)(r->host + gpa[i] % (2 * BLOCK_BYTES));
    __asm__ volatile("" : : "r"(sum));
    return (double)(now_ns() - begin) / LOOKUPS;
}

static void measure_lookup(uint32_t blocks, struct log *log)
{
    struct samples ns = {0}, ref = {0};
    uint64_t gpa[LOOKUPS];
    char name[80];
    struct ram r;

    srand(1);
    ram_new(&r, blocks, log);
    for (int i = 0; i < LOOKUPS; i++)
        gpa[i] = (uint64_t)((uint32_t)rand() % blocks) * 2 * BLOCK_BYTES + (uint64_t)(rand() % 16384) * 4096;
    for (int i = 0; i < ROUNDS; i++) {
        samples_add(&ns, lookup_ns(&r, gpa));
        samples_add(&ref, direct_ns(&r, gpa));
    }
    snprintf(name, sizeof(name), "RAM-table lookup and read, %u block%s", blocks, blocks > 1 ? "s" : "");
    result_alone(name, "ns", samples_quantile(&ns, 0.5), "lower");
    snprintf(name, sizeof(name), "the same reads without a lookup, %u block%s", blocks, blocks > 1 ? "s" : "");
    result_alone(name, "ns", samples_quantile(&ref, 0.5), "lower");
    ram_free(&r);
    samples_free(&ns);
    samples_free(&ref);
}

static void drop_message(void *opaque, enum pvg_log_level level, const char *message)
{
}

int main(void)
{
    struct log log;

    log_init(&log, drop_message, NULL);
    measure_walk(&log);
    measure_lookup(1, &log);
    measure_lookup(4, &log);
    measure_lookup(BLOCKS_MAX, &log);
    log_fini(&log);
    return 0;
}
