/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire of Apple's paravirtualized graphics device as a guest sees it: registers, packets, the
 * shared page of a display pipe, page tables and object records. Written from docs/spec (transport,
 * memory, display) alone, so that a mistake on the host's side of the wire cannot be repeated here
 * unseen (decision 11).
 *
 * Nothing but preprocessor constants: a user-space test includes this file and compares it with the
 * host's tables. Offsets are bytes, all integers on the wire are little-endian.
 */
#ifndef PVG_WIRE_H
#define PVG_WIRE_H

/* PCI identity (transport 1.1) */
#define PVG_PCI_VENDOR_ID		0x106b
#define PVG_PCI_DEVICE_ID		0xeeee
#define PVG_PCI_BAR_REGS		0
#define PVG_REGS_SIZE			0x4000
#define PVG_PAGE_SHIFT_PCI		12
#define PVG_PAGE_SHIFT_MMIO		14

/* Registers, 32 bits each (transport 2, display 6.2) */
#define PVG_REG_FIFO_CONTROL		0x1000	/* 0 stops everything, 1 enables the root FIFO */
#define PVG_REG_ROOT_FIFO_LENGTH	0x1004	/* bytes, stamp page included */
#define PVG_REG_ROOT_PRODUCER		0x1008	/* byte counter; the write is the doorbell */
#define PVG_REG_ROOT_CONSUMER		0x100c	/* byte counter */
#define PVG_REG_ROOT_FIFO_START		0x1010	/* byte offset of ring data in the FIFO buffer */
#define PVG_REG_DISPLAY_EVENTS		0x1014	/* bit = pipe; reading clears */
#define PVG_REG_STAMP_EVENTS		0x1018	/* bit = stamp index mod 32; reading clears */
#define PVG_REG_ROOT_PAGE		0x101c	/* page number of the root page */
#define PVG_REG_CHILD_DOORBELL		0x1020	/* channel id */
#define PVG_REG_ROOT_RESUME		0x1024
#define PVG_REG_CHILD_RESUME		0x1028	/* channel id */
#define PVG_REG_INTR_FAULT		0x102c	/* fault mask; reading clears */
#define PVG_REG_ROOT_FIFO_PAGE		0x1030	/* page number of the FIFO buffer */
#define PVG_REG_VERSION			0x1034	/* write the proposal, read what was granted */
#define PVG_REG_DISPLAY_DOORBELL	0x1220	/* pipe index: look at its cursor words */
#define PVG_REG_DISPLAY_PORTS		0x122c	/* number of pipes */

#define PVG_VERSION_PROPOSED		6	/* the newest one this driver was written for */
#define PVG_VERSION_REFUSED		0x80000000

/* Root FIFO (transport 5) */
#define PVG_ROOT_FIFO_LENGTH		0x10000
#define PVG_ROOT_STAMP_INDEX		0

/* Child channels (transport 7) */
#define PVG_RECORD_BASE			0x400	/* of channel id: + (id - 1) * size */
#define PVG_RECORD_SIZE			0x14
#define PVG_RECORD_WRITTEN		0x00
#define PVG_RECORD_READ			0x04
#define PVG_RECORD_FAULT		0x08
#define PVG_RECORD_STAMP_INDEX		0x0c
#define PVG_RECORD_PAGE_LIST		0x10
#define PVG_CHANNEL_IMMEDIATE		2	/* mappings and objects */
#define PVG_CHANNEL_DISPLAY_PCI		5	/* pipe p: 5 + p */
#define PVG_CHANNEL_DISPLAY_MMIO	4	/* pipe p: 4 + p */
#define PVG_MAX_PIPES			8

/* Packet header (transport 5.3) */
#define PVG_PACKET_OPCODE		0x0	/* u16 */
#define PVG_PACKET_BARRIERS		0x2	/* u16 */
#define PVG_PACKET_LENGTH		0x4	/* u32, everything */
#define PVG_PACKET_STAMP		0x8	/* u32 */
#define PVG_PACKET_HEADER_SIZE		12
#define PVG_PACKET_BARRIER_SIZE		8	/* u32 stamp index, u32 value */

/* Opcodes (transport 8.0, display 3.1) */
#define PVG_CMD_SET_SHARED_PAGE		0x01
#define PVG_CMD_DISPLAY_ACK		0x02
#define PVG_CMD_CURSOR_GLYPH		0x04
#define PVG_CMD_CURSOR_SHOW		0x05
#define PVG_CMD_PRESENT			0x06
#define PVG_CMD_PRESENT_GAMMA		0x07
#define PVG_CMD_PRESENT_MAPPING		0x08
#define PVG_CMD_NOP			0x1e
#define PVG_CMD_UNMAP_MEMORY		0x22
#define PVG_CMD_DEFINE_CHANNEL		0x30
#define PVG_CMD_DELETE_CHANNEL		0x31
#define PVG_CMD_SET_OBJECT_LIST		0x33
#define PVG_CMD_INVALIDATE		0x34
#define PVG_CMD_DELETE_SURFACE		0x36
#define PVG_CMD_DEFINE_TASK		0x38
#define PVG_CMD_MAP_MEMORY		0x39
#define PVG_CMD_GET_DEVICE_INFO		0x3a

