/* SPDX-License-Identifier: MIT */
/*
 * Halves on devices without them (see lower.c): floats that are rounded to the nearest half, ties to even, after each
 * operation that may leave the set of halves. Rounding is integer arithmetic, so that no driver's choice of rounding
 * mode or treatment of subnormals shows. One rounding in single and one in half precision make the same result as one
 * in half precision for sums, products, quotients and square roots (24 >= 2 * 11 + 2 bits); fma gets its own care.
 */
#include "lower.h"

/* Defines @id: the float @v, component by component the nearest half. */
static void rounded(struct lower *l, const struct low_type *t, uint32_t id, uint32_t v)
{
    uint32_t parts[4];

    for (unsigned i = 0; i < t->n; i++) {
        uint32_t e = low_part(l, v, low_float(l, 1), t->n, i);

        parts[i] = low_call(l, LOW_FN_ROUND, &e, 1);
    }
    low_join(l, low_float(l, t->n), id, parts, t->n);
}

/* Functions of GLSL.std.450 whose result is a half when the operands are. */
static bool exact(uint32_t f)
{
    switch (f) {
    case GLSLstd450Round:
    case GLSLstd450RoundEven:
    case GLSLstd450Trunc:
    case GLSLstd450FAbs:
    case GLSLstd450FSign:
    case GLSLstd450Floor:
    case GLSLstd450Ceil:
    case GLSLstd450FMin:
    case GLSLstd450FMax:
    case GLSLstd450NMin:
    case GLSLstd450NMax:
    case GLSLstd450FClamp:
    case GLSLstd450NClamp:
        return true;
    default:
        return false;
    }
}

bool low_half(struct lower *l, SpvOp op, const struct low_type *t, uint32_t id, const uint32_t *o, size_t n)
{
    uint32_t f = low_float(l, t->n), parts[4];

    switch (op) {
    case SpvOpFNegate:
    case SpvOpGroupNonUniformFMin:
    case SpvOpGroupNonUniformFMax:
        low_emit(l, op, f, id, o, n);
        return true;
    case SpvOpFAdd:
    case SpvOpFSub:
    case SpvOpFMul:
    case SpvOpFDiv:
    case SpvOpFRem:
    case SpvOpFMod:
    case SpvOpDot:
    case SpvOpVectorTimesScalar:
    case SpvOpDPdx:
    case SpvOpDPdy:
    case SpvOpFwidth:
    case SpvOpGroupNonUniformFAdd:
    case SpvOpGroupNonUniformFMul:
        rounded(l, t, id, spv_opv(l->s, op, f, o, n));
        return true;
    case SpvOpFConvert:
        rounded(l, t, id, o[0]);
        return true;
    case SpvOpConvertSToF:
    case SpvOpConvertUToF: /* whole numbers that single precision rounds are beyond the largest half */
        if (!low_int_to_float(l, op, t->n, o[0], parts))
            return false;
        for (unsigned i = 0; i < t->n; i++)
            parts[i] = low_call(l, LOW_FN_ROUND, &parts[i], 1);
        low_join(l, f, id, parts, t->n);
        return true;
    case SpvOpExtInst:
        if (o[1] == GLSLstd450Fma) {
            for (unsigned i = 0; i < t->n; i++) {
                uint32_t a[3];

                for (unsigned k = 0; k < 3; k++)
                    a[k] = low_part(l, o[2 + k], low_float(l, 1), t->n, i);
                parts[i] = low_call(l, LOW_FN_HALF_FMA, a, 3);
            }
            low_join(l, f, id, parts, t->n);
            return true;
        }
        if (exact(o[1]))
            low_emit(l, op, f, id, o, n);
        else
            rounded(l, t, id, spv_opv(l->s, op, f, o, n));
        return true;
    default:
        return false;
    }
}

/* ---- functions ---- */

static uint32_t half_bits(struct lower *l, uint32_t x)
{
    struct spv *s = l->s;
    uint32_t u = low_uint(l, 1), b = spv_type_bool(s), w = low_op1(l, SpvOpBitcast, u, x), sign, a, normal, sub, sh, m,
             rest, mid, nan, r, up;

    sign = low_op2(l, SpvOpBitwiseAnd, u, spv_shr(s, w, 16), spv_u32(s, 0x8000));
    a = low_op2(l, SpvOpBitwiseAnd, u, w, spv_u32(s, 0x7fffffff));
    /* normal: drop 13 bits of the fraction; a carry goes into the exponent, from the largest one to infinity */
    normal = low_op2(l, SpvOpIAdd, u, a,
                     low_op2(l, SpvOpIAdd, u, spv_and(s, spv_shr(s, a, 13), spv_u32(s, 1)), spv_u32(s, 0xfff)));
    normal = spv_shr(s, low_op2(l, SpvOpISub, u, normal, spv_u32(s, 0x38000000)), 13);
    normal = spv_glsl(s, GLSLstd450UMin, u, 2, normal, spv_u32(s, 0x7c00));
    /* subnormal: units of 2^-24 */
    sh = low_op2(l, SpvOpISub, u, spv_u32(s, 126), spv_shr(s, a, 23));
    sh = spv_glsl(s, GLSLstd450UMin, u, 2, sh, spv_u32(s, 25));
    m = low_op2(l, SpvOpBitwiseOr, u, spv_and(s, a, spv_u32(s, 0x7fffff)), spv_u32(s, 0x800000));
    sub = low_op2(l, SpvOpShiftRightLogical, u, m, sh);
    rest = low_op2(l, SpvOpISub, u, m, low_op2(l, SpvOpShiftLeftLogical, u, sub, sh));
    mid = low_op2(l, SpvOpShiftLeftLogical, u, spv_u32(s, 1), low_op2(l, SpvOpISub, u, sh, spv_u32(s, 1)));
    /* odd ones round up on a tie */
    rest = low_op2(l, SpvOpIAdd, u, rest, spv_and(s, sub, spv_u32(s, 1)));
    up = low_op2(l, SpvOpUGreaterThan, b, rest, mid);
    sub = low_op2(l, SpvOpIAdd, u, sub, low_select(l, u, up, spv_u32(s, 1), spv_u32(s, 0)));
    r = low_select(l, u, low_op2(l, SpvOpULessThan, b, a, spv_u32(s, 0x38800000)), sub, normal);
    nan = low_op2(l, SpvOpBitwiseOr, u, spv_and(s, spv_shr(s, a, 13), spv_u32(s, 0x3ff)), spv_u32(s, 0x7c00));
    /* a NaN whose upper bits are zero must not become infinity */
    nan = low_select(l, u, low_op2(l, SpvOpIEqual, b, nan, spv_u32(s, 0x7c00)), spv_u32(s, 0x7e00), nan);
    r = low_select(l, u, low_op2(l, SpvOpUGreaterThan, b, a, spv_u32(s, 0x7f800000)), nan, r);
    return low_op2(l, SpvOpBitwiseOr, u, r, sign);
}

