/* SPDX-License-Identifier: MIT */
/*
 * A guest for tests, in the test's own process: brings the device up as transport 4 says, fills rings (wrap, barriers,
 * scattered pages), waits for stamps, keeps page tables and an object list. Written from the specification; of src/wire
 * it uses register offsets, opcodes and the encoders.
 *
 * One thread per FIFO may send; waiting is free for all. What the guest shares with the host it reads and writes as a
 * careful driver would, so that ThreadSanitizer sees the protocol's own order.
 */
#ifndef PVG_TESTS_LIB_GUEST_H
#define PVG_TESTS_LIB_GUEST_H

#include "lib/vmm.h"
#include "wire/display.h"
#include "wire/memory.h"
#include "wire/objects.h"
#include "wire/opcodes.h"
#include "wire/packet.h"
#include "wire/regs.h"
#include "wire/surface.h"

#define GUEST_CHANNELS 32
#define GUEST_OBJECTS  200 /* slots of the kernel task's list */

/* A FIFO: number 0 is root. */
struct channel {
    uint32_t id, stamp_index;
    uint32_t list_pfn;
    uint32_t *pages; /* of the ring; root: NULL */
    uint32_t page_count, ring_bytes;
    uint32_t written;
    uint32_t packet; /* counter of the packet that is being written: it lies contiguously from there */
    uint32_t stamp;  /* of the packet sent last */
    bool quiet;      /* do not ring the doorbell */
};

/* A task: page tables, and where the next mapping goes. */
struct space {
    uint32_t task, directory_pfn, depth;
    uint64_t length;
    uint64_t next; /* first address not handed out */
};

/* A surface in the kernel task. */
struct pixels {
    uint32_t id, width, height, stride, format, bytes_per_px;
    uint64_t gva, length;
    uint64_t descriptor_gva;
};

struct guest {
    struct vmm *vmm;
    uint32_t shift;
    uint64_t page;
    uint64_t next_low;            /* contiguous pages from here upwards */
    uint64_t next_scattered;      /* counts scattered pages: from the top of both blocks downwards, never adjacent */
    uint32_t root_page_pfn, fifo_pfn, fifo_length, fifo_start;
    struct channel channel[GUEST_CHANNELS];
    struct space kernel;
    uint64_t list_gva, descriptors_gva;
};

/* ---- memory ---- */

void guest_init(struct guest *g, struct vmm *vmm);
void guest_fini(struct guest *g);
/* First of @n contiguous zeroed pages, or one page that has no neighbour of its kind. */
uint32_t guest_pages(struct guest *g, uint32_t n);
uint32_t guest_page(struct guest *g);
/* A page number in the hole between the blocks, and one of a page beyond all RAM. */
uint32_t guest_hole(struct guest *g);
void *guest_ptr(struct guest *g, uint32_t pfn, uint64_t offset);
static inline _Atomic uint32_t *guest_word(struct guest *g, uint32_t pfn, uint64_t offset)
{
    return guest_ptr(g, pfn, offset);
}
/* Sum over all RAM, to see whether anybody writes to it. Not while the guest or the host works. */
uint64_t guest_checksum(struct guest *g);

/* ---- FIFOs ---- */

/* Version, root page, root FIFO of @fifo_length bytes (0: 64 KiB or 5 pages), enable. Usable again after a disable. */
void guest_boot(struct guest *g, uint32_t fifo_length);
/* guest_boot() without the enable. */
void guest_prepare(struct guest *g, uint32_t fifo_length);
/* Record, scattered ring of @pages pages and page list of a channel; counters start at @counter. Not defined yet. */
void guest_channel_prepare(struct guest *g, uint32_t id, uint32_t pages, uint32_t counter);
/* The same, with CmdDefineChildFIFO and its stamp. */
struct channel *guest_channel(struct guest *g, uint32_t id, uint32_t pages);
_Atomic uint32_t *guest_record(struct guest *g, uint32_t id, uint32_t offset);

