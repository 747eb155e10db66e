/* SPDX-License-Identifier: MIT */
/*
 * LLVM types and values as SPIR-V ids (air 4.3): one unsigned integer type per width, bfloat as 16-bit integers,
 * vectors beyond four lanes as arrays, undef and poison as zero. Pointers are not ids but root + offset (struct ptr).
 */
#include "ctx.h"

#include <string.h>

#include "base/half.h"

bool type_is_bf16(LLVMTypeRef t)
{
    return LLVMGetTypeKind(elem_type(t)) == LLVMBFloatTypeKind;
}

unsigned param_align(LLVMValueRef call, unsigned param)
{
    LLVMAttributeRef a = LLVMGetCallSiteEnumAttribute(call, param, LLVMGetEnumAttributeKindForName("align", 5));
    uint64_t v = a ? LLVMGetEnumAttributeValue(a) : 1;

    return v && v <= 4096 ? (unsigned)v : 1;
}

unsigned vec_len(LLVMTypeRef t)
{
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMGetVectorSize(t) : 1;
}

LLVMTypeRef elem_type(LLVMTypeRef t)
{
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMGetElementType(t) : t;
}

unsigned int_bits(struct ctx *c, unsigned w)
{
    if (w > 64)
        air_fail(c, AIR_REFUSE_TYPE, "integer of %u bits", w);
    return w <= 8 ? 8 : w <= 16 ? 16 : w <= 32 ? 32 : 64;
}

unsigned scalar_bits(struct ctx *c, LLVMTypeRef t)
{
    t = elem_type(t);
    switch (LLVMGetTypeKind(t)) {
    case LLVMIntegerTypeKind:
        return LLVMGetIntTypeWidth(t) == 1 ? 1 : int_bits(c, LLVMGetIntTypeWidth(t));
    case LLVMHalfTypeKind:
    case LLVMBFloatTypeKind:
        return 16;
    case LLVMFloatTypeKind:
        return 32;
    case LLVMDoubleTypeKind:
        air_fail(c, AIR_REFUSE_TYPE, "double");
    default:
        return 0;
    }
}

/* Scalars in a value of type @t, at least one for each member however empty; refused beyond AIR_LIMIT_PARTS. */
static uint32_t parts_of(struct ctx *c, LLVMTypeRef t, unsigned depth)
{
    bool array = LLVMGetTypeKind(t) == LLVMArrayTypeKind;
    uint64_t n = 0;
    int known;

    if (!array && LLVMGetTypeKind(t) != LLVMStructTypeKind)
        return vec_len(t);
    if (pmap_get(&c->parts, t, &known))
        return (uint32_t)known;
    if (depth > AIR_LIMIT_DEPTH)
        air_fail(c, AIR_REFUSE_LIMIT, "type nested deeper than %u", AIR_LIMIT_DEPTH);
    if (array)
        n = (uint64_t)LLVMGetArrayLength(t) * parts_of(c, LLVMGetElementType(t), depth + 1);
    for (unsigned i = 0; !array && i < LLVMCountStructElementTypes(t) && n <= AIR_LIMIT_PARTS; i++)
        n += parts_of(c, LLVMStructGetTypeAtIndex(t, i), depth + 1);
    if (n > AIR_LIMIT_PARTS)
        air_fail(c, AIR_REFUSE_LIMIT, "value of more than %u scalars", AIR_LIMIT_PARTS);
    pmap_put(c, &c->parts, t, n ? (int)n : 1);
    return n ? (uint32_t)n : 1;
}

void type_bound(struct ctx *c, LLVMTypeRef t)
{
    (void)parts_of(c, t, 0);
}

