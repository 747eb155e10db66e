/* SPDX-License-Identifier: MIT */
/*
 * Plays a recording to a fresh device on the public interface, as VMM and guest in one (docs/record.md, "Replaying").
 *
 * Memory is put where it was before the packet that made the device read it. Packets go into the rings where the
 * recording says that they were taken; register accesses go in between. What the device did then is waited for, never a
 * time: stamps, pictures, pointer images, and what the guest read in registers. The recording is not trusted: every
 * address and length in it is checked, and every wait ends.
 */
#include "replay_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/record.h"
#include "wire/display.h"
#include "wire/opcodes.h"
#include "wire/packet.h"
#include "wire/regs.h"

static void apply_memory(struct replay *r, size_t from);
static void play_stamp(struct replay *r, struct rd *rd);

/* ---- packets ---- */

static bool epoch_is(struct replay *r, const void *arg)
{
    const uint32_t *port_epoch = arg;

    return replay_load(r, r->port[port_epoch[0]].shared_gpa + SHARED_EPOCH) == port_epoch[1];
}

/* All that is in the ring was taken; one that lost its framing takes nothing. */
void replay_taken(struct replay *r, uint32_t channel)
{
    struct ring *ring = &r->ring[channel];

    if (ring->defined && !ring->faulted &&
        !replay_wait(r, replay_has_room, &(struct room){channel, ring->bytes}, PATIENCE_NS))
        replay_problem(r, "channel %u does not take its packets", channel);
}

/* Packets are taken in the order of the recording, whatever their channels: before memory is made ready for @item. */
static void in_turn(struct replay *r, const struct item *item)
{
    uint32_t channel = item->length >= 4 ? le32_get(item->bytes) : LIMIT_FIFOS;

    if ((item->kind != RECORD_PACKET && item->kind != RECORD_FAULT) || channel >= LIMIT_FIFOS)
        return;
    if (r->last_channel != channel)
        replay_taken(r, r->last_channel);
    r->last_channel = channel;
}

/* What a packet means for the replay itself. @payload: as many bytes as the command needs at least. */
static void before_packet(struct replay *r, uint32_t opcode, const uint8_t *payload, uint32_t bytes)
{
    struct present present = {0};
    uint32_t port = bytes >= 4 ? le32_get(payload) : UINT32_MAX;

    switch (opcode) {
    case CMD_DISPLAY_TRANSACTION2:
        present_decode_transaction2(payload, &present);
        break;
    case CMD_DISPLAY_TRANSACTION3:
        present_decode_transaction3(payload, &present);
        break;
    case CMD_DISPLAY_SWAP_MAPPING:
        present_decode_swap_mapping(payload, bytes, &present);
        break;
    case CMD_DISPLAY_SET_SHARED_STATE_PAGE:
        if (port < r->ports)
            r->port[port].shared_gpa = (uint64_t)le32_get(payload + 4) << r->page_shift;
        return;
    case CMD_DISPLAY_ACK:
        /* The guest acknowledged what it had read: let it be there. A display without an epoch says 0. */
        if (port < r->ports && le32_get(payload + 4) && r->port[port].shared_gpa)
            (void)replay_wait(r, epoch_is, (const uint32_t[]){port, le32_get(payload + 4)}, EPOCH_NS);
        return;
    default:
        return;
    }
    if (present.port < r->ports && present.surface)
        replay_prepare_picture(r, &r->port[present.port], r->port[present.port].presents++);
}

static void drop_owed(struct ring *ring, uint32_t n)
{
    ring->owes -= n;
    memmove(ring->owed, ring->owed + n, ring->owes * sizeof(*ring->owed));
}

static void play_packet(struct replay *r, struct rd *rd)
{
    uint32_t channel = rd_u32(rd), length = (uint32_t)rd_left(rd);
    struct ring *ring = &r->ring[channel < LIMIT_FIFOS ? channel : 0];
    struct packet_header h;

    if (rd->bad || channel >= LIMIT_FIFOS || length < PACKET_HEADER_BYTES)
        return;
    if (!ring->defined || !ring->bytes) { /* taken, but its FIFO was gone when it was written down */
        r->late++;
        return;
    }
    if (packet_decode(rd->p, ring->bytes, &h) || h.length_bytes != length) {
        replay_problem(r, "damaged: a packet that no ring can have held");
        return;
    }
    if (length - packet_payload_offset(&h) >= opcode_info(h.opcode)->least_payload_bytes)
        before_packet(r, h.opcode, rd->p + packet_payload_offset(&h), length - packet_payload_offset(&h));
    if (!replay_wait(r, replay_has_room, &(struct room){channel, length}, PATIENCE_NS)) {
        replay_problem(r, "channel %u does not take its packets", channel);
        return;
    }
    replay_put_in_ring(r, channel, rd->p, length);
    ring->written += length;
    replay_publish(r, channel);
    if (ring->owes == sizeof(ring->owed) / sizeof(*ring->owed))
        drop_owed(ring, 1);
    ring->owed[ring->owes++] = h.stamp;
    r->packets++;
}

