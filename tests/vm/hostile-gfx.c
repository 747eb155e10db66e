/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile-gfx: a PCI device that looks like apple-gfx-pci to a guest and lies
 * to it, for the guest driver's tests (display 16, rows G1 to G4).
 *
 * A plugin of its own for the stock QEMU, which tests/vm/cases_hostile.py
 * compiles and loads in place of the real one. It shares no code with the
 * device or the library: it completes every command at once without looking at
 * what a surface is, shows nothing, and misbehaves as its properties say, which
 * the test sets while the guest runs. Everything runs under the big lock: in
 * register accesses, and in a timer 60 times a second.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qom/object.h"
#include "exec/memory.h"
#include "exec/address-spaces.h"
#include "hw/pci/pci.h"
#include "hw/pci/msi.h"
#if __has_include("hw/pci/pci_device.h")
#include "hw/pci/pci_device.h"
#endif
#include "qemu/qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

#define TYPE_HOSTILE "hostile-gfx"
OBJECT_DECLARE_SIMPLE_TYPE(HostileState, HOSTILE)

#define CHANNELS        32
#define PIPES           8
#define PAGE            4096
#define REGS            0x4000
#define MAX_PACKET      4096
#define DISPLAY_CHANNEL 5
#define ONLINE          4
#define OFFLINE         8

typedef struct Channel {
    bool open;
    uint32_t record; /* offset in the root page */
    uint32_t pages;
    uint64_t page[PAGE / 4];
    uint32_t read;
    /* Stamps that are withheld: the last one executed, and the one published */
    uint32_t executed, published;
} Channel;

struct HostileState {
    PCIDevice parent_obj;

    MemoryRegion mmio;
    QEMUTimer *tick;
    uint32_t regs[REGS / 4];
    uint32_t displays, stamps, faults;
    bool enabled;
    bool task; /* is there one? */
    uint64_t root_base, root_page;
    uint32_t root_start, root_size;
    Channel channel[CHANNELS]; /* 0: the root FIFO */
    uint64_t page[PIPES];      /* shared pages */
    bool held[PIPES];          /* stamps are, since a present */
    uint32_t epoch;

    /* Properties: how to misbehave */
    uint32_t version;    /* granted; 0: what is asked for, at most 6 */
    uint32_t ports;
    uint32_t pipe_xor;   /* into the pipe's number in its page */
    uint32_t mode_count;
    uint32_t gamma;      /* entries */
    uint32_t cursor_px;
    uint32_t vblank;     /* 0: never */
    uint32_t deaf;       /* channels that take nothing, until the next stop */
    uint32_t hold;       /* presents get no stamp, until this is 0 again */
    uint32_t hold_later; /* the next start sets hold */
    uint32_t ahead;      /* stamps of displays say so much more, until the next stop */
    uint32_t fault;      /* report this mask, once */
    uint32_t online;     /* so many online events, one per tick */
    uint32_t offline;
    /* Properties: what was seen */
    uint32_t starts, presents, acks;
    uint32_t early; /* channels before the task that their commands name */
    uint32_t rings; /* doorbells of the root FIFO */
};

static const struct {
    const char *name;
    size_t offset;
    uint32_t initial;
} hostile_numbers[] = {
    { "version", offsetof(HostileState, version), 0 },
    { "ports", offsetof(HostileState, ports), 1 },
    { "pipe-xor", offsetof(HostileState, pipe_xor), 0 },
    { "mode-count", offsetof(HostileState, mode_count), 1 },
    { "gamma", offsetof(HostileState, gamma), 257 },
    { "cursor-px", offsetof(HostileState, cursor_px), 64 },
    { "vblank", offsetof(HostileState, vblank), 1 },
    { "deaf", offsetof(HostileState, deaf), 0 },
    { "hold", offsetof(HostileState, hold), 0 },
    { "hold-later", offsetof(HostileState, hold_later), 0 },
    { "ahead", offsetof(HostileState, ahead), 0 },
    { "fault", offsetof(HostileState, fault), 0 },
    { "online", offsetof(HostileState, online), 0 },
    { "offline", offsetof(HostileState, offline), 0 },
    { "starts", offsetof(HostileState, starts), 0 },
    { "presents", offsetof(HostileState, presents), 0 },
    { "acks", offsetof(HostileState, acks), 0 },
    { "early", offsetof(HostileState, early), 0 },
    { "rings", offsetof(HostileState, rings), 0 },
};

