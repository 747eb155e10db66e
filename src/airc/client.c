/* SPDX-License-Identifier: MIT */
/*
 * The client's thread: takes requests, answers them from the disk cache, sends the rest to a compiler service and
 * reports each one exactly once, whatever the service does.
 *
 * Only the `incoming` list, the stop flag and the counters are touched by other threads. Everything a service sends is
 * checked by protocol.c and sealed.c before it is used. A service that goes silent, lies or dies is dropped, and
 * another one is reached for (connect.c).
 */
#include "airc/airc.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "airc/bad.h"
#include "airc/cache.h"
#include "airc/connect.h"
#include "airc/protocol.h"
#include "airc/sealed.h"
#include "base/clock.h"

#define DEFAULT_CACHE_BYTES (256ull << 20)
/* The two limits are compiled shorter in a test. The second is also what an honest service may be late. */
#ifndef HELLO_LIMIT_NS
/* LLVM from a cold disk takes a few seconds to load; longer than this means that nobody is there. */
#define HELLO_LIMIT_NS (15 * NS_PER_S)
#endif
#ifndef SILENCE_LIMIT_NS
/* A service with open requests says something every second. */
#define SILENCE_LIMIT_NS (15 * NS_PER_S)
#endif
/* Pause before the next attempt after no service could be reached; doubles up to the second number. */
#define BACKOFF_MIN_NS (1 * NS_PER_S)
#define BACKOFF_MAX_NS (32 * NS_PER_S)
/* Services a request may lose before it is given up: it may be what kills them. */
#define MAX_LOSSES 2

/* Messages taken in one go: more than a socket's queue holds, so that what had come in time is seen in time. */
#define MAX_RECEIVED 1024u

struct job {
    struct job *next;
    struct job *same; /* equal requests that wait for this one's answer */
    uint64_t id;
    void *body; /* owned, 8-aligned */
    size_t body_bytes;
    struct airc_key key;
    unsigned losses;
    airc_done_fn *done;
    void *opaque;
};

struct job_list {
    struct job *first, **last;
};

struct airc {
    struct airc_config cfg;
    char *socket_path, *program, *cache_dir; /* copies behind @cfg */
    pthread_t thread;
    int wake; /* eventfd */

    pthread_mutex_t lock;
    /* under @lock */
    struct job_list incoming;
    bool stop;
    unsigned pending; /* jobs accepted and not freed */
    size_t pending_bytes;

    _Atomic uint64_t requests, cache_hits, compiled, connects, shared, remembered, failed[AIRC_STATUS_COUNT];
    _Atomic bool spawned;
    _Atomic uint32_t jail;

    /* the thread's own */
    struct airc_cache *cache;
    struct airc_link link;
    bool ready;   /* HELLO has come */
    bool useful;  /* this service has answered something */
    unsigned way; /* next way to try, see airc_link_open() */
    char what[512];
    char last[AIRC_TEXT_BYTES]; /* why the last service was lost or could not be reached */
    struct airc_hello hello;
    struct airc_origin origin; /* of what the present service answers */
    uint64_t heard_ns;         /* last message, or start of the link or of the first open request */
    uint64_t moved_ns;         /* since when the oldest open request is the oldest */
    uint64_t patience_ns;      /* how long it may be that, whatever the service says of itself */
    uint64_t retry_ns;         /* no attempt before this time */
    uint64_t backoff_ns;       /* 0: the last attempt worked */
    struct job_list fresh;     /* key not computed, memory and cache not asked */
    struct job_list waiting;   /* for room at the service */
    struct job_list open;      /* with the service */
    unsigned open_count;
    uint64_t next_id;
    struct bad_list *bad;
};

static void list_init(struct job_list *l)
{
    l->first = NULL;
    l->last = &l->first;
}

static void list_add(struct job_list *l, struct job *j)
{
    j->next = NULL;
    *l->last = j;
    l->last = &j->next;
}

static struct job *list_take(struct job_list *l)
{
    struct job *j = l->first;

    if (j) {
        l->first = j->next;
        if (!l->first)
            l->last = &l->first;
    }
    return j;
}

