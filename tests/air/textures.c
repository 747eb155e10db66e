/* SPDX-License-Identifier: MIT */
/*
 * Every texture type sampled, read, written, gathered and queried (air 3.2, 3.6), and the three encodings of constexpr
 * samplers (air 2.13), by value. Each row is one kernel: its body is LLVM text with the thread number in %id, coordinates
 * in %x and %y (0..3), their centres in %u and %v (0..1), and the result in %r, stored as four floats.
 *
 * Texel (x, y, layer, level) of every image holds x + 10 y + 100 layer + 1000 level in its first component, and 0.25, 0.5
 * more in the next two (floats), or just one and two more (integers). usage: textures [NAME]
 */
#include "vkrun.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 16

static struct vk vk;
static unsigned right, wrong, refused;

#define F4  "<4 x float>"
#define S4  "{ <4 x float>, i8 }"
#define T   "ptr addrspace(1) %t"
#define SMP "ptr addrspace(2) @s"
#define TD  "ptr addrspace(1)"
#define SD  "ptr addrspace(2)"
#define V2  "  %c0 = insertelement <2 x float> undef, float %u, i32 0\n  %c = insertelement <2 x float> %c0, float %v, i32 1\n"
#define V3(z) V2 "  %c3a = shufflevector <2 x float> %c, <2 x float> undef, <3 x i32> <i32 0, i32 1, i32 undef>\n"             \
              "  %c3 = insertelement <3 x float> %c3a, float " z ", i32 2\n"
#define I2  "  %i0 = insertelement <2 x i32> undef, i32 %x, i32 0\n  %i = insertelement <2 x i32> %i0, i32 %y, i32 1\n"
#define I3(z) I2 "  %i3a = shufflevector <2 x i32> %i, <2 x i32> undef, <3 x i32> <i32 0, i32 1, i32 undef>\n"                 \
              "  %i3 = insertelement <3 x i32> %i3a, i32 " z ", i32 2\n"
#define OUT "  %r = extractvalue " S4 " %q, 0\n"
/* one float to four */
#define ONE(v) "  %r0 = insertelement <4 x float> zeroinitializer, float " v ", i32 0\n"                                       \
               "  %r = shufflevector <4 x float> %r0, <4 x float> undef, <4 x i32> zeroinitializer\n"
#define NUM(v) "  %n = call float @air.convert.f.f32.u.i32(i32 " v ")\n" ONE("%n")
#define DCONV "declare float @air.convert.f.f32.u.i32(i32)\n"

enum shape { T1D, T1DA, T2D, T2DA, T3D, TCUBE, TCUBEA, TBUF };
enum fmt { FLOAT4, HALF4, UINT4, SINT4, DEPTH };
enum encode { ENC_PAIR, ENC_ONE, ENC_INT };

#define NEAREST 0x007BFF0000082049ull /* nearest, nearest mip, clamp to edge */
#define LINEAR  0x007BFF0000080A49ull
#define PIXEL   0x007BFF0000088049ull
#define COMPARE 0x007BFF0000020049ull /* less_equal */
#define REPEAT  0x007BFF0000080092ull

struct row {
    const char *name;
    enum shape shape;
    enum fmt fmt;
    const char *type;
    const char *body, *decl;
    float (*want)(unsigned x, unsigned y, unsigned component);
    uint64_t sampler;
    enum encode enc;
    bool writes; /* compare the texture instead of the buffer */
    int storage_format;
};

static float texel(unsigned x, unsigned y, unsigned layer, unsigned level, unsigned comp)
{
    return (float)(x + 10 * y + 100 * layer + 1000 * level) + (comp < 3 ? 0.25f * (float)comp : 0);
}

#define W(n, e)                                                                                                        \
    static float w_##n(unsigned x, unsigned y, unsigned k)                                                             \
    {                                                                                                                  \
        return e;                                                                                                      \
    }
