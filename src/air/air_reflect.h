/* SPDX-License-Identifier: MIT */
/*
 * The reflection record: what a pipeline needs to know about a compiled function (air 2.5-2.15), in a stable binary
 * form.
 *
 * Little-endian, 4-byte aligned, offsets from the start of the record. Needs no LLVM. The record comes from a worker
 * that a guest may have taken over: air_reflect_check() must accept it before any accessor is used on it. All strings
 * are NUL-terminated and live in the string table; string offset 0 is the empty string.
 */
#ifndef PVG_AIR_REFLECT_H
#define PVG_AIR_REFLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define AIR_REFLECT_MAGIC   0x46524941u /* "AIRF" */
#define AIR_REFLECT_VERSION 2u

/*
 * What a record may hold: a worker in a guest's hands must not keep the reader busy. Functions have at most 512 parameters
 * (and 31 attributes of control points) and Vulkan far fewer locations; linking compares each pair of identities.
 */
#define AIR_REFLECT_MAX_ARGS      512u
#define AIR_REFLECT_MAX_IO        1024u /* of inputs, and of outputs */
#define AIR_REFLECT_MAX_SAMPLERS  32u   /* bindings of AIR_BIND_IMMUTABLE */
#define AIR_REFLECT_MAX_CONSTANTS 4096u
#define AIR_REFLECT_MAX_POINTS    32u   /* control points of a patch */
#define AIR_REFLECT_MAX_IDENTITY  1024u /* bytes of an identity string with its NUL */

/* Same numbers as the container's TYPE tag (air 1.5). */
enum air_stage {
    AIR_STAGE_VERTEX = 0,
    AIR_STAGE_FRAGMENT = 1,
    AIR_STAGE_KERNEL = 2,
    AIR_STAGE_UNQUALIFIED = 3,
    AIR_STAGE_VISIBLE = 4,
    AIR_STAGE_EXTERN = 5,
    AIR_STAGE_INTERSECTION = 6,
    AIR_STAGE_MESH = 7,
    AIR_STAGE_OBJECT = 8,
};

