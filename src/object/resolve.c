/* SPDX-License-Identifier: MIT */
/*
 * From (task, class, ref) to a private snapshot of slot and descriptor (docs/spec/memory.md 4.2, 4.3). Guest memory is
 * copied once, then checked, then kept. Runs on the worker.
 */
#include "object/object_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/rd.h"
#include "wire/mapping_texture.h"
#include "wire/memory.h"
#include "wire/surface.h"

/* A slot and its descriptor, copied out of guest memory and checked. */
struct copy {
    struct object_slot slot;
    uint8_t *descriptor; /* owned */
};

/* Creation opcodes that say which state object a type-7 descriptor makes (memory 5, objects 6). */
static bool state_class(uint32_t opcode, enum object_class *out)
{
    static const struct {
        uint32_t opcode;
        enum object_class class;
    } table[] = {
        {0x03, OBJECT_CLASS_SAMPLER},          {0x04, OBJECT_CLASS_DEPTH_STENCIL},
        {0x0b, OBJECT_CLASS_COMPUTE_PIPELINE}, {0x0e, OBJECT_CLASS_RENDER_PIPELINE},
        {0x36, OBJECT_CLASS_INDIRECT_BUFFER},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].opcode == opcode) {
            *out = table[i].class;
            return true;
        }
    }
    return false;
}

static bool may_be(enum object_registry registry, enum object_class class)
{
    switch (registry) {
    case REGISTRY_RESOURCE:
        return class == OBJECT_CLASS_RESOURCE;
    case REGISTRY_FUNCTION:
        return class == OBJECT_CLASS_FUNCTION;
    case REGISTRY_STATE:
        return class != OBJECT_CLASS_RESOURCE && class != OBJECT_CLASS_FUNCTION;
    case REGISTRY_NONE:
        break;
    }
    return false;
}

static enum refuse read_failed(int err)
{
    return err == PVG_ERR_NOMEM ? REFUSE_OBJECT_BUDGET : REFUSE_SLOT_UNREADABLE;
}

/* What the copied descriptor itself must satisfy. */
static enum refuse check_descriptor(const struct copy *c, enum object_class class)
{
    enum object_class made = class;
    struct mapping_texture texture;
    struct surface surface;

    switch (c->slot.type) {
    case OBJECT_MAPPED_SURFACE_VIEW:
        return mapping_texture_decode(c->descriptor, c->slot.length_bytes, &texture);
    case OBJECT_SURFACE:
        return surface_decode(c->descriptor, c->slot.length_bytes, &surface);
    case OBJECT_SERIALIZER_STATE:
        if (!state_class(le32_get(c->descriptor), &made) || made != class)
            return REFUSE_OBJECT_TYPE;
        /* fall through */
    case OBJECT_SERIALIZER_RESOURCE: /* one record, which states its own length (memory 5.7) */
        return le32_get(c->descriptor + 4) == c->slot.length_bytes ? REFUSE_NONE : REFUSE_RECORD_LENGTH;
    default:
        return REFUSE_NONE;
    }
}

static enum refuse copy_object(struct object_set *set, struct gmem_pin *pin, const struct gmem_space *space,
                               enum object_class class, uint32_t ref, struct copy *out, struct gmem_fault *fault)
{
    const struct object_task *t = object_task_find(set, space->task);
    const struct object_type_info *info;
    uint8_t bytes[OBJECT_SLOT_BYTES];
    enum refuse reason;
    int err;

    *out = (struct copy){.descriptor = NULL};
    if (!t || !t->has_list)
        return REFUSE_LIST_NONE;
    if (!ref || ref >= t->count)
        return REFUSE_LIST_INDEX;
    err = gmem_space_read(pin, space, (gva_t){object_slot_gva(t->first_page, gmem_page_shift(pin->g), ref)}, bytes,
                          sizeof(bytes), fault);
    if (err)
        return read_failed(err);
    out->slot = object_slot_decode(bytes);
    if (!out->slot.length_bytes || !out->slot.gva)
        return REFUSE_SLOT_EMPTY;
    info = object_type_info(out->slot.type);
    if (!may_be(info->registry, class))
        return REFUSE_OBJECT_TYPE;
    if (out->slot.type == OBJECT_SURFACE && space->task != 0)
        return REFUSE_OBJECT_TYPE; /* surfaces live in the kernel task (memory 4.3) */
    if (out->slot.length_bytes < info->least_bytes)
        return REFUSE_DESCRIPTOR_SHORT;
    if (out->slot.length_bytes > info->most_bytes)
        return REFUSE_DESCRIPTOR_LONG;
    if (!object_room(set, sizeof(struct object) + out->slot.length_bytes))
        return REFUSE_OBJECT_BUDGET;
    out->descriptor = malloc(out->slot.length_bytes);
    if (!out->descriptor)
        return REFUSE_OBJECT_BUDGET;
    err = gmem_space_read(pin, space, (gva_t){out->slot.gva}, out->descriptor, out->slot.length_bytes, fault);
    reason = err ? read_failed(err) : check_descriptor(out, class);
    if (reason) {
        free(out->descriptor);
        out->descriptor = NULL;
    }
    return reason;
}

/* A statement made about a view before the view was known concerns its surface (memory 6.2). */
static void hand_on_statement(struct object_set *set, struct object *view)
{
    struct object *surface = object_behind(set, view);

    if (surface == view || !view->cleared_seq || view->cleared_seq < surface->cleared_seq)
        return;
    surface->cleared_seq = view->cleared_seq;
    surface->host_valid = view->host_valid;
    surface->guest_valid = view->guest_valid;
    view->cleared_seq = 0;
}

enum refuse object_resolve(struct object_set *set, struct gmem_pin *pin, uint32_t task, enum object_class class,
                           uint32_t ref, const struct object **out, struct gmem_fault *fault)
{
    const struct gmem_space *space = core_task(set->core, task);
    struct object *o;
    struct copy c;
    enum refuse reason;

    *out = NULL;
    if (!space)
        return REFUSE_TASK_NONE;
    o = object_find(set, task, class, ref);
    if (o && o->descriptor && o->type != OBJECT_SURFACE) {
        *out = o;
        return REFUSE_NONE;
    }
    reason = copy_object(set, pin, space, class, ref, &c, fault);
    if (reason) {
        /* The guest clears the slot of a surface whose last presents are still queued (memory 4.3). */
        if (o && o->descriptor && !pin->cut) {
            *out = o;
            return REFUSE_NONE;
        }
        return reason;
    }
    if (o && o->descriptor && c.slot.type == o->type && c.slot.length_bytes == o->length_bytes &&
        !memcmp(c.descriptor, o->descriptor, o->length_bytes)) {
        free(c.descriptor);
        *out = o;
        return REFUSE_NONE;
    }
    o = object_get(set, task, class, ref);
    if (!o) {
        free(c.descriptor);
        return REFUSE_OBJECT_BUDGET;
    }
    object_set_snapshot(set, o, c.slot.type, c.descriptor, c.slot.length_bytes);
    hand_on_statement(set, o);
    *out = o;
    return REFUSE_NONE;
}
