/* SPDX-License-Identifier: MIT */
/*
 * The real compiler behind the real jail, with the limits of a client's configuration: a module of 75 kilobytes that
 * grows to millions of instructions in the compiler ends at each limit by that limit's name, and the next request gets a
 * fresh worker; one that would grow by its calls is refused before it does. $PVG_AIRC is the program.
 *
 * Each test sets the limits it is not about so high that they cannot come first, however slow the machine is.
 */
#include "airc_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "air/air.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Loops that their author wants unrolled, 2000 times each: 4.6 million instructions, 2.2 GiB and 47 s in LLVM. */
#define BOMB 768
/* Calls to be inlined, two of the next below in each: 2^20 copies of the innermost, as costly were they made. */
#define CALLS 20
#define PLENTY_MIB 8192u
#define PLENTY_S 3600u
#define PLENTY_MS 3600000u

struct text {
    char *at;
    size_t left;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(t->at, t->left, fmt, ap);
    va_end(ap);
    assert_true(n >= 0 && (size_t)n < t->left);
    t->at += n;
    t->left -= (size_t)n;
}

static uint8_t *assembled(struct text *t, const char *text, size_t *bytes)
{
    char error[256];
    uint8_t *module;

    add(t, "!air.kernel = !{!0}\n"
           "!0 = !{ptr @grow, !1, !2}\n"
           "!1 = !{}\n"
           "!2 = !{!3}\n"
           "!3 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\",\n"
           "       !\"air.address_space\", i32 1, !\"air.arg_type_size\", i32 4, !\"air.arg_type_align_size\", i32 4,\n"
           "       !\"air.arg_type_name\", !\"float\", !\"air.arg_name\", !\"p\"}\n"
           "!10 = distinct !{!10, !11}\n"
           "!11 = !{!\"llvm.loop.unroll.full\"}\n");
    if (air_assemble(text, &module, bytes, error, sizeof(error)))
        fail_msg("%s", error);
    return module;
}

/* A function of @loops loops over a private array, volatile, so that nothing of it is left out. */
static uint8_t *assemble(unsigned loops, size_t *bytes)
{
    static char text[512 << 10];
    struct text t = {text, sizeof(text)};

    add(&t, "target triple = \"air64-apple-macosx13.0.0\"\n"
            "define void @grow(ptr addrspace(1) %%p) {\n"
            "  %%a = alloca [2048 x float], align 4\n"
            "  br label %%b0\n"
            "b0:\n"
            "  br label %%b1\n");
    for (unsigned i = 1; i <= loops; i++)
        add(&t,
            "b%u:\n"
            "  %%i%u = phi i32 [ 0, %%b%u ], [ %%n%u, %%b%u ]\n"
            "  %%q%u = getelementptr [2048 x float], ptr %%a, i32 0, i32 %%i%u\n"
            "  %%v%u = load volatile float, ptr %%q%u, align 4\n"
            "  %%w%u = fadd float %%v%u, 1.0\n"
            "  store volatile float %%w%u, ptr %%q%u, align 4\n"
            "  %%n%u = add i32 %%i%u, 1\n"
            "  %%c%u = icmp eq i32 %%n%u, 2000\n"
            "  br i1 %%c%u, label %%b%u, label %%b%u, !llvm.loop !10\n",
            i, i, i - 1, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i + 1, i);
    add(&t,
        "b%u:\n"
        "  %%x = load volatile float, ptr %%a, align 4\n"
        "  store float %%x, ptr addrspace(1) %%p, align 4\n"
        "  ret void\n"
        "}\n",
        loops + 1);
    return assembled(&t, text, bytes);
}

static uint8_t *assemble_calls(unsigned depth, size_t *bytes)
{
    static char text[16384];
    struct text t = {text, sizeof(text)};

    add(&t, "target triple = \"air64-apple-macosx13.0.0\"\n"
            "define internal float @f0(float %%x) {\n"
            "  %%y = fmul float %%x, %%x\n"
            "  %%z = fadd float %%y, 1.0\n"
            "  ret float %%z\n"
            "}\n");
    for (unsigned i = 1; i <= depth; i++)
        add(&t,
            "define internal float @f%u(float %%x) {\n"
            "  %%a = call float @f%u(float %%x)\n"
            "  %%b = call float @f%u(float %%a)\n"
            "  %%c = fadd float %%a, %%b\n"
            "  ret float %%c\n"
            "}\n",
            i, i - 1, i - 1);
    add(&t,
        "define void @grow(ptr addrspace(1) %%p) {\n"
        "  %%x = load float, ptr addrspace(1) %%p, align 4\n"
        "  %%y = call float @f%u(float %%x)\n"
        "  store float %%y, ptr addrspace(1) %%p, align 4\n"
        "  ret void\n"
        "}\n",
        depth);
    return assembled(&t, text, bytes);
}

static struct airc *client(uint32_t memory_mib, uint32_t cpu_s, uint32_t time_ms)
{
    struct airc_config cfg = {
        .size = sizeof(cfg),
        .socket_path = "",
        .cache_dir = "",
        .workers = 1,
        .memory_limit_mib = memory_mib,
        .cpu_limit_s = cpu_s,
        .time_limit_ms = time_ms,
    };
    struct airc *c;

