/* SPDX-License-Identifier: MIT */
/* The guest's transport: registers, FIFOs, stamps, interrupts, bring-up and end (transport.md 3 to 8). See guest.h. */
#include "guest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol.h"

#define FIFO_BYTES 0x10000 /* stamp cells in the first page, the root ring behind them (transport 5.1) */
#define INFO_KEYS  18      /* keys of device information that this guest knows: those below 18 (transport 8.1) */

bool guest_fail(struct guest *g, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(g->error, sizeof(g->error), format, args);
    va_end(args);
    return false;
}

/* ---- interrupt ---- */

/* One read of each status register; reading is the acknowledgement (transport 10.3). */
static bool handle_interrupt(struct guest *g)
{
    uint32_t ports, fault;

    (void)machine_in(g->vmm, REG_STAMP_EVENTS); /* only a hint: whoever waits looks at its cell */
    ports = machine_in(g->vmm, REG_DISPLAY_EVENTS);
    fault = machine_in(g->vmm, REG_FAULT);
    displays_interrupt(g, ports);
    return fault ? guest_fail(g, "the device reports a fault, mask 0x%x", fault) : true;
}

bool wait_interrupt(struct guest *g, const char *what)
{
    if (!machine_halt(g->vmm, GUEST_WAIT_MS))
        return guest_fail(g, "no interrupt within %d s while waiting for %s", GUEST_WAIT_MS / 1000, what);
    return handle_interrupt(g);
}

/* ---- rings ---- */

static uint32_t read_counter(struct guest *g, const struct channel *c)
{
    return c->id == CHANNEL_ROOT ? machine_in(g->vmm, REG_ROOT_CONSUMER)
                                 : load32(g, g->root_page + RECORD_OFFSET(c->id) + RECORD_READ);
}

static void pause_cpu(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

/* The device frees ring space when it takes a packet out, without an interrupt: look again until there is room. */
static bool wait_space(struct guest *g, const struct channel *c, uint32_t bytes)
{
    for (int tries = 0; c->written - read_counter(g, c) + bytes > c->ring_bytes; tries++) {
        if (tries > GUEST_WAIT_MS * 20)
            return guest_fail(g, "ring of channel %u stays full", c->id);
        pause_cpu();
    }
    return true;
}

/* Everything is a multiple of 4, so a word never straddles a page or the ring's end. */
static void put(struct guest *g, const struct channel *c, uint32_t *counter, const uint32_t *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, *counter += 4) {
        uint32_t at = *counter % c->ring_bytes;
        uint64_t gpa = c->base ? c->base + at : c->ring[at >> g->shift] + (at & (g->page - 1));

        *(uint32_t *)machine_ram(g->vmm, gpa) = words[i];
    }
}

uint32_t submit(struct guest *g, struct channel *c, uint32_t op, const uint32_t *payload, uint32_t words,
                const struct barrier *barriers, uint32_t barrier_count)
{
    uint32_t bytes = PACKET_HEADER_BYTES + 8 * barrier_count + 4 * words, counter = c->written;
    const uint32_t header[3] = {op | barrier_count << 16, bytes, c->stamp + 1};

    if (!wait_space(g, c, bytes))
        return 0;
    put(g, c, &counter, header, 3);
    put(g, c, &counter, (const uint32_t *)barriers, 2 * barrier_count);
    put(g, c, &counter, payload, words);
    c->written = counter;
    c->stamp++;
    if (c->id == CHANNEL_ROOT) {
        machine_out(g->vmm, REG_ROOT_PRODUCER, counter); /* publishes and rings */
    } else {
        store32(g, g->root_page + RECORD_OFFSET(c->id) + RECORD_WRITTEN, counter);
        machine_out(g->vmm, REG_CHILD_DOORBELL, c->id);
    }
    return c->stamp;
}

/* ---- stamps ---- */

static bool reached(struct guest *g, const struct channel *c, uint32_t stamp)
{
    return (int32_t)(load32(g, g->fifo + 4 * c->id) - stamp) >= 0;
}

