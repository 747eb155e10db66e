/* SPDX-License-Identifier: MIT */
/*
 * Calls: splits an intrinsic's name (air 3.1), asks each family, refuses by name what none knows (air 3.13). Also
 * LLVM's own intrinsics and the conversions (air 3.5).
 */
#include "ctx.h"

#include <stdlib.h>
#include <string.h>

uint32_t arg_id(struct ctx *c, const struct call *k, unsigned i)
{
    if (i >= k->n)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: %u operands", k->name, k->n);
    return value(c, k->a[i]);
}

bool intr_type_token(const char *t, size_t n)
{
    size_t i = 0;

    if (i < n && t[i] == 'p') {
        i++;
        while (i < n && t[i] >= '0' && t[i] <= '9')
            i++;
    }
    if (i < n && t[i] == 'v') {
        i++;
        while (i < n && t[i] >= '0' && t[i] <= '9')
            i++;
    }
    if (i < n && t[i] == 'b')
        i++;
    if (i + 1 >= n || (t[i] != 'f' && t[i] != 'i'))
        return false;
    for (i++; i < n; i++) {
        if (t[i] < '0' || t[i] > '9')
            return false;
    }
    return true;
}

/* "air.atomic.global.add.s.i32" -> op "atomic.global.add", sign 's'. */
void intr_split_name(struct call *k, const char *name)
{
    size_t at = 0;

    k->name = name;
    k->sign = 0;
    while (*name) {
        size_t n = strcspn(name, ".");

        if (n == 1 && (*name == 's' || *name == 'u' || *name == 'f')) {
            if (!k->sign)
                k->sign = *name;
        } else if (!intr_type_token(name, n) && strncmp(name, "device_coherent", n) && strncmp(name, "system_coherent", n) &&
                   at + n + 2 < sizeof(k->op)) {
            if (at)
                k->op[at++] = '.';
            memcpy(k->op + at, name, n);
            at += n;
        }
        name += n + (name[n] == '.');
    }
    k->op[at] = 0;
}

enum air_refuse refused_family(const char *n)
{
    static const struct {
        const char *part;
        enum air_refuse r;
    } t[] = {
        {"intersect", AIR_REFUSE_RAY_TRACING},
        {"acceleration_structure", AIR_REFUSE_RAY_TRACING},
        {"function_table", AIR_REFUSE_RAY_TRACING},
        {"ray_data", AIR_REFUSE_RAY_TRACING},
        {"render_command", AIR_REFUSE_COMMAND_BUFFER},
        {"compute_command", AIR_REFUSE_COMMAND_BUFFER},
        {"command_buffer", AIR_REFUSE_COMMAND_BUFFER},
        {"pipeline_state", AIR_REFUSE_COMMAND_BUFFER},
        {"tensor", AIR_REFUSE_TENSOR},
        {"async_copy", AIR_REFUSE_ASYNC_COPY},
        {"wait_simdgroup_events", AIR_REFUSE_ASYNC_COPY},
        {"imageblock", AIR_REFUSE_IMAGEBLOCK},
        {"map_physical_to_screen", AIR_REFUSE_RATE_MAP},
        {"map_screen_to_physical", AIR_REFUSE_RATE_MAP},
        {"_coordinates", AIR_REFUSE_RATE_MAP},
        {"simdgroup_matrix_16", AIR_REFUSE_MATRIX_SHAPE},
        {"simdgroup_matrix_32", AIR_REFUSE_MATRIX_SHAPE},
    };

    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        if (strstr(n, t[i].part))
            return t[i].r;
    }
    return AIR_REFUSE_NONE;
}

static uint32_t fvec(struct ctx *c, unsigned n)
{
    return spv_type_vec(&c->s, spv_type_float(&c->s, 32), n);
}

