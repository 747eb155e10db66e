/* SPDX-License-Identifier: MIT */
/*
 * The device: what a VMM creates once per paravirtualized GPU, and how it forwards registers, guest memory and life cycle.
 *
 * Threads (docs/spec/host-api.md 2.4, rules T-1 to T-10): register accesses are safe from any thread and never wait, with
 * one exception stated at pvg_device_mmio_write(). Every callback but log comes from a thread of the library, with no lock
 * of the library held; a callback may call back into the library except pvg_device_stop(), _free(), _reset(), _pause(),
 * _unpause(), pvg_device_del_ram(), pvg_display_new(), pvg_display_free(), pvg_iosfc_new(), _reset() and _free(), some of
 * which wait for callbacks. Where a function names no thread any may call it; what one frees no other may be using.
 */
#ifndef PVG_DEVICE_H
#define PVG_DEVICE_H

#include <pvg/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pvg_device;

/* How the device appears to the guest (transport 1.1, 1.2). */
enum pvg_variant {
    PVG_VARIANT_PCI = 1, /* PCI function with one MSI vector */
    PVG_VARIANT_MMIO = 2 /* memory-mapped window with an interrupt line */
};

/* How the library reaches the memory of a task (docs/decisions.md 2). */
enum pvg_tasks {
    PVG_TASKS_TABLE = 0,    /* through the RAM table; task events are only notified */
    PVG_TASKS_CALLBACKS = 1 /* through create_task .. read_memory, Apple's contract as written; no RAM table needed */
};

enum pvg_log_level { PVG_LOG_ERROR = 0, PVG_LOG_WARN = 1, PVG_LOG_INFO = 2, PVG_LOG_DEBUG = 3 };

/* A task of the VMM's making (PVG_TASKS_CALLBACKS); the library never looks inside. */
typedef struct pvg_task pvg_task;

/* What happened to a task's mappings; see pvg_host_ops.task_event. */
enum pvg_task_event_kind {
    PVG_TASK_CREATED = 1,   /* task, length_bytes: size of the address space */
    PVG_TASK_DESTROYED = 2, /* task */
    PVG_TASK_MAPPED = 3,    /* task, offset_bytes, length_bytes: guest has entered these pages in its table */
    PVG_TASK_UNMAPPED = 4   /* task, offset_bytes, length_bytes */
};

struct pvg_task_event {
    enum pvg_task_event_kind kind;
    uint32_t task;         /* the guest's plain task id */
    uint64_t offset_bytes; /* guest-virtual address in the task */
    uint64_t length_bytes;
};

/*
 * What the VMM offers. Borrowed until pvg_device_free() returns. Any member may be NULL unless it says otherwise. Each
 * may be called from several library threads at once. First argument: pvg_device_desc.opaque.
 */
struct pvg_host_ops {
    size_t size; /* sizeof(struct pvg_host_ops) of the caller's headers */

    /* Signal MSI vector @vector (always 0), or pulse the gfx line. Must not block. Required. */
    void (*raise_interrupt)(void *opaque, uint32_t vector);

    /*
     * One message without newline, at a bounded rate whatever the guest does. Comes also from the thread that calls the
     * library, with no lock of the library held. Must not block for long.
     */
    void (*log)(void *opaque, enum pvg_log_level level, const char *message);

    /* First and last call on every thread of the library (T-9). @name: at most 15 characters. */
    void (*thread_enter)(void *opaque, const char *name);
    void (*thread_leave)(void *opaque);

    /* Fire and forget: a task or mapping changed. Its answer is never waited for. Both task modes. */
    void (*task_event)(void *opaque, const struct pvg_task_event *event);

    /* PVG_TASKS_CALLBACKS only, all five required there (host-api 1.5, memory 10.1). May block; no library lock is held. */