/* Move all of @from to the front of @to. */
static void list_prepend(struct job_list *to, struct job_list *from)
{
    if (!from->first)
        return;
    *from->last = to->first;
    if (!to->first)
        to->last = from->last;
    to->first = from->first;
    list_init(from);
}

static void say(struct airc *c, bool warning, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void say(struct airc *c, bool warning, const char *fmt, ...)
{
    char line[1024];
    va_list ap;

    if (!c->cfg.log)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    c->cfg.log(c->cfg.opaque, warning, line);
}

/* Report a job and all that share it. */
static void report(struct airc *c, struct job *j, const struct airc_result *r)
{
    for (; j; j = j->same) {
        if (r->status != AIRC_OK)
            atomic_fetch_add(&c->failed[r->status], 1);
        j->done(j->opaque, r);
    }
}

static void free_jobs(struct airc *c, struct job *j)
{
    while (j) {
        struct job *same = j->same;

        pthread_mutex_lock(&c->lock);
        c->pending--;
        c->pending_bytes -= j->body_bytes;
        pthread_mutex_unlock(&c->lock);
        free(j->body);
        free(j);
        j = same;
    }
}

static void finish(struct airc *c, struct job *j, const struct airc_result *r)
{
    report(c, j, r);
    free_jobs(c, j);
}

static void finish_failed(struct airc *c, struct job *j, enum airc_status status, const char *text)
{
    struct airc_result r = {.status = status, .text = text};

    if (status == AIRC_CRASH || status == AIRC_MEMORY || status == AIRC_JAIL)
        r.reason = AIR_REFUSE_WORKER_CRASH;
    else if (status == AIRC_TIMEOUT)
        r.reason = AIR_REFUSE_WORKER_TIMEOUT;
    finish(c, j, &r);
}

static bool key_equal(struct airc_key a, struct airc_key b)
{
    return a.v[0] == b.v[0] && a.v[1] == b.v[1];
}

static void drop_link(struct airc *c)
{
    struct job_list back;
    struct job *j;

    airc_link_close(&c->link);
    c->ready = false;
    atomic_store(&c->jail, 0);
    atomic_store(&c->spawned, false);
    list_init(&back);
    while ((j = list_take(&c->open))) {
        if (++j->losses >= MAX_LOSSES)
            finish_failed(c, j, AIRC_UNAVAILABLE, "the compiler service ended while it had this request");
        else
            list_add(&back, j);
    }
    c->open_count = 0;
    list_prepend(&c->waiting, &back);
    list_prepend(&c->fresh, &c->waiting); /* another compiler may have other answers */
}

static void lose_link(struct airc *c, const char *why)
{
    /* A service may end when it is idle; that is no news. One that work waits for is not idle. */
    bool idle = c->ready && !c->open_count && !c->waiting.first && !c->fresh.first;

    snprintf(c->last, sizeof(c->last), "no shader compiler service: %.300s: %.100s", c->what, why);
    airc_text_clean(c->last, sizeof(c->last));
    say(c, !idle, "shader compiler %s: %s", c->what, why);
    /* One that never answered anything is not tried again before the others; one that worked is. */
    c->way = c->useful || idle ? 0 : c->way + 1;
    drop_link(c);
}

static void give_up(struct airc *c, const char *text)
{
    struct job *j;

    while ((j = list_take(&c->fresh))) /* without a service nothing waits for room at it */
        finish_failed(c, j, AIRC_UNAVAILABLE, text);
}

/* Go through the ways to a service from c->way on until one connects. */
static void reach(struct airc *c)
{
    uint64_t now = clock_now_ns();
    char what[sizeof(c->what)];
    int err;

    for (; (err = airc_link_open(&c->link, &c->cfg, c->way, what, sizeof(what))) != -ERANGE; c->way++) {
        if (!err) {
            snprintf(c->what, sizeof(c->what), "%s", what);
            c->ready = false;
            c->useful = false;
            c->heard_ns = now;
            return;
        }
        if (what[0])
            snprintf(c->last, sizeof(c->last), "no shader compiler service: %.250s: %s", what,
                     err == AIRC_LINK_FILTERED
                         ? "not started, because a system call filter (-sandbox) may kill this process "
                           "for it: enable pvg-airc.socket, or name the program"
                         : strerror(-err));
    }
    c->way = 0;
    c->backoff_ns = c->backoff_ns ? c->backoff_ns * 2 : BACKOFF_MIN_NS;
    if (c->backoff_ns > BACKOFF_MAX_NS)
        c->backoff_ns = BACKOFF_MAX_NS;
    c->retry_ns = now + c->backoff_ns;
    airc_text_clean(c->last, sizeof(c->last));
    say(c, true, "%s", c->last);
    give_up(c, c->last);
}

static bool answer_from_cache(struct airc *c, struct job *j)
{
    struct airc_entry e;
    struct airc_result r;

    if (!c->cache || !airc_cache_get(c->cache, j->key, &c->origin, j->body, j->body_bytes, &e))
        return false;
    r = (struct airc_result){
        .status = (enum airc_status)e.status,
        .reason = (enum air_refuse)e.reason,
        .text = e.text,
        .spirv = e.spirv,
        .spirv_words = e.spirv_bytes / 4,
        .reflection = e.reflection,
        .reflection_bytes = e.reflection_bytes,
        .compile_us = e.compile_us,
        .cached = true,
    };
    atomic_fetch_add(&c->cache_hits, 1);
    finish(c, j, &r);
    free(e.storage);
    return true;
}

static bool answer_from_memory(struct airc *c, struct job *j)
{
    const struct bad_entry *b = bad_known(c->bad, j->key);

    if (!b)
        return false;
    atomic_fetch_add(&c->remembered, 1);
    finish_failed(c, j, b->status, b->text);
    return true;
}

/* Let @j wait for an equal request that is already with the service. */
static bool join_open(struct airc *c, struct job *j)
{
    for (struct job *o = c->open.first; o; o = o->next) {
        if (!key_equal(o->key, j->key) || o->body_bytes != j->body_bytes ||
            memcmp(o->body, j->body, j->body_bytes) != 0)
            continue;
        atomic_fetch_add(&c->shared, 1);
        j->same = o->same;
        o->same = j;
        return true;
    }
    return false;
}

/* 0, or a negative errno; -EAGAIN when the socket is full. */
static int send_job(struct airc *c, struct job *j)
{
    union airc_message m;
    int fd = sealed_new("pvg-airc-request"), err;

    if (fd < 0)
        return fd;
    err = sealed_write(fd, 0, j->body, j->body_bytes);
    if (!err)
        err = sealed_seal(fd);
    if (!err) {
        airc_message_init(&m, AIRC_COMPILE);
        j->id = c->next_id++;
        m.compile.id = j->id;
        m.compile.bytes = j->body_bytes;
        err = sealed_send(c->link.sock, &m, sizeof(m.compile), &fd, 1);
    }
    close(fd);
    return err;
}

static bool answer_here(struct airc *c, struct job *j)
{
    return answer_from_memory(c, j) || answer_from_cache(c, j);
}

/* Send a job that nothing else could answer. False when there is no room, or no service any more: it still waits. */
static bool hand_out(struct airc *c, struct job *j)
{
    int err;

    if (j->body_bytes > c->hello.max_request) {
        finish_failed(c, j, AIRC_BAD_REQUEST, "the request is larger than the compiler service takes");
        return true;
    }
    err = send_job(c, j);
    if (err == -EAGAIN || err == -EPIPE || err == -ECONNRESET) {
        struct job_list one;

        list_init(&one);
        list_add(&one, j);
        list_prepend(&c->waiting, &one);
        if (err != -EAGAIN)
            lose_link(c, "connection lost");
        return false;
    }
    if (err) {
        finish_failed(c, j, AIRC_UNAVAILABLE, "the request could not be handed to the compiler service");
        return true;
    }
    if (!c->open_count)
        c->heard_ns = c->moved_ns = clock_now_ns();
    list_add(&c->open, j);
    c->open_count++;
    return true;
}

/* Answer what memory and cache can answer; give the service as much of the rest as it takes. */
static void serve(struct airc *c)
{
    struct job *j;

    /* What waited may have been answered meanwhile, as part of an equal request. */
    while (c->ready && c->open_count < c->hello.max_open && (j = list_take(&c->waiting)))
        if (!join_open(c, j) && !answer_here(c, j) && !hand_out(c, j))
            return;
    while (c->ready && (j = list_take(&c->fresh))) {
        j->key = airc_cache_key(&c->origin, j->body, j->body_bytes);
        if (answer_here(c, j))
            continue;
        if (c->waiting.first || c->open_count >= c->hello.max_open)
            list_add(&c->waiting, j);
        else if (!join_open(c, j))
            (void)hand_out(c, j); /* if not, it waits */
    }
}

/*
 * How long an honest service takes at most to answer the oldest of our requests. It starts them in the order they came
 * and gives its clients turns, so before ours begins each other client may have one more on one of its workers; and
 * each may take the time limit twice, since one whose worker was killed from outside is tried once more.
 */
static uint64_t patience_ns(const struct airc *c)
{
    uint64_t limit = c->hello.time_limit_ms, workers = c->hello.workers,
             others = c->link.own ? 0 : AIRC_MAX_CLIENTS - 1;

    if (c->cfg.time_limit_ms && c->cfg.time_limit_ms < limit)
        limit = c->cfg.time_limit_ms;
    return SILENCE_LIMIT_NS + 2 * limit * NS_PER_MS * (1 + (others + workers - 1) / workers);
}

static void take_hello(struct airc *c, struct airc_hello *h)
{
    if (c->ready || !airc_hello_ok(h)) {
        lose_link(c, "malformed greeting");
        return;
    }
    c->hello = *h;
    if (c->hello.max_open > AIRC_MAX_OPEN)
        c->hello.max_open = AIRC_MAX_OPEN;
    c->patience_ns = patience_ns(c);
    memset(c->origin.service, 0, sizeof(c->origin.service));
    if (!c->link.own)
        memcpy(c->origin.service, c->what, strnlen(c->what, sizeof(c->origin.service) - 1)); /* a socket's path: fits */
    memcpy(c->origin.fingerprint, h->fingerprint, sizeof(h->fingerprint));
    c->ready = true;
    c->backoff_ns = 0;
    atomic_fetch_add(&c->connects, 1);
    atomic_store(&c->jail, h->jail);
    atomic_store(&c->spawned, c->link.own);
    say(c, false, "shader compiler %s: %s, %u workers, %u ms per function", c->what, h->version, h->workers,
        h->time_limit_ms);
}

static struct job *open_take(struct airc *c, uint64_t id)
{
    struct job **at = &c->open.first;

    for (; *at; at = &(*at)->next) {
        struct job *j = *at;

        if (j->id != id)
            continue;
        if (at == &c->open.first)
            c->moved_ns = clock_now_ns();
        *at = j->next;
        if (!j->next)
            c->open.last = at;
        c->open_count--;
        return j;
    }
    return NULL;
}

static void store(struct airc *c, struct job *j, const struct airc_result *r)
{
    struct airc_entry e = {
        .status = r->status,
        .reason = r->reason,
        .compile_us = r->compile_us,
        .text = r->text,
        .spirv = r->spirv,
        .spirv_bytes = r->spirv_words * 4,
        .reflection = r->reflection,
        .reflection_bytes = r->reflection_bytes,
    };

    /* A full disk makes the cache smaller, not the shader wrong. */
    if (c->cache)
        (void)airc_cache_put(c->cache, j->key, &c->origin, j->body, j->body_bytes, &e);
}

static void take_success(struct airc *c, struct job *j, const struct airc_reply *m, int fd, size_t bytes)
{
    const uint8_t *p = sealed_map(fd, bytes);
    struct airc_result r = {.status = AIRC_OK, .text = "", .compile_us = m->compile_us};

    if (!p) {
        finish_failed(c, j, AIRC_UNAVAILABLE, "the result could not be mapped");
        return;
    }
    if (airc_spirv_plausible(p, m->spirv_bytes)) {
        r.spirv = (const uint32_t *)p; /* a mapping begins at a page */
        r.spirv_words = (size_t)m->spirv_bytes / 4;
        r.reflection = p + airc_reflection_offset(m->spirv_bytes);
        r.reflection_bytes = (size_t)m->reflection_bytes;
        atomic_fetch_add(&c->compiled, 1);
        report(c, j, &r); /* first: the disk may be slow */
        store(c, j, &r);
        free_jobs(c, j);
    } else {
        finish_failed(c, j, AIRC_BAD_REPLY, "the compiler service answered something that is not SPIR-V");
    }
    sealed_unmap(p, bytes);
}

static void take_reply(struct airc *c, struct airc_reply *m, int fd)
{
    int64_t bytes = fd >= 0 ? sealed_size(fd) : 0;
    struct job *j = c->ready ? open_take(c, m->id) : NULL;
    struct airc_result r;

    if (!j) {
        lose_link(c, "answer to a question that was not asked");
        return;
    }
    c->useful = true;
    if (bytes < 0 || !airc_reply_ok(m, (uint64_t)bytes, false)) {
        finish_failed(c, j, AIRC_BAD_REPLY, "the compiler service answered something that does not hold together");
        return;
    }
    switch (m->status) {
    case AIRC_OK:
        take_success(c, j, m, fd, (size_t)bytes);
        return;
    case AIRC_REFUSED:
        r = (struct airc_result){
            .status = AIRC_REFUSED,
            .reason = (enum air_refuse)m->reason,
            .text = m->text,
            .compile_us = m->compile_us,
        };
        report(c, j, &r);
        store(c, j, &r);
        free_jobs(c, j);
        return;
    case AIRC_CRASH:
    case AIRC_TIMEOUT:
    case AIRC_MEMORY:
    case AIRC_JAIL:
        bad_remember(c->bad, j->key, (enum airc_status)m->status, m->text);
        break;
    default:
        break;
    }
    finish_failed(c, j, (enum airc_status)m->status, m->text);
}

/* So many messages at most: a service that never stops talking does not keep the thread from what it has to do. */
static void receive(struct airc *c)
{
    for (unsigned taken = 0; taken < MAX_RECEIVED && c->link.sock >= 0; taken++) {
        union airc_message m;
        int fd;
        ssize_t n = sealed_recv(c->link.sock, &m, sizeof(m), &fd, 1);

        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            lose_link(c, n ? strerror((int)-n) : c->ready ? "connection closed" : "ended before its greeting");
            return;
        }
        c->heard_ns = clock_now_ns();
        if (!airc_message_ok(&m, (size_t)n))
            lose_link(c, "malformed message, or another version of the protocol");
        else if (m.head.kind == AIRC_HELLO)
            take_hello(c, &m.hello);
        else if (m.head.kind == AIRC_REPLY)
            take_reply(c, &m.reply, fd);
        else if (m.head.kind != AIRC_ALIVE)
            lose_link(c, "unexpected message");
        if (fd >= 0)
            close(fd);
    }
}

