/* SPDX-License-Identifier: MIT */
/*
 * The worker: everything in here may be in an attacker's hands as soon as the first request arrives, so nothing in the
 * service relies on it. What it does beyond compiling is only there to give deaths a readable reason.
 */
#include "worker.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "airc/protocol.h"
#include "airc/sealed.h"
#include "base/clock.h"
#include "compiler.h"

#define SOCK 3
/* A failed mapping of this part of the memory limit, at a crash, says that memory was the reason. */
#define PROBE_PART 8
/* LLVM and the allocator keep what they once needed: a worker that holds this part of its limit is replaced. */
#define RETIRE_PART 2

static const struct worker_config *config;
static union airc_message answer; /* also used from a handler, when nothing else can use it any more */
static uint64_t started_ns;

static void send_answer(void)
{
    answer.reply.compile_us = (uint32_t)((clock_now_ns() - started_ns) / 1000);
    /* The socket has room: one answer per question. If not, the service is gone and so are we soon. */
    (void)sealed_send(SOCK, &answer, sizeof(answer.reply), NULL, 0);
}

static void say_failure(enum airc_status status, enum air_refuse reason, const char *text)
{
    answer.reply.status = status;
    answer.reply.reason = reason;
    snprintf(answer.reply.text, sizeof(answer.reply.text), "%s", text);
}

/* LLVM is about to abort and says why. */
static void on_fatal(const char *text)
{
    char line[AIRC_TEXT_BYTES];

    snprintf(line, sizeof(line), "the compiler aborted: %.400s", text);
    say_failure(AIRC_CRASH, AIR_REFUSE_WORKER_CRASH, line);
    answer.reply.retire = 1;
    send_answer();
    _exit(WORKER_EXIT_REPORTED);
}

/* A crash for want of memory has another name than one of a bug. Only system calls in here. */
static void on_crash(int sig)
{
    size_t probe = (size_t)(config->limits.memory_bytes / PROBE_PART);

    if (probe && mmap(NULL, probe, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
        _exit(WORKER_EXIT_MEMORY);
    signal(sig, SIG_DFL); /* and the fault happens again */
}

static void catch_crashes(void)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS};
    static char stack[16384];
    stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction sa = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_RESETHAND};

    sigaltstack(&alt, NULL);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &sa, NULL);
}

static void write_result(int fd, const struct compiler_result *res)
{
    uint64_t at = airc_reflection_offset(res->spirv_bytes);
    int err = -EFBIG;

    if (res->spirv_bytes <= AIRC_MAX_RESULT && res->reflection_bytes <= AIRC_MAX_RESULT - at)
        err = sealed_write(fd, 0, res->spirv, res->spirv_bytes);
    if (!err)
        err = sealed_write(fd, at, res->reflection, res->reflection_bytes);
    if (err == -EFBIG) {
        say_failure(AIRC_TOO_LARGE, AIR_REFUSE_NONE, "the compiled function is larger than a result may be");
    } else if (err) {
        say_failure(AIRC_MEMORY, AIR_REFUSE_NO_MEMORY, "no memory for the result");
    } else {
        answer.reply.status = AIRC_OK;
        answer.reply.spirv_bytes = res->spirv_bytes;
        answer.reply.reflection_bytes = res->reflection_bytes;
    }
}

static void serve(const struct airc_compile *m, int request_fd, int result_fd)
{
    int64_t bytes = sealed_size(request_fd);
    const void *body = NULL;
    struct compiler_result res = {0};
    struct airc_request req;
    struct mallinfo2 heap;

    airc_message_init(&answer, AIRC_REPLY);
    answer.reply.id = m->id;
    started_ns = clock_now_ns();
    if (bytes > 0 && (uint64_t)bytes == m->bytes && m->bytes <= AIRC_MAX_BODY)
        body = sealed_map(request_fd, (size_t)bytes);
    if (!body || !airc_body_read(body, (size_t)bytes, &req)) {
        say_failure(AIRC_BAD_REQUEST, AIR_REFUSE_NONE, "the request is malformed");
    } else {
        jail_cpu(config->cpu_s);
        compiler_run(&req, &res);
        if (res.status == AIRC_OK)
            write_result(result_fd, &res);
        else
            say_failure(res.status, res.reason, res.text);
    }
    compiler_fini(&res);
    sealed_unmap(body, body ? (size_t)bytes : 0);
    heap = mallinfo2();
    answer.reply.retire =
        config->limits.memory_bytes && heap.arena + heap.hblkhd > config->limits.memory_bytes / RETIRE_PART;
    send_answer();
}

_Noreturn void worker_main(int sock, const struct worker_config *cfg)
{
    struct pollfd ready = {.fd = SOCK, .events = POLLIN};

    config = cfg;
    /* Clients' sockets and files must not stay open here. */
    if ((sock != SOCK && dup2(sock, SOCK) < 0) || close_range(SOCK + 1, ~0u, 0) < 0 || (cfg->quiet && dup2(0, 2) < 0))
        _exit(WORKER_EXIT_JAIL);
    catch_crashes();
    compiler_on_fatal(on_fatal);
    if (jail_worker(&cfg->limits))
        _exit(WORKER_EXIT_JAIL);

    for (;;) {
        union airc_message m;
        int fds[2];
        ssize_t n;

        if (poll(&ready, 1, -1) < 0 && errno != EINTR)
            _exit(WORKER_EXIT_DONE);
        n = sealed_recv(SOCK, &m, sizeof(m), fds, 2);
        if (n == -EAGAIN)
            continue;
        if (n <= 0)
            _exit(WORKER_EXIT_DONE);
        if (airc_message_ok(&m, (size_t)n) && m.head.kind == AIRC_COMPILE)
            serve(&m.compile, fds[0], fds[1]);
        for (int i = 0; i < 2; i++)
            if (fds[i] >= 0)
                close(fds[i]);
    }
}
