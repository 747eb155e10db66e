/* SPDX-License-Identifier: MIT */
/*
 * The client under load and in bad hands, with the stand-in compiler: many requests, many threads, bounds, cancelling,
 * callers that ask for nonsense, the cache in between, and nothing left over afterwards.
 *
 * $PVG_AIRC_FAKE is the program.
 */
#include "airc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "airc/sealed.h"

static const char *program;

/* A service that is killed takes its workers along, one that works included. */
static void nothing_is_left_running(void **state)
{
    int ends[2], none, file = sealed_new("request");
    struct airc_request req = {.module = "m", .module_bytes = 1, .entry = "hang", .type = AIRC_TYPE_ANY};
    uint64_t body[sizeof(struct airc_body) + sizeof(struct air_options) + 64];
    union airc_message m;
    pid_t pid;
    char byte;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], 9);
        execl(program, program, "--client-fd=9", "--workers=2", NULL);
        _exit(127);
    }
    close(ends[1]);
    assert_int_equal(receive_one(ends[0], &m, &none), sizeof(m.hello));
    airc_body_write(&req, body);
    assert_int_equal(sealed_write(file, 0, body, airc_body_size(&req)), 0);
    assert_int_equal(sealed_seal(file), 0);
    airc_message_init(&m, AIRC_COMPILE);
    m.compile.bytes = airc_body_size(&req);
    assert_int_equal(sealed_send(ends[0], &m, sizeof(m.compile), &file, 1), 0);
    close(file);
    assert_int_equal(receive_one(ends[0], &m, &none), sizeof(m.alive)); /* it has the request */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(recv(ends[0], &byte, 1, 0), 0);
    close(ends[0]);
    /* Orphans would have come to us, had the test asked for them: it does. */
    for (;;) {
        pid = waitpid(-1, NULL, 0);
        if (pid < 0)
            break;
    }
    assert_int_equal(errno, ECHILD);
}

