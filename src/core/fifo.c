/* SPDX-License-Identifier: MIT */
/*
 * One FIFO: its ring (root: contiguous; child: scattered page list), taking packets out, barriers, stamps, faults
 * (transport 5, 7, 9, 10). Knows no opcode; command.c runs what is taken out. Runs on the worker.
 */
#include "core/core_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/rd.h"

#define HOLD_RETRY_NS (1 * NS_PER_MS)

void fifo_init(struct fifo *f, uint32_t id)
{
    f->id = id;
    f->generation = 1;
}

void fifo_fini(struct fifo *f)
{
    free(f->pages);
    free(f->packet);
}

/* The packet in hand is done with: its buffer stays for the next one, if it is of the size that guests use. */
static void packet_release(struct core *core, struct fifo *f)
{
    f->in_hand = false;
    if (f->packet_capacity <= LIMIT_PACKET_KEPT_BYTES)
        return;
    core->packet_bytes -= f->packet_capacity;
    free(f->packet);
    f->packet = NULL;
    f->packet_capacity = 0;
}

/* Stop serving; tickets of started commands become harmless. */
void fifo_close(struct core *core, struct fifo *f)
{
    for (uint32_t i = 0; i < LIMIT_PENDING; i++)
        atomic_store(&f->pending[i].state, 0);
    if (f->id && f->defined)
        for (unsigned i = 0; i < core->observer_count; i++)
            if (core->observers[i].channel_gone)
                core->observers[i].channel_gone(core->observers[i].ctx, f->id);
    f->fault_after = f->discard = false;
    f->after = FIFO_STAYS;
    f->defined = f->faulted = f->publish = f->reached_valid = false;
    packet_release(core, f);
    f->pending_head = f->pending_count = 0;
    atomic_store(&f->published_generation, f->generation++);
    event_signal(&core->published);
    f->page_count = 0;
    f->list_pfn = 0;
    f->ring_bytes = 0;
}

static uint64_t page_bytes(struct core *core)
{
    return 1ull << core->page_shift;
}

static gpa_t cell_gpa(struct core *core, uint32_t index)
{
    return (gpa_t){((uint64_t)atomic_load(&core->regs.enabled_pfn) << core->page_shift) + 4ull * index};
}

static _Atomic uint32_t *cell(struct core *core, uint32_t index)
{
    void *p;

    if (index >= core->stamp_cells || gmem_ptr(&core->pin, cell_gpa(core, index), 4, true, &p))
        return NULL;
    return p;
}

static void record_cell(struct core *core, uint32_t index, uint32_t value)
{
    if (recorder_on(core->cfg.recorder))
        recorder_add(core->cfg.recorder, RECORD_PHYSICAL, &(uint64_t){cell_gpa(core, index).v}, sizeof(uint64_t),
                     &value, sizeof(value));
}

/* What the host stored last starts over from what the guest left in the cell (transport 10.2). */
static void rebase_cell(struct core *core, uint32_t index)
{
    _Atomic uint32_t *c = cell(core, index);

    if (!c)
        return;
    core->cell_last[index] = atomic_load_explicit(c, memory_order_relaxed);
    record_cell(core, index, core->cell_last[index]);
}

static void record_ring(struct core *core, const struct fifo *f, uint32_t pfn, enum refuse why)
{
    const uint32_t ring[5] = {f->id, pfn, f->read, f->stamp_index, !why};

    if (recorder_on(core->cfg.recorder) && !(why && core->pin.cut)) /* cut off: it was not looked at */
        recorder_add(core->cfg.recorder, RECORD_RING, ring, sizeof(ring), NULL, 0);
}

/* ---- opening ---- */

static enum refuse check_root(struct core *core, uint64_t pfn, uint32_t length, uint32_t start)
{
    if (!pfn || !length || length > LIMIT_ROOT_FIFO_BYTES || length <= start || start < page_bytes(core) ||
        (length - start) % 4 || start % 4)
        return REFUSE_ROOT_GEOMETRY;
    for (uint64_t at = 0; at < length; at += page_bytes(core)) {
        void *p;

        if (gmem_ptr(&core->pin, (gpa_t){(pfn << core->page_shift) + at}, 1, true, &p))
            return REFUSE_ROOT_NOT_RAM;
    }
    return REFUSE_NONE;
}

