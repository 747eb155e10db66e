/* SPDX-License-Identifier: MIT */
/*
 * The public functions as a VMM may misuse them: descriptors of other sizes, bad arguments, ports and serials that are taken,
 * mode lists, RAM blocks, suspend and resume that are not built (decision 25), texts.
 */
#include "device/check.h"

static struct vmm v;
static struct guest g;

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    return 0;
}

static int teardown(void **state)
{
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

static void raise(void *opaque, uint32_t vector)
{
}

static const struct pvg_host_ops least = {.size = sizeof(least), .raise_interrupt = raise};

static struct pvg_device_desc good_desc(void)
{
    struct pvg_device_desc d;

    pvg_device_desc_init(&d, sizeof(d));
    d.guest_page_shift = 12;
    d.ops = &least;
    return d;
}

static int try_new(const struct pvg_device_desc *d)
{
    struct pvg_device *dev = (void *)&dev;
    int err = pvg_device_new(d, &dev);

    assert_true((err == 0) == (dev != NULL));
    pvg_device_free(dev);
    return err;
}

static void test_descriptor(void **state)
{
    struct pvg_host_ops ops = {.size = sizeof(ops)};
    struct pvg_device_desc d = good_desc();

    assert_int_equal(d.variant, PVG_VARIANT_PCI);
    assert_int_equal(d.display_port_count, 1);
    assert_int_equal(d.mmio_length_bytes, PVG_MMIO_LENGTH);
    assert_int_equal(try_new(&d), 0);
    pvg_device_desc_init(&d, sizeof(d));
    pvg_device_desc_init(&d, sizeof(d));
    assert_int_equal(try_new(&d), PVG_ERR_INVALID); /* no page shift, no ops */

#define BAD(field, value)                                                                                              \
    do {                                                                                                               \
        d = good_desc();                                                                                               \
        d.field = (value);                                                                                             \
        assert_int_equal(try_new(&d), PVG_ERR_INVALID);                                                                \
    } while (0)
    BAD(ops, NULL);
    BAD(ops, &ops); /* without raise_interrupt */
    BAD(variant, 0);
    BAD(variant, 3);
    BAD(guest_page_shift, 0);
    BAD(guest_page_shift, 13);
    BAD(guest_page_shift, 16);
    BAD(display_port_count, 0);
    BAD(display_port_count, 9);
    BAD(tasks, PVG_TASKS_CALLBACKS); /* needs its five callbacks */
    BAD(tasks, 2);
    BAD(flags, 1u << 31);
    BAD(flags, 4);
    d = good_desc();
    d.display_port_count = pvg_max_display_ports();
    d.guest_page_shift = 14;
    d.flags = PVG_DEVICE_STRICT | PVG_DEVICE_HOLD_PRESENTS;
    assert_int_equal(try_new(&d), 0);
}

static void test_gpu(void **state)
{
    struct pvg_device_desc d = good_desc();

    d.gpu = "none";
    assert_int_equal(try_new(&d), 0);
    d.gpu = "auto";
    assert_int_equal(try_new(&d), 0);
    d.gpu = "Voodoo 2";
    assert_int_equal(try_new(&d), PVG_ERR_NO_GPU);
}

/* Headers older and newer than the library (style 3): short is zero-filled; a tail must be zero. */
static void test_sizes(void **state)
{
    struct {
        struct pvg_device_desc d;
        uint64_t tail[4];
    } newer = {.d = good_desc()};
    struct pvg_device_desc d = good_desc();

    newer.d.size = sizeof(newer);
    assert_int_equal(try_new(&newer.d), 0);
    newer.tail[3] = 1;
    assert_int_equal(try_new(&newer.d), PVG_ERR_INVALID);
    d.size = 4;
    assert_int_equal(try_new(&d), PVG_ERR_INVALID);
    d.size = 0;
    assert_int_equal(try_new(&d), PVG_ERR_INVALID);
}

static void test_nothing(void **state)
{
    pvg_device_free(NULL);
    pvg_display_free(NULL);
    pvg_frame_put(NULL);
    pvg_free(NULL);
    for (int err = -20; err <= 1; err++) {
        assert_non_null(pvg_error_text(err));
        assert_true(strlen(pvg_error_text(err)) > 3);
    }
    assert_string_equal(pvg_version(), PVG_TEST_VERSION);
}

/* Free without stop, in every state, with displays and work left. */
static void test_free_any_time(void **state)
{
    static const struct pvg_mode mode = {640, 480, 60};

    vmm_display_new(&v, 0, &mode, 1, false);
    vmm_display_new(&v, 1, NULL, 0, true);
    guest_boot(&g, 0);
    for (int i = 0; i < 100; i++)
        guest_send(&g, &g.channel[0], CMD_NOP, NULL, 0);
    pvg_device_free(v.dev);
    v.dev = NULL;
}

static void test_suspend(void **state)
{
    enum pvg_resume reason = PVG_RESUME_BAD_GUEST;
    void *blob = &reason;
    size_t length = 7;

    guest_boot(&g, 0);
    assert_int_equal(pvg_device_suspend_begin(v.dev), PVG_ERR_UNSUPPORTED);
    assert_int_equal(pvg_device_suspend_finish(v.dev, &blob, &length), PVG_ERR_UNSUPPORTED);
    assert_null(blob);
    assert_int_equal(length, 0);
    assert_int_equal(pvg_device_resume_begin(v.dev, "x", 1, &reason), PVG_ERR_UNSUPPORTED);
    assert_int_equal(reason, PVG_RESUME_INTERNAL_FAULT);
    assert_int_equal(pvg_device_resume_finish(v.dev), PVG_ERR_UNSUPPORTED);
    guest_run(&g, &g.channel[0], CMD_NOP, NULL, 0); /* no side effect */
}

static void test_ram_arguments(void **state)
{
    static _Alignas(4096) uint8_t block[8192];
    const uint64_t gpa = 0x80000000;

    assert_int_equal(pvg_device_add_ram(v.dev, gpa + 1, 4096, block, -1, 0, 0), PVG_ERR_INVALID);
    assert_int_equal(pvg_device_add_ram(v.dev, gpa, 4095, block, -1, 0, 0), PVG_ERR_INVALID);
    assert_int_equal(pvg_device_add_ram(v.dev, gpa, 0, block, -1, 0, 0), PVG_ERR_INVALID);
    assert_int_equal(pvg_device_add_ram(v.dev, UINT64_MAX - 4095, 8192, block, -1, 0, 0), PVG_ERR_INVALID);
    assert_int_equal(pvg_device_add_ram(v.dev, 0, 4096, block, -1, 0, 0), PVG_ERR_IN_USE);
    assert_int_equal(pvg_device_add_ram(v.dev, v.block[0].bytes - 4096, 8192, block, -1, 0, 0), PVG_ERR_IN_USE);
    assert_int_equal(pvg_device_add_ram(v.dev, gpa, 8192, block, -1, 0, 0), 0);
    assert_int_equal(pvg_device_add_ram(v.dev, gpa + 4096, 4096, block, -1, 0, 0), PVG_ERR_IN_USE);
    assert_int_equal(pvg_device_del_ram(v.dev, gpa, 4096), PVG_ERR_INVALID);
    assert_int_equal(pvg_device_del_ram(v.dev, gpa + 4096, 4096), PVG_ERR_INVALID);
    assert_int_equal(pvg_device_del_ram(v.dev, gpa, 8192), 0);
    assert_int_equal(pvg_device_del_ram(v.dev, gpa, 8192), PVG_ERR_INVALID);
}

static void test_displays(void **state)
{
    struct {
        struct pvg_display_ops ops;
        void (*more)(void **state);
    } later = {.ops.size = sizeof(later)};
    struct pvg_display_desc d;
    struct pvg_display *a, *b = (void *)&a;

    pvg_display_desc_init(&d, sizeof(d));
    assert_int_equal(pvg_display_new(v.dev, &d, 2, 1, &b), PVG_ERR_INVALID); /* two ports */
    assert_null(b);
    assert_int_equal(pvg_display_new(v.dev, &d, 0, 0, &b), PVG_ERR_INVALID);
    assert_int_equal(pvg_display_new(v.dev, &d, 0, 1, &a), 0);
    assert_int_equal(pvg_display_new(v.dev, &d, 0, 2, &b), PVG_ERR_IN_USE);
    assert_int_equal(pvg_display_new(v.dev, &d, 1, 1, &b), PVG_ERR_IN_USE);
    assert_int_equal(pvg_display_new(v.dev, &d, 1, 2, &b), 0);
    pvg_display_free(a);
    assert_int_equal(pvg_display_new(v.dev, &d, 0, 1, &a), 0);

#define BAD_DISPLAY(field, value)                                                                                      \
    do {                                                                                                               \
        struct pvg_display *c;                                                                                         \
        pvg_display_desc_init(&d, sizeof(d));                                                                          \
        d.field = (value);                                                                                             \
        pvg_display_free(a);                                                                                           \
        a = NULL;                                                                                                      \
        assert_int_equal(pvg_display_new(v.dev, &d, 0, 9, &c), PVG_ERR_INVALID);                                       \
    } while (0)
    BAD_DISPLAY(width_mm, 0);
    BAD_DISPLAY(width_mm, 65536);
    BAD_DISPLAY(height_mm, -1);
    BAD_DISPLAY(height_mm, 0.0 / 0.0);
    BAD_DISPLAY(max_cursor_px, 15);
    BAD_DISPLAY(max_cursor_px, 513);
    BAD_DISPLAY(size, 0);
    /* Callbacks that a later version of the interface has: taken where they are NULL. */
    pvg_display_desc_init(&d, sizeof(d));
    d.ops = &later.ops;
    assert_int_equal(pvg_display_new(v.dev, &d, 0, 9, &a), 0);
    pvg_display_free(a);
    later.more = test_displays;
    assert_int_equal(pvg_display_new(v.dev, &d, 0, 9, &a), PVG_ERR_INVALID);
    later.ops.size = 0;
    assert_int_equal(pvg_display_new(v.dev, &d, 0, 9, &a), PVG_ERR_INVALID);
    pvg_display_free(b);
}

static void test_modes(void **state)
{
    static struct pvg_mode many[PVG_MAX_MODES + 1];
    struct vmm_display *d = vmm_display_new(&v, 0, NULL, 0, false);
    static const struct pvg_mode bad[] = {{0, 480, 60},     {640, 0, 60},        {8193, 480, 60}, {640, 8193, 60},
                                          {640, 480, 0},    {640, 480, 0.5},     {640, 480, 481}, {640, 480, -60},
                                          {640, 480, 60, 1}, {640, 480, 0.0 / 0.0}, {640, 480, 1.0 / 0.0}};

    for (unsigned i = 0; i < COUNT(many); i++)
        many[i] = (struct pvg_mode){640, 480, 60};
    assert_int_equal(pvg_display_set_modes(d->disp, many, 0), PVG_ERR_INVALID);
    assert_int_equal(pvg_display_set_modes(d->disp, NULL, 1), PVG_ERR_INVALID);
    assert_int_equal(pvg_display_set_modes(d->disp, many, PVG_MAX_MODES + 1), PVG_ERR_INVALID);
    assert_int_equal(pvg_display_set_modes(d->disp, many, PVG_MAX_MODES), 0);
    assert_int_equal(vmm_r32(&v, REG_EFI_MODES), PVG_MAX_MODES);
    for (unsigned i = 0; i < COUNT(bad); i++) {
        many[1] = bad[i];
        assert_int_equal(pvg_display_set_modes(d->disp, many, 2), PVG_ERR_INVALID);
        assert_int_equal(vmm_r32(&v, REG_EFI_MODES), PVG_MAX_MODES); /* the list is unchanged */
    }
    many[1] = (struct pvg_mode){8192, 8192, 480};
    many[0] = (struct pvg_mode){1, 1, 1};
    assert_int_equal(pvg_display_set_modes(d->disp, many, 2), 0);
}

/* Two devices in one process share nothing but the serial numbers. */
static void test_two_devices(void **state)
{
    struct vmm w;
    struct guest h;
    struct pvg_display_desc d;
    struct pvg_display *disp, *other;

    vmm_init(&w, *state);
    guest_init(&h, &w);
    guest_boot(&g, 0);
    guest_boot(&h, 0);
    for (int i = 0; i < 100; i++) {
        guest_run(&g, &g.channel[0], CMD_NOP, NULL, 0);
        guest_run(&h, &h.channel[0], 0x0d, NULL, 0);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
    assert_int_equal(vmm_refused_total(&w), 100);
    pvg_display_desc_init(&d, sizeof(d));
    assert_int_equal(pvg_display_new(v.dev, &d, 0, 4711, &disp), 0);
    assert_int_equal(pvg_display_new(w.dev, &d, 0, 4711, &other), PVG_ERR_IN_USE);
    pvg_display_free(disp);
    assert_int_equal(pvg_display_new(w.dev, &d, 0, 4711, &other), 0);
    guest_fini(&h);
    vmm_fini(&w);
}

/* Callback mode: a VMM that refuses is a refusal by name, and nothing leaks. */
static void test_vmm_refuses(void **state)
{
    struct space task;

    guest_boot(&g, 0);
    guest_run(&g, &g.channel[0], CMD_NOP, NULL, 0);
    space_init(&g, &task, 3, 3, 1ull << 34);
    pthread_mutex_lock(&v.lock);
    v.refuse_create = 1;
    pthread_mutex_unlock(&v.lock);
    space_define(&g, &task);
    assert_int_equal(vmm_refused(&v, "task-create"), 1);
    assert_int_equal(vmm_report_number(&v, "tasks"), 0);
    space_define(&g, &task);
    assert_int_equal(vmm_report_number(&v, "tasks"), 1);
    pthread_mutex_lock(&v.lock);
    v.refuse_map = 1;
    pthread_mutex_unlock(&v.lock);
    (void)space_alloc(&g, &task, 3 * g.page);
    assert_int_equal(vmm_refused(&v, "task-map"), 1);
    (void)space_alloc(&g, &task, 3 * g.page);
    assert_int_equal(vmm_refused_total(&v), 2);
    guest_run(&g, &g.channel[0], CMD_DELETE_TASK, WORDS(3));
    vmm_w32(&v, REG_FIFO_CONTROL, 0);
}

/* Task events are told in both modes. */
static void test_task_events(void **state)
{
    struct space task;
    uint64_t gva;

    guest_boot(&g, 0);
    space_init(&g, &task, 7, 3, 1ull << 34);
    space_define(&g, &task);
    vmm_wait(&v, v.events[PVG_TASK_CREATED] == 1);
    assert_int_equal(vmm_see(&v, v.last_event.task), 7);
    assert_true(vmm_see(&v, v.last_event.length_bytes) == 1ull << 34);
    gva = space_alloc(&g, &task, 5 * g.page);
    vmm_wait(&v, v.events[PVG_TASK_MAPPED] == 1);
    assert_true(vmm_see(&v, v.last_event.offset_bytes == gva && v.last_event.length_bytes == 5 * g.page));
    space_tell(&g, &task, gva, 5 * g.page, false);
    vmm_wait(&v, v.events[PVG_TASK_UNMAPPED] == 1);
    space_define(&g, &task); /* redefinition */
    vmm_wait(&v, v.events[PVG_TASK_CREATED] == 2 && v.events[PVG_TASK_DESTROYED] == 1);
    guest_run(&g, &g.channel[0], CMD_DELETE_TASK, WORDS(7));
    vmm_wait(&v, v.events[PVG_TASK_DESTROYED] == 2);
}

int main(void)
{
    static struct vmm_config plain = {.ports = 2}, callbacks = {.ports = 2, .tasks = PVG_TASKS_CALLBACKS};
    static struct vmm_config sixteen_k = {.ports = 2, .shift = 14};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_descriptor, plain),     DEVICE_TEST(test_gpu, plain),
        DEVICE_TEST(test_sizes, plain),          DEVICE_TEST(test_nothing, plain),
        DEVICE_TEST(test_free_any_time, plain),           DEVICE_TEST(test_free_any_time, callbacks),
        DEVICE_TEST(test_suspend, plain),        DEVICE_TEST(test_ram_arguments, plain),
        DEVICE_TEST(test_displays, plain),       DEVICE_TEST(test_modes, plain),
        DEVICE_TEST(test_two_devices, plain),    DEVICE_TEST(test_vmm_refuses, callbacks),
        DEVICE_TEST(test_task_events, plain),    DEVICE_TEST(test_task_events, callbacks),
        DEVICE_TEST(test_task_events, sixteen_k),
    };

    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
