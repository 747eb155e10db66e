/* SPDX-License-Identifier: MIT */
/* See object_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "object_fixture.h"

#define RAM_BYTES   (32ull << 20)
#define TASK_LENGTH 0x400000000ull
#define SURFACES    0x10000000ull /* task-virtual: 16 MiB per surface */

static void on_settle(void *ctx, struct gmem_pin *pin, uint32_t task, gva_t gva, uint64_t length)
{
    struct fixture *f = ctx;

    f->settled++;
    f->settled_task = task;
    f->settled_gva = gva.v;
    f->settled_bytes = length;
}

static void start(struct fixture *f, bool lists)
{
    const struct core_config config = {.ops = &f->vmm.ops, .opaque = &f->vmm, .log = &f->log, .gmem = f->g};
    const struct core_observer observer = {.ctx = f, .settle = on_settle};

    assert_int_equal(core_new(&config, &f->core), 0);
    assert_int_equal(object_set_new(f->core, &f->set), 0);
    core_observe(f->core, &observer);
    f->provider = object_picture_provider(f->set);
    gmem_pin(f->g, &f->core->pin);
    for (uint32_t task = 0; task <= 3; task += 3) {
        f->directory[task] = guest_directory(&f->ram, 3);
        define_task(f, task);
        map_scattered(f, task, LIST_PAGE << f->ram.shift, OBJECT_SLOT_BYTES * LIST_COUNT);
        map_scattered(f, task, DESCRIPTORS, 64 * 0x2000);
        if (lists)
            done(f, CMD_SET_OBJECT_LIST, WORDS(task, LIST_PAGE, LIST_COUNT));
    }
    f->settled = 0;
}

void fixture_init(struct fixture *f, uint32_t shift, bool lists)
{
    memset(f, 0, sizeof(*f));
    guest_ram_init(&f->ram, shift, 0, RAM_BYTES);
    fake_vmm_init(&f->vmm, &f->ram);
    f->g = guest_ram_gmem(&f->ram, &f->log);
    start(f, lists);
}

void fixture_init_callbacks(struct fixture *f, uint32_t shift)
{
    memset(f, 0, sizeof(*f));
    guest_ram_init(&f->ram, shift, 0, RAM_BYTES);
    fake_vmm_init(&f->vmm, &f->ram);
    log_init(&f->log, NULL, NULL);
    f->g = fake_vmm_gmem(&f->vmm);
    start(f, true);
}

void fixture_fini(struct fixture *f)
{
    gmem_unpin(&f->core->pin);
    core_free(f->core);
    object_set_free(f->set);
    gmem_free(f->g);
    assert_int_equal(f->vmm.creates, f->vmm.destroys);
    fake_vmm_fini(&f->vmm);
    log_fini(&f->log);
    guest_ram_fini(&f->ram);
}

enum core_verdict run(struct fixture *f, uint32_t opcode, const void *payload, size_t bytes)
{
    const struct core_cmd cmd = {
        .opcode = opcode, .payload = payload, .payload_bytes = (uint32_t)bytes, .first_ns = 1, .pin = &f->core->pin};

    assert_non_null(f->core->handlers[opcode].fn);
    assert_true(bytes >= opcode_info(opcode)->least_payload_bytes);
    return f->core->handlers[opcode].fn(f->core->handlers[opcode].ctx, &cmd);
}

static uint64_t all_refusals(struct fixture *f)
{
    uint64_t n = 0;

    for (int i = 0; i < REFUSE_COUNT; i++)
        n += f->log.refused[i];
    return n;
}

void done(struct fixture *f, uint32_t opcode, const void *payload, size_t bytes)
{
    uint64_t before = all_refusals(f);

    assert_int_equal(run(f, opcode, payload, bytes), CORE_DONE);
    assert_int_equal(all_refusals(f), before);
}

void refused(struct fixture *f, enum refuse why, uint32_t opcode, const void *payload, size_t bytes)
{
    uint64_t before = all_refusals(f), of_this = f->log.refused[why];

    assert_int_equal(run(f, opcode, payload, bytes), CORE_DONE);
    assert_int_equal(f->log.refused[why], of_this + 1);
    assert_int_equal(all_refusals(f), before + 1);
}

