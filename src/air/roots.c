/* SPDX-License-Identifier: MIT */
/*
 * Where pointers point (air 4.4): each pointer value gets one static root. Locals, threadgroup variables and constant
 * tables that one pointer may reach are merged into one variable; buffers that meet become 64-bit addresses. Also finds
 * the smallest unit in which each root is accessed, which decides the element type of its variable.
 */
#include "ctx.h"

#include <string.h>

bool is_pointer(LLVMValueRef v)
{
    return LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMPointerTypeKind;
}

static int root_new(struct ctx *c, enum root_kind kind, LLVMValueRef v)
{
    struct root *r;

    if (c->nroot == (int)AIR_LIMIT_ROOTS)
        air_fail(c, AIR_REFUSE_LIMIT, "more than %u variables", AIR_LIMIT_ROOTS);
    if (c->nroot == c->root_cap) {
        int cap = c->root_cap ? c->root_cap * 2 : 64;
        struct root *n = air_alloc(c, (size_t)cap * sizeof(*n));

        if (c->nroot)
            memcpy(n, c->root, (size_t)c->nroot * sizeof(*n));
        c->root = n;
        c->root_cap = cap;
    }
    r = &c->root[c->nroot];
    memset(r, 0, sizeof(*r));
    r->kind = kind;
    r->parent = c->nroot;
    r->value = v;
    r->arg = -1;
    r->content = -1;
    r->unit = 4;
    return c->nroot++;
}

int root_find(struct ctx *c, int r)
{
    while (c->root[r].parent != r)
        r = c->root[r].parent;
    return r;
}

bool root_is_handle(struct ctx *c, int r)
{
    enum root_kind k = c->root[root_find(c, r)].kind;

    return k == ROOT_HANDLE || k == ROOT_SAMPLER;
}

bool root_varies(struct ctx *c, int r)
{
    unsigned n = 0;
    int rep = root_find(c, r);

    for (int i = 0; i < c->nroot; i++) {
        if (root_find(c, i) == rep)
            n += c->root[i].kind == ROOT_HANDLE && c->root[i].arg >= 0 ? c->arg[c->root[i].arg].r.count : 1;
    }
    return n > 1;
}

int root_phys(struct ctx *c)
{
    return 1; /* made second in roots_build() */
}

/* The root of a pointer that may be @a or @b. */
static int merge(struct ctx *c, int a, int b)
{
    struct root *ra, *rb;
    int x = root_find(c, a), y = root_find(c, b), content;

    if (x == y)
        return a;
    ra = &c->root[x];
    rb = &c->root[y];
    if (ra->kind == ROOT_NONE)
        return b;
    if (rb->kind == ROOT_NONE)
        return a;
    if (ra->kind == rb->kind && (ra->kind == ROOT_LOCAL || ra->kind == ROOT_SHARED || ra->kind == ROOT_CONST)) {
        if (ra->kind == ROOT_SHARED && (ra->arg >= 0 || rb->arg >= 0))
            air_fail(c, AIR_REFUSE_POINTER, "pointer into two threadgroup arguments");
        if ((uint64_t)ra->bytes + rb->bytes + 15 > AIR_LIMIT_TABLE_BYTES)
            air_fail(c, AIR_REFUSE_LIMIT, "pointer into variables of more than %u bytes", AIR_LIMIT_TABLE_BYTES);
        rb->parent = x;
        content = rb->content;
        if (content >= 0) /* what either memory holds may come out of both */
            ra->content = ra->content < 0 ? content : merge(c, ra->content, content);
        /* Members of the absorbed class keep their place behind the absorbing one; 16 keeps every alignment. */
        ra->bytes = (ra->bytes + 15u) & ~15u;
        for (int i = 0; i < c->nroot; i++) {
            if (i != x && root_find(c, i) == x && (i == y || c->root[i].parent == y)) {
                c->root[i].base += ra->bytes;
                c->root[i].parent = x;
            }
        }
        ra->bytes += rb->bytes;
        return a;
    }
    if (root_is_handle(c, x) && root_is_handle(c, y)) {
        rb->parent = x;
        return a;
    }
    if ((ra->kind == ROOT_BUFFER || ra->kind == ROOT_PHYS) && (rb->kind == ROOT_BUFFER || rb->kind == ROOT_PHYS))
        return root_phys(c);
    air_fail(c, AIR_REFUSE_POINTER, "pointer into memory of two kinds");
}