/* ---- the root FIFO going ---- */

/*
 * What the device did to rings that the record at hand closes, although it was written down behind it: a register write
 * and a reset are recorded before they have an effect.
 */
static void play_late(struct replay *r)
{
    size_t here = r->at;

    for (r->at++; r->at < r->count; r->at++) {
        struct item *i = &r->item[r->at];
        struct rd rd = rd_over(i->bytes, i->length);
        uint32_t channel = i->length >= 4 ? le32_get(i->bytes) : LIMIT_FIFOS;

        if (i->kind == RECORD_RESET || i->kind == RECORD_REPORT || i->kind == RECORD_RING ||
            (i->kind == RECORD_MMIO_WRITE && replay_is_boundary(i)))
            break;
        if (channel >= LIMIT_FIFOS || !r->ring[channel].defined)
            continue;
        if (i->kind == RECORD_PACKET) {
            in_turn(r, i);
            apply_memory(r, r->at);
            play_packet(r, &rd);
        } else if (i->kind == RECORD_STAMP) {
            play_stamp(r, &rd);
        } else if (i->kind == RECORD_FAULT) {
            replay_play_fault(r, &rd);
        } else {
            continue;
        }
        i->kind = 0; /* done */
    }
    r->at = here;
}

/* Before FIFO_CONTROL := 0 or a reset takes effect. */
static void close_rings(struct replay *r)
{
    play_late(r);
    for (uint32_t i = 0; i < LIMIT_FIFOS; i++)
        replay_taken(r, i);
    replay_settle_before(r, SIZE_MAX);
    for (uint32_t i = 0; i < LIMIT_FIFOS; i++) {
        r->unstamped[i] += r->ring[i].defined ? r->ring[i].owes : 0;
        r->ring[i].defined = r->ring[i].faulted = false;
    }
}

/* Did the device look at the root FIFO that is being enabled, before it was disabled or reset? */
static bool looked_at(const struct replay *r)
{
    for (size_t i = r->at + 1; i < r->count; i++) {
        const struct item *item = &r->item[i];

        if (item->kind == RECORD_RING && item->length >= 4 && !le32_get(item->bytes))
            return true;
        if (item->kind == RECORD_RESET || (item->kind == RECORD_MMIO_WRITE && replay_is_boundary(item) &&
                                           item->length >= 16 && !le32_get(item->bytes + 8)))
            return false;
    }
    return true;
}

static void unpause(struct replay *r)
{
    if (r->paused)
        pvg_device_unpause(r->dev);
    r->paused = false;
}

/* ---- registers ---- */

static void play_write32(struct replay *r, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case REG_ROOT_PRODUCER:
        return; /* said by replay_publish() when the packet is there */
    case REG_ROOT_FIFO_LENGTH:
        r->length = value;
        break;
    case REG_ROOT_FIFO_START:
        r->start = value;
        break;
    case REG_ROOT_FIFO_PFN:
        r->fifo_pfn = value;
        break;
    case REG_ROOT_PAGE_PFN:
        for (uint32_t i = 0; i < LIMIT_FIFOS; i++)
            replay_taken(r, i);
        r->root_pfn = value;
        break;
    case REG_ROOT_RESUME:
    case REG_CHILD_RESUME:
        replay_play_resume(r, offset, offset == REG_ROOT_RESUME ? 0 : value);
        return;
    case REG_FIFO_CONTROL:
        if (!value) {
            close_rings(r);
        } else if (!r->fifo_control) {
            r->ring[0] = (struct ring){.base = ((uint64_t)r->fifo_pfn << r->page_shift) + r->start};
            r->paused = !looked_at(r) && !pvg_device_pause(r->dev);
        }
        r->fifo_control = value;
        break;
    }
    pvg_device_mmio_write(r->dev, offset, value, 4);
    if (offset == REG_FIFO_CONTROL && !value)
        unpause(r);
}

