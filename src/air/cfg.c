/* SPDX-License-Identifier: MIT */
/*
 * Control flow (air 4.2): the function's blocks as a graph, and the blocks SPIR-V's structure needs put between them.
 *
 * LLVM's structurizer has left if-then regions and loops with one exit. Each loop gets a header, a continue block and a
 * merge block of its own; each two-way branch gets a merge block of its own before its immediate post-dominator. What
 * does not fit (irreducible, several exits) is emitted in dispatcher form: a loop around a switch over block numbers.
 * Phis live in variables, so that blocks may be put anywhere. Also: which blocks run uniformly over a workgroup
 * (decision 26).
 */
#include "ctx.h"

#include <string.h>

static int node_new(struct ctx *c, LLVMBasicBlockRef bb)
{
    struct node *n;

    if (c->nnode == c->node_cap) {
        int cap = c->node_cap ? c->node_cap * 2 : 128;
        struct node *v = air_alloc(c, (size_t)cap * sizeof(*v));

        if (c->nnode)
            memcpy(v, c->node, (size_t)c->nnode * sizeof(*v));
        c->node = v;
        c->node_cap = cap;
    }
    if ((unsigned)c->nnode > 4 * AIR_LIMIT_BLOCKS)
        air_fail(c, AIR_REFUSE_LIMIT, "too many blocks");
    n = &c->node[c->nnode];
    memset(n, 0, sizeof(*n));
    n->bb = bb;
    n->succ[0] = n->succ[1] = -1;
    n->loop_merge = n->loop_cont = n->sel_merge = -1;
    n->idom = n->ipdom = n->pred_of = -1;
    return c->nnode++;
}

static void link_to(struct ctx *c, int from, int to)
{
    c->node[from].succ[0] = to;
    c->node[from].nsucc = 1;
}

static void read_blocks(struct ctx *c)
{
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b))
        pmap_put(c, &c->blocks, b, node_new(c, b));
    for (int i = 0; i < c->nnode; i++) {
        LLVMValueRef t = LLVMGetBasicBlockTerminator(c->node[i].bb);
        unsigned n = LLVMGetNumSuccessors(t);
        struct node *d = &c->node[i];

        if (LLVMIsASwitchInst(t) || n > 2) {
            c->dispatcher = true;
            d->many = air_alloc(c, n * sizeof(int));
            for (unsigned k = 0; k < n; k++)
                (void)pmap_get(&c->blocks, LLVMGetSuccessor(t, k), &d->many[k]);
            d->nsucc = (int)n;
            continue;
        }
        for (unsigned k = 0; k < n; k++)
            (void)pmap_get(&c->blocks, LLVMGetSuccessor(t, k), &d->succ[k]);
        d->nsucc = (int)n;
        if (n == 2 && d->succ[0] == d->succ[1])
            d->nsucc = 1;
        if (d->nsucc == 2)
            d->cond = LLVMGetCondition(t);
    }
}

/* Reverse post-order from node 0, without recursion. */
static void number(struct ctx *c)
{
    int *stack = air_alloc(c, (size_t)c->nnode * sizeof(int)), *next = air_alloc(c, (size_t)c->nnode * sizeof(int));
    int sp = 0, n = c->nnode;
    bool *seen = air_alloc(c, (size_t)c->nnode);

    c->rpo = air_alloc(c, (size_t)c->nnode * sizeof(int));
    stack[sp++] = 0;
    seen[0] = true;
    while (sp) {
        int u = stack[sp - 1];
        struct node *d = &c->node[u];

        if (next[u] < d->nsucc) {
            /* Second successor first: the then-side ends up before the merge in the listing. */
            int v = d->many ? d->many[next[u]] : d->succ[d->nsucc - 1 - next[u]];

            next[u]++;
            if (!seen[v]) {
                seen[v] = true;
                stack[sp++] = v;
            }
        } else {
            c->rpo[--n] = u;
            sp--;
        }
    }
    memmove(c->rpo, c->rpo + n, (size_t)(c->nnode - n) * sizeof(int));
    c->nrpo = c->nnode - n;
    for (int i = 0; i < c->nnode; i++) {
        c->node[i].reachable = seen[i];
        c->node[i].order = -1;
    }
    for (int i = 0; i < c->nrpo; i++)
        c->node[c->rpo[i]].order = i;
}

