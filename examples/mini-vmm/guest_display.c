/* SPDX-License-Identifier: MIT */
/*
 * The guest's displays: shared pages, the online handshake, surfaces, presents, pointer and gamma (display.md 4 to 9,
 * 15). See guest.h.
 */
#include "guest.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "picture.h"
#include "protocol.h"

/* The kernel task's address space, in pages: 0 is never used. Surfaces lie 64 MiB apart. */
#define LIST_PAGE        1
#define DESCRIPTOR_PAGE  2
#define GAMMA_PAGE       3
#define DESCRIPTOR_BYTES 64 /* a descriptor's place; it has SURFACE_DESCRIPTOR_BYTES */
#define SURFACE_VA(id)   ((uint64_t)(id) << 26)
#define SURFACES_MAX     60 /* descriptors of one 4 KiB page */

/* The client's address space holds the pointer image, not at the start of a page and with padded rows. */
#define GLYPH_PAGE   16
#define GLYPH_OFFSET 0x40
#define GLYPH_STRIDE (4 * POINTER_WIDTH + 12)
#define GLYPH_BYTES  (GLYPH_STRIDE * POINTER_HEIGHT)

#define GAMMA_BYTES (3 * 4 * GAMMA_ENTRIES)

#define STORM_VBLANKS 20

static uint64_t va_of(struct guest *g, uint64_t page)
{
    return page << g->shift;
}

static uint32_t as_word(float value)
{
    uint32_t word;

    memcpy(&word, &value, sizeof(word));
    return word;
}

static uint16_t load16(struct guest *g, uint64_t gpa)
{
    return __atomic_load_n((uint16_t *)machine_ram(g->vmm, gpa), __ATOMIC_RELAXED);
}

/* ---- monitors ---- */

/* Take what is pending and enabled: one atomic step, because the device sets bits meanwhile (display 4.3). */
void displays_interrupt(struct guest *g, uint32_t ports)
{
    for (uint32_t p = 0; p < g->ports; p++) {
        struct guest_monitor *m = &g->monitors[p];
        uint32_t enabled, claimed;

        if (!(ports >> p & 1) || !m->shared)
            continue;
        enabled = load32(g, m->shared + SHARED_ENABLED);
        claimed = enabled & __atomic_fetch_and((uint32_t *)machine_ram(g->vmm, m->shared + SHARED_PENDING), ~enabled,
                                               __ATOMIC_ACQ_REL);
        m->events |= claimed & ~EVENT_VBLANK;
        m->vblanks += claimed & EVENT_VBLANK;
    }
}

/* What Apple's guest leaves in the page before it announces it (display 4.1, 15.8). */
static void prepare_shared(struct guest *g, uint64_t shared)
{
    static const float srgb[8] = {0.64f, 0.33f, 0.30f, 0.60f, 0.15f, 0.06f, 0.3127f, 0.329f};

    for (uint32_t i = 0; i < 8; i++)
        store32(g, shared + SHARED_CHROMA + 4 * i, as_word(srgb[i]));
    store32(g, shared + SHARED_ORIGIN, 0xffffffff);
    store32(g, shared + SHARED_CURSOR_AT, CURSOR_NOWHERE);
}

static bool monitor_boot(struct guest *g, uint32_t port)
{
    struct guest_monitor *m = &g->monitors[port];
    uint32_t payload[2] = {port};

    *m = (struct guest_monitor){0};
    if (!channel_define(g, &m->channel, g->way->display_channel + port, 1))
        return false;
    m->shared = page_alloc(g);
    prepare_shared(g, m->shared);
    payload[1] = (uint32_t)(m->shared >> g->shift);
    if (!submit_wait(g, &m->channel, OP_SET_SHARED_PAGE, payload, 2))
        return false;
    if (load16(g, m->shared + SHARED_PORT) != port)
        return guest_fail(g, "shared page of port %u says port %u", port, load16(g, m->shared + SHARED_PORT));
    store32(g, m->shared + SHARED_ENABLED, EVENT_ONLINE | EVENT_OFFLINE);
    displays_interrupt(g, 1u << port); /* in case something is pending already */
    return true;
}

