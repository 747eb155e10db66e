/* SPDX-License-Identifier: MIT */
/*
 * Textures and samplers that are chosen at run time: arrays indexed by the thread, handles from branches, tables of
 * constexpr samplers; indices out of range and null handles are safe. What a row is: texkit.h.
 */
#include "texkit.h"

#define AT(e) ALPHA(texel(x, y, 0, 0, k) + 10000.0f * (float)(e))
#define ID (x + 4 * y)
WANT(by_x, AT(x))
/* elements x, x + 1 ... round the array, the n-th of them n times */
WANT(weighted, 6 * (float)ALPHA(texel(x, y, 0, 0, k)) +
                   (k == 3 ? 0 : 10000.0f * (float)((x + 1) % 4 + 2 * ((x + 2) % 4) + 3 * ((x + 3) % 4))))
WANT(third, AT(2))
WANT(clamped, AT(ID * 3 < 3 ? ID * 3 : 3))
WANT(last_unless_first, AT(ID ? 3 : 0))
WANT(odd, AT(x & 1))
WANT(odd_and_one_null, x & 1 ? (float)AT(1) : 0)
WANT(is_odd, x & 1)
WANT(base_x, ALPHA(texel(x, 0, 0, 0, k) + 10000.0f * (float)(ID & 3)))
WANT(face_x, ALPHA(texel(x, y, 3, 0, k) + 10000.0f * (float)x))
WANT(gathered, texel(k == 1 || k == 2 ? 2 : 1, k < 2 ? 2 : 1, 0, 0, 0) + 10000.0f * (float)x)
/* coordinates one to the right of the texture: clamped or wrapped around */
WANT(clamp_or_repeat, x & 1 ? (float)ALPHA(texel(x, y, 0, 0, k)) : (float)ALPHA(texel(3, y, 0, 0, k)))
WANT(clamp_or_repeat_by_x, (x & 1 ? (float)AT(x) : (float)ALPHA(texel(3, y, 0, 0, k) + 10000.0f * (float)x)))
WANT(four, 4)
WANT(own0, x == 0 ? (float)k : ALPHA(texel(x, y, 0, 0, k)))
WANT(own1, x == 1 ? (float)k : AT(1))
WANT(own3, x == 3 ? (float)k : AT(3))
WANT(old_u, k ? 0 : x + 10 * y + 10000 * x)
WANT(added0, x + 10 * y + (x == 0 ? 12 : 0))
WANT(added2, x + 10 * y + 20000 + (x == 2 ? 12 : 0))
WANT(level0, AT(0))
WANT(level1_0, x == 0 ? (float)k : ALPHA(texel(x, y, 0, 1, k)))
WANT(level1_1, x == 1 ? (float)k : ALPHA(texel(x, y, 0, 1, k) + 10000))

#define TEX(type, first, n) "!\"air.texture\", !\"air.location_index\", i32 " first ", i32 " n ", !\"air.sample\", "          \
                            "!\"air.arg_type_name\", !\"" type "\", !\"air.arg_name\", !\"t\"\n"
#define SAMPLERS(first, n)  "!\"air.sampler\", !\"air.location_index\", i32 " first ", i32 " n ", !\"air.arg_type_name\", "   \
                            "!\"sampler\", !\"air.arg_name\", !\"s\"\n"
#define P1      "ptr addrspace(1)"
#define P2      "ptr addrspace(2)"
#define ARRAY4  "[4 x ptr addrspace(1)]"
#define STRUCTS "{ [4 x { ptr addrspace(1) }] }"
#define BY_VALUE ARRAY4 " %ts"
#define FOUR(t) TEX("array<" t ", 4>", "0", "4")
#define S2D     "texture2d<float, sample>"
#define W2D     "texture2d<float, write>"
#define TD      P1 " %tx"
#define COUNT4  .count = 4, .chosen = true
/* the array in private memory, as it is when it is indexed at run time; %tx is element @idx (i64) */
#define SPILL                                                                                                          \
    "  %m = alloca " ARRAY4 ", align 8\n  store " ARRAY4 " %ts, ptr %m, align 8\n"
