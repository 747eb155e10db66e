/* SPDX-License-Identifier: MIT */
/*
 * Object and mesh functions (air 2.15, 3.12).
 *
 * In Metal any thread may set anything at any time: the number of primitives, single indices, the threadgroups that an
 * object function starts. Vulkan wants the numbers once, from code that every thread reaches, and a primitive's indices
 * whole. So the guest's code writes number, indices and threadgroups to workgroup memory; a mesh function declares as
 * many primitives as it may have at most, and at its end the threads share the work of writing indices and of culling
 * those past the number and those that the guest culls. What the guest indexes with is kept inside the arrays.
 */
#include "ctx.h"

#include <string.h>

enum { VERTEX, PRIMITIVE };
enum { POSITION = 0, POINT_SIZE = 1, CLIP = 2, LAYER = 0, VIEWPORT = 1, CULLED = 2 };

/* Limits on what an object function may start: Vulkan's minimum of the device limits (air 3.12). */
#define MAX_GROUPS_AXIS  65535u
#define MAX_GROUPS_TOTAL 4194304.0f

static uint32_t u32t(struct ctx *c)
{
    return spv_type_uint(&c->s, 32);
}

static uint32_t interface_var(struct ctx *c, uint32_t type, SpvStorageClass sc)
{
    struct spv *s = &c->s;
    uint32_t o[3] = {spv_type_ptr(s, sc, type), spv_id(s), (uint32_t)sc};

    spv_raw(s, &s->types, SpvOpVariable, o, 3);
    words_push(s, &c->iface, o[1]);
    return o[1];
}

static uint32_t per_primitive(struct ctx *c)
{
    return c->h.mesh_topology + 1;
}

/* @i, or the last element of @n. */
static uint32_t inside(struct ctx *c, uint32_t i, uint32_t n)
{
    uint32_t known;

    if (spv_is_u32(&c->s, i, &known))
        return spv_u32(&c->s, known < n ? known : n - 1);
    return spv_glsl(&c->s, GLSLstd450UMin, u32t(c), 2, i, spv_u32(&c->s, n - 1));
}

static struct output *mesh_output(struct ctx *c, enum air_kind kind, bool primitive, uint32_t index)
{
    bool data = kind == AIR_KIND_MESH_VERTEX_DATA || kind == AIR_KIND_MESH_PRIMITIVE_DATA;

    for (unsigned i = 0; i < c->nmesh_out; i++) {
        struct output *o = &c->mesh_out[i];

        if (o->kind == kind && !!(o->r.flags & AIR_IO_PER_PRIMITIVE) == primitive && (!data || o->r.index == index))
            return o;
    }
    return NULL;
}

static void member(struct ctx *c, unsigned which, unsigned k, uint32_t *types, SpvBuiltIn *builtins, unsigned *n,
                   uint32_t type, SpvBuiltIn b)
{
    c->mesh.member[which][k] = (int)*n;
    types[1 + *n] = type;
    builtins[(*n)++] = b;
}

/* An array of blocks of builtins, one for vertices and one for primitives. */
static uint32_t declare_block(struct ctx *c, unsigned which, const uint32_t *types, const SpvBuiltIn *b, unsigned n,
                              uint32_t elements)
{
    struct spv *s = &c->s;
    uint32_t o[4] = {spv_id(s)};

    memcpy(o + 1, types + 1, n * sizeof(*o));
    spv_raw(s, &s->types, SpvOpTypeStruct, o, 1 + n);
    spv_decorate(s, o[0], SpvDecorationBlock, 0);
    for (unsigned i = 0; i < n; i++) {
        spv_member_decorate(s, o[0], i, SpvDecorationBuiltIn, 1, (uint32_t)b[i]);
        if (which == PRIMITIVE)
            spv_member_decorate(s, o[0], i, SpvDecorationPerPrimitiveEXT, 0);
    }
    return interface_var(c, spv_type_array(s, o[0], elements), SpvStorageClassOutput);
}

