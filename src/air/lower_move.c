/* SPDX-License-Identifier: MIT */
/*
 * Values that move and change their look on devices that lack their types (see lower.c): loads and stores, parts of
 * vectors and aggregates, shuffles, bitcasts, conversions to types that stay.
 */
#include "lower.h"

#include <string.h>

void low_copy(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o, size_t n)
{
    low_emit(l, op, l->val[type], id, o, n);
}

static void load(struct lower *l, uint32_t type, uint32_t id, const uint32_t *o, size_t n)
{
    const struct low_type *p = low_of(l, o[0]);
    struct spv *s = l->s;

    if (low_info(l, type)->cls != LOW_NARROW || !low_laid_out(p->sc)) {
        low_copy(l, SpvOpLoad, type, id, o, n);
        return;
    }
    low_emit(l, SpvOpUConvert, l->val[type], id, (const uint32_t[]){spv_opv(s, SpvOpLoad, low_mem_type(l, type), o, n)},
             1);
}

void low_store(struct lower *l, const uint32_t *o, size_t n)
{
    const struct low_type *p = low_of(l, o[0]), *v = low_of(l, o[1]);
    uint32_t q[8];

    if (n > 8)
        low_fail(l, SpvOpStore, v->cls);
    memcpy(q, o, n * sizeof(*q));
    if (v->cls == LOW_NARROW && low_laid_out(p->sc))
        q[1] = spv_op(l->s, SpvOpUConvert, low_mem_type(l, l->of[o[1]]), 1, o[1]);
    spv_raw(l->s, l->s->out, SpvOpStore, q, n);
}

/* Type that an index steps to. */
static uint32_t member(const struct lower *l, uint32_t type, uint32_t index)
{
    const struct low_type *t = low_info(l, type);

    if (t->op == SpvOpTypeStruct)
        return index < (l->types.v[t->at] >> 16) - 2 ? l->types.v[t->at + 2 + index] : 0;
    return t->elem;
}

/* Does a path of @n literal indices from @type end in a component of a wide vector? */
static bool ends_in_wide(const struct lower *l, uint32_t type, const uint32_t *idx, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        type = member(l, type, idx[i]);
    return n && low_info(l, type)->op == SpvOpTypeVector && low_info(l, type)->cls == LOW_WIDE;
}

static void composite_extract(struct lower *l, uint32_t type, uint32_t id, const uint32_t *o, size_t n)
{
    struct spv *s = l->s;
    uint32_t k = o[n - 1], u = low_uint(l, 1), vt = l->of[o[0]], vec = o[0];
    struct pair p;

    if (!ends_in_wide(l, vt, o + 1, n - 1)) {
        low_copy(l, SpvOpCompositeExtract, type, id, o, n);
        return;
    }
    if (n == 2) {
        p = low_split(l, vec);
    } else {
        for (size_t i = 1; i + 1 < n; i++)
            vt = member(l, vt, o[i]);
        vec = spv_opv(s, SpvOpCompositeExtract, l->val[vt], o, n - 1);
        u = low_uint(l, low_info(l, vt)->n);
        p.lo = spv_op(s, SpvOpCompositeExtract, u, 2, vec, 0u);
        p.hi = spv_op(s, SpvOpCompositeExtract, u, 2, vec, 1u);
        u = low_uint(l, 1);
    }
    p.lo = spv_op(s, SpvOpCompositeExtract, u, 2, p.lo, k);
    p.hi = spv_op(s, SpvOpCompositeExtract, u, 2, p.hi, k);
    low_set_pair(l, id, 1, p);
}

static void composite_insert(struct lower *l, uint32_t type, uint32_t id, const uint32_t *o, size_t n)
{
    struct spv *s = l->s;
    struct pair p, x;
    unsigned k;
    uint32_t v;

    if (!ends_in_wide(l, type, o + 2, n - 2)) {
        low_copy(l, SpvOpCompositeInsert, type, id, o, n);
        return;
    }
    if (n != 3)
        low_fail(l, SpvOpCompositeInsert, LOW_WIDE);
    k = low_info(l, type)->n;
    v = low_uint(l, k);
    x = low_split(l, o[0]);
    p = low_split(l, o[1]);
    p.lo = spv_op(s, SpvOpCompositeInsert, v, 3, x.lo, p.lo, o[2]);
    p.hi = spv_op(s, SpvOpCompositeInsert, v, 3, x.hi, p.hi, o[2]);
    low_set_pair(l, id, k, p);
}

/* One instruction on both halves; @from..@to are the operands that are wide. */
static void on_halves(struct lower *l, SpvOp op, const struct low_type *t, uint32_t id, const uint32_t *o, size_t n,
                      size_t from, size_t to)
{
    struct spv *s = l->s;
    uint32_t lo[16], hi[16], v = low_uint(l, t->n);

    if (n > 16)
        low_fail(l, op, LOW_WIDE);
    memcpy(lo, o, n * sizeof(*o));
    memcpy(hi, o, n * sizeof(*o));
    for (size_t i = from; i < to && i < n; i++) {
        struct pair p = low_split(l, o[i]);

        lo[i] = p.lo;
        hi[i] = p.hi;
    }
    low_set_pair(l, id, t->n, (struct pair){spv_opv(s, op, v, lo, n), spv_opv(s, op, v, hi, n)});
}