/* Payload sizes of those commands */
#define PVG_LEN_SET_SHARED_PAGE		8	/* pipe, page number */
#define PVG_LEN_DISPLAY_ACK		8	/* pipe, epoch */
#define PVG_LEN_CURSOR_GLYPH		44
#define PVG_LEN_CURSOR_SHOW		8	/* pipe, u8 visible and padding */
#define PVG_LEN_PRESENT			12	/* pipe, surface, task */
#define PVG_LEN_PRESENT_GAMMA		36	/* as 0x06, u64 address, u64 length, n, sum */
#define PVG_LEN_PRESENT_MAPPING		40	/* pipe, task, mapping, 0, gamma as 0x07 */
#define PVG_LEN_NOP			0
#define PVG_LEN_UNMAP_MEMORY		20	/* task, u64 address, u64 length */
#define PVG_LEN_DEFINE_CHANNEL		4	/* channel */
#define PVG_LEN_DELETE_CHANNEL		4	/* channel */
#define PVG_LEN_SET_OBJECT_LIST		12	/* task, virtual page number, slots */
#define PVG_LEN_INVALIDATE_1		16	/* task, 1, object, validity bytes */
#define PVG_LEN_DELETE_SURFACE		8	/* object, task: in this order */
#define PVG_LEN_DEFINE_TASK		16	/* id << 1 | kernel, u64 length, directory page */
#define PVG_LEN_MAP_MEMORY		20	/* task, u64 address, u64 length */
#define PVG_LEN_GET_DEVICE_INFO		12	/* key limit, pairs, page number */

#define PVG_DEFINE_TASK_KERNEL		0x1
#define PVG_INVALIDATE_PAGE_ON		0x01000001	/* clear host, set guest valid */
#define PVG_DEVICE_INFO_KEY_LIMIT	18

/* Shared page of a pipe (display 4.1) */
#define PVG_PAGE_SERIAL			0x000	/* u32 */
#define PVG_PAGE_NAME			0x004	/* char[14] */
#define PVG_PAGE_NAME_SIZE		14
#define PVG_PAGE_PIPE			0x012	/* u16 */
#define PVG_PAGE_WIDTH_MM		0x014	/* u16 */
#define PVG_PAGE_HEIGHT_MM		0x016	/* u16 */
#define PVG_PAGE_CURSOR_WIDTH		0x018	/* u16, largest */
#define PVG_PAGE_CURSOR_HEIGHT		0x01a	/* u16, largest */
#define PVG_PAGE_GAMMA_ENTRIES		0x01c	/* u32, 0: send no gamma */
#define PVG_PAGE_CURSOR_FEATURES	0x020	/* u32 */
#define PVG_PAGE_WIDTH_MM_FLOAT		0x024
#define PVG_PAGE_HEIGHT_MM_FLOAT	0x028
#define PVG_PAGE_CHROMATICITY		0x02c	/* 8 floats: Rx Ry Gx Gy Bx By Wx Wy */
#define PVG_PAGE_ORIGIN_X		0x04c	/* u16, 0xffff unset */
#define PVG_PAGE_ORIGIN_Y		0x04e
#define PVG_PAGE_SCALE			0x050	/* u8 */
#define PVG_PAGE_PENDING		0x100	/* u32, host sets, guest clears */
#define PVG_PAGE_ENABLED		0x104	/* u32, guest */
#define PVG_PAGE_EPOCH			0x200	/* u32 */
#define PVG_PAGE_MODE_COUNT		0x208	/* u16 */
#define PVG_PAGE_MODES			0x210
#define PVG_PAGE_CURSOR_POSITION	0xe00	/* u32, x | y << 16 */
#define PVG_PAGE_CURSOR_VISIBLE		0xe04	/* u32 */

#define PVG_MODE_SIZE			16
#define PVG_MODE_WIDTH			0x0	/* u16 */
#define PVG_MODE_HEIGHT			0x2	/* u16 */
#define PVG_MODE_REFRESH		0x4	/* u32, Hz in 16.16 */
#define PVG_MAX_MODES			191	/* the cursor words bound the table */

#define PVG_EVENT_VBLANK		0x1
#define PVG_EVENT_TRANSACTION		0x2
#define PVG_EVENT_ONLINE		0x4
#define PVG_EVENT_OFFLINE		0x8

#define PVG_CURSOR_FEATURE_VISIBLE	0x1	/* ring the doorbell when visibility changed */
#define PVG_CURSOR_FEATURE_POSITION	0x2	/* ring the doorbell when the position changed */
#define PVG_CURSOR_NOWHERE		0xffffffff
#define PVG_CURSOR_MAX_COORDINATE	0xfffe
#define PVG_ORIGIN_UNSET		0xffff

