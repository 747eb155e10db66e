// SPDX-License-Identifier: MIT
// The same algorithm as the corpus kernel of this name, for the comparison of run times.
#version 460
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#extension GL_EXT_scalar_block_layout : require
layout(local_size_x_id = 0, local_size_y_id = 1, local_size_z_id = 2) in;
layout(set = 0, binding = 0, scalar) readonly buffer A { int64_t ne00, ne01, ne02, ne03; uint64_t nb00, nb01, nb02, nb03;
    int64_t ne0, ne1, ne2, ne3; uint64_t nb0, nb1, nb2, nb3; };
layout(set = 0, binding = 1) readonly buffer B { float s[]; };
layout(set = 0, binding = 2) buffer C { float16_t d[]; };
void main()
{
    uint i03 = gl_WorkGroupID.z, i02 = gl_WorkGroupID.y;
    uint i01 = gl_WorkGroupID.x * gl_WorkGroupSize.y + gl_LocalInvocationIndex / gl_WorkGroupSize.x;
    if (i01 >= ne01)
        return;
    int64_t n = i03 * ne02 * ne01 * ne00 + i02 * ne01 * ne00 + i01 * ne00;
    int64_t i3 = n / (ne2 * ne1 * ne0), r3 = n - i3 * ne2 * ne1 * ne0, i2 = r3 / (ne1 * ne0);
    int64_t i1 = (r3 - i2 * ne1 * ne0) / ne0, i0 = r3 - i2 * ne1 * ne0 - i1 * ne0;
    uint dst = uint(i3 * int64_t(nb3) + i2 * int64_t(nb2) + i1 * int64_t(nb1) + i0 * int64_t(nb0)) / 2;
    uint src = uint(i03 * nb03 + i02 * nb02 + i01 * nb01);
    for (uint i = gl_LocalInvocationIndex % gl_WorkGroupSize.x; i < ne00; i += gl_WorkGroupSize.x)
        d[dst + i] = float16_t(s[(src + i * uint(nb00)) / 4]);
}
