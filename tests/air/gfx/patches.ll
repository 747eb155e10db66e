; SPDX-License-Identifier: MIT
; Post-tessellation vertex functions (air 2.15): attributes of control points and of patches, ids, quads and triangles.
; Drawn by patches.c with the vertex and control stages that tess.h makes.
target triple = "air64-apple-macosx14.0.0"

; ---- quads: control points (0,0), (1,0), (0,1), (1,1); attributes 0 position, 3 colour, 5 a signed number ----

%cp = type { <4 x float>, <4 x half>, i32 }
declare %cp @vp_quad.MTL_CONTROL_POINT_FN(i32, ptr) section "air.externally_defined"

define <4 x float> @bilinear(<4 x float> %a, <4 x float> %b, <4 x float> %c, <4 x float> %d, <2 x float> %uv) alwaysinline {
  %u = extractelement <2 x float> %uv, i32 0
  %v = extractelement <2 x float> %uv, i32 1
  %u0 = insertelement <4 x float> undef, float %u, i32 0
  %u4 = shufflevector <4 x float> %u0, <4 x float> undef, <4 x i32> zeroinitializer
  %v0 = insertelement <4 x float> undef, float %v, i32 0
  %v4 = shufflevector <4 x float> %v0, <4 x float> undef, <4 x i32> zeroinitializer
  %ab = fsub <4 x float> %b, %a
  %ab1 = fmul <4 x float> %ab, %u4
  %low = fadd <4 x float> %a, %ab1
  %cd = fsub <4 x float> %d, %c
  %cd1 = fmul <4 x float> %cd, %u4
  %high = fadd <4 x float> %c, %cd1
  %lh = fsub <4 x float> %high, %low
  %lh1 = fmul <4 x float> %lh, %v4
  %r = fadd <4 x float> %low, %lh1
  ret <4 x float> %r
}

%quad_out = type { <4 x float>, <4 x float>, <4 x i32>, <4 x float>, <2 x float> }
define %quad_out @vp_quad(ptr %patch, <2 x float> %uv, i32 %pid, i32 %iid, i32 %bid, <4 x float> %extra) {
  %a = call %cp @vp_quad.MTL_CONTROL_POINT_FN(i32 0, ptr %patch)
  %b = call %cp @vp_quad.MTL_CONTROL_POINT_FN(i32 1, ptr %patch)
  %c = call %cp @vp_quad.MTL_CONTROL_POINT_FN(i32 2, ptr %patch)
  %d = call %cp @vp_quad.MTL_CONTROL_POINT_FN(i32 3, ptr %patch)
  %pa = extractvalue %cp %a, 0
  %pb = extractvalue %cp %b, 0
  %pc = extractvalue %cp %c, 0
  %pd = extractvalue %cp %d, 0
  %p = call <4 x float> @bilinear(<4 x float> %pa, <4 x float> %pb, <4 x float> %pc, <4 x float> %pd, <2 x float> %uv)
  %ha = extractvalue %cp %a, 1
  %hb = extractvalue %cp %b, 1
  %hc = extractvalue %cp %c, 1
  %hd = extractvalue %cp %d, 1
  %ca = fpext <4 x half> %ha to <4 x float>
  %cb = fpext <4 x half> %hb to <4 x float>
  %cc = fpext <4 x half> %hc to <4 x float>
  %cd = fpext <4 x half> %hd to <4 x float>
  %col = call <4 x float> @bilinear(<4 x float> %ca, <4 x float> %cb, <4 x float> %cc, <4 x float> %cd, <2 x float> %uv)
  %n = extractvalue %cp %c, 2
  %points = call i32 @air.get_num_patch_control_points()
  %k = mul i32 %points, 1000
  %m = add i32 %n, %k
  %i0 = insertelement <4 x i32> undef, i32 %pid, i32 0
  %i1 = insertelement <4 x i32> %i0, i32 %iid, i32 1
  %i2 = insertelement <4 x i32> %i1, i32 %bid, i32 2
  %i3 = insertelement <4 x i32> %i2, i32 %m, i32 3
  ; instances stack upwards
  %row = sub i32 %iid, %bid
  %rf = call float @air.convert.f.f32.u.i32(i32 %row)
  %y = extractelement <4 x float> %p, i32 1
  %y2 = fadd float %y, %rf
  %pos = insertelement <4 x float> %p, float %y2, i32 1
  %sq = fmul <2 x float> %uv, %uv
  %r0 = insertvalue %quad_out undef, <4 x float> %pos, 0
  %r1 = insertvalue %quad_out %r0, <4 x float> %col, 1
  %r2 = insertvalue %quad_out %r1, <4 x i32> %i3, 2
  %r3 = insertvalue %quad_out %r2, <4 x float> %extra, 3
  %r = insertvalue %quad_out %r3, <2 x float> %sq, 4
  ret %quad_out %r
}

