; SPDX-License-Identifier: MIT
; A kernel with a loop, threadgroup memory, a barrier, a conversion and a fast-math call: seed of the mutation test.
target datalayout = "e-p:64:64:64-i1:8:8-i8:8:8-i16:16:16-i32:32:32-i64:64:64-f32:32:32-f64:64:64-v16:16:16-v24:32:32-v32:32:32-v48:64:64-v64:64:64-v96:128:128-v128:128:128-v192:256:256-v256:256:256-v512:512:512-v1024:1024:1024-n8:16:32"
target triple = "air64-apple-macosx13.0.0"

@scratch = internal addrspace(3) global [64 x float] undef, align 4

declare void @air.wg.barrier(i32, i32)
declare float @air.convert.f.f32.u.i32(i32)
declare float @air.fast_sqrt.f32(float)

define void @sums(ptr addrspace(1) %in, ptr addrspace(1) %out, ptr addrspace(2) %count, i32 %gid, i32 %lid) {
entry:
  %n = load i32, ptr addrspace(2) %count, align 4
  %empty = icmp eq i32 %n, 0
  br i1 %empty, label %store, label %loop

loop:
  %i = phi i32 [ 0, %entry ], [ %next, %loop ]
  %acc = phi float [ 0.0, %entry ], [ %sum, %loop ]
  %at = add i32 %i, %gid
  %at64 = zext i32 %at to i64
  %p = getelementptr inbounds float, ptr addrspace(1) %in, i64 %at64
  %v = load float, ptr addrspace(1) %p, align 4
  %root = call fast float @air.fast_sqrt.f32(float %v)
  %sum = fadd fast float %acc, %root
  %next = add nuw i32 %i, 1
  %more = icmp ult i32 %next, %n
  br i1 %more, label %loop, label %store

store:
  %total = phi float [ 0.0, %entry ], [ %sum, %loop ]
  %slot = and i32 %lid, 63
  %slot64 = zext i32 %slot to i64
  %s = getelementptr inbounds [64 x float], ptr addrspace(3) @scratch, i64 0, i64 %slot64
  store float %total, ptr addrspace(3) %s, align 4
  call void @air.wg.barrier(i32 2, i32 1)
  %other = xor i32 %slot, 1
  %other64 = zext i32 %other to i64
  %o = getelementptr inbounds [64 x float], ptr addrspace(3) @scratch, i64 0, i64 %other64
  %mate = load float, ptr addrspace(3) %o, align 4
  %id = call float @air.convert.f.f32.u.i32(i32 %gid)
  %both = fadd fast float %mate, %id
  %gid64 = zext i32 %gid to i64
  %q = getelementptr inbounds float, ptr addrspace(1) %out, i64 %gid64
  store float %both, ptr addrspace(1) %q, align 4
  ret void
}

!air.kernel = !{!0}
!air.version = !{!9}
!air.language_version = !{!10}
!0 = !{ptr @sums, !1, !2}
!1 = !{}
!2 = !{!3, !4, !5, !6, !7}
!3 = !{i32 0, !"air.buffer", !"air.location_index", i32 0, i32 1, !"air.read", !"air.address_space", i32 1, !"air.arg_type_size", i32 4, !"air.arg_type_align_size", i32 4, !"air.arg_type_name", !"float", !"air.arg_name", !"in"}
!4 = !{i32 1, !"air.buffer", !"air.location_index", i32 1, i32 1, !"air.read_write", !"air.address_space", i32 1, !"air.arg_type_size", i32 4, !"air.arg_type_align_size", i32 4, !"air.arg_type_name", !"float", !"air.arg_name", !"out"}
!5 = !{i32 2, !"air.buffer", !"air.buffer_size", i32 4, !"air.location_index", i32 2, i32 1, !"air.read", !"air.address_space", i32 2, !"air.arg_type_size", i32 4, !"air.arg_type_align_size", i32 4, !"air.arg_type_name", !"uint", !"air.arg_name", !"count"}
!6 = !{i32 3, !"air.thread_position_in_grid", !"air.arg_type_name", !"uint", !"air.arg_name", !"gid"}
!7 = !{i32 4, !"air.thread_position_in_threadgroup", !"air.arg_type_name", !"uint", !"air.arg_name", !"lid"}
!9 = !{i32 2, i32 5, i32 0}
!10 = !{!"Metal", i32 3, i32 0, i32 0}
