/* SPDX-License-Identifier: MIT */
/*
 * Objects: lists, snapshots, deletion, validity, budget (memory 3.2, 4, 6, 7). Commands are handed to the registered
 * handlers on the test's own thread, as the worker does; core's worker is not started.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "object/object_priv.h"
#include "object_fixture.h"

static void test_lists(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f, 12, false);
    assert_int_equal(resolve(&f, 9, OBJECT_CLASS_RESOURCE, 1), REFUSE_TASK_NONE);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 1), REFUSE_LIST_NONE);
    refused(&f, REFUSE_TASK_NONE, CMD_SET_OBJECT_LIST, WORDS(9, 1, 16));
    refused(&f, REFUSE_TASK_NONE, CMD_SET_OBJECT_AND_PLACEMENT_LIST, WORDS(9, 1, 16, 0, 0, 0, 0));
    done(&f, CMD_SET_OBJECT_LIST, WORDS(0, LIST_PAGE, 1000));
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 0), REFUSE_LIST_INDEX);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 1000), REFUSE_LIST_INDEX);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, UINT32_MAX), REFUSE_LIST_INDEX);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 999), REFUSE_SLOT_EMPTY);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 1), REFUSE_LIST_NONE); /* each task has its own */
    done(&f, CMD_SET_OBJECT_LIST, WORDS(0, LIST_PAGE, UINT32_MAX));
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 0x10000), REFUSE_SLOT_UNREADABLE);
    assert_int_equal(f.fault.reason, REFUSE_PT_HOLE);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, UINT32_MAX - 1), REFUSE_SLOT_UNREADABLE);
    put_buffer(&f, 0, 7, 0x100, 1);
    done(&f, CMD_SET_OBJECT_AND_PLACEMENT_LIST, WORDS(0, LIST_PAGE, 8, 1, 2, 3, 4));
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 7), REFUSE_NONE);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 8), REFUSE_LIST_INDEX);
    done(&f, CMD_SET_OBJECT_LIST, WORDS(0, LIST_PAGE + 0x50, 4)); /* elsewhere: what was constructed stays */
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 7), REFUSE_NONE);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 6), REFUSE_LIST_INDEX);
    fixture_fini(&f);
}

