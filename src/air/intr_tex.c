/* SPDX-License-Identifier: MIT */
/*
 * Textures and samplers (air 3.2, 3.6). The calling shape is decided by operand types, not by AIR version. Separate
 * images and samplers; cubes that are read by texel are bound a second time as 2D arrays; constexpr samplers (air 2.13)
 * become immutable-sampler descriptors, and those with pixel coordinates are made normalised here.
 */
#include "ctx.h"

#include <string.h>

struct kind {
    const char *name;
    enum air_texture t;
    unsigned dim; /* coordinate components without layer */
    bool array, cube, ms, depth, buffer;
};

static const struct kind kinds[] = {
    {"texture_1d", AIR_TEXTURE_1D, 1, false, false, false, false, false},
    {"texture_1d_array", AIR_TEXTURE_1D_ARRAY, 1, true, false, false, false, false},
    {"texture_2d", AIR_TEXTURE_2D, 2, false, false, false, false, false},
    {"texture_2d_array", AIR_TEXTURE_2D_ARRAY, 2, true, false, false, false, false},
    {"texture_3d", AIR_TEXTURE_3D, 3, false, false, false, false, false},
    {"texture_cube", AIR_TEXTURE_CUBE, 3, false, true, false, false, false},
    {"texture_cube_array", AIR_TEXTURE_CUBE_ARRAY, 3, true, true, false, false, false},
    {"texture_2d_ms", AIR_TEXTURE_2D_MS, 2, false, false, true, false, false},
    {"texture_2d_ms_array", AIR_TEXTURE_2D_MS_ARRAY, 2, true, false, true, false, false},
    {"texture_buffer_1d", AIR_TEXTURE_BUFFER, 1, false, false, false, false, true},
    {"depth_2d", AIR_TEXTURE_DEPTH_2D, 2, false, false, false, true, false},
    {"depth_2d_array", AIR_TEXTURE_DEPTH_2D_ARRAY, 2, true, false, false, true, false},
    {"depth_cube", AIR_TEXTURE_DEPTH_CUBE, 3, false, true, false, true, false},
    {"depth_cube_array", AIR_TEXTURE_DEPTH_CUBE_ARRAY, 3, true, true, false, true, false},
    {"depth_2d_ms", AIR_TEXTURE_DEPTH_2D_MS, 2, false, false, true, true, false},
    {"depth_2d_ms_array", AIR_TEXTURE_DEPTH_2D_MS_ARRAY, 2, true, false, true, true, false},
};

/* "sample_texture_2d_grad" -> verb "sample", kind, grad. */
static const struct kind *split(const char *op, char *verb, size_t max, bool *grad)
{
    const char *p = strstr(op, "_texture_");
    size_t n;

    if (!p)
        p = strstr(op, "_depth_");
    if (!p || (size_t)(p - op) >= max)
        return NULL;
    memcpy(verb, op, (size_t)(p - op));
    verb[p - op] = 0;
    n = strlen(++p);
    *grad = n > 5 && !strcmp(p + n - 5, "_grad");
    if (*grad)
        n -= 5;
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strlen(kinds[i].name) == n && !strncmp(kinds[i].name, p, n))
            return &kinds[i];
    }
    return NULL;
}

static const struct kind *kind_of_arg(const struct arg *a)
{
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].t == (enum air_texture)a->r.texture)
            return &kinds[i];
    }
    return NULL;
}

/* Texture argument behind a handle; NULL for null handles. */
static struct arg *texture_arg(struct ctx *c, LLVMValueRef v)
{
    struct root *r = &c->root[root_find(c, root_of(c, v))];

    if (r->kind == ROOT_HANDLE && r->arg >= 0 && c->arg[r->arg].kind == AIR_KIND_TEXTURE)
        return &c->arg[r->arg];
    if (r->kind == ROOT_PHYS)
        air_fail(c, AIR_REFUSE_ARGUMENT_BUFFER, "texture handle loaded from memory: encoding unknown");
    return NULL;
}

/* What is done with each texture decides how it is declared. */
void texture_scan(struct ctx *c)
{
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
            LLVMValueRef f = LLVMIsACallInst(i) ? LLVMGetCalledValue(i) : NULL;
            const char *name = f && LLVMIsAFunction(f) ? LLVMGetValueName(f) : "";
            struct call k = {0};
            char verb[64];
            bool grad;
            const struct kind *kd;
            struct arg *a;

            if (strncmp(name, "air.", 4) || !LLVMGetNumArgOperands(i) || !is_pointer(LLVMGetOperand(i, 0)))
                continue;
            intr_split_name(&k, name + 4);
            kd = split(k.op, verb, sizeof(verb), &grad);
            a = kd ? texture_arg(c, LLVMGetOperand(i, 0)) : NULL;
            if (!a)
                continue;
            a->compared |= strstr(verb, "compare") && !strstr(verb, "atomic");
            a->sampled |= !strncmp(verb, "sample", 6) || !strncmp(verb, "gather", 6) || !strncmp(verb, "calculate", 9);
            a->fetched |= !strcmp(verb, "read");
            a->written |= !strcmp(verb, "write") || !strncmp(verb, "atomic", 6);
            a->atomic |= !strncmp(verb, "atomic", 6);
        }
    }
    for (unsigned i = 0; i < c->narg; i++) {
        struct arg *a = &c->arg[i];
        const struct kind *kd = a->kind == AIR_KIND_TEXTURE ? kind_of_arg(a) : NULL;

        if (!kd)
            continue;
        a->storage = a->r.access == AIR_ACCESS_WRITE || a->r.access == AIR_ACCESS_READ_WRITE || a->written;
        a->cube_fetch = kd->cube && a->fetched && !a->storage;
    }
}

