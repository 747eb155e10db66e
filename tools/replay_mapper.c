/* SPDX-License-Identifier: MIT */
/*
 * Of a replay: the surface mapper (memory 9). Its requests go into the ring where the recording says that they were
 * taken, one at a time, with what was read for each put in place before; answers are waited for.
 */
#include "replay_priv.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/record.h"
#include "wire/iosfc.h"

static void raise_interrupt(void *opaque, uint32_t vector)
{
    replay_raise(opaque, vector);
}

/* The VMM's own mapping of all guest memory serves: nothing is mapped for one range. */
static bool map_memory(void *opaque, uint64_t gpa, uint64_t length_bytes, bool readonly, void **host)
{
    (void)readonly;
    *host = views_at(opaque, gpa, length_bytes);
    return *host != NULL;
}

static bool unmap_memory(void *opaque, void *host, uint64_t length_bytes)
{
    (void)opaque;
    (void)host;
    (void)length_bytes;
    return true;
}

void mapper_play_state(struct replay *r, struct rd *rd)
{
    static const struct pvg_iosfc_ops ops = {.size = sizeof(ops),
                                             .raise_interrupt = raise_interrupt,
                                             .map_memory = map_memory,
                                             .unmap_memory = unmap_memory};
    struct pvg_iosfc_desc desc;
    uint32_t state = rd_u32(rd);
    int err;

    for (uint32_t i = 0; i < LIMIT_FIFOS; i++)
        replay_taken(r, i);
    if (!r->mapper.cut)
        mapper_flush(r);
    if (state != RECORD_MAPPER_THERE) {
        if (state == RECORD_MAPPER_RESET && r->mapper.m)
            pvg_iosfc_reset(r->mapper.m);
        if (state == RECORD_MAPPER_GONE) {
            pvg_iosfc_free(r->mapper.m);
            r->mapper.m = NULL;
        }
        r->mapper = (struct mapper){.m = r->mapper.m};
        return;
    }
    if (rd->bad || r->mapper.m)
        return;
    pvg_iosfc_desc_init(&desc, sizeof(desc));
    desc.ops = &ops;
    desc.opaque = r;
    err = pvg_iosfc_new(r->dev, &desc, &r->mapper.m);
    if (err)
        replay_problem(r, "damaged: a mapper that cannot be: %s", pvg_error_text(err));
}

/* ---- registers ---- */

static bool consumed(struct replay *r, const void *arg)
{
    (void)arg;
    return pvg_iosfc_mmio_read(r->mapper.m, IOSFC_CONSUMER, 8) == r->mapper.published;
}

static void publish(struct replay *r, uint64_t producer)
{
    r->mapper.published = producer;
    pvg_iosfc_mmio_write(r->mapper.m, IOSFC_PRODUCER, producer, 8);
}

static uint64_t next(const struct mapper *m, uint64_t at)
{
    return m->wraps ? (at + 1) % m->capacity : at + 1;
}

static uint64_t entry_gpa(const struct mapper *m, uint64_t at)
{
    uint64_t gpa;

    return __builtin_add_overflow(m->base, at % m->capacity * IOSFC_ENTRY_BYTES, &gpa) ? UINT64_MAX : gpa;
}

/* Entries that are no RAM are passed without a request; what else nobody took before a reset is not said at all. */
void mapper_flush(struct replay *r)
{
    struct mapper *m = &r->mapper;
    uint64_t at = m->published;

    if (!m->m)
        return;
    while (at != m->producer && m->capacity && !replay_is_ram(r, entry_gpa(m, at), IOSFC_ENTRY_BYTES))
        at = next(m, at);
    if (at != m->published)
        publish(r, at);
    if (!replay_wait(r, consumed, NULL, PATIENCE_NS))
        replay_problem(r, "the mapper does not take its requests");
}

static void write_producer(struct replay *r, uint64_t value)
{
    struct mapper *m = &r->mapper;
    struct iosfc_span s = iosfc_span(m->base, m->capacity, value, m->producer);

    if (s.count) { /* said request by request */
        m->wraps = value < m->producer;
        m->producer = value;
        return;
    }
    mapper_flush(r);
    m->producer = value;
    if (s.raise)
        publish(r, value);
    else
        m->published = value;
    if (!replay_wait(r, consumed, NULL, PATIENCE_NS))
        replay_problem(r, "the mapper does not take its producer");
}

static uint64_t merged(uint64_t old, uint64_t value, uint32_t offset, uint32_t size)
{
    if (size == 8)
        return value;
    return offset & 4 ? (uint32_t)old | value << 32 : (old & ~(uint64_t)UINT32_MAX) | (uint32_t)value;
}

