/* SPDX-License-Identifier: MIT */
/*
 * The service's loop: one thread, poll(), no file system. It relays; it never looks into a request or a result.
 *
 * Workers are forked from this process, which has LLVM loaded and warm and has never seen guest data: a fresh worker
 * costs a fork. A worker serves one client only, and is replaced before it serves another, so that one VM's shader
 * cannot reach the shaders of the next VM. Clients take turns; each may have AIRC_MAX_OPEN requests open.
 *
 * Signals are left at their defaults: workers die with the service (jail.c), clients see their socket close.
 */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "airc/sealed.h"
#include "base/clock.h"

/* Requests after which a worker is replaced whatever it says about itself: bounds slow leaks. */
#define WORKER_MAX_REQUESTS 512u
/* Period of ALIVE, well below the client's patience (SILENCE_LIMIT_NS). */
#define ALIVE_NS (1 * NS_PER_S)
/* After a failed fork() or socketpair(), wait this long: the machine is short of something. */
#define FORK_PAUSE_NS (100 * NS_PER_MS)
/* Without a single worker for so long, requests are answered with a failure instead of waiting on. */
#define NO_WORKER_NS (5 * NS_PER_S)

struct request {
    struct request *next;
    uint64_t id, bytes;
    int fd;     /* owned */
    bool again; /* its first worker was killed from outside */
};

struct outgoing {
    struct outgoing *next;
    struct airc_reply reply;
    int fd; /* owned; -1: none */
};

struct client {
    int fd;          /* -1: unused slot */
    uint64_t serial; /* never 0, never used again */
    struct request *queue, **queue_end;
    struct outgoing *out, **out_end;
    unsigned open; /* requests queued, with a worker, or whose reply is still to be sent */
    uint64_t alive_ns;
};

struct worker {
    pid_t pid; /* 0: unused slot */
    int fd;
    uint64_t owner;      /* serial of the client whose guest data it has seen; 0: none yet */
    uint64_t client;     /* serial of the client whose request it has; 0: idle */
    struct request *now; /* owned, while it works */
    int result;          /* memfd for the result of @now */
    uint64_t deadline_ns;
    unsigned served;
};

struct service {
    const struct service_config *cfg;
    struct client clients[SERVICE_MAX_CLIENTS];
    struct worker workers[SERVICE_MAX_WORKERS];
    uint64_t next_serial;
    unsigned turn;          /* client whose turn it is */
    uint64_t fork_ns;       /* no fork before this time */
    uint64_t failing_ns;    /* since when workers cannot be had; 0: they can */
    uint64_t idle_since_ns; /* 0: there are clients */
};

static void drop_client(struct service *s, struct client *c);

static struct client *client_by_serial(struct service *s, uint64_t serial)
{
    for (unsigned i = 0; serial && i < SERVICE_MAX_CLIENTS; i++)
        if (s->clients[i].fd >= 0 && s->clients[i].serial == serial)
            return &s->clients[i];
    return NULL;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- workers --- */

/* A worker could not be made, or died before it had done anything: trying at once again would only burn time. */
static void workers_fail(struct service *s)
{
    uint64_t now = clock_now_ns();

    s->fork_ns = now + FORK_PAUSE_NS;
    if (!s->failing_ns)
        s->failing_ns = now;
}

static bool worker_start(struct service *s, struct worker *w)
{
    pid_t parent = getpid(), pid;
    int pair[2];

    if (clock_now_ns() < s->fork_ns)
        return false;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        workers_fail(s);
        return false;
    }
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (getppid() != parent) /* the service died before the line above */
            _exit(WORKER_EXIT_DONE);
        worker_main(pair[1], &s->cfg->worker);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        workers_fail(s);
        return false;
    }
    *w = (struct worker){.pid = pid, .fd = pair[0], .result = -1};
    return true;
}

