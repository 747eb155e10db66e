/* SPDX-License-Identifier: MIT */
/*
 * pvg-air: the shader compiler for people. Lists what a metallib holds, compiles its functions to SPIR-V, writes the
 * reflection as JSON, assembles libraries from LLVM text. The compiler runs in this process (with --all, in a child per
 * function): give it files you trust, or accept that a bad one may crash it. docs/man/pvg-air.1 is the manual.
 */
#include "air/air.h"
#include "air/air_reflect.h"
#include "air/container.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_FILE_BYTES (256u << 20)
/* Entry points of one module; Apple's tools split libraries so that each module has one (air 1.9). */
#define MAX_ENTRIES METALLIB_MAX_FUNCTIONS
/* Longest name that --out-dir makes a file of: file systems take 255 bytes. */
#define MAX_FILE_NAME 240

enum { O_LIST = 256, O_ENTRY, O_REFLECT, O_CONSTANT, O_SIMD, O_VALIDATE, O_ASSEMBLE, O_ALL, O_NAMES, O_DISPATCHER,
       O_PHYSICAL, O_POINT, O_WHOLE_GROUPS, O_KEEP, O_CAPS, O_RECORD, O_HELP, O_OUT_DIR, O_FORMAT };

struct args {
    const char *lib, *entry, *out, *reflect, *record, *assemble, *out_dir;
    bool list, all;
    struct air_options opt;
};

static void die(const char *fmt, const char *a, const char *b)
{
    fputs("pvg-air: ", stderr);
    fprintf(stderr, fmt, a, b);
    fputc('\n', stderr);
    exit(2);
}

/*
 * Names are the library's, which may be hostile: what is not printable, and spaces, which end the name in a listing, are
 * shown as %XX, as is what else @also holds. At most @max bytes with the NUL. False when it did not fit.
 */
static bool plain_name(const char *name, const char *also, char *out, size_t max)
{
    size_t n = 0;

    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        bool as_it_is = c > 0x20 && c < 0x7f && c != '%' && !strchr(also, c);

        if (n + (as_it_is ? 1 : 3) >= max)
            break;
        n += (size_t)snprintf(out + n, max - n, as_it_is ? "%c" : "%%%02X", c);
    }
    out[n] = 0;
    return !*name;
}

/* A name for a line of text; long ones are cut. */
static const char *shown(const char *name)
{
    static char text[512];

    (void)plain_name(name, "", text, sizeof(text));
    return text;
}

/* An error text holds pieces of the guest's module. */
static const char *printable(char *text)
{
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
            *p = '?';
    }
    return text;
}

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    size_t cap = 1 << 16, n = 0, got;
    uint8_t *p = malloc(cap);

    if (!f || !p)
        die("%s: %s", path, f ? "out of memory" : strerror(errno));
    while ((got = fread(p + n, 1, cap - n, f)) > 0) {
        n += got;
        if (n > MAX_FILE_BYTES)
            die("%s: %s", path, "larger than 256 MiB");
        if (n == cap) {
            uint8_t *q = realloc(p, cap *= 2);

            if (!q)
                die("%s: %s", path, "out of memory");
            p = q;
        }
    }
    if (ferror(f)) {
        int err = errno;

        free(p);
        die("%s: %s", path, strerror(err));
    }
    fclose(f);
    *len = n;
    return p;
}

static void write_file(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(p, 1, n, f) != n || fclose(f))
        die("%s: %s", path, strerror(errno));
}

