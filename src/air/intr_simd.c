/* SPDX-License-Identifier: MIT */
/*
 * Barriers, SIMD-group and quad-group operations (air 3.8, 3.9). Native subgroup operations where the device's width is
 * the guest's; else emulation through workgroup memory under control flow that is uniform over the workgroup, and a
 * named refusal elsewhere (decision 26). Threads outside the grid take part with neutral values.
 */
#include "ctx.h"

#include <string.h>

static uint32_t u32t(struct ctx *c)
{
    return spv_type_uint(&c->s, 32);
}

static uint32_t scope(struct ctx *c)
{
    return spv_u32(&c->s, SpvScopeSubgroup);
}

void simd_need_uniform(struct ctx *c, struct call *k)
{
    if (cfg_is_divergent(c, k->inst))
        air_fail(c, AIR_REFUSE_SIMD_DIVERGENT, "air.%.60s where threads of a workgroup may have parted ways", k->name);
}

static void control_barrier(struct ctx *c, SpvScope exec, uint32_t semantics)
{
    struct spv *s = &c->s;

    spv_void(s, SpvOpControlBarrier, 3, spv_u32(s, (uint32_t)exec), spv_u32(s, SpvScopeWorkgroup),
             spv_u32(s, semantics));
}

void simd_scratch_barrier(struct ctx *c)
{
    control_barrier(c, SpvScopeWorkgroup, SpvMemorySemanticsAcquireReleaseMask | SpvMemorySemanticsWorkgroupMemoryMask);
}

/* Pointer to word @part of the scratch memory of thread @idx of the workgroup. */
static uint32_t scratch_at(struct ctx *c, unsigned part, uint32_t idx)
{
    struct spv *s = &c->s;

    if (!c->scratch_var[part]) {
        uint32_t arr = spv_type(s, SpvOpTypeArray, 2, u32t(c), iface_local_total(c));
        uint32_t o[3] = {spv_type_ptr(s, SpvStorageClassWorkgroup, arr), spv_id(s), SpvStorageClassWorkgroup};

        spv_raw(s, &s->types, SpvOpVariable, o, 3);
        words_push(s, &c->iface, o[1]);
        c->scratch_var[part] = o[1];
        c->h.scratch_per_thread += 4;
        c->h.flags |= AIR_REFLECT_SIMD_EMULATED;
    }
    return spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassWorkgroup, u32t(c)), 2, c->scratch_var[part],
                  idx);
}

uint32_t simd_total_threads(struct ctx *c)
{
    struct spv *s = &c->s;

    return spv_op(s, SpvOpIMul, u32t(c), 2,
                  spv_op(s, SpvOpIMul, u32t(c), 2, iface_local_size(c, 0), iface_local_size(c, 1)),
                  iface_local_size(c, 2));
}

/*
 * Votes of the whole workgroup, for loops that threads leave at different turns (flow.c). Three words take turns: one
 * is voted in, the next is cleared before the barrier that lets anybody come to it, and the last may still be read.
 */
static uint32_t vote_word(struct ctx *c, uint32_t no)
{
    struct spv *s = &c->s;

    return spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassWorkgroup, u32t(c)), 2, c->votes_var, no);
}

static void clear_vote(struct ctx *c, uint32_t no)
{
    struct spv *s = &c->s;
    uint32_t first = spv_op(s, SpvOpIEqual, spv_type_bool(s), 2, iface_local_index(c), spv_u32(s, 0)),
             merge = if_begin(c, first);

    spv_void(s, SpvOpStore, 2, vote_word(c, no), spv_u32(s, 0));
    if_end(c, merge);
}

void simd_votes_begin(struct ctx *c)
{
    struct spv *s = &c->s;
    uint32_t arr = spv_type(s, SpvOpTypeArray, 2, u32t(c), spv_u32(s, 3));
    uint32_t o[3] = {spv_type_ptr(s, SpvStorageClassWorkgroup, arr), spv_id(s), SpvStorageClassWorkgroup};

    spv_raw(s, &s->types, SpvOpVariable, o, 3);
    words_push(s, &c->iface, o[1]);
    c->votes_var = o[1];
    c->h.threadgroup_bytes += 16; /* rounded up as the guest's own are */
    c->h.flags |= AIR_REFLECT_SIMD_EMULATED;
    c->vote_no = spv_local(s, u32t(c));
    spv_void(s, SpvOpStore, 2, c->vote_no, spv_u32(s, 0));
    clear_vote(c, spv_u32(s, 0));
    simd_scratch_barrier(c);
}