/*
 * Build the root FIFO when FIFO_CONTROL went from 0 to 1 since the last look. When the pin is found cut off, the next
 * section does it.
 */
void fifo_open_root(struct core *core)
{
    struct regs *r = &core->regs;
    struct fifo *f = &core->fifos[0];
    uint32_t seq, length, start;
    uint64_t pfn;
    enum refuse why;

    if (!atomic_load(&r->fifo_control)) /* first: see enable() */
        return;
    seq = atomic_load(&r->enable_seq);
    if (seq == core->enable_seq)
        return;
    /*
     * The disable before this enable may have cut the pin off after the worker had carried out its request and come
     * back in. No command of the new ring is run with such a pin: its accesses would fail half way.
     */
    gmem_callback_begin(&core->pin);
    if (gmem_callback_end(&core->pin))
        return;
    core->enable_seq = seq;
    length = atomic_load(&r->enabled_length);
    start = atomic_load(&r->enabled_start);
    pfn = atomic_load(&r->enabled_pfn);
    fifo_close(core, f);
    if (gmem_root_ready(&core->pin))
        return;
    why = check_root(core, pfn, length, start);
    f->read = 0;
    f->stamp_index = 0;
    record_ring(core, f, (uint32_t)pfn, why);
    if (why) {
        if (!core->pin.cut)
            log_refuse(core->cfg.log, why, "page 0x%llx, length 0x%x, start 0x%x", (unsigned long long)pfn, length,
                       start);
        return;
    }
    f->base = (gpa_t){(pfn << core->page_shift) + start};
    f->ring_bytes = length - start;
    f->defined = true;
    rebase_cell(core, 0);
}

/* Pointer to the channel's record in the root page, or NULL. */
static uint8_t *record_ptr(struct core *core, uint32_t id)
{
    uint64_t root = (uint64_t)atomic_load(&core->regs.root_page_pfn) << core->page_shift;
    void *p;

    if (!root || gmem_ptr(&core->pin, (gpa_t){root + channel_record_offset(id)}, CHANNEL_RECORD_BYTES, true, &p))
        return NULL;
    return p;
}

static uint32_t record_load(const uint8_t *record, uint32_t offset)
{
    return atomic_load_explicit((const _Atomic uint32_t *)(const void *)(record + offset), memory_order_acquire);
}

/* Copy and check the page list (transport 7.3). */
static enum refuse read_page_list(struct core *core, struct fifo *f, uint32_t list_pfn)
{
    uint32_t max = (uint32_t)(page_bytes(core) / 4), n;
    uint32_t *pages = f->pages ? f->pages : malloc(page_bytes(core));

    if (!pages)
        return REFUSE_RING_NOT_RAM;
    f->pages = pages;
    if (!list_pfn) /* not set up (transport 7.1), whatever page 0 holds */
        return REFUSE_RING_EMPTY;
    if (gmem_read(&core->pin, (gpa_t){(uint64_t)list_pfn << core->page_shift}, pages, page_bytes(core)))
        return REFUSE_RING_NOT_RAM;
    for (n = 0; n < max && pages[n]; n++) {
        void *p;

        if (gmem_ptr(&core->pin, (gpa_t){(uint64_t)pages[n] << core->page_shift}, 1, false, &p))
            return REFUSE_RING_NOT_RAM;
    }
    if (!n)
        return REFUSE_RING_EMPTY;
    f->page_count = n;
    f->ring_bytes = n << core->page_shift;
    f->list_pfn = list_pfn;
    return REFUSE_NONE;
}

/* (Re)build a child's ring from its record. */
enum refuse fifo_open_child(struct core *core, struct fifo *f)
{
    const uint8_t *record;
    uint32_t list_pfn;
    enum refuse why;

