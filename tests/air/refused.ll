; SPDX-License-Identifier: MIT
; Functions that must be refused; the name up to two underscores in a row is the reason.
target triple = "air64-apple-macosx14.0.0"

define void @intrinsic__unknown(ptr addrspace(1) %o) {
  call void @air.no_such_function.f32(float 1.0)
  ret void
}
define void @ray_tracing__call(ptr addrspace(1) %o) {
  call void @air.intersect.triangle_data(ptr addrspace(1) %o)
  ret void
}
define void @command_buffer__call(ptr addrspace(1) %o) {
  call void @air.set_vertex_buffer_render_command(ptr addrspace(1) %o)
  ret void
}
define void @tensor__call(ptr addrspace(1) %o) {
  call void @air.init_strided_private_tensor(ptr addrspace(1) %o)
  ret void
}
define void @async_copy__call(ptr addrspace(1) %o) {
  call void @air.simdgroup_async_copy_1d(ptr addrspace(1) %o)
  ret void
}
define void @imageblock__call(ptr addrspace(1) %o) {
  call void @air.get_imageblock_data(ptr addrspace(1) %o)
  ret void
}
define void @rate_map__call(ptr addrspace(1) %o) {
  call void @air.map_screen_to_physical_coordinates(ptr addrspace(1) %o)
  ret void
}
define void @matrix_shape__call(ptr addrspace(1) %o) {
  call void @air.simdgroup_matrix_16x16_init(ptr addrspace(1) %o)
  ret void
}
define void @type__double(ptr addrspace(1) %o) {
  %d = load double, ptr addrspace(1) %o, align 8
  %e = fadd double %d, 1.0
  store double %e, ptr addrspace(1) %o, align 8
  ret void
}
define void @type__wide(ptr addrspace(1) %o, ptr addrspace(1) %p) {
  %d = load i128, ptr addrspace(1) %o, align 16
  %e = mul i128 %d, %d
  store i128 %e, ptr addrspace(1) %o, align 16
  ret void
}
define void @argument_buffer__texture(ptr addrspace(2) %o) {
  ret void
}
define void @argument_kind__new(ptr addrspace(1) %o) {
  ret void
}
define void @tensor__argument(ptr addrspace(1) %o) {
  ret void
}
define void @imageblock__argument(ptr addrspace(4) %o) {
  ret void
}
define void @metadata__index(ptr addrspace(1) %o) {
  ret void
}
define void @metadata__parameter(ptr addrspace(1) %o) {
  ret void
}
define internal i32 @down(ptr addrspace(1) %o, i32 %n) noinline {
  %c = icmp eq i32 %n, 0
  br i1 %c, label %end, label %again
again:
  %v = load i32, ptr addrspace(1) %o, align 4
  %m = sub i32 %n, %v
  %r = call i32 @down(ptr addrspace(1) %o, i32 %m)
  %s = mul i32 %r, %v
  ret i32 %s
end:
  ret i32 1
}
define void @recursion__call(ptr addrspace(1) %o) {
  %v = load i32, ptr addrspace(1) %o, align 4
  %r = call i32 @down(ptr addrspace(1) %o, i32 %v)
  store i32 %r, ptr addrspace(1) %o, align 4
  ret void
}
; Written and read, and neither a format nor a device that needs none.
define void @storage_format__read_write(ptr addrspace(1) %t, ptr addrspace(1) %o) {
  %q = call { <4 x float>, i8 } @air.read_texture_2d.v4f32(ptr addrspace(1) %t, <2 x i32> zeroinitializer, i32 0, i32 3)
  %r = extractvalue { <4 x float>, i8 } %q, 0
  call void @air.write_texture_2d.v4f32(ptr addrspace(1) %t, <2 x i32> zeroinitializer, <4 x float> %r, i32 0, i32 3)
  ret void
}
; A SIMD-group operation in an endless loop that some threads enter (decision 26; only with SIMD width 8).
define void @simd_divergent__endless(ptr addrspace(1) %o, i32 %id) {
  %c = icmp ult i32 %id, 3
  br i1 %c, label %loop, label %end
loop:
  %s = phi float [ 1.0, %0 ], [ %t, %loop ]
  %t = call float @air.simd_sum.f32(float %s)
  %p = getelementptr float, ptr addrspace(1) %o, i32 %id
  store float %t, ptr addrspace(1) %p, align 4
  br label %loop
end:
  ret void
}
; Addresses that the guest would choose.
define void @argument_buffer__pointer(ptr addrspace(2) %o, ptr addrspace(1) %p) {
  %q = load ptr addrspace(1), ptr addrspace(2) %o, align 8
  %v = load i32, ptr addrspace(1) %q, align 4
  store i32 %v, ptr addrspace(1) %p, align 4
  ret void
}
define void @pointer__integer(ptr addrspace(1) %o, ptr addrspace(1) %p) {
  %a = load i64, ptr addrspace(1) %o, align 8
  %q = inttoptr i64 %a to ptr addrspace(1)
  %v = load i32, ptr addrspace(1) %q, align 4
  store i32 %v, ptr addrspace(1) %p, align 4
  ret void
}

