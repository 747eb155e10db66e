; SPDX-License-Identifier: MIT
; Object and mesh functions (air 2.15, 3.12), drawn by meshes.c: triangles, lines and points, data of vertices and of
; primitives, payload, layers, viewports, clip distances, and numbers that are set late, by one thread, or too large.
target triple = "air64-apple-macosx14.0.0"

@corner = internal addrspace(2) constant [4 x <2 x float>] [
  <2 x float> <float 0.0, float 0.0>, <2 x float> <float 1.0, float 0.0>, <2 x float> <float 0.0, float 1.0>, <2 x float> <float 1.0, float 1.0>]
@order = internal addrspace(2) constant [6 x i8] [i8 0, i8 1, i8 2, i8 2, i8 1, i8 3]
@thirds = internal addrspace(2) constant [4 x i32] [i32 5, i32 6, i32 7, i32 8]
@cover = internal addrspace(2) constant [3 x <4 x float>] [
  <4 x float> <float -1.0, float -1.0, float 0.25, float 1.0>,
  <4 x float> <float 3.0, float -1.0, float 0.25, float 1.0>,
  <4 x float> <float -1.0, float 3.0, float 0.25, float 1.0>]

; Column %n of %cols: vertices by four threads, indices by six, the number of primitives by the last thread at the end.
define void @column(ptr addrspace(7) %m, i32 %n, float %cols, i32 %lid, i32 %tag) alwaysinline {
  %isv = icmp ult i32 %lid, 4
  br i1 %isv, label %vertex, label %index
vertex:
  %cp = getelementptr [4 x <2 x float>], ptr addrspace(2) @corner, i32 0, i32 %lid
  %c = load <2 x float>, ptr addrspace(2) %cp, align 8
  %u = extractelement <2 x float> %c, i32 0
  %v = extractelement <2 x float> %c, i32 1
  %nf = call float @air.convert.f.f32.u.i32(i32 %n)
  %un = fadd float %u, %nf
  %w = fdiv float 2.0, %cols
  %xs = fmul float %un, %w
  %x = fsub float %xs, 1.0
  %ys = fmul float %v, 2.0
  %y = fsub float %ys, 1.0
  %p0 = insertelement <4 x float> <float 0.0, float 0.0, float 0.5, float 1.0>, float %x, i32 0
  %p = insertelement <4 x float> %p0, float %y, i32 1
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 %lid, <4 x float> %p)
  %d0 = insertelement <4 x float> <float 0.0, float 0.0, float 0.0, float 1.0>, float %u, i32 0
  %d1 = insertelement <4 x float> %d0, float %v, i32 1
  %d2 = insertelement <4 x float> %d1, float %nf, i32 2
  call void @air.set_vertex_data_mesh.v4f32(ptr addrspace(7) %m, i32 0, i32 %lid, <4 x float> %d2)
  call void @air.set_vertex_data_mesh.i32(ptr addrspace(7) %m, i32 1, i32 %lid, i32 %tag)
  br label %index
index:
  %isi = icmp ult i32 %lid, 6
  br i1 %isi, label %one, label %prim
one:
  %op = getelementptr [6 x i8], ptr addrspace(2) @order, i32 0, i32 %lid
  %o = load i8, ptr addrspace(2) %op, align 1
  call void @air.set_index_mesh(ptr addrspace(7) %m, i32 %lid, i8 %o)
  br label %prim
prim:
  %isp = icmp ult i32 %lid, 2
  br i1 %isp, label %data, label %count
data:
  %n10 = mul i32 %n, 10
  %k = add i32 %n10, %lid
  call void @air.set_primitive_data_mesh.i32(ptr addrspace(7) %m, i32 0, i32 %lid, i32 %k)
  %kf = call float @air.convert.f.f32.u.i32(i32 %k)
  %kh = fptrunc float %kf to half
  %h0 = insertelement <2 x half> <half 0.0, half 0.5>, half %kh, i32 0
  call void @air.set_primitive_data_mesh.v2f16(ptr addrspace(7) %m, i32 1, i32 %lid, <2 x half> %h0)
  br label %count
count:
  %last = icmp eq i32 %lid, 7
  br i1 %last, label %set, label %done
set:
  call void @air.set_primitive_count_mesh(ptr addrspace(7) %m, i32 2)
  br label %done