    fifo_close(core, f);
    record = record_ptr(core, f->id);
    if (!record)
        return REFUSE_ROOT_PAGE_NOT_RAM;
    list_pfn = record_load(record, CHANNEL_LIST_PFN);
    f->read = record_load(record, CHANNEL_READ);
    f->stamp_index = record_load(record, CHANNEL_STAMP_INDEX) & 0xffff;
    why = read_page_list(core, f, list_pfn);
    record_ring(core, f, list_pfn, why);
    if (why)
        return why;
    f->defined = true;
    rebase_cell(core, f->stamp_index);
    return REFUSE_NONE;
}

/* Without a command that could be refused: @what happened. */
static void reopen(struct core *core, struct fifo *f, const char *what)
{
    enum refuse why = fifo_open_child(core, f);

    if (core->pin.cut)
        return;
    if (why)
        log_refuse(core->cfg.log, why, "channel %u: %s", f->id, what);
    else if (f->stamp_index >= core->stamp_cells)
        log_refuse(core->cfg.log, REFUSE_STAMP_INDEX, "channel %u: %s, index %u of %u cells", f->id, what,
                   f->stamp_index, core->stamp_cells);
}

/* ---- faults ---- */

/* The FIFO parks. @at: counter of the command that did it. */
static void park(struct core *core, struct fifo *f, uint32_t at)
{
    f->faulted = true;
    if (f->id == 0 && f->ring_bytes)
        atomic_store(&core->regs.root_fault_offset, at % f->ring_bytes);
    atomic_fetch_or(&core->regs.intr_fault, 1u << (f->stamp_index & 31));
    core->raise = true;
}

/* @published: bytes behind the consumer. @header: of the packet, as far as it could be read. */
static void fault(struct core *core, struct fifo *f, enum refuse why, const char *what, uint32_t value,
                  uint32_t published, const uint8_t header[PACKET_HEADER_BYTES])
{
    const uint32_t place[2] = {f->id, published};

    if (recorder_on(core->cfg.recorder))
        recorder_add(core->cfg.recorder, RECORD_FAULT, place, sizeof(place), header, PACKET_HEADER_BYTES);
    log_refuse(core->cfg.log, why, "channel %u stops: %s 0x%x, ring of 0x%x bytes, consumer 0x%x", f->id, what, value,
               f->ring_bytes, f->read);
    atomic_fetch_add_explicit(&f->refused, 1, memory_order_relaxed);
    f->discard = true;
    park(core, f, f->read);
}

static bool load_written(struct core *core, struct fifo *f, uint8_t **record, uint32_t *written)
{
    if (f->id == 0) {
        *record = NULL;
        *written = atomic_load(&core->regs.root_producer);
        return true;
    }
    *record = record_ptr(core, f->id);
    if (!*record)
        return false;
    *written = atomic_load((const _Atomic uint32_t *)(const void *)(*record + CHANNEL_WRITTEN));
    return true;
}

/*
 * Publish the consumer counter. Sequentially consistent, as is the load of the producer that follows: the guest rings only
 * when it sees the ring empty, so one of the two sides has to see the other's store (transport 7.4).
 */
static void publish_read(struct core *core, struct fifo *f, uint8_t *record)
{
    if (record)
        atomic_store((_Atomic uint32_t *)(void *)(record + CHANNEL_READ), f->read);
    else
        atomic_store(&core->regs.root_consumer, f->read);
}

/*
 * Leave the fault state. Where framing was lost, what was submitted so far is discarded; a command refused in strict mode
 * was stamped, and what is behind it goes on (transport 9).
 */
void fifo_resume(struct core *core, struct fifo *f)
{
    uint8_t *record;
    uint32_t written;

    if (!f->faulted)
        return;
    f->faulted = false;
    packet_release(core, f);
    if (f->id == 0)
        atomic_store(&core->regs.root_fault_offset, 0);
    if (f->discard && load_written(core, f, &record, &written)) {
        const uint32_t place[2] = {f->id, written};

        if (recorder_on(core->cfg.recorder))
            recorder_add(core->cfg.recorder, RECORD_RESUMED, place, sizeof(place), NULL, 0);
        f->read = written;
        publish_read(core, f, record);
    }
    f->discard = false;
}

/* ---- barriers ---- */