uint32_t simd_any_thread(struct ctx *c, uint32_t cond)
{
    struct spv *s = &c->s;
    uint32_t no = spv_op(s, SpvOpLoad, u32t(c), 1, c->vote_no), merge = if_begin(c, cond), next;

    spv_op(s, SpvOpAtomicOr, u32t(c), 4, vote_word(c, no), spv_u32(s, SpvScopeWorkgroup), spv_u32(s, 0), spv_u32(s, 1));
    if_end(c, merge);
    next = spv_op(s, SpvOpUMod, u32t(c), 2, spv_iadd(s, no, spv_u32(s, 1)), spv_u32(s, 3));
    clear_vote(c, next);
    simd_scratch_barrier(c);
    spv_void(s, SpvOpStore, 2, c->vote_no, next);
    return spv_op(s, SpvOpINotEqual, spv_type_bool(s), 2, spv_op(s, SpvOpLoad, u32t(c), 1, vote_word(c, no)),
                  spv_u32(s, 0));
}

/* A scalar of up to 64 bits as words and back; how many. */
static unsigned to_words(struct ctx *c, uint32_t v, LLVMTypeRef t, uint32_t out[2])
{
    struct spv *s = &c->s;
    unsigned b = scalar_bits(c, t);
    bool fp = LLVMGetTypeKind(t) == LLVMFloatTypeKind || LLVMGetTypeKind(t) == LLVMHalfTypeKind;

    if (b == 64) {
        v = spv_op(s, SpvOpBitcast, spv_type_vec(s, u32t(c), 2), 1, v);
        for (unsigned i = 0; i < 2; i++)
            out[i] = spv_op(s, SpvOpCompositeExtract, u32t(c), 2, v, i);
        return 2;
    }
    if (b == 1)
        v = spv_op(s, SpvOpSelect, u32t(c), 3, v, spv_u32(s, 1), spv_u32(s, 0));
    else if (fp)
        v = spv_op(s, SpvOpBitcast, spv_type_uint(s, b), 1, v);
    out[0] = b == 32 || b == 1 ? v : spv_op(s, SpvOpUConvert, u32t(c), 1, v);
    return 1;
}

static uint32_t from_words(struct ctx *c, const uint32_t w[2], LLVMTypeRef t)
{
    struct spv *s = &c->s;
    unsigned b = scalar_bits(c, t);
    bool fp = LLVMGetTypeKind(t) == LLVMFloatTypeKind || LLVMGetTypeKind(t) == LLVMHalfTypeKind;
    uint32_t v = w[0];

    if (b == 64)
        return spv_op(s, SpvOpBitcast, type_of(c, t), 1, construct(c, spv_type_vec(s, u32t(c), 2), w, 2));
    if (b == 1)
        return spv_op(s, SpvOpINotEqual, spv_type_bool(s), 2, v, spv_u32(s, 0));
    if (b != 32)
        v = spv_op(s, SpvOpUConvert, spv_type_uint(s, b), 1, v);
    return fp ? spv_op(s, SpvOpBitcast, type_of(c, t), 1, v) : v;
}

/* Emulation: everybody's value, then reads, then a barrier that keeps the next round from overwriting. */
static void emu_publish(struct ctx *c, uint32_t v, LLVMTypeRef t)
{
    uint32_t w[2];
    unsigned n = to_words(c, v, t, w);

    for (unsigned i = 0; i < n; i++)
        spv_void(&c->s, SpvOpStore, 2, scratch_at(c, i, iface_local_index(c)), w[i]);
    simd_scratch_barrier(c);
}

/* Value of lane @lane in this thread's group of @width lanes. */
static uint32_t emu_read(struct ctx *c, uint32_t lane, unsigned width, LLVMTypeRef t)
{
    struct spv *s = &c->s;
    uint32_t base = spv_and(s, iface_local_index(c), spv_u32(s, ~(width - 1))), w[2];
    uint32_t idx = spv_op(s, SpvOpBitwiseOr, u32t(c), 2, base, spv_and(s, lane, spv_u32(s, width - 1)));

    idx = spv_glsl(s, GLSLstd450UMin, u32t(c), 2, idx,
                   spv_op(s, SpvOpISub, u32t(c), 2, simd_total_threads(c), spv_u32(s, 1)));
    for (unsigned i = 0; i < (scalar_bits(c, t) == 64 ? 2 : 1); i++)
        w[i] = spv_op(s, SpvOpLoad, u32t(c), 1, scratch_at(c, i, idx));
    return from_words(c, w, t);
}

enum reduce { R_NONE, R_SUM, R_PRODUCT, R_MIN, R_MAX, R_AND, R_OR, R_XOR };

