/* SPDX-License-Identifier: MIT */
/*
 * Textures of every type written, at every mip level, read back in the kernel and changed by atomics (air 3.6); what
 * storage textures answer to queries. What a row is: texkit.h.
 */
#include "texkit.h"

/* what the kernels write: 2 x + 20 y in the first component, one more in each further one */
WANT(written, x * 2 + y * 20 + k)
WANT(written_int, x * 2 + y * 20)
WANT(written_x, x * 2 + k)
WANT(doubled, k == 3 ? 2 : 2 * texel(x, y, 0, 0, k))
WANT(level0, ALPHA(texel(x, y, 0, 0, k)))
WANT(level1, ALPHA(texel(x, y, 0, 1, k)))
WANT(upper_written, y < 2 ? (float)(x * 2 + y * 20 + k) : ALPHA(texel(x, y, 0, 0, k)))
WANT(first_written, x + y ? ALPHA(texel(x, y, 0, 0, k)) : (float)k)
WANT(from_level1, ALPHA(texel(x / 2, y / 2, 0, 1, k)))
WANT(two, 2)
WANT(one, 1)
WANT(three, 3)

/* %r: the written texel of (%tx, %ty) */
#define TEXEL_AT(tx, ty)                                                                                               \
    "  %w2 = mul i32 " tx ", 2\n  %w20 = mul i32 " ty ", 20\n  %ws = add i32 %w2, %w20\n"                              \
    "  %wf = call float @air.convert.f.f32.u.i32(i32 %ws)\n"                                                           \
    "  %t0 = insertelement <4 x float> undef, float %wf, i32 0\n"                                                      \
    "  %t1 = shufflevector <4 x float> %t0, <4 x float> undef, <4 x i32> zeroinitializer\n"                            \
    "  %r = fadd <4 x float> %t1, <float 0.0, float 1.0, float 2.0, float 3.0>\n"
#define TEXEL        TEXEL_AT("%x", "%y")
#define WRITE(kind, args) "  call void @air.write_" kind ".v4f32(" T args ")\n"
#define TX           ", <4 x float> %r"
#define END          ", i32 0, i32 2" /* level and access */
#define Z0           "  %z3 = insertelement <3 x i32> %i3, i32 0, i32 2\n"
/* texel of level 1 that the thread's texel of level 0 lies on */
#define HALVED       "  %hx1 = lshr i32 %x, 1\n  %hy1 = lshr i32 %y, 1\n  %h1 = lshr <2 x i32> %i, <i32 1, i32 1>\n"
#define W2D          "texture2d<float, write>"
#define RW2D         "texture2d<float, read_write>"
/* threads 8 to 15 write level 1, all of it; the others the upper half of level 0 */
#define TWO_LEVELS                                                                                                     \
    "  %l = lshr i32 %id, 3\n  %b = icmp eq i32 %l, 1\n  %hx1 = lshr i32 %x, 1\n  %y2 = sub i32 %y, 2\n"               \
    "  %sx = select i1 %b, i32 %hx1, i32 %x\n  %sy = select i1 %b, i32 %y2, i32 %y\n"                                  \
    "  %p0 = insertelement <2 x i32> undef, i32 %sx, i32 0\n  %p = insertelement <2 x i32> %p0, i32 %sy, i32 1\n"

/* ---- atomics ---- */

