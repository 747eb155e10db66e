; SPDX-License-Identifier: MIT
; Colour targets (air 2.8, 3.11, encoders 13.5): eight of mixed types at once, dual-source blending, framebuffer fetch of
; every component type, per sample and between overlapping fragments, raster order groups. Drawn by targets.c.
target triple = "air64-apple-macosx14.0.0"

@cover = internal addrspace(2) constant [3 x <4 x float>] [
  <4 x float> <float -1.0, float -1.0, float 0.25, float 1.0>,
  <4 x float> <float 3.0, float -1.0, float 0.25, float 1.0>,
  <4 x float> <float -1.0, float 3.0, float 0.25, float 1.0>]
@edge = internal addrspace(2) constant [3 x <4 x float>] [
  <4 x float> <float -1.0, float -1.0, float 0.5, float 1.0>,
  <4 x float> <float 0.875, float -1.0, float 0.5, float 1.0>,
  <4 x float> <float -1.0, float 0.8125, float 0.5, float 1.0>]

%vs_out = type { <4 x float>, i32 }
define %vs_out @vs_cover(i32 %vid, i32 %iid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %n = add i32 %iid, 1
  %r0 = insertvalue %vs_out undef, <4 x float> %p, 0
  %r = insertvalue %vs_out %r0, i32 %n, 1
  ret %vs_out %r
}
define <4 x float> @vs_edge(i32 %vid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @edge, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  ret <4 x float> %p
}

; Eight targets; the pixel's column is added to each, so that every target has its own picture.
%mixed = type { <4 x float>, <4 x i32>, <4 x i32>, <4 x half>, <4 x float>, i32, <4 x i16>, <4 x i16> }
define %mixed @fs_mixed(<4 x float> %pos) {
  %x = extractelement <4 x float> %pos, i32 0
  %i = call i32 @air.convert.u.i32.f.f32(float %x)
  %s = trunc i32 %i to i16
  %f = call float @air.convert.f.f32.u.i32(i32 %i)
  %h = fptrunc float %f to half
  %a = insertelement <4 x float> <float 0.0, float 0.5, float -1.5, float 1073741824.0>, float %f, i32 0
  %b = insertelement <4 x i32> <i32 0, i32 -1, i32 70000, i32 3>, i32 %i, i32 0
  %m = sub i32 -5, %i
  %c = insertelement <4 x i32> <i32 0, i32 -2147483648, i32 2147483647, i32 -70000>, i32 %m, i32 0
  %d = insertelement <4 x half> <half 0.0, half -2.0, half 65504.0, half 0.25>, half %h, i32 0
  %f8 = fmul float %f, 0.125
  %e = insertelement <4 x float> <float 0.0, float 2.0, float -1.0, float 0.25>, float %f8, i32 0
  %g = add i32 %i, 1000000
  %ms = sub i16 -300, %s
  %j = insertelement <4 x i16> <i16 0, i16 -32768, i16 32767, i16 -1>, i16 %ms, i32 0
  %k = insertelement <4 x i16> <i16 0, i16 -1, i16 255, i16 256>, i16 %s, i32 0
  %r0 = insertvalue %mixed undef, <4 x float> %a, 0
  %r1 = insertvalue %mixed %r0, <4 x i32> %b, 1
  %r2 = insertvalue %mixed %r1, <4 x i32> %c, 2
  %r3 = insertvalue %mixed %r2, <4 x half> %d, 3
  %r4 = insertvalue %mixed %r3, <4 x float> %e, 4
  %r5 = insertvalue %mixed %r4, i32 %g, 5
  %r6 = insertvalue %mixed %r5, <4 x i16> %j, 6
  %r = insertvalue %mixed %r6, <4 x i16> %k, 7
  ret %mixed %r
}

; Targets in another order than the members, and one that is not written.
%sparse = type { <4 x float>, <4 x float> }
define %sparse @fs_sparse() {
  %r0 = insertvalue %sparse undef, <4 x float> <float 2.0, float 2.0, float 2.0, float 2.0>, 0
  %r = insertvalue %sparse %r0, <4 x float> <float 1.0, float 1.0, float 1.0, float 1.0>, 1
  ret %sparse %r
}

%dual = type { <4 x float>, <4 x float> }
define %dual @fs_dual(<4 x float> %pos) {
  %x = extractelement <4 x float> %pos, i32 0
  %a = insertelement <4 x float> <float 0.0, float 1.0, float 2.0, float 3.0>, float %x, i32 0
  %r0 = insertvalue %dual undef, <4 x float> %a, 0
  %r = insertvalue %dual %r0, <4 x float> <float 0.5, float 0.25, float 0.125, float 2.0>, 1
  ret %dual %r
}

