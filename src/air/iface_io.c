/* SPDX-License-Identifier: MIT */
/*
 * Stage inputs and outputs (air 4.5): vertex attributes, varyings, render targets, patch data, and the parameters of the
 * function loaded from them. Halves travel as floats, narrow integers in 32 bits.
 */
#include "iface.h"

#include <string.h>

/* @id: @n components of u32; wanted: the parameter's integer type. */
static uint32_t fit_uint(struct ctx *c, uint32_t id, unsigned n, LLVMTypeRef want)
{
    struct spv *s = &c->s;
    unsigned m = vec_len(want), bits = scalar_bits(c, want);
    uint32_t o[4];

    if (LLVMGetTypeKind(elem_type(want)) != LLVMIntegerTypeKind || m > 4 || bits < 8)
        air_fail(c, AIR_REFUSE_METADATA, "builtin with a parameter that is no integer");
    for (unsigned i = 0; i < m; i++)
        o[i] = i < n ? extract(c, id, iface_u32(c), n, i) : spv_u32(s, 1);
    id = m == n ? id : construct(c, iface_uvec(c, m), o, m);
    return bits == 32 ? id : spv_op(s, SpvOpUConvert, type_of(c, want), 1, id);
}

static uint32_t fit_float(struct ctx *c, uint32_t id, unsigned n, LLVMTypeRef want)
{
    struct spv *s = &c->s;
    unsigned m = vec_len(want), bits = scalar_bits(c, want);
    uint32_t o[4], f = spv_type_float(s, 32);

    if ((bits != 16 && bits != 32) || LLVMGetTypeKind(elem_type(want)) == LLVMIntegerTypeKind || m > 4)
        air_fail(c, AIR_REFUSE_METADATA, "builtin with a parameter that is no float");
    for (unsigned i = 0; i < m; i++)
        o[i] = i < n ? extract(c, id, f, n, i) : spv_f32(s, 0);
    id = m == n ? id : construct(c, spv_type_vec(s, f, m), o, m);
    return bits == 32 ? id : spv_op(s, SpvOpFConvert, type_of(c, want), 1, id);
}

static bool signed_name(const char *type_name)
{
    return type_name &&
           (!strncmp(type_name, "int", 3) || !strncmp(type_name, "short", 5) || !strncmp(type_name, "char", 4));
}

/* Type of an interface variable for LLVM type @t: floats as f32, integers as 32 bits of the given sign. */
static uint32_t io_type(struct ctx *c, LLVMTypeRef t, bool is_signed, struct air_reflect_io *io)
{
    struct spv *s = &c->s;
    LLVMTypeRef e = elem_type(t);
    unsigned n = vec_len(t);
    uint32_t elem;

    if (n > 4 ||
        (LLVMGetTypeKind(e) != LLVMIntegerTypeKind && LLVMGetTypeKind(e) != LLVMHalfTypeKind &&
         LLVMGetTypeKind(e) != LLVMFloatTypeKind) ||
        scalar_bits(c, e) > 32)
        air_fail(c, AIR_REFUSE_TYPE, "stage input or output of an unusual type");
    io->width = n;
    if (LLVMGetTypeKind(e) == LLVMIntegerTypeKind) {
        elem = is_signed ? spv_type_sint(s, 32) : iface_u32(c);
        io->component = is_signed ? AIR_COMPONENT_INT : AIR_COMPONENT_UINT;
    } else {
        elem = spv_type_float(s, 32);
        io->component = AIR_COMPONENT_FLOAT;
    }
    return spv_type_vec(s, elem, n);
}

/* Value loaded from an interface variable to the parameter's type. */
static uint32_t from_io(struct ctx *c, uint32_t id, LLVMTypeRef t, bool is_signed)
{
    struct spv *s = &c->s;
    unsigned n = vec_len(t), b = scalar_bits(c, t);

    if (LLVMGetTypeKind(elem_type(t)) != LLVMIntegerTypeKind)
        return b == 16 ? spv_op(s, SpvOpFConvert, type_of(c, t), 1, id) : id;
    if (is_signed)
        id = spv_op(s, SpvOpBitcast, iface_uvec(c, n), 1, id);
    if (b == 1)
        return spv_op(s, SpvOpINotEqual, type_of(c, t), 2, id, spv_null(s, iface_uvec(c, n)));
    return b == 32 ? id : spv_op(s, SpvOpUConvert, type_of(c, t), 1, id);
}

