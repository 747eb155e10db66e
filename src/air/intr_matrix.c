/* SPDX-License-Identifier: MIT */
/*
 * simdgroup_matrix 8x8 (air 3.10). With the guest's width of 32 a value is spread over the SIMD group, two neighbouring
 * elements of a row per thread; products fetch the others' elements by shuffles, or through workgroup memory where the
 * device is narrower. With an unknown ("native") width every thread computes all 64 elements as loops over arrays
 * (decision 26), which needs no other thread. Also atomics on memory
 * (air 3.7), the other family that works on single scalars behind a pointer.
 */
#include "ctx.h"

#include <string.h>

/* One private array per element type holds operands while a loop indexes them; each use stores before it loads. */
static uint32_t scratch(struct ctx *c, uint32_t array_type, unsigned slot)
{
    uint32_t key = array_type * 4 + slot + 0x40000000u;

    for (unsigned i = 0; i < c->nhelper; i++) {
        if (c->helper[i].key == key)
            return c->helper[i].id;
    }
    if (c->nhelper == ARRAY_LEN(c->helper))
        air_fail(c, AIR_REFUSE_LIMIT, "too many matrix types");
    c->helper[c->nhelper].key = key;
    return c->helper[c->nhelper++].id = spv_local(&c->s, array_type);
}

static uint32_t at(struct ctx *c, uint32_t var, uint32_t elem, uint32_t idx)
{
    return spv_op(&c->s, SpvOpAccessChain, spv_type_ptr(&c->s, SpvStorageClassFunction, elem), 2, var, idx);
}

static uint32_t get_f32(struct ctx *c, uint32_t var, LLVMTypeRef e, uint32_t idx)
{
    struct spv *s = &c->s;
    uint32_t et = type_of(c, e), v = spv_op(s, SpvOpLoad, et, 1, at(c, var, et, idx));

    if (LLVMGetTypeKind(e) == LLVMBFloatTypeKind)
        return bf16_to_f32(c, v, 1);
    return scalar_bits(c, e) == 16 ? spv_op(s, SpvOpFConvert, spv_type_float(s, 32), 1, v) : v;
}

static uint32_t put_f32(struct ctx *c, LLVMTypeRef e, uint32_t v)
{
    if (LLVMGetTypeKind(e) == LLVMBFloatTypeKind)
        return f32_to_bf16(c, v, 1);
    return scalar_bits(c, e) == 16 ? spv_op(&c->s, SpvOpFConvert, spv_type_float(&c->s, 16), 1, v) : v;
}

static LLVMTypeRef matrix_elem(struct ctx *c, LLVMTypeRef t)
{
    LLVMTypeKind k;

    if (vec_len(t) != 64)
        air_fail(c, AIR_REFUSE_MATRIX_SHAPE, "simdgroup matrix of %u elements", vec_len(t));
    k = LLVMGetTypeKind(elem_type(t));
    if (k != LLVMFloatTypeKind && k != LLVMHalfTypeKind && k != LLVMBFloatTypeKind)
        air_fail(c, AIR_REFUSE_MATRIX_SHAPE, "simdgroup matrix element type");
    return elem_type(t);
}

/* Pointer to the element (row, col) of a matrix in memory. */
static struct ptr element(struct ctx *c, struct call *k, unsigned first, uint32_t row, uint32_t col, unsigned bytes)
{
    struct spv *s = &c->s;
    struct ptr p = pointer(c, k->a[first]);
    uint32_t u = spv_type_uint(s, 32);
    uint32_t stride_r, stride_c, org[2], u64 = spv_type_uint(s, 64);
    unsigned left = k->n - first;

