/* SPDX-License-Identifier: MIT */
/* Replaying a recording (docs/record.md): pvg-record --replay. */
#ifndef PVG_TOOLS_REPLAY_H
#define PVG_TOOLS_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Play the recording in the file @path to a device of its own, and compare what that does with what was recorded.
 * Prints a line to stdout when all was the same, sentences to stderr otherwise. Returns 0 or 1.
 */
int replay_file(const char *path);

/* How often the reasons, to the NULL at the end, were refused; whether a FIFO of a report is stopped. */
uint64_t replay_refusals(const char *json, const char *const *reasons);
bool replay_fifo_stopped(const char *json, uint32_t channel);

/*
 * Where the reports of a recording and of its replay differ in what does not depend on time. @unstamped: of each FIFO,
 * how many commands were cut off, which may have got so far or not. @say: told of each, or NULL.
 */
bool replay_same_report(const char *recorded, const char *replayed, const uint64_t *unstamped,
                        void (*say)(void *opaque, const char *difference), void *opaque);

#endif
