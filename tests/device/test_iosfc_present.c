/* SPDX-License-Identifier: MIT */
/*
 * Presents of mappings, 0x08 (display 3.2, 7.3; memory 9.5, 9.7), in both task modes: pixels by value, what may happen
 * to a mapping under a present, and the life of mapper and displays in every order.
 */
#include "device/check.h"

#include "lib/mapper.h"

static struct vmm v;
static struct guest g;
static struct mapper mp;
static struct screen s;
static struct vmm_display *d;
static const struct pvg_mode modes[] = {{640, 480, 60}};

static void screen_up(void)
{
    guest_boot(&g, 0);
    guest_channel(&g, 1, 2);
    guest_kernel_task(&g);
    d = vmm_display_new(&v, 0, modes, 1, false);
    screen_init(&s, &g, 0);
    screen_online(&s, EVENT_ONLINE);
}

static int setup_mapper(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    mapper_new(&mp, &g);
    mapper_start(&mp, 64);
    return 0;
}

static int setup(void **state)
{
    setup_mapper(state);
    screen_up();
    return 0;
}

static int teardown(void **state)
{
    mapper_free(&mp);
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

/* A present that stands: accepted by the worker, and very likely before its tick. Returns the stamp. */
static uint32_t stand(uint32_t id)
{
    uint64_t presents = pvg_display_guest_presents(d->disp);
    uint32_t stamp = mapped_present(&s, id);

    vmm_poll(pvg_display_guest_presents(d->disp) > presents);
    return stamp;
}

static void scribble(const struct mapped *m)
{
    for (uint32_t i = 0; i < m->page_count; i++)
        memset(guest_ptr(&g, m->pages[i], 0), 0xcc, g.page);
}

/* Contiguous and scattered, with strides and an offset, mapped first or on demand. */
static void test_pictures(void **state)
{
    static const struct {
        uint32_t width, height, stride;
        bool contiguous, mapped;
    } cases[] = {{1, 1, 0, true, true},         {640, 480, 0, true, true},     {640, 480, 0, false, true},
                 {641, 3, 2600, false, false},  {8192, 2, 0, false, true},     {1, 8192, 0, false, false},
                 {100, 100, 4096, true, false}, {333, 77, 1340, false, false}, {1920, 1080, 7680, false, true}};

    for (uint32_t i = 0; i < COUNT(cases); i++) {
        struct mapped m;

        mapped_new(&mp, &m, 31 + i, cases[i].width, cases[i].height, FORMAT_BGRA, cases[i].stride, cases[i].contiguous);
        mapped_pattern(&mp, &m, i);
        if (cases[i].mapped)
            assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, m.id), 0);
        mapped_show(&s, m.id);
        assert_true(screen_shows_pattern(&s, cases[i].width, cases[i].height, i));
        assert_int_equal(pvg_iosfc_mappings(mp.m), 1);
        assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, m.id), 0); /* the late MAP: the same incarnation */
        assert_int_equal(pvg_iosfc_mappings(mp.m), 1);
        mapped_pattern(&mp, &m, i + 100);
        mapped_show(&s, m.id);
        assert_true(screen_shows_pattern(&s, cases[i].width, cases[i].height, i + 100));
        assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, m.id), 0);
        mapped_free(&m);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
    assert_int_equal(vmm_see(&v, mp.live), 0);
}

