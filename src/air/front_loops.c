/* SPDX-License-Identifier: MIT */
/*
 * Which loops to unroll. LLVM's full unrolling makes constants of the indices into private arrays, so that these become
 * values (air 4.1); but it unrolls every loop with a small constant trip count, which the device's driver does again
 * as it sees fit. Worth it here are only loops whose counters index private arrays that can become values then,
 * tables of constants, and elements of vectors; the others stay loops, and the SPIR-V stays short.
 *
 * The C interface has no loop information, so loops are found here: natural loops of the edges that lead back in a
 * walk through the blocks. A wrong guess costs or saves an unrolling and no more.
 */
#include "ctx.h"

#include <llvm-c/DebugInfo.h>
#include <string.h>

#define MAX_STEPS   64 /* instructions that one index or pointer is followed through; a longer one counts as unknown */
#define MAX_HEADERS 8  /* loops that one index may depend on, likewise */

struct graph {
    LLVMBasicBlockRef *block;
    int n;
    int *succ, *succ_at; /* of block i: succ[succ_at[i]] .. succ[succ_at[i + 1] - 1] */
    int *pred, *pred_at;
    bool *back; /* of the edge at succ[i]: leads back to the header of a loop */
    bool *header;
    bool *counted; /* of a header: an exit of its loop depends on constants and counters alone */
    bool *unroll;  /* of a header */
    struct pmap number;
};

/* What an index is made of: the headers of the loops whose counters it depends on. */
struct origin {
    bool known; /* of nothing but constants and counters */
    int header[MAX_HEADERS];
    unsigned n;
};

static int block_of(const struct graph *g, LLVMValueRef inst)
{
    int b = -1;

    pmap_get(&g->number, LLVMGetInstructionParent(inst), &b);
    return b;
}

static bool is_arithmetic(LLVMValueRef v)
{
    return LLVMIsABinaryOperator(v) || LLVMIsACastInst(v) || LLVMIsAICmpInst(v) || LLVMIsASelectInst(v) ||
           LLVMIsAFreezeInst(v);
}

static void add_header(struct origin *o, int b)
{
    for (unsigned i = 0; i < o->n; i++) {
        if (o->header[i] == b)
            return;
    }
    if (o->n == MAX_HEADERS)
        o->known = false;
    else
        o->header[o->n++] = b;
}

static struct origin origin_of(const struct graph *g, LLVMValueRef v)
{
    struct origin o = {.known = true};
    LLVMValueRef seen[MAX_STEPS];
    unsigned n = 0;

    seen[n++] = v;
    for (unsigned at = 0; at < n && o.known; at++) {
        bool phi = LLVMIsAPHINode(seen[at]);

        if (LLVMIsAConstant(seen[at]))
            continue;
        if (phi) {
            int b = block_of(g, seen[at]);

            if (b >= 0 && g->header[b])
                add_header(&o, b);
        } else if (!is_arithmetic(seen[at])) {
            o.known = false;
        }
        for (unsigned k = 0; o.known && k < (unsigned)LLVMGetNumOperands(seen[at]); k++) {
            LLVMValueRef x = LLVMGetOperand(seen[at], k);
            unsigned i = 0;

            while (i < n && seen[i] != x)
                i++;
            if (i < n)
                continue;
            if (n == MAX_STEPS)
                o.known = false;
            else
                seen[n++] = x;
        }
    }
    return o;
}

/* Unrolling the loops of @o makes the index a constant. */
static bool becomes_constant(const struct graph *g, const struct origin *o)
{
    for (unsigned i = 0; i < o->n; i++) {
        if (!g->counted[o->header[i]])
            return false;
    }
    return o->known;
}

static void want(struct graph *g, LLVMValueRef index)
{
    struct origin o = origin_of(g, index);

    for (unsigned i = 0; becomes_constant(g, &o) && i < o.n; i++)
        g->unroll[o.header[i]] = true;
}

static LLVMValueRef base_of(LLVMValueRef pointer)
{
    for (unsigned i = 0; i < MAX_STEPS && (LLVMIsAGetElementPtrInst(pointer) || LLVMIsAAddrSpaceCastInst(pointer)); i++)
        pointer = LLVMGetOperand(pointer, 0);
    return pointer;
}

