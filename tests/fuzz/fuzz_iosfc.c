/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a hostile guest against a live surface mapper with 256 KiB of RAM, in either task mode. The input is a
 * list of steps on top of a layout in which everything is right: register writes, words poked into ring, table, record
 * and page list, requests, doorbells, presents, resets. A picture that is admitted is read into a buffer of its exact
 * size.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/rd.h"
#include "iosfc/iosfc.h"
#include "wire/display.h"
#include "wire/iosfc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SHIFT     14
#define PAGE      (1u << SHIFT)
#define RAM_PAGES 16u
#define RAM_BYTES (RAM_PAGES * PAGE)
#define STEPS     48 /* of one input: bounds its time */

/* Pages of the layout; id 1 is a surface of four scattered pages. */
enum { RING = 1, TABLE, RECORDS, LIST, PIXELS };

struct target {
    uint8_t *ram; /* an allocation of its own, so that the sanitizer sees a step beyond */
    struct log log;
    struct recorder recorder;
    struct pvg_host_ops ops;
    struct gmem *g;
    struct core *core;
    struct pvg_iosfc *m;
    struct picture_provider pictures;
    struct event raised;
    _Atomic int64_t live; /* ranges that the mapper has mapped */
};

static void quiet(void *opaque, enum pvg_log_level level, const char *message)
{
}

static void raise_gfx(void *opaque, uint32_t vector)
{
}

static bool in_ram(uint64_t gpa, uint64_t length)
{
    return gpa < RAM_BYTES && length <= RAM_BYTES - gpa;
}

static pvg_task *create_task(void *opaque, uint64_t length_bytes, void **base)
{
    *base = NULL;
    return NULL;
}

static void destroy_task(void *opaque, pvg_task *task)
{
}

static bool task_map(void *opaque, pvg_task *task, uint32_t n, uint64_t offset, bool readonly,
                     const struct pvg_range *r)
{
    return false;
}

static bool task_unmap(void *opaque, pvg_task *task, uint64_t offset, uint64_t length)
{
    return true;
}

static bool read_memory(void *opaque, uint64_t gpa, uint64_t length, void *dst)
{
    struct target *t = opaque;

    if (!in_ram(gpa, length))
        return false;
    memcpy(dst, t->ram + gpa, length);
    return true;
}

static void raise_mapper(void *opaque, uint32_t vector)
{
    struct target *t = opaque;

    event_signal(&t->raised);
}

static bool map_memory(void *opaque, uint64_t gpa, uint64_t length, bool readonly, void **host)
{
    struct target *t = opaque;

    *host = in_ram(gpa, length) ? t->ram + gpa : NULL;
    if (*host)
        atomic_fetch_add(&t->live, 1);
    return *host;
}

static bool unmap_memory(void *opaque, void *host, uint64_t length)
{
    struct target *t = opaque;

    assert(atomic_fetch_sub(&t->live, 1) > 0);
    return true;
}

static void settle(void *ctx, struct gmem_pin *pin, uint32_t mapping)
{
}

static void nothing(void *ctx)
{
}

static const struct pvg_iosfc_ops mapper_ops = {.size = sizeof(mapper_ops),
                                                .raise_interrupt = raise_mapper,
                                                .map_memory = map_memory,
                                                .unmap_memory = unmap_memory};
static const struct iosfc_hooks hooks = {.settle = settle, .drop = nothing, .gone = nothing};

static void target_init(struct target *t, enum pvg_tasks tasks)
{
    struct gmem_config gmem = {
        .page_shift = SHIFT, .tasks = tasks, .ops = &t->ops, .opaque = t, .log = &t->log, .recorder = &t->recorder};
    struct core_config core = {.ops = &t->ops, .opaque = t, .log = &t->log, .recorder = &t->recorder};
    struct pvg_iosfc_desc desc = {
        .size = sizeof(desc), .mmio_length_bytes = PVG_IOSFC_MMIO_LENGTH, .ops = &mapper_ops, .opaque = t};

    t->ram = aligned_alloc(PAGE, RAM_BYTES);
    t->ops = (struct pvg_host_ops){.size = sizeof(t->ops),
                                   .raise_interrupt = raise_gfx,
                                   .log = quiet,
                                   .create_task = create_task,
                                   .destroy_task = destroy_task,
                                   .map_memory = task_map,
                                   .unmap_memory = task_unmap,
                                   .read_memory = read_memory};
    log_init(&t->log, quiet, t);
    recorder_init(&t->recorder);
    if (!t->ram || gmem_new(&gmem, &t->g))
        abort();
    core.gmem = t->g;
    if (core_new(&core, &t->core))
        abort();
    if (tasks == PVG_TASKS_TABLE && gmem_add_ram(t->g, 0, RAM_BYTES, t->ram, -1, 0, 0))
        abort();
    if (iosfc_new(t->core, &desc, &hooks, &t->m))
        abort();
    t->pictures = iosfc_picture_provider(t->m);
}

