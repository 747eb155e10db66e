/* SPDX-License-Identifier: MIT */
/* Decoding and encoding of the commands that name objects: see objects.h. */
#include "wire/objects.h"

#include "base/limits.h"
#include "base/rd.h"

const struct object_type_info *object_type_info(uint32_t type)
{
    /* Smallest lengths: memory 5.1 to 5.7 (type 2 and 3 for one level; 5 and 11 up to the end of the fields needed). */
    static const struct object_type_info table[OBJECT_TYPE_COUNT] = {
        [0] = {"none", REGISTRY_NONE, 0, 0},
        [OBJECT_BUFFER] = {"buffer", REGISTRY_RESOURCE, 16, LIMIT_DESCRIPTOR_BYTES},
        [OBJECT_TEXTURE] = {"texture", REGISTRY_RESOURCE, 116, LIMIT_DESCRIPTOR_BYTES},
        [OBJECT_CLIENT_TEXTURE] = {"client-texture", REGISTRY_RESOURCE, 116, LIMIT_DESCRIPTOR_BYTES},
        [OBJECT_SURFACE] = {"surface", REGISTRY_RESOURCE, 0x24, LIMIT_DESCRIPTOR_BYTES},
        [OBJECT_SURFACE_VIEW] = {"surface-view", REGISTRY_RESOURCE, 0x24, LIMIT_DESCRIPTOR_BYTES},
        [OBJECT_FUNCTION] = {"function", REGISTRY_FUNCTION, 12, LIMIT_STATE_DESCRIPTOR_BYTES},
        [OBJECT_SERIALIZER_STATE] = {"state", REGISTRY_STATE, 12, LIMIT_STATE_DESCRIPTOR_BYTES},
        [OBJECT_SERIALIZER_RESOURCE] = {"serializer-resource", REGISTRY_RESOURCE, 12, LIMIT_STATE_DESCRIPTOR_BYTES},
        [9] = {"type-9", REGISTRY_NONE, 0, 0},
        [10] = {"type-10", REGISTRY_NONE, 0, 0},
        [OBJECT_MAPPED_SURFACE_VIEW] = {"mapped-surface-view", REGISTRY_RESOURCE, 0x20, LIMIT_DESCRIPTOR_BYTES},
        [12] = {"type-12", REGISTRY_NONE, 0, 0},
        [13] = {"type-13", REGISTRY_NONE, 0, 0},
        [14] = {"type-14", REGISTRY_NONE, 0, 0},
        [15] = {"type-15", REGISTRY_NONE, 0, 0},
    };
    static const struct object_type_info unknown = {"unknown", REGISTRY_NONE, 0, 0};

    return type < OBJECT_TYPE_COUNT ? &table[type] : &unknown;
}

enum refuse object_list_decode(const uint8_t *payload, size_t bytes, struct object_list_cmd *out)
{
    struct rd r = rd_over(payload, bytes);

    *out = (struct object_list_cmd){.task = rd_u32(&r), .first_page = 0};
    out->first_page = rd_u32(&r);
    out->count = rd_u32(&r);
    return r.bad ? REFUSE_PAYLOAD_SHORT : REFUSE_NONE;
}

enum refuse object_placement_decode(const uint8_t *payload, size_t bytes, struct object_list_cmd *out)
{
    enum refuse reason = object_list_decode(payload, bytes, out);

    if (reason)
        return reason;
    if (bytes < SET_OBJECT_PLACEMENT_BYTES)
        return REFUSE_PAYLOAD_SHORT;
    out->placement[0] = le64_get(payload + 12);
    out->placement[1] = le64_get(payload + 20);
    return REFUSE_NONE;
}

enum refuse object_cmd_decode(const uint8_t *payload, size_t bytes, struct object_cmd *out)
{
    struct rd r = rd_over(payload, bytes);

    out->task = rd_u32(&r);
    out->object = rd_u32(&r);
    return r.bad ? REFUSE_PAYLOAD_SHORT : REFUSE_NONE;
}

enum refuse surface_delete_decode(const uint8_t *payload, size_t bytes, struct object_cmd *out)
{
    struct rd r = rd_over(payload, bytes);

    out->object = rd_u32(&r);
    out->task = rd_u32(&r);
    return r.bad ? REFUSE_PAYLOAD_SHORT : REFUSE_NONE;
}

#define DESTROY_RECORD_BYTES 12u

