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

struct object_set;

/* Registers handlers and observer with @core, before core_start(). */
int object_set_new(struct core *core, struct object_set **out);
/* After the worker has ended. NULL does nothing. */
void object_set_free(struct object_set *set);

/* Pictures of type-4 surfaces in guest memory. */
struct picture_provider object_picture_provider(struct object_set *set);

#endif
