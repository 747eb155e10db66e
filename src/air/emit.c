/* SPDX-License-Identifier: MIT */
/*
 * Instructions as SPIR-V (air 4.3), one at a time. Intrinsics are in intr_*.c, memory in mem.c, blocks and the function
 * around them in flow.c.
 */
#include "ctx.h"

#include <string.h>

/* Integers of widths SPIR-V has not: upper bits are kept zero. */
static bool odd_width(LLVMTypeRef t)
{
    LLVMTypeRef e = elem_type(t);
    unsigned w;

    if (LLVMGetTypeKind(e) != LLVMIntegerTypeKind)
        return false;
    w = LLVMGetIntTypeWidth(e);
    return w != 1 && w != 8 && w != 16 && w != 32 && w != 64;
}

static uint32_t trim(struct ctx *c, uint32_t id, LLVMTypeRef t)
{
    unsigned w;
    uint32_t e;

    if (!odd_width(t))
        return id;
    w = LLVMGetIntTypeWidth(elem_type(t));
    e = type_of(c, elem_type(t));
    return spv_op(&c->s, SpvOpBitwiseAnd, type_of(c, t), 2, id,
                  splat(c, spv_uint(&c->s, int_bits(c, w), (UINT64_C(1) << w) - 1), e, vec_len(t)));
}

/* Sign-extend an odd width within its container. */
static uint32_t sext_odd(struct ctx *c, uint32_t id, LLVMTypeRef t)
{
    unsigned w, b;
    uint32_t e, sh, v = type_of(c, t);

    if (!odd_width(t))
        return id;
    w = LLVMGetIntTypeWidth(elem_type(t));
    b = int_bits(c, w);
    e = type_of(c, elem_type(t));
    sh = splat(c, spv_uint(&c->s, b, b - w), e, vec_len(t));
    return spv_op(&c->s, SpvOpShiftRightArithmetic, v, 2, spv_op(&c->s, SpvOpShiftLeftLogical, v, 2, id, sh), sh);
}

static bool is_bool(LLVMTypeRef t)
{
    LLVMTypeRef e = elem_type(t);

    return LLVMGetTypeKind(e) == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(e) == 1;
}

static uint32_t f32_vec(struct ctx *c, unsigned n)
{
    return spv_type_vec(&c->s, spv_type_float(&c->s, 32), n);
}

static uint32_t float_binary(struct ctx *c, LLVMValueRef i, SpvOp op)
{
    LLVMTypeRef t = LLVMTypeOf(i);
    uint32_t a = value(c, LLVMGetOperand(i, 0)), b = value(c, LLVMGetOperand(i, 1)), r;
    unsigned n = vec_len(t);
    bool bf = type_is_bf16(t);

    if (n > 4)
        air_fail(c, AIR_REFUSE_TYPE, "arithmetic on a vector of %u elements", n);
    if (bf) {
        a = bf16_to_f32(c, a, n);
        b = bf16_to_f32(c, b, n);
    }
    r = spv_op(&c->s, op, bf ? f32_vec(c, n) : type_of(c, t), 2, a, b);
    if (!c->fast_math)
        spv_decorate(&c->s, r, SpvDecorationNoContraction, 0);
    return bf ? f32_to_bf16(c, r, n) : r;
}