static void declare_mesh(struct ctx *c)
{
    struct spv *s = &c->s;
    uint32_t u = u32t(c), f = spv_type_float(s, 32), types[4];
    SpvBuiltIn b[3];
    struct output *o;
    unsigned n = 0;

    if (!c->h.mesh_max_vertices)
        air_fail(c, AIR_REFUSE_METADATA, "mesh function without a mesh");
    memset(c->mesh.member, 0xff, sizeof(c->mesh.member));
    member(c, VERTEX, POSITION, types, b, &n, spv_type_vec(s, f, 4), SpvBuiltInPosition);
    if (c->h.mesh_topology == 0 || mesh_output(c, AIR_KIND_POINT_SIZE, false, 0))
        member(c, VERTEX, POINT_SIZE, types, b, &n, f, SpvBuiltInPointSize);
    o = mesh_output(c, AIR_KIND_CLIP_DISTANCE, false, 0);
    if (o) {
        c->mesh.clip = o->array ? o->array : 1;
        if (c->mesh.clip > 8)
            air_fail(c, AIR_REFUSE_METADATA, "%u clip distances", c->mesh.clip);
        spv_cap(s, SpvCapabilityClipDistance);
        member(c, VERTEX, CLIP, types, b, &n, spv_type_array(s, f, c->mesh.clip), SpvBuiltInClipDistance);
    }
    c->mesh.vertex_block = declare_block(c, VERTEX, types, b, n, c->h.mesh_max_vertices);
    n = 0;
    if (mesh_output(c, AIR_KIND_RENDER_TARGET_ARRAY_INDEX, true, 0))
        member(c, PRIMITIVE, LAYER, types, b, &n, u, SpvBuiltInLayer);
    if (mesh_output(c, AIR_KIND_VIEWPORT_ARRAY_INDEX, true, 0))
        member(c, PRIMITIVE, VIEWPORT, types, b, &n, u, SpvBuiltInViewportIndex);
    member(c, PRIMITIVE, CULLED, types, b, &n, spv_type_bool(s), SpvBuiltInCullPrimitiveEXT);
    c->mesh.primitive_block = declare_block(c, PRIMITIVE, types, b, n, c->h.mesh_max_primitives);
    c->mesh.count = interface_var(c, u, SpvStorageClassWorkgroup);
    c->mesh.indices =
        interface_var(c, spv_type_array(s, u, c->h.mesh_max_primitives * per_primitive(c)), SpvStorageClassWorkgroup);
    if (mesh_output(c, AIR_KIND_PRIMITIVE_CULLED, true, 0))
        c->mesh.culled = interface_var(c, spv_type_array(s, u, c->h.mesh_max_primitives), SpvStorageClassWorkgroup);
}

/* The threads share the primitives: this one has @p, @p + threads, ... */
struct share {
    struct loop l;
    uint32_t p, merge;
};

static void share_begin(struct ctx *c, struct share *each)
{
    struct spv *s = &c->s;
    uint32_t u = u32t(c), max = c->h.mesh_max_primitives, total = simd_total_threads(c);

    loop_begin(c, &each->l,
               spv_op(s, SpvOpUDiv, u, 2,
                      spv_op(s, SpvOpIAdd, u, 2, spv_u32(s, max), spv_op(s, SpvOpISub, u, 2, total, spv_u32(s, 1))),
                      total));
    each->p = spv_op(s, SpvOpIAdd, u, 2, spv_op(s, SpvOpIMul, u, 2, each->l.i, total), iface_local_index(c));
    each->merge = if_begin(c, spv_op(s, SpvOpULessThan, spv_type_bool(s), 2, each->p, spv_u32(s, max)));
}

static void share_end(struct ctx *c, struct share *each)
{
    if_end(c, each->merge);
    loop_end(c, &each->l);
}

/* Pointer to word @i of a workgroup variable. */
static uint32_t word_at(struct ctx *c, uint32_t var, uint32_t i)
{
    return spv_op(&c->s, SpvOpAccessChain, spv_type_ptr(&c->s, SpvStorageClassWorkgroup, u32t(c)), 2, var, i);
}