static void test_formats(void **state)
{
    static const uint8_t half[8] = {0x00, 0x3c, 0x00, 0x00, 0x00, 0x38, 0x00, 0x3c}; /* 1.0, 0, 0.5, 1.0 */
    struct mapped m;
    uint32_t blue;

    mapped_new(&mp, &m, 1, 50, 20, FORMAT_RGBA, 0, false);
    mapped_pattern(&mp, &m, 9);
    mapped_show(&s, 1);
    for (uint32_t y = 0; y < 20; y++)
        for (uint32_t x = 0; x < 50; x++) {
            uint32_t p = pattern(x, y, 9);

            assert_int_equal(screen_pixel(&s, x, y), (p & 0xff) << 16 | (p & 0xff00) | p >> 16);
        }
    mapped_free(&m);
    mapped_new(&mp, &m, 2, 50, 20, FORMAT_RGHA, 0, false);
    for (uint32_t i = 0; i < 50 * 20; i++)
        mapped_write(&mp, &m, 8ull * i, half, 8);
    mapped_show(&s, 2);
    blue = screen_pixel(&s, 49, 19) & 0xff;
    assert_int_equal(screen_pixel(&s, 49, 19) >> 8, 0xff00);
    assert_true(blue == 127 || blue == 128);
    assert_int_equal(vmm_refused_total(&v), 0);
    mapped_free(&m);
}

/* Several planes: the first is shown when the format can be; bases and offsets count as memory 9.5 says. */
static void test_planes(void **state)
{
    struct mapped m;

    mapped_new(&mp, &m, 1, 64, 200, FORMAT_BGRA, 0, false);
    m.desc.plane_count = 3;
    m.desc.plane[0] = (struct iosfc_plane){
        .offset_bytes = 64 * 100, .width_px = 40, .height_px = 30, .stride_bytes = 256, .bytes_per_element = 4};
    m.desc.plane[1] = (struct iosfc_plane){.width_px = 99999, .height_px = 99999, .stride_bytes = 1};
    m.desc.plane[2] = m.desc.plane[1];
    mapped_describe(&mp, &m);
    mapped_pattern(&mp, &m, 2);
    mapped_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 40, 30, 2));
    /* the base, where the offset is 0 */
    le32_put(mapper_record(&mp, 1) + 0x48, 0);
    le32_put(mapper_record(&mp, 1) + 0x4c, 64 * 100);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    mapped_pattern(&mp, &m, 3);
    mapped_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 40, 30, 3));
    assert_int_equal(vmm_refused_total(&v), 0);
    /* bi-planar video is no picture of ours */
    m.desc.format = 0x34323076; /* 420v */
    mapped_describe(&mp, &m);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    mapped_show(&s, 1);
    assert_int_equal(vmm_refused(&v, "surface-format"), 1);
    assert_true(screen_shows_pattern(&s, 40, 30, 3)); /* the last picture stays */
    mapped_free(&m);
}

static void test_geometry_refused(void **state)
{
    static const struct {
        const char *want;
        uint32_t offset, width, height, stride, size;
    } cases[] = {
        {NULL, 0, 64, 64, 256, 64 * 256},
        {"surface-edge", 0, 0, 64, 256, 64 * 256},
        {"surface-edge", 0, 64, 0, 256, 64 * 256},
        {"surface-edge", 0, 8193, 1, 8193 * 4, 8193 * 4},
        {"surface-edge", 0, 1, 8193, 4, 8193 * 4},
        {"surface-edge", 0, 0xffffff, 0xffffff, 0xffffffff, 64u << 20},
        {"surface-stride", 0, 64, 64, 255, 64 * 256},
        {"surface-stride", 0, 64, 64, 0, 64 * 256},
        {"surface-bounds", 1, 64, 64, 256, 64 * 256},
        {"surface-bounds", 0xffffffff, 64, 64, 256, 64 * 256},
        {"surface-bounds", 0, 64, 64, 0xffffffff, 64 * 256},
        {"surface-bounds", 0, 64, 65, 256, 64 * 256},
        {NULL, 4, 63, 64, 256, 64 * 256}, /* the last row unpadded */
    };
    struct mapped m;

    for (uint32_t i = 0; i < COUNT(cases); i++) {
        uint64_t total = vmm_refused_total(&v);

        mapped_new(&mp, &m, 1 + i, 64, 64, FORMAT_BGRA, 256, false);
        if (cases[i].size > m.desc.size_bytes) { /* the same pages over and over */
            uint32_t page = m.pages[0];

            m.page_count = (uint32_t)((cases[i].size + g.page - 1) / g.page);
            m.pages = realloc(m.pages, m.page_count * sizeof(*m.pages));
            for (uint32_t p = 0; p < m.page_count; p++)
                m.pages[p] = page;
        }
        m.desc.size_bytes = cases[i].size;
        m.desc.plane[0].offset_bytes = cases[i].offset;
        m.desc.plane[0].width_px = cases[i].width;
        m.desc.plane[0].height_px = cases[i].height;
        m.desc.plane[0].stride_bytes = cases[i].stride;
        mapped_describe(&mp, &m);
        assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, m.id), 0); /* geometry is the user's business */
        mapped_show(&s, m.id);
        assert_int_equal(vmm_refused_total(&v), total + (cases[i].want != NULL));
        if (cases[i].want)
            assert_true(vmm_refused(&v, cases[i].want) > 0);
        mapped_free(&m);
    }
}

