/* SPDX-License-Identifier: MIT */
/* Names and texts of the reasons in refuse.h. */
#include "base/refuse.h"

#include <stddef.h>

static const struct {
    const char *name, *text;
} reasons[REFUSE_COUNT] = {
#define X(id, name, text) [REFUSE_##id] = {name, text},
    REFUSE_LIST(X)
#undef X
};

const char *refuse_name(enum refuse r)
{
    return (unsigned)r < REFUSE_COUNT ? reasons[r].name : "?";
}

const char *refuse_text(enum refuse r)
{
    return (unsigned)r < REFUSE_COUNT ? reasons[r].text : "?";
}
