/* SPDX-License-Identifier: MIT */
/*
 * The surface mapper of the MMIO variant: map and unmap of a screen-sized surface, what a mapping costs when many live,
 * and a present from a mapped surface beside the same present on the PCI variant, in the same run and in turn with it.
 *
 * Guest and VMM are those of tests/lib. A request is timed from before its doorbell until the consumer register has
 * reached it; a present as in present.c, by the request that makes the device take it (UNMAP here, CmdUnmapMemory on
 * PCI).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/rd.h"
#include "lib/mapper.h"
#include "measure.h"

#define WIDTH       1920
#define HEIGHT      1080
#define FRAME_BYTES (4ull * WIDTH * HEIGHT)
#define ROUNDS      1000
#define PRESENTS    200
#define MANY        100000
#define SMALL_IDS   2000 /* mapped and unmapped beside those that live */

struct machine {
    struct vmm vmm;
    struct guest guest;
    struct mapper mapper; /* MMIO only */
    struct screen screen;
    struct vmm_display *display;
};

static void machine_init(struct machine *m, uint32_t shift, enum pvg_tasks tasks)
{
    static const struct pvg_mode mode = {WIDTH, HEIGHT, 60};
    const struct vmm_config config = {
        .shift = shift, .tasks = tasks, .low_bytes = 128ull << 20, .high_bytes = 64ull << 20};

    vmm_init(&m->vmm, &config);
    memset(m->vmm.ram, 0, m->vmm.ram_bytes); /* page faults are not what is measured */
    guest_init(&m->guest, &m->vmm);
    if (shift == 14) {
        mapper_new(&m->mapper, &m->guest);
        mapper_start(&m->mapper, 1024);
    }
    guest_boot(&m->guest, 0);
    guest_channel(&m->guest, 1, 2);
    guest_kernel_task(&m->guest);
    m->display = vmm_display_new(&m->vmm, 0, &mode, 1, false);
    screen_init(&m->screen, &m->guest, 0);
    screen_online(&m->screen, EVENT_ONLINE);
}

static void machine_fini(struct machine *m)
{
    if (m->mapper.m)
        mapper_free(&m->mapper);
    guest_fini(&m->guest);
    vmm_fini(&m->vmm);
}

/* One request, spun for. In us. */
static double timed(struct mapper *mp, uint32_t operation, uint32_t id)
{
    uint8_t *entry = mapper_entry(mp, mp->producer);
    uint64_t begin;
    double us;

    mapper_put(mp, operation, id);
    begin = now_ns();
    mapper_ring(mp);
    while (mapper_read(mp, IOSFC_CONSUMER) != mp->producer)
        relax();
    us = (double)(now_ns() - begin) / 1e3;
    if (le32_get(entry + IOSFC_ENTRY_RESULT))
        die("request %u of mapping %u was refused", operation, id);
    return us;
}

static double map_unmap(struct mapper *mp, uint32_t id)
{
    double us = timed(mp, IOSFC_OP_MAP, id);

    return us + timed(mp, IOSFC_OP_UNMAP, id);
}

static void measure_map(struct mapper *mp, const char *mode, bool goals)
{
    struct samples us[2] = {{0}, {0}};
    struct mapped s[2];
    char name[128];

    for (uint32_t k = 0; k < 2; k++)
        mapped_new(mp, &s[k], 1 + k, WIDTH, HEIGHT, FORMAT_BGRA, 0, k == 0);
    for (int i = 0; i < ROUNDS; i++)
        for (uint32_t k = 0; k < 2; k++)
            samples_add(&us[k], map_unmap(mp, 1 + k));
    for (uint32_t k = 0; k < 2; k++) {
        double median = samples_quantile(&us[k], 0.5);

        snprintf(name, sizeof(name), "map + unmap 1920x1080, %s, %s", k ? "every page scattered" : "contiguous", mode);
        if (goals)
            result_lower(name, "us", median, k ? 600 : 60, "goal");
        else
            result_alone(name, "us", median, "lower");
        samples_free(&us[k]);
        mapped_free(&s[k]);
    }
}

/* All entries of the table name one page of equal records, so that there are as many ids as wanted. */
static void many_ids(struct mapper *mp, const struct mapped *s)
{
    uint32_t records = guest_page(mp->g), table = guest_pages(mp->g, 1);
    uint8_t record[IOSFC_RECORD_BYTES];

    iosfc_record_encode(&s->desc, record);
    for (uint64_t at = 0; at < mp->g->page; at += sizeof(record))
        memcpy(guest_ptr(mp->g, records, at), record, sizeof(record));
    for (uint32_t i = 0; i < mp->g->page / 4; i++)
        le32_put(guest_ptr(mp->g, table, 4ull * i), records << 2 | IOSFC_ENTRY_PRESENT);
    mapper_write(mp, IOSFC_DESC_TABLE, (uint64_t)table << mp->g->shift);
}

