/* SPDX-License-Identifier: MIT */
/*
 * The shape of the one SPIR-V function (air 4.2): prologue with the inputs, blocks in structured or dispatcher form as
 * cfg.c and uniform.c have found them, outputs before the return. What phis are given is in variables, and in
 * dispatcher form so is whatever crosses blocks.
 */
#include "ctx.h"

#include <stdlib.h>
#include <string.h>

static void variable_for(struct ctx *c, struct pmap *map, LLVMValueRef v)
{
    uint32_t t = is_pointer(v) ? pointer_var_type(c, v) : type_of(c, LLVMTypeOf(v));
    uint32_t var = t ? spv_local(&c->s, t) : 0;

    pmap_put(c, map, v, (int)var);
}

/*
 * A phi that crosses blocks has two variables in dispatcher form: the block before gives it the next turn's value while
 * others still ask for this turn's, be it behind the loop or for another phi.
 */
static void demote(struct ctx *c)
{
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
            bool crosses = false;

            if (LLVMIsAPHINode(i))
                variable_for(c, &c->incoming, i);
            if (!c->dispatcher || LLVMGetTypeKind(LLVMTypeOf(i)) == LLVMVoidTypeKind)
                continue;
            for (LLVMUseRef u = LLVMGetFirstUse(i); u && !crosses; u = LLVMGetNextUse(u))
                crosses = LLVMGetInstructionParent(LLVMGetUser(u)) != b || LLVMIsAPHINode(LLVMGetUser(u));
            if (crosses && LLVMGetInstructionOpcode(i) != LLVMAlloca)
                variable_for(c, &c->demoted, i);
        }
    }
}

/* Does the way from node @from to node @to leave the part that runs under the predicate of @from? */
static bool leaves_part(struct ctx *c, int from, int to)
{
    int scope = c->node[to].pred_of;

    while (scope >= 0 && scope != c->node[from].pred_of)
        scope = cfg_scope_above(c, scope);
    return scope != c->node[from].pred_of;
}

/*
 * Give the phis of the successors their values. On the way out of a linear part only the threads that belong in it do:
 * the others have stored theirs at the branch, or in the turn in which they have left. What is the same for all threads
 * is stored by all: they go on by it together.
 */
static void store_phis(struct ctx *c, LLVMBasicBlockRef from, LLVMValueRef term)
{
    unsigned n = LLVMGetNumSuccessors(term);
    int me = -1, there = -1;

    if (c->predicated)
        (void)pmap_get(&c->blocks, from, &me);
    if (c->kept.n)
        c->cur_bb = NULL; /* from here on this block's values are the kept ones */

    for (unsigned k = 0; k < n; k++) {
        LLVMBasicBlockRef to = LLVMGetSuccessor(term, k);

        for (LLVMValueRef i = LLVMGetFirstInstruction(to); i && LLVMIsAPHINode(i); i = LLVMGetNextInstruction(i)) {
            int var = 0;

            (void)pmap_get(&c->incoming, i, &var);
            for (unsigned j = 0; var && j < LLVMCountIncoming(i); j++) {
                LLVMValueRef v = LLVMGetIncomingValue(i, j);

                uint32_t merge = 0;

                if (LLVMGetIncomingBlock(i, j) != from || LLVMIsUndef(v))
                    continue;
                if (me >= 0 && pmap_get(&c->blocks, to, &there) && leaves_part(c, me, there) &&
                    cfg_value_divergent(c, i))
                    guard_begin(c, &merge);
                if (is_pointer(i))
                    pointer_to_var(c, i, v, (uint32_t)var);
                else
                    spv_void(&c->s, SpvOpStore, 2, (uint32_t)var, value(c, v));
                guard_end(c, merge);
                break;
            }
        }
    }
}