    /* Reserve @length_bytes of host-virtual space, nothing mapped. Store its start in @base. NULL: failed. */
    pvg_task *(*create_task)(void *opaque, uint64_t length_bytes, void **base);
    /* Drop every mapping, the reservation and the handle. Nothing else runs on @task any more. */
    void (*destroy_task)(void *opaque, pvg_task *task);
    /*
     * Make @n ranges of guest RAM appear back to back at base + @offset_bytes, shared with the guest, replacing what was
     * there. @readonly: the library will not write. All or nothing: false, and nothing changed, when a range is not RAM.
     */
    bool (*map_memory)(void *opaque, pvg_task *task, uint32_t n, uint64_t offset_bytes, bool readonly,
                       const struct pvg_range *ranges);
    /* Remove whatever is mapped in the interval (several mappings, parts of one, or nothing). The space stays reserved. */
    bool (*unmap_memory)(void *opaque, pvg_task *task, uint64_t offset_bytes, uint64_t length_bytes);
    /* Copy guest RAM to @dst. False when the range is not all RAM. */
    bool (*read_memory)(void *opaque, uint64_t gpa, uint64_t length_bytes, void *dst);
};

/* Flags of pvg_device_desc. */
#define PVG_DEVICE_STRICT        (1u << 0) /* fault a FIFO on every invalid command, as Apple's host does; for debugging */
#define PVG_DEVICE_HOLD_PRESENTS (1u << 1) /* hold the third present until one is pulled (display 7.5(3)); default: newest wins */

struct pvg_device_desc {
    size_t size;                    /* sizeof(struct pvg_device_desc) of the caller's headers */
    enum pvg_variant variant;       /* default PVG_VARIANT_PCI */
    uint32_t guest_page_shift;      /* 12 (x86 guests) or 14 (arm64 guests); no default */
    uint32_t display_port_count;    /* 1..pvg_max_display_ports(); default 1 */
    enum pvg_tasks tasks;           /* default PVG_TASKS_TABLE */
    uint32_t flags;                 /* PVG_DEVICE_*; unknown bits: PVG_ERR_INVALID */
    uint64_t mmio_length_bytes;     /* filled with the size of the register window by pvg_device_desc_init() */
    const char *gpu;                /* "none", "auto", or an index, name or UUID; NULL: "auto". Borrowed for the call */
    const struct pvg_host_ops *ops; /* required */
    void *opaque;                   /* first argument of every callback */
};

/* Fill @desc with defaults. @size: sizeof(*desc). Calling it twice is harmless. */
PVG_API void pvg_device_desc_init(struct pvg_device_desc *desc, size_t size);

/* Largest legal display_port_count. */
PVG_API uint32_t pvg_max_display_ports(void);

/*
 * Create a device from @desc (copied; the caller may drop it afterwards). The device is as after reset, without RAM and
 * without displays. Starts its threads.
 *
 * Returns 0; PVG_ERR_INVALID; PVG_ERR_NOMEM; PVG_ERR_SYSTEM (no thread could be started); PVG_ERR_NO_GPU (a GPU was asked
 * for by name and is not there). On failure *@out is NULL.
 */
PVG_API int pvg_device_new(const struct pvg_device_desc *desc, struct pvg_device **out);

/*
 * Stop the device, free its displays and release everything. NULL does nothing. No callback runs or will run once it
 * returns (T-6). Not from a callback.
 */
PVG_API void pvg_device_free(struct pvg_device *dev);

/* Flags of pvg_device_add_ram(). */
#define PVG_RAM_READONLY (1u << 0) /* ROM: may be read, never written */
#define PVG_RAM_SHARED   (1u << 1) /* @host_va is a shared mapping: a second mapping of @fd sees the guest's writes */

/*
 * Tell the library about a block of guest RAM. @host_va: its mapping in this process, valid until pvg_device_del_ram()
 * returns. @fd: the file behind it, or -1; borrowed until then; @fd_offset_bytes: where in the file the block starts.
 * @gpa and @length_bytes are multiples of the host's page size (4 KiB at least).
 *
 * Any thread; not concurrently with itself or pvg_device_del_ram(). Returns 0; PVG_ERR_INVALID (alignment, overflow);
 * PVG_ERR_IN_USE (overlaps another block); PVG_ERR_NOMEM.
 */
PVG_API int pvg_device_add_ram(struct pvg_device *dev, uint64_t gpa, uint64_t length_bytes, void *host_va, int fd,
                               uint64_t fd_offset_bytes, uint32_t flags);

/*
 * Forget the block that starts at @gpa and has @length_bytes. Once it returns the library does not touch that memory: it
 * waits for accesses in progress (milliseconds), never for a callback. Returns 0 or PVG_ERR_INVALID (no such block).
 */
PVG_API int pvg_device_del_ram(struct pvg_device *dev, uint64_t gpa, uint64_t length_bytes);

