/* SPDX-License-Identifier: MIT */
/* What the parts of the replay share: replay.c plays the records, replay_guest.c is the VMM, its memory and the
 * rings. */
#ifndef PVG_TOOLS_REPLAY_PRIV_H
#define PVG_TOOLS_REPLAY_PRIV_H

#include "replay.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <pvg/pvg.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/rd.h"

#define PATIENCE_NS  (60 * NS_PER_S) /* of every wait: hit only when the device does something else than recorded */
#define DOUBT_NS     (1 * NS_PER_S)  /* of those after the first that was not met: much may follow from it */
#define WRONG_NS     (3 * NS_PER_S)  /* of a picture after another one came in its place */
#define REPORT_NS    (20 * NS_PER_S)
#define EPOCH_NS     (3 * NS_PER_S) /* of what is only likely: a page rewritten before its epoch, a present on its way */
#define BLOCKS_MAX   256
#define RAM_MAX      (1ull << 42)
#define PROBLEMS_MAX 20

struct item {
    uint32_t kind, length;
    const uint8_t *bytes;
};

struct block {
    uint64_t gpa, length;
    uint8_t *host; /* ours until the end */
    bool added;    /* the device has it */
    bool readonly; /* for the device */
};

/* tasks=callbacks: guest memory, as far as the recording shows it, in one file. Sorted, disjoint. */
struct piece {
    uint64_t gpa, length, offset;
};

struct views {
    struct piece *piece;
    size_t count, capacity;
    size_t *map; /* the records that say where a task's memory lay */
    size_t maps;
    int fd;
    uint8_t *host;
    uint64_t bytes;
};

/* The surface mapper, and what the recorded guest told it. */
struct mapper {
    struct pvg_iosfc *m; /* NULL: none */
    uint64_t base, capacity;
    uint64_t producer, published; /* the guest's, and ours, which follows it */
    bool wraps;                   /* indices start over at the capacity */
    bool asked;                   /* the last request is on its way */
    bool cut;                     /* a request was cut off by the reset that comes */
};

struct ring {
    bool defined, faulted;
    uint64_t base; /* root: first byte; child: the page with the list */
    uint32_t bytes, written, stamp_index;
    uint32_t owed[LIMIT_PENDING + 2], owes; /* stamps of what was sent and has none in the recording so far */
};

struct port {
    struct replay *r;
    struct pvg_display *display;
    uint64_t presents;     /* counted as the report does */
    size_t picture;        /* record of the present on its way that was shown; 0: none */
    uint64_t taken_before; /* pictures of the replay before it */
    uint64_t shared_gpa;   /* 0: none */
    size_t next_source;    /* where the search for the next one begins */
    struct pvg_cursor pointer;
    uint8_t *pointer_pixels; /* owned; both under replay.lock */
};

struct replay {
    struct pvg_device *dev;
    struct item *item;
    size_t count, at; /* the record being played */
    size_t applied;   /* records whose memory is in place */
    struct block block[BLOCKS_MAX];
    size_t blocks;
    uint64_t ram_bytes;
    uint32_t page_shift, ports;
    uint32_t fifo_control, length, start, fifo_pfn, root_pfn;
    uint64_t cells; /* first stamp cell */
    struct ring ring[LIMIT_FIFOS];
    struct port port[LIMIT_PORTS];
    uint32_t last_channel;
    bool callbacks, paused;
    struct pvg_host_ops ops;
    struct views views;
    struct mapper mapper;
    uint32_t stamp_events, faults;   /* bits that were signalled; faults: and not asked for yet */
    uint32_t fresh_faults;           /* signalled since the last time that one was expected */
    uint64_t unstamped[LIMIT_FIFOS]; /* commands that a disable or reset found without their stamp, while recording */
    uint64_t root_refused;           /* root FIFOs whose geometry made none */
    uint64_t packets, pictures, pointers, stamps, late, requests, cut_requests;
    unsigned problems;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* any callback */
};

