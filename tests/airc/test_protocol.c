/* SPDX-License-Identifier: MIT */
/*
 * Checks of the compiler protocol: bodies, replies, greetings, sealed files and descriptor passing, and the hash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "airc/hash.h"
#include "airc/protocol.h"
#include "airc/sealed.h"

static struct airc_request sample(void)
{
    struct airc_request req = {.module = "0123456789", .module_bytes = 10, .entry = "main0", .type = 2};

    req.options.size = sizeof(req.options);
    req.options.caps = 0x12345678;
    req.options.constant_count = 1;
    req.options.constant[0].number = 1.5;
    return req;
}

static void body_round_trip(void **state)
{
    struct airc_request req = sample(), back;
    size_t n = airc_body_size(&req);
    uint8_t *p = malloc(n);

    assert_non_null(p);
    assert_int_equal(n % 8, 0);
    memset(p, 0xee, n);
    airc_body_write(&req, p);
    assert_true(airc_body_read(p, n, &back));
    assert_string_equal(back.entry, "main0");
    assert_int_equal(back.type, 2);
    assert_int_equal(back.module_bytes, 10);
    assert_memory_equal(back.module, "0123456789", 10);
    assert_memory_equal(&back.options, &req.options, sizeof(req.options));
    /* No byte of it is left to chance: bodies are compared as a whole. */
    for (size_t i = (const uint8_t *)back.module - p + 10; i < n; i++)
        assert_int_equal(p[i], 0);

    /* Nothing shorter or longer is a body. */
    for (size_t cut = 0; cut < n; cut++)
        assert_false(airc_body_read(p, cut, &back));
    p = realloc(p, n + 8);
    memset(p + n, 0, 8);
    assert_false(airc_body_read(p, n + 8, &back));
    free(p);
}

static void body_refusals(void **state)
{
    struct airc_request req = sample(), back;
    size_t n = airc_body_size(&req), entry = sizeof(struct airc_body) + sizeof(struct air_options);
    uint8_t *p = malloc(n), *good = malloc(n);

    assert_true(p && good);
    airc_body_write(&req, good);
#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        struct airc_body *b = (struct airc_body *)p;                                                                   \
        memcpy(p, good, n);                                                                                            \
        (void)b;                                                                                                       \
        change;                                                                                                        \
        assert_false(airc_body_read(p, n, &back));                                                                     \
    } while (0)
    REFUSED(b->magic++);
    REFUSED(b->protocol++);
    REFUSED(b->type = AIRC_TYPE_ANY + 1);
    REFUSED(b->option_bytes--);
    REFUSED(b->option_bytes = UINT32_MAX);
    REFUSED(b->entry_bytes = 0);
    REFUSED(b->entry_bytes = UINT32_MAX);
    REFUSED(b->entry_bytes--);
    REFUSED(b->zero = 1);
    REFUSED(b->module_bytes = 0);
    REFUSED(b->module_bytes += 8);
    REFUSED(b->module_bytes = UINT64_MAX);
    REFUSED(b->module_bytes = UINT64_MAX - 6);
    REFUSED(p[entry + 2] = 0);
    REFUSED(p[entry + 5] = 'x');
#undef REFUSED
    free(p);
    free(good);

    req.module_bytes = 0;
    assert_int_equal(airc_body_size(&req), 0);
    req.module_bytes = AIRC_MAX_MODULE + 1u;
    assert_int_equal(airc_body_size(&req), 0);
    req = sample();
    req.module = NULL;
    assert_int_equal(airc_body_size(&req), 0);
    req = sample();
    req.entry = NULL;
    assert_int_equal(airc_body_size(&req), sizeof(struct airc_body) + sizeof(struct air_options) + 8 + 16);
    req.module_bytes = AIRC_MAX_MODULE;
    assert_true(airc_body_size(&req) <= AIRC_MAX_BODY);
}

static struct airc_reply good_reply(void)
{
    union airc_message m;

    airc_message_init(&m, AIRC_REPLY);
    m.reply.spirv_bytes = 28;
    m.reply.reflection_bytes = 5;
    return m.reply;
}

