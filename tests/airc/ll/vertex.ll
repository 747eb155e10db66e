; SPDX-License-Identifier: MIT
; A vertex function with stage-in attributes, a constant buffer and two outputs: seed of the mutation test.
target datalayout = "e-p:64:64:64-i1:8:8-i8:8:8-i16:16:16-i32:32:32-i64:64:64-f32:32:32-f64:64:64-v16:16:16-v24:32:32-v32:32:32-v48:64:64-v64:64:64-v96:128:128-v128:128:128-v192:256:256-v256:256:256-v512:512:512-v1024:1024:1024-n8:16:32"
target triple = "air64-apple-macosx13.0.0"

%Out = type { <4 x float>, <2 x float> }

declare float @air.dot.v4f32(<4 x float>, <4 x float>)

define %Out @place(<4 x float> %position, <2 x float> %uv, ptr addrspace(2) %matrix) {
  %r0 = load <4 x float>, ptr addrspace(2) %matrix, align 16
  %p1 = getelementptr inbounds <4 x float>, ptr addrspace(2) %matrix, i64 1
  %r1 = load <4 x float>, ptr addrspace(2) %p1, align 16
  %p2 = getelementptr inbounds <4 x float>, ptr addrspace(2) %matrix, i64 2
  %r2 = load <4 x float>, ptr addrspace(2) %p2, align 16
  %p3 = getelementptr inbounds <4 x float>, ptr addrspace(2) %matrix, i64 3
  %r3 = load <4 x float>, ptr addrspace(2) %p3, align 16
  %x = call fast float @air.dot.v4f32(<4 x float> %r0, <4 x float> %position)
  %y = call fast float @air.dot.v4f32(<4 x float> %r1, <4 x float> %position)
  %z = call fast float @air.dot.v4f32(<4 x float> %r2, <4 x float> %position)
  %w = call fast float @air.dot.v4f32(<4 x float> %r3, <4 x float> %position)
  %v0 = insertelement <4 x float> undef, float %x, i64 0
  %v1 = insertelement <4 x float> %v0, float %y, i64 1
  %v2 = insertelement <4 x float> %v1, float %z, i64 2
  %v3 = insertelement <4 x float> %v2, float %w, i64 3
  %o0 = insertvalue %Out undef, <4 x float> %v3, 0
  %o1 = insertvalue %Out %o0, <2 x float> %uv, 1
  ret %Out %o1
}

!air.vertex = !{!0}
!air.version = !{!9}
!air.language_version = !{!10}
!0 = !{ptr @place, !1, !4}
!1 = !{!2, !3}
!2 = !{!"air.position", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!3 = !{!"air.vertex_output", !"generated(2uvDv2_f)", !"air.arg_type_name", !"float2", !"air.arg_name", !"uv"}
!4 = !{!5, !6, !7}
!5 = !{i32 0, !"air.vertex_input", !"air.location_index", i32 0, i32 1, !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!6 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 1, i32 1, !"air.arg_type_name", !"float2", !"air.arg_name", !"uv"}
!7 = !{i32 2, !"air.buffer", !"air.buffer_size", i32 64, !"air.location_index", i32 0, i32 1, !"air.read", !"air.address_space", i32 2, !"air.arg_type_size", i32 16, !"air.arg_type_align_size", i32 16, !"air.arg_type_name", !"float4", !"air.arg_name", !"matrix"}
!9 = !{i32 2, i32 5, i32 0}
!10 = !{!"Metal", i32 3, i32 0, i32 0}
