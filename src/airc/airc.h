/* SPDX-License-Identifier: MIT */
/*
 * Client of the shader compiler: turns a guest's shader into SPIR-V without letting the compiler near the VMM.
 *
 * Requests go to pvg-airc, which compiles in jailed worker processes: over a ready socket where there is one, else to a
 * helper that the client starts itself. Finished results are kept in a disk cache shared by all processes of the user.
 * No LLVM is linked here. One thread per client does everything that can take time; airc_compile() only copies the
 * request and returns, so VMM threads may call it. What the compiler is asked for is in air/air.h (options) and
 * air/air_abi.h (bindings).
 *
 * Whom to trust:
 * - A guest's modules are hostile, and a worker is its guest's as soon as it has read one. It serves one client
 *   only, so that what it makes up reaches nobody but that guest. The validator runs in the worker: it finds what
 *   the compiler does wrong, and not what somebody does who has taken the worker over.
 * - The service never looks at what it relays. Its answers are worth what the one is who runs it: the client
 *   itself, this user, or the machine's administrator. Lengths, seals, order and time are not believed: nothing
 *   that it sends, or does not send, makes the client read past an end, leak or wait for ever.
 * - The disk cache is written by the client alone, in a folder that is this user's alone, and remembers the origin
 *   of each entry: what came from a service is only found again at that service, and what was made for a guest only
 *   by guests of the same name. So a worker that was taken over leaves nothing for other guests, and a service that was
 *   leaves nothing for who asks elsewhere.
 * - The caller and its environment are trusted.
 */
#ifndef PVG_AIRC_H
#define PVG_AIRC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "air/air.h"

struct airc;

/* How a request ended. Values cross the worker protocol and are stored in the cache: append only. */
enum airc_status {
    AIRC_OK = 0,
    AIRC_REFUSED = 1,     /* the compiler refused the module; @reason says why. Always the same for the same request */
    AIRC_CRASH = 2,       /* the worker died on this module */
    AIRC_TIMEOUT = 3,     /* the module took longer than the time or CPU limit */
    AIRC_MEMORY = 4,      /* the module needed more memory than the worker may have */
    AIRC_JAIL = 5,        /* the worker tried something its jail forbids and was killed */
    AIRC_BAD_REQUEST = 6, /* the request itself is malformed, or larger than the service takes */
    AIRC_TOO_LARGE = 7,   /* the result is larger than AIRC_MAX_RESULT */
    AIRC_UNAVAILABLE = 8, /* no compiler service can be reached now; transient */
    AIRC_CANCELLED = 9,   /* the client was freed before the request was done */
    AIRC_BAD_REPLY = 10,  /* the service answered something that does not hold together; nothing of it was used */
    AIRC_STATUS_COUNT
};

/* Bytes of one request's module. Guests' libraries are below 6 MiB; the bound is on what one guest can make us copy. */
#define AIRC_MAX_MODULE (64u << 20)
/* Bytes of SPIR-V and reflection of one function. The largest seen are below 1 MiB. */
#define AIRC_MAX_RESULT (64u << 20)
/* Bytes of an entry point's name: the container's tag allows 65535 with the NUL (air 1.5). */
#define AIRC_MAX_ENTRY 65534u
/* Bytes of the line of text that explains a refusal, with its NUL. */
#define AIRC_TEXT_BYTES 512
/* Bytes of a guest's name. Enough for a UUID or a machine's name. */
#define AIRC_MAX_GUEST 63u
/* What one client holds of requests that are not done: a guest that asks faster than shaders compile is refused. */
#define AIRC_MAX_PENDING       16384u
#define AIRC_MAX_PENDING_BYTES (256u << 20)
/*
 * Limits of a worker process, for a helper that the client starts, and what pvg-airc takes when told nothing.
 *
 * Memory: the hungriest function of the public corpus takes 90 MiB, so ten times that is no limit for honest modules,
 * and four workers at it still fit beside a guest. CPU: the slowest takes under a second, ten times that is for slow and
 * busy machines. Wall time is twice the CPU time, since a worker that waits for a core is not at fault.
 */
#define AIRC_DEFAULT_MEMORY_MIB    1024u
#define AIRC_DEFAULT_CPU_LIMIT_S   10u
#define AIRC_DEFAULT_TIME_LIMIT_MS 20000u
/* What may be set. Less memory than the least would not even hold a module; more processes only wait for each other. */
#define AIRC_MIN_MEMORY_MIB    16u
#define AIRC_MAX_MEMORY_MIB    65536u
#define AIRC_MAX_CPU_LIMIT_S   3600u
#define AIRC_MAX_TIME_LIMIT_MS 3600000u
#define AIRC_MAX_WORKERS       16u
/* airc_request.type: choose the function by name alone, or take the only one. */
#define AIRC_TYPE_ANY 0x100u

struct airc_request {
    const void *module;         /* metallib, fat file or bitcode (air 1.1); copied */
    size_t module_bytes;        /* 1..AIRC_MAX_MODULE */
    const char *entry;          /* name of the entry point; NULL or "": the only function of @type; copied */
    uint32_t type;              /* TYPE tag the function must have (air 1.5), or AIRC_TYPE_ANY */
    struct air_options options; /* decision 15; unused entries zero */
};