static void emit_body(struct ctx *c, LLVMBasicBlockRef bb)
{
    LLVMValueRef term = LLVMGetBasicBlockTerminator(bb), i;

    c->cur_bb = bb;
    for (i = LLVMGetFirstInstruction(bb); i && LLVMIsAPHINode(i); i = LLVMGetNextInstruction(i)) {
        int var = 0;

        (void)pmap_get(&c->incoming, i, &var);
        if (!is_pointer(i))
            set_value(c, i, spv_op(&c->s, SpvOpLoad, type_of(c, LLVMTypeOf(i)), 1, (uint32_t)var));
        else if (var)
            set_pointer(c, i, pointer_from_var(c, i, (uint32_t)var));
        else
            set_pointer(c, i, (struct ptr){.root = root_of(c, i)});
    }
    for (; i && i != term; i = LLVMGetNextInstruction(i))
        emit_inst(c, i);
    store_phis(c, bb, term);
}

static void emit_return(struct ctx *c, LLVMValueRef term)
{
    iface_store_outputs(c, LLVMGetNumOperands(term) ? LLVMGetOperand(term, 0) : NULL);
}

/* Where node @u leads into a loop that all threads stay in: those that are to be there, for its first turn. */
static void enter_turns(struct ctx *c, int u)
{
    struct node *d = &c->node[u];

    for (int k = 0; k < d->nsucc; k++) {
        struct node *to = &c->node[d->succ[k]], *end;
        int scope;

        if (to->loop_merge < 0 || to->loop_cont == u || c->node[to->succ[0]].heads < 0)
            continue;
        end = &c->node[c->node[to->succ[0]].heads];
        scope = end->outer;
        spv_void(&c->s, SpvOpStore, 2, end->turn_var,
                 scope >= 0       ? c->node[scope].pred
                 : c->base_active ? c->base_active
                                  : spv_bool(&c->s, true));
    }
}

/* Condition of two-way branch @d, which ends its block. */
static uint32_t branch_condition(struct ctx *c, struct node *d)
{
    struct spv *s = &c->s;
    uint32_t b = spv_type_bool(s), cond = value(c, d->cond), no;
    bool out[2] = {c->node[d->succ[0]].merges_loop, c->node[d->succ[1]].merges_loop};

    if (d->turns) {
        if (out[0])
            cond = spv_op(s, SpvOpLogicalNot, b, 1, cond);
        cond = spv_op(s, SpvOpLogicalAnd, b, 2, c->active, cond);
        spv_void(s, SpvOpStore, 2, d->turn_var, cond);
        cond = simd_any_thread(c, cond);
        return out[0] ? spv_op(s, SpvOpLogicalNot, b, 1, cond) : cond;
    }
    if (!c->active || out[0] == out[1] || !cfg_value_divergent(c, d->cond))
        return cond;
    /* Threads that only walk along must not hold up a loop: what they compute may never come to its end. */
    if (out[1])
        return spv_op(s, SpvOpLogicalAnd, b, 2, cond, c->active);
    no = spv_op(s, SpvOpLogicalNot, b, 1, c->active);
    return spv_op(s, SpvOpLogicalOr, b, 2, cond, no);
}

/* Variables for what is kept (AIR_OPT_KEEP_LOOP_VALUES). */
static void make_kept(struct ctx *c)
{
    struct spv *s = &c->s;

    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
            uint32_t t;
            int var;

            if (!pmap_get(&c->kept, i, &var))
                continue;
            t = is_pointer(i) ? pointer_var_type(c, i) : type_of(c, LLVMTypeOf(i));
            if (!t)
                continue; /* a handle that is always the same */
            var = (int)spv_local(s, t);
            pmap_put(c, &c->kept, i, var);
            spv_void(s, SpvOpStore, 2, (uint32_t)var, spv_null(s, t));
        }
    }
}

