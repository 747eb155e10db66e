/* SPDX-License-Identifier: MIT */
/*
 * SIMD-group operations where threads part ways (decision 26): random programs of branches and loops with breaks,
 * continues and returns, by conditions that differ between workgroups, SIMD groups and lanes, nested, with sums, votes,
 * scans and shuffles anywhere in them. Each is run on the device and by an interpreter that keeps a mask of threads,
 * and compared by value: threads that part meet again where their ways do, and an operation is one of those that came
 * to it.
 *
 * usage: parting [FIRST COUNT [--print]]: seeds; the programs as text. Exit status 77 without a Vulkan device.
 */
#include "vkrun.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCAL   128 /* threads of a workgroup: four SIMD groups */
#define GROUPS  2
#define THREADS (LOCAL * GROUPS)
#define VARS    4
#define COUNTS  8
#define TURNS   5 /* most turns of a loop */
#define MOST                                                                                                           \
    40 /* statements of a program, about: lavapipe's time to compile grows faster than the number of its barriers */

enum kind { SET, SIMD, IF, LOOP, BREAK, CONTINUE, RETURN, EXCHANGE, COUNT };
enum by { BY_WORKGROUP, BY_GROUP, BY_LANE }; /* what a condition differs between */

struct stmt {
    enum kind kind;
    int dst, a, b, op;
    uint32_t k;
    enum by by;
    int body, other, next; /* statements, -1 none */
};

enum simd { SUM, MAX, MIN, XOR, INCLUSIVE, EXCLUSIVE, FIRST, ANY, ALL, IS_FIRST, QUAD, ACROSS, DOWN, SIMDS };

static const char *const simd_name[SIMDS] = {
    "simd_sum.u.i32",
    "simd_max.s.i32",
    "simd_min.u.i32",
    "simd_xor.u.i32",
    "simd_prefix_inclusive_sum.u.i32",
    "simd_prefix_exclusive_sum.u.i32",
    "simd_broadcast_first.u.i32",
    "simd_any",
    "simd_all",
    "simd_is_first",
    "quad_sum.u.i32",
    "simd_shuffle_xor.u.i32",
    "simd_shuffle_down.u.i32",
};

static const char *const set_name[] = {"add", "xor", "sub", "mul", "and", "or"};

static struct stmt st[4 * MOST];
static int nst;
static bool whole_groups; /* the program asks for threads that a grid may not have */
static uint32_t rng;
static char text[200000];
static size_t len;

static uint32_t rnd(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 17;
    rng ^= rng << 5;
    return (rng >> 8) % n;
}

/* ---- the program ---- */

struct place {
    enum by by; /* who may have parted here */
    bool in_loop, may_leave;
    int depth;
};

/* Lanes that may not be there are asked for, or all threads: only where none has parted. */
static bool wants_all(const struct stmt *s)
{
    return s->kind == EXCHANGE || (s->kind == SIMD && s->op >= ACROSS);
}

static bool ends(const struct stmt *s)
{
    return s->kind == BREAK || s->kind == CONTINUE || s->kind == RETURN;
}

/* Is a way taken from among these statements past what follows them? */
static bool leaves(int i)
{
    for (; i >= 0; i = st[i].next) {
        if (ends(&st[i]) || leaves(st[i].body) || leaves(st[i].other))
            return true;
    }
    return false;
}

/* Does every way through these statements leave what is around them? */
static bool all_leave(int i)
{
    for (; i >= 0; i = st[i].next) {
        if (st[i].kind == BREAK || st[i].kind == RETURN ||
            (st[i].kind == IF && all_leave(st[i].body) && all_leave(st[i].other)))
            return true;
    }
    return false;
}

/* Takes out the operations that want all threads, or any other. */
static void calm(int i, bool any)
{
    for (; i >= 0; i = st[i].next) {
        if (wants_all(&st[i]) || (any && st[i].kind == SIMD))
            st[i] = (struct stmt){
                .kind = SET, .dst = st[i].dst, .a = st[i].a, .b = st[i].b, .body = -1, .other = -1, .next = st[i].next};
        calm(st[i].body, any);
        calm(st[i].other, any);
    }
}

