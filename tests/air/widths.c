/* SPDX-License-Identifier: MIT */
/*
 * Frame of the tests widths and functions: kernels made from LLVM text, run and compared by value with C, with the
 * device's capabilities taken away one by one, in pairs and all together. Every module must declare none of what was
 * taken away (told from its words, not from the compiler's own check).
 *
 * usage: widths [NAME], functions [NAME]. Exit status 77 without a Vulkan device.
 */
#include "lost.h"
#include "widths.h"

#include <stdio.h>

struct vk vk;
struct vk_buf b[4];
uint32_t mask;
uint64_t rng_state = 1;
bool native_groups;
static unsigned right, wrong;
static const char *only;

/* Kernels whose label has none of the words are the same as on the complete device. */
static const struct {
    const char *name;
    uint32_t off;
    const char *word[3];
} devices[] = {
    {"complete", 0, {""}},
    {"no int8", AIR_CAP_INT8, {"i8"}},
    {"no int16", AIR_CAP_INT16, {"i16", "half"}},
    {"no int64", AIR_CAP_INT64, {"i64"}},
    {"no float16", AIR_CAP_FLOAT16, {"f16", "half"}},
    {"no subgroup types", AIR_CAP_SUBGROUP_EXTENDED, {"simd", "quad"}},
    {"no 64-bit atomics", AIR_CAP_ATOMIC_INT64, {"atomic"}},
    {"no storage8", AIR_CAP_STORAGE8, {"i8"}},
    {"no storage16", AIR_CAP_STORAGE16, {"i16", "f16", "half"}},
    {"no 8-bit", AIR_CAP_INT8 | AIR_CAP_STORAGE8, {"i8"}},
    {"no 16-bit", AIR_CAP_INT16 | AIR_CAP_FLOAT16 | AIR_CAP_STORAGE16, {"i16", "f16", "half"}},
    {"no arithmetic", AIR_CAP_INT8 | AIR_CAP_INT16 | AIR_CAP_INT64 | AIR_CAP_FLOAT16 | AIR_CAP_SUBGROUP_EXTENDED, {""}},
    {"none",
     AIR_CAP_INT8 | AIR_CAP_INT16 | AIR_CAP_INT64 | AIR_CAP_FLOAT16 | AIR_CAP_STORAGE8 | AIR_CAP_STORAGE16 |
         AIR_CAP_SUBGROUP_EXTENDED,
     {""}},
};

static const char *device;
static const char *const *words;

static const char *declares_lost(const struct air_result *r)
{
    return lost_and_declared(r, mask) ? "declares a capability the device has not" : NULL;
}

static void fail(const char *label, const char *what)
{
    printf("%s on a device with %s: %s\n", label, device, what);
    wrong++;
}

static bool asked_for(const char *label)
{
    bool about = false;

    for (unsigned i = 0; i < 3; i++)
        about = about || (words[i] && strstr(label, words[i]));
    return about && (!only || strstr(label, only));
}

static enum vk_text run_body(const char *body, const char *extra, unsigned threads, unsigned local, char *err,
                             size_t max)
{
    static char text[16384];
    struct air_options o;
    struct vk_run r = {.groups = {threads / local, 1, 1}, .local = {local, 1, 1}};

    snprintf(
        text, sizeof(text),
        "target triple = \"air64-apple-macosx14.0.0\"\n%s\n"
        "define void @k(ptr addrspace(1) %%a, ptr addrspace(1) %%b, ptr addrspace(1) %%c, ptr addrspace(1) %%o, i32 "
        "%%id) {\n%s  ret void\n}\n"
        "declare void @air.wg.barrier(i32, i32)\n"
        "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5, !6, !7}\n"
        "!3 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"
        "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 1, i32 1, !\"air.read_write\"}\n"
        "!5 = !{i32 2, !\"air.buffer\", !\"air.location_index\", i32 2, i32 1, !\"air.read_write\"}\n"
        "!6 = !{i32 3, !\"air.buffer\", !\"air.location_index\", i32 3, i32 1, !\"air.read_write\"}\n"
        "!7 = !{i32 4, !\"air.thread_position_in_grid\"}\n",
        extra, body);
    vk_options(&vk, &o);
    o.caps = vk.caps & ~mask;
    o.constant_count = 1;
    o.constant[0] = (struct air_constant){.index = 7, .number = 41};
    if (native_groups)
        o.simd_width = 0;
    for (unsigned i = 0; i < 4; i++)
        r.buf[i] = &b[i];
    return vk_run_text(&vk, text, &o, &r, declares_lost, err, max);
}

bool run(const char *label, const char *body, const char *extra, unsigned threads, unsigned local)
{
    static unsigned count;
    char err[600];

    if (!asked_for(label) || (mask && count++ % one_in))
        return false;
    if (run_body(body, extra, threads, local, err, sizeof(err)) == VK_TEXT_RAN)
        return true;
    fail(label, err);
    return false;
}

void run_refused(const char *label, const char *body, const char *extra, const char *why)
{
    char err[600] = "compiled";

    if (!asked_for(label))
        return;
    if (run_body(body, extra, N, N, err, sizeof(err)) == VK_TEXT_REFUSED && strstr(err, why))
        right++;
    else
        fail(label, err);
}

uint64_t rnd(void)
{
    rng_state = rng_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return rng_state >> 32 ^ rng_state << 20;
}

uint64_t sample(unsigned i, unsigned w)
{
    const uint64_t top = UINT64_C(1) << (w - 1),
                   edge[] = {0, 1, ones(w), top, top - 1, top + 1, 2, ones(w) - 1, 0x7f & ones(w), 0xff & ones(w)};

    if (i < sizeof(edge) / sizeof(edge[0]))
        return edge[i];
    return rnd() & ones(w) >> rnd() % w;
}

void verdict(const char *label, bool ok, unsigned at, uint64_t got, uint64_t want)
{
    char text[96];

    if (ok) {
        right++;
        return;
    }
    snprintf(text, sizeof(text), "[%u] is %#llx, expected %#llx", at, (unsigned long long)got,
             (unsigned long long)want);
    fail(label, text);
}

void expect(const char *label, unsigned n, unsigned w, uint64_t (*want)(unsigned i, unsigned w))
{
    for (unsigned i = 0; i < n; i++) {
        if (get(3, i, w) != (want(i, w) & ones(w))) {
            verdict(label, false, i, get(3, i, w), want(i, w) & ones(w));
            return;
        }
    }
    verdict(label, true, 0, 0, 0);
}

int main(int argc, char **argv)
{
    const char *why = vk_open(&vk);

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    only = argc > 1 ? argv[1] : NULL;
    for (unsigned i = 0; i < 4; i++) {
        if (!vk_buf_new(&vk, &b[i], BYTES))
            return 2;
    }
    for (unsigned d = 0; d < sizeof(devices) / sizeof(devices[0]); d++) {
        device = devices[d].name;
        mask = devices[d].off;
        words = devices[d].word;
        for (void (*const *part)(void) = parts; *part; part++)
            (*part)();
    }
    for (unsigned i = 0; i < 4; i++)
        vk_buf_free(&vk, &b[i]);
    printf("device %s: %u right, %u wrong\n", vk.name, right, wrong);
    vk_close(&vk);
    return wrong ? 1 : 0;
}
