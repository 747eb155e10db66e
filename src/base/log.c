/* SPDX-License-Identifier: MIT */
/* Messages and refusals of one device: see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/*
 * Lines per window: enough to see a pattern. The window doubles as long as lines have to be left out, so that a guest that
 * goes on for days writes 4 lines an hour of each reason and not 35000 a day; what becomes rare starts over. Messages share
 * the window of their level, whatever they say.
 */
#define REASON_LINES  4
#define LEVEL_LINES   32
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

/* *@before: how many were left out since the last line. */
static bool may_log(struct log *log, struct log_window *w, uint64_t lines, uint64_t *before)
{
    uint64_t now = clock_now_ns();
    bool yes;

    *before = 0;
    pthread_mutex_lock(&log->lock);
    if (!w->start_ns || now - w->start_ns > w->length_ns) {
        uint64_t longer = 2 * w->length_ns;

        *before = w->left_out;
        w->length_ns = !w->left_out ? WINDOW_NS : longer < WINDOW_MAX_NS ? longer : WINDOW_MAX_NS;
        w->start_ns = now;
        w->logged = w->left_out = 0;
    }
    yes = w->logged < lines;
    w->logged += yes;
    w->left_out += !yes;
    pthread_mutex_unlock(&log->lock);
    return yes;
}

void log_msg(struct log *log, enum pvg_log_level level, const char *fmt, ...)
{
    uint64_t before;
    char line[512];
    va_list ap;
    int n = 0;

    if (!log->fn || !may_log(log, &log->level[level], LEVEL_LINES, &before))
        return;
    if (before)
        n = snprintf(line, sizeof(line), "(%llu messages were left out) ", (unsigned long long)before);
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
    va_end(ap);
    log->fn(log->opaque, level, line);
}

void log_refuse(struct log *log, enum refuse r, const char *fmt, ...)
{
    uint64_t count = 1 + atomic_fetch_add_explicit(&log->refused[r], 1, memory_order_relaxed), before;
    char line[512];
    va_list ap;
    int n;

    if (!log->fn || !may_log(log, &log->reason[r], REASON_LINES, &before))
        return;
    n = snprintf(line, sizeof(line), "refused (%s, %llu times): %s: ", refuse_name(r), (unsigned long long)count,
                 refuse_text(r));
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
    va_end(ap);
    log->fn(log->opaque, PVG_LOG_WARN, line);
}
