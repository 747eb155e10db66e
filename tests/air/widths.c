/* SPDX-License-Identifier: MIT */
/*
 * Integers of 8, 16 and 64 bits and halves on devices that lack them: each construct of LLVM on these types, run and
 * compared by value with C, with the device's capabilities taken away one by one, in pairs and all together. The
 * kernels are LLVM text made here. Every module must declare none of what was taken away (told from its words, not from
 * the compiler's own check).
 *
 * usage: widths [NAME]. Exit status 77 without a Vulkan device.
 */
#include "base/half.h"
#include "lost.h"
#include "vkrun.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N     64 /* threads of most kernels; lane i works on element i */
#define BYTES 65536

static struct vk vk;
static struct vk_buf b[4];
static unsigned right, wrong;
static uint32_t mask; /* taken away */
static const char *only;

/* Kernels whose label has none of the words are the same as on the complete device. */
static const struct {
    const char *name;
    uint32_t off;
    const char *word[3];
} devices[] = {
    {"complete", 0, {""}},
    {"no int8", AIR_CAP_INT8, {"i8"}},
    {"no int16", AIR_CAP_INT16, {"i16", "half"}},
    {"no int64", AIR_CAP_INT64, {"i64"}},
    {"no float16", AIR_CAP_FLOAT16, {"f16", "half"}},
    {"no storage8", AIR_CAP_STORAGE8, {"i8"}},
    {"no storage16", AIR_CAP_STORAGE16, {"i16", "f16", "half"}},
    {"no 8-bit", AIR_CAP_INT8 | AIR_CAP_STORAGE8, {"i8"}},
    {"no 16-bit", AIR_CAP_INT16 | AIR_CAP_FLOAT16 | AIR_CAP_STORAGE16, {"i16", "f16", "half"}},
    {"no arithmetic", AIR_CAP_INT8 | AIR_CAP_INT16 | AIR_CAP_INT64 | AIR_CAP_FLOAT16 | AIR_CAP_SUBGROUP_EXTENDED, {""}},
    {"none",
     AIR_CAP_INT8 | AIR_CAP_INT16 | AIR_CAP_INT64 | AIR_CAP_FLOAT16 | AIR_CAP_STORAGE8 | AIR_CAP_STORAGE16 |
         AIR_CAP_SUBGROUP_EXTENDED,
     {""}},
};

static const char *device;
static const char *const *words;

static const char *declares_lost(const struct air_result *r)
{
    return lost_and_declared(r, mask) ? "declares a capability the device has not" : NULL;
}

static void fail(const char *label, const char *what)
{
    printf("%s on a device with %s: %s\n", label, device, what);
    wrong++;
}

/*
 * A kernel over buffers a, b, c (ptr addrspace(1)) and o, with the thread's number as i32 %id. @extra: declarations and
 * globals.
 */
static bool run(const char *label, const char *body, const char *extra, unsigned threads, unsigned local)
{
    static char text[16384];
    struct air_options o;
    struct vk_run r = {.groups = {threads / local, 1, 1}, .local = {local, 1, 1}};
    char err[600];
    bool about = false;

    for (unsigned i = 0; i < 3; i++)
        about = about || (words[i] && strstr(label, words[i]));
    if (!about || (only && !strstr(label, only)))
        return false;
    snprintf(
        text, sizeof(text),
        "target triple = \"air64-apple-macosx14.0.0\"\n%s\n"
        "define void @k(ptr addrspace(1) %%a, ptr addrspace(1) %%b, ptr addrspace(1) %%c, ptr addrspace(1) %%o, i32 "
        "%%id) {\n%s  ret void\n}\n"
        "declare void @air.wg.barrier(i32, i32)\n"
        "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5, !6, !7}\n"
        "!3 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"
        "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 1, i32 1, !\"air.read_write\"}\n"
        "!5 = !{i32 2, !\"air.buffer\", !\"air.location_index\", i32 2, i32 1, !\"air.read_write\"}\n"
        "!6 = !{i32 3, !\"air.buffer\", !\"air.location_index\", i32 3, i32 1, !\"air.read_write\"}\n"
        "!7 = !{i32 4, !\"air.thread_position_in_grid\"}\n",
        extra, body);
    vk_options(&vk, &o);
    o.caps = vk.caps & ~mask;
    for (unsigned i = 0; i < 4; i++)
        r.buf[i] = &b[i];
    if (vk_run_text(&vk, text, &o, &r, declares_lost, err, sizeof(err)) == VK_TEXT_RAN)
        return true;
    fail(label, err);
    return false;
}

