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
    ROWS("f32"), ROWS("f16"), ROWS("bf16"), ROWS("i32"), ROWS("q4_0"), ROWS("q4_1"), ROWS("q5_0"), ROWS("q5_1"), ROWS("q8_0"),
    ROWS("mxfp4"), ROWS("q2_K"), ROWS("q3_K"), ROWS("q4_K"), ROWS("q5_K"), ROWS("q6_K"), ROWS("iq4_nl"), ROWS("iq4_xs"),
    SET("f32"), SET("f16"), SET("bf16"), SET("q8_0"), SET("q4_0"), SET("q4_1"), SET("q5_0"), SET("q5_1"), SET("iq4_nl"),
    {"kernel_sum_rows", t_sum_rows, 0}, {"kernel_mean", t_sum_rows, 0}, {"kernel_argmax", t_argmax, 0},
    {"kernel_argsort_f32_i32_asc", t_argsort, 0}, {"kernel_argsort_f32_i32_desc", t_argsort, 0},
    {"kernel_norm", t_norm, 32}, {"kernel_norm", t_norm, 64}, {"kernel_l2_norm", t_norm, 64}, {"kernel_rms_norm", t_norm, 64},
    {"kernel_rms_norm_mul", t_norm, 32}, {"kernel_rms_norm_mul_add", t_norm, 64}, {"kernel_group_norm", t_group_norm, 0},
    {"kernel_soft_max_f32", t_soft_max, 0}, {"kernel_soft_max_f32", t_soft_max, 1}, {"kernel_soft_max_f16", t_soft_max, 0},
    {"kernel_soft_max_f32_4", t_soft_max, 0}, {"kernel_soft_max_f16_4", t_soft_max, 1},
    {"kernel_rope_norm_f32", t_rope, 0}, {"kernel_rope_norm_f16", t_rope, 0}, {"kernel_rope_neox_f32", t_rope, 0},
    {"kernel_rope_neox_f16", t_rope, 0},
    {"kernel_ssm_conv_f32", t_ssm_conv, 0}, {"kernel_rwkv_wkv6_f32", t_wkv, 0},
    MV("f32_f32"), MV("f16_f32"), MV("f16_f16"), MV("bf16_f32"), MV("bf16_bf16"), MV("f16_f32_1row"), MV("f16_f32_l4"),
    MV("bf16_f32_1row"), MV("bf16_f32_l4"), MV("f32_f32_c4"), MV("f16_f32_c4"), MV("bf16_f32_c4"),
    MV("q4_0_f32"), MV("q4_1_f32"), MV("q5_0_f32"), MV("q5_1_f32"), MV("q8_0_f32"), MV("mxfp4_f32"), MV("q2_K_f32"),
    MV("q3_K_f32"), MV("q4_K_f32"), MV("q5_K_f32"), MV("q6_K_f32"), MV("iq4_nl_f32"), MV("iq4_xs_f32"),
    MM("f32"), MM("f16"), MM("bf16"), MM("q4_0"), MM("q4_1"), MM("q5_0"), MM("q5_1"), MM("q8_0"), MM("mxfp4"), MM("q2_K"),
    MM("q3_K"), MM("q4_K"), MM("q5_K"), MM("q6_K"), MM("iq4_nl"), MM("iq4_xs"),
};
const int corpus_count = sizeof(corpus) / sizeof(corpus[0]);
