/* SPDX-License-Identifier: MIT */
/*
 * A compiler that does what the entry point's name says: linked with pvg-airc's own sources, it shows what service,
 * jail and client make of every way a worker can go wrong. Needs no LLVM.
 */
#include "compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "airc/protocol.h"
#include "airc/sealed.h"

#define SOCK 3

static void (*fatal)(const char *text);
static unsigned calls; /* requests this worker has had: shows whether it is a fresh one */

void compiler_warm_up(void)
{
}

void compiler_version(char *text, size_t bytes)
{
    snprintf(text, bytes, "stand-in compiler of the tests");
}

void compiler_identity(char *text, size_t bytes)
{
    snprintf(text, bytes, "%s", getenv("PVG_TEST_IDENTITY") ? getenv("PVG_TEST_IDENTITY") : "none");
}

void compiler_on_fatal(void (*fn)(const char *text))
{
    fatal = fn;
}

static void say(struct compiler_result *res, const char *text)
{
    res->status = AIRC_REFUSED;
    res->reason = AIR_REFUSE_INTRINSIC;
    snprintf(res->text, sizeof(res->text), "%s", text);
}

static void say_errno(struct compiler_result *res, bool failed)
{
    say(res, failed ? strerrorname_np(errno) : "done");
}

/* A result of @words words that depends on the module. */
static void make_result(struct compiler_result *res, const struct airc_request *req, size_t words)
{
    uint32_t *spirv = calloc(words, 4);
    uint8_t *reflection = malloc(req->module_bytes);

    if (!spirv || !reflection)
        abort();
    spirv[0] = 0x07230203;
    spirv[1] = 0x00010600;
    spirv[3] = req->options.caps;
    spirv[4] = calls;
    memcpy(reflection, req->module, req->module_bytes);
    res->status = AIRC_OK;
    res->air.spirv = spirv;
    res->air.words = words;
    res->air.reflection = reflection;
    res->spirv = spirv;
    res->spirv_bytes = words * 4;
    res->reflection = reflection;
    res->reflection_bytes = req->module_bytes;
}

/* A reply of the worker's own making. */
static void lie(enum airc_status status, uint64_t id, uint64_t spirv_bytes, size_t bytes)
{
    union airc_message m;

    airc_message_init(&m, AIRC_REPLY);
    m.reply.id = id;
    m.reply.status = status;
    m.reply.spirv_bytes = spirv_bytes;
    m.reply.reflection_bytes = spirv_bytes ? 8 : 0;
    (void)sealed_send(SOCK, &m, bytes, NULL, 0);
}

/* The result file: the last descriptor that was opened. */
static int result_file(void)
{
    for (int fd = 15; fd > SOCK; fd--)
        if (fcntl(fd, F_GETFD) >= 0)
            return fd;
    return -1;
}

static int deep(volatile char *from, int n)
{
    volatile char here[4096];

    here[0] = from[0];
    return n ? deep(here, n + 1) + here[0] : 0;
}

static void eat_memory(void)
{
    /* Small pieces, as a compiler would, and never given back. */
    for (;;) {
        char *p = malloc(65536);

        if (!p)
            abort();
        for (size_t i = 0; i < 65536; i += 4096)
            ((volatile char *)p)[i] = 1;
    }
}

static void list_files(struct compiler_result *res)
{
    char text[128] = "";

    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", fd);
    say(res, text);
}

static void limits(struct compiler_result *res)
{
    struct rlimit r[5];
    const int what[5] = {RLIMIT_AS, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_CORE};
    char text[160] = "";

    for (int i = 0; i < 5; i++) {
        getrlimit((__rlimit_resource_t)what[i], &r[i]);
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", r[i].rlim_cur != RLIM_INFINITY);
    }
    say(res, text);
}

