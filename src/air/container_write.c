/* SPDX-License-Identifier: MIT */
/*
 * Container writer: the minimal library Metal accepts (air 1.11), for tests, demos and guests of our own.
 *
 * Patch 7, macOS, sections contiguous in header order. The caller's sizes are trusted to be true but summed with
 * checks.
 */
#include "air/container.h"

#include <stdlib.h>
#include <string.h>

#include "air/sha256.h"

enum { HEADER_SIZE = 0x58, WRAPPER_SIZE = 20, MODULE_ALIGN = 16 };

/* A growing buffer. Errors stick: append all, then ask once. */
struct buf {
    uint8_t *data;
    size_t len, cap;
    bool failed;
};

static uint8_t *grow(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > b->cap - b->len) {
        size_t need, cap;
        uint8_t *data;

        if (__builtin_add_overflow(b->len, n, &need) || __builtin_mul_overflow(need, (size_t)2, &cap)) {
            b->failed = true;
            return NULL;
        }
        data = realloc(b->data, cap);
        if (!data) {
            b->failed = true;
            return NULL;
        }
        b->data = data;
        b->cap = cap;
    }
    memset(b->data + b->len, 0, n);
    b->len += n;
    return b->data + b->len - n;
}

static void put_bytes(struct buf *b, const void *p, size_t n)
{
    uint8_t *to = grow(b, n);

    if (to && n)
        memcpy(to, p, n);
}

static void put_le(struct buf *b, uint64_t v, unsigned bytes)
{
    uint8_t *to = grow(b, bytes);

    for (unsigned i = 0; to && i < bytes; i++)
        to[i] = (uint8_t)(v >> 8 * i);
}

static void set_le(struct buf *b, size_t at, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; !b->failed && i < bytes; i++)
        b->data[at + i] = (uint8_t)(v >> 8 * i);
}

static void put_tag(struct buf *b, const char *name, size_t size)
{
    put_bytes(b, name, 4);
    put_le(b, size, 2);
}

static void put_module(struct buf *b, const struct metallib_write_entry *e)
{
    static const uint8_t magic[4] = {0xde, 0xc0, 0x17, 0x0b};
    size_t start = b->len;

    if (memcmp(e->bitcode, magic, 4) != 0) {
        put_bytes(b, magic, 4);
        put_le(b, 0, 4);
        put_le(b, WRAPPER_SIZE, 4);
        put_le(b, e->bitcode_size, 4);
        put_le(b, 0xffffffff, 4);
    }
    put_bytes(b, e->bitcode, e->bitcode_size);
    if (!b->failed)
        grow(b, (MODULE_ALIGN - (b->len - start) % MODULE_ALIGN) % MODULE_ALIGN);
}

static void put_public(struct buf *b, const struct metallib_write_entry *e)
{
    size_t start = b->len, names = 0;

    for (size_t i = 0; i < e->attribute_count; i++)
        names += strlen(e->attributes[i].name) + 3;
    put_le(b, 0, 4);
    /* With zero attributes VATY must be left out; so is VATT. */
    if (e->attribute_count) {
        put_tag(b, "VATT", 2 + names);
        put_le(b, e->attribute_count, 2);
        for (size_t i = 0; i < e->attribute_count; i++) {
            const struct metallib_attribute *a = &e->attributes[i];

            put_bytes(b, a->name, strlen(a->name) + 1);
            put_le(b, (uint64_t)(a->index | (a->usage & 3) << 13 | a->active << 15), 2);
        }
        put_tag(b, "VATY", 2 + e->attribute_count);
        put_le(b, e->attribute_count, 2);
        for (size_t i = 0; i < e->attribute_count; i++)
            put_le(b, e->attributes[i].data_type, 1);
    }
    put_bytes(b, "ENDT", 4);
    set_le(b, start, b->len - start, 4);
}

