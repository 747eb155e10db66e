/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host says a monitor is, display timings for it, and a synthesised EDID: see pvg_edid.c.
 * Includable from user space for tests.
 */
#ifndef PVG_EDID_H
#define PVG_EDID_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

#include "pvg_wire.h"

#define PVG_EDID_BLOCK		128
#define PVG_EDID_MAX_BLOCKS	3
#define PVG_EDID_MAX_SIZE	(PVG_EDID_BLOCK * PVG_EDID_MAX_BLOCKS)

/**
 * struct pvg_mode - one entry of the mode list
 * @width: pixels
 * @height: pixels
 * @refresh: Hz in 16.16 fixed point
 */
struct pvg_mode {
	u16 width;
	u16 height;
	u32 refresh;
};

/**
 * struct pvg_monitor - checked copy of the host's part of a shared page
 * @serial: serial number
 * @name: printable ASCII, NUL terminated
 * @width_mm: millimetres
 * @height_mm: millimetres
 * @chromaticity: x and y of red, green, blue and white, single-precision bit patterns
 * @epoch: config epoch the copy belongs to
 * @mode_count: valid entries of @modes; 0: no display
 * @modes: mode list, the first one is preferred
 */
struct pvg_monitor {
	u32 serial;
	char name[PVG_PAGE_NAME_SIZE];
	u16 width_mm;
	u16 height_mm;
	u32 chromaticity[8];
	u32 epoch;
	unsigned int mode_count;
	struct pvg_mode modes[PVG_MAX_MODES];
};

/**
 * struct pvg_timing - a mode's timing, CVT with reduced blanking
 * @clock_khz: pixel clock
 * @hdisplay: visible columns
 * @hsync_start: end of the front porch
 * @hsync_end: end of the sync pulse
 * @htotal: columns in all
 * @vdisplay: visible rows
 * @vsync_start: end of the front porch
 * @vsync_end: end of the sync pulse
 * @vtotal: rows in all
 */
struct pvg_timing {
	u32 clock_khz;
	u32 hdisplay;
	u32 hsync_start;
	u32 hsync_end;
	u32 htotal;
	u32 vdisplay;
	u32 vsync_start;
	u32 vsync_end;
	u32 vtotal;
};

void pvg_timing_make(struct pvg_timing *t, const struct pvg_mode *mode);
size_t pvg_edid_make(u8 edid[PVG_EDID_MAX_SIZE], const struct pvg_monitor *monitor);

#endif
