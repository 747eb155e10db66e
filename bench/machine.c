/* SPDX-License-Identifier: MIT */
/* The machine of measurements: see machine.h. */
#include "machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "measure.h"

uint32_t machine_page_shift(struct vmm *vmm)
{
    return 12;
}

void *machine_ram(struct vmm *vmm, uint64_t gpa)
{
    return vmm->ram[gpa >> 32] + (gpa & 0xffffffff);
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
    uint64_t end = now_ns() + (uint64_t)timeout_ms * 1000000;

    while (atomic_load(&vmm->interrupts) == vmm->seen) {
        if (now_ns() > end)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
    vmm->seen = atomic_load(&vmm->interrupts);
    return true;
}

static void raise_interrupt(void *opaque, uint32_t vector)
{
    struct vmm *vmm = opaque;

    atomic_store(&vmm->interrupt_ns, now_ns());
    atomic_fetch_add(&vmm->interrupts, 1);
}

/* Before the first packet, hence before anybody asks for the clock. */
static void thread_enter(void *opaque, const char *name)
{
    struct vmm *vmm = opaque;

    if (!strcmp(name, "pvg-worker") && pthread_getcpuclockid(pthread_self(), &vmm->worker_clock))
        die("no processor clock of the worker");
}

static void log_message(void *opaque, enum pvg_log_level level, const char *message)
{
    if (level <= PVG_LOG_WARN)
        fprintf(stderr, "libpvg: %s\n", message);
}

/* A console that shows pointers itself, as QEMU's do: otherwise the library draws them into the pictures. */
static void on_cursor(void *opaque, const struct pvg_cursor *cursor)
{
}

static void on_cursor_show(void *opaque, bool visible)
{
}

static const struct pvg_display_ops display_ops = {
    .size = sizeof(display_ops), .on_cursor = on_cursor, .on_cursor_show = on_cursor_show};

static const struct pvg_host_ops host_ops = {
    .size = sizeof(host_ops), .raise_interrupt = raise_interrupt, .log = log_message, .thread_enter = thread_enter};

void must(struct guest *g, bool good)
{
    if (!good)
        die("guest: %s", g->error);
}

void bench_machine_new(struct vmm *vmm, uint32_t width, uint32_t height, struct guest **guest)
{
    const struct pvg_mode mode = {.width_px = (uint16_t)width, .height_px = (uint16_t)height, .refresh_hz = 60};
    struct pvg_device_desc desc;
    struct pvg_display_desc display;

    *vmm = (struct vmm){0};
    pvg_device_desc_init(&desc, sizeof(desc));
    desc.guest_page_shift = 12;
    desc.gpu = "none";
    desc.ops = &host_ops;
    desc.opaque = vmm;
    if (pvg_device_new(&desc, &vmm->device))
        die("cannot create the device");
    for (int i = 0; i <= RAM_BLOCKS; i++) {
        int fd = memfd_create("bench-ram", MFD_CLOEXEC);

        if (fd < 0 || ftruncate(fd, RAM_BLOCK_BYTES))
            die("cannot make guest RAM");
        vmm->ram[i] = mmap(NULL, RAM_BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
        if (vmm->ram[i] == MAP_FAILED ||
            pvg_device_add_ram(vmm->device, RAM_BLOCK_GPA(i), RAM_BLOCK_BYTES, vmm->ram[i], fd, 0, PVG_RAM_SHARED))
            die("cannot map guest RAM");
        /* The descriptor stays open until the end of the process, as the library borrows it. */
    }
    pvg_display_desc_init(&display, sizeof(display));
    display.ops = &display_ops;
    if (pvg_display_new(vmm->device, &display, 0, 1, &vmm->display) || pvg_display_set_modes(vmm->display, &mode, 1))
        die("cannot attach a monitor");
    *guest = guest_new(vmm);
    if (!*guest)
        die("out of memory");
    must(*guest, guest_boot(*guest, 0) && guest_online(*guest, 0));
}

void bench_machine_free(struct vmm *vmm, struct guest *guest)
{
    guest_free(guest);
    pvg_device_free(vmm->device);
    for (int i = 0; i <= RAM_BLOCKS; i++)
        munmap(vmm->ram[i], RAM_BLOCK_BYTES);
}

void spin_stamp(struct guest *g, const struct channel *c, uint32_t stamp)
{
    uint64_t end = now_ns() + 10000000000ull;

    while ((int32_t)(load32(g, g->fifo + 4 * c->id) - stamp) < 0) {
        relax();
        if (now_ns() > end)
            die("stamp %u of channel %u does not come", stamp, c->id);
    }
}
