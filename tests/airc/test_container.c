/* SPDX-License-Identifier: MIT */
/*
 * Container reader and writer (air 1): round trips, golden bytes, every outer form, every refusal, every truncation and
 * every single-bit change of a library with all that a library can have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "air/container.h"
#include "air/sha256.h"
#include "base/rd.h"

static const uint8_t bitcode[] = {0x42, 0x43, 0xc0, 0xde, 1, 2, 3, 4, 5, 6, 7, 8, 9};

/* --- building libraries by hand, with things the writer does not write --- */

struct bytes {
    uint8_t p[4096];
    size_t n;
};

static void add(struct bytes *b, const void *p, size_t n)
{
    assert_true(n <= sizeof(b->p) - b->n);
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void add_le(struct bytes *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)(v >> 8 * i);

        add(b, &byte, 1);
    }
}

static void add_tag(struct bytes *b, const char *name, const void *p, size_t n)
{
    add(b, name, 4);
    add_le(b, n, 2);
    add(b, p, n);
}

static void add_u64_tag(struct bytes *b, const char *name, uint64_t v)
{
    add(b, name, 4);
    add_le(b, 8, 2);
    add_le(b, v, 8);
}

/* Close a group that began at @start. */
static void end_group(struct bytes *b, size_t start)
{
    add(b, "ENDT", 4);
    le32_put(b->p + start, (uint32_t)(b->n - start));
}

static size_t begin_group(struct bytes *b)
{
    add_le(b, 0, 4);
    return b->n - 4;
}

/* Header, list with @groups of @count, extension, public, private, bitcode. */
static void assemble(struct bytes *lib, unsigned count, const struct bytes *groups, const struct bytes *extension,
                     const struct bytes *pub, const struct bytes *code)
{
    uint64_t pub_off = 0x58 + 4 + groups->n + extension->n;

    memset(lib, 0, sizeof(*lib));
    add(lib, "MTLB", 4);
    add_le(lib, 0x8001, 2);
    add_le(lib, 2, 2);
    add_le(lib, 9, 2);
    add_le(lib, 2, 1);
    add_le(lib, 0x81, 1);
    add_le(lib, 26, 2);
    add_le(lib, 1, 1);
    add_le(lib, 3, 1);
    add_le(lib, pub_off + pub->n + code->n, 8);
    add_le(lib, 0x58, 8);
    add_le(lib, groups->n, 8);
    add_le(lib, pub_off, 8);
    add_le(lib, pub->n, 8);
    add_le(lib, pub_off + pub->n, 8);
    add_le(lib, 0, 8);
    add_le(lib, pub_off + pub->n, 8);
    add_le(lib, code->n, 8);
    add_le(lib, count, 4);
    add(lib, groups->p, groups->n);
    add(lib, extension->p, extension->n);
    add(lib, pub->p, pub->n);
    add(lib, code->p, code->n);
}

static void add_wrapped(struct bytes *b, uint8_t mark)
{
    uint8_t raw[8] = {0x42, 0x43, 0xc0, 0xde, mark, 0, 0, 0};

    add_le(b, 0x0b17c0de, 4);
    add_le(b, 0, 4);
    add_le(b, 20, 4);
    add_le(b, sizeof(raw), 4);
    add_le(b, 0xffffffff, 4);
    add(b, raw, sizeof(raw));
    add_le(b, 0, 4);
}

static void add_offsets(struct bytes *b, uint64_t pub, uint64_t priv, uint64_t code)
{
    add(b, "OFFT", 4);
    add_le(b, 24, 2);
    add_le(b, pub, 8);
    add_le(b, priv, 8);
    add_le(b, code, 8);
}

/*
 * Three functions as old and new tools write them: "one" without MDSZ, "two" with every tag and constants, "three" that
 * shares the module of "one"; extension with a UUID.
 */
