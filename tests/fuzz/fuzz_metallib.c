/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the container reader. Whatever is handed out lies inside the input, and looking a function up by number,
 * by walking and by name gives the same.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "air/container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_range(const uint8_t *data, size_t size, const void *p, size_t n)
{
    const uint8_t *q = p;

    assert(q >= data && q <= data + size && n <= (size_t)(data + size - q));
}

static void check_function(const uint8_t *data, size_t size, const struct metallib_function *fn)
{
    struct metallib_constant constant;
    struct metallib_attribute attribute;

    check_range(data, size, fn->module, fn->module_size);
    check_range(fn->module, fn->module_size, fn->bitcode, fn->bitcode_size);
    assert(fn->bitcode_size >= 4 && !memcmp(fn->bitcode, "BC\xc0\xde", 4));
    if (fn->name_len)
        check_range(data, size, fn->name, fn->name_len + 1);
    assert(strlen(fn->name) == fn->name_len);
    if (fn->hash) {
        check_range(data, size, fn->hash, 32);
        (void)metallib_hash_ok(fn); /* either answer will do */
    }
    for (uint32_t i = 0; metallib_constant(fn, i, &constant) == METALLIB_OK; i++)
        check_range(data, size, constant.name, strlen(constant.name) + 4);
    for (uint32_t i = 0; metallib_attribute(fn, i, &attribute) == METALLIB_OK; i++)
        check_range(data, size, attribute.name, strlen(attribute.name) + 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct metallib_function fn, same;
    uint32_t index = 0;
    struct metallib lib;
    uint64_t cursor = 0;
    int err, again;

    if (metallib_open(data, size, &lib) != METALLIB_OK) {
        assert(!lib.data && !metallib_count(&lib));
        return 0;
    }
    assert(metallib_count(&lib) <= METALLIB_MAX_FUNCTIONS);
    while ((err = metallib_next(&lib, &cursor, &fn)) != METALLIB_ERR_INDEX) {
        again = metallib_function(&lib, index++, &same);
        assert(again == err && !memcmp(&fn, &same, sizeof(fn)));
        if (err) {
            assert(!fn.module && !fn.bitcode);
            continue;
        }
        check_function(data, size, &fn);
        again = metallib_find(&lib, fn.name, &same);
        assert(again == METALLIB_OK ? same.bitcode_size > 0
                                    : !same.module); /* an earlier, broken namesake comes first */
    }
    assert(index == metallib_count(&lib));
    for (uint32_t type = 0; type < 9; type++)
        if (metallib_find_typed(&lib, NULL, type, &fn) == METALLIB_OK)
            check_function(data, size, &fn);
    return 0;
}