/* The tail of 0x08 (display 3.2, H12): the identity table's sum, and a table that inverts. */
static void test_gamma(void **state)
{
    uint64_t gva = space_alloc(&g, &g.kernel, 3 * 257 * 4);
    float table[3 * 257];
    uint32_t sum = 0, word;
    struct mapped m;

    mapped_new(&mp, &m, 1, 30, 30, FORMAT_BGRA, 0, false);
    mapped_pattern(&mp, &m, 5);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t c = 0; c < 3; c++)
            for (uint32_t i = 0; i < 257; i++)
                table[257 * c + i] = (float)(pass ? 256 - i : i) / 256;
        space_write(&g, &g.kernel, gva, table, sizeof(table));
        for (sum = 0, word = 0; word < 3 * 257; word++)
            sum += le32_get((const uint8_t *)table + 4 * word);
        assert_int_equal(sum, 0x48400000);
        guest_run(&g, s.c, CMD_DISPLAY_SWAP_MAPPING, WORDS(0, 0, 1, 0, LO(gva), HI(gva), 0x4000, 0, 257, sum));
        if (!pass)
            assert_true(screen_shows_pattern(&s, 30, 30, 5));
    }
    for (uint32_t x = 0; x < 30; x++)
        for (uint32_t shift = 0; shift < 24; shift += 8) {
            int got = screen_pixel(&s, x, 7) >> shift & 0xff, want = 255 - (int)(pattern(x, 7, 5) >> shift & 0xff);

            assert_true(got >= want - 1 && got <= want + 1);
        }
    /* 12 bytes: a present without gamma; the table stays */
    mapped_pattern(&mp, &m, 6);
    guest_run(&g, s.c, CMD_DISPLAY_SWAP_MAPPING, WORDS(0, 0, 1));
    assert_false(screen_shows_pattern(&s, 30, 30, 6));
    assert_int_equal(vmm_refused_total(&v), 0);
    guest_run(&g, s.c, CMD_DISPLAY_SWAP_MAPPING, WORDS(0, 0));
    assert_int_equal(vmm_refused(&v, "payload-short"), 1);
    guest_run(&g, s.c, CMD_DISPLAY_SWAP_MAPPING, WORDS(0, 0, 0)); /* nothing to show */
    assert_int_equal(vmm_refused_total(&v), 1);
    mapped_free(&m);
}

/* MAP of a live id with other pages: what stands is taken from the old ones first. */
static void test_remap_under_present(void **state)
{
    for (uint32_t round = 0; round < 50; round++) {
        struct mapped old, fresh;
        uint32_t stamp;

        mapped_new(&mp, &old, 1, 64, 32, FORMAT_BGRA, 0, round & 1);
        mapped_pattern(&mp, &old, round);
        assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
        stamp = stand(1);
        mapped_new(&mp, &fresh, 1, 64, 32, FORMAT_BGRA, 0, !(round & 1));
        mapped_pattern(&mp, &fresh, round + 1000);
        assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
        scribble(&old);
        guest_wait(&g, s.c, stamp);
        assert_true(screen_shows_pattern(&s, 64, 32, round));
        mapped_show(&s, 1);
        assert_true(screen_shows_pattern(&s, 64, 32, round + 1000));
        assert_int_equal(pvg_iosfc_mappings(mp.m), 1);
        mapped_free(&old);
        mapped_free(&fresh);
    }
    assert_int_equal(vmm_refused_total(&v), 0);
}

