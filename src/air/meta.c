/* SPDX-License-Identifier: MIT */
/*
 * Entry-point metadata to arguments and outputs (air 2.5-2.9, 2.15). A keyword grammar read strictly left to right;
 * unknown keywords are skipped, wrong operand kinds are a refusal. Everything here is the guest's: indices are checked
 * against the function and the limits of air_abi.h.
 */
#include "ctx.h"

#include <stdlib.h>
#include <string.h>

unsigned md_operands(struct ctx *c, LLVMValueRef node, LLVMValueRef **ops)
{
    int n;

    *ops = NULL;
    if (!node || !LLVMIsAMDNode(node))
        return 0;
    n = (int)LLVMGetMDNodeNumOperands(node);
    if (n <= 0)
        return 0;
    if (n > 65536)
        air_fail(c, AIR_REFUSE_LIMIT, "metadata node of %d operands", n);
    *ops = air_alloc(c, (size_t)n * sizeof(**ops));
    LLVMGetMDNodeOperands(node, *ops);
    return (unsigned)n;
}

bool md_str(LLVMValueRef v, const char *want)
{
    unsigned len;
    const char *s = v && LLVMIsAMDString(v) ? LLVMGetMDString(v, &len) : NULL;

    return s && len == strlen(want) && !memcmp(s, want, len);
}

const char *md_string(struct ctx *c, LLVMValueRef v)
{
    unsigned len;
    const char *s = v && LLVMIsAMDString(v) ? LLVMGetMDString(v, &len) : NULL;

    return s ? air_strndup(c, s, len) : NULL;
}

bool md_int(LLVMValueRef v, int64_t *out)
{
    if (!v || !LLVMIsAConstantInt(v) || LLVMGetIntTypeWidth(LLVMTypeOf(v)) > 64)
        return false;
    *out = LLVMGetIntTypeWidth(LLVMTypeOf(v)) == 1 ? (int64_t)LLVMConstIntGetZExtValue(v) : LLVMConstIntGetSExtValue(v);
    return true;
}

static uint32_t need_u32(struct ctx *c, LLVMValueRef *o, unsigned n, unsigned i, const char *what)
{
    int64_t x;

    if (i >= n || !md_int(o[i], &x) || x < 0 || x > INT32_MAX)
        air_fail(c, AIR_REFUSE_METADATA, "%s: expected a number", what);
    return (uint32_t)x;
}

static const struct {
    const char *node;
    enum air_stage stage;
} entry_nodes[] = {
    {"air.vertex", AIR_STAGE_VERTEX}, {"air.fragment", AIR_STAGE_FRAGMENT},
    {"air.kernel", AIR_STAGE_KERNEL}, {"air.mesh", AIR_STAGE_MESH},
    {"air.object", AIR_STAGE_OBJECT}, {"air.visible", AIR_STAGE_VISIBLE},
    {"air.extern", AIR_STAGE_EXTERN}, {"air.intersection", AIR_STAGE_INTERSECTION},
};

typedef void (*entry_fn)(void *opaque, const char *name, unsigned stage);

/* Count entry points of name @want (NULL: all) and remember the last one; tell @fn of each when there is one. */
static unsigned each_entry(struct ctx *c, const char *want, LLVMValueRef *found, enum air_stage *stage, entry_fn fn,
                           void *opaque)
{
    unsigned count = 0;

    for (unsigned k = 0; k < ARRAY_LEN(entry_nodes); k++) {
        unsigned n = LLVMGetNamedMetadataNumOperands(c->m, entry_nodes[k].node);
        LLVMValueRef *nodes;

        if (!n)
            continue;
        if (n > 65536)
            air_fail(c, AIR_REFUSE_LIMIT, "%u entry points", n);
        nodes = air_alloc(c, n * sizeof(*nodes));
        LLVMGetNamedMetadataOperands(c->m, entry_nodes[k].node, nodes);
        for (unsigned i = 0; i < n; i++) {
            LLVMValueRef *o;
            unsigned m = md_operands(c, nodes[i], &o);

            if (m < 3 || !o[0] || !LLVMIsAFunction(o[0]) || LLVMIsDeclaration(o[0]))
                continue;
            if (want && strcmp(want, LLVMGetValueName(o[0])))
                continue;
            count++;
            if (fn)
                fn(opaque, LLVMGetValueName(o[0]), entry_nodes[k].stage);
            *found = nodes[i];
            *stage = entry_nodes[k].stage;
        }
    }
    return count;
}

