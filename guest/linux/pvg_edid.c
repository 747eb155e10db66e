// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The monitor for user space: timings (the wire has none) and an EDID 1.4, synthesised from the
 * fields of the shared page (display 4, 15.1). Modes that fit a detailed timing descriptor go to
 * the base block, others, and those for which there is no room, to a DisplayID extension; a longer
 * list is complete in the connector's modes only.
 *
 * Integer arithmetic without kernel services, compiled into the driver and into a user-space test.
 */
#include "pvg_edid.h"

#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string.h>
#else
#include <string.h>
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
static u64 div64_u64(u64 a, u64 b)
{
	return a / b;
}
#endif

#define DESCRIPTOR_SIZE		18
#define DESCRIPTOR_0		54
#define DESCRIPTORS		4
#define DTD_MAX_EXTENT		4095
#define DTD_MIN_CLOCK_KHZ	10000
#define DTD_MAX_CLOCK_KHZ	655350
#define DISPLAYID_TIMING_SIZE	20
#define DISPLAYID_TIMINGS_FIRST	3	/* what fits a section beside the blocks it must have */
#define DISPLAYID_TIMINGS	5	/* what fits a further one */
#define DISPLAYID_MAX_TIMINGS	\
	(DISPLAYID_TIMINGS_FIRST + DISPLAYID_TIMINGS * (PVG_EDID_MAX_BLOCKS - 2))
#define DISPLAYID_DESKTOP	3	/* product type: stand-alone display device */

/**
 * pvg_timing_make() - timing of a mode
 * @t: result
 * @mode: extent at least 1 x 1, refresh 1..1000 Hz
 *
 * VESA CVT 1.2 with reduced blanking version 1, but without rounding width and clock: guests may
 * use any extent, and the refresh rate is that of the host's clock.
 */
void pvg_timing_make(struct pvg_timing *t, const struct pvg_mode *mode)
{
	const u32 min_vblank_ns = 460000, vfront = 3, vback_min = 6;
	const u32 hfront = 48, hsync = 32, hblank = 160;
	u64 pixels, frame_ns = div64_u64(1000000000ull << 16, mode->refresh);
	u32 w = mode->width, h = mode->height;
	u32 vsync, vblank;

	if (w * 3 == h * 4)
		vsync = 4;
	else if (w * 9 == h * 16)
		vsync = 5;
	else if (w * 10 == h * 16)
		vsync = 6;
	else if (w * 4 == h * 5 || w * 9 == h * 15)
		vsync = 7;
	else
		vsync = 10;
	vblank = div64_u64((u64)min_vblank_ns * h, frame_ns - min_vblank_ns) + 1;
	if (vblank < vfront + vsync + vback_min)
		vblank = vfront + vsync + vback_min;

	t->hdisplay = w;
	t->hsync_start = w + hfront;
	t->hsync_end = w + hfront + hsync;
	t->htotal = w + hblank;
	t->vdisplay = h;
	t->vsync_start = h + vfront;
	t->vsync_end = h + vfront + vsync;
	t->vtotal = h + vblank;
	pixels = (u64)t->htotal * t->vtotal;
	t->clock_khz = div64_u64(((pixels * mode->refresh) >> 6) + 512000, 1024000);
}

static void put16(u8 *p, u32 value)
{
	p[0] = value;
	p[1] = value >> 8;
}

static void checksum(u8 *block, unsigned int bytes)
{
	unsigned int i;
	u8 sum = 0;

	for (i = 0; i < bytes; i++)
		sum += block[i];
	block[bytes] = -sum;
}

static bool dtd_fits(const struct pvg_timing *t)
{
	return t->hdisplay <= DTD_MAX_EXTENT && t->vdisplay <= DTD_MAX_EXTENT &&
	       t->clock_khz >= DTD_MIN_CLOCK_KHZ && t->clock_khz <= DTD_MAX_CLOCK_KHZ &&
	       t->vtotal - t->vdisplay <= DTD_MAX_EXTENT;
}