/* Tasks, what surfaces need, then one channel and shared page per port (display 15.6 to 15.8). */
bool displays_boot(struct guest *g)
{
    g->ports = machine_in(g->vmm, REG_DISPLAY_PORTS);
    if (g->ports < 1 || g->ports > GUEST_PORTS)
        return guest_fail(g, "%u display ports", g->ports);
    g->next_surface = 1;
    if (!task_define(g, &g->kernel, 0, RAW_KERNEL_TASK) || !task_define(g, &g->client, 1, 1 << 1) ||
        !pages_alloc(g, &g->gamma, GAMMA_BYTES) || !pages_alloc(g, &g->glyph, GLYPH_OFFSET + GLYPH_BYTES) ||
        !task_map(g, &g->kernel, va_of(g, GAMMA_PAGE), &g->gamma) ||
        !task_map(g, &g->client, va_of(g, GLYPH_PAGE), &g->glyph) || !g->way->boot(g))
        return false;
    for (uint32_t p = 0; p < g->ports; p++)
        if (!monitor_boot(g, p))
            return false;
    return true;
}

/* Copy, then see whether the list was replaced meanwhile (display 15.8). */
static uint32_t read_monitor(struct guest *g, struct guest_monitor *m)
{
    uint32_t epoch;

    do {
        uint64_t at = m->shared;

        epoch = load32(g, at + SHARED_EPOCH);
        m->serial = load32(g, at + SHARED_SERIAL);
        m->width_mm = load16(g, at + SHARED_WIDTH_MM);
        m->height_mm = load16(g, at + SHARED_HEIGHT_MM);
        memcpy(m->name, machine_ram(g->vmm, at + SHARED_NAME), sizeof(m->name));
        m->name[sizeof(m->name) - 1] = 0;
        m->mode_count = load16(g, at + SHARED_MODE_COUNT);
        for (uint32_t i = 0; i < m->mode_count && i < GUEST_MODES; i++) {
            uint64_t mode = at + SHARED_MODES + i * SHARED_MODE_BYTES;

            m->modes[i] = (struct guest_mode){load16(g, mode), load16(g, mode + 2), load32(g, mode + 4)};
        }
    } while (load32(g, m->shared + SHARED_EPOCH) != epoch);
    return epoch;
}

bool guest_online(struct guest *g, uint32_t port)
{
    struct guest_monitor *m = &g->monitors[port];
    uint32_t ack[2] = {port};

    while (!(m->events & EVENT_ONLINE))
        if (!wait_interrupt(g, "the monitor to come online"))
            return false;
    m->events &= ~EVENT_ONLINE;
    ack[1] = read_monitor(g, m);
    if (m->mode_count < 1 || m->mode_count > SHARED_MODES_MAX || !m->modes[0].width || !m->modes[0].height)
        return guest_fail(g, "monitor %u has %u modes", port, m->mode_count);
    m->online = submit_wait(g, &m->channel, OP_ONLINE_ACK, ack, 2);
    return m->online;
}

bool guest_offline(struct guest *g, uint32_t port)
{
    struct guest_monitor *m = &g->monitors[port];

    while (!(m->events & EVENT_OFFLINE))
        if (!wait_interrupt(g, "the monitor to go offline"))
            return false;
    m->events &= ~EVENT_OFFLINE;
    m->online = false;
    return true;
}

void want_vblanks(struct guest *g, struct guest_monitor *m, bool want)
{
    uint32_t *enabled = machine_ram(g->vmm, m->shared + SHARED_ENABLED);

    if (!want) {
        __atomic_fetch_and(enabled, ~EVENT_VBLANK, __ATOMIC_ACQ_REL);
        return;
    }
    /* One may be pending since they were last wanted: it is not one of these. */
    __atomic_fetch_and((uint32_t *)machine_ram(g->vmm, m->shared + SHARED_PENDING), ~EVENT_VBLANK, __ATOMIC_ACQ_REL);
    m->vblanks = 0;
    __atomic_fetch_or(enabled, EVENT_VBLANK, __ATOMIC_ACQ_REL);
}

bool guest_vblanks(struct guest *g, uint32_t count)
{
    struct guest_monitor *m = &g->monitors[0];

    want_vblanks(g, m, true);
    while (m->vblanks < count)
        if (!wait_interrupt(g, "a vertical blank"))
            return false;
    want_vblanks(g, m, false);
    return true;
}

/* ---- surfaces ---- */

bool surface_new(struct guest *g, struct surface *s, uint32_t width, uint32_t height)
{
    uint32_t pitch = (width * 4 + 63) & ~63u;

    *s = (struct surface){.id = g->next_surface++, .width = width, .height = height, .pitch = pitch};
    return pages_alloc(g, &s->pages, (uint64_t)pitch * height) && g->way->announce(g, s);
}

bool surface_free(struct guest *g, struct surface *s)
{
    if (!s->id)
        return true;
    if (!g->way->withdraw(g, s))
        return false;
    pages_free(g, &s->pages);
    *s = (struct surface){0};
    return true;
}