static uint32_t combine(struct ctx *c, enum reduce r, bool sg, LLVMTypeRef t, uint32_t a, uint32_t b)
{
    struct spv *s = &c->s;
    LLVMTypeKind k = LLVMGetTypeKind(t);
    bool fp = k != LLVMIntegerTypeKind;
    uint32_t ty = type_of(c, t), x;

    if (k == LLVMBFloatTypeKind) {
        uint32_t f = spv_type_float(s, 32);

        a = bf16_to_f32(c, a, 1);
        b = bf16_to_f32(c, b, 1);
        x = r == R_SUM       ? spv_op(s, SpvOpFAdd, f, 2, a, b)
            : r == R_PRODUCT ? spv_op(s, SpvOpFMul, f, 2, a, b)
                             : spv_glsl(s, r == R_MIN ? GLSLstd450NMin : GLSLstd450NMax, f, 2, a, b);
        return f32_to_bf16(c, x, 1);
    }
    switch (r) {
    case R_SUM:
        return spv_op(s, fp ? SpvOpFAdd : SpvOpIAdd, ty, 2, a, b);
    case R_PRODUCT:
        return spv_op(s, fp ? SpvOpFMul : SpvOpIMul, ty, 2, a, b);
    case R_MIN:
    case R_MAX:
        if (fp)
            return spv_glsl(s, r == R_MIN ? GLSLstd450NMin : GLSLstd450NMax, ty, 2, a, b);
        x = spv_op(s,
                   sg           ? (r == R_MIN ? SpvOpSLessThan : SpvOpSGreaterThan)
                   : r == R_MIN ? SpvOpULessThan
                                : SpvOpUGreaterThan,
                   spv_type_bool(s), 2, a, b);
        return spv_op(s, SpvOpSelect, ty, 3, x, a, b);
    case R_AND:
        return spv_op(s, SpvOpBitwiseAnd, ty, 2, a, b);
    case R_OR:
        return spv_op(s, SpvOpBitwiseOr, ty, 2, a, b);
    default:
        return spv_op(s, SpvOpBitwiseXor, ty, 2, a, b);
    }
}

static uint32_t identity(struct ctx *c, enum reduce r, bool sg, LLVMTypeRef t)
{
    struct spv *s = &c->s;
    LLVMTypeKind k = LLVMGetTypeKind(t);
    unsigned b = scalar_bits(c, t);
    uint64_t top = UINT64_C(1) << (b - 1), ones = b == 64 ? UINT64_MAX : (UINT64_C(1) << b) - 1;

    if (k == LLVMBFloatTypeKind)
        return spv_uint(s, 16, r == R_SUM ? 0 : r == R_PRODUCT ? 0x3f80 : r == R_MIN ? 0x7f80 : 0xff80);
    if (k != LLVMIntegerTypeKind)
        return spv_float(s, b, r == R_SUM ? 0 : r == R_PRODUCT ? 1 : r == R_MIN ? __builtin_inf() : -__builtin_inf());
    switch (r) {
    case R_PRODUCT:
        return spv_uint(s, b, 1);
    case R_MIN:
        return spv_uint(s, b, sg ? top - 1 : ones);
    case R_MAX:
        return spv_uint(s, b, sg ? top : 0);
    case R_AND:
        return spv_uint(s, b, ones);
    default:
        return spv_uint(s, b, 0);
    }
}

static SpvOp native_reduce(enum reduce r, bool fp, bool sg)
{
    switch (r) {
    case R_SUM:
        return fp ? SpvOpGroupNonUniformFAdd : SpvOpGroupNonUniformIAdd;
    case R_PRODUCT:
        return fp ? SpvOpGroupNonUniformFMul : SpvOpGroupNonUniformIMul;
    case R_MIN:
        return fp ? SpvOpGroupNonUniformFMin : sg ? SpvOpGroupNonUniformSMin : SpvOpGroupNonUniformUMin;
    case R_MAX:
        return fp ? SpvOpGroupNonUniformFMax : sg ? SpvOpGroupNonUniformSMax : SpvOpGroupNonUniformUMax;
    case R_AND:
        return SpvOpGroupNonUniformBitwiseAnd;
    case R_OR:
        return SpvOpGroupNonUniformBitwiseOr;
    default:
        return SpvOpGroupNonUniformBitwiseXor;
    }
}

/* Types on which subgroup operations need features that the device lacks, or never exist: by way of 32-bit ones
 * instead.
 */
static bool narrow(struct ctx *c, LLVMTypeRef t)
{
    unsigned b = scalar_bits(c, t);

    return b == 1 || (b != 32 && !(c->opt->caps & AIR_CAP_SUBGROUP_EXTENDED)) ||
           (b == 64 && !(c->opt->caps & AIR_CAP_INT64));
}

/* Native shuffle (@lane: id) or broadcast from the first lane (@lane 0). */
static uint32_t move_native(struct ctx *c, uint32_t v, LLVMTypeRef t, uint32_t lane)
{
    struct spv *s = &c->s;
    bool by_words = narrow(c, t);
    uint32_t ty = by_words ? u32t(c) : type_of(c, t), o[2] = {v, 0};
    unsigned n = by_words ? to_words(c, v, t, o) : 1;

    spv_cap(s, lane ? SpvCapabilityGroupNonUniformShuffle : SpvCapabilityGroupNonUniformBallot);
    for (unsigned i = 0; i < n; i++)
        o[i] = lane ? spv_op(s, SpvOpGroupNonUniformShuffle, ty, 3, scope(c), o[i], lane)
                    : spv_op(s, SpvOpGroupNonUniformBroadcastFirst, ty, 2, scope(c), o[i]);
    return by_words ? from_words(c, o, t) : o[0];
}

