/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as the device sees it: the RAM table, a task's GPU page table, copies, runs of host pointers, host
 * views. (docs/spec/memory.md 1.3, 2, 10, 11; docs/decisions.md 2)
 *
 * Everything is read through a pin: a thread pins the RAM table, works, and unpins; gmem_del_ram() waits for pins on
 * the old table. In callback mode there is no table: small reads go to the VMM's read_memory, pages that the device
 * keeps or writes are mapped into a root task, and a task's span is base + address. Callbacks run with no lock held;
 * while one runs, the pin says so (gmem_pin.in_callback), so that a reset need not wait for it, and afterwards the pin
 * is cut off if the device was quiesced meanwhile: all its accesses fail with PVG_ERR_STOPPED until it is taken anew.
 *
 * Pointers stay valid until the pin is dropped. Contents change under the reader: copy, check, use.
 */
#ifndef PVG_GMEM_GMEM_H
#define PVG_GMEM_GMEM_H

#include <pvg/device.h>

#include "base/log.h"
#include "base/record.h"
#include "base/refuse.h"

/* Guest-physical and guest-virtual byte addresses: mixing them does not compile. */
typedef struct {
    uint64_t v;
} gpa_t;
typedef struct {
    uint64_t v;
} gva_t;

struct gmem;
struct ram_table;

/* A thread's hold on guest memory. Zero-initialised by its owner; not shared between threads but for the atomics. */
struct gmem_pin {
    struct gmem *g;
    const struct ram_table *table;    /* snapshot; NULL in callback mode */
    const struct ram_block *last;     /* block of the last hit */
    uint64_t epoch;                   /* gmem's when the pin was taken */
    _Atomic bool in_callback;         /* inside a callback of the VMM, or the like: touches no guest memory */
    bool cut;                         /* quiesced meanwhile */
    bool mapper;                      /* the surface mapper's thread: its reads are recorded apart */
    uint64_t seq;                     /* callback mode: counts pins; the page cache keeps what live pins point into */
    struct gmem_pin *older, *younger; /* callback mode: the live pins, under gmem's lock */
};

/* [start, end) in bytes of a task's address space. */
struct gmem_interval {
    uint64_t start, end;
};

/*
 * Address space of one task. Plain data; owned by the task. In callback mode a span is usable while the VMM has it
 * mapped: the space, and runs and views made from it, belong to the thread that handles map and unmap commands.
 */
struct gmem_space {
    uint32_t task;                /* guest's task id, for messages */
    uint32_t directory_pfn;       /* page number of the directory page, as given by the guest */
    uint64_t length_bytes;        /* size of the address space */
    pvg_task *handle;             /* callback mode: the VMM's task, NULL: none */
    uint8_t *base;                /* callback mode: where it starts in the host */
    struct gmem_interval *mapped; /* callback mode: what the VMM has mapped, sorted, disjoint; owned */
    size_t mapped_count, mapped_capacity;
};

/* Why a walk failed, for the log: which level, which entry. */
struct gmem_fault {
    enum refuse reason;
    gva_t gva;      /* page that failed */
    uint32_t level; /* of the entry, 0 = root */
    uint32_t entry; /* raw value */
};

/* Host memory behind a guest span, in order. Neighbours are merged. */
struct gmem_run {
    uint8_t *host;
    uint64_t length_bytes;
    gpa_t gpa; /* of the first byte; UINT64_MAX in callback mode where it is not known */
};

struct gmem_runs {
    struct gmem_run *run; /* owned */
    size_t count, capacity;
    uint64_t length_bytes; /* sum */
};

struct gmem_config {
    uint32_t page_shift; /* 12 or 14 */
    enum pvg_tasks tasks;
    const struct pvg_host_ops *ops; /* callbacks; borrowed */
    void *opaque;
    struct log *log; /* borrowed */
    struct recorder *recorder; /* borrowed; NULL: nothing is recorded */
};

int gmem_new(const struct gmem_config *config, struct gmem **out);
void gmem_free(struct gmem *g);

uint32_t gmem_page_shift(const struct gmem *g);
static inline uint64_t gmem_page_bytes(const struct gmem *g)
{
    return 1ull << gmem_page_shift(g);
}

