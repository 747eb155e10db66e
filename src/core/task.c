/* SPDX-License-Identifier: MIT */
/*
 * Tasks: GPU address spaces, and the commands that define, delete, map and unmap (memory 1, 3.1). The VMM is told of each,
 * and in callback mode carries them out. Runs on the worker.
 */
#include "core/core_priv.h"

#include <stdlib.h>

#include "base/rd.h"

static struct task **bucket(struct core *core, uint32_t id)
{
    return &core->tasks[(id * 2654435761u) >> 24];
}

static struct task *find(struct core *core, uint32_t id)
{
    struct task *t = *bucket(core, id);

    while (t && t->id != id)
        t = t->next;
    return t;
}

const struct gmem_space *core_task(struct core *core, uint32_t task)
{
    struct task *t = find(core, task);

    return t ? &t->space : NULL;
}

/* Fire and forget; the worker counts as out of guest memory meanwhile. */
static void tell(struct core *core, enum pvg_task_event_kind kind, uint32_t task, uint64_t offset, uint64_t length)
{
    const struct pvg_task_event event = {
        .kind = kind, .task = task, .offset_bytes = offset, .length_bytes = length};

    if (!core->cfg.ops->task_event)
        return;
    gmem_callback_begin(&core->pin);
    core->cfg.ops->task_event(core->cfg.opaque, &event);
    (void)gmem_callback_end(&core->pin); /* the pin remembers that it was cut off */
}

/* Take @t out of the table and drop all that hangs on it. */
static void drop(struct core *core, struct task *t)
{
    struct task **link = bucket(core, t->id);

    for (unsigned i = 0; i < core->observer_count; i++)
        if (core->observers[i].task_gone)
            core->observers[i].task_gone(core->observers[i].ctx, t->id);
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    atomic_fetch_sub(&core->task_count, 1);
    core->task_bytes -= t->space.length_bytes;
    gmem_space_destroy(&core->pin, &t->space);
    tell(core, PVG_TASK_DESTROYED, t->id, 0, 0);
    free(t);
}

/* The guest gives the task up: whoever still reads its pages finishes first. */
static void retire(struct core *core, struct task *t)
{
    core_settle(core, &core->pin, t->id, (gva_t){0}, UINT64_MAX);
    drop(core, t);
}

/* For a request: nothing is settled, since that reads guest memory, out of which somebody wants the worker or has it. */
void task_drop_all(struct core *core)
{
    gmem_pin(core->cfg.gmem, &core->pin);
    for (uint32_t i = 0; i < TASK_BUCKETS; i++)
        while (core->tasks[i])
            drop(core, core->tasks[i]);
    gmem_unpin(&core->pin);
}

bool task_uses_page(struct core *core, const struct spans *s)
{
    uint64_t page = 1ull << core->page_shift;

    for (uint32_t i = 0; i < TASK_BUCKETS; i++)
        for (const struct task *t = core->tasks[i]; t; t = t->next)
            if (spans_touch(s, (uint64_t)t->space.directory_pfn << core->page_shift, page))
                return true;
    return false;
}

/* Only here the id comes shifted, with the kernel flag below it (memory 1.1). */
static enum core_verdict define_task(void *ctx, const struct core_cmd *cmd)
{
    struct core *core = ctx;
    struct rd r = rd_over(cmd->payload, cmd->payload_bytes);
    uint32_t raw = rd_u32(&r);
    uint64_t length = rd_u64(&r);
    uint32_t directory = rd_u32(&r); /* read one after the other: an initialiser list has no order */
    struct gmem_space space = {.task = raw >> 1, .length_bytes = length, .directory_pfn = directory};
    struct task *t = find(core, space.task);