bool surfaces_free(struct guest *g)
{
    for (uint32_t p = 0; p < g->ports; p++)
        for (uint32_t i = 0; i < 2; i++)
            if (!surface_free(g, &g->monitors[p].surfaces[i]))
                return false;
    return true;
}

/* ---- surfaces as objects of the kernel task (display 15.9, 15.10; memory 4, 5.3) ---- */

static bool objects_boot(struct guest *g)
{
    uint32_t list[3] = {0, LIST_PAGE, (uint32_t)(g->page / SLOT_BYTES)};

    return pages_alloc(g, &g->list, g->page) && pages_alloc(g, &g->descriptors, g->page) &&
           task_map(g, &g->kernel, va_of(g, LIST_PAGE), &g->list) &&
           task_map(g, &g->kernel, va_of(g, DESCRIPTOR_PAGE), &g->descriptors) &&
           wait_stamp(g, &g->immediate, g->immediate.stamp) && submit_wait(g, &g->root, OP_SET_OBJECT_LIST, list, 3);
}

/* Mapping, descriptor, and last the slot that names it. */
static bool object_announce(struct guest *g, struct surface *s)
{
    uint64_t bytes = (uint64_t)s->pages.count << g->shift;
    uint64_t descriptor = va_of(g, DESCRIPTOR_PAGE) + s->id * DESCRIPTOR_BYTES;
    uint64_t at = g->descriptors.gpa[0] + s->id * DESCRIPTOR_BYTES, slot = g->list.gpa[0] + s->id * SLOT_BYTES;

    if (s->id > SURFACES_MAX)
        return guest_fail(g, "too many surfaces");
    s->va = SURFACE_VA(s->id);
    if (!task_map(g, &g->kernel, s->va, &s->pages))
        return false;
    store32(g, at + 0x00, low(bytes));
    store32(g, at + 0x04, high(bytes));
    store32(g, at + 0x08, (uint32_t)(s->va >> g->shift));
    store32(g, at + 0x0c, FORMAT_BGRA);
    store32(g, at + 0x10, 1); /* planes */
    store32(g, at + 0x14, 0); /* the plane's offset */
    store32(g, at + 0x18, s->width);
    store32(g, at + 0x1c, s->height);
    store32(g, at + 0x20, s->pitch | 4 << 24);
    store32(g, slot + 4, low(descriptor));
    store32(g, slot + 8, high(descriptor));
    store32(g, slot, OBJECT_SURFACE | SURFACE_DESCRIPTOR_BYTES << 8);
    return true;
}

/* No present of it is outstanding: every job waits for its stamps. Object first, then task (memory 7.3). */
static bool object_withdraw(struct guest *g, struct surface *s)
{
    const uint32_t payload[2] = {s->id, 0};

    if (!submit_wait(g, &g->immediate, OP_DELETE_SURFACE, payload, 2))
        return false;
    store32(g, g->list.gpa[0] + s->id * SLOT_BYTES, 0);
    return task_unmap(g, &g->kernel, s->va, &s->pages);
}

/* The entries change below the address; the device is told which object it concerns (memory 3.2). */
static bool object_move(struct guest *g, struct surface *s)
{
    const uint32_t payload[2] = {0, s->id};

    for (uint32_t i = 0; i < s->pages.count; i++)
        __atomic_store_n(task_leaf(g, &g->kernel, s->va + ((uint64_t)i << g->shift)),
                         (uint32_t)(s->pages.gpa[i] >> g->shift), __ATOMIC_RELEASE);
    return submit_wait(g, &g->immediate, OP_REPLACE_PHYSICAL, payload, 2);
}

/* "The CPU wrote it" (display 15.10). */
static bool object_wrote(struct guest *g, struct guest_monitor *m, const struct surface *s)
{
    const uint32_t wrote[4] = {0, 1, s->id, 0x01000001};

    return submit(g, &m->channel, OP_INVALIDATE, wrote, 4, NULL, 0) != 0;
}

/* With a table: task first, then surface, the other way round than in the command without (display 3.2). */
static uint32_t object_present(struct guest *g, struct guest_monitor *m, const struct surface *s,
                               const struct barrier *behind, const struct gamma_table *gamma)
{
    const uint32_t show[3] = {(uint32_t)(m - g->monitors), s->id, 0};

    if (gamma) {
        const uint32_t with[9] = {show[0],           0, s->id,         low(gamma->va), high(gamma->va),
                                  (uint32_t)g->page, 0, GAMMA_ENTRIES, gamma->sum};

        return submit(g, &m->channel, OP_PRESENT_GAMMA, with, 9, behind, behind != NULL);
    }
    return submit(g, &m->channel, OP_PRESENT, show, 3, behind, behind != NULL);
}