/* End a worker and forget its request, if any. *@status gets how it ended. */
static void worker_end(struct worker *w, int *status)
{
    close_fd(&w->fd);
    (void)kill(w->pid, SIGKILL); /* at worst it is a zombie already, which keeps its number ours */
    while (waitpid(w->pid, status, 0) < 0 && errno == EINTR)
        ;
    close_fd(&w->result);
    if (w->now) {
        close_fd(&w->now->fd);
        free(w->now);
    }
    *w = (struct worker){.fd = -1, .result = -1};
}

/* An idle worker that may serve @c: its own, a fresh one, or a new one in the place of another client's. */
static struct worker *worker_for(struct service *s, const struct client *c)
{
    struct worker *fresh = NULL, *foreign = NULL, *unused = NULL;
    int status;

    for (unsigned i = 0; i < s->cfg->workers; i++) {
        struct worker *w = &s->workers[i];

        if (!w->pid)
            unused = w;
        else if (w->client)
            continue;
        else if (w->owner == c->serial)
            return w;
        else if (!w->owner)
            fresh = w;
        else
            foreign = w;
    }
    if (fresh)
        return fresh;
    if (!unused && foreign) {
        worker_end(foreign, &status);
        unused = foreign;
    }
    return unused && worker_start(s, unused) ? unused : NULL;
}

/* --- replies --- */

/* Send what is queued. False when the client is gone. */
static bool client_flush(struct client *c)
{
    while (c->out) {
        struct outgoing *o = c->out;
        int err = sealed_send(c->fd, &o->reply, sizeof(o->reply), &o->fd, o->fd >= 0 ? 1 : 0);

        if (err == -EAGAIN)
            return true;
        if (err)
            return false;
        c->out = o->next;
        if (!c->out)
            c->out_end = &c->out;
        c->open--;
        close_fd(&o->fd);
        free(o);
    }
    return true;
}

/* Queue a reply; takes @fd. */
static void reply(struct service *s, struct client *c, const struct airc_reply *r, int fd)
{
    struct outgoing *o = calloc(1, sizeof(*o));

    if (!o) { /* without an answer the client would wait in vain */
        close_fd(&fd);
        drop_client(s, c);
        return;
    }
    o->reply = *r;
    o->fd = fd;
    *c->out_end = o;
    c->out_end = &o->next;
    if (!client_flush(c))
        drop_client(s, c);
}

static void reply_failed(struct service *s, struct client *c, uint64_t id, enum airc_status status,
                         enum air_refuse reason, const char *text)
{
    union airc_message m;

    airc_message_init(&m, AIRC_REPLY);
    m.reply.id = id;
    m.reply.status = status;
    m.reply.reason = reason;
    snprintf(m.reply.text, sizeof(m.reply.text), "%s", text);
    reply(s, c, &m.reply, -1);
}

/* Translate the end of a worker that still had a request. */
static void reply_died(struct service *s, struct client *c, uint64_t id, int status)
{
    char text[AIRC_TEXT_BYTES];

    if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_MEMORY) {
        reply_failed(s, c, id, AIRC_MEMORY, AIR_REFUSE_NO_MEMORY, "the compiler ran out of the memory it may use");
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        reply_failed(s, c, id, AIRC_MEMORY, AIR_REFUSE_NO_MEMORY, "the worker was killed, most likely for its memory");
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        reply_failed(s, c, id, AIRC_TIMEOUT, AIR_REFUSE_WORKER_TIMEOUT, "the compiler used up its CPU time");
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
        reply_failed(s, c, id, AIRC_JAIL, AIR_REFUSE_WORKER_CRASH, "the worker made a system call it may not make");
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_JAIL) {
        reply_failed(s, c, id, AIRC_UNAVAILABLE, AIR_REFUSE_NONE, "a worker could not be jailed");
    } else {
        if (WIFSIGNALED(status))
            snprintf(text, sizeof(text), "the compiler died of signal %d (SIG%s)", WTERMSIG(status),
                     sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
        else
            snprintf(text, sizeof(text), "the compiler ended with status %d", WEXITSTATUS(status));
        reply_failed(s, c, id, AIRC_CRASH, AIR_REFUSE_WORKER_CRASH, text);
    }
}

