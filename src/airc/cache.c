/* SPDX-License-Identifier: MIT */
/*
 * Disk cache: one file per entry, found by name, checked in full, evicted by age of last use. See cache.h.
 *
 * File: struct file_head, then request body, text, SPIR-V, reflection, each at a multiple of 8. Readers take the whole
 * file into memory of their own before they look at it, so that nobody can change it under them.
 */
#include "airc/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "airc/protocol.h"

#define FILE_MAGIC   0x63726961u
#define FILE_VERSION 2u
#define NAME_BYTES   48
#define SUFFIX       ".air"
#define TEMP_PREFIX  "tmp-"
/* A temporary file this old belongs to a process that died. */
#define TEMP_AGE_S 600
/* Last use is kept to this accuracy: a hit costs no inode write more often. */
#define USE_ACCURACY_S 60
/* Other processes fill the folder too: look at its real size every so many stores. */
#define RESCAN_STORES 256
/* Eviction goes down to this many percent of the bound, so that it is rare. */
#define EVICT_TO_PERCENT 75
/* Entries looked at in one eviction. More than this in one folder is not ours alone; the rest waits for the next. */
#define MAX_SCAN 262144u

struct file_head {
    uint32_t magic, version;
    struct airc_origin origin;
    uint64_t body_bytes, spirv_bytes, reflection_bytes;
    uint32_t text_bytes, status, reason, compile_us;
    struct airc_key sum; /* over everything behind the head */
};

struct airc_cache {
    int dir;
    uint64_t max_bytes, bytes; /* @bytes: last seen size plus what was stored since */
    unsigned stores;
};

struct scan_entry {
    char name[NAME_BYTES];
    uint64_t bytes;
    int64_t used_s;
};

static uint64_t align8(uint64_t n)
{
    return (n + 7) & ~(uint64_t)7;
}

static int default_dir(char *path, size_t bytes)
{
    const char *base = getenv("XDG_CACHE_HOME"), *tail = "/openpvg";
    int n;

    if (!base || base[0] != '/') { /* a relative path is to be ignored, says the XDG specification */
        base = getenv("HOME");
        tail = "/.cache/openpvg";
    }
    if (!base || base[0] != '/')
        return -ENOENT;
    n = snprintf(path, bytes, "%s%s", base, tail);
    return n < 0 || (size_t)n >= bytes ? -ENAMETOOLONG : 0;
}

/* mkdir -p. The last folder decides whether this worked: its parents may exist and be closed to us. */
static void make_path(const char *path)
{
    char part[4096];

    for (size_t i = 1; path[i] && i < sizeof(part); i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        (void)mkdir(part, 0700);
    }
    (void)mkdir(path, 0700);
}

static bool is_entry_name(const char *name)
{
    size_t n = strlen(name);

    return n < NAME_BYTES && n > strlen(SUFFIX) && strcmp(name + n - strlen(SUFFIX), SUFFIX) == 0;
}

/*
 * Walk the folder: sum up, drop temporary files of dead processes, and collect the entries into *@list when that is not
 * NULL. Returns the number of entries seen.
 */
