; SPDX-License-Identifier: MIT
; A fragment function that branches, discards and multiplies a varying: seed of the mutation test.
target datalayout = "e-p:64:64:64-i1:8:8-i8:8:8-i16:16:16-i32:32:32-i64:64:64-f32:32:32-f64:64:64-v16:16:16-v24:32:32-v32:32:32-v48:64:64-v64:64:64-v96:128:128-v128:128:128-v192:256:256-v256:256:256-v512:512:512-v1024:1024:1024-n8:16:32"
target triple = "air64-apple-macosx13.0.0"

declare void @air.discard_fragment()
declare float @air.fast_saturate.f32(float)

define <4 x float> @shade(<4 x float> %position, <4 x float> %color, ptr addrspace(2) %limit) {
entry:
  %l = load float, ptr addrspace(2) %limit, align 4
  %a = extractelement <4 x float> %color, i64 3
  %gone = fcmp fast olt float %a, %l
  br i1 %gone, label %drop, label %keep

drop:
  call void @air.discard_fragment()
  br label %keep

keep:
  %s = call fast float @air.fast_saturate.f32(float %a)
  %b0 = insertelement <4 x float> undef, float %s, i64 0
  %b = shufflevector <4 x float> %b0, <4 x float> undef, <4 x i32> zeroinitializer
  %c = fmul fast <4 x float> %color, %b
  ret <4 x float> %c
}

!air.fragment = !{!0}
!air.version = !{!9}
!air.language_version = !{!10}
!0 = !{ptr @shade, !1, !3}
!1 = !{!2}
!2 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float4"}
!3 = !{!4, !5, !6}
!4 = !{i32 0, !"air.position", !"air.center", !"air.no_perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!5 = !{i32 1, !"air.fragment_input", !"generated(5colorDv4_f)", !"air.center", !"air.perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"color"}
!6 = !{i32 2, !"air.buffer", !"air.buffer_size", i32 4, !"air.location_index", i32 0, i32 1, !"air.read", !"air.address_space", i32 2, !"air.arg_type_size", i32 4, !"air.arg_type_align_size", i32 4, !"air.arg_type_name", !"float", !"air.arg_name", !"limit"}
!9 = !{i32 2, i32 5, i32 0}
!10 = !{!"Metal", i32 3, i32 0, i32 0}
