/* SPDX-License-Identifier: MIT */
/*
 * The tables behind object.h: tasks with their object lists, objects by (task, class, ref), the byte budget, and what
 * ends with a task or a reset (docs/spec/memory.md 4.4, 7.4). Runs on the worker; the report reads atomics.
 */
#include "object/object_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/rd.h"
#include "wire/surface.h"

#define CHAINS_AT_FIRST 256u

static struct object_task **task_chain(struct object_set *set, uint32_t id)
{
    return &set->tasks[(id * 2654435761u) >> 24];
}

struct object_task *object_task_find(struct object_set *set, uint32_t id)
{
    struct object_task *t = *task_chain(set, id);

    while (t && t->id != id)
        t = t->next;
    return t;
}

struct object_task *object_task_get(struct object_set *set, uint32_t id)
{
    struct object_task *t = object_task_find(set, id), **chain = task_chain(set, id);

    if (t)
        return t;
    t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->id = id;
    t->next = *chain;
    *chain = t;
    return t;
}

static struct object **chain_of(struct object_set *set, uint32_t task, enum object_class class, uint32_t ref)
{
    uint64_t number = ((uint64_t)task << 32 | ref) ^ (uint64_t)class << 60;

    return &set->chain[hash_number(&set->key, number) & (set->chains - 1)];
}

struct object *object_find(struct object_set *set, uint32_t task, enum object_class class, uint32_t ref)
{
    struct object *o = *chain_of(set, task, class, ref);

    while (o && (o->ref != ref || o->task != task || o->class != class))
        o = o->next;
    return o;
}

const struct object *object_lookup(struct object_set *set, uint32_t task, enum object_class class, uint32_t ref)
{
    return object_find(set, task, class, ref);
}

bool object_room(struct object_set *set, uint64_t bytes)
{
    return bytes <= LIMIT_OBJECT_BYTES && atomic_load(&set->bytes) <= LIMIT_OBJECT_BYTES - bytes;
}

uint64_t object_bytes(struct object_set *set)
{
    return atomic_load(&set->bytes);
}

/* Twice as many chains. Without memory the chains stay as they are, only longer. */
static void grow(struct object_set *set)
{
    uint32_t old = set->chains;
    struct object **chain = calloc(2ull * old, sizeof(*chain)), **from = set->chain;

    if (!chain)
        return;
    set->chain = chain;
    set->chains = 2 * old;
    for (uint32_t i = 0; i < old; i++) {
        for (struct object *o = from[i], *next; o; o = next) {
            struct object **to = chain_of(set, o->task, o->class, o->ref);

            next = o->next;
            o->next = *to;
            *to = o;
        }
    }
    free(from);
}

struct object *object_get(struct object_set *set, uint32_t task, enum object_class class, uint32_t ref)
{
    struct object *o = object_find(set, task, class, ref), **chain;
    struct object_task *t;

    if (o)
        return o;
    if (!object_room(set, sizeof(*o)))
        return NULL;
    t = object_task_get(set, task);
    o = t ? calloc(1, sizeof(*o)) : NULL;
    if (!o)
        return NULL;
    if (atomic_load(&set->count) >= set->chains)
        grow(set);
    chain = chain_of(set, task, class, ref);
    o->class = class;
    o->task = task;
    o->ref = ref;
    o->generation = ++set->generation;
    o->guest_valid = true; /* at construction: the guest's bytes are all there is (memory 6.1) */
    o->next = *chain;
    *chain = o;
    o->task_next = t->objects;
    o->task_link = &t->objects;
    if (t->objects)
        t->objects->task_link = &o->task_next;
    t->objects = o;
    atomic_fetch_add(&set->count, 1);
    atomic_fetch_add(&set->bytes, sizeof(*o));
    return o;
}

void object_set_snapshot(struct object_set *set, struct object *o, uint8_t type, uint8_t *descriptor, uint32_t length)
{
    if (o->descriptor) {
        atomic_fetch_sub(&set->constructed, 1);
        atomic_fetch_sub(&set->bytes, o->length_bytes);
        free(o->descriptor);
    }
    o->type = type;
    o->descriptor = descriptor;
    o->length_bytes = length;
    o->generation = ++set->generation;
    if (descriptor) {
        atomic_fetch_add(&set->constructed, 1);
        atomic_fetch_add(&set->bytes, length);
    }
}