/* Waits that can never be decided are refused once, and not waited for (transport 5.4). */
static void check_barriers(struct core *core, struct fifo *f)
{
    for (uint32_t i = 0; i < f->header.barriers; i++) {
        struct packet_barrier b = packet_barrier(f->packet, i);

        if (b.index < core->stamp_cells)
            continue;
        log_refuse(core->cfg.log, REFUSE_BARRIER_INDEX, "channel %u waits for cell %u of %u: not waiting", f->id,
                   b.index, core->stamp_cells);
        atomic_fetch_add_explicit(&f->refused, 1, memory_order_relaxed);
        f->fault_after = core->cfg.flags & PVG_DEVICE_STRICT;
    }
}

static bool barrier_met(struct core *core, struct fifo *f, struct packet_barrier b)
{
    _Atomic uint32_t *c;
    uint32_t value;

    if (b.index == f->stamp_index && f->reached_valid && stamp_reached(f->reached, b.value))
        return true;
    c = cell(core, b.index);
    if (!c) /* refused when it was taken, or its page is no RAM any more */
        return true;
    value = atomic_load_explicit(c, memory_order_acquire);
    if (!stamp_reached(value, b.value))
        return false;
    if (value != core->cell_last[b.index]) /* not the device's own stamp: the guest wrote it */
        record_cell(core, b.index, value);
    return true;
}

static bool barriers_met(struct core *core, struct fifo *f)
{
    for (uint32_t i = 0; i < f->header.barriers; i++)
        if (!barrier_met(core, f, packet_barrier(f->packet, i)))
            return false;
    return true;
}

/* ---- ring ---- */

/* Copy @n bytes at position @pos of the ring; wraps at its end, splits at pages. */
static int ring_copy(struct core *core, const struct fifo *f, uint32_t pos, uint8_t *dst, uint32_t n)
{
    uint64_t page = page_bytes(core);

    while (n) {
        gpa_t gpa = f->id == 0 ? (gpa_t){f->base.v + pos}
                               : (gpa_t){((uint64_t)f->pages[pos >> core->page_shift] << core->page_shift) +
                                         (pos & (page - 1))};
        uint32_t piece = n;
        void *p;
        int err;

        if (piece > page - (gpa.v & (page - 1)))
            piece = (uint32_t)(page - (gpa.v & (page - 1)));
        if (piece > f->ring_bytes - pos)
            piece = f->ring_bytes - pos;
        err = gmem_ptr(&core->pin, gpa, piece, false, &p);
        if (err)
            return err;
        memcpy(dst, p, piece);
        dst += piece;
        n -= piece;
        pos += piece;
        if (pos == f->ring_bytes)
            pos = 0;
    }
    return 0;
}

/* False: later. Small buffers stay, and are not counted. */
static bool packet_room(struct core *core, struct fifo *f, uint32_t bytes)
{
    uint32_t capacity = bytes < 4096 ? 4096 : bytes;
    bool large = capacity > LIMIT_PACKET_KEPT_BYTES;
    uint8_t *packet;

    if (bytes <= f->packet_capacity)
        return true;
    if (large && core->packet_bytes + capacity > LIMIT_PACKETS_BYTES) {
        log_refuse(core->cfg.log, REFUSE_PACKET_MEMORY, "channel %u: 0x%x bytes, 0x%llx held, limit 0x%x", f->id, bytes,
                   (unsigned long long)core->packet_bytes, LIMIT_PACKETS_BYTES);
        return false;
    }
    packet = realloc(f->packet, capacity);
    if (!packet)
        return false;
    core->packet_bytes += large ? capacity : 0;
    f->packet = packet;
    f->packet_capacity = capacity;
    return true;
}

enum take { TAKE_PACKET, TAKE_NOTHING, TAKE_FAULT };

/* Take the next packet out of the ring into f->packet and free its space. */
static enum take take_packet(struct core *core, struct fifo *f, uint8_t *record, uint32_t written)
{
    uint32_t available = written - f->read, pos;
    uint8_t head[PACKET_HEADER_BYTES] = {0};
    enum refuse why;

