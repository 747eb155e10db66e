/* SPDX-License-Identifier: MIT */
/*
 * Uniformity over the workgroup (decision 26): which values and blocks differ between threads, for SIMD-group
 * operations that are emulated with barriers, and for barriers in dispatcher form.
 *
 * Structured form: a conditional part that holds such an operation is made a straight line that every thread walks, its
 * side effects predicated; a loop that holds one and that threads leave at different turns goes on for all of them
 * until the last has left, those before it walking along without effect. Dispatcher form: threads meet at a block only
 * if they come to it in the same turn of the loop. What lies between a branch where they part and its post-dominator is
 * therefore run within one turn, by a loop of its own; an operation that needs all of them in there is refused.
 */
#include "ctx.h"

#include <string.h>

static bool divergent_builtin(enum air_kind k)
{
    switch (k) {
    case AIR_KIND_THREAD_POSITION_IN_GRID:
    case AIR_KIND_THREAD_POSITION_IN_THREADGROUP:
    case AIR_KIND_THREAD_INDEX_IN_THREADGROUP:
    case AIR_KIND_THREAD_INDEX_IN_SIMDGROUP:
    case AIR_KIND_SIMDGROUP_INDEX_IN_THREADGROUP:
    case AIR_KIND_THREAD_INDEX_IN_QUADGROUP:
    case AIR_KIND_QUADGROUP_INDEX_IN_THREADGROUP:
        return true;
    default:
        return false;
    }
}

static bool mark(struct ctx *c, const void *v)
{
    int x;

    if (pmap_get(&c->divergent, v, &x))
        return false;
    pmap_put(c, &c->divergent, v, 1);
    return true;
}

static bool is_div(struct ctx *c, const void *v)
{
    int x;

    return pmap_get(&c->divergent, v, &x);
}

static bool inst_divergent(struct ctx *c, LLVMValueRef i)
{
    LLVMOpcode op = LLVMGetInstructionOpcode(i);
    int n = LLVMGetNumOperands(i);

    if (op == LLVMAlloca)
        return true; /* private memory */
    if (op == LLVMLoad) {
        enum root_kind k = c->root[root_find(c, root_of(c, LLVMGetOperand(i, 0)))].kind;

        return k == ROOT_LOCAL || is_div(c, LLVMGetOperand(i, 0));
    }
    if (op == LLVMCall) {
        LLVMValueRef f = LLVMGetCalledValue(i);
        const char *name = LLVMIsAFunction(f) ? LLVMGetValueName(f) : "";

        if (!strncmp(name, "air.simd", 8) || !strncmp(name, "air.quad", 8) || !strncmp(name, "air.atomic", 10))
            return true;
        n = (int)LLVMGetNumArgOperands(i);
    }
    for (int k = 0; k < n; k++) {
        LLVMValueRef o = LLVMGetOperand(i, (unsigned)k);

        if (!LLVMValueIsBasicBlock(o) && is_div(c, o))
            return true;
    }
    return false;
}

