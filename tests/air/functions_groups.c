/* SPDX-License-Identifier: MIT */
/*
 * Every SIMD-group and quad-group operation (air 3.9) of the test functions, with each type and 1 to 4 components: as
 * wide as the device, and 32 wide (emulated where the device is narrower); by all threads, in a branch that some take,
 * and in a workgroup that ends within a SIMD group.
 */
#include "functions.h"

#include <math.h>
#include <stdio.h>

enum op {
    SUM,
    PRODUCT,
    MIN,
    MAX,
    AND,
    OR,
    XOR, /* these are reductions and scans */
    SHUFFLE,
    BROADCAST,
    FIRST,
    UP,
    DOWN,
    SHUFFLE_XOR,
    ROTATE_UP,
    ROTATE_DOWN,
    FILL_UP,
    FILL_DOWN,
    ALL,
    ANY,
    BALLOT,
    MASK,
    ELECT,
    SIZE, /* these take a boolean, or nothing */
};
enum scan { WHOLE, INCLUSIVE, EXCLUSIVE };

static const struct row {
    const char *name; /* after "simd_" or "quad_" */
    enum op op;
    enum scan scan;
} rows[] = {
    {"sum", SUM, WHOLE},
    {"product", PRODUCT, WHOLE},
    {"min", MIN, WHOLE},
    {"max", MAX, WHOLE},
    {"and", AND, WHOLE},
    {"or", OR, WHOLE},
    {"xor", XOR, WHOLE},
    {"prefix_inclusive_sum", SUM, INCLUSIVE},
    {"prefix_exclusive_sum", SUM, EXCLUSIVE},
    {"prefix_inclusive_product", PRODUCT, INCLUSIVE},
    {"prefix_exclusive_product", PRODUCT, EXCLUSIVE},
    {"shuffle", SHUFFLE, WHOLE},
    {"broadcast", BROADCAST, WHOLE},
    {"broadcast_first", FIRST, WHOLE},
    {"shuffle_up", UP, WHOLE},
    {"shuffle_down", DOWN, WHOLE},
    {"shuffle_xor", SHUFFLE_XOR, WHOLE},
    {"shuffle_rotate_up", ROTATE_UP, WHOLE},
    {"shuffle_rotate_down", ROTATE_DOWN, WHOLE},
    {"shuffle_and_fill_up", FILL_UP, WHOLE},
    {"shuffle_and_fill_down", FILL_DOWN, WHOLE},
};

/* Of a boolean, or of nothing. @type: of the result. */
static const struct {
    const char *name, *type, *suffix;
    enum op op;
} questions[] = {
    {"all", "i1", "", ALL},
    {"any", "i1", "", ANY},
    {"vote_all", "i1", "", ALL},
    {"vote_any", "i1", "", ANY},
    {"ballot", "i64", ".i64", BALLOT},
    {"active_threads_mask", "i64", ".i64", MASK},
    {"is_first", "i1", "", ELECT},
};

/* The kernel at hand. */
static const struct row *row;
static const struct scalar *type;
static unsigned n, lanes, threads, delta, modulo;
static bool quad, branch;
static enum op question;

static bool takes_part(unsigned i)
{
    return i < threads && (!branch || get(2, i, 16) % 3);
}

static uint64_t combine(uint64_t v, uint64_t w)
{
    bool less;

    if (type->kind == 'f' && row->op <= MAX) {
        double x = decode(type, v), y = decode(type, w);

        return encode(type, row->op == SUM       ? x + y
                            : row->op == PRODUCT ? x * y
                            : row->op == MIN     ? fmin(x, y)
                                                 : fmax(x, y));
    }
    less = type->kind == 's' ? sx(v, type->bits) < sx(w, type->bits) : v < w;
    switch (row->op) {
    case SUM:
        return (v + w) & ones(type->bits);
    case PRODUCT:
        return (v * w) & ones(type->bits);
    case MIN:
        return less ? v : w;
    case MAX:
        return less ? w : v;
    case AND:
        return v & w;
    case OR:
        return v | w;
    default:
        return v ^ w;
    }
}

static uint64_t start(void)
{
    double inf = row->op == MIN ? INFINITY : -INFINITY;

    if (type->kind == 'f')
        return encode(type, row->op == SUM ? 0 : row->op == PRODUCT ? 1 : inf);
    switch (row->op) {
    case PRODUCT:
        return 1;
    case MIN:
        return type->kind == 's' ? ones(type->bits) >> 1 : ones(type->bits);
    case MAX:
        return type->kind == 's' ? (ones(type->bits) >> 1) + 1 : 0;
    case AND:
        return ones(type->bits);
    default:
        return 0;
    }
}

