; SPDX-License-Identifier: MIT
; Quad-group and SIMD-group operations in fragment functions (air 3.9). A pixel's value is its number, column + 16 * row;
; lanes.c knows the quads and finds the SIMD groups by the number of each group's first pixel.
target triple = "air64-apple-macosx14.0.0"

@cover = internal addrspace(2) constant [3 x <4 x float>] [
  <4 x float> <float -1.0, float -1.0, float 0.25, float 1.0>,
  <4 x float> <float 3.0, float -1.0, float 0.25, float 1.0>,
  <4 x float> <float -1.0, float 3.0, float 0.25, float 1.0>]
@edge = internal addrspace(2) constant [3 x <4 x float>] [
  <4 x float> <float -1.0, float -1.0, float 0.5, float 1.0>,
  <4 x float> <float 0.875, float -1.0, float 0.5, float 1.0>,
  <4 x float> <float -1.0, float 0.8125, float 0.5, float 1.0>]

define <4 x float> @vs_cover(i32 %vid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  ret <4 x float> %p
}
define <4 x float> @vs_edge(i32 %vid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @edge, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  ret <4 x float> %p
}

define i32 @number(<4 x float> %pos) alwaysinline {
  %x = extractelement <4 x float> %pos, i32 0
  %y = extractelement <4 x float> %pos, i32 1
  %i = call i32 @air.convert.u.i32.f.f32(float %x)
  %j = call i32 @air.convert.u.i32.f.f32(float %y)
  %k = shl i32 %j, 4
  %n = add i32 %k, %i
  ret i32 %n
}

%f4 = type { <4 x float>, <4 x float>, <4 x float>, <4 x float> }
define %f4 @pack_f(float %a, float %b, float %c, float %d, float %e, float %f, float %g, float %h, float %i, float %j, float %k, float %l, float %m, float %n, float %o, float %p) alwaysinline {
  %a0 = insertelement <4 x float> undef, float %a, i32 0
  %a1 = insertelement <4 x float> %a0, float %b, i32 1
  %a2 = insertelement <4 x float> %a1, float %c, i32 2
  %a3 = insertelement <4 x float> %a2, float %d, i32 3
  %b0 = insertelement <4 x float> undef, float %e, i32 0
  %b1 = insertelement <4 x float> %b0, float %f, i32 1
  %b2 = insertelement <4 x float> %b1, float %g, i32 2
  %b3 = insertelement <4 x float> %b2, float %h, i32 3
  %c0 = insertelement <4 x float> undef, float %i, i32 0
  %c1 = insertelement <4 x float> %c0, float %j, i32 1
  %c2 = insertelement <4 x float> %c1, float %k, i32 2
  %c3 = insertelement <4 x float> %c2, float %l, i32 3
  %d0 = insertelement <4 x float> undef, float %m, i32 0
  %d1 = insertelement <4 x float> %d0, float %n, i32 1
  %d2 = insertelement <4 x float> %d1, float %o, i32 2
  %d3 = insertelement <4 x float> %d2, float %p, i32 3
  %r0 = insertvalue %f4 undef, <4 x float> %a3, 0
  %r1 = insertvalue %f4 %r0, <4 x float> %b3, 1
  %r2 = insertvalue %f4 %r1, <4 x float> %c3, 2
  %r3 = insertvalue %f4 %r2, <4 x float> %d3, 3
  ret %f4 %r3
}

%u4 = type { <4 x i32>, <4 x i32>, <4 x i32>, <4 x i32> }
define %u4 @pack_u(i32 %a, i32 %b, i32 %c, i32 %d, i32 %e, i32 %f, i32 %g, i32 %h, i32 %i, i32 %j, i32 %k, i32 %l, i32 %m, i32 %n, i32 %o, i32 %p) alwaysinline {
  %a0 = insertelement <4 x i32> undef, i32 %a, i32 0
  %a1 = insertelement <4 x i32> %a0, i32 %b, i32 1
  %a2 = insertelement <4 x i32> %a1, i32 %c, i32 2
  %a3 = insertelement <4 x i32> %a2, i32 %d, i32 3
  %b0 = insertelement <4 x i32> undef, i32 %e, i32 0
  %b1 = insertelement <4 x i32> %b0, i32 %f, i32 1
  %b2 = insertelement <4 x i32> %b1, i32 %g, i32 2
  %b3 = insertelement <4 x i32> %b2, i32 %h, i32 3
  %c0 = insertelement <4 x i32> undef, i32 %i, i32 0
  %c1 = insertelement <4 x i32> %c0, i32 %j, i32 1
  %c2 = insertelement <4 x i32> %c1, i32 %k, i32 2
  %c3 = insertelement <4 x i32> %c2, i32 %l, i32 3
  %d0 = insertelement <4 x i32> undef, i32 %m, i32 0
  %d1 = insertelement <4 x i32> %d0, i32 %n, i32 1
  %d2 = insertelement <4 x i32> %d1, i32 %o, i32 2
  %d3 = insertelement <4 x i32> %d2, i32 %p, i32 3
  %r0 = insertvalue %u4 undef, <4 x i32> %a3, 0
  %r1 = insertvalue %u4 %r0, <4 x i32> %b3, 1
  %r2 = insertvalue %u4 %r1, <4 x i32> %c3, 2
  %r3 = insertvalue %u4 %r2, <4 x i32> %d3, 3
  ret %u4 %r3
}

