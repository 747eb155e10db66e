/* SPDX-License-Identifier: MIT */
/*
 * The compiler without a device: every entry point of the given .ll files compiles and validates at each SIMD width, or is
 * refused for the reason its name says (refused.ll); reflection records check out; bad bitcode and options are refused by
 * name; the same input gives the same bytes. usage: test_air FILE.ll...
 */
#include "air/air.h"
#include "air/air_abi.h"
#include "air/air_reflect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned checks, failures;

#define CHECK(cond, ...)                                                                                               \
    do {                                                                                                               \
        checks++;                                                                                                      \
        if (!(cond)) {                                                                                                 \
            failures++;                                                                                                \
            printf("%s:%d: ", __FILE__, __LINE__);                                                                     \
            printf(__VA_ARGS__);                                                                                       \
            printf("\n");                                                                                              \
        }                                                                                                              \
    } while (0)

struct module {
    uint8_t *bc;
    size_t n;
    char *name[64];
    unsigned stage[64];
    unsigned count;
};

static void add(void *opaque, const char *name, unsigned stage)
{
    struct module *m = opaque;

    if (m->count < 64) {
        m->name[m->count] = strdup(name);
        m->stage[m->count++] = stage;
    }
}

static bool load(const char *path, struct module *m)
{
    static char text[1 << 17];
    char err[400];
    FILE *f = fopen(path, "r");

    memset(m, 0, sizeof(*m));
    if (!f)
        return false;
    text[fread(text, 1, sizeof(text) - 1, f)] = 0;
    fclose(f);
    if (air_assemble(text, &m->bc, &m->n, err, sizeof(err)) || air_list_entries(m->bc, m->n, add, m, err, sizeof(err))) {
        printf("%s: %s\n", path, err);
        return false;
    }
    return true;
}

static void options(struct air_options *o, uint32_t width)
{
    memset(o, 0, sizeof(*o));
    o->size = sizeof(*o);
    o->caps = AIR_CAPS_DEFAULT | AIR_CAP_MESH | AIR_CAP_BARYCENTRIC | AIR_CAP_INTERLOCK;
    o->simd_width = width;
}

static void one(const struct module *m, unsigned i, uint32_t width, uint32_t flags)
{
    const char *sep = strstr(m->name[i], "__");
    struct air_options o;
    struct air_result r, again;
    char want[64] = "";

    options(&o, width);
    o.flags = flags;
    if (sep)
        snprintf(want, sizeof(want), "%.*s", (int)(sep - m->name[i]), m->name[i]);
    if ((!strcmp(want, "simd_divergent") || strstr(m->name[i], "__width8_")) && (width != 8 || flags & AIR_OPT_FORCE_DISPATCHER))
        return;
    (void)air_compile(m->bc, m->n, m->name[i], &o, &r);
    if (r.reason == AIR_REFUSE_CONTROL_FLOW && flags & AIR_OPT_FORCE_DISPATCHER) {
        checks++; /* threads not proven together before a barrier or a SIMD-group operation */
    } else if (sep) {
        CHECK(r.reason != AIR_REFUSE_NONE, "%s: compiled", m->name[i]);
        CHECK(!strcmp(air_refuse_name(r.reason), want), "%s: refused as %s: %s", m->name[i], air_refuse_name(r.reason), r.error);
        CHECK(!r.spirv && !r.reflection && *r.error, "%s: a refusal hands out something", m->name[i]);
    } else {
        CHECK(r.reason == AIR_REFUSE_NONE, "%s (width %u, flags %u): %s: %s", m->name[i], width, flags, air_refuse_name(r.reason),
              r.error);
        if (!r.reason) {
            const struct air_reflect_header *h = (const void *)r.reflection;

            CHECK(air_reflect_check(r.reflection, r.reflection_bytes), "%s: reflection", m->name[i]);
            CHECK(h->stage == m->stage[i], "%s: stage %u", m->name[i], h->stage);
            CHECK(!strcmp(air_reflect_string(r.reflection, h->name), m->name[i]), "%s: name", m->name[i]);
            for (size_t cut = 0; cut < r.reflection_bytes; cut += 7)
                CHECK(!air_reflect_check(r.reflection, cut), "%s: reflection cut to %zu bytes passes", m->name[i], cut);
            (void)air_compile(m->bc, m->n, m->name[i], &o, &again);
            CHECK(again.words == r.words && !memcmp(again.spirv, r.spirv, r.words * 4) &&
                      again.reflection_bytes == r.reflection_bytes &&
                      !memcmp(again.reflection, r.reflection, r.reflection_bytes),
                  "%s: two compilations differ", m->name[i]);
            air_result_fini(&again);
        }
    }
    air_result_fini(&r);
}

