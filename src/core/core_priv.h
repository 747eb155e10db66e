/* SPDX-License-Identifier: MIT */
/* What the files of core share: the device's registers, FIFOs, tasks and control requests. See core.h for the threads. */
#ifndef PVG_CORE_CORE_PRIV_H
#define PVG_CORE_CORE_PRIV_H

#include "core/core.h"

#include <pthread.h>

#include "base/event.h"
#include "base/limits.h"
#include "wire/opcodes.h"
#include "wire/packet.h"
#include "wire/regs.h"

#define CORE_OBSERVERS 4
#define STAMP_CELLS_MAX 4096u /* page size / 4 of the larger page */
#define TASK_BUCKETS 256u

/* Registers that the guest sees; all atomics, any thread. */
struct regs {
    _Atomic uint32_t fifo_control;
    _Atomic uint32_t root_fifo_length, root_fifo_start, root_fifo_pfn, root_page_pfn;
    _Atomic uint32_t root_producer, root_consumer;
    _Atomic uint32_t display_events, stamp_events, intr_fault, root_fault_offset;
    _Atomic uint32_t version;
    /* geometry as it was at the last 0 -> 1 of FIFO_CONTROL; published by enable_seq */
    _Atomic uint32_t enabled_length, enabled_start, enabled_pfn;
    _Atomic uint32_t enable_seq;
};

/* A command that was started and whose stamp is owed. state = generation << 1 | done. */
struct pending {
    _Atomic uint64_t state;
    uint32_t stamp;
};

enum fifo_state { FIFO_IDLE, FIFO_MORE, FIFO_BARRIER, FIFO_HELD, FIFO_FULL, FIFO_STOPPED };

enum fifo_after { FIFO_STAYS, FIFO_CLOSES, FIFO_REOPENS };

/* One FIFO. Owned by the worker; the atomics at the end are for reports. */
struct fifo {
    uint32_t id;
    bool defined;       /* serves packets */
    bool faulted;       /* parked until resume, redefinition, disable or reset */
    bool discard;       /* framing is lost: resume drops what is in the ring */
    bool fault_after;   /* strict mode: park once the refused command in hand is stamped */
    enum fifo_after after;   /* what the command in hand does to its own FIFO, once it is stamped */
    uint32_t stamp_index;
    uint32_t read;      /* consumer counter */
    uint32_t ring_bytes;
    gpa_t base;         /* root: first byte of ring data */
    uint32_t list_pfn;  /* child: page list, and its entries */
    uint32_t *pages;
    uint32_t page_count;

    uint8_t *packet;    /* private copy of the command in hand */
    uint32_t packet_capacity;
    bool in_hand;       /* taken out of the ring, not started */
    bool barriers_met;
    struct packet_header header;
    uint64_t first_ns;  /* when its handler was called first; 0: not yet */
    uint64_t retry_ns;  /* held: when to call it again */

    struct pending pending[LIMIT_PENDING];
    uint32_t pending_head, pending_count;
    uint64_t generation; /* of tickets; never reused */
    uint64_t retired_generation;            /* of the last command retired */
    _Atomic uint64_t published_generation;  /* of the last command whose stamp is in its cell */

    bool publish;        /* a stamp was reached and is not yet in its cell */
    uint32_t publish_stamp;
    bool reached_valid;
    uint32_t reached;    /* last stamp completed in order, published or not */

    _Atomic uint64_t packets, stamps, refused;
    _Atomic uint32_t shown_state; /* enum fifo_state of the last turn */
};

struct task {
    struct task *next; /* in its bucket */
    uint32_t id;
    struct gmem_space space;
};

/* Requests to the worker. */
#define CTL_TEARDOWN (1u << 0) /* FIFO_CONTROL := 0 */
#define CTL_RESET    (1u << 1)
#define CTL_STOP     (1u << 2)

struct core {
    struct core_config cfg;
    struct regs regs;
    uint32_t page_shift, stamp_cells;

    struct {
        core_handler fn;
        void *ctx;
    } handlers[OPCODE_COUNT];
    struct core_observer observers[CORE_OBSERVERS];
    unsigned observer_count;
    struct core_display_regs display_regs;

    pthread_t worker;
    bool started;
    struct event wake;              /* the worker sleeps here */
    _Atomic uint32_t doorbells;     /* bit per FIFO: may have new packets, or a completion */
    _Atomic uint32_t resumes;       /* bit per FIFO: leave the fault state */

    pthread_mutex_t quiesce_lock;   /* one quiescer at a time */
    _Atomic uint32_t requests;      /* CTL_* not yet carried out by the worker */
    _Atomic bool in_section;        /* the worker may touch guest memory and VMM-visible state */
    _Atomic bool paused, stopped, worker_gone;
    _Atomic bool unpaused;          /* the worker owes an interrupt for bits that are set */
    _Atomic uint32_t callbacks;     /* of the VMM in progress outside of a section, by any thread */
    struct event published;         /* signalled when a stamp was published */
    struct event quiet;             /* signalled when the worker leaves a section or enters a callback */

    /* owned by the worker */
    struct gmem_pin pin;
    struct fifo fifos[LIMIT_FIFOS];
    uint32_t enable_seq;            /* of the geometry that fifos[0] was built from */
    uint32_t cell_last[STAMP_CELLS_MAX]; /* what the host stored last, per cell; re-based at define */
    uint64_t packet_bytes;          /* capacity of the packet buffers above LIMIT_PACKET_KEPT_BYTES */
    uint32_t blocked;               /* bit per FIFO: waits for a barrier */
    bool raise;                     /* an interrupt is owed */
    bool progress;                  /* a stamp was published in this round */
    struct task *tasks[TASK_BUCKETS];
    _Atomic uint32_t task_count;
    uint64_t task_bytes;            /* sum of their lengths */

    _Atomic uint64_t mapper_ring, mapper_ring_bytes, mapper_table; /* guest-physical; 0: none */

    _Atomic uint64_t opcode_count[OPCODE_COUNT + 1]; /* last: unknown opcodes */
    _Atomic uint64_t interrupts;
    _Atomic uint32_t key_limit;     /* of the last device-info request, for the report */
};

/* Guest-physical stretches, sorted and apart from each other. */
struct spans {
    const struct span {
        uint64_t start, end;
    } *span;
    size_t count;
};

/* core.c: does [@gpa, @gpa + @length) touch any of @s? */
bool spans_touch(const struct spans *s, uint64_t gpa, uint64_t length);

/* fifo.c */
void fifo_init(struct fifo *f, uint32_t id);
void fifo_fini(struct fifo *f);
void fifo_close(struct core *core, struct fifo *f);
void fifo_open_root(struct core *core);
enum refuse fifo_open_child(struct core *core, struct fifo *f);
void fifo_resume(struct core *core, struct fifo *f);
enum fifo_state fifo_serve(struct core *core, struct fifo *f);

/* command.c */
enum core_verdict command_run(struct core *core, struct fifo *f);
void command_register(struct core *core);

/* task.c */
void task_register(struct core *core);
void task_drop_all(struct core *core);
/* Is the directory page of any task in one of @s? */
bool task_uses_page(struct core *core, const struct spans *s);

/* core.c */
void core_disable(struct core *core);

/* worker.c */
void *worker_main(void *arg);
void worker_kick(struct core *core, uint32_t fifo_mask);
/* Raise the interrupt now, outside of every lock; the worker marks itself as in a callback. */
void worker_raise(struct core *core);

#endif
