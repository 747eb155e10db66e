/* SPDX-License-Identifier: MIT */
/*
 * Functions of particular stages (air 3.11, 2.15): derivatives, discard, pull-model interpolation, the control-point
 * function of post-tessellation vertex functions. Mesh output is in mesh.c.
 */
#include "ctx.h"

#include <string.h>

static uint32_t derivative(struct ctx *c, struct call *k, SpvOp op)
{
    struct spv *s = &c->s;
    LLVMTypeRef t = k->ret;
    unsigned n = vec_len(t);
    uint32_t x = arg_id(c, k, 0), fv = spv_type_vec(s, spv_type_float(s, 32), n);

    if (c->stage != AIR_STAGE_FRAGMENT)
        return spv_null(s, type_of(c, t));
    if (scalar_bits(c, t) == 16)
        x = spv_op(s, SpvOpFConvert, fv, 1, x);
    x = spv_op(s, op, fv, 1, x);
    return scalar_bits(c, t) == 16 ? spv_op(s, SpvOpFConvert, type_of(c, t), 1, x) : x;
}

/* interpolate_{center|centroid|sample|offset}_{perspective|no_perspective}.T(handle, ...) */
static bool interpolate(struct ctx *c, struct call *k)
{
    struct spv *s = &c->s;
    struct arg *a = NULL;
    uint32_t type, r;
    const char *at = k->op + 12;

    for (unsigned i = 0; i < c->narg; i++) {
        if (k->n && c->arg[i].value == k->a[0] && c->arg[i].kind == AIR_KIND_FRAGMENT_INPUT)
            a = &c->arg[i];
    }
    if (!a)
        return false;
    if (!a->spv_var) {
        uint32_t location = 0;

        /* A handle has no value of its own: declare the varying by the type that is asked for first. */
        for (unsigned i = 0; i < c->narg && &c->arg[i] != a; i++)
            location += c->arg[i].kind == AIR_KIND_FRAGMENT_INPUT;
        for (unsigned i = 0; i < c->narg; i++) {
            if (c->arg[i].io.location != UINT32_MAX && c->arg[i].io.location >= location && c->arg[i].spv_var)
                location = c->arg[i].io.location + 1;
        }
        type = spv_type_vec(s, spv_type_float(s, 32), vec_len(k->ret));
        uint32_t o[3] = {spv_type_ptr(s, SpvStorageClassInput, type), spv_id(s), SpvStorageClassInput};

        spv_raw(s, &s->types, SpvOpVariable, o, 3);
        words_push(s, &c->iface, o[1]);
        a->spv_var = o[1];
        a->io.location = location;
        a->io.width = vec_len(k->ret);
        a->io.component = AIR_COMPONENT_FLOAT;
        a->io.flags |= AIR_IO_USED;
        spv_decorate(s, o[1], SpvDecorationLocation, 1, location);
        if (strstr(k->op, "no_perspective"))
            spv_decorate(s, o[1], SpvDecorationNoPerspective, 0);
    }
    type = spv_type_vec(s, spv_type_float(s, 32), vec_len(k->ret));
    spv_cap(s, SpvCapabilityInterpolationFunction);
    if (!strncmp(at, "centroid", 8)) {
        r = spv_glsl(s, GLSLstd450InterpolateAtCentroid, type, 1, a->spv_var);
    } else if (!strncmp(at, "sample", 6) && k->n > 1) {
        r = spv_glsl(s, GLSLstd450InterpolateAtSample, type, 2, a->spv_var,
                     to_u32(c, value(c, k->a[1]), LLVMTypeOf(k->a[1]), false));
    } else if (!strncmp(at, "offset", 6) && k->n > 1) {
        uint32_t o = value(c, k->a[1]), v2 = spv_type_vec(s, spv_type_float(s, 32), 2);

        /* Metal counts from the upper left corner in sixteenths, or in floats 0..1; Vulkan from the centre. */
        if (LLVMGetTypeKind(elem_type(LLVMTypeOf(k->a[1]))) == LLVMIntegerTypeKind) {
            o = spv_op(s, SpvOpConvertSToF, v2, 1, o);
            o = spv_op(s, SpvOpFMul, v2, 2, o, splat(c, spv_f32(s, 1.0f / 16), spv_type_float(s, 32), 2));
        } else {
            o = spv_op(s, SpvOpFSub, v2, 2, o, splat(c, spv_f32(s, 0.5f), spv_type_float(s, 32), 2));
        }
        r = spv_glsl(s, GLSLstd450InterpolateAtOffset, type, 2, a->spv_var, o);
    } else {
        r = spv_op(s, SpvOpLoad, type, 1, a->spv_var);
    }
    set_value(c, k->inst, scalar_bits(c, k->ret) == 16 ? spv_op(s, SpvOpFConvert, type_of(c, k->ret), 1, r) : r);
    return true;
}

