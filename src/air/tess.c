/* SPDX-License-Identifier: MIT */
/* Vertex and control stages in front of a post-tessellation vertex function: see tess.h. */
#include "tess.h"
#include "air_abi.h"
#include "air_reflect.h"
#include "spv.h"

#include <stdlib.h>
#include <string.h>

/* An attribute that goes through both stages at the location of its index. */
struct attribute {
    uint32_t location, width, component;
    bool patch; /* of the whole patch */
};

struct gen {
    struct spv s;
    struct words iface;
    struct attribute a[AIR_TESS_LOCATION_IDS];
    uint32_t n;
    const struct air_tess_state *state;
    uint32_t patch_kind; /* 1 triangle, 2 quad */
    uint32_t main_id;
};

static const char *collect(struct gen *g, const void *r)
{
    const struct air_reflect_header *h = r;
    uint32_t seen = 0;

    for (uint32_t i = 0; i < h->inputs.count; i++) {
        const struct air_reflect_io *in = air_reflect_input(r, i);
        bool patch = in->kind == AIR_KIND_PATCH_INPUT || in->kind == AIR_KIND_VERTEX_INPUT;

        if ((!patch && in->kind != AIR_KIND_CONTROL_POINT_INPUT) || !(in->flags & AIR_IO_USED))
            continue;
        if (in->location >= AIR_TESS_LOCATION_IDS || seen >> in->location & 1 || !in->width || in->width > 4)
            return "attributes of control points that cannot be passed on";
        seen |= 1u << in->location;
        g->a[g->n++] = (struct attribute){in->location, in->width, in->component, patch};
    }
    return NULL;
}

static uint32_t type_of_attribute(struct spv *s, const struct attribute *a)
{
    uint32_t e = a->component == AIR_COMPONENT_INT    ? spv_type_sint(s, 32)
                 : a->component == AIR_COMPONENT_UINT ? spv_type_uint(s, 32)
                                                      : spv_type_float(s, 32);

    return spv_type_vec(s, e, a->width);
}

static uint32_t variable(struct gen *g, uint32_t type, SpvStorageClass sc)
{
    struct spv *s = &g->s;
    uint32_t o[3] = {spv_type_ptr(s, sc, type), spv_id(s), (uint32_t)sc};

    spv_raw(s, &s->types, SpvOpVariable, o, 3);
    words_push(s, &g->iface, o[1]);
    return o[1];
}

static uint32_t located(struct gen *g, uint32_t type, SpvStorageClass sc, uint32_t location)
{
    uint32_t v = variable(g, type, sc);

    spv_decorate(&g->s, v, SpvDecorationLocation, 1, location);
    return v;
}

static uint32_t builtin(struct gen *g, SpvBuiltIn b, uint32_t type, SpvStorageClass sc)
{
    uint32_t v = variable(g, type, sc);

    spv_decorate(&g->s, v, SpvDecorationBuiltIn, 1, (uint32_t)b);
    return v;
}

static uint32_t load(struct gen *g, uint32_t type, uint32_t var)
{
    return spv_op(&g->s, SpvOpLoad, type, 1, var);
}

static uint32_t at(struct gen *g, uint32_t type, SpvStorageClass sc, uint32_t var, uint32_t index)
{
    return spv_op(&g->s, SpvOpAccessChain, spv_type_ptr(&g->s, sc, type), 2, var, index);
}

static void begin(struct gen *g)
{
    struct spv *s = &g->s;
    uint32_t f;

    memset(&g->iface, 0, sizeof(g->iface));
    spv_init(s);
    f = spv_type(s, SpvOpTypeFunction, 1, spv_type_void(s));
    g->main_id = spv_id(s);
    spv_raw(s, &s->body, SpvOpFunction, (const uint32_t[]){spv_type_void(s), g->main_id, 0, f}, 4);
    spv_begin(s, spv_label(s));
}

static uint32_t *end(struct gen *g, SpvExecutionModel model, size_t *words)
{
    struct spv *s = &g->s;
    uint32_t head[4] = {(uint32_t)model, g->main_id, 0, 0}, *o, *out = NULL;

    memcpy(&head[2], "main", 4);
    spv_void(s, SpvOpReturn, 0);
    spv_void(s, SpvOpFunctionEnd, 0);
    o = malloc((4 + g->iface.n) * sizeof(*o));
    if (o) {
        memcpy(o, head, sizeof(head));
        if (g->iface.n)
            memcpy(o + 4, g->iface.v, g->iface.n * sizeof(*o));
        spv_raw(s, &s->entry, SpvOpEntryPoint, o, 4 + g->iface.n);
        out = spv_finish(s, words);
    }
    free(o);
    free(g->iface.v);
    spv_fini(s);
    return out;
}