    /* L1: ptr, i64 elements_per_row, <2 x i64> origin, i1 transpose. L2: ptr, extents, strides, origin. */
    if (left == 4 && vec_len(LLVMTypeOf(k->a[first + 1])) == 1) {
        LLVMValueRef tr = k->a[first + 3];
        uint32_t t = value(c, tr), r2, org64 = value(c, k->a[first + 2]);

        stride_r = to_u32(c, value(c, k->a[first + 1]), LLVMTypeOf(k->a[first + 1]), false);
        stride_c = spv_u32(s, 1);
        for (unsigned j = 0; j < 2; j++)
            org[j] = spv_op(s, SpvOpUConvert, u, 1, extract(c, org64, u64, 2, j));
        if (LLVMIsAConstantInt(tr)) {
            if (LLVMConstIntGetZExtValue(tr)) {
                r2 = row;
                row = col;
                col = r2;
            }
        } else {
            r2 = spv_op(s, SpvOpSelect, u, 3, t, col, row);
            col = spv_op(s, SpvOpSelect, u, 3, t, row, col);
            row = r2;
        }
    } else if (left == 4 && vec_len(LLVMTypeOf(k->a[first + 1])) == 2) {
        uint32_t st = value(c, k->a[first + 2]), o64 = value(c, k->a[first + 3]);

        stride_c = spv_op(s, SpvOpUConvert, u, 1, extract(c, st, u64, 2, 0));
        stride_r = spv_op(s, SpvOpUConvert, u, 1, extract(c, st, u64, 2, 1));
        for (unsigned j = 0; j < 2; j++)
            org[j] = spv_op(s, SpvOpUConvert, u, 1, extract(c, o64, u64, 2, j));
    } else {
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: %u operands", k->name, k->n);
    }
    col = spv_op(s, SpvOpIMul, u, 2, spv_iadd(s, col, org[0]), stride_c);
    row = spv_op(s, SpvOpIMul, u, 2, spv_iadd(s, row, org[1]), stride_r);
    return ptr_add(c, p, spv_iadd(s, row, col), bytes);
}

/* ---- spread over 32 threads ---- */

/* Two elements as one word when they are 16 bits wide, else two words. */
static unsigned to_words(struct ctx *c, LLVMTypeRef e, uint32_t v, uint32_t out[2])
{
    struct spv *s = &c->s;
    uint32_t u = spv_type_uint(s, 32);

    if (scalar_bits(c, e) == 16) {
        out[0] = spv_op(s, SpvOpBitcast, u, 1, v);
        return 1;
    }
    v = spv_op(s, SpvOpBitcast, spv_type_vec(s, u, 2), 1, v);
    for (uint32_t i = 0; i < 2; i++)
        out[i] = spv_op(s, SpvOpCompositeExtract, u, 2, v, i);
    return 2;
}

/* Element @i of the pair, as f32, from the words of another thread. */
static uint32_t from_words(struct ctx *c, LLVMTypeRef e, const uint32_t *w, uint32_t i)
{
    struct spv *s = &c->s;
    uint32_t f = spv_type_float(s, 32), x;

    if (scalar_bits(c, e) == 32)
        return spv_op(s, SpvOpBitcast, f, 1, w[i]);
    if (LLVMGetTypeKind(e) == LLVMBFloatTypeKind) {
        x = i ? spv_and(s, w[0], spv_u32(s, 0xffff0000u))
              : spv_op(s, SpvOpShiftLeftLogical, spv_type_uint(s, 32), 2, w[0], spv_u32(s, 16));
        return spv_op(s, SpvOpBitcast, f, 1, x);
    }
    x = spv_op(s, SpvOpBitcast, spv_type_vec(s, spv_type_float(s, 16), 2), 1, w[0]);
    return spv_op(s, SpvOpFConvert, f, 1, spv_op(s, SpvOpCompositeExtract, spv_type_float(s, 16), 2, x, i));
}

