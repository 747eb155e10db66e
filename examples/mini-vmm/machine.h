/* SPDX-License-Identifier: MIT */
/*
 * The computer as its software sees it: RAM, the device's register window, one interrupt line; with the memory-mapped
 * variant also the surface mapper's window and line. vmm.c and mapper.c build it; the guest knows nothing else of the
 * VMM, and nothing of libpvg.
 */
#ifndef MINI_VMM_MACHINE_H
#define MINI_VMM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct vmm;

/* RAM comes in two blocks with a hole between them, as in a PC: at 0 and at 4 GiB. */
#define RAM_BLOCKS       2
#define RAM_BLOCK_BYTES  (64ull << 20)
#define RAM_BLOCK_GPA(i) ((uint64_t)(i) << 32)

uint32_t machine_page_shift(struct vmm *vmm);
/* The CPU's view of RAM at guest-physical address @gpa: up to the end of its block. The address must be RAM. */
void *machine_ram(struct vmm *vmm, uint64_t gpa);
uint32_t machine_in(struct vmm *vmm, uint32_t reg);
void machine_out(struct vmm *vmm, uint32_t reg, uint32_t value);
/* Halt until the interrupt line was raised since the last call, at most @timeout_ms. False: it was not. */
bool machine_halt(struct vmm *vmm, int timeout_ms);

/* The mapper's: called by guest_mapper.c alone. */
uint64_t machine_mapper_in(struct vmm *vmm, uint32_t reg);
void machine_mapper_out(struct vmm *vmm, uint32_t reg, uint64_t value);
bool machine_mapper_halt(struct vmm *vmm, int timeout_ms);

#endif