static int block(struct place p, int most);

static int statement(struct place p)
{
    struct stmt s = {.dst = (int)rnd(VARS),
                     .a = (int)rnd(VARS),
                     .b = (int)rnd(VARS),
                     .op = (int)rnd(6),
                     .k = rnd(7) + 1,
                     .by = (enum by)rnd(3),
                     .body = -1,
                     .other = -1,
                     .next = -1};
    int me = nst++;
    uint32_t r = rnd(100);

    if (p.depth < 4 && nst < MOST && r < 40) {
        struct place q = p;

        q.by = s.by > p.by ? s.by : p.by;
        q.depth++;
        if (r < 22) {
            s.kind = IF;
            q.may_leave = true;
            s.body = block(q, 4);
            if (rnd(2))
                s.other = block(q, 3);
        } else {
            s.kind = LOOP;
            q.in_loop = true;
            q.may_leave = false;
            s.body = block(q, 5);
            if (leaves(s.body))
                calm(s.body, false); /* what comes first in it is run again after it has parted */
        }
    } else if (p.may_leave && r < 52) {
        s.kind = !p.in_loop ? RETURN : rnd(2) ? BREAK : CONTINUE;
        if (s.kind == RETURN && rnd(2))
            s.kind = SET;
    } else if (r < 80) {
        s.kind = SIMD;
        s.op = (int)rnd(p.by == BY_LANE ? ACROSS : SIMDS);
    } else if (r < 84 && p.by == BY_WORKGROUP) {
        s.kind = EXCHANGE;
    } else {
        s.kind = r < 88 ? COUNT : SET;
    }
    st[me] = s;
    return me;
}

static int block(struct place p, int most)
{
    int first = -1, last = -1, n = 1 + (int)rnd((uint32_t)most);

    for (int i = 0; i < n; i++) {
        int s = statement(p);

        if (first < 0)
            first = s;
        else
            st[last].next = s;
        last = s;
        if (ends(&st[s]))
            break;
        if (leaves(st[s].body) || leaves(st[s].other))
            p.by = BY_LANE;
    }
    /* What leads out of a loop is no part of it: whether threads of different turns meet there is nowhere defined. */
    if (p.in_loop && all_leave(first))
        calm(first, true);
    return first;
}

static void make(uint32_t seed)
{
    rng = seed * 2654435761u + 1;
    nst = 0;
    (void)block((struct place){.by = BY_WORKGROUP}, 9); /* statement 0 comes first */
    whole_groups = false;
    for (int i = 0; i < nst; i++)
        whole_groups = whole_groups || wants_all(&st[i]);
}

/* ---- as text ---- */

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    len += (size_t)vsnprintf(text + len, sizeof(text) - len, fmt, ap);
    va_end(ap);
    if (len >= sizeof(text))
        abort();
}

/* The condition of statement @i: %c<i>. */
static void put_condition(int i)
{
    const struct stmt *s = &st[i];

    if (s->by == BY_WORKGROUP)
        put("  %%m%d = and i32 %%u, %u\n", i, s->k);
    else if (s->by == BY_GROUP)
        put("  %%l%d = add i32 %%sg, %u\n  %%m%d = and i32 %%l%d, 2\n", i, s->k, i, i);
    else
        put("  %%x%d = load i32, ptr %%v%d\n  %%l%d = lshr i32 %%x%d, %u\n  %%m%d = and i32 %%l%d, 1\n", i, s->a, i, i,
            s->k, i, i);
    put("  %%c%d = icmp ne i32 %%m%d, 0\n", i, i);
}

/* How often its loop goes back: %t<i>. */
static void put_turns(int i)
{
    const struct stmt *s = &st[i];

    if (s->by == BY_LANE)
        put("  %%x%d = load i32, ptr %%v%d\n", i, s->a);
    else
        put("  %%x%d = add i32 %s, %u\n", i, s->by == BY_GROUP ? "%sg" : "%u", s->k);
    put("  %%t%d = urem i32 %%x%d, %d\n", i, i, TURNS);
}