/* Lane whose value lane @l takes; @fill: it is the fill's. */
static unsigned from_lane(unsigned l, unsigned own, bool *fill)
{
    unsigned in = modulo ? l % modulo : 0;

    *fill = false;
    switch (row->op) {
    case SHUFFLE:
        return own;
    case BROADCAST:
        return delta;
    case UP:
        return l < delta ? l : l - delta;
    case DOWN:
        return l + delta < lanes ? l + delta : l;
    case SHUFFLE_XOR:
        return l ^ delta;
    case ROTATE_UP:
        return (l + lanes - delta) % lanes;
    case ROTATE_DOWN:
        return (l + delta) % lanes;
    case FILL_UP: /* the last of the fill's group come in at the start */
        *fill = in < delta;
        return *fill ? l + modulo - delta : l - delta;
    default:
        *fill = in + delta >= modulo;
        return *fill ? l + delta - modulo : l + delta;
    }
}

static uint64_t want_of(unsigned i, unsigned k)
{
    unsigned base = i / lanes * lanes, w = type->bits, l;
    uint64_t acc = 0;
    bool fill;

    if (row->op == FIRST) {
        for (l = base; !takes_part(l); l++)
            ;
        return get(0, component(l, n, k), w);
    }
    if (row->op > XOR) {
        l = base + from_lane(i - base, get(2, i, 16) % lanes, &fill);
        return get(fill ? 1 : 0, component(l, n, k), w);
    }
    acc = start();
    for (l = base; l < base + lanes; l++) {
        if (takes_part(l) && (row->scan == WHOLE || l < i || (l == i && row->scan == INCLUSIVE)))
            acc = combine(acc, get(0, component(l, n, k), w));
    }
    return acc;
}

/* Sums and products of floats stay exact in the narrowest type. */
static uint64_t operand(unsigned i)
{
    static const double extremes[] = {INFINITY, -INFINITY, 0, -1.5, 240, -240, 0.5, 1};

    if (type->kind != 'f')
        return row->op == PRODUCT ? rnd() | 1 : sample(rnd() % 30, type->bits);
    if (row->op == SUM)
        return encode(type, (double)(rnd() % 8) - 3);
    if (row->op == PRODUCT)
        return encode(type, rnd() % 6 ? 1 : rnd() % 2 ? 2 : -0.5);
    return encode(type, i % 5 ? (double)(rnd() % 200) - 100 : extremes[rnd() % 8]);
}

static const char *group(void)
{
    return quad ? "quad" : "simd";
}

static void start_text(char *s, size_t max)
{
    snprintf(s, max,
             branch ? "  %%m = urem i16 %%lane, 3\n  %%take = icmp ne i16 %%m, 0\n"
                      "  br i1 %%take, label %%in, label %%out\nin:\n"
                    : "%s",
             "");
}

static void one(unsigned components)
{
    char body[2048], label[128], extra[400], t[24], suffix[24], lane[48] = "", x[200], f[200], l[200], st[200], in[200];
    bool filled = row->op == FILL_UP || row->op == FILL_DOWN;

    n = components;
    vector_names(type, n, t, suffix);
    modulo = filled ? lanes / (threads % 3 ? 1 : 2) : 0; /* whole groups, and halves of them */
    delta = quad ? 1 : row->op == SHUFFLE_XOR || row->op == BROADCAST ? 6 : 3;
    if (row->op == SHUFFLE)
        snprintf(lane, sizeof(lane), ", i16 %%lane");
    else if (row->op > XOR && row->op != FIRST)
        snprintf(lane, sizeof(lane), filled ? ", i16 %u, i16 %u" : ", i16 %u", delta, modulo);
    snprintf(label, sizeof(label), "%s_%s%s%s.%s, %u of %u%s", group(), row->name, type->kind == 'f' ? "" : ".",
             type->kind == 's'   ? "s"
             : type->kind == 'u' ? "u"
                                 : "",
             suffix, threads, lanes, branch ? ", in a branch" : "");
    snprintf(extra, sizeof(extra), "declare %s @air.%.*s(%s%s%s%s%s)", t, (int)strcspn(label, ","), label, t,
             filled ? ", " : "", filled ? t : "", *lane ? ", i16" : "", filled ? ", i16" : "");
    load_text(x, sizeof(x), "x", t, 'a');
    load_text(f, sizeof(f), "f", t, 'b');
    load_text(l, sizeof(l), "lane", "i16", 'c');
    store_text(st, sizeof(st), "r", t);
    start_text(in, sizeof(in));
    snprintf(body, sizeof(body), "%s%s%s%s  %%r = call %s @air.%.*s(%s %%x%s%s%s%s)\n%s%s", x, f, l, in, t,
             (int)strcspn(label, ","), label, t, filled ? ", " : "", filled ? t : "", filled ? " %f" : "", lane, st,
             branch ? "  br label %out\nout:\n" : "");
    rng_state = 71 + (uint64_t)row->op;
    for (unsigned i = 0; i < N * 4; i++) {
        put(0, i, type->bits, operand(i));
        put(1, i, type->bits, operand(i));
    }
    for (unsigned i = 0; i < N; i++)
        put(2, i, 16, (uint64_t)(i * 7 + i / 5) % lanes);
    clear_out();
    if (!run(label, body, extra, threads, threads))
        return;
    for (unsigned i = 0; i < threads; i++) {
        for (unsigned k = 0; k < n; k++) {
            uint64_t got = get(3, component(i, n, k), type->bits),
                     want = takes_part(i) ? want_of(i, k) : UINT64_C(0xeeeeeeeeeeeeeeee) & ones(type->bits);

            if (got != want && (type->kind != 'f' || decode(type, got) != decode(type, want))) {
                verdict(label, false, i, got, want);
                return;
            }
        }
    }
    verdict(label, true, 0, 0, 0);
}

