/* SPDX-License-Identifier: MIT */
/*
 * Texture intrinsics (air 3.2, 3.6): their names, what is done with each texture and so how it is declared, and the
 * queries. Sampling is in tex_sample.c, texels by coordinate in tex_access.c, descriptors in tex_bind.c.
 */
#include "tex.h"

#include <string.h>

static const struct tex_kind kinds[] = {
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
static const struct tex_kind *split(const char *op, char *verb, size_t max, bool *grad)
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

const struct tex_kind *tex_kind_of(const struct arg *a)
{
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].t == (enum air_texture)a->r.texture)
            return &kinds[i];
    }
    return NULL;
}

bool tex_is_float(LLVMValueRef v)
{
    LLVMTypeKind k = LLVMGetTypeKind(elem_type(LLVMTypeOf(v)));

    return k == LLVMFloatTypeKind || k == LLVMHalfTypeKind;
}

bool tex_is_int(LLVMValueRef v, unsigned n)
{
    LLVMTypeRef t = LLVMTypeOf(v);

    return LLVMGetTypeKind(elem_type(t)) == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(elem_type(t)) > 1 &&
           vec_len(t) == n;
}

bool tex_is_zero(LLVMValueRef v)
{
    return LLVMIsConstant(v) && (LLVMIsNull(v) || LLVMIsUndef(v));
}

void tex_zero(struct ctx *c, struct call *k)
{
    if (LLVMGetTypeKind(k->ret) != LLVMVoidTypeKind)
        set_value(c, k->inst, spv_null(&c->s, type_of(c, k->ret)));
}

/* Kind and verb of a texture call, its name split and its operands in @k; NULL for others. */
static const struct tex_kind *texture_of(LLVMValueRef i, struct call *k, char *verb, size_t max, bool *grad)
{
    LLVMValueRef f = LLVMIsACallInst(i) ? LLVMGetCalledValue(i) : NULL;
    const char *name = f && LLVMIsAFunction(f) ? LLVMGetValueName(f) : "";

    if (strncmp(name, "air.", 4) || !LLVMGetNumArgOperands(i) || !is_pointer(LLVMGetOperand(i, 0)))
        return NULL;
    *k = (struct call){.inst = i, .ret = LLVMTypeOf(i)};
    intr_split_name(k, name + 4);
    k->n = LLVMGetNumArgOperands(i);
    for (unsigned j = 0; j < k->n && j < ARRAY_LEN(k->a); j++)
        k->a[j] = LLVMGetOperand(i, j);
    return k->n <= ARRAY_LEN(k->a) ? split(k->op, verb, max, grad) : NULL;
}

bool texture_call(LLVMValueRef i)
{
    struct call k;
    char verb[64];
    bool grad;

    return texture_of(i, &k, verb, sizeof(verb), &grad) && k.n > 1 && is_pointer(k.a[1]) && strcmp(verb, "read");
}

/* The operation @verb of call @k is done with texture @a. */
static void note(struct ctx *c, struct arg *a, struct call *k, const struct tex_kind *kd, const char *verb)
{
    LLVMValueRef level = NULL;
    uint32_t n;

    a->compared |= strstr(verb, "compare") && !strstr(verb, "atomic");
    a->sampled |= !strncmp(verb, "sample", 6) || !strncmp(verb, "gather", 6) || !strncmp(verb, "calculate", 9);
    a->fetched |= !strcmp(verb, "read");
    a->written |= !strcmp(verb, "write") || !strncmp(verb, "atomic", 6);
    a->atomic |= !strncmp(verb, "atomic", 6);
    if (!strcmp(verb, "write") || !strcmp(verb, "read"))
        level = tex_level_operand(c, k, kd, verb[0] == 'w');
    if (!level || LLVMIsUndef(level))
        return;
    n = !LLVMIsAConstantInt(level)                         ? AIR_MAX_LEVELS
        : LLVMConstIntGetZExtValue(level) < AIR_MAX_LEVELS ? (uint32_t)LLVMConstIntGetZExtValue(level) + 1
                                                           : 1;
    a->levels = n > a->levels ? n : a->levels;
}