static void put_simd(int i)
{
    const struct stmt *s = &st[i];
    const char *n = simd_name[s->op];

    put("  %%x%d = load i32, ptr %%v%d\n", i, s->a);
    if (s->op == ANY || s->op == ALL || s->op == IS_FIRST) {
        put("  %%y%d = lshr i32 %%x%d, %u\n  %%z%d = trunc i32 %%y%d to i1\n", i, i, s->k, i, i);
        if (s->op == IS_FIRST)
            put("  %%p%d = call i1 @air.%s()\n", i, n);
        else
            put("  %%p%d = call i1 @air.%s(i1 %%z%d)\n", i, n, i);
        put("  %%r%d = zext i1 %%p%d to i32\n", i, i);
    } else if (s->op >= ACROSS) {
        put("  %%r%d = call i32 @air.%s(i32 %%x%d, i16 %u)\n", i, n, i, s->k);
    } else {
        put("  %%r%d = call i32 @air.%s(i32 %%x%d)\n", i, n, i);
    }
    put("  %%w%d = load i32, ptr %%v%d\n  %%q%d = mul i32 %%w%d, 5\n  %%o%d = add i32 %%q%d, %%r%d\n", i, s->dst, i, i,
        i, i, i);
    put("  store i32 %%o%d, ptr %%v%d\n", i, s->dst);
}

/* False when the text ended with a way to elsewhere. */
static bool put_block(int i, int loop)
{
    for (; i >= 0; i = st[i].next) {
        const struct stmt *s = &st[i];

        switch (s->kind) {
        case SET:
            put("  %%x%d = load i32, ptr %%v%d\n  %%y%d = load i32, ptr %%v%d\n", i, s->a, i, s->b);
            put("  %%z%d = add i32 %%y%d, %u\n  %%w%d = %s i32 %%x%d, %%z%d\n  store i32 %%w%d, ptr %%v%d\n", i, i,
                s->k, i, set_name[s->op], i, i, i, s->dst);
            break;
        case SIMD:
            put_simd(i);
            break;
        case IF:
            put_condition(i);
            put("  br i1 %%c%d, label %%T%d, label %%F%d\nT%d:\n", i, i, i, i);
            if (put_block(s->body, loop))
                put("  br label %%J%d\n", i);
            put("F%d:\n", i);
            if (put_block(s->other, loop))
                put("  br label %%J%d\n", i);
            put("J%d:\n", i);
            break;
        case LOOP:
            put_turns(i);
            put("  store i32 0, ptr %%n%d\n  br label %%H%d\nH%d:\n", i, i, i);
            if (put_block(s->body, i))
                put("  br label %%K%d\n", i);
            put("K%d:\n  %%i%d = load i32, ptr %%n%d\n  %%j%d = add i32 %%i%d, 1\n  store i32 %%j%d, ptr %%n%d\n", i, i,
                i, i, i, i, i);
            put("  %%g%d = icmp ult i32 %%i%d, %%t%d\n  br i1 %%g%d, label %%H%d, label %%E%d\nE%d:\n", i, i, i, i, i,
                i, i);
            break;
        case BREAK:
            put("  br label %%E%d\n", loop);
            return false;
        case CONTINUE:
            put("  br label %%K%d\n", loop);
            return false;
        case RETURN:
            put("  br label %%end\n");
            return false;
        case EXCHANGE:
            put("  %%x%d = load i32, ptr %%v%d\n  store i32 %%x%d, ptr addrspace(3) %%mine\n", i, s->a, i);
            put("  call void @air.wg.barrier(i32 2, i32 1)\n  %%y%d = load i32, ptr addrspace(3) %%theirs\n", i);
            put("  call void @air.wg.barrier(i32 2, i32 1)\n  store i32 %%y%d, ptr %%v%d\n", i, s->dst);
            break;
        case COUNT:
            put("  %%x%d = load i32, ptr %%v%d\n", i, s->a);
            put("  %%p%d = getelementptr i32, ptr addrspace(1) %%o, i32 %u\n", i, THREADS * VARS + s->k % COUNTS);
            put("  %%y%d = call i32 @air.atomic.global.add.u.i32(ptr addrspace(1) %%p%d, i32 %%x%d, i32 0, i32 2, i1 "
                "true)\n",
                i, i, i);
            break;
        }
    }
    return true;
}

