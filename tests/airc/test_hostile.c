/* SPDX-License-Identifier: MIT */
/*
 * Client and service against peers that do not keep to the protocol; the test plays the peer. $PVG_AIRC_FAKE is the
 * program of the service.
 */
#include "airc_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "airc/sealed.h"

static const char *program;

/* --- hostile services --- */

/* A result file of @n bytes of SPIR-V's first word, sealed or not. */
static int result_file(size_t n, int seal)
{
    uint32_t words[16] = {0x07230203};
    int fd = sealed_new("result");

    assert_true(fd >= 0 && n <= sizeof(words));
    assert_int_equal(sealed_write(fd, 0, words, n), 0);
    if (seal)
        assert_int_equal(sealed_seal(fd), 0);
    return fd;
}

static void hostile_answers(void **state)
{
    static const struct {
        const char *what;
        uint64_t spirv, reflection;
        size_t file;
        int seal;
        uint32_t status;
        uint64_t id_off;
        const char *text; /* NULL: success */
    } cases[] = {
        {"good", 24, 8, 32, 1, AIRC_OK, 0, NULL},
        {"not sealed", 24, 8, 32, 0, AIRC_OK, 0, "hold together"},
        {"file too short", 24, 8, 28, 1, AIRC_OK, 0, "hold together"},
        {"file too long", 24, 8, 36, 1, AIRC_OK, 0, "hold together"},
        {"no file", 24, 8, 0, 1, AIRC_OK, 0, "hold together"},
        {"huge length", UINT64_MAX - 7, 16, 32, 1, AIRC_OK, 0, "hold together"},
        {"odd length", 23, 8, 32, 1, AIRC_OK, 0, "hold together"},
        {"unknown status", 0, 0, 0, 1, 77, 0, "hold together"},
        {"refusal with a file", 24, 8, 32, 1, AIRC_REFUSED, 0, "hold together"},
        {"answer to nothing", 24, 8, 32, 1, AIRC_OK, 5, "answer to a question"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        union airc_message m = hello(), got;
        int server, fd, file, result = -1;
        struct scratch s;
        struct answer a;
        struct airc *c;

        print_message("  %s\n", cases[i].what);
        scratch_make(&s);
        server = serve_at(s.socket, SOCK_SEQPACKET);
        c = client_make(s.socket, "", "");
        assert_int_equal(ask_async(c, "main0", "m", 1, &a), 0);
        fd = accept(server, NULL, NULL);
        close(server); /* who comes again finds nobody */
        assert_int_equal(sealed_send(fd, &m, sizeof(m.hello), NULL, 0), 0);
        assert_int_equal(receive_one(fd, &got, &file), sizeof(got.compile));
        assert_true(file >= 0);
        assert_int_equal(sealed_size(file), got.compile.bytes);
        close(file);
        airc_message_init(&m, AIRC_REPLY);
        m.reply.id = got.compile.id + cases[i].id_off;
        m.reply.status = cases[i].status;
        m.reply.spirv_bytes = cases[i].spirv;
        m.reply.reflection_bytes = cases[i].reflection;
        if (cases[i].file)
            result = result_file(cases[i].file, cases[i].seal);
        assert_int_equal(sealed_send(fd, &m, sizeof(m.reply), &result, result >= 0), 0);
        answer_wait(&a);
        if (cases[i].text) {
            if (!strstr(a.text, cases[i].text))
                fail_msg("%s: %s: %s", cases[i].what, airc_status_name(a.status), a.text);
            assert_null(a.spirv);
        } else {
            assert_int_equal(a.status, AIRC_OK);
            assert_int_equal(a.words, 6);
        }
        answer_fini(&a);
        airc_free(c);
        close(result);
        close(fd);
        scratch_remove(&s);
    }
}

struct chatter {
    int fd;
    _Atomic bool over;
};

/* Says that it is alive as often as the socket takes it. */
static void *chat(void *arg)
{
    struct chatter *t = arg;
    union airc_message m;

    airc_message_init(&m, AIRC_ALIVE);
    while (!atomic_load(&t->over) && send(t->fd, &m, sizeof(m.alive), MSG_NOSIGNAL) == (ssize_t)sizeof(m.alive))
        ;
    return NULL;
}

/* A service that never stops talking keeps neither a request nor the end of the client waiting. */
static void chatting_service(void **state)
{
    union airc_message m = hello(), got;
    struct chatter t = {.over = false};
    pthread_t thread[2];
    struct answer a;
    struct scratch s;
    struct airc *c;
    int server, file;

    scratch_make(&s);
    server = serve_at(s.socket, SOCK_SEQPACKET);
    c = client_make(s.socket, "", "");
    t.fd = accept(server, NULL, NULL);
    close(server);
    assert_int_equal(sealed_send(t.fd, &m, sizeof(m.hello), NULL, 0), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, chat, &t), 0);
    assert_int_equal(ask_async(c, "main0", "m", 1, &a), 0);
    assert_int_equal(receive_one(t.fd, &got, &file), sizeof(got.compile));
    close(file);
    airc_free(c);
    answer_wait(&a);
    assert_int_not_equal(a.status, AIRC_OK);
    answer_fini(&a);
    atomic_store(&t.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    close(t.fd);
    scratch_remove(&s);
}

static void hostile_messages(void **state)
{
    union airc_message bad[6], m;
    size_t sizes[6];
    int n = 0;

    bad[n] = hello(); /* another protocol */
    bad[n].head.protocol++;
    sizes[n++] = sizeof(m.hello);
    bad[n] = hello(); /* cut */
    sizes[n++] = sizeof(m.hello) - 1;
    bad[n] = hello(); /* impossible limits */
    bad[n].hello.max_open = 0;
    sizes[n++] = sizeof(m.hello);
    airc_message_init(&bad[n], AIRC_COMPILE); /* a message of the other direction */
    sizes[n++] = sizeof(m.compile);
    airc_message_init(&bad[n], AIRC_REPLY); /* an answer before the greeting */
    sizes[n++] = sizeof(m.reply);
    memset(&bad[n], 0xff, sizeof(bad[n]));
    sizes[n++] = sizeof(bad[0]);

    for (int i = 0; i < n; i++) {
        struct scratch s;
        struct answer a;
        struct airc *c;
        int server, fd;

        scratch_make(&s);
        server = serve_at(s.socket, SOCK_SEQPACKET);
        c = client_make(s.socket, "", "");
        assert_int_equal(ask_async(c, "main0", "m", 1, &a), 0);
        fd = accept(server, NULL, NULL);
        close(server);
        (void)sealed_send(fd, &bad[i], sizes[i], NULL, 0);
        answer_wait(&a);
        assert_int_equal(a.status, AIRC_UNAVAILABLE);
        answer_fini(&a);
        airc_free(c);
        close(fd);
        scratch_remove(&s);
    }
}

/* --- hostile clients --- */

static int connect_to(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strcpy(addr.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static int greeted(const char *path)
{
    union airc_message m;
    int fd = connect_to(path), file;

    assert_int_equal(receive_one(fd, &m, &file), sizeof(m.hello));
    assert_int_equal(m.head.kind, AIRC_HELLO);
    return fd;
}

/* Send COMPILE of @bytes with a file of @real bytes; the answer's status, or -1 when the connection ends. */
static int raw_request(int fd, uint64_t bytes, size_t real, int seal)
{
    static uint8_t zeros[4096];
    union airc_message m;
    int file = sealed_new("request"), none;
    ssize_t n;

    assert_int_equal(sealed_write(file, 0, zeros, real), 0);
    if (seal)
        assert_int_equal(sealed_seal(file), 0);
    airc_message_init(&m, AIRC_COMPILE);
    m.compile.id = 7;
    m.compile.bytes = bytes;
    assert_int_equal(sealed_send(fd, &m, sizeof(m.compile), &file, 1), 0);
    close(file);
    do
        n = receive_one(fd, &m, &none);
    while (n > 0 && m.head.kind == AIRC_ALIVE);
    return n == sizeof(m.reply) && m.reply.id == 7 ? (int)m.reply.status : -1;
}

static void service_withstands_clients(void **state)
{
    union airc_message m;
    struct scratch s;
    struct airc *c;
    pid_t pid;
    int fd;

    scratch_make(&s);
    pid = service_start(program, s.socket, "--workers=1", NULL);
    fd = greeted(s.socket);
    assert_int_equal(raw_request(fd, 100, 100, 0), AIRC_BAD_REQUEST); /* not sealed */
    assert_int_equal(raw_request(fd, 100, 101, 1), AIRC_BAD_REQUEST); /* other size */
    assert_int_equal(raw_request(fd, UINT64_MAX, 0, 1), AIRC_BAD_REQUEST);
    assert_int_equal(raw_request(fd, 0, 0, 1), AIRC_BAD_REQUEST);       /* empty: told by the worker */
    assert_int_equal(raw_request(fd, 4096, 4096, 1), AIRC_BAD_REQUEST); /* zeros: told by the worker */
    /* Without a file. */
    airc_message_init(&m, AIRC_COMPILE);
    m.compile.bytes = 100;
    assert_int_equal(sealed_send(fd, &m, sizeof(m.compile), NULL, 0), 0);
    assert_int_equal(receive_one(fd, &m, &(int){-1}), sizeof(m.reply));
    assert_int_equal(m.reply.status, AIRC_BAD_REQUEST);
    close(fd);
    /* Other messages end the connection. */
    for (int i = 0; i < 3; i++) {
        fd = greeted(s.socket);
        memset(&m, 0xff, sizeof(m));
        if (i == 1)
            airc_message_init(&m, AIRC_REPLY);
        if (i == 2)
            airc_message_init(&m, AIRC_HELLO);
        assert_int_equal(sealed_send(fd, &m, i ? airc_message_size(m.head.kind) : 50, NULL, 0), 0);
        assert_true(receive_one(fd, &m, &(int){-1}) <= 0);
        close(fd);
    }
    /* Clients that come and go. */
    for (int i = 0; i < 100; i++) {
        fd = connect_to(s.socket);
        close(fd);
    }
    /* And all the time others are served. */
    c = client_make(s.socket, "", "");
    ask_ok(c, "main0", "an honest one");
    airc_free(c);
    assert_true(service_alive(pid));
    service_stop(pid);
    scratch_remove(&s);
}

/* One who has too much open, and never reads, is held back and harms nobody. */
static void greedy_client(void **state)
{
    union airc_message m;
    struct scratch s;
    struct airc *c;
    int fd, sent = 0;
    pid_t pid;

    scratch_make(&s);
    pid = service_start(program, s.socket, "--workers=1", NULL);
    fd = greeted(s.socket);
    airc_message_init(&m, AIRC_COMPILE);
    m.compile.bytes = 8;
    while (sent < 100000 && sealed_send(fd, &m, sizeof(m.compile), NULL, 0) == 0)
        sent++;
    assert_true(sent < 100000);
    c = client_make(s.socket, "", "");
    ask_ok(c, "main0", "an honest one");
    airc_free(c);
    close(fd);
    assert_true(service_alive(pid));
    service_stop(pid);
    scratch_remove(&s);
}

static void more_clients_than_slots(void **state)
{
    struct scratch s;
    struct airc *c;
    int fds[40];
    pid_t pid;

    scratch_make(&s);
    pid = service_start(program, s.socket, "--workers=1", NULL);
    for (int i = 0; i < 40; i++)
        fds[i] = connect_to(s.socket);
    for (int i = 0; i < 39; i++)
        close(fds[i]);
    c = client_make(s.socket, "", "");
    ask_ok(c, "main0", "after the crowd");
    airc_free(c);
    close(fds[39]);
    service_stop(pid);
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_answers),
        cmocka_unit_test(chatting_service),
        cmocka_unit_test(hostile_messages),
        cmocka_unit_test(service_withstands_clients),
        cmocka_unit_test(greedy_client),
        cmocka_unit_test(more_clients_than_slots),
    };

    program = test_program();
    if (!program)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
