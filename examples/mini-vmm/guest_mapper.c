/* SPDX-License-Identifier: MIT */
/*
 * The guest's surfaces on the memory-mapped variant: a driver of the surface mapper, and presents by mapping id
 * (memory.md 9; display.md 3.2, 7.3). See guest.h.
 *
 * Two threads use the ring in guest_churn(): the guest's own and one that does nothing but map and unmap. One at a
 * time makes requests and waits for all of them, so the interrupt has one reader.
 */
#include "guest.h"

#include <stdatomic.h>
#include <string.h>

#include "picture.h"
#include "protocol.h"

#define RING_ENTRIES 64
#define UNANSWERED   0xabababab

/* The churn: surfaces that nobody looks at, of a size that is no multiple of a page. */
#define CHURN_SURFACES 12
#define CHURN_WIDTH    150
#define CHURN_HEIGHT   110
#define CHURN_ROUNDS   20 /* at least */
#define RELEASE_EVERY  16 /* presents; then the surface that is not shown is unmapped and mapped */

static uint32_t entry_of(const struct guest *g, uint64_t gpa)
{
    return (uint32_t)(gpa >> g->shift) << 2 | MAPPER_PRESENT;
}

/* ---- the ring ---- */

struct request {
    uint32_t operation, id;
};

static void put_request(struct guest *g, uint64_t number, struct request r)
{
    uint64_t at = g->mapper.ring + number % RING_ENTRIES * MAPPER_ENTRY_BYTES;

    store32(g, at, r.operation);
    store32(g, at + 4, r.id);
    store32(g, at + MAPPER_ENTRY_RESULT, UNANSWERED);
    store32(g, at + 12, 0);
}

/* First come, first served: a thread that maps without a pause would keep a plain lock from the one that presents. */
static void mapper_enter(struct mapper *m)
{
    uint64_t ticket;

    pthread_mutex_lock(&m->lock);
    for (ticket = m->tickets++; m->served != ticket;)
        pthread_cond_wait(&m->next, &m->lock);
    pthread_mutex_unlock(&m->lock);
}

static void mapper_leave(struct mapper *m)
{
    pthread_mutex_lock(&m->lock);
    m->served++;
    pthread_cond_broadcast(&m->next);
    pthread_mutex_unlock(&m->lock);
}

/* All of @requests, at most RING_ENTRIES, in order and with one doorbell. NULL, or what went wrong. Any thread. */
static const char *do_requests(struct guest *g, const struct request *requests, uint32_t count)
{
    struct mapper *m = &g->mapper;
    const char *why = NULL;
    uint64_t first;

    mapper_enter(m);
    first = m->published;
    for (uint32_t i = 0; i < count; i++)
        put_request(g, m->published++, requests[i]);
    machine_mapper_out(g->vmm, MAPPER_PRODUCER, m->published);
    while (!why && machine_mapper_in(g->vmm, MAPPER_CONSUMER) != m->published)
        if (!machine_mapper_halt(g->vmm, GUEST_WAIT_MS))
            why = "no interrupt of the mapper";
    for (uint32_t i = 0; !why && i < count; i++)
        if (load32(g, m->ring + (first + i) % RING_ENTRIES * MAPPER_ENTRY_BYTES + MAPPER_ENTRY_RESULT))
            why = requests[i].operation == MAPPER_OP_MAP ? "the mapper refuses a map" : "the mapper refuses an unmap";
    mapper_leave(m);
    return why;
}

static bool do_request(struct guest *g, uint32_t operation, uint32_t id)
{
    const char *why = do_requests(g, &(struct request){operation, id}, 1);

    return why ? guest_fail(g, "%s, mapping %u", why, id) : true;
}

/* ---- table, records, page lists (memory 9.5) ---- */

/* Tell the device where ring and table are. */
static bool mapper_start(struct guest *g)
{
    struct mapper *m = &g->mapper;

    m->published = m->live = 0;
    machine_mapper_out(g->vmm, MAPPER_RING, m->ring);
    machine_mapper_out(g->vmm, MAPPER_CAPACITY, RING_ENTRIES);
    machine_mapper_out(g->vmm, MAPPER_TABLE, m->table);
    machine_mapper_out(g->vmm, MAPPER_ENABLE, 1);
    if (machine_mapper_in(g->vmm, MAPPER_RING) != m->ring || machine_mapper_in(g->vmm, MAPPER_CONSUMER))
        return guest_fail(g, "the mapper does not take its ring");
    return true;
}

static bool mapper_boot(struct guest *g)
{
    g->mapper.ring = page_alloc(g);
    g->mapper.table = page_alloc(g);
    return mapper_start(g);
}