static void emit_structured(struct ctx *c, uint32_t final)
{
    struct spv *s = &c->s;

    make_kept(c);
    for (int k = 0; k < c->nrpo; k++) {
        struct node *d = &c->node[c->rpo[k]];

        if (!d->turns)
            continue;
        if (!c->votes_var)
            simd_votes_begin(c);
        d->turn_var = spv_local(s, spv_type_bool(s));
    }
    spv_void(s, SpvOpBranch, 1, c->node[0].label);
    for (int k = 0; k < c->nnode; k++) {
        int u = k < c->nrpo ? c->rpo[k] : -1;
        struct node *d;
        LLVMValueRef term = NULL;

        if (u < 0)
            break;
        d = &c->node[u];
        spv_begin(s, d->label);
        if (d->heads >= 0) {
            struct node *end = &c->node[d->heads];

            end->pred = spv_op(s, SpvOpLoad, spv_type_bool(s), 1, end->turn_var);
        }
        if (d->bb) {
            c->predicated = d->pred_of >= 0;
            c->active = c->predicated ? c->node[d->pred_of].pred : c->base_active;
            emit_body(c, d->bb);
            term = LLVMGetBasicBlockTerminator(d->bb);
        }
        if (d->linear) {
            uint32_t b = spv_type_bool(s), p = value(c, d->cond);

            if (d->linear_false)
                p = spv_op(s, SpvOpLogicalNot, b, 1, p);
            d->pred = c->active ? spv_op(s, SpvOpLogicalAnd, b, 2, c->active, p) : p;
        }
        enter_turns(c, u);
        if (c->emulate && cfg_parts_to_store(c, u))
            simd_scratch_barrier(c);
        if (d->loop_merge >= 0)
            spv_void(s, SpvOpLoopMerge, 3, c->node[d->loop_merge].label, c->node[d->loop_cont].label, 0u);
        if (!d->nsucc) {
            if (term && LLVMGetInstructionOpcode(term) == LLVMRet) {
                emit_return(c, term);
                spv_void(s, SpvOpBranch, 1, final);
            } else {
                spv_void(s, SpvOpUnreachable, 0);
            }
        } else if (d->nsucc == 1) {
            spv_void(s, SpvOpBranch, 1, c->node[d->succ[0]].label);
        } else {
            uint32_t cond = branch_condition(c, d);

            if (d->sel_merge >= 0)
                spv_void(s, SpvOpSelectionMerge, 2, c->node[d->sel_merge].label, 0u);
            spv_void(s, SpvOpBranchConditional, 3, cond, c->node[d->succ[0]].label, c->node[d->succ[1]].label);
        }
    }
    /* Blocks that only structure names: merges and continues nobody reaches. */
    for (int u = 0; u < c->nnode; u++) {
        struct node *d = &c->node[u];

        if (d->order >= 0 || d->bb)
            continue;
        spv_begin(s, d->label);
        for (int h = 0; h < c->nnode; h++) {
            if (c->node[h].loop_cont == u && c->node[h].order >= 0) {
                spv_void(s, SpvOpBranch, 1, c->node[h].label);
                d = NULL;
                break;
            }
        }
        if (d && d->nsucc == 1)
            spv_void(s, SpvOpBranch, 1, c->node[d->succ[0]].label);
        else if (d)
            spv_void(s, SpvOpUnreachable, 0);
    }
}

#define STATE_DONE 0xffffffffu

/* Number of the node that follows @d, as an id. */
static uint32_t next_state(struct ctx *c, struct node *d)
{
    struct spv *s = &c->s;
    LLVMValueRef term = LLVMGetBasicBlockTerminator(d->bb);
    uint32_t u32 = spv_type_uint(s, 32), next;

    if (LLVMGetInstructionOpcode(term) == LLVMRet) {
        emit_return(c, term);
    } else if (d->many) {
        uint32_t v = value(c, LLVMGetOperand(term, 0));

        next = spv_u32(s, (uint32_t)d->many[0]);
        for (int j = 1; j < d->nsucc; j++) {
            uint32_t eq =
                spv_op(s, SpvOpIEqual, spv_type_bool(s), 2, v, value(c, LLVMGetOperand(term, (unsigned)j * 2)));

            next = spv_op(s, SpvOpSelect, u32, 3, eq, spv_u32(s, (uint32_t)d->many[j]), next);
        }
        return next;
    } else if (d->nsucc == 2) {
        return spv_op(s, SpvOpSelect, u32, 3, value(c, d->cond), spv_u32(s, (uint32_t)d->succ[0]),
                      spv_u32(s, (uint32_t)d->succ[1]));
    } else if (d->nsucc == 1) {
        return spv_u32(s, (uint32_t)d->succ[0]);
    }
    return spv_u32(s, STATE_DONE);
}

