/* SPDX-License-Identifier: MIT */
/*
 * Control path: CmdNOPs per second through a child channel, what a doorbell costs the guest's CPU, and the time from a
 * doorbell to the interrupt. Beside them, in the same run and in turn with them: the goals, and an eventfd between two
 * threads, which is what a VMM's doorbell and interrupt are made of otherwise.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "machine.h"
#include "measure.h"
#include "protocol.h"

#define CHANNEL     1 /* Exec: the guest's own driver does not use it */
#define RING_BYTES  (RING_PAGES_MAX << 12)
#define NOP_BYTES   PACKET_HEADER_BYTES
#define BATCH       5000 /* NOPs that fit in the ring */
#define DRAINS      100
#define STREAM      500000
#define STREAMS     5
#define PUBLISH     64  /* NOPs between two doorbells of the stream */
#define AWAKE_BURST 100 /* doorbells timed while one batch drains */
#define SLEEPS      3000
#define SLEEP_NS    200000

/* ---- producer ---- */

struct nops {
    struct guest *g;
    struct channel c;
    uint32_t *page[RING_PAGES_MAX];
    uint32_t *written, *read;
};

/* One NOP in the ring, not published. */
static inline void nop(struct nops *n)
{
    const uint32_t words[3] = {OP_NOP, NOP_BYTES, ++n->c.stamp};

    for (int i = 0; i < 3; i++, n->c.written += 4)
        n->page[n->c.written % RING_BYTES >> 12][n->c.written % 4096 / 4] = words[i];
}

static inline void publish(struct nops *n)
{
    __atomic_store_n(n->written, n->c.written, __ATOMIC_RELEASE);
}

static inline void ring_doorbell(struct nops *n)
{
    machine_out(n->g->vmm, REG_CHILD_DOORBELL, CHANNEL);
}

static void nops_init(struct nops *n, struct guest *g)
{
    uint64_t record = g->root_page + RECORD_OFFSET(CHANNEL);

    n->g = g;
    must(g, channel_define(g, &n->c, CHANNEL, RING_PAGES_MAX));
    for (int i = 0; i < RING_PAGES_MAX; i++)
        n->page[i] = machine_ram(g->vmm, n->c.ring[i]);
    n->written = machine_ram(g->vmm, record + RECORD_WRITTEN);
    n->read = machine_ram(g->vmm, record + RECORD_READ);
}

/* ---- throughput ---- */

/* The ring is full before the doorbell: from it to the last stamp, the device alone works, on one core. */
static double drain(struct nops *n)
{
    uint64_t begin;

    for (int i = 0; i < BATCH; i++)
        nop(n);
    begin = now_ns();
    publish(n);
    ring_doorbell(n);
    spin_stamp(n->g, &n->c, n->c.stamp);
    return BATCH * 1e9 / (double)(now_ns() - begin);
}

static double seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/*
 * Guest and device at the same time. *@per_core: per second of the worker's processor time, which does not depend on
 * who else uses the machine. Returns the rate by the wall clock.
 */
static double stream(struct nops *n, double *per_core)
{
    double cpu = seconds(n->g->vmm->worker_clock), begin = seconds(CLOCK_MONOTONIC);

    for (int i = 0; i < STREAM; i++) {
        while (n->c.written + NOP_BYTES - __atomic_load_n(n->read, __ATOMIC_ACQUIRE) > RING_BYTES)
            relax();
        nop(n);
        if (i % PUBLISH == PUBLISH - 1) {
            publish(n);
            ring_doorbell(n);
        }
    }
    publish(n);
    ring_doorbell(n);
    spin_stamp(n->g, &n->c, n->c.stamp);
    *per_core = STREAM / (seconds(n->g->vmm->worker_clock) - cpu);
    return STREAM / (seconds(CLOCK_MONOTONIC) - begin);
}

