/* SPDX-License-Identifier: MIT */
/*
 * What the entry point is given beside its arguments (air 4.5, 4.7): builtin variables, push constants, specialisation
 * constants; Metal's kernel parameters made from Vulkan's 32-bit builtins; execution modes. Stage inputs and outputs are
 * in iface_io.c.
 */
#include "iface.h"

#include <string.h>

uint32_t iface_u32(struct ctx *c)
{
    return spv_type_uint(&c->s, 32);
}

uint32_t iface_uvec(struct ctx *c, unsigned n)
{
    return spv_type_vec(&c->s, iface_u32(c), n);
}

uint32_t iface_var(struct ctx *c, uint32_t type, SpvStorageClass sc)
{
    struct spv *s = &c->s;
    uint32_t o[3] = {spv_type_ptr(s, sc, type), spv_id(s), (uint32_t)sc};

    spv_raw(s, &s->types, SpvOpVariable, o, 3);
    words_push(s, &c->iface, o[1]);
    return o[1];
}

uint32_t iface_builtin(struct ctx *c, SpvBuiltIn b, uint32_t type, SpvStorageClass sc)
{
    int code = (int)b << 1 | (sc == SpvStorageClassOutput);
    uint32_t v;

    for (unsigned i = 0; i < c->nbuiltin; i++) {
        if (c->builtin_code[i] == code)
            return c->builtin_var[i];
    }
    if (c->nbuiltin == ARRAY_LEN(c->builtin_var))
        air_fail(c, AIR_REFUSE_LIMIT, "too many builtins");
    v = iface_var(c, type, sc);
    spv_decorate(&c->s, v, SpvDecorationBuiltIn, 1, (uint32_t)b);
    if (c->stage == AIR_STAGE_FRAGMENT && sc == SpvStorageClassInput && b != SpvBuiltInFragCoord &&
        b != SpvBuiltInFrontFacing && b != SpvBuiltInPointCoord && b != SpvBuiltInSampleMask &&
        b != SpvBuiltInHelperInvocation && b != SpvBuiltInBaryCoordKHR && b != SpvBuiltInBaryCoordNoPerspKHR)
        spv_decorate(&c->s, v, SpvDecorationFlat, 0);
    c->builtin_code[c->nbuiltin] = code;
    c->builtin_var[c->nbuiltin++] = v;
    return v;
}

uint32_t iface_load_builtin(struct ctx *c, SpvBuiltIn b, uint32_t type)
{
    if (b == SpvBuiltInSubgroupLocalInvocationId || b == SpvBuiltInSubgroupSize || b == SpvBuiltInSubgroupId ||
        b == SpvBuiltInNumSubgroups)
        spv_cap(&c->s, SpvCapabilityGroupNonUniform);
    return spv_op(&c->s, SpvOpLoad, type, 1, iface_builtin(c, b, type, SpvStorageClassInput));
}

/* A member of the push-constant block by its byte offset. */
uint32_t iface_push(struct ctx *c, uint32_t offset, uint32_t type)
{
    static const struct {
        uint32_t off;
        uint8_t n, bits;
    } members[] = {{0, 3, 32}, {12, 1, 32}, {16, 3, 32}, {28, 1, 32}, {32, 3, 32}, {44, 1, 32}, {48, 1, 64}};
    struct spv *s = &c->s;
    uint32_t k = 0;

    if (!c->push_var) {
        uint32_t o[8];
        const unsigned n = ARRAY_LEN(members);

        o[0] = spv_id(s);
        for (unsigned i = 0; i < n; i++)
            o[1 + i] = spv_type_vec(s, spv_type_uint(s, members[i].bits), members[i].n);
        spv_raw(s, &s->types, SpvOpTypeStruct, o, n + 1);
        for (unsigned i = 0; i < n; i++)
            spv_member_decorate(s, o[0], i, SpvDecorationOffset, 1, members[i].off);
        spv_decorate(s, o[0], SpvDecorationBlock, 0);
        c->push_var = iface_var(c, o[0], SpvStorageClassPushConstant);
        c->h.flags |= AIR_REFLECT_USES_PUSH;
    }
    while (members[k].off != offset)
        k++;
    return spv_op(
        s, SpvOpLoad, type, 1,
        spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassPushConstant, type), 2, c->push_var, spv_u32(s, k)));
}

