; SPDX-License-Identifier: MIT
; Every builtin input and output of vertex and fragment functions (air 2.8, 3.11), drawn and compared by value in
; builtins.c: position, interpolation of each kind, samples, masks, primitives, points, clip distances, layers, viewports,
; ids with their bases, depth, stencil, early tests, discard with helper lanes.
target triple = "air64-apple-macosx14.0.0"

; A triangle that covers everything, in perspective: w = 1, 2, 4; depth 0.25, 0.5, 0.75 before the division.
@pos = internal addrspace(2) constant [3 x <4 x float>] [
  <4 x float> <float -1.0, float -1.0, float 0.25, float 1.0>,
  <4 x float> <float 6.0, float -2.0, float 1.0, float 2.0>,
  <4 x float> <float -4.0, float 12.0, float 3.0, float 4.0>]
; The same within the picture: nothing is clipped.
@small = internal addrspace(2) constant [3 x <4 x float>] [
  <4 x float> <float -1.0, float -1.0, float 0.25, float 1.0>,
  <4 x float> <float 2.0, float -2.0, float 1.0, float 2.0>,
  <4 x float> <float -4.0, float 4.0, float 3.0, float 4.0>]
@val = internal addrspace(2) constant [3 x <4 x float>] [
  <4 x float> <float 1.0, float 0.0, float 0.0, float 2.0>,
  <4 x float> <float 0.0, float 1.0, float 0.0, float 4.0>,
  <4 x float> <float 0.0, float 0.0, float 1.0, float 8.0>]
; One whose long edge cuts pixels; its varying is the place on the screen in pixels.
@edge = internal addrspace(2) constant [3 x <4 x float>] [
  <4 x float> <float -1.0, float -1.0, float 0.5, float 1.0>,
  <4 x float> <float 0.875, float -1.0, float 0.5, float 1.0>,
  <4 x float> <float -1.0, float 0.8125, float 0.5, float 1.0>]
@corner = internal addrspace(2) constant [6 x <2 x float>] [
  <2 x float> <float 0.0, float 0.0>, <2 x float> <float 1.0, float 0.0>, <2 x float> <float 0.0, float 1.0>,
  <2 x float> <float 0.0, float 1.0>, <2 x float> <float 1.0, float 0.0>, <2 x float> <float 1.0, float 1.0>]
@cover = internal addrspace(2) constant [3 x <4 x float>] [
  <4 x float> <float -1.0, float -1.0, float 0.25, float 1.0>,
  <4 x float> <float 3.0, float -1.0, float 0.25, float 1.0>,
  <4 x float> <float -1.0, float 3.0, float 0.25, float 1.0>]

; ---- vertex ----

%persp = type { <4 x float>, <4 x float>, <4 x float>, <4 x float>, i32 }
define %persp @vs_persp(i32 %vid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @pos, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %vp = getelementptr [3 x <4 x float>], ptr addrspace(2) @val, i32 0, i32 %vid
  %v = load <4 x float>, ptr addrspace(2) %vp, align 16
  %n = sub i32 -7, %vid
  %r0 = insertvalue %persp undef, <4 x float> %p, 0
  %r1 = insertvalue %persp %r0, <4 x float> %v, 1
  %r2 = insertvalue %persp %r1, <4 x float> %v, 2
  %r3 = insertvalue %persp %r2, <4 x float> %v, 3
  %r = insertvalue %persp %r3, i32 %n, 4
  ret %persp %r
}

define %persp @vs_small(i32 %vid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @small, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %q = call %persp @vs_persp(i32 %vid)
  %r = insertvalue %persp %q, <4 x float> %p, 0
  ret %persp %r
}

; The same without perspective.
define %persp @vs_affine(i32 %vid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %q = call %persp @vs_persp(i32 %vid)
  %r = insertvalue %persp %q, <4 x float> %p, 0
  ret %persp %r
}

%placed = type { <4 x float>, <2 x float> }
define %placed @vs_edge(i32 %vid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @edge, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %xy = shufflevector <4 x float> %p, <4 x float> undef, <2 x i32> <i32 0, i32 1>
  %s = fmul <2 x float> %xy, <float 4.0, float -4.0>
  %t = fadd <2 x float> %s, <float 4.0, float 4.0>
  %r0 = insertvalue %placed undef, <4 x float> %p, 0
  %r = insertvalue %placed %r0, <2 x float> %t, 1
  ret %placed %r
}