define <4 x float> @metadata__attribute_twice(<4 x float> %a, <4 x float> %b) {
  %r = fadd <4 x float> %a, %b
  ret <4 x float> %r
}
%two = type { <4 x float>, <4 x float> }
define %two @metadata__target_twice() {
  ret %two zeroinitializer
}

; Each line doubles the scalars of one value: 8192.
%v4 = type [16 x i32]
%v7 = type { %v4, %v4, %v4, %v4, %v4, %v4, %v4, %v4 }
%v10 = type { %v7, %v7, %v7, %v7, %v7, %v7, %v7, %v7 }
%v13 = type { %v10, %v10, %v10, %v10, %v10, %v10, %v10, %v10 }
define void @limit__value(ptr addrspace(1) %o, ptr addrspace(1) %p) {
  %v = load volatile %v13, ptr addrspace(1) %o, align 4
  store volatile %v13 %v, ptr addrspace(1) %p, align 4
  ret void
}
; Two private arrays of 160 KiB.
define void @limit__private(ptr addrspace(1) %o, i32 %id) {
  %a = alloca [40960 x i32], align 4
  %b = alloca [40960 x i32], align 4
  %pa = getelementptr [40960 x i32], ptr %a, i32 0, i32 %id
  %pb = getelementptr [40960 x i32], ptr %b, i32 0, i32 %id
  store volatile i32 %id, ptr %pa, align 4
  store volatile i32 %id, ptr %pb, align 4
  ret void
}
; Two threadgroup variables of 768 KiB, one after the other, and behind one pointer.
@ga = internal addrspace(3) global [196608 x i32] undef, align 4
@gb = internal addrspace(3) global [196608 x i32] undef, align 4
define void @limit__threadgroup(ptr addrspace(1) %o, i32 %id) {
  %pa = getelementptr [196608 x i32], ptr addrspace(3) @ga, i32 0, i32 %id
  %pb = getelementptr [196608 x i32], ptr addrspace(3) @gb, i32 0, i32 %id
  store volatile i32 %id, ptr addrspace(3) %pa, align 4
  store volatile i32 %id, ptr addrspace(3) %pb, align 4
  ret void
}
define void @limit__either(ptr addrspace(1) %o, i32 %id) {
  %c = icmp ult i32 %id, 7
  %g = select i1 %c, ptr addrspace(3) @ga, ptr addrspace(3) @gb
  %p = getelementptr [196608 x i32], ptr addrspace(3) %g, i32 0, i32 %id
  store volatile i32 %id, ptr addrspace(3) %p, align 4
  ret void
}

declare void @air.no_such_function.f32(float)
declare void @air.intersect.triangle_data(ptr addrspace(1))
declare void @air.set_vertex_buffer_render_command(ptr addrspace(1))
declare void @air.init_strided_private_tensor(ptr addrspace(1))
declare void @air.simdgroup_async_copy_1d(ptr addrspace(1))
declare void @air.get_imageblock_data(ptr addrspace(1))
declare void @air.map_screen_to_physical_coordinates(ptr addrspace(1))
declare void @air.simdgroup_matrix_16x16_init(ptr addrspace(1))
declare { <4 x float>, i8 } @air.read_texture_2d.v4f32(ptr addrspace(1), <2 x i32>, i32, i32)
declare void @air.write_texture_2d.v4f32(ptr addrspace(1), <2 x i32>, <4 x float>, i32, i32)
declare float @air.simd_sum.f32(float) convergent