bool wait_stamp(struct guest *g, struct channel *c, uint32_t stamp)
{
    if (!stamp)
        return false; /* could not be submitted */
    for (int tries = 0; !reached(g, c, stamp); tries++) {
        if (g->polling && tries > GUEST_WAIT_MS * 20)
            return guest_fail(g, "stamp %u of channel %u does not come", stamp, c->id);
        if (g->polling)
            pause_cpu();
        else if (!wait_interrupt(g, "a stamp"))
            return false;
    }
    return true;
}

bool submit_wait(struct guest *g, struct channel *c, uint32_t op, const uint32_t *payload, uint32_t words)
{
    return wait_stamp(g, c, submit(g, c, op, payload, words, NULL, 0));
}

/* ---- channels ---- */

/* Page list and ring, then the record, then the command (transport 7.1, 7.3). */
bool channel_define(struct guest *g, struct channel *c, uint32_t id, uint32_t ring_pages)
{
    uint64_t record = g->root_page + RECORD_OFFSET(id);

    *c = (struct channel){.id = id, .ring_bytes = ring_pages << g->shift, .list = page_alloc(g)};
    for (uint32_t i = 0; i < ring_pages; i++) {
        c->ring[i] = page_alloc(g);
        store32(g, c->list + 4 * i, (uint32_t)(c->ring[i] >> g->shift));
    }
    store32(g, g->fifo + 4 * id, 0);
    store32(g, record + RECORD_WRITTEN, 0);
    store32(g, record + RECORD_READ, 0);
    store32(g, record + RECORD_STAMP_INDEX, id);
    store32(g, record + RECORD_LIST, (uint32_t)(c->list >> g->shift));
    c->defined = submit_wait(g, &g->root, OP_DEFINE_CHANNEL, &id, 1);
    return c->defined;
}

static bool channel_delete(struct guest *g, struct channel *c)
{
    if (c->defined && !submit_wait(g, &g->root, OP_DELETE_CHANNEL, &c->id, 1))
        return false;
    c->defined = false;
    return true;
}

/* ---- bring-up ---- */

/* Version, root page, root FIFO (transport 4, steps 3 to 5; display 15.4). */
static bool start_fifo(struct guest *g)
{
    uint32_t version;

    machine_out(g->vmm, REG_FIFO_CONTROL, 0); /* whatever was there before */
    machine_out(g->vmm, REG_VERSION, VERSION_PROPOSED);
    version = machine_in(g->vmm, REG_VERSION);
    if (version == 0 || version > VERSION_PROPOSED)
        return guest_fail(g, "protocol version %u asked for, 0x%x granted", VERSION_PROPOSED, version);
    g->root =
        (struct channel){.id = CHANNEL_ROOT, .base = g->fifo + g->page, .ring_bytes = FIFO_BYTES - (uint32_t)g->page};
    memset(machine_ram(g->vmm, g->fifo), 0, g->page);
    machine_out(g->vmm, REG_ROOT_PAGE, (uint32_t)(g->root_page >> g->shift));
    machine_out(g->vmm, REG_ROOT_FIFO_PAGE, (uint32_t)(g->fifo >> g->shift));
    machine_out(g->vmm, REG_ROOT_FIFO_LENGTH, FIFO_BYTES);
    machine_out(g->vmm, REG_ROOT_FIFO_START, (uint32_t)g->page);
    machine_out(g->vmm, REG_FIFO_CONTROL, 1);
    return true;
}

/* The device is off, and the read proves it: from here on it leaves our memory alone (transport 2.1). */
static bool stop_fifo(struct guest *g)
{
    machine_out(g->vmm, REG_FIFO_CONTROL, 0);
    if (machine_in(g->vmm, REG_FIFO_CONTROL))
        return guest_fail(g, "the device does not stop");
    return true;
}

/* The smallest driver there is, as firmware would have it (transport 4, last paragraph; 15, item 1). */
bool guest_hello(struct guest *g, uint32_t arg)
{
    g->polling = true;
    if (!start_fifo(g) || !submit_wait(g, &g->root, OP_NOP, NULL, 0))
        return false;
    if (machine_in(g->vmm, REG_ROOT_CONSUMER) != PACKET_HEADER_BYTES)
        return guest_fail(g, "consumer counter is 0x%x after one NOP", machine_in(g->vmm, REG_ROOT_CONSUMER));
    /* The cell comes before the bit. */
    for (int tries = 0; !(machine_in(g->vmm, REG_STAMP_EVENTS) & 1); tries++) {
        if (tries > GUEST_WAIT_MS * 20)
            return guest_fail(g, "stamp 1 has come, its status bit has not");
        pause_cpu();
    }
    return stop_fifo(g);
}

