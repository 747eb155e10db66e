/* SPDX-License-Identifier: MIT */
/*
 * Integers that the device lacks (see lower.c). Narrow ones: 32-bit arithmetic, the result cut to its width, operands
 * sign-extended where the sign matters. Wide ones: two words with carries; division and the conversions to and from
 * float are functions of the module. What is undefined (division by zero, shifts by the width) stays so but is bounded:
 * narrow results keep their upper bits zero, and no loop depends on a value.
 */
#include "lower.h"

/* ---- narrow ---- */

uint32_t low_sext(struct lower *l, uint32_t id)
{
    const struct low_type *t = low_of(l, id);

    return spv_op(l->s, SpvOpBitFieldSExtract, low_uint(l, t->n), 3, id, spv_u32(l->s, 0), spv_u32(l->s, t->bits));
}

static void cut(struct lower *l, const struct low_type *t, uint32_t id, uint32_t v)
{
    low_emit(l, SpvOpBitwiseAnd, low_uint(l, t->n), id, (const uint32_t[]){v, low_k(l, t->n, (1u << t->bits) - 1)}, 2);
}

/* Any integer as @n words, zero- or sign-extended or cut to them. */
static uint32_t as_word(struct lower *l, uint32_t x, bool sign)
{
    const struct low_type *f = low_of(l, x);

    switch (f->cls) {
    case LOW_NARROW:
        return sign ? low_sext(l, x) : x;
    case LOW_WIDE:
        return low_split(l, x).lo;
    default:
        return f->bits == 32 ? x
                             : low_op1(l, sign && f->bits < 32 ? SpvOpSConvert : SpvOpUConvert, low_uint(l, f->n), x);
    }
}

bool low_narrow(struct lower *l, SpvOp op, const struct low_type *t, uint32_t id, const uint32_t *o, size_t n)
{
    struct spv *s = l->s;
    uint32_t u = low_uint(l, t->n), a = n ? o[0] : 0, b = n > 1 ? o[1] : 0, v;

    switch (op) {
    case SpvOpBitwiseAnd:
    case SpvOpBitwiseOr:
    case SpvOpBitwiseXor:
        low_emit(l, op, u, id, o, n);
        return true;
    case SpvOpIAdd:
    case SpvOpISub:
    case SpvOpIMul:
    case SpvOpUDiv:
    case SpvOpUMod:
        v = low_op2(l, op, u, a, b);
        break;
    case SpvOpShiftLeftLogical:
    case SpvOpShiftRightLogical:
        v = low_op2(l, op, u, a, as_word(l, b, false));
        break;
    case SpvOpShiftRightArithmetic:
        v = low_op2(l, op, u, low_sext(l, a), as_word(l, b, false));
        break;
    case SpvOpSDiv:
        v = low_op2(l, op, u, low_sext(l, a), low_sext(l, b));
        break;
    case SpvOpNot:
    case SpvOpSNegate:
        v = low_op1(l, op, u, a);
        break;
    case SpvOpUConvert:
    case SpvOpSConvert:
        v = as_word(l, a, op == SpvOpSConvert);
        break;
    case SpvOpConvertFToU:
    case SpvOpConvertFToS:
        v = low_op1(l, op, u, a);
        break;
    case SpvOpGroupNonUniformIAdd:
    case SpvOpGroupNonUniformIMul:
    case SpvOpGroupNonUniformUMin:
    case SpvOpGroupNonUniformUMax:
        v = spv_opv(s, op, u, o, n);
        break;
    case SpvOpGroupNonUniformSMin:
    case SpvOpGroupNonUniformSMax:
        v = spv_op(s, op, u, 3, o[0], o[1], low_sext(l, o[2]));
        break;
    default:
        return false;
    }
    cut(l, t, id, v);
    return true;
}

/* ---- wide ---- */