; Every point of the domain that is evaluated leaves a mark, sixty to the unit.
define <4 x float> @vp_quad_marks(ptr %patch, <2 x float> %uv, ptr addrspace(1) %b) {
  call void @mark(<2 x float> %uv, ptr addrspace(1) %b)
  ret <4 x float> <float 0.0, float 0.0, float 0.5, float 1.0>
}
define void @mark(<2 x float> %uv, ptr addrspace(1) %b) alwaysinline {
  %u = extractelement <2 x float> %uv, i32 0
  %v = extractelement <2 x float> %uv, i32 1
  %us = fmul float %u, 60.0
  %vs = fmul float %v, 60.0
  %ur = fadd float %us, 0.5
  %vr = fadd float %vs, 0.5
  %i = call i32 @air.convert.u.i32.f.f32(float %ur)
  %j = call i32 @air.convert.u.i32.f.f32(float %vr)
  %k = mul i32 %j, 61
  %n = add i32 %k, %i
  %p = getelementptr i32, ptr addrspace(1) %b, i32 %n
  store i32 1, ptr addrspace(1) %p, align 4
  ret void
}

; ---- triangles ----

%cpt = type { <4 x float>, <3 x float> }
declare %cpt @vp_tri.MTL_CONTROL_POINT_FN(i32, ptr) section "air.externally_defined"
%tri_out = type { <4 x float>, <4 x float>, <4 x float> }
define %tri_out @vp_tri(ptr %patch, <3 x float> %bary, <4 x float> %extra) {
  br label %loop
loop:
  %i = phi i32 [ 0, %0 ], [ %next, %loop ]
  %p = phi <4 x float> [ zeroinitializer, %0 ], [ %p1, %loop ]
  %c = phi <3 x float> [ zeroinitializer, %0 ], [ %c1, %loop ]
  %a = call %cpt @vp_tri.MTL_CONTROL_POINT_FN(i32 %i, ptr %patch)
  %b = extractelement <3 x float> %bary, i32 %i
  %b0 = insertelement <4 x float> undef, float %b, i32 0
  %b4 = shufflevector <4 x float> %b0, <4 x float> undef, <4 x i32> zeroinitializer
  %b3 = shufflevector <4 x float> %b0, <4 x float> undef, <3 x i32> zeroinitializer
  %q = extractvalue %cpt %a, 0
  %qb = fmul <4 x float> %q, %b4
  %p1 = fadd <4 x float> %p, %qb
  %d = extractvalue %cpt %a, 1
  %db = fmul <3 x float> %d, %b3
  %c1 = fadd <3 x float> %c, %db
  %next = add i32 %i, 1
  %done = icmp eq i32 %next, 3
  br i1 %done, label %out, label %loop
out:
  %c4 = shufflevector <3 x float> %c1, <3 x float> <float 1.0, float 0.0, float 0.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  %r0 = insertvalue %tri_out undef, <4 x float> %p1, 0
  %r1 = insertvalue %tri_out %r0, <4 x float> %c4, 1
  %r = insertvalue %tri_out %r1, <4 x float> %extra, 2
  ret %tri_out %r
}
define <4 x float> @vp_tri_marks(ptr %patch, <3 x float> %bary, ptr addrspace(1) %b) {
  %uv = shufflevector <3 x float> %bary, <3 x float> undef, <2 x i32> <i32 0, i32 1>
  call void @mark(<2 x float> %uv, ptr addrspace(1) %b)
  ret <4 x float> <float 0.0, float 0.0, float 0.5, float 1.0>
}

; ---- refused; the name says why ----

