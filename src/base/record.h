/* SPDX-License-Identifier: MIT */
/*
 * Recorder: writes what a device was told and what it read from guest memory to a file, enough to replay its work
 * (docs/record.md has the format). Off by default; one relaxed load per call then. Any thread.
 */
#ifndef PVG_BASE_RECORD_H
#define PVG_BASE_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

#include "base/locks.h"

#define RECORD_MAGIC   0x52475650u /* "PVGR" */
#define RECORD_VERSION 3u

enum record_kind {
    RECORD_DEVICE = 1,     /* u32 page shift, u32 ports, u32 variant, u32 flags, u32 tasks */
    RECORD_MMIO_READ = 2,  /* u32 offset, u32 size, u64 value */
    RECORD_MMIO_WRITE = 3, /* u32 offset, u32 size, u64 value */
    RECORD_PACKET = 4,     /* u32 channel, packet bytes */
    RECORD_PHYSICAL = 5,   /* u64 guest-physical address, bytes read */
    RECORD_VIRTUAL = 6,    /* u32 task, u64 address, bytes read */
    RECORD_PICTURE = 7,    /* u32 port, u32 width, u32 height, pixels as taken (B,G,R,X) */
    RECORD_RAM = 8,        /* u64 guest-physical address, u64 length, u32 flags, u32 1: there, 0: gone */
    RECORD_MONITOR =
        9,             /* u32 port, u32 state, u32 pointer limit, u32 modes, each u16 width, u16 height, u32 16.16 Hz */
    RECORD_RING = 10,  /* u32 channel, u32 page of the list (root: of the buffer), u32 consumer, u32 stamp index, u32 1:
                          opened, 0: refused */
    RECORD_STAMP = 11, /* u32 channel, u32 stamp */
    RECORD_SOURCE = 12,  /* of the picture that follows: see struct record_source */
    RECORD_POINTER = 13, /* u32 port, u16 width, u16 height, u16 hot x, u16 hot y, pixels (B,G,R,A) */
    RECORD_FAULT = 14,   /* u32 channel, u32 bytes published, packet header as far as it could be read */
    RECORD_RESET = 15,   /* nothing */
    RECORD_REPORT = 16,  /* the report at the end of the recording, JSON */
    RECORD_RESUMED = 17, /* u32 channel, u32 consumer: the FIFO left the fault, what was published is discarded */
    RECORD_MAP = 18,     /* tasks=callbacks: u32 task, u64 address, of each range u64 guest-physical address, u64 length */
    RECORD_MAPPER = 19,  /* the surface mapper: u32 state */
    RECORD_MAPPER_READ = 20,   /* as RECORD_MMIO_READ, of the mapper's window */
    RECORD_MAPPER_WRITE = 21,  /* as RECORD_MMIO_WRITE */
    RECORD_MAPPER_MEMORY = 22, /* as RECORD_PHYSICAL, read by the mapper's thread */
    RECORD_REQUEST = 23,       /* u64 guest-physical address of a ring entry, u32 operation, u32 mapping */
    RECORD_ANSWER = 24,        /* u64 the same address, u32 result */
    RECORD_KINDS
};

/* States of RECORD_MONITOR. */
enum record_monitor { RECORD_MONITOR_GONE, RECORD_MONITOR_CONNECTED, RECORD_MONITOR_UNPLUGGED };

/* States of RECORD_MAPPER. */
enum record_mapper { RECORD_MAPPER_GONE, RECORD_MAPPER_THERE, RECORD_MAPPER_RESET };

/*
 * Where a picture came from: which present of its port (counting those that its report counts, from 0), and the memory
 * that its rows were read from. Behind it @runs times u64 guest-physical address and u64 length; then, where @pixels is
 * 1, the rows as they were read, without gaps; where it is 0 the picture has the same bytes.
 */
struct record_source {
    uint32_t port, bytes_per_pixel;
    uint64_t present, stride_bytes;
    uint32_t runs, pixels;
};

/* A recording ends there by itself: ten minutes of 1920x1080 at one new picture a second; a forgotten one fills no disk. */
#define RECORD_LIMIT_BYTES (5ull << 30)

enum recorder_state { RECORDER_OFF, RECORDER_ON, RECORDER_FULL, RECORDER_FAILED };

struct recorder {
    _Atomic enum recorder_state state;
    pthread_mutex_t lock;  /* protects what follows */
    FILE *file;            /* owned */
    uint64_t bytes, limit; /* written, and at most */
};

void recorder_init(struct recorder *rec);
void recorder_fini(struct recorder *rec);
/* Begin a file on @fd (taken), or end with -1. @device: the words of RECORD_DEVICE. 0 or PVG_ERR_SYSTEM. */
int recorder_set(struct recorder *rec, int fd, const uint32_t device[5]);
static inline bool recorder_on(struct recorder *rec)
{
    return atomic_load_explicit(&rec->state, memory_order_relaxed) == RECORDER_ON;
}
/* For the report: "off", "on", "ended: full", "ended: a write failed". */
const char *recorder_state_text(struct recorder *rec);
/* One record of @count pieces. A failed write ends the recording, and a record beyond the limit. */
void recorder_addv(struct recorder *rec, enum record_kind kind, const struct iovec *piece, int count);
/* The same: @head_bytes of @head, then @bytes of @data. */
void recorder_add(struct recorder *rec, enum record_kind kind, const void *head, size_t head_bytes, const void *data,
                  size_t bytes);

#endif