/* UNMAP: the same; and afterwards nothing of the surface is kept or written. */
static void test_unmap_under_present(void **state)
{
    for (uint32_t round = 0; round < 50; round++) {
        uint32_t stamp;
        struct mapped m;
        uint64_t sum;

        mapped_new(&mp, &m, 1, 64, 32, FORMAT_BGRA, 0, round & 1);
        mapped_pattern(&mp, &m, round);
        stamp = stand(1); /* mapped on demand */
        assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 1), 0);
        scribble(&m);
        assert_int_equal(vmm_see(&v, mp.live), 0);
        guest_wait(&g, s.c, stamp);
        assert_true(screen_shows_pattern(&s, 64, 32, round));
        sum = le32_get(guest_ptr(&g, m.pages[0], 0));
        assert_int_equal(sum, 0xcccccccc);
        /* the guest withdraws the record: there is nothing to resolve */
        *mapper_table_entry(&mp, 1) = 0;
        mapped_show(&s, 1);
        assert_int_equal(vmm_refused(&v, "mapper-id"), round + 1);
        assert_true(screen_shows_pattern(&s, 64, 32, round));
        mapped_free(&m);
    }
    assert_int_equal(vmm_refused_total(&v), 50);
}

/* First use fails, the record becomes valid, the next use works (memory 9.7). */
static void test_on_demand_retry(void **state)
{
    struct mapped m;

    mapped_new(&mp, &m, 1, 64, 32, FORMAT_BGRA, 0, false);
    mapped_pattern(&mp, &m, 1);
    mapped_list(&mp, &m)[0] = 0;
    mapped_show(&s, 1);
    assert_int_equal(vmm_refused(&v, "mapper-page"), 1);
    assert_int_equal(pvg_iosfc_mappings(mp.m), 0);
    mapped_describe(&mp, &m);
    mapped_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 32, 1));
    assert_int_equal(pvg_iosfc_mappings(mp.m), 1);
    mapped_free(&m);
}

/* A list that loses a page while it is mapped: with the RAM table the present is refused, and nothing else happens. */
static void test_list_changes_behind_mapping(void **state)
{
    struct mapped m;

    mapped_new(&mp, &m, 1, 128, 128, FORMAT_BGRA, 0, false);
    mapped_pattern(&mp, &m, 1);
    mapped_show(&s, 1);
    mapped_list(&mp, &m)[2] = guest_hole(&g) << 2 | 1;
    mapped_show(&s, 1);
    assert_int_equal(vmm_refused(&v, "mapper-page"), v.cfg.tasks == PVG_TASKS_TABLE);
    assert_true(screen_shows_pattern(&s, 128, 128, 1));
    mapped_free(&m);
}

/* Two live mappings of the same pages: both can be shown, neither is written to (memory 9.7, 8). */
static void test_overlap(void **state)
{
    struct mapped a, b;

    mapped_new(&mp, &a, 1, 64, 128, FORMAT_BGRA, 0, false);
    mapped_new(&mp, &b, 2, 64, 128, FORMAT_BGRA, 0, false);
    memcpy(b.pages, a.pages, a.page_count * sizeof(*a.pages));
    mapped_describe(&mp, &b);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 2), 0);
    mapped_pattern(&mp, &a, 4);
    mapped_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 128, 4));
    mapped_pattern(&mp, &b, 5);
    mapped_show(&s, 2);
    assert_true(screen_shows_pattern(&s, 64, 128, 5));
    assert_int_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 1), 0);
    mapped_show(&s, 2);
    assert_true(screen_shows_pattern(&s, 64, 128, 5));
    assert_int_equal(vmm_refused_total(&v), 0);
    mapped_free(&a);
    mapped_free(&b);
}

