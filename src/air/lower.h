/* SPDX-License-Identifier: MIT */
/*
 * What the files of the lowering pass share (lower.c says what it does): classes of types that the device lacks, the
 * tables kept by id, and the arithmetic of each class. Everything here works on SPIR-V; LLVM is not seen.
 */
#ifndef PVG_AIR_LOWER_H
#define PVG_AIR_LOWER_H

#include "ctx.h"

/* How a value of a type without hardware is held instead. */
enum low_class {
    LOW_NONE,   /* as it is */
    LOW_NARROW, /* 8- or 16-bit integers: 32 bits, upper ones zero */
    LOW_WIDE,   /* 64-bit integers: two words; a scalar is a uvec2, a vector a struct of all low and all high words */
    LOW_HALF,   /* half: a float that a half can hold */
};

struct low_type {
    SpvOp op;
    enum low_class cls; /* of scalars and vectors */
    uint8_t n, bits;    /* components; bits of each */
    bool memory;        /* laid out for others to read: a struct of a buffer or of push constants */
    uint32_t elem;      /* element, pointee */
    uint32_t sc;        /* pointers: storage class */
    size_t at;          /* of its instruction in the old section */
};

/* Functions of the result module, made when first called. Scalar. */
enum low_fn {
    LOW_FN_HALF_BITS, /* (float) -> uint: nearest half's bits, ties to even */
    LOW_FN_BITS_HALF, /* (uint) -> float */
    LOW_FN_ROUND,     /* (float) -> float: nearest half */
    LOW_FN_HALF_FMA,  /* (float, float, float) -> float: rounded once, as a half fma is */
    LOW_FN_UDIVMOD,   /* (uvec2, uvec2) -> uvec4: quotient, remainder */
    LOW_FN_U64_FLOAT, /* (uvec2) -> float */
    LOW_FN_FLOAT_U64, /* (float) -> uvec2, of a value in range */
    LOW_FN_COUNT
};

struct lower {
    struct ctx *c;
    struct spv *s;
    struct words types, body; /* what there was before */
    uint32_t bound;           /* ids from here on are the pass's own */
    bool narrow8, narrow16, wide, half;
    struct low_type *type; /* by id of a type */
    uint32_t *val, *mem;   /* by id of a type: its form in values and in laid-out memory; 0 not made yet */
    uint32_t *of;          /* by id of a value: its type before */
    uint32_t *lo, *hi;     /* by id of a wide value: its halves, where a definition gave them */
    uint64_t *bits;        /* by id of a wide constant */
    bool *gone;            /* by id: no longer the arithmetic it was; decorations of that do not hold */
    uint32_t fn[LOW_FN_COUNT];
};

/* Words of all components' low and high halves. */
struct pair {
    uint32_t lo, hi;
};

/* lower.c */
const struct low_type *low_info(const struct lower *l, uint32_t type); /* never NULL */
uint32_t low_mem_type(struct lower *l, uint32_t old);
bool low_laid_out(uint32_t sc);
enum low_class low_class_of(const struct lower *l, uint32_t id);
_Noreturn void low_fail(struct lower *l, SpvOp op, enum low_class cls);
const struct low_type *low_of(const struct lower *l, uint32_t id); /* type of a value before the pass; never NULL */
uint32_t low_uint(struct lower *l, unsigned n);                    /* uint or vector of them, and so on */
uint32_t low_float(struct lower *l, unsigned n);
uint32_t low_bool(struct lower *l, unsigned n);
uint32_t low_k(struct lower *l, unsigned n, uint32_t v); /* uint constant in every component */
/* One instruction of one or two operands, or a choice. */
static inline uint32_t low_op1(struct lower *l, SpvOp op, uint32_t type, uint32_t a)
{
    return spv_op(l->s, op, type, 1, a);
}

static inline uint32_t low_op2(struct lower *l, SpvOp op, uint32_t type, uint32_t a, uint32_t b)
{
    return spv_op(l->s, op, type, 2, a, b);
}

static inline uint32_t low_select(struct lower *l, uint32_t type, uint32_t cond, uint32_t a, uint32_t b)
{
    return spv_op(l->s, SpvOpSelect, type, 3, cond, a, b);
}

uint32_t low_part(struct lower *l, uint32_t id, uint32_t elem, unsigned n, unsigned i); /* component, as it is held */
void low_emit(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o, size_t n); /* with a known id */
void low_join(struct lower *l, uint32_t type, uint32_t id, const uint32_t *parts, unsigned n); /* vector @id of parts */
struct pair low_split(struct lower *l, uint32_t id);
void low_set_pair(struct lower *l, uint32_t id, unsigned n, struct pair p); /* defines @id */
uint32_t low_pair_type(struct lower *l, unsigned n);
uint32_t low_call(struct lower *l, enum low_fn f, const uint32_t *args, unsigned n);

/* lower_move.c; false: not one of its instructions. */
void low_copy(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o,
              size_t n); /* another type alone */
void low_store(struct lower *l, const uint32_t *o, size_t n);
bool low_moves(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o, size_t n);
bool low_conversion(struct lower *l, SpvOp op, uint32_t type, uint32_t id, uint32_t x);

/* lower_int.c: instructions on narrow and wide integers; false: not one of theirs. */
uint32_t low_sext(struct lower *l, uint32_t id); /* narrow value as the signed 32-bit one */
bool low_narrow(struct lower *l, SpvOp op, const struct low_type *t, uint32_t id, const uint32_t *o, size_t n);
bool low_wide(struct lower *l, SpvOp op, const struct low_type *t, uint32_t id, const uint32_t *o, size_t n);
bool low_compare(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o);
bool low_wide_product(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o); /* ...MulExtended */
bool low_int_to_float(struct lower *l, SpvOp op, unsigned n, uint32_t x, uint32_t *out);         /* out: n parts */
void low_int_function(struct lower *l, enum low_fn f, const uint32_t *a);

/* lower_half.c */
bool low_half(struct lower *l, SpvOp op, const struct low_type *t, uint32_t id, const uint32_t *o, size_t n);
void low_half_function(struct lower *l, enum low_fn f, const uint32_t *a);

#endif
