/* SPDX-License-Identifier: MIT */
/* Helpers of the tests of client and service; see airc_test.h. */
#include "airc_test.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "airc/sealed.h"

/* Only a bug makes a test wait so long; it is then a failure and not a hang. */
#define PATIENCE_S 280

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;

uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void scratch_make(struct scratch *s)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(s->path, sizeof(s->path), "%.200s/pvg-airc-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(s->path));
    snprintf(s->socket, sizeof(s->socket), "%s/airc.sock", s->path);
    snprintf(s->cache, sizeof(s->cache), "%s/cache", s->path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

void scratch_remove(struct scratch *s)
{
    assert_int_equal(nftw(s->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* A test that fails does not get to stop its service. */
static struct {
    pid_t pid;
    char socket_path[400];
} services[8];

static void end_services(void)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        if (services[i].pid)
            kill(services[i].pid, SIGKILL);
}

static void remember_service(pid_t pid, const char *socket_path)
{
    static bool registered;

    if (!registered)
        assert_int_equal(atexit(end_services), 0);
    registered = true;
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        if (!services[i].pid) {
            services[i].pid = pid;
            snprintf(services[i].socket_path, sizeof(services[i].socket_path), "%s", socket_path);
            return;
        }
}

static int can_connect(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), ok;

    assert_true(fd >= 0 && strlen(path) < sizeof(addr.sun_path));
    strcpy(addr.sun_path, path);
    ok = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
    close(fd);
    return ok;
}

/*
 * A worker that had just been forked when its service died has the listening socket too, until the kernel has ended it: the
 * next service at that path would find it served, and a client would be connected to nobody.
 */
void service_forget(pid_t pid)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (services[i].pid != pid)
            continue;
        services[i].pid = 0;
        for (uint64_t end = now_ns() + PATIENCE_S * 1000000000ull; can_connect(services[i].socket_path);) {
            assert_true(now_ns() < end);
            poll(NULL, 0, 2);
        }
    }
}

pid_t service_start(const char *program, const char *socket_path, ...)
{
    char listen[400], *argv[16];
    int n = 0;
    va_list ap;
    pid_t pid;

    snprintf(listen, sizeof(listen), "--listen=%s", socket_path);
    argv[n++] = (char *)(uintptr_t)program;
    argv[n++] = listen;
    va_start(ap, socket_path);
    while (n < 15 && (argv[n] = va_arg(ap, char *)))
        n++;
    va_end(ap);
    argv[n] = NULL;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execv(program, argv);
        _exit(127);
    }
    remember_service(pid, socket_path);
    for (uint64_t end = now_ns() + PATIENCE_S * 1000000000ull; !can_connect(socket_path);) {
        assert_true(now_ns() < end && service_alive(pid));
        poll(NULL, 0, 2);
    }
    return pid;
}

int service_alive(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == 0;
}

int service_stop(pid_t pid)
{
    int status = -1;

    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    service_forget(pid);
    return status;
}

static void done(void *opaque, const struct airc_result *r)
{
    struct answer *a = opaque;

    pthread_mutex_lock(&lock);
    a->count++;
    a->status = r->status;
    a->reason = r->reason;
    snprintf(a->text, sizeof(a->text), "%s", r->text);
    a->cached = r->cached;
    if (r->spirv) {
        a->words = r->spirv_words;
        a->spirv = malloc(a->words * 4);
        memcpy(a->spirv, r->spirv, a->words * 4);
    }
    if (r->reflection) {
        a->reflection_bytes = r->reflection_bytes;
        a->reflection = malloc(a->reflection_bytes);
        memcpy(a->reflection, r->reflection, a->reflection_bytes);
    }
    pthread_cond_broadcast(&answered);
    pthread_mutex_unlock(&lock);
}

void answer_fini(struct answer *a)
{
    free(a->spirv);
    free(a->reflection);
    memset(a, 0, sizeof(*a));
}