static void predecessors(struct ctx *c, int **start, int **list)
{
    int *s = air_alloc(c, (size_t)(c->nnode + 1) * sizeof(int)), *l, total = 0, *fill;

    for (int i = 0; i < c->nnode; i++) {
        for (int k = 0; c->node[i].reachable && k < c->node[i].nsucc && !c->node[i].many; k++) {
            s[c->node[i].succ[k] + 1]++;
            total++;
        }
    }
    for (int i = 0; i < c->nnode; i++)
        s[i + 1] += s[i];
    l = air_alloc(c, (size_t)(total + 1) * sizeof(int));
    fill = air_alloc(c, (size_t)(c->nnode + 1) * sizeof(int));
    for (int i = 0; i < c->nnode; i++) {
        for (int k = 0; c->node[i].reachable && k < c->node[i].nsucc && !c->node[i].many; k++) {
            int v = c->node[i].succ[k];

            l[s[v] + fill[v]++] = i;
        }
    }
    *start = s;
    *list = l;
}

static void dominators(struct ctx *c)
{
    int *ps, *pl;
    bool changed = true;

    predecessors(c, &ps, &pl);
    for (int i = 0; i < c->nnode; i++)
        c->node[i].idom = -1;
    c->node[0].idom = 0;
    while (changed) {
        changed = false;
        for (int i = 1; i < c->nrpo; i++) {
            int b = c->rpo[i], d = -1;

            for (int k = ps[b]; k < ps[b + 1]; k++) {
                int p = pl[k];

                if (c->node[p].idom < 0)
                    continue;
                if (d < 0) {
                    d = p;
                    continue;
                }
                while (d != p) {
                    while (c->node[d].order > c->node[p].order)
                        d = c->node[d].idom;
                    while (c->node[p].order > c->node[d].order)
                        p = c->node[p].idom;
                }
            }
            if (d != c->node[b].idom) {
                c->node[b].idom = d;
                changed = true;
            }
        }
    }
}

static bool dominates(struct ctx *c, int a, int b)
{
    while (b != a && c->node[b].idom >= 0 && c->node[b].idom != b)
        b = c->node[b].idom;
    return a == b;
}

/*
 * Immediate post-dominators; nodes without successors lead to a virtual exit (-1). A loop without exit gets an
 * imaginary way from its header to its merge, so that every node reaches the exit.
 */
static void post_dominators(struct ctx *c)
{
    int n = c->nnode, *po = air_alloc(c, (size_t)(n + 1) * sizeof(int)), cnt = 0;
    int *ipd = air_alloc(c, (size_t)(n + 1) * sizeof(int)), *num = air_alloc(c, (size_t)(n + 1) * sizeof(int));
    int *ps, *pl, *stack = air_alloc(c, (size_t)(n + 2) * sizeof(int)),
                  *next = air_alloc(c, (size_t)(n + 1) * sizeof(int));
    bool changed = true, *seen = air_alloc(c, (size_t)n + 1);

    predecessors(c, &ps, &pl);
    for (int i = 0; i <= n; i++)
        ipd[i] = -1;
    /* Depth-first over reversed edges from each exit. */
    for (int e = 0; e < n; e++) {
        int sp = 0;

        if (c->node[e].nsucc || seen[e])
            continue;
        stack[sp++] = e;
        seen[e] = true;
        while (sp) {
            int u = stack[sp - 1], v = -1;

            while (next[u] < ps[u + 1] - ps[u]) {
                v = pl[ps[u] + next[u]++];
                if (!seen[v])
                    break;
                v = -1;
            }
            if (v < 0) {
                po[cnt++] = u;
                sp--;
                continue;
            }
            seen[v] = true;
            stack[sp++] = v;
        }
    }
    po[cnt] = n; /* virtual exit is numbered highest */
    for (int i = 0; i <= cnt; i++)
        num[po[i]] = i;
    ipd[n] = n;
    while (changed) {
        changed = false;
        for (int i = cnt - 1; i >= 0; i--) {
            int b = po[i], d = c->node[b].nsucc ? -1 : n;

            for (int k = 0; k < c->node[b].nsucc; k++) {
                int s = c->node[b].succ[k];

                if (ipd[s] < 0)
                    continue;
                if (d < 0) {
                    d = s;
                    continue;
                }
                while (d != s) {
                    while (num[d] < num[s])
                        d = ipd[d];
                    while (num[s] < num[d])
                        s = ipd[s];
                }
            }
            if (d >= 0 && d != ipd[b]) {
                ipd[b] = d;
                changed = true;
            }
        }
    }
    for (int i = 0; i < n; i++)
        c->node[i].ipdom = ipd[i] == n ? -1 : ipd[i];
}