static const struct air_reflect_arg *arg(const struct air_result *r, const char *name)
{
    const struct air_reflect_header *h = (const void *)r->reflection;

    for (uint32_t i = 0; i < h->args.count; i++) {
        if (!strcmp(air_reflect_string(r->reflection, air_reflect_arg(r->reflection, i)->name), name))
            return air_reflect_arg(r->reflection, i);
    }
    return NULL;
}

/* Facts of single records, by hand from the text of graphics.ll. */
static void reflection_facts(const struct module *m)
{
    struct air_options o;
    struct air_result vs, fs;
    const struct air_reflect_arg *a;

    options(&o, 0);
    if (air_compile(m->bc, m->n, "fs_tex", &o, &fs) || air_compile(m->bc, m->n, "vs_full", &o, &vs)) {
        CHECK(false, "graphics.ll: %s", fs.error);
        return;
    }
    a = arg(&fs, "t");
    CHECK(a && a->kind == AIR_KIND_TEXTURE && a->texture == AIR_TEXTURE_2D && a->component == AIR_COMPONENT_FLOAT &&
              a->access == AIR_ACCESS_SAMPLE && a->set == AIR_SET_FRAGMENT && a->binding == AIR_BIND_TEXTURE &&
              a->flags & AIR_ARG_USED, "fs_tex: texture record");
    a = arg(&fs, "s");
    CHECK(a && a->kind == AIR_KIND_SAMPLER && a->binding == AIR_BIND_SAMPLER, "fs_tex: sampler record");
    CHECK(!strcmp(air_reflect_string(fs.reflection, air_reflect_input(fs.reflection, 0)->identity), "generated(2uvDv2_f)"),
          "fs_tex: identity");
    CHECK(!air_link_varyings(vs.reflection, fs.spirv, fs.words, fs.reflection), "link");
    CHECK(fs.spirv[air_reflect_input(fs.reflection, 0)->word] == air_reflect_output(vs.reflection, 1)->location, "linked location");
    air_result_fini(&vs);
    air_result_fini(&fs);
    CHECK(!air_compile(m->bc, m->n, "fs_constant", &o, &fs), "fs_constant");
    CHECK(((const struct air_reflect_header *)fs.reflection)->constants.count == 1 &&
              air_reflect_constant(fs.reflection, 0)->index == 3 && air_reflect_constant(fs.reflection, 0)->flags == 1,
          "fs_constant: constant record");
    air_result_fini(&fs);
}

/* A fragment module behind a mesh function: inputs written per primitive are marked, and the result is still valid. */
static void link_primitives(const struct module *m)
{
    struct air_options o;
    struct air_result ms, fs, bad;
    char msg[200];
    unsigned marked = 0;
    size_t before;

    options(&o, 0);
    if (air_compile(m->bc, m->n, "mesh_columns", &o, &ms) || air_compile(m->bc, m->n, "fs_columns", &o, &fs) ||
        air_compile(m->bc, m->n, "fs_columns", &o, &bad)) {
        CHECK(false, "meshes.ll: %s", ms.error);
        return;
    }
    before = fs.words;
    CHECK(!air_link_fragment(ms.reflection, &fs.spirv, &fs.words, fs.reflection), "link");
    CHECK(fs.words == before + 2 + 6 + 2 * 3, "%zu words after linking %zu", fs.words, before);
    for (size_t i = 5; i < fs.words; i += fs.spirv[i] >> 16)
        marked += fs.spirv[i] == (3u << 16 | 71) && fs.spirv[i + 2] == 5271; /* OpDecorate PerPrimitiveEXT */
    CHECK(marked == 2, "%u inputs are marked", marked);
    CHECK(air_validate(fs.spirv, fs.words, msg, sizeof(msg)), "linked module: %s", msg);
    bad.spirv[5] = 0; /* an instruction without a length */
    CHECK(air_link_fragment(ms.reflection, &bad.spirv, &bad.words, bad.reflection), "broken module is linked");
    CHECK(bad.spirv && bad.words == before, "broken module is replaced");
    bad.words = 3;
    CHECK(air_link_fragment(ms.reflection, &bad.spirv, &bad.words, bad.reflection), "module of three words is linked");
    air_result_fini(&ms);
    air_result_fini(&fs);
    air_result_fini(&bad);
}

