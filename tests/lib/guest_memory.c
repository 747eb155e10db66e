/* SPDX-License-Identifier: MIT */
/* The guest of tests, tasks, page tables, objects and surfaces: see guest.h. */
#include "lib/guest.h"

#include <string.h>

#include "base/rd.h"

#define LIST_PAGE        1 /* as Apple's guests: the list begins at virtual page 1 */
#define DESCRIPTOR_BYTES 256

void space_init(struct guest *g, struct space *s, uint32_t task, uint32_t depth, uint64_t length)
{
    const struct directory d = {.root_pfn = guest_page(g), .depth = depth};

    *s = (struct space){.task = task, .directory_pfn = guest_page(g), .depth = depth, .length = length};
    s->next = 64ull << g->shift;
    directory_encode(guest_ptr(g, s->directory_pfn, 0), &d, length);
}

void space_define(struct guest *g, const struct space *s)
{
    guest_run(g, &g->channel[0], CMD_DEFINE_TASK2,
              WORDS(s->task << 1 | (s->task == 0), LO(s->length), HI(s->length), s->directory_pfn));
}

/* Indices from root to leaf as memory 2.1 gives them. */
_Atomic uint32_t *space_entry(struct guest *g, const struct space *s, uint64_t gva, uint32_t level)
{
    uint32_t bits = g->shift - 2;
    uint32_t node = *guest_word(g, s->directory_pfn, DIRECTORY_ROOT);

    for (uint32_t i = 0;; i++) {
        uint32_t index = (uint32_t)((gva >> g->shift) >> ((s->depth - 1 - i) * bits)) & ((1u << bits) - 1);
        _Atomic uint32_t *entry = guest_word(g, node, 4ull * index);

        if (i == level)
            return entry;
        if (!*entry)
            *entry = guest_page(g);
        node = *entry & PTE_PFN_MASK;
    }
}

void space_map(struct guest *g, const struct space *s, uint64_t gva, uint32_t pfn)
{
    atomic_store_explicit(space_entry(g, s, gva, s->depth - 1), pfn, memory_order_release);
}

uint64_t space_enter(struct guest *g, struct space *s, uint64_t bytes)
{
    uint64_t gva = s->next, pages = (bytes + g->page - 1) >> g->shift;

    for (uint64_t i = 0; i < pages; i++)
        space_map(g, s, gva + i * g->page, guest_page(g));
    s->next += (pages + 1) * g->page; /* a hole behind each mapping */
    return gva;
}

void space_tell(struct guest *g, const struct space *s, uint64_t gva, uint64_t bytes, bool map)
{
    bytes = (bytes + g->page - 1) & ~(g->page - 1);
    guest_run(g, &g->channel[0], map ? CMD_MAP_MEMORY2 : CMD_UNMAP_MEMORY,
              WORDS(s->task, LO(gva), HI(gva), LO(bytes), HI(bytes)));
}

uint64_t space_alloc(struct guest *g, struct space *s, uint64_t bytes)
{
    uint64_t gva = space_enter(g, s, bytes);

    space_tell(g, s, gva, bytes, true);
    return gva;
}

uint8_t *space_ptr(struct guest *g, const struct space *s, uint64_t gva)
{
    uint32_t entry = *space_entry(g, s, gva, s->depth - 1);

    must(entry, "0x%llx is not mapped", (unsigned long long)gva);
    return guest_ptr(g, entry & PTE_PFN_MASK, gva & (g->page - 1));
}

void space_write(struct guest *g, const struct space *s, uint64_t gva, const void *src, uint64_t bytes)
{
    const uint8_t *p = src;

    while (bytes) {
        uint64_t n = g->page - (gva & (g->page - 1));

        n = n < bytes ? n : bytes;
        memcpy(space_ptr(g, s, gva), p, n);
        p += n;
        gva += n;
        bytes -= n;
    }
}

/* ---- objects ---- */

void guest_kernel_task(struct guest *g)
{
    uint64_t list_bytes = GUEST_OBJECTS * OBJECT_SLOT_BYTES;

    space_init(g, &g->kernel, 0, 3, 1ull << 34);
    space_define(g, &g->kernel);
    g->list_gva = (uint64_t)LIST_PAGE << g->shift;
    for (uint64_t at = 0; at < list_bytes; at += g->page)
        space_map(g, &g->kernel, g->list_gva + at, guest_page(g));
    space_tell(g, &g->kernel, g->list_gva, list_bytes, true);
    g->descriptors_gva = space_alloc(g, &g->kernel, GUEST_OBJECTS * DESCRIPTOR_BYTES);
    guest_run(g, &g->channel[0], CMD_SET_OBJECT_LIST, WORDS(0, LIST_PAGE, GUEST_OBJECTS));
}

void guest_object(struct guest *g, uint32_t id, uint8_t type, const void *descriptor, uint32_t bytes)
{
    uint8_t slot[OBJECT_SLOT_BYTES];
    /* off by 4 from the page's grid, so that some straddle a page */
    const struct object_slot s = {
        .type = type, .length_bytes = bytes, .gva = g->descriptors_gva + (uint64_t)id * (DESCRIPTOR_BYTES - 4)};

    must(id < GUEST_OBJECTS && bytes <= DESCRIPTOR_BYTES - 4, "object %u of %u bytes", id, bytes);
    space_write(g, &g->kernel, s.gva, descriptor, bytes);
    object_slot_encode(slot, &s);
    space_write(g, &g->kernel, g->list_gva + OBJECT_SLOT_BYTES * id, slot, sizeof(slot));
}

void guest_surface_describe(struct guest *g, struct pixels *s)
{
    const struct surface d = {.length_bytes = s->length,
                              .first_page = (uint32_t)(s->gva >> g->shift),
                              .format = s->format,
                              .plane_count = 1,
                              .plane[0] = {.width_px = s->width,
                                           .height_px = s->height,
                                           .stride_bytes = s->stride,
                                           .bytes_per_element = (uint8_t)s->bytes_per_px}};
    uint8_t bytes[256];

    guest_object(g, s->id, OBJECT_SURFACE, bytes, (uint32_t)surface_encode(bytes, &d));
}

void guest_surface(struct guest *g, struct pixels *s, uint32_t id, uint32_t width, uint32_t height, uint32_t format,
                   uint32_t stride)
{
    uint32_t bytes_per_px = wire_format_bytes(format) ? wire_format_bytes(format) : 4;

    *s = (struct pixels){.id = id,
                         .width = width,
                         .height = height,
                         .format = format,
                         .bytes_per_px = bytes_per_px,
                         .stride = stride ? stride : width * bytes_per_px};
    s->length = (uint64_t)s->stride * height;
    s->gva = space_alloc(g, &g->kernel, s->length);
    guest_surface_describe(g, s);
}

void pixels_put(struct guest *g, const struct pixels *s, uint32_t x, uint32_t y, uint32_t value)
{
    uint8_t bytes[4];

    le32_put(bytes, value);
    space_write(g, &g->kernel, s->gva + (uint64_t)y * s->stride + 4ull * x, bytes, 4);
}

void pixels_fill(struct guest *g, const struct pixels *s, uint32_t value)
{
    for (uint32_t y = 0; y < s->height; y++)
        for (uint32_t x = 0; x < s->width; x++)
            pixels_put(g, s, x, y, value);
}

void pixels_pattern(struct guest *g, const struct pixels *s, uint32_t seed)
{
    for (uint32_t y = 0; y < s->height; y++)
        for (uint32_t x = 0; x < s->width; x++)
            pixels_put(g, s, x, y, pattern(x, y, seed));
}