static uint32_t scratch_word(struct ctx *c, unsigned slot, uint32_t thread)
{
    struct spv *s = &c->s;
    uint32_t u = spv_type_uint(s, 32);

    if (!c->matrix_scratch) {
        uint32_t n = spv_id(s), o[5] = {u, n, SpvOpIMul, iface_local_total(c), spv_u32(s, 4)}, v[3];

        spv_raw(s, &s->types, SpvOpSpecConstantOp, o, 5);
        v[0] = spv_type_ptr(s, SpvStorageClassWorkgroup, spv_type(s, SpvOpTypeArray, 2, u, n));
        v[1] = c->matrix_scratch = spv_id(s);
        v[2] = SpvStorageClassWorkgroup;
        spv_raw(s, &s->types, SpvOpVariable, v, 3);
        words_push(s, &c->iface, v[1]);
        c->h.scratch_per_thread += 16;
        c->h.flags |= AIR_REFLECT_SIMD_EMULATED;
    }
    return spv_op(s, SpvOpAccessChain, spv_type_ptr(s, SpvStorageClassWorkgroup, u), 2, c->matrix_scratch,
                  spv_iadd(s, spv_imul(s, thread, spv_u32(s, 4)), spv_u32(s, slot)));
}

static void spread_product(struct ctx *c, struct call *k)
{
    struct spv *s = &c->s;
    LLVMTypeRef e[4];
    uint32_t u = spv_type_uint(s, 32), f = spv_type_float(s, 32), lane = iface_lane(c), row4, col, w[2][2], acc[2],
             base = 0;
    unsigned n[2];

    for (unsigned m = 0; m < 2; m++) {
        e[m] = matrix_elem(c, LLVMTypeOf(k->a[m]));
        n[m] = to_words(c, e[m], arg_id(c, k, m), w[m]);
    }
    e[3] = matrix_elem(c, k->ret);
    row4 = spv_and(s, lane, spv_u32(s, 28));
    col = spv_and(s, lane, spv_u32(s, 3));
    for (uint32_t j = 0; j < 2; j++) {
        if (k->n == 2) {
            acc[j] = spv_f32(s, 0);
            continue;
        }
        uint32_t cw[2], v = arg_id(c, k, 2);

        e[2] = matrix_elem(c, LLVMTypeOf(k->a[2]));
        (void)to_words(c, e[2], v, cw);
        acc[j] = from_words(c, e[2], cw, j);
    }
    if (c->emulate) {
        simd_need_uniform(c, k);
        base = spv_and(s, iface_local_index(c), spv_u32(s, ~31u));
        for (unsigned m = 0; m < 2; m++) {
            for (unsigned i = 0; i < n[m]; i++)
                spv_void(s, SpvOpStore, 2, scratch_word(c, m * 2 + i, iface_local_index(c)), w[m][i]);
        }
        simd_scratch_barrier(c);
    } else {
        spv_cap(s, SpvCapabilityGroupNonUniformShuffle);
        spv_cap(s, SpvCapabilityGroupNonUniform);
    }
    for (uint32_t t = 0; t < 8; t++) {
        uint32_t from[2] = {spv_iadd(s, row4, spv_u32(s, t / 2)), spv_iadd(s, col, spv_u32(s, t * 4))}, x[2][2], a;

        for (unsigned m = 0; m < 2; m++) {
            for (unsigned i = 0; i < n[m]; i++) {
                if (m == 0 && n[0] == 2 && i != t % 2)
                    continue;
                x[m][i] =
                    c->emulate
                        ? spv_op(s, SpvOpLoad, u, 1, scratch_word(c, m * 2 + i, spv_iadd(s, base, from[m])))
                        : spv_op(s, SpvOpGroupNonUniformShuffle, u, 3, spv_u32(s, SpvScopeSubgroup), w[m][i], from[m]);
            }
        }
        a = from_words(c, e[0], x[0], t % 2);
        for (uint32_t j = 0; j < 2; j++)
            acc[j] = spv_glsl(s, GLSLstd450Fma, f, 3, a, from_words(c, e[1], x[1], j), acc[j]);
    }
    if (c->emulate)
        simd_scratch_barrier(c);
    for (unsigned j = 0; j < 2; j++)
        acc[j] = put_f32(c, e[3], acc[j]);
    set_value(c, k->inst, construct(c, type_of(c, k->ret), acc, 2));
}

