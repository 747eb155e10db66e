/* SPDX-License-Identifier: MIT */
/*
 * CmdGetDeviceInfo: request, and the key-value answer from the capability structure (transport 8.1, decision 14).
 */
#ifndef PVG_WIRE_DEVICE_INFO_H
#define PVG_WIRE_DEVICE_INFO_H

#include <stddef.h>
#include <stdint.h>

#define DEVICE_INFO_PAIR_BYTES 8u
#define DEVICE_INFO_KEYS 45u /* keys are below this */

/* What the device promises the guest, fixed until reset. A key with value 0 and no bit in @present is not sent. */
struct capabilities {
    uint64_t present; /* bit k: key k is answered */
    uint32_t value[DEVICE_INFO_KEYS];
};

/* Display only: no key that lets the guest build GPU work. */
struct capabilities capabilities_display_only(void);

struct device_info_request {
    uint32_t key_limit;     /* exclusive */
    uint32_t pair_capacity;
    uint32_t reply_pfn;
};

/* @payload holds at least 12 bytes. */
struct device_info_request device_info_decode(const uint8_t *payload);

/*
 * Write the answer to @out, which has room for @capacity_bytes; the rest is zeroed. Only keys below @key_limit; key 12 follows
 * the negotiated @version (transport 8.1, table). Returns the number of pairs.
 */
size_t device_info_encode(const struct capabilities *caps, uint32_t version, uint32_t key_limit, uint8_t *out,
                          size_t capacity_bytes);

#endif
