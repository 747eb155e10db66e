/* SPDX-License-Identifier: MIT */
/* Just enough JSON for tests: is a text valid, and what is at a path. */
#ifndef PVG_TESTS_LIB_JSON_H
#define PVG_TESTS_LIB_JSON_H

#include <stdbool.h>
#include <stdint.h>

bool json_valid(const char *text);
/* Number (or true = 1, false = 0) at a dotted path of member names and array indices. False: not there. */
bool json_number(const char *text, const char *path, double *out);
/* Sum of @member over the members of the object at @path. */
double json_sum(const char *text, const char *path, const char *member);

#endif
