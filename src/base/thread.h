/* SPDX-License-Identifier: MIT */
/* Start a thread the library's way: named, all signals blocked (host-api 2.4, T-10). */
#ifndef PVG_BASE_THREAD_H
#define PVG_BASE_THREAD_H

#include <pthread.h>

/* @name: at most 15 characters. Returns 0 or an errno value. */
int thread_start(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg);

#endif
