/* SPDX-License-Identifier: MIT */
/*
 * Reference-counted pictures. A frame is written by one thread, then published and never changed again while anybody else
 * holds it; a display keeps at most one spare for reuse.
 */
#ifndef PVG_DISPLAY_FRAME_H
#define PVG_DISPLAY_FRAME_H

#include <pvg/display.h>

/* A new frame with one reference, its pixels zeroed; NULL: out of memory. */
struct pvg_frame *frame_new(uint32_t width_px, uint32_t height_px);
struct pvg_frame *frame_ref(struct pvg_frame *frame);
/* Drop a reference; NULL does nothing. */
void frame_unref(struct pvg_frame *frame);
/* Does nobody but the caller hold it? */
bool frame_is_ours(const struct pvg_frame *frame);

#endif
