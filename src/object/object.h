/* SPDX-License-Identifier: MIT */
/*
 * Object lists, descriptors, surfaces, validity and lifetimes of a device's tasks (docs/spec/memory.md 4 to 8), and the
 * default provider of pictures: guest memory. Knows nothing of Vulkan.
 *
 * Everything runs on core's worker, except the provider's read(), which any library thread may call under its own pin.
 */
#ifndef PVG_OBJECT_OBJECT_H
#define PVG_OBJECT_OBJECT_H

#include "core/core.h"
#include "display/provider.h"
#include "wire/objects.h"

struct object_set;

/* Registers handlers and observer with @core, before core_start(). */
int object_set_new(struct core *core, struct object_set **out);
/* After the worker has ended. NULL does nothing. */
void object_set_free(struct object_set *set);

/* Pictures of type-4 surfaces in guest memory. */
struct picture_provider object_picture_provider(struct object_set *set);

/* Registries of a task's objects: one number names a different object in each (memory 4.4, objects 4.4). */
enum object_class {
    OBJECT_CLASS_RESOURCE,
    OBJECT_CLASS_FUNCTION,
    OBJECT_CLASS_DEPTH_STENCIL,
    OBJECT_CLASS_SAMPLER,
    OBJECT_CLASS_COMPUTE_PIPELINE,
    OBJECT_CLASS_RENDER_PIPELINE,
    OBJECT_CLASS_INDIRECT_BUFFER,
    OBJECT_CLASS_COUNT
};

/* What is known of one (task, class, ref). Owned by the set; valid until the next command. */
struct object {
    struct object *next;      /* in its hash chain */
    struct object *task_next; /* of the same task */
    struct object **task_link;
    enum object_class class;
    uint32_t task;
    uint32_t ref;
    uint64_t generation; /* another one whenever the object's pages may have moved, or it is another object */

    /* Private snapshot of slot and descriptor, taken at the first successful resolve; NULL: not constructed
     * (memory 4.3). */
    uint8_t *descriptor;
    uint32_t length_bytes;
    uint8_t type; /* OBJECT_* of wire/objects.h */

    /* What the guest stated last (memory 6.2). Kept also while the object is not constructed. */
    bool host_valid, guest_valid;
    uint64_t cleared_seq; /* when the guest last said that the host's copy is stale; counts statements of the device; 0:
                             never */

    /* Surfaces (memory 7.3): the page list seen last. */
    bool resolved;
    bool condemned;       /* its backing was deleted after it was resolved: the next resolve decides */
    uint64_t fingerprint; /* of that list */
};

/*
 * Find the object @ref of @task in registry @class, constructing it from the task's object list when it is named for
 * the first time. The whole check of memory 4.2, each with a reason of its own; *@out is NULL then, and @fault is
 * filled where memory could not be read (SLOT_UNREADABLE). Failures are not remembered.
 *
 * A surface (type 4) is looked at anew each time: its id is reused while the delete of the old one is still on its way
 * (memory 7.3), so a slot that names another surface makes a new one; an empty slot leaves the old snapshot in force.
 */
enum refuse object_resolve(struct object_set *set, struct gmem_pin *pin, uint32_t task, enum object_class class,
                           uint32_t ref, const struct object **out, struct gmem_fault *fault);

/* What is known of an object, without reading guest memory; NULL: nothing. */
const struct object *object_lookup(struct object_set *set, uint32_t task, enum object_class class, uint32_t ref);

/* Apply one statement of validity (0x34, and the resource table of 0x37). REFUSE_NONE or OBJECT_BUDGET. */
enum refuse object_state_validity(struct object_set *set, uint32_t task, uint32_t ref, struct validity validity);

/* Bytes charged to LIMIT_OBJECT_BYTES. */
uint64_t object_bytes(struct object_set *set);

#endif