/* Float (f16 or f32, @n lanes) to integers of @bits: round to zero, clamp, NaN to 0 (air 3.5). */
static uint32_t float_to_int(struct ctx *c, uint32_t x, unsigned n, unsigned bits, bool sg)
{
    struct spv *s = &c->s;
    uint32_t f = spv_type_float(s, 32), fv = fvec(c, n), bv = spv_type_vec(s, spv_type_bool(s), n);
    uint32_t it = spv_type_vec(s, spv_type_uint(s, bits < 32 ? 32 : bits), n), lo, hi, r, nan, big, small;
    /* 2^(bits-1) and 2^bits are exact in f32; compare against them and pick the end of the range. */
    double top = sg ? (double)(UINT64_C(1) << (bits - 1)) : (double)(UINT64_C(1) << (bits - 1)) * 2;
    unsigned w = bits < 32 ? 32 : bits;
    uint64_t max = sg ? (UINT64_C(1) << (bits - 1)) - 1 : bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    uint64_t min = sg ? ~UINT64_C(0) << (bits - 1) : 0;

    lo = splat(c, spv_f32(s, sg ? (float)-top : 0.0f), f, n);
    hi = splat(c, spv_f32(s, (float)top), f, n);
    nan = spv_op(s, SpvOpIsNan, bv, 1, x);
    big = spv_op(s, SpvOpFOrdGreaterThanEqual, bv, 2, x, hi);
    small = spv_op(s, SpvOpFOrdLessThan, bv, 2, x, lo);
    x = spv_op(s, SpvOpSelect, fv, 3,
               spv_op(s, SpvOpLogicalOr, bv, 2, nan, spv_op(s, SpvOpLogicalOr, bv, 2, big, small)), spv_null(s, fv), x);
    r = spv_op(s, sg ? SpvOpConvertFToS : SpvOpConvertFToU, it, 1, x);
    r = spv_op(s, SpvOpSelect, it, 3, big, splat(c, spv_uint(s, w, max), spv_type_uint(s, w), n), r);
    r = spv_op(s, SpvOpSelect, it, 3, small, splat(c, spv_uint(s, w, min), spv_type_uint(s, w), n), r);
    return bits < 32 ? spv_op(s, SpvOpUConvert, spv_type_vec(s, spv_type_uint(s, bits), n), 1, r) : r;
}

/* Floats of any width, else integers. */
static bool is_real(LLVMTypeRef t)
{
    return LLVMGetTypeKind(elem_type(t)) != LLVMIntegerTypeKind;
}

/* air.convert.<dk>.<dt>.<sk>.<st> */
bool intr_convert(struct ctx *c, struct call *k)
{
    struct spv *s = &c->s;
    LLVMTypeRef st, dt = k->ret;
    const char *p;
    char dk, sk = 0;
    unsigned n, sb, db;
    uint32_t x, ty;

    if (strcmp(k->op, "convert"))
        return false;
    if (k->n < 1)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: no operand", k->name);
    st = LLVMTypeOf(k->a[0]);
    dk = k->sign;
    p = strchr(k->name, '.');
    p = p ? strchr(p + 1, '.') : NULL; /* after the destination kind */
    p = p ? strchr(p + 1, '.') : NULL;
    if (p)
        sk = p[1];
    n = vec_len(dt);
    if (n != vec_len(st) || n > 4 || !dk || (sk != 's' && sk != 'u' && sk != 'f') || (dk == 'f') != is_real(dt) ||
        (sk == 'f') != is_real(st))
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: operand types", k->name);
    sb = scalar_bits(c, st);
    db = scalar_bits(c, dt);
    x = arg_id(c, k, 0);
    ty = type_of(c, dt);
    if (sk == 'f') {
        if (type_is_bf16(st))
            x = bf16_to_f32(c, x, n);
        if (dk == 'f') {
            if (type_is_bf16(dt)) {
                if (type_is_bf16(st)) {
                    x = value(c, k->a[0]);
                } else {
                    x = sb == 16 ? spv_op(s, SpvOpFConvert, fvec(c, n), 1, x) : x;
                    x = f32_to_bf16(c, x, n);
                }
            } else if (sb != db || type_is_bf16(st)) {
                x = db == 32 && type_is_bf16(st) ? x : spv_op(s, SpvOpFConvert, ty, 1, x);
            }
        } else {
            if (sb == 16 && !type_is_bf16(st))
                x = spv_op(s, SpvOpFConvert, fvec(c, n), 1, x);
            x = db == 1 ? spv_op(s, SpvOpFUnordNotEqual, ty, 2, x, spv_null(s, fvec(c, n)))
                        : float_to_int(c, x, n, db, dk == 's');
        }
    } else if (dk == 'f') {
        if (sb == 1) {
            x = to_u32(c, x, st, false);
            sk = 'u';
        }
        x = spv_op(s, sk == 's' ? SpvOpConvertSToF : SpvOpConvertUToF, type_is_bf16(dt) ? fvec(c, n) : ty, 1, x);
        if (type_is_bf16(dt))
            x = f32_to_bf16(c, x, n);
    } else if (db == 1) {
        if (sb != 1)
            x = spv_op(s, SpvOpINotEqual, ty, 2, x, spv_null(s, type_of(c, st)));
    } else if (sb == 1) {
        uint32_t e = type_of(c, elem_type(dt));

        x = spv_op(s, SpvOpSelect, ty, 3, x, splat(c, spv_uint(s, db, 1), e, n), spv_null(s, ty));
    } else if (sb != db) {
        x = spv_op(s, sk == 's' && db > sb ? SpvOpSConvert : SpvOpUConvert, ty, 1, x);
    }
    set_value(c, k->inst, x);
    return true;
}

static void set_int(struct ctx *c, LLVMValueRef i, uint32_t id)
{
    set_value(c, i, id);
}

