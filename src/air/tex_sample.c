/* SPDX-License-Identifier: MIT */
/*
 * Sampling, gathers and level-of-detail queries (air 3.2, 3.6). The calling shape is decided by operand types, not by
 * AIR version. Constexpr samplers with pixel coordinates are made normalised here. Where a switch chooses the texture,
 * derivatives are taken before it.
 */
#include "tex.h"

#include <string.h>

/* One sampling or gathering call, its operands as ids; 0 where it has none. */
struct sampling {
    struct call *k;
    const struct tex_kind *kd;
    bool compare, gather;
    uint32_t coord, layer, ref, component;
    uint32_t dx, dy;   /* explicit gradients */
    uint32_t lod;      /* explicit level */
    uint32_t bias;     /* implicit level */
    uint32_t min_lod;  /* lower limit of an implicit level or of gradients */
    LLVMValueRef off;  /* texel offset, or NULL */
    uint32_t type;     /* result */
    struct place tex;  /* while the sampler is chosen */
    struct choices sm; /* samplers */
};

static bool is_i1(LLVMValueRef v)
{
    return LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(LLVMTypeOf(v)) == 1;
}

static bool is_scalar(LLVMValueRef v)
{
    return tex_is_float(v) && vec_len(LLVMTypeOf(v)) == 1;
}

/* A float operand at 32 bits. */
static uint32_t f32_value(struct ctx *c, LLVMValueRef v)
{
    struct spv *s = &c->s;
    LLVMTypeRef t = LLVMTypeOf(v);
    uint32_t id = value(c, v);

    return scalar_bits(c, t) == 16 ? spv_op(s, SpvOpFConvert, spv_type_vec(s, spv_type_float(s, 32), vec_len(t)), 1, id)
                                   : id;
}

static uint32_t f32_vec(struct ctx *c, unsigned n)
{
    return spv_type_vec(&c->s, spv_type_float(&c->s, 32), n);
}

/* Size of level 0 as floats, one component for each coordinate. */
static uint32_t size_f32(struct ctx *c, const struct sampling *q, const struct place *t)
{
    struct spv *s = &c->s;
    uint32_t o[4], f = spv_type_float(s, 32), sz;
    unsigned m, n = q->kd->dim;

    sz = tex_size(c, t, q->kd, spv_u32(s, 0), &m);
    for (unsigned i = 0; i < n; i++)
        o[i] = spv_op(s, SpvOpConvertUToF, f, 1, extract(c, sz, spv_type_uint(s, 32), m, i));
    return construct(c, f32_vec(c, n), o, n);
}

/* Square of the length of a gradient in texels. */
static uint32_t texels2(struct ctx *c, const struct sampling *q, uint32_t d, uint32_t size)
{
    struct spv *s = &c->s;
    uint32_t f = spv_type_float(s, 32), v = f32_vec(c, q->kd->dim);

    d = spv_op(s, SpvOpFMul, v, 2, d, size);
    return q->kd->dim == 1 ? spv_op(s, SpvOpFMul, f, 2, d, d) : spv_op(s, SpvOpDot, f, 2, d, d);
}

/* The lower limit without the device's help: the level is computed and given explicitly, so anisotropy is lost. */
static uint32_t limited_lod(struct ctx *c, const struct sampling *q, const struct place *t, uint32_t co, uint32_t si)
{
    struct spv *s = &c->s;
    uint32_t f = spv_type_float(s, 32), l, size;

    if (!q->dx) {
        spv_cap(s, SpvCapabilityImageQuery);
        l = extract(c, spv_op(s, SpvOpImageQueryLod, f32_vec(c, 2), 2, si, co), f, 2, 1);
        if (q->bias)
            l = spv_op(s, SpvOpFAdd, f, 2, l, q->bias);
    } else {
        if (q->kd->cube)
            air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "minimum LOD clamp with gradients on a cube");
        size = size_f32(c, q, t);
        l = spv_glsl(s, GLSLstd450FMax, f, 2, texels2(c, q, q->dx, size), texels2(c, q, q->dy, size));
        l = spv_op(s, SpvOpFMul, f, 2, spv_glsl(s, GLSLstd450Log2, f, 1, l), spv_f32(s, 0.5f));
    }
    return spv_glsl(s, GLSLstd450FMax, f, 2, l, q->min_lod);
}

