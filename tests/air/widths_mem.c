/* SPDX-License-Identifier: MIT */
/*
 * Memory of the test widths: buffers, threadgroup and private memory; bits seen as another type, vectors, aggregates,
 * values that loops carry, constant tables.
 */
#include "widths.h"

#include <stdio.h>

/* ---- memory ---- */

static uint64_t store_want(unsigned i, unsigned w)
{
    return i & 1 ? get(0, i, w) + 1 : UINT64_C(0xeeeeeeeeeeeeeeee);
}

static uint64_t crowd_want(unsigned i, unsigned w)
{
    return get(0, i, w) * 3;
}

/* Each thread changes the element that @index, an instruction, gives it: @op and its number. */
static void element_test(unsigned w, const char *label, const char *index, const char *op, unsigned threads,
                         uint64_t (*want)(unsigned, unsigned))
{
    char body[1024];

    snprintf(body, sizeof(body),
             "%1$s"
             "  %%pa = getelementptr i%2$u, ptr addrspace(1) %%a, i32 %%i\n"
             "  %%po = getelementptr i%2$u, ptr addrspace(1) %%o, i32 %%i\n"
             "  %%x = load i%2$u, ptr addrspace(1) %%pa\n  %%r = %3$s\n"
             "  store i%2$u %%r, ptr addrspace(1) %%po\n",
             index, w, op);
    rng_state = 13;
    for (unsigned i = 0; i < 4096; i++)
        put(0, i, w, rnd());
    clear_out();
    if (run(label, body, "", threads, 64))
        expect(label, 4096, w, want);
}

/* One element between two that nobody writes, and its neighbours' words are theirs too; all elements of a word at once. */
static void store_tests(unsigned w)
{
    char label[64], op[32];

    snprintf(label, sizeof(label), "store i%u beside others", w);
    snprintf(op, sizeof(op), "add i%u %%x, 1", w);
    element_test(w, label, "  %d = shl i32 %id, 1\n  %i = or i32 %d, 1\n", op, 2048, store_want);
    snprintf(label, sizeof(label), "store every i%u", w);
    snprintf(op, sizeof(op), "mul i%u %%x, 3", w);
    element_test(w, label, "  %i = add i32 %id, 0\n", op, 4096, crowd_want);
}

static uint64_t reverse_want(unsigned i, unsigned w)
{
    return get(0, i / N * N + (N - 1 - i % N), w) + 5;
}

/* Threadgroup memory of narrow elements; a word of it belongs to several threads. */
static void shared_test(unsigned w)
{
    char body[1536], label[64], extra[128];

    snprintf(label, sizeof(label), "threadgroup i%u", w);
    snprintf(extra, sizeof(extra), "@s = internal addrspace(3) global [%u x i%u] undef", N, w);
    snprintf(body, sizeof(body),
             "  %%l = and i32 %%id, %2$u\n  %%m = xor i32 %%l, %2$u\n"
             "  %%pa = getelementptr i%1$u, ptr addrspace(1) %%a, i32 %%id\n"
             "  %%po = getelementptr i%1$u, ptr addrspace(1) %%o, i32 %%id\n"
             "  %%ps = getelementptr [%3$u x i%1$u], ptr addrspace(3) @s, i32 0, i32 %%l\n"
             "  %%pt = getelementptr [%3$u x i%1$u], ptr addrspace(3) @s, i32 0, i32 %%m\n"
             "  %%x = load i%1$u, ptr addrspace(1) %%pa\n  %%y = add i%1$u %%x, 5\n  store i%1$u %%y, ptr addrspace(3) "
             "%%ps\n"
             "  call void @air.wg.barrier(i32 2, i32 1)\n"
             "  %%r = load i%1$u, ptr addrspace(3) %%pt\n  store i%1$u %%r, ptr addrspace(1) %%po\n",
             w, N - 1, N);
    rng_state = 19;
    for (unsigned i = 0; i < 4 * N; i++)
        put(0, i, w, rnd());
    clear_out();
    if (run(label, body, extra, 4 * N, N))
        expect(label, 4 * N, w, reverse_want);
}

