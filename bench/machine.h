/* SPDX-License-Identifier: MIT */
/*
 * The machine that measurements run the example's guest on (examples/mini-vmm/guest.h): the same interface, with
 * nothing on the measured paths but the library. An interrupt is a counter and a time.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdatomic.h>
#include <time.h>

#include <pvg/pvg.h>

#include "guest.h"

/* A third block, which the guest's allocator of scattered pages does not know: for what is to be contiguous. */
#define STRAIGHT_GPA RAM_BLOCK_GPA(2)

struct vmm {
    uint8_t *ram[RAM_BLOCKS + 1];
    struct pvg_device *device;
    struct pvg_display *display;
    clockid_t worker_clock; /* processor time of the library's worker */
    _Atomic uint64_t interrupts;
    _Atomic uint64_t interrupt_ns; /* when the last one was raised */
    uint64_t seen;                 /* interrupts that the guest has handled */
};

/* A device with one monitor of @width x @height, and a guest that has booted and seen it online. */
void bench_machine_new(struct vmm *vmm, uint32_t width, uint32_t height, struct guest **guest);
void bench_machine_free(struct vmm *vmm, struct guest *guest);

/* End the measurement with the guest's own words when @good is false. */
void must(struct guest *g, bool good);

/* Spin until the stamp cell of channel @c has reached @stamp. */
void spin_stamp(struct guest *g, const struct channel *c, uint32_t stamp);

#endif