uint32_t type_of(struct ctx *c, LLVMTypeRef t)
{
    struct spv *s = &c->s;

    type_bound(c, t);
    switch (LLVMGetTypeKind(t)) {
    case LLVMIntegerTypeKind:
        return LLVMGetIntTypeWidth(t) == 1 ? spv_type_bool(s) : spv_type_uint(s, int_bits(c, LLVMGetIntTypeWidth(t)));
    case LLVMHalfTypeKind:
        return spv_type_float(s, 16);
    case LLVMBFloatTypeKind:
        return spv_type_uint(s, 16);
    case LLVMFloatTypeKind:
        return spv_type_float(s, 32);
    case LLVMVoidTypeKind:
        return spv_type_void(s);
    case LLVMVectorTypeKind: {
        unsigned n = LLVMGetVectorSize(t);
        uint32_t e;

        if (LLVMGetTypeKind(LLVMGetElementType(t)) == LLVMPointerTypeKind || n > 64)
            air_fail(c, AIR_REFUSE_TYPE, "vector of pointers or of %u elements", n);
        if (n == 64 && c->distribute)
            n = 2;
        e = type_of(c, LLVMGetElementType(t));
        return n <= 4 ? spv_type_vec(s, e, n) : spv_type_array(s, e, n);
    }
    case LLVMArrayTypeKind: {
        unsigned n = LLVMGetArrayLength(t);

        if (!n)
            air_fail(c, AIR_REFUSE_TYPE, "array value of %u elements", n);
        return spv_type_array(s, type_of(c, LLVMGetElementType(t)), n);
    }
    case LLVMStructTypeKind: {
        unsigned n = LLVMCountStructElementTypes(t);
        uint32_t o[64];

        if (n > 63 || !n)
            air_fail(c, AIR_REFUSE_TYPE, "struct value of %u members", n);
        for (unsigned i = 0; i < n; i++)
            o[i] = type_of(c, LLVMStructGetTypeAtIndex(t, i));
        /* Deduplicated like every type: structs in values carry no layout. */
        switch (n) {
        case 1:
            return spv_type(s, SpvOpTypeStruct, 1, o[0]);
        case 2:
            return spv_type(s, SpvOpTypeStruct, 2, o[0], o[1]);
        case 3:
            return spv_type(s, SpvOpTypeStruct, 3, o[0], o[1], o[2]);
        default:
            break;
        }
        int known;

        if (pmap_get(&c->blocks, t, &known)) /* LLVM types are unique: the same map serves */
            return (uint32_t)known;
        uint32_t id = spv_id(s);

        words_push(s, &s->types, SpvOpTypeStruct | (n + 2) << 16);
        words_push(s, &s->types, id);
        for (unsigned i = 0; i < n; i++)
            words_push(s, &s->types, o[i]);
        pmap_put(c, &c->blocks, t, (int)id);
        return id;
    }
    case LLVMPointerTypeKind:
        return spv_type_uint(s, 64); /* inside aggregates only */
    case LLVMDoubleTypeKind:
        air_fail(c, AIR_REFUSE_TYPE, "double");
    default:
        air_fail(c, AIR_REFUSE_TYPE, "LLVM type kind %d", (int)LLVMGetTypeKind(t));
    }
}

static uint16_t bf16_bits(double d)
{
    float f = (float)d;
    uint32_t u;

    memcpy(&u, &f, 4);
    return (uint16_t)(u >> 16); /* a bfloat constant is exact */
}

static double real(LLVMValueRef v)
{
    LLVMBool loses;

    return LLVMConstRealGetDouble(v, &loses);
}

static LLVMValueRef const_element(LLVMValueRef v, unsigned i)
{
    return LLVMGetAggregateElement(v, i);
}

