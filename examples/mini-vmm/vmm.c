/* SPDX-License-Identifier: MIT */
/*
 * The VMM: guest RAM as a memfd, the register window, interrupts as an eventfd, and what the library calls back. This
 * is all that libpvg needs of a VMM. The callbacks run on the library's threads and only note things down: who waits
 * for them sleeps on vmm.news.
 */
#include "vmm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* After this a wait has failed. Long: a busy machine gives a process no processor for a while. */
#define WAIT_SECONDS 120

static bool say(const char *what, const char *why)
{
    fprintf(stderr, "mini-vmm: %s: %s\n", what, why);
    return false;
}

/* ---- what the guest's CPU does ---- */

uint32_t machine_page_shift(struct vmm *vmm)
{
    return vmm->page_shift;
}

void *machine_ram(struct vmm *vmm, uint64_t gpa)
{
    return ram_at(vmm, gpa, 4, NULL);
}

uint32_t machine_in(struct vmm *vmm, uint32_t reg)
{
    return (uint32_t)pvg_device_mmio_read(vmm->device, reg, 4);
}

void machine_out(struct vmm *vmm, uint32_t reg, uint32_t value)
{
    pvg_device_mmio_write(vmm->device, reg, value, 4);
}

bool machine_halt(struct vmm *vmm, int timeout_ms)
{
    struct pollfd line = {.fd = vmm->interrupt_fd, .events = POLLIN};
    uint64_t count;

    return poll(&line, 1, timeout_ms) == 1 && read(vmm->interrupt_fd, &count, sizeof(count)) == sizeof(count);
}

/* ---- callbacks of the device ---- */

static void raise_interrupt(void *opaque, uint32_t vector)
{
    struct vmm *vmm = opaque;
    const uint64_t one = 1;

    atomic_fetch_add(&vmm->interrupts, 1);
    /* Cannot fail or block: the counter is read long before it is full. */
    if (write(vmm->interrupt_fd, &one, sizeof(one)) != sizeof(one))
        abort();
}

static void log_message(void *opaque, enum pvg_log_level level, const char *message)
{
    static const char *const names[] = {"error", "warning", "note", "detail"};
    struct vmm *vmm = opaque;

    /* Our guest makes no mistakes: whatever the library complains of is ours or its own. */
    if (level <= PVG_LOG_WARN)
        atomic_fetch_add(&vmm->complaints, 1);
    if (level <= PVG_LOG_WARN || vmm->verbose)
        fprintf(stderr, "libpvg: %s: %s\n", names[level], message);
}

static void task_event(void *opaque, const struct pvg_task_event *event)
{
    static const char *const names[] = {"?", "created", "destroyed", "mapped", "unmapped"};
    struct vmm *vmm = opaque;

    atomic_fetch_add(&vmm->task_events, 1);
    if (vmm->verbose)
        fprintf(stderr, "task %u %s: 0x%llx + 0x%llx\n", event->task, names[event->kind],
                (unsigned long long)event->offset_bytes, (unsigned long long)event->length_bytes);
}

/* ---- callbacks of the displays ---- */

static void on_mode(void *opaque, uint32_t width_px, uint32_t height_px, uint32_t fourcc)
{
    struct monitor *m = opaque;

    pthread_mutex_lock(&m->vmm->lock);
    m->width_px = width_px;
    m->height_px = height_px;
    pthread_mutex_unlock(&m->vmm->lock);
}

static void on_frame(void *opaque, uint64_t sequence)
{
    struct monitor *m = opaque;

    pthread_mutex_lock(&m->vmm->lock);
    m->frames++;
    pthread_cond_broadcast(&m->vmm->news);
    m->held = m->hold;
    while (m->hold)
        pthread_cond_wait(&m->vmm->news, &m->vmm->lock);
    m->held = false;
    pthread_mutex_unlock(&m->vmm->lock);
}

/* The image is the library's and valid during the call only. */
static void on_cursor(void *opaque, const struct pvg_cursor *cursor)
{
    struct monitor *m = opaque;
    uint32_t *glyph = malloc(4u * cursor->width_px * cursor->height_px);

    if (!glyph)
        return; /* the old image stays */
    for (uint32_t y = 0; y < cursor->height_px; y++)
        memcpy(glyph + y * cursor->width_px, cursor->pixels + (size_t)y * cursor->stride_bytes, 4u * cursor->width_px);
    pthread_mutex_lock(&m->vmm->lock);
    free(m->glyph);
    m->glyph = glyph;
    m->glyph_width = cursor->width_px;
    m->glyph_height = cursor->height_px;
    m->glyph_hot_x = cursor->hot_x_px;
    m->glyph_hot_y = cursor->hot_y_px;
    pthread_cond_broadcast(&m->vmm->news);
    pthread_mutex_unlock(&m->vmm->lock);
}

static void on_cursor_show(void *opaque, bool visible)
{
    struct monitor *m = opaque;

    pthread_mutex_lock(&m->vmm->lock);
    m->pointer_shown = visible;
    pthread_cond_broadcast(&m->vmm->news);
    pthread_mutex_unlock(&m->vmm->lock);
}

static void on_cursor_move(void *opaque, uint16_t x_px, uint16_t y_px)
{
    struct monitor *m = opaque;

    pthread_mutex_lock(&m->vmm->lock);
    m->pointer = (struct pvg_coord){x_px, y_px};
    pthread_cond_broadcast(&m->vmm->news);
    pthread_mutex_unlock(&m->vmm->lock);
}