/* Saturating add or subtract at the operands' own width. */
static uint32_t saturate_op(struct ctx *c, uint32_t a, uint32_t b, LLVMTypeRef t, bool add, bool sg)
{
    struct spv *s = &c->s;
    unsigned n = vec_len(t), bits = scalar_bits(c, t);
    uint32_t ty = type_of(c, t), e = type_of(c, elem_type(t)), bv = spv_type_vec(s, spv_type_bool(s), n);
    uint32_t r = spv_op(s, add ? SpvOpIAdd : SpvOpISub, ty, 2, a, b), ov, sat;

    if (!sg) {
        ov = spv_op(s, SpvOpULessThan, bv, 2, add ? r : a, add ? a : b);
        return spv_op(s, SpvOpSelect, ty, 3, ov, splat(c, spv_uint(s, bits, add ? UINT64_MAX : 0), e, n), r);
    }
    /* overflow: sign of the result differs from a's where the operands' signs say it cannot */
    ov = spv_op(s, SpvOpBitwiseAnd, ty, 2, spv_op(s, SpvOpBitwiseXor, ty, 2, a, r),
                spv_op(s, SpvOpBitwiseXor, ty, 2, add ? b : a, add ? r : b));
    ov = spv_op(s, SpvOpSLessThan, bv, 2, ov, spv_null(s, ty));
    sat = spv_op(s, SpvOpShiftRightArithmetic, ty, 2, a, splat(c, spv_uint(s, bits, bits - 1), e, n));
    sat = spv_op(s, SpvOpBitwiseXor, ty, 2, sat, splat(c, spv_uint(s, bits, (UINT64_C(1) << (bits - 1)) - 1), e, n));
    return spv_op(s, SpvOpSelect, ty, 3, ov, sat, r);
}

static uint32_t int_op(struct ctx *c, const char *op, char sign, LLVMValueRef *a, unsigned n, LLVMTypeRef t);

/* Integers wider or narrower than 32 bits for operations that SPIR-V has at 32 only. */
static uint32_t on_u32(struct ctx *c, uint32_t x, LLVMTypeRef t, uint32_t (*fn)(struct ctx *, uint32_t, unsigned n),
                       uint32_t (*join)(struct ctx *, uint32_t lo, uint32_t hi, uint32_t xlo, uint32_t xhi, unsigned n),
                       unsigned shift_back)
{
    struct spv *s = &c->s;
    unsigned n = vec_len(t), bits = scalar_bits(c, t);
    uint32_t u = spv_type_uint(s, 32), uv = spv_type_vec(s, u, n), r, ty = type_of(c, t);

    if (bits == 64) {
        uint32_t lo = spv_op(s, SpvOpUConvert, uv, 1, x);
        uint32_t hi =
            spv_op(s, SpvOpUConvert, uv, 1,
                   spv_op(s, SpvOpShiftRightLogical, ty, 2, x, splat(c, spv_uint(s, 64, 32), spv_type_uint(s, 64), n)));

        return join(c, fn(c, lo, n), fn(c, hi, n), lo, hi, n);
    }
    if (bits < 32)
        x = spv_op(s, SpvOpUConvert, uv, 1, x);
    r = fn(c, x, n);
    if (shift_back && bits < 32)
        r = spv_op(s, SpvOpShiftRightLogical, uv, 2, r, splat(c, spv_u32(s, 32 - bits), u, n));
    return bits < 32 ? spv_op(s, SpvOpUConvert, ty, 1, r) : r;
}

static uint32_t uv_of(struct ctx *c, unsigned n)
{
    return spv_type_vec(&c->s, spv_type_uint(&c->s, 32), n);
}

static uint32_t widen(struct ctx *c, uint32_t lo, uint32_t hi, unsigned n)
{
    struct spv *s = &c->s;
    uint32_t e = spv_type_uint(s, 64), v = spv_type_vec(s, e, n);

    lo = spv_op(s, SpvOpUConvert, v, 1, lo);
    if (!hi)
        return lo;
    hi =
        spv_op(s, SpvOpShiftLeftLogical, v, 2, spv_op(s, SpvOpUConvert, v, 1, hi), splat(c, spv_uint(s, 64, 32), e, n));
    return spv_op(s, SpvOpBitwiseOr, v, 2, lo, hi);
}

static uint32_t f_count(struct ctx *c, uint32_t x, unsigned n)
{
    return spv_op(&c->s, SpvOpBitCount, uv_of(c, n), 1, x);
}

static uint32_t j_count(struct ctx *c, uint32_t lo, uint32_t hi, uint32_t xl, uint32_t xh, unsigned n)
{
    (void)xl;
    (void)xh;
    return widen(c, spv_op(&c->s, SpvOpIAdd, uv_of(c, n), 2, lo, hi), 0, n);
}

static uint32_t f_reverse(struct ctx *c, uint32_t x, unsigned n)
{
    return spv_op(&c->s, SpvOpBitReverse, uv_of(c, n), 1, x);
}