static struct pair add(struct lower *l, unsigned n, struct pair a, struct pair b)
{
    uint32_t u = low_uint(l, n), lo = low_op2(l, SpvOpIAdd, u, a.lo, b.lo);
    uint32_t carry =
        low_select(l, u, low_op2(l, SpvOpULessThan, low_bool(l, n), lo, a.lo), low_k(l, n, 1), low_k(l, n, 0));

    return (struct pair){lo, low_op2(l, SpvOpIAdd, u, low_op2(l, SpvOpIAdd, u, a.hi, b.hi), carry)};
}

static struct pair sub(struct lower *l, unsigned n, struct pair a, struct pair b)
{
    uint32_t u = low_uint(l, n), less = low_op2(l, SpvOpULessThan, low_bool(l, n), a.lo, b.lo);
    uint32_t borrow = low_select(l, u, less, low_k(l, n, 1), low_k(l, n, 0));

    return (struct pair){low_op2(l, SpvOpISub, u, a.lo, b.lo),
                         low_op2(l, SpvOpISub, u, low_op2(l, SpvOpISub, u, a.hi, b.hi), borrow)};
}

static struct pair zero(struct lower *l, unsigned n)
{
    return (struct pair){low_k(l, n, 0), low_k(l, n, 0)};
}

/* Product of words as two words. */
static struct pair product(struct lower *l, unsigned n, uint32_t a, uint32_t b)
{
    uint32_t u = low_uint(l, n), r = low_op2(l, SpvOpUMulExtended, spv_type(l->s, SpvOpTypeStruct, 2, u, u), a, b);

    return (struct pair){low_op2(l, SpvOpCompositeExtract, u, r, 0), low_op2(l, SpvOpCompositeExtract, u, r, 1)};
}

static struct pair multiply(struct lower *l, unsigned n, struct pair a, struct pair b)
{
    uint32_t u = low_uint(l, n);
    struct pair p = product(l, n, a.lo, b.lo);

    p.hi = low_op2(l, SpvOpIAdd, u, p.hi, low_op2(l, SpvOpIMul, u, a.lo, b.hi));
    p.hi = low_op2(l, SpvOpIAdd, u, p.hi, low_op2(l, SpvOpIMul, u, a.hi, b.lo));
    return p;
}

/* Negated where @neg. */
static struct pair negate_if(struct lower *l, unsigned n, uint32_t neg, struct pair a)
{
    struct pair m = sub(l, n, zero(l, n), a);
    uint32_t u = low_uint(l, n);

    return (struct pair){low_select(l, u, neg, m.lo, a.lo), low_select(l, u, neg, m.hi, a.hi)};
}

static uint32_t negative(struct lower *l, unsigned n, struct pair a)
{
    return low_op2(l, SpvOpSLessThan, low_bool(l, n), a.hi, low_k(l, n, 0));
}

static struct pair shift(struct lower *l, SpvOp op, unsigned n, struct pair a, uint32_t by)
{
    uint32_t u = low_uint(l, n), b = low_bool(l, n), one = low_k(l, n, 1), none = low_k(l, n, 0);
    uint32_t in = low_op2(l, SpvOpBitwiseAnd, u, by, low_k(l, n, 31)),
             rest = low_op2(l, SpvOpBitwiseXor, u, in, low_k(l, n, 31));
    uint32_t far = low_op2(l, SpvOpINotEqual, b, low_op2(l, SpvOpBitwiseAnd, u, by, low_k(l, n, 32)), none), lo, hi,
             out;

    /* Bits that pass from one word to the other: in two steps, so that a shift by zero moves none. */
    if (op == SpvOpShiftLeftLogical) {
        lo = low_op2(l, op, u, a.lo, in);
        hi = low_op2(l, SpvOpShiftRightLogical, u, low_op2(l, SpvOpShiftRightLogical, u, a.lo, one), rest);
        hi = low_op2(l, SpvOpBitwiseOr, u, low_op2(l, op, u, a.hi, in), hi);
        return (struct pair){low_select(l, u, far, none, lo), low_select(l, u, far, lo, hi)};
    }
    hi = low_op2(l, op, u, a.hi, in);
    lo = low_op2(l, SpvOpShiftLeftLogical, u, low_op2(l, SpvOpShiftLeftLogical, u, a.hi, one), rest);
    lo = low_op2(l, SpvOpBitwiseOr, u, low_op2(l, SpvOpShiftRightLogical, u, a.lo, in), lo);
    out = op == SpvOpShiftRightArithmetic ? low_op2(l, op, u, a.hi, low_k(l, n, 31)) : none;
    return (struct pair){low_select(l, u, far, hi, lo), low_select(l, u, far, out, hi)};
}