/* Attributes as they come, and the ids that only this stage knows. */
static uint32_t *make_vertex(struct gen *g, size_t *words)
{
    struct spv *s = &g->s;
    uint32_t u, ids[4];

    begin(g);
    u = spv_type_uint(s, 32);
    for (uint32_t i = 0; i < g->n; i++) {
        uint32_t t = type_of_attribute(s, &g->a[i]), in = located(g, t, SpvStorageClassInput, g->a[i].location);

        spv_void(s, SpvOpStore, 2, located(g, t, SpvStorageClassOutput, g->a[i].location), load(g, t, in));
    }
    spv_cap(s, SpvCapabilityDrawParameters);
    ids[0] = load(g, u, builtin(g, SpvBuiltInInstanceIndex, u, SpvStorageClassInput));
    ids[1] = load(g, u, builtin(g, SpvBuiltInBaseInstance, u, SpvStorageClassInput));
    /* Patches count from the first vertex of the buffer; of indexed ones only the control stage knows the number. */
    ids[3] = spv_u32(s, 0);
    ids[2] = g->state->indexed
                 ? ids[3]
                 : spv_op(s, SpvOpUDiv, u, 2, load(g, u, builtin(g, SpvBuiltInVertexIndex, u, SpvStorageClassInput)),
                          spv_u32(s, g->state->points));
    spv_void(s, SpvOpStore, 2, located(g, spv_type_vec(s, u, 4), SpvStorageClassOutput, AIR_TESS_LOCATION_IDS),
             spv_opv(s, SpvOpCompositeConstruct, spv_type_vec(s, u, 4), ids, 4));
    return end(g, SpvExecutionModelVertex, words);
}

/* Member @k of the push constants that belong to tessellation. */
static uint32_t push(struct gen *g, uint32_t *block, unsigned k)
{
    static const uint32_t offsets[3] = {AIR_PUSH_TESS_SCALE, AIR_PUSH_TESS_INSTANCE_STRIDE, AIR_PUSH_PATCH_START};
    struct spv *s = &g->s;
    uint32_t f = spv_type_float(s, 32), u = spv_type_uint(s, 32), t = k ? u : f;

    if (!*block) {
        uint32_t st = spv_id(s);

        spv_raw(s, &s->types, SpvOpTypeStruct, (const uint32_t[]){st, f, u, u}, 4);
        for (uint32_t i = 0; i < 3; i++)
            spv_member_decorate(s, st, i, SpvDecorationOffset, 1, offsets[i]);
        spv_decorate(s, st, SpvDecorationBlock, 0);
        *block = variable(g, st, SpvStorageClassPushConstant);
    }
    return load(g, t, at(g, t, SpvStorageClassPushConstant, *block, spv_u32(s, k)));
}

/* The guest's factor buffer as words. */
static uint32_t factor_buffer(struct gen *g)
{
    struct spv *s = &g->s;
    uint32_t arr = spv_type(s, SpvOpTypeRuntimeArray, 1, spv_type_uint(s, 32)), st = spv_id(s), v;

    spv_decorate(s, arr, SpvDecorationArrayStride, 1, 4u);
    spv_raw(s, &s->types, SpvOpTypeStruct, (const uint32_t[]){st, arr}, 2);
    spv_member_decorate(s, st, 0, SpvDecorationOffset, 1, 0u);
    spv_member_decorate(s, st, 0, SpvDecorationNonWritable, 0);
    spv_decorate(s, st, SpvDecorationBlock, 0);
    v = variable(g, st, SpvStorageClassStorageBuffer);
    spv_decorate(s, v, SpvDecorationDescriptorSet, 1, (uint32_t)AIR_SET_MESH);
    spv_decorate(s, v, SpvDecorationBinding, 1, (uint32_t)AIR_BIND_TESS_FACTORS);
    return v;
}