/* memory 7.5: a mapping that contains one of the device's own pages is not shown. */
static void test_control_pages(void **state)
{
    const uint32_t pages[] = {g.root_page_pfn, mp.ring_pfn, mp.table_pfn};
    struct mapped m;

    mapped_new(&mp, &m, 1, 128, 128, FORMAT_BGRA, 0, false);
    mapped_pattern(&mp, &m, 1);
    mapped_show(&s, 1);
    for (uint64_t i = 0; i < COUNT(pages); i++) {
        m.pages[1] = pages[i];
        mapped_describe(&mp, &m);
        assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
        for (uint64_t n = 1; n <= 2; n++) {
            mapped_show(&s, 1);
            assert_int_equal(vmm_refused(&v, "surface-collision"), 2 * i + n);
        }
    }
    m.pages[1] = guest_page(&g);
    mapped_describe(&mp, &m);
    mapped_pattern(&mp, &m, 2);
    mapped_show(&s, 1); /* the list is read anew */
    assert_true(screen_shows_pattern(&s, 128, 128, 2));
    mapped_free(&m);
}

/* Nor is anything written to the mapper's ring and table for other commands, as long as they are that. */
static void test_mapper_pages(void **state)
{
    uint32_t pages[3];

    mapper_start(&mp, 2048); /* two pages */
    pages[0] = mp.ring_pfn;
    pages[1] = mp.ring_pfn + 1;
    pages[2] = mp.table_pfn;
    for (uint32_t i = 0; i < COUNT(pages); i++) {
        guest_run(&g, &g.channel[0], CMD_GET_DEVICE_INFO, WORDS(64, 64, pages[i]));
        guest_run(&g, &g.channel[0], CMD_DISPLAY_SET_SHARED_STATE_PAGE, WORDS(0, pages[i]));
        assert_int_equal(vmm_refused(&v, "reply-collision"), 2 * i + 2);
    }
    pvg_iosfc_reset(mp.m);
    guest_run(&g, &g.channel[0], CMD_GET_DEVICE_INFO, WORDS(64, 64, mp.ring_pfn));
    mapper_write(&mp, IOSFC_DESC_TABLE, ((uint64_t)mp.table_pfn << g.shift) + 4);
    guest_run(&g, &g.channel[0], CMD_GET_DEVICE_INFO, WORDS(64, 64, mp.table_pfn));
    assert_int_equal(vmm_refused(&v, "reply-collision"), 7);
    mapper_free(&mp);
    guest_run(&g, &g.channel[0], CMD_GET_DEVICE_INFO, WORDS(64, 64, mp.table_pfn));
    assert_int_equal(vmm_refused(&v, "reply-collision"), 7);
}

/* Surfaces of type 4 work beside mappings (display 7.3). */
static void test_both_namespaces(void **state)
{
    struct pixels surface;
    struct mapped m;

    guest_surface(&g, &surface, 1, 70, 30, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 1);
    mapped_new(&mp, &m, 1, 30, 70, FORMAT_BGRA, 0, false);
    mapped_pattern(&mp, &m, 2);
    for (int i = 0; i < 3; i++) {
        screen_show(&s, 1);
        assert_true(screen_shows_pattern(&s, 70, 30, 1));
        mapped_show(&s, 1);
        assert_true(screen_shows_pattern(&s, 30, 70, 2));
    }
    space_tell(&g, &g.kernel, surface.gva, surface.length, false); /* an unmap of the task's: nothing to a mapping */
    mapped_show(&s, 1);
    assert_int_equal(vmm_refused_total(&v), 0);
    mapped_free(&m);
}

