/* SPDX-License-Identifier: MIT */
/* Reference-counted pictures: see frame.h. */
#include "display/frame.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/locks.h"

/* Enough for a display that draws the pointer: picture and picture with pointer, while the last two are still shown. */
#define IDLE_MAX 2

struct frame_budget {
    _Atomic uint32_t refs; /* the device's, and one of every pool */
    _Atomic uint64_t left; /* bytes */
};

struct frame {
    struct pvg_frame pub;
    struct frame_pool *pool; /* a reference */
    _Atomic uint32_t refs;
    size_t mapped_bytes;
};

struct frame_pool {
    struct frame_budget *budget; /* a reference */
    _Atomic uint32_t refs; /* the display's, and one of every frame that is out */
    pthread_mutex_t lock;  /* protects all below */
    bool resting;
    struct frame *idle[IDLE_MAX];
    unsigned idle_count;
};

struct frame_budget *frame_budget_new(uint64_t bytes)
{
    struct frame_budget *budget = malloc(sizeof(*budget));

    if (!budget)
        return NULL;
    atomic_init(&budget->refs, 1);
    atomic_init(&budget->left, bytes);
    return budget;
}

void frame_budget_unref(struct frame_budget *budget)
{
    if (budget && atomic_fetch_sub_explicit(&budget->refs, 1, memory_order_acq_rel) == 1)
        free(budget);
}

bool frame_pool_charge(struct frame_pool *pool, size_t bytes)
{
    uint64_t left = atomic_load(&pool->budget->left);

    do
        if (bytes > left)
            return false;
    while (!atomic_compare_exchange_weak(&pool->budget->left, &left, left - bytes));
    return true;
}

void frame_pool_uncharge(struct frame_pool *pool, size_t bytes)
{
    atomic_fetch_add(&pool->budget->left, bytes);
}

/* @pool: whose frame it was. */
static void frame_free(struct frame_pool *pool, struct frame *f)
{
    munmap(f->pub.pixels, f->mapped_bytes);
    frame_pool_uncharge(pool, f->mapped_bytes);
    free(f);
}

struct frame_pool *frame_pool_new(struct frame_budget *budget)
{
    struct frame_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    atomic_fetch_add_explicit(&budget->refs, 1, memory_order_relaxed);
    pool->budget = budget;
    atomic_init(&pool->refs, 1);
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

static void pool_unref(struct frame_pool *pool)
{
    if (atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&pool->lock);
    frame_budget_unref(pool->budget);
    free(pool);
}

void frame_pool_rest(struct frame_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->resting = true;
    while (pool->idle_count)
        frame_free(pool, pool->idle[--pool->idle_count]);
    pthread_mutex_unlock(&pool->lock);
}

void frame_pool_free(struct frame_pool *pool)
{
    if (!pool)
        return;
    frame_pool_rest(pool);
    pool_unref(pool);
}

/* A waiting frame of this size, or NULL. Frames of another size go: the display has changed its mode. */
static struct frame *take_idle(struct frame_pool *pool, uint32_t width_px, uint32_t height_px)
{
    struct frame *f = NULL;

    pthread_mutex_lock(&pool->lock);
    pool->resting = false;
    while (pool->idle_count && !f) {
        f = pool->idle[--pool->idle_count];
        if (f->pub.width_px != width_px || f->pub.height_px != height_px) {
            frame_free(pool, f);
            f = NULL;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return f;
}

/* Pixels come straight from the kernel: zeroed, page-aligned, and given back when freed. */
static struct frame *fresh(struct frame_pool *pool, uint32_t width_px, uint32_t height_px)
{
    struct frame *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->pub.width_px = width_px;
    f->pub.height_px = height_px;
    f->pub.stride_bytes = width_px * 4;
    f->pub.fourcc = PVG_FOURCC_BGRA;
    f->mapped_bytes = (size_t)f->pub.stride_bytes * height_px;
    f->pub.pixels = MAP_FAILED;
    if (frame_pool_charge(pool, f->mapped_bytes)) {
        f->pub.pixels = mmap(NULL, f->mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (f->pub.pixels == MAP_FAILED)
            frame_pool_uncharge(pool, f->mapped_bytes);
    }
    if (f->pub.pixels == MAP_FAILED) {
        free(f);
        return NULL;
    }
    return f;
}

struct pvg_frame *frame_new(struct frame_pool *pool, uint32_t width_px, uint32_t height_px)
{
    struct frame *f = take_idle(pool, width_px, height_px);

    if (!f)
        f = fresh(pool, width_px, height_px);
    if (!f)
        return NULL;
    f->pool = pool;
    atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
    atomic_init(&f->refs, 1);
    return &f->pub;
}

struct pvg_frame *frame_ref(struct pvg_frame *frame)
{
    atomic_fetch_add_explicit(&((struct frame *)frame)->refs, 1, memory_order_relaxed);
    return frame;
}

void frame_unref(struct pvg_frame *frame)
{
    struct frame *f = (struct frame *)frame;
    struct frame_pool *pool;

    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    pool = f->pool;
    pthread_mutex_lock(&pool->lock);
    if (!pool->resting && pool->idle_count < IDLE_MAX) {
        pool->idle[pool->idle_count++] = f;
        f = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    if (f)
        frame_free(pool, f);
    pool_unref(pool);
}

PVG_API void pvg_frame_put(const struct pvg_frame *frame)
{
    frame_unref((struct pvg_frame *)frame);
}