/* Keywords of argument and output nodes (air 2.7, 2.8); the name is "air." + the second column. Append only. */
#define AIR_KINDS(X)                                                                                                   \
    X(UNKNOWN, "unknown")                                                                                              \
    X(BUFFER, "buffer")                                                                                                \
    X(INDIRECT_BUFFER, "indirect_buffer")                                                                              \
    X(INDIRECT_CONSTANT, "indirect_constant")                                                                          \
    X(TEXTURE, "texture")                                                                                              \
    X(SAMPLER, "sampler")                                                                                              \
    X(PAYLOAD, "payload")                                                                                              \
    X(MESH, "mesh")                                                                                                    \
    X(MESH_GRID_PROPERTIES, "mesh_grid_properties")                                                                    \
    X(PATCH_CONTROL_POINT_INPUT, "patch_control_point_input")                                                          \
    X(THREAD_POSITION_IN_GRID, "thread_position_in_grid")                                                              \
    X(THREADGROUP_POSITION_IN_GRID, "threadgroup_position_in_grid")                                                    \
    X(THREAD_POSITION_IN_THREADGROUP, "thread_position_in_threadgroup")                                                \
    X(THREAD_INDEX_IN_THREADGROUP, "thread_index_in_threadgroup")                                                      \
    X(THREADS_PER_THREADGROUP, "threads_per_threadgroup")                                                              \
    X(DISPATCH_THREADS_PER_THREADGROUP, "dispatch_threads_per_threadgroup")                                            \
    X(THREADS_PER_GRID, "threads_per_grid")                                                                            \
    X(THREADGROUPS_PER_GRID, "threadgroups_per_grid")                                                                  \
    X(GRID_ORIGIN, "grid_origin")                                                                                      \
    X(GRID_SIZE, "grid_size")                                                                                          \
    X(STAGE_IN_GRID_ORIGIN, "stage_in_grid_origin")                                                                    \
    X(STAGE_IN_GRID_SIZE, "stage_in_grid_size")                                                                        \
    X(THREAD_INDEX_IN_SIMDGROUP, "thread_index_in_simdgroup")                                                          \
    X(SIMDGROUP_INDEX_IN_THREADGROUP, "simdgroup_index_in_threadgroup")                                                \
    X(SIMDGROUPS_PER_THREADGROUP, "simdgroups_per_threadgroup")                                                        \
    X(THREADS_PER_SIMDGROUP, "threads_per_simdgroup")                                                                  \
    X(THREAD_EXECUTION_WIDTH, "thread_execution_width")                                                                \
    X(DISPATCH_SIMDGROUPS_PER_THREADGROUP, "dispatch_simdgroups_per_threadgroup")                                      \
    X(DISPATCH_QUADGROUPS_PER_THREADGROUP, "dispatch_quadgroups_per_threadgroup")                                      \
    X(THREAD_INDEX_IN_QUADGROUP, "thread_index_in_quadgroup")                                                          \
    X(QUADGROUP_INDEX_IN_THREADGROUP, "quadgroup_index_in_threadgroup")                                                \
    X(QUADGROUPS_PER_THREADGROUP, "quadgroups_per_threadgroup")                                                        \
    X(VERTEX_INPUT, "vertex_input")                                                                                    \
    X(VERTEX_ID, "vertex_id")                                                                                          \
    X(INSTANCE_ID, "instance_id")                                                                                      \
    X(BASE_VERTEX, "base_vertex")                                                                                      \
    X(BASE_INSTANCE, "base_instance")                                                                                  \
    X(AMPLIFICATION_ID, "amplification_id")                                                                            \
    X(AMPLIFICATION_COUNT, "amplification_count")                                                                      \
    X(POSITION_IN_PATCH, "position_in_patch")                                                                          \
    X(PATCH_ID, "patch_id")                                                                                            \
    X(PATCH_INPUT, "patch_input")                                                                                      \
    X(CONTROL_POINT_INPUT, "control_point_input")                                                                      \
    X(POSITION, "position")                                                                                            \
    X(VERTEX_OUTPUT, "vertex_output")                                                                                  \
    X(POINT_SIZE, "point_size")                                                                                        \
    X(CLIP_DISTANCE, "clip_distance")                                                                                  \
    X(RENDER_TARGET_ARRAY_INDEX, "render_target_array_index")                                                          \
    X(VIEWPORT_ARRAY_INDEX, "viewport_array_index")                                                                    \
    X(FRAGMENT_INPUT, "fragment_input")                                                                                \
    X(FRONT_FACING, "front_facing")                                                                                    \
    X(POINT_COORD, "point_coord")                                                                                      \
    X(PRIMITIVE_ID, "primitive_id")                                                                                    \
    X(SAMPLE_ID, "sample_id")                                                                                          \
    X(SAMPLE_MASK_IN, "sample_mask_in")                                                                                \
    X(BARYCENTRIC_COORD, "barycentric_coord")                                                                          \
    X(RENDER_TARGET, "render_target")                                                                                  \
    X(DEPTH, "depth")                                                                                                  \
    X(STENCIL, "stencil")                                                                                              \
    X(SAMPLE_MASK, "sample_mask")                                                                                      \
    X(MESH_VERTEX_DATA, "mesh_vertex_data")                                                                            \
    X(MESH_PRIMITIVE_DATA, "mesh_primitive_data")                                                                      \
    X(PRIMITIVE_CULLED, "primitive_culled")                                                                            \
    X(COMMAND_BUFFER, "command_buffer")                                                                                \
    X(VISIBLE_FUNCTION_TABLE, "visible_function_table")                                                                \
    X(INTERSECTION_FUNCTION_TABLE, "intersection_function_table")                                                      \
    X(INSTANCE_ACCELERATION_STRUCTURE, "instance_acceleration_structure")                                              \
    X(PRIMITIVE_ACCELERATION_STRUCTURE, "primitive_acceleration_structure")                                            \
    X(IMAGEBLOCK, "imageblock")                                                                                        \
    X(TENSOR, "tensor")                                                                                                \
    X(COMPUTE_PIPELINE_STATE, "compute_pipeline_state")                                                                \
    X(RENDER_PIPELINE_STATE, "render_pipeline_state")                                                                  \
    X(DEPTH_STENCIL_STATE, "depth_stencil_state")