/* The channel's stamp cell, and its consumer counter. */
_Atomic uint32_t *guest_cell(struct guest *g, uint32_t index);
uint32_t guest_consumed(struct guest *g, const struct channel *c);
bool guest_reached(struct guest *g, const struct channel *c, uint32_t stamp);
/* Sleep on the interrupt until @stamp is in the cell of @c. */
void guest_wait(struct guest *g, const struct channel *c, uint32_t stamp);

/* Put @n bytes in the ring behind what is there, without making them visible to the host. */
void guest_put(struct guest *g, struct channel *c, const void *bytes, uint32_t n);
/* Make everything put so far visible, and ring. */
void guest_publish(struct guest *g, struct channel *c);
void guest_ring(struct guest *g, const struct channel *c);

/* A packet: waits for room, puts, publishes. Returns its stamp. */
uint32_t guest_send_full(struct guest *g, struct channel *c, uint32_t opcode, const struct packet_barrier *barrier,
                         uint32_t barriers, const void *payload, uint32_t bytes);
static inline uint32_t guest_send(struct guest *g, struct channel *c, uint32_t opcode, const void *payload,
                                  uint32_t bytes)
{
    return guest_send_full(g, c, opcode, NULL, 0, payload, bytes);
}
static inline void guest_run(struct guest *g, struct channel *c, uint32_t opcode, const void *payload, uint32_t bytes)
{
    guest_wait(g, c, guest_send(g, c, opcode, payload, bytes));
}

/* Payload of 32-bit words, for the two arguments of the functions above. */
#define WORDS(...) (const uint32_t[]){__VA_ARGS__}, (uint32_t)sizeof((const uint32_t[]){__VA_ARGS__})
#define LO(x)      (uint32_t)(x)
#define HI(x)      (uint32_t)((uint64_t)(x) >> 32)

/* ---- tasks ---- */

/* Directory and root node of a task; not defined yet. */
void space_init(struct guest *g, struct space *s, uint32_t task, uint32_t depth, uint64_t length);
void space_define(struct guest *g, const struct space *s);
/* The entry of the last level, as the host reads it; nodes on the way are made. */
_Atomic uint32_t *space_entry(struct guest *g, const struct space *s, uint64_t gva, uint32_t level);
void space_map(struct guest *g, const struct space *s, uint64_t gva, uint32_t pfn);
/* @bytes on fresh scattered pages at the next address; tells the host (0x39). */
uint64_t space_alloc(struct guest *g, struct space *s, uint64_t bytes);
/* Entries for fresh pages only, without the command. */
uint64_t space_enter(struct guest *g, struct space *s, uint64_t bytes);
void space_tell(struct guest *g, const struct space *s, uint64_t gva, uint64_t bytes, bool map);
/* Host address of a mapped byte, through the tables. */
uint8_t *space_ptr(struct guest *g, const struct space *s, uint64_t gva);
void space_write(struct guest *g, const struct space *s, uint64_t gva, const void *src, uint64_t bytes);

/* The kernel task, its object list, and room for descriptors. */
void guest_kernel_task(struct guest *g);
/* Write slot @id of the list: @bytes of @descriptor as an object of @type. */
void guest_object(struct guest *g, uint32_t id, uint8_t type, const void *descriptor, uint32_t bytes);
/* A surface of type 4 on scattered pages. @stride 0: tight. */
void guest_surface(struct guest *g, struct pixels *s, uint32_t id, uint32_t width, uint32_t height, uint32_t format,
                   uint32_t stride);
/* Write its slot and descriptor (again), as the fields of @s say. */
void guest_surface_describe(struct guest *g, struct pixels *s);
/* One pixel, a 4-byte format's bytes as a little-endian word. */
void pixels_put(struct guest *g, const struct pixels *s, uint32_t x, uint32_t y, uint32_t value);
void pixels_fill(struct guest *g, const struct pixels *s, uint32_t value);
/* A pattern in which every pixel is different from its neighbours: value of (x, y) for a seed. */
static inline uint32_t pattern(uint32_t x, uint32_t y, uint32_t seed)
{
    uint32_t h = (x * 0x9e3779b1u) ^ (y * 0x85ebca77u) ^ (seed * 0xc2b2ae3du);

    return (h ^ h >> 15) & 0xffffff;
}
void pixels_pattern(struct guest *g, const struct pixels *s, uint32_t seed);

#endif