static void parse_extras(struct ctx *c, LLVMValueRef *o, unsigned n)
{
    for (unsigned i = 3; i < n; i++) {
        LLVMValueRef *e;
        unsigned m;

        if (md_str(o[i], "early_fragment_tests") || md_str(o[i], "air.early_fragment_tests"))
            c->h.flags |= AIR_REFLECT_EARLY_TESTS;
        m = md_operands(c, o[i], &e);
        if (!m)
            continue;
        if (md_str(e[0], "early_fragment_tests"))
            c->h.flags |= AIR_REFLECT_EARLY_TESTS;
        if (md_str(e[0], "air.max_work_group_size"))
            c->h.max_threads = need_u32(c, e, m, 1, "air.max_work_group_size");
        if (md_str(e[0], "air.patch") && m > 1) {
            c->h.patch_kind = md_str(e[1], "triangle") ? 1 : md_str(e[1], "quad") ? 2 : 0;
            if (!c->h.patch_kind)
                air_fail(c, AIR_REFUSE_METADATA, "air.patch: neither triangle nor quad");
            if (m > 3 && md_str(e[2], "air.patch_control_point"))
                c->h.patch_control_points = need_u32(c, e, m, 3, "air.patch_control_point");
            if (c->h.patch_control_points > 32)
                air_fail(c, AIR_REFUSE_METADATA, "%u patch control points", c->h.patch_control_points);
        }
    }
}

void meta_find_entry(struct ctx *c, const char *entry)
{
    LLVMValueRef node = NULL, *o;
    unsigned n = each_entry(c, entry, &node, &c->stage, NULL, NULL);

    if (!n)
        air_fail(c, AIR_REFUSE_NO_ENTRY, "no entry point %s%.200s", entry ? "" : "in the module", entry ? entry : "");
    if (n > 1)
        air_fail(c, AIR_REFUSE_NO_ENTRY, "%u entry points%s: name one", n, entry ? " of that name" : "");
    n = md_operands(c, node, &o);
    c->fn = o[0];
    c->node_outputs = o[1];
    c->node_inputs = o[2];
    c->entry_name = air_strndup(c, LLVMGetValueName(c->fn), strlen(LLVMGetValueName(c->fn)));
    c->h.stage = c->stage;
    if (c->stage == AIR_STAGE_VISIBLE || c->stage == AIR_STAGE_EXTERN || c->stage == AIR_STAGE_INTERSECTION)
        air_fail(c, c->stage == AIR_STAGE_INTERSECTION ? AIR_REFUSE_RAY_TRACING : AIR_REFUSE_STAGE, "%s function",
                 air_stage_name(c->stage));
    if (LLVMCountParams(c->fn) > AIR_LIMIT_PARAMS)
        air_fail(c, AIR_REFUSE_LIMIT, "%u parameters", LLVMCountParams(c->fn));
    parse_extras(c, o, n);
}

void meta_each_entry(struct ctx *c, entry_fn fn, void *opaque)
{
    LLVMValueRef node;
    enum air_stage stage;

    (void)each_entry(c, NULL, &node, &stage, fn, opaque);
}

static enum air_kind kind_of(struct ctx *c, LLVMValueRef v)
{
    const char *s = md_string(c, v);

