/* SPDX-License-Identifier: MIT */
/*
 * A VMM for tests: guest RAM in a memfd (two blocks with a hole between them), the callbacks of include/pvg, which count
 * and wake whoever waits, both task modes, and displays that remember what they were told.
 *
 * Tests wait for events: vmm_wait() sleeps until a callback has made its condition true. Its time-out is a failure of
 * the test and generous, so that it never decides on a slow machine.
 */
#ifndef PVG_TESTS_LIB_VMM_H
#define PVG_TESTS_LIB_VMM_H

#include <pvg/pvg.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "lib/must.h"

struct core;

#define VMM_LOG_LINES 32
#define VMM_PORTS     8

struct vmm_block {
    uint64_t gpa, bytes, file_offset;
    uint8_t *host;
    bool added;
};

/* All zero: 4 KiB pages, one port, the RAM table, 24 + 8 MiB. */
struct vmm_config {
    uint32_t shift;
    enum pvg_tasks tasks;
    uint32_t flags; /* PVG_DEVICE_* */
    uint32_t ports;
    uint64_t low_bytes, high_bytes; /* at 0 and at 4 GiB */
    bool no_fd;    /* RAM is given without its file: no host views */
    bool no_device; /* the test makes a core of its own (vmm.core) */
    bool unrecorded; /* gigabytes of traffic: left out where devices are recorded */
    /* Told of all memory that is the guest's, where its races with the host are the test's purpose. NULL: nobody */
    void (*racy)(const char *file, int line, const volatile void *p, size_t bytes, const char *why);
};

/* A display and what it was told; under vmm.lock. */
struct vmm_display {
    struct vmm *vmm;
    struct pvg_display *disp;
    uint32_t port, serial;
    uint64_t modes, frames, cursors, shows, moves;
    uint32_t width, height, fourcc;
    uint32_t frame_width, frame_height; /* the mode at the last on_frame */
    bool frame_before_mode;
    bool backwards; /* a sequence that was not larger than the one before */
    uint64_t sequence;
    struct pvg_cursor cursor;
    uint8_t cursor_pixels[64 * 64 * 4]; /* of images up to that size */
    bool visible;
    struct pvg_coord at;
    /*
     * They never overlap (host-api T-4): checked in each, without the lock. In a word of its own, or a compiler that reads the
     * members above as one word reads this too.
     */
    _Alignas(8) _Atomic bool in_callback;
};

struct vmm {
    struct vmm_config cfg;
    int fd;
    uint8_t *ram;
    uint64_t ram_bytes;
    struct vmm_block block[2];
    struct pvg_host_ops ops;
    struct pvg_device *dev;
    struct core *core; /* instead of dev */

    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t cond;
    uint64_t interrupts, log_lines, warnings;
    uint64_t events[8]; /* by enum pvg_task_event_kind */
    struct pvg_task_event last_event;
    uint64_t creates, destroys, maps, unmaps, reads;
    uint64_t live_tasks;
    uint32_t refuse_create, refuse_map; /* this many calls fail from now on */
    char lines[VMM_LOG_LINES][256];
    unsigned threads;
    struct vmm_display display[VMM_PORTS];

    _Atomic(void (*)(struct vmm *)) on_interrupt; /* in the callback, without the lock */
    _Atomic(void (*)(struct vmm *, const char *)) on_log;    /* the same, with the message */
    _Atomic(void (*)(struct vmm *, const char *)) on_thread; /* the same in thread_enter, which is told the name */
};

void vmm_init(struct vmm *v, const struct vmm_config *cfg);
/* Frees the device too. */
void vmm_fini(struct vmm *v);

void vmm_add_ram(struct vmm *v, unsigned block);
/* Another place where the guest's memory can be seen: see vmm_config.racy. */
void vmm_racy(struct vmm *v, const void *p, uint64_t bytes);
/* Host address of @gpa, or NULL. */
void *vmm_at(struct vmm *v, uint64_t gpa);

/* Registers, of the device or of the core. */
uint64_t vmm_read(struct vmm *v, uint64_t offset, unsigned size);
void vmm_write(struct vmm *v, uint64_t offset, uint64_t value, unsigned size);
static inline uint32_t vmm_r32(struct vmm *v, uint64_t offset)
{
    return (uint32_t)vmm_read(v, offset, 4);
}
static inline void vmm_w32(struct vmm *v, uint64_t offset, uint32_t value)
{
    vmm_write(v, offset, value, 4);
}

/* Attach a display with every callback (or, with @draw_cursor, none for the pointer) and give it @n modes. */
struct vmm_display *vmm_display_new(struct vmm *v, uint32_t port, const struct pvg_mode *modes, size_t n,
                                    bool draw_cursor);

/* How often @reason was refused (its name in the report). */
uint64_t vmm_refused(struct vmm *v, const char *reason);
/* Number at @path of the report, e.g. "fifos.0.packets" (array elements by index). */
uint64_t vmm_report_number(struct vmm *v, const char *path);
/* Number at @member of the FIFO with that channel id. */
uint64_t vmm_fifo_number(struct vmm *v, uint32_t channel, const char *member);
/* Does the report contain @text? The report is checked to be JSON. */
bool vmm_report_has(struct vmm *v, const char *text);
/* Total of all refusals in the report. */
uint64_t vmm_refused_total(struct vmm *v);
/* Number of lines logged so far that contain @text, of the last VMM_LOG_LINES. */
unsigned vmm_logged(struct vmm *v, const char *text);

uint64_t vmm_now_ns(void);
bool vmm_cond_wait(struct vmm *v, uint64_t until_ns);

/* Value of @expression, read under the lock: what callbacks write is never read otherwise. */
#define vmm_see(v, expression)                                                                                         \
    __extension__({                                                                                                    \
        pthread_mutex_lock(&(v)->lock);                                                                                \
        __typeof__(expression) seen_ = (expression);                                                                   \
        pthread_mutex_unlock(&(v)->lock);                                                                              \
        seen_;                                                                                                         \
    })

#define VMM_PATIENCE_NS (60ull * 1000000000)

/*
 * Order what this thread did before what a callback does after it, for ThreadSanitizer. In callback mode the library reads
 * rings and writes stamps at addresses of its own mapping, and pixels at the CPU's, by read_memory(): the atomic accesses
 * that order the ones after the others are at different addresses for the guest and for the library, and are not paired.
 */
void vmm_order(struct vmm *v);

/* Sleep on the callbacks until @condition, evaluated under the lock. */
#define vmm_wait(v, condition)                                                                                         \
    do {                                                                                                               \
        uint64_t until_ = vmm_now_ns() + VMM_PATIENCE_NS;                                                              \
        pthread_mutex_lock(&(v)->lock);                                                                                \
        while (!(condition))                                                                                           \
            must(vmm_cond_wait(v, until_), "waited a minute for: %s", #condition);                                     \
        pthread_mutex_unlock(&(v)->lock);                                                                              \
    } while (0)

/*
 * For what no callback announces (a register that moves, a word that the host must not write): look once a millisecond
 * until @condition.
 */
#define vmm_poll(condition)                                                                                            \
    do {                                                                                                               \
        uint64_t until_ = vmm_now_ns() + VMM_PATIENCE_NS;                                                              \
        for (unsigned looks_ = 0; !(condition); looks_++) {                                                            \
            must(vmm_now_ns() < until_, "waited a minute for: %s", #condition);                                        \
            if (looks_ < 100)                                                                                          \
                sched_yield();                                                                                         \
            else                                                                                                       \
                nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);                                               \
        }                                                                                                              \
    } while (0)

#endif
