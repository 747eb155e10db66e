/* SPDX-License-Identifier: MIT */
/*
 * Fallback for devices without 8-, 16- or 64-bit integers or half floats (air 4.3): one pass over the finished module
 * that gives every value of such a type another form and every instruction on it the arithmetic of that form. The rest
 * of the compiler writes SPIR-V as if the device had them all; only how memory is reached (units of loads and stores,
 * arrays of shared memory) is decided before, in mem.c.
 *
 * Ids stay: a value, constant or variable keeps its id and gets another type, so that debug names, interfaces and
 * operands need no change. Types are made anew, because different ones may fall together. Buffers keep narrow elements
 * where the device can load and store them (8- and 16-bit storage without arithmetic): converted at the access.
 *
 * An instruction on a lost type that has no rule is refused by name. None is written: 64-bit atomics are refused before
 * (air 3.7), and 64-bit reductions over a SIMD group are made of 32-bit ones (air 3.9).
 */
#include "lower.h"

#include <string.h>

#include "base/half.h"

void low_fail(struct lower *l, SpvOp op, enum low_class cls)
{
    air_fail(l->c, AIR_REFUSE_DEVICE_FEATURE, "SPIR-V operation %u has no fallback on a device without %s",
             (unsigned)op,
             cls == LOW_WIDE   ? "64-bit integers"
             : cls == LOW_HALF ? "16-bit floats"
                               : "8- or 16-bit integers");
}

/* ---- small makers ---- */

uint32_t low_uint(struct lower *l, unsigned n)
{
    return spv_type_vec(l->s, spv_type_uint(l->s, 32), n);
}

uint32_t low_float(struct lower *l, unsigned n)
{
    return spv_type_vec(l->s, spv_type_float(l->s, 32), n);
}

uint32_t low_bool(struct lower *l, unsigned n)
{
    return spv_type_vec(l->s, spv_type_bool(l->s), n);
}

uint32_t low_k(struct lower *l, unsigned n, uint32_t v)
{
    uint32_t k = spv_u32(l->s, v), o[4] = {k, k, k, k};

    return n == 1 ? k : spv_const(l->s, low_uint(l, n), SpvOpConstantComposite, o, n);
}

uint32_t low_pair_type(struct lower *l, unsigned n)
{
    uint32_t v = low_uint(l, n);

    return n == 1 ? low_uint(l, 2) : spv_type(l->s, SpvOpTypeStruct, 2, v, v);
}

uint32_t low_part(struct lower *l, uint32_t id, uint32_t elem, unsigned n, unsigned i)
{
    return n == 1 ? id : spv_op(l->s, SpvOpCompositeExtract, elem, 2, id, i);
}

void low_emit(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o, size_t n)
{
    struct spv *s = l->s;

    words_push(s, s->out, (uint32_t)op | (uint32_t)(n + 3) << 16);
    words_push(s, s->out, type);
    words_push(s, s->out, id);
    for (size_t i = 0; i < n; i++)
        words_push(s, s->out, o[i]);
}

void low_join(struct lower *l, uint32_t type, uint32_t id, const uint32_t *parts, unsigned n)
{
    low_emit(l, n == 1 ? SpvOpCopyObject : SpvOpCompositeConstruct, type, id, parts, n);
}

const struct low_type *low_info(const struct lower *l, uint32_t type)
{
    static const struct low_type none = {.n = 1};

    return type < l->bound ? &l->type[type] : &none;
}

const struct low_type *low_of(const struct lower *l, uint32_t id)
{
    return low_info(l, id < l->bound ? l->of[id] : 0);
}

enum low_class low_class_of(const struct lower *l, uint32_t id)
{
    return low_of(l, id)->cls;
}

struct pair low_split(struct lower *l, uint32_t id)
{
    unsigned n = low_of(l, id)->n;
    uint32_t t = low_uint(l, n);

    if (id < l->bound && l->lo[id])
        return (struct pair){l->lo[id], l->hi[id]};
    return (struct pair){spv_op(l->s, SpvOpCompositeExtract, t, 2, id, 0u),
                         spv_op(l->s, SpvOpCompositeExtract, t, 2, id, 1u)};
}

void low_set_pair(struct lower *l, uint32_t id, unsigned n, struct pair p)
{
    low_emit(l, SpvOpCompositeConstruct, low_pair_type(l, n), id, (const uint32_t[]){p.lo, p.hi}, 2);
    l->lo[id] = p.lo; /* a definition dominates every use */
    l->hi[id] = p.hi;
}