static uint32_t to_io(struct ctx *c, uint32_t id, LLVMTypeRef t, bool is_signed)
{
    struct spv *s = &c->s;
    unsigned n = vec_len(t), b = scalar_bits(c, t);

    if (LLVMGetTypeKind(elem_type(t)) != LLVMIntegerTypeKind)
        return b == 16 ? spv_op(s, SpvOpFConvert, spv_type_vec(s, spv_type_float(s, 32), n), 1, id) : id;
    id = to_u32(c, id, t, is_signed);
    return is_signed ? spv_op(s, SpvOpBitcast, spv_type_vec(s, spv_type_sint(s, 32), n), 1, id) : id;
}

static void interpolation(struct ctx *c, uint32_t var, uint32_t flags, bool integer)
{
    if (flags & AIR_IO_FLAT || integer)
        spv_decorate(&c->s, var, SpvDecorationFlat, 0);
    else if (flags & AIR_IO_NO_PERSPECTIVE)
        spv_decorate(&c->s, var, SpvDecorationNoPerspective, 0);
    if (flags & AIR_IO_FLAT || integer)
        return;
    if (flags & AIR_IO_CENTROID)
        spv_decorate(&c->s, var, SpvDecorationCentroid, 0);
    if (flags & AIR_IO_SAMPLE) {
        spv_cap(&c->s, SpvCapabilitySampleRateShading);
        spv_decorate(&c->s, var, SpvDecorationSample, 0);
    }
}

/* Attributes of control points and patches travel in the same way as those of vertices. */
uint32_t iface_control_point_type(struct ctx *c, struct output *cp, LLVMTypeRef t)
{
    uint8_t cl = c->opt->attribute_class[cp->r.index];

    return io_type(c, t, cl ? cl == AIR_FORMAT_SINT : signed_name(cp->type_name), &cp->r);
}

uint32_t iface_from_control_point(struct ctx *c, struct output *cp, uint32_t id, LLVMTypeRef t)
{
    return from_io(c, id, t, cp->r.component == AIR_COMPONENT_INT);
}

static bool attribute_signed(struct ctx *c, struct arg *a)
{
    uint8_t cl = a->kind != AIR_KIND_FRAGMENT_INPUT && a->io.index < 32 ? c->opt->attribute_class[a->io.index] : 0;

    /* Varyings have no sign in the shader that writes them: both sides say unsigned. */
    return cl ? cl == AIR_FORMAT_SINT : a->kind != AIR_KIND_FRAGMENT_INPUT && signed_name(a->type_name);
}

static void declare_located(struct ctx *c, struct arg *a, uint32_t location)
{
    LLVMTypeRef t = LLVMTypeOf(a->value);
    uint32_t type = io_type(c, t, attribute_signed(c, a), &a->io);

    a->io.location = location;
    if (!LLVMGetFirstUse(a->value)) /* unused varyings are dropped (air 4.5) */
        return;
    a->spv_var = iface_var(c, type, SpvStorageClassInput);
    spv_decorate(&c->s, a->spv_var, SpvDecorationLocation, 1, location);
    if (c->stage == AIR_STAGE_FRAGMENT)
        interpolation(c, a->spv_var, a->io.flags, a->io.component != AIR_COMPONENT_FLOAT);
    if (c->h.patch_kind && c->stage == AIR_STAGE_VERTEX)
        spv_decorate(&c->s, a->spv_var, SpvDecorationPatch, 0);
    if (c->opt->flags & AIR_OPT_DEBUG_NAMES && a->name)
        spv_name(&c->s, a->spv_var, a->name);
    a->io.flags |= AIR_IO_USED;
}

