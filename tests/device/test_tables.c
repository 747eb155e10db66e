/* SPDX-License-Identifier: MIT */
/*
 * Tasks, directories and page tables as a hostile guest may write them, through the device (memory 1, 2, 12): each kind of failed
 * walk has its own reason, the stamp completes, the picture stays. Both task modes, both geometries.
 */
#include "device/check.h"

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];
static struct screen s;
static struct pixels surface;

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    guest_boot(&g, 0);
    guest_kernel_task(&g);
    vmm_display_new(&v, 0, &(struct pvg_mode){640, 480, 60}, 1, false);
    screen_init(&s, &g, 0);
    screen_online(&s, EVENT_ONLINE | EVENT_OFFLINE);
    guest_surface(&g, &surface, 1, 64, 64, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 1);
    screen_show(&s, 1);
    must(screen_shows_pattern(&s, 64, 64, 1), "set-up");
    return 0;
}

static int teardown(void **state)
{
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

/* Announce the pages again (callback mode walks there), present, and expect one or two refusals, @reason among them. */
static void expect(const char *reason)
{
    uint64_t named = vmm_refused(&v, reason);

    space_tell(&g, &g.kernel, surface.gva, surface.length, true);
    screen_show(&s, 1);
    if (vmm_refused(&v, reason) == named)
        fail_msg("%s was not counted", reason);
    assert_true(screen_shows_pattern(&s, 64, 64, 1));
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
}

/* Change a word of guest memory, expect a reason, put it back: everything works again. */
static void with_word(_Atomic uint32_t *word, uint32_t value, const char *reason)
{
    uint32_t before = *word;

    *word = value;
    expect(reason);
    *word = before;
    space_tell(&g, &g.kernel, surface.gva, surface.length, true);
    screen_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 64, 1));
}

static void test_directory(void **state)
{
    _Atomic uint32_t *dir_root = guest_word(&g, g.kernel.directory_pfn, DIRECTORY_ROOT);
    _Atomic uint32_t *dir_depth = guest_word(&g, g.kernel.directory_pfn, DIRECTORY_DEPTH);

    with_word(dir_root, 0, "table-root-none");
    with_word(dir_root, guest_hole(&g), "table-not-ram");
    with_word(dir_root, 0x7fffffff, "table-not-ram");
    with_word(dir_depth, 0, "table-depth");
    with_word(dir_depth, 5, "table-depth");
    with_word(dir_depth, 0xffffffff, "table-depth");
}

static void test_entries(void **state)
{
    for (uint32_t level = 0; level < 3; level++) {
        _Atomic uint32_t *entry = space_entry(&g, &g.kernel, surface.gva, level);

        with_word(entry, 0x80000000, "table-corrupt");
        with_word(entry, guest_hole(&g), level < 2 ? "table-not-ram" : "table-target");
        with_word(entry, 0x7fffffff, level < 2 ? "table-not-ram" : "table-target");
        with_word(entry, 0xffffffff, level < 2 ? "table-not-ram" : "table-target");
    }
}

