/* SPDX-License-Identifier: MIT */
/*
 * The default picture provider: surfaces in guest memory by id, their checks, their deletion, pages that come late or
 * move (display 7.2, memory 5.3, 7.3, 7.5, 8), in both task modes. Pixels are compared by value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "object_fixture.h"

static enum refuse find(struct fixture *f, uint32_t task, uint32_t id, struct picture *pic)
{
    return f->provider.find(f->provider.ctx, &f->core->pin, task, id, pic, &f->fault);
}

/* Read under a pin of its own, as the display's clock does. */
static int read_picture(struct fixture *f, const struct picture *pic, uint8_t *dst, size_t stride)
{
    struct gmem_runs scratch = {0};
    struct gmem_pin pin = {0};
    int err;

    gmem_pin(f->g, &pin);
    err = f->provider.read(f->provider.ctx, &pin, pic, dst, stride, &scratch, &f->fault);
    gmem_unpin(&pin);
    gmem_runs_fini(&scratch);
    return err;
}

static uint32_t colour(uint32_t x, uint32_t y, uint32_t seed)
{
    return (x * 0x10001 + y * 0x301 + seed * 0x01010101) | 0xff000000;
}

/* Paint through the guest's own tables, four bytes per pixel. */
static void paint(struct fixture *f, const struct surface *s, uint32_t seed)
{
    const struct surface_plane *p = &s->plane[0];
    uint32_t *row = malloc(4ull * p->width_px);

    for (uint32_t y = 0; y < p->height_px; y++) {
        for (uint32_t x = 0; x < p->width_px; x++)
            row[x] = colour(x, y, seed);
        guest_poke(&f->ram, f->directory[0],
                   ((uint64_t)s->first_page << f->ram.shift) + p->offset_bytes + (uint64_t)y * p->stride_bytes, row,
                   4ull * p->width_px);
    }
    free(row);
}

static void expect(struct fixture *f, const struct picture *pic, uint32_t seed)
{
    size_t stride = 4 * pic->width_px + 12;
    uint8_t *dst = malloc(stride * pic->height_px);

    memset(dst, 0x5a, stride * pic->height_px);
    assert_int_equal(read_picture(f, pic, dst, stride), 0);
    for (uint32_t y = 0; y < pic->height_px; y++) {
        for (uint32_t x = 0; x < pic->width_px; x++)
            assert_int_equal(le32_get(dst + y * stride + 4 * x), colour(x, y, seed));
        for (size_t i = 4 * pic->width_px; i < stride; i++)
            assert_int_equal(dst[y * stride + i], 0x5a); /* the gap is the caller's */
    }
    free(dst);
}

static void pictures(struct fixture *f)
{
    struct surface s = put_surface(f, 5, 100, 60);
    struct picture pic;

    paint(f, &s, 1);
    assert_int_equal(find(f, 0, 5, &pic), REFUSE_NONE);
    assert_int_equal(pic.width_px, 100);
    assert_int_equal(pic.height_px, 60);
    assert_int_equal(pic.format, PVG_FOURCC_BGRA);
    assert_int_equal(pic.bytes_per_pixel, 4);
    assert_int_equal(pic.stride_bytes, 400);
    assert_int_equal(pic.backing.v, (uint64_t)s.first_page << f->ram.shift);
    assert_int_equal(pic.backing_bytes, 24000);
    assert_int_equal(pic.space.task, 0);
    assert_null(pic.space.handle);
    expect(f, &pic, 1);
    paint(f, &s, 2); /* never announced, and yet shown at the next read (display 7.4) */
    expect(f, &pic, 2);
    assert_int_equal(find(f, 0, 5, &pic), REFUSE_NONE);
    expect(f, &pic, 2);

    /* Named in another task: found in the kernel task all the same. */
    assert_int_equal(find(f, 3, 5, &pic), REFUSE_NONE);
    assert_int_equal(pic.space.task, 0);
    expect(f, &pic, 2);
    assert_int_equal(find(f, 77, 5, &pic), REFUSE_NONE);
    put_buffer(f, 3, 5, 0x1000, 7);
    assert_int_equal(find(f, 3, 5, &pic), REFUSE_NONE);
    put_buffer(f, 0, 6, 0x1000, 7);
    assert_int_equal(find(f, 0, 6, &pic), REFUSE_OBJECT_TYPE);
    assert_int_equal(find(f, 3, 6, &pic), REFUSE_SLOT_EMPTY);
    assert_int_equal(find(f, 77, 9, &pic), REFUSE_TASK_NONE);

    /* A stride and an offset in the middle of pages, and a backing that ends with the last row's last pixel. */
    s.plane[0] = (struct surface_plane){0x123, 33, 40, 500, 4};
    s.length_bytes = 0x123 + 39 * 500 + 33 * 4;
    put_surface_as(f, 0, 5, &s);
    paint(f, &s, 3);
    assert_int_equal(find(f, 0, 5, &pic), REFUSE_NONE); /* the slot names another surface: the newest counts */
    assert_int_equal(pic.width_px, 33);
    expect(f, &pic, 3);

    /* The slot is cleared while presents are still queued. */
    put_slot(f, 0, 5, (struct object_slot){0, 0, 0});
    assert_int_equal(find(f, 0, 5, &pic), REFUSE_NONE);
    expect(f, &pic, 3);
}

