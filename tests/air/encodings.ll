; SPDX-License-Identifier: MIT
; Encodings and constructs of air.md 2, 3 and 6 that must compile and validate: several entry points in one module, optional
; arguments, old function constants, tessellation, matrices, atomics, internal calls, irregular control flow, wide copies.
target triple = "air64-apple-macosx14.0.0"

; An argument that exists only if a function constant is true; without a value it is absent and reads as zero.
@use.MTL_FC_INIT_5_b = internal addrspace(2) externally_initialized constant i8 undef, section "air.fc_initializer"
define void @optional_argument(ptr addrspace(1) %o, ptr addrspace(1) %extra, i32 %id) {
  %f = load i8, ptr addrspace(2) @use.MTL_FC_INIT_5_b, align 1
  %b = icmp ne i8 %f, 0
  br i1 %b, label %with, label %done
with:
  %v = load float, ptr addrspace(1) %extra, align 4
  %p = getelementptr float, ptr addrspace(1) %o, i32 %id
  store float %v, ptr addrspace(1) %p, align 4
  br label %done
done:
  ret void
}

; Constants of AIR 1.11: three operands, no initialiser global, asked for by name.
@old_flag = internal addrspace(2) global i8 undef
define void @old_constant(ptr addrspace(1) %o) {
  %d = call i1 @air.is_function_constant_defined(i32 9)
  %z = zext i1 %d to i32
  %f = load i8, ptr addrspace(2) @old_flag, align 1
  %g = zext i8 %f to i32
  %s = add i32 %z, %g
  store i32 %s, ptr addrspace(1) %o, align 4
  ret void
}
declare i1 @air.is_function_constant_defined(i32)

; Internal function with a pointer to a local, not inlined by the producer; early return; a loop with two exits.
define internal fastcc i32 @helper(ptr %p, i32 %n) noinline {
  br label %loop
loop:
  %i = phi i32 [ 0, %0 ], [ %i2, %next ]
  %q = getelementptr i32, ptr %p, i32 %i
  %v = load i32, ptr %q, align 4
  %neg = icmp slt i32 %v, 0
  br i1 %neg, label %out1, label %next
next:
  %i2 = add i32 %i, 1
  %more = icmp ult i32 %i2, %n
  br i1 %more, label %loop, label %out2
out1:
  ret i32 -1
out2:
  ret i32 %i2
}
define void @two_exits(ptr addrspace(1) %a, ptr addrspace(1) %o, i32 %id) {
  %l = alloca [16 x i32], align 4
  call void @llvm.memcpy.p0.p1.i64(ptr align 4 %l, ptr addrspace(1) align 4 %a, i64 64, i1 false)
  %big = icmp ugt i32 %id, 100
  br i1 %big, label %leave, label %go
leave:
  ret void
go:
  %r = call fastcc i32 @helper(ptr %l, i32 16)
  %p = getelementptr i32, ptr addrspace(1) %o, i32 %id
  store i32 %r, ptr addrspace(1) %p, align 4
  ret void
}
declare void @llvm.memcpy.p0.p1.i64(ptr, ptr addrspace(1), i64, i1)
declare void @llvm.memcpy.p1.p1.i64(ptr addrspace(1), ptr addrspace(1), i64, i1)
declare void @llvm.memset.p1.i64(ptr addrspace(1), i8, i64, i1)

; switch with shared cases, inside a loop
define void @switches(ptr addrspace(1) %o, i32 %id) {
  br label %loop
loop:
  %i = phi i32 [ 0, %0 ], [ %j, %join ]
  %acc = phi i32 [ 0, %0 ], [ %acc2, %join ]
  %x = add i32 %i, %id
  %m = and i32 %x, 7
  switch i32 %m, label %def [ i32 0, label %a
                              i32 1, label %b
                              i32 5, label %a
                              i32 6, label %c ]
a:
  br label %join
b:
  br label %c
c:
  %f = phi i32 [ 3, %b ], [ 9, %loop ]
  br label %join
def:
  br label %join
join:
  %v = phi i32 [ 1, %a ], [ %f, %c ], [ %x, %def ]
  %acc2 = add i32 %acc, %v
  %j = add i32 %i, 1
  %c2 = icmp ult i32 %j, 20
  br i1 %c2, label %loop, label %end
end:
  %p = getelementptr i32, ptr addrspace(1) %o, i32 %id
  store i32 %acc2, ptr addrspace(1) %p, align 4
  ret void
}