static const char head[] =
    "target triple = \"air64-apple-macosx14.0.0\"\n@s = internal addrspace(3) global [128 x i32] undef\n"
    "define void @k(ptr addrspace(1) %a, ptr addrspace(1) %o, i32 %id, i32 %lid, i32 %sg, i32 %lane, i32 %tg) {\n"
    "  %pa = getelementptr i32, ptr addrspace(1) %a, i32 %id\n  %in = load i32, ptr addrspace(1) %pa\n"
    "  %iu = add i32 %tg, 256\n  %pu = getelementptr i32, ptr addrspace(1) %a, i32 %iu\n"
    "  %u = load i32, ptr addrspace(1) %pu\n  %far = xor i32 %lid, 32\n"
    "  %mine = getelementptr i32, ptr addrspace(3) @s, i32 %lid\n"
    "  %theirs = getelementptr i32, ptr addrspace(3) @s, i32 %far\n";

static const char tail[] =
    "attributes #0 = { convergent nounwind }\n!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n"
    "!2 = !{!3, !4, !5, !6, !7, !8, !9}\n"
    "!3 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read\"}\n"
    "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 1, i32 1, !\"air.read_write\"}\n"
    "!5 = !{i32 2, !\"air.thread_position_in_grid\"}\n!6 = !{i32 3, !\"air.thread_position_in_threadgroup\"}\n"
    "!7 = !{i32 4, !\"air.simdgroup_index_in_threadgroup\"}\n!8 = !{i32 5, !\"air.thread_index_in_simdgroup\"}\n"
    "!9 = !{i32 6, !\"air.threadgroup_position_in_grid\"}\n";

static void put_program(void)
{
    static const char *const start[VARS] = {"%in", "%lane", "%sg", "%id"};

    len = 0;
    put("%s", head);
    for (int i = 0; i < VARS; i++)
        put("  %%v%d = alloca i32\n  store i32 %s, ptr %%v%d\n", i, start[i], i);
    for (int i = 0; i < nst; i++) {
        if (st[i].kind == LOOP)
            put("  %%n%d = alloca i32\n", i);
    }
    if (put_block(0, -1))
        put("  br label %%end\n");
    put("end:\n");
    for (int i = 0; i < VARS; i++)
        put("  %%fi%d = mul i32 %%id, %d\n  %%fj%d = add i32 %%fi%d, %d\n  %%fp%d = getelementptr i32, ptr "
            "addrspace(1) %%o, i32 "
            "%%fj%d\n  %%fv%d = load i32, ptr %%v%d\n  store i32 %%fv%d, ptr addrspace(1) %%fp%d\n",
            i, VARS, i, i, i, i, i, i, i, i, i);
    put("  ret void\n}\ndeclare void @air.wg.barrier(i32, i32) #0\n"
        "declare i32 @air.atomic.global.add.u.i32(ptr addrspace(1), i32, i32, i32, i1)\n");
    for (int i = 0; i < SIMDS; i++)
        put("declare %s @air.%s(%s) #0\n", i == ANY || i == ALL || i == IS_FIRST ? "i1" : "i32", simd_name[i],
            i == IS_FIRST          ? ""
            : i == ANY || i == ALL ? "i1"
            : i >= ACROSS          ? "i32, i16"
                                   : "i32");
    put("%s", tail);
}

/* ---- by the interpreter: one workgroup at a time, all its threads in step ---- */

static uint32_t v[VARS][LOCAL], count[COUNTS], u;

struct mask {
    bool on[LOCAL];
};

static bool any(const struct mask *m)
{
    for (int t = 0; t < LOCAL; t++) {
        if (m->on[t])
            return true;
    }
    return false;
}

