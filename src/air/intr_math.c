/* SPDX-License-Identifier: MIT */
/*
 * Floating-point functions (air 3.3): mostly one GLSL.std.450 instruction, with the cases where Metal promises more
 * than GLSL does. bfloat goes through f32.
 */
#include "ctx.h"

#include <string.h>

struct fm {
    struct ctx *c;
    struct spv *s;
    unsigned n, bits;
    uint32_t ty, e, bv;
    bool bf; /* operands and result are bfloats, the rest is f32 */
};

static uint32_t operand(struct fm *f, LLVMValueRef v)
{
    return f->bf ? bf16_to_f32(f->c, value(f->c, v), f->n) : value(f->c, v);
}

static uint32_t result(struct fm *f, uint32_t x)
{
    return f->bf ? f32_to_bf16(f->c, x, f->n) : x;
}

static uint32_t k(struct fm *f, double v)
{
    return splat(f->c, spv_float(f->s, f->bits, v), f->e, f->n);
}

static uint32_t g1(struct fm *f, enum GLSLstd450 op, uint32_t x)
{
    return spv_glsl(f->s, op, f->ty, 1, x);
}

static uint32_t g2(struct fm *f, enum GLSLstd450 op, uint32_t x, uint32_t y)
{
    return spv_glsl(f->s, op, f->ty, 2, x, y);
}

static uint32_t o2(struct fm *f, SpvOp op, uint32_t x, uint32_t y)
{
    return spv_op(f->s, op, f->ty, 2, x, y);
}

static uint32_t cmp(struct fm *f, SpvOp op, uint32_t x, uint32_t y)
{
    return spv_op(f->s, op, f->bv, 2, x, y);
}

static uint32_t sel(struct fm *f, uint32_t c, uint32_t a, uint32_t b)
{
    return spv_op(f->s, SpvOpSelect, f->ty, 3, c, a, b);
}

/* Half away from zero. */
static uint32_t round_half(struct fm *f, uint32_t x)
{
    uint32_t t = g1(f, GLSLstd450Trunc, x), d = g1(f, GLSLstd450FAbs, o2(f, SpvOpFSub, x, t));

    return o2(f, SpvOpFAdd, t,
              sel(f, cmp(f, SpvOpFOrdGreaterThanEqual, d, k(f, 0.5)), g1(f, GLSLstd450FSign, x), k(f, 0)));
}

/* Pow is undefined for x < 0 in GLSL: take |x| and put the sign back for odd y; x^0 = 1; non-integer y of x < 0: NaN.
 */
static uint32_t power(struct fm *f, uint32_t x, uint32_t y)
{
    uint32_t r = g2(f, GLSLstd450Pow, g1(f, GLSLstd450FAbs, x), y), half = o2(f, SpvOpFMul, y, k(f, 0.5));
    uint32_t neg = cmp(f, SpvOpFOrdLessThan, x, k(f, 0)), whole, odd, nan = k(f, __builtin_nan(""));

    whole = cmp(f, SpvOpFOrdEqual, g1(f, GLSLstd450Floor, y), y);
    odd = cmp(f, SpvOpFOrdNotEqual, g1(f, GLSLstd450Floor, half), half);
    r = sel(f, neg, sel(f, whole, sel(f, odd, spv_op(f->s, SpvOpFNegate, f->ty, 1, r), r), nan), r);
    return sel(f, cmp(f, SpvOpFOrdEqual, y, k(f, 0)), k(f, 1), r);
}

static uint32_t reduce_pi(struct fm *f, uint32_t x)
{
    uint32_t r = o2(f, SpvOpFMul, g1(f, GLSLstd450RoundEven, o2(f, SpvOpFMul, x, k(f, 0.5))), k(f, 2));

    return o2(f, SpvOpFMul, o2(f, SpvOpFSub, x, r), k(f, 3.14159265358979323846));
}

static uint32_t to_bits(struct fm *f, uint32_t x)
{
    return spv_op(f->s, SpvOpBitcast, spv_type_vec(f->s, spv_type_uint(f->s, f->bits), f->n), 1, x);
}

static uint32_t kb(struct fm *f, uint64_t v)
{
    return splat(f->c, spv_uint(f->s, f->bits, v), spv_type_uint(f->s, f->bits), f->n);
}

