/* SPDX-License-Identifier: MIT */
/* Pictures: all pools of a device share a budget, and frames outlive pool and budget (display/frame.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "display/frame.h"

#define EDGE  8192u
#define BYTES (4ull * EDGE * EDGE)

/* Never written, so the kernel has nothing to find for them. */
static void test_budget(void **state)
{
    struct frame_budget *budget = frame_budget_new(4 * BYTES);
    struct frame_pool *a = frame_pool_new(budget), *b = frame_pool_new(budget);
    struct pvg_frame *frame[4], *small;

    frame_budget_unref(budget);
    for (int i = 0; i < 4; i++) {
        frame[i] = frame_new(i & 1 ? b : a, EDGE, EDGE);
        assert_non_null(frame[i]);
    }
    assert_null(frame_new(a, 1, 1));
    assert_false(frame_pool_charge(b, 1));
    /* One that was given back waits for the next picture of its display, and counts. */
    frame_unref(frame[0]);
    assert_null(frame_new(b, EDGE, EDGE));
    frame[0] = frame_new(a, EDGE, EDGE);
    assert_non_null(frame[0]);
    frame_unref(frame[0]);
    frame_pool_rest(a);
    assert_true(frame_pool_charge(a, BYTES));
    assert_null(frame_new(b, 1, 1));
    frame_pool_uncharge(a, BYTES);
    frame[0] = frame_new(b, EDGE, EDGE);
    assert_non_null(frame[0]);
    /* Another size: what waits goes, and makes room. */
    frame_unref(frame[2]);
    small = frame_new(a, 1, 1);
    assert_non_null(small);
    frame_unref(small);
    frame_pool_free(a);
    frame_pool_free(b);
    assert_int_equal(frame[0]->width_px, EDGE); /* still held, without pool and budget */
    frame_unref(frame[0]);
    frame_unref(frame[1]);
    frame_unref(frame[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),
    };

    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