done:
  ret void
}

; Two columns, one threadgroup of eight each; the tag is made of builtins.
define void @mesh_columns(ptr addrspace(7) %m, i32 %lid, i32 %gid, i32 %size, i32 %grid, i32 %groups, i32 %global) {
  %a = mul i32 %size, 100
  %b = mul i32 %grid, 1000
  %c = mul i32 %groups, 100000
  %ab = add i32 %a, %b
  %abc = add i32 %ab, %c
  ; the place in the grid less the place in the threadgroup: the group's first thread
  %first = sub i32 %global, %lid
  %tag = add i32 %abc, %first
  call void @column(ptr addrspace(7) %m, i32 %gid, float 2.0, i32 %lid, i32 %tag)
  ret void
}

; Payload: four words written by four threads, a half, a float; the threads of object group 2 start nothing.
%payload = type { [4 x i32], half, float }
define void @object(ptr addrspace(6) %p, ptr addrspace(3) %props, i32 %lid, i32 %gid) {
  %four = icmp ult i32 %lid, 4
  br i1 %four, label %fill, label %out
fill:
  %tp = getelementptr [4 x i32], ptr addrspace(2) @thirds, i32 0, i32 %lid
  %t = load i32, ptr addrspace(2) %tp, align 4
  %ids = mul i32 %gid, 2
  %strip = add i32 %ids, %lid
  %t100 = mul i32 %t, 100
  %word = add i32 %strip, %t100
  %wp = getelementptr %payload, ptr addrspace(6) %p, i32 0, i32 0, i32 %lid
  store i32 %word, ptr addrspace(6) %wp, align 4
  %one = icmp eq i32 %lid, 1
  br i1 %one, label %lone, label %out
lone:
  %hp = getelementptr %payload, ptr addrspace(6) %p, i32 0, i32 1
  store half 0.75, ptr addrspace(6) %hp, align 2
  %fp = getelementptr %payload, ptr addrspace(6) %p, i32 0, i32 2
  store float 12.5, ptr addrspace(6) %fp, align 4
  %none = icmp eq i32 %gid, 2
  br i1 %none, label %out, label %start
start:
  call void @air.set_threadgroups_per_grid_mesh_properties(ptr addrspace(3) %props, <3 x i32> <i32 2, i32 1, i32 1>)
  br label %out
out:
  call void @air.wg.barrier(i32 16, i32 1)
  ret void
}
define void @mesh_payload(ptr addrspace(7) %m, ptr addrspace(6) %p, i32 %lid, i32 %gid) {
  %wp = getelementptr %payload, ptr addrspace(6) %p, i32 0, i32 0, i32 %gid
  %w = load i32, ptr addrspace(6) %wp, align 4
  %strip = urem i32 %w, 100
  %hp = getelementptr %payload, ptr addrspace(6) %p, i32 0, i32 1
  %h = load half, ptr addrspace(6) %hp, align 2
  %hf = fpext half %h to float
  %fp = getelementptr %payload, ptr addrspace(6) %p, i32 0, i32 2
  %f = load float, ptr addrspace(6) %fp, align 4
  %hs = fmul float %hf, 4000.0
  %fs = fmul float %f, 10000.0
  %s = fadd float %hs, %fs
  %si = call i32 @air.convert.u.i32.f.f32(float %s)
  %tag = add i32 %si, %w
  call void @column(ptr addrspace(7) %m, i32 %strip, float 4.0, i32 %lid, i32 %tag)
  ret void
}

; One thread: a line along the fourth row; a point of size four; a point of the size that none was given.
define void @mesh_line(ptr addrspace(7) %m) {
  call void @air.set_primitive_count_mesh(ptr addrspace(7) %m, i32 1)
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 0, <4 x float> <float -1.0, float 0.125, float 0.5, float 1.0>)
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 1, <4 x float> <float 1.0, float 0.125, float 0.5, float 1.0>)
  call void @air.set_indices_mesh.v2i8(ptr addrspace(7) %m, i32 0, <2 x i8> <i8 0, i8 1>)
  ret void
}
define void @mesh_point(ptr addrspace(7) %m) {
  call void @air.set_primitive_count_mesh(ptr addrspace(7) %m, i32 1)
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 0, <4 x float> <float 0.0, float 0.0, float 0.5, float 1.0>)
  call void @air.set_point_size_mesh(ptr addrspace(7) %m, i32 0, float 4.0)
  call void @air.set_index_mesh(ptr addrspace(7) %m, i32 0, i8 0)
  ret void
}
define void @mesh_point_plain(ptr addrspace(7) %m) {
  call void @air.set_primitive_count_mesh(ptr addrspace(7) %m, i32 1)
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 0, <4 x float> <float 0.125, float 0.125, float 0.5, float 1.0>)
  call void @air.set_index_mesh(ptr addrspace(7) %m, i32 0, i8 0)
  ret void
}

