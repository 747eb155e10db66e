/* SPDX-License-Identifier: MIT */
/*
 * pvg-airc: the shader compiler as a service, in processes of its own (docs/man/pvg-airc.1).
 *
 * Started by a client with a connected socket, by systemd with a listening one, or by hand with a path. Sets up, then
 * goes to jail and serves (service.c). Untrusted bytes are only ever looked at by workers (worker.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "airc/hash.h"
#include "compiler.h"
#include "service.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define DEFAULT_WORKERS_MAX 4u
/* Deep but honest modules recurse in LLVM; 64 MiB is eight times what a program usually has. */
#define STACK_BYTES (64ull << 20)
/* CPU seconds of a worker's whole life: WORKER_MAX_REQUESTS of the slowest honest kind. */
#define WORKER_LIFE_CPU_S 1800u
#define LISTEN_FD         3 /* sd_listen_fds(3) */
/* The lock on the socket's folder is held for as long as bind() and listen() take. */
#define LOCK_STEP_MS  20u
#define LOCK_LIMIT_MS 5000u

struct options {
    unsigned workers, time_limit_ms, cpu_limit_s, memory_mib, idle_exit_s;
    int client_fd;
    const char *listen_path;
};

static _Noreturn void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void fail(const char *fmt, ...)
{
    va_list ap;

    fputs("pvg-airc: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

static unsigned number(const char *name, const char *text, unsigned min, unsigned max)
{
    char *end;
    unsigned long v;

    errno = 0;
    v = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || v < min || v > max)
        fail("--%s wants a number from %u to %u, not \"%s\"", name, min, max, text);
    return (unsigned)v;
}

static void usage(void)
{
    puts("Usage: pvg-airc [OPTION]...\n"
         "Compile guests' shaders for OpenPVG in jailed worker processes. Serves the listening socket that systemd\n"
         "hands over, or:\n"
         "  --listen=PATH        make a socket at PATH and serve it\n"
         "  --client-fd=N        serve the connected socket that is descriptor N, and end with it\n"
         "Limits:\n"
         "  --workers=N          worker processes (default: one per core, at most 4)\n"
         "  --time-limit=MS      wall time of one function (default: 20000)\n"
         "  --cpu-limit=S        CPU time of one function (default: 10)\n"
         "  --memory-limit=MIB   memory of one worker (default: 1024)\n"
         "  --idle-exit=S        end after S seconds without a client (default: never)\n"
         "  --version, --help");
}

static void parse(int argc, char **argv, struct options *o)
{
    enum { WORKERS = 256, TIME, CPU, MEMORY, IDLE, CLIENT, LISTEN, VERSION, HELP };
    static const struct option longs[] = {
        {"workers", required_argument, NULL, WORKERS},
        {"time-limit", required_argument, NULL, TIME},
        {"cpu-limit", required_argument, NULL, CPU},
        {"memory-limit", required_argument, NULL, MEMORY},
        {"idle-exit", required_argument, NULL, IDLE},
        {"client-fd", required_argument, NULL, CLIENT},
        {"listen", required_argument, NULL, LISTEN},
        {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    char version[64];
    int opt;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (opt) {
        case WORKERS:
            o->workers = number("workers", optarg, 1, SERVICE_MAX_WORKERS);
            break;
        case TIME:
            o->time_limit_ms = number("time-limit", optarg, 1, AIRC_MAX_TIME_LIMIT_MS);
            break;
        case CPU:
            o->cpu_limit_s = number("cpu-limit", optarg, 1, AIRC_MAX_CPU_LIMIT_S);
            break;
        case MEMORY:
            o->memory_mib = number("memory-limit", optarg, AIRC_MIN_MEMORY_MIB, AIRC_MAX_MEMORY_MIB);
            break;
        case IDLE:
            o->idle_exit_s = number("idle-exit", optarg, 0, 1000000);
            break;
        case CLIENT:
            o->client_fd = (int)number("client-fd", optarg, 3, 1 << 20);
            break;
        case LISTEN:
            o->listen_path = optarg;
            break;
        case VERSION:
            compiler_version(version, sizeof(version));
            puts(version);
            exit(0);
        case HELP:
            usage();
            exit(0);
        default:
            exit(1); /* getopt has said what is wrong */
        }
    }
    if (optind < argc)
        fail("unexpected argument \"%s\"", argv[optind]);
}

static void check_socket(int fd, const char *what)
{
    socklen_t n = sizeof(int);
    int type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0)
        fail("%s %d is not a socket", what, fd);
    if (type != SOCK_SEQPACKET)
        fail("%s %d is not a sequential-packet socket (ListenSequentialPacket= in the unit)", what, fd);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        fail("%s %d: %s", what, fd, strerror(errno));
}

/*
 * Of two that start at once, the second could take the first one's socket, bound and not yet listened to, for a dead one's.
 * So one at a time looks and binds. The lock is on the folder, so that no file is left lying about.
 */
static int lock_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int fd;

    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    fd = open(slash == path ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned waited_ms = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0; waited_ms += LOCK_STEP_MS) {
        if (errno != EWOULDBLOCK || waited_ms >= LOCK_LIMIT_MS) { /* a folder may be locked by anybody who can read it */
            close(fd);
            return -1;
        }
        (void)usleep(LOCK_STEP_MS * 1000);
    }
    return fd;
}

