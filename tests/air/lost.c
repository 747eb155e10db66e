/* SPDX-License-Identifier: MIT */
/* Does a module declare what its device has not? See lost.h. */
#include "lost.h"

#include <spirv/unified1/spirv.h>

static const struct {
    uint32_t declared, cap;
    const char *name;
} capabilities[] = {
    {SpvCapabilityInt8, AIR_CAP_INT8, "Int8"},
    {SpvCapabilityInt16, AIR_CAP_INT16, "Int16"},
    {SpvCapabilityInt64, AIR_CAP_INT64, "Int64"},
    {SpvCapabilityFloat16, AIR_CAP_FLOAT16, "Float16"},
    {SpvCapabilityStorageBuffer8BitAccess, AIR_CAP_STORAGE8, "8-bit storage"},
    {SpvCapabilityUniformAndStorageBuffer8BitAccess, AIR_CAP_STORAGE8, "8-bit storage"},
    {SpvCapabilityStorageBuffer16BitAccess, AIR_CAP_STORAGE16, "16-bit storage"},
    {SpvCapabilityUniformAndStorageBuffer16BitAccess, AIR_CAP_STORAGE16, "16-bit storage"},
};

const char *lost_and_declared(const struct air_result *r, uint32_t lost)
{
    for (size_t i = 5; i < r->words && (r->spirv[i] & 0xffff) == SpvOpCapability; i += r->spirv[i] >> 16) {
        for (size_t k = 0; k < sizeof(capabilities) / sizeof(capabilities[0]); k++) {
            if (r->spirv[i + 1] == capabilities[k].declared && lost & capabilities[k].cap)
                return capabilities[k].name;
        }
    }
    return NULL;
}
