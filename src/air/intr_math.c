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
};

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

static uint32_t nextafter_(struct fm *f, uint32_t x, uint32_t y)
{
    struct spv *s = f->s;
    uint32_t u = spv_type_vec(s, spv_type_uint(s, f->bits), f->n), b = to_bits(f, x), up, zero, r, tiny;
    uint32_t pos = cmp(f, SpvOpFOrdGreaterThan, x, k(f, 0)), more = cmp(f, SpvOpFOrdGreaterThan, y, x);

    up = spv_op(s, SpvOpLogicalEqual, f->bv, 2, pos, more); /* away from zero: the next integer */
    r = spv_op(s, SpvOpSelect, u, 3, up, spv_op(s, SpvOpIAdd, u, 2, b, kb(f, 1)),
               spv_op(s, SpvOpISub, u, 2, b, kb(f, 1)));
    zero = cmp(f, SpvOpFOrdEqual, x, k(f, 0));
    tiny = spv_op(s, SpvOpSelect, u, 3, more, kb(f, 1), kb(f, (UINT64_C(1) << (f->bits - 1)) | 1));
    r = spv_op(s, SpvOpBitcast, f->ty, 1, spv_op(s, SpvOpSelect, u, 3, zero, tiny, r));
    r = sel(f, cmp(f, SpvOpFOrdEqual, x, y), y, r);
    return sel(
        f, spv_op(s, SpvOpLogicalOr, f->bv, 2, spv_op(s, SpvOpIsNan, f->bv, 1, x), spv_op(s, SpvOpIsNan, f->bv, 1, y)),
        o2(f, SpvOpFAdd, x, y), r);
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
        return g2(f, GLSLstd450FMin, g1(f, GLSLstd450Fract, x), k(f, f->bits == 16 ? 0x1.ffcp-1 : 0x1.fffffep-1));
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
        if (!strcmp(op, "nextafter"))
            return nextafter_(f, a[0], a[1]);
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
    struct ctx *c = f->c;
    struct spv *s = f->s;
    uint32_t iv = spv_type_vec(s, spv_type_sint(s, 32), f->n), uv = spv_type_vec(s, spv_type_uint(s, 32), f->n), x, st,
             r;
    uint32_t f32 = spv_type_vec(s, spv_type_float(s, 32), f->n);

    if (q->n < 2 || LLVMTypeOf(q->a[0]) != q->ret)
        return 0;
    x = value(c, q->a[0]);
    if (!strcmp(op, "sincos") && is_pointer(q->a[1])) {
        mem_store(c, pointer(c, q->a[1]), q->ret, f->bits / 8, g1(f, GLSLstd450Cos, x));
        return g1(f, GLSLstd450Sin, x);
    }
    if (!strcmp(op, "modf") && is_pointer(q->a[1])) {
        r = g1(f, GLSLstd450Trunc, x);
        mem_store(c, pointer(c, q->a[1]), q->ret, f->bits / 8, r);
        r = o2(f, SpvOpFSub, x, r);
        /* infinity minus itself */
        return copysign_(f, sel(f, spv_op(s, SpvOpIsInf, f->bv, 1, x), k(f, 0), r), x);
    }
    if (!strcmp(op, "frexp") && is_pointer(q->a[1])) {
        LLVMTypeRef it = LLVMInt32TypeInContext(c->lc);

        if (f->n > 1)
            it = LLVMVectorType(it, f->n);
        x = f->bits == 16 ? spv_op(s, SpvOpFConvert, f32, 1, x) : x;
        st = spv_type(s, SpvOpTypeStruct, 2, f32, iv);
        r = spv_glsl(s, GLSLstd450FrexpStruct, st, 1, x);
        mem_store(c, pointer(c, q->a[1]), it, 4,
                  spv_op(s, SpvOpBitcast, uv, 1, spv_op(s, SpvOpCompositeExtract, iv, 2, r, 1u)));
        r = spv_op(s, SpvOpCompositeExtract, f32, 2, r, 0u);
        return f->bits == 16 ? spv_op(s, SpvOpFConvert, f->ty, 1, r) : r;
    }
    if (!strcmp(op, "ldexp") && !is_pointer(q->a[1])) {
        uint32_t e = to_u32(c, value(c, q->a[1]), LLVMTypeOf(q->a[1]), true);

        x = f->bits == 16 ? spv_op(s, SpvOpFConvert, f32, 1, x) : x;
        r = spv_glsl(s, GLSLstd450Ldexp, f32, 2, x, spv_op(s, SpvOpBitcast, iv, 1, e));
        return f->bits == 16 ? spv_op(s, SpvOpFConvert, f->ty, 1, r) : r;
    }
    return 0;
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
    if (strncmp(op, "is", 2) ||
        (LLVMGetTypeKind(elem_type(t)) != LLVMFloatTypeKind && LLVMGetTypeKind(elem_type(t)) != LLVMHalfTypeKind))
        return false;
    x = value(c, q->a[0]);
    bv = spv_type_vec(s, spv_type_bool(s), n);
    if (!strcmp(op, "isnan")) {
        r = spv_op(s, SpvOpIsNan, bv, 1, x);
    } else if (!strcmp(op, "isinf")) {
        r = spv_op(s, SpvOpIsInf, bv, 1, x);
    } else if (!strcmp(op, "isfinite")) {
        r = spv_op(s, SpvOpLogicalNot, bv, 1,
                   spv_op(s, SpvOpLogicalOr, bv, 2, spv_op(s, SpvOpIsNan, bv, 1, x), spv_op(s, SpvOpIsInf, bv, 1, x)));
    } else if (!strcmp(op, "isnormal")) { /* the exponent is neither all zeros nor all ones */
        unsigned w = scalar_bits(c, t), m = w == 16 ? 10 : 23;
        uint32_t e = spv_type_uint(s, w), v = spv_type_vec(s, e, n), all = (1u << (w - 1 - m)) - 1;

        x = spv_op(s, SpvOpBitwiseAnd, v, 2, spv_op(s, SpvOpBitcast, v, 1, x),
                   splat(c, spv_uint(s, w, (uint64_t)all << m), e, n));
        r = spv_op(s, SpvOpLogicalAnd, bv, 2, spv_op(s, SpvOpINotEqual, bv, 2, x, spv_null(s, v)),
                   spv_op(s, SpvOpINotEqual, bv, 2, x, splat(c, spv_uint(s, w, (uint64_t)all << m), e, n)));
    } else if ((!strcmp(op, "isordered") || !strcmp(op, "isunordered")) && q->n == 2) {
        r = spv_op(s, SpvOpLogicalOr, bv, 2, spv_op(s, SpvOpIsNan, bv, 1, x),
                   spv_op(s, SpvOpIsNan, bv, 1, value(c, q->a[1])));
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
    bool fast = !strncmp(q->op, "fast_", 5), bf;
    const char *op = fast ? q->op + 5 : q->op;
    struct fm f = {.c = c, .s = s};
    uint32_t a[4], r;
    LLVMTypeKind kind;

    if (predicate(c, q, op))
        return true;
    if (!strcmp(op, "dot") && q->n == 2) {
        uint32_t x = value(c, q->a[0]), y = value(c, q->a[1]), e = type_of(c, q->ret);

        set_value(c, q->inst,
                  vec_len(LLVMTypeOf(q->a[0])) == 1 ? spv_op(s, SpvOpFMul, e, 2, x, y)
                                                    : spv_op(s, SpvOpDot, e, 2, x, y));
        return true;
    }
    if (!strcmp(op, "ilogb") && q->n == 1) {
        LLVMTypeRef t = LLVMTypeOf(q->a[0]);
        unsigned n = vec_len(t);
        uint32_t fv = spv_type_vec(s, spv_type_float(s, 32), n), iv = spv_type_vec(s, spv_type_sint(s, 32), n);
        uint32_t x = value(c, q->a[0]), uv = spv_type_vec(s, spv_type_uint(s, 32), n);

        if (scalar_bits(c, t) == 16)
            x = spv_op(s, SpvOpFConvert, fv, 1, x);
        r = spv_op(s, SpvOpCompositeExtract, iv, 2,
                   spv_glsl(s, GLSLstd450FrexpStruct, spv_type(s, SpvOpTypeStruct, 2, fv, iv), 1, x), 1u);
        r = spv_op(s, SpvOpBitcast, uv, 1, r);
        set_value(c, q->inst, spv_op(s, SpvOpISub, uv, 2, r, splat(c, spv_u32(s, 1), spv_type_uint(s, 32), n)));
        return true;
    }
    kind = LLVMGetTypeKind(elem_type(q->ret));
    bf = kind == LLVMBFloatTypeKind;
    if ((kind != LLVMFloatTypeKind && kind != LLVMHalfTypeKind && !bf) || !q->n || vec_len(q->ret) > 4 || q->n > 4)
        return false;
    f.n = vec_len(q->ret);
    f.bits = bf ? 32 : scalar_bits(c, q->ret);
    f.e = spv_type_float(s, f.bits);
    f.ty = spv_type_vec(s, f.e, f.n);
    f.bv = spv_type_vec(s, spv_type_bool(s), f.n);
    for (unsigned i = 0; i < q->n; i++) {
        if (LLVMTypeOf(q->a[i]) == q->ret)
            continue;
        r = mixed(&f, q, op);
        if (r)
            set_value(c, q->inst, r);
        return r != 0;
    }
    /* Ask by name first: operands of unknown functions must not be touched. */
    static const char *const known[] = {
        "fabs",     "floor", "ceil",  "trunc", "rint",  "sqrt",  "rsqrt", "sin",   "cos",      "tan",
        "asin",     "acos",  "atan",  "sinh",  "cosh",  "asinh", "acosh", "atanh", "exp",      "exp2",
        "log",      "log2",  "round", "fract", "tanh",  "sinpi", "cospi", "tanpi", "exp10",    "log10",
        "saturate", "sign",  "fmin",  "fmax",  "atan2", "pow",   "powr",  "fmod",  "copysign", "nextafter",
        "fdim",     "fma",   "mix",   "clamp", "fmin3", "min3",  "fmax3", "max3",  "fmedian3", "median3"};
    bool found = false;

    for (unsigned i = 0; i < ARRAY_LEN(known); i++)
        found = found || !strcmp(op, known[i]);
    if (!found)
        return false;
    for (unsigned i = 0; i < q->n; i++)
        a[i] = bf ? bf16_to_f32(c, value(c, q->a[i]), f.n) : value(c, q->a[i]);
    r = q->n == 1 ? unary(&f, op, fast, a[0]) : several(&f, op, fast, a, q->n);
    if (!r)
        return false;
    set_value(c, q->inst, bf ? f32_to_bf16(c, r, f.n) : r);
    return true;
}