static uint32_t component_type(struct ctx *c, const struct arg *a, enum air_component *cls)
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
        spv_cap(s, SpvCapabilityInt64ImageEXT);
        spv_ext(s, "SPV_EXT_shader_image_int64");
        return spv_type_uint(s, 64);
    default:
        *cls = AIR_COMPONENT_FLOAT;
        return spv_type_float(s, 32);
    }
}

static uint32_t declare_image(struct ctx *c, struct arg *a, bool as_array, uint32_t *type)
{
    struct spv *s = &c->s;
    const struct kind *kd = kind_of_arg(a);
    enum air_component cls;
    uint32_t st = component_type(c, a, &cls), dim, fmt = SpvImageFormatUnknown, var, t;
    bool arrayed = kd->array || as_array, store = a->storage;

    dim = kd->buffer                  ? SpvDimBuffer
          : kd->cube && !as_array     ? SpvDimCube
          : kd->dim == 1              ? SpvDim1D
          : kd->dim == 3 && !kd->cube ? SpvDim3D
                                      : SpvDim2D;
    if (store) {
        fmt = a->r.index < AIR_MAX_TEXTURES ? c->opt->storage_format[a->r.index] : 0;
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
        if (fmt > SpvImageFormatRgba32f && fmt != SpvImageFormatR32i && fmt != SpvImageFormatR32ui)
            spv_cap(s, SpvCapabilityStorageImageExtendedFormats);
        else if (fmt > SpvImageFormatR32f && fmt < SpvImageFormatRgba32i)
            spv_cap(s, SpvCapabilityStorageImageExtendedFormats);
        if (!fmt && (a->written || a->r.access != AIR_ACCESS_READ)) {
            if (!(c->opt->caps & AIR_CAP_STORAGE_WRITE_ANY))
                air_fail(c, AIR_REFUSE_STORAGE_FORMAT, "texture %u is written: its format must be given", a->r.index);
            spv_cap(s, SpvCapabilityStorageImageWriteWithoutFormat);
        }
    }
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
    if (kd->ms && arrayed)
        spv_cap(s, SpvCapabilityImageMSArray);
    t = spv_type(s, SpvOpTypeImage, 7, st, dim, kd->depth && a->compared ? 1u : 0u, arrayed ? 1u : 0u, kd->ms ? 1u : 0u,
                 store ? 2u : 1u, fmt);
    *type = t;
    if (a->r.count > 1)
        t = spv_type_array(s, t, a->r.count);
    var = spv_id(s);
    spv_raw(s, &s->types, SpvOpVariable,
            (const uint32_t[]){spv_type_ptr(s, SpvStorageClassUniformConstant, t), var, SpvStorageClassUniformConstant},
            3);
    words_push(s, &c->iface, var);
    spv_decorate(s, var, SpvDecorationDescriptorSet, 1, a->r.set);
    spv_decorate(s, var, SpvDecorationBinding, 1, as_array ? AIR_BIND_CUBE_ARRAY + a->r.index : a->r.binding);
    if (store && !a->fetched && !a->atomic)
        spv_decorate(s, var, SpvDecorationNonReadable, 0);
    if (store && a->fetched)
        spv_decorate(s, var, SpvDecorationCoherent, 0);
    if (c->opt->flags & AIR_OPT_DEBUG_NAMES && a->name)
        spv_name(s, var, a->name);
    a->r.flags |= AIR_ARG_USED | (store ? AIR_ARG_STORAGE : 0) | (a->written ? AIR_ARG_WRITTEN : 0) |
                  (a->compared ? AIR_ARG_COMPARE : 0) | (as_array ? AIR_ARG_CUBE_ARRAY : 0);
    if (as_array && !a->sampled)
        a->r.flags |= AIR_ARG_CUBE_ONLY_ARRAY;
    if (!as_array)
        a->r.flags &= ~(uint32_t)AIR_ARG_CUBE_ONLY_ARRAY;
    return var;
}