/* Records lie in pages that the table names; the table's page is there from the start. */
static uint64_t record_of(struct guest *g, uint32_t id)
{
    uint32_t per_page = (uint32_t)g->page / MAPPED_RECORD_BYTES;
    uint64_t entry = g->mapper.table + 4 * (id / per_page);

    if (!load32(g, entry))
        store32(g, entry, entry_of(g, page_alloc(g)));
    return ((uint64_t)(load32(g, entry) >> 2) << g->shift) + id % per_page * MAPPED_RECORD_BYTES;
}

static void write_list(struct guest *g, const struct surface *s)
{
    for (uint32_t i = 0; i < s->pages.count; i++)
        store32(g, s->list + 4 * i, entry_of(g, s->pages.gpa[i]));
}

/* What the device reads when it is asked to map. */
static void describe(struct guest *g, struct surface *s)
{
    uint64_t at = record_of(g, s->id);

    s->list = page_alloc(g);
    write_list(g, s);
    store32(g, at + MAPPED_RECORD_FORMAT, FORMAT_BGRA);
    store32(g, at + MAPPED_RECORD_SIZE, s->pitch * s->height);
    store32(g, at + MAPPED_RECORD_EXTENT, 1 | s->width << 8);
    store32(g, at + MAPPED_RECORD_EXTENT + 4, 1 | s->height << 8);
    store32(g, at + MAPPED_RECORD_PITCH, s->pitch);
    store32(g, at + MAPPED_RECORD_ELEMENT, 4);
    store32(g, at + MAPPED_RECORD_LIST, entry_of(g, s->list));
}

static bool mapping_announce(struct guest *g, struct surface *s)
{
    describe(g, s);
    g->mapper.live++;
    return do_request(g, MAPPER_OP_MAP, s->id);
}

static bool mapping_withdraw(struct guest *g, struct surface *s)
{
    g->mapper.live--;
    if (!do_request(g, MAPPER_OP_UNMAP, s->id))
        return false;
    store32(g, record_of(g, s->id) + MAPPED_RECORD_LIST, 0);
    page_free(g, s->list);
    return true;
}

/* Mapped again with another list: another surface under the old id (memory 9.7). */
static bool mapping_move(struct guest *g, struct surface *s)
{
    write_list(g, s);
    return do_request(g, MAPPER_OP_MAP, s->id);
}

/* The mapper has no word for it: what is presented is what is in memory. */
static bool mapping_wrote(struct guest *g, struct guest_monitor *m, const struct surface *s)
{
    return true;
}

static uint32_t mapping_present(struct guest *g, struct guest_monitor *m, const struct surface *s,
                                const struct barrier *behind, const struct gamma_table *gamma)
{
    uint32_t show[10] = {(uint32_t)(m - g->monitors), 0, s->id};

    if (gamma) {
        show[4] = low(gamma->va);
        show[5] = high(gamma->va);
        show[6] = (uint32_t)g->page;
        show[8] = GAMMA_ENTRIES;
        show[9] = gamma->sum;
    }
    return submit(g, &m->channel, OP_PRESENT_MAPPING, show, 10, behind, behind != NULL);
}

static bool mappings_boot(struct guest *g)
{
    return wait_stamp(g, &g->immediate, g->immediate.stamp) && mapper_boot(g);
}

static void mappings_forget(struct guest *g)
{
    g->mapper.ring = g->mapper.table = 0;
    g->mapper.live = 0;
}

const struct surface_way surfaces_by_mapping = {
    .display_channel = CHANNEL_DISPLAY_MMIO,
    .boot = mappings_boot,
    .announce = mapping_announce,
    .withdraw = mapping_withdraw,
    .move = mapping_move,
    .wrote = mapping_wrote,
    .present = mapping_present,
    .forget = mappings_forget,
};

/* ---- jobs ---- */

/* The two windows are independent: requests are served before there is a FIFO (and the registers keep no trace). */
bool guest_mapper_first(struct guest *g, uint32_t arg)
{
    struct surface s;

    g->next_surface = 1;
    if (!mapper_boot(g) || !surface_new(g, &s, CHURN_WIDTH, CHURN_HEIGHT) || !surface_free(g, &s))
        return false;
    machine_mapper_out(g->vmm, MAPPER_CAPACITY, 0);
    machine_mapper_out(g->vmm, MAPPER_PRODUCER, 0); /* takes the consumer back to the start */
    while (machine_mapper_in(g->vmm, MAPPER_CONSUMER))
        if (!machine_mapper_halt(g->vmm, GUEST_WAIT_MS))
            return guest_fail(g, "the mapper does not go back to the start");
    return guest_forget(g, 0);
}

