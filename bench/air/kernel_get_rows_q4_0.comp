// SPDX-License-Identifier: MIT
// The same algorithm as the corpus kernel of this name, for the comparison of run times.
#version 460
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#extension GL_EXT_scalar_block_layout : require
layout(local_size_x_id = 0, local_size_y_id = 1, local_size_z_id = 2) in;
layout(set = 0, binding = 0, scalar) readonly buffer A { int64_t ne00; uint64_t nb01, nb02; int64_t ne10;
    uint64_t nb10, nb11, nb1, nb2; };
layout(set = 0, binding = 1) readonly buffer B { uint16_t q[]; };
layout(set = 0, binding = 1) readonly buffer B2 { float16_t qd[]; };
layout(set = 0, binding = 2) readonly buffer C { int idx[]; };
layout(set = 0, binding = 3) buffer D { float o[]; };
void main()
{
    uint i10 = gl_WorkGroupID.x, i11 = gl_WorkGroupID.y;
    uint r = uint(idx[(i11 * uint(nb11) + i10 * uint(nb10)) / 4]);
    uint row = (r * uint(nb01) + i11 * uint(nb02)) / 2, dst = (i11 * uint(nb2) + i10 * uint(nb1)) / 4;
    for (uint i = gl_LocalInvocationIndex; i < ne00 / 16; i += gl_WorkGroupSize.x) {
        uint blk = row + (i / 2) * 9, il = i & 1;
        float d1 = il != 0 ? float(qd[blk]) / 16.0 : float(qd[blk]), d2 = d1 / 256.0, md = -8.0 * float(qd[blk]);
        uint m0 = il != 0 ? 0x00f0u : 0x000fu, m1 = m0 << 8;
        for (uint k = 0; k < 8; k++) {
            uint v = uint(q[blk + 1 + k]);
            o[dst + i * 16 + k * 2] = d1 * float(v & m0) + md;
            o[dst + i * 16 + k * 2 + 1] = d2 * float(v & m1) + md;
        }
    }
}
