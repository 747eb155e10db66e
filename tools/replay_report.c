/* SPDX-License-Identifier: MIT */
/*
 * Compares two reports of pvg_device_report(): commands, refusals, FIFOs, displays. Left out is what depends on time:
 * ticks, interrupts, how many presents were superseded, the patience of handshakes, and the number of tasks, which may
 * still be going when a guest's end and the report meet. The recorded text is not trusted; it is searched for the
 * members that this library writes and nothing else.
 */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/refuse.h"
#include "wire/opcodes.h"

struct comparison {
    void (*say)(void *opaque, const char *difference);
    void *opaque;
    bool same;
};

/* A stretch of a report. */
struct part {
    const char *text;
    size_t length;
};

static void differs(struct comparison *c, const char *what, const char *member, struct part a, struct part b)
{
    char line[512];

    c->same = false;
    if (!c->say)
        return;
    snprintf(line, sizeof(line), "%s: %s was %.*s, is %.*s now", what, member, (int)(a.length < 150 ? a.length : 150),
             a.text, (int)(b.length < 150 ? b.length : 150), b.text);
    c->say(c->opaque, line);
}

/* From @open, which begins it, to the bracket that closes what it opens; "none" where there is none. */
static struct part bracketed(const struct part *in, const char *open)
{
    const char *at = memmem(in->text, in->length, open, strlen(open)), *end = in->text + in->length;
    bool quoted = false;
    int depth = 0;

    for (const char *p = at; p && p < end; p++) {
        if (*p == '"' && p[-1] != '\\')
            quoted = !quoted;
        if (quoted)
            continue;
        depth += *p == '{' || *p == '[';
        if ((*p == '}' || *p == ']') && --depth <= 0)
            return (struct part){at, (size_t)(p - at) + 1};
    }
    return (struct part){"none", 4};
}

/* The value behind "@member": up to the next comma or closing bracket; an object whole. */
static struct part value(const struct part *in, const char *member)
{
    char key[80];
    const char *at, *end = in->text + in->length;
    size_t n;

    snprintf(key, sizeof(key), "\"%s\":", member);
    at = memmem(in->text, in->length, key, strlen(key));
    if (!at)
        return (struct part){"none", 4};
    at += strlen(key);
    if (at < end && *at == '{') {
        struct part rest = {at, (size_t)(end - at)};

        return bracketed(&rest, "{");
    }
    for (n = 0; at + n < end && !strchr(",}]", at[n]); n++)
        ;
    return (struct part){at, n};
}

static void compare(struct comparison *c, const char *what, const struct part *a, const struct part *b,
                    const char *member)
{
    struct part x = value(a, member), y = value(b, member);

    if (x.length != y.length || memcmp(x.text, y.text, x.length))
        differs(c, what, member, x, y);
}

/* What the display shows is the firmware's: it is in no recording, and time decides what was seen of it. */
static bool shows_firmware(const struct part *display)
{
    struct part console = value(display, "console");

    return console.length == 10 && !memcmp(console.text, "\"firmware\"", 10);
}

/* @cut_off: a present may have been, which is shown in one of the two. */
static void compare_displays(struct comparison *c, const struct part *a, const struct part *b, bool cut_off)
{
    static const char *const members[] = {"attached",       "set_up",  "online", "sleep_state",
                                          "guest_presents", "pointer", "gamma",  "console"};

    for (unsigned port = 0; port < LIMIT_PORTS; port++) {
        char open[32];
        struct part x, y;

        snprintf(open, sizeof(open), "{\"port\":%u,", port);
        x = bracketed(a, open);
        y = bracketed(b, open);
        for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
            compare(c, open, &x, &y, members[i]);
        if (cut_off || shows_firmware(&x))
            continue;
        x = value(&x, "picture");
        y = value(&y, "picture");
        compare(c, open, &x, &y, "width");
        compare(c, open, &x, &y, "height");
    }
}

uint64_t replay_refusals(const char *json, const char *const *reasons)
{
    const struct part all = {json, strlen(json)}, refusals = value(&all, "refusals");
    uint64_t n = 0;

    for (; *reasons; reasons++) {
        struct part one = value(&refusals, *reasons), count = value(&one, "count");

        n += strtoull(count.text, NULL, 10); /* "none": 0 */
    }
    return n;
}

bool replay_fifo_stopped(const char *json, uint32_t channel)
{
    const struct part all = {json, strlen(json)};
    struct part fifo, state;
    char open[32];

    snprintf(open, sizeof(open), "{\"channel\":%u,", channel);
    fifo = bracketed(&all, open);
    state = value(&fifo, "state");
    return state.length == 9 && !memcmp(state.text, "\"stopped\"", 9);
}

static void compare_about(struct comparison *c, const char *what, const struct part *a, const struct part *b,
                          const char *member, uint64_t tolerance)
{
    struct part x = value(a, member), y = value(b, member);
    uint64_t m = strtoull(x.text, NULL, 10), n = strtoull(y.text, NULL, 10);

    if ((m > n ? m - n : n - m) > tolerance)
        differs(c, what, member, x, y);
}

bool replay_same_report(const char *recorded, const char *replayed, const uint64_t *unstamped,
                        void (*say)(void *opaque, const char *difference), void *opaque)
{
    static const char *const mapper[] = {"maps", "unmaps", "mappings"};
    const struct part a = {recorded, strlen(recorded)}, b = {replayed, strlen(replayed)};
    bool cut_off = false;
    struct comparison c = {.say = say, .opaque = opaque, .same = true};
    struct part x = value(&a, "registers"), y = value(&b, "registers");

    compare(&c, "registers", &x, &y, "version");
    compare(&c, "registers", &x, &y, "fifo_control");
    x = value(&a, "commands");
    y = value(&b, "commands");
    for (uint32_t op = 0; op <= OPCODE_COUNT; op++)
        compare(&c, "commands", &x, &y, opcode_info(op)->name);
    x = value(&a, "refusals");
    y = value(&b, "refusals");
    for (uint32_t r = 1; r < REFUSE_COUNT; r++)
        if (r != REFUSE_ONLINE_TIMEOUT && r != REFUSE_FIRMWARE_PICTURE)
            compare(&c, "refusals", &x, &y, refuse_name(r));
    for (unsigned channel = 0; channel < LIMIT_FIFOS; channel++) {
        char open[32];

        snprintf(open, sizeof(open), "{\"channel\":%u,", channel);
        x = bracketed(&a, open);
        y = bracketed(&b, open);
        compare(&c, open, &x, &y, "packets");
        compare_about(&c, open, &x, &y, "stamps", unstamped[channel]);
        compare(&c, open, &x, &y, "refused");
    }
    for (unsigned channel = 0; channel < LIMIT_FIFOS; channel++)
        cut_off = cut_off || unstamped[channel];
    compare_displays(&c, &a, &b, cut_off);
    x = value(&a, "mapper");
    y = value(&b, "mapper");
    for (size_t i = 0; i < sizeof(mapper) / sizeof(*mapper); i++)
        compare(&c, "mapper", &x, &y, mapper[i]);
    return c.same;
}
