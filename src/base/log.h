/* SPDX-License-Identifier: MIT */
/*
 * Messages and refusals of one device. Messages go to the VMM's log callback; a refusal adds to its reason's counter and is
 * logged at a bounded rate, so that a hostile guest cannot flood the VMM's log.
 *
 * Any thread. log_refuse() takes one leaf lock only when it really logs.
 */
#ifndef PVG_BASE_LOG_H
#define PVG_BASE_LOG_H

#include <stdatomic.h>

#include <pvg/device.h>

#include "base/locks.h"
#include "base/refuse.h"

struct log {
    void (*fn)(void *opaque, enum pvg_log_level level, const char *message);
    void *opaque;
    _Atomic uint64_t refused[REFUSE_COUNT]; /* how often each reason occurred */
    pthread_mutex_t lock;                   /* protects the arrays below */
    uint64_t window_start_ns[REFUSE_COUNT]; /* start of the reason's rate window */
    uint64_t window_ns[REFUSE_COUNT];       /* its length */
    uint32_t window_logged[REFUSE_COUNT];   /* lines logged in it */
    bool window_full[REFUSE_COUNT];         /* lines were left out */
};

void log_init(struct log *log, void (*fn)(void *, enum pvg_log_level, const char *), void *opaque);
void log_fini(struct log *log);

void log_msg(struct log *log, enum pvg_log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Count @r and log "<text>: <details>" at a bounded rate. @fmt gives the details: which object, which value, which limit. */
void log_refuse(struct log *log, enum refuse r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