!air.kernel = !{!0, !1, !2, !3, !4, !5, !6, !7, !8, !9, !10, !11, !12, !13, !14, !15, !16, !17, !18, !19, !20, !67, !68, !69, !70}
!0 = !{ptr @intrinsic__unknown, !99, !{!50}}
!1 = !{ptr @ray_tracing__call, !99, !{!50}}
!2 = !{ptr @command_buffer__call, !99, !{!50}}
!3 = !{ptr @tensor__call, !99, !{!50}}
!4 = !{ptr @async_copy__call, !99, !{!50}}
!5 = !{ptr @imageblock__call, !99, !{!50}}
!6 = !{ptr @rate_map__call, !99, !{!50}}
!7 = !{ptr @matrix_shape__call, !99, !{!50}}
!8 = !{ptr @type__double, !99, !{!50}}
!9 = !{ptr @type__wide, !99, !{!50, !51}}
!10 = !{ptr @argument_buffer__texture, !99, !{!52}}
!11 = !{ptr @argument_kind__new, !99, !{!53}}
!12 = !{ptr @tensor__argument, !99, !{!54}}
!13 = !{ptr @imageblock__argument, !99, !{!55}}
!14 = !{ptr @metadata__index, !99, !{!56}}
!15 = !{ptr @metadata__parameter, !99, !{!57}}
!16 = !{ptr @recursion__call, !99, !{!50}}
!17 = !{ptr @storage_format__read_write, !99, !{!58, !51}}
!18 = !{ptr @simd_divergent__endless, !99, !{!50, !59}}
!19 = !{ptr @argument_buffer__pointer, !99, !{!62, !51}}
!20 = !{ptr @pointer__integer, !99, !{!50, !51}}
!67 = !{ptr @limit__value, !99, !{!50, !51}}
!68 = !{ptr @limit__private, !99, !{!50, !59}}
!69 = !{ptr @limit__threadgroup, !99, !{!50, !59}}
!70 = !{ptr @limit__either, !99, !{!50, !59}}
!62 = !{i32 0, !"air.indirect_buffer", !"air.location_index", i32 0, i32 1, !"air.read"}
!air.vertex = !{!21}
!air.fragment = !{!22}
!21 = !{ptr @metadata__attribute_twice, !{!63}, !{!64, !65}}
!22 = !{ptr @metadata__target_twice, !{!66, !66}, !99}
!63 = !{!"air.position", !"air.arg_type_name", !"float4"}
!64 = !{i32 0, !"air.vertex_input", !"air.location_index", i32 3, i32 1, !"air.arg_type_name", !"float4"}
!65 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 3, i32 1, !"air.arg_type_name", !"float4"}
!66 = !{!"air.render_target", i32 1, i32 0, !"air.arg_type_name", !"float4"}
!50 = !{i32 0, !"air.buffer", !"air.location_index", i32 0, i32 1, !"air.read_write"}
!51 = !{i32 1, !"air.buffer", !"air.location_index", i32 1, i32 1, !"air.read_write"}
!52 = !{i32 0, !"air.indirect_buffer", !"air.location_index", i32 0, i32 1, !"air.read", !"air.struct_type_info", !60}
!53 = !{i32 0, !"air.kind_of_tomorrow", !"air.location_index", i32 0, i32 1}
!54 = !{i32 0, !"air.tensor", !"air.location_index", i32 0, i32 1}
!55 = !{i32 0, !"air.imageblock"}
!56 = !{i32 0, !"air.buffer", !"air.location_index", i32 99, i32 1}
!57 = !{i32 7, !"air.buffer", !"air.location_index", i32 0, i32 1}
!58 = !{i32 0, !"air.texture", !"air.location_index", i32 0, i32 1, !"air.read_write", !"air.arg_type_name", !"texture2d<float, read_write>"}
!59 = !{i32 1, !"air.thread_position_in_grid"}
!60 = !{i32 0, i32 8, i32 0, !"texture2d<float, sample>", !"t", !"air.indirect_argument", !61}
!61 = !{i32 0, !"air.texture", !"air.location_index", i32 0, i32 1, !"air.sample", !"air.arg_type_name", !"texture2d<float, sample>", !"air.arg_name", !"t"}
!99 = !{}
