// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * User-space test of the driver's arithmetic: the synthesised EDID, timings and gamma values.
 *
 * test_edid              checks values by itself
 * test_edid NAME > FILE  writes the EDID of one case, for edid-decode -c; test_edid --list names
 * the cases
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../pvg_edid.c"
#define div64_u64 lut_div64_u64
#include "../pvg_lut.c"
#undef div64_u64

static int failures;

#define CHECK(cond, ...)                                                        \
	do {                                                                    \
		if (!(cond)) {                                                  \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
			fprintf(stderr, __VA_ARGS__);                           \
			fputc('\n', stderr);                                    \
			failures++;                                             \
		}                                                               \
	} while (0)

static u32 float_bits(float f)
{
	u32 bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static const float srgb[8] = { 0.64f, 0.33f, 0.30f, 0.60f, 0.15f, 0.06f, 0.3127f, 0.329f };
static const float p3[8] = { 0.68f, 0.32f, 0.265f, 0.69f, 0.15f, 0.06f, 0.3127f, 0.329f };

struct edid_case {
	const char *name;
	u16 width_mm, height_mm;
	const float *chromaticity;
	unsigned int count;
	struct pvg_mode modes[16];
	size_t size;
};

#define HZ(x) ((u32)((x) * 65536.0 + 0.5))

static const struct edid_case cases[] = {
	{ "usual", 480, 270, srgb, 3, { { 1920, 1080, HZ(60) }, { 1440, 1080, HZ(60) }, { 1280, 1024, HZ(60) } }, 128 },
	{ "one", 400, 300, srgb, 1, { { 1280, 800, HZ(60) } }, 128 },
	{ "fast", 600, 340, p3, 4,
	  { { 1920, 1080, HZ(120) }, { 1440, 1080, HZ(120) }, { 1280, 1024, HZ(120) }, { 3840, 2160, HZ(120) } }, 256 },
	{ "big first", 600, 340, srgb, 2, { { 3840, 2160, HZ(120) }, { 1920, 1080, HZ(120) } }, 256 },
	{ "huge", 1880, 1060, srgb, 1, { { 7680, 4320, HZ(60) } }, 256 },
	{ "wall", 3000, 1700, srgb, 2, { { 3840, 2160, HZ(144) }, { 1920, 1080, HZ(60) } }, 256 },
	{ "tall", 468, 15185, srgb, 2, { { 1712, 2066, HZ(100) }, { 1920, 1080, HZ(60) } }, 128 },
	{ "thin", 480, 5, srgb, 1, { { 1280, 800, HZ(60) } }, 128 },
	{ "fraction", 480, 270, srgb, 1, { { 1920, 1080, HZ(59.94) } }, 128 },
	{ "odd", 500, 300, srgb, 2, { { 1367, 769, HZ(60) }, { 1001, 701, HZ(60) } }, 128 },
	{ "no size", 0, 0, srgb, 1, { { 1920, 1080, HZ(60) } }, 128 },
	{ "nine", 480, 270, srgb, 9,
	  { { 1920, 1080, HZ(60) }, { 1680, 1050, HZ(60) }, { 1600, 900, HZ(60) }, { 1440, 900, HZ(60) },
	    { 1366, 768, HZ(60) }, { 1280, 1024, HZ(60) }, { 1280, 720, HZ(60) }, { 1024, 768, HZ(60) },
	    { 800, 600, HZ(60) } }, 384 },
	{ "small", 160, 120, srgb, 1, { { 64, 48, HZ(60) } }, 256 },
	{ "fourteen", 480, 270, srgb, 14,
	  { { 1920, 1080, HZ(60) }, { 1680, 1050, HZ(60) }, { 1600, 900, HZ(60) }, { 1440, 900, HZ(60) },
	    { 1366, 768, HZ(60) }, { 1280, 1024, HZ(60) }, { 1280, 720, HZ(60) }, { 1024, 768, HZ(60) },
	    { 800, 600, HZ(60) }, { 3840, 2160, HZ(60) }, { 2560, 1440, HZ(60) }, { 1280, 800, HZ(60) },
	    { 1152, 864, HZ(60) }, { 640, 480, HZ(60) } }, 384 },
	{ "none", 480, 270, srgb, 0, { { 0 } }, 128 },
};

static size_t make(const struct edid_case *c, u8 *edid)
{
	struct pvg_monitor monitor = { .serial = 0x01020304, .name = "OpenPVG", .width_mm = c->width_mm,
				       .height_mm = c->height_mm, .mode_count = c->count };
	unsigned int i;

	for (i = 0; i < 8; i++)
		monitor.chromaticity[i] = float_bits(c->chromaticity[i]);
	memcpy(monitor.modes, c->modes, c->count * sizeof(c->modes[0]));
	return pvg_edid_make(edid, &monitor);
}

static void test_edid(void)
{
	u8 edid[PVG_EDID_MAX_SIZE];
	unsigned int i, j, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = make(&cases[i], edid);

		CHECK(size == cases[i].size, "%s: %zu bytes", cases[i].name, size);
		for (j = 0; j < size; j += PVG_EDID_BLOCK) {
			u8 sum = 0;

			for (k = 0; k < PVG_EDID_BLOCK; k++)
				sum += edid[j + k];
			CHECK(sum == 0, "%s: block %u", cases[i].name, j / PVG_EDID_BLOCK);
		}
	}
	make(&cases[0], edid);
	CHECK(edid[54 + 2] == (1920 & 0xff) && edid[54 + 4] >> 4 == 1920 >> 8, "first timing is the first mode");
	CHECK(edid[12] == 4 && edid[15] == 1, "serial");
	CHECK(edid[21] == 48 && edid[22] == 27, "size in cm");
	CHECK(edid[24] & 4, "sRGB is recognised");
}