define %f4 @fs_quad(<4 x float> %pos, i32 %q) {
  %num = call i32 @number(<4 x float> %pos)
  %v = call float @air.convert.f.f32.u.i32(i32 %num)
  %m = sub i32 3, %q
  %m16 = trunc i32 %m to i16
  %q1 = add i32 %q, 1
  %p = call float @air.convert.f.f32.u.i32(i32 %q1)
  %a = call float @air.quad_shuffle_xor.f32(float %v, i16 1)
  %b = call float @air.quad_shuffle_xor.f32(float %v, i16 2)
  %c = call float @air.quad_shuffle.f32(float %v, i16 %m16)
  %d = call float @air.quad_broadcast.f32(float %v, i16 2)
  %e = call float @air.quad_shuffle_up.f32(float %v, i16 1)
  %f = call float @air.quad_shuffle_down.f32(float %v, i16 1)
  %g = call float @air.quad_shuffle_rotate_up.f32(float %v, i16 1)
  %h = call float @air.quad_shuffle_rotate_down.f32(float %v, i16 3)
  %i = call float @air.quad_sum.f32(float %v)
  %j = call float @air.quad_min.f32(float %v)
  %k = call float @air.quad_max.f32(float %v)
  %l = call float @air.quad_product.f32(float %p)
  %s = call float @air.quad_prefix_inclusive_sum.f32(float %v)
  %t = call float @air.quad_prefix_exclusive_sum.f32(float %v)
  %u = call float @air.quad_prefix_inclusive_product.f32(float %p)
  %w = call float @air.quad_broadcast_first.f32(float %v)
  %r = call %f4 @pack_f(float %a, float %b, float %c, float %d, float %e, float %f, float %g, float %h, float %i, float %j, float %k, float %l, float %s, float %t, float %u, float %w)
  ret %f4 %r
}

define %u4 @fs_quad_int(<4 x float> %pos, i32 %q) {
  %v = call i32 @number(<4 x float> %pos)
  %v16 = trunc i32 %v to i16
  %n16 = sub i16 100, %v16
  %fv = call float @air.convert.f.f32.u.i32(i32 %v)
  %hv = fptrunc float %fv to half
  %a = call i32 @air.quad_and.u.i32(i32 %v)
  %b = call i32 @air.quad_or.u.i32(i32 %v)
  %c = call i32 @air.quad_xor.u.i32(i32 %v)
  %d16 = call i16 @air.quad_sum.u.i16(i16 %v16)
  %d = zext i16 %d16 to i32
  %odd = and i32 %v, 1
  %isodd = icmp eq i32 %odd, 1
  %all = call i1 @air.quad_all(i1 %isodd)
  %e = zext i1 %all to i32
  %any = call i1 @air.quad_any(i1 %isodd)
  %f = zext i1 %any to i32
  %bal = call i16 @air.quad_ballot.i16(i1 %isodd)
  %g = zext i16 %bal to i32
  %i16s = call i16 @air.quad_min.s.i16(i16 %n16)
  %i = sext i16 %i16s to i32
  %j16 = call i16 @air.quad_max.u.i16(i16 %v16)
  %j = zext i16 %j16 to i32
  %v20 = insertelement <2 x i16> undef, i16 %v16, i32 0
  %v2 = insertelement <2 x i16> %v20, i16 %n16, i32 1
  %s2 = call <2 x i16> @air.quad_shuffle_xor.v2i16(<2 x i16> %v2, i16 3)
  %k16 = extractelement <2 x i16> %s2, i32 0
  %k = zext i16 %k16 to i32
  %l16 = extractelement <2 x i16> %s2, i32 1
  %l = sext i16 %l16 to i32
  %hs = call half @air.quad_sum.f16(half %hv)
  %hf = fpext half %hs to float
  %m = call i32 @air.convert.u.i32.f.f32(float %hf)
  %first = call i1 @air.quad_is_first()
  %n = zext i1 %first to i32
  %o = call i32 @air.quad_shuffle_and_fill_down.u.i32(i32 %v, i32 %q, i16 1, i16 4)
  %p = call i32 @air.quad_prefix_exclusive_product.u.i32(i32 3)
  %r = call %u4 @pack_u(i32 %a, i32 %b, i32 %c, i32 %d, i32 %e, i32 %f, i32 %g, i32 %q, i32 %i, i32 %j, i32 %k, i32 %l, i32 %m, i32 %n, i32 %o, i32 %p)
  ret %u4 %r
}

