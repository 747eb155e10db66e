/* SPDX-License-Identifier: MIT */
/*
 * Memory (air 4.4): root + byte offset pointers to OpAccessChain, loads and stores of any LLVM type as units of 1, 2,
 * 4, 8 or 16 bytes. Buffers have several aliased views of one binding; shared, private and constant arrays have one
 * element size, the smallest unit that any access needs. Sizes and offsets come from LLVM's data layout, never from
 * SPIR-V rules.
 */
#include "ctx.h"

#include <string.h>

static unsigned log2u(unsigned x)
{
    return (unsigned)__builtin_ctz(x);
}

static unsigned low_bit(uint64_t x, unsigned max)
{
    return x && (x & -x) < max ? (unsigned)(x & -x) : max;
}

/* Element type of a view: u8, u16, u32, uvec2, uvec4. */
static uint32_t view_type(struct ctx *c, unsigned lg)
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
static uint32_t buffer_view(struct ctx *c, uint32_t elem, unsigned stride, uint32_t set, uint32_t binding,
                            bool writable, const char *name)
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

static uint32_t array_of(struct ctx *c, unsigned unit, uint32_t bytes)
{
    uint32_t n = (bytes + unit - 1) / unit;

    return spv_type_array(&c->s, view_type(c, log2u(unit)), n ? n : 1);
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

void mem_declare(struct ctx *c)
{
    for (int i = 0; i < c->nroot; i++) {
        struct root *r = &c->root[i];

        if (r->parent != i || !(r->read || r->written))
            continue;
        switch (r->kind) {
        case ROOT_LOCAL:
            if (r->unit < 4 && r->bytes % r->unit)
                r->bytes += r->unit - r->bytes % r->unit;
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
                type = spv_type(&c->s, SpvOpTypeArray, 2, view_type(c, log2u(r->unit)), len);
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
static uint32_t get_view(struct ctx *c, struct root *r, unsigned lg)
{
    struct arg *a;

    if (r->kind == ROOT_CONST) {
        if (!c->table_var[lg])
            c->table_var[lg] = buffer_view(c, view_type(c, lg), 1u << lg, air_reflect_set(&c->h), AIR_BIND_CONST_DATA,
                                           false, "constant_tables");
        return c->table_var[lg];
    }
    a = &c->arg[r->arg];
    if (!r->var[lg]) {
        r->var[lg] = buffer_view(c, view_type(c, lg), 1u << lg, a->r.set, a->r.binding, r->written, a->name);
        if (r->coherent)
            spv_decorate(&c->s, r->var[lg], SpvDecorationCoherent, 0);
    }
    a->r.flags |= AIR_ARG_USED | (r->written ? AIR_ARG_WRITTEN : 0);
    return r->var[lg];
}

static SpvStorageClass class_of(const struct root *r)
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

static bool has_views(const struct root *r)
{
    return r->kind == ROOT_BUFFER || (r->kind == ROOT_CONST && r->as_table);
}

struct ptr ptr_add(struct ctx *c, struct ptr p, uint32_t id, uint32_t scale)
{
    uint32_t k;

    if (!scale)
        return p;
    if (spv_is_u32(&c->s, id, &k)) {
        p.off += k * scale;
        return p;
    }
    for (unsigned i = 0; i < p.n; i++) {
        if (p.t[i].id == id) {
            p.t[i].scale += scale;
            return p;
        }
    }
    if (p.n == 4) { /* fold all terms into one, keeping their common power of two */
        uint32_t sum = spv_u32(&c->s, 0), all = 0, g;

        for (unsigned i = 0; i < 4; i++)
            all |= p.t[i].scale;
        g = all & -all;
        for (unsigned i = 0; i < 4; i++)
            sum = spv_iadd(&c->s, sum, spv_imul(&c->s, p.t[i].id, spv_u32(&c->s, p.t[i].scale / g)));
        p.n = 1;
        p.t[0].id = sum;
        p.t[0].scale = g;
    }
    p.t[p.n].id = id;
    p.t[p.n++].scale = scale;
    return p;
}

static uint32_t sum_terms(struct ctx *c, const struct ptr *p, uint32_t div)
{
    uint32_t sum = spv_u32(&c->s, 0);

    for (unsigned i = 0; i < p->n; i++)
        sum = spv_iadd(&c->s, sum, spv_imul(&c->s, p->t[i].id, spv_u32(&c->s, p->t[i].scale / div)));
    return sum;
}

uint32_t ptr_offset(struct ctx *c, struct ptr *p)
{
    return spv_iadd(&c->s, sum_terms(c, p, 1), spv_u32(&c->s, p->off));
}

/* Index of unit 0 of @p in units of 1 << lg bytes: dynamic part, and constant part to be added. */
static void ptr_index(struct ctx *c, const struct ptr *p, uint32_t base, unsigned lg, uint32_t *dyn, uint32_t *k)
{
    uint32_t mask = (1u << lg) - 1, all = p->off + base;

    for (unsigned i = 0; i < p->n; i++)
        all |= p->t[i].scale;
    if (!(all & mask)) {
        *dyn = sum_terms(c, p, 1u << lg);
        *k = (p->off + base) >> lg;
        return;
    }
    *dyn = spv_shr(&c->s, spv_iadd(&c->s, sum_terms(c, p, 1), spv_u32(&c->s, p->off + base)), lg);
    *k = 0;
}

uint32_t mem_phys_base(struct ctx *c, int root)
{
    struct spv *s = &c->s;
    struct root *r = &c->root[root_find(c, root)];
    uint32_t u64 = spv_type_uint(s, 64), table, addr, pt;

    if (r->kind == ROOT_NONE)
        return spv_uint(s, 64, 0);
    if (r->kind != ROOT_BUFFER)
        air_fail(c, AIR_REFUSE_POINTER, "address of memory that is no buffer");
    if (!(c->opt->caps & AIR_CAP_PHYSICAL))
        air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "pointers with several roots need bufferDeviceAddress");
    spv_cap(s, SpvCapabilityPhysicalStorageBufferAddresses);
    c->h.flags |= AIR_REFLECT_USES_TABLE;
    c->arg[r->arg].r.flags |= AIR_ARG_PHYSICAL;
    table = iface_push(c, AIR_PUSH_BUFFER_TABLE, u64);
    addr =
        spv_op(s, SpvOpIAdd, u64, 2, table, spv_uint(s, 64, c->arg[r->arg].r.index * sizeof(struct air_buffer_entry)));
    pt = spv_type_ptr(s, SpvStorageClassPhysicalStorageBuffer, u64);
    return spv_op(s, SpvOpLoad, u64, 3, spv_op(s, SpvOpConvertUToPtr, pt, 1, addr), SpvMemoryAccessAlignedMask, 16u);
}

/* 64-bit address of a pointer. */
static uint32_t phys_address(struct ctx *c, struct ptr p)
{
    struct spv *s = &c->s;
    struct root *r = &c->root[root_find(c, p.root)];
    uint32_t u64 = spv_type_uint(s, 64), base = r->kind == ROOT_PHYS ? p.phys : mem_phys_base(c, p.root), off, k;

    off = ptr_offset(c, &p);
    if (spv_is_u32(s, off, &k) && !k)
        return base;
    /* Offsets of a 64-bit pointer are signed: a pointer may step backwards. */
    off = spv_op(s, SpvOpSConvert, u64, 1, off);
    return spv_op(s, SpvOpIAdd, u64, 2, base, off);
}

static uint32_t phys_ptr(struct ctx *c, struct ptr p, unsigned lg, uint32_t k)
{
    struct spv *s = &c->s;

    spv_cap(s, SpvCapabilityPhysicalStorageBufferAddresses);
    if (lg == 0) {
        spv_cap(s, SpvCapabilityStorageBuffer8BitAccess);
        spv_cap(s, SpvCapabilityUniformAndStorageBuffer8BitAccess);
    } else if (lg == 1) {
        spv_cap(s, SpvCapabilityStorageBuffer16BitAccess);
    }
    p.off += k << lg;
    return spv_op(s, SpvOpConvertUToPtr, spv_type_ptr(s, SpvStorageClassPhysicalStorageBuffer, view_type(c, lg)), 1,
                  phys_address(c, p));
}

static bool is_phys(struct ctx *c, struct ptr p)
{
    return c->root[root_find(c, p.root)].kind == ROOT_PHYS;
}

/* Pointer to unit @k after @p, in units of 1 << lg bytes. */
static uint32_t unit_ptr(struct ctx *c, struct ptr p, unsigned lg, uint32_t k)
{
    struct spv *s = &c->s;
    struct root *m = &c->root[p.root], *r = &c->root[root_find(c, p.root)];
    uint32_t dyn, add, idx;

    if (r->kind == ROOT_PHYS)
        return phys_ptr(c, p, lg, k);
    if (r->kind == ROOT_NONE || r->kind == ROOT_HANDLE || r->kind == ROOT_SAMPLER)
        air_fail(c, AIR_REFUSE_POINTER, "access through a pointer without memory behind it");
    ptr_index(c, &p, m->base, lg, &dyn, &add);
    idx = spv_iadd(s, dyn, spv_u32(s, add + k));
    if (has_views(r))
        return spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassStorageBuffer, view_type(c, lg)), 3,
                      get_view(c, r, lg), spv_u32(s, 0), idx);
    if (r->kind == ROOT_PAYLOAD) { /* nothing of the device's keeps this inside */
        uint32_t last = r->bytes / r->unit ? r->bytes / r->unit - 1 : 0, known;

        idx = spv_is_u32(s, idx, &known) ? spv_u32(s, known < last ? known : last)
                                         : spv_glsl(s, GLSLstd450UMin, spv_type_uint(s, 32), 2, idx, spv_u32(s, last));
    }
    return spv_op(s, SpvOpAccessChain, spv_type_ptr(s, class_of(r), view_type(c, lg)), 2, r->var[0], idx);
}

uint32_t ptr_word(struct ctx *c, struct ptr p, unsigned bits, bool f32)
{
    struct spv *s = &c->s;
    struct root *r = &c->root[root_find(c, p.root)];
    uint32_t type = f32 ? spv_type_float(s, 32) : spv_type_uint(s, bits), dyn, k,
             *var = f32 ? &r->f32_var : &r->u64_var;

    if (r->kind == ROOT_PHYS)
        return spv_op(s, SpvOpConvertUToPtr, spv_type_ptr(s, SpvStorageClassPhysicalStorageBuffer, type), 1,
                      phys_address(c, p));
    if (!f32 && bits == 32)
        return unit_ptr(c, p, 2, 0);
    if (r->kind != ROOT_BUFFER)
        air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "64-bit atomic on threadgroup memory");
    if (!*var)
        *var =
            buffer_view(c, type, bits / 8, c->arg[r->arg].r.set, c->arg[r->arg].r.binding, true, c->arg[r->arg].name);
    c->arg[r->arg].r.flags |= AIR_ARG_USED | AIR_ARG_WRITTEN;
    ptr_index(c, &p, 0, log2u(bits / 8), &dyn, &k);
    return spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassStorageBuffer, type), 3, *var, spv_u32(s, 0),
                  spv_iadd(s, dyn, spv_u32(s, k)));
}