/*
 * Forward a guest's read of the register window. @offset in bytes from its start, @size 1, 2, 4 or 8 bytes (1, 2 and
 * misaligned accesses read 0; transport 1.3). Any thread, never waits.
 */
PVG_API uint64_t pvg_device_mmio_read(struct pvg_device *dev, uint64_t offset, unsigned size);

/*
 * Forward a guest's write. Any thread. Never waits, except a write of 0 to FIFO_CONTROL: that returns only when old work
 * can no longer touch guest memory (transport 2.1), never for a callback. That is bounded by the command in hand and by a row of
 * a picture being copied: below a millisecond as a rule, some 25 ms for a surface of the largest size in scattered pages.
 */
PVG_API void pvg_device_mmio_write(struct pvg_device *dev, uint64_t offset, uint64_t value, unsigned size);

/*
 * Quiesce at a packet boundary: no interrupt and no callback once it returns; registers keep answering. Does not nest. Waits
 * for callbacks in progress: not from one, nor with a lock that one needs. Returns 0 or PVG_ERR_STOPPED.
 */
PVG_API int pvg_device_pause(struct pvg_device *dev);
/*
 * Go on after pvg_device_pause(), re-evaluating the doorbells that arrived meanwhile. Waits for a pause in progress. Returns 0
 * or PVG_ERR_STOPPED.
 */
PVG_API int pvg_device_unpause(struct pvg_device *dev);
/*
 * Final quiesce: guest memory is not touched and no callback runs once it returns; waits for those in progress, as
 * pvg_device_pause(). Only frees may follow. Idempotent. Not from a callback.
 */
PVG_API void pvg_device_stop(struct pvg_device *dev);
/*
 * Back to the state after creation (transport 11.1); RAM table, displays and their mode lists stay. Guest memory is not
 * touched for old work once it returns. Waits for library threads only, never for a callback (T-7).
 */
PVG_API void pvg_device_reset(struct pvg_device *dev);

/* Codes of Apple's PGResumeErrorDomain (host-api 1.7). */
enum pvg_resume {
    PVG_RESUME_INTERNAL_FAULT = 0,
    PVG_RESUME_BAD_VERSION = 1,
    PVG_RESUME_BAD_CONTENT = 2,
    PVG_RESUME_BAD_GUEST = 3,
    PVG_RESUME_BAD_DEVICE = 4,
    PVG_RESUME_BAD_PORT_COUNT = 5
};

/*
 * Suspend and resume in the four steps of host-api 1.7. Not built yet: every one returns PVG_ERR_UNSUPPORTED without side
 * effect and sets its out parameters to NULL, 0 and PVG_RESUME_INTERNAL_FAULT. @state: to be freed with pvg_free().
 */
PVG_API int pvg_device_suspend_begin(struct pvg_device *dev);
PVG_API int pvg_device_suspend_finish(struct pvg_device *dev, void **state, size_t *length_bytes);
PVG_API int pvg_device_resume_begin(struct pvg_device *dev, const void *state, size_t length_bytes,
                                    enum pvg_resume *reason);
PVG_API int pvg_device_resume_finish(struct pvg_device *dev);

/*
 * The state of the device as JSON: versions, registers, FIFOs, tasks, displays, counters, refusals by reason, and under
 * "diagnosis" sentences that answer "why is my screen black". *@json: NUL-terminated, to be freed with pvg_free().
 * Any thread; takes short locks only. Returns 0 or PVG_ERR_NOMEM.
 */
PVG_API int pvg_device_report(struct pvg_device *dev, char **json);

/*
 * Record everything needed to replay the device's work to @fd: register accesses, packets, guest memory as read
 * (docs/record.md). The library takes the descriptor and closes it; @fd -1 ends the recording. Any thread. What
 * is recorded is written at once, on the thread that does it: register accesses then wait for the file too.
 * Returns 0; PVG_ERR_SYSTEM when the first write fails.
 */
PVG_API int pvg_device_record(struct pvg_device *dev, int fd);

/* Free memory that the library handed out. NULL does nothing. */
PVG_API void pvg_free(void *memory);

/* Path of the option ROM for PVG_VARIANT_PCI, or NULL when this build has none. Static storage. */
PVG_API const char *pvg_option_rom_path(void);

#ifdef __cplusplus
}
#endif

#endif
