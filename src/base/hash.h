/* SPDX-License-Identifier: MIT */
/*
 * Hashes of numbers that a guest chooses. Keyed: a guest that knows the function cannot pick numbers that share a chain,
 * which would make each look-up of a command with thousands of them walk all the others.
 */
#ifndef PVG_BASE_HASH_H
#define PVG_BASE_HASH_H

#include <stdint.h>
#include <sys/random.h>

#include "base/clock.h"

struct hash_key {
    uint64_t first, second; /* odd */
};

static inline struct hash_key hash_key_new(void)
{
    struct hash_key k;

    /* A host that has just booted may have no entropy: the clock and an address are harder to guess than nothing. */
    if (getrandom(&k, sizeof(k), GRND_NONBLOCK) != sizeof(k)) {
        k.first = clock_now_ns() * 0x9e3779b97f4a7c15ull;
        k.second = ((uintptr_t)&k ^ k.first >> 20) * 0xd1342543de82ef95ull;
    }
    k.first |= 1;
    k.second |= 1;
    return k;
}

/* All 32 bits of the result are good. */
static inline uint32_t hash_number(const struct hash_key *k, uint64_t number)
{
    uint64_t h = number * k->first;

    return (uint32_t)((h ^ h >> 32) * k->second >> 32);
}

#endif
