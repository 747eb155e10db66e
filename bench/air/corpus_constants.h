/* SPDX-License-Identifier: MIT */
/*
 * Function constants of the corpus: without them its 119 attention kernels are empty, whatever is measured then. The values
 * are those of rows of 128 elements with all options on (100.. whole tiles, 200.. vectors, 300.. the reduction).
 */
#ifndef BENCH_AIR_CORPUS_CONSTANTS_H
#define BENCH_AIR_CORPUS_CONSTANTS_H

#include "air/air.h"

static inline void corpus_constants(struct air_options *o)
{
    static const struct {
        uint32_t index;
        double number;
    } given[] = {{100, 1}, {101, 1}, {102, 1},   {103, 1},   {120, 128}, {121, 128}, {122, 4},   {200, 1}, {201, 1},
                 {202, 1}, {203, 1}, {220, 128}, {221, 128}, {222, 4},   {223, 32},  {300, 128}, {301, 32}};

    o->constant_count = sizeof(given) / sizeof(given[0]);
    for (uint32_t i = 0; i < o->constant_count; i++) {
        o->constant[i].index = given[i].index;
        o->constant[i].number = given[i].number;
    }
}

#endif