/* When must the thread wake up by itself? 0: never. */
static uint64_t next_deadline(const struct airc *c)
{
    uint64_t silent = c->heard_ns + SILENCE_LIMIT_NS, overdue = c->moved_ns + c->patience_ns;

    if (c->link.sock < 0)
        return 0;
    if (!c->ready)
        return c->heard_ns + HELLO_LIMIT_NS;
    if (!c->open_count && !c->waiting.first) /* what waits does so for a service that takes nothing */
        return 0;
    return silent < overdue ? silent : overdue;
}

static void check_deadline(struct airc *c)
{
    uint64_t now = clock_now_ns(), deadline = next_deadline(c);
    struct job *j;

    if (!deadline || now < deadline)
        return;
    if (!c->ready || deadline == c->heard_ns + SILENCE_LIMIT_NS) {
        lose_link(c, "no sign of life");
        return;
    }
    j = list_take(&c->open);
    if (j) { /* not tried again: a service that works would have answered long ago */
        c->open_count--;
        finish_failed(c, j, AIRC_UNAVAILABLE, "the compiler service kept this request for longer than it may take");
    }
    lose_link(c, "keeps a request for longer than it may take");
}

/* Sleep until something happens. True when the client is to stop. */
static bool wait_for_work(struct airc *c)
{
    struct pollfd fds[2] = {{.fd = c->wake, .events = POLLIN}, {.fd = c->link.sock, .events = POLLIN}};
    uint64_t deadline = next_deadline(c), now = clock_now_ns(), count;
    struct job_list got;
    int timeout = -1;
    bool stop;

    if (deadline)
        timeout = deadline > now ? (int)((deadline - now) / NS_PER_MS + 1) : 0;
    /* Room on the socket matters only while something waits that may be sent. */
    if (c->ready && c->waiting.first && c->open_count < c->hello.max_open)
        fds[1].events |= POLLOUT;
    (void)poll(fds, 2, timeout); /* EINTR cannot be, all signals are blocked; anything else shows up below */
    if (fds[0].revents & POLLIN)
        (void)!read(c->wake, &count, sizeof(count)); /* non-blocking: only resets the count */
    if (fds[1].revents & (POLLIN | POLLHUP | POLLERR))
        receive(c);
    check_deadline(c);

    list_init(&got);
    pthread_mutex_lock(&c->lock);
    stop = c->stop;
    if (c->incoming.first) {
        got = c->incoming;
        list_init(&c->incoming);
    }
    pthread_mutex_unlock(&c->lock);
    if (got.first) {
        *c->fresh.last = got.first;
        c->fresh.last = got.last;
    }
    return stop;
}

