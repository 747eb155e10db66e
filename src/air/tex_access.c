/* SPDX-License-Identifier: MIT */
/*
 * Texels by integer coordinate (air 3.6): reads, writes and atomics. Cubes that are read by texel are bound a second
 * time as 2D arrays. A storage image addresses one mip level: textures of which others are written have a descriptor
 * for each level (air_abi.h).
 */
#include "tex.h"

#include <string.h>

uint32_t tex_result(struct ctx *c, struct call *k, uint32_t v4, enum air_component cls)
{
    struct spv *s = &c->s;
    bool st = LLVMGetTypeKind(k->ret) == LLVMStructTypeKind && LLVMCountStructElementTypes(k->ret) == 2 &&
              LLVMGetTypeKind(LLVMStructGetTypeAtIndex(k->ret, 1)) == LLVMIntegerTypeKind &&
              LLVMGetIntTypeWidth(LLVMStructGetTypeAtIndex(k->ret, 1)) > 1;
    LLVMTypeRef t = st ? LLVMStructGetTypeAtIndex(k->ret, 0) : k->ret;
    unsigned n = vec_len(t), bits = scalar_bits(c, t);
    LLVMTypeKind kind = LLVMGetTypeKind(elem_type(t));
    bool integer = kind == LLVMIntegerTypeKind, fits = kind == LLVMFloatTypeKind || kind == LLVMHalfTypeKind;
    uint32_t e = cls == AIR_COMPONENT_FLOAT ? spv_type_float(s, 32)
                 : cls == AIR_COMPONENT_INT ? spv_type_sint(s, 32)
                                            : spv_type_uint(s, cls == AIR_COMPONENT_ULONG ? 64 : 32),
             o[4], r;

    if (integer)
        fits = cls == AIR_COMPONENT_ULONG ? bits == 64 : bits == 16 || bits == 32;
    if (!fits || integer != (cls != AIR_COMPONENT_FLOAT) || n > 4)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: result does not fit the texture's component", k->name);
    for (unsigned i = 0; i < n; i++)
        o[i] = extract(c, v4, e, 4, i);
    r = n == 4 ? v4 : construct(c, spv_type_vec(s, e, n), o, n);
    if (cls == AIR_COMPONENT_INT)
        r = spv_op(s, SpvOpBitcast, spv_type_vec(s, spv_type_uint(s, 32), n), 1, r);
    if (bits == 16)
        r = spv_op(s, integer ? SpvOpUConvert : SpvOpFConvert, type_of(c, t), 1, r);
    if (st) { /* resident: dense textures always are (air 3.2) */
        uint32_t two[2] = {r, spv_uint(s, scalar_bits(c, LLVMStructGetTypeAtIndex(k->ret, 1)), 1)};

        r = spv_opv(s, SpvOpCompositeConstruct, type_of(c, k->ret), two, 2);
    }
    return r;
}

/* Operands of a read or write before the texel. */
struct site {
    LLVMValueRef coord, face, layer, off, sample, level, texel;
};

/* Major AIR version of the module, 0 when it says none. */
static unsigned air_major(struct ctx *c)
{
    LLVMValueRef node, *o;
    int64_t x;

    if (LLVMGetNamedMetadataNumOperands(c->m, "air.version") != 1)
        return 0;
    LLVMGetNamedMetadataOperands(c->m, "air.version", &node);
    return md_operands(c, node, &o) && md_int(o[0], &x) && x > 0 ? (unsigned)x : 0;
}

/*
 * The level among the last operands, which are level and access, but only the level up to AIR 1.11 (air 3.2). One
 * operand alone is an access code in later modules. Textures of one dimension have one level.
 */
static LLVMValueRef level_at(struct ctx *c, struct call *k, const struct tex_kind *kd, unsigned i)
{
    if (kd->ms || kd->buffer || kd->dim == 1 || i >= k->n || (i + 1 == k->n && air_major(c) > 1))
        return NULL;
    TEX_NEED(k, tex_is_int(k->a[i], 1), i);
    return k->a[i];
}