/* The same computation in two places: what both sides of a branch recompute is no difference between them. */
static bool same_value(struct ctx *c, LLVMValueRef a, LLVMValueRef b, unsigned depth)
{
    LLVMOpcode op;

    if (a == b || LLVMIsUndef(a) || LLVMIsUndef(b))
        return true;
    if (!depth || !LLVMIsAInstruction(a) || !LLVMIsAInstruction(b) || LLVMTypeOf(a) != LLVMTypeOf(b) ||
        LLVMIsAPHINode(a) || LLVMIsACallInst(a))
        return false;
    op = LLVMGetInstructionOpcode(a);
    if (op != LLVMGetInstructionOpcode(b) || LLVMGetNumOperands(a) != LLVMGetNumOperands(b))
        return false;
    if (op == LLVMICmp && LLVMGetICmpPredicate(a) != LLVMGetICmpPredicate(b))
        return false;
    if (op == LLVMFCmp && LLVMGetFCmpPredicate(a) != LLVMGetFCmpPredicate(b))
        return false;
    if (op == LLVMGetElementPtr && LLVMGetGEPSourceElementType(a) != LLVMGetGEPSourceElementType(b))
        return false;
    if (op == LLVMShuffleVector || op == LLVMExtractValue || op == LLVMInsertValue || op == LLVMAlloca)
        return false; /* have more than operands */
    if (op == LLVMLoad && (LLVMGetPointerAddressSpace(LLVMTypeOf(LLVMGetOperand(a, 0))) != 2 ||
                           c->root[root_find(c, root_of(c, LLVMGetOperand(a, 0)))].written))
        return false;
    for (int k = 0; k < LLVMGetNumOperands(a); k++) {
        if (!same_value(c, LLVMGetOperand(a, (unsigned)k), LLVMGetOperand(b, (unsigned)k), depth - 1))
            return false;
    }
    return true;
}

/* A phi of one value and undef is that value: the structurizer makes many of them. */
static LLVMValueRef strip(LLVMValueRef v)
{
    for (unsigned depth = 0; depth < 8 && LLVMIsAInstruction(v) && LLVMIsAPHINode(v); depth++) {
        LLVMValueRef one = NULL;

        for (unsigned k = 0; k < LLVMCountIncoming(v); k++) {
            LLVMValueRef x = LLVMGetIncomingValue(v, k);

            if (LLVMIsUndef(x) || x == v || x == one)
                continue;
            if (one)
                return v;
            one = x;
        }
        if (!one)
            return v;
        v = one;
    }
    return v;
}

/*
 * Is @phi the same for all threads, whatever way they have come? With @walked_by_all every thread comes by each way
 * that gives it a value; else one that comes by a way without a value has another than the rest, which counts as soon
 * as it walks through what is not its own.
 */
static bool phi_agrees(struct ctx *c, LLVMValueRef phi, bool walked_by_all)
{
    LLVMValueRef first = NULL;
    bool none = false;

    for (unsigned k = 0; k < LLVMCountIncoming(phi); k++) {
        LLVMValueRef in = LLVMGetIncomingValue(phi, k), v = strip(in);

        none = none || LLVMIsUndef(in);
        if (LLVMIsUndef(v) || v == phi)
            continue;
        if (is_div(c, in) || is_div(c, v) || (first && !same_value(c, first, v, 6)))
            return false;
        first = v;
    }
    return walked_by_all || c->dispatcher || !none || !first;
}

/* Values merged at @u depend on the way taken. */
static bool mark_phis(struct ctx *c, int u, bool walked_by_all)
{
    bool changed = false;

    for (LLVMValueRef i = LLVMGetFirstInstruction(c->node[u].bb); i && LLVMIsAPHINode(i);
         i = LLVMGetNextInstruction(i)) {
        if (!phi_agrees(c, i, walked_by_all))
            changed |= mark(c, i);
    }
    return changed;
}

/* Everything between a divergent branch and its post-dominator runs divergently. */
static bool spread(struct ctx *c, int b)
{
    int *stack = air_alloc(c, (size_t)(c->nnode * 2 + 4) * sizeof(int)), sp = 0, stop = c->node[b].ipdom;
    bool *seen = air_alloc(c, (size_t)c->nnode), changed = false;

    for (int k = 0; k < c->node[b].nsucc; k++)
        stack[sp++] = c->node[b].succ[k];
    while (sp) {
        int u = stack[--sp];
        struct node *d = &c->node[u];

        if (u == stop) {
            changed |= mark_phis(c, u, false);
            continue;
        }
        if (seen[u])
            continue;
        seen[u] = true;
        if (!d->divergent) {
            d->divergent = true;
            changed = true;
        }
        for (LLVMValueRef i = LLVMGetFirstInstruction(d->bb); i; i = LLVMGetNextInstruction(i)) {
            if (LLVMIsAPHINode(i)) {
                if (!phi_agrees(c, i, false))
                    changed |= mark(c, i);
                continue;
            }
            /* used after a loop that threads leave at different times */
            for (LLVMUseRef use = LLVMGetFirstUse(i); use && u <= c->nnode; use = LLVMGetNextUse(use)) {
                LLVMValueRef usr = LLVMGetUser(use);
                int ub;

                if (LLVMIsAInstruction(usr) && pmap_get(&c->blocks, LLVMGetInstructionParent(usr), &ub) &&
                    !c->node[ub].divergent)
                    changed |= mark(c, i);
            }
        }
        for (int k = 0; k < d->nsucc; k++)
            stack[sp++] = d->succ[k];
    }
    return changed;
}