    if (!s || strncmp(s, "air.", 4))
        return AIR_KIND_UNKNOWN;
    for (uint32_t k = 1; k < AIR_KIND_COUNT; k++) {
        if (!strcmp(s + 4, air_kind_name(k)))
            return (enum air_kind)k;
    }
    return AIR_KIND_UNKNOWN;
}

/* "texture2d<float, sample>" (air 2.7). */
static void parse_texture_name(struct ctx *c, struct arg *a)
{
    const char *s = a->type_name, *lt = s ? strchr(s, '<') : NULL, *comma;
    static const struct {
        const char *name;
        enum air_component comp;
    } comps[] = {{"float", AIR_COMPONENT_FLOAT}, {"half", AIR_COMPONENT_HALF},   {"int", AIR_COMPONENT_INT},
                 {"uint", AIR_COMPONENT_UINT},   {"short", AIR_COMPONENT_SHORT}, {"ushort", AIR_COMPONENT_USHORT},
                 {"ulong", AIR_COMPONENT_ULONG}};

    /* array<texture2d<...>, n> and array_ref<...>: the element's name is inside. */
    if (s && (!strncmp(s, "array<", 6) || !strncmp(s, "array_ref<", 10))) {
        s = strchr(s, '<') + 1;
        lt = strchr(s, '<');
    }
    if (!lt)
        air_fail(c, AIR_REFUSE_METADATA, "texture %u: type name '%.60s'", a->r.index, a->type_name ? a->type_name : "");
    for (uint32_t t = 1; t < AIR_TEXTURE_COUNT; t++) {
        const char *n = air_texture_name(t);

        if (strlen(n) == (size_t)(lt - s) && !strncmp(n, s, (size_t)(lt - s)))
            a->r.texture = t;
    }
    for (unsigned i = 0; i < ARRAY_LEN(comps); i++) {
        size_t n = strlen(comps[i].name);

        if (!strncmp(lt + 1, comps[i].name, n) && (lt[1 + n] == ',' || lt[1 + n] == '>'))
            a->r.component = comps[i].comp;
    }
    comma = strchr(lt, ',');
    if (comma) {
        comma += 1 + strspn(comma + 1, " ");
        if (!strncmp(comma, "access::", 8))
            comma += 8;
        a->r.access = !strncmp(comma, "sample", 6)        ? AIR_ACCESS_SAMPLE
                      : !strncmp(comma, "read_write", 10) ? AIR_ACCESS_READ_WRITE
                      : !strncmp(comma, "read", 4)        ? AIR_ACCESS_READ
                      : !strncmp(comma, "write", 5)       ? AIR_ACCESS_WRITE
                                                          : a->r.access;
    }
    if (!a->r.texture || !a->r.component)
        air_fail(c, AIR_REFUSE_METADATA, "texture %u: type name '%.60s'", a->r.index, a->type_name);
}

static bool is_identity(const char *s)
{
    return s && (!strncmp(s, "user(", 5) || !strncmp(s, "generated(", 10));
}