/* Parts of the call; fails when operands do not fit the kind. */
static void parse(struct ctx *c, struct call *k, const struct tex_kind *kd, bool write, struct site *p)
{
    unsigned i = 1, n = kd->cube ? 2 : kd->dim;
    bool modern = !write && i < k->n && is_pointer(k->a[i]);

    memset(p, 0, sizeof(*p));
    if (modern)
        i++; /* the read sampler carries nothing */
    if (kd->depth && i + 1 < k->n && vec_len(LLVMTypeOf(k->a[i])) == 1 && n > 1)
        i++;
    TEX_NEED(k, i < k->n && tex_is_int(k->a[i], n), i);
    p->coord = k->a[i++];
    if (kd->cube) {
        TEX_NEED(k, i < k->n && tex_is_int(k->a[i], 1), i);
        p->face = k->a[i++];
    }
    if (kd->array) {
        TEX_NEED(k, i < k->n && tex_is_int(k->a[i], 1), i);
        p->layer = k->a[i++];
    }
    if (modern && !kd->cube && !kd->ms && i + 1 < k->n && LLVMTypeOf(k->a[i]) == LLVMTypeOf(p->coord))
        p->off = k->a[i++];
    if (write) {
        TEX_NEED(k, i < k->n, i);
        p->texel = k->a[i++];
    }
    if (kd->ms) {
        TEX_NEED(k, i < k->n && tex_is_int(k->a[i], 1), i);
        p->sample = k->a[i++];
    }
    p->level = level_at(c, k, kd, i);
    TEX_END(k, i, 2u);
}

LLVMValueRef tex_level_operand(struct ctx *c, struct call *k, const struct tex_kind *kd, bool write)
{
    struct site p;

    parse(c, k, kd, write, &p);
    return p.level;
}

/* Integer coordinate with the offset added, and face and layer as last component. */
static uint32_t texel_coord(struct ctx *c, const struct site *p)
{
    struct spv *s = &c->s;
    unsigned n = vec_len(LLVMTypeOf(p->coord)), m = n;
    uint32_t u = spv_type_uint(s, 32), co = to_u32(c, value(c, p->coord), LLVMTypeOf(p->coord), false), q[4], l = 0;

    if (p->off && !tex_is_zero(p->off))
        co = spv_op(s, SpvOpIAdd, spv_type_vec(s, u, n), 2, co, to_u32(c, value(c, p->off), LLVMTypeOf(p->off), true));
    if (p->layer)
        l = to_u32(c, value(c, p->layer), LLVMTypeOf(p->layer), false);
    if (p->face) {
        uint32_t fa = to_u32(c, value(c, p->face), LLVMTypeOf(p->face), false);

        l = l ? spv_iadd(s, spv_imul(s, l, spv_u32(s, 6)), fa) : fa;
    }
    if (!l)
        return co;
    for (unsigned j = 0; j < n; j++)
        q[j] = extract(c, co, u, n, j);
    q[m++] = l;
    return construct(c, spv_type_vec(s, u, m), q, m);
}

/* A texel operand as the image's vec4. */
static uint32_t texel_in(struct ctx *c, LLVMValueRef v, enum air_component cls)
{
    struct spv *s = &c->s;
    LLVMTypeRef t = LLVMTypeOf(v);
    unsigned n = vec_len(t), bits = scalar_bits(c, t);
    uint32_t id, e, o[4];

    if (n != 1 && n != 4)
        air_fail(c, AIR_REFUSE_INTRINSIC, "texel of %u components", n);
    if (cls == AIR_COMPONENT_FLOAT ? !tex_is_float(v)
                                   : !tex_is_int(v, n) || (bits == 64) != (cls == AIR_COMPONENT_ULONG))
        air_fail(c, AIR_REFUSE_INTRINSIC, "texel of another component type than the texture's");
    id = value(c, v);
    if (cls == AIR_COMPONENT_FLOAT) {
        e = spv_type_float(s, 32);
        id = bits == 16 ? spv_op(s, SpvOpFConvert, spv_type_vec(s, e, n), 1, id) : id;
    } else if (cls == AIR_COMPONENT_ULONG) {
        e = spv_type_uint(s, 64);
    } else {
        e = cls == AIR_COMPONENT_INT ? spv_type_sint(s, 32) : spv_type_uint(s, 32);
        id = to_u32(c, id, t, cls == AIR_COMPONENT_INT);
        if (cls == AIR_COMPONENT_INT)
            id = spv_op(s, SpvOpBitcast, spv_type_vec(s, e, n), 1, id);
    }
    if (n == 4)
        return id;
    o[0] = o[1] = o[2] = o[3] = id;
    return construct(c, spv_type_vec(s, e, 4), o, 4);
}

/* A read, write or atomic in the making. */
struct access {
    struct call *k;
    const struct tex_kind *kd;
    const char *verb;
    bool write;
    uint32_t co, sample, level, type;
    LLVMValueRef texel, expect;
};

