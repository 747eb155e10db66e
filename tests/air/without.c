/* SPDX-License-Identifier: MIT */
/*
 * Every function of the given files compiled for devices that lack 8-, 16- or 64-bit integers, halves or narrow
 * storage, one by one and all together: it must compile as it does for a complete device, validate, and declare none of
 * what the device lacks (told from the words of the module). Needs no device.
 *
 * usage: without FILE.ll|FILE.metallib...
 */
#include "air/air.h"
#include "air/container.h"
#include "lost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t cap;
} lost[] = {{"Int8", AIR_CAP_INT8},
            {"Int16", AIR_CAP_INT16},
            {"Int64", AIR_CAP_INT64},
            {"Float16", AIR_CAP_FLOAT16},
            {"8-bit storage", AIR_CAP_STORAGE8},
            {"16-bit storage", AIR_CAP_STORAGE16},
            {"subgroup extended types", AIR_CAP_SUBGROUP_EXTENDED}};

#define LOST (sizeof(lost) / sizeof(lost[0]))

static unsigned functions, compiled[LOST + 2], refused[LOST + 2], atomics, bad;

static void one(const uint8_t *bc, size_t n, const char *name)
{
    struct air_options o = {.size = sizeof(o), .caps = AIR_CAPS_DEFAULT | AIR_CAP_MESH, .simd_width = 32};
    const uint32_t all = o.caps;
    struct air_result r;
    enum air_refuse complete = AIR_REFUSE_NONE;

    functions++;
    for (unsigned d = 0; d < LOST + 2; d++) { /* complete, each one away, all away */
        uint32_t off = d && d <= LOST ? lost[d - 1].cap : 0;
        const char *declared;

        for (unsigned k = 0; d > LOST && k < LOST; k++)
            off |= lost[k].cap;
        o.caps = all & ~off;
        (void)air_compile(bc, n, name, &o, &r);
        if (!d)
            complete = r.reason;
        if (r.reason)
            refused[d]++;
        else
            compiled[d]++;
        if (r.reason == AIR_REFUSE_DEVICE_FEATURE && off & AIR_CAP_INT64 && strstr(r.error, "64-bit atomics"))
            atomics++; /* the one thing that nothing stands in for */
        else if (r.reason != complete) {
            printf("%s without %s: refused %s: %s\n", name, d <= LOST ? lost[d - 1].name : "any",
                   air_refuse_name(r.reason), r.error);
            bad++;
        }
        declared = lost_and_declared(&r, off);
        if (declared) {
            printf("%s: declares %s on a device without it\n", name, declared);
            bad++;
        }
        air_result_fini(&r);
    }
}

struct module {
    const uint8_t *bc;
    size_t n;
};

static void entry(void *opaque, const char *name, unsigned stage)
{
    const struct module *m = opaque;

    one(m->bc, m->n, name);
}

static int file(const char *path)
{
    static uint8_t data[32 << 20];
    struct metallib lib;
    struct metallib_function f;
    uint64_t cursor = 0;
    char err[400];
    size_t n;
    FILE *in = fopen(path, "rb");

    if (!in) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 2;
    }
    n = fread(data, 1, sizeof(data) - 1, in);
    fclose(in);
    if (!metallib_open(data, n, &lib)) {
        while (metallib_next(&lib, &cursor, &f) != METALLIB_ERR_INDEX)
            one(f.bitcode, f.bitcode_size, f.name);
        return 0;
    }
    uint8_t *bc;
    struct module m;

    data[n] = 0;
    if (air_assemble((const char *)data, &bc, &m.n, err, sizeof(err))) {
        fprintf(stderr, "%s: %s\n", path, err);
        return 2;
    }
    m.bc = bc;
    if (air_list_entries(bc, m.n, entry, &m, err, sizeof(err))) {
        fprintf(stderr, "%s: %s\n", path, err);
        free(bc);
        return 2;
    }
    free(bc);
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (file(argv[i]))
            return 2;
    }
    for (unsigned d = 0; d < LOST + 2; d++)
        printf("without %s: %u compiled and valid, %u refused\n",
               d == 0      ? "nothing"
               : d <= LOST ? lost[d - 1].name
                           : "any of them",
               compiled[d], refused[d]);
    printf("%u functions, %u refused for 64-bit atomics, %u else differ from the complete device\n", functions, atomics,
           bad);
    return bad || !functions;
}