static uint32_t lane_value(struct ctx *c, bool quad, uint32_t v, LLVMTypeRef t, uint32_t lane);
static uint32_t width_now(struct ctx *c, bool quad);

enum scan { SCAN_ALL, SCAN_INCLUSIVE, SCAN_EXCLUSIVE };

/* The subgroup operation itself; narrow values are widened for it, which rounds once where they are floats. */
static uint32_t reduce_native(struct ctx *c, enum reduce r, enum scan sc, bool sg, LLVMTypeRef t, uint32_t v)
{
    struct spv *s = &c->s;
    bool fp = LLVMGetTypeKind(t) != LLVMIntegerTypeKind, bf = LLVMGetTypeKind(t) == LLVMBFloatTypeKind;
    bool wide = bf || narrow(c, t);
    uint32_t ty = wide && !bf ? type_of(c, t) : 0, at = !wide ? type_of(c, t) : fp ? spv_type_float(s, 32) : u32t(c);

    if (wide)
        v = bf ? bf16_to_f32(c, v, 1) : spv_op(s, fp ? SpvOpFConvert : sg ? SpvOpSConvert : SpvOpUConvert, at, 1, v);
    spv_cap(s, SpvCapabilityGroupNonUniformArithmetic);
    v = spv_op(s, native_reduce(r, fp, sg), at, 3, scope(c),
               sc == SCAN_ALL         ? SpvGroupOperationReduce
               : sc == SCAN_INCLUSIVE ? SpvGroupOperationInclusiveScan
                                      : SpvGroupOperationExclusiveScan,
               v);
    if (!wide)
        return v;
    return bf ? f32_to_bf16(c, v, 1) : spv_op(s, fp ? SpvOpFConvert : SpvOpUConvert, ty, 1, v);
}

/*
 * A 64-bit reduction where the device has none. Sums: those of three parts, which no group is large enough to carry out
 * of. Bits: each half by itself. Else lane by lane, of those that take part.
 */
static uint32_t reduce_wide(struct ctx *c, enum reduce r, enum scan sc, bool sg, LLVMTypeRef t, uint32_t v)
{
    struct spv *s = &c->s;
    LLVMTypeRef word = LLVMInt32TypeInContext(c->lc);
    uint32_t u = u32t(c), b = spv_type_bool(s), ty = type_of(c, t), id = identity(c, r, sg, t), w[2], o[2], part, acc,
             mask, use;
    struct loop l;

    (void)to_words(c, v, t, w);
    if (r == R_SUM) {
        o[0] = reduce_native(c, r, sc, false, word, spv_and(s, w[0], spv_u32(s, 0xffff)));
        o[1] = reduce_native(c, r, sc, false, word, w[1]);
        v = from_words(c, o, t);
        part = reduce_native(c, r, sc, false, word, spv_shr(s, w[0], 16));
        o[0] = spv_op(s, SpvOpShiftLeftLogical, u, 2, part, spv_u32(s, 16));
        o[1] = spv_shr(s, part, 16);
        return spv_op(s, SpvOpIAdd, ty, 2, v, from_words(c, o, t));
    }
    if (r == R_AND || r == R_OR || r == R_XOR) {
        for (unsigned i = 0; i < 2; i++)
            o[i] = reduce_native(c, r, sc, false, word, w[i]);
        return from_words(c, o, t);
    }
    spv_cap(s, SpvCapabilityGroupNonUniformBallot);
    mask = spv_op(s, SpvOpGroupNonUniformBallot, spv_type_vec(s, u, 4), 2, scope(c), spv_bool(s, true));
    acc = spv_local(s, ty);
    spv_void(s, SpvOpStore, 2, acc, id);
    loop_begin(c, &l, width_now(c, false));
    use = spv_op(s, SpvOpGroupNonUniformBallotBitExtract, b, 3, scope(c), mask, l.i);
    if (sc != SCAN_ALL)
        use = spv_op(s, SpvOpLogicalAnd, b, 2, use,
                     spv_op(s, sc == SCAN_INCLUSIVE ? SpvOpULessThanEqual : SpvOpULessThan, b, 2, l.i, iface_lane(c)));
    v = spv_op(s, SpvOpSelect, ty, 3, use, move_native(c, v, t, l.i), id);
    spv_void(s, SpvOpStore, 2, acc, combine(c, r, sg, t, spv_op(s, SpvOpLoad, ty, 1, acc), v));
    loop_end(c, &l);
    return spv_op(s, SpvOpLoad, ty, 1, acc);
}

/*
 * A reduction over the quad by exchanging values. In a fragment function all four lanes count, helper threads too,
 * which the device's own operations may leave out; in a kernel those that have come here.
 */
