/* SPDX-License-Identifier: MIT */
/*
 * The QEMU device's callbacks for guest memory (vmm/qemu/tasks.c), with small stand-ins for the few functions of QEMU's that they
 * use: pointers that are not RAM's (seed-checklist C2), and eight threads that make, map, unmap and destroy tasks (D4), which
 * ThreadSanitizer watches in ./pvg test tsan as it cannot in a stock QEMU.
 */
#include "qemu/osdep.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "apple-gfx.h"
#include "trace.h"

#define PAGE      ((uint64_t)4096)
#define THREADS   8
#define RAM_PAGES (THREADS * 16)
#define ROM_GPA   (RAM_PAGES * PAGE)
#define ROM_PAGES 4
#define HOLE_GPA  ((RAM_PAGES + ROM_PAGES) * PAGE)
#define ROUNDS    300

/* --- QEMU's part --- */

static MemoryRegion ram = {.ram = true}, rom = {.ram = true, .readonly = true}, hole;
static uint8_t *ram_host, *rom_host;
static int ram_fd; /* -1: shared, without a file */
static bool ram_shared;
static int references; /* atomic */

AddressSpace address_space_memory;
unsigned long rcu_gp_ctr = 1;
QemuEvent rcu_gp_event;
QEMU_DEFINE_CO_TLS(struct rcu_reader_data, rcu_reader)
int apple_gfx_trace_on[TRACE_COUNT];

void apple_gfx_trace_print(unsigned event, const char *format, ...) {}
void qemu_event_set(QemuEvent *ev) {}
AioContext *qemu_get_aio_context(void) { return NULL; }
bool warn_report_once_cond(bool *printed, const char *format, ...) { return false; }
bool memory_region_is_ram_device(MemoryRegion *mr) { return false; }
void memory_region_ref(MemoryRegion *mr) { qatomic_inc(&references); }
void memory_region_unref(MemoryRegion *mr) { qatomic_dec(&references); }
void *memory_region_get_ram_ptr(MemoryRegion *mr) { return mr == &ram ? ram_host : rom_host; }

void error_setg_internal(Error **errp, const char *src, int line, const char *func, const char *format, ...)
{
    *(const char **)errp = format; /* the one caller has a text without arguments */
}

MemoryRegion *flatview_translate(FlatView *fv, hwaddr addr, hwaddr *xlat, hwaddr *len, bool is_write, MemTxAttrs attrs)
{
    MemoryRegion *mr = addr < ROM_GPA ? &ram : addr < HOLE_GPA ? &rom : &hole;
    hwaddr start = mr == &ram ? 0 : mr == &rom ? ROM_GPA : HOLE_GPA;
    hwaddr end = mr == &ram ? ROM_GPA : mr == &rom ? HOLE_GPA : UINT64_MAX;

    *xlat = addr - start;
    *len = MIN(*len, end - addr);
    return mr;
}

void flatview_for_each_range(FlatView *fv, flatview_cb cb, void *opaque)
{
    if (!cb(int128_make64(0), int128_make64(ROM_GPA), &ram, 0, opaque))
        cb(int128_make64(ROM_GPA), int128_make64(ROM_PAGES * PAGE), &rom, 0, opaque);
}

MemoryRegion *memory_region_from_host(void *ptr, ram_addr_t *offset)
{
    uint8_t *p = ptr;

    return p >= ram_host && p < ram_host + RAM_PAGES * PAGE ? &ram : p >= rom_host && p < rom_host + ROM_PAGES * PAGE ? &rom : NULL;
}

bool apple_gfx_ram_backing(MemoryRegion *mr, uint64_t offset, int *fd, uint64_t *fd_offset, bool *shared)
{
    *fd = mr == &ram ? ram_fd : -1;
    *fd_offset = offset;
    *shared = ram_shared;
    return true;
}

/* Bottom halves wait for the main loop: the test's own. */
static pthread_mutex_t later_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned later_count;
static QEMUBHFunc *later_function;
static void *later_opaque;

void aio_bh_schedule_oneshot_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name)
{
    pthread_mutex_lock(&later_lock);
    assert(!later_count || (later_function == cb && later_opaque == opaque)); /* all of one region's */
    later_function = cb;
    later_opaque = opaque;
    later_count++;
    pthread_mutex_unlock(&later_lock);
}

static void main_loop(void)
{
    for (; later_count; later_count--)
        later_function(later_opaque);
}

/* --- Tests --- */

static struct pvg_host_ops ops;