static void rich_library(struct bytes *lib)
{
    struct bytes groups = {.n = 0}, extension = {.n = 0}, pub = {.n = 0}, code = {.n = 0};
    uint8_t type = 1, uuid[16] = {0xaa, 0xbb}, digest[32], tess = 0x0d;
    size_t g, second;

    g = begin_group(&pub);
    end_group(&pub, g);
    second = pub.n;
    g = begin_group(&pub);
    add(&pub, "CNST", 4);
    add_le(&pub, 2 + 9 + 11, 2);
    add_le(&pub, 2, 2);
    add(&pub, "first", 6 - 1);
    add_le(&pub, 0, 1);
    add_le(&pub, 0x35, 1);
    add_le(&pub, 7, 2);
    add_le(&pub, 1, 1);
    add(&pub, "another", 7);
    add_le(&pub, 0, 1);
    add_le(&pub, 0x1d, 1);
    add_le(&pub, 0x102, 2);
    add_le(&pub, 0, 1);
    end_group(&pub, g);
    le16_put(pub.p + second + 8, (uint16_t)(pub.n - second - 4 - 6 - 4));

    add_wrapped(&code, 1);
    add_wrapped(&code, 2);

    g = begin_group(&groups);
    add_tag(&groups, "NAME", "one", 4);
    add_tag(&groups, "TYPE", &type, 1);
    add_offsets(&groups, 0, 0, 0);
    end_group(&groups, g);

    sha256(code.p + 32, 32, digest);
    type = 2;
    g = begin_group(&groups);
    add_u64_tag(&groups, "XYZW", 1); /* unknown tags are skipped */
    add(&groups, "RBUF", 4);         /* a tag with a 32-bit size */
    add_le(&groups, 3, 4);
    add(&groups, "abc", 3);
    add_tag(&groups, "NAME", "two", 4);
    add_tag(&groups, "TYPE", &type, 1);
    add_tag(&groups, "HASH", digest, 32);
    add_offsets(&groups, second, 0, 32);
    add_tag(&groups, "VERS", "\2\0\7\0\3\0\2\0", 8);
    add_tag(&groups, "TESS", &tess, 1);
    add_u64_tag(&groups, "MDSZ", 32);
    end_group(&groups, g);

    g = begin_group(&groups);
    add_tag(&groups, "NAME", "three", 6);
    add_offsets(&groups, 0, 0, 0);
    end_group(&groups, g);

    add_tag(&extension, "UUID", uuid, 16);
    add_tag(&extension, "HDYN", "0123456789abcdef", 16);
    add(&extension, "ENDT", 4);
    assemble(lib, 3, &groups, &extension, &pub, &code);
}

/* --- tests --- */

static void sha256_vectors(void **state)
{
    static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                    0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                    0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    static const uint8_t two_blocks[4] = {0x24, 0x8d, 0x6a, 0x61};
    static const uint8_t empty[4] = {0xe3, 0xb0, 0xc4, 0x42};
    uint8_t digest[32];

    sha256("abc", 3, digest);
    assert_memory_equal(digest, abc, 32);
    sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, digest);
    assert_memory_equal(digest, two_blocks, 4);
    sha256("", 0, digest);
    assert_memory_equal(digest, empty, 4);
}

static void empty_library_is_96_bytes(void **state)
{
    struct metallib_function fn;
    struct metallib lib;
    uint64_t cursor = 0;
    uint8_t *p;
    size_t n;

    assert_int_equal(metallib_write(NULL, 0, &p, &n), METALLIB_OK);
    assert_int_equal(n, 96);
    assert_memory_equal(p, "MTLB\x01\x80\x02\x00\x07\x00\x00\x81", 12);
    assert_memory_equal(p + 88, "\0\0\0\0ENDT", 8);
    assert_int_equal(metallib_open(p, n, &lib), METALLIB_OK);
    assert_int_equal(metallib_count(&lib), 0);
    assert_int_equal(metallib_next(&lib, &cursor, &fn), METALLIB_ERR_INDEX);
    assert_int_equal(metallib_function(&lib, 0, &fn), METALLIB_ERR_INDEX);
    assert_int_equal(metallib_find(&lib, "x", &fn), METALLIB_ERR_NOT_FOUND);
    assert_int_equal(metallib_find(&lib, NULL, &fn), METALLIB_ERR_NOT_FOUND);
    free(p);
}

