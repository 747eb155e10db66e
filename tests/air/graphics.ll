; SPDX-License-Identifier: MIT
; Vertex and fragment functions that the test draws.c draws with and compares by value: stage-in, varyings by identity,
; several render targets, depth, discard, derivatives, facing, textures, function constants, old and new output forms.
target triple = "air64-apple-macosx14.0.0"

; ---- vertex ----

; Full-screen triangle from the vertex number; uv has its origin at the upper left.
define <{ <4 x float>, <2 x float> }> @vs_full(i32 %vid) {
  %odd = icmp eq i32 %vid, 1
  %two = icmp eq i32 %vid, 2
  %x = select i1 %odd, float 3.0, float -1.0
  %y = select i1 %two, float 3.0, float -1.0
  %p0 = insertelement <4 x float> <float 0.0, float 0.0, float 0.25, float 1.0>, float %x, i32 0
  %p = insertelement <4 x float> %p0, float %y, i32 1
  %u0 = fmul float %x, 0.5
  %u = fadd float %u0, 0.5
  %v0 = fmul float %y, -0.5
  %v = fadd float %v0, 0.5
  %t0 = insertelement <2 x float> undef, float %u, i32 0
  %t = insertelement <2 x float> %t0, float %v, i32 1
  %r0 = insertvalue <{ <4 x float>, <2 x float> }> undef, <4 x float> %p, 0
  %r = insertvalue <{ <4 x float>, <2 x float> }> %r0, <2 x float> %t, 1
  ret <{ <4 x float>, <2 x float> }> %r
}

; Position and colour by stage-in; the colour travels after an unrelated varying, so that order alone would mismatch.
%vs_out = type { <4 x float>, float, <4 x float> }
define %vs_out @vs_in(<4 x float> %pos, <4 x float> %col) {
  %r0 = insertvalue %vs_out undef, <4 x float> %pos, 0
  %r1 = insertvalue %vs_out %r0, float 7.0, 1
  %r = insertvalue %vs_out %r1, <4 x float> %col, 2
  ret %vs_out %r
}

%vs_int_out = type { <4 x float>, <4 x i32> }
define %vs_int_out @vs_uint(<4 x float> %pos, <4 x i32> %col, i32 %iid) {
  %i0 = insertelement <4 x i32> zeroinitializer, i32 %iid, i32 3
  %c = add <4 x i32> %col, %i0
  %r0 = insertvalue %vs_int_out undef, <4 x float> %pos, 0
  %r = insertvalue %vs_int_out %r0, <4 x i32> %c, 1
  ret %vs_int_out %r
}

; One output comes back without a struct.
define <4 x float> @vs_single(<3 x half> %pos) {
  %x = extractelement <3 x half> %pos, i32 0
  %y = extractelement <3 x half> %pos, i32 1
  %fx = fpext half %x to float
  %fy = fpext half %y to float
  %p0 = insertelement <4 x float> <float 0.0, float 0.0, float 0.75, float 1.0>, float %fx, i32 0
  %p = insertelement <4 x float> %p0, float %fy, i32 1
  ret <4 x float> %p
}

; ---- fragment ----

define <4 x float> @fs_uv(<4 x float> %pos, <2 x float> %uv) {
  %a = shufflevector <2 x float> %uv, <2 x float> undef, <4 x i32> <i32 0, i32 1, i32 undef, i32 undef>
  %px = extractelement <4 x float> %pos, i32 0
  %pz = extractelement <4 x float> %pos, i32 2
  %b = insertelement <4 x float> %a, float %px, i32 2
  %c = insertelement <4 x float> %b, float %pz, i32 3
  ret <4 x float> %c
}

%mrt = type { <4 x float>, <4 x half> }
define %mrt @fs_mrt(<4 x float> %col) {
  %h = fptrunc <4 x float> %col to <4 x half>
  %w = fmul <4 x half> %h, <half 2.0, half 2.0, half 2.0, half 2.0>
  %r0 = insertvalue %mrt undef, <4 x float> %col, 0
  %r = insertvalue %mrt %r0, <4 x half> %w, 1
  ret %mrt %r
}

