/* SPDX-License-Identifier: MIT */
/*
 * Mappings: reading a surface's record and page list from the descriptor table, and the table of those that live
 * (memory 9.5, 9.7).
 */
#include "iosfc/iosfc_priv.h"

#include <stdlib.h>

#include "base/rd.h"

#define FIRST_BUCKETS 64u

static gpa_t page_gpa(const struct pvg_iosfc *m, uint32_t pfn)
{
    return (gpa_t){(uint64_t)pfn << m->page_shift};
}

/* Copy the record of @id: its page is named by the table's entry (memory 9.5). */
static enum refuse read_record(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t id, uint8_t *record)
{
    uint32_t per_page = (1u << m->page_shift) / IOSFC_RECORD_BYTES;
    uint64_t table = atomic_load(&m->reg[(IOSFC_DESC_TABLE - IOSFC_FIRST) / 8]);
    uint64_t at;
    uint8_t entry[4];
    gpa_t gpa;

    if (!id || !table || __builtin_add_overflow(table, 4ull * (id / per_page), &at))
        return REFUSE_IOSFC_ID;
    if (gmem_read(pin, (gpa_t){at}, entry, sizeof(entry)))
        return REFUSE_IOSFC_TABLE;
    if (!iosfc_entry_present(le32_get(entry)))
        return REFUSE_IOSFC_ID;
    gpa = page_gpa(m, iosfc_entry_pfn(le32_get(entry)));
    gpa.v += (uint64_t)(id % per_page) * IOSFC_RECORD_BYTES;
    return gmem_read(pin, gpa, record, IOSFC_RECORD_BYTES) ? REFUSE_IOSFC_TABLE : REFUSE_NONE;
}

/* Copy the page list; every entry is present. */
static enum refuse read_list(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t list_pfn, uint32_t pages,
                             uint32_t *list)
{
    if (gmem_read(pin, page_gpa(m, list_pfn), list, 4ull * pages))
        return REFUSE_IOSFC_LIST;
    for (uint32_t i = 0; i < pages; i++)
        if (!iosfc_entry_present(list[i]))
            return REFUSE_IOSFC_PAGE;
    return REFUSE_NONE;
}

static uint64_t fingerprint(const uint32_t *list, uint32_t pages)
{
    uint64_t h = 0xcbf29ce484222325ull;

    for (uint32_t i = 0; i < pages; i++)
        h = (h ^ iosfc_entry_pfn(list[i])) * 0x100000001b3ull;
    return h;
}

/* Call @fn for every stretch of neighbouring pages until one fails. */
static bool for_stretches(const uint32_t *list, uint32_t pages, bool (*fn)(void *ctx, uint32_t pfn, uint32_t pages),
                          void *ctx)
{
    for (uint32_t i = 0, n; i < pages; i += n) {
        uint32_t pfn = iosfc_entry_pfn(list[i]);

        for (n = 1; i + n < pages && iosfc_entry_pfn(list[i + n]) == pfn + n; n++)
            continue;
        if (!fn(ctx, pfn, n))
            return false;
    }
    return true;
}

struct stretch {
    struct pvg_iosfc *m;
    struct gmem_pin *pin;
    struct gmem_runs *runs;
    int err;
};

static bool add_ram(void *ctx, uint32_t pfn, uint32_t pages)
{
    struct stretch *s = ctx;

    s->err = gmem_runs_add(s->pin, page_gpa(s->m, pfn), (uint64_t)pages << s->m->page_shift, false, s->runs);
    return !s->err;
}

/* Callback mode: the VMM maps the stretch; given back by mapping_put(). */
static int map_stretch(struct stretch *s, uint32_t pfn, uint32_t pages)
{
    struct pvg_iosfc *m = s->m;
    uint64_t bytes = (uint64_t)pages << m->page_shift;
    void *host = NULL;
    bool ok;
    int err;

    if (atomic_fetch_add(&m->ranges, 1) >= LIMIT_MAPPED_RANGES) {
        atomic_fetch_sub(&m->ranges, 1);
        return PVG_ERR_NOMEM;
    }
    gmem_callback_begin(s->pin);
    ok = m->ops.map_memory(m->opaque, page_gpa(m, pfn).v, bytes, true, &host) && host;
    if (ok && gmem_runs_push(s->runs, host, bytes)) {
        (void)m->ops.unmap_memory(m->opaque, host, bytes); /* the failure reported is the lack of memory */
        ok = false;
        s->err = PVG_ERR_NOMEM;
    }
    err = gmem_callback_end(s->pin);
    if (ok) {
        s->runs->run[s->runs->count - 1].gpa = page_gpa(m, pfn);
        gmem_record_known(m->gmem, page_gpa(m, pfn).v, bytes);
    } else {
        atomic_fetch_sub(&m->ranges, 1);
    }
    if (s->err)
        return s->err;
    return err ? err : ok ? 0 : PVG_ERR_NOT_RAM;
}