static uint32_t copysign_(struct fm *f, uint32_t x, uint32_t y)
{
    uint32_t u = spv_type_vec(f->s, spv_type_uint(f->s, f->bits), f->n), sb = kb(f, UINT64_C(1) << (f->bits - 1));
    uint32_t r = spv_op(f->s, SpvOpBitwiseOr, u, 2,
                        spv_op(f->s, SpvOpBitwiseAnd, u, 2, to_bits(f, x), spv_op(f->s, SpvOpNot, u, 1, sb)),
                        spv_op(f->s, SpvOpBitwiseAnd, u, 2, to_bits(f, y), sb));

    return spv_op(f->s, SpvOpBitcast, f->ty, 1, r);
}

/* All in integers of the type's own width, so that no subnormal is lost: the next one away from zero is 1 more. */
static uint32_t nextafter_(struct ctx *c, uint32_t x, uint32_t y, LLVMTypeRef t)
{
    struct spv *s = &c->s;
    unsigned n = vec_len(t), w = scalar_bits(c, t),
             m = w == 32                                             ? 23
                 : LLVMGetTypeKind(elem_type(t)) == LLVMHalfTypeKind ? 10
                                                                     : 7;
    uint32_t e = spv_type_uint(s, w), u = spv_type_vec(s, e, n), bv = spv_type_vec(s, spv_type_bool(s), n), v[2],
             mag[2], neg[2], key[2], one = splat(c, spv_uint(s, w, 1), e, n),
             sign = splat(c, spv_uint(s, w, UINT64_C(1) << (w - 1)), e, n),
             inf = splat(c, spv_uint(s, w, ((UINT64_C(1) << (w - 1 - m)) - 1) << m), e, n), more, r, zero, nan;

    for (unsigned i = 0; i < 2; i++) {
        v[i] = i ? y : x;
        if (type_of(c, t) != u)
            v[i] = spv_op(s, SpvOpBitcast, u, 1, v[i]);
        mag[i] = spv_op(s, SpvOpBitwiseAnd, u, 2, v[i], spv_op(s, SpvOpNot, u, 1, sign));
        neg[i] = spv_op(s, SpvOpINotEqual, bv, 2, mag[i], v[i]);
        key[i] = spv_op(s, SpvOpSelect, u, 3, neg[i], spv_op(s, SpvOpISub, u, 2, spv_null(s, u), mag[i]), mag[i]);
    }
    more = spv_op(s, SpvOpSGreaterThan, bv, 2, key[1], key[0]);
    r = spv_op(s, SpvOpSelect, u, 3, spv_op(s, SpvOpLogicalNotEqual, bv, 2, more, neg[0]),
               spv_op(s, SpvOpIAdd, u, 2, v[0], one), spv_op(s, SpvOpISub, u, 2, v[0], one));
    zero = spv_op(s, SpvOpIEqual, bv, 2, mag[0], spv_null(s, u));
    r = spv_op(s, SpvOpSelect, u, 3, zero,
               spv_op(s, SpvOpSelect, u, 3, more, one, spv_op(s, SpvOpBitwiseOr, u, 2, sign, one)), r);
    r = spv_op(s, SpvOpSelect, u, 3, spv_op(s, SpvOpIEqual, bv, 2, key[0], key[1]), v[1], r);
    nan = spv_op(s, SpvOpLogicalOr, bv, 2, spv_op(s, SpvOpUGreaterThan, bv, 2, mag[0], inf),
                 spv_op(s, SpvOpUGreaterThan, bv, 2, mag[1], inf));
    r = spv_op(s, SpvOpSelect, u, 3, nan,
               spv_op(s, SpvOpBitwiseOr, u, 2, inf, splat(c, spv_uint(s, w, UINT64_C(1) << (m - 1)), e, n)), r);
    return type_of(c, t) == u ? r : spv_op(s, SpvOpBitcast, type_of(c, t), 1, r);
}

/*
 * f32 @x is *@fraction * 2^result, the fraction in [0.5, 1): from the bits, for GLSL leaves infinities and NaN
 * undefined, and drivers flush subnormals. @special: what the exponent is of zero, infinity and NaN.
 */