static uint32_t element_ptr(struct ctx *c, struct arg *a, uint32_t var, uint32_t type, LLVMValueRef handle)
{
    struct ptr p = pointer(c, handle);

    if (a->r.count <= 1)
        return var;
    if ((uint32_t)p.handle_index >= a->r.count)
        air_fail(c, AIR_REFUSE_METADATA, "texture array element %d of %u", p.handle_index, a->r.count);
    return spv_op(&c->s, SpvOpAccessChain, spv_type_ptr(&c->s, SpvStorageClassUniformConstant, type), 2, var,
                  spv_u32(&c->s, (uint32_t)p.handle_index));
}

static uint32_t image_ptr(struct ctx *c, struct arg *a, LLVMValueRef handle, bool as_array, uint32_t *type)
{
    uint32_t *var = as_array ? &a->array_var : &a->image_var, *t = as_array ? &a->array_type : &a->image_type;

    if (!*var)
        *var = declare_image(c, a, as_array, t);
    *type = *t;
    return element_ptr(c, a, *var, *t, handle);
}

static uint32_t load_image(struct ctx *c, struct arg *a, LLVMValueRef handle, bool as_array, uint32_t *type)
{
    uint32_t p = image_ptr(c, a, handle, as_array, type);

    return spv_op(&c->s, SpvOpLoad, *type, 1, p);
}

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
    n->set = c->stage == AIR_STAGE_FRAGMENT ? AIR_SET_FRAGMENT
             : c->stage == AIR_STAGE_MESH   ? AIR_SET_MESH
                                            : AIR_SET_VERTEX;
    return (int)c->nsampler++;
}

static uint32_t sampler_var(struct ctx *c, uint32_t set, uint32_t binding, uint32_t count, const char *name)
{
    struct spv *s = &c->s;
    uint32_t t = spv_type(s, SpvOpTypeSampler, 0), var = spv_id(s);

    if (count > 1)
        t = spv_type_array(s, t, count);
    spv_raw(s, &s->types, SpvOpVariable,
            (const uint32_t[]){spv_type_ptr(s, SpvStorageClassUniformConstant, t), var, SpvStorageClassUniformConstant},
            3);
    words_push(s, &c->iface, var);
    spv_decorate(s, var, SpvDecorationDescriptorSet, 1, set);
    spv_decorate(s, var, SpvDecorationBinding, 1, binding);
    if (c->opt->flags & AIR_OPT_DEBUG_NAMES && name)
        spv_name(s, var, name);
    return var;
}

static uint32_t load_sampler(struct ctx *c, LLVMValueRef v, bool *pixel)
{
    struct spv *s = &c->s;
    uint32_t t = spv_type(s, SpvOpTypeSampler, 0);
    struct root *r;
    int n = LLVMIsConstant(v) ? sampler_number(c, v) : -1;

    *pixel = false;
    if (n >= 0) {
        *pixel = c->sampler[n].word[0] >> 15 & 1;
        if (!c->sampler_var[n])
            c->sampler_var[n] = sampler_var(c, c->sampler[n].set, c->sampler[n].binding, 1, NULL);
        return spv_op(s, SpvOpLoad, t, 1, c->sampler_var[n]);
    }
    r = &c->root[root_find(c, root_of(c, v))];
    if (r->kind == ROOT_PHYS)
        air_fail(c, AIR_REFUSE_ARGUMENT_BUFFER, "sampler handle loaded from memory: encoding unknown");
    if (r->kind != ROOT_HANDLE || r->arg < 0 || c->arg[r->arg].kind != AIR_KIND_SAMPLER)
        air_fail(c, AIR_REFUSE_POINTER, "sampler operand that is no sampler");
    struct arg *a = &c->arg[r->arg];

    if (!a->spv_var)
        a->spv_var = sampler_var(c, a->r.set, a->r.binding, a->r.count, a->name);
    a->r.flags |= AIR_ARG_USED;
    return spv_op(s, SpvOpLoad, t, 1, element_ptr(c, a, a->spv_var, t, v));
}

static bool is_float(LLVMValueRef v)
{
    LLVMTypeKind k = LLVMGetTypeKind(elem_type(LLVMTypeOf(v)));

    return k == LLVMFloatTypeKind || k == LLVMHalfTypeKind;
}

static bool is_i1(LLVMValueRef v)
{
    return LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(LLVMTypeOf(v)) == 1;
}

static bool const_zero(LLVMValueRef v)
{
    return LLVMIsConstant(v) && (LLVMIsNull(v) || LLVMIsUndef(v));
}

/* Texel from the image's component type to what AIR expects; @comps components wanted in scalar or vector form. */
static void set_texel(struct ctx *c, struct call *k, uint32_t v4, enum air_component cls)
{
    struct spv *s = &c->s;
    bool st = LLVMGetTypeKind(k->ret) == LLVMStructTypeKind;
    LLVMTypeRef t = st ? LLVMStructGetTypeAtIndex(k->ret, 0) : k->ret;
    unsigned n = vec_len(t), bits = scalar_bits(c, t);
    bool integer = LLVMGetTypeKind(elem_type(t)) == LLVMIntegerTypeKind;
    uint32_t e = cls == AIR_COMPONENT_FLOAT ? spv_type_float(s, 32)
                 : cls == AIR_COMPONENT_INT ? spv_type_sint(s, 32)
                                            : spv_type_uint(s, cls == AIR_COMPONENT_ULONG ? 64 : 32),
             o[4], r;

    if (integer != (cls != AIR_COMPONENT_FLOAT) || n > 4)
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
    set_value(c, k->inst, r);
}