; Two rectangles of two triangles each; the varying is 100 times the instance.
%quads_out = type { <4 x float>, i32 }
define %quads_out @vs_quads(i32 %vid, i32 %iid) {
  %rect = udiv i32 %vid, 6
  %k = urem i32 %vid, 6
  %cp = getelementptr [6 x <2 x float>], ptr addrspace(2) @corner, i32 0, i32 %k
  %c = load <2 x float>, ptr addrspace(2) %cp, align 8
  %u = extractelement <2 x float> %c, i32 0
  %v = extractelement <2 x float> %c, i32 1
  %rf = call float @air.convert.f.f32.u.i32(i32 %rect)
  %ur = fadd float %u, %rf
  %x = fsub float %ur, 1.0
  %v2 = fmul float %v, 2.0
  %y = fsub float %v2, 1.0
  %p0 = insertelement <4 x float> <float 0.0, float 0.0, float 0.5, float 1.0>, float %x, i32 0
  %p = insertelement <4 x float> %p0, float %y, i32 1
  %h = mul i32 %iid, 100
  %r0 = insertvalue %quads_out undef, <4 x float> %p, 0
  %r = insertvalue %quads_out %r0, i32 %h, 1
  ret %quads_out %r
}

%point_out = type { <4 x float>, float }
define %point_out @vs_point() {
  %r0 = insertvalue %point_out undef, <4 x float> <float 0.0, float 0.0, float 0.5, float 1.0>, 0
  %r = insertvalue %point_out %r0, float 4.0, 1
  ret %point_out %r
}

define <4 x float> @vs_point_plain() {
  ret <4 x float> <float 0.125, float 0.125, float 0.5, float 1.0>
}

%clip2_out = type { <4 x float>, [2 x float] }
define %clip2_out @vs_clip2(i32 %vid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %x = extractelement <4 x float> %p, i32 0
  %y = extractelement <4 x float> %p, i32 1
  %a = fadd float %x, 0x3FD0A3D700000000
  %b = fsub float 0x3FCEB85200000000, %y
  %r0 = insertvalue %clip2_out undef, <4 x float> %p, 0
  %r1 = insertvalue %clip2_out %r0, float %a, 1, 0
  %r = insertvalue %clip2_out %r1, float %b, 1, 1
  ret %clip2_out %r
}

%clip1_out = type { <4 x float>, float }
define %clip1_out @vs_clip1(i32 %vid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %x = extractelement <4 x float> %p, i32 0
  %a = fadd float %x, 0x3FD0A3D700000000
  %r0 = insertvalue %clip1_out undef, <4 x float> %p, 0
  %r = insertvalue %clip1_out %r0, float %a, 1
  ret %clip1_out %r
}

%routed = type { <4 x float>, i32 }
define %routed @vs_layer(i32 %vid, i32 %iid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %r0 = insertvalue %routed undef, <4 x float> %p, 0
  %r = insertvalue %routed %r0, i32 %iid, 1
  ret %routed %r
}

%routed16 = type { <4 x float>, i16 }
define %routed16 @vs_viewport(i32 %vid, i16 %iid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %r0 = insertvalue %routed16 undef, <4 x float> %p, 0
  %r = insertvalue %routed16 %r0, i16 %iid, 1
  ret %routed16 %r
}

%ids_out = type { <4 x float>, <4 x i32> }
define %ids_out @vs_ids(i32 %vid, i32 %iid, i32 %bv, i32 %bi) {
  %k = sub i32 %vid, %bv
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %k
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %i0 = insertelement <4 x i32> undef, i32 %vid, i32 0
  %i1 = insertelement <4 x i32> %i0, i32 %iid, i32 1
  %i2 = insertelement <4 x i32> %i1, i32 %bv, i32 2
  %i3 = insertelement <4 x i32> %i2, i32 %bi, i32 3
  %r0 = insertvalue %ids_out undef, <4 x float> %p, 0
  %r = insertvalue %ids_out %r0, <4 x i32> %i3, 1
  ret %ids_out %r
}

define %ids_out @vs_ids16(i16 %vid, i16 %iid, i16 %bv, i16 %bi) {
  %v = zext i16 %vid to i32
  %i = zext i16 %iid to i32
  %b = zext i16 %bv to i32
  %c = zext i16 %bi to i32
  %r = call %ids_out @vs_ids(i32 %v, i32 %i, i32 %b, i32 %c)
  ret %ids_out %r
}