static void objects_forget(struct guest *g)
{
    pages_free(g, &g->list);
    pages_free(g, &g->descriptors);
}

const struct surface_way surfaces_by_object = {
    .display_channel = CHANNEL_DISPLAY,
    .boot = objects_boot,
    .announce = object_announce,
    .withdraw = object_withdraw,
    .move = object_move,
    .wrote = object_wrote,
    .present = object_present,
    .forget = objects_forget,
};

/* ---- pictures ---- */

static void draw(struct guest *g, struct surface *s, uint32_t salt)
{
    uint64_t offset = 0;

    for (uint32_t i = 0; i < s->pages.count; i++) {
        uint32_t *page = (uint32_t *)pages_at(g, &s->pages, offset);

        for (uint64_t k = 0; k < g->page / 4; k++, offset += 4) {
            uint32_t x = (uint32_t)(offset % s->pitch / 4), y = (uint32_t)(offset / s->pitch);

            if (x < s->width && y < s->height)
                page[k] = picture_pixel(x, y, s->width, s->height, salt);
        }
    }
}

/* The monitor's next surface, of the size of its preferred mode. */
static struct surface *next_surface(struct guest *g, struct guest_monitor *m)
{
    struct surface *s = &m->surfaces[m->next];
    const struct guest_mode *mode = &m->modes[0];

    m->next ^= 1;
    if (s->width == mode->width && s->height == mode->height)
        return s;
    if (!surface_free(g, s) || !surface_new(g, s, mode->width, mode->height))
        return NULL;
    return s;
}

/* Of a surface that was just drawn, behind the mapping of its pages. */
static bool present(struct guest *g, struct guest_monitor *m, const struct surface *s)
{
    struct barrier mapped = after(&g->immediate);

    m->presents++;
    return g->way->wrote(g, m, s) && g->way->present(g, m, s, &mapped, NULL);
}

bool wait_presents(struct guest *g)
{
    for (uint32_t p = 0; p < g->ports; p++)
        if (!wait_stamp(g, &g->monitors[p].channel, g->monitors[p].channel.stamp))
            return false;
    return true;
}

/* The surface presented last. */
static struct surface *shown(struct guest_monitor *m)
{
    return &m->surfaces[m->next ^ 1];
}

bool guest_picture(struct guest *g, uint32_t salt)
{
    for (uint32_t p = 0; p < g->ports; p++) {
        struct guest_monitor *m = &g->monitors[p];
        struct surface *s = next_surface(g, m);

        if (!s)
            return false;
        draw(g, s, salt + p);
        if (!present(g, m, s))
            return false;
    }
    return wait_presents(g);
}

bool show(struct guest *g, struct guest_monitor *m, const struct surface *s)
{
    m->presents++;
    return g->way->present(g, m, s, NULL, NULL) != 0;
}

/*
 * At least @count presents and STORM_VBLANKS refreshes of monitor 0. Both surfaces are drawn before, so that a present
 * is all there is to send; the last picture is the second one's. The interrupt is not waited for, only looked at.
 */
bool guest_storm(struct guest *g, uint32_t count)
{
    want_vblanks(g, &g->monitors[0], true);
    for (uint32_t i = 0; i < count || i & 1 || g->monitors[0].vblanks < STORM_VBLANKS; i++) {
        for (uint32_t p = 0; p < g->ports; p++)
            if (!show(g, &g->monitors[p], &g->monitors[p].surfaces[i & 1]))
                return false;
        displays_interrupt(g, machine_in(g->vmm, REG_DISPLAY_EVENTS));
    }
    want_vblanks(g, &g->monitors[0], false);
    for (uint32_t p = 0; p < g->ports; p++)
        g->monitors[p].next = 0;
    return wait_presents(g);
}

bool guest_again(struct guest *g, uint32_t arg)
{
    return show(g, &g->monitors[0], &g->monitors[0].surfaces[0]);
}

bool guest_supersede(struct guest *g, uint32_t pause_ms)
{
    struct guest_monitor *m = &g->monitors[0];

    want_vblanks(g, m, true);
    if (!show(g, m, &m->surfaces[0]))
        return false;
    /* FIFOs take turns: when the second NOP is done, the present has had its turn too, and the pause begins behind it. */
    if (!submit_wait(g, &g->root, OP_NOP, NULL, 0) || !submit_wait(g, &g->root, OP_NOP, NULL, 0))
        return false;
    nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000l}, NULL);
    m->next = 0;
    return show(g, m, &m->surfaces[1]) && wait_stamp(g, &m->channel, m->channel.stamp - 1);
}