static void set_zero(struct ctx *c, struct call *k)
{
    if (LLVMGetTypeKind(k->ret) != LLVMVoidTypeKind)
        set_value(c, k->inst, spv_null(&c->s, type_of(c, k->ret)));
}

static uint32_t size_query(struct ctx *c, struct arg *a, LLVMValueRef handle, const struct kind *kd, uint32_t lod,
                           unsigned *n)
{
    struct spv *s = &c->s;
    bool as_array = kd->cube && a->cube_fetch && !a->sampled;
    uint32_t type, img = load_image(c, a, handle, as_array, &type);
    uint32_t it = spv_type_uint(s, 32);

    spv_cap(s, SpvCapabilityImageQuery);
    *n = (kd->cube ? 2 : kd->dim) + (kd->array || as_array ? 1u : 0u);
    if (a->storage || kd->ms || kd->buffer)
        return spv_op(s, SpvOpImageQuerySize, spv_type_vec(s, it, *n), 1, img);
    return spv_op(s, SpvOpImageQuerySizeLod, spv_type_vec(s, it, *n), 2, img, lod);
}

static void sample(struct ctx *c, struct call *k, const struct kind *kd, const char *verb, bool grad)
{
    struct spv *s = &c->s;
    struct arg *a = texture_arg(c, k->a[0]);
    bool compare = strstr(verb, "compare") != NULL, gather = verb[0] == 'g', pixel, implicit = false;
    bool has_off = !kd->cube, level = false;
    unsigned i = 1, nc = kd->dim;
    LLVMValueRef samp = k->a[i++], coord, off = NULL, lod = NULL, minlod = NULL, dx = NULL, dy = NULL, layer = NULL,
                 ref = NULL;
    uint32_t comp = 0, f = spv_type_float(s, 32), co, img, it, si, o[16], ops[8], mask = 0, v4, r;
    unsigned n = 0, no = 0;
    enum air_component cls;

#define NEED(cond)                                                                                                     \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: operand %u", k->name, i);                                    \
    } while (0)
    NEED(k->n > 3 && is_pointer(samp));
    if (kd->depth && i < k->n && !is_float(k->a[i]))
        i++; /* the constant 1 of depth textures */
    NEED(i < k->n && is_float(k->a[i]) && vec_len(LLVMTypeOf(k->a[i])) == kd->dim);
    coord = k->a[i++];
    if (kd->array) {
        NEED(i < k->n && !is_float(k->a[i]));
        layer = k->a[i++];
    }
    if (compare) {
        NEED(i < k->n && is_float(k->a[i]));
        ref = k->a[i++];
    }
    if (grad) {
        NEED(i + 1 < k->n && is_float(k->a[i]) && is_float(k->a[i + 1]));
        dx = k->a[i++];
        dy = k->a[i++];
        if (i < k->n && is_float(k->a[i]))
            minlod = k->a[i++];
    }
    if (has_off && i + 1 < k->n && is_i1(k->a[i]) && !is_float(k->a[i + 1]) && !is_i1(k->a[i + 1])) {
        i++;
        off = k->a[i++];
    }
    if (!grad && !gather) {
        NEED(i + 1 < k->n && is_i1(k->a[i]) && is_float(k->a[i + 1]));
        level = LLVMIsAConstantInt(k->a[i]) && LLVMConstIntGetZExtValue(k->a[i]);
        i++;
        lod = k->a[i++];
        if (i < k->n && is_float(k->a[i]))
            minlod = k->a[i++];
    }
    if (gather && !kd->depth && !compare && i < k->n && LLVMIsAConstantInt(k->a[i]))
        comp = (uint32_t)LLVMConstIntGetZExtValue(k->a[i]) & 3;
    if (!a) {
        set_zero(c, k);
        return;
    }
    (void)component_type(c, a, &cls);
    co = value(c, coord);
    if (scalar_bits(c, LLVMTypeOf(coord)) == 16)
        co = spv_op(s, SpvOpFConvert, spv_type_vec(s, f, nc), 1, co);
    r = load_sampler(c, samp, &pixel);
    if (a->storage)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s on a writable texture", k->name);
    if ((pixel && !kd->cube) || (off && !gather && !const_zero(off) && !LLVMIsConstant(off))) {
        unsigned m;
        uint32_t sz = size_query(c, a, k->a[0], kd, spv_u32(s, 0), &m), fv = spv_type_vec(s, f, kd->dim), q[4];

        for (unsigned j = 0; j < kd->dim; j++)
            q[j] = spv_op(s, SpvOpConvertUToF, f, 1, extract(c, sz, spv_type_uint(s, 32), m, j));
        sz = construct(c, fv, q, kd->dim);
        if (pixel)
            co = spv_op(s, SpvOpFDiv, fv, 2, co, sz);
        if (off && !LLVMIsConstant(off)) {
            uint32_t ov = spv_op(s, SpvOpConvertSToF, fv, 1, value(c, off));

            co = spv_op(s, SpvOpFAdd, fv, 2, co, spv_op(s, SpvOpFDiv, fv, 2, ov, sz));
            off = NULL;
        }
    }
    if (layer) {
        uint32_t q[4];

        for (unsigned j = 0; j < kd->dim; j++)
            q[j] = extract(c, co, f, kd->dim, j);
        q[kd->dim] = spv_op(s, SpvOpConvertUToF, f, 1, to_u32(c, value(c, layer), LLVMTypeOf(layer), false));
        co = construct(c, spv_type_vec(s, f, kd->dim + 1), q, kd->dim + 1);
    }
    img = load_image(c, a, k->a[0], false, &it);
    si = spv_op(s, SpvOpSampledImage, spv_type(s, SpvOpTypeSampledImage, 1, it), 2, img, r);
    if (!grad && !gather) {
        uint32_t l = value(c, lod);

        if (scalar_bits(c, LLVMTypeOf(lod)) == 16)
            l = spv_op(s, SpvOpFConvert, f, 1, l);
        if (c->stage != AIR_STAGE_FRAGMENT && !level) {
            l = spv_f32(s, 0);
            level = true;
        }
        if (level && minlod && !const_zero(minlod)) {
            l = spv_glsl(s, GLSLstd450FMax, f, 2, l, value(c, minlod));
            minlod = NULL;
        }
        implicit = !level;
        if (level) {
            mask |= SpvImageOperandsLodMask;
            ops[no++] = l;
        } else if (!const_zero(lod)) {
            mask |= SpvImageOperandsBiasMask;
            ops[no++] = l;
        }
    } else if (grad) {
        mask |= SpvImageOperandsGradMask;
        ops[no++] = value(c, dx);
        ops[no++] = value(c, dy);
    }
    if (off && !const_zero(off)) {
        uint32_t ov = spv_op(s, SpvOpBitcast, spv_type_vec(s, spv_type_sint(s, 32), kd->dim), 1, value(c, off));

        if (LLVMIsConstant(off)) {
            uint32_t q[3];

            for (unsigned j = 0; j < kd->dim; j++) {
                LLVMValueRef e = kd->dim == 1 ? off : LLVMGetAggregateElement(off, j);

                NEED(e && LLVMIsAConstantInt(e));
                q[j] = spv_s32(s, (int32_t)LLVMConstIntGetSExtValue(e));
            }
            ov = kd->dim == 1
                     ? q[0]
                     : spv_const(s, spv_type_vec(s, spv_type_sint(s, 32), kd->dim), SpvOpConstantComposite, q, kd->dim);
            mask |= SpvImageOperandsConstOffsetMask;
        } else {
            spv_cap(s, SpvCapabilityImageGatherExtended);
            mask |= SpvImageOperandsOffsetMask;
        }
        ops[no++] = ov;
    }
    if (minlod && !const_zero(minlod) && (implicit || grad)) {
        if (!(c->opt->caps & AIR_CAP_MIN_LOD))
            air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "minimum LOD clamp");
        spv_cap(s, SpvCapabilityMinLod);
        mask |= SpvImageOperandsMinLodMask;
        ops[no++] = value(c, minlod);
    }
    o[n++] = si;
    o[n++] = co;
    if (compare)
        o[n++] = value(c, ref);
    else if (gather)
        o[n++] = spv_u32(s, comp);
    if (mask) {
        o[n++] = mask;
        for (unsigned j = 0; j < no; j++)
            o[n++] = ops[j];
    }
    v4 = spv_type_vec(s, component_type(c, a, &cls), 4);
    if (gather) {
        r = spv_opv(s, compare ? SpvOpImageDrefGather : SpvOpImageGather, v4, o, n);
    } else if (compare) {
        r = spv_opv(s, implicit ? SpvOpImageSampleDrefImplicitLod : SpvOpImageSampleDrefExplicitLod, f, o, n);
        r = splat(c, r, f, 4);
    } else {
        r = spv_opv(s, implicit ? SpvOpImageSampleImplicitLod : SpvOpImageSampleExplicitLod, v4, o, n);
    }
    set_texel(c, k, r, cls);
}