enum air_kind {
#define X(id, name) AIR_KIND_##id,
    AIR_KINDS(X)
#undef X
        AIR_KIND_COUNT
};

enum air_access {
    AIR_ACCESS_NONE = 0,
    AIR_ACCESS_READ = 1,
    AIR_ACCESS_WRITE = 2,
    AIR_ACCESS_READ_WRITE = 3,
    AIR_ACCESS_SAMPLE = 4,
};

/* Texture types of air 2.7 in that order. */
#define AIR_TEXTURES(X)                                                                                                \
    X(NONE, "none")                                                                                                    \
    X(1D, "texture1d")                                                                                                 \
    X(1D_ARRAY, "texture1d_array")                                                                                     \
    X(2D, "texture2d")                                                                                                 \
    X(2D_ARRAY, "texture2d_array")                                                                                     \
    X(3D, "texture3d")                                                                                                 \
    X(CUBE, "texturecube")                                                                                             \
    X(CUBE_ARRAY, "texturecube_array")                                                                                 \
    X(2D_MS, "texture2d_ms")                                                                                           \
    X(2D_MS_ARRAY, "texture2d_ms_array")                                                                               \
    X(BUFFER, "texture_buffer")                                                                                        \
    X(DEPTH_2D, "depth2d")                                                                                             \
    X(DEPTH_2D_ARRAY, "depth2d_array")                                                                                 \
    X(DEPTH_CUBE, "depthcube")                                                                                         \
    X(DEPTH_CUBE_ARRAY, "depthcube_array")                                                                             \
    X(DEPTH_2D_MS, "depth2d_ms")                                                                                       \
    X(DEPTH_2D_MS_ARRAY, "depth2d_ms_array")

enum air_texture {
#define X(id, name) AIR_TEXTURE_##id,
    AIR_TEXTURES(X)
#undef X
        AIR_TEXTURE_COUNT
};

enum air_component {
    AIR_COMPONENT_NONE = 0,
    AIR_COMPONENT_FLOAT,
    AIR_COMPONENT_HALF,
    AIR_COMPONENT_INT,
    AIR_COMPONENT_UINT,
    AIR_COMPONENT_SHORT,
    AIR_COMPONENT_USHORT,
    AIR_COMPONENT_ULONG,
};

struct air_reflect_table {
    uint32_t offset; /* bytes */
    uint32_t count;  /* records */
};

struct air_reflect_header {
    uint32_t magic, version;
    uint32_t bytes;              /* of the whole record */
    uint32_t stage;              /* enum air_stage */
    uint32_t flags;              /* AIR_REFLECT_* */
    uint32_t name;               /* string: entry point; the SPIR-V entry point is always "main" */
    uint32_t simd_width;         /* subgroup width the module must run with; 0: any */
    uint32_t max_threads;        /* threads per threadgroup at most; 0: no limit stated */
    uint32_t threadgroup_bytes;  /* statically sized threadgroup memory, scratch of the SIMD emulation not included */
    uint32_t scratch_per_thread; /* bytes of workgroup memory per thread that the SIMD emulation adds */
    uint32_t patch_kind;         /* 0 none, 1 triangle, 2 quad */
    uint32_t patch_control_points;
    uint32_t mesh_max_vertices, mesh_max_primitives;
    uint32_t mesh_topology; /* 0 point, 1 line, 2 triangle */
    uint32_t payload_bytes;
    struct air_reflect_table args, inputs, outputs, samplers, constants;
    struct air_reflect_table strings;    /* bytes */
    struct air_reflect_table const_data; /* bytes to be put in the buffer at AIR_BIND_CONST_DATA */
};

