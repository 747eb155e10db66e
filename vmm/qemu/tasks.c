/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks of the guest as views in QEMU's address space: Apple's contract as
 * written (host-api 1.5, memory 10.1), for tasks=callbacks; and the
 * notifications that feed the trace points in the normal mode, where the
 * library finds guest memory through the RAM table.
 *
 * All functions but the first two run on library threads, several at once,
 * without the big lock. A view is one reservation; guest RAM is mapped into it
 * a second time, from its file or as an alias of its shared mapping, so that a
 * task keeps no list and unmapping costs the same however much is mapped (R-10
 * to ). RAM that is private to QEMU cannot be mapped twice on Linux:
 * realize refuses it (host-api 4.5).
 */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qapi/error.h"
#include "qemu/atomic.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "apple-gfx.h"
#include "trace.h"

/* Most ranges of one call: a 4 GiB mapping of single pages. */
#define MAX_RANGES (1u << 20)

/* Linux's own default, where /proc does not tell (vm.max_map_count). */
#define DEFAULT_MAX_MAPPINGS 65530

struct pvg_task {
    uint8_t *base;
    uint64_t length;
    uint64_t regions; /* atomic: ranges mapped so far, for the trace */
};

/* --- Guest RAM --- */

typedef struct LargestRam {
    uint64_t length;
    bool shared;
} LargestRam;

static bool largest_ram_visit(Int128 start, Int128 len, const MemoryRegion *mr,
                              hwaddr offset, void *opaque)
{
    LargestRam *found = opaque;
    uint64_t fd_offset;
    bool shared;
    int fd;

    if (int128_get64(len) > found->length &&
        apple_gfx_ram_backing((MemoryRegion *)mr, offset, &fd, &fd_offset,
                              &shared)) {
        found->length = int128_get64(len);
        found->shared = shared;
    }
    return false;
}

bool apple_gfx_tasks_check_ram(Error **errp)
{
    LargestRam found = { 0 };

    RCU_READ_LOCK_GUARD();
    flatview_for_each_range(address_space_to_flatview(&address_space_memory),
                            largest_ram_visit, &found);
    if (!found.shared) {
        error_setg(errp, "tasks=callbacks needs guest RAM that can be mapped "
                   "twice: add -object memory-backend-memfd,id=ram,share=on,"
                   "size=SIZE -machine memory-backend=ram, or use tasks=table");
        return false;
    }
    return true;
}

/*
 * The RAM at @gpa, at most @len bytes in one piece: returns its host address
 * and sets @len, or NULL if it is not RAM. Call it under the RCU read lock,
 * which keeps the region alive.
 */
static uint8_t *ram_piece(uint64_t gpa, bool write, uint64_t *len,
                          MemoryRegion **mr, uint64_t *offset)
{
    hwaddr xlat, piece = *len;

    *mr = address_space_translate(&address_space_memory, gpa, &xlat, &piece,
                                  write, MEMTXATTRS_UNSPECIFIED);
    if (!piece || !memory_region_is_ram(*mr) ||
        memory_region_is_ram_device(*mr) ||
        (write && memory_region_is_rom(*mr))) {
        return NULL;
    }
    *len = piece;
    *offset = xlat;
    return (uint8_t *)memory_region_get_ram_ptr(*mr) + xlat;
}

static bool tasks_read_memory(void *opaque, uint64_t gpa, uint64_t length_bytes,
                              void *dst)
{
    uint64_t done = 0, offset;
    bool ok = true;

    if (gpa + length_bytes < gpa) {
        ok = false;
    }
    WITH_RCU_READ_LOCK_GUARD() {
        while (ok && done < length_bytes) {
            uint64_t len = length_bytes - done;
            MemoryRegion *mr;
            uint8_t *src = ram_piece(gpa + done, false, &len, &mr, &offset);

            ok = src != NULL;
            if (ok) {
                memcpy((uint8_t *)dst + done, src, len);
                done += len;
            }
        }
    }
    trace_apple_gfx_read_memory(gpa, length_bytes, dst, ok);
    return ok;
}

/* The surface mapper's form: nothing is mapped again, RAM is where it is. */
bool apple_gfx_tasks_map_ram(uint64_t gpa, uint64_t length, bool readonly,
                             void **host)
{
    uint64_t len = length, offset;
    MemoryRegion *mr;

    *host = NULL;
    RCU_READ_LOCK_GUARD();
    *host = length ? ram_piece(gpa, !readonly, &len, &mr, &offset) : NULL;
    if (!*host || len < length) {
        *host = NULL;
        return false;
    }
    memory_region_ref(mr); /* given back by apple_gfx_tasks_unmap_ram() */
    return true;
}