static void emit_state(struct ctx *c, struct node *d)
{
    emit_body(c, d->bb);
    spv_void(&c->s, SpvOpStore, 2, c->state_var, next_state(c, d));
}

/* The nodes between branch @b and its post-dominator, until this thread has come there. Leaves the builder after it. */
static void emit_region(struct ctx *c, int b)
{
    struct spv *s = &c->s;
    uint32_t u32 = spv_type_uint(s, 32), head = spv_label(s), test = spv_label(s), sw = spv_label(s),
             join = spv_label(s), cont = spv_label(s), merge = spv_label(s), st;
    uint32_t *o = air_alloc(c, ((size_t)c->nnode * 2 + 4) * sizeof(*o));
    size_t n = 0;

    spv_void(s, SpvOpBranch, 1, head);
    spv_begin(s, head);
    spv_void(s, SpvOpLoopMerge, 3, merge, cont, 0u);
    spv_void(s, SpvOpBranch, 1, test);
    spv_begin(s, test);
    st = spv_op(s, SpvOpLoad, u32, 1, c->state_var);
    spv_void(s, SpvOpBranchConditional, 3,
             spv_op(s, SpvOpINotEqual, spv_type_bool(s), 2, st, spv_u32(s, (uint32_t)c->node[b].ipdom)), sw, merge);
    spv_begin(s, sw);
    spv_void(s, SpvOpSelectionMerge, 2, join, 0u);
    o[n++] = st;
    o[n++] = join;
    for (int k = 0; k < c->nrpo; k++) {
        struct node *d = &c->node[c->rpo[k]];

        if (d->region != b)
            continue;
        d->label = spv_label(s);
        o[n++] = (uint32_t)c->rpo[k];
        o[n++] = d->label;
    }
    spv_raw(s, s->out, SpvOpSwitch, o, n);
    for (int k = 0; k < c->nrpo; k++) {
        struct node *d = &c->node[c->rpo[k]];

        if (d->region != b)
            continue;
        spv_begin(s, d->label);
        emit_state(c, d);
        spv_void(s, SpvOpBranch, 1, join);
    }
    spv_begin(s, join);
    spv_void(s, SpvOpBranch, 1, cont);
    spv_begin(s, cont);
    spv_void(s, SpvOpBranch, 1, head);
    spv_begin(s, merge);
}

static void emit_dispatcher(struct ctx *c, uint32_t final)
{
    struct spv *s = &c->s;
    uint32_t u32 = spv_type_uint(s, 32), head = spv_label(s), sw = spv_label(s), join = spv_label(s),
             cont = spv_label(s);
    uint32_t *o = air_alloc(c, ((size_t)c->nnode * 2 + 4) * sizeof(*o)),
             *label = air_alloc(c, (size_t)c->nnode * sizeof(*label)), st;
    size_t n = 0;

    c->h.flags |= AIR_REFLECT_DISPATCHER;
    c->state_var = spv_local(s, u32);
    spv_void(s, SpvOpStore, 2, c->state_var, spv_u32(s, 0));
    spv_void(s, SpvOpBranch, 1, head);
    spv_begin(s, head);
    spv_void(s, SpvOpLoopMerge, 3, final, cont, 0u);
    spv_void(s, SpvOpBranch, 1, sw);
    spv_begin(s, sw);
    st = spv_op(s, SpvOpLoad, u32, 1, c->state_var);
    spv_void(s, SpvOpSelectionMerge, 2, join, 0u);
    for (int i = 0; i < c->nnode; i++)
        label[i] = spv_label(s);
    /* A region that other ways enter than through its branch is one target, whatever node they come to. */
    for (int i = 0; i < c->nnode; i++) {
        int b = c->node[i].region;

        if (b >= 0)
            label[i] = c->node[b].region == b ? label[b] : 0;
    }
    o[n++] = st;
    o[n++] = label[0];
    for (int i = 1; i < c->nnode; i++) {
        if (!c->node[i].reachable || !label[i])
            continue;
        o[n++] = (uint32_t)i;
        o[n++] = label[i];
    }
    spv_raw(s, s->out, SpvOpSwitch, o, n);
    for (int k = 0; k < c->nrpo; k++) {
        int u = c->rpo[k];
        struct node *d = &c->node[u];

        if (d->region >= 0 && d->region != u)
            continue; /* within its region */
        spv_begin(s, label[u]);
        if (d->region != u)
            emit_state(c, d);
        if (d->parts)
            emit_region(c, u);
        spv_void(s, SpvOpBranch, 1, join);
    }
    spv_begin(s, join);
    spv_void(s, SpvOpBranch, 1, cont);
    spv_begin(s, cont);
    st = spv_op(s, SpvOpLoad, u32, 1, c->state_var);
    spv_void(s, SpvOpBranchConditional, 3, spv_op(s, SpvOpINotEqual, spv_type_bool(s), 2, st, spv_u32(s, STATE_DONE)),
             head, final);
}