static void put_group(struct buf *b, const struct metallib_write_entry *e, const uint8_t *module, size_t module_size,
                      uint64_t public_rel, uint64_t private_rel, uint64_t bitcode_rel)
{
    size_t start = b->len;
    uint8_t digest[32];

    sha256(module, module_size, digest);
    put_le(b, 0, 4);
    put_tag(b, "NAME", strlen(e->name) + 1);
    put_bytes(b, e->name, strlen(e->name) + 1);
    put_tag(b, "TYPE", 1);
    put_le(b, e->type, 1);
    put_tag(b, "HASH", 32);
    put_bytes(b, digest, 32);
    put_tag(b, "MDSZ", 8);
    put_le(b, module_size, 8);
    put_tag(b, "OFFT", 24);
    put_le(b, public_rel, 8);
    put_le(b, private_rel, 8);
    put_le(b, bitcode_rel, 8);
    put_tag(b, "VERS", 8);
    put_le(b, e->air_major, 2);
    put_le(b, e->air_minor, 2);
    put_le(b, e->language_major, 2);
    put_le(b, e->language_minor, 2);
    put_bytes(b, "ENDT", 4);
    set_le(b, start, b->len - start, 4);
}

static bool entry_ok(const struct metallib_write_entry *e)
{
    size_t names = 2;

    if (!e->name || !e->name[0] || strlen(e->name) > 65534 || e->type > 255 || !e->bitcode || e->bitcode_size < 4 ||
        e->bitcode_size > UINT32_MAX - WRAPPER_SIZE || e->attribute_count > 256)
        return false;
    for (size_t i = 0; i < e->attribute_count; i++) {
        if (!e->attributes[i].name || strlen(e->attributes[i].name) > 65535 - 3 - names)
            return false;
        names += strlen(e->attributes[i].name) + 3;
    }
    return true;
}

int metallib_write(const struct metallib_write_entry *entries, size_t count, uint8_t **out, size_t *len)
{
    struct buf list = {0}, pub = {0}, priv = {0}, code = {0}, file = {0};
    const struct buf *sections[4] = {&list, &pub, &priv, &code};
    int err = METALLIB_ERR_NOMEM;
    size_t extension, off;

    *out = NULL;
    *len = 0;
    if (count > METALLIB_MAX_FUNCTIONS)
        return METALLIB_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!entry_ok(&entries[i]))
            return METALLIB_ERR_ARGUMENT;

    for (size_t i = 0; i < count; i++) {
        size_t public_rel = pub.len, private_rel = priv.len, bitcode_rel = code.len;

        put_module(&code, &entries[i]);
        put_public(&pub, &entries[i]);
        put_le(&priv, 8, 4);
        put_bytes(&priv, "ENDT", 4);
        if (code.failed)
            goto done;
        put_group(&list, &entries[i], code.data + bitcode_rel, code.len - bitcode_rel, public_rel, private_rel,
                  bitcode_rel);
    }
    if (list.failed || pub.failed || priv.failed)
        goto done;

    put_bytes(&file, "MTLB", 4);
    put_le(&file, 0x8001, 2);
    put_le(&file, 2, 2);
    put_le(&file, 7, 2);
    put_le(&file, 0, 1);
    put_le(&file, 0x81, 1);
    put_le(&file, 13, 2); /* patch 7 is written for macOS 13 */
    put_le(&file, 0, 2);
    put_le(&file, 0, 8);
    grow(&file, HEADER_SIZE - file.len);
    put_le(&file, count, 4);
    put_bytes(&file, list.data, list.len);
    extension = file.len;
    put_bytes(&file, "ENDT", 4);
    put_bytes(&file, pub.data, pub.len);
    put_bytes(&file, priv.data, priv.len);
    put_bytes(&file, code.data, code.len);
    set_le(&file, 0x10, file.len, 8);
    off = extension + 4;
    for (int i = 0; i < 4; i++) {
        set_le(&file, 0x18 + 16 * (size_t)i, i ? off : HEADER_SIZE, 8);
        set_le(&file, 0x20 + 16 * (size_t)i, sections[i]->len, 8);
        off += i ? sections[i]->len : 0;
    }
    if (file.failed)
        goto done;
    *out = file.data;
    *len = file.len;
    file.data = NULL;
    err = METALLIB_OK;

done:
    free(file.data);
    free(code.data);
    free(priv.data);
    free(pub.data);
    free(list.data);
    return err;
}