static void region_unref_bh(void *opaque)
{
    memory_region_unref(opaque);
}

/*
 * RAM that was unplugged meanwhile goes with its last reference, which takes the
 * big lock: the main loop gives it back.
 */
bool apple_gfx_tasks_unmap_ram(void *host)
{
    ram_addr_t offset;
    MemoryRegion *mr;

    RCU_READ_LOCK_GUARD();
    mr = memory_region_from_host(host, &offset);
    if (!mr) {
        return false;
    }
    aio_bh_schedule_oneshot(qemu_get_aio_context(), region_unref_bh, mr);
    return true;
}

/* --- Views --- */

static bool page_aligned(uint64_t x)
{
    return !(x & (qemu_real_host_page_size() - 1));
}

/* Makes the interval inaccessible and keeps the addresses. */
static bool view_reserve(uint8_t *at, uint64_t len)
{
    return mmap(at, len, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
                -1, 0) != MAP_FAILED;
}

static pvg_task *tasks_create(void *opaque, uint64_t length_bytes, void **base)
{
    pvg_task *task;
    void *at;

    *base = NULL;
    if (!length_bytes || !page_aligned(length_bytes)) {
        return NULL;
    }
    task = g_try_new0(pvg_task, 1);
    if (!task) {
        return NULL;
    }
    at = mmap(NULL, length_bytes, PROT_NONE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        g_free(task);
        return NULL;
    }
    task->base = at;
    task->length = length_bytes;
    *base = at;
    trace_apple_gfx_create_task(length_bytes, (uintptr_t)at);
    return task;
}

static void tasks_destroy(void *opaque, pvg_task *task)
{
    trace_apple_gfx_destroy_task((uintptr_t)task->base,
                                 qatomic_read(&task->regions));
    munmap(task->base, task->length);
    g_free(task);
}

/* Maps one piece of RAM at @at; returns 0 or an errno value. */
static int view_map_piece(uint8_t *at, MemoryRegion *mr, uint64_t offset,
                          uint8_t *host, uint64_t len, bool readonly)
{
    int prot = PROT_READ | (readonly ? 0 : PROT_WRITE);
    uint64_t fd_offset;
    bool shared;
    int fd, ret = 0;

    if (!apple_gfx_ram_backing(mr, offset, &fd, &fd_offset, &shared) ||
        !shared) {
        ret = ENOTSUP;
    } else if (fd >= 0) {
        if (mmap(at, len, prot, MAP_SHARED | MAP_FIXED, fd, fd_offset) ==
            MAP_FAILED) {
            ret = errno;
        }
    } else if (mremap(host, 0, len, MREMAP_MAYMOVE | MREMAP_FIXED, at) ==
                   MAP_FAILED ||
               mprotect(at, len, prot)) {
        ret = errno;
    }
    trace_apple_gfx_remap(ret, (uintptr_t)host, (uintptr_t)at);
    return ret;
}

static uint64_t read_number(const char *path, uint64_t otherwise)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ?
           g_ascii_strtoull(text, NULL, 10) : otherwise;
}

static uint64_t count_mappings(void)
{
    g_autofree char *text = NULL;
    uint64_t lines = 0;
    const char *p;

    if (!g_file_get_contents("/proc/self/maps", &text, NULL, NULL)) {
        return 0;
    }
    for (p = text; (p = strchr(p, '\n')); p++) {
        lines++;
    }
    return lines;
}

/*
 * A process has a limited number of mappings, and a QEMU that runs out of them
 * dies at its next large allocation. So guests get half of them, all devices
 * together: each piece counts until the next real count. An unmap in the
 * middle of a piece makes more of it and cannot be refused; the library bounds
 * these, a quarter of Linux's default.
 */
static bool take_mappings(uint64_t pieces)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t used, limit;
    bool ok;

    pthread_mutex_lock(&lock);
    if (!limit) {
        limit = read_number("/proc/sys/vm/max_map_count",
                            DEFAULT_MAX_MAPPINGS) / 2;
        used = count_mappings();
    }
    if (used + pieces > limit) {
        used = count_mappings();
    }
    ok = used + pieces <= limit;
    used += ok ? pieces : 0;
    pthread_mutex_unlock(&lock);
    return ok;
}

/*
 * Walks one guest range, counting its @pieces; with @at it also maps it there.
 * Returns 0 or an errno value.
 */