/* No thread lies outside the grid: grids of object and mesh functions consist of whole groups. */
bool iface_whole_groups(const struct ctx *c)
{
    return c->stage != AIR_STAGE_KERNEL || c->opt->flags & AIR_OPT_WHOLE_GROUPS;
}

uint32_t iface_spec(struct ctx *c, uint32_t id, uint32_t def)
{
    struct spv *s = &c->s;
    uint32_t o[3] = {iface_u32(c), spv_id(s), def};

    spv_raw(s, &s->types, SpvOpSpecConstant, o, 3);
    spv_decorate(s, o[1], SpvDecorationSpecId, 1, id);
    return o[1];
}

uint32_t iface_local_size(struct ctx *c, unsigned axis)
{
    return c->local_size_id[axis];
}

uint32_t iface_local_total(struct ctx *c)
{
    struct spv *s = &c->s;
    uint32_t o[5] = {iface_u32(c), spv_id(s), SpvOpIMul, c->local_size_id[0], c->local_size_id[1]}, q[5];

    spv_raw(s, &s->types, SpvOpSpecConstantOp, o, 5);
    memcpy(q, o, sizeof(q));
    q[1] = spv_id(s);
    q[3] = o[1];
    q[4] = c->local_size_id[2];
    spv_raw(s, &s->types, SpvOpSpecConstantOp, q, 5);
    return q[1];
}

uint32_t iface_local_index(struct ctx *c)
{
    return iface_load_builtin(c, SpvBuiltInLocalInvocationIndex, iface_u32(c));
}

uint32_t iface_lane(struct ctx *c)
{
    if (c->emulate)
        return spv_and(&c->s, iface_local_index(c), spv_u32(&c->s, c->guest_width - 1));
    return iface_load_builtin(c, SpvBuiltInSubgroupLocalInvocationId, iface_u32(c));
}

static uint32_t guest_width(struct ctx *c)
{
    return c->guest_width ? spv_u32(&c->s, c->guest_width) : iface_load_builtin(c, SpvBuiltInSubgroupSize, iface_u32(c));
}

static uint32_t local_size_vec(struct ctx *c)
{
    return spv_opv(&c->s, SpvOpCompositeConstruct, iface_uvec(c, 3), c->local_size_id, 3);
}

static uint32_t local_total_now(struct ctx *c)
{
    struct spv *s = &c->s;

    return spv_op(s, SpvOpIMul, iface_u32(c), 2, spv_op(s, SpvOpIMul, iface_u32(c), 2, c->local_size_id[0], c->local_size_id[1]),
                  c->local_size_id[2]);
}

/* ceil(a / b) of ids */
static uint32_t ceil_div(struct ctx *c, uint32_t a, uint32_t b)
{
    struct spv *s = &c->s;
    uint32_t x = spv_op(s, SpvOpIAdd, iface_u32(c), 2, a, spv_op(s, SpvOpISub, iface_u32(c), 2, b, spv_u32(s, 1)));

    return spv_op(s, SpvOpUDiv, iface_u32(c), 2, x, b);
}

