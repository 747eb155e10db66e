; SPDX-License-Identifier: MIT
; One function of each stage with what a reflection record can tell (air 2.5 to 2.15). tests/airc/reflect.sh compiles them
; and compares JSON and binary form with the files here, which are the promise that both are stable.
target triple = "air64-apple-macosx14.0.0"

@tile = internal addrspace(3) global [32 x float] undef, align 4
@table = internal addrspace(2) constant [600 x i32] [i32 0, i32 1, i32 4, i32 9, i32 16, i32 25, i32 36, i32 49, i32 64, i32 81, i32 100, i32 121, i32 144, i32 169, i32 196, i32 225, i32 5, i32 38, i32 73, i32 110, i32 149, i32 190, i32 233, i32 27, i32 74, i32 123, i32 174, i32 227, i32 31, i32 88, i32 147, i32 208, i32 20, i32 85, i32 152, i32 221, i32 41, i32 114, i32 189, i32 15, i32 94, i32 175, i32 7, i32 92, i32 179, i32 17, i32 108, i32 201, i32 45, i32 142, i32 241, i32 91, i32 194, i32 48, i32 155, i32 13, i32 124, i32 237, i32 101, i32 218, i32 86, i32 207, i32 79, i32 204, i32 80, i32 209, i32 89, i32 222, i32 106, i32 243, i32 131, i32 21, i32 164, i32 58, i32 205, i32 103, i32 3, i32 156, i32 60, i32 217, i32 125, i32 35, i32 198, i32 112, i32 28, i32 197, i32 117, i32 39, i32 214, i32 140, i32 68, i32 249, i32 181, i32 115, i32 51, i32 240, i32 180, i32 122, i32 66, i32 12, i32 211, i32 161, i32 113, i32 67, i32 23, i32 232, i32 192, i32 154, i32 118, i32 84, i32 52, i32 22, i32 245, i32 219, i32 195, i32 173, i32 153, i32 135, i32 119, i32 105, i32 93, i32 83, i32 75, i32 69, i32 65, i32 63, i32 63, i32 65, i32 69, i32 75, i32 83, i32 93, i32 105, i32 119, i32 135, i32 153, i32 173, i32 195, i32 219, i32 245, i32 22, i32 52, i32 84, i32 118, i32 154, i32 192, i32 232, i32 23, i32 67, i32 113, i32 161, i32 211, i32 12, i32 66, i32 122, i32 180, i32 240, i32 51, i32 115, i32 181, i32 249, i32 68, i32 140, i32 214, i32 39, i32 117, i32 197, i32 28, i32 112, i32 198, i32 35, i32 125, i32 217, i32 60, i32 156, i32 3, i32 103, i32 205, i32 58, i32 164, i32 21, i32 131, i32 243, i32 106, i32 222, i32 89, i32 209, i32 80, i32 204, i32 79, i32 207, i32 86, i32 218, i32 101, i32 237, i32 124, i32 13, i32 155, i32 48, i32 194, i32 91, i32 241, i32 142, i32 45, i32 201, i32 108, i32 17, i32 179, i32 92, i32 7, i32 175, i32 94, i32 15, i32 189, i32 114, i32 41, i32 221, i32 152, i32 85, i32 20, i32 208, i32 147, i32 88, i32 31, i32 227, i32 174, i32 123, i32 74, i32 27, i32 233, i32 190, i32 149, i32 110, i32 73, i32 38, i32 5, i32 225, i32 196, i32 169, i32 144, i32 121, i32 100, i32 81, i32 64, i32 49, i32 36, i32 25, i32 16, i32 9, i32 4, i32 1, i32 0, i32 1, i32 4, i32 9, i32 16, i32 25, i32 36, i32 49, i32 64, i32 81, i32 100, i32 121, i32 144, i32 169, i32 196, i32 225, i32 5, i32 38, i32 73, i32 110, i32 149, i32 190, i32 233, i32 27, i32 74, i32 123, i32 174, i32 227, i32 31, i32 88, i32 147, i32 208, i32 20, i32 85, i32 152, i32 221, i32 41, i32 114, i32 189, i32 15, i32 94, i32 175, i32 7, i32 92, i32 179, i32 17, i32 108, i32 201, i32 45, i32 142, i32 241, i32 91, i32 194, i32 48, i32 155, i32 13, i32 124, i32 237, i32 101, i32 218, i32 86, i32 207, i32 79, i32 204, i32 80, i32 209, i32 89, i32 222, i32 106, i32 243, i32 131, i32 21, i32 164, i32 58, i32 205, i32 103, i32 3, i32 156, i32 60, i32 217, i32 125, i32 35, i32 198, i32 112, i32 28, i32 197, i32 117, i32 39, i32 214, i32 140, i32 68, i32 249, i32 181, i32 115, i32 51, i32 240, i32 180, i32 122, i32 66, i32 12, i32 211, i32 161, i32 113, i32 67, i32 23, i32 232, i32 192, i32 154, i32 118, i32 84, i32 52, i32 22, i32 245, i32 219, i32 195, i32 173, i32 153, i32 135, i32 119, i32 105, i32 93, i32 83, i32 75, i32 69, i32 65, i32 63, i32 63, i32 65, i32 69, i32 75, i32 83, i32 93, i32 105, i32 119, i32 135, i32 153, i32 173, i32 195, i32 219, i32 245, i32 22, i32 52, i32 84, i32 118, i32 154, i32 192, i32 232, i32 23, i32 67, i32 113, i32 161, i32 211, i32 12, i32 66, i32 122, i32 180, i32 240, i32 51, i32 115, i32 181, i32 249, i32 68, i32 140, i32 214, i32 39, i32 117, i32 197, i32 28, i32 112, i32 198, i32 35, i32 125, i32 217, i32 60, i32 156, i32 3, i32 103, i32 205, i32 58, i32 164, i32 21, i32 131, i32 243, i32 106, i32 222, i32 89, i32 209, i32 80, i32 204, i32 79, i32 207, i32 86, i32 218, i32 101, i32 237, i32 124, i32 13, i32 155, i32 48, i32 194, i32 91, i32 241, i32 142, i32 45, i32 201, i32 108, i32 17, i32 179, i32 92, i32 7, i32 175, i32 94, i32 15, i32 189, i32 114, i32 41, i32 221, i32 152, i32 85, i32 20, i32 208, i32 147, i32 88, i32 31, i32 227, i32 174, i32 123, i32 74, i32 27, i32 233, i32 190, i32 149, i32 110, i32 73, i32 38, i32 5, i32 225, i32 196, i32 169, i32 144, i32 121, i32 100, i32 81, i32 64, i32 49, i32 36, i32 25, i32 16, i32 9, i32 4, i32 1, i32 0, i32 1, i32 4, i32 9, i32 16, i32 25, i32 36, i32 49, i32 64, i32 81, i32 100, i32 121, i32 144, i32 169, i32 196, i32 225, i32 5, i32 38, i32 73, i32 110, i32 149, i32 190, i32 233, i32 27, i32 74, i32 123, i32 174, i32 227, i32 31, i32 88, i32 147, i32 208, i32 20, i32 85, i32 152, i32 221, i32 41, i32 114, i32 189, i32 15, i32 94, i32 175, i32 7, i32 92, i32 179, i32 17, i32 108, i32 201, i32 45, i32 142, i32 241, i32 91, i32 194, i32 48, i32 155, i32 13, i32 124, i32 237, i32 101, i32 218, i32 86, i32 207, i32 79, i32 204, i32 80, i32 209, i32 89, i32 222, i32 106, i32 243, i32 131, i32 21, i32 164, i32 58, i32 205, i32 103, i32 3, i32 156, i32 60, i32 217, i32 125, i32 35, i32 198, i32 112, i32 28, i32 197, i32 117, i32 39, i32 214, i32 140, i32 68, i32 249, i32 181, i32 115, i32 51, i32 240, i32 180, i32 122], align 4
@trilinear = internal addrspace(2) constant [2 x i64] [i64 34901797601036873, i64 0], align 8
@FC.MTL_FC_INIT_3_f = internal addrspace(2) externally_initialized constant float undef, section "air.fc_initializer"
@FC.MTL_FC_INIT_8_v2i = internal addrspace(2) externally_initialized constant <2 x i32> undef, section "air.fc_initializer"
@FC.MTL_FC_INIT_9_b = internal addrspace(2) externally_initialized constant i8 undef, section "air.fc_initializer"