uint32_t low_call(struct lower *l, enum low_fn f, const uint32_t *args, unsigned n)
{
    uint32_t o[4], ret;

    if (!l->fn[f])
        l->fn[f] = spv_id(l->s);
    ret = f == LOW_FN_HALF_BITS   ? low_uint(l, 1)
          : f == LOW_FN_UDIVMOD   ? low_uint(l, 4)
          : f == LOW_FN_FLOAT_U64 ? low_uint(l, 2)
                                  : low_float(l, 1);
    o[0] = l->fn[f];
    memcpy(o + 1, args, n * sizeof(*o));
    return spv_opv(l->s, SpvOpFunctionCall, ret, o, n + 1);
}

/* ---- types ---- */

bool low_laid_out(uint32_t sc)
{
    return sc == SpvStorageClassStorageBuffer || sc == SpvStorageClassUniform || sc == SpvStorageClassPushConstant ||
           sc == SpvStorageClassPhysicalStorageBuffer;
}

/* Form of an old type in memory that others read: narrow elements stay, a 64-bit one is two words. */
uint32_t low_mem_type(struct lower *l, uint32_t old)
{
    struct low_type *t = &l->type[old];

    switch (t->cls) {
    case LOW_NARROW:
        if (t->n > 1)
            low_fail(l, SpvOpTypeVector, t->cls);
        if (!l->mem[old])
            l->mem[old] = spv_intern_as(l->s, SpvOpTypeInt, 0, old, (const uint32_t[]){t->bits, 0}, 2);
        return l->mem[old];
    case LOW_WIDE:
        if (t->n > 1)
            low_fail(l, SpvOpTypeVector, t->cls);
        return l->val[old];
    case LOW_HALF:
        low_fail(l, SpvOpTypeFloat, t->cls);
    default:
        return l->val[old];
    }
}

static void one_type(struct lower *l, SpvOp op, const uint32_t *w, size_t n)
{
    struct spv *s = l->s;
    uint32_t id = w[1], *o;
    struct low_type *t = &l->type[id];
    size_t k = n - 2;

    t->op = op;
    t->n = 1;
    t->at = (size_t)(w - l->types.v);
    switch (op) {
    case SpvOpTypeInt:
        t->bits = (uint8_t)w[2];
        if ((w[2] == 8 && l->narrow8) || (w[2] == 16 && l->narrow16)) {
            t->cls = LOW_NARROW;
            l->val[id] = low_uint(l, 1);
            return;
        }
        if (w[2] == 64 && l->wide) {
            t->cls = LOW_WIDE;
            l->val[id] = low_pair_type(l, 1);
            return;
        }
        break;
    case SpvOpTypeFloat:
        t->bits = (uint8_t)w[2];
        if (w[2] == 16 && l->half) {
            t->cls = LOW_HALF;
            l->val[id] = low_float(l, 1);
            return;
        }
        break;
    case SpvOpTypeVector:
        t->elem = w[2];
        t->n = (uint8_t)w[3];
        t->bits = l->type[w[2]].bits;
        t->cls = l->type[w[2]].cls;
        l->val[id] = t->cls == LOW_WIDE ? low_pair_type(l, t->n)
                                        : spv_intern_as(s, op, 0, id, (const uint32_t[]){l->val[w[2]], w[3]}, 2);
        return;
    case SpvOpTypePointer:
        t->sc = w[2];
        t->elem = w[3];
        l->val[id] = spv_intern_as(
            s, op, 0, id, (const uint32_t[]){w[2], low_laid_out(w[2]) ? low_mem_type(l, w[3]) : l->val[w[3]]}, 2);
        return;
    case SpvOpTypeArray:
    case SpvOpTypeRuntimeArray:
    case SpvOpTypeStruct:
        /* Aggregates keep their id: some carry decorations, and equal ones may exist side by side. */
        t->elem = op == SpvOpTypeStruct ? 0 : w[2];
        o = air_alloc(l->c, n * sizeof(*o));
        o[0] = l->val[id] = id;
        for (size_t i = 2; i < n; i++) {
            bool type = op == SpvOpTypeStruct || i == 2, mem = t->memory || op == SpvOpTypeRuntimeArray;

            o[i - 1] = !type ? w[i] : mem ? low_mem_type(l, w[i]) : l->val[w[i]];
        }
        spv_raw(s, &s->types, op, o, n - 1);
        return;
    case SpvOpTypeImage:
    case SpvOpTypeSampledImage:
    case SpvOpTypeFunction:
        o = air_alloc(l->c, n * sizeof(*o));
        for (size_t i = 0; i < k; i++)
            o[i] = i == 0 || op == SpvOpTypeFunction ? l->val[w[2 + i]] : w[2 + i];
        l->val[id] = spv_intern_as(s, op, 0, id, o, k);
        return;
    default:
        break;
    }
    l->val[id] = spv_intern_as(s, op, 0, id, w + 2, k);
}

