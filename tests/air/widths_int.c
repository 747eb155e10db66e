/* SPDX-License-Identifier: MIT */
/*
 * Integers of the test widths: arithmetic, comparisons, conversions between widths and to and from floats.
 */
#include "base/half.h"
#include "widths.h"

#include <math.h>
#include <stdio.h>

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

static void widths_integers(void)
{
    static const unsigned widths[] = {8, 16, 64};

    for (unsigned i = 0; i < 3; i++) {
        unsigned w = widths[i];

        for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
            op_test(k, w, 1);
            op_test(k, w, w == 16 ? 4 : 2);
        }
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
}

void (*const parts[])(void) = {widths_integers, widths_memory, widths_halves, widths_simd, NULL};
const unsigned one_in = 1;