    if (available > f->ring_bytes) {
        fault(core, f, REFUSE_COUNTER_RANGE, "producer", written, available, head);
        return TAKE_FAULT;
    }
    if (available < PACKET_HEADER_BYTES)
        return TAKE_NOTHING;
    pos = f->read % f->ring_bytes;
    if (ring_copy(core, f, pos, head, sizeof(head)))
        goto not_ram;
    why = packet_decode(head, f->ring_bytes, &f->header);
    if (why) {
        fault(core, f, why, "length", f->header.length_bytes, available, head);
        return TAKE_FAULT;
    }
    if (available < f->header.length_bytes)
        return TAKE_NOTHING;
    if (!packet_room(core, f, f->header.length_bytes))
        return TAKE_NOTHING; /* out of memory for it: the rescue poll tries again */
    memcpy(f->packet, head, sizeof(head));
    pos += PACKET_HEADER_BYTES;
    if (pos >= f->ring_bytes)
        pos -= f->ring_bytes;
    if (ring_copy(core, f, pos, f->packet + PACKET_HEADER_BYTES, f->header.length_bytes - PACKET_HEADER_BYTES))
        goto not_ram;
    f->read += f->header.length_bytes;
    /* Before the guest can see that it was taken: a replay sends the packet here. */
    if (recorder_on(core->cfg.recorder))
        recorder_add(core->cfg.recorder, RECORD_PACKET, &f->id, sizeof(f->id), f->packet, f->header.length_bytes);
    publish_read(core, f, record);
    f->in_hand = true;
    f->barriers_met = false;
    f->first_ns = 0;
    check_barriers(core, f);
    atomic_store_explicit(&f->packets, atomic_load_explicit(&f->packets, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    return TAKE_PACKET;

not_ram:
    packet_release(core, f);
    if (!core->pin.cut)
        fault(core, f, REFUSE_RING_NOT_RAM, "position", pos, available, head);
    return TAKE_FAULT;
}

/* ---- stamps ---- */

/* All effects of the command are there: its stamp may be published. */
static void reach(struct fifo *f, uint32_t stamp)
{
    f->publish = true;
    f->publish_stamp = stamp;
    f->reached = stamp;
    f->reached_valid = true;
    atomic_store_explicit(&f->stamps, atomic_load_explicit(&f->stamps, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* Retire started commands in order. */
static void retire(struct fifo *f)
{
    while (f->pending_count) {
        struct pending *p = &f->pending[f->pending_head];

        if (!(atomic_load(&p->state) & 1))
            return;
        f->retired_generation = atomic_exchange(&p->state, 0) >> 1;
        reach(f, p->stamp);
        f->pending_head = (f->pending_head + 1) % LIMIT_PENDING;
        f->pending_count--;
    }
}

/* Effects, then cell, then status bit, then interrupt: in this order (transport 10.2). */
static void store_stamp(struct core *core, struct fifo *f)
{
    _Atomic uint32_t *c = cell(core, f->stamp_index);

    if (!c)
        return;
    if ((int32_t)(f->publish_stamp - core->cell_last[f->stamp_index]) < 0) {
        if (f->publish_stamp) /* 0: no completion requested */
            log_refuse(core->cfg.log, REFUSE_STAMP_REWIND, "channel %u: stamp 0x%x after 0x%x", f->id,
                       f->publish_stamp, core->cell_last[f->stamp_index]);
        return;
    }
    core->cell_last[f->stamp_index] = f->publish_stamp;
    if (recorder_on(core->cfg.recorder)) {
        const uint32_t stamp[2] = {f->id, f->publish_stamp};

        recorder_add(core->cfg.recorder, RECORD_STAMP, stamp, sizeof(stamp), NULL, 0);
    }
    atomic_store_explicit(c, f->publish_stamp, memory_order_release);
    atomic_fetch_or(&core->regs.stamp_events, 1u << (f->stamp_index & 31));
    core->raise = true;
    core->progress = true;
}

static void publish(struct core *core, struct fifo *f)
{
    if (!f->publish)
        return;
    f->publish = false;
    store_stamp(core, f);
    atomic_store(&f->published_generation, f->retired_generation);
    event_signal(&core->published);
}

/* ---- serving ---- */

/* Start the command in hand. */
static enum fifo_state start(struct core *core, struct fifo *f)
{
    uint32_t slot;

    if (f->pending_count == LIMIT_PENDING)
        return FIFO_FULL;
    if (f->first_ns && clock_now_ns() < f->retry_ns)
        return FIFO_HELD;
    if (!f->barriers_met && !barriers_met(core, f))
        return FIFO_BARRIER;
    f->barriers_met = true;
    if (!f->first_ns)
        f->first_ns = clock_now_ns();

    slot = (f->pending_head + f->pending_count) % LIMIT_PENDING;
    f->pending[slot].stamp = f->header.stamp;
    atomic_store(&f->pending[slot].state, f->generation << 1);
    f->pending_count++;
    switch (command_run(core, f)) {
    case CORE_HOLD:
        f->pending_count--;
        atomic_store(&f->pending[slot].state, 0);
        f->retry_ns = clock_now_ns() + HOLD_RETRY_NS;
        return FIFO_HELD;
    case CORE_DONE:
        atomic_store(&f->pending[slot].state, f->generation << 1 | 1);
        break;
    case CORE_PENDING:
        break;
    }
    f->generation++;
    packet_release(core, f);
    return FIFO_IDLE;
}

/* The command just stamped was about its own FIFO (transport 6: any command on any FIFO). */
static void close_or_reopen(struct core *core, struct fifo *f)
{
    bool reopens = f->after == FIFO_REOPENS;

    retire(f);
    publish(core, f);
    if (reopens)
        reopen(core, f, "redefined by itself");
    else
        fifo_close(core, f);
}

static bool wanted_out(struct core *core)
{
    return atomic_load(&core->requests) || core_silent(core);
}

static enum fifo_state turn(struct core *core, struct fifo *f)
{
    for (uint32_t n = 0; n < LIMIT_TURN_PACKETS; n++) {
        uint8_t *record;
        uint32_t written;
        enum fifo_state state;

        retire(f);
        if (core->pin.cut || f->faulted || !f->defined)
            return FIFO_STOPPED;
        if (wanted_out(core)) /* who waits for that waits for one command, not for all that a guest has queued */
            return FIFO_MORE;
        if (!f->in_hand) {
            if (!load_written(core, f, &record, &written)) {
                if (!core->pin.cut)
                    fault(core, f, REFUSE_ROOT_PAGE_NOT_RAM, "root page", 0, 0, (uint8_t[PACKET_HEADER_BYTES]){0});
                return FIFO_STOPPED;
            }
            /* A changed page list means a new ring (transport 11.3), once the old one owes no stamp. */
            if (record && record_load(record, CHANNEL_LIST_PFN) != f->list_pfn) {
                if (f->pending_count)
                    return FIFO_FULL;
                publish(core, f);
                reopen(core, f, "new page list");
                continue;
            }
            switch (take_packet(core, f, record, written)) {
            case TAKE_NOTHING:
                return FIFO_IDLE;
            case TAKE_FAULT:
                return FIFO_STOPPED;
            case TAKE_PACKET:
                break;
            }
        }
        state = start(core, f);
        if (state != FIFO_IDLE)
            return state;
        if (core->pin.cut) /* while the command ran: what follows would be seen in the guest's next life */
            return FIFO_STOPPED;
        if (f->after) {
            close_or_reopen(core, f);
            continue;
        }
        if (f->fault_after) {
            f->fault_after = false;
            park(core, f, f->read - f->header.length_bytes);
            return FIFO_STOPPED;
        }
    }
    return FIFO_MORE;
}

enum fifo_state fifo_serve(struct core *core, struct fifo *f)
{
    enum fifo_state state;

    if (core->pin.cut)
        return FIFO_STOPPED;
    if (atomic_load(&core->resumes) >> f->id & 1) {
        atomic_fetch_and(&core->resumes, ~(1u << f->id));
        fifo_resume(core, f);
    }
    if (!f->defined)
        return FIFO_STOPPED;
    state = turn(core, f);
    if (core->pin.cut)
        return FIFO_STOPPED;
    retire(f);
    publish(core, f);
    return state;
}