/* Natural loop of header @h: all nodes that reach a back edge without passing the header. */
static uint8_t *loop_body(struct ctx *c, int h, const int *ps, const int *pl, int n)
{
    uint8_t *in = air_alloc(c, (size_t)n * 5);
    int *stack = air_alloc(c, (size_t)(n + 1) * sizeof(int)), sp = 0;

    in[h] = 1;
    for (int k = ps[h]; k < ps[h + 1]; k++) {
        if (dominates(c, h, pl[k]) && !in[pl[k]]) {
            in[pl[k]] = 1;
            stack[sp++] = pl[k];
        }
    }
    while (sp) {
        int u = stack[--sp];

        for (int k = ps[u]; k < ps[u + 1]; k++) {
            if (!in[pl[k]]) {
                in[pl[k]] = 1;
                stack[sp++] = pl[k];
            }
        }
    }
    return in;
}

/* Give every loop its three blocks. False: no structure possible. */
static bool make_loops(struct ctx *c)
{
    int n = c->nnode, *ps, *pl, nloop = 0, *head = air_alloc(c, (size_t)n * sizeof(int));
    uint8_t **body = air_alloc(c, (size_t)n * sizeof(*body));

    predecessors(c, &ps, &pl);
    for (int i = c->nrpo - 1; i >= 0; i--) { /* inner headers come later in RPO: inner loops first */
        int h = c->rpo[i];
        bool is_loop = false;

        for (int k = ps[h]; k < ps[h + 1]; k++) {
            if (c->node[pl[k]].order < i)
                continue;
            if (!dominates(c, h, pl[k]))
                return false; /* irreducible */
            is_loop = true;
        }
        if (is_loop) {
            head[nloop] = h;
            body[nloop++] = loop_body(c, h, ps, pl, n);
        }
    }
    if ((uint64_t)nloop * (uint64_t)n > (64u << 20))
        air_fail(c, AIR_REFUSE_LIMIT, "%d loops in %d blocks", nloop, n);
    for (int l = 0; l < nloop; l++) {
        int h = head[l], exit = -1, hh, cont, merge, total;

        hh = node_new(c, NULL);
        cont = node_new(c, NULL);
        merge = node_new(c, NULL);
        if (merge >= n * 5)
            return false;
        total = c->nnode;
        for (int k = l + 1; k < nloop; k++) { /* enclosing loops contain the new blocks */
            if (body[k][h])
                body[k][hh] = body[k][cont] = body[k][merge] = 1;
        }
        for (int u = 0; u < total - 3; u++) {
            struct node *d = &c->node[u];

            for (int s = 0; s < d->nsucc; s++) {
                int v = d->succ[s];

                if (v == h) {
                    d->succ[s] = body[l][u] ? cont : hh;
                } else if (body[l][u] && !body[l][v]) {
                    if (exit >= 0 && exit != v)
                        return false; /* several exits */
                    exit = v;
                    d->succ[s] = merge;
                }
            }
            if (d->nsucc == 2 && d->succ[0] == d->succ[1])
                d->nsucc = 1;
        }
        link_to(c, hh, h);
        link_to(c, cont, hh);
        if (exit >= 0) {
            link_to(c, merge, exit);
        } else {
            /* Nobody leaves this loop: its merge, which nobody reaches, leads to the return. */
            for (int u = 0; u < n; u++) {
                LLVMValueRef t = c->node[u].bb ? LLVMGetBasicBlockTerminator(c->node[u].bb) : NULL;

                if (t && LLVMGetInstructionOpcode(t) == LLVMRet && !body[l][u])
                    link_to(c, merge, u);
            }
            c->node[hh].endless = true;
        }
        c->node[hh].loop_merge = merge;
        c->node[hh].loop_cont = cont;
    }
    return true;
}

static bool make_selections(struct ctx *c)
{
    int *ps, *pl, nr;
    int *kind = air_alloc(c, (size_t)c->nnode * sizeof(int)); /* 1: loop merge or continue block */

    for (int i = 0; i < c->nnode; i++) {
        if (c->node[i].loop_merge >= 0)
            kind[c->node[i].loop_merge] = kind[c->node[i].loop_cont] = 1;
    }
    /* The ways out of endless loops are imaginary: there while structure is computed, gone afterwards. */
    for (int i = 0; i < c->nnode; i++) {
        if (c->node[i].endless) {
            c->node[i].succ[1] = c->node[i].loop_merge;
            c->node[i].nsucc = 2;
        }
    }
    number(c);
    dominators(c);
    post_dominators(c);
    for (int i = 0; i < c->nnode; i++) {
        if (c->node[i].endless)
            c->node[i].nsucc = 1;
    }
    nr = c->nrpo;
    for (int i = nr - 1; i >= 0; i--) {
        int b = c->rpo[i], m, mb;
        struct node *d = &c->node[b];

        if (d->nsucc != 2 || (kind[d->succ[0]] && kind[d->succ[1]]))
            continue;
        m = d->ipdom;
        if (m < 0)
            return false;
        mb = node_new(c, NULL);
        c->node[mb].idom = b;
        c->node[mb].ipdom = m;
        c->node[mb].reachable = true;
        predecessors(c, &ps, &pl);
        for (int k = ps[m]; k < ps[m + 1]; k++) {
            int p = pl[k];

            if (p == mb || !dominates(c, b, p))
                continue;
            for (int s = 0; s < c->node[p].nsucc; s++) {
                if (c->node[p].succ[s] == m)
                    c->node[p].succ[s] = mb;
            }
        }
        link_to(c, mb, m);
        c->node[b].sel_merge = mb;
    }
    return true;
}

