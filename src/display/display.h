/* SPDX-License-Identifier: MIT */
/*
 * The displays of one device: pipes driven by the guest's commands, and the monitors that the VMM attaches to them
 * (docs/spec/display.md 2 to 9). pvg.c creates one set per device; the public functions of include/pvg/display.h are here.
 */
#ifndef PVG_DISPLAY_DISPLAY_H
#define PVG_DISPLAY_DISPLAY_H

#include <pvg/display.h>

#include "core/core.h"
#include "display/provider.h"

struct display_set;

struct display_config {
    struct core *core;
    uint32_t ports;
    bool hold_presents; /* PVG_DEVICE_HOLD_PRESENTS */
    struct picture_provider provider;
};

/* Creates the pipes and registers handlers, registers and observer with the core, before core_start(). */
int display_set_new(const struct display_config *config, struct display_set **out);
/* Frees all monitors too. */
void display_set_free(struct display_set *set);
/* Stop the clocks and callbacks of all monitors; they have ended when it returns. */
void display_set_stop(struct display_set *set);
/* Wait until no callback of a monitor runs, after core_pause(); wake the clocks after core_unpause(). */
void display_set_pause(struct display_set *set);
void display_set_unpause(struct display_set *set);

int display_attach(struct display_set *set, const struct pvg_display_desc *desc, uint32_t port, uint32_t serial,
                   struct pvg_display **out);

/*
 * The surface mapper's side (src/iosfc). Its provider serves presents of mapping ids from now on; NULL: no more. Take what
 * stands on a mapping now, under the caller's pin; or forget what stands on any, without reading it.
 */
void display_set_mapper(struct display_set *set, const struct picture_provider *provider);
void display_settle_mapping(struct display_set *set, struct gmem_pin *pin, uint32_t mapping);
void display_drop_mappings(struct display_set *set);

/* Write the monitors to the recording that has just begun. */
void display_set_record(struct display_set *set);

/* Add sentences for "diagnosis" (a JSON array's elements, no outer brackets; @comma: whether one precedes). Any thread. */
bool display_set_diagnose(struct display_set *set, struct str *json, bool comma);

#endif