static void round_trip(void **state)
{
    const struct metallib_attribute attributes[] = {
        {.name = "position", .index = 3, .active = true, .data_type = 6},
        {.name = "uv", .index = 30, .usage = 2, .data_type = 4},
    };
    const struct metallib_write_entry entries[] = {
        {.name = "vs",
         .type = METALLIB_VERTEX,
         .bitcode = bitcode,
         .bitcode_size = 13,
         .air_major = 2,
         .air_minor = 7,
         .language_major = 3,
         .language_minor = 2,
         .attributes = attributes,
         .attribute_count = 2},
        {.name = "fs", .type = METALLIB_FRAGMENT, .bitcode = bitcode, .bitcode_size = 12},
        {.name = "k", .type = METALLIB_KERNEL, .bitcode = bitcode, .bitcode_size = 4},
    };
    struct metallib_attribute attribute;
    struct metallib_constant constant;
    struct metallib_function fn;
    struct metallib lib;
    uint64_t cursor = 0;
    uint8_t *p;
    size_t n;

    assert_int_equal(metallib_write(entries, 3, &p, &n), METALLIB_OK);
    assert_int_equal(le64_get(p + 0x10), n);
    assert_int_equal(metallib_open(p, n, &lib), METALLIB_OK);
    assert_int_equal(lib.form, METALLIB_FORM_MTLB);
    assert_int_equal(lib.container_patch, 7);
    assert_true(lib.macos);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(metallib_next(&lib, &cursor, &fn), METALLIB_OK);
        assert_string_equal(fn.name, entries[i].name);
        assert_int_equal(fn.name_len, strlen(entries[i].name));
        assert_int_equal(fn.type, entries[i].type);
        assert_int_equal(fn.air_minor, entries[i].air_minor);
        assert_int_equal(fn.language_major, entries[i].language_major);
        assert_int_equal(fn.module_size % 16, 0);
        assert_int_equal(fn.bitcode_size, entries[i].bitcode_size);
        assert_memory_equal(fn.bitcode, bitcode, fn.bitcode_size);
        assert_true(metallib_hash_ok(&fn));
    }
    assert_int_equal(metallib_next(&lib, &cursor, &fn), METALLIB_ERR_INDEX);
    assert_int_equal(metallib_function(&lib, 1, &fn), METALLIB_OK);
    assert_string_equal(fn.name, "fs");
    assert_int_equal(metallib_attribute(&fn, 0, &attribute), METALLIB_ERR_INDEX);

    assert_int_equal(metallib_find(&lib, NULL, &fn), METALLIB_ERR_AMBIGUOUS);
    assert_int_equal(metallib_find_typed(&lib, "vs", METALLIB_KERNEL, &fn), METALLIB_ERR_NOT_FOUND);
    assert_int_equal(metallib_find_typed(&lib, NULL, METALLIB_VERTEX, &fn), METALLIB_OK);
    assert_string_equal(fn.name, "vs");
    assert_int_equal(metallib_attribute(&fn, 1, &attribute), METALLIB_OK);
    assert_string_equal(attribute.name, "uv");
    assert_int_equal(attribute.index, 30);
    assert_int_equal(attribute.usage, 2);
    assert_false(attribute.active);
    assert_int_equal(attribute.data_type, 4);
    assert_int_equal(metallib_attribute(&fn, 2, &attribute), METALLIB_ERR_INDEX);
    assert_int_equal(metallib_constant(&fn, 0, &constant), METALLIB_ERR_INDEX);

    /* A damaged module no longer has its hash. */
    p[n - 1] ^= 1;
    assert_int_equal(metallib_find(&lib, "k", &fn), METALLIB_OK);
    assert_false(metallib_hash_ok(&fn));
    free(p);
}

static void writer_refuses(void **state)
{
    const struct metallib_write_entry good = {.name = "a", .bitcode = bitcode, .bitcode_size = 8};
    struct metallib_attribute nameless = {.name = NULL};
    struct metallib_write_entry bad[6];
    static char long_name[65536];
    uint8_t *p;
    size_t n;

    for (unsigned i = 0; i < 6; i++)
        bad[i] = good;
    memset(long_name, 'n', 65535);
    bad[0].name = "";
    bad[1].name = long_name;
    bad[2].type = 256;
    bad[3].bitcode = NULL;
    bad[4].bitcode_size = 3;
    bad[5].attributes = &nameless;
    bad[5].attribute_count = 1;
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(metallib_write(&bad[i], 1, &p, &n), METALLIB_ERR_ARGUMENT);
        assert_null(p);
    }
    assert_int_equal(metallib_write(&good, METALLIB_MAX_FUNCTIONS + 1, &p, &n), METALLIB_ERR_ARGUMENT);
    long_name[65534] = 0;
    bad[1].name = long_name;
    assert_int_equal(metallib_write(&bad[1], 1, &p, &n), METALLIB_OK);
    free(p);
}

