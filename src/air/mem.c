/* SPDX-License-Identifier: MIT */
/*
 * Memory (air 4.4): root + byte offset pointers to OpAccessChain, loads and stores of any LLVM type as units of 1, 2,
 * 4, 8 or 16 bytes. Sizes and offsets come from LLVM's data layout.
 *
 * Nothing a guest computes reaches beyond the memory it means: buffers are bounded by the device (robustBufferAccess)
 * or, through addresses, by mem_phys.c; an index into a private, threadgroup or constant array is held within it here,
 * because SPIR-V leaves anything else undefined, and on a software device that is the host's own memory.
 */
#include "mem.h"

#include <string.h>

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

/* Index of unit 0 of @p in its variable. */
static uint32_t unit_index(struct ctx *c, const struct ptr *p, unsigned lg)
{
    struct root *r = &c->root[root_find(c, p->root)];
    uint32_t dyn, add;

    if (r->kind == ROOT_NONE || r->kind == ROOT_PHYS || r->kind == ROOT_HANDLE || r->kind == ROOT_SAMPLER)
        air_fail(c, AIR_REFUSE_POINTER, "access through a pointer without memory behind it");
    ptr_index(c, p, c->root[p->root].base, lg, &dyn, &add);
    return spv_iadd(&c->s, dyn, spv_u32(&c->s, add));
}

static uint32_t at_most(struct ctx *c, uint32_t idx, uint32_t last)
{
    uint32_t x, y;

    if (spv_is_u32(&c->s, idx, &x) && spv_is_u32(&c->s, last, &y))
        return x <= y ? idx : last;
    return spv_glsl(&c->s, GLSLstd450UMin, spv_type_uint(&c->s, 32), 2, idx, last);
}

/*
 * Pointers to units 0..@n-1 after @p. In an array of one element size the whole access is moved back to the end when it
 * would pass it, so that what belongs together stays so; an access longer than the array ends in its last element.
 */
static void unit_pointers(struct ctx *c, struct ptr p, unsigned lg, unsigned n, uint32_t *out)
{
    struct spv *s = &c->s;
    struct root *r = &c->root[root_find(c, p.root)];
    uint32_t idx = unit_index(c, &p, lg), type = mem_view_type(c, lg), k, u = spv_type_uint(s, 32);
    bool views = mem_has_views(r), known = !views && spv_is_u32(s, r->last, &k);
    /* threadgroup arguments are told when the pipeline is made: at least 16 bytes */
    bool fits = views || (known ? n - 1 <= k : n << lg <= 16);

    if (!views && fits)
        idx = at_most(c, idx,
                      known    ? spv_u32(s, k - (n - 1))
                      : n == 1 ? r->last
                               : spv_op(s, SpvOpISub, u, 2, r->last, spv_u32(s, n - 1)));
    for (unsigned i = 0; i < n; i++) {
        uint32_t at = spv_iadd(s, idx, spv_u32(s, i));

        if (views)
            out[i] = spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassStorageBuffer, type), 3,
                            mem_view(c, r, lg), spv_u32(s, 0), at);
        else
            out[i] = spv_op(s, SpvOpAccessChain, spv_type_ptr(s, mem_class(r), type), 2, r->var[0],
                            fits ? at : at_most(c, at, r->last));
    }
}

static void load_units(struct ctx *c, struct ptr p, unsigned lg, unsigned n, uint32_t *out)
{
    if (mem_is_phys(c, p)) {
        phys_load(c, p, lg, n, out);
        return;
    }
    unit_pointers(c, p, lg, n, out);
    for (unsigned i = 0; i < n; i++)
        out[i] = spv_op(&c->s, SpvOpLoad, mem_view_type(c, lg), 1, out[i]);
}

static void store_units(struct ctx *c, struct ptr p, unsigned lg, unsigned n, const uint32_t *in)
{
    uint32_t *to;

    if (mem_is_phys(c, p)) {
        phys_store(c, p, lg, n, in);
        return;
    }
    to = air_alloc(c, n * sizeof(*to));
    unit_pointers(c, p, lg, n, to);
    for (unsigned i = 0; i < n; i++)
        spv_void(&c->s, SpvOpStore, 2, to[i], in[i]);
}

uint32_t ptr_word(struct ctx *c, struct ptr p, unsigned bits, bool f32)
{
    struct spv *s = &c->s;
    struct root *r = &c->root[root_find(c, p.root)];
    uint32_t type = f32 ? spv_type_float(s, 32) : spv_type_uint(s, bits), dyn, k,
             *var = f32 ? &r->f32_var : &r->u64_var;

    if (r->kind == ROOT_PHYS)
        return phys_pointer(c, p, type);
    if (!f32 && bits == 32) {
        unit_pointers(c, p, 2, 1, &dyn);
        return dyn;
    }
    if (r->kind != ROOT_BUFFER)
        air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "64-bit atomic on threadgroup memory");
    if (!*var)
        *var = mem_buffer_view(c, type, bits / 8, c->arg[r->arg].r.set, c->arg[r->arg].r.binding, true,
                               c->arg[r->arg].name);
    c->arg[r->arg].r.flags |= AIR_ARG_USED | AIR_ARG_WRITTEN;
    ptr_index(c, &p, 0, log2u(bits / 8), &dyn, &k);
    return spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassStorageBuffer, type), 3, *var, spv_u32(s, 0),
                  spv_iadd(s, dyn, spv_u32(s, k)));
}