static uint32_t load_at(struct ctx *c, struct ptr p, unsigned lg, uint32_t k)
{
    if (is_phys(c, p))
        return spv_op(&c->s, SpvOpLoad, view_type(c, lg), 3, unit_ptr(c, p, lg, k), SpvMemoryAccessAlignedMask,
                      1u << lg);
    return spv_op(&c->s, SpvOpLoad, view_type(c, lg), 1, unit_ptr(c, p, lg, k));
}

static void store_at(struct ctx *c, struct ptr p, unsigned lg, uint32_t k, uint32_t v)
{
    if (is_phys(c, p))
        spv_void(&c->s, SpvOpStore, 4, unit_ptr(c, p, lg, k), v, SpvMemoryAccessAlignedMask, 1u << lg);
    else
        spv_void(&c->s, SpvOpStore, 2, unit_ptr(c, p, lg, k), v);
}

/* Must sub-word accesses of this size go through 32-bit words? */
static bool through_words(struct ctx *c, struct root *r, unsigned unit)
{
    if (unit >= 4)
        return false;
    if (has_views(r) || r->kind == ROOT_PHYS)
        return !(c->opt->caps & (unit == 1 ? AIR_CAP_STORAGE8 : AIR_CAP_STORAGE16));
    return r->unit > unit;
}