static uint32_t j_reverse(struct ctx *c, uint32_t lo, uint32_t hi, uint32_t xl, uint32_t xh, unsigned n)
{
    (void)xl;
    (void)xh;
    return widen(c, hi, lo, n);
}

/* 31 - FindUMsb, which is -1 for zero: 32. */
static uint32_t f_clz(struct ctx *c, uint32_t x, unsigned n)
{
    struct spv *s = &c->s;

    return spv_op(s, SpvOpISub, uv_of(c, n), 2, splat(c, spv_u32(s, 31), spv_type_uint(s, 32), n),
                  spv_glsl(s, GLSLstd450FindUMsb, uv_of(c, n), 1, x));
}

static uint32_t j_clz(struct ctx *c, uint32_t lo, uint32_t hi, uint32_t xl, uint32_t xh, unsigned n)
{
    struct spv *s = &c->s;
    uint32_t z = spv_op(s, SpvOpIEqual, spv_type_vec(s, spv_type_bool(s), n), 2, xh, spv_null(s, uv_of(c, n)));

    (void)xl;
    lo = spv_op(s, SpvOpIAdd, uv_of(c, n), 2, lo, splat(c, spv_u32(s, 32), spv_type_uint(s, 32), n));
    return widen(c, spv_op(s, SpvOpSelect, uv_of(c, n), 3, z, lo, hi), 0, n);
}

static uint32_t f_ctz(struct ctx *c, uint32_t x, unsigned n)
{
    struct spv *s = &c->s;

    return spv_glsl(s, GLSLstd450UMin, uv_of(c, n), 2, spv_glsl(s, GLSLstd450FindILsb, uv_of(c, n), 1, x),
                    splat(c, spv_u32(s, 32), spv_type_uint(s, 32), n));
}

static uint32_t j_ctz(struct ctx *c, uint32_t lo, uint32_t hi, uint32_t xl, uint32_t xh, unsigned n)
{
    struct spv *s = &c->s;
    uint32_t z = spv_op(s, SpvOpIEqual, spv_type_vec(s, spv_type_bool(s), n), 2, xl, spv_null(s, uv_of(c, n)));

    (void)xh;
    hi = spv_op(s, SpvOpIAdd, uv_of(c, n), 2, hi, splat(c, spv_u32(s, 32), spv_type_uint(s, 32), n));
    return widen(c, spv_op(s, SpvOpSelect, uv_of(c, n), 3, z, hi, lo), 0, n);
}

static uint32_t minmax(struct ctx *c, bool max, bool sg, LLVMTypeRef t, uint32_t a, uint32_t b)
{
    struct spv *s = &c->s;
    uint32_t bv = spv_type_vec(s, spv_type_bool(s), vec_len(t));
    SpvOp cmp = sg ? (max ? SpvOpSGreaterThan : SpvOpSLessThan) : max ? SpvOpUGreaterThan : SpvOpULessThan;

    if (scalar_bits(c, t) == 32)
        return spv_glsl(s,
                        sg    ? (max ? GLSLstd450SMax : GLSLstd450SMin)
                        : max ? GLSLstd450UMax
                              : GLSLstd450UMin,
                        type_of(c, t), 2, a, b);
    return spv_op(s, SpvOpSelect, type_of(c, t), 3, spv_op(s, cmp, bv, 2, a, b), a, b);
}

static uint32_t bits_const(struct ctx *c, LLVMTypeRef t, uint64_t v)
{
    return splat(c, spv_uint(&c->s, scalar_bits(c, t), v), type_of(c, elem_type(t)), vec_len(t));
}

/* x << n | y >> (w - n), n taken modulo w; works at every width. */
static uint32_t funnel(struct ctx *c, uint32_t x, uint32_t y, uint32_t amount, LLVMTypeRef t, bool left)
{
    struct spv *s = &c->s;
    unsigned w = scalar_bits(c, t);
    uint32_t ty = type_of(c, t), m = spv_op(s, SpvOpBitwiseAnd, ty, 2, amount, bits_const(c, t, w - 1)), inv, one, a, b;

    inv = spv_op(s, SpvOpBitwiseXor, ty, 2, m, bits_const(c, t, w - 1)); /* w - 1 - n: never the full width */
    one = bits_const(c, t, 1);
    if (left) {
        a = spv_op(s, SpvOpShiftLeftLogical, ty, 2, x, m);
        b = spv_op(s, SpvOpShiftRightLogical, ty, 2, spv_op(s, SpvOpShiftRightLogical, ty, 2, y, one), inv);
    } else {
        a = spv_op(s, SpvOpShiftLeftLogical, ty, 2, spv_op(s, SpvOpShiftLeftLogical, ty, 2, x, one), inv);
        b = spv_op(s, SpvOpShiftRightLogical, ty, 2, y, m);
    }
    return spv_op(s, SpvOpBitwiseOr, ty, 2, a, b);
}

