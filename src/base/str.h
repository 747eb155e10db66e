/* SPDX-License-Identifier: MIT */
/* A growing text buffer with a JSON string writer, for the report. Errors stick: write all, then ask once. */
#ifndef PVG_BASE_STR_H
#define PVG_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

struct str {
    char *text; /* NUL-terminated once anything was written; owned */
    size_t length, capacity;
    bool bad;   /* out of memory */
};

void str_add(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Add @text as a JSON string with its quotes. */
void str_add_json(struct str *s, const char *text);
void str_fini(struct str *s);

#endif
