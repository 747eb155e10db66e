/* SPDX-License-Identifier: MIT */
/* What tests ask of a module that was compiled for a device without some types. */
#ifndef PVG_TESTS_AIR_LOST_H
#define PVG_TESTS_AIR_LOST_H

#include "air/air.h"

/* Name of something in @lost (AIR_CAP_*) that the module declares all the same, or NULL. */
const char *lost_and_declared(const struct air_result *r, uint32_t lost);

#endif