static void test_timing(void)
{
	static const double rates[] = { 1, 23.976, 24, 30, 59.94, 60, 75, 120, 144, 240, 1000 };
	static const u16 extents[][2] = { { 1, 1 }, { 64, 48 }, { 1920, 1080 }, { 8192, 8192 }, { 65535, 65535 } };
	unsigned int i, j;

	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		for (j = 0; j < sizeof(extents) / sizeof(extents[0]); j++) {
			struct pvg_mode mode = { extents[j][0], extents[j][1], HZ(rates[i]) };
			struct pvg_timing t;
			double ideal, error;

			pvg_timing_make(&t, &mode);
			ideal = (double)t.htotal * t.vtotal * (mode.refresh / 65536.0) / 1000;
			error = fabs(ideal - t.clock_khz);
			CHECK(ideal > 4e9 || error <= 0.51, "%ux%u at %g: clock %u, ideal %f", mode.width, mode.height,
			      rates[i], t.clock_khz, ideal);
			CHECK(t.hdisplay == mode.width && t.vdisplay == mode.height, "extent");
			CHECK(t.hdisplay < t.hsync_start && t.hsync_start < t.hsync_end && t.hsync_end < t.htotal, "h order");
			CHECK(t.vdisplay < t.vsync_start && t.vsync_start < t.vsync_end && t.vsync_end < t.vtotal, "v order");
		}
	}
	{
		/* VESA's own example of reduced blanking */
		struct pvg_mode mode = { 1920, 1080, HZ(60) };
		struct pvg_timing t;

		pvg_timing_make(&t, &mode);
		CHECK(t.htotal == 2080 && t.vtotal == 1111, "CVT-RB totals %u %u", t.htotal, t.vtotal);
	}
}

static void test_gamma(void)
{
	u32 i, channel, sum = 0;

	for (channel = 0; channel < 3; channel++) {
		for (i = 0; i < PVG_GAMMA_ENTRIES; i++) {
			u32 bits = pvg_lut_float(i, PVG_GAMMA_ENTRIES - 1);

			CHECK(bits == float_bits(i / 256.0f), "identity %u: %08x", i, bits);
			sum += bits;
		}
	}
	CHECK(sum == PVG_GAMMA_IDENTITY_SUM, "sum %08x", sum);

	/* An identity table of 256 entries, as user space has it, is an identity of 257. */
	for (i = 0; i < PVG_GAMMA_ENTRIES; i++) {
		u32 j = i * 255 / 256 > 254 ? 254 : i * 255 / 256;
		u32 bits = pvg_lut_lerp(j * 257, (j + 1) * 257, i * 255 - j * 256, 256);

		CHECK(bits == float_bits(i / 256.0f), "resampled %u: %08x", i, bits);
	}
	for (i = 0; i < 100000; i++) {
		u32 den = 1 + (u32)rand() % 0x10000000;
		u32 num = (u32)rand() % den;
		float want = (float)((double)num / den);
		u32 got = pvg_lut_float(num, den);

		CHECK(got == float_bits(want) || got == float_bits(want) + 1 || got + 1 == float_bits(want),
		      "%u/%u: %08x, want %08x", num, den, got, float_bits(want));
	}
	CHECK(pvg_lut_float(5, 5) == float_bits(1), "one");
	CHECK(pvg_lut_float(0, 5) == 0, "zero");
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			puts(cases[i].name);
		return 0;
	}
	if (argc == 2) {
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			if (!strcmp(argv[1], cases[i].name)) {
				u8 edid[PVG_EDID_MAX_SIZE];
				size_t size = make(&cases[i], edid);

				return fwrite(edid, 1, size, stdout) == size ? 0 : 1;
			}
		}
		fprintf(stderr, "no case %s\n", argv[1]);
		return 2;
	}
	test_edid();
	test_timing();
	test_gamma();
	if (failures)
		fprintf(stderr, "%d failures\n", failures);
	return failures ? 1 : 0;
}
