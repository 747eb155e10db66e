/* SPDX-License-Identifier: MIT */
/* Descriptors with a size as first field: old programs run with a newer library (host-api 2). */
#ifndef PVG_BASE_DESC_H
#define PVG_BASE_DESC_H

#include <string.h>

#include <pvg/types.h>

/*
 * Copy the caller's struct of @user_bytes to @dst of @bytes: a short one is filled with zeros, a longer one is taken when its
 * tail is zero. 0 or PVG_ERR_INVALID.
 */
static inline int desc_copy(void *dst, size_t bytes, const void *user, size_t user_bytes)
{
    const unsigned char *tail = (const unsigned char *)user + bytes;

    if (user_bytes < sizeof(size_t))
        return PVG_ERR_INVALID;
    for (size_t i = 0; bytes + i < user_bytes; i++)
        if (tail[i])
            return PVG_ERR_INVALID;
    memset(dst, 0, bytes);
    memcpy(dst, user, user_bytes < bytes ? user_bytes : bytes);
    return 0;
}

#endif