static void every_tag(void **state)
{
    struct metallib_constant constant;
    struct metallib_function fn;
    struct metallib lib;
    struct bytes b;

    rich_library(&b);
    assert_int_equal(metallib_open(b.p, b.n, &lib), METALLIB_OK);
    assert_int_equal(lib.count, 3);
    assert_int_equal(lib.container_patch, 9);
    assert_int_equal(lib.kind, 2);
    assert_int_equal(lib.platform, 0x81);
    assert_int_equal(lib.os_major, 26);
    assert_int_equal(lib.os_minor, 1);
    assert_int_equal(lib.os_patch, 3);
    assert_true(lib.has_uuid);
    assert_int_equal(lib.uuid[1], 0xbb);

    /* Without MDSZ the module ends where the next one begins. */
    assert_int_equal(metallib_find(&lib, "one", &fn), METALLIB_OK);
    assert_int_equal(fn.module_size, 32);
    assert_int_equal(fn.bitcode_size, 8);
    assert_int_equal(fn.bitcode[4], 1);
    assert_false(metallib_hash_ok(&fn));

    assert_int_equal(metallib_find(&lib, "two", &fn), METALLIB_OK);
    assert_int_equal(fn.type, METALLIB_KERNEL);
    assert_int_equal(fn.bitcode[4], 2);
    assert_int_equal(fn.air_major, 2);
    assert_int_equal(fn.air_minor, 7);
    assert_int_equal(fn.language_major, 3);
    assert_int_equal(fn.language_minor, 2);
    assert_true(metallib_hash_ok(&fn));
    assert_int_equal(metallib_constant(&fn, 0, &constant), METALLIB_OK);
    assert_string_equal(constant.name, "first");
    assert_int_equal(constant.data_type, 0x35);
    assert_int_equal(constant.index, 7);
    assert_true(constant.required);
    assert_int_equal(metallib_constant(&fn, 1, &constant), METALLIB_OK);
    assert_string_equal(constant.name, "another");
    assert_int_equal(constant.data_type, 0x1d);
    assert_int_equal(constant.index, 0x102);
    assert_false(constant.required);
    assert_int_equal(metallib_constant(&fn, 2, &constant), METALLIB_ERR_INDEX);

    assert_int_equal(metallib_find(&lib, "three", &fn), METALLIB_OK);
    assert_int_equal(fn.type, METALLIB_TYPE_NONE);
    assert_int_equal(fn.bitcode[4], 1);
}

static void loose_bitcode(void **state)
{
    struct metallib_function fn;
    struct bytes b = {.n = 0};
    struct metallib lib;
    uint64_t cursor = 0;

    assert_int_equal(metallib_open(bitcode, sizeof(bitcode), &lib), METALLIB_OK);
    assert_int_equal(lib.form, METALLIB_FORM_BITCODE);
    assert_int_equal(metallib_count(&lib), 1);
    assert_int_equal(metallib_find(&lib, "anything", &fn), METALLIB_OK);
    assert_string_equal(fn.name, "");
    assert_ptr_equal(fn.bitcode, bitcode);
    assert_int_equal(fn.bitcode_size, sizeof(bitcode));

    add_wrapped(&b, 5);
    assert_int_equal(metallib_open(b.p, b.n, &lib), METALLIB_OK);
    assert_int_equal(metallib_next(&lib, &cursor, &fn), METALLIB_OK);
    assert_ptr_equal(fn.bitcode, b.p + 20);
    assert_int_equal(fn.bitcode_size, 8);
    assert_int_equal(fn.type, METALLIB_TYPE_NONE);
    assert_int_equal(metallib_next(&lib, &cursor, &fn), METALLIB_ERR_INDEX);
    assert_int_equal(metallib_function(&lib, 0, &fn), METALLIB_OK);
    assert_int_equal(metallib_function(&lib, 1, &fn), METALLIB_ERR_INDEX);
}

