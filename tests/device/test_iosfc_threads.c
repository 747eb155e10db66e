/* SPDX-License-Identifier: MIT */
/*
 * The surface mapper against the displays, each part on a thread of its own: one maps, remaps and unmaps, one presents
 * the same ids, one resets the mapper, one resets or pauses the gfx device. What ThreadSanitizer runs; the counts are
 * checked.
 */
#include "device/check.h"

#include "lib/mapper.h"

#define IDS 6

static struct vmm v;
static struct guest g;
static struct mapper mp;
static struct screen s;
static struct vmm_display *d;
static struct mapped surface[IDS + 1][2]; /* two incarnations of each id */
static const struct pvg_mode modes[] = {{640, 480, 480}};

static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER; /* ring, record contents, resets */
static uint32_t resets;                                       /* of the mapper; under v.lock */
static uint64_t answered, failed;                             /* the mapping thread's */
static _Atomic bool done;

static int setup(void **state)
{
    vmm_init(&v, *state);
    guest_init(&g, &v);
    mapper_new(&mp, &g);
    mapper_start(&mp, 64);
    guest_boot(&g, 0);
    guest_channel(&g, 1, 2);
    guest_kernel_task(&g);
    d = vmm_display_new(&v, 0, modes, 1, false);
    screen_init(&s, &g, 0);
    screen_online(&s, EVENT_ONLINE);
    for (uint32_t id = 1; id <= IDS; id++)
        for (uint32_t k = 0; k < 2; k++) {
            mapped_new(&mp, &surface[id][k], id, 64, 64, FORMAT_BGRA, 0, id & 1);
            mapped_pattern(&mp, &surface[id][k], 2 * id + k);
        }
    resets = 0;
    answered = failed = 0;
    atomic_store(&done, false);
    return 0;
}

static int teardown(void **state)
{
    mapper_free(&mp);
    for (uint32_t id = 1; id <= IDS; id++) {
        mapped_free(&surface[id][0]);
        mapped_free(&surface[id][1]);
    }
    guest_fini(&g);
    vmm_fini(&v);
    return 0;
}

/*
 * Another incarnation of @id, while the host may be reading the record for a present: the two differ in one word, the
 * page list's, which a guest stores at once. Uninstrumented, because the host copies the record with ordinary loads.
 */
__attribute__((no_sanitize("thread"), noinline)) static void switch_record(uint32_t id, uint32_t k)
{
    *(volatile uint32_t *)(void *)mapper_record(&mp, id) = surface[id][k].desc.list_pfn << 2 | 1;
}

/* Publish what was put, and wait until it is consumed or a reset has dropped it. Holds ring_lock, lets go of it
 * meanwhile. */
static bool finish(void)
{
    uint64_t producer = mp.producer;
    uint32_t seen;
    bool kept;

    pthread_mutex_lock(&v.lock);
    seen = resets;
    pthread_mutex_unlock(&v.lock);
    mapper_ring(&mp);
    pthread_mutex_unlock(&ring_lock);
    vmm_wait(&v, resets != seen || mapper_read(&mp, IOSFC_CONSUMER) == producer);
    pthread_mutex_lock(&ring_lock);
    pthread_mutex_lock(&v.lock);
    kept = resets == seen;
    pthread_mutex_unlock(&v.lock);
    return kept;
}

static void *map_main(void *arg)
{
    uint32_t x = 7;

    for (uint32_t i = 0; i < 6000 / SLOWER; i++) {
        uint32_t n = 1 + i % 5;
        uint64_t first;

        pthread_mutex_lock(&ring_lock);
        first = mp.producer;
        for (uint32_t k = 0; k < n; k++) {
            uint32_t id;

            x = x * 1664525 + 1013904223;
            id = 1 + (x >> 16) % IDS;
            if (x >> 30 == 0)
                switch_record(id, x >> 29 & 1);
            mapper_put(&mp, x >> 28 & 1 ? IOSFC_OP_UNMAP : IOSFC_OP_MAP, id);
        }
        if (finish())
            for (uint64_t at = first; at < first + n; at++) {
                uint32_t result = le32_get(mapper_entry(&mp, at) + IOSFC_ENTRY_RESULT);

                must(result <= 1, "answer 0x%x", result);
                answered++;
                failed += result;
                must(!result || le32_get(mapper_entry(&mp, at)) == IOSFC_OP_UNMAP, "a MAP failed");
            }
        pthread_mutex_unlock(&ring_lock);
    }
    return NULL;
}

static void *present_main(void *arg)
{
    for (uint32_t i = 0; i < 20000 / SLOWER; i++) {
        uint32_t stamp = mapped_present(&s, 1 + i * 7 % IDS);

        if (i % 16 == 0)
            guest_wait(&g, s.c, stamp);
    }
    guest_wait(&g, s.c, s.c->stamp);
    return NULL;
}