void mesh_begin(struct ctx *c)
{
    struct spv *s = &c->s;
    uint32_t u = u32t(c);
    struct share each;

    if (c->stage == AIR_STAGE_OBJECT) {
        c->mesh.groups = interface_var(c, spv_type_vec(s, u, 3), SpvStorageClassWorkgroup);
        spv_void(s, SpvOpStore, 2, c->mesh.groups, spv_null(s, spv_type_vec(s, u, 3)));
    } else if (c->stage == AIR_STAGE_MESH) {
        declare_mesh(c);
        spv_void(s, SpvOpSetMeshOutputsEXT, 2, spv_u32(s, c->h.mesh_max_vertices),
                 spv_u32(s, c->h.mesh_max_primitives));
        spv_void(s, SpvOpStore, 2, c->mesh.count, spv_u32(s, 0));
        if (c->mesh.culled) { /* what the guest says nothing of is drawn */
            share_begin(c, &each);
            spv_void(s, SpvOpStore, 2, word_at(c, c->mesh.culled, each.p), spv_u32(s, 0));
            share_end(c, &each);
        }
    } else {
        return;
    }
    simd_scratch_barrier(c);
}

/* Pointer to member @k of element @i of a block. */
static uint32_t block_at(struct ctx *c, unsigned which, unsigned k, uint32_t type, uint32_t i)
{
    struct spv *s = &c->s;

    return spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassOutput, type), 3,
                  which == VERTEX ? c->mesh.vertex_block : c->mesh.primitive_block, i,
                  spv_u32(s, (uint32_t)c->mesh.member[which][k]));
}

/* Primitive @p of the workgroup: its indices whole, or culled. */
static void finish_primitive(struct ctx *c, uint32_t out, uint32_t p, uint32_t count)
{
    struct spv *s = &c->s;
    uint32_t u = u32t(c), b = spv_type_bool(s), per = per_primitive(c), v[3], vec = spv_type_vec(s, u, per), used;

    used = spv_op(s, SpvOpULessThan, b, 2, p, count);
    for (uint32_t k = 0; k < per; k++) {
        uint32_t i = spv_iadd(s, spv_imul(s, p, spv_u32(s, per)), spv_u32(s, k));

        v[k] = inside(c, spv_op(s, SpvOpLoad, u, 1, word_at(c, c->mesh.indices, i)), c->h.mesh_max_vertices);
        v[k] = spv_op(s, SpvOpSelect, u, 3, used, v[k], spv_u32(s, 0)); /* never written: no value at all */
    }
    spv_void(s, SpvOpStore, 2, spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassOutput, vec), 2, out, p),
             construct(c, vec, v, per));
    if (c->mesh.culled)
        used = spv_op(
            s, SpvOpLogicalAnd, b, 2, used,
            spv_op(s, SpvOpIEqual, b, 2, spv_op(s, SpvOpLoad, u, 1, word_at(c, c->mesh.culled, p)), spv_u32(s, 0)));
    spv_void(s, SpvOpStore, 2, block_at(c, PRIMITIVE, CULLED, b, p), spv_op(s, SpvOpLogicalNot, b, 1, used));
}

static void finish_mesh(struct ctx *c)
{
    static const SpvBuiltIn builtins[] = {SpvBuiltInPrimitivePointIndicesEXT, SpvBuiltInPrimitiveLineIndicesEXT,
                                          SpvBuiltInPrimitiveTriangleIndicesEXT};
    struct spv *s = &c->s;
    uint32_t u = u32t(c), out, count;
    struct share each;

    out = interface_var(c, spv_type_array(s, spv_type_vec(s, u, per_primitive(c)), c->h.mesh_max_primitives),
                        SpvStorageClassOutput);
    spv_decorate(s, out, SpvDecorationBuiltIn, 1, (uint32_t)builtins[c->h.mesh_topology]);
    count = spv_op(s, SpvOpLoad, u, 1, c->mesh.count);
    share_begin(c, &each);
    finish_primitive(c, out, each.p, count);
    share_end(c, &each);
}