static uint32_t int_binary(struct ctx *c, LLVMValueRef i, LLVMOpcode op)
{
    LLVMTypeRef t = LLVMTypeOf(i);
    uint32_t a = value(c, LLVMGetOperand(i, 0)), b = value(c, LLVMGetOperand(i, 1)), ty = type_of(c, t);
    struct spv *s = &c->s;
    uint32_t v;
    SpvOp o;

    if (vec_len(t) > 4)
        air_fail(c, AIR_REFUSE_TYPE, "arithmetic on a vector of %u elements", vec_len(t));
    if (is_bool(t)) {
        switch (op) {
        case LLVMAnd:
        case LLVMMul:
            return spv_op(s, SpvOpLogicalAnd, ty, 2, a, b);
        case LLVMOr:
            return spv_op(s, SpvOpLogicalOr, ty, 2, a, b);
        case LLVMXor:
        case LLVMAdd:
        case LLVMSub:
            return spv_op(s, SpvOpLogicalNotEqual, ty, 2, a, b);
        default:
            return a; /* shifts and divisions of i1 by the only defined amounts */
        }
    }
    switch (op) {
    case LLVMAdd:
        o = SpvOpIAdd;
        break;
    case LLVMSub:
        o = SpvOpISub;
        break;
    case LLVMMul:
        o = SpvOpIMul;
        break;
    case LLVMUDiv:
        o = SpvOpUDiv;
        break;
    case LLVMSDiv:
    case LLVMSRem: /* a - a / b * b: Vulkan leaves OpSRem of negative numbers undefined */
        o = SpvOpSDiv;
        break;
    case LLVMURem:
        o = SpvOpUMod;
        break;
    case LLVMShl:
        o = SpvOpShiftLeftLogical;
        break;
    case LLVMLShr:
        o = SpvOpShiftRightLogical;
        break;
    case LLVMAShr:
        o = SpvOpShiftRightArithmetic;
        break;
    case LLVMAnd:
        o = SpvOpBitwiseAnd;
        break;
    case LLVMOr:
        o = SpvOpBitwiseOr;
        break;
    default:
        o = SpvOpBitwiseXor;
    }
    if (op == LLVMSDiv || op == LLVMSRem) {
        a = sext_odd(c, a, t);
        b = sext_odd(c, b, t);
    } else if (op == LLVMAShr) {
        a = sext_odd(c, a, t);
    }
    if (ty == spv_type_uint(s, 32) && op == LLVMAdd)
        return spv_iadd(s, a, b);
    v = spv_op(s, o, ty, 2, a, b);
    if (op == LLVMSRem)
        v = spv_op(s, SpvOpISub, ty, 2, a, spv_op(s, SpvOpIMul, ty, 2, v, b));
    return trim(c, v, t);
}

static uint32_t icmp(struct ctx *c, LLVMValueRef i)
{
    LLVMValueRef x = LLVMGetOperand(i, 0), y = LLVMGetOperand(i, 1);
    LLVMTypeRef t = LLVMTypeOf(x);
    LLVMIntPredicate p = LLVMGetICmpPredicate(i);
    uint32_t a, b, ty = type_of(c, LLVMTypeOf(i));
    struct spv *s = &c->s;
    SpvOp op;

    if (LLVMGetTypeKind(t) == LLVMPointerTypeKind) {
        struct root *rx = &c->root[root_find(c, root_of(c, x))], *ry = &c->root[root_find(c, root_of(c, y))];
        bool phys = rx->kind == ROOT_PHYS || ry->kind == ROOT_PHYS;

        if (!phys && rx->kind == ROOT_BUFFER && ry->kind == ROOT_BUFFER && rx != ry) {
            /* The host may have bound one buffer twice: kernels ask (soft_max's "no mask"). */
            if (!(c->opt->caps & AIR_CAP_PHYSICAL))
                return spv_bool(s, p == LLVMIntNE);
            phys = true;
        }
        /* Handles are always bound to something (air 4.6). */
        if (!phys && (root_is_handle(c, root_of(c, x)) || root_is_handle(c, root_of(c, y)))) {
            uint32_t ka, kb;

            a = handle_number(c, pointer(c, x));
            b = handle_number(c, pointer(c, y));
            if (spv_is_u32(s, a, &ka) && spv_is_u32(s, b, &kb))
                return spv_bool(s, (p == LLVMIntEQ) == (ka == kb));
            return spv_op(s, p == LLVMIntEQ ? SpvOpIEqual : SpvOpINotEqual, ty, 2, a, b);
        }
        a = pointer_compare_id(c, x, phys);
        b = pointer_compare_id(c, y, phys);
    } else {
        a = value(c, x);
        b = value(c, y);
    }
    if (is_bool(t)) {
        uint32_t na, r;

        switch (p) {
        case LLVMIntEQ:
            return spv_op(s, SpvOpLogicalEqual, ty, 2, a, b);
        case LLVMIntNE:
            return spv_op(s, SpvOpLogicalNotEqual, ty, 2, a, b);
        case LLVMIntUGT:
        case LLVMIntSLT: /* signed: true is -1 */
            na = spv_op(s, SpvOpLogicalNot, ty, 1, b);
            r = spv_op(s, SpvOpLogicalAnd, ty, 2, a, na);
            return r;
        case LLVMIntULT:
        case LLVMIntSGT:
            na = spv_op(s, SpvOpLogicalNot, ty, 1, a);
            return spv_op(s, SpvOpLogicalAnd, ty, 2, na, b);
        case LLVMIntUGE:
        case LLVMIntSLE:
            na = spv_op(s, SpvOpLogicalNot, ty, 1, b);
            return spv_op(s, SpvOpLogicalOr, ty, 2, a, na);
        default:
            na = spv_op(s, SpvOpLogicalNot, ty, 1, a);
            return spv_op(s, SpvOpLogicalOr, ty, 2, na, b);
        }
    }
    switch (p) {
    case LLVMIntEQ:
        op = SpvOpIEqual;
        break;
    case LLVMIntNE:
        op = SpvOpINotEqual;
        break;
    case LLVMIntUGT:
        op = SpvOpUGreaterThan;
        break;
    case LLVMIntUGE:
        op = SpvOpUGreaterThanEqual;
        break;
    case LLVMIntULT:
        op = SpvOpULessThan;
        break;
    case LLVMIntULE:
        op = SpvOpULessThanEqual;
        break;
    case LLVMIntSGT:
        op = SpvOpSGreaterThan;
        break;
    case LLVMIntSGE:
        op = SpvOpSGreaterThanEqual;
        break;
    case LLVMIntSLT:
        op = SpvOpSLessThan;
        break;
    default:
        op = SpvOpSLessThanEqual;
    }
    if (p >= LLVMIntSGT && LLVMGetTypeKind(t) != LLVMPointerTypeKind) {
        a = sext_odd(c, a, t);
        b = sext_odd(c, b, t);
    }
    return spv_op(s, op, ty, 2, a, b);
}

