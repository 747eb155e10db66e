/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest on a whole device, at random: three threads of it write registers, rings, tables, descriptors, shared
 * pages and mapper records, send commands with any payload and sometimes do it right, so that deep states are reached;
 * the VMM meanwhile resets, pauses, unplugs RAM and monitors, replaces the mapper, pulls pictures. Nothing may crash,
 * hang or leak. RAM that is not the device's (removed, paused, after a reset) is made inaccessible: who touches it dies
 * here.
 *
 * PVG_CHAOS_SEED and PVG_CHAOS_SECONDS (of each configuration) make another or a longer run.
 */
#include "device/check.h"

#include <pthread.h>
#include <sys/mman.h>

#include "lib/mapper.h"

#define GUESTS     3
#define PLACES     96
#define SURFACES   8
#define MAPPINGS   4
#define PORTS      2
#define CHANNELS   4 /* root, 1, and those of the displays: 5 and 6 */
#define HANG_NS    (120ull * 1000000000)
#define SECOND_NS  1000000000ull
#define MAPPER_END (IOSFC_FIRST + 8 * IOSFC_REGISTERS)

/* Known to ThreadSanitizer alone: races of a guest with its host are the guest's, and real. */
void AnnotateBenignRaceSized(const char *file, int line, const volatile void *p, size_t bytes, const char *why)
    __attribute__((weak));

struct rnd {
    uint64_t state;
};

static struct vmm v;
static struct guest g;
static struct screen screen[PORTS];
static struct mapper mp;
static struct pixels surface[SURFACES];
static struct mapped mapped[MAPPINGS];
static uint8_t *mem, *healthy; /* the guest's own view of its RAM, and how it was set up */
static uint32_t descriptor_pfn[GUEST_OBJECTS * 256 / 4096 + 1];
static uint32_t list_pfn;      /* of the kernel task's object list */
static uint32_t place[PLACES]; /* pages that the device reads or writes */
static unsigned places;
static pthread_rwlock_t mapper_there = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t sending[GUEST_CHANNELS];
static _Atomic bool over;
static uint64_t seed;

/* What a thread does, for whoever finds that it hangs. */
static struct {
    pthread_t thread;
    _Atomic uint64_t beats;
    _Atomic(const char *) doing;
} party[GUESTS + 1];