; irreducible: two ways into one loop
define void @irreducible(ptr addrspace(1) %o, i32 %id) {
  %c = icmp ult i32 %id, 3
  br i1 %c, label %a, label %b
a:
  %x = phi i32 [ 1, %0 ], [ %y2, %b ]
  %x2 = add i32 %x, 3
  %ca = icmp ult i32 %x2, 50
  br i1 %ca, label %b, label %end
b:
  %y = phi i32 [ 2, %0 ], [ %x2, %a ]
  %y2 = mul i32 %y, 2
  %cb = icmp ult i32 %y2, 90
  br i1 %cb, label %a, label %end
end:
  %r = phi i32 [ %x2, %a ], [ %y2, %b ]
  %p = getelementptr i32, ptr addrspace(1) %o, i32 %id
  store i32 %r, ptr addrspace(1) %p, align 4
  ret void
}

; Pointers chosen between two buffers, kept in memory, long copies and sets.
define void @pointers(ptr addrspace(1) %a, ptr addrspace(1) %b, ptr addrspace(1) %o, i32 %id) {
  %odd = and i32 %id, 1
  %c = icmp eq i32 %odd, 0
  %s = select i1 %c, ptr addrspace(1) %a, ptr addrspace(1) %b
  %q = getelementptr float, ptr addrspace(1) %s, i32 %id
  %v = load float, ptr addrspace(1) %q, align 4
  %p = getelementptr float, ptr addrspace(1) %o, i32 %id
  store float %v, ptr addrspace(1) %p, align 4
  %t = getelementptr i8, ptr addrspace(1) %o, i32 4096
  call void @llvm.memcpy.p1.p1.i64(ptr addrspace(1) align 4 %t, ptr addrspace(1) align 4 %s, i64 1024, i1 false)
  call void @llvm.memset.p1.i64(ptr addrspace(1) align 4 %o, i8 7, i64 512, i1 false)
  ret void
}

; Atomics of air 3.7 in their generations.
@shared = internal addrspace(3) global [64 x i32] undef
define void @atomics(ptr addrspace(1) %o, i32 %id, i32 %lid) {
  %e = alloca i32, align 4
  %l = getelementptr [64 x i32], ptr addrspace(3) @shared, i32 0, i32 %lid
  call void @air.atomic.local.store.i32(ptr addrspace(3) %l, i32 0, i32 0, i32 1, i1 true)
  call void @air.wg.barrier(i32 2, i32 1)
  %a = call i32 @air.atomic.local.add.u.i32(ptr addrspace(3) %l, i32 5, i32 0, i32 1, i1 true)
  %b = call i32 @air.atomic.global.max.s.i32(ptr addrspace(1) %o, i32 %a, i32 0, i32 2, i1 true)
  %c = call i32 @air.atomic.global.xchg.i32(ptr addrspace(1) %o, i32 %b, i32 0, i32 2, i32 0, i1 true)
  store i32 %c, ptr %e, align 4
  %d = call i32 @air.atomic.global.cmpxchg.weak.i32(ptr addrspace(1) %o, ptr %e, i32 %a, i32 0, i32 0, i32 2, i1 true)
  %f = getelementptr i8, ptr addrspace(1) %o, i32 64
  %g = call float @air.atomic.global.add.f32(ptr addrspace(1) %f, float 1.5, i32 0, i32 2, i1 true)
  %h = getelementptr i8, ptr addrspace(1) %o, i32 128
  %i = call i64 @air.atomic.global.max.u.i64(ptr addrspace(1) %h, i64 77, i32 0, i32 2, i1 true)
  %j = call i32 @air.atomic.global.load.i32(ptr addrspace(1) %o, i32 0, i32 2, i1 true)
  call void @air.atomic.fence(i32 3, i32 4, i32 2)
  call void @air.wg.barrier(i32 3, i32 2, i32 1)
  call void @air.simdgroup.barrier(i32 2, i32 4)
  ret void
}
declare void @air.atomic.local.store.i32(ptr addrspace(3), i32, i32, i32, i1)
declare i32 @air.atomic.local.add.u.i32(ptr addrspace(3), i32, i32, i32, i1)
declare i32 @air.atomic.global.max.s.i32(ptr addrspace(1), i32, i32, i32, i1)
declare i32 @air.atomic.global.xchg.i32(ptr addrspace(1), i32, i32, i32, i32, i1)
declare i32 @air.atomic.global.cmpxchg.weak.i32(ptr addrspace(1), ptr, i32, i32, i32, i32, i1)
declare float @air.atomic.global.add.f32(ptr addrspace(1), float, i32, i32, i1)
declare i64 @air.atomic.global.max.u.i64(ptr addrspace(1), i64, i32, i32, i1)
declare i32 @air.atomic.global.load.i32(ptr addrspace(1), i32, i32, i1)
declare void @air.atomic.fence(i32, i32, i32)
declare void @air.wg.barrier(i32, i32)
declare void @air.simdgroup.barrier(i32, i32)

