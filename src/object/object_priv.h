/* SPDX-License-Identifier: MIT */
/* What the files of object share: the set, its tables, and the steps that commands and pictures are made of. */
#ifndef PVG_OBJECT_OBJECT_PRIV_H
#define PVG_OBJECT_OBJECT_PRIV_H

#include "object/object.h"

#include "base/hash.h"
#include "base/limits.h"

#define TASK_CHAINS 256u

/* A task that has an object list or objects. */
struct object_task {
    struct object_task *next; /* in its chain */
    uint32_t id;
    bool has_list;
    uint32_t first_page; /* task-virtual page of slot 0 */
    uint32_t count;      /* slots */
    struct object *objects;
};

struct object_set {
    struct core *core;
    struct object_task *tasks[TASK_CHAINS];
    struct object **chain; /* chains of them; a power of two, grows with the number of objects */
    uint32_t chains;
    struct hash_key key;
    uint64_t generation;      /* last one given */
    uint64_t statements;      /* of validity, so far */
    struct gmem_runs scratch; /* page list of the surface in hand */
    bool said_other_task;     /* logged that a surface was not in the task named */

    /* also read by reports */
    _Atomic uint64_t bytes; /* charged to LIMIT_OBJECT_BYTES */
    _Atomic uint32_t count, constructed;
    _Atomic uint64_t pages_moved, synchronized, discarded, condemned;
};

/* set.c */
struct object_task *object_task_find(struct object_set *set, uint32_t id);
struct object_task *object_task_get(struct object_set *set, uint32_t id); /* makes it; NULL: no memory */
struct object *object_find(struct object_set *set, uint32_t task, enum object_class class, uint32_t ref);
struct object *object_get(struct object_set *set, uint32_t task, enum object_class class,
                          uint32_t ref); /* NULL: budget */
void object_drop(struct object_set *set, struct object *o);
/* Give @o a snapshot (@type, @length bytes; taken over), instead of what it had. @descriptor NULL: none any more. */
void object_set_snapshot(struct object_set *set, struct object *o, uint8_t type, uint8_t *descriptor, uint32_t length);
/* Is there room for @bytes more? */
bool object_room(struct object_set *set, uint64_t bytes);

/* The object that @o's pages belong to: itself, or the surface behind a view when it is known. */
struct object *object_behind(struct object_set *set, struct object *o);

/* Where @o's memory is; false: it has none, or none that is known. */
bool object_backing(struct object_set *set, const struct object *o, uint32_t *task, gva_t *gva, uint64_t *length);

/* commands.c */
void object_commands_register(struct object_set *set);

#endif