static void usage(void)
{
    fputs("usage: pvg-air LIB --list\n"
          "       pvg-air LIB [--entry NAME] [-o OUT.spv] [OPTION]...\n"
          "       pvg-air LIB --all [--out-dir DIR] [OPTION]...\n"
          "       pvg-air --assemble IN.ll -o OUT.metallib\n"
          "Compiles the functions of a metallib, or of loose AIR bitcode, to SPIR-V for Vulkan 1.3.\n"
          "\n"
          "  --list            one function per line, name first\n"
          "  --entry NAME      the function to compile; may be left out when there is only one\n"
          "  -o FILE           where the SPIR-V goes, or the library of --assemble\n"
          "  --reflect FILE    the reflection as JSON; - is standard output\n"
          "  --record FILE     the reflection in its binary form\n"
          "  --constant N=V    function constant N is V: a number, true or false (may be repeated)\n"
          "  --simd-width W    subgroup width of the device: 8, 32 or native (default)\n"
          "  --validate        nothing more: what comes out is always validated\n"
          "  --names           keep names of arguments and values\n"
          "  --point           vertex functions: points are drawn\n"
          "  --format T=F      the storage texture at index T has SPIR-V image format F (may be repeated)\n"
          "  --caps MASK       device capabilities, AIR_CAP_* of src/air/air.h\n"
          "  --whole-groups    kernels: every grid is a multiple of the threadgroup\n"
          "  --keep-loop-values\n"
          "                    for drivers that lose values of loops: llvmpipe before Mesa 25.0\n"
          "  --dispatcher      the dispatcher form of control flow everywhere (for tests)\n"
          "  --physical        buffers by physical address everywhere (for tests)\n"
          "  --all             compile every function, each in a child process, one result per line\n"
          "  --out-dir DIR     with --all: write DIR/FUNCTION.spv\n"
          "  --assemble IN.ll  make a metallib of LLVM text\n"
          "  --help            this text\n"
          "\n"
          "Exit status: 0; 1 when something was refused; 2 for a mistake on the command line.\n",
          stdout);
}

static void misuse(const char *what)
{
    fprintf(stderr, "pvg-air: %s; pvg-air --help lists the options\n", what);
    exit(2);
}

static void parse_constant(struct args *a, const char *s)
{
    char *end, *end2;
    struct air_constant *k;
    unsigned long index;

    if (a->opt.constant_count == AIR_MAX_CONSTANTS)
        die("--constant %s: %s", s, "too many");
    k = &a->opt.constant[a->opt.constant_count];
    index = strtoul(s, &end, 0);
    if (end == s || *end != '=' || *s == '-' || index > UINT16_MAX)
        die("--constant %s: %s", s, "expected NUMBER=VALUE, the number from 0 to 65535");
    k->index = (uint32_t)index;
    if (!strcmp(end + 1, "true") || !strcmp(end + 1, "false")) {
        k->number = end[1] == 't';
    } else {
        k->number = strtod(end + 1, &end2);
        if (end2 == end + 1 || *end2)
            die("--constant %s: %s", s, "expected NUMBER=VALUE, the value a number, true or false");
    }
    a->opt.constant_count++;
}

static void parse_caps(struct args *a, const char *s)
{
    unsigned long caps;
    char *end;

    errno = 0;
    caps = strtoul(s, &end, 0);
    if (errno || end == s || *end || *s == '-' || caps > UINT32_MAX)
        die("--caps %s: %s", s, "expected a number of 32 bits");
    a->opt.caps = (uint32_t)caps;
}

