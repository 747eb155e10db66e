/* SPDX-License-Identifier: MIT */
/* Fuzz target: payloads of the commands that name objects. Every record that a decoder admits is read. */
#include <assert.h>
#include <string.h>

#include "wire/memory.h"
#include "wire/objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct object_list_cmd list;
    struct object_cmd pair;
    struct destroy_cmd destroy;
    struct object_records records;
    uint8_t out[28];
    uint32_t sum = 0;

    if (!object_list_decode(data, size, &list))
        assert(object_list_encode(out, &list) <= size && !memcmp(out, data, 12));
    if (!object_placement_decode(data, size, &list))
        assert(size >= SET_OBJECT_PLACEMENT_BYTES);
    if (!object_cmd_decode(data, size, &pair))
        assert(object_cmd_encode(out, &pair) <= size && !memcmp(out, data, 8));
    if (!surface_delete_decode(data, size, &pair))
        assert(surface_delete_encode(out, &pair) <= size && !memcmp(out, data, 8));
    if (!destroy_decode(data, size, &destroy))
        assert(destroy_encode(out, &destroy) <= size && !memcmp(out, data, 8) && !memcmp(out + 12, data + 12, 4) &&
               destroy_kind_name(destroy.kind));
    if (!object_records_decode(data, size, VALIDITY_RECORD_BYTES, &records)) {
        for (uint32_t i = 0; i < records.count; i++)
            sum += validity_at(&records, i).object;
    }
    if (!object_records_decode(data, size, OBJECT_REF_BYTES, &records)) {
        for (uint32_t i = 0; i < records.count; i++)
            sum += object_ref_at(&records, i);
    }
    if (size >= OBJECT_SLOT_BYTES) {
        struct object_slot slot = object_slot_decode(data);

        object_slot_encode(out, &slot);
        assert(!memcmp(out, data, OBJECT_SLOT_BYTES) && object_type_info(slot.type + sum)->name);
    }
    return 0;
}