/* The guest's half of it: the packets written and published, nobody there. */
static double producer_alone(struct nops *n)
{
    static uint32_t nowhere;
    struct nops copy = *n;
    uint64_t begin = now_ns();

    copy.written = &nowhere;
    for (int i = 0; i < STREAM; i++) {
        nop(&copy);
        if (i % PUBLISH == PUBLISH - 1)
            publish(&copy);
    }
    return STREAM * 1e9 / (double)(now_ns() - begin);
}

static void measure_throughput(struct nops *n)
{
    struct samples drains = {0}, streams = {0}, cores = {0}, alone = {0};
    double per_core;

    for (int i = 0; i < DRAINS; i++) {
        samples_add(&drains, drain(n));
        if (i % (DRAINS / STREAMS))
            continue;
        samples_add(&streams, stream(n, &per_core));
        samples_add(&cores, per_core);
        samples_add(&alone, producer_alone(n));
    }
    result_higher("CmdNOP through a child channel, full ring drained", "1/s", samples_quantile(&drains, 0.5), 3e6,
                  "goal");
    result_higher("CmdNOP through a child channel, guest and device at once, per core of the device", "1/s",
                  samples_quantile(&cores, 0.5), 3e6, "goal");
    result_alone("CmdNOP through a child channel, guest and device at once, by the wall clock", "1/s",
                 samples_quantile(&streams, 0.5), "higher");
    result_alone("CmdNOP written by the guest, no device", "1/s", samples_quantile(&alone, 0.5), "higher");
    samples_free(&drains);
    samples_free(&streams);
    samples_free(&cores);
    samples_free(&alone);
}

/* ---- latency ---- */

/* The reference: a thread that sleeps in read() on an eventfd and notes when it woke. */
struct sleeper {
    int fd;
    _Atomic uint64_t woke_ns;
    _Atomic int quit;
};

static void *sleeper_main(void *arg)
{
    struct sleeper *s = arg;
    uint64_t count;

    while (!atomic_load(&s->quit))
        if (read(s->fd, &count, sizeof(count)) == sizeof(count))
            atomic_store(&s->woke_ns, now_ns());
    return NULL;
}

static void sleeper_write(struct sleeper *s)
{
    const uint64_t one = 1;

    if (write(s->fd, &one, sizeof(one)) != sizeof(one))
        die("eventfd");
}

static uint64_t spin_until_after(_Atomic uint64_t *time, uint64_t begin)
{
    while (atomic_load(time) < begin) {
        relax();
        if (now_ns() > begin + 10000000000ull)
            die("nothing comes");
    }
    return atomic_load(time);
}

static void measure_awake(struct nops *n)
{
    struct samples cost = {0};

    for (int round = 0; round < DRAINS; round++) {
        for (int i = 0; i < BATCH; i++)
            nop(n);
        publish(n);
        ring_doorbell(n);
        for (int i = 0; i < AWAKE_BURST; i++) {
            uint64_t begin = now_ns(), end;

            ring_doorbell(n);
            end = now_ns();
            /* Only while packets are left the worker is surely awake. */
            if (__atomic_load_n(n->read, __ATOMIC_ACQUIRE) == n->c.written)
                break;
            samples_add(&cost, (double)(end - begin) / 1e3);
        }
        spin_stamp(n->g, &n->c, n->c.stamp);
    }
    result_lower("doorbell write, worker awake, p99", "us", samples_quantile(&cost, 0.99), 2, "goal");
    result_alone("doorbell write, worker awake, p50", "us", samples_quantile(&cost, 0.5), "lower");
    samples_free(&cost);
}

/* How often this thread had to give its core to another. */
static long preemptions(void)
{
    struct rusage r;

    if (getrusage(RUSAGE_THREAD, &r))
        die("getrusage");
    return r.ru_nivcsw;
}

