/* SPDX-License-Identifier: MIT */
/*
 * Front end: bitcode to a module with one function left, all constants known, everything inlined, loops in the shape
 * that structured control flow needs (air 4.1). Runs LLVM's passes through the C API; LLVM 19 spelling, 16 where it
 * differs.
 */
#include "ctx.h"
#include "container.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/DebugInfo.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <llvm/Config/llvm-config.h>
#include <stdlib.h>
#include <string.h>

/*
 * AIR's own layout (air 2.2) but with 32-bit indices: no buffer reaches 4 GiB, so LLVM narrows address arithmetic to
 * the width that root + offset pointers have.
 */
static const char layout[] = "e-p:64:64:64:32-p1:64:64:64:32-p2:64:64:64:32-p3:64:64:64:32-p6:64:64:64:32"
                             "-i1:8:8-i8:8:8-i16:16:16-i32:32:32-i64:64:64-f32:32:32-f64:64:64"
                             "-v16:16:16-v24:32:32-v32:32:32-v48:64:64-v64:64:64-v96:128:128-v128:128:128"
                             "-v192:256:256-v256:256:256-v512:512:512-v1024:1024:1024-n8:16:32";

/* One initialiser serves all derived constants of a source file; more than this is nobody's program. */
#define MAX_INITIALISERS 256u

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void on_diagnostic(LLVMDiagnosticInfoRef d, void *opaque)
{
    struct ctx *c = opaque;
    char *text;

    if (LLVMGetDiagInfoSeverity(d) != LLVMDSError || c->diag[0])
        return;
    text = LLVMGetDiagInfoDescription(d);
    strncpy(c->diag, text, sizeof(c->diag) - 1);
    LLVMDisposeMessage(text);
}

void front_load(struct ctx *c, const uint8_t *p, size_t len)
{
    LLVMMemoryBufferRef buf;
    char *msg = NULL;

    if (len > AIR_LIMIT_BITCODE_BYTES)
        air_fail(c, AIR_REFUSE_LIMIT, "bitcode of %zu bytes, limit %u", len, AIR_LIMIT_BITCODE_BYTES);
    if (len >= 20 && le32(p) == 0x0b17c0deu) {
        uint64_t off = le32(p + 8), size = le32(p + 12);

        if (off < 20 || off + size > len)
            air_fail(c, AIR_REFUSE_BITCODE, "wrapper points outside the module (offset %u, size %u of %zu)",
                     le32(p + 8), le32(p + 12), len);
        p += off;
        len = size;
    }
    if (len < 8 || le32(p) != 0xdec04342u)
        air_fail(c, AIR_REFUSE_BITCODE, "no bitcode magic");
    LLVMContextSetDiagnosticHandler(c->lc, on_diagnostic, c);
    buf = LLVMCreateMemoryBufferWithMemoryRangeCopy((const char *)p, len, "air");
    if (LLVMParseBitcodeInContext2(c->lc, buf, &c->m)) {
        c->m = NULL;
        LLVMDisposeMemoryBuffer(buf);
        air_fail(c, AIR_REFUSE_BITCODE, "LLVM: %s", c->diag[0] ? c->diag : "unreadable bitcode");
    }
    LLVMDisposeMemoryBuffer(buf);
    if (LLVMVerifyModule(c->m, LLVMReturnStatusAction, &msg)) {
        strncpy(c->diag, msg ? msg : "", sizeof(c->diag) - 1);
        LLVMDisposeMessage(msg);
        c->diag[strcspn(c->diag, "\n")] = 0;
        air_fail(c, AIR_REFUSE_VERIFY, "LLVM: %s", c->diag);
    }
    LLVMDisposeMessage(msg);
    LLVMStripModuleDebugInfo(c->m);
    LLVMSetTarget(c->m, "");
    LLVMSetDataLayout(c->m, layout);
    c->dl = LLVMGetModuleDataLayout(c->m);
}

/* Two numbers of the only node of @name, from operand @first on; zeros where they are missing. */
static void version_node(struct ctx *c, const char *name, unsigned first, uint16_t out[2])
{
    LLVMValueRef node, *o;
    unsigned n;
    int64_t x;

    out[0] = out[1] = 0;
    if (LLVMGetNamedMetadataNumOperands(c->m, name) != 1)
        return;
    LLVMGetNamedMetadataOperands(c->m, name, &node);
    n = md_operands(c, node, &o);
    for (unsigned i = 0; i < 2; i++) {
        if (first + i < n && md_int(o[first + i], &x) && x >= 0 && x <= UINT16_MAX)
            out[i] = (uint16_t)x;
    }
}