static int sampler_root(struct ctx *c, LLVMValueRef v, int number)
{
    int r = root_new(c, ROOT_SAMPLER, v);

    c->root[r].arg = number;
    return r;
}

/* Constexpr samplers that a table holds pointers to (air 2.13): what a load from it may give. */
static void table_content(struct ctx *c, int root, LLVMValueRef v, unsigned depth)
{
    LLVMTypeRef t = LLVMTypeOf(v);
    LLVMTypeKind k = LLVMGetTypeKind(t);
    unsigned n = k == LLVMArrayTypeKind    ? LLVMGetArrayLength(t)
                 : k == LLVMStructTypeKind ? LLVMCountStructElementTypes(t)
                                           : 0;
    int number, r;

    if (k == LLVMPointerTypeKind && (number = sampler_number(c, v)) >= 0) {
        r = sampler_root(c, v, number);
        c->root[root].content = c->root[root].content < 0 ? r : merge(c, c->root[root].content, r);
        return;
    }
    if (k == LLVMArrayTypeKind && LLVMGetTypeKind(LLVMGetElementType(t)) != LLVMPointerTypeKind &&
        LLVMGetTypeKind(LLVMGetElementType(t)) != LLVMStructTypeKind &&
        LLVMGetTypeKind(LLVMGetElementType(t)) != LLVMArrayTypeKind)
        return; /* plain numbers, possibly many */
    if (!LLVMABISizeOfType(c->dl, t))
        return; /* any number of nothing */
    for (unsigned i = 0; i < n && depth < 4; i++) {
        LLVMValueRef e = LLVMGetAggregateElement(v, i);

        if (e)
            table_content(c, root, e, depth + 1);
    }
}

static int global_root(struct ctx *c, LLVMValueRef g)
{
    unsigned as = LLVMGetPointerAddressSpace(LLVMTypeOf(g));
    LLVMTypeRef t = LLVMGlobalGetValueType(g);
    int r;

    if (pmap_get(&c->roots, g, &r))
        return r;
    if (as == 3)
        r = root_new(c, ROOT_SHARED, g);
    else if (LLVMIsGlobalConstant(g) || as == 2)
        r = root_new(c, LLVMIsGlobalConstant(g) ? ROOT_CONST : ROOT_LOCAL, g);
    else
        air_fail(c, AIR_REFUSE_POINTER, "global in address space %u", as);
    if (!LLVMTypeIsSized(t))
        air_fail(c, AIR_REFUSE_POINTER, "global of unknown size");
    c->root[r].bytes = (uint32_t)LLVMABISizeOfType(c->dl, t);
    if (LLVMABISizeOfType(c->dl, t) > AIR_LIMIT_TABLE_BYTES)
        air_fail(c, AIR_REFUSE_LIMIT, "global of %llu bytes", LLVMABISizeOfType(c->dl, t));
    pmap_put(c, &c->roots, g, r);
    if (c->root[r].kind == ROOT_CONST && LLVMGetInitializer(g))
        table_content(c, r, LLVMGetInitializer(g), 0);
    return r;
}

/* Constants: globals and expressions over them. */
static int const_root(struct ctx *c, LLVMValueRef v, unsigned depth)
{
    if (depth > AIR_LIMIT_DEPTH)
        air_fail(c, AIR_REFUSE_LIMIT, "constant expression too deep");
    if (LLVMIsAGlobalVariable(v))
        return global_root(c, v);
    if (LLVMIsAConstantPointerNull(v) || LLVMIsUndef(v))
        return 0;
    if (LLVMIsAConstantExpr(v)) {
        switch (LLVMGetConstOpcode(v)) {
        case LLVMGetElementPtr:
        case LLVMBitCast:
        case LLVMAddrSpaceCast:
            return const_root(c, LLVMGetOperand(v, 0), depth + 1);
        case LLVMIntToPtr: {
            int n;

            if (LLVMGetPointerAddressSpace(LLVMTypeOf(v)) == 2 && (n = sampler_number(c, v)) >= 0) {
                int r = sampler_root(c, v, n);

                pmap_put(c, &c->roots, v, r);
                return r;
            }
            return root_phys(c);
        }
        default:
            break;
        }
    }
    air_fail(c, AIR_REFUSE_POINTER, "pointer constant of unknown form");
}