/* u32 values of a kernel builtin; *n components. 0: not a kernel builtin. */
uint32_t iface_kernel_builtin(struct ctx *c, enum air_kind k, unsigned *n)
{
    struct spv *s = &c->s;
    uint32_t u = iface_u32(c), v3 = iface_uvec(c, 3), wg, size, grid;

    *n = 3;
    switch (k) {
    case AIR_KIND_THREAD_POSITION_IN_GRID:
        return iface_load_builtin(c, SpvBuiltInGlobalInvocationId, v3);
    case AIR_KIND_THREADGROUP_POSITION_IN_GRID:
        return iface_load_builtin(c, SpvBuiltInWorkgroupId, v3);
    case AIR_KIND_THREAD_POSITION_IN_THREADGROUP:
        return iface_load_builtin(c, SpvBuiltInLocalInvocationId, v3);
    case AIR_KIND_THREADGROUPS_PER_GRID:
        return iface_load_builtin(c, SpvBuiltInNumWorkgroups, v3);
    case AIR_KIND_DISPATCH_THREADS_PER_THREADGROUP:
        return local_size_vec(c);
    case AIR_KIND_THREADS_PER_THREADGROUP: /* an edge group of dispatchThreads is smaller */
        wg = iface_load_builtin(c, SpvBuiltInWorkgroupId, v3);
        size = local_size_vec(c);
        if (iface_whole_groups(c))
            return size;
        grid = spv_op(s, SpvOpISub, v3, 2, iface_push(c, AIR_PUSH_THREADS_PER_GRID, v3),
                      spv_op(s, SpvOpIMul, v3, 2, wg, size));
        return spv_glsl(s, GLSLstd450UMin, v3, 2, size, grid);
    case AIR_KIND_THREADS_PER_GRID:
        if (c->stage != AIR_STAGE_KERNEL)
            return spv_op(s, SpvOpIMul, v3, 2, iface_load_builtin(c, SpvBuiltInNumWorkgroups, v3), local_size_vec(c));
        return iface_push(c, AIR_PUSH_THREADS_PER_GRID, v3);
    case AIR_KIND_GRID_ORIGIN:
    case AIR_KIND_STAGE_IN_GRID_ORIGIN:
        return iface_push(c, AIR_PUSH_GRID_ORIGIN, v3);
    case AIR_KIND_GRID_SIZE:
    case AIR_KIND_STAGE_IN_GRID_SIZE:
        return iface_push(c, AIR_PUSH_GRID_SIZE, v3);
    default:
        break;
    }
    *n = 1;
    switch (k) {
    case AIR_KIND_THREAD_INDEX_IN_THREADGROUP:
        return iface_local_index(c);
    case AIR_KIND_THREAD_INDEX_IN_SIMDGROUP:
        return iface_lane(c);
    case AIR_KIND_SIMDGROUP_INDEX_IN_THREADGROUP:
        if (c->emulate)
            return spv_shr(s, iface_local_index(c), (unsigned)__builtin_ctz(c->guest_width));
        if (c->stage == AIR_STAGE_FRAGMENT)
            return spv_u32(s, 0);
        return iface_load_builtin(c, SpvBuiltInSubgroupId, u);
    case AIR_KIND_SIMDGROUPS_PER_THREADGROUP:
    case AIR_KIND_DISPATCH_SIMDGROUPS_PER_THREADGROUP:
        return ceil_div(c, local_total_now(c), guest_width(c));
    case AIR_KIND_THREADS_PER_SIMDGROUP:
    case AIR_KIND_THREAD_EXECUTION_WIDTH:
        return guest_width(c);
    case AIR_KIND_THREAD_INDEX_IN_QUADGROUP:
        if (c->stage == AIR_STAGE_FRAGMENT)
            return spv_and(s, iface_load_builtin(c, SpvBuiltInSubgroupLocalInvocationId, u), spv_u32(s, 3));
        return spv_and(s, iface_local_index(c), spv_u32(s, 3));
    case AIR_KIND_QUADGROUP_INDEX_IN_THREADGROUP:
        return spv_shr(s, iface_local_index(c), 2);
    case AIR_KIND_QUADGROUPS_PER_THREADGROUP:
    case AIR_KIND_DISPATCH_QUADGROUPS_PER_THREADGROUP:
        return ceil_div(c, local_total_now(c), spv_u32(s, 4));
    case AIR_KIND_AMPLIFICATION_ID:
        return spv_u32(s, 0);
    case AIR_KIND_AMPLIFICATION_COUNT:
        return spv_u32(s, 1);
    default:
        return 0;
    }
}

static void mode(struct ctx *c, uint32_t main_id, SpvExecutionMode m, int n, uint32_t a)
{
    spv_raw(&c->s, &c->s.modes, SpvOpExecutionMode, (const uint32_t[]){main_id, (uint32_t)m, a}, (size_t)(2 + n));
}