/* An UNMAP of no mapping touches no present: not one of a type-4 surface either, whose mapping is 0. */
static void test_unmap_of_nothing(void **state)
{
    static const struct pvg_mode slow = {640, 480, 1}; /* a second between ticks */
    struct pixels surface;
    bool stood = false;

    assert_int_equal(pvg_display_set_modes(d->disp, &slow, 1), 0);
    screen_wait_event(&s, EVENT_ONLINE);
    screen_ack(&s);
    guest_surface(&g, &surface, 1, 70, 30, FORMAT_BGRA, 0);
    for (int i = 0; i < 10 && !stood; i++) {
        uint64_t taken, presents = pvg_display_guest_presents(d->disp);

        screen_show(&s, 1); /* its stamp comes at a tick */
        taken = pvg_display_host_presents(d->disp);
        screen_present(&s, 1);
        vmm_poll(pvg_display_guest_presents(d->disp) == presents + 2);
        assert_int_not_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 0), 0);
        assert_int_not_equal(mapper_do(&mp, IOSFC_OP_UNMAP, 99), 0);
        stood = pvg_display_host_presents(d->disp) == taken; /* unless a tick came, which is rare */
    }
    assert_true(stood);
    guest_wait(&g, s.c, s.c->stamp);
}

/* The mapper first, the gfx device afterwards; and a reset of either while the other goes on. */
static void test_orders(void **state)
{
    struct mapped m;

    mapped_new(&mp, &m, 1, 64, 64, FORMAT_BGRA, 0, false);
    mapped_pattern(&mp, &m, 3);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    screen_up();
    mapped_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 64, 3));

    stand(1);
    pvg_device_reset(v.dev); /* mappings are none of its business */
    assert_int_equal(pvg_iosfc_mappings(mp.m), 1);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    guest_boot(&g, 0);
    guest_channel(&g, 5, 1);
    g.channel[5].stamp = 0;
    screen_online(&s, EVENT_ONLINE);
    mapped_show(&s, 1);

    stand(1);
    pvg_iosfc_reset(mp.m);
    guest_wait(&g, s.c, s.c->stamp); /* its stamp completes; what stood is dropped unread or was taken */
    assert_int_equal(pvg_iosfc_mappings(mp.m), 0);
    assert_int_equal(vmm_see(&v, mp.live), 0);
    mapped_show(&s, 1); /* no table: refused */
    assert_int_equal(vmm_refused(&v, "mapper-id"), 1);
    mapper_start(&mp, 64);
    mapped_describe(&mp, &m);
    mapped_show(&s, 1);
    assert_int_equal(pvg_iosfc_mappings(mp.m), 1);
    assert_int_equal(vmm_refused_total(&v), 1);
    mapped_free(&m);
}

/* Freed with presents standing: they complete, later ones are refused by name, the displays go on. */
static void test_free_with_presents(void **state)
{
    struct pixels surface;
    struct mapped m;
    uint32_t stamp;

    guest_surface(&g, &surface, 1, 70, 30, FORMAT_BGRA, 0);
    pixels_pattern(&g, &surface, 1);
    mapped_new(&mp, &m, 1, 64, 64, FORMAT_BGRA, 0, false);
    for (uint32_t round = 0; round < 20; round++) {
        mapped_pattern(&mp, &m, 3);
        stamp = stand(1);
        mapper_free(&mp);
        guest_wait(&g, s.c, stamp);
        mapped_show(&s, 1);
        assert_int_equal(vmm_refused(&v, "mapping-unsupported"), round + 1);
        screen_show(&s, 1);
        assert_true(screen_shows_pattern(&s, 70, 30, 1));
        mapper_new(&mp, &g);
        mapper_start(&mp, 64);
        mapped_describe(&mp, &m);
        mapped_show(&s, 1);
        assert_true(screen_shows_pattern(&s, 64, 64, 3));
    }
    assert_int_equal(vmm_refused_total(&v), 20);
    mapped_free(&m);
}

static void test_stop_with_presents(void **state)
{
    struct mapped m;

    mapped_new(&mp, &m, 1, 64, 64, FORMAT_BGRA, 0, false);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    stand(1);
    assert_int_equal(pvg_device_pause(v.dev), 0);
    pvg_device_stop(v.dev);
    assert_int_equal(vmm_see(&v, mp.live), 0);
    mapped_free(&m);
}

