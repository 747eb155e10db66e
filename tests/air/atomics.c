/* SPDX-License-Identifier: MIT */
/*
 * Atomics on buffers and threadgroup memory (air 3.7), 32 and 64 bits, integers and floats, by value. Each kernel has 64
 * threads: thread i works on cell i alone and reports the old value, then all of them on cell 64 together; floats also with
 * the compare-and-swap loop that serves devices without float atomics. usage: atomics [OP.TYPE]
 */
#include "vkrun.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 64
#define SHARED  THREADS /* cell of all threads */
#define CELLS   (THREADS + 1)

static struct vk vk;
static unsigned right, wrong, refused, skipped;

enum type { I32, U32, F32, I64, U64 };

static const struct {
    const char *llvm, *suffix;
    unsigned bytes;
} types[] = {{"i32", "s.i32", 4}, {"i32", "u.i32", 4}, {"float", "f32", 4}, {"i64", "s.i64", 8}, {"i64", "u.i64", 8}};

static const char *const ops[] = {"add", "sub", "and", "or", "xor", "min", "max", "xchg", "cmpxchg.weak", "load", "store"};

/* A cell, as bits. */
static uint64_t from_int(enum type t, int64_t v)
{
    float f = (float)v;
    uint32_t u;

    if (t == F32) {
        memcpy(&u, &f, 4);
        return u;
    }
    return types[t].bytes == 4 ? (uint32_t)v : (uint64_t)v;
}

static int64_t to_int(enum type t, uint64_t bits)
{
    uint32_t u = (uint32_t)bits;
    float f;

    memcpy(&f, &u, 4);
    return t == F32 ? (int64_t)f : t == I32 ? (int32_t)u : t == U32 ? (int64_t)u : (int64_t)bits;
}

static int64_t before(enum type t, unsigned cell)
{
    int64_t v = (int64_t)(cell * 37 % 101) - (t == U32 || t == U64 ? 0 : 50);

    return cell == SHARED ? (t == I32 || t == I64 || t == F32 ? -7 : 1000) : v;
}

/* Operand of thread @i; its cell's swap is expected to succeed for even threads. */
static int64_t operand(enum type t, unsigned i)
{
    return (int64_t)(i * 13 % 61) - (t == I32 || t == I64 || t == F32 ? 20 : 0);
}

static uint64_t apply(const char *op, enum type t, uint64_t cell, unsigned i)
{
    int64_t a = to_int(t, cell), b = operand(t, i);

    if (!strcmp(op, "add"))
        return from_int(t, a + b);
    if (!strcmp(op, "sub"))
        return from_int(t, a - b);
    if (!strcmp(op, "and"))
        return from_int(t, a & b);
    if (!strcmp(op, "or"))
        return from_int(t, a | b);
    if (!strcmp(op, "xor"))
        return from_int(t, a ^ b);
    if (!strcmp(op, "min"))
        return from_int(t, a < b ? a : b);
    if (!strcmp(op, "max"))
        return from_int(t, a > b ? a : b);
    if (!strcmp(op, "cmpxchg.weak"))
        return i & 1 ? cell : from_int(t, b);
    return strcmp(op, "load") ? from_int(t, b) : cell; /* xchg, store */
}

/* Operations whose order does not show in the result: these meet in the shared cell. */
static bool commutes(const char *op)
{
    return !strcmp(op, "add") || !strcmp(op, "sub") || !strcmp(op, "and") || !strcmp(op, "or") || !strcmp(op, "xor") ||
           !strcmp(op, "min") || !strcmp(op, "max");
}

struct text {
    char s[8192];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    t->n += (size_t)vsnprintf(t->s + t->n, sizeof(t->s) - t->n, fmt, ap);
    va_end(ap);
    if (t->n >= sizeof(t->s))
        abort(); /* a kernel of this program is too long */
}

/* One atomic on pointer @p: result %NAME. @flags: the newest toolchain's extra operand (air 3.7). */
static void call(struct text *t, const char *name, const char *op, enum type ty, bool local, const char *p, bool flags)
{
    const char *l = types[ty].llvm, *mem = local ? "local" : "global", *extra = flags ? "i32 1, " : "";
    unsigned as = local ? 3 : 1, scope = local ? 1 : 2;

    if (!strcmp(op, "load"))
        add(t, "  %%%s = call %s @air.atomic.%s.load.%s(ptr addrspace(%u) %s, i32 0, i32 %u, %si1 true)\n", name, l, mem,
            types[ty].suffix, as, p, scope, extra);
    else if (!strcmp(op, "store"))
        add(t, "  call void @air.atomic.%s.store.%s(ptr addrspace(%u) %s, %s %%v, i32 0, i32 %u, %si1 true)\n", mem,
            types[ty].suffix, as, p, l, scope, extra);
    else if (!strcmp(op, "cmpxchg.weak"))
        add(t, "  %%%s = call %s @air.atomic.%s.cmpxchg.weak.%s(ptr addrspace(%u) %s, ptr %%e, %s %%v, i32 0, i32 0, i32 %u, "
            "%si1 true)\n", name, l, mem, types[ty].suffix, as, p, l, scope, extra);
    else
        add(t, "  %%%s = call %s @air.atomic.%s.%s.%s(ptr addrspace(%u) %s, %s %%v, i32 0, i32 %u, %si1 true)\n", name, l, mem,
            op, types[ty].suffix, as, p, l, scope, extra);
}