static void play_write(struct replay *r, struct rd *rd)
{
    uint32_t offset = rd_u32(rd), size = rd_u32(rd);
    uint64_t value = rd_u64(rd);

    if (rd->bad)
        return;
    if (offset < REG_EFI_DISPLAY_SELECT && offset % size == 0 && size == 8 && offset != REG_ROOT_FIFO_PFN) {
        play_write32(r, offset, (uint32_t)value);
        play_write32(r, offset + 4, (uint32_t)(value >> 32));
    } else if (size == 4 && offset < REG_EFI_DISPLAY_SELECT) {
        play_write32(r, offset, (uint32_t)value);
    } else {
        pvg_device_mmio_write(r->dev, offset, value, size);
    }
}

static uint64_t device_register(struct replay *r, uint32_t offset, uint32_t size)
{
    return pvg_device_mmio_read(r->dev, offset, size);
}

/*
 * Events come when they come, some together that came apart when they were recorded: what the guest saw has to be among
 * what was signalled so far. Faults are one for one; when ticks of displays come says nothing.
 */
static bool reads_events(struct replay *r, const void *arg)
{
    const struct expected *e = arg;
    uint32_t value = (uint32_t)pvg_device_mmio_read(r->dev, e->offset, 4);
    uint32_t *seen = e->offset == REG_STAMP_EVENTS ? &r->stamp_events : &r->faults;

    if (e->offset == REG_DISPLAY_EVENTS)
        return true;
    *seen |= value;
    if ((uint32_t)e->value & ~*seen)
        return false;
    if (e->offset == REG_INTR_FAULT)
        *seen &= ~(uint32_t)e->value;
    return true;
}

static bool reads_at_least(struct replay *r, const void *arg)
{
    const struct expected *e = arg;

    return (int32_t)((uint32_t)pvg_device_mmio_read(r->dev, e->offset, 4) - (uint32_t)e->value) >= 0;
}

bool replay_play_read(struct replay *r, struct rd *rd, uint64_t patience_ns)
{
    struct expected e = {.read = device_register, .offset = rd_u32(rd), .size = rd_u32(rd)};
    unsigned parts = 1;

    e.value = rd_u64(rd);
    if (rd->bad)
        return true;
    if (e.size == 8 && e.offset < REG_EFI_DISPLAY_SELECT && e.offset % 8 == 0) {
        parts = 2;
        e.size = 4;
    }
    for (uint64_t value = e.value; parts--; value >>= 32, e.offset += 4) {
        condition_fn *condition = replay_reads;

        if (e.size == 4 && e.offset < REG_EFI_DISPLAY_SELECT)
            e.value = (uint32_t)value;
        if (e.size == 4 &&
            (e.offset == REG_DISPLAY_EVENTS || e.offset == REG_STAMP_EVENTS || e.offset == REG_INTR_FAULT))
            condition = reads_events;
        else if (e.size == 4 && e.offset == REG_ROOT_CONSUMER && r->ring[0].defined)
            condition = reads_at_least;
        else if (e.offset == REG_ROOT_PRODUCER || e.offset == REG_ROOT_CONSUMER)
            continue; /* runs behind: see play_write32() */
        if (replay_wait(r, condition, &e, patience_ns))
            continue;
        if (patience_ns)
            replay_problem(r, "register 0x%x does not become 0x%llx", e.offset, (unsigned long long)e.value);
        return false;
    }
    return true;
}

/* ---- monitors, stamps, pointer ---- */

static void play_monitor(struct replay *r, struct rd *rd)
{
    static _Atomic uint32_t serial = 1;
    uint32_t port = rd_u32(rd), state = rd_u32(rd), pointer_px = rd_u32(rd), count = rd_u32(rd);
    struct pvg_mode modes[PVG_MAX_MODES];
    struct pvg_display_desc desc;
    struct port *p = &r->port[port < r->ports ? port : 0];
    int err = 0;

    if (rd->bad || port >= r->ports || count > PVG_MAX_MODES)
        return;
    replay_settle(r, p);
    if (state == RECORD_MONITOR_GONE) {
        pvg_display_free(p->display);
        p->display = NULL;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        modes[i] = (struct pvg_mode){.width_px = rd_u16(rd), .height_px = rd_u16(rd)};
        modes[i].refresh_hz = rd_u32(rd) / 65536.0;
    }
    if (!p->display) {
        pvg_display_desc_init(&desc, sizeof(desc));
        desc.max_cursor_px = pointer_px;
        desc.ops = &replay_display_ops;
        desc.opaque = p;
        err = pvg_display_new(r->dev, &desc, port, serial++, &p->display);
    }
    if (!err && count)
        err = pvg_display_set_modes(p->display, modes, count);
    if (!err && count)
        err = pvg_display_set_connected(p->display, state == RECORD_MONITOR_CONNECTED);
    if (err)
        replay_problem(r, "damaged: a monitor that cannot be: %s", pvg_error_text(err));
}

