/* SPDX-License-Identifier: MIT */
/* The base: readers, descriptors with a size, JSON strings, bounded logging, the table of refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvg/types.h>

#include "base/clock.h"
#include "base/desc.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/rd.h"
#include "base/record.h"
#include "base/str.h"

static void test_reader(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct rd r = rd_over(bytes, sizeof(bytes));

    assert_int_equal(rd_u8(&r), 1);
    assert_int_equal(rd_u16(&r), 0x0302);
    assert_int_equal(rd_u32(&r), 0x07060504);
    assert_int_equal(rd_left(&r), 2);
    assert_false(r.bad);
    assert_int_equal(rd_u32(&r), 0);
    assert_true(r.bad);
    assert_int_equal(rd_u8(&r), 0); /* errors stick */
    r = rd_over(bytes, 3);
    assert_null(rd_bytes(&r, UINT64_MAX));
    assert_true(r.bad);
    r = rd_over(bytes, 0);
    assert_int_equal(rd_u64(&r), 0);
    assert_true(r.bad);
}

static void test_desc(void **state)
{
    struct wide {
        size_t size;
        uint64_t a, b, c;
    } user = {sizeof(user), 1, 2, 3}, out;
    struct narrow {
        size_t size;
        uint64_t a;
    } small;
    void *volatile from = &user; /* as in the library, the compiler does not see what it points to */

    assert_int_equal(desc_copy(&out, sizeof(out), from, user.size), 0);
    assert_memory_equal(&out, &user, sizeof(out));
    assert_int_equal(desc_copy(&out, sizeof(out), from, 16), 0);
    assert_true(out.a == 1 && out.b == 0 && out.c == 0);
    assert_int_equal(desc_copy(&small, sizeof(small), from, user.size), PVG_ERR_INVALID); /* a tail that is not 0 */
    user.b = user.c = 0;
    assert_int_equal(desc_copy(&small, sizeof(small), from, user.size), 0);
    assert_true(small.a == 1);
}

static void test_json_string(void **state)
{
    struct str s = {0};

    str_add_json(&s, "a\"b\\c\n\x01z");
    assert_string_equal(s.text, "\"a\\\"b\\\\c\\u000a\\u0001z\"");
    for (int i = 0; i < 10000; i++)
        str_add(&s, "%d,", i);
    assert_false(s.bad);
    assert_true(strlen(s.text) > 40000);
    str_fini(&s);
}

static unsigned lines;
static char last[512];

static void count_line(void *opaque, enum pvg_log_level level, const char *message)
{
    lines++;
    assert_true(strlen(message) < sizeof(last));
    strcpy(last, message);
}

static void test_log(void **state)
{
    char longer[2000];
    struct log log;
    unsigned before;

    log_init(&log, count_line, NULL);
    for (int i = 0; i < 1000; i++)
        log_refuse(&log, REFUSE_PACKET_LENGTH, "length %d", i);
    assert_int_equal(log.refused[REFUSE_PACKET_LENGTH], 1000);
    assert_in_range(lines, 1, 8);
    assert_non_null(strstr(last, "packet-length"));
    lines = 0;
    log.reason[REFUSE_PACKET_LENGTH].start_ns -= 11 * NS_PER_S; /* and some seconds later there are lines again */
    for (int i = 0; i < 1000; i++)
        log_refuse(&log, REFUSE_PACKET_LENGTH, "length %d", i);
    assert_in_range(lines, 1, 8);
    assert_non_null(strstr(last, "100")); /* how often altogether */
    lines = 0;
    log.reason[REFUSE_PACKET_LENGTH].start_ns -= 11 * NS_PER_S; /* who goes on waits longer each time */
    before = lines;
    log_refuse(&log, REFUSE_PACKET_LENGTH, "length");
    assert_int_equal(lines, before);
    log.reason[REFUSE_PACKET_LENGTH].start_ns -= 10 * NS_PER_S;
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < 5; k++)
            log_refuse(&log, REFUSE_PACKET_LENGTH, "length");
        before += 4;
        assert_int_equal(lines, before);
        log.reason[REFUSE_PACKET_LENGTH].start_ns -= 3601 * NS_PER_S; /* never longer than an hour */
    }
    log_refuse(&log, REFUSE_PACKET_LENGTH, "length"); /* now it is rare */
    log.reason[REFUSE_PACKET_LENGTH].start_ns -= 3601 * NS_PER_S;
    for (int k = 0; k < 5; k++)
        log_refuse(&log, REFUSE_PACKET_LENGTH, "length");
    log.reason[REFUSE_PACKET_LENGTH].start_ns -= 11 * NS_PER_S;
    log_refuse(&log, REFUSE_PACKET_LENGTH, "length");
    assert_int_equal(lines, before + 6);
    lines = 0;
    log_refuse(&log, REFUSE_PORT, "port %u of %u", 9, 8); /* another reason has its own allowance */
    assert_int_equal(lines, 1);
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    log_refuse(&log, REFUSE_TASK_NONE, "%s", longer);
    log_msg(&log, PVG_LOG_INFO, "%s", longer);
    log_fini(&log);
    log_init(&log, NULL, NULL); /* no callback: counted all the same */
    log_refuse(&log, REFUSE_PORT, "x");
    log_msg(&log, PVG_LOG_INFO, "x");
    assert_int_equal(log.refused[REFUSE_PORT], 1);
    log_fini(&log);
}