/* --- clients --- */

static void drop_client(struct service *s, struct client *c)
{
    int status;

    for (struct request *r; (r = c->queue);) {
        c->queue = r->next;
        close_fd(&r->fd);
        free(r);
    }
    for (struct outgoing *o; (o = c->out);) {
        c->out = o->next;
        close_fd(&o->fd);
        free(o);
    }
    /* Nobody waits for what its workers do. */
    for (unsigned i = 0; i < s->cfg->workers; i++)
        if (s->workers[i].pid && s->workers[i].owner == c->serial)
            worker_end(&s->workers[i], &status);
    close_fd(&c->fd);
}

static void add_client(struct service *s, int fd)
{
    const struct service_config *cfg = s->cfg;
    union airc_message m;

    for (unsigned i = 0; i < SERVICE_MAX_CLIENTS; i++) {
        struct client *c = &s->clients[i];

        if (c->fd >= 0)
            continue;
        *c = (struct client){.fd = fd, .serial = ++s->next_serial};
        c->queue_end = &c->queue;
        c->out_end = &c->out;
        airc_message_init(&m, AIRC_HELLO);
        memcpy(m.hello.fingerprint, cfg->fingerprint, sizeof(cfg->fingerprint));
        m.hello.max_request = AIRC_MAX_BODY;
        m.hello.max_result = AIRC_MAX_RESULT;
        m.hello.max_open = AIRC_MAX_OPEN;
        m.hello.time_limit_ms = cfg->time_limit_ms;
        m.hello.workers = cfg->workers;
        m.hello.jail = cfg->jail;
        memcpy(m.hello.version, cfg->version, sizeof(cfg->version));
        if (sealed_send(fd, &m, sizeof(m.hello), NULL, 0))
            drop_client(s, c);
        return;
    }
    close(fd); /* not reached: the listening socket is not polled while all slots are taken */
}

/* Take one request. False when the client broke the protocol. */
static bool take_request(struct service *s, struct client *c, const struct airc_compile *m, int *fd)
{
    struct request *r;

    if (c->open >= AIRC_MAX_OPEN)
        return false;
    c->open++;
    if (*fd < 0 || m->bytes > AIRC_MAX_BODY || sealed_size(*fd) != (int64_t)m->bytes) {
        reply_failed(s, c, m->id, AIRC_BAD_REQUEST, AIR_REFUSE_NONE, "the request is not a sealed file of its size");
        return true;
    }
    r = calloc(1, sizeof(*r));
    if (!r)
        return false;
    *r = (struct request){.id = m->id, .bytes = m->bytes, .fd = *fd};
    *fd = -1;
    *c->queue_end = r;
    c->queue_end = &r->next;
    return true;
}

static void read_client(struct service *s, struct client *c)
{
    uint64_t serial = c->serial;

    /* A bounded number per turn; the others are served in between. */
    for (unsigned i = 0; i < AIRC_MAX_OPEN && c->fd >= 0 && c->serial == serial; i++) {
        union airc_message m;
        int fd;
        ssize_t n = sealed_recv(c->fd, &m, sizeof(m), &fd, 1);
        bool ok;

        if (n == -EAGAIN)
            return;
        ok = n > 0 && airc_message_ok(&m, (size_t)n) && m.head.kind == AIRC_COMPILE &&
             take_request(s, c, &m.compile, &fd);
        close_fd(&fd);
        if (!ok && c->fd >= 0 && c->serial == serial)
            drop_client(s, c);
    }
}

/* --- work --- */

/* Put a request that a worker had to the front again. */
static void put_back(struct client *c, struct request *r)
{
    r->next = c->queue;
    c->queue = r;
    if (!r->next)
        c->queue_end = &r->next;
}