static uint32_t mul_hi(struct ctx *c, uint32_t a, uint32_t b, LLVMTypeRef t, bool sg)
{
    struct spv *s = &c->s;
    unsigned n = vec_len(t), bits = scalar_bits(c, t);
    uint32_t ty = type_of(c, t), v = uv_of(c, n), r;

    if (bits >= 32) {
        uint32_t st = spv_type(s, SpvOpTypeStruct, 2, ty, ty);

        r = spv_op(s, sg ? SpvOpSMulExtended : SpvOpUMulExtended, st, 2, a, b);
        return spv_op(s, SpvOpCompositeExtract, ty, 2, r, 1u);
    }
    a = spv_op(s, sg ? SpvOpSConvert : SpvOpUConvert, v, 1, a);
    b = spv_op(s, sg ? SpvOpSConvert : SpvOpUConvert, v, 1, b);
    r = spv_op(s, SpvOpShiftRightLogical, v, 2, spv_op(s, SpvOpIMul, v, 2, a, b),
               splat(c, spv_u32(s, bits), spv_type_uint(s, 32), n));
    return spv_op(s, SpvOpUConvert, ty, 1, r);
}

static uint32_t byte_swap(struct ctx *c, uint32_t x, LLVMTypeRef t)
{
    struct spv *s = &c->s;
    unsigned w = scalar_bits(c, t);
    uint32_t ty = type_of(c, t), r = bits_const(c, t, 0);

    if (w == 16) {
        /* x << 24 + x << 8 by one product: NVIDIA's driver 580 makes something else of the two shifts. */
        unsigned n = vec_len(t);
        uint32_t u = spv_type_uint(s, 32), v = spv_type_vec(s, u, n);

        x = spv_op(s, SpvOpUConvert, v, 1, x);
        x = spv_op(s, SpvOpIMul, v, 2, x, splat(c, spv_u32(s, 0x01000100), u, n));
        x = spv_op(s, SpvOpShiftRightLogical, v, 2, x, splat(c, spv_u32(s, 16), u, n));
        return spv_op(s, SpvOpUConvert, ty, 1, x);
    }
    for (unsigned i = 0; i < w; i += 8) {
        uint32_t b = spv_op(s, SpvOpShiftRightLogical, ty, 2, x, bits_const(c, t, i));

        b = spv_op(s, SpvOpBitwiseAnd, ty, 2, b, bits_const(c, t, 0xff));
        r = spv_op(s, SpvOpBitwiseOr, ty, 2, r,
                   spv_op(s, SpvOpShiftLeftLogical, ty, 2, b, bits_const(c, t, w - 8 - i)));
    }
    return r;
}

/* Bit fields at every width by shifts; a field of no bits is 0 (extract) or the base (insert). */
static uint32_t bit_field(struct ctx *c, bool insert, bool sg, LLVMValueRef *a, LLVMTypeRef t)
{
    struct spv *s = &c->s;
    unsigned n = vec_len(t), w = scalar_bits(c, t), oi = insert ? 2 : 1;
    uint32_t ty = type_of(c, t), e = type_of(c, elem_type(t)), bv = spv_type_vec(s, spv_type_bool(s), n);
    uint32_t off = to_u32(c, value(c, a[oi]), LLVMTypeOf(a[oi]), false), cnt;
    uint32_t full = bits_const(c, t, UINT64_MAX), mask, none, lim = bits_const(c, t, w - 1);

    cnt = to_u32(c, value(c, a[oi + 1]), LLVMTypeOf(a[oi + 1]), false);
    if (vec_len(LLVMTypeOf(a[oi])) == 1) {
        off = splat(c, off, spv_type_uint(s, 32), n);
        cnt = splat(c, cnt, spv_type_uint(s, 32), n);
    }
    if (w != 32) {
        off = spv_op(s, SpvOpUConvert, ty, 1, off);
        cnt = spv_op(s, SpvOpUConvert, ty, 1, cnt);
    }
    none = spv_op(s, SpvOpIEqual, bv, 2, cnt, spv_null(s, ty));
    off = spv_op(s, SpvOpBitwiseAnd, ty, 2, off, lim);
    /* mask of cnt ones: all ones >> (w - cnt), where w - cnt is taken modulo w */
    mask = spv_op(s, SpvOpISub, ty, 2, splat(c, spv_uint(s, w, w), e, n), cnt);
    mask = spv_op(s, SpvOpBitwiseAnd, ty, 2, mask, lim);
    if (insert) {
        mask = spv_op(s, SpvOpShiftLeftLogical, ty, 2, spv_op(s, SpvOpShiftRightLogical, ty, 2, full, mask), off);
        uint32_t base = value(c, a[0]), ins = spv_op(s, SpvOpShiftLeftLogical, ty, 2, value(c, a[1]), off), r;

        r = spv_op(s, SpvOpBitwiseOr, ty, 2, spv_op(s, SpvOpBitwiseAnd, ty, 2, base, spv_op(s, SpvOpNot, ty, 1, mask)),
                   spv_op(s, SpvOpBitwiseAnd, ty, 2, ins, mask));
        return spv_op(s, SpvOpSelect, ty, 3, none, base, r);
    }
    uint32_t x = spv_op(s, SpvOpShiftRightLogical, ty, 2, value(c, a[0]), off);

    x = spv_op(s, SpvOpShiftLeftLogical, ty, 2, x, mask);
    x = spv_op(s, sg ? SpvOpShiftRightArithmetic : SpvOpShiftRightLogical, ty, 2, x, mask);
    return spv_op(s, SpvOpSelect, ty, 3, none, spv_null(s, ty), x);
}

