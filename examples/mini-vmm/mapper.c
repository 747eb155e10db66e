/* SPDX-License-Identifier: MIT */
/*
 * The VMM's side of the surface mapper: second window and line of the memory-mapped variant, and the memory callbacks
 * that Apple's contract has for it (docs/spec/host-api.md 1.14). What vmm.c is for the device.
 */
#include "vmm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- what the guest's CPU does ---- */

uint64_t machine_mapper_in(struct vmm *vmm, uint32_t reg)
{
    return pvg_iosfc_mmio_read(vmm->mapper, reg, 8);
}

void machine_mapper_out(struct vmm *vmm, uint32_t reg, uint64_t value)
{
    pvg_iosfc_mmio_write(vmm->mapper, reg, value, 8);
}

bool machine_mapper_halt(struct vmm *vmm, int timeout_ms)
{
    struct pollfd line = {.fd = vmm->mapper_fd, .events = POLLIN};
    uint64_t count;

    return poll(&line, 1, timeout_ms) == 1 && read(vmm->mapper_fd, &count, sizeof(count)) == sizeof(count);
}

/* ---- callbacks ---- */

static void raise_interrupt(void *opaque, uint32_t vector)
{
    struct vmm *vmm = opaque;
    const uint64_t one = 1;

    if (write(vmm->mapper_fd, &one, sizeof(one)) != sizeof(one))
        abort();
}

/* A view of its own for each range, in whole pages of the host: the range may begin and end anywhere. */
static bool map_memory(void *opaque, uint64_t gpa, uint64_t length_bytes, bool readonly, void **host)
{
    struct vmm *vmm = opaque;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), at, before;
    uint8_t *view;

    *host = NULL;
    if (!ram_at(vmm, gpa, length_bytes, &at))
        return false;
    before = at % page;
    view = mmap(NULL, before + length_bytes, PROT_READ | (readonly ? 0 : PROT_WRITE), MAP_SHARED, vmm->ram_fd,
                (off_t)(at - before));
    if (view == MAP_FAILED)
        return false;
    atomic_fetch_add(&vmm->live_ranges, 1);
    *host = view + before;
    return true;
}

static bool unmap_memory(void *opaque, void *host, uint64_t length_bytes)
{
    struct vmm *vmm = opaque;
    uint64_t before = (uintptr_t)host % (uint64_t)sysconf(_SC_PAGESIZE);

    if (munmap((uint8_t *)host - before, before + length_bytes))
        return false;
    atomic_fetch_sub(&vmm->live_ranges, 1);
    return true;
}

bool mapper_init(struct vmm *vmm)
{
    static const struct pvg_iosfc_ops ops = {
        .size = sizeof(ops),
        .raise_interrupt = raise_interrupt,
        .map_memory = map_memory,
        .unmap_memory = unmap_memory,
    };
    struct pvg_iosfc_desc desc;
    int err;

    vmm->mapper_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (vmm->mapper_fd < 0) {
        fprintf(stderr, "mini-vmm: cannot make the mapper's line: %s\n", strerror(errno));
        return false;
    }
    pvg_iosfc_desc_init(&desc, sizeof(desc));
    desc.ops = &ops;
    desc.opaque = vmm;
    err = pvg_iosfc_new(vmm->device, &desc, &vmm->mapper);
    if (err)
        fprintf(stderr, "mini-vmm: cannot create the mapper: %s\n", pvg_error_text(err));
    return !err;
}

void mapper_fini(struct vmm *vmm)
{
    pvg_iosfc_free(vmm->mapper);
    if (vmm->mapper_fd >= 0)
        close(vmm->mapper_fd);
}