static int lookup(struct ctx *c, LLVMValueRef v)
{
    int r;

    if (pmap_get(&c->roots, v, &r))
        return r;
    if (LLVMIsConstant(v))
        return const_root(c, v, 0);
    return -1; /* not visited yet */
}

int root_of(struct ctx *c, LLVMValueRef v)
{
    int r = lookup(c, v);

    return r < 0 ? 0 : r;
}

static int handle_root(struct ctx *c, int arg)
{
    int r = root_new(c, ROOT_HANDLE, NULL);

    c->root[r].arg = arg;
    return r;
}

/*
 * A pointer loaded from memory: a handle out of an array argument, or out of private memory or a table that holds
 * handles; else an address. -1: nothing is known to be stored there yet.
 */
static int loaded_root(struct ctx *c, LLVMValueRef i, bool last)
{
    int from = lookup(c, LLVMGetOperand(i, 0));
    unsigned as = LLVMGetPointerAddressSpace(LLVMTypeOf(i));
    struct root *r;

    if (from < 0)
        return -1;
    r = &c->root[root_find(c, from)];
    if (r->kind == ROOT_HANDLE)
        return from;
    if (r->content >= 0 && (r->kind == ROOT_LOCAL || r->kind == ROOT_CONST))
        return r->content;
    if (r->kind == ROOT_LOCAL && !last)
        return -1;
    if (as == 1 || as == 2)
        return root_phys(c);
    air_fail(c, AIR_REFUSE_POINTER, "pointer to address space %u made from data", as);
}

/* Pointers put into private memory, one by one or by a copy of the memory. True when something new is known. */
static bool note_content(struct ctx *c, LLVMValueRef i)
{
    LLVMOpcode op = LLVMGetInstructionOpcode(i);
    LLVMValueRef f = op == LLVMCall ? LLVMGetCalledValue(i) : NULL, v = NULL;
    const char *name = f && LLVMIsAFunction(f) ? LLVMGetValueName(f) : "";
    int to, what = -1, old;
    struct root *r;

    if (op == LLVMStore) {
        v = LLVMGetOperand(i, 0);
        to = lookup(c, LLVMGetOperand(i, 1));
        for (unsigned k = 0; !is_pointer(v) && k < c->narg; k++) {
            if (c->arg[k].value == v && !c->arg[k].is_io && !c->arg[k].absent)
                what = c->arg[k].root; /* an array argument as a whole */
        }
        if (is_pointer(v))
            what = lookup(c, v);
        else if (what <= 0)
            return false;
    } else if (!strncmp(name, "llvm.memcpy", 11) || !strncmp(name, "llvm.memmove", 12)) {
        to = lookup(c, LLVMGetOperand(i, 0));
        what = lookup(c, LLVMGetOperand(i, 1));
        if (what >= 0)
            what = c->root[root_find(c, what)].content;
    } else {
        return false;
    }
    if (to < 0 || what < 0 || c->root[root_find(c, what)].kind == ROOT_NONE)
        return false;
    r = &c->root[root_find(c, to)];
    if (r->kind != ROOT_LOCAL)
        return false;
    if (!root_is_handle(c, what))
        what = root_phys(c); /* memory holds addresses */
    old = r->content;
    if (old >= 0 && root_find(c, old) == root_find(c, what))
        return false;
    r->content = old < 0 ? what : merge(c, old, what);
    return true;
}

/* Constexpr samplers that are chosen between: their globals are handles, not tables. @seen: what was looked at. */
static void mark_samplers(struct ctx *c, struct pmap *seen, LLVMValueRef v, unsigned depth)
{
    int n;

    if (depth > AIR_LIMIT_DEPTH || pmap_get(seen, v, &n))
        return;
    pmap_put(c, seen, v, 1);
    if (LLVMIsAGlobalVariable(v)) {
        if (!pmap_get(&c->roots, v, &n) && (n = sampler_number(c, v)) >= 0)
            pmap_put(c, &c->roots, v, sampler_root(c, v, n));
    } else if (LLVMIsAPHINode(v)) {
        for (unsigned k = 0; k < LLVMCountIncoming(v); k++)
            mark_samplers(c, seen, LLVMGetIncomingValue(v, k), depth + 1);
    } else if (LLVMIsAInstruction(v) && LLVMGetInstructionOpcode(v) == LLVMSelect) {
        mark_samplers(c, seen, LLVMGetOperand(v, 1), depth + 1);
        mark_samplers(c, seen, LLVMGetOperand(v, 2), depth + 1);
    }
}