/* x * y + z, saturated once (air 3.4): in hi:lo, twice as wide, where an addend of the other sign may bring it back. */
static uint32_t mad_sat(struct ctx *c, uint32_t x, uint32_t y, uint32_t z, LLVMTypeRef t, bool sg)
{
    struct spv *s = &c->s;
    unsigned bits = scalar_bits(c, t);
    uint32_t ty = type_of(c, t), bv = spv_type_vec(s, spv_type_bool(s), vec_len(t)), top = bits_const(c, t, bits - 1);
    uint32_t hi = mul_hi(c, x, y, t, sg), lo = spv_op(s, SpvOpIMul, ty, 2, x, y), sum, over, sat;

    if (!sg) { /* nothing brings it back */
        over = spv_op(s, SpvOpINotEqual, bv, 2, hi, spv_null(s, ty));
        lo = spv_op(s, SpvOpSelect, ty, 3, over, bits_const(c, t, UINT64_MAX), lo);
        return saturate_op(c, lo, z, t, true, false);
    }
    sum = spv_op(s, SpvOpIAdd, ty, 2, lo, z);
    hi = spv_op(s, SpvOpIAdd, ty, 2, hi, spv_op(s, SpvOpShiftRightArithmetic, ty, 2, z, top));
    hi = spv_op(
        s, SpvOpIAdd, ty, 2, hi,
        spv_op(s, SpvOpSelect, ty, 3, spv_op(s, SpvOpULessThan, bv, 2, sum, lo), bits_const(c, t, 1), spv_null(s, ty)));
    over = spv_op(s, SpvOpINotEqual, bv, 2, hi, spv_op(s, SpvOpShiftRightArithmetic, ty, 2, sum, top));
    sat = spv_op(s, SpvOpBitwiseXor, ty, 2, spv_op(s, SpvOpShiftRightArithmetic, ty, 2, hi, top),
                 bits_const(c, t, (UINT64_C(1) << (bits - 1)) - 1));
    return spv_op(s, SpvOpSelect, ty, 3, over, sat, sum);
}

