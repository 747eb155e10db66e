/* SPDX-License-Identifier: MIT */
/*
 * Contiguous host views of scattered runs (docs/spec/memory.md 11.1 to 11.3): in place when there is one run, mapped
 * over a reservation when every block is shareable and aligned, a private copy otherwise.
 *
 * The mappings of all views of a device are counted against LIMIT_VIEW_VMAS; what does not fit becomes a copy. Any
 * thread.
 */
#include "gmem/gmem_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Can all runs be mapped side by side, given that the first starts @lead bytes into a host page? */
static bool can_map(struct gmem_pin *pin, const struct gmem_runs *runs, uint64_t lead)
{
    uint64_t mask = pin->g->host_page_bytes - 1, at = lead;

    for (size_t i = 0; i < runs->count; i++) {
        const struct gmem_run *r = &runs->run[i];
        const struct ram_block *b = ram_block_at(pin, r->gpa.v);
        bool last = i + 1 == runs->count;

        if (!b || b->fd < 0 || !(b->flags & PVG_RAM_SHARED))
            return false;
        if ((at ^ (b->fd_offset_bytes + (r->gpa.v - b->gpa))) & mask)
            return false; /* not at the same place in its host page as in the view */
        at += r->length_bytes;
        if (!last && (at & mask))
            return false;
    }
    return true;
}

static bool charge(struct gmem *g, uint64_t n)
{
    uint64_t have = atomic_load(&g->vmas);

    do {
        if (n > LIMIT_VIEW_VMAS || have > LIMIT_VIEW_VMAS - n)
            return false;
    } while (!atomic_compare_exchange_weak(&g->vmas, &have, have + n));
    return true;
}

static bool map_runs(struct gmem_pin *pin, const struct gmem_runs *runs, bool write, struct gmem_view *out)
{
    struct gmem *g = pin->g;
    uint64_t mask = g->host_page_bytes - 1, lead = (uintptr_t)runs->run[0].host & mask, at = 0;
    uint64_t bytes = (lead + runs->length_bytes + mask) & ~mask, vmas = runs->count;
    int prot = PROT_READ | (write ? PROT_WRITE : 0);
    uint8_t *base;

    if (!can_map(pin, runs, lead) || !charge(g, vmas))
        return false;
    base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        goto uncharge;
    for (size_t i = 0; i < runs->count; i++) {
        const struct gmem_run *r = &runs->run[i];
        const struct ram_block *b = ram_block_at(pin, r->gpa.v);
        uint64_t before = i ? 0 : lead, length = (before + r->length_bytes + mask) & ~mask;

        if (mmap(base + at, length, prot, MAP_SHARED | MAP_FIXED, b->fd,
                 (off_t)(b->fd_offset_bytes + (r->gpa.v - b->gpa) - before)) == MAP_FAILED)
            goto unmap;
        at += length;
    }
    out->host = base + lead;
    out->reservation = base;
    out->reserved_bytes = bytes;
    out->vmas = vmas;
    return true;

unmap:
    munmap(base, bytes);
uncharge:
    atomic_fetch_sub(&g->vmas, vmas);
    return false;
}

static bool all_writable(struct gmem_pin *pin, const struct gmem_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        const struct ram_block *b = ram_block_at(pin, runs->run[i].gpa.v);

        if (!b || (b->flags & PVG_RAM_READONLY))
            return false;
    }
    return true;
}

int gmem_view_new(struct gmem_pin *pin, const struct gmem_runs *runs, bool write, struct gmem_view *out)
{
    struct gmem *g = pin->g;

    *out = (struct gmem_view){.g = g, .length_bytes = runs->length_bytes};
    if (pin->cut)
        return PVG_ERR_STOPPED;
    if (!runs->count)
        return PVG_ERR_INVALID;
    if (write && !gmem_callbacks(g) && !all_writable(pin, runs))
        return PVG_ERR_NOT_RAM;
    if (runs->count == 1) {
        out->host = runs->run[0].host;
        return 0;
    }
    if (map_runs(pin, runs, write, out))
        return 0;
    if (write)
        return PVG_ERR_UNSUPPORTED;
    out->copy = malloc(runs->length_bytes);
    if (!out->copy)
        return PVG_ERR_NOMEM;
    if (!atomic_flag_test_and_set(&g->view_copy_said))
        log_msg(g->config.log, PVG_LOG_INFO,
                "guest memory cannot be viewed in place (not shareable, or too many mappings): copying instead");
    out->copied = true;
    out->host = out->copy;
    gmem_view_refresh(out, runs);
    return 0;
}

void gmem_view_refresh(struct gmem_view *view, const struct gmem_runs *runs)
{
    if (view->copied)
        gmem_runs_read(runs, 0, view->copy, view->length_bytes);
}

void gmem_view_fini(struct gmem_view *view)
{
    if (view->reservation)
        munmap(view->reservation, view->reserved_bytes);
    if (view->vmas)
        atomic_fetch_sub(&view->g->vmas, view->vmas);
    free(view->copy);
    *view = (struct gmem_view){0};
}
