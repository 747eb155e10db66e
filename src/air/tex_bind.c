/* SPDX-License-Identifier: MIT */
/*
 * Textures and samplers as descriptors (air 3.6, 4.6): which of them a handle may be, how each is declared, and the
 * choice between several at run time. A handle is a number (struct ptr); where the device can index descriptors by
 * values that differ between threads, an array is indexed by it, elsewhere a switch has one case for each descriptor.
 * Separate images and samplers; constexpr samplers (air 2.13) become immutable-sampler descriptors.
 */
#include "tex.h"

/* ---- choices ---- */

static void add_place(struct ctx *c, struct choices *t, unsigned *cap, struct place p, uint32_t number)
{
    if (t->n == AIR_LIMIT_CHOICES)
        air_fail(c, AIR_REFUSE_LIMIT, "a choice between more than %u descriptors", AIR_LIMIT_CHOICES);
    if (t->n == *cap) {
        struct place *np = air_alloc(c, (*cap * 2 + 8) * sizeof(*np));
        uint32_t *nn = air_alloc(c, (*cap * 2 + 8) * sizeof(*nn));

        for (unsigned i = 0; i < t->n; i++) {
            np[i] = t->place[i];
            nn[i] = t->number[i];
        }
        t->place = np;
        t->number = nn;
        *cap = *cap * 2 + 8;
    }
    t->place[t->n] = p;
    t->number[t->n++] = number;
}

static uint32_t element_id(struct ctx *c, const struct arg *a, uint32_t e)
{
    return a->r.count > 1 ? spv_u32(&c->s, e) : 0;
}

/* Arguments of @kind, and constexpr samplers, that the pointer @v may be. */
static void choices(struct ctx *c, LLVMValueRef v, enum air_kind kind, struct choices *t)
{
    struct spv *s = &c->s;
    struct ptr p = pointer(c, v);
    uint32_t number = handle_number(c, p), known;
    bool fixed = spv_is_u32(s, number, &known), *seen = air_alloc(c, c->narg + ARRAY_LEN(c->sampler));
    int rep = root_find(c, p.root);
    unsigned cap = 0, nargs = 0;
    struct arg *only = NULL;

    *t = (struct choices){.id = number};
    if (c->root[rep].kind == ROOT_PHYS)
        air_fail(c, AIR_REFUSE_ARGUMENT_BUFFER, "%s handle loaded from memory: encoding unknown", air_kind_name(kind));
    for (int i = 0; i < c->nroot; i++) {
        const struct root *r = &c->root[i];
        struct arg *a = r->kind == ROOT_HANDLE && r->arg >= 0 ? &c->arg[r->arg] : NULL;
        unsigned key = a ? (unsigned)r->arg : r->kind == ROOT_SAMPLER ? c->narg + (unsigned)r->arg : 0;

        if (root_find(c, i) != rep)
            continue;
        if (!a && r->kind != ROOT_SAMPLER) {
            t->null |= r->kind == ROOT_HANDLE && !fixed;
            continue;
        }
        if (seen[key])
            continue;
        seen[key] = true;
        if (a ? a->kind != kind : kind != AIR_KIND_SAMPLER)
            air_fail(c, AIR_REFUSE_POINTER, "%s operand that is none", air_kind_name(kind));
        nargs++;
        only = a;
        if (!a) {
            if (!fixed || known == AIR_HANDLE_SAMPLER + (uint32_t)r->arg)
                add_place(c, t, &cap, (struct place){.sampler = (unsigned)r->arg},
                          AIR_HANDLE_SAMPLER + (uint32_t)r->arg);
            continue;
        }
        for (uint32_t e = 0; e < a->r.count; e++) {
            if (!fixed || known == a->first + e)
                add_place(c, t, &cap, (struct place){.a = a, .element = element_id(c, a, e)}, a->first + e);
        }
    }
    if (t->n > 1 && nargs == 1 && only && !t->null && c->opt->caps & AIR_CAP_NON_UNIFORM) {
        /* One array: its descriptors are indexed. What is no handle of it reads the last one. */
        uint32_t e = spv_op(s, SpvOpISub, spv_type_uint(s, 32), 2, number, spv_u32(s, only->first));

        e = spv_glsl(s, GLSLstd450UMin, spv_type_uint(s, 32), 2, e, spv_u32(s, only->r.count - 1));
        t->place[0] = (struct place){.a = only, .element = e, .non_uniform = true};
        t->n = 1;
    }
}

