/* SPDX-License-Identifier: MIT */
/*
 * Disk cache: hits only on equal requests, damage is noticed, size is bounded and the least recently used go first,
 * several processes at once, foreign folders are refused.
 */
#include "airc_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "airc/cache.h"

static const struct airc_origin origin = {"compiler a", "/run/service", "guest a"};

/* An entry for request number @n of @bytes of SPIR-V. */
static struct airc_entry entry(uint32_t n, uint32_t *words, size_t bytes)
{
    for (size_t i = 0; i < bytes / 4; i++)
        words[i] = n;
    words[0] = 0x07230203;
    return (struct airc_entry){.status = AIRC_OK,
                               .text = "",
                               .spirv = words,
                               .spirv_bytes = bytes,
                               .reflection = "refl",
                               .reflection_bytes = 4,
                               .compile_us = n};
}

static int put(struct airc_cache *c, uint32_t n, size_t bytes)
{
    uint32_t *words = malloc(bytes), body[4] = {n, 1, 2, 3};
    struct airc_entry e = entry(n, words, bytes);
    int err = airc_cache_put(c, airc_cache_key(&origin, body, 16), &origin, body, 16, &e);

    free(words);
    return err;
}

static bool get(struct airc_cache *c, uint32_t n, size_t bytes)
{
    uint32_t body[4] = {n, 1, 2, 3};
    struct airc_entry e;

    if (!airc_cache_get(c, airc_cache_key(&origin, body, 16), &origin, body, 16, &e))
        return false;
    assert_int_equal(e.status, AIRC_OK);
    assert_int_equal(e.compile_us, n);
    assert_int_equal(e.spirv_bytes, bytes);
    assert_int_equal(((const uint32_t *)e.spirv)[bytes / 4 - 1], n);
    assert_memory_equal(e.reflection, "refl", 4);
    free(e.storage);
    return true;
}

static struct airc_cache *open_cache(struct scratch *s, uint64_t bytes)
{
    struct airc_cache *c;
    char path[512];

    assert_int_equal(airc_cache_open(s->cache, bytes, &c, path, sizeof(path)), 0);
    assert_string_equal(path, s->cache);
    return c;
}

static void stores_and_finds(void **state)
{
    static const struct airc_origin others[] = {
        {"compiler b", "/run/service", "guest a"}, {"compiler a", "", "guest a"}, {"compiler a", "/run/service", ""}};
    uint32_t body[4] = {9, 1, 2, 3};
    struct airc_key key = airc_cache_key(&origin, body, 16);
    struct airc_entry refused = {.status = AIRC_REFUSED, .reason = AIR_REFUSE_TYPE, .text = "type: double"}, e;
    struct airc_cache *c;
    struct scratch s;

    scratch_make(&s);
    c = open_cache(&s, 1 << 20);
    assert_false(get(c, 1, 64));
    assert_int_equal(put(c, 1, 64), 0);
    assert_int_equal(put(c, 2, 128), 0);
    assert_true(get(c, 1, 64));
    assert_true(get(c, 2, 128));
    assert_int_equal(put(c, 1, 256), 0); /* replaces */
    assert_true(get(c, 1, 256));

    assert_int_equal(airc_cache_put(c, key, &origin, body, 16, &refused), 0);
    assert_true(airc_cache_get(c, key, &origin, body, 16, &e));
    assert_int_equal(e.status, AIRC_REFUSED);
    assert_int_equal(e.reason, AIR_REFUSE_TYPE);
    assert_string_equal(e.text, "type: double");
    assert_null(e.spirv);
    free(e.storage);

    /* The same key with other contents is no hit: this is what a collision looks like. */
    body[3] = 4;
    assert_false(airc_cache_get(c, key, &origin, body, 16, &e));
    body[3] = 3;
    assert_false(airc_cache_get(c, key, &origin, body, 12, &e));
    assert_null(e.storage);

    /* Nor is what another compiler, service or guest had, at its own key or at this one. */
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(airc_cache_get(c, key, &others[i], body, 16, &e));
        assert_false(airc_cache_get(c, airc_cache_key(&others[i], body, 16), &others[i], body, 16, &e));
    }
    airc_cache_close(c);

    c = open_cache(&s, 1 << 20);
    assert_true(get(c, 2, 128));
    airc_cache_close(c);
    scratch_remove(&s);
}

static int entry_file(struct scratch *s, char *path, size_t bytes)
{
    DIR *d = opendir(s->cache);
    struct dirent *e;
    int n = 0;

    assert_non_null(d);
    while ((e = readdir(d)))
        if (strstr(e->d_name, ".air")) {
            snprintf(path, bytes, "%s/%s", s->cache, e->d_name);
            n++;
        }
    closedir(d);
    return n;
}

