/* SPDX-License-Identifier: MIT */
/*
 * Services that somebody else runs, with the stand-in compiler: on a socket, by activation, one that dies and comes back
 * or is not there, fairness and separation of clients, the program's own arguments.
 *
 * $PVG_AIRC_FAKE is the program.
 */
#include "airc_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Some kernel is always busier than anybody thinks; the whole test has 300 s. */
#define PATIENCE_S 200

static const char *program;

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
    /* Another user's is not believed: sudo and su may leave it behind. */
    if (geteuid() == 0 && access("/run/pvg-airc.sock", F_OK) < 0) {
        assert_int_equal(chown(s.path, 1, 1), 0);
        c = client_make(NULL, "", "");
        ask_failing(c, "main0", AIRC_UNAVAILABLE, "");
        airc_free(c);
        assert_int_equal(chown(s.path, 0, 0), 0);
    }
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

/* Value of a line of a file like /proc/PID/status: what follows @key. */
static bool proc_line(pid_t pid, const char *file, const char *key, char *value, size_t bytes)
{
    char path[64], line[256];
    bool found = false;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof(line), f)) {
        found = !strncmp(line, key, strlen(key));
        if (found)
            snprintf(value, bytes, "%s", line + strlen(key) + strspn(line + strlen(key), ": \t"));
    }
    if (f)
        fclose(f);
    value[strcspn(value, "\n")] = 0;
    return found;
}

static void expect_line(pid_t pid, const char *file, const char *key, const char *want)
{
    char value[256] = "";

    if (!proc_line(pid, file, key, value, sizeof(value)))
        fail_msg("/proc/%d/%s has no %s", (int)pid, file, key);
    if (strncmp(value, want, strlen(want)))
        fail_msg("process %d: %s is \"%s\", wanted \"%s\"", (int)pid, key, value, want);
}

static bool same_link(pid_t pid, const char *what)
{
    char path[64], own[128] = "", theirs[128] = "";

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
    assert_true(readlink(path, theirs, sizeof(theirs) - 1) > 0);
    snprintf(path, sizeof(path), "/proc/self/%s", what);
    assert_true(readlink(path, own, sizeof(own) - 1) > 0);
    return !strcmp(own, theirs);
}

static int own_filters(void)
{
    char value[256] = "";

    return proc_line(getpid(), "status", "Seccomp_filters", value, sizeof(value)) ? atoi(value) : 0;
}

