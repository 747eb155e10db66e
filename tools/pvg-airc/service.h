/* SPDX-License-Identifier: MIT */
/*
 * The service: takes requests of clients, gives them to workers, enforces the time limit, replaces workers that die.
 */
#ifndef PVG_AIRC_SERVICE_H
#define PVG_AIRC_SERVICE_H

#include "airc/protocol.h"
#include "worker.h"

#define SERVICE_MAX_WORKERS AIRC_MAX_WORKERS
#define SERVICE_MAX_CLIENTS AIRC_MAX_CLIENTS

struct service_config {
    int listen_fd; /* SOCK_SEQPACKET, non-blocking; -1: none */
    int client_fd; /* a first client, whose end ends the service when there is no @listen_fd; -1: none */
    unsigned workers;
    unsigned time_limit_ms; /* wall time of one request */
    unsigned idle_exit_s;   /* end after this long without a client; 0: never */
    uint8_t fingerprint[16];
    char version[64];
    uint32_t jail; /* AIRC_JAIL_* */
    struct worker_config worker;
};

/* Serve until there is nobody left to serve. Returns the exit status. */
int service_run(const struct service_config *cfg);

#endif