static uint64_t private_want(unsigned i, unsigned w)
{
    return get(0, (i * 8 + (i ^ 3) % 8) % N, w) - get(0, (i * 8 + i % 8) % N, w);
}

/* A private array with an index that only the thread knows. */
static void private_test(unsigned w)
{
    char body[3072], label[64];

    snprintf(label, sizeof(label), "private array of i%u", w);
    snprintf(body, sizeof(body), "  %%arr = alloca [8 x i%1$u], align %2$u\n  %%base = shl i32 %%id, 3\n", w, w / 8);
    for (unsigned j = 0; j < 8; j++)
        snprintf(body + strlen(body), sizeof(body) - strlen(body),
                 "  %%i%1$u = add i32 %%base, %1$u\n  %%w%1$u = and i32 %%i%1$u, %3$u\n"
                 "  %%pa%1$u = getelementptr i%2$u, ptr addrspace(1) %%a, i32 %%w%1$u\n"
                 "  %%x%1$u = load i%2$u, ptr addrspace(1) %%pa%1$u\n"
                 "  %%q%1$u = getelementptr i%2$u, ptr %%arr, i32 %1$u\n  store i%2$u %%x%1$u, ptr %%q%1$u\n",
                 j, w, N - 1);
    snprintf(body + strlen(body), sizeof(body) - strlen(body),
             "  %%k = xor i32 %%id, 3\n  %%l = and i32 %%k, 7\n  %%m = and i32 %%id, 7\n"
             "  %%p = getelementptr i%1$u, ptr %%arr, i32 %%l\n  %%q = getelementptr i%1$u, ptr %%arr, i32 %%m\n"
             "  %%x = load i%1$u, ptr %%p\n  %%y = load i%1$u, ptr %%q\n  %%r = sub i%1$u %%x, %%y\n"
             "  %%po = getelementptr i%1$u, ptr addrspace(1) %%o, i32 %%id\n  store i%1$u %%r, ptr addrspace(1) %%po\n",
             w);
    rng_state = 23;
    for (unsigned i = 0; i < N; i++)
        put(0, i, w, rnd());
    clear_out();
    if (run(label, body, "", N, 32))
        expect(label, N, w, private_want);
}

/* ---- bits seen as another type, vectors, aggregates, loops ---- */

static uint64_t same_want(unsigned i, unsigned w)
{
    return get(0, i, w);
}

static void bitcast_test(const char *from, const char *to, unsigned bytes)
{
    char body[1024], label[64];

    snprintf(label, sizeof(label), "bitcast %s to %s", from, to);
    /* The condition is true, which only the data says. */
    snprintf(
        body, sizeof(body),
        "  %%pa = getelementptr %1$s, ptr addrspace(1) %%a, i32 %%id\n"
        "  %%pb = getelementptr %2$s, ptr addrspace(1) %%c, i32 %%id\n"
        "  %%po = getelementptr %2$s, ptr addrspace(1) %%o, i32 %%id\n"
        "  %%x = load %1$s, ptr addrspace(1) %%pa, align %3$u\n  %%y = load %2$s, ptr addrspace(1) %%pb, align %3$u\n"
        "  %%k = load i32, ptr addrspace(1) %%b\n  %%t = icmp eq i32 %%k, 1\n"
        "  %%z = bitcast %1$s %%x to %2$s\n  %%r = select i1 %%t, %2$s %%z, %2$s %%y\n"
        "  store %2$s %%r, ptr addrspace(1) %%po, align %3$u\n",
        from, to, bytes > 4 ? 4 : bytes);
    rng_state = 29;
    for (unsigned i = 0; i < N * bytes; i++)
        put(0, i, 8, rnd());
    put(1, 0, 32, 1);
    memset(b[2].map, 0, BYTES);
    clear_out();
    if (run(label, body, "", N, 32))
        expect(label, N * bytes, 8, same_want);
}

static uint64_t vector_want(unsigned i, unsigned w)
{
    unsigned t = i / 4, k = i % 4;
    uint64_t v[4];

    for (unsigned j = 0; j < 4; j++)
        v[j] = get(0, t * 4 + j, w);
    v[(t + 1) % 4] = v[t % 4] * 7;
    return v[3 - k];
}