int ask_async(struct airc *c, const char *entry, const void *module, size_t bytes, struct answer *a)
{
    struct airc_request req = {.module = module, .module_bytes = bytes, .entry = entry, .type = AIRC_TYPE_ANY};

    req.options.size = sizeof(req.options);
    memset(a, 0, sizeof(*a));
    return airc_compile(c, &req, done, a);
}

void answer_wait(struct answer *a)
{
    struct timespec end;
    int err = 0;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&lock);
    while (!a->count && !err)
        err = pthread_cond_timedwait(&answered, &lock, &end);
    pthread_mutex_unlock(&lock);
    assert_int_equal(err, 0);
}

int answer_come(struct answer *a)
{
    int count;

    pthread_mutex_lock(&lock);
    count = a->count;
    pthread_mutex_unlock(&lock);
    return count;
}

void ask(struct airc *c, const char *entry, const void *module, size_t bytes, struct answer *a)
{
    assert_int_equal(ask_async(c, entry, module, bytes, a), 0);
    answer_wait(a);
}

void check_ok(const struct answer *a, const char *module)
{
    assert_int_equal(a->count, 1);
    if (a->status != AIRC_OK)
        fail_msg("%s: %s", airc_status_name(a->status), a->text);
    assert_string_equal(a->text, "");
    assert_int_equal(a->spirv[0], 0x07230203);
    assert_int_equal(a->reflection_bytes, strlen(module));
    assert_memory_equal(a->reflection, module, strlen(module));
}

void ask_ok(struct airc *c, const char *entry, const char *module)
{
    struct answer a;

    ask(c, entry, module, strlen(module), &a);
    check_ok(&a, module);
    answer_fini(&a);
}

void ask_failing(struct airc *c, const char *entry, enum airc_status want, const char *text)
{
    struct answer a;

    ask(c, entry, "module", 6, &a);
    if (a.status != want || !strstr(a.text, text))
        fail_msg("%s: %s: %s", entry, airc_status_name(a.status), a.text);
    assert_int_equal(a.count, 1);
    assert_null(a.spirv);
    assert_null(a.reflection);
    answer_fini(&a);
}

static void log_line(void *opaque, bool warning, const char *message)
{
    print_message("  %s%s\n", warning ? "warning: " : "", message);
}

struct airc *client_make(const char *socket_path, const char *program, const char *cache)
{
    struct airc_config cfg = {
        .size = sizeof(cfg),
        .socket_path = socket_path,
        .program = program,
        .cache_dir = cache,
        .workers = 2,
        /* Filling the memory limit is to be done long before the time limit, on a machine that does much else, too. */
        .memory_limit_mib = 256,
        .time_limit_ms = 200000,
        .log = log_line,
    };
    struct airc *c;

    assert_int_equal(airc_new(&cfg, &c), 0);
    return c;
}

int serve_at(const char *path, int type)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strcpy(addr.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

union airc_message hello(void)
{
    union airc_message m;

    airc_message_init(&m, AIRC_HELLO);
    m.hello.max_request = AIRC_MAX_BODY;
    m.hello.max_result = AIRC_MAX_RESULT;
    m.hello.max_open = 4;
    m.hello.time_limit_ms = 1000;
    m.hello.workers = 1;
    strcpy(m.hello.version, "hostile");
    return m;
}

ssize_t receive_one(int fd, union airc_message *m, int *file)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&p, 1, 60000), 1);
    return sealed_recv(fd, m, sizeof(*m), file, 1);
}

const char *test_program(void)
{
    const char *program = getenv("PVG_AIRC_FAKE");

    if (!program)
        print_message("SKIP: PVG_AIRC_FAKE is not set: run by meson\n");
    unsetenv("PVG_AIRC");
    unsetenv("PVG_AIRC_SOCKET");
    unsetenv("XDG_RUNTIME_DIR");
    return program;
}