/* What a callback gets. Everything is borrowed and gone when the callback returns. */
struct airc_result {
    enum airc_status status;
    enum air_refuse reason; /* why, in the compiler's own terms; AIR_REFUSE_NONE when it was not the compiler */
    const char *text;       /* one printable ASCII line for people; "" on success; never NULL */
    const uint32_t *spirv;  /* validated by the worker; NULL unless AIRC_OK */
    size_t spirv_words;
    const uint8_t *reflection; /* see air/air_reflect.h, whose reader checks it; NULL unless AIRC_OK */
    size_t reflection_bytes;
    uint32_t compile_us; /* time in the worker, of the original compilation when it came from the cache */
    bool cached;         /* from the disk cache */
};

/*
 * Called exactly once per accepted request, on the client's thread, without a lock held. May call airc_compile(); must
 * not call airc_free(). Must not block for long: other requests wait.
 */
typedef void airc_done_fn(void *opaque, const struct airc_result *result);

struct airc_config {
    size_t size; /* sizeof(struct airc_config) of the caller */
    /*
     * Socket of a running service. NULL: $PVG_AIRC_SOCKET, else the first that answers of
     * $XDG_RUNTIME_DIR/pvg-airc.sock (in a folder of this user) and /run/pvg-airc.sock. "": use no socket, always
     * start a helper.
     */
    const char *socket_path;
    /*
     * Program to start when no socket answers. NULL: $PVG_AIRC, else the installed one, but that one not in a process
     * under a seccomp filter: QEMU's -sandbox, which libvirt gives it, kills a process that starts another. "": never
     * start one.
     */
    const char *program;
    /* Folder of the disk cache. NULL: $XDG_CACHE_HOME/openpvg or ~/.cache/openpvg. "": no disk cache. */
    const char *cache_dir;
    uint64_t cache_bytes;   /* bound on the cache's size on disk; 0: 256 MiB */
    /*
     * Whose shaders these are: a name that stays with the guest, as its UUID does, of at most AIRC_MAX_GUEST bytes;
     * copied. The disk cache gives a guest only what was made for guests of its name. NULL is the name "": guests
     * without a name, of one user, get each other's shaders and have to trust each other.
     */
    const char *guest;
    /*
     * For a helper that we start; 0: the default. A service that somebody else runs has limits of its own, which its
     * administrator sets with options of the same names; a request that exceeds them ends in the same way. Of such a
     * service's time limit no more than @time_limit_ms is believed, where that is set.
     */
    uint32_t workers;          /* worker processes, at most AIRC_MAX_WORKERS; 0: one per core, at most 4 */
    uint32_t time_limit_ms;    /* wall time of one request; exceeded: AIRC_TIMEOUT */
    uint32_t cpu_limit_s;      /* CPU time of one request; exceeded: AIRC_TIMEOUT */
    uint32_t memory_limit_mib; /* memory of one worker, AIRC_MIN_MEMORY_MIB at least; exceeded: AIRC_MEMORY */
    /* Messages for people, from the client's thread, one line without newline; @warning: something does not work. */
    void (*log)(void *opaque, bool warning, const char *message);
    void *opaque; /* first argument of @log */
};

/* Counters since airc_new(), for reports. */
struct airc_stats {
    uint64_t requests, cache_hits, compiled, failed[AIRC_STATUS_COUNT];
    uint64_t connects;   /* times a service was reached, by socket or by starting one */
    uint64_t shared;     /* requests answered by an equal one that was already under way */
    uint64_t remembered; /* requests answered by the memory of what crashed or overran before */
    bool spawned;        /* the present service was started by us */
    uint32_t jail;       /* AIRC_JAIL_* of the present service, 0 when there is none (protocol.h) */
};

/*
 * Make a client and its thread; reaches for the service at once, in the background. @cfg may be NULL for all defaults.
 * Returns 0, -EINVAL for a bad @cfg (a size, a limit or a name out of its range), -ENOMEM, or another negative errno
 * when no thread can be made; *out is NULL then.
 */
int airc_new(const struct airc_config *cfg, struct airc **out);

/*
 * Ask for one function. Any thread; never waits for the compiler, the disk or a callback. The request is copied, and
 * @done will be called once if and only if 0 is returned. -EINVAL: request out of the ranges above; -EBUSY:
 * AIRC_MAX_PENDING or AIRC_MAX_PENDING_BYTES reached; -ESHUTDOWN: a callback asked while airc_free() runs; -ENOMEM.
 */
int airc_compile(struct airc *c, const struct airc_request *req, airc_done_fn *done, void *opaque);

/*
 * Stop. What is not done is cancelled: its callbacks have returned when this returns. Ends a helper that was started.
 * Takes as long as a callback that runs, or a second while a service is being connected to. Not from a callback. NULL
 * is accepted.
 */
void airc_free(struct airc *c);

void airc_get_stats(struct airc *c, struct airc_stats *out);

/* Stable lower-case name ("worker-crash"); "unknown" for any other number. */
const char *airc_status_name(unsigned status);

#endif