static uint32_t fcmp(struct ctx *c, LLVMValueRef i)
{
    static const SpvOp ops[] = {
        [LLVMRealOEQ] = SpvOpFOrdEqual,
        [LLVMRealOGT] = SpvOpFOrdGreaterThan,
        [LLVMRealOGE] = SpvOpFOrdGreaterThanEqual,
        [LLVMRealOLT] = SpvOpFOrdLessThan,
        [LLVMRealOLE] = SpvOpFOrdLessThanEqual,
        [LLVMRealONE] = SpvOpFOrdNotEqual,
        [LLVMRealUEQ] = SpvOpFUnordEqual,
        [LLVMRealUGT] = SpvOpFUnordGreaterThan,
        [LLVMRealUGE] = SpvOpFUnordGreaterThanEqual,
        [LLVMRealULT] = SpvOpFUnordLessThan,
        [LLVMRealULE] = SpvOpFUnordLessThanEqual,
        [LLVMRealUNE] = SpvOpFUnordNotEqual,
    };
    LLVMRealPredicate p = LLVMGetFCmpPredicate(i);
    LLVMTypeRef t = LLVMTypeOf(LLVMGetOperand(i, 0));
    uint32_t a = value(c, LLVMGetOperand(i, 0)), b = value(c, LLVMGetOperand(i, 1)), ty = type_of(c, LLVMTypeOf(i));
    unsigned n = vec_len(t);
    struct spv *s = &c->s;

    if (type_is_bf16(t)) {
        a = bf16_to_f32(c, a, n);
        b = bf16_to_f32(c, b, n);
    }
    if (p == LLVMRealPredicateFalse || p == LLVMRealPredicateTrue)
        return splat(c, spv_bool(s, p == LLVMRealPredicateTrue), spv_type_bool(s), n);
    if (p == LLVMRealORD || p == LLVMRealUNO) {
        uint32_t r = spv_op(s, SpvOpLogicalOr, ty, 2, spv_op(s, SpvOpIsNan, ty, 1, a), spv_op(s, SpvOpIsNan, ty, 1, b));

        return p == LLVMRealUNO ? r : spv_op(s, SpvOpLogicalNot, ty, 1, r);
    }
    return spv_op(s, ops[p], ty, 2, a, b);
}

