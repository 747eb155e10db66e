/* SPDX-License-Identifier: MIT */
/* What the files of the surface mapper share. See iosfc.h for threads and lock. */
#ifndef PVG_IOSFC_IOSFC_PRIV_H
#define PVG_IOSFC_IOSFC_PRIV_H

#include "iosfc/iosfc.h"

#include <pthread.h>

#include "base/event.h"
#include "base/hash.h"
#include "base/limits.h"
#include "wire/iosfc.h"

/* A live mapping: immutable once it is in the table, but for what is marked. */
struct mapping {
    struct mapping *next; /* in its hash chain */
    struct pvg_iosfc *m;
    _Atomic uint32_t refs;
    uint32_t id;
    uint32_t pages;       /* entries of the page list */
    uint64_t fingerprint; /* of the page list */
    struct iosfc_surface surface;
    struct gmem_runs mapped; /* callback mode: what map_memory returned, to be given back */
    /* Worker: no page was one of the device's own when the page list had this fingerprint (memory 7.5). */
    bool checked;
    uint64_t checked_print;
};

struct pvg_iosfc {
    struct core *core;
    struct gmem *gmem;
    struct log *log;
    struct iosfc_hooks hooks;
    struct pvg_iosfc_ops ops;
    void *opaque;
    uint32_t page_shift;
    bool callbacks; /* pages through map_memory */

    _Atomic uint64_t reg[IOSFC_REGISTERS];
    struct event wake;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* protects the rest */
    pthread_cond_t idle;  /* busy or in_callback went false, or a reader left */
    bool busy;            /* the thread serves one request */
    uint32_t readers;     /* other threads that read record, list or pages of a mapping */
    bool in_callback;     /* the thread raises the interrupt */
    bool raise_due;       /* requests are complete and the guest was not told */
    bool stop, paused;
    uint64_t epoch; /* counts resets: what began before is not installed */
    struct mapping **bucket;
    uint32_t bucket_count, mapping_count;
    struct hash_key key;
    _Atomic uint64_t maps, unmaps, requests;
    _Atomic uint32_t ranges; /* callback mode: mapped by the VMM, of all mappings */
};

/* mapping.c */
/*
 * Read record and page list of @id as they are now. REFUSE_NONE and a mapping with one reference, not in the table; or
 * the reason. Any library thread, lock not held; may call the VMM in callback mode.
 */
enum refuse mapping_resolve(struct pvg_iosfc *m, struct gmem_pin *pin, uint32_t id, struct mapping **out);
/* Lock held. The mapping, or NULL; mapping_find() borrows. */
struct mapping *mapping_find(struct pvg_iosfc *m, uint32_t id);
/*
 * Lock held. Put @fresh (its reference is taken) in place of what has its id; an equal page list keeps the old
 * incarnation. Returns what is in the table now, borrowed; *@gone: the replaced one or the superfluous @fresh, to be
 * put by the caller without the lock; NULL result: too many mappings, @fresh is in *@gone.
 */
struct mapping *mapping_install(struct pvg_iosfc *m, struct mapping *fresh, struct mapping **gone);
/* Lock held. Take @id out of the table; its reference goes to the caller. NULL: there is none. */
struct mapping *mapping_remove(struct pvg_iosfc *m, uint32_t id);
/* Lock held. Empty the table; the chain of all mappings goes to the caller. */
struct mapping *mapping_remove_all(struct pvg_iosfc *m);
struct mapping *mapping_get(struct mapping *mapping);
/* Lock not held; NULL does nothing. @pin: the caller's, told of a callback; NULL on a thread of the VMM. */
void mapping_put(struct mapping *mapping, struct gmem_pin *pin);
/* Are they the same incarnation: same pages, same description? */
bool mapping_same(const struct mapping *a, const struct mapping *b);
/* Host memory of the whole allocation, walked again. Errors as gmem_resolve(). */
int mapping_runs(struct mapping *mapping, struct gmem_pin *pin, struct gmem_runs *out, enum refuse *why);

#endif