static uint32_t const_id(struct ctx *c, LLVMValueRef v, unsigned depth)
{
    struct spv *s = &c->s;
    LLVMTypeRef t = LLVMTypeOf(v);
    uint32_t type = type_of(c, t);
    LLVMTypeKind k = LLVMGetTypeKind(t);

    if (depth > AIR_LIMIT_DEPTH)
        air_fail(c, AIR_REFUSE_LIMIT, "constant too deep");
    if (LLVMIsUndef(v) || LLVMIsNull(v)) {
        if (k == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(t) == 1)
            return spv_bool(s, false);
        if (k == LLVMIntegerTypeKind)
            return spv_uint(s, int_bits(c, LLVMGetIntTypeWidth(t)), 0);
        return spv_null(s, type);
    }
    if (LLVMIsAConstantInt(v)) {
        unsigned w = LLVMGetIntTypeWidth(t);

        return w == 1 ? spv_bool(s, LLVMConstIntGetZExtValue(v) != 0)
                      : spv_uint(s, int_bits(c, w), LLVMConstIntGetZExtValue(v));
    }
    if (LLVMIsAConstantFP(v)) {
        if (k == LLVMBFloatTypeKind)
            return spv_uint(s, 16, bf16_bits(real(v)));
        return spv_float(s, k == LLVMHalfTypeKind ? 16 : 32, real(v));
    }
    if (k == LLVMVectorTypeKind || k == LLVMArrayTypeKind || k == LLVMStructTypeKind) {
        unsigned n = k == LLVMVectorTypeKind  ? LLVMGetVectorSize(t)
                     : k == LLVMArrayTypeKind ? LLVMGetArrayLength(t)
                                              : LLVMCountStructElementTypes(t);
        uint32_t *ids;

        if (k == LLVMVectorTypeKind && n == 64 && c->distribute)
            air_fail(c, AIR_REFUSE_INSTRUCTION, "constant matrix");
        ids = air_alloc(c, (n + 1) * sizeof(*ids));

        for (unsigned i = 0; i < n; i++) {
            LLVMValueRef e = const_element(v, i);

            if (!e)
                air_fail(c, AIR_REFUSE_INSTRUCTION, "constant expression in a vector or array");
            ids[i] = const_id(c, e, depth + 1);
        }
        return n == 1 && k == LLVMVectorTypeKind ? ids[0] : spv_const(s, type, SpvOpConstantComposite, ids, n);
    }
    air_fail(c, AIR_REFUSE_INSTRUCTION, "constant expression (opcode %d)",
             LLVMIsAConstantExpr(v) ? (int)LLVMGetConstOpcode(v) : -1);
}

/* Memory image of a constant; returns the bytes of its type. */
uint32_t const_bytes(struct ctx *c, LLVMValueRef v, uint8_t *out, size_t max)
{
    LLVMTypeRef t = LLVMTypeOf(v);
    LLVMTypeKind k = LLVMGetTypeKind(t);
    uint64_t size = LLVMABISizeOfType(c->dl, t), bits;

    if (size > max)
        air_fail(c, AIR_REFUSE_LIMIT, "constant larger than its variable");
    if (LLVMIsUndef(v) || LLVMIsNull(v))
        return (uint32_t)size;
    if (LLVMIsAConstantInt(v)) {
        if (LLVMGetIntTypeWidth(t) > 64)
            air_fail(c, AIR_REFUSE_TYPE, "integer of %u bits", LLVMGetIntTypeWidth(t));
        bits = LLVMConstIntGetZExtValue(v);
        memcpy(out, &bits, size > 8 ? 8 : size);
        return (uint32_t)size;
    }
    if (LLVMIsAConstantFP(v)) {
        float f = (float)real(v);
        uint16_t h = half_from_double(real(v));
        uint16_t b = bf16_bits(real(v));

        if (k == LLVMFloatTypeKind)
            memcpy(out, &f, 4);
        else if (k == LLVMHalfTypeKind)
            memcpy(out, &h, 2);
        else if (k == LLVMBFloatTypeKind)
            memcpy(out, &b, 2);
        else
            air_fail(c, AIR_REFUSE_TYPE, "double");
        return (uint32_t)size;
    }
    if (k == LLVMVectorTypeKind || k == LLVMArrayTypeKind || k == LLVMStructTypeKind) {
        unsigned n = k == LLVMVectorTypeKind  ? LLVMGetVectorSize(t)
                     : k == LLVMArrayTypeKind ? LLVMGetArrayLength(t)
                                              : LLVMCountStructElementTypes(t);

        for (unsigned i = 0; i < n; i++) {
            LLVMValueRef e = const_element(v, i);
            uint64_t off;

            if (!e)
                air_fail(c, AIR_REFUSE_INSTRUCTION, "constant expression in a table");
            off = k == LLVMStructTypeKind  ? LLVMOffsetOfElement(c->dl, t, i)
                  : k == LLVMArrayTypeKind ? i * LLVMABISizeOfType(c->dl, LLVMTypeOf(e))
                                           : i * LLVMStoreSizeOfType(c->dl, LLVMTypeOf(e));
            if (off > max)
                air_fail(c, AIR_REFUSE_LIMIT, "constant larger than its variable");
            (void)const_bytes(c, e, out + off, max - off);
        }
        return (uint32_t)size;
    }
    if (k == LLVMPointerTypeKind && sampler_number(c, v) >= 0) {
        uint32_t number = AIR_HANDLE_SAMPLER + (uint32_t)sampler_number(c, v);

        memcpy(out, &number, sizeof(number));
        return (uint32_t)size;
    }
    air_fail(c, AIR_REFUSE_INSTRUCTION, "constant expression in a table");
}

