/* SPDX-License-Identifier: MIT */
/*
 * The compiler service as a client sees it (issue 3, item 7): start, compile round trip, cache hit, what a crash costs.
 *
 * Usage: bench-airc SERVICE LL-FOLDER LLVM-AS. SERVICE is pvg-airc. $PVG_AIR_CORPUS: a metallib to compile in full, where
 * it is within reach; without it our own few functions stand for it.
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "air/container.h"
#include "air/corpus_constants.h"
#include "airc/airc.h"
#include "measure.h"

enum { FUNCTIONS_MAX = 4096, STARTS = 9, DEATHS = 100, HITS = 2000 };

struct function {
    char name[128];
    const uint8_t *module;
    size_t n;
};

static struct function functions[FUNCTIONS_MAX];
static size_t function_count;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* under @lock */
static unsigned answers;
static unsigned statuses[AIRC_STATUS_COUNT], cached;
static struct samples *worker_us, *spirv_bytes;

static void done(void *opaque, const struct airc_result *r)
{
    pthread_mutex_lock(&lock);
    answers++;
    statuses[r->status]++;
    cached += r->cached;
    if (worker_us && r->status == AIRC_OK)
        samples_add(worker_us, r->compile_us);
    if (spirv_bytes && r->status == AIRC_OK)
        samples_add(spirv_bytes, (double)r->spirv_words * 4);
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void ask(struct airc *c, const char *entry, const void *module, size_t n)
{
    struct airc_request req = {.module = module, .module_bytes = n, .entry = entry, .type = AIRC_TYPE_ANY};

    req.options.size = sizeof(req.options);
    req.options.caps = AIR_CAPS_DEFAULT;
    req.options.simd_width = 32;
    corpus_constants(&req.options);
    if (airc_compile(c, &req, done, NULL))
        die("a request was not taken");
}

static void wait_for(unsigned n)
{
    pthread_mutex_lock(&lock);
    while (answers < n)
        pthread_cond_wait(&changed, &lock);
    answers = 0;
    pthread_mutex_unlock(&lock);
}

static struct airc *client(const char *program, const char *cache, unsigned workers)
{
    struct airc_config cfg = {
        .size = sizeof(cfg), .socket_path = "", .program = program, .cache_dir = cache, .workers = workers};
    struct airc *c;

    if (airc_new(&cfg, &c))
        die("no client");
    return c;
}

static uint8_t *read_stream(FILE *f, size_t *n)
{
    uint8_t *p = NULL;
    size_t room = 0;

    *n = 0;
    while (f && !feof(f) && !ferror(f)) {
        if (*n == room) {
            p = realloc(p, room = room ? 2 * room : 1 << 20);
            if (!p)
                die("out of memory");
        }
        *n += fread(p + *n, 1, room - *n, f);
    }
    return p;
}

/* The modules stay until the end of the program. */
static void load(const char *folder, const char *as)
{
    static const char *const own[][2] = {{"kernel.ll", "sums"}, {"vertex.ll", "place"}, {"fragment.ll", "shade"}};
    const char *corpus = getenv("PVG_AIR_CORPUS");
    FILE *f = corpus ? fopen(corpus, "rb") : NULL;
    struct metallib_function fn;
    struct metallib lib;
    uint64_t cursor = 0;
    char command[4096];
    size_t n;

    if (f) {
        uint8_t *p = read_stream(f, &n);

        fclose(f);
        if (metallib_open(p, n, &lib))
            die("%s is no library", corpus);
        while (function_count < FUNCTIONS_MAX && !metallib_next(&lib, &cursor, &fn)) {
            struct function *to = &functions[function_count++];

            snprintf(to->name, sizeof(to->name), "%s", fn.name);
            to->module = fn.module;
            to->n = fn.module_size;
        }
        return;
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        struct function *to = &functions[function_count++];

        snprintf(command, sizeof(command), "'%s' -o - '%s/%s'", as, folder, own[i][0]);
        f = popen(command, "re");
        to->module = read_stream(f, &to->n);
        if (!f || pclose(f) || !to->n)
            die("%s", command);
        snprintf(to->name, sizeof(to->name), "%s", own[i][1]);
    }
}

static void ask_all(struct airc *c)
{
    for (size_t i = 0; i < function_count; i++)
        ask(c, functions[i].name, functions[i].module, functions[i].n);
    wait_for((unsigned)function_count);
}

/* From nothing to the first answer. */
static void start(const char *program)
{
    struct samples s = {0};

    for (int i = 0; i < STARTS; i++) {
        uint64_t t0 = now_ns();
        struct airc *c = client(program, "", 0);

        ask(c, functions[0].name, functions[0].module, functions[0].n);
        wait_for(1);
        samples_add(&s, (double)(now_ns() - t0) / 1e6);
        airc_free(c);
    }
    result_lower("airc start to first answer", "ms", samples_quantile(&s, 0.5), 150, "issue 3: 150 ms once");
    samples_free(&s);
}

static void compile(const char *program)
{
    struct samples round = {0}, us = {0}, bytes = {0};
    struct airc *c = client(program, "", 1);
    uint64_t t0;
    double all_s;

    /* One at a time, so that a round trip is no wait for others. */
    worker_us = &us;
    spirv_bytes = &bytes;
    ask_all(c); /* connects, and settles clocks */
    us.count = bytes.count = 0;
    for (size_t i = 0; i < function_count; i++) {
        t0 = now_ns();
        ask(c, functions[i].name, functions[i].module, functions[i].n);
        wait_for(1);
        samples_add(&round, (double)(now_ns() - t0) / 1e3);
    }
    worker_us = spirv_bytes = NULL;
    if (!us.count)
        die("nothing compiled");
    result_lower("airc compile, in the worker, p50", "ms", samples_quantile(&us, 0.5) / 1e3, 5, "issue 3: 5 ms");
    result_lower("airc compile, in the worker, p99", "ms", samples_quantile(&us, 0.99) / 1e3, 60, "issue 3: 60 ms");
    result_lower("airc compile, in the worker, worst", "ms", samples_quantile(&us, 1) / 1e3, 1000, "issue 3: 1 s");
    result_lower("airc round trip, p50", "us", samples_quantile(&round, 0.5), samples_quantile(&us, 0.5),
                 "the same in the worker");
    result_alone("airc SPIR-V size, p50", "bytes", samples_quantile(&bytes, 0.5), "lower");
    airc_free(c);

    c = client(program, "", 2);
    ask(c, functions[0].name, functions[0].module, functions[0].n);
    wait_for(1);
    t0 = now_ns();
    ask_all(c);
    all_s = (double)(now_ns() - t0) / 1e9;
    result_alone("airc throughput, 2 workers", "functions/s", (double)function_count / all_s, "higher");
    airc_free(c);
    samples_free(&round);
    samples_free(&us);
    samples_free(&bytes);
}

static void remove_cache(const char *cache)
{
    char command[512];

    snprintf(command, sizeof(command), "rm -rf '%s'", cache);
    if (system(command))
        die("%s could not be removed", cache);
}

static void cache_hits(const char *program)
{
    char cache[] = "/tmp/bench-airc-XXXXXX";
    struct samples hit = {0};
    struct airc *c;

    if (!mkdtemp(cache))
        die("no folder for a cache");
    c = client(program, cache, 2);
    ask_all(c);
    ask_all(c);
    cached = 0;
    for (int i = 0; i < HITS; i++) {
        const struct function *f = &functions[(size_t)i % function_count];
        uint64_t t0 = now_ns();

        ask(c, f->name, f->module, f->n);
        wait_for(1);
        samples_add(&hit, (double)(now_ns() - t0) / 1e3);
    }
    if (cached < HITS * 9 / 10)
        die("only %u of %d requests were answered by the cache", cached, HITS);
    result_lower("airc cache hit, p50", "us", samples_quantile(&hit, 0.5), 200, "issue 3: 0.2 ms");
    result_lower("airc cache hit, p99", "us", samples_quantile(&hit, 0.99), 200, "issue 3: 0.2 ms");
    airc_free(c);
    remove_cache(cache);
    samples_free(&hit);
}

/* First child of any thread of process @pid, 0 for this one; 0 when there is none. */
static pid_t child_of(pid_t pid)
{
    char path[400];
    DIR *d;
    struct dirent *e;
    int child = 0;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)(pid ? pid : getpid()));
    d = opendir(path);
    while (d && !child && (e = readdir(d))) {
        FILE *f;

        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)(pid ? pid : getpid()), e->d_name);
        f = fopen(path, "re");
        if (f && fscanf(f, "%d", &child) != 1)
            child = 0;
        if (f)
            fclose(f);
    }
    if (d)
        closedir(d);
    return child;
}