/* Vector of the parts' words @at. */
static uint32_t gather(struct lower *l, const uint32_t *parts, unsigned n, uint32_t at)
{
    uint32_t v[4];

    for (unsigned i = 0; i < n; i++)
        v[i] = low_op2(l, SpvOpCompositeExtract, low_uint(l, 1), parts[i], at);
    return n == 1 ? v[0] : spv_opv(l->s, SpvOpCompositeConstruct, low_uint(l, n), v, n);
}

/* Component @i as uvec2. */
static uint32_t scalar(struct lower *l, unsigned n, struct pair a, unsigned i)
{
    uint32_t u = low_uint(l, 1);

    return low_op2(l, SpvOpCompositeConstruct, low_uint(l, 2), low_part(l, a.lo, u, n, i), low_part(l, a.hi, u, n, i));
}

/* @remainder: of unsigned numbers only. */
static struct pair divide(struct lower *l, unsigned n, struct pair a, struct pair b, bool sign, bool remainder)
{
    uint32_t parts[4] = {0}, neg = 0, at = remainder ? 2 : 0;
    struct pair r;

    if (sign) {
        uint32_t na = negative(l, n, a), nb = negative(l, n, b);

        neg = low_op2(l, SpvOpLogicalNotEqual, low_bool(l, n), na, nb);
        a = negate_if(l, n, na, a);
        b = negate_if(l, n, nb, b);
    }
    for (unsigned i = 0; i < n; i++)
        parts[i] = low_call(l, LOW_FN_UDIVMOD, (const uint32_t[]){scalar(l, n, a, i), scalar(l, n, b, i)}, 2);
    r = (struct pair){gather(l, parts, n, at), gather(l, parts, n, at + 1)};
    return sign ? negate_if(l, n, neg, r) : r;
}

static struct pair from_float(struct lower *l, unsigned n, uint32_t x, bool sign)
{
    struct spv *s = l->s;
    uint32_t f = low_float(l, n), parts[4] = {0}, neg = 0;
    struct pair r;

    if (sign) {
        neg = low_op2(l, SpvOpFOrdLessThan, low_bool(l, n), x, spv_null(s, f));
        x = spv_glsl(s, GLSLstd450FAbs, f, 1, x);
    }
    for (unsigned i = 0; i < n; i++) {
        uint32_t e = low_part(l, x, low_float(l, 1), n, i);

        parts[i] = low_call(l, LOW_FN_FLOAT_U64, &e, 1);
    }
    r = (struct pair){gather(l, parts, n, 0), gather(l, parts, n, 1)};
    return sign ? negate_if(l, n, neg, r) : r;
}

