/* SPDX-License-Identifier: MIT */
/* The guest of tests, memory and FIFOs: see guest.h. */
#include "lib/guest.h"

#include <stdlib.h>
#include <string.h>

#include "base/rd.h"

#define FIRST_LOW_PAGE 16 /* low page numbers are wrong guesses of a broken host: nothing lies there */

void guest_init(struct guest *g, struct vmm *vmm)
{
    memset(g, 0, sizeof(*g));
    g->vmm = vmm;
    g->shift = vmm->cfg.shift;
    g->page = 1ull << g->shift;
    g->next_low = FIRST_LOW_PAGE;
    for (uint32_t i = 0; i < GUEST_CHANNELS; i++)
        g->channel[i].id = g->channel[i].stamp_index = i;
}

void guest_fini(struct guest *g)
{
    for (uint32_t i = 0; i < GUEST_CHANNELS; i++) {
        free(g->channel[i].pages);
        g->channel[i].pages = NULL;
    }
}

/* ---- memory ---- */

static uint32_t block_pages(struct guest *g, unsigned i)
{
    return (uint32_t)(g->vmm->block[i].bytes >> g->shift);
}

/* The lower half of the low block is for contiguous pages, the rest for scattered ones. */
uint32_t guest_pages(struct guest *g, uint32_t n)
{
    uint32_t pfn = (uint32_t)g->next_low;

    g->next_low += n;
    must(g->next_low <= block_pages(g, 0) / 2, "guest is out of contiguous pages");
    memset(guest_ptr(g, pfn, 0), 0, n * g->page);
    return pfn;
}

/* Alternates between the blocks and goes down in steps of two pages. */
uint32_t guest_page(struct guest *g)
{
    uint64_t n = g->next_scattered++;
    unsigned i = n & 1;
    uint64_t room = i ? block_pages(g, 1) : block_pages(g, 0) / 2, k = n >> 1, down = 2 * k;
    uint32_t pfn;

    if (down + 1 >= room) /* all even places are taken: the odd ones */
        down = 2 * (k - room / 2) + 1;
    must(down < room, "guest is out of scattered pages");
    pfn = (uint32_t)((g->vmm->block[i].gpa >> g->shift) + block_pages(g, i) - 1 - down);
    memset(guest_ptr(g, pfn, 0), 0, g->page);
    return pfn;
}

uint32_t guest_hole(struct guest *g)
{
    return (uint32_t)((g->vmm->block[0].gpa + g->vmm->block[0].bytes) >> g->shift) + 5;
}

void *guest_ptr(struct guest *g, uint32_t pfn, uint64_t offset)
{
    void *p = vmm_at(g->vmm, ((uint64_t)pfn << g->shift) + offset);

    must(p, "page 0x%x + 0x%llx is not RAM", pfn, (unsigned long long)offset);
    return p;
}

uint64_t guest_checksum(struct guest *g)
{
    const uint64_t *p = (const uint64_t *)(const void *)g->vmm->ram;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < g->vmm->ram_bytes / 8; i++)
        sum = (sum << 1 | sum >> 63) ^ p[i];
    return sum;
}

/* ---- bring-up ---- */

/* Other threads of the guest, and the host, may look at the page meanwhile. */
static void zero_page(struct guest *g, uint32_t pfn)
{
    for (uint64_t at = 0; at < g->page; at += 4)
        atomic_store_explicit(guest_word(g, pfn, at), 0, memory_order_relaxed);
}

void guest_prepare(struct guest *g, uint32_t fifo_length)
{
    struct channel *root = &g->channel[0];

    vmm_w32(g->vmm, REG_VERSION, 6);
    must(vmm_r32(g->vmm, REG_VERSION) == 6, "version");
    if (!fifo_length)
        fifo_length = g->shift == 12 ? 0x10000 : 0x14000;
    if (!g->root_page_pfn)
        g->root_page_pfn = guest_page(g);
    zero_page(g, g->root_page_pfn);
    vmm_w32(g->vmm, REG_ROOT_PAGE_PFN, g->root_page_pfn);
    if (g->fifo_length != fifo_length) {
        g->fifo_length = fifo_length;
        g->fifo_pfn = guest_pages(g, (uint32_t)((fifo_length + g->page - 1) >> g->shift));
    }
    g->fifo_start = (uint32_t)g->page;
    zero_page(g, g->fifo_pfn);
    vmm_w32(g->vmm, REG_ROOT_FIFO_PFN, g->fifo_pfn);
    vmm_w32(g->vmm, REG_ROOT_FIFO_LENGTH, g->fifo_length);
    vmm_w32(g->vmm, REG_ROOT_FIFO_START, g->fifo_start);
    root->ring_bytes = g->fifo_length - g->fifo_start;
    root->written = root->packet = root->stamp = 0;
}

void guest_boot(struct guest *g, uint32_t fifo_length)
{
    guest_prepare(g, fifo_length);
    vmm_w32(g->vmm, REG_FIFO_CONTROL, 1);
}

_Atomic uint32_t *guest_record(struct guest *g, uint32_t id, uint32_t offset)
{
    return guest_word(g, g->root_page_pfn, channel_record_offset(id) + offset);
}