static void parse(struct args *a, int argc, char **argv)
{
    static const struct option longs[] = {
        {"list", 0, 0, O_LIST},         {"entry", 1, 0, O_ENTRY},     {"reflect", 1, 0, O_REFLECT},
        {"constant", 1, 0, O_CONSTANT}, {"simd-width", 1, 0, O_SIMD}, {"validate", 0, 0, O_VALIDATE},
        {"assemble", 1, 0, O_ASSEMBLE}, {"all", 0, 0, O_ALL},         {"names", 0, 0, O_NAMES},
        {"dispatcher", 0, 0, O_DISPATCHER}, {"physical", 0, 0, O_PHYSICAL}, {"point", 0, 0, O_POINT},
        {"whole-groups", 0, 0, O_WHOLE_GROUPS}, {"keep-loop-values", 0, 0, O_KEEP},
        {"caps", 1, 0, O_CAPS},         {"record", 1, 0, O_RECORD},   {"help", 0, 0, O_HELP},
        {"out-dir", 1, 0, O_OUT_DIR},   {"format", 1, 0, O_FORMAT},   {0, 0, 0, 0}};
    int o, used = 0;
    unsigned t, f;

    a->opt.size = sizeof(a->opt);
    a->opt.caps = AIR_CAPS_DEFAULT;
    while ((o = getopt_long(argc, argv, "o:", longs, NULL)) >= 0) {
        switch (o) {
        case 'o':
            a->out = optarg;
            break;
        case O_LIST:
            a->list = true;
            break;
        case O_ENTRY:
            a->entry = optarg;
            break;
        case O_REFLECT:
            a->reflect = optarg;
            break;
        case O_RECORD:
            a->record = optarg;
            break;
        case O_CONSTANT:
            parse_constant(a, optarg);
            break;
        case O_SIMD:
            if (strcmp(optarg, "8") && strcmp(optarg, "32") && strcmp(optarg, "native"))
                die("--simd-width %s: %s", optarg, "expected 8, 32 or native");
            a->opt.simd_width = *optarg == 'n' ? 0 : (uint32_t)atoi(optarg);
            break;
        case O_VALIDATE: /* always done; kept so that scripts can say what they rely on */
            break;
        case O_ASSEMBLE:
            a->assemble = optarg;
            break;
        case O_ALL:
            a->all = true;
            break;
        case O_OUT_DIR:
            a->out_dir = optarg;
            break;
        case O_NAMES:
            a->opt.flags |= AIR_OPT_DEBUG_NAMES;
            break;
        case O_DISPATCHER:
            a->opt.flags |= AIR_OPT_FORCE_DISPATCHER;
            break;
        case O_PHYSICAL:
            a->opt.flags |= AIR_OPT_FORCE_PHYSICAL;
            break;
        case O_POINT:
            a->opt.flags |= AIR_OPT_POINT_TOPOLOGY;
            break;
        case O_WHOLE_GROUPS:
            a->opt.flags |= AIR_OPT_WHOLE_GROUPS;
            break;
        case O_KEEP:
            a->opt.flags |= AIR_OPT_KEEP_LOOP_VALUES;
            break;
        case O_CAPS:
            parse_caps(a, optarg);
            break;
        case O_FORMAT:
            if (sscanf(optarg, "%u=%u%n", &t, &f, &used) != 2 || optarg[used] || t >= AIR_MAX_TEXTURES || f > 41)
                die("--format %s: %s", optarg, "expected TEXTURE=SPIR-V-IMAGE-FORMAT");
            a->opt.storage_format[t] = (uint8_t)f;
            break;
        case O_HELP:
            usage();
            exit(0);
        default: /* getopt has said which */
            misuse("wrong option");
        }
    }
    if (optind < argc)
        a->lib = argv[optind++];
    if (optind < argc)
        misuse("one library at a time");
    if (!a->lib && !a->assemble)
        misuse("a library is needed");
    if (a->lib && a->assemble)
        misuse("--assemble takes no library");
    if (a->list + a->all + (a->entry != NULL) > 1)
        misuse("--list, --all and --entry exclude each other");
    if (a->out_dir && !a->all)
        misuse("--out-dir needs --all");
    if ((a->out || a->reflect || a->record) && (a->list || a->all))
        misuse("-o, --reflect and --record are for one function");
}

struct entry_list {
    char **name;
    unsigned *stage;
    unsigned n, room;
};

static void add_entry(void *opaque, const char *name, unsigned stage)
{
    struct entry_list *l = opaque;

    if (l->n == MAX_ENTRIES)
        die("%s%s", "too many entry points in one module", "");
    if (l->n == l->room) {
        l->room = l->room ? l->room * 2 : 64;
        l->name = realloc(l->name, l->room * sizeof(*l->name));
        l->stage = realloc(l->stage, l->room * sizeof(*l->stage));
        if (!l->name || !l->stage)
            die("%s%s", "out of memory", "");
    }
    l->name[l->n] = strdup(name);
    if (!l->name[l->n])
        die("%s%s", "out of memory", "");
    l->stage[l->n++] = stage;
}

static void free_entries(struct entry_list *l)
{
    for (unsigned i = 0; i < l->n; i++)
        free(l->name[i]);
    free(l->name);
    free(l->stage);
}