; ---- framebuffer fetch: new = old * 2 + 1 in each type ----

define <4 x float> @fs_fetch(<4 x float> %dst) {
  %m = fmul <4 x float> %dst, <float 2.0, float 2.0, float 2.0, float 2.0>
  %r = fadd <4 x float> %m, <float 1.0, float 1.0, float 1.0, float 1.0>
  ret <4 x float> %r
}
define <4 x half> @fs_fetch_half(<4 x half> %dst) {
  %m = fmul <4 x half> %dst, <half 2.0, half 2.0, half 2.0, half 2.0>
  %r = fadd <4 x half> %m, <half 1.0, half 1.0, half 1.0, half 1.0>
  ret <4 x half> %r
}
define float @fs_fetch_scalar(float %dst) {
  %m = fmul float %dst, 2.0
  %r = fadd float %m, 1.0
  ret float %r
}
define <4 x i32> @fs_fetch_uint(<4 x i32> %dst) {
  %m = shl <4 x i32> %dst, <i32 1, i32 1, i32 1, i32 1>
  %r = add <4 x i32> %m, <i32 1, i32 1, i32 1, i32 1>
  ret <4 x i32> %r
}
define <4 x i32> @fs_fetch_int(<4 x i32> %dst) {
  %r = call <4 x i32> @fs_fetch_uint(<4 x i32> %dst)
  ret <4 x i32> %r
}
define <4 x i16> @fs_fetch_short(<4 x i16> %dst) {
  %m = shl <4 x i16> %dst, <i16 1, i16 1, i16 1, i16 1>
  %r = add <4 x i16> %m, <i16 1, i16 1, i16 1, i16 1>
  ret <4 x i16> %r
}
; The colour of one fragment depends on the one below it in the same draw: old * 2 + instance + 1.
define <4 x float> @fs_fetch_chain(<4 x float> %dst, i32 %n) {
  %f = call float @air.convert.f.f32.u.i32(i32 %n)
  %s0 = insertelement <4 x float> undef, float %f, i32 0
  %s = shufflevector <4 x float> %s0, <4 x float> undef, <4 x i32> zeroinitializer
  %m = fmul <4 x float> %dst, <float 2.0, float 2.0, float 2.0, float 2.0>
  %r = fadd <4 x float> %m, %s
  ret <4 x float> %r
}
; Reads two targets and writes them the other way round.
define %sparse @fs_fetch_swap(<4 x float> %a, <4 x float> %b) {
  %c = fadd <4 x float> %a, <float 10.0, float 10.0, float 10.0, float 10.0>
  %r0 = insertvalue %sparse undef, <4 x float> %b, 0
  %r = insertvalue %sparse %r0, <4 x float> %c, 1
  ret %sparse %r
}
; A different value in each of the two targets to start from.
define %sparse @fs_two() {
  %r0 = insertvalue %sparse undef, <4 x float> <float 3.0, float 3.0, float 3.0, float 3.0>, 0
  %r = insertvalue %sparse %r0, <4 x float> <float 4.0, float 4.0, float 4.0, float 4.0>, 1
  ret %sparse %r
}

; ---- raster order groups: a buffer cell per pixel, old * 3 + instance + 1 in the order of the draw ----

define <4 x float> @fs_ordered(<4 x float> %pos, ptr addrspace(1) %b, i32 %n) {
  %x = extractelement <4 x float> %pos, i32 0
  %y = extractelement <4 x float> %pos, i32 1
  %i = call i32 @air.convert.u.i32.f.f32(float %x)
  %j = call i32 @air.convert.u.i32.f.f32(float %y)
  %k = mul i32 %j, 8
  %c = add i32 %k, %i
  %p = getelementptr i32, ptr addrspace(1) %b, i32 %c
  %o = load i32, ptr addrspace(1) %p, align 4
  %t = mul i32 %o, 3
  %v = add i32 %t, %n
  store i32 %v, ptr addrspace(1) %p, align 4
  ret <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>
}

declare i32 @air.convert.u.i32.f.f32(float)
declare float @air.convert.f.f32.u.i32(i32)

