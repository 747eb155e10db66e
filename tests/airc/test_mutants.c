/* SPDX-License-Identifier: MIT */
/*
 * Mutated shaders against the real worker: each must end in SPIR-V that validates, or in a refusal with a name, within
 * its limits; and the service must go on.
 *
 * Usage: test_mutants FOLDER-OR-FILE... with LLVM text. Functions named REASON__SOMETHING are refused for REASON before they
 * are mutated, all others compile. $PVG_AIRC: the service. $PVG_LLVM_AS: the assembler. $PVG_AIR_CORPUS: a
 * metallib whose functions are mutated too, where it is within reach. $PVG_TEST_FULL: 10,000 mutants instead of 500.
 * $PVG_SEED: another sequence.
 *
 * Everything that is wrong is printed and kept as a file, so that it can be repeated.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The header defines a constant; in C that is one of the program, and src/air has it already. */
#define kDefaultMaxIdBound test_default_max_id_bound
#include <spirv-tools/libspirv.h>

#include "air/container.h"
#include "airc/airc.h"

/* AIR_CAP_*: all that there are */
#define ALL_CAPS (2u * AIR_CAP_INTERLOCK - 1)

enum { SEEDS_MAX = 1024, IN_FLIGHT = 32, TIME_LIMIT_MS = 10000, FEW = 500, MANY = 10000 };

struct seed {
    char name[128];
    uint8_t *bytes; /* a library of one function */
    size_t n;
    size_t bitcode_off, bitcode_size; /* where its bitcode lies */
};

struct mutant {
    struct seed *from;
    unsigned number;
    uint8_t *bytes;
    size_t n;
};

static struct seed seeds[SEEDS_MAX];
static int seed_count;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* under @lock */
static unsigned in_flight, status_count[AIRC_STATUS_COUNT], reason_count[AIR_REFUSE_COUNT], wrong, slowest_us;

static spv_context validator;
static uint64_t state;

static uint32_t rnd(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) % below);
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "test_mutants: %s\n", what);
    exit(1);
}

/* --- seeds --- */

static void add_seed(const char *name, uint32_t type, const uint8_t *bitcode, size_t size)
{
    struct metallib_write_entry e = {
        .name = name, .type = type, .bitcode = bitcode, .bitcode_size = size, .air_major = 2};
    struct seed *s = &seeds[seed_count];
    struct metallib_function fn;
    struct metallib lib;

    if (seed_count == SEEDS_MAX)
        return;
    if (metallib_write(&e, 1, &s->bytes, &s->n) || metallib_open(s->bytes, s->n, &lib) ||
        metallib_find(&lib, name, &fn))
        fail("a seed could not be written");
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->bitcode_off = (size_t)(fn.bitcode - s->bytes);
    s->bitcode_size = fn.bitcode_size;
    seed_count++;
}

/* All that a stream gives. NULL when there is none or it is empty. */
static uint8_t *read_all(FILE *f, size_t *n)
{
    uint8_t *p = NULL;
    size_t room = 0;

    *n = 0;
    while (f && !feof(f) && !ferror(f)) {
        if (*n == room) {
            uint8_t *more = realloc(p, room = room ? 2 * room : 65536);

            if (!more)
                fail("out of memory");
            p = more;
        }
        *n += fread(p + *n, 1, room - *n, f);
    }
    if (*n)
        return p;
    free(p);
    return NULL;
}

struct listed {
    const uint8_t *bitcode;
    size_t n;
};

static void add_listed(void *opaque, const char *name, unsigned stage)
{
    struct listed *l = opaque;

    add_seed(name, stage, l->bitcode, l->n);
}

static void add_text(const char *path)
{
    const char *as = getenv("PVG_LLVM_AS");
    char command[4096], error[512];
    struct listed l;
    uint8_t *bitcode;
    FILE *f;

    if (!as)
        fail("$PVG_LLVM_AS is missing");
    snprintf(command, sizeof(command), "'%s' -o - '%s'", as, path);
    f = popen(command, "re");
    bitcode = read_all(f, &l.n);
    if (!f || pclose(f) || !bitcode)
        fail(command);
    l.bitcode = bitcode;
    if (air_list_entries(bitcode, l.n, add_listed, &l, error, sizeof(error)))
        fail(error);
    free(bitcode);
}