static int assemble(const struct args *a)
{
    size_t len, n, lib_len;
    uint8_t *text = read_file(a->assemble, &len), *bc, *lib;
    uint16_t air[2], language[2];
    struct entry_list l = {0};
    struct metallib_write_entry *e;
    char err[512];
    int r;

    if (!a->out)
        misuse("--assemble needs -o OUT.metallib");
    text = realloc(text, len + 1);
    if (!text)
        die("%s%s", "out of memory", "");
    text[len] = 0;
    if (air_assemble((const char *)text, &bc, &n, err, sizeof(err)) ||
        air_list_entries(bc, n, add_entry, &l, err, sizeof(err)) ||
        air_module_version(bc, n, air, language, err, sizeof(err))) {
        fprintf(stderr, "pvg-air: %s: %s\n", a->assemble, err);
        return 1;
    }
    if (!l.n) {
        fprintf(stderr, "pvg-air: %s: no entry point: none is listed in !air.vertex, !air.fragment, !air.kernel ...\n",
                a->assemble);
        return 1;
    }
    e = calloc(l.n, sizeof(*e));
    if (!e)
        die("%s%s", "out of memory", "");
    for (unsigned i = 0; i < l.n; i++)
        e[i] = (struct metallib_write_entry){.name = l.name[i], .type = l.stage[i], .bitcode = bc, .bitcode_size = n,
                                             .air_major = air[0], .air_minor = air[1],
                                             .language_major = language[0], .language_minor = language[1]};
    r = metallib_write(e, l.n, &lib, &lib_len);
    if (r)
        die("%s: %s", a->assemble, metallib_error_text(r));
    write_file(a->out, lib, lib_len);
    free(lib);
    free(e);
    free(bc);
    free(text);
    free_entries(&l);
    return 0;
}

/* The entry points of a loose module, which has no list of them. False, and said why, when it cannot be read. */
static bool loose_entries(const struct args *a, const struct metallib_function *f, struct entry_list *l)
{
    char err[512];

    if (!air_list_entries(f->bitcode, f->bitcode_size, add_entry, l, err, sizeof(err)))
        return true;
    fprintf(stderr, "pvg-air: %s: %s\n", a->lib, printable(err));
    return false;
}

static int list_loose(const struct args *a, const struct metallib_function *f)
{
    struct entry_list l = {0};
    bool read = loose_entries(a, f, &l);

    for (unsigned i = 0; i < l.n; i++)
        printf("%s %s\n", shown(l.name[i]), air_stage_name(l.stage[i]));
    free_entries(&l);
    return read ? 0 : 1;
}

