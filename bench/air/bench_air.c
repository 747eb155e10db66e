/* SPDX-License-Identifier: MIT */
/*
 * Measures the shader compiler: time per function over the corpus in a warm process, start-up, size of the results, and
 * run time of kernels beside the same algorithm in GLSL (the .comp files beside this, compiled by glslangValidator at build time).
 *
 * usage: bench_air LIB GLSL-DIR. One JSON object per line (decision 19); ratio >= 1 means at least as good as the reference.
 */
#include "corpus_constants.h"
#include "vkrun.h"
#include "air/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void line(const char *name, const char *unit, double value, double ref, const char *ref_name, bool lower)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.4g,\"reference\":%.4g,\"reference_name\":\"%s\",\"ratio\":%.3g,"
           "\"better\":\"%s\"}\n", name, unit, value, ref, ref_name, lower ? ref / value : value / ref, lower ? "lower" : "higher");
    fflush(stdout);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void compile_times(const struct metallib *lib)
{
    static double t[4096], cpu[4096]; /* wall and processor time: they part on a busy machine */
    unsigned n = 0;
    uint64_t cursor = 0, words = 0, bytes = 0;
    struct metallib_function f;
    double all = now_ms();

    while (metallib_next(lib, &cursor, &f) != METALLIB_ERR_INDEX && n < 4096) {
        struct air_options o = {.size = sizeof(o), .caps = AIR_CAPS_DEFAULT, .simd_width = 32};
        struct air_result r;
        double s, p;

        corpus_constants(&o);
        s = now_ms();
        p = cpu_ms();
        if (!air_compile(f.bitcode, f.bitcode_size, f.name, &o, &r)) {
            words += r.words;
            bytes += f.bitcode_size;
            cpu[n] = cpu_ms() - p;
            t[n++] = now_ms() - s;
        }
        air_result_fini(&r);
    }
    all = now_ms() - all;
    if (!n)
        return;
    qsort(t, n, sizeof(t[0]), by_value);
    qsort(cpu, n, sizeof(cpu[0]), by_value);
    line("air compile, processor time, p50", "ms", cpu[n / 2], 5, "goal", true);
    line("air compile, processor time, p99", "ms", cpu[n * 99 / 100], 60, "goal", true);
    line("air compile, warm process, p50", "ms", t[n / 2], 5, "goal", true);
    line("air compile, warm process, p99", "ms", t[n * 99 / 100], 60, "goal", true);
    line("air compile, worst function", "ms", t[n - 1], 1000, "goal", true);
    line("air compile, functions per second, one thread", "1/s", n / all * 1e3, 200, "1 / goal of p50", false);
    line("air SPIR-V per function", "byte", (double)words * 4 / n, (double)bytes / n, "its AIR bitcode", true);
}

static bool read_spirv(const char *dir, const char *name, struct air_result *r)
{
    char path[512];
    FILE *f;
    static uint32_t w[1 << 16];

    snprintf(path, sizeof(path), "%s/%s.spv", dir, name);
    f = fopen(path, "rb");
    if (!f)
        return false;
    r->words = fread(w, 4, 1 << 16, f);
    r->spirv = w;
    fclose(f);
    return r->words > 5;
}

static void u64(void *p, size_t at, uint64_t v)
{
    memcpy((uint8_t *)p + at, &v, 8);
}

/* Buffers and shape of each kernel; sizes that keep a software device busy for milliseconds. */
static bool shape(const char *k, struct vk *vk, struct vk_buf *b, struct vk_run *r)
{
    const uint32_t n = 1u << 20;

    for (unsigned i = 0; i < 4; i++) {
        if (!vk_buf_new(vk, &b[i], (size_t)n * 4 + 4096))
            return false;
        r->buf[i] = &b[i];
        for (uint32_t j = 0; j < n; j++)
            ((float *)b[i].map)[j] = (float)(j % 251) * 0.01f;
    }
    r->groups[0] = n / 64;
    r->groups[1] = r->groups[2] = 1;
    r->local[0] = 64;
    r->local[1] = r->local[2] = 1;
    if (!strcmp(k, "kernel_scale_4")) {
        r->groups[0] = n / 4 / 64;
    } else if (!strcmp(k, "kernel_diag_mask_inf")) {
        const uint64_t a[2] = {1024, 1024};

        memcpy(b[2].map, a, sizeof(a));
        memset((uint8_t *)b[2].map + 16, 0, 4);
        r->groups[0] = 16;
        r->groups[1] = 1024;
    } else if (!strcmp(k, "kernel_cpy_f32_f16")) {
        const uint64_t a[16] = {1024, 1024, 1, 1, 4, 4096, 1u << 22, 1u << 22, 1024, 1024, 1, 1, 2, 2048, 1u << 21, 1u << 21};

        memcpy(b[0].map, a, sizeof(a));
        r->groups[0] = 1024;
    } else if (!strcmp(k, "kernel_get_rows_q4_0")) {
        u64(b[0].map, 0, 4096);
        u64(b[0].map, 8, 4096 / 32 * 18);
        u64(b[0].map, 16, 4096 / 32 * 18 * 64);
        u64(b[0].map, 24, 256);
        u64(b[0].map, 32, 4);
        u64(b[0].map, 40, 1024);
        u64(b[0].map, 48, 16384);
        u64(b[0].map, 56, 16384 * 256);
        for (uint32_t j = 0; j < 256; j++)
            ((int32_t *)b[2].map)[j] = (int32_t)(j * 7 % 64);
        r->groups[0] = 256;
        r->local[0] = 32;
    }
    return true;
}