static uint64_t rnd64(struct rnd *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static uint32_t rnd(struct rnd *r, uint32_t below)
{
    return (uint32_t)((rnd64(r) >> 32) * below >> 32);
}

/* ---- the guest's memory ---- */

static uint8_t *view(const uint8_t *base, uint32_t pfn)
{
    uint64_t gpa = (uint64_t)pfn << g.shift;

    for (unsigned i = 0; i < 2; i++)
        if (gpa - v.block[i].gpa < v.block[i].bytes)
            return (uint8_t *)(uintptr_t)base + v.block[i].file_offset + (gpa - v.block[i].gpa);
    return NULL;
}

static _Atomic uint32_t *word(uint32_t pfn, uint64_t offset)
{
    return (_Atomic uint32_t *)(void *)(view(mem, pfn) + offset);
}

static void put(uint32_t pfn, uint64_t offset, uint32_t value)
{
    atomic_store_explicit(word(pfn, offset), value, memory_order_relaxed);
}

static uint32_t any_page(struct rnd *r)
{
    unsigned i = rnd(r, 2);

    return (uint32_t)((v.block[i].gpa >> g.shift) + rnd(r, (uint32_t)(v.block[i].bytes >> g.shift)));
}

static uint32_t value(struct rnd *r)
{
    switch (rnd(r, 12)) {
    case 0:
        return 0;
    case 1:
        return rnd(r, 4);
    case 2:
        return rnd(r, 64);
    case 3:
        return UINT32_MAX - rnd(r, 4);
    case 4:
        return 0x80000000u | rnd(r, 16);
    case 5:
        return 1u << rnd(r, 32);
    case 6:
        return (uint32_t)g.page * rnd(r, 16);
    case 7:
        return any_page(r);
    case 8: /* as entries of the mapper's pages are */
        return place[rnd(r, places)] << 2 | 1;
    case 9:
        return (uint32_t)rnd64(r);
    default:
        return place[rnd(r, places)];
    }
}

static uint64_t address(struct rnd *r)
{
    switch (rnd(r, 6)) {
    case 0:
        return g.list_gva + rnd(r, 64) * 4;
    case 1:
        return g.descriptors_gva + rnd(r, 1024) * 4;
    case 2:
        return rnd64(r);
    case 3:
        return UINT64_MAX - rnd(r, 0x8000);
    default:
        return surface[rnd(r, SURFACES)].gva;
    }
}

static uint64_t length(struct rnd *r)
{
    switch (rnd(r, 5)) {
    case 0:
        return rnd64(r);
    case 1:
        return rnd(r, 8);
    case 2:
        return surface[rnd(r, SURFACES)].length;
    default:
        return g.page << rnd(r, 12);
    }
}

static void scribble(struct rnd *r)
{
    uint32_t pfn = place[rnd(r, places)], words = (uint32_t)(g.page / 4);

    for (uint32_t n = 1 + rnd(r, 4); n; n--)
        put(pfn, 4ull * (rnd(r, 2) ? rnd(r, 32) : rnd(r, words)), value(r));
}

static void heal(struct rnd *r)
{
    uint32_t pfn = place[rnd(r, places)];
    const uint8_t *from = view(healthy, pfn);

    for (uint64_t at = 0; at < g.page; at += 4)
        put(pfn, at, le32_get(from + at));
}

/* ---- what the guest does ---- */

/* Behind whatever the ring holds; anybody may have written the counter. */
static void send(struct rnd *r, uint32_t id, uint32_t opcode, uint32_t barriers, const uint32_t *payload,
                 uint32_t words)
{
    struct channel *c = &g.channel[id];
    uint32_t packet[3 + 2 * 4 + 64], n = 3, at;
    _Atomic uint32_t *written = id ? word(g.root_page_pfn, channel_record_offset(id) + CHANNEL_WRITTEN) : NULL;

    packet[2] = (uint32_t)rnd64(r) >> rnd(r, 32);
    for (uint32_t i = 0; i < 2 * barriers; i++)
        packet[n++] = i & 1 ? (uint32_t)rnd64(r) : rnd(r, 8);
    for (uint32_t i = 0; i < words; i++)
        packet[n++] = payload[i];
    packet[0] = opcode | barriers << 16;
    packet[1] = rnd(r, 64) ? 4 * n : value(r);
    pthread_mutex_lock(&sending[id]);
    at = written ? atomic_load(written) : vmm_r32(&v, REG_ROOT_PRODUCER);
    at &= ~3u;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t pos = (uint32_t)((uint64_t)at + 4 * i) % c->ring_bytes;

        if (id)
            put(c->pages[pos >> g.shift], pos & (g.page - 1), packet[i]);
        else
            put(g.fifo_pfn + ((g.fifo_start + pos) >> g.shift), (g.fifo_start + pos) & (g.page - 1), packet[i]);
    }
    if (written) {
        atomic_store(written, at + 4 * n);
        vmm_w32(&v, REG_CHILD_DOORBELL, id);
    } else {
        vmm_w32(&v, REG_ROOT_PRODUCER, at + 4 * n);
    }
    pthread_mutex_unlock(&sending[id]);
}

static uint32_t any_channel(struct rnd *r)
{
    static const uint32_t ids[CHANNELS] = {0, 1, 5, 6};

    return ids[rnd(r, CHANNELS)];
}