static uint32_t offset_operand(struct ctx *c, const struct sampling *q, uint32_t *mask)
{
    struct spv *s = &c->s;
    uint32_t v = spv_type_vec(s, spv_type_sint(s, 32), q->kd->dim), o[3];

    if (!LLVMIsConstant(q->off)) {
        spv_cap(s, SpvCapabilityImageGatherExtended);
        *mask |= SpvImageOperandsOffsetMask;
        return spv_op(s, SpvOpBitcast, v, 1, value(c, q->off));
    }
    for (unsigned j = 0; j < q->kd->dim; j++) {
        LLVMValueRef e = q->kd->dim == 1 ? q->off : LLVMGetAggregateElement(q->off, j);

        TEX_NEED(q->k, e && (LLVMIsAConstantInt(e) || LLVMIsUndef(e)), j);
        o[j] = spv_s32(s, LLVMIsUndef(e) ? 0 : (int32_t)LLVMConstIntGetSExtValue(e));
    }
    *mask |= SpvImageOperandsConstOffsetMask;
    return q->kd->dim == 1 ? o[0] : spv_const(s, v, SpvOpConstantComposite, o, q->kd->dim);
}

/* Coordinates as the image takes them, but for the layer: normalised, with dynamic offsets in them. */
static uint32_t coordinates(struct ctx *c, const struct sampling *q, const struct place *t, bool pixel, bool add_offset)
{
    struct spv *s = &c->s;
    uint32_t v = f32_vec(c, q->kd->dim), co = q->coord, size;

    if ((pixel && !q->kd->cube) || add_offset) {
        size = size_f32(c, q, t);
        if (pixel)
            co = spv_op(s, SpvOpFDiv, v, 2, co, size);
        if (add_offset)
            co = spv_op(s, SpvOpFAdd, v, 2, co,
                        spv_op(s, SpvOpFDiv, v, 2, spv_op(s, SpvOpConvertSToF, v, 1, value(c, q->off)), size));
    }
    return co;
}

static uint32_t with_layer(struct ctx *c, const struct sampling *q, uint32_t co)
{
    uint32_t f = spv_type_float(&c->s, 32), o[4];

    if (!q->layer)
        return co;
    for (unsigned j = 0; j < q->kd->dim; j++)
        o[j] = extract(c, co, f, q->kd->dim, j);
    o[q->kd->dim] = q->layer;
    return construct(c, f32_vec(c, q->kd->dim + 1), o, q->kd->dim + 1);
}

static uint32_t with_sampler(struct ctx *c, void *op, const struct place *sm)
{
    struct sampling *q = op;
    const struct place *t = &q->tex;
    struct spv *s = &c->s;
    bool pixel, add_offset = q->off && !q->gather && !LLVMIsConstant(q->off), implicit, limit;
    uint32_t f = spv_type_float(s, 32), sampler, co, image, type, si, mask = 0, o[16], ops[8], v4, r, lod = q->lod;
    unsigned n = 0, no = 0;
    enum air_component cls;

    v4 = spv_type_vec(s, tex_component(c, t->a, &cls), 4);
    sampler = tex_load_sampler(c, sm, &pixel);
    co = coordinates(c, q, t, pixel, add_offset);
    image = tex_load(c, t, false, &type);
    si = tex_sampled(c, t, sm, type, image, sampler);
    limit = q->min_lod && !(c->opt->caps & AIR_CAP_MIN_LOD);
    if (limit)
        lod = limited_lod(c, q, t, co, si);
    implicit = !q->gather && !lod && !q->dx;
    if (lod) {
        mask |= SpvImageOperandsLodMask;
        ops[no++] = lod;
    } else if (q->dx) {
        mask |= SpvImageOperandsGradMask;
        ops[no++] = q->dx;
        ops[no++] = q->dy;
    } else if (q->bias) {
        mask |= SpvImageOperandsBiasMask;
        ops[no++] = q->bias;
    }
    if (q->off && !add_offset)
        ops[no++] = offset_operand(c, q, &mask);
    if (q->min_lod && !limit) {
        spv_cap(s, SpvCapabilityMinLod);
        mask |= SpvImageOperandsMinLodMask;
        ops[no++] = q->min_lod;
    }
    o[n++] = si;
    o[n++] = with_layer(c, q, co);
    if (q->compare)
        o[n++] = q->ref;
    else if (q->gather)
        o[n++] = q->component;
    if (mask)
        o[n++] = mask;
    for (unsigned j = 0; j < no; j++)
        o[n++] = ops[j];
    if (q->gather) {
        r = spv_opv(s, q->compare ? SpvOpImageDrefGather : SpvOpImageGather, v4, o, n);
    } else if (q->compare) {
        r = spv_opv(s, implicit ? SpvOpImageSampleDrefImplicitLod : SpvOpImageSampleDrefExplicitLod, f, o, n);
        r = splat(c, r, f, 4);
    } else {
        r = spv_opv(s, implicit ? SpvOpImageSampleImplicitLod : SpvOpImageSampleExplicitLod, v4, o, n);
    }
    return tex_result(c, q->k, r, cls);
}

