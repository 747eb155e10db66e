/* SPDX-License-Identifier: MIT */
/* A growing text buffer: see str.h. */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool reserve(struct str *s, size_t more)
{
    size_t capacity = s->capacity ? s->capacity : 1024;
    char *text;

    if (s->bad)
        return false;
    if (s->length + more + 1 <= s->capacity)
        return true;
    while (capacity < s->length + more + 1)
        capacity *= 2;
    text = realloc(s->text, capacity);
    if (!text) {
        s->bad = true;
        return false;
    }
    s->text = text;
    s->capacity = capacity;
    return true;
}

void str_add(struct str *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !reserve(s, (size_t)n))
        return;
    va_start(ap, fmt);
    vsnprintf(s->text + s->length, (size_t)n + 1, fmt, ap);
    va_end(ap);
    s->length += (size_t)n;
}

void str_add_json(struct str *s, const char *text)
{
    str_add(s, "\"");
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            str_add(s, "\\%c", *p);
        else if (*p < 0x20)
            str_add(s, "\\u%04x", *p);
        else
            str_add(s, "%c", *p);
    }
    str_add(s, "\"");
}

void str_fini(struct str *s)
{
    free(s->text);
    *s = (struct str){0};
}