bool low_wide(struct lower *l, SpvOp op, const struct low_type *t, uint32_t id, const uint32_t *o, size_t n)
{
    unsigned k = t->n;
    uint32_t u = low_uint(l, k), x = n ? o[0] : 0;
    struct pair a = {0}, b = {0}, r;

    if (n && low_of(l, x)->cls == LOW_WIDE)
        a = low_split(l, x);
    if (n > 1 && low_of(l, o[1])->cls == LOW_WIDE)
        b = low_split(l, o[1]);
    switch (op) {
    case SpvOpIAdd:
        r = add(l, k, a, b);
        break;
    case SpvOpISub:
        r = sub(l, k, a, b);
        break;
    case SpvOpIMul:
        r = multiply(l, k, a, b);
        break;
    case SpvOpUDiv:
    case SpvOpSDiv:
    case SpvOpUMod:
        r = divide(l, k, a, b, op == SpvOpSDiv, op == SpvOpUMod);
        break;
    case SpvOpBitwiseAnd:
    case SpvOpBitwiseOr:
    case SpvOpBitwiseXor:
        r = (struct pair){low_op2(l, op, u, a.lo, b.lo), low_op2(l, op, u, a.hi, b.hi)};
        break;
    case SpvOpNot:
        r = (struct pair){low_op1(l, op, u, a.lo), low_op1(l, op, u, a.hi)};
        break;
    case SpvOpSNegate:
        r = sub(l, k, zero(l, k), a);
        break;
    case SpvOpShiftLeftLogical:
    case SpvOpShiftRightLogical:
    case SpvOpShiftRightArithmetic:
        r = shift(l, op, k, a, b.lo ? b.lo : as_word(l, o[1], false));
        break;
    case SpvOpUConvert:
    case SpvOpSConvert:
        r.lo = as_word(l, x, op == SpvOpSConvert);
        r.hi = op == SpvOpSConvert ? low_op2(l, SpvOpShiftRightArithmetic, u, r.lo, low_k(l, k, 31)) : low_k(l, k, 0);
        break;
    case SpvOpConvertFToU:
    case SpvOpConvertFToS:
        if (low_of(l, x)->bits == 16 && low_of(l, x)->cls == LOW_NONE)
            x = low_op1(l, SpvOpFConvert, low_float(l, k), x);
        r = from_float(l, k, x, op == SpvOpConvertFToS);
        break;
    default:
        return false;
    }
    low_set_pair(l, id, k, r);
    return true;
}

bool low_wide_product(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o)
{
    unsigned n = low_of(l, o[0])->n;
    uint32_t u = low_uint(l, n), bv = low_bool(l, n), t = low_pair_type(l, n), parts[2], c1, c2;
    struct pair a, b, p00, p01, p10, hi;

    if (op != SpvOpUMulExtended && op != SpvOpSMulExtended)
        return false;
    a = low_split(l, o[0]);
    b = low_split(l, o[1]);
    p00 = product(l, n, a.lo, b.lo);
    p01 = product(l, n, a.lo, b.hi);
    p10 = product(l, n, a.hi, b.lo);
    /* second word of the product, with what it carries into the third */
    p00.hi = low_op2(l, SpvOpIAdd, u, p00.hi, p01.lo);
    c1 = low_select(l, u, low_op2(l, SpvOpULessThan, bv, p00.hi, p01.lo), low_k(l, n, 1), low_k(l, n, 0));
    p00.hi = low_op2(l, SpvOpIAdd, u, p00.hi, p10.lo);
    c2 = low_select(l, u, low_op2(l, SpvOpULessThan, bv, p00.hi, p10.lo), low_k(l, n, 1), low_k(l, n, 0));
    hi = add(l, n, product(l, n, a.hi, b.hi), (struct pair){p01.hi, low_k(l, n, 0)});
    hi = add(l, n, hi, (struct pair){p10.hi, low_k(l, n, 0)});
    hi = add(l, n, hi, (struct pair){low_op2(l, SpvOpIAdd, u, c1, c2), low_k(l, n, 0)});
    if (op == SpvOpSMulExtended) { /* a negative factor counts 2^64 too much, times the other */
        struct pair x[2] = {a, b};

        for (unsigned i = 0; i < 2; i++) {
            uint32_t m = low_op2(l, SpvOpShiftRightArithmetic, u, x[i].hi, low_k(l, n, 31));

            hi = sub(l, n, hi,
                     (struct pair){low_op2(l, SpvOpBitwiseAnd, u, x[1 - i].lo, m),
                                   low_op2(l, SpvOpBitwiseAnd, u, x[1 - i].hi, m)});
        }
    }
    parts[0] = low_op2(l, SpvOpCompositeConstruct, t, p00.lo, p00.hi);
    parts[1] = low_op2(l, SpvOpCompositeConstruct, t, hi.lo, hi.hi);
    low_emit(l, SpvOpCompositeConstruct, l->val[type], id, parts, 2);
    return true;
}

