/* SPDX-License-Identifier: MIT */
/*
 * The wire as the guest knows it. Written from the specification alone and on purpose not shared with the library
 * (docs/decisions.md 11): a mistake on one side shows. Names and numbers: transport.md 2, 5, 7, 8; memory.md 1 to 5, 9;
 * display.md 3, 4.
 */
#ifndef MINI_VMM_PROTOCOL_H
#define MINI_VMM_PROTOCOL_H

/* Registers, byte offsets in the window (transport 2). */
#define REG_FIFO_CONTROL     0x1000
#define REG_ROOT_FIFO_LENGTH 0x1004
#define REG_ROOT_PRODUCER    0x1008
#define REG_ROOT_CONSUMER    0x100c
#define REG_ROOT_FIFO_START  0x1010
#define REG_DISPLAY_EVENTS   0x1014 /* reading clears */
#define REG_STAMP_EVENTS     0x1018 /* reading clears */
#define REG_ROOT_PAGE        0x101c
#define REG_CHILD_DOORBELL   0x1020
#define REG_FAULT            0x102c
#define REG_ROOT_FIFO_PAGE   0x1030
#define REG_VERSION          0x1034
#define REG_DISPLAY_DOORBELL 0x1220
#define REG_DISPLAY_PORTS    0x122c

#define VERSION_PROPOSED 6 /* what a 2026 driver of the PCI variant asks for (transport 3) */

/* Commands (transport 8.0). */
#define OP_SET_SHARED_PAGE  0x01
#define OP_ONLINE_ACK       0x02
#define OP_CURSOR_GLYPH     0x04
#define OP_CURSOR_SHOW      0x05
#define OP_PRESENT          0x06
#define OP_PRESENT_GAMMA    0x07
#define OP_PRESENT_MAPPING  0x08
#define OP_NOP              0x1e
#define OP_DELETE_TASK      0x20
#define OP_UNMAP            0x22
#define OP_DEFINE_CHANNEL   0x30
#define OP_DELETE_CHANNEL   0x31
#define OP_SET_OBJECT_LIST  0x33
#define OP_INVALIDATE       0x34
#define OP_DELETE_SURFACE   0x36
#define OP_DEFINE_TASK      0x38
#define OP_MAP              0x39
#define OP_DEVICE_INFO      0x3a
#define OP_REPLACE_PHYSICAL 0x3c

#define PACKET_HEADER_BYTES 12 /* u16 opcode, u16 barriers, u32 length, u32 stamp (transport 5.3) */

/* Channels (transport 7.1, 7.2): a record of 20 bytes each in the root page. */
#define CHANNEL_ROOT         0
#define CHANNEL_IMMEDIATE    2
#define CHANNEL_DISPLAY      5 /* of port 0 */
#define CHANNEL_DISPLAY_MMIO 4
#define RECORD_OFFSET(id)    (0x400 + ((id)-1) * 0x14)
#define RECORD_WRITTEN       0x00
#define RECORD_READ          0x04
#define RECORD_STAMP_INDEX   0x0c
#define RECORD_LIST          0x10

/* Directory page of a task (memory 1.3). */
#define DIRECTORY_ROOT   0x00
#define DIRECTORY_DEPTH  0x04
#define DIRECTORY_LENGTH 0x14
#define TABLE_DEPTH      3
#define TASK_LENGTH      0x400000000ull /* 16 GiB, as macOS has */
#define RAW_KERNEL_TASK  1              /* task 0 with the kernel flag (memory 1.1) */

/* Object list: 12 bytes a slot; a type-4 surface of one plane has a descriptor of 0x24 bytes (memory 4.2, 5.3). */
#define SLOT_BYTES               12
#define OBJECT_SURFACE           4
#define SURFACE_DESCRIPTOR_BYTES 0x24
#define FORMAT_BGRA              0x42475241u

/* Shared page of a display (display 4.1). */
#define SHARED_SERIAL       0x000
#define SHARED_NAME         0x004
#define SHARED_NAME_BYTES   14
#define SHARED_PORT         0x012
#define SHARED_WIDTH_MM     0x014
#define SHARED_HEIGHT_MM    0x016
#define SHARED_CURSOR_WIDTH 0x018
#define SHARED_GAMMA_COUNT  0x01c
#define SHARED_CHROMA       0x02c
#define SHARED_ORIGIN       0x04c
#define SHARED_PENDING      0x100
#define SHARED_ENABLED      0x104
#define SHARED_EPOCH        0x200
#define SHARED_MODE_COUNT   0x208
#define SHARED_MODES        0x210
#define SHARED_MODE_BYTES   16
#define SHARED_MODES_MAX    191
#define SHARED_CURSOR_AT    0xe00
#define SHARED_CURSOR_SHOWN 0xe04
#define CURSOR_NOWHERE      0xffffffffu

/* The surface mapper: 64-bit registers, ring of requests, descriptor table (memory 9.2 to 9.5). */
#define MAPPER_RING           0x1000
#define MAPPER_CAPACITY       0x1008
#define MAPPER_TABLE          0x1010
#define MAPPER_PRODUCER       0x1018
#define MAPPER_CONSUMER       0x1020 /* read */
#define MAPPER_ENABLE         0x1020 /* write */
#define MAPPER_ENTRY_BYTES    16
#define MAPPER_ENTRY_RESULT   8
#define MAPPER_OP_MAP         1
#define MAPPER_OP_UNMAP       2
#define MAPPER_PRESENT        1 /* a page entry: page number << 2, and this */
#define MAPPED_RECORD_BYTES   0x200
#define MAPPED_RECORD_LIST    0x00
#define MAPPED_RECORD_FORMAT  0x04
#define MAPPED_RECORD_SIZE    0x10
#define MAPPED_RECORD_EXTENT  0x14
#define MAPPED_RECORD_PITCH   0x1c
#define MAPPED_RECORD_ELEMENT 0x20

/* Events of a display (display 6.1). */
#define EVENT_VBLANK  1u
#define EVENT_ONLINE  4u
#define EVENT_OFFLINE 8u

#endif