/* Messages have a rate too, those of each level one: a guest's markers hide no warning. */
static void test_log_messages(void **state)
{
    struct log log;

    log_init(&log, count_line, NULL);
    lines = 0;
    for (int i = 0; i < 1000; i++)
        log_msg(&log, PVG_LOG_DEBUG, "marker %d", i);
    assert_int_equal(lines, 32);
    assert_string_equal(last, "marker 31");
    log_msg(&log, PVG_LOG_WARN, "warning");
    log_refuse(&log, REFUSE_PORT, "port");
    assert_int_equal(lines, 34);
    log.level[PVG_LOG_DEBUG].start_ns -= 11 * NS_PER_S;
    log_msg(&log, PVG_LOG_DEBUG, "marker");
    assert_string_equal(last, "(968 messages were left out) marker");
    log_msg(&log, PVG_LOG_DEBUG, "marker");
    assert_string_equal(last, "marker");
    log_fini(&log);
}

/* Hashes of guests' numbers: each table's own, and even for numbers in a row, or far apart. */
static void test_hash(void **state)
{
    static const unsigned step[] = {0, 4, 12, 20, 31, 32, 44, 52};
    struct hash_key key = hash_key_new(), other = hash_key_new();

    (void)state;
    assert_true(key.first & 1 && key.second & 1);
    assert_true(hash_number(&key, 1) == hash_number(&key, 1));
    assert_true(key.first != other.first);
    for (unsigned s = 0; s < sizeof(step) / sizeof(step[0]); s++) {
        static unsigned chain[4096];
        unsigned longest = 0;

        memset(chain, 0, sizeof(chain));
        for (uint64_t i = 0; i < 4096; i++) {
            unsigned *n = &chain[hash_number(&key, i << step[s]) & 4095];

            *n += 1;
            longest = *n > longest ? *n : longest;
        }
        assert_true(longest < 64);
    }
}

/* Names are stable keys: lower case, unique; every reason has a text. */
static void test_refusals(void **state)
{
    for (enum refuse r = 0; r < REFUSE_COUNT; r++) {
        assert_true(strlen(refuse_name(r)) >= 4 && strlen(refuse_text(r)) >= 8);
        assert_int_equal(strspn(refuse_name(r), "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(refuse_name(r)));
        for (enum refuse k = 0; k < r; k++)
            assert_string_not_equal(refuse_name(k), refuse_name(r));
    }
    assert_non_null(refuse_name(REFUSE_COUNT));
    assert_non_null(refuse_text((enum refuse)9999));
}

/* A recording ends by itself at its limit, with whole records, or with the first write that fails; the report tells. */
static void test_recorder(void **state)
{
    static const uint32_t device[5] = {12, 1, 0, 0, 0};
    char path[] = "/tmp/test-recorder-XXXXXX";
    int fd = mkstemp(path), look = open(path, O_RDONLY);
    struct recorder rec;
    struct stat st;

    assert_true(fd >= 0 && look >= 0);
    unlink(path);
    recorder_init(&rec);
    assert_string_equal(recorder_state_text(&rec), "off");
    rec.limit = 8 + 36 + 2 * 26; /* head, device, two records of ten bytes */
    assert_int_equal(recorder_set(&rec, fd, device), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(recorder_on(&rec));
        recorder_add(&rec, RECORD_PACKET, "1234", 4, "567890", 6);
    }
    assert_string_equal(recorder_state_text(&rec), "on");
    recorder_add(&rec, RECORD_RESET, NULL, 0, NULL, 0);
    assert_false(recorder_on(&rec));
    assert_string_equal(recorder_state_text(&rec), "ended: full");
    recorder_add(&rec, RECORD_RESET, NULL, 0, NULL, 0);
    assert_int_equal(fstat(look, &st), 0);
    assert_int_equal(st.st_size, rec.limit);
    assert_int_equal(recorder_set(&rec, open("/dev/full", O_WRONLY), device), PVG_ERR_SYSTEM);
    assert_string_equal(recorder_state_text(&rec), "ended: a write failed");
    recorder_fini(&rec);
    close(look);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reader),      cmocka_unit_test(test_desc),
                                       cmocka_unit_test(test_json_string), cmocka_unit_test(test_log), cmocka_unit_test(test_log_messages),
                                       cmocka_unit_test(test_hash),        cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_recorder)};

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