void tex_textures(struct ctx *c, LLVMValueRef handle, struct choices *out)
{
    tex_choices(c, handle, AIR_KIND_TEXTURE, out);
}

void tex_choices(struct ctx *c, LLVMValueRef v, enum air_kind kind, struct choices *out)
{
    int n = kind == AIR_KIND_SAMPLER && LLVMIsConstant(v) ? sampler_number(c, v) : -1;

    if (n < 0) {
        choices(c, v, kind, out);
        return;
    }
    *out = (struct choices){.n = 1, .place = air_alloc(c, sizeof(struct place))};
    out->place[0].sampler = (unsigned)n;
}

void tex_samplers(struct ctx *c, LLVMValueRef v, struct choices *out)
{
    tex_choices(c, v, AIR_KIND_SAMPLER, out);
    if (!out->n)
        air_fail(c, AIR_REFUSE_POINTER, "sampler operand that is no sampler");
}

void tex_levels(struct ctx *c, const struct place *t, uint32_t level, struct choices *out)
{
    struct spv *s = &c->s;
    struct place p = *t;
    uint32_t known;
    unsigned cap = 0;

    *out = (struct choices){.id = level};
    if (spv_is_u32(s, level, &known)) {
        p.level = level;
        if (known < t->a->levels)
            add_place(c, out, &cap, p, known);
    } else if (c->opt->caps & AIR_CAP_NON_UNIFORM) {
        p.level = spv_glsl(s, GLSLstd450UMin, spv_type_uint(s, 32), 2, level, spv_u32(s, t->a->levels - 1));
        p.non_uniform = true;
        add_place(c, out, &cap, p, 0);
    } else {
        for (uint32_t i = 0; i < t->a->levels; i++) {
            p.level = spv_u32(s, i);
            add_place(c, out, &cap, p, i);
        }
    }
}

uint32_t tex_each(struct ctx *c, const struct choices *t, uint32_t type, tex_fn fn, void *op)
{
    struct spv *s = &c->s;
    uint32_t *o, merge, var = 0, r;

    if (!t->n)
        return type ? spv_null(s, type) : 0;
    if (t->n == 1 && !t->null)
        return fn(c, op, &t->place[0]);
    o = air_alloc(c, (t->n * 2 + 2) * sizeof(*o));
    merge = spv_label(s);
    if (type) {
        var = spv_local(s, type);
        spv_void(s, SpvOpStore, 2, var, spv_null(s, type));
    }
    o[0] = t->id;
    o[1] = merge;
    for (unsigned i = 0; i < t->n; i++) {
        o[2 + i * 2] = t->number[i];
        o[3 + i * 2] = spv_label(s);
    }
    spv_void(s, SpvOpSelectionMerge, 2, merge, 0u);
    spv_raw(s, s->out, SpvOpSwitch, o, t->n * 2 + 2);
    for (unsigned i = 0; i < t->n; i++) {
        spv_begin(s, o[3 + i * 2]);
        r = fn(c, op, &t->place[i]);
        if (var)
            spv_void(s, SpvOpStore, 2, var, r);
        spv_void(s, SpvOpBranch, 1, merge);
    }
    spv_begin(s, merge);
    return var ? spv_op(s, SpvOpLoad, type, 1, var) : 0;
}

uint32_t tex_all(struct ctx *c, const struct choices *t, uint32_t type, tex_fn fn, void *op)
{
    struct spv *s = &c->s;
    uint32_t r = spv_null(s, type), v;

    for (unsigned i = 0; i < t->n; i++) {
        v = fn(c, op, &t->place[i]);
        r = t->n == 1 && !t->null
                ? v
                : spv_op(s, SpvOpSelect, type, 3,
                         spv_op(s, SpvOpIEqual, spv_type_bool(s), 2, t->id, spv_u32(s, t->number[i])), v, r);
    }
    return r;
}

/* ---- images ---- */

uint32_t tex_component(struct ctx *c, const struct arg *a, enum air_component *cls)
{
    struct spv *s = &c->s;

    switch (a->r.component) {
    case AIR_COMPONENT_INT:
    case AIR_COMPONENT_SHORT:
        *cls = AIR_COMPONENT_INT;
        return spv_type_sint(s, 32);
    case AIR_COMPONENT_UINT:
    case AIR_COMPONENT_USHORT:
        *cls = AIR_COMPONENT_UINT;
        return spv_type_uint(s, 32);
    case AIR_COMPONENT_ULONG:
        *cls = AIR_COMPONENT_ULONG;
        if (~c->opt->caps & (AIR_CAP_IMAGE_INT64 | AIR_CAP_INT64)) /* the texel's type itself needs the latter */
            air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "textures of 64-bit integers");
        spv_cap(s, SpvCapabilityInt64ImageEXT);
        spv_ext(s, "SPV_EXT_shader_image_int64");
        return spv_type_uint(s, 64);
    default:
        *cls = AIR_COMPONENT_FLOAT;
        return spv_type_float(s, 32);
    }
}

