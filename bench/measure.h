/* SPDX-License-Identifier: MIT */
/*
 * What measurements share: a clock, samples with median and percentiles, and the line of JSON per result (decision 19).
 * The ratio is 1 or more when we are at least as good as the reference.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

struct samples {
    double *value; /* owned */
    size_t count, capacity;
};

void samples_add(struct samples *s, double value);
/* Sorts. @q in 0..1: 0.5 is the median. */
double samples_quantile(struct samples *s, double q);
void samples_free(struct samples *s);

/* One result. */
void result_lower(const char *name, const char *unit, double value, double reference, const char *reference_name);
void result_higher(const char *name, const char *unit, double value, double reference, const char *reference_name);
/* One that stands beside others for orientation; it is compared to nothing. */
void result_alone(const char *name, const char *unit, double value, const char *better);

/* The sentence to stderr, and the end. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
