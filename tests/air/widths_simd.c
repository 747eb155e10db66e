/* SPDX-License-Identifier: MIT */
/*
 * 64-bit integers over SIMD groups and quads of the test widths (air 3.9): emulated 32 wide where the device is
 * narrower, and as wide as the device; by all lanes, in a branch that some of them take, in a workgroup that ends
 * within a SIMD group. And 64-bit atomics, which nothing stands in for (air 3.7).
 */
#include "widths.h"

#include <stdio.h>

enum op { SUM, PRODUCT, SMIN, UMIN, SMAX, UMAX, AND, OR, XOR, SHUFFLE_XOR, BROADCAST, FIRST };
enum scan { WHOLE, INCLUSIVE, EXCLUSIVE };

static const struct {
    const char *name; /* after "air.", with its suffixes */
    enum op op;
    enum scan scan;
    unsigned quad; /* lanes of it */
} rows[] = {
    {"simd_sum.u.i64", SUM, WHOLE, 0},
    {"simd_product.u.i64", PRODUCT, WHOLE, 0},
    {"simd_min.s.i64", SMIN, WHOLE, 0},
    {"simd_min.u.i64", UMIN, WHOLE, 0},
    {"simd_max.s.i64", SMAX, WHOLE, 0},
    {"simd_max.u.i64", UMAX, WHOLE, 0},
    {"simd_and.u.i64", AND, WHOLE, 0},
    {"simd_or.u.i64", OR, WHOLE, 0},
    {"simd_xor.s.i64", XOR, WHOLE, 0},
    {"simd_prefix_inclusive_sum.s.i64", SUM, INCLUSIVE, 0},
    {"simd_prefix_exclusive_sum.u.i64", SUM, EXCLUSIVE, 0},
    {"simd_prefix_inclusive_product.u.i64", PRODUCT, INCLUSIVE, 0},
    {"simd_prefix_exclusive_product.u.i64", PRODUCT, EXCLUSIVE, 0},
    {"simd_shuffle_xor.u.i64", SHUFFLE_XOR, WHOLE, 0},
    {"simd_broadcast.u.i64", BROADCAST, WHOLE, 0},
    {"simd_broadcast_first.u.i64", FIRST, WHOLE, 0},
    {"quad_sum.u.i64", SUM, WHOLE, 4},
    {"quad_max.s.i64", SMAX, WHOLE, 4},
    {"quad_prefix_inclusive_sum.u.i64", SUM, INCLUSIVE, 4},
    {"quad_broadcast_first.u.i64", FIRST, WHOLE, 4},
};

static unsigned row, threads, width;
static bool branch;

static bool takes_part(unsigned i)
{
    return i < threads && (!branch || get(0, i, 64) & 3);
}

static uint64_t combine(uint64_t acc, uint64_t x)
{
    switch (rows[row].op) {
    case SUM:
        return acc + x;
    case PRODUCT:
        return acc * x;
    case SMIN:
        return (int64_t)x < (int64_t)acc ? x : acc;
    case UMIN:
        return x < acc ? x : acc;
    case SMAX:
        return (int64_t)x > (int64_t)acc ? x : acc;
    case UMAX:
        return x > acc ? x : acc;
    case AND:
        return acc & x;
    case OR:
        return acc | x;
    default:
        return acc ^ x;
    }
}

static uint64_t simd_want(unsigned i, unsigned w)
{
    static const uint64_t start[] = {0, 1, INT64_MAX, UINT64_MAX, (uint64_t)INT64_MIN, 0, UINT64_MAX, 0, 0};
    unsigned lanes = rows[row].quad ? rows[row].quad : width, base = i / lanes * lanes;
    uint64_t acc;

    if (!takes_part(i))
        return UINT64_C(0xeeeeeeeeeeeeeeee);
    if (rows[row].op == SHUFFLE_XOR)
        return get(0, i ^ 3, w);
    if (rows[row].op == BROADCAST)
        return get(0, base + 3, w);
    for (unsigned l = base; rows[row].op == FIRST; l++) {
        if (takes_part(l))
            return get(0, l, w);
    }
    acc = start[rows[row].op];
    for (unsigned l = base; l < base + lanes; l++) {
        if (takes_part(l) && (rows[row].scan == WHOLE || l < i || (l == i && rows[row].scan == INCLUSIVE)))
            acc = combine(acc, get(0, l, w));
    }
    return acc;
}