void emit_function(struct ctx *c)
{
    struct spv *s = &c->s;
    uint32_t fnt = spv_type(s, SpvOpTypeFunction, 1, spv_type_void(s)), main_id = spv_id(s), first = spv_label(s);
    uint32_t final = spv_label(s), inside;
    struct words body;

    iface_declare(c);
    mem_declare(c);
    demote(c);
    iface_load_inputs(c);
    c->raster_order = c->raster_order && c->stage == AIR_STAGE_FRAGMENT;
    if (c->raster_order) /* the whole function is the critical section: it must not lie in conditional code */
        spv_void(s, SpvOpBeginInvocationInterlockEXT, 0);
    mesh_begin(c);
    if (c->opt->flags & AIR_OPT_KEEP_LOOP_VALUES)
        c->keep = spv_op(s, SpvOpINotEqual, spv_type_bool(s), 2,
                         iface_push(c, offsetof(struct air_push, flags), spv_type_uint(s, 32)),
                         spv_u32(s, AIR_PUSH_NO_FLAGS));
    inside = c->base_active = c->active;
    if (inside && !c->uses_barrier && !c->uses_simd) {
        /* No thread waits for another: those outside the grid just leave. */
        uint32_t in = spv_label(s);

        c->active = c->base_active = 0;
        spv_void(s, SpvOpSelectionMerge, 2, final, 0u);
        spv_void(s, SpvOpBranchConditional, 3, inside, in, final);
        spv_begin(s, in);
        if (c->dispatcher) { /* the loop needs a merge block of its own */
            uint32_t done = spv_label(s);

            emit_dispatcher(c, done);
            spv_begin(s, done);
            spv_void(s, SpvOpBranch, 1, final);
        } else {
            emit_structured(c, final);
        }
    } else if (c->dispatcher) {
        emit_dispatcher(c, final);
    } else {
        emit_structured(c, final);
    }
    spv_begin(s, final);
    if (c->raster_order)
        spv_void(s, SpvOpEndInvocationInterlockEXT, 0);
    mesh_end(c);
    iface_finish(c, main_id);
    if (c->stage != AIR_STAGE_OBJECT) /* which has ended with the start of mesh threadgroups */
        spv_void(s, SpvOpReturn, 0);
    spv_void(s, SpvOpFunctionEnd, 0);

    /* Put the function's head and its variables before the blocks. */
    body = s->body;
    memset(&s->body, 0, sizeof(s->body));
    s->out = &s->body;
    spv_raw(s, &s->body, SpvOpFunction, (const uint32_t[]){spv_type_void(s), main_id, 0, fnt}, 4);
    spv_begin(s, first);
    for (size_t i = 0; i < s->vars.n; i++)
        words_push(s, &s->body, s->vars.v[i]);
    for (size_t i = 0; i < body.n; i++)
        words_push(s, &s->body, body.v[i]);
    for (size_t i = 0; i < c->functions.n; i++)
        words_push(s, &s->body, c->functions.v[i]);
    free(body.v);
}
