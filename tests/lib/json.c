/* SPDX-License-Identifier: MIT */
/* JSON for tests: see json.h. A recursive reader; what it reads comes from the library, not from a guest. */
#include "lib/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *space(const char *p)
{
    while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
        p++;
    return p;
}

/* Each reader returns the place after what it read, or NULL. */
static const char *value(const char *p);

static const char *string(const char *p)
{
    if (*p++ != '"')
        return NULL;
    for (; *p && *p != '"'; p++) {
        if ((unsigned char)*p < 0x20)
            return NULL;
        if (*p == '\\') {
            p++;
            if (*p == 'u') {
                for (int i = 0; i < 4; i++)
                    if (!isxdigit((unsigned char)*++p))
                        return NULL;
            } else if (!*p || !strchr("\"\\/bfnrt", *p)) {
                return NULL;
            }
        }
    }
    return *p ? p + 1 : NULL;
}

static const char *word(const char *p, const char *w)
{
    return strncmp(p, w, strlen(w)) ? NULL : p + strlen(w);
}

static const char *number(const char *p)
{
    char *end;

    if (*p != '-' && !isdigit((unsigned char)*p))
        return NULL;
    (void)strtod(p, &end); /* only where it ends matters here */
    return end == p ? NULL : end;
}

static const char *list(const char *p, char close, bool members)
{
    p = space(p + 1);
    if (*p == close)
        return p + 1;
    for (;;) {
        if (members) {
            p = string(p);
            if (!p)
                return NULL;
            p = space(p);
            if (*p++ != ':')
                return NULL;
        }
        p = value(p);
        if (!p)
            return NULL;
        p = space(p);
        if (*p == close)
            return p + 1;
        if (*p++ != ',')
            return NULL;
        p = space(p);
    }
}

static const char *value(const char *p)
{
    p = space(p);
    switch (*p) {
    case '{':
        return list(p, '}', true);
    case '[':
        return list(p, ']', false);
    case '"':
        return string(p);
    case 't':
        return word(p, "true");
    case 'f':
        return word(p, "false");
    case 'n':
        return word(p, "null");
    }
    return number(p);
}

bool json_valid(const char *text)
{
    const char *end = value(text);

    return end && !*space(end);
}

/* Value of the member or element that the first step of @path names; *@rest: the path after it. */
static const char *step(const char *p, const char *path, const char **rest)
{
    size_t n = strcspn(path, ".");
    bool members;
    long index = 0;

    *rest = path[n] ? path + n + 1 : path + n;
    p = space(p);
    if (*p != '{' && *p != '[')
        return NULL;
    members = *p == '{';
    p = space(p + 1);
    while (*p && *p != '}' && *p != ']') {
        bool hit;

        if (members) {
            const char *end = string(p);

            hit = (size_t)(end - p) == n + 2 && !strncmp(p + 1, path, n);
            p = space(end) + 1;
        } else {
            hit = index++ == strtol(path, NULL, 10);
        }
        if (hit)
            return space(p);
        p = space(value(p));
        if (*p == ',')
            p = space(p + 1);
    }
    return NULL;
}

bool json_number(const char *text, const char *path, double *out)
{
    *out = 0;
    if (!json_valid(text))
        return false;
    while (text && *path)
        text = step(text, path, &path);
    if (!text)
        return false;
    if (*text == 't' || *text == 'f')
        *out = *text == 't';
    else
        *out = strtod(text, NULL);
    return true;
}

double json_sum(const char *text, const char *path, const char *member)
{
    double sum = 0;

    if (!json_valid(text))
        return 0;
    while (text && *path)
        text = step(text, path, &path);
    if (!text || *text != '{')
        return 0;
    for (text = space(text + 1); *text && *text != '}';) {
        const char *v = space(string(text)) + 1;

        const char *rest, *m = step(v, member, &rest);

        sum += m ? strtod(m, NULL) : 0;
        text = space(value(v));
        if (*text == ',')
            text = space(text + 1);
    }
    return sum;
}