/*
 * How large the picture is; 0 when that is not known, or more than all places for it can hold: the
 * base block counts in centimetres, in a byte, and one extent alone would mean an aspect ratio.
 */
static void image_size(const struct pvg_monitor *monitor, u32 *width_mm, u32 *height_mm)
{
	bool known = monitor->width_mm >= 10 && monitor->width_mm / 10 <= 255 &&
		     monitor->height_mm >= 10 && monitor->height_mm / 10 <= 255;

	*width_mm = known ? monitor->width_mm : 0;
	*height_mm = known ? monitor->height_mm : 0;
}

static void put_dtd(u8 *p, const struct pvg_timing *t, u32 width_mm, u32 height_mm)
{
	u32 hblank = t->htotal - t->hdisplay, vblank = t->vtotal - t->vdisplay;
	u32 hfront = t->hsync_start - t->hdisplay, vfront = t->vsync_start - t->vdisplay;
	u32 hsync = t->hsync_end - t->hsync_start, vsync = t->vsync_end - t->vsync_start;

	put16(p, (t->clock_khz + 5) / 10);
	p[2] = t->hdisplay;
	p[3] = hblank;
	p[4] = t->hdisplay >> 8 << 4 | hblank >> 8;
	p[5] = t->vdisplay;
	p[6] = vblank;
	p[7] = t->vdisplay >> 8 << 4 | vblank >> 8;
	p[8] = hfront;
	p[9] = hsync;
	p[10] = (vfront & 15) << 4 | (vsync & 15);
	p[11] = hfront >> 8 << 6 | hsync >> 8 << 4 | vfront >> 4 << 2 | vsync >> 4;
	p[12] = width_mm;
	p[13] = height_mm;
	p[14] = width_mm >> 8 << 4 | height_mm >> 8;
	p[17] = 0x1a; /* digital separate sync, +H -V: reduced blanking */
}

static void put_name(u8 *p, const char *name)
{
	unsigned int i, n = strlen(name);

	p[3] = 0xfc;
	for (i = 0; i < 13; i++)
		p[5 + i] = i < n ? name[i] : i == n ? '\n' : ' ';
}

static void put_dummy(u8 *p)
{
	p[3] = 0x10;
}

/* A chromaticity as a 10-bit binary fraction, rounded, from the bits of a float. */
static u32 fraction10(u32 bits)
{
	u32 exponent = bits >> 23 & 0xff;
	u32 mantissa = (bits & 0x7fffff) | 0x800000;
	u32 shift = 127 - exponent + 23 - 11; /* leaves 11 fraction bits */

	if (bits >> 31 || exponent >= 127 || shift > 31)
		return 0; /* outside 0 <= x < 1, or next to nothing */
	mantissa = ((mantissa >> shift) + 1) >> 1;
	return mantissa > 1023 ? 1023 : mantissa;
}

static bool put_chromaticity(u8 *edid, const u32 *chromaticity)
{
	/* sRGB primaries and D65 as EDID knows them */
	static const u16 srgb[8] = { 655, 338, 307, 614, 154, 61, 320, 337 };
	bool is_srgb = true;
	u32 v[8];
	unsigned int i;

	for (i = 0; i < 8; i++) {
		v[i] = fraction10(chromaticity[i]);
		is_srgb = is_srgb && v[i] == srgb[i];
	}
	edid[25] = (v[0] & 3) << 6 | (v[1] & 3) << 4 | (v[2] & 3) << 2 | (v[3] & 3);
	edid[26] = (v[4] & 3) << 6 | (v[5] & 3) << 4 | (v[6] & 3) << 2 | (v[7] & 3);
	for (i = 0; i < 8; i++)
		edid[27 + i] = v[i] >> 2;
	return is_srgb;
}

static u8 displayid_aspect(const struct pvg_timing *t)
{
	static const u8 ratios[][2] = {
		{ 1, 1 }, { 5, 4 }, { 4, 3 }, { 15, 9 }, { 16, 9 }, { 16, 10 }, { 64, 27 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ratios); i++)
		if (t->hdisplay * ratios[i][1] == t->vdisplay * ratios[i][0])
			return i;
	return 8; /* not one of the list */
}

