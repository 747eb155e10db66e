// SPDX-License-Identifier: MIT
// The same algorithm as the corpus kernel of this name, for the comparison of run times.
#version 460
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#extension GL_EXT_scalar_block_layout : require
layout(local_size_x_id = 0, local_size_y_id = 1, local_size_z_id = 2) in;
layout(set = 0, binding = 0) readonly buffer A { float a[]; };
layout(set = 0, binding = 1) buffer B { float o[]; };
layout(set = 0, binding = 2, scalar) readonly buffer C { int64_t ne00, ne01; int n_past; };
void main()
{
    int64_t i0 = gl_GlobalInvocationID.x, i1 = gl_GlobalInvocationID.y, i2 = gl_GlobalInvocationID.z;
    uint i = uint(i2 * ne01 * ne00 + i1 * ne00 + i0);
    o[i] = i0 > n_past + i1 ? uintBitsToFloat(0xff800000u) : a[i];
}