/* old value v = x + 10 y, signed 20 less */
#define OLD ((int)(x + 10 * y))
#define SOLD (OLD - 20)
WANT(old_u, k ? 0 : OLD)
WANT(old_s, k ? 0 : SOLD)
WANT(old_x, k ? 0 : x)
WANT(add_u, OLD + 12)
WANT(sub_u, OLD - OLD)
WANT(and_u, OLD & 12)
WANT(or_u, OLD | 12)
WANT(xor_u, OLD ^ 12)
WANT(min_u, OLD < 12 ? OLD : 12)
WANT(max_u, OLD > 12 ? OLD : 12)
WANT(add_s, SOLD - 12)
WANT(sub_s, SOLD + 12)
WANT(and_s, SOLD & -12)
WANT(or_s, SOLD | -12)
WANT(xor_s, SOLD ^ -12)
WANT(minus12, -12)
WANT(min_s, SOLD < -12 ? SOLD : -12)
WANT(max_s, SOLD > -12 ? SOLD : -12)
WANT(twelve, 12)
WANT(add_x, x + 12)
WANT(swapped, x & 1 ? 12 : OLD)
WANT(swap_result, k == 0 ? (float)(x & 1) : k == 1 ? OLD : 0)
WANT(swapped_s, x & 1 ? -12 : SOLD)
WANT(swap_result_s, k == 0 ? (float)(x & 1) : k == 1 ? SOLD : 0)
WANT(sum16, x + y ? OLD : 16 * 12 + 120) /* every thread has added 12 and its number to texel 0 */
WANT(min_ul, OLD < 12 ? OLD : 12)
WANT(max_ul, OLD > 12 ? OLD : 12)

/* ten threads of sixteen */
#define TEN (x + 4 * y < 10)
WANT(ten_written, TEN ? (float)(x * 2 + y * 20 + k) : ALPHA(texel(x, y, 0, 0, k)))
WANT(ten_old, TEN && !k ? OLD : 0)
WANT(ten_added, OLD + (TEN ? 12 : 0))
/* threads 8 and 9 write texel (0, 0) of level 1 */
WANT(ten_of_level1, x + y ? ALPHA(texel(x, y, 0, 1, k)) : (float)k)

#define U4(v)  "<4 x i32> <i32 " v ", i32 " v ", i32 " v ", i32 " v ">"
#define FROM_U "  %r = call <4 x float> @air.convert.f.v4f32.u.v4i32(<4 x i32> %q)\n"
#define FROM_S "  %r = call <4 x float> @air.convert.f.v4f32.s.v4i32(<4 x i32> %q)\n"
#define ZERO   "  %r = fadd <4 x float> zeroinitializer, zeroinitializer\n"
#define ATOMIC(op, kind, sign, args) "  %q = call <4 x i32> @air.atomic_" op "_explicit_" kind "." sign ".v4i32(" T args ")\n"
#define URW    "texture2d<uint, read_write>"
#define SRW    "texture2d<int, read_write>"
#define FETCH_U(op, name_, want_)                                                                                      \
    {"atomic_" name_ "_2d_uint", T2D, UINT1, URW,                                                                      \
     ATOMIC(op, "texture_2d", "u", I2 ", " U4("12") ", i32 0, i32 3") FROM_U, old_u, .check = {{want_, 0, 0}}}
#define FETCH_S(op, name_, want_)                                                                                      \
    {"atomic_" name_ "_2d_int", T2D, SINT1, SRW,                                                                       \
     ATOMIC(op, "texture_2d", "s", I2 ", " U4("-12") ", i32 0, i32 3") FROM_S, old_s, .check = {{want_, 0, 0}}}
#define ULONG(op, want_)                                                                                               \
    {"atomic_" op "_2d_ulong", T2D, ULONG1, "texture2d<ulong, read_write>",                                            \
     "  call void @air.atomic_" op "_explicit_texture_2d.u.v4i64(" T I2                                                \
     ", <4 x i64> <i64 51539607564, i64 0, i64 0, i64 0>, i32 0, i32 3)\n" ZERO,                                       \
     NULL, .check = {{want_, 0, 0}}, .need = NEED_IMAGE_INT64}