static bool device_info(struct guest *g)
{
    const uint32_t ask[3] = {INFO_KEYS, (uint32_t)g->page / 8, (uint32_t)(g->info >> g->shift)};
    uint32_t previous = 0;

    memset(machine_ram(g->vmm, g->info), 0xff, g->page);
    if (!submit_wait(g, &g->root, OP_DEVICE_INFO, ask, 3))
        return false;
    /* Pairs of key and value, then zeros to the end (transport 8.1). */
    for (uint64_t at = 0; at < g->page; at += 8) {
        uint32_t key = load32(g, g->info + at);

        if (key >= INFO_KEYS || (key && !previous && at))
            return guest_fail(g, "device information: key 0x%x at byte %u", key, (unsigned)at);
        previous = key;
    }
    return load32(g, g->info) ? true : guest_fail(g, "device information is empty");
}

bool guest_boot(struct guest *g, uint32_t arg)
{
    g->polling = false;
    return start_fifo(g) && device_info(g) && channel_define(g, &g->immediate, CHANNEL_IMMEDIATE, RING_PAGES) &&
           displays_boot(g);
}

/* In this order (transport 8.4): the client's task behind whatever used it, channels, FIFO; then memory may go. */
bool guest_shutdown(struct guest *g, uint32_t arg)
{
    struct barrier done[1 + GUEST_PORTS];

    if (!surfaces_free(g))
        return false;
    done[0] = after(&g->immediate);
    for (uint32_t p = 0; p < g->ports; p++) {
        struct guest_monitor *m = &g->monitors[p];

        store32(g, m->shared + SHARED_ENABLED, 0);
        if (!submit(g, &m->channel, OP_NOP, NULL, 0, NULL, 0))
            return false;
        done[1 + p] = after(&m->channel);
    }
    if (!wait_stamp(g, &g->root, submit(g, &g->root, OP_DELETE_TASK, &g->client.id, 1, done, 1 + g->ports)))
        return false;
    for (uint32_t p = 0; p < g->ports; p++)
        if (!channel_delete(g, &g->monitors[p].channel))
            return false;
    return channel_delete(g, &g->immediate) && stop_fifo(g) && guest_forget(g, 0);
}

bool guest_forget(struct guest *g, uint32_t arg)
{
    displays_forget(g);
    g->way->forget(g);
    memory_reset(g);
    return true;
}

/* ---- thread ---- */

static void *guest_main(void *arg)
{
    struct guest *g = arg;

    pthread_mutex_lock(&g->lock);
    for (;;) {
        while (!g->job && !g->quit)
            pthread_cond_wait(&g->changed, &g->lock);
        if (g->quit)
            break;
        pthread_mutex_unlock(&g->lock);
        g->good = g->job(g, g->arg);
        pthread_mutex_lock(&g->lock);
        g->job = NULL;
        pthread_cond_broadcast(&g->changed);
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

bool guest_do(struct guest *g, guest_job *job, uint32_t arg)
{
    pthread_mutex_lock(&g->lock);
    g->arg = arg;
    g->job = job;
    pthread_cond_broadcast(&g->changed);
    while (g->job)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
    return g->good;
}

struct guest *guest_new(struct vmm *vmm)
{
    struct guest *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    g->vmm = vmm;
    g->shift = machine_page_shift(vmm);
    g->page = 1ull << g->shift;
    g->way = &surfaces_by_object;
    memory_reset(g);
    pthread_mutex_init(&g->mapper.lock, NULL);
    pthread_cond_init(&g->mapper.next, NULL);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
    if (pthread_create(&g->thread, NULL, guest_main, g)) {
        free(g);
        return NULL;
    }
    return g;
}

void guest_free(struct guest *g)
{
    if (!g)
        return;
    pthread_mutex_lock(&g->lock);
    g->quit = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    pthread_join(g->thread, NULL);
    displays_forget(g);
    g->way->forget(g);
    pthread_cond_destroy(&g->mapper.next);
    pthread_mutex_destroy(&g->mapper.lock);
    free(g->spare);
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->lock);
    free(g);
}