static void many_at_once(void **state)
{
    enum { N = 300 };
    static struct answer answers[N];
    struct airc *c = client_make("", program, "");
    char module[16];

    for (int i = 0; i < N; i++) {
        snprintf(module, sizeof(module), "module %d", i);
        assert_int_equal(ask_async(c, i % 50 == 7 ? "abort" : "main0", module, strlen(module), &answers[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        snprintf(module, sizeof(module), "module %d", i);
        answer_wait(&answers[i]);
        if (i % 50 == 7)
            assert_int_equal(answers[i].status, AIRC_CRASH);
        else
            check_ok(&answers[i], module);
        answer_fini(&answers[i]);
    }
    airc_free(c);
}

static void equal_requests_are_asked_once(void **state)
{
    enum { N = 20 };
    static struct answer answers[N];
    struct airc *c = client_make("", program, "");
    struct airc_stats stats;

    for (int i = 0; i < N; i++)
        assert_int_equal(ask_async(c, "words:1000", "same", 4, &answers[i]), 0);
    for (int i = 0; i < N; i++) {
        answer_wait(&answers[i]);
        check_ok(&answers[i], "same");
        answer_fini(&answers[i]);
    }
    airc_get_stats(c, &stats);
    assert_int_equal(stats.requests, N);
    assert_int_equal(stats.compiled + stats.shared, N);
    airc_free(c);
}

struct storm {
    struct airc *c;
    int number;
};

static void *storm(void *arg)
{
    struct storm *s = arg;
    char module[32];

    for (int i = 0; i < 100; i++) {
        struct answer a;

        snprintf(module, sizeof(module), "thread %d request %d", s->number, i);
        assert_int_equal(ask_async(s->c, "main0", module, strlen(module), &a), 0);
        answer_wait(&a);
        check_ok(&a, module);
        answer_fini(&a);
    }
    return NULL;
}

static void many_threads(void **state)
{
    struct airc *c = client_make("", program, "");
    pthread_t threads[4];
    struct storm s[4];

    for (int i = 0; i < 4; i++) {
        s[i] = (struct storm){c, i};
        assert_int_equal(pthread_create(&threads[i], NULL, storm, &s[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    airc_free(c);
}

static void free_cancels(void **state)
{
    enum { N = 100 };
    static struct answer answers[N];
    struct airc *c = client_make("", program, "");
    char module[16];

    for (int i = 0; i < N; i++) {
        snprintf(module, sizeof(module), "module %d", i);
        assert_int_equal(ask_async(c, "hang", module, strlen(module), &answers[i]), 0);
    }
    airc_free(c);
    for (int i = 0; i < N; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].status, AIRC_CANCELLED);
        answer_fini(&answers[i]);
    }
    airc_free(NULL);
}

/* A guest that asks faster than shaders compile is refused, and can ask again when some are done. */
static void pending_is_bounded(void **state)
{
    static struct answer answers[AIRC_MAX_PENDING], more;
    const size_t big = 1u << 20;
    uint8_t *module = calloc(1, big);
    struct airc *c = client_make("", program, "");
    unsigned n = 0;

    while (n < AIRC_MAX_PENDING && ask_async(c, "hang", &n, sizeof(n), &answers[n]) == 0)
        n++;
    assert_int_equal(n, AIRC_MAX_PENDING);
    assert_int_equal(ask_async(c, "hang", "m", 1, &more), -EBUSY);
    airc_free(c);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(answers[i].count, 1);

    c = client_make("", program, "");
    for (n = 0; ask_async(c, "hang", module, big - n, &answers[n]) == 0;)
        n++;
    assert_in_range(n, AIRC_MAX_PENDING_BYTES / big - 1, AIRC_MAX_PENDING_BYTES / big);
    assert_int_equal(ask_async(c, "hang", module, big - n, &more), -EBUSY);
    airc_free(c);

    c = client_make("", program, "");
    for (int round = 0; round < 2; round++) {
        for (n = 0; n < 100; n++)
            assert_int_equal(ask_async(c, "main0", module, big - n, &answers[n]), 0);
        for (n = 0; n < 100; n++) {
            answer_wait(&answers[n]);
            assert_int_equal(answers[n].status, AIRC_OK);
            answer_fini(&answers[n]);
        }
    }
    airc_free(c);
    free(module);
}

struct chain {
    struct airc *c;
    int left, late;
    struct answer end;
};

static void chain_done(void *opaque, const struct airc_result *r)
{
    struct chain *chain = opaque;
    struct airc_request req = {.module = "m", .module_bytes = 1, .entry = "hang", .type = AIRC_TYPE_ANY};

    req.options.size = sizeof(req.options);
    req.options.caps = (uint32_t)chain->left--;
    if (r->status == AIRC_CANCELLED)
        chain->late = airc_compile(chain->c, &req, chain_done, chain);
    else
        assert_int_equal(r->status, AIRC_OK);
}

/* A callback may ask again; once the client stops it is told so, and nothing is lost. */
static void callbacks_may_ask(void **state)
{
    struct chain chain = {.c = client_make("", program, ""), .left = 3};
    struct airc_request req = {.module = "m", .module_bytes = 1, .entry = "hang", .type = AIRC_TYPE_ANY};

    req.options.size = sizeof(req.options);
    assert_int_equal(airc_compile(chain.c, &req, chain_done, &chain), 0);
    airc_free(chain.c);
    assert_int_equal(chain.left, 2);
    assert_int_equal(chain.late, -ESHUTDOWN);
}

static void bad_callers(void **state)
{
    struct airc_request req = {.module = "m", .module_bytes = 1, .type = AIRC_TYPE_ANY};
    struct airc_config cfg = {.size = 1};
    char name[AIRC_MAX_GUEST + 2];
    struct airc *c;

    assert_int_equal(airc_new(&cfg, &c), -EINVAL);
    assert_null(c);
    memset(name, 'x', sizeof(name));
    name[AIRC_MAX_GUEST + 1] = 0;
    cfg = (struct airc_config){.size = sizeof(cfg), .program = "", .cache_dir = "", .guest = name};
    assert_int_equal(airc_new(&cfg, &c), -EINVAL);
    name[AIRC_MAX_GUEST] = 0;
    assert_int_equal(airc_new(&cfg, &c), 0);
    airc_free(c);
    c = client_make("", program, "");
    assert_int_equal(airc_compile(c, &req, chain_done, NULL), -EINVAL); /* options.size */
    req.options.size = sizeof(req.options);
    assert_int_equal(airc_compile(c, &req, NULL, NULL), -EINVAL);
    req.module_bytes = 0;
    assert_int_equal(airc_compile(c, &req, chain_done, NULL), -EINVAL);
    req.module_bytes = AIRC_MAX_MODULE + 1u;
    assert_int_equal(airc_compile(c, &req, chain_done, NULL), -EINVAL);
    airc_free(c);
}

static void cache_answers(void **state)
{
    struct airc_stats stats;
    struct scratch s;
    struct answer a;
    struct airc *c;

    scratch_make(&s);
    for (int round = 0; round < 3; round++) {
        c = client_make("", program, s.cache);
        ask(c, "main0", "module", 6, &a);
        check_ok(&a, "module");
        assert_int_equal(a.cached, round > 0);
        answer_fini(&a);
        ask(c, "refuse", "module", 6, &a);
        assert_int_equal(a.status, AIRC_REFUSED);
        assert_int_equal(a.reason, AIR_REFUSE_INTRINSIC);
        assert_string_equal(a.text, "intrinsic: there is no air.frobnicate");
        assert_int_equal(a.cached, round > 0);
        answer_fini(&a);
        /* Crashes are not the module's property alone: they are not stored. */
        ask(c, "abort", "module", 6, &a);
        assert_int_equal(a.status, AIRC_CRASH);
        assert_int_equal(a.cached, 0);
        answer_fini(&a);
        airc_get_stats(c, &stats);
        assert_int_equal(stats.cache_hits, round ? 2 : 0);
        airc_free(c);
    }
    for (int i = 0; i < 4; i++) { /* another guest, and the same again; another way to the same compiler, and again */
        struct airc_config cfg = {.size = sizeof(cfg),
                                  .socket_path = i < 2 ? "" : s.socket,
                                  .program = i < 2 ? program : "",
                                  .cache_dir = s.cache,
                                  .guest = i < 2 ? "another" : NULL};
        pid_t pid = i < 2 ? 0 : service_start(program, s.socket, NULL);

        assert_int_equal(airc_new(&cfg, &c), 0);
        ask(c, "main0", "module", 6, &a);
        check_ok(&a, "module");
        assert_int_equal(a.cached, i % 2);
        answer_fini(&a);
        airc_free(c);
        if (pid)
            service_stop(pid);
    }
    /* Another compiler has other answers. */
    setenv("PVG_TEST_IDENTITY", "a rebuilt LLVM", 1);
    c = client_make("", program, s.cache);
    ask(c, "main0", "module", 6, &a);
    check_ok(&a, "module");
    assert_int_equal(a.cached, 0);
    answer_fini(&a);
    airc_free(c);
    unsetenv("PVG_TEST_IDENTITY");
    scratch_remove(&s);
}

static int count_files(void)
{
    int n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* A hundred crashes and refusals later the client's process has the descriptors it had before. */
static void nothing_leaks(void **state)
{
    int before = count_files();
    struct airc *c = client_make("", program, "");
    int during;

    /* A refusal comes without a file, so that none is open while its callback runs. */
    ask_failing(c, "refuse", AIRC_REFUSED, "intrinsic");
    during = count_files();
    for (int i = 0; i < 100; i++) {
        struct answer a;

        ask(c, i % 3 == 1 ? "abort" : i % 3 == 0 ? "refuse" : "main0", &i, sizeof(i), &a);
        answer_fini(&a);
    }
    assert_int_equal(count_files(), during);
    airc_free(c);
    assert_int_equal(count_files(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_running), /* first: it waits for all children of this program */
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(equal_requests_are_asked_once),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(free_cancels),
        cmocka_unit_test(pending_is_bounded),
        cmocka_unit_test(callbacks_may_ask),
        cmocka_unit_test(bad_callers),
        cmocka_unit_test(cache_answers),
        cmocka_unit_test(nothing_leaks),
    };

    /* Orphaned workers become children of this test, so that it can see them end. */
    assert_return_code(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), errno);
    program = test_program();
    if (!program)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
