/* SPDX-License-Identifier: MIT */
/*
 * A fast 128-bit hash for cache keys and for noticing damaged files. Not cryptographic: equal hashes prove nothing,
 * every hit is compared byte for byte.
 */
#ifndef PVG_AIRC_HASH_H
#define PVG_AIRC_HASH_H

#include <stddef.h>
#include <stdint.h>

struct airc_key {
    uint64_t v[2];
};

/* Hash of @n bytes; @seed chains calls: the key of what came before, or zero. The same on every machine. */
struct airc_key airc_hash(struct airc_key seed, const void *data, size_t n);

#endif
