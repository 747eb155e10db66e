/* SPDX-License-Identifier: MIT */
/*
 * Client against service with the stand-in compiler: every way a request can end, a service that dies, hangs, lies or
 * is not there, fairness and separation of clients, limits, the cache in between.
 *
 * $PVG_AIRC_FAKE is the program. Nothing in here waits for a time to pass but the time limit itself.
 */
#include "airc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "airc/protocol.h"
#include "airc/sealed.h"

/* Is the service built with AddressSanitizer, as this is? */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static const char *program;

static void check_ok(const struct answer *a, const char *module)
{
    assert_int_equal(a->count, 1);
    if (a->status != AIRC_OK)
        fail_msg("%s: %s", airc_status_name(a->status), a->text);
    assert_string_equal(a->text, "");
    assert_int_equal(a->spirv[0], 0x07230203);
    assert_int_equal(a->reflection_bytes, strlen(module));
    assert_memory_equal(a->reflection, module, strlen(module));
}

static void ask_ok(struct airc *c, const char *entry, const char *module)
{
    struct answer a;

    ask(c, entry, module, strlen(module), &a);
    check_ok(&a, module);
    answer_fini(&a);
}

static void ask_failing(struct airc *c, const char *entry, enum airc_status want, const char *text)
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

/* --- a helper of our own --- */

static void spawned_helper_compiles(void **state)
{
    struct airc *c = client_make("", program, "");
    struct airc_stats stats;

    ask_ok(c, "main0", "some module");
    ask_ok(c, "words:5", "x");
    ask_ok(c, "words:1000000", "another module");
    ask_ok(c, NULL, "no name");
    airc_get_stats(c, &stats);
    assert_true(stats.spawned);
    assert_int_equal(stats.requests, 4);
    assert_int_equal(stats.compiled, 4);
    assert_int_equal(stats.connects, 1);
    print_message("  jail: %#x\n", stats.jail);
    assert_true(stats.jail & AIRC_JAIL_SECCOMP);
    airc_free(c);
}

/* Each ends one request by name and leaves the service whole: the next request works. */
static void every_death_has_a_name(void **state)
{
    static const struct {
        const char *entry, *text;
        enum airc_status want;
        enum air_refuse reason;
    } cases[] = {
        {"refuse", "intrinsic: there is no air.frobnicate", AIRC_REFUSED, AIR_REFUSE_INTRINSIC},
        {"abort", "SIGABRT", AIRC_CRASH, AIR_REFUSE_WORKER_CRASH},
        {"segv", "SIGSEGV", AIRC_CRASH, AIR_REFUSE_WORKER_CRASH},
        {"stack", "SIGSEGV", AIRC_CRASH, AIR_REFUSE_WORKER_CRASH},
        {"exit", "ended with status 0", AIRC_CRASH, AIR_REFUSE_WORKER_CRASH},
        {"fatal", "aborted: a?message ?[31m", AIRC_CRASH, AIR_REFUSE_WORKER_CRASH},
        {"memory", "memory", AIRC_MEMORY, AIR_REFUSE_WORKER_CRASH},
        {"lie-id", "malformed", AIRC_BAD_REPLY, AIR_REFUSE_NONE},
        {"lie-status", "hold together", AIRC_BAD_REPLY, AIR_REFUSE_NONE},
        {"lie-size", "hold together", AIRC_BAD_REPLY, AIR_REFUSE_NONE},
        {"lie-short", "malformed", AIRC_BAD_REPLY, AIR_REFUSE_NONE},
        {"map-writable", "hold together", AIRC_BAD_REPLY, AIR_REFUSE_NONE},
        {"no-spirv", "not SPIR-V", AIRC_BAD_REPLY, AIR_REFUSE_NONE},
        {"huge-file", "EFBIG", AIRC_REFUSED, AIR_REFUSE_INTRINSIC},
        {"words:16777200", "larger", AIRC_TOO_LARGE, AIR_REFUSE_NONE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct airc *c = client_make("", program, "");
        struct answer a;

        /* A module large enough that SPIR-V of nearly the limit and this reflection are too much together. */
        static uint8_t module[65536];

        if (SANITIZED && cases[i].want == AIRC_MEMORY) {
            airc_free(c);
            continue; /* a sanitizer's address space cannot be limited */
        }
        print_message("  %s\n", cases[i].entry);
        ask(c, cases[i].entry, module, sizeof(module), &a);
        if (a.status != cases[i].want || !strstr(a.text, cases[i].text))
            fail_msg("%s: %s: %s", cases[i].entry, airc_status_name(a.status), a.text);
        assert_int_equal(a.reason, cases[i].reason);
        assert_null(a.spirv);
        answer_fini(&a);
        ask_ok(c, "main0", "the next one");
        airc_free(c);
    }
}

static void jail_holds(void **state)
{
    static const struct {
        const char *entry;
        enum airc_status want;
        const char *text;
    } cases[] = {
        {"open", AIRC_REFUSED, "EACCES"},
        {"create", AIRC_REFUSED, "EACCES"},
        {"stat", AIRC_REFUSED, "EACCES"},
        {"socket", AIRC_JAIL, "system call"},
        {"fork", AIRC_JAIL, "system call"},
        {"exec", AIRC_JAIL, "system call"},
        {"kill", AIRC_JAIL, "system call"},
        {"ptrace", AIRC_JAIL, "system call"},
        {"unshare", AIRC_JAIL, "system call"},
        {"memfd", AIRC_JAIL, "system call"},
        {"code", AIRC_JAIL, "system call"},
        {"make-code", AIRC_JAIL, "system call"},
        {"bigger", AIRC_REFUSED, "EPERM"},
        /* Standard descriptors, the service, the request and the result. Nothing of the service's own, no other client.
         */
        {"files", AIRC_REFUSED, "0 1 2 3 4 5 "},
        {"limits", AIRC_REFUSED, SANITIZED ? "0 1 1 1 1 " : "1 1 1 1 1 "},
    };
    struct airc *c = client_make("", program, "");

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("  %s\n", cases[i].entry);
        ask_failing(c, cases[i].entry, cases[i].want, cases[i].text);
    }
    ask_ok(c, "main0", "still there");
    airc_free(c);
    assert_int_equal(access("/tmp/pvg-airc-escape", F_OK), -1);
}