; Matrices in both shapes of load and store.
define void @matrix(ptr addrspace(1) %a, ptr addrspace(1) %o) {
  %m = call <64 x float> @air.simdgroup_matrix_8x8_load.v64f32.p1f32(ptr addrspace(1) %a, i64 8, <2 x i64> zeroinitializer, i1 true)
  %d = call <64 x float> @air.simdgroup_matrix_8x8_init_diag.v64f32.f32(float 2.0)
  %p = call <64 x float> @air.simdgroup_matrix_8x8_multiply_accumulate.v64f32.v64f32.v64f32.v64f32(<64 x float> %m, <64 x float> %d, <64 x float> %m)
  call void @air.simdgroup_matrix_8x8_store.v64f32.p1f32(<64 x float> %p, ptr addrspace(1) %o, <2 x i64> <i64 8, i64 8>, <2 x i64> <i64 1, i64 8>, <2 x i64> zeroinitializer)
  ret void
}
declare <64 x float> @air.simdgroup_matrix_8x8_load.v64f32.p1f32(ptr addrspace(1), i64, <2 x i64>, i1)
declare <64 x float> @air.simdgroup_matrix_8x8_init_diag.v64f32.f32(float)
declare <64 x float> @air.simdgroup_matrix_8x8_multiply_accumulate.v64f32.v64f32.v64f32.v64f32(<64 x float>, <64 x float>, <64 x float>)
declare void @air.simdgroup_matrix_8x8_store.v64f32.p1f32(<64 x float>, ptr addrspace(1), <2 x i64>, <2 x i64>, <2 x i64>)

; Every kernel builtin, in the widths they come in.
define void @builtins(ptr addrspace(1) %o, <3 x i32> %a, <2 x i16> %b, i32 %c, i16 %d, <3 x i32> %e, <3 x i16> %f, <3 x i32> %g, i32 %h, i32 %i, i16 %j, i32 %k, i32 %l, i32 %m, i32 %n, <3 x i32> %q) {
  %a0 = extractelement <3 x i32> %a, i32 0
  %b1 = extractelement <2 x i16> %b, i32 1
  %b2 = zext i16 %b1 to i32
  %d2 = zext i16 %d to i32
  %e2 = extractelement <3 x i32> %e, i32 2
  %f1 = extractelement <3 x i16> %f, i32 1
  %f2 = zext i16 %f1 to i32
  %g0 = extractelement <3 x i32> %g, i32 0
  %j2 = zext i16 %j to i32
  %q0 = extractelement <3 x i32> %q, i32 0
  %s1 = add i32 %a0, %b2
  %s2 = add i32 %s1, %c
  %s3 = add i32 %s2, %d2
  %s4 = add i32 %s3, %e2
  %s5 = add i32 %s4, %f2
  %s6 = add i32 %s5, %g0
  %s7 = add i32 %s6, %h
  %s8 = add i32 %s7, %i
  %s9 = add i32 %s8, %j2
  %s10 = add i32 %s9, %k
  %s11 = add i32 %s10, %l
  %s12 = add i32 %s11, %m
  %s13 = add i32 %s12, %n
  %s14 = add i32 %s13, %q0
  store i32 %s14, ptr addrspace(1) %o, align 4
  ret void
}

; Post-tessellation vertex function (air 2.15).
%cp = type { <4 x float>, <2 x float> }
declare %cp @control.MTL_CONTROL_POINT_FN(i32, ptr) section "air.externally_defined"
define <4 x float> @tessellated(ptr %patch, <3 x float> %bary, i32 %pid) {
  %a = call %cp @control.MTL_CONTROL_POINT_FN(i32 0, ptr %patch)
  %b = call %cp @control.MTL_CONTROL_POINT_FN(i32 1, ptr %patch)
  %pa = extractvalue %cp %a, 0
  %pb = extractvalue %cp %b, 0
  %x = extractelement <3 x float> %bary, i32 0
  %x0 = insertelement <4 x float> undef, float %x, i32 0
  %xs = shufflevector <4 x float> %x0, <4 x float> undef, <4 x i32> zeroinitializer
  %d = fsub <4 x float> %pb, %pa
  %m = fmul <4 x float> %d, %xs
  %r = fadd <4 x float> %pa, %m
  ret <4 x float> %r
}

