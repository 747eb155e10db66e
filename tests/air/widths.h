/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the tests widths and functions share: devices that lack types, kernels made from text, elements of
 * buffers, values where widths go wrong. widths.c says how they are run.
 */
#ifndef PVG_TESTS_AIR_WIDTHS_H
#define PVG_TESTS_AIR_WIDTHS_H

#include "vkrun.h"

#include <string.h>

#define N     64 /* threads of most kernels; lane i works on element i */
#define BYTES 65536

extern struct vk vk;
extern struct vk_buf b[4]; /* a, b, c and o of the kernels */
extern uint32_t mask;      /* taken away */
extern uint64_t rng_state;
extern bool native_groups; /* kernels find SIMD groups as wide as the device's */

/*
 * A kernel over buffers a, b, c (ptr addrspace(1)) and o, with the thread's number as i32 %id. @extra: declarations and
 * globals. False: it is none of what is asked for now, or it failed, which has been told.
 */
bool run(const char *label, const char *body, const char *extra, unsigned threads, unsigned local);
/* One whose compilation must be refused on this device, in words that hold @why. */
void run_refused(const char *label, const char *body, const char *extra, const char *why);

void verdict(const char *label, bool ok, unsigned at, uint64_t got, uint64_t want);
/* Elements 0..n-1 of the result against @want. */
void expect(const char *label, unsigned n, unsigned w, uint64_t (*want)(unsigned i, unsigned w));

uint64_t rnd(void);
uint64_t sample(unsigned i, unsigned w); /* values where widths go wrong, then random ones of every size */

static inline uint64_t ones(unsigned w)
{
    return w == 64 ? UINT64_MAX : (UINT64_C(1) << w) - 1;
}

static inline int64_t sx(uint64_t v, unsigned w)
{
    return (int64_t)(v << (64 - w)) >> (64 - w);
}

static inline void put(unsigned buf, unsigned i, unsigned w, uint64_t v)
{
    memcpy((uint8_t *)b[buf].map + (size_t)i * (w / 8), &v, w / 8);
}

static inline uint64_t get(unsigned buf, unsigned i, unsigned w)
{
    uint64_t v = 0;

    memcpy(&v, (const uint8_t *)b[buf].map + (size_t)i * (w / 8), w / 8);
    return v;
}

static inline void clear_out(void)
{
    memset(b[3].map, 0xee, BYTES);
}

/* Each of all its kernels on the device of now, to NULL. */
extern void (*const parts[])(void);
extern const unsigned one_in; /* so many kernels are run on a device that lacks something */

/* widths: each construct of LLVM on integers of 8, 16 and 64 bits and halves */
void widths_memory(void); /* widths_mem.c */
void widths_halves(void); /* widths_half.c */
void widths_simd(void);   /* widths_simd.c */

#endif
