/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 (FIPS 180-4), for the HASH tag of metallibs (air 1.5). Plain C, no state outside the caller's.
 */
#ifndef PVG_AIR_SHA256_H
#define PVG_AIR_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* Digest of @len bytes at @data, in one go. Any thread. */
void sha256(const void *data, size_t len, uint8_t digest[32]);

#endif
