/* SPDX-License-Identifier: MIT */
/* CmdGetDeviceInfo: see device_info.h. */
#include "wire/device_info.h"

#include <string.h>

#include "base/rd.h"

#define KEY_MAX_SAMPLES       1
#define KEY_DUAL_PLANE        12
#define KEY_LINEAR_ALIGNMENT  13
#define KEY_SERIALIZER        10
#define KEY_MIN_LINEAR_ALIGN  40

/* dualPlaneTextures is on at exactly these versions (transport 3). */
static int dual_plane_version(uint32_t version)
{
    return version == 31 || (version >= 41 && version <= 43) || (version >= 60 && version <= 62);
}

static void put(struct capabilities *caps, unsigned key, uint32_t value)
{
    caps->present |= 1ull << key;
    caps->value[key] = value;
}

struct capabilities capabilities_display_only(void)
{
    struct capabilities caps = {0};

    /* "When in doubt, omit the key": what is left is what layout needs and is true without a GPU. */
    put(&caps, KEY_MAX_SAMPLES, 1);
    put(&caps, KEY_SERIALIZER, 8);
    put(&caps, KEY_DUAL_PLANE, 0);
    put(&caps, KEY_LINEAR_ALIGNMENT, 256);
    put(&caps, KEY_MIN_LINEAR_ALIGN, 256);
    return caps;
}

struct device_info_request device_info_decode(const uint8_t *payload)
{
    return (struct device_info_request){.key_limit = le32_get(payload),
                                        .pair_capacity = le32_get(payload + 4),
                                        .reply_pfn = le32_get(payload + 8)};
}

size_t device_info_encode(const struct capabilities *caps, uint32_t version, uint32_t key_limit, uint8_t *out,
                          size_t capacity_bytes)
{
    size_t n = 0;

    memset(out, 0, capacity_bytes);
    for (uint32_t key = 1; key < DEVICE_INFO_KEYS && key < key_limit; key++) {
        uint32_t value = key == KEY_DUAL_PLANE ? (uint32_t)dual_plane_version(version) : caps->value[key];

        if (!(caps->present >> key & 1) || (n + 1) * DEVICE_INFO_PAIR_BYTES > capacity_bytes)
            continue;
        le32_put(out + n * DEVICE_INFO_PAIR_BYTES, key);
        le32_put(out + n * DEVICE_INFO_PAIR_BYTES + 4, value);
        n++;
    }
    return n;
}