/* Two factors at word @index: zero, which drops the patch, past the end of the buffer. */
static uint32_t factor_pair(struct gen *g, uint32_t buffer, uint32_t index)
{
    struct spv *s = &g->s;
    uint32_t u = spv_type_uint(s, 32), b = spv_type_bool(s), len, in, w;

    len = spv_op(s, SpvOpArrayLength, u, 2, buffer, 0u);
    in = spv_op(s, SpvOpULessThan, b, 2, index, len);
    index = spv_op(s, SpvOpSelect, u, 3, in, index, spv_u32(s, 0));
    w = load(
        g, u,
        spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassStorageBuffer, u), 3, buffer, spv_u32(s, 0), index));
    w = spv_op(s, SpvOpSelect, u, 3, in, w, spv_u32(s, 0));
    return spv_glsl(s, GLSLstd450UnpackHalf2x16, spv_type_vec(s, spv_type_float(s, 32), 2), 1, w);
}

/* Scale, limit, and for the power-of-two mode the rounding; the other modes round as Vulkan's spacings do. */
static uint32_t level(struct gen *g, uint32_t f, uint32_t scale, bool edge)
{
    struct spv *s = &g->s;
    uint32_t ft = spv_type_float(s, 32), u = spv_type_uint(s, 32), x, n;

    f = spv_op(s, SpvOpFMul, ft, 2, f, scale);
    x = spv_glsl(s, GLSLstd450NMin, ft, 2, spv_glsl(s, GLSLstd450NMax, ft, 2, f, spv_f32(s, 1)),
                 spv_f32(s, (float)g->state->max_factor));
    if (g->state->partition == AIR_TESS_POW2) {
        n = spv_op(s, SpvOpConvertFToU, u, 1, spv_glsl(s, GLSLstd450Ceil, ft, 1, x));
        n = spv_glsl(s, GLSLstd450FindUMsb, u, 1, spv_op(s, SpvOpISub, u, 2, n, spv_u32(s, 1)));
        n = spv_op(s, SpvOpShiftLeftLogical, u, 2, spv_u32(s, 1), spv_op(s, SpvOpIAdd, u, 2, n, spv_u32(s, 1)));
        x = spv_op(s, SpvOpConvertUToF, ft, 1, n);
    }
    if (!edge)
        return x;
    /* an edge of zero, less, or no number drops the patch, in Metal as in Vulkan */
    return spv_op(s, SpvOpSelect, ft, 3, spv_op(s, SpvOpFOrdGreaterThan, spv_type_bool(s), 2, f, spv_f32(s, 0)), x,
                  spv_f32(s, 0));
}

static void levels(struct gen *g, uint32_t instance, uint32_t patch, uint32_t *block)
{
    struct spv *s = &g->s;
    bool quad = g->patch_kind == 2;
    uint32_t ft = spv_type_float(s, 32), u = spv_type_uint(s, 32), words = quad ? 3 : 2, value[6], n = 0, zero;
    uint32_t outer = builtin(g, SpvBuiltInTessLevelOuter, spv_type_array(s, ft, 4), SpvStorageClassOutput);
    uint32_t inner = builtin(g, SpvBuiltInTessLevelInner, spv_type_array(s, ft, 2), SpvStorageClassOutput);
    uint32_t buffer = factor_buffer(g), scale = push(g, block, 0), index = spv_u32(s, 0), outers = quad ? 4 : 3;

    spv_decorate(s, outer, SpvDecorationPatch, 0);
    spv_decorate(s, inner, SpvDecorationPatch, 0);
    zero = spv_f32(s, 0);
    if (g->state->step & AIR_TESS_PER_PATCH)
        index = spv_imul(s, patch, spv_u32(s, words));
    if (g->state->step & AIR_TESS_PER_INSTANCE)
        index = spv_iadd(s, index, spv_op(s, SpvOpIMul, u, 2, instance, spv_shr(s, push(g, block, 1), 2)));
    for (uint32_t i = 0; i < words; i++) {
        uint32_t pair = factor_pair(g, buffer, spv_iadd(s, index, spv_u32(s, i)));

        for (uint32_t k = 0; k < 2; k++, n++)
            value[n] = level(g, spv_op(s, SpvOpCompositeExtract, ft, 2, pair, k), scale, n < outers);
    }
    for (uint32_t i = 0; i < 4; i++)
        spv_void(s, SpvOpStore, 2, at(g, ft, SpvStorageClassOutput, outer, spv_u32(s, i)),
                 i < outers ? value[i] : zero);
    for (uint32_t i = 0; i < 2; i++)
        spv_void(s, SpvOpStore, 2, at(g, ft, SpvStorageClassOutput, inner, spv_u32(s, i)),
                 quad || !i ? value[outers + i] : zero);
}