static void every_damage_is_noticed(void **state)
{
    uint8_t file[1024], byte;
    struct airc_cache *c;
    struct scratch s;
    char path[700];
    ssize_t n;
    int fd;

    scratch_make(&s);
    c = open_cache(&s, 1 << 20);
    assert_int_equal(put(c, 1, 64), 0);
    assert_int_equal(entry_file(&s, path, sizeof(path)), 1);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    n = read(fd, file, sizeof(file));
    assert_in_range(n, 300, 600);
    for (off_t i = 0; i < n; i++) {
        /* All but numbers that only tell about the compilation, which may be anything. */
        if (i >= 236 && i < 240)
            continue;
        byte = file[i] ^ 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, i), 1);
        if (get(c, 1, 64))
            fail_msg("damage of byte %d was not noticed", (int)i);
        assert_int_equal(pwrite(fd, &file[i], 1, i), 1);
    }
    assert_true(get(c, 1, 64));
    for (off_t cut = n - 1; cut >= 0; cut--) {
        assert_int_equal(ftruncate(fd, cut), 0);
        assert_false(get(c, 1, 64));
    }
    close(fd);
    /* Damage is repaired by the next store. */
    assert_int_equal(put(c, 1, 64), 0);
    assert_true(get(c, 1, 64));
    /* What is not a file is not opened. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_false(get(c, 1, 64));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(get(c, 1, 64));
    airc_cache_close(c);
    scratch_remove(&s);
}

static void age(struct scratch *s, uint32_t n, int seconds)
{
    uint32_t body[4] = {n, 1, 2, 3};
    struct airc_key key = airc_cache_key(&origin, body, 16);
    struct timespec when[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    char path[700];

    snprintf(path, sizeof(path), "%s/%016llx%016llx.air", s->cache, (unsigned long long)key.v[0],
             (unsigned long long)key.v[1]);
    assert_int_equal(utimensat(AT_FDCWD, path, when, 0), 0);
}

static uint64_t folder_bytes(struct scratch *s)
{
    DIR *d = opendir(s->cache);
    uint64_t sum = 0;
    struct dirent *e;
    struct stat st;

    while ((e = readdir(d)))
        if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_size;
    closedir(d);
    return sum;
}

static void bounded_and_least_recently_used_first(void **state)
{
    struct airc_cache *c;
    struct scratch s;

    scratch_make(&s);
    c = open_cache(&s, 100000);
    for (uint32_t n = 0; n < 9; n++) {
        assert_int_equal(put(c, n, 10000), 0);
        age(&s, n, 1000 - (int)n);
    }
    assert_true(get(c, 0, 10000)); /* used now, so it stays */
    age(&s, 6, -1000000);
    assert_true(get(c, 6, 10000));
    age(&s, 7, -1000000); /* from a time when the clock was wrong */
    assert_int_equal(put(c, 100, 10000), 0);
    assert_true(folder_bytes(&s) <= 100000);
    assert_true(get(c, 0, 10000));
    assert_true(get(c, 6, 10000));
    assert_false(get(c, 7, 10000));
    assert_true(get(c, 8, 10000));
    assert_true(get(c, 100, 10000));
    assert_false(get(c, 1, 10000));
    assert_false(get(c, 2, 10000));
    /* One entry may not take all. */
    assert_int_equal(put(c, 200, 30000), -EFBIG);
    for (uint32_t n = 300; n < 400; n++) {
        assert_int_equal(put(c, n, 10000), 0);
        assert_true(folder_bytes(&s) <= 100000);
    }
    airc_cache_close(c);
    /* A smaller bound is kept from the start. */
    c = open_cache(&s, 50000);
    assert_true(folder_bytes(&s) <= 50000);
    airc_cache_close(c);
    scratch_remove(&s);
}

static void dead_processes_leave_nothing(void **state)
{
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct airc_cache *c;
    struct scratch s;
    char path[700];

    scratch_make(&s);
    c = open_cache(&s, 1 << 20);
    airc_cache_close(c);
    snprintf(path, sizeof(path), "%s/tmp-1-1", s.cache);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    c = open_cache(&s, 1 << 20);
    airc_cache_close(c);
    assert_int_equal(access(path, F_OK), 0); /* young: it may be in use */
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    c = open_cache(&s, 1 << 20);
    airc_cache_close(c);
    assert_int_equal(access(path, F_OK), -1);
    scratch_remove(&s);
}