/* Each check of a slot and its descriptor. */
static void test_slots(void **state)
{
    static const struct {
        const char *name;
        uint32_t task;
        enum object_class class;
        uint8_t type;
        uint32_t length;
        uint32_t words[4];
        enum refuse want;
    } cases[] = {
        {"buffer", 0, OBJECT_CLASS_RESOURCE, 1, 16, {0x1000, 0, 5}, REFUSE_NONE},
        {"buffer too short", 0, OBJECT_CLASS_RESOURCE, 1, 15, {0x1000, 0, 5}, REFUSE_DESCRIPTOR_SHORT},
        {"buffer at the limit", 0, OBJECT_CLASS_RESOURCE, 1, 4096, {0x1000, 0, 5}, REFUSE_NONE},
        {"buffer above it", 0, OBJECT_CLASS_RESOURCE, 1, 4097, {0x1000, 0, 5}, REFUSE_DESCRIPTOR_LONG},
        {"longest length there is", 0, OBJECT_CLASS_RESOURCE, 1, 0xffffff, {0}, REFUSE_DESCRIPTOR_LONG},
        {"buffer asked for as sampler", 0, OBJECT_CLASS_SAMPLER, 1, 16, {0x1000, 0, 5}, REFUSE_OBJECT_TYPE},
        {"type 0", 0, OBJECT_CLASS_RESOURCE, 0, 16, {0}, REFUSE_OBJECT_TYPE},
        {"type 9", 0, OBJECT_CLASS_RESOURCE, 9, 16, {0}, REFUSE_OBJECT_TYPE},
        {"type 10", 0, OBJECT_CLASS_RESOURCE, 10, 16, {0}, REFUSE_OBJECT_TYPE},
        {"type 255", 0, OBJECT_CLASS_RESOURCE, 255, 16, {0}, REFUSE_OBJECT_TYPE},
        {"texture", 0, OBJECT_CLASS_RESOURCE, 2, 116, {0x1000, 0, 5}, REFUSE_NONE},
        {"texture too short", 0, OBJECT_CLASS_RESOURCE, 3, 115, {0x1000, 0, 5}, REFUSE_DESCRIPTOR_SHORT},
        {"surface in a user task", 3, OBJECT_CLASS_RESOURCE, 4, 0x24, {1, 0, 1}, REFUSE_OBJECT_TYPE},
        {"surface without planes", 0, OBJECT_CLASS_RESOURCE, 4, 0x24, {1, 0, 1}, REFUSE_SURFACE_PLANES},
        {"surface without pages", 0, OBJECT_CLASS_RESOURCE, 4, 0x24, {1, 0, 0}, REFUSE_SURFACE_EMPTY},
        {"surface too short", 0, OBJECT_CLASS_RESOURCE, 4, 0x23, {1, 0, 1}, REFUSE_DESCRIPTOR_SHORT},
        {"function", 3, OBJECT_CLASS_FUNCTION, 6, 24, {0}, REFUSE_NONE},
        {"function asked for as resource", 3, OBJECT_CLASS_RESOURCE, 6, 24, {0}, REFUSE_OBJECT_TYPE},
        {"sampler", 3, OBJECT_CLASS_SAMPLER, 7, 36, {0x03, 36, 20}, REFUSE_NONE},
        {"sampler asked for as pipeline", 3, OBJECT_CLASS_RENDER_PIPELINE, 7, 36, {0x03, 36}, REFUSE_OBJECT_TYPE},
        {"depth-stencil", 3, OBJECT_CLASS_DEPTH_STENCIL, 7, 40, {0x04, 40, 20}, REFUSE_NONE},
        {"compute pipeline", 3, OBJECT_CLASS_COMPUTE_PIPELINE, 7, 40, {0x0b, 40, 20}, REFUSE_NONE},
        {"render pipeline", 3, OBJECT_CLASS_RENDER_PIPELINE, 7, 40, {0x0e, 40, 20}, REFUSE_NONE},
        {"indirect buffer", 3, OBJECT_CLASS_INDIRECT_BUFFER, 7, 88, {0x36, 88, 20}, REFUSE_NONE},
        {"state of no known kind", 3, OBJECT_CLASS_SAMPLER, 7, 36, {0x05, 36, 20}, REFUSE_OBJECT_TYPE},
        {"record with another length", 3, OBJECT_CLASS_SAMPLER, 7, 36, {0x03, 40, 20}, REFUSE_RECORD_LENGTH},
        {"view", 3, OBJECT_CLASS_RESOURCE, 8, 20, {0x07, 20, 20}, REFUSE_NONE},
        {"view with another length", 3, OBJECT_CLASS_RESOURCE, 8, 20, {0x07, 0, 20}, REFUSE_RECORD_LENGTH},
        {"mapped view of no mapping", 3, OBJECT_CLASS_RESOURCE, 11, 0x38, {0}, REFUSE_IOSFC_ID},
        {"mapped view without extent", 3, OBJECT_CLASS_RESOURCE, 11, 0x38, {1}, REFUSE_SURFACE_EDGE},
    };
    struct fixture f;

    (void)state;
    fixture_init(&f, 12, true);
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t bytes = object_bytes(f.set);

        print_message("  %s\n", cases[i].name);
        put(&f, cases[i].task, i + 1, cases[i].type, cases[i].words, sizeof(cases[i].words), cases[i].length);
        assert_int_equal(resolve(&f, cases[i].task, cases[i].class, i + 1), cases[i].want);
        if (cases[i].want) {
            assert_null(f.object);
            assert_int_equal(object_bytes(f.set), bytes); /* nothing is kept of a failure */
        } else {
            assert_int_equal(f.object->type, cases[i].type);
            assert_int_equal(f.object->length_bytes, cases[i].length);
            assert_memory_equal(f.object->descriptor, cases[i].words,
                                cases[i].length < 16 ? cases[i].length : sizeof(cases[i].words));
            assert_int_equal(object_bytes(f.set), bytes + sizeof(struct object) + cases[i].length);
        }
    }
    /* Where the descriptor is not mapped, wraps, or has no address. */
    put_slot(&f, 0, 100, (struct object_slot){1, 16, 0x5000000});
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 100), REFUSE_SLOT_UNREADABLE);
    assert_int_equal(f.fault.reason, REFUSE_PT_HOLE);
    put_slot(&f, 0, 100, (struct object_slot){1, 16, UINT64_MAX - 7});
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 100), REFUSE_SLOT_UNREADABLE);
    assert_int_equal(f.fault.reason, REFUSE_VA_RANGE);
    put_slot(&f, 0, 100, (struct object_slot){1, 16, 0});
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 100), REFUSE_SLOT_EMPTY);
    put_slot(&f, 0, 100, (struct object_slot){1, 0, DESCRIPTORS});
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 100), REFUSE_SLOT_EMPTY);
    /* A failure is not remembered. */
    put_buffer(&f, 0, 100, 0x1000, 5);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 100), REFUSE_NONE);
    fixture_fini(&f);
}