void texture_scan(struct ctx *c)
{
    for (unsigned i = 0; i < c->narg; i++)
        c->arg[i].levels = 0;
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
            struct call k;
            char verb[64];
            bool grad;
            const struct tex_kind *kd = texture_of(i, &k, verb, sizeof(verb), &grad);
            int rep = kd ? root_find(c, root_of(c, k.a[0])) : 0;

            for (int r = 0; kd && r < c->nroot; r++) {
                if (root_find(c, r) == rep && c->root[r].kind == ROOT_HANDLE && c->root[r].arg >= 0 &&
                    c->arg[c->root[r].arg].kind == AIR_KIND_TEXTURE)
                    note(c, &c->arg[c->root[r].arg], &k, kd, verb);
            }
        }
    }
    for (unsigned i = 0; i < c->narg; i++) {
        struct arg *a = &c->arg[i];
        const struct tex_kind *kd = a->kind == AIR_KIND_TEXTURE ? tex_kind_of(a) : NULL;

        if (!kd)
            continue;
        a->storage = a->r.access == AIR_ACCESS_WRITE || a->r.access == AIR_ACCESS_READ_WRITE || a->written;
        a->cube_fetch = kd->cube && a->fetched && !a->storage;
        if (!a->storage)
            a->levels = 0;
    }
}

/* ---- queries ---- */

uint32_t tex_size(struct ctx *c, const struct place *t, const struct tex_kind *kd, uint32_t lod, unsigned *n)
{
    struct spv *s = &c->s;
    struct arg *a = t->a;
    bool as_array = kd->cube && a->cube_fetch && !a->sampled;
    uint32_t type, image, v, known = 1;

    spv_cap(s, SpvCapabilityImageQuery);
    *n = (kd->cube ? 2 : kd->dim) + (kd->array || as_array ? 1u : 0u);
    v = spv_type_vec(s, spv_type_uint(s, 32), *n);
    if (a->storage && !kd->ms && !kd->buffer && !(spv_is_u32(s, lod, &known) && !known)) {
        image = tex_load_query(c, t, &type);
        return spv_op(s, SpvOpImageQuerySizeLod, v, 2, image, lod);
    }
    image = tex_load(c, t, as_array, &type);
    if (a->storage || kd->ms || kd->buffer)
        return spv_op(s, SpvOpImageQuerySize, v, 1, image);
    return spv_op(s, SpvOpImageQuerySizeLod, v, 2, image, lod);
}

struct query {
    struct call *k;
    const struct tex_kind *kd;
    const char *what; /* after "get_" */
    uint32_t lod;
};

static uint32_t query_one(struct ctx *c, void *op, const struct place *t)
{
    struct query *q = op;
    const struct tex_kind *kd = q->kd;
    struct spv *s = &c->s;
    struct arg *a = t->a;
    bool as_array = kd->cube && a->cube_fetch && !a->sampled;
    uint32_t u = spv_type_uint(s, 32), type, v, image;
    unsigned n;

    spv_cap(s, SpvCapabilityImageQuery);
    if (!strcmp(q->what, "num_mip_levels")) {
        if (kd->ms || kd->buffer)
            return spv_u32(s, 1);
        image = a->storage ? tex_load_query(c, t, &type) : tex_load(c, t, as_array, &type);
        return spv_op(s, SpvOpImageQueryLevels, u, 1, image);
    }
    if (!strcmp(q->what, "num_samples"))
        return kd->ms ? spv_op(s, SpvOpImageQuerySamples, u, 1, tex_load(c, t, false, &type)) : spv_u32(s, 1);
    v = tex_size(c, t, kd, q->lod, &n);
    if (!strcmp(q->what, "width"))
        return extract(c, v, u, n, 0);
    if (!strcmp(q->what, "height") && n > 1)
        return extract(c, v, u, n, 1);
    if (!strcmp(q->what, "depth") && kd->dim == 3 && !kd->cube)
        return extract(c, v, u, n, 2);
    if (!strcmp(q->what, "array_size") && kd->array) {
        v = extract(c, v, u, n, n - 1);
        return as_array ? spv_op(s, SpvOpUDiv, u, 2, v, spv_u32(s, 6)) : v;
    }
    air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s", q->k->name);
}