; Differences by quad operations where some of the quad is not covered, and after some of it was discarded.
define <4 x float> @fs_quad_helpers(<4 x float> %pos) {
  %x = extractelement <4 x float> %pos, i32 0
  %y = extractelement <4 x float> %pos, i32 1
  %xx = fmul float %x, %x
  %yy = fmul float %y, %y
  %a = call float @air.quad_shuffle_xor.f32(float %xx, i16 1)
  %b = call float @air.quad_shuffle_xor.f32(float %yy, i16 2)
  %i = call i32 @air.convert.u.i32.f.f32(float %x)
  %odd = and i32 %i, 1
  %is = icmp eq i32 %odd, 1
  br i1 %is, label %kill, label %on
kill:
  call void @air.discard_fragment()
  br label %on
on:
  %c = call float @air.quad_sum.f32(float %x)
  %d = call float @air.quad_broadcast.f32(float %xx, i16 3)
  %r0 = insertelement <4 x float> undef, float %a, i32 0
  %r1 = insertelement <4 x float> %r0, float %b, i32 1
  %r2 = insertelement <4 x float> %r1, float %c, i32 2
  %r3 = insertelement <4 x float> %r2, float %d, i32 3
  ret <4 x float> %r3
}

define %u4 @fs_simd(<4 x float> %pos, i32 %lane, i32 %width) {
  %v = call i32 @number(<4 x float> %pos)
  %x = and i32 %v, 15
  %is3 = icmp eq i32 %x, 3
  %a = call i32 @air.simd_broadcast_first.u.i32(i32 %v)
  %d = call i32 @air.simd_sum.u.i32(i32 %v)
  %e = call i32 @air.simd_min.u.i32(i32 %v)
  %f = call i32 @air.simd_max.u.i32(i32 %v)
  %g = call i32 @air.simd_xor.u.i32(i32 %v)
  %bal = call i64 @air.simd_ballot.i64(i1 %is3)
  %h = trunc i64 %bal to i32
  %i = call i32 @air.simd_prefix_inclusive_sum.u.i32(i32 %v)
  %j = call i32 @air.simd_prefix_exclusive_sum.u.i32(i32 %v)
  %any = call i1 @air.simd_any(i1 %is3)
  %all = call i1 @air.simd_all(i1 %is3)
  %k0 = zext i1 %any to i32
  %k1 = select i1 %all, i32 2, i32 0
  %k = or i32 %k0, %k1
  %act = call i64 @air.simd_active_threads_mask.i64()
  %l = trunc i64 %act to i32
  %m = call i32 @air.simd_shuffle_xor.u.i32(i32 %v, i16 1)
  %n = call i32 @air.simd_broadcast.u.i32(i32 %v, i16 2)
  %first = call i1 @air.simd_is_first()
  %o = zext i1 %first to i32
  %h16 = trunc i32 %v to i16
  %p16 = call i16 @air.simd_max.u.i16(i16 %h16)
  %p = zext i16 %p16 to i32
  %r = call %u4 @pack_u(i32 %a, i32 %lane, i32 %width, i32 %d, i32 %e, i32 %f, i32 %g, i32 %h, i32 %i, i32 %j, i32 %k, i32 %l, i32 %m, i32 %n, i32 %o, i32 %p)
  ret %u4 %r
}

; Lane 20 exists only where the guest's width is the device's.
define <4 x i32> @device_feature__width8_far(<4 x float> %pos) {
  %v = call i32 @number(<4 x float> %pos)
  %n = call i32 @air.simd_broadcast.u.i32(i32 %v, i16 20)
  %r = insertelement <4 x i32> <i32 0, i32 1, i32 2, i32 3>, i32 %n, i32 0
  ret <4 x i32> %r
}

