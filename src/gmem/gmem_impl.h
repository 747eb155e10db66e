/* SPDX-License-Identifier: MIT */
/*
 * What the files of gmem share and nobody else sees: the RAM table's snapshots, the page cache of callback mode, and
 * the checks they make for one another. (docs/spec/memory.md 1.3, 2, 10, 11)
 */
#ifndef PVG_GMEM_GMEM_IMPL_H
#define PVG_GMEM_GMEM_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/limits.h"
#include "gmem/gmem.h"

struct ram_block {
    uint64_t gpa;
    uint64_t length_bytes;
    uint8_t *host;
    int fd; /* borrowed from the VMM; -1: none */
    uint64_t fd_offset_bytes;
    uint32_t flags; /* PVG_RAM_* */
};

/* One immutable state of the RAM table. Lives until nobody refers to it: the gmem while it is current, and pins. */
struct ram_table {
    _Atomic uint64_t refs;
    struct ram_table *next; /* list of retired snapshots; under gmem.lock */
    uint64_t bytes;         /* sum of the blocks */
    size_t count;
    struct ram_block block[]; /* sorted by address, disjoint */
};

/* One page of the root task (callback mode). */
struct cache_slot {
    enum { SLOT_FREE, SLOT_BUSY, SLOT_READY } state; /* BUSY: its owner is in map_memory */
    bool writable;
    uint64_t page;    /* guest page number */
    uint64_t pin_seq; /* youngest pin that got a pointer into it */
    uint64_t tick;    /* of its last use */
    int32_t next;     /* in its hash chain; -1: end */
};

struct gmem {
    struct gmem_config config;
    uint64_t host_page_bytes;
    _Atomic uint64_t epoch; /* counts gmem_cut() */
    _Atomic uint64_t vmas;  /* mappings made by host views */
    atomic_flag view_copy_said;
    uint64_t intervals; /* mapped parts of all tasks (callback mode); of the thread that handles their commands */

    pthread_mutex_t lock;    /* protects all below */
    pthread_cond_t changed;  /* a retired table died, or a busy slot or root became ready */
    struct ram_table *table; /* current; never NULL in table mode */
    struct ram_table *retired;

    /* callback mode */
    pvg_task *root;
    uint8_t *root_base;
    bool root_busy;          /* somebody is in create_task */
    unsigned busy;           /* threads inside create_task or map_memory for the root task */
    struct cache_slot *slot; /* slot_count of them */
    int32_t *hash;           /* slot_count chains */
    int32_t slot_count;
    uint64_t tick;
    struct gmem_pin *oldest, *youngest; /* pins taken and not dropped, in the order of their seq */
    uint64_t next_seq;
};

/* Size of the root task in bytes (transport 11.4). */
#define ROOT_TASK_BYTES (16ull << 20)

static inline bool gmem_callbacks(const struct gmem *g)
{
    return g->config.tasks == PVG_TASKS_CALLBACKS;
}

/* Block of the pin's table that holds @gpa, or NULL. Table mode only. */
const struct ram_block *ram_block_find(struct gmem_pin *pin, uint64_t gpa);

static inline const struct ram_block *ram_block_at(struct gmem_pin *pin, uint64_t gpa)
{
    const struct ram_block *b = pin->last;

    if (b && gpa - b->gpa < b->length_bytes)
        return b;
    return ram_block_find(pin, gpa);
}

/* Table mode: host address of @length bytes at @gpa, inside one block, or NULL. */
static inline uint8_t *ram_ptr(struct gmem_pin *pin, uint64_t gpa, uint64_t length, bool write)
{
    const struct ram_block *b = ram_block_at(pin, gpa);

    if (!b || (write && (b->flags & PVG_RAM_READONLY)) || length > b->length_bytes - (gpa - b->gpa))
        return NULL;
    return b->host + (gpa - b->gpa);
}

/* Write memory of the guest, at @gpa, to the recording, if one is being made. */
static inline void gmem_record(struct gmem_pin *pin, uint64_t gpa, const void *bytes, size_t length)
{
    struct recorder *rec = pin->g->config.recorder;

    if (rec && recorder_on(rec))
        recorder_add(rec, pin->mapper ? RECORD_MAPPER_MEMORY : RECORD_PHYSICAL, &gpa, sizeof(gpa), bytes, length);
}

/* Callback mode (cache.c): the page that holds @gpa, mapped in the root task. Errors as gmem_ptr(). */
int cache_ptr(struct gmem_pin *pin, uint64_t gpa, bool write, void **out);
/* Callback mode: read_memory of the VMM. */
int callback_read(struct gmem_pin *pin, uint64_t gpa, void *dst, size_t length);

/* Walk.c: call @page for every page of a span that was checked, in order, until one returns non-zero. */
struct walk_page {
    uint64_t gpa; /* of the first byte of the span in this page */
    uint64_t length_bytes;
    uint64_t gva;
    uint32_t entry;
    uint32_t leaf_level;
};
typedef int walk_fn(void *opaque, struct gmem_pin *pin, const struct walk_page *page, struct gmem_fault *fault);
int walk_span(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, uint64_t length, walk_fn *fn,
              void *opaque, struct gmem_fault *fault);

int gmem_fail(struct gmem_fault *fault, enum refuse reason, uint64_t gva, uint32_t level, uint32_t entry);

/* Is the span inside the task, not empty and not longer than guest RAM can be? */
int span_check(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, uint64_t length,
               struct gmem_fault *fault);

/* Callback mode (space.c): is every byte of the span mapped by the VMM? The caller has checked the span. */
bool space_mapped(const struct gmem_space *space, uint64_t gva, uint64_t length);

#endif
