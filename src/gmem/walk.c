/* SPDX-License-Identifier: MIT */
/*
 * The page table of a task (docs/spec/memory.md 1.3, 2): from task-virtual pages to guest-physical ones.
 *
 * Nodes are read in place with relaxed 32-bit loads (table mode) or in batches through read_memory (callback mode);
 * upper levels are walked once per leaf node. The guest may change everything meanwhile: each entry is loaded once,
 * depth and number of pages are bounded, and a failed walk has no address. Any thread that holds a pin.
 */
#include "gmem/gmem_impl.h"

#include "wire/memory.h"

#define BATCH 64u /* leaf entries per read_memory; divides the entries of a node */

struct walker {
    struct gmem_pin *pin;
    struct gmem_fault *fault;
    uint32_t shift, bits, depth;
    uint32_t root_pfn;
    uint64_t pages_left;          /* of the walk, for the recording */
    uint64_t key;                 /* page number >> bits of the leaf node below; UINT64_MAX: none yet */
    uint64_t node_gpa;            /* leaf node */
    const _Atomic uint32_t *node; /* table mode: the leaf node, when all of it is in one block */
    uint32_t batch_first;         /* callback mode: index of the first entry of @batch; UINT32_MAX: none */
    uint32_t batch[BATCH];
};

int gmem_fail(struct gmem_fault *fault, enum refuse reason, uint64_t gva, uint32_t level, uint32_t entry)
{
    *fault = (struct gmem_fault){.reason = reason, .gva = {gva}, .level = level, .entry = entry};
    return PVG_ERR_REFUSED;
}