void front_versions(struct ctx *c, uint16_t air[2], uint16_t language[2])
{
    version_node(c, "air.version", 0, air);
    version_node(c, "air.language_version", 1, language); /* the language's name comes first */
}

/* A number given for people's convenience as an integer constant: what is out of range takes the end of the range. */
static LLVMValueRef integer(LLVMTypeRef t, double number)
{
    unsigned w = LLVMGetIntTypeWidth(t);
    uint64_t v = 0;

    if (w == 1)
        return LLVMConstInt(t, number != 0, 0);
    if (number < 0)
        v = number <= -0x1p63 ? (uint64_t)INT64_MIN : (uint64_t)(int64_t)number;
    else if (number > 0)
        v = number >= 0x1p64 ? UINT64_MAX : (uint64_t)number;
    return LLVMConstInt(t, v, 0);
}

/* The supplied value of function constant @index as the scalar type @t, or NULL. */
static LLVMValueRef supplied(struct ctx *c, uint32_t index, LLVMTypeRef t)
{
    for (uint32_t i = 0; i < c->opt->constant_count; i++) {
        const struct air_constant *k = &c->opt->constant[i];
        unsigned n = vec_len(t), bytes;
        LLVMTypeRef e = elem_type(t);
        LLVMValueRef v[16];

        if (k->index != index)
            continue;
        if (n > 16 || (LLVMGetTypeKind(e) != LLVMIntegerTypeKind && LLVMGetTypeKind(e) != LLVMFloatTypeKind &&
                       LLVMGetTypeKind(e) != LLVMHalfTypeKind))
            air_fail(c, AIR_REFUSE_OPTIONS, "function constant %u: unsupported type", index);
        bytes = (unsigned)LLVMABISizeOfType(c->dl, e);
        for (unsigned j = 0; j < n; j++) {
            uint64_t bits = 0;

            if (!k->bytes) {
                v[j] = LLVMGetTypeKind(e) == LLVMIntegerTypeKind ? integer(e, k->number) : LLVMConstReal(e, k->number);
                continue;
            }
            if ((j + 1) * bytes > k->bytes || bytes > 8)
                air_fail(c, AIR_REFUSE_OPTIONS, "function constant %u: %u bytes given, type needs more", index,
                         k->bytes);
            memcpy(&bits, k->raw + j * bytes, bytes);
            if (LLVMGetTypeKind(e) == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(e) == 1)
                bits = bits != 0; /* a byte in memory */
            v[j] = LLVMGetTypeKind(e) == LLVMIntegerTypeKind
                       ? LLVMConstInt(e, bits, 0)
                       : LLVMConstBitCast(LLVMConstInt(LLVMIntTypeInContext(c->lc, bytes * 8), bits, 0), e);
        }
        return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMConstVector(v, n) : v[0];
    }
    return NULL;
}

static bool is_supplied(struct ctx *c, uint32_t index)
{
    for (uint32_t i = 0; i < c->opt->constant_count; i++) {
        if (c->opt->constant[i].index == index)
            return true;
    }
    return false;
}

/* Value of a function-constant global or predicate after front_specialise(); false when it is not a plain constant. */
bool front_constant_value(struct ctx *c, LLVMValueRef g, uint64_t *out)
{
    LLVMValueRef init;

    *out = 0;
    if (!g)
        return false;
    if (LLVMIsAConstantInt(g)) {
        *out = LLVMConstIntGetZExtValue(g);
        return true;
    }
    if (!LLVMIsAGlobalVariable(g))
        return false;
    init = LLVMGetInitializer(g);
    if (init && LLVMIsAConstantInt(init)) {
        *out = LLVMConstIntGetZExtValue(init);
        return true;
    }
    return init && (LLVMIsNull(init) || LLVMIsUndef(init));
}

/* The initialiser's name holds the index as MTL_FC_INIT_<index>_<type> (air 2.12). */
static bool index_from_name(const char *name, uint32_t *index)
{
    const char *p = strstr(name, "MTL_FC_INIT_");
    char *end;

    if (!p)
        return false;
    *index = (uint32_t)strtoul(p + 12, &end, 10);
    return end != p + 12;
}