static void test_pictures(void **state)
{
    struct fixture f;

    (void)state;
    for (uint32_t shift = 12; shift <= 14; shift += 2) {
        fixture_init(&f, shift, true);
        pictures(&f);
        fixture_fini(&f);
        fixture_init_callbacks(&f, shift);
        pictures(&f);
        fixture_fini(&f);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *name;
        uint64_t length;
        uint32_t format;
        struct surface_plane plane;
        enum refuse want;
    } cases[] = {
        {"good", 4096, PVG_FOURCC_BGRA, {0, 16, 16, 64, 4}, REFUSE_NONE},
        {"unknown format", 4096, 0x34323066, {0, 16, 16, 64, 4}, REFUSE_SURFACE_FORMAT},
        {"format 0", 4096, 0, {0, 16, 16, 64, 4}, REFUSE_SURFACE_FORMAT},
        {"no width", 4096, PVG_FOURCC_BGRA, {0, 0, 16, 64, 4}, REFUSE_SURFACE_EDGE},
        {"too wide", 1 << 30, PVG_FOURCC_BGRA, {0, 8193, 1, 8193 * 4, 4}, REFUSE_SURFACE_EDGE},
        {"stride too short", 4096, PVG_FOURCC_BGRA, {0, 17, 16, 64, 4}, REFUSE_SURFACE_STRIDE},
        {"half float needs twice as much", 4096, 0x52476841, {0, 16, 16, 64, 8}, REFUSE_SURFACE_STRIDE},
        {"half float", 4096, 0x52476841, {0, 16, 16, 128, 8}, REFUSE_NONE},
        {"beyond the backing", 1023, PVG_FOURCC_BGRA, {0, 16, 16, 64, 4}, REFUSE_SURFACE_BOUNDS},
        {"backing at the limit", 1ull << 30, PVG_FOURCC_BGRA, {0, 16, 16, 64, 4}, REFUSE_SPAN_LONG},
        {"backing above the limit", (1ull << 30) + 1, PVG_FOURCC_BGRA, {0, 16, 16, 64, 4}, REFUSE_SURFACE_LARGE},
        {"backing larger than RAM", 33 << 20, PVG_FOURCC_BGRA, {0, 16, 16, 64, 4}, REFUSE_SPAN_LONG},
        {"largest length there is", UINT64_MAX, PVG_FOURCC_BGRA, {0, 16, 16, 64, 4}, REFUSE_SURFACE_LARGE},
        {"a page of the backing is missing", 4097, PVG_FOURCC_BGRA, {0, 16, 16, 64, 4}, REFUSE_PT_HOLE},
    };
    struct surface s;
    struct picture pic;
    struct fixture f;

    (void)state;
    fixture_init(&f, 12, true);
    s = put_surface(&f, 5, 32, 32);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("  %s\n", cases[i].name);
        s.length_bytes = cases[i].length;
        s.format = cases[i].format;
        s.plane[0] = cases[i].plane;
        put_surface_as(&f, 0, 5, &s);
        assert_int_equal(find(&f, 0, 5, &pic), cases[i].want);
    }
    fixture_fini(&f);
}

