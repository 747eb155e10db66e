/* SPDX-License-Identifier: MIT */
/* Start a thread the library's way: named, all signals blocked (host-api 2.4, T-10). */
#ifndef PVG_BASE_THREAD_H
#define PVG_BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>

/* @name: at most 15 characters. Returns 0 or an errno value. */
int thread_start(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg);

/*
 * The calling thread works in short bursts and somebody waits for each: ask the scheduler for short slices, so that it runs
 * soon after it is woken. Needs no privilege; kernels before 6.12 and sandboxes ignore or refuse it, which costs latency only.
 */
void thread_prefer_latency(void);

/*
 * How late the timed waits of the calling thread may end, in nanoseconds; 0: what the system has by default (50 us). A wait that
 * may end after the kernel's next tick needs no hardware timer of its own. Setting one is an exit to the hypervisor in a virtual
 * machine, about 10 us, at the cost of whoever runs on the core where the thread goes to sleep.
 */
void thread_timer_slack(uint64_t ns);

#endif