static void time_and_cpu_limits(void **state)
{
    struct scratch s;
    struct airc *c;
    uint64_t start;
    pid_t pid;

    scratch_make(&s);
    pid = service_start(program, s.socket, "--time-limit=300", "--workers=1", NULL);
    c = client_make(s.socket, "", "");
    start = now_ns();
    ask_failing(c, "hang", AIRC_TIMEOUT, "longer than it may");
    assert_true(now_ns() - start >= 300000000u);
    ask_ok(c, "main0", "after a timeout");
    airc_free(c);
    assert_true(service_alive(pid));
    service_stop(pid);

    pid = service_start(program, s.socket, "--cpu-limit=1", "--workers=1", NULL);
    c = client_make(s.socket, "", "");
    ask_failing(c, "spin", AIRC_TIMEOUT, "CPU time");
    ask_ok(c, "main0", "after a CPU limit");
    airc_free(c);
    service_stop(pid);
    scratch_remove(&s);
}

static void what_kills_is_remembered(void **state)
{
    struct airc *c = client_make("", program, "");
    struct airc_stats stats;

    for (int i = 0; i < 5; i++)
        ask_failing(c, "abort", AIRC_CRASH, "SIGABRT");
    airc_get_stats(c, &stats);
    assert_int_equal(stats.remembered, 3);
    assert_int_equal(stats.failed[AIRC_CRASH], 5);
    /* Another module under the same name is another request. */
    ask_ok(c, "main0", "module");
    airc_free(c);
}

/* --- many requests --- */

