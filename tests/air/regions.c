/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher form of control flow with barriers and SIMD groups, run and compared by value: threads that part ways,
 * in branches and in loops of different lengths, meet again before an operation that needs them all. Where they are not
 * proven together the function is refused by name.
 *
 * usage: regions. Exit status 77 without a Vulkan device.
 */
#include "vkrun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 64

static struct vk vk;
static struct vk_buf buf[2]; /* in, out */
static unsigned right, wrong;

static const char head[] =
    "target triple = \"air64-apple-macosx14.0.0\"\n@s = internal addrspace(3) global [64 x i32] undef\n"
    "define void @k(ptr addrspace(1) %a, ptr addrspace(1) %o, i32 %id) {\n"
    "entry:\n  %pa = getelementptr i32, ptr addrspace(1) %a, i32 %id\n  %x = load i32, ptr addrspace(1) %pa\n"
    "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n"
    "  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %id\n  %other = xor i32 %id, 63\n"
    "  %pt = getelementptr i32, ptr addrspace(3) @s, i32 %other\n";

static const char tail[] =
    "}\ndeclare void @air.wg.barrier(i32, i32)\ndeclare i32 @air.simd_sum.s.i32(i32)\n"
    "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5}\n"
    "!3 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"
    "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 1, i32 1, !\"air.read_write\"}\n"
    "!5 = !{i32 2, !\"air.thread_position_in_grid\"}\n";

/* A loop of as many turns as the thread says, then values cross the workgroup. */
static const char loop_body[] =
    "  br label %loop\nloop:\n  %i = phi i32 [ 0, %entry ], [ %i2, %loop ]\n  %v = phi i32 [ %x, %entry ], [ %v2, "
    "%loop ]\n"
    "  %v2 = mul i32 %v, 3\n  %i2 = add i32 %i, 1\n  %more = icmp ult i32 %i, %id\n  br i1 %more, label %loop, label "
    "%done\n"
    "done:\n  store i32 %v2, ptr addrspace(3) %ps\n  call void @air.wg.barrier(i32 2, i32 1)\n"
    "  %r = load i32, ptr addrspace(3) %pt\n  store i32 %r, ptr addrspace(1) %po\n  ret void\n";

/* Both ways of a branch, one of them with another branch in it; a barrier between two such; all in a uniform loop. */
static const char branch_body[] =
    "  br label %turn\nturn:\n  %n = phi i32 [ 0, %entry ], [ %n2, %last ]\n  %v = phi i32 [ %x, %entry ], [ %w, %last "
    "]\n"
    "  %odd = trunc i32 %id to i1\n  br i1 %odd, label %then, label %else\n"
    "then:\n  %c = icmp ult i32 %id, 32\n  %v1 = add i32 %v, 1000\n  br i1 %c, label %deep, label %join\n"
    "deep:\n  %v2 = mul i32 %v1, 5\n  br label %join\n"
    "else:\n  %v3 = sub i32 %v, 7\n  store i32 %v3, ptr addrspace(1) %po\n  br label %join\n"
    "join:\n  %p = phi i32 [ %v1, %then ], [ %v2, %deep ], [ %v3, %else ]\n  store i32 %p, ptr addrspace(3) %ps\n"
    "  call void @air.wg.barrier(i32 2, i32 1)\n  %q = load i32, ptr addrspace(3) %pt\n"
    "  call void @air.wg.barrier(i32 2, i32 1)\n  %g = icmp sgt i32 %q, 50\n  br i1 %g, label %big, label %last\n"
    "big:\n  %q2 = ashr i32 %q, 1\n  store i32 %q2, ptr addrspace(1) %po\n  br label %last\n"
    "last:\n  %w = phi i32 [ %q, %join ], [ %q2, %big ]\n  %n2 = add i32 %n, 1\n  %again = icmp ult i32 %n2, 4\n"
    "  br i1 %again, label %turn, label %end\nend:\n  store i32 %w, ptr addrspace(1) %po\n  ret void\n";

/* A sum over the SIMD group after a branch. */
static const char simd_body[] =
    "  %c = icmp ult i32 %id, 20\n  br i1 %c, label %then, label %join\n"
    "then:\n  %v1 = mul i32 %x, 11\n  store i32 %v1, ptr addrspace(1) %po\n  br label %join\n"
    "join:\n  %p = phi i32 [ %x, %entry ], [ %v1, %then ]\n  %r = call i32 @air.simd_sum.s.i32(i32 %p)\n"
    "  store i32 %r, ptr addrspace(1) %po\n  ret void\n";

