/* SPDX-License-Identifier: MIT */
/*
 * Sealed memfds and messages with descriptors: how bulk crosses between client, service and workers.
 *
 * A receiver maps a file only after it has seen the seals that keep the size and the contents from changing under it.
 */
#ifndef PVG_AIRC_SEALED_H
#define PVG_AIRC_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An empty memfd that can be sealed and never run, close-on-exec. Returns a descriptor or a negative errno. */
int sealed_new(const char *name);

/* Forbid every further change. 0 or a negative errno; -EBUSY when somebody holds a writable mapping. */
int sealed_seal(int fd);

/* Size of a file in bytes, sealed or not; negative errno. */
int64_t sealed_length(int fd);

/* Size of @fd in bytes when it is a memfd sealed against writing, growing, shrinking; negative errno otherwise. */
int64_t sealed_size(int fd);

/* Write all of @p, at offset @at. 0 or a negative errno. */
int sealed_write(int fd, uint64_t at, const void *p, size_t n);

/* Map @n bytes of a file whose size was checked, read-only. NULL on failure. Unmap with sealed_unmap(). */
const void *sealed_map(int fd, size_t n);
void sealed_unmap(const void *p, size_t n);

/*
 * Send one message with @fd_count (0..2) descriptors; they stay the caller's. Never blocks, never raises SIGPIPE.
 * 0; -EAGAIN when the socket is full; another negative errno.
 */
int sealed_send(int sock, const void *msg, size_t n, const int *fds, unsigned fd_count);

/*
 * Receive one message without blocking. Up to @fd_max (0..2) descriptors are stored, close-on-exec, and belong to the
 * caller; more than that, or a truncated or empty message with some, is -EBADMSG and nothing is kept. Unused entries of
 * @fds are -1.
 * Returns the message's size, 0 at the end of the stream, -EAGAIN or another negative errno.
 */
ssize_t sealed_recv(int sock, void *msg, size_t n, int *fds, unsigned fd_max);

#endif
