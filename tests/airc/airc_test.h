/* SPDX-License-Identifier: MIT */
/* What the tests of client and service share: scratch folders, services, requests that wait for their answer. */
#ifndef PVG_AIRC_TEST_H
#define PVG_AIRC_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "airc/protocol.h"

/* A folder below $TMPDIR, for one test; scratch_remove() deletes it with all files in it. */
struct scratch {
    char path[256], socket[300], cache[300];
};

void scratch_make(struct scratch *s);
void scratch_remove(struct scratch *s);

/* Start @program --listen=@socket with more arguments up to NULL; waits until it listens. */
pid_t service_start(const char *program, const char *socket, ...);
/* For a service that the test has waited for itself. */
void service_forget(pid_t pid);
/* End it and return how it ended, as waitpid() says. */
int service_stop(pid_t pid);
/* Does the process still run? */
int service_alive(pid_t pid);

/* A copy of an answer. */
struct answer {
    int count; /* times the callback was called */
    enum airc_status status;
    enum air_refuse reason;
    char text[AIRC_TEXT_BYTES];
    uint32_t *spirv;
    size_t words;
    uint8_t *reflection;
    size_t reflection_bytes;
    int cached;
};

void answer_fini(struct answer *a);

/* Ask and take the answer with answer_take(), which waits for it; or both at once. */
int ask_async(struct airc *c, const char *entry, const void *module, size_t bytes, struct answer *a);
void answer_wait(struct answer *a);
int answer_come(struct answer *a);
void ask(struct airc *c, const char *entry, const void *module, size_t bytes, struct answer *a);

/* @a came once and is the stand-in compiler's result for @module. */
void check_ok(const struct answer *a, const char *module);
/* Ask for @entry; it must compile. */
void ask_ok(struct airc *c, const char *entry, const char *module);
/* Ask for @entry; it must end as @want, saying @text. */
void ask_failing(struct airc *c, const char *entry, enum airc_status want, const char *text);
/* The service with the stand-in compiler; NULL when the test is not run by meson. Clears what clients read. */
const char *test_program(void);

/* A client on @socket ("" none), @program ("" none), @cache ("" none); fails the test when it cannot be made. */
struct airc *client_make(const char *socket, const char *program, const char *cache);

/* --- the test in the place of a service --- */

/* A listening socket of @type at @path. */
int serve_at(const char *path, int type);
/* A greeting that a client accepts. */
union airc_message hello(void);
/* Wait for one message; *@file is a descriptor that came with it, or -1. */
ssize_t receive_one(int fd, union airc_message *m, int *file);

uint64_t now_ns(void);

#endif