static uint64_t rng_state = 1;

static uint64_t rnd(void)
{
    rng_state = rng_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return rng_state >> 32 ^ rng_state << 20;
}

static uint64_t ones(unsigned w)
{
    return w == 64 ? UINT64_MAX : (UINT64_C(1) << w) - 1;
}

static int64_t sx(uint64_t v, unsigned w)
{
    return (int64_t)(v << (64 - w)) >> (64 - w);
}

/* Values where widths go wrong, then random ones of every size. */
static uint64_t sample(unsigned i, unsigned w)
{
    const uint64_t top = UINT64_C(1) << (w - 1),
                   edge[] = {0, 1, ones(w), top, top - 1, top + 1, 2, ones(w) - 1, 0x7f & ones(w), 0xff & ones(w)};

    if (i < sizeof(edge) / sizeof(edge[0]))
        return edge[i];
    return rnd() & ones(w) >> rnd() % w;
}

static void put(unsigned buf, unsigned i, unsigned w, uint64_t v)
{
    memcpy((uint8_t *)b[buf].map + (size_t)i * (w / 8), &v, w / 8);
}

static uint64_t get(unsigned buf, unsigned i, unsigned w)
{
    uint64_t v = 0;

    memcpy(&v, (const uint8_t *)b[buf].map + (size_t)i * (w / 8), w / 8);
    return v;
}

static void clear_out(void)
{
    memset(b[3].map, 0xee, BYTES);
}

static void verdict(const char *label, bool ok, unsigned at, uint64_t got, uint64_t want)
{
    char text[96];

    if (ok) {
        right++;
        return;
    }
    snprintf(text, sizeof(text), "[%u] is %#llx, expected %#llx", at, (unsigned long long)got,
             (unsigned long long)want);
    fail(label, text);
}

/* Elements 0..n-1 of the result against @want. */
static void expect(const char *label, unsigned n, unsigned w, uint64_t (*want)(unsigned i, unsigned w))
{
    for (unsigned i = 0; i < n; i++) {
        if (get(3, i, w) != (want(i, w) & ones(w))) {
            verdict(label, false, i, get(3, i, w), want(i, w) & ones(w));
            return;
        }
    }
    verdict(label, true, 0, 0, 0);
}

/* ---- arithmetic and comparisons ---- */

static const char *const ops[] = {"add",  "sub",  "mul", "udiv", "sdiv", "urem", "srem", "shl",
                                  "lshr", "ashr", "and", "or",   "xor",  "eq",   "ne",   "ugt",
                                  "uge",  "ult",  "ule", "sgt",  "sge",  "slt",  "sle",  "select"};
static unsigned op_now;

static uint64_t op_want(unsigned i, unsigned w)
{
    uint64_t x = get(0, i, w), y = get(1, i, w);
    int64_t sxx = sx(x, w), sy = sx(y, w);

    switch (op_now) {
    case 0:
        return x + y;
    case 1:
        return x - y;
    case 2:
        return x * y;
    case 3:
        return x / y;
    case 4:
        return (uint64_t)(sxx / sy);
    case 5:
        return x % y;
    case 6:
        return (uint64_t)(sxx % sy);
    case 7:
        return x << y;
    case 8:
        return x >> y;
    case 9:
        return (uint64_t)(sxx >> y);
    case 10:
        return x & y;
    case 11:
        return x | y;
    case 12:
        return x ^ y;
    case 13:
        return x == y;
    case 14:
        return x != y;
    case 15:
        return x > y;
    case 16:
        return x >= y;
    case 17:
        return x < y;
    case 18:
        return x <= y;
    case 19:
        return sxx > sy;
    case 20:
        return sxx >= sy;
    case 21:
        return sxx < sy;
    case 22:
        return sxx <= sy;
    default:
        return x & 1 ? x : y;
    }
}