/* Handles are numbers: no descriptor is touched. */
static void is_null(struct ctx *c, struct call *k, enum air_kind kind)
{
    struct spv *s = &c->s;
    struct choices t;

    TEX_NEED(k, LLVMGetTypeKind(k->ret) == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(k->ret) == 1, 0);
    tex_choices(c, k->a[0], kind, &t);
    set_value(c, k->inst,
              t.null ? spv_op(s, SpvOpIEqual, spv_type_bool(s), 2, t.id, spv_u32(s, AIR_HANDLE_NULL))
                     : spv_bool(s, !t.n));
}

static void query(struct ctx *c, struct call *k, const struct tex_kind *kd, const char *verb)
{
    struct spv *s = &c->s;
    struct query q = {.k = k, .kd = kd, .what = verb + 4, .lod = spv_u32(s, 0)};
    struct choices tex;
    uint32_t r;
    unsigned at;

    TEX_NEED(k, LLVMGetTypeKind(k->ret) == LLVMIntegerTypeKind && scalar_bits(c, k->ret) >= 16, 0);
    TEX_END(k, 1u, 2u);
    tex_textures(c, k->a[0], &tex);
    if (!tex.n) {
        tex_zero(c, k);
        return;
    }
    at = k->n > 2 && kd->depth ? 2 : 1;
    if (at < k->n && kd->dim > 1)
        q.lod = to_u32(c, value(c, k->a[at]), LLVMTypeOf(k->a[at]), false);
    r = tex_each(c, &tex, spv_type_uint(s, 32), query_one, &q);
    set_value(c, k->inst, scalar_bits(c, k->ret) == 32 ? r : spv_op(s, SpvOpUConvert, type_of(c, k->ret), 1, r));
}

bool intr_texture(struct ctx *c, struct call *k)
{
    char verb[64];
    bool grad;
    const struct tex_kind *kd;

    if (!strncmp(k->op, "get_null_", 9) || !strcmp(k->op, "get_read_sampler")) {
        if (!is_pointer(k->inst))
            return false;
        set_pointer(c, k->inst, (struct ptr){.root = root_of(c, k->inst)});
        return true;
    }
    if (!strcmp(k->op, "is_null_sampler") && k->n == 1) {
        is_null(c, k, AIR_KIND_SAMPLER);
        return true;
    }
    kd = split(k->op, verb, sizeof(verb), &grad);
    if (!kd || !k->n || !is_pointer(k->a[0]))
        return false;
    if (!strcmp(verb, "is_null"))
        is_null(c, k, AIR_KIND_TEXTURE);
    else if (!strncmp(verb, "sample", 6) || !strncmp(verb, "gather", 6))
        tex_sample(c, k, kd, verb, grad);
    else if (!strcmp(verb, "read"))
        tex_read(c, k, kd);
    else if (!strcmp(verb, "write"))
        tex_write(c, k, kd);
    else if (!strncmp(verb, "get_", 4))
        query(c, k, kd, verb);
    else if (!strncmp(verb, "calculate_", 10))
        tex_lod_query(c, k, kd, strstr(verb, "unclamped") == NULL);
    else if (!strncmp(verb, "atomic_", 7))
        tex_atomic(c, k, kd, verb + 7);
    else if (!strcmp(verb, "fence"))
        spv_void(&c->s, SpvOpMemoryBarrier, 2, spv_u32(&c->s, SpvScopeDevice),
                 spv_u32(&c->s, SpvMemorySemanticsAcquireReleaseMask | SpvMemorySemanticsImageMemoryMask));
    else
        return false;
    return true;
}
