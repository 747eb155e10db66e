// SPDX-License-Identifier: MIT
// The same algorithm as the corpus kernel of this name, for the comparison of run times.
#version 460
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#extension GL_EXT_scalar_block_layout : require
layout(local_size_x_id = 0, local_size_y_id = 1, local_size_z_id = 2) in;
layout(set = 0, binding = 0) readonly buffer A { vec4 a[]; };
layout(set = 0, binding = 1) buffer B { vec4 o[]; };
layout(set = 0, binding = 2) readonly buffer C { float scale; };
layout(set = 0, binding = 3) readonly buffer D { float bias; };
void main()
{
    uint i = gl_GlobalInvocationID.x;
    o[i] = a[i] * scale + bias;
}
