/* SPDX-License-Identifier: MIT */
/*
 * Framing of packets, channel records in the root page, and stamp arithmetic (transport 5.3, 5.4, 7.1). Decodes bytes
 * already copied; knows no opcode.
 */
#ifndef PVG_WIRE_PACKET_H
#define PVG_WIRE_PACKET_H

#include <stdint.h>

#include "base/refuse.h"

#define PACKET_HEADER_BYTES  12u
#define PACKET_BARRIER_BYTES 8u

struct packet_header {
    uint16_t opcode;
    uint16_t barriers;
    uint32_t length_bytes; /* header, barriers and payload */
    uint32_t stamp;
};

struct packet_barrier {
    uint32_t index; /* stamp cell, masked to 16 bits */
    uint32_t value;
};

/* Decode and check @bytes (PACKET_HEADER_BYTES of them) against a ring of @ring_bytes. */
enum refuse packet_decode(const uint8_t *bytes, uint32_t ring_bytes, struct packet_header *out);
struct packet_barrier packet_barrier(const uint8_t *packet, uint32_t i);
static inline uint32_t packet_payload_offset(const struct packet_header *h)
{
    return PACKET_HEADER_BYTES + PACKET_BARRIER_BYTES * h->barriers;
}
/* Write a header to @out (PACKET_HEADER_BYTES): for the guest's side of tests. */
void packet_encode(uint8_t *out, const struct packet_header *h);

/* Has a cell that holds @cell reached @value? Wrapping, signed (transport 5.4). */
static inline int stamp_reached(uint32_t cell, uint32_t value)
{
    return (int32_t)(cell - value) >= 0;
}

/* Record of channel @id (from 1) in the root page. */
#define CHANNEL_RECORDS_OFFSET 0x400u
#define CHANNEL_RECORD_BYTES   20u
#define CHANNEL_WRITTEN        0x00u
#define CHANNEL_READ           0x04u
#define CHANNEL_FAULT          0x08u
#define CHANNEL_STAMP_INDEX    0x0cu /* u16 */
#define CHANNEL_LIST_PFN       0x10u
static inline uint32_t channel_record_offset(uint32_t id)
{
    return CHANNEL_RECORDS_OFFSET + (id - 1) * CHANNEL_RECORD_BYTES;
}

#endif
