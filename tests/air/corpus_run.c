/* SPDX-License-Identifier: MIT */
/*
 * Runs kernels of llama.rn's metallib on a Vulkan device and compares every element with a reference computed here.
 *
 * usage: corpus_run --list | LIB [--only KERNEL] [--pipelines] [--dispatcher] [--physical] [--edges] [--light]
 * [--long].
 * --edges compiles all for grids that may end within a group (air 4.7). --light leaves out matrix products and
 * attention over matrices, which a software device takes long to translate; --long runs there what is else left out,
 * too, for who gives each kernel of --list a process and a time limit of its own. One line per run of a kernel: "NAME
 * right|wrong|refused|failed|left-out detail"; exit status 1 when something was wrong or failed, 77 without a device.
 * The table of kernels is in corpus_table.c.
 */
#include "corpus.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t rng_state = 1, extra_flags = AIR_OPT_WHOLE_GROUPS;
static bool leave_nothing_out;

uint32_t rng(void)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return rng_state >> 8;
}

float frand(float lo, float hi)
{
    return lo + (hi - lo) * (float)(rng() & 0xffff) / 65535.0f;
}

void *buffer(struct env *e, unsigned index, size_t bytes)
{
    struct vk_buf *b = &e->b[index];

    if (b->buf)
        vk_buf_free(e->vk, b);
    if (!vk_buf_new(e->vk, b, bytes)) {
        fprintf(stderr, "out of device memory\n");
        exit(2);
    }
    e->run.buf[index] = b;
    return b->map;
}

float *floats(struct env *e, unsigned index, size_t n, float lo, float hi)
{
    float *f = buffer(e, index, n * 4);

    for (size_t i = 0; i < n; i++)
        f[i] = frand(lo, hi);
    return f;
}

/* @n elements of a block format with random contents. */
uint8_t *blocks(struct env *e, unsigned index, const struct quant *q, size_t n)
{
    size_t nb = n / (size_t)q->elems;
    uint8_t *p = buffer(e, index, nb * (size_t)q->bytes + 256);

    for (size_t i = 0; i < nb; i++) {
        uint8_t *b = p + i * (size_t)q->bytes;

        for (int k = 0; k < q->bytes; k++)
            b[k] = (uint8_t)rng();
        if (q->d_at >= 0)
            half_put(b + q->d_at, frand(0.01f, 0.06f));
        if (!strcmp(q->name, "iq1_m")) { /* its scale is in the upper halves of four bytes */
            uint8_t d[2];

            half_put(d, frand(0.01f, 0.06f));
            for (int k = 0; k < 4; k++)
                b[49 + 2 * k] = (uint8_t)((b[49 + 2 * k] & 15) | (d[k / 2] >> (k % 2 * 4) & 15) << 4);
        }
        if (q->m_at >= 0)
            half_put(b + q->m_at, frand(0.01f, 0.05f));
        if (!strcmp(q->name, "mxfp4"))
            b[0] = (uint8_t)(124 + rng() % 6);
        if (!strcmp(q->name, "f32")) {
            float f = frand(-1, 1);

            memcpy(b, &f, 4);
        } else if (!strcmp(q->name, "f16")) {
            half_put(b, frand(-1, 1));
        } else if (!strcmp(q->name, "bf16")) {
            bf16_put(b, frand(-1, 1));
        }
    }
    return p;
}

void unpack(const struct quant *q, const uint8_t *p, size_t n, float *out)
{
    for (size_t i = 0; i < n / (size_t)q->elems; i++)
        q->dequant(p + i * (size_t)q->bytes, out + i * (size_t)q->elems);
}

void args_u64(uint8_t *p, size_t at, uint64_t v)
{
    memcpy(p + at, &v, 8);
}

void args_i32(uint8_t *p, size_t at, int32_t v)
{
    memcpy(p + at, &v, 4);
}

void args_f32(uint8_t *p, size_t at, float v)
{
    memcpy(p + at, &v, 4);
}

/* A struct of arguments as the kernels declare it, each member at its natural alignment. */
void args_pack(uint8_t *p, const char *types, ...)
{
    size_t at = 0;
    va_list ap;

    va_start(ap, types);
    for (; *types; types++) {
        size_t bytes = *types == 'q' ? 8 : *types == 'h' ? 2 : 4;

        at = (at + bytes - 1) / bytes * bytes;
        if (*types == 'q') {
            args_u64(p, at, va_arg(ap, uint64_t));
        } else if (*types == 'f') {
            args_f32(p, at, (float)va_arg(ap, double));
        } else {
            int v = va_arg(ap, int);

            memcpy(p + at, &v, bytes); /* little-endian: the low bytes */
        }
        at += bytes;
    }
    va_end(ap);
}