static bool stamp_there(struct replay *r, const void *arg)
{
    const uint32_t *channel_stamp = arg;

    return stamp_reached(replay_load(r, r->cells + 4ull * r->ring[channel_stamp[0]].stamp_index), channel_stamp[1]);
}

static void play_stamp(struct replay *r, struct rd *rd)
{
    uint32_t channel = rd_u32(rd), stamp = rd_u32(rd);

    if (rd->bad || channel >= LIMIT_FIFOS || !r->ring[channel].defined)
        return;
    for (uint32_t i = r->ring[channel].owes; i > 0; i--)
        if (r->ring[channel].owed[i - 1] == stamp) {
            drop_owed(&r->ring[channel], i);
            break;
        }
    if (replay_wait(r, stamp_there, (const uint32_t[]){channel, stamp}, PATIENCE_NS))
        r->stamps++;
    else
        replay_problem(r, "channel %u: stamp %u does not come", channel, stamp);
}

static bool pointer_is(struct replay *r, const void *arg)
{
    struct rd rd = *(const struct rd *)arg;
    uint32_t port = rd_u32(&rd);
    const struct port *p = &r->port[port];
    uint16_t width = rd_u16(&rd), height = rd_u16(&rd), hot_x = rd_u16(&rd), hot_y = rd_u16(&rd);
    bool same;

    pthread_mutex_lock(&r->lock);
    same = p->pointer_pixels && p->pointer.width_px == width && p->pointer.height_px == height &&
           p->pointer.hot_x_px == hot_x && p->pointer.hot_y_px == hot_y && rd_left(&rd) == 4ull * width * height &&
           !memcmp(p->pointer_pixels, rd.p, rd_left(&rd));
    pthread_mutex_unlock(&r->lock);
    return same;
}

static void play_pointer(struct replay *r, const struct rd *rd)
{
    if (rd_left(rd) < 12 || le32_get(rd->p) >= r->ports || !r->port[le32_get(rd->p)].display)
        return;
    if (replay_wait(r, pointer_is, rd, PATIENCE_NS))
        r->pointers++;
    else
        replay_problem(r, "port %u: the pointer image does not come", le32_get(rd->p));
}

/* ---- the recording ---- */

bool replay_is_boundary(const struct item *i)
{
    switch (i->kind) {
    case RECORD_PACKET:
    case RECORD_FAULT:
    case RECORD_RESET:
    case RECORD_RAM:
        return true;
    case RECORD_MMIO_WRITE:
        return i->length >= 4 && (le32_get(i->bytes) & ~7u) == REG_FIFO_CONTROL;
    }
    return false;
}

/* Is @packet the command, on another channel, that opens @ring? Then the ring's record has to be there before it. */
static bool opens_ring(const struct item *packet, const struct item *ring)
{
    struct rd rd = rd_over(packet->bytes, packet->length);
    uint32_t channel = rd_u32(&rd);
    struct packet_header h;

    if (packet->kind != RECORD_PACKET || rd_left(&rd) < PACKET_HEADER_BYTES + 4 || ring->length < 4 ||
        packet_decode(rd.p, UINT32_MAX, &h) || h.opcode != CMD_DEFINE_CHILD_FIFO ||
        rd_left(&rd) < packet_payload_offset(&h) + 4ull)
        return false;
    return channel != le32_get(ring->bytes) && le32_get(rd.p + packet_payload_offset(&h)) == le32_get(ring->bytes);
}

/* Put in place what the device read after record @from and before its next packet. */
static void apply_memory(struct replay *r, size_t from)
{
    size_t i = r->applied > from + 1 ? r->applied : from + 1;

    for (; i < r->count && !replay_is_boundary(&r->item[i]); i++) {
        struct rd rd = rd_over(r->item[i].bytes, r->item[i].length);

        if (r->item[i].kind == RECORD_RING && opens_ring(&r->item[from], &r->item[i]))
            replay_apply_ring(r, rd);
        if (r->item[i].kind == RECORD_VIRTUAL && r->callbacks)
            views_put_virtual(r, i);
        if (r->item[i].kind != RECORD_PHYSICAL)
            continue;
        uint64_t gpa = rd_u64(&rd);

        if (!rd.bad)
            replay_put(r, gpa, rd.p, rd_left(&rd));
    }
    r->applied = i;
}