#define PICK(idx)                                                                                                      \
    "  %mp = getelementptr inbounds " ARRAY4 ", ptr %m, i64 0, i64 " idx "\n  %tx = load " P1 ", ptr %mp, align 8\n"
#define X64     "  %x64 = zext i32 %x to i64\n"
#define BY_X    SPILL X64 PICK("%x64")
#define EACH    "  %e0 = extractvalue " ARRAY4 " %ts, 0\n  %e1 = extractvalue " ARRAY4 " %ts, 1\n"                     \
                "  %e2 = extractvalue " ARRAY4 " %ts, 2\n  %e3 = extractvalue " ARRAY4 " %ts, 3\n"
#define ODD     "  %odd_ = and i32 %x, 1\n  %odd = icmp eq i32 %odd_, 1\n"
#define SAMPLE_TX ON(TD, "sample_texture_2d", ", " SMP C2 OFF2 AUTO)
#define RIGHT   "  %cr = fadd <2 x float> %c, <float 1.0, float 0.0>\n"
#define CR      ", <2 x float> %cr"
#define TWO(t)  TEX(t, "0", "1") TEX(t, "1", "1")
#define PAIR    P1 " %ta, " P1 " %tb"
#define BRANCH(then, other)                                                                                            \
    "  br i1 %odd, label %yes, label %no\nyes:\n  br label %join\nno:\n  br label %join\njoin:\n"                      \
    "  %tx = phi " P1 " [ " then ", %yes ], [ " other ", %no ]\n"
#define KTEXEL  ", <4 x float> <float 0.0, float 1.0, float 2.0, float 3.0>"
#define CONSTEXPR                                                                                                      \
    "@sa = internal addrspace(2) constant [2 x i64] [i64 34901797601026121, i64 0]\n"                                  \
    "@sb = internal addrspace(2) constant [2 x i64] [i64 34901797601018002, i64 0]\n"
#define TABLE   CONSTEXPR "@tab = internal addrspace(2) constant [2 x { ptr addrspace(2) }] "                          \
                "[{ ptr addrspace(2) } { ptr addrspace(2) @sa }, { ptr addrspace(2) } { ptr addrspace(2) @sb }]\n"

