/* SPDX-License-Identifier: MIT */
/*
 * Accesses beyond memory, run and compared by value: through pointers that may point into one of several buffers
 * (reached by address, bounded by the table of buffers), and by index into private and threadgroup arrays. What lies
 * outside a buffer reads as zero and is not written; an index into an array is held at its last element. Also as on a
 * device that lacks narrow and wide types.
 *
 * usage: bounds [NAME]. Exit status 77 without a Vulkan device.
 */
#include "vkrun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N          64
#define A_WORDS    16 /* buffers a and b end here; their allocations go on for 256 bytes and more */
#define B_WORDS    7
#define ALLOCATION 256
#define FILL       0xeeeeeeeeu

static struct vk vk;
static struct vk_buf buf[4]; /* a, b, c: indices, o */
static unsigned right, wrong;
static uint32_t mask, flags;
static const char *only;

/* Indices in words: inside, at the ends, beyond, negative, and such that the byte offset wraps. */
static const uint32_t index_list[] = {0,          1,          6,          7,          8,          15,
                                      16,         17,         63,         64,         1000,       0xffffffff,
                                      0xfffffff0, 0x3fffffff, 0x40000000, 0x40000003, 0x7fffffff, 0x80000000,
                                      0x80000001, 0x10000000, 0x20000000, 0xc0000000, 5,          14};

static uint32_t index_of(unsigned i)
{
    return index_list[i / 2 % (sizeof(index_list) / sizeof(index_list[0]))];
}

static uint32_t content(unsigned b, unsigned i)
{
    return 0x1000u * (b + 1) + i;
}

static void fail(const char *label, const char *what)
{
    printf("%s (without %#x, flags %#x): %s\n", label, mask, flags, what);
    wrong++;
}

static void reset(void)
{
    const unsigned words[2] = {A_WORDS, B_WORDS};

    for (unsigned b = 0; b < 2; b++) {
        uint32_t *p = buf[b].map;

        for (unsigned i = 0; i < ALLOCATION / 4; i++)
            p[i] = i < words[b] ? content(b, i) : FILL;
    }
    for (unsigned i = 0; i < N; i++)
        ((uint32_t *)buf[2].map)[i] = index_of(i);
    memset(buf[3].map, 0xee, N * 16);
}

static bool run(const char *label, const char *body, const char *extra)
{
    static char text[8192];
    struct air_options o;
    struct vk_run r = {.groups = {1, 1, 1}, .local = {N, 1, 1}, .tg_bytes = {[0] = 64}};
    char err[600];

    if (only && !strstr(label, only))
        return false;
    snprintf(text, sizeof(text),
             "target triple = \"air64-apple-macosx14.0.0\"\n%s\n"
             "define void @k(ptr addrspace(1) %%a, ptr addrspace(1) %%b, ptr addrspace(1) %%c, ptr addrspace(1) %%o, "
             "ptr addrspace(3) %%t, i32 %%id) {\n"
             "  %%pi = getelementptr i32, ptr addrspace(1) %%c, i32 %%id\n  %%i = load i32, ptr addrspace(1) %%pi\n"
             "  %%odd = trunc i32 %%id to i1\n"
             "%s  ret void\n}\ndeclare void @air.wg.barrier(i32, i32)\n"
             "declare i32 @air.atomic.global.add.u.i32(ptr addrspace(1), i32, i32, i32, i1)\n"
             "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5, !6, !7, !8}\n"
             "!3 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\", "
             "!\"air.address_space\", i32 1}\n"
             "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 1, i32 1, !\"air.read_write\", "
             "!\"air.address_space\", i32 1}\n"
             "!5 = !{i32 2, !\"air.buffer\", !\"air.location_index\", i32 2, i32 1, !\"air.read_write\", "
             "!\"air.address_space\", i32 1}\n"
             "!6 = !{i32 3, !\"air.buffer\", !\"air.location_index\", i32 3, i32 1, !\"air.read_write\", "
             "!\"air.address_space\", i32 1}\n"
             "!7 = !{i32 4, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\", "
             "!\"air.address_space\", i32 3}\n"
             "!8 = !{i32 5, !\"air.thread_position_in_grid\"}\n",
             extra, body);
    reset();
    vk_options(&vk, &o);
    o.caps = vk.caps & ~mask;
    o.flags |= flags;
    for (unsigned i = 0; i < 4; i++)
        r.buf[i] = &buf[i];
    if (vk_run_text(&vk, text, &o, &r, NULL, err, sizeof(err)) == VK_TEXT_RAN)
        return true;
    fail(label, err);
    return false;
}