static uint32_t exponent(struct ctx *c, uint32_t x, unsigned n, const uint32_t special[3], uint32_t *fraction)
{
    struct spv *s = &c->s;
    uint32_t e = spv_type_uint(s, 32), u = spv_type_vec(s, e, n), fv = spv_type_vec(s, spv_type_float(s, 32), n),
             bv = spv_type_vec(s, spv_type_bool(s), n), b = spv_op(s, SpvOpBitcast, u, 1, x), mag, top, ex, keep, r;
#define K(v) splat(c, spv_u32(s, v), e, n)

    mag = spv_op(s, SpvOpBitwiseAnd, u, 2, b, K(0x7fffffff));
    top = spv_glsl(s, GLSLstd450FindUMsb, u, 1, mag);
    ex = spv_op(s, SpvOpShiftRightLogical, u, 2, mag, K(23));
    keep = spv_op(s, SpvOpIEqual, bv, 2, ex, spv_null(s, u)); /* zero or subnormal: make the top bit the hidden one */
    r = spv_op(s, SpvOpShiftLeftLogical, u, 2, mag,
               spv_op(s, SpvOpBitwiseAnd, u, 2, spv_op(s, SpvOpISub, u, 2, K(23), top), K(31)));
    r = spv_op(s, SpvOpSelect, u, 3, keep, r, mag);
    ex = spv_op(s, SpvOpSelect, u, 3, keep, spv_op(s, SpvOpISub, u, 2, top, K(148)),
                spv_op(s, SpvOpISub, u, 2, ex, K(126)));
    r = spv_op(s, SpvOpBitwiseOr, u, 2, spv_op(s, SpvOpBitwiseAnd, u, 2, r, K(0x7fffff)), K(0x3f000000));
    r = spv_op(s, SpvOpBitwiseOr, u, 2, r, spv_op(s, SpvOpBitwiseAnd, u, 2, b, K(0x80000000)));
    ex = spv_op(s, SpvOpSelect, u, 3, spv_op(s, SpvOpIEqual, bv, 2, mag, spv_null(s, u)), K(special[0]), ex);
    ex = spv_op(s, SpvOpSelect, u, 3, spv_op(s, SpvOpIEqual, bv, 2, mag, K(0x7f800000)), K(special[1]), ex);
    ex = spv_op(s, SpvOpSelect, u, 3, spv_op(s, SpvOpUGreaterThan, bv, 2, mag, K(0x7f800000)), K(special[2]), ex);
    keep = spv_op(s, SpvOpUGreaterThanEqual, bv, 2, spv_op(s, SpvOpISub, u, 2, mag, K(1)), K(0x7f7fffff));
    if (fraction)
        *fraction = spv_op(s, SpvOpBitcast, fv, 1, spv_op(s, SpvOpSelect, u, 3, keep, b, r));
#undef K
    return ex;
}

/*
 * f32 @x times 2^@e (signed, any): three factors reach from one end of the range beyond the other. The largest is the
 * last, so that a subnormal is rounded once.
 */
static uint32_t scale(struct ctx *c, uint32_t x, uint32_t e, unsigned n)
{
    struct spv *s = &c->s;
    uint32_t i = spv_type_uint(s, 32), u = spv_type_vec(s, i, n), fv = spv_type_vec(s, spv_type_float(s, 32), n),
             least = splat(c, spv_u32(s, (uint32_t)-126), i, n), bias = splat(c, spv_u32(s, 127), i, n), part[3];

    for (unsigned k = 0; k < 3; k++) {
        part[k] = spv_glsl(s, GLSLstd450SClamp, u, 3, e, least, bias);
        e = spv_op(s, SpvOpISub, u, 2, e, part[k]);
    }
    for (unsigned k = 3; k-- > 0;) {
        e = spv_op(s, SpvOpShiftLeftLogical, u, 2, spv_op(s, SpvOpIAdd, u, 2, part[k], bias),
                   splat(c, spv_u32(s, 23), i, n));
        x = spv_op(s, SpvOpFMul, fv, 2, x, spv_op(s, SpvOpBitcast, fv, 1, e));
    }
    return x;
}

static void no_contract(struct fm *f, uint32_t id)
{
    if (!f->c->fast_math)
        spv_decorate(f->s, id, SpvDecorationNoContraction, 0);
}