void guest_channel_prepare(struct guest *g, uint32_t id, uint32_t pages, uint32_t counter)
{
    struct channel *c = &g->channel[id];
    _Atomic uint32_t *list;

    free(c->pages);
    c->pages = calloc(pages, sizeof(*c->pages));
    must(c->pages, "out of memory");
    c->list_pfn = guest_page(g);
    list = guest_word(g, c->list_pfn, 0);
    for (uint32_t i = 0; i < pages; i++) {
        c->pages[i] = guest_page(g);
        list[i] = c->pages[i];
    }
    c->page_count = pages;
    c->ring_bytes = (uint32_t)(pages * g->page);
    c->written = c->packet = counter;
    c->stamp = atomic_load(guest_cell(g, c->stamp_index));
    atomic_store(guest_record(g, id, CHANNEL_WRITTEN), counter);
    atomic_store(guest_record(g, id, CHANNEL_READ), counter);
    atomic_store(guest_record(g, id, CHANNEL_STAMP_INDEX), c->stamp_index);
    atomic_store(guest_record(g, id, CHANNEL_LIST_PFN), c->list_pfn);
}

struct channel *guest_channel(struct guest *g, uint32_t id, uint32_t pages)
{
    guest_channel_prepare(g, id, pages, 0);
    guest_run(g, &g->channel[0], CMD_DEFINE_CHILD_FIFO, WORDS(id));
    return &g->channel[id];
}

/* ---- FIFOs ---- */

_Atomic uint32_t *guest_cell(struct guest *g, uint32_t index)
{
    return guest_word(g, g->fifo_pfn, 4ull * index);
}

uint32_t guest_consumed(struct guest *g, const struct channel *c)
{
    if (c->id == 0)
        return vmm_r32(g->vmm, REG_ROOT_CONSUMER);
    return atomic_load_explicit(guest_record(g, c->id, CHANNEL_READ), memory_order_acquire);
}

bool guest_reached(struct guest *g, const struct channel *c, uint32_t stamp)
{
    return stamp_reached(atomic_load_explicit(guest_cell(g, c->stamp_index), memory_order_acquire), stamp);
}

void guest_wait(struct guest *g, const struct channel *c, uint32_t stamp)
{
    vmm_wait(g->vmm, guest_reached(g, c, stamp));
}

static uint8_t *ring_ptr(struct guest *g, const struct channel *c, uint32_t pos)
{
    if (c->id == 0)
        return guest_ptr(g, g->fifo_pfn, g->fifo_start + pos);
    return guest_ptr(g, c->pages[pos >> g->shift], pos & (g->page - 1));
}

/* A packet starts at its counter mod ring size and is contiguous from there (transport 5.2). */
void guest_put(struct guest *g, struct channel *c, const void *bytes, uint32_t n)
{
    const uint8_t *src = bytes;
    uint32_t at = (uint32_t)(((uint64_t)(c->packet % c->ring_bytes) + (c->written - c->packet)) % c->ring_bytes);

    for (uint32_t i = 0; i < n; i += 4) {
        memcpy(ring_ptr(g, c, at), src + i, 4);
        at = at + 4 == c->ring_bytes ? 0 : at + 4;
    }
    c->written += n;
}

void guest_ring(struct guest *g, const struct channel *c)
{
    if (c->id)
        vmm_w32(g->vmm, REG_CHILD_DOORBELL, c->id);
}

void guest_publish(struct guest *g, struct channel *c)
{
    c->packet = c->written;
    if (c->id == 0) {
        vmm_w32(g->vmm, REG_ROOT_PRODUCER, c->written);
        return;
    }
    vmm_order(g->vmm);
    atomic_store_explicit(guest_record(g, c->id, CHANNEL_WRITTEN), c->written, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (!c->quiet)
        guest_ring(g, c);
}

uint32_t guest_send_full(struct guest *g, struct channel *c, uint32_t opcode, const struct packet_barrier *barrier,
                         uint32_t barriers, const void *payload, uint32_t bytes)
{
    struct packet_header h = {.opcode = (uint16_t)opcode,
                              .barriers = (uint16_t)barriers,
                              .length_bytes = PACKET_HEADER_BYTES + 8 * barriers + bytes,
                              .stamp = c->stamp + 1};
    uint8_t head[PACKET_HEADER_BYTES + 8 * 64];

    must(barriers <= 64 && bytes % 4 == 0 && h.length_bytes <= c->ring_bytes, "packet of %u bytes", h.length_bytes);
    vmm_poll(c->ring_bytes - (c->written - guest_consumed(g, c)) >= h.length_bytes);
    packet_encode(head, &h);
    for (uint32_t i = 0; i < barriers; i++) {
        le32_put(head + 12 + 8 * i, barrier[i].index);
        le32_put(head + 16 + 8 * i, barrier[i].value);
    }
    guest_put(g, c, head, PACKET_HEADER_BYTES + 8 * barriers);
    if (bytes)
        guest_put(g, c, payload, bytes);
    c->stamp = h.stamp;
    guest_publish(g, c);
    return h.stamp;
}
