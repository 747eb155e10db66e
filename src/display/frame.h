/* SPDX-License-Identifier: MIT */
/*
 * Reference-counted pictures. A frame is written by one thread, then published and never changed again while anybody holds
 * it. Frames given back wait in their display's pool for the next picture: fresh memory costs the kernel a page fault per
 * page, several times the copy itself. A frame may outlive its display.
 */
#ifndef PVG_DISPLAY_FRAME_H
#define PVG_DISPLAY_FRAME_H

#include <pvg/display.h>

struct frame_pool;

/* What the pools of a device may have in all; counts references, since frames outlive it. */
struct frame_budget;

/* With one reference; NULL: out of memory. */
struct frame_budget *frame_budget_new(uint64_t bytes);
/* NULL does nothing. */
void frame_budget_unref(struct frame_budget *budget);

/* NULL: out of memory. */
struct frame_pool *frame_pool_new(struct frame_budget *budget);
/* NULL does nothing. Frames still held stay valid. */
void frame_pool_free(struct frame_pool *pool);
/* Free what waits in the pool, and keep nothing more until the next frame_new(). */
void frame_pool_rest(struct frame_pool *pool);

/* Count @bytes of other memory for pictures too; false: over the budget. */
bool frame_pool_charge(struct frame_pool *pool, size_t bytes);
void frame_pool_uncharge(struct frame_pool *pool, size_t bytes);

/*
 * A frame with one reference; NULL: out of memory, or of the budget. It holds zeros or an earlier picture of the same
 * display: the caller writes all of it before anybody sees it.
 */
struct pvg_frame *frame_new(struct frame_pool *pool, uint32_t width_px, uint32_t height_px);
struct pvg_frame *frame_ref(struct pvg_frame *frame);
/* Drop a reference; NULL does nothing. */
void frame_unref(struct pvg_frame *frame);

#endif
