/* SPDX-License-Identifier: MIT */
/*
 * Checks on messages, request bodies and results of the compiler protocol. No I/O: see sealed.c for descriptors.
 */
#include "airc/protocol.h"

#include <string.h>

#include "base/rd.h"

#define SPIRV_MAGIC        0x07230203u
#define SPIRV_HEADER_BYTES 20u

static uint64_t align8(uint64_t n)
{
    return (n + 7) & ~(uint64_t)7;
}

void airc_message_init(union airc_message *m, enum airc_kind kind)
{
    memset(m, 0, sizeof(*m));
    m->head.magic = AIRC_MAGIC;
    m->head.protocol = AIRC_PROTOCOL;
    m->head.kind = (uint16_t)kind;
}

size_t airc_message_size(unsigned kind)
{
    switch (kind) {
    case AIRC_HELLO:
        return sizeof(struct airc_hello);
    case AIRC_COMPILE:
        return sizeof(struct airc_compile);
    case AIRC_REPLY:
        return sizeof(struct airc_reply);
    case AIRC_ALIVE:
        return sizeof(struct airc_alive);
    default:
        return 0;
    }
}

bool airc_message_ok(const union airc_message *m, size_t n)
{
    return n >= sizeof(m->head) && m->head.magic == AIRC_MAGIC && m->head.protocol == AIRC_PROTOCOL &&
           airc_message_size(m->head.kind) == n;
}

void airc_text_clean(char *text, size_t bytes)
{
    text[bytes - 1] = 0;
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e)
            *text = '?';
}

bool airc_hello_ok(struct airc_hello *h)
{
    airc_text_clean(h->version, sizeof(h->version));
    return h->max_request >= sizeof(struct airc_body) && h->max_result <= AIRC_MAX_RESULT && h->max_open >= 1 &&
           h->time_limit_ms >= 1 && h->time_limit_ms <= AIRC_MAX_TIME_LIMIT_MS && h->workers >= 1;
}

uint64_t airc_reflection_offset(uint64_t spirv_bytes)
{
    return align8(spirv_bytes);
}

bool airc_reply_ok(struct airc_reply *r, uint64_t result_bytes, bool from_worker)
{
    airc_text_clean(r->text, sizeof(r->text));
    if (r->status >= AIRC_STATUS_COUNT || r->reason >= AIR_REFUSE_COUNT)
        return false;
    if (from_worker && (r->status == AIRC_UNAVAILABLE || r->status == AIRC_CANCELLED || r->status == AIRC_BAD_REPLY ||
                        r->status == AIRC_TIMEOUT))
        return false;
    if (r->status != AIRC_OK)
        return r->spirv_bytes == 0 && r->reflection_bytes == 0 && result_bytes == 0;
    return r->reason == AIR_REFUSE_NONE && r->spirv_bytes >= SPIRV_HEADER_BYTES && r->spirv_bytes % 4 == 0 &&
           result_bytes <= AIRC_MAX_RESULT && r->spirv_bytes <= AIRC_MAX_RESULT &&
           r->reflection_bytes <= AIRC_MAX_RESULT && r->reflection_bytes >= 1 &&
           airc_reflection_offset(r->spirv_bytes) + r->reflection_bytes == result_bytes;
}

bool airc_spirv_plausible(const void *spirv, uint64_t bytes)
{
    return bytes >= SPIRV_HEADER_BYTES && bytes % 4 == 0 && le32_get(spirv) == SPIRV_MAGIC;
}

size_t airc_body_size(const struct airc_request *req)
{
    size_t entry = req->entry ? strnlen(req->entry, AIRC_MAX_ENTRY + 1) : 0;

    if (!req->module || req->module_bytes < 1 || req->module_bytes > AIRC_MAX_MODULE || entry > AIRC_MAX_ENTRY ||
        req->type > AIRC_TYPE_ANY)
        return 0;
    return (size_t)(sizeof(struct airc_body) + align8(sizeof(req->options)) + align8(entry + 1) +
                    align8(req->module_bytes));
}

void airc_body_write(const struct airc_request *req, void *to)
{
    size_t entry = req->entry ? strlen(req->entry) : 0;
    struct airc_body body = {
        .magic = AIRC_BODY_MAGIC,
        .protocol = AIRC_PROTOCOL,
        .type = req->type,
        .option_bytes = sizeof(req->options),
        .entry_bytes = (uint32_t)entry + 1,
        .module_bytes = req->module_bytes,
    };
    uint8_t *p = to;

    memset(p, 0, airc_body_size(req) - align8(req->module_bytes));
    memcpy(p, &body, sizeof(body));
    p += sizeof(body);
    memcpy(p, &req->options, sizeof(req->options));
    p += align8(sizeof(req->options));
    if (entry)
        memcpy(p, req->entry, entry);
    p += align8(entry + 1);
    memcpy(p, req->module, req->module_bytes);
    memset(p + req->module_bytes, 0, align8(req->module_bytes) - req->module_bytes);
}

bool airc_body_read(const void *p, size_t n, struct airc_request *req)
{
    struct rd r = rd_over(p, n);
    struct airc_body body = {0};
    const uint8_t *head, *options, *entry, *module;

    memset(req, 0, sizeof(*req));
    head = rd_bytes(&r, sizeof(body));
    if (!head)
        return false;
    memcpy(&body, head, sizeof(body));
    if (body.magic != AIRC_BODY_MAGIC || body.protocol != AIRC_PROTOCOL || body.type > AIRC_TYPE_ANY || body.zero ||
        body.option_bytes != sizeof(req->options) || body.entry_bytes < 1 || body.entry_bytes > AIRC_MAX_ENTRY + 1 ||
        body.module_bytes < 1 || body.module_bytes > AIRC_MAX_MODULE)
        return false;
    options = rd_bytes(&r, align8(body.option_bytes));
    entry = rd_bytes(&r, align8(body.entry_bytes));
    module = rd_bytes(&r, align8(body.module_bytes));
    if (r.bad || rd_left(&r) || strnlen((const char *)entry, body.entry_bytes) != body.entry_bytes - 1)
        return false;
    memcpy(&req->options, options, sizeof(req->options));
    req->type = body.type;
    req->entry = (const char *)entry;
    req->module = module;
    req->module_bytes = (size_t)body.module_bytes;
    return true;
}

const char *airc_status_name(unsigned status)
{
    static const char *const names[AIRC_STATUS_COUNT] = {
        [AIRC_OK] = "ok",
        [AIRC_REFUSED] = "refused",
        [AIRC_CRASH] = "worker-crash",
        [AIRC_TIMEOUT] = "worker-timeout",
        [AIRC_MEMORY] = "worker-memory",
        [AIRC_JAIL] = "worker-jail",
        [AIRC_BAD_REQUEST] = "bad-request",
        [AIRC_TOO_LARGE] = "result-too-large",
        [AIRC_UNAVAILABLE] = "compiler-unavailable",
        [AIRC_CANCELLED] = "cancelled",
        [AIRC_BAD_REPLY] = "bad-reply",
    };

    return status < AIRC_STATUS_COUNT ? names[status] : "unknown";
}
