/* SPDX-License-Identifier: MIT */
/*
 * Variables behind roots (air 4.4): private, threadgroup and constant arrays of one element size, the smallest unit
 * that any access needs, and buffers as several aliased views of one binding. Sizes come from LLVM's data layout, never
 * from SPIR-V rules.
 */
#include "mem.h"

#include <string.h>

/* Element type of a view: u8, u16, u32, uvec2, uvec4. */
uint32_t mem_view_type(struct ctx *c, unsigned lg)
{
    if (lg <= 2)
        return spv_type_uint(&c->s, 8u << lg);
    return spv_type_vec(&c->s, spv_type_uint(&c->s, 32), 1u << (lg - 2));
}

static void add_interface(struct ctx *c, uint32_t id)
{
    words_push(&c->s, &c->iface, id);
}

/* A storage buffer variable seen as an array of @elem (@stride bytes each). */
uint32_t mem_buffer_view(struct ctx *c, uint32_t elem, unsigned stride, uint32_t set, uint32_t binding, bool writable,
                         const char *name)
{
    struct spv *s = &c->s;
    uint32_t arr, st, var = spv_id(s), key = elem, ptr;

    st = 0;
    for (unsigned i = 0; i < c->nhelper; i++) {
        if (c->helper[i].key == (0x80000000u | key))
            st = c->helper[i].id;
    }
    if (!st) {
        arr = spv_type(s, SpvOpTypeRuntimeArray, 1, elem);
        spv_decorate(s, arr, SpvDecorationArrayStride, 1, stride);
        st = spv_id(s);
        spv_raw(s, &s->types, SpvOpTypeStruct, (const uint32_t[]){st, arr}, 2);
        spv_decorate(s, st, SpvDecorationBlock, 0);
        spv_member_decorate(s, st, 0, SpvDecorationOffset, 1, 0u);
        if (c->nhelper < ARRAY_LEN(c->helper)) {
            c->helper[c->nhelper].key = 0x80000000u | key;
            c->helper[c->nhelper++].id = st;
        }
    }
    if (stride == 1) {
        spv_cap(s, SpvCapabilityStorageBuffer8BitAccess);
        spv_cap(s, SpvCapabilityUniformAndStorageBuffer8BitAccess);
    } else if (stride == 2) {
        spv_cap(s, SpvCapabilityStorageBuffer16BitAccess);
    }
    ptr = spv_type_ptr(s, SpvStorageClassStorageBuffer, st);
    spv_raw(s, &s->types, SpvOpVariable, (const uint32_t[]){ptr, var, SpvStorageClassStorageBuffer}, 3);
    spv_decorate(s, var, SpvDecorationDescriptorSet, 1, set);
    spv_decorate(s, var, SpvDecorationBinding, 1, binding);
    if (writable)
        spv_decorate(s, var, SpvDecorationAliased, 0);
    else
        spv_decorate(s, var, SpvDecorationNonWritable, 0);
    if (c->opt->flags & AIR_OPT_DEBUG_NAMES && name)
        spv_name(s, var, name);
    add_interface(c, var);
    return var;
}

static uint32_t module_var(struct ctx *c, SpvStorageClass sc, uint32_t type, uint32_t init)
{
    struct spv *s = &c->s;
    uint32_t o[4] = {spv_type_ptr(s, sc, type), spv_id(s), (uint32_t)sc, init};

    spv_raw(s, &s->types, SpvOpVariable, o, init ? 4 : 3);
    add_interface(c, o[1]);
    return o[1];
}

static uint32_t spec_constant(struct ctx *c, uint32_t id, uint32_t def)
{
    struct spv *s = &c->s;
    uint32_t o[3] = {spv_type_uint(s, 32), spv_id(s), def};

    spv_raw(s, &s->types, SpvOpSpecConstant, o, 3);
    spv_decorate(s, o[1], SpvDecorationSpecId, 1, id);
    return o[1];
}

static uint32_t spec_op(struct ctx *c, SpvOp op, uint32_t a, uint32_t b)
{
    struct spv *s = &c->s;
    uint32_t o[5] = {spv_type_uint(s, 32), spv_id(s), (uint32_t)op, a, b};

    spv_raw(s, &s->types, SpvOpSpecConstantOp, o, 5);
    return o[1];
}