/* Integer coordinate with face and layer for reads, writes and atomics. */
static uint32_t texel_coord(struct ctx *c, const struct kind *kd, LLVMValueRef coord, LLVMValueRef off,
                            LLVMValueRef face, LLVMValueRef layer, bool as_array)
{
    struct spv *s = &c->s;
    unsigned n = vec_len(LLVMTypeOf(coord)), m = n;
    uint32_t u = spv_type_uint(s, 32), co = to_u32(c, value(c, coord), LLVMTypeOf(coord), false), q[4], l = 0;

    if (off && !const_zero(off))
        co = spv_op(s, SpvOpIAdd, spv_type_vec(s, u, n), 2, co, to_u32(c, value(c, off), LLVMTypeOf(off), true));
    if (layer)
        l = to_u32(c, value(c, layer), LLVMTypeOf(layer), false);
    if (face) {
        uint32_t fa = to_u32(c, value(c, face), LLVMTypeOf(face), false);

        l = l ? spv_iadd(s, spv_imul(s, l, spv_u32(s, 6)), fa) : fa;
    }
    (void)as_array;
    (void)kd;
    if (!l)
        return co;
    for (unsigned j = 0; j < n; j++)
        q[j] = extract(c, co, u, n, j);
    q[m++] = l;
    return construct(c, spv_type_vec(s, u, m), q, m);
}

