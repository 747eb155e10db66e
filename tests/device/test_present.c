/* SPDX-License-Identifier: MIT */
/*
 * Presents (display 3.2, 7, 14; decision 1; checks H7..H11): pixels by value from scattered pages, formats and descriptors,
 * newest wins, held presents, barriers, what the guest may do after the stamp, and every malformed case.
 */
#include "device/check.h"

#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];
static struct screen s;
static struct vmm_display *d;

static const struct pvg_mode modes[] = {{640, 480, 60}};

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    guest_boot(&g, 0);
    guest_channel(&g, 1, 2);
    guest_kernel_task(&g);
    d = vmm_display_new(&v, 0, modes, 1, false);
    screen_init(&s, &g, 0);
    screen_online(&s, EVENT_ONLINE | EVENT_OFFLINE);
    return 0;
}

static int teardown(void **state)
{
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

/* H7: the stamp means that the surface is the guest's again: what is shown is what it held before. */
static void test_overwrite_after_stamp(void **state)
{
    struct pixels surface;

    guest_surface(&g, &surface, 1, 200, 50, FORMAT_BGRA, 0);
    for (uint32_t seed = 1; seed <= 20; seed++) {
        pixels_pattern(&g, &surface, seed);
        screen_show(&s, 1);
        pixels_fill(&g, &surface, 0x00ff00ff);
        assert_true(screen_shows_pattern(&s, 200, 50, seed));
    }
    assert_int_equal(pvg_display_guest_presents(d->disp), 20);
    assert_int_equal(pvg_display_host_presents(d->disp), 20);
}

/* Strides with holes, odd widths, planes at an offset, sizes from 1x1 to the edge limit. */
static void test_geometry(void **state)
{
    static const struct {
        uint32_t width, height, stride;
    } cases[] = {{1, 1, 0}, {1, 1, 64}, {3, 7, 0}, {33, 65, 140}, {1024, 2, 0}, {1025, 3, 8192}, {64, 64, 4096},
                 {8192, 1, 0}, {1, 8192, 0}, {255, 33, 1023}};
    struct pixels surface;

    for (uint32_t i = 0; i < COUNT(cases); i++) {
        guest_surface(&g, &surface, 1 + i, cases[i].width, cases[i].height, FORMAT_BGRA, cases[i].stride);
        surface.length = (uint64_t)surface.stride * (surface.height - 1) + 4ull * surface.width; /* last row unpadded */
        guest_surface_describe(&g, &surface);
        pixels_pattern(&g, &surface, i);
        screen_show(&s, 1 + i);
        assert_true(screen_shows_pattern(&s, cases[i].width, cases[i].height, i));
    }
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* Planes after the first are none of a present's business; the first may lie anywhere in the backing. */
static void test_planes(void **state)
{
    struct pixels surface;
    struct surface desc;
    uint8_t bytes[256];

    guest_surface(&g, &surface, 1, 40, 300, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 4);
    desc = (struct surface){.length_bytes = surface.length,
                            .first_page = (uint32_t)(surface.gva >> g.shift),
                            .format = FORMAT_BGRA,
                            .plane_count = 8,
                            .plane[0] = {160 * 100 + 8, 20, 150, 160, 0},
                            .plane[3] = {0xffffffff, 0xffffffff, 0xffffffff, 0xffffff, 4}};
    guest_object(&g, 2, OBJECT_SURFACE, bytes, (uint32_t)surface_encode(bytes, &desc));
    screen_show(&s, 2);
    for (uint32_t y = 0; y < 150; y += 7)
        for (uint32_t x = 0; x < 20; x++)
            assert_int_equal(screen_pixel(&s, x, y), pattern(x + 2, y + 100, 4));
    assert_int_equal(vmm_refused_total(&v), 0);
}

static void test_formats(void **state)
{
    static const struct {
        uint32_t format, word, want; /* want: R,G,B as 0x00rrggbb */
    } four[] = {{FORMAT_BGRA, 0x80112233, 0x112233},          {FORMAT_ARGB, 0x00112233, 0x112233},
                {FORMAT_RGBA, 0xff332211, 0x112233},          {FORMAT_METAL_BGRA8, 0xff112233, 0x112233},
                {FORMAT_METAL_BGRA8_SRGB, 0x00fefdfc, 0xfefdfc}};
    static const uint32_t half[] = {FORMAT_RGHA, FORMAT_AHGR, FORMAT_METAL_RGBA16F};
    /* R, G, B as IEEE half, and what is shown: 0, 1, 0.5, below 0, above 1, infinity, NaN, a denormal */
    static const struct {
        uint16_t h;
        uint8_t want;
    } value[] = {{0, 0}, {0x3c00, 255}, {0x3800, 128}, {0xbc00, 0}, {0x4000, 255}, {0x7c00, 255}, {0x7e00, 0}, {0x0001, 0},
                 {0x3400, 64}, {0xfc00, 0}, {0x3bff, 255}, {0x1c04, 1}};
    struct pixels surface;
    uint32_t id = 1;

    for (uint32_t i = 0; i < COUNT(four); i++, id++) {
        guest_surface(&g, &surface, id, 37, 5, four[i].format, 0);
        pixels_fill(&g, &surface, four[i].word);
        screen_show(&s, id);
        assert_int_equal(screen_pixel(&s, 0, 0), four[i].want);
        assert_int_equal(screen_pixel(&s, 36, 4), four[i].want);
        vmm_wait(&v, d->fourcc == PVG_FOURCC_BGRA);
    }
    for (uint32_t i = 0; i < COUNT(half); i++, id++) {
        guest_surface(&g, &surface, id, COUNT(value), 3, half[i], 8 * COUNT(value) + 24);
        for (uint32_t y = 0; y < 3; y++)
            for (uint32_t x = 0; x < COUNT(value); x++) {
                uint16_t px[4] = {value[x].h, value[(x + 1) % COUNT(value)].h, value[(x + 2) % COUNT(value)].h, 0};

                space_write(&g, &g.kernel, surface.gva + (uint64_t)y * surface.stride + 8ull * x, px, 8);
            }
        screen_show(&s, id);
        for (uint32_t x = 0; x < COUNT(value); x++)
            assert_int_equal(screen_pixel(&s, x, 2), (uint32_t)value[x].want << 16 |
                                                         (uint32_t)value[(x + 1) % COUNT(value)].want << 8 |
                                                         value[(x + 2) % COUNT(value)].want);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* H8: a present that waits for another channel's stamp is held; others run; then it is shown. */
static void test_barrier(void **state)
{
    struct pixels surface;
    uint32_t stamp, second;

    guest_surface(&g, &surface, 1, 16, 16, FORMAT_BGRA, 0);
    guest_surface(&g, &surface, 2, 16, 16, FORMAT_BGRA, 0);
    stamp = guest_send_full(&g, s.c, CMD_DISPLAY_TRANSACTION2, &(struct packet_barrier){1, 2}, 1, WORDS(0, 2, 0));
    second = guest_send(&g, s.c, CMD_NOP, NULL, 0);
    guest_run(&g, &g.channel[1], CMD_NOP, NULL, 0);
    guest_run(&g, root, CMD_NOP, NULL, 0);
    assert_false(guest_reached(&g, s.c, stamp));
    assert_int_equal(pvg_display_guest_presents(d->disp), 0);
    pixels_pattern(&g, &surface, 8); /* what is there when the barrier opens */
    guest_run(&g, &g.channel[1], CMD_NOP, NULL, 0);
    guest_wait(&g, s.c, stamp);
    guest_wait(&g, s.c, second);
    assert_true(screen_shows_pattern(&s, 16, 16, 8));
}

/* Decision 1: newest wins; superseded presents complete at once and uncopied; at most one copy per refresh. */
static void test_newest_wins(void **state)
{
    struct pixels surface[8];
    uint64_t shown;

    pvg_display_set_modes(d->disp, &(struct pvg_mode){640, 480, 5}, 1); /* slow enough to send many in one period */
    for (uint32_t i = 0; i < 8; i++) {
        guest_surface(&g, &surface[i], 1 + i, 32, 32, FORMAT_BGRA, 0);
        pixels_pattern(&g, &surface[i], i);
    }
    for (int round = 0; round < 3; round++) {
        shown = pvg_display_host_presents(d->disp);
        s.c->quiet = true;
        for (uint32_t i = 0; i < 8; i++)
            screen_present(&s, 1 + i);
        s.c->quiet = false;
        guest_ring(&g, s.c);
        guest_wait(&g, s.c, s.c->stamp - 1); /* superseded: completed without the tick of the last */
        guest_wait(&g, s.c, s.c->stamp);
        assert_true(screen_shows_pattern(&s, 32, 32, 7));
        assert_in_range(pvg_display_host_presents(d->disp) - shown, 1, 2);
    }
    assert_int_equal(pvg_display_guest_presents(d->disp), 24);
    assert_true(vmm_report_number(&v, "displays.0.superseded") >= 18);
}

/* A superseded surface is never read: it may be unmapped as soon as its stamp is there. */
static void test_superseded_is_free(void **state)
{
    struct pixels a, b;
    uint32_t first;

    pvg_display_set_modes(d->disp, &(struct pvg_mode){640, 480, 5}, 1);
    guest_surface(&g, &a, 1, 64, 64, FORMAT_BGRA, 0);
    guest_surface(&g, &b, 2, 64, 64, FORMAT_BGRA, 0);
    pixels_pattern(&g, &b, 2);
    for (int i = 0; i < 4; i++) {
        first = screen_present(&s, 1);
        screen_present(&s, 2);
        guest_wait(&g, s.c, first);
        pixels_fill(&g, &a, 0xffffffff);
        guest_wait(&g, s.c, s.c->stamp);
        assert_true(screen_shows_pattern(&s, 64, 64, 2));
    }
}

/* H9: with hold_presents, two frames that nobody pulls hold the third back; a pull releases it, or time does. */
static void test_hold_presents(void **state)
{
    const struct pvg_frame *frame;
    struct pixels surface[3];
    uint64_t begin;

    pvg_display_set_modes(d->disp, &(struct pvg_mode){640, 480, 10}, 1);
    for (uint32_t i = 0; i < 3; i++) {
        guest_surface(&g, &surface[i], 1 + i, 16, 16, FORMAT_BGRA, 0);
        pixels_pattern(&g, &surface[i], i);
    }
    for (int pulls = 0; pulls < 2; pulls++) {
        if (!pvg_display_get_frame(d->disp, &frame))
            pvg_frame_put(frame);
        screen_show(&s, 1);
        screen_show(&s, 2);
        begin = vmm_now_ns();
        screen_present(&s, 3);
        guest_run(&g, &g.channel[1], CMD_NOP, NULL, 0); /* others go on */
        if (pulls) {
            assert_int_equal(pvg_display_get_frame(d->disp, &frame), 0);
            pvg_frame_put(frame);
        }
        guest_wait(&g, s.c, s.c->stamp);
        if (!pulls)
            assert_true(vmm_now_ns() - begin > 150000000); /* nearly two periods */
        assert_true(screen_shows_pattern(&s, 16, 16, 2));
    }
    assert_int_equal(vmm_report_number(&v, "displays.0.superseded"), 0);
    assert_int_equal(pvg_display_host_presents(d->disp), 6);
}

/* H11: the VMM hears of a new extent before the first frame of that size. */
static void test_extent_change(void **state)
{
    static const uint32_t edge[] = {64, 64, 100, 64, 320};
    struct pixels surface;

    for (uint32_t i = 0; i < COUNT(edge); i++) {
        uint64_t frames = vmm_see(&v, d->frames);

        guest_surface(&g, &surface, 1 + i, edge[i], edge[i] / 2, FORMAT_BGRA, 0);
        screen_show(&s, 1 + i);
        vmm_wait(&v, d->frames > frames);
        assert_int_equal(vmm_see(&v, d->frame_width), edge[i]);
        assert_int_equal(vmm_see(&v, d->frame_height), edge[i] / 2);
    }
    assert_false(vmm_see(&v, d->frame_before_mode));
    assert_int_equal(vmm_see(&v, d->modes), 4);
}

/* Present before 0x01: no event is possible, the frame is shown. */
static void test_before_setup(void **state)
{
    struct pixels surface;

    vmm_w32(&v, REG_FIFO_CONTROL, 0);
    guest_boot(&g, 0);
    guest_kernel_task(&g);
    guest_surface(&g, &surface, 1, 20, 20, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 1);
    guest_run(&g, root, CMD_DISPLAY_TRANSACTION2, WORDS(0, 1, 0));
    assert_true(screen_shows_pattern(&s, 20, 20, 1));
}

/* A surface in the kernel task, named in another: found there (display 7.2). */
static void test_other_task(void **state)
{
    struct pixels surface;
    struct space other;

    space_init(&g, &other, 3, 3, 1ull << 34);
    space_define(&g, &other);
    guest_surface(&g, &surface, 1, 20, 20, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 1);
    guest_run(&g, s.c, CMD_DISPLAY_TRANSACTION2, WORDS(0, 1, 3));
    assert_true(screen_shows_pattern(&s, 20, 20, 1));
    pixels_pattern(&g, &surface, 2);
    guest_run(&g, s.c, CMD_DISPLAY_TRANSACTION3, WORDS(0, 3, 1, 0, 0, 0, 0, 0, 0)); /* the other order of words */
    assert_true(screen_shows_pattern(&s, 20, 20, 2));
}

/* Display 7.2(5): pages that appear within the patience of a present are waited for, nothing overtakes. */
static void test_pages_come_late(void **state)
{
    struct pixels surface;
    uint32_t stamp, entry[4], behind;

    guest_surface(&g, &surface, 1, 64, 64, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 1);
    for (uint32_t i = 0; i < surface.length >> g.shift; i++) {
        _Atomic uint32_t *e = space_entry(&g, &g.kernel, surface.gva + i * g.page, 2);

        entry[i] = *e;
        *e = 0;
    }
    stamp = screen_present(&s, 1);
    behind = guest_send(&g, s.c, CMD_NOP, NULL, 0);
    for (int i = 0; i < 3; i++)
        guest_run(&g, &g.channel[1], CMD_NOP, NULL, 0);
    for (uint32_t i = 0; i < surface.length >> g.shift; i++)
        atomic_store(space_entry(&g, &g.kernel, surface.gva + i * g.page, 2), entry[i]);
    if (v.cfg.tasks == PVG_TASKS_CALLBACKS)
        space_tell(&g, &g.kernel, surface.gva, surface.length, true);
    guest_wait(&g, s.c, stamp);
    guest_wait(&g, s.c, behind);
    if (vmm_refused(&v, "surface-timeout") == 0) /* else this thread slept for the 50 ms of patience */
        assert_true(screen_shows_pattern(&s, 64, 64, 1));
}

static void test_pages_never_come(void **state)
{
    struct pixels good, bad;
    uint64_t begin;

    guest_surface(&g, &good, 1, 32, 32, FORMAT_BGRA, 0);
    guest_surface(&g, &bad, 2, 32, 32, FORMAT_BGRA, 0);
    pixels_pattern(&g, &good, 1);
    screen_show(&s, 1);
    *space_entry(&g, &g.kernel, bad.gva, 2) = 0;
    begin = vmm_now_ns();
    screen_show(&s, 2);
    assert_true(vmm_now_ns() - begin >= 45000000);
    assert_int_equal(vmm_refused(&v, "surface-timeout"), 1);
    assert_true(screen_shows_pattern(&s, 32, 32, 1));
}

/* Pages that are given up while a present stands on them: it is taken first, then the command is stamped. */
static void test_unmap_settles(void **state)
{
    uint32_t op[] = {CMD_UNMAP_MEMORY, CMD_DELETE_TASK, CMD_DEFINE_TASK2, CMD_DELETE_RESOURCE,
                     CMD_DELETE_IOSURFACE_BACKING2};

    pvg_display_set_modes(d->disp, &(struct pvg_mode){640, 480, 4}, 1);
    for (uint32_t i = 0; i < COUNT(op); i++) {
        uint64_t presents;
        struct pixels surface;

        guest_kernel_task(&g);
        guest_surface(&g, &surface, 1, 64, 16, FORMAT_BGRA, 0);
        pixels_pattern(&g, &surface, 50 + i);
        screen_show(&s, 1); /* the next tick is 250 ms away */
        pixels_pattern(&g, &surface, 60 + i);
        presents = pvg_display_guest_presents(d->disp);
        screen_present(&s, 1);
        vmm_poll(pvg_display_guest_presents(d->disp) == presents + 1); /* it stands */
        switch (op[i]) {
        case CMD_UNMAP_MEMORY:
            guest_run(&g, root, op[i],
                      WORDS(0, LO(surface.gva), HI(surface.gva), (uint32_t)surface.length, 0));
            break;
        case CMD_DELETE_TASK:
            guest_run(&g, root, op[i], WORDS(0));
            break;
        case CMD_DEFINE_TASK2:
            guest_run(&g, root, op[i], WORDS(1, 0, 4, g.kernel.directory_pfn));
            break;
        case CMD_DELETE_RESOURCE:
            guest_run(&g, root, op[i], WORDS(0, 1));
            break;
        default:
            guest_run(&g, root, op[i], WORDS(1, 0));
        }
        pixels_fill(&g, &surface, 0x123456);
        guest_wait(&g, s.c, s.c->stamp);
        assert_true(screen_shows_pattern(&s, 64, 16, 60 + i));
    }
}

/*
 * The channel that set the display up is deleted while a present that came on another one stands: the display leaves the page,
 * the present is shown, and both commands are stamped (transport 11.3: every well-framed packet once).
 */
static void test_channel_goes(void **state)
{
    struct channel *from[] = {root, &g.channel[1]};

    for (uint32_t i = 0; i < COUNT(from); i++) {
        uint64_t presents;
        struct pixels surface;

        pvg_display_set_modes(d->disp, &(struct pvg_mode){640, 480, 4}, 1);
        guest_surface(&g, &surface, 1, 64, 16, FORMAT_BGRA, 0);
        pixels_pattern(&g, &surface, 10 + i);
        screen_show(&s, 1); /* the next tick is 250 ms away */
        pixels_pattern(&g, &surface, 20 + i);
        presents = pvg_display_guest_presents(d->disp);
        guest_send(&g, from[i], CMD_DISPLAY_TRANSACTION2, WORDS(0, 1, 0));
        vmm_poll(pvg_display_guest_presents(d->disp) == presents + 1); /* it stands */
        guest_run(&g, root, CMD_DELETE_CHILD_FIFO, WORDS(s.c->id));
        guest_wait(&g, from[i], from[i]->stamp);
        assert_true(screen_shows_pattern(&s, 64, 16, 20 + i));
        assert_true(vmm_report_has(&v, "\"set_up\":false"));
        guest_channel(&g, s.c->id, 1);
        screen_online(&s, EVENT_ONLINE);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* A frame that somebody holds does not change, whatever comes after, and outlives its display. */
static void test_frames_are_immutable(void **state)
{
    const struct pvg_frame *frame[5];
    struct pixels surface;

    guest_surface(&g, &surface, 1, 48, 48, FORMAT_BGRA, 0);
    for (uint32_t i = 0; i < 5; i++) {
        pixels_pattern(&g, &surface, i);
        screen_show(&s, 1);
        assert_int_equal(pvg_display_get_frame(d->disp, &frame[i]), 0);
        assert_true(!i || frame[i]->sequence > frame[i - 1]->sequence);
        assert_int_equal(frame[i]->fourcc, PVG_FOURCC_BGRA);
        assert_true(frame[i]->stride_bytes >= 4 * 48);
    }
    pvg_display_free(d->disp);
    for (uint32_t i = 0; i < 5; i++) {
        for (uint32_t y = 0; y < 48; y++)
            for (uint32_t x = 0; x < 48; x++)
                assert_int_equal(le32_get(frame[i]->pixels + y * frame[i]->stride_bytes + 4 * x) & 0xffffff,
                                 pattern(x, y, i));
        pvg_frame_put(frame[i]);
    }
}

static void test_read_frame(void **state)
{
    static uint32_t dst[40 * 40];
    struct pixels surface;

    assert_int_equal(pvg_display_read_frame(d->disp, dst, 160, 40, 40), PVG_ERR_NO_FRAME);
    guest_surface(&g, &surface, 1, 32, 24, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 1);
    screen_show(&s, 1);
    memset(dst, 0xee, sizeof(dst));
    assert_int_equal(pvg_display_read_frame(d->disp, dst, 160, 40, 40), 0);
    for (uint32_t y = 0; y < 40; y++)
        for (uint32_t x = 0; x < 40; x++)
            if (x < 32 && y < 24)
                assert_int_equal(dst[40 * y + x] & 0xffffff, pattern(x, y, 1));
            else
                assert_int_equal(dst[40 * y + x], 0xeeeeeeee);
    memset(dst, 0xee, sizeof(dst));
    assert_int_equal(pvg_display_read_frame(d->disp, dst, 160, 7, 3), 0);
    assert_int_equal(dst[40 * 2 + 6] & 0xffffff, pattern(6, 2, 1));
    assert_int_equal(dst[7], 0xeeeeeeee);
    assert_int_equal(dst[40 * 3], 0xeeeeeeee);
    assert_int_equal(pvg_display_read_frame(d->disp, dst, 159, 40, 40), PVG_ERR_INVALID);
}

/* H10 and memory 12: each malformed case. The stamp completes, the picture stays, the reason is counted. */
static void put_descriptor(uint32_t id, uint64_t length, uint32_t page, uint32_t format, uint32_t planes, uint32_t width,
                           uint32_t height, uint32_t packed, uint32_t offset, uint32_t bytes)
{
    uint8_t desc[0x24] = {0};

    le64_put(desc, length);
    le32_put(desc + 8, page);
    le32_put(desc + 12, format);
    desc[0x10] = (uint8_t)planes;
    le32_put(desc + 0x14, offset);
    le32_put(desc + 0x18, width);
    le32_put(desc + 0x1c, height);
    le32_put(desc + 0x20, packed);
    guest_object(&g, id, OBJECT_SURFACE, desc, bytes);
}

static void test_malformed(void **state)
{
    const uint32_t stride = 4 << 24 | 128, bgra = FORMAT_BGRA;
    struct pixels good;
    uint32_t page;
    const struct {
        const char *name, *reason;
        uint64_t length;
        uint32_t page, format, planes, width, height, packed, offset, bytes;
    } cases[] = {
        {"backing of 0 bytes", "surface-empty", 0, 1, bgra, 1, 32, 32, stride, 0, 0x24},
        {"page 0", "surface-empty", 4096, 0, bgra, 1, 32, 32, stride, 0, 0x24},
        {"no plane", "surface-planes", 4096, 1, bgra, 0, 32, 32, stride, 0, 0x24},
        {"nine planes", "surface-planes", 4096, 1, bgra, 9, 32, 32, stride, 0, 0x24},
        {"a plane beyond the descriptor", "surface-planes", 4096, 1, bgra, 2, 32, 32, stride, 0, 0x24},
        {"descriptor cut", "descriptor-short", 4096, 1, bgra, 1, 32, 32, stride, 0, 0x23},
        {"unknown FourCC", "surface-format", 4096, 1, 0x34323066, 1, 32, 32, stride, 0, 0x24},
        {"unknown Metal format", "surface-format", 4096, 1, 70, 1, 32, 32, stride, 0, 0x24},
        {"format 0", "surface-format", 4096, 1, 0, 1, 32, 32, stride, 0, 0x24},
        {"width 0", "surface-edge", 4096, 1, bgra, 1, 0, 32, stride, 0, 0x24},
        {"height 0", "surface-edge", 4096, 1, bgra, 1, 32, 0, stride, 0, 0x24},
        {"width 8193", "surface-edge", 1 << 30, 1, bgra, 1, 8193, 1, 0xffffff, 0, 0x24},
        {"height 8193", "surface-edge", 1 << 30, 1, bgra, 1, 1, 8193, 4, 0, 0x24},
        {"width 2^32-1", "surface-edge", 1 << 30, 1, bgra, 1, 0xffffffff, 1, 0xffffff, 0, 0x24},
        {"width 2^30", "surface-edge", 4096, 1, bgra, 1, 0x40000000, 1, stride, 0, 0x24},
        {"stride 0", "surface-stride", 4096, 1, bgra, 1, 32, 32, 4 << 24, 0, 0x24},
        {"stride one short", "surface-stride", 4096, 1, bgra, 1, 32, 32, 4 << 24 | 127, 0, 0x24},
        {"half float in a stride of 4", "surface-stride", 8192, 1, FORMAT_RGHA, 1, 32, 32, stride, 0, 0x24},
        {"one byte beyond", "surface-bounds", 4095, 1, bgra, 1, 32, 32, stride, 0, 0x24},
        {"offset beyond", "surface-bounds", 4096, 1, bgra, 1, 32, 32, stride, 4, 0x24},
        {"offset 2^32-4", "surface-bounds", 4096, 1, bgra, 1, 32, 32, stride, 0xfffffffc, 0x24},
        {"stride times height beyond 32 bits", "surface-bounds", 4096, 1, bgra, 1, 32, 8192, 0xffffff, 0, 0x24},
        {"beyond the task", "va-range", 4096, 0xffffffff, bgra, 1, 32, 32, stride, 0, 0x24},
        {"backing of 2^63 bytes", "surface-large", 1ull << 63, 1, bgra, 1, 32, 32, stride, 0, 0x24},
        {"backing of 2^64-1 bytes", "surface-large", ~0ull, 1, bgra, 1, 32, 32, stride, 0, 0x24},
    };

    guest_surface(&g, &good, 1, 32, 32, bgra, 0);
    page = (uint32_t)(good.gva >> g.shift);
    pixels_pattern(&g, &good, 1);
    screen_show(&s, 1);
    for (uint32_t i = 0; i < COUNT(cases); i++) {
        uint64_t named = vmm_refused(&v, cases[i].reason), all = vmm_refused_total(&v);
        uint64_t lines = vmm_see(&v, v.warnings);

        put_descriptor(2, cases[i].length, cases[i].page == 1 ? page : cases[i].page, cases[i].format, cases[i].planes,
                       cases[i].width, cases[i].height, cases[i].packed, cases[i].offset, cases[i].bytes);
        screen_show(&s, 2);
        if (vmm_refused(&v, cases[i].reason) != named + 1 || vmm_refused_total(&v) != all + 1) {
            char *json;

            pvg_device_report(v.dev, &json);
            print_message("%s\n", strstr(json, "\"refusals\""));
            pvg_free(json);
            fail_msg("%s: %s not counted alone", cases[i].name, cases[i].reason);
        }
        if (named < 4) /* the first of each kind; after that they are bounded by time */
            assert_int_equal(vmm_logged(&v, cases[i].reason), named + 1);
        assert_true(vmm_see(&v, v.warnings) <= lines + 1);
        guest_run(&g, root, CMD_DELETE_RESOURCE, WORDS(0, 2));
        assert_true(screen_shows_pattern(&s, 32, 32, 1));
    }
    assert_int_equal(pvg_display_host_presents(d->disp), 1);
    assert_int_equal(pvg_display_guest_presents(d->disp), 1 + COUNT(cases));
}

/* Objects that are not there or not surfaces, lists that are not there. */
static void test_bad_objects(void **state)
{
    static const uint8_t zeros[0x24];
    struct pixels good;
    uint64_t n = 0;

    guest_surface(&g, &good, 1, 32, 32, FORMAT_BGRA, 0);
    pixels_pattern(&g, &good, 1);
    screen_show(&s, 1);
    screen_show(&s, 0); /* surface 0: nothing to do */
    assert_int_equal(vmm_refused_total(&v), 0);

    screen_show(&s, GUEST_OBJECTS); /* beyond the list */
    screen_show(&s, 0xffffffff);
    assert_int_equal(vmm_refused(&v, "list-index"), 2);
    screen_show(&s, 150); /* an empty slot may fill: waited for, then refused */
    assert_int_equal(vmm_refused(&v, "surface-timeout"), 1);
    n = vmm_refused_total(&v);
    for (uint32_t type = 0; type < 20; type++) {
        if (type == OBJECT_SURFACE)
            continue;
        guest_object(&g, 30 + type, (uint8_t)type, zeros, 0x24);
        screen_show(&s, 30 + type);
        assert_int_equal(vmm_refused_total(&v), ++n);
    }
    assert_true(vmm_refused(&v, "object-type") >= 10);
    guest_run(&g, s.c, CMD_DISPLAY_TRANSACTION2, WORDS(0, 190, 77)); /* no such task */
    assert_int_equal(vmm_refused(&v, "task-none"), 1);
    guest_run(&g, s.c, CMD_DISPLAY_SWAP_MAPPING, WORDS(0, 0, 9)); /* no mapper, no mapping */
    assert_int_equal(vmm_refused_total(&v), n + 2);
    space_define(&g, &g.kernel); /* drops the list */
    screen_show(&s, 1);
    assert_int_equal(vmm_refused(&v, "list-none"), 1);
    assert_true(screen_shows_pattern(&s, 32, 32, 1));
}

/* Surfaces over pages that the device lives on: refused, whatever is in them is not shown. */
static void test_collision(void **state)
{
    struct pixels good, bad;
    uint32_t own[4];

    guest_surface(&g, &good, 1, 32, 32, FORMAT_BGRA, 0);
    pixels_pattern(&g, &good, 1);
    screen_show(&s, 1);
    own[0] = g.fifo_pfn;
    own[1] = g.root_page_pfn;
    own[2] = s.c->pages[0];
    own[3] = g.kernel.directory_pfn;
    for (uint32_t i = 0; i < COUNT(own); i++) {
        guest_surface(&g, &bad, 2 + i, 32, 32, FORMAT_BGRA, 0);
        space_map(&g, &g.kernel, bad.gva, own[i]);
        if (v.cfg.tasks == PVG_TASKS_CALLBACKS)
            space_tell(&g, &g.kernel, bad.gva, g.page, true);
        screen_show(&s, 2 + i);
        assert_int_equal(vmm_refused(&v, "surface-collision"), i + 1);
        assert_true(screen_shows_pattern(&s, 32, 32, 1));
    }
}

/* No memory for a picture (or more than all may have: unit/frame): refused by name, stamped, the last one stays. */
static void test_no_memory(void **state)
{
    uint64_t entries = g.page / 4, gva = 1ull << 32, pages = 0;
    uint32_t leaf = guest_page(&g), data = guest_page(&g);
    struct pixels good, large = {.id = 2, .width = 8192, .height = 4096, .stride = 32768, .format = FORMAT_BGRA,
                                 .bytes_per_px = 4, .gva = gva, .length = 128 << 20};
    struct rlimit limit, tight;
    FILE *statm;

    if (SLOWER > 1)
        skip(); /* sanitizers need all addresses there are */
    guest_surface(&g, &good, 1, 32, 32, FORMAT_BGRA, 0);
    pixels_pattern(&g, &good, 1);
    screen_show(&s, 1);
    for (uint64_t i = 0; i < entries; i++)
        *guest_word(&g, leaf, 4 * i) = data;
    for (uint64_t at = 0; at < large.length; at += entries << g.shift)
        *space_entry(&g, &g.kernel, gva + at, 1) = leaf;
    memset(guest_ptr(&g, data, 0), 0x5a, g.page);
    guest_surface_describe(&g, &large);

    statm = fopen("/proc/self/statm", "r");
    assert_non_null(statm);
    assert_int_equal(fscanf(statm, "%" SCNu64, &pages), 1);
    fclose(statm);
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    tight = (struct rlimit){.rlim_cur = pages * (uint64_t)sysconf(_SC_PAGESIZE) + (64 << 20), .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    screen_show(&s, 2);
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    assert_int_equal(vmm_refused(&v, "picture-memory"), 1);
    assert_int_equal(vmm_logged(&v, "picture-memory"), 1);
    assert_int_equal(vmm_refused_total(&v), 1);
    assert_true(screen_shows_pattern(&s, 32, 32, 1));

    screen_show(&s, 2);
    assert_int_equal(screen_pixel(&s, 8191, 4095), 0x5a5a5a);
    assert_int_equal(vmm_refused_total(&v), 1);
}

/* Presents by several surfaces at full speed: every stamp, and the last picture is the last present. */
static void test_many(void **state)
{
    struct pixels surface[2];

    pvg_display_set_modes(d->disp, &(struct pvg_mode){640, 480, 240}, 1);
    for (uint32_t i = 0; i < 2; i++) {
        guest_surface(&g, &surface[i], 1 + i, 64, 64, FORMAT_BGRA, 0);
        pixels_pattern(&g, &surface[i], i);
    }
    for (uint32_t i = 0; i < 3000 / SLOWER; i++)
        screen_present(&s, 1 + (i & 1));
    guest_wait(&g, s.c, s.c->stamp);
    assert_true(screen_shows_pattern(&s, 64, 64, 1));
    assert_int_equal(pvg_display_guest_presents(d->disp), 3000 / SLOWER);
    assert_int_equal(vmm_report_number(&v, "displays.0.superseded") + pvg_display_host_presents(d->disp),
                     3000 / SLOWER);
    vmm_wait(&v, d->sequence == vmm_report_number(&v, "displays.0.picture.sequence"));
    assert_false(vmm_see(&v, d->backwards));
}

int main(void)
{
    static struct vmm_config four_k, sixteen_k = {.shift = 14, .low_bytes = 64 << 20, .high_bytes = 32 << 20};
    static struct vmm_config callbacks = {.tasks = PVG_TASKS_CALLBACKS}, no_file = {.no_fd = true};
    static struct vmm_config holding = {.flags = PVG_DEVICE_HOLD_PRESENTS}, large = {.low_bytes = 160 << 20};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_overwrite_after_stamp, four_k),
        DEVICE_TEST(test_overwrite_after_stamp, sixteen_k),
        DEVICE_TEST(test_overwrite_after_stamp, callbacks),
        DEVICE_TEST(test_geometry, four_k),
        DEVICE_TEST(test_geometry, sixteen_k),
        DEVICE_TEST(test_geometry, callbacks),
        DEVICE_TEST(test_geometry, no_file),
        DEVICE_TEST(test_planes, four_k),
        DEVICE_TEST(test_formats, four_k),
        DEVICE_TEST(test_formats, callbacks),
        DEVICE_TEST(test_barrier, four_k),
        DEVICE_TEST(test_newest_wins, four_k),
        DEVICE_TEST(test_superseded_is_free, four_k),
        DEVICE_TEST(test_hold_presents, holding),
        DEVICE_TEST(test_extent_change, four_k),
        DEVICE_TEST(test_before_setup, four_k),
        DEVICE_TEST(test_other_task, four_k),
        DEVICE_TEST(test_pages_come_late, four_k),
        DEVICE_TEST(test_pages_never_come, four_k),
        DEVICE_TEST(test_unmap_settles, four_k),
        DEVICE_TEST(test_unmap_settles, callbacks),
        DEVICE_TEST(test_channel_goes, four_k),
        DEVICE_TEST(test_frames_are_immutable, four_k),
        DEVICE_TEST(test_read_frame, four_k),
        DEVICE_TEST(test_malformed, four_k),
        DEVICE_TEST(test_malformed, callbacks),
        DEVICE_TEST(test_bad_objects, four_k),
        DEVICE_TEST(test_collision, four_k),
        DEVICE_TEST(test_no_memory, large),
        DEVICE_TEST(test_many, four_k),
        DEVICE_TEST(test_many, callbacks),
    };

    return cmocka_run_group_tests_name("present", tests, NULL, NULL);
}