declare void @air.wg.barrier(i32, i32)
declare float @air.simd_sum.f32(float)
declare { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1), ptr addrspace(2), <2 x float>, i1, <2 x i32>, i1, float, float, i32)
declare void @air.write_texture_2d.v4f32(ptr addrspace(1), <2 x i32>, <4 x float>, i32, i32)
declare void @air.discard_fragment()

define void @k_all(ptr addrspace(1) %out, ptr addrspace(2) %params, ptr addrspace(3) %shared, ptr addrspace(1) %image,
                   ptr addrspace(1) %picture, ptr addrspace(2) %smp, ptr addrspace(1) %optional, i32 %gid, <2 x i16> %lid, i32 %lane) {
  %f = load float, ptr addrspace(2) @FC.MTL_FC_INIT_3_f, align 4
  %v = load <2 x i32>, ptr addrspace(2) @FC.MTL_FC_INIT_8_v2i, align 8
  %v1 = extractelement <2 x i32> %v, i32 1
  %n = load i32, ptr addrspace(2) %params, align 4
  %t = getelementptr [32 x float], ptr addrspace(3) @tile, i32 0, i32 %lane
  store float %f, ptr addrspace(3) %t, align 4
  store i32 %n, ptr addrspace(3) %shared, align 4
  call void @air.wg.barrier(i32 2, i32 1)
  %m = and i32 %gid, 511
  %c = getelementptr [600 x i32], ptr addrspace(2) @table, i32 0, i32 %m
  %k = load i32, ptr addrspace(2) %c, align 4
  %q = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %picture, ptr addrspace(2) %smp, <2 x float> zeroinitializer, i1 true, <2 x i32> zeroinitializer, i1 true, float 0.0, float 0.0, i32 0)
  %q2 = call { <4 x float>, i8 } @air.sample_texture_2d.v4f32(ptr addrspace(1) %picture, ptr addrspace(2) @trilinear, <2 x float> zeroinitializer, i1 true, <2 x i32> zeroinitializer, i1 true, float 0.0, float 0.0, i32 0)
  %x = extractvalue { <4 x float>, i8 } %q, 0
  %x2 = extractvalue { <4 x float>, i8 } %q2, 0
  %y = fadd <4 x float> %x, %x2
  call void @air.write_texture_2d.v4f32(ptr addrspace(1) %image, <2 x i32> zeroinitializer, <4 x float> %y, i32 1, i32 2)
  %u = xor i32 %lane, 1
  %tu = getelementptr [32 x float], ptr addrspace(3) @tile, i32 0, i32 %u
  %o = load float, ptr addrspace(3) %tu, align 4
  %s = call float @air.simd_sum.f32(float %o)
  %si = bitcast float %s to i32
  %r0 = add i32 %k, %si
  %r = add i32 %r0, %v1
  %p = getelementptr i32, ptr addrspace(1) %out, i32 %gid
  store i32 %r, ptr addrspace(1) %p, align 4
  ret void
}