static void *reset_main(void *arg)
{
    while (!atomic_load(&done)) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        pthread_mutex_lock(&ring_lock);
        pvg_iosfc_reset(mp.m);
        mp.producer = 0;
        mapper_write(&mp, IOSFC_RING_BASE, (uint64_t)mp.ring_pfn << g.shift);
        mapper_write(&mp, IOSFC_CAPACITY, mp.capacity);
        mapper_write(&mp, IOSFC_DESC_TABLE, (uint64_t)mp.table_pfn << g.shift);
        pthread_mutex_lock(&v.lock);
        resets++;
        pthread_cond_broadcast(&v.cond);
        pthread_mutex_unlock(&v.lock);
        pthread_mutex_unlock(&ring_lock);
    }
    return NULL;
}

static void *pause_main(void *arg)
{
    while (!atomic_load(&done)) {
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
        must(!pvg_device_pause(v.dev), "pause");
        must(!pvg_device_unpause(v.dev), "unpause");
        (void)vmm_refused_total(&v); /* a report meanwhile */
    }
    return NULL;
}

/* FIFO_CONTROL := 0 again and again, without presents: the mapper's requests are none of its business. */
static void *disable_main(void *arg)
{
    while (!atomic_load(&done)) {
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        vmm_w32(&v, REG_FIFO_CONTROL, 0);
        guest_boot(&g, 0);
    }
    return NULL;
}

static void run(void *(*const mains[])(void *), unsigned workers, unsigned helpers)
{
    pthread_t thread[8];

    for (unsigned i = 0; i < workers + helpers; i++)
        must(!pthread_create(&thread[i], NULL, mains[i], NULL), "pthread_create");
    for (unsigned i = 0; i < workers; i++)
        pthread_join(thread[i], NULL);
    atomic_store(&done, true);
    for (unsigned i = workers; i < workers + helpers; i++)
        pthread_join(thread[i], NULL);
}

/* Any picture is a whole one: of one incarnation of one id. */
static void check_picture(void)
{
    bool known = false;

    for (uint32_t seed = 2; seed < 2 * IDS + 2 && !known; seed++)
        known = screen_shows_pattern(&s, 64, 64, seed);
    assert_true(known);
}

static void test_map_and_present(void **state)
{
    void *(*const mains[])(void *) = {map_main, present_main};

    run(mains, 2, 0);
    check_picture();
    /* beside the unmaps: presents whose surface went while they were being accepted */
    assert_true(vmm_refused(&v, "mapper-unmap") >= failed);
    assert_int_equal(vmm_refused_total(&v), vmm_refused(&v, "mapper-unmap"));
    assert_int_equal(pvg_display_guest_presents(d->disp), 20000 / SLOWER);
    for (uint32_t id = 1; id <= IDS; id++)
        mapper_do(&mp, IOSFC_OP_UNMAP, id);
    assert_int_equal(pvg_iosfc_mappings(mp.m), 0);
    assert_int_equal(vmm_see(&v, mp.live), 0);
}

static void test_map_present_reset(void **state)
{
    void *(*const mains[])(void *) = {map_main, present_main, reset_main, pause_main};

    run(mains, 2, 2);
    assert_true(answered > 0 && resets > 0);
    mapped_show(&s, 1);
    check_picture();
    assert_int_equal(pvg_display_guest_presents(d->disp), 20000 / SLOWER + 1);
    pvg_iosfc_reset(mp.m);
    assert_int_equal(pvg_iosfc_mappings(mp.m), 0);
    assert_int_equal(vmm_see(&v, mp.live), 0);
}

static void test_map_while_gfx_disables(void **state)
{
    void *(*const mains[])(void *) = {map_main, disable_main};

    run(mains, 1, 1);
    assert_int_equal(vmm_refused(&v, "mapper-unmap"), failed);
    pvg_iosfc_reset(mp.m);
    assert_int_equal(vmm_see(&v, mp.live), 0);
}

int main(void)
{
    static struct vmm_config table = {.shift = 14}, callbacks = {.shift = 14, .tasks = PVG_TASKS_CALLBACKS};
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_map_and_present, table),        DEVICE_TEST(test_map_and_present, callbacks),
        DEVICE_TEST(test_map_present_reset, table),      DEVICE_TEST(test_map_present_reset, callbacks),
        DEVICE_TEST(test_map_while_gfx_disables, table), DEVICE_TEST(test_map_while_gfx_disables, callbacks),
    };

    return cmocka_run_group_tests_name("iosfc_threads", tests, NULL, NULL);
}