#define ALPHA(e) (k == 3 ? 1 : (e))
W(xy, ALPHA(texel(x, y, 0, 0, k)))
W(x, ALPHA(texel(x, 0, 0, 0, k)))
W(x_l1, ALPHA(texel(x, 0, 1, 0, k)))
W(xy_l2, ALPHA(texel(x, y, 2, 0, k)))
W(xy_mip1, ALPHA(texel(x / 2, y / 2, 0, 1, k)))
W(off, ALPHA(texel(x < 3 ? x + 1 : 3, y > 0 ? y - 1 : 0, 0, 0, k)))
W(pos_x, ALPHA(texel(2, 2, 0, 0, k)))
W(face, ALPHA(texel(x, y, 3, 0, k)))
W(cube_l1, ALPHA(texel(x, y, 6 + 3, 0, k)))
W(cube_dir1, ALPHA(texel(2, 2, 6, 0, k)))
W(gather, texel(k == 1 || k == 2 ? 2 : 1, k < 2 ? 2 : 1, 0, 0, 0))
W(gather_g, texel(k == 1 || k == 2 ? 2 : 1, k < 2 ? 2 : 1, 0, 0, 1))
W(four, 4)
W(three, 3)
W(two, 2)
W(zero, 0)
W(repeat, ALPHA(texel(x, y, 0, 0, k)))
W(mid, ALPHA(texel(1, 1, 0, 0, k) + 5.5f))
W(ints, (float)(x + 10 * y + (k < 3 ? k : 7)))
W(sints, (float)((int)(x + 10 * y) - 20 + (int)(k < 3 ? k : 7)))
W(depth, (float)(x + 4 * y) / 16)
W(cmp, (float)(x + 4 * y) / 16 >= 0.5f ? 1 : 0)
W(dgather, ((float[]){(1 + 8) / 16.0f, (2 + 8) / 16.0f, (2 + 4) / 16.0f, (1 + 4) / 16.0f})[k])
W(cgather, ((float[]){(1 + 8) / 16.0f, (2 + 8) / 16.0f, (2 + 4) / 16.0f, (1 + 4) / 16.0f})[k] >= 0.5f ? 1 : 0)
W(written, (float)(x * 2 + y * 20) + (float)k)
W(doubled, k == 3 ? 2 : 2 * texel(x, y, 0, 0, k))