static uint32_t cast(struct ctx *c, LLVMValueRef i, LLVMOpcode op)
{
    LLVMValueRef x = LLVMGetOperand(i, 0);
    LLVMTypeRef st = LLVMTypeOf(x), dt = LLVMTypeOf(i);
    uint32_t a = value(c, x), ty = type_of(c, dt), e = type_of(c, elem_type(dt));
    unsigned n = vec_len(dt), sb = scalar_bits(c, st), db = scalar_bits(c, dt);
    struct spv *s = &c->s;

    switch (op) {
    case LLVMTrunc:
        if (is_bool(dt)) {
            uint32_t se = type_of(c, elem_type(st)), v = type_of(c, st);

            a = spv_op(s, SpvOpBitwiseAnd, v, 2, a, splat(c, spv_uint(s, sb, 1), se, n));
            return spv_op(s, SpvOpINotEqual, ty, 2, a, spv_null(s, v));
        }
        return trim(c, sb == db ? a : spv_op(s, SpvOpUConvert, ty, 1, a), dt);
    case LLVMZExt:
    case LLVMSExt:
        if (is_bool(st))
            return spv_op(
                s, SpvOpSelect, ty, 3, a,
                splat(c,
                      spv_uint(s, db,
                               op == LLVMZExt ? 1
                                              : (odd_width(dt) ? (UINT64_C(1) << LLVMGetIntTypeWidth(elem_type(dt))) - 1
                                                               : UINT64_MAX)),
                      e, n),
                spv_null(s, ty));
        if (op == LLVMSExt)
            a = sext_odd(c, a, st);
        if (sb == db)
            return trim(c, a, dt);
        return trim(c, spv_op(s, op == LLVMSExt ? SpvOpSConvert : SpvOpUConvert, ty, 1, a), dt);
    case LLVMFPExt:
        if (type_is_bf16(st))
            return bf16_to_f32(c, a, n);
        return spv_op(s, SpvOpFConvert, ty, 1, a);
    case LLVMFPTrunc:
        if (type_is_bf16(dt))
            return f32_to_bf16(c, a, n);
        return spv_op(s, SpvOpFConvert, ty, 1, a);
    case LLVMSIToFP:
    case LLVMUIToFP: {
        uint32_t r;

        if (is_bool(st))
            a = spv_op(s, SpvOpSelect, spv_type_vec(s, spv_type_uint(s, 32), n), 3, a,
                       splat(c, spv_u32(s, op == LLVMSIToFP ? UINT32_MAX : 1), spv_type_uint(s, 32), n),
                       spv_null(s, spv_type_vec(s, spv_type_uint(s, 32), n)));
        if (op == LLVMSIToFP)
            a = sext_odd(c, a, st);
        r = spv_op(s, op == LLVMSIToFP ? SpvOpConvertSToF : SpvOpConvertUToF, type_is_bf16(dt) ? f32_vec(c, n) : ty, 1,
                   a);
        return type_is_bf16(dt) ? f32_to_bf16(c, r, n) : r;
    }
    case LLVMFPToSI:
    case LLVMFPToUI: /* out of range is poison in LLVM, so no clamp here: air.convert has its own */
        if (type_is_bf16(st))
            a = bf16_to_f32(c, a, n);
        return spv_op(s, op == LLVMFPToSI ? SpvOpConvertFToS : SpvOpConvertFToU, ty, 1, a);
    default: { /* bitcast */
        unsigned sn = vec_len(st);

        if (is_bool(st) != is_bool(dt) || odd_width(st) || odd_width(dt)) {
            uint32_t r = spv_uint(s, db, 0); /* mask of lanes, as in <4 x i1> to i4 */

            if (!is_bool(st) || n != 1 || sn > 4)
                air_fail(c, AIR_REFUSE_TYPE, "bitcast of an unusual width");
            for (unsigned k = 0; k < sn; k++) {
                uint32_t b = extract(c, a, spv_type_bool(s), sn, k);

                b = spv_op(s, SpvOpSelect, ty, 3, b, spv_uint(s, db, UINT64_C(1) << k), spv_uint(s, db, 0));
                r = spv_op(s, SpvOpBitwiseOr, ty, 2, r, b);
            }
            return r;
        }
        if (ty == type_of(c, st))
            return a;
        if (sn > 4 || n > 4) {
            /* By way of 32-bit words; only what fits them. */
            unsigned total = sn * sb / 32;
            uint32_t w[64], u32 = spv_type_uint(s, 32), out[64], se = type_of(c, elem_type(st));

            if (sb > 32 || db > 32 || sn * sb % 32 || total > 64 || !total)
                air_fail(c, AIR_REFUSE_TYPE, "bitcast between long vectors");
            for (unsigned k = 0; k < total; k++) {
                uint32_t q[4];
                unsigned per = 32 / sb;

                for (unsigned j = 0; j < per; j++)
                    q[j] = extract(c, a, se, sn, k * per + j);
                w[k] = per == 1 && se == u32
                           ? q[0]
                           : spv_op(s, SpvOpBitcast, u32, 1, construct(c, spv_type_vec(s, se, per), q, per));
            }
            for (unsigned k = 0; k < n; k++) {
                unsigned per = 32 / db;
                uint32_t v = w[k / per], vt = spv_type_vec(s, e, per);

                v = vt == u32 ? v : spv_op(s, SpvOpBitcast, vt, 1, v);
                out[k] = extract(c, v, e, per, k % per);
            }
            return construct(c, ty, out, n);
        }
        return spv_op(s, SpvOpBitcast, ty, 1, a);
    }
    }
}