static void test_snapshots(void **state)
{
    const struct object *first;
    struct fixture f;

    (void)state;
    fixture_init(&f, 14, true);
    put_buffer(&f, 3, 5, 0x4000, 9);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 5), REFUSE_NONE);
    first = f.object;
    put_buffer(&f, 3, 5, 0x8000, 10); /* rewritten without a delete: the first object stays */
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 5), REFUSE_NONE);
    assert_ptr_equal(f.object, first);
    assert_int_equal(le64_get(f.object->descriptor), 0x4000);
    put_slot(&f, 3, 5, (struct object_slot){0, 0, 0}); /* cleared */
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 5), REFUSE_NONE);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 5), REFUSE_SLOT_EMPTY); /* of task 3 only */

    done(&f, CMD_DELETE_RESOURCE, WORDS(3, 5));
    assert_int_equal(object_bytes(f.set), 0);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 5), REFUSE_SLOT_EMPTY);
    done(&f, CMD_DELETE_RESOURCE, WORDS(3, 5)); /* not constructed: nothing to do */
    refused(&f, REFUSE_TASK_NONE, CMD_DELETE_RESOURCE, WORDS(8, 5));
    put_buffer(&f, 3, 5, 0xc000, 11);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 5), REFUSE_NONE);
    assert_int_equal(le64_get(f.object->descriptor), 0xc000);

    /* The task goes, or is redefined: all its objects and its list go, and no others. */
    put_buffer(&f, 0, 6, 0x4000, 9);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 6), REFUSE_NONE);
    define_task(&f, 3);
    assert_null(object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 5));
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 5), REFUSE_LIST_NONE);
    assert_non_null(object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 6));
    done(&f, CMD_DELETE_TASK, WORDS(0));
    assert_int_equal(object_bytes(f.set), 0);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 6), REFUSE_TASK_NONE);
    fixture_fini(&f);
}

/* CmdDeleteObject acts on the registry of its kind and on no other (memory 7.2). */
static void test_delete_object(void **state)
{
    static const struct {
        uint32_t record, destroy;
        enum object_class class;
    } kinds[] = {
        {0x03, 0x3eb, OBJECT_CLASS_SAMPLER},          {0x04, 0x3ea, OBJECT_CLASS_DEPTH_STENCIL},
        {0x0b, 0x3ee, OBJECT_CLASS_COMPUTE_PIPELINE}, {0x0e, 0x3ef, OBJECT_CLASS_RENDER_PIPELINE},
        {0x36, 0x3f7, OBJECT_CLASS_INDIRECT_BUFFER},  {0, 0x3ed, OBJECT_CLASS_FUNCTION},
    };
    struct fixture f;

    (void)state;
    fixture_init(&f, 12, true);
    put_buffer(&f, 3, 20, 0x1000, 5);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 20), REFUSE_NONE);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) { /* one after the other under the same number */
        const uint32_t words[3] = {kinds[i].record, 40, 20};

        put(&f, 3, 20, kinds[i].class == OBJECT_CLASS_FUNCTION ? 6 : 7, words, 12, 40);
        assert_int_equal(resolve(&f, 3, kinds[i].class, 20), REFUSE_NONE);
    }
    done(&f, CMD_DELETE_OBJECT,
         WORDS(3, 0x3e8, 12, 20)); /* buffer, texture, fence, heap, rate map: no slot of the list */
    done(&f, CMD_DELETE_OBJECT, WORDS(3, 0x3e9, 12, 20));
    done(&f, CMD_DELETE_OBJECT, WORDS(3, 0x3f1, 12, 20));
    done(&f, CMD_DELETE_OBJECT, WORDS(3, 0x3f4, 12, 20));
    done(&f, CMD_DELETE_OBJECT, WORDS(3, 0x3f6, 12, 20));
    refused(&f, REFUSE_OBJECT_UNKNOWN_KIND, CMD_DELETE_OBJECT, WORDS(3, 0x3ec, 12, 20));
    refused(&f, REFUSE_RECORD_LENGTH, CMD_DELETE_OBJECT, WORDS(3, 0x3eb, 8, 20));
    refused(&f, REFUSE_RECORD_LENGTH, CMD_DELETE_OBJECT, WORDS(3, 0x3eb, 16, 20));
    refused(&f, REFUSE_TASK_NONE, CMD_DELETE_OBJECT, WORDS(4, 0x3eb, 12, 20));
    done(&f, CMD_DELETE_OBJECT, WORDS(0, 0x3eb, 12, 20)); /* another task's: unknown there */
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_non_null(object_lookup(f.set, 3, kinds[i].class, 20));
        done(&f, CMD_DELETE_OBJECT, WORDS(3, kinds[i].destroy, 12, 20));
        assert_null(object_lookup(f.set, 3, kinds[i].class, 20));
        for (size_t k = i + 1; k < sizeof(kinds) / sizeof(kinds[0]); k++)
            assert_non_null(object_lookup(f.set, 3, kinds[k].class, 20));
    }
    assert_non_null(object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 20));
    done(&f, CMD_DELETE_RESOURCE, WORDS(3, 20));
    assert_int_equal(object_bytes(f.set), 0);
    fixture_fini(&f);
}