/* Input array of attribute @i, declared when a control point is first asked for. */
static struct output *control_point_attribute(struct ctx *c, unsigned i, LLVMTypeRef t)
{
    struct spv *s = &c->s;
    struct output *cp = &c->cp[i];
    uint32_t size = c->h.patch_control_points ? c->h.patch_control_points : AIR_MAX_PATCH_POINTS;

    if (!cp->var) {
        cp->type = iface_control_point_type(c, cp, t);
        uint32_t o[3] = {spv_type_ptr(s, SpvStorageClassInput, spv_type_array(s, cp->type, size)), spv_id(s),
                         SpvStorageClassInput};

        spv_raw(s, &s->types, SpvOpVariable, o, 3);
        words_push(s, &c->iface, o[1]);
        spv_decorate(s, o[1], SpvDecorationLocation, 1, cp->r.index);
        cp->var = o[1];
        cp->r.location = cp->r.index;
        cp->r.flags |= AIR_IO_USED;
    }
    return cp;
}

/* @F(i32 control_point, ptr) of air 2.15: attributes of one control point, read from input arrays. */
int iface_control_point(struct ctx *c, LLVMValueRef call)
{
    struct spv *s = &c->s;
    LLVMValueRef f = LLVMGetCalledValue(call);
    LLVMTypeRef r = LLVMTypeOf(call);
    bool is_struct = LLVMGetTypeKind(r) == LLVMStructTypeKind, found = false;
    unsigned n = is_struct ? LLVMCountStructElementTypes(r) : 1;
    uint32_t idx, ids[32];

    for (unsigned i = 0; i < c->narg; i++)
        found = found || (c->arg[i].kind == AIR_KIND_PATCH_CONTROL_POINT_INPUT && c->arg[i].cp_function == f);
    if (!found || LLVMGetNumArgOperands(call) < 1)
        return 0;
    if (n != c->ncp || n > ARRAY_LEN(ids))
        air_fail(c, AIR_REFUSE_METADATA, "control points of %u attributes, %u described", n, c->ncp);
    idx = to_u32(c, value(c, LLVMGetOperand(call, 0)), LLVMTypeOf(LLVMGetOperand(call, 0)), false);
    for (unsigned i = 0; i < n; i++) {
        LLVMTypeRef t = is_struct ? LLVMStructGetTypeAtIndex(r, i) : r;
        struct output *cp = control_point_attribute(c, i, t);
        uint32_t at = spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassInput, cp->type), 2, cp->var, idx);

        ids[i] = iface_from_control_point(c, cp, spv_op(s, SpvOpLoad, cp->type, 1, at), t);
    }
    set_value(c, call, is_struct ? spv_opv(s, SpvOpCompositeConstruct, type_of(c, r), ids, n) : ids[0]);
    return 1;
}

bool intr_stage(struct ctx *c, struct call *k)
{
    struct spv *s = &c->s;
    const char *op = !strncmp(k->op, "fast_", 5) ? k->op + 5 : k->op;

    if (!strcmp(op, "dfdx") || !strcmp(op, "dfdy") || !strcmp(op, "fwidth")) {
        set_value(c, k->inst, derivative(c, k, op[0] == 'f' ? SpvOpFwidth : op[3] == 'x' ? SpvOpDPdx : SpvOpDPdy));
        return true;
    }
    if (!strcmp(op, "discard_fragment")) {
        if (c->stage != AIR_STAGE_FRAGMENT)
            return true;
        spv_cap(s, SpvCapabilityDemoteToHelperInvocation);
        spv_void(s, SpvOpDemoteToHelperInvocation, 0);
        c->h.flags |= AIR_REFLECT_DISCARDS;
        return true;
    }
    if (!strcmp(op, "get_num_samples")) {
        set_value(c, k->inst,
                  c->opt->sample_count ? spv_u32(s, c->opt->sample_count)
                                       : iface_push(c, AIR_PUSH_SAMPLE_COUNT, spv_type_uint(s, 32)));
        return true;
    }
    if (!strcmp(op, "get_num_patch_control_points")) {
        set_value(c, k->inst,
                  c->h.patch_control_points ? spv_u32(s, c->h.patch_control_points)
                                            : iface_push(c, AIR_PUSH_PATCH_CONTROL_POINTS, spv_type_uint(s, 32)));
        return true;
    }
    if (!strcmp(op, "is_helper_thread") || !strcmp(op, "simd_is_helper_thread")) {
        uint32_t b = spv_type_bool(s), r = spv_bool(s, false);

        if (c->stage == AIR_STAGE_FRAGMENT) {
            spv_cap(s, SpvCapabilityDemoteToHelperInvocation);
            r = spv_op(s, SpvOpIsHelperInvocationEXT, b, 0);
        }
        if (scalar_bits(c, k->ret) != 1)
            r = spv_op(s, SpvOpSelect, type_of(c, k->ret), 3, r, spv_uint(s, scalar_bits(c, k->ret), 1),
                       spv_uint(s, scalar_bits(c, k->ret), 0));
        set_value(c, k->inst, r);
        return true;
    }
    if (!strncmp(op, "interpolate_", 12))
        return interpolate(c, k);
    return intr_mesh(c, k);
}
