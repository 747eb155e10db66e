/* SPDX-License-Identifier: MIT */
/*
 * Container reader: metallib, fat Mach-O around it, loose bitcode (air 1.1 to 1.10).
 *
 * Works on the caller's const buffer without allocating. Every position is a 64-bit offset that was compared against
 * what is left before it is used; nothing is trusted to be contiguous or in order, as air 1.2 asks.
 */
#include "air/container.h"

#include <string.h>

#include "air/sha256.h"
#include "base/rd.h"

enum {
    HEADER_SIZE = 0x58,
    HEADER_KIND = 0x0a,
    HEADER_PLATFORM = 0x0b,
    HEADER_OS = 0x0c,
    HEADER_FILE_SIZE = 0x10,
    HEADER_SECTIONS = 0x18, /* four pairs of u64: function list, public, private, bitcode */

    FAT_HEADER = 8,
    FAT_ARCH = 20,
    GROUP_MIN = 8, /* size word and ENDT */
    WRAPPER_SIZE = 20,
};

#define FAT_CPU_AIR64 0x01000017u
#define WRAPPER_MAGIC 0x0b17c0deu
#define BITCODE_MAGIC 0xdec04342u

static uint32_t be32(const uint8_t *p)
{
    return p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

/* Does [off, off + n) lie inside [0, size)? */
static bool inside(uint64_t size, uint64_t off, uint64_t n)
{
    return off <= size && n <= size - off;
}

/* A walk over the tags of one group or of the header extension. */
struct tags {
    const uint8_t *p, *end;
};

struct tag {
    char name[5];
    const uint8_t *data;
    uint32_t size;
};

static bool tag_is(const struct tag *t, const char *name)
{
    return memcmp(t->name, name, 4) == 0;
}

/* Next tag: 1, 0 at ENDT, -1 when the tag leaves its group or the group ends without ENDT. */
static int tag_next(struct tags *w, struct tag *t)
{
    static const char wide[][5] = {"SARC", "RBUF", "SBUF", "RBUZ"};
    unsigned size_bytes = 2;

    if (w->end - w->p < 4)
        return -1;
    memcpy(t->name, w->p, 4);
    t->name[4] = 0;
    w->p += 4;
    if (tag_is(t, "ENDT"))
        return 0;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (tag_is(t, wide[i]))
            size_bytes = 4;
    if (w->end - w->p < (ptrdiff_t)size_bytes)
        return -1;
    t->size = size_bytes == 2 ? le16_get(w->p) : le32_get(w->p);
    w->p += size_bytes;
    if (t->size > (uint64_t)(w->end - w->p))
        return -1;
    t->data = w->p;
    w->p += t->size;
    return 1;
}

/* Strip the wrapper of one module. *@bitcode and *@bitcode_size are set on success only. */
static int unwrap(const uint8_t *module, uint64_t size, const uint8_t **bitcode, size_t *bitcode_size)
{
    uint64_t off, n;

    if (size >= 4 && le32_get(module) == BITCODE_MAGIC) {
        *bitcode = module;
        *bitcode_size = (size_t)size;
        return METALLIB_OK;
    }
    if (size < 4 || le32_get(module) != WRAPPER_MAGIC)
        return METALLIB_ERR_WRAPPER;
    if (size < WRAPPER_SIZE)
        return METALLIB_ERR_WRAPPER_RANGE;
    off = le32_get(module + 8);
    n = le32_get(module + 12);
    if (off < WRAPPER_SIZE || n < 4 || !inside(size, off, n))
        return METALLIB_ERR_WRAPPER_RANGE;
    if (le32_get(module + off) != BITCODE_MAGIC)
        return METALLIB_ERR_WRAPPER;
    *bitcode = module + off;
    *bitcode_size = (size_t)n;
    return METALLIB_OK;
}

/* Replace a fat file by its AIR64 slice. */
static int fat_slice(const uint8_t **data, uint64_t *size)
{
    const uint8_t *p = *data;
    uint64_t count;

    if (*size < FAT_HEADER)
        return METALLIB_ERR_TOO_SHORT;
    count = be32(p + 4);
    if (count > METALLIB_MAX_SLICES || !inside(*size, FAT_HEADER, count * FAT_ARCH))
        return METALLIB_ERR_FAT_SLICES;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *arch = p + FAT_HEADER + i * FAT_ARCH;
        uint64_t off = be32(arch + 8), n = be32(arch + 12);

        if (be32(arch) != FAT_CPU_AIR64)
            continue;
        if (!inside(*size, off, n))
            return METALLIB_ERR_FAT_RANGE;
        *data = p + off;
        *size = n;
        return METALLIB_OK;
    }
    return METALLIB_ERR_FAT_NO_AIR;
}