/* Element @i of an array-typed vector by dynamic index goes through a variable. */
static uint32_t array_index(struct ctx *c, uint32_t vec, uint32_t type, uint32_t elem, uint32_t idx, uint32_t store)
{
    struct spv *s = &c->s;
    uint32_t var = spv_local(s, type), p;

    spv_void(s, SpvOpStore, 2, var, vec);
    p = spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassFunction, elem), 2, var, idx);
    if (!store)
        return spv_op(s, SpvOpLoad, elem, 1, p);
    spv_void(s, SpvOpStore, 2, p, store);
    return spv_op(s, SpvOpLoad, type, 1, var);
}

static uint32_t vector_op(struct ctx *c, LLVMValueRef i, LLVMOpcode op)
{
    LLVMValueRef v = LLVMGetOperand(i, 0), idx;
    LLVMTypeRef vt = LLVMTypeOf(v);
    unsigned n = vec_len(vt);
    uint32_t a = value(c, v), e = type_of(c, elem_type(vt)), ty = type_of(c, vt), dyn;
    struct spv *s = &c->s;

    if (n == 64 && c->distribute)
        air_fail(c, AIR_REFUSE_MATRIX_SHAPE, "access to single elements of a matrix");

    if (op == LLVMShuffleVector) {
        unsigned m = LLVMGetNumMaskElements(i);
        uint32_t b = value(c, LLVMGetOperand(i, 1)), o[70], out = type_of(c, LLVMTypeOf(i));

        if (m > 64)
            air_fail(c, AIR_REFUSE_TYPE, "shuffle of %u elements", m);
        if (n >= 2 && n <= 4 && m >= 2 && m <= 4) {
            o[0] = a;
            o[1] = b;
            for (unsigned k = 0; k < m; k++) {
                int x = LLVMGetMaskValue(i, k);

                o[2 + k] = x == LLVMGetUndefMaskElem() ? 0 : (uint32_t)x;
            }
            return spv_opv(s, SpvOpVectorShuffle, out, o, m + 2);
        }
        for (unsigned k = 0; k < m; k++) {
            int x = LLVMGetMaskValue(i, k);
            unsigned u = x == LLVMGetUndefMaskElem() ? 0 : (unsigned)x;

            o[k] = extract(c, u < n ? a : b, e, n, u < n ? u : u - n);
        }
        return construct(c, out, o, m);
    }
    idx = LLVMGetOperand(i, op == LLVMExtractElement ? 1 : 2);
    if (LLVMIsAConstantInt(idx)) {
        uint32_t k = (uint32_t)LLVMConstIntGetZExtValue(idx);

        k = k < n ? k : 0; /* poison */
        if (op == LLVMExtractElement)
            return extract(c, a, e, n, k);
        if (n == 1)
            return value(c, LLVMGetOperand(i, 1));
        return spv_op(s, SpvOpCompositeInsert, ty, 3, value(c, LLVMGetOperand(i, 1)), a, k);
    }
    if (n == 1)
        return op == LLVMExtractElement ? a : value(c, LLVMGetOperand(i, 1));
    /* An index beyond the end is poison in LLVM but must not be undefined behaviour here. */
    dyn = spv_glsl(s, GLSLstd450UMin, spv_type_uint(s, 32), 2, to_u32(c, value(c, idx), LLVMTypeOf(idx), false),
                   spv_u32(s, n - 1));
    if (n > 4)
        return array_index(c, a, ty, e, dyn, op == LLVMExtractElement ? 0 : value(c, LLVMGetOperand(i, 1)));
    if (op == LLVMExtractElement)
        return spv_op(s, SpvOpVectorExtractDynamic, e, 2, a, dyn);
    return spv_op(s, SpvOpVectorInsertDynamic, ty, 3, a, value(c, LLVMGetOperand(i, 1)), dyn);
}

