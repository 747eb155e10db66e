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

#include "base/locks.h"

#define RECORD_MAGIC   0x52475650u /* "PVGR" */
#define RECORD_VERSION 1u

enum record_kind {
    RECORD_DEVICE = 1,     /* u32 page shift, u32 ports, u32 variant */
    RECORD_MMIO_READ = 2,  /* u32 offset, u32 size, u64 value */
    RECORD_MMIO_WRITE = 3, /* u32 offset, u32 size, u64 value */
    RECORD_PACKET = 4,     /* u32 channel, packet bytes */
    RECORD_PHYSICAL = 5,   /* u64 guest-physical address, bytes read */
    RECORD_VIRTUAL = 6,    /* u32 task, u64 address, bytes read */
    RECORD_PICTURE = 7     /* u32 port, u32 width, u32 height, pixels as taken (B,G,R,X) */
};

struct recorder {
    _Atomic bool on;
    pthread_mutex_t lock; /* protects file */
    FILE *file;           /* owned */
};

void recorder_init(struct recorder *rec);
void recorder_fini(struct recorder *rec);
/* Begin a file on @fd (taken), or end with -1. @device: the three words of RECORD_DEVICE. 0 or PVG_ERR_SYSTEM. */
int recorder_set(struct recorder *rec, int fd, const uint32_t device[3]);
static inline bool recorder_on(struct recorder *rec)
{
    return atomic_load_explicit(&rec->on, memory_order_relaxed);
}
/* One record: @head_bytes of @head, then @bytes of @data. A failed write ends the recording. */
void recorder_add(struct recorder *rec, enum record_kind kind, const void *head, size_t head_bytes, const void *data,
                  size_t bytes);

#endif
