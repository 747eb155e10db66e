/* SPDX-License-Identifier: MIT */
/*
 * Time to the first dispatch: from the request for a function at a running service to the end of its first dispatch, with
 * everything a renderer does in between: SPIR-V back over the socket, shader module, pipeline, descriptors, submission.
 * Cold: nothing in the disk cache of the client; warm: the client's disk cache has it. The driver's own cache is off, so
 * that its part is the same in both; that part alone, with the SPIR-V at hand, is the reference.
 *
 * usage: bench_first LIB PVG-AIRC. One JSON object per line (decision 19).
 */
#include "measure.h"
#include "vkrun.h"
#include "air/container.h"
#include "airc/airc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 15, BUFFERS = 5 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* under @lock */
static struct air_result answer;
static enum airc_status status;
static bool cached, come;

static void done(void *opaque, const struct airc_result *r)
{
    pthread_mutex_lock(&lock);
    memset(&answer, 0, sizeof(answer));
    status = r->status;
    cached = r->cached;
    if (r->status == AIRC_OK) {
        answer.words = r->spirv_words;
        answer.spirv = malloc(r->spirv_words * 4);
        answer.reflection_bytes = r->reflection_bytes;
        answer.reflection = malloc(r->reflection_bytes);
        if (!answer.spirv || !answer.reflection)
            die("out of memory");
        memcpy(answer.spirv, r->spirv, r->spirv_words * 4);
        memcpy(answer.reflection, r->reflection, r->reflection_bytes);
    }
    come = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void fetch(struct airc *c, const struct metallib_function *f, const struct air_options *o, bool want_cached)
{
    struct airc_request req = {
        .module = f->module, .module_bytes = f->module_size, .entry = f->name, .type = AIRC_TYPE_ANY, .options = *o};

    if (airc_compile(c, &req, done, NULL))
        die("a request was not taken");
    pthread_mutex_lock(&lock);
    while (!come)
        pthread_cond_wait(&changed, &lock);
    come = false;
    pthread_mutex_unlock(&lock);
    if (status != AIRC_OK)
        die("%s: %s", f->name, airc_status_name(status));
    if (cached != want_cached)
        die("%s: %s the disk cache", f->name, cached ? "from" : "not from");
}

static void buffers(struct vk *vk, struct vk_buf *b, struct vk_run *run)
{
    for (unsigned i = 0; i < BUFFERS; i++) {
        if (!vk_buf_new(vk, &b[i], 65536))
            die("no memory on the device");
        memset(b[i].map, 0, 65536); /* sizes of zero: these kernels run and have nothing to do */
        run->buf[i] = &b[i];
    }
    run->groups[0] = run->groups[1] = run->groups[2] = 1;
    run->local[0] = 32;
    run->local[1] = run->local[2] = 1;
}

static void dispatch(struct vk *vk, const struct vk_run *run)
{
    char why[200];

    if (!vk_dispatch(vk, &answer, run, why, sizeof(why)))
        die("%s", why);
}

/* One kernel: its three medians, ms. Each cold round has a cache folder of its own. */
static void measure(struct vk *vk, const char *program, const struct metallib *lib, const char *kernel)
{
    static unsigned folder;
    struct samples cold = {0}, warm = {0}, driver = {0};
    char base[] = "/tmp/bench-first-XXXXXX", command[128], name[256];
    struct metallib_function f;
    struct vk_run run = {0};
    struct vk_buf b[BUFFERS] = {0};
    struct air_options o;

    if (metallib_find(lib, kernel, &f))
        die("%s: not in the library", kernel);
    if (!mkdtemp(base))
        die("no folder for a cache");
    vk_options(vk, &o);
    o.flags |= AIR_OPT_WHOLE_GROUPS;
    buffers(vk, b, &run);
    for (int i = 0; i < ROUNDS; i++) {
        struct airc_config cfg = {.size = sizeof(cfg), .socket_path = "", .program = program, .workers = 1};
        char cache[64];
        struct airc *c;
        uint64_t t0;

        snprintf(cache, sizeof(cache), "%s/%u", base, folder++);
        cfg.cache_dir = cache;
        if (airc_new(&cfg, &c))
            die("no client");
        /* the service is there and its worker has compiled something */
        o.constant_count = 1;
        o.constant[0].index = 999;
        fetch(c, &f, &o, false);
        air_result_fini(&answer);
        o.constant_count = 0;
        memset(&o.constant[0], 0, sizeof(o.constant[0]));

        t0 = now_ns();
        fetch(c, &f, &o, false);
        dispatch(vk, &run);
        samples_add(&cold, (double)(now_ns() - t0) / 1e6);

        t0 = now_ns();
        dispatch(vk, &run);
        samples_add(&driver, (double)(now_ns() - t0) / 1e6);
        air_result_fini(&answer);

        t0 = now_ns();
        fetch(c, &f, &o, true);
        dispatch(vk, &run);
        samples_add(&warm, (double)(now_ns() - t0) / 1e6);
        air_result_fini(&answer);
        airc_free(c);
    }
    snprintf(name, sizeof(name), "first dispatch, cold, %s on %.60s", kernel, vk->name);
    result_lower(name, "ms", samples_quantile(&cold, 0.5), samples_quantile(&driver, 0.5), "with the SPIR-V at hand");
    snprintf(name, sizeof(name), "first dispatch, cached, %s on %.60s", kernel, vk->name);
    result_lower(name, "ms", samples_quantile(&warm, 0.5), samples_quantile(&driver, 0.5), "with the SPIR-V at hand");
    for (unsigned i = 0; i < BUFFERS; i++)
        vk_buf_free(vk, &b[i]);
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    if (system(command))
        die("%s could not be removed", base);
    samples_free(&cold);
    samples_free(&warm);
    samples_free(&driver);
}

int main(int argc, char **argv)
{
    static const char *const kernels[] = {"kernel_scale", "kernel_gelu", "kernel_get_rows_q4_0", "kernel_norm",
                                          "kernel_rope_norm_f32"};
    static uint8_t data[32 << 20];
    struct metallib lib;
    const char *why;
    struct vk vk;
    size_t n;
    FILE *f;

    if (argc != 3 || !(f = fopen(argv[1], "rb")))
        die("usage: bench_first LIB PVG-AIRC");
    n = fread(data, 1, sizeof(data), f);
    fclose(f);
    if (metallib_open(data, n, &lib))
        die("%s: no metallib", argv[1]);
    setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
    setenv("__GL_SHADER_DISK_CACHE", "0", 1);
    why = vk_open(&vk);
    if (why) {
        fprintf(stderr, "first dispatch skipped: %s\n", why);
        return 77;
    }
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
        measure(&vk, argv[2], &lib, kernels[i]);
    vk_close(&vk);
    return 0;
}