static void check_validity(struct fixture *f, uint32_t task, uint32_t ref, bool host, bool guest)
{
    const struct object *o = object_lookup(f->set, task, OBJECT_CLASS_RESOURCE, ref);

    assert_non_null(o);
    assert_int_equal(o->host_valid, host);
    assert_int_equal(o->guest_valid, guest);
}

/* Bytes of a validity record: clear host, set host, clear guest, set guest. */
#define V(ch, sh, cg, sg) ((ch) | (sh) << 8 | (cg) << 16 | (uint32_t)(sg) << 24)

static void test_validity(void **state)
{
    const struct object *o;
    struct fixture f;
    uint64_t seq;

    (void)state;
    fixture_init(&f, 12, true);
    /* Of an object that is not constructed: kept (memory 6.2). */
    done(&f, CMD_INVALIDATE_RESOURCES, WORDS(3, 1, 5, V(0, 1, 0, 0)));
    check_validity(&f, 3, 5, true, true);
    done(&f, CMD_INVALIDATE_RESOURCES, WORDS(3, 1, 5, V(1, 0, 0, 1))); /* page-on */
    check_validity(&f, 3, 5, false, true);
    seq = object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 5)->cleared_seq;
    assert_true(seq > 0);
    done(&f, CMD_INVALIDATE_RESOURCES, WORDS(3, 1, 5, V(1, 1, 0, 0))); /* clears before sets */
    check_validity(&f, 3, 5, true, true);
    assert_true(object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 5)->cleared_seq > seq);
    seq = object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 5)->cleared_seq;
    done(&f, CMD_INVALIDATE_RESOURCES, WORDS(3, 3, 0, V(1, 1, 1, 1), 5, V(0, 0, 1, 0), 6, V(0, 2, 0x80, 0)));
    check_validity(&f, 3, 5, true, false);
    check_validity(&f, 3, 6, true, false);
    assert_null(object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 0));
    assert_int_equal(object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 5)->cleared_seq, seq);
    put_buffer(&f, 3, 5, 0x1000, 5); /* construction does not lose it */
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 5), REFUSE_NONE);
    check_validity(&f, 3, 5, true, false);

    /* A view's statement concerns its surface: made before the view is known, and after. */
    put_surface(&f, 40, 4, 4);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 40), REFUSE_NONE);
    done(&f, CMD_INVALIDATE_RESOURCES, WORDS(3, 1, 9, V(1, 1, 0, 0)));
    check_validity(&f, 0, 40, false, true);
    put_view(&f, 3, 9, 40);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 9), REFUSE_NONE);
    check_validity(&f, 0, 40, true, true);
    done(&f, CMD_INVALIDATE_RESOURCES, WORDS(3, 1, 9, V(1, 0, 0, 0)));
    check_validity(&f, 0, 40, false, true);
    o = object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 40);
    assert_int_equal(o->cleared_seq, 7); /* statements of zero objects do not count */

    refused(&f, REFUSE_PAYLOAD_COUNT, CMD_INVALIDATE_RESOURCES, WORDS(3, 2, 5, V(1, 0, 0, 0)));
    refused(&f, REFUSE_PAYLOAD_COUNT, CMD_INVALIDATE_RESOURCES, WORDS(3, 0x20000001, 5, V(1, 0, 0, 0)));
    check_validity(&f, 3, 5, true, false); /* nothing of a refused list applies */
    refused(&f, REFUSE_TASK_NONE, CMD_INVALIDATE_RESOURCES, WORDS(8, 1, 5, V(1, 0, 0, 0)));
    fixture_fini(&f);
}