/* Constants keep their id even where an equal one exists already. */
static void put_const(struct lower *l, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o, size_t n)
{
    struct spv *s = l->s;
    struct words *out = s->out;

    if (spv_intern_as(s, op, type, id, o, n) == id)
        return;
    s->out = &s->types;
    low_emit(l, op, type, id, o, n);
    s->out = out;
}

static void one_constant(struct lower *l, SpvOp op, const uint32_t *w, size_t n)
{
    struct spv *s = l->s;
    uint32_t id = w[2];
    const struct low_type *t = low_info(l, w[1]);

    l->of[id] = w[1];
    if (t->cls == LOW_WIDE) {
        uint32_t lo[4] = {0}, hi[4] = {0}, type = low_uint(l, t->n);

        if (op == SpvOpConstant)
            l->bits[id] = w[3] | (uint64_t)w[4] << 32;
        for (unsigned i = 0; i < t->n; i++) {
            uint64_t v = l->bits[op == SpvOpConstantComposite ? w[3 + i] : id];

            lo[i] = spv_u32(s, (uint32_t)v);
            hi[i] = spv_u32(s, (uint32_t)(v >> 32));
        }
        l->lo[id] = t->n == 1 ? lo[0] : spv_const(s, type, SpvOpConstantComposite, lo, t->n);
        l->hi[id] = t->n == 1 ? hi[0] : spv_const(s, type, SpvOpConstantComposite, hi, t->n);
        put_const(l, SpvOpConstantComposite, l->val[w[1]], id, (const uint32_t[]){l->lo[id], l->hi[id]}, 2);
        return;
    }
    if (t->cls == LOW_HALF && op == SpvOpConstant) {
        float f = half_to_float((uint16_t)w[3]);
        uint32_t bits;

        memcpy(&bits, &f, 4);
        put_const(l, op, l->val[w[1]], id, &bits, 1);
        return;
    }
    put_const(l, op, l->val[w[1]], id, w + 3, n - 3);
}

static void types(struct lower *l)
{
    struct spv *s = l->s;
    const struct words *d = &s->decor;

    for (size_t i = 0; i < d->n; i += d->v[i] >> 16) {
        if ((d->v[i] & 0xffff) == SpvOpDecorate && d->v[i + 2] == SpvDecorationBlock)
            l->type[d->v[i + 1]].memory = true;
    }
    for (size_t i = 0, n; i < l->types.n; i += n) {
        const uint32_t *w = l->types.v + i;
        SpvOp op = (SpvOp)(w[0] & 0xffff);

        n = w[0] >> 16;
        switch (op) {
        case SpvOpVariable:
            l->of[w[2]] = w[1];
            spv_raw(s, &s->types, op, (const uint32_t[]){l->val[w[1]], w[2], w[3], n > 4 ? w[4] : 0}, n - 1);
            break;
        case SpvOpSpecConstant:
        case SpvOpSpecConstantOp:
            l->of[w[2]] = w[1];
            s->out = &s->types;
            low_emit(l, op, l->val[w[1]], w[2], w + 3, n - 3);
            break;
        case SpvOpConstant:
        case SpvOpConstantComposite:
        case SpvOpConstantNull:
        case SpvOpConstantTrue:
        case SpvOpConstantFalse:
            one_constant(l, op, w, n);
            break;
        default:
            one_type(l, op, w, n);
        }
    }
}

/* Instructions whose operands could only be lost types by a mistake in the emitter; the words may be literals. */
static bool untouched(SpvOp op)
{
    return (op >= SpvOpSampledImage && op <= SpvOpImageQuerySamples) || op == SpvOpImageTexelPointer;
}