static const struct row rows[] = {
    {"sample_1d", T1D, FLOAT4, "texture1d<float, sample>",
     "  %q = call " S4 " @air.sample_texture_1d.v4f32(" T ", " SMP ", float %u, i1 false, i32 0, i1 false, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_1d.v4f32(" TD "," SD ", float, i1, i32, i1, float, float, i32)\n", w_x, NEAREST, ENC_PAIR},
    {"sample_1d_array", T1DA, FLOAT4, "texture1d_array<float,sample>",
     "  %q = call " S4 " @air.sample_texture_1d_array.v4f32(" T ", " SMP ", float %u, i32 1, i1 false, i32 0, i1 false, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_1d_array.v4f32(" TD "," SD ", float, i32, i1, i32, i1, float, float, i32)\n", w_x_l1, NEAREST},
    {"sample_2d_g3", T2D, FLOAT4, "texture2d<float, sample>",
     V2 "  %q = call " S4 " @air.sample_texture_2d.v4f32(" T ", " SMP ", <2 x float> %c, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i1, float, float, i32)\n", w_xy, NEAREST, ENC_ONE},
    {"sample_2d_g2", T2D, FLOAT4, "texture2d<float, sample>",
     V2 "  %r = call " F4 " @air.sample_texture_2d.v4f32(" T ", " SMP ", <2 x float> %c, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, i32 0)\n",
     "declare " F4 " @air.sample_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i1, float, i32)\n", w_xy, NEAREST, ENC_ONE},
    {"sample_2d_g1_inttoptr", T2D, FLOAT4, "texture2d<float, sample>",
     V2 "  %r = call " F4 " @air.sample_texture_2d.v4f32(" T ", " SD " inttoptr (i64 -9188470239253749687 to ptr addrspace(2)), <2 x float> %c, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0)\n",
     "declare " F4 " @air.sample_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i1, float)\n", w_xy, 0, ENC_INT},
    {"sample_2d_level", T2D, FLOAT4, "texture2d<float, sample>",
     V2 "  %q = call " S4 " @air.sample_texture_2d.v4f32(" T ", " SMP ", <2 x float> %c, i1 true, <2 x i32> zeroinitializer, i1 true, float 1.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i1, float, float, i32)\n", w_xy_mip1, NEAREST},
    {"sample_2d_min_lod", T2D, FLOAT4, "texture2d<float, sample>",
     V2 "  %q = call " S4 " @air.sample_texture_2d.v4f32(" T ", " SMP ", <2 x float> %c, i1 true, <2 x i32> zeroinitializer, i1 true, float 0.0, float 1.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i1, float, float, i32)\n", w_xy_mip1, NEAREST},
    {"sample_2d_offset", T2D, FLOAT4, "texture2d<float, sample>",
     V2 "  %q = call " S4 " @air.sample_texture_2d.v4f32(" T ", " SMP ", <2 x float> %c, i1 true, <2 x i32> <i32 1, i32 -1>, i1 true, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i1, float, float, i32)\n", w_off, NEAREST},
    {"sample_2d_dynamic_offset", T2D, FLOAT4, "texture2d<float, sample>",
     V2 "  %one = sub i32 %id, %id\n  %ox = add i32 %one, 1\n  %o0 = insertelement <2 x i32> <i32 0, i32 -1>, i32 %ox, i32 0\n"
     "  %z = and i32 %id, 64\n  %oz = add i32 %z, 1\n  %o1 = insertelement <2 x i32> %o0, i32 %oz, i32 0\n"
     "  %q = call " S4 " @air.sample_texture_2d.v4f32(" T ", " SMP ", <2 x float> %c, i1 true, <2 x i32> %o1, i1 true, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i1, float, float, i32)\n", w_off, NEAREST},
    {"sample_2d_grad", T2D, FLOAT4, "texture2d<float, sample>",
     V2 "  %q = call " S4 " @air.sample_texture_2d_grad.v4f32(" T ", " SMP ", <2 x float> %c, <2 x float> <float 0.5, float 0.0>, <2 x float> <float 0.0, float 0.5>, float 0.0, i1 true, <2 x i32> zeroinitializer, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_2d_grad.v4f32(" TD "," SD ", <2 x float>, <2 x float>, <2 x float>, float, i1, <2 x i32>, i32)\n", w_xy_mip1, NEAREST},
    {"sample_2d_pixel", T2D, FLOAT4, "texture2d<float, sample>",
     V2 "  %p = fmul <2 x float> %c, <float 4.0, float 4.0>\n  %q = call " S4 " @air.sample_texture_2d.v4f32(" T ", " SMP ", <2 x float> %p, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i1, float, float, i32)\n", w_xy, PIXEL},
    {"sample_2d_repeat", T2D, FLOAT4, "texture2d<float, sample>",
     V2 "  %p = fadd <2 x float> %c, <float 2.0, float -1.0>\n  %q = call " S4 " @air.sample_texture_2d.v4f32(" T ", " SMP ", <2 x float> %p, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i1, float, float, i32)\n", w_repeat, REPEAT},
    {"sample_2d_linear", T2D, FLOAT4, "texture2d<float, sample>",
     "  %q = call " S4 " @air.sample_texture_2d.v4f32(" T ", " SMP ", <2 x float> <float 0.5, float 0.5>, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i1, float, float, i32)\n", w_mid, LINEAR},
    {"sample_2d_array", T2DA, FLOAT4, "texture2d_array<float, sample>",
     V2 "  %q = call " S4 " @air.sample_texture_2d_array.v4f32(" T ", " SMP ", <2 x float> %c, i32 2, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_2d_array.v4f32(" TD "," SD ", <2 x float>, i32, i1, <2 x i32>, i1, float, float, i32)\n", w_xy_l2, NEAREST},
    {"sample_3d", T3D, FLOAT4, "texture3d<float, sample>",
     V3("0x3FECCCCCC0000000") "  %q = call " S4 " @air.sample_texture_3d.v4f32(" T ", " SMP ", <3 x float> %c3, i1 true, <3 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_3d.v4f32(" TD "," SD ", <3 x float>, i1, <3 x i32>, i1, float, float, i32)\n", w_xy_l2, NEAREST},
    {"sample_cube", TCUBE, FLOAT4, "texturecube<float, sample>",
     "  %q = call " S4 " @air.sample_texture_cube.v4f32(" T ", " SMP ", <3 x float> <float 1.0, float -0.25, float -0.25>, i1 false, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_cube.v4f32(" TD "," SD ", <3 x float>, i1, float, float, i32)\n", w_pos_x, NEAREST},
    {"sample_cube_array", TCUBEA, FLOAT4, "texturecube_array<float, sample>",
     "  %q = call " S4 " @air.sample_texture_cube_array.v4f32(" T ", " SMP ", <3 x float> <float 1.0, float -0.25, float -0.25>, i32 1, i1 false, float 0.0, float 0.0, i32 0)\n" OUT,
     "declare " S4 " @air.sample_texture_cube_array.v4f32(" TD "," SD ", <3 x float>, i32, i1, float, float, i32)\n", w_cube_dir1, NEAREST},
    {"gather_2d", T2D, FLOAT4, "texture2d<float, sample>",
     "  %q = call " S4 " @air.gather_texture_2d.v4f32(" T ", " SMP ", <2 x float> <float 0.5, float 0.5>, i1 true, <2 x i32> zeroinitializer, i32 0, i32 0)\n" OUT,
     "declare " S4 " @air.gather_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i32, i32)\n", w_gather, LINEAR},
    {"gather_2d_green", T2D, FLOAT4, "texture2d<float, sample>",
     "  %q = call " S4 " @air.gather_texture_2d.v4f32(" T ", " SMP ", <2 x float> <float 0.5, float 0.5>, i1 true, <2 x i32> zeroinitializer, i32 1, i32 0)\n" OUT,
     "declare " S4 " @air.gather_texture_2d.v4f32(" TD "," SD ", <2 x float>, i1, <2 x i32>, i32, i32)\n", w_gather_g, LINEAR},
    {"read_1d", T1D, FLOAT4, "texture1d<float, read>",
     "  %q = call " S4 " @air.read_texture_1d.v4f32(" T ", i32 %x, i32 0, i32 1)\n" OUT,
     "declare " S4 " @air.read_texture_1d.v4f32(" TD ", i32, i32, i32)\n", w_x, 0},
    {"read_2d", T2D, FLOAT4, "texture2d<float, read>",
     I2 "  %q = call " S4 " @air.read_texture_2d.v4f32(" T ", <2 x i32> %i, i32 0, i32 1)\n" OUT,
     "declare " S4 " @air.read_texture_2d.v4f32(" TD ", <2 x i32>, i32, i32)\n", w_xy, 0},
    {"read_2d_g1", T2D, FLOAT4, "texture2d<float, read>",
     I2 "  %r = call " F4 " @air.read_texture_2d.v4f32(" T ", <2 x i32> %i, i32 0)\n",
     "declare " F4 " @air.read_texture_2d.v4f32(" TD ", <2 x i32>, i32)\n", w_xy, 0},
    {"read_2d_air28", T2D, FLOAT4, "texture2d<float, read>",
     I2 "  %rs = call ptr addrspace(2) @air.get_read_sampler()\n  %q = call " S4 " @air.read_texture_2d.v4f32(" T ", ptr addrspace(2) %rs, <2 x i32> %i, <2 x i32> zeroinitializer, i32 0, i32 1)\n" OUT,
     "declare ptr addrspace(2) @air.get_read_sampler()\ndeclare " S4 " @air.read_texture_2d.v4f32(" TD "," SD ", <2 x i32>, <2 x i32>, i32, i32)\n", w_xy, 0},
    {"read_2d_i16", T2D, FLOAT4, "texture2d<float, read>",
     I2 "  %s = trunc <2 x i32> %i to <2 x i16>\n  %q = call " S4 " @air.read_texture_2d.i16.v4f32(" T ", <2 x i16> %s, i16 0, i32 1)\n" OUT,
     "declare " S4 " @air.read_texture_2d.i16.v4f32(" TD ", <2 x i16>, i16, i32)\n", w_xy, 0},
    {"read_2d_array", T2DA, FLOAT4, "texture2d_array<float, read>",
     I2 "  %q = call " S4 " @air.read_texture_2d_array.v4f32(" T ", <2 x i32> %i, i32 2, i32 0, i32 1)\n" OUT,
     "declare " S4 " @air.read_texture_2d_array.v4f32(" TD ", <2 x i32>, i32, i32, i32)\n", w_xy_l2, 0},
    {"read_3d", T3D, FLOAT4, "texture3d<float, read>",
     I3("2") "  %q = call " S4 " @air.read_texture_3d.v4f32(" T ", <3 x i32> %i3, i32 0, i32 1)\n" OUT,
     "declare " S4 " @air.read_texture_3d.v4f32(" TD ", <3 x i32>, i32, i32)\n", w_xy_l2, 0},
    {"read_cube", TCUBE, FLOAT4, "texturecube<float, read>",
     I2 "  %q = call " S4 " @air.read_texture_cube.v4f32(" T ", <2 x i32> %i, i32 3, i32 0, i32 1)\n" OUT,
     "declare " S4 " @air.read_texture_cube.v4f32(" TD ", <2 x i32>, i32, i32, i32)\n", w_face, 0},
    {"read_cube_array", TCUBEA, FLOAT4, "texturecube_array<float, read>",
     I2 "  %q = call " S4 " @air.read_texture_cube_array.v4f32(" T ", <2 x i32> %i, i32 3, i32 1, i32 0, i32 1)\n" OUT,
     "declare " S4 " @air.read_texture_cube_array.v4f32(" TD ", <2 x i32>, i32, i32, i32, i32)\n", w_cube_l1, 0},
    {"read_buffer", TBUF, FLOAT4, "texture_buffer<float, read>",
     "  %q = call " S4 " @air.read_texture_buffer_1d.v4f32(" T ", i32 %x, i32 1)\n" OUT,
     "declare " S4 " @air.read_texture_buffer_1d.v4f32(" TD ", i32, i32)\n", w_x, 0},
    {"read_2d_half", T2D, HALF4, "texture2d<half, read>",
     I2 "  %q = call { <4 x half>, i8 } @air.read_texture_2d.v4f16(" T ", <2 x i32> %i, i32 0, i32 1)\n  %h = extractvalue { <4 x half>, i8 } %q, 0\n  %r = fpext <4 x half> %h to <4 x float>\n",
     "declare { <4 x half>, i8 } @air.read_texture_2d.v4f16(" TD ", <2 x i32>, i32, i32)\n", w_xy, 0},
    {"read_2d_uint", T2D, UINT4, "texture2d<uint, read>",
     I2 "  %q = call { <4 x i32>, i8 } @air.read_texture_2d.u.v4i32(" T ", <2 x i32> %i, i32 0, i32 1)\n  %h = extractvalue { <4 x i32>, i8 } %q, 0\n  %r = call <4 x float> @air.convert.f.v4f32.u.v4i32(<4 x i32> %h)\n",
     "declare { <4 x i32>, i8 } @air.read_texture_2d.u.v4i32(" TD ", <2 x i32>, i32, i32)\ndeclare <4 x float> @air.convert.f.v4f32.u.v4i32(<4 x i32>)\n", w_ints, 0},
    {"read_2d_int", T2D, SINT4, "texture2d<int, read>",
     I2 "  %q = call { <4 x i32>, i8 } @air.read_texture_2d.s.v4i32(" T ", <2 x i32> %i, i32 0, i32 1)\n  %h = extractvalue { <4 x i32>, i8 } %q, 0\n  %r = call <4 x float> @air.convert.f.v4f32.s.v4i32(<4 x i32> %h)\n",
     "declare { <4 x i32>, i8 } @air.read_texture_2d.s.v4i32(" TD ", <2 x i32>, i32, i32)\ndeclare <4 x float> @air.convert.f.v4f32.s.v4i32(<4 x i32>)\n", w_sints, 0},
    {"read_2d_short", T2D, SINT4, "texture2d<short, read>",
     I2 "  %q = call { <4 x i16>, i8 } @air.read_texture_2d.s.v4i16(" T ", <2 x i32> %i, i32 0, i32 1)\n  %h = extractvalue { <4 x i16>, i8 } %q, 0\n  %r = call <4 x float> @air.convert.f.v4f32.s.v4i16(<4 x i16> %h)\n",
     "declare { <4 x i16>, i8 } @air.read_texture_2d.s.v4i16(" TD ", <2 x i32>, i32, i32)\ndeclare <4 x float> @air.convert.f.v4f32.s.v4i16(<4 x i16>)\n", w_sints, 0},
    {"read_depth_2d", T2D, DEPTH, "depth2d<float, read>",
     I2 "  %q = call { float, i8 } @air.read_depth_2d.f32(" T ", i32 1, <2 x i32> %i, i32 0, i32 1)\n  %d = extractvalue { float, i8 } %q, 0\n" ONE("%d"),
     "declare { float, i8 } @air.read_depth_2d.f32(" TD ", i32, <2 x i32>, i32, i32)\n", w_depth, 0},
    {"sample_depth_2d", T2D, DEPTH, "depth2d<float, sample>",
     V2 "  %q = call { float, i8 } @air.sample_depth_2d.f32(" T ", " SMP ", i32 1, <2 x float> %c, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)\n  %d = extractvalue { float, i8 } %q, 0\n" ONE("%d"),
     "declare { float, i8 } @air.sample_depth_2d.f32(" TD "," SD ", i32, <2 x float>, i1, <2 x i32>, i1, float, float, i32)\n", w_depth, NEAREST},
    {"sample_compare_depth_2d", T2D, DEPTH, "depth2d<float, sample>",
     V2 "  %q = call { float, i8 } @air.sample_compare_depth_2d.f32(" T ", " SMP ", i32 1, <2 x float> %c, float 0.5, i1 true, <2 x i32> zeroinitializer, i1 true, float 0.0, float 0.0, i32 0)\n  %d = extractvalue { float, i8 } %q, 0\n" ONE("%d"),
     "declare { float, i8 } @air.sample_compare_depth_2d.f32(" TD "," SD ", i32, <2 x float>, float, i1, <2 x i32>, i1, float, float, i32)\n", w_cmp, COMPARE},
    {"gather_depth_2d", T2D, DEPTH, "depth2d<float, sample>",
     "  %q = call " S4 " @air.gather_depth_2d.v4f32(" T ", " SMP ", i32 1, <2 x float> <float 0.5, float 0.5>, i1 true, <2 x i32> zeroinitializer, i32 0)\n" OUT,
     "declare " S4 " @air.gather_depth_2d.v4f32(" TD "," SD ", i32, <2 x float>, i1, <2 x i32>, i32)\n", w_dgather, NEAREST},
    {"gather_compare_depth_2d", T2D, DEPTH, "depth2d<float, sample>",
     "  %q = call " S4 " @air.gather_compare_depth_2d.f32(" T ", " SMP ", i32 1, <2 x float> <float 0.5, float 0.5>, float 0.5, i1 true, <2 x i32> zeroinitializer, i32 0)\n" OUT,
     "declare " S4 " @air.gather_compare_depth_2d.f32(" TD "," SD ", i32, <2 x float>, float, i1, <2 x i32>, i32)\n", w_cgather, COMPARE},
    {"get_width_2d", T2D, FLOAT4, "texture2d<float, sample>",
     "  %w = call i32 @air.get_width_texture_2d(" T ", i32 0)\n" NUM("%w"), DCONV "declare i32 @air.get_width_texture_2d(" TD ", i32)\n", w_four, 0},
    {"get_height_2d_level1", T2D, FLOAT4, "texture2d<float, sample>",
     "  %w = call i32 @air.get_height_texture_2d(" T ", i32 1)\n" NUM("%w"), DCONV "declare i32 @air.get_height_texture_2d(" TD ", i32)\n", w_two, 0},
    {"get_depth_3d", T3D, FLOAT4, "texture3d<float, sample>",
     "  %w = call i32 @air.get_depth_texture_3d(" T ", i32 0)\n" NUM("%w"), DCONV "declare i32 @air.get_depth_texture_3d(" TD ", i32)\n", w_three, 0},
    {"get_array_size_2d_array", T2DA, FLOAT4, "texture2d_array<float, sample>",
     "  %w = call i32 @air.get_array_size_texture_2d_array(" T ")\n" NUM("%w"), DCONV "declare i32 @air.get_array_size_texture_2d_array(" TD ")\n", w_three, 0},
    {"get_array_size_cube_array", TCUBEA, FLOAT4, "texturecube_array<float, sample>",
     "  %w = call i32 @air.get_array_size_texture_cube_array(" T ")\n" NUM("%w"), DCONV "declare i32 @air.get_array_size_texture_cube_array(" TD ")\n", w_two, 0},
    {"get_num_mip_levels_2d", T2D, FLOAT4, "texture2d<float, sample>",
     "  %w = call i32 @air.get_num_mip_levels_texture_2d(" T ")\n" NUM("%w"), DCONV "declare i32 @air.get_num_mip_levels_texture_2d(" TD ")\n", w_two, 0},
    {"get_width_1d", T1D, FLOAT4, "texture1d<float, sample>",
     "  %w = call i32 @air.get_width_texture_1d(" T ", i32 0)\n" NUM("%w"), DCONV "declare i32 @air.get_width_texture_1d(" TD ", i32)\n", w_four, 0},
    {"get_width_buffer", TBUF, FLOAT4, "texture_buffer<float, read>",
     "  %w = call i32 @air.get_width_texture_buffer_1d(" T ")\n" NUM("%w"), DCONV "declare i32 @air.get_width_texture_buffer_1d(" TD ")\n", w_four, 0},
    {"is_null_2d", T2D, FLOAT4, "texture2d<float, sample>",
     "  %b = call i1 @air.is_null_texture_2d(" T ")\n  %w = zext i1 %b to i32\n" NUM("%w"), DCONV "declare i1 @air.is_null_texture_2d(" TD ")\n", w_zero, 0},
#define TEXEL "  %s = mul i32 %x, 2\n  %s2 = mul i32 %y, 20\n  %s3 = add i32 %s, %s2\n  %f = call float @air.convert.f.f32.u.i32(i32 %s3)\n"     \
              "  %t0 = insertelement <4 x float> undef, float %f, i32 0\n  %t1 = shufflevector <4 x float> %t0, <4 x float> undef, <4 x i32> zeroinitializer\n" \
              "  %r = fadd <4 x float> %t1, <float 0.0, float 1.0, float 2.0, float 3.0>\n"
    {"write_2d", T2D, FLOAT4, "texture2d<float, write>",
     TEXEL I2 "  call void @air.write_texture_2d.v4f32(" T ", <2 x i32> %i, <4 x float> %r, i32 0, i32 2)\n",
     DCONV "declare void @air.write_texture_2d.v4f32(" TD ", <2 x i32>, <4 x float>, i32, i32)\n", w_written, 0, 0, true},
    {"write_2d_array", T2DA, FLOAT4, "texture2d_array<float, write>",
     TEXEL I2 "  call void @air.write_texture_2d_array.v4f32(" T ", <2 x i32> %i, i32 0, <4 x float> %r, i32 0, i32 2)\n",
     DCONV "declare void @air.write_texture_2d_array.v4f32(" TD ", <2 x i32>, i32, <4 x float>, i32, i32)\n", w_written, 0, 0, true},
    {"write_3d", T3D, FLOAT4, "texture3d<float, write>",
     TEXEL I3("0") "  call void @air.write_texture_3d.v4f32(" T ", <3 x i32> %i3, <4 x float> %r, i32 0, i32 2)\n",
     DCONV "declare void @air.write_texture_3d.v4f32(" TD ", <3 x i32>, <4 x float>, i32, i32)\n", w_written, 0, 0, true},
    {"write_cube", TCUBE, FLOAT4, "texturecube<float, write>",
     TEXEL I2 "  call void @air.write_texture_cube.v4f32(" T ", <2 x i32> %i, i32 0, <4 x float> %r, i32 0, i32 2)\n",
     DCONV "declare void @air.write_texture_cube.v4f32(" TD ", <2 x i32>, i32, <4 x float>, i32, i32)\n", w_written, 0, 0, true},
    {"write_2d_half", T2D, HALF4, "texture2d<half, write>",
     TEXEL I2 "  %h = fptrunc <4 x float> %r to <4 x half>\n  call void @air.write_texture_2d.v4f16(" T ", <2 x i32> %i, <4 x half> %h, i32 0, i32 2)\n",
     DCONV "declare void @air.write_texture_2d.v4f16(" TD ", <2 x i32>, <4 x half>, i32, i32)\n", w_written, 0, 0, true},
    {"read_write_2d", T2D, FLOAT4, "texture2d<float, read_write>",
     I2 "  %q = call " S4 " @air.read_texture_2d.v4f32(" T ", <2 x i32> %i, i32 0, i32 3)\n" OUT
     "  %w = fmul <4 x float> %r, <float 2.0, float 2.0, float 2.0, float 2.0>\n"
     "  call void @air.write_texture_2d.v4f32(" T ", <2 x i32> %i, <4 x float> %w, i32 0, i32 3)\n",
     "declare " S4 " @air.read_texture_2d.v4f32(" TD ", <2 x i32>, i32, i32)\ndeclare void @air.write_texture_2d.v4f32(" TD ", <2 x i32>, <4 x float>, i32, i32)\n",
     w_doubled, 0, 0, true, 1 /* Rgba32f */},
};