static uint32_t load(const _Atomic uint32_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

/* One aligned 32-bit word of guest memory. */
static int read_word(struct gmem_pin *pin, uint64_t gpa, uint32_t *out)
{
    const _Atomic uint32_t *p;

    if (gmem_callbacks(pin->g)) {
        int err = callback_read(pin, gpa, out, sizeof(*out));

        if (!err)
            gmem_record(pin, gpa, out, sizeof(*out));
        return err;
    }
    p = (const _Atomic uint32_t *)(const void *)ram_ptr(pin, gpa, sizeof(*out), false);
    if (!p)
        return PVG_ERR_NOT_RAM;
    *out = load(p);
    gmem_record(pin, gpa, out, sizeof(*out));
    return 0;
}

static int walker_init(struct walker *w, struct gmem_pin *pin, const struct gmem_space *space, gva_t gva,
                       struct gmem_fault *fault)
{
    uint64_t directory = (uint64_t)space->directory_pfn << gmem_page_shift(pin->g);
    int err;

    w->pin = pin;
    w->fault = fault;
    w->shift = gmem_page_shift(pin->g);
    w->bits = pt_level_bits(w->shift);
    w->key = UINT64_MAX;
    w->batch_first = UINT32_MAX;
    if (pin->cut)
        return PVG_ERR_STOPPED;
    if (!space->directory_pfn)
        return gmem_fail(fault, REFUSE_DIR_NONE, gva.v, 0, 0);
    err = read_word(pin, directory + DIRECTORY_ROOT, &w->root_pfn);
    err = err ? err : read_word(pin, directory + DIRECTORY_DEPTH, &w->depth);
    if (err == PVG_ERR_NOT_RAM)
        return gmem_fail(fault, REFUSE_DIR_NOT_RAM, gva.v, 0, space->directory_pfn);
    if (err)
        return err;
    if (!w->root_pfn)
        return gmem_fail(fault, REFUSE_PT_ROOT_NONE, gva.v, 0, 0);
    if (!w->depth || w->depth > LIMIT_PT_DEPTH)
        return gmem_fail(fault, REFUSE_PT_DEPTH, gva.v, 0, w->depth);
    return 0;
}

/* Is @gva below the reach of the table? */
static bool in_reach(const struct walker *w, uint64_t gva)
{
    return !(gva >> (w->shift + w->depth * w->bits));
}

/* Page number in @entry of @level, or why there is none. */
static inline int entry_check(struct walker *w, uint64_t gva, uint32_t level, uint32_t entry)
{
    if (entry & PTE_PFN_MASK)
        return 0;
    return gmem_fail(w->fault, entry ? REFUSE_PT_CORRUPT : REFUSE_PT_HOLE, gva, level, entry);
}

/* The entries of the leaf node that the walk will look at, in one record. */
static void record_leaves(struct walker *w, uint64_t vpn)
{
    uint64_t first = vpn & ((1ull << w->bits) - 1), n = (1ull << w->bits) - first;

    if (w->node)
        gmem_record(w->pin, w->node_gpa + PTE_BYTES * first, (const void *)(w->node + first),
                    PTE_BYTES * (n < w->pages_left ? n : w->pages_left));
}

/* Find the leaf node for page number @vpn. */
static int descend(struct walker *w, uint64_t vpn)
{
    uint64_t index_mask = (1ull << w->bits) - 1, gva = vpn << w->shift;
    uint32_t pfn = w->root_pfn & PTE_PFN_MASK;

    w->key = UINT64_MAX;
    w->batch_first = UINT32_MAX;
    for (uint32_t level = 0; level + 1 < w->depth; level++) {
        uint64_t index = (vpn >> ((w->depth - 1 - level) * w->bits)) & index_mask;
        uint32_t entry = 0;
        int err = read_word(w->pin, ((uint64_t)pfn << w->shift) + PTE_BYTES * index, &entry);

        if (err == PVG_ERR_NOT_RAM)
            return gmem_fail(w->fault, REFUSE_PT_NOT_RAM, gva, level, pfn);
        err = err ? err : entry_check(w, gva, level, entry);
        if (err)
            return err;
        pfn = entry & PTE_PFN_MASK;
    }
    w->node_gpa = (uint64_t)pfn << w->shift;
    w->node = NULL;
    if (!gmem_callbacks(w->pin->g))
        w->node = (const _Atomic uint32_t *)(const void *)ram_ptr(w->pin, w->node_gpa, 1ull << w->shift, false);
    w->key = vpn >> w->bits;
    record_leaves(w, vpn);
    return 0;
}

/* A leaf entry where the node is not at hand: by batch through the VMM, or word by word when a node crosses blocks. */
static int leaf_slow(struct walker *w, uint32_t index, uint64_t gva, uint32_t *out)
{
    uint32_t first = index & ~(BATCH - 1);
    int err;

    if (gmem_callbacks(w->pin->g) && w->batch_first != first) {
        w->batch_first = UINT32_MAX;
        err = callback_read(w->pin, w->node_gpa + PTE_BYTES * first, w->batch, sizeof(w->batch));
        if (!err) {
            w->batch_first = first;
            gmem_record(w->pin, w->node_gpa + PTE_BYTES * first, w->batch, sizeof(w->batch));
        } else if (err != PVG_ERR_NOT_RAM)
            return err;
    }
    if (w->batch_first == first) {
        *out = w->batch[index - first];
        return 0;
    }
    err = read_word(w->pin, w->node_gpa + PTE_BYTES * index, out);
    if (err == PVG_ERR_NOT_RAM)
        return gmem_fail(w->fault, REFUSE_PT_NOT_RAM, gva, w->depth - 1, (uint32_t)(w->node_gpa >> w->shift));
    return err;
}

static inline int leaf(struct walker *w, uint64_t vpn, uint32_t *out)
{
    uint32_t index = (uint32_t)vpn & ((1u << w->bits) - 1);
    int err;

    if (w->key != vpn >> w->bits) {
        err = descend(w, vpn);
        if (err)
            return err;
    }
    if (w->node) {
        *out = load(w->node + index);
    } else {
        err = leaf_slow(w, index, vpn << w->shift, out);
        if (err)
            return err;
    }
    return entry_check(w, vpn << w->shift, w->depth - 1, *out);
}

int gmem_walk(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, gpa_t *out, struct gmem_fault *fault)
{
    struct walker w;
    uint32_t entry = 0;
    int err;

    out->v = 0;
    if (gva.v >= space->length_bytes)
        return gmem_fail(fault, REFUSE_VA_RANGE, gva.v, 0, 0);
    err = walker_init(&w, pin, space, gva, fault);
    if (err)
        return err;
    if (!in_reach(&w, gva.v))
        return gmem_fail(fault, REFUSE_VA_RANGE, gva.v, 0, 0);
    w.pages_left = 1;
    err = leaf(&w, gva.v >> w.shift, &entry);
    if (err)
        return err;
    out->v = ((uint64_t)(entry & PTE_PFN_MASK) << w.shift) + (gva.v & ((1ull << w.shift) - 1));
    return 0;
}

int span_check(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, uint64_t length,
               struct gmem_fault *fault)
{
    uint64_t limit = gmem_callbacks(pin->g) ? LIMIT_SPAN_BYTES : pin->table->bytes;

    if (pin->cut)
        return PVG_ERR_STOPPED;
    if (!length)
        return gmem_fail(fault, REFUSE_SPAN_EMPTY, gva.v, 0, 0);
    if (gva.v >= space->length_bytes || length > space->length_bytes - gva.v)
        return gmem_fail(fault, REFUSE_VA_RANGE, gva.v, 0, 0);
    if (length > limit)
        return gmem_fail(fault, REFUSE_SPAN_LONG, gva.v, 0, 0);
    return 0;
}

int walk_span(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, uint64_t length, walk_fn *fn,
              void *opaque, struct gmem_fault *fault)
{
    uint64_t page_bytes = gmem_page_bytes(pin->g), at = gva.v;
    struct walker w;
    int err;

    err = walker_init(&w, pin, space, gva, fault);
    if (err)
        return err;
    if (!in_reach(&w, gva.v + length - 1))
        return gmem_fail(fault, REFUSE_VA_RANGE, gva.v, 0, 0);
    w.pages_left = ((at + length - 1) >> w.shift) - (at >> w.shift) + 1;
    while (length) {
        uint64_t offset = at & (page_bytes - 1);
        struct walk_page p = {.gva = at, .length_bytes = page_bytes - offset, .leaf_level = w.depth - 1};

        err = leaf(&w, at >> w.shift, &p.entry);
        if (err)
            return err;
        p.gpa = ((uint64_t)(p.entry & PTE_PFN_MASK) << w.shift) + offset;
        p.length_bytes = p.length_bytes < length ? p.length_bytes : length;
        err = fn(opaque, pin, &p, fault);
        if (err)
            return err;
        at += p.length_bytes;
        length -= p.length_bytes;
        w.pages_left--;
    }
    return 0;
}