/* Control points as they are, attributes of the patch from its first control point, levels from the factor buffer. */
static uint32_t *make_control(struct gen *g, size_t *words)
{
    static const SpvExecutionMode spacing[] = {
        [AIR_TESS_POW2] = SpvExecutionModeSpacingEqual,
        [AIR_TESS_INTEGER] = SpvExecutionModeSpacingEqual,
        [AIR_TESS_FRACTIONAL_ODD] = SpvExecutionModeSpacingFractionalOdd,
        [AIR_TESS_FRACTIONAL_EVEN] = SpvExecutionModeSpacingFractionalEven,
    };
    struct spv *s = &g->s;
    uint32_t u, me, v4, in, patch, ids, block = 0, points = g->state->points;

    begin(g);
    u = spv_type_uint(s, 32);
    v4 = spv_type_vec(s, u, 4);
    spv_cap(s, SpvCapabilityTessellation);
    me = load(g, u, builtin(g, SpvBuiltInInvocationId, u, SpvStorageClassInput));
    for (uint32_t i = 0; i < g->n; i++) {
        const struct attribute *a = &g->a[i];
        uint32_t t = type_of_attribute(s, a), arr = spv_type_array(s, t, points), to;

        in = located(g, arr, SpvStorageClassInput, a->location);
        if (a->patch) {
            to = located(g, t, SpvStorageClassOutput, a->location);
            spv_decorate(s, to, SpvDecorationPatch, 0);
        } else {
            to = at(g, t, SpvStorageClassOutput, located(g, arr, SpvStorageClassOutput, a->location), me);
        }
        spv_void(s, SpvOpStore, 2, to, load(g, t, at(g, t, SpvStorageClassInput, in, a->patch ? spv_u32(s, 0) : me)));
    }
    in = located(g, spv_type_array(s, v4, points), SpvStorageClassInput, AIR_TESS_LOCATION_IDS);
    ids = load(g, v4, at(g, v4, SpvStorageClassInput, in, me));
    if (g->state->indexed) {
        patch = spv_op(s, SpvOpIAdd, u, 2, load(g, u, builtin(g, SpvBuiltInPrimitiveId, u, SpvStorageClassInput)),
                       push(g, &block, 2));
        ids = spv_op(s, SpvOpCompositeInsert, v4, 3, patch, ids, 2u);
    } else {
        patch = spv_op(s, SpvOpCompositeExtract, u, 2, ids, 2u);
    }
    spv_void(s, SpvOpStore, 2,
             at(g, v4, SpvStorageClassOutput,
                located(g, spv_type_array(s, v4, points), SpvStorageClassOutput, AIR_TESS_LOCATION_IDS), me),
             ids);
    levels(g, spv_op(s, SpvOpCompositeExtract, u, 2, ids, 0u), patch, &block);
    spv_raw(s, &s->modes, SpvOpExecutionMode, (const uint32_t[]){g->main_id, SpvExecutionModeOutputVertices, points},
            3);
    spv_raw(s, &s->modes, SpvOpExecutionMode, (const uint32_t[]){g->main_id, (uint32_t)spacing[g->state->partition]},
            2);
    spv_raw(s, &s->modes, SpvOpExecutionMode,
            (const uint32_t[]){g->main_id,
                               g->state->winding ? SpvExecutionModeVertexOrderCcw : SpvExecutionModeVertexOrderCw},
            2);
    return end(g, SpvExecutionModelTessellationControl, words);
}

const char *air_tess_make(const void *reflection, const struct air_tess_state *state, struct air_tess *out)
{
    const struct air_reflect_header *h = reflection;
    struct gen g = {.state = state, .patch_kind = h->patch_kind};
    const char *why;

    memset(out, 0, sizeof(*out));
    if (h->stage != AIR_STAGE_VERTEX || h->patch_kind < 1 || h->patch_kind > 2)
        return "not a post-tessellation vertex function";
    if (state->partition > AIR_TESS_FRACTIONAL_EVEN || state->step > AIR_TESS_PER_PATCH_AND_INSTANCE ||
        state->winding > 1 || state->indexed > 1 || !state->max_factor || state->max_factor > 64)
        return "tessellation state out of range";
    if (!state->points || state->points > 32 || (h->patch_control_points && h->patch_control_points != state->points))
        return "number of control points";
    why = collect(&g, reflection);
    if (why)
        return why;
    out->vertex = make_vertex(&g, &out->vertex_words);
    out->control = make_control(&g, &out->control_words);
    if (out->vertex && out->control)
        return NULL;
    air_tess_fini(out);
    return "no memory";
}

void air_tess_fini(struct air_tess *t)
{
    free(t->vertex);
    free(t->control);
    memset(t, 0, sizeof(*t));
}
