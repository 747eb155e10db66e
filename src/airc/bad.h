/* SPDX-License-Identifier: MIT */
/*
 * Memory of requests that crashed, overran or starved a worker: after BAD_TRIES failures the answer is known for a
 * while, so that a guest cannot keep the service busy with dying. By hash only: a guest that makes two modules collide
 * is refused its own. Belongs to one thread.
 */
#ifndef PVG_AIRC_BAD_H
#define PVG_AIRC_BAD_H

#include "airc/airc.h"
#include "airc/hash.h"

#define BAD_TRIES   2
#define BAD_ENTRIES 64              /* the oldest is forgotten for the next */
#define BAD_AGE_NS  600000000000ull /* an overloaded host's timeouts are forgiven after ten minutes */

struct bad_entry {
    struct airc_key key;
    uint64_t when_ns; /* last failure */
    unsigned times;   /* 0: unused */
    enum airc_status status;
    char text[AIRC_TEXT_BYTES];
};

struct bad_list {
    struct bad_entry entry[BAD_ENTRIES];
    unsigned next;
};

/* What is known of @key, or NULL when it may be tried (again). */
const struct bad_entry *bad_known(struct bad_list *l, struct airc_key key);

/* Note a failure of @key. */
void bad_remember(struct bad_list *l, struct airc_key key, enum airc_status status, const char *text);

#endif
