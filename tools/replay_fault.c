/* SPDX-License-Identifier: MIT */
/* FIFOs that lose their framing and go on again, as recorded (docs/record.md, "Replaying"). */
#include "replay_priv.h"

#include "base/record.h"
#include "wire/packet.h"
#include "wire/regs.h"

static bool is_access(const struct item *i)
{
    return i->kind == RECORD_MMIO_READ || i->kind == RECORD_MMIO_WRITE || i->kind == RECORD_RESET;
}

static bool fault_seen(struct replay *r, const void *arg)
{
    const uint32_t *bit = arg;

    r->fresh_faults |= (uint32_t)pvg_device_mmio_read(r->dev, REG_INTR_FAULT, 4);
    r->faults |= r->fresh_faults;
    return r->fresh_faults & *bit;
}

/*
 * The guest's next reads, as long as they see now what is recorded: it may have read before it could see that the FIFO
 * stopped, although that is written down behind it. The turn of the others comes.
 */
static void play_early_reads(struct replay *r)
{
    for (size_t i = r->at + 1; i < r->count; i++) {
        struct item *item = &r->item[i];
        struct rd rd = rd_over(item->bytes, item->length);

        if (!is_access(item))
            continue;
        if (item->kind != RECORD_MMIO_READ || !replay_play_read(r, &rd, 0))
            break;
        item->kind = 0; /* done */
    }
}

/* What made the FIFO lose its framing. Until the device has seen it: a resume would do nothing before. */
void replay_play_fault(struct replay *r, struct rd *rd)
{
    uint32_t channel = rd_u32(rd), published = rd_u32(rd);
    struct ring *ring = &r->ring[channel < LIMIT_FIFOS ? channel : 0];
    const uint8_t *header = rd_bytes(rd, PACKET_HEADER_BYTES);

    if (rd->bad || channel >= LIMIT_FIFOS || !ring->defined || !ring->bytes || ring->faulted)
        return;
    replay_taken(r, channel);
    play_early_reads(r);
    /* A ring that is no RAM any more is what made it lose its framing: nothing can be put there, and need not. */
    replay_try_put_in_ring(r, channel, header, PACKET_HEADER_BYTES);
    r->faults |= (uint32_t)pvg_device_mmio_read(r->dev, REG_INTR_FAULT, 4);
    r->fresh_faults =
        published ? 0 : r->faults; /* a root page that is no RAM stops it without a packet, maybe already */
    ring->written += published;
    replay_publish(r, channel);
    ring->faulted = true;
    if (!replay_wait(r, fault_seen, &(const uint32_t){1u << (ring->stamp_index & 31)}, PATIENCE_NS))
        replay_problem(r, "channel %u does not stop", channel);
}

/* ---- on again ---- */

/* The record of @channel leaving the fault because of the register write at hand. 0: it did not. */
static size_t resumed_at(const struct replay *r, uint32_t channel)
{
    for (size_t i = r->at + 1; i < r->count; i++) {
        const struct item *item = &r->item[i];

        if (item->kind == RECORD_RESUMED && item->length >= 8 && le32_get(item->bytes) == channel)
            return i;
        if (item->kind == RECORD_RESET || (item->kind == RECORD_MMIO_WRITE && replay_is_boundary(item)) ||
            (item->kind == RECORD_RING && item->length >= 4 && le32_get(item->bytes) == channel))
            break;
    }
    return 0;
}

/*
 * Reads of the root's counter that saw what it was before it resumed: the replay is past that at once. They may stand
 * behind the record of that, too: it is written down before the guest can see it.
 */
static void skip_reads_of_before(struct replay *r, size_t resumed, uint32_t consumer)
{
    for (size_t i = r->at + 1; i < r->count; i++) {
        struct item *item = &r->item[i];
        bool reads_counter =
            item->kind == RECORD_MMIO_READ && item->length >= 12 && le32_get(item->bytes) == REG_ROOT_CONSUMER;

        if (reads_counter && (i < resumed || le32_get(item->bytes + 8) == consumer))
            item->kind = 0;
        else if (i > resumed && is_access(item))
            break;
    }
}

static void publish_discarded(struct replay *r, uint32_t channel)
{
    size_t resumed = resumed_at(r, channel);

    if (!resumed)
        return;
    if (!channel)
        skip_reads_of_before(r, resumed, (uint32_t)pvg_device_mmio_read(r->dev, REG_ROOT_CONSUMER, 4));
    r->ring[channel].written = le32_get(r->item[resumed].bytes + 4);
    replay_store_written(r, channel);
    r->ring[channel].faulted = false;
}

/* The FIFO leaves the fault when the register is written. What it then discarded is published before, and nothing
 * after. */
void replay_play_resume(struct replay *r, uint32_t offset, uint32_t channel)
{
    struct ring *ring = &r->ring[channel < LIMIT_FIFOS ? channel : 0];

    if (channel < LIMIT_FIFOS && ring->faulted)
        publish_discarded(r, channel);
    pvg_device_mmio_write(r->dev, offset, channel, 4);
    if (channel < LIMIT_FIFOS)
        replay_taken(r, channel);
}