; Three triangles of the same corners, each to its own layer.
define void @mesh_layers(ptr addrspace(7) %m, i32 %lid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %lid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 %lid, <4 x float> %p)
  call void @air.set_primitive_count_mesh(ptr addrspace(7) %m, i32 3)
  %i = mul i32 %lid, 3
  call void @air.set_indices_mesh.v2i8(ptr addrspace(7) %m, i32 %i, <2 x i8> <i8 0, i8 1>)
  %j = add i32 %i, 2
  call void @air.set_index_mesh(ptr addrspace(7) %m, i32 %j, i8 2)
  call void @air.set_render_target_array_index_mesh.i32(ptr addrspace(7) %m, i32 %lid, i32 %lid)
  ret void
}
; The same; one thread culls the second triangle, another says that the third is not, and nobody speaks of the first.
define void @mesh_culled(ptr addrspace(7) %m, i32 %lid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %lid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 %lid, <4 x float> %p)
  call void @air.set_primitive_count_mesh(ptr addrspace(7) %m, i32 3)
  %i = mul i32 %lid, 3
  call void @air.set_indices_mesh.v2i8(ptr addrspace(7) %m, i32 %i, <2 x i8> <i8 0, i8 1>)
  %j = add i32 %i, 2
  call void @air.set_index_mesh(ptr addrspace(7) %m, i32 %j, i8 2)
  call void @air.set_render_target_array_index_mesh.i32(ptr addrspace(7) %m, i32 %lid, i32 %lid)
  %says = icmp ult i32 %lid, 2
  br i1 %says, label %say, label %done
say:
  %next = add i32 %lid, 1
  %away = icmp eq i32 %lid, 0
  call void @air.set_primitive_culled_mesh(ptr addrspace(7) %m, i32 %next, i1 %away)
  br label %done
done:
  ret void
}

; Two triangles to two viewports, cut by two clip distances.
define void @mesh_viewports(ptr addrspace(7) %m, i32 %lid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %lid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 %lid, <4 x float> %p)
  %x = extractelement <4 x float> %p, i32 0
  %y = extractelement <4 x float> %p, i32 1
  %a = fadd float %x, 0.5
  %b = fsub float 0x3FCEB85200000000, %y
  call void @air.set_clip_distance_mesh(ptr addrspace(7) %m, i32 0, i32 %lid, float %a)
  call void @air.set_clip_distance_mesh(ptr addrspace(7) %m, i32 1, i32 %lid, float %b)
  call void @air.set_primitive_count_mesh(ptr addrspace(7) %m, i32 2)
  %prim = icmp ult i32 %lid, 2
  br i1 %prim, label %one, label %done
one:
  %i = mul i32 %lid, 3
  call void @air.set_indices_mesh.v4i8(ptr addrspace(7) %m, i32 %i, <4 x i8> <i8 0, i8 1, i8 2, i8 0>)
  call void @air.set_viewport_array_index_mesh.i32(ptr addrspace(7) %m, i32 %lid, i32 %lid)
  br label %done
done:
  ret void
}

