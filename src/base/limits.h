/* SPDX-License-Identifier: MIT */
/*
 * Every table, queue, depth and byte budget that a guest can fill, with the reason for its number.
 * (docs/spec/memory.md 12, transport.md 11.2, display.md 14)
 */
#ifndef PVG_BASE_LIMITS_H
#define PVG_BASE_LIMITS_H

/* FIFOs: root and ids 1..31; the status register has 32 bits, Apple's guests use at most 12 (transport 7.2). */
#define LIMIT_FIFOS 32
/* Apple's host accepts at most this for the whole root FIFO buffer, in bytes (transport 2). */
#define LIMIT_ROOT_FIFO_BYTES 0x20000u
/* Barriers in one packet: Apple's host takes 32, one source cites 64 (transport 5.3). */
#define LIMIT_BARRIERS 64
/* Commands of one FIFO started and not yet completed: depth of Apple's stamp queue (transport 5.5). */
#define LIMIT_PENDING 32
/* Packets of one FIFO served before the others have their turn: bounds the wait of a neighbour to about 10 us of NOPs. */
#define LIMIT_TURN_PACKETS 128

/* Private copies of packets, all FIFOs: two of the largest that a ring of 16 KiB pages holds, whose pages may be one page. */
#define LIMIT_PACKETS_BYTES (128u << 20)
/* A FIFO keeps a buffer up to this for its next packet: the ring that Apple's guests use. */
#define LIMIT_PACKET_KEPT_BYTES (64u << 10)

#define LIMIT_PORTS 8              /* display pipes: DISPLAY_EVENTS and Apple's driver (transport 2) */
#define LIMIT_EDGE_PX 8192         /* edge of a scanout surface (memory 12) */
/* All pictures of a device: eight displays of 3840x2160, or one of 8192x8192, with the five copies each that there can be. */
#define LIMIT_PICTURES_BYTES (2ull << 30)
#define LIMIT_FRAME_BYTES (512ull << 20) /* one picture: above 8192x8192x4, so geometry refuses first */
#define LIMIT_SURFACE_BYTES (1ull << 30) /* backing of a surface to be shown: two of the largest pictures */
#define LIMIT_CURSOR_PX 512        /* QEMU's cursor object takes no more (display 9.5) */
#define LIMIT_CURSOR_BYTES (16u << 20) /* from its first byte to its last: rows of 32 KiB; all its pages are looked up */
#define LIMIT_GAMMA_ENTRIES 4096   /* display 8.1 */
#define LIMIT_MODES 128            /* Apple's contract (host-api 1.12); all fit below the pointer words of the page */
#define LIMIT_MODES_SHORT_PAGE 95  /* MMIO variant: nothing at 0x800 or above may be written (display 4) */
#define LIMIT_SURFACE_RETRY_MS 50  /* a present waits this long for pages not mapped yet (display 7.2(5)) */

#define LIMIT_TASKS 4096           /* live tasks; Apple's guest has a pool of 256 (memory 1.1) */
#define LIMIT_TASK_BITS 47         /* address space of a task: what a host process can reserve (memory 12) */
#define LIMIT_PT_DEPTH 4           /* levels of a page table: 4 covers 48 bits on both geometries (memory 1.3) */
#define LIMIT_SPAN_BYTES (16ull << 30) /* one span where the size of guest RAM is not known (callback mode): 4 Mi pages */
#define LIMIT_TASKS_BITS 45        /* all tasks in callback mode: a quarter of the addresses of the VMM's process, which dies without */
#define LIMIT_TASK_INTERVALS 16384 /* separate mappings of all tasks in callback mode: as LIMIT_VIEW_VMAS */
#define LIMIT_DESCRIPTOR_BYTES 4096       /* descriptors of types 1..5 and 11 (memory 12) */
#define LIMIT_STATE_DESCRIPTOR_BYTES (1u << 20) /* descriptors of types 6..8 (memory 12) */
#define LIMIT_OBJECT_BYTES (64u << 20)    /* snapshots and validity records of all objects of a device */
#define LIMIT_IOSFC_CAPACITY 65536u /* entries of the mapper's ring; guests use 0x400 (memory 9.4) */
#define LIMIT_MAPPINGS (1u << 18)  /* live mappings: about 80 MiB of records; guests have 0x1fff ids (memory 9.4) */
#define LIMIT_MAPPED_RANGES (1u << 21) /* of all mappings, callback mode: one has up to 4096; 64 MiB of records */
#define LIMIT_VIEW_VMAS 16384      /* mappings made by host views: a quarter of the kernel's default vm.max_map_count */

#endif
