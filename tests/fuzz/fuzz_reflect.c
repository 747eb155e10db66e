/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: reflection records as a worker in bad hands sends them. What passes the check can be printed, and linked
 * with itself and with a module that is whatever follows.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "air/air_reflect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    uint32_t bytes = 0, *words;
    uint8_t *record;
    size_t count, left;

    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    /* the record says how long it is; the rest is the module */
    if (size >= 12)
        memcpy(&bytes, data + 8, sizeof(bytes));
    if (bytes > size)
        bytes = (uint32_t)size;
    record = malloc(bytes ? bytes : 1);
    left = size - bytes;
    words = calloc(left / 4 + 64, 4);
    if (!record || !words || !nowhere)
        abort();
    memcpy(record, data, bytes);
    memcpy(words, data + bytes, left / 4 * 4);
    count = left / 4 + 64;
    if (air_reflect_check(record, bytes)) {
        air_reflect_json(record, nowhere);
        (void)air_link_varyings(record, words, count, record);
        (void)air_link_fragment(record, &words, &count, record);
    }
    free(words);
    free(record);
    return 0;
}