/* The test's guests have memory below 4 GiB only. */
static void guest_rw(uint64_t at, void *data, size_t length, bool write)
{
    address_space_rw(&address_space_memory, at, MEMTXATTRS_UNSPECIFIED, data, length, write);
}

static uint32_t get32(uint64_t at)
{
    uint32_t value = 0;

    guest_rw(at, &value, 4, false);
    return le32_to_cpu(value);
}

static void put(uint64_t at, uint32_t value, size_t length)
{
    value = cpu_to_le32(value);
    guest_rw(at, &value, length, true);
}

static void interrupt(HostileState *s)
{
    if (msi_enabled(PCI_DEVICE(s))) {
        msi_notify(PCI_DEVICE(s), 0);
    }
}

static void ring_read(HostileState *s, unsigned id, uint32_t at, void *data, uint32_t length)
{
    Channel *c = &s->channel[id];
    uint32_t size = id ? c->pages * PAGE : s->root_size;
    uint8_t *to = data;

    while (length) {
        uint32_t offset = at % size;
        uint32_t step = MIN(length, PAGE - offset % PAGE);
        uint64_t from = id ? c->page[offset / PAGE] + offset % PAGE
                           : s->root_base + s->root_start + offset;

        guest_rw(from, to, step, false);
        to += step;
        at += step;
        length -= step;
    }
}

static void channel_open(HostileState *s, uint32_t id)
{
    Channel *c;
    uint64_t list;
    uint32_t pfn;

    if (!id || id >= CHANNELS) {
        return;
    }
    c = &s->channel[id];
    memset(c, 0, sizeof(*c));
    c->record = 0x400 + (id - 1) * 0x14;
    list = (uint64_t)get32(s->root_page + c->record + 0x10) * PAGE;
    while (c->pages < PAGE / 4 && (pfn = get32(list + c->pages * 4))) {
        c->page[c->pages++] = (uint64_t)pfn * PAGE;
    }
    c->open = c->pages > 0;
}

/* One mode that is good, and then such as no host may list. */
static void put_modes(HostileState *s, uint64_t page)
{
    static const struct {
        uint16_t width, height;
        uint32_t refresh;
    } modes[] = {
        { 1024, 768, 60 << 16 }, { 0, 768, 60 << 16 }, { 1024, 0, 60 << 16 },
        { 65535, 65535, 60 << 16 }, { 800, 600, 0 }, { 800, 600, 0xffff },
        { 800, 600, 0xffffffff }, { 8192, 8192, 1000 << 16 }, { 8193, 1, 60 << 16 },
        { 1, 1, 1 << 16 },
    };
    unsigned i;

    for (i = 0; i < 0xbf; i++) {
        uint64_t at = page + 0x210 + i * 16;

        put(at, modes[i % ARRAY_SIZE(modes)].width, 2);
        put(at + 2, modes[i % ARRAY_SIZE(modes)].height, 2);
        put(at + 4, modes[i % ARRAY_SIZE(modes)].refresh, 4);
    }
    put(page + 0x208, s->mode_count, 2);
    put(page + 0x200, ++s->epoch, 4);
}

static void shared_page(HostileState *s, uint32_t pipe, uint64_t page)
{
    unsigned i;

    if (pipe >= PIPES) {
        return;
    }
    put(page, 0xffffffff, 4);
    for (i = 0; i < 14; i += 2) {
        put(page + 4 + i, 0x80ff, 2); /* a name without an end, and not ASCII */
    }
    put(page + 0x12, pipe ^ s->pipe_xor, 2);
    put(page + 0x14, 0xffffffff, 4); /* both extents in millimetres */
    put(page + 0x18, s->cursor_px | s->cursor_px << 16, 4);
    put(page + 0x1c, s->gamma, 4);
    put(page + 0x20, 0xffffffff, 4);
    for (i = 0; i < 8; i++) {
        put(page + 0x2c + i * 4, 0x7fc00000 + i, 4); /* not numbers */
    }
    put_modes(s, page);
    s->page[pipe] = page;
    s->online++;
}