/* AIR 1.x has no initialiser, and the index in the library's CNST tag alone (air 2.12). */
static bool index_from_container(struct ctx *c, const char *name, uint32_t *index)
{
    struct metallib_constant k;

    for (uint32_t i = 0; c->container && name && metallib_constant(c->container, i, &k) == METALLIB_OK; i++) {
        if (strcmp(k.name, name))
            continue;
        *index = k.index;
        return true;
    }
    return false;
}

/*
 * Put values in the place of function constants (air 2.12). Each initialiser global becomes a constant; the static
 * initialisers that derive other constants from them are called first thing in the entry.
 */
void front_specialise(struct ctx *c)
{
    LLVMValueRef *ops = NULL;
    unsigned n = LLVMGetNamedMetadataNumOperands(c->m, "air.function_constants");
    LLVMValueRef ctors = LLVMGetNamedGlobal(c->m, "llvm.global_ctors");

    if (n > 4096)
        air_fail(c, AIR_REFUSE_LIMIT, "%u function constants", n);
    if (n) {
        ops = air_alloc(c, n * sizeof(*ops));
        LLVMGetNamedMetadataOperands(c->m, "air.function_constants", ops);
        c->fc = air_alloc(c, n * sizeof(*c->fc));
        c->fc_name = air_alloc(c, n * sizeof(*c->fc_name));
        c->fc_type = air_alloc(c, n * sizeof(*c->fc_type));
    }
    for (unsigned i = 0; i < n; i++) {
        LLVMValueRef *o, v;
        unsigned k = md_operands(c, ops[i], &o);
        struct air_reflect_constant *fc = &c->fc[c->nfc];
        int64_t x = 0;

        if (k < 3 || !o[0] || !LLVMIsAGlobalVariable(o[0]))
            continue; /* the optimiser of the producer may have dropped the global: nothing depends on it then */
        c->fc_type[c->nfc] = md_string(c, o[1]);
        c->fc_name[c->nfc] = md_string(c, o[2]);
        fc->index = UINT32_MAX;
        if (k > 3 && md_int(o[3], &x))
            fc->index = (uint32_t)x;
        else if (!index_from_name(LLVMGetValueName(o[0]), &fc->index) &&
                 !index_from_container(c, c->fc_name[c->nfc], &fc->index))
            fc->index = i; /* a loose module of AIR 1.x: only the order is left */
        fc->flags = k > 4 && md_int(o[4], &x) && x ? 1 : 0;
        v = supplied(c, fc->index, LLVMGlobalGetValueType(o[0]));
        if (v)
            fc->flags |= 2;
        LLVMSetInitializer(o[0], v ? v : LLVMConstNull(LLVMGlobalGetValueType(o[0])));
        LLVMSetExternallyInitialized(o[0], 0);
        LLVMSetGlobalConstant(o[0], 1);
        LLVMSetLinkage(o[0], LLVMInternalLinkage);
        c->nfc++;
    }
    for (LLVMValueRef f = LLVMGetFirstFunction(c->m), next; f; f = next) {
        const char *name = LLVMGetValueName(f);

        next = LLVMGetNextFunction(f);
        if (strncmp(name, "air.is_function_constant_defined", 32) &&
            strncmp(name, "air.function_constant_predicate", 31) &&
            strncmp(name, "air.normalize_function_constant_predicate", 41))
            continue;
        for (LLVMUseRef u = LLVMGetFirstUse(f); u;) {
            LLVMValueRef call = LLVMGetUser(u), a, k = NULL;
            uint64_t bits = 0;

            u = LLVMGetNextUse(u);
            if (!LLVMIsACallInst(call) || LLVMGetNumArgOperands(call) < 1)
                continue;
            a = LLVMGetOperand(call, 0);
            if (!strncmp(name, "air.is_", 7)) {
                for (unsigned i = 0; i < c->nfc; i++) {
                    uint32_t idx;

                    if (LLVMIsAGlobalVariable(a) && index_from_name(LLVMGetValueName(a), &idx) && idx == c->fc[i].index)
                        bits = is_supplied(c, idx);
                }
                if (LLVMIsAConstantInt(a))
                    bits = is_supplied(c, (uint32_t)LLVMConstIntGetZExtValue(a));
                k = LLVMConstInt(LLVMTypeOf(call), bits, 0);
            } else if (is_pointer(a)) {
                (void)front_constant_value(c, a, &bits); /* unknown: predicate false */
                k = LLVMConstInt(LLVMTypeOf(call), bits, 0);
            } else if (LLVMTypeOf(a) == LLVMTypeOf(call)) {
                k = a;
            }
            if (k && LLVMGetTypeKind(LLVMTypeOf(call)) == LLVMIntegerTypeKind) {
                LLVMReplaceAllUsesWith(call, k);
                LLVMInstructionEraseFromParent(call);
            }
        }
    }
    if (ctors && LLVMGetInitializer(ctors)) {
        LLVMValueRef list = LLVMGetInitializer(ctors);
        unsigned k = LLVMGetTypeKind(LLVMTypeOf(list)) == LLVMArrayTypeKind ? LLVMGetArrayLength(LLVMTypeOf(list)) : 0;
        LLVMBuilderRef b = LLVMCreateBuilderInContext(c->lc);
        const char *bad = NULL;

        LLVMPositionBuilderBefore(b, LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(c->fn)));
        for (unsigned i = 0; i < k && i < MAX_INITIALISERS; i++) {
            LLVMValueRef e = LLVMGetAggregateElement(list, i), f = e ? LLVMGetAggregateElement(e, 1) : NULL;

            /* no element: the list is empty; no function: its place is kept, as linkers do */
            if (!e || !f || LLVMIsNull(f))
                continue;
            if (!LLVMIsAFunction(f) || LLVMIsDeclaration(f) || LLVMCountParams(f))
                bad = "is no function without parameters";
            else
                LLVMBuildCall2(b, LLVMGlobalGetValueType(f), f, NULL, 0, "");
        }
        if (k > MAX_INITIALISERS)
            bad = "is one of too many";
        LLVMDisposeBuilder(b);
        if (bad)
            air_fail(c, AIR_REFUSE_STATIC_INIT, "an initialiser of function constants %s", bad);
        LLVMDeleteGlobal(ctors);
    }
    /* What the initialisers write is ordinary memory until the optimiser has forwarded it. */
    for (LLVMValueRef g = LLVMGetFirstGlobal(c->m); g; g = LLVMGetNextGlobal(g)) {
        LLVMValueRef init = LLVMGetInitializer(g);

        if (init && LLVMIsUndef(init) && LLVMGetPointerAddressSpace(LLVMTypeOf(g)) == 2)
            LLVMSetInitializer(g, LLVMConstNull(LLVMGlobalGetValueType(g)));
    }
}