static void foreign_folders_are_refused(void **state)
{
    struct airc_cache *c;
    char path[512], long_path[5000];
    struct scratch s;

    scratch_make(&s);
    assert_int_equal(mkdir(s.cache, 0777), 0);
    assert_int_equal(chmod(s.cache, 0777), 0);
    assert_int_equal(airc_cache_open(s.cache, 1 << 20, &c, path, sizeof(path)), -EPERM);
    assert_null(c);
    assert_int_equal(airc_cache_open("/proc/self/nothing/here", 1 << 20, &c, path, sizeof(path)), -ENOENT);
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[0] = '/';
    long_path[sizeof(long_path) - 1] = 0;
    assert_int_equal(airc_cache_open(long_path, 1 << 20, &c, path, sizeof(path)), -ENAMETOOLONG);
    if (geteuid() == 0) {
        assert_int_equal(chmod(s.cache, 0700), 0);
        assert_int_equal(chown(s.cache, 1, 1), 0);
        assert_int_equal(airc_cache_open(s.cache, 1 << 20, &c, path, sizeof(path)), -EPERM);
    }
    scratch_remove(&s);
}

static void default_folder(void **state)
{
    struct airc_cache *c;
    char path[512], want[512];
    struct scratch s;

    scratch_make(&s);
    setenv("XDG_CACHE_HOME", s.cache, 1);
    snprintf(want, sizeof(want), "%s/openpvg", s.cache);
    assert_int_equal(airc_cache_open(NULL, 1 << 20, &c, path, sizeof(path)), 0);
    assert_string_equal(path, want);
    airc_cache_close(c);
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", s.path, 1);
    snprintf(want, sizeof(want), "%s/.cache/openpvg", s.path);
    assert_int_equal(airc_cache_open(NULL, 1 << 20, &c, path, sizeof(path)), 0);
    assert_string_equal(path, want);
    airc_cache_close(c);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_int_equal(airc_cache_open(NULL, 1 << 20, &c, path, sizeof(path)), -ENOENT);
    scratch_remove(&s);
}

/* Four processes store and look up the same few entries while the bound forces evictions: only whole entries are seen.
 */
static void many_processes(void **state)
{
    struct scratch s;
    pid_t pids[4];
    int status;

    scratch_make(&s);
    airc_cache_close(open_cache(&s, 40000));
    for (int p = 0; p < 4; p++) {
        pids[p] = fork();
        if (pids[p] == 0) {
            struct airc_cache *c = open_cache(&s, 40000);
            unsigned hits = 0;

            for (uint32_t i = 0; i < 400; i++) {
                uint32_t n = (i * 7 + (uint32_t)p) % 8;

                if (get(c, n, 4000 + 400 * n))
                    hits++;
                else
                    assert_int_equal(put(c, n, 4000 + 400 * n), 0);
            }
            airc_cache_close(c);
            _exit(hits ? 0 : 1);
        }
    }
    for (int p = 0; p < 4; p++) {
        assert_int_equal(waitpid(pids[p], &status, 0), pids[p]);
        assert_int_equal(status, 0);
    }
    /* Each process sees its own stores at once and the others' at the next look: the excess is one entry each. */
    assert_true(folder_bytes(&s) <= 40000 + 4 * 8000);
    scratch_remove(&s);
}

/* What does not fit on the disk is not stored, and leaves nothing behind; what is there is still found. */
static void disk_full(void **state)
{
    struct airc_cache *c;
    struct scratch s;
    int status;
    pid_t pid;

    scratch_make(&s);
    c = open_cache(&s, 1 << 20);
    assert_int_equal(put(c, 1, 64), 0);
    pid = fork();
    if (pid == 0) {
        const struct rlimit small = {600, 600};

        signal(SIGXFSZ, SIG_IGN); /* blocked in the client's thread */
        setrlimit(RLIMIT_FSIZE, &small);
        _exit(put(c, 2, 4096) == -EFBIG && put(c, 1, 4096) == -EFBIG && get(c, 1, 64) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(folder_bytes(&s) < 600);
    assert_true(get(c, 1, 64));
    assert_false(get(c, 2, 4096));
    airc_cache_close(c);
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_and_finds),
        cmocka_unit_test(every_damage_is_noticed),
        cmocka_unit_test(bounded_and_least_recently_used_first),
        cmocka_unit_test(dead_processes_leave_nothing),
        cmocka_unit_test(foreign_folders_are_refused),
        cmocka_unit_test(many_processes),
        cmocka_unit_test(disk_full),
        cmocka_unit_test(default_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