static bool simd_call(LLVMValueRef i)
{
    LLVMValueRef f = LLVMIsACallInst(i) ? LLVMGetCalledValue(i) : NULL;
    const char *n = f && LLVMIsAFunction(f) ? LLVMGetValueName(f) : "";

    return (!strncmp(n, "air.simd_", 9) || !strncmp(n, "air.quad_", 9) || !strncmp(n, "air.simdgroup.barrier", 21) ||
            !strncmp(n, "air.wg.barrier", 14) || strstr(n, "multiply"));
}

/* Nodes of the conditional part of branch @b: from @from to its post-dominator. Count, or 0 when it leaves it. */
static int part_of(struct ctx *c, int b, int from, int *list)
{
    int n = 0, stop = c->node[b].ipdom;
    bool *seen = air_alloc(c, (size_t)c->nnode);

    list[n++] = from;
    seen[from] = true;
    for (int i = 0; i < n; i++) {
        struct node *d = &c->node[list[i]];

        for (int k = 0; k < d->nsucc; k++) {
            int s = d->succ[k];

            if (s == b)
                return 0;
            if (s != stop && !seen[s]) {
                seen[s] = true;
                list[n++] = s;
            }
        }
        if (!d->nsucc)
            return 0;
    }
    return n;
}

static bool holds_simd_call(struct ctx *c, const int *list, int n)
{
    for (int i = 0; i < n; i++) {
        for (LLVMValueRef x = LLVMGetFirstInstruction(c->node[list[i]].bb); x; x = LLVMGetNextInstruction(x)) {
            if (simd_call(x))
                return true;
        }
    }
    return false;
}

static bool stores_to_threadgroup(LLVMBasicBlockRef bb)
{
    for (LLVMValueRef x = bb ? LLVMGetFirstInstruction(bb) : NULL; x; x = LLVMGetNextInstruction(x)) {
        if (LLVMIsAStoreInst(x) && LLVMGetPointerAddressSpace(LLVMTypeOf(LLVMGetOperand(x, 1))) == 3)
            return true;
    }
    return false;
}

/* May some lanes store in there what others have loaded before: is there a branch, and such a store? */
static bool holds_parted_store(struct ctx *c, const int *list, int n)
{
    bool branch = false, store = false;

    for (int i = 0; i < n; i++) {
        branch = branch || c->node[list[i]].nsucc == 2;
        store = store || stores_to_threadgroup(c->node[list[i]].bb);
    }
    return branch && store;
}

/*
 * May every thread walk through the conditional part of @b? It must be an if without else, hold an operation that needs
 * everybody or a store that must wait for the other lanes (cfg_parts_to_store), and come to an end.
 */
static bool try_linear(struct ctx *c, int b)
{
    struct node *d = &c->node[b];
    int *list = air_alloc(c, (size_t)(c->nnode + 1) * sizeof(int)), n, from;

    if (d->ipdom < 0 || (d->succ[0] != d->ipdom && d->succ[1] != d->ipdom))
        return false;
    from = d->succ[0] == d->ipdom ? d->succ[1] : d->succ[0];
    n = part_of(c, b, from, list);
    for (int i = 0; i < n; i++) {
        if (c->node[list[i]].ipdom < 0)
            return false; /* an endless loop */
    }
    return holds_simd_call(c, list, n) || holds_parted_store(c, list, n);
}