/* The word that holds unit @k of @unit bytes after *@p, which is moved there, and the place of its lowest bit. */
static uint32_t subword_shift(struct ctx *c, struct ptr *p, unsigned unit, uint32_t k)
{
    struct spv *s = &c->s;
    uint32_t byte;

    p->off += k * unit;
    if (is_phys(c, *p)) {
        uint32_t u64 = spv_type_uint(s, 64), at = phys_address(c, *p);

        *p = (struct ptr){.root = p->root,
                          .phys = spv_op(s, SpvOpBitwiseAnd, u64, 2, at, spv_uint(s, 64, ~UINT64_C(3)))};
        byte = spv_op(s, SpvOpUConvert, spv_type_uint(s, 32), 1, at);
    } else {
        byte = spv_iadd(s, ptr_offset(c, p), spv_u32(s, c->root[p->root].base));
    }
    return spv_imul(s, spv_and(s, byte, spv_u32(s, 3)), spv_u32(s, 8));
}

static uint32_t subword_load(struct ctx *c, struct ptr p, unsigned unit, uint32_t k)
{
    struct spv *s = &c->s;
    uint32_t sh = subword_shift(c, &p, unit, k), w = load_at(c, p, 2, 0);

    w = spv_op(s, SpvOpShiftRightLogical, spv_type_uint(s, 32), 2, w, sh);
    return spv_op(s, SpvOpUConvert, spv_type_uint(s, unit * 8), 1, w);
}

