/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: page-table walks over a small guest RAM that the input fills. Both task modes and a slow walker written
 * from memory 2 must agree on the answer, byte by byte; runs must lie in RAM.
 *
 * Input: u8 flags (bit 0: 16 KiB pages), u32 directory, u64 task length, u64 address, u64 length, then pokes of {u16
 * word, u32 value} into a RAM of 256 KiB at 1 MiB.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/rd.h"
#include "gmem/gmem.h"

#define RAM_GPA   0x100000ull
#define RAM_BYTES 0x40000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *ram;

static bool ram_word(uint64_t gpa, uint32_t *out)
{
    if (gpa < RAM_GPA || gpa - RAM_GPA > RAM_BYTES - 4)
        return false;
    *out = le32_get(ram + (gpa - RAM_GPA));
    return true;
}

static bool read_memory(void *opaque, uint64_t gpa, uint64_t length_bytes, void *dst)
{
    if (gpa < RAM_GPA || gpa - RAM_GPA >= RAM_BYTES || length_bytes > RAM_BYTES - (gpa - RAM_GPA))
        return false;
    memcpy(dst, ram + (gpa - RAM_GPA), length_bytes);
    return true;
}

/* Not reached: the target makes no root task and no mapping. */
static pvg_task *create_task(void *opaque, uint64_t length_bytes, void **base)
{
    abort();
}

static void destroy_task(void *opaque, pvg_task *task)
{
    abort();
}

static bool map_memory(void *opaque, pvg_task *task, uint32_t n, uint64_t offset_bytes, bool readonly,
                       const struct pvg_range *ranges)
{
    abort();
}

static bool unmap_memory(void *opaque, pvg_task *task, uint64_t offset_bytes, uint64_t length_bytes)
{
    abort();
}

/* One byte at a time, straight from the specification. */
static enum refuse slow_walk(const struct gmem_space *space, uint32_t shift, uint64_t gva, uint64_t *gpa)
{
    uint64_t directory = (uint64_t)space->directory_pfn << shift;
    uint32_t bits = shift - 2, root, depth, entry;

    if (gva >= space->length_bytes)
        return REFUSE_VA_RANGE;
    if (!space->directory_pfn)
        return REFUSE_DIR_NONE;
    if (!ram_word(directory, &root) || !ram_word(directory + 4, &depth))
        return REFUSE_DIR_NOT_RAM;
    if (!root)
        return REFUSE_PT_ROOT_NONE;
    if (!depth || depth > 4)
        return REFUSE_PT_DEPTH;
    if (gva >> (shift + depth * bits))
        return REFUSE_VA_RANGE;
    entry = root;
    for (uint32_t level = 0; level < depth; level++) {
        uint64_t index = ((gva >> shift) >> ((depth - 1 - level) * bits)) & ((1u << bits) - 1);
        uint64_t node = (uint64_t)(entry & 0x7fffffff) << shift;

        if (!ram_word(node + 4 * index, &entry))
            return REFUSE_PT_NOT_RAM;
        if (!entry)
            return REFUSE_PT_HOLE;
        if (!(entry & 0x7fffffff))
            return REFUSE_PT_CORRUPT;
    }
    *gpa = ((uint64_t)(entry & 0x7fffffff) << shift) + (gva & ((1ull << shift) - 1));
    return REFUSE_NONE;
}