static void add_texts(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    char file[2048];

    if (!d) {
        add_text(path);
        return;
    }
    while ((e = readdir(d))) {
        if (!strstr(e->d_name, ".ll"))
            continue;
        snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
        add_text(file);
    }
    closedir(d);
}

static void add_corpus(const char *path)
{
    struct metallib_function fn;
    struct metallib lib;
    FILE *f = path ? fopen(path, "rb") : NULL;
    uint64_t cursor = 0;
    size_t n;
    uint8_t *p = read_all(f, &n);

    if (f)
        fclose(f);
    if (!p) {
        printf("corpus: %s is not within reach, own texts only\n", path ? path : "$PVG_AIR_CORPUS");
        return;
    }
    if (metallib_open(p, n, &lib))
        fail("the corpus is no library");
    while (metallib_next(&lib, &cursor, &fn) == METALLIB_OK)
        add_seed(fn.name, fn.type, fn.module, fn.module_size);
    free(p);
}

/* --- mutations --- */

static const uint32_t numbers[] = {0,          1,          0x7f,       0x80,       0xff,
                                   0x7fff,     0x8000,     0xffff,     0x7fffffff, 0x80000000,
                                   0xffffffff, 0xdec04342, 0x0b17c0de, 0x40000000, 0x00ffffff};

/* Change some bytes of the part [@off, @off + @size) of @p. */
static void change(uint8_t *p, size_t off, size_t size, const struct seed *other)
{
    size_t at = off + rnd((uint32_t)size), left = off + size - at, n, from;
    uint32_t v;

    switch (rnd(8)) {
    case 0: /* bits; the format is made of odd fields, so this is what reaches deepest */
    case 1:
    case 2:
        for (uint32_t i = 1 + rnd(4); i; i--)
            p[off + rnd((uint32_t)size)] ^= (uint8_t)(1u << rnd(8));
        break;
    case 3: /* a byte */
        p[at] = (uint8_t)rnd(256);
        break;
    case 4: /* a word of the kind that breaks sums */
        v = numbers[rnd(sizeof(numbers) / sizeof(numbers[0]))];
        memcpy(p + at, &v, left < 4 ? left : 4);
        break;
    case 5: /* a run of one value */
        memset(p + at, (int)rnd(256), 1 + rnd((uint32_t)(left < 64 ? left : 64)));
        break;
    case 6: /* a piece from elsewhere in it */
        from = off + rnd((uint32_t)size);
        n = off + size - from < left ? off + size - from : left;
        memmove(p + at, p + from, 1 + rnd((uint32_t)(n < 256 ? n : 256)));
        break;
    case 7: /* a piece from another module */
        from = other->bitcode_off + rnd((uint32_t)other->bitcode_size);
        n = other->bitcode_off + other->bitcode_size - from;
        n = n < left ? n : left;
        memcpy(p + at, other->bytes + from, 1 + rnd((uint32_t)(n < 256 ? n : 256)));
        break;
    }
}

static void mutate(struct mutant *m)
{
    struct seed *s = &seeds[rnd((uint32_t)seed_count)], *other = &seeds[rnd((uint32_t)seed_count)];

    m->from = s;
    m->n = s->n;
    m->bytes = malloc(s->n);
    if (!m->bytes)
        fail("out of memory");
    memcpy(m->bytes, s->bytes, s->n);
    switch (rnd(10)) {
    case 0: /* the container */
        change(m->bytes, 0, s->bitcode_off, other);
        break;
    case 1: /* cut; the container then refuses most, loose bitcode reaches the reader */
        memmove(m->bytes, m->bytes + s->bitcode_off, s->bitcode_size);
        m->n = 4 + rnd((uint32_t)s->bitcode_size - 4);
        break;
    default:
        for (uint32_t i = 1 + rnd(3); i; i--)
            change(m->bytes, s->bitcode_off, s->bitcode_size, other);
    }
}

/* --- running them --- */

static void keep(const struct mutant *m, const char *why, const char *text)
{
    char path[64];
    FILE *f;

    snprintf(path, sizeof(path), "mutant-%u.metallib", m->number);
    f = fopen(path, "wb");
    if (f) {
        fwrite(m->bytes, 1, m->n, f);
        fclose(f);
    }
    printf("WRONG: mutant %u of %s: %s: %s (kept as %s)\n", m->number, m->from->name, why, text, path);
    wrong++;
}