static uint32_t with_texture(struct ctx *c, void *op, const struct place *t)
{
    struct sampling *q = op;

    if (t->a->storage)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s on a writable texture", q->k->name);
    q->tex = *t;
    return tex_each(c, &q->sm, q->type, with_sampler, q);
}

/* Implicit level of detail where threads part ways: gradients of the coordinate, a bias as a factor of them. */
static void derive(struct ctx *c, struct sampling *q)
{
    struct spv *s = &c->s;
    uint32_t v = f32_vec(c, q->kd->dim), f = spv_type_float(s, 32), e;

    q->dx = spv_op(s, SpvOpDPdx, v, 1, q->coord);
    q->dy = spv_op(s, SpvOpDPdy, v, 1, q->coord);
    if (!q->bias)
        return;
    e = splat(c, spv_glsl(s, GLSLstd450Exp2, f, 1, q->bias), f, q->kd->dim);
    q->dx = spv_op(s, SpvOpFMul, v, 2, q->dx, e);
    q->dy = spv_op(s, SpvOpFMul, v, 2, q->dy, e);
    q->bias = 0;
}

void tex_sample(struct ctx *c, struct call *k, const struct tex_kind *kd, const char *verb, bool grad)
{
    struct spv *s = &c->s;
    struct sampling q = {.k = k, .kd = kd, .compare = strstr(verb, "compare") != NULL, .gather = verb[0] == 'g'};
    struct choices tex;
    LLVMValueRef coord, layer = NULL, ref = NULL, dx = NULL, dy = NULL, lod = NULL, min_lod = NULL;
    bool level = false;
    unsigned i = 2;
    uint32_t comp = 0;

    TEX_NEED(k, k->n > 3 && is_pointer(k->a[1]), 1);
    if (kd->depth && i < k->n && !tex_is_float(k->a[i]))
        i++; /* the constant 1 of depth textures */
    TEX_NEED(k, i < k->n && tex_is_float(k->a[i]) && vec_len(LLVMTypeOf(k->a[i])) == kd->dim, i);
    coord = k->a[i++];
    if (kd->array) {
        TEX_NEED(k, i < k->n && tex_is_int(k->a[i], 1), i);
        layer = k->a[i++];
    }
    if (q.compare) {
        TEX_NEED(k, i < k->n && is_scalar(k->a[i]), i);
        ref = k->a[i++];
    }
    if (grad) {
        TEX_NEED(k,
                 i + 1 < k->n && tex_is_float(k->a[i]) && vec_len(LLVMTypeOf(k->a[i])) == kd->dim &&
                     LLVMTypeOf(k->a[i + 1]) == LLVMTypeOf(k->a[i]),
                 i);
        dx = k->a[i++];
        dy = k->a[i++];
        if (i < k->n && is_scalar(k->a[i]))
            min_lod = k->a[i++];
    }
    if (!kd->cube && i + 1 < k->n && is_i1(k->a[i]) && !tex_is_float(k->a[i + 1]) && !is_i1(k->a[i + 1])) {
        q.off = tex_is_zero(k->a[i + 1]) ? NULL : k->a[i + 1];
        TEX_NEED(k, tex_is_int(k->a[i + 1], kd->dim) && scalar_bits(c, LLVMTypeOf(k->a[i + 1])) == 32, i + 1);
        i += 2;
    }
    if (!grad && !q.gather) {
        TEX_NEED(k, i + 1 < k->n && is_i1(k->a[i]) && is_scalar(k->a[i + 1]), i);
        level = LLVMIsAConstantInt(k->a[i]) && LLVMConstIntGetZExtValue(k->a[i]);
        lod = k->a[i + 1];
        i += 2;
        if (i < k->n && is_scalar(k->a[i]))
            min_lod = k->a[i++];
    }
    TEX_END(k, i, q.gather ? 2u : 1u);
    if (q.gather && !kd->depth && !q.compare && i < k->n && LLVMIsAConstantInt(k->a[i]))
        comp = (uint32_t)LLVMConstIntGetZExtValue(k->a[i]) & 3;
    tex_textures(c, k->a[0], &tex);
    if (!tex.n) {
        tex_zero(c, k);
        return;
    }
    tex_samplers(c, k->a[1], &q.sm);
    q.type = type_of(c, k->ret);
    q.coord = f32_value(c, coord);
    q.component = spv_u32(s, comp);
    if (layer)
        q.layer =
            spv_op(s, SpvOpConvertUToF, spv_type_float(s, 32), 1, to_u32(c, value(c, layer), LLVMTypeOf(layer), false));
    if (ref)
        q.ref = f32_value(c, ref);
    if (min_lod && !tex_is_zero(min_lod))
        q.min_lod = f32_value(c, min_lod);
    if (grad) {
        q.dx = f32_value(c, dx);
        q.dy = f32_value(c, dy);
    } else if (!q.gather && (level || c->stage != AIR_STAGE_FRAGMENT)) {
        q.lod = level ? f32_value(c, lod) : spv_f32(s, 0); /* without derivatives the level is 0 */
        if (q.min_lod)
            q.lod = spv_glsl(s, GLSLstd450FMax, spv_type_float(s, 32), 2, q.lod, q.min_lod);
        q.min_lod = 0;
    } else if (!q.gather) {
        q.bias = tex_is_zero(lod) ? 0 : f32_value(c, lod);
        if (tex.n > 1 || q.sm.n > 1 || tex.null)
            derive(c, &q);
    }
    set_value(c, k->inst, tex_each(c, &tex, q.type, with_texture, &q));
}