static uint32_t reduce_quad(struct ctx *c, enum reduce r, enum scan sc, bool sg, LLVMTypeRef t, uint32_t v)
{
    struct spv *s = &c->s;
    uint32_t b = spv_type_bool(s), me = spv_and(s, iface_lane(c), spv_u32(s, 3)), id = identity(c, r, sg, t), sum = id,
             mask = 0;

    if (c->stage == AIR_STAGE_KERNEL) {
        spv_cap(s, SpvCapabilityGroupNonUniformBallot);
        mask = spv_op(s, SpvOpGroupNonUniformBallot, spv_type_vec(s, u32t(c), 4), 2, scope(c), spv_bool(s, true));
    } else if (sc == SCAN_ALL) { /* two exchange steps */
        for (unsigned m = 1; m <= 2; m <<= 1)
            v = combine(c, r, sg, t, v,
                        lane_value(c, true, v, t, spv_op(s, SpvOpBitwiseXor, u32t(c), 2, me, spv_u32(s, m))));
        return v;
    }
    for (unsigned i = 0; i < 4; i++) {
        uint32_t lane = spv_u32(s, i), x = lane_value(c, true, v, t, lane), use = 0;

        if (sc != SCAN_ALL)
            use = spv_op(s, sc == SCAN_INCLUSIVE ? SpvOpULessThanEqual : SpvOpULessThan, b, 2, lane, me);
        if (mask) {
            uint32_t on =
                spv_op(s, SpvOpGroupNonUniformBallotBitExtract, b, 3, scope(c), mask,
                       spv_op(s, SpvOpBitwiseOr, u32t(c), 2, spv_and(s, iface_lane(c), spv_u32(s, ~3u)), lane));

            use = use ? spv_op(s, SpvOpLogicalAnd, b, 2, use, on) : on;
        }
        sum = combine(c, r, sg, t, sum, spv_op(s, SpvOpSelect, type_of(c, t), 3, use, x, id));
    }
    return sum;
}

static uint32_t reduce_scalar(struct ctx *c, bool quad, enum reduce r, enum scan sc, bool sg, LLVMTypeRef t, uint32_t v)
{
    struct spv *s = &c->s;
    uint32_t ty = type_of(c, t), id = identity(c, r, sg, t);

    if (c->active)
        v = spv_op(s, SpvOpSelect, ty, 3, c->active, v, id);
    if (!c->emulate && !quad)
        return (scalar_bits(c, t) == 64 && narrow(c, t) ? reduce_wide : reduce_native)(c, r, sc, sg, t, v);
    if (quad && !c->emulate)
        return reduce_quad(c, r, sc, sg, t, v);
    unsigned width = quad ? 4 : c->guest_width ? c->guest_width : 32;
    uint32_t acc, me, b = spv_type_bool(s);

    emu_publish(c, v, t);
    acc = spv_local(s, ty);
    spv_void(s, SpvOpStore, 2, acc, id);
    me = spv_and(s, iface_local_index(c), spv_u32(s, width - 1));

    struct loop l;
    uint32_t base = spv_and(s, iface_local_index(c), spv_u32(s, ~(width - 1))), use;

    loop_begin(c, &l, spv_u32(s, width));
    /* lanes past the end of the workgroup do not exist */
    use = spv_op(s, SpvOpULessThan, b, 2, spv_iadd(s, base, l.i), simd_total_threads(c));
    if (sc != SCAN_ALL)
        use = spv_op(s, SpvOpLogicalAnd, b, 2, use,
                     spv_op(s, sc == SCAN_INCLUSIVE ? SpvOpULessThanEqual : SpvOpULessThan, b, 2, l.i, me));
    v = spv_op(s, SpvOpSelect, ty, 3, use, emu_read(c, l.i, width, t), id);
    spv_void(s, SpvOpStore, 2, acc, combine(c, r, sg, t, spv_op(s, SpvOpLoad, ty, 1, acc), v));
    loop_end(c, &l);
    simd_scratch_barrier(c);
    return spv_op(s, SpvOpLoad, ty, 1, acc);
}

/* Value of lane @lane (u32, any value; taken modulo the group) of the SIMD group or quad. */
static uint32_t lane_value(struct ctx *c, bool quad, uint32_t v, LLVMTypeRef t, uint32_t lane)
{
    struct spv *s = &c->s;
    uint32_t r;

    if (c->emulate) {
        emu_publish(c, v, t);
        r = emu_read(c, lane, quad ? 4 : c->guest_width, t);
        simd_scratch_barrier(c);
        return r;
    }
    if (quad)
        lane = spv_op(s, SpvOpBitwiseOr, u32t(c), 2, spv_and(s, iface_lane(c), spv_u32(s, ~3u)),
                      spv_and(s, lane, spv_u32(s, 3)));
    return move_native(c, v, t, lane);
}

static uint32_t width_now(struct ctx *c, bool quad)
{
    if (quad)
        return spv_u32(&c->s, 4);
    return c->guest_width ? spv_u32(&c->s, c->guest_width) : iface_load_builtin(c, SpvBuiltInSubgroupSize, u32t(c));
}