static uint32_t aggregate_op(struct ctx *c, LLVMValueRef i, LLVMOpcode op)
{
    const unsigned *idx = LLVMGetIndices(i);
    unsigned n = LLVMGetNumIndices(i);
    uint32_t o[18], base = value(c, LLVMGetOperand(i, 0));

    if (n > 15)
        air_fail(c, AIR_REFUSE_TYPE, "%u indices", n);
    if (op == LLVMExtractValue) {
        o[0] = base;
        for (unsigned k = 0; k < n; k++)
            o[1 + k] = idx[k];
        return spv_opv(&c->s, SpvOpCompositeExtract, type_of(c, LLVMTypeOf(i)), o, n + 1);
    }
    o[0] = value(c, LLVMGetOperand(i, 1));
    o[1] = base;
    for (unsigned k = 0; k < n; k++)
        o[2 + k] = idx[k];
    return spv_opv(&c->s, SpvOpCompositeInsert, type_of(c, LLVMTypeOf(i)), o, n + 2);
}

/* Number of the handle that is loaded: out of an array argument (8 bytes each), private memory or a table. */
static uint32_t load_handle(struct ctx *c, LLVMValueRef i)
{
    struct spv *s = &c->s;
    struct ptr p = pointer(c, LLVMGetOperand(i, 0));
    struct root *r = &c->root[p.root];
    struct arg *a;

    if (c->root[root_find(c, p.root)].kind == ROOT_NONE)
        return spv_u32(s, AIR_HANDLE_NULL);
    if (r->kind != ROOT_HANDLE) { /* the index is the guest's: it must not leave the array */
        if (p.n && r->bytes >= 8)
            p = (struct ptr){.root = p.root,
                             .n = 1,
                             .t[0] = {spv_glsl(s, GLSLstd450UMin, spv_type_uint(s, 32), 2, ptr_offset(c, &p),
                                               spv_u32(s, r->bytes - 8)),
                                      1}};
        return mem_load(c, p, LLVMInt32TypeInContext(c->lc), LLVMGetAlignment(i));
    }
    if (r->arg < 0 || p.handle || c->arg[r->arg].r.count < 2)
        air_fail(c, AIR_REFUSE_POINTER, "handle loaded from what is no array of handles");
    a = &c->arg[r->arg];
    return spv_iadd(s, spv_u32(s, a->first),
                    spv_glsl(s, GLSLstd450UMin, spv_type_uint(s, 32), 2, spv_shr(s, ptr_offset(c, &p), 3),
                             spv_u32(s, a->r.count - 1)));
}