/* Header of the loop that ends with branch @b, -1 when it ends none; @exit: where it leads from there. */
static int header_of(struct ctx *c, int b, int *exit)
{
    struct node *d = &c->node[b];

    for (int k = 0; k < 2 && d->nsucc == 2; k++) {
        if (c->node[d->succ[k]].order <= d->order) {
            *exit = d->succ[1 - k];
            return d->succ[k];
        }
    }
    return -1;
}

/* Nodes of the loop with header @h, whose one way out and one way back is branch @b. Count, 0: it has others. */
static int loop_of(struct ctx *c, int h, int b, int *list)
{
    bool *seen = air_alloc(c, (size_t)c->nnode);
    int n = 0;

    list[n++] = h;
    seen[h] = true;
    for (int i = 0; i < n; i++) {
        struct node *d = &c->node[list[i]];

        if (list[i] == b)
            continue;
        if (!d->nsucc || d->ipdom < 0)
            return 0;
        for (int k = 0; k < d->nsucc; k++) {
            int s = d->succ[k];

            if (s == h || c->node[s].order < c->node[h].order)
                return 0;
            if (!seen[s]) {
                seen[s] = true;
                list[n++] = s;
            }
        }
    }
    return seen[b] ? n : 0;
}

/* Does what lies behind the loop take values from it through the phis of its exit alone? */
static bool leaves_by_phis(struct ctx *c, int b, int exit, const int *list, int n)
{
    bool *in = air_alloc(c, (size_t)c->nnode);

    for (int i = 0; i < n; i++)
        in[list[i]] = true;
    for (int i = 0; i < n; i++) {
        for (LLVMValueRef x = LLVMGetFirstInstruction(c->node[list[i]].bb); x; x = LLVMGetNextInstruction(x)) {
            for (LLVMUseRef use = LLVMGetFirstUse(x); use; use = LLVMGetNextUse(use)) {
                LLVMValueRef usr = LLVMGetUser(use);
                int ub = -1;

                if (!LLVMIsAInstruction(usr) || !pmap_get(&c->blocks, LLVMGetInstructionParent(usr), &ub) || in[ub])
                    continue;
                if (ub != exit || !LLVMIsAPHINode(usr))
                    return false;
                for (unsigned k = 0; k < LLVMCountIncoming(usr); k++) {
                    if (LLVMGetIncomingValue(usr, k) == x && LLVMGetIncomingBlock(usr, k) != c->node[b].bb)
                        return false;
                }
            }
        }
    }
    return true;
}

/* May every thread stay in the loop that ends with @b until the last one leaves? Then it is made one of these. */
static bool make_turns(struct ctx *c, int b, bool *changed)
{
    int *list = air_alloc(c, (size_t)(c->nnode + 1) * sizeof(int)), exit = -1, h = header_of(c, b, &exit), n, from;

    if (h < 0)
        return false;
    n = loop_of(c, h, b, list);
    if (!holds_simd_call(c, list, n) || !leaves_by_phis(c, b, exit, list, n))
        return false;
    for (LLVMValueRef i = LLVMGetFirstInstruction(c->node[exit].bb); i && LLVMIsAPHINode(i);
         i = LLVMGetNextInstruction(i)) {
        for (unsigned k = 0; k < LLVMCountIncoming(i); k++) {
            LLVMValueRef v = LLVMGetIncomingValue(i, k);

            if (!LLVMIsAInstruction(v) || !pmap_get(&c->blocks, LLVMGetInstructionParent(v), &from))
                continue;
            for (int j = 0; j < n; j++) { /* of the turn in which a thread has left */
                if (list[j] == from)
                    *changed |= mark(c, i);
            }
        }
    }
    c->node[b].turns = true;
    c->node[h].heads = b;
    return true;
}