static size_t scan(struct airc_cache *c, struct scan_entry **list)
{
    int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    size_t count = 0, room = 0;
    time_t now = time(NULL);
    struct dirent *e;

    c->bytes = 0;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    while (count < MAX_SCAN && (e = readdir(d))) {
        struct stat st;

        if (fstatat(c->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        if (strncmp(e->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0 && llabs(now - st.st_mtime) > TEMP_AGE_S)
            (void)unlinkat(c->dir, e->d_name, 0); /* another process may have been faster */
        if (!is_entry_name(e->d_name))
            continue;
        c->bytes += (uint64_t)st.st_size;
        if (list && count == room) {
            size_t more = room ? room * 2 : 1024;
            struct scan_entry *grown = realloc(*list, more * sizeof(**list));

            if (!grown)
                break;
            *list = grown;
            room = more;
        }
        if (list) {
            memcpy((*list)[count].name, e->d_name, strlen(e->d_name) + 1); /* fits: is_entry_name() */
            (*list)[count].bytes = (uint64_t)st.st_size;
            /* What is from a time when the clock was wrong is not kept until then. */
            (*list)[count].used_s = st.st_mtime > now + USE_ACCURACY_S ? 0 : st.st_mtime;
        }
        count++;
    }
    closedir(d);
    return count;
}

static int by_use(const void *a, const void *b)
{
    const struct scan_entry *x = a, *y = b;

    return (x->used_s > y->used_s) - (x->used_s < y->used_s);
}

static void evict(struct airc_cache *c)
{
    uint64_t goal = c->max_bytes / 100 * EVICT_TO_PERCENT;
    struct scan_entry *list = NULL;
    int lock = openat(c->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t n;

    if (lock < 0)
        return;
    /* One process at a time is enough, and two would evict twice as much. */
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        n = scan(c, &list);
        if (c->bytes > c->max_bytes && n) {
            qsort(list, n, sizeof(*list), by_use);
            for (size_t i = 0; i < n && c->bytes > goal; i++)
                if (unlinkat(c->dir, list[i].name, 0) == 0)
                    c->bytes -= list[i].bytes;
        }
        free(list);
    }
    close(lock);
}

int airc_cache_open(const char *dir, uint64_t max_bytes, struct airc_cache **out, char *path_out, size_t path_bytes)
{
    char path[4096];
    struct airc_cache *c;
    struct stat st;
    int err = 0;

    *out = NULL;
    path_out[0] = 0;
    if (dir) {
        if (strlen(dir) >= sizeof(path))
            return -ENAMETOOLONG;
        strcpy(path, dir);
    } else {
        err = default_dir(path, sizeof(path));
        if (err)
            return err;
    }
    snprintf(path_out, path_bytes, "%s", path);
    make_path(path);
    c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->max_bytes = max_bytes;
    c->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->dir < 0 || fstat(c->dir, &st) < 0)
        err = -errno;
    else if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
        err = -EPERM;
    if (err) {
        airc_cache_close(c);
        return err;
    }
    scan(c, NULL);
    if (c->bytes > c->max_bytes)
        evict(c);
    *out = c;
    return 0;
}

void airc_cache_close(struct airc_cache *c)
{
    if (!c)
        return;
    if (c->dir >= 0)
        close(c->dir);
    free(c);
}

struct airc_key airc_cache_key(const struct airc_origin *origin, const void *body, size_t body_bytes)
{
    struct airc_key key = {{FILE_VERSION, AIRC_PROTOCOL}};

    return airc_hash(airc_hash(key, origin, sizeof(*origin)), body, body_bytes);
}

static void entry_name(struct airc_key key, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "%016" PRIx64 "%016" PRIx64 SUFFIX, key.v[0], key.v[1]);
}

/* Read a whole file into 8-aligned memory. NULL when it is shorter than a head or longer than any entry may be. */
static uint8_t *read_file(int fd, uint64_t most, uint64_t *bytes)
{
    struct stat st;
    uint8_t *p;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < sizeof(struct file_head) ||
        (uint64_t)st.st_size > most)
        return NULL;
    *bytes = (uint64_t)st.st_size;
    p = malloc(*bytes);
    for (uint64_t at = 0; p && at < *bytes;) {
        ssize_t n = read(fd, p + at, *bytes - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            free(p);
            return NULL;
        }
        at += (uint64_t)n;
    }
    return p;
}

/* Is @p, a file of @bytes, a whole and undamaged entry for this request? */
static bool entry_ok(const uint8_t *p, uint64_t bytes, const struct airc_origin *origin, const void *body,
                     size_t body_bytes, struct airc_entry *out)
{
    struct file_head h;
    uint64_t text, spirv, reflection;
    struct airc_key sum;

    memcpy(&h, p, sizeof(h));
    if (h.magic != FILE_MAGIC || h.version != FILE_VERSION || memcmp(&h.origin, origin, sizeof(*origin)) != 0 ||
        h.body_bytes != body_bytes || h.text_bytes < 1 || h.text_bytes > AIRC_TEXT_BYTES ||
        h.spirv_bytes > AIRC_MAX_RESULT || h.reflection_bytes > AIRC_MAX_RESULT || h.reason >= AIR_REFUSE_COUNT)
        return false;
    text = sizeof(h) + align8(h.body_bytes);
    spirv = text + align8(h.text_bytes);
    reflection = spirv + align8(h.spirv_bytes);
    if (reflection + h.reflection_bytes != bytes || memcmp(p + sizeof(h), body, body_bytes) != 0)
        return false;
    sum = airc_hash((struct airc_key){{0}}, p + sizeof(h), (size_t)(bytes - sizeof(h)));
    if (sum.v[0] != h.sum.v[0] || sum.v[1] != h.sum.v[1] || p[text + h.text_bytes - 1] != 0)
        return false;
    if (h.status == AIRC_OK ? h.reason || !h.reflection_bytes || !airc_spirv_plausible(p + spirv, h.spirv_bytes)
                            : h.status != AIRC_REFUSED || h.spirv_bytes || h.reflection_bytes)
        return false;
    *out = (struct airc_entry){
        .status = h.status,
        .reason = h.reason,
        .compile_us = h.compile_us,
        .text = (const char *)p + text,
        .spirv = h.spirv_bytes ? p + spirv : NULL,
        .spirv_bytes = (size_t)h.spirv_bytes,
        .reflection = h.reflection_bytes ? p + reflection : NULL,
        .reflection_bytes = (size_t)h.reflection_bytes,
    };
    return true;
}

