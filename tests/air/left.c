/* SPDX-License-Identifier: MIT */
/*
 * What threads take with them from a loop that others stay in: values that are computed anew each turn, loaded, the
 * counter of the turn before, pointers, vectors, halves, from loops within loops. Some drivers lose them
 * (AIR_OPT_KEEP_LOOP_VALUES, air 4.2): there it is asked that the compiler's way around it holds. Compared by value
 * with the same in C.
 *
 * usage: left. Exit status 77 without a Vulkan device.
 */
#include "vkrun.h"

#include <stdio.h>
#include <string.h>

#define N 64

static struct vk vk;
static struct vk_buf buf[2]; /* in, out */
static unsigned right, wrong;

static const char head[] =
    "target triple = \"air64-apple-macosx14.0.0\"\n"
    "define void @k(ptr addrspace(1) %a, ptr addrspace(1) %o, i32 %id) {\nentry:\n"
    "  %pa = getelementptr i32, ptr addrspace(1) %a, i32 %id\n  %x = load i32, ptr addrspace(1) %pa\n"
    "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  %turns = urem i32 %id, 5\n"
    "  %first = insertelement <2 x i32> zeroinitializer, i32 %x, i32 0\n  br label %loop\n"
    "loop:\n  %n = phi i32 [ 0, %entry ], [ %n2, %back ]\n  %v = phi i32 [ %x, %entry ], [ %v2, %back ]\n"
    "  %w = phi <2 x i32> [ %first, %entry ], [ %w2, %back ]\n  %n2 = add i32 %n, 1\n"
    "  %w2 = insertelement <2 x i32> %w, i32 %v, i32 1\n  %from = add i32 %id, %n\n  %at = and i32 %from, 63\n"
    "  %p = getelementptr i32, ptr addrspace(1) %a, i32 %at\n";

/* The loop's own part: defines %y, in a block that ends by going to %back or %done; %v2 goes on. */
static const char turn[] = "  %more = icmp ult i32 %n, %turns\n  br i1 %more, label %back, label %done\n"
                           "back:\n  br label %loop\ndone:\n";

static const char tail[] =
    "  store i32 %r, ptr addrspace(1) %po\n  ret void\n}\n"
    "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5}\n"
    "!3 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"
    "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 1, i32 1, !\"air.read_write\"}\n"
    "!5 = !{i32 2, !\"air.thread_position_in_grid\"}\n";

static uint32_t in(unsigned i)
{
    return (i * 2654435761u >> 9) + 1;
}

static uint32_t anew_want(unsigned id)
{
    uint32_t v = in(id), y;

    for (unsigned n = 0;; n++) {
        y = v * 3 + id;
        v = v * 5 ^ y;
        if (n >= id % 5)
            return y;
    }
}

static uint32_t before_want(unsigned id)
{
    uint32_t v = in(id);

    for (unsigned n = 0; n < id % 5; n++)
        v = v * 5 + 1;
    return v;
}

static uint32_t loaded_want(unsigned id)
{
    return in((id + id % 5) & 63);
}

static uint32_t vector_want(unsigned id)
{
    uint32_t w[2] = {in(id), 0}, v = in(id);

    for (unsigned n = 0;; n++) {
        w[1] = v;
        v = v * 7 + w[0];
        if (n >= id % 5)
            return w[0] + w[1];
    }
}

static uint32_t half_want(unsigned id)
{
    return 3 * (id + id % 5) + 1; /* below 2048: halves are exact */
}

static uint32_t inner_want(unsigned id)
{
    uint32_t v = in(id), y;

    for (unsigned n = 0;; n++) {
        for (unsigned m = 0;; m++) {
            y = v + id;
            v += y;
            if (m >= v % 3)
                break;
        }
        if (n >= id % 5)
            return y;
    }
}

static uint32_t shared_want(unsigned id)
{
    uint32_t v = before_want(id);

    return v & 1 ? v * 3 : v + 100;
}