static uint32_t simd(const struct stmt *s, const struct mask *m, int t)
{
    int width = s->op == QUAD ? 4 : 32, base = t / width * width, first = -1;
    const uint32_t *x = v[s->a];
    uint32_t r = s->op == MIN ? UINT32_MAX : s->op == MAX ? 0x80000000u : s->op == ALL;

    for (int l = base; l < base + width; l++) {
        uint32_t bit = x[l] >> s->k & 1;

        if (!m->on[l])
            continue;
        if (first < 0)
            first = l;
        switch (s->op) {
        case SUM:
        case QUAD:
            r += x[l];
            break;
        case MAX:
            r = (int32_t)x[l] > (int32_t)r ? x[l] : r;
            break;
        case MIN:
            r = x[l] < r ? x[l] : r;
            break;
        case XOR:
            r ^= x[l];
            break;
        case INCLUSIVE:
            r += l <= t ? x[l] : 0;
            break;
        case EXCLUSIVE:
            r += l < t ? x[l] : 0;
            break;
        case ANY:
            r |= bit;
            break;
        case ALL:
            r &= bit;
            break;
        default:
            break;
        }
    }
    if (s->op == FIRST)
        return x[first];
    if (s->op == IS_FIRST)
        return first == t;
    if (s->op == ACROSS)
        return x[base + ((t - base) ^ (int)s->k)];
    if (s->op == DOWN)
        return t - base + (int)s->k < 32 ? x[t + (int)s->k] : x[t];
    return r;
}

static bool condition(const struct stmt *s, int t)
{
    switch (s->by) {
    case BY_WORKGROUP:
        return u & s->k;
    case BY_GROUP:
        return ((uint32_t)t / 32 + s->k) & 2;
    default:
        return v[s->a][t] >> s->k & 1;
    }
}

static uint32_t set(int op, uint32_t a, uint32_t b)
{
    switch (op) {
    case 0:
        return a + b;
    case 1:
        return a ^ b;
    case 2:
        return a - b;
    case 3:
        return a * b;
    case 4:
        return a & b;
    default:
        return a | b;
    }
}

/* @m: who comes in, and afterwards who comes out at the end. */
static void run(int i, struct mask *m, struct mask *broken, struct mask *continued)
{
    for (; i >= 0; i = st[i].next) {
        const struct stmt *s = &st[i];
        uint32_t out[LOCAL], turns[LOCAL];
        struct mask other = {{false}};

        if (!any(m))
            return;
        switch (s->kind) {
        case SET:
        case SIMD:
        case EXCHANGE:
            for (int t = 0; t < LOCAL; t++) {
                if (m->on[t])
                    out[t] = s->kind == SET        ? set(s->op, v[s->a][t], v[s->b][t] + s->k)
                             : s->kind == EXCHANGE ? v[s->a][t ^ 32]
                                                   : v[s->dst][t] * 5 + simd(s, m, t);
            }
            for (int t = 0; t < LOCAL; t++) {
                if (m->on[t])
                    v[s->dst][t] = out[t];
            }
            break;
        case COUNT:
            for (int t = 0; t < LOCAL; t++)
                count[s->k % COUNTS] += m->on[t] ? v[s->a][t] : 0;
            break;
        case IF:
            for (int t = 0; t < LOCAL; t++) {
                bool c = condition(s, t);

                other.on[t] = m->on[t] && !c;
                m->on[t] = m->on[t] && c;
            }
            run(s->body, m, broken, continued);
            run(s->other, &other, broken, continued);
            for (int t = 0; t < LOCAL; t++)
                m->on[t] = m->on[t] || other.on[t];
            break;
        case LOOP:
            for (int t = 0; t < LOCAL; t++)
                turns[t] = (s->by == BY_LANE    ? v[s->a][t]
                            : s->by == BY_GROUP ? (uint32_t)t / 32 + s->k
                                                : u + s->k) %
                           TURNS;
            for (uint32_t n = 0; any(m); n++) {
                struct mask again = {{false}};

                run(s->body, m, &other, &again);
                for (int t = 0; t < LOCAL; t++) {
                    bool here = m->on[t] || again.on[t];

                    m->on[t] = here && n < turns[t];
                    other.on[t] = other.on[t] || (here && n >= turns[t]);
                }
            }
            *m = other;
            break;
        case BREAK:
        case CONTINUE:
        case RETURN:
            for (int t = 0; t < LOCAL; t++) {
                if (m->on[t] && s->kind != RETURN)
                    (s->kind == BREAK ? broken : continued)->on[t] = true;
                m->on[t] = false;
            }
            return;
        }
    }
}