static void open_cache(struct airc *c)
{
    char path[512];
    int err;

    if (c->cfg.cache_dir && !c->cfg.cache_dir[0])
        return;
    err = airc_cache_open(c->cfg.cache_dir, c->cfg.cache_bytes, &c->cache, path, sizeof(path));
    if (err == -EPERM)
        say(c, true, "no shader cache: %s belongs to somebody else or is writable by others", path);
    else if (err)
        say(c, true, "no shader cache: %s: %s", path[0] ? path : "no home folder", strerror(-err));
}

static void *client_main(void *arg)
{
    struct airc *c = arg;
    bool first = true;

    (void)pthread_setname_np(pthread_self(), "pvg-airc"); /* only a name */
    open_cache(c);
    for (;;) {
        if (c->link.sock < 0 && (first || c->fresh.first)) {
            if (clock_now_ns() >= c->retry_ns)
                reach(c);
            else
                give_up(c, c->last);
            first = false;
        }
        serve(c);
        /* A link lost just now leaves work that wants another one at once. */
        if (c->link.sock < 0 && c->fresh.first)
            continue;
        if (wait_for_work(c))
            break;
    }
    drop_link(c);
    for (struct job *j; (j = list_take(&c->fresh));)
        finish_failed(c, j, AIRC_CANCELLED, "the client was stopped");
    airc_cache_close(c->cache);
    return NULL;
}