static uint32_t array_length(unsigned unit, uint32_t bytes)
{
    uint32_t n = (bytes + unit - 1) / unit;

    return n ? n : 1;
}

static uint32_t array_of(struct ctx *c, unsigned unit, uint32_t bytes)
{
    return spv_type_array(&c->s, mem_view_type(c, log2u(unit)), array_length(unit, bytes));
}

/* Constant bytes of a representative root and everything merged into it. */
static uint8_t *root_bytes(struct ctx *c, int rep)
{
    uint8_t *b = air_alloc(c, c->root[rep].bytes + 16);

    for (int i = 0; i < c->nroot; i++) {
        struct root *r = &c->root[i];
        LLVMValueRef init;

        if (root_find(c, i) != rep || !r->value || !LLVMIsAGlobalVariable(r->value))
            continue;
        init = LLVMGetInitializer(r->value);
        if (init)
            (void)const_bytes(c, init, b + r->base, (size_t)c->root[rep].bytes - r->base);
    }
    return b;
}

static uint32_t const_array(struct ctx *c, const uint8_t *b, unsigned unit, uint32_t bytes)
{
    uint32_t n = (bytes + unit - 1) / unit, *ids = air_alloc(c, (n + 1) * sizeof(*ids));

    for (uint32_t i = 0; i < n; i++) {
        uint32_t v = 0;

        memcpy(&v, b + (size_t)i * unit, unit);
        ids[i] = spv_uint(&c->s, unit * 8, v);
    }
    return spv_const(&c->s, array_of(c, unit, bytes), SpvOpConstantComposite, ids, n);
}

static void declare_const(struct ctx *c, int rep)
{
    struct root *r = &c->root[rep];
    uint8_t *b;

    if (!r->read)
        return;
    r->last = spv_u32(&c->s, array_length(r->unit, r->bytes) - 1);
    b = root_bytes(c, rep);
    if (r->kind == ROOT_CONST && r->bytes > 512) { /* large tables are copied per thread by some drivers: a buffer */
        uint32_t at = (c->table_bytes + 15u) & ~15u, end = (at + r->bytes + 15u) & ~15u;

        if (end > AIR_LIMIT_TABLE_BYTES)
            air_fail(c, AIR_REFUSE_LIMIT, "constant tables over %u bytes", AIR_LIMIT_TABLE_BYTES);
        if (end > c->table_cap) {
            uint8_t *t = air_alloc(c, end * 2);

            if (c->table_bytes)
                memcpy(t, c->table, c->table_bytes);
            c->table = t;
            c->table_cap = end * 2;
        }
        memcpy(c->table + at, b, r->bytes);
        c->table_bytes = end;
        r->as_table = true;
        for (int i = 0; i < c->nroot; i++) {
            if (root_find(c, i) == rep)
                c->root[i].base += at;
        }
        return;
    }
    r->var[0] =
        module_var(c, SpvStorageClassPrivate, array_of(c, r->unit, r->bytes), const_array(c, b, r->unit, r->bytes));
}

/* What all threads, and each thread for itself, have of variables. */
static void bound_variables(struct ctx *c)
{
    uint64_t local = 0, shared = 0;

    for (int i = 0; i < c->nroot; i++) {
        struct root *r = &c->root[i];
        bool used = r->parent == i && (r->read || r->written);

        local += used && r->kind == ROOT_LOCAL ? r->bytes : 0;
        shared += used && (r->kind == ROOT_SHARED || r->kind == ROOT_PAYLOAD) ? r->bytes : 0;
    }
    if (local > AIR_LIMIT_LOCAL_BYTES)
        air_fail(c, AIR_REFUSE_LIMIT, "private arrays over %u bytes", AIR_LIMIT_LOCAL_BYTES);
    if (shared > AIR_LIMIT_SHARED_BYTES)
        air_fail(c, AIR_REFUSE_LIMIT, "threadgroup variables over %u bytes", AIR_LIMIT_SHARED_BYTES);
}

