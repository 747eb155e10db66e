; SPDX-License-Identifier: MIT
; Levels of detail in fragment functions (air 3.6): from derivatives, with bias, limit and gradients, of a texture or sampler
; chosen at run time; the level queries; comparison. Drawn by texdraws.c over textures of 16 x 16 texels, every texel of
; level l of texture e being l + 10 e, onto 8 x 8 pixels.
target triple = "air64-apple-macosx14.0.0"

; nearest, nearest level; the same from level 3 on; less_equal
@s = internal addrspace(2) constant [2 x i64] [i64 34901797601026121, i64 0]
@s3 = internal addrspace(2) constant [2 x i64] [i64 34902081068867657, i64 0]
@cmp = internal addrspace(2) constant [2 x i64] [i64 34901797600624713, i64 0]

define <{ <4 x float>, <2 x float> }> @vs_all(i32 %id) {
  %a = and i32 %id, 1
  %b = lshr i32 %id, 1
  %fa = uitofp i32 %a to float
  %fb = uitofp i32 %b to float
  %a4 = fmul float %fa, 4.0
  %b4 = fmul float %fb, 4.0
  %x = fsub float %a4, 1.0
  %y = fsub float %b4, 1.0
  %u = fmul float %fa, 2.0
  %b2 = fmul float %fb, 2.0
  %v = fsub float 1.0, %b2
  %p0 = insertelement <4 x float> <float 0.0, float 0.0, float 0.0, float 1.0>, float %x, i32 0
  %p = insertelement <4 x float> %p0, float %y, i32 1
  %c0 = insertelement <2 x float> undef, float %u, i32 0
  %c = insertelement <2 x float> %c0, float %v, i32 1
  %o0 = insertvalue <{ <4 x float>, <2 x float> }> undef, <4 x float> %p, 0
  %o = insertvalue <{ <4 x float>, <2 x float> }> %o0, <2 x float> %c, 1
  ret <{ <4 x float>, <2 x float> }> %o
}

