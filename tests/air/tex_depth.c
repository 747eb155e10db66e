/* SPDX-License-Identifier: MIT */
/*
 * Depth textures of every type sampled, compared, gathered and read (air 3.6). Texel (x, y) of layer l, a cube's face or
 * sample included, holds ((x + 4 y + 5 l) mod 16) / 16. What a row is: texkit.h.
 */
#include "texkit.h"

static float depth_at(unsigned x, unsigned y, unsigned layer)
{
    return (float)((x + 4 * y + 5 * layer) % 16) / 16;
}

/* Component k of a gather around the centre, of layer l. */
static float depth_gather(unsigned k, unsigned layer)
{
    return depth_at(k == 1 || k == 2 ? 2 : 1, k < 2 ? 2 : 1, layer);
}

/* less_equal passes where the reference 0.5 is at most the texel */
#define PASSES(d) ((d) >= 0.5f ? 1 : 0)

WANT(xy, depth_at(x, y, 0))
WANT(xy_l2, depth_at(x, y, 2))
WANT(xy_face3, depth_at(x, y, 3))
WANT(xy_cube1_face3, depth_at(x, y, 9))
WANT(pos_x, depth_at(2, 2, 0))
WANT(pos_x1, depth_at(2, 2, 6))
WANT(passes, PASSES(depth_at(x, y, 0)))
WANT(passes_l2, PASSES(depth_at(x, y, 2)))
WANT(pos_x_passes, PASSES(depth_at(2, 2, 0)))
WANT(pos_x1_passes, PASSES(depth_at(2, 2, 6)))
WANT(gathered, depth_gather(k, 0))
WANT(gathered_l2, depth_gather(k, 2))
WANT(gathered_1, depth_gather(k, 6))
WANT(gathered_passes, PASSES(depth_gather(k, 0)))
WANT(gathered_l2_passes, PASSES(depth_gather(k, 2)))
WANT(gathered_1_passes, PASSES(depth_gather(k, 6)))
WANT(sample2, (float)(x + 8) / 16)
WANT(four, 4)

#define D2    "depth2d<float, sample>"
#define D2A   "depth2d_array<float, sample>"
#define DC    "depthcube<float, sample>"
#define DCA   "depthcube_array<float, sample>"
#define ONE_  ", i32 1" /* depth operations carry it, of unknown meaning */
#define REF   ", float 0.5"
#define AXIS  ", <3 x float> <float 1.0, float 0.0, float 0.0>"
#define GRAD2 ", <2 x float> zeroinitializer, <2 x float> zeroinitializer, float 0.0"
#define ON_SAMPLER(op, args) ON1(T, op, ", " SMP ONE_ args)
#define GATHER(op, args) ON(T, op, ", " SMP ONE_ args ", i32 0")
#define COMPARED(op, args)                                                                                             \
    "  %q = call " S4 " @air." op ".f32(" T ", " SMP ONE_ args ", i32 0)\n" OUT

