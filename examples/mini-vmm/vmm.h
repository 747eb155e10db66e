/* SPDX-License-Identifier: MIT */
/*
 * The VMM: RAM, the device of libpvg, its displays, and what a user at the monitors sees. Everything that an embedder
 * of libpvg has to write is in vmm.c, for PVG_TASKS_CALLBACKS in views.c, for arm64 guests in mapper.c; docs/embedding.md
 * walks through them.
 */
#ifndef MINI_VMM_VMM_H
#define MINI_VMM_VMM_H

#include <pthread.h>
#include <stdatomic.h>

#include <pvg/pvg.h>

#include "machine.h"

#define MAX_DISPLAYS 8

struct monitor {
    struct vmm *vmm;
    struct pvg_display *display;
    uint32_t serial;
    /* what the library told us last; under vmm.lock */
    uint32_t width_px, height_px; /* of coming frames */
    uint64_t frames;              /* calls of on_frame */
    bool hold, held;              /* be slow: on_frame does not return while `hold` is set; it is in there */
    uint32_t *glyph;              /* owned; glyph_width * glyph_height pixels 0xAARRGGBB */
    uint32_t glyph_width, glyph_height, glyph_hot_x, glyph_hot_y;
    bool pointer_shown;
    struct pvg_coord pointer;
};

struct vmm {
    uint32_t page_shift;
    bool verbose;
    int ram_fd; /* both blocks, one after the other */
    uint8_t *ram[RAM_BLOCKS];
    int interrupt_fd; /* eventfd: counts raised interrupts */
    struct pvg_device *device;
    struct pvg_iosfc *mapper; /* memory-mapped variant; else NULL */
    int mapper_fd;            /* its interrupts */
    uint32_t monitor_count;
    struct monitor monitors[MAX_DISPLAYS];
    pthread_mutex_t lock;   /* protects what monitors were told */
    pthread_cond_t news;    /* some monitor was told something */
    atomic_uint complaints; /* warnings and errors in the library's log */
    atomic_uint interrupts, task_events, live_tasks;
    atomic_uint live_ranges; /* mapped for the mapper */
};

struct vmm_options {
    enum pvg_variant variant;
    enum pvg_tasks tasks;
    uint32_t page_shift;
    uint32_t monitors;
    bool verbose;
};

/* Build the machine: RAM, device, monitors without modes. Says on stderr what failed. */
bool vmm_init(struct vmm *vmm, const struct vmm_options *options);
void vmm_fini(struct vmm *vmm);

/* Wait until @seen of monitor @m holds, at most ten seconds; called with vmm->lock held, again after every news. */
bool vmm_wait(struct vmm *vmm, struct monitor *m, bool (*seen)(struct monitor *m, const void *arg), const void *arg);

/* mapper.c: the second window; made after the device and freed before it. */
bool mapper_init(struct vmm *vmm);
void mapper_fini(struct vmm *vmm);

/* views.c: guest RAM by address, and the task callbacks of PVG_TASKS_CALLBACKS. */
uint8_t *ram_at(struct vmm *vmm, uint64_t gpa, uint64_t length_bytes, uint64_t *fd_offset);
pvg_task *views_create(void *opaque, uint64_t length_bytes, void **base);
void views_destroy(void *opaque, pvg_task *task);
bool views_map(void *opaque, pvg_task *task, uint32_t n, uint64_t offset_bytes, bool readonly,
               const struct pvg_range *ranges);
bool views_unmap(void *opaque, pvg_task *task, uint64_t offset_bytes, uint64_t length_bytes);
bool views_read(void *opaque, uint64_t gpa, uint64_t length_bytes, void *dst);

#endif