static bool same_report(struct replay *r, const void *arg)
{
    char *json;
    bool same;

    if (pvg_device_report(r->dev, &json))
        return false;
    same = replay_same_report(arg, json, r->unstamped, NULL, NULL);
    pvg_free(json);
    return same;
}

static void say_difference(void *opaque, const char *difference)
{
    replay_problem(opaque, "%s", difference);
}

/* The state at the end: what is still on its way comes within the patience. */
static void play_report(struct replay *r, struct rd *rd)
{
    char *recorded = strndup((const char *)rd->p, rd_left(rd)), *json;

    replay_settle_before(r, SIZE_MAX);
    if (r->mapper.m && !r->mapper.cut)
        mapper_flush(r);
    for (uint32_t i = 0; i < LIMIT_FIFOS; i++)
        r->unstamped[i] += r->ring[i].defined ? r->ring[i].owes : 0;
    if (recorded && !replay_wait(r, same_report, recorded, r->problems ? 0 : REPORT_NS) &&
        !pvg_device_report(r->dev, &json)) {
        replay_same_report(recorded, json, r->unstamped, say_difference, r);
        pvg_free(json);
    }
    free(recorded);
}

/* Until the report at the end of the recording, or the end of the file. Returns whether there was one. */
static bool play(struct replay *r)
{
    for (r->at = 1; r->at < r->count && r->problems < PROBLEMS_MAX; r->at++) {
        const struct item *i = &r->item[r->at];
        struct rd rd = rd_over(i->bytes, i->length);

        if (i->kind == RECORD_RAM)
            replay_play_ram(r, &rd);
        in_turn(r, i);
        if (replay_is_boundary(i))
            apply_memory(r, r->at);
        switch (i->kind) {
        case RECORD_MMIO_READ:
            replay_play_read(r, &rd, PATIENCE_NS);
            break;
        case RECORD_MMIO_WRITE:
            play_write(r, &rd);
            break;
        case RECORD_PACKET:
            play_packet(r, &rd);
            break;
        case RECORD_MONITOR:
            play_monitor(r, &rd);
            break;
        case RECORD_RING:
            replay_play_ring(r, &rd);
            break;
        case RECORD_STAMP:
            play_stamp(r, &rd);
            break;
        case RECORD_POINTER:
            play_pointer(r, &rd);
            break;
        case RECORD_FAULT:
            replay_play_fault(r, &rd);
            break;
        case RECORD_RESET:
            close_rings(r);
            pvg_device_reset(r->dev);
            unpause(r);
            r->fifo_control = r->length = r->start = r->fifo_pfn = r->root_pfn = r->stamp_events = r->faults = 0;
            break;
        case RECORD_MAPPER:
            mapper_play_state(r, &rd);
            break;
        case RECORD_MAPPER_READ:
            mapper_play_read(r, &rd);
            break;
        case RECORD_MAPPER_WRITE:
            mapper_play_write(r, &rd);
            break;
        case RECORD_REQUEST:
            mapper_play_request(r, &rd);
            break;
        case RECORD_ANSWER:
            mapper_play_answer(r, &rd);
            break;
        case RECORD_REPORT:
            play_report(r, &rd);
            return true;
        case RECORD_PICTURE: /* settled before the port's next present */
        default:
            break;
        }
    }
    replay_settle_before(r, SIZE_MAX);
    return false;
}

static int make_device(struct replay *r, const char *path)
{
    struct rd rd = rd_over(r->item[0].bytes, r->item[0].length);
    uint32_t shift = rd_u32(&rd), ports = rd_u32(&rd), variant = rd_u32(&rd), flags = rd_u32(&rd), tasks = rd_u32(&rd);
    struct pvg_device_desc desc;
    int err;

    if (r->item[0].kind != RECORD_DEVICE || rd.bad) {
        fprintf(stderr, "pvg-record: %s: does not begin with its device\n", path);
        return 1;
    }
    r->callbacks = tasks == PVG_TASKS_CALLBACKS;
    r->page_shift = shift == 14 ? 14 : 12; /* what else it says, no device can have */
    if (r->callbacks && !views_init(r)) {
        fprintf(stderr, "pvg-record: %s: no room for its guest memory: %s\n", path, strerror(errno));
        return 1;
    }
    if (r->callbacks)
        views_ops(&r->ops);
    pvg_device_desc_init(&desc, sizeof(desc));
    desc.guest_page_shift = shift;
    desc.tasks = (enum pvg_tasks)tasks;
    desc.display_port_count = r->ports = ports;
    desc.variant = (enum pvg_variant)variant;
    desc.flags = flags;
    desc.gpu = "none";
    desc.ops = &r->ops;
    desc.opaque = r;
    err = pvg_device_new(&desc, &r->dev);
    if (err)
        fprintf(stderr, "pvg-record: %s: no such device can be made: %s\n", path, pvg_error_text(err));
    return err ? 1 : 0;
}

