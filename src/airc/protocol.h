/* SPDX-License-Identifier: MIT */
/*
 * What client, pvg-airc and its workers say to each other: fixed-size messages on SOCK_SEQPACKET sockets, bulk in
 * sealed memfds beside them. Same host, same byte order, versioned.
 *
 *   service -> client    HELLO, once
 *   client  -> service   COMPILE + memfd of the request body, sealed by the client
 *   service -> worker    COMPILE + the same memfd + an empty memfd for the result
 *   worker  -> service   REPLY
 *   service -> client    REPLY, + memfd of the result, sealed by the service, on success
 *   service -> client    ALIVE, about once a second while a request of that client is open
 *
 * Nobody trusts anybody's lengths: each receiver checks a message against what it got before using it, with the
 * functions below, which touch no descriptor and can be fuzzed.
 */
#ifndef PVG_AIRC_PROTOCOL_H
#define PVG_AIRC_PROTOCOL_H

#include "airc/airc.h"

#define AIRC_PROTOCOL 1u
#define AIRC_MAGIC    0x63726961u /* "airc" */
/* Requests one client may have open; more wait in the client. Bounds descriptors in flight. */
#define AIRC_MAX_OPEN 64u
/* Clients that one service has at once, which bounds the wait for a turn; further ones are in the socket's backlog. */
#define AIRC_MAX_CLIENTS 32u

/* What holds the workers, told in HELLO for reports. */
#define AIRC_JAIL_SECCOMP    1u /* always; a service that cannot have it refuses to run */
#define AIRC_JAIL_RLIMITS    2u
#define AIRC_JAIL_NAMESPACES 4u /* own user, mount, network and IPC namespaces */
#define AIRC_JAIL_NO_FILES   8u /* the root is an empty read-only folder */

enum airc_kind {
    AIRC_HELLO = 1,
    AIRC_COMPILE = 2,
    AIRC_REPLY = 3,
    AIRC_ALIVE = 4,
};

struct airc_head {
    uint32_t magic;
    uint16_t protocol;
    uint16_t kind;
};

struct airc_hello {
    struct airc_head head;
    uint8_t fingerprint[16]; /* of the compiler: program and LLVM; part of every cache key */
    uint64_t max_request;    /* bytes of a request body */
    uint64_t max_result;     /* bytes of a result */
    uint32_t max_open;       /* requests open per client, at least 1 */
    uint32_t time_limit_ms;  /* wall time of one request, at most AIRC_MAX_TIME_LIMIT_MS */
    uint32_t workers;        /* at least 1 */
    uint32_t jail;           /* AIRC_JAIL_* */
    char version[64];        /* for people, NUL-terminated */
};

struct airc_compile {
    struct airc_head head;
    uint64_t id;
    uint64_t bytes; /* of the request body */
};

struct airc_reply {
    struct airc_head head;
    uint64_t id;
    uint32_t status; /* enum airc_status */
    uint32_t reason; /* enum air_refuse */
    uint64_t spirv_bytes;
    uint64_t reflection_bytes; /* the reflection begins at the next multiple of 8 after the SPIR-V */
    uint32_t compile_us;
    uint32_t retire; /* worker to service: 1, take another worker for the next request */
    char text[AIRC_TEXT_BYTES];
};

struct airc_alive {
    struct airc_head head;
};

union airc_message {
    struct airc_head head;
    struct airc_hello hello;
    struct airc_compile compile;
    struct airc_reply reply;
    struct airc_alive alive;
};

/* Head of a request body; options, entry name with NUL and module follow, each at a multiple of 8, zero-padded. */
struct airc_body {
    uint32_t magic;
    uint32_t protocol;
    uint32_t type;
    uint32_t option_bytes;
    uint32_t entry_bytes; /* with the NUL */
    uint32_t zero;
    uint64_t module_bytes;
};

#define AIRC_BODY_MAGIC 0x71726961u /* "airq" */
#define AIRC_MAX_BODY                                                                                                  \
    (sizeof(struct airc_body) + sizeof(struct air_options) + AIRC_MAX_ENTRY + 24u + (uint64_t)AIRC_MAX_MODULE)

/* Fill in a message's head and zero the rest. */
void airc_message_init(union airc_message *m, enum airc_kind kind);

/* Bytes of a message of @kind, 0 for an unknown kind. */
size_t airc_message_size(unsigned kind);

/* Is @m, of which @n bytes arrived, a whole message of a known kind and version? */
bool airc_message_ok(const union airc_message *m, size_t n);

/* Check a HELLO. The version text is made printable. */
bool airc_hello_ok(struct airc_hello *h);

/*
 * Check a REPLY against the result file it came with: @result_bytes is that file's size, or 0 without one. The text is
 * made printable. @from_worker: the statuses that only the service may give are refused.
 */
bool airc_reply_ok(struct airc_reply *r, uint64_t result_bytes, bool from_worker);

/* Offset of the reflection in a result file. */
uint64_t airc_reflection_offset(uint64_t spirv_bytes);

/* Cheap look at SPIR-V that a worker made: magic number, version and a header's length. Not a validation. */
bool airc_spirv_plausible(const void *spirv, uint64_t bytes);

/* Size of @req's body in bytes, or 0 when it is out of range. */
size_t airc_body_size(const struct airc_request *req);
/* Write the body; @to has airc_body_size() bytes, 8-aligned. */
void airc_body_write(const struct airc_request *req, void *to);

/*
 * Take a body apart. @req points into @p, which must be 8-aligned and stay. False when anything in it is out of place;
 * the options' contents are not looked at.
 */
bool airc_body_read(const void *p, size_t n, struct airc_request *req);

/* Replace everything but printable ASCII by '?', at most @bytes with the NUL that is put at the end. */
void airc_text_clean(char *text, size_t bytes);

#endif