/* Two blocks of RAM may be neighbours in the guest and not in the host: then page by page. */
static bool add_mapped(void *ctx, uint32_t pfn, uint32_t pages)
{
    struct stretch *s = ctx;

    s->err = map_stretch(s, pfn, pages);
    if (s->err != PVG_ERR_NOT_RAM || pages == 1)
        return !s->err;
    s->err = 0;
    for (uint32_t i = 0; i < pages && !s->err; i++)
        s->err = map_stretch(s, pfn + i, 1);
    return !s->err;
}

struct mapping *mapping_get(struct mapping *mapping)
{
    atomic_fetch_add(&mapping->refs, 1);
    return mapping;
}

void mapping_put(struct mapping *mapping, struct gmem_pin *pin)
{
    struct pvg_iosfc *m;

    if (!mapping || atomic_fetch_sub(&mapping->refs, 1) != 1)
        return;
    m = mapping->m;
    if (pin && mapping->mapped.count)
        gmem_callback_begin(pin);
    for (size_t i = 0; i < mapping->mapped.count; i++)
        if (!m->ops.unmap_memory(m->opaque, mapping->mapped.run[i].host, mapping->mapped.run[i].length_bytes))
            log_msg(m->log, PVG_LOG_WARN, "mapping %u: the VMM could not unmap a range", mapping->id);
    if (pin && mapping->mapped.count)
        (void)gmem_callback_end(pin); /* the mapping is gone either way; the pin remembers that it was cut */
    atomic_fetch_sub(&m->ranges, (uint32_t)mapping->mapped.count);
    gmem_runs_fini(&mapping->mapped);
    free(mapping);
}

bool mapping_same(const struct mapping *a, const struct mapping *b)
{
    return a->pages == b->pages && a->fingerprint == b->fingerprint && iosfc_surface_equal(&a->surface, &b->surface);
}

/* Are all pages guest RAM? Callback mode: and mapped by the VMM from here on. */
static enum refuse bind_pages(struct mapping *mapping, struct gmem_pin *pin, const uint32_t *list)
{
    struct gmem_runs runs = {0};
    struct stretch s = {.m = mapping->m, .pin = pin, .runs = mapping->m->callbacks ? &mapping->mapped : &runs};

    for_stretches(list, mapping->pages, mapping->m->callbacks ? add_mapped : add_ram, &s);
    gmem_runs_fini(&runs);
    if (s.err == PVG_ERR_NOMEM)
        return REFUSE_IOSFC_LIMIT;
    return s.err ? REFUSE_IOSFC_PAGE : REFUSE_NONE;
}

enum refuse mapping_resolve(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t id, struct mapping **out)
{
    uint64_t page = 1ull << m->page_shift;
    uint8_t record[IOSFC_RECORD_BYTES];
    struct iosfc_surface surface;
    struct mapping *mapping;
    uint32_t *list, pages;
    enum refuse why;

    *out = NULL;
    why = read_record(m, pin, id, record);
    if (!why)
        why = iosfc_record_decode(record, page, &surface);
    if (why)
        return why;
    pages = (uint32_t)((surface.size_bytes + page - 1) >> m->page_shift);
    list = malloc(4ull * pages);
    mapping = calloc(1, sizeof(*mapping));
    why = REFUSE_IOSFC_LIMIT; /* out of host memory counts as too many */
    if (!list || !mapping)
        goto out;
    *mapping = (struct mapping){.m = m, .id = id, .pages = pages, .surface = surface};
    atomic_init(&mapping->refs, 1);
    why = read_list(m, pin, surface.list_pfn, pages, list);
    if (!why) {
        mapping->fingerprint = fingerprint(list, pages);
        why = bind_pages(mapping, pin, list);
    }
    if (!why) {
        *out = mapping;
        mapping = NULL;
    }
out:
    free(list);
    mapping_put(mapping, pin);
    return why;
}

