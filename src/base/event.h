/* SPDX-License-Identifier: MIT */
/*
 * A word to sleep on: an event count over futex. Waking costs one atomic operation, plus a system call only when somebody
 * sleeps, which is what a guest's doorbell may cost (docs/architecture.md 3.1).
 *
 * Use: seq = event_seq(e); check the condition; if it does not hold, event_wait(e, seq, until). A signal after event_seq() makes
 * the wait return at once.
 */
#ifndef PVG_BASE_EVENT_H
#define PVG_BASE_EVENT_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

struct event {
    _Atomic uint32_t seq;
    _Atomic uint32_t sleepers;
};

static inline void event_signal(struct event *e)
{
    atomic_fetch_add(&e->seq, 1);
    if (atomic_load(&e->sleepers))
        syscall(SYS_futex, &e->seq, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static inline uint32_t event_seq(struct event *e)
{
    return atomic_load(&e->seq);
}

/* Sleep until a signal after event_seq(), or until the absolute monotonic time @until_ns (0: no limit). */
static inline void event_wait(struct event *e, uint32_t seq, uint64_t until_ns)
{
    struct timespec ts = {.tv_sec = (time_t)(until_ns / NS_PER_S), .tv_nsec = (long)(until_ns % NS_PER_S)};

    atomic_fetch_add(&e->sleepers, 1);
    syscall(SYS_futex, &e->seq, FUTEX_WAIT_BITSET_PRIVATE, seq, until_ns ? &ts : NULL, NULL, FUTEX_BITSET_MATCH_ANY);
    atomic_fetch_sub(&e->sleepers, 1);
}

#endif
