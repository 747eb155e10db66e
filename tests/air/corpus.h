/* SPDX-License-Identifier: MIT */
/* One run of one corpus kernel: buffers by index, launch, comparison. Shared by corpus_run.c and its tables. */
#ifndef PVG_TESTS_AIR_CORPUS_H
#define PVG_TESTS_AIR_CORPUS_H

#include "quant.h"
#include "vkrun.h"
#include "air/container.h"

struct env {
    const struct metallib *lib;
    struct vk *vk;
    const char *kernel;
    int arg;
    struct air_options opt;
    struct air_result fn;
    struct vk_buf b[VK_RUN_SLOTS];
    struct vk_run run;
    bool ran;
    bool software;        /* the device is a CPU, which takes minutes to translate the largest kernels */
    const char *left_out; /* set in the call with @options: why this kernel is not run on this device */
    unsigned bad;
    size_t compared;
    char detail[256];
};

/* Called twice: first with @options set, to give function constants; then to make data, launch and compare. */
typedef void (*test_fn)(struct env *e, bool options);

struct corpus_case {
    const char *kernel;
    test_fn fn;
    int arg;
};

extern const struct corpus_case corpus[];
extern const int corpus_count;

uint32_t rng(void);
float frand(float lo, float hi);
void *buffer(struct env *e, unsigned index, size_t bytes);
float *floats(struct env *e, unsigned index, size_t n, float lo, float hi);
uint8_t *blocks(struct env *e, unsigned index, const struct quant *q, size_t n);
void unpack(const struct quant *q, const uint8_t *p, size_t n, float *out);
void args_u64(uint8_t *p, size_t at, uint64_t v);
void args_i32(uint8_t *p, size_t at, int32_t v);
void args_f32(uint8_t *p, size_t at, float v);
/* i: int, h: int stored in 16 bits, q: uint64_t, f: double stored as float */
void args_pack(uint8_t *p, const char *types, ...);
/* Give function constant @index; only in the call with @options. */
void constant(struct env *e, uint32_t index, double value);
bool close_enough(float got, float want, float rel, float abs_tol);
void expect(struct env *e, const float *got, const float *want, size_t n, float rel, float abs_tol);
void expect_bytes(struct env *e, const void *got, const void *want, size_t n);
bool launch(struct env *e, uint32_t gx, uint32_t gy, uint32_t gz, uint32_t lx, uint32_t ly);
bool launch_threads(struct env *e, uint32_t tx, uint32_t ty, uint32_t tz, uint32_t lx);

/* corpus_books.c: fill in quant_codebook(); false when the library has none */
bool load_codebooks(const struct metallib *lib);

/* corpus_simple.c */
void t_unary(struct env *e, bool options);
void t_binary(struct env *e, bool options);
void t_row(struct env *e, bool options);
void t_scale(struct env *e, bool options);
void t_glu(struct env *e, bool options);
void t_repeat(struct env *e, bool options);
void t_concat(struct env *e, bool options);
void t_diag_mask(struct env *e, bool options);
void t_arange(struct env *e, bool options);
void t_pad(struct env *e, bool options);
void t_upscale(struct env *e, bool options);
void t_pool(struct env *e, bool options);
void t_im2col(struct env *e, bool options);
void t_timestep(struct env *e, bool options);
void t_cpy(struct env *e, bool options);
void t_cpy_quant(struct env *e, bool options);
void t_get_rows(struct env *e, bool options);
void t_set_rows(struct env *e, bool options);
void t_add_id(struct env *e, bool options);
/* corpus_simd.c */
void t_sum_rows(struct env *e, bool options);
void t_argmax(struct env *e, bool options);
void t_argsort(struct env *e, bool options);
void t_norm(struct env *e, bool options);
void t_group_norm(struct env *e, bool options);
void t_soft_max(struct env *e, bool options);
void t_rope(struct env *e, bool options);
void t_mul_mv(struct env *e, bool options);
void t_mul_mm(struct env *e, bool options);
/* corpus_experts.c */
uint32_t simd_groups(const struct quant *q);
void t_mul_mv_id(struct env *e, bool options);
void t_mul_mm_id(struct env *e, bool options);
void t_mul_mm_id_map(struct env *e, bool options);
void t_mul_mv_ext(struct env *e, bool options);
/* corpus_scan.c */
void t_ssm_conv(struct env *e, bool options);
void t_ssm_scan(struct env *e, bool options);
void t_wkv6(struct env *e, bool options);
void t_wkv7(struct env *e, bool options);
void t_conv_transpose(struct env *e, bool options);
void t_im2col_ext(struct env *e, bool options);
void t_rope_sections(struct env *e, bool options);
/* corpus_flash.c */
void t_flash(struct env *e, bool options);
void t_flash_vec(struct env *e, bool options);
void t_flash_reduce(struct env *e, bool options);

#endif