%vout = type { <4 x float>, <2 x float>, i32, float, <4 x float>, i32 }
define %vout @v_all(<3 x float> %position, <4 x i32> %color, i32 %vid, i32 %iid, ptr addrspace(2) %params) {
  %s = load float, ptr addrspace(2) %params, align 4
  %p = shufflevector <3 x float> %position, <3 x float> <float 1.0, float 1.0, float 1.0>, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  %uv = insertelement <2 x float> zeroinitializer, float %s, i32 0
  %c = extractelement <4 x i32> %color, i32 1
  %ci = add i32 %c, %vid
  %r0 = insertvalue %vout undef, <4 x float> %p, 0
  %r1 = insertvalue %vout %r0, <2 x float> %uv, 1
  %r2 = insertvalue %vout %r1, i32 %ci, 2
  %r3 = insertvalue %vout %r2, float 4.0, 3
  %r4 = insertvalue %vout %r3, <4 x float> %p, 4
  %r5 = insertvalue %vout %r4, i32 %iid, 5
  ret %vout %r5
}

%fout = type { <4 x float>, <4 x float>, float, i32 }
define %fout @f_all(<4 x float> %position, <2 x float> %uv, i32 %id, <4 x float> %user, i1 %front) {
  %b = fcmp olt <2 x float> %uv, zeroinitializer
  %b0 = extractelement <2 x i1> %b, i32 0
  %b1 = and i1 %b0, %front
  br i1 %b1, label %gone, label %stays
gone:
  call void @air.discard_fragment()
  br label %stays
stays:
  %r0 = insertvalue %fout undef, <4 x float> %position, 0
  %r1 = insertvalue %fout %r0, <4 x float> %user, 1
  %r2 = insertvalue %fout %r1, float 0.5, 2
  %r3 = insertvalue %fout %r2, i32 %id, 3
  ret %fout %r3
}

