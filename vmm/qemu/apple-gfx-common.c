/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Core of the apple-gfx devices: the register window, guest RAM, the interrupt,
 * and the life of the libpvg device.
 *
 * Register accesses go straight to the library with the big lock held, which is
 * safe because the library never waits there (rules T-1, T-2; host-api 3.1
 * Everything here runs in QEMU's main loop or on a vCPU thread under the
 * big lock, but for the functions marked "library thread". Knows no register,
 * no opcode, no page layout.
 */
#include "qemu/osdep.h"
#include <sys/file.h>
#include "qapi/error.h"
#include "qemu/atomic.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "compat.h"
#include "apple-gfx.h"
#include "trace.h"

#define PAGE_ROUND_UP(x, page) (((x) + (page) - 1) & ~((uint64_t)(page) - 1))
#define PAGE_ROUND_DOWN(x, page) ((x) & ~((uint64_t)(page) - 1))

/* --- Fronts --- */

#define MAX_FRONTS 2

static struct {
    const char *type;
    AppleGFXState *(*common)(Object *obj);
} fronts[MAX_FRONTS];
static unsigned front_count;

void apple_gfx_add_type(const char *type, AppleGFXState *(*common)(Object *obj))
{
    assert(front_count < MAX_FRONTS);
    fronts[front_count].type = type;
    fronts[front_count++].common = common;
}

AppleGFXState *apple_gfx_from_object(Object *obj)
{
    unsigned i;

    for (i = 0; i < front_count; i++) {
        if (object_dynamic_cast(obj, fronts[i].type)) {
            return fronts[i].common(obj);
        }
    }
    g_assert_not_reached();
}

/* --- Registers --- */

static uint64_t apple_gfx_mmio_read(void *opaque, hwaddr offset, unsigned size)
{
    AppleGFXState *s = opaque;
    uint64_t res = pvg_device_mmio_read(s->dev, offset, size);

    if (s->front->acknowledge) {
        s->front->acknowledge(s);
    }
    trace_apple_gfx_read(offset, res, size);
    return res;
}

static void apple_gfx_mmio_write(void *opaque, hwaddr offset, uint64_t val,
                                 unsigned size)
{
    AppleGFXState *s = opaque;

    trace_apple_gfx_write(offset, val, size);
    pvg_device_mmio_write(s->dev, offset, val, size);
}

/*
 * Every size and alignment passes through as the guest made it: the library
 * knows what odd ones mean, and QEMU would split or widen them, with the side
 * effects of registers that the guest did not name.
 */
static const MemoryRegionOps apple_gfx_mmio_ops = {
    .read = apple_gfx_mmio_read,
    .write = apple_gfx_mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

/* --- Interrupt --- */

/* Library thread. */
static void apple_gfx_raise_interrupt(void *opaque, uint32_t vector)
{
    AppleGFXState *s = opaque;

    trace_apple_gfx_raise_irq(vector);
    if (vector >= PVG_PCI_MAX_MSI_VECTORS) {
        warn_report("apple-gfx: interrupt vector %u was asked for, there is "
                    "only 0: dropped", vector);
        return;
    }
    qatomic_set(&s->irq_pending, 1);
    qemu_bh_schedule(s->irq_bh);
}

static void apple_gfx_irq_bh(void *opaque)
{
    AppleGFXState *s = opaque;

    /* Cleared first: a request that comes meanwhile schedules us again. */
    if (qatomic_xchg(&s->irq_pending, 0) && !s->front->deliver_irq(s)) {
        qatomic_set(&s->irq_pending, 1);
    }
}

/*
 * The guest can take interrupts again: deliver what it missed (host-api 4.6).
 */
void apple_gfx_irq_retry(AppleGFXState *s)
{
    if (s->irq_bh && qatomic_read(&s->irq_pending)) {
        qemu_bh_schedule(s->irq_bh);
    }
}

/* --- Guest RAM --- */

/* What the library may reach: RAM and ROM, not windows of devices. */
static bool apple_gfx_is_ram(const MemoryRegionSection *section)
{
    return memory_region_is_ram(section->mr) &&
           !memory_region_is_ram_device(section->mr);
}

/*
 * The whole host pages of @section: @gpa and @len, and @skip, the distance from
 * the section's start. False if there is none.
 */
static bool apple_gfx_section_pages(const MemoryRegionSection *section,
                                    uint64_t *gpa, uint64_t *len,
                                    uint64_t *skip)
{
    uint64_t page = qemu_real_host_page_size();
    uint64_t start = section->offset_within_address_space;
    uint64_t size = int128_get64(section->size);
    uint64_t first = PAGE_ROUND_UP(start, page);
    uint64_t end = PAGE_ROUND_DOWN(start + size, page);

    if (first < start || end <= first) {
        return false;
    }
    *gpa = first;
    *len = end - first;
    *skip = first - start;
    return true;
}

/* File offset of the first byte of the RAM block behind @mr. */
static uint64_t apple_gfx_block_fd_offset(MemoryRegion *mr)
{
    Object *owner = memory_region_owner(mr);

    /* No function tells before 11.1; only file backends have an offset. */
    if (owner && object_dynamic_cast(owner, "memory-backend-file") &&
        object_property_find(owner, "offset")) {
        return object_property_get_uint(owner, "offset", NULL);
    }
    return 0;
}

bool apple_gfx_ram_backing(MemoryRegion *mr, uint64_t offset, int *fd,
                           uint64_t *fd_offset, bool *shared)
{
    *fd = -1;
    *fd_offset = 0;
    *shared = false;
    if (!memory_region_is_ram(mr) || memory_region_is_ram_device(mr)) {
        return false;
    }
    *shared = qemu_ram_is_shared(mr->ram_block);
    *fd = *shared ? memory_region_get_fd(mr) : -1;
    if (*fd >= 0) {
        *fd_offset = apple_gfx_block_fd_offset(mr) + offset;
    }
    return true;
}

static void apple_gfx_region_add(MemoryListener *listener,
                                 MemoryRegionSection *section)
{
    AppleGFXRamListener *l = container_of(listener, AppleGFXRamListener, parent);
    AppleGFXState *s = l->s;
    MemoryRegion *mr = section->mr;
    uint64_t gpa, len, skip, offset, fd_offset;
    uint32_t flags = 0;
    bool shared;
    void *host;
    int fd, err;

    if (!apple_gfx_is_ram(section) ||
        !apple_gfx_section_pages(section, &gpa, &len, &skip)) {
        return;
    }
    memory_region_ref(mr);
    if (s->stopped) {
        return;
    }

    /* A section may start inside its region. */
    offset = section->offset_within_region + skip;
    host = (uint8_t *)memory_region_get_ram_ptr(mr) + offset;
    apple_gfx_ram_backing(mr, offset, &fd, &fd_offset, &shared);
    flags |= section->readonly || memory_region_is_rom(mr) ? PVG_RAM_READONLY : 0;
    flags |= shared ? PVG_RAM_SHARED : 0;

    trace_apple_gfx_ram_add(gpa, len, host, fd, fd_offset, flags);
    err = pvg_device_add_ram(s->dev, gpa, len, host, fd, fd_offset, flags);
    if (err) {
        warn_report("apple-gfx: guest RAM at 0x%" PRIx64 ", length 0x%" PRIx64
                    ", cannot be used: %s", gpa, len, pvg_error_text(err));
    }
}

static void apple_gfx_region_del(MemoryListener *listener,
                                 MemoryRegionSection *section)
{
    AppleGFXRamListener *l = container_of(listener, AppleGFXRamListener, parent);
    AppleGFXState *s = l->s;
    uint64_t gpa, len, skip;

    if (!apple_gfx_is_ram(section) ||
        !apple_gfx_section_pages(section, &gpa, &len, &skip)) {
        return;
    }
    if (!s->stopped) {
        trace_apple_gfx_ram_del(gpa, len);
        (void)pvg_device_del_ram(s->dev, gpa, len); /* fails if adding did */
    }
    memory_region_unref(section->mr);
}

static void apple_gfx_ram_start(AppleGFXState *s)
{
    AppleGFXRamListener *l = g_new0(AppleGFXRamListener, 1);

    l->s = s;
    l->parent.name = "apple-gfx";
    l->parent.region_add = apple_gfx_region_add;
    l->parent.region_del = apple_gfx_region_del;
    s->ram_listener = l;
    memory_listener_register(&l->parent, &address_space_memory);
}

static void apple_gfx_ram_stop(AppleGFXState *s)
{
    if (s->ram_listener) {
        memory_listener_unregister(&s->ram_listener->parent);
        g_free(s->ram_listener);
        s->ram_listener = NULL;
    }
}

/* --- Life cycle --- */

/* Library thread. */
static void apple_gfx_log(void *opaque, enum pvg_log_level level,
                          const char *message)
{
    AppleGFXState *s = opaque;

    trace_apple_gfx_log(level, message);
    if (level == PVG_LOG_ERROR) {
        error_report("%s: %s", s->id, message);
    } else if (level == PVG_LOG_WARN) {
        warn_report("%s: %s", s->id, message);
    }
}

/* Library thread: its look-ups in QEMU's memory map happen under RCU. */
static void apple_gfx_thread_enter(void *opaque, const char *name)
{
    rcu_register_thread();
}

static void apple_gfx_thread_leave(void *opaque)
{
    rcu_unregister_thread();
}

static void apple_gfx_vm_state(void *opaque, bool running, RunState state)
{
    AppleGFXState *s = opaque;

    if (s->stopped || running != s->paused) {
        return;
    }
    s->paused = !running;
    if (running) {
        (void)pvg_device_unpause(s->dev); /* cannot fail on a paused device */
    } else {
        (void)pvg_device_pause(s->dev); /* likewise on a running one */
    }
}

static void apple_gfx_stop(AppleGFXState *s)
{
    if (s->dev && !s->stopped) {
        s->stopped = true;
        pvg_device_stop(s->dev);
    }
}

/* QEMU ends without taking devices apart, and library destructors follow. */
static void apple_gfx_exit(Notifier *notifier, void *data)
{
    apple_gfx_stop(container_of(notifier, AppleGFXExit, parent)->s);
}

/*
 * Opens @path for a recording. The lock says that it is somebody's: a second
 * recording in the same file would leave neither readable.
 */
static int apple_gfx_record_open(AppleGFXState *s, const char *path,
                                 Error **errp)
{
    /* Not blocking: a FIFO that nobody reads would stop QEMU here. */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                  0600);
    int flags;

    if (fd < 0) {
        error_setg_errno(errp, errno, "record: cannot write '%s'", path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
        /* Our own, which begins anew? */
        if (s->recording && g_str_equal(path, s->record)) {
            (void)pvg_device_record(s->dev, -1); /* ending cannot fail */
            s->recording = false;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
            error_setg(errp, "record: '%s' is being written by another device",
                       path);
            close(fd);
            return -1;
        }
    }
    flags = fcntl(fd, F_GETFL);
    if (flags == -1 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) ||
        (ftruncate(fd, 0) && errno != EINVAL)) { /* no regular file */
        error_setg_errno(errp, errno, "record: cannot write '%s'", path);
        close(fd);
        return -1;
    }
    return fd;
}

bool apple_gfx_record(AppleGFXState *s, const char *path, Error **errp)
{
    int fd = -1;
    int err;

    if (*path) {
        fd = apple_gfx_record_open(s, path, errp);
        if (fd < 0) {
            return false;
        }
    }
    err = pvg_device_record(s->dev, fd);
    s->recording = fd >= 0 && !err;
    if (err) {
        error_setg(errp, "record: '%s': %s", path, pvg_error_text(err));
        return false;
    }
    return true;
}

static bool apple_gfx_device_realize(AppleGFXState *s, Error **errp)
{
    struct pvg_device_desc desc;
    bool callbacks = s->tasks && strcmp(s->tasks, "callbacks") == 0;
    int err;

    if (callbacks && !apple_gfx_tasks_check_ram(errp)) {
        return false;
    }
    s->ops = (struct pvg_host_ops) {
        .size = sizeof(s->ops),
        .raise_interrupt = apple_gfx_raise_interrupt,
        .log = apple_gfx_log,
        .thread_enter = apple_gfx_thread_enter,
        .thread_leave = apple_gfx_thread_leave,
    };
    apple_gfx_tasks_ops(&s->ops, callbacks);

    pvg_device_desc_init(&desc, sizeof(desc));
    desc.variant = s->front->variant;
    desc.guest_page_shift = s->guest_page_shift;
    desc.display_port_count = s->display_count;
    desc.tasks = callbacks ? PVG_TASKS_CALLBACKS : PVG_TASKS_TABLE;
    desc.flags = (s->strict ? PVG_DEVICE_STRICT : 0) |
                 (s->hold_presents ? PVG_DEVICE_HOLD_PRESENTS : 0);
    desc.gpu = s->gpu;
    desc.ops = &s->ops;
    desc.opaque = s;
    err = pvg_device_new(&desc, &s->dev);
    if (err == PVG_ERR_NO_GPU) {
        error_setg(errp, "gpu '%s' is not available: use gpu=auto, or "
                   "gpu=none for displays without rendering", s->gpu);
        return false;
    } else if (err) {
        error_setg(errp, "cannot create the device: %s", pvg_error_text(err));
        return false;
    }
    if (!callbacks) {
        apple_gfx_ram_start(s);
    }
    return true;
}

bool apple_gfx_common_realize(AppleGFXState *s, Error **errp)
{
    const char *id = s->owner->id;
    uint32_t i, max = MIN(pvg_max_display_ports(), APPLE_GFX_MAX_DISPLAYS);

    if (s->display_count < 1 || s->display_count > max) {
        error_setg(errp, "displays=%u: 1 to %u are possible",
                   s->display_count, max);
        return false;
    }
    if (s->guest_page_shift != 12 && s->guest_page_shift != 14) {
        error_setg(errp, "guest-page-shift=%u: 12 and 14 are possible",
                   s->guest_page_shift);
        return false;
    }
    s->id = id ? g_strdup(id) : g_strdup(object_get_typename(OBJECT(s->owner)));

    error_setg(&s->migration_blocker, "%s: migration and snapshots are not "
               "supported yet", s->id);
    if (apple_gfx_migration_block(&s->migration_blocker, errp) < 0) {
        return false;
    }
    /* Its message may go to a window of ours: then QEMU sees the circle. */
    s->irq_bh = qemu_bh_new_guarded(apple_gfx_irq_bh, s,
                                    &s->owner->mem_reentrancy_guard);

    if (!apple_gfx_device_realize(s, errp)) {
        return false;
    }
    for (i = 0; i < s->display_count; i++) {
        if (!apple_gfx_display_realize(&s->display[i], errp)) {
            return false;
        }
    }
    if (s->record && *s->record && !apple_gfx_record(s, s->record, errp)) {
        return false;
    }

    s->vm_state = qemu_add_vm_change_state_handler(apple_gfx_vm_state, s);
    s->exit = g_new0(AppleGFXExit, 1);
    s->exit->s = s;
    s->exit->parent.notify = apple_gfx_exit;
    qemu_add_exit_notifier(&s->exit->parent);
    return true;
}

/* Also undoes a realize that stopped half way. */
void apple_gfx_common_unrealize(AppleGFXState *s)
{
    uint32_t i;

    apple_gfx_stop(s);
    if (s->exit) {
        qemu_remove_exit_notifier(&s->exit->parent);
        g_free(s->exit);
        s->exit = NULL;
    }
    if (s->vm_state) {
        qemu_del_vm_change_state_handler(s->vm_state);
        s->vm_state = NULL;
    }
    apple_gfx_ram_stop(s);
    for (i = 0; i < APPLE_GFX_MAX_DISPLAYS; i++) {
        apple_gfx_display_unrealize(&s->display[i]);
    }
    pvg_device_free(s->dev);
    s->dev = NULL;
    s->stopped = s->paused = s->recording = false;
    if (s->irq_bh) {
        qemu_bh_delete(s->irq_bh);
        s->irq_bh = NULL;
    }
    apple_gfx_migration_unblock(&s->migration_blocker);
    g_free(s->id);
    s->id = NULL;
}

/*
 * Hold phase, big lock held: the library waits for its own threads only (T-7).
 */
void apple_gfx_common_reset(AppleGFXState *s)
{
    uint32_t i;

    if (!s->dev || s->stopped) {
        return;
    }
    trace_apple_gfx_reset(s->id);
    pvg_device_reset(s->dev);
    qatomic_set(&s->irq_pending, 0);
    for (i = 0; i < s->display_count; i++) {
        apple_gfx_display_reset(&s->display[i]);
    }
}

void apple_gfx_common_init(AppleGFXState *s, DeviceState *owner,
                           const AppleGFXFront *front)
{
    struct pvg_device_desc desc;
    uint32_t i;

    s->owner = owner;
    s->front = front;
    pvg_device_desc_init(&desc, sizeof(desc));
    memory_region_init_io(&s->mmio, OBJECT(owner), &apple_gfx_mmio_ops, s,
                          "apple-gfx-mmio", desc.mmio_length_bytes);
    for (i = 0; i < APPLE_GFX_MAX_DISPLAYS; i++) {
        apple_gfx_display_init(&s->display[i], s, i);
    }
}

void apple_gfx_common_finalize(AppleGFXState *s)
{
    uint32_t i;

    for (i = 0; i < APPLE_GFX_MAX_DISPLAYS; i++) {
        apple_gfx_display_finalize(&s->display[i]);
    }
    g_free(s->gpu);
    g_free(s->tasks);
    g_free(s->cursor);
    g_free(s->record);
}