/* Neighbouring threads may write the other part of the word: clear and set atomically. */
static void subword_store(struct ctx *c, struct ptr p, unsigned unit, uint32_t k, uint32_t v)
{
    struct spv *s = &c->s;
    uint32_t u32 = spv_type_uint(s, 32), sh = subword_shift(c, &p, unit, k), mask, word, scope, none = spv_u32(s, 0);
    struct root *r = &c->root[root_find(c, p.root)];

    mask = spv_op(s, SpvOpShiftLeftLogical, u32, 2, spv_u32(s, unit == 1 ? 0xff : 0xffff), sh);
    mask = spv_op(s, SpvOpNot, u32, 1, mask);
    v = spv_op(s, SpvOpShiftLeftLogical, u32, 2, spv_op(s, SpvOpUConvert, u32, 1, v), sh);
    word = unit_ptr(c, p, 2, 0);
    scope = spv_u32(s, r->kind == ROOT_SHARED ? SpvScopeWorkgroup : SpvScopeDevice);
    spv_op(s, SpvOpAtomicAnd, u32, 4, word, scope, none, mask);
    spv_op(s, SpvOpAtomicOr, u32, 4, word, scope, none, v);
}

/*
 * Unit to use for @bytes at alignment @align. Above 4 bytes the alignment must also follow from the address itself:
 * kernels cast rows of any length to float4, which works on the GPUs they were written for.
 */
static unsigned pick_unit(struct ctx *c, struct root *r, const struct ptr *p, uint32_t bytes, unsigned align)
{
    unsigned u = low_bit(bytes, low_bit(align ? align : 1, 16));
    uint32_t all = p->off + c->root[p->root].base;

    for (unsigned i = 0; i < p->n; i++)
        all |= p->t[i].scale;
    if (u > 4)
        u = low_bit(all, u) < 4 || r->kind == ROOT_PHYS ? 4 : low_bit(all, u);

    if (has_views(r) || r->kind == ROOT_PHYS)
        return u;
    u = u > 4 ? 4 : u;
    return u > r->unit ? r->unit : u;
}