/* @words values per thread against what @want says; buffers a and b against @store, and nothing after their ends. */
static void expect(const char *label, unsigned words, uint32_t (*want)(unsigned i, unsigned k),
                   uint32_t (*store)(unsigned b, unsigned i))
{
    const unsigned size[2] = {A_WORDS, B_WORDS};
    char text[96];

    for (unsigned i = 0; want && i < N * words; i++) {
        uint32_t got = ((uint32_t *)buf[3].map)[i];

        if (got != want(i / words, i % words)) {
            snprintf(text, sizeof(text), "thread %u, word %u is %#x, expected %#x", i / words, i % words, got,
                     want(i / words, i % words));
            fail(label, text);
            return;
        }
    }
    for (unsigned b = 0; b < 2; b++) {
        for (unsigned i = 0; i < ALLOCATION / 4; i++) {
            uint32_t got = ((uint32_t *)buf[b].map)[i], w = i >= size[b] ? FILL : store ? store(b, i) : content(b, i);

            if (got != w) {
                snprintf(text, sizeof(text), "buffer %c, word %u is %#x, expected %#x", "ab"[b], i, got, w);
                fail(label, text);
                return;
            }
        }
    }
    right++;
}

static uint32_t at(unsigned b, uint32_t i)
{
    /* byte offsets have 32 bits, as every pointer into a buffer */
    i &= 0x3fffffff;
    return i < (b ? B_WORDS : A_WORDS) ? content(b, i) : 0;
}

static uint32_t load_want(unsigned t, unsigned k)
{
    return at(!(t & 1), index_of(t));
}

static uint32_t vector_want(unsigned t, unsigned k)
{
    uint32_t i = index_of(t) & 0x3fffffff;

    return i + 4 <= (t & 1 ? A_WORDS : B_WORDS) ? content(!(t & 1), i + k) : 0;
}

static uint32_t bytes_want(unsigned t, unsigned k)
{
    uint32_t byte = index_of(t), size = t & 1 ? A_WORDS * 4 : B_WORDS * 4;

    return byte < size ? content(!(t & 1), byte / 4) >> byte % 4 * 8 & 0xff : 0;
}

static uint32_t halves_want(unsigned t, unsigned k)
{
    uint32_t byte = index_of(t) * 2, size = t & 1 ? A_WORDS * 4 : B_WORDS * 4;

    return byte < size ? content(!(t & 1), byte / 4) >> byte % 4 * 8 & 0xffff : 0;
}

static uint32_t store_want(unsigned b, unsigned i)
{
    uint32_t v = content(b, i);

    for (unsigned t = 0; t < N; t++) {
        if ((index_of(t) & 0x3fffffff) == i && (t & 1) != b)
            v = 0x7000 + i;
    }
    return v;
}

static uint32_t store_bytes_want(unsigned b, unsigned i)
{
    uint32_t v = content(b, i);

    for (unsigned t = 0; t < N; t++) {
        uint32_t byte = index_of(t);

        if (byte / 4 == i && (t & 1) != b)
            v = (v & ~(0xffu << byte % 4 * 8)) | 0x55u << byte % 4 * 8;
    }
    return v;
}

static uint32_t atomic_want(unsigned b, unsigned i)
{
    uint32_t v = content(b, i);

    for (unsigned t = 0; t < N; t++)
        v += (index_of(t) & 0x3fffffff) == i && (t & 1) != b ? 0x100000 : 0;
    return v;
}

static uint32_t null_want(unsigned t, unsigned k)
{
    return t & 1 ? at(0, index_of(t)) : 0;
}

static uint32_t chosen_want(unsigned t, unsigned k)
{
    /* Element 0 holds a, all others b; an index beyond the end is the last, in words of 32 bits as it is reached. */
    return at(index_of(t) * 2 == 0 ? 0 : 1, 3);
}

static uint32_t single_want(unsigned t, unsigned k)
{
    return at(0, index_of(t));
}

static uint32_t array_want(unsigned t, unsigned k)
{
    uint32_t i = index_of(t);

    return i < 7 ? 100 + i : 107;
}

static uint32_t array_store_want(unsigned t, unsigned k)
{
    uint32_t i = index_of(t), sum = 0;

    i = i < 8 ? i : 7;
    for (uint32_t j = 0; j < 8; j++)
        sum += (j == i ? 1000 : 100 + j) << (j & 1 ? 8 : 0);
    return sum;
}

#define CHOOSE "  %p = select i1 %odd, ptr addrspace(1) %a, ptr addrspace(1) %b\n"