; The level comes from the derivatives: two texels a pixel.
define <4 x float> @fs_auto(ptr addrspace(1) %t, <2 x float> %uv, <4 x float> %pos) {
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %t, ptr addrspace(2) @s, <2 x float> %uv, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

define <4 x float> @fs_bias(ptr addrspace(1) %t, <2 x float> %uv, <4 x float> %pos) {
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %t, ptr addrspace(2) @s, <2 x float> %uv, i1 true, <2 x i32> zeroinitializer, i1 false, float 1.0, float 0.0, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

define <4 x float> @fs_min_lod(ptr addrspace(1) %t, <2 x float> %uv, <4 x float> %pos) {
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %t, ptr addrspace(2) @s, <2 x float> %uv, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 2.0, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

define <4 x float> @fs_min_lod_bias(ptr addrspace(1) %t, <2 x float> %uv, <4 x float> %pos) {
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %t, ptr addrspace(2) @s, <2 x float> %uv, i1 true, <2 x i32> zeroinitializer, i1 false, float 2.0, float 2.0, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

; One texel a pixel by the given gradients.
define <4 x float> @fs_grad(ptr addrspace(1) %t, <2 x float> %uv, <4 x float> %pos) {
  %q = call { <4 x float>, i8 } @air.sample_texture_2d_grad.v4f32(ptr addrspace(1) %t, ptr addrspace(2) @s, <2 x float> %uv, <2 x float> <float 0.0625, float 0.0>, <2 x float> <float 0.0, float 0.0625>, float 0.0, i1 true, <2 x i32> zeroinitializer, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

define <4 x float> @fs_grad_min_lod(ptr addrspace(1) %t, <2 x float> %uv, <4 x float> %pos) {
  %q = call { <4 x float>, i8 } @air.sample_texture_2d_grad.v4f32(ptr addrspace(1) %t, ptr addrspace(2) @s, <2 x float> %uv, <2 x float> <float 0.0625, float 0.0>, <2 x float> <float 0.0, float 0.0625>, float 2.0, i1 true, <2 x i32> zeroinitializer, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

; The texture is chosen by the column: derivatives across columns stay right.
define <4 x float> @fs_array([4 x ptr addrspace(1)] %ts, <2 x float> %uv, <4 x float> %pos) {
  %fx = extractelement <4 x float> %pos, i32 0
  %px = call i32 @air.convert.u.i32.f.f32(float %fx)
  %i = and i32 %px, 3
  %odd_ = and i32 %px, 1
  %odd = icmp eq i32 %odd_, 1
  %m = alloca [4 x ptr addrspace(1)], align 8
  store [4 x ptr addrspace(1)] %ts, ptr %m, align 8
  %i64 = zext i32 %i to i64
  %mp = getelementptr inbounds [4 x ptr addrspace(1)], ptr %m, i64 0, i64 %i64
  %tx = load ptr addrspace(1), ptr %mp, align 8
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %tx, ptr addrspace(2) @s, <2 x float> %uv, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

define <4 x float> @fs_array_bias([4 x ptr addrspace(1)] %ts, <2 x float> %uv, <4 x float> %pos) {
  %fx = extractelement <4 x float> %pos, i32 0
  %px = call i32 @air.convert.u.i32.f.f32(float %fx)
  %i = and i32 %px, 3
  %odd_ = and i32 %px, 1
  %odd = icmp eq i32 %odd_, 1
  %m = alloca [4 x ptr addrspace(1)], align 8
  store [4 x ptr addrspace(1)] %ts, ptr %m, align 8
  %i64 = zext i32 %i to i64
  %mp = getelementptr inbounds [4 x ptr addrspace(1)], ptr %m, i64 0, i64 %i64
  %tx = load ptr addrspace(1), ptr %mp, align 8
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %tx, ptr addrspace(2) @s, <2 x float> %uv, i1 true, <2 x i32> zeroinitializer, i1 false, float 1.0, float 0.0, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

define <4 x float> @fs_array_min_lod([4 x ptr addrspace(1)] %ts, <2 x float> %uv, <4 x float> %pos) {
  %fx = extractelement <4 x float> %pos, i32 0
  %px = call i32 @air.convert.u.i32.f.f32(float %fx)
  %i = and i32 %px, 3
  %odd_ = and i32 %px, 1
  %odd = icmp eq i32 %odd_, 1
  %m = alloca [4 x ptr addrspace(1)], align 8
  store [4 x ptr addrspace(1)] %ts, ptr %m, align 8
  %i64 = zext i32 %i to i64
  %mp = getelementptr inbounds [4 x ptr addrspace(1)], ptr %m, i64 0, i64 %i64
  %tx = load ptr addrspace(1), ptr %mp, align 8
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %tx, ptr addrspace(2) @s, <2 x float> %uv, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 3.0, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

define <4 x float> @fs_array_level([4 x ptr addrspace(1)] %ts, <2 x float> %uv, <4 x float> %pos) {
  %fx = extractelement <4 x float> %pos, i32 0
  %px = call i32 @air.convert.u.i32.f.f32(float %fx)
  %i = and i32 %px, 3
  %odd_ = and i32 %px, 1
  %odd = icmp eq i32 %odd_, 1
  %m = alloca [4 x ptr addrspace(1)], align 8
  store [4 x ptr addrspace(1)] %ts, ptr %m, align 8
  %i64 = zext i32 %i to i64
  %mp = getelementptr inbounds [4 x ptr addrspace(1)], ptr %m, i64 0, i64 %i64
  %tx = load ptr addrspace(1), ptr %mp, align 8
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %tx, ptr addrspace(2) @s, <2 x float> %uv, i1 true, <2 x i32> zeroinitializer, i1 true, float 2.0, float 0.0, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

; One sampler has a level of detail of at least 3.
define <4 x float> @fs_sampler(ptr addrspace(1) %t, <2 x float> %uv, <4 x float> %pos) {
  %fx = extractelement <4 x float> %pos, i32 0
  %px = call i32 @air.convert.u.i32.f.f32(float %fx)
  %i = and i32 %px, 3
  %odd_ = and i32 %px, 1
  %odd = icmp eq i32 %odd_, 1
  %sx = select i1 %odd, ptr addrspace(2) @s3, ptr addrspace(2) @s
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %t, ptr addrspace(2) %sx, <2 x float> %uv, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

; Clamped to the five levels, and not.
define <4 x float> @fs_lod(ptr addrspace(1) %t, <2 x float> %uv, <4 x float> %pos) {
  %big = fmul <2 x float> %uv, <float 64.0, float 64.0>
  %c = call float @air.calculate_clamped_lod_texture_2d(ptr addrspace(1) %t, ptr addrspace(2) @s, <2 x float> %big, i32 0)
  %d = call float @air.calculate_unclamped_lod_texture_2d(ptr addrspace(1) %t, ptr addrspace(2) @s, <2 x float> %big, i32 0)
  %r0 = insertelement <4 x float> zeroinitializer, float %c, i32 0
  %r = insertelement <4 x float> %r0, float %d, i32 1
  ret <4 x float> %r
}

define <4 x float> @fs_array_lod([4 x ptr addrspace(1)] %ts, <2 x float> %uv, <4 x float> %pos) {
  %fx = extractelement <4 x float> %pos, i32 0
  %px = call i32 @air.convert.u.i32.f.f32(float %fx)
  %i = and i32 %px, 3
  %odd_ = and i32 %px, 1
  %odd = icmp eq i32 %odd_, 1
  %m = alloca [4 x ptr addrspace(1)], align 8
  store [4 x ptr addrspace(1)] %ts, ptr %m, align 8
  %i64 = zext i32 %i to i64
  %mp = getelementptr inbounds [4 x ptr addrspace(1)], ptr %m, i64 0, i64 %i64
  %tx = load ptr addrspace(1), ptr %mp, align 8
  %c = call float @air.calculate_clamped_lod_texture_2d(ptr addrspace(1) %tx, ptr addrspace(2) @s, <2 x float> %uv, i32 0)
  %d = call float @air.calculate_unclamped_lod_texture_2d(ptr addrspace(1) %tx, ptr addrspace(2) @s, <2 x float> %uv, i32 0)
  %r0 = insertelement <4 x float> zeroinitializer, float %c, i32 0
  %r = insertelement <4 x float> %r0, float %d, i32 1
  ret <4 x float> %r
}

define <4 x float> @fs_compare(ptr addrspace(1) %t, <2 x float> %uv, <4 x float> %pos) {
  %v = extractelement <2 x float> %uv, i32 1
  %q = call { float, i8 } @air.sample_compare_depth_2d.f32(ptr addrspace(1) %t, ptr addrspace(2) @cmp, i32 1, <2 x float> %uv, float %v, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)
  %d = extractvalue { float, i8 } %q, 0
  %r = insertelement <4 x float> zeroinitializer, float %d, i32 0
  ret <4 x float> %r
}

declare { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1), ptr addrspace(2), <2 x float>, i1, <2 x i32>, i1, float, float, i32)
declare { <4 x float>, i8 } @air.sample_texture_2d_grad.v4f32(ptr addrspace(1), ptr addrspace(2), <2 x float>, <2 x float>, <2 x float>, float, i1, <2 x i32>, i32)
declare { float, i8 } @air.sample_compare_depth_2d.f32(ptr addrspace(1), ptr addrspace(2), i32, <2 x float>, float, i1, <2 x i32>, i1, float, float, i32)
declare float @air.calculate_clamped_lod_texture_2d(ptr addrspace(1), ptr addrspace(2), <2 x float>, i32)
declare float @air.calculate_unclamped_lod_texture_2d(ptr addrspace(1), ptr addrspace(2), <2 x float>, i32)
declare i32 @air.convert.u.i32.f.f32(float)

!air.vertex = !{!0}
!air.fragment = !{!20, !21, !22, !23, !24, !25, !26, !27, !28, !29, !30, !31, !32, !33}
!0 = !{ptr @vs_all, !1, !4}
!1 = !{!2, !3}
!2 = !{!"air.position", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!3 = !{!"air.vertex_output", !"generated(2uvDv2_f)", !"air.arg_type_name", !"float2", !"air.arg_name", !"uv"}
!4 = !{!5}
!5 = !{i32 0, !"air.vertex_id", !"air.arg_type_name", !"uint"}
!6 = !{!7}
!7 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float4"}
!8 = !{i32 1, !"air.fragment_input", !"generated(2uvDv2_f)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float2"}
!9 = !{i32 2, !"air.position", !"air.center", !"air.no_perspective", !"air.arg_type_name", !"float4"}
!10 = !{i32 0, !"air.texture", !"air.location_index", i32 0, i32 1, !"air.sample", !"air.arg_type_name", !"texture2d<float, sample>", !"air.arg_name", !"t"}
!11 = !{i32 0, !"air.texture", !"air.location_index", i32 0, i32 4, !"air.sample", !"air.arg_type_name", !"array<texture2d<float, sample>, 4>", !"air.arg_name", !"t"}
!12 = !{i32 0, !"air.texture", !"air.location_index", i32 0, i32 1, !"air.sample", !"air.arg_type_name", !"depth2d<float, sample>", !"air.arg_name", !"t"}
!13 = !{!10, !8, !9}
!14 = !{!11, !8, !9}
!15 = !{!12, !8, !9}
!20 = !{ptr @fs_auto, !6, !13}
!21 = !{ptr @fs_bias, !6, !13}
!22 = !{ptr @fs_min_lod, !6, !13}
!23 = !{ptr @fs_min_lod_bias, !6, !13}
!24 = !{ptr @fs_grad, !6, !13}
!25 = !{ptr @fs_grad_min_lod, !6, !13}
!26 = !{ptr @fs_array, !6, !14}
!27 = !{ptr @fs_array_bias, !6, !14}
!28 = !{ptr @fs_array_min_lod, !6, !14}
!29 = !{ptr @fs_array_level, !6, !14}
!30 = !{ptr @fs_sampler, !6, !13}
!31 = !{ptr @fs_lod, !6, !13}
!32 = !{ptr @fs_array_lod, !6, !14}
!33 = !{ptr @fs_compare, !6, !15}