/* Elements taken and put by an index that only the thread knows, then a shuffle. */
static void vector_test(unsigned w)
{
    char body[1536], label[64];

    snprintf(label, sizeof(label), "vector of i%u", w);
    snprintf(body, sizeof(body),
             "  %%pa = getelementptr <4 x i%1$u>, ptr addrspace(1) %%a, i32 %%id\n"
             "  %%po = getelementptr <4 x i%1$u>, ptr addrspace(1) %%o, i32 %%id\n"
             "  %%v = load <4 x i%1$u>, ptr addrspace(1) %%pa, align %2$u\n"
             "  %%k = and i32 %%id, 3\n  %%k1 = add i32 %%id, 1\n  %%l = and i32 %%k1, 3\n"
             "  %%e = extractelement <4 x i%1$u> %%v, i32 %%k\n  %%f = mul i%1$u %%e, 7\n"
             "  %%g = insertelement <4 x i%1$u> %%v, i%1$u %%f, i32 %%l\n"
             "  %%r = shufflevector <4 x i%1$u> %%g, <4 x i%1$u> undef, <4 x i32> <i32 3, i32 2, i32 1, i32 0>\n"
             "  store <4 x i%1$u> %%r, ptr addrspace(1) %%po, align %2$u\n",
             w, w / 8);
    rng_state = 31;
    for (unsigned i = 0; i < N * 4; i++)
        put(0, i, w, rnd());
    clear_out();
    if (run(label, body, "", N, 32))
        expect(label, N * 4, w, vector_want);
}

static uint64_t loop_want(unsigned i, unsigned w)
{
    uint64_t acc = get(0, i, w), x = get(1, i, w);

    for (unsigned k = 0; k <= i % 9; k++)
        acc = ((acc * x) & ones(w)) + ((acc & ones(w)) >> 3) + k;
    return acc;
}

/* A value that a loop carries. */
static void loop_test(unsigned w)
{
    char body[2048], label[64];

    snprintf(label, sizeof(label), "loop over i%u", w);
    snprintf(
        body, sizeof(body),
        "  %%pa = getelementptr i%1$u, ptr addrspace(1) %%a, i32 %%id\n"
        "  %%pb = getelementptr i%1$u, ptr addrspace(1) %%b, i32 %%id\n"
        "  %%po = getelementptr i%1$u, ptr addrspace(1) %%o, i32 %%id\n"
        "  %%x0 = load i%1$u, ptr addrspace(1) %%pa\n  %%x = load i%1$u, ptr addrspace(1) %%pb\n"
        "  %%n = urem i32 %%id, 9\n  br label %%loop\n"
        "loop:\n  %%acc = phi i%1$u [ %%x0, %%0 ], [ %%next, %%loop ]\n  %%k = phi i%1$u [ 0, %%0 ], [ %%k2, %%loop ]\n"
        "  %%i = phi i32 [ 0, %%0 ], [ %%i2, %%loop ]\n"
        "  %%m = mul i%1$u %%acc, %%x\n  %%h = lshr i%1$u %%acc, 3\n  %%s = add i%1$u %%m, %%h\n"
        "  %%next = add i%1$u %%s, %%k\n  %%k2 = add i%1$u %%k, 1\n  %%i2 = add i32 %%i, 1\n"
        "  %%more = icmp ult i32 %%i, %%n\n  br i1 %%more, label %%loop, label %%done\n"
        "done:\n  store i%1$u %%next, ptr addrspace(1) %%po\n",
        w);
    rng_state = 37;
    for (unsigned i = 0; i < N; i++) {
        put(0, i, w, rnd());
        put(1, i, w, rnd());
    }
    clear_out();
    if (run(label, body, "", N, 32))
        expect(label, N, w, loop_want);
}

static uint64_t aggregate_want(unsigned i, unsigned w)
{
    return get(0, i ^ 1, w) + (i & 1 ? 0 : 3);
}