static bool spread(struct ctx *c, struct call *k, const char *op)
{
    struct spv *s = &c->s;
    uint32_t lane = iface_lane(c), row = spv_shr(s, lane, 2), col, v[2], merge, et;
    LLVMTypeRef e;
    unsigned bytes;

    if (!strcmp(op, "multiply_accumulate") ? k->n == 3 : !strcmp(op, "multiply") && k->n == 2) {
        spread_product(c, k);
        return true;
    }
    if (!k->n)
        return false;
    col = spv_imul(s, spv_and(s, lane, spv_u32(s, 3)), spv_u32(s, 2));
    e = matrix_elem(c, !strcmp(op, "store") ? LLVMTypeOf(k->a[0]) : k->ret);
    bytes = scalar_bits(c, e) / 8;
    et = type_of(c, e);
    if (!strcmp(op, "store") && k->n > 1) {
        guard_begin(c, &merge);
        for (uint32_t j = 0; j < 2; j++)
            mem_store(c, element(c, k, 1, row, spv_iadd(s, col, spv_u32(s, j)), bytes), e, bytes,
                      extract(c, arg_id(c, k, 0), et, 2, j));
        guard_end(c, merge);
        return true;
    }
    for (uint32_t j = 0; j < 2; j++) {
        uint32_t cj = spv_iadd(s, col, spv_u32(s, j));

        if (!strcmp(op, "load"))
            v[j] = mem_load(c, element(c, k, 0, row, cj, bytes), e, bytes);
        else if (!strcmp(op, "init_filled") && k->n == 1)
            v[j] = arg_id(c, k, 0);
        else if (!strcmp(op, "init_diag") && k->n == 1)
            v[j] = spv_op(s, SpvOpSelect, et, 3, spv_op(s, SpvOpIEqual, spv_type_bool(s), 2, row, cj), arg_id(c, k, 0),
                          spv_null(s, et));
        else
            return false;
    }
    set_value(c, k->inst, construct(c, type_of(c, k->ret), v, 2));
    return true;
}