/* DisplayID 1.3 detailed timing, type I */
static void put_displayid_timing(u8 *p, const struct pvg_timing *t, bool preferred)
{
	u32 clock = (t->clock_khz + 5) / 10 - 1;

	put16(p, clock);
	p[2] = clock >> 16;
	p[3] = (preferred ? 0x80 : 0) | displayid_aspect(t);
	put16(p + 4, t->hdisplay - 1);
	put16(p + 6, t->htotal - t->hdisplay - 1);
	put16(p + 8, (t->hsync_start - t->hdisplay - 1) | 0x8000); /* positive */
	put16(p + 10, t->hsync_end - t->hsync_start - 1);
	put16(p + 12, t->vdisplay - 1);
	put16(p + 14, t->vtotal - t->vdisplay - 1);
	put16(p + 16, t->vsync_start - t->vdisplay - 1); /* negative */
	put16(p + 18, t->vsync_end - t->vsync_start - 1);
}

static u8 *displayid_block(u8 **p, u8 tag, u8 length)
{
	u8 *payload = *p + 3;

	(*p)[0] = tag;
	(*p)[2] = length;
	*p = payload + length;
	return payload;
}

/* The blocks that a DisplayID must have: product, display parameters, interface features. */
static void put_displayid_monitor(u8 **p, const struct pvg_monitor *monitor, const u8 *base)
{
	const struct pvg_mode *native = &monitor->modes[0];
	u8 *d = displayid_block(p, 0x00, 12);
	u32 width_mm, height_mm;

	image_size(monitor, &width_mm, &height_mm);
	memcpy(d, "PVG", 3);
	memcpy(d + 3, base + 10, 6); /* product code and serial number */
	d[10] = base[17] + 1990 - 2000;

	d = displayid_block(p, 0x01, 12);
	put16(d, width_mm * 10);
	put16(d + 2, height_mm * 10);
	put16(d + 4, native->width);
	put16(d + 6, native->height);
	d[9] = base[23]; /* gamma, same encoding */
	d[10] = native->width > native->height && native->width < native->height * 3 ?
		native->width * 100 / native->height - 100 : 0;
	d[11] = (8 - 1) << 4 | (8 - 1); /* bits per colour */

	d = displayid_block(p, 0x0f, 10);
	d[0] = 0x02; /* RGB, 8 bits per colour */
	d[6] = 0x01; /* sRGB */
}

/* One extension block; the first one also describes the product and has the preferred timing. */
static void put_displayid(u8 *extension, const struct pvg_timing *timings, unsigned int count,
			  const struct pvg_monitor *monitor, const u8 *base, unsigned int more)
{
	u8 *p = extension + 5, *d;
	unsigned int i;

	extension[0] = 0x70; /* DisplayID */
	extension[1] = 0x13;
	if (monitor) {
		extension[3] = DISPLAYID_DESKTOP;
		extension[4] = more;
		put_displayid_monitor(&p, monitor, base);
	}
	d = displayid_block(&p, 0x03, count * DISPLAYID_TIMING_SIZE);
	for (i = 0; i < count; i++, d += DISPLAYID_TIMING_SIZE)
		put_displayid_timing(d, &timings[i], monitor && !i);
	extension[2] = p - extension - 5;
	checksum(extension + 1, 4 + extension[2]);
	checksum(extension, PVG_EDID_BLOCK - 1);
}

/* EDID 1.4 wants a preferred timing in the base block, whether or not the preferred mode fits. */
static void base_timing(struct pvg_timing *t, const struct pvg_monitor *monitor)
{
	static const u32 rates[] = { 60, 30, 24 };
	struct pvg_mode mode = { .width = 1024, .height = 768, .refresh = 60u << 16 };
	unsigned int i;

	if (monitor->mode_count) {
		struct pvg_mode reduced = monitor->modes[0];

		for (i = 0; i < ARRAY_SIZE(rates); i++) {
			reduced.refresh = rates[i] << 16;
			pvg_timing_make(t, &reduced);
			if (dtd_fits(t))
				return;
		}
	}
	pvg_timing_make(t, &mode);
}