void mapper_play_write(struct replay *r, struct rd *rd)
{
    uint32_t offset = rd_u32(rd), size = rd_u32(rd);
    uint64_t value = rd_u64(rd);
    struct mapper *m = &r->mapper;

    if (rd->bad || !m->m)
        return;
    if ((size == 4 || size == 8) && offset % size == 0) {
        switch (offset & ~7u) {
        case IOSFC_PRODUCER:
            write_producer(r, merged(m->producer, value, offset, size));
            return;
        case IOSFC_RING_BASE:
            mapper_flush(r);
            m->base = merged(m->base, value, offset, size);
            break;
        case IOSFC_CAPACITY:
            mapper_flush(r);
            m->capacity = merged(m->capacity, value, offset, size);
            break;
        case IOSFC_DESC_TABLE:
        case IOSFC_DESC_TABLE2:
            mapper_flush(r);
            break;
        }
    }
    pvg_iosfc_mmio_write(m->m, offset, value, size);
}

static uint64_t mapper_register(struct replay *r, uint32_t offset, uint32_t size)
{
    return pvg_iosfc_mmio_read(r->mapper.m, offset, size);
}

/* Producer and consumer move one request at a time here: not compared, the answers are. */
void mapper_play_read(struct replay *r, struct rd *rd)
{
    struct expected e = {.read = mapper_register, .offset = rd_u32(rd), .size = rd_u32(rd)};

    e.value = rd_u64(rd);
    if (rd->bad || !r->mapper.m || (e.offset & ~7u) == IOSFC_PRODUCER || (e.offset & ~7u) == IOSFC_CONSUMER)
        return;
    if (!replay_wait(r, replay_reads, &e, PATIENCE_NS))
        replay_problem(r, "the mapper's register 0x%x is not 0x%llx", e.offset, (unsigned long long)e.value);
}

/* ---- requests ---- */

/* The producer that publishes the entry at @gpa: the first one behind what is published. */
static bool find_entry(const struct mapper *m, uint64_t gpa, uint64_t *producer)
{
    for (uint64_t at = m->published, n = 0; m->capacity && at != m->producer && n < m->capacity; at = next(m, at), n++)
        if (entry_gpa(m, at) == gpa) {
            *producer = next(m, at);
            return true;
        }
    return false;
}

/* The result that the request in record @item got; false: none, for the mapper was reset meanwhile. */
static bool answer_of(const struct replay *r, size_t item, size_t *answer)
{
    for (size_t i = item + 1; i < r->count; i++) {
        if (r->item[i].kind == RECORD_ANSWER && r->item[i].length >= 12 &&
            le64_get(r->item[i].bytes) == le64_get(r->item[item].bytes)) {
            *answer = i;
            return true;
        }
        if (r->item[i].kind == RECORD_REQUEST || r->item[i].kind == RECORD_MAPPER)
            break;
    }
    return false;
}

static bool accepted(struct replay *r, const void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < r->ports; i++)
        if (r->port[i].display && r->port[i].picture &&
            pvg_display_guest_presents(r->port[i].display) < r->port[i].presents)
            return false;
    return true;
}

void mapper_play_request(struct replay *r, struct rd *rd)
{
    uint64_t gpa = rd_u64(rd), producer;
    uint8_t entry[IOSFC_ENTRY_BYTES] = {0};
    size_t answer = 0;

    if (rd->bad || rd_left(rd) < 8 || !r->mapper.m)
        return;
    r->mapper.asked = false;
    if (!answer_of(r, r->at, &answer) || r->mapper.published == r->mapper.producer) {
        r->cut_requests++; /* the mapper was reset while it was served */
        r->mapper.cut = true;
        return;
    }
    if (!find_entry(&r->mapper, gpa, &producer)) {
        replay_problem(r, "a request at 0x%llx that the mapper's ring cannot hold", (unsigned long long)gpa);
        return;
    }
    memcpy(entry, rd->p, 8);
    r->mapper.asked = true;
    /* Presents before the request show the old pages: they are on their way, or there where they were shown before it.
     */
    (void)replay_wait(r, accepted, NULL, EPOCH_NS); /* one behind a barrier was neither then */
    replay_settle_before(r, r->at);
    for (size_t i = r->at + 1; i < answer; i++) {
        struct rd memory = rd_over(r->item[i].bytes, r->item[i].length);
        uint64_t at = r->item[i].kind == RECORD_MAPPER_MEMORY ? rd_u64(&memory) : 0;

        if (r->item[i].kind == RECORD_MAPPER_MEMORY && !memory.bad)
            replay_put(r, at, memory.p, rd_left(&memory));
    }
    le32_put(entry + IOSFC_ENTRY_RESULT, ~le32_get(r->item[answer].bytes + 8));
    replay_put(r, gpa, entry, sizeof(entry));
    publish(r, producer);
}

void mapper_play_answer(struct replay *r, const struct rd *rd)
{
    if (rd_left(rd) < 12 || !r->mapper.m || !r->mapper.asked)
        return;
    /* When the consumer has moved, the answer is there. */
    if (!replay_wait(r, consumed, NULL, PATIENCE_NS))
        replay_problem(r, "the mapper does not take its requests");
    else if (!replay_readonly(r, le64_get(rd->p)) &&
             replay_load(r, le64_get(rd->p) + IOSFC_ENTRY_RESULT) != le32_get(rd->p + 8))
        replay_problem(r, "the mapper's answer is not %u", le32_get(rd->p + 8));
    else
        r->requests++;
}