void mem_declare(struct ctx *c)
{
    bound_variables(c);
    for (int i = 0; i < c->nroot; i++) {
        struct root *r = &c->root[i];

        if (r->parent != i || !(r->read || r->written))
            continue;
        if (r->kind == ROOT_LOCAL && r->unit < 4 && r->bytes % r->unit)
            r->bytes += r->unit - r->bytes % r->unit;
        if (r->kind == ROOT_LOCAL || r->kind == ROOT_PAYLOAD || (r->kind == ROOT_SHARED && r->arg < 0))
            r->last = spv_u32(&c->s, array_length(r->unit, r->bytes) - 1);
        switch (r->kind) {
        case ROOT_LOCAL:
            if (r->value && LLVMIsAGlobalVariable(r->value)) {
                uint8_t *b = root_bytes(c, i);

                r->var[0] = module_var(c, SpvStorageClassPrivate, array_of(c, r->unit, r->bytes),
                                       const_array(c, b, r->unit, r->bytes));
            } else {
                r->var[0] = spv_local(&c->s, array_of(c, r->unit, r->bytes));
            }
            break;
        case ROOT_CONST:
            declare_const(c, i);
            break;
        case ROOT_SHARED:
            if (r->arg >= 0) {
                uint32_t len = spec_constant(c, AIR_SPEC_TG_LENGTH + c->arg[r->arg].r.index, 1024), type;

                if (r->unit > 1)
                    len = spec_op(c, SpvOpUDiv, len, spv_u32(&c->s, r->unit));
                r->last = spec_op(c, SpvOpISub, len, spv_u32(&c->s, 1));
                type = spv_type(&c->s, SpvOpTypeArray, 2, mem_view_type(c, log2u(r->unit)), len);
                r->var[0] = module_var(c, SpvStorageClassWorkgroup, type, 0);
                c->arg[r->arg].r.flags |= AIR_ARG_USED;
            } else {
                r->var[0] = module_var(c, SpvStorageClassWorkgroup, array_of(c, r->unit, r->bytes), 0);
                c->h.threadgroup_bytes += (r->bytes + 15u) & ~15u;
            }
            break;
        case ROOT_PAYLOAD:
            r->var[0] = module_var(c, SpvStorageClassTaskPayloadWorkgroupEXT, array_of(c, r->unit, r->bytes), 0);
            c->h.payload_bytes = r->bytes;
            break;
        default:
            break;
        }
    }
}

/* Variable of a buffer-like root seen in units of 1 << lg bytes. */
uint32_t mem_view(struct ctx *c, struct root *r, unsigned lg)
{
    struct arg *a;

    if (r->kind == ROOT_CONST) {
        if (!c->table_var[lg])
            c->table_var[lg] = mem_buffer_view(c, mem_view_type(c, lg), 1u << lg, air_reflect_set(&c->h),
                                               AIR_BIND_CONST_DATA, false, "constant_tables");
        return c->table_var[lg];
    }
    a = &c->arg[r->arg];
    if (!r->var[lg]) {
        r->var[lg] = mem_buffer_view(c, mem_view_type(c, lg), 1u << lg, a->r.set, a->r.binding, r->written, a->name);
        if (r->coherent || (c->raster_order && r->written)) /* what the fragment before wrote is to be seen */
            spv_decorate(&c->s, r->var[lg], SpvDecorationCoherent, 0);
    }
    a->r.flags |= AIR_ARG_USED | (r->written ? AIR_ARG_WRITTEN : 0);
    return r->var[lg];
}

SpvStorageClass mem_class(const struct root *r)
{
    switch (r->kind) {
    case ROOT_LOCAL:
        return r->value && LLVMIsAGlobalVariable(r->value) ? SpvStorageClassPrivate : SpvStorageClassFunction;
    case ROOT_CONST:
        return r->as_table ? SpvStorageClassStorageBuffer : SpvStorageClassPrivate;
    case ROOT_SHARED:
        return SpvStorageClassWorkgroup;
    case ROOT_PAYLOAD:
        return SpvStorageClassTaskPayloadWorkgroupEXT;
    default:
        return SpvStorageClassStorageBuffer;
    }
}

bool mem_has_views(const struct root *r)
{
    return r->kind == ROOT_BUFFER || (r->kind == ROOT_CONST && r->as_table);
}