    if (space.length_bytes > 1ull << LIMIT_TASK_BITS) {
        core_refuse(core, cmd, REFUSE_TASK_LENGTH, "task %u: 0x%llx bytes, limit 2^%u", space.task,
                    (unsigned long long)space.length_bytes, LIMIT_TASK_BITS);
        return CORE_DONE;
    }
    if (t)
        retire(core, t);
    if (core->pin.cut)
        return CORE_DONE;
    if (atomic_load(&core->task_count) >= LIMIT_TASKS) {
        core_refuse(core, cmd, REFUSE_TASK_LIMIT, "task %u: %u live", space.task, LIMIT_TASKS);
        return CORE_DONE;
    }
    /* Checked, so no overflow. With a RAM table nothing is reserved. */
    if (!gmem_has_table(core->cfg.gmem) && core->task_bytes + space.length_bytes > 1ull << LIMIT_TASKS_BITS) {
        core_refuse(core, cmd, REFUSE_TASK_LENGTH, "task %u: 0x%llx bytes, others have 0x%llx, limit for all 2^%u", space.task,
                    (unsigned long long)space.length_bytes, (unsigned long long)core->task_bytes, LIMIT_TASKS_BITS);
        return CORE_DONE;
    }
    t = calloc(1, sizeof(*t));
    if (!t || (gmem_space_create(cmd->pin, &space) && !space.handle)) {
        free(t);
        core_refuse(core, cmd, REFUSE_TASK_CREATE, "task %u of 0x%llx bytes", space.task,
                    (unsigned long long)space.length_bytes);
        return CORE_DONE;
    }
    /* Also when cut off with the VMM's task already there: whoever drops all tasks destroys it. */
    t->id = space.task;
    t->space = space;
    t->next = *bucket(core, t->id);
    *bucket(core, t->id) = t;
    atomic_fetch_add(&core->task_count, 1);
    core->task_bytes += space.length_bytes;
    if (!core->pin.cut)
        tell(core, PVG_TASK_CREATED, t->id, 0, space.length_bytes);
    return CORE_DONE;
}

static enum core_verdict delete_task(void *ctx, const struct core_cmd *cmd)
{
    struct core *core = ctx;
    uint32_t id = le32_get(cmd->payload);
    struct task *t = find(core, id);

    if (t)
        retire(core, t);
    else
        core_refuse(core, cmd, REFUSE_TASK_NONE, "task %u", id);
    return CORE_DONE;
}

/* The live task and the span that a map or unmap names; NULL: none, or an empty span, which says nothing. */
static struct task *span_of(struct core *core, const struct core_cmd *cmd, gva_t *gva, uint64_t *length)
{
    struct rd r = rd_over(cmd->payload, cmd->payload_bytes);
    uint32_t id = rd_u32(&r);
    struct task *t = find(core, id);

    gva->v = rd_u64(&r);
    *length = rd_u64(&r);
    if (!t)
        core_refuse(core, cmd, REFUSE_TASK_NONE, "task %u", id);
    return *length && gva->v ? t : NULL;
}

static enum core_verdict map_memory(void *ctx, const struct core_cmd *cmd)
{
    struct core *core = ctx;
    struct gmem_fault fault;
    uint64_t length;
    gva_t gva;
    struct task *t = span_of(core, cmd, &gva, &length);

    if (!t)
        return CORE_DONE;
    core_settle(core, cmd->pin, t->id, gva, length);
    if (gmem_space_map(cmd->pin, &t->space, gva, length, &fault) == PVG_ERR_REFUSED)
        core_refuse_fault(core, cmd, &fault, "map");
    if (!core->pin.cut)
        tell(core, PVG_TASK_MAPPED, t->id, gva.v, length);
    return CORE_DONE;
}

/* The guest clears the entries without waiting for the stamp: nothing here walks the range (memory 3.1). */
static enum core_verdict unmap_memory(void *ctx, const struct core_cmd *cmd)
{
    struct core *core = ctx;
    uint64_t length;
    gva_t gva;
    struct task *t = span_of(core, cmd, &gva, &length);

    if (!t)
        return CORE_DONE;
    core_settle(core, cmd->pin, t->id, gva, length);
    gmem_space_unmap(cmd->pin, &t->space, gva, length);
    if (!core->pin.cut)
        tell(core, PVG_TASK_UNMAPPED, t->id, gva.v, length);
    return CORE_DONE;
}

int core_remap(struct core *core, struct gmem_pin *pin, uint32_t task, gva_t gva, uint64_t length,
               struct gmem_fault *fault)
{
    struct task *t = find(core, task);

    gmem_space_unmap(pin, &t->space, gva, length);
    return gmem_space_map(pin, &t->space, gva, length, fault);
}

void task_register(struct core *core)
{
    core_handle(core, CMD_DEFINE_TASK2, define_task, core);
    core_handle(core, CMD_DELETE_TASK, delete_task, core);
    core_handle(core, CMD_MAP_MEMORY2, map_memory, core);
    core_handle(core, CMD_UNMAP_MEMORY, unmap_memory, core);
}