void define_task(struct fixture *f, uint32_t task)
{
    done(f, CMD_DEFINE_TASK2,
         WORDS(task << 1 | !task, (uint32_t)TASK_LENGTH, (uint32_t)(TASK_LENGTH >> 32), f->directory[task]));
}

void reset(struct fixture *f)
{
    for (unsigned i = 0; i < f->core->observer_count; i++) {
        if (f->core->observers[i].reset)
            f->core->observers[i].reset(f->core->observers[i].ctx);
    }
}

enum refuse resolve(struct fixture *f, uint32_t task, enum object_class class, uint32_t ref)
{
    return object_resolve(f->set, &f->core->pin, task, class, ref, &f->object, &f->fault);
}

void map_scattered(struct fixture *f, uint32_t task, uint64_t gva, uint64_t length)
{
    uint64_t page = 1ull << f->ram.shift, end = (gva + length + page - 1) & ~(page - 1);

    for (uint64_t at = gva & ~(page - 1); at < end; at += page) {
        guest_map_fresh(&f->ram, f->directory[task], at, page);
        f->ram.next++;
    }
    gva &= ~(page - 1);
    done(f, CMD_MAP_MEMORY2,
         WORDS(task, (uint32_t)gva, (uint32_t)(gva >> 32), (uint32_t)(end - gva), (uint32_t)((end - gva) >> 32)));
}

void put_slot(struct fixture *f, uint32_t task, uint32_t ref, struct object_slot slot)
{
    uint8_t bytes[OBJECT_SLOT_BYTES];

    object_slot_encode(bytes, &slot);
    guest_poke(&f->ram, f->directory[task], (LIST_PAGE << f->ram.shift) + OBJECT_SLOT_BYTES * ref, bytes,
               sizeof(bytes));
}

void put(struct fixture *f, uint32_t task, uint32_t ref, uint8_t type, const void *start_bytes, size_t bytes,
         uint32_t length)
{
    /* Mid-page, and across pages for long ones. */
    uint64_t gva = DESCRIPTORS + 0x2000 * (ref % 63) + 0x7c0;
    static const uint8_t zero[4096 + 1];

    guest_poke(&f->ram, f->directory[task], gva, zero, length < sizeof(zero) ? length : sizeof(zero));
    guest_poke(&f->ram, f->directory[task], gva, start_bytes, bytes < length ? bytes : length);
    put_slot(f, task, ref, (struct object_slot){type, length, gva});
}

void put_buffer(struct fixture *f, uint32_t task, uint32_t ref, uint64_t size, uint32_t first_page)
{
    const uint32_t words[4] = {(uint32_t)size, (uint32_t)(size >> 32), first_page, 0};

    put(f, task, ref, OBJECT_BUFFER, words, sizeof(words), sizeof(words));
}

void put_surface_as(struct fixture *f, uint32_t task, uint32_t id, const struct surface *s)
{
    uint8_t bytes[0x14 + 16 * SURFACE_PLANES_MAX];
    size_t n = surface_encode(bytes, s);

    put(f, task, id, OBJECT_SURFACE, bytes, n, (uint32_t)n);
}

struct surface put_surface(struct fixture *f, uint32_t id, uint32_t width, uint32_t height)
{
    struct surface s = {.length_bytes = 4ull * width * height,
                        .first_page = (uint32_t)((SURFACES + ((uint64_t)id << 24)) >> f->ram.shift),
                        .format = PVG_FOURCC_BGRA,
                        .plane_count = 1,
                        .plane = {{0, width, height, 4 * width, 4}}};

    map_scattered(f, 0, (uint64_t)s.first_page << f->ram.shift, s.length_bytes);
    put_surface_as(f, 0, id, &s);
    return s;
}

void put_view(struct fixture *f, uint32_t task, uint32_t ref, uint32_t surface)
{
    const uint32_t words[14] = {surface, 0, 0x2f, 48, ref};

    put(f, task, ref, OBJECT_SURFACE_VIEW, words, sizeof(words), sizeof(words));
}

uint64_t checksum(struct fixture *f)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < f->ram.bytes; i += 8)
        sum = sum * 31 + le64_get(f->ram.host + i);
    return sum;
}