define <4 x i32> @fs_uint(<4 x i32> %col) {
  %r = add <4 x i32> %col, <i32 1, i32 2, i32 3, i32 4>
  ret <4 x i32> %r
}

%fs_depth_out = type { <4 x float>, float }
define %fs_depth_out @fs_depth(<4 x float> %pos) {
  %x = extractelement <4 x float> %pos, i32 0
  %d = fmul float %x, 0.125
  %r0 = insertvalue %fs_depth_out undef, <4 x float> <float 1.0, float 0.0, float 0.0, float 1.0>, 0
  %r = insertvalue %fs_depth_out %r0, float %d, 1
  ret %fs_depth_out %r
}

define <4 x float> @fs_discard(<4 x float> %pos) {
  %x = extractelement <4 x float> %pos, i32 0
  %low = fcmp olt float %x, 4.0
  br i1 %low, label %kill, label %done
kill:
  call void @air.discard_fragment()
  br label %done
done:
  ret <4 x float> <float 0.5, float 0.5, float 0.5, float 1.0>
}

define <4 x float> @fs_deriv(<2 x float> %uv) {
  %u = extractelement <2 x float> %uv, i32 0
  %v = extractelement <2 x float> %uv, i32 1
  %dx = call float @air.dfdx.f32(float %u)
  %dy = call float @air.dfdy.f32(float %v)
  %h = fptrunc float %u to half
  %fw = call half @air.fwidth.f16(half %h)
  %fwf = fpext half %fw to float
  %cross = call float @air.fast_dfdx.f32(float %v)
  %r0 = insertelement <4 x float> undef, float %dx, i32 0
  %r1 = insertelement <4 x float> %r0, float %dy, i32 1
  %r2 = insertelement <4 x float> %r1, float %fwf, i32 2
  %r3 = insertelement <4 x float> %r2, float %cross, i32 3
  ret <4 x float> %r3
}

define <4 x float> @fs_front(i1 %front) {
  %r = select i1 %front, <4 x float> <float 1.0, float 0.0, float 0.0, float 1.0>, <4 x float> <float 0.0, float 1.0, float 0.0, float 1.0>
  ret <4 x float> %r
}

define <4 x float> @fs_tex(<2 x float> %uv, ptr addrspace(1) %t, ptr addrspace(2) %s) {
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %t, ptr addrspace(2) %s, <2 x float> %uv, i1 true, <2 x i32> zeroinitializer, i1 false, float 0.0, float 0.0, i32 0)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  ret <4 x float> %r
}

; A buffer by reference (constant T&) and a dynamically indexed constant table.
@table = internal addrspace(2) constant [4 x float] [float 0.125, float 0.25, float 0.5, float 1.0]
define <4 x float> @fs_buffer(<4 x float> %pos, ptr addrspace(2) %b) {
  %x = extractelement <4 x float> %pos, i32 0
  %i = call i32 @air.convert.s.i32.f.f32(float %x)
  %j = and i32 %i, 3
  %p = getelementptr [4 x float], ptr addrspace(2) @table, i32 0, i32 %j
  %k = load float, ptr addrspace(2) %p, align 4
  %c = load <4 x float>, ptr addrspace(2) %b, align 16
  %s0 = insertelement <4 x float> undef, float %k, i32 0
  %s = shufflevector <4 x float> %s0, <4 x float> undef, <4 x i32> zeroinitializer
  %r = fmul <4 x float> %c, %s
  ret <4 x float> %r
}

