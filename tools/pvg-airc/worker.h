/* SPDX-License-Identifier: MIT */
/* A worker process of pvg-airc: compiles one request after the other, from inside its jail. */
#ifndef PVG_AIRC_WORKER_H
#define PVG_AIRC_WORKER_H

#include "jail.h"

struct worker_config {
    struct jail_limits limits;
    unsigned cpu_s; /* CPU seconds of one request */
    bool quiet;     /* standard error goes nowhere: LLVM prints what guests make it print */
};

/* How a worker ends when it can say so. */
enum { WORKER_EXIT_DONE = 0, WORKER_EXIT_JAIL = 10, WORKER_EXIT_MEMORY = 11, WORKER_EXIT_REPORTED = 12 };

/* Run in the child after fork(), with @sock as the only connection to the service. Never returns. */
_Noreturn void worker_main(int sock, const struct worker_config *cfg);

#endif