/* Attributes shared by inputs and outputs, from operand @i on. */
static void parse_attributes(struct ctx *c, struct arg *a, LLVMValueRef *o, unsigned n, unsigned i)
{
    for (; i < n; i++) {
        const char *s = md_string(c, o[i]);

        if (!s)
            continue;
        if (is_identity(s)) {
            a->identity = s;
        } else if (!strcmp(s, "air.location_index")) {
            a->r.index = a->io.index = need_u32(c, o, n, i + 1, s);
            a->r.count = need_u32(c, o, n, i + 2, s);
            i += 2;
        } else if (!strcmp(s, "air.address_space")) {
            a->r.space = need_u32(c, o, n, ++i, s);
        } else if (!strcmp(s, "air.buffer_size")) {
            a->r.bytes = need_u32(c, o, n, ++i, s);
        } else if (!strcmp(s, "air.arg_type_size")) {
            a->r.type_bytes = need_u32(c, o, n, ++i, s);
        } else if (!strcmp(s, "air.arg_type_align_size")) {
            a->r.type_align = need_u32(c, o, n, ++i, s);
        } else if (!strcmp(s, "air.arg_type_name") && i + 1 < n) {
            a->type_name = md_string(c, o[++i]);
        } else if (!strcmp(s, "air.arg_name") && i + 1 < n) {
            a->name = md_string(c, o[++i]);
        } else if (!strcmp(s, "air.struct_type_info") || !strcmp(s, "air.function_constant")) {
            i++;
        } else if (!strcmp(s, "air.clip_distance_array_size")) {
            a->r.count = need_u32(c, o, n, ++i, s);
        } else if (!strcmp(s, "air.raster_order_group")) {
            i++;
            if (a->kind == AIR_KIND_BUFFER || a->kind == AIR_KIND_TEXTURE)
                c->raster_order = true; /* what is fetched from a colour target is ordered anyway */
        } else if (!strcmp(s, "air.read_write")) {
            a->r.access = AIR_ACCESS_READ_WRITE;
        } else if (!strcmp(s, "air.read")) {
            a->r.access = AIR_ACCESS_READ;
        } else if (!strcmp(s, "air.write")) {
            a->r.access = AIR_ACCESS_WRITE;
        } else if (!strcmp(s, "air.sample")) {
            a->r.access = AIR_ACCESS_SAMPLE;
            a->io.flags |= AIR_IO_SAMPLE;
        } else if (!strcmp(s, "air.centroid")) {
            a->io.flags |= AIR_IO_CENTROID;
        } else if (!strcmp(s, "air.flat")) {
            a->io.flags |= AIR_IO_FLAT;
        } else if (!strcmp(s, "air.no_perspective")) {
            a->io.flags |= AIR_IO_NO_PERSPECTIVE;
        } else if (!strcmp(s, "air.invariant")) {
            a->io.flags |= AIR_IO_INVARIANT;
        } else if (!strcmp(s, "air.greater")) {
            c->h.flags |= AIR_REFLECT_DEPTH_GREATER;
        } else if (!strcmp(s, "air.less")) {
            c->h.flags |= AIR_REFLECT_DEPTH_LESS;
        }
    }
}

static enum air_refuse refused_kind(enum air_kind k)
{
    switch (k) {
    case AIR_KIND_VISIBLE_FUNCTION_TABLE:
    case AIR_KIND_INTERSECTION_FUNCTION_TABLE:
    case AIR_KIND_INSTANCE_ACCELERATION_STRUCTURE:
    case AIR_KIND_PRIMITIVE_ACCELERATION_STRUCTURE:
        return AIR_REFUSE_RAY_TRACING;
    case AIR_KIND_COMMAND_BUFFER:
    case AIR_KIND_COMPUTE_PIPELINE_STATE:
    case AIR_KIND_RENDER_PIPELINE_STATE:
    case AIR_KIND_DEPTH_STENCIL_STATE:
        return AIR_REFUSE_COMMAND_BUFFER;
    case AIR_KIND_TENSOR:
        return AIR_REFUSE_TENSOR;
    case AIR_KIND_IMAGEBLOCK:
        return AIR_REFUSE_IMAGEBLOCK;
    default:
        return AIR_REFUSE_NONE;
    }
}

/* An argument buffer may hold plain values; anything that is a handle or pointer has an UNKNOWN encoding (decision 16).
 */
static void check_argument_buffer(struct ctx *c, LLVMValueRef *o, unsigned n, unsigned depth)
{
    if (depth > 16)
        air_fail(c, AIR_REFUSE_METADATA, "struct_type_info nested too deep");
    for (unsigned i = 0; i < n; i++) {
        LLVMValueRef *k;
        unsigned m;
        const char *s = md_string(c, o[i]);

        if (s && !strcmp(s, "air.indirect_argument") && i + 1 < n) {
            m = md_operands(c, o[i + 1], &k);
            for (unsigned j = 0; j < m; j++) {
                const char *t = md_string(c, k[j]);

                if (t && (!strcmp(t, "air.texture") || !strcmp(t, "air.sampler")))
                    air_fail(c, AIR_REFUSE_ARGUMENT_BUFFER, "argument buffer holds %s: encoding unknown", t + 4);
            }
        }
        if (s && !strcmp(s, "air.struct_type_info") && i + 1 < n) {
            m = md_operands(c, o[i + 1], &k);
            check_argument_buffer(c, k, m, depth + 1);
        }
    }
}