; Nothing but numbers out of range.
define void @mesh_hostile(ptr addrspace(7) %m, i32 %lid) {
  %far = mul i32 %lid, 100000
  call void @air.set_primitive_count_mesh(ptr addrspace(7) %m, i32 -1)
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 %far, <4 x float> <float 0.0, float 0.0, float 0.5, float 1.0>)
  call void @air.set_index_mesh(ptr addrspace(7) %m, i32 %far, i8 -1)
  call void @air.set_index_mesh(ptr addrspace(7) %m, i32 -1, i8 -1)
  call void @air.set_vertex_data_mesh.i32(ptr addrspace(7) %m, i32 1, i32 -1, i32 1)
  call void @air.set_primitive_data_mesh.i32(ptr addrspace(7) %m, i32 0, i32 1000000, i32 1)
  call void @air.set_primitive_culled_mesh(ptr addrspace(7) %m, i32 -1, i1 true)
  ret void
}
define void @object_hostile(ptr addrspace(3) %props, ptr addrspace(6) %p, i32 %lid) {
  %far = mul i32 %lid, 1000000
  %wp = getelementptr i32, ptr addrspace(6) %p, i32 %far
  store i32 1, ptr addrspace(6) %wp, align 4
  %lp = getelementptr i32, ptr addrspace(6) %p, i32 6
  store i32 1, ptr addrspace(6) %lp, align 4
  call void @air.set_threadgroups_per_grid_mesh_properties(ptr addrspace(3) %props, <3 x i32> <i32 -1, i32 -1, i32 -1>)
  ret void
}
; No primitives at all.
define void @mesh_none(ptr addrspace(7) %m, i32 %lid) {
  %pp = getelementptr [3 x <4 x float>], ptr addrspace(2) @cover, i32 0, i32 %lid
  %p = load <4 x float>, ptr addrspace(2) %pp, align 16
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 %lid, <4 x float> %p)
  %l8 = trunc i32 %lid to i8
  call void @air.set_index_mesh(ptr addrspace(7) %m, i32 %lid, i8 %l8)
  ret void
}
; Emulated SIMD groups have no place in a mesh function.
define void @simd_divergent__mesh(ptr addrspace(7) %m, i32 %lid) {
  %s = call i32 @air.simd_sum.u.i32(i32 %lid)
  call void @air.set_primitive_count_mesh(ptr addrspace(7) %m, i32 %s)
  ret void
}

; ---- fragment ----

