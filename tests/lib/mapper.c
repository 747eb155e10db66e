/* SPDX-License-Identifier: MIT */
/* The surface mapper of tests: see mapper.h. */
#include "lib/mapper.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rd.h"

/* ---- the VMM's side ---- */

static void raise_interrupt(void *opaque, uint32_t vector)
{
    struct mapper *mp = opaque;
    struct vmm *v = mp->g->vmm;
    void (*hook)(struct mapper *) = atomic_load(&mp->on_interrupt);

    must(vector == 0, "vector %u", vector);
    if (hook)
        hook(mp);
    pthread_mutex_lock(&v->lock);
    mp->interrupts++;
    pthread_cond_broadcast(&v->cond);
    pthread_mutex_unlock(&v->lock);
}

/*
 * A view of its own for each range, as tasks' are: in callback mode the library sees a ring's counters at addresses of
 * its own, and ThreadSanitizer would miss that they order pixels at the CPU's (vmm_order()). Of very many ranges the
 * later ones are where the CPU has them: a process may have 65530 mappings.
 */
static uint8_t *view_new(struct vmm *v, uint64_t at, uint64_t bytes, bool readonly)
{
    uint64_t before = at % (uint64_t)sysconf(_SC_PAGESIZE);
    uint8_t *view =
        mmap(NULL, before + bytes, PROT_READ | (readonly ? 0 : PROT_WRITE), MAP_SHARED, v->fd, (off_t)(at - before));

    must(view != MAP_FAILED, "mmap");
    vmm_racy(v, view, before + bytes);
    return view + before;
}

static void view_free(struct vmm *v, uint8_t *view, uint64_t bytes)
{
    uint64_t before = (uintptr_t)view % (uint64_t)sysconf(_SC_PAGESIZE);

    if (view < v->ram || view >= v->ram + v->ram_bytes)
        must(!munmap(view - before, before + bytes), "munmap");
}

static bool map_memory(void *opaque, uint64_t gpa, uint64_t length_bytes, bool readonly, void **host)
{
    struct mapper *mp = opaque;
    struct vmm *v = mp->g->vmm;
    uint8_t *first = vmm_at(v, gpa), *last = vmm_at(v, gpa + length_bytes - 1);
    void (*hook)(struct mapper *) = atomic_load(&mp->on_map);
    bool ok, few;

    must(length_bytes > 0, "map of nothing");
    if (hook)
        hook(mp);
    *host = NULL;
    pthread_mutex_lock(&v->lock);
    ok = first && last && last == first + length_bytes - 1 && !mp->refuse_map &&
         !(mp->page_by_page && length_bytes > mp->g->page);
    mp->refuse_map -= mp->refuse_map > 0;
    mp->maps++;
    mp->live += ok;
    few = mp->live < 4096;
    pthread_cond_broadcast(&v->cond);
    pthread_mutex_unlock(&v->lock);
    if (ok)
        *host = few ? view_new(v, (uint64_t)(first - v->ram), length_bytes, readonly) : first;
    return ok;
}

static bool unmap_memory(void *opaque, void *host, uint64_t length_bytes)
{
    struct mapper *mp = opaque;
    struct vmm *v = mp->g->vmm;

    must(host && length_bytes, "unmap of nothing");
    view_free(v, host, length_bytes);
    pthread_mutex_lock(&v->lock);
    mp->unmaps++;
    mp->live--;
    must(mp->live >= 0, "unmapped more than was mapped");
    pthread_mutex_unlock(&v->lock);
    return true;
}

static const struct pvg_iosfc_ops with_memory = {.size = sizeof(with_memory),
                                                 .raise_interrupt = raise_interrupt,
                                                 .map_memory = map_memory,
                                                 .unmap_memory = unmap_memory};
static const struct pvg_iosfc_ops without_memory = {.size = sizeof(without_memory), .raise_interrupt = raise_interrupt};

void mapper_attach(struct mapper *mp)
{
    struct vmm *v = mp->g->vmm;
    struct pvg_iosfc_desc desc;
    int err;

    pvg_iosfc_desc_init(&desc, sizeof(desc));
    desc.ops = v->cfg.tasks == PVG_TASKS_TABLE ? &without_memory : &with_memory;
    desc.opaque = mp;
    err = pvg_iosfc_new(v->dev, &desc, &mp->m);
    must(!err, "pvg_iosfc_new: %s", pvg_error_text(err));
}

void mapper_new(struct mapper *mp, struct guest *g)
{
    memset(mp, 0, sizeof(*mp));
    mp->g = g;
    mapper_attach(mp);
}

void mapper_free(struct mapper *mp)
{
    pvg_iosfc_free(mp->m);
    mp->m = NULL;
    must(mp->live == 0, "%lld ranges are left", (long long)mp->live);
}

/* ---- ring ---- */

void mapper_start(struct mapper *mp, uint32_t capacity)
{
    uint64_t page = mp->g->page;

    mp->capacity = capacity;
    mp->producer = 0;
    mp->ring_pfn = guest_pages(mp->g, (uint32_t)((capacity * (uint64_t)IOSFC_ENTRY_BYTES + page - 1) / page));
    mp->table_pfn = guest_pages(mp->g, 1);
    mapper_write(mp, IOSFC_RING_BASE, (uint64_t)mp->ring_pfn << mp->g->shift);
    mapper_write(mp, IOSFC_CAPACITY, capacity);
    mapper_write(mp, IOSFC_DESC_TABLE, (uint64_t)mp->table_pfn << mp->g->shift);
    mapper_write(mp, IOSFC_CONSUMER, 1);
}