/* Say what is not as it was recorded: record, and the sentence. */
void replay_problem(struct replay *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

extern const struct pvg_host_ops replay_host_ops;
void replay_raise(void *opaque, uint32_t vector);
extern const struct pvg_display_ops replay_display_ops;

/* Until @condition holds or @ns have passed; whether it holds. */
typedef bool condition_fn(struct replay *r, const void *arg);
bool replay_wait(struct replay *r, condition_fn *condition, const void *arg, uint64_t ns);

/* A register of the device or of the mapper, and what a guest has read in it; the condition that it reads so now. */
struct expected {
    uint64_t (*read)(struct replay *r, uint32_t offset, uint32_t size);
    uint32_t offset, size; /* bytes */
    uint64_t value;
};
bool replay_reads(struct replay *r, const void *expected);

/* Guest memory: a block comes or goes; bytes; an aligned word. What is no RAM is a problem, or 0. */
void replay_play_ram(struct replay *r, struct rd *rd);
void replay_put(struct replay *r, uint64_t gpa, const uint8_t *bytes, uint64_t length);
uint32_t replay_load(struct replay *r, uint64_t gpa);
bool replay_readonly(struct replay *r, uint64_t gpa);
bool replay_is_ram(struct replay *r, uint64_t gpa, uint64_t length);

/* Rings: the record as the device will find it; the ring as it was opened; bytes behind the producer; the producer
 * told. */
void replay_apply_ring(struct replay *r, struct rd rd);
void replay_play_ring(struct replay *r, struct rd *rd);
void replay_put_in_ring(struct replay *r, uint32_t channel, const uint8_t *bytes, uint32_t length);
/* The same, where the ring is memory of the guest still. */
void replay_try_put_in_ring(struct replay *r, uint32_t channel, const uint8_t *bytes, uint32_t length);
void replay_store_written(struct replay *r, uint32_t channel);
void replay_publish(struct replay *r, uint32_t channel);
/* Wait until the channel's ring is empty. */
void replay_taken(struct replay *r, uint32_t channel);

/* Pictures: before the @number-th present of @p is sent; all that were shown before record @item are waited for. */
void replay_prepare_picture(struct replay *r, struct port *p, uint64_t number);
void replay_settle(struct replay *r, struct port *p);
void replay_settle_before(struct replay *r, size_t item);

/* Whether the guest reads what it read, within @patience_ns. That it does not is a problem, if it was waited for. */
bool replay_play_read(struct replay *r, struct rd *rd, uint64_t patience_ns);
/* Up to the next record from which on the device does something else, memory may be put in place. */
bool replay_is_boundary(const struct item *i);

/* replay_fault.c: a FIFO loses its framing; it goes on when the resume register at @offset is written. */
void replay_play_fault(struct replay *r, struct rd *rd);
void replay_play_resume(struct replay *r, uint32_t offset, uint32_t channel);

/* replay_views.c: tasks=callbacks. False when there is no room. */
bool views_init(struct replay *r);
void views_fini(struct replay *r);
void views_ops(struct pvg_host_ops *ops);
uint8_t *views_at(struct replay *r, uint64_t gpa, uint64_t length);
/* Put the memory of a task that is record @item where it lay then. */
void views_put_virtual(struct replay *r, size_t item);

/* replay_mapper.c: the records of the surface mapper. */
void mapper_play_state(struct replay *r, struct rd *rd);
void mapper_play_read(struct replay *r, struct rd *rd);
void mapper_play_write(struct replay *r, struct rd *rd);
void mapper_play_request(struct replay *r, struct rd *rd);
void mapper_play_answer(struct replay *r, const struct rd *rd);
/* All requests were taken. */
void mapper_flush(struct replay *r);

/* A condition: does the ring have room for as many bytes? @arg: this. */
struct room {
    uint32_t channel, bytes;
};
bool replay_has_room(struct replay *r, const void *arg);

#endif
