/* SPDX-License-Identifier: MIT */
/* Devices for fuzz targets: see fuzz_device.h. */
#include "fuzz_device.h"

#include <stdlib.h>
#include <string.h>

#define FLAVOURS 8

static struct {
    struct vmm vmm;
    struct guest guest;
    bool there;
} device[FLAVOURS];

static void free_devices(void)
{
    for (unsigned i = 0; i < FLAVOURS; i++)
        if (device[i].there) {
            guest_fini(&device[i].guest);
            vmm_fini(&device[i].vmm);
        }
}

static void make(unsigned i, bool with_display)
{
    const bool large = (i & 3) == 2;
    const struct vmm_config config = {.shift = large ? 14 : 12,
                                      .tasks = (i & 3) == 1 ? PVG_TASKS_CALLBACKS : PVG_TASKS_TABLE,
                                      .flags = i & 4 ? PVG_DEVICE_STRICT : 0,
                                      .low_bytes = large ? 4 << 20 : 1 << 20,
                                      .high_bytes = large ? 2 << 20 : 512 << 10};
    static bool registered;

    if (!registered)
        atexit(free_devices);
    registered = true;
    vmm_init(&device[i].vmm, &config);
    if (with_display)
        vmm_display_new(&device[i].vmm, 0, &(struct pvg_mode){64, 64, 480}, 1, i & 4);
    device[i].there = true;
}

struct guest *fuzz_begin(unsigned flags, bool with_display)
{
    unsigned i = flags % FLAVOURS;

    if (!device[i].there)
        make(i, with_display);
    else
        guest_fini(&device[i].guest);
    memset(device[i].vmm.ram, 0, device[i].vmm.ram_bytes);
    guest_init(&device[i].guest, &device[i].vmm);
    guest_boot(&device[i].guest, 0);
    return &device[i].guest;
}

void fuzz_set_up(struct guest *g, struct screen *s, struct pixels surface[2])
{
    guest_channel(g, 1, 1);
    guest_channel(g, 2, 2);
    guest_kernel_task(g);
    guest_surface(g, &surface[0], 1, 16, 16, FORMAT_BGRA, 0);
    guest_surface(g, &surface[1], 2, 40, 30, FORMAT_RGHA, 0);
    if (s) {
        screen_init(s, g, 0);
        screen_announce(s);
    }
}

void fuzz_poke(struct guest *g, uint32_t place, uint32_t value)
{
    uint64_t at = ((uint64_t)(place >> 16) * g->page + 4ull * (place & 0xffff) % g->page) % g->vmm->ram_bytes;

    atomic_store_explicit((_Atomic uint32_t *)(void *)(g->vmm->ram + (at & ~3ull)), value, memory_order_relaxed);
}

void fuzz_packet(struct guest *g, struct channel *c, uint32_t opcode, uint32_t barriers, const uint8_t *bytes, uint32_t n)
{
    struct packet_header h = {.opcode = (uint16_t)opcode, .barriers = (uint16_t)barriers};
    uint8_t packet[12 + 1024] = {0};

    n = n > 1024 ? 1024 : n;
    memcpy(packet + 12, bytes, n);
    n = (n + 3) & ~3u;
    h.length_bytes = 12 + n;
    h.stamp = ++c->stamp;
    packet_encode(packet, &h);
    c->packet = c->written;
    guest_put(g, c, packet, 12 + n);
    guest_publish(g, c);
}

static uint64_t progress(struct guest *g)
{
    uint64_t sum = vmm_see(g->vmm, g->vmm->interrupts);

    for (uint32_t i = 0; i < 8; i++)
        if (i == 0 || g->channel[i].pages)
            sum += guest_consumed(g, &g->channel[i]);
    return sum;
}

void fuzz_settle(struct guest *g)
{
    uint64_t last = progress(g);

    for (int still = 0, looks = 0; still < 3 && looks < 40; looks++) {
        uint64_t now;

        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        now = progress(g);
        still = now == last ? still + 1 : 0;
        last = now;
    }
}

void fuzz_end(struct guest *g)
{
    static uint8_t before[8 << 20];
    struct vmm *v = g->vmm;

    fuzz_settle(g);
    must(vmm_report_has(v, "\"diagnosis\""), "no diagnosis");
    pvg_device_reset(v->dev);
    must(v->ram_bytes <= sizeof(before), "RAM of %llu bytes", (unsigned long long)v->ram_bytes);
    memcpy(before, v->ram, v->ram_bytes);
    sched_yield();
    must(!memcmp(before, v->ram, v->ram_bytes), "guest memory was written after a reset");
    must(vmm_r32(v, REG_FIFO_CONTROL) == 0 && vmm_r32(v, REG_INTR_FAULT) == 0, "registers after a reset");
}