static void op_test(unsigned k, unsigned w, unsigned lanes)
{
    char body[2048], label[64], t[24], bt[24], line[256];

    op_now = k;
    snprintf(t, sizeof(t), "i%u", w);
    snprintf(bt, sizeof(bt), "i1");
    if (lanes > 1) {
        snprintf(t, sizeof(t), "<%u x i%u>", lanes, w);
        snprintf(bt, sizeof(bt), "<%u x i1>", lanes);
    }
    snprintf(label, sizeof(label), "%s %s", ops[k], t);
    if (k < 13)
        snprintf(line, sizeof(line), "  %%r = %s %s %%x, %%y\n", ops[k], t);
    else if (k < 23)
        snprintf(line, sizeof(line), "  %%q = icmp %s %s %%x, %%y\n  %%r = zext %s %%q to %s\n", ops[k], t, bt, t);
    else
        snprintf(line, sizeof(line), "  %%q = trunc %s %%x to %s\n  %%r = select %s %%q, %s %%x, %s %%y\n", t, bt, bt,
                 t, t);
    snprintf(
        body, sizeof(body),
        "  %%pa = getelementptr %1$s, ptr addrspace(1) %%a, i32 %%id\n"
        "  %%pb = getelementptr %1$s, ptr addrspace(1) %%b, i32 %%id\n"
        "  %%po = getelementptr %1$s, ptr addrspace(1) %%o, i32 %%id\n"
        "  %%x = load %1$s, ptr addrspace(1) %%pa, align %3$u\n  %%y = load %1$s, ptr addrspace(1) %%pb, align %3$u\n"
        "%2$s  store %1$s %%r, ptr addrspace(1) %%po, align %3$u\n",
        t, line, w / 8);
    rng_state = k + 1;
    for (unsigned i = 0; i < N * lanes; i++) {
        uint64_t y = sample(i / 10 % 12, w);

        put(0, i, w, sample(i % 12, w));
        if (k >= 7 && k <= 9)
            y = i % w;
        else if (k >= 3 && k <= 6) /* neither by zero nor the one quotient that overflows */
            y = y && y != ones(w) ? y : 3;
        put(1, i, w, y);
    }
    clear_out();
    if (run(label, body, "", N, 32))
        expect(label, N * lanes, w, op_want);
}

/* ---- conversions between integers, and to and from single precision ---- */

static unsigned from_now, to_now;
static char how_now;

static uint64_t cast_want(unsigned i, unsigned w)
{
    uint64_t x = get(0, i, from_now);

    return how_now == 's' ? (uint64_t)sx(x, from_now) : x;
}

static void cast_test(unsigned from, unsigned to, char how)
{
    char body[1024], label[64];

    from_now = from;
    to_now = to;
    how_now = how;
    snprintf(label, sizeof(label), "%s i%u to i%u", how == 's' ? "sext" : how == 'z' ? "zext" : "trunc", from, to);
    /* The sum keeps LLVM from making the conversion a load of another size. */
    snprintf(body, sizeof(body),
             "  %%pa = getelementptr i%1$u, ptr addrspace(1) %%a, i32 %%id\n"
             "  %%po = getelementptr i%2$u, ptr addrspace(1) %%o, i32 %%id\n"
             "  %%x = load i%1$u, ptr addrspace(1) %%pa\n  %%pb = load i%1$u, ptr addrspace(1) %%b\n"
             "  %%y = add i%1$u %%x, %%pb\n  %%r = %3$s i%1$u %%y to i%2$u\n"
             "  store i%2$u %%r, ptr addrspace(1) %%po\n",
             from, to,
             how == 's'   ? "sext"
             : how == 'z' ? "zext"
                          : "trunc");
    rng_state = 7;
    for (unsigned i = 0; i < N; i++)
        put(0, i, from, sample(i, from));
    put(1, 0, 64, 0);
    clear_out();
    if (run(label, body, "", N, 32))
        expect(label, N, to, cast_want);
}