/* Give @w the first request of @c. */
static void assign(struct service *s, struct client *c, struct worker *w)
{
    struct request *r = c->queue;
    union airc_message m;
    int fds[2], err, status;

    c->queue = r->next;
    if (!c->queue)
        c->queue_end = &c->queue;
    w->result = sealed_new("pvg-airc-result");
    if (w->result < 0) {
        uint64_t id = r->id;

        close_fd(&r->fd);
        free(r);
        reply_failed(s, c, id, AIRC_UNAVAILABLE, AIR_REFUSE_NONE, "no file for the result");
        return;
    }
    w->owner = w->client = c->serial;
    w->now = r;
    w->deadline_ns = clock_now_ns() + s->cfg->time_limit_ms * NS_PER_MS;
    airc_message_init(&m, AIRC_COMPILE);
    m.compile.id = r->id;
    m.compile.bytes = r->bytes;
    fds[0] = r->fd;
    fds[1] = w->result;
    err = sealed_send(w->fd, &m, sizeof(m.compile), fds, 2);
    if (err) { /* it died while idle, which is not this request's fault */
        w->now = NULL;
        worker_end(w, &status);
        put_back(c, r);
    }
}

static bool assign_one(struct service *s)
{
    for (unsigned i = 0; i < SERVICE_MAX_CLIENTS; i++) {
        struct client *c = &s->clients[(s->turn + i) % SERVICE_MAX_CLIENTS];
        struct worker *w;

        if (c->fd < 0 || !c->queue)
            continue;
        w = worker_for(s, c);
        if (!w)
            return false; /* nobody else would find one either: what is free suits every client */
        s->turn = (s->turn + i + 1) % SERVICE_MAX_CLIENTS;
        assign(s, c, w);
        return true;
    }
    return false;
}

/* Take the request off a worker that has answered it, and put the worker back or away. */
static void worker_done(struct service *s, struct worker *w, bool retire)
{
    int status;

    close_fd(&w->now->fd);
    free(w->now);
    w->now = NULL;
    w->client = 0;
    close_fd(&w->result);
    if (retire || ++w->served >= WORKER_MAX_REQUESTS) {
        worker_end(w, &status);
        (void)worker_start(s, w);
    }
}

/* A worker overran its time or broke the protocol, as @why and @text say, or died: @text is NULL. */
static void worker_failed(struct service *s, struct worker *w, enum airc_status why, const char *text)
{
    struct client *c = client_by_serial(s, w->client);
    struct request *r = w->now;
    int status = 0;
    uint64_t id;

    if (!r && !w->served)
        workers_fail(s);
    w->now = NULL;
    worker_end(w, &status);
    (void)worker_start(s, w);
    if (!r)
        return;
    /* Killed by neither itself nor us: the kernel short of memory, or somebody by hand. Once, that is not the
     * request's. */
    if (c && !text && !r->again && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        r->again = true;
        put_back(c, r);
        return;
    }
    id = r->id;
    close_fd(&r->fd);
    free(r);
    if (!c)
        return;
    if (text)
        reply_failed(s, c, id, why, why == AIRC_TIMEOUT ? AIR_REFUSE_WORKER_TIMEOUT : AIR_REFUSE_WORKER_CRASH, text);
    else
        reply_died(s, c, id, status);
}