static uint32_t int_op(struct ctx *c, const char *op, char sign, LLVMValueRef *a, unsigned n, LLVMTypeRef t)
{
    struct spv *s = &c->s;
    bool sg = sign == 's';
    uint32_t ty = type_of(c, t), x, y, z;

    if (LLVMGetTypeKind(elem_type(t)) != LLVMIntegerTypeKind || !n || vec_len(t) > 4 || is_pointer(a[0]))
        return 0;
    x = value(c, a[0]);
    if (!strcmp(op, "popcount"))
        return on_u32(c, x, t, f_count, j_count, 0);
    if (!strcmp(op, "reverse_bits"))
        return on_u32(c, x, t, f_reverse, j_reverse, 1);
    if (!strcmp(op, "bswap"))
        return byte_swap(c, x, t);
    if (!strcmp(op, "ctz")) {
        unsigned b = scalar_bits(c, t);
        uint32_t r = on_u32(c, x, t, f_ctz, j_ctz, 0);

        return b < 32 ? minmax(c, false, false, t, r, bits_const(c, t, b)) : r;
    }
    if (!strcmp(op, "clz")) {
        unsigned b = scalar_bits(c, t);
        uint32_t r = on_u32(c, x, t, f_clz, j_clz, 0);

        return b < 32 ? spv_op(s, SpvOpISub, ty, 2, r, bits_const(c, t, 32 - b)) : r;
    }
    if (!strcmp(op, "abs")) {
        if (!sg)
            return x;
        y = spv_op(s, SpvOpShiftRightArithmetic, ty, 2, x, bits_const(c, t, scalar_bits(c, t) - 1));
        return spv_op(s, SpvOpISub, ty, 2, spv_op(s, SpvOpBitwiseXor, ty, 2, x, y), y);
    }
    if (n < 2)
        return 0;
    if (!strcmp(op, "extract_bits") || !strcmp(op, "insert_bits"))
        return n >= (op[0] == 'e' ? 3u : 4u) ? bit_field(c, op[0] == 'i', sg, a, t) : 0;
    y = value(c, a[1]);
    if (!strcmp(op, "min") || !strcmp(op, "max"))
        return minmax(c, op[1] == 'a', sg, t, x, y);
    if (!strcmp(op, "abs_diff"))
        return spv_op(s, SpvOpISub, ty, 2, minmax(c, true, sg, t, x, y), minmax(c, false, sg, t, x, y));
    if (!strcmp(op, "rotate"))
        return funnel(c, x, x, y, t, true);
    if (!strcmp(op, "mul_hi"))
        return mul_hi(c, x, y, t, sg);
    if (!strcmp(op, "mul24"))
        return spv_op(s, SpvOpIMul, ty, 2, x, y);
    if (!strcmp(op, "add_sat") || !strcmp(op, "sub_sat"))
        return saturate_op(c, x, y, t, op[0] == 'a', sg);
    if (!strcmp(op, "hadd") || !strcmp(op, "rhadd")) {
        bool r = op[0] == 'r';

        z = spv_op(s, sg ? SpvOpShiftRightArithmetic : SpvOpShiftRightLogical, ty, 2,
                   spv_op(s, SpvOpBitwiseXor, ty, 2, x, y), bits_const(c, t, 1));
        return r ? spv_op(s, SpvOpISub, ty, 2, spv_op(s, SpvOpBitwiseOr, ty, 2, x, y), z)
                 : spv_op(s, SpvOpIAdd, ty, 2, spv_op(s, SpvOpBitwiseAnd, ty, 2, x, y), z);
    }
    if (n < 3)
        return 0;
    z = value(c, a[2]);
    if (!strcmp(op, "mad_hi"))
        return spv_op(s, SpvOpIAdd, ty, 2, mul_hi(c, x, y, t, sg), z);
    if (!strcmp(op, "mad24") || !strcmp(op, "mad"))
        return spv_op(s, SpvOpIAdd, ty, 2, spv_op(s, SpvOpIMul, ty, 2, x, y), z);
    if (!strcmp(op, "clamp"))
        return minmax(c, false, sg, t, minmax(c, true, sg, t, x, y), z);
    if (!strcmp(op, "min3") || !strcmp(op, "max3"))
        return minmax(c, op[1] == 'a', sg, t, minmax(c, op[1] == 'a', sg, t, x, y), z);
    if (!strcmp(op, "median3"))
        return minmax(c, true, sg, t, minmax(c, false, sg, t, x, y),
                      minmax(c, false, sg, t, minmax(c, true, sg, t, x, y), z));
    if (!strcmp(op, "mad_sat"))
        return mad_sat(c, x, y, z, t, sg);
    return 0;
}

bool intr_int(struct ctx *c, struct call *k)
{
    uint32_t r = int_op(c, k->op, k->sign, k->a, k->n, k->ret);

    if (r)
        set_int(c, k->inst, r);
    return r != 0;
}

static uint64_t const_len(struct ctx *c, LLVMValueRef v)
{
    if (!LLVMIsAConstantInt(v))
        air_fail(c, AIR_REFUSE_INTRINSIC, "memory copy of a length known only at run time");
    return LLVMConstIntGetZExtValue(v);
}

static bool is_op(const char *name, const char *op)
{
    size_t n = strlen(op);

    return !strncmp(name, op, n) && (name[n] == '.' || !name[n]);
}