/* Is there a RAM table, or does the VMM answer through callbacks? */
bool gmem_has_table(const struct gmem *g);

/* RAM table: see pvg_device_add_ram() and _del_ram() for arguments and errors. */
int gmem_add_ram(struct gmem *g, uint64_t gpa, uint64_t length_bytes, void *host_va, int fd, uint64_t fd_offset_bytes,
                 uint32_t flags);
int gmem_del_ram(struct gmem *g, uint64_t gpa, uint64_t length_bytes);
/* Write the RAM table to the recording that has just begun. */
void gmem_record_ram(struct gmem *g);
/* Sum of the blocks in bytes; callback mode: UINT64_MAX. */
uint64_t gmem_ram_bytes(struct gmem *g);

/* Callback mode: the root task exists from here on (transport 11.4); creates it once. Table mode: nothing. */
int gmem_root_ready(struct gmem_pin *pin);
/*
 * Callback mode: forget and destroy the root task and the page cache. No pin may have a pointer into it; pins that were
 * cut off inside a callback are waited for.
 */
void gmem_root_drop(struct gmem *g);

void gmem_pin(struct gmem *g, struct gmem_pin *pin);
void gmem_unpin(struct gmem_pin *pin);
/* Cut off every pin that is inside a callback: see above. Called by the quiescer, any thread. */
void gmem_cut(struct gmem *g);

/*
 * Run around every callback that the VMM may block in, and other long work that touches no guest memory: marks the pin, and
 * re-checks the epoch afterwards.
 */
void gmem_callback_begin(struct gmem_pin *pin);
int gmem_callback_end(struct gmem_pin *pin); /* 0, or PVG_ERR_STOPPED when the pin was cut off meanwhile */
/* Between the pieces of long work on guest memory: 0, or PVG_ERR_STOPPED when somebody wants it to end. */
int gmem_go_on(struct gmem_pin *pin);

/*
 * Physical access. @gpa + @length may cross blocks in gmem_read/write, not in gmem_ptr (stay inside one guest page
 * there). All or nothing. 0, PVG_ERR_NOT_RAM or PVG_ERR_STOPPED. In callback mode gmem_ptr() and gmem_write() map pages
 * into the root task; they return PVG_ERR_NOMEM when live pins use all of its 16 MiB, PVG_ERR_SYSTEM when the VMM could
 * not create it.
 */
int gmem_read(struct gmem_pin *pin, gpa_t gpa, void *dst, size_t length);
int gmem_write(struct gmem_pin *pin, gpa_t gpa, const void *src, size_t length);
/* gmem_read() of pixels, which are in no recording. */
int gmem_read_pixels(struct gmem_pin *pin, gpa_t gpa, void *dst, size_t length);
int gmem_ptr(struct gmem_pin *pin, gpa_t gpa, size_t length, bool write, void **out);

/*
 * Walk the task's page table for one page (memory 2.3). 0, or PVG_ERR_REFUSED with @fault filled, or PVG_ERR_STOPPED.
 * A failed walk has no address.
 */
int gmem_walk(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, gpa_t *out, struct gmem_fault *fault);

/*
 * Resolve [@gva, @gva + @length) to runs; the whole span or nothing. @write: every page must be writable RAM. @out is
 * zero-initialised by the caller and reused across calls. Errors as gmem_walk(), PVG_ERR_NOMEM. Refuses length 0,
 * spans that leave the task and spans larger than guest RAM.
 */
int gmem_resolve(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, uint64_t length, bool write,
                 struct gmem_runs *out, struct gmem_fault *fault);
/* Append a physical range, all RAM, or nothing. 0, PVG_ERR_NOT_RAM, PVG_ERR_NOMEM or PVG_ERR_STOPPED. */
int gmem_runs_add(struct gmem_pin *pin, gpa_t gpa, uint64_t length, bool write, struct gmem_runs *runs);
/* Append host memory that the VMM mapped. 0 or PVG_ERR_NOMEM. */
int gmem_runs_push(struct gmem_runs *runs, void *host, uint64_t length);
/*
 * Where a recording is being made: what @runs, which begin at @gva of @space, hold now. For what is read through runs. As
 * physical memory, or as the task's in callback mode.
 */