/* One operand in, one value out. 0: not such a function. */
static uint32_t unary(struct fm *f, const char *op, bool fast, uint32_t x)
{
    static const struct {
        const char *name;
        enum GLSLstd450 g;
    } plain[] = {{"fabs", GLSLstd450FAbs},         {"floor", GLSLstd450Floor},    {"ceil", GLSLstd450Ceil},
                 {"trunc", GLSLstd450Trunc},       {"rint", GLSLstd450RoundEven}, {"sqrt", GLSLstd450Sqrt},
                 {"rsqrt", GLSLstd450InverseSqrt}, {"sin", GLSLstd450Sin},        {"cos", GLSLstd450Cos},
                 {"tan", GLSLstd450Tan},           {"asin", GLSLstd450Asin},      {"acos", GLSLstd450Acos},
                 {"atan", GLSLstd450Atan},         {"sinh", GLSLstd450Sinh},      {"cosh", GLSLstd450Cosh},
                 {"asinh", GLSLstd450Asinh},       {"acosh", GLSLstd450Acosh},    {"atanh", GLSLstd450Atanh},
                 {"exp", GLSLstd450Exp},           {"exp2", GLSLstd450Exp2},      {"log", GLSLstd450Log},
                 {"log2", GLSLstd450Log2}};
    uint32_t r;

    for (unsigned i = 0; i < ARRAY_LEN(plain); i++) {
        if (!strcmp(op, plain[i].name))
            return g1(f, plain[i].g, x);
    }
    if (!strcmp(op, "round"))
        return round_half(f, x);
    if (!strcmp(op, "fract"))
        return g2(f, GLSLstd450FMin, g1(f, GLSLstd450Fract, x),
                  k(f, f->bf           ? 0x1.fep-1
                       : f->bits == 16 ? 0x1.ffcp-1
                                       : 0x1.fffffep-1));
    if (!strcmp(op, "tanh")) /* some drivers compute (e^x - e^-x) / (e^x + e^-x): keep it finite */
        return g1(f, GLSLstd450Tanh, g2(f, GLSLstd450FMin, g2(f, GLSLstd450FMax, x, k(f, -10)), k(f, 10)));
    if (!strcmp(op, "sinpi"))
        return g1(f, GLSLstd450Sin, reduce_pi(f, x));
    if (!strcmp(op, "cospi"))
        return g1(f, GLSLstd450Cos, reduce_pi(f, x));
    if (!strcmp(op, "tanpi"))
        return g1(f, GLSLstd450Tan, reduce_pi(f, x));
    if (!strcmp(op, "exp10"))
        return g1(f, GLSLstd450Exp2, o2(f, SpvOpFMul, x, k(f, 3.32192809488736234787)));
    if (!strcmp(op, "log10"))
        return o2(f, SpvOpFMul, g1(f, GLSLstd450Log2, x), k(f, 0.30102999566398119521));
    if (!strcmp(op, "saturate"))
        return spv_glsl(f->s, fast ? GLSLstd450FClamp : GLSLstd450NClamp, f->ty, 3, x, k(f, 0), k(f, 1));
    if (!strcmp(op, "sign")) {
        r = g1(f, GLSLstd450FSign, x);
        r = sel(f, cmp(f, SpvOpFOrdEqual, x, k(f, 0)), x, r);
        return sel(f, spv_op(f->s, SpvOpIsNan, f->bv, 1, x), k(f, 0), r);
    }
    return 0;
}