int cfg_scope_above(struct ctx *c, int scope)
{
    return c->node[scope].turns ? c->node[scope].outer : c->node[scope].pred_of;
}

/* Turn the branches found into straight lines, and tell each node which predicate it runs under. */
void cfg_make_linear(struct ctx *c)
{
    int *list = air_alloc(c, (size_t)(c->nnode + 1) * sizeof(int)), n, from;

    for (int k = 0; k < c->nrpo; k++) { /* outer ones come first */
        int b = c->rpo[k];
        struct node *d = &c->node[b];

        if (d->heads >= 0) {
            c->node[d->heads].outer = d->pred_of;
            n = loop_of(c, b, d->heads, list);
            for (int i = 0; i < n; i++)
                c->node[list[i]].pred_of = d->heads;
        }
        if (!d->linear)
            continue;
        d->linear_false = d->succ[0] == d->ipdom;
        from = d->linear_false ? d->succ[1] : d->succ[0];
        n = part_of(c, b, from, list);
        for (int i = 0; i < n; i++)
            c->node[list[i]].pred_of = b;
    }
    for (int k = 0; k < c->nrpo; k++) {
        struct node *d = &c->node[c->rpo[k]];

        if (d->linear) {
            d->succ[0] = d->linear_false ? d->succ[1] : d->succ[0];
            d->nsucc = 1;
        }
    }
}

void cfg_uniform(struct ctx *c)
{
    bool changed = true;

    memset(&c->divergent, 0, sizeof(c->divergent));
    for (unsigned i = 0; i < c->narg; i++) {
        if (divergent_builtin(c->arg[i].kind))
            mark(c, c->arg[i].value);
    }
    cfg_post_dominators(c);
    while (changed) {
        changed = false;
        for (int k = 0; k < c->nrpo; k++) {
            struct node *d = &c->node[c->rpo[k]];

            for (LLVMValueRef i = LLVMGetFirstInstruction(d->bb); i; i = LLVMGetNextInstruction(i)) {
                if (!is_div(c, i) && inst_divergent(c, i))
                    changed |= mark(c, i);
            }
            if (d->nsucc != 2 || !is_div(c, d->cond))
                continue;
            if (!c->dispatcher && try_linear(c, c->rpo[k])) {
                d->linear = true;
                changed |= mark_phis(c, d->ipdom, true);
                continue;
            }
            if (!c->dispatcher && make_turns(c, c->rpo[k], &changed))
                continue;
            changed |= spread(c, c->rpo[k]);
        }
    }
}

bool cfg_value_divergent(struct ctx *c, LLVMValueRef v)
{
    return is_div(c, v);
}

bool cfg_is_divergent(struct ctx *c, LLVMValueRef inst)
{
    int b = 0;

    return !pmap_get(&c->blocks, LLVMGetInstructionParent(inst), &b) || c->node[b].divergent;
}

/* ---- dispatcher form ---- */

/* Must the threads of a workgroup be together for it? */
static bool needs_all(LLVMValueRef i)
{
    LLVMValueRef f = LLVMIsACallInst(i) ? LLVMGetCalledValue(i) : NULL;
    const char *n = f && LLVMIsAFunction(f) ? LLVMGetValueName(f) : "";

    return !strncmp(n, "air.simd", 8) || !strncmp(n, "air.quad", 8) || !strncmp(n, "air.wg.barrier", 14);
}

static bool node_needs_all(struct ctx *c, int u)
{
    for (LLVMValueRef x = LLVMGetFirstInstruction(c->node[u].bb); x; x = LLVMGetNextInstruction(x)) {
        if (needs_all(x))
            return true;
    }
    return false;
}

/* Nodes that a way from @b reaches before its post-dominator, @b itself where it leads back; @seen is stamped with it.
 */