static int inst_root(struct ctx *c, LLVMValueRef i, bool last)
{
    int r = -1, a;

    switch (LLVMGetInstructionOpcode(i)) {
    case LLVMGetElementPtr:
    case LLVMBitCast:
    case LLVMAddrSpaceCast:
    case LLVMFreeze:
        return lookup(c, LLVMGetOperand(i, 0));
    case LLVMPHI:
        for (unsigned k = 0; k < LLVMCountIncoming(i); k++) {
            a = lookup(c, LLVMGetIncomingValue(i, k));
            r = r < 0 ? a : a < 0 ? r : merge(c, r, a);
        }
        return r;
    case LLVMSelect:
        r = lookup(c, LLVMGetOperand(i, 1));
        a = lookup(c, LLVMGetOperand(i, 2));
        return r < 0 ? a : a < 0 ? r : merge(c, r, a);
    case LLVMAlloca: {
        LLVMTypeRef t = LLVMGetAllocatedType(i);
        LLVMValueRef n = LLVMGetOperand(i, 0);
        uint64_t bytes;

        if (!LLVMTypeIsSized(t) || !LLVMIsAConstantInt(n))
            air_fail(c, AIR_REFUSE_POINTER, "alloca of unknown size");
        bytes = LLVMABISizeOfType(c->dl, t);
        if (bytes > AIR_LIMIT_LOCAL_BYTES || LLVMConstIntGetZExtValue(n) > AIR_LIMIT_LOCAL_BYTES ||
            bytes * LLVMConstIntGetZExtValue(n) > AIR_LIMIT_LOCAL_BYTES)
            air_fail(c, AIR_REFUSE_LIMIT, "private array over %u bytes", AIR_LIMIT_LOCAL_BYTES);
        r = root_new(c, ROOT_LOCAL, i);
        c->root[r].bytes = (uint32_t)(bytes * LLVMConstIntGetZExtValue(n));
        return r;
    }
    case LLVMLoad:
        return loaded_root(c, i, last);
    case LLVMIntToPtr:
        if (LLVMGetPointerAddressSpace(LLVMTypeOf(i)) == 1 || LLVMGetPointerAddressSpace(LLVMTypeOf(i)) == 2)
            return root_phys(c);
        air_fail(c, AIR_REFUSE_POINTER, "pointer to address space %u made from data",
                 LLVMGetPointerAddressSpace(LLVMTypeOf(i)));
    case LLVMCall:
        return handle_root(c, -1); /* air.get_null_*, air.get_read_sampler */
    case LLVMExtractValue: {
        LLVMValueRef agg = LLVMGetOperand(i, 0);

        for (unsigned k = 0; k < c->narg; k++) {
            if (c->arg[k].value == agg && !c->arg[k].is_io)
                return handle_root(c, (int)k);
        }
        air_fail(c, AIR_REFUSE_POINTER, "pointer inside an aggregate value");
    }
    default:
        air_fail(c, AIR_REFUSE_POINTER, "pointer made by an unknown instruction");
    }
}

static unsigned low_bit(uint64_t x, unsigned max)
{
    return x && (x & -x) < max ? (unsigned)(x & -x) : max;
}

static void note_unit(struct ctx *c, LLVMValueRef p, unsigned unit, bool write)
{
    struct root *r = &c->root[root_find(c, root_of(c, p))];

    if (unit < r->unit)
        r->unit = unit;
    if (write)
        r->written = true;
    else
        r->read = true;
}