static const struct row table[] = {
    {"array_constant_index", T2D, FLOAT4, S2D, EACH ON(P1 " %e2", "sample_texture_2d", ", " SMP C2 OFF2 AUTO), third,
     .sampler = NEAREST, COUNT4, .params = BY_VALUE, .metadata = FOUR(S2D)},
    {"array_index_of_thread", T2D, FLOAT4, S2D, BY_X SAMPLE_TX, by_x, .sampler = NEAREST, COUNT4, .params = BY_VALUE,
     .metadata = FOUR(S2D)},
    {"array_stored_by_element", T2D, FLOAT4, S2D,
     EACH "  %m = alloca " ARRAY4 ", align 8\n  store " P1 " %e0, ptr %m, align 8\n"
     "  %m1 = getelementptr " ARRAY4 ", ptr %m, i64 0, i64 1\n  store " P1 " %e1, ptr %m1, align 8\n"
     "  %m2 = getelementptr " ARRAY4 ", ptr %m, i64 0, i64 2\n  store " P1 " %e2, ptr %m2, align 8\n"
     "  %m3 = getelementptr " ARRAY4 ", ptr %m, i64 0, i64 3\n  store " P1 " %e3, ptr %m3, align 8\n" X64 PICK("%x64")
     SAMPLE_TX, by_x, .sampler = NEAREST, COUNT4, .params = BY_VALUE, .metadata = FOUR(S2D)},
    {"array_in_structs", T2D, FLOAT4, S2D,
     "  %m = alloca " STRUCTS ", align 8\n  store " STRUCTS " %ts, ptr %m, align 8\n" X64
     "  %mp = getelementptr inbounds " STRUCTS ", ptr %m, i64 0, i32 0, i64 %x64, i32 0\n  %tx = load " P1
     ", ptr %mp, align 8\n" SAMPLE_TX, by_x, .sampler = NEAREST, COUNT4, .params = STRUCTS " %ts",
     .metadata = FOUR(S2D)},
    {"array_in_structs_constant_index", T2D, FLOAT4, S2D,
     "  %tx = extractvalue " STRUCTS " %ts, 0, 2, 0\n" SAMPLE_TX, third, .sampler = NEAREST, COUNT4,
     .params = STRUCTS " %ts", .metadata = FOUR(S2D)},
    {"array_in_a_loop", T2D, FLOAT4, S2D,
     SPILL "  br label %loop\nloop:\n  %n = phi i32 [ 0, %0 ], [ %n1, %loop ]\n"
     "  %acc = phi <4 x float> [ zeroinitializer, %0 ], [ %sum, %loop ]\n"
     "  %nx = add i32 %n, %x\n  %nx3 = and i32 %nx, 3\n  %n64 = zext i32 %nx3 to i64\n" PICK("%n64")
     "  %q = call " S4 " @air.sample_texture_2d.v4f32(" TD ", " SMP C2 OFF2 AUTO ")\n  %p = extractvalue " S4 " %q, 0\n"
     "  %f = call float @air.convert.f.f32.u.i32(i32 %n)\n  %f0 = insertelement <4 x float> undef, float %f, i32 0\n"
     "  %f4 = shufflevector <4 x float> %f0, <4 x float> undef, <4 x i32> zeroinitializer\n"
     "  %pf = fmul <4 x float> %p, %f4\n  %sum = fadd <4 x float> %acc, %pf\n  %n1 = add i32 %n, 1\n"
     "  %more = icmp ult i32 %n1, 4\n  br i1 %more, label %loop, label %end\nend:\n"
     "  %r = fadd <4 x float> %sum, zeroinitializer\n", weighted,
     .sampler = NEAREST, COUNT4, .params = BY_VALUE, .metadata = FOUR(S2D)},
    {"array_copied", T2D, FLOAT4, S2D,
     "  %a = alloca " ARRAY4 ", align 8\n  store " ARRAY4 " %ts, ptr %a, align 8\n  %m = alloca " ARRAY4 ", align 8\n"
     "  call void @llvm.memcpy.p0.p0.i64(ptr align 8 %m, ptr align 8 %a, i64 32, i1 false)\n" X64 PICK("%x64") SAMPLE_TX,
     by_x, .sampler = NEAREST, COUNT4, .params = BY_VALUE, .metadata = FOUR(S2D)},
    {"array_uniform_index", T2D, FLOAT4, S2D,
     SPILL "  %ip = getelementptr i32, ptr addrspace(1) %o, i64 64\n  %i0 = load i32, ptr addrspace(1) %ip, align 4\n  %i1 = add i32 %i0, 2\n  %i64 = zext i32 %i1 to i64\n"
     PICK("%i64") SAMPLE_TX, third, .sampler = NEAREST, COUNT4, .params = BY_VALUE, .metadata = FOUR(S2D)},
    {"array_index_out_of_range", T2D, FLOAT4, S2D,
     SPILL "  %i1 = mul i32 %id, 3\n  %i64 = zext i32 %i1 to i64\n" PICK("%i64") SAMPLE_TX, clamped, .sampler = NEAREST,
     COUNT4, .params = BY_VALUE, .metadata = FOUR(S2D)},
    {"array_index_negative", T2D, FLOAT4, S2D,
     SPILL "  %i1 = sub i32 0, %id\n  %i64 = sext i32 %i1 to i64\n" PICK("%i64") SAMPLE_TX, last_unless_first,
     .sampler = NEAREST, COUNT4, .params = BY_VALUE, .metadata = FOUR(S2D)},
    {"array_by_reference", T2D, FLOAT4, S2D,
     X64 "  %mp = getelementptr inbounds " ARRAY4 ", ptr addrspace(2) %m, i64 0, i64 %x64\n  %tx = load " P1
     ", ptr addrspace(2) %mp, align 8\n" SAMPLE_TX, by_x, .sampler = NEAREST, COUNT4, .params = P2 " %m",
     .metadata = FOUR(S2D)},
    {"array_by_reference_out_of_range", T2D, FLOAT4, S2D,
     "  %i1 = mul i32 %id, 3\n  %i64 = zext i32 %i1 to i64\n"
     "  %mp = getelementptr inbounds " ARRAY4 ", ptr addrspace(2) %m, i64 0, i64 %i64\n  %tx = load " P1
     ", ptr addrspace(2) %mp, align 8\n" SAMPLE_TX, clamped, .sampler = NEAREST, COUNT4, .params = P2 " %m",
     .metadata = FOUR(S2D)},
    {"array_in_dispatcher_form", T2D, FLOAT4, S2D, SPILL ODD X64
     "  br i1 %odd, label %yes, label %join\nyes:\n  br label %join\njoin:\n" PICK("%x64") SAMPLE_TX, by_x,
     .sampler = NEAREST, COUNT4, .params = BY_VALUE, .metadata = FOUR(S2D), .flags = AIR_OPT_FORCE_DISPATCHER},
    {"array_read", T2D, FLOAT4, "texture2d<float, read>", BY_X ON(TD, "read_texture_2d", I2 ", i32 0, i32 1"), by_x,
     COUNT4, .params = BY_VALUE, .metadata = FOUR("texture2d<float, read>")},
    {"array_gather", T2D, FLOAT4, S2D, BY_X ON(TD, "gather_texture_2d", ", " SMP MID2 OFF2 ", i32 0, i32 0"), gathered,
     .sampler = LINEAR, COUNT4, .params = BY_VALUE, .metadata = FOUR(S2D)},
    {"array_of_buffers", TBUF, FLOAT4, "texture_buffer<float, read>",
     SPILL "  %i1 = and i32 %id, 3\n  %i64 = zext i32 %i1 to i64\n" PICK("%i64")
     ON(TD, "read_texture_buffer_1d", ", i32 %x, i32 1"), base_x, COUNT4, .params = BY_VALUE,
     .metadata = FOUR("texture_buffer<float, read>")},
    {"array_of_cubes_read", TCUBE, FLOAT4, "texturecube<float, read>",
     BY_X ON(TD, "read_texture_cube", I2 ", i32 3, i32 0, i32 1"), face_x, COUNT4, .params = BY_VALUE,
     .metadata = FOUR("texturecube<float, read>")},
    {"array_query", T2D, FLOAT4, S2D,
     BY_X "  %w = call i32 @air.get_width_texture_2d(" TD ", i32 0)\n" NUM("%w"), four, COUNT4, .params = BY_VALUE,
     .metadata = FOUR(S2D)},
    {"array_write", T2D, FLOAT4, W2D, BY_X "  call void @air.write_texture_2d.v4f32(" TD I2 KTEXEL ", i32 0, i32 2)\n"
     "  %r = fadd <4 x float> zeroinitializer, zeroinitializer\n", NULL, COUNT4, .params = BY_VALUE,
     .metadata = FOUR(W2D), .check = {{own0, 0, 0}, {own1, 1, 0}, {own3, 3, 0}}},
    {"array_write_level1", T2D, FLOAT4, W2D,
     "  %m = alloca [2 x ptr addrspace(1)], align 8\n  store [2 x ptr addrspace(1)] %ts, ptr %m, align 8\n" X64
     "  %mp = getelementptr [2 x ptr addrspace(1)], ptr %m, i64 0, i64 %x64\n  %tx = load " P1 ", ptr %mp, align 8\n"
     "  %in = icmp ult i32 %x, 2\n  br i1 %in, label %do, label %done\ndo:\n"
     "  call void @air.write_texture_2d.v4f32(" TD I2 KTEXEL ", i32 1, i32 2)\n  br label %done\ndone:\n"
     "  %r = fadd <4 x float> zeroinitializer, zeroinitializer\n", NULL, .count = 2, .chosen = true,
     .params = "[2 x ptr addrspace(1)] %ts", .metadata = TEX("array<" W2D ", 2>", "0", "2"), .levels = 2,
     .check = {{level0, 0, 0}, {level1_0, 0, 1}, {level1_1, 1, 1}}},
    {"array_atomic", T2D, UINT1, "texture2d<uint, read_write>",
     BY_X "  %q = call <4 x i32> @air.atomic_fetch_add_explicit_texture_2d.u.v4i32(" TD I2
     ", <4 x i32> <i32 12, i32 0, i32 0, i32 0>, i32 0, i32 3)\n"
     "  %r = call <4 x float> @air.convert.f.v4f32.u.v4i32(<4 x i32> %q)\n", old_u, COUNT4, .params = BY_VALUE,
     .metadata = FOUR("texture2d<uint, read_write>"), .check = {{added0, 0, 0}, {added2, 2, 0}}},

    /* handles from branches */
    {"select_of_two", T2D, FLOAT4, S2D,
     ODD "  %tx = select i1 %odd, " P1 " %tb, " P1 " %ta\n" SAMPLE_TX, odd, .sampler = NEAREST, .count = 2,
     .params = PAIR, .metadata = TWO(S2D)},
    {"branch_of_two", T2D, FLOAT4, S2D, ODD BRANCH("%tb", "%ta") SAMPLE_TX, odd, .sampler = NEAREST, .count = 2,
     .params = PAIR, .metadata = TWO(S2D)},
    {"branch_of_two_in_dispatcher_form", T2D, FLOAT4, S2D, ODD BRANCH("%tb", "%ta") SAMPLE_TX, odd, .sampler = NEAREST,
     .count = 2, .params = PAIR, .metadata = TWO(S2D), .flags = AIR_OPT_FORCE_DISPATCHER},
    {"branch_of_one_and_null", T2D, FLOAT4, S2D,
     ODD "  %nt = call " P1 " @air.get_null_texture_2d()\n" BRANCH("%tb", "%nt") SAMPLE_TX, odd_and_one_null,
     .sampler = NEAREST, .count = 2, .params = PAIR, .metadata = TWO(S2D)},
    {"is_null_of_branch", T2D, FLOAT4, S2D,
     ODD "  %nt = call " P1 " @air.get_null_texture_2d()\n" BRANCH("%nt", "%ta")
     "  %b = call i1 @air.is_null_texture_2d(" TD ")\n  %w = zext i1 %b to i32\n" NUM("%w"), is_odd, .count = 2,
     .params = PAIR, .metadata = TWO(S2D)},

    /* samplers */
    {"sampler_array", T2D, FLOAT4, S2D,
     "  %m = alloca [2 x ptr addrspace(2)], align 8\n  store [2 x ptr addrspace(2)] %ss, ptr %m, align 8\n"
     "  %odd = and i32 %x, 1\n  %i64 = zext i32 %odd to i64\n"
     "  %mp = getelementptr [2 x ptr addrspace(2)], ptr %m, i64 0, i64 %i64\n  %sx = load " P2 ", ptr %mp, align 8\n" RIGHT
     ON(T, "sample_texture_2d", ", " P2 " %sx" CR OFF2 AUTO), clamp_or_repeat, .chosen = true,
     .params = P1 " %t, [2 x ptr addrspace(2)] %ss", .metadata = TEX(S2D, "0", "1") SAMPLERS("0", "2"),
     .samplers = {NEAREST, REPEAT}},
    {"sampler_select", T2D, FLOAT4, S2D,
     ODD "  %sx = select i1 %odd, " P2 " %s1, " P2 " %s0\n" RIGHT ON(T, "sample_texture_2d", ", " P2 " %sx" CR OFF2 AUTO),
     clamp_or_repeat, .params = P1 " %t, " P2 " %s0, " P2 " %s1",
     .metadata = TEX(S2D, "0", "1") SAMPLERS("0", "1") SAMPLERS("1", "1"), .samplers = {NEAREST, REPEAT}},
    {"constexpr_sampler_select", T2D, FLOAT4, S2D,
     ODD "  %sx = select i1 %odd, " P2 " @sb, " P2 " @sa\n" RIGHT ON(T, "sample_texture_2d", ", " P2 " %sx" CR OFF2 AUTO),
     clamp_or_repeat, .globals = CONSTEXPR},
    {"constexpr_sampler_table", T2D, FLOAT4, S2D,
     "  %odd = and i32 %x, 1\n  %i64 = zext i32 %odd to i64\n"
     "  %mp = getelementptr [2 x { ptr addrspace(2) }], ptr addrspace(2) @tab, i64 0, i64 %i64, i32 0\n"
     "  %sx = load " P2 ", ptr addrspace(2) %mp, align 8\n" RIGHT
     ON(T, "sample_texture_2d", ", " P2 " %sx" CR OFF2 AUTO), clamp_or_repeat, .globals = TABLE},
    {"constexpr_or_bound_sampler", T2D, FLOAT4, S2D,
     ODD "  %sx = select i1 %odd, " P2 " %s0, " P2 " @sa\n" RIGHT ON(T, "sample_texture_2d", ", " P2 " %sx" CR OFF2 AUTO),
     clamp_or_repeat, .globals = CONSTEXPR, .params = P1 " %t, " P2 " %s0",
     .metadata = TEX(S2D, "0", "1") SAMPLERS("0", "1"), .samplers = {REPEAT}},
    {"texture_and_sampler", T2D, FLOAT4, S2D,
     BY_X ODD "  %sx = select i1 %odd, " P2 " @sb, " P2 " @sa\n" RIGHT
     ON(TD, "sample_texture_2d", ", " P2 " %sx" CR OFF2 AUTO), clamp_or_repeat_by_x, .globals = CONSTEXPR, COUNT4,
     .params = BY_VALUE, .metadata = FOUR(S2D)},

    /* refused by name */
    {"array_element_beyond", T2D, FLOAT4, S2D, EACH ON(P1 " %e3", "sample_texture_2d", ", " SMP C2 OFF2 AUTO), NULL,
     .sampler = NEAREST, .params = BY_VALUE, .metadata = TEX("array<" S2D ", 2>", "0", "2"),
     .refused = AIR_REFUSE_METADATA},
    {"handle_out_of_a_handle", T2D, FLOAT4, S2D, "  %tx = load " P1 ", " P1 " %t, align 8\n" SAMPLE_TX, NULL,
     .sampler = NEAREST, .refused = AIR_REFUSE_POINTER},
    {"handle_out_of_a_buffer", T2D, FLOAT4, S2D, "  %tx = load " P1 ", " P1 " %o, align 8\n" SAMPLE_TX, NULL,
     .sampler = NEAREST, .refused = AIR_REFUSE_ARGUMENT_BUFFER},
    {"texture_or_buffer", T2D, FLOAT4, S2D, ODD "  %tx = select i1 %odd, " P1 " %t, " P1 " %o\n" SAMPLE_TX, NULL,
     .sampler = NEAREST, .refused = AIR_REFUSE_POINTER},
    {"texture_stored_with_addresses", T2D, FLOAT4, S2D,
     "  %m = alloca [2 x ptr addrspace(1)], align 8\n  store " P1 " %t, ptr %m, align 8\n"
     "  %m1 = getelementptr [2 x ptr addrspace(1)], ptr %m, i64 0, i64 1\n  store " P1 " %o, ptr %m1, align 8\n"
     "  %i64 = zext i32 %x to i64\n  %mp = getelementptr [2 x ptr addrspace(1)], ptr %m, i64 0, i64 %i64\n"
     "  %tx = load " P1 ", ptr %mp, align 8\n" SAMPLE_TX, NULL, .sampler = NEAREST, .refused = AIR_REFUSE_POINTER},
    {"sampler_of_no_kind", T2D, FLOAT4, S2D, ON(T, "sample_texture_2d", ", " P2 " null" C2 OFF2 AUTO), NULL,
     .refused = AIR_REFUSE_POINTER},
};

const struct rows choice_rows = {table, sizeof(table) / sizeof(table[0])};