static int setup(void **state)
{
    ram_fd = *(bool *)*state ? memfd_create("ram", MFD_CLOEXEC) : -1;
    ram_shared = true;
    if (ram_fd >= 0)
        assert_int_equal(ftruncate(ram_fd, RAM_PAGES * PAGE), 0);
    ram_host = mmap(NULL, RAM_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | (ram_fd < 0 ? MAP_ANONYMOUS : 0), ram_fd, 0);
    rom_host = mmap(NULL, ROM_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(ram_host != MAP_FAILED && rom_host != MAP_FAILED);
    apple_gfx_tasks_ops(&ops, true);
    return 0;
}

static int teardown(void **state)
{
    munmap(ram_host, RAM_PAGES * PAGE);
    munmap(rom_host, ROM_PAGES * PAGE);
    if (ram_fd >= 0)
        close(ram_fd);
    return references;
}

/* A pointer that nobody mapped is an answer, whatever it is; what was mapped goes once the main loop has been round. */
static void test_unmap_ram(void **state)
{
    uint8_t on_stack, *on_heap = g_malloc(1);
    void *unknown[] = {NULL, &on_stack, on_heap, ram_host - 1, ram_host + RAM_PAGES * PAGE, &ops, (void *)~(uintptr_t)0};
    void *host, *other;

    assert_true(apple_gfx_tasks_map_ram(PAGE, 2 * PAGE, false, &host));
    assert_ptr_equal(host, ram_host + PAGE);
    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
        assert_false(apple_gfx_tasks_unmap_ram(unknown[i]));
    main_loop();
    assert_int_equal(references, 1);
    assert_true(apple_gfx_tasks_unmap_ram(host));
    assert_int_equal(references, 1);
    main_loop();
    assert_int_equal(references, 0);

    /* What cannot be mapped leaves NULL, and NULL is one of those. */
    for (size_t i = 0; i < 5; i++) {
        static const struct {
            uint64_t gpa, length;
            bool readonly;
        } bad[] = {{PAGE, 0, true}, {ROM_GPA - PAGE, 2 * PAGE, true}, {ROM_GPA, PAGE, false}, {HOLE_GPA, PAGE, true},
                   {UINT64_MAX, PAGE, true}};

        other = &other;
        assert_false(apple_gfx_tasks_map_ram(bad[i].gpa, bad[i].length, bad[i].readonly, &other));
        assert_null(other);
    }
    assert_int_equal(references, 0);
    g_free(on_heap);
}

/* Is the page at @view the RAM's page @page? */
static void expect_page(const uint8_t *view, uint64_t page)
{
    uint8_t *at = ram_host + page * PAGE;

    at[7] = (uint8_t)page;
    assert(view[7] == (uint8_t)page);
    at[7] = 0;
    assert(!view[7]);
}

struct worker {
    unsigned number;
    pvg_task *common; /* of all workers: each has two pages of it */
    uint8_t *common_base;
    pthread_barrier_t *start;
};

/* Library threads have no cmocka: a failed assert() ends the program. */
static void *work(void *opaque)
{
    const struct worker *w = opaque;
    uint64_t first = w->number * 16, slice = w->number * 2 * PAGE;

    pthread_barrier_wait(w->start);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t page = first + i % 13;
        struct pvg_range ranges[] = {{page * PAGE, PAGE}, {(page + 2) * PAGE, PAGE}, {first * PAGE, 2 * PAGE}};
        struct pvg_range bad[] = {ranges[0], {HOLE_GPA, PAGE}};
        uint8_t read[16];
        void *base, *host;
        pvg_task *task = ops.create_task(NULL, 16 * PAGE, &base);

        assert(task);
        assert(ops.map_memory(NULL, task, 3, 2 * PAGE, false, ranges));
        expect_page((uint8_t *)base + 2 * PAGE, page);
        expect_page((uint8_t *)base + 3 * PAGE, page + 2);
        expect_page((uint8_t *)base + 5 * PAGE, first + 1);
        assert(!ops.map_memory(NULL, task, 2, 2 * PAGE, false, bad));
        assert(!ops.map_memory(NULL, task, 1, 16 * PAGE, false, ranges));
        expect_page((uint8_t *)base + 2 * PAGE, page); /* a refusal changes nothing */
        assert(ops.unmap_memory(NULL, task, 3 * PAGE, PAGE));
        assert(!ops.unmap_memory(NULL, task, 15 * PAGE, 2 * PAGE));
        assert(ops.map_memory(NULL, task, 1, 3 * PAGE, true, ranges + 2));
        expect_page((uint8_t *)base + 4 * PAGE, first + 1);

        assert(ops.map_memory(NULL, w->common, 1, slice, false, ranges + 2));
        expect_page(w->common_base + slice + PAGE, first + 1);
        assert(ops.unmap_memory(NULL, w->common, slice, 2 * PAGE));

        assert(ops.read_memory(NULL, page * PAGE + 1, sizeof(read), read));
        assert(!ops.read_memory(NULL, HOLE_GPA - 8, sizeof(read), read));
        assert(apple_gfx_tasks_map_ram(page * PAGE, PAGE, false, &host));
        assert(apple_gfx_tasks_unmap_ram(host));
        ops.destroy_task(NULL, task);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct worker worker[THREADS];
    pthread_t thread[THREADS];
    pthread_barrier_t start;
    void *base;
    pvg_task *common = ops.create_task(NULL, THREADS * 2 * PAGE, &base);

    assert_non_null(common);
    pthread_barrier_init(&start, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        worker[i] = (struct worker){i, common, base, &start};
        assert_int_equal(pthread_create(&thread[i], NULL, work, &worker[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    ops.destroy_task(NULL, common);
    pthread_barrier_destroy(&start);
    main_loop();
    assert_int_equal(references, 0);
}

/* RAM of the process's own cannot be mapped twice: said at realize, and no map succeeds. */
static void test_private_ram(void **state)
{
    struct pvg_range range = {0, PAGE};
    Error *err = NULL;
    void *base;
    pvg_task *task = ops.create_task(NULL, PAGE, &base);

    assert_true(apple_gfx_tasks_check_ram(&err));
    assert_true(ops.map_memory(NULL, task, 1, 0, false, &range));
    ram_shared = false;
    assert_false(apple_gfx_tasks_check_ram(&err));
    assert_non_null(strstr((const char *)err, "tasks=callbacks needs guest RAM that can be mapped twice"));
    assert_false(ops.map_memory(NULL, task, 1, 0, false, &range));
    ops.destroy_task(NULL, task);
}

#define BOTH(test)                                                                                                              \
    {#test "(file)", test, setup, teardown, &file}, {#test "(anonymous)", test, setup, teardown, &anonymous}

int main(void)
{
    static bool file = true, anonymous = false;
    const struct CMUnitTest tests[] = {BOTH(test_unmap_ram), BOTH(test_threads), BOTH(test_private_ram)};

    return cmocka_run_group_tests_name("qemu_tasks", tests, NULL, NULL);
}
