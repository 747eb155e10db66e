; SPDX-License-Identifier: MIT
; Vertex stage-in (air 4.5, encoders 12.4): one attribute of each base type and width, handed on flat. Drawn by stagein.c
; with every vertex format.
target triple = "air64-apple-macosx14.0.0"

define <4 x float> @place(<2 x float> %pos) alwaysinline {
  %p = shufflevector <2 x float> %pos, <2 x float> <float 0.5, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %p
}
%outf = type { <4 x float>, <4 x float> }
%outi = type { <4 x float>, <4 x i32> }
define %outf @outf(<2 x float> %pos, <4 x float> %v) alwaysinline {
  %p = call <4 x float> @place(<2 x float> %pos)
  %r0 = insertvalue %outf undef, <4 x float> %p, 0
  %r = insertvalue %outf %r0, <4 x float> %v, 1
  ret %outf %r
}
define %outi @outi(<2 x float> %pos, <4 x i32> %v) alwaysinline {
  %p = call <4 x float> @place(<2 x float> %pos)
  %r0 = insertvalue %outi undef, <4 x float> %p, 0
  %r = insertvalue %outi %r0, <4 x i32> %v, 1
  ret %outi %r
}

define %outf @vs_float4(<2 x float> %pos, <4 x float> %v) {
  %r = call %outf @outf(<2 x float> %pos, <4 x float> %v)
  ret %outf %r
}
define %outf @vs_float2(<2 x float> %pos, <2 x float> %v) {
  %w = shufflevector <2 x float> %v, <2 x float> <float 8.0, float 9.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  %r = call %outf @outf(<2 x float> %pos, <4 x float> %w)
  ret %outf %r
}
define %outf @vs_float1(<2 x float> %pos, float %v) {
  %w = insertelement <4 x float> <float 0.0, float 7.0, float 8.0, float 9.0>, float %v, i32 0
  %r = call %outf @outf(<2 x float> %pos, <4 x float> %w)
  ret %outf %r
}
define %outf @vs_half4(<2 x float> %pos, <4 x half> %v) {
  %w = fpext <4 x half> %v to <4 x float>
  %r = call %outf @outf(<2 x float> %pos, <4 x float> %w)
  ret %outf %r
}
define %outi @vs_uint4(<2 x float> %pos, <4 x i32> %v) {
  %r = call %outi @outi(<2 x float> %pos, <4 x i32> %v)
  ret %outi %r
}
define %outi @vs_int4(<2 x float> %pos, <4 x i32> %v) {
  %r = call %outi @outi(<2 x float> %pos, <4 x i32> %v)
  ret %outi %r
}
define %outi @vs_ushort4(<2 x float> %pos, <4 x i16> %v) {
  %w = zext <4 x i16> %v to <4 x i32>
  %r = call %outi @outi(<2 x float> %pos, <4 x i32> %w)
  ret %outi %r
}
define %outi @vs_short4(<2 x float> %pos, <4 x i16> %v) {
  %w = sext <4 x i16> %v to <4 x i32>
  %r = call %outi @outi(<2 x float> %pos, <4 x i32> %w)
  ret %outi %r
}
define %outi @vs_uchar4(<2 x float> %pos, <4 x i8> %v) {
  %w = zext <4 x i8> %v to <4 x i32>
  %r = call %outi @outi(<2 x float> %pos, <4 x i32> %w)
  ret %outi %r
}
define %outi @vs_char4(<2 x float> %pos, <4 x i8> %v) {
  %w = sext <4 x i8> %v to <4 x i32>
  %r = call %outi @outi(<2 x float> %pos, <4 x i32> %w)
  ret %outi %r
}
; A signed format behind an unsigned parameter: what the caller says of the format decides.
define %outi @vs_uint1(<2 x float> %pos, i32 %v) {
  %w = insertelement <4 x i32> <i32 0, i32 7, i32 8, i32 9>, i32 %v, i32 0
  %r = call %outi @outi(<2 x float> %pos, <4 x i32> %w)
  ret %outi %r
}

define <4 x float> @fs_float(<4 x float> %v) {
  ret <4 x float> %v
}
define <4 x i32> @fs_uint(<4 x i32> %v) {
  ret <4 x i32> %v
}

!air.vertex = !{!10, !11, !12, !13, !14, !15, !16, !17, !18, !19, !20}
!10 = !{ptr @vs_float4, !{!100, !101}, !{!110, !111}}
!11 = !{ptr @vs_float2, !{!100, !101}, !{!110, !112}}
!12 = !{ptr @vs_float1, !{!100, !101}, !{!110, !113}}
!13 = !{ptr @vs_half4, !{!100, !101}, !{!110, !114}}
!14 = !{ptr @vs_uint4, !{!100, !102}, !{!110, !115}}
!15 = !{ptr @vs_int4, !{!100, !102}, !{!110, !116}}
!16 = !{ptr @vs_ushort4, !{!100, !102}, !{!110, !117}}
!17 = !{ptr @vs_short4, !{!100, !102}, !{!110, !118}}
!18 = !{ptr @vs_uchar4, !{!100, !102}, !{!110, !119}}
!19 = !{ptr @vs_char4, !{!100, !102}, !{!110, !120}}
!20 = !{ptr @vs_uint1, !{!100, !102}, !{!110, !121}}
!100 = !{!"air.position", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!101 = !{!"air.vertex_output", !"user(value)", !"air.arg_type_name", !"float4", !"air.arg_name", !"value"}
!102 = !{!"air.vertex_output", !"user(value)", !"air.arg_type_name", !"uint4", !"air.arg_name", !"value"}
!110 = !{i32 0, !"air.vertex_input", !"air.location_index", i32 4, i32 1, !"air.arg_type_name", !"float2", !"air.arg_name", !"pos"}
!111 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"float4", !"air.arg_name", !"v"}
!112 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"float2", !"air.arg_name", !"v"}
!113 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"float", !"air.arg_name", !"v"}
!114 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"half4", !"air.arg_name", !"v"}
!115 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"uint4", !"air.arg_name", !"v"}
!116 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"int4", !"air.arg_name", !"v"}
!117 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"ushort4", !"air.arg_name", !"v"}
!118 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"short4", !"air.arg_name", !"v"}
!119 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"uchar4", !"air.arg_name", !"v"}
!120 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"char4", !"air.arg_name", !"v"}
!121 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 9, i32 1, !"air.arg_type_name", !"uint", !"air.arg_name", !"v"}

!air.fragment = !{!30, !31}
!30 = !{ptr @fs_float, !{!200}, !{!210}}
!31 = !{ptr @fs_uint, !{!201}, !{!211}}
!200 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float4"}
!201 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"uint4"}
!210 = !{i32 0, !"air.fragment_input", !"user(value)", !"air.flat", !"air.arg_type_name", !"float4", !"air.arg_name", !"v"}
!211 = !{i32 0, !"air.fragment_input", !"user(value)", !"air.flat", !"air.arg_type_name", !"uint4", !"air.arg_name", !"v"}
