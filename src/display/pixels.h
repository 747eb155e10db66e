/* SPDX-License-Identifier: MIT */
/* Pixels: conversion of the wire's formats to B,G,R,X bytes, gamma, drawing the pointer (display 7.7, 8.1, 9.3). */
#ifndef PVG_DISPLAY_PIXELS_H
#define PVG_DISPLAY_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pvg/display.h>

/* Output per input byte for red, green, blue, at the channel's place in a pixel read as a word. */
struct gamma_lut {
    bool identity;
    uint32_t r[256], g[256], b[256];
};

void gamma_identity(struct gamma_lut *lut);
/* From 3 * @entries floats: red, then green, then blue; clamped to 0..1, linear between entries. @entries >= 2. */
void gamma_from_table(const float *table, uint32_t entries, struct gamma_lut *lut);
/* The unused byte of each pixel stays. The second is what the first does on processors that have no better way. */
void gamma_apply(const struct gamma_lut *lut, struct pvg_frame *frame);
void gamma_apply_portable(const struct gamma_lut *lut, struct pvg_frame *frame);

/* Is the format four bytes B,G,R,X already? */
bool pixels_are_bgra(uint32_t format);
/* Convert @frame, filled with R,G,B,A bytes, in place. */
void pixels_swap_red_blue(struct pvg_frame *frame);
/* Convert rows of four half floats R,G,B,A, @stride_bytes apart, clamped to 0..1. */
void pixels_from_half(const uint8_t *src, size_t stride_bytes, struct pvg_frame *frame);

/* Blend premultiplied @cursor with its top left corner at (@x, @y), clipped to @frame. */
void pixels_draw_cursor(struct pvg_frame *frame, const struct pvg_cursor *cursor, int x, int y);

#endif