/* The one thing of the header extension worth telling. Nothing depends on it, so a malformed one is only passed over.
 */
static void read_extension(struct metallib *lib)
{
    struct tags w;
    struct tag t;

    if (lib->public_off <= lib->list_end)
        return;
    w = (struct tags){lib->data + lib->list_end, lib->data + lib->public_off};
    while (tag_next(&w, &t) > 0) {
        if (tag_is(&t, "UUID") && t.size == sizeof(lib->uuid)) {
            memcpy(lib->uuid, t.data, sizeof(lib->uuid));
            lib->has_uuid = true;
        }
    }
}

/* Check that all groups lie inside the list, and find the list's true end. */
static int walk_list(struct metallib *lib, uint64_t list_size)
{
    uint64_t pos, limit = lib->list_off + 4 + list_size;

    lib->count = le32_get(lib->data + lib->list_off);
    if (lib->count > METALLIB_MAX_FUNCTIONS || lib->count > list_size / GROUP_MIN)
        return METALLIB_ERR_FUNCTION_COUNT;
    pos = lib->list_off + 4;
    for (uint32_t i = 0; i < lib->count; i++) {
        uint64_t n;

        if (limit - pos < GROUP_MIN)
            return METALLIB_ERR_GROUP_RANGE;
        n = le32_get(lib->data + pos);
        if (n < GROUP_MIN || n > limit - pos)
            return METALLIB_ERR_GROUP_RANGE;
        pos += n;
    }
    lib->list_end = pos;
    return METALLIB_OK;
}

static int open_mtlb(struct metallib *lib)
{
    const uint8_t *h = lib->data;
    struct {
        uint64_t off, size;
    } s[4];
    uint64_t file_size;
    int err;

    if (lib->size < HEADER_SIZE)
        return METALLIB_ERR_TOO_SHORT;
    if ((le16_get(h + 4) & 0x7fff) != 1)
        return METALLIB_ERR_VERSION;
    file_size = le64_get(h + HEADER_FILE_SIZE);
    if (file_size < HEADER_SIZE || file_size > lib->size)
        return METALLIB_ERR_FILE_SIZE;
    lib->size = file_size;
    for (int i = 0; i < 4; i++) {
        s[i].off = le64_get(h + HEADER_SECTIONS + 16 * i);
        s[i].size = le64_get(h + HEADER_SECTIONS + 16 * i + 8);
        if (!inside(file_size, s[i].off, s[i].size))
            return METALLIB_ERR_SECTION_RANGE;
    }
    /* The stated size of the list leaves out its count word. */
    if (s[0].off < HEADER_SIZE || file_size - s[0].off - s[0].size < 4)
        return METALLIB_ERR_SECTION_RANGE;

    lib->form = METALLIB_FORM_MTLB;
    lib->macos = le16_get(h + 4) >> 15;
    lib->container_patch = le16_get(h + 8);
    lib->kind = h[HEADER_KIND];
    lib->platform = h[HEADER_PLATFORM];
    lib->os_major = le16_get(h + HEADER_OS);
    lib->os_minor = h[HEADER_OS + 2];
    lib->os_patch = h[HEADER_OS + 3];
    lib->list_off = s[0].off;
    lib->public_off = s[1].off;
    lib->public_size = s[1].size;
    lib->private_off = s[2].off;
    lib->private_size = s[2].size;
    lib->bitcode_off = s[3].off;
    lib->bitcode_size = s[3].size;
    err = walk_list(lib, s[0].size);
    if (err)
        return err;
    read_extension(lib);
    return METALLIB_OK;
}