/* Number of a handle taken out of an array argument that is passed by value. */
static uint32_t extract_handle(struct ctx *c, LLVMValueRef i)
{
    struct root *r = &c->root[root_of(c, i)];
    LLVMTypeRef t = LLVMTypeOf(LLVMGetOperand(i, 0));
    uint64_t off = 0;

    for (unsigned k = 0; k < LLVMGetNumIndices(i); k++) {
        unsigned x = LLVMGetIndices(i)[k];

        if (LLVMGetTypeKind(t) == LLVMStructTypeKind) {
            off += LLVMOffsetOfElement(c->dl, t, x);
            t = LLVMStructGetTypeAtIndex(t, x);
        } else {
            t = LLVMGetElementType(t);
            off += x * LLVMABISizeOfType(c->dl, t);
        }
    }
    if (r->kind != ROOT_HANDLE || r->arg < 0 || off / 8 >= c->arg[r->arg].r.count)
        air_fail(c, AIR_REFUSE_METADATA, "element %u of an array of handles", (unsigned)(off / 8));
    return spv_u32(&c->s, c->arg[r->arg].first + (uint32_t)(off / 8));
}

static void emit_pointer(struct ctx *c, LLVMValueRef i, LLVMOpcode op)
{
    struct ptr p = {.root = root_of(c, i)};

    switch (op) {
    case LLVMGetElementPtr:
        p = pointer_gep(c, i);
        break;
    case LLVMBitCast:
    case LLVMAddrSpaceCast:
    case LLVMFreeze:
        p = pointer(c, LLVMGetOperand(i, 0));
        break;
    case LLVMSelect:
        p = pointer_select(c, i, value(c, LLVMGetOperand(i, 0)), LLVMGetOperand(i, 1), LLVMGetOperand(i, 2));
        break;
    case LLVMIntToPtr:
        /* An address made from numbers is the guest's choice of host memory: never followed. */
        air_fail(c, AIR_REFUSE_POINTER, "pointer made from an integer");
    case LLVMLoad:
        if (root_is_handle(c, p.root) || c->root[root_find(c, p.root)].kind == ROOT_NONE) {
            p.handle = load_handle(c, i);
            break;
        }
        /* What pointers in guest memory mean is UNKNOWN (decision 16); only those this function stored itself are. */
        if (c->root[root_find(c, root_of(c, LLVMGetOperand(i, 0)))].kind != ROOT_LOCAL)
            air_fail(c, AIR_REFUSE_ARGUMENT_BUFFER, "pointer loaded from a buffer: encoding unknown");
        p = phys_unpack(c, p.root,
                        spv_op(&c->s, SpvOpBitcast, spv_type_vec(&c->s, spv_type_uint(&c->s, 32), 2), 1,
                               mem_load(c, pointer(c, LLVMGetOperand(i, 0)), LLVMInt64TypeInContext(c->lc),
                                        LLVMGetAlignment(i))));
        break;
    case LLVMExtractValue:
        p.handle = extract_handle(c, i);
        break;
    default:
        break; /* alloca, handles from calls */
    }
    set_pointer(c, i, p);
}

static void emit_store(struct ctx *c, LLVMValueRef i)
{
    LLVMValueRef v = LLVMGetOperand(i, 0), p = LLVMGetOperand(i, 1);
    uint32_t merge = 0;
    bool private = c->root[root_find(c, root_of(c, p))].kind == ROOT_LOCAL;

    private = private && !c->predicated;
    if (!private)
        guard_begin(c, &merge);
    if (is_pointer(v)) {
        struct root *r = &c->root[root_find(c, root_of(c, v))], *to = &c->root[root_find(c, root_of(c, p))];

        if (to->kind == ROOT_LOCAL && to->content >= 0 && root_is_handle(c, to->content)) {
            mem_store(c, pointer(c, p), LLVMInt32TypeInContext(c->lc), LLVMGetAlignment(i),
                      handle_number(c, pointer(c, v)));
            if (!private)
                guard_end(c, merge);
            return;
        }
        if (r->kind != ROOT_BUFFER && r->kind != ROOT_PHYS && r->kind != ROOT_NONE)
            air_fail(c, AIR_REFUSE_POINTER, "store of a pointer that has no address");
        mem_store(c, pointer(c, p), LLVMInt64TypeInContext(c->lc), LLVMGetAlignment(i),
                  spv_op(&c->s, SpvOpBitcast, spv_type_uint(&c->s, 64), 1, phys_pack(c, pointer(c, v))));
    } else {
        mem_store(c, pointer(c, p), LLVMTypeOf(v), LLVMGetAlignment(i), value(c, v));
    }
    if (!private)
        guard_end(c, merge);
}

