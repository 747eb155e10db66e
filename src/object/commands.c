/* SPDX-License-Identifier: MIT */
/*
 * Commands that name objects: lists, deletion, moved pages, validity, synchronisation
 * (docs/spec/memory.md 3.2, 4.1, 4.5, 6, 7). Payloads are decoded in wire/objects; here is what they do. Runs on the
 * worker.
 */
#include "object/object_priv.h"

#include "wire/opcodes.h"

/* Is @task live? If not, @cmd is refused. */
static bool live(struct object_set *set, const struct core_cmd *cmd, uint32_t task)
{
    if (core_task(set->core, task))
        return true;
    core_refuse(set->core, cmd, REFUSE_TASK_NONE, "task %u", task);
    return false;
}

static enum core_verdict refuse_payload(struct object_set *set, const struct core_cmd *cmd, enum refuse reason,
                                        uint32_t count)
{
    core_refuse(set->core, cmd, reason, "%u bytes, %u records", cmd->payload_bytes, count);
    return CORE_DONE;
}

/* ---- lists ---- */

/* Constructed objects stay alive; nothing else is kept of the old list (memory 4.1). */
static enum core_verdict set_list(struct object_set *set, const struct core_cmd *cmd,
                                  const struct object_list_cmd *list)
{
    struct object_task *t;

    if (!live(set, cmd, list->task))
        return CORE_DONE;
    t = object_task_get(set, list->task);
    if (!t) {
        core_refuse(set->core, cmd, REFUSE_OBJECT_BUDGET, "task %u: no memory", list->task);
        return CORE_DONE;
    }
    t->has_list = true;
    t->first_page = list->first_page;
    t->count = list->count;
    return CORE_DONE;
}

static enum core_verdict set_object_list(void *ctx, const struct core_cmd *cmd)
{
    struct object_list_cmd list;
    enum refuse reason = object_list_decode(cmd->payload, cmd->payload_bytes, &list);

    return reason ? refuse_payload(ctx, cmd, reason, 0) : set_list(ctx, cmd, &list);
}

/* The meaning of what follows the first three words is not settled (memory 4.5). */
static enum core_verdict set_object_and_placement_list(void *ctx, const struct core_cmd *cmd)
{
    struct object_set *set = ctx;
    struct object_list_cmd list;
    enum refuse reason = object_placement_decode(cmd->payload, cmd->payload_bytes, &list);

    if (reason)
        return refuse_payload(ctx, cmd, reason, 0);
    log_msg(core_log(set->core), PVG_LOG_DEBUG, "task %u: placement list 0x%llx, 0x%llx: ignored", list.task,
            (unsigned long long)list.placement[0], (unsigned long long)list.placement[1]);
    return set_list(set, cmd, &list);
}

/* ---- deletion ---- */

/* Whoever still reads the object's pages finishes first: the guest may use them for something else now. */
static void settle(struct object_set *set, const struct core_cmd *cmd, const struct object *o)
{
    uint64_t length;
    uint32_t task;
    gva_t gva;

    if (object_backing(set, o, &task, &gva, &length))
        core_settle(set->core, cmd->pin, task, gva, length);
}

/*
 * The delete of a surface trails the guest's own release, and its id may already name a new surface (memory 7.3):
 * forget what was read of it, keep what is known of its content until the next resolve decides, and never write its
 * pages.
 */
static void delete_surface(struct object_set *set, const struct core_cmd *cmd, struct object *o)
{
    settle(set, cmd, o);
    if (o->resolved && !o->condemned) {
        o->condemned = true;
        o->resolved = false;
        object_set_snapshot(set, o, 0, NULL, 0);
        atomic_fetch_add(&set->condemned, 1);
        return;
    }
    object_drop(set, o);
}

static enum core_verdict delete_surface_backing(void *ctx, const struct core_cmd *cmd)
{
    struct object_set *set = ctx;
    struct object_cmd c;
    enum refuse reason = surface_delete_decode(cmd->payload, cmd->payload_bytes, &c);
    struct object *o;

    if (reason)
        return refuse_payload(set, cmd, reason, 0);
    if (!live(set, cmd, c.task))
        return CORE_DONE;
    o = object_find(set, c.task, OBJECT_CLASS_RESOURCE, c.object);
    if (o && o->descriptor && o->type != OBJECT_SURFACE)
        core_refuse(set->core, cmd, REFUSE_OBJECT_TYPE, "object %u of task %u is a %s", c.object, c.task,
                    object_type_info(o->type)->name);
    else if (o)
        delete_surface(set, cmd, o);
    return CORE_DONE;
}