/* Load @n scalars of @size bytes each as unsigned integers of that width. */
static void load_scalars(struct ctx *c, struct ptr p, unsigned size, unsigned n, unsigned align, uint32_t *out)
{
    struct spv *s = &c->s;
    struct root *r = &c->root[root_find(c, p.root)];
    unsigned u = pick_unit(c, r, &p, size * n, align), units = size * n / u, lg = log2u(u);
    uint32_t *w = air_alloc(c, (units * 4 + 4) * sizeof(*w)), u32 = spv_type_uint(s, 32);

    for (unsigned i = 0; i < units; i++) {
        if (u <= 4) {
            w[i] = through_words(c, r, u) ? subword_load(c, p, u, i) : load_at(c, p, lg, i);
            continue;
        }
        uint32_t v = load_at(c, p, lg, i);

        for (unsigned j = 0; j < u / 4; j++)
            w[i * (u / 4) + j] = spv_op(s, SpvOpCompositeExtract, u32, 2, v, j);
    }
    u = u > 4 ? 4 : u;
    if (u == size) {
        memcpy(out, w, n * sizeof(*out));
    } else if (u > size) {
        unsigned per = u / size;
        uint32_t et = spv_type_uint(s, size * 8), vt = spv_type_vec(s, et, per);

        for (unsigned i = 0; i < n; i++) {
            if (i % per == 0)
                w[i / per] = spv_op(s, SpvOpBitcast, vt, 1, w[i / per]);
            out[i] = spv_op(s, SpvOpCompositeExtract, et, 2, w[i / per], i % per);
        }
    } else {
        unsigned per = size / u;

        if (per == 8) { /* bytes to 64 bits: by way of words */
            for (unsigned i = 0; i < n * 2; i++)
                w[i] =
                    spv_op(s, SpvOpBitcast, u32, 1,
                           spv_opv(s, SpvOpCompositeConstruct, spv_type_vec(s, spv_type_uint(s, 8), 4), w + i * 4, 4));
            u = 4;
            per = 2;
        }
        for (unsigned i = 0; i < n; i++)
            out[i] = spv_op(
                s, SpvOpBitcast, spv_type_uint(s, size * 8), 1,
                spv_opv(s, SpvOpCompositeConstruct, spv_type_vec(s, spv_type_uint(s, u * 8), per), w + i * per, per));
    }
}

static void store_scalars(struct ctx *c, struct ptr p, unsigned size, unsigned n, unsigned align, const uint32_t *in)
{
    struct spv *s = &c->s;
    struct root *r = &c->root[root_find(c, p.root)];
    unsigned u = pick_unit(c, r, &p, size * n, align), vu = u, lg = log2u(u), nw;
    uint32_t *w, u32 = spv_type_uint(s, 32);

    u = u > 4 ? 4 : u;
    nw = size * n / u;
    w = air_alloc(c, (nw + 8) * sizeof(*w));
    if (u == size) {
        memcpy(w, in, n * sizeof(*w));
    } else if (u > size) {
        unsigned per = u / size;

        for (unsigned i = 0; i < nw; i++)
            w[i] = spv_op(s, SpvOpBitcast, spv_type_uint(s, u * 8), 1,
                          spv_opv(s, SpvOpCompositeConstruct, spv_type_vec(s, spv_type_uint(s, size * 8), per),
                                  in + i * per, per));
    } else {
        unsigned per = size / u;

        for (unsigned i = 0; i < n; i++) {
            if (per == 8) {
                uint32_t two = spv_op(s, SpvOpBitcast, spv_type_vec(s, u32, 2), 1, in[i]);

                for (unsigned j = 0; j < 8; j++) {
                    uint32_t h = j % 4 ? 0 : spv_op(s, SpvOpCompositeExtract, u32, 2, two, j / 4), v;

                    if (!h)
                        continue;
                    v = spv_op(s, SpvOpBitcast, spv_type_vec(s, spv_type_uint(s, 8), 4), 1, h);
                    for (unsigned q = 0; q < 4; q++)
                        w[i * 8 + j + q] = spv_op(s, SpvOpCompositeExtract, spv_type_uint(s, 8), 2, v, q);
                }
                continue;
            }
            uint32_t v = spv_op(s, SpvOpBitcast, spv_type_vec(s, spv_type_uint(s, u * 8), per), 1, in[i]);

            for (unsigned j = 0; j < per; j++)
                w[i * per + j] = spv_op(s, SpvOpCompositeExtract, spv_type_uint(s, u * 8), 2, v, j);
        }
    }
    if (vu > 4) {
        for (unsigned i = 0; i < nw / (vu / 4); i++)
            store_at(c, p, lg, i, spv_opv(s, SpvOpCompositeConstruct, view_type(c, lg), w + i * (vu / 4), vu / 4));
        return;
    }
    for (unsigned i = 0; i < nw; i++) {
        if (through_words(c, r, u))
            subword_store(c, p, u, i, w[i]);
        else
            store_at(c, p, lg, i, w[i]);
    }
}

static unsigned elem_bytes(struct ctx *c, LLVMTypeRef e)
{
    unsigned b = (unsigned)LLVMStoreSizeOfType(c->dl, e);

    if (b != 1 && b != 2 && b != 4 && b != 8)
        air_fail(c, AIR_REFUSE_TYPE, "access to a value of %u bytes", b);
    return b;
}

