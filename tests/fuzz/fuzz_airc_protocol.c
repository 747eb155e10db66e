/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what client, service and worker read of each other. The first byte chooses the reader; what passes a
 * check keeps its promises.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "airc/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A request body, in memory of exactly its size. */
static void read_body(const uint8_t *data, size_t size)
{
    uint8_t *p = malloc(size ? size : 1);
    struct airc_request req;

    if (!p)
        return;
    memcpy(p, data, size);
    if (airc_body_read(p, size, &req)) {
        uint8_t *again = malloc(size);

        assert(req.module_bytes >= 1 && strlen(req.entry) <= AIRC_MAX_ENTRY);
        assert((const uint8_t *)req.module >= p);
        assert((size_t)((const uint8_t *)req.module - p) + req.module_bytes <= size);
        /* Writing it gives a body of the same size that reads the same. */
        assert(airc_body_size(&req) == size);
        if (again) {
            struct airc_request back;

            airc_body_write(&req, again);
            assert(airc_body_read(again, size, &back));
            assert(!strcmp(back.entry, req.entry) && back.module_bytes == req.module_bytes && back.type == req.type);
        }
        free(again);
    }
    free(p);
}

/* A message as it comes out of a socket; the last 8 bytes are the size of the file that came with it. */
static void read_message(const uint8_t *data, size_t size, bool from_worker)
{
    union airc_message m;
    uint64_t file = 0;

    if (size < sizeof(file))
        return;
    size -= sizeof(file);
    memcpy(&file, data + size, sizeof(file));
    if (size > sizeof(m))
        size = sizeof(m);
    memset(&m, 0xa5, sizeof(m));
    memcpy(&m, data, size);
    if (!airc_message_ok(&m, size))
        return;
    assert(size == airc_message_size(m.head.kind));
    if (m.head.kind == AIRC_HELLO) {
        if (airc_hello_ok(&m.hello))
            assert(m.hello.max_open >= 1 && strlen(m.hello.version) < sizeof(m.hello.version));
    } else if (m.head.kind == AIRC_REPLY) {
        if (airc_reply_ok(&m.reply, file, from_worker)) {
            assert(m.reply.status < AIRC_STATUS_COUNT && m.reply.reason < AIR_REFUSE_COUNT);
            assert(m.reply.status == AIRC_OK ? file <= AIRC_MAX_RESULT && m.reply.spirv_bytes <= file &&
                                                   airc_reflection_offset(m.reply.spirv_bytes) < file
                                             : !file);
        }
        for (const char *t = m.reply.text; *t; t++)
            assert(*t >= 0x20 && *t <= 0x7e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    switch (data[0] % 3) {
    case 0:
        read_body(data + 1, size - 1);
        break;
    case 1:
        read_message(data + 1, size - 1, true);
        break;
    case 2:
        read_message(data + 1, size - 1, false);
        break;
    }
    return 0;
}