static int copy_text(char **to, const char **from)
{
    if (!*from)
        return 0;
    *to = strdup(*from);
    *from = *to;
    return *to ? 0 : -ENOMEM;
}

static void release(struct airc *c)
{
    free(c->socket_path);
    free(c->program);
    free(c->cache_dir);
    free(c->bad);
    pthread_mutex_destroy(&c->lock);
    if (c->wake >= 0)
        close(c->wake);
    free(c);
}

static bool config_ok(const struct airc_config *cfg)
{
    return (!cfg->guest || strlen(cfg->guest) <= AIRC_MAX_GUEST) && cfg->workers <= AIRC_MAX_WORKERS &&
           cfg->time_limit_ms <= AIRC_MAX_TIME_LIMIT_MS && cfg->cpu_limit_s <= AIRC_MAX_CPU_LIMIT_S &&
           cfg->memory_limit_mib <= AIRC_MAX_MEMORY_MIB &&
           (!cfg->memory_limit_mib || cfg->memory_limit_mib >= AIRC_MIN_MEMORY_MIB);
}

int airc_new(const struct airc_config *cfg, struct airc **out)
{
    sigset_t all, before;
    struct airc *c;
    int err = -ENOMEM;

    *out = NULL;
    if (cfg && (cfg->size != sizeof(*cfg) || !config_ok(cfg)))
        return -EINVAL;
    c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    if (cfg)
        c->cfg = *cfg;
    if (c->cfg.guest)
        strcpy(c->origin.guest, c->cfg.guest); /* fits: config_ok() */
    c->cfg.guest = NULL;
    if (!c->cfg.cache_bytes)
        c->cfg.cache_bytes = DEFAULT_CACHE_BYTES;
    pthread_mutex_init(&c->lock, NULL);
    list_init(&c->incoming);
    list_init(&c->fresh);
    list_init(&c->waiting);
    list_init(&c->open);
    airc_link_init(&c->link);
    snprintf(c->last, sizeof(c->last), "no shader compiler service is configured");
    c->bad = calloc(1, sizeof(*c->bad));
    c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->wake < 0)
        err = -errno;
    if (!c->bad || c->wake < 0 || copy_text(&c->socket_path, &c->cfg.socket_path) ||
        copy_text(&c->program, &c->cfg.program) || copy_text(&c->cache_dir, &c->cfg.cache_dir)) {
        release(c);
        return err;
    }
    /* The VMM's signals are not ours to take. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&c->thread, NULL, client_main, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err) {
        release(c);
        return -err;
    }
    *out = c;
    return 0;
}

static void wake_up(struct airc *c)
{
    uint64_t one = 1;

    (void)!write(c->wake, &one, sizeof(one)); /* full means awake already */
}