define <4 x float> @metadata__attribute_twice(ptr %patch) {
  %a = call %cpt @vp_tri.MTL_CONTROL_POINT_FN(i32 0, ptr %patch)
  %p = extractvalue %cpt %a, 0
  ret <4 x float> %p
}
define <4 x float> @metadata__patch_and_point(ptr %patch, <4 x float> %extra) {
  %a = call %cpt @vp_tri.MTL_CONTROL_POINT_FN(i32 0, ptr %patch)
  %p = extractvalue %cpt %a, 0
  %r = fadd <4 x float> %p, %extra
  ret <4 x float> %r
}
define <4 x float> @metadata__fewer_attributes(ptr %patch) {
  %a = call %cpt @vp_tri.MTL_CONTROL_POINT_FN(i32 0, ptr %patch)
  %p = extractvalue %cpt %a, 0
  ret <4 x float> %p
}
define <4 x float> @metadata__no_patch(ptr %patch) {
  %a = call %cpt @vp_tri.MTL_CONTROL_POINT_FN(i32 0, ptr %patch)
  %p = extractvalue %cpt %a, 0
  ret <4 x float> %p
}
define <4 x float> @builtin__patch_id(i32 %pid) {
  %f = call float @air.convert.f.f32.u.i32(i32 %pid)
  %p = insertelement <4 x float> <float 0.0, float 0.0, float 0.0, float 1.0>, float %f, i32 0
  ret <4 x float> %p
}

; ---- fragment ----

%show = type { <4 x float>, <4 x i32>, <4 x float>, <4 x float> }
define %show @fs_quad(<4 x float> %col, <4 x i32> %ids, <4 x float> %extra, <2 x float> %curve) {
  %c = shufflevector <2 x float> %curve, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  %r0 = insertvalue %show undef, <4 x float> %col, 0
  %r1 = insertvalue %show %r0, <4 x i32> %ids, 1
  %r2 = insertvalue %show %r1, <4 x float> %extra, 2
  %r = insertvalue %show %r2, <4 x float> %c, 3
  ret %show %r
}
%show2 = type { <4 x float>, <4 x float> }
define %show2 @fs_tri(<4 x float> %col, <4 x float> %extra) {
  %r0 = insertvalue %show2 undef, <4 x float> %col, 0
  %r = insertvalue %show2 %r0, <4 x float> %extra, 1
  ret %show2 %r
}
define <4 x float> @fs_facing(i1 %front) {
  %r = select i1 %front, <4 x float> <float 1.0, float 0.0, float 0.0, float 1.0>, <4 x float> <float 0.0, float 1.0, float 0.0, float 1.0>
  ret <4 x float> %r
}

declare i32 @air.get_num_patch_control_points()
declare float @air.convert.f.f32.u.i32(i32)
declare i32 @air.convert.u.i32.f.f32(float)

