/* SPDX-License-Identifier: MIT */
/*
 * Services that say nothing, or nothing of use: the client, compiled here with limits of half a second, gives them up;
 * one that says that it lives is waited for, as long as one that works would take. These tests wait for the limits
 * themselves and for nothing else.
 */
#include "airc_test.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "airc/sealed.h"

static void no_greeting(void **state)
{
    struct scratch s;
    struct answer a;
    struct airc *c;
    int server;

    scratch_make(&s);
    server = serve_at(s.socket, SOCK_SEQPACKET); /* connections are queued, nobody takes them */
    c = client_make(s.socket, "", "");
    ask(c, "main0", "m", 1, &a);
    assert_int_equal(a.status, AIRC_UNAVAILABLE);
    assert_non_null(strstr(a.text, "no sign of life"));
    answer_fini(&a);
    airc_free(c);
    close(server);
    scratch_remove(&s);
}

/* Take a client; its service says that a request takes @limit_ms at most. */
static int accept_limit(int server, uint32_t limit_ms)
{
    union airc_message m = hello();
    int fd = accept(server, NULL, NULL);

    assert_true(fd >= 0);
    m.hello.time_limit_ms = limit_ms;
    m.hello.workers = AIRC_MAX_CLIENTS; /* no others are waited for longer than for us */
    m.hello.max_open = AIRC_MAX_OPEN;
    assert_int_equal(sealed_send(fd, &m, sizeof(m.hello), NULL, 0), 0);
    return fd;
}

static int accept_one(int server)
{
    return accept_limit(server, 3600000);
}

struct living {
    int fd;
    _Atomic bool over;
    unsigned greeted; /* the thread's, until it has ended */
};

static void *live(void *arg)
{
    struct living *l = arg;
    union airc_message m;

    airc_message_init(&m, AIRC_ALIVE);
    while (!atomic_load(&l->over)) {
        (void)sealed_send(l->fd, &m, sizeof(m.alive), NULL, 0);
        poll(NULL, 0, 20);
    }
    return NULL;
}

static void refuse(int fd, uint64_t id)
{
    union airc_message m;

    airc_message_init(&m, AIRC_REPLY);
    m.reply.id = id;
    m.reply.status = AIRC_REFUSED;
    (void)sealed_send(fd, &m, sizeof(m.reply), NULL, 0);
}

/* What a request gets that is kept by a service with @service_ms of limit, by a client with @client_ms. */
static bool kept(uint32_t service_ms, uint32_t client_ms, bool answers_another)
{
    struct airc_config cfg = {.size = sizeof(cfg), .program = "", .cache_dir = "", .time_limit_ms = client_ms};
    struct living l = {.over = false};
    struct answer kept, other;
    union airc_message m;
    struct scratch s;
    pthread_t thread;
    struct airc *c;
    int server, file;
    bool ok;

    scratch_make(&s);
    server = serve_at(s.socket, SOCK_SEQPACKET);
    cfg.socket_path = s.socket;
    assert_int_equal(airc_new(&cfg, &c), 0);
    l.fd = accept_limit(server, service_ms);
    close(server);
    assert_int_equal(pthread_create(&thread, NULL, live, &l), 0);
    assert_int_equal(ask_async(c, "main0", "kept", 4, &kept), 0);
    assert_int_equal(receive_one(l.fd, &m, &file), sizeof(m.compile));
    close(file);
    if (answers_another) {
        assert_int_equal(ask_async(c, "main0", "other", 5, &other), 0);
        if (receive_one(l.fd, &m, &file) == sizeof(m.compile)) { /* or the client has given up already */
            close(file);
            refuse(l.fd, m.compile.id);
        }
        answer_wait(&other);
        answer_fini(&other);
    }
    answer_wait(&kept);
    assert_int_equal(kept.status, AIRC_UNAVAILABLE);
    ok = !strcmp(kept.text, "the compiler service kept this request for longer than it may take");
    answer_fini(&kept);
    atomic_store(&l.over, true);
    pthread_join(thread, NULL);
    airc_free(c);
    close(l.fd);
    scratch_remove(&s);
    return ok;
}

/*
 * A service that for ever says that it is alive has a request for as long as its own limit makes possible, or the
 * client's where that is shorter; answers to other requests do not make it longer.
 */
static void kept_for_ever(void **state)
{
    while (!kept(100, 0, false) || !kept(100, 0, true) || !kept(3600000, 100, false))
        print_message("  again\n"); /* as in signs_of_life() */
}