static void buffers(void)
{
    if (run("load",
            CHOOSE "  %q = getelementptr i32, ptr addrspace(1) %p, i32 %i\n  %x = load i32, ptr addrspace(1) %q\n"
                   "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  store i32 %x, ptr addrspace(1) %po\n",
            ""))
        expect("load", 1, load_want, NULL);
    if (run("load of four words",
            CHOOSE "  %q = getelementptr i32, ptr addrspace(1) %p, i32 %i\n  %x = load <4 x i32>, ptr addrspace(1) %q, "
                   "align 4\n"
                   "  %po = getelementptr <4 x i32>, ptr addrspace(1) %o, i32 %id\n"
                   "  store <4 x i32> %x, ptr addrspace(1) %po, align 4\n",
            ""))
        expect("load of four words", 4, vector_want, NULL);
    if (run("load of a byte",
            CHOOSE "  %q = getelementptr i8, ptr addrspace(1) %p, i32 %i\n  %x = load i8, ptr addrspace(1) %q\n"
                   "  %z = zext i8 %x to i32\n"
                   "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  store i32 %z, ptr addrspace(1) %po\n",
            ""))
        expect("load of a byte", 1, bytes_want, NULL);
    if (run("load of 16 bits",
            CHOOSE "  %q = getelementptr i16, ptr addrspace(1) %p, i32 %i\n  %x = load i16, ptr addrspace(1) %q\n"
                   "  %z = zext i16 %x to i32\n"
                   "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  store i32 %z, ptr addrspace(1) %po\n",
            ""))
        expect("load of 16 bits", 1, halves_want, NULL);
    if (run("store",
            CHOOSE "  %q = getelementptr i32, ptr addrspace(1) %p, i32 %i\n  %m = and i32 %i, 1073741823\n"
                   "  %v = add i32 %m, 28672\n  store i32 %v, ptr addrspace(1) %q\n",
            ""))
        expect("store", 0, NULL, store_want);
    if (run("store of a byte",
            CHOOSE "  %q = getelementptr i8, ptr addrspace(1) %p, i32 %i\n  store i8 85, ptr addrspace(1) %q\n", ""))
        expect("store of a byte", 0, NULL, store_bytes_want);
    if (run("atomic",
            CHOOSE
            "  %q = getelementptr i32, ptr addrspace(1) %p, i32 %i\n"
            "  %x = call i32 @air.atomic.global.add.u.i32(ptr addrspace(1) %q, i32 1048576, i32 0, i32 2, i1 true)\n"
            "  %in = icmp ne i32 %x, 0\n  %z = zext i1 %in to i32\n"
            "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  store i32 %z, ptr addrspace(1) %po\n",
            ""))
        expect("atomic", 0, NULL, atomic_want);
    if (run("null",
            "  %p = select i1 %odd, ptr addrspace(1) %a, ptr addrspace(1) null\n"
            "  %r = select i1 false, ptr addrspace(1) %b, ptr addrspace(1) %p\n"
            "  %q = getelementptr i32, ptr addrspace(1) %r, i32 %i\n  %x = load i32, ptr addrspace(1) %q\n"
            "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  store i32 %x, ptr addrspace(1) %po\n",
            ""))
        expect("null", 1, flags & AIR_OPT_FORCE_PHYSICAL ? null_want : NULL,
               NULL); /* one root: the descriptor bounds it, if asked to */
    if (run("pointers in private memory",
            "  %m = alloca [4 x ptr addrspace(1)]\n"
            "  %m1 = getelementptr [4 x ptr addrspace(1)], ptr %m, i32 0, i32 1\n"
            "  %m2 = getelementptr [4 x ptr addrspace(1)], ptr %m, i32 0, i32 2\n"
            "  %m3 = getelementptr [4 x ptr addrspace(1)], ptr %m, i32 0, i32 3\n"
            "  store ptr addrspace(1) %a, ptr %m\n  store ptr addrspace(1) %b, ptr %m1\n"
            "  store ptr addrspace(1) %b, ptr %m2\n  store ptr addrspace(1) %b, ptr %m3\n"
            "  %mi = getelementptr [4 x ptr addrspace(1)], ptr %m, i32 0, i32 %i\n  %p = load ptr addrspace(1), ptr "
            "%mi\n"
            "  %q = getelementptr i32, ptr addrspace(1) %p, i32 3\n  %x = load i32, ptr addrspace(1) %q\n"
            "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  store i32 %x, ptr addrspace(1) %po\n",
            ""))
        expect("pointers in private memory", 1, chosen_want, NULL);
    if (flags & AIR_OPT_FORCE_PHYSICAL &&
        run("one buffer",
            "  %q = getelementptr i32, ptr addrspace(1) %a, i32 %i\n  %x = load i32, ptr addrspace(1) %q\n"
            "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  store i32 %x, ptr addrspace(1) %po\n",
            ""))
        expect("one buffer", 1, single_want, NULL);
}