static bool is_float_kind(LLVMTypeRef e)
{
    LLVMTypeKind k = LLVMGetTypeKind(e);

    return k == LLVMHalfTypeKind || k == LLVMFloatTypeKind;
}

/* A spread matrix in private memory: each thread keeps its two elements at the start of the place for 64. */
static unsigned matrix_part(struct ctx *c, struct ptr p, unsigned n)
{
    if (n != 64 || !c->distribute)
        return n;
    if (c->root[root_find(c, p.root)].kind != ROOT_LOCAL)
        air_fail(c, AIR_REFUSE_MATRIX_SHAPE, "matrix value in shared memory");
    return 2;
}

uint32_t mem_load(struct ctx *c, struct ptr p, LLVMTypeRef t, unsigned align)
{
    struct spv *s = &c->s;
    LLVMTypeKind k = LLVMGetTypeKind(t);

    if (k == LLVMStructTypeKind || k == LLVMArrayTypeKind) {
        unsigned n = k == LLVMStructTypeKind ? LLVMCountStructElementTypes(t) : LLVMGetArrayLength(t);
        uint32_t *ids;

        if (n > 4096)
            air_fail(c, AIR_REFUSE_LIMIT, "load of %u members", n);
        ids = air_alloc(c, (n + 1) * sizeof(*ids));
        for (unsigned i = 0; i < n; i++) {
            LLVMTypeRef e = k == LLVMStructTypeKind ? LLVMStructGetTypeAtIndex(t, i) : LLVMGetElementType(t);
            uint64_t off = k == LLVMStructTypeKind ? LLVMOffsetOfElement(c->dl, t, i) : i * LLVMABISizeOfType(c->dl, e);
            struct ptr q = p;

            q.off += (uint32_t)off;
            ids[i] = mem_load(c, q, e, low_bit(off, align ? align : 1));
        }
        return spv_opv(s, SpvOpCompositeConstruct, type_of(c, t), ids, n);
    }
    LLVMTypeRef e = elem_type(t);
    unsigned n = vec_len(t), b = elem_bytes(c, e);
    uint32_t out[64], et = type_of(c, e);

    if (n > 64)
        air_fail(c, AIR_REFUSE_TYPE, "vector of %u elements", n);
    n = matrix_part(c, p, n);
    if (scalar_bits(c, e) == 1) {
        if (n > 1)
            air_fail(c, AIR_REFUSE_TYPE, "vector of i1 in memory");
        load_scalars(c, p, 1, 1, align, out);
        return spv_op(s, SpvOpINotEqual, et, 2, out[0], spv_uint(s, 8, 0));
    }
    /* One view element is the whole value: one load, one bitcast. */
    struct root *r = &c->root[root_find(c, p.root)];

    if (b == 4 && n > 1 && n <= 4 && pick_unit(c, r, &p, b * n, align) == b * n) {
        uint32_t v = load_at(c, p, log2u(b * n), 0);

        return is_float_kind(e) ? spv_op(s, SpvOpBitcast, type_of(c, t), 1, v) : v;
    }
    load_scalars(c, p, b, n, align, out);
    if (is_float_kind(e) && scalar_bits(c, e) != 0) {
        for (unsigned i = 0; i < n; i++)
            out[i] = spv_op(s, SpvOpBitcast, et, 1, out[i]);
    }
    return n == 1 ? out[0] : spv_opv(s, SpvOpCompositeConstruct, type_of(c, t), out, n);
}

