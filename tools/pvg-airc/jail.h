/* SPDX-License-Identifier: MIT */
/*
 * The jail of pvg-airc, in two layers: the service gives up the file system, the network and its privileges before it
 * forks; every worker then gives up nearly all system calls and gets limits on memory, time and files.
 */
#ifndef PVG_AIRC_JAIL_H
#define PVG_AIRC_JAIL_H

#include <stdbool.h>
#include <stdint.h>

struct jail_limits {
    uint64_t base_bytes;   /* address space of the service before it forks; see jail_address_space() */
    uint64_t memory_bytes; /* address space a worker may take on top of that; 0: no limit (sanitizer builds) */
    uint64_t stack_bytes;
    uint64_t file_bytes; /* largest file a worker may write: its result */
    unsigned cpu_s;      /* CPU seconds of a worker's whole life; jail_cpu() bounds single requests within it */
};

/* Size of this process's address space in bytes, 0 when /proc cannot say. */
uint64_t jail_address_space(void);

/*
 * The service: own namespaces and an empty root where the kernel permits, no capabilities, no new privileges, a seccomp
 * filter. Call with everything open that will be needed, single-threaded. @jail gets AIRC_JAIL_* of what was achieved.
 * Returns 0, or a negative errno when not even seccomp can be had; the service must not run then.
 */
int jail_service(uint32_t *jail);

/* A worker, right after fork(). Returns 0 or a negative errno; the worker must not run then. */
int jail_worker(const struct jail_limits *limits);

/* In a worker: from now on at most @seconds of CPU until the next call. */
void jail_cpu(unsigned seconds);

#endif