/* ---- comparisons of either class ---- */

bool low_compare(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o)
{
    static const struct {
        SpvOp op, strict, low; /* of the high words, unless they are equal; of the low words */
        bool sign;
    } t[] = {{SpvOpUGreaterThan, SpvOpUGreaterThan, SpvOpUGreaterThan, false},
             {SpvOpUGreaterThanEqual, SpvOpUGreaterThan, SpvOpUGreaterThanEqual, false},
             {SpvOpULessThan, SpvOpULessThan, SpvOpULessThan, false},
             {SpvOpULessThanEqual, SpvOpULessThan, SpvOpULessThanEqual, false},
             {SpvOpSGreaterThan, SpvOpSGreaterThan, SpvOpUGreaterThan, true},
             {SpvOpSGreaterThanEqual, SpvOpSGreaterThan, SpvOpUGreaterThanEqual, true},
             {SpvOpSLessThan, SpvOpSLessThan, SpvOpULessThan, true},
             {SpvOpSLessThanEqual, SpvOpSLessThan, SpvOpULessThanEqual, true}};
    const struct low_type *f = low_of(l, o[0]);
    uint32_t bv = low_bool(l, f->n), r = l->val[type], x, y;
    struct pair a, b;
    unsigned k = 0;

    while (k < ARRAY_LEN(t) && t[k].op != op)
        k++;
    if (k == ARRAY_LEN(t) && op != SpvOpIEqual && op != SpvOpINotEqual)
        return false;
    if (f->cls == LOW_NARROW) {
        bool sign = k < ARRAY_LEN(t) && t[k].sign;

        low_emit(l, op, r, id, (const uint32_t[]){sign ? low_sext(l, o[0]) : o[0], sign ? low_sext(l, o[1]) : o[1]}, 2);
        return true;
    }
    a = low_split(l, o[0]);
    b = low_split(l, o[1]);
    if (k == ARRAY_LEN(t)) {
        x = low_op2(l, op, bv, a.lo, b.lo);
        y = low_op2(l, op, bv, a.hi, b.hi);
        low_emit(l, op == SpvOpIEqual ? SpvOpLogicalAnd : SpvOpLogicalOr, r, id, (const uint32_t[]){x, y}, 2);
        return true;
    }
    x = low_op2(l, SpvOpLogicalAnd, bv, low_op2(l, SpvOpIEqual, bv, a.hi, b.hi), low_op2(l, t[k].low, bv, a.lo, b.lo));
    y = low_op2(l, t[k].strict, bv, a.hi, b.hi);
    low_emit(l, SpvOpLogicalOr, r, id, (const uint32_t[]){x, y}, 2);
    return true;
}

/* ---- to float ---- */

bool low_int_to_float(struct lower *l, SpvOp op, unsigned n, uint32_t x, uint32_t *out)
{
    struct spv *s = l->s;
    uint32_t f = low_float(l, 1), neg = 0;
    struct pair a;

    if (low_of(l, x)->cls != LOW_WIDE) {
        if (low_of(l, x)->cls == LOW_NARROW && op == SpvOpConvertSToF)
            x = low_sext(l, x);
        x = low_op1(l, op, low_float(l, n), x);
        for (unsigned i = 0; i < n; i++)
            out[i] = low_part(l, x, f, n, i);
        return true;
    }
    a = low_split(l, x);
    if (op == SpvOpConvertSToF) {
        neg = negative(l, n, a);
        a = negate_if(l, n, neg, a);
    }
    for (unsigned i = 0; i < n; i++) {
        uint32_t v = scalar(l, n, a, i);

        out[i] = low_call(l, LOW_FN_U64_FLOAT, &v, 1);
        if (neg)
            out[i] =
                low_select(l, f, low_part(l, neg, spv_type_bool(s), n, i), low_op1(l, SpvOpFNegate, f, out[i]), out[i]);
    }
    return true;
}

