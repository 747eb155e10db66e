/* SPDX-License-Identifier: MIT */
/*
 * What compiled shaders and the renderer agree on: descriptor sets, binding bands, push constants, specialisation ids
 * (air 4.6, decision 15). Shared by the compiler (src/air) and the renderer; needs nothing but stdint.
 *
 * Descriptor set = stage, so that both stages of a pipeline compile without knowing each other:
 * set 0 vertex, kernel and object functions; set 1 fragment; set 2 mesh and tessellation.
 * Binding = band + Metal index. A module declares only what it uses.
 *
 * An array of textures or samplers is one binding of `count` descriptors at its first index. A texture of which the
 * module writes or reads single mip levels through a storage image (reflection: `levels` > 1) has `levels` descriptors
 * for each element: descriptor element * levels + level is a view of that one level. Levels that the texture has not
 * are null descriptors (nullDescriptor of VK_EXT_robustness2) or views of a dummy image: the shader may address them
 * when the guest does. Without `levels`, a storage descriptor is a view of the texture's first level.
 */
#ifndef PVG_AIR_ABI_H
#define PVG_AIR_ABI_H

#include <stdint.h>

#define AIR_SET_VERTEX   0 /* also kernel and object */
#define AIR_SET_FRAGMENT 1
#define AIR_SET_MESH     2 /* also the tessellation-evaluation stage */

#define AIR_BIND_BUFFER     0   /* + buffer index 0..30: storage buffer */
#define AIR_BIND_TEXTURE    32  /* + texture index 0..127: sampled, storage or texel-buffer image, see the reflection */
#define AIR_BIND_SAMPLER    160 /* + sampler index 0..15: sampler */
#define AIR_BIND_IMMUTABLE  192 /* + number of the constexpr sampler in the reflection, 0..31: sampler */
#define AIR_BIND_ATTACHMENT 224 /* + colour attachment 0..7: input attachment (framebuffer fetch) */
#define AIR_BIND_CONST_DATA 240 /* the module's constant tables, bytes in the reflection: storage buffer */
#define AIR_BIND_TESS_FACTORS                                                                                          \
    241 /* set 2: the bound tessellation factor buffer, from its offset on: storage buffer (tess.h) */
#define AIR_BIND_CUBE_ARRAY                                                                                            \
    256 /* + texture index: a cube that is read by texel, bound as a 2D array view (air 3.6)                           \
         */
#define AIR_BIND_QUERY                                                                                                 \
    384 /* + texture index: a storage texture that is asked for its levels, bound once more as a sampled image of all  \
         * its levels */

#define AIR_MAX_LEVELS 15 /* mip levels of a texture of 16384 texels, Metal's largest */

/*
 * Push constants: one block of at most 128 bytes, the same for every stage, scalar layout (offsets below in bytes).
 * A module declares the whole block when it uses any member.
 */
#define AIR_PUSH_NO_FLAGS 0xffffffffu

struct air_push {
    uint32_t threads_per_grid[3];  /* 0: threads of the dispatch; those outside have no effect (air 4.7) */
    uint32_t sample_count;         /* 12: rasterisation samples */
    uint32_t grid_origin[3];       /* 16: grid_origin and stage_in_grid_origin */
    uint32_t flags;                /* 28: zero for now, never AIR_PUSH_NO_FLAGS: functions rely on that difference */
    uint32_t grid_size[3];         /* 32: grid_size and stage_in_grid_size */
    uint32_t patch_control_points; /* 44 */
    uint64_t buffer_table;         /* 48: device address of struct air_buffer_entry[AIR_BUFFER_ENTRIES], for physical pointers */
    /* only the stages that tess.h makes read these */
    float tess_scale;              /* 56: tessellation factor scale, 1 unless the pipeline enables it */
    uint32_t tess_instance_stride; /* 60: bytes between the factors of two instances */
    uint32_t patch_start;          /* 64: first patch of the draw, where its control points are drawn by index */
    uint32_t reserved;             /* 68: 0 */
};

#define AIR_PUSH_BYTES                72
#define AIR_PUSH_THREADS_PER_GRID     0
#define AIR_PUSH_SAMPLE_COUNT         12
#define AIR_PUSH_GRID_ORIGIN          16
#define AIR_PUSH_GRID_SIZE            32
#define AIR_PUSH_PATCH_CONTROL_POINTS 44
#define AIR_PUSH_BUFFER_TABLE         48
#define AIR_PUSH_TESS_SCALE           56
#define AIR_PUSH_TESS_INSTANCE_STRIDE 60
#define AIR_PUSH_PATCH_START          64

/*
 * Tessellation: attribute n of control points and patches travels at location n; the location after the last attribute
 * carries what the evaluation stage has no builtin for: instance index, base instance and patch number (uvec4).
 */
#define AIR_TESS_LOCATION_IDS 31

/*
 * Entry n: the buffer bound at index n of this stage. Accesses through physical pointers stay within what it says. The
 * last entry stands for null and has no bytes; nor have those of buffers that are not bound.
 */
struct air_buffer_entry {
    uint64_t address; /* device address, multiple of 4 */
    uint64_t bytes;   /* length that may be touched; 0 when nothing is bound */
};

#define AIR_BUFFER_ENTRIES 32

/* Specialisation constants. */
#define AIR_SPEC_LOCAL_X 0 /* u32: threads per threadgroup; must be given at pipeline creation */
#define AIR_SPEC_LOCAL_Y 1
#define AIR_SPEC_LOCAL_Z 2
#define AIR_SPEC_TG_LENGTH                                                                                             \
    32 /* + threadgroup index 0..30, u32: bytes of dynamic threadgroup memory, multiple of 16                          \
        */

#endif