static void mark_used(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && llabs(time(NULL) - st.st_mtime) > USE_ACCURACY_S)
        (void)futimens(fd, NULL); /* a read-only cache still serves */
}

bool airc_cache_get(struct airc_cache *c, struct airc_key key, const struct airc_origin *origin, const void *body,
                    size_t body_bytes, struct airc_entry *out)
{
    uint64_t bytes, most = sizeof(struct file_head) + body_bytes + AIRC_TEXT_BYTES + 2ull * AIRC_MAX_RESULT + 64;
    char name[NAME_BYTES];
    uint8_t *p;
    bool ok;
    int fd;

    memset(out, 0, sizeof(*out));
    entry_name(key, name);
    fd = openat(c->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    p = read_file(fd, most, &bytes);
    ok = p && entry_ok(p, bytes, origin, body, body_bytes, out);
    if (ok)
        mark_used(fd);
    close(fd);
    if (!ok) {
        free(p);
        return false;
    }
    out->storage = p;
    return true;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

static int write_aside(struct airc_cache *c, const char *name, const uint8_t *p, size_t n)
{
    static _Atomic unsigned serial; /* several cache objects of one process may share the folder */
    char temp[NAME_BYTES];
    int fd, err;

    snprintf(temp, sizeof(temp), TEMP_PREFIX "%ld-%u", (long)getpid(), atomic_fetch_add(&serial, 1));
    fd = openat(c->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    err = write_all(fd, p, n);
    if (close(fd) < 0 && !err)
        err = -errno;
    if (!err && renameat(c->dir, temp, c->dir, name) < 0)
        err = -errno;
    if (err)
        (void)unlinkat(c->dir, temp, 0);
    return err;
}

int airc_cache_put(struct airc_cache *c, struct airc_key key, const struct airc_origin *origin, const void *body,
                   size_t body_bytes, const struct airc_entry *e)
{
    struct file_head h = {
        .magic = FILE_MAGIC,
        .version = FILE_VERSION,
        .origin = *origin,
        .body_bytes = body_bytes,
        .spirv_bytes = e->spirv_bytes,
        .reflection_bytes = e->reflection_bytes,
        .text_bytes = (uint32_t)strlen(e->text) + 1,
        .status = e->status,
        .reason = e->reason,
        .compile_us = e->compile_us,
    };
    uint64_t text = sizeof(h) + align8(h.body_bytes), spirv = text + align8(h.text_bytes);
    uint64_t reflection = spirv + align8(h.spirv_bytes), total = reflection + h.reflection_bytes;
    char name[NAME_BYTES];
    uint8_t *p;
    int err;

    /* One entry must not push out all others. */
    if (total > c->max_bytes / 4)
        return -EFBIG;
    p = calloc(1, total);
    if (!p)
        return -ENOMEM;
    memcpy(p + sizeof(h), body, body_bytes);
    memcpy(p + text, e->text, h.text_bytes);
    if (h.spirv_bytes)
        memcpy(p + spirv, e->spirv, h.spirv_bytes);
    if (h.reflection_bytes)
        memcpy(p + reflection, e->reflection, h.reflection_bytes);
    h.sum = airc_hash((struct airc_key){{0}}, p + sizeof(h), (size_t)(total - sizeof(h)));
    memcpy(p, &h, sizeof(h));
    entry_name(key, name);
    err = write_aside(c, name, p, (size_t)total);
    free(p);
    if (err)
        return err;
    c->bytes += total;
    if (c->bytes > c->max_bytes || ++c->stores % RESCAN_STORES == 0)
        evict(c);
    return 0;
}