static const struct {
    const char *label, *body, *after;
    uint32_t (*want)(unsigned id);
} rows[] = {
    {"computed anew",
     "  %v3 = mul i32 %v, 3\n  %y = add i32 %v3, %id\n  %v5 = mul i32 %v, 5\n  %v2 = xor i32 %v5, %y\n",
     "  %r = add i32 %y, 0\n", anew_want},
    {"of the turn before", "  %v5 = mul i32 %v, 5\n  %v2 = add i32 %v5, 1\n", "  %r = add i32 %v, 0\n", before_want},
    {"through the exit's phi",
     "  %v3 = mul i32 %v, 3\n  %y = add i32 %v3, %id\n  %v5 = mul i32 %v, 5\n"
     "  %v2 = xor i32 %v5, %y\n",
     "  %r = phi i32 [ %y, %loop ]\n", anew_want},
    {"loaded", "  %y = load i32, ptr addrspace(1) %p\n  %v2 = add i32 %v, %y\n", "  %r = add i32 %y, 0\n", loaded_want},
    {"pointer", "  %v2 = add i32 %v, 1\n", "  %r = load i32, ptr addrspace(1) %p\n", loaded_want},
    {"vector", "  %x0 = extractelement <2 x i32> %w2, i32 0\n  %v7 = mul i32 %v, 7\n  %v2 = add i32 %v7, %x0\n",
     "  %r0 = extractelement <2 x i32> %w2, i32 0\n  %r1 = extractelement <2 x i32> %w2, i32 1\n"
     "  %r = add i32 %r0, %r1\n",
     vector_want},
    {"half",
     "  %h = uitofp i32 %from to half\n  %h3 = fmul half %h, 0xH4200\n  %y = fadd half %h3, 0xH3c00\n"
     "  %v2 = add i32 %v, 1\n",
     "  %r = fptoui half %y to i32\n", half_want},
    {"from a loop within",
     "  br label %inner\ninner:\n  %m = phi i32 [ 0, %loop ], [ %m2, %inner ]\n  %u = phi i32 [ %v, %loop ], [ %v2, "
     "%inner "
     "]\n  %y = add i32 %u, %id\n  %v2 = add i32 %u, %y\n  %m2 = add i32 %m, 1\n  %lim = urem i32 %v2, 3\n"
     "  %on = icmp ult i32 %m, %lim\n  br i1 %on, label %inner, label %out\nout:\n",
     "  %r = add i32 %y, 0\n", inner_want},
    {"used in a branch", "  %v5 = mul i32 %v, 5\n  %v2 = add i32 %v5, 1\n",
     "  %odd = trunc i32 %v to i1\n  br i1 %odd, label %then, label %else\nthen:\n  %r1 = mul i32 %v, 3\n  br label "
     "%end\n"
     "else:\n  %r2 = add i32 %v, 100\n  br label %end\nend:\n  %r = phi i32 [ %r1, %then ], [ %r2, %else ]\n",
     shared_want},
};

static void run(const char *label, const char *text, uint32_t flags, uint32_t caps_off, uint32_t *want)
{
    struct vk_run r = {.buf = {&buf[0], &buf[1]}, .groups = {1, 1, 1}, .local = {N, 1, 1}};
    const uint32_t *got = buf[1].map;
    struct air_options o;
    enum vk_text how;
    char why[600], name[128];
    bool same;

    for (unsigned k = 0; k < N; k++)
        ((uint32_t *)buf[0].map)[k] = in(k);
    memset(buf[1].map, 0, N * 4);
    vk_options(&vk, &o);
    o.flags |= flags;
    o.caps &= ~caps_off;
    how = vk_run_text(&vk, text, &o, &r, NULL, why, sizeof(why));
    snprintf(name, sizeof(name), "%s, flags %#x, without %#x", label, flags, caps_off);
    same = vk_text_gave(how, why, name, got, want, N);
    right += same;
    wrong += !same;
}

int main(void)
{
    static const uint32_t flags[] = {0, AIR_OPT_FORCE_DISPATCHER, AIR_OPT_FORCE_PHYSICAL, AIR_OPT_KEEP_LOOP_VALUES};
    static char text[8192];
    const char *why = vk_open(&vk);
    uint32_t want[N];

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    if (!vk_buf_new(&vk, &buf[0], N * 4) || !vk_buf_new(&vk, &buf[1], N * 4))
        return 2;
    for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        snprintf(text, sizeof(text), "%s%s%s%s%s", head, rows[k].body, turn, rows[k].after, tail);
        for (unsigned i = 0; i < N; i++)
            want[i] = rows[k].want(i);
        for (unsigned f = 0; f < sizeof(flags) / sizeof(flags[0]); f++)
            run(rows[k].label, text, flags[f], 0, want);
        run(rows[k].label, text, AIR_OPT_KEEP_LOOP_VALUES, AIR_CAP_INT64 | AIR_CAP_INT16 | AIR_CAP_FLOAT16, want);
    }
    vk_buf_free(&vk, &buf[0]);
    vk_buf_free(&vk, &buf[1]);
    printf("device %s: %u right, %u wrong\n", vk.name, right, wrong);
    vk_close(&vk);
    return wrong ? 1 : 0;
}