static uint32_t several(struct fm *f, const char *op, bool fast, uint32_t *a, unsigned n)
{
    enum GLSLstd450 mn = fast ? GLSLstd450FMin : GLSLstd450NMin, mx = fast ? GLSLstd450FMax : GLSLstd450NMax;
    uint32_t r;

    if (n == 2) {
        if (!strcmp(op, "fmin"))
            return g2(f, mn, a[0], a[1]);
        if (!strcmp(op, "fmax"))
            return g2(f, mx, a[0], a[1]);
        if (!strcmp(op, "minimum") || !strcmp(op, "maximum")) /* LLVM's: NaN stays */
            return sel(f,
                       spv_op(f->s, SpvOpLogicalOr, f->bv, 2, spv_op(f->s, SpvOpIsNan, f->bv, 1, a[0]),
                              spv_op(f->s, SpvOpIsNan, f->bv, 1, a[1])),
                       o2(f, SpvOpFAdd, a[0], a[1]), g2(f, op[1] == 'i' ? mn : mx, a[0], a[1]));
        if (!strcmp(op, "atan2"))
            return g2(f, GLSLstd450Atan2, a[0], a[1]);
        if (!strcmp(op, "pow"))
            return power(f, a[0], a[1]);
        if (!strcmp(op, "powr"))
            return g2(f, GLSLstd450Pow, a[0], a[1]);
        if (!strcmp(op, "fmod")) {
            r = o2(f, SpvOpFMul, a[1], g1(f, GLSLstd450Trunc, o2(f, SpvOpFDiv, a[0], a[1])));
            return o2(f, SpvOpFSub, a[0], r);
        }
        if (!strcmp(op, "copysign"))
            return copysign_(f, a[0], a[1]);
        if (!strcmp(op, "fdim")) /* NaN stays: the comparison is unordered */
            return sel(f, cmp(f, SpvOpFOrdLessThanEqual, a[0], a[1]), k(f, 0), o2(f, SpvOpFSub, a[0], a[1]));
    } else if (n == 3) {
        if (!strcmp(op, "fma")) {
            r = spv_glsl(f->s, GLSLstd450Fma, f->ty, 3, a[0], a[1], a[2]);
            no_contract(f, r);
            return r;
        }
        if (!strcmp(op, "mix"))
            return spv_glsl(f->s, GLSLstd450FMix, f->ty, 3, a[0], a[1], a[2]);
        if (!strcmp(op, "clamp"))
            return spv_glsl(f->s, fast ? GLSLstd450FClamp : GLSLstd450NClamp, f->ty, 3, a[0], a[1], a[2]);
        if (!strcmp(op, "fmin3") || !strcmp(op, "min3"))
            return g2(f, mn, g2(f, mn, a[0], a[1]), a[2]);
        if (!strcmp(op, "fmax3") || !strcmp(op, "max3"))
            return g2(f, mx, g2(f, mx, a[0], a[1]), a[2]);
        if (!strcmp(op, "fmedian3") || !strcmp(op, "median3"))
            return g2(f, mx, g2(f, mn, a[0], a[1]), g2(f, mn, g2(f, mx, a[0], a[1]), a[2]));
    }
    return 0;
}

/* Functions with a pointer result, or integers on one side. */
static uint32_t mixed(struct fm *f, struct call *q, const char *op)
{
    static const uint32_t none[3] = {0, 0, 0};
    struct ctx *c = f->c;
    struct spv *s = f->s;
    uint32_t x, r, e, f32 = spv_type_vec(s, spv_type_float(s, 32), f->n);
    unsigned bytes = scalar_bits(c, q->ret) / 8;

    if (q->n < 2 || LLVMTypeOf(q->a[0]) != q->ret)
        return 0;
    if (!strcmp(op, "sincos") && is_pointer(q->a[1])) {
        x = operand(f, q->a[0]);
        mem_store(c, pointer(c, q->a[1]), q->ret, bytes, result(f, g1(f, GLSLstd450Cos, x)));
        return g1(f, GLSLstd450Sin, x);
    }
    if (!strcmp(op, "modf") && is_pointer(q->a[1])) {
        x = operand(f, q->a[0]);
        r = g1(f, GLSLstd450Trunc, x);
        mem_store(c, pointer(c, q->a[1]), q->ret, bytes, result(f, r));
        r = o2(f, SpvOpFSub, x, r);
        /* infinity minus itself */
        return copysign_(f, sel(f, spv_op(s, SpvOpIsInf, f->bv, 1, x), k(f, 0), r), x);
    }
    if (!strcmp(op, "frexp") && is_pointer(q->a[1])) {
        LLVMTypeRef it = LLVMInt32TypeInContext(c->lc);

        x = operand(f, q->a[0]);
        e = exponent(c, f->bits == 16 ? spv_op(s, SpvOpFConvert, f32, 1, x) : x, f->n, none, &r);
        mem_store(c, pointer(c, q->a[1]), f->n > 1 ? LLVMVectorType(it, f->n) : it, 4, e);
        return f->bits == 16 ? spv_op(s, SpvOpFConvert, f->ty, 1, r) : r;
    }
    if (!strcmp(op, "ldexp") && vec_len(LLVMTypeOf(q->a[1])) == f->n &&
        LLVMGetTypeKind(elem_type(LLVMTypeOf(q->a[1]))) == LLVMIntegerTypeKind) {
        x = operand(f, q->a[0]);
        e = to_u32(c, value(c, q->a[1]), LLVMTypeOf(q->a[1]), true);
        r = scale(c, f->bits == 16 ? spv_op(s, SpvOpFConvert, f32, 1, x) : x, e, f->n);
        return f->bits == 16 ? spv_op(s, SpvOpFConvert, f->ty, 1, r) : r;
    }
    return 0;
}