static void execute(HostileState *s, unsigned id, uint32_t opcode, const uint32_t *payload, uint32_t words)
{
    if (opcode == 0x38) {
        s->task = true;
    } else if (opcode == 0x30 && words) {
        s->early += !s->task;
        channel_open(s, le32_to_cpu(payload[0]));
    } else if (opcode == 0x31 && words && le32_to_cpu(payload[0]) < CHANNELS) {
        s->channel[le32_to_cpu(payload[0])].open = false;
    } else if (opcode == 0x01 && words > 1) {
        shared_page(s, le32_to_cpu(payload[0]), (uint64_t)le32_to_cpu(payload[1]) * PAGE);
    } else if (opcode == 0x02) {
        s->acks++;
    } else if (opcode == 0x06 || opcode == 0x07) {
        s->presents++;
        if (id >= DISPLAY_CHANNEL && id < DISPLAY_CHANNEL + PIPES) {
            s->held[id - DISPLAY_CHANNEL] = s->hold && s->page[id - DISPLAY_CHANNEL];
        }
    }
}

static bool is_held(HostileState *s, unsigned id)
{
    return s->hold && id >= DISPLAY_CHANNEL && id < DISPLAY_CHANNEL + PIPES && s->held[id - DISPLAY_CHANNEL];
}

static void publish(HostileState *s, unsigned id)
{
    Channel *c = &s->channel[id];

    if (c->published == c->executed || is_held(s, id)) {
        return;
    }
    c->published = c->executed;
    put(s->root_base + id * 4, c->published + (id >= DISPLAY_CHANNEL ? s->ahead : 0), 4);
    s->stamps |= 1u << id;
    interrupt(s);
}

/* Takes packets until the ring is empty or one waits for a stamp. */
static void drain(HostileState *s, unsigned id)
{
    Channel *c = &s->channel[id];
    uint32_t packet[MAX_PACKET / 4];
    uint32_t written, length, opcode, barriers, i;

    if (!s->enabled || !c->open || s->deaf & 1u << id) {
        return;
    }
    for (;;) {
        written = id ? get32(s->root_page + c->record) : s->regs[0x1008 / 4];
        if (written == c->read) {
            return;
        }
        ring_read(s, id, c->read, packet, 12);
        opcode = le32_to_cpu(packet[0]) & 0xffff;
        barriers = le32_to_cpu(packet[0]) >> 16;
        length = le32_to_cpu(packet[1]);
        if (length < 12 || length > MAX_PACKET || 12 + barriers * 8 > length) {
            return;
        }
        ring_read(s, id, c->read, packet, length);
        for (i = 0; i < barriers; i++) {
            uint32_t cell = get32(s->root_base + (le32_to_cpu(packet[3 + 2 * i]) % CHANNELS) * 4);

            if ((int32_t)(cell - le32_to_cpu(packet[4 + 2 * i])) < 0) {
                return;
            }
        }
        execute(s, id, opcode, packet + 3 + 2 * barriers, length / 4 - 3 - 2 * barriers);
        c->read += length;
        if (id) {
            put(s->root_page + c->record + 4, c->read, 4);
        }
        c->executed = le32_to_cpu(packet[2]);
        publish(s, id);
    }
}

static void control(HostileState *s, uint32_t value)
{
    if (!value) {
        s->enabled = s->task = false;
        s->deaf = s->ahead = 0;
        memset(s->channel, 0, sizeof(s->channel));
        memset(s->page, 0, sizeof(s->page));
        memset(s->held, 0, sizeof(s->held));
        s->displays = s->stamps = s->faults = 0;
        return;
    }
    s->root_page = (uint64_t)s->regs[0x101c / 4] * PAGE;
    s->root_base = (uint64_t)s->regs[0x1030 / 4] * PAGE;
    s->root_start = s->regs[0x1010 / 4];
    s->root_size = MAX(s->regs[0x1004 / 4] - s->root_start, 4);
    s->channel[0].open = true;
    s->regs[0x1008 / 4] = 0;
    s->enabled = true;
    s->starts++;
    s->hold |= s->hold_later;
    s->presents = 0;
}