static const struct row table[] = {
    {"read_depth_2d", T2D, DEPTH, "depth2d<float, read>",
     ON1(T, "read_depth_2d", ONE_ I2 ", i32 0, i32 1"), xy},
    {"read_depth_2d_array", T2DA, DEPTH, "depth2d_array<float, read>",
     ON1(T, "read_depth_2d_array", ONE_ I2 ", i32 2, i32 0, i32 1"), xy_l2},
    {"read_depth_cube", TCUBE, DEPTH, "depthcube<float, read>",
     ON1(T, "read_depth_cube", ONE_ I2 ", i32 3, i32 0, i32 1"), xy_face3},
    {"read_depth_cube_array", TCUBEA, DEPTH, "depthcube_array<float, read>",
     ON1(T, "read_depth_cube_array", ONE_ I2 ", i32 3, i32 1, i32 0, i32 1"), xy_cube1_face3},
    {"read_depth_2d_ms", T2DMS, DEPTH, "depth2d_ms<float, read>",
     ON1(T, "read_depth_2d_ms", ONE_ I2 ", i32 2, i32 1"), sample2, .need = NEED_SAMPLE_RATE},
    {"read_depth_2d_ms_array", T2DMSA, DEPTH, "depth2d_ms_array<float, read>",
     ON1(T, "read_depth_2d_ms_array", ONE_ I2 ", i32 0, i32 2, i32 1"), sample2, .need = NEED_SAMPLE_RATE},
    {"sample_depth_2d", T2D, DEPTH, D2,
     ON_SAMPLER("sample_depth_2d", C2 OFF2 AUTO), xy, .sampler = NEAREST},
    {"sample_depth_2d_grad", T2D, DEPTH, D2,
     ON_SAMPLER("sample_depth_2d_grad", C2 GRAD2 OFF2 ", i32 0"), xy, .sampler = NEAREST},
    {"sample_depth_2d_array", T2DA, DEPTH, D2A,
     ON_SAMPLER("sample_depth_2d_array", C2 ", i32 2" OFF2 AUTO), xy_l2, .sampler = NEAREST},
    {"sample_depth_cube", TCUBE, DEPTH, DC,
     ON_SAMPLER("sample_depth_cube", POSX AUTO), pos_x, .sampler = NEAREST},
    {"sample_depth_cube_array", TCUBEA, DEPTH, DCA,
     ON_SAMPLER("sample_depth_cube_array", POSX ", i32 1" AUTO), pos_x1, .sampler = NEAREST},
    {"sample_compare_depth_2d", T2D, DEPTH, D2,
     ON_SAMPLER("sample_compare_depth_2d", C2 REF OFF2 LEVEL("0.0", "0.0")), passes, .sampler = COMPARE},
    {"sample_compare_depth_2d_g1", T2D, DEPTH, D2,
     "  %d = call float @air.sample_compare_depth_2d.f32(" T ", " SMP ONE_ C2 REF OFF2 ", i1 false, float 0.0)\n" ONE("%d"),
     passes, .sampler = COMPARE},
    {"sample_compare_depth_2d_auto", T2D, DEPTH, D2,
     ON_SAMPLER("sample_compare_depth_2d", C2 REF OFF2 AUTO), passes, .sampler = COMPARE},
    {"sample_compare_depth_2d_array", T2DA, DEPTH, D2A,
     ON_SAMPLER("sample_compare_depth_2d_array", C2 ", i32 2" REF OFF2 LEVEL("0.0", "0.0")), passes_l2, .sampler = COMPARE},
    {"sample_compare_depth_cube", TCUBE, DEPTH, DC,
     ON_SAMPLER("sample_compare_depth_cube", POSX REF LEVEL("0.0", "0.0")), pos_x_passes, .sampler = COMPARE},
    {"sample_compare_depth_cube_array", TCUBEA, DEPTH, DCA,
     ON_SAMPLER("sample_compare_depth_cube_array", POSX ", i32 1" REF LEVEL("0.0", "0.0")), pos_x1_passes, .sampler = COMPARE},
    {"gather_depth_2d", T2D, DEPTH, D2,
     GATHER("gather_depth_2d", MID2 OFF2), gathered, .sampler = NEAREST},
    {"gather_depth_2d_array", T2DA, DEPTH, D2A,
     GATHER("gather_depth_2d_array", MID2 ", i32 2" OFF2), gathered_l2, .sampler = NEAREST},
    {"gather_depth_cube", TCUBE, DEPTH, DC,
     GATHER("gather_depth_cube", AXIS), gathered, .sampler = NEAREST},
    {"gather_depth_cube_array", TCUBEA, DEPTH, DCA,
     GATHER("gather_depth_cube_array", AXIS ", i32 1"), gathered_1, .sampler = NEAREST},
    {"gather_compare_depth_2d", T2D, DEPTH, D2,
     COMPARED("gather_compare_depth_2d", MID2 REF OFF2), gathered_passes, .sampler = COMPARE},
    {"gather_compare_depth_2d_array", T2DA, DEPTH, D2A,
     COMPARED("gather_compare_depth_2d_array", MID2 ", i32 2" REF OFF2), gathered_l2_passes, .sampler = COMPARE},
    {"gather_compare_depth_cube", TCUBE, DEPTH, DC,
     COMPARED("gather_compare_depth_cube", AXIS REF), gathered_passes, .sampler = COMPARE},
    {"gather_compare_depth_cube_array", TCUBEA, DEPTH, DCA,
     COMPARED("gather_compare_depth_cube_array", AXIS ", i32 1" REF), gathered_1_passes, .sampler = COMPARE},
    {"get_width_depth_2d", T2D, DEPTH, D2,
     QUERY("width_depth_2d", ", i32 0"), four},
    {"get_num_samples_depth_2d_ms", T2DMS, DEPTH, "depth2d_ms<float, read>",
     QUERY("num_samples_depth_2d_ms", ""), four, .need = NEED_SAMPLE_RATE},
};

const struct rows depth_rows = {table, sizeof(table) / sizeof(table[0])};