static void check_spirv(const struct mutant *m, const struct airc_result *r)
{
    spv_const_binary_t binary = {r->spirv, r->spirv_words};
    spv_validator_options options = spvValidatorOptionsCreate();
    spv_diagnostic diagnostic = NULL;

    spvValidatorOptionsSetScalarBlockLayout(options, true);
    if (spvValidateWithOptions(validator, options, &binary, &diagnostic) != SPV_SUCCESS)
        keep(m, "SPIR-V that does not validate was handed out", diagnostic ? diagnostic->error : "");
    spvDiagnosticDestroy(diagnostic);
    spvValidatorOptionsDestroy(options);
}

static void done(void *opaque, const struct airc_result *r)
{
    struct mutant *m = opaque;

    pthread_mutex_lock(&lock);
    status_count[r->status]++;
    reason_count[r->reason]++;
    if (r->compile_us > slowest_us)
        slowest_us = r->compile_us;
    switch (r->status) {
    case AIRC_OK:
        check_spirv(m, r);
        break;
    case AIRC_REFUSED:
        if (r->reason == AIR_REFUSE_NONE || !r->text[0])
            keep(m, "refused without a reason", r->text);
        break;
    case AIRC_CRASH:
    case AIRC_TIMEOUT:
    case AIRC_MEMORY:
        printf("%s: mutant %u of %s: %s\n", airc_status_name(r->status), m->number, m->from->name, r->text);
        break;
    default: /* a broken jail, a lying worker, a lost service */
        keep(m, airc_status_name(r->status), r->text);
    }
    in_flight--;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    free(m->bytes);
    free(m);
}

static void ask(struct airc *c, struct mutant *m)
{
    /* Loose bitcode has no names: there the only entry point is asked for. */
    struct airc_request req = {.module = m->bytes, .module_bytes = m->n, .type = AIRC_TYPE_ANY};

    req.options.size = sizeof(req.options);
    req.options.caps = rnd(4) ? AIR_CAPS_DEFAULT : rnd(2) ? ALL_CAPS : rnd(ALL_CAPS + 1);
    req.options.simd_width = rnd(2) ? 32 : 8;
    req.options.flags = rnd(8) ? 0 : AIR_OPT_FORCE_DISPATCHER | AIR_OPT_FORCE_PHYSICAL | AIR_OPT_DEBUG_NAMES;
    pthread_mutex_lock(&lock);
    while (in_flight >= IN_FLIGHT)
        pthread_cond_wait(&changed, &lock);
    in_flight++;
    pthread_mutex_unlock(&lock);
    if (airc_compile(c, &req, done, m))
        fail("a request was not taken");
}

