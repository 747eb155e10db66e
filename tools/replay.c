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

/* ---- pictures ---- */

static bool picture_shown(struct replay *r, const void *arg)
{
    const struct port *p = arg;
    struct rd rd = rd_over(r->item[p->picture].bytes, r->item[p->picture].length);
    const struct pvg_frame *f;
    uint32_t width, height;
    bool same;

    (void)rd_u32(&rd); /* port */
    width = rd_u32(&rd);
    height = rd_u32(&rd);
    if (pvg_display_get_frame(p->display, &f))
        return false;
    same = f->width_px == width && f->height_px == height && f->stride_bytes == 4 * width &&
           rd_left(&rd) == 4ull * width * height && !memcmp(f->pixels, rd.p, rd_left(&rd));
    pvg_frame_put(f);
    return same;
}

static bool picture_taken(struct replay *r, const void *arg)
{
    const struct port *p = arg;

    return picture_shown(r, p) || pvg_display_host_presents(p->display) > p->taken_before;
}

/* The present on its way on @p that was shown when it was recorded has to be shown now. */
static void settle(struct replay *r, struct port *p)
{
    if (!p->picture || !p->display)
        return;
    if (!replay_wait(r, picture_taken, p, PATIENCE_NS))
        replay_problem(r, "port %u: the picture of record %zu does not come", (unsigned)(p - r->port), p->picture);
    else if (!replay_wait(r, picture_shown, p, WRONG_NS))
        replay_problem(r, "port %u: the picture of record %zu is another one now", (unsigned)(p - r->port), p->picture);
    else
        r->pictures++;
    p->picture = 0;
}

static void settle_all(struct replay *r)
{
    for (uint32_t i = 0; i < r->ports; i++)
        settle(r, &r->port[i]);
}

/* Put the rows at @pixels where the device will read them. */
static void put_rows(struct replay *r, const struct record_source *s, struct rd runs, const uint8_t *pixels,
                     uint64_t row_bytes, uint32_t rows)
{
    uint64_t gpa = 0, left = 0, skip = 0;

    for (uint32_t y = 0; y < rows; y++) {
        for (uint64_t done = 0; done < row_bytes;) {
            uint64_t n;

            while (skip >= left) {
                skip -= left;
                gpa = rd_u64(&runs);
                left = rd_u64(&runs);
                if (runs.bad)
                    return;
            }
            gpa += skip;
            left -= skip;
            skip = 0;
            n = row_bytes - done < left ? row_bytes - done : left;
            replay_put(r, gpa, pixels + y * row_bytes + done, n);
            gpa += n;
            left -= n;
            done += n;
        }
        skip = s->stride_bytes - row_bytes;
    }
}

/* If the @number-th present of @p was shown: its pixels go to their place, and it is waited for before the next one. */
static void prepare_picture(struct replay *r, struct port *p, uint64_t number)
{
    uint32_t port = (uint32_t)(p - r->port);

    settle(r, p);
    for (size_t i = p->next_source > r->at ? p->next_source : r->at; i < r->count; i++) {
        struct rd rd = rd_over(r->item[i].bytes, r->item[i].length), runs, picture;
        struct record_source s;
        uint32_t width, height;
        uint64_t row;
        size_t shown;

        if (r->item[i].kind != RECORD_SOURCE || r->item[i].length < sizeof(s) || le32_get(rd.p) != port)
            continue;
        memcpy(&s, rd_bytes(&rd, sizeof(s)), sizeof(s));
        p->next_source = i;
        if (s.present != number)
            return;
        for (shown = i + 1; shown < r->count; shown++)
            if (r->item[shown].kind == RECORD_PICTURE && r->item[shown].length >= 12 &&
                le32_get(r->item[shown].bytes) == port)
                break;
        if (shown == r->count)
            return; /* the recording was cut off */
        picture = rd_over(r->item[shown].bytes, r->item[shown].length);
        (void)rd_u32(&picture);
        width = rd_u32(&picture);
        height = rd_u32(&picture);
        row = (uint64_t)width * s.bytes_per_pixel;
        runs = rd_over(rd_bytes(&rd, 16ull * s.runs), 16ull * s.runs);
        if (rd.bad || width > LIMIT_EDGE_PX || height > LIMIT_EDGE_PX || s.bytes_per_pixel > 8 ||
            s.stride_bytes < row || (s.pixels ? rd_left(&rd) : rd_left(&picture)) != row * height) {
            replay_problem(r, "damaged: source of record %zu", i);
            return;
        }
        put_rows(r, &s, runs, s.pixels ? rd.p : picture.p, row, height);
        p->next_source = i + 1;
        p->picture = shown;
        p->taken_before = p->display ? pvg_display_host_presents(p->display) : 0;
        return;
    }
}

/* ---- packets ---- */

static bool epoch_is(struct replay *r, const void *arg)
{
    const uint32_t *port_epoch = arg;

    return replay_load(r, r->port[port_epoch[0]].shared_gpa + SHARED_EPOCH) == port_epoch[1];
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
        prepare_picture(r, &r->port[present.port], r->port[present.port].presents++);
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
    r->packets++;
}

/* What made the FIFO lose its framing. */
static void play_fault(struct replay *r, struct rd *rd)
{
    uint32_t channel = rd_u32(rd), published = rd_u32(rd);
    struct ring *ring = &r->ring[channel < LIMIT_FIFOS ? channel : 0];
    const uint8_t *header = rd_bytes(rd, PACKET_HEADER_BYTES);

    if (rd->bad || channel >= LIMIT_FIFOS || !ring->bytes)
        return;
    r->root_lost = r->root_lost || !channel;
    if (!replay_wait(r, replay_has_room, &(struct room){channel, ring->bytes}, PATIENCE_NS))
        replay_problem(r, "channel %u does not take its packets", channel);
    if (ring->bytes >= PACKET_HEADER_BYTES)
        replay_put_in_ring(r, channel, header, PACKET_HEADER_BYTES);
    ring->written += published;
    replay_publish(r, channel);
}