/* What the jail is to prevent. True when @name was one of these. */
static bool break_out(const char *name, struct compiler_result *res)
{
    char *argv[] = {NULL};

    if (!strcmp(name, "open"))
        say_errno(res, open("/etc/passwd", O_RDONLY) < 0);
    else if (!strcmp(name, "create"))
        say_errno(res, open("/tmp/pvg-airc-escape", O_WRONLY | O_CREAT, 0600) < 0);
    else if (!strcmp(name, "stat"))
        say_errno(res, access("/etc", F_OK) < 0);
    else if (!strcmp(name, "socket"))
        say_errno(res, socket(AF_INET, SOCK_STREAM, 0) < 0);
    else if (!strcmp(name, "fork"))
        say_errno(res, fork() < 0);
    else if (!strcmp(name, "exec"))
        say_errno(res, execv("/bin/true", argv) < 0);
    else if (!strcmp(name, "kill"))
        say_errno(res, kill(getppid(), SIGTERM) < 0);
    else if (!strcmp(name, "ptrace"))
        say_errno(res, ptrace(PTRACE_TRACEME, 0, 0, 0) < 0);
    else if (!strcmp(name, "unshare"))
        say_errno(res, unshare(CLONE_NEWUSER) < 0);
    else if (!strcmp(name, "memfd"))
        say_errno(res, memfd_create("x", 0) < 0);
    else if (!strcmp(name, "code"))
        say_errno(res, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    else if (!strcmp(name, "make-code"))
        say_errno(res, mprotect((void *)((uintptr_t)&calls & ~4095ul), 4096, PROT_READ | PROT_EXEC) < 0);
    else if (!strcmp(name, "bigger"))
        say_errno(res, setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096}) < 0);
    else
        return false;
    return true;
}

static bool misbehave(const char *name, struct compiler_result *res)
{
    int fd = result_file();

    if (!strcmp(name, "abort"))
        abort();
    if (!strcmp(name, "segv"))
        *(volatile int *)NULL = 1;
    if (!strcmp(name, "stack"))
        (void)deep((volatile char[1]){0}, 1);
    if (!strcmp(name, "exit"))
        _exit(0);
    if (!strcmp(name, "fatal"))
        fatal("a\nmessage \x1b[31m with escapes");
    if (!strcmp(name, "memory"))
        eat_memory();
    if (!strcmp(name, "hang"))
        for (;;)
            (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_sec = 1}, NULL);
    if (!strcmp(name, "spin"))
        for (volatile unsigned n = 0;; n++)
            ;
    if (!strcmp(name, "lie-id"))
        lie(AIRC_REFUSED, 12345, 0, sizeof(struct airc_reply));
    else if (!strcmp(name, "lie-status"))
        lie(AIRC_CANCELLED, 0, 0, sizeof(struct airc_reply));
    else if (!strcmp(name, "lie-size"))
        lie(AIRC_OK, 0, 1u << 20, sizeof(struct airc_reply));
    else if (!strcmp(name, "lie-short"))
        lie(AIRC_OK, 0, 20, 16);
    else if (!strcmp(name, "map-writable"))
        say_errno(res,
                  ftruncate(fd, 4096) < 0 || mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    else if (!strcmp(name, "huge-file"))
        say_errno(res, ftruncate(fd, AIRC_MAX_RESULT + 1ll) < 0);
    else if (!strcmp(name, "files"))
        list_files(res);
    else if (!strcmp(name, "limits"))
        limits(res);
    else
        return false;
    return true;
}

void compiler_run(const struct airc_request *req, struct compiler_result *res)
{
    unsigned n;

    memset(res, 0, sizeof(*res));
    calls++;
    if (break_out(req->entry, res) || misbehave(req->entry, res)) {
        if (!strcmp(req->entry, "map-writable") && !strcmp(res->text, "done"))
            make_result(res, req, 16);
        return;
    }
    if (sscanf(req->entry, "syscall:%u", &n) == 1) /* for the jail to forbid; with arguments that do nothing */
        say_errno(res, syscall((long)n, -1L, 0L, 0L, 0L, 0L, 0L) < 0);
    else if (sscanf(req->entry, "words:%u", &n) == 1)
        make_result(res, req, n);
    else if (!strcmp(req->entry, "no-spirv")) {
        make_result(res, req, 16);
        ((uint32_t *)(uintptr_t)res->spirv)[0] = 0;
    } else if (!strcmp(req->entry, "refuse"))
        say(res, "intrinsic: there is no air.frobnicate");
    else
        make_result(res, req, 16);
}

void compiler_fini(struct compiler_result *res)
{
    free(res->air.spirv);
    free(res->air.reflection);
    memset(res, 0, sizeof(*res));
}