static void test_pause_with_presents(void **state)
{
    struct mapped m;

    mapped_new(&mp, &m, 1, 64, 64, FORMAT_BGRA, 0, false);
    mapped_pattern(&mp, &m, 8);
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t stamp = stand(1);

        assert_int_equal(pvg_device_pause(v.dev), 0);
        mapper_put(&mp, i & 1 ? IOSFC_OP_UNMAP : IOSFC_OP_MAP, 1);
        mapper_ring(&mp);
        assert_int_equal(pvg_device_unpause(v.dev), 0);
        mapper_wait(&mp);
        guest_wait(&g, s.c, stamp);
        assert_true(screen_shows_pattern(&s, 64, 64, 8));
    }
    assert_int_equal(vmm_refused_total(&v), 0);
    /* and freed while it is paused */
    stand(1);
    assert_int_equal(pvg_device_pause(v.dev), 0);
    mapper_free(&mp);
    assert_int_equal(pvg_device_unpause(v.dev), 0);
    guest_wait(&g, s.c, s.c->stamp);
    mapped_free(&m);
}

/* display 4: on this variant nothing at 0x800 or above is the host's, however many modes there are. */
static void test_shared_page_tail(void **state)
{
    struct pvg_mode many[128];
    uint8_t *page;

    for (uint32_t i = 0; i < COUNT(many); i++)
        many[i] = (struct pvg_mode){(uint16_t)(640 + 8 * i), 480, 60};
    guest_boot(&g, 0);
    d = vmm_display_new(&v, 0, many, COUNT(many), false);
    screen_init(&s, &g, 0);
    page = guest_ptr(&g, s.page_pfn, 0);
    memset(page + 0x800, 0xa5, g.page - 0x800);
    screen_online(&s, EVENT_ONLINE);
    assert_int_equal(pvg_display_set_modes(d->disp, many + 1, COUNT(many) - 1), 0);
    screen_wait_event(&s, EVENT_ONLINE);
    screen_ack(&s);
    for (uint64_t i = 0x800; i < g.page; i++)
        assert_int_equal(page[i], 0xa5);
}

/* A hostile guest: rewrites table, record and list while they are read. Not for ThreadSanitizer: the race is the point.
 */
struct hostile {
    struct mapped *m;
    const struct mapped *other;
    _Atomic bool stop;
};

__attribute__((no_sanitize("thread"), noinline)) static void race_put(void *word, uint32_t value)
{
    *(volatile uint32_t *)word = value;
}

static void *hostile_main(void *arg)
{
    struct hostile *h = arg;
    uint8_t *record = mapper_record(&mp, h->m->id);
    uint32_t *list = guest_ptr(&g, h->m->desc.list_pfn, 0);
    uint32_t *entry = (uint32_t *)mapper_table_entry(&mp, h->m->id), whole = *entry, x = 1;
    static const uint32_t sizes[] = {64 * 128 * 4, 0, UINT32_MAX, 64u << 20, 64 * 128 * 4, 1, 16384};

    while (!atomic_load(&h->stop)) {
        x = x * 1664525 + 1013904223;
        race_put(entry, x >> 28 ? whole : x >> 4);
        race_put(record, x >> 27 & 3 ? h->m->desc.list_pfn << 2 | 1 : x);
        race_put(record + 0x10, sizes[(x >> 20) % COUNT(sizes)]);
        race_put(record + 0x1c, x >> 24 & 7 ? 256 : x);
        race_put(record + 0x18, x >> 23 & 7 ? 128u << 8 | 1 : x);
        race_put(list + (x >> 10) % 2, x >> 26 & 3 ? h->m->pages[(x >> 10) % 2] << 2 | 1 : h->other->pages[0] << 2 | 1);
        race_put(list + 1, x >> 25 & 7 ? h->m->pages[1] << 2 | 1 : x);
    }
    race_put(entry, whole);
    return NULL;
}

