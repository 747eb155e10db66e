/* SPDX-License-Identifier: MIT */
/* Start a thread the library's way: named, all signals blocked (host-api 2.4, T-10). */
#ifndef PVG_BASE_THREAD_H
#define PVG_BASE_THREAD_H

#include <pthread.h>

/* @name: at most 15 characters. Returns 0 or an errno value. */
int thread_start(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg);

/*
 * The calling thread works in short bursts and somebody waits for each: ask the scheduler for short slices, so that it runs
 * soon after it is woken. Needs no privilege; kernels before 6.12 and sandboxes ignore or refuse it, which costs latency only.
 */
void thread_prefer_latency(void);

#endif
