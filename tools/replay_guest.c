/* SPDX-License-Identifier: MIT */
/*
 * Of a replay: the VMM (callbacks, waiting), guest memory in the recorded layout, and the rings that packets go into.
 * Every address is the recording's and is looked up.
 */
#include "replay_priv.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "wire/packet.h"
#include "wire/regs.h"

void replay_problem(struct replay *r, const char *fmt, ...)
{
    va_list ap;

    if (r->problems++ >= PROBLEMS_MAX)
        return;
    fprintf(stderr, "pvg-record: record %zu: ", r->at);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

/* ---- the VMM ---- */

static void changed(struct replay *r)
{
    pthread_mutex_lock(&r->lock);
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void replay_raise(void *opaque, uint32_t vector)
{
    (void)vector;
    changed(opaque);
}

static void on_frame(void *opaque, uint64_t sequence)
{
    (void)sequence;
    changed(((struct port *)opaque)->r);
}

static void on_cursor(void *opaque, const struct pvg_cursor *cursor)
{
    struct port *p = opaque;
    size_t row = 4ull * cursor->width_px;
    uint8_t *pixels = malloc(row * cursor->height_px);

    for (uint32_t y = 0; pixels && y < cursor->height_px; y++)
        memcpy(pixels + y * row, cursor->pixels + (size_t)y * cursor->stride_bytes, row);
    pthread_mutex_lock(&p->r->lock);
    free(p->pointer_pixels);
    p->pointer_pixels = pixels;
    p->pointer = *cursor;
    pthread_mutex_unlock(&p->r->lock);
    changed(p->r);
}

static void on_cursor_show(void *opaque, bool visible)
{
    (void)visible;
    changed(((struct port *)opaque)->r);
}

const struct pvg_host_ops replay_host_ops = {.size = sizeof(replay_host_ops), .raise_interrupt = replay_raise};
const struct pvg_display_ops replay_display_ops = {
    .size = sizeof(replay_display_ops), .on_frame = on_frame, .on_cursor = on_cursor, .on_cursor_show = on_cursor_show};

/* Until @condition holds or @ns have passed. Woken by callbacks; looks now and then at what announces nothing: soon at
 * first, for most is there at once. */
bool replay_wait(struct replay *r, condition_fn *condition, const void *arg, uint64_t ns)
{
    uint64_t end = clock_now_ns() + (r->problems && ns > DOUBT_NS ? DOUBT_NS : ns), now;

    for (unsigned n = 0;; n++) {
        struct timespec ts;

        if (condition(r, arg))
            return true;
        now = clock_now_ns();
        if (now >= end)
            return false;
        now += n < 20 ? NS_PER_MS / 50 : 2 * NS_PER_MS;
        ts = (struct timespec){.tv_sec = (time_t)(now / NS_PER_S), .tv_nsec = (long)(now % NS_PER_S)};
        pthread_mutex_lock(&r->lock);
        pthread_cond_timedwait(&r->changed, &r->lock, &ts);
        pthread_mutex_unlock(&r->lock);
    }
}

bool replay_reads(struct replay *r, const void *expected)
{
    const struct expected *e = expected;

    return e->read(r, e->offset, e->size) == e->value;
}

/* ---- memory ---- */

/* Host address of @length bytes at @gpa, inside one block, or NULL. */
static uint8_t *at(struct replay *r, uint64_t gpa, uint64_t length)
{
    if (r->callbacks)
        return views_at(r, gpa, length);
    for (size_t i = 0; i < r->blocks; i++) {
        struct block *b = &r->block[i];

        if (b->added && gpa >= b->gpa && gpa - b->gpa < b->length && length <= b->length - (gpa - b->gpa))
            return b->host + (gpa - b->gpa);
    }
    return NULL;
}

/* Byte by page, because what is adjacent for the guest may lie in two blocks. */
void replay_put(struct replay *r, uint64_t gpa, const uint8_t *bytes, uint64_t length)
{
    while (length) {
        uint64_t n = 4096 - (gpa & 4095);
        uint8_t *to;

        n = n < length ? n : length;
        to = at(r, gpa, n);
        if (!to) {
            replay_problem(r, "0x%llx is not in the recording's guest memory", (unsigned long long)gpa);
            return;
        }
        if (memcmp(to, bytes, n)) /* what is there already is not written under a reader's eyes */
            memcpy(to, bytes, n);
        gpa += n;
        bytes += n;
        length -= n;
    }
}

static _Atomic uint32_t *word(struct replay *r, uint64_t gpa)
{
    return (_Atomic uint32_t *)(void *)(gpa % 4 ? NULL : at(r, gpa, 4));
}

uint32_t replay_load(struct replay *r, uint64_t gpa)
{
    _Atomic uint32_t *p = word(r, gpa);

    return p ? atomic_load(p) : 0;
}

bool replay_is_ram(struct replay *r, uint64_t gpa, uint64_t length)
{
    return at(r, gpa, length) != NULL;
}

bool replay_readonly(struct replay *r, uint64_t gpa)
{
    for (size_t i = 0; i < r->blocks; i++)
        if (r->block[i].added && r->block[i].readonly && gpa >= r->block[i].gpa &&
            gpa - r->block[i].gpa < r->block[i].length)
            return true;
    return false;
}

static void store(struct replay *r, uint64_t gpa, uint32_t value)
{
    _Atomic uint32_t *p = word(r, gpa);

    if (p)
        atomic_store(p, value);
    else
        replay_problem(r, "0x%llx is not in the recording's guest memory", (unsigned long long)gpa);
}

void replay_play_ram(struct replay *r, struct rd *rd)
{
    uint64_t gpa = rd_u64(rd), length = rd_u64(rd);
    uint32_t flags = rd_u32(rd), there = rd_u32(rd);
    struct block *b = &r->block[r->blocks];

    if (!there) {
        for (uint32_t i = 0; i < LIMIT_FIFOS; i++)
            replay_taken(r, i);
        for (size_t i = 0; i < r->blocks; i++)
            if (r->block[i].added && r->block[i].gpa == gpa && r->block[i].length == length) {
                pvg_device_del_ram(r->dev, gpa, length);
                r->block[i].added = false;
            }
        return;
    }
    if (rd->bad || r->blocks == BLOCKS_MAX || length > RAM_MAX - r->ram_bytes) {
        replay_problem(r, "too much guest memory");
        return;
    }
    *b = (struct block){.gpa = gpa, .length = length, .added = true, .readonly = flags & PVG_RAM_READONLY};
    b->host = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (b->host == MAP_FAILED) {
        replay_problem(r, "no room for 0x%llx bytes of guest memory", (unsigned long long)length);
        return;
    }
    r->blocks++;
    r->ram_bytes += length;
    if (pvg_device_add_ram(r->dev, gpa, length, b->host, -1, 0, flags & PVG_RAM_READONLY)) {
        replay_problem(r, "guest memory at 0x%llx overlaps other", (unsigned long long)gpa);
        b->added = false;
    }
}

/* ---- rings ---- */

static uint64_t record_gpa(const struct replay *r, uint32_t channel)
{
    return ((uint64_t)r->root_pfn << r->page_shift) + channel_record_offset(channel);
}

/* The channel's record as the device will find it when it opens the ring. */
void replay_apply_ring(struct replay *r, struct rd rd)
{
    uint32_t channel = rd_u32(&rd), pfn = rd_u32(&rd), read = rd_u32(&rd), index = rd_u32(&rd);

    if (rd.bad || !channel || channel >= LIMIT_FIFOS)
        return;
    store(r, record_gpa(r, channel) + CHANNEL_READ, read);
    store(r, record_gpa(r, channel) + CHANNEL_WRITTEN, read);
    store(r, record_gpa(r, channel) + CHANNEL_STAMP_INDEX, index);
    store(r, record_gpa(r, channel) + CHANNEL_LIST_PFN, pfn);
    r->ring[channel].defined = false; /* from here on its counters are the new one's */
}

static void put_in_ring(struct replay *r, uint32_t channel, const uint8_t *bytes, uint32_t length, bool must)
{
    const struct ring *ring = &r->ring[channel];

    for (uint32_t done = 0; done < length;) {
        uint32_t pos = (uint32_t)(((uint64_t)ring->written % ring->bytes + done) % ring->bytes), n = length - done;
        uint32_t page = 1u << r->page_shift, left = page - (pos & (page - 1));
        uint64_t gpa = ring->base + pos;

        if (channel) {
            n = n < left ? n : left;
            gpa = ((uint64_t)replay_load(r, ring->base + 4ull * (pos >> r->page_shift)) << r->page_shift) +
                  (pos & (page - 1));
        }
        n = n < ring->bytes - pos ? n : ring->bytes - pos;
        if (must || at(r, gpa, n))
            replay_put(r, gpa, bytes + done, n);
        done += n;
    }
}

void replay_put_in_ring(struct replay *r, uint32_t channel, const uint8_t *bytes, uint32_t length)
{
    put_in_ring(r, channel, bytes, length, true);
}

void replay_try_put_in_ring(struct replay *r, uint32_t channel, const uint8_t *bytes, uint32_t length)
{
    put_in_ring(r, channel, bytes, length, false);
}

/* A root page that is no RAM any more is what the channel stops at. */
void replay_store_written(struct replay *r, uint32_t channel)
{
    uint64_t gpa = record_gpa(r, channel) + CHANNEL_WRITTEN;

    if (!channel)
        pvg_device_mmio_write(r->dev, REG_ROOT_PRODUCER, r->ring[0].written, 4);
    else if (word(r, gpa))
        store(r, gpa, r->ring[channel].written);
}

void replay_publish(struct replay *r, uint32_t channel)
{
    replay_store_written(r, channel);
    if (channel)
        pvg_device_mmio_write(r->dev, REG_CHILD_DOORBELL, channel, 4);
}

bool replay_has_room(struct replay *r, const void *arg)
{
    const struct room *room = arg;
    const struct ring *ring = &r->ring[room->channel];
    uint32_t read = room->channel ? replay_load(r, record_gpa(r, room->channel) + CHANNEL_READ)
                                  : (uint32_t)pvg_device_mmio_read(r->dev, REG_ROOT_CONSUMER, 4);

    return (uint64_t)(ring->written - read) + room->bytes <= ring->bytes;
}

static bool root_refused(struct replay *r, const void *arg)
{
    static const char *const reasons[] = {"root-geometry", "root-not-ram", NULL};
    char *json;
    bool there;

    (void)arg;
    if (pvg_device_report(r->dev, &json))
        return false;
    there = replay_refusals(json, reasons) >= r->root_refused;
    pvg_free(json);
    return there;
}

static bool stopped(struct replay *r, const void *arg)
{
    char *json;
    bool there;

    if (pvg_device_report(r->dev, &json))
        return false;
    there = replay_fifo_stopped(json, *(const uint32_t *)arg);
    pvg_free(json);
    return there;
}

/* No ring was made of it: the device has to have seen that, before the guest goes on to something else. */
static void wait_refused(struct replay *r, uint32_t channel, bool was_there)
{
    r->ring[channel].defined = r->ring[channel].faulted = false;
    if (!channel) {
        r->root_refused++;
        if (!replay_wait(r, root_refused, NULL, PATIENCE_NS))
            replay_problem(r, "the root FIFO is not refused");
    } else if (was_there) {
        pvg_device_mmio_write(r->dev, REG_CHILD_DOORBELL, channel, 4);
        if (!replay_wait(r, stopped, &channel, PATIENCE_NS))
            replay_problem(r, "channel %u is not refused", channel);
    }
}

void replay_play_ring(struct replay *r, struct rd *rd)
{
    struct rd at_record = *rd;
    uint32_t channel = rd_u32(rd), pfn = rd_u32(rd), read = rd_u32(rd), index = rd_u32(rd), opened = rd_u32(rd), n = 0;
    struct ring *ring = &r->ring[channel < LIMIT_FIFOS ? channel : 0];
    uint64_t base = (uint64_t)pfn << r->page_shift;
    bool was_there = ring->defined;

    if (rd->bad || channel >= LIMIT_FIFOS)
        return;
    /* A list that changed under a ring: what is in the old one comes first. */
    if (channel)
        replay_taken(r, channel);
    replay_apply_ring(r, at_record);
    if (!opened) {
        wait_refused(r, channel, was_there);
        return;
    }
    *ring = (struct ring){.defined = true, .base = base, .written = read, .stamp_index = index};
    if (!channel) {
        ring->base = base + r->start;
        ring->bytes = r->length > r->start ? r->length - r->start : 0;
        r->cells = base;
        return;
    }
    while (n < (1u << r->page_shift) / 4 && replay_load(r, base + 4ull * n))
        n++;
    ring->bytes = n << r->page_shift;
}