static void note_type(struct ctx *c, LLVMValueRef p, LLVMTypeRef t, unsigned align, bool write)
{
    type_bound(c, t);
    switch (LLVMGetTypeKind(t)) {
    case LLVMStructTypeKind:
        for (unsigned i = 0; i < LLVMCountStructElementTypes(t); i++)
            note_type(c, p, LLVMStructGetTypeAtIndex(t, i),
                      low_bit(LLVMOffsetOfElement(c->dl, t, i), align ? align : 1), write);
        break;
    case LLVMArrayTypeKind:
        note_type(c, p, LLVMGetElementType(t), low_bit(LLVMABISizeOfType(c->dl, LLVMGetElementType(t)), align), write);
        break;
    default:
        note_unit(c, p, low_bit(LLVMStoreSizeOfType(c->dl, t), low_bit(align, 4)), write);
    }
}

bool air_coherent(const char *name)
{
    const char *p = !strncmp(name, "air.load.", 9) ? name + 9 : !strncmp(name, "air.store.", 10) ? name + 10 : "";

    return !strncmp(p, "device_coherent.", 16) || !strncmp(p, "system_coherent.", 16);
}

static void note_call(struct ctx *c, LLVMValueRef i)
{
    LLVMValueRef f = LLVMGetCalledValue(i);
    const char *n = LLVMIsAFunction(f) ? LLVMGetValueName(f) : "";
    unsigned k = LLVMGetNumArgOperands(i);
    LLVMValueRef a0 = k ? LLVMGetOperand(i, 0) : NULL;

    if (!strncmp(n, "llvm.memcpy", 11) || !strncmp(n, "llvm.memmove", 12)) {
        LLVMValueRef a1 = LLVMGetOperand(i, 1), len = LLVMGetOperand(i, 2);
        unsigned u = low_bit(param_align(i, 1), low_bit(param_align(i, 2), 4));

        u = LLVMIsAConstantInt(len) ? low_bit(LLVMConstIntGetZExtValue(len), u) : 1;
        note_unit(c, a0, u ? u : 1, true);
        note_unit(c, a1, u ? u : 1, false);
    } else if (!strncmp(n, "llvm.memset", 11)) {
        LLVMValueRef len = LLVMGetOperand(i, 2);
        unsigned u = low_bit(param_align(i, 1), 4);

        note_unit(c, a0, LLVMIsAConstantInt(len) ? low_bit(LLVMConstIntGetZExtValue(len), u ? u : 1) : 1, true);
    } else if (!strncmp(n, "air.atomic.", 11) && a0 && is_pointer(a0)) {
        struct root *r = &c->root[root_find(c, root_of(c, a0))];

        r->atomic = true;
        r->written = r->read = true;
        if (strstr(n, "cmpxchg"))
            note_unit(c, LLVMGetOperand(i, 1), 4, true);
    } else if (air_coherent(n) && a0 && is_pointer(a0)) {
        bool store = n[4] == 's';
        LLVMTypeRef t = store && k > 1 ? LLVMTypeOf(LLVMGetOperand(i, 1)) : LLVMTypeOf(i);

        c->root[root_find(c, root_of(c, a0))].coherent = true;
        if (LLVMTypeIsSized(t))
            note_type(c, a0, t, (unsigned)LLVMABISizeOfType(c->dl, elem_type(t)), store);
    } else if (!strncmp(n, "air.simdgroup_matrix", 20)) {
        bool store = strstr(n, "_store") != NULL;
        unsigned p = store ? 1 : 0;

        if (k > p && is_pointer(LLVMGetOperand(i, p))) {
            const char *t = strrchr(n, '.');

            note_unit(c, LLVMGetOperand(i, p), t && strstr(t, "f32") ? 4 : 2, store);
        }
    } else {
        for (unsigned j = 0; j < k; j++) {
            LLVMValueRef a = LLVMGetOperand(i, j);

            if (is_pointer(a) && LLVMGetPointerAddressSpace(LLVMTypeOf(a)) == 0) /* sincos, frexp, cmpxchg textures */
                note_unit(c, a, strstr(n, "f16") || strstr(n, "i16") ? 2 : 4, true);
        }
    }
}

static void note_access(struct ctx *c, LLVMValueRef i)
{
    switch (LLVMGetInstructionOpcode(i)) {
    case LLVMLoad:
        note_type(c, LLVMGetOperand(i, 0), LLVMTypeOf(i), LLVMGetAlignment(i), false);
        break;
    case LLVMStore:
        note_type(c, LLVMGetOperand(i, 1), LLVMTypeOf(LLVMGetOperand(i, 0)), LLVMGetAlignment(i), true);
        break;
    case LLVMCall:
        note_call(c, i);
        break;
    default:
        break;
    }
}