/* ---- map from LLVM values to ids ---- */

static struct val *slot(struct ctx *c, LLVMValueRef key)
{
    size_t h = ((uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u >> 20;

    for (h &= c->vals_cap - 1; c->vals[h].key && c->vals[h].key != key; h = (h + 1) & (c->vals_cap - 1))
        ;
    return &c->vals[h];
}

static struct val *put(struct ctx *c, LLVMValueRef key)
{
    struct val *v;

    if (c->vals_n * 2 >= c->vals_cap) {
        struct val *old = c->vals;
        size_t n = c->vals_cap;

        c->vals_cap = n ? n * 2 : 1024;
        c->vals = air_alloc(c, c->vals_cap * sizeof(*c->vals));
        for (size_t i = 0; i < n; i++) {
            if (old[i].key)
                *slot(c, old[i].key) = old[i];
        }
    }
    v = slot(c, key);
    if (!v->key) {
        v->key = key;
        c->vals_n++;
    }
    return v;
}

static void keep(struct ctx *c, uint32_t var, uint32_t type, uint32_t id)
{
    struct spv *s = &c->s;

    spv_void(s, SpvOpStore, 2, var, spv_op(s, SpvOpSelect, type, 3, c->keep, id, spv_op(s, SpvOpLoad, type, 1, var)));
}

/* Variable of a value that another block uses, or one that is kept; else 0. */
static uint32_t variable_of(struct ctx *c, LLVMValueRef v)
{
    int var = 0;

    if (LLVMIsAInstruction(v) && LLVMGetInstructionParent(v) != c->cur_bb && !pmap_get(&c->demoted, v, &var))
        (void)pmap_get(&c->kept, v, &var);
    return (uint32_t)var;
}

void set_value(struct ctx *c, LLVMValueRef v, uint32_t id)
{
    int var;

    put(c, v)->id = id;
    if (pmap_get(&c->kept, v, &var) && var)
        keep(c, (uint32_t)var, type_of(c, LLVMTypeOf(v)), id);
    if (pmap_get(&c->demoted, v, &var))
        spv_void(&c->s, SpvOpStore, 2, (uint32_t)var, id);
    if (c->opt->flags & AIR_OPT_DEBUG_NAMES && *LLVMGetValueName(v))
        spv_name(&c->s, id, LLVMGetValueName(v));
}

uint32_t value(struct ctx *c, LLVMValueRef v)
{
    struct val *f;
    uint32_t var;

    if (LLVMIsConstant(v)) {
        if (LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMPointerTypeKind)
            air_fail(c, AIR_REFUSE_POINTER, "pointer constant used as a value");
        return const_id(c, v, 0);
    }
    var = variable_of(c, v);
    if (var)
        return spv_op(&c->s, SpvOpLoad, type_of(c, LLVMTypeOf(v)), 1, var);
    f = c->vals_cap ? slot(c, v) : NULL;
    if (!f || !f->key || !f->id)
        air_fail(c, AIR_REFUSE_INSTRUCTION, "use of a value that has no form in SPIR-V (%s)", LLVMGetValueName(v));
    return f->id;
}

static bool root_is_phys(struct ctx *c, int root)
{
    return c->root[root_find(c, root)].kind == ROOT_PHYS;
}

/*
 * Null among pointers that are offsets: an offset no buffer reaches. Kernels compare pointers that were chosen between
 * a buffer and null.
 */
#define NULL_OFFSET 0xfffffff0u

/* A pointer whose offset, or address, is the id @id: the form it has after a variable or a select. */
static struct ptr from_id(struct ctx *c, int root, uint32_t id)
{
    struct ptr p = {.root = root};

    if (root_is_phys(c, root)) {
        return phys_unpack(c, root, id);
    } else if (root_is_handle(c, root)) {
        p.handle = id;
    } else {
        p.n = 1;
        p.t[0].id = id;
        p.t[0].scale = 1;
        /* offsets in variables are relative to the representative: the merged parts of a root keep no base */
        p.root = root_find(c, root);
        p.off = 0u - c->root[p.root].base;
    }
    return p;
}

uint32_t handle_number(struct ctx *c, struct ptr p)
{
    struct root *r = &c->root[p.root];

    if (p.handle)
        return p.handle;
    return spv_u32(&c->s, r->kind == ROOT_SAMPLER                 ? AIR_HANDLE_SAMPLER + (uint32_t)r->arg
                          : r->kind == ROOT_HANDLE && r->arg >= 0 ? c->arg[r->arg].first
                                                                  : AIR_HANDLE_NULL);
}

/* What a variable holds for a pointer: byte offset in the representative root, with a buffer's number, or a handle's. */
static uint32_t to_id(struct ctx *c, struct ptr p, bool phys)
{
    if (!phys && root_is_handle(c, p.root))
        return handle_number(c, p);
    if (phys)
        return phys_pack(c, p);
    p.off += c->root[p.root].base;
    return ptr_offset(c, &p);
}

/* Of an offset, or of an offset and a buffer's number. */
static uint32_t id_type(struct ctx *c, bool phys)
{
    return spv_type_vec(&c->s, spv_type_uint(&c->s, 32), phys ? 2 : 1);
}

/* The type of the variable that holds a pointer of this root; 0 for handles that can only be one. */
uint32_t pointer_var_type(struct ctx *c, LLVMValueRef v)
{
    struct root *r = &c->root[root_find(c, root_of(c, v))];

    if (r->kind == ROOT_NONE || (root_is_handle(c, root_of(c, v)) && !root_varies(c, root_of(c, v))))
        return 0;
    return id_type(c, r->kind == ROOT_PHYS);
}

struct ptr pointer_from_var(struct ctx *c, LLVMValueRef v, uint32_t var)
{
    uint32_t t = pointer_var_type(c, v);

    return from_id(c, root_of(c, v), spv_op(&c->s, SpvOpLoad, t, 1, var));
}

void pointer_to_var(struct ctx *c, LLVMValueRef holder, LLVMValueRef v, uint32_t var)
{
    bool phys = root_is_phys(c, root_of(c, holder));
    struct ptr p = pointer(c, v);

    if (root_is_handle(c, root_of(c, holder)))
        spv_void(&c->s, SpvOpStore, 2, var, handle_number(c, p));
    else if (c->root[root_find(c, p.root)].kind == ROOT_NONE && !phys)
        spv_void(&c->s, SpvOpStore, 2, var, spv_u32(&c->s, NULL_OFFSET));
    else
        spv_void(&c->s, SpvOpStore, 2, var, to_id(c, p, phys));
}

struct ptr pointer_select(struct ctx *c, LLVMValueRef inst, uint32_t cond, LLVMValueRef a, LLVMValueRef b)
{
    int root = root_of(c, inst);
    struct root *r = &c->root[root_find(c, root)];
    bool phys = r->kind == ROOT_PHYS;
    struct ptr pa = pointer(c, a), pb = pointer(c, b);
    bool na = c->root[root_find(c, pa.root)].kind == ROOT_NONE, nb = c->root[root_find(c, pb.root)].kind == ROOT_NONE;

    if (r->kind == ROOT_NONE || (root_is_handle(c, root) && !root_varies(c, root)))
        return na ? pb : pa;
    if (root_is_handle(c, root))
        return (struct ptr){.root = root,
                            .handle = spv_op(&c->s, SpvOpSelect, spv_type_uint(&c->s, 32), 3, cond,
                                             handle_number(c, pa), handle_number(c, pb))};
    return from_id(c, root,
                   spv_op(&c->s, SpvOpSelect, id_type(c, phys), 3, cond,
                          na && !phys ? spv_u32(&c->s, NULL_OFFSET) : to_id(c, pa, phys),
                          nb && !phys ? spv_u32(&c->s, NULL_OFFSET) : to_id(c, pb, phys)));
}

uint32_t pointer_compare_id(struct ctx *c, LLVMValueRef v, bool phys)
{
    struct ptr p = pointer(c, v);

    if (phys)
        return phys_address(c, p);
    if (c->root[root_find(c, p.root)].kind == ROOT_NONE)
        return spv_u32(&c->s, NULL_OFFSET);
    return to_id(c, p, false);
}

void set_pointer(struct ctx *c, LLVMValueRef v, struct ptr p)
{
    struct val *f = put(c, v);
    int var;

    f->p = air_alloc(c, sizeof(*f->p));
    *f->p = p;
    if (pmap_get(&c->demoted, v, &var) && var)
        spv_void(&c->s, SpvOpStore, 2, (uint32_t)var, to_id(c, p, root_is_phys(c, root_of(c, v))));
    if (pmap_get(&c->kept, v, &var) && var)
        keep(c, (uint32_t)var, pointer_var_type(c, v), to_id(c, p, root_is_phys(c, root_of(c, v))));
}

static struct ptr gep(struct ctx *c, LLVMValueRef v, unsigned depth);

static struct ptr const_pointer(struct ctx *c, LLVMValueRef v, unsigned depth)
{
    struct ptr p = {.root = root_of(c, v)};

    if (depth > AIR_LIMIT_DEPTH)
        air_fail(c, AIR_REFUSE_LIMIT, "constant expression too deep");
    if (!LLVMIsAConstantExpr(v))
        return p;
    switch (LLVMGetConstOpcode(v)) {
    case LLVMGetElementPtr:
        return gep(c, v, depth + 1);
    case LLVMIntToPtr:
        if (root_is_phys(c, p.root))
            air_fail(c, AIR_REFUSE_POINTER, "pointer made from an integer");
        return p;
    default:
        return const_pointer(c, LLVMGetOperand(v, 0), depth + 1);
    }
}

struct ptr pointer(struct ctx *c, LLVMValueRef v)
{
    struct val *f;
    uint32_t var;

    if (LLVMIsConstant(v))
        return const_pointer(c, v, 0);
    var = variable_of(c, v);
    if (var)
        return pointer_from_var(c, v, var);
    f = c->vals_cap ? slot(c, v) : NULL;
    if (f && f->key && f->p)
        return *f->p;
    if (!LLVMIsAInstruction(v))
        return (struct ptr){.root = root_of(c, v)};
    air_fail(c, AIR_REFUSE_POINTER, "use of a pointer that has no form in SPIR-V");
}

/* Address arithmetic of a GEP instruction or expression. */
static struct ptr gep(struct ctx *c, LLVMValueRef v, unsigned depth)
{
    LLVMValueRef base = LLVMGetOperand(v, 0);
    struct ptr p = LLVMIsConstant(base) ? const_pointer(c, base, depth) : pointer(c, base);
    LLVMTypeRef t = LLVMGetGEPSourceElementType(v);
    unsigned n = (unsigned)LLVMGetNumOperands(v);

    for (unsigned i = 1; i < n; i++) {
        LLVMValueRef idx = LLVMGetOperand(v, i);
        uint64_t size;

        if (i > 1) {
            if (LLVMGetTypeKind(t) == LLVMStructTypeKind) {
                unsigned k = (unsigned)LLVMConstIntGetZExtValue(idx);

                p.off += (uint32_t)LLVMOffsetOfElement(c->dl, t, k);
                t = LLVMStructGetTypeAtIndex(t, k);
                continue;
            }
            t = LLVMGetElementType(t);
        }
        size = LLVMABISizeOfType(c->dl, t);
        if (LLVMIsAConstantInt(idx)) {
            p.off += (uint32_t)((uint64_t)LLVMConstIntGetSExtValue(idx) * size);
            continue;
        }
        if (LLVMGetTypeKind(LLVMTypeOf(idx)) == LLVMVectorTypeKind)
            air_fail(c, AIR_REFUSE_POINTER, "vector of pointers");
        p = ptr_add(c, p, to_u32(c, value(c, idx), LLVMTypeOf(idx), true), (uint32_t)size);
    }
    return p;
}

struct ptr pointer_gep(struct ctx *c, LLVMValueRef v)
{
    return gep(c, v, 0);
}

/* ---- small helpers over ids ---- */

uint32_t splat(struct ctx *c, uint32_t id, uint32_t elem, unsigned n)
{
    uint32_t v[4] = {id, id, id, id};

    return n == 1 ? id : spv_opv(&c->s, SpvOpCompositeConstruct, spv_type_vec(&c->s, elem, n), v, n);
}

uint32_t extract(struct ctx *c, uint32_t id, uint32_t elem, unsigned n, unsigned i)
{
    return n == 1 ? id : spv_op(&c->s, SpvOpCompositeExtract, elem, 2, id, i);
}

uint32_t construct(struct ctx *c, uint32_t type, const uint32_t *ids, unsigned n)
{
    return n == 1 ? ids[0] : spv_opv(&c->s, SpvOpCompositeConstruct, type, ids, n);
}

uint32_t to_u32(struct ctx *c, uint32_t id, LLVMTypeRef t, bool is_signed)
{
    unsigned b = scalar_bits(c, t), n = vec_len(t);
    uint32_t v = spv_type_vec(&c->s, spv_type_uint(&c->s, 32), n);

    if (b == 1)
        return spv_op(&c->s, SpvOpSelect, v, 3, id, splat(c, spv_u32(&c->s, 1), spv_type_uint(&c->s, 32), n),
                      spv_null(&c->s, v));
    if (b == 32)
        return id;
    return spv_op(&c->s, is_signed && b < 32 ? SpvOpSConvert : SpvOpUConvert, v, 1, id);
}

uint32_t if_begin(struct ctx *c, uint32_t cond)
{
    uint32_t then = spv_label(&c->s), merge = spv_label(&c->s);

    spv_void(&c->s, SpvOpSelectionMerge, 2, merge, 0u);
    spv_void(&c->s, SpvOpBranchConditional, 3, cond, then, merge);
    spv_begin(&c->s, then);
    return merge;
}

void if_end(struct ctx *c, uint32_t merge)
{
    spv_void(&c->s, SpvOpBranch, 1, merge);
    spv_begin(&c->s, merge);
}

void guard_begin(struct ctx *c, uint32_t *merge)
{
    *merge = c->active ? if_begin(c, c->active) : 0;
}

void guard_end(struct ctx *c, uint32_t merge)
{
    if (merge)
        if_end(c, merge);
}

void loop_begin(struct ctx *c, struct loop *l, uint32_t count)
{
    struct spv *s = &c->s;
    uint32_t u32 = spv_type_uint(s, 32), test = spv_label(s);

    l->var = spv_local(s, u32);
    l->head = spv_label(s);
    l->body = spv_label(s);
    l->cont = spv_label(s);
    l->merge = spv_label(s);
    spv_void(s, SpvOpStore, 2, l->var, spv_u32(s, 0));
    spv_void(s, SpvOpBranch, 1, l->head);
    spv_begin(s, l->head);
    spv_void(s, SpvOpLoopMerge, 3, l->merge, l->cont, 0u);
    spv_void(s, SpvOpBranch, 1, test);
    spv_begin(s, test);
    l->i = spv_op(s, SpvOpLoad, u32, 1, l->var);
    spv_void(s, SpvOpBranchConditional, 3, spv_op(s, SpvOpULessThan, spv_type_bool(s), 2, l->i, count), l->body,
             l->merge);
    spv_begin(s, l->body);
}

void loop_end(struct ctx *c, struct loop *l)
{
    struct spv *s = &c->s;

    spv_void(s, SpvOpBranch, 1, l->cont);
    spv_begin(s, l->cont);
    spv_void(s, SpvOpStore, 2, l->var, spv_iadd(s, l->i, spv_u32(s, 1)));
    spv_void(s, SpvOpBranch, 1, l->head);
    spv_begin(s, l->merge);
}

uint32_t bf16_to_f32(struct ctx *c, uint32_t id, unsigned n)
{
    struct spv *s = &c->s;
    uint32_t u = spv_type_uint(s, 32), v = spv_type_vec(s, u, n);

    id = spv_op(s, SpvOpUConvert, v, 1, id);
    id = spv_op(s, SpvOpShiftLeftLogical, v, 2, id, splat(c, spv_u32(s, 16), u, n));
    return spv_op(s, SpvOpBitcast, spv_type_vec(s, spv_type_float(s, 32), n), 1, id);
}

/* Round to nearest even; NaN stays NaN. */
uint32_t f32_to_bf16(struct ctx *c, uint32_t id, unsigned n)
{
    struct spv *s = &c->s;
    uint32_t u = spv_type_uint(s, 32), v = spv_type_vec(s, u, n), b, r, nan;

    b = spv_op(s, SpvOpBitcast, v, 1, id);
    nan = spv_op(s, SpvOpIsNan, spv_type_vec(s, spv_type_bool(s), n), 1, id);
    r = spv_op(s, SpvOpShiftRightLogical, v, 2, b, splat(c, spv_u32(s, 16), u, n));
    r = spv_op(s, SpvOpBitwiseAnd, v, 2, r, splat(c, spv_u32(s, 1), u, n));
    r = spv_op(s, SpvOpIAdd, v, 2, r, splat(c, spv_u32(s, 0x7fff), u, n));
    r = spv_op(s, SpvOpIAdd, v, 2, b, r);
    r = spv_op(s, SpvOpSelect, v, 3, nan, spv_op(s, SpvOpBitwiseOr, v, 2, b, splat(c, spv_u32(s, 0x400000), u, n)), r);
    r = spv_op(s, SpvOpShiftRightLogical, v, 2, r, splat(c, spv_u32(s, 16), u, n));
    return spv_op(s, SpvOpUConvert, spv_type_vec(s, spv_type_uint(s, 16), n), 1, r);
}
