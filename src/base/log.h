/* SPDX-License-Identifier: MIT */
/*
 * Messages and refusals of one device. Both go to the VMM's log callback at a bounded rate, so that a hostile guest cannot
 * flood the VMM's log; a refusal adds to its reason's counter too.
 *
 * Any thread, with no lock held: the callback may call the library.
 */
#ifndef PVG_BASE_LOG_H
#define PVG_BASE_LOG_H

#include <stdatomic.h>

#include <pvg/device.h>

#include "base/locks.h"
#include "base/refuse.h"

/* What may be logged of one reason, or of messages of one level: see log.c. */
struct log_window {
    uint64_t start_ns, length_ns;
    uint64_t logged, left_out; /* lines in it */
};

#define LOG_LEVELS (PVG_LOG_DEBUG + 1)

struct log {
    void (*fn)(void *opaque, enum pvg_log_level level, const char *message);
    void *opaque;
    _Atomic uint64_t refused[REFUSE_COUNT]; /* how often each reason occurred */
    pthread_mutex_t lock;                   /* protects what is below */
    struct log_window reason[REFUSE_COUNT], level[LOG_LEVELS];
};

void log_init(struct log *log, void (*fn)(void *, enum pvg_log_level, const char *), void *opaque);
void log_fini(struct log *log);

/* Log a message, at a bounded rate for each level. */
void log_msg(struct log *log, enum pvg_log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Count @r and log "<text>: <details>" at a bounded rate. @fmt gives the details: which object, which value, which limit. */
void log_refuse(struct log *log, enum refuse r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