#define V_SET_HOST 0x0100u

static void state_host_valid(struct fixture *f, uint32_t id)
{
    done(f, CMD_INVALIDATE_RESOURCES, WORDS(0, 1, id, V_SET_HOST));
}

/* Pages that are not there yet, then are; and that move without a word or with one (memory 3.2, 5.3). */
static void test_pages(void **state)
{
    struct picture pic;
    struct surface s;
    struct fixture f;
    uint32_t *entry, page, moved;
    uint8_t dst[4 * 64 * 64];

    (void)state;
    fixture_init(&f, 12, true);
    s = put_surface(&f, 5, 64, 64);
    paint(&f, &s, 1);
    entry = guest_entry(&f.ram, f.directory[0], ((uint64_t)s.first_page << 12) + 0x2000, 2);
    page = *entry;
    *entry = 0;
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_PT_HOLE);
    assert_int_equal(f.fault.gva.v, ((uint64_t)s.first_page << 12) + 0x2000);
    *entry = page;
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_NONE);
    expect(&f, &pic, 1);

    moved = guest_page(&f.ram);
    memcpy(guest_page_at(&f.ram, moved), guest_page_at(&f.ram, page), 0x1000);
    memset(guest_page_at(&f.ram, page), 0, 0x1000);
    *entry = moved;
    expect(&f, &pic, 1);
    state_host_valid(&f, 5);
    done(&f, CMD_REPLACE_PHYSICAL, WORDS(0, 5)); /* the same surface: what is known of its content stays */
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_NONE);
    expect(&f, &pic, 1);
    assert_true(object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 5)->host_valid);
    *entry = page; /* without a word: another surface, for all the host knows */
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_NONE);
    assert_false(object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 5)->host_valid);
    *entry = 0; /* gone between find and read: an error, not a picture */
    assert_int_equal(read_picture(&f, &pic, dst, 256), PVG_ERR_REFUSED);
    assert_int_equal(f.fault.reason, REFUSE_PT_HOLE);
    fixture_fini(&f);
}

static void test_collision(void **state)
{
    struct picture pic;
    struct surface s;
    struct fixture f;
    uint32_t *entry, page;

    (void)state;
    fixture_init(&f, 12, true);
    s = put_surface(&f, 5, 64, 64);
    entry = guest_entry(&f.ram, f.directory[0], ((uint64_t)s.first_page << 12) + 0x1000, 2);
    page = *entry;
    *entry = f.directory[3]; /* a live task's directory page */
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_SURFACE_COLLISION);
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_SURFACE_COLLISION);
    *entry = page;
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_NONE);
    *entry = f.directory[0]; /* an accepted surface whose pages change */
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_SURFACE_COLLISION);
    fixture_fini(&f);
}