static void add_be32(struct bytes *b, uint32_t v)
{
    for (int i = 3; i >= 0; i--)
        add_le(b, v >> 8 * i & 0xff, 1);
}

/* A fat file of @count slices; the last is AIR64, at @off of @size. */
static void fat_file(struct bytes *b, uint32_t count, uint32_t cpu, uint32_t off, uint32_t size)
{
    memset(b, 0, sizeof(*b));
    add_be32(b, 0xcafebabe);
    add_be32(b, count);
    for (uint32_t i = 0; i + 1 < count; i++) {
        add_be32(b, 0x01000013);
        add_be32(b, 0);
        add_be32(b, 0xffffffff);
        add_be32(b, 0xffffffff);
        add_be32(b, 0);
    }
    add_be32(b, cpu);
    add_be32(b, 0);
    add_be32(b, off);
    add_be32(b, size);
    add_be32(b, 4);
}

static void fat_files(void **state)
{
    const uint32_t head = 8 + 2 * 20;
    struct bytes b, inner;
    struct metallib lib;

    rich_library(&inner);
    fat_file(&b, 2, 0x01000017, head, (uint32_t)inner.n);
    add(&b, inner.p, inner.n);
    add(&b, "behind the slice", 16);
    assert_int_equal(metallib_open(b.p, b.n, &lib), METALLIB_OK);
    assert_int_equal(lib.count, 3);
    assert_ptr_equal(lib.data, b.p + head);

    fat_file(&b, 2, 0x01000015, head, 0);
    assert_int_equal(metallib_open(b.p, b.n, &lib), METALLIB_ERR_FAT_NO_AIR);
    fat_file(&b, 2, 0x01000017, head, 1);
    assert_int_equal(metallib_open(b.p, b.n, &lib), METALLIB_ERR_FAT_RANGE);
    fat_file(&b, 2, 0x01000017, 0xffffffff, 0xffffffff);
    assert_int_equal(metallib_open(b.p, b.n, &lib), METALLIB_ERR_FAT_RANGE);
    fat_file(&b, 2, 0x01000017, 0, head);
    assert_int_equal(metallib_open(b.p, b.n, &lib), METALLIB_ERR_FAT_NESTED);
    fat_file(&b, 2, 0x01000017, head, 0);
    assert_int_equal(metallib_open(b.p, b.n, &lib), METALLIB_ERR_TOO_SHORT);
    assert_int_equal(metallib_open(b.p, b.n - 1, &lib), METALLIB_ERR_FAT_SLICES);
    b.p[7] = METALLIB_MAX_SLICES + 1;
    assert_int_equal(metallib_open(b.p, b.n, &lib), METALLIB_ERR_FAT_SLICES);
    assert_int_equal(metallib_open(b.p, 7, &lib), METALLIB_ERR_TOO_SHORT);
}

/* One tool counts the count word into the size of the list (air 1.4). */
static void list_size_four_too_large(void **state)
{
    struct metallib lib;
    struct bytes b;

    rich_library(&b);
    le64_put(b.p + 32, le64_get(b.p + 32) + 4);
    assert_int_equal(metallib_open(b.p, b.n, &lib), METALLIB_OK);
    assert_int_equal(lib.count, 3);
    assert_true(lib.has_uuid);
}

