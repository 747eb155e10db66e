/* SPDX-License-Identifier: MIT */
/*
 * Is every intrinsic that is compiled run by value? Reads from standard input what families.sh found: one "@air.NAME"
 * or
 * "@llvm.NAME" a line, of kernels and functions whose results are compared. Each name of intr_names.c must be among
 * them or below with its reason; where a test gives one sign of an operation, both.
 */
#include "air/ctx.h"

#include <stdio.h>
#include <string.h>

/* What has no value to compare. */
static const char *const without_value[] = {
    "llvm.dbg.*", "llvm.donothing", "llvm.experimental.noalias*", "llvm.invariant*", /* no code, like llvm.lifetime */
};

/* Of 64-bit texels, which have no sign (air 3.6). */
static const char *const unsigned_only[] = {"atomic_max_explicit_*", "atomic_min_explicit_*"};

static unsigned signs[512]; /* of each name: 1 named, 2 with s, 4 with u */

static bool listed(const char *const *list, size_t n, const char *name)
{
    while (n && strcmp(list[n - 1], name))
        n--;
    return n;
}

/* The most exact of the names that match. */
static int family(const char *op)
{
    int best = -1;
    size_t most = 0;

    for (int i = 0; intr_names[i]; i++) {
        size_t len = strcspn(intr_names[i], "*");

        if (!strncmp(op, intr_names[i], len) && (intr_names[i][len] || !op[len]) && (best < 0 || len > most)) {
            best = i;
            most = len;
        }
    }
    return best;
}

int main(void)
{
    char line[96];
    unsigned missing = 0, names = 0;

    while (fgets(line, sizeof(line), stdin)) {
        struct call k = {0};
        int at;

        line[strcspn(line, "\n")] = 0;
        if (!strncmp(line, "@air.", 5))
            intr_split_name(&k, line + 5);
        else if (*line)
            snprintf(k.op, sizeof(k.op), "%s", line + 1);
        at = family(k.op + (strncmp(k.op, "fast_", 5) ? 0 : 5));
        if (at >= 0)
            signs[at] |= 1u | (k.sign == 's' ? 2u : k.sign == 'u' ? 4u : 0);
    }
    for (unsigned i = 0; intr_names[i]; i++, names++) {
        bool excused = listed(without_value, sizeof(without_value) / sizeof(without_value[0]), intr_names[i]);

        if (signs[i] == 3 || (signs[i] == 5 && !listed(unsigned_only, 2, intr_names[i])))
            printf("%s: by value with one sign only: %s\n", intr_names[i], signs[i] == 3 ? "s" : "u");
        else if (!signs[i] && !excused)
            printf("%s: no test runs it by value\n", intr_names[i]);
        else if (signs[i] && excused)
            printf("%s: has a test, and needs no excuse\n", intr_names[i]);
        else
            continue;
        missing++;
    }
    printf("%u names, %u missing\n", names, missing);
    return missing || !names;
}