%shown = type { <4 x float>, <4 x i32>, <4 x float> }
define %shown @fs_columns(<4 x float> %col, i32 %tag, i32 %prim, <2 x half> %h) {
  %i0 = insertelement <4 x i32> <i32 0, i32 0, i32 2, i32 3>, i32 %tag, i32 0
  %i1 = insertelement <4 x i32> %i0, i32 %prim, i32 1
  %f = fpext <2 x half> %h to <2 x float>
  %g = shufflevector <2 x float> %f, <2 x float> <float 2.0, float 3.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  %r0 = insertvalue %shown undef, <4 x float> %col, 0
  %r1 = insertvalue %shown %r0, <4 x i32> %i1, 1
  %r = insertvalue %shown %r1, <4 x float> %g, 2
  ret %shown %r
}
define <4 x float> @fs_one() {
  ret <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>
}
define <4 x float> @fs_point_coord(<2 x float> %pc) {
  %r = shufflevector <2 x float> %pc, <2 x float> <float 0.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
define <4 x i32> @fs_layer(i32 %layer) {
  %s = add i32 %layer, 10
  %a = insertelement <4 x i32> <i32 0, i32 1, i32 2, i32 3>, i32 %s, i32 0
  ret <4 x i32> %a
}
define <4 x i32> @fs_viewport(i32 %vp) {
  %s = add i32 %vp, 20
  %a = insertelement <4 x i32> <i32 0, i32 1, i32 2, i32 3>, i32 %s, i32 0
  ret <4 x i32> %a
}

declare void @air.set_threadgroups_per_grid_mesh_properties(ptr addrspace(3), <3 x i32>)
declare void @air.set_primitive_count_mesh(ptr addrspace(7), i32)
declare void @air.set_position_mesh(ptr addrspace(7), i32, <4 x float>)
declare void @air.set_point_size_mesh(ptr addrspace(7), i32, float)
declare void @air.set_clip_distance_mesh(ptr addrspace(7), i32, i32, float)
declare void @air.set_vertex_data_mesh.v4f32(ptr addrspace(7), i32, i32, <4 x float>)
declare void @air.set_vertex_data_mesh.i32(ptr addrspace(7), i32, i32, i32)
declare void @air.set_primitive_data_mesh.i32(ptr addrspace(7), i32, i32, i32)
declare void @air.set_primitive_data_mesh.v2f16(ptr addrspace(7), i32, i32, <2 x half>)
declare void @air.set_index_mesh(ptr addrspace(7), i32, i8)
declare void @air.set_indices_mesh.v2i8(ptr addrspace(7), i32, <2 x i8>)
declare void @air.set_indices_mesh.v4i8(ptr addrspace(7), i32, <4 x i8>)
declare void @air.set_render_target_array_index_mesh.i32(ptr addrspace(7), i32, i32)
declare void @air.set_viewport_array_index_mesh.i32(ptr addrspace(7), i32, i32)
declare void @air.set_primitive_culled_mesh(ptr addrspace(7), i32, i1)
declare void @air.wg.barrier(i32, i32)
declare i32 @air.simd_sum.u.i32(i32)
declare float @air.convert.f.f32.u.i32(i32)
declare i32 @air.convert.u.i32.f.f32(float)

!air.object = !{!10, !11}
!10 = !{ptr @object, !99, !{!100, !101, !102, !103}}
!11 = !{ptr @object_hostile, !99, !{!104, !105, !102}}
!air.mesh = !{!20, !21, !22, !23, !24, !25, !26, !27, !28, !29, !40}
!20 = !{ptr @mesh_columns, !99, !{!110, !111, !112, !113, !114, !115, !116}}
!21 = !{ptr @mesh_payload, !99, !{!110, !117, !118, !119}}
!22 = !{ptr @mesh_line, !99, !{!120}}
!23 = !{ptr @mesh_point, !99, !{!121}}
!24 = !{ptr @mesh_point_plain, !99, !{!122}}
!25 = !{ptr @mesh_layers, !99, !{!123, !111}}
!26 = !{ptr @mesh_viewports, !99, !{!124, !111}}
!27 = !{ptr @mesh_hostile, !99, !{!110, !111}}
!28 = !{ptr @mesh_none, !99, !{!125, !111}}
!29 = !{ptr @simd_divergent__mesh, !99, !{!125, !111}}
!40 = !{ptr @mesh_culled, !99, !{!126, !111}}
!99 = !{}
!100 = !{i32 0, !"air.payload", !"air.arg_type_size", i32 24, !"air.arg_type_align_size", i32 4, !"air.arg_name", !"p"}
!101 = !{i32 1, !"air.mesh_grid_properties", !"air.arg_name", !"props"}
!102 = !{i32 2, !"air.thread_index_in_threadgroup", !"air.arg_type_name", !"uint"}
!103 = !{i32 3, !"air.threadgroup_position_in_grid", !"air.arg_type_name", !"uint"}
!104 = !{i32 0, !"air.mesh_grid_properties", !"air.arg_name", !"props"}
!105 = !{i32 1, !"air.payload", !"air.arg_type_size", i32 24, !"air.arg_type_align_size", i32 4, !"air.arg_name", !"p"}
!110 = !{i32 0, !"air.mesh", !{!"air.mesh_type_info", !{!200, !201, !202}, !{!203, !204, !209}, i32 8, i32 6, !"air.triangle"}, !"air.arg_name", !"m"}
!111 = !{i32 1, !"air.thread_index_in_threadgroup", !"air.arg_type_name", !"uint"}
!112 = !{i32 2, !"air.threadgroup_position_in_grid", !"air.arg_type_name", !"uint"}
!113 = !{i32 3, !"air.threads_per_threadgroup", !"air.arg_type_name", !"uint"}
!114 = !{i32 4, !"air.threads_per_grid", !"air.arg_type_name", !"uint"}
!115 = !{i32 5, !"air.threadgroups_per_grid", !"air.arg_type_name", !"uint"}
!116 = !{i32 6, !"air.thread_position_in_grid", !"air.arg_type_name", !"uint"}
!117 = !{i32 1, !"air.payload", !"air.arg_type_size", i32 24, !"air.arg_type_align_size", i32 4, !"air.arg_name", !"p"}
!118 = !{i32 2, !"air.thread_index_in_threadgroup", !"air.arg_type_name", !"uint"}
!119 = !{i32 3, !"air.threadgroup_position_in_grid", !"air.arg_type_name", !"uint"}
!120 = !{i32 0, !"air.mesh", !{!"air.mesh_type_info", !{!200}, !99, i32 2, i32 1, !"air.line"}, !"air.arg_name", !"m"}
!121 = !{i32 0, !"air.mesh", !{!"air.mesh_type_info", !{!200, !205}, !99, i32 1, i32 1, !"air.point"}, !"air.arg_name", !"m"}
!122 = !{i32 0, !"air.mesh", !{!"air.mesh_type_info", !{!200}, !99, i32 1, i32 1, !"air.point"}, !"air.arg_name", !"m"}
!123 = !{i32 0, !"air.mesh", !{!"air.mesh_type_info", !{!200}, !{!206}, i32 3, i32 3, !"air.triangle"}, !"air.arg_name", !"m"}
!124 = !{i32 0, !"air.mesh", !{!"air.mesh_type_info", !{!200, !207}, !{!208}, i32 3, i32 3, !"air.triangle"}, !"air.arg_name", !"m"}
!125 = !{i32 0, !"air.mesh", !{!"air.mesh_type_info", !{!200}, !99, i32 3, i32 1, !"air.triangle"}, !"air.arg_name", !"m"}
!126 = !{i32 0, !"air.mesh", !{!"air.mesh_type_info", !{!200}, !{!206, !209}, i32 3, i32 3, !"air.triangle"}, !"air.arg_name", !"m"}
!200 = !{!"air.position", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!201 = !{!"air.mesh_vertex_data", i32 0, !"user(color)", !"air.arg_type_name", !"float4", !"air.arg_name", !"color"}
!202 = !{!"air.mesh_vertex_data", i32 1, !"user(tag)", !"air.arg_type_name", !"uint", !"air.arg_name", !"tag"}
!203 = !{!"air.mesh_primitive_data", i32 0, !"user(prim)", !"air.arg_type_name", !"uint", !"air.arg_name", !"prim"}
!204 = !{!"air.mesh_primitive_data", i32 1, !"user(half)", !"air.arg_type_name", !"half2", !"air.arg_name", !"h"}
!205 = !{!"air.point_size", !"air.arg_type_name", !"float", !"air.arg_name", !"size"}
!206 = !{!"air.render_target_array_index", !"air.arg_type_name", !"uint", !"air.arg_name", !"layer"}
!207 = !{!"air.clip_distance", !"air.clip_distance_array_size", i32 2, !"air.arg_type_name", !"float", !"air.arg_name", !"clip"}
!209 = !{!"air.primitive_culled", !"air.arg_type_name", !"bool", !"air.arg_name", !"culled"}
!208 = !{!"air.viewport_array_index", !"air.arg_type_name", !"uint", !"air.arg_name", !"viewport"}

!air.fragment = !{!30, !31, !32, !33, !34}
!30 = !{ptr @fs_columns, !{!300, !301, !302}, !{!310, !311, !312, !313}}
!31 = !{ptr @fs_one, !{!300}, !{}}
!32 = !{ptr @fs_point_coord, !{!300}, !{!314}}
!33 = !{ptr @fs_layer, !{!303}, !{!315}}
!34 = !{ptr @fs_viewport, !{!303}, !{!316}}
!300 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float4"}
!301 = !{!"air.render_target", i32 1, i32 0, !"air.arg_type_name", !"uint4"}
!302 = !{!"air.render_target", i32 2, i32 0, !"air.arg_type_name", !"float4"}
!303 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"uint4"}
!310 = !{i32 0, !"air.fragment_input", !"user(color)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"color"}
!311 = !{i32 1, !"air.fragment_input", !"user(tag)", !"air.flat", !"air.arg_type_name", !"uint", !"air.arg_name", !"tag"}
!312 = !{i32 2, !"air.fragment_input", !"user(prim)", !"air.flat", !"air.arg_type_name", !"uint", !"air.arg_name", !"prim"}
!313 = !{i32 3, !"air.fragment_input", !"user(half)", !"air.center", !"air.perspective", !"air.arg_type_name", !"half2", !"air.arg_name", !"h"}
!314 = !{i32 0, !"air.point_coord", !"air.arg_type_name", !"float2", !"air.arg_name", !"pc"}
!315 = !{i32 0, !"air.render_target_array_index", !"air.arg_type_name", !"uint", !"air.arg_name", !"layer"}
!316 = !{i32 0, !"air.viewport_array_index", !"air.arg_type_name", !"uint", !"air.arg_name", !"vp"}
