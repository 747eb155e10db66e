/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory: pages handed out in an order in which neighbours are never adjacent, as in a guest that has run
 * for a long time, and the address spaces of its tasks (memory.md 1 to 3). See guest.h.
 */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

#include "protocol.h"

#define FIRST_FREE_BYTES (1u << 20) /* below: what has to be contiguous */
#define SHUFFLE          0x2d6b     /* odd, so that every page comes up once: the number of pages is a power of two */

/* Fixed places below 1 MiB; page 0 stays unused, a page number of 0 means "none" everywhere. */
void memory_reset(struct guest *g)
{
    g->next_page = 0;
    g->spare_count = 0;
    g->root_page = g->page;
    g->info = 2 * g->page;
    g->fifo = 0x40000; /* 64 KiB, contiguous */
    memset(machine_ram(g->vmm, 0), 0, FIRST_FREE_BYTES);
}

uint64_t page_alloc(struct guest *g)
{
    const uint32_t per_block = (uint32_t)(RAM_BLOCK_BYTES >> g->shift), total = RAM_BLOCKS * per_block;
    uint64_t gpa = 0;

    if (g->spare_count)
        gpa = g->spare[--g->spare_count];
    while (!gpa && g->next_page < total) {
        uint32_t n = g->next_page++ * SHUFFLE % total;

        gpa = RAM_BLOCK_GPA(n / per_block) + ((uint64_t)(n % per_block) << g->shift);
        if (gpa < FIRST_FREE_BYTES)
            gpa = 0;
    }
    if (!gpa)
        abort(); /* the machine is too small for its own script */
    memset(machine_ram(g->vmm, gpa), 0, g->page);
    return gpa;
}

void page_free(struct guest *g, uint64_t gpa)
{
    if (g->spare_count == g->spare_capacity) {
        g->spare_capacity = g->spare_capacity ? 2 * g->spare_capacity : 1024;
        g->spare = realloc(g->spare, g->spare_capacity * sizeof(*g->spare));
        if (!g->spare)
            abort();
    }
    g->spare[g->spare_count++] = gpa;
}

bool pages_alloc(struct guest *g, struct pages *pages, uint64_t bytes)
{
    pages->count = (uint32_t)((bytes + g->page - 1) >> g->shift);
    pages->gpa = malloc(pages->count * sizeof(*pages->gpa));
    if (!pages->gpa)
        return guest_fail(g, "out of host memory");
    for (uint32_t i = 0; i < pages->count; i++)
        pages->gpa[i] = page_alloc(g);
    return true;
}

void pages_free(struct guest *g, struct pages *pages)
{
    for (uint32_t i = 0; i < pages->count; i++)
        page_free(g, pages->gpa[i]);
    free(pages->gpa);
    *pages = (struct pages){0};
}

uint8_t *pages_at(struct guest *g, const struct pages *pages, uint64_t offset)
{
    return (uint8_t *)machine_ram(g->vmm, pages->gpa[offset >> g->shift]) + (offset & (g->page - 1));
}

/* Directory and an empty table, then the command on root; only here is the id shifted, with a flag (memory 1.1, 1.3).
 */
bool task_define(struct guest *g, struct task *t, uint32_t id, uint32_t raw)
{
    uint32_t payload[4] = {raw, low(TASK_LENGTH), high(TASK_LENGTH)};

    *t = (struct task){.id = id, .directory = page_alloc(g), .root = page_alloc(g)};
    store32(g, t->directory + DIRECTORY_ROOT, (uint32_t)(t->root >> g->shift));
    store32(g, t->directory + DIRECTORY_DEPTH, TABLE_DEPTH);
    store32(g, t->directory + DIRECTORY_LENGTH, low(TASK_LENGTH));
    store32(g, t->directory + DIRECTORY_LENGTH + 4, high(TASK_LENGTH));
    payload[3] = (uint32_t)(t->directory >> g->shift);
    return submit_wait(g, &g->root, OP_DEFINE_TASK, payload, 4);
}

/* Nodes are made on the way down (memory 2.1). */
uint32_t *task_leaf(struct guest *g, struct task *t, uint64_t va)
{
    uint32_t bits = g->shift - 2;
    uint64_t node = t->root;

    for (uint32_t level = 0;; level++) {
        uint32_t index = (uint32_t)(va >> g->shift >> ((TABLE_DEPTH - 1 - level) * bits)) & ((1u << bits) - 1);
        uint64_t entry = node + 4 * index;

        if (level == TABLE_DEPTH - 1)
            return machine_ram(g->vmm, entry);
        if (!load32(g, entry))
            store32(g, entry, (uint32_t)(page_alloc(g) >> g->shift));
        node = (uint64_t)load32(g, entry) << g->shift;
    }
}

static bool tell(struct guest *g, struct task *t, uint32_t op, uint64_t va, const struct pages *pages)
{
    uint64_t bytes = (uint64_t)pages->count << g->shift;
    const uint32_t payload[5] = {t->id, low(va), high(va), low(bytes), high(bytes)};

    return submit(g, &g->immediate, op, payload, 5, NULL, 0) != 0;
}

bool task_map(struct guest *g, struct task *t, uint64_t va, const struct pages *pages)
{
    for (uint32_t i = 0; i < pages->count; i++)
        __atomic_store_n(task_leaf(g, t, va + ((uint64_t)i << g->shift)), (uint32_t)(pages->gpa[i] >> g->shift),
                         __ATOMIC_RELEASE);
    return tell(g, t, OP_MAP, va, pages);
}

/* Stricter than macOS, and safe: the device has let go before the entries and pages do (memory 13, step 8). */
bool task_unmap(struct guest *g, struct task *t, uint64_t va, const struct pages *pages)
{
    if (!tell(g, t, OP_UNMAP, va, pages) || !wait_stamp(g, &g->immediate, g->immediate.stamp))
        return false;
    for (uint32_t i = 0; i < pages->count; i++)
        __atomic_store_n(task_leaf(g, t, va + ((uint64_t)i << g->shift)), 0, __ATOMIC_RELEASE);
    return true;
}