static void sampler_words(void)
{
    struct air_sampler_state s;

    air_sampler_decode(0x007BFF0000F84A49ull, &s); /* air 2.13: the check values */
    CHECK(s.mag == 1 && s.min == 1 && s.mip == 2 && s.anisotropy == 16 && s.address[0] == 1 && s.address[2] == 1 &&
              s.lod_max > 65000 && s.compare == 8, "sampler word with anisotropy");
    air_sampler_decode(0x007BFF0000080049ull, &s);
    CHECK(s.mag == 0 && s.min == 0 && s.mip == 0 && s.anisotropy == 1 && !s.pixel, "nearest sampler word");
}

static void bad_input(const struct module *m)
{
    struct air_options o;
    struct air_result r;
    static const uint8_t junk[64] = {1, 2, 3};
    uint8_t wrap[20] = {0xde, 0xc0, 0x17, 0x0b, 0, 0, 0, 0, 20, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f};

    options(&o, 0);
    CHECK(air_compile(junk, sizeof(junk), NULL, &o, &r) && r.reason == AIR_REFUSE_BITCODE, "junk: %s", air_refuse_name(r.reason));
    air_result_fini(&r);
    CHECK(air_compile(wrap, sizeof(wrap), NULL, &o, &r) && r.reason == AIR_REFUSE_BITCODE, "wrapper past the end");
    air_result_fini(&r);
    CHECK(air_compile(m->bc, m->n, "no such function", &o, &r) && r.reason == AIR_REFUSE_NO_ENTRY, "entry name");
    air_result_fini(&r);
    CHECK(air_compile(m->bc, m->n, NULL, &o, &r) && r.reason == AIR_REFUSE_NO_ENTRY, "ambiguous entry");
    air_result_fini(&r);
    o.simd_width = 7;
    CHECK(air_compile(m->bc, m->n, m->name[0], &o, &r) && r.reason == AIR_REFUSE_OPTIONS, "SIMD width 7");
    air_result_fini(&r);
    options(&o, 0);
    o.size--;
    CHECK(air_compile(m->bc, m->n, m->name[0], &o, &r) && r.reason == AIR_REFUSE_OPTIONS, "size of options");
    air_result_fini(&r);
    options(&o, 0);
    o.flags = AIR_OPT_ALL + 1;
    CHECK(air_compile(m->bc, m->n, m->name[0], &o, &r) && r.reason == AIR_REFUSE_OPTIONS, "unknown flag");
    air_result_fini(&r);
    CHECK(!strcmp(air_refuse_name((enum air_refuse)9999), "unknown"), "name of an unknown reason");
    for (int i = 0; i < AIR_REFUSE_COUNT; i++)
        CHECK(strcmp(air_refuse_name((enum air_refuse)i), "unknown"), "reason %d has no name", i);
    air_result_fini(NULL);
}

int main(int argc, char **argv)
{
    sampler_words();
    for (int a = 1; a < argc; a++) {
        struct module m;

        if (!load(argv[a], &m)) {
            CHECK(false, "%s: cannot be loaded", argv[a]);
            continue;
        }
        CHECK(m.count > 0, "%s: no entry points", argv[a]);
        for (unsigned i = 0; i < m.count; i++) {
            one(&m, i, 0, AIR_OPT_DEBUG_NAMES | AIR_OPT_POINT_TOPOLOGY);
            one(&m, i, 8, 0);
            one(&m, i, 32, 0);
            one(&m, i, 0, AIR_OPT_FORCE_DISPATCHER);
            one(&m, i, 0, AIR_OPT_FORCE_PHYSICAL);
        }
        if (strstr(argv[a], "graphics.ll")) {
            reflection_facts(&m);
            bad_input(&m);
        }
        if (strstr(argv[a], "meshes.ll"))
            link_primitives(&m);
        for (unsigned i = 0; i < m.count; i++)
            free(m.name[i]);
        free(m.bc);
    }
    printf("%u checks, %u failed\n", checks, failures);
    return failures ? 1 : 0;
}