static void read_worker(struct service *s, struct worker *w)
{
    union airc_message m;
    struct client *c;
    int64_t length;
    ssize_t n = sealed_recv(w->fd, &m, sizeof(m), NULL, 0);
    uint64_t bytes = 0;
    int fd = -1;

    if (n == -EAGAIN)
        return;
    if (n == 0 || n == -ECONNRESET) {
        worker_failed(s, w, AIRC_CRASH, NULL);
        return;
    }
    if (n < 0 || !airc_message_ok(&m, (size_t)n) || m.head.kind != AIRC_REPLY || !w->now || m.reply.id != w->now->id) {
        worker_failed(s, w, AIRC_BAD_REPLY, "the worker answered something malformed");
        return;
    }
    length = m.reply.status == AIRC_OK ? sealed_length(w->result) : 0;
    if (length > 0)
        bytes = (uint64_t)length;
    if (!airc_reply_ok(&m.reply, bytes, true) || (m.reply.status == AIRC_OK && sealed_seal(w->result))) {
        worker_failed(s, w, AIRC_BAD_REPLY, "the worker's answer does not hold together");
        return;
    }
    s->failing_ns = 0;
    c = client_by_serial(s, w->client);
    if (m.reply.status == AIRC_OK) {
        fd = w->result;
        w->result = -1;
    }
    worker_done(s, w, m.reply.retire != 0);
    m.reply.retire = 0;
    if (c)
        reply(s, c, &m.reply, fd);
    else
        close_fd(&fd);
}

static void check_deadlines(struct service *s, uint64_t now)
{
    union airc_message m;

    for (unsigned i = 0; i < s->cfg->workers; i++)
        if (s->workers[i].now && now >= s->workers[i].deadline_ns)
            worker_failed(s, &s->workers[i], AIRC_TIMEOUT, "the compiler took longer than it may");
    airc_message_init(&m, AIRC_ALIVE);
    for (unsigned i = 0; i < SERVICE_MAX_CLIENTS; i++) {
        struct client *c = &s->clients[i];

        if (c->fd < 0 || !c->open || now - c->alive_ns < ALIVE_NS)
            continue;
        c->alive_ns = now;
        (void)sealed_send(c->fd, &m, sizeof(m.alive), NULL, 0); /* a full socket is a sign of life, too */
    }
}

static int poll_timeout_ms(const struct service *s, uint64_t now)
{
    uint64_t next = UINT64_MAX;

    for (unsigned i = 0; i < s->cfg->workers; i++) {
        if (s->workers[i].now && s->workers[i].deadline_ns < next)
            next = s->workers[i].deadline_ns;
        if (!s->workers[i].pid && now + FORK_PAUSE_NS < next)
            next = now + FORK_PAUSE_NS;
    }
    for (unsigned i = 0; i < SERVICE_MAX_CLIENTS; i++)
        if (s->clients[i].fd >= 0 && s->clients[i].open && s->clients[i].alive_ns + ALIVE_NS < next)
            next = s->clients[i].alive_ns + ALIVE_NS;
    if (s->idle_since_ns && s->cfg->idle_exit_s && s->idle_since_ns + s->cfg->idle_exit_s * NS_PER_S < next)
        next = s->idle_since_ns + s->cfg->idle_exit_s * NS_PER_S;
    if (next == UINT64_MAX)
        return -1;
    return next > now ? (int)((next - now) / NS_PER_MS + 1) : 0;
}

static unsigned count_clients(const struct service *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < SERVICE_MAX_CLIENTS; i++)
        n += s->clients[i].fd >= 0;
    return n;
}

/* No worker for a long time: say so to whoever waits for one. */
static void fail_requests(struct service *s)
{
    if (!s->failing_ns || clock_now_ns() - s->failing_ns < NO_WORKER_NS)
        return;
    for (unsigned i = 0; i < s->cfg->workers; i++)
        if (s->workers[i].now)
            return;
    for (unsigned i = 0; i < SERVICE_MAX_CLIENTS; i++) {
        struct client *c = &s->clients[i];

        while (c->fd >= 0 && c->queue) {
            struct request *r = c->queue;
            uint64_t id = r->id;

            c->queue = r->next;
            if (!c->queue)
                c->queue_end = &c->queue;
            close_fd(&r->fd);
            free(r);
            reply_failed(s, c, id, AIRC_UNAVAILABLE, AIR_REFUSE_NONE, "no worker process can be made");
        }
    }
}