static int open_bitcode(struct metallib *lib)
{
    const uint8_t *bitcode;
    size_t size;

    lib->form = METALLIB_FORM_BITCODE;
    lib->count = 1;
    return unwrap(lib->data, lib->size, &bitcode, &size);
}

static int open_any(const uint8_t *data, uint64_t size, struct metallib *lib)
{
    static const uint8_t fat[4] = {0xca, 0xfe, 0xba, 0xbe};
    int err;

    if (size < 4)
        return METALLIB_ERR_TOO_SHORT;
    if (memcmp(data, fat, 4) == 0) {
        err = fat_slice(&data, &size);
        if (err)
            return err;
        if (size < 4)
            return METALLIB_ERR_TOO_SHORT;
        if (memcmp(data, fat, 4) == 0)
            return METALLIB_ERR_FAT_NESTED;
    }
    lib->data = data;
    lib->size = size;
    if (memcmp(data, "MTLB", 4) == 0)
        return open_mtlb(lib);
    if (le32_get(data) == WRAPPER_MAGIC || le32_get(data) == BITCODE_MAGIC)
        return open_bitcode(lib);
    return METALLIB_ERR_MAGIC;
}

int metallib_open(const uint8_t *data, size_t len, struct metallib *lib)
{
    int err;

    memset(lib, 0, sizeof(*lib));
    err = open_any(data, len, lib);
    if (err)
        memset(lib, 0, sizeof(*lib));
    return err;
}

uint32_t metallib_count(const struct metallib *lib)
{
    return lib->count;
}

/* One function's tags, read but for the module they point to. */
struct entry {
    struct metallib_function fn;
    uint64_t public_rel, bitcode_rel, module_size;
    bool has_offsets, has_size;
};

static int take_name(const struct tag *t, struct metallib_function *fn)
{
    const uint8_t *nul = t->size ? memchr(t->data, 0, t->size) : NULL;

    if (!nul || nul == t->data)
        return METALLIB_ERR_NAME;
    fn->name = (const char *)t->data;
    fn->name_len = (size_t)(nul - t->data);
    return METALLIB_OK;
}

static int read_entry(const uint8_t *group, struct entry *e)
{
    static const struct {
        char name[5];
        uint16_t size; /* 0: any */
    } known[] = {{"NAME", 0}, {"TYPE", 1}, {"HASH", 32}, {"MDSZ", 8}, {"OFFT", 24}, {"VERS", 8}};
    struct tags w = {group + 4, group + le32_get(group)};
    unsigned seen = 0;
    struct tag t;
    int r;

    memset(e, 0, sizeof(*e));
    e->fn.name = "";
    e->fn.type = METALLIB_TYPE_NONE;
    while ((r = tag_next(&w, &t)) > 0) {
        size_t k = 0;

        while (k < sizeof(known) / sizeof(known[0]) && !tag_is(&t, known[k].name))
            k++;
        if (k == sizeof(known) / sizeof(known[0]))
            continue;
        if (seen & 1u << k)
            return METALLIB_ERR_TAG_TWICE;
        seen |= 1u << k;
        if (known[k].size && t.size != known[k].size)
            return METALLIB_ERR_TAG_SIZE;
        switch (k) {
        case 0:
            r = take_name(&t, &e->fn);
            if (r)
                return r;
            break;
        case 1:
            e->fn.type = t.data[0];
            break;
        case 2:
            e->fn.hash = t.data;
            break;
        case 3:
            e->module_size = le64_get(t.data);
            e->has_size = true;
            break;
        case 4:
            e->public_rel = le64_get(t.data);
            e->bitcode_rel = le64_get(t.data + 16);
            e->has_offsets = true;
            break;
        case 5:
            e->fn.air_major = le16_get(t.data);
            e->fn.air_minor = le16_get(t.data + 2);
            e->fn.language_major = le16_get(t.data + 4);
            e->fn.language_minor = le16_get(t.data + 6);
            break;
        }
    }
    if (r < 0)
        return METALLIB_ERR_TAG_RANGE;
    if (!e->fn.name_len)
        return METALLIB_ERR_NAME;
    return METALLIB_OK;
}