static void test_synchronize(void **state)
{
    static const uint32_t commands[] = {CMD_SYNCHRONIZE_RESOURCES, CMD_SYNCHRONIZE_AND_DISCARD_RESOURCES,
                                        CMD_DISCARD_RESOURCES};
    struct fixture f;
    uint64_t sum;

    (void)state;
    fixture_init(&f, 12, true);
    put_buffer(&f, 3, 5, 0x1000, 5);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 5), REFUSE_NONE);
    sum = checksum(&f);
    for (int i = 0; i < 3; i++) {
        done(&f, commands[i], WORDS(3, 0));
        done(&f, commands[i], WORDS(3, 3, 5, 0, 77));
        refused(&f, REFUSE_PAYLOAD_COUNT, commands[i], WORDS(3, 4, 5, 0, 77));
        refused(&f, REFUSE_PAYLOAD_COUNT, commands[i], WORDS(3, 0x40000000, 5));
        refused(&f, REFUSE_TASK_NONE, commands[i], WORDS(8, 1, 5));
    }
    assert_int_equal(checksum(&f), sum); /* the host has nothing newer: guest memory is left alone */
    assert_non_null(object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 5));
    assert_null(object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 77));
    fixture_fini(&f);
}

static void test_replace_physical(void **state)
{
    struct fixture f;
    uint64_t generation, surface;

    (void)state;
    fixture_init(&f, 12, true);
    put_buffer(&f, 3, 5, 0x3000, 0x123);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 5), REFUSE_NONE);
    generation = f.object->generation;
    done(&f, CMD_REPLACE_PHYSICAL, WORDS(3, 5));
    assert_true(object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 5)->generation > generation);
    assert_int_equal(f.settled, 1);
    assert_int_equal(f.settled_task, 3);
    assert_int_equal(f.settled_gva, 0x123000);
    assert_int_equal(f.settled_bytes, 0x3000);

    put_surface(&f, 40, 8, 8);
    f.settled = 0; /* a map settles too */
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 40), REFUSE_NONE);
    put_view(&f, 3, 9, 40);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 9), REFUSE_NONE);
    generation = f.object->generation;
    surface = object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 40)->generation;
    done(&f, CMD_REPLACE_PHYSICAL, WORDS(3, 9)); /* of a view: its surface's pages */
    assert_true(object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 9)->generation > generation);
    assert_true(object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, 40)->generation > surface);
    assert_int_equal(f.settled, 1);
    assert_int_equal(f.settled_task, 0);
    refused(&f, REFUSE_SLOT_EMPTY, CMD_REPLACE_PHYSICAL, WORDS(3, 50));
    refused(&f, REFUSE_TASK_NONE, CMD_REPLACE_PHYSICAL, WORDS(8, 5));
    refused(&f, REFUSE_LIST_INDEX, CMD_REPLACE_PHYSICAL, WORDS(3, 0));
    assert_int_equal(f.settled, 1);
    fixture_fini(&f);
}

static uint32_t longest_chain(const struct object_set *set)
{
    uint32_t longest = 0;

    for (uint32_t i = 0; i < set->chains; i++) {
        uint32_t n = 0;

        for (const struct object *o = set->chain[i]; o; o = o->next)
            n++;
        longest = n > longest ? n : longest;
    }
    return longest;
}

/*
 * One packet states something about thousands of objects, whose references a guest has chosen so that a fixed multiplicative
 * hash puts all of them in one chain: each would walk all the others, and a reset would wait for that.
 */