static void declare_attachment(struct ctx *c, struct arg *a)
{
    struct spv *s = &c->s;
    LLVMTypeRef e = elem_type(LLVMTypeOf(a->value));
    bool integer = LLVMGetTypeKind(e) == LLVMIntegerTypeKind, sg = signed_name(a->type_name);
    uint8_t cl = a->io.index < 8 ? c->opt->attachment_class[a->io.index] : 0;
    uint32_t st;

    if (a->io.index >= AIR_MAX_ATTACHMENTS)
        air_fail(c, AIR_REFUSE_METADATA, "render target %u", a->io.index);
    if (cl)
        sg = cl == AIR_FORMAT_SINT;
    st = integer ? (sg ? spv_type_sint(s, 32) : iface_u32(c)) : spv_type_float(s, 32);
    a->io.component = integer ? (sg ? AIR_COMPONENT_INT : AIR_COMPONENT_UINT) : AIR_COMPONENT_FLOAT;
    spv_cap(s, SpvCapabilityInputAttachment);
    a->image_type = spv_type(s, SpvOpTypeImage, 7, st, SpvDimSubpassData, 0u, 0u, c->opt->sample_count > 1 ? 1u : 0u,
                             2u, SpvImageFormatUnknown);
    a->spv_var = iface_var(c, a->image_type, SpvStorageClassUniformConstant);
    spv_decorate(s, a->spv_var, SpvDecorationDescriptorSet, 1, (uint32_t)AIR_SET_FRAGMENT);
    spv_decorate(s, a->spv_var, SpvDecorationBinding, 1, AIR_BIND_ATTACHMENT + a->io.index);
    spv_decorate(s, a->spv_var, SpvDecorationInputAttachmentIndex, 1, a->io.index);
    c->h.flags |= AIR_REFLECT_FRAMEBUFFER_FETCH;
}

static LLVMTypeRef output_type(struct ctx *c, unsigned k)
{
    LLVMTypeRef r = LLVMGetReturnType(LLVMGlobalGetValueType(c->fn));

    if (LLVMGetTypeKind(r) == LLVMStructTypeKind) {
        if (LLVMCountStructElementTypes(r) < c->nout)
            air_fail(c, AIR_REFUSE_METADATA, "%u outputs, %u members returned", c->nout,
                     LLVMCountStructElementTypes(r));
        return LLVMStructGetTypeAtIndex(r, k);
    }
    if (c->nout != 1)
        air_fail(c, AIR_REFUSE_METADATA, "%u outputs from a function that returns one value", c->nout);
    return r;
}

static void declare_output(struct ctx *c, unsigned k, uint32_t *location)
{
    struct output *o = &c->outp[k];
    LLVMTypeRef t = output_type(c, k);
    struct spv *s = &c->s;
    uint32_t f = spv_type_float(s, 32);

    o->r.location = UINT32_MAX;
    o->r.flags |= AIR_IO_USED;
    switch (o->kind) {
    case AIR_KIND_POSITION:
        o->type = spv_type_vec(s, f, 4);
        o->var = iface_builtin(c, SpvBuiltInPosition, o->type, SpvStorageClassOutput);
        if (o->r.flags & AIR_IO_INVARIANT)
            spv_decorate(s, o->var, SpvDecorationInvariant, 0);
        break;
    case AIR_KIND_POINT_SIZE:
        if (c->h.patch_kind) { /* patches are never drawn as points */
            o->r.flags &= ~AIR_IO_USED;
            return;
        }
        o->type = f;
        o->var = iface_builtin(c, SpvBuiltInPointSize, f, SpvStorageClassOutput);
        break;
    case AIR_KIND_CLIP_DISTANCE:
        spv_cap(s, SpvCapabilityClipDistance);
        o->array = LLVMGetTypeKind(t) == LLVMArrayTypeKind ? LLVMGetArrayLength(t) : vec_len(t);
        if (!o->array || o->array > 8)
            air_fail(c, AIR_REFUSE_METADATA, "%u clip distances", o->array);
        o->type = spv_type_array(s, f, o->array);
        o->var = iface_builtin(c, SpvBuiltInClipDistance, o->type, SpvStorageClassOutput);
        break;
    case AIR_KIND_RENDER_TARGET_ARRAY_INDEX:
    case AIR_KIND_VIEWPORT_ARRAY_INDEX:
        if (!(c->opt->caps & AIR_CAP_LAYER_OUTPUT))
            air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "layer and viewport output");
        spv_cap(s,
                o->kind == AIR_KIND_VIEWPORT_ARRAY_INDEX ? SpvCapabilityShaderViewportIndex : SpvCapabilityShaderLayer);
        o->type = iface_u32(c);
        o->var = iface_builtin(c, o->kind == AIR_KIND_VIEWPORT_ARRAY_INDEX ? SpvBuiltInViewportIndex : SpvBuiltInLayer,
                               o->type, SpvStorageClassOutput);
        if (o->kind == AIR_KIND_RENDER_TARGET_ARRAY_INDEX)
            c->h.flags |= AIR_REFLECT_LAYERED;
        break;
    case AIR_KIND_VERTEX_OUTPUT:
        o->r.location = (*location)++;
        o->type = io_type(c, t, false, &o->r);
        o->var = iface_var(c, o->type, SpvStorageClassOutput);
        spv_decorate(s, o->var, SpvDecorationLocation, 1, o->r.location);
        break;
    case AIR_KIND_RENDER_TARGET: {
        uint8_t cl = c->opt->attachment_class[o->r.index];
        bool sg = cl ? cl == AIR_FORMAT_SINT : signed_name(o->type_name);

        o->r.location = o->r.index;
        o->type = io_type(c, t, sg, &o->r);
        o->var = iface_var(c, o->type, SpvStorageClassOutput);
        spv_decorate(s, o->var, SpvDecorationLocation, 1, o->r.index);
        if (o->r.source)
            spv_decorate(s, o->var, SpvDecorationIndex, 1, o->r.source);
        break;
    }
    case AIR_KIND_DEPTH:
        o->type = f;
        o->var = iface_builtin(c, SpvBuiltInFragDepth, f, SpvStorageClassOutput);
        break;
    case AIR_KIND_SAMPLE_MASK:
        o->type = spv_type_array(s, iface_u32(c), 1);
        o->var = iface_builtin(c, SpvBuiltInSampleMask, o->type, SpvStorageClassOutput);
        break;
    case AIR_KIND_STENCIL:
        spv_cap(s, SpvCapabilityStencilExportEXT);
        spv_ext(s, "SPV_EXT_shader_stencil_export");
        o->type = iface_u32(c);
        o->var = iface_builtin(c, SpvBuiltInFragStencilRefEXT, o->type, SpvStorageClassOutput);
        break;
    default:
        air_fail(c, AIR_REFUSE_BUILTIN, "output %s", air_kind_name(o->kind));
    }
    if (c->opt->flags & AIR_OPT_DEBUG_NAMES && o->name)
        spv_name(s, o->var, o->name);
}