void constant(struct env *e, uint32_t index, double value)
{
    e->opt.constant[e->opt.constant_count].index = index;
    e->opt.constant[e->opt.constant_count++].number = value;
}

bool close_enough(float got, float want, float rel, float abs_tol)
{
    if (isnan(want))
        return isnan(got);
    if (isinf(want))
        return got == want;
    return fabsf(got - want) <= abs_tol + rel * fabsf(want);
}

void expect(struct env *e, const float *got, const float *want, size_t n, float rel, float abs_tol)
{
    for (size_t i = 0; i < n; i++) {
        if (!close_enough(got[i], want[i], rel, abs_tol)) {
            e->bad++;
            if (e->bad == 1)
                snprintf(e->detail, sizeof(e->detail), "[%zu of %zu] is %g, expected %g", i, n, (double)got[i], (double)want[i]);
        }
    }
    e->compared += n;
}

void expect_bytes(struct env *e, const void *got, const void *want, size_t n)
{
    const uint8_t *a = got, *b = want;

    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i]) {
            e->bad++;
            if (e->bad == 1)
                snprintf(e->detail, sizeof(e->detail), "byte %zu of %zu is %u, expected %u", i, n, a[i], b[i]);
        }
    }
    e->compared += n;
}

bool launch(struct env *e, uint32_t gx, uint32_t gy, uint32_t gz, uint32_t lx, uint32_t ly)
{
    e->run.groups[0] = gx;
    e->run.groups[1] = gy;
    e->run.groups[2] = gz;
    e->run.local[0] = lx;
    e->run.local[1] = ly;
    e->run.local[2] = 1;
    e->ran = vk_dispatch(e->vk, &e->fn, &e->run, e->detail, sizeof(e->detail));
    return e->ran;
}

static bool compile(struct env *e)
{
    struct metallib_function f;

    if (metallib_find(e->lib, e->kernel, &f)) {
        snprintf(e->detail, sizeof(e->detail), "not in the library");
        return false;
    }
    if (air_compile(f.bitcode, f.bitcode_size, e->kernel, &e->opt, &e->fn)) {
        snprintf(e->detail, sizeof(e->detail), "%s: %.160s", air_refuse_name(e->fn.reason), e->fn.error);
        return false;
    }
    return true;
}

bool launch_threads(struct env *e, uint32_t tx, uint32_t ty, uint32_t tz, uint32_t lx)
{
    e->run.threads[0] = tx;
    e->run.threads[1] = ty;
    e->run.threads[2] = tz;
    if (e->opt.flags & AIR_OPT_WHOLE_GROUPS) { /* now there may be threads outside the grid */
        e->opt.flags &= ~AIR_OPT_WHOLE_GROUPS;
        air_result_fini(&e->fn);
        if (!compile(e))
            return false;
    }
    return launch(e, 0, 0, 0, lx, 1);
}

static bool software_device(const struct vk *vk)
{
    VkPhysicalDeviceProperties p;

    vkGetPhysicalDeviceProperties(vk->phys, &p);
    return p.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
}

static const char *run_one(struct vk *vk, const struct metallib *lib, const char *kernel, test_fn fn, int arg, struct env *e)
{
    const char *verdict;

    memset(e, 0, sizeof(*e));
    e->vk = vk;
    e->lib = lib;
    e->kernel = kernel;
    e->arg = arg;
    e->software = software_device(vk) && !leave_nothing_out;
    vk_options(vk, &e->opt);
    e->opt.flags |= extra_flags;
    rng_state = 12345;
    for (unsigned i = 0; i < VK_RUN_SLOTS; i++)
        e->run.tg_bytes[i] = 16384;
    for (unsigned i = 2; i < VK_RUN_SLOTS; i++)
        e->run.tg_bytes[i] = 16;
    e->run.tg_bytes[1] = 4096;
    if (fn)
        fn(e, true); /* function constants, before compiling */
    if (e->left_out) {
        snprintf(e->detail, sizeof(e->detail), "%s", e->left_out);
        verdict = "left-out";
    } else if (!compile(e)) {
        verdict = "refused";
    } else {
        fn(e, false);
        verdict = !e->ran ? "failed" : e->bad ? "wrong" : "right";
    }
    for (unsigned i = 0; i < VK_RUN_SLOTS; i++) {
        if (e->b[i].buf)
            vk_buf_free(vk, &e->b[i]);
    }
    air_result_fini(&e->fn);
    return verdict;
}