/* Split the file at @bytes into records; what is cut off at its end is left out. */
static int index_records(struct replay *r, const uint8_t *bytes, size_t length, const char *path)
{
    struct rd rd = rd_over(bytes, length);
    size_t capacity = 0;

    if (rd_u32(&rd) != RECORD_MAGIC || rd_u32(&rd) != RECORD_VERSION) {
        fprintf(stderr, "pvg-record: %s: not a recording of version %u\n", path, RECORD_VERSION);
        return 1;
    }
    while (rd_left(&rd) >= 16) {
        struct item i = {.kind = rd_u32(&rd), .length = rd_u32(&rd)};

        (void)rd_u64(&rd); /* time */
        i.bytes = rd_bytes(&rd, i.length);
        if (rd.bad)
            break;
        if (r->count == capacity) {
            struct item *grown;

            capacity = capacity ? 2 * capacity : 4096;
            grown = realloc(r->item, capacity * sizeof(*grown));
            if (!grown) {
                fprintf(stderr, "pvg-record: out of memory\n");
                return 1;
            }
            r->item = grown;
        }
        r->item[r->count++] = i;
    }
    if (r->count)
        return 0;
    fprintf(stderr, "pvg-record: %s: no records\n", path);
    return 1;
}

static int replay_bytes(struct replay *r, const uint8_t *bytes, size_t length, const char *path)
{
    bool compared;

    if (index_records(r, bytes, length, path) || make_device(r, path))
        return 1;
    compared = play(r);
    if (r->problems > PROBLEMS_MAX)
        fprintf(stderr, "pvg-record: %u more\n", r->problems - PROBLEMS_MAX);
    if (r->problems)
        return 1;
    printf("%s: the same: %llu packets, %llu pictures, %llu pointer images, %llu stamps", path,
           (unsigned long long)r->packets, (unsigned long long)r->pictures, (unsigned long long)r->pointers,
           (unsigned long long)r->stamps);
    if (r->requests)
        printf(", %llu mapper requests", (unsigned long long)r->requests);
    puts(compared ? ", report" : "; no report to compare");
    if (r->late)
        printf("%llu packets were taken from FIFOs that were just going, and left out\n", (unsigned long long)r->late);
    if (r->cut_requests)
        printf("%llu requests to the mapper were cut off by its reset, and left out\n",
               (unsigned long long)r->cut_requests);
    return 0;
}

int replay_file(const char *path)
{
    struct replay r = {.lock = PTHREAD_MUTEX_INITIALIZER, .ops = replay_host_ops, .views = {.fd = -1}};
    int fd = open(path, O_RDONLY | O_CLOEXEC), err = 1;
    pthread_condattr_t attr;
    struct stat st;
    void *bytes;

    if (fd < 0 || fstat(fd, &st)) {
        fprintf(stderr, "pvg-record: %s: %s\n", path, strerror(errno));
        return 1;
    }
    bytes = st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (bytes == MAP_FAILED) {
        fprintf(stderr, "pvg-record: %s: empty, or not a file that can be mapped\n", path);
        return 1;
    }
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r.changed, &attr);
    pthread_condattr_destroy(&attr);
    for (uint32_t i = 0; i < LIMIT_PORTS; i++)
        r.port[i].r = &r;
    err = replay_bytes(&r, bytes, (size_t)st.st_size, path);
    pvg_iosfc_free(r.mapper.m);
    pvg_device_free(r.dev);
    views_fini(&r);
    for (size_t i = 0; i < r.blocks; i++)
        munmap(r.block[i].host, r.block[i].length);
    for (uint32_t i = 0; i < LIMIT_PORTS; i++)
        free(r.port[i].pointer_pixels);
    free(r.item);
    munmap(bytes, (size_t)st.st_size);
    pthread_cond_destroy(&r.changed);
    pthread_mutex_destroy(&r.lock);
    return err;
}