bool intr_matrix(struct ctx *c, struct call *k)
{
    static const char prefix[] = "simdgroup_matrix_8x8_";
    struct spv *s = &c->s;
    const char *op = k->op + sizeof(prefix) - 1;
    LLVMTypeRef e;
    struct loop l;
    uint32_t var, et, arr, merge;

    if (strncmp(k->op, prefix, sizeof(prefix) - 1))
        return false;
    c->h.flags |= AIR_REFLECT_SIMD;
    if (c->distribute)
        return spread(c, k, op);
    if (!strcmp(op, "init_filled") && k->n == 1) {
        uint32_t v = arg_id(c, k, 0), ids[64];

        for (unsigned i = 0; i < 64; i++)
            ids[i] = v;
        (void)matrix_elem(c, k->ret);
        set_value(c, k->inst, spv_opv(s, SpvOpCompositeConstruct, type_of(c, k->ret), ids, 64));
        return true;
    }
    if (!strcmp(op, "init_diag") && k->n == 1) {
        uint32_t v = arg_id(c, k, 0), ids[64];

        e = matrix_elem(c, k->ret);
        for (unsigned i = 0; i < 64; i++)
            ids[i] = i % 9 ? LLVMGetTypeKind(e) == LLVMBFloatTypeKind ? spv_uint(s, 16, 0)
                                                                      : spv_float(s, scalar_bits(c, e), 0)
                           : v;
        set_value(c, k->inst, spv_opv(s, SpvOpCompositeConstruct, type_of(c, k->ret), ids, 64));
        return true;
    }
    if (!strcmp(op, "load") && k->n) {
        e = matrix_elem(c, k->ret);
        et = type_of(c, e);
        arr = type_of(c, k->ret);
        var = scratch(c, arr, 0);
        loop_begin(c, &l, spv_u32(s, 64));
        spv_void(s, SpvOpStore, 2, at(c, var, et, l.i),
                 mem_load(c,
                          element(c, k, 0, spv_shr(s, l.i, 3), spv_and(s, l.i, spv_u32(s, 7)), scalar_bits(c, e) / 8),
                          e, scalar_bits(c, e) / 8));
        loop_end(c, &l);
        set_value(c, k->inst, spv_op(s, SpvOpLoad, arr, 1, var));
        return true;
    }
    if (!strcmp(op, "store") && k->n > 1) {
        e = matrix_elem(c, LLVMTypeOf(k->a[0]));
        et = type_of(c, e);
        var = scratch(c, type_of(c, LLVMTypeOf(k->a[0])), 0);
        guard_begin(c, &merge);
        spv_void(s, SpvOpStore, 2, var, arg_id(c, k, 0));
        loop_begin(c, &l, spv_u32(s, 64));
        mem_store(c, element(c, k, 1, spv_shr(s, l.i, 3), spv_and(s, l.i, spv_u32(s, 7)), scalar_bits(c, e) / 8), e,
                  scalar_bits(c, e) / 8, spv_op(s, SpvOpLoad, et, 1, at(c, var, et, l.i)));
        loop_end(c, &l);
        guard_end(c, merge);
        return true;
    }
    if ((!strcmp(op, "multiply_accumulate") && k->n == 3) || (!strcmp(op, "multiply") && k->n == 2)) {
        LLVMTypeRef ea = matrix_elem(c, LLVMTypeOf(k->a[0])), eb = matrix_elem(c, LLVMTypeOf(k->a[1])), ec = NULL;
        uint32_t va = scratch(c, type_of(c, LLVMTypeOf(k->a[0])), 0),
                 vb = scratch(c, type_of(c, LLVMTypeOf(k->a[1])), 1);
        uint32_t vc = 0, vr, acc, row, col, f = spv_type_float(s, 32);

        e = matrix_elem(c, k->ret);
        vr = scratch(c, type_of(c, k->ret), 3);
        spv_void(s, SpvOpStore, 2, va, arg_id(c, k, 0));
        spv_void(s, SpvOpStore, 2, vb, arg_id(c, k, 1));
        if (k->n == 3) {
            ec = matrix_elem(c, LLVMTypeOf(k->a[2]));
            vc = scratch(c, type_of(c, LLVMTypeOf(k->a[2])), 2);
            spv_void(s, SpvOpStore, 2, vc, arg_id(c, k, 2));
        }
        loop_begin(c, &l, spv_u32(s, 64));
        acc = vc ? get_f32(c, vc, ec, l.i) : spv_f32(s, 0);
        row = spv_and(s, l.i, spv_u32(s, 56));
        col = spv_and(s, l.i, spv_u32(s, 7));
        for (uint32_t j = 0; j < 8; j++)
            acc = spv_glsl(s, GLSLstd450Fma, f, 3, get_f32(c, va, ea, spv_iadd(s, row, spv_u32(s, j))),
                           get_f32(c, vb, eb, spv_iadd(s, col, spv_u32(s, j * 8))), acc);
        spv_void(s, SpvOpStore, 2, at(c, vr, type_of(c, e), l.i), put_f32(c, e, acc));
        loop_end(c, &l);
        set_value(c, k->inst, spv_op(s, SpvOpLoad, type_of(c, k->ret), 1, vr));
        return true;
    }
    return false;
}

/* ---- atomics on memory ---- */

static uint32_t float_cas(struct ctx *c, uint32_t word, uint32_t v, uint32_t scope, bool sub)
{
    struct spv *s = &c->s;
    uint32_t u = spv_type_uint(s, 32), f = spv_type_float(s, 32), old = spv_local(s, u), head = spv_label(s);
    uint32_t body = spv_label(s), cont = spv_label(s), merge = spv_label(s), none = spv_u32(s, 0), seen, next, got, ok;

    spv_void(s, SpvOpStore, 2, old, spv_op(s, SpvOpAtomicLoad, u, 3, word, scope, none));
    spv_void(s, SpvOpBranch, 1, head);
    spv_begin(s, head);
    spv_void(s, SpvOpLoopMerge, 3, merge, cont, 0u);
    spv_void(s, SpvOpBranch, 1, body);
    spv_begin(s, body);
    seen = spv_op(s, SpvOpLoad, u, 1, old);
    next = spv_op(s, sub ? SpvOpFSub : SpvOpFAdd, f, 2, spv_op(s, SpvOpBitcast, f, 1, seen), v);
    got =
        spv_op(s, SpvOpAtomicCompareExchange, u, 6, word, scope, none, none, spv_op(s, SpvOpBitcast, u, 1, next), seen);
    spv_void(s, SpvOpStore, 2, old, got);
    ok = spv_op(s, SpvOpIEqual, spv_type_bool(s), 2, got, seen);
    spv_void(s, SpvOpBranchConditional, 3, ok, merge, cont);
    spv_begin(s, cont);
    spv_void(s, SpvOpBranch, 1, head);
    spv_begin(s, merge);
    return spv_op(s, SpvOpLoad, u, 1, old);
}