static const char refused_body[] =
    "  %c = icmp ult i32 %id, 20\n  br i1 %c, label %then, label %join\n"
    "then:\n  %r = call i32 @air.simd_sum.s.i32(i32 %x)\n  store i32 %r, ptr addrspace(1) %po\n  br label %join\n"
    "join:\n  ret void\n";

static int32_t in(unsigned i)
{
    return (int32_t)(i * 37 % 101) - 50;
}

static void loop_want(int32_t *v)
{
    int32_t s[N];

    for (unsigned i = 0; i < N; i++) {
        uint32_t x = (uint32_t)in(i);

        for (unsigned k = 0; k <= i; k++)
            x *= 3;
        s[i] = (int32_t)x;
    }
    for (unsigned i = 0; i < N; i++)
        v[i] = s[i ^ 63];
}

static void branch_want(int32_t *v)
{
    int32_t s[N];

    for (unsigned i = 0; i < N; i++)
        v[i] = in(i);
    for (unsigned n = 0; n < 4; n++) {
        for (unsigned i = 0; i < N; i++)
            s[i] = !(i & 1) ? v[i] - 7 : i < 32 ? (v[i] + 1000) * 5 : v[i] + 1000;
        for (unsigned i = 0; i < N; i++)
            v[i] = s[i ^ 63] > 50 ? s[i ^ 63] >> 1 : s[i ^ 63];
    }
}

static void simd_want(int32_t *v)
{
    for (unsigned i = 0; i < N; i++) {
        v[i] = 0;
        for (unsigned k = i / 32 * 32; k < i / 32 * 32 + 32; k++)
            v[i] += in(k) * (k < 20 ? 11 : 1);
    }
}

static void one(const char *label, const char *body, void (*want)(int32_t *v), uint32_t flags)
{
    static char text[8192];
    struct air_options o;
    struct air_result res;
    struct vk_run r = {.buf = {&buf[0], &buf[1]}, .groups = {1, 1, 1}, .local = {N, 1, 1}};
    int32_t v[N];
    uint8_t *bc;
    size_t n;
    char err[512] = "";

    snprintf(text, sizeof(text), "%s%s%s", head, body, tail);
    for (unsigned i = 0; i < N; i++)
        ((int32_t *)buf[0].map)[i] = in(i);
    memset(buf[1].map, 0xee, N * 4);
    vk_options(&vk, &o);
    o.flags |= flags;
    if (vk_only_names(text))
        return;
    if (air_assemble(text, &bc, &n, err, sizeof(err))) {
        printf("%s: %s\n", label, err);
        wrong++;
        return;
    }
    (void)air_compile(bc, n, "k", &o, &res);
    free(bc);
    if (!want && res.reason == AIR_REFUSE_CONTROL_FLOW) {
        right++;
    } else if (!want || res.reason) {
        printf("%s: %s %s\n", label, air_refuse_name(res.reason), res.error);
        wrong++;
    } else if (flags &&
               !(((const struct air_reflect_header *)(const void *)res.reflection)->flags & AIR_REFLECT_DISPATCHER)) {
        printf("%s: not in dispatcher form\n", label);
        wrong++;
    } else if (!vk_dispatch(&vk, &res, &r, err, sizeof(err))) {
        printf("%s: %s\n", label, err);
        wrong++;
    } else {
        unsigned i = 0;

        want(v);
        while (i < N && ((int32_t *)buf[1].map)[i] == v[i])
            i++;
        if (i < N)
            printf("%s (flags %#x): thread %u has %d, expected %d\n", label, flags, i, ((int32_t *)buf[1].map)[i],
                   v[i]);
        right += i == N;
        wrong += i < N;
    }
    air_result_fini(&res);
}

int main(void)
{
    const char *why = vk_open(&vk);

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    if (!vk_buf_new(&vk, &buf[0], N * 4) || !vk_buf_new(&vk, &buf[1], N * 4))
        return 2;
    for (uint32_t flags = 0; flags <= AIR_OPT_FORCE_DISPATCHER; flags += AIR_OPT_FORCE_DISPATCHER) {
        one("loops of different lengths", loop_body, loop_want, flags);
        one("branches in a loop", branch_body, branch_want, flags);
        one("sum after a branch", simd_body, simd_want, flags);
    }
    one("sum in a branch", refused_body, NULL, AIR_OPT_FORCE_DISPATCHER);
    vk_buf_free(&vk, &buf[0]);
    vk_buf_free(&vk, &buf[1]);
    printf("device %s: %u right, %u wrong\n", vk.name, right, wrong);
    vk_close(&vk);
    return wrong ? 1 : 0;
}
