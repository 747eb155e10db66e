/* SPDX-License-Identifier: MIT */
/*
 * Vertical blank and transaction events (display 6; checks H3, H5, H6): only what is armed, the rate over ten seconds on several
 * ports at once (decision 20: the mean; jitter is measured in bench), one-shot guests, no burst after a stall; and guests that
 * never answer.
 */
#include "device/check.h"

#include <math.h>
#include <pthread.h>

static struct vmm v;
static struct guest g;

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    guest_boot(&g, 0);
    return 0;
}

static int teardown(void **state)
{
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

static void online(struct screen *s, uint32_t port, double hz, uint32_t events)
{
    vmm_display_new(&v, port, &(struct pvg_mode){640, 480, hz}, 1, false);
    screen_init(s, &g, port);
    screen_online(s, events);
}

static uint64_t number(uint32_t port, const char *what)
{
    char path[64];

    snprintf(path, sizeof(path), "displays.%u.%s", port, what);
    return vmm_report_number(&v, path);
}

/*
 * H6 and decision 20: the mean rate over ten seconds within 0.1 %. Two measures that hold on a machine busy with others: the mean
 * of the intervals that are not off by more than a quarter, to 0.4 %; and how far the events' phase against the advertised
 * grid moves from the first second to the last, to 0.1 %. A run that does not hold is repeated, at most twice. A thread that
 * has nothing to do with the device says whether threads get the processor in time at all: where they do not, it cannot be
 * measured here.
 */
#define RATE_PORTS 6
static const double rates[RATE_PORTS] = {60, 59.94, 75, 120, 144, 30};

#define SECONDS 10

struct counted {
    uint64_t last_ns, sum_ns, count;
    double x[SECONDS], y[SECONDS]; /* of the phase, added up by second */
};

static void count_tick(struct counted *c, double period_ns, uint64_t begin)
{
    uint64_t now = vmm_now_ns(), interval = now - c->last_ns, second = (now - begin) / 1000000000;
    double phase = 6.283185307179586 * fmod((double)(now - begin), period_ns) / period_ns;

    if (second < SECONDS) {
        c->x[second] += cos(phase);
        c->y[second] += sin(phase);
    }

    if (c->last_ns && fabs((double)interval - period_ns) < period_ns / 4) {
        c->sum_ns += interval;
        c->count++;
    }
    c->last_ns = now;
}

/* Periods by which the events came later and later from the middle of the first second to that of the last. */
static double drift(const struct counted *c)
{
    double sum = 0;

    for (int i = 1; i < SECONDS; i++) {
        double turn = (atan2(c->y[i], c->x[i]) - atan2(c->y[i - 1], c->x[i - 1])) / 6.283185307179586;

        sum += turn - floor(turn + 0.5);
    }
    return sum;
}

static _Atomic bool witness_ends;
static _Atomic uint32_t wakes, late_wakes; /* of the witness */

static void *witness(void *arg)
{
    uint64_t next = vmm_now_ns();

    while (!atomic_load(&witness_ends)) {
        next += 2000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME,
                        &(struct timespec){.tv_sec = (time_t)(next / 1000000000), .tv_nsec = (long)(next % 1000000000)},
                        NULL);
        atomic_fetch_add(&wakes, 1);
        if (vmm_now_ns() > next + 1500000) { /* a quarter of the shortest period */
            atomic_fetch_add(&late_wakes, 1);
            next = vmm_now_ns();
        }
    }
    return NULL;
}