/* Every index into the array, and into @pointer within it, becomes a constant, so that its elements become values. */
static bool array_goes(const struct graph *g, LLVMValueRef pointer, unsigned depth)
{
    for (LLVMUseRef u = LLVMGetFirstUse(pointer); u; u = LLVMGetNextUse(u)) {
        LLVMValueRef i = LLVMGetUser(u);

        if (!LLVMIsAGetElementPtrInst(i))
            continue;
        for (unsigned k = 1; k < (unsigned)LLVMGetNumOperands(i); k++) {
            struct origin o = origin_of(g, LLVMGetOperand(i, k));

            if (!becomes_constant(g, &o))
                return false;
        }
        if (depth == AIR_LIMIT_DEPTH || !array_goes(g, i, depth + 1))
            return false;
    }
    return true;
}

static bool holds_pointers(LLVMTypeRef t, unsigned depth)
{
    if (depth == AIR_LIMIT_DEPTH)
        return false;
    if (LLVMGetTypeKind(t) == LLVMArrayTypeKind)
        return holds_pointers(LLVMGetElementType(t), depth + 1);
    if (LLVMGetTypeKind(t) == LLVMStructTypeKind) {
        for (unsigned i = 0; i < LLVMCountStructElementTypes(t); i++) {
            if (holds_pointers(LLVMStructGetTypeAtIndex(t, i), depth + 1))
                return true;
        }
    }
    return LLVMGetTypeKind(t) == LLVMPointerTypeKind;
}

/* Indexing memory at @base is worth the unrolling of a loop. */
static bool worth_indexing(struct ctx *c, const struct graph *g, struct pmap *arrays, LLVMValueRef base, bool pointers)
{
    int goes;

    if (!LLVMIsAAllocaInst(base))
        return !pointers && (LLVMIsAConstant(base) || LLVMGetPointerAddressSpace(LLVMTypeOf(base)) == 0);
    if (!pmap_get(arrays, base, &goes)) {
        goes = (!pointers || holds_pointers(LLVMGetAllocatedType(base), 0)) && array_goes(g, base, 0);
        pmap_put(c, arrays, base, goes);
    }
    return goes;
}

static void choose(struct ctx *c, struct graph *g, bool pointers)
{
    struct pmap arrays = {0};

    for (int b = 0; b < g->n; b++) {
        for (LLVMValueRef i = LLVMGetFirstInstruction(g->block[b]); i; i = LLVMGetNextInstruction(i)) {
            LLVMOpcode op = LLVMGetInstructionOpcode(i);

            if (op == LLVMGetElementPtr && worth_indexing(c, g, &arrays, base_of(i), pointers)) {
                for (unsigned k = 1; k < (unsigned)LLVMGetNumOperands(i); k++)
                    want(g, LLVMGetOperand(i, k));
            } else if (!pointers && (op == LLVMExtractElement || op == LLVMInsertElement)) {
                want(g, LLVMGetOperand(i, op == LLVMExtractElement ? 1 : 2));
            } else if (op == LLVMPHI && g->header[b] && LLVMGetTypeKind(LLVMTypeOf(i)) == LLVMPointerTypeKind &&
                       LLVMGetPointerAddressSpace(LLVMTypeOf(i)) == 0) {
                g->unroll[b] = true; /* a pointer that steps through a private array */
            }
        }
    }
}

static void make_graph(struct ctx *c, struct graph *g)
{
    int edges = 0;

    memset(g, 0, sizeof(*g));
    g->block = air_alloc(c, LLVMCountBasicBlocks(c->fn) * sizeof(LLVMBasicBlockRef));
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
        pmap_put(c, &g->number, b, g->n);
        g->block[g->n++] = b;
        edges += (int)LLVMGetNumSuccessors(LLVMGetBasicBlockTerminator(b));
    }
    g->succ = air_alloc(c, (size_t)edges * sizeof(int));
    g->pred = air_alloc(c, (size_t)edges * sizeof(int));
    g->succ_at = air_alloc(c, ((size_t)g->n + 1) * sizeof(int));
    g->pred_at = air_alloc(c, ((size_t)g->n + 2) * sizeof(int));
    g->back = air_alloc(c, (size_t)edges);
    g->header = air_alloc(c, (size_t)g->n);
    g->counted = air_alloc(c, (size_t)g->n);
    g->unroll = air_alloc(c, (size_t)g->n);
    for (int b = 0, at = 0; b < g->n; b++) {
        LLVMValueRef t = LLVMGetBasicBlockTerminator(g->block[b]);

        for (unsigned k = 0; k < LLVMGetNumSuccessors(t); k++) {
            pmap_get(&g->number, LLVMGetSuccessor(t, k), &g->succ[at]);
            g->pred_at[g->succ[at++] + 2]++;
        }
        g->succ_at[b + 1] = at;
    }
    for (int b = 0; b < g->n; b++)
        g->pred_at[b + 2] += g->pred_at[b + 1];
    for (int b = 0; b < g->n; b++) {
        for (int k = g->succ_at[b]; k < g->succ_at[b + 1]; k++)
            g->pred[g->pred_at[g->succ[k] + 1]++] = b;
    }
}