/* Page tables and objects (memory 1.3, 2, 4.2, 5.3) */
#define PVG_DIRECTORY_ROOT		0x00	/* u32 page number */
#define PVG_DIRECTORY_DEPTH		0x04	/* u32 */
#define PVG_DIRECTORY_LENGTH		0x14	/* u64 */
#define PVG_TABLE_DEPTH			3
#define PVG_PTE_SIZE			4
#define PVG_PTE_PAGE_MASK		0x7fffffff
#define PVG_KERNEL_TASK_ID		0
#define PVG_TASK_LENGTH			0x400000000ULL

#define PVG_SLOT_SIZE			12	/* u32 type | length << 8, u64 descriptor address */
#define PVG_SLOT_LENGTH_SHIFT		8
#define PVG_OBJECT_SURFACE		4

#define PVG_SURFACE_LENGTH		0x00	/* u64 */
#define PVG_SURFACE_PAGE		0x08	/* u32, virtual page number */
#define PVG_SURFACE_FORMAT		0x0c	/* u32 */
#define PVG_SURFACE_PLANES		0x10	/* u8 */
#define PVG_SURFACE_PLANE0		0x14
#define PVG_PLANE_OFFSET		0x0	/* u32 */
#define PVG_PLANE_WIDTH			0x4	/* u32 */
#define PVG_PLANE_HEIGHT		0x8	/* u32 */
#define PVG_PLANE_PITCH			0xc	/* u32, bytes per row | bytes per element << 24 */
#define PVG_PLANE_SIZE			16
#define PVG_PLANE_ELEMENT_SHIFT		24
#define PVG_SURFACE_DESCRIPTOR_SIZE	0x24	/* one plane */
#define PVG_MAX_PITCH			0xffffff
#define PVG_MAX_EXTENT			8192
#define PVG_FORMAT_BGRA			0x42475241	/* 'BGRA': bytes B G R x */

/*
 * Surface mapper of the MMIO variant (memory 9): a window and an interrupt of its own. Registers
 * are 64 bits wide, indices stay below the capacity and wrap with it.
 */
#define PVG_IOSFC_REGS_SIZE		0x10000
#define PVG_IOSFC_RING_BASE		0x1000	/* address of the ring of requests */
#define PVG_IOSFC_CAPACITY		0x1008	/* entries; 0 sends the consumer to the producer */
#define PVG_IOSFC_TABLE			0x1010	/* address of the descriptor table */
#define PVG_IOSFC_PRODUCER		0x1018	/* index; the write is the doorbell */
#define PVG_IOSFC_CONSUMER		0x1020	/* read: index up to which requests are done */
#define PVG_IOSFC_ENABLE		0x1020	/* write: bit 0, descriptors may be read */

#define PVG_IOSFC_ENTRY_OPERATION	0x0	/* u32 */
#define PVG_IOSFC_ENTRY_MAPPING		0x4	/* u32 */
#define PVG_IOSFC_ENTRY_RESULT		0x8	/* u32, host; 0 is success */
#define PVG_IOSFC_ENTRY_SIZE		16
#define PVG_IOSFC_OP_MAP		1
#define PVG_IOSFC_OP_UNMAP		2
#define PVG_IOSFC_MAX_MAPPING		0x1fff	/* ids start at 1 */

/* Entries of the table and of page lists, and the first word of a record: page number and flags */
#define PVG_IOSFC_PAGE_VALID		0x1
#define PVG_IOSFC_PAGE_WRITABLE		0x2
#define PVG_IOSFC_PAGE_SHIFT		2
#define PVG_IOSFC_PAGE_MAX		0x3fffffff

#define PVG_IOSFC_RECORD_LIST		0x00	/* u32, entry: page that holds the page list */
#define PVG_IOSFC_RECORD_FORMAT		0x04	/* u32 */
#define PVG_IOSFC_RECORD_BASE		0x08	/* u32, offset of the first pixel */
#define PVG_IOSFC_RECORD_LENGTH		0x10	/* u32, bytes, of all pages */
#define PVG_IOSFC_RECORD_WIDTH		0x14	/* u32, 1 | width << 8 */
#define PVG_IOSFC_RECORD_HEIGHT		0x18	/* u32, 1 | height << 8 */
#define PVG_IOSFC_RECORD_PITCH		0x1c	/* u32, bytes per row */
#define PVG_IOSFC_RECORD_ELEMENT	0x20	/* u16, bytes per pixel */
#define PVG_IOSFC_RECORD_PLANES		0x24	/* u8, 0: not planar */
#define PVG_IOSFC_RECORD_SIZE		0x200
#define PVG_IOSFC_EXTENT_SHIFT		8

/* Gamma table (display 8.1): 3 * n floats in planes R, G, B */
#define PVG_GAMMA_ENTRIES		257
#define PVG_GAMMA_IDENTITY_SUM		0x48400000	/* of 257 entries per channel */

#define PVG_MAX_CURSOR_EXTENT		512
#define PVG_MAX_PRESENTS_IN_FLIGHT	2

#endif