/* Requests for ids @first .. @last, a ring at a time. us per request. */
static double sweep(struct mapper *mp, uint32_t operation, uint32_t first, uint32_t last)
{
    uint64_t begin = now_ns();

    for (uint32_t id = first; id <= last;) {
        for (uint32_t n = 0; id <= last && n < mp->capacity; n++)
            mapper_put(mp, operation, id++);
        mapper_ring(mp);
        while (mapper_read(mp, IOSFC_CONSUMER) != mp->producer)
            relax();
    }
    return (double)(now_ns() - begin) / 1e3 / (last - first + 1);
}

static void measure_many(struct mapper *mp)
{
    struct samples few = {0}, many = {0}, fill_few = {0}, fill_many = {0};
    struct mapped s;

    mapped_new(mp, &s, 1, 32, 32, FORMAT_BGRA, 0, true);
    many_ids(mp, &s);
    for (int round = 0; round < 5; round++) {
        sweep(mp, IOSFC_OP_MAP, 1, 10);
        samples_add(&fill_few, sweep(mp, IOSFC_OP_MAP, MANY + 1, MANY + SMALL_IDS));
        sweep(mp, IOSFC_OP_UNMAP, MANY + 1, MANY + SMALL_IDS);
        for (uint32_t i = 0; i < SMALL_IDS; i++)
            samples_add(&few, map_unmap(mp, MANY + 1 + i * 7919 % SMALL_IDS));
        sweep(mp, IOSFC_OP_MAP, 11, MANY);
        samples_add(&fill_many, sweep(mp, IOSFC_OP_MAP, MANY + 1, MANY + SMALL_IDS));
        sweep(mp, IOSFC_OP_UNMAP, MANY + 1, MANY + SMALL_IDS);
        for (uint32_t i = 0; i < SMALL_IDS; i++)
            samples_add(&many, map_unmap(mp, MANY + 1 + i * 7919 % SMALL_IDS));
        if (pvg_iosfc_mappings(mp->m) != MANY)
            die("%llu mappings live", (unsigned long long)pvg_iosfc_mappings(mp->m));
        sweep(mp, IOSFC_OP_UNMAP, 1, MANY);
    }
    result_lower("map + unmap of one page, 100000 mappings live", "us", samples_quantile(&many, 0.5),
                 samples_quantile(&few, 0.5), "10 live");
    result_lower("map of one page in a full ring, 100000 mappings live", "us", samples_quantile(&fill_many, 0.5),
                 samples_quantile(&fill_few, 0.5), "10 live");
    samples_free(&few);
    samples_free(&many);
    samples_free(&fill_few);
    samples_free(&fill_many);
    mapped_free(&s);
}

/* ---- presents ---- */

static void spin_cell(struct machine *m, const struct channel *c)
{
    while (!guest_reached(&m->guest, c, c->stamp))
        relax();
}

/* False: the refresh tick took the present before it could be made to stand. */
static bool stands(struct machine *m, uint64_t presents, uint64_t taken)
{
    while (pvg_display_guest_presents(m->display->disp) == presents)
        relax();
    return pvg_display_host_presents(m->display->disp) == taken;
}

/* Taken by the UNMAP of its mapping. */
static bool settle_mapped(struct machine *m, uint32_t id, double *us)
{
    uint64_t presents = pvg_display_guest_presents(m->display->disp);
    uint64_t taken = pvg_display_host_presents(m->display->disp);
    bool good;

    timed(&m->mapper, IOSFC_OP_MAP, id);
    mapped_present(&m->screen, id);
    good = stands(m, presents, taken);
    *us = timed(&m->mapper, IOSFC_OP_UNMAP, id);
    spin_cell(m, m->screen.c);
    return good && pvg_display_host_presents(m->display->disp) == taken + 1;
}

/* Taken by CmdUnmapMemory of its first page. */
static bool settle_surface(struct machine *m, const struct pixels *s, double *us)
{
    uint64_t presents = pvg_display_guest_presents(m->display->disp);
    uint64_t taken = pvg_display_host_presents(m->display->disp), begin;
    struct channel *root = &m->guest.channel[0];
    bool good;

    screen_present(&m->screen, s->id);
    good = stands(m, presents, taken);
    begin = now_ns();
    guest_send(&m->guest, root, CMD_UNMAP_MEMORY, WORDS(0, LO(s->gva), HI(s->gva), 4096, 0));
    spin_cell(m, root);
    *us = (double)(now_ns() - begin) / 1e3;
    guest_run(&m->guest, root, CMD_MAP_MEMORY2, WORDS(0, LO(s->gva), HI(s->gva), 4096, 0));
    spin_cell(m, m->screen.c);
    return good && pvg_display_host_presents(m->display->disp) == taken + 1;
}