/* The edges that lead back to a block the walk is still in. */
static void find_back_edges(struct ctx *c, struct graph *g)
{
    enum { UNSEEN, OPEN, DONE };
    uint8_t *state = air_alloc(c, (size_t)g->n);
    int *stack = air_alloc(c, (size_t)g->n * sizeof(int)), *next = air_alloc(c, (size_t)g->n * sizeof(int)), depth = 0;

    memcpy(next, g->succ_at, (size_t)g->n * sizeof(int));
    stack[depth++] = 0;
    state[0] = OPEN;
    while (depth) {
        int b = stack[depth - 1];

        if (next[b] == g->succ_at[b + 1]) {
            state[b] = DONE;
            depth--;
            continue;
        }
        int k = next[b]++, s = g->succ[k];

        if (state[s] == UNSEEN) {
            state[s] = OPEN;
            stack[depth++] = s;
        } else {
            g->back[k] = state[s] == OPEN;
            g->header[s] |= g->back[k];
        }
    }
}

static LLVMMetadataRef not_to_unroll(struct ctx *c)
{
    /* A loop's name is a node whose first operand is itself. */
    LLVMMetadataRef self = LLVMTemporaryMDNode(c->lc, NULL, 0), say, ops[2], node;

    say = LLVMMDStringInContext2(c->lc, "llvm.loop.unroll.disable", 24);
    ops[0] = self;
    ops[1] = LLVMMDNodeInContext2(c->lc, &say, 1);
    node = LLVMMDNodeInContext2(c->lc, ops, 2);
    LLVMMetadataReplaceAllUsesWith(self, node);
    return node;
}

/* Which loops have a trip count that is a constant, as far as it is seen here. */
static void find_counted(struct ctx *c, struct graph *g)
{
    int *inside = air_alloc(c, (size_t)g->n * sizeof(int)); /* [b] == h: block b is in the loop of header h */
    int *stack = air_alloc(c, (size_t)g->n * sizeof(int));

    memset(inside, 0xff, (size_t)g->n * sizeof(int));
    for (int h = 0; h < g->n; h++) {
        int n = 0;

        if (!g->header[h])
            continue;
        inside[h] = h;
        stack[n++] = h;
        for (int at = 0; at < n; at++) {
            int b = stack[at];

            for (int k = g->pred_at[b]; k < g->pred_at[b + 1]; k++) {
                int p = g->pred[k];
                bool enters = b == h;

                for (int e = g->succ_at[p]; e < g->succ_at[p + 1]; e++)
                    enters &= !(g->succ[e] == h && g->back[e]);
                if (enters || inside[p] == h)
                    continue;
                inside[p] = h;
                stack[n++] = p;
            }
        }
        for (int at = 0; at < n && !g->counted[h]; at++) {
            LLVMValueRef t = LLVMGetBasicBlockTerminator(g->block[stack[at]]);
            bool leaves = false;

            for (int e = g->succ_at[stack[at]]; e < g->succ_at[stack[at] + 1]; e++)
                leaves |= inside[g->succ[e]] != h;
            g->counted[h] =
                leaves && LLVMIsABranchInst(t) && LLVMIsConditional(t) && origin_of(g, LLVMGetCondition(t)).known;
        }
    }
}

bool front_choose_loops(struct ctx *c, bool pointers)
{
    struct graph g;
    unsigned kind = LLVMGetMDKindIDInContext(c->lc, "llvm.loop", 9);
    bool any = false;

    make_graph(c, &g);
    find_back_edges(c, &g);
    find_counted(c, &g);
    choose(c, &g, pointers);
    for (int h = 0; h < g.n; h++) {
        LLVMValueRef name = NULL;

        any |= g.unroll[h];
        if (!g.header[h] || g.unroll[h])
            continue;
        for (int k = g.pred_at[h]; k < g.pred_at[h + 1]; k++) {
            for (int e = g.succ_at[g.pred[k]]; e < g.succ_at[g.pred[k] + 1]; e++) {
                if (g.succ[e] != h || !g.back[e])
                    continue;
                if (!name)
                    name = LLVMMetadataAsValue(c->lc, not_to_unroll(c));
                LLVMSetMetadata(LLVMGetBasicBlockTerminator(g.block[g.pred[k]]), kind, name);
            }
        }
    }
    return any;
}
