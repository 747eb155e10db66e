/* SPDX-License-Identifier: MIT */
/* Which kernels of the corpus are run, by which reference; the number is the reference's parameter. */
#include "corpus.h"

#define U(n) {"kernel_" n, t_unary, 0}
#define FUSE(k, fn)                                                                                                    \
    {k "_fuse_2", fn, 2}, {k "_fuse_3", fn, 3}, {k "_fuse_4", fn, 4}, {k "_fuse_5", fn, 5}, {k "_fuse_6", fn, 6},      \
        {k "_fuse_7", fn, 7}, {k "_fuse_8", fn, 8}
#define CPYQ(q)                                                                                                        \
    {"kernel_cpy_f32_" q, t_cpy_quant, 0}, {"kernel_cpy_" q "_f32", t_cpy_quant, 0}, {"kernel_cpy_" q "_f16", t_cpy_quant, 0}
#define ROWS(q) {"kernel_get_rows_" q, t_get_rows, 0}
#define SET(q)  {"kernel_set_rows_" q, t_set_rows, 0}
#define MV(q)   {"kernel_mul_mv_" q, t_mul_mv, 0}
#define MVID(q) {"kernel_mul_mv_id_" q "_f32", t_mul_mv_id, 0}
#define MMID(q) {"kernel_mul_mm_id_" q "_f16", t_mul_mm_id, 0}
#define MAP(n)  {"kernel_mul_mm_id_map0_f16_ne20_" #n, t_mul_mm_id_map, n}
#define EXT(q)                                                                                                         \
    {"kernel_mul_mv_ext_" q "_f32_r1_2", t_mul_mv_ext, 0}, {"kernel_mul_mv_ext_" q "_f32_r1_3", t_mul_mv_ext, 0},      \
        {"kernel_mul_mv_ext_" q "_f32_r1_4", t_mul_mv_ext, 0}, {"kernel_mul_mv_ext_" q "_f32_r1_5", t_mul_mv_ext, 0}
/* Every format that the table kernels know */
#define FORMATS(K)                                                                                                     \
    K("f32"), K("f16"), K("bf16"), K("q4_0"), K("q4_1"), K("q5_0"), K("q5_1"), K("q8_0"), K("mxfp4"), K("q2_K"),       \
        K("q3_K"), K("q4_K"), K("q5_K"), K("q6_K"), K("iq4_nl"), K("iq4_xs"), K("iq1_s"), K("iq1_m"), K("iq2_xxs"),    \
        K("iq2_xs"), K("iq2_s"), K("iq3_xxs"), K("iq3_s")
/* Attention: the number says which of sinks, slopes, cap, padded rows, mask; for _vec also SIMD groups and parts */
#define FLASH(q, n)                                                                                                    \
    {"kernel_flash_attn_ext_" q "_dk40_dv40", t_flash, n}, {"kernel_flash_attn_ext_" q "_dk64_dv64", t_flash, n ^ 1},  \
        {"kernel_flash_attn_ext_" q "_dk80_dv80", t_flash, n ^ 2},                                                     \
        {"kernel_flash_attn_ext_" q "_dk96_dv96", t_flash, n ^ 4},                                                     \
        {"kernel_flash_attn_ext_" q "_dk112_dv112", t_flash, n ^ 8},                                                   \
        {"kernel_flash_attn_ext_" q "_dk128_dv128", t_flash, n ^ 3},                                                   \
        {"kernel_flash_attn_ext_" q "_dk192_dv192", t_flash, n ^ 5},                                                   \
        {"kernel_flash_attn_ext_" q "_dk192_dv128", t_flash, n ^ 6},                                                   \
        {"kernel_flash_attn_ext_" q "_dk256_dv256", t_flash, n ^ 7},                                                   \
        {"kernel_flash_attn_ext_" q "_dk576_dv512", t_flash, n ^ 9}
#define FLASHV(q, n)                                                                                                   \
    {"kernel_flash_attn_ext_vec_" q "_dk64_dv64", t_flash_vec, n},                                                     \
        {"kernel_flash_attn_ext_vec_" q "_dk96_dv96", t_flash_vec, n ^ 0x11},                                          \
        {"kernel_flash_attn_ext_vec_" q "_dk128_dv128", t_flash_vec, n ^ 0x42},                                        \
        {"kernel_flash_attn_ext_vec_" q "_dk192_dv192", t_flash_vec, n ^ 0x24},                                        \
        {"kernel_flash_attn_ext_vec_" q "_dk192_dv128", t_flash_vec, n ^ 0x58},                                        \
        {"kernel_flash_attn_ext_vec_" q "_dk256_dv256", t_flash_vec, n ^ 0x07},                                        \
        {"kernel_flash_attn_ext_vec_" q "_dk576_dv512", t_flash_vec, n ^ 0x0b}