bool intr_atomic(struct ctx *c, struct call *k)
{
    static const struct {
        const char *name;
        SpvOp s, u;
    } rmw[] = {{"add", SpvOpAtomicIAdd, SpvOpAtomicIAdd}, {"sub", SpvOpAtomicISub, SpvOpAtomicISub},
               {"and", SpvOpAtomicAnd, SpvOpAtomicAnd},   {"or", SpvOpAtomicOr, SpvOpAtomicOr},
               {"xor", SpvOpAtomicXor, SpvOpAtomicXor},   {"min", SpvOpAtomicSMin, SpvOpAtomicUMin},
               {"max", SpvOpAtomicSMax, SpvOpAtomicUMax}, {"xchg", SpvOpAtomicExchange, SpvOpAtomicExchange}};
    struct spv *s = &c->s;
    const char *op = k->op;
    bool local, fp, store;
    LLVMTypeRef t;
    uint32_t ty, u, word, scope, none = spv_u32(s, 0), v = 0, r = 0, merge, hold = 0, may;
    struct ptr at;
    unsigned bits;

    if (!strcmp(op, "atomic.fence")) {
        uint64_t f = k->n && LLVMIsAConstantInt(k->a[0]) ? LLVMConstIntGetZExtValue(k->a[0]) : 7;
        uint32_t sem = (f & 1 ? SpvMemorySemanticsUniformMemoryMask : 0) |
                       (f & 2 ? SpvMemorySemanticsWorkgroupMemoryMask : 0) |
                       (f & 4 ? SpvMemorySemanticsImageMemoryMask : 0);

        if (sem)
            spv_void(s, SpvOpMemoryBarrier, 2, spv_u32(s, SpvScopeDevice),
                     spv_u32(s, sem | SpvMemorySemanticsAcquireReleaseMask));
        return true;
    }
    if (air_coherent(LLVMGetValueName(LLVMGetCalledValue(k->inst)))) {
        store = op[0] == 's';
        if (k->n < (store ? 2u : 1u) || !is_pointer(k->a[0]))
            return false;
        t = store ? LLVMTypeOf(k->a[1]) : k->ret;
        bits = (unsigned)LLVMABISizeOfType(c->dl, elem_type(t));
        if (store) {
            guard_begin(c, &merge);
            mem_store(c, pointer(c, k->a[0]), t, bits, arg_id(c, k, 1));
            guard_end(c, merge);
        } else {
            set_value(c, k->inst, mem_load(c, pointer(c, k->a[0]), t, bits));
        }
        return true;
    }
    if (strncmp(op, "atomic.global.", 14) && strncmp(op, "atomic.local.", 13))
        return false;
    local = op[7] == 'l';
    op += local ? 13 : 14;
    if (!k->n || !is_pointer(k->a[0]))
        return false;
    store = !strcmp(op, "store");
    t = store || strncmp(op, "cmpxchg", 7) ? (store ? LLVMTypeOf(k->a[1]) : k->ret) : LLVMTypeOf(k->a[2]);
    if (LLVMGetTypeKind(t) == LLVMVoidTypeKind && k->n > 1)
        t = LLVMTypeOf(k->a[1]);
    bits = scalar_bits(c, t);
    fp = LLVMGetTypeKind(t) == LLVMFloatTypeKind;
    if (vec_len(t) != 1 || (bits != 32 && bits != 64) || (!fp && LLVMGetTypeKind(t) != LLVMIntegerTypeKind))
        return false;
    if (bits == 64) {
        if (!(c->opt->caps & AIR_CAP_ATOMIC_INT64) || !(c->opt->caps & AIR_CAP_INT64))
            air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "64-bit atomics");
        spv_cap(s, SpvCapabilityInt64Atomics);
    }
    ty = type_of(c, t);
    u = spv_type_uint(s, bits);
    scope = spv_u32(s, local ? SpvScopeWorkgroup : SpvScopeDevice);
    at = pointer(c, k->a[0]);
    may = mem_inside(c, at, bits / 8);
    if (c->active)
        may = may ? spv_op(s, SpvOpLogicalAnd, spv_type_bool(s), 2, c->active, may) : c->active;
    if (LLVMGetTypeKind(k->ret) != LLVMVoidTypeKind && may) {
        hold = spv_local(s, u);
        spv_void(s, SpvOpStore, 2, hold, spv_null(s, u));
    }
    merge = may ? if_begin(c, may) : 0;
    word = ptr_word(c, at, bits, false);
    if (!strcmp(op, "load")) {
        r = spv_op(s, SpvOpAtomicLoad, u, 3, word, scope, none);
    } else if (!strncmp(op, "cmpxchg", 7)) {
        uint32_t want = mem_load(c, pointer(c, k->a[1]), t, bits / 8), des = arg_id(c, k, 2);

        if (fp) {
            want = spv_op(s, SpvOpBitcast, u, 1, want);
            des = spv_op(s, SpvOpBitcast, u, 1, des);
        }
        r = spv_op(s, SpvOpAtomicCompareExchange, u, 6, word, scope, none, none, des, want);
        mem_store(c, pointer(c, k->a[1]), t, bits / 8, fp ? spv_op(s, SpvOpBitcast, ty, 1, r) : r);
        if (scalar_bits(c, k->ret) == 1) { /* some declarations return success instead of the old value */
            uint32_t ok = spv_op(s, SpvOpIEqual, spv_type_bool(s), 2, r, want);

            guard_end(c, merge);
            if (hold)
                air_fail(c, AIR_REFUSE_INTRINSIC, "compare-exchange with a boolean result in a kernel with edges");
            set_value(c, k->inst, ok);
            return true;
        }
    } else {
        v = arg_id(c, k, 1);
        if (fp && (!strcmp(op, "add") || !strcmp(op, "sub"))) {
            if (!local && c->opt->caps & AIR_CAP_ATOMIC_FLOAT_ADD) {
                spv_cap(s, SpvCapabilityAtomicFloat32AddEXT);
                spv_ext(s, "SPV_EXT_shader_atomic_float_add");
                if (op[0] == 's')
                    v = spv_op(s, SpvOpFNegate, ty, 1, v);
                r = spv_op(s, SpvOpAtomicFAddEXT, ty, 4, ptr_word(c, at, 32, true), scope, none, v);
                r = spv_op(s, SpvOpBitcast, u, 1, r);
            } else {
                r = float_cas(c, word, v, scope, op[0] == 's');
            }
        } else if (store) {
            spv_void(s, SpvOpAtomicStore, 4, word, scope, none, fp ? spv_op(s, SpvOpBitcast, u, 1, v) : v);
        } else {
            if (fp && strcmp(op, "xchg"))
                return false;
            for (unsigned i = 0; i < ARRAY_LEN(rmw); i++) {
                if (!strcmp(op, rmw[i].name))
                    r = spv_op(s, k->sign == 's' ? rmw[i].s : rmw[i].u, u, 4, word, scope, none,
                               fp ? spv_op(s, SpvOpBitcast, u, 1, v) : v);
            }
            if (!r)
                return false;
        }
    }
    if (hold && r)
        spv_void(s, SpvOpStore, 2, hold, r);
    guard_end(c, merge);
    if (hold && r)
        r = spv_op(s, SpvOpLoad, u, 1, hold);
    if (r && LLVMGetTypeKind(k->ret) != LLVMVoidTypeKind)
        set_value(c, k->inst, fp ? spv_op(s, SpvOpBitcast, ty, 1, r) : r);
    return true;
}