static void check_operands(struct lower *l, SpvOp op, const uint32_t *o, size_t n)
{
    for (size_t i = op == SpvOpExtInst ? 2 : 0; i < n && !untouched(op); i++) {
        if (low_class_of(l, o[i]))
            low_fail(l, op, low_class_of(l, o[i]));
    }
}

static bool float_compare(SpvOp op)
{
    return (op >= SpvOpFOrdEqual && op <= SpvOpFUnordGreaterThanEqual) || op == SpvOpIsNan || op == SpvOpIsInf;
}

static void with_result(struct lower *l, SpvOp op, const uint32_t *w, size_t n)
{
    uint32_t type = w[1], id = w[2];
    const uint32_t *o = w + 3;
    const struct low_type *t = low_info(l, type);
    enum low_class first = n > 3 ? low_class_of(l, o[0]) : LOW_NONE;

    n -= 3;
    if (id < l->bound) {
        l->of[id] = type;
        l->gone[id] = t->cls != LOW_NONE;
    }
    if (op == SpvOpFunction) {
        low_emit(l, op, l->val[type], id, (const uint32_t[]){o[0], l->val[o[1]]}, 2);
        return;
    }
    if (low_moves(l, op, type, id, o, n) || (op == SpvOpBitcast && low_conversion(l, op, type, id, o[0])))
        return;
    switch (t->cls) {
    case LOW_NARROW:
        if (!low_narrow(l, op, t, id, o, n))
            low_fail(l, op, LOW_NARROW);
        return;
    case LOW_WIDE:
        if (!low_wide(l, op, t, id, o, n))
            low_fail(l, op, LOW_WIDE);
        return;
    case LOW_HALF:
        if (!low_half(l, op, t, id, o, n))
            low_fail(l, op, LOW_HALF);
        return;
    default:
        break;
    }
    if (first && n && low_conversion(l, op, type, id, o[0]))
        return;
    if (first == LOW_HALF && float_compare(op)) {
        low_copy(l, op, type, id, o, n);
        return;
    }
    if ((first == LOW_NARROW || first == LOW_WIDE) && low_compare(l, op, type, id, o))
        return;
    if (first == LOW_WIDE && low_wide_product(l, op, type, id, o))
        return;
    check_operands(l, op, o, n);
    low_copy(l, op, type, id, o, n);
}

static void instruction(struct lower *l, const uint32_t *w, size_t n)
{
    struct spv *s = l->s;
    SpvOp op = (SpvOp)(w[0] & 0xffff);

    switch (op) {
    case SpvOpStore:
        low_store(l, w + 1, n - 1);
        return;
    case SpvOpAtomicStore:
    case SpvOpImageWrite:
        check_operands(l, op, w + 1, n - 1);
        break;
    case SpvOpLabel:
    case SpvOpBranch:
    case SpvOpBranchConditional:
    case SpvOpSwitch:
    case SpvOpSelectionMerge:
    case SpvOpLoopMerge:
    case SpvOpReturn:
    case SpvOpReturnValue:
    case SpvOpUnreachable:
    case SpvOpKill:
    case SpvOpTerminateInvocation:
    case SpvOpDemoteToHelperInvocation:
    case SpvOpFunctionEnd:
    case SpvOpControlBarrier:
    case SpvOpMemoryBarrier:
    case SpvOpSetMeshOutputsEXT:
    case SpvOpEmitMeshTasksEXT:
        break;
    default:
        if (n < 3)
            low_fail(l, op, LOW_NONE);
        with_result(l, op, w, n);
        return;
    }
    spv_raw(s, s->out, op, w + 1, n - 1);
}

/* ---- functions of the pass's own ---- */