/* CmdDeleteIOSurfaceBacking2 trails the guest's release (memory 7.3). */
static void test_condemn(void **state)
{
    const struct object *o;
    struct surface s, other;
    struct picture pic;
    struct fixture f;
    uint64_t sum;

    (void)state;
    fixture_init(&f, 12, true);
    s = put_surface(&f, 5, 64, 64);
    paint(&f, &s, 1);
    sum = checksum(&f);

    /* Resolved: condemned. The same pages again: the content is the same surface's. */
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_NONE);
    state_host_valid(&f, 5);
    f.settled = 0;
    done(&f, CMD_DELETE_IOSURFACE_BACKING2, WORDS(5, 0));
    assert_int_equal(f.settled, 1);
    assert_int_equal(f.settled_gva, (uint64_t)s.first_page << 12);
    assert_int_equal(f.settled_bytes, s.length_bytes);
    o = object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 5);
    assert_true(o->condemned && !o->descriptor);
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_NONE);
    o = object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 5);
    assert_true(!o->condemned && o->host_valid);
    expect(&f, &pic, 1);

    /* Another surface under the id by then: nothing is kept of the old one. */
    done(&f, CMD_DELETE_IOSURFACE_BACKING2, WORDS(5, 0));
    other = put_surface(&f, 6, 64, 64);
    sum = checksum(&f);
    put_surface_as(&f, 0, 5, &other);
    sum = checksum(&f);
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_NONE);
    o = object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 5);
    assert_true(!o->condemned && !o->host_valid && o->guest_valid);
    assert_int_equal(pic.backing.v, (uint64_t)other.first_page << 12);

    /* Two deletes without a resolve in between: really gone. Then unknown: nothing to do. */
    done(&f, CMD_DELETE_IOSURFACE_BACKING2, WORDS(5, 0));
    assert_non_null(object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 5));
    done(&f, CMD_DELETE_IOSURFACE_BACKING2, WORDS(5, 0));
    assert_null(object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 5));
    done(&f, CMD_DELETE_IOSURFACE_BACKING2, WORDS(5, 0));
    assert_int_equal(checksum(&f), sum); /* no page of any surface was written */

    /* Condemned, and the slot is empty: there is no picture any more. */
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_NONE);
    done(&f, CMD_DELETE_RESOURCE, WORDS(0, 5)); /* the other way to delete it does the same */
    put_slot(&f, 0, 5, (struct object_slot){0, 0, 0});
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_SLOT_EMPTY);
    done(&f, CMD_DELETE_RESOURCE, WORDS(0, 5));
    assert_null(object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 5));

    /* Never resolved: deleted at once. Another kind of object: refused. */
    put_surface_as(&f, 0, 7, &s);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 7), REFUSE_NONE);
    done(&f, CMD_DELETE_IOSURFACE_BACKING2, WORDS(7, 0));
    assert_null(object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 7));
    put_buffer(&f, 0, 8, 0x1000, 9);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 8), REFUSE_NONE);
    refused(&f, REFUSE_OBJECT_TYPE, CMD_DELETE_IOSURFACE_BACKING2, WORDS(8, 0));
    assert_non_null(object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 8));
    refused(&f, REFUSE_TASK_NONE, CMD_DELETE_IOSURFACE_BACKING2, WORDS(5, 9)); /* object first, then task */
    fixture_fini(&f);
}

static void cut_now(void *ctx)
{
    gmem_cut(ctx);
}

/* Callback mode: unmapped again, failures and a cut inside the VMM. */
static void test_callbacks(void **state)
{
    struct surface s;
    struct picture pic;
    struct fixture f;
    uint8_t dst[4 * 64 * 64];

    (void)state;
    fixture_init_callbacks(&f, 12);
    s = put_surface(&f, 5, 64, 64);
    paint(&f, &s, 1);
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_NONE);
    f.vmm.refuse_read = 1000000;
    assert_int_equal(read_picture(&f, &pic, dst, 256), PVG_ERR_REFUSED);
    f.vmm.refuse_read = 0;
    f.vmm.hook = cut_now;
    f.vmm.hook_ctx = f.g;
    assert_int_equal(read_picture(&f, &pic, dst, 256), PVG_ERR_STOPPED);
    f.vmm.hook = NULL;
    expect(&f, &pic, 1);
    gmem_unpin(&f.core->pin); /* the worker's was cut off too */
    gmem_pin(f.g, &f.core->pin);

    /* Pages moved, with the word: the VMM shows the new ones. */
    *guest_entry(&f.ram, f.directory[0], (uint64_t)s.first_page << 12, 2) = guest_page(&f.ram);
    paint(&f, &s, 2);
    done(&f, CMD_REPLACE_PHYSICAL, WORDS(0, 5));
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_NONE);
    expect(&f, &pic, 2);

    done(&f, CMD_UNMAP_MEMORY, WORDS(0, s.first_page << 12, 0, (uint32_t)s.length_bytes, 0));
    assert_int_equal(find(&f, 0, 5, &pic), REFUSE_PT_HOLE); /* not mapped by the VMM, whatever the table says */
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),  cmocka_unit_test(test_refusals), cmocka_unit_test(test_pages),
        cmocka_unit_test(test_collision), cmocka_unit_test(test_condemn),  cmocka_unit_test(test_callbacks),
    };

    return cmocka_run_group_tests_name("object_picture", tests, NULL, NULL);
}
