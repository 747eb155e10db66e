/* SPDX-License-Identifier: MIT */
/*
 * SPIR-V module builder: sections of words, ids, types and constants made once each, and the small folding of 32-bit
 * arithmetic that addresses need. Knows SPIR-V, not LLVM. Out of memory is reported once through spv.failed.
 */
#ifndef PVG_AIR_SPV_H
#define PVG_AIR_SPV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <spirv/unified1/spirv.h>
#include <spirv/unified1/GLSL.std.450.h>

struct words {
    uint32_t *v;
    size_t n, cap;
};

struct spv_known; /* table of deduplicated instructions */

struct spv {
    struct words caps, exts, imports, entry, modes, debug, decor, types, vars, body;
    struct words *out; /* section that spv_op() appends to; body unless redirected */
    uint32_t next_id;
    uint32_t glsl; /* id of GLSL.std.450 */
    struct spv_known *known;
    uint32_t known_cap, known_n;
    uint64_t *constval; /* by id: 1<<63 set when the id is a u32 constant, value in the low half */
    size_t constval_cap;
    bool failed;
};

void spv_init(struct spv *s);
void spv_fini(struct spv *s);
uint32_t spv_id(struct spv *s);

void words_push(struct spv *s, struct words *w, uint32_t x);
/* Append one instruction of @n operand words. */
void spv_raw(struct spv *s, struct words *w, SpvOp op, const uint32_t *operands, size_t n);
/* Append to the current section; operands are @n uint32_t values. */
void spv_void(struct spv *s, SpvOp op, int n, ...);
/* The same with result type @type and a new result id, which is returned. */
uint32_t spv_op(struct spv *s, SpvOp op, uint32_t type, int n, ...);
uint32_t spv_opv(struct spv *s, SpvOp op, uint32_t type, const uint32_t *operands, size_t n);
uint32_t spv_glsl(struct spv *s, enum GLSLstd450 op, uint32_t type, int n, ...);

void spv_cap(struct spv *s, SpvCapability cap);
void spv_uncap(struct spv *s, SpvCapability cap); /* take it back */
void spv_ext(struct spv *s, const char *name);
void spv_name(struct spv *s, uint32_t id, const char *name);
void spv_decorate(struct spv *s, uint32_t id, SpvDecoration d, int n, ...);
void spv_member_decorate(struct spv *s, uint32_t id, uint32_t member, SpvDecoration d, int n, ...);

/* Types and constants, each distinct one emitted once. */
uint32_t spv_type(struct spv *s, SpvOp op, int n, ...);
uint32_t spv_const(struct spv *s, uint32_t type, SpvOp op, const uint32_t *operands, size_t n);
/*
 * Rewriting a module's types (lower.c): spv_take_types() hands out the section, to be freed by the caller, and forgets
 * what is known of it; spv_intern_as() is spv_type() (@type 0) or spv_const() with @id for what is not known yet.
 */
struct words spv_take_types(struct spv *s);
uint32_t spv_intern_as(struct spv *s, SpvOp op, uint32_t type, uint32_t id, const uint32_t *operands, size_t n);
uint32_t spv_type_void(struct spv *s);
uint32_t spv_type_bool(struct spv *s);
uint32_t spv_type_uint(struct spv *s, unsigned bits);
uint32_t spv_type_sint(struct spv *s, unsigned bits);
uint32_t spv_type_float(struct spv *s, unsigned bits);
uint32_t spv_type_vec(struct spv *s, uint32_t elem, unsigned n); /* n == 1: the element itself */
uint32_t spv_type_array(struct spv *s, uint32_t elem, uint32_t n);
uint32_t spv_type_ptr(struct spv *s, SpvStorageClass sc, uint32_t type);
uint32_t spv_u32(struct spv *s, uint32_t v);
uint32_t spv_s32(struct spv *s, int32_t v);
uint32_t spv_f32(struct spv *s, float v);
uint32_t spv_bool(struct spv *s, bool v);
uint32_t spv_uint(struct spv *s, unsigned bits, uint64_t v);
uint32_t spv_float(struct spv *s, unsigned bits, double v);
uint32_t spv_null(struct spv *s, uint32_t type);
bool spv_is_u32(struct spv *s, uint32_t id, uint32_t *v);

/* u32 arithmetic, folded where both operands are known. */
uint32_t spv_iadd(struct spv *s, uint32_t a, uint32_t b);
uint32_t spv_imul(struct spv *s, uint32_t a, uint32_t b);
uint32_t spv_shr(struct spv *s, uint32_t a, unsigned n);
uint32_t spv_and(struct spv *s, uint32_t a, uint32_t b);

/* Function-storage variable of the current function, declared in its first block. */
uint32_t spv_local(struct spv *s, uint32_t type);
uint32_t spv_label(struct spv *s);             /* new id for a block */
void spv_begin(struct spv *s, uint32_t label); /* OpLabel */

/* Concatenate the module; malloc'ed, owned by the caller. NULL when out of memory. */
uint32_t *spv_finish(struct spv *s, size_t *words);

#endif