#define AIR_REFLECT_EARLY_TESTS       (1u << 0) /* early fragment tests */
#define AIR_REFLECT_DISCARDS          (1u << 1)
#define AIR_REFLECT_USES_PUSH         (1u << 2) /* push-constant block declared */
#define AIR_REFLECT_USES_TABLE        (1u << 3) /* reads air_push.buffer_table */
#define AIR_REFLECT_SIMD              (1u << 4) /* uses SIMD-group operations */
#define AIR_REFLECT_SIMD_EMULATED     (1u << 5)
#define AIR_REFLECT_BARRIERS          (1u << 6)
#define AIR_REFLECT_DISPATCHER        (1u << 7) /* control flow in dispatcher form */
#define AIR_REFLECT_FAST_MATH         (1u << 8)
#define AIR_REFLECT_LIVE_CONSTANTS    (1u << 9) /* has function constants (air 2.12: worth a log line) */
#define AIR_REFLECT_LAYERED           (1u << 10)
#define AIR_REFLECT_WRITES_BUFFERS    (1u << 11)
#define AIR_REFLECT_DEPTH_GREATER     (1u << 12)
#define AIR_REFLECT_DEPTH_LESS        (1u << 13)
#define AIR_REFLECT_FRAMEBUFFER_FETCH (1u << 14)

/* A resource: buffer, threadgroup memory, texture, sampler, payload. */
struct air_reflect_arg {
    uint32_t kind;   /* enum air_kind */
    uint32_t index;  /* Metal index in its space */
    uint32_t count;  /* elements for arrays of resources */
    uint32_t space;  /* LLVM address space of a buffer: 1 device, 2 constant, 3 threadgroup (dynamic length) */
    uint32_t access; /* enum air_access as declared */
    uint32_t bytes;  /* size of the referenced object; 0: pointer, unbounded */
    uint32_t type_bytes, type_align; /* pointee, 0 when unknown */
    uint32_t texture;                /* enum air_texture */
    uint32_t component;              /* enum air_component */
    uint32_t set, binding;
    uint32_t levels; /* storage texture: mip levels with a descriptor each (air_abi.h), else 1 or 0 (not declared) */
    uint32_t flags;  /* AIR_ARG_* */
    uint32_t name, type_name; /* strings */
};

#define AIR_ARG_USED            (1u << 0) /* declared in the SPIR-V */
#define AIR_ARG_WRITTEN         (1u << 1) /* stored to, or atomics */
#define AIR_ARG_STORAGE         (1u << 2) /* texture: storage image or storage texel buffer, else sampled image */
#define AIR_ARG_COMPARE         (1u << 3) /* texture: sampled with comparison */
#define AIR_ARG_CUBE_ARRAY      (1u << 4) /* texture: also or only bound as a 2D array at AIR_BIND_CUBE_ARRAY + index */
#define AIR_ARG_CUBE_ONLY_ARRAY (1u << 5) /* and not at its ordinary binding */
#define AIR_ARG_PHYSICAL        (1u << 6) /* buffer: reached through air_push.buffer_table only */
#define AIR_ARG_ABSENT          (1u << 7) /* function constant false: not declared */
#define AIR_ARG_QUERY           (1u << 8) /* storage texture: also or only bound as a sampled image at AIR_BIND_QUERY + index */
#define AIR_ARG_QUERY_ONLY      (1u << 9) /* and not at its ordinary binding */

/* A stage input or output; builtins have no location. */
struct air_reflect_io {
    uint32_t kind;      /* enum air_kind */
    uint32_t location;  /* SPIR-V location; ~0 for builtins */
    uint32_t index;     /* attribute index, colour attachment */
    uint32_t source;    /* dual-source index of a render target */
    uint32_t component; /* enum air_component of the SPIR-V variable, NONE for builtins */
    uint32_t width;     /* components 1..4 */
    uint32_t word;  /* index of the Location literal in the SPIR-V words, 0: none (air 2.14: rewritten when linking) */
    uint32_t flags; /* AIR_IO_* */
    uint32_t identity; /* string: "user(...)", "generated(...)" or empty */
    uint32_t name;     /* string */
};