/* AIR 1.8 libraries have no MDSZ: the module ends where the next one begins, or with the section (air 1.5). */
static uint64_t size_by_neighbour(const struct metallib *lib, uint64_t rel)
{
    uint64_t end = lib->bitcode_size, pos = lib->list_off + 4;
    struct entry other;

    for (uint32_t i = 0; i < lib->count; i++) {
        const uint8_t *group = lib->data + pos;

        pos += le32_get(group);
        if (!read_entry(group, &other) && other.has_offsets && other.bitcode_rel > rel && other.bitcode_rel < end)
            end = other.bitcode_rel;
    }
    return end > rel ? end - rel : 0;
}

static int find_module(const struct metallib *lib, struct entry *e)
{
    if (!e->has_offsets)
        return METALLIB_ERR_NO_OFFSETS;
    if (!e->has_size)
        e->module_size = size_by_neighbour(lib, e->bitcode_rel);
    if (!e->module_size || !inside(lib->bitcode_size, e->bitcode_rel, e->module_size))
        return METALLIB_ERR_MODULE_RANGE;
    e->fn.module = lib->data + lib->bitcode_off + e->bitcode_rel;
    e->fn.module_size = (size_t)e->module_size;
    return unwrap(e->fn.module, e->module_size, &e->fn.bitcode, &e->fn.bitcode_size);
}

/* The public metadata is a convenience: a function whose group is out of place has none. */
static void find_public(const struct metallib *lib, struct entry *e)
{
    const uint8_t *group;
    uint64_t n;

    if (!inside(lib->public_size, e->public_rel, GROUP_MIN))
        return;
    group = lib->data + lib->public_off + e->public_rel;
    n = le32_get(group);
    if (n < GROUP_MIN || !inside(lib->public_size, e->public_rel, n))
        return;
    e->fn.public_tags = group + 4;
    e->fn.public_size = (size_t)n - 4;
}

static int function_at(const struct metallib *lib, uint64_t pos, struct metallib_function *out)
{
    struct entry e;
    int err;

    memset(out, 0, sizeof(*out));
    out->name = "";
    if (lib->form == METALLIB_FORM_BITCODE) {
        out->type = METALLIB_TYPE_NONE;
        out->module = lib->data;
        out->module_size = (size_t)lib->size;
        return unwrap(out->module, lib->size, &out->bitcode, &out->bitcode_size);
    }
    err = read_entry(lib->data + pos, &e);
    if (!err)
        err = find_module(lib, &e);
    if (err) {
        out->name = e.fn.name;
        out->name_len = e.fn.name_len;
        out->type = e.fn.type;
        return err;
    }
    find_public(lib, &e);
    *out = e.fn;
    return METALLIB_OK;
}

int metallib_next(const struct metallib *lib, uint64_t *cursor, struct metallib_function *out)
{
    uint64_t pos = *cursor ? *cursor : lib->list_off + 4;

    memset(out, 0, sizeof(*out));
    out->name = "";
    if (lib->form == METALLIB_FORM_BITCODE) {
        if (!lib->count || *cursor)
            return METALLIB_ERR_INDEX;
        *cursor = 1;
        return function_at(lib, 0, out);
    }
    if (!lib->count || pos >= lib->list_end)
        return METALLIB_ERR_INDEX;
    *cursor = pos + le32_get(lib->data + pos);
    return function_at(lib, pos, out);
}

int metallib_function(const struct metallib *lib, uint32_t index, struct metallib_function *out)
{
    uint64_t pos = lib->list_off + 4;

    memset(out, 0, sizeof(*out));
    out->name = "";
    if (index >= lib->count)
        return METALLIB_ERR_INDEX;
    if (lib->form == METALLIB_FORM_MTLB)
        for (uint32_t i = 0; i < index; i++)
            pos += le32_get(lib->data + pos);
    return function_at(lib, pos, out);
}