; Amplification is not offered: one view, number 0.
define %ids_out @vs_amplified(i32 %vid, i32 %aid, i16 %count) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %vid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  %n = zext i16 %count to i32
  %i0 = insertelement <4 x i32> <i32 0, i32 0, i32 7, i32 8>, i32 %aid, i32 0
  %i1 = insertelement <4 x i32> %i0, i32 %n, i32 1
  %r0 = insertvalue %ids_out undef, <4 x float> %p, 0
  %r = insertvalue %ids_out %r0, <4 x i32> %i1, 1
  ret %ids_out %r
}

; ---- fragment ----

define <4 x float> @fs_position(<4 x float> %pos) {
  ret <4 x float> %pos
}

define <4 x float> @fs_color(<4 x float> %c) {
  ret <4 x float> %c
}
define <4 x float> @fs_perspective(<4 x float> %c) {
  ret <4 x float> %c
}
define <4 x float> @fs_linear(<4 x float> %c) {
  ret <4 x float> %c
}
define <4 x float> @fs_flat(<4 x float> %c) {
  ret <4 x float> %c
}
define <4 x i32> @fs_flat_int(i32 %e) {
  %a = insertelement <4 x i32> <i32 0, i32 1, i32 2, i32 3>, i32 %e, i32 0
  ret <4 x i32> %a
}