/* One change of the rich library, and what comes of it. */
static void header_refusals(void **state)
{
    static const struct {
        const char *what;
        size_t at, bytes;
        uint64_t value;
        int want;
    } cases[] = {
        {"magic", 0, 4, 0x12345678, METALLIB_ERR_MAGIC},
        {"container 1, other platform bit", 4, 2, 1, METALLIB_OK},
        {"container 2", 4, 2, 2, METALLIB_ERR_VERSION},
        {"container 0", 4, 2, 0x8000, METALLIB_ERR_VERSION},
        {"other minor", 6, 2, 77, METALLIB_OK},
        {"file size 0", 16, 8, 0, METALLIB_ERR_FILE_SIZE},
        {"file size huge", 16, 8, UINT64_MAX, METALLIB_ERR_FILE_SIZE},
        {"list inside header", 24, 8, 0x50, METALLIB_ERR_SECTION_RANGE},
        {"list offset huge", 24, 8, UINT64_MAX, METALLIB_ERR_SECTION_RANGE},
        {"list offset near the end of numbers", 24, 8, UINT64_MAX - 2, METALLIB_ERR_SECTION_RANGE},
        {"list size huge", 32, 8, UINT64_MAX, METALLIB_ERR_SECTION_RANGE},
        {"list size too small for its groups", 32, 8, 24, METALLIB_ERR_GROUP_RANGE},
        {"list size smaller than any group", 32, 8, 8, METALLIB_ERR_FUNCTION_COUNT},
        {"public offset huge", 40, 8, UINT64_MAX, METALLIB_ERR_SECTION_RANGE},
        {"public size huge", 48, 8, UINT64_MAX - 0x100, METALLIB_ERR_SECTION_RANGE},
        {"private offset huge", 56, 8, UINT64_MAX / 2, METALLIB_ERR_SECTION_RANGE},
        {"bitcode size huge", 80, 8, UINT64_MAX / 2, METALLIB_ERR_SECTION_RANGE},
        {"count 2^32-1", 88, 4, UINT32_MAX, METALLIB_ERR_FUNCTION_COUNT},
        {"count over the limit", 88, 4, METALLIB_MAX_FUNCTIONS + 1, METALLIB_ERR_FUNCTION_COUNT},
        {"count one too many", 88, 4, 4, METALLIB_ERR_GROUP_RANGE},
        {"count fewer than groups", 88, 4, 1, METALLIB_OK},
        {"group of 7 bytes", 92, 4, 7, METALLIB_ERR_GROUP_RANGE},
        {"group beyond the list", 92, 4, 0x1000, METALLIB_ERR_GROUP_RANGE},
        {"group of 2^32-1 bytes", 92, 4, UINT32_MAX, METALLIB_ERR_GROUP_RANGE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct metallib lib;
        struct bytes b;
        int err;

        rich_library(&b);
        memcpy(b.p + cases[i].at, &cases[i].value, cases[i].bytes);
        err = metallib_open(b.p, b.n, &lib);
        if (err != cases[i].want)
            fail_msg("%s: %s, wanted %s", cases[i].what, metallib_error_name(err), metallib_error_name(cases[i].want));
        if (err) {
            assert_null(lib.data);
            assert_int_equal(lib.count, 0);
        }
    }
}

/* One group of tags, and what comes of the function. The library has a second, good function that must stay usable. */
static int try_group(const struct bytes *tags, bool with_end, size_t code_bytes)
{
    struct bytes groups = {.n = 0}, none = {.n = 0}, code = {.n = 0}, lib_bytes;
    struct metallib_function fn;
    struct metallib lib;
    uint64_t cursor = 0;
    size_t g = begin_group(&groups);
    int err;

    add(&groups, tags->p, tags->n);
    if (with_end)
        add(&groups, "ENDT", 4);
    le32_put(groups.p + g, (uint32_t)(groups.n - g));
    g = begin_group(&groups);
    add_tag(&groups, "NAME", "good", 5);
    add_offsets(&groups, 0, 0, 0);
    add_u64_tag(&groups, "MDSZ", 32);
    end_group(&groups, g);
    add_wrapped(&code, 3);
    add_wrapped(&code, 4);
    code.n = code_bytes;
    assemble(&lib_bytes, 2, &groups, &none, &none, &code);
    assert_int_equal(metallib_open(lib_bytes.p, lib_bytes.n, &lib), METALLIB_OK);
    err = metallib_next(&lib, &cursor, &fn);
    assert_int_equal(metallib_next(&lib, &cursor, &fn), METALLIB_OK);
    assert_string_equal(fn.name, "good");
    assert_int_equal(metallib_find(&lib, "good", &fn), METALLIB_OK);
    assert_int_equal(metallib_function(&lib, 0, &fn), err);
    return err;
}

static void function_refusals(void **state)
{
    struct bytes t;
    uint8_t big = 0;

#define TAGS(...)                                                                                                      \
    do {                                                                                                               \
        memset(&t, 0, sizeof(t));                                                                                      \
        __VA_ARGS__;                                                                                                   \
    } while (0)

    TAGS(add_tag(&t, "NAME", "f", 2); add_offsets(&t, 0, 0, 0));
    assert_int_equal(try_group(&t, true, 64), METALLIB_OK);
    assert_int_equal(try_group(&t, false, 64), METALLIB_ERR_TAG_RANGE);

    TAGS(add_offsets(&t, 0, 0, 0));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_NAME);
    TAGS(add_tag(&t, "NAME", "", 1); add_offsets(&t, 0, 0, 0));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_NAME);
    TAGS(add_tag(&t, "NAME", "no nul", 6); add_offsets(&t, 0, 0, 0));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_NAME);
    TAGS(add_tag(&t, "NAME", "", 0); add_offsets(&t, 0, 0, 0));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_NAME);
    TAGS(add_tag(&t, "NAME", "f", 2));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_NO_OFFSETS);
    TAGS(add_tag(&t, "NAME", "f", 2); add_tag(&t, "NAME", "g", 2));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_TAG_TWICE);
    TAGS(add_tag(&t, "TYPE", "ab", 2));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_TAG_SIZE);
    TAGS(add_tag(&t, "HASH", "ab", 2));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_TAG_SIZE);
    TAGS(add_tag(&t, "MDSZ", "1234567", 7));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_TAG_SIZE);
    TAGS(add_tag(&t, "OFFT", "1234567", 7));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_TAG_SIZE);
    TAGS(add(&t, "SARC", 4); add_le(&t, UINT32_MAX, 4));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_TAG_RANGE);
    TAGS(add(&t, "ABCD", 4); add_le(&t, 0xffff, 2));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_TAG_RANGE);
    TAGS(add(&t, "ABCD", 4); add(&t, &big, 1));
    assert_int_equal(try_group(&t, false, 64), METALLIB_ERR_TAG_RANGE);

    TAGS(add_tag(&t, "NAME", "f", 2); add_offsets(&t, 0, 0, 64));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_MODULE_RANGE);
    TAGS(add_tag(&t, "NAME", "f", 2); add_offsets(&t, 0, 0, UINT64_MAX); add_u64_tag(&t, "MDSZ", 2));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_MODULE_RANGE);
    TAGS(add_tag(&t, "NAME", "f", 2); add_offsets(&t, 0, 0, 32); add_u64_tag(&t, "MDSZ", 33));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_MODULE_RANGE);
    TAGS(add_tag(&t, "NAME", "f", 2); add_offsets(&t, 0, 0, 0); add_u64_tag(&t, "MDSZ", 0));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_MODULE_RANGE);
    TAGS(add_tag(&t, "NAME", "f", 2); add_offsets(&t, 0, 0, 1); add_u64_tag(&t, "MDSZ", 30));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_WRAPPER);
    TAGS(add_tag(&t, "NAME", "f", 2); add_offsets(&t, 0, 0, 32); add_u64_tag(&t, "MDSZ", 19));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_WRAPPER_RANGE);
    TAGS(add_tag(&t, "NAME", "f", 2); add_offsets(&t, 0, 0, 32); add_u64_tag(&t, "MDSZ", 27));
    assert_int_equal(try_group(&t, true, 64), METALLIB_ERR_WRAPPER_RANGE);
    TAGS(add_tag(&t, "NAME", "f", 2); add_offsets(&t, 0, 0, 20 + 32); add_u64_tag(&t, "MDSZ", 8));
    assert_int_equal(try_group(&t, true, 64), METALLIB_OK); /* raw bitcode inside a container */