static void declaration(struct text *t, const char *op, enum type ty, bool local, bool flags)
{
    const char *l = types[ty].llvm, *mem = local ? "local" : "global", *extra = flags ? "i32, " : "";
    unsigned as = local ? 3 : 1;
    bool cas = !strcmp(op, "cmpxchg.weak"), load = !strcmp(op, "load"), store = !strcmp(op, "store");

    add(t, "declare %s @air.atomic.%s.%s.%s(ptr addrspace(%u)%s%s%s, i32, i32%s, %si1)\n", store ? "void" : l, mem, op,
        types[ty].suffix, as, cas ? ", ptr" : "", load ? "" : ", ", load ? "" : l, cas ? ", i32" : "", extra);
}

/* Buffer 0: cells, 1: operands, 2: old values, 3: what the compare-and-swap expects and what it left there. */
static void text_of(struct text *t, const char *op, enum type ty, bool local, bool flags)
{
    const char *l = types[ty].llvm, *p = local ? "%lp" : "%pa";

    t->n = 0;
    add(t, "target triple = \"air64-apple-macosx14.0.0\"\n");
    if (local)
        add(t, "@tg = internal addrspace(3) global [%u x %s] undef, align 16\n", CELLS, l);
    add(t, "define void @k(ptr addrspace(1) %%a, ptr addrspace(1) %%b, ptr addrspace(1) %%c, ptr addrspace(1) %%d, i32 %%id) {\n");
    for (const char *b = "abcd"; *b; b++)
        add(t, "  %%p%c = getelementptr %s, ptr addrspace(1) %%%c, i32 %%id\n", *b, l, *b);
    add(t, "  %%as = getelementptr %s, ptr addrspace(1) %%a, i32 %u\n  %%v = load %s, ptr addrspace(1) %%pb\n", l, SHARED, l);
    if (!strcmp(op, "cmpxchg.weak"))
        add(t, "  %%e = alloca %s\n  %%ev = load %s, ptr addrspace(1) %%pd\n  store %s %%ev, ptr %%e\n", l, l, l);
    if (local) {
        add(t, "  %%lp = getelementptr [%u x %s], ptr addrspace(3) @tg, i32 0, i32 %%id\n"
               "  %%ls = getelementptr [%u x %s], ptr addrspace(3) @tg, i32 0, i32 %u\n", CELLS, l, CELLS, l, SHARED);
        add(t, "  %%x = load %s, ptr addrspace(1) %%pa\n  store %s %%x, ptr addrspace(3) %%lp\n"
               "  %%first = icmp eq i32 %%id, 0\n  br i1 %%first, label %%one, label %%all\none:\n"
               "  %%y = load %s, ptr addrspace(1) %%as\n  store %s %%y, ptr addrspace(3) %%ls\n  br label %%all\nall:\n"
               "  call void @air.wg.barrier(i32 2, i32 1)\n", l, l, l, l);
    }
    call(t, "old", op, ty, local, p, flags);
    if (strcmp(op, "store"))
        add(t, "  store %s %%old, ptr addrspace(1) %%pc\n", l);
    if (!strcmp(op, "cmpxchg.weak"))
        add(t, "  %%left = load %s, ptr %%e\n  store %s %%left, ptr addrspace(1) %%pd\n", l, l);
    if (commutes(op))
        call(t, "old2", op, ty, local, local ? "%ls" : "%as", flags);
    if (local) {
        add(t, "  call void @air.wg.barrier(i32 2, i32 1)\n  %%z = load %s, ptr addrspace(3) %%lp\n"
               "  store %s %%z, ptr addrspace(1) %%pa\n  br i1 %%first, label %%two, label %%end\ntwo:\n"
               "  %%w = load %s, ptr addrspace(3) %%ls\n  store %s %%w, ptr addrspace(1) %%as\n  br label %%end\nend:\n",
            l, l, l, l);
    }
    add(t, "  ret void\n}\n");
    declaration(t, op, ty, local, flags);
    if (local)
        add(t, "declare void @air.wg.barrier(i32, i32) convergent\n");
    add(t, "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5, !6, !7}\n");
    for (unsigned i = 0; i < 4; i++)
        add(t, "!%u = !{i32 %u, !\"air.buffer\", !\"air.location_index\", i32 %u, i32 1, !\"air.read_write\"}\n", 3 + i, i, i);
    add(t, "!7 = !{i32 4, !\"air.thread_position_in_grid\"}\n");
}