static void measure_asleep(struct nops *n)
{
    /* Of the writes: those during which this core went on with them, and those during which the worker had it. */
    struct samples write_us = {0}, kept_us = {0}, lent_us = {0};
    struct samples interrupt_us = {0}, ref_write_us = {0}, ref_wake_us = {0};
    struct sleeper sleeper = {.fd = eventfd(0, EFD_CLOEXEC)};
    struct vmm *vmm = n->g->vmm;
    const struct timespec pause = {.tv_nsec = SLEEP_NS};
    pthread_t thread;

    if (sleeper.fd < 0 || pthread_create(&thread, NULL, sleeper_main, &sleeper))
        die("no reference thread");
    for (int i = 0; i < SLEEPS; i++) {
        uint64_t begin, end;
        long before;

        nop(n);
        nanosleep(&pause, NULL);
        before = preemptions();
        begin = now_ns();
        publish(n);
        ring_doorbell(n);
        end = now_ns();
        samples_add(&write_us, (double)(end - begin) / 1e3);
        samples_add(preemptions() == before ? &kept_us : &lent_us, (double)(end - begin) / 1e3);
        samples_add(&interrupt_us, (double)(spin_until_after(&vmm->interrupt_ns, begin) - begin) / 1e3);
        spin_stamp(n->g, &n->c, n->c.stamp);

        nanosleep(&pause, NULL);
        begin = now_ns();
        sleeper_write(&sleeper);
        end = now_ns();
        samples_add(&ref_write_us, (double)(end - begin) / 1e3);
        samples_add(&ref_wake_us, (double)(spin_until_after(&sleeper.woke_ns, begin) - begin) / 1e3);
    }
    atomic_store(&sleeper.quit, 1);
    sleeper_write(&sleeper);
    pthread_join(thread, NULL);
    close(sleeper.fd);

    result_lower("doorbell write, worker asleep, p99", "us", samples_quantile(&write_us, 0.99), 15, "goal");
    result_lower("doorbell write, worker asleep, p50", "us", samples_quantile(&write_us, 0.5),
                 samples_quantile(&ref_write_us, 0.5), "eventfd write, reader asleep, p50");
    result_lower("doorbell write, worker asleep, p99, beside eventfd", "us", samples_quantile(&write_us, 0.99),
                 samples_quantile(&ref_write_us, 0.99), "eventfd write, reader asleep, p99");
    result_alone("doorbell write, worker asleep, share during which the worker took the writer's core", "%",
                 100 * (double)lent_us.count / SLEEPS, "lower");
    if (kept_us.count)
        result_alone("doorbell write, worker asleep, p99 of those that kept their core", "us",
                     samples_quantile(&kept_us, 0.99), "lower");
    if (lent_us.count)
        result_alone("doorbell write, worker asleep, p99 of those that lent it", "us", samples_quantile(&lent_us, 0.99),
                     "lower");
    result_lower("doorbell to interrupt callback, p50", "us", samples_quantile(&interrupt_us, 0.5), 20, "goal");
    result_lower("doorbell to interrupt callback, p99", "us", samples_quantile(&interrupt_us, 0.99), 100, "goal");
    result_lower("doorbell to interrupt callback, p50, beside eventfd", "us", samples_quantile(&interrupt_us, 0.5),
                 samples_quantile(&ref_wake_us, 0.5), "eventfd write to reader awake, p50");
    result_lower("doorbell to interrupt callback, p99, beside eventfd", "us", samples_quantile(&interrupt_us, 0.99),
                 samples_quantile(&ref_wake_us, 0.99), "eventfd write to reader awake, p99");
    samples_free(&write_us);
    samples_free(&kept_us);
    samples_free(&lent_us);
    samples_free(&interrupt_us);
    samples_free(&ref_write_us);
    samples_free(&ref_wake_us);
}

int main(void)
{
    struct guest *guest;
    struct nops nops;
    struct vmm vmm;

    bench_machine_new(&vmm, 640, 480, &guest);
    nops_init(&nops, guest);
    measure_throughput(&nops);
    measure_awake(&nops);
    measure_asleep(&nops);
    bench_machine_free(&vmm, guest);
    return 0;
}
