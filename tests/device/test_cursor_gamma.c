/* SPDX-License-Identifier: MIT */
/* Pointer (display 9; check H13) and gamma (display 8.1; check H12) by value, with everything that is refused. */
#include "device/check.h"

#include <math.h>

static struct vmm v;
static struct guest g;
static struct channel *root = &g.channel[0];
static struct screen s;
static struct vmm_display *d;
static bool drawn; /* by the library, as for a VMM without a pointer */

static const struct pvg_mode modes[] = {{640, 480, 60}};

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    guest_boot(&g, 0);
    guest_kernel_task(&g);
    d = vmm_display_new(&v, 0, modes, 1, drawn);
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

static int setup_drawn(void **state)
{
    drawn = true;
    return setup(state);
}

static int teardown_drawn(void **state)
{
    drawn = false;
    return teardown(state);
}

/* ---- pointer ---- */

struct glyph_words {
    uint32_t task;
    uint64_t gva, length, stride;
    uint16_t width, height, hot_x, hot_y;
};

static void send_glyph(const struct glyph_words *w)
{
    guest_run(&g, s.c, CMD_DISPLAY_CURSOR_GLYPH,
              WORDS(0, w->task, LO(w->gva), HI(w->gva), LO(w->length), HI(w->length), LO(w->stride), HI(w->stride),
                    w->width | (uint32_t)w->height << 16, w->hot_x | (uint32_t)w->hot_y << 16, 0x5a5a5a5a));
}

/* A glyph of that size in the kernel task, opaque pattern; @gap: bytes between its rows. */
static struct glyph_words make_glyph(uint16_t width, uint16_t height, uint32_t gap, uint32_t seed)
{
    struct glyph_words w = {.stride = 4ull * width + gap, .width = width, .height = height};

    w.length = w.stride * (height - 1u) + 4ull * width;
    w.gva = space_alloc(&g, &g.kernel, w.length + 64);
    w.gva += 60; /* any alignment */
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint8_t bytes[4];

            le32_put(bytes, 0xff000000 | pattern(x, y, seed));
            space_write(&g, &g.kernel, w.gva + y * w.stride + 4ull * x, bytes, 4);
        }
    return w;
}

static void point_at(uint32_t x, uint32_t y, uint32_t visible)
{
    atomic_store(screen_word(&s, SHARED_CURSOR_POSITION), x | y << 16);
    atomic_store(screen_word(&s, SHARED_CURSOR_VISIBLE), visible);
    vmm_w32(&v, REG_DISPLAY_DOORBELL, 0);
}

