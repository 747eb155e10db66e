/* SPDX-License-Identifier: MIT */
/* Replaying a recording (docs/record.md): pvg-record --replay. */
#ifndef PVG_TOOLS_REPLAY_H
#define PVG_TOOLS_REPLAY_H

#include <stdbool.h>

/*
 * Play the recording in the file @path to a device of its own, and compare what that does with what was recorded.
 * Prints a line to stdout when all was the same, sentences to stderr otherwise. Returns 0 or 1.
 */
int replay_file(const char *path);

/* Where the reports of a recording and of its replay differ in what does not depend on time. @say: told of each, or
 * NULL. */
bool replay_same_report(const char *recorded, const char *replayed, void (*say)(void *opaque, const char *difference),
                        void *opaque);

#endif
