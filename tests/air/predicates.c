/* SPDX-License-Identifier: MIT */
/*
 * Questions about floats (air.is*, air 3.3) on every class of value, and loads and stores of coherent memory (air 3.8), by
 * value. usage: predicates
 */
#include "vkrun.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vk vk;
static unsigned right, wrong, refused;

/* every class of f32, and of f16 where the value fits it */
static const double values[] = {0.0, -0.0, 1.0, -1.5, 65504.0, 1e-3, 6.1035e-5, 3e-6, -3e-6, 1e-40, 3e38, INFINITY, -INFINITY,
                                NAN, -NAN, 0x1p-14, 0x1p-126, 0x1.8p-130, -65504.0, 2.0};
#define COUNT (sizeof(values) / sizeof(values[0]))

/* One kernel of @n threads over buffers a, b (inputs) and c (result); @body defines %r of type @result. */
static bool run(const char *name, const char *type, const char *result, const char *body, const char *declare,
                struct vk_buf b[3], unsigned n)
{
    char text[4096], err[300];
    struct air_options o;
    struct vk_run r = {.groups = {1, 1, 1}, .local = {n, 1, 1}, .buf = {&b[0], &b[1], &b[2]}};
    enum vk_text how;

    snprintf(text, sizeof(text),
             "target triple = \"air64-apple-macosx14.0.0\"\n"
             "define void @k(ptr addrspace(1) %%a, ptr addrspace(1) %%b, ptr addrspace(1) %%c, i32 %%id) {\n"
             "  %%pa = getelementptr %s, ptr addrspace(1) %%a, i32 %%id\n  %%x = load %s, ptr addrspace(1) %%pa\n"
             "  %%pb = getelementptr %s, ptr addrspace(1) %%b, i32 %%id\n  %%y = load %s, ptr addrspace(1) %%pb\n%s"
             "  %%pc = getelementptr %s, ptr addrspace(1) %%c, i32 %%id\n  store %s %%r, ptr addrspace(1) %%pc\n  ret void\n}\n%s"
             "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4, !5, !6}\n"
             "!3 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"
             "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 1, i32 1, !\"air.read_write\"}\n"
             "!5 = !{i32 2, !\"air.buffer\", !\"air.location_index\", i32 2, i32 1, !\"air.read_write\"}\n"
             "!6 = !{i32 3, !\"air.thread_position_in_grid\"}\n",
             type, type, type, type, body, result, result, declare);
    vk_options(&vk, &o);
    how = vk_run_text(&vk, text, &o, &r, NULL, err, sizeof(err));
    if (how == VK_TEXT_RAN)
        return true;
    printf("%s %s\n", name, err);
    *(how == VK_TEXT_REFUSED ? &refused : &wrong) += 1;
    return false;
}

static bool want_of(const char *op, double x, double y, const char *t)
{
    double least = *t == 'h' ? 0x1p-14 : 0x1p-126;

    if (!strcmp(op, "isnan"))
        return isnan(x);
    if (!strcmp(op, "isinf"))
        return isinf(x);
    if (!strcmp(op, "isfinite"))
        return isfinite(x);
    if (!strcmp(op, "isnormal"))
        return isfinite(x) && fabs(x) >= least;
    return (isnan(x) || isnan(y)) == !strcmp(op, "isunordered");
}

/* Element of type @t. A bfloat is the upper half of a float. */
static double get(const struct vk_buf *b, const char *t, unsigned i)
{
    uint16_t h = ((uint16_t *)b->map)[i];
    uint32_t u = (uint32_t)h << 16;
    float f;

    memcpy(&f, &u, 4);
    return *t == 'f' ? (double)((float *)b->map)[i] : *t == 'h' ? (double)half_to_float(h) : (double)f;
}

static void put(struct vk_buf *b, const char *t, unsigned i, double v)
{
    float f = (float)v;
    uint32_t u;

    memcpy(&u, &f, 4);
    if (*t == 'f')
        ((float *)b->map)[i] = f;
    else
        ((uint16_t *)b->map)[i] = *t == 'h' ? half_from_double(v) : (uint16_t)(u >> 16);
}

static void predicate(const char *op, const char *t, const char *suffix, struct vk_buf b[3])
{
    const char *second = strstr(op, "ordered") ? ", " : "";
    char body[300], declare[200], name[40];

    snprintf(name, sizeof(name), "air.%s.%s", op, suffix);
    snprintf(body, sizeof(body), "  %%q = call i1 @%s(%s %%x%s%s%s)\n  %%r = zext i1 %%q to i32\n", name, t, second,
             *second ? t : "", *second ? " %y" : "");
    snprintf(declare, sizeof(declare), "declare i1 @%s(%s%s%s)\n", name, t, second, *second ? t : "");
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned k = 0; k < 2; k++)
            put(&b[k], t, i, values[k ? (i * 7 + 3) % COUNT : i]);
    }
    if (!run(name, t, "i32", body, declare, b, COUNT))
        return;
    for (unsigned i = 0; i < COUNT; i++) {
        double x = get(&b[0], t, i), y = get(&b[1], t, i);
        uint32_t got = ((uint32_t *)b[2].map)[i];

        if (got != (uint32_t)want_of(op, x, y, t)) {
            printf("%s wrong: of %g, %g is %u\n", name, x, y, got);
            wrong++;
            return;
        }
    }
    right++;
}

/* What is stored to coherent memory is loaded again from it. */
static void coherent(const char *scope, struct vk_buf b[3])
{
    char body[600], declare[300], name[40];

    snprintf(name, sizeof(name), "air.load.%s", scope);
    snprintf(body, sizeof(body),
             "  %%z = add i32 %%x, 5\n  call void @air.store.%s.i32(ptr addrspace(1) %%pb, i32 %%z)\n"
             "  %%r = call i32 @air.load.%s.i32(ptr addrspace(1) %%pb)\n",
             scope, scope);
    snprintf(declare, sizeof(declare),
             "declare void @air.store.%s.i32(ptr addrspace(1), i32)\ndeclare i32 @air.load.%s.i32(ptr addrspace(1))\n", scope,
             scope);
    for (unsigned i = 0; i < COUNT; i++)
        ((uint32_t *)b[0].map)[i] = i * 1000;
    if (!run(name, "i32", "i32", body, declare, b, COUNT))
        return;
    for (unsigned i = 0; i < COUNT; i++) {
        if (((uint32_t *)b[1].map)[i] == i * 1000 + 5 && ((uint32_t *)b[2].map)[i] == i * 1000 + 5)
            continue;
        printf("%s wrong: [%u] is %u\n", name, i, ((uint32_t *)b[2].map)[i]);
        wrong++;
        return;
    }
    right++;
}

int main(void)
{
    static const char *const ops[] = {"isnan", "isinf", "isfinite", "isnormal", "isordered", "isunordered"};
    struct vk_buf b[3];
    const char *why = vk_open(&vk);

    if (why) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (!vk_buf_new(&vk, &b[i], COUNT * 4))
            return 2;
    }
    for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
        predicate(ops[k], "float", "f32", b);
        predicate(ops[k], "half", "f16", b);
        predicate(ops[k], "bfloat", "bf16", b);
    }
    coherent("device_coherent", b);
    coherent("system_coherent", b);
    for (unsigned i = 0; i < 3; i++)
        vk_buf_free(&vk, &b[i]);
    printf("device %s: %u right, %u wrong, %u refused\n", vk.name, right, wrong, refused);
    vk_close(&vk);
    return wrong || refused ? 1 : 0;
}