static uint64_t to_float_want(unsigned i, unsigned w)
{
    uint64_t x = get(0, i, from_now);
    float f = how_now == 's' ? (float)sx(x, from_now) : (float)x;
    uint32_t u;

    memcpy(&u, &f, 4);
    return w == 32 ? u : half_from_double((double)f);
}

static void to_float_test(unsigned from, unsigned to, char how)
{
    char body[1024], label[64];

    from_now = from;
    how_now = how;
    snprintf(label, sizeof(label), "i%u (%c) to f%u", from, how, to);
    snprintf(body, sizeof(body),
             "  %%pa = getelementptr i%1$u, ptr addrspace(1) %%a, i32 %%id\n"
             "  %%po = getelementptr %2$s, ptr addrspace(1) %%o, i32 %%id\n"
             "  %%x = load i%1$u, ptr addrspace(1) %%pa\n  %%r = %3$citofp i%1$u %%x to %2$s\n"
             "  store %2$s %%r, ptr addrspace(1) %%po\n",
             from, to == 32 ? "float" : "half", how);
    rng_state = 9;
    for (unsigned i = 0; i < 1024; i++)
        put(0, i, from, sample(i, from));
    clear_out();
    if (run(label, body, "", 1024, 32))
        expect(label, 1024, to, to_float_want);
}

static uint64_t from_float_want(unsigned i, unsigned w)
{
    float f;
    uint32_t u = (uint32_t)get(0, i, 32);

    memcpy(&f, &u, 4);
    return how_now == 's' ? (uint64_t)(int64_t)f : (uint64_t)f;
}

static void from_float_test(unsigned to, char how)
{
    char body[1024], label[64];

    how_now = how;
    snprintf(label, sizeof(label), "f32 to i%u (%c)", to, how);
    snprintf(body, sizeof(body),
             "  %%pa = getelementptr float, ptr addrspace(1) %%a, i32 %%id\n"
             "  %%po = getelementptr i%1$u, ptr addrspace(1) %%o, i32 %%id\n"
             "  %%x = load float, ptr addrspace(1) %%pa\n  %%r = fpto%2$ci float %%x to i%1$u\n"
             "  store i%1$u %%r, ptr addrspace(1) %%po\n",
             to, how);
    rng_state = 11;
    for (unsigned i = 0; i < 512; i++) { /* of every magnitude that fits */
        float f = (float)ldexp((double)(rnd() & 0xffffff) / 0x1000000, (int)(rnd() % (to - (how == 's') + 1)));
        uint32_t u;

        f = how == 's' && i & 1 ? -f : f;
        memcpy(&u, &f, 4);
        put(0, i, 32, u);
    }
    clear_out();
    if (run(label, body, "", 512, 32))
        expect(label, 512, to, from_float_want);
}

/* ---- memory ---- */

static uint64_t store_want(unsigned i, unsigned w)
{
    return i & 1 ? get(0, i, w) + 1 : UINT64_C(0xeeeeeeeeeeeeeeee);
}

/* Every thread writes one element between two that nobody writes, and its neighbours' words are theirs too. */
static void store_test(unsigned w)
{
    char body[1024], label[64];

    snprintf(label, sizeof(label), "store i%u beside others", w);
    snprintf(body, sizeof(body),
             "  %%d = shl i32 %%id, 1\n  %%i = or i32 %%d, 1\n"
             "  %%pa = getelementptr i%1$u, ptr addrspace(1) %%a, i32 %%i\n"
             "  %%po = getelementptr i%1$u, ptr addrspace(1) %%o, i32 %%i\n"
             "  %%x = load i%1$u, ptr addrspace(1) %%pa\n  %%r = add i%1$u %%x, 1\n"
             "  store i%1$u %%r, ptr addrspace(1) %%po\n",
             w);
    rng_state = 13;
    for (unsigned i = 0; i < 4096; i++)
        put(0, i, w, rnd());
    clear_out();
    if (run(label, body, "", 2048, 64))
        expect(label, 4096, w, store_want);
}