static uint32_t my_lane(struct ctx *c, bool quad)
{
    return quad ? spv_and(&c->s, iface_lane(c), spv_u32(&c->s, 3)) : iface_lane(c);
}

static bool do_barrier(struct ctx *c, struct call *k)
{
    uint64_t flags = k->n && LLVMIsAConstantInt(k->a[0]) ? LLVMConstIntGetZExtValue(k->a[0]) : 7;
    uint32_t sem = 0;
    bool simd = !strcmp(k->op, "simdgroup.barrier");

    if (!simd && strcmp(k->op, "wg.barrier"))
        return false;
    sem |= flags & 1 ? SpvMemorySemanticsUniformMemoryMask : 0;
    sem |= flags & 2 ? SpvMemorySemanticsWorkgroupMemoryMask : 0;
    sem |= flags & 4 ? SpvMemorySemanticsImageMemoryMask : 0;
    /* object data: the payload is memory of the workgroup (output semantics would take Vulkan's memory model) */
    if (flags & 16 && c->stage == AIR_STAGE_OBJECT)
        sem |= SpvMemorySemanticsWorkgroupMemoryMask;
    if (sem)
        sem |= SpvMemorySemanticsAcquireReleaseMask;
    if (c->stage == AIR_STAGE_FRAGMENT || c->stage == AIR_STAGE_VERTEX) {
        if (sem)
            spv_void(&c->s, SpvOpMemoryBarrier, 2, spv_u32(&c->s, SpvScopeSubgroup),
                     spv_u32(&c->s, sem & ~(uint32_t)SpvMemorySemanticsWorkgroupMemoryMask));
        return true;
    }
    if (simd && c->emulate) {
        simd_need_uniform(c, k);
        control_barrier(c, SpvScopeWorkgroup, sem ? sem : 0);
        return true;
    }
    control_barrier(c, simd ? SpvScopeSubgroup : SpvScopeWorkgroup, sem);
    return true;
}

static bool vote(struct ctx *c, struct call *k, const char *op, bool quad)
{
    struct spv *s = &c->s;
    uint32_t b = spv_type_bool(s), v, r;
    bool all = !strcmp(op, "all") || !strcmp(op, "vote_all"), any = !strcmp(op, "any") || !strcmp(op, "vote_any");

    if ((!all && !any) || k->n != 1)
        return false;
    v = arg_id(c, k, 0);
    if (scalar_bits(c, LLVMTypeOf(k->a[0])) != 1)
        v = spv_op(s, SpvOpINotEqual, b, 2, v, spv_null(s, type_of(c, LLVMTypeOf(k->a[0]))));
    if (c->active)
        v = all ? spv_op(s, SpvOpLogicalOr, b, 2, v, spv_op(s, SpvOpLogicalNot, b, 1, c->active))
                : spv_op(s, SpvOpLogicalAnd, b, 2, v, c->active);
    if (c->emulate || quad) {
        uint32_t w = spv_op(s, SpvOpSelect, u32t(c), 3, v, spv_u32(s, 1), spv_u32(s, 0));

        r = reduce_scalar(c, quad, all ? R_AND : R_OR, SCAN_ALL, false, LLVMInt32TypeInContext(c->lc), w);
        r = spv_op(s, SpvOpINotEqual, b, 2, spv_and(s, r, spv_u32(s, 1)), spv_u32(s, 0));
    } else {
        spv_cap(s, SpvCapabilityGroupNonUniformVote);
        r = spv_op(s, all ? SpvOpGroupNonUniformAll : SpvOpGroupNonUniformAny, b, 2, scope(c), v);
    }
    if (scalar_bits(c, k->ret) != 1)
        r = spv_op(s, SpvOpSelect, type_of(c, k->ret), 3, r, spv_uint(s, scalar_bits(c, k->ret), 1),
                   spv_uint(s, scalar_bits(c, k->ret), 0));
    set_value(c, k->inst, r);
    return true;
}