/* A socket file whose server died is in the way of the next one; one that is served is not touched. */
static void remove_stale(const struct sockaddr_un *addr)
{
    /* Without waiting: a server that is too busy to take connections is one all the same. */
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct ucred peer = {0};
    socklen_t n = sizeof(peer);

    if (fd < 0)
        fail("no socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0) {
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.pid > 0)
            fail("%s is served already, by process %ld of user %lu", addr->sun_path, (long)peer.pid,
                 (unsigned long)peer.uid);
        fail("%s is served already", addr->sun_path);
    }
    if (errno == EAGAIN)
        fail("%s is served already", addr->sun_path);
    if (errno == ECONNREFUSED)
        (void)unlink(addr->sun_path); /* bind() says when this failed */
    close(fd);
}

static int listen_at(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd, lock;
    mode_t mask;

    if (strlen(path) >= sizeof(addr.sun_path))
        fail("--listen: the path is longer than %zu bytes", sizeof(addr.sun_path) - 1);
    strcpy(addr.sun_path, path);
    lock = lock_folder(path); /* without one, two that start at once are on their own */
    remove_stale(&addr);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail("no socket: %s", strerror(errno));
    mask = umask(0177); /* for the user alone; who wants more uses the systemd unit */
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, SOMAXCONN) < 0)
        fail("%s: %s", path, strerror(errno));
    umask(mask);
    if (lock >= 0)
        close(lock);
    return fd;
}

/* The socket that systemd hands over, or -1. */
static int activation_socket(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

    if (!pid || !fds || strtoul(pid, NULL, 10) != (unsigned long)getpid())
        return -1;
    if (strcmp(fds, "1") != 0)
        fail("%s sockets were handed over, one is wanted", fds);
    check_socket(LISTEN_FD, "activation socket");
    return LISTEN_FD;
}

static unsigned default_workers(void)
{
    cpu_set_t set;
    unsigned n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;

    return n > DEFAULT_WORKERS_MAX ? DEFAULT_WORKERS_MAX : n;
}

/* Tell one build of the compiler from another: this program's bytes and the libraries behind it. */
static void fingerprint(uint8_t out[16])
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct airc_key key = {{0}};
    char identity[128];
    struct stat st;
    void *p;

    compiler_version(identity, sizeof(identity));
    key = airc_hash(key, identity, strlen(identity));
    compiler_identity(identity, sizeof(identity));
    key = airc_hash(key, identity, strlen(identity));
    if (fd < 0 || fstat(fd, &st) < 0)
        fail("cannot read /proc/self/exe, which tells versions of the compiler apart: %s", strerror(errno));
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        fail("/proc/self/exe: %s", strerror(errno));
    key = airc_hash(key, p, (size_t)st.st_size);
    munmap(p, (size_t)st.st_size);
    close(fd);
    memcpy(out, key.v, 16);
}

/* Standard descriptors point nowhere; clients' descriptors get all the room there is. */
static void set_up_descriptors(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct rlimit files;

    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        fail("/dev/null: %s", strerror(errno));
    if (null > 2)
        close(null);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* fewer only means that requests wait */
    }
}

int main(int argc, char **argv)
{
    struct options o = {.client_fd = -1,
                        .workers = default_workers(),
                        .time_limit_ms = AIRC_DEFAULT_TIME_LIMIT_MS,
                        .cpu_limit_s = AIRC_DEFAULT_CPU_LIMIT_S,
                        .memory_mib = AIRC_DEFAULT_MEMORY_MIB};
    static struct service_config cfg;
    int err;

    parse(argc, argv, &o);
    cfg.client_fd = o.client_fd;
    cfg.listen_fd = -1;
    if (o.client_fd >= 0)
        check_socket(o.client_fd, "client socket");
    else
        cfg.listen_fd = o.listen_path ? listen_at(o.listen_path) : activation_socket();
    if (cfg.listen_fd < 0 && cfg.client_fd < 0)
        fail("no socket to serve: say --listen=PATH, or start it by systemd's pvg-airc.socket");

    set_up_descriptors();
    signal(SIGPIPE, SIG_IGN);
    cfg.workers = o.workers;
    cfg.time_limit_ms = o.time_limit_ms;
    cfg.idle_exit_s = o.idle_exit_s;
    compiler_version(cfg.version, sizeof(cfg.version));
    fingerprint(cfg.fingerprint);
    compiler_warm_up();
    cfg.worker = (struct worker_config){
        .limits = {.base_bytes = jail_address_space(),
                   /* Sanitizers reserve terabytes of address space. */
                   .memory_bytes = SANITIZED ? 0 : (uint64_t)o.memory_mib << 20,
                   .stack_bytes = STACK_BYTES,
                   .file_bytes = AIRC_MAX_RESULT,
                   .cpu_s = WORKER_LIFE_CPU_S},
        .cpu_s = o.cpu_limit_s,
        .quiet = !SANITIZED,
    };
    err = jail_service(&cfg.jail);
    if (err)
        fail("no seccomp filter (%s): will not compile guests' shaders unprotected", strerror(-err));
    _exit(service_run(&cfg)); /* nothing is buffered, and exit handlers of libraries do not expect a jail */
}
