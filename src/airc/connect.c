/* SPDX-License-Identifier: MIT */
/*
 * Connecting to a running service, or starting pvg-airc with a socket as its descriptor 3.
 *
 * VMMs are hostile ground for child processes: their signal masks, leaked descriptors and own wait() calls must not
 * matter, and a process number may be somebody else's by the time we use it. Hence posix_spawn() with everything reset,
 * closefrom, and a pidfd.
 */
#include "airc/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "airc/protocol.h"

#define HELPER_FD 3
/* How long a full queue of connections is waited for, on the client's thread; airc_free() may have to wait as long. */
#define CONNECT_LIMIT_S 1

void airc_link_init(struct airc_link *l)
{
    *l = (struct airc_link){.sock = -1, .helper = -1};
}

static int open_socket(struct airc_link *l, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = CONNECT_LIMIT_S};
    int sock, err;

    if (strlen(path) >= sizeof(addr.sun_path))
        return -ENAMETOOLONG;
    strcpy(addr.sun_path, path);
    sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (sock < 0)
        return -errno;
    /* A busy service's queue of connections may be full for a moment; without blocking that would be a failure. */
    if (setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0 || fcntl(sock, F_SETFL, O_NONBLOCK) < 0) {
        err = -errno;
        close(sock);
        return err;
    }
    l->sock = sock;
    return 0;
}

static int spawn(const struct airc_config *cfg, const char *program, int child_sock, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    const struct {
        const char *name;
        unsigned value; /* 0: not said, the helper has its own */
    } options[] = {
        {"client-fd", HELPER_FD},
        {"workers", cfg->workers},
        {"time-limit", cfg->time_limit_ms},
        {"cpu-limit", cfg->cpu_limit_s},
        {"memory-limit", cfg->memory_limit_mib},
    };
    enum { OPTIONS = sizeof(options) / sizeof(options[0]) };
    char text[OPTIONS][32], *argv[OPTIONS + 2], name[] = "pvg-airc";
    int n = 0, err;

    argv[n++] = name;
    for (unsigned i = 0; i < OPTIONS; i++) {
        if (!options[i].value)
            continue;
        snprintf(text[i], sizeof(text[i]), "--%s=%u", options[i].name, options[i].value);
        argv[n++] = text[i];
    }
    argv[n] = NULL;

    err = posix_spawn_file_actions_init(&actions);
    if (err)
        return -err;
    err = posix_spawnattr_init(&attr);
    if (err)
        goto fini_actions;
    sigemptyset(&none);
    sigfillset(&all);
    err = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
    if (!err)
        err = posix_spawn_file_actions_adddup2(&actions, child_sock, HELPER_FD);
    if (!err)
        err = posix_spawn_file_actions_addclosefrom_np(&actions, HELPER_FD + 1);
    if (!err)
        err = posix_spawnattr_setsigmask(&attr, &none);
    if (!err)
        err = posix_spawnattr_setsigdefault(&attr, &all);
    if (!err)
        err = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!err)
        err = posix_spawn(pid, program, &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
fini_actions:
    posix_spawn_file_actions_destroy(&actions);
    return -err;
}

static int open_helper(struct airc_link *l, const struct airc_config *cfg, const char *program)
{
    int pair[2], err;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    err = spawn(cfg, program, pair[1], &pid);
    close(pair[1]);
    if (err) {
        close(pair[0]);
        return err;
    }
    l->sock = pair[0];
    l->own = true;
    /* Without a pidfd the helper still ends when the socket closes; it is then left to the VMM or init to reap. */
    l->helper = (int)syscall(SYS_pidfd_open, pid, 0);
    return 0;
}

/* Does this thread run under a filter of system calls? prctl(2) would tell too, or be the call that kills. */
static bool filtered(void)
{
    char line[256];
    int mode = 0;
    FILE *f = fopen("/proc/thread-self/status", "re");

    if (!f)
        return false;
    while (fgets(line, sizeof(line), f) && sscanf(line, "Seccomp: %d", &mode) != 1)
        ;
    fclose(f);
    return mode != 0;
}

int airc_link_open(struct airc_link *l, const struct airc_config *cfg, unsigned way, char *what, size_t what_bytes)
{
    const char *path = cfg->socket_path ? cfg->socket_path : getenv("PVG_AIRC_SOCKET");
    const char *program = cfg->program ? cfg->program : getenv("PVG_AIRC");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    static const char installed[] = AIRC_PROGRAM;
    struct stat st;

    airc_link_init(l);
    what[0] = 0;
    switch (way) {
    case 0: /* the caller's or the environment's choice; alone among the sockets when there is one */
        if (!path || !path[0])
            return -ENOENT;
        snprintf(what, what_bytes, "%s", path);
        return open_socket(l, what);
    case 1:
        if (path || !runtime || runtime[0] != '/')
            return -ENOENT;
        snprintf(what, what_bytes, "%s/pvg-airc.sock", runtime);
        if (stat(runtime, &st) == 0 && st.st_uid != geteuid())
            return -EPERM; /* sudo and su may leave another user's behind */
        return open_socket(l, what);
    case 2:
        if (path)
            return -ENOENT;
        snprintf(what, what_bytes, "%s", "/run/pvg-airc.sock");
        return open_socket(l, what);
    case 3:
        if (!program)
            program = installed;
        if (!program[0])
            return -ENOENT;
        snprintf(what, what_bytes, "%s", program);
        if (program == installed && filtered())
            return AIRC_LINK_FILTERED; /* who names a program knows that it may be started */
        return open_helper(l, cfg, what);
    default:
        return -ERANGE;
    }
}

void airc_link_close(struct airc_link *l)
{
    siginfo_t info;

    if (l->sock >= 0)
        close(l->sock);
    if (l->helper >= 0) {
        /* It has nothing to save. If the VMM reaped it before us, both calls fail and that is fine. */
        (void)syscall(SYS_pidfd_send_signal, l->helper, SIGKILL, NULL, 0);
        while (waitid((idtype_t)P_PIDFD, (id_t)l->helper, &info, WEXITED) < 0 && errno == EINTR)
            ;
        close(l->helper);
    }
    airc_link_init(l);
}