static int view_range(const struct pvg_range *range, uint8_t *at, bool readonly,
                      uint64_t *pieces)
{
    uint64_t done = 0, offset;
    int ret = 0;

    RCU_READ_LOCK_GUARD();
    while (!ret && done < range->length_bytes) {
        uint64_t len = range->length_bytes - done;
        MemoryRegion *mr;
        uint8_t *host = ram_piece(range->gpa + done, !readonly, &len, &mr,
                                  &offset);

        if (!host || !page_aligned(offset) || !page_aligned(len)) {
            ret = EFAULT;
            break;
        }
        if (at) {
            ret = view_map_piece(at + done, mr, offset, host, len, readonly);
        }
        done += len;
        (*pieces)++;
    }
    return ret;
}

static bool view_check(const pvg_task *task, uint64_t offset, uint64_t len)
{
    return page_aligned(offset) && page_aligned(len) && offset <= task->length &&
           len <= task->length - offset;
}

static bool tasks_map(void *opaque, pvg_task *task, uint32_t n,
                      uint64_t offset_bytes, bool readonly,
                      const struct pvg_range *ranges)
{
    uint64_t total = 0, at = offset_bytes, pieces = 0;
    uint32_t i;
    int err = 0;

    trace_apple_gfx_map_memory((uintptr_t)task->base, n, offset_bytes, readonly);
    if (n > MAX_RANGES) {
        return false;
    }
    /* First look at everything, so that a bad range changes nothing. */
    for (i = 0; i < n; i++) {
        const struct pvg_range *r = &ranges[i];

        if (!page_aligned(r->gpa) || !page_aligned(r->length_bytes) ||
            r->gpa + r->length_bytes < r->gpa ||
            total + r->length_bytes < total ||
            view_range(r, NULL, readonly, &pieces)) {
            return false;
        }
        total += r->length_bytes;
    }
    if (!view_check(task, offset_bytes, total)) {
        return false;
    }
    if (!take_mappings(pieces)) {
        warn_report_once("apple-gfx: the guest maps more pieces of memory than "
                         "this process may have (vm.max_map_count); use "
                         "tasks=table");
        return false;
    }
    for (i = 0; i < n && !err; i++) {
        const struct pvg_range *r = &ranges[i];

        trace_apple_gfx_map_memory_range(i, r->gpa, r->length_bytes,
                                         (uintptr_t)task->base + at);
        err = view_range(r, task->base + at, readonly, &pieces);
        at += r->length_bytes;
    }
    if (err) {
        /* RAM went away meanwhile, or the host is out of memory. */
        warn_report_once("apple-gfx: cannot map guest RAM into a task: %s",
                         strerror(err));
        (void)view_reserve(task->base + offset_bytes, total);
        return false;
    }
    qatomic_add(&task->regions, n);
    return true;
}

static bool tasks_unmap(void *opaque, pvg_task *task, uint64_t offset_bytes,
                        uint64_t length_bytes)
{
    trace_apple_gfx_unmap_memory((uintptr_t)task->base, offset_bytes,
                                 length_bytes);
    if (!view_check(task, offset_bytes, length_bytes)) {
        return false;
    }
    return !length_bytes || view_reserve(task->base + offset_bytes, length_bytes);
}

/* --- Notifications of the normal mode --- */

static void tasks_event(void *opaque, const struct pvg_task_event *event)
{
    switch (event->kind) {
    case PVG_TASK_CREATED:
        trace_apple_gfx_create_task(event->length_bytes, 0);
        break;
    case PVG_TASK_DESTROYED:
        trace_apple_gfx_destroy_task(event->task, 0);
        break;
    case PVG_TASK_MAPPED:
        trace_apple_gfx_map_memory(event->task, 1, event->offset_bytes, 0);
        trace_apple_gfx_map_memory_range(0, event->offset_bytes,
                                         event->length_bytes, 0);
        break;
    case PVG_TASK_UNMAPPED:
        trace_apple_gfx_unmap_memory(event->task, event->offset_bytes,
                                     event->length_bytes);
        break;
    }
}

void apple_gfx_tasks_ops(struct pvg_host_ops *ops, bool callbacks)
{
    if (callbacks) {
        ops->create_task = tasks_create;
        ops->destroy_task = tasks_destroy;
        ops->map_memory = tasks_map;
        ops->unmap_memory = tasks_unmap;
        ops->read_memory = tasks_read_memory;
    } else {
        ops->task_event = tasks_event;
    }
}