static int list(const struct args *a, const struct metallib *lib)
{
    uint64_t cursor = 0;
    struct metallib_function f;
    int r, bad = 0;

    while ((r = metallib_next(lib, &cursor, &f)) != METALLIB_ERR_INDEX) {
        if (r) {
            printf("%s refused: %s\n", *f.name ? shown(f.name) : "?", metallib_error_name(r));
            bad = 1;
        } else if (lib->form == METALLIB_FORM_BITCODE) {
            bad = list_loose(a, &f);
        } else {
            printf("%s %s air %u.%u, %zu bytes\n", shown(f.name), metallib_type_name(f.type), f.air_major, f.air_minor,
                   f.bitcode_size);
        }
    }
    return bad;
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void write_json(const char *path, const void *reflection)
{
    FILE *o = strcmp(path, "-") ? fopen(path, "w") : stdout;

    if (!o)
        die("%s: %s", path, strerror(errno));
    air_reflect_json(reflection, o);
    if (fflush(o) || ferror(o) || (o != stdout && fclose(o)))
        die("%s: %s", path, strerror(errno));
}

/* DIR/NAME.spv and DIR/NAME.json. The name is the library's: it cannot lead out of the folder. */
static void save_in(const char *dir, const char *name, const struct air_result *r)
{
    char file[MAX_FILE_NAME], path[4096];

    if (!plain_name(name, "/", file, sizeof(file)) ||
        snprintf(path, sizeof(path), "%s/%s.json", dir, file) >= (int)sizeof(path))
        die("%s: %s", shown(name), "the name is too long for a file");
    write_json(path, r->reflection);
    snprintf(path, sizeof(path), "%s/%s.spv", dir, file);
    write_file(path, r->spirv, r->words * 4);
}

/* One function in a child, so that a crash is a line of the listing and not its end. */
static int compile_one(const struct args *a, const struct metallib_function *f, const char *name)
{
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        struct air_result r;
        struct rlimit mem = {2u << 30, 2u << 30}, cpu = {60, 60};
        double t = now_ms();
        int bad;

        setrlimit(RLIMIT_AS, &mem);
        setrlimit(RLIMIT_CPU, &cpu);
        bad = air_compile_function(f, name, &a->opt, &r);
        t = now_ms() - t;
        if (bad) {
            printf("%s refused %s %.2f ms: %s\n", shown(name), air_refuse_name(r.reason), t, printable(r.error));
        } else {
            uint32_t flags = ((const struct air_reflect_header *)r.reflection)->flags;

            if (a->out_dir)
                save_in(a->out_dir, name, &r);
            printf("%s ok %zu words %.2f ms%s%s\n", shown(name), r.words, t,
                   flags & AIR_REFLECT_DISPATCHER ? " dispatcher" : "", flags & AIR_REFLECT_SIMD_EMULATED ? " emulated" : "");
        }
        fflush(stdout);
        _exit(bad ? 1 : 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        die("%s: %s", "fork", strerror(errno));
    if (!WIFEXITED(status)) {
        printf("%s crashed signal %d\n", shown(name), WTERMSIG(status));
        return 1;
    }
    return WEXITSTATUS(status);
}

static int compile_all(const struct args *a, const struct metallib *lib)
{
    uint64_t cursor = 0;
    struct metallib_function f;
    unsigned good = 0, bad = 0;
    int r;

    air_warm_up();
    while ((r = metallib_next(lib, &cursor, &f)) != METALLIB_ERR_INDEX) {
        struct entry_list l = {0};

        if (r) {
            printf("%s refused container: %s\n", *f.name ? shown(f.name) : "?", metallib_error_name(r));
            bad++;
            continue;
        }
        if (lib->form == METALLIB_FORM_MTLB)
            add_entry(&l, f.name, f.type);
        else if (!loose_entries(a, &f, &l))
            bad++;
        for (unsigned i = 0; i < l.n; i++) {
            if (compile_one(a, &f, l.name[i]))
                bad++;
            else
                good++;
        }
        free_entries(&l);
    }
    fprintf(stderr, "%u compiled, %u not\n", good, bad);
    return bad ? 1 : 0;
}

static int compile(const struct args *a, const struct metallib *lib)
{
    struct metallib_function f;
    struct air_result r;
    int err = metallib_find(lib, a->entry, &f);

    if (err) {
        fprintf(stderr, "pvg-air: %s: function %s: %s\n", a->lib, a->entry ? a->entry : "(only one)", metallib_error_text(err));
        return 1;
    }
    if (air_compile_function(&f, a->entry, &a->opt, &r)) {
        fprintf(stderr, "pvg-air: %s: refused (%s): %s\n", a->lib, air_refuse_name(r.reason), printable(r.error));
        return 1;
    }
    if (a->out)
        write_file(a->out, r.spirv, r.words * 4);
    if (a->record)
        write_file(a->record, r.reflection, r.reflection_bytes);
    if (a->reflect)
        write_json(a->reflect, r.reflection);
    air_result_fini(&r);
    return 0;
}

int main(int argc, char **argv)
{
    struct args a = {0};
    struct metallib lib;
    uint8_t *data;
    size_t len;
    int r;

    parse(&a, argc, argv);
    if (a.assemble)
        return assemble(&a);
    data = read_file(a.lib, &len);
    r = metallib_open(data, len, &lib);
    if (r) {
        fprintf(stderr, "pvg-air: %s: %s\n", a.lib, metallib_error_text(r));
        return 1;
    }
    r = a.list ? list(&a, &lib) : a.all ? compile_all(&a, &lib) : compile(&a, &lib);
    free(data);
    return r;
}
