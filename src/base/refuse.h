/* SPDX-License-Identifier: MIT */
/*
 * Reasons for refusing what a guest did: one table of names and texts. Each has a counter and a log line at a bounded rate
 * (log.h), and a test that provokes it.
 */
#ifndef PVG_BASE_REFUSE_H
#define PVG_BASE_REFUSE_H

#define REFUSE_LIST(X)                                                                                                 \
    X(NONE, "none", "not refused")                                                                                     \
    /* registers */                                                                                                    \
    X(REG_SIZE, "register-access-size", "access of 1 or 2 bytes, or misaligned")                                      \
    X(REG_UNKNOWN, "register-unknown", "no register at this offset")                                                   \
    X(VERSION_BIT31, "version-bit31", "version proposal with bit 31 set")                                              \
    X(DOORBELL_ID, "doorbell-channel", "doorbell of a channel that cannot exist")                                      \
    X(DISPLAY_DOORBELL, "doorbell-display", "display doorbell of a port that does not exist")                          \
    X(FIRMWARE_PICTURE, "firmware-picture", "firmware's picture is not rows of guest RAM")                             \
    /* framing: the FIFO stops */                                                                                      \
    X(ROOT_GEOMETRY, "root-geometry", "root FIFO base, length or start is not usable")                                 \
    X(ROOT_NOT_RAM, "root-not-ram", "root FIFO buffer is not guest RAM")                                               \
    X(ROOT_PAGE_NOT_RAM, "root-page-not-ram", "root page is not guest RAM")                                            \
    X(RING_NOT_RAM, "ring-not-ram", "page list or ring page of a channel is not guest RAM")                            \
    X(RING_EMPTY, "ring-empty", "page list of a channel has no entry")                                                 \
    X(COUNTER_RANGE, "counter-range", "producer is ahead of the consumer by more than the ring")                       \
    X(PACKET_LENGTH, "packet-length", "packet length below its header, above its ring or not a multiple of 4")         \
    X(PACKET_BARRIERS, "packet-barriers", "more barriers than the packet or the limit holds")                          \
    X(PACKET_MEMORY, "packet-memory", "packet waits in its ring: other channels hold too much in theirs")              \
    /* commands: stamped, no effect */                                                                                 \
    X(BARRIER_INDEX, "barrier-index", "barrier on a stamp cell that does not exist")                                   \
    X(STAMP_INDEX, "stamp-index", "stamp index beyond the stamp cells")                                                \
    X(STAMP_REWIND, "stamp-rewind", "completion stamp behind the one published last")                                  \
    X(OPCODE_UNKNOWN, "opcode-unknown", "no such command")                                                             \
    X(OPCODE_DEPRECATED, "opcode-deprecated", "retired command")                                                       \
    X(PAYLOAD_SHORT, "payload-short", "payload shorter than the command needs")                                        \
    X(RECORD_LENGTH, "record-length", "record inside a command states a length that is not its own")                   \
    X(PAYLOAD_COUNT, "payload-count", "count of records larger than the payload")                                      \
    X(PAYLOAD_NOP, "payload-nop", "NOP with a payload")                                                                \
    X(CHANNEL_ID, "channel-id", "channel id out of range")                                                             \
    X(CHANNEL_NONE, "channel-none", "channel is not defined")                                                          \
    X(REPLY_NOT_RAM, "reply-not-ram", "reply page is not writable guest RAM")                                          \
    X(REPLY_COLLISION, "reply-collision", "page to be written is one of the device's control pages")                   \
    /* tasks and page tables */                                                                                        \
    X(TASK_NONE, "task-none", "task does not exist")                                                                   \
    X(TASK_LIMIT, "task-limit", "too many live tasks")                                                                 \
    X(TASK_LENGTH, "task-length", "address space longer than the host can reserve")                                    \
    X(TASK_CREATE, "task-create", "the VMM could not create the task")                                                 \
    X(TASK_MAP, "task-map", "the VMM could not map the range")                                                         \
    X(DIR_NONE, "directory-none", "directory page number is 0")                                                        \
    X(DIR_NOT_RAM, "directory-not-ram", "directory page is not guest RAM")                                             \
    X(PT_ROOT_NONE, "table-root-none", "root node is 0")                                                               \
    X(PT_DEPTH, "table-depth", "depth of the page table is 0 or above the limit")                                      \
    X(PT_NOT_RAM, "table-not-ram", "a node of the page table is not guest RAM")                                        \
    X(PT_HOLE, "table-hole", "page is not mapped")                                                                     \
    X(PT_CORRUPT, "table-corrupt", "entry has its flag but no page number")                                            \
    X(PT_TARGET, "table-target", "page table names a page that is not guest RAM")                                      \
    X(VA_RANGE, "va-range", "address beyond the task's address space or the table's reach")                            \
    X(SPAN_EMPTY, "span-empty", "span of a task is empty")                                                             \
    X(SPAN_LONG, "span-long", "span of a task is longer than guest memory")                                            \
    /* objects and surfaces */                                                                                         \
    X(LIST_NONE, "list-none", "task has no object list")                                                               \
    X(LIST_INDEX, "list-index", "object reference is 0 or beyond the list")                                            \
    X(SLOT_EMPTY, "slot-empty", "object slot is empty")                                                                \
    X(SLOT_UNREADABLE, "slot-unreadable", "object slot or descriptor is not mapped")                                   \
    X(OBJECT_TYPE, "object-type", "object has another type")                                                           \
    X(OBJECT_BUDGET, "object-budget", "budget for objects is spent")                                                   \
    X(OBJECT_UNKNOWN_KIND, "object-unknown-kind", "destroy record of an unknown kind")                                 \
    X(DESCRIPTOR_SHORT, "descriptor-short", "descriptor shorter than its type needs")                                  \
    X(DESCRIPTOR_LONG, "descriptor-long", "descriptor longer than the limit")                                          \
    X(SURFACE_EMPTY, "surface-empty", "surface has no backing: length or page number is 0")                            \
    X(SURFACE_PLANES, "surface-planes", "plane count is 0, above 8 or beyond the descriptor")                          \
    X(SURFACE_FORMAT, "surface-format", "pixel format cannot be shown")                                                \
    X(SURFACE_EDGE, "surface-edge", "width or height is 0 or above the limit")                                         \
    X(SURFACE_STRIDE, "surface-stride", "row is longer than its stride")                                               \
    X(SURFACE_BOUNDS, "surface-bounds", "picture reaches beyond the backing")                                          \
    X(SURFACE_LARGE, "surface-large", "backing of a surface to be shown is above the limit")                           \
    X(SURFACE_TIMEOUT, "surface-timeout", "surface was not mapped in time")                                            \
    X(SURFACE_COLLISION, "surface-collision", "surface lies on one of the device's control pages")                     \
    /* displays */                                                                                                     \
    X(PORT, "port", "display port does not exist")                                                                     \
    X(SHARED_PAGE_NONE, "shared-page-none", "shared page number is 0")                                                 \
    X(SHARED_PAGE_NOT_RAM, "shared-page-not-ram", "shared page is not writable guest RAM")                             \
    X(ACK_UNEXPECTED, "ack-unexpected", "online acknowledgement of a port that was not set up")                        \
    X(ONLINE_TIMEOUT, "online-timeout", "guest did not take the online event")                                         \
    X(GAMMA_TABLE, "gamma-table", "gamma table has a bad count, length or address")                                    \
    X(PICTURE_MEMORY, "picture-memory", "no memory for the picture: all pictures together have a limit")               \
    X(CURSOR_EXTENT, "cursor-extent", "pointer image is empty or above the limit")                                     \
    X(CURSOR_HOT, "cursor-hot", "hot spot outside the pointer image")                                                  \
    X(CURSOR_STRIDE, "cursor-stride", "pointer image with a bad stride or length")                                     \
    X(CURSOR_UNMAPPED, "cursor-unmapped", "pixels of the pointer image are not mapped")                                \
    X(MAPPING_UNSUPPORTED, "mapping-unsupported", "present of a mapping on a device without surface mapper")           \
    /* surface mapper */                                                                                               \
    X(IOSFC_INDEX, "mapper-index", "ring indices of the mapper contradict each other")                                 \
    X(IOSFC_RING_NOT_RAM, "mapper-ring-not-ram", "request ring of the mapper is not guest RAM")                        \
    X(IOSFC_OPERATION, "mapper-operation", "no such mapper request")                                                   \
    X(IOSFC_ID, "mapper-id", "mapping id is 0 or not in the descriptor table")                                         \
    X(IOSFC_TABLE, "mapper-table", "descriptor table or record of the mapper is not guest RAM")                        \
    X(IOSFC_LIST, "mapper-list", "page list of a mapping is absent or not guest RAM")                                  \
    X(IOSFC_PAGE, "mapper-page", "page of a mapping is absent or not guest RAM")                                       \
    X(IOSFC_SIZE, "mapper-size", "mapping is larger than one page of list can describe")                               \
    X(IOSFC_LIMIT, "mapper-limit", "too many live mappings")                                                           \
    X(IOSFC_UNMAP, "mapper-unmap", "unmap of a mapping that does not exist")

enum refuse {
#define X(id, name, text) REFUSE_##id,
    REFUSE_LIST(X)
#undef X
        REFUSE_COUNT
};

/* Name (stable, machine-readable) and English text of a reason. Never NULL. */
const char *refuse_name(enum refuse r);
const char *refuse_text(enum refuse r);

#endif