uint8_t *mapper_entry(struct mapper *mp, uint64_t index)
{
    return guest_ptr(mp->g, mp->ring_pfn, index % mp->capacity * IOSFC_ENTRY_BYTES);
}

void mapper_put(struct mapper *mp, uint32_t operation, uint32_t id)
{
    uint8_t *entry = mapper_entry(mp, mp->producer);

    le32_put(entry, operation);
    le32_put(entry + 4, id);
    le32_put(entry + 8, MAPPER_UNANSWERED);
    le32_put(entry + 12, 0);
    mp->producer++;
    if (mp->wraps)
        mp->producer %= mp->capacity;
}

void mapper_ring(struct mapper *mp)
{
    mapper_write(mp, IOSFC_PRODUCER, mp->producer);
}

void mapper_wait(struct mapper *mp)
{
    vmm_wait(mp->g->vmm, mapper_read(mp, IOSFC_CONSUMER) == mp->producer);
}

uint32_t mapper_do(struct mapper *mp, uint32_t operation, uint32_t id)
{
    uint8_t *entry = mapper_entry(mp, mp->producer);

    mapper_put(mp, operation, id);
    mapper_ring(mp);
    mapper_wait(mp);
    return le32_get(entry + IOSFC_ENTRY_RESULT);
}

/* ---- surfaces ---- */

_Atomic uint32_t *mapper_table_entry(struct mapper *mp, uint32_t id)
{
    return guest_word(mp->g, mp->table_pfn, 4ull * (id / (mp->g->page / IOSFC_RECORD_BYTES)));
}

uint8_t *mapper_record(struct mapper *mp, uint32_t id)
{
    _Atomic uint32_t *entry = mapper_table_entry(mp, id);
    uint32_t per_page = (uint32_t)(mp->g->page / IOSFC_RECORD_BYTES);

    if (!(atomic_load(entry) & IOSFC_ENTRY_PRESENT))
        atomic_store(entry, guest_page(mp->g) << 2 | IOSFC_ENTRY_PRESENT);
    return guest_ptr(mp->g, iosfc_entry_pfn(atomic_load(entry)), (uint64_t)(id % per_page) * IOSFC_RECORD_BYTES);
}

_Atomic uint32_t *mapped_list(struct mapper *mp, const struct mapped *s)
{
    return guest_word(mp->g, s->desc.list_pfn, 0);
}

void mapped_describe(struct mapper *mp, const struct mapped *s)
{
    _Atomic uint32_t *list = mapped_list(mp, s);
    uint8_t record[IOSFC_RECORD_BYTES];

    for (uint32_t i = 0; i < s->page_count; i++)
        atomic_store(&list[i], s->pages[i] << 2 | 3); /* present and writable, as on live pages */
    iosfc_record_encode(&s->desc, record);
    memcpy(mapper_record(mp, s->id), record, sizeof(record));
}

void mapped_new(struct mapper *mp, struct mapped *s, uint32_t id, uint32_t width, uint32_t height, uint32_t format,
                uint32_t stride, bool contiguous)
{
    uint32_t bytes_per_px = wire_format_bytes(format) ? wire_format_bytes(format) : 4, first;

    stride = stride ? stride : width * bytes_per_px;
    *s = (struct mapped){.id = id,
                         .desc = {.list_pfn = guest_page(mp->g),
                                  .format = format,
                                  .size_bytes = (uint64_t)stride * height,
                                  .plane_count = 1,
                                  .plane[0] = {.width_px = width,
                                               .height_px = height,
                                               .stride_bytes = stride,
                                               .bytes_per_element = bytes_per_px}}};
    s->page_count = (uint32_t)((s->desc.size_bytes + mp->g->page - 1) >> mp->g->shift);
    s->pages = calloc(s->page_count, sizeof(*s->pages));
    must(s->pages, "out of memory");
    first = contiguous ? guest_pages(mp->g, s->page_count) : 0;
    for (uint32_t i = 0; i < s->page_count; i++)
        s->pages[i] = contiguous ? first + i : guest_page(mp->g);
    mapped_describe(mp, s);
}

void mapped_free(struct mapped *s)
{
    free(s->pages);
    s->pages = NULL;
}

void mapped_write(struct mapper *mp, const struct mapped *s, uint64_t offset, const void *src, uint64_t bytes)
{
    const uint8_t *p = src;

    for (uint64_t n; bytes; offset += n, p += n, bytes -= n) {
        n = mp->g->page - (offset & (mp->g->page - 1));
        n = n < bytes ? n : bytes;
        memcpy(guest_ptr(mp->g, s->pages[offset >> mp->g->shift], offset & (mp->g->page - 1)), p, n);
    }
}

void mapped_pattern(struct mapper *mp, const struct mapped *s, uint32_t seed)
{
    const struct iosfc_plane *p = &s->desc.plane[0];

    for (uint32_t y = 0; y < p->height_px; y++)
        for (uint32_t x = 0; x < p->width_px; x++) {
            uint8_t bytes[4];

            le32_put(bytes, pattern(x, y, seed));
            mapped_write(mp, s, p->offset_bytes + (uint64_t)y * p->stride_bytes + 4ull * x, bytes, 4);
        }
}

uint32_t mapped_present(struct screen *s, uint32_t id)
{
    return guest_send(s->g, s->c, CMD_DISPLAY_SWAP_MAPPING, WORDS(s->port, 0, id, 0, 0, 0, 0, 0, 0, 0));
}

void mapped_show(struct screen *s, uint32_t id)
{
    guest_wait(s->g, s->c, mapped_present(s, id));
}