static bool make_image(const struct row *r, struct vk_image *im)
{
    static const VkFormat fmts[] = {VK_FORMAT_R32G32B32A32_SFLOAT, VK_FORMAT_R16G16B16A16_SFLOAT, VK_FORMAT_R32G32B32A32_UINT,
                                    VK_FORMAT_R32G32B32A32_SINT, VK_FORMAT_D32_SFLOAT};
    static const VkImageViewType views[] = {VK_IMAGE_VIEW_TYPE_1D, VK_IMAGE_VIEW_TYPE_1D_ARRAY, VK_IMAGE_VIEW_TYPE_2D,
                                            VK_IMAGE_VIEW_TYPE_2D_ARRAY, VK_IMAGE_VIEW_TYPE_3D, VK_IMAGE_VIEW_TYPE_CUBE,
                                            VK_IMAGE_VIEW_TYPE_CUBE_ARRAY};
    static const uint32_t layers[] = {1, 3, 1, 3, 1, 6, 12};
    bool store = strstr(r->type, "write") != NULL;
    static float data[4 * 4 * 12 * 4];

    memset(im, 0, sizeof(*im));
    if (r->shape == TBUF) {
        float *f;

        if (!vk_buf_new(&vk, &im->texels, 4 * 16))
            return false;
        f = im->texels.map;
        for (unsigned i = 0; i < 16; i++)
            f[i] = i % 4 == 3 ? 1 : texel(i / 4, 0, 0, 0, i % 4);
        VkBufferViewCreateInfo bi = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO, .buffer = im->texels.buf,
                                     .format = VK_FORMAT_R32G32B32A32_SFLOAT, .range = 64};

        return vkCreateBufferView(vk.dev, &bi, NULL, &im->buffer_view) == VK_SUCCESS;
    }
    im->type = r->shape <= T1DA ? VK_IMAGE_TYPE_1D : r->shape == T3D ? VK_IMAGE_TYPE_3D : VK_IMAGE_TYPE_2D;
    im->view_type = views[r->shape];
    im->format = fmts[r->fmt];
    im->width = 4;
    im->height = r->shape <= T1DA ? 1 : 4;
    im->depth = r->shape == T3D ? 3 : 1;
    im->layers = layers[r->shape];
    im->levels = r->shape == T2D && r->fmt == FLOAT4 && !store ? 2 : 1;
    im->usage = store ? VK_IMAGE_USAGE_STORAGE_BIT : VK_IMAGE_USAGE_SAMPLED_BIT;
    im->aspect = r->fmt == DEPTH ? VK_IMAGE_ASPECT_DEPTH_BIT : VK_IMAGE_ASPECT_COLOR_BIT;
    if (!vk_image_new(&vk, im))
        return false;
    for (uint32_t level = 0; level < im->levels; level++) {
        unsigned w = 4 >> level, h = im->height >> level ? im->height >> level : 1, n = 0;

        for (unsigned l = 0; l < im->layers * im->depth; l++) {
            for (unsigned i = 0; i < w * h; i++) {
                unsigned x = i % w, y = i / w;

                for (unsigned k = 0; k < 4; k++) {
                    float t = k == 3 ? 1 : texel(x, y, l, level, k);
                    int v = (int)(x + 10 * y) + (int)(k < 3 ? k : 7) - (r->fmt == SINT4 ? 20 : 0);

                    if (r->fmt == DEPTH && !k)
                        data[n++] = (float)(x + 4 * y) / 16;
                    else if (r->fmt == HALF4)
                        ((uint16_t *)data)[n++] = half_from_double((double)t);
                    else if (r->fmt == UINT4 || r->fmt == SINT4)
                        memcpy(&data[n++], &v, 4);
                    else if (r->fmt == FLOAT4)
                        data[n++] = t;
                }
            }
        }
        if (!vk_image_write(&vk, im, level, data, n * (r->fmt == HALF4 ? 2 : 4)))
            return false;
    }
    return true;
}