static void write_function(struct lower *l, enum low_fn f)
{
    struct spv *s = l->s;
    uint32_t u = low_uint(l, 1), u2 = low_uint(l, 2), fl = low_float(l, 1), a[3], p[3], ret;
    unsigned n = f == LOW_FN_HALF_FMA ? 3 : f == LOW_FN_UDIVMOD ? 2 : 1;

    for (unsigned i = 0; i < n; i++)
        p[i] = f == LOW_FN_UDIVMOD || f == LOW_FN_U64_FLOAT ? u2 : f == LOW_FN_BITS_HALF ? u : fl;
    ret = f == LOW_FN_HALF_BITS ? u : f == LOW_FN_UDIVMOD ? low_uint(l, 4) : f == LOW_FN_FLOAT_U64 ? u2 : fl;
    low_emit(l, SpvOpFunction, ret, l->fn[f],
             (const uint32_t[]){0, n == 3   ? spv_type(s, SpvOpTypeFunction, 4, ret, p[0], p[1], p[2])
                                   : n == 2 ? spv_type(s, SpvOpTypeFunction, 3, ret, p[0], p[1])
                                            : spv_type(s, SpvOpTypeFunction, 2, ret, p[0])},
             2);
    for (unsigned i = 0; i < n; i++)
        a[i] = spv_opv(s, SpvOpFunctionParameter, p[i], NULL, 0);
    spv_begin(s, spv_label(s));
    if (f <= LOW_FN_HALF_FMA)
        low_half_function(l, f, a);
    else
        low_int_function(l, f, a);
    spv_void(s, SpvOpFunctionEnd, 0);
}

static void functions(struct lower *l)
{
    bool done[LOW_FN_COUNT] = {false}, more = true;

    while (more) { /* one may call another */
        more = false;
        for (unsigned f = 0; f < LOW_FN_COUNT; f++) {
            if (!l->fn[f] || done[f])
                continue;
            done[f] = more = true;
            write_function(l, (enum low_fn)f);
        }
    }
}

/* What is decorated as float arithmetic and no longer is. */
static void decorations(struct lower *l)
{
    struct words *d = &l->s->decor;
    size_t to = 0;

    for (size_t i = 0, n; i < d->n; i += n) {
        n = d->v[i] >> 16;
        if ((d->v[i] & 0xffff) == SpvOpDecorate && d->v[i + 2] == SpvDecorationNoContraction &&
            d->v[i + 1] < l->bound && l->gone[d->v[i + 1]])
            continue;
        memmove(d->v + to, d->v + i, n * sizeof(*d->v));
        to += n;
    }
    d->n = to;
}

static bool declared(const struct spv *s, SpvCapability cap)
{
    for (size_t i = 0; i + 1 < s->caps.n; i += 2) {
        if (s->caps.v[i + 1] == (uint32_t)cap)
            return true;
    }
    return false;
}

void lower_module(struct ctx *c)
{
    struct lower *l;
    struct spv *s = &c->s;
    uint32_t caps = c->opt->caps;
    bool n8 = !(caps & AIR_CAP_INT8) && declared(s, SpvCapabilityInt8);
    bool n16 = !(caps & AIR_CAP_INT16) && declared(s, SpvCapabilityInt16);
    bool wide = !(caps & AIR_CAP_INT64) && declared(s, SpvCapabilityInt64);
    bool half = !(caps & AIR_CAP_FLOAT16) && declared(s, SpvCapabilityFloat16);
    size_t n = s->next_id;

    if (!(n8 || n16 || wide || half) || s->failed)
        return;
    l = air_alloc(c, sizeof(*l));
    *l =
        (struct lower){.c = c, .s = s, .bound = s->next_id, .narrow8 = n8, .narrow16 = n16, .wide = wide, .half = half};
    l->type = air_alloc(c, n * sizeof(*l->type));
    l->val = air_alloc(c, n * sizeof(*l->val));
    l->mem = air_alloc(c, n * sizeof(*l->mem));
    l->of = air_alloc(c, n * sizeof(*l->of));
    l->lo = air_alloc(c, n * sizeof(*l->lo));
    l->hi = air_alloc(c, n * sizeof(*l->hi));
    l->bits = air_alloc(c, n * sizeof(*l->bits));
    l->gone = air_alloc(c, n * sizeof(*l->gone));
    /* The old words live in ctx, so that a refusal on the way frees them too. */
    c->old_types = l->types = spv_take_types(s);
    c->old_body = l->body = s->body;
    memset(&s->body, 0, sizeof(s->body));
    types(l);
    s->out = &s->body;
    for (size_t i = 0, k; i < l->body.n && !s->failed; i += k) {
        k = l->body.v[i] >> 16;
        instruction(l, l->body.v + i, k);
    }
    functions(l);
    decorations(l);
    if (n8)
        spv_uncap(s, SpvCapabilityInt8);
    if (n16)
        spv_uncap(s, SpvCapabilityInt16);
    if (wide)
        spv_uncap(s, SpvCapabilityInt64);
    if (half)
        spv_uncap(s, SpvCapabilityFloat16);
}