/* A worker is killed: until there is another, and what its first request takes more than one of a used worker. */
static void respawn(const char *program)
{
    struct samples fresh = {0}, first = {0}, usual = {0};
    struct airc *c = client(program, "", 1);
    const struct function *f = &functions[0];
    pid_t helper, worker, next;

    ask(c, f->name, f->module, f->n);
    wait_for(1);
    helper = child_of(0);
    for (int i = 0; helper && i < DEATHS; i++) {
        uint64_t t0 = now_ns();

        ask(c, f->name, f->module, f->n);
        wait_for(1);
        samples_add(&usual, (double)(now_ns() - t0) / 1e6);
        worker = child_of(helper);
        if (!worker)
            break;
        t0 = now_ns();
        kill(worker, SIGKILL);
        while ((next = child_of(helper)) == worker || !next)
            usleep(50);
        samples_add(&fresh, (double)(now_ns() - t0) / 1e6);
        t0 = now_ns();
        ask(c, f->name, f->module, f->n);
        wait_for(1);
        samples_add(&first, (double)(now_ns() - t0) / 1e6);
    }
    if (fresh.count) {
        result_lower("airc fresh worker after a death, p50", "ms", samples_quantile(&fresh, 0.5), 20, "issue 3: 20 ms");
        result_lower("airc fresh worker after a death, worst of 100", "ms", samples_quantile(&fresh, 1), 20,
                     "issue 3: 20 ms");
        result_lower("airc first request of a fresh worker", "ms", samples_quantile(&first, 0.5),
                     samples_quantile(&usual, 0.5), "the same of a used worker");
    } else {
        fprintf(stderr, "/proc does not tell the workers: their replacement is not measured\n");
    }
    airc_free(c);
    samples_free(&fresh);
    samples_free(&first);
    samples_free(&usual);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        die("usage: bench-airc SERVICE LL-FOLDER LLVM-AS");
    load(argv[2], argv[3]);
    start(argv[1]);
    compile(argv[1]);
    cache_hits(argv[1]);
    respawn(argv[1]);
    return 0;
}