static void many_at_once(void **state)
{
    enum { N = 300 };
    static struct answer answers[N];
    struct airc *c = client_make("", program, "");
    char module[16];

    for (int i = 0; i < N; i++) {
        snprintf(module, sizeof(module), "module %d", i);
        assert_int_equal(ask_async(c, i % 50 == 7 ? "abort" : "main0", module, strlen(module), &answers[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        snprintf(module, sizeof(module), "module %d", i);
        answer_wait(&answers[i]);
        if (i % 50 == 7)
            assert_int_equal(answers[i].status, AIRC_CRASH);
        else
            check_ok(&answers[i], module);
        answer_fini(&answers[i]);
    }
    airc_free(c);
}

static void equal_requests_are_asked_once(void **state)
{
    enum { N = 20 };
    static struct answer answers[N];
    struct airc *c = client_make("", program, "");
    struct airc_stats stats;

    for (int i = 0; i < N; i++)
        assert_int_equal(ask_async(c, "words:1000", "same", 4, &answers[i]), 0);
    for (int i = 0; i < N; i++) {
        answer_wait(&answers[i]);
        check_ok(&answers[i], "same");
        answer_fini(&answers[i]);
    }
    airc_get_stats(c, &stats);
    assert_int_equal(stats.requests, N);
    assert_int_equal(stats.compiled + stats.shared, N);
    airc_free(c);
}

struct storm {
    struct airc *c;
    int number;
};

static void *storm(void *arg)
{
    struct storm *s = arg;
    char module[32];

    for (int i = 0; i < 100; i++) {
        struct answer a;

        snprintf(module, sizeof(module), "thread %d request %d", s->number, i);
        assert_int_equal(ask_async(s->c, "main0", module, strlen(module), &a), 0);
        answer_wait(&a);
        check_ok(&a, module);
        answer_fini(&a);
    }
    return NULL;
}

static void many_threads(void **state)
{
    struct airc *c = client_make("", program, "");
    pthread_t threads[4];
    struct storm s[4];

    for (int i = 0; i < 4; i++) {
        s[i] = (struct storm){c, i};
        assert_int_equal(pthread_create(&threads[i], NULL, storm, &s[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    airc_free(c);
}

static void free_cancels(void **state)
{
    enum { N = 100 };
    static struct answer answers[N];
    struct airc *c = client_make("", program, "");
    char module[16];

    for (int i = 0; i < N; i++) {
        snprintf(module, sizeof(module), "module %d", i);
        assert_int_equal(ask_async(c, "hang", module, strlen(module), &answers[i]), 0);
    }
    airc_free(c);
    for (int i = 0; i < N; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].status, AIRC_CANCELLED);
        answer_fini(&answers[i]);
    }
    airc_free(NULL);
}

/* A guest that asks faster than shaders compile is refused, and can ask again when some are done. */
static void pending_is_bounded(void **state)
{
    static struct answer answers[AIRC_MAX_PENDING], more;
    const size_t big = 1u << 20;
    uint8_t *module = calloc(1, big);
    struct airc *c = client_make("", program, "");
    unsigned n = 0;

    while (n < AIRC_MAX_PENDING && ask_async(c, "hang", &n, sizeof(n), &answers[n]) == 0)
        n++;
    assert_int_equal(n, AIRC_MAX_PENDING);
    assert_int_equal(ask_async(c, "hang", "m", 1, &more), -EBUSY);
    airc_free(c);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(answers[i].count, 1);

    c = client_make("", program, "");
    for (n = 0; ask_async(c, "hang", module, big - n, &answers[n]) == 0;)
        n++;
    assert_in_range(n, AIRC_MAX_PENDING_BYTES / big - 1, AIRC_MAX_PENDING_BYTES / big);
    assert_int_equal(ask_async(c, "hang", module, big - n, &more), -EBUSY);
    airc_free(c);

    c = client_make("", program, "");
    for (int round = 0; round < 2; round++) {
        for (n = 0; n < 100; n++)
            assert_int_equal(ask_async(c, "main0", module, big - n, &answers[n]), 0);
        for (n = 0; n < 100; n++) {
            answer_wait(&answers[n]);
            assert_int_equal(answers[n].status, AIRC_OK);
            answer_fini(&answers[n]);
        }
    }
    airc_free(c);
    free(module);
}

struct chain {
    struct airc *c;
    int left, late;
    struct answer end;
};

static void chain_done(void *opaque, const struct airc_result *r)
{
    struct chain *chain = opaque;
    struct airc_request req = {.module = "m", .module_bytes = 1, .entry = "hang", .type = AIRC_TYPE_ANY};

    req.options.size = sizeof(req.options);
    req.options.caps = (uint32_t)chain->left--;
    if (r->status == AIRC_CANCELLED)
        chain->late = airc_compile(chain->c, &req, chain_done, chain);
    else
        assert_int_equal(r->status, AIRC_OK);
}

/* A callback may ask again; once the client stops it is told so, and nothing is lost. */
static void callbacks_may_ask(void **state)
{
    struct chain chain = {.c = client_make("", program, ""), .left = 3};
    struct airc_request req = {.module = "m", .module_bytes = 1, .entry = "hang", .type = AIRC_TYPE_ANY};

    req.options.size = sizeof(req.options);
    assert_int_equal(airc_compile(chain.c, &req, chain_done, &chain), 0);
    airc_free(chain.c);
    assert_int_equal(chain.left, 2);
    assert_int_equal(chain.late, -ESHUTDOWN);
}

static void bad_callers(void **state)
{
    struct airc_request req = {.module = "m", .module_bytes = 1, .type = AIRC_TYPE_ANY};
    struct airc_config cfg = {.size = 1};
    struct airc *c;

    assert_int_equal(airc_new(&cfg, &c), -EINVAL);
    assert_null(c);
    c = client_make("", program, "");
    assert_int_equal(airc_compile(c, &req, chain_done, NULL), -EINVAL); /* options.size */
    req.options.size = sizeof(req.options);
    assert_int_equal(airc_compile(c, &req, NULL, NULL), -EINVAL);
    req.module_bytes = 0;
    assert_int_equal(airc_compile(c, &req, chain_done, NULL), -EINVAL);
    req.module_bytes = AIRC_MAX_MODULE + 1u;
    assert_int_equal(airc_compile(c, &req, chain_done, NULL), -EINVAL);
    airc_free(c);
}

/* --- services that somebody else runs --- */

static void socket_service_serves_several(void **state)
{
    struct airc *clients[3];
    struct airc_stats stats;
    struct answer hang;
    struct scratch s;
    pid_t pid;

    scratch_make(&s);
    pid = service_start(program, s.socket, "--workers=2", NULL);
    for (int i = 0; i < 3; i++)
        clients[i] = client_make(s.socket, "", "");
    /* One client blocks one worker; the others share what is left, and each gets an own one. */
    assert_int_equal(ask_async(clients[0], "hang", "m", 1, &hang), 0);
    ask_ok(clients[0], "main0", "behind the one that hangs"); /* which has its worker now */
    for (int round = 0; round < 20; round++)
        for (int i = 1; i < 3; i++) {
            struct answer a;

            ask(clients[i], "main0", &round, sizeof(round), &a);
            assert_int_equal(a.status, AIRC_OK);
            /* The worker has served nobody before: the two clients take turns. */
            assert_int_equal(a.spirv[4], 1);
            answer_fini(&a);
        }
    airc_get_stats(clients[1], &stats);
    assert_false(stats.spawned);
    airc_free(clients[0]);
    assert_int_equal(hang.status, AIRC_CANCELLED);
    /* Alone, a client keeps its worker. */
    for (int round = 100; round < 104; round++) {
        struct answer a;

        ask(clients[1], "main0", &round, sizeof(round), &a);
        assert_int_equal(a.status, AIRC_OK);
        answer_fini(&a);
    }
    airc_free(clients[1]);
    airc_free(clients[2]);
    assert_true(service_alive(pid));
    service_stop(pid);
    scratch_remove(&s);
}

static void default_path_and_environment(void **state)
{
    struct airc_stats stats;
    struct scratch s;
    struct airc *c;
    char path[400];
    pid_t pid;

    scratch_make(&s);
    snprintf(path, sizeof(path), "%s/pvg-airc.sock", s.path);
    pid = service_start(program, path, NULL);
    setenv("XDG_RUNTIME_DIR", s.path, 1);
    c = client_make(NULL, "", "");
    ask_ok(c, "main0", "by runtime folder");
    airc_free(c);
    unsetenv("XDG_RUNTIME_DIR");
    setenv("PVG_AIRC_SOCKET", path, 1);
    c = client_make(NULL, "", "");
    ask_ok(c, "main0", "by environment");
    airc_free(c);
    service_stop(pid);
    /* Nobody serves the socket: the program of the environment is started. */
    setenv("PVG_AIRC", program, 1);
    c = client_make(NULL, NULL, "");
    ask_ok(c, "main0", "by program");
    airc_get_stats(c, &stats);
    assert_true(stats.spawned);
    airc_free(c);
    unsetenv("PVG_AIRC_SOCKET");
    unsetenv("PVG_AIRC");
    scratch_remove(&s);
}

static void nobody_there(void **state)
{
    struct scratch s;
    struct airc *c;

    scratch_make(&s);
    c = client_make(s.socket, "", "");
    ask_failing(c, "main0", AIRC_UNAVAILABLE, "No such file");
    ask_failing(c, "main0", AIRC_UNAVAILABLE, "No such file");
    airc_free(c);
    c = client_make("", "", "");
    ask_failing(c, "main0", AIRC_UNAVAILABLE, "configured");
    airc_free(c);
    c = client_make("", "/nonexistent/pvg-airc", "");
    ask_failing(c, "main0", AIRC_UNAVAILABLE, "/nonexistent/pvg-airc: No such file");
    airc_free(c);
    /* A program that is no service. */
    c = client_make("", "/bin/true", "");
    ask_failing(c, "main0", AIRC_UNAVAILABLE, "ended before its greeting");
    airc_free(c);
    scratch_remove(&s);
}

static void service_dies_and_comes_back(void **state)
{
    struct answer hang;
    struct scratch s;
    struct airc *c;
    pid_t pid;
    int status;

    scratch_make(&s);
    pid = service_start(program, s.socket, NULL);
    c = client_make(s.socket, program, "");
    ask_ok(c, "main0", "one");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    service_forget(pid);
    ask_ok(c, "main0", "two"); /* by a helper */
    airc_free(c);

    /* A request that was under way is asked again elsewhere, and given up the second time. */
    pid = service_start(program, s.socket, NULL);
    c = client_make(s.socket, "", "");
    ask_ok(c, "main0", "one");
    assert_int_equal(ask_async(c, "hang", "m", 1, &hang), 0);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    service_forget(pid);
    answer_wait(&hang);
    assert_int_equal(hang.status, AIRC_UNAVAILABLE);
    airc_free(c);
    scratch_remove(&s);
}

/* First child of a process that has one thread, or 0. */
static pid_t child_of(pid_t pid)
{
    char path[64];
    int child = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%d", &child) != 1)
        child = 0;
    fclose(f);
    return child;
}

/* A worker that dies while nobody asks costs nobody an answer. */
static void idle_workers_may_die(void **state)
{
    struct answer a;
    struct scratch s;
    struct airc *c;
    pid_t pid;

    scratch_make(&s);
    pid = service_start(program, s.socket, "--workers=1", NULL);
    c = client_make(s.socket, "", "");
    for (uint32_t i = 0; i < 10; i++) {
        pid_t worker;

        ask(c, "main0", &i, sizeof(i), &a);
        assert_int_equal(a.status, AIRC_OK);
        answer_fini(&a);
        worker = child_of(pid);
        if (!worker) {
            print_message("skipped: /proc does not tell children\n");
            break;
        }
        kill(pid, SIGSTOP);
        assert_int_equal(kill(worker, SIGKILL), 0);
        assert_int_equal(ask_async(c, "words:20", &i, sizeof(i), &a), 0);
        kill(pid, SIGCONT);
        answer_wait(&a);
        if (a.status != AIRC_OK)
            fail_msg("%s: %s", airc_status_name(a.status), a.text);
        assert_int_equal(a.spirv[4], 1); /* a fresh one */
        answer_fini(&a);
    }
    airc_free(c);
    service_stop(pid);
    scratch_remove(&s);
}

static void program_refuses(void **state)
{
    char long_path[200] = "--listen=/";
    const struct {
        const char *args[3];
    } cases[] = {
        {{NULL}},
        {{"--workers=0", "--listen=/tmp/x"}},
        {{"--workers=99", "--listen=/tmp/x"}},
        {{"--workers=2x", "--listen=/tmp/x"}},
        {{"--time-limit=-1"}},
        {{"--bogus"}},
        {{"stray"}},
        {{"--client-fd=200"}},
        {{"--client-fd=9"}},
        {{"--listen=/nonexistent/folder/socket"}},
        {{long_path}},
    };
    struct scratch s;
    pid_t server, pid;
    char listen[400];
    int status;

    memset(long_path + 10, 'x', 120);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pid = fork();
        if (pid == 0) {
            dup2(open("/dev/null", O_RDWR), 2);
            dup2(2, 9); /* a descriptor that is no socket */
            execl(program, program, cases[i].args[0], cases[i].args[1], cases[i].args[2], NULL);
            _exit(127);
        }
        waitpid(pid, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
            fail_msg("case %zu: status %x", i, (unsigned)status);
    }
    /* A path that is served already is left alone. */
    scratch_make(&s);
    server = service_start(program, s.socket, NULL);
    snprintf(listen, sizeof(listen), "--listen=%s", s.socket);
    pid = fork();
    if (pid == 0) {
        dup2(open("/dev/null", O_RDWR), 2);
        execl(program, program, listen, NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_true(service_alive(server));
    kill(server, SIGKILL);
    waitpid(server, &status, 0);
    service_forget(server);
    /* One that died is replaced. */
    server = service_start(program, s.socket, NULL);
    service_stop(server);
    scratch_remove(&s);
}

/* Start the service as systemd does, with @count sockets of which the first is @fd. */
static pid_t activate(int fd, const char *count)
{
    char number[32];
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid)
        return pid;
    dup2(open("/dev/null", O_RDWR), 2);
    if (fd == 3)
        fcntl(fd, F_SETFD, 0);
    else
        dup2(fd, 3);
    snprintf(number, sizeof(number), "%d", (int)getpid());
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", count, 1);
    execl(program, program, "--idle-exit=1", NULL);
    _exit(127);
}

static void socket_activation(void **state)
{
    int fd, stream, status;
    struct scratch s;
    struct airc *c;
    pid_t pid;

    scratch_make(&s);
    fd = serve_at(s.socket, SOCK_SEQPACKET);
    for (int i = 0; i < 2; i++) { /* it ends when idle, and the socket is still there for the next */
        pid = activate(fd, "1");
        c = client_make(s.socket, "", "");
        ask_ok(c, "main0", "by activation");
        airc_free(c);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    pid = activate(fd, "2");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 1);
    close(fd);
    assert_int_equal(unlink(s.socket), 0);
    stream = serve_at(s.socket, SOCK_STREAM);
    pid = activate(stream, "1");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 1);
    close(stream);
    scratch_remove(&s);
}

static void ends_when_idle(void **state)
{
    struct scratch s;
    struct airc *c;
    int status;
    pid_t pid;

    scratch_make(&s);
    pid = service_start(program, s.socket, "--idle-exit=1", NULL);
    c = client_make(s.socket, "", "");
    ask_ok(c, "main0", "m");
    airc_free(c);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    service_forget(pid);
    assert_int_equal(status, 0);
    scratch_remove(&s);
}

/* --- cache in between --- */

static void cache_answers(void **state)
{
    struct airc_stats stats;
    struct scratch s;
    struct answer a;
    struct airc *c;

    scratch_make(&s);
    for (int round = 0; round < 3; round++) {
        c = client_make("", program, s.cache);
        ask(c, "main0", "module", 6, &a);
        check_ok(&a, "module");
        assert_int_equal(a.cached, round > 0);
        answer_fini(&a);
        ask(c, "refuse", "module", 6, &a);
        assert_int_equal(a.status, AIRC_REFUSED);
        assert_int_equal(a.reason, AIR_REFUSE_INTRINSIC);
        assert_string_equal(a.text, "intrinsic: there is no air.frobnicate");
        assert_int_equal(a.cached, round > 0);
        answer_fini(&a);
        /* Crashes are not the module's property alone: they are not stored. */
        ask(c, "abort", "module", 6, &a);
        assert_int_equal(a.status, AIRC_CRASH);
        assert_int_equal(a.cached, 0);
        answer_fini(&a);
        airc_get_stats(c, &stats);
        assert_int_equal(stats.cache_hits, round ? 2 : 0);
        airc_free(c);
    }
    /* Another compiler has other answers. */
    setenv("PVG_TEST_IDENTITY", "a rebuilt LLVM", 1);
    c = client_make("", program, s.cache);
    ask(c, "main0", "module", 6, &a);
    check_ok(&a, "module");
    assert_int_equal(a.cached, 0);
    answer_fini(&a);
    airc_free(c);
    unsetenv("PVG_TEST_IDENTITY");
    scratch_remove(&s);
}

static int count_files(void)
{
    int n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* A hundred crashes and refusals later the client's process has the descriptors it had before. */
static void nothing_leaks(void **state)
{
    int before = count_files();
    struct airc *c = client_make("", program, "");
    int during;

    /* A refusal comes without a file, so that none is open while its callback runs. */
    ask_failing(c, "refuse", AIRC_REFUSED, "intrinsic");
    during = count_files();
    for (int i = 0; i < 100; i++) {
        struct answer a;

        ask(c, i % 3 == 1 ? "abort" : i % 3 == 0 ? "refuse" : "main0", &i, sizeof(i), &a);
        answer_fini(&a);
    }
    assert_int_equal(count_files(), during);
    airc_free(c);
    assert_int_equal(count_files(), before);
}

/* A service that is killed takes its workers along, one that works included. */
static void nothing_is_left_running(void **state)
{
    int ends[2], none, file = sealed_new("request");
    struct airc_request req = {.module = "m", .module_bytes = 1, .entry = "hang", .type = AIRC_TYPE_ANY};
    uint64_t body[sizeof(struct airc_body) + sizeof(struct air_options) + 64];
    union airc_message m;
    pid_t pid;
    char byte;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], 9);
        execl(program, program, "--client-fd=9", "--workers=2", NULL);
        _exit(127);
    }
    close(ends[1]);
    assert_int_equal(receive_one(ends[0], &m, &none), sizeof(m.hello));
    airc_body_write(&req, body);
    assert_int_equal(sealed_write(file, 0, body, airc_body_size(&req)), 0);
    assert_int_equal(sealed_seal(file), 0);
    airc_message_init(&m, AIRC_COMPILE);
    m.compile.bytes = airc_body_size(&req);
    assert_int_equal(sealed_send(ends[0], &m, sizeof(m.compile), &file, 1), 0);
    close(file);
    assert_int_equal(receive_one(ends[0], &m, &none), sizeof(m.alive)); /* it has the request */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(recv(ends[0], &byte, 1, 0), 0);
    close(ends[0]);
    /* Orphans would have come to us, had the test asked for them: it does. */
    for (;;) {
        pid = waitpid(-1, NULL, 0);
        if (pid < 0)
            break;
    }
    assert_int_equal(errno, ECHILD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_running), /* first: it waits for all children of this program */
        cmocka_unit_test(spawned_helper_compiles),
        cmocka_unit_test(every_death_has_a_name),
        cmocka_unit_test(jail_holds),
        cmocka_unit_test(time_and_cpu_limits),
        cmocka_unit_test(what_kills_is_remembered),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(equal_requests_are_asked_once),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(free_cancels),
        cmocka_unit_test(pending_is_bounded),
        cmocka_unit_test(callbacks_may_ask),
        cmocka_unit_test(bad_callers),
        cmocka_unit_test(socket_service_serves_several),
        cmocka_unit_test(default_path_and_environment),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(service_dies_and_comes_back),
        cmocka_unit_test(idle_workers_may_die),
        cmocka_unit_test(program_refuses),
        cmocka_unit_test(socket_activation),
        cmocka_unit_test(ends_when_idle),
        cmocka_unit_test(cache_answers),
        cmocka_unit_test(nothing_leaks),
    };

    /* Orphaned workers become children of this test, so that it can see them end. */
    assert_return_code(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), errno);
    program = getenv("PVG_AIRC_FAKE");
    if (!program) {
        print_message("PVG_AIRC_FAKE is not set: run by meson\n");
        return 77;
    }
    unsetenv("PVG_AIRC");
    unsetenv("PVG_AIRC_SOCKET");
    unsetenv("XDG_RUNTIME_DIR");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
