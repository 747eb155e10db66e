/* SPDX-License-Identifier: MIT */
/*
 * Colour textures of every type sampled, gathered, read and queried (air 3.2, 3.6), and the three encodings of constexpr
 * samplers (air 2.13). What a row is: texkit.h.
 */
#include "texkit.h"

WANT(xy, ALPHA(texel(x, y, 0, 0, k)))
WANT(x_, ALPHA(texel(x, 0, 0, 0, k)))
WANT(x_l1, ALPHA(texel(x, 0, 1, 0, k)))
WANT(xy_l2, ALPHA(texel(x, y, 2, 0, k)))
WANT(xy_mip1, ALPHA(texel(x / 2, y / 2, 0, 1, k)))
WANT(offset, ALPHA(texel(x < 3 ? x + 1 : 3, y > 0 ? y - 1 : 0, 0, 0, k)))
WANT(offset_l1, ALPHA(texel(x < 3 ? x + 1 : 3, y > 0 ? y - 1 : 0, 1, 0, k)))
WANT(offset_l2, ALPHA(texel(x < 3 ? x + 1 : 3, y > 0 ? y - 1 : 0, 2, 0, k)))
WANT(pos_x, ALPHA(texel(2, 2, 0, 0, k)))
WANT(face, ALPHA(texel(x, y, 3, 0, k)))
WANT(cube_l1, ALPHA(texel(x, y, 6 + 3, 0, k)))
WANT(cube_dir1, ALPHA(texel(2, 2, 6, 0, k)))
WANT(gathered, texel(k == 1 || k == 2 ? 2 : 1, k < 2 ? 2 : 1, 0, 0, 0))
WANT(gathered_green, texel(k == 1 || k == 2 ? 2 : 1, k < 2 ? 2 : 1, 0, 0, 1))
WANT(gathered_l2, texel(k == 1 || k == 2 ? 2 : 1, k < 2 ? 2 : 1, 2, 0, 0))
WANT(gathered_cube1, texel(k == 1 || k == 2 ? 2 : 1, k < 2 ? 2 : 1, 6, 0, 0))
WANT(gathered_off, texel(k == 1 || k == 2 ? 3 : 2, k < 2 ? 1 : 0, 0, 0, 0))
WANT(four, 4)
WANT(three, 3)
WANT(two, 2)
WANT(one, 1)
WANT(zero, 0)
WANT(mid, ALPHA(texel(1, 1, 0, 0, k) + 5.5f))
WANT(ints, x + 10 * y + (k < 3 ? k : 7))
WANT(sints, (int)(x + 10 * y) - 20 + (int)(k < 3 ? k : 7))
WANT(sample2, ALPHA(texel(x, y, 2, 0, k)))
WANT(samples, ALPHA(texel(x, y, (x + y) & 3, 0, k)))
WANT(cleared, 7)

#define S2D    "texture2d<float, sample>"
#define R2D    "texture2d<float, read>"
#define GRAD2  ", <2 x float> <float 0.5, float 0.0>, <2 x float> <float 0.0, float 0.5>, float 0.0"
#define GRAD3  ", <3 x float> <float 0.5, float 0.0, float 0.0>, <3 x float> <float 0.0, float 0.5, float 0.0>, float 0.0"
#define ZGRAD3 ", <3 x float> zeroinitializer, <3 x float> zeroinitializer, float 0.0"
/* a read of another texel type @t: suffix of the operation, and how it becomes floats */
#define TYPED(op, suffix, t, args, convert)                                                                            \
    "  %q = call { <4 x " t ">, i8 } @air." op "." suffix "(" args ")\n"                                               \
    "  %h = extractvalue { <4 x " t ">, i8 } %q, 0\n  %r = " convert "\n"
#define FROM(k, t) "call <4 x float> @air.convert.f.v4f32." k ".v4" t "(<4 x " t "> %h)"