static void run_times(const struct metallib *lib, const char *glsl)
{
    static const char *const kernels[] = {"kernel_scale", "kernel_scale_4", "kernel_gelu", "kernel_diag_mask_inf",
                                          "kernel_cpy_f32_f16", "kernel_get_rows_q4_0"};
    struct vk vk;
    const char *why = vk_open(&vk);

    if (why) {
        fprintf(stderr, "run times skipped: %s\n", why);
        return;
    }
    for (unsigned k = 0; k < sizeof(kernels) / sizeof(kernels[0]); k++) {
        struct metallib_function f;
        struct air_options o;
        struct air_result ours, kept = {0}, theirs;
        struct vk_buf b[4] = {0};
        struct vk_run run = {.repeat = 8};
        double best[3] = {1e9, 1e9, 1e9}, ms;
        char err[200], name[160];

        vk_options(&vk, &o);
        o.flags = AIR_OPT_WHOLE_GROUPS; /* the twins have no guard either, and keep no loop values */
        if (metallib_find(lib, kernels[k], &f) || air_compile(f.bitcode, f.bitcode_size, kernels[k], &o, &ours))
            continue;
        o.flags |= AIR_OPT_KEEP_LOOP_VALUES;
        if (vk.loses_loop_values && air_compile(f.bitcode, f.bitcode_size, kernels[k], &o, &kept)) {
            air_result_fini(&ours);
            continue;
        }
        theirs = ours; /* the same reflection, other code */
        if (!read_spirv(glsl, kernels[k], &theirs) || !shape(kernels[k], &vk, b, &run)) {
            fprintf(stderr, "%s: no GLSL twin in %s\n", kernels[k], glsl);
            air_result_fini(&ours);
            air_result_fini(&kept);
            continue;
        }
        run.ms = &ms;
        for (unsigned round = 0; round < 7; round++) { /* interleaved, best of seven */
            if (vk_dispatch(&vk, &ours, &run, err, sizeof(err)) && ms < best[0])
                best[0] = ms;
            if (vk_dispatch(&vk, &theirs, &run, err, sizeof(err)) && ms < best[1])
                best[1] = ms;
            if (kept.words && vk_dispatch(&vk, &kept, &run, err, sizeof(err)) && ms < best[2])
                best[2] = ms;
        }
        snprintf(name, sizeof(name), "%s on %.60s", kernels[k], vk.name);
        line(name, "ms", best[0] / 8, best[1] / 8, "GLSL by glslang", true);
        if (kept.words) {
            snprintf(name, sizeof(name), "%s, loop values kept", kernels[k]);
            line(name, "ms", best[2] / 8, best[1] / 8, "GLSL by glslang, which keeps none", true);
        }
        snprintf(name, sizeof(name), "%s, SPIR-V", kernels[k]);
        line(name, "byte", (double)ours.words * 4, (double)theirs.words * 4, "GLSL by glslang", true);
        for (unsigned i = 0; i < 4; i++)
            vk_buf_free(&vk, &b[i]);
        air_result_fini(&ours);
        air_result_fini(&kept);
    }
    vk_close(&vk);
}

int main(int argc, char **argv)
{
    static uint8_t data[32 << 20];
    struct metallib lib;
    double t = now_ms();
    size_t n;
    FILE *f;

    air_warm_up();
    line("air start: LLVM and validator ready", "ms", now_ms() - t, 150, "goal", true);
    if (argc < 3 || !(f = fopen(argv[1], "rb"))) {
        fprintf(stderr, "usage: bench_air LIB GLSL-DIR\n");
        return 2;
    }
    n = fread(data, 1, sizeof(data), f);
    fclose(f);
    if (metallib_open(data, n, &lib)) {
        fprintf(stderr, "%s: no metallib\n", argv[1]);
        return 2;
    }
    compile_times(&lib);
    run_times(&lib, argv[2]);
    return 0;
}