!air.vertex = !{!10, !11}
!10 = !{ptr @vs_cover, !{!100, !101}, !{!150, !151}}
!11 = !{ptr @vs_edge, !{!100}, !{!150}}
!100 = !{!"air.position", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!101 = !{!"air.vertex_output", !"user(number)", !"air.arg_type_name", !"uint", !"air.arg_name", !"number"}
!150 = !{i32 0, !"air.vertex_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"vid"}
!151 = !{i32 1, !"air.instance_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"iid"}

!air.fragment = !{!30, !31, !32, !33, !34, !35, !36, !37, !38, !39, !40, !41, !42}
!30 = !{ptr @fs_mixed, !{!200, !201, !202, !203, !204, !205, !206, !207}, !{!210}}
!31 = !{ptr @fs_sparse, !{!208, !200}, !{}}
!32 = !{ptr @fs_dual, !{!200, !209}, !{!210}}
!33 = !{ptr @fs_fetch, !{!200}, !{!220}}
!34 = !{ptr @fs_fetch_half, !{!221}, !{!222}}
!35 = !{ptr @fs_fetch_scalar, !{!223}, !{!224}}
!36 = !{ptr @fs_fetch_uint, !{!225}, !{!226}}
!37 = !{ptr @fs_fetch_int, !{!227}, !{!228}}
!38 = !{ptr @fs_fetch_short, !{!229}, !{!230}}
!39 = !{ptr @fs_fetch_chain, !{!200}, !{!220, !231}}
!40 = !{ptr @fs_fetch_swap, !{!200, !232}, !{!220, !233}}
!41 = !{ptr @fs_two, !{!200, !232}, !{}}
!42 = !{ptr @fs_ordered, !{!200}, !{!210, !234, !235}}
!200 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float4"}
!201 = !{!"air.render_target", i32 1, i32 0, !"air.arg_type_name", !"uint4"}
!202 = !{!"air.render_target", i32 2, i32 0, !"air.arg_type_name", !"int4"}
!203 = !{!"air.render_target", i32 3, i32 0, !"air.arg_type_name", !"half4"}
!204 = !{!"air.render_target", i32 4, i32 0, !"air.arg_type_name", !"float4"}
!205 = !{!"air.render_target", i32 5, i32 0, !"air.arg_type_name", !"uint"}
!206 = !{!"air.render_target", i32 6, i32 0, !"air.arg_type_name", !"short4"}
!207 = !{!"air.render_target", i32 7, i32 0, !"air.arg_type_name", !"ushort4"}
!208 = !{!"air.render_target", i32 2, i32 0, !"air.arg_type_name", !"float4"}
!209 = !{!"air.render_target", i32 0, i32 1, !"air.arg_type_name", !"float4"}
!210 = !{i32 0, !"air.position", !"air.center", !"air.no_perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"pos"}
; AIR 1.x: one integer, later two; a raster order group changes nothing, fetches are ordered anyway
!220 = !{i32 0, !"air.render_target", i32 0, !"air.arg_type_name", !"float4", !"air.arg_name", !"dst"}
!221 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"half4"}
!222 = !{i32 0, !"air.render_target", i32 0, i32 0, !"air.raster_order_group", i32 1, !"air.arg_type_name", !"half4", !"air.arg_name", !"dst"}
!223 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float"}
!224 = !{i32 0, !"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float", !"air.arg_name", !"dst"}
!225 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"uint4"}
!226 = !{i32 0, !"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"uint4", !"air.arg_name", !"dst"}
!227 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"int4"}
!228 = !{i32 0, !"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"int4", !"air.arg_name", !"dst"}
!229 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"short4"}
!230 = !{i32 0, !"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"short4", !"air.arg_name", !"dst"}
!231 = !{i32 1, !"air.fragment_input", !"user(number)", !"air.flat", !"air.arg_type_name", !"uint", !"air.arg_name", !"n"}
!232 = !{!"air.render_target", i32 1, i32 0, !"air.arg_type_name", !"float4"}
!233 = !{i32 1, !"air.render_target", i32 1, i32 0, !"air.arg_type_name", !"float4", !"air.arg_name", !"b"}
!234 = !{i32 1, !"air.buffer", !"air.location_index", i32 3, i32 1, !"air.raster_order_group", i32 0, !"air.read_write", !"air.address_space", i32 1, !"air.arg_type_size", i32 4, !"air.arg_type_align_size", i32 4, !"air.arg_type_name", !"uint", !"air.arg_name", !"b"}
!235 = !{i32 2, !"air.fragment_input", !"user(number)", !"air.flat", !"air.arg_type_name", !"uint", !"air.arg_name", !"n"}