static const struct row table[] = {
    {"sample_1d", T1D, FLOAT4, "texture1d<float, sample>",
     SAMPLE("texture_1d", ", float %u" OFF1 AUTO), x_, .sampler = NEAREST},
    {"sample_1d_array", T1DA, FLOAT4, "texture1d_array<float,sample>",
     SAMPLE("texture_1d_array", ", float %u, i32 1" OFF1 AUTO), x_l1, .sampler = NEAREST},
    {"sample_2d_g3", T2D, FLOAT4, S2D,
     SAMPLE("texture_2d", C2 OFF2 AUTO), xy, .sampler = NEAREST, .enc = ENC_ONE},
    {"sample_2d_g2", T2D, FLOAT4, S2D,
     "  %r = call " F4 " @air.sample_texture_2d.v4f32(" T ", " SMP C2 OFF2 ", i1 false, float 0.0, i32 0)\n", xy, .sampler = NEAREST, .enc = ENC_ONE},
    {"sample_2d_g1_inttoptr", T2D, FLOAT4, S2D,
     "  %r = call " F4 " @air.sample_texture_2d.v4f32(" T ", ptr addrspace(2) inttoptr (i64 -9188470239253749687 to ptr addrspace(2))" C2 OFF2 ", i1 false, float 0.0)\n", xy, .enc = ENC_INT},
    {"sample_2d_grad_g1", T2D, FLOAT4, S2D,
     "  %r = call " F4 " @air.sample_texture_2d_grad.v4f32(" T ", " SMP C2
     ", <2 x float> <float 0.5, float 0.0>, <2 x float> <float 0.0, float 0.5>" OFF2 ")\n", xy_mip1, .sampler = NEAREST},
    {"sample_2d_resident", T2D, FLOAT4, S2D,
     "  %q = call " S4 " @air.sample_texture_2d.v4f32(" T ", " SMP C2 OFF2 AUTO ")\n  %b = extractvalue " S4 " %q, 1\n"
     "  %w = zext i8 %b to i32\n" NUM("%w"), one, .sampler = NEAREST},
    {"sample_2d_level", T2D, FLOAT4, S2D,
     SAMPLE("texture_2d", C2 OFF2 LEVEL("1.0", "0.0")), xy_mip1, .sampler = NEAREST},
    {"sample_2d_min_lod", T2D, FLOAT4, S2D,
     SAMPLE("texture_2d", C2 OFF2 LEVEL("0.0", "1.0")), xy_mip1, .sampler = NEAREST},
    {"sample_2d_offset", T2D, FLOAT4, S2D,
     SAMPLE("texture_2d", C2 ", i1 true, <2 x i32> <i32 1, i32 -1>" LEVEL("0.0", "0.0")), offset, .sampler = NEAREST},
    {"sample_2d_dynamic_offset", T2D, FLOAT4, S2D,
     "  %z = and i32 %id, 64\n  %oz = add i32 %z, 1\n  %o1 = insertelement <2 x i32> <i32 0, i32 -1>, i32 %oz, i32 0\n" SAMPLE("texture_2d", C2 ", i1 true, <2 x i32> %o1" LEVEL("0.0", "0.0")), offset, .sampler = NEAREST},
    {"sample_2d_grad", T2D, FLOAT4, S2D,
     SAMPLE("texture_2d_grad", C2 GRAD2 OFF2 ", i32 0"), xy_mip1, .sampler = NEAREST},
    {"sample_2d_pixel", T2D, FLOAT4, S2D,
     "  %p = fmul <2 x float> %c, <float 4.0, float 4.0>\n" SAMPLE("texture_2d", ", <2 x float> %p" OFF2 AUTO), xy, .sampler = PIXEL},
    {"sample_2d_repeat", T2D, FLOAT4, S2D,
     "  %p = fadd <2 x float> %c, <float 2.0, float -1.0>\n" SAMPLE("texture_2d", ", <2 x float> %p" OFF2 AUTO), xy, .sampler = REPEAT},
    {"sample_2d_linear", T2D, FLOAT4, S2D,
     SAMPLE("texture_2d", MID2 OFF2 AUTO), mid, .sampler = LINEAR},
    {"sample_2d_array", T2DA, FLOAT4, "texture2d_array<float, sample>",
     SAMPLE("texture_2d_array", C2 ", i32 2" OFF2 AUTO), xy_l2, .sampler = NEAREST},
    {"sample_2d_array_grad", T2DA, FLOAT4, "texture2d_array<float, sample>",
     SAMPLE("texture_2d_array_grad", C2 ", i32 2" GRAD2 OFF2 ", i32 0"), xy_l2, .sampler = NEAREST},
    {"sample_3d", T3D, FLOAT4, "texture3d<float, sample>",
     SAMPLE("texture_3d", C3 OFF3 AUTO), xy_l2, .sampler = NEAREST},
    {"sample_3d_grad", T3D, FLOAT4, "texture3d<float, sample>",
     SAMPLE("texture_3d_grad", C3 GRAD3 OFF3 ", i32 0"), xy_l2, .sampler = NEAREST},
    {"sample_cube", TCUBE, FLOAT4, "texturecube<float, sample>",
     SAMPLE("texture_cube", POSX AUTO), pos_x, .sampler = NEAREST},
    {"sample_cube_grad", TCUBE, FLOAT4, "texturecube<float, sample>",
     SAMPLE("texture_cube_grad", POSX ZGRAD3 ", i32 0"), pos_x, .sampler = NEAREST},
    {"sample_1d_grad", T1D, FLOAT4, "texture1d<float, sample>",
     SAMPLE("texture_1d_grad", ", float %u, float 0.25, float 0.0, float 0.0" OFF1 ", i32 0"), x_, .sampler = NEAREST},
    {"sample_2d_array_offset", T2DA, FLOAT4, "texture2d_array<float, sample>",
     SAMPLE("texture_2d_array", C2 ", i32 2, i1 true, <2 x i32> <i32 1, i32 -1>" LEVEL("0.0", "0.0")), offset_l2,
     .sampler = NEAREST},
    {"sample_2d_array_pixel", T2DA, FLOAT4, "texture2d_array<float, sample>",
     "  %p = fmul <2 x float> %c, <float 4.0, float 4.0>\n" SAMPLE("texture_2d_array", ", <2 x float> %p, i32 2" OFF2 AUTO),
     xy_l2, .sampler = PIXEL},
    {"sample_3d_offset", T3D, FLOAT4, "texture3d<float, sample>",
     SAMPLE("texture_3d", C3 ", i1 true, <3 x i32> <i32 1, i32 -1, i32 -1>" LEVEL("0.0", "0.0")), offset_l1,
     .sampler = NEAREST},
    {"sample_cube_grad_min_lod", TCUBE, FLOAT4, "texturecube<float, sample>",
     SAMPLE("texture_cube_grad", POSX ", <3 x float> zeroinitializer, <3 x float> zeroinitializer, float 1.0, i32 0"), NULL,
     .sampler = NEAREST, .without = AIR_CAP_MIN_LOD, .refused = AIR_REFUSE_DEVICE_FEATURE},
    {"sample_2d_grad_min_lod", T2D, FLOAT4, S2D,
     SAMPLE("texture_2d_grad", C2 ", <2 x float> zeroinitializer, <2 x float> zeroinitializer, float 1.0" OFF2 ", i32 0"),
     xy_mip1, .sampler = NEAREST},
    {"sample_cube_array", TCUBEA, FLOAT4, "texturecube_array<float, sample>",
     SAMPLE("texture_cube_array", POSX ", i32 1" AUTO), cube_dir1, .sampler = NEAREST},
    {"sample_2d_half", T2D, HALF4, "texture2d<half, sample>",
     TYPED("sample_texture_2d", "v4f16", "half", T ", " SMP C2 OFF2 AUTO, "fpext <4 x half> %h to <4 x float>"), xy, .sampler = NEAREST},
    {"sample_2d_uint", T2D, UINT4, "texture2d<uint, sample>",
     TYPED("sample_texture_2d", "u.v4i32", "i32", T ", " SMP C2 OFF2 AUTO, FROM("u", "i32")), ints, .sampler = NEAREST},
    {"sample_2d_int", T2D, SINT4, "texture2d<int, sample>",
     TYPED("sample_texture_2d", "s.v4i32", "i32", T ", " SMP C2 OFF2 AUTO, FROM("s", "i32")), sints, .sampler = NEAREST},
    {"gather_2d", T2D, FLOAT4, S2D,
     ON(T, "gather_texture_2d", ", " SMP MID2 OFF2 ", i32 0, i32 0"), gathered, .sampler = LINEAR},
    {"gather_2d_g1", T2D, FLOAT4, S2D,
     "  %r = call " F4 " @air.gather_texture_2d.v4f32(" T ", " SMP MID2 OFF2 ", i32 1)\n", gathered_green,
     .sampler = LINEAR},
    {"gather_2d_green", T2D, FLOAT4, S2D,
     ON(T, "gather_texture_2d", ", " SMP MID2 OFF2 ", i32 1, i32 0"), gathered_green, .sampler = LINEAR},
    {"gather_2d_offset", T2D, FLOAT4, S2D,
     ON(T, "gather_texture_2d", ", " SMP MID2 ", i1 true, <2 x i32> <i32 1, i32 -1>, i32 0, i32 0"), gathered_off, .sampler = LINEAR},
    {"gather_2d_array", T2DA, FLOAT4, "texture2d_array<float, sample>",
     ON(T, "gather_texture_2d_array", ", " SMP MID2 ", i32 2" OFF2 ", i32 0, i32 0"), gathered_l2, .sampler = LINEAR},
    {"gather_cube", TCUBE, FLOAT4, "texturecube<float, sample>",
     ON(T, "gather_texture_cube", ", " SMP ", <3 x float> <float 1.0, float 0.0, float 0.0>, i32 0, i32 0"), gathered, .sampler = LINEAR},
    {"gather_cube_array", TCUBEA, FLOAT4, "texturecube_array<float, sample>",
     ON(T, "gather_texture_cube_array", ", " SMP ", <3 x float> <float 1.0, float 0.0, float 0.0>, i32 1, i32 0, i32 0"), gathered_cube1, .sampler = LINEAR},
    {"read_1d", T1D, FLOAT4, "texture1d<float, read>",
     READ("texture_1d", ", i32 %x, i32 0, i32 1"), x_},
    {"read_1d_access_only", T1D, FLOAT4, "texture1d<float, read>",
     READ("texture_1d", ", i32 %x, i32 1"), x_, .version = "i32 2, i32 6, i32 0"},
    {"read_1d_array", T1DA, FLOAT4, "texture1d_array<float, read>",
     READ("texture_1d_array", ", i32 %x, i32 1, i32 0, i32 1"), x_l1},
    {"read_2d", T2D, FLOAT4, R2D,
     READ("texture_2d", I2 ", i32 0, i32 1"), xy},
    {"read_2d_level1", T2D, FLOAT4, R2D,
     "  %h = lshr <2 x i32> %i, <i32 1, i32 1>\n" READ("texture_2d", ", <2 x i32> %h, i32 1, i32 1"), xy_mip1},
    {"read_2d_g1", T2D, FLOAT4, R2D,
     "  %r = call " F4 " @air.read_texture_2d.v4f32(" T I2 ", i32 0)\n", xy, .version = "i32 1, i32 11, i32 0"},
    {"read_2d_g1_level1", T2D, FLOAT4, R2D,
     "  %h = lshr <2 x i32> %i, <i32 1, i32 1>\n  %r = call " F4 " @air.read_texture_2d.v4f32(" T ", <2 x i32> %h, i32 1)\n", xy_mip1, .version = "i32 1, i32 8, i32 0"},
    {"read_2d_air28", T2D, FLOAT4, R2D,
     "  %rs = call ptr addrspace(2) @air.get_read_sampler()\n" READ("texture_2d", ", ptr addrspace(2) %rs" I2 ", <2 x i32> zeroinitializer, i32 0, i32 1"), xy},
    {"read_2d_i16", T2D, FLOAT4, R2D,
     "  %s = trunc <2 x i32> %i to <2 x i16>\n  %q = call " S4 " @air.read_texture_2d.i16.v4f32(" T ", <2 x i16> %s, i16 0, i32 1)\n" OUT, xy},
    {"read_2d_array", T2DA, FLOAT4, "texture2d_array<float, read>",
     READ("texture_2d_array", I2 ", i32 2, i32 0, i32 1"), xy_l2},
    {"read_3d", T3D, FLOAT4, "texture3d<float, read>",
     READ("texture_3d", I3 ", i32 0, i32 1"), xy_l2},
    {"read_cube", TCUBE, FLOAT4, "texturecube<float, read>",
     READ("texture_cube", I2 ", i32 3, i32 0, i32 1"), face},
    {"read_cube_array", TCUBEA, FLOAT4, "texturecube_array<float, read>",
     READ("texture_cube_array", I2 ", i32 3, i32 1, i32 0, i32 1"), cube_l1},
    {"read_buffer", TBUF, FLOAT4, "texture_buffer<float, read>",
     READ("texture_buffer_1d", ", i32 %x, i32 1"), x_},
    {"read_2d_half", T2D, HALF4, "texture2d<half, read>",
     TYPED("read_texture_2d", "v4f16", "half", T I2 ", i32 0, i32 1", "fpext <4 x half> %h to <4 x float>"), xy},
    {"read_2d_uint", T2D, UINT4, "texture2d<uint, read>",
     TYPED("read_texture_2d", "u.v4i32", "i32", T I2 ", i32 0, i32 1", FROM("u", "i32")), ints},
    {"read_2d_int", T2D, SINT4, "texture2d<int, read>",
     TYPED("read_texture_2d", "s.v4i32", "i32", T I2 ", i32 0, i32 1", FROM("s", "i32")), sints},
    {"read_2d_short", T2D, SINT4, "texture2d<short, read>",
     TYPED("read_texture_2d", "s.v4i16", "i16", T I2 ", i32 0, i32 1", FROM("s", "i16")), sints},
    {"read_2d_ms", T2DMS, FLOAT4, "texture2d_ms<float, read>",
     READ("texture_2d_ms", I2 ", i32 2, i32 1"), sample2, .need = NEED_SAMPLE_RATE},
    {"read_2d_ms_each", T2DMS, FLOAT4, "texture2d_ms<float, read>",
     "  %xy = add i32 %x, %y\n  %n_ = and i32 %xy, 3\n" READ("texture_2d_ms", I2 ", i32 %n_, i32 1"), samples, .need = NEED_SAMPLE_RATE},
    {"read_2d_ms_air28", T2DMS, FLOAT4, "texture2d_ms<float, read>",
     "  %rs = call ptr addrspace(2) @air.get_read_sampler()\n" READ("texture_2d_ms", ", ptr addrspace(2) %rs" I2 ", i32 2, i32 1"), sample2, .need = NEED_SAMPLE_RATE},
    {"read_2d_ms_array", T2DMSA, FLOAT4, "texture2d_ms_array<float, read>",
     READ("texture_2d_ms_array", I2 ", i32 0, i32 2, i32 1"), sample2, .need = NEED_SAMPLE_RATE},
    {"read_2d_ms_array_layer1", T2DMSA, FLOAT4, "texture2d_ms_array<float, read>",
     READ("texture_2d_ms_array", I2 ", i32 1, i32 2, i32 1"), cleared, .need = NEED_SAMPLE_RATE},
    {"get_num_samples_2d_ms", T2DMS, FLOAT4, "texture2d_ms<float, read>",
     QUERY("num_samples_texture_2d_ms", ""), four, .need = NEED_SAMPLE_RATE},
    {"get_width_2d_ms", T2DMS, FLOAT4, "texture2d_ms<float, read>",
     QUERY("width_texture_2d_ms", ""), four, .need = NEED_SAMPLE_RATE},
    {"get_array_size_2d_ms_array", T2DMSA, FLOAT4, "texture2d_ms_array<float, read>",
     QUERY("array_size_texture_2d_ms_array", ""), two, .need = NEED_SAMPLE_RATE},
    {"get_width_2d", T2D, FLOAT4, S2D,
     QUERY("width_texture_2d", ", i32 0"), four},
    {"get_height_2d_level1", T2D, FLOAT4, S2D,
     QUERY("height_texture_2d", ", i32 1"), two},
    {"get_depth_3d", T3D, FLOAT4, "texture3d<float, sample>",
     QUERY("depth_texture_3d", ", i32 0"), three},
    {"get_width_cube", TCUBE, FLOAT4, "texturecube<float, sample>",
     QUERY("width_texture_cube", ", i32 0"), four},
    {"get_array_size_2d_array", T2DA, FLOAT4, "texture2d_array<float, sample>",
     QUERY("array_size_texture_2d_array", ""), three},
    {"get_array_size_1d_array", T1DA, FLOAT4, "texture1d_array<float, sample>",
     QUERY("array_size_texture_1d_array", ""), three},
    {"get_array_size_cube_array", TCUBEA, FLOAT4, "texturecube_array<float, sample>",
     QUERY("array_size_texture_cube_array", ""), two},
    {"get_array_size_cube_array_read", TCUBEA, FLOAT4, "texturecube_array<float, read>",
     "  %q = call " S4 " @air.read_texture_cube_array.v4f32(" T I2 ", i32 3, i32 1, i32 0, i32 1)\n  %p = extractvalue " S4 " %q, 0\n  %z = fmul <4 x float> %p, zeroinitializer\n  %w = call i32 @air.get_array_size_texture_cube_array(" T ")\n  %n = call float @air.convert.f.f32.u.i32(i32 %w)\n  %r0 = insertelement <4 x float> zeroinitializer, float %n, i32 0\n  %r1 = shufflevector <4 x float> %r0, <4 x float> undef, <4 x i32> zeroinitializer\n  %r = fadd <4 x float> %r1, %z\n", two},
    {"get_num_mip_levels_2d", T2D, FLOAT4, S2D,
     QUERY("num_mip_levels_texture_2d", ""), two},
    {"get_num_mip_levels_buffer", TBUF, FLOAT4, "texture_buffer<float, read>",
     QUERY("num_mip_levels_texture_buffer_1d", ""), one},
    {"get_width_1d", T1D, FLOAT4, "texture1d<float, sample>",
     QUERY("width_texture_1d", ", i32 0"), four},
    {"get_width_buffer", TBUF, FLOAT4, "texture_buffer<float, read>",
     QUERY("width_texture_buffer_1d", ""), four},
    {"calculate_lod_in_a_kernel", T2D, FLOAT4, S2D,
     "  %d = call float @air.calculate_clamped_lod_texture_2d(" T ", " SMP C2 ", i32 0)\n" ONE("%d"), zero, .sampler = NEAREST},
    {"is_null_2d", T2D, FLOAT4, S2D,
     "  %b = call i1 @air.is_null_texture_2d(" T ")\n  %w = zext i1 %b to i32\n" NUM("%w"), zero},
    {"is_null_sampler", T2D, FLOAT4, S2D,
     "  %b = call i1 @air.is_null_sampler(" SMP ")\n  %w = zext i1 %b to i32\n" NUM("%w"), zero, .sampler = NEAREST},
    {"null_handle", T2D, FLOAT4, S2D,
     "  %nt = call ptr addrspace(1) @air.get_null_texture_2d()\n  %b = call i1 @air.is_null_texture_2d(ptr addrspace(1) %nt)\n  %w = zext i1 %b to i32\n" NUM("%w"), one},
};

const struct rows sample_rows = {table, sizeof(table) / sizeof(table[0])};
