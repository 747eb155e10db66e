/* SPDX-License-Identifier: MIT */
/*
 * Control flow (air 4.2): the function's blocks as a graph, and the blocks SPIR-V's structure needs put between them.
 *
 * LLVM's structurizer has left if-then regions and loops with one exit. Each loop gets a header, a continue block and a
 * merge block of its own; each two-way branch gets a merge block of its own before its immediate post-dominator. What
 * does not fit (irreducible, several exits) is emitted in dispatcher form: a loop around a switch over block numbers.
 * Phis live in variables, so that blocks may be put anywhere. What runs uniformly over a workgroup: uniform.c.
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
    n->idom = n->ipdom = n->pred_of = n->region = n->outer = n->heads = -1;
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
void cfg_post_dominators(struct ctx *c)
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

/* AIR_OPT_KEEP_LOOP_VALUES: what the blocks of loop @in compute for those behind it, or for later turns. */
static void find_kept(struct ctx *c, const uint8_t *in, int n)
{
    for (int u = 0; u < n; u++) {
        for (LLVMValueRef i = in[u] && c->node[u].bb ? LLVMGetFirstInstruction(c->node[u].bb) : NULL; i;
             i = LLVMGetNextInstruction(i)) {
            int at, var;

            for (LLVMUseRef use = LLVMGetFirstUse(i); use && !pmap_get(&c->kept, i, &var); use = LLVMGetNextUse(use)) {
                LLVMValueRef user = LLVMGetUser(use);

                if (LLVMIsAInstruction(user) && pmap_get(&c->blocks, LLVMGetInstructionParent(user), &at) &&
                    (!in[at] || LLVMIsAPHINode(user)))
                    pmap_put(c, &c->kept, i, 0);
            }
        }
    }
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
    for (int l = 0; l < nloop && c->opt->flags & AIR_OPT_KEEP_LOOP_VALUES; l++)
        find_kept(c, body[l], n);
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
        c->node[merge].merges_loop = true;
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
    cfg_post_dominators(c);
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

void cfg_build(struct ctx *c)
{
    bool forced = c->dispatcher;

    read_blocks(c);
    number(c);
    if (c->dispatcher && !forced) { /* a switch that is left */
        cfg_regions(c);
        return;
    }
    if (!forced) {
        dominators(c);
        if (c->emulate) {
            cfg_uniform(c);
            cfg_make_linear(c);
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
    memset(&c->kept, 0, sizeof(c->kept)); /* what crosses blocks lives in variables there */
    c->nnode = 0;
    read_blocks(c);
    number(c);
    c->dispatcher = true;
    cfg_regions(c);
}