static void reply_refusals(void **state)
{
    struct airc_reply r;

#define CASE(want, bytes, from_worker, change)                                                                         \
    do {                                                                                                               \
        r = good_reply();                                                                                              \
        change;                                                                                                        \
        assert_int_equal(airc_reply_ok(&r, bytes, from_worker), want);                                                 \
    } while (0)
    CASE(true, 37, true, );
    CASE(true, 37, false, );
    CASE(false, 36, true, );
    CASE(false, 38, true, );
    CASE(false, 0, true, );
    CASE(false, UINT64_MAX, true, );
    CASE(false, 37, true, r.spirv_bytes = 27);
    CASE(false, 16 + 5, true, r.spirv_bytes = 16);
    CASE(false, 37, true, r.spirv_bytes = UINT64_MAX - 3);
    CASE(false, 37, true, r.reflection_bytes = UINT64_MAX);
    CASE(false, 4, true, r.spirv_bytes = UINT64_MAX - 3; r.reflection_bytes = 8);
    CASE(false, 32, true, r.reflection_bytes = 0);
    CASE(false, 37, true, r.reason = AIR_REFUSE_TYPE);
    CASE(false, 37, true, r.reason = AIR_REFUSE_COUNT);
    CASE(false, 37, true, r.status = AIRC_STATUS_COUNT);
    CASE(false, 37, true, r.status = UINT32_MAX);
    CASE(false, AIRC_MAX_RESULT + 40ull, true, r.spirv_bytes = AIRC_MAX_RESULT + 32ull; r.reflection_bytes = 8);
    /* Failures come without a result. */
    CASE(false, 37, true, r.status = AIRC_REFUSED);
    CASE(false, 37, true, r.status = AIRC_REFUSED; r.spirv_bytes = r.reflection_bytes = 0);
    CASE(true, 0, true, r.status = AIRC_REFUSED; r.spirv_bytes = r.reflection_bytes = 0; r.reason = AIR_REFUSE_TYPE);
    /* Some are not for a worker to say. */
    CASE(false, 0, true, r.status = AIRC_TIMEOUT; r.spirv_bytes = r.reflection_bytes = 0);
    CASE(true, 0, false, r.status = AIRC_TIMEOUT; r.spirv_bytes = r.reflection_bytes = 0);
    CASE(false, 0, true, r.status = AIRC_UNAVAILABLE; r.spirv_bytes = r.reflection_bytes = 0);
    CASE(false, 0, true, r.status = AIRC_CANCELLED; r.spirv_bytes = r.reflection_bytes = 0);
    CASE(false, 0, true, r.status = AIRC_BAD_REPLY; r.spirv_bytes = r.reflection_bytes = 0);
#undef CASE
    /* Text is made harmless, and ended. */
    r = good_reply();
    memset(r.text, 0x1b, sizeof(r.text));
    assert_true(airc_reply_ok(&r, 37, true));
    assert_int_equal(strlen(r.text), AIRC_TEXT_BYTES - 1);
    assert_int_equal(r.text[0], '?');
}

static void messages(void **state)
{
    union airc_message m;

    for (unsigned kind = AIRC_HELLO; kind <= AIRC_ALIVE; kind++) {
        airc_message_init(&m, (enum airc_kind)kind);
        assert_true(airc_message_ok(&m, airc_message_size(kind)));
        assert_false(airc_message_ok(&m, airc_message_size(kind) - 1));
        assert_false(airc_message_ok(&m, airc_message_size(kind) + 1));
        m.head.protocol++;
        assert_false(airc_message_ok(&m, airc_message_size(kind)));
    }
    airc_message_init(&m, AIRC_ALIVE);
    m.head.magic ^= 1;
    assert_false(airc_message_ok(&m, sizeof(m.alive)));
    airc_message_init(&m, (enum airc_kind)99);
    assert_false(airc_message_ok(&m, sizeof(m.head)));
    assert_false(airc_message_ok(&m, 0));

    airc_message_init(&m, AIRC_HELLO);
    m.hello.max_request = AIRC_MAX_BODY;
    m.hello.max_result = AIRC_MAX_RESULT;
    m.hello.max_open = 1;
    m.hello.time_limit_ms = 1;
    m.hello.workers = 1;
    assert_true(airc_hello_ok(&m.hello));
    m.hello.workers = 0;
    assert_false(airc_hello_ok(&m.hello));
    m.hello.workers = UINT32_MAX;
    assert_true(airc_hello_ok(&m.hello));
    m.hello.time_limit_ms = AIRC_MAX_TIME_LIMIT_MS;
    assert_true(airc_hello_ok(&m.hello));
    m.hello.time_limit_ms++;
    assert_false(airc_hello_ok(&m.hello));
    m.hello.time_limit_ms = 1;
    m.hello.max_open = 0;
    assert_false(airc_hello_ok(&m.hello));
    m.hello.max_open = 1;
    m.hello.max_result++;
    assert_false(airc_hello_ok(&m.hello));
}

static void spirv_is_looked_at(void **state)
{
    uint32_t words[5] = {0x07230203, 0x00010600};

    assert_true(airc_spirv_plausible(words, 20));
    assert_false(airc_spirv_plausible(words, 16));
    assert_false(airc_spirv_plausible(words, 19));
    words[0] = 0x03022307;
    assert_false(airc_spirv_plausible(words, 20));
}