void iface_declare(struct ctx *c)
{
    uint32_t location = 0, out = 0;

    if (c->stage == AIR_STAGE_KERNEL || c->stage == AIR_STAGE_OBJECT || c->stage == AIR_STAGE_MESH) {
        for (unsigned i = 0; i < 3; i++)
            c->local_size_id[i] = iface_spec(c, AIR_SPEC_LOCAL_X + i, 1);
    }
    for (unsigned i = 0; i < c->narg; i++) {
        struct arg *a = &c->arg[i];

        if (!a->is_io || a->absent)
            continue;
        a->io.location = UINT32_MAX;
        switch (a->kind) {
        case AIR_KIND_VERTEX_INPUT:
        case AIR_KIND_PATCH_INPUT:
            if (a->io.index >= AIR_MAX_ATTRIBUTES)
                air_fail(c, AIR_REFUSE_METADATA, "vertex attribute %u", a->io.index);
            for (unsigned k = 0; k < i; k++) {
                if (c->arg[k].kind == a->kind && c->arg[k].io.index == a->io.index && !c->arg[k].absent)
                    air_fail(c, AIR_REFUSE_METADATA, "vertex attribute %u twice", a->io.index);
            }
            for (unsigned k = 0; k < c->ncp; k++) {
                if (c->cp[k].r.index == a->io.index)
                    air_fail(c, AIR_REFUSE_METADATA, "attribute %u of patch and control point", a->io.index);
            }
            declare_located(c, a, a->io.index);
            break;
        case AIR_KIND_FRAGMENT_INPUT:
            if (!is_pointer(a->value))
                declare_located(c, a, location++);
            break;
        case AIR_KIND_RENDER_TARGET:
            declare_attachment(c, a);
            break;
        default:
            break;
        }
    }
    for (unsigned i = 0; i < c->nout; i++) {
        const struct air_reflect_io *r = &c->outp[i].r;

        for (unsigned k = 0; k < i; k++) {
            const struct air_reflect_io *q = &c->outp[k].r;

            if (r->kind == q->kind && r->kind != AIR_KIND_VERTEX_OUTPUT && r->index == q->index && r->source == q->source)
                air_fail(c, AIR_REFUSE_METADATA, "output %s twice", air_kind_name(r->kind));
        }
        declare_output(c, i, &out);
    }
    texture_scan(c);
}

