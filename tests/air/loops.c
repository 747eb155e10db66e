/* SPDX-License-Identifier: MIT */
/*
 * Which loops the compiler unrolls: those whose counters index a private array that becomes values then, no others.
 * Counts loops and private arrays in the SPIR-V, which air_compile() has validated.
 */
#include "air/air.h"

#include <spirv/unified1/spirv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* for (i = 0; i < 8; i++), @body with counter %i<tag>; goes on at block out<tag>. */
#define LOOP(tag, from, body)                                                                                          \
    "  br label %l" tag "\n"                                                                                           \
    "l" tag ":\n"                                                                                                      \
    "  %i" tag " = phi i32 [ 0, %" from " ], [ %n" tag ", %e" tag " ]\n" body "  br label %e" tag "\n"                 \
    "e" tag ":\n"                                                                                                      \
    "  %n" tag " = add i32 %i" tag ", 1\n"                                                                             \
    "  %c" tag " = icmp eq i32 %n" tag ", 8\n"                                                                         \
    "  br i1 %c" tag ", label %out" tag ", label %l" tag "\n"                                                          \
    "out" tag ":\n"

#define FILL                                                                                                           \
    "  %p = getelementptr float, ptr addrspace(1) %a, i32 %i1\n"                                                       \
    "  %v = load float, ptr addrspace(1) %p, align 4\n"                                                                \
    "  %q = getelementptr [8 x float], ptr %t, i32 0, i32 %i1\n"                                                       \
    "  store float %v, ptr %q, align 4\n"
#define EMPTY                                                                                                          \
    "  %r = getelementptr [8 x float], ptr %t, i32 0, i32 %i2\n"                                                       \
    "  %w = load float, ptr %r, align 4\n"                                                                             \
    "  %s = getelementptr float, ptr addrspace(1) %b, i32 %i2\n"                                                       \
    "  store float %w, ptr addrspace(1) %s, align 4\n"

#define ARRAY "  %t = alloca [8 x float], align 4\n"
#define LANE                                                                                                           \
    "  %m = and i32 %id, 7\n"                                                                                          \
    "  %x = getelementptr [8 x float], ptr %t, i32 0, i32 %m\n"                                                        \
    "  store float 1.0, ptr %x, align 4\n"
#define AGAIN                                                                                                          \
    "  %y = getelementptr float, ptr addrspace(1) %b, i32 %i3\n"                                                       \
    "  store float 2.0, ptr addrspace(1) %y, align 4\n"
#define COPY                                                                                                           \
    "  %p = getelementptr float, ptr addrspace(1) %a, i32 %i1\n"                                                       \
    "  %v = load float, ptr addrspace(1) %p, align 4\n"                                                                \
    "  %q = getelementptr float, ptr addrspace(1) %b, i32 %i1\n"                                                       \
    "  store float %v, ptr addrspace(1) %q, align 4\n"
#define INSERT                                                                                                         \
    "  %f = phi <4 x float> [ zeroinitializer, %0 ], [ %g, %e1 ]\n"                                                    \
    "  %p = getelementptr float, ptr addrspace(1) %a, i32 %i1\n"                                                       \
    "  %v = load float, ptr addrspace(1) %p, align 4\n"                                                                \
    "  %k = lshr i32 %i1, 1\n"                                                                                         \
    "  %g = insertelement <4 x float> %f, float %v, i32 %k\n"

static const struct {
    const char *what, *body;
    unsigned loops, arrays;
} cases[] = {
    {"buffers alone", LOOP("1", "0", COPY), 1, 0},
    {"a private array", ARRAY LOOP("1", "0", FILL) LOOP("2", "out1", EMPTY), 0, 0},
    {"one that the thread's number indexes, too", ARRAY LOOP("1", "0", FILL) LANE LOOP("2", "out1", EMPTY), 2, 1},
    {"one used in a loop", ARRAY LOOP("3", "0", LOOP("1", "l3", FILL) LOOP("2", "out1", EMPTY) AGAIN), 1, 0},
    {"elements of a vector", LOOP("1", "0", INSERT) "  store <4 x float> %g, ptr addrspace(1) %b, align 16\n", 0, 0},
};

static bool check(unsigned at)
{
    static char text[16384];
    struct air_options o = {
        .size = sizeof(o), .caps = AIR_CAPS_DEFAULT, .simd_width = 32, .flags = AIR_OPT_WHOLE_GROUPS};
    struct air_result r;
    uint8_t *module;
    size_t bytes;
    unsigned loops = 0, arrays = 0;
    uint32_t array_type = 0, pointer_type = 0;
    char error[200];

    snprintf(text, sizeof(text),
             "target triple = \"air64-apple-macosx14.0.0\"\n"
             "define void @f(ptr addrspace(1) %%a, ptr addrspace(1) %%b, i32 %%id) {\n%s  ret void\n}\n"
             "!air.kernel = !{!0}\n"
             "!0 = !{ptr @f, !{}, !{!1, !2, !3}}\n"
             "!1 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read\", !\"air.arg_name\", "
             "!\"a\"}\n"
             "!2 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 1, i32 1, !\"air.read_write\", "
             "!\"air.arg_name\", !\"b\"}\n"
             "!3 = !{i32 2, !\"air.thread_position_in_grid\"}\n",
             cases[at].body);
    if (air_assemble(text, &module, &bytes, error, sizeof(error))) {
        printf("%s: %s\n", cases[at].what, error);
        return false;
    }
    if (air_compile(module, bytes, NULL, &o, &r))
        printf("%s: %s\n", cases[at].what, r.error);
    for (size_t i = 5; i < r.words; i += r.spirv[i] >> 16) {
        const uint32_t *w = r.spirv + i;
        unsigned op = w[0] & 0xffff;

        loops += op == SpvOpLoopMerge;
        if (op == SpvOpTypeArray)
            array_type = w[1]; /* the private one is the only array */
        else if (op == SpvOpTypePointer && w[2] == SpvStorageClassFunction && w[3] == array_type)
            pointer_type = w[1];
        arrays += op == SpvOpVariable && pointer_type && w[1] == pointer_type;
    }
    free(module);
    if (!r.words || loops != cases[at].loops || arrays != cases[at].arrays) {
        printf("%s: %u loops and %u private arrays, not %u and %u\n", cases[at].what, loops, arrays, cases[at].loops,
               cases[at].arrays);
        air_result_fini(&r);
        return false;
    }
    air_result_fini(&r);
    return true;
}

int main(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        wrong += !check(i);
    printf("%zu kinds of loops, %u wrong\n", sizeof(cases) / sizeof(cases[0]), wrong);
    return wrong != 0;
}