static uint32_t input(uint32_t i)
{
    return i * 2654435761u >> 7;
}

static void expect(uint32_t threads, uint32_t *want)
{
    memset(count, 0, sizeof(count));
    for (uint32_t g = 0; g < GROUPS; g++) {
        struct mask m;

        u = input(THREADS + g);
        for (uint32_t t = 0; t < LOCAL; t++) {
            uint32_t id = g * LOCAL + t;

            m.on[t] = id < threads;
            v[0][t] = input(id);
            v[1][t] = t % 32;
            v[2][t] = t / 32;
            v[3][t] = id;
        }
        run(0, &m, NULL, NULL);
        for (uint32_t t = 0; t < LOCAL && g * LOCAL + t < threads; t++) {
            for (int i = 0; i < VARS; i++)
                want[(g * LOCAL + t) * VARS + (uint32_t)i] = v[i][t];
        }
    }
    memcpy(want + THREADS * VARS, count, sizeof(count));
}

/* ---- both ---- */

enum { OUT = THREADS * VARS + COUNTS };
static unsigned right, wrong, refused;

static void one(struct vk *vk, struct vk_buf buf[2], uint32_t seed, uint32_t flags, uint32_t threads)
{
    struct vk_run r = {.buf = {&buf[0], &buf[1]}, .local = {LOCAL, 1, 1}, .groups = {GROUPS, 1, 1}};
    static uint32_t want[OUT];
    uint32_t *got = buf[1].map;
    struct air_options o;
    enum vk_text how;
    char why[600], name[64];
    bool same;

    if (!(flags & AIR_OPT_WHOLE_GROUPS))
        r.threads[0] = threads, r.threads[1] = r.threads[2] = 1;
    for (uint32_t k = 0; k < THREADS + GROUPS; k++)
        ((uint32_t *)buf[0].map)[k] = input(k);
    memset(got, 0xee, OUT * 4);
    memset(want, 0xee, sizeof(want));
    memset(got + THREADS * VARS, 0, COUNTS * 4);
    expect(threads, want);
    vk_options(vk, &o);
    o.flags |= flags;
    how = vk_run_text(vk, text, &o, &r, NULL, why, sizeof(why));
    if (how == VK_TEXT_REFUSED) {
        refused++;
        printf("seed %u, flags %#x: refused %s\n", seed, flags, why);
        return;
    }
    snprintf(name, sizeof(name), "seed %u, flags %#x, %u threads", seed, flags, threads);
    same = vk_text_gave(how, why, name, got, want, OUT);
    right += same;
    wrong += !same;
}

int main(int argc, char **argv)
{
    uint32_t first = argc > 2 ? (uint32_t)atoi(argv[1]) : 1, n = argc > 2 ? (uint32_t)atoi(argv[2]) : 15;
    struct vk_buf buf[2];
    struct vk vk;
    const char *why;

    setvbuf(stdout, NULL, _IOLBF, 0);
    why = vk_open(&vk);

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    if (!vk_buf_new(&vk, &buf[0], (THREADS + GROUPS) * 4) || !vk_buf_new(&vk, &buf[1], OUT * 4))
        return 2;
    for (uint32_t seed = first; seed < first + n; seed++) {
        make(seed);
        put_program();
        if (argc > 3)
            printf("%s", text);
        one(&vk, buf, seed, AIR_OPT_WHOLE_GROUPS, THREADS);
        one(&vk, buf, seed, 0, whole_groups ? THREADS : THREADS - 55);
    }
    vk_buf_free(&vk, &buf[0]);
    vk_buf_free(&vk, &buf[1]);
    printf("device %s: %u right, %u wrong, %u refused\n", vk.name, right, wrong, refused);
    vk_close(&vk);
    return wrong || refused || !right;
}