static uint32_t storage_format(struct ctx *c, const struct arg *a, enum air_component cls)
{
    struct spv *s = &c->s;
    uint32_t fmt = a->r.index < AIR_MAX_TEXTURES ? c->opt->storage_format[a->r.index] : 0;

    if (a->atomic) {
        fmt = cls == AIR_COMPONENT_INT    ? SpvImageFormatR32i
              : cls == AIR_COMPONENT_UINT ? SpvImageFormatR32ui
                                          : SpvImageFormatR64ui;
        if (cls == AIR_COMPONENT_FLOAT)
            air_fail(c, AIR_REFUSE_INTRINSIC, "atomic on a float texture");
    } else if (a->fetched && !fmt) {
        if (!(c->opt->caps & AIR_CAP_STORAGE_READ_ANY))
            air_fail(c, AIR_REFUSE_STORAGE_FORMAT, "texture %u is read and written: its format must be given",
                     a->r.index);
        spv_cap(s, SpvCapabilityStorageImageReadWithoutFormat);
    }
    if ((fmt > SpvImageFormatRgba32f && fmt != SpvImageFormatR32i && fmt != SpvImageFormatR32ui) ||
        (fmt > SpvImageFormatR32f && fmt < SpvImageFormatRgba32i))
        spv_cap(s, SpvCapabilityStorageImageExtendedFormats);
    if (!fmt && (a->written || a->r.access != AIR_ACCESS_READ)) {
        if (!(c->opt->caps & AIR_CAP_STORAGE_WRITE_ANY))
            air_fail(c, AIR_REFUSE_STORAGE_FORMAT, "texture %u is written: its format must be given", a->r.index);
        spv_cap(s, SpvCapabilityStorageImageWriteWithoutFormat);
    }
    return fmt;
}

static uint32_t image_type(struct ctx *c, struct arg *a, const struct tex_kind *kd, bool as_array, bool store)
{
    struct spv *s = &c->s;
    enum air_component cls;
    uint32_t st = tex_component(c, a, &cls), dim, fmt = SpvImageFormatUnknown;
    bool arrayed = kd->array || as_array;

    dim = kd->buffer                  ? SpvDimBuffer
          : kd->cube && !as_array     ? SpvDimCube
          : kd->dim == 1              ? SpvDim1D
          : kd->dim == 3 && !kd->cube ? SpvDim3D
                                      : SpvDim2D;
    if (store)
        fmt = storage_format(c, a, cls);
    if (dim == SpvDim1D)
        spv_cap(s, store ? SpvCapabilityImage1D : SpvCapabilitySampled1D);
    if (dim == SpvDimBuffer)
        spv_cap(s, store ? SpvCapabilityImageBuffer : SpvCapabilitySampledBuffer);
    if (dim == SpvDimCube && arrayed) {
        if (!(c->opt->caps & AIR_CAP_CUBE_ARRAY))
            air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "cube arrays");
        spv_cap(s, store ? SpvCapabilityImageCubeArray : SpvCapabilitySampledCubeArray);
    }
    if (kd->ms && store) {
        if (!(c->opt->caps & AIR_CAP_MS_STORAGE))
            air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "multisampled storage images");
        spv_cap(s, SpvCapabilityStorageImageMultisample);
    }
    if (kd->ms && arrayed && store)
        spv_cap(s, SpvCapabilityImageMSArray);
    return spv_type(s, SpvOpTypeImage, 7, st, dim, kd->depth && a->compared ? 1u : 0u, arrayed ? 1u : 0u,
                    kd->ms ? 1u : 0u, store ? 2u : 1u, fmt);
}