static void classify(struct ctx *c, struct arg *a, LLVMValueRef *o, unsigned n)
{
    static const unsigned limits[] = {
        [AIR_KIND_BUFFER] = 31, [AIR_KIND_INDIRECT_BUFFER] = 31, [AIR_KIND_TEXTURE] = 128, [AIR_KIND_SAMPLER] = 16};
    bool pointer = LLVMGetTypeKind(LLVMTypeOf(a->value)) == LLVMPointerTypeKind;
    unsigned as = pointer ? LLVMGetPointerAddressSpace(LLVMTypeOf(a->value)) : 0;

    a->r.kind = a->kind;
    a->r.set = air_reflect_set(&c->h);
    switch (a->kind) {
    case AIR_KIND_BUFFER:
    case AIR_KIND_INDIRECT_BUFFER:
        if (!pointer || as < 1 || as > 3)
            air_fail(c, AIR_REFUSE_METADATA, "parameter %u: buffer that is no device pointer", a->param);
        a->r.space = as;
        a->r.binding = AIR_BIND_BUFFER + a->r.index;
        if (a->kind == AIR_KIND_INDIRECT_BUFFER)
            check_argument_buffer(c, o, n, 0);
        break;
    case AIR_KIND_TEXTURE:
        parse_texture_name(c, a);
        a->r.binding = AIR_BIND_TEXTURE + a->r.index;
        break;
    case AIR_KIND_SAMPLER:
        a->r.binding = AIR_BIND_SAMPLER + a->r.index;
        break;
    case AIR_KIND_PAYLOAD:
    case AIR_KIND_MESH:
    case AIR_KIND_MESH_GRID_PROPERTIES:
    case AIR_KIND_PATCH_CONTROL_POINT_INPUT:
        if (!pointer)
            air_fail(c, AIR_REFUSE_METADATA, "parameter %u: %s is no pointer", a->param, air_kind_name(a->kind));
        break;
    default:
        a->is_io = true;
        a->io.kind = a->kind;
        return;
    }
    if (a->kind < ARRAY_LEN(limits) && limits[a->kind] &&
        (a->r.index >= limits[a->kind] || a->r.count > limits[a->kind] - a->r.index))
        air_fail(c, AIR_REFUSE_METADATA, "%s index %u, count %u", air_kind_name(a->kind), a->r.index, a->r.count);
}

/* One node names the function that gives a control point, the others its attributes, in the order of its members. */
static void parse_control_points(struct ctx *c, struct arg *a, LLVMValueRef *o, unsigned n)
{
    if (c->ncp || !c->h.patch_kind)
        air_fail(c, AIR_REFUSE_METADATA, "parameter %u: control points twice, or of no patch", a->param);
    c->cp = air_alloc(c, (n + 1) * sizeof(*c->cp));
    for (unsigned k = 0; k < n; k++) {
        LLVMValueRef *q;
        unsigned nq = md_operands(c, o[k], &q);
        struct output *cp = &c->cp[c->ncp];
        struct arg tmp = {0};

        if (nq > 1 && md_str(q[0], "air.patch_control_point_function") && q[1] && LLVMIsAFunction(q[1])) {
            a->cp_function = q[1];
            continue;
        }
        tmp.io.index = UINT32_MAX;
        parse_attributes(c, &tmp, q, nq, 0);
        if (tmp.io.index == UINT32_MAX)
            continue;
        if (tmp.io.index >= AIR_TESS_LOCATION_IDS)
            air_fail(c, AIR_REFUSE_METADATA, "control point attribute %u", tmp.io.index);
        for (unsigned j = 0; j < c->ncp; j++) {
            if (c->cp[j].r.index == tmp.io.index)
                air_fail(c, AIR_REFUSE_METADATA, "control point attribute %u twice", tmp.io.index);
        }
        cp->kind = AIR_KIND_CONTROL_POINT_INPUT;
        cp->r = tmp.io;
        cp->r.kind = (uint32_t)cp->kind;
        cp->name = tmp.name;
        cp->identity = tmp.identity;
        cp->type_name = tmp.type_name;
        c->ncp++;
    }
}

