/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a live device whose guest does what the input says: packets with any opcode and payload on three FIFOs, raw ring
 * bytes, words poked into RAM (records, page lists, directory, tables, descriptors), register writes. Nothing may crash, hang
 * or touch what is not guest RAM; the guest in between is the host's own, and well set up.
 *
 * Input: u8 flavour (fuzz_device.h), then steps: u8 kind and its operands, as below.
 */
#include "fuzz_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 256

static void step(struct guest *g, struct rd *r)
{
    uint8_t kind = rd_u8(r);
    struct channel *c = &g->channel[(kind >> 4 & 3) % 3];

    switch (kind & 7) {
    case 0:
    case 1: { /* well-framed packet: u8 opcode, u8 barriers, u8 words of barriers and payload */
        uint32_t opcode = rd_u8(r), barriers = rd_u8(r), n = rd_u8(r) * 4u;
        const uint8_t *bytes;

        n = n > rd_left(r) ? (uint32_t)rd_left(r) & ~3u : n;
        bytes = rd_bytes(r, n);
        if (bytes)
            fuzz_packet(g, c, opcode, kind & 1 ? barriers & 3 : 0, bytes, n);
        return;
    }
    case 2: { /* raw ring bytes: u8 words */
        uint32_t n = rd_u8(r) * 4u;
        const uint8_t *bytes;

        n = n > rd_left(r) ? (uint32_t)rd_left(r) & ~3u : n;
        bytes = rd_bytes(r, n);
        if (bytes && n) {
            c->packet = c->written;
            guest_put(g, c, bytes, n);
            guest_publish(g, c);
        }
        return;
    }
    case 3: /* poke: u32 place, u32 value */
    case 4: {
        uint32_t place = rd_u32(r);

        fuzz_poke(g, place, rd_u32(r));
        return;
    }
    case 5: { /* register: u8 number, u32 value */
        uint32_t n = rd_u8(r);

        vmm_w32(g->vmm, (n < 0x40 ? 0x1000 : 0x1200) + 4 * (n & 0x3f), rd_u32(r));
        return;
    }
    case 6: /* a guest that waits, and one that recovers */
        vmm_w32(g->vmm, REG_ROOT_RESUME, 1);
        vmm_w32(g->vmm, REG_CHILD_RESUME, 1);
        vmm_w32(g->vmm, REG_CHILD_RESUME, 2);
        fuzz_settle(g);
        return;
    default: /* one that starts over */
        vmm_w32(g->vmm, REG_FIFO_CONTROL, 0);
        vmm_w32(g->vmm, REG_FIFO_CONTROL, 1);
        g->channel[0].written = g->channel[0].packet = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd r = rd_over(data, size);
    struct guest *g = fuzz_begin(rd_u8(&r), true);
    struct pixels surface[2];

    fuzz_set_up(g, NULL, surface);
    for (int i = 0; i < STEPS_MAX && rd_left(&r); i++)
        step(g, &r);
    fuzz_end(g);
    return 0;
}