static uint32_t access_one(struct ctx *c, void *op, const struct place *t)
{
    struct access *q = op;
    struct spv *s = &c->s;
    bool as_array = t->a->cube_fetch && !q->write;
    uint32_t image, type, o[4], v4;
    unsigned n = 0;
    enum air_component cls;

    v4 = spv_type_vec(s, tex_component(c, t->a, &cls), 4);
    image = tex_load(c, t, as_array, &type);
    if (q->write) {
        spv_void(s, SpvOpImageWrite, 3, image, q->co, texel_in(c, q->texel, cls));
        return 0;
    }
    o[n++] = image;
    o[n++] = q->co;
    if (q->sample) {
        o[n++] = SpvImageOperandsSampleMask;
        o[n++] = q->sample;
    } else if (!t->a->storage && !q->kd->buffer) {
        o[n++] = SpvImageOperandsLodMask;
        o[n++] = q->level ? q->level : spv_u32(s, 0);
    }
    return tex_result(c, q->k, spv_opv(s, t->a->storage ? SpvOpImageRead : SpvOpImageFetch, v4, o, n), cls);
}

static uint32_t access_texture(struct ctx *c, void *op, const struct place *t)
{
    struct access *q = op;
    struct spv *s = &c->s;
    struct choices levels;
    uint32_t known, merge;

    if (t->a->storage && q->level && spv_is_u32(s, q->level, &known) && known >= AIR_MAX_LEVELS)
        return q->write ? 0 : spv_null(s, q->type); /* no texture has it */
    if (t->a->levels < 2)
        return access_one(c, op, t);
    tex_levels(c, t, q->level ? q->level : spv_u32(s, 0), &levels);
    if (q->write && levels.n == 1 && !spv_is_u32(s, q->level, &known)) {
        /* one descriptor indexed by the level: what is past the last one is written nowhere */
        merge = if_begin(c, spv_op(s, SpvOpULessThan, spv_type_bool(s), 2, q->level, spv_u32(s, t->a->levels)));
        tex_each(c, &levels, 0, access_one, q);
        if_end(c, merge);
        return 0;
    }
    return tex_each(c, &levels, q->type, access_one, q);
}

static void access(struct ctx *c, struct call *k, const struct tex_kind *kd, bool write)
{
    struct site p;
    struct choices tex;
    struct access q = {.k = k, .kd = kd, .write = write};
    uint32_t merge;

    parse(c, k, kd, write, &p);
    tex_textures(c, k->a[0], &tex);
    if (!tex.n) {
        tex_zero(c, k);
        return;
    }
    q.co = texel_coord(c, &p);
    q.texel = p.texel;
    if (p.level)
        q.level = to_u32(c, value(c, p.level), LLVMTypeOf(p.level), false);
    if (p.sample)
        q.sample = to_u32(c, value(c, p.sample), LLVMTypeOf(p.sample), false);
    if (!write) {
        q.type = type_of(c, k->ret);
        set_value(c, k->inst, tex_each(c, &tex, q.type, access_texture, &q));
        return;
    }
    guard_begin(c, &merge);
    tex_each(c, &tex, 0, access_texture, &q);
    guard_end(c, merge);
}

void tex_read(struct ctx *c, struct call *k, const struct tex_kind *kd)
{
    access(c, k, kd, false);
}

void tex_write(struct ctx *c, struct call *k, const struct tex_kind *kd)
{
    access(c, k, kd, true);
}

/* ---- atomics ---- */

static SpvOp atomic_op(const char *op, bool is_signed)
{
    static const struct {
        const char *name;
        SpvOp s, u;
    } t[] = {{"fetch_add", SpvOpAtomicIAdd, SpvOpAtomicIAdd}, {"fetch_sub", SpvOpAtomicISub, SpvOpAtomicISub},
             {"fetch_and", SpvOpAtomicAnd, SpvOpAtomicAnd},   {"fetch_or", SpvOpAtomicOr, SpvOpAtomicOr},
             {"fetch_xor", SpvOpAtomicXor, SpvOpAtomicXor},   {"fetch_min", SpvOpAtomicSMin, SpvOpAtomicUMin},
             {"fetch_max", SpvOpAtomicSMax, SpvOpAtomicUMax}, {"exchange", SpvOpAtomicExchange, SpvOpAtomicExchange},
             {"min", SpvOpAtomicSMin, SpvOpAtomicUMin},       {"max", SpvOpAtomicSMax, SpvOpAtomicUMax}};

    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        if (!strncmp(op, t[i].name, strlen(t[i].name)))
            return is_signed ? t[i].s : t[i].u;
    }
    return SpvOpNop;
}