!air.vertex = !{!10, !11, !12, !13, !14, !15, !16, !17, !18}
!10 = !{ptr @vp_quad, !{!100, !101, !102, !103, !104}, !{!110, !111, !112, !113, !114, !115}, !{!"air.patch", !"quad", !"air.patch_control_point", i32 4}}
!11 = !{ptr @vp_quad_marks, !{!100}, !{!116, !111, !117}, !{!"air.patch", !"quad", !"air.patch_control_point", i32 4}}
!12 = !{ptr @vp_tri, !{!100, !101, !103}, !{!118, !119, !120}, !{!"air.patch", !"triangle", !"air.patch_control_point", i32 3}}
!13 = !{ptr @vp_tri_marks, !{!100}, !{!121, !119, !117}, !{!"air.patch", !"triangle", !"air.patch_control_point", i32 3}}
!14 = !{ptr @metadata__attribute_twice, !{!100}, !{!130}, !{!"air.patch", !"triangle", !"air.patch_control_point", i32 3}}
!15 = !{ptr @metadata__patch_and_point, !{!100}, !{!121, !131}, !{!"air.patch", !"triangle", !"air.patch_control_point", i32 3}}
!16 = !{ptr @metadata__fewer_attributes, !{!100}, !{!132}, !{!"air.patch", !"triangle", !"air.patch_control_point", i32 3}}
!17 = !{ptr @metadata__no_patch, !{!100}, !{!121}}
!18 = !{ptr @builtin__patch_id, !{!100}, !{!133}}
!130 = !{i32 0, !"air.patch_control_point_input", !{!"air.patch_control_point_function", ptr @vp_tri.MTL_CONTROL_POINT_FN}, !{!"air.location_index", i32 3, i32 1}, !{!"air.location_index", i32 3, i32 1}}
!131 = !{i32 1, !"air.patch_input", !"air.location_index", i32 3, i32 1, !"air.arg_type_name", !"float4"}
!132 = !{i32 0, !"air.patch_control_point_input", !{!"air.patch_control_point_function", ptr @vp_tri.MTL_CONTROL_POINT_FN}, !{!"air.location_index", i32 0, i32 1}}
!133 = !{i32 0, !"air.patch_id", !"air.arg_type_name", !"uint"}
!100 = !{!"air.position", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!101 = !{!"air.vertex_output", !"user(color)", !"air.arg_type_name", !"float4", !"air.arg_name", !"color"}
!102 = !{!"air.vertex_output", !"user(ids)", !"air.arg_type_name", !"uint4", !"air.arg_name", !"ids"}
!103 = !{!"air.vertex_output", !"user(extra)", !"air.arg_type_name", !"float4", !"air.arg_name", !"extra"}
!104 = !{!"air.vertex_output", !"user(curve)", !"air.arg_type_name", !"float2", !"air.arg_name", !"curve"}
!110 = !{i32 0, !"air.patch_control_point_input", !{!"air.patch_control_point_function", ptr @vp_quad.MTL_CONTROL_POINT_FN}, !{!"air.location_index", i32 0, i32 1, !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}, !{!"air.location_index", i32 3, i32 1, !"air.arg_type_name", !"half4", !"air.arg_name", !"color"}, !{!"air.location_index", i32 5, i32 1, !"air.arg_type_name", !"int", !"air.arg_name", !"number"}}
!111 = !{i32 1, !"air.position_in_patch", !"air.arg_type_name", !"float2", !"air.arg_name", !"uv"}
!112 = !{i32 2, !"air.patch_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"pid"}
!113 = !{i32 3, !"air.instance_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"iid"}
!114 = !{i32 4, !"air.base_instance", !"air.arg_type_name", !"uint", !"air.arg_name", !"bid"}
!115 = !{i32 5, !"air.patch_input", !"air.location_index", i32 7, i32 1, !"air.arg_type_name", !"float4", !"air.arg_name", !"extra"}
!116 = !{i32 0, !"air.patch_control_point_input", !{!"air.patch_control_point_function", ptr @vp_quad.MTL_CONTROL_POINT_FN}, !{!"air.location_index", i32 0, i32 1}, !{!"air.location_index", i32 3, i32 1}, !{!"air.location_index", i32 5, i32 1}}
!117 = !{i32 2, !"air.buffer", !"air.location_index", i32 4, i32 1, !"air.read_write", !"air.address_space", i32 1, !"air.arg_type_size", i32 4, !"air.arg_type_align_size", i32 4, !"air.arg_type_name", !"uint", !"air.arg_name", !"b"}
!118 = !{i32 0, !"air.patch_control_point_input", !{!"air.patch_control_point_function", ptr @vp_tri.MTL_CONTROL_POINT_FN}, !{!"air.location_index", i32 0, i32 1, !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}, !{!"air.location_index", i32 3, i32 1, !"air.arg_type_name", !"float3", !"air.arg_name", !"color"}}
!119 = !{i32 1, !"air.position_in_patch", !"air.arg_type_name", !"float3", !"air.arg_name", !"bary"}
!120 = !{i32 2, !"air.vertex_input", !"air.location_index", i32 7, i32 1, !"air.arg_type_name", !"float4", !"air.arg_name", !"extra"}
!121 = !{i32 0, !"air.patch_control_point_input", !{!"air.patch_control_point_function", ptr @vp_tri.MTL_CONTROL_POINT_FN}, !{!"air.location_index", i32 0, i32 1}, !{!"air.location_index", i32 3, i32 1}}

!air.fragment = !{!30, !31, !32}
!30 = !{ptr @fs_quad, !{!200, !201, !202, !203}, !{!210, !211, !212, !213}}
!31 = !{ptr @fs_tri, !{!200, !204}, !{!210, !214}}
!32 = !{ptr @fs_facing, !{!200}, !{!215}}
!200 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float4"}
!201 = !{!"air.render_target", i32 1, i32 0, !"air.arg_type_name", !"uint4"}
!202 = !{!"air.render_target", i32 2, i32 0, !"air.arg_type_name", !"float4"}
!203 = !{!"air.render_target", i32 3, i32 0, !"air.arg_type_name", !"float4"}
!204 = !{!"air.render_target", i32 1, i32 0, !"air.arg_type_name", !"float4"}
!210 = !{i32 0, !"air.fragment_input", !"user(color)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"color"}
!211 = !{i32 1, !"air.fragment_input", !"user(ids)", !"air.flat", !"air.arg_type_name", !"uint4", !"air.arg_name", !"ids"}
!212 = !{i32 2, !"air.fragment_input", !"user(extra)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"extra"}
!213 = !{i32 3, !"air.fragment_input", !"user(curve)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float2", !"air.arg_name", !"curve"}
!214 = !{i32 1, !"air.fragment_input", !"user(extra)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"extra"}
!215 = !{i32 0, !"air.front_facing", !"air.arg_type_name", !"bool", !"air.arg_name", !"front"}