static uint64_t crowd_want(unsigned i, unsigned w)
{
    return get(0, i, w) * 3;
}

/* All elements of a word written at once by different threads. */
static void crowd_test(unsigned w)
{
    char body[1024], label[64];

    snprintf(label, sizeof(label), "store every i%u", w);
    snprintf(body, sizeof(body),
             "  %%pa = getelementptr i%1$u, ptr addrspace(1) %%a, i32 %%id\n"
             "  %%po = getelementptr i%1$u, ptr addrspace(1) %%o, i32 %%id\n"
             "  %%x = load i%1$u, ptr addrspace(1) %%pa\n  %%r = mul i%1$u %%x, 3\n"
             "  store i%1$u %%r, ptr addrspace(1) %%po\n",
             w);
    rng_state = 17;
    for (unsigned i = 0; i < 4096; i++)
        put(0, i, w, rnd());
    clear_out();
    if (run(label, body, "", 4096, 64))
        expect(label, 4096, w, crowd_want);
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

/* ---- halves: bit for bit ---- */

#define HALVES 4096

static double half_at(unsigned buf, unsigned i)
{
    return (double)half_to_float((uint16_t)get(buf, i, 16));
}

static bool nan16(uint64_t h)
{
    return (h & 0x7fff) > 0x7c00;
}

static uint64_t half_want(unsigned i, unsigned k)
{
    double x = half_at(0, i), y = half_at(1, i), z = half_at(2, i);

    switch (k) {
    case 0:
        return half_from_double(x + y);
    case 1:
        return half_from_double(x - y);
    case 2:
        return half_from_double(x * y);
    case 3:
        return half_from_double(x / y);
    case 4: { /* exact product and, by long double, a sum that needs no second rounding */
        long double s = (long double)x * y + z;

        return half_from_double((double)s);
    }
    case 5:
        return half_from_double(sqrt(x));
    case 6:
        return half_from_double(fabs(x));
    case 8:
        return half_from_double((double)half_to_float(half_from_double(x * y)) + z);
    default:
        return half_from_double(-x);
    }
}

static uint16_t half_sample(unsigned i)
{
    static const uint16_t edge[] = {0,      0x8000, 1,      0x8001, 0x3ff,  0x400,  0x401,  0x3c00, 0xbc00,
                                    0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0x3555, 0x3bff, 0x6400, 0x0002};

    if (i < sizeof(edge) / sizeof(edge[0]))
        return edge[i];
    if (rnd() & 1) /* near one: sums with ties */
        return (uint16_t)(0x3000 + rnd() % 0x1800) | (uint16_t)(rnd() & 0x8000);
    return (uint16_t)rnd();
}

/*
 * May the device's own half arithmetic answer @got? Vulkan (Precision of Individual Operations): quotients 2.5 ULP where
 * the divisor is in 2^-14..2^14, roots as 1 / inversesqrt: 2 ULP and that; all others here are correctly rounded.
 */
static bool half_near(unsigned i, unsigned k, uint64_t got, uint64_t want)
{
    double divisor = fabs(half_at(1, i));

    if (k == 3 && (divisor < 0x1p-14 || divisor > 0x1p14))
        return true;
    return (k == 3 || k == 5) && !nan16(want) && !nan16(got) && (got ^ want) < 0x8000 &&
           llabs((long long)got - (long long)want) <= (k == 3 ? 3 : 5);
}

static void half_test(unsigned k, const char *name, const char *line, const char *extra)
{
    char body[1024], label[64];
    bool ok = true;

    snprintf(label, sizeof(label), "half %s", name);
    snprintf(body, sizeof(body),
             "  %%pa = getelementptr half, ptr addrspace(1) %%a, i32 %%id\n"
             "  %%pb = getelementptr half, ptr addrspace(1) %%b, i32 %%id\n"
             "  %%pc = getelementptr half, ptr addrspace(1) %%c, i32 %%id\n"
             "  %%po = getelementptr half, ptr addrspace(1) %%o, i32 %%id\n"
             "  %%x = load half, ptr addrspace(1) %%pa\n  %%y = load half, ptr addrspace(1) %%pb\n"
             "  %%z = load half, ptr addrspace(1) %%pc\n%s  store half %%r, ptr addrspace(1) %%po\n",
             line);
    rng_state = 43 + k;
    for (unsigned i = 0; i < HALVES; i++) {
        put(0, i, 16, half_sample(i % 400 < 18 ? i % 400 : 99));
        put(1, i, 16, half_sample(i / 20 % 40));
        put(2, i, 16, half_sample(i / 3 % 100));
    }
    clear_out();
    if (!run(label, body, extra, HALVES, 64))
        return;
    for (unsigned i = 0; i < HALVES && ok; i++) {
        uint64_t got = get(3, i, 16), want = half_want(i, k);

        /* A device may round its own fma twice; what stands in for it does not. */
        if (k == 4 && !(mask & AIR_CAP_FLOAT16) && got == half_want(i, 8))
            continue;
        ok = (nan16(want) ? nan16(got) : got == want) || (!(mask & AIR_CAP_FLOAT16) && half_near(i, k, got, want));
        if (!ok)
            verdict(label, false, i, got, want);
    }
    if (ok)
        verdict(label, true, 0, 0, 0);
}

static void fptrunc_test(void)
{
    static const char body[] = "  %pa = getelementptr float, ptr addrspace(1) %a, i32 %id\n"
                               "  %po = getelementptr half, ptr addrspace(1) %o, i32 %id\n"
                               "  %x = load float, ptr addrspace(1) %pa\n  %r = fptrunc float %x to half\n"
                               "  store half %r, ptr addrspace(1) %po\n";
    bool ok = true;

    rng_state = 47;
    for (unsigned i = 0; i < HALVES; i++) { /* around every half, at ties and beside them, and below the smallest */
        float h = half_to_float(half_sample(i));
        uint32_t u;

        memcpy(&u, &h, 4);
        u += i % 7 == 0   ? 0x1000
             : i % 7 == 1 ? 0xfff
             : i % 7 == 2 ? 0x1001
             : i % 7 == 3 ? 0x3000
                          : (uint32_t)(rnd() & 0x1fff);
        if (i % 11 == 0)
            u = 0x32800000u + (uint32_t)(rnd() % 0x6000000); /* subnormal halves and less */
        put(0, i, 32, u);
    }
    clear_out();
    if (!run("half fptrunc", body, "", HALVES, 64))
        return;
    for (unsigned i = 0; i < HALVES && ok; i++) {
        uint32_t u = (uint32_t)get(0, i, 32);
        uint64_t got = get(3, i, 16), want;
        float f;

        memcpy(&f, &u, 4);
        want = half_from_double((double)f);
        ok = nan16(want) ? nan16(got) : got == want;
        if (!ok)
            verdict("half fptrunc", false, i, got, want);
    }
    if (ok)
        verdict("half fptrunc", true, 0, 0, 0);
}

static uint64_t fcmp_want(unsigned i, unsigned w)
{
    double x = half_at(0, i), y = half_at(1, i);

    return (uint64_t)((x < y) | (x <= y) << 1 | (x == y) << 2 | (isnan(x) || isnan(y)) << 3 | !(x < y) << 4);
}

static void fcmp_test(void)
{
    static const char body[] =
        "  %pa = getelementptr half, ptr addrspace(1) %a, i32 %id\n  %pb = getelementptr half, ptr addrspace(1) %b, "
        "i32 %id\n"
        "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n"
        "  %x = load half, ptr addrspace(1) %pa\n  %y = load half, ptr addrspace(1) %pb\n"
        "  %c0 = fcmp olt half %x, %y\n  %c1 = fcmp ole half %x, %y\n  %c2 = fcmp oeq half %x, %y\n"
        "  %c3 = fcmp uno half %x, %y\n  %c4 = fcmp uge half %x, %y\n"
        "  %d0 = zext i1 %c0 to i32\n  %d1 = zext i1 %c1 to i32\n  %d2 = zext i1 %c2 to i32\n  %d3 = zext i1 %c3 to "
        "i32\n"
        "  %d4 = zext i1 %c4 to i32\n  %e1 = shl i32 %d1, 1\n  %e2 = shl i32 %d2, 2\n  %e3 = shl i32 %d3, 3\n"
        "  %e4 = shl i32 %d4, 4\n  %f0 = or i32 %d0, %e1\n  %f1 = or i32 %e2, %e3\n  %f2 = or i32 %f0, %f1\n"
        "  %f3 = or i32 %f2, %e4\n  store i32 %f3, ptr addrspace(1) %po\n";

    rng_state = 53;
    for (unsigned i = 0; i < 1024; i++) {
        put(0, i, 16, half_sample(i % 18));
        put(1, i, 16, half_sample(i / 18 % 20));
    }
    clear_out();
    if (run("half fcmp", body, "", 1024, 64))
        expect("half fcmp", 1024, 32, fcmp_want);
}

static void everything(void)
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
        unsigned w = widths[i];

        for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
            op_test(k, w, 1);
            op_test(k, w, w == 16 ? 4 : 2);
        }
        store_test(w);
        crowd_test(w);
        shared_test(w);
        private_test(w);
        vector_test(w);
        loop_test(w);
        aggregate_test(w);
        table_test(w);
        for (unsigned to = 8; to <= 64; to *= 2) {
            if (to > w) {
                cast_test(w, to, 's');
                cast_test(w, to, 'z');
            } else if (to < w) {
                cast_test(w, to, 't');
            }
        }
        for (unsigned to = 16; to <= 32; to *= 2) {
            to_float_test(w, to, 's');
            to_float_test(w, to, 'u');
        }
        from_float_test(w, 's');
        from_float_test(w, 'u');
    }
    cast_test(32, 64, 's');
    cast_test(32, 64, 'z');
    cast_test(32, 16, 't');
    for (unsigned i = 0; i < sizeof(casts) / sizeof(casts[0]); i++)
        bitcast_test(casts[i].from, casts[i].to, casts[i].bytes);
    half_test(0, "fadd", "  %r = fadd half %x, %y\n", "");
    half_test(1, "fsub", "  %r = fsub half %x, %y\n", "");
    half_test(2, "fmul", "  %r = fmul half %x, %y\n", "");
    half_test(3, "fdiv", "  %r = fdiv half %x, %y\n", "");
    half_test(4, "fma", "  %r = call half @air.fma.f16(half %x, half %y, half %z)\n",
              "declare half @air.fma.f16(half, half, half)");
    half_test(5, "sqrt", "  %r = call half @air.sqrt.f16(half %x)\n", "declare half @air.sqrt.f16(half)");
    half_test(6, "fabs", "  %r = call half @air.fabs.f16(half %x)\n", "declare half @air.fabs.f16(half)");
    half_test(7, "fneg", "  %r = fneg half %x\n", "");
    fptrunc_test();
    fcmp_test();
}

int main(int argc, char **argv)
{
    const char *why = vk_open(&vk);

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    only = argc > 1 ? argv[1] : NULL;
    for (unsigned i = 0; i < 4; i++) {
        if (!vk_buf_new(&vk, &b[i], BYTES))
            return 2;
    }
    for (unsigned d = 0; d < sizeof(devices) / sizeof(devices[0]); d++) {
        device = devices[d].name;
        mask = devices[d].off;
        words = devices[d].word;
        everything();
    }
    for (unsigned i = 0; i < 4; i++)
        vk_buf_free(&vk, &b[i]);
    printf("device %s: %u right, %u wrong\n", vk.name, right, wrong);
    vk_close(&vk);
    return wrong ? 1 : 0;
}
