/* SPDX-License-Identifier: MIT */
/* Start a thread: see thread.h. */
#include "base/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The shortest slice that the kernel takes, in nanoseconds. */
#define SHORT_SLICE_NS 100000

/* First version of the kernel's struct sched_attr (sched_setattr(2)); libc has no declaration of it in Debian 12. */
struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

int thread_start(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg)
{
    sigset_t all, old;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!err)
        pthread_setname_np(*thread, name);
    return err;
}

void thread_prefer_latency(void)
{
    struct attr attr = {.size = sizeof(attr)};

    /* Keep policy and niceness as the VMM chose them; real-time threads have no slice to ask for. */
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) || attr.policy != SCHED_OTHER)
        return;
    attr.runtime_ns = SHORT_SLICE_NS;
    (void)syscall(SYS_sched_setattr, 0, &attr, 0); /* refused: see thread.h */
}

void thread_timer_slack(uint64_t ns)
{
    (void)prctl(PR_SET_TIMERSLACK, (unsigned long)ns, 0ul, 0ul, 0ul); /* refused: waits are exact, as before */
}
