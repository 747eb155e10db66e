/* SPDX-License-Identifier: MIT */
/* Samples and results: see measure.h. */
#include "measure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void samples_add(struct samples *s, double value)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 1024;
        s->value = realloc(s->value, s->capacity * sizeof(*s->value));
        if (!s->value)
            die("out of memory");
    }
    s->value[s->count++] = value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double samples_quantile(struct samples *s, double q)
{
    if (!s->count)
        die("no samples");
    qsort(s->value, s->count, sizeof(*s->value), compare);
    return s->value[(size_t)(q * (double)(s->count - 1) + 0.5)];
}

void samples_free(struct samples *s)
{
    free(s->value);
    *s = (struct samples){0};
}

static void result(const char *name, const char *unit, double value, double reference, const char *reference_name,
                   double ratio, const char *better)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"reference\":%.6g,\"reference_name\":\"%s\","
           "\"ratio\":%.4g,\"better\":\"%s\"}\n",
           name, unit, value, reference, reference_name, ratio, better);
    fflush(stdout);
}

void result_lower(const char *name, const char *unit, double value, double reference, const char *reference_name)
{
    result(name, unit, value, reference, reference_name, reference / value, "lower");
}

void result_higher(const char *name, const char *unit, double value, double reference, const char *reference_name)
{
    result(name, unit, value, reference, reference_name, value / reference, "higher");
}

void result_alone(const char *name, const char *unit, double value, const char *better)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"reference\":null,\"reference_name\":null,"
           "\"ratio\":null,\"better\":\"%s\"}\n",
           name, unit, value, better);
    fflush(stdout);
}

void die(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}
