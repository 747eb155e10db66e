/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tracer of the plugin build. A stock QEMU's -trace does not know events that
 * come with a plugin, so the device has a property of its own:
 * trace=PATTERN[:PATTERN...], file name patterns over the event names;
 * trace-file=FILE instead of stderr. Both belong to the process: they act on
 * all devices. Any thread may trace. (docs/decisions.md 10)
 */
#include "qemu/osdep.h"
#include <fnmatch.h>
#include "qapi/error.h"
#include "qemu/atomic.h"
#include "apple-gfx.h"
#include "trace.h"

int apple_gfx_trace_on[TRACE_COUNT];

static const char *const trace_names[] = { APPLE_GFX_TRACE_NAMES };

/* Protects the file; the patterns are the main loop's. */
static pthread_mutex_t trace_lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *trace_file; /* NULL: stderr */
static char *trace_file_path;
static char *trace_patterns;

void apple_gfx_trace_print(unsigned event, const char *format, ...)
{
    struct timespec now;
    va_list ap;
    FILE *f;

    clock_gettime(CLOCK_REALTIME, &now);
    va_start(ap, format);
    pthread_mutex_lock(&trace_lock);
    f = trace_file ? trace_file : stderr;
    fprintf(f, "%d@%lld.%06ld:%s ", getpid(), (long long)now.tv_sec,
            now.tv_nsec / 1000, trace_names[event]);
    vfprintf(f, format, ap);
    fputc('\n', f);
    fflush(f);
    pthread_mutex_unlock(&trace_lock);
    va_end(ap);
}

bool apple_gfx_trace_set(const char *patterns, Error **errp)
{
    g_auto(GStrv) list = g_strsplit(patterns, ":", -1);
    bool on[TRACE_COUNT] = { false };
    unsigned i, k;

    for (i = 0; list[i]; i++) {
        bool known = !*list[i];

        for (k = 0; k < TRACE_COUNT; k++) {
            if (fnmatch(list[i], trace_names[k], 0) == 0) {
                on[k] = known = true;
            }
        }
        if (!known) {
            error_setg(errp, "trace: '%s' matches no event: docs/qemu.md lists "
                       "them, trace=* is all", list[i]);
            return false;
        }
    }
    for (k = 0; k < TRACE_COUNT; k++) {
        qatomic_set(&apple_gfx_trace_on[k], on[k]);
    }
    g_free(trace_patterns);
    trace_patterns = g_strdup(patterns);
    return true;
}

const char *apple_gfx_trace_get(void)
{
    return trace_patterns ? trace_patterns : "";
}

bool apple_gfx_trace_file(const char *path, Error **errp)
{
    FILE *f = NULL, *old;
    int fd, flags;

    if (*path) {
        /* Not blocking: a FIFO that nobody reads would stop QEMU here. */
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY |
                  O_NONBLOCK, 0666);
        flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
        if (flags == -1 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) ||
            !(f = fdopen(fd, "a"))) {
            error_setg_errno(errp, errno, "trace-file: cannot write '%s'", path);
            if (fd >= 0) {
                close(fd);
            }
            return false;
        }
    }
    pthread_mutex_lock(&trace_lock);
    old = trace_file;
    trace_file = f;
    pthread_mutex_unlock(&trace_lock);
    if (old) {
        fclose(old);
    }
    g_free(trace_file_path);
    trace_file_path = g_strdup(path);
    return true;
}

const char *apple_gfx_trace_file_get(void)
{
    return trace_file_path ? trace_file_path : "";
}