static bool ballot(struct ctx *c, struct call *k, const char *op, bool quad)
{
    struct spv *s = &c->s;
    uint32_t b = spv_type_bool(s), v, r, u4 = spv_type_vec(s, u32t(c), 4), lo, hi;
    bool mask = !strcmp(op, "active_threads_mask");
    unsigned bits;

    if (!mask && strcmp(op, "ballot"))
        return false;
    bits = scalar_bits(c, k->ret);
    v = mask ? spv_bool(s, true) : arg_id(c, k, 0);
    if (c->active)
        v = spv_op(s, SpvOpLogicalAnd, b, 2, v, c->active);
    if (c->emulate || quad) { /* of a quad: helper threads count, as in the other quad operations */
        uint32_t bit = spv_op(s, SpvOpShiftLeftLogical, u32t(c), 2, spv_u32(s, 1), my_lane(c, quad));

        lo = reduce_scalar(c, quad, R_OR, SCAN_ALL, false, LLVMInt32TypeInContext(c->lc),
                           spv_op(s, SpvOpSelect, u32t(c), 3, v, bit, spv_u32(s, 0)));
        hi = spv_u32(s, 0);
    } else {
        spv_cap(s, SpvCapabilityGroupNonUniformBallot);
        r = spv_op(s, SpvOpGroupNonUniformBallot, u4, 2, scope(c), v);
        lo = extract(c, r, u32t(c), 4, 0);
        hi = extract(c, r, u32t(c), 4, 1);
    }
    if (bits == 64) {
        uint32_t o[2] = {lo, hi};

        r = spv_op(s, SpvOpBitcast, spv_type_uint(s, 64), 1, construct(c, spv_type_vec(s, u32t(c), 2), o, 2));
    } else {
        r = bits == 32 ? lo : spv_op(s, SpvOpUConvert, type_of(c, k->ret), 1, lo);
    }
    set_value(c, k->inst, r);
    return true;
}

static enum reduce reduce_name(const char *op)
{
    static const struct {
        const char *n;
        enum reduce r;
    } t[] = {{"sum", R_SUM}, {"product", R_PRODUCT}, {"min", R_MIN}, {"max", R_MAX},
             {"and", R_AND}, {"or", R_OR},           {"xor", R_XOR}};

    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        if (!strcmp(op, t[i].n))
            return t[i].r;
    }
    return R_NONE;
}

/* Which lane's value does this one take, and in which case does it take the fill value instead? */
static bool shuffle_lane(struct ctx *c, struct call *k, const char *op, bool quad, uint32_t *lane, uint32_t *fill)
{
    struct spv *s = &c->s;
    uint32_t me, d, w, b = spv_type_bool(s);
    unsigned di = !strncmp(op, "shuffle_and_fill", 16) ? 2 : 1;

    *fill = 0;
    if (strncmp(op, "shuffle", 7) && strcmp(op, "broadcast"))
        return false;
    d = to_u32(c, arg_id(c, k, di), LLVMTypeOf(k->a[di]), false);
    me = my_lane(c, quad);
    w = width_now(c, quad);
    if (!strcmp(op, "shuffle") || !strcmp(op, "broadcast")) {
        *lane = d;
    } else if (!strcmp(op, "shuffle_xor")) {
        *lane = spv_op(s, SpvOpBitwiseXor, u32t(c), 2, me, d);
    } else if (!strcmp(op, "shuffle_up") || !strcmp(op, "shuffle_down")) {
        uint32_t t = spv_op(s, op[8] == 'u' ? SpvOpISub : SpvOpIAdd, u32t(c), 2, me, d);

        /* past the end: its own value */
        *lane = spv_op(s, SpvOpSelect, u32t(c), 3, spv_op(s, SpvOpULessThan, b, 2, t, w), t, me);
    } else if (!strncmp(op, "shuffle_rotate", 14)) {
        uint32_t t = spv_op(s, strstr(op, "up") ? SpvOpISub : SpvOpIAdd, u32t(c), 2, me, d);

        *lane = spv_op(s, SpvOpBitwiseAnd, u32t(c), 2, t, spv_op(s, SpvOpISub, u32t(c), 2, w, spv_u32(s, 1)));
    } else if (di == 2) {
        bool up = strstr(op, "up") != NULL;
        uint32_t m = k->n > 3 ? to_u32(c, arg_id(c, k, 3), LLVMTypeOf(k->a[3]), false) : w, in, t;

        /* Groups of m lanes: values move within a group, and the fill data's lanes come in at its end. */
        in = spv_op(s, SpvOpUMod, u32t(c), 2, me, m);
        t = spv_op(s, up ? SpvOpISub : SpvOpIAdd, u32t(c), 2, in, d);
        *fill = spv_op(s, SpvOpUGreaterThanEqual, b, 2, t, m);
        t = spv_op(s, SpvOpSelect, u32t(c), 3, *fill, spv_op(s, up ? SpvOpIAdd : SpvOpISub, u32t(c), 2, t, m), t);
        *lane = spv_op(s, SpvOpIAdd, u32t(c), 2, spv_op(s, SpvOpISub, u32t(c), 2, me, in), t);
    } else {
        return false;
    }
    return true;
}

/* The first lane that takes part, where the device cannot tell (of a quad: helper threads count, too). */
static uint32_t first_lane(struct ctx *c, bool quad)
{
    if (c->emulate ? !c->active : !quad || c->stage != AIR_STAGE_KERNEL)
        return spv_u32(&c->s, 0);
    return reduce_scalar(c, quad, R_MIN, SCAN_ALL, false, LLVMInt32TypeInContext(c->lc), my_lane(c, quad));
}