/* Give the surface neighbouring pages, and tell the host. */
static void straighten(struct machine *m, const struct pixels *s)
{
    uint32_t pages = (uint32_t)((s->length + 4095) >> 12), first = guest_pages(&m->guest, pages);

    for (uint32_t i = 0; i < pages; i++)
        space_map(&m->guest, &m->guest.kernel, s->gva + 4096ull * i, first + i);
    guest_run(&m->guest, &m->guest.channel[0], CMD_REPLACE_PHYSICAL, WORDS(0, s->id));
}

static double copy_mapped(struct machine *m, const struct mapped *s, uint8_t *dst)
{
    uint64_t begin = now_ns(), left = FRAME_BYTES, n;

    for (uint32_t i = 0; i < s->page_count; i++, left -= n) {
        n = left < m->guest.page ? left : m->guest.page;
        memcpy(dst + ((size_t)i << m->guest.shift), guest_ptr(&m->guest, s->pages[i], 0), n);
    }
    return (double)(now_ns() - begin) / 1e3;
}

static void check(struct machine *m, uint32_t seed)
{
    if (!screen_shows_pattern(&m->screen, WIDTH, HEIGHT, seed))
        die("the picture is wrong: not measuring that");
}

static void measure_presents(struct machine *mmio, struct machine *pci)
{
    uint8_t *dst = mmap(NULL, FRAME_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    struct samples mapped_us[2] = {{0}, {0}}, surface_us[2] = {{0}, {0}}, copy_us[2] = {{0}, {0}};
    struct mapped mapped[2];
    struct pixels surface[2];

    if (dst == MAP_FAILED)
        die("out of memory");
    for (uint32_t k = 0; k < 2; k++) { /* 0: contiguous */
        mapped_new(&mmio->mapper, &mapped[k], 1 + k, WIDTH, HEIGHT, FORMAT_BGRA, 0, k == 0);
        mapped_pattern(&mmio->mapper, &mapped[k], k);
        guest_surface(&pci->guest, &surface[k], 1 + k, WIDTH, HEIGHT, FORMAT_BGRA, 0);
    }
    straighten(pci, &surface[0]);
    for (uint32_t k = 0; k < 2; k++)
        pixels_pattern(&pci->guest, &surface[k], k);
    for (int i = 0; i < PRESENTS; i++)
        for (uint32_t k = 0; k < 2; k++) {
            double us;

            if (settle_mapped(mmio, 1 + k, &us))
                samples_add(&mapped_us[k], us);
            if (i == 0)
                check(mmio, k);
            if (settle_surface(pci, &surface[k], &us))
                samples_add(&surface_us[k], us);
            if (i == 0)
                check(pci, k);
            samples_add(&copy_us[k], copy_mapped(mmio, &mapped[k], dst));
        }
    munmap(dst, FRAME_BYTES);
    for (uint32_t k = 0; k < 2; k++) {
        const char *how = k ? "every page scattered" : "contiguous";
        double us = samples_quantile(&mapped_us[k], 0.5);
        char name[128];

        snprintf(name, sizeof(name), "present 1920x1080 from a mapping, %s", how);
        result_lower(name, "us", us, samples_quantile(&surface_us[k], 0.5), "PCI variant");
        snprintf(name, sizeof(name), "present 1920x1080 from a mapping, %s, beside memcpy", how);
        result_lower(name, "us", us, samples_quantile(&copy_us[k], 0.5), "memcpy page by page");
        samples_free(&mapped_us[k]);
        samples_free(&surface_us[k]);
        samples_free(&copy_us[k]);
        mapped_free(&mapped[k]);
    }
}

int main(void)
{
    static struct machine mmio, pci;

    machine_init(&mmio, 14, PVG_TASKS_TABLE);
    measure_map(&mmio.mapper, "RAM table", true);
    machine_init(&pci, 12, PVG_TASKS_TABLE);
    measure_presents(&mmio, &pci);
    machine_fini(&pci);
    measure_many(&mmio.mapper);
    machine_fini(&mmio);
    machine_init(&mmio, 14, PVG_TASKS_CALLBACKS);
    measure_map(&mmio.mapper, "callbacks", false);
    machine_fini(&mmio);
    return 0;
}
