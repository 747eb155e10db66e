/* SPDX-License-Identifier: MIT */
/*
 * Ways to reach a compiler service: sockets that somebody else serves, or a helper process of our own.
 */
#ifndef PVG_AIRC_CONNECT_H
#define PVG_AIRC_CONNECT_H

#include <errno.h>

#include "airc/airc.h"

/* A connection. Zero-initialise the descriptors to -1 with airc_link_init(). */
struct airc_link {
    int sock;
    bool own;   /* the service is a helper that we started */
    int helper; /* its pidfd, else -1 */
};

void airc_link_init(struct airc_link *l);

/* The helper was not started, because a filter of system calls may answer that with death. */
#define AIRC_LINK_FILTERED (-ECANCELED)

/*
 * Try way number @way: first the sockets of @cfg, then starting the helper. On success @l is connected; the service may
 * still be starting and says HELLO when it is ready. Blocks for no longer than a process takes to start.
 *
 * Returns 0; -ENOENT when this way is not configured; AIRC_LINK_FILTERED; -ERANGE past the last way; another negative
 * errno. @what, of @what_bytes, gets the name of what was tried.
 */
int airc_link_open(struct airc_link *l, const struct airc_config *cfg, unsigned way, char *what, size_t what_bytes);

/* Close, and end a helper. */
void airc_link_close(struct airc_link *l);

#endif