static enum core_verdict delete_resource(void *ctx, const struct core_cmd *cmd)
{
    struct object_set *set = ctx;
    struct object_cmd c;
    enum refuse reason = object_cmd_decode(cmd->payload, cmd->payload_bytes, &c);
    struct object *o;

    if (reason)
        return refuse_payload(set, cmd, reason, 0);
    if (!live(set, cmd, c.task))
        return CORE_DONE;
    o = object_find(set, c.task, OBJECT_CLASS_RESOURCE, c.object);
    if (!o)
        return CORE_DONE;
    if (o->condemned || (o->descriptor && o->type == OBJECT_SURFACE)) {
        delete_surface(set, cmd, o);
        return CORE_DONE;
    }
    settle(set, cmd, o);
    object_drop(set, o);
    return CORE_DONE;
}

static bool class_of(enum destroy_kind kind, enum object_class *out)
{
    switch (kind) {
    case DESTROY_DEPTH_STENCIL:
        *out = OBJECT_CLASS_DEPTH_STENCIL;
        return true;
    case DESTROY_SAMPLER:
        *out = OBJECT_CLASS_SAMPLER;
        return true;
    case DESTROY_FUNCTION:
        *out = OBJECT_CLASS_FUNCTION;
        return true;
    case DESTROY_COMPUTE_PIPELINE:
        *out = OBJECT_CLASS_COMPUTE_PIPELINE;
        return true;
    case DESTROY_RENDER_PIPELINE:
        *out = OBJECT_CLASS_RENDER_PIPELINE;
        return true;
    case DESTROY_INDIRECT_BUFFER:
        *out = OBJECT_CLASS_INDIRECT_BUFFER;
        return true;
    default: /* made by the serializer without a slot: nothing here is named by its ref */
        return false;
    }
}

/* The ref is in the registry of its kind; an object of the list with the same number is another one (memory 7.2). */
static enum core_verdict delete_object(void *ctx, const struct core_cmd *cmd)
{
    struct object_set *set = ctx;
    enum object_class class;
    struct destroy_cmd c;
    enum refuse reason = destroy_decode(cmd->payload, cmd->payload_bytes, &c);
    struct object *o;

    if (reason)
        return refuse_payload(set, cmd, reason, 1);
    if (!live(set, cmd, c.task))
        return CORE_DONE;
    if (c.kind == DESTROY_UNKNOWN) {
        core_refuse(set->core, cmd, REFUSE_OBJECT_UNKNOWN_KIND, "record 0x%x, ref %u of task %u", c.opcode, c.ref,
                    c.task);
        return CORE_DONE;
    }
    o = class_of(c.kind, &class) ? object_find(set, c.task, class, c.ref) : NULL;
    if (o)
        object_drop(set, o);
    return CORE_DONE;
}

/* ---- pages moved ---- */

/* The VMM shows the new pages at the old address (memory 10.1); with a RAM table there is nothing to show anew. */
static void remap(struct object_set *set, const struct core_cmd *cmd, struct object *o)
{
    uint64_t page = gmem_page_bytes(cmd->pin->g), length;
    struct gmem_fault fault;
    uint32_t task;
    gva_t gva;

    if (!object_backing(set, o, &task, &gva, &length) || __builtin_add_overflow(length, page - 1, &length))
        return;            /* no such allocation can be mapped */
    length &= ~(page - 1); /* it starts on a page */
    if (core_remap(set->core, cmd->pin, task, gva, length, &fault) == PVG_ERR_REFUSED)
        core_refuse_fault(set->core, cmd, &fault, "replaced pages");
}

/* Same object and addresses, other pages: cached translations go, the content's validity stays (memory 3.2). */
static enum core_verdict replace_physical(void *ctx, const struct core_cmd *cmd)
{
    struct object_set *set = ctx;
    const struct object *found;
    struct gmem_fault fault;
    struct object_cmd c;
    enum refuse reason = object_cmd_decode(cmd->payload, cmd->payload_bytes, &c);
    struct object *o;