/* Component @k of what the control stage hands on for lack of builtins in this one (AIR_TESS_LOCATION_IDS). */
static uint32_t patch_ids(struct ctx *c, unsigned k)
{
    struct spv *s = &c->s;
    uint32_t v4 = iface_uvec(c, 4), size = c->h.patch_control_points ? c->h.patch_control_points : AIR_MAX_PATCH_POINTS;

    if (!c->patch_ids) {
        c->patch_ids = iface_var(c, spv_type_array(s, v4, size), SpvStorageClassInput);
        spv_decorate(s, c->patch_ids, SpvDecorationLocation, 1, (uint32_t)AIR_TESS_LOCATION_IDS);
    }
    return spv_op(s, SpvOpLoad, iface_u32(c), 1,
                  spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassInput, iface_u32(c)), 3, c->patch_ids,
                         spv_u32(s, 0), spv_u32(s, k)));
}

static uint32_t load_input(struct ctx *c, struct arg *a)
{
    struct spv *s = &c->s;
    LLVMTypeRef t = LLVMTypeOf(a->value);
    uint32_t f = spv_type_float(s, 32), id, u = iface_u32(c);
    unsigned n;

    switch (a->kind) {
    case AIR_KIND_VERTEX_INPUT:
    case AIR_KIND_FRAGMENT_INPUT:
    case AIR_KIND_PATCH_INPUT: {
        struct air_reflect_io tmp;
        bool sg = attribute_signed(c, a);

        return from_io(c, spv_op(s, SpvOpLoad, io_type(c, t, sg, &tmp), 1, a->spv_var), t, sg);
    }
    case AIR_KIND_RENDER_TARGET: {
        bool sg = a->io.component == AIR_COMPONENT_INT, integer = a->io.component != AIR_COMPONENT_FLOAT;
        uint32_t e = integer ? (sg ? spv_type_sint(s, 32) : u) : f, zero[2], o[4];
        unsigned m = vec_len(t);

        zero[0] = zero[1] = spv_s32(s, 0);
        id = spv_const(s, spv_type_vec(s, spv_type_sint(s, 32), 2), SpvOpConstantComposite, zero, 2);
        id =
            c->opt->sample_count > 1
                ? spv_op(s, SpvOpImageRead, spv_type_vec(s, e, 4), 4,
                         spv_op(s, SpvOpLoad, a->image_type, 1, a->spv_var), id, SpvImageOperandsSampleMask,
                         spv_op(s, SpvOpBitcast, spv_type_sint(s, 32), 1, iface_load_builtin(c, SpvBuiltInSampleId, u)))
                : spv_op(s, SpvOpImageRead, spv_type_vec(s, e, 4), 2,
                         spv_op(s, SpvOpLoad, a->image_type, 1, a->spv_var), id);
        if (c->opt->sample_count > 1)
            spv_cap(s, SpvCapabilitySampleRateShading);
        if (m > 4)
            air_fail(c, AIR_REFUSE_TYPE, "render target of %u components", m);
        for (unsigned i = 0; i < m; i++)
            o[i] = extract(c, id, e, 4, i);
        return from_io(c, construct(c, spv_type_vec(s, e, m), o, m), t, sg);
    }
    case AIR_KIND_POSITION:
        return fit_float(c, iface_load_builtin(c, SpvBuiltInFragCoord, spv_type_vec(s, f, 4)), 4, t);
    case AIR_KIND_POINT_COORD:
        return fit_float(c, iface_load_builtin(c, SpvBuiltInPointCoord, spv_type_vec(s, f, 2)), 2, t);
    case AIR_KIND_POSITION_IN_PATCH:
        return fit_float(c, iface_load_builtin(c, SpvBuiltInTessCoord, spv_type_vec(s, f, 3)), 3, t);
    case AIR_KIND_BARYCENTRIC_COORD: {
        bool np = a->io.flags & AIR_IO_NO_PERSPECTIVE;

        if (!(c->opt->caps & AIR_CAP_BARYCENTRIC))
            air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "barycentric coordinates");
        spv_cap(s, SpvCapabilityFragmentBarycentricKHR);
        spv_ext(s, "SPV_KHR_fragment_shader_barycentric");
        return fit_float(
            c,
            iface_load_builtin(c, np ? SpvBuiltInBaryCoordNoPerspKHR : SpvBuiltInBaryCoordKHR, spv_type_vec(s, f, 3)),
            3, t);
    }
    case AIR_KIND_FRONT_FACING:
        id = iface_load_builtin(c, SpvBuiltInFrontFacing, spv_type_bool(s));
        if (LLVMGetTypeKind(t) == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(t) == 1)
            return id;
        return fit_uint(c, spv_op(s, SpvOpSelect, u, 3, id, spv_u32(s, 1), spv_u32(s, 0)), 1, t);
    case AIR_KIND_PATCH_ID:
        if (!c->h.patch_kind)
            break;
        return fit_uint(c, patch_ids(c, 2), 1, t);
    case AIR_KIND_PRIMITIVE_ID:
        if (c->stage == AIR_STAGE_FRAGMENT && !(c->opt->caps & AIR_CAP_GEOMETRY))
            air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "primitive id in a fragment function");
        if (c->stage == AIR_STAGE_FRAGMENT)
            spv_cap(s, SpvCapabilityGeometry);
        return fit_uint(c, iface_load_builtin(c, SpvBuiltInPrimitiveId, u), 1, t);
    case AIR_KIND_SAMPLE_ID:
        spv_cap(s, SpvCapabilitySampleRateShading);
        return fit_uint(c, iface_load_builtin(c, SpvBuiltInSampleId, u), 1, t);
    case AIR_KIND_SAMPLE_MASK_IN: {
        uint32_t arr = spv_type_array(s, u, 1), v = iface_builtin(c, SpvBuiltInSampleMask, arr, SpvStorageClassInput);

        id = spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassInput, u), 2, v, spv_u32(s, 0));
        return fit_uint(c, spv_op(s, SpvOpLoad, u, 1, id), 1, t);
    }
    case AIR_KIND_RENDER_TARGET_ARRAY_INDEX:
        spv_cap(s, SpvCapabilityShaderLayer);
        return fit_uint(c, iface_load_builtin(c, SpvBuiltInLayer, u), 1, t);
    case AIR_KIND_VIEWPORT_ARRAY_INDEX:
        spv_cap(s, SpvCapabilityShaderViewportIndex);
        return fit_uint(c, iface_load_builtin(c, SpvBuiltInViewportIndex, u), 1, t);
    case AIR_KIND_VERTEX_ID:
        return fit_uint(c, iface_load_builtin(c, SpvBuiltInVertexIndex, u), 1, t);
    case AIR_KIND_INSTANCE_ID:
        if (c->h.patch_kind)
            return fit_uint(c, patch_ids(c, 0), 1, t);
        return fit_uint(c, iface_load_builtin(c, SpvBuiltInInstanceIndex, u), 1, t);
    case AIR_KIND_BASE_VERTEX:
        spv_cap(s, SpvCapabilityDrawParameters);
        return fit_uint(c, iface_load_builtin(c, SpvBuiltInBaseVertex, u), 1, t);
    case AIR_KIND_BASE_INSTANCE:
        if (c->h.patch_kind)
            return fit_uint(c, patch_ids(c, 1), 1, t);
        spv_cap(s, SpvCapabilityDrawParameters);
        return fit_uint(c, iface_load_builtin(c, SpvBuiltInBaseInstance, u), 1, t);
    default:
        break;
    }
    id = iface_kernel_builtin(c, a->kind, &n);
    if (!id)
        air_fail(c, AIR_REFUSE_BUILTIN, "input %s in a %s function", air_kind_name(a->kind), air_stage_name(c->stage));
    return fit_uint(c, id, n, t);
}

