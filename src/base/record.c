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

int recorder_set(struct recorder *rec, int fd, const uint32_t device[5])
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
        recorder_add(rec, RECORD_DEVICE, device, 5 * sizeof(uint32_t), NULL, 0);
    return err;
}

static bool write_record(FILE *file, uint32_t kind, const struct iovec *piece, int count)
{
    struct {
        uint32_t kind, length_bytes;
        uint64_t time_ns;
    } record = {.kind = kind, .time_ns = clock_now_ns()};
    bool good;

    for (int i = 0; i < count; i++)
        record.length_bytes += (uint32_t)piece[i].iov_len;
    good = fwrite(&record, sizeof(record), 1, file) == 1;
    for (int i = 0; good && i < count; i++)
        good = !piece[i].iov_len || fwrite(piece[i].iov_base, 1, piece[i].iov_len, file) == piece[i].iov_len;
    return good;
}

void recorder_addv(struct recorder *rec, enum record_kind kind, const struct iovec *piece, int count)
{
    pthread_mutex_lock(&rec->lock);
    if (rec->file && !write_record(rec->file, kind, piece, count))
        end_locked(rec);
    pthread_mutex_unlock(&rec->lock);
}

void recorder_add(struct recorder *rec, enum record_kind kind, const void *head, size_t head_bytes, const void *data,
                  size_t bytes)
{
    const struct iovec piece[] = {{.iov_base = (void *)(uintptr_t)head, .iov_len = head_bytes},
                                  {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes}};

    recorder_addv(rec, kind, piece, 2);
}