static bool rates_hold(struct screen *s)
{
    uint64_t begin = vmm_now_ns(), end = begin + SECONDS * 1000000000ull;
    struct counted c[RATE_PORTS] = {{0}};
    bool hold = true;

    while (vmm_now_ns() < end) {
        uint32_t ports;

        vmm_wait(&v, (ports = vmm_r32(&v, REG_DISPLAY_EVENTS)) != 0);
        for (uint32_t i = 0; i < RATE_PORTS; i++)
            if (ports >> i & 1 && screen_take(&s[i]) & EVENT_VBL)
                count_tick(&c[i], 1e9 / rates[i], begin);
    }
    for (uint32_t i = 0; i < RATE_PORTS; i++) {
        double rough = (double)c[i].count * 1e9 / (double)c[i].sum_ns;
        double hz = rates[i] - drift(&c[i]) / (SECONDS - 1);

        print_message("port %u: %.4f Hz (intervals: %.3f), advertised %.2f; %llu intervals\n", i, hz, rough, rates[i],
                      (unsigned long long)c[i].count);
        hold = hold && c[i].count && fabs(rough - rates[i]) <= rates[i] * 0.004 &&
               fabs(hz - rates[i]) <= rates[i] * 0.001 && (double)c[i].count > 5 * rates[i];
    }
    return hold;
}

static void test_rate(void **state)
{
    struct screen s[RATE_PORTS];
    bool hold = false;
    pthread_t thread;

    if (SLOWER > 1)
        skip(); /* a sanitizer slows the clock's work, not its grid; nothing about memory or threads is seen here */
    for (uint32_t i = 0; i < RATE_PORTS; i++)
        online(&s[i], i, rates[i], EVENT_VBL);
    atomic_store(&witness_ends, false);
    assert_int_equal(pthread_create(&thread, NULL, witness, NULL), 0);
    for (int runs = 0; runs < 3 && !hold; runs++)
        hold = rates_hold(s);
    atomic_store(&witness_ends, true);
    pthread_join(thread, NULL);
    print_message("%u of %u wake-ups of the witness were late\n", atomic_load(&late_wakes), atomic_load(&wakes));
    if (!hold && atomic_load(&late_wakes) > atomic_load(&wakes) / 20)
        skip();
    assert_true(hold);
}

/* H3: with 0x0c enabled, neither bit 0 nor 1 is ever set, over many ticks and presents. */
static void test_not_armed(void **state)
{
    struct pixels surface;
    struct screen s, witness;

    online(&s, 0, 480, EVENT_ONLINE | EVENT_OFFLINE);
    online(&witness, 1, 480, EVENT_VBL);
    guest_kernel_task(&g);
    guest_surface(&g, &surface, 1, 16, 16, FORMAT_BGRA, 0);
    for (int tick = 0; tick < 1000 / SLOWER; tick++) {
        screen_wait_event(&witness, EVENT_VBL);
        if (tick % 10 == 0)
            screen_show(&s, 1);
        assert_int_equal(*screen_word(&s, SHARED_PENDING), 0);
    }
    assert_int_equal(number(0, "vblanks"), 0);
    assert_int_equal(number(0, "transactions"), 0);
}

/* H5: with 0x0e and no present, bit 1 on every tick, and never bit 0. */
static void test_transaction_every_tick(void **state)
{
    struct screen s;

    online(&s, 0, 120, EVENT_TRANSACTION | EVENT_ONLINE | EVENT_OFFLINE);
    for (int i = 0; i < 100; i++)
        assert_int_equal(screen_wait_event(&s, EVENT_TRANSACTION), EVENT_TRANSACTION);
    assert_true(number(0, "transactions") >= 100);
    assert_int_equal(number(0, "vblanks"), 0);
}

/* Both armed: one interrupt for both. */
static void test_both(void **state)
{
    struct screen s;

    online(&s, 0, 240, EVENT_VBL | EVENT_TRANSACTION);
    for (int i = 0; i < 100; i++)
        assert_int_equal(screen_wait_event(&s, EVENT_VBL), EVENT_VBL | EVENT_TRANSACTION);
    assert_true(number(0, "vblanks") - number(0, "transactions") <= 1);
}