static const struct {
    uint32_t opcode;
    const char *name;
} destroy_kinds[DESTROY_KIND_COUNT] = {
    [DESTROY_UNKNOWN] = {0, "unknown"},
    [DESTROY_BUFFER] = {0x3e8, "buffer"},
    [DESTROY_TEXTURE] = {0x3e9, "texture"},
    [DESTROY_DEPTH_STENCIL] = {0x3ea, "depth-stencil"},
    [DESTROY_SAMPLER] = {0x3eb, "sampler"},
    [DESTROY_FUNCTION] = {0x3ed, "function"},
    [DESTROY_COMPUTE_PIPELINE] = {0x3ee, "compute-pipeline"},
    [DESTROY_RENDER_PIPELINE] = {0x3ef, "render-pipeline"},
    [DESTROY_FENCE] = {0x3f1, "fence"},
    [DESTROY_HEAP] = {0x3f4, "heap"},
    [DESTROY_RATE_MAP] = {0x3f6, "rasterization-rate-map"},
    [DESTROY_INDIRECT_BUFFER] = {0x3f7, "indirect-command-buffer"},
};

const char *destroy_kind_name(enum destroy_kind kind)
{
    return destroy_kinds[kind < DESTROY_KIND_COUNT ? kind : DESTROY_UNKNOWN].name;
}

enum refuse destroy_decode(const uint8_t *payload, size_t bytes, struct destroy_cmd *out)
{
    struct rd r = rd_over(payload, bytes);
    uint32_t length;

    *out = (struct destroy_cmd){.task = rd_u32(&r)};
    out->opcode = rd_u32(&r);
    length = rd_u32(&r);
    out->ref = rd_u32(&r);
    if (r.bad)
        return REFUSE_PAYLOAD_SHORT;
    if (length < DESTROY_RECORD_BYTES || length > bytes - 4) /* objects 4.6 */
        return REFUSE_RECORD_LENGTH;
    for (int kind = DESTROY_UNKNOWN + 1; kind < DESTROY_KIND_COUNT; kind++) {
        if (destroy_kinds[kind].opcode == out->opcode)
            out->kind = (enum destroy_kind)kind;
    }
    return REFUSE_NONE;
}

enum refuse object_records_decode(const uint8_t *payload, size_t bytes, uint32_t record_bytes,
                                  struct object_records *out)
{
    struct rd r = rd_over(payload, bytes);

    out->task = rd_u32(&r);
    out->count = rd_u32(&r);
    out->record = r.p;
    if (r.bad)
        return REFUSE_PAYLOAD_SHORT;
    return (uint64_t)out->count * record_bytes > rd_left(&r) ? REFUSE_PAYLOAD_COUNT : REFUSE_NONE;
}

uint32_t object_ref_at(const struct object_records *records, uint32_t i)
{
    return le32_get(records->record + (size_t)i * OBJECT_REF_BYTES);
}

struct validity validity_decode(const uint8_t bytes[4])
{
    return (struct validity){bytes[0] != 0, bytes[1] != 0, bytes[2] != 0, bytes[3] != 0};
}

struct validity_record validity_at(const struct object_records *records, uint32_t i)
{
    const uint8_t *p = records->record + (size_t)i * VALIDITY_RECORD_BYTES;

    return (struct validity_record){.object = le32_get(p), .validity = validity_decode(p + 4)};
}

static size_t put_words(uint8_t *out, const uint32_t *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        le32_put(out + 4 * i, word[i]);
    return 4 * n;
}

size_t object_list_encode(uint8_t *out, const struct object_list_cmd *cmd)
{
    return put_words(out, (const uint32_t[]){cmd->task, cmd->first_page, cmd->count}, 3);
}

size_t object_cmd_encode(uint8_t *out, const struct object_cmd *cmd)
{
    return put_words(out, (const uint32_t[]){cmd->task, cmd->object}, 2);
}

size_t surface_delete_encode(uint8_t *out, const struct object_cmd *cmd)
{
    return put_words(out, (const uint32_t[]){cmd->object, cmd->task}, 2);
}

size_t destroy_encode(uint8_t *out, const struct destroy_cmd *cmd)
{
    return put_words(out, (const uint32_t[]){cmd->task, cmd->opcode, DESTROY_RECORD_BYTES, cmd->ref}, 4);
}

size_t object_refs_encode(uint8_t *out, uint32_t task, const uint32_t *object, uint32_t count)
{
    size_t n = put_words(out, (const uint32_t[]){task, count}, 2);

    return n + put_words(out + n, object, count);
}

size_t validity_encode(uint8_t *out, uint32_t task, const struct validity_record *record, uint32_t count)
{
    size_t n = put_words(out, (const uint32_t[]){task, count}, 2);

    for (uint32_t i = 0; i < count; i++) {
        const struct validity *v = &record[i].validity;

        n += put_words(out + n, &record[i].object, 1);
        out[n++] = v->clear_host;
        out[n++] = v->set_host;
        out[n++] = v->clear_guest;
        out[n++] = v->set_guest;
    }
    return n;
}
