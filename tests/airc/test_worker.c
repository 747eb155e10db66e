/* SPDX-License-Identifier: MIT */
/*
 * Workers with the stand-in compiler: every way a worker can go wrong ends one request by name and leaves the service
 * whole; what the jail forbids; limits of time; what is remembered of modules that kill.
 *
 * $PVG_AIRC_FAKE is the program. Nothing in here waits for a time to pass but the time limit itself.
 */
#include "airc_test.h"

#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is the service built with AddressSanitizer, as this is? */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static const char *program;

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

/* What a worker may do, said once more: everything else that this kernel may have ends it. */
static bool may(const char *name, const char **answer)
{
    static const char *const allowed[] = {
        /* memory */
        "brk", "mmap", "mprotect", "mremap", "munmap", "madvise",
        /* its socket, the request and the result */
        "close", "fcntl", "fstat", "ftruncate", "lseek", "poll", "ppoll", "pwrite64", "read", "recvmsg", "sendmsg", "write",
        "writev",
        /* time, itself, signals to itself, chance */
        "clock_gettime", "clock_nanosleep", "exit", "exit_group", "futex", "getpid", "getrandom", "getrusage", "gettid",
        "gettimeofday", "prlimit64", "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity",
        "sched_yield", "sigaltstack", "sysinfo", "tgkill", "times"};
    static const char *const refused[] = {
        "access", "faccessat", "faccessat2", "getcwd", "getdents64", "ioctl", "lstat", "mkdir", "mkdirat", "newfstatat",
        "open", "openat", "openat2", "readlink", "readlinkat", "stat", "statfs", "statx", "uname", "unlink", "unlinkat"};

    *answer = NULL;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (!strcmp(name, refused[i]))
            *answer = "EACCES";
    }
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (!strcmp(name, allowed[i]))
            return true;
    }
    return *answer != NULL;
}

static void every_other_system_call_kills(void **state)
{
    struct airc *c = client_make("", program, "");
    unsigned killed = 0, refused = 0;
    char entry[32];

    for (int number = 0; number < 600; number++) {
        const char *answer = NULL;
        char *name;

#if defined(__x86_64__)
        /* uretprobe and uprobe: newer kernels let them pass any filter, and end who is no probe with SIGILL. */
        if (number == 335 || number == 336)
            continue;
#endif
        name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        /* Numbers without a name may be calls that are newer than the library. */
        snprintf(entry, sizeof(entry), "syscall:%d", number);
        if (name && may(name, &answer)) {
            if (answer)
                ask_failing(c, entry, AIRC_REFUSED, answer);
            refused += answer != NULL;
        } else {
            ask_failing(c, entry, AIRC_JAIL, "system call");
            killed++;
        }
        free(name);
    }
    print_message("  %u kill, %u are refused\n", killed, refused);
    assert_true(killed > 400 && refused >= 12);
#if defined(__x86_64__)
    snprintf(entry, sizeof(entry), "syscall:%u", 0x40000000u + 39); /* getpid() of the x32 interface */
    ask_failing(c, entry, AIRC_JAIL, "system call");
#endif
    ask_ok(c, "main0", "still there");
    airc_free(c);
}

static void time_and_cpu_limits(void **state)
{
    struct scratch s;
    struct airc *c;
    uint64_t start;
    pid_t pid;

    scratch_make(&s);
    pid = service_start(program, s.socket, "--time-limit=5000", "--workers=1", NULL);
    c = client_make(s.socket, "", "");
    start = now_ns();
    ask_failing(c, "hang", AIRC_TIMEOUT, "longer than it may");
    assert_true(now_ns() - start >= 5000000000u);
    ask_ok(c, "main0", "after a timeout");
    airc_free(c);
    assert_true(service_alive(pid));
    service_stop(pid);

    pid = service_start(program, s.socket, "--cpu-limit=1", "--time-limit=3600000", "--workers=1",
                        NULL);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spawned_helper_compiles),
        cmocka_unit_test(every_death_has_a_name),
        cmocka_unit_test(jail_holds),
        cmocka_unit_test(every_other_system_call_kills),
        cmocka_unit_test(time_and_cpu_limits),
        cmocka_unit_test(what_kills_is_remembered),
    };

    program = test_program();
    if (!program)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