define <4 x float> @fs_center(<2 x float> %c) {
  %r = shufflevector <2 x float> %c, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
define <4 x float> @fs_centroid(<2 x float> %c) {
  %r = shufflevector <2 x float> %c, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
define <4 x float> @fs_centroid_linear(<2 x float> %c) {
  %r = shufflevector <2 x float> %c, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
define <4 x float> @fs_sample(<2 x float> %c) {
  %r = shufflevector <2 x float> %c, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
define <4 x float> @fs_sample_linear(<2 x float> %c) {
  %r = shufflevector <2 x float> %c, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}

define <4 x i32> @fs_sample_id(i32 %sid) {
  %a = insertelement <4 x i32> <i32 0, i32 1, i32 2, i32 3>, i32 %sid, i32 0
  ret <4 x i32> %a
}

define <4 x i32> @fs_mask_in(i32 %mask) {
  %n = call i32 @air.get_num_samples.i32(i32 0)
  %a = insertelement <4 x i32> <i32 0, i32 1, i32 2, i32 3>, i32 %mask, i32 0
  %b = insertelement <4 x i32> %a, i32 %n, i32 1
  ret <4 x i32> %b
}

%masked = type { <4 x float>, i32 }
define %masked @fs_mask_out(<4 x float> %pos) {
  %x = extractelement <4 x float> %pos, i32 0
  %left = fcmp olt float %x, 4.0
  %m = select i1 %left, i32 5, i32 8
  %r0 = insertvalue %masked undef, <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>, 0
  %r = insertvalue %masked %r0, i32 %m, 1
  ret %masked %r
}
; Mask in and out: every second sample that is covered.
define %masked @fs_mask_both(i32 %mask) {
  %m = and i32 %mask, 10
  %r0 = insertvalue %masked undef, <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>, 0
  %r = insertvalue %masked %r0, i32 %m, 1
  ret %masked %r
}

define <4 x i32> @fs_primitive(i32 %prim, i32 %base) {
  %s = add i32 %prim, %base
  %a = insertelement <4 x i32> <i32 0, i32 1, i32 2, i32 3>, i32 %s, i32 0
  ret <4 x i32> %a
}

define <4 x float> @fs_point_coord(<2 x float> %pc) {
  %r = shufflevector <2 x float> %pc, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}

define <4 x float> @fs_one() {
  ret <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>
}

define <4 x i32> @fs_layer(i32 %layer) {
  %s = add i32 %layer, 10
  %a = insertelement <4 x i32> <i32 0, i32 1, i32 2, i32 3>, i32 %s, i32 0
  ret <4 x i32> %a
}
define <4 x i32> @fs_viewport(i16 %vp) {
  %z = zext i16 %vp to i32
  %s = add i32 %z, 20
  %a = insertelement <4 x i32> <i32 0, i32 1, i32 2, i32 3>, i32 %s, i32 0
  ret <4 x i32> %a
}

define <4 x i32> @fs_ids(<4 x i32> %ids) {
  ret <4 x i32> %ids
}

%deep = type { <4 x float>, float }
define %deep @fs_depth_any(<4 x float> %pos) {
  %x = extractelement <4 x float> %pos, i32 0
  %d = fmul float %x, 0.125
  %r0 = insertvalue %deep undef, <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>, 0
  %r = insertvalue %deep %r0, float %d, 1
  ret %deep %r
}
define %deep @fs_depth_greater(<4 x float> %pos) {
  %x = extractelement <4 x float> %pos, i32 0
  %z = extractelement <4 x float> %pos, i32 2
  %e = fmul float %x, 0.0625
  %d = fadd float %z, %e
  %r0 = insertvalue %deep undef, <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>, 0
  %r = insertvalue %deep %r0, float %d, 1
  ret %deep %r
}
define %deep @fs_depth_less(<4 x float> %pos) {
  %x = extractelement <4 x float> %pos, i32 0
  %z = extractelement <4 x float> %pos, i32 2
  %e = fmul float %x, 0x3F90000000000000
  %d = fsub float %z, %e
  %r0 = insertvalue %deep undef, <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>, 0
  %r = insertvalue %deep %r0, float %d, 1
  ret %deep %r
}

%stenciled = type { <4 x float>, i32 }
define %stenciled @fs_stencil(<4 x float> %pos) {
  %x = extractelement <4 x float> %pos, i32 0
  %i = call i32 @air.convert.u.i32.f.f32(float %x)
  %s = add i32 %i, 3
  %r0 = insertvalue %stenciled undef, <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>, 0
  %r = insertvalue %stenciled %r0, i32 %s, 1
  ret %stenciled %r
}

define i32 @cell(<4 x float> %pos) alwaysinline {
  %x = extractelement <4 x float> %pos, i32 0
  %y = extractelement <4 x float> %pos, i32 1
  %i = call i32 @air.convert.u.i32.f.f32(float %x)
  %j = call i32 @air.convert.u.i32.f.f32(float %y)
  %k = mul i32 %j, 8
  %n = add i32 %k, %i
  ret i32 %n
}

; Side effects with late and with early tests.
define <4 x float> @fs_late(<4 x float> %pos, ptr addrspace(1) %b) {
  %n = call i32 @cell(<4 x float> %pos)
  %p = getelementptr i32, ptr addrspace(1) %b, i32 %n
  store i32 1, ptr addrspace(1) %p, align 4
  ret <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>
}
define <4 x float> @fs_early(<4 x float> %pos, ptr addrspace(1) %b) {
  %r = call <4 x float> @fs_late(<4 x float> %pos, ptr addrspace(1) %b)
  ret <4 x float> %r
}
define <4 x float> @fs_early_node(<4 x float> %pos, ptr addrspace(1) %b) {
  %r = call <4 x float> @fs_late(<4 x float> %pos, ptr addrspace(1) %b)
  ret <4 x float> %r
}

; Odd columns are discarded and go on as helpers: derivatives stay right, stores of theirs do not happen.
define <4 x float> @fs_helpers(<4 x float> %pos, ptr addrspace(1) %b) {
  %x = extractelement <4 x float> %pos, i32 0
  %y = extractelement <4 x float> %pos, i32 1
  %i = call i32 @air.convert.u.i32.f.f32(float %x)
  %odd = and i32 %i, 1
  %is = icmp eq i32 %odd, 1
  br i1 %is, label %kill, label %on
kill:
  call void @air.discard_fragment()
  br label %on
on:
  %sq = fmul float %x, %x
  %dx = call float @air.dfdx.f32(float %sq)
  %xy = fmul float %y, 3.0
  %dy = call float @air.dfdy.f32(float %xy)
  %one = call i1 @air.is_helper_thread()
  %also = call i1 @air.simd_is_helper_thread()
  %help = and i1 %one, %also
  %h = select i1 %help, float 1.0, float 0.0
  %n = call i32 @cell(<4 x float> %pos)
  %p = getelementptr i32, ptr addrspace(1) %b, i32 %n
  store i32 7, ptr addrspace(1) %p, align 4
  %r0 = insertelement <4 x float> <float 0.0, float 0.0, float 0.0, float 1.0>, float %dx, i32 0
  %r1 = insertelement <4 x float> %r0, float %dy, i32 1
  %r2 = insertelement <4 x float> %r1, float %h, i32 2
  ret <4 x float> %r2
}

define <4 x float> @fs_barycentric(<3 x float> %b) {
  %r = shufflevector <3 x float> %b, <3 x float> <float 9.0, float 0.0, float 0.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
define <4 x float> @fs_barycentric_linear(<3 x float> %b) {
  %r = shufflevector <3 x float> %b, <3 x float> <float 9.0, float 0.0, float 0.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}

; Pull-model interpolation.
define <4 x float> @fs_pull_center(ptr addrspace(1) %h) {
  %c = call <4 x float> @air.interpolate_center_perspective.v4f32(ptr addrspace(1) %h)
  ret <4 x float> %c
}
define <4 x float> @fs_pull_center_linear(ptr addrspace(1) %h) {
  %c = call <4 x float> @air.interpolate_center_no_perspective.v4f32(ptr addrspace(1) %h)
  ret <4 x float> %c
}
define <4 x float> @fs_pull_centroid(ptr addrspace(1) %h) {
  %c = call <2 x float> @air.interpolate_centroid_perspective.v2f32(ptr addrspace(1) %h)
  %r = shufflevector <2 x float> %c, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
define <4 x float> @fs_pull_centroid_linear(ptr addrspace(1) %h) {
  %c = call <2 x float> @air.interpolate_centroid_no_perspective.v2f32(ptr addrspace(1) %h)
  %r = shufflevector <2 x float> %c, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
; Sample 2 of every pixel, whichever sample is shaded.
define <4 x float> @fs_pull_sample(ptr addrspace(1) %h) {
  %c = call <2 x float> @air.interpolate_sample_perspective.v2f32(ptr addrspace(1) %h, i32 2)
  %r = shufflevector <2 x float> %c, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
define <4 x float> @fs_pull_sample_linear(ptr addrspace(1) %h) {
  %c = call <2 x float> @air.interpolate_sample_no_perspective.v2f32(ptr addrspace(1) %h, i32 2)
  %r = shufflevector <2 x float> %c, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
; A quarter of a pixel right of the centre and an eighth above: from the upper left corner, and in sixteenths.
define <4 x float> @fs_pull_offset(ptr addrspace(1) %h) {
  %c = call <4 x float> @air.interpolate_offset_perspective.v4f32(ptr addrspace(1) %h, <2 x float> <float 0.75, float 0.375>)
  ret <4 x float> %c
}
define <4 x float> @fs_pull_offset_int(ptr addrspace(1) %h) {
  %c = call <4 x half> @air.interpolate_offset_no_perspective.v4f16(ptr addrspace(1) %h, <2 x i32> <i32 4, i32 -2>)
  %f = fpext <4 x half> %c to <4 x float>
  ret <4 x float> %f
}
; Two handles and an ordinary varying between them.
define <4 x float> @fs_pull_mixed(ptr addrspace(1) %h, <4 x float> %c, ptr addrspace(1) %g) {
  %a = call <4 x float> @air.interpolate_center_perspective.v4f32(ptr addrspace(1) %h)
  %b = call <4 x float> @air.interpolate_center_no_perspective.v4f32(ptr addrspace(1) %g)
  %d = fmul <4 x float> %b, <float 10.0, float 10.0, float 10.0, float 10.0>
  %e = fmul <4 x float> %c, <float 100.0, float 100.0, float 100.0, float 100.0>
  %f = fadd <4 x float> %a, %d
  %r = fadd <4 x float> %f, %e
  ret <4 x float> %r
}

declare void @air.discard_fragment()
declare i1 @air.is_helper_thread()
declare i1 @air.simd_is_helper_thread()
declare float @air.dfdx.f32(float)
declare float @air.dfdy.f32(float)
declare i32 @air.convert.u.i32.f.f32(float)
declare float @air.convert.f.f32.u.i32(i32)
declare i32 @air.get_num_samples.i32(i32)
declare <4 x float> @air.interpolate_center_perspective.v4f32(ptr addrspace(1))
declare <4 x float> @air.interpolate_center_no_perspective.v4f32(ptr addrspace(1))
declare <2 x float> @air.interpolate_centroid_perspective.v2f32(ptr addrspace(1))
declare <2 x float> @air.interpolate_centroid_no_perspective.v2f32(ptr addrspace(1))
declare <2 x float> @air.interpolate_sample_perspective.v2f32(ptr addrspace(1), i32)
declare <2 x float> @air.interpolate_sample_no_perspective.v2f32(ptr addrspace(1), i32)
declare <4 x float> @air.interpolate_offset_perspective.v4f32(ptr addrspace(1), <2 x float>)
declare <4 x half> @air.interpolate_offset_no_perspective.v4f16(ptr addrspace(1), <2 x i32>)

!air.vertex = !{!8, !9, !10, !11, !12, !13, !14, !15, !16, !17, !18, !19, !20, !21}
!8 = !{ptr @vs_small, !{!100, !101, !102, !103, !104}, !{!150}}
!9 = !{ptr @vs_affine, !{!100, !101, !102, !103, !104}, !{!150}}
!10 = !{ptr @vs_persp, !{!100, !101, !102, !103, !104}, !{!150}}
!11 = !{ptr @vs_edge, !{!100, !105}, !{!150}}
!12 = !{ptr @vs_quads, !{!100, !106}, !{!150, !151}}
!13 = !{ptr @vs_point, !{!100, !107}, !{}}
!14 = !{ptr @vs_point_plain, !{!100}, !{}}
!15 = !{ptr @vs_clip2, !{!100, !108}, !{!150}}
!16 = !{ptr @vs_clip1, !{!100, !109}, !{!150}}
!17 = !{ptr @vs_layer, !{!100, !110}, !{!150, !151}}
!18 = !{ptr @vs_viewport, !{!100, !111}, !{!150, !152}}
!19 = !{ptr @vs_ids, !{!112, !113}, !{!150, !151, !153, !154}}
!20 = !{ptr @vs_ids16, !{!112, !113}, !{!155, !152, !156, !157}}
!21 = !{ptr @vs_amplified, !{!100, !113}, !{!150, !158, !159}}
!100 = !{!"air.position", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!101 = !{!"air.vertex_output", !"user(locn0)", !"air.arg_type_name", !"float4", !"air.arg_name", !"c"}
!102 = !{!"air.vertex_output", !"user(locn1)", !"air.arg_type_name", !"float4", !"air.arg_name", !"d"}
!103 = !{!"air.vertex_output", !"user(locn2)", !"air.arg_type_name", !"float4", !"air.arg_name", !"f"}
!104 = !{!"air.vertex_output", !"user(locn3)", !"air.arg_type_name", !"int", !"air.arg_name", !"e"}
!105 = !{!"air.vertex_output", !"generated(5placeDv2_f)", !"air.arg_type_name", !"float2", !"air.arg_name", !"place"}
!106 = !{!"air.vertex_output", !"user(base)", !"air.arg_type_name", !"uint", !"air.arg_name", !"base"}
!107 = !{!"air.point_size", !"air.arg_type_name", !"float", !"air.arg_name", !"size"}
!108 = !{!"air.clip_distance", !"air.clip_distance_array_size", i32 2, !"air.arg_type_name", !"float", !"air.arg_name", !"clip"}
!109 = !{!"air.clip_distance", !"air.arg_type_name", !"float", !"air.arg_name", !"clip"}
!110 = !{!"air.render_target_array_index", !"air.arg_type_name", !"uint", !"air.arg_name", !"layer"}
!111 = !{!"air.viewport_array_index", !"air.arg_type_name", !"ushort", !"air.arg_name", !"viewport"}
!112 = !{!"air.position", !"air.invariant", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!113 = !{!"air.vertex_output", !"user(ids)", !"air.arg_type_name", !"uint4", !"air.arg_name", !"ids"}
!150 = !{i32 0, !"air.vertex_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"vid"}
!151 = !{i32 1, !"air.instance_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"iid"}
!152 = !{i32 1, !"air.instance_id", !"air.arg_type_name", !"ushort", !"air.arg_name", !"iid"}
!153 = !{i32 2, !"air.base_vertex", !"air.arg_type_name", !"uint", !"air.arg_name", !"bv"}
!154 = !{i32 3, !"air.base_instance", !"air.arg_type_name", !"uint", !"air.arg_name", !"bi"}
!155 = !{i32 0, !"air.vertex_id", !"air.arg_type_name", !"ushort", !"air.arg_name", !"vid"}
!156 = !{i32 2, !"air.base_vertex", !"air.arg_type_name", !"ushort", !"air.arg_name", !"bv"}
!157 = !{i32 3, !"air.base_instance", !"air.arg_type_name", !"ushort", !"air.arg_name", !"bi"}
!158 = !{i32 1, !"air.amplification_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"aid"}
!159 = !{i32 2, !"air.amplification_count", !"air.arg_type_name", !"ushort", !"air.arg_name", !"count"}

!air.fragment = !{!30, !31, !32, !33, !34, !35, !36, !37, !38, !39, !40, !41, !42, !43, !44, !45, !46, !47, !48, !49, !50, !51, !52, !53, !54, !55, !56, !57, !58, !59, !60, !61, !62, !63, !64, !65, !66, !67, !68, !69}
!30 = !{ptr @fs_position, !{!200}, !{!210}}
!31 = !{ptr @fs_perspective, !{!200}, !{!211}}
!32 = !{ptr @fs_linear, !{!200}, !{!212}}
!33 = !{ptr @fs_flat, !{!200}, !{!213}}
!34 = !{ptr @fs_flat_int, !{!201}, !{!214}}
!35 = !{ptr @fs_center, !{!200}, !{!215}}
!36 = !{ptr @fs_centroid, !{!200}, !{!216}}
!37 = !{ptr @fs_centroid_linear, !{!200}, !{!217}}
!38 = !{ptr @fs_sample, !{!200}, !{!218}}
!39 = !{ptr @fs_sample_linear, !{!200}, !{!219}}
!40 = !{ptr @fs_sample_id, !{!202}, !{!220}}
!41 = !{ptr @fs_mask_in, !{!202}, !{!221}}
!42 = !{ptr @fs_mask_out, !{!200, !203}, !{!210}}
!43 = !{ptr @fs_mask_both, !{!200, !203}, !{!221}}
!44 = !{ptr @fs_primitive, !{!202}, !{!222, !223}}
!45 = !{ptr @fs_point_coord, !{!200}, !{!224}}
!46 = !{ptr @fs_one, !{!200}, !{}}
!47 = !{ptr @fs_layer, !{!202}, !{!225}}
!48 = !{ptr @fs_viewport, !{!202}, !{!226}}
!49 = !{ptr @fs_ids, !{!202}, !{!227}}
!50 = !{ptr @fs_depth_any, !{!200, !204}, !{!210}}
!51 = !{ptr @fs_depth_greater, !{!200, !205}, !{!210}}
!52 = !{ptr @fs_depth_less, !{!200, !206}, !{!210}}
!53 = !{ptr @fs_stencil, !{!200, !207}, !{!210}}
!54 = !{ptr @fs_late, !{!200}, !{!210, !228}}
!55 = !{ptr @fs_early, !{!200}, !{!210, !228}, !"early_fragment_tests"}
!56 = !{ptr @fs_early_node, !{!200}, !{!210, !228}, !{!"early_fragment_tests"}}
!57 = !{ptr @fs_helpers, !{!200}, !{!210, !228}}
!58 = !{ptr @fs_barycentric, !{!200}, !{!229}}
!59 = !{ptr @fs_barycentric_linear, !{!200}, !{!230}}
!60 = !{ptr @fs_pull_center, !{!200}, !{!231}}
!61 = !{ptr @fs_pull_center_linear, !{!200}, !{!232}}
!62 = !{ptr @fs_pull_centroid, !{!200}, !{!233}}
!63 = !{ptr @fs_pull_sample, !{!200}, !{!233}}
!64 = !{ptr @fs_pull_offset, !{!200}, !{!231}}
!65 = !{ptr @fs_pull_offset_int, !{!200}, !{!232}}
!66 = !{ptr @fs_pull_mixed, !{!200}, !{!231, !234, !235}}
!67 = !{ptr @fs_color, !{!200}, !{!211}}
!68 = !{ptr @fs_pull_centroid_linear, !{!200}, !{!233}}
!69 = !{ptr @fs_pull_sample_linear, !{!200}, !{!233}}
!200 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float4"}
!201 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"int4"}
!202 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"uint4"}
!203 = !{!"air.sample_mask", !"air.arg_type_name", !"uint"}
!204 = !{!"air.depth", !"air.depth_qualifier", !"air.any", !"air.arg_type_name", !"float"}
!205 = !{!"air.depth", !"air.depth_qualifier", !"air.greater", !"air.arg_type_name", !"float"}
!206 = !{!"air.depth", !"air.depth_qualifier", !"air.less", !"air.arg_type_name", !"float"}
!207 = !{!"air.stencil", !"air.arg_type_name", !"uint"}
!210 = !{i32 0, !"air.position", !"air.center", !"air.no_perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"pos"}
!211 = !{i32 0, !"air.fragment_input", !"user(locn0)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"c"}
!212 = !{i32 0, !"air.fragment_input", !"user(locn1)", !"air.center", !"air.no_perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"d"}
!213 = !{i32 0, !"air.fragment_input", !"user(locn2)", !"air.flat", !"air.arg_type_name", !"float4", !"air.arg_name", !"f"}
!214 = !{i32 0, !"air.fragment_input", !"user(locn3)", !"air.flat", !"air.arg_type_name", !"int", !"air.arg_name", !"e"}
!215 = !{i32 0, !"air.fragment_input", !"generated(5placeDv2_f)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float2", !"air.arg_name", !"place"}
!216 = !{i32 0, !"air.fragment_input", !"generated(5placeDv2_f)", !"air.centroid", !"air.perspective", !"air.arg_type_name", !"float2", !"air.arg_name", !"place"}
!217 = !{i32 0, !"air.fragment_input", !"generated(5placeDv2_f)", !"air.centroid", !"air.no_perspective", !"air.arg_type_name", !"float2", !"air.arg_name", !"place"}
!218 = !{i32 0, !"air.fragment_input", !"generated(5placeDv2_f)", !"air.sample", !"air.perspective", !"air.arg_type_name", !"float2", !"air.arg_name", !"place"}
!219 = !{i32 0, !"air.fragment_input", !"generated(5placeDv2_f)", !"air.sample", !"air.no_perspective", !"air.arg_type_name", !"float2", !"air.arg_name", !"place"}
!220 = !{i32 0, !"air.sample_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"sid"}
!221 = !{i32 0, !"air.sample_mask_in", !"air.arg_type_name", !"uint", !"air.arg_name", !"mask"}
!222 = !{i32 0, !"air.primitive_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"prim"}
!223 = !{i32 1, !"air.fragment_input", !"user(base)", !"air.flat", !"air.arg_type_name", !"uint", !"air.arg_name", !"base"}
!224 = !{i32 0, !"air.point_coord", !"air.arg_type_name", !"float2", !"air.arg_name", !"pc"}
!225 = !{i32 0, !"air.render_target_array_index", !"air.arg_type_name", !"uint", !"air.arg_name", !"layer"}
!226 = !{i32 0, !"air.viewport_array_index", !"air.arg_type_name", !"ushort", !"air.arg_name", !"vp"}
!227 = !{i32 0, !"air.fragment_input", !"user(ids)", !"air.flat", !"air.arg_type_name", !"uint4", !"air.arg_name", !"ids"}
!228 = !{i32 1, !"air.buffer", !"air.location_index", i32 3, i32 1, !"air.read_write", !"air.address_space", i32 1, !"air.arg_type_size", i32 4, !"air.arg_type_align_size", i32 4, !"air.arg_type_name", !"uint", !"air.arg_name", !"b"}
!229 = !{i32 0, !"air.barycentric_coord", !"air.center", !"air.perspective", !"air.arg_type_name", !"float3", !"air.arg_name", !"b"}
!230 = !{i32 0, !"air.barycentric_coord", !"air.center", !"air.no_perspective", !"air.arg_type_name", !"float3", !"air.arg_name", !"b"}
!231 = !{i32 0, !"air.fragment_input", !"user(locn0)", !"air.interpolation_function", !"air.arg_type_name", !"interpolant", !"air.arg_name", !"h"}
!232 = !{i32 0, !"air.fragment_input", !"user(locn1)", !"air.interpolation_function", !"air.arg_type_name", !"interpolant", !"air.arg_name", !"h"}
!233 = !{i32 0, !"air.fragment_input", !"generated(5placeDv2_f)", !"air.interpolation_function", !"air.arg_type_name", !"interpolant", !"air.arg_name", !"h"}
!234 = !{i32 1, !"air.fragment_input", !"user(locn2)", !"air.flat", !"air.arg_type_name", !"float4", !"air.arg_name", !"c"}
!235 = !{i32 2, !"air.fragment_input", !"user(locn1)", !"air.interpolation_function", !"air.arg_type_name", !"interpolant", !"air.arg_name", !"g"}