static void text_of(const struct row *r, char *s, size_t max)
{
    char sampler[160] = "";

    if (r->enc == ENC_PAIR)
        snprintf(sampler, sizeof(sampler), "@s = internal addrspace(2) constant [2 x i64] [i64 %llu, i64 0]\n",
                 (unsigned long long)r->sampler);
    else if (r->enc == ENC_ONE)
        snprintf(sampler, sizeof(sampler), "@s = internal addrspace(2) constant i64 %lld\n",
                 (long long)(r->sampler | 1ull << 63));
    snprintf(s, max,
             "target triple = \"air64-apple-macosx14.0.0\"\n%s"
             "define void @k(ptr addrspace(1) %%t, ptr addrspace(1) %%o, i32 %%id) {\n"
             "  %%x = and i32 %%id, 3\n  %%y = lshr i32 %%id, 2\n"
             "  %%fx = uitofp i32 %%x to float\n  %%fy = uitofp i32 %%y to float\n"
             "  %%hx = fadd float %%fx, 0.5\n  %%hy = fadd float %%fy, 0.5\n"
             "  %%u = fmul float %%hx, 0.25\n  %%v = fmul float %%hy, 0.25\n%s"
             "  %%po = getelementptr <4 x float>, ptr addrspace(1) %%o, i32 %%id\n"
             "  store <4 x float> %%r, ptr addrspace(1) %%po\n  ret void\n}\n%s"
             "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5}\n"
             "!3 = !{i32 0, !\"air.texture\", !\"air.location_index\", i32 0, i32 1, !\"air.sample\", !\"air.arg_type_name\", "
             "!\"%s\", !\"air.arg_name\", !\"t\"}\n"
             "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"
             "!5 = !{i32 2, !\"air.thread_position_in_grid\"}\n",
             sampler, r->body, r->decl, r->type);
}

