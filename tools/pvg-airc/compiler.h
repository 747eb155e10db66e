/* SPDX-License-Identifier: MIT */
/*
 * What pvg-airc needs of a compiler. compiler_air.c is the real one; tests link another that misbehaves on demand.
 */
#ifndef PVG_AIRC_COMPILER_H
#define PVG_AIRC_COMPILER_H

#include "airc/airc.h"

struct compiler_result {
    enum airc_status status; /* AIRC_OK, AIRC_REFUSED or AIRC_MEMORY */
    enum air_refuse reason;
    char text[AIRC_TEXT_BYTES];
    const void *spirv; /* validated */
    size_t spirv_bytes;
    const void *reflection;
    size_t reflection_bytes;
    struct air_result air; /* owner of the above */
};

/* Load everything and run it once, before workers are forked. In the service, on trusted data only. */
void compiler_warm_up(void);

/* Name and version for people, and what else tells two builds of the libraries behind it apart. Before the jail. */
void compiler_version(char *text, size_t bytes);
void compiler_identity(char *text, size_t bytes);

/* In a worker: call @fn with a line of text before the compiler aborts the process. */
void compiler_on_fatal(void (*fn)(const char *text));

/* In a worker: compile. @res is written in full; compiler_fini() frees it. */
void compiler_run(const struct airc_request *req, struct compiler_result *res);
void compiler_fini(struct compiler_result *res);

#endif