/* ---- calculate_clamped_lod, calculate_unclamped_lod ---- */

struct lod_query {
    struct call *k;
    const struct tex_kind *kd;
    uint32_t coord;
    unsigned component;
    struct place tex;
    struct choices sm;
};

static uint32_t lod_with_sampler(struct ctx *c, void *op, const struct place *sm)
{
    struct lod_query *q = op;
    struct spv *s = &c->s;
    struct sampling as = {.kd = q->kd, .coord = q->coord};
    uint32_t f = spv_type_float(s, 32), sampler, image, type, co;
    bool pixel;

    sampler = tex_load_sampler(c, sm, &pixel);
    co = coordinates(c, &as, &q->tex, pixel, false);
    image = tex_load(c, &q->tex, false, &type);
    return extract(
        c,
        spv_op(s, SpvOpImageQueryLod, spv_type_vec(s, f, 2), 2, tex_sampled(c, &q->tex, sm, type, image, sampler), co),
        f, 2, q->component);
}

static uint32_t lod_with_texture(struct ctx *c, void *op, const struct place *t)
{
    struct lod_query *q = op;

    if (t->a->storage)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s on a writable texture", q->k->name);
    q->tex = *t;
    return tex_all(c, &q->sm, spv_type_float(&c->s, 32), lod_with_sampler, q);
}

void tex_lod_query(struct ctx *c, struct call *k, const struct tex_kind *kd, bool clamped)
{
    struct lod_query q = {.k = k, .kd = kd, .component = clamped ? 0 : 1};
    struct choices tex;
    unsigned i = 2;

    TEX_NEED(k, k->n > 2 && is_pointer(k->a[1]) && LLVMGetTypeKind(k->ret) == LLVMFloatTypeKind, 1);
    if (!tex_is_float(k->a[i]))
        i++;
    TEX_NEED(k, i < k->n && tex_is_float(k->a[i]) && vec_len(LLVMTypeOf(k->a[i])) == kd->dim, i);
    TEX_END(k, i + 1, 1u);
    tex_textures(c, k->a[0], &tex);
    if (!tex.n || c->stage != AIR_STAGE_FRAGMENT) { /* without derivatives the level is 0 */
        tex_zero(c, k);
        return;
    }
    spv_cap(&c->s, SpvCapabilityImageQuery);
    tex_samplers(c, k->a[1], &q.sm);
    q.coord = f32_value(c, k->a[i]);
    set_value(c, k->inst, tex_all(c, &tex, spv_type_float(&c->s, 32), lod_with_texture, &q));
}