void roots_build(struct ctx *c)
{
    bool changed = true, last = false;
    uint32_t first = 0;
    struct pmap seen = {0};

    (void)root_new(c, ROOT_NONE, NULL);
    (void)root_new(c, ROOT_PHYS, NULL);
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
            if (texture_call(i))
                mark_samplers(c, &seen, LLVMGetOperand(i, 1), 0);
        }
    }
    for (unsigned i = 0; i < c->narg; i++) {
        struct arg *a = &c->arg[i];
        int r = 0;

        a->first = first;
        first += a->is_io ? 0 : a->r.count;
        if ((a->kind == AIR_KIND_TEXTURE || a->kind == AIR_KIND_SAMPLER) && !a->absent && !is_pointer(a->value))
            a->root = handle_root(c, (int)i); /* an array by value */
        if (a->is_io || !is_pointer(a->value))
            continue;
        if (a->absent) {
            pmap_put(c, &c->roots, a->value, 0);
            continue;
        }
        switch (a->kind) {
        case AIR_KIND_BUFFER:
        case AIR_KIND_INDIRECT_BUFFER:
            r = root_new(c, a->r.space == 3 ? ROOT_SHARED : ROOT_BUFFER, a->value);
            c->root[r].arg = (int)i;
            a->root = r;
            if (a->r.space != 3 && c->opt->flags & AIR_OPT_FORCE_PHYSICAL)
                r = root_phys(c); /* iface_load_inputs() gives it its address */
            pmap_put(c, &c->roots, a->value, r);
            continue;
        case AIR_KIND_PAYLOAD:
            r = root_new(c, ROOT_PAYLOAD, a->value);
            c->root[r].arg = (int)i;
            c->root[r].bytes = a->r.type_bytes ? a->r.type_bytes : a->r.bytes;
            break;
        default:
            r = handle_root(c, (int)i);
        }
        a->root = r;
        pmap_put(c, &c->roots, a->value, r);
    }
    for (unsigned i = 0; i < LLVMCountParams(c->fn); i++) {
        LLVMValueRef p = LLVMGetParam(c->fn, i);
        int r;

        if (is_pointer(p) && !pmap_get(&c->roots, p, &r))
            pmap_put(c, &c->roots, p, 0);
    }
    for (unsigned pass = 0; changed || !last; pass++) {
        last = last || !changed; /* once more: what nobody stored handles to holds addresses */
        changed = false;
        if (pass > 64)
            air_fail(c, AIR_REFUSE_LIMIT, "pointer analysis does not settle");
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
            for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
                int old = -1, r;
                bool known;

                changed |= note_content(c, i);
                if (!is_pointer(i))
                    continue;
                known = pmap_get(&c->roots, i, &old);
                if (known && LLVMGetInstructionOpcode(i) != LLVMPHI && LLVMGetInstructionOpcode(i) != LLVMSelect &&
                    LLVMGetInstructionOpcode(i) != LLVMGetElementPtr && LLVMGetInstructionOpcode(i) != LLVMBitCast &&
                    LLVMGetInstructionOpcode(i) != LLVMFreeze)
                    continue;
                r = inst_root(c, i, last);
                if (r < 0 || (known && root_find(c, r) == root_find(c, old)))
                    continue;
                if (known && c->root[root_find(c, old)].kind == ROOT_PHYS)
                    continue;
                pmap_put(c, &c->roots, i, r);
                changed = true;
            }
        }
    }
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i))
            note_access(c, i);
    }
    for (int i = 0; i < c->nroot; i++) {
        struct root *r = &c->root[i];

        /* Without narrow integers a shared array of them would take four times the place: words, accessed in part. */
        if (r->parent == i && (r->kind == ROOT_SHARED || r->kind == ROOT_PAYLOAD) &&
            (r->atomic || (r->unit < 4 && !(c->opt->caps & (r->unit == 1 ? AIR_CAP_INT8 : AIR_CAP_INT16)))))
            r->unit = 4;
    }
}