/* LLVM's own intrinsics (air 3.14): what front ends emit and what the passes make. */
bool intr_llvm(struct ctx *c, LLVMValueRef i, const char *name)
{
    static const struct {
        const char *llvm, *air;
        char sign;
    } same[] = {{"smin", "min", 's'},         {"smax", "max", 's'},
                {"umin", "min", 'u'},         {"umax", "max", 'u'},
                {"abs", "abs", 's'},          {"ctpop", "popcount", 'u'},
                {"ctlz", "clz", 'u'},         {"cttz", "ctz", 'u'},
                {"bswap", "bswap", 'u'},      {"bitreverse", "reverse_bits", 'u'},
                {"uadd.sat", "add_sat", 'u'}, {"sadd.sat", "add_sat", 's'},
                {"usub.sat", "sub_sat", 'u'}, {"ssub.sat", "sub_sat", 's'}};
    static const struct {
        const char *llvm, *air;
    } fsame[] = {{"fabs", "fabs"},   {"floor", "floor"},       {"ceil", "ceil"},       {"trunc", "trunc"},
                 {"rint", "rint"},   {"nearbyint", "rint"},    {"roundeven", "rint"},  {"round", "round"},
                 {"sqrt", "sqrt"},   {"sin", "sin"},           {"cos", "cos"},         {"exp", "exp"},
                 {"exp2", "exp2"},   {"log", "log"},           {"log2", "log2"},       {"log10", "log10"},
                 {"pow", "pow"},     {"fma", "fma"},           {"fmuladd", "fma"},     {"minnum", "fmin"},
                 {"maxnum", "fmax"}, {"copysign", "copysign"}, {"minimum", "minimum"}, {"maximum", "maximum"}};
    struct call k = {.inst = i, .ret = LLVMTypeOf(i), .name = name};
    uint32_t merge, r;

    k.n = LLVMGetNumArgOperands(i);
    for (unsigned j = 0; j < k.n && j < ARRAY_LEN(k.a); j++)
        k.a[j] = LLVMGetOperand(i, j);
    name += 5; /* "llvm." */
    if (!strncmp(name, "lifetime", 8) || !strncmp(name, "assume", 6) || !strncmp(name, "dbg.", 4) ||
        !strncmp(name, "invariant", 9) || !strncmp(name, "experimental.noalias", 20) ||
        !strncmp(name, "donothing", 9)) {
        return true;
    }
    if (is_op(name, "memcpy") || is_op(name, "memmove")) {
        uint64_t len = const_len(c, k.a[2]);

        guard_begin(c, &merge);
        mem_copy(c, pointer(c, k.a[0]), param_align(i, 1), pointer(c, k.a[1]), param_align(i, 2), len);
        guard_end(c, merge);
        return true;
    }
    if (is_op(name, "memset")) {
        uint64_t len = const_len(c, k.a[2]);

        guard_begin(c, &merge);
        mem_set(c, pointer(c, k.a[0]), param_align(i, 1), value(c, k.a[1]), len);
        guard_end(c, merge);
        return true;
    }
    for (unsigned j = 0; j < ARRAY_LEN(same); j++) {
        if (!is_op(name, same[j].llvm))
            continue;
        r = int_op(c, same[j].air, same[j].sign, k.a, k.n, k.ret);
        if (r)
            set_value(c, i, r);
        return r != 0;
    }
    for (unsigned j = 0; j < ARRAY_LEN(fsame); j++) {
        if (!is_op(name, fsame[j].llvm))
            continue;
        strcpy(k.op, fsame[j].air);
        return intr_math(c, &k);
    }
    if (is_op(name, "fshl") || is_op(name, "fshr")) {
        set_value(c, i, funnel(c, value(c, k.a[0]), value(c, k.a[1]), value(c, k.a[2]), k.ret, name[3] == 'l'));
        return true;
    }
    if (is_op(name, "is.fpclass")) {
        uint64_t mask = LLVMIsAConstantInt(k.a[1]) ? LLVMConstIntGetZExtValue(k.a[1]) : 0;
        uint32_t x = value(c, k.a[0]), ty = type_of(c, k.ret);

        if (mask != 3 && mask != 0x204)
            return false;
        set_value(c, i, spv_op(&c->s, mask == 3 ? SpvOpIsNan : SpvOpIsInf, ty, 1, x));
        return true;
    }
    return false;
}

/* Call @inst of intrinsic air.@name, taken apart. */
void intr_call_of(struct ctx *c, LLVMValueRef inst, const char *name, struct call *k)
{
    *k = (struct call){.inst = inst, .ret = LLVMTypeOf(inst), .n = LLVMGetNumArgOperands(inst)};
    if (k->n > ARRAY_LEN(k->a))
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: %u operands", name, k->n);
    for (unsigned j = 0; j < k->n; j++)
        k->a[j] = LLVMGetOperand(inst, j);
    intr_split_name(k, name);
}

void intr_call(struct ctx *c, LLVMValueRef i)
{
    static bool (*const families[])(struct ctx *, struct call *) = {
        intr_convert, intr_pack, intr_math, intr_int, intr_atomic, intr_simd, intr_matrix, intr_texture, intr_stage};
    LLVMValueRef f = LLVMGetCalledValue(i);
    struct call k;
    const char *name = LLVMIsAFunction(f) ? LLVMGetValueName(f) : "";
    enum air_refuse why;

    if (!strncmp(name, "llvm.", 5)) {
        if (!intr_named(name) || !intr_llvm(c, i, name))
            air_fail(c, AIR_REFUSE_INTRINSIC, "%.100s", name);
        return;
    }
    if (strncmp(name, "air.", 4)) {
        if (iface_control_point(c, i))
            return;
        air_fail(c, AIR_REFUSE_INTRINSIC, "call of %.100s, which is not defined", *name ? name : "a computed address");
    }
    intr_call_of(c, i, name + 4, &k);
    why = refused_family(name + 4);
    if (why)
        air_fail(c, why, "%.100s", name);
    if (!intr_named(k.op))
        air_fail(c, AIR_REFUSE_INTRINSIC, "%.100s", name);
    if (!strncmp(k.op, "os_log", 6)) /* it only logs */
        return;
    if (!strcmp(k.op, "is_uniform")) {
        set_value(c, i, spv_null(&c->s, type_of(c, k.ret)));
        return;
    }
    for (unsigned j = 0; j < ARRAY_LEN(families); j++) {
        if (families[j](c, &k))
            return;
    }
    air_fail(c, AIR_REFUSE_INTRINSIC, "%.100s", name);
}