static uint64_t hostile_read(void *opaque, hwaddr addr, unsigned size)
{
    HostileState *s = opaque;
    uint32_t value = 0;

    switch (addr) {
    case 0x100c:
        return s->channel[0].read;
    case 0x1014:
        value = s->displays;
        s->displays = 0;
        return value;
    case 0x1018:
        value = s->stamps;
        s->stamps = 0;
        return value;
    case 0x102c:
        value = s->faults;
        s->faults = 0;
        return value;
    case 0x1034:
        return s->version ? s->version : MIN(s->regs[0x1034 / 4], 6);
    case 0x122c:
        return s->ports;
    default:
        return addr + size <= REGS ? s->regs[addr / 4] : 0;
    }
}

static void hostile_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    HostileState *s = opaque;

    if (addr + size > REGS) {
        return;
    }
    s->regs[addr / 4] = value;
    if (addr == 0x1000) {
        control(s, value);
    } else if (addr == 0x1008) {
        s->rings++;
        drain(s, 0);
    } else if (addr == 0x1020 && value && value < CHANNELS) {
        drain(s, value);
    }
}

static const MemoryRegionOps hostile_ops = {
    .read = hostile_read,
    .write = hostile_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

/* Not atomic: a bit that gets lost once is set again at the next tick. */
static void event(HostileState *s, unsigned pipe, uint32_t bits)
{
    uint32_t claimed = bits & get32(s->page[pipe] + 0x104);

    if (claimed) {
        put(s->page[pipe] + 0x100, get32(s->page[pipe] + 0x100) | claimed, 4);
        s->displays |= 1u << pipe;
    }
}

static void hostile_tick(void *opaque)
{
    HostileState *s = opaque;
    unsigned i;

    timer_mod(s->tick, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + NANOSECONDS_PER_SECOND / 60);
    for (i = 0; i < CHANNELS; i++) {
        if (s->channel[i].open) {
            publish(s, i);
            drain(s, i);
        }
    }
    /* An online event comes with other words in the page. */
    if (s->online && s->page[0] && get32(s->page[0] + 0x104) & ONLINE) {
        put_modes(s, s->page[0]);
        event(s, 0, ONLINE);
        s->online--;
    }
    if (s->offline && s->page[0]) {
        event(s, 0, OFFLINE);
        s->offline--;
    }
    for (i = 0; i < PIPES; i++) {
        if (s->page[i] && s->vblank) {
            event(s, i, 1);
        }
    }
    s->faults |= s->fault;
    s->fault = 0;
    if (s->displays || s->faults) {
        interrupt(s);
    }
}

static void hostile_realize(PCIDevice *pci, Error **errp)
{
    HostileState *s = HOSTILE(pci);

    pci_config_set_class(pci->config, PCI_CLASS_DISPLAY_OTHER);
    memory_region_init_io(&s->mmio, OBJECT(s), &hostile_ops, s, TYPE_HOSTILE, REGS);
    pci_register_bar(pci, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &s->mmio);
    if (msi_init(pci, 0, 1, true, false, errp) < 0) {
        return;
    }
    s->tick = timer_new_ns(QEMU_CLOCK_VIRTUAL, hostile_tick, s);
    hostile_tick(s);
}

static void hostile_init(Object *obj)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(hostile_numbers); i++) {
        uint32_t *number = (uint32_t *)((char *)obj + hostile_numbers[i].offset);

        *number = hostile_numbers[i].initial;
        object_property_add_uint32_ptr(obj, hostile_numbers[i].name, number, OBJ_PROP_FLAG_READWRITE);
    }
}

static void hostile_class_init(ObjectClass *oc, void *data)
{
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(oc);

    DEVICE_CLASS(oc)->hotpluggable = false;
    pc->realize = hostile_realize;
    pc->vendor_id = 0x106b;
    pc->device_id = 0xeeee;
}

static const TypeInfo hostile_type = {
    .name = TYPE_HOSTILE,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(HostileState),
    .instance_init = hostile_init,
    .class_init = hostile_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_CONVENTIONAL_PCI_DEVICE },
        { }
    },
};

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    type_register_static(&hostile_type);
    return 0;
}