; A buffer of bytes read at odd addresses, 64-bit and half values, bfloat arithmetic, odd integer widths.
define void @widths(ptr addrspace(1) %a, ptr addrspace(1) %o, i32 %id) {
  %p1 = getelementptr i8, ptr addrspace(1) %a, i32 %id
  %u = load i32, ptr addrspace(1) %p1, align 1
  %p2 = getelementptr i8, ptr addrspace(1) %a, i32 2
  %v = load i64, ptr addrspace(1) %p2, align 2
  %t = trunc i64 %v to i32
  %h = load <3 x half>, ptr addrspace(1) %a, align 8
  %h1 = extractelement <3 x half> %h, i32 1
  %bf = load bfloat, ptr addrspace(1) %a, align 2
  %bs = fadd bfloat %bf, 0xR3F80
  %fb = fpext bfloat %bs to float
  %fh = fpext half %h1 to float
  %f = fadd float %fb, %fh
  %fi = bitcast float %f to i32
  %n = trunc i32 %u to i24
  %n2 = add i24 %n, 77
  %n3 = ashr i24 %n2, 3
  %n4 = sext i24 %n3 to i32
  %s1 = add i32 %u, %t
  %s2 = add i32 %s1, %fi
  %s3 = add i32 %s2, %n4
  %p3 = getelementptr i8, ptr addrspace(1) %o, i32 %id
  store i32 %s3, ptr addrspace(1) %p3, align 1
  ret void
}

!air.kernel = !{!0, !1, !2, !3, !4, !5, !6, !7, !8, !9}
!air.vertex = !{!10}
!air.function_constants = !{!20, !21}
!20 = !{ptr addrspace(2) @use.MTL_FC_INIT_5_b, !"bool", !"use", i32 5, i1 false}
!21 = !{ptr addrspace(2) @old_flag, !"bool", !"old_flag"}
!0 = !{ptr @optional_argument, !99, !{!50, !30, !53}}
!30 = !{i32 1, !"air.function_constant", !20, !"air.buffer", !"air.location_index", i32 1, i32 1, !"air.read", !"air.arg_type_name", !"float", !"air.arg_name", !"extra"}
!1 = !{ptr @old_constant, !99, !{!50}}
!2 = !{ptr @two_exits, !99, !{!50, !51, !53}}
!3 = !{ptr @switches, !99, !{!50, !54}}
!4 = !{ptr @irreducible, !99, !{!50, !54}}
!5 = !{ptr @pointers, !99, !{!50, !51, !52, !55}}
!6 = !{ptr @atomics, !99, !{!50, !54, !56}, !{!"air.max_work_group_size", i32 64}}
!7 = !{ptr @matrix, !99, !{!50, !51}}
!8 = !{ptr @builtins, !99, !{!50, !60, !61, !62, !63, !64, !65, !66, !67, !68, !69, !70, !71, !72, !73, !74}}
!9 = !{ptr @widths, !99, !{!50, !51, !53}}
!10 = !{ptr @tessellated, !{!80}, !{!81, !82, !83}, !{!"air.patch", !"triangle", !"air.patch_control_point", i32 3}}
!80 = !{!"air.position", !"air.arg_type_name", !"float4"}
!81 = !{i32 0, !"air.patch_control_point_input", !{!"air.patch_control_point_function", ptr @control.MTL_CONTROL_POINT_FN}, !{!"air.location_index", i32 0, i32 1}, !{!"air.location_index", i32 1, i32 1}}
!82 = !{i32 1, !"air.position_in_patch", !"air.arg_type_name", !"float3"}
!83 = !{i32 2, !"air.patch_id", !"air.arg_type_name", !"uint"}
!50 = !{i32 0, !"air.buffer", !"air.location_index", i32 0, i32 1, !"air.read_write", !"air.arg_name", !"a"}
!51 = !{i32 1, !"air.buffer", !"air.location_index", i32 1, i32 1, !"air.read_write", !"air.arg_name", !"b"}
!52 = !{i32 2, !"air.buffer", !"air.location_index", i32 2, i32 1, !"air.read_write", !"air.arg_name", !"c"}
!53 = !{i32 2, !"air.thread_position_in_grid"}
!54 = !{i32 1, !"air.thread_position_in_grid"}
!55 = !{i32 3, !"air.thread_position_in_grid"}
!56 = !{i32 2, !"air.thread_index_in_threadgroup"}
!60 = !{i32 1, !"air.thread_position_in_grid"}
!61 = !{i32 2, !"air.thread_position_in_threadgroup"}
!62 = !{i32 3, !"air.thread_index_in_threadgroup"}
!63 = !{i32 4, !"air.thread_index_in_simdgroup"}
!64 = !{i32 5, !"air.threads_per_threadgroup"}
!65 = !{i32 6, !"air.dispatch_threads_per_threadgroup"}
!66 = !{i32 7, !"air.threads_per_grid"}
!67 = !{i32 8, !"air.simdgroup_index_in_threadgroup"}
!68 = !{i32 9, !"air.simdgroups_per_threadgroup"}
!69 = !{i32 10, !"air.threads_per_simdgroup"}
!70 = !{i32 11, !"air.thread_index_in_quadgroup"}
!71 = !{i32 12, !"air.quadgroup_index_in_threadgroup"}
!72 = !{i32 13, !"air.quadgroups_per_threadgroup"}
!73 = !{i32 14, !"air.thread_execution_width"}
!74 = !{i32 15, !"air.grid_origin"}
!99 = !{}