/* ---- booleans ---- */

static bool says_yes(unsigned i)
{
    return takes_part(i) && get(0, i, 32) & 1;
}

static uint64_t answer(unsigned i, unsigned w)
{
    unsigned base = i / lanes * lanes;
    uint64_t yes = 0, here = 0;

    if (!takes_part(i))
        return UINT64_C(0xeeeeeeeeeeeeeeee);
    for (unsigned l = 0; l < lanes; l++) {
        yes |= (uint64_t)says_yes(base + l) << l;
        here |= (uint64_t)takes_part(base + l) << l;
    }
    switch (question) {
    case ALL:
        return yes == here;
    case ANY:
        return yes != 0;
    case BALLOT:
        return yes;
    case MASK:
        return here;
    default:
        return !(here & (ones(64) >> (63 - (i - base)) >> 1));
    }
}

static void ask(unsigned k)
{
    char body[1536], label[96], extra[300], x[200], l[200], st[200], in[200];
    bool takes = questions[k].op < MASK, wide = questions[k].type[1] == '6';

    question = questions[k].op;
    snprintf(label, sizeof(label), "%s_%s%s, %u of %u%s", group(), questions[k].name, questions[k].suffix, threads,
             lanes, branch ? ", in a branch" : "");
    snprintf(extra, sizeof(extra), "declare %s @air.%.*s(%s)", questions[k].type, (int)strcspn(label, ","), label,
             takes ? "i1" : "");
    load_text(x, sizeof(x), "x", "i32", 'a');
    load_text(l, sizeof(l), "lane", "i16", 'c');
    store_text(st, sizeof(st), "r", "i64");
    start_text(in, sizeof(in));
    snprintf(body, sizeof(body), "%s%s  %%bit = trunc i32 %%x to i1\n%s  %%%s = call %s @air.%.*s(%s)\n%s%s%s", x, l,
             in, wide ? "r" : "q", questions[k].type, (int)strcspn(label, ","), label, takes ? "i1 %bit" : "",
             wide ? "" : "  %r = zext i1 %q to i64\n", st, branch ? "  br label %out\nout:\n" : "");
    for (unsigned i = 0; i < N; i++) { /* groups of all, of none, and of some */
        put(0, i, 32, i / 8 % 4 == 0 ? 1 : i / 8 % 4 == 1 ? 0 : i * i >> 1);
        put(2, i, 16, (uint64_t)(i * 7 + i / 5) % lanes);
    }
    clear_out();
    if (run(label, body, extra, threads, threads))
        expect(label, N, 64, answer);
}

static uint64_t size_want(unsigned i, unsigned w)
{
    return lanes;
}

static void ask_sizes(void)
{
    static const struct {
        const char *name, *type;
    } sizes[] = {{"get_simdgroup_size.i16", "i16"},
                 {"simd_get_simdgroup_size.i32", "i32"},
                 {"simd_get_threads_per_simdgroup.i16", "i16"}};

    for (unsigned k = 0; k < 3; k++) {
        char body[800], extra[300], st[200];

        store_text(st, sizeof(st), "r", "i32");
        snprintf(extra, sizeof(extra), "declare %s @air.%s()", sizes[k].type, sizes[k].name);
        snprintf(body, sizeof(body), "  %%%s = call %s @air.%s()\n%s%s", k == 1 ? "r" : "q", sizes[k].type,
                 sizes[k].name, k == 1 ? "" : "  %r = zext i16 %q to i32\n", st);
        clear_out();
        if (run(sizes[k].name, body, extra, N, N))
            expect(sizes[k].name, N, 32, size_want);
    }
}

/* All threads; a part of the last SIMD group; those that take a branch. */
static void all_ways(void (*test)(unsigned), unsigned k, bool plain)
{
    threads = N;
    branch = false;
    test(k);
    if (plain) /* of a lane that may not be there; of one more type */
        return;
    if (native_groups) {
        branch = true;
    } else {
        threads = N - 24;
    }
    test(k);
    branch = false;
}

void functions_groups(void)
{
    for (unsigned way = 0; way < 4; way++) {
        native_groups = way & 1;
        quad = way & 2;
        lanes = quad ? 4 : native_groups ? vk.subgroup : 32;
        for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            row = &rows[k];
            for (unsigned t = 0; t < SCALARS; t++) {
                type = &scalars[t];
                if (type->bits != 32 && (k + t + way) % 2) /* the other types one way or the other */
                    continue;
                if (type->kind != 'f' || row->op < AND || row->op > XOR)
                    all_ways(one, 1 + (k + t) % 4, type->bits != 32 || (row->op > XOR && row->op != FIRST));
            }
        }
        for (unsigned k = 0; k < sizeof(questions) / sizeof(questions[0]); k++)
            all_ways(ask, k, false);
        if (!quad)
            ask_sizes();
    }
    native_groups = false;
}