/* A one-shot guest (macOS 13): arms, takes, disarms. A slot is not spent while it is disarmed for a moment. */
static uint64_t one_shot_round(struct screen *s, int ticks)
{
    uint64_t begin = vmm_now_ns();

    for (int i = 0; i < ticks; i++) {
        atomic_fetch_or(screen_word(s, SHARED_ENABLED), EVENT_VBL);
        assert_int_equal(screen_wait_event(s, EVENT_VBL), EVENT_VBL);
        atomic_fetch_and(screen_word(s, SHARED_ENABLED), ~EVENT_VBL);
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    return vmm_now_ns() - begin;
}

static void test_one_shot(void **state)
{
    uint64_t best = UINT64_MAX;
    struct screen s;

    online(&s, 0, 60, EVENT_ONLINE | EVENT_OFFLINE);
    screen_enable(&s, EVENT_VBL);
    screen_wait_event(&s, EVENT_VBL);
    /* 60 ticks are a second, or two at half the rate; the best of five, for a machine that is busy with others */
    for (int i = 0; i < 5 && best > 1500000000; i++) {
        uint64_t took = one_shot_round(&s, 60);

        assert_true(took > 950000000);
        best = took < best ? took : best;
    }
    assert_true(best < 1500000000 || SLOWER > 1);
}

/* Not taken events do not pile up: after a stall of 100 ms there is one, and the next comes a period later. */
static void test_no_burst(void **state)
{
    struct screen s;

    online(&s, 0, 60, EVENT_VBL);
    screen_wait_event(&s, EVENT_VBL);
    for (int i = 0; i < 5; i++) {
        uint64_t begin, raised, vblanks;

        assert_int_equal(pvg_device_pause(v.dev), 0);
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        vblanks = number(0, "vblanks");
        screen_take(&s);
        assert_int_equal(pvg_device_unpause(v.dev), 0);
        screen_wait_event(&s, EVENT_VBL);
        begin = vmm_now_ns();
        for (int k = 0; k < 3; k++)
            screen_wait_event(&s, EVENT_VBL);
        raised = number(0, "vblanks") - vblanks;
        assert_true(raised <= 2 + (vmm_now_ns() - begin) / 16000000 + 3);
        assert_true(vmm_now_ns() - begin > 30000000);
    }
}

/*
 * Guests that never answer (display 5.2; refusal online-timeout). Half a minute has to pass, so that it does beside the other
 * tests: a device of their own, set up before all of them and looked at after.
 */
static struct vmm pv;
static struct guest pg;
static struct screen silent, deaf; /* listens and never takes the event; never listens */
static uint64_t announced_ns;

static int set_up_patience(void **state)
{
    static const struct vmm_config two_ports = {.ports = 2};

    if (SLOWER > 1)
        return 0;
    vmm_init(&pv, &two_ports);
    guest_init(&pg, &pv);
    guest_boot(&pg, 0);
    for (uint32_t i = 0; i < 2; i++)
        vmm_display_new(&pv, i, &(struct pvg_mode){640, 480, 60}, 1, false);
    screen_init(&silent, &pg, 0);
    screen_init(&deaf, &pg, 1);
    announced_ns = vmm_now_ns();
    screen_announce(&silent);
    screen_announce(&deaf);
    screen_enable(&silent, EVENT_ONLINE);
    return 0;
}

static int end_patience(void **state)
{
    if (SLOWER > 1)
        return 0;
    guest_fini(&pg);
    vmm_fini(&pv);
    return 0;
}

/* Refused once each after 30 s; pulses end with the 150th; who listens later still hears, and a new 0x01 starts over. */
static void test_patience(void **state)
{
    if (SLOWER > 1)
        skip(); /* nothing about memory or threads is seen here */
    vmm_poll(vmm_refused(&pv, "online-timeout") == 2);
    assert_true(vmm_now_ns() - announced_ns >= 30000000000);
    assert_int_equal(vmm_logged(&pv, "online-timeout"), 2);
    assert_true(vmm_report_has(&pv, "display 0: the guest was told that the monitor is online and never answered"));
    vmm_poll(vmm_report_number(&pv, "displays.0.onlines") == 150);
    assert_int_equal(vmm_report_number(&pv, "displays.1.onlines"), 0);
    assert_int_equal(*screen_word(&deaf, SHARED_PENDING), 0);
    nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL); /* more than two repetitions */
    assert_int_equal(vmm_report_number(&pv, "displays.0.onlines"), 150);

    screen_enable(&deaf, EVENT_ONLINE);
    screen_wait_event(&deaf, EVENT_ONLINE);
    screen_ack(&deaf);
    screen_enable(&deaf, EVENT_VBL);
    screen_wait_event(&deaf, EVENT_VBL);
    screen_take(&silent);
    screen_announce(&silent);
    screen_wait_event(&silent, EVENT_ONLINE);
    screen_ack(&silent);
    assert_int_equal(vmm_refused(&pv, "online-timeout"), 2);
}

