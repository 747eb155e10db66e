/* SPDX-License-Identifier: MIT */
/* Register offsets of the gfx window, from its start (transport 2, display 10). */
#ifndef PVG_WIRE_REGS_H
#define PVG_WIRE_REGS_H

#define REG_FIRST             0x1000u /* below: set aside for interrupt vectors, reads 0 */
#define REG_FIFO_CONTROL      0x1000u
#define REG_ROOT_FIFO_LENGTH  0x1004u
#define REG_ROOT_PRODUCER     0x1008u
#define REG_ROOT_CONSUMER     0x100cu
#define REG_ROOT_FIFO_START   0x1010u
#define REG_DISPLAY_EVENTS    0x1014u
#define REG_STAMP_EVENTS      0x1018u
#define REG_ROOT_PAGE_PFN     0x101cu
#define REG_CHILD_DOORBELL    0x1020u
#define REG_ROOT_RESUME       0x1024u
#define REG_CHILD_RESUME      0x1028u
#define REG_INTR_FAULT        0x102cu
#define REG_ROOT_FIFO_PFN     0x1030u
#define REG_VERSION           0x1034u
#define REG_NEW_ICB           0x1038u
#define REG_ROOT_FAULT_OFFSET 0x103cu

#define REG_EFI_DISPLAY_SELECT 0x1200u
#define REG_EFI_MODES          0x1204u
#define REG_EFI_MODE_INDEX     0x1208u
#define REG_EFI_MODE_EXTENT    0x120cu
#define REG_EFI_BUFFER_ADDRESS 0x1210u /* the only 64-bit register */
#define REG_EFI_BUFFER_SIZE    0x1214u
#define REG_EFI_BUFFER_BPP     0x1218u
#define REG_EFI_BUFFER_ENABLE  0x121cu
#define REG_DISPLAY_DOORBELL   0x1220u
#define REG_EFI_PITCH_ALIGN    0x1224u
#define REG_EFI_BUFFER_PITCH   0x1228u
#define REG_DISPLAY_PORTS      0x122cu
#define REG_BUILTIN_CONNECTED  0x1234u

/* Highest protocol version whose rungs are known (transport 3). */
#define WIRE_VERSION_MAX 62u
#define WIRE_VERSION_BIT31 0x80000000u
/* Required alignment of a firmware picture's rows, in bytes (display 10). */
#define WIRE_EFI_PITCH_ALIGN 64u

#endif