#undef TAGS
}

static void wrapper_refusals(void **state)
{
    static const struct {
        size_t at;
        uint32_t value;
        int want;
    } cases[] = {
        {8, 19, METALLIB_ERR_WRAPPER_RANGE},
        {8, 0xffffffff, METALLIB_ERR_WRAPPER_RANGE},
        {8, 21, METALLIB_ERR_WRAPPER},
        {12, 0, METALLIB_ERR_WRAPPER_RANGE},
        {12, 3, METALLIB_ERR_WRAPPER_RANGE},
        {12, 13, METALLIB_ERR_WRAPPER_RANGE},
        {12, 0xffffffff, METALLIB_ERR_WRAPPER_RANGE},
        {20, 0, METALLIB_ERR_WRAPPER},
        {4, 7, METALLIB_OK},
        {16, 0, METALLIB_OK},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes b = {.n = 0};
        struct metallib lib;

        add_wrapped(&b, 1);
        le32_put(b.p + cases[i].at, cases[i].value);
        assert_int_equal(metallib_open(b.p, b.n, &lib), cases[i].want);
    }
}

static void public_metadata_refusals(void **state)
{
    struct metallib_constant constant;
    struct metallib_attribute attribute;
    struct metallib_function fn = {.name = "f"};
    struct bytes b = {.n = 0};

    /* A count with too few records, a name without end, a group without end: metadata errors and no more. */
    add_tag(&b, "CNST", "\2\0abc\0\x35\1\0\1", 10);
    add_tag(&b, "VATT", "\1\0abc", 5);
    fn.public_tags = b.p;
    fn.public_size = b.n;
    assert_int_equal(metallib_constant(&fn, 0, &constant), METALLIB_OK);
    assert_int_equal(metallib_constant(&fn, 1, &constant), METALLIB_ERR_METADATA);
    assert_int_equal(metallib_attribute(&fn, 0, &attribute), METALLIB_ERR_METADATA);
    fn.public_size = b.n - 1;
    assert_int_equal(metallib_attribute(&fn, 0, &attribute), METALLIB_ERR_METADATA);
    b.n = 0;
    add_tag(&b, "CNST", "\1", 1);
    fn.public_size = b.n;
    assert_int_equal(metallib_constant(&fn, 0, &constant), METALLIB_ERR_METADATA);
}