/* odd columns expect what is there, the others something else */
#define SWAP(type, sign, format, arg, less, put, from, got_, left_)                                                    \
    {"atomic_compare_exchange_2d_" type, T2D, format, arg,                                                             \
     "  %e = alloca <4 x i32>, align 16\n  %y10 = mul i32 %y, 10\n  %sx = add i32 %x, " less                           \
     "\n  %sv = add i32 %sx, %y10\n  %odd = and i32 %x, 1\n  %oe = icmp eq i32 %odd, 1\n"                              \
     "  %w = select i1 %oe, i32 %sv, i32 9999\n"                                                                       \
     "  %e4 = insertelement <4 x i32> zeroinitializer, i32 %w, i32 0\n  store <4 x i32> %e4, ptr %e, align 16\n"       \
     "  %ok = call i1 @air.atomic_compare_exchange_weak_explicit_texture_2d." sign ".v4i32(" T I2 ", ptr %e, " U4(put)  \
     ", i32 0, i32 0, i32 3)\n  %got = load <4 x i32>, ptr %e, align 16\n  %g0 = extractelement <4 x i32> %got, i32 0\n" \
     "  %k = zext i1 %ok to i32\n  %q0 = insertelement <4 x i32> zeroinitializer, i32 %k, i32 0\n"                     \
     "  %q = insertelement <4 x i32> %q0, i32 %g0, i32 1\n" from, got_, .check = {{left_, 0, 0}}}