static void wait_for_all(void)
{
    pthread_mutex_lock(&lock);
    while (in_flight)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static struct mutant *unchanged(struct seed *s)
{
    struct mutant *m = calloc(1, sizeof(*m));

    if (!m || !(m->bytes = malloc(s->n)))
        fail("out of memory");
    memcpy(m->bytes, s->bytes, s->n);
    m->n = s->n;
    m->from = s;
    return m;
}

/* The seeds that are ours must compile before and after, or the test shows nothing. */
static void ask_own_seeds(struct airc *c, int own)
{
    unsigned before = status_count[AIRC_OK], expected = 0;

    for (int i = 0; i < own; i++) {
        if (strstr(seeds[i].name, "__"))
            continue;
        expected++;
        struct mutant *m = unchanged(&seeds[i]);
        struct airc_request req = {.module = m->bytes, .module_bytes = m->n, .type = AIRC_TYPE_ANY};

        req.options.size = sizeof(req.options);
        req.options.caps = ALL_CAPS;
        pthread_mutex_lock(&lock);
        in_flight++;
        pthread_mutex_unlock(&lock);
        if (airc_compile(c, &req, done, m))
            fail("a request was not taken");
    }
    wait_for_all();
    if (status_count[AIRC_OK] != before + expected)
        fail("a seed does not compile");
}

struct expected {
    enum airc_status status;
    enum air_refuse reason;
    const char *text; /* the answer's text begins so */
};

static void done_expected(void *opaque, const struct airc_result *r)
{
    const struct expected *e = opaque;

    pthread_mutex_lock(&lock);
    if (r->status != e->status || r->reason != e->reason || strncmp(r->text, e->text, strlen(e->text))) {
        printf("WRONG: %s, %s, \"%s\" instead of \"%s\"\n", airc_status_name(r->status), air_refuse_name(r->reason),
               r->text, e->text);
        wrong++;
    }
    in_flight--;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* Refusals that the worker itself gives, around the compiler. */
static void ask_for_refusals(struct airc *c)
{
    static struct expected container = {AIRC_REFUSED, AIR_REFUSE_CONTAINER, "magic: "},
                           name = {AIRC_REFUSED, AIR_REFUSE_CONTAINER, "not-found: "},
                           type = {AIRC_REFUSED, AIR_REFUSE_CONTAINER, "not-found: "},
                           unvalidated = {AIRC_REFUSED, AIR_REFUSE_OPTIONS, "options: "};
    struct airc_request req = {.module = "no library at all", .module_bytes = 17, .type = AIRC_TYPE_ANY};
    int err;

    req.options.size = sizeof(req.options);
    in_flight = 4;
    err = airc_compile(c, &req, done_expected, &container);
    req.module = seeds[0].bytes;
    req.module_bytes = seeds[0].n;
    req.entry = "no such function";
    err |= airc_compile(c, &req, done_expected, &name);
    req.entry = seeds[0].name;
    req.type = 200;
    err |= airc_compile(c, &req, done_expected, &type);
    req.type = AIRC_TYPE_ANY;
    req.options.flags = AIR_OPT_NO_VALIDATE;
    err |= airc_compile(c, &req, done_expected, &unvalidated);
    if (err)
        fail("a request was not taken");
    wait_for_all();
}

static void log_line(void *opaque, bool warning, const char *message)
{
    if (warning)
        printf("warning: %s\n", message);
}

int main(int argc, char **argv)
{
    unsigned count = getenv("PVG_TEST_FULL") ? MANY : FEW;
    struct airc_config cfg = {
        .size = sizeof(cfg),
        .socket_path = "",
        .cache_dir = "",
        .time_limit_ms = TIME_LIMIT_MS,
        .log = log_line,
    };
    struct airc_stats stats;
    struct airc *c;
    int own;

    if (argc < 2)
        fail("usage: test_mutants FOLDER-OR-FILE...");
    state = getenv("PVG_SEED") ? strtoull(getenv("PVG_SEED"), NULL, 0) : 0x9e3779b97f4a7c15;
    validator = spvContextCreate(SPV_ENV_VULKAN_1_3);
    for (int i = 1; i < argc; i++)
        add_texts(argv[i]);
    own = seed_count;
    add_corpus(getenv("PVG_AIR_CORPUS"));
    printf("%d own functions, %d of the corpus, seed %#llx\n", own, seed_count - own, (unsigned long long)state);
    if (airc_new(&cfg, &c))
        fail("no client");
    ask_own_seeds(c, own);
    ask_for_refusals(c);
    memset(status_count, 0, sizeof(status_count));
    memset(reason_count, 0, sizeof(reason_count));
    for (unsigned i = 0; i < count; i++) {
        struct mutant *m = calloc(1, sizeof(*m));

        if (!m)
            fail("out of memory");
        m->number = i;
        mutate(m);
        ask(c, m);
    }
    wait_for_all();
    for (unsigned i = 0; i < AIRC_STATUS_COUNT; i++)
        if (status_count[i])
            printf("%6u %s\n", status_count[i], airc_status_name(i));
    for (unsigned i = 1; i < AIR_REFUSE_COUNT; i++)
        if (reason_count[i])
            printf("%6u   %s\n", reason_count[i], air_refuse_name((enum air_refuse)i));
    printf("slowest: %u ms\n", slowest_us / 1000);
    if (slowest_us / 1000 > TIME_LIMIT_MS + 1000) {
        printf("WRONG: a request took longer than its limit\n");
        wrong++;
    }
    ask_own_seeds(c, own);
    airc_get_stats(c, &stats);
    if (stats.connects != 1) {
        printf("WRONG: the service had to be started %llu times\n", (unsigned long long)stats.connects);
        wrong++;
    }
    airc_free(c);
    spvContextDestroy(validator);
    for (int i = 0; i < seed_count; i++)
        free(seeds[i].bytes);
    return wrong ? 1 : 0;
}