void emit_inst(struct ctx *c, LLVMValueRef i)
{
    LLVMOpcode op = LLVMGetInstructionOpcode(i);
    LLVMTypeRef t = LLVMTypeOf(i);
    struct spv *s = &c->s;
    uint32_t r;

    c->cur_inst = i;
    if (s->body.n > AIR_LIMIT_WORDS)
        air_fail(c, AIR_REFUSE_LIMIT, "more than %u words of SPIR-V", AIR_LIMIT_WORDS);
    if (op == LLVMCall) {
        intr_call(c, i);
        return;
    }
    if (op == LLVMAlloca || LLVMGetTypeKind(t) == LLVMPointerTypeKind) {
        emit_pointer(c, i, op);
        return;
    }
    switch (op) {
    case LLVMAdd:
    case LLVMSub:
    case LLVMMul:
    case LLVMUDiv:
    case LLVMSDiv:
    case LLVMURem:
    case LLVMSRem:
    case LLVMShl:
    case LLVMLShr:
    case LLVMAShr:
    case LLVMAnd:
    case LLVMOr:
    case LLVMXor:
        r = int_binary(c, i, op);
        break;
    case LLVMFAdd:
        r = float_binary(c, i, SpvOpFAdd);
        break;
    case LLVMFSub:
        r = float_binary(c, i, SpvOpFSub);
        break;
    case LLVMFMul:
        r = float_binary(c, i, SpvOpFMul);
        break;
    case LLVMFDiv:
        r = float_binary(c, i, SpvOpFDiv);
        break;
    case LLVMFRem:
        r = float_binary(c, i, SpvOpFRem);
        break;
    case LLVMFNeg:
        if (type_is_bf16(t))
            r = spv_op(s, SpvOpBitwiseXor, type_of(c, t), 2, value(c, LLVMGetOperand(i, 0)),
                       splat(c, spv_uint(s, 16, 0x8000), spv_type_uint(s, 16), vec_len(t)));
        else
            r = spv_op(s, SpvOpFNegate, type_of(c, t), 1, value(c, LLVMGetOperand(i, 0)));
        break;
    case LLVMICmp:
        r = icmp(c, i);
        break;
    case LLVMFCmp:
        r = fcmp(c, i);
        break;
    case LLVMTrunc:
    case LLVMZExt:
    case LLVMSExt:
    case LLVMFPExt:
    case LLVMFPTrunc:
    case LLVMSIToFP:
    case LLVMUIToFP:
    case LLVMFPToSI:
    case LLVMFPToUI:
    case LLVMBitCast:
        r = cast(c, i, op);
        break;
    case LLVMPtrToInt: {
        uint32_t a = pointer_compare_id(c, LLVMGetOperand(i, 0), true);

        r = scalar_bits(c, t) == 64 ? a : spv_op(s, SpvOpUConvert, type_of(c, t), 1, a);
        break;
    }
    case LLVMSelect:
        r = spv_op(s, SpvOpSelect, type_of(c, t), 3, value(c, LLVMGetOperand(i, 0)), value(c, LLVMGetOperand(i, 1)),
                   value(c, LLVMGetOperand(i, 2)));
        break;
    case LLVMFreeze:
        r = value(c, LLVMGetOperand(i, 0));
        break;
    case LLVMExtractElement:
    case LLVMInsertElement:
    case LLVMShuffleVector:
        r = vector_op(c, i, op);
        break;
    case LLVMExtractValue:
    case LLVMInsertValue:
        r = aggregate_op(c, i, op);
        break;
    case LLVMLoad:
        r = mem_load(c, pointer(c, LLVMGetOperand(i, 0)), t, LLVMGetAlignment(i));
        break;
    case LLVMStore:
        emit_store(c, i);
        return;
    case LLVMFence:
        spv_void(s, SpvOpMemoryBarrier, 2, spv_u32(s, SpvScopeDevice),
                 spv_u32(s, SpvMemorySemanticsAcquireReleaseMask | SpvMemorySemanticsUniformMemoryMask));
        return;
    default:
        air_fail(c, AIR_REFUSE_INSTRUCTION, "instruction with opcode %d", (int)op);
    }
    set_value(c, i, r);
}
