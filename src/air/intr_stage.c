/* SPDX-License-Identifier: MIT */
/*
 * Functions of particular stages (air 3.11, 3.12, 2.15): derivatives, discard, pull-model interpolation, mesh output,
 * the control-point function of post-tessellation vertex functions.
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

/* ---- mesh ---- */

static uint32_t new_output(struct ctx *c, uint32_t elem, uint32_t n, uint32_t *type)
{
    struct spv *s = &c->s;
    uint32_t t = spv_type_array(s, elem, n),
             o[3] = {spv_type_ptr(s, SpvStorageClassOutput, t), spv_id(s), SpvStorageClassOutput};

    spv_raw(s, &s->types, SpvOpVariable, o, 3);
    words_push(s, &c->iface, o[1]);
    *type = t;
    return o[1];
}

static struct output *mesh_output(struct ctx *c, enum air_kind kind, uint32_t index, bool primitive)
{
    for (unsigned i = 0; i < c->nmesh_out; i++) {
        struct output *o = &c->mesh_out[i];
        bool data = kind == AIR_KIND_MESH_VERTEX_DATA || kind == AIR_KIND_MESH_PRIMITIVE_DATA;

        if (o->kind == kind && !!(o->r.flags & AIR_IO_PER_PRIMITIVE) == primitive && (!data || o->r.index == index))
            return o;
    }
    return NULL;
}

/* gl_MeshPerVertexEXT and friends as single decorated arrays of blocks are not allowed: one block per class. */
static void mesh_builtin_store(struct ctx *c, SpvBuiltIn b, uint32_t elem, uint32_t n, bool primitive, uint32_t idx,
                               uint32_t v)
{
    struct spv *s = &c->s;
    uint32_t key = 0x20000000u | (uint32_t)b, var = 0;

    for (unsigned i = 0; i < c->nhelper; i++) {
        if (c->helper[i].key == key)
            var = c->helper[i].id;
    }
    uint32_t st = 0, at;

    if (!var) {
        uint32_t type;

        st = spv_id(s);
        spv_raw(s, &s->types, SpvOpTypeStruct, (const uint32_t[]){st, elem}, 2);
        spv_decorate(s, st, SpvDecorationBlock, 0);
        spv_member_decorate(s, st, 0, SpvDecorationBuiltIn, 1, (uint32_t)b);
        if (primitive)
            spv_member_decorate(s, st, 0, SpvDecorationPerPrimitiveEXT, 0);
        var = new_output(c, st, n, &type);
        if (c->nhelper < ARRAY_LEN(c->helper)) {
            c->helper[c->nhelper].key = key;
            c->helper[c->nhelper++].id = var;
        }
    }
    at = spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassOutput, elem), 3, var, idx, spv_u32(s, 0));
    spv_void(s, SpvOpStore, 2, at, v);
}

static void mesh_indices(struct ctx *c, struct call *k, unsigned n)
{
    struct spv *s = &c->s;
    unsigned per = c->h.mesh_topology + 1;
    uint32_t u = spv_type_uint(s, 32), base = arg_id(c, k, 1), v = arg_id(c, k, 2), scratch, arr, key = 0x10000001u,
             type;
    LLVMTypeRef t = LLVMTypeOf(k->a[2]);

    /* Indices arrive one by one, Vulkan takes a primitive at a time: each goes to its component. */
    scratch = 0;
    for (unsigned i = 0; i < c->nhelper; i++) {
        if (c->helper[i].key == key)
            scratch = c->helper[i].id;
    }
    if (!scratch) {
        arr = spv_type_vec(s, u, per);
        scratch = new_output(c, arr, c->h.mesh_max_primitives, &type);
        spv_decorate(s, scratch, SpvDecorationBuiltIn, 1,
                     (uint32_t)(per == 1   ? SpvBuiltInPrimitivePointIndicesEXT
                                : per == 2 ? SpvBuiltInPrimitiveLineIndicesEXT
                                           : SpvBuiltInPrimitiveTriangleIndicesEXT));
        if (c->nhelper < ARRAY_LEN(c->helper)) {
            c->helper[c->nhelper].key = key;
            c->helper[c->nhelper++].id = scratch;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        uint32_t at = spv_iadd(s, base, spv_u32(s, i)),
                 x = to_u32(c, extract(c, v, type_of(c, elem_type(t)), n, i), elem_type(t), false);
        uint32_t prim = per == 1 ? at : spv_op(s, SpvOpUDiv, u, 2, at, spv_u32(s, per)), p;

        if (per == 1)
            p = spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassOutput, u), 2, scratch, prim);
        else
            p = spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassOutput, u), 3, scratch, prim,
                       spv_op(s, SpvOpUMod, u, 2, at, spv_u32(s, per)));
        spv_void(s, SpvOpStore, 2, p, x);
    }
}