static void run(struct ctx *c, const char *passes)
{
    LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
    LLVMErrorRef e = LLVMRunPasses(c->m, passes, NULL, o);

    LLVMDisposePassBuilderOptions(o);
    if (e) {
        char *msg = LLVMGetErrorMessage(e);

        strncpy(c->diag, msg, sizeof(c->diag) - 1);
        LLVMDisposeErrorMessage(msg);
        air_fail(c, AIR_REFUSE_INSTRUCTION, "LLVM passes: %s", c->diag);
    }
}

#if LLVM_VERSION_MAJOR >= 17
#define COMBINE "instcombine<no-verify-fixpoint>"
#define SWITCH  "lower-switch"
#else
#define COMBINE "instcombine"
#define SWITCH  "lowerswitch"
#endif
#define UNROLL "function(loop-simplify,lcssa,loop(loop-rotate,loop-unroll-full))"

static void count_limits(struct ctx *c)
{
    unsigned blocks = 0, insts = 0;

    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
        blocks++;
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i))
            insts++;
    }
    if (blocks > AIR_LIMIT_BLOCKS || insts > AIR_LIMIT_INSTRUCTIONS)
        air_fail(c, AIR_REFUSE_LIMIT, "%u blocks and %u instructions, limits %u and %u", blocks, insts,
                 AIR_LIMIT_BLOCKS, AIR_LIMIT_INSTRUCTIONS);
}