static bool over_lanes(struct ctx *c, struct call *k, const char *op, bool quad)
{
    struct spv *s = &c->s;
    LLVMTypeRef t, e;
    enum scan sc = SCAN_ALL;
    enum reduce r;
    unsigned n;
    uint32_t v, out[4], ty, lane = 0, fill = 0, f2 = 0;
    bool first = !strcmp(op, "broadcast_first");

    if (!strncmp(op, "prefix_inclusive_", 17)) {
        sc = SCAN_INCLUSIVE;
        op += 17;
    } else if (!strncmp(op, "prefix_exclusive_", 17)) {
        sc = SCAN_EXCLUSIVE;
        op += 17;
    }
    r = reduce_name(op);
    if (!k->n || (!r && !first && strncmp(op, "shuffle", 7) && strcmp(op, "broadcast")))
        return false;
    t = LLVMTypeOf(k->a[0]);
    e = elem_type(t);
    n = vec_len(t);
    if (n > 4 || k->ret != t || (r && scalar_bits(c, e) == 1))
        return false;
    v = arg_id(c, k, 0);
    ty = type_of(c, e);
    if (!r && !first && !shuffle_lane(c, k, op, quad, &lane, &fill))
        return false;
    if (first && (c->emulate || quad))
        lane = first_lane(c, quad);
    if (fill)
        f2 = arg_id(c, k, 1);
    for (unsigned i = 0; i < n; i++) {
        uint32_t x = extract(c, v, ty, n, i);

        if (r) {
            out[i] = reduce_scalar(c, quad, r, sc, k->sign == 's', e, x);
        } else if (first && !c->emulate && !quad) {
            out[i] = move_native(c, x, e, 0);
        } else {
            out[i] = lane_value(c, quad, x, e, lane);
            if (fill)
                out[i] =
                    spv_op(s, SpvOpSelect, ty, 3, fill, lane_value(c, quad, extract(c, f2, ty, n, i), e, lane), out[i]);
        }
    }
    set_value(c, k->inst, construct(c, type_of(c, t), out, n));
    return true;
}

/*
 * Which pixels share a SIMD group is undefined in Metal, too, so in a fragment function the device's own width will do
 * -- unless the function names a lane or a distance that only 32 lanes have.
 */
static void need_lanes(struct ctx *c, struct call *k, const char *op)
{
    unsigned at = !strncmp(op, "shuffle_and_fill", 16) ? 2 : 1;
    LLVMValueRef lane = k->n > at ? k->a[at] : NULL;

    if (c->emulate || !c->opt->simd_width || c->opt->simd_width >= 32 || !lane ||
        (strncmp(op, "shuffle", 7) && strcmp(op, "broadcast")))
        return;
    if (!LLVMIsAConstantInt(lane) || LLVMConstIntGetZExtValue(lane) >= c->opt->simd_width)
        air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "air.%.60s: a lane that a SIMD group of %u may not have", k->name,
                 c->opt->simd_width);
}

bool intr_simd(struct ctx *c, struct call *k)
{
    struct spv *s = &c->s;
    bool quad = !strncmp(k->op, "quad_", 5);
    const char *op = k->op + 5;

    if (do_barrier(c, k))
        return true;
    if (!strcmp(k->op, "get_simdgroup_size")) /* without a prefix, too */
        op = k->op;
    else if (strncmp(k->op, "simd_", 5) && !quad)
        return false;
    if (!strcmp(op, "get_simdgroup_size") || !strcmp(op, "get_threads_per_simdgroup")) {
        uint32_t w = width_now(c, false);

        set_value(c, k->inst, scalar_bits(c, k->ret) == 32 ? w : spv_op(s, SpvOpUConvert, type_of(c, k->ret), 1, w));
        return true;
    }
    c->h.flags |= AIR_REFLECT_SIMD;
    if (c->stage != AIR_STAGE_KERNEL && c->emulate)
        air_fail(c, AIR_REFUSE_SIMD_DIVERGENT, "air.%.60s outside a kernel cannot be emulated", k->name);
    if (c->emulate)
        simd_need_uniform(c, k);
    else
        spv_cap(s, SpvCapabilityGroupNonUniform);
    if (!strcmp(op, "is_first")) {
        uint32_t b = spv_type_bool(s), r;

        if (c->emulate || quad)
            r = spv_op(s, SpvOpIEqual, b, 2, my_lane(c, quad), first_lane(c, quad));
        else
            r = spv_op(s, SpvOpGroupNonUniformElect, b, 1, scope(c));

        if (scalar_bits(c, k->ret) != 1)
            r = spv_op(s, SpvOpSelect, type_of(c, k->ret), 3, r, spv_uint(s, scalar_bits(c, k->ret), 1),
                       spv_uint(s, scalar_bits(c, k->ret), 0));
        set_value(c, k->inst, r);
        return true;
    }
    if (!quad)
        need_lanes(c, k, op);
    return vote(c, k, op, quad) || ballot(c, k, op, quad) || over_lanes(c, k, op, quad);
}
