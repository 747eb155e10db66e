/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of the surface mapper for tests, and the VMM's (memory 9): ring, descriptor table, records, page
 * lists, surfaces with pixels, presents of mappings; the callbacks count what is mapped and wake whoever waits.
 */
#ifndef PVG_TESTS_LIB_MAPPER_H
#define PVG_TESTS_LIB_MAPPER_H

#include "lib/guest.h"
#include "lib/screen.h"
#include "wire/iosfc.h"

#define MAPPER_UNANSWERED 0xdeadbeefu /* what the guest leaves in the result word */

struct mapper {
    struct guest *g;
    struct pvg_iosfc *m;
    uint32_t ring_pfn, capacity, table_pfn;
    uint64_t producer;
    bool wraps; /* indices are taken modulo the capacity */
    /* under vmm.lock */
    uint64_t interrupts, maps, unmaps;
    int64_t live;        /* ranges mapped and not given back */
    uint32_t refuse_map; /* this many calls fail from now on */
    bool page_by_page;   /* ranges longer than a page cannot be mapped */
    /* In the callbacks, without the lock; NULL: nothing. */
    _Atomic(void (*)(struct mapper *)) on_map, on_interrupt;
};

/* A surface of the guest's, 4 bytes per pixel. */
struct mapped {
    uint32_t id;
    struct iosfc_surface desc;
    uint32_t *pages; /* page numbers; owned */
    uint32_t page_count;
};

/* The device's mapper, with no ring so far; and its end (NULL-safe where it was freed before). */
void mapper_new(struct mapper *mp, struct guest *g);
/* Another one in the place of one that was freed; the guest's side stays as it is. */
void mapper_attach(struct mapper *mp);
void mapper_free(struct mapper *mp);
/* Ring of @capacity entries and an empty table; the registers are written as a guest does. */
void mapper_start(struct mapper *mp, uint32_t capacity);

static inline uint64_t mapper_read(struct mapper *mp, uint64_t offset)
{
    return pvg_iosfc_mmio_read(mp->m, offset, 8);
}
static inline void mapper_write(struct mapper *mp, uint64_t offset, uint64_t value)
{
    pvg_iosfc_mmio_write(mp->m, offset, value, 8);
}

/* The entry that @index (growing) names. */
uint8_t *mapper_entry(struct mapper *mp, uint64_t index);
/* Put a request behind the others; mapper_ring() publishes. */
void mapper_put(struct mapper *mp, uint32_t operation, uint32_t id);
void mapper_ring(struct mapper *mp);
/* Sleep until all that was published is consumed. */
void mapper_wait(struct mapper *mp);
/* One request, waited for; its result word. */
uint32_t mapper_do(struct mapper *mp, uint32_t operation, uint32_t id);

/* Table entry and record of @id; the record's page is made. */
_Atomic uint32_t *mapper_table_entry(struct mapper *mp, uint32_t id);
uint8_t *mapper_record(struct mapper *mp, uint32_t id);
/* The page list of @s. */
_Atomic uint32_t *mapped_list(struct mapper *mp, const struct mapped *s);

/* Pages, page list and record of a surface. @stride 0: tight. */
void mapped_new(struct mapper *mp, struct mapped *s, uint32_t id, uint32_t width, uint32_t height, uint32_t format,
                uint32_t stride, bool contiguous);
void mapped_free(struct mapped *s);
/* Write list and record as the fields say. */
void mapped_describe(struct mapper *mp, const struct mapped *s);
void mapped_write(struct mapper *mp, const struct mapped *s, uint64_t offset, const void *src, uint64_t bytes);
/* pattern() into plane 0, 4 bytes per pixel. */
void mapped_pattern(struct mapper *mp, const struct mapped *s, uint32_t seed);

/* 0x08 without gamma; returns the stamp. */
uint32_t mapped_present(struct screen *s, uint32_t id);
/* The same, waited for. */
void mapped_show(struct screen *s, uint32_t id);

#endif