declare i32 @air.convert.u.i32.f.f32(float)
declare float @air.convert.f.f32.u.i32(i32)
declare void @air.discard_fragment()
declare float @air.quad_shuffle_xor.f32(float, i16)
declare float @air.quad_shuffle.f32(float, i16)
declare float @air.quad_broadcast.f32(float, i16)
declare float @air.quad_shuffle_up.f32(float, i16)
declare float @air.quad_shuffle_down.f32(float, i16)
declare float @air.quad_shuffle_rotate_up.f32(float, i16)
declare float @air.quad_shuffle_rotate_down.f32(float, i16)
declare float @air.quad_sum.f32(float)
declare float @air.quad_min.f32(float)
declare float @air.quad_max.f32(float)
declare float @air.quad_product.f32(float)
declare float @air.quad_prefix_inclusive_sum.f32(float)
declare float @air.quad_prefix_exclusive_sum.f32(float)
declare float @air.quad_prefix_inclusive_product.f32(float)
declare float @air.quad_broadcast_first.f32(float)
declare i32 @air.quad_and.u.i32(i32)
declare i32 @air.quad_or.u.i32(i32)
declare i32 @air.quad_xor.u.i32(i32)
declare i16 @air.quad_sum.u.i16(i16)
declare i1 @air.quad_all(i1)
declare i1 @air.quad_any(i1)
declare i16 @air.quad_ballot.i16(i1)
declare i16 @air.quad_min.s.i16(i16)
declare i16 @air.quad_max.u.i16(i16)
declare <2 x i16> @air.quad_shuffle_xor.v2i16(<2 x i16>, i16)
declare half @air.quad_sum.f16(half)
declare i1 @air.quad_is_first()
declare i32 @air.quad_shuffle_and_fill_down.u.i32(i32, i32, i16, i16)
declare i32 @air.quad_prefix_exclusive_product.u.i32(i32)
declare i32 @air.simd_broadcast_first.u.i32(i32)
declare i32 @air.simd_sum.u.i32(i32)
declare i32 @air.simd_min.u.i32(i32)
declare i32 @air.simd_max.u.i32(i32)
declare i32 @air.simd_xor.u.i32(i32)
declare i64 @air.simd_ballot.i64(i1)
declare i32 @air.simd_prefix_inclusive_sum.u.i32(i32)
declare i32 @air.simd_prefix_exclusive_sum.u.i32(i32)
declare i1 @air.simd_any(i1)
declare i1 @air.simd_all(i1)
declare i64 @air.simd_active_threads_mask.i64()
declare i32 @air.simd_shuffle_xor.u.i32(i32, i16)
declare i32 @air.simd_broadcast.u.i32(i32, i16)
declare i1 @air.simd_is_first()
declare i16 @air.simd_max.u.i16(i16)

!air.vertex = !{!10, !11}
!10 = !{ptr @vs_cover, !{!100}, !{!150}}
!11 = !{ptr @vs_edge, !{!100}, !{!150}}
!100 = !{!"air.position", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!150 = !{i32 0, !"air.vertex_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"vid"}

!air.fragment = !{!30, !31, !32, !33, !34}
!30 = !{ptr @fs_quad, !{!200, !201, !202, !203}, !{!210, !211}}
!31 = !{ptr @fs_quad_int, !{!204, !205, !206, !207}, !{!210, !211}}
!32 = !{ptr @fs_quad_helpers, !{!200}, !{!210}}
!33 = !{ptr @fs_simd, !{!204, !205, !206, !207}, !{!210, !212, !213}}
!34 = !{ptr @device_feature__width8_far, !{!204}, !{!210}}
!200 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float4"}
!201 = !{!"air.render_target", i32 1, i32 0, !"air.arg_type_name", !"float4"}
!202 = !{!"air.render_target", i32 2, i32 0, !"air.arg_type_name", !"float4"}
!203 = !{!"air.render_target", i32 3, i32 0, !"air.arg_type_name", !"float4"}
!204 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"uint4"}
!205 = !{!"air.render_target", i32 1, i32 0, !"air.arg_type_name", !"uint4"}
!206 = !{!"air.render_target", i32 2, i32 0, !"air.arg_type_name", !"uint4"}
!207 = !{!"air.render_target", i32 3, i32 0, !"air.arg_type_name", !"uint4"}
!210 = !{i32 0, !"air.position", !"air.center", !"air.no_perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"pos"}
!211 = !{i32 1, !"air.thread_index_in_quadgroup", !"air.arg_type_name", !"uint", !"air.arg_name", !"q"}
!212 = !{i32 1, !"air.thread_index_in_simdgroup", !"air.arg_type_name", !"uint", !"air.arg_name", !"lane"}
!213 = !{i32 2, !"air.threads_per_simdgroup", !"air.arg_type_name", !"uint", !"air.arg_name", !"width"}
