/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of memory for tests: a block of RAM, pages handed out of it, page tables built in it by hand from
 * memory 1.3 and 2.1 (not through src/gmem, so that a shared mistake shows), and a fake VMM for callback mode.
 */
#ifndef PVG_TESTS_GUEST_RAM_H
#define PVG_TESTS_GUEST_RAM_H

#include "gmem/gmem.h"

struct guest_ram {
    uint32_t shift;
    uint64_t gpa, bytes;
    uint8_t *host;
    int fd;        /* memfd behind it */
    uint64_t next; /* page number of the next page to hand out */
};

void guest_ram_init(struct guest_ram *r, uint32_t shift, uint64_t gpa, uint64_t bytes);
void guest_ram_fini(struct guest_ram *r);
/* Make the RAM known to @g, as shared memory with a file descriptor, or without. */
void guest_ram_add(struct guest_ram *r, struct gmem *g, bool with_fd);

/* Page number of a fresh zeroed page. */
uint32_t guest_page(struct guest_ram *r);
/* Host address of @gpa. */
void *guest_at(struct guest_ram *r, uint64_t gpa);
static inline void *guest_page_at(struct guest_ram *r, uint32_t pfn)
{
    return guest_at(r, (uint64_t)pfn << r->shift);
}

/* A directory page with an empty root node; returns its page number. */
uint32_t guest_directory(struct guest_ram *r, uint32_t depth);
/* Entry of @level for @gva; nodes on the way are made when they are missing. */
uint32_t *guest_entry(struct guest_ram *r, uint32_t directory, uint64_t gva, uint32_t level);
/* Map the page of @gva to @pfn. */
void guest_map(struct guest_ram *r, uint32_t directory, uint64_t gva, uint32_t pfn);
/* Map [@gva, + @length) to fresh pages. */
void guest_map_fresh(struct guest_ram *r, uint32_t directory, uint64_t gva, uint64_t length);
/* Copy to task memory through the tables, without src/gmem. Every page must be mapped. */
void guest_poke(struct guest_ram *r, uint32_t directory, uint64_t gva, const void *src, size_t length);

/* A VMM for callback mode over one guest_ram. Counters and switches may be touched by the test between calls. */
struct fake_vmm {
    struct guest_ram *ram;
    struct pvg_host_ops ops;
    struct log log;
    _Atomic int creates, destroys, maps, unmaps, reads;
    _Atomic int refuse_create, refuse_map, refuse_unmap, refuse_read; /* this many calls fail from now on */
    uint32_t last_ranges;                                             /* of the last map_memory */
    bool last_readonly;
    void (*hook)(void *ctx); /* runs inside every callback */
    void *hook_ctx;
};

void fake_vmm_init(struct fake_vmm *v, struct guest_ram *r);
struct gmem *fake_vmm_gmem(struct fake_vmm *v);
void fake_vmm_fini(struct fake_vmm *v);

/* A gmem in table mode over @r with a silent log. */
struct gmem *guest_ram_gmem(struct guest_ram *r, struct log *log);

#endif