/* The jail as the kernel sees it from outside: filters, privileges, limits, namespaces, an empty root. */
static void jail_from_outside(void **state)
{
    static const char *const spaces[] = {"ns/mnt", "ns/net", "ns/ipc", "ns/uts"};
    struct airc_stats stats;
    struct scratch s;
    struct airc *c;
    pid_t pid, who[2];

    scratch_make(&s);
    pid = service_start(program, s.socket, "--workers=1", "--memory-limit=100", NULL);
    c = client_make(s.socket, "", "");
    ask_ok(c, "main0", "m");
    airc_get_stats(c, &stats);
    print_message("  jail: %#x\n", stats.jail);
    assert_int_equal(stats.jail & (AIRC_JAIL_SECCOMP | AIRC_JAIL_RLIMITS), AIRC_JAIL_SECCOMP | AIRC_JAIL_RLIMITS);
    who[0] = pid;
    who[1] = child_of(pid);
    if (!who[1])
        print_message("skipped: /proc does not tell children\n");
    for (int i = 0; i < 2 && who[i]; i++) {
        expect_line(who[i], "status", "NoNewPrivs", "1");
        expect_line(who[i], "status", "Seccomp:", "2");
        expect_line(who[i], "status", "CapEff", "0000000000000000");
        expect_line(who[i], "status", "CapPrm", "0000000000000000");
        expect_line(who[i], "status", "CapInh", "0000000000000000");
        expect_line(who[i], "limits", "Max core file size", "0 ");
        if (geteuid() == 0)
            expect_line(who[i], "status", "CapBnd", "0000000000000000");
        if (geteuid() != 0 || !(stats.jail & AIRC_JAIL_NAMESPACES))
            continue; /* the rest is for root to see */
        expect_line(who[i], "status", "Uid", "65534\t65534\t65534\t65534");
        expect_line(who[i], "status", "Gid", "65534\t65534\t65534\t65534");
        for (size_t k = 0; k < sizeof(spaces) / sizeof(spaces[0]); k++)
            assert_false(same_link(who[i], spaces[k]));
        if (stats.jail & AIRC_JAIL_NO_FILES) {
            char root[64];
            int entries = 0;
            DIR *d;

            snprintf(root, sizeof(root), "/proc/%d/root", (int)who[i]);
            d = opendir(root);
            assert_non_null(d);
            while (readdir(d))
                entries++;
            closedir(d);
            assert_int_equal(entries, 2); /* . and .. */
            snprintf(root, sizeof(root), "/proc/%d/root/x", (int)who[i]);
            assert_int_equal(open(root, O_CREAT | O_WRONLY, 0600), -1);
        }
    }
    if (who[1]) {
        char value[256] = "";

        if (proc_line(who[1], "status", "Seccomp_filters", value, sizeof(value))) /* since Linux 5.9 */
            assert_true(atoi(value) >= 2 && atoi(value) > own_filters()); /* the service's and its own */
        expect_line(who[1], "limits", "Max processes", "0 ");
        expect_line(who[1], "limits", "Max open files", "16 ");
        expect_line(who[1], "limits", "Max locked memory", "0 ");
        expect_line(who[1], "limits", "Max file size", "67108864 ");
        expect_line(who[1], "limits", "Max stack size", "67108864 ");
        expect_line(who[1], "limits", "Max cpu time", "1"); /* whole life: 1800 s; of one request: what the test needs */
    }
    airc_free(c);
    service_stop(pid);
    scratch_remove(&s);
}

/* Of several that start at once over the socket of a dead one, one serves it and the others say so and end. */
static void one_serves_a_stale_socket(void **state)
{
    enum { N = 6, ROUNDS = 5 };
    struct scratch s;

    scratch_make(&s);
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pid = service_start(program, s.socket, "--workers=1", NULL), pids[N], left = 0;
        char listen[400];
        struct airc *c;
        int status, gone = 0;

        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        service_forget(pid);
        snprintf(listen, sizeof(listen), "--listen=%s", s.socket);
        for (int i = 0; i < N; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0) {
                dup2(open("/dev/null", O_RDWR), 2);
                execl(program, program, listen, "--workers=1", NULL);
                _exit(127);
            }
        }
        for (uint64_t end = now_ns() + PATIENCE_S * 1000000000ull; gone < N - 1 && now_ns() < end;) {
            pid = waitpid(-1, &status, WNOHANG);
            if (pid > 0) {
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
                gone++;
                for (int i = 0; i < N; i++)
                    pids[i] = pids[i] == pid ? 0 : pids[i];
            } else {
                poll(NULL, 0, 5);
            }
        }
        c = client_make(s.socket, "", "");
        ask_ok(c, "main0", "m");
        airc_free(c);
        for (int i = 0; i < N; i++) {
            if (!pids[i])
                continue;
            kill(pids[i], SIGKILL);
            waitpid(pids[i], &status, 0);
            left++;
        }
        assert_int_equal(left, 1);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(socket_service_serves_several),
        cmocka_unit_test(default_path_and_environment),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(service_dies_and_comes_back),
        cmocka_unit_test(idle_workers_may_die),
        cmocka_unit_test(jail_from_outside),
        cmocka_unit_test(one_serves_a_stale_socket),
        cmocka_unit_test(program_refuses),
        cmocka_unit_test(socket_activation),
        cmocka_unit_test(ends_when_idle),
    };

    program = test_program();
    if (!program)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