/* Arrays as values: [2 x iN] loaded, its elements exchanged, one changed, stored. */
static void aggregate_test(unsigned w)
{
    char body[1536], label[64];

    snprintf(label, sizeof(label), "aggregate of i%u", w);
    snprintf(
        body, sizeof(body),
        "  %%pa = getelementptr [2 x i%1$u], ptr addrspace(1) %%a, i32 %%id\n"
        "  %%po = getelementptr [2 x i%1$u], ptr addrspace(1) %%o, i32 %%id\n"
        "  %%v = load [2 x i%1$u], ptr addrspace(1) %%pa\n"
        "  %%x = extractvalue [2 x i%1$u] %%v, 0\n  %%y = extractvalue [2 x i%1$u] %%v, 1\n  %%z = add i%1$u %%y, 3\n"
        "  %%p = insertvalue [2 x i%1$u] %%v, i%1$u %%z, 0\n  %%q = insertvalue [2 x i%1$u] %%p, i%1$u %%x, 1\n"
        "  store [2 x i%1$u] %%q, ptr addrspace(1) %%po\n",
        w);
    rng_state = 41;
    for (unsigned i = 0; i < N * 2; i++)
        put(0, i, w, rnd());
    clear_out();
    if (run(label, body, "", N, 32))
        expect(label, N * 2, w, aggregate_want);
}

static uint64_t table_want(unsigned i, unsigned w)
{
    static const uint64_t t[8] = {1, 200, 0xfedcba9876543210, 40000, 77, 0x8000, 0xff, 3};

    return t[i & 7];
}

/* A constant table, and an index of 64 bits. */
static void table_test(unsigned w)
{
    char body[1024], label[64], extra[512];

    snprintf(label, sizeof(label), "constant table of i%u", w);
    snprintf(extra, sizeof(extra), "@t = internal addrspace(2) constant [8 x i%1$u] [", w);
    for (unsigned i = 0; i < 8; i++)
        snprintf(extra + strlen(extra), sizeof(extra) - strlen(extra), "%si%u %lld", i ? ", " : "", w,
                 (long long)sx(table_want(i, w) & ones(w), w));
    strcat(extra, "]");
    snprintf(body, sizeof(body),
             "  %%i = zext i32 %%id to i64\n  %%k = and i64 %%i, 7\n"
             "  %%pt = getelementptr [8 x i%1$u], ptr addrspace(2) @t, i64 0, i64 %%k\n"
             "  %%po = getelementptr i%1$u, ptr addrspace(1) %%o, i64 %%i\n"
             "  %%x = load i%1$u, ptr addrspace(2) %%pt\n  store i%1$u %%x, ptr addrspace(1) %%po\n",
             w);
    clear_out();
    if (run(label, body, extra, N, 32))
        expect(label, N, w, table_want);
}

void widths_memory(void)
{
    static const unsigned widths[] = {8, 16, 64};
    static const struct {
        const char *from, *to;
        unsigned bytes;
    } casts[] = {{"<4 x i8>", "i32", 4},
                 {"i32", "<4 x i8>", 4},
                 {"i16", "<2 x i8>", 2},
                 {"<2 x i8>", "i16", 2},
                 {"i64", "<4 x i16>", 8},
                 {"<4 x i16>", "i64", 8},
                 {"<2 x i32>", "i64", 8},
                 {"i64", "<2 x i32>", 8},
                 {"i64", "<2 x float>", 8},
                 {"<2 x float>", "i64", 8},
                 {"half", "i16", 2},
                 {"i16", "half", 2},
                 {"<2 x half>", "i32", 4},
                 {"i32", "<2 x half>", 4},
                 {"<2 x half>", "float", 4},
                 {"<4 x half>", "i64", 8},
                 {"i64", "<4 x half>", 8},
                 {"<4 x half>", "<2 x i32>", 8},
                 {"<2 x i64>", "<4 x i32>", 16},
                 {"<4 x i32>", "<2 x i64>", 16},
                 {"<2 x half>", "<4 x i8>", 4},
                 {"<4 x i8>", "<2 x i16>", 4}};

    for (unsigned i = 0; i < 3; i++) {
        store_tests(widths[i]);
        shared_test(widths[i]);
        private_test(widths[i]);
        vector_test(widths[i]);
        loop_test(widths[i]);
        aggregate_test(widths[i]);
        table_test(widths[i]);
    }
    for (unsigned i = 0; i < sizeof(casts) / sizeof(casts[0]); i++)
        bitcast_test(casts[i].from, casts[i].to, casts[i].bytes);
}
