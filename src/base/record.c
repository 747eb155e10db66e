/* SPDX-License-Identifier: MIT */
/* Recorder: see record.h. */
#include "base/record.h"

#include <unistd.h>

#include <pvg/types.h>

#include "base/clock.h"

void recorder_init(struct recorder *rec)
{
    atomic_init(&rec->on, false);
    pthread_mutex_init(&rec->lock, NULL);
    rec->file = NULL;
}

static void end_locked(struct recorder *rec)
{
    atomic_store(&rec->on, false);
    if (rec->file)
        fclose(rec->file);
    rec->file = NULL;
}

void recorder_fini(struct recorder *rec)
{
    end_locked(rec);
    pthread_mutex_destroy(&rec->lock);
}

int recorder_set(struct recorder *rec, int fd, const uint32_t device[3])
{
    const uint32_t head[2] = {RECORD_MAGIC, RECORD_VERSION};
    int err = 0;

    pthread_mutex_lock(&rec->lock);
    end_locked(rec);
    if (fd >= 0) {
        rec->file = fdopen(fd, "wb");
        if (!rec->file)
            close(fd);
        if (!rec->file || fwrite(head, sizeof(head), 1, rec->file) != 1 || fflush(rec->file)) {
            end_locked(rec);
            err = PVG_ERR_SYSTEM;
        } else {
            atomic_store(&rec->on, true);
        }
    }
    pthread_mutex_unlock(&rec->lock);
    if (!err && fd >= 0)
        recorder_add(rec, RECORD_DEVICE, device, 3 * sizeof(uint32_t), NULL, 0);
    return err;
}

void recorder_add(struct recorder *rec, enum record_kind kind, const void *head, size_t head_bytes, const void *data,
                  size_t bytes)
{
    struct {
        uint32_t kind, length_bytes;
        uint64_t time_ns;
    } record = {kind, (uint32_t)(head_bytes + bytes), clock_now_ns()};

    pthread_mutex_lock(&rec->lock);
    if (rec->file && (fwrite(&record, sizeof(record), 1, rec->file) != 1 ||
                      fwrite(head, 1, head_bytes, rec->file) != head_bytes ||
                      (bytes && fwrite(data, 1, bytes, rec->file) != bytes)))
        end_locked(rec);
    pthread_mutex_unlock(&rec->lock);
}