static uint32_t atomic_one(struct ctx *c, void *op, const struct place *t)
{
    struct access *q = op;
    struct spv *s = &c->s;
    enum air_component cls;
    uint32_t e = tex_component(c, t->a, &cls), none = spv_u32(s, 0), scope = spv_u32(s, SpvScopeDevice), type, p, r,
             x = 0;
    SpvOp code;

    if (cls == AIR_COMPONENT_ULONG)
        spv_cap(s, SpvCapabilityInt64Atomics);
    p = tex_pointer(c, t, false, &type);
    p = spv_op(s, SpvOpImageTexelPointer, spv_type_ptr(s, SpvStorageClassImage, e), 3, p, q->co, none);
    if (t->non_uniform)
        spv_decorate(s, p, SpvDecorationNonUniform, 0);
    if (q->texel)
        x = extract(c, texel_in(c, q->texel, cls), e, 4, 0);
    if (!strncmp(q->verb, "load", 4)) {
        r = spv_op(s, SpvOpAtomicLoad, e, 3, p, scope, none);
    } else if (!strncmp(q->verb, "store", 5)) {
        spv_void(s, SpvOpAtomicStore, 4, p, scope, none, x);
        return 0;
    } else if (q->expect) {
        LLVMTypeRef vt = LLVMTypeOf(q->texel);
        unsigned n = vec_len(vt);
        uint32_t le = type_of(c, elem_type(vt)), want, ok;

        want = extract(c, mem_load(c, pointer(c, q->expect), vt, 4), le, n, 0);
        if (cls == AIR_COMPONENT_INT)
            want = spv_op(s, SpvOpBitcast, e, 1, want);
        r = spv_op(s, SpvOpAtomicCompareExchange, e, 6, p, scope, none, none, x, want);
        ok = spv_op(s, SpvOpIEqual, spv_type_bool(s), 2, r, want);
        if (cls == AIR_COMPONENT_INT)
            r = spv_op(s, SpvOpBitcast, le, 1, r);
        mem_store(c, pointer(c, q->expect), vt, 4, splat(c, r, le, n));
        return ok;
    } else {
        code = atomic_op(q->verb, cls == AIR_COMPONENT_INT);
        if (code == SpvOpNop)
            air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s", q->k->name);
        r = spv_op(s, code, e, 4, p, scope, none, x);
    }
    if (!q->type)
        return 0;
    uint32_t o[4] = {r, spv_null(s, e), spv_null(s, e), spv_null(s, e)};

    return tex_result(c, q->k, construct(c, spv_type_vec(s, e, 4), o, 4), cls);
}

void tex_atomic(struct ctx *c, struct call *k, const struct tex_kind *kd, const char *verb)
{
    struct spv *s = &c->s;
    struct access q = {.k = k, .kd = kd, .verb = verb};
    struct site p = {0};
    struct choices tex;
    unsigned i = 1, n = kd->cube ? 2 : kd->dim;
    bool store = !strncmp(verb, "store", 5), load = !strncmp(verb, "load", 4), cas = !strncmp(verb, "compare", 7);
    uint32_t merge, var = 0, r;

    if (store && i + 1 < k->n && vec_len(LLVMTypeOf(k->a[i])) == 4)
        q.texel = k->a[i++]; /* texel before the coordinate (air 3.6) */
    TEX_NEED(k, i < k->n && tex_is_int(k->a[i], n), i);
    p.coord = k->a[i++];
    if (kd->cube) {
        TEX_NEED(k, i < k->n && tex_is_int(k->a[i], 1), i);
        p.face = k->a[i++];
    }
    if (kd->array) {
        TEX_NEED(k, i < k->n && tex_is_int(k->a[i], 1), i);
        p.layer = k->a[i++];
    }
    if (cas) {
        TEX_NEED(k,
                 i < k->n && is_pointer(k->a[i]) && LLVMGetTypeKind(k->ret) == LLVMIntegerTypeKind &&
                     LLVMGetIntTypeWidth(k->ret) == 1,
                 i);
        q.expect = k->a[i++];
    }
    if (!load && !q.texel) {
        TEX_NEED(k, i < k->n, i);
        q.texel = k->a[i++];
    }
    TEX_END(k, i, 3u);
    tex_textures(c, k->a[0], &tex);
    if (!tex.n) {
        tex_zero(c, k);
        return;
    }
    q.type = LLVMGetTypeKind(k->ret) == LLVMVoidTypeKind ? 0 : type_of(c, k->ret);
    q.co = texel_coord(c, &p);
    if (q.type && c->active && !load) { /* the result of threads that do nothing */
        var = spv_local(s, q.type);
        spv_void(s, SpvOpStore, 2, var, spv_null(s, q.type));
    }
    merge = 0;
    if (!load)
        guard_begin(c, &merge);
    r = tex_each(c, &tex, q.type, atomic_one, &q);
    if (var)
        spv_void(s, SpvOpStore, 2, var, r);
    guard_end(c, merge);
    if (q.type)
        set_value(c, k->inst, var ? spv_op(s, SpvOpLoad, q.type, 1, var) : r);
}