int mapping_runs(struct mapping *mapping, struct gmem_pin *pin, struct gmem_runs *out, enum refuse *why)
{
    struct pvg_iosfc *m = mapping->m;
    struct stretch s = {.m = m, .pin = pin, .runs = out};
    uint32_t *list;

    gmem_runs_clear(out);
    if (m->callbacks) {
        for (size_t i = 0; i < mapping->mapped.count && !s.err; i++) {
            s.err = gmem_runs_push(out, mapping->mapped.run[i].host, mapping->mapped.run[i].length_bytes);
            if (!s.err)
                out->run[i].gpa = mapping->mapped.run[i].gpa;
        }
        return s.err;
    }
    list = malloc(4ull * mapping->pages);
    if (!list)
        return PVG_ERR_NOMEM;
    *why = read_list(m, pin, mapping->surface.list_pfn, mapping->pages, list);
    if (*why) {
        s.err = pin->cut ? PVG_ERR_STOPPED : PVG_ERR_REFUSED;
    } else {
        for_stretches(list, mapping->pages, add_ram, &s);
        if (s.err == PVG_ERR_NOT_RAM) {
            *why = REFUSE_IOSFC_PAGE;
            s.err = PVG_ERR_REFUSED;
        }
    }
    free(list);
    return s.err;
}

/* ---- the table: a hash by id that doubles, so that cost per mapping does not grow with their number ---- */

static uint32_t hash(const struct pvg_iosfc *m, uint32_t id)
{
    return hash_number(&m->key, id) & (m->bucket_count - 1);
}

struct mapping *mapping_find(struct pvg_iosfc *m, uint32_t id)
{
    struct mapping *mapping = m->bucket_count ? m->bucket[hash(m, id)] : NULL;

    while (mapping && mapping->id != id)
        mapping = mapping->next;
    return mapping;
}

static bool grow(struct pvg_iosfc *m)
{
    uint32_t count = m->bucket_count ? m->bucket_count * 2 : FIRST_BUCKETS, old_count = m->bucket_count;
    struct mapping **old = m->bucket, **bucket = calloc(count, sizeof(struct mapping *));

    if (!bucket)
        return old_count != 0; /* longer chains still work */
    m->bucket = bucket;
    m->bucket_count = count;
    for (uint32_t i = 0; i < old_count; i++)
        while (old[i]) {
            struct mapping *mapping = old[i];

            old[i] = mapping->next;
            mapping->next = bucket[hash(m, mapping->id)];
            bucket[hash(m, mapping->id)] = mapping;
        }
    free(old);
    return true;
}

struct mapping *mapping_remove(struct pvg_iosfc *m, uint32_t id)
{
    struct mapping **link, *mapping;

    if (!m->bucket_count)
        return NULL;
    for (link = &m->bucket[hash(m, id)]; *link && (*link)->id != id; link = &(*link)->next)
        continue;
    mapping = *link;
    if (mapping) {
        *link = mapping->next;
        mapping->next = NULL;
        m->mapping_count--;
    }
    return mapping;
}

struct mapping *mapping_install(struct pvg_iosfc *m, struct mapping *fresh, struct mapping **gone)
{
    struct mapping *old = mapping_find(m, fresh->id);

    *gone = NULL;
    if (old && mapping_same(old, fresh)) {
        *gone = fresh;
        return old;
    }
    if (old)
        *gone = mapping_remove(m, fresh->id);
    if (m->mapping_count >= LIMIT_MAPPINGS || (m->mapping_count >= m->bucket_count && !grow(m))) {
        *gone = fresh; /* old is NULL here: replacing does not add */
        return NULL;
    }
    fresh->next = m->bucket[hash(m, fresh->id)];
    m->bucket[hash(m, fresh->id)] = fresh;
    m->mapping_count++;
    return fresh;
}

struct mapping *mapping_remove_all(struct pvg_iosfc *m)
{
    struct mapping *all = NULL;

    for (uint32_t i = 0; i < m->bucket_count; i++)
        while (m->bucket[i]) {
            struct mapping *mapping = m->bucket[i];

            m->bucket[i] = mapping->next;
            mapping->next = all;
            all = mapping;
        }
    m->mapping_count = 0;
    return all;
}