/* One round: wait, then serve whatever is ready. */
static void turn(struct service *s)
{
    struct pollfd fds[SERVICE_MAX_CLIENTS + SERVICE_MAX_WORKERS + 1];
    uint64_t serials[SERVICE_MAX_CLIENTS];
    pid_t pids[SERVICE_MAX_WORKERS];
    struct pollfd *client_fds = fds, *worker_fds = fds + SERVICE_MAX_CLIENTS;
    struct pollfd *listen_fd = worker_fds + SERVICE_MAX_WORKERS;

    for (unsigned i = 0; i < SERVICE_MAX_CLIENTS; i++) {
        struct client *c = &s->clients[i];

        /* Who has all requests open is not read from: the socket holds the next ones back. */
        client_fds[i] = (struct pollfd){.fd = c->fd, .events = c->open < AIRC_MAX_OPEN ? POLLIN : 0};
        if (c->fd >= 0 && c->out)
            client_fds[i].events |= POLLOUT;
        serials[i] = c->serial;
    }
    for (unsigned i = 0; i < SERVICE_MAX_WORKERS; i++) {
        worker_fds[i] = (struct pollfd){.fd = s->workers[i].pid ? s->workers[i].fd : -1, .events = POLLIN};
        pids[i] = s->workers[i].pid;
    }
    *listen_fd =
        (struct pollfd){.fd = count_clients(s) < SERVICE_MAX_CLIENTS ? s->cfg->listen_fd : -1, .events = POLLIN};
    if (poll(fds, sizeof(fds) / sizeof(fds[0]), poll_timeout_ms(s, clock_now_ns())) < 0)
        return; /* interrupted: come again */

    for (unsigned i = 0; i < SERVICE_MAX_WORKERS; i++) /* a slot may have got another worker meanwhile */
        if (worker_fds[i].revents && s->workers[i].pid && s->workers[i].pid == pids[i])
            read_worker(s, &s->workers[i]);
    check_deadlines(s, clock_now_ns());
    for (unsigned i = 0; i < SERVICE_MAX_CLIENTS; i++) {
        struct client *c = &s->clients[i];

        if (!client_fds[i].revents || c->fd < 0 || c->serial != serials[i])
            continue;
        if (client_fds[i].revents & POLLOUT && !client_flush(c))
            drop_client(s, c);
        else if (client_fds[i].revents & POLLIN)
            read_client(s, c);
        else if (client_fds[i].revents & (POLLHUP | POLLERR))
            drop_client(s, c);
    }
    if (listen_fd->revents & POLLIN) {
        int fd = accept4(s->cfg->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0)
            add_client(s, fd);
    }
    while (assign_one(s))
        ;
    for (unsigned i = 0; i < s->cfg->workers; i++)
        if (!s->workers[i].pid)
            (void)worker_start(s, &s->workers[i]); /* again after the pause when it fails */
    fail_requests(s);
}

int service_run(const struct service_config *cfg)
{
    static struct service s;
    bool done = false;
    int status;

    s.cfg = cfg;
    for (unsigned i = 0; i < SERVICE_MAX_CLIENTS; i++)
        s.clients[i].fd = -1;
    for (unsigned i = 0; i < SERVICE_MAX_WORKERS; i++)
        s.workers[i] = (struct worker){.fd = -1, .result = -1};
    for (unsigned i = 0; i < cfg->workers; i++)
        (void)worker_start(&s, &s.workers[i]);
    if (cfg->client_fd >= 0)
        add_client(&s, cfg->client_fd);
    while (!done) {
        turn(&s);
        if (count_clients(&s)) {
            s.idle_since_ns = 0;
            continue;
        }
        if (!s.idle_since_ns)
            s.idle_since_ns = clock_now_ns();
        done =
            cfg->listen_fd < 0 || (cfg->idle_exit_s && clock_now_ns() - s.idle_since_ns >= cfg->idle_exit_s * NS_PER_S);
    }
    for (unsigned i = 0; i < cfg->workers; i++)
        if (s.workers[i].pid)
            worker_end(&s.workers[i], &status);
    return 0;
}
