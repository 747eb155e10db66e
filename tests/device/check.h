/* SPDX-License-Identifier: MIT */
/* What every device test includes: cmocka, the guest, and the row of a table of tests. */
#ifndef PVG_TESTS_DEVICE_CHECK_H
#define PVG_TESTS_DEVICE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/rd.h"
#include "lib/guest.h"
#include "lib/json.h"
#include "lib/screen.h"

/* Test @f on a device of @config (a struct vmm_config); the file's setup() and teardown() make and free it. */
#define DEVICE_TEST(f, config)                                                                                         \
    {                                                                                                                  \
        #f " (" #config ")", f, setup, teardown, &(config)                                                             \
    }

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
