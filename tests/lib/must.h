/* SPDX-License-Identifier: MIT */
/*
 * Checks for code that fuzz targets and threads run too: a failure ends the program with a message. (cmocka's assertions
 * jump, which only the thread that runs the test may do.)
 */
#ifndef PVG_TESTS_LIB_MUST_H
#define PVG_TESTS_LIB_MUST_H

void must_fail(const char *file, int line, const char *condition, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

#define must(condition, ...)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            must_fail(__FILE__, __LINE__, #condition, __VA_ARGS__);                                                    \
    } while (0)

/* Work of threaded and long tests is divided by this under a sanitizer, which is 5 to 20 times slower. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLOWER 10
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SLOWER 10
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

/* Where a hostile guest races with the host on purpose, ThreadSanitizer is right and has nothing to say. */
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#endif