/* A service that answers without reading fills the client's socket: what cannot be sent is not kept for ever either. */
static void nothing_is_read(void **state)
{
    struct living l = {.over = false};
    struct airc_compile m;
    struct scratch s;
    pthread_t thread;
    struct answer a;
    struct airc *c;
    int server;

    scratch_make(&s);
    server = serve_at(s.socket, SOCK_SEQPACKET);
    c = client_make(s.socket, "", "");
    l.fd = accept_limit(server, 100);
    close(server);
    assert_int_equal(pthread_create(&thread, NULL, live, &l), 0);
    for (unsigned n = 0;; n++) {
        int at = (int)(n * sizeof(m));

        assert_int_equal(ask_async(c, "main0", &n, sizeof(n), &a), 0);
        /* See request @n come, and leave it where it lies. */
        for (m.id = ~0ull; m.id != n && !answer_come(&a); poll(NULL, 0, 1)) {
            assert_int_equal(setsockopt(l.fd, SOL_SOCKET, SO_PEEK_OFF, &at, sizeof(at)), 0);
            (void)!recv(l.fd, &m, sizeof(m), MSG_PEEK | MSG_DONTWAIT);
        }
        if (m.id == n)
            refuse(l.fd, n);
        answer_wait(&a);
        if (a.status != AIRC_REFUSED)
            break;
        answer_fini(&a);
    }
    assert_int_equal(a.status, AIRC_UNAVAILABLE);
    answer_fini(&a);
    atomic_store(&l.over, true);
    pthread_join(thread, NULL);
    airc_free(c);
    close(l.fd);
    scratch_remove(&s);
}

/* One that greets and goes, every time, is not tried for ever. */
static void *greet(void *arg)
{
    struct living *l = arg;
    struct pollfd p = {.fd = l->fd, .events = POLLIN};

    while (!atomic_load(&l->over))
        if (poll(&p, 1, 20) == 1) {
            close(accept_one(l->fd));
            l->greeted++;
        }
    return NULL;
}

static void greets_and_goes(void **state)
{
    struct living l = {.over = false};
    struct scratch s;
    struct answer a;
    pthread_t thread;
    struct airc *c;

    scratch_make(&s);
    l.fd = serve_at(s.socket, SOCK_SEQPACKET);
    c = client_make(s.socket, "", "");
    assert_int_equal(ask_async(c, "main0", "m", 1, &a), 0);
    assert_int_equal(pthread_create(&thread, NULL, greet, &l), 0);
    answer_wait(&a);
    assert_int_equal(a.status, AIRC_UNAVAILABLE);
    answer_fini(&a);
    airc_free(c);
    atomic_store(&l.over, true);
    pthread_join(thread, NULL);
    assert_in_range(l.greeted, 1, 3);
    close(l.fd);
    scratch_remove(&s);
}

static void no_answer(void **state)
{
    union airc_message m;
    struct scratch s;
    struct answer a;
    struct airc *c;
    int server, fd, file;

    scratch_make(&s);
    server = serve_at(s.socket, SOCK_SEQPACKET);
    c = client_make(s.socket, "", "");
    assert_int_equal(ask_async(c, "main0", "m", 1, &a), 0);
    fd = accept_one(server);
    close(server);
    assert_int_equal(receive_one(fd, &m, &file), sizeof(m.compile));
    close(file);
    answer_wait(&a);
    assert_int_equal(a.status, AIRC_UNAVAILABLE);
    answer_fini(&a);
    airc_free(c);
    close(fd);
    scratch_remove(&s);
}

/* Silence without an open request is no offence; nor is a long compilation that shows signs of life. */
static bool seen_alive(void)
{
    uint32_t words[8] = {0x07230203};
    union airc_message m, alive;
    struct scratch s;
    struct answer a;
    struct airc *c;
    int server, fd, file;
    bool ok = true;
    uint64_t id;

    scratch_make(&s);
    server = serve_at(s.socket, SOCK_SEQPACKET);
    c = client_make(s.socket, "", "");
    fd = accept_one(server);
    close(server);
    poll(NULL, 0, 1000);
    assert_int_equal(ask_async(c, "main0", "m", 1, &a), 0);
    assert_int_equal(receive_one(fd, &m, &file), sizeof(m.compile));
    id = m.compile.id;
    close(file);
    airc_message_init(&alive, AIRC_ALIVE);
    for (int i = 0; ok && i < 20; i++) {
        ok = !sealed_send(fd, &alive, sizeof(alive.alive), NULL, 0);
        poll(NULL, 0, 50);
    }
    airc_message_init(&m, AIRC_REPLY);
    m.reply.id = id;
    m.reply.spirv_bytes = 24;
    m.reply.reflection_bytes = 8;
    file = sealed_new("result");
    assert_int_equal(sealed_write(file, 0, words, sizeof(words)), 0);
    assert_int_equal(sealed_seal(file), 0);
    (void)sealed_send(fd, &m, sizeof(m.reply), &file, 1);
    answer_wait(&a);
    ok = a.status == AIRC_OK;
    answer_fini(&a);
    airc_free(c);
    close(file);
    close(fd);
    scratch_remove(&s);
    return ok;
}

/* A test that is kept off the processor for half a second is taken for silent, and tries again. */
static void signs_of_life(void **state)
{
    while (!seen_alive())
        print_message("  again\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_greeting),   cmocka_unit_test(no_answer),       cmocka_unit_test(signs_of_life),
        cmocka_unit_test(kept_for_ever), cmocka_unit_test(nothing_is_read), cmocka_unit_test(greets_and_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
