/* SPDX-License-Identifier: MIT */
/* Messages and refusals of one device: see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/*
 * Lines per reason and window: enough to see a pattern. The window doubles as long as lines have to be left out, so that a
 * guest that goes on for days writes 4 lines an hour and not 35000 a day; a reason that becomes rare starts over.
 */
#define WINDOW_LINES  4
#define WINDOW_NS     (10 * NS_PER_S)
#define WINDOW_MAX_NS (3600 * NS_PER_S)

void log_init(struct log *log, void (*fn)(void *, enum pvg_log_level, const char *), void *opaque)
{
    memset(log, 0, sizeof(*log));
    log->fn = fn;
    log->opaque = opaque;
    pthread_mutex_init(&log->lock, NULL);
}

void log_fini(struct log *log)
{
    pthread_mutex_destroy(&log->lock);
}

void log_msg(struct log *log, enum pvg_log_level level, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    if (!log->fn)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    log->fn(log->opaque, level, line);
}

static bool may_log(struct log *log, enum refuse r)
{
    uint64_t now = clock_now_ns();
    bool yes;

    pthread_mutex_lock(&log->lock);
    if (!log->window_start_ns[r] || now - log->window_start_ns[r] > log->window_ns[r]) {
        uint64_t longer = 2 * log->window_ns[r];

        log->window_ns[r] = !log->window_full[r] ? WINDOW_NS : longer < WINDOW_MAX_NS ? longer : WINDOW_MAX_NS;
        log->window_start_ns[r] = now;
        log->window_logged[r] = 0;
        log->window_full[r] = false;
    }
    yes = log->window_logged[r] < WINDOW_LINES;
    log->window_logged[r] += yes;
    log->window_full[r] = log->window_full[r] || !yes;
    pthread_mutex_unlock(&log->lock);
    return yes;
}

void log_refuse(struct log *log, enum refuse r, const char *fmt, ...)
{
    uint64_t count = 1 + atomic_fetch_add_explicit(&log->refused[r], 1, memory_order_relaxed);
    char line[512];
    va_list ap;
    int n;

    if (!log->fn || !may_log(log, r))
        return;
    n = snprintf(line, sizeof(line), "refused (%s, %llu times): %s: ", refuse_name(r), (unsigned long long)count,
                 refuse_text(r));
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
    va_end(ap);
    log->fn(log->opaque, PVG_LOG_WARN, line);
}