int metallib_find_typed(const struct metallib *lib, const char *name, uint32_t type, struct metallib_function *out)
{
    size_t name_len = name ? strlen(name) : 0;
    uint64_t pos = lib->list_off + 4, found = 0;
    struct entry e;

    memset(out, 0, sizeof(*out));
    out->name = "";
    if (lib->form == METALLIB_FORM_BITCODE)
        return lib->count ? function_at(lib, 0, out) : METALLIB_ERR_NOT_FOUND;
    for (uint32_t i = 0; i < lib->count; i++) {
        const uint8_t *group = lib->data + pos;
        uint64_t here = pos;

        pos += le32_get(group);
        /* A broken neighbour must not hide a good function: what of it was readable still takes part. */
        (void)read_entry(group, &e);
        if (type != METALLIB_TYPE_NONE && e.fn.type != type)
            continue;
        if (name) {
            if (e.fn.name_len == name_len && memcmp(e.fn.name, name, name_len) == 0)
                return function_at(lib, here, out);
            continue;
        }
        if (found)
            return METALLIB_ERR_AMBIGUOUS;
        found = here;
    }
    return found ? function_at(lib, found, out) : METALLIB_ERR_NOT_FOUND;
}

int metallib_find(const struct metallib *lib, const char *name, struct metallib_function *out)
{
    return metallib_find_typed(lib, name, METALLIB_TYPE_NONE, out);
}

/* Find a tag of the public group: 1, 0 when there is none, -1 when the group is malformed before it. */
static int public_tag(const struct metallib_function *fn, const char *name, struct tag *t)
{
    struct tags w;
    int r;

    if (!fn->public_tags)
        return 0;
    w = (struct tags){fn->public_tags, fn->public_tags + fn->public_size};
    while ((r = tag_next(&w, t)) > 0)
        if (tag_is(t, name))
            return 1;
    return r;
}

/* Move *@p past one record: a NUL-terminated name and @fixed bytes. NULL when it leaves @end. */
static const uint8_t *named_record(const uint8_t **p, const uint8_t *end, ptrdiff_t fixed)
{
    const uint8_t *start = *p;
    const uint8_t *nul = end > start ? memchr(start, 0, (size_t)(end - start)) : NULL;

    if (!nul || end - nul - 1 < fixed)
        return NULL;
    *p = nul + 1 + fixed;
    return nul + 1;
}

/*
 * Find record @index of tag @name. *@start is its name, *@fields what follows it. METALLIB_ERR_INDEX past the last.
 */
static int public_record(const struct metallib_function *fn, const char *name, uint32_t index, ptrdiff_t fixed,
                         const uint8_t **start, const uint8_t **fields)
{
    const uint8_t *p, *end;
    struct tag t;
    int r = public_tag(fn, name, &t);

    if (r < 0)
        return METALLIB_ERR_METADATA;
    if (r == 0)
        return METALLIB_ERR_INDEX;
    if (t.size < 2)
        return METALLIB_ERR_METADATA;
    if (index >= le16_get(t.data))
        return METALLIB_ERR_INDEX;
    p = t.data + 2;
    end = t.data + t.size;
    for (uint32_t i = 0; i <= index; i++) {
        *start = p;
        *fields = named_record(&p, end, fixed);
        if (!*fields)
            return METALLIB_ERR_METADATA;
    }
    return METALLIB_OK;
}

int metallib_constant(const struct metallib_function *fn, uint32_t index, struct metallib_constant *out)
{
    const uint8_t *name, *fields;
    int err = public_record(fn, "CNST", index, 4, &name, &fields);

    memset(out, 0, sizeof(*out));
    if (err)
        return err;
    out->name = (const char *)name;
    out->data_type = fields[0];
    out->index = le16_get(fields + 1);
    out->required = fields[3] != 0;
    return METALLIB_OK;
}

int metallib_attribute(const struct metallib_function *fn, uint32_t index, struct metallib_attribute *out)
{
    const uint8_t *name, *fields;
    struct tag types;
    uint16_t bits;
    int err = public_record(fn, "VATT", index, 2, &name, &fields);

    memset(out, 0, sizeof(*out));
    if (err)
        return err;
    bits = le16_get(fields);
    out->name = (const char *)name;
    out->index = bits & 0xff;
    out->usage = bits >> 13 & 3;
    out->active = bits >> 15;
    if (public_tag(fn, "VATY", &types) > 0 && types.size >= 2 && index < le16_get(types.data) && index < types.size - 2)
        out->data_type = types.data[2 + index];
    return METALLIB_OK;
}