#define MM(q)   {"kernel_mul_mm_" q "_f32", t_mul_mm, 0}

const struct corpus_case corpus[] = {
    U("abs"), U("cos"), U("elu"), U("exp"), U("gelu"), U("gelu_erf"), U("gelu_quick"), U("hardsigmoid"), U("hardswish"),
    U("neg"), U("relu"), U("sgn"), U("sigmoid"), U("silu"), U("sin"), U("sqr"), U("sqrt"), U("step"), U("tanh"), U("gelu_4"),
    U("gelu_erf_4"), U("gelu_quick_4"), U("silu_4"),
    {"kernel_add", t_binary, 1}, {"kernel_sub", t_binary, 1}, {"kernel_mul", t_binary, 1}, {"kernel_div", t_binary, 1},
    FUSE("kernel_add", t_binary),
    {"kernel_add_row_c4", t_row, 1}, {"kernel_sub_row_c4", t_row, 1}, {"kernel_mul_row_c4", t_row, 1},
    {"kernel_div_row_c4", t_row, 1}, FUSE("kernel_add_row_c4", t_row),
    {"kernel_add_id", t_add_id, 0},
    {"kernel_scale", t_scale, 0}, {"kernel_scale_4", t_scale, 0}, {"kernel_clamp", t_scale, 0},
    {"kernel_leaky_relu_f32", t_scale, 0},
    {"kernel_reglu", t_glu, 0}, {"kernel_geglu", t_glu, 0}, {"kernel_swiglu", t_glu, 0}, {"kernel_swiglu_oai", t_glu, 0},
    {"kernel_geglu_erf", t_glu, 0}, {"kernel_geglu_quick", t_glu, 0},
    {"kernel_repeat_f32", t_repeat, 4}, {"kernel_repeat_f16", t_repeat, 2}, {"kernel_repeat_i32", t_repeat, 4},
    {"kernel_repeat_i16", t_repeat, 2},
    {"kernel_concat", t_concat, 0}, {"kernel_diag_mask_inf", t_diag_mask, 0}, {"kernel_diag_mask_inf_8", t_diag_mask, 0},
    {"kernel_arange_f32", t_arange, 0}, {"kernel_pad_f32", t_pad, 0}, {"kernel_pad_reflect_1d_f32", t_pad, 0},
    {"kernel_upscale_f32", t_upscale, 0}, {"kernel_pool_2d_avg_f32", t_pool, 0}, {"kernel_pool_2d_max_f32", t_pool, 0},
    {"kernel_im2col_f32", t_im2col, 0}, {"kernel_im2col_f16", t_im2col, 0},
    {"kernel_timestep_embedding_f32", t_timestep, 0},
    {"kernel_cpy_f32_f32", t_cpy, 0}, {"kernel_cpy_f32_f16", t_cpy, 0}, {"kernel_cpy_f32_bf16", t_cpy, 0},
    {"kernel_cpy_f16_f16", t_cpy, 0}, {"kernel_cpy_f16_f32", t_cpy, 0}, {"kernel_cpy_bf16_f32", t_cpy, 0},
    {"kernel_cpy_bf16_bf16", t_cpy, 0}, {"kernel_cpy_f32_i32", t_cpy, 0}, {"kernel_cpy_i32_f32", t_cpy, 0},
    CPYQ("q4_0"), CPYQ("q4_1"), CPYQ("q5_0"), CPYQ("q5_1"), CPYQ("q8_0"), {"kernel_cpy_f32_iq4_nl", t_cpy_quant, 0},
    FORMATS(ROWS), ROWS("i32"),
    SET("f32"), SET("f16"), SET("bf16"), SET("q8_0"), SET("q4_0"), SET("q4_1"), SET("q5_0"), SET("q5_1"), SET("iq4_nl"),
    {"kernel_sum_rows", t_sum_rows, 0}, {"kernel_mean", t_sum_rows, 0}, {"kernel_argmax", t_argmax, 0},
    {"kernel_argsort_f32_i32_asc", t_argsort, 0}, {"kernel_argsort_f32_i32_desc", t_argsort, 0},
    {"kernel_norm", t_norm, 32}, {"kernel_norm", t_norm, 64}, {"kernel_l2_norm", t_norm, 64}, {"kernel_rms_norm", t_norm, 64},
    {"kernel_rms_norm_mul", t_norm, 32}, {"kernel_rms_norm_mul_add", t_norm, 64}, {"kernel_group_norm", t_group_norm, 0},
    {"kernel_soft_max_f32", t_soft_max, 0}, {"kernel_soft_max_f32", t_soft_max, 1}, {"kernel_soft_max_f16", t_soft_max, 0},
    {"kernel_soft_max_f32_4", t_soft_max, 0}, {"kernel_soft_max_f16_4", t_soft_max, 1},
    {"kernel_rope_norm_f32", t_rope, 0}, {"kernel_rope_norm_f16", t_rope, 0}, {"kernel_rope_neox_f32", t_rope, 0},
    {"kernel_rope_neox_f16", t_rope, 0},
    {"kernel_rope_multi_f32", t_rope_sections, 0}, {"kernel_rope_multi_f16", t_rope_sections, 0},
    {"kernel_rope_vision_f32", t_rope_sections, 0}, {"kernel_rope_vision_f16", t_rope_sections, 0},
    {"kernel_conv_transpose_1d_f32_f32", t_conv_transpose, 0}, {"kernel_conv_transpose_1d_f16_f32", t_conv_transpose, 0},
    {"kernel_im2col_ext_f32", t_im2col_ext, 0}, {"kernel_im2col_ext_f16", t_im2col_ext, 0},
    {"kernel_ssm_scan_f32", t_ssm_scan, 0}, {"kernel_ssm_scan_f32_group", t_ssm_scan, 0},
    {"kernel_rwkv_wkv7_f32", t_wkv7, 0},
    {"kernel_ssm_conv_f32", t_ssm_conv, 0}, {"kernel_rwkv_wkv6_f32", t_wkv6, 0},
    MV("f32_f32"), MV("f16_f32"), MV("f16_f16"), MV("bf16_f32"), MV("bf16_bf16"), MV("f16_f32_1row"), MV("f16_f32_l4"),
    MV("bf16_f32_1row"), MV("bf16_f32_l4"), MV("f32_f32_c4"), MV("f16_f32_c4"), MV("bf16_f32_c4"),
    MV("q4_0_f32"), MV("q4_1_f32"), MV("q5_0_f32"), MV("q5_1_f32"), MV("q8_0_f32"), MV("mxfp4_f32"), MV("q2_K_f32"),
    MV("q3_K_f32"), MV("q4_K_f32"), MV("q5_K_f32"), MV("q6_K_f32"), MV("iq4_nl_f32"), MV("iq4_xs_f32"),
    MV("iq1_s_f32"), MV("iq1_m_f32"), MV("iq2_xxs_f32"), MV("iq2_xs_f32"), MV("iq2_s_f32"), MV("iq3_xxs_f32"),
    MV("iq3_s_f32"),
    EXT("f32"), EXT("f16"), EXT("q4_0"), EXT("q4_1"), EXT("q5_0"), EXT("q5_1"), EXT("q8_0"), EXT("mxfp4"), EXT("q4_K"),
    EXT("q5_K"), EXT("q6_K"), EXT("iq4_nl"),
    FORMATS(MVID), MAP(1), MAP(2), MAP(4), MAP(6), MAP(8), MAP(10), MAP(16),
    FORMATS(MM), FORMATS(MMID),
    FLASHV("f16", 0), FLASHV("bf16", 1), FLASHV("q4_0", 2), FLASHV("q4_1", 3), FLASHV("q5_0", 4), FLASHV("q5_1", 5),
    FLASHV("q8_0", 7), {"kernel_flash_attn_ext_vec_reduce", t_flash_reduce, 0},
    FLASH("f16", 0), FLASH("bf16", 1), FLASH("q4_0", 2), FLASH("q4_1", 3), FLASH("q5_0", 4), FLASH("q5_1", 5),
    FLASH("q8_0", 7), FLASH("f16", 0x80), FLASH("bf16", 0x88),
};
const int corpus_count = sizeof(corpus) / sizeof(corpus[0]);