static void test(const struct row *r)
{
    char text[8192], err[300];
    struct air_options o;
    struct air_result res = {0};
    struct vk_image im;
    struct vk_buf out = {0};
    struct vk_run run = {.groups = {1, 1, 1}, .local = {THREADS, 1, 1}};
    uint8_t *bc = NULL;
    size_t n;
    static float got[4 * 4 * 12 * 4];

    text_of(r, text, sizeof(text));
    vk_options(&vk, &o);
    o.storage_format[0] = (uint8_t)r->storage_format;
    if (air_assemble(text, &bc, &n, err, sizeof(err))) {
        printf("%s assembler: %s\n", r->name, err);
        wrong++;
        return;
    }
    if (air_compile(bc, n, "k", &o, &res)) {
        printf("%s refused %s: %s\n", r->name, air_refuse_name(res.reason), res.error);
        refused++;
        goto out;
    }
    if (!make_image(r, &im) || !vk_buf_new(&vk, &out, THREADS * 16)) {
        printf("%s failed: image\n", r->name);
        wrong++;
        goto out;
    }
    run.buf[0] = &out;
    run.tex[0] = &im;
    if (!vk_dispatch(&vk, &res, &run, err, sizeof(err))) {
        printf("%s failed: %s\n", r->name, err);
        wrong++;
        goto free_image;
    }
    memcpy(got, out.map, THREADS * 16);
    if (r->writes) {
        static uint16_t h[4 * 4 * 4];

        if (r->fmt == HALF4) {
            vk_image_read(&vk, &im, 0, h, sizeof(h));
            for (unsigned i = 0; i < 64; i++)
                got[i] = half_to_float(h[i]);
        } else {
            vk_image_read(&vk, &im, 0, got, (size_t)(im.width * im.height * im.depth * im.layers) * 16);
        }
    }
    for (unsigned i = 0; i < THREADS * 4; i++) {
        float want = r->want(i / 4 % 4, i / 16, i % 4);

        if (fabsf(got[i] - want) > 1e-3f) {
            printf("%s wrong: [%u].%c is %g, expected %g\n", r->name, i / 4, "xyzw"[i % 4], (double)got[i], (double)want);
            wrong++;
            goto free_image;
        }
    }
    right++;
free_image:
    vk_image_free(&vk, &im);
    vk_buf_free(&vk, &out);
out:
    air_result_fini(&res);
    free(bc);
}

int main(int argc, char **argv)
{
    const char *why = vk_open(&vk);

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (argc < 2 || !strcmp(argv[1], rows[i].name))
            test(&rows[i]);
    }
    printf("device %s: %u right, %u wrong, %u refused\n", vk.name, right, wrong, refused);
    vk_close(&vk);
    return wrong || refused ? 1 : 0;
}