static void test_glyph(void **state)
{
    static const uint16_t sizes[][2] = {{1, 1}, {64, 64}, {33, 7}, {512, 512}, {1, 512}, {64, 1}};

    for (unsigned i = 0; i < COUNT(sizes); i++) {
        uint64_t told = vmm_see(&v, d->cursors);
        struct glyph_words w = make_glyph(sizes[i][0], sizes[i][1], i & 1 ? 52 : 0, i);

        w.hot_x = (uint16_t)(w.width - 1);
        w.hot_y = (uint16_t)(w.height / 2);
        send_glyph(&w);
        for (uint64_t at = 0; at < w.length; at += 4) /* the guest reuses the buffer after the stamp */
            *space_ptr(&g, &g.kernel, w.gva + at) ^= 0xff;
        vmm_wait(&v, d->cursors > told);
        pthread_mutex_lock(&v.lock);
        assert_int_equal(d->cursor.width_px, w.width);
        assert_int_equal(d->cursor.height_px, w.height);
        assert_int_equal(d->cursor.hot_x_px, w.hot_x);
        assert_int_equal(d->cursor.hot_y_px, w.hot_y);
        if (w.width <= 64 && w.height <= 64)
            for (uint32_t y = 0; y < w.height; y++)
                for (uint32_t x = 0; x < w.width; x++)
                    assert_int_equal(le32_get(d->cursor_pixels + 4u * (y * w.width + x)),
                                     0xff000000 | pattern(x, y, i));
        pthread_mutex_unlock(&v.lock);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* H13 and 9.1: each check; the previous glyph stays. */
static void test_bad_glyphs(void **state)
{
    struct glyph_words good = make_glyph(16, 16, 0, 1), w;
    static const struct {
        const char *name, *reason;
        size_t offset;
        unsigned bytes;
        uint64_t value;
    } bad[] = {
#define FIELD(f) offsetof(struct glyph_words, f), sizeof(((struct glyph_words *)0)->f)
        {"width 0", "cursor-extent", FIELD(width), 0},
        {"height 0", "cursor-extent", FIELD(height), 0},
        {"width 513", "cursor-extent", FIELD(width), 513},
        {"height 65535", "cursor-extent", FIELD(height), 65535},
        {"hot x = width", "cursor-hot", FIELD(hot_x), 16},
        {"hot y = 65535", "cursor-hot", FIELD(hot_y), 65535},
        {"stride one short", "cursor-stride", FIELD(stride), 63},
        {"stride 0", "cursor-stride", FIELD(stride), 0},
        {"stride 2^32", "cursor-stride", FIELD(stride), 1ull << 32},
        {"stride 2^63", "cursor-stride", FIELD(stride), 1ull << 63},
        {"stride 2^64-1", "cursor-stride", FIELD(stride), ~0ull},
        {"length one short", "cursor-stride", FIELD(length), 16 * 64 - 1},
        {"length 0", "cursor-stride", FIELD(length), 0},
        {"address 0 of a hole", "cursor-unmapped", FIELD(gva), 0},
        {"address in a hole", "cursor-unmapped", FIELD(gva), 1ull << 33},
        {"address beyond the task", "cursor-unmapped", FIELD(gva), 1ull << 40},
        {"address 2^64-8", "cursor-unmapped", FIELD(gva), ~7ull},
        {"task that is not", "task-none", FIELD(task), 9},
    };

    send_glyph(&good);
    vmm_wait(&v, d->cursors == 1);
    for (unsigned i = 0; i < COUNT(bad); i++) {
        uint64_t named = vmm_refused(&v, bad[i].reason), all = vmm_refused_total(&v);

        w = good;
        memcpy((uint8_t *)&w + bad[i].offset, &bad[i].value, bad[i].bytes);
        send_glyph(&w);
        if (vmm_refused(&v, bad[i].reason) != named + 1 || vmm_refused_total(&v) != all + 1)
            fail_msg("%s: not counted as %s", bad[i].name, bad[i].reason);
    }
    /* a page in the middle that is not mapped */
    w = make_glyph(64, 64, 256, 2);
    *space_entry(&g, &g.kernel, w.gva + 2 * g.page, 2) = 0;
    if (v.cfg.tasks == PVG_TASKS_CALLBACKS)
        space_tell(&g, &g.kernel, w.gva & ~(g.page - 1), w.length, false);
    send_glyph(&w);
    assert_true(vmm_refused(&v, "cursor-unmapped") >= 4);
    send_glyph(&good);
    vmm_wait(&v, d->cursors == 2); /* and none of the bad ones between */
    assert_int_equal(vmm_see(&v, d->cursor.width_px), 16);
}

/* The VMM's limit for images counts, not only the largest there is. */
static void test_small_limit(void **state)
{
    struct pvg_display_desc desc;
    struct glyph_words w = make_glyph(33, 32, 0, 1);
    struct pvg_display *disp;

    pvg_display_free(d->disp);
    pvg_display_desc_init(&desc, sizeof(desc));
    desc.max_cursor_px = 32;
    assert_int_equal(pvg_display_new(v.dev, &desc, 0, 77, &disp), 0);
    send_glyph(&w);
    assert_int_equal(vmm_refused(&v, "cursor-extent"), 1);
}

static void test_position(void **state)
{
    (void)vmm_r32(&v, REG_DISPLAY_EVENTS); /* of the handshake */
    assert_int_equal(pvg_display_cursor(d->disp).x, 0xffff);
    for (uint32_t i = 0; i < 50; i++) {
        point_at(i, 479 - i, 1);
        vmm_wait(&v, d->at.x == i && d->at.y == 479 - i && d->visible);
        assert_int_equal(pvg_display_cursor(d->disp).x, i);
        assert_int_equal(pvg_display_cursor(d->disp).y, 479 - i);
    }
    point_at(65535, 65534, 1); /* anywhere: the host only reports it */
    vmm_wait(&v, d->at.x == 65535);
    atomic_store(screen_word(&s, SHARED_CURSOR_POSITION), 0xffffffff); /* nowhere, whatever the other word says */
    vmm_w32(&v, REG_DISPLAY_DOORBELL, 0);
    vmm_wait(&v, !d->visible && d->at.y == 65535);
    point_at(5, 5, 0x100); /* only the low byte counts */
    vmm_wait(&v, d->at.x == 5);
    assert_false(vmm_see(&v, d->visible));
    assert_int_equal(vmm_r32(&v, REG_DISPLAY_EVENTS), 0); /* the doorbell raises nothing */
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* Visibility: 0x05 and the page's word; the last one wins; the padding of 0x05 is ignored. */
static void test_visibility(void **state)
{
    vmm_wait(&v, d->shows); /* the VMM knows from the start that there is none */
    assert_false(vmm_see(&v, d->visible));
    point_at(5, 5, 0);
    vmm_wait(&v, d->at.x == 5);
    assert_false(vmm_see(&v, d->visible));
    guest_run(&g, s.c, CMD_DISPLAY_CURSOR_SHOW, WORDS(0, 1));
    vmm_wait(&v, d->visible);
    guest_run(&g, s.c, CMD_DISPLAY_CURSOR_SHOW, WORDS(0, 0xffffff00));
    vmm_wait(&v, !d->visible);
    guest_run(&g, s.c, CMD_DISPLAY_CURSOR_SHOW, WORDS(0, 0x80));
    vmm_wait(&v, d->visible);
    point_at(6, 6, 0);
    vmm_wait(&v, !d->visible);
    point_at(6, 6, 1);
    vmm_wait(&v, d->visible);
    vmm_w32(&v, REG_FIFO_CONTROL, 0); /* the guest's driver goes: no pointer */
    vmm_wait(&v, !d->visible);
}

/* Doorbells by the thousand lose nothing, the last position arrives; and they cost little: the VMM hears of two in a refresh. */
static void test_doorbell_storm(void **state)
{
    uint64_t begin = vmm_now_ns(), moves = vmm_see(&v, d->moves);

    for (uint32_t i = 0; i < 200000 / SLOWER; i++)
        point_at(i & 511, 300 + (i & 63), 1);
    point_at(123, 45, 1);
    vmm_wait(&v, d->at.x == 123 && d->at.y == 45);
    moves = vmm_see(&v, d->moves) - moves;
    assert_true(moves <= (vmm_now_ns() - begin) / (1000000000 / 120) + 2);
}

/* What a premultiplied pixel over a picture gives. */
static uint32_t over(uint32_t src, uint32_t dst)
{
    uint32_t out = 0;

    for (int shift = 0; shift < 24; shift += 8) {
        double value = (src >> shift & 255) + (dst >> shift & 255) * (255 - (src >> 24)) / 255.0;

        out |= (uint32_t)(value > 255 ? 255 : value + 0.5) << shift;
    }
    return out;
}

static bool near(uint32_t a, uint32_t b)
{
    if (a == SCREEN_NO_PIXEL || b == SCREEN_NO_PIXEL)
        return false;
    for (int shift = 0; shift < 24; shift += 8)
        if (abs((int)(a >> shift & 255) - (int)(b >> shift & 255)) > 1)
            return false;
    return true;
}

static const uint32_t drawn_words[4] = {0x80402010, 0xff00ff00, 0x00000000, 0x40404040};

/* Is the picture the pattern with the 8x8 pointer of test_drawn() at that position? */
static bool shows_pointer_at(uint32_t at_x, uint32_t at_y)
{
    for (uint32_t y = 0; y < 48; y++)
        for (uint32_t x = 0; x < 64; x++) {
            int gx = (int)x - ((int)at_x - 3), gy = (int)y - ((int)at_y - 5);
            uint32_t want = pattern(x, y, 6);

            if (gx >= 0 && gx < 8 && gy >= 0 && gy < 8)
                want = over(drawn_words[(8 * gy + gx + gy) % 4], want);
            if (!near(screen_pixel(&s, x, y), want))
                return false;
        }
    return true;
}

/* The library draws the pointer: at position minus hot spot, blended, clipped at every edge; and takes it away again. */
static void test_drawn(void **state)
{
    static const uint32_t at[][2] = {{20, 20}, {0, 0}, {63, 47}, {2, 47}, {63, 0}, {31, 13}};
    struct glyph_words w = make_glyph(8, 8, 0, 1);
    struct pixels surface;

    for (uint32_t i = 0; i < 64; i++) {
        uint8_t bytes[4];

        le32_put(bytes, drawn_words[(i + i / 8) % 4]);
        space_write(&g, &g.kernel, w.gva + 4 * i, bytes, 4);
    }
    w.hot_x = 3;
    w.hot_y = 5;
    guest_surface(&g, &surface, 1, 64, 48, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 6);
    screen_show(&s, 1);
    send_glyph(&w);
    for (unsigned i = 0; i < COUNT(at); i++) {
        point_at(at[i][0], at[i][1], 1);
        vmm_poll(shows_pointer_at(at[i][0], at[i][1]));
    }
    /* a new picture under a pointer that stays */
    pixels_fill(&g, &surface, 0x00336699);
    screen_show(&s, 1);
    vmm_poll(near(screen_pixel(&s, 31 - 3, 13 - 5), over(drawn_words[0], 0x336699)) && screen_pixel(&s, 0, 0) == 0x336699);
    /* hidden, or not to be drawn: the plain picture */
    guest_run(&g, s.c, CMD_DISPLAY_CURSOR_SHOW, WORDS(0, 0));
    vmm_poll(screen_pixel(&s, 31 - 3, 13 - 5) == 0x336699);
    guest_run(&g, s.c, CMD_DISPLAY_CURSOR_SHOW, WORDS(0, 1));
    vmm_poll(screen_pixel(&s, 31 - 3, 13 - 5) != 0x336699);
    pvg_display_draw_cursor(d->disp, false);
    vmm_poll(screen_pixel(&s, 31 - 3, 13 - 5) == 0x336699);
    pvg_display_draw_cursor(d->disp, true);
    vmm_poll(screen_pixel(&s, 31 - 3, 13 - 5) != 0x336699);
    assert_false(vmm_see(&v, d->backwards));
}

/* ---- gamma ---- */

/* Write a table of @n entries per channel; f(channel, x) for x in 0..1. Returns its address and the sum of its words. */
static uint64_t make_table(uint32_t n, float (*f)(int, float), uint32_t *sum)
{
    uint64_t gva = space_alloc(&g, &g.kernel, 12ull * n);

    *sum = 0;
    for (uint32_t i = 0; i < 3 * n; i++) {
        float value = f((int)(i / n), (float)(i % n) / (float)(n - 1));
        uint32_t word;

        memcpy(&word, &value, 4);
        *sum += word;
        space_write(&g, &g.kernel, gva + 4ull * i, &value, 4);
    }
    return gva;
}

static void present_gamma(uint32_t surface, uint64_t gva, uint64_t length, uint32_t n, uint32_t sum)
{
    guest_run(&g, s.c, CMD_DISPLAY_TRANSACTION3,
              WORDS(0, 0, surface, LO(gva), HI(gva), LO(length), HI(length), n, sum));
}

static float identity(int channel, float x)
{
    return x;
}

static float inverse(int channel, float x)
{
    return 1 - x;
}

/* Different per channel: red squared, green halved, blue raised. */
static float mixed(int channel, float x)
{
    return channel == 0 ? x * x : channel == 1 ? x / 2 : 0.25f + x / 2;
}

static float wild(int channel, float x)
{
    return channel == 0 ? NAN : channel == 1 ? (x < 0.5f ? -5.0f : 7.0f) : INFINITY;
}

/* A surface with every byte value in every channel. */
static void ramp(struct pixels *surface)
{
    guest_surface(&g, surface, 1, 256, 2, FORMAT_BGRA, 0);
    for (uint32_t x = 0; x < 256; x++)
        for (uint32_t y = 0; y < 2; y++)
            pixels_put(&g, surface, x, y, x | (255 - x) << 8 | (x ^ 0x55) << 16);
}

/* Compare with the table applied by hand, in double precision, within one step. */
static void check_ramp(float (*f)(int, float))
{
    for (uint32_t x = 0; x < 256; x++) {
        uint32_t in[3] = {x ^ 0x55, 255 - x, x}, px = screen_pixel(&s, x, 1);

        for (int c = 0; c < 3; c++) {
            double value = f(c, (float)in[c] / 255.0f);
            uint32_t want = value >= 1 ? 255 : value > 0 ? (uint32_t)(value * 255 + 0.5) : 0;
            uint32_t got = px >> (16 - 8 * c) & 255;

            if (abs((int)got - (int)want) > 1)
                fail_msg("input %u, channel %d: %u, not %u", in[c], c, got, want);
        }
    }
}

/* H12: 257 entries of the identity have the sum that a live guest was seen to send. */
static void test_identity(void **state)
{
    struct pixels surface;
    uint32_t sum, n[] = {2, 3, 256, 257, 1024, 4096};

    ramp(&surface);
    for (unsigned i = 0; i < COUNT(n); i++) {
        uint64_t gva = make_table(n[i], identity, &sum);

        if (n[i] == 257)
            assert_int_equal(sum, 0x48400000);
        present_gamma(1, gva, 12ull * n[i], n[i], sum);
        for (uint32_t x = 0; x < 256; x++)
            assert_int_equal(screen_pixel(&s, x, 0), x | (255 - x) << 8 | (x ^ 0x55) << 16);
    }
    assert_true(vmm_report_has(&v, "\"gamma\":false"));
}

static void test_tables(void **state)
{
    static float (*const f[])(int, float) = {inverse, mixed, inverse, identity};
    struct pixels surface;
    uint32_t sum;

    ramp(&surface);
    for (unsigned i = 0; i < COUNT(f); i++) {
        uint64_t gva = make_table(257, f[i], &sum);

        present_gamma(1, gva, 3084, 257, sum);
        for (uint64_t at = 0; at < 3084; at += 4) /* the guest reuses it after the stamp */
            *space_ptr(&g, &g.kernel, gva + at + 3) = 0xff;
        check_ramp(f[i]);
        screen_show(&s, 1); /* a present without a table keeps the last one */
        check_ramp(f[i]);
        present_gamma(1, 0, 3084, 257, sum);
        check_ramp(f[i]);
        present_gamma(1, gva, 0, 257, sum);
        check_ramp(f[i]);
    }
    present_gamma(1, make_table(2, inverse, &sum), 24, 2, sum); /* two entries: a straight line */
    check_ramp(inverse);
    present_gamma(1, make_table(257, wild, &sum), 3084, 257, sum); /* clamped; NaN is 0 */
    for (uint32_t x = 0; x < 256; x++)
        assert_int_equal(screen_pixel(&s, x, 0) & 0xff00ff, 0x0000ff);
    assert_int_equal(vmm_refused_total(&v), 0);
    assert_true(vmm_report_has(&v, "\"gamma\":true"));
    vmm_w32(&v, REG_FIFO_CONTROL, 0); /* teardown: back to the identity */
    assert_true(vmm_report_has(&v, "\"gamma\":false"));
}

/* Bad tables: the present is shown all the same, with the last good table. */
static void test_bad_tables(void **state)
{
    struct pixels surface;
    uint32_t sum, n = 0;
    uint64_t gva;

    ramp(&surface);
    gva = make_table(257, inverse, &sum);
    present_gamma(1, gva, 3084, 257, sum);
    for (unsigned i = 0; i < 9; i++) {
        const struct {
            uint64_t gva, length;
            uint32_t entries;
        } bad[] = {{gva, 3084, 0},           {gva, 3084, 1},          {gva, 3083, 257},
                   {gva, 1 << 20, 4097},     {gva, ~0ull, 0xffffffff}, {gva, 0x555555555555, 0xaaaaaaaa},
                   {1ull << 33, 3084, 257},  {~0ull - 100, 3084, 257}, {gva + g.page * 8, 49152, 4096}};

        present_gamma(1, bad[i].gva, bad[i].length, bad[i].entries, sum);
        assert_int_equal(vmm_refused(&v, "gamma-table"), ++n);
        assert_int_equal(vmm_refused_total(&v), n);
        check_ramp(inverse);
    }
    assert_int_equal(pvg_display_host_presents(d->disp), 10);
    guest_run(&g, root, CMD_NOP, NULL, 0);
}

/* A superseded present's table still counts: tables stay until the next one. */
static void test_superseded_table(void **state)
{
    struct pixels surface;
    uint32_t sum;
    uint64_t gva;

    ramp(&surface);
    gva = make_table(257, inverse, &sum);
    pvg_display_set_modes(d->disp, &(struct pvg_mode){640, 480, 5}, 1);
    screen_show(&s, 1);
    s.c->quiet = true;
    guest_send(&g, s.c, CMD_DISPLAY_TRANSACTION3, WORDS(0, 0, 1, LO(gva), HI(gva), 3084, 0, 257, sum));
    screen_present(&s, 1);
    s.c->quiet = false;
    screen_show(&s, 1);
    check_ramp(inverse);
}

/* However often the guest moves its pointer: drawn into a picture that stays, it costs one copy of it a refresh. */
static void test_drawn_without_end(void **state)
{
    struct glyph_words w = make_glyph(8, 8, 0, 1);
    struct pixels surface;
    uint64_t begin, frames;
    uint32_t moves = 0;

    guest_surface(&g, &surface, 1, 64, 48, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 6);
    screen_show(&s, 1);
    send_glyph(&w);
    begin = vmm_now_ns();
    frames = vmm_see(&v, d->frames);
    for (; vmm_see(&v, d->frames) < frames + 20; moves++)
        point_at(moves % 64, moves % 48, 1);
    /* The pointer image may have been on its way, and the first round not yet over. */
    assert_true((vmm_now_ns() - begin) / (1000000000 / 60) + 3 >= 20);
}

#define DRAWN_TEST(f, config)                                                                                          \
    {                                                                                                                  \
        #f " (" #config ")", f, setup_drawn, teardown_drawn, &(config)                                                 \
    }

int main(void)
{
    static struct vmm_config four_k, sixteen_k = {.shift = 14, .low_bytes = 64 << 20, .high_bytes = 32 << 20};
    static struct vmm_config callbacks = {.tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_glyph, four_k),
        DEVICE_TEST(test_glyph, sixteen_k),
        DEVICE_TEST(test_glyph, callbacks),
        DEVICE_TEST(test_bad_glyphs, four_k),
        DEVICE_TEST(test_bad_glyphs, callbacks),
        DEVICE_TEST(test_small_limit, four_k),
        DEVICE_TEST(test_position, four_k),
        DEVICE_TEST(test_visibility, four_k),
        DEVICE_TEST(test_doorbell_storm, four_k),
        DRAWN_TEST(test_drawn, four_k),
        DRAWN_TEST(test_drawn, callbacks),
        DRAWN_TEST(test_drawn_without_end, four_k),
        DEVICE_TEST(test_identity, four_k),
        DEVICE_TEST(test_identity, sixteen_k),
        DEVICE_TEST(test_tables, four_k),
        DEVICE_TEST(test_tables, callbacks),
        DEVICE_TEST(test_bad_tables, four_k),
        DEVICE_TEST(test_superseded_table, four_k),
    };

    return cmocka_run_group_tests_name("cursor_gamma", tests, NULL, NULL);
}