static void write_reg(struct target *t, uint64_t offset, uint64_t value)
{
    pvg_iosfc_mmio_write(t->m, offset, value, 8);
}

/* The thread always gets to where the producer is, whatever the ring says. */
static void drain(struct target *t)
{
    for (;;) {
        uint32_t seq = event_seq(&t->raised);

        if (pvg_iosfc_mmio_read(t->m, IOSFC_CONSUMER, 8) == pvg_iosfc_mmio_read(t->m, IOSFC_PRODUCER, 8))
            return;
        event_wait(&t->raised, seq, 0);
    }
}

static void lay_out(struct target *t)
{
    const struct iosfc_surface s = {.list_pfn = LIST,
                                    .format = FORMAT_BGRA,
                                    .size_bytes = 4 * PAGE - 100,
                                    .plane_count = 1,
                                    .plane[0] = {.width_px = 100, .height_px = 120, .stride_bytes = 512}};

    pvg_iosfc_reset(t->m);
    assert(pvg_iosfc_mappings(t->m) == 0 && atomic_load(&t->live) == 0);
    memset(t->ram, 0, RAM_BYTES);
    le32_put(t->ram + TABLE * PAGE, RECORDS << 2 | 1);
    iosfc_record_encode(&s, t->ram + RECORDS * PAGE + IOSFC_RECORD_BYTES);
    for (uint32_t i = 0; i < 4; i++)
        le32_put(t->ram + LIST * PAGE + 4 * i, (PIXELS + 2 * i) << 2 | 3);
    write_reg(t, IOSFC_RING_BASE, RING * PAGE);
    write_reg(t, IOSFC_CAPACITY, 64);
    write_reg(t, IOSFC_DESC_TABLE, TABLE * PAGE);
}

static void request(struct target *t, uint32_t operation, uint32_t id)
{
    uint64_t producer = pvg_iosfc_mmio_read(t->m, IOSFC_PRODUCER, 8);
    uint8_t *entry = t->ram + RING * PAGE + producer % 64 * IOSFC_ENTRY_BYTES;

    le32_put(entry, operation);
    le32_put(entry + 4, id);
    write_reg(t, IOSFC_PRODUCER, producer + 1);
    drain(t);
}

static void present(struct target *t, uint32_t id)
{
    struct gmem_runs scratch = {0};
    struct gmem_fault fault = {0};
    struct gmem_pin pin = {0};
    struct picture pic;

    gmem_pin(t->g, &pin);
    if (!t->pictures.find(t->pictures.ctx, &pin, 0, id, &pic, &fault)) {
        size_t row = (size_t)pic.width_px * pic.bytes_per_pixel;
        uint8_t *dst = malloc(row * pic.height_px);

        assert(pic.mapping == id && row && pic.height_px && row <= pic.stride_bytes);
        assert(pic.offset_bytes + (pic.height_px - 1) * pic.stride_bytes + row <= pic.backing_bytes);
        if (dst)
            (void)t->pictures.read(t->pictures.ctx, &pin, &pic, dst, row, &scratch, &fault);
        free(dst);
    }
    gmem_runs_fini(&scratch);
    gmem_unpin(&pin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct target targets[2];
    struct rd r = rd_over(data, size);
    struct target *t;
    const uint8_t *p = rd_bytes(&r, 1);

    if (!p)
        return 0;
    t = &targets[*p & 1];
    if (!t->m)
        target_init(t, *p & 1 ? PVG_TASKS_CALLBACKS : PVG_TASKS_TABLE);
    lay_out(t);
    for (int i = 0; i < STEPS && (p = rd_bytes(&r, 1)); i++) {
        const uint8_t *a;

        switch (*p % 6) {
        case 0: /* a register: not the producer, which step 3 writes */
            a = rd_bytes(&r, 9);
            if (a && IOSFC_FIRST + 8 * (a[0] % 9) != IOSFC_PRODUCER)
                write_reg(t, IOSFC_FIRST + 8 * (a[0] % 9), le64_get(a + 1));
            break;
        case 1: /* a word of memory */
            a = rd_bytes(&r, 6);
            if (a)
                le32_put(t->ram + 4ull * le16_get(a), le32_get(a + 2));
            break;
        case 2:
            a = rd_bytes(&r, 5);
            if (a)
                request(t, a[0], le32_get(a + 1));
            break;
        case 3:
            a = rd_bytes(&r, 8);
            if (a)
                write_reg(t, IOSFC_PRODUCER, le64_get(a));
            drain(t);
            break;
        case 4:
            a = rd_bytes(&r, 4);
            if (a)
                present(t, le32_get(a));
            break;
        case 5:
            lay_out(t);
            break;
        }
    }
    assert(atomic_load(&t->live) >= 0);
    pvg_iosfc_reset(t->m);
    assert(pvg_iosfc_mappings(t->m) == 0 && atomic_load(&t->live) == 0);
    return 0;
}