/* Must sub-word accesses of this size go through 32-bit words? */
static bool through_words(struct ctx *c, struct root *r, unsigned unit)
{
    if (unit >= 4)
        return false;
    /* An address of two words cannot be made a pointer to a type without arithmetic. */
    if (r->kind == ROOT_PHYS && !(c->opt->caps & AIR_CAP_INT64) &&
        !(c->opt->caps & (unit == 1 ? AIR_CAP_INT8 : AIR_CAP_INT16)))
        return true;
    if (mem_has_views(r) || r->kind == ROOT_PHYS)
        return !(c->opt->caps & (unit == 1 ? AIR_CAP_STORAGE8 : AIR_CAP_STORAGE16));
    return r->unit > unit;
}

/* The word that holds unit @k of @unit bytes after *@p, which is moved there, and the place of its lowest bit. */
static uint32_t subword_shift(struct ctx *c, struct ptr *p, unsigned unit, uint32_t k)
{
    struct spv *s = &c->s;
    uint32_t byte;

    p->off += k * unit;
    byte = ptr_offset(c, p);
    if (mem_is_phys(c, *p)) { /* buffers begin at words */
        p->off = 0;
        p->n = 1;
        p->t[0].id = spv_and(s, byte, spv_u32(s, ~3u));
        p->t[0].scale = 1;
    } else {
        byte = spv_iadd(s, byte, spv_u32(s, c->root[p->root].base));
    }
    return spv_imul(s, spv_and(s, byte, spv_u32(s, 3)), spv_u32(s, 8));
}

static uint32_t subword_load(struct ctx *c, struct ptr p, unsigned unit, uint32_t k)
{
    struct spv *s = &c->s;
    uint32_t sh = subword_shift(c, &p, unit, k), w;

    load_units(c, p, 2, 1, &w);
    w = spv_op(s, SpvOpShiftRightLogical, spv_type_uint(s, 32), 2, w, sh);
    return spv_op(s, SpvOpUConvert, spv_type_uint(s, unit * 8), 1, w);
}

/* Neighbouring threads may write the other part of the word: clear and set atomically. */
static void subword_store(struct ctx *c, struct ptr p, unsigned unit, uint32_t k, uint32_t v)
{
    struct spv *s = &c->s;
    uint32_t u32 = spv_type_uint(s, 32), sh = subword_shift(c, &p, unit, k), mask, word, scope, none = spv_u32(s, 0);
    uint32_t inside = mem_inside(c, p, 4), merge = inside ? if_begin(c, inside) : 0;
    struct root *r = &c->root[root_find(c, p.root)];

    mask = spv_op(s, SpvOpShiftLeftLogical, u32, 2, spv_u32(s, unit == 1 ? 0xff : 0xffff), sh);
    mask = spv_op(s, SpvOpNot, u32, 1, mask);
    v = spv_op(s, SpvOpShiftLeftLogical, u32, 2, spv_op(s, SpvOpUConvert, u32, 1, v), sh);
    word = ptr_word(c, p, 32, false);
    scope = spv_u32(s, r->kind == ROOT_SHARED ? SpvScopeWorkgroup : SpvScopeDevice);
    spv_op(s, SpvOpAtomicAnd, u32, 4, word, scope, none, mask);
    spv_op(s, SpvOpAtomicOr, u32, 4, word, scope, none, v);
    if (merge)
        if_end(c, merge);
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

    if (mem_has_views(r) || r->kind == ROOT_PHYS)
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

    if (through_words(c, r, u)) {
        for (unsigned i = 0; i < units; i++)
            w[i] = subword_load(c, p, u, i);
    } else if (u <= 4) {
        load_units(c, p, lg, units, w);
    } else {
        uint32_t *v = air_alloc(c, units * sizeof(*v));

        load_units(c, p, lg, units, v);
        for (unsigned i = 0; i < units * u / 4; i++)
            w[i] = spv_op(s, SpvOpCompositeExtract, u32, 2, v[i / (u / 4)], i % (u / 4));
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
            w[i] = spv_opv(s, SpvOpCompositeConstruct, mem_view_type(c, lg), w + i * (vu / 4), vu / 4);
        nw /= vu / 4;
    } else if (through_words(c, r, u)) {
        for (unsigned i = 0; i < nw; i++)
            subword_store(c, p, u, i, w[i]);
        return;
    }
    store_units(c, p, lg, nw, w);
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
        uint32_t v;

        load_units(c, p, log2u(b * n), 1, &v);

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

    if (mem_has_views(r) || r->kind == ROOT_PHYS)
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