static void random_command(struct rnd *r)
{
    uint32_t payload[16], words = rnd(r, 17);

    for (uint32_t i = 0; i < words; i++) {
        uint64_t a = rnd(r, 2) ? address(r) : length(r);

        payload[i] = rnd(r, 4) ? value(r) : (uint32_t)a;
        if (i + 1 < words && !rnd(r, 4)) {
            payload[i] = (uint32_t)a;
            payload[++i] = (uint32_t)(a >> 32);
        }
    }
    send(r, any_channel(r), rnd(r, 8) ? rnd(r, OPCODE_COUNT) : value(r) & 0xffff, rnd(r, 4) ? 0 : rnd(r, 5), payload,
         words);
}

#define SEND(r, id, opcode, ...)                                                                                       \
    send(r, id, opcode, 0, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

/* What a driver would send, with one thing or another wrong now and then. */
static void good_command(struct rnd *r)
{
    uint32_t port = rnd(r, PORTS), id = any_channel(r), task = rnd(r, 4) ? 0 : rnd(r, 3), n = 1 + rnd(r, SURFACES);
    const struct pixels *s = &surface[rnd(r, SURFACES)];
    uint64_t a = rnd(r, 4) ? s->gva : address(r), b = rnd(r, 4) ? s->length : length(r);

    switch (rnd(r, 19)) {
    case 0:
        SEND(r, id, CMD_DISPLAY_SET_SHARED_STATE_PAGE, port, rnd(r, 8) ? screen[port].page_pfn : value(r));
        break;
    case 1:
        SEND(r, id, CMD_DISPLAY_ACK, port, atomic_load(word(screen[port].page_pfn, SHARED_EPOCH)));
        break;
    case 2:
        SEND(r, id, CMD_DISPLAY_CURSOR_GLYPH, port, task, LO(a), HI(a), LO(b), HI(b), 4 * (1 + rnd(r, 80)), 0,
             (1 + rnd(r, 70)) | (1 + rnd(r, 70)) << 16, rnd(r, 8) | rnd(r, 8) << 16, 0);
        break;
    case 3:
        SEND(r, id, CMD_DISPLAY_CURSOR_SHOW, port, rnd(r, 2));
        break;
    case 4:
    case 5:
    case 6:
        SEND(r, id, CMD_DISPLAY_TRANSACTION2, port, n, task);
        break;
    case 7:
        SEND(r, id, CMD_DISPLAY_TRANSACTION3, port, task, n, LO(a), HI(a), 12 * 256, 0, 2 + rnd(r, 300), 0);
        break;
    case 8:
        SEND(r, id, CMD_DISPLAY_SWAP_MAPPING, port, 0, 1 + rnd(r, MAPPINGS), 0, LO(a), HI(a), 12 * 256, 0, 256, 0);
        break;
    case 9:
        SEND(r, id, CMD_DEFINE_CHILD_FIFO, any_channel(r));
        break;
    case 10:
        SEND(r, id, CMD_DELETE_CHILD_FIFO, any_channel(r));
        break;
    case 11:
        SEND(r, id, CMD_GET_DEVICE_INFO, rnd(r, 64), rnd(r, 600), rnd(r, 2) ? any_page(r) : value(r));
        break;
    case 12:
        SEND(r, id, CMD_DEFINE_TASK2, task << 1 | !task, LO(rnd(r, 4) ? g.kernel.length : b),
             HI(rnd(r, 4) ? g.kernel.length : b), rnd(r, 4) ? g.kernel.directory_pfn : value(r));
        SEND(r, id, CMD_SET_OBJECT_LIST, task, 1, GUEST_OBJECTS);
        break;
    case 13:
        if (!rnd(r, 8))
            SEND(r, id, CMD_DELETE_TASK, task);
        break;
    case 14:
        SEND(r, id, rnd(r, 3) ? CMD_MAP_MEMORY2 : CMD_UNMAP_MEMORY, task, LO(a), HI(a), LO(b), HI(b));
        break;
    case 15:
        SEND(r, id, rnd(r, 2) ? CMD_REPLACE_PHYSICAL : CMD_DELETE_RESOURCE, task, n);
        break;
    case 16:
        SEND(r, id, CMD_DELETE_IOSURFACE_BACKING2, n, task);
        break;
    case 17:
        SEND(r, id, CMD_INVALIDATE_RESOURCES, task, 2, n, (uint32_t)rnd64(r), rnd(r, 100000), (uint32_t)rnd64(r));
        break;
    default:
        SEND(r, id, rnd(r, 2) ? CMD_SYNCHRONIZE_RESOURCES : CMD_DISCARD_RESOURCES, task, 2, n, value(r));
        break;
    }
}

/* Another shape for a surface, mostly one that fits. */
static void describe(struct rnd *r)
{
    static const uint32_t formats[] = {FORMAT_BGRA, FORMAT_ARGB,          FORMAT_RGBA,
                                       FORMAT_RGHA, FORMAT_METAL_RGBA16F, 0x1234};
    uint32_t id = 1 + rnd(r, SURFACES);
    const struct pixels *s = &surface[id - 1];
    uint64_t at = (uint64_t)id * (256 - 4); /* as guest_object() places them */
    struct surface d = {.length_bytes = rnd(r, 8) ? s->length : length(r),
                        .first_page = (uint32_t)(s->gva >> g.shift) + (rnd(r, 8) ? 0 : rnd(r, 3)),
                        .format = formats[rnd(r, COUNT(formats))],
                        .plane_count = 1,
                        .plane[0] = {.width_px = rnd(r, 8) ? 1 + rnd(r, 80) : value(r),
                                     .height_px = rnd(r, 8) ? 1 + rnd(r, 80) : value(r),
                                     .stride_bytes = rnd(r, 8) ? 8 * (1 + rnd(r, 100)) : value(r)}};
    uint8_t bytes[0x24];

    surface_encode(bytes, &d);
    for (uint32_t i = 0; i < sizeof(bytes); i += 4, at += 4)
        put(descriptor_pfn[at >> g.shift], at & (g.page - 1), le32_get(bytes + i));
}

/* Any object in a slot of the list: its descriptor is what stands there, mostly a surface's. */
static void objects(struct rnd *r)
{
    const struct object_slot slot = {.type = (uint8_t)(rnd(r, 8) ? 1 + rnd(r, 11) : rnd(r, 256)),
                                     .length_bytes = rnd(r, 4) ? 16 + 4 * rnd(r, 60) : rnd(r, 1u << 24),
                                     .gva = rnd(r, 8) ? g.descriptors_gva + 252ull * (1 + rnd(r, 16)) : address(r)};
    uint32_t id = 1 + rnd(r, 16);
    uint8_t bytes[OBJECT_SLOT_BYTES];

    object_slot_encode(bytes, &slot);
    for (uint32_t i = 0; i < sizeof(bytes); i += 4)
        put(list_pfn, OBJECT_SLOT_BYTES * id + i, le32_get(bytes + i));
    SEND(r, 0, rnd(r, 4) ? CMD_REPLACE_PHYSICAL : CMD_DELETE_RESOURCE, 0, id);
    if (!rnd(r, 4))
        SEND(r, 0, CMD_DELETE_OBJECT, 0, 0x3e8 + rnd(r, 18), 12, id);
}

static void restart(struct rnd *r)
{
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    vmm_w32(&v, REG_VERSION, 6);
    vmm_w32(&v, REG_ROOT_PAGE_PFN, g.root_page_pfn);
    vmm_w32(&v, REG_ROOT_FIFO_PFN, g.fifo_pfn);
    vmm_w32(&v, REG_ROOT_FIFO_LENGTH, g.fifo_length);
    vmm_w32(&v, REG_ROOT_FIFO_START, g.fifo_start);
    for (unsigned i = 0; i < 4; i++)
        heal(r);
    vmm_w32(&v, REG_FIFO_CONTROL, 1);
    for (uint32_t i = 1; i < CHANNELS; i++)
        SEND(r, 0, CMD_DEFINE_CHILD_FIFO, i == 1 ? 1 : 3 + i);
    SEND(r, 0, CMD_DEFINE_TASK2, 1, LO(g.kernel.length), HI(g.kernel.length), g.kernel.directory_pfn);
    SEND(r, 0, CMD_SET_OBJECT_LIST, 0, 1, GUEST_OBJECTS);
}

static void registers(struct rnd *r)
{
    static const uint32_t harmless[] = {REG_CHILD_DOORBELL, REG_CHILD_RESUME,   REG_ROOT_RESUME, REG_DISPLAY_DOORBELL,
                                        REG_INTR_FAULT,     REG_DISPLAY_EVENTS, REG_STAMP_EVENTS};
    uint32_t what = rnd(r, 16);

    if (what < 8)
        vmm_w32(&v, harmless[rnd(r, COUNT(harmless))], rnd(r, 8));
    else if (what < 12)
        (void)vmm_read(&v, 0xff0 + rnd(r, 0x270), 1u << rnd(r, 4));
    else if (what < 14)
        vmm_write(&v, 0x1200 + 4 * rnd(r, 16), value(r) | (uint64_t)value(r) << 32, rnd(r, 2) ? 4 : 8);
    else if (rnd(r, 16))
        vmm_write(&v, 0x1000 + 4 * rnd(r, 17), value(r), rnd(r, 4) ? 4 : 8);
    else
        vmm_write(&v, rnd64(r), rnd64(r), rnd(r, 16));
}

static void mapper_step(struct rnd *r)
{
    uint32_t i;

    pthread_rwlock_rdlock(&mapper_there);
    if (mp.m) {
        switch (rnd(r, 8)) {
        case 0:
            pvg_iosfc_mmio_write(mp.m, IOSFC_FIRST - 8 + rnd(r, 80), rnd(r, 2) ? value(r) : rnd64(r), 1u << rnd(r, 4));
            break;
        case 1:
            (void)pvg_iosfc_mmio_read(mp.m, IOSFC_FIRST + rnd(r, 80), 4u << rnd(r, 2));
            break;
        case 2:
            mapper_write(&mp, IOSFC_RING_BASE, (uint64_t)mp.ring_pfn << g.shift);
            mapper_write(&mp, IOSFC_CAPACITY, mp.capacity);
            mapper_write(&mp, IOSFC_DESC_TABLE, (uint64_t)mp.table_pfn << g.shift);
            break;
        default:
            i = (uint32_t)mapper_read(&mp, IOSFC_PRODUCER) % mp.capacity;
            put(mp.ring_pfn, i * IOSFC_ENTRY_BYTES, 1 + rnd(r, 16) % 3);
            put(mp.ring_pfn, i * IOSFC_ENTRY_BYTES + 4, rnd(r, 16) ? 1 + rnd(r, MAPPINGS) : value(r));
            mapper_write(&mp, IOSFC_PRODUCER, (i + 1) % mp.capacity);
        }
    }
    pthread_rwlock_unlock(&mapper_there);
}

static void *guest_main(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    struct rnd r = {seed * 1000 + me};

    while (!atomic_load(&over)) {
        static const struct {
            const char *name;
            void (*step)(struct rnd *r);
            unsigned often;
        } steps[] = {{"scribbles", scribble, 20},   {"heals", heal, 30},
                     {"sends", random_command, 15}, {"commands", good_command, 40},
                     {"describes", describe, 10},   {"registers", registers, 10},
                     {"maps", mapper_step, 10},     {"makes objects", objects, 10},
                     {"restarts", restart, 1}};
        unsigned n = rnd(&r, 146), i = 0;

        while (n >= steps[i].often)
            n -= steps[i++].often;
        atomic_store(&party[me].doing, steps[i].name);
        steps[i].step(&r);
        atomic_fetch_add(&party[me].beats, 1);
        if (!rnd(&r, 64))
            nanosleep(&(struct timespec){.tv_nsec = rnd(&r, 200000)}, NULL);
    }
    return NULL;
}

/* ---- what the VMM does ---- */

static void forbid(bool yes)
{
    must(!mprotect(v.ram, v.ram_bytes, yes ? PROT_NONE : PROT_READ | PROT_WRITE), "mprotect");
}

static void vmm_pause(struct rnd *r)
{
    must(!pvg_device_pause(v.dev), "pause");
    forbid(true);
    nanosleep(&(struct timespec){.tv_nsec = rnd(r, 3000000)}, NULL);
    forbid(false);
    must(!pvg_device_unpause(v.dev), "unpause");
}

static void vmm_replug_ram(struct rnd *r)
{
    struct vmm_block *b = &v.block[rnd(r, 2)];

    if (v.cfg.tasks != PVG_TASKS_TABLE)
        return;
    must(!pvg_device_del_ram(v.dev, b->gpa, b->bytes), "del_ram");
    must(!mprotect(b->host, b->bytes, PROT_NONE), "mprotect");
    nanosleep(&(struct timespec){.tv_nsec = rnd(r, 2000000)}, NULL);
    must(!mprotect(b->host, b->bytes, PROT_READ | PROT_WRITE), "mprotect");
    vmm_add_ram(&v, (unsigned)(b - v.block));
}

static void vmm_look(struct rnd *r)
{
    static uint8_t picture[64 * 64 * 4];
    struct pvg_display *disp = v.display[rnd(r, PORTS)].disp;
    const struct pvg_frame *frame;

    if (!disp)
        return;
    if (!pvg_display_get_frame(disp, &frame)) {
        must(frame->width_px && frame->height_px && frame->stride_bytes >= 4 * frame->width_px, "frame");
        (void)*(volatile uint8_t *)&frame->pixels[(uint64_t)frame->stride_bytes * frame->height_px - 1];
        pvg_frame_put(frame);
    }
    (void)pvg_display_read_frame(disp, picture, 256, 64, 64); /* there may be none */
    (void)pvg_display_cursor(disp);
    pvg_display_draw_cursor(disp, rnd(r, 2));
}

static void vmm_monitor(struct rnd *r)
{
    const struct pvg_mode mode = {(uint16_t)(1 + rnd(r, 100)), (uint16_t)(1 + rnd(r, 100)), 60 + rnd(r, 400)};
    uint32_t port = rnd(r, PORTS);
    struct pvg_display *disp = v.display[port].disp;

    if (!disp)
        vmm_display_new(&v, port, &mode, 1, rnd(r, 2));
    else if (!rnd(r, 4))
        must(!pvg_display_set_connected(disp, rnd(r, 4)), "set_connected");
    else if (rnd(r, 4))
        must(!pvg_display_set_modes(disp, &mode, 1), "set_modes");
    else {
        v.display[port].disp = NULL;
        pvg_display_free(disp);
    }
}

static void vmm_mapper(struct rnd *r)
{
    if (rnd(r, 4)) {
        if (mp.m)
            pvg_iosfc_reset(mp.m);
        return;
    }
    pthread_rwlock_wrlock(&mapper_there);
    if (mp.m) {
        pvg_iosfc_free(mp.m);
        mp.m = NULL;
        must(vmm_see(&v, mp.live) == 0, "ranges are left");
    } else if (mp.g) {
        mapper_attach(&mp);
    }
    pthread_rwlock_unlock(&mapper_there);
}

static void vmm_reset(struct rnd *r)
{
    pvg_device_reset(v.dev);
}

static void vmm_ask(struct rnd *r)
{
    char *json;

    must(!pvg_device_report(v.dev, &json) && json_valid(json), "report");
    pvg_free(json);
    if (!rnd(r, 8))
        must(!pvg_device_record(v.dev, rnd(r, 2) ? memfd_create("chaos", MFD_CLOEXEC) : -1), "record");
}

static void *vmm_main(void *arg)
{
    struct rnd r = {seed * 1000 + 999};

    while (!atomic_load(&over)) {
        static const struct {
            const char *name;
            void (*step)(struct rnd *r);
        } steps[] = {{"pauses", vmm_pause}, {"replugs RAM", vmm_replug_ram},
                     {"looks", vmm_look},   {"plugs a monitor", vmm_monitor},
                     {"resets", vmm_reset}, {"asks", vmm_ask},
                     {"looks", vmm_look},   {"replaces the mapper", vmm_mapper}};
        unsigned i = rnd(&r, COUNT(steps));

        atomic_store(&party[GUESTS].doing, steps[i].name);
        steps[i].step(&r);
        atomic_fetch_add(&party[GUESTS].beats, 1);
        atomic_store(&party[GUESTS].doing, "sleeps");
        nanosleep(&(struct timespec){.tv_nsec = rnd(&r, 4000000)}, NULL);
    }
    return NULL;
}

/* ---- the test ---- */

static void know(uint32_t pfn)
{
    must(places < PLACES, "too many places");
    place[places++] = pfn;
}

static void set_up_mapper(void)
{
    mapper_new(&mp, &g);
    mapper_start(&mp, 64);
    for (uint32_t i = 0; i < MAPPINGS; i++) {
        mapped_new(&mp, &mapped[i], 1 + i, 60, 60, FORMAT_BGRA, 0, i & 1);
        know(mapped[i].desc.list_pfn);
    }
    know(mp.ring_pfn);
    know(mp.table_pfn);
    know(iosfc_entry_pfn(*mapper_table_entry(&mp, 1)));
}

/* A guest that is set up as a good one, and the pages of it that matter. */
static void set_up(void)
{
    uint32_t root;

    guest_init(&g, &v);
    guest_boot(&g, 0);
    guest_channel(&g, 1, 2);
    guest_kernel_task(&g);
    for (uint32_t i = 0; i < PORTS; i++) {
        vmm_display_new(&v, i, &(struct pvg_mode){64, 64, 240}, 1, i);
        screen_init(&screen[i], &g, i);
        screen_online(&screen[i], 0xf);
        know(screen[i].page_pfn);
    }
    for (uint32_t i = 0; i < SURFACES; i++) {
        guest_surface(&g, &surface[i], 1 + i, 64, 60, i & 1 ? FORMAT_BGRA : FORMAT_RGHA, 0);
        pixels_pattern(&g, &surface[i], i);
    }
    if (g.shift == 14) /* the variant that has a mapper */
        set_up_mapper();
    know(g.root_page_pfn);
    know(g.fifo_pfn);
    know(g.fifo_pfn + 1);
    for (uint32_t i = 1; i < GUEST_CHANNELS; i++) {
        if (!g.channel[i].pages)
            continue;
        know(g.channel[i].list_pfn);
        know(g.channel[i].pages[0]);
    }
    know(g.kernel.directory_pfn);
    root = *guest_word(&g, g.kernel.directory_pfn, DIRECTORY_ROOT);
    know(root);
    know(*space_entry(&g, &g.kernel, g.list_gva, 0));
    know(*space_entry(&g, &g.kernel, g.list_gva, 1));
    list_pfn = *space_entry(&g, &g.kernel, g.list_gva, 2);
    know(list_pfn);
    know(*space_entry(&g, &g.kernel, g.descriptors_gva, 2));
    know(*space_entry(&g, &g.kernel, surface[0].gva, 2));
    for (uint64_t at = 0; at < GUEST_OBJECTS * 256; at += g.page)
        descriptor_pfn[at >> g.shift] = *space_entry(&g, &g.kernel, g.descriptors_gva + at, 2);
}

static int setup(void **state)
{
    struct vmm_config config = *(struct vmm_config *)*state;
    const char *number = getenv("PVG_CHAOS_SEED");

    seed = number ? strtoull(number, NULL, 0) : 1;
    places = 0;
    for (unsigned i = 0; i <= GUESTS; i++)
        atomic_store(&party[i].beats, 0);
    atomic_store(&over, false);
    for (unsigned i = 0; i < GUEST_CHANNELS; i++)
        pthread_mutex_init(&sending[i], NULL);
    config.ports = PORTS;
    config.racy = AnnotateBenignRaceSized;
    vmm_init(&v, &config);
    set_up();
    mem = mmap(NULL, v.ram_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v.fd, 0);
    healthy = malloc(v.ram_bytes);
    must(mem != MAP_FAILED && healthy, "no memory");
    vmm_racy(&v, mem, v.ram_bytes);
    memcpy(healthy, mem, v.ram_bytes);
    return 0;
}

static int teardown(void **state)
{
    if (mp.m)
        mapper_free(&mp);
    for (unsigned i = 0; i < MAPPINGS; i++)
        mapped_free(&mapped[i]);
    guest_fini(&g);
    vmm_fini(&v);
    munmap(mem, v.ram_bytes);
    free(healthy);
    return 0;
}

/* Every thread goes on: none stands in one step for longer than any machine can explain. */
static void watch(uint64_t until)
{
    uint64_t beats[GUESTS + 1] = {0}, seen[GUESTS + 1];

    for (unsigned i = 0; i <= GUESTS; i++)
        seen[i] = vmm_now_ns();
    while (vmm_now_ns() < until) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        for (unsigned i = 0; i <= GUESTS; i++) {
            uint64_t n = atomic_load(&party[i].beats);

            if (n != beats[i])
                seen[i] = vmm_now_ns();
            beats[i] = n;
            must(vmm_now_ns() - seen[i] < HANG_NS, "thread %u hangs while it %s (seed %llu)", i,
                 atomic_load(&party[i].doing), (unsigned long long)seed);
        }
    }
}