void gmem_runs_record(struct gmem *g, const struct gmem_space *space, gva_t gva, const struct gmem_runs *runs);
/* Empty, keeping the storage for the next use. */
static inline void gmem_runs_clear(struct gmem_runs *runs)
{
    runs->count = 0;
    runs->length_bytes = 0;
}
void gmem_runs_fini(struct gmem_runs *runs);

/* Copy @length bytes at @offset of the runs to @dst. The caller has checked offset + length <= runs->length_bytes. */
void gmem_runs_read(const struct gmem_runs *runs, uint64_t offset, void *dst, size_t length);
/*
 * Copy @rows rows of @row_bytes, @stride apart from @offset on, to @dst with @dst_stride. Bounds checked by the caller. 0, or
 * PVG_ERR_STOPPED with @dst undefined: a device that is quiesced waits for one piece and not for a picture.
 */
int gmem_runs_read_rows(struct gmem_pin *pin, const struct gmem_runs *runs, uint64_t offset, uint64_t stride, uint8_t *dst,
                        size_t dst_stride, size_t row_bytes, size_t rows);

/* Read or write a small span of a task; the whole span is resolved before the first byte moves. Errors as
 * gmem_resolve(). */
int gmem_space_read(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, void *dst, size_t length,
                    struct gmem_fault *fault);
int gmem_space_write(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, const void *src, size_t length,
                     struct gmem_fault *fault);
/* gmem_space_read() of pixels, which a recording has as pictures. */
int gmem_space_read_pixels(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, void *dst, size_t length,
                           struct gmem_fault *fault);
/*
 * Callback mode: where a span lies, for a recording: runs with guest-physical addresses and no host memory. Errors as
 * gmem_walk(), PVG_ERR_NOMEM; @out is empty then.
 */
int gmem_space_places(struct gmem_pin *pin, const struct gmem_space *space, gva_t gva, uint64_t length,
                      struct gmem_runs *out, struct gmem_fault *fault);
/* Callback mode: note in a recording that the VMM has answered that this is guest RAM. */
void gmem_record_known(struct gmem *g, uint64_t gpa, uint64_t length);

/*
 * A copy of @space that owns nothing and that any thread may read through under its own pin: in callback mode all its
 * reads walk the table and go through read_memory, whatever the VMM has mapped.
 */
struct gmem_space gmem_space_detached(const struct gmem_space *space);

/*
 * Callback mode only (nothing in table mode): tell the VMM about a task's life and maps (memory 10.1). Create:
 * PVG_ERR_SYSTEM when the VMM could not. Map: page-aligned spans; all or nothing; errors as gmem_resolve(), TASK_MAP
 * when the VMM refuses. Unmap: any span, clamped to the task. Destroy also frees what the space owns.
 */
int gmem_space_create(struct gmem_pin *pin, struct gmem_space *space);
void gmem_space_destroy(struct gmem_pin *pin, struct gmem_space *space);
int gmem_space_map(struct gmem_pin *pin, struct gmem_space *space, gva_t gva, uint64_t length,
                   struct gmem_fault *fault);
void gmem_space_unmap(struct gmem_pin *pin, struct gmem_space *space, gva_t gva, uint64_t length);

/*
 * A contiguous host view of runs (memory 11), to be used while the pin that made it is held: the runs themselves when
 * they are one; MAP_FIXED over a reservation when every block is shareable and aligned; a private copy otherwise (then
 * view->copied, and gmem_view_refresh() re-reads it). Bounded by LIMIT_VIEW_VMAS; beyond it views are copies. A view to
 * be written (@write) is never a copy: where only a copy is possible gmem_view_new() returns PVG_ERR_UNSUPPORTED.
 * PVG_ERR_NOT_RAM: @write, and a run is read-only.
 */
struct gmem_view {
    struct gmem *g;
    uint8_t *host;
    uint64_t length_bytes;
    uint64_t vmas;     /* mappings charged to the budget */
    void *reservation; /* NULL: none */
    uint64_t reserved_bytes;
    bool copied;
    uint8_t *copy; /* owned, when copied */
};
int gmem_view_new(struct gmem_pin *pin, const struct gmem_runs *runs, bool write, struct gmem_view *out);
void gmem_view_refresh(struct gmem_view *view, const struct gmem_runs *runs);
void gmem_view_fini(struct gmem_view *view);

#endif
