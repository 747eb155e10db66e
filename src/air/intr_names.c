/* SPDX-License-Identifier: MIT */
/*
 * The names of all intrinsics that are compiled (air 3.3-3.12, 3.14): what is not named here is refused before any
 * family is asked, so that tests/air/families can hold this list against the kernels that tests run by value.
 */
#include "ctx.h"

#include <string.h>

/* Stems without "air.", "fast_" and type suffixes, or LLVM's names; a star stands for any rest: kinds of textures,
 * layouts, suffixes. */
const char *const intr_names[] = {
    /* floats (intr_math.c) */
    "acos", "acosh", "all", "any", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "clamp", "copysign", "cos",
    "cosh", "cospi", "dot", "exp", "exp10", "exp2", "fabs", "fdim", "floor", "fma", "fmax", "fmax3", "fmedian3", "fmin",
    "fmin3", "fmod", "fract", "frexp", "ilogb", "isfinite", "isinf", "isnan", "isnormal", "isordered", "isunordered",
    "ldexp", "log", "log10", "log2", "max3", "median3", "min3", "mix", "modf", "nextafter", "pow", "powr", "rint",
    "round", "rsqrt", "saturate", "sign", "sin", "sincos", "sinh", "sinpi", "sqrt", "tan", "tanh", "tanpi", "trunc",
    /* integers, conversions, packing (intr.c, intr_pack.c) */
    "abs", "abs_diff", "add_sat", "bswap", "clz", "convert", "ctz", "extract_bits", "hadd", "insert_bits", "mad",
    "mad24", "mad_hi", "mad_sat", "max", "min", "mul24", "mul_hi", "pack.*", "popcount", "reverse_bits", "rhadd",
    "rotate", "sub_sat", "unpack.*",
    /* memory (intr_matrix.c) */
    "atomic.fence", "atomic.global.add", "atomic.global.and", "atomic.global.cmpxchg*", "atomic.global.load",
    "atomic.global.max", "atomic.global.min", "atomic.global.or", "atomic.global.store", "atomic.global.sub",
    "atomic.global.xchg", "atomic.global.xor", "atomic.local.add", "atomic.local.and", "atomic.local.cmpxchg*",
    "atomic.local.load", "atomic.local.max", "atomic.local.min", "atomic.local.or", "atomic.local.store",
    "atomic.local.sub", "atomic.local.xchg", "atomic.local.xor", "load", "store",
    /* groups and their matrices (intr_simd.c, intr_matrix.c) */
    "get_simdgroup_size", "quad_active_threads_mask", "quad_all", "quad_and", "quad_any", "quad_ballot",
    "quad_broadcast", "quad_broadcast_first", "quad_is_first", "quad_max", "quad_min", "quad_or",
    "quad_prefix_exclusive_product", "quad_prefix_exclusive_sum", "quad_prefix_inclusive_product",
    "quad_prefix_inclusive_sum", "quad_product", "quad_shuffle", "quad_shuffle_and_fill_down",
    "quad_shuffle_and_fill_up", "quad_shuffle_down", "quad_shuffle_rotate_down", "quad_shuffle_rotate_up",
    "quad_shuffle_up", "quad_shuffle_xor", "quad_sum", "quad_vote_all", "quad_vote_any", "quad_xor",
    "simd_active_threads_mask", "simd_all", "simd_and", "simd_any", "simd_ballot", "simd_broadcast",
    "simd_broadcast_first", "simd_get_simdgroup_size", "simd_get_threads_per_simdgroup", "simd_is_first", "simd_max",
    "simd_min", "simd_or", "simd_prefix_exclusive_product", "simd_prefix_exclusive_sum",
    "simd_prefix_inclusive_product", "simd_prefix_inclusive_sum", "simd_product", "simd_shuffle",
    "simd_shuffle_and_fill_down", "simd_shuffle_and_fill_up", "simd_shuffle_down", "simd_shuffle_rotate_down",
    "simd_shuffle_rotate_up", "simd_shuffle_up", "simd_shuffle_xor", "simd_sum", "simd_vote_all", "simd_vote_any",
    "simd_xor", "simdgroup.barrier", "simdgroup_matrix_8x8_init_diag", "simdgroup_matrix_8x8_init_filled",
    "simdgroup_matrix_8x8_load", "simdgroup_matrix_8x8_multiply", "simdgroup_matrix_8x8_multiply_accumulate",
    "simdgroup_matrix_8x8_store", "wg.barrier",
    /* textures (intr_tex.c) */
    "atomic_compare_exchange_weak_explicit_*", "atomic_exchange_explicit_*", "atomic_fetch_add_explicit_*",
    "atomic_fetch_and_explicit_*", "atomic_fetch_max_explicit_*", "atomic_fetch_min_explicit_*",
    "atomic_fetch_or_explicit_*", "atomic_fetch_sub_explicit_*", "atomic_fetch_xor_explicit_*",
    "atomic_load_explicit_*", "atomic_max_explicit_*", "atomic_min_explicit_*", "atomic_store_explicit_*",
    "calculate_clamped_lod_*", "calculate_unclamped_lod_*", "fence_*", "gather_*", "gather_compare_*",
    "get_array_size_*", "get_depth_*", "get_height_*", "get_null_*", "get_num_mip_levels_*", "get_num_samples_*",
    "get_read_sampler", "get_width_*", "is_null_*", "read_*", "sample_*", "sample_compare_*", "write_*",
    /* stages (intr_stage.c, mesh.c) */
    "dfdx", "dfdy", "discard_fragment", "fwidth", "get_num_patch_control_points", "get_num_samples",
    "interpolate_center_no_perspective", "interpolate_center_perspective", "interpolate_centroid_no_perspective",
    "interpolate_centroid_perspective", "interpolate_offset_no_perspective", "interpolate_offset_perspective",
    "interpolate_sample_no_perspective", "interpolate_sample_perspective", "is_helper_thread", "set_clip_distance_mesh",
    "set_index_mesh", "set_indices_mesh", "set_point_size_mesh", "set_position_mesh", "set_primitive_count_mesh",
    "set_primitive_culled_mesh", "set_primitive_data_mesh", "set_render_target_array_index_mesh",
    "set_threadgroups_per_grid_mesh_properties", "set_vertex_data_mesh", "set_viewport_array_index_mesh",
    "simd_is_helper_thread",
    /* answered without code (intr.c), function constants (front.c) */
    "function_constant_predicate", "is_function_constant_defined", "is_uniform",
    "normalize_function_constant_predicate", "os_log*",
    /* LLVM's own (intr.c): values, memory, and what makes no code */
    "llvm.abs.*", "llvm.bitreverse.*", "llvm.bswap.*", "llvm.ceil.*", "llvm.copysign.*", "llvm.cos.*", "llvm.ctlz.*",
    "llvm.ctpop.*", "llvm.cttz.*", "llvm.exp.*", "llvm.exp2.*", "llvm.fabs.*", "llvm.floor.*", "llvm.fma.*",
    "llvm.fmuladd.*", "llvm.fshl.*", "llvm.fshr.*", "llvm.is.fpclass.*", "llvm.log.*", "llvm.log10.*", "llvm.log2.*",
    "llvm.maximum.*", "llvm.maxnum.*", "llvm.memcpy.*", "llvm.memmove.*", "llvm.memset.*", "llvm.minimum.*",
    "llvm.minnum.*", "llvm.nearbyint.*", "llvm.pow.*", "llvm.rint.*", "llvm.round.*", "llvm.roundeven.*",
    "llvm.sadd.sat.*", "llvm.sin.*", "llvm.smax.*", "llvm.smin.*", "llvm.sqrt.*", "llvm.ssub.sat.*", "llvm.trunc.*",
    "llvm.uadd.sat.*", "llvm.umax.*", "llvm.umin.*", "llvm.usub.sat.*", "llvm.assume", "llvm.dbg.*", "llvm.donothing",
    "llvm.experimental.noalias*", "llvm.invariant*", "llvm.lifetime*", NULL};

bool intr_named(const char *op)
{
    op += strncmp(op, "fast_", 5) ? 0 : 5;
    for (const char *const *n = intr_names; *n; n++) {
        size_t len = strcspn(*n, "*");

        if (!strncmp(op, *n, len) && ((*n)[len] || !op[len]))
            return true;
    }
    return false;
}