static bool is_float(LLVMTypeRef t)
{
    LLVMTypeKind k = LLVMGetTypeKind(elem_type(t));

    return k == LLVMFloatTypeKind || k == LLVMHalfTypeKind || k == LLVMBFloatTypeKind;
}

static uint32_t f32_or_half(struct ctx *c, LLVMValueRef v)
{
    uint32_t x = value(c, v);

    return type_is_bf16(LLVMTypeOf(v)) ? bf16_to_f32(c, x, vec_len(LLVMTypeOf(v))) : x;
}

static bool predicate(struct ctx *c, struct call *q, const char *op)
{
    struct spv *s = &c->s;
    LLVMTypeRef t = q->n ? LLVMTypeOf(q->a[0]) : NULL;
    unsigned n = t ? vec_len(t) : 0;
    uint32_t bv, x, r = 0;

    if (!t)
        return false;
    if ((!strcmp(op, "all") || !strcmp(op, "any")) && LLVMGetTypeKind(elem_type(t)) == LLVMIntegerTypeKind) {
        x = value(c, q->a[0]);
        if (scalar_bits(c, t) != 1)
            x = spv_op(s, SpvOpINotEqual, spv_type_vec(s, spv_type_bool(s), n), 2, x, spv_null(s, type_of(c, t)));
        r = n == 1 ? x : spv_op(s, op[1] == 'l' ? SpvOpAll : SpvOpAny, spv_type_bool(s), 1, x);
        if (scalar_bits(c, q->ret) != 1)
            r = spv_op(s, SpvOpSelect, type_of(c, q->ret), 3, r, spv_uint(s, scalar_bits(c, q->ret), 1),
                       spv_uint(s, scalar_bits(c, q->ret), 0));
        set_value(c, q->inst, r);
        return true;
    }
    if (strncmp(op, "is", 2) || !is_float(t))
        return false;
    x = f32_or_half(c, q->a[0]);
    bv = spv_type_vec(s, spv_type_bool(s), n);
    if (!strcmp(op, "isnan")) {
        r = spv_op(s, SpvOpIsNan, bv, 1, x);
    } else if (!strcmp(op, "isinf")) {
        r = spv_op(s, SpvOpIsInf, bv, 1, x);
    } else if (!strcmp(op, "isfinite")) {
        r = spv_op(s, SpvOpLogicalNot, bv, 1,
                   spv_op(s, SpvOpLogicalOr, bv, 2, spv_op(s, SpvOpIsNan, bv, 1, x), spv_op(s, SpvOpIsInf, bv, 1, x)));
    } else if (!strcmp(op, "isnormal")) { /* the exponent is neither all zeros nor all ones */
        unsigned w = type_is_bf16(t) ? 32 : scalar_bits(c, t), m = w == 16 ? 10 : 23;
        uint32_t e = spv_type_uint(s, w), v = spv_type_vec(s, e, n), all = (1u << (w - 1 - m)) - 1;

        x = spv_op(s, SpvOpBitwiseAnd, v, 2, spv_op(s, SpvOpBitcast, v, 1, x),
                   splat(c, spv_uint(s, w, (uint64_t)all << m), e, n));
        r = spv_op(s, SpvOpLogicalAnd, bv, 2, spv_op(s, SpvOpINotEqual, bv, 2, x, spv_null(s, v)),
                   spv_op(s, SpvOpINotEqual, bv, 2, x, splat(c, spv_uint(s, w, (uint64_t)all << m), e, n)));
    } else if ((!strcmp(op, "isordered") || !strcmp(op, "isunordered")) && q->n == 2) {
        r = spv_op(s, SpvOpLogicalOr, bv, 2, spv_op(s, SpvOpIsNan, bv, 1, x),
                   spv_op(s, SpvOpIsNan, bv, 1, f32_or_half(c, q->a[1])));
        if (op[2] == 'o')
            r = spv_op(s, SpvOpLogicalNot, bv, 1, r);
    } else {
        return false;
    }
    set_value(c, q->inst, r);
    return true;
}