void iface_finish(struct ctx *c, uint32_t main_id)
{
    static const SpvExecutionModel models[] = {
        [AIR_STAGE_VERTEX] = SpvExecutionModelVertex,    [AIR_STAGE_FRAGMENT] = SpvExecutionModelFragment,
        [AIR_STAGE_KERNEL] = SpvExecutionModelGLCompute, [AIR_STAGE_MESH] = SpvExecutionModelMeshEXT,
        [AIR_STAGE_OBJECT] = SpvExecutionModelTaskEXT,
    };
    struct spv *s = &c->s;
    SpvExecutionModel model = models[c->stage];
    uint32_t *o = air_alloc(c, (c->iface.n + 8) * sizeof(*o));

    if (c->stage == AIR_STAGE_VERTEX && c->h.patch_kind)
        model = SpvExecutionModelTessellationEvaluation;
    o[0] = (uint32_t)model;
    o[1] = main_id;
    memcpy(&o[2], "main", 4);
    o[3] = 0;
    if (c->iface.n)
        memcpy(o + 4, c->iface.v, c->iface.n * sizeof(*o));
    spv_raw(s, &s->entry, SpvOpEntryPoint, o, c->iface.n + 4);
    switch (model) {
    case SpvExecutionModelFragment:
        mode(c, main_id, SpvExecutionModeOriginUpperLeft, 0, 0);
        for (unsigned i = 0; i < c->nout; i++) {
            if (c->outp[i].kind == AIR_KIND_DEPTH) {
                mode(c, main_id, SpvExecutionModeDepthReplacing, 0, 0);
                if (c->h.flags & AIR_REFLECT_DEPTH_GREATER)
                    mode(c, main_id, SpvExecutionModeDepthGreater, 0, 0);
                if (c->h.flags & AIR_REFLECT_DEPTH_LESS)
                    mode(c, main_id, SpvExecutionModeDepthLess, 0, 0);
            } else if (c->outp[i].kind == AIR_KIND_STENCIL) {
                mode(c, main_id, SpvExecutionModeStencilRefReplacingEXT, 0, 0);
            }
        }
        if (c->raster_order) {
            spv_cap(s, SpvCapabilityFragmentShaderPixelInterlockEXT);
            spv_ext(s, "SPV_EXT_fragment_shader_interlock");
            mode(c, main_id, SpvExecutionModePixelInterlockOrderedEXT, 0, 0);
        }
        if (c->h.flags & AIR_REFLECT_EARLY_TESTS)
            mode(c, main_id, SpvExecutionModeEarlyFragmentTests, 0, 0);
        break;
    case SpvExecutionModelTessellationEvaluation:
        spv_cap(s, SpvCapabilityTessellation);
        mode(c, main_id, c->h.patch_kind == 1 ? SpvExecutionModeTriangles : SpvExecutionModeQuads, 0, 0);
        /* spacing and vertex order are the pipeline's: the control stage of tess.h states them */
        break;
    case SpvExecutionModelMeshEXT:
        spv_cap(s, SpvCapabilityMeshShadingEXT);
        spv_ext(s, "SPV_EXT_mesh_shader");
        mode(c, main_id, SpvExecutionModeOutputVertices, 1, c->h.mesh_max_vertices);
        mode(c, main_id, SpvExecutionModeOutputPrimitivesEXT, 1, c->h.mesh_max_primitives);
        mode(c, main_id,
             c->h.mesh_topology == 0   ? SpvExecutionModeOutputPoints
             : c->h.mesh_topology == 1 ? SpvExecutionModeOutputLinesEXT
                                       : SpvExecutionModeOutputTrianglesEXT,
             0, 0);
        break;
    case SpvExecutionModelTaskEXT:
        spv_cap(s, SpvCapabilityMeshShadingEXT);
        spv_ext(s, "SPV_EXT_mesh_shader");
        break;
    default:
        break;
    }
    if (c->local_size_id[0])
        spv_raw(s, &s->modes, SpvOpExecutionModeId,
                (const uint32_t[]){main_id, SpvExecutionModeLocalSizeId, c->local_size_id[0], c->local_size_id[1],
                                   c->local_size_id[2]},
                5);
}