static uint32_t bits_half(struct lower *l, uint32_t h)
{
    struct spv *s = l->s;
    uint32_t u = low_uint(l, 1), b = spv_type_bool(s), f = low_float(l, 1), a, r, sub, sign;

    a = spv_and(s, h, spv_u32(s, 0x7fff));
    sign = low_op2(l, SpvOpShiftLeftLogical, u, spv_and(s, h, spv_u32(s, 0x8000)), spv_u32(s, 16));
    r = low_op2(l, SpvOpShiftLeftLogical, u, a, spv_u32(s, 13));
    r = low_op2(l, SpvOpIAdd, u, r,
                low_select(l, u, low_op2(l, SpvOpUGreaterThanEqual, b, a, spv_u32(s, 0x7c00)), spv_u32(s, 0x70000000),
                           spv_u32(s, 0x38000000)));
    sub = low_op2(l, SpvOpFMul, f, low_op1(l, SpvOpConvertUToF, f, a), spv_f32(s, 0x1p-24f));
    r = low_select(l, u, low_op2(l, SpvOpULessThan, b, a, spv_u32(s, 0x400)), low_op1(l, SpvOpBitcast, u, sub), r);
    return low_op1(l, SpvOpBitcast, f, low_op2(l, SpvOpBitwiseOr, u, r, sign));
}

static uint32_t strict(struct lower *l, SpvOp op, uint32_t a, uint32_t b)
{
    uint32_t r = low_op2(l, op, low_float(l, 1), a, b);

    spv_decorate(l->s, r, SpvDecorationNoContraction, 0);
    return r;
}

/*
 * The product of two halves is exact. The sum's rounding error, which is a float, says whether the sum must be moved to
 * its odd neighbour: then the second rounding cannot meet a tie that is none.
 */
static uint32_t half_fma(struct lower *l, uint32_t x, uint32_t y, uint32_t z)
{
    struct spv *s = l->s;
    uint32_t u = low_uint(l, 1), b = spv_type_bool(s), f = low_float(l, 1), none = spv_f32(s, 0);
    uint32_t p = strict(l, SpvOpFMul, x, y), sum = strict(l, SpvOpFAdd, p, z), v, err, w, move, away;

    v = strict(l, SpvOpFSub, sum, p);
    err = strict(l, SpvOpFAdd, strict(l, SpvOpFSub, p, strict(l, SpvOpFSub, sum, v)), strict(l, SpvOpFSub, z, v));
    w = low_op1(l, SpvOpBitcast, u, sum);
    move = low_op2(l, SpvOpLogicalAnd, b, low_op2(l, SpvOpFOrdNotEqual, b, err, none),
                   low_op2(l, SpvOpIEqual, b, spv_and(s, w, spv_u32(s, 1)), spv_u32(s, 0)));
    away = low_op2(l, SpvOpLogicalEqual, b, low_op2(l, SpvOpFOrdGreaterThan, b, err, none),
                   low_op2(l, SpvOpFOrdGreaterThan, b, sum, none));
    w = low_op2(l, SpvOpIAdd, u, w,
                low_select(l, u, move, low_select(l, u, away, spv_u32(s, 1), spv_u32(s, UINT32_MAX)), spv_u32(s, 0)));
    v = low_op1(l, SpvOpBitcast, f, w);
    return low_call(l, LOW_FN_ROUND, &v, 1);
}

void low_half_function(struct lower *l, enum low_fn f, const uint32_t *a)
{
    uint32_t r;

    switch (f) {
    case LOW_FN_HALF_BITS:
        r = half_bits(l, a[0]);
        break;
    case LOW_FN_BITS_HALF:
        r = bits_half(l, a[0]);
        break;
    case LOW_FN_ROUND:
        r = low_call(l, LOW_FN_HALF_BITS, a, 1);
        r = low_call(l, LOW_FN_BITS_HALF, &r, 1);
        break;
    default:
        r = half_fma(l, a[0], a[1], a[2]);
    }
    spv_void(l->s, SpvOpReturnValue, 1, r);
}