/* ---- uniformity over the workgroup ---- */

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

static bool phi_agrees(struct ctx *c, LLVMValueRef phi)
{
    LLVMValueRef first = NULL;

    for (unsigned k = 0; k < LLVMCountIncoming(phi); k++) {
        LLVMValueRef v = strip(LLVMGetIncomingValue(phi, k));

        if (LLVMIsUndef(v) || v == phi)
            continue;
        if (is_div(c, v) || (first && !same_value(c, first, v, 6)))
            return false;
        first = v;
    }
    return true;
}

/* Values merged at @u depend on the way taken. */
static bool mark_phis(struct ctx *c, int u)
{
    bool changed = false;

    for (LLVMValueRef i = LLVMGetFirstInstruction(c->node[u].bb); i && LLVMIsAPHINode(i);
         i = LLVMGetNextInstruction(i)) {
        if (!phi_agrees(c, i))
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
            changed |= mark_phis(c, u);
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
                if (!phi_agrees(c, i))
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

/*
 * May every thread walk through the conditional part of @b? It must be an if without else, hold an operation that needs
 * everybody, and its loops must end after the same number of turns for all (their conditions uniform).
 */
static bool try_linear(struct ctx *c, int b)
{
    struct node *d = &c->node[b];
    int *list = air_alloc(c, (size_t)(c->nnode + 1) * sizeof(int)), n, from;
    bool wanted = false;

    if (d->ipdom < 0 || (d->succ[0] != d->ipdom && d->succ[1] != d->ipdom))
        return false;
    from = d->succ[0] == d->ipdom ? d->succ[1] : d->succ[0];
    n = part_of(c, b, from, list);
    for (int i = 0; i < n; i++) {
        struct node *u = &c->node[list[i]];

        for (LLVMValueRef x = LLVMGetFirstInstruction(u->bb); x; x = LLVMGetNextInstruction(x))
            wanted = wanted || simd_call(x);
        for (int k = 0; k < u->nsucc; k++) {
            if (c->node[u->succ[k]].order <= u->order && u->nsucc == 2 && is_div(c, u->cond))
                return false; /* a loop that threads leave at different times */
        }
    }
    return wanted;
}

/* Turn the branches found into straight lines, and tell each node which predicate it runs under. */
static void make_linear(struct ctx *c)
{
    int *list = air_alloc(c, (size_t)(c->nnode + 1) * sizeof(int)), n, from;

    for (int k = 0; k < c->nrpo; k++) {
        int b = c->rpo[k];
        struct node *d = &c->node[b];

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

    if (c->dispatcher)
        return;
    for (unsigned i = 0; i < c->narg; i++) {
        if (divergent_builtin(c->arg[i].kind))
            mark(c, c->arg[i].value);
    }
    post_dominators(c);
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
            if (try_linear(c, c->rpo[k])) {
                d->linear = true;
                changed |= mark_phis(c, d->ipdom);
                continue;
            }
            d->linear = false; /* a loop in it turned out divergent */
            changed |= spread(c, c->rpo[k]);
        }
    }
}

bool cfg_is_divergent(struct ctx *c, LLVMValueRef inst)
{
    int b = 0;

    return c->dispatcher || !pmap_get(&c->blocks, LLVMGetInstructionParent(inst), &b) || c->node[b].divergent;
}

void cfg_build(struct ctx *c)
{
    bool forced = c->dispatcher;

    read_blocks(c);
    number(c);
    if (c->dispatcher && !forced)
        return;
    if (!forced) {
        dominators(c);
        if (c->emulate) {
            cfg_uniform(c);
            make_linear(c);
            number(c);
            dominators(c);
        }
        c->dispatcher = !make_loops(c) || !make_selections(c);
        if (!c->dispatcher) {
            number(c);
            for (int i = 0; i < c->nnode; i++)
                c->node[i].label = spv_label(&c->s);
            return;
        }
    }
    /* start over: the graph was changed */
    c->nnode = 0;
    read_blocks(c);
    number(c);
}
