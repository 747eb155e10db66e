/* SPDX-License-Identifier: MIT */
/* Memory of requests that went badly; see bad.h. A short list, used round. */
#include "airc/bad.h"

#include <stdio.h>

#include "base/clock.h"

static struct bad_entry *find(struct bad_list *l, struct airc_key key, uint64_t now)
{
    for (unsigned i = 0; i < BAD_ENTRIES; i++) {
        struct bad_entry *b = &l->entry[i];

        if (b->times && b->key.v[0] == key.v[0] && b->key.v[1] == key.v[1] && now - b->when_ns < BAD_AGE_NS)
            return b;
    }
    return NULL;
}

const struct bad_entry *bad_known(struct bad_list *l, struct airc_key key)
{
    const struct bad_entry *b = find(l, key, clock_now_ns());

    return b && b->times >= BAD_TRIES ? b : NULL;
}

void bad_remember(struct bad_list *l, struct airc_key key, enum airc_status status, const char *text)
{
    uint64_t now = clock_now_ns();
    struct bad_entry *b = find(l, key, now);

    if (!b) {
        b = &l->entry[l->next++ % BAD_ENTRIES];
        b->times = 0;
    }
    b->key = key;
    b->when_ns = now;
    b->times++;
    b->status = status;
    snprintf(b->text, sizeof(b->text), "%s", text);
}