static uint64_t cell(const struct vk_buf *b, enum type t, unsigned i)
{
    uint64_t v = 0;

    memcpy(&v, (const uint8_t *)b->map + i * types[t].bytes, types[t].bytes);
    return v;
}

static void set_cell(struct vk_buf *b, enum type t, unsigned i, int64_t v)
{
    uint64_t bits = from_int(t, v);

    memcpy((uint8_t *)b->map + i * types[t].bytes, &bits, types[t].bytes);
}

/* @threads: of the dispatch; fewer than the threadgroup leave the other threads' cells alone (air 4.7). */
static bool check(const char *name, const char *op, enum type t, const struct vk_buf *b, unsigned threads)
{
    uint64_t all = from_int(t, before(t, SHARED)), got, want;

    for (unsigned i = 0; i < threads && commutes(op); i++)
        all = apply(op, t, all, i);
    for (unsigned i = 0; i < CELLS; i++) {
        bool own = i < threads;
        uint64_t start = from_int(t, before(t, i));

        got = cell(&b[0], t, i);
        want = i == SHARED ? all : own ? apply(op, t, start, i) : start;
        if (got != want) {
            printf("%s wrong: cell %u is %llx, expected %llx\n", name, i, (unsigned long long)got, (unsigned long long)want);
            return false;
        }
        if (!own || i == SHARED || !strcmp(op, "store"))
            continue;
        got = cell(&b[2], t, i);
        if (got != start || (!strcmp(op, "cmpxchg.weak") && cell(&b[3], t, i) != start)) {
            printf("%s wrong: old value %u is %llx, expected %llx\n", name, i, (unsigned long long)got,
                   (unsigned long long)start);
            return false;
        }
    }
    return true;
}

static void test(const char *op, enum type t, bool local, bool flags, unsigned threads, uint32_t without, struct vk_buf *b)
{
    static struct text text;
    char name[120], err[600];
    struct air_options o;
    struct vk_run r = {.groups = {1, 1, 1}, .local = {THREADS, 1, 1}, .buf = {&b[0], &b[1], &b[2], &b[3]}};
    enum vk_text how;

    snprintf(name, sizeof(name), "air.atomic.%s.%s.%s%s%s%s", local ? "local" : "global", op, types[t].suffix,
             flags ? " with flags" : "", threads < THREADS ? " at an edge" : "", without ? " by compare-and-swap" : "");
    if (types[t].bytes == 8 && (~vk.caps & (AIR_CAP_ATOMIC_INT64 | AIR_CAP_INT64))) {
        printf("%s skipped: no 64-bit atomics\n", name);
        skipped++;
        return;
    }
    if (threads < THREADS)
        r.threads[0] = threads, r.threads[1] = r.threads[2] = 1;
    for (unsigned i = 0; i < CELLS; i++) {
        set_cell(&b[0], t, i, before(t, i));
        set_cell(&b[1], t, i, operand(t, i));
        set_cell(&b[2], t, i, 0);
        set_cell(&b[3], t, i, i & 1 ? 12345 : before(t, i));
    }
    vk_options(&vk, &o);
    o.caps &= ~without;
    text_of(&text, op, t, local, flags);
    how = vk_run_text(&vk, text.s, &o, &r, NULL, err, sizeof(err));
    if (how == VK_TEXT_RAN) {
        *(check(name, op, t, b, threads) ? &right : &wrong) += 1;
        return;
    }
    printf("%s %s\n%s", name, err, how == VK_TEXT_NOT_ASSEMBLED ? text.s : "");
    *(how == VK_TEXT_REFUSED ? &refused : &wrong) += 1;
}

int main(int argc, char **argv)
{
    struct vk_buf b[4];
    const char *why = vk_open(&vk);
    char key[40];

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (!vk_buf_new(&vk, &b[i], CELLS * 8))
            return 2;
    }
    for (unsigned t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
            const char *op = ops[k];
            bool floats = !strcmp(op, "add") || !strcmp(op, "sub") || !commutes(op);

            snprintf(key, sizeof(key), "%s.%s", op, types[t].suffix);
            if ((argc > 1 && strcmp(argv[1], key)) || (t == F32 && !floats))
                continue;
            test(op, t, false, false, THREADS, 0, b);
            if (t == F32 && commutes(op) && vk.caps & AIR_CAP_ATOMIC_FLOAT_ADD)
                test(op, t, false, false, THREADS, AIR_CAP_ATOMIC_FLOAT_ADD, b);
            if (types[t].bytes == 8) /* Metal has these on buffers alone */
                continue;
            test(op, t, true, false, THREADS, 0, b);
            test(op, t, true, false, 50, 0, b);
            test(op, t, false, true, THREADS, 0, b);
        }
    }
    for (unsigned i = 0; i < 4; i++)
        vk_buf_free(&vk, &b[i]);
    printf("device %s: %u right, %u wrong, %u refused, %u skipped\n", vk.name, right, wrong, refused, skipped);
    vk_close(&vk);
    return wrong || refused ? 1 : 0;
}