bool guest_superseded(struct guest *g, uint32_t arg)
{
    struct guest_monitor *m = &g->monitors[0];

    while (!m->vblanks)
        if (!wait_interrupt(g, "a vertical blank"))
            return false;
    want_vblanks(g, m, false);
    return true;
}

/* Other pages below the surface that is shown. */
bool guest_move_pages(struct guest *g, uint32_t salt)
{
    struct guest_monitor *m = &g->monitors[0];
    struct surface *s = shown(m);
    struct pages old = s->pages;

    if (!pages_alloc(g, &s->pages, (uint64_t)old.count << g->shift))
        return false;
    draw(g, s, salt);
    if (!g->way->move(g, s))
        return false;
    for (uint32_t i = 0; i < old.count; i++)
        memset(machine_ram(g->vmm, old.gpa[i]), 0xa5, g->page); /* somebody else's now */
    pages_free(g, &old);
    return present(g, m, s) && wait_stamp(g, &m->channel, m->channel.stamp);
}

/* ---- pointer and gamma ---- */

/* Image by command, position and visibility in the shared page (display 9, 15.11). */
bool guest_pointer(struct guest *g, uint32_t at)
{
    struct guest_monitor *m = &g->monitors[0];
    uint64_t va = va_of(g, GLYPH_PAGE) + GLYPH_OFFSET;
    uint32_t sum = 0;

    for (uint32_t y = 0; y < POINTER_HEIGHT; y++) {
        for (uint32_t x = 0; x < POINTER_WIDTH; x++) {
            uint32_t pixel = pointer_pixel(x, y);

            memcpy(pages_at(g, &g->glyph, GLYPH_OFFSET + y * GLYPH_STRIDE + 4 * x), &pixel, 4);
            sum += pixel;
        }
    }
    const uint32_t image[11] = {0,
                                g->client.id,
                                low(va),
                                high(va),
                                GLYPH_BYTES,
                                0,
                                GLYPH_STRIDE,
                                0,
                                POINTER_WIDTH | POINTER_HEIGHT << 16,
                                POINTER_HOT_X | POINTER_HOT_Y << 16,
                                sum};
    const uint32_t show[2] = {0, 1};

    if (!submit(g, &m->channel, OP_CURSOR_GLYPH, image, 11, NULL, 0) ||
        !submit(g, &m->channel, OP_CURSOR_SHOW, show, 2, NULL, 0))
        return false;
    store32(g, m->shared + SHARED_CURSOR_AT, at);
    store32(g, m->shared + SHARED_CURSOR_SHOWN, 1);
    machine_out(g->vmm, REG_DISPLAY_DOORBELL, 0);
    return wait_stamp(g, &m->channel, m->channel.stamp);
}

/* Three planes of floats: red, green, blue (display 8.1). */
bool guest_gamma(struct guest *g, uint32_t on)
{
    struct guest_monitor *m = &g->monitors[0];
    uint64_t va = va_of(g, GAMMA_PAGE);
    uint32_t sum = 0;

    if (load32(g, m->shared + SHARED_GAMMA_COUNT) < GAMMA_ENTRIES)
        return guest_fail(g, "the device takes gamma tables of %u entries only",
                          load32(g, m->shared + SHARED_GAMMA_COUNT));
    for (uint32_t i = 0; i < 3 * GAMMA_ENTRIES; i++) {
        uint32_t entry = i % GAMMA_ENTRIES, word;

        word = as_word(on ? gamma_entry((int)(i / GAMMA_ENTRIES), entry) : (float)entry / (GAMMA_ENTRIES - 1));
        memcpy(pages_at(g, &g->gamma, 4 * i), &word, 4);
        sum += word;
    }
    m->presents++;
    return wait_stamp(g, &m->channel,
                      g->way->present(g, m, shown(m), NULL, &(struct gamma_table){.va = va, .sum = sum}));
}

void displays_forget(struct guest *g)
{
    pages_free(g, &g->gamma);
    pages_free(g, &g->glyph);
    for (uint32_t p = 0; p < g->ports; p++) {
        pages_free(g, &g->monitors[p].surfaces[0].pages);
        pages_free(g, &g->monitors[p].surfaces[1].pages);
        g->monitors[p] = (struct guest_monitor){0};
    }
    g->ports = 0;
}