/* ---- registers ---- */

static void close_rings(struct replay *r)
{
    for (uint32_t i = 0; i < LIMIT_FIFOS; i++)
        r->ring[i].defined = false;
}

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
        r->root_pfn = value;
        break;
    case REG_FIFO_CONTROL:
        if (!value) {
            settle_all(r);
            close_rings(r);
        } else if (!r->fifo_control) {
            r->ring[0] = (struct ring){.base = ((uint64_t)r->fifo_pfn << r->page_shift) + r->start};
        }
        r->fifo_control = value;
        break;
    }
    pvg_device_mmio_write(r->dev, offset, value, 4);
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

struct expected {
    uint32_t offset, size;
    uint64_t value;
};

static bool reads(struct replay *r, const void *arg)
{
    const struct expected *e = arg;

    return pvg_device_mmio_read(r->dev, e->offset, e->size) == e->value;
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

static void play_read(struct replay *r, struct rd *rd)
{
    struct expected e = {.offset = rd_u32(rd), .size = rd_u32(rd)};
    unsigned parts = 1;

    e.value = rd_u64(rd);
    if (rd->bad)
        return;
    if (e.size == 8 && e.offset < REG_EFI_DISPLAY_SELECT && e.offset % 8 == 0) {
        parts = 2;
        e.size = 4;
    }
    for (uint64_t value = e.value; parts--; value >>= 32, e.offset += 4) {
        condition_fn *condition = reads;

        if (e.size == 4 && e.offset < REG_EFI_DISPLAY_SELECT)
            e.value = (uint32_t)value;
        if (e.size == 4 &&
            (e.offset == REG_DISPLAY_EVENTS || e.offset == REG_STAMP_EVENTS || e.offset == REG_INTR_FAULT))
            condition = reads_events;
        else if (e.size == 4 && e.offset == REG_ROOT_CONSUMER && !r->root_lost)
            condition = reads_at_least;
        else if (e.offset == REG_ROOT_PRODUCER || e.offset == REG_ROOT_CONSUMER)
            continue; /* runs behind: see play_write32() */
        if (!replay_wait(r, condition, &e, PATIENCE_NS))
            replay_problem(r, "register 0x%x does not become 0x%llx", e.offset, (unsigned long long)e.value);
    }
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
    settle(r, p);
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

/* Up to the next record from which on the device does something else, memory may be put in place. */
static bool is_boundary(const struct item *i)
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

    for (; i < r->count && !is_boundary(&r->item[i]); i++) {
        struct rd rd = rd_over(r->item[i].bytes, r->item[i].length);

        if (r->item[i].kind == RECORD_RING && opens_ring(&r->item[from], &r->item[i]))
            replay_apply_ring(r, rd);
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
    same = replay_same_report(arg, json, NULL, NULL);
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

    settle_all(r);
    if (recorded && !replay_wait(r, same_report, recorded, r->problems ? 0 : REPORT_NS) &&
        !pvg_device_report(r->dev, &json)) {
        replay_same_report(recorded, json, say_difference, r);
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
        if (is_boundary(i))
            apply_memory(r, r->at);
        switch (i->kind) {
        case RECORD_MMIO_READ:
            play_read(r, &rd);
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
            play_fault(r, &rd);
            break;
        case RECORD_RESET:
            settle_all(r);
            pvg_device_reset(r->dev);
            close_rings(r);
            r->fifo_control = r->length = r->start = r->fifo_pfn = r->root_pfn = r->stamp_events = r->faults = 0;
            break;
        case RECORD_REPORT:
            play_report(r, &rd);
            return true;
        case RECORD_PICTURE: /* settled before the port's next present */
        default:
            break;
        }
    }
    settle_all(r);
    return false;
}

/* Are there presents of the surface mapper, whose registers and mappings are not recorded? */
static bool uses_mapper(const struct replay *r, uint32_t variant)
{
    for (size_t i = 0; variant == PVG_VARIANT_MMIO && i < r->count; i++)
        if (r->item[i].kind == RECORD_PACKET && r->item[i].length >= 6 &&
            le16_get(r->item[i].bytes + 4) == CMD_DISPLAY_SWAP_MAPPING)
            return true;
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
    if (tasks != PVG_TASKS_TABLE) {
        fprintf(stderr, "pvg-record: %s: recorded with tasks=callbacks, which cannot be replayed\n", path);
        return 1;
    }
    if (uses_mapper(r, variant)) {
        fprintf(stderr, "pvg-record: %s: shows surfaces of the mapper, which is not recorded: cannot be replayed\n",
                path);
        return 1;
    }
    pvg_device_desc_init(&desc, sizeof(desc));
    desc.guest_page_shift = r->page_shift = shift;
    desc.display_port_count = r->ports = ports;
    desc.variant = (enum pvg_variant)variant;
    desc.flags = flags;
    desc.gpu = "none";
    desc.ops = &replay_host_ops;
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
    printf("%s: the same: %llu packets, %llu pictures, %llu pointer images, %llu stamps%s\n", path,
           (unsigned long long)r->packets, (unsigned long long)r->pictures, (unsigned long long)r->pointers,
           (unsigned long long)r->stamps, compared ? ", report" : "; no report to compare");
    if (r->late)
        printf("%llu packets were taken from FIFOs that were just going, and left out\n", (unsigned long long)r->late);
    return 0;
}

int replay_file(const char *path)
{
    struct replay r = {.lock = PTHREAD_MUTEX_INITIALIZER};
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
    pvg_device_free(r.dev);
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