void iface_load_inputs(struct ctx *c)
{
    struct spv *s = &c->s;

    if (!iface_whole_groups(c)) {
        uint32_t b = spv_type_bool(s), v3 = iface_uvec(c, 3), in;

        in = spv_op(s, SpvOpULessThan, spv_type_vec(s, b, 3), 2,
                    iface_load_builtin(c, SpvBuiltInGlobalInvocationId, v3),
                    iface_push(c, AIR_PUSH_THREADS_PER_GRID, v3));
        c->active = spv_op(s, SpvOpAll, b, 1, in);
    }
    for (unsigned i = 0; i < c->narg; i++) {
        struct arg *a = &c->arg[i];

        if (!a->is_io) {
            if (c->opt->flags & AIR_OPT_FORCE_PHYSICAL && !a->absent && a->r.space && a->r.space != 3 &&
                LLVMGetFirstUse(a->value))
                set_pointer(c, a->value, phys_form(c, (struct ptr){.root = a->root}));
            continue;
        }
        if (a->absent || !LLVMGetFirstUse(a->value)) {
            if (!is_pointer(a->value) && LLVMGetFirstUse(a->value))
                set_value(c, a->value, spv_null(s, type_of(c, LLVMTypeOf(a->value))));
            continue;
        }
        if (is_pointer(a->value))
            continue; /* interpolant handles are read where they are used */
        a->io.flags |= AIR_IO_USED;
        set_value(c, a->value, load_input(c, a));
    }
    /* Parameters that no node describes, and absent ones: zero. */
    for (unsigned i = 0; i < LLVMCountParams(c->fn); i++) {
        LLVMValueRef p = LLVMGetParam(c->fn, i);
        bool known = false;

        for (unsigned k = 0; k < c->narg; k++)
            known = known || c->arg[k].value == p;
        if (!known && LLVMGetFirstUse(p) && !is_pointer(p))
            set_value(c, p, spv_null(s, type_of(c, LLVMTypeOf(p))));
    }
}