static int region_of(struct ctx *c, int b, int *list, int *seen)
{
    int n = 0, stop = c->node[b].ipdom;

    for (int i = -1; i < n; i++) {
        struct node *d = &c->node[i < 0 ? b : list[i]];

        for (int k = 0; k < d->nsucc; k++) {
            int v = d->succ[k];

            if (v == stop || seen[v] == b)
                continue;
            seen[v] = b;
            list[n++] = v;
        }
    }
    return n;
}

/* Does a node of the region of @b have a predecessor that is neither in it nor @b? */
static bool entered(struct ctx *c, int b)
{
    for (int k = 0; k < c->nrpo; k++) {
        struct node *d = &c->node[c->rpo[k]];

        for (int j = 0; j < d->nsucc && d->region != b && c->rpo[k] != b; j++) {
            if (c->node[d->succ[j]].region == b)
                return true;
        }
    }
    return false;
}

/*
 * Lanes of a SIMD group run in step: what one of them stores in a part of its own is not there yet for what the others
 * have loaded before it (guests count on that without a barrier). Does branch @b of all threads lead to such a store?
 */
bool cfg_parts_to_store(struct ctx *c, int b)
{
    struct node *d = &c->node[b];
    int n;

    if (d->nsucc != 2 || d->divergent || d->linear || d->turns || d->ipdom < 0 || !is_div(c, d->cond))
        return false;
    if (!c->walk.list) {
        c->walk.list = air_alloc(c, (size_t)c->nnode * sizeof(int));
        c->walk.seen = air_alloc(c, (size_t)c->nnode * sizeof(int));
        for (int i = 0; i < c->nnode; i++)
            c->walk.seen[i] = -1;
    }
    n = region_of(c, b, c->walk.list, c->walk.seen);
    for (int i = 0; i < n; i++) {
        if (stores_to_threadgroup(c->node[c->walk.list[i]].bb))
            return true;
    }
    return false;
}

static bool make_regions(struct ctx *c)
{
    int *list = air_alloc(c, (size_t)c->nnode * sizeof(int)), *seen = air_alloc(c, (size_t)c->nnode * sizeof(int));
    int *size = air_alloc(c, (size_t)c->nnode * sizeof(int)), b;

    for (int i = 0; i < c->nnode; i++)
        seen[i] = -1;
    for (int k = 0; k < c->nrpo; k++) {
        struct node *d = &c->node[b = c->rpo[k]];

        if (d->many)
            return false;
        if (d->nsucc != 2 || !is_div(c, d->cond))
            continue;
        if (d->ipdom < 0)
            return false;
        size[b] = region_of(c, b, list, seen) + 1;
    }
    for (;;) { /* the largest first: what lies in it needs no region of its own */
        int n;

        b = 0;
        for (int i = 1; i < c->nnode; i++)
            b = size[i] > size[b] ? i : b;
        if (!size[b])
            return true;
        size[b] = 0;
        if (c->node[b].region >= 0)
            continue;
        for (int i = 0; i < c->nnode; i++)
            seen[i] = -1;
        n = region_of(c, b, list, seen);
        for (int i = 0; i < n; i++) {
            if (c->node[list[i]].region >= 0 || node_needs_all(c, list[i]))
                return false;
            c->node[list[i]].region = b;
        }
        c->node[b].parts = true;
        if (c->node[b].region != b && entered(c, b)) {
            if (node_needs_all(c, b))
                return false;
            c->node[b].region = b;
        }
    }
}

void cfg_regions(struct ctx *c)
{
    bool needed = false;

    for (int k = 0; k < c->nrpo; k++)
        needed = needed || node_needs_all(c, c->rpo[k]);
    if (!needed)
        return;
    cfg_uniform(c);
    if (!make_regions(c))
        air_fail(c, AIR_REFUSE_CONTROL_FLOW,
                 "barriers or SIMD-group operations in control flow that is neither structured nor uniform");
}