/* The mapper forgot everything; ring, table and records in memory are what they were. */
bool guest_mapper_restart(struct guest *g, uint32_t arg)
{
    if (!mapper_start(g))
        return false;
    for (uint32_t p = 0; p < g->ports; p++)
        for (uint32_t i = 0; i < 2; i++, g->mapper.live++)
            if (!do_request(g, MAPPER_OP_MAP, g->monitors[p].surfaces[i].id))
                return false;
    return true;
}

struct churn {
    struct guest *g;
    struct surface surfaces[CHURN_SURFACES];
    atomic_bool stop;
    uint32_t rounds;
    const char *why; /* the thread failed; to be read when it has ended */
};

/* The surfaces on the monitors, mapped once more: nothing changes, pictures of them may be on their way (memory 9.7).
 */
static uint32_t same_again(struct guest *g, struct request *requests)
{
    uint32_t count = 0;

    for (uint32_t p = 0; p < g->ports; p++)
        requests[count++] = (struct request){MAPPER_OP_MAP, g->monitors[p].surfaces[0].id};
    return count;
}

/* Two pages change places below a live mapping, as when an id is used again before its unmap came. */
static void swap_pages(struct guest *g, const struct surface *s)
{
    uint32_t first = load32(g, s->list);

    store32(g, s->list, load32(g, s->list + 4));
    store32(g, s->list + 4, first);
}

/* Guest memory is touched here as it stands in the page lists; nothing is allocated. */
static void *churn_main(void *arg)
{
    struct churn *c = arg;
    struct request requests[2 * CHURN_SURFACES + GUEST_PORTS];

    for (c->rounds = 0; !c->why && (c->rounds < CHURN_ROUNDS || !atomic_load(&c->stop)); c->rounds++) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < CHURN_SURFACES; i++)
            requests[n++] = (struct request){MAPPER_OP_MAP, c->surfaces[i].id};
        n += same_again(c->g, requests + n);
        c->why = do_requests(c->g, requests, n);
        n = 0;
        for (uint32_t i = 0; i < CHURN_SURFACES; i++) {
            swap_pages(c->g, &c->surfaces[i]);
            requests[n++] = (struct request){MAPPER_OP_MAP, c->surfaces[i].id};
            requests[n++] = (struct request){MAPPER_OP_UNMAP, c->surfaces[i].id};
        }
        if (!c->why)
            c->why = do_requests(c->g, requests, n);
    }
    return NULL;
}

/* What guest_storm() does; now and then a surface is let go of as drivers do it, behind its stamp. */
static bool present_all(struct guest *g, uint32_t count, struct churn *c)
{
    for (uint32_t i = 0; i < count || i & 1; i++) {
        for (uint32_t p = 0; p < g->ports; p++)
            if (!show(g, &g->monitors[p], &g->monitors[p].surfaces[i & 1]))
                return false;
        displays_interrupt(g, machine_in(g->vmm, REG_DISPLAY_EVENTS));
        if (i % RELEASE_EVERY != RELEASE_EVERY - 2)
            continue;
        /* Shown is surface 0: surface 1 is nobody's. */
        if (!wait_presents(g))
            return false;
        for (uint32_t p = 0; p < g->ports; p++)
            if (!do_request(g, MAPPER_OP_UNMAP, g->monitors[p].surfaces[1].id) ||
                !do_request(g, MAPPER_OP_MAP, g->monitors[p].surfaces[1].id))
                return false;
    }
    for (uint32_t p = 0; p < g->ports; p++)
        g->monitors[p].next = 0;
    return wait_presents(g);
}

bool guest_churn(struct guest *g, uint32_t count)
{
    struct churn c = {.g = g};
    pthread_t thread;
    bool good = true;

    for (uint32_t i = 0; i < CHURN_SURFACES; i++)
        if (!surface_new(g, &c.surfaces[i], CHURN_WIDTH, CHURN_HEIGHT))
            return false;
    atomic_init(&c.stop, false);
    if (pthread_create(&thread, NULL, churn_main, &c))
        return guest_fail(g, "no second thread");
    good = present_all(g, count, &c);
    atomic_store(&c.stop, true);
    pthread_join(thread, NULL);
    if (good && c.why)
        good = guest_fail(g, "beside the presents: %s, round %u", c.why, c.rounds);
    for (uint32_t i = 0; i < CHURN_SURFACES; i++) {
        /* The thread left them unmapped. */
        g->mapper.live--;
        page_free(g, c.surfaces[i].list);
        pages_free(g, &c.surfaces[i].pages);
    }
    return good;
}