static void test_chosen_references(void **state)
{
    enum { CHOSEN = 4096 };
    struct validity_record *record = calloc(CHOSEN, sizeof(*record));
    uint8_t *payload = malloc(8 + CHOSEN * VALIDITY_RECORD_BYTES);
    uint32_t n = 0;
    struct fixture f;

    (void)state;
    assert_true(record && payload);
    fixture_init(&f, 12, true);
    for (uint64_t ref = 1; n < CHOSEN; ref++)
        if (!((ref * 0x9e3779b97f4a7c15ull >> 29) & (2 * CHOSEN - 1)))
            record[n++] = (struct validity_record){.object = (uint32_t)ref, .validity = {.set_host = true}};
    done(&f, CMD_INVALIDATE_RESOURCES, payload, validity_encode(payload, 0, record, n));
    for (uint32_t i = 0; i < n; i++) {
        const struct object *o = object_lookup(f.set, 0, OBJECT_CLASS_RESOURCE, record[i].object);

        assert_true(o && o->host_valid);
    }
    assert_true(longest_chain(f.set) < 64);
    fixture_fini(&f);
    free(payload);
    free(record);
}

/* Statements about ever new objects end at the budget, by name; what is known stays known, and a reset empties it. */
static void test_budget(void **state)
{
    struct fixture f;
    uint32_t payload[2 + 2 * 1000], ref = 1;

    (void)state;
    fixture_init(&f, 12, true);
    payload[0] = 3;
    payload[1] = 1000;
    while (!f.log.refused[REFUSE_OBJECT_BUDGET]) {
        for (int i = 0; i < 1000; i++) {
            payload[2 + 2 * i] = ref++;
            payload[3 + 2 * i] = V(0, 1, 0, 0);
        }
        assert_int_equal(run(&f, CMD_INVALIDATE_RESOURCES, payload, sizeof(payload)), CORE_DONE);
        assert_true(ref < 1000000);
    }
    assert_true(object_bytes(f.set) <= LIMIT_OBJECT_BYTES);
    assert_true(object_bytes(f.set) > LIMIT_OBJECT_BYTES - 1024);
    check_validity(&f, 3, 1, true, true);
    check_validity(&f, 3, 123456, true, true);
    put_buffer(&f, 0, 5, 0x1000, 5);
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 5), REFUSE_OBJECT_BUDGET);
    done(&f, CMD_DELETE_RESOURCE, WORDS(3, 1));
    done(&f, CMD_DELETE_RESOURCE, WORDS(3, 2));
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 5), REFUSE_NONE);
    reset(&f);
    assert_int_equal(object_bytes(f.set), 0);
    assert_null(object_lookup(f.set, 3, OBJECT_CLASS_RESOURCE, 123456));
    assert_int_equal(resolve(&f, 0, OBJECT_CLASS_RESOURCE, 5), REFUSE_LIST_NONE); /* core's tasks stay in this test */
    fixture_fini(&f);
}

static void test_report(void **state)
{
    struct str json = {0};
    struct fixture f;
    char want[64];

    (void)state;
    fixture_init(&f, 12, true);
    put_buffer(&f, 3, 5, 0x1000, 5);
    assert_int_equal(resolve(&f, 3, OBJECT_CLASS_RESOURCE, 5), REFUSE_NONE);
    done(&f, CMD_INVALIDATE_RESOURCES, WORDS(3, 1, 6, V(1, 0, 0, 0)));
    done(&f, CMD_DISCARD_RESOURCES, WORDS(3, 2, 5, 6));
    core_report(f.core, &json);
    assert_false(json.bad);
    assert_non_null(strstr(json.text, "\"objects\":{\"known\":2,\"constructed\":1,"));
    snprintf(want, sizeof(want), "\"bytes\":%llu,\"limit_bytes\":%u,", (unsigned long long)object_bytes(f.set),
             LIMIT_OBJECT_BYTES);
    assert_non_null(strstr(json.text, want));
    assert_non_null(strstr(json.text, "\"discarded\":2,"));
    str_fini(&json);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_delete_object),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_synchronize),
        cmocka_unit_test(test_replace_physical),
        cmocka_unit_test(test_chosen_references),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_report),
    };

    return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