/* Touch all that a library gives out, so that a sanitizer sees every pointer. */
static unsigned use_all(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1); /* exactly @n bytes, so that one byte too far is seen */
    struct metallib_constant constant;
    struct metallib_attribute attribute;
    struct metallib_function fn;
    unsigned sum = 0, functions = 0;
    struct metallib lib;
    uint64_t cursor = 0;
    int err;

    assert_non_null(copy);
    memcpy(copy, p, n);
    if (metallib_open(copy, n, &lib) == METALLIB_OK) {
        while ((err = metallib_next(&lib, &cursor, &fn)) != METALLIB_ERR_INDEX) {
            assert_true(functions++ < METALLIB_MAX_FUNCTIONS);
            sum += (unsigned)strlen(fn.name);
            if (err)
                continue;
            for (size_t i = 0; i < fn.module_size; i++)
                sum += fn.module[i];
            assert_int_equal(le32_get(fn.bitcode), 0xdec04342);
            sum += fn.bitcode[fn.bitcode_size - 1] + metallib_hash_ok(&fn);
            for (uint32_t i = 0; metallib_constant(&fn, i, &constant) == METALLIB_OK; i++)
                sum += (unsigned)strlen(constant.name);
            for (uint32_t i = 0; metallib_attribute(&fn, i, &attribute) == METALLIB_OK; i++)
                sum += (unsigned)strlen(attribute.name);
        }
    }
    free(copy);
    return sum;
}

static void truncations_and_bit_flips(void **state)
{
    struct bytes b;
    unsigned sum = 0;

    rich_library(&b);
    for (size_t n = 0; n <= b.n; n++)
        sum += use_all(b.p, n);
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sum += use_all(b.p, b.n);
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(sum > 0);
}

static void names(void **state)
{
    for (int i = 0; i < METALLIB_ERR_COUNT; i++) {
        assert_non_null(metallib_error_name(i));
        assert_non_null(metallib_error_text(i));
        assert_string_not_equal(metallib_error_name(i), "unknown");
        for (int j = 0; j < i; j++)
            assert_string_not_equal(metallib_error_name(i), metallib_error_name(j));
    }
    assert_string_equal(metallib_error_name(-1), "unknown");
    assert_string_equal(metallib_error_name(METALLIB_ERR_COUNT), "unknown");
    assert_string_equal(metallib_type_name(METALLIB_OBJECT), "object");
    assert_string_equal(metallib_type_name(METALLIB_TYPE_NONE), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(empty_library_is_96_bytes),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(writer_refuses),
        cmocka_unit_test(every_tag),
        cmocka_unit_test(loose_bitcode),
        cmocka_unit_test(fat_files),
        cmocka_unit_test(list_size_four_too_large),
        cmocka_unit_test(header_refusals),
        cmocka_unit_test(function_refusals),
        cmocka_unit_test(wrapper_refusals),
        cmocka_unit_test(public_metadata_refusals),
        cmocka_unit_test(truncations_and_bit_flips),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