bool metallib_hash_ok(const struct metallib_function *fn)
{
    uint8_t digest[32];

    if (!fn->hash)
        return false;
    sha256(fn->module, fn->module_size, digest);
    return memcmp(digest, fn->hash, sizeof(digest)) == 0;
}

static const struct {
    const char *name, *text;
} error_table[METALLIB_ERR_COUNT] = {
    [METALLIB_OK] = {"ok", "no error"},
    [METALLIB_ERR_TOO_SHORT] = {"too-short", "the data ends inside its header"},
    [METALLIB_ERR_MAGIC] = {"magic", "neither a metallib, a fat file nor LLVM bitcode"},
    [METALLIB_ERR_FAT_SLICES] = {"fat-slices", "the fat file has too many slices or ends inside their table"},
    [METALLIB_ERR_FAT_NO_AIR] = {"fat-no-air", "the fat file has no slice for AIR64"},
    [METALLIB_ERR_FAT_RANGE] = {"fat-range", "the AIR64 slice lies outside the fat file"},
    [METALLIB_ERR_FAT_NESTED] = {"fat-nested", "the AIR64 slice is a fat file again"},
    [METALLIB_ERR_VERSION] = {"version", "the container's major version is not 1"},
    [METALLIB_ERR_FILE_SIZE] = {"file-size", "the header's file size does not fit the data"},
    [METALLIB_ERR_SECTION_RANGE] = {"section-range", "a section lies outside the file"},
    [METALLIB_ERR_FUNCTION_COUNT] = {"function-count", "more functions than the list or the limit allows"},
    [METALLIB_ERR_GROUP_RANGE] = {"group-range", "a function's group leaves the function list"},
    [METALLIB_ERR_TAG_RANGE] = {"tag-range", "a tag leaves its group, or the group has no end"},
    [METALLIB_ERR_TAG_SIZE] = {"tag-size", "a tag's payload has the wrong size"},
    [METALLIB_ERR_TAG_TWICE] = {"tag-twice", "a tag occurs twice in one group"},
    [METALLIB_ERR_NAME] = {"name", "the function has no usable name"},
    [METALLIB_ERR_NO_OFFSETS] = {"no-offsets", "the function has no offsets"},
    [METALLIB_ERR_MODULE_RANGE] = {"module-range", "the module is empty or outside the bitcode section"},
    [METALLIB_ERR_WRAPPER] = {"wrapper", "no bitcode where the module should begin"},
    [METALLIB_ERR_WRAPPER_RANGE] = {"wrapper-range", "the bitcode wrapper points outside its module"},
    [METALLIB_ERR_INDEX] = {"index", "no function of that number"},
    [METALLIB_ERR_NOT_FOUND] = {"not-found", "no function of that name or type"},
    [METALLIB_ERR_AMBIGUOUS] = {"ambiguous", "several functions fit; name one"},
    [METALLIB_ERR_METADATA] = {"metadata", "the function's public metadata is malformed"},
    [METALLIB_ERR_NOMEM] = {"no-memory", "out of memory"},
    [METALLIB_ERR_ARGUMENT] = {"argument", "the writer was given something a library cannot hold"},
};

const char *metallib_error_name(int error)
{
    return error >= 0 && error < METALLIB_ERR_COUNT ? error_table[error].name : "unknown";
}

const char *metallib_error_text(int error)
{
    return error >= 0 && error < METALLIB_ERR_COUNT ? error_table[error].text : "unknown error";
}

const char *metallib_type_name(uint32_t type)
{
    static const char *const names[] = {"vertex", "fragment",     "kernel", "unqualified", "visible",
                                        "extern", "intersection", "mesh",   "object"};

    return type < sizeof(names) / sizeof(names[0]) ? names[type] : "unknown";
}