/* Writes 100 + j to element j of @p, 107 to those after the eighth. */
static void fill_text(char *s, size_t max, const char *space, const char *p, unsigned n)
{
    *s = 0;
    for (unsigned j = 0; j < n; j++)
        snprintf(s + strlen(s), max - strlen(s),
                 "  %%f%u = getelementptr i32, ptr%s %s, i32 %u\n  store i32 %u, ptr%s %%f%u\n", j, space, p, j,
                 j < 7 ? 100 + j : 107, space, j);
}

static void arrays(void)
{
    static const struct {
        const char *label, *space, *p, *head, *extra;
        unsigned n;
    } t[] = {{"private array", "", "%m", "  %m = alloca [8 x i32]\n", "", 8},
             {"threadgroup array", " addrspace(3)", "@s", "", "@s = internal addrspace(3) global [8 x i32] undef", 8},
             {"threadgroup argument", " addrspace(3)", "%t", "", "", 16}}; /* 64 bytes are bound */
    char fill[2048], body[6144], label[64];

    for (unsigned k = 0; k < sizeof(t) / sizeof(t[0]); k++) {
        /* every thread of the group writes the same values */
        fill_text(fill, sizeof(fill), t[k].space, t[k].p, t[k].n);
        snprintf(body, sizeof(body),
                 "%s%s  call void @air.wg.barrier(i32 2, i32 1)\n"
                 "  %%q = getelementptr i32, ptr%s %s, i32 %%i\n  %%x = load i32, ptr%s %%q\n"
                 "  %%po = getelementptr i32, ptr addrspace(1) %%o, i32 %%id\n  store i32 %%x, ptr addrspace(1) %%po\n",
                 t[k].head, fill, t[k].space, t[k].p, t[k].space);
        snprintf(label, sizeof(label), "load from a %s", t[k].label);
        if (run(label, body, t[k].extra))
            expect(label, 1, array_want, NULL);
    }
    fill_text(fill, sizeof(fill), "", "%m", 8);
    snprintf(body, sizeof(body),
             "  %%m = alloca [8 x i32]\n%s  %%q = getelementptr i32, ptr %%m, i32 %%i\n  store i32 1000, ptr %%q\n",
             fill);
    for (unsigned j = 0; j < 8; j++) {
        char sum[16] = "0";

        if (j)
            snprintf(sum, sizeof(sum), "%%s%u", j - 1);
        snprintf(body + strlen(body), sizeof(body) - strlen(body),
                 "  %%g%1$u = getelementptr i32, ptr %%m, i32 %1$u\n  %%x%1$u = load i32, ptr %%g%1$u\n"
                 "  %%y%1$u = shl i32 %%x%1$u, %2$u\n  %%s%1$u = add i32 %3$s, %%y%1$u\n",
                 j, j & 1 ? 8 : 0, sum);
    }
    strcat(body, "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  store i32 %s7, ptr addrspace(1) %po\n");
    if (run("store to a private array", body, ""))
        expect("store to a private array", 1, array_store_want, NULL);
}

int main(int argc, char **argv)
{
    static const uint32_t masks[] = {
        0, AIR_CAP_STORAGE8 | AIR_CAP_STORAGE16, AIR_CAP_INT8 | AIR_CAP_INT16 | AIR_CAP_INT64 | AIR_CAP_FLOAT16,
        AIR_CAP_INT8 | AIR_CAP_INT16 | AIR_CAP_INT64 | AIR_CAP_FLOAT16 | AIR_CAP_STORAGE8 | AIR_CAP_STORAGE16};
    const char *why = vk_open(&vk);

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    if (!(vk.caps & AIR_CAP_PHYSICAL)) {
        printf("SKIP: no bufferDeviceAddress\n");
        return 77;
    }
    only = argc > 1 ? argv[1] : NULL;
    if (!vk_buf_new(&vk, &buf[0], A_WORDS * 4) || !vk_buf_new(&vk, &buf[1], B_WORDS * 4) ||
        !vk_buf_new(&vk, &buf[2], N * 4) || !vk_buf_new(&vk, &buf[3], N * 16))
        return 2;
    for (unsigned m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
        mask = masks[m];
        flags = 0;
        buffers();
        arrays();
        flags = AIR_OPT_FORCE_PHYSICAL;
        buffers();
        flags = AIR_OPT_FORCE_DISPATCHER;
        buffers();
    }
    for (unsigned i = 0; i < 4; i++)
        vk_buf_free(&vk, &buf[i]);
    printf("device %s: %u right, %u wrong\n", vk.name, right, wrong);
    vk_close(&vk);
    return wrong ? 1 : 0;
}
