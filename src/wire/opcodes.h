/* SPDX-License-Identifier: MIT */
/*
 * Every opcode of the wire, in one table: name, smallest payload, and what is done with it (transport 8.0, decision 17).
 */
#ifndef PVG_WIRE_OPCODES_H
#define PVG_WIRE_OPCODES_H

#include <stdint.h>

/* X(opcode, NAME, smallest payload in bytes, class) */
#define OPCODE_LIST(X)                                                                                                 \
    X(0x00, CMD_DEBUG, 0, SERVED)                                                                                      \
    X(0x01, CMD_DISPLAY_SET_SHARED_STATE_PAGE, 8, SERVED)                                                              \
    X(0x02, CMD_DISPLAY_ACK, 8, SERVED)                                                                                \
    X(0x03, CMD_RETIRED_03, 0, DEPRECATED)                                                                             \
    X(0x04, CMD_DISPLAY_CURSOR_GLYPH, 0x2c, SERVED)                                                                    \
    X(0x05, CMD_DISPLAY_CURSOR_SHOW, 8, SERVED)                                                                        \
    X(0x06, CMD_DISPLAY_TRANSACTION2, 12, SERVED)                                                                      \
    X(0x07, CMD_DISPLAY_TRANSACTION3, 0x24, SERVED)                                                                    \
    X(0x08, CMD_DISPLAY_SWAP_MAPPING, 12, SERVED)                                                                      \
    X(0x09, CMD_DISPLAY_SLEEP_STATE, 8, SERVED)                                                                        \
    X(0x0a, CMD_DISPLAY_SET_PROPERTIES, 8, SERVED)                                                                     \
    X(0x0b, CMD_DISPLAY_COMPOSITOR_PARAMETERS, 0, NOT_SERVED)                                                          \
    X(0x0c, CMD_DISPLAY_SET_GUEST_ICC_PROFILE, 0, NOT_SERVED)                                                          \
    X(0x1e, CMD_NOP, 0, SERVED)                                                                                        \
    X(0x1f, CMD_RETIRED_1F, 0, DEPRECATED)                                                                             \
    X(0x20, CMD_DELETE_TASK, 4, SERVED)                                                                                \
    X(0x21, CMD_RETIRED_21, 0, DEPRECATED)                                                                             \
    X(0x22, CMD_UNMAP_MEMORY, 20, SERVED)                                                                              \
    X(0x23, CMD_RETIRED_23, 0, DEPRECATED)                                                                             \
    X(0x24, CMD_RETIRED_24, 0, DEPRECATED)                                                                             \
    X(0x25, CMD_DELETE_RESOURCE, 8, SERVED)                                                                            \
    X(0x26, CMD_RETIRED_26, 0, DEPRECATED)                                                                             \
    X(0x27, CMD_RETIRED_27, 0, DEPRECATED)                                                                             \
    X(0x28, CMD_DELETE_OBJECT, 16, SERVED)                                                                             \
    X(0x29, CMD_RETIRED_29, 0, DEPRECATED)                                                                             \
    X(0x2a, CMD_RETIRED_2A, 0, DEPRECATED)                                                                             \
    X(0x2b, CMD_RETIRED_2B, 0, DEPRECATED)                                                                             \
    X(0x2c, CMD_RETIRED_2C, 0, DEPRECATED)                                                                             \
    X(0x2d, CMD_RETIRED_2D, 0, DEPRECATED)                                                                             \
    X(0x2e, CMD_RETIRED_2E, 0, DEPRECATED)                                                                             \
    X(0x2f, CMD_RETIRED_2F, 0, DEPRECATED)                                                                             \
    X(0x30, CMD_DEFINE_CHILD_FIFO, 4, SERVED)                                                                          \
    X(0x31, CMD_DELETE_CHILD_FIFO, 4, SERVED)                                                                          \
    X(0x32, CMD_RETIRED_32, 0, DEPRECATED)                                                                             \
    X(0x33, CMD_SET_OBJECT_LIST, 12, SERVED)                                                                           \
    X(0x34, CMD_INVALIDATE_RESOURCES, 8, SERVED)                                                                       \
    X(0x35, CMD_SYNCHRONIZE_RESOURCES, 8, SERVED)                                                                      \
    X(0x36, CMD_DELETE_IOSURFACE_BACKING2, 8, SERVED)                                                                  \
    X(0x37, CMD_EXEC_INDIRECT2, 12, NOT_SERVED)                                                                        \
    X(0x38, CMD_DEFINE_TASK2, 16, SERVED)                                                                              \
    X(0x39, CMD_MAP_MEMORY2, 20, SERVED)                                                                               \
    X(0x3a, CMD_GET_DEVICE_INFO, 12, SERVED)                                                                           \
    X(0x3b, CMD_GET_COMPUTE_INFO, 24, NOT_SERVED)                                                                      \
    X(0x3c, CMD_REPLACE_PHYSICAL, 8, SERVED)                                                                           \
    X(0x3d, CMD_DELAY, 0, NOT_SERVED)                                                                                  \
    X(0x3e, CMD_SYNCHRONIZE_AND_DISCARD_RESOURCES, 8, SERVED)                                                          \
    X(0x3f, CMD_DISCARD_RESOURCES, 8, SERVED)                                                                          \
    X(0x40, CMD_HEAP_TEXTURE_SIZE_AND_ALIGN, 24, NOT_SERVED)                                                           \
    X(0x41, CMD_DELETE_SHARED_TEXTURE_BACKING, 0, NOT_SERVED)                                                          \
    X(0x42, CMD_RESET_RASTERIZATION_RATE_MAP, 0, NOT_SERVED)                                                           \
    X(0x43, CMD_EXEC_INDIRECT3, 0, NOT_SERVED)                                                                         \
    X(0x44, CMD_SET_OBJECT_AND_PLACEMENT_LIST, 28, SERVED)                                                             \
    X(0x45, CMD_INFO_INDIRECT, 0, NOT_SERVED)

enum {
#define X(op, name, least, class) name = op,
    OPCODE_LIST(X)
#undef X
        OPCODE_COUNT = 0x46 /* one above the highest */
};

enum opcode_class {
    OPCODE_UNKNOWN,    /* not in the table */
    OPCODE_SERVED,     /* a module registers a handler */
    OPCODE_NOT_SERVED, /* known, belongs to a later capability: accepted, counted, stamped */
    OPCODE_DEPRECATED  /* retired slot: refused by name, stamped */
};

struct opcode_info {
    const char *name; /* "CMD_NOP" */
    uint32_t least_payload_bytes;
    enum opcode_class class;
};

/* Never NULL; an unknown opcode has class OPCODE_UNKNOWN and the name "unknown". */
const struct opcode_info *opcode_info(uint32_t opcode);

#endif