static int pipelines(struct vk *vk, const struct metallib *lib)
{
    uint64_t cursor = 0;
    struct metallib_function f;
    unsigned good = 0, bad = 0, refused = 0;

    while (metallib_next(lib, &cursor, &f) != METALLIB_ERR_INDEX) {
        struct air_options o;
        struct air_result r;
        char why[128];
        static const uint32_t local[3] = {32, 1, 1};

        vk_options(vk, &o);
        if (air_compile(f.bitcode, f.bitcode_size, f.name, &o, &r)) {
            printf("%s refused %s\n", f.name, air_refuse_name(r.reason));
            refused++;
        } else if (vk_pipeline_only(vk, &r, local, why, sizeof(why))) {
            good++;
        } else {
            printf("%s failed %s\n", f.name, why);
            bad++;
        }
        air_result_fini(&r);
    }
    printf("pipelines: %u created, %u failed, %u refused\n", good, bad, refused);
    return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct vk vk;
    struct metallib lib;
    static uint8_t data[32 << 20];
    const char *why, *only = NULL;
    bool light = false; /* without matrix products and attention, which a software device takes long to translate */
    unsigned right = 0, wrong = 0, refused = 0, failed = 0, left = 0;
    FILE *f;
    size_t n;

    if (argc > 1 && !strcmp(argv[1], "--list")) {
        for (int i = 0; i < corpus_count; i++)
            printf("%s\n", corpus[i].kernel);
        return 0;
    }
    why = vk_open(&vk);
    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    if (argc < 2 || !(f = fopen(argv[1], "rb"))) {
        fprintf(stderr, "usage: corpus_run --list | LIB [--only KERNEL] [--pipelines] [--dispatcher] [--physical] "
                        "[--edges] [--light] "
                        "[--long]\n");
        return 2;
    }
    n = fread(data, 1, sizeof(data), f);
    fclose(f);
    if (metallib_open(data, n, &lib)) {
        fprintf(stderr, "%s: no metallib\n", argv[1]);
        return 2;
    }
    if (!load_codebooks(&lib))
        return 2;
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--pipelines"))
            return pipelines(&vk, &lib);
        if (!strcmp(argv[i], "--only") && i + 1 < argc)
            only = argv[++i];
        if (!strcmp(argv[i], "--dispatcher"))
            extra_flags |= AIR_OPT_FORCE_DISPATCHER;
        if (!strcmp(argv[i], "--physical"))
            extra_flags |= AIR_OPT_FORCE_PHYSICAL;
        if (!strcmp(argv[i], "--edges"))
            extra_flags &= ~AIR_OPT_WHOLE_GROUPS;
        if (!strcmp(argv[i], "--light"))
            light = true;
        if (!strcmp(argv[i], "--long"))
            leave_nothing_out = true;
    }
    for (int i = 0; i < corpus_count; i++) {
        struct env e;
        const char *v;

        if ((only && strcmp(only, corpus[i].kernel)) || (light && (!strncmp(corpus[i].kernel, "kernel_mul_mm", 13) || corpus[i].fn == t_flash)))
            continue;
        v = run_one(&vk, &lib, corpus[i].kernel, corpus[i].fn, corpus[i].arg, &e);
        printf("%s %s %zu compared%s%s\n", corpus[i].kernel, v, e.compared, e.detail[0] && strcmp(v, "right") ? ": " : "",
               strcmp(v, "right") ? e.detail : "");
        fflush(stdout);
        right += v[0] == 'r' && v[1] == 'i';
        refused += v[0] == 'r' && v[1] == 'e';
        left += v[0] == 'l';
        wrong += v[0] == 'w';
        failed += v[0] == 'f';
    }
    printf("device %s, subgroup %u: %u right, %u wrong, %u failed, %u refused, %u left out\n", vk.name, vk.subgroup, right,
           wrong, failed, refused, left);
    vk_close(&vk);
    return wrong || failed ? 1 : 0;
}
