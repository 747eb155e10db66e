/* SPDX-License-Identifier: MIT */
/* Recorder: see record.h. */
#include "base/record.h"

#include <unistd.h>

#include <pvg/types.h>

#include "base/clock.h"

void recorder_init(struct recorder *rec)
{
    atomic_init(&rec->state, RECORDER_OFF);
    pthread_mutex_init(&rec->lock, NULL);
    rec->file = NULL;
    rec->limit = RECORD_LIMIT_BYTES;
}

static void end_locked(struct recorder *rec, enum recorder_state why)
{
    atomic_store(&rec->state, why);
    if (rec->file)
        fclose(rec->file);
    rec->file = NULL;
}

void recorder_fini(struct recorder *rec)
{
    end_locked(rec, RECORDER_OFF);
    pthread_mutex_destroy(&rec->lock);
}

int recorder_set(struct recorder *rec, int fd, const uint32_t device[5])
{
    const uint32_t head[2] = {RECORD_MAGIC, RECORD_VERSION};
    int err = 0;

    pthread_mutex_lock(&rec->lock);
    end_locked(rec, RECORDER_OFF);
    if (fd >= 0) {
        rec->file = fdopen(fd, "wb");
        if (!rec->file)
            close(fd);
        if (!rec->file || fwrite(head, sizeof(head), 1, rec->file) != 1 || fflush(rec->file)) {
            end_locked(rec, RECORDER_FAILED);
            err = PVG_ERR_SYSTEM;
        } else {
            rec->bytes = sizeof(head);
            atomic_store(&rec->state, RECORDER_ON);
        }
    }
    pthread_mutex_unlock(&rec->lock);
    if (!err && fd >= 0)
        recorder_add(rec, RECORD_DEVICE, device, 5 * sizeof(uint32_t), NULL, 0);
    return err;
}

const char *recorder_state_text(struct recorder *rec)
{
    static const char *const text[] = {[RECORDER_OFF] = "off",
                                       [RECORDER_ON] = "on",
                                       [RECORDER_FULL] = "ended: full",
                                       [RECORDER_FAILED] = "ended: a write failed"};

    return text[atomic_load(&rec->state)];
}

/* What becomes of the recording with this record. */
static enum recorder_state write_record(struct recorder *rec, uint32_t kind, const struct iovec *piece, int count)
{
    struct {
        uint32_t kind, length_bytes;
        uint64_t time_ns;
    } record = {.kind = kind, .time_ns = clock_now_ns()};
    bool good;

    for (int i = 0; i < count; i++)
        record.length_bytes += (uint32_t)piece[i].iov_len;
    rec->bytes += sizeof(record) + record.length_bytes;
    if (rec->bytes > rec->limit)
        return RECORDER_FULL;
    good = fwrite(&record, sizeof(record), 1, rec->file) == 1;
    for (int i = 0; good && i < count; i++)
        good = !piece[i].iov_len || fwrite(piece[i].iov_base, 1, piece[i].iov_len, rec->file) == piece[i].iov_len;
    return good ? RECORDER_ON : RECORDER_FAILED;
}

void recorder_addv(struct recorder *rec, enum record_kind kind, const struct iovec *piece, int count)
{
    enum recorder_state state;

    pthread_mutex_lock(&rec->lock);
    if (rec->file) {
        state = write_record(rec, kind, piece, count);
        if (state != RECORDER_ON)
            end_locked(rec, state);
    }
    pthread_mutex_unlock(&rec->lock);
}

void recorder_add(struct recorder *rec, enum record_kind kind, const void *head, size_t head_bytes, const void *data,
                  size_t bytes)
{
    const struct iovec piece[] = {{.iov_base = (void *)(uintptr_t)head, .iov_len = head_bytes},
                                  {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes}};

    recorder_addv(rec, kind, piece, 2);
}