static void sealed_files(void **state)
{
    int fd = sealed_new("test"), pipes[2];
    const char *p;

    assert_true(fd >= 0);
    assert_int_equal(sealed_write(fd, 0, "hello", 5), 0);
    assert_int_equal(sealed_size(fd), -EPERM);
    assert_int_equal(sealed_length(fd), 5);
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(p != MAP_FAILED);
    assert_int_equal(sealed_seal(fd), -EBUSY);
    munmap((void *)(uintptr_t)p, 4096);
    assert_int_equal(sealed_seal(fd), 0);
    assert_int_equal(sealed_size(fd), 5);
    if (fcntl(fd, F_GET_SEALS) & 0x20) /* F_SEAL_EXEC of Linux 6.3 */
        assert_int_equal(fchmod(fd, 0700), -1);
    else
        print_message("  this kernel makes no files that cannot be run\n");
    assert_int_equal(sealed_write(fd, 0, "x", 1), -EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 100), -1);
    p = sealed_map(fd, 5);
    assert_non_null(p);
    assert_memory_equal(p, "hello", 5);
    sealed_unmap(p, 5);
    close(fd);

    /* Files that cannot be sealed are not taken for sealed ones. */
    assert_int_equal(pipe(pipes), 0);
    assert_true(sealed_size(pipes[0]) < 0);
    close(pipes[0]);
    close(pipes[1]);
    fd = open("/dev/zero", O_RDONLY);
    assert_true(sealed_size(fd) < 0);
    close(fd);
    assert_int_equal(sealed_size(-1), -EBADF);
}

static int count_files(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void descriptors_cross(void **state)
{
    int pair[2], fds[2], got[2], before;
    char buf[16];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    fds[0] = sealed_new("a");
    fds[1] = sealed_new("b");
    before = count_files();
    assert_int_equal(sealed_recv(pair[1], buf, sizeof(buf), got, 2), -EAGAIN);
    assert_int_equal(sealed_send(pair[0], "abc", 3, fds, 2), 0);
    assert_int_equal(sealed_recv(pair[1], buf, sizeof(buf), got, 2), 3);
    assert_true(got[0] >= 0 && got[1] >= 0);
    assert_int_equal(fcntl(got[0], F_GETFD), FD_CLOEXEC);
    close(got[0]);
    close(got[1]);
    /* More descriptors than asked for, or a longer message: all is dropped, and nothing leaks. */
    assert_int_equal(sealed_send(pair[0], "abc", 3, fds, 2), 0);
    assert_int_equal(sealed_recv(pair[1], buf, sizeof(buf), got, 1), -EBADMSG);
    assert_int_equal(got[0], -1);
    assert_int_equal(sealed_send(pair[0], "abc", 3, fds, 2), 0);
    assert_int_equal(sealed_recv(pair[1], buf, sizeof(buf), NULL, 0), -EBADMSG);
    assert_int_equal(sealed_send(pair[0], "0123456789abcdef!", 17, fds, 1), 0);
    assert_int_equal(sealed_recv(pair[1], buf, sizeof(buf), got, 1), -EBADMSG);
    assert_int_equal(got[0], -1);
    assert_int_equal(sealed_send(pair[0], "", 0, fds, 1), 0);
    assert_int_equal(sealed_recv(pair[1], buf, sizeof(buf), got, 1), -EBADMSG);
    assert_int_equal(got[0], -1);
    assert_int_equal(count_files(), before);
    close(pair[0]);
    assert_int_equal(sealed_recv(pair[1], buf, sizeof(buf), got, 1), 0);
    assert_true(sealed_send(pair[1], "abc", 3, NULL, 0) < 0); /* and no SIGPIPE */
    close(pair[1]);
    close(fds[0]);
    close(fds[1]);
}

static int same(struct airc_key a, struct airc_key b)
{
    return a.v[0] == b.v[0] && a.v[1] == b.v[1];
}

static void hash_spreads(void **state)
{
    static uint8_t data[200];
    struct airc_key zero = {{0}}, whole, keys[200 * 8];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 37);
    whole = airc_hash(zero, data, sizeof(data));
    assert_true(same(whole, airc_hash(zero, data, sizeof(data))));
    assert_false(same(whole, airc_hash(whole, data, sizeof(data))));
    for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        keys[bit] = airc_hash(zero, data, sizeof(data));
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(same(keys[bit], whole));
        for (size_t other = 0; other < bit; other++)
            assert_false(same(keys[bit], keys[other]));
    }
    for (size_t n = 0; n < sizeof(data); n++)
        assert_false(same(airc_hash(zero, data, n), whole));
    /* Zeros of different lengths differ, too. */
    memset(data, 0, sizeof(data));
    assert_false(same(airc_hash(zero, data, 31), airc_hash(zero, data, 32)));
    assert_false(same(airc_hash(zero, data, 0), airc_hash(zero, data, 1)));
}

static void status_names(void **state)
{
    for (unsigned i = 0; i < AIRC_STATUS_COUNT; i++)
        assert_string_not_equal(airc_status_name(i), "unknown");
    assert_string_equal(airc_status_name(AIRC_STATUS_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body_round_trip),   cmocka_unit_test(body_refusals),      cmocka_unit_test(reply_refusals),
        cmocka_unit_test(messages),          cmocka_unit_test(spirv_is_looked_at), cmocka_unit_test(sealed_files),
        cmocka_unit_test(descriptors_cross), cmocka_unit_test(hash_spreads),       cmocka_unit_test(status_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