static const struct pvg_display_ops display_ops = {
    .size = sizeof(display_ops),
    .on_mode = on_mode,
    .on_frame = on_frame,
    .on_cursor = on_cursor,
    .on_cursor_show = on_cursor_show,
    .on_cursor_move = on_cursor_move,
};

bool vmm_wait(struct vmm *vmm, struct monitor *m, bool (*seen)(struct monitor *m, const void *arg), const void *arg)
{
    struct timespec until;
    int err = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_SECONDS;
    while (!seen(m, arg) && !err)
        err = pthread_cond_timedwait(&vmm->news, &vmm->lock, &until);
    return !err;
}

/* ---- building the machine ---- */

static bool make_ram(struct vmm *vmm)
{
    vmm->ram_fd = memfd_create("guest-ram", MFD_CLOEXEC);
    if (vmm->ram_fd < 0 || ftruncate(vmm->ram_fd, (off_t)(RAM_BLOCKS * RAM_BLOCK_BYTES)))
        return say("cannot make guest RAM", strerror(errno));
    for (int i = 0; i < RAM_BLOCKS; i++) {
        vmm->ram[i] =
            mmap(NULL, RAM_BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, vmm->ram_fd, (off_t)(i * RAM_BLOCK_BYTES));
        if (vmm->ram[i] == MAP_FAILED) {
            vmm->ram[i] = NULL;
            return say("cannot map guest RAM", strerror(errno));
        }
    }
    return true;
}

static bool make_device(struct vmm *vmm, const struct vmm_options *options)
{
    static const struct pvg_host_ops host_ops = {
        .size = sizeof(host_ops),
        .raise_interrupt = raise_interrupt,
        .log = log_message,
        .task_event = task_event,
        .create_task = views_create,
        .destroy_task = views_destroy,
        .map_memory = views_map,
        .unmap_memory = views_unmap,
        .read_memory = views_read,
    };
    struct pvg_device_desc desc;
    int err;

    pvg_device_desc_init(&desc, sizeof(desc));
    desc.variant = options->variant;
    desc.guest_page_shift = options->page_shift;
    desc.display_port_count = options->monitors;
    desc.tasks = options->tasks;
    desc.gpu = "none";
    desc.ops = &host_ops;
    desc.opaque = vmm;
    err = pvg_device_new(&desc, &vmm->device);
    if (err)
        return say("cannot create the device", pvg_error_text(err));

    /* With the callbacks the library asks for RAM and needs no table. */
    for (int i = 0; options->tasks == PVG_TASKS_TABLE && i < RAM_BLOCKS; i++) {
        err = pvg_device_add_ram(vmm->device, RAM_BLOCK_GPA(i), RAM_BLOCK_BYTES, vmm->ram[i], vmm->ram_fd,
                                 i * RAM_BLOCK_BYTES, PVG_RAM_SHARED);
        if (err)
            return say("cannot tell the device about RAM", pvg_error_text(err));
    }
    return true;
}

static bool attach(struct vmm *vmm, uint32_t port)
{
    struct monitor *m = &vmm->monitors[port];
    struct pvg_display_desc desc;
    int err;

    m->vmm = vmm;
    m->serial = 1000 + port;
    m->pointer = (struct pvg_coord){0xffff, 0xffff};
    pvg_display_desc_init(&desc, sizeof(desc));
    desc.name = "mini-vmm";
    desc.width_mm = 480;
    desc.height_mm = 270;
    desc.ops = &display_ops;
    desc.opaque = m;
    err = pvg_display_new(vmm->device, &desc, port, m->serial, &m->display);
    return err ? say("cannot attach a monitor", pvg_error_text(err)) : true;
}

bool vmm_init(struct vmm *vmm, const struct vmm_options *options)
{
    pthread_condattr_t attr;

    *vmm = (struct vmm){.page_shift = options->page_shift,
                        .verbose = options->verbose,
                        .ram_fd = -1,
                        .interrupt_fd = -1,
                        .mapper_fd = -1,
                        .monitor_count = options->monitors};
    pthread_mutex_init(&vmm->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&vmm->news, &attr);
    pthread_condattr_destroy(&attr);
    vmm->interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (vmm->interrupt_fd < 0)
        return say("cannot make the interrupt line", strerror(errno));
    if (!make_ram(vmm) || !make_device(vmm, options))
        return false;
    if (options->variant == PVG_VARIANT_MMIO && !mapper_init(vmm))
        return false;
    for (uint32_t port = 0; port < vmm->monitor_count; port++)
        if (!attach(vmm, port))
            return false;
    return true;
}

/* Mapper and device first: until they are gone their threads may use everything else. The device frees its displays. */
void vmm_fini(struct vmm *vmm)
{
    mapper_fini(vmm);
    pvg_device_free(vmm->device);
    for (uint32_t i = 0; i < MAX_DISPLAYS; i++)
        free(vmm->monitors[i].glyph);
    for (int i = 0; i < RAM_BLOCKS; i++)
        if (vmm->ram[i])
            munmap(vmm->ram[i], RAM_BLOCK_BYTES);
    if (vmm->ram_fd >= 0)
        close(vmm->ram_fd);
    if (vmm->interrupt_fd >= 0)
        close(vmm->interrupt_fd);
    pthread_cond_destroy(&vmm->news);
    pthread_mutex_destroy(&vmm->lock);
}