static void read_texel(struct ctx *c, struct call *k, const struct kind *kd)
{
    struct spv *s = &c->s;
    struct arg *a = texture_arg(c, k->a[0]);
    unsigned i = 1, cd = kd->cube ? 2 : kd->dim;
    LLVMValueRef coord, face = NULL, layer = NULL, off = NULL, smp = NULL, lod = NULL;
    bool modern = i < k->n && is_pointer(k->a[i]), as_array;
    uint32_t img, it, o[8], r, v4, co;
    unsigned n = 0;
    enum air_component cls;

    if (modern)
        i++; /* the read sampler carries nothing */
    if (kd->depth && i + 1 < k->n && vec_len(LLVMTypeOf(k->a[i])) == 1 && cd > 1)
        i++;
    NEED(i < k->n && !is_float(k->a[i]) && vec_len(LLVMTypeOf(k->a[i])) == cd);
    coord = k->a[i++];
    if (kd->cube) {
        NEED(i < k->n);
        face = k->a[i++];
    }
    if (kd->array) {
        NEED(i < k->n);
        layer = k->a[i++];
    }
    if (modern && !kd->cube && !kd->ms && i < k->n && LLVMTypeOf(k->a[i]) == LLVMTypeOf(coord) && i + 1 < k->n)
        off = k->a[i++];
    if (kd->ms) {
        NEED(i < k->n);
        smp = k->a[i++];
    }
    if (!kd->ms && !kd->buffer && i < k->n)
        lod = k->a[i++];
    if (!a) {
        set_zero(c, k);
        return;
    }
    v4 = spv_type_vec(s, component_type(c, a, &cls), 4);
    as_array = a->cube_fetch;
    img = load_image(c, a, k->a[0], as_array, &it);
    co = texel_coord(c, kd, coord, off, face, layer, as_array);
    o[n++] = img;
    o[n++] = co;
    if (smp) {
        o[n++] = SpvImageOperandsSampleMask;
        o[n++] = to_u32(c, value(c, smp), LLVMTypeOf(smp), false);
    } else if (!a->storage && !kd->buffer) {
        o[n++] = SpvImageOperandsLodMask;
        o[n++] = lod ? to_u32(c, value(c, lod), LLVMTypeOf(lod), false) : spv_u32(s, 0);
    }
    r = spv_opv(s, a->storage ? SpvOpImageRead : SpvOpImageFetch, v4, o, n);
    set_texel(c, k, r, cls);
}