/* ---- functions ---- */

static struct pair words_of(struct lower *l, uint32_t v)
{
    uint32_t u = low_uint(l, 1);

    return (struct pair){low_op2(l, SpvOpCompositeExtract, u, v, 0), low_op2(l, SpvOpCompositeExtract, u, v, 1)};
}

static void ret(struct lower *l, uint32_t v)
{
    spv_void(l->s, SpvOpReturnValue, 1, v);
}

/* Quotient and remainder bit by bit; both operands of 32 bits take the device's own division. */
static void udivmod(struct lower *l, uint32_t av, uint32_t bv)
{
    struct spv *s = l->s;
    uint32_t u = low_uint(l, 1), b1 = spv_type_bool(s), none = spv_u32(s, 0), var[5], p = 0, v[4];
    uint32_t small = spv_label(s), big = spv_label(s), merge = spv_label(s), head = spv_label(s), body = spv_label(s),
             cont = spv_label(s), done = spv_label(s), top, ge, i;
    struct pair a, b, r, d;

    p = spv_type_ptr(s, SpvStorageClassFunction, u);
    for (unsigned k = 0; k < 5; k++) /* low and high word of quotient and remainder, counter */
        var[k] = spv_opv(s, SpvOpVariable, p, (const uint32_t[]){SpvStorageClassFunction}, 1);
    a = words_of(l, av);
    b = words_of(l, bv);
    spv_void(s, SpvOpStore, 2, var[0], a.lo);
    spv_void(s, SpvOpStore, 2, var[1], a.hi);
    for (unsigned k = 2; k < 5; k++)
        spv_void(s, SpvOpStore, 2, var[k], none);
    p = low_op2(l, SpvOpIEqual, b1, low_op2(l, SpvOpBitwiseOr, u, a.hi, b.hi), none);
    spv_void(s, SpvOpSelectionMerge, 2, merge, 0u);
    spv_void(s, SpvOpBranchConditional, 3, p, small, big);
    spv_begin(s, small);
    spv_void(s, SpvOpStore, 2, var[0], low_op2(l, SpvOpUDiv, u, a.lo, b.lo));
    spv_void(s, SpvOpStore, 2, var[2], low_op2(l, SpvOpUMod, u, a.lo, b.lo));
    spv_void(s, SpvOpBranch, 1, merge);
    spv_begin(s, big);
    spv_void(s, SpvOpBranch, 1, head);
    spv_begin(s, head);
    spv_void(s, SpvOpLoopMerge, 3, done, cont, 0u);
    spv_void(s, SpvOpBranch, 1, body);
    spv_begin(s, body);
    for (unsigned k = 0; k < 4; k++)
        v[k] = low_op1(l, SpvOpLoad, u, var[k]);
    top = low_op2(l, SpvOpSLessThan, b1, v[3], none);
    r = shift(l, SpvOpShiftLeftLogical, 1, (struct pair){v[2], v[3]}, spv_u32(s, 1));
    r.lo = low_op2(l, SpvOpBitwiseOr, u, r.lo, low_op2(l, SpvOpShiftRightLogical, u, v[1], spv_u32(s, 31)));
    a = shift(l, SpvOpShiftLeftLogical, 1, (struct pair){v[0], v[1]}, spv_u32(s, 1));
    ge = low_op2(l, SpvOpLogicalAnd, b1, low_op2(l, SpvOpIEqual, b1, r.hi, b.hi),
                 low_op2(l, SpvOpUGreaterThanEqual, b1, r.lo, b.lo));
    ge = low_op2(l, SpvOpLogicalOr, b1, ge, low_op2(l, SpvOpUGreaterThan, b1, r.hi, b.hi));
    ge = low_op2(l, SpvOpLogicalOr, b1, ge, top);
    d = sub(l, 1, r, b);
    spv_void(s, SpvOpStore, 2, var[0], low_op2(l, SpvOpBitwiseOr, u, a.lo, low_select(l, u, ge, spv_u32(s, 1), none)));
    spv_void(s, SpvOpStore, 2, var[1], a.hi);
    spv_void(s, SpvOpStore, 2, var[2], low_select(l, u, ge, d.lo, r.lo));
    spv_void(s, SpvOpStore, 2, var[3], low_select(l, u, ge, d.hi, r.hi));
    spv_void(s, SpvOpBranch, 1, cont);
    spv_begin(s, cont);
    i = low_op2(l, SpvOpIAdd, u, low_op1(l, SpvOpLoad, u, var[4]), spv_u32(s, 1));
    spv_void(s, SpvOpStore, 2, var[4], i);
    spv_void(s, SpvOpBranchConditional, 3, low_op2(l, SpvOpULessThan, b1, i, spv_u32(s, 64)), head, done);
    spv_begin(s, done);
    spv_void(s, SpvOpBranch, 1, merge);
    spv_begin(s, merge);
    for (unsigned k = 0; k < 4; k++)
        v[k] = low_op1(l, SpvOpLoad, u, var[k]);
    ret(l, spv_opv(s, SpvOpCompositeConstruct, low_uint(l, 4), v, 4));
}