static void test_changing_descriptors(void **state)
{
    struct mapped m, other;
    struct hostile h = {.m = &m, .other = &other};
    pthread_t thread;

    mapped_new(&mp, &m, 1, 64, 128, FORMAT_BGRA, 0, false);
    mapped_new(&mp, &other, 2, 64, 128, FORMAT_BGRA, 0, false);
    assert_int_equal(pthread_create(&thread, NULL, hostile_main, &h), 0);
    for (uint32_t i = 0; i < 3000 / SLOWER; i++) {
        mapper_put(&mp, i % 3 == 2 ? IOSFC_OP_UNMAP : IOSFC_OP_MAP, 1);
        mapper_ring(&mp);
        if (i % 5 == 0)
            mapped_show(&s, 1);
        else
            mapped_present(&s, 1);
        mapper_wait(&mp);
    }
    guest_wait(&g, s.c, s.c->stamp);
    atomic_store(&h.stop, true);
    pthread_join(thread, NULL);
    mapped_describe(&mp, &m);
    mapped_pattern(&mp, &m, 77);
    assert_int_equal(mapper_do(&mp, IOSFC_OP_MAP, 1), 0);
    mapped_show(&s, 1);
    assert_true(screen_shows_pattern(&s, 64, 128, 77));
    mapped_free(&m);
    mapped_free(&other);
}

#define MAPPER_TEST(f, config)                                                                                         \
    {                                                                                                                  \
#f " (" #config ")", f, setup_mapper, teardown, &(config)                                                      \
    }

int main(void)
{
    static struct vmm_config table = {.shift = 14, .low_bytes = 64u << 20, .high_bytes = 32u << 20};
    static struct vmm_config callbacks = {
        .shift = 14, .tasks = PVG_TASKS_CALLBACKS, .low_bytes = 64u << 20, .high_bytes = 32u << 20};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_pictures, table),
        DEVICE_TEST(test_pictures, callbacks),
        DEVICE_TEST(test_formats, table),
        DEVICE_TEST(test_formats, callbacks),
        DEVICE_TEST(test_planes, table),
        DEVICE_TEST(test_planes, callbacks),
        DEVICE_TEST(test_geometry_refused, table),
        DEVICE_TEST(test_geometry_refused, callbacks),
        DEVICE_TEST(test_gamma, table),
        DEVICE_TEST(test_gamma, callbacks),
        DEVICE_TEST(test_remap_under_present, table),
        DEVICE_TEST(test_remap_under_present, callbacks),
        DEVICE_TEST(test_unmap_under_present, table),
        DEVICE_TEST(test_unmap_under_present, callbacks),
        DEVICE_TEST(test_on_demand_retry, table),
        DEVICE_TEST(test_on_demand_retry, callbacks),
        DEVICE_TEST(test_list_changes_behind_mapping, table),
        DEVICE_TEST(test_list_changes_behind_mapping, callbacks),
        DEVICE_TEST(test_overlap, table),
        DEVICE_TEST(test_overlap, callbacks),
        DEVICE_TEST(test_control_pages, table),
        DEVICE_TEST(test_mapper_pages, table),
        DEVICE_TEST(test_mapper_pages, callbacks),
        DEVICE_TEST(test_both_namespaces, table),
        DEVICE_TEST(test_both_namespaces, callbacks),
        DEVICE_TEST(test_unmap_of_nothing, table),
        MAPPER_TEST(test_orders, table),
        MAPPER_TEST(test_orders, callbacks),
        DEVICE_TEST(test_free_with_presents, table),
        DEVICE_TEST(test_free_with_presents, callbacks),
        DEVICE_TEST(test_stop_with_presents, table),
        DEVICE_TEST(test_stop_with_presents, callbacks),
        DEVICE_TEST(test_pause_with_presents, table),
        DEVICE_TEST(test_pause_with_presents, callbacks),
        MAPPER_TEST(test_shared_page_tail, table),
        DEVICE_TEST(test_changing_descriptors, table),
        DEVICE_TEST(test_changing_descriptors, callbacks),
    };

    return cmocka_run_group_tests_name("iosfc_present", tests, NULL, NULL);
}
