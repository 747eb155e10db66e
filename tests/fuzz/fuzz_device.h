/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets on a whole device share: one device per flavour, kept over inputs and reset between them, a guest that is
 * set up properly before the input takes over, and what must hold at the end of each input.
 */
#ifndef PVG_TESTS_FUZZ_DEVICE_H
#define PVG_TESTS_FUZZ_DEVICE_H

#include "base/rd.h"
#include "lib/guest.h"
#include "lib/screen.h"

/* Flavours: bits 1:0 of @flags: 0 and 3 the RAM table, 1 callback mode, 2 16 KiB pages. Bit 2: strict mode. */
struct guest *fuzz_begin(unsigned flags, bool with_display);
/* Two channels, the kernel task, two surfaces, one of them small and shown; the display online. */
void fuzz_set_up(struct guest *g, struct screen *s, struct pixels surface[2]);
/* Write a word anywhere in RAM: @place picks the page and the word. */
void fuzz_poke(struct guest *g, uint32_t place, uint32_t value);
/* A packet of these bytes on @c, well-framed when @framed; nothing is waited for. */
void fuzz_packet(struct guest *g, struct channel *c, uint32_t opcode, uint32_t barriers, const uint8_t *bytes, uint32_t n);
/* Let the device work until its counters stand still, for a few milliseconds at most. */
void fuzz_settle(struct guest *g);
/* The report is JSON; a reset leaves guest memory alone afterwards; the device comes up again. */
void fuzz_end(struct guest *g);

#endif