static const struct row table[] = {
    {"write_1d", T1D, FLOAT4, "texture1d<float, write>",
     TEXEL_AT("%x", "0") WRITE("texture_1d", ", i32 %x" TX END), NULL, .check = {{written_x, 0, 0}}},
    {"write_1d_array", T1DA, FLOAT4, "texture1d_array<float, write>",
     TEXEL_AT("%x", "0") WRITE("texture_1d_array", ", i32 %x, i32 0" TX END), NULL, .check = {{written_x, 0, 0}}},
    {"write_2d", T2D, FLOAT4, W2D, TEXEL WRITE("texture_2d", I2 TX END), NULL, .check = {{written, 0, 0}}},
    {"write_2d_g1", T2D, FLOAT4, W2D, TEXEL WRITE("texture_2d", I2 TX ", i32 0"), NULL, .check = {{written, 0, 0}},
     .version = "i32 1, i32 11, i32 0"},
    {"write_2d_access_only", T2D, FLOAT4, W2D, TEXEL WRITE("texture_2d", I2 TX ", i32 2"), NULL,
     .check = {{written, 0, 0}}, .version = "i32 2, i32 4, i32 0"},
    {"write_2d_array", T2DA, FLOAT4, "texture2d_array<float, write>",
     TEXEL WRITE("texture_2d_array", I2 ", i32 0" TX END), NULL, .check = {{written, 0, 0}}},
    {"write_3d", T3D, FLOAT4, "texture3d<float, write>", Z0 TEXEL WRITE("texture_3d", ", <3 x i32> %z3" TX END), NULL,
     .check = {{written, 0, 0}}},
    {"write_cube", TCUBE, FLOAT4, "texturecube<float, write>", TEXEL WRITE("texture_cube", I2 ", i32 0" TX END), NULL,
     .check = {{written, 0, 0}}},
    {"write_cube_array", TCUBEA, FLOAT4, "texturecube_array<float, write>",
     TEXEL WRITE("texture_cube_array", I2 ", i32 0, i32 0" TX END), NULL, .check = {{written, 0, 0}}},
    {"write_buffer", TBUF, FLOAT4, "texture_buffer<float, write>",
     TEXEL_AT("%x", "0") WRITE("texture_buffer_1d", ", i32 %x" TX ", i32 2"), NULL, .check = {{written_x, 0, 0}}},
    {"write_2d_half", T2D, HALF4, "texture2d<half, write>",
     TEXEL "  %h = fptrunc <4 x float> %r to <4 x half>\n"
     "  call void @air.write_texture_2d.v4f16(" T I2 ", <4 x half> %h" END ")\n", NULL, .check = {{written, 0, 0}}},
    {"write_2d_uint", T2D, UINT1, "texture2d<uint, write>",
     TEXEL "  %n0 = insertelement <4 x i32> zeroinitializer, i32 %ws, i32 0\n"
     "  call void @air.write_texture_2d.u.v4i32(" T I2 ", <4 x i32> %n0" END ")\n", NULL, .check = {{written_int, 0, 0}}},
    {"write_2d_int", T2D, SINT1, "texture2d<int, write>",
     TEXEL "  %n0 = insertelement <4 x i32> zeroinitializer, i32 %ws, i32 0\n"
     "  call void @air.write_texture_2d.s.v4i32(" T I2 ", <4 x i32> %n0" END ")\n", NULL, .check = {{written_int, 0, 0}}},
    {"read_write_2d", T2D, FLOAT4, RW2D,
     "  %q = call " S4 " @air.read_texture_2d.v4f32(" T I2 ", i32 0, i32 3)\n" OUT
     "  %w = fmul <4 x float> %r, <float 2.0, float 2.0, float 2.0, float 2.0>\n"
     "  call void @air.write_texture_2d.v4f32(" T I2 ", <4 x float> %w, i32 0, i32 3)\n", level0,
     .check = {{doubled, 0, 0}}, .storage_format = 1 /* Rgba32f */},

    /* levels */
    {"write_2d_level1", T2D, FLOAT4, W2D,
     HALVED TEXEL_AT("%hx1", "%hy1") WRITE("texture_2d", ", <2 x i32> %h1" TX ", i32 1, i32 2"), NULL,
     .check = {{level0, 0, 0}, {written, 0, 1}}, .levels = 2},
    {"write_2d_g1_level1", T2D, FLOAT4, W2D,
     HALVED TEXEL_AT("%hx1", "%hy1") WRITE("texture_2d", ", <2 x i32> %h1" TX ", i32 1"), NULL,
     .check = {{level0, 0, 0}, {written, 0, 1}}, .levels = 2, .version = "i32 1, i32 11, i32 0"},
    {"write_2d_both_levels", T2D, FLOAT4, W2D,
     TEXEL WRITE("texture_2d", I2 TX END) HALVED "  call void @air.write_texture_2d.v4f32(" T ", <2 x i32> %h1"
     ", <4 x float> <float 2.0, float 2.0, float 2.0, float 2.0>, i32 1, i32 2)\n", NULL,
     .check = {{written, 0, 0}, {two, 0, 1}}, .levels = 2},
    {"write_2d_array_level1", T2DA, FLOAT4, "texture2d_array<float, write>",
     HALVED TEXEL_AT("%hx1", "%hy1") WRITE("texture_2d_array", ", <2 x i32> %h1, i32 0" TX ", i32 1, i32 2"), NULL,
     .check = {{level0, 0, 0}, {written, 0, 1}}, .levels = 2},
    {"write_3d_level1", T3D, FLOAT4, "texture3d<float, write>",
     Z0 HALVED "  %z1 = lshr <3 x i32> %z3, <i32 1, i32 1, i32 1>\n" TEXEL_AT("%hx1", "%hy1")
     WRITE("texture_3d", ", <3 x i32> %z1" TX ", i32 1, i32 2"), NULL, .check = {{level0, 0, 0}, {written, 0, 1}},
     .levels = 2},
    {"write_cube_level1", TCUBE, FLOAT4, "texturecube<float, write>",
     HALVED TEXEL_AT("%hx1", "%hy1") WRITE("texture_cube", ", <2 x i32> %h1, i32 0" TX ", i32 1, i32 2"), NULL,
     .check = {{level0, 0, 0}, {written, 0, 1}}, .levels = 2},
    {"write_2d_level_of_thread", T2D, FLOAT4, W2D,
     TWO_LEVELS TEXEL_AT("%sx", "%sy") WRITE("texture_2d", ", <2 x i32> %p" TX ", i32 %l, i32 2"), NULL,
     .check = {{upper_written, 0, 0}, {written, 0, 1}}, .levels = 2, .need = NEED_NULL_DESCRIPTOR, .chosen = true},
    /* levels 0, 7, 14, 21 ...: the texture has the first alone, the shader descriptors of fifteen */
    {"write_2d_level_out_of_range", T2D, FLOAT4, W2D,
     "  %l = mul i32 %id, 7\n" TEXEL WRITE("texture_2d", ", <2 x i32> zeroinitializer" TX ", i32 %l, i32 2"), NULL,
     .check = {{first_written, 0, 0}, {level1, 0, 1}}, .levels = 2, .need = NEED_NULL_DESCRIPTOR, .chosen = true},
    {"write_2d_level_20", T2D, FLOAT4, W2D, TEXEL WRITE("texture_2d", I2 TX ", i32 20, i32 2"), NULL,
     .check = {{level0, 0, 0}, {level1, 0, 1}}, .levels = 2},
    {"read_write_2d_fence", T2D, FLOAT4, RW2D,
     "  %q0 = call " S4 " @air.read_texture_2d.v4f32(" T I2 ", i32 0, i32 3)\n  %p0 = extractvalue " S4 " %q0, 0\n"
     "  %w = fadd <4 x float> %p0, %p0\n"
     "  call void @air.write_texture_2d.v4f32(" T I2 ", <4 x float> %w, i32 0, i32 3)\n"
     "  call void @air.fence_texture_2d(" T ")\n" READ("texture_2d", I2 ", i32 0, i32 3"), doubled,
     .check = {{doubled, 0, 0}}, .storage_format = 1},
    {"read_write_2d_level1", T2D, FLOAT4, RW2D,
     HALVED "  %q = call " S4 " @air.read_texture_2d.v4f32(" T ", <2 x i32> %h1, i32 1, i32 3)\n" OUT
     "  call void @air.write_texture_2d.v4f32(" T I2 ", <4 x float> %r, i32 0, i32 3)\n", from_level1,
     .check = {{from_level1, 0, 0}, {level1, 0, 1}}, .levels = 2, .storage_format = 1},
    {"read_write_2d_unknown_format", T2D, FLOAT4, RW2D,
     "  %q = call " S4 " @air.read_texture_2d.v4f32(" T I2 ", i32 0, i32 3)\n" OUT
     "  call void @air.write_texture_2d.v4f32(" T I2 ", <4 x float> %r, i32 0, i32 3)\n", level0,
     .without = AIR_CAP_STORAGE_READ_ANY, .refused = AIR_REFUSE_STORAGE_FORMAT},
    {"get_num_mip_levels_2d_write", T2D, FLOAT4, W2D, QUERY("num_mip_levels_texture_2d", ""), three, .levels = 3},
    {"get_width_2d_write_level1", T2D, FLOAT4, W2D, QUERY("width_texture_2d", ", i32 1"), two, .levels = 3},
    {"get_width_2d_write_level_of_thread", T2D, FLOAT4, W2D,
     "  %l0 = and i32 %id, 0\n  %l = add i32 %l0, 2\n" TEXEL_AT("%x", "%y") WRITE("texture_2d", I2 TX END)
     "  %wd = call i32 @air.get_width_texture_2d(" T ", i32 %l)\n", NULL, .check = {{written, 0, 0}}, .levels = 3},
    {"get_height_2d_write", T2D, FLOAT4, W2D, QUERY("height_texture_2d", ", i32 2"), one, .levels = 3},

    /* atomics */
    FETCH_U("fetch_add", "fetch_add", add_u),
    FETCH_U("fetch_and", "fetch_and", and_u),
    FETCH_U("fetch_or", "fetch_or", or_u),
    FETCH_U("fetch_xor", "fetch_xor", xor_u),
    FETCH_U("fetch_min", "fetch_min", min_u),
    FETCH_U("fetch_max", "fetch_max", max_u),
    FETCH_U("exchange", "exchange", twelve),
    FETCH_S("fetch_add", "fetch_add", add_s),
    FETCH_S("fetch_sub", "fetch_sub", sub_s),
    FETCH_S("fetch_and", "fetch_and", and_s),
    FETCH_S("fetch_or", "fetch_or", or_s),
    FETCH_S("fetch_xor", "fetch_xor", xor_s),
    FETCH_S("exchange", "exchange", minus12),
    FETCH_S("fetch_min", "fetch_min", min_s),
    FETCH_S("fetch_max", "fetch_max", max_s),
    {"atomic_fetch_sub_2d_uint", T2D, UINT1, URW,
     "  %y10 = mul i32 %y, 10\n  %sv = add i32 %x, %y10\n  %s4 = insertelement <4 x i32> zeroinitializer, i32 %sv, i32 0\n"
     ATOMIC("fetch_sub", "texture_2d", "u", I2 ", <4 x i32> %s4, i32 0, i32 3") FROM_U, old_u, .check = {{sub_u, 0, 0}}},
    {"atomic_load_2d_uint", T2D, UINT1, URW, ATOMIC("load", "texture_2d", "u", I2 ", i32 0, i32 3") FROM_U, old_u},
    {"atomic_load_2d_int", T2D, SINT1, SRW, ATOMIC("load", "texture_2d", "s", I2 ", i32 0, i32 3") FROM_S, old_s},
    {"atomic_store_2d_uint", T2D, UINT1, URW,
     "  call void @air.atomic_store_explicit_texture_2d.u.v4i32(" T ", " U4("12") I2 ", i32 0, i32 3)\n" ZERO, NULL,
     .check = {{twelve, 0, 0}}},
    {"atomic_store_2d_int", T2D, SINT1, SRW,
     "  call void @air.atomic_store_explicit_texture_2d.s.v4i32(" T ", " U4("-12") I2 ", i32 0, i32 3)\n" ZERO, NULL,
     .check = {{minus12, 0, 0}}},
    {"atomic_fetch_add_one_texel", T2D, UINT1, URW,
     "  %a0 = add i32 %id, 12\n  %a = insertelement <4 x i32> zeroinitializer, i32 %a0, i32 0\n"
     ATOMIC("fetch_add", "texture_2d", "u", ", <2 x i32> zeroinitializer, <4 x i32> %a, i32 0, i32 3") ZERO, NULL,
     .check = {{sum16, 0, 0}}},
    {"atomic_fetch_add_1d", T1D, UINT1, "texture1d<uint, read_write>",
     "  %y0 = icmp eq i32 %y, 0\n  %a = select i1 %y0, " U4("12") ", <4 x i32> zeroinitializer\n"
     ATOMIC("fetch_add", "texture_1d", "u", ", i32 %x, <4 x i32> %a, i32 0, i32 3") ZERO, NULL, .check = {{add_x, 0, 0}}},
    {"atomic_fetch_add_buffer", TBUF, UINT1, "texture_buffer<uint, read_write>",
     "  %y0 = icmp eq i32 %y, 0\n  %a = select i1 %y0, " U4("12") ", <4 x i32> zeroinitializer\n"
     ATOMIC("fetch_add", "texture_buffer_1d", "u", ", i32 %x, <4 x i32> %a, i32 0, i32 3") ZERO, NULL,
     .check = {{add_x, 0, 0}}},
    {"atomic_load_buffer", TBUF, UINT1, "texture_buffer<uint, read_write>",
     ATOMIC("load", "texture_buffer_1d", "u", ", i32 %x, i32 0, i32 3") FROM_U, old_x},
    {"atomic_store_buffer", TBUF, UINT1, "texture_buffer<uint, read_write>",
     "  call void @air.atomic_store_explicit_texture_buffer_1d.u.v4i32(" T ", " U4("12") ", i32 %x, i32 0, i32 3)\n" ZERO,
     NULL, .check = {{twelve, 0, 0}}},
    {"atomic_fetch_add_2d_array", T2DA, UINT1, "texture2d_array<uint, read_write>",
     ATOMIC("fetch_add", "texture_2d_array", "u", I2 ", i32 0, " U4("12") ", i32 0, i32 3") FROM_U, old_u,
     .check = {{add_u, 0, 0}}},
    {"atomic_fetch_add_3d", T3D, UINT1, "texture3d<uint, read_write>",
     Z0 ATOMIC("fetch_add", "texture_3d", "u", ", <3 x i32> %z3, " U4("12") ", i32 0, i32 3") FROM_U, old_u,
     .check = {{add_u, 0, 0}}},
    SWAP("uint", "u", UINT1, URW, "0", "12", FROM_U, swap_result, swapped),
    SWAP("int", "s", SINT1, SRW, "-20", "-12", FROM_S, swap_result_s, swapped_s),
    {"atomic_float", T2D, FLOAT4, RW2D,
     "  %q = call <4 x float> @air.atomic_fetch_add_explicit_texture_2d.v4f32(" T I2 ", <4 x float> zeroinitializer, i32 0, i32 3)\n"
     "  %r = fadd <4 x float> %q, %q\n", NULL, .refused = AIR_REFUSE_INTRINSIC},
    {"atomic_ulong_without_feature", T2D, ULONG1, "texture2d<ulong, read_write>",
     "  call void @air.atomic_min_explicit_texture_2d.u.v4i64(" T I2 ", <4 x i64> zeroinitializer, i32 0, i32 3)\n" ZERO, NULL,
     .without = AIR_CAP_IMAGE_INT64, .refused = AIR_REFUSE_DEVICE_FEATURE},
    {"get_width_ulong_without_int64", T2D, ULONG1, "texture2d<ulong, read>", QUERY("width_texture_2d", ", i32 0"), NULL,
     .with = AIR_CAP_IMAGE_INT64, .without = AIR_CAP_INT64, .refused = AIR_REFUSE_DEVICE_FEATURE},
    /* threads outside the grid wait at the barrier and do nothing else (air 4.7) */
    {"write_at_an_edge", T2D, FLOAT4, W2D,
     TEXEL "  call void @air.wg.barrier(i32 4, i32 1)\n" WRITE("texture_2d", I2 TX END), NULL,
     .check = {{ten_written, 0, 0}}, .threads = 10},
    {"write_level_of_thread_at_an_edge", T2D, FLOAT4, W2D,
     TWO_LEVELS TEXEL_AT("%sx", "%sy") "  call void @air.wg.barrier(i32 4, i32 1)\n"
     WRITE("texture_2d", ", <2 x i32> %p" TX ", i32 %l, i32 2"), NULL,
     .check = {{upper_written, 0, 0}, {ten_of_level1, 0, 1}}, .levels = 2, .threads = 10, .need = NEED_NULL_DESCRIPTOR,
     .chosen = true},
    {"atomic_at_an_edge", T2D, UINT1, URW,
     "  call void @air.wg.barrier(i32 4, i32 1)\n"
     ATOMIC("fetch_add", "texture_2d", "u", I2 ", " U4("12") ", i32 0, i32 3") FROM_U, ten_old, .check = {{ten_added, 0, 0}},
     .threads = 10},
    {"atomic_load_at_an_edge", T2D, UINT1, URW,
     "  call void @air.wg.barrier(i32 4, i32 1)\n" ATOMIC("load", "texture_2d", "u", I2 ", i32 0, i32 3") FROM_U, ten_old,
     .threads = 10},
    ULONG("min", min_ul),
    ULONG("max", max_ul),
};

const struct rows store_rows = {table, sizeof(table) / sizeof(table[0])};