static void one(void)
{
    char body[1024], label[96], extra[128], call[128];
    bool named_lane = rows[row].op == SHUFFLE_XOR || rows[row].op == BROADCAST;

    if (named_lane && branch) /* of a lane that may not be there */
        return;
    snprintf(call, sizeof(call), "  %%r = call i64 @air.%s(i64 %%x%s)\n", rows[row].name, named_lane ? ", i16 3" : "");
    snprintf(extra, sizeof(extra), "declare i64 @air.%s(i64%s)", rows[row].name, named_lane ? ", i16" : "");
    snprintf(label, sizeof(label), "%s, %u of %u%s", rows[row].name, threads, width, branch ? ", in a branch" : "");
    snprintf(body, sizeof(body),
             "  %%pa = getelementptr i64, ptr addrspace(1) %%a, i32 %%id\n"
             "  %%po = getelementptr i64, ptr addrspace(1) %%o, i32 %%id\n  %%x = load i64, ptr addrspace(1) %%pa\n"
             "%s%s  store i64 %%r, ptr addrspace(1) %%po\n%s",
             branch
                 ? "  %low = and i64 %x, 3\n  %take = icmp ne i64 %low, 0\n  br i1 %take, label %in, label %out\nin:\n"
                 : "",
             call, branch ? "  br label %out\nout:\n" : "");
    rng_state = 59 + row;
    for (unsigned i = 0; i < N; i++)
        put(0, i, 64, rows[row].op == PRODUCT ? rnd() | 1 : sample(rnd() % 30, 64));
    clear_out();
    if (run(label, body, extra, threads, threads))
        expect(label, N, 64, simd_want);
}

static uint64_t vector_want(unsigned i, unsigned w)
{
    uint64_t acc = 0;

    for (unsigned l = i / 2 / width * width; l < (i / 2 / width + 1) * width; l++)
        acc += get(0, l * 2 + i % 2, w);
    return acc;
}

static void vector_test(void)
{
    rng_state = 61;
    for (unsigned i = 0; i < N * 2; i++)
        put(0, i, 64, sample(rnd() % 30, 64));
    clear_out();
    if (run("simd_sum.u.v2i64",
            "  %pa = getelementptr <2 x i64>, ptr addrspace(1) %a, i32 %id\n"
            "  %po = getelementptr <2 x i64>, ptr addrspace(1) %o, i32 %id\n"
            "  %x = load <2 x i64>, ptr addrspace(1) %pa\n"
            "  %r = call <2 x i64> @air.simd_sum.u.v2i64(<2 x i64> %x)\n"
            "  store <2 x i64> %r, ptr addrspace(1) %po\n",
            "declare <2 x i64> @air.simd_sum.u.v2i64(<2 x i64>)", N, N))
        expect("simd_sum.u.v2i64", N * 2, 64, vector_want);
}

static uint64_t atomic_want(unsigned i, unsigned w)
{
    uint64_t most = 0;

    for (unsigned l = i; l < N; l += 4)
        most = get(0, l, w) > most ? get(0, l, w) : most;
    return most;
}

static void atomic_test(void)
{
    static const char label[] = "atomic max u.i64",
                      body[] = "  %pa = getelementptr i64, ptr addrspace(1) %a, i32 %id\n"
                               "  %x = load i64, ptr addrspace(1) %pa\n  %k = and i32 %id, 3\n"
                               "  %po = getelementptr i64, ptr addrspace(1) %o, i32 %k\n"
                               "  %r = call i64 @air.atomic.global.max.u.i64(ptr addrspace(1) %po, i64 %x, i32 0, i32 "
                               "2, i1 true)\n",
                      extra[] = "declare i64 @air.atomic.global.max.u.i64(ptr addrspace(1), i64, i32, i32, i1)";

    if (mask & (AIR_CAP_INT64 | AIR_CAP_ATOMIC_INT64)) {
        run_refused(label, body, extra, "64-bit atomics");
        return;
    }
    if (!(vk.caps & AIR_CAP_ATOMIC_INT64))
        return;
    rng_state = 67;
    for (unsigned i = 0; i < N; i++)
        put(0, i, 64, rnd() << 3);
    memset(b[3].map, 0, BYTES);
    if (run(label, body, extra, N, 32))
        expect(label, 4, 64, atomic_want);
}

void widths_simd(void)
{
    for (unsigned native = 0; native < 2; native++) {
        native_groups = native;
        width = native ? vk.subgroup : 32;
        for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
            threads = N;
            branch = false;
            one();
            branch = true;
            one();
            threads = N - 24; /* ends within a SIMD group of 32 */
            branch = false;
            if (!native)
                one();
        }
        vector_test();
    }
    native_groups = false;
    atomic_test();
}