/* What a read of the span gives. */
static enum refuse slow_read(const struct gmem_space *space, uint32_t shift, uint64_t gva, uint64_t length,
                             uint8_t *dst)
{
    uint64_t page = 1ull << shift, gpa = 0;
    enum refuse r;

    if (!length)
        return REFUSE_SPAN_EMPTY;
    if (gva >= space->length_bytes || length > space->length_bytes - gva)
        return REFUSE_VA_RANGE;
    if (length > RAM_BYTES)
        return REFUSE_SPAN_LONG;
    r = slow_walk(space, shift, gva + length - 1, &gpa);
    if (r == REFUSE_VA_RANGE) /* the reach is checked for the whole span first */
        return r;
    while (length) {
        uint64_t n = page - (gva & (page - 1));

        n = n < length ? n : length;
        r = slow_walk(space, shift, gva, &gpa);
        if (r)
            return r;
        if (gpa < RAM_GPA || gpa - RAM_GPA >= RAM_BYTES)
            return REFUSE_PT_TARGET;
        memcpy(dst, ram + (gpa - RAM_GPA), n);
        dst += n;
        gva += n;
        length -= n;
    }
    return REFUSE_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gmem *gmem[2][2]; /* by mode and geometry */
    static struct log log;
    static uint8_t want_bytes[RAM_BYTES], bytes[RAM_BYTES];
    static const struct pvg_host_ops ops = {.create_task = create_task,
                                            .destroy_task = destroy_task,
                                            .map_memory = map_memory,
                                            .unmap_memory = unmap_memory,
                                            .read_memory = read_memory};
    struct rd r = rd_over(data, size);
    uint32_t shift = rd_u8(&r) & 1 ? 14 : 12;
    struct gmem_space space = {.directory_pfn = rd_u32(&r)};
    enum refuse want, want_walk;
    uint64_t gva, length, want_gpa = 0;

    space.length_bytes = rd_u64(&r);
    gva = rd_u64(&r);
    length = rd_u64(&r);
    if (r.bad)
        return 0;
    if (!ram) {
        ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        log_init(&log, NULL, NULL);
        for (int i = 0; i < 4; i++) {
            struct gmem_config config = {.page_shift = i & 1 ? 14 : 12,
                                         .tasks = i & 2 ? PVG_TASKS_CALLBACKS : PVG_TASKS_TABLE,
                                         .ops = &ops,
                                         .log = &log};

            if (ram == MAP_FAILED || gmem_new(&config, &gmem[i >> 1][i & 1]))
                abort();
            if (!(i & 2) && gmem_add_ram(gmem[0][i & 1], RAM_GPA, RAM_BYTES, ram, -1, 0, 0))
                abort();
        }
    }
    memset(ram, 0, RAM_BYTES);
    while (rd_left(&r) >= 6) {
        uint16_t word = rd_u16(&r);

        le32_put(ram + 4 * word, rd_u32(&r));
    }
    want = slow_read(&space, shift, gva, length, want_bytes);
    want_walk = slow_walk(&space, shift, gva, &want_gpa);
    for (int mode = 0; mode < 2; mode++) {
        struct gmem_pin pin = {0};
        struct gmem_runs runs = {0};
        struct gmem_fault fault = {0};
        gpa_t gpa;
        int err;

        gmem_pin(gmem[mode][shift == 14], &pin);
        err = gmem_walk(&pin, &space, (gva_t){gva}, &gpa, &fault);
        assert(err == (want_walk ? PVG_ERR_REFUSED : 0) && (!err || fault.reason == want_walk));
        assert(gpa.v == (err ? 0 : want_gpa));
        if (length <= RAM_BYTES || mode == 0) { /* callback mode does not know how much RAM there is */
            err = gmem_space_read(&pin, &space, (gva_t){gva}, bytes, length, &fault);
            assert(err == (want ? PVG_ERR_REFUSED : 0) && (!err || fault.reason == want));
            assert(err || !memcmp(bytes, want_bytes, length));
        }
        if (mode == 0) {
            uint64_t sum = 0;

            err = gmem_resolve(&pin, &space, (gva_t){gva}, length, true, &runs, &fault);
            assert(err == (want ? PVG_ERR_REFUSED : 0) && (!err || (fault.reason == want && !runs.count)));
            for (size_t i = 0; i < runs.count; i++) {
                assert(runs.run[i].host >= ram && runs.run[i].length_bytes &&
                       runs.run[i].length_bytes <= RAM_BYTES - (uint64_t)(runs.run[i].host - ram));
                assert(runs.run[i].gpa.v == RAM_GPA + (uint64_t)(runs.run[i].host - ram));
                sum += runs.run[i].length_bytes;
            }
            assert(sum == runs.length_bytes && (err || sum == length));
        }
        gmem_runs_fini(&runs);
        gmem_unpin(&pin);
    }
    return 0;
}