bool intr_math(struct ctx *c, struct call *q)
{
    struct spv *s = &c->s;
    bool fast = !strncmp(q->op, "fast_", 5), bf = type_is_bf16(q->ret);
    const char *op = fast ? q->op + 5 : q->op;
    struct fm f = {.c = c, .s = s};
    uint32_t a[4], r;

    if (predicate(c, q, op))
        return true;
    if (!strcmp(op, "dot") && q->n == 2 && is_float(q->ret) && LLVMTypeOf(q->a[0]) == LLVMTypeOf(q->a[1]) &&
        elem_type(LLVMTypeOf(q->a[0])) == q->ret) {
        unsigned n = vec_len(LLVMTypeOf(q->a[0]));
        uint32_t x = f32_or_half(c, q->a[0]), y = f32_or_half(c, q->a[1]);
        uint32_t e = bf ? spv_type_float(s, 32) : type_of(c, q->ret);

        r = spv_op(s, n == 1 ? SpvOpFMul : SpvOpDot, e, 2, x, y);
        set_value(c, q->inst, bf ? f32_to_bf16(c, r, 1) : r);
        return true;
    }
    if (!strcmp(op, "ilogb") && q->n == 1 && is_float(LLVMTypeOf(q->a[0]))) {
        static const uint32_t special[3] = {0x80000001, 0x80000000, 0x80000001}; /* C's, and 1 */
        LLVMTypeRef t = LLVMTypeOf(q->a[0]);
        unsigned n = vec_len(t);
        uint32_t x = f32_or_half(c, q->a[0]);

        if (LLVMGetTypeKind(elem_type(t)) == LLVMHalfTypeKind)
            x = spv_op(s, SpvOpFConvert, spv_type_vec(s, spv_type_float(s, 32), n), 1, x);
        x = exponent(c, x, n, special, NULL); /* of a fraction in [0.5, 1) */
        set_value(c, q->inst,
                  spv_op(s, SpvOpISub, spv_type_vec(s, spv_type_uint(s, 32), n), 2, x,
                         splat(c, spv_u32(s, 1), spv_type_uint(s, 32), n)));
        return true;
    }
    if (!is_float(q->ret) || !q->n || vec_len(q->ret) > 4 || q->n > 4)
        return false;
    f.n = vec_len(q->ret);
    f.bf = bf;
    f.bits = bf ? 32 : scalar_bits(c, q->ret);
    f.e = spv_type_float(s, f.bits);
    f.ty = spv_type_vec(s, f.e, f.n);
    f.bv = spv_type_vec(s, spv_type_bool(s), f.n);
    for (unsigned i = 0; i < q->n; i++) {
        if (LLVMTypeOf(q->a[i]) == q->ret)
            continue;
        r = mixed(&f, q, op);
        if (r)
            set_value(c, q->inst, result(&f, r));
        return r != 0;
    }
    if (!strcmp(op, "nextafter") && q->n == 2) {
        set_value(c, q->inst, nextafter_(c, value(c, q->a[0]), value(c, q->a[1]), q->ret));
        return true;
    }
    /* Ask by name first: operands of unknown functions must not be touched. */
    static const char *const known[] = {
        "fabs",    "floor", "ceil", "trunc", "rint",  "sqrt",     "rsqrt",  "sin",   "cos",      "tan",   "asin",
        "acos",    "atan",  "sinh", "cosh",  "asinh", "acosh",    "atanh",  "exp",   "exp2",     "log",   "log2",
        "round",   "fract", "tanh", "sinpi", "cospi", "tanpi",    "exp10",  "log10", "saturate", "sign",  "fmin",
        "fmax",    "atan2", "pow",  "powr",  "fmod",  "copysign", "fdim",   "fma",   "mix",      "clamp", "minimum",
        "maximum", "fmin3", "min3", "fmax3", "max3",  "fmedian3", "median3"};
    bool found = false;

    for (unsigned i = 0; i < ARRAY_LEN(known); i++)
        found = found || !strcmp(op, known[i]);
    if (!found)
        return false;
    for (unsigned i = 0; i < q->n; i++)
        a[i] = operand(&f, q->a[i]);
    r = q->n == 1 ? unary(&f, op, fast, a[0]) : several(&f, op, fast, a, q->n);
    if (!r)
        return false;
    set_value(c, q->inst, result(&f, r));
    return true;
}