static void finish_object(struct ctx *c)
{
    struct spv *s = &c->s;
    uint32_t u = u32t(c), f = spv_type_float(s, 32), v3 = spv_type_vec(s, u, 3), o[4], v, product, fits;
    size_t n = 3;

    v = spv_op(s, SpvOpLoad, v3, 1, c->mesh.groups);
    product = spv_f32(s, 1);
    for (uint32_t i = 0; i < 3; i++) {
        o[i] = spv_glsl(s, GLSLstd450UMin, u, 2, spv_op(s, SpvOpCompositeExtract, u, 2, v, i),
                        spv_u32(s, MAX_GROUPS_AXIS));
        product = spv_op(s, SpvOpFMul, f, 2, product, spv_op(s, SpvOpConvertUToF, f, 1, o[i]));
    }
    fits = spv_op(s, SpvOpFOrdLessThanEqual, spv_type_bool(s), 2, product, spv_f32(s, MAX_GROUPS_TOTAL));
    for (uint32_t i = 0; i < 3; i++)
        o[i] = spv_op(s, SpvOpSelect, u, 3, fits, o[i], spv_u32(s, 0));
    for (int i = 0; i < c->nroot; i++) {
        if (c->root[i].kind == ROOT_PAYLOAD && c->root[i].var[0] && n == 3)
            o[n++] = c->root[i].var[0];
    }
    spv_raw(s, s->out, SpvOpEmitMeshTasksEXT, o, n);
}

void mesh_end(struct ctx *c)
{
    if (c->stage != AIR_STAGE_MESH && c->stage != AIR_STAGE_OBJECT)
        return;
    simd_scratch_barrier(c);
    if (c->stage == AIR_STAGE_MESH)
        finish_mesh(c);
    else
        finish_object(c);
}

static uint32_t word(struct ctx *c, struct call *k, unsigned i)
{
    return to_u32(c, arg_id(c, k, i), LLVMTypeOf(k->a[i]), false);
}

/* Indices from number @base on, as they come: one, two or four at a time. */
static void indices(struct ctx *c, struct call *k)
{
    struct spv *s = &c->s;
    LLVMTypeRef t = LLVMTypeOf(k->a[2]);
    unsigned n = vec_len(t);
    uint32_t base = word(c, k, 1), v = arg_id(c, k, 2), max = c->h.mesh_max_primitives * per_primitive(c);

    for (unsigned i = 0; i < n; i++) {
        uint32_t x = to_u32(c, extract(c, v, type_of(c, elem_type(t)), n, i), elem_type(t), false);

        spv_void(s, SpvOpStore, 2, word_at(c, c->mesh.indices, inside(c, spv_iadd(s, base, spv_u32(s, i)), max)), x);
    }
}

static bool data(struct ctx *c, struct call *k, bool primitive)
{
    struct spv *s = &c->s;
    uint32_t n = primitive ? c->h.mesh_max_primitives : c->h.mesh_max_vertices, elem, v;
    struct output *o;
    LLVMTypeRef t;
    bool fp;

    if (k->n != 4 || !LLVMIsAConstantInt(k->a[1]))
        return false;
    t = LLVMTypeOf(k->a[3]);
    fp = LLVMGetTypeKind(elem_type(t)) != LLVMIntegerTypeKind;
    o = mesh_output(c, primitive ? AIR_KIND_MESH_PRIMITIVE_DATA : AIR_KIND_MESH_VERTEX_DATA, primitive,
                    (uint32_t)LLVMConstIntGetZExtValue(k->a[1]));
    if (!o || vec_len(t) > 4 || scalar_bits(c, t) > 32)
        return false;
    elem = spv_type_vec(s, fp ? spv_type_float(s, 32) : u32t(c), vec_len(t));
    if (!o->var) {
        o->var = interface_var(c, spv_type_array(s, elem, n), SpvStorageClassOutput);
        o->type = elem;
        o->r.location = (uint32_t)(o - c->mesh_out);
        o->r.width = vec_len(t);
        o->r.component = fp ? AIR_COMPONENT_FLOAT : AIR_COMPONENT_UINT;
        o->r.flags |= AIR_IO_USED;
        spv_decorate(s, o->var, SpvDecorationLocation, 1, o->r.location);
        if (primitive)
            spv_decorate(s, o->var, SpvDecorationPerPrimitiveEXT, 0);
    }
    if (elem != o->type)
        air_fail(c, AIR_REFUSE_METADATA, "mesh output %u of two types", o->r.index);
    v = arg_id(c, k, 3);
    v = !fp ? to_u32(c, v, t, false) : scalar_bits(c, t) == 16 ? spv_op(s, SpvOpFConvert, elem, 1, v) : v;
    spv_void(s, SpvOpStore, 2,
             spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassOutput, elem), 2, o->var,
                    inside(c, word(c, k, 2), n)),
             v);
    return true;
}