void iface_store_outputs(struct ctx *c, LLVMValueRef value_ref)
{
    struct spv *s = &c->s;
    LLVMTypeRef r = value_ref ? LLVMTypeOf(value_ref) : NULL;
    uint32_t all;
    bool point = false;

    for (unsigned i = 0; i < c->nout; i++)
        point = point || c->outp[i].kind == AIR_KIND_POINT_SIZE;
    if (c->stage == AIR_STAGE_VERTEX && !c->h.patch_kind && !point && c->opt->flags & AIR_OPT_POINT_TOPOLOGY)
        spv_void(s, SpvOpStore, 2, iface_builtin(c, SpvBuiltInPointSize, spv_type_float(s, 32), SpvStorageClassOutput),
                 spv_f32(s, 1));
    if (!c->nout)
        return;
    if (!value_ref)
        air_fail(c, AIR_REFUSE_METADATA, "outputs from a function that returns nothing");
    all = value(c, value_ref);
    for (unsigned i = 0; i < c->nout; i++) {
        struct output *o = &c->outp[i];
        bool st = LLVMGetTypeKind(r) == LLVMStructTypeKind;
        LLVMTypeRef t = st ? LLVMStructGetTypeAtIndex(r, i) : r;

        if (!o->var)
            continue;
        uint32_t v = st ? spv_op(s, SpvOpCompositeExtract, type_of(c, t), 2, all, i) : all;

        switch (o->kind) {
        case AIR_KIND_VERTEX_OUTPUT:
        case AIR_KIND_RENDER_TARGET:
            v = to_io(c, v, t, o->r.component == AIR_COMPONENT_INT);
            break;
        case AIR_KIND_CLIP_DISTANCE:
            if (LLVMGetTypeKind(t) != LLVMArrayTypeKind) {
                uint32_t e[8];

                for (unsigned k = 0; k < o->array; k++)
                    e[k] = extract(c, v, spv_type_float(s, 32), o->array, k);
                v = spv_opv(s, SpvOpCompositeConstruct, o->type, e, o->array);
            }
            break;
        case AIR_KIND_SAMPLE_MASK: {
            uint32_t one = fit_uint(c, to_u32(c, v, t, false), 1, LLVMInt32TypeInContext(c->lc));

            v = spv_opv(s, SpvOpCompositeConstruct, o->type, &one, 1);
            break;
        }
        case AIR_KIND_STENCIL:
        case AIR_KIND_RENDER_TARGET_ARRAY_INDEX:
        case AIR_KIND_VIEWPORT_ARRAY_INDEX:
            v = to_u32(c, v, t, false);
            break;
        default: /* position, depth, point size */
            if (scalar_bits(c, t) == 16)
                v = spv_op(s, SpvOpFConvert, o->type, 1, v);
        }
        spv_void(s, SpvOpStore, 2, o->var, v);
    }
}
