/* SPDX-License-Identifier: MIT */
/*
 * The surface mapper of the MMIO variant: registers, request ring, descriptor table, mappings, and the provider of
 * their pictures (docs/spec/memory.md 9). pvg.c creates it; the register functions of include/pvg/iosfc.h end here.
 *
 * One thread serves the ring. Mappings are under the mapper's lock and reference-counted, so that a picture being read
 * outlives an unmap; the lock is held across neither copies nor callbacks. Nothing is ever written to a surface.
 */
#ifndef PVG_IOSFC_IOSFC_H
#define PVG_IOSFC_IOSFC_H

#include <pvg/iosfc.h>

#include "core/core.h"
#include "display/provider.h"

/* What the mapper asks of the displays; composition connects them. */
struct iosfc_hooks {
    void *ctx;
    /* Pages of @mapping are about to go: take what stands on them now. Mapper's thread. */
    void (*settle)(void *ctx, struct gmem_pin *pin, uint32_t mapping);
    /* Forget, without reading, presents of mappings. Any thread. */
    void (*drop)(void *ctx);
    /* The mapper is being freed. */
    void (*gone)(void *ctx);
};

int iosfc_new(struct core *core, const struct pvg_iosfc_desc *desc, const struct iosfc_hooks *hooks,
              struct pvg_iosfc **out);
/* The device stops or pauses: the mapper's thread has left guest memory and its callbacks when they return. */
void iosfc_stop(struct pvg_iosfc *m);
void iosfc_pause(struct pvg_iosfc *m);
void iosfc_unpause(struct pvg_iosfc *m);
/* Surfaces named by mapping id; the task a present names has no meaning for them. */
struct picture_provider iosfc_picture_provider(struct pvg_iosfc *m);
/* Note in a recording that the mapper is there, or not. Nothing where none is being made. */
void iosfc_record_state(struct pvg_iosfc *m, enum record_mapper state);
/* Add the member "mapper" to a report. */
void iosfc_report(struct pvg_iosfc *m, struct str *json);

#endif