; Function constants: @tint is derived from the supplied one by the static initialiser (air 2.12).
@FC.MTL_FC_INIT_3_f = internal addrspace(2) externally_initialized constant float undef, section "air.fc_initializer"
@tint = internal addrspace(2) global float undef
@llvm.global_ctors = appending global [1 x { i32, ptr, ptr }] [{ i32, ptr, ptr } { i32 65535, ptr @init, ptr null }]
define internal void @init() section "air.static_init" {
  %v = load float, ptr addrspace(2) @FC.MTL_FC_INIT_3_f, align 4
  %w = fmul float %v, 2.0
  store float %w, ptr addrspace(2) @tint, align 4
  ret void
}
define <4 x float> @fs_constant() {
  %t = load float, ptr addrspace(2) @tint, align 4
  %v = load float, ptr addrspace(2) @FC.MTL_FC_INIT_3_f, align 4
  %r0 = insertelement <4 x float> <float 0.0, float 0.0, float 0.0, float 1.0>, float %v, i32 0
  %r = insertelement <4 x float> %r0, float %t, i32 1
  ret <4 x float> %r
}

; Dual-source blending: two outputs for one attachment.
%dual = type { <4 x float>, <4 x float> }
define %dual @fs_dual() {
  %r0 = insertvalue %dual undef, <4 x float> <float 0.25, float 0.25, float 0.25, float 0.25>, 0
  %r = insertvalue %dual %r0, <4 x float> <float 0.5, float 0.5, float 0.5, float 0.5>, 1
  ret %dual %r
}

; Framebuffer fetch: compiled and validated, not drawn (needs a render pass with input attachments).
define <4 x float> @fs_fetch(<4 x float> %dst, <4 x float> %pos) {
  %r = fadd <4 x float> %dst, %pos
  ret <4 x float> %r
}

define <4 x float> @fs_point(<2 x float> %pc, i32 %prim, i32 %sid) {
  %f = call float @air.convert.f.f32.u.i32(i32 %prim)
  %g = call float @air.convert.f.f32.u.i32(i32 %sid)
  %a = shufflevector <2 x float> %pc, <2 x float> undef, <4 x i32> <i32 0, i32 1, i32 undef, i32 undef>
  %b = insertelement <4 x float> %a, float %f, i32 2
  %c = insertelement <4 x float> %b, float %g, i32 3
  ret <4 x float> %c
}

%mask_out = type { <4 x float>, i32 }
define %mask_out @fs_mask(i32 %mask) {
  %m = and i32 %mask, 5
  %r0 = insertvalue %mask_out undef, <4 x float> <float 1.0, float 1.0, float 1.0, float 1.0>, 0
  %r = insertvalue %mask_out %r0, i32 %m, 1
  ret %mask_out %r
}

%vs_all_out = type { <4 x float>, float, [2 x float], i32, i32 }
define %vs_all_out @vs_all(i32 %vid, i32 %bv, i32 %bi, i16 %iid) {
  %f = call float @air.convert.f.f32.u.i32(i32 %vid)
  %s = add i32 %bv, %bi
  %i = zext i16 %iid to i32
  %p = insertelement <4 x float> <float 0.0, float 0.0, float 0.0, float 1.0>, float %f, i32 0
  %r0 = insertvalue %vs_all_out undef, <4 x float> %p, 0
  %r1 = insertvalue %vs_all_out %r0, float 3.0, 1
  %r2 = insertvalue %vs_all_out %r1, [2 x float] [float 1.0, float -1.0], 2
  %r3 = insertvalue %vs_all_out %r2, i32 %s, 3
  %r = insertvalue %vs_all_out %r3, i32 %i, 4
  ret %vs_all_out %r
}

; Pull-model interpolation through a handle.
define <4 x float> @fs_pull(ptr addrspace(1) %h) {
  %c = call <4 x float> @air.interpolate_center_perspective.v4f32(ptr addrspace(1) %h)
  %d = call <4 x float> @air.interpolate_centroid_perspective.v4f32(ptr addrspace(1) %h)
  %r = fadd <4 x float> %c, %d
  ret <4 x float> %r
}