/* A texel operand as the image's vec4. */
static uint32_t texel_in(struct ctx *c, LLVMValueRef v, enum air_component cls)
{
    struct spv *s = &c->s;
    LLVMTypeRef t = LLVMTypeOf(v);
    unsigned n = vec_len(t), bits = scalar_bits(c, t);
    uint32_t id = value(c, v), e, o[4];

    if (n != 1 && n != 4)
        air_fail(c, AIR_REFUSE_INTRINSIC, "texel of %u components", n);
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

static void write_texel(struct ctx *c, struct call *k, const struct kind *kd)
{
    struct spv *s = &c->s;
    struct arg *a = texture_arg(c, k->a[0]);
    unsigned i = 1, cd = kd->cube ? 2 : kd->dim;
    LLVMValueRef coord, face = NULL, layer = NULL, texel;
    uint32_t img, it, merge, co, tx;
    enum air_component cls;

    if (kd->depth && i + 1 < k->n && vec_len(LLVMTypeOf(k->a[i])) == 1 && cd > 1)
        i++;
    NEED(i < k->n && !is_float(k->a[i]) && vec_len(LLVMTypeOf(k->a[i])) == cd);
    coord = k->a[i++];
    if (kd->cube) {
        NEED(i < k->n);
        face = k->a[i++];
    }
    if (kd->array) {
        NEED(i < k->n);
        layer = k->a[i++];
    }
    NEED(i < k->n);
    texel = k->a[i++];
    if (i < k->n && !(LLVMIsAConstantInt(k->a[i]) && (LLVMIsNull(k->a[i]) || i + 1 >= k->n)) && !kd->ms && !kd->buffer)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: write to a level other than 0", k->name);
    if (!a)
        return;
    (void)component_type(c, a, &cls);
    guard_begin(c, &merge);
    img = load_image(c, a, k->a[0], false, &it);
    co = texel_coord(c, kd, coord, NULL, face, layer, false);
    tx = texel_in(c, texel, cls);
    spv_void(s, SpvOpImageWrite, 3, img, co, tx);
    guard_end(c, merge);
}

static void image_atomic(struct ctx *c, struct call *k, const struct kind *kd, const char *verb)
{
    static const struct {
        const char *name;
        SpvOp s, u;
    } t[] = {{"fetch_add", SpvOpAtomicIAdd, SpvOpAtomicIAdd}, {"fetch_sub", SpvOpAtomicISub, SpvOpAtomicISub},
             {"fetch_and", SpvOpAtomicAnd, SpvOpAtomicAnd},   {"fetch_or", SpvOpAtomicOr, SpvOpAtomicOr},
             {"fetch_xor", SpvOpAtomicXor, SpvOpAtomicXor},   {"fetch_min", SpvOpAtomicSMin, SpvOpAtomicUMin},
             {"fetch_max", SpvOpAtomicSMax, SpvOpAtomicUMax}, {"exchange", SpvOpAtomicExchange, SpvOpAtomicExchange}};
    struct spv *s = &c->s;
    struct arg *a = texture_arg(c, k->a[0]);
    const char *op = verb + 7;
    bool store = !strncmp(op, "store", 5), cas = !strncmp(op, "compare", 7), load = !strncmp(op, "load", 4);
    unsigned i = 1, cd = kd->cube ? 2 : kd->dim;
    LLVMValueRef coord, layer = NULL, texel = NULL, expect = NULL;
    uint32_t it, p, ptr, e, r = 0, merge, sc = spv_u32(s, SpvScopeDevice), none = spv_u32(s, 0), x = 0, v4;
    enum air_component cls;

    if (store && i < k->n && vec_len(LLVMTypeOf(k->a[i])) == 4 && cd != 4)
        texel = k->a[i++]; /* texel before the coordinate (air 3.6) */
    NEED(i < k->n && vec_len(LLVMTypeOf(k->a[i])) == cd);
    coord = k->a[i++];
    if (kd->array) {
        NEED(i < k->n);
        layer = k->a[i++];
    }
    if (cas) {
        NEED(i < k->n && is_pointer(k->a[i]));
        expect = k->a[i++];
    }
    if (!load && !texel) {
        NEED(i < k->n);
        texel = k->a[i++];
    }
    if (!a) {
        set_zero(c, k);
        return;
    }
    e = component_type(c, a, &cls);
    v4 = spv_type_vec(s, e, 4);
    p = image_ptr(c, a, k->a[0], false, &it);
    if (c->active && !load)
        air_fail(c, AIR_REFUSE_INTRINSIC, "texture atomics in a kernel with barriers and edges");
    guard_begin(c, &merge);
    ptr = spv_op(s, SpvOpImageTexelPointer, spv_type_ptr(s, SpvStorageClassImage, e), 3, p,
                 texel_coord(c, kd, coord, NULL, NULL, layer, false), none);
    if (texel)
        x = extract(c, texel_in(c, texel, cls), e, 4, 0);
    if (load) {
        r = spv_op(s, SpvOpAtomicLoad, e, 3, ptr, sc, none);
    } else if (store) {
        spv_void(s, SpvOpAtomicStore, 4, ptr, sc, none, x);
    } else if (cas) {
        LLVMTypeRef vt = LLVMTypeOf(texel);
        uint32_t want = extract(c, mem_load(c, pointer(c, expect), vt, 4), type_of(c, elem_type(vt)), vec_len(vt), 0),
                 ok;

        if (cls == AIR_COMPONENT_INT)
            want = spv_op(s, SpvOpBitcast, e, 1, want);
        r = spv_op(s, SpvOpAtomicCompareExchange, e, 6, ptr, sc, none, none, x, want);
        ok = spv_op(s, SpvOpIEqual, spv_type_bool(s), 2, r, want);
        if (cls == AIR_COMPONENT_INT)
            r = spv_op(s, SpvOpBitcast, spv_type_uint(s, 32), 1, r);
        mem_store(c, pointer(c, expect), vt, 4, splat(c, r, type_of(c, elem_type(vt)), vec_len(vt)));
        set_value(c, k->inst, ok);
        return;
    } else {
        for (unsigned j = 0; j < ARRAY_LEN(t); j++) {
            if (!strncmp(op, t[j].name, strlen(t[j].name)))
                r = spv_op(s, cls == AIR_COMPONENT_INT ? t[j].s : t[j].u, e, 4, ptr, sc, none, x);
        }
        NEED(r);
    }
    guard_end(c, merge);
    if (r && LLVMGetTypeKind(k->ret) != LLVMVoidTypeKind) {
        uint32_t q[4] = {r, spv_null(s, e), spv_null(s, e), spv_null(s, e)};

        set_texel(c, k, construct(c, v4, q, 4), cls);
    }
}

static void query(struct ctx *c, struct call *k, const struct kind *kd, const char *verb)
{
    struct spv *s = &c->s;
    struct arg *a = texture_arg(c, k->a[0]);
    uint32_t u = spv_type_uint(s, 32), r = 0, it, v, lod;
    unsigned n;

    if (!strcmp(verb, "is_null")) {
        set_value(c, k->inst, spv_bool(s, !a));
        return;
    }
    if (!a) {
        set_zero(c, k);
        return;
    }
    if (!strcmp(verb, "get_num_mip_levels")) {
        spv_cap(s, SpvCapabilityImageQuery);
        r = a->storage ? spv_u32(s, 1)
                       : spv_op(s, SpvOpImageQueryLevels, u, 1,
                                load_image(c, a, k->a[0], kd->cube && a->cube_fetch && !a->sampled, &it));
    } else if (!strcmp(verb, "get_num_samples")) {
        spv_cap(s, SpvCapabilityImageQuery);
        r = spv_op(s, SpvOpImageQuerySamples, u, 1, load_image(c, a, k->a[0], false, &it));
    } else {
        lod = k->n > 1 ? to_u32(c, value(c, k->a[k->n > 2 && kd->depth ? 2 : 1]), LLVMTypeOf(k->a[1]), false)
                       : spv_u32(s, 0);
        v = size_query(c, a, k->a[0], kd, lod, &n);
        if (!strcmp(verb, "get_width"))
            r = extract(c, v, u, n, 0);
        else if (!strcmp(verb, "get_height") && n > 1)
            r = extract(c, v, u, n, 1);
        else if (!strcmp(verb, "get_depth") && n > 2)
            r = extract(c, v, u, n, 2);
        else if (!strcmp(verb, "get_array_size") && n > 1)
            r = extract(c, v, u, n, n - 1);
        if (r && !strcmp(verb, "get_array_size") && kd->cube && a->cube_fetch && !a->sampled)
            r = spv_op(s, SpvOpUDiv, u, 2, r, spv_u32(s, 6));
    }
    if (!r)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s", k->name);
    set_value(c, k->inst, scalar_bits(c, k->ret) == 32 ? r : spv_op(s, SpvOpUConvert, type_of(c, k->ret), 1, r));
}

static void lod_query(struct ctx *c, struct call *k, bool clamped)
{
    struct spv *s = &c->s;
    struct arg *a = texture_arg(c, k->a[0]);
    uint32_t f = spv_type_float(s, 32), img, it, smp, r;
    unsigned i = 2;
    bool pixel;

    NEED(k->n > 2 && is_pointer(k->a[1]));
    if (!is_float(k->a[i]))
        i++;
    NEED(i < k->n && is_float(k->a[i]));
    if (!a || c->stage != AIR_STAGE_FRAGMENT) { /* without derivatives the level is 0 */
        set_zero(c, k);
        return;
    }
    spv_cap(s, SpvCapabilityImageQuery);
    smp = load_sampler(c, k->a[1], &pixel);
    img = load_image(c, a, k->a[0], false, &it);
    r = spv_op(s, SpvOpImageQueryLod, spv_type_vec(s, f, 2), 2,
               spv_op(s, SpvOpSampledImage, spv_type(s, SpvOpTypeSampledImage, 1, it), 2, img, smp), value(c, k->a[i]));
    set_value(c, k->inst, extract(c, r, f, 2, clamped ? 0 : 1));
}

bool intr_texture(struct ctx *c, struct call *k)
{
    char verb[64];
    bool grad;
    const struct kind *kd;

    if (!strncmp(k->op, "get_null_", 9) || !strcmp(k->op, "get_read_sampler")) {
        if (!is_pointer(k->inst))
            return false;
        set_pointer(c, k->inst, (struct ptr){.root = root_of(c, k->inst)});
        return true;
    }
    kd = split(k->op, verb, sizeof(verb), &grad);
    if (!kd || !k->n || !is_pointer(k->a[0]))
        return false;
    if (!strncmp(verb, "sample", 6) || !strncmp(verb, "gather", 6))
        sample(c, k, kd, verb, grad);
    else if (!strcmp(verb, "read"))
        read_texel(c, k, kd);
    else if (!strcmp(verb, "write"))
        write_texel(c, k, kd);
    else if (!strncmp(verb, "get_", 4) || !strcmp(verb, "is_null"))
        query(c, k, kd, verb);
    else if (!strncmp(verb, "calculate_", 10))
        lod_query(c, k, strstr(verb, "unclamped") == NULL);
    else if (!strncmp(verb, "atomic_", 7))
        image_atomic(c, k, kd, verb);
    else if (!strcmp(verb, "fence"))
        spv_void(&c->s, SpvOpMemoryBarrier, 2, spv_u32(&c->s, SpvScopeDevice),
                 spv_u32(&c->s, SpvMemorySemanticsAcquireReleaseMask | SpvMemorySemanticsImageMemoryMask));
    else
        return false;
    return true;
}