/* A variable for @n descriptors of @type. */
static uint32_t descriptor(struct ctx *c, uint32_t type, uint32_t n, uint32_t set, uint32_t binding, const char *name)
{
    struct spv *s = &c->s;
    uint32_t var = spv_id(s);

    if (n > 1)
        type = spv_type_array(s, type, n);
    spv_raw(
        s, &s->types, SpvOpVariable,
        (const uint32_t[]){spv_type_ptr(s, SpvStorageClassUniformConstant, type), var, SpvStorageClassUniformConstant},
        3);
    words_push(s, &c->iface, var);
    spv_decorate(s, var, SpvDecorationDescriptorSet, 1, set);
    spv_decorate(s, var, SpvDecorationBinding, 1, binding);
    if (c->opt->flags & AIR_OPT_DEBUG_NAMES && name)
        spv_name(s, var, name);
    return var;
}

static uint32_t declare_image(struct ctx *c, struct arg *a, bool as_array, uint32_t *type)
{
    struct spv *s = &c->s;
    bool store = a->storage;
    uint32_t n = (a->r.count ? a->r.count : 1) * (a->levels > 1 ? a->levels : 1), var;

    *type = image_type(c, a, tex_kind_of(a), as_array, store);
    var = descriptor(c, *type, n, a->r.set, as_array ? AIR_BIND_CUBE_ARRAY + a->r.index : a->r.binding, a->name);
    if (store && !a->fetched && !a->atomic)
        spv_decorate(s, var, SpvDecorationNonReadable, 0);
    if (store && a->fetched)
        spv_decorate(s, var, SpvDecorationCoherent, 0);
    a->r.flags |= AIR_ARG_USED | (store ? AIR_ARG_STORAGE : 0) | (a->written ? AIR_ARG_WRITTEN : 0) |
                  (a->compared ? AIR_ARG_COMPARE : 0) | (as_array ? AIR_ARG_CUBE_ARRAY : 0);
    a->r.levels = a->levels > 1 ? a->levels : 1;
    if (as_array && !a->sampled)
        a->r.flags |= AIR_ARG_CUBE_ONLY_ARRAY;
    if (!as_array)
        a->r.flags &= ~(uint32_t)AIR_ARG_CUBE_ONLY_ARRAY;
    a->r.flags &= ~(uint32_t)AIR_ARG_QUERY_ONLY;
    return var;
}

static void non_uniform(struct ctx *c, const struct place *p, uint32_t id)
{
    if (p->non_uniform)
        spv_decorate(&c->s, id, SpvDecorationNonUniform, 0);
}

/* Descriptor @index of an array variable, or the variable itself when it has no elements. */
static uint32_t element(struct ctx *c, const struct place *p, uint32_t var, uint32_t type, uint32_t index,
                        SpvCapability cap)
{
    struct spv *s = &c->s;
    uint32_t r;

    if (!index)
        return var;
    if (p->non_uniform) {
        spv_ext(s, "SPV_EXT_descriptor_indexing");
        spv_cap(s, SpvCapabilityShaderNonUniform);
        spv_cap(s, cap);
        index = spv_op(s, SpvOpCopyObject, spv_type_uint(s, 32), 1, index); /* an index of several accesses: decorated once each */
        non_uniform(c, p, index);
    }
    r = spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassUniformConstant, type), 2, var, index);
    non_uniform(c, p, r);
    return r;
}

uint32_t tex_pointer(struct ctx *c, const struct place *t, bool as_array, uint32_t *type)
{
    struct spv *s = &c->s;
    struct arg *a = t->a;
    const struct tex_kind *kd = tex_kind_of(a);
    uint32_t *var = as_array ? &a->array_var : &a->image_var, *ty = as_array ? &a->array_type : &a->image_type, index;

    if (!*var)
        *var = declare_image(c, a, as_array, ty);
    *type = *ty;
    index = t->element;
    if (a->levels > 1) {
        index = index ? spv_imul(s, index, spv_u32(s, a->levels)) : spv_u32(s, 0);
        index = spv_iadd(s, index, t->level ? t->level : spv_u32(s, 0));
    }
    return element(c, t, *var, *ty, index,
                   !a->storage  ? (kd->buffer ? SpvCapabilityUniformTexelBufferArrayNonUniformIndexing
                                              : SpvCapabilitySampledImageArrayNonUniformIndexing)
                   : kd->buffer ? SpvCapabilityStorageTexelBufferArrayNonUniformIndexing
                                : SpvCapabilityStorageImageArrayNonUniformIndexing);
}

static uint32_t load(struct ctx *c, const struct place *p, uint32_t type, uint32_t ptr)
{
    uint32_t r = spv_op(&c->s, SpvOpLoad, type, 1, ptr);

    non_uniform(c, p, r);
    return r;
}

uint32_t tex_load(struct ctx *c, const struct place *t, bool as_array, uint32_t *type)
{
    uint32_t p = tex_pointer(c, t, as_array, type);

    return load(c, t, *type, p);
}

