/* SPDX-License-Identifier: MIT */
/* What the user of the machine does, step by step. */
#ifndef MINI_VMM_SCRIPT_H
#define MINI_VMM_SCRIPT_H

#include "guest.h"
#include "vmm.h"

struct script {
    struct vmm vmm;
    struct guest *guest;
    uint32_t width, height; /* of monitor 0 */
    uint32_t storm;         /* presents at least */
    const char *out;        /* where the test picture is saved; NULL: nowhere */
    char why[200];          /* a step failed */
};

/* All steps in turn, each with its time. False: says on stderr which failed, and why. */
bool script_run(struct script *s);

#endif