%cp = type { <4 x float>, <2 x float> }
declare %cp @t_all.MTL_CONTROL_POINT_FN(i32, ptr) section "air.externally_defined"
define <4 x float> @t_all(ptr %patch, <3 x float> %bary) {
  %a = call %cp @t_all.MTL_CONTROL_POINT_FN(i32 2, ptr %patch)
  %p = extractvalue %cp %a, 0
  %x = extractelement <3 x float> %bary, i32 0
  %r = insertelement <4 x float> %p, float %x, i32 3
  ret <4 x float> %r
}

!air.kernel = !{!0}
!air.vertex = !{!1, !2}
!air.fragment = !{!3}
!air.function_constants = !{!20, !21, !22}
!air.sampler_states = !{!23}
!air.version = !{!24}
!air.language_version = !{!25}
!air.compile_options = !{!26, !27}
!0 = !{ptr @k_all, !99, !{!30, !31, !32, !33, !34, !35, !36, !37, !38, !39}, !{!"air.max_work_group_size", i32 256}}
!1 = !{ptr @v_all, !{!40, !41, !42, !43, !44, !45}, !{!50, !51, !52, !53, !54}}
!2 = !{ptr @t_all, !{!40}, !{!70, !71}, !{!"air.patch", !"triangle", !"air.patch_control_point", i32 3}}
!3 = !{ptr @f_all, !{!60, !61, !62, !63}, !{!55, !56, !57, !58, !59}, !"early_fragment_tests"}
!20 = !{ptr addrspace(2) @FC.MTL_FC_INIT_3_f, !"float", !"brightness", i32 3, i1 true}
!21 = !{ptr addrspace(2) @FC.MTL_FC_INIT_8_v2i, !"int2", !"size", i32 8, i1 false}
!22 = !{ptr addrspace(2) @FC.MTL_FC_INIT_9_b, !"bool", !"has_optional", i32 9, i1 false}
!23 = !{!"air.sampler_state", ptr addrspace(2) @trilinear}
!24 = !{i32 2, i32 7, i32 0}
!25 = !{!"Metal", i32 3, i32 2, i32 0}
!26 = !{!"air.compile.denorms_disable"}
!27 = !{!"air.compile.fast_math_enable"}
!30 = !{i32 0, !"air.buffer", !"air.location_index", i32 0, i32 1, !"air.read_write", !"air.address_space", i32 1, !"air.arg_type_size", i32 4, !"air.arg_type_align_size", i32 4, !"air.arg_type_name", !"uint", !"air.arg_name", !"out"}
!31 = !{i32 1, !"air.buffer", !"air.buffer_size", i32 16, !"air.location_index", i32 7, i32 1, !"air.read", !"air.address_space", i32 2, !"air.struct_type_info", !98, !"air.arg_type_size", i32 16, !"air.arg_type_align_size", i32 8, !"air.arg_type_name", !"Params", !"air.arg_name", !"params"}
!32 = !{i32 2, !"air.buffer", !"air.location_index", i32 2, i32 1, !"air.read_write", !"air.address_space", i32 3, !"air.arg_type_size", i32 4, !"air.arg_type_align_size", i32 4, !"air.arg_type_name", !"uint", !"air.arg_name", !"shared"}
!33 = !{i32 3, !"air.texture", !"air.location_index", i32 5, i32 1, !"air.write", !"air.arg_type_name", !"texture2d<float, write>", !"air.arg_name", !"image"}
!34 = !{i32 4, !"air.texture", !"air.location_index", i32 9, i32 1, !"air.sample", !"air.arg_type_name", !"texture2d<float, sample>", !"air.arg_name", !"picture"}
!35 = !{i32 5, !"air.sampler", !"air.location_index", i32 4, i32 1, !"air.arg_type_name", !"sampler", !"air.arg_name", !"smp"}
!36 = !{i32 6, !"air.function_constant", !22, !"air.buffer", !"air.location_index", i32 11, i32 1, !"air.read", !"air.address_space", i32 1, !"air.arg_type_size", i32 2, !"air.arg_type_align_size", i32 2, !"air.arg_type_name", !"half", !"air.arg_name", !"optional"}
!37 = !{i32 7, !"air.thread_position_in_grid", !"air.arg_type_name", !"uint", !"air.arg_name", !"gid"}
!38 = !{i32 8, !"air.thread_position_in_threadgroup", !"air.arg_type_name", !"ushort2", !"air.arg_name", !"lid"}
!39 = !{i32 9, !"air.thread_index_in_simdgroup", !"air.arg_type_name", !"uint", !"air.arg_name", !"lane"}
!40 = !{!"air.position", !"air.invariant", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!41 = !{!"air.vertex_output", !"generated(2uvDv2_f)", !"air.arg_type_name", !"float2", !"air.arg_name", !"uv"}
!42 = !{!"air.vertex_output", !"user(locn3)", !"air.arg_type_name", !"uint", !"air.arg_name", !"id"}
!43 = !{!"air.point_size", !"air.arg_type_name", !"float", !"air.arg_name", !"size"}
!44 = !{!"air.vertex_output", !"user(quote\22backslash\5Cbyte\FF)", !"air.arg_type_name", !"float4", !"air.arg_name", !"odd name"}
!45 = !{!"air.render_target_array_index", !"air.arg_type_name", !"uint", !"air.arg_name", !"layer"}
!50 = !{i32 0, !"air.vertex_input", !"air.location_index", i32 0, i32 1, !"air.arg_type_name", !"float3", !"air.arg_name", !"position"}
!51 = !{i32 1, !"air.vertex_input", !"air.location_index", i32 6, i32 1, !"air.arg_type_name", !"uint4", !"air.arg_name", !"color"}
!52 = !{i32 2, !"air.vertex_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"vid"}
!53 = !{i32 3, !"air.instance_id", !"air.arg_type_name", !"uint", !"air.arg_name", !"iid"}
!54 = !{i32 4, !"air.buffer", !"air.buffer_size", i32 4, !"air.location_index", i32 30, i32 1, !"air.read", !"air.address_space", i32 2, !"air.arg_type_size", i32 4, !"air.arg_type_align_size", i32 4, !"air.arg_type_name", !"float", !"air.arg_name", !"params"}
!55 = !{i32 0, !"air.position", !"air.center", !"air.no_perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"position"}
!56 = !{i32 1, !"air.fragment_input", !"generated(2uvDv2_f)", !"air.centroid", !"air.no_perspective", !"air.arg_type_name", !"float2", !"air.arg_name", !"uv"}
!57 = !{i32 2, !"air.fragment_input", !"user(locn3)", !"air.flat", !"air.arg_type_name", !"uint", !"air.arg_name", !"id"}
!58 = !{i32 3, !"air.fragment_input", !"user(quote\22backslash\5Cbyte\FF)", !"air.sample", !"air.perspective", !"air.arg_type_name", !"float4", !"air.arg_name", !"odd name"}
!59 = !{i32 4, !"air.front_facing", !"air.arg_type_name", !"bool", !"air.arg_name", !"front"}
!60 = !{!"air.render_target", i32 0, i32 0, !"air.arg_type_name", !"float4", !"air.arg_name", !"first"}
!61 = !{!"air.render_target", i32 0, i32 1, !"air.arg_type_name", !"float4", !"air.arg_name", !"second"}
!62 = !{!"air.depth", !"air.depth_qualifier", !"air.less", !"air.arg_type_name", !"float", !"air.arg_name", !"depth"}
!63 = !{!"air.sample_mask", !"air.arg_type_name", !"uint", !"air.arg_name", !"mask"}
!70 = !{i32 0, !"air.patch_control_point_input", !{!"air.patch_control_point_function", ptr @t_all.MTL_CONTROL_POINT_FN}, !{!"air.location_index", i32 0, i32 1, !"air.arg_type_name", !"float4", !"air.arg_name", !"place"}, !{!"air.location_index", i32 4, i32 1, !"air.arg_type_name", !"float2", !"air.arg_name", !"uv"}}
!71 = !{i32 1, !"air.position_in_patch", !"air.arg_type_name", !"float3", !"air.arg_name", !"bary"}
!98 = !{i32 0, i32 4, i32 0, !"uint", !"count", i32 8, i32 8, i32 0, !"float2", !"scale"}
!99 = !{}