/* A storage image knows neither its levels nor their sizes: they are asked of a sampled view of the same texture. */
uint32_t tex_load_query(struct ctx *c, const struct place *t, uint32_t *type)
{
    struct arg *a = t->a;

    if (!a->query_var) {
        a->query_type = image_type(c, a, tex_kind_of(a), false, false);
        a->query_var = descriptor(c, a->query_type, a->r.count, a->r.set, AIR_BIND_QUERY + a->r.index, a->name);
        a->r.flags |= AIR_ARG_USED | AIR_ARG_QUERY;
        if (!a->image_var && !a->array_var)
            a->r.flags |= AIR_ARG_QUERY_ONLY;
    }
    *type = a->query_type;
    return load(
        c, t, *type,
        element(c, t, a->query_var, a->query_type, t->element, SpvCapabilitySampledImageArrayNonUniformIndexing));
}

/* ---- samplers ---- */

/* 64-bit word of a constexpr sampler behind @v. */
static bool sampler_word(LLVMValueRef v, uint64_t *w)
{
    for (unsigned depth = 0; depth < 16 && v; depth++) {
        if (LLVMIsAGlobalVariable(v)) {
            LLVMValueRef init = LLVMGetInitializer(v);

            for (unsigned d = 0; d < 4 && init && !LLVMIsAConstantInt(init); d++)
                init = LLVMGetAggregateElement(init, 0);
            if (!init || !LLVMIsAConstantInt(init) || LLVMGetIntTypeWidth(LLVMTypeOf(init)) != 64)
                return false;
            *w = LLVMConstIntGetZExtValue(init);
            return true;
        }
        if (!LLVMIsAConstantExpr(v))
            return false;
        if (LLVMGetConstOpcode(v) == LLVMIntToPtr) {
            v = LLVMGetOperand(v, 0);
            if (!LLVMIsAConstantInt(v))
                return false;
            *w = LLVMConstIntGetZExtValue(v);
            return true;
        }
        v = LLVMGetOperand(v, 0);
    }
    return false;
}

int sampler_number(struct ctx *c, LLVMValueRef v)
{
    struct air_reflect_sampler *n;
    uint64_t w;

    if (!sampler_word(v, &w))
        return -1;
    w &= ~(UINT64_C(1) << 63);
    for (unsigned i = 0; i < c->nsampler; i++) {
        if (c->sampler[i].word[0] == (uint32_t)w && c->sampler[i].word[1] == (uint32_t)(w >> 32))
            return (int)i;
    }
    if (c->nsampler == ARRAY_LEN(c->sampler))
        air_fail(c, AIR_REFUSE_LIMIT, "more than %zu constexpr samplers", ARRAY_LEN(c->sampler));
    n = &c->sampler[c->nsampler];
    n->word[0] = (uint32_t)w;
    n->word[1] = (uint32_t)(w >> 32);
    n->binding = AIR_BIND_IMMUTABLE + c->nsampler;
    n->set = air_reflect_set(&c->h);
    return (int)c->nsampler++;
}

uint32_t tex_load_sampler(struct ctx *c, const struct place *p, bool *pixel)
{
    struct spv *s = &c->s;
    uint32_t t = spv_type(s, SpvOpTypeSampler, 0), *var;

    *pixel = false;
    if (!p->a) {
        var = &c->sampler_var[p->sampler];
        *pixel = c->sampler[p->sampler].word[0] >> 15 & 1;
        if (!*var)
            *var = descriptor(c, t, 1, c->sampler[p->sampler].set, c->sampler[p->sampler].binding, NULL);
        return load(c, p, t, *var);
    }
    if (!p->a->spv_var)
        p->a->spv_var = descriptor(c, t, p->a->r.count, p->a->r.set, p->a->r.binding, p->a->name);
    p->a->r.flags |= AIR_ARG_USED;
    return load(c, p, t, element(c, p, p->a->spv_var, t, p->element, SpvCapabilitySampledImageArrayNonUniformIndexing));
}

uint32_t tex_sampled(struct ctx *c, const struct place *t, const struct place *s, uint32_t type, uint32_t image,
                     uint32_t sampler)
{
    uint32_t r = spv_op(&c->s, SpvOpSampledImage, spv_type(&c->s, SpvOpTypeSampledImage, 1, type), 2, image, sampler);

    non_uniform(c, t->non_uniform ? t : s, r);
    return r;
}
