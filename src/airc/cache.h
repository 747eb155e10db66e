/* SPDX-License-Identifier: MIT */
/*
 * Disk cache of compiled shaders, shared by all processes of one user (air 4.8).
 *
 * One file per entry, written aside and renamed into place, so that readers and writers of any number of processes
 * never meet a half-written one. An entry holds its origin and the whole request (options, entry name, module) and is
 * used only when these equal what is at hand byte for byte. Bounded in bytes; the entries unused for longest go first.
 * A damaged or unreadable cache costs time, never correctness.
 *
 * Not thread-safe: one cache object belongs to one thread. Any number of objects and processes may share a folder.
 */
#ifndef PVG_AIRC_CACHE_H
#define PVG_AIRC_CACHE_H

#include "airc/airc.h"
#include "airc/hash.h"

struct airc_cache;

/*
 * Who made a result, and for whom: what one guest's worker or one service may have made up is found by the same guest
 * at the same service only (airc.h, "Whom to trust"). Strings are padded with zeros.
 */
struct airc_origin {
    uint8_t fingerprint[16]; /* of the compiler, as the service tells it */
    char service[112];       /* path of its socket; "": a helper of the client's own */
    char guest[AIRC_MAX_GUEST + 1];
};

/* A result as the cache stores and hands it out. */
struct airc_entry {
    uint32_t status; /* AIRC_OK or AIRC_REFUSED: only what is a property of the module is stored */
    uint32_t reason;
    uint32_t compile_us;
    const char *text; /* NUL-terminated, at most AIRC_TEXT_BYTES */
    const void *spirv;
    size_t spirv_bytes;
    const void *reflection;
    size_t reflection_bytes;
    void *storage; /* owned by the reader of the entry: free() when done; NULL in an entry to be stored */
};

/*
 * Open or make the folder @dir, or the default one for NULL (airc.h). @max_bytes: bound on the sum of file sizes.
 * Returns 0; -ENOENT when there is no home to put it in; -EPERM when the folder belongs to somebody else or others may
 * write to it; another negative errno. @path_out, of @path_bytes, gets the folder's name for messages.
 */
int airc_cache_open(const char *dir, uint64_t max_bytes, struct airc_cache **out, char *path_out, size_t path_bytes);
void airc_cache_close(struct airc_cache *c);

/* Key of a request: its origin and the body that is sent to the compiler. */
struct airc_key airc_cache_key(const struct airc_origin *origin, const void *body, size_t body_bytes);

/* Look for an entry. True: @out is filled in, free(@out->storage) later. Takes the entry as used now. */
bool airc_cache_get(struct airc_cache *c, struct airc_key key, const struct airc_origin *origin, const void *body,
                    size_t body_bytes, struct airc_entry *out);

/* Store an entry, replacing what had its key. Failure is silent but for the return value: a negative errno. */
int airc_cache_put(struct airc_cache *c, struct airc_key key, const struct airc_origin *origin, const void *body,
                   size_t body_bytes, const struct airc_entry *e);

#endif