/* The upper 32 significant bits, with a last one that says whether any follow, round as the whole does. */
static void u64_float(struct lower *l, uint32_t av)
{
    struct spv *s = l->s;
    uint32_t u = low_uint(l, 1), b = spv_type_bool(s), f = low_float(l, 1), n, lost, w, big, none = spv_u32(s, 0);
    struct pair a = words_of(l, av), t;

    n = low_op2(l, SpvOpISub, u, spv_u32(s, 31), spv_glsl(s, GLSLstd450FindUMsb, u, 1, a.hi));
    n = low_op2(l, SpvOpBitwiseAnd, u, n, spv_u32(s, 31));
    t = shift(l, SpvOpShiftLeftLogical, 1, a, n);
    lost = low_select(l, u, low_op2(l, SpvOpINotEqual, b, t.lo, none), spv_u32(s, 1), none);
    w = low_op1(l, SpvOpConvertUToF, f, low_op2(l, SpvOpBitwiseOr, u, t.hi, lost));
    n = low_op2(l, SpvOpISub, u, spv_u32(s, 32), n);
    big = low_op2(l, SpvOpIAdd, u, low_op1(l, SpvOpBitcast, u, w),
                  low_op2(l, SpvOpShiftLeftLogical, u, n, spv_u32(s, 23)));
    ret(l, low_select(l, f, low_op2(l, SpvOpIEqual, b, a.hi, none), low_op1(l, SpvOpConvertUToF, f, a.lo),
                      low_op1(l, SpvOpBitcast, f, big)));
}

static void float_u64(struct lower *l, uint32_t x)
{
    struct spv *s = l->s;
    uint32_t u = low_uint(l, 1), f = low_float(l, 1), hi, lo;

    hi = low_op1(l, SpvOpConvertFToU, u, low_op2(l, SpvOpFMul, f, x, spv_f32(s, 0x1p-32f)));
    lo = low_op2(l, SpvOpFMul, f, low_op1(l, SpvOpConvertUToF, f, hi), spv_f32(s, 0x1p32f)); /* both exact */
    lo = low_op1(l, SpvOpConvertFToU, u, low_op2(l, SpvOpFSub, f, x, lo));
    ret(l, low_op2(l, SpvOpCompositeConstruct, low_uint(l, 2), lo, hi));
}

void low_int_function(struct lower *l, enum low_fn f, const uint32_t *a)
{
    if (f == LOW_FN_UDIVMOD)
        udivmod(l, a[0], a[1]);
    else if (f == LOW_FN_U64_FLOAT)
        u64_float(l, a[0]);
    else
        float_u64(l, a[0]);
}