declare void @air.discard_fragment()
declare float @air.dfdx.f32(float)
declare float @air.dfdy.f32(float)
declare float @air.fast_dfdx.f32(float)
declare half @air.fwidth.f16(half)
declare i32 @air.convert.s.i32.f.f32(float)
declare float @air.convert.f.f32.u.i32(i32)
declare { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1), ptr addrspace(2), <2 x float>, i1, <2 x i32>, i1, float, float, i32)
declare <4 x float> @air.interpolate_center_perspective.v4f32(ptr addrspace(1))
declare <4 x float> @air.interpolate_centroid_perspective.v4f32(ptr addrspace(1))

!air.vertex = !{!10, !11, !12, !13, !14}
!air.fragment = !{!20, !21, !22, !23, !24, !25, !26, !27, !28, !29, !30, !31, !32, !33, !34}
!air.function_constants = !{!40}
!air.compile_options = !{!41}
!40 = !{ptr addrspace(2) @FC.MTL_FC_INIT_3_f, !"float", !"brightness", i32 3, i1 true}
!41 = !{!"air.compile.fast_math_enable"}

!10 = !{ptr @vs_full, !{!50, !51}, !{!60}}
!11 = !{ptr @vs_in, !{!50, !52, !53}, !{!61, !62}}
!12 = !{ptr @vs_uint, !{!50, !54}, !{!61, !63, !64}}
!13 = !{ptr @vs_single, !{!50}, !{!65}}
!14 = !{ptr @vs_all, !{!57, !90, !91, !92, !93}, !{!60, !94, !95, !96}}
!50 = !{!"air.position", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!51 = !{!"air.vertex_output", !"generated(2uvDv2_f)", !"air.arg_type_name", !"float2", !"air.arg_name", !"uv"}
!52 = !{!"air.vertex_output", !"user(other)", !"air.arg_type_name", !"float", !"air.arg_name", !"other"}
!53 = !{!"air.vertex_output", !"user(locn0)", !"air.arg_type_name", !"float4", !"air.arg_name", !"color"}
!54 = !{!"air.vertex_output", !"user(locn1)", !"air.arg_type_name", !"uint4", !"air.arg_name", !"color"}
!57 = !{!"air.position", !"air.invariant", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!90 = !{!"air.point_size", !"air.arg_type_name", !"float", !"air.arg_name", !"size"}
!91 = !{!"air.clip_distance", !"air.clip_distance_array_size", i32 2, !"air.arg_type_name", !"float", !"air.arg_name", !"clip"}
!92 = !{!"air.render_target_array_index", !"air.arg_type_name", !"uint", !"air.arg_name", !"layer"}
!93 = !{!"air.viewport_array_index", !"air.arg_type_name", !"uint", !"air.arg_name", !"viewport"}
!60 = !{i32 0, !"air.vertex_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"vid"}
!61 = !{i32 0, !"air.vertex_input", !"air.location_index", i32 0, i32 1, !"air.arg_type_name", !"float4", !"air.arg_name", !"pos"}
!62 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 1, i32 1, !"air.arg_type_name", !"float4", !"air.arg_name", !"col"}
!63 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 1, i32 1, !"air.arg_type_name", !"uint4", !"air.arg_name", !"col"}
!64 = !{i32 2, !"air.instance_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"iid"}
!65 = !{i32 0, !"air.vertex_input", !"air.location_index", i32 0, i32 1, !"air.arg_type_name", !"half3", !"air.arg_name", !"pos"}
!94 = !{i32 1, !"air.base_vertex", !"air.arg_type_name", !"uint", !"air.arg_name", !"bv"}
!95 = !{i32 2, !"air.base_instance", !"air.arg_type_name", !"uint", !"air.arg_name", !"bi"}
!96 = !{i32 3, !"air.instance_id", !"air.arg_type_name", !"ushort", !"air.arg_name", !"iid"}

!20 = !{ptr @fs_uv, !{!70}, !{!80, !81}}
!21 = !{ptr @fs_mrt, !{!70, !71}, !{!82}}
!22 = !{ptr @fs_uint, !{!72}, !{!83}}
!23 = !{ptr @fs_depth, !{!70, !73}, !{!80}}
!24 = !{ptr @fs_discard, !{!70}, !{!80}}
!25 = !{ptr @fs_deriv, !{!70}, !{!84}}
!26 = !{ptr @fs_front, !{!70}, !{!85}}
!27 = !{ptr @fs_tex, !{!70}, !{!84, !86, !87}}
!28 = !{ptr @fs_buffer, !{!70}, !{!80, !88}}
!29 = !{ptr @fs_constant, !{!70}, !{}}
!30 = !{ptr @fs_dual, !{!70, !74}, !{}}
!31 = !{ptr @fs_fetch, !{!75}, !{!89, !97}}
!32 = !{ptr @fs_point, !{!70}, !{!98, !99, !100}}
!33 = !{ptr @fs_mask, !{!70, !76}, !{!101}}
!34 = !{ptr @fs_pull, !{!70}, !{!102}}
!70 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float4"}
!71 = !{!"air.render_target", i32 1, i32 0, !"air.arg_type_name", !"half4"}
!72 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"uint4"}
!73 = !{!"air.depth", !"air.depth_qualifier", !"air.any", !"air.arg_type_name", !"float"}
!74 = !{!"air.render_target", i32 0, i32 1, !"air.arg_type_name", !"float4"}
; AIR 1.x: one integer
!75 = !{!"air.render_target", i32 0, !"air.arg_type_name", !"float4"}
!76 = !{!"air.sample_mask", !"air.arg_type_name", !"uint"}
!80 = !{i32 0, !"air.position", !"air.center", !"air.no_perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"pos"}
!81 = !{i32 1, !"air.fragment_input", !"generated(2uvDv2_f)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float2", !"air.arg_name", !"uv"}
!82 = !{i32 0, !"air.fragment_input", !"user(locn0)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"color"}
!83 = !{i32 0, !"air.fragment_input", !"user(locn1)", !"air.flat", !"air.arg_type_name", !"uint4", !"air.arg_name", !"color"}
!84 = !{i32 0, !"air.fragment_input", !"generated(2uvDv2_f)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float2", !"air.arg_name", !"uv"}
!85 = !{i32 0, !"air.front_facing", !"air.arg_type_name", !"bool", !"air.arg_name", !"front"}
!86 = !{i32 1, !"air.texture", !"air.location_index", i32 0, i32 1, !"air.sample", !"air.arg_type_name", !"texture2d<float, sample>", !"air.arg_name", !"t"}
!87 = !{i32 2, !"air.sampler", !"air.location_index", i32 0, i32 1, !"air.arg_type_name", !"sampler", !"air.arg_name", !"s"}
!88 = !{i32 1, !"air.buffer", !"air.buffer_size", i32 16, !"air.location_index", i32 2, i32 1, !"air.read", !"air.address_space", i32 2, !"air.arg_type_size", i32 16, !"air.arg_type_align_size", i32 16, !"air.arg_type_name", !"float4", !"air.arg_name", !"b"}
!89 = !{i32 0, !"air.render_target", i32 0, !"air.arg_type_name", !"float4", !"air.arg_name", !"dst"}
!97 = !{i32 1, !"air.position", !"air.center", !"air.no_perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"pos"}
!98 = !{i32 0, !"air.point_coord", !"air.arg_type_name", !"float2", !"air.arg_name", !"pc"}
!99 = !{i32 1, !"air.primitive_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"prim"}
!100 = !{i32 2, !"air.sample_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"sid"}
!101 = !{i32 0, !"air.sample_mask_in", !"air.arg_type_name", !"uint", !"air.arg_name", !"mask"}
!102 = !{i32 0, !"air.fragment_input", !"user(locn0)", !"air.interpolation_function", !"air.arg_type_name", !"float4", !"air.arg_name", !"h"}