/* Values that only move. */
bool low_moves(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o, size_t n)
{
    const struct low_type *t = low_info(l, type);
    size_t from = 0, to = 0; /* operands that are as wide as the result */

    switch (op) {
    case SpvOpLoad:
        load(l, type, id, o, n);
        return true;
    case SpvOpCompositeExtract:
        composite_extract(l, type, id, o, n);
        return true;
    case SpvOpCompositeInsert:
        composite_insert(l, type, id, o, n);
        return true;
    case SpvOpAccessChain:
        for (size_t i = 0; i < n; i++) {
            if (low_class_of(l, o[i]))
                low_fail(l, op, low_class_of(l, o[i]));
        }
        low_copy(l, op, type, id, o, n);
        return true;
    case SpvOpCompositeConstruct:
    case SpvOpVectorShuffle:
    case SpvOpVectorInsertDynamic:
        to = op == SpvOpCompositeConstruct ? n : 2;
        break;
    case SpvOpVectorExtractDynamic:
        to = 1;
        break;
    case SpvOpSelect:
        from = 1;
        to = 3;
        break;
    case SpvOpGroupNonUniformShuffle:
    case SpvOpGroupNonUniformBroadcastFirst:
        from = 1;
        to = 2;
        break;
    case SpvOpGroupNonUniformBitwiseAnd:
    case SpvOpGroupNonUniformBitwiseOr:
    case SpvOpGroupNonUniformBitwiseXor:
        from = 2;
        to = 3;
        break;
    case SpvOpCopyObject:
    case SpvOpUndef:
    case SpvOpVariable:
    case SpvOpFunctionParameter:
    case SpvOpFunctionCall:
        low_copy(l, op, type, id, o, n);
        return true;
    default:
        return false;
    }
    if (t->cls == LOW_WIDE)
        on_halves(l, op, t, id, o, n, from, to);
    else
        low_copy(l, op, type, id, o, n);
    return true;
}

/* ---- bitcast: by way of 32-bit words wherever the components differ ---- */

/* Scalar or vector of floats? */
static bool is_float(const struct lower *l, uint32_t type)
{
    const struct low_type *t = low_info(l, type);

    return (t->op == SpvOpTypeVector ? low_info(l, t->elem) : t)->op == SpvOpTypeFloat;
}

/* Components of @id as raw bits in words, 64-bit ones as two; returns the bits of each. */
static unsigned raw_parts(struct lower *l, uint32_t id, uint32_t *out, unsigned *count)
{
    struct spv *s = l->s;
    const struct low_type *t = low_of(l, id);
    uint32_t u = low_uint(l, 1), u2 = low_uint(l, 2), e = l->val[t->n > 1 ? t->elem : l->of[id]];
    struct pair p = {0};

    *count = t->bits == 64 ? t->n * 2u : t->n;
    if (t->cls == LOW_WIDE)
        p = low_split(l, id);
    for (unsigned i = 0; i < t->n; i++) {
        uint32_t v;

        if (t->cls == LOW_WIDE) {
            out[2 * i] = low_part(l, p.lo, u, t->n, i);
            out[2 * i + 1] = low_part(l, p.hi, u, t->n, i);
            continue;
        }
        v = low_part(l, id, e, t->n, i);
        if (t->bits == 32 && is_float(l, l->of[id]))
            v = spv_op(s, SpvOpBitcast, u, 1, v);
        else if (t->cls == LOW_HALF) {
            v = low_call(l, LOW_FN_HALF_BITS, &v, 1);
        } else if (t->bits == 64) {
            v = spv_op(s, SpvOpBitcast, u2, 1, v);
            out[2 * i] = low_part(l, v, u, 2, 0);
            out[2 * i + 1] = low_part(l, v, u, 2, 1);
            continue;
        } else if (t->cls == LOW_NONE && t->bits < 32) {
            v = is_float(l, l->of[id]) /* a half the device has: it may have no 16-bit integers */
                    ? spv_op(s, SpvOpBitcast, u, 1,
                             spv_op(s, SpvOpCompositeConstruct, spv_type_vec(s, e, 2), 2, v, spv_null(s, e)))
                    : spv_op(s, SpvOpUConvert, u, 1, v);
        }
        out[i] = v;
    }
    return t->bits == 64 ? 32 : t->bits;
}