/* A function's number of instructions with all its calls inlined; in the map -1 while its calls are counted. */
static unsigned inlined_size(struct ctx *c, struct pmap *sizes, LLVMValueRef f, unsigned depth)
{
    unsigned n = 0;
    int known;

    if (pmap_get(sizes, f, &known)) {
        if (known < 0)
            air_fail(c, AIR_REFUSE_RECURSION, "call of %.100s cannot be inlined", LLVMGetValueName(f));
        return (unsigned)known;
    }
    if (depth > AIR_LIMIT_DEPTH)
        air_fail(c, AIR_REFUSE_LIMIT, "calls nested deeper than %u", AIR_LIMIT_DEPTH);
    pmap_put(c, sizes, f, -1);
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b; b = LLVMGetNextBasicBlock(b)) {
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
            LLVMValueRef callee = LLVMIsACallInst(i) ? LLVMGetCalledValue(i) : NULL;

            n++;
            if (callee && LLVMIsAFunction(callee) && !LLVMIsDeclaration(callee))
                n += inlined_size(c, sizes, callee, depth + 1);
            if (n > AIR_LIMIT_INLINED)
                air_fail(c, AIR_REFUSE_LIMIT, "inlining makes more than %u instructions of %.100s", AIR_LIMIT_INLINED,
                         LLVMGetValueName(f));
        }
    }
    pmap_put(c, sizes, f, (int)n);
    return n;
}

/* Inlining makes a product of call counts: a kilobyte with two calls in each of 20 functions becomes millions. */
static void bound_inlining(struct ctx *c)
{
    struct pmap sizes = {0};
    unsigned n = 0;

    for (LLVMValueRef f = LLVMGetFirstFunction(c->m); f; f = LLVMGetNextFunction(f)) {
        if (LLVMIsDeclaration(f))
            continue;
        n += inlined_size(c, &sizes, f, 0);
        if (n > AIR_LIMIT_INLINED)
            air_fail(c, AIR_REFUSE_LIMIT, "inlining makes more than %u instructions", AIR_LIMIT_INLINED);
    }
}

void front_optimise(struct ctx *c)
{
    unsigned inl = LLVMGetEnumAttributeKindForName("alwaysinline", 12);
    unsigned noinl = LLVMGetEnumAttributeKindForName("noinline", 8);
    unsigned optnone = LLVMGetEnumAttributeKindForName("optnone", 7);
    LLVMValueRef g;

    /* Lists that only keep things alive (air 2.11). */
    if ((g = LLVMGetNamedGlobal(c->m, "llvm.used")))
        LLVMDeleteGlobal(g);
    if ((g = LLVMGetNamedGlobal(c->m, "llvm.compiler.used")))
        LLVMDeleteGlobal(g);
    for (LLVMValueRef f = LLVMGetFirstFunction(c->m); f; f = LLVMGetNextFunction(f)) {
        LLVMRemoveEnumAttributeAtIndex(f, LLVMAttributeFunctionIndex, noinl);
        LLVMRemoveEnumAttributeAtIndex(f, LLVMAttributeFunctionIndex, optnone);
        LLVMSetSection(f, "");
        if (LLVMIsDeclaration(f))
            continue;
        if (f == c->fn) {
            LLVMSetLinkage(f, LLVMExternalLinkage);
            continue;
        }
        LLVMSetLinkage(f, LLVMInternalLinkage);
        LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(c->lc, inl, 0));
    }
    run(c, "globaldce"); /* what nothing calls is not worth counting */
    bound_inlining(c);
    run(c, "always-inline,globaldce,function(sroa,early-cse),globalopt,"
           "function(" COMBINE ",simplifycfg,early-cse<memssa>)");
    count_limits(c);
    if (front_choose_loops(c, false)) {
        run(c, UNROLL ",function(sroa,early-cse,simplifycfg)");
        count_limits(c);
        /* A loop over an array may be short enough when the loops within are values; pointers in memory cost most. */
        if (front_choose_loops(c, true))
            run(c, "function(" COMBINE ",simplifycfg)," UNROLL ",function(sroa,early-cse,simplifycfg)");
        run(c, "function(early-cse<memssa>," COMBINE ",simplifycfg)");
    }
    run(c, "function(adce),globaldce");
    count_limits(c);
    run(c, "function(mergereturn," SWITCH ",fix-irreducible,unify-loop-exits,loop-simplify,structurizecfg,dce)");
    if (c->opt->simd_width && c->opt->simd_width < 32) /* uniform.c: values leave a loop by the phis of its exit */
        run(c, "function(lcssa)");
    count_limits(c);
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
            LLVMValueRef f = LLVMIsACallInst(i) ? LLVMGetCalledValue(i) : NULL;

            if (f && LLVMIsAFunction(f) && !LLVMIsDeclaration(f))
                air_fail(c, AIR_REFUSE_RECURSION, "call of %.100s cannot be inlined", LLVMGetValueName(f));
        }
    }
}