static void parse_inputs(struct ctx *c)
{
    LLVMValueRef *nodes;
    unsigned n = md_operands(c, c->node_inputs, &nodes), np = LLVMCountParams(c->fn);

    if (n > AIR_LIMIT_PARAMS)
        air_fail(c, AIR_REFUSE_LIMIT, "%u argument nodes", n);
    c->arg = air_alloc(c, (n + 1) * sizeof(*c->arg));
    for (unsigned i = 0; i < n; i++) {
        struct arg *a = &c->arg[c->narg];
        LLVMValueRef *o;
        unsigned m = md_operands(c, nodes[i], &o), at = 1;
        int64_t x;

        if (m < 2)
            continue;
        a->param = need_u32(c, o, m, 0, "argument");
        if (a->param >= np)
            air_fail(c, AIR_REFUSE_METADATA, "argument node names parameter %u of %u", a->param, np);
        a->value = LLVMGetParam(c->fn, a->param);
        a->r.count = 1;
        if (md_str(o[1], "air.function_constant") && m > 3) {
            LLVMValueRef *p, pred = o[2];
            uint64_t on = 0;

            if (pred && LLVMIsAMDNode(pred))
                pred = md_operands(c, pred, &p) ? p[0] : NULL;
            (void)front_constant_value(c, pred,
                                       &on); /* not evaluable: the argument is absent, as for an unset constant */
            a->absent = !on;
            at = 3;
        }
        a->kind = kind_of(c, o[at]);
        if (a->kind == AIR_KIND_UNKNOWN)
            air_fail(c, AIR_REFUSE_ARGUMENT_KIND, "parameter %u: kind '%.60s'", a->param,
                     md_string(c, o[at]) ? md_string(c, o[at]) : "");
        if (refused_kind(a->kind))
            air_fail(c, refused_kind(a->kind), "parameter %u: %s", a->param, air_kind_name(a->kind));
        if (a->kind == AIR_KIND_RENDER_TARGET || a->kind == AIR_KIND_CLIP_DISTANCE)
            a->io.index = at + 1 < m && md_int(o[at + 1], &x) ? need_u32(c, o, m, at + 1, "render target") : 0;
        if (a->kind == AIR_KIND_PATCH_CONTROL_POINT_INPUT)
            parse_control_points(c, a, o + at + 1, m - at - 1);
        if (a->kind == AIR_KIND_MESH) {
            LLVMValueRef *q, *lst;
            unsigned k = md_operands(c, o[at + 1 < m ? at + 1 : at], &q), nv, np2;

            if (k < 6 || !md_str(q[0], "air.mesh_type_info"))
                air_fail(c, AIR_REFUSE_METADATA, "mesh argument without air.mesh_type_info");
            c->h.mesh_max_vertices = need_u32(c, q, k, 3, "mesh vertices");
            c->h.mesh_max_primitives = need_u32(c, q, k, 4, "mesh primitives");
            if (!c->h.mesh_max_vertices || c->h.mesh_max_vertices > 256 || !c->h.mesh_max_primitives ||
                c->h.mesh_max_primitives > 512)
                air_fail(c, AIR_REFUSE_METADATA, "mesh of %u vertices, %u primitives", c->h.mesh_max_vertices,
                         c->h.mesh_max_primitives);
            c->h.mesh_topology = md_str(q[5], "air.line") ? 1 : md_str(q[5], "air.triangle") ? 2 : 0;
            nv = md_operands(c, q[1], &lst);
            np2 = md_operands(c, q[2], &o);
            c->mesh_out = air_alloc(c, (nv + np2 + 1) * sizeof(*c->mesh_out));
            for (unsigned j = 0; j < nv + np2; j++) {
                LLVMValueRef *f;
                unsigned nf = md_operands(c, j < nv ? lst[j] : o[j - nv], &f);
                struct arg tmp = {0};
                struct output *mo = &c->mesh_out[c->nmesh_out];

                if (!nf)
                    continue;
                mo->kind = kind_of(c, f[0]);
                parse_attributes(c, &tmp, f, nf, 1);
                if (nf > 1 && md_int(f[1], &x))
                    tmp.io.index = (uint32_t)x;
                mo->r = tmp.io;
                mo->array = tmp.r.count;
                mo->r.kind = mo->kind;
                if (j >= nv)
                    mo->r.flags |= AIR_IO_PER_PRIMITIVE;
                mo->name = tmp.name;
                mo->identity = tmp.identity;
                c->nmesh_out++;
            }
            m = md_operands(c, nodes[i], &o);
        }
        parse_attributes(c, a, o, m, at + 1);
        classify(c, a, o, m);
        c->narg++;
    }
}