    if (reason)
        return refuse_payload(set, cmd, reason, 0);
    reason = object_resolve(set, cmd->pin, c.task, OBJECT_CLASS_RESOURCE, c.object, &found, &fault);
    if (reason) {
        if (!cmd->pin->cut)
            core_refuse(set->core, cmd, reason, "object %u of task %u", c.object, c.task);
        return CORE_DONE;
    }
    o = object_find(set, c.task, OBJECT_CLASS_RESOURCE, c.object);
    o->generation = ++set->generation;
    o = object_behind(set, o);
    settle(set, cmd, o);
    o->generation = ++set->generation;
    o->resolved = false;
    atomic_fetch_add(&set->pages_moved, 1);
    remap(set, cmd, o);
    return CORE_DONE;
}

/* ---- validity ---- */

enum refuse object_state_validity(struct object_set *set, uint32_t task, uint32_t ref, struct validity v)
{
    struct object *o = object_get(set, task, OBJECT_CLASS_RESOURCE, ref);

    if (!o)
        return REFUSE_OBJECT_BUDGET;
    o = object_behind(set, o);
    set->statements++;
    if (v.clear_host) {
        o->host_valid = false;
        o->cleared_seq = set->statements;
    }
    if (v.clear_guest)
        o->guest_valid = false;
    if (v.set_host)
        o->host_valid = true;
    if (v.set_guest)
        o->guest_valid = true;
    return REFUSE_NONE;
}

static enum core_verdict invalidate(void *ctx, const struct core_cmd *cmd)
{
    struct object_set *set = ctx;
    struct object_records r;
    enum refuse reason = object_records_decode(cmd->payload, cmd->payload_bytes, VALIDITY_RECORD_BYTES, &r);

    if (reason)
        return refuse_payload(set, cmd, reason, r.count);
    if (!live(set, cmd, r.task))
        return CORE_DONE;
    for (uint32_t i = 0; i < r.count; i++) {
        struct validity_record v = validity_at(&r, i);

        if (!v.object)
            continue;
        reason = object_state_validity(set, r.task, v.object, v.validity);
        if (reason) {
            core_refuse(set->core, cmd, reason, "record %u of %u, object %u of task %u: %llu bytes in use", i, r.count,
                        v.object, r.task, (unsigned long long)object_bytes(set));
            break;
        }
    }
    return CORE_DONE;
}

/*
 * 0x35, 0x3e: write what the host has newer; 0x3f, 0x3e: drop staging copies. Nothing here makes a host copy newer than
 * the guest's or keeps one, so what is left is to check the list and count.
 */
static enum core_verdict synchronize(void *ctx, const struct core_cmd *cmd)
{
    struct object_set *set = ctx;
    struct object_records r;
    enum refuse reason = object_records_decode(cmd->payload, cmd->payload_bytes, OBJECT_REF_BYTES, &r);
    uint32_t unknown = 0, example = 0;

    if (reason)
        return refuse_payload(set, cmd, reason, r.count);
    if (!live(set, cmd, r.task))
        return CORE_DONE;
    for (uint32_t i = 0; i < r.count; i++) {
        uint32_t ref = object_ref_at(&r, i);

        if (ref && !object_find(set, r.task, OBJECT_CLASS_RESOURCE, ref) && !unknown++)
            example = ref;
    }
    if (unknown)
        log_msg(core_log(set->core), PVG_LOG_DEBUG, "task %u: %u of %u objects to synchronize are not known, first %u",
                r.task, unknown, r.count, example);
    atomic_fetch_add(cmd->opcode == CMD_DISCARD_RESOURCES ? &set->discarded : &set->synchronized, r.count);
    return CORE_DONE;
}

void object_commands_register(struct object_set *set)
{
    static const struct {
        uint32_t opcode;
        core_handler handler;
    } table[] = {
        {CMD_DELETE_RESOURCE, delete_resource},   {CMD_DELETE_OBJECT, delete_object},
        {CMD_SET_OBJECT_LIST, set_object_list},   {CMD_INVALIDATE_RESOURCES, invalidate},
        {CMD_SYNCHRONIZE_RESOURCES, synchronize}, {CMD_DELETE_IOSURFACE_BACKING2, delete_surface_backing},
        {CMD_REPLACE_PHYSICAL, replace_physical}, {CMD_SYNCHRONIZE_AND_DISCARD_RESOURCES, synchronize},
        {CMD_DISCARD_RESOURCES, synchronize},     {CMD_SET_OBJECT_AND_PLACEMENT_LIST, set_object_and_placement_list},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        core_handle(set->core, table[i].opcode, table[i].handler, set);
}
