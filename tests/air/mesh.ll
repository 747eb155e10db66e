; SPDX-License-Identifier: MIT
; Object and mesh functions with payload (air 2.15, 3.12).
target triple = "air64-apple-macosx14.0.0"

define void @object(ptr addrspace(6) %payload, ptr addrspace(3) %props, i32 %id) {
  %p = getelementptr i32, ptr addrspace(6) %payload, i32 0
  store i32 %id, ptr addrspace(6) %p, align 4
  call void @air.set_threadgroups_per_grid_mesh_properties(ptr addrspace(3) %props, <3 x i32> <i32 2, i32 1, i32 1>)
  ret void
}

define void @mesh(ptr addrspace(7) %m, ptr addrspace(6) %payload, i32 %lid) {
  %v = load i32, ptr addrspace(6) %payload, align 4
  call void @air.set_primitive_count_mesh(ptr addrspace(7) %m, i32 1)
  %f = call float @air.convert.f.f32.u.i32(i32 %v)
  %p = insertelement <4 x float> <float 0.0, float 0.0, float 0.0, float 1.0>, float %f, i32 0
  call void @air.set_position_mesh(ptr addrspace(7) %m, i32 %lid, <4 x float> %p)
  call void @air.set_vertex_data_mesh.v2f32(ptr addrspace(7) %m, i32 0, i32 %lid, <2 x float> <float 1.0, float 2.0>)
  call void @air.set_primitive_data_mesh.f32(ptr addrspace(7) %m, i32 0, i32 0, float 3.0)
  %l8 = trunc i32 %lid to i8
  call void @air.set_index_mesh(ptr addrspace(7) %m, i32 %lid, i8 %l8)
  ret void
}

declare void @air.set_threadgroups_per_grid_mesh_properties(ptr addrspace(3), <3 x i32>)
declare void @air.set_primitive_count_mesh(ptr addrspace(7), i32)
declare void @air.set_position_mesh(ptr addrspace(7), i32, <4 x float>)
declare void @air.set_vertex_data_mesh.v2f32(ptr addrspace(7), i32, i32, <2 x float>)
declare void @air.set_primitive_data_mesh.f32(ptr addrspace(7), i32, i32, float)
declare void @air.set_index_mesh(ptr addrspace(7), i32, i8)
declare float @air.convert.f.f32.u.i32(i32)

!air.object = !{!0}
!air.mesh = !{!1}
!0 = !{ptr @object, !99, !{!10, !11, !12}}
!1 = !{ptr @mesh, !99, !{!20, !21, !22}}
!10 = !{i32 0, !"air.payload", !"air.arg_type_size", i32 16, !"air.arg_type_align_size", i32 4}
!11 = !{i32 1, !"air.mesh_grid_properties"}
!12 = !{i32 2, !"air.thread_index_in_threadgroup"}
!20 = !{i32 0, !"air.mesh", !{!"air.mesh_type_info", !{!30, !31}, !{!32}, i32 3, i32 1, !"air.triangle"}, !"air.arg_name", !"m"}
!21 = !{i32 1, !"air.payload", !"air.arg_type_size", i32 16, !"air.arg_type_align_size", i32 4}
!22 = !{i32 2, !"air.thread_index_in_threadgroup"}
!30 = !{!"air.position", !"air.arg_type_name", !"float4"}
!31 = !{!"air.mesh_vertex_data", i32 0, !"user(locn0)", !"air.arg_type_name", !"float2"}
!32 = !{!"air.mesh_primitive_data", i32 0, !"user(locn1)", !"air.arg_type_name", !"float"}
!99 = !{}
