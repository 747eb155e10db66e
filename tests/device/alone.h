/* SPDX-License-Identifier: MIT */
/*
 * A core of a test's own, without the device around it: v.core, over the guest memory of struct vmm. Not started.
 */
#ifndef PVG_TESTS_DEVICE_ALONE_H
#define PVG_TESTS_DEVICE_ALONE_H

#include "core/core.h"
#include "device/check.h"

struct alone {
    struct log logger;
    struct recorder recorder;
    struct gmem *gmem;
};

static inline void alone_init(struct alone *a, struct vmm *v, const struct vmm_config *cfg)
{
    struct gmem_config memory;
    struct core_config config;

    vmm_init(v, cfg);
    log_init(&a->logger, v->ops.log, v);
    recorder_init(&a->recorder);
    memory = (struct gmem_config){
        .page_shift = v->cfg.shift, .tasks = v->cfg.tasks, .ops = &v->ops, .opaque = v, .log = &a->logger};
    must(!gmem_new(&memory, &a->gmem), "gmem_new");
    for (unsigned i = 0; i < 2 && v->cfg.tasks == PVG_TASKS_TABLE; i++)
        must(!gmem_add_ram(a->gmem, v->block[i].gpa, v->block[i].bytes, v->block[i].host, -1, 0, 0), "gmem_add_ram");
    config = (struct core_config){.flags = v->cfg.flags,
                                  .ops = &v->ops,
                                  .opaque = v,
                                  .log = &a->logger,
                                  .gmem = a->gmem,
                                  .recorder = &a->recorder,
                                  .capabilities = capabilities_display_only()};
    must(!core_new(&config, &v->core), "core_new");
}

/* @g: the test's guest, which goes with its VMM. */
static inline void alone_fini(struct alone *a, struct vmm *v, struct guest *g)
{
    core_free(v->core);
    v->core = NULL;
    gmem_root_drop(a->gmem);
    gmem_free(a->gmem);
    recorder_fini(&a->recorder);
    log_fini(&a->logger);
    guest_fini(g);
    vmm_fini(v);
}

#endif