/* @n words that hold a part of @have bits each as parts of @want bits each. */
static void regroup(struct lower *l, const uint32_t *w, unsigned have, uint32_t *out, unsigned want, unsigned m)
{
    struct spv *s = l->s;
    uint32_t u = low_uint(l, 1);

    for (unsigned i = 0; i < m; i++) {
        if (have < want) {
            unsigned per = want / have;

            out[i] = w[i * per];
            for (unsigned j = 1; j < per; j++)
                out[i] = spv_op(s, SpvOpBitwiseOr, u, 2, out[i],
                                spv_op(s, SpvOpShiftLeftLogical, u, 2, w[i * per + j], spv_u32(s, j * have)));
        } else {
            unsigned per = have / want;

            out[i] = spv_shr(s, w[i / per], i % per * want);
            if (per > 1)
                out[i] = spv_and(s, out[i], spv_u32(s, (1u << want) - 1));
        }
    }
}

static void bitcast(struct lower *l, uint32_t type, uint32_t id, uint32_t x)
{
    struct spv *s = l->s;
    const struct low_type *t = low_info(l, type), *f = low_of(l, x);
    uint32_t w[16], out[16], elem = t->n > 1 ? t->elem : type, pair[2][4];
    unsigned n, have, want = t->bits == 64 ? 32 : t->bits, m = t->bits == 64 ? t->n * 2u : t->n;

    if (t->cls == LOW_NONE && f->cls == LOW_NONE) {
        low_copy(l, SpvOpBitcast, type, id, &x, 1);
        return;
    }
    if (!t->bits || !f->bits || t->n * t->bits != f->n * f->bits)
        low_fail(l, SpvOpBitcast, f->cls ? f->cls : t->cls);
    have = raw_parts(l, x, w, &n);
    regroup(l, w, have, out, want, m);
    for (unsigned i = 0; i < t->n; i++) {
        if (t->cls == LOW_WIDE) {
            pair[0][i] = out[2 * i];
            pair[1][i] = out[2 * i + 1];
        } else if (t->cls == LOW_HALF) {
            out[i] = low_call(l, LOW_FN_BITS_HALF, &out[i], 1);
        } else if (t->bits == 64) {
            out[i] = spv_op(s, SpvOpBitcast, l->val[elem], 1,
                            spv_opv(s, SpvOpCompositeConstruct, low_uint(l, 2), &out[2 * i], 2));
        } else if (t->cls == LOW_NONE && t->bits < 32) {
            uint32_t e = l->val[elem];

            out[i] = is_float(l, elem) ? spv_op(s, SpvOpCompositeExtract, e, 2,
                                                spv_op(s, SpvOpBitcast, spv_type_vec(s, e, 2), 1, out[i]), 0u)
                                       : spv_op(s, SpvOpUConvert, e, 1, out[i]);
        } else if (t->cls == LOW_NONE && is_float(l, elem)) {
            out[i] = spv_op(s, SpvOpBitcast, l->val[elem], 1, out[i]);
        }
    }
    if (t->cls != LOW_WIDE) {
        low_join(l, l->val[type], id, out, t->n);
        return;
    }
    for (unsigned i = 0; i < 2; i++)
        w[i] = t->n == 1 ? pair[i][0] : spv_opv(s, SpvOpCompositeConstruct, low_uint(l, t->n), pair[i], t->n);
    low_set_pair(l, id, t->n, (struct pair){w[0], w[1]});
}

/* ---- conversions to a type that stays ---- */

bool low_conversion(struct lower *l, SpvOp op, uint32_t type, uint32_t id, uint32_t x)
{
    struct spv *s = l->s;
    const struct low_type *t = low_info(l, type), *f = low_of(l, x);
    uint32_t parts[4];

    switch (op) {
    case SpvOpBitcast:
        bitcast(l, type, id, x);
        return true;
    case SpvOpConvertUToPtr: /* two words make an address as well as one of 64 bits */
        if (f->cls != LOW_WIDE)
            return false;
        low_copy(l, SpvOpBitcast, type, id, &x, 1);
        return true;
    case SpvOpFConvert:
        if (f->cls != LOW_HALF)
            return false;
        low_emit(l, SpvOpCopyObject, l->val[type], id, &x, 1);
        return true;
    case SpvOpUConvert:
    case SpvOpSConvert:
        if (f->cls == LOW_WIDE)
            x = low_split(l, x).lo;
        else if (f->cls == LOW_NARROW && op == SpvOpSConvert)
            x = low_sext(l, x);
        else if (f->cls == LOW_NONE)
            return false;
        low_emit(l, t->bits == 32 ? SpvOpCopyObject : op, l->val[type], id, &x, 1);
        return true;
    case SpvOpConvertSToF:
    case SpvOpConvertUToF:
        if (f->cls == LOW_NONE)
            return false;
        if (!low_int_to_float(l, op, f->n, x, parts))
            return false;
        if (t->bits != 32) {
            for (unsigned i = 0; i < t->n; i++)
                parts[i] = spv_op(s, SpvOpFConvert, l->val[t->n > 1 ? t->elem : type], 1, parts[i]);
        }
        low_join(l, l->val[type], id, parts, t->n);
        return true;
    case SpvOpConvertFToS:
    case SpvOpConvertFToU:
        low_copy(l, op, type, id, &x, 1);
        return true;
    default:
        return false;
    }
}