void mem_store(struct ctx *c, struct ptr p, LLVMTypeRef t, unsigned align, uint32_t id)
{
    struct spv *s = &c->s;
    LLVMTypeKind k = LLVMGetTypeKind(t);

    if (k == LLVMStructTypeKind || k == LLVMArrayTypeKind) {
        unsigned n = k == LLVMStructTypeKind ? LLVMCountStructElementTypes(t) : LLVMGetArrayLength(t);

        if (n > 4096)
            air_fail(c, AIR_REFUSE_LIMIT, "store of %u members", n);
        for (unsigned i = 0; i < n; i++) {
            LLVMTypeRef e = k == LLVMStructTypeKind ? LLVMStructGetTypeAtIndex(t, i) : LLVMGetElementType(t);
            uint64_t off = k == LLVMStructTypeKind ? LLVMOffsetOfElement(c->dl, t, i) : i * LLVMABISizeOfType(c->dl, e);
            struct ptr q = p;

            q.off += (uint32_t)off;
            mem_store(c, q, e, low_bit(off, align ? align : 1),
                      spv_op(s, SpvOpCompositeExtract, type_of(c, e), 2, id, i));
        }
        return;
    }
    LLVMTypeRef e = elem_type(t);
    unsigned n = vec_len(t), b = elem_bytes(c, e);
    uint32_t in[64], et = type_of(c, e), ut = spv_type_uint(s, b * 8);

    if (n > 64)
        air_fail(c, AIR_REFUSE_TYPE, "vector of %u elements", n);
    n = matrix_part(c, p, n);
    if (scalar_bits(c, e) == 1) {
        if (n > 1)
            air_fail(c, AIR_REFUSE_TYPE, "vector of i1 in memory");
        in[0] = spv_op(s, SpvOpSelect, ut, 3, id, spv_uint(s, 8, 1), spv_uint(s, 8, 0));
        store_scalars(c, p, 1, 1, align, in);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        in[i] = n == 1 ? id : spv_op(s, SpvOpCompositeExtract, et, 2, id, i);
        if (is_float_kind(e))
            in[i] = spv_op(s, SpvOpBitcast, ut, 1, in[i]);
    }
    store_scalars(c, p, b, n, align, in);
}

static unsigned copy_unit(struct ctx *c, struct ptr p, unsigned align, uint64_t bytes)
{
    struct root *r = &c->root[root_find(c, p.root)];
    unsigned u = low_bit(bytes, low_bit(align ? align : 1, 4));

    if (has_views(r) || r->kind == ROOT_PHYS)
        return u;
    return u > r->unit ? r->unit : u;
}

static void copy_one(struct ctx *c, struct ptr d, struct ptr f, unsigned u)
{
    uint32_t v;

    load_scalars(c, f, u, 1, u, &v);
    store_scalars(c, d, u, 1, u, &v);
}

void mem_copy(struct ctx *c, struct ptr d, unsigned dalign, struct ptr f, unsigned salign, uint64_t bytes)
{
    unsigned u = copy_unit(c, d, dalign, bytes), u2 = copy_unit(c, f, salign, bytes);
    uint64_t n;

    u = u2 < u ? u2 : u;
    n = bytes / u;
    if (n <= AIR_LIMIT_COPY_UNITS) {
        uint32_t v[AIR_LIMIT_COPY_UNITS];

        /* All loads before all stores: memmove may overlap. */
        for (unsigned i = 0; i < n; i++) {
            struct ptr q = f;

            q.off += i * u;
            load_scalars(c, q, u, 1, u, &v[i]);
        }
        for (unsigned i = 0; i < n; i++) {
            struct ptr q = d;

            q.off += i * u;
            store_scalars(c, q, u, 1, u, &v[i]);
        }
        return;
    }
    if (n > UINT32_MAX)
        air_fail(c, AIR_REFUSE_LIMIT, "copy of more than 4 GiB");
    struct loop l;

    loop_begin(c, &l, spv_u32(&c->s, (uint32_t)n));
    copy_one(c, ptr_add(c, d, l.i, u), ptr_add(c, f, l.i, u), u);
    loop_end(c, &l);
}

void mem_set(struct ctx *c, struct ptr d, unsigned dalign, uint32_t byte, uint64_t bytes)
{
    struct spv *s = &c->s;
    unsigned u = copy_unit(c, d, dalign, bytes);
    uint32_t v = byte;
    uint64_t n = bytes / u;

    if (u > 1) {
        uint32_t b4[4] = {byte, byte, byte, byte};

        v = spv_op(s, SpvOpBitcast, spv_type_uint(s, u * 8), 1,
                   spv_opv(s, SpvOpCompositeConstruct, spv_type_vec(s, spv_type_uint(s, 8), u), b4, u));
    }
    if (n <= AIR_LIMIT_COPY_UNITS) {
        for (unsigned i = 0; i < n; i++) {
            struct ptr q = d;

            q.off += i * u;
            store_scalars(c, q, u, 1, u, &v);
        }
        return;
    }
    struct loop l;

    loop_begin(c, &l, spv_u32(s, (uint32_t)n));
    store_scalars(c, ptr_add(c, d, l.i, u), u, 1, u, &v);
    loop_end(c, &l);
}