    assert_int_equal(airc_new(&cfg, &c), 0);
    return c;
}

/* One request that compiles, one that ends as @want, saying @text, and one that compiles again. */
static void runs_into(struct airc *c, enum airc_status want, const char *text)
{
    size_t small_bytes, large_bytes;
    uint8_t *small = assemble_calls(3, &small_bytes), *large = assemble(BOMB, &large_bytes);
    struct airc_stats stats;
    struct answer a;

    assert_true(large_bytes < (128u << 10));
    for (int i = 0; i < 3; i++) {
        /* another module each time: what is known to kill is not tried for ever, and equal requests are shared */
        ask(c, i == 1 ? "grow" : NULL, i == 1 ? large : small, i == 1 ? large_bytes : small_bytes, &a);
        print_message("  %s: %s\n", airc_status_name(a.status), a.text);
        assert_int_equal(a.status, i == 1 ? want : AIRC_OK);
        if (i == 1) {
            assert_non_null(strstr(a.text, text));
            assert_null(a.spirv);
            assert_null(a.reflection);
        }
        answer_fini(&a);
    }
    airc_get_stats(c, &stats);
    assert_int_equal(stats.connects, 1); /* the service has outlived it */
    assert_int_equal(stats.failed[want], 1);
    airc_free(c);
    free(small);
    free(large);
}

static void memory(void **state)
{
    static const uint32_t limits[] = {64, 100, 256};

    if (SANITIZED) {
        print_message("  SKIP: a sanitizer's address space cannot be limited\n");
        skip();
    }
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        runs_into(client(limits[i], PLENTY_S, PLENTY_MS), AIRC_MEMORY, "memory");
}

static void cpu_time(void **state)
{
    runs_into(client(PLENTY_MIB, 1, PLENTY_MS), AIRC_TIMEOUT, "CPU time");
}

static void wall_time(void **state)
{
    /* long enough for the small module on a machine that does much else */
    runs_into(client(PLENTY_MIB, PLENTY_S, 8000), AIRC_TIMEOUT, "longer than it may");
}

/* What is not set is left to pvg-airc: with nothing set honest modules compile and this one does not. */
static void defaults(void **state)
{
    size_t bytes;
    uint8_t *module = assemble_calls(10, &bytes);
    struct airc *c = client(0, 0, 0);
    struct answer a;

    ask(c, NULL, module, bytes, &a);
    assert_int_equal(a.status, AIRC_OK);
    assert_true(a.words > 2000);
    answer_fini(&a);
    free(module);
    module = assemble(BOMB, &bytes);
    ask(c, NULL, module, bytes, &a);
    print_message("  %s: %s\n", airc_status_name(a.status), a.text);
    assert_true(a.status == AIRC_MEMORY || a.status == AIRC_TIMEOUT);
    answer_fini(&a);
    free(module);
    airc_free(c);
}

/* Inlining is a product of call counts: it is worked out before it is done, whatever the limits are. */
static void calls(void **state)
{
    struct airc *c = client(PLENTY_MIB, PLENTY_S, PLENTY_MS);
    struct answer a;
    size_t bytes;
    uint8_t *module = assemble_calls(CALLS, &bytes);

    assert_true(bytes < 8192);
    ask(c, NULL, module, bytes, &a);
    print_message("  %s: %s\n", airc_status_name(a.status), a.text);
    assert_int_equal(a.status, AIRC_REFUSED);
    assert_int_equal(a.reason, AIR_REFUSE_LIMIT);
    assert_non_null(strstr(a.text, "inlining"));
    answer_fini(&a);
    free(module);
    airc_free(c);
}

static void out_of_range(void **state)
{
    static const struct {
        uint32_t workers, time_ms, cpu_s, memory_mib;
        int want;
    } cases[] = {
        {AIRC_MAX_WORKERS, AIRC_MAX_TIME_LIMIT_MS, AIRC_MAX_CPU_LIMIT_S, AIRC_MAX_MEMORY_MIB, 0},
        {1, 1, 1, AIRC_MIN_MEMORY_MIB, 0},
        {AIRC_MAX_WORKERS + 1, 0, 0, 0, -EINVAL},
        {0, AIRC_MAX_TIME_LIMIT_MS + 1, 0, 0, -EINVAL},
        {0, 0, AIRC_MAX_CPU_LIMIT_S + 1, 0, -EINVAL},
        {0, 0, 0, AIRC_MAX_MEMORY_MIB + 1, -EINVAL},
        {0, 0, 0, AIRC_MIN_MEMORY_MIB - 1, -EINVAL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct airc_config cfg = {
            .size = sizeof(cfg),
            .socket_path = "",
            .program = "", /* nothing is started */
            .cache_dir = "",
            .workers = cases[i].workers,
            .time_limit_ms = cases[i].time_ms,
            .cpu_limit_s = cases[i].cpu_s,
            .memory_limit_mib = cases[i].memory_mib,
        };
        struct airc *c;

        assert_int_equal(airc_new(&cfg, &c), cases[i].want);
        assert_true((c != NULL) == !cases[i].want);
        airc_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory),    cmocka_unit_test(cpu_time),     cmocka_unit_test(wall_time),
        cmocka_unit_test(defaults),  cmocka_unit_test(calls),        cmocka_unit_test(out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