/* The rate follows the first mode of a new list. */
static void test_rate_follows_modes(void **state)
{
    uint64_t begin, slow, fast;
    struct screen s;

    online(&s, 0, 30, EVENT_VBL);
    screen_wait_event(&s, EVENT_VBL);
    begin = vmm_now_ns();
    for (int i = 0; i < 10; i++)
        screen_wait_event(&s, EVENT_VBL);
    slow = vmm_now_ns() - begin;
    pvg_display_set_modes(v.display[0].disp, &(struct pvg_mode){640, 480, 480}, 1);
    screen_enable(&s, EVENT_VBL | EVENT_ONLINE);
    while (!(screen_wait_event(&s, EVENT_ONLINE) & EVENT_ONLINE))
        continue;
    screen_ack(&s);
    screen_wait_event(&s, EVENT_VBL);
    begin = vmm_now_ns();
    for (int i = 0; i < 10; i++)
        screen_wait_event(&s, EVENT_VBL);
    fast = vmm_now_ns() - begin;
    assert_true(slow > 300000000 && fast < slow / 2);
}

/*
 * Set the bit in the page, then the register, then the interrupt: whoever is woken sees both. A take that comes late enough
 * finds the next tick's bit too, and that tick's register bit then comes with an empty page (display 6.2 has the guest accept
 * it): where ticks are 4 ms apart it happens now and then on a busy machine, and not every other time as with a wrong order.
 */
static void test_order(void **state)
{
    struct screen s;
    unsigned bits = 0, empty = 0;

    online(&s, 0, 240, EVENT_VBL);
    (void)vmm_r32(&v, REG_DISPLAY_EVENTS);
    screen_take(&s);
    while (bits < 200) {
        uint64_t raised = vmm_see(&v, v.interrupts);

        vmm_wait(&v, v.interrupts > raised);
        if (!(vmm_r32(&v, REG_DISPLAY_EVENTS) & 1))
            continue;
        bits++;
        empty += !(screen_take(&s) & EVENT_VBL);
    }
    assert_true(empty <= bits / 10);
}

int main(void)
{
    static struct vmm_config one_port, eight_ports = {.ports = 8}, callbacks = {.tasks = PVG_TASKS_CALLBACKS};
    static struct vmm_config sixteen_k = {.shift = 14, .low_bytes = 48 << 20, .high_bytes = 24 << 20};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_rate, eight_ports),
        DEVICE_TEST(test_not_armed, eight_ports),
        DEVICE_TEST(test_transaction_every_tick, one_port),
        DEVICE_TEST(test_transaction_every_tick, sixteen_k),
        DEVICE_TEST(test_both, one_port),
        DEVICE_TEST(test_both, callbacks),
        DEVICE_TEST(test_one_shot, one_port),
        DEVICE_TEST(test_no_burst, one_port),
        DEVICE_TEST(test_rate_follows_modes, one_port),
        DEVICE_TEST(test_order, one_port),
        cmocka_unit_test(test_patience),
    };

    return cmocka_run_group_tests_name("display_vblank", tests, set_up_patience, end_patience);
}
