/* SPDX-License-Identifier: MIT */
/*
 * Little-endian loads and stores at any alignment, and a reader over bytes already copied out of guest memory. Errors of
 * the reader stick: read all fields, then ask once.
 */
#ifndef PVG_BASE_RD_H
#define PVG_BASE_RD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire is little-endian; a big-endian host needs byte swaps here and in the atomics on guest memory"
#endif

static inline uint16_t le16_get(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint32_t le32_get(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t le64_get(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void le16_put(void *p, uint16_t v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void le32_put(void *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void le64_put(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof(v));
}

struct rd {
    const uint8_t *p, *end;
    bool bad;
};

/* @p may be NULL where @n is 0. */
static inline struct rd rd_over(const void *p, size_t n)
{
    return (struct rd){.p = p, .end = n ? (const uint8_t *)p + n : p};
}

static inline size_t rd_left(const struct rd *r)
{
    return (size_t)(r->end - r->p);
}

static inline const uint8_t *rd_bytes(struct rd *r, uint64_t n)
{
    const uint8_t *p = r->p;

    r->bad = r->bad || n > (uint64_t)(r->end - r->p);
    if (r->bad)
        return NULL;
    r->p += n;
    return p;
}

static inline uint8_t rd_u8(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 1);
    return p ? *p : 0;
}

static inline uint16_t rd_u16(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 2);
    return p ? le16_get(p) : 0;
}

static inline uint32_t rd_u32(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 4);
    return p ? le32_get(p) : 0;
}

static inline uint64_t rd_u64(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 8);
    return p ? le64_get(p) : 0;
}

#endif