/* A member of the block that the mesh type does not name is nowhere seen. */
static bool set_builtin(struct ctx *c, struct call *k, unsigned which, unsigned m, uint32_t type, uint32_t v)
{
    uint32_t n = which == VERTEX ? c->h.mesh_max_vertices : c->h.mesh_max_primitives;

    if (c->mesh.member[which][m] >= 0)
        spv_void(&c->s, SpvOpStore, 2, block_at(c, which, m, type, inside(c, word(c, k, 1), n)), v);
    return true;
}

static bool set_position(struct ctx *c, struct call *k)
{
    struct spv *s = &c->s;
    uint32_t f = spv_type_float(s, 32);

    if (c->mesh.member[VERTEX][POINT_SIZE] >= 0 && !mesh_output(c, AIR_KIND_POINT_SIZE, false, 0))
        set_builtin(c, k, VERTEX, POINT_SIZE, f, spv_f32(s, 1)); /* points need a size (air 4.5) */
    return set_builtin(c, k, VERTEX, POSITION, spv_type_vec(s, f, 4), arg_id(c, k, 2));
}

/* set_clip_distance_mesh(mesh, i32 index, i32 vertex, f32) */
static bool set_clip(struct ctx *c, struct call *k)
{
    struct spv *s = &c->s;
    uint32_t f = spv_type_float(s, 32), p;

    if (c->mesh.member[VERTEX][CLIP] < 0)
        return true;
    p = spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassOutput, f), 4, c->mesh.vertex_block,
               inside(c, word(c, k, 2), c->h.mesh_max_vertices), spv_u32(s, (uint32_t)c->mesh.member[VERTEX][CLIP]),
               inside(c, word(c, k, 1), c->mesh.clip));
    spv_void(s, SpvOpStore, 2, p, arg_id(c, k, 3));
    return true;
}

bool intr_mesh(struct ctx *c, struct call *k)
{
    struct spv *s = &c->s;

    if (!strcmp(k->op, "set_threadgroups_per_grid_mesh_properties") && k->n == 2) {
        if (c->stage != AIR_STAGE_OBJECT)
            return false;
        spv_void(s, SpvOpStore, 2, c->mesh.groups, arg_id(c, k, 1));
        return true;
    }
    if (c->stage != AIR_STAGE_MESH)
        return false;
    if (!strcmp(k->op, "set_position_mesh") && k->n == 3)
        return set_position(c, k);
    if (!strcmp(k->op, "set_point_size_mesh") && k->n == 3)
        return set_builtin(c, k, VERTEX, POINT_SIZE, spv_type_float(s, 32), arg_id(c, k, 2));
    if (!strcmp(k->op, "set_clip_distance_mesh") && k->n == 4)
        return set_clip(c, k);
    if (!strcmp(k->op, "set_render_target_array_index_mesh") && k->n == 3)
        return set_builtin(c, k, PRIMITIVE, LAYER, u32t(c), word(c, k, 2));
    if (!strcmp(k->op, "set_viewport_array_index_mesh") && k->n == 3)
        return set_builtin(c, k, PRIMITIVE, VIEWPORT, u32t(c), word(c, k, 2));
    if (!strcmp(k->op, "set_primitive_culled_mesh") && k->n == 3) {
        if (c->mesh.culled)
            spv_void(s, SpvOpStore, 2, word_at(c, c->mesh.culled, inside(c, word(c, k, 1), c->h.mesh_max_primitives)),
                     word(c, k, 2));
        return true;
    }
    if ((!strcmp(k->op, "set_index_mesh") || !strcmp(k->op, "set_indices_mesh")) && k->n == 3) {
        indices(c, k);
        return true;
    }
    if (!strcmp(k->op, "set_primitive_count_mesh") && k->n == 2) {
        spv_void(s, SpvOpStore, 2, c->mesh.count,
                 spv_glsl(s, GLSLstd450UMin, u32t(c), 2, word(c, k, 1), spv_u32(s, c->h.mesh_max_primitives)));
        return true;
    }
    if (!strcmp(k->op, "set_vertex_data_mesh"))
        return data(c, k, false);
    if (!strcmp(k->op, "set_primitive_data_mesh"))
        return data(c, k, true);
    return false;
}