#define AIR_IO_FLAT           (1u << 0)
#define AIR_IO_NO_PERSPECTIVE (1u << 1)
#define AIR_IO_CENTROID       (1u << 2)
#define AIR_IO_SAMPLE         (1u << 3)
#define AIR_IO_USED           (1u << 4)
#define AIR_IO_INVARIANT      (1u << 5)
#define AIR_IO_PER_PRIMITIVE  (1u << 6)

/* A constexpr sampler: put it as number n at AIR_BIND_IMMUTABLE + n. */
struct air_reflect_sampler {
    uint32_t word[2]; /* the 64-bit state, low half first, mark bit cleared; decode with air_sampler_decode() */
    uint32_t binding;
    uint32_t set;
};

struct air_reflect_constant {
    uint32_t index;
    uint32_t type;  /* string: "float", "bool2" ... */
    uint32_t name;  /* string */
    uint32_t flags; /* bit 0 required, bit 1 value supplied */
};

/* Fields of a constexpr sampler (air 2.13). */
struct air_sampler_state {
    uint8_t address[3]; /* 0 clamp_to_zero, 1 clamp_to_edge, 2 repeat, 3 mirrored_repeat, 4 clamp_to_border */
    uint8_t mag, min;   /* 0 nearest, 1 linear */
    uint8_t mip;        /* 0 none, 1 nearest, 2 linear */
    uint8_t pixel;      /* coordinates in pixels; the compiler already divides, so create a normalised sampler */
    uint8_t
        compare; /* 0 none, 1 less, 2 less_equal, 3 greater, 4 greater_equal, 5 equal, 6 not_equal, 7 always, 8 never */
    uint8_t anisotropy; /* 1..16 */
    uint8_t border;     /* 0 transparent black, 1 opaque black, 2 opaque white */
    float lod_min, lod_max;
};

void air_sampler_decode(uint64_t word, struct air_sampler_state *out);

/* True when @data is a well-formed record, 4-byte aligned: every table and string inside and within its limit, every enum in
 * range. */
bool air_reflect_check(const void *data, size_t bytes);

/* Descriptor set of everything that this function declares: AIR_SET_* of air_abi.h. */
static inline uint32_t air_reflect_set(const struct air_reflect_header *h)
{
    return h->stage == AIR_STAGE_FRAGMENT ? 1 : h->stage == AIR_STAGE_MESH || h->patch_kind ? 2 : 0;
}

/* Accessors on a checked record. Index must be below the table's count. */
const struct air_reflect_arg *air_reflect_arg(const void *data, uint32_t i);
const struct air_reflect_io *air_reflect_input(const void *data, uint32_t i);
const struct air_reflect_io *air_reflect_output(const void *data, uint32_t i);
const struct air_reflect_sampler *air_reflect_sampler(const void *data, uint32_t i);
const struct air_reflect_constant *air_reflect_constant(const void *data, uint32_t i);
const char *air_reflect_string(const void *data, uint32_t offset);

/* Write a checked record as JSON. */
void air_reflect_json(const void *data, FILE *out);

const char *air_kind_name(uint32_t kind);
const char *air_texture_name(uint32_t texture);
const char *air_stage_name(uint32_t stage);

/*
 * Give the fragment module's inputs the locations of the vertex (or mesh) module's outputs of the same identity, by
 * rewriting @fs_words in place (air 2.14). An input without a producer gets a location past all outputs. Both records
 * checked. Returns 0, or -1 when a word index does not point into @fs_words.
 */
int air_link_varyings(const void *vs_reflect, uint32_t *fs_words, size_t fs_count, const void *fs_reflect);

/*
 * The same behind any producer: inputs that a mesh function writes once for each primitive are decorated as such. For that
 * the module grows: *@fs_words, malloc'ed, is replaced, and the word numbers in @fs_reflect no longer fit it. Returns 0, or
 * -1 for a module that does not parse or for lack of memory; *@fs_words stays the caller's in both cases.
 */
int air_link_fragment(const void *producer, uint32_t **fs_words, size_t *fs_count, const void *fs_reflect);

#endif
