/* SPDX-License-Identifier: MIT */
/* Framing of packets: see packet.h. */
#include "wire/packet.h"

#include "base/limits.h"
#include "base/rd.h"

enum refuse packet_decode(const uint8_t *bytes, uint32_t ring_bytes, struct packet_header *out)
{
    out->opcode = le16_get(bytes);
    out->barriers = le16_get(bytes + 2);
    out->length_bytes = le32_get(bytes + 4);
    out->stamp = le32_get(bytes + 8);
    if (out->length_bytes < PACKET_HEADER_BYTES || out->length_bytes > ring_bytes || out->length_bytes % 4)
        return REFUSE_PACKET_LENGTH;
    if (out->barriers > LIMIT_BARRIERS || packet_payload_offset(out) > out->length_bytes)
        return REFUSE_PACKET_BARRIERS;
    return REFUSE_NONE;
}

struct packet_barrier packet_barrier(const uint8_t *packet, uint32_t i)
{
    const uint8_t *p = packet + PACKET_HEADER_BYTES + i * PACKET_BARRIER_BYTES;

    return (struct packet_barrier){.index = le32_get(p) & 0xffff, .value = le32_get(p + 4)};
}

void packet_encode(uint8_t *out, const struct packet_header *h)
{
    le16_put(out, h->opcode);
    le16_put(out + 2, h->barriers);
    le32_put(out + 4, h->length_bytes);
    le32_put(out + 8, h->stamp);
}