/* Bit 31 has no meaning: masked at every level. */
static void test_flag(void **state)
{
    for (uint32_t level = 0; level < 3; level++)
        *space_entry(&g, &g.kernel, surface.gva + g.page, level) |= 0x80000000;
    space_tell(&g, &g.kernel, surface.gva, surface.length, true);
    pixels_pattern(&g, &surface, 2);
    screen_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 64, 2));
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* A table that points at itself on every level: bounded by the depth. */
static void test_cycle(void **state)
{
    uint32_t node = *guest_word(&g, g.kernel.directory_pfn, DIRECTORY_ROOT);

    for (uint64_t at = 0; at < g.page; at += 4)
        *guest_word(&g, node, at) = node;
    space_tell(&g, &g.kernel, surface.gva, surface.length, true);
    screen_show(&s, 1); /* shows the table itself, as the guest asked, or refuses; the device lives */
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

/* Directory pages of a definition; the page is read at use, so the definition itself is no error. */
static void test_directory_pages(void **state)
{
    const struct {
        uint32_t pfn;
        const char *reason;
    } cases[] = {{0, "directory-none"}, {guest_hole(&g), "directory-not-ram"}, {0xffffffff, "directory-not-ram"}};

    for (unsigned i = 0; i < COUNT(cases); i++) {
        uint64_t named = vmm_refused(&v, cases[i].reason);

        guest_run(&g, root, CMD_DEFINE_TASK2, WORDS(1, 0, 4, cases[i].pfn));
        guest_run(&g, root, CMD_SET_OBJECT_LIST, WORDS(0, 1, GUEST_OBJECTS));
        guest_run(&g, root, CMD_MAP_MEMORY2, WORDS(0, LO(surface.gva), HI(surface.gva), (uint32_t)surface.length, 0));
        screen_show(&s, 1);
        /* table mode: the walk of the present; callback mode: the walk of the map */
        assert_true(vmm_refused(&v, cases[i].reason) > named);
        assert_true(screen_shows_pattern(&s, 64, 64, 1));
    }
    space_define(&g, &g.kernel);
    guest_run(&g, root, CMD_SET_OBJECT_LIST, WORDS(0, 1, GUEST_OBJECTS));
    space_tell(&g, &g.kernel, g.list_gva, GUEST_OBJECTS * 12, true);
    space_tell(&g, &g.kernel, g.descriptors_gva, GUEST_OBJECTS * 256, true);
    space_tell(&g, &g.kernel, surface.gva, surface.length, true);
    pixels_pattern(&g, &surface, 3);
    screen_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 64, 3));
}

/* Lengths and addresses of map and unmap: nothing loops over them, nothing overflows (3.1, 12). */
static void test_ranges(void **state)
{
    static const uint64_t value[] = {0, 1, 0xfff, 0x1000, 1ull << 31, 1ull << 32, 1ull << 34, 1ull << 47, 1ull << 63,
                                     ~0ull - 0xfff, ~0ull};
    uint64_t begin = vmm_now_ns();

    for (unsigned i = 0; i < COUNT(value); i++)
        for (unsigned k = 0; k < COUNT(value); k++) {
            guest_run(&g, root, CMD_MAP_MEMORY2, WORDS(0, LO(value[i]), HI(value[i]), LO(value[k]), HI(value[k])));
            if (value[i] > surface.gva + surface.length || !value[i] || !value[k])
                guest_run(&g, root, CMD_UNMAP_MEMORY,
                          WORDS(0, LO(value[i]), HI(value[i]), LO(value[k]), HI(value[k])));
        }
    assert_true(vmm_now_ns() - begin < 20000000000ull * SLOWER);
    space_tell(&g, &g.kernel, surface.gva, surface.length, true);
    screen_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 64, 1));
}

/* Task lengths: any up to 2^47; the length bounds addresses. */
static void test_lengths(void **state)
{
    static const uint64_t length[] = {0, 1, 0x1000, 1ull << 32, 1ull << 34, 1ull << 40};
    uint32_t dir = g.kernel.directory_pfn;

    for (unsigned i = 0; i < COUNT(length); i++) {
        guest_run(&g, root, CMD_DEFINE_TASK2, WORDS(20u << 1, LO(length[i]), HI(length[i]), dir));
        guest_run(&g, root, CMD_MAP_MEMORY2, WORDS(20, LO(surface.gva), HI(surface.gva), (uint32_t)surface.length, 0));
        guest_run(&g, root, CMD_DELETE_TASK, WORDS(20));
    }
    assert_int_equal(vmm_refused(&v, "task-length"), 0);
    guest_run(&g, root, CMD_DEFINE_TASK2, WORDS(1, (uint32_t)g.page * 2, 0, dir));
    guest_run(&g, root, CMD_SET_OBJECT_LIST, WORDS(0, 1, GUEST_OBJECTS));
    screen_show(&s, 1);
    assert_true(vmm_refused_total(&v) >= 1);
    assert_true(screen_shows_pattern(&s, 64, 64, 1));
}