/* Count a request in, or say why not. */
static int admit(struct airc *c, struct job *j)
{
    int err = 0;

    pthread_mutex_lock(&c->lock);
    if (c->stop) {
        err = -ESHUTDOWN;
    } else if (c->pending >= AIRC_MAX_PENDING || j->body_bytes > AIRC_MAX_PENDING_BYTES - c->pending_bytes) {
        err = -EBUSY;
    } else {
        c->pending++;
        c->pending_bytes += j->body_bytes;
        list_add(&c->incoming, j);
    }
    pthread_mutex_unlock(&c->lock);
    return err;
}

int airc_compile(struct airc *c, const struct airc_request *req, airc_done_fn *done, void *opaque)
{
    size_t bytes = airc_body_size(req);
    struct job *j;
    int err = -ENOMEM;

    if (!bytes || !done || req->options.size != sizeof(req->options))
        return -EINVAL;
    j = calloc(1, sizeof(*j));
    if (!j)
        return -ENOMEM;
    j->body = malloc(bytes);
    if (!j->body)
        goto free_job;
    airc_body_write(req, j->body);
    j->body_bytes = bytes;
    j->done = done;
    j->opaque = opaque;
    err = admit(c, j);
    if (err)
        goto free_body;
    atomic_fetch_add(&c->requests, 1);
    wake_up(c);
    return 0;

free_body:
    free(j->body);
free_job:
    free(j);
    return err;
}

void airc_free(struct airc *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_mutex_unlock(&c->lock);
    wake_up(c);
    pthread_join(c->thread, NULL);
    release(c);
}

void airc_get_stats(struct airc *c, struct airc_stats *out)
{
    memset(out, 0, sizeof(*out));
    out->requests = atomic_load(&c->requests);
    out->cache_hits = atomic_load(&c->cache_hits);
    out->compiled = atomic_load(&c->compiled);
    out->connects = atomic_load(&c->connects);
    out->shared = atomic_load(&c->shared);
    out->remembered = atomic_load(&c->remembered);
    out->spawned = atomic_load(&c->spawned);
    out->jail = atomic_load(&c->jail);
    for (unsigned i = 0; i < AIRC_STATUS_COUNT; i++)
        out->failed[i] = atomic_load(&c->failed[i]);
}