static void parse_outputs(struct ctx *c)
{
    LLVMValueRef *nodes;
    unsigned n = md_operands(c, c->node_outputs, &nodes);

    c->outp = air_alloc(c, (n + 1) * sizeof(*c->outp));
    for (unsigned i = 0; i < n; i++) {
        struct output *out = &c->outp[c->nout];
        struct arg tmp = {0};
        LLVMValueRef *o;
        unsigned m = md_operands(c, nodes[i], &o);
        int64_t x;

        if (!m)
            air_fail(c, AIR_REFUSE_METADATA, "output %u: empty node", i);
        out->kind = kind_of(c, o[0]);
        parse_attributes(c, &tmp, o, m, 1);
        out->r = tmp.io;
        out->r.kind = out->kind;
        out->name = tmp.name;
        out->identity = tmp.identity;
        out->type_name = tmp.type_name;
        if (out->kind == AIR_KIND_RENDER_TARGET) {
            out->r.index = need_u32(c, o, m, 1, "render target");
            if (m > 2 && md_int(o[2], &x))
                out->r.source = need_u32(c, o, m, 2, "render target");
            if (out->r.index >= AIR_MAX_ATTACHMENTS || out->r.source > 1)
                air_fail(c, AIR_REFUSE_METADATA, "render target %u source %u", out->r.index, out->r.source);
        }
        if (out->kind == AIR_KIND_UNKNOWN)
            air_fail(c, AIR_REFUSE_BUILTIN, "output '%.60s'", md_string(c, o[0]) ? md_string(c, o[0]) : "");
        c->nout++;
    }
}

static void parse_module(struct ctx *c)
{
    unsigned n = LLVMGetNamedMetadataNumOperands(c->m, "air.compile_options");
    LLVMValueRef *ops;

    if (n && n < 64) {
        ops = air_alloc(c, n * sizeof(*ops));
        LLVMGetNamedMetadataOperands(c->m, "air.compile_options", ops);
        for (unsigned i = 0; i < n; i++) {
            LLVMValueRef *o;

            if (md_operands(c, ops[i], &o) && md_str(o[0], "air.compile.fast_math_enable"))
                c->fast_math = true;
        }
    }
    if (c->fast_math)
        c->h.flags |= AIR_REFLECT_FAST_MATH;
    if (c->nfc)
        c->h.flags |= AIR_REFLECT_LIVE_CONSTANTS;
}

void meta_parse(struct ctx *c)
{
    parse_module(c);
    parse_inputs(c);
    parse_outputs(c);
}
