/* SPDX-License-Identifier: MIT */
/*
 * Reading side of reflection records. Records that were written once and kept in the folder reflect still read as the text
 * kept beside them: binary form and JSON are stable. What a worker in bad hands may send is refused, or at least can be
 * read: every truncation, every changed byte, every limit.
 *
 * usage: test_reflect FOLDER, or test_reflect --json RECORD to print a record (tests/airc/reflect.sh).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "air/air_reflect.h"

static const char *const names[] = {"k_all", "v_all", "f_all", "t_all"};
static const char *folder;

/* A file in memory of its size, so that a sanitizer sees one byte too far. */
static uint8_t *load(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    static uint8_t room[1 << 16];
    uint8_t *p;

    *n = f ? fread(room, 1, sizeof(room), f) : 0;
    if (f)
        fclose(f);
    p = malloc(*n ? *n : 1);
    if (p && *n)
        memcpy(p, room, *n);
    return p;
}

static uint8_t *load_kept(const char *name, const char *suffix, size_t *n)
{
    char path[1024];
    uint8_t *p;

    snprintf(path, sizeof(path), "%s/%s.%s", folder, name, suffix);
    p = load(path, n);
    assert_non_null(p);
    assert_true(*n > 0);
    return p;
}

static char *json(const void *record, size_t *n)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, n);

    assert_non_null(f);
    air_reflect_json(record, f);
    fclose(f);
    return text;
}

/* Everything that is done with a record that passes. */
static void use(const uint8_t *record, const uint8_t *other)
{
    uint32_t words[64] = {0}, *grown = malloc(sizeof(words));
    size_t n, count = sizeof(words) / sizeof(words[0]);

    assert_non_null(grown);
    for (uint32_t i = 5; i < count; i++)
        words[i] = 1u << 16; /* instructions of one word */
    free(json(record, &n));
    (void)air_link_varyings(record, words, count, other);
    (void)air_link_varyings(other, words, count, record);
    memcpy(grown, words, sizeof(words));
    for (uint32_t i = 5; i < count; i++)
        grown[i] = 1u << 16;
    (void)air_link_fragment(record, &grown, &count, other);
    free(grown);
}

static void kept_records_read_the_same(void **state)
{
    for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        size_t n, want_bytes, text_bytes;
        uint8_t *record = load_kept(names[k], "rec", &n), *want = load_kept(names[k], "json", &want_bytes);
        char *text;

        assert_true(air_reflect_check(record, n));
        text = json(record, &text_bytes);
        assert_int_equal(text_bytes, want_bytes);
        assert_memory_equal(text, want, want_bytes);
        free(text);
        free(want);
        free(record);
    }
}

static void cut_and_changed_records(void **state)
{
    size_t vertex_bytes;
    uint8_t *vertex = load_kept("v_all", "rec", &vertex_bytes);
    unsigned passed = 0, refused = 0;

    for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        static const uint8_t change[] = {0x01, 0x10, 0x80, 0xff};
        size_t n;
        uint8_t *record = load_kept(names[k], "rec", &n);

        for (size_t cut = 0; cut < n; cut++) {
            uint8_t *part = malloc(cut ? cut : 1);

            assert_non_null(part);
            memcpy(part, record, cut);
            assert_false(air_reflect_check(part, cut));
            free(part);
        }
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < sizeof(change); c++) {
                record[i] ^= change[c];
                if (air_reflect_check(record, n)) {
                    use(record, vertex);
                    passed++;
                } else {
                    refused++;
                }
                record[i] ^= change[c];
            }
        }
        free(record);
    }
    free(vertex);
    assert_true(passed > 100 && refused > 100); /* else the records show nothing */
}

/* One word of a good record, by its place, and a value that is out of its range. */
static void limits(void **state)
{
    static const struct {
        const char *name;
        size_t at; /* in the header, or in the first record of @table */
        size_t table;
        uint32_t value;
    } cases[] = {
#define HEAD(name, field, value) {name, offsetof(struct air_reflect_header, field), 0, value}
#define ITEM(name, table, type, field, value)                                                                          \
    {name, offsetof(struct type, field), offsetof(struct air_reflect_header, table), value}
        HEAD("k_all", magic, 0), HEAD("k_all", version, AIR_REFLECT_VERSION + 1), HEAD("k_all", version, 1),
        HEAD("k_all", bytes, 0), HEAD("k_all", stage, AIR_STAGE_OBJECT + 1), HEAD("k_all", name, 0xffffffff),
        HEAD("k_all", patch_kind, 3), HEAD("t_all", patch_control_points, AIR_REFLECT_MAX_POINTS + 1),
        HEAD("k_all", mesh_topology, 3), HEAD("k_all", args.offset, 2), HEAD("k_all", args.offset, 0xfffffffc),
        HEAD("k_all", args.count, 0xffffffff), HEAD("k_all", inputs.count, 0x40000000),
        HEAD("k_all", outputs.offset, 0xfffffffc), HEAD("k_all", samplers.count, 0x20000000),
        HEAD("k_all", constants.count, 0x10000000), HEAD("k_all", strings.count, 0), HEAD("k_all", strings.count, 2),
        HEAD("k_all", strings.offset, 0xfffffffc), HEAD("k_all", const_data.count, 0xffffffff),
        ITEM("k_all", args, air_reflect_arg, kind, AIR_KIND_COUNT), ITEM("k_all", args, air_reflect_arg, access, 5),
        ITEM("k_all", args, air_reflect_arg, texture, AIR_TEXTURE_COUNT),
        ITEM("k_all", args, air_reflect_arg, component, AIR_COMPONENT_ULONG + 1),
        ITEM("k_all", args, air_reflect_arg, set, 3), ITEM("k_all", args, air_reflect_arg, binding, 512),
        ITEM("k_all", args, air_reflect_arg, levels, 16), ITEM("k_all", args, air_reflect_arg, name, 0x10000000),
        ITEM("k_all", args, air_reflect_arg, type_name, 0x10000000),
        ITEM("k_all", samplers, air_reflect_sampler, set, 3), ITEM("k_all", samplers, air_reflect_sampler, binding, 191),
        ITEM("k_all", samplers, air_reflect_sampler, binding, 224),
        ITEM("k_all", constants, air_reflect_constant, type, 0x10000000),
        ITEM("k_all", constants, air_reflect_constant, name, 0x10000000),
        ITEM("v_all", inputs, air_reflect_io, kind, AIR_KIND_COUNT), ITEM("v_all", inputs, air_reflect_io, width, 5),
        ITEM("v_all", inputs, air_reflect_io, component, AIR_COMPONENT_ULONG + 1),
        ITEM("v_all", inputs, air_reflect_io, identity, 0x10000000), ITEM("v_all", outputs, air_reflect_io, name, 0x10000000),
        ITEM("v_all", outputs, air_reflect_io, kind, AIR_KIND_COUNT),
    };

    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        size_t n;
        uint8_t *record = load_kept(cases[k].name, "rec", &n), *word = record + cases[k].at;
        uint32_t offset;

        if (cases[k].table) {
            memcpy(&offset, record + cases[k].table, sizeof(offset));
            word += offset;
        }
        assert_true(air_reflect_check(record, n));
        memcpy(word, &cases[k].value, sizeof(cases[k].value));
        if (air_reflect_check(record, n))
            fail_msg("%s: %u at byte %zu passes", cases[k].name, cases[k].value, (size_t)(word - record));
        free(record);
    }
}

