/* SPDX-License-Identifier: MIT */
/*
 * What the texture files share: tex_bind.c (which resources a handle may be, how they are declared), tex_sample.c
 * (sampling, gathers, level of detail), tex_access.c (reads, writes, atomics), intr_tex.c (names, scan, queries).
 */
#ifndef PVG_AIR_TEX_H
#define PVG_AIR_TEX_H

#include "ctx.h"

#define AIR_LIMIT_CHOICES 2048u /* descriptors that one operation may choose between: 128 textures, 15 levels */

struct tex_kind {
    const char *name;
    enum air_texture t;
    unsigned dim; /* coordinate components without layer */
    bool array, cube, ms, depth, buffer;
};

/* One texture or sampler. */
struct place {
    struct arg *a;    /* NULL: a constexpr sampler */
    unsigned sampler; /* its number */
    uint32_t element; /* u32 id: index into an array argument, 0 for its only or first element */
    uint32_t level;   /* u32 id: the mip level whose descriptor is meant (air_abi.h), 0 for the first */
    bool non_uniform; /* element or level may differ between threads that run together */
};

/*
 * What a handle may be. n == 1: that place, nothing to decide. n > 1: the place whose number[] equals @id; none when it
 * equals no number. n == 0: the null handle.
 */
struct choices {
    unsigned n;
    struct place *place;
    uint32_t *number;
    uint32_t id;
    bool null; /* @id may also be the null handle */
};

/* An operation on one place; the id of its result, or 0 when it has none. */
typedef uint32_t (*tex_fn)(struct ctx *c, void *op, const struct place *t);

#define TEX_NEED(k, cond, i)                                                                                           \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: operand %u", (k)->name, i);                                  \
    } while (0)

/* What is left of a call from operand @i on: at most @max integers, which say nothing more (access, order, a level). */
#define TEX_END(k, i, max)                                                                                             \
    do {                                                                                                               \
        TEX_NEED(k, (k)->n <= (i) + (max), (i) + (max));                                                               \
        for (unsigned rest = (i); rest < (k)->n; rest++)                                                               \
            TEX_NEED(k, tex_is_int((k)->a[rest], 1), rest);                                                            \
    } while (0)

/* intr_tex.c */
const struct tex_kind *tex_kind_of(const struct arg *a);
bool tex_is_float(LLVMValueRef v);
bool tex_is_int(LLVMValueRef v, unsigned n); /* integers, @n of them, none of them i1 */
bool tex_is_zero(LLVMValueRef v); /* constant 0 or undefined */
void tex_zero(struct ctx *c, struct call *k);
uint32_t tex_size(struct ctx *c, const struct place *t, const struct tex_kind *kd, uint32_t lod, unsigned *n);

/* tex_bind.c */
void tex_choices(struct ctx *c, LLVMValueRef handle, enum air_kind kind, struct choices *out);
void tex_textures(struct ctx *c, LLVMValueRef handle, struct choices *out);
void tex_samplers(struct ctx *c, LLVMValueRef handle, struct choices *out);
void tex_levels(struct ctx *c, const struct place *t, uint32_t level, struct choices *out);
/* @fn on the chosen place: a switch where there are several. The result has @type, and is zero when none was chosen. */
uint32_t tex_each(struct ctx *c, const struct choices *t, uint32_t type, tex_fn fn, void *op);
/* The same with every place tried and one result taken: for what needs all threads of a quad. */
uint32_t tex_all(struct ctx *c, const struct choices *t, uint32_t type, tex_fn fn, void *op);
uint32_t tex_component(struct ctx *c, const struct arg *a, enum air_component *cls);
/* Image of @t: its ordinary binding, or the cube's array view. */
uint32_t tex_pointer(struct ctx *c, const struct place *t, bool as_array, uint32_t *type);
uint32_t tex_load(struct ctx *c, const struct place *t, bool as_array, uint32_t *type);
uint32_t tex_load_query(struct ctx *c, const struct place *t, uint32_t *type);
uint32_t tex_load_sampler(struct ctx *c, const struct place *s, bool *pixel);
uint32_t tex_sampled(struct ctx *c, const struct place *t, const struct place *s, uint32_t type, uint32_t image,
                     uint32_t sampler);

/* tex_sample.c */
void tex_sample(struct ctx *c, struct call *k, const struct tex_kind *kd, const char *verb, bool grad);
void tex_lod_query(struct ctx *c, struct call *k, const struct tex_kind *kd, bool clamped);

/* tex_access.c */
uint32_t tex_result(struct ctx *c, struct call *k, uint32_t v4, enum air_component cls); /* vec4 to what AIR expects */
LLVMValueRef tex_level_operand(struct ctx *c, struct call *k, const struct tex_kind *kd, bool write); /* or NULL */
void tex_read(struct ctx *c, struct call *k, const struct tex_kind *kd);
void tex_write(struct ctx *c, struct call *k, const struct tex_kind *kd);
void tex_atomic(struct ctx *c, struct call *k, const struct tex_kind *kd, const char *verb);

#endif