/**
 * pvg_edid_make() - synthesise an EDID
 * @edid: result
 * @monitor: the monitor
 *
 * Returns: bytes, one to PVG_EDID_MAX_BLOCKS blocks.
 */
size_t pvg_edid_make(u8 edid[PVG_EDID_MAX_SIZE], const struct pvg_monitor *monitor)
{
	static const u8 header[8] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
	struct pvg_timing t, extra[DISPLAYID_MAX_TIMINGS];
	unsigned int i, from, blocks, dtds = 0, extended = 0;
	u32 width_mm, height_mm;
	u8 *p;
	bool srgb, fits = true;

	image_size(monitor, &width_mm, &height_mm);
	memset(edid, 0, PVG_EDID_MAX_SIZE);
	memcpy(edid, header, sizeof(header));
	edid[8] = ('P' - '@') << 2 | ('V' - '@') >> 3;
	edid[9] = (('V' - '@') & 7) << 5 | ('G' - '@');
	put16(edid + 10, PVG_PCI_DEVICE_ID);
	put16(edid + 12, monitor->serial);
	put16(edid + 14, monitor->serial >> 16);
	edid[17] = 2026 - 1990; /* year of this description */
	edid[18] = 1;
	edid[19] = 4;
	edid[20] = 0xa0; /* digital, 8 bits per colour */
	edid[21] = width_mm / 10;
	edid[22] = height_mm / 10;
	edid[23] = 120; /* gamma 2.2 */
	srgb = put_chromaticity(edid, monitor->chromaticity);
	edid[24] = 0x22 | (srgb ? 0x04 : 0); /* can be switched off, first timing is native */
	for (i = 38; i < 54; i++)
		edid[i] = 0x01; /* no standard timings */

	p = edid + DESCRIPTOR_0;
	for (i = 0; i < monitor->mode_count; i++) {
		pvg_timing_make(&t, &monitor->modes[i]);
		if (!i) {
			/* Leads the extension too: it needs a preferred timing of its own. */
			extra[extended++] = t;
			if (!dtd_fits(&t))
				base_timing(&t, monitor);
		}
		if (dtds < DESCRIPTORS - 1 && dtd_fits(&t)) {
			put_dtd(p, &t, width_mm, height_mm);
			p += DESCRIPTOR_SIZE;
			dtds++;
			fits = fits && (i || t.clock_khz == extra[0].clock_khz);
		} else if (extended < DISPLAYID_MAX_TIMINGS) {
			extra[extended++] = t;
		}
	}
	if (!dtds) {
		base_timing(&t, monitor);
		put_dtd(p, &t, width_mm, height_mm);
		p += DESCRIPTOR_SIZE;
		dtds++;
	}
	put_name(p, monitor->name);
	p += DESCRIPTOR_SIZE;
	for (i = dtds + 1; i < DESCRIPTORS; i++, p += DESCRIPTOR_SIZE)
		put_dummy(p);
	blocks = 1;
	if (extended > 1 || !fits)
		blocks += 1 + (extended > DISPLAYID_TIMINGS_FIRST);
	for (i = 1, from = 0; i < blocks; i++) {
		unsigned int room = i == 1 ? DISPLAYID_TIMINGS_FIRST : DISPLAYID_TIMINGS;
		unsigned int count = extended - from < room ? extended - from : room;

		put_displayid(edid + i * PVG_EDID_BLOCK, extra + from, count,
			      i == 1 ? monitor : NULL, edid, blocks - 2);
		from += count;
	}
	edid[126] = blocks - 1;
	checksum(edid, PVG_EDID_BLOCK - 1);
	return blocks * PVG_EDID_BLOCK;
}