/* The number of live tasks is bounded; ids are full 32-bit keys. */
static void test_many_tasks(void **state)
{
    uint32_t id, made = 1, dir = g.kernel.directory_pfn;

    if (v.cfg.tasks == PVG_TASKS_CALLBACKS) {
        skip(); /* each is a reservation and a VMM's task: the limit is the table's */
        return;
    }
    for (id = 1; made < 4096; id++, made++)
        guest_send(&g, root, CMD_DEFINE_TASK2, WORDS(id * 524287u << 1, 0, 4, dir));
    guest_wait(&g, root, root->stamp);
    assert_int_equal(vmm_refused_total(&v), 0);
    assert_int_equal(vmm_report_number(&v, "tasks"), 4096);
    guest_run(&g, root, CMD_DEFINE_TASK2, WORDS(0xfffffffe, 0, 4, dir));
    assert_int_equal(vmm_refused(&v, "task-limit"), 1);
    guest_run(&g, root, CMD_DEFINE_TASK2, WORDS(524287u << 1, 0, 4, dir)); /* redefining a live one is no new task */
    assert_int_equal(vmm_refused(&v, "task-limit"), 1);
    guest_run(&g, root, CMD_DELETE_TASK, WORDS(524287u));
    guest_run(&g, root, CMD_DEFINE_TASK2, WORDS(0xfffffffe, 0, 4, dir));
    assert_int_equal(vmm_refused(&v, "task-limit"), 1);
    screen_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 64, 1));
}

/* Object lists anywhere, of any length; slots that straddle pages; descriptors at any address. */
static void test_lists(void **state)
{
    static const uint32_t page[] = {0, 1, 0x7fffffff, 0xffffffff}, count[] = {0, 1, 2, 0x100000, 0xffffffff};
    uint8_t slot[12];

    for (unsigned i = 0; i < COUNT(page); i++)
        for (unsigned k = 0; k < COUNT(count); k++) {
            guest_run(&g, root, CMD_SET_OBJECT_LIST, WORDS(0, page[i], count[k]));
            screen_show(&s, 170); /* a slot that is empty, beyond the list, or in a hole */
            screen_show(&s, 0xffffffff);
        }
    assert_true(screen_shows_pattern(&s, 64, 64, 1));
    guest_run(&g, root, CMD_SET_OBJECT_LIST, WORDS(0, 1, GUEST_OBJECTS));
    for (uint32_t i = 0; i < 4; i++) {
        static const uint64_t gva[] = {~0ull - 3, 1ull << 63, 1ull << 34, (1ull << 34) - 4};
        const struct object_slot sl = {.type = OBJECT_SURFACE, .length_bytes = 0x24, .gva = gva[i]};
        uint64_t all = vmm_refused_total(&v);

        object_slot_encode(slot, &sl);
        space_write(&g, &g.kernel, g.list_gva + 12 * 171, slot, 12);
        screen_show(&s, 171);
        assert_int_equal(vmm_refused_total(&v), all + 1);
    }
    screen_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 64, 1));
    assert_int_equal(vmm_r32(&v, REG_INTR_FAULT), 0);
}

int main(void)
{
    static struct vmm_config four_k, sixteen_k = {.shift = 14, .low_bytes = 64 << 20, .high_bytes = 32 << 20};
    static struct vmm_config callbacks = {.tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_directory, four_k),
        DEVICE_TEST(test_directory, sixteen_k),
        DEVICE_TEST(test_directory, callbacks),
        DEVICE_TEST(test_entries, four_k),
        DEVICE_TEST(test_entries, sixteen_k),
        DEVICE_TEST(test_entries, callbacks),
        DEVICE_TEST(test_flag, four_k),
        DEVICE_TEST(test_flag, callbacks),
        DEVICE_TEST(test_cycle, four_k),
        DEVICE_TEST(test_cycle, callbacks),
        DEVICE_TEST(test_directory_pages, four_k),
        DEVICE_TEST(test_directory_pages, callbacks),
        DEVICE_TEST(test_ranges, four_k),
        DEVICE_TEST(test_ranges, callbacks),
        DEVICE_TEST(test_lengths, four_k),
        DEVICE_TEST(test_lengths, callbacks),
        DEVICE_TEST(test_many_tasks, four_k),
        DEVICE_TEST(test_lists, four_k),
        DEVICE_TEST(test_lists, callbacks),
    };

    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