void object_drop(struct object_set *set, struct object *o)
{
    struct object **link = chain_of(set, o->task, o->class, o->ref);

    while (*link != o)
        link = &(*link)->next;
    *link = o->next;
    *o->task_link = o->task_next;
    if (o->task_next)
        o->task_next->task_link = o->task_link;
    object_set_snapshot(set, o, 0, NULL, 0);
    atomic_fetch_sub(&set->count, 1);
    atomic_fetch_sub(&set->bytes, sizeof(*o));
    free(o);
}

static void task_drop(struct object_set *set, struct object_task **link)
{
    struct object_task *t = *link;

    while (t->objects)
        object_drop(set, t->objects);
    *link = t->next;
    free(t);
}

/* Observer: deleted or redefined. The list is "none yet" again; pending work is dropped, nothing is written
 * (memory 1.1). */
static void task_gone(void *ctx, uint32_t task)
{
    struct object_set *set = ctx;
    struct object_task **link = task_chain(set, task);

    while (*link && (*link)->id != task)
        link = &(*link)->next;
    if (*link)
        task_drop(set, link);
}

static void drop_all(void *ctx)
{
    struct object_set *set = ctx;

    for (uint32_t i = 0; i < TASK_CHAINS; i++) {
        while (set->tasks[i])
            task_drop(set, &set->tasks[i]);
    }
}

static void report(void *ctx, struct str *json)
{
    struct object_set *set = ctx;

    str_add(json,
            "\"objects\":{\"known\":%u,\"constructed\":%u,\"bytes\":%llu,\"limit_bytes\":%u,\"pages_moved\":%llu,"
            "\"synchronized\":%llu,\"discarded\":%llu,\"condemned\":%llu}",
            atomic_load(&set->count), atomic_load(&set->constructed), (unsigned long long)atomic_load(&set->bytes),
            LIMIT_OBJECT_BYTES, (unsigned long long)atomic_load(&set->pages_moved),
            (unsigned long long)atomic_load(&set->synchronized), (unsigned long long)atomic_load(&set->discarded),
            (unsigned long long)atomic_load(&set->condemned));
}

int object_set_new(struct core *core, struct object_set **out)
{
    struct object_set *set = calloc(1, sizeof(*set));
    const struct core_observer observer = {.ctx = set, .reset = drop_all, .task_gone = task_gone, .report = report};

    *out = NULL;
    if (!set)
        return PVG_ERR_NOMEM;
    set->core = core;
    set->key = hash_key_new();
    set->chains = CHAINS_AT_FIRST;
    set->chain = calloc(set->chains, sizeof(*set->chain));
    if (!set->chain) {
        free(set);
        return PVG_ERR_NOMEM;
    }
    object_commands_register(set);
    core_observe(core, &observer);
    *out = set;
    return 0;
}

void object_set_free(struct object_set *set)
{
    if (!set)
        return;
    drop_all(set);
    gmem_runs_fini(&set->scratch);
    free(set->chain);
    free(set);
}

/* Surface that a constructed type-5 view names (memory 5.4). */
#define VIEW_SURFACE 0x00u /* u32: surface id */
#define VIEW_OWNER   0x04u /* u32: task of the surface; 0 in every sample */

struct object *object_behind(struct object_set *set, struct object *o)
{
    struct object *surface;

    if (!o->descriptor || o->type != OBJECT_SURFACE_VIEW)
        return o;
    surface = object_find(set, le32_get(o->descriptor + VIEW_OWNER), OBJECT_CLASS_RESOURCE,
                          le32_get(o->descriptor + VIEW_SURFACE));
    return surface && surface->type == OBJECT_SURFACE ? surface : o;
}

/* Allocations of buffers and textures: u64 size at 0, first page number at 8 (memory 5.1, 5.2). */
bool object_backing(struct object_set *set, const struct object *o, uint32_t *task, gva_t *gva, uint64_t *length)
{
    uint32_t page = 0;

    *length = 0;
    if (!o->descriptor)
        return false;
    switch (o->type) {
    case OBJECT_BUFFER:
    case OBJECT_TEXTURE:
    case OBJECT_CLIENT_TEXTURE:
    case OBJECT_SURFACE: /* the same two fields: memory 5.3 */
        *length = le64_get(o->descriptor);
        page = le32_get(o->descriptor + 8);
        break;
    default:
        break;
    }
    *task = o->task;
    gva->v = (uint64_t)page << gmem_page_shift(core_gmem(set->core));
    return *length && page;
}
