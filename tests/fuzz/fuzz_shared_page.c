/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a display whose guest writes anything to its shared page at any time and sends display commands with any payload,
 * while the VMM changes modes, pulls frames and draws the pointer.
 *
 * Input: u8 flavour (fuzz_device.h), then steps: u8 kind and its operands, as below.
 */
#include "fuzz_device.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 128

static void vmm_action(struct guest *g, struct rd *r)
{
    struct pvg_display *disp = g->vmm->display[0].disp;
    static uint8_t picture[64 * 64 * 4];
    const struct pvg_frame *frame;
    uint8_t what = rd_u8(r);

    switch (what & 7) {
    case 0: {
        const struct pvg_mode mode = {rd_u16(r), rd_u16(r), 1 + rd_u8(r) * 2.0};

        (void)pvg_display_set_modes(disp, &mode, 1); /* refused or not: nothing may break */
        return;
    }
    case 1:
        must(!pvg_display_set_connected(disp, what & 8), "set_connected");
        return;
    case 2:
        if (!pvg_display_get_frame(disp, &frame)) {
            must(frame->width_px && frame->height_px && frame->stride_bytes >= 4 * frame->width_px, "frame");
            (void)*(volatile uint8_t *)&frame->pixels[(uint64_t)frame->stride_bytes * frame->height_px - 1];
            pvg_frame_put(frame);
        }
        return;
    case 3:
        pvg_display_draw_cursor(disp, what & 8);
        return;
    case 4:
        (void)pvg_display_read_frame(disp, picture, 64 * 4, 64, 64); /* there may be none */
        return;
    default:
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* half a refresh period */
    }
}

static void step(struct guest *g, struct screen *s, struct rd *r)
{
    uint8_t kind = rd_u8(r);

    switch (kind & 7) {
    case 0:
    case 1: { /* a word of the shared page: u16 offset, u32 value */
        uint32_t at = rd_u16(r) % (g->page / 4) * 4;

        atomic_store(screen_word(s, at), rd_u32(r));
        return;
    }
    case 2: /* enable something, ring */
        screen_enable(s, kind >> 4);
        vmm_w32(g->vmm, REG_DISPLAY_DOORBELL, 0);
        return;
    case 3:
    case 4: { /* display command: u8 opcode 0..15 of which 0x01 with the good page when bit 7, u8 bytes */
        uint32_t opcode = rd_u8(r), n = rd_u8(r);
        uint8_t payload[256] = {0};
        const uint8_t *bytes;

        n = n > rd_left(r) ? (uint32_t)rd_left(r) : n;
        bytes = rd_bytes(r, n);
        if (bytes)
            memcpy(payload, bytes, n);
        if (opcode == 0x81) {
            le32_put(payload, 0);
            le32_put(payload + 4, s->page_pfn);
            n = 8;
        }
        fuzz_packet(g, s->c, opcode & 15, 0, payload, n);
        return;
    }
    case 5:
        vmm_action(g, r);
        return;
    case 6: { /* poke: tables, descriptors, pixels; u32 place, u32 value */
        uint32_t place = rd_u32(r);

        fuzz_poke(g, place, rd_u32(r));
        return;
    }
    default:
        fuzz_packet(g, s->c, CMD_DISPLAY_TRANSACTION2, 0, (const uint8_t[12]){0, 0, 0, 0, 1 + (kind >> 7)}, 12);
        if (kind & 8)
            fuzz_settle(g);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd r = rd_over(data, size);
    struct guest *g = fuzz_begin(rd_u8(&r), true);
    struct pixels surface[2];
    struct screen s;

    pvg_display_set_modes(g->vmm->display[0].disp, &(struct pvg_mode){64, 64, 480}, 1);
    pvg_display_set_connected(g->vmm->display[0].disp, true);
    fuzz_set_up(g, &s, surface);
    for (int i = 0; i < STEPS_MAX && rd_left(&r); i++)
        step(g, &s, &r);
    fuzz_end(g);
    return 0;
}
