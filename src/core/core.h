/* SPDX-License-Identifier: MIT */
/*
 * The device's heart: registers, FIFOs, packets, barriers, stamps, interrupt, faults, tasks, device information, reset
 * (docs/spec/transport.md; memory.md 1, 3). Calls the handler registered for an opcode; what a display or a surface is, the
 * modules above know.
 *
 * Threads. One worker drains the FIFOs and owns their state and the tasks'; handlers and observers run on it, except
 * core_observer.teardown. Register accesses touch atomics only. Whoever wants the worker out of guest memory (FIFO_CONTROL
 * := 0, reset, pause, stop) posts a request and waits until the worker is outside its section or inside a callback of the
 * VMM; the worker looks at requests before it enters a section and after every callback.
 */
#ifndef PVG_CORE_CORE_H
#define PVG_CORE_CORE_H

#include "gmem/gmem.h"
#include "wire/device_info.h"
#include "base/record.h"
#include "base/str.h"

struct core;

/* Names one started command; stays harmless after the command's FIFO is gone. */
struct core_ticket {
    uint32_t fifo, slot;
    uint64_t generation;
};

/* A command as its handler sees it; valid during the call. */
struct core_cmd {
    uint32_t opcode;
    uint32_t channel;         /* FIFO it came on, 0 = root */
    const uint8_t *payload;   /* private copy */
    uint32_t payload_bytes;   /* at least the opcode's smallest payload */
    uint64_t first_ns;        /* when a handler first saw it: larger than 0, the same on every retry */
    struct gmem_pin *pin;     /* the worker's */
    struct core_ticket ticket;
};

enum core_verdict {
    CORE_DONE,    /* all effects are there: stamp it */
    CORE_PENDING, /* core_complete(ticket) will be called once, from any thread; later commands go on */
    CORE_HOLD     /* nothing was done: call again in a millisecond, nothing behind it starts */
};

typedef enum core_verdict (*core_handler)(void *ctx, const struct core_cmd *cmd);

/* What a module above wants to hear of. Any member may be NULL. */
struct core_observer {
    void *ctx;
    /*
     * Quiescing thread (any, possibly a VMM thread): detach from guest memory and forget pending tickets; wait for own
     * accesses in progress, never for a callback. @reset: the whole device, else FIFO_CONTROL := 0.
     */
    void (*teardown)(void *ctx, bool reset);
    /* Worker, at its next turn after a reset or FIFO_CONTROL := 0: drop what the worker owns. */
    void (*reset)(void *ctx);
    /* Worker: a task is about to go or to be redefined: drop everything keyed by it. */
    void (*task_gone)(void *ctx, uint32_t task);
    /* Worker: pages of @task in [@gva, @gva + @length) are about to be given up: finish what still reads them. */
    void (*settle)(void *ctx, struct gmem_pin *pin, uint32_t task, gva_t gva, uint64_t length);
    /* Worker: a child FIFO stops being served. */
    void (*channel_gone)(void *ctx, uint32_t channel);
    /* Any thread, in or out of the VMM: add an object (without braces' outside) to the report. */
    void (*report)(void *ctx, struct str *json);
};

/* Registers that display serves: the firmware block and the display doorbell. Any thread, must not wait. */
struct core_display_regs {
    void *ctx;
    uint64_t (*read)(void *ctx, uint32_t offset, unsigned size); /* offset 0x1200..0x1234 */
    void (*write)(void *ctx, uint32_t offset, uint64_t value, unsigned size);
};

struct core_config {
    uint32_t flags; /* PVG_DEVICE_* */
    const struct pvg_host_ops *ops;
    void *opaque;
    struct log *log;
    struct gmem *gmem;
    struct recorder *recorder; /* borrowed */
    struct capabilities capabilities;
};

int core_new(const struct core_config *config, struct core **out);
/* Register before core_start() only. @handler for one opcode; at most one each. */
void core_handle(struct core *core, uint32_t opcode, core_handler handler, void *ctx);
void core_observe(struct core *core, const struct core_observer *observer);
void core_display_regs(struct core *core, const struct core_display_regs *regs);
int core_start(struct core *core);
void core_free(struct core *core);

/* See pvg_device_mmio_read/write, _pause, _unpause, _stop, _reset. */
uint64_t core_mmio_read(struct core *core, uint64_t offset, unsigned size);
void core_mmio_write(struct core *core, uint64_t offset, uint64_t value, unsigned size);
void core_pause(struct core *core);
void core_unpause(struct core *core);
void core_stop(struct core *core);
void core_reset(struct core *core);
bool core_stopped(struct core *core);
/* No interrupt and no callback may start: paused or stopped. */
bool core_silent(struct core *core);

/* Complete a pending command. Any thread, once per ticket. */
void core_complete(struct core *core, struct core_ticket ticket);

/* Wait until the stamp of a completed command is in its cell, or its FIFO is gone, or @until_ns. Not on the worker. */
void core_wait_published(struct core *core, struct core_ticket ticket, uint64_t until_ns);

/* Set bit @port of DISPLAY_EVENTS and raise the interrupt. Any library thread, no lock held. */
void core_display_event(struct core *core, uint32_t port);

/*
 * Refuse @cmd: count, log with channel and opcode; in strict mode its FIFO faults after its stamp. Nothing
 * when the pin was cut off: then the access failed for a reset, not for the guest. Worker.
 */
void core_refuse(struct core *core, const struct core_cmd *cmd, enum refuse reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same for a failed walk. */
void core_refuse_fault(struct core *core, const struct core_cmd *cmd, const struct gmem_fault *fault, const char *what);

/* Address space of a live task, or NULL. Valid until the handler returns. Worker. */
const struct gmem_space *core_task(struct core *core, uint32_t task);
/*
 * The pages behind a page-aligned span of a live task have changed: map them anew (callback mode; nothing in table mode).
 * Errors as gmem_space_map(). Worker.
 */
int core_remap(struct core *core, struct gmem_pin *pin, uint32_t task, gva_t gva, uint64_t length,
               struct gmem_fault *fault);
/* Tell the observers that pages are about to be given up (core_observer.settle). Worker. */
void core_settle(struct core *core, struct gmem_pin *pin, uint32_t task, gva_t gva, uint64_t length);
/* The surface mapper's ring, and its table, of which the first page counts; 0 bytes, address 0: there is none. Any thread. */
void core_set_mapper_pages(struct core *core, gpa_t ring, uint64_t ring_bytes, gpa_t table);
/* Does [@gpa, @gpa + @length) touch a page that the device depends on (memory 7.5)? Worker. */
bool core_is_control(struct core *core, gpa_t gpa, uint64_t length);
/* The same for any of @runs; those whose addresses are not known (callback mode) are passed over. */
bool core_any_control(struct core *core, const struct gmem_runs *runs);

struct gmem *core_gmem(struct core *core);
struct log *core_log(struct core *core);
const struct pvg_host_ops *core_ops(struct core *core);
void *core_opaque(struct core *core);
/* Negotiated protocol version; 0: never written. Any thread. */
uint32_t core_version(struct core *core);
/* Is the root FIFO enabled? Any thread. */
bool core_enabled(struct core *core);

/* Add the members of core's and the observers' report to @json (inside an object). Any thread. */
void core_report(struct core *core, struct str *json);

struct recorder *core_recorder(struct core *core);

#endif