static bool mesh_data(struct ctx *c, struct call *k, bool primitive)
{
    struct spv *s = &c->s;
    LLVMTypeRef t;
    struct output *o;
    uint32_t index, v, f32, n = primitive ? c->h.mesh_max_primitives : c->h.mesh_max_vertices, type, elem;

    if (k->n != 4 || !LLVMIsAConstantInt(k->a[1]))
        return false;
    index = (uint32_t)LLVMConstIntGetZExtValue(k->a[1]);
    t = LLVMTypeOf(k->a[3]);
    o = mesh_output(c, primitive ? AIR_KIND_MESH_PRIMITIVE_DATA : AIR_KIND_MESH_VERTEX_DATA, index, primitive);
    if (!o)
        return false;
    f32 = LLVMGetTypeKind(elem_type(t)) != LLVMIntegerTypeKind;
    elem = spv_type_vec(s, f32 ? spv_type_float(s, 32) : spv_type_uint(s, 32), vec_len(t));
    if (!o->var) {
        o->var = new_output(c, elem, n, &type);
        o->type = elem;
        o->r.location = (uint32_t)(o - c->mesh_out);
        o->r.width = vec_len(t);
        o->r.component = f32 ? AIR_COMPONENT_FLOAT : AIR_COMPONENT_UINT;
        o->r.flags |= AIR_IO_USED;
        spv_decorate(s, o->var, SpvDecorationLocation, 1, o->r.location);
        if (primitive)
            spv_decorate(s, o->var, SpvDecorationPerPrimitiveEXT, 0);
    }
    v = arg_id(c, k, 3);
    v = f32 ? (scalar_bits(c, t) == 16 ? spv_op(s, SpvOpFConvert, elem, 1, v) : v) : to_u32(c, v, t, false);
    spv_void(s, SpvOpStore, 2,
             spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassOutput, elem), 2, o->var, arg_id(c, k, 2)), v);
    return true;
}

static bool mesh(struct ctx *c, struct call *k)
{
    struct spv *s = &c->s;
    uint32_t f = spv_type_float(s, 32), u = spv_type_uint(s, 32);

    if (!strcmp(k->op, "set_threadgroups_per_grid_mesh_properties") && k->n == 2) {
        if (c->stage != AIR_STAGE_OBJECT)
            return false;
        /* Kept until the end of the function: starting mesh threadgroups is its last instruction (emit_function). */
        if (!c->task_groups)
            c->task_groups = spv_local(s, spv_type_vec(s, u, 3));
        spv_void(s, SpvOpStore, 2, c->task_groups, arg_id(c, k, 1));
        return true;
    }
    if (c->stage != AIR_STAGE_MESH)
        return false;
    if (!strcmp(k->op, "set_position_mesh") && k->n == 3) {
        mesh_builtin_store(c, SpvBuiltInPosition, spv_type_vec(s, f, 4), c->h.mesh_max_vertices, false, arg_id(c, k, 1),
                           arg_id(c, k, 2));
        return true;
    }
    if (!strcmp(k->op, "set_point_size_mesh") && k->n == 3) {
        mesh_builtin_store(c, SpvBuiltInPointSize, f, c->h.mesh_max_vertices, false, arg_id(c, k, 1), arg_id(c, k, 2));
        return true;
    }
    if (!strcmp(k->op, "set_render_target_array_index_mesh") && k->n == 3) {
        mesh_builtin_store(c, SpvBuiltInLayer, u, c->h.mesh_max_primitives, true, arg_id(c, k, 1), arg_id(c, k, 2));
        return true;
    }
    if (!strcmp(k->op, "set_viewport_array_index_mesh") && k->n == 3) {
        spv_cap(s, SpvCapabilityMultiViewport);
        mesh_builtin_store(c, SpvBuiltInViewportIndex, u, c->h.mesh_max_primitives, true, arg_id(c, k, 1),
                           arg_id(c, k, 2));
        return true;
    }
    if (!strcmp(k->op, "set_index_mesh") && k->n == 3) {
        mesh_indices(c, k, 1);
        return true;
    }
    if (!strcmp(k->op, "set_indices_mesh") && k->n == 3) {
        mesh_indices(c, k, vec_len(LLVMTypeOf(k->a[2])));
        return true;
    }
    if (!strcmp(k->op, "set_primitive_count_mesh") && k->n == 2) {
        /* Metal: any thread, any time; Vulkan: once, before outputs are written, with the maximum of vertices. */
        spv_void(s, SpvOpSetMeshOutputsEXT, 2, spv_u32(s, c->h.mesh_max_vertices),
                 to_u32(c, arg_id(c, k, 1), LLVMTypeOf(k->a[1]), false));
        return true;
    }
    if (!strcmp(k->op, "set_vertex_data_mesh"))
        return mesh_data(c, k, false);
    if (!strcmp(k->op, "set_primitive_data_mesh"))
        return mesh_data(c, k, true);
    return false;
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
    return mesh(c, k);
}