/* A record of nothing but tables as long as a caller wants. */
static uint8_t *record_of(uint32_t args, uint32_t io, uint32_t samplers, uint32_t constants, uint32_t identity, size_t *n)
{
    struct air_reflect_header h = {.magic = AIR_REFLECT_MAGIC, .version = AIR_REFLECT_VERSION};
    uint8_t *p;

    h.args = (struct air_reflect_table){sizeof(h), args};
    h.inputs = (struct air_reflect_table){h.args.offset + args * (uint32_t)sizeof(struct air_reflect_arg), io};
    h.outputs = (struct air_reflect_table){h.inputs.offset + io * (uint32_t)sizeof(struct air_reflect_io), io};
    h.samplers = (struct air_reflect_table){h.outputs.offset + io * (uint32_t)sizeof(struct air_reflect_io), samplers};
    h.constants = (struct air_reflect_table){h.samplers.offset + samplers * (uint32_t)sizeof(struct air_reflect_sampler),
                                             constants};
    h.strings = (struct air_reflect_table){h.constants.offset + constants * (uint32_t)sizeof(struct air_reflect_constant),
                                           identity + 4};
    h.const_data = (struct air_reflect_table){(h.strings.offset + h.strings.count + 3) & ~3u, 0};
    h.bytes = h.const_data.offset;
    p = calloc(1, h.bytes);
    assert_non_null(p);
    memcpy(p, &h, sizeof(h));
    memset(p + h.strings.offset + 1, 'x', identity);
    for (uint32_t i = 0; i < 2 * io; i++)
        ((struct air_reflect_io *)(p + h.inputs.offset))[i] =
            (struct air_reflect_io){.word = 5 + i % 40, .identity = 1, .location = i};
    for (uint32_t i = 0; i < samplers; i++)
        ((struct air_reflect_sampler *)(p + h.samplers.offset))[i].binding = 192 + i % 32;
    *n = h.bytes;
    return p;
}

/* The largest record that passes is dealt with at once; one of anything more does not pass. */
static void tables_are_bounded(void **state)
{
    const uint32_t most[5] = {AIR_REFLECT_MAX_ARGS, AIR_REFLECT_MAX_IO, AIR_REFLECT_MAX_SAMPLERS, AIR_REFLECT_MAX_CONSTANTS,
                              AIR_REFLECT_MAX_IDENTITY - 1};
    uint8_t *p;
    size_t n;

    for (int more = -1; more < 5; more++) {
        uint32_t c[5];

        memcpy(c, most, sizeof(c));
        if (more >= 0)
            c[more]++;
        p = record_of(c[0], c[1], c[2], c[3], c[4], &n);
        assert_int_equal(air_reflect_check(p, n), more < 0);
        if (more < 0)
            use(p, p);
        free(p);
    }
    /* and one that does not begin at a multiple of 4 */
    p = record_of(1, 1, 1, 1, 1, &n);
    assert_true(air_reflect_check(p, n));
    uint8_t *odd = malloc(n + 1);

    assert_non_null(odd);
    memcpy(odd + 1, p, n);
    assert_false(air_reflect_check(odd + 1, n));
    free(odd);
    free(p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_records_read_the_same),
        cmocka_unit_test(cut_and_changed_records),
        cmocka_unit_test(limits),
        cmocka_unit_test(tables_are_bounded),
    };

    if (argc == 3 && !strcmp(argv[1], "--json")) {
        size_t n;
        uint8_t *record = load(argv[2], &n);

        if (!record || !air_reflect_check(record, n)) {
            fprintf(stderr, "%s: no reflection record\n", argv[2]);
            return 1;
        }
        air_reflect_json(record, stdout);
        free(record);
        return 0;
    }
    if (argc != 2)
        return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