static void join(unsigned i)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(HANG_NS / SECOND_NS);
    must(!pthread_timedjoin_np(party[i].thread, NULL, &until), "thread %u hangs while it %s (seed %llu)", i,
         atomic_load(&party[i].doing), (unsigned long long)seed);
}

/* After all that the device is one that works. */
static void prove_alive(void)
{
    pvg_device_reset(v.dev);
    memcpy(v.ram, healthy, v.ram_bytes);
    guest_boot(&g, 0);
    guest_run(&g, &g.channel[0], CMD_NOP, NULL, 0);
}

static void test_chaos(void **state)
{
    const char *number = getenv("PVG_CHAOS_SECONDS");
    uint64_t beats = 0;

    for (unsigned i = 0; i <= GUESTS; i++)
        must(!pthread_create(&party[i].thread, NULL, i < GUESTS ? guest_main : vmm_main, (void *)(uintptr_t)i),
             "thread");
    watch(vmm_now_ns() + (number ? strtoull(number, NULL, 0) : 2) * SECOND_NS);
    atomic_store(&over, true);
    for (unsigned i = 0; i <= GUESTS; i++) {
        join(i);
        beats += atomic_load(&party[i].beats);
    }
    prove_alive();
    assert_true(beats);
    print_message("seed %llu: %llu steps, %llu refusals, %llu lines\n", (unsigned long long)seed,
                  (unsigned long long)beats, (unsigned long long)vmm_refused_total(&v),
                  (unsigned long long)vmm_see(&v, v.log_lines));
}

int main(void)
{
    static struct vmm_config four_k = {0}, sixteen_k = {.shift = 14}, callbacks = {.tasks = PVG_TASKS_CALLBACKS},
                             sixteen_k_callbacks = {.shift = 14, .tasks = PVG_TASKS_CALLBACKS},
                             strict = {.flags = PVG_DEVICE_STRICT | PVG_DEVICE_HOLD_PRESENTS, .no_fd = true};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_chaos, four_k),
        DEVICE_TEST(test_chaos, callbacks),
        DEVICE_TEST(test_chaos, strict),
        DEVICE_TEST(test_chaos, sixteen_k),
        DEVICE_TEST(test_chaos, sixteen_k_callbacks),
    };

    return cmocka_run_group_tests_name("chaos", tests, NULL, NULL);
}
