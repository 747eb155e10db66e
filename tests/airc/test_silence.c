/* SPDX-License-Identifier: MIT */
/*
 * Services that say nothing: the client, compiled here with limits of half a second, gives them up; one that says that
 * it lives is waited for. These tests wait for the limits themselves and for nothing else.
 */
#include "airc_test.h"

#include <poll.h>
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

static int accept_one(int server)
{
    union airc_message m = hello();
    int fd = accept(server, NULL, NULL);

    assert_true(fd >= 0);
    assert_int_equal(sealed_send(fd, &m, sizeof(m.hello), NULL, 0), 0);
    return fd;
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
static void signs_of_life(void **state)
{
    uint32_t words[8] = {0x07230203};
    union airc_message m, alive;
    struct scratch s;
    struct answer a;
    struct airc *c;
    int server, fd, file;
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
    for (int i = 0; i < 20; i++) {
        assert_int_equal(sealed_send(fd, &alive, sizeof(alive.alive), NULL, 0), 0);
        poll(NULL, 0, 50);
    }
    airc_message_init(&m, AIRC_REPLY);
    m.reply.id = id;
    m.reply.spirv_bytes = 24;
    m.reply.reflection_bytes = 8;
    file = sealed_new("result");
    assert_int_equal(sealed_write(file, 0, words, sizeof(words)), 0);
    assert_int_equal(sealed_seal(file), 0);
    assert_int_equal(sealed_send(fd, &m, sizeof(m.reply), &file, 1), 0);
    answer_wait(&a);
    assert_int_equal(a.status, AIRC_OK);
    answer_fini(&a);
    airc_free(c);
    close(file);
    close(fd);
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_greeting),
        cmocka_unit_test(no_answer),
        cmocka_unit_test(signs_of_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
