/* SPDX-License-Identifier: MIT */
/*
 * The rest of the test functions: LLVM's own intrinsics (air 3.14) beside AIR's of the same meaning, which other tests
 * compare with C; function constants (air 2.12); barriers within a SIMD group; what makes no code.
 */
#include "functions.h"

#include <math.h>
#include <stdio.h>

static const struct twin {
    const char *llvm, *air;
    unsigned operands;
    const char *llvm_more, *air_more; /* last operands: i1 */
} ints[] =
    {
        {"smin", "min.s", 2, "", ""},
        {"smax", "max.s", 2, "", ""},
        {"umin", "min.u", 2, "", ""},
        {"umax", "max.u", 2, "", ""},
        {"abs", "abs.s", 1, ", i1 false", ""},
        {"ctpop", "popcount", 1, "", ""},
        {"ctlz", "clz", 1, ", i1 false", ", i1 false"},
        {"cttz", "ctz", 1, ", i1 false", ", i1 false"},
        {"bitreverse", "reverse_bits", 1, "", ""},
        {"bswap", "bswap", 1, "", ""}, /* not of 8 bits */
        {"uadd.sat", "add_sat.u", 2, "", ""},
        {"sadd.sat", "add_sat.s", 2, "", ""},
        {"usub.sat", "sub_sat.u", 2, "", ""},
        {"ssub.sat", "sub_sat.s", 2, "", ""},
},
  floats[] = {
      {"fabs", "fabs", 1, "", ""},         {"floor", "floor", 1, "", ""},  {"ceil", "ceil", 1, "", ""},
      {"trunc", "trunc", 1, "", ""},       {"rint", "rint", 1, "", ""},    {"nearbyint", "rint", 1, "", ""},
      {"roundeven", "rint", 1, "", ""},    {"round", "round", 1, "", ""},  {"sqrt", "sqrt", 1, "", ""},
      {"sin", "sin", 1, "", ""},           {"cos", "cos", 1, "", ""},      {"exp", "exp", 1, "", ""},
      {"exp2", "exp2", 1, "", ""},         {"log", "log", 1, "", ""},      {"log2", "log2", 1, "", ""},
      {"log10", "log10", 1, "", ""},       {"pow", "pow", 2, "", ""},      {"fma", "fma", 3, "", ""},
      {"fmuladd", "fma", 3, "", ""},       {"minnum", "fmin", 2, "", ""},  {"maxnum", "fmax", 2, "", ""},
      {"copysign", "copysign", 2, "", ""}, {"minimum", "fmin", 2, "", ""}, {"maximum", "fmax", 2, "", ""},
};

/* out[i] = the one's, out[i + N] = the other's */
static void twin_test(const struct twin *k, const struct scalar *t, unsigned n)
{
    char ty[24], suffix[24], label[64], body[2000], extra[500], load[3][200], st[200], types[100] = "", args[120] = "";
    bool propagates =
        k->llvm[strlen(k->llvm) - 2] == 'u' && k->llvm[strlen(k->llvm) - 1] == 'm' && strlen(k->llvm) == 7;

    vector_names(t, n, ty, suffix);
    snprintf(label, sizeof(label), "llvm.%s.%s", k->llvm, suffix);
    for (unsigned j = 0; j < 3; j++) {
        char name[2] = {"xyz"[j], 0};

        load_text(load[j], sizeof(load[j]), name, ty, "abc"[j]);
        if (j < k->operands) {
            snprintf(types + strlen(types), sizeof(types) - strlen(types), "%s%s", j ? ", " : "", ty);
            snprintf(args + strlen(args), sizeof(args) - strlen(args), "%s%s %%%s", j ? ", " : "", ty, name);
        }
    }
    store_text(st, sizeof(st), "r", ty);
    snprintf(extra, sizeof(extra), "declare %s @%s(%s%s)\ndeclare %s @air.%s.%s(%s%s)", ty, label, types,
             *k->llvm_more ? ", i1" : "", ty, k->air, suffix, types, *k->air_more ? ", i1" : "");
    snprintf(body, sizeof(body),
             "%s%s%s  %%r = call %s @%s(%s%s)\n  %%v = call %s @air.%s.%s(%s%s)\n%s"
             "  %%far = add i32 %%id, %u\n  %%pv = getelementptr %s, ptr addrspace(1) %%o, i32 %%far\n"
             "  store %s %%v, ptr addrspace(1) %%pv\n",
             load[0], load[1], load[2], ty, label, args, k->llvm_more, ty, k->air, suffix, args, k->air_more, st, N, ty,
             ty);
    rng_state = 113;
    for (unsigned i = 0; i < N * 4; i++) {
        for (unsigned j = 0; j < 3; j++)
            put(j, i, t->bits,
                t->kind != 'f'      ? sample(j ? i / 10 % 12 : i % 12, t->bits)
                : (i + j) % 11 == 3 ? encode(t, j ? NAN : INFINITY)
                                    : encode(t, (double)(rnd() % 4001) / 500 - 4));
    }
    clear_out();
    if (!run(label, body, extra, N, 32))
        return;
    for (unsigned i = 0; i < N; i++) {
        for (unsigned c = 0; c < n; c++) {
            unsigned at = component(i, n, c);
            uint64_t got = get(3, at, t->bits), want = get(3, component(i + N, n, c), t->bits);

            if (propagates && (isnan(decode(t, get(0, at, t->bits))) || isnan(decode(t, get(1, at, t->bits)))))
                want = encode(t, NAN); /* LLVM's minimum and maximum keep NaN, Metal's do not */
            if (got != want && !(t->kind == 'f' && isnan(decode(t, got)) && isnan(decode(t, want)))) {
                verdict(label, false, i, got, want);
                return;
            }
        }
    }
    verdict(label, true, 0, 0, 0);
}

static bool left;

static uint64_t funnel_want(unsigned i, unsigned w)
{
    uint64_t x = get(0, i, w), y = get(1, i, w);
    unsigned k = (unsigned)(get(2, i, w) % w);

    if (!k)
        return left ? x : y;
    return left ? x << k | y >> (w - k) : x << (w - k) | y >> k;
}

static void funnel_test(const struct scalar *t)
{
    char label[32], body[1000], extra[120], load[3][200], st[200];

    snprintf(label, sizeof(label), "llvm.fsh%c.%s", left ? 'l' : 'r', t->air);
    for (unsigned j = 0; j < 3; j++) {
        char name[2] = {"xyz"[j], 0};

        load_text(load[j], sizeof(load[j]), name, t->llvm, "abc"[j]);
    }
    store_text(st, sizeof(st), "r", t->llvm);
    snprintf(extra, sizeof(extra), "declare %1$s @%2$s(%1$s, %1$s, %1$s)", t->llvm, label);
    snprintf(body, sizeof(body), "%1$s%2$s%3$s  %%r = call %4$s @%5$s(%4$s %%x, %4$s %%y, %4$s %%z)\n%6$s", load[0],
             load[1], load[2], t->llvm, label, st);
    rng_state = 127;
    for (unsigned i = 0; i < N; i++) {
        put(0, i, t->bits, sample(i % 20, t->bits));
        put(1, i, t->bits, sample(i / 4 % 20, t->bits));
        put(2, i, t->bits, i);
    }
    clear_out();
    if (run(label, body, extra, N, 32))
        expect(label, N, t->bits, funnel_want);
}

static uint64_t class_want(unsigned i, unsigned w)
{
    double v = decode(&scalars[8], get(0, i, 32));

    return (uint64_t)(isnan(v) != 0) | (uint64_t)(isinf(v) != 0) << 1;
}

static void class_test(void)
{
    static const double values[] = {0, NAN, INFINITY, -INFINITY, 1, -NAN, 3e38, 1e-40};

    for (unsigned i = 0; i < N; i++)
        put(0, i, 32, encode(&scalars[8], values[i % 8]));
    clear_out();
    if (run("llvm.is.fpclass",
            "  %pa = getelementptr float, ptr addrspace(1) %a, i32 %id\n  %x = load float, ptr addrspace(1) %pa\n"
            "  %n = call i1 @llvm.is.fpclass.f32(float %x, i32 3)\n  %i = call i1 @llvm.is.fpclass.f32(float %x, i32 "
            "516)\n"
            "  %nw = zext i1 %n to i32\n  %iw = zext i1 %i to i32\n  %is = shl i32 %iw, 1\n  %r = or i32 %nw, %is\n"
            "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  store i32 %r, ptr addrspace(1) %po\n",
            "declare i1 @llvm.is.fpclass.f32(float, i32 immarg)", N, 32))
        expect("llvm.is.fpclass", N, 32, class_want);
}

/* Sixteen bytes of each thread, copied through private memory, then moved by four within it; the last four set. */
static uint64_t memory_want(unsigned i, unsigned w)
{
    return i % 4 == 3 ? 0x5a5a5a5a : get(0, i % 4 ? i - 1 : i, 32);
}

static void memory_test(void)
{
    for (unsigned i = 0; i < N * 4; i++)
        put(0, i, 32, i * 2654435761u);
    clear_out();
    if (run("llvm memory",
            "  %m = alloca [4 x i32]\n  %pa = getelementptr [4 x i32], ptr addrspace(1) %a, i32 %id\n"
            "  %po = getelementptr [4 x i32], ptr addrspace(1) %o, i32 %id\n"
            "  call void @llvm.lifetime.start.p0(i64 16, ptr %m)\n"
            "  call void @llvm.memcpy.p0.p1.i64(ptr align 4 %m, ptr addrspace(1) align 4 %pa, i64 16, i1 false)\n"
            "  %q = getelementptr [4 x i32], ptr %m, i32 0, i32 1\n"
            "  call void @llvm.memmove.p0.p0.i64(ptr align 4 %q, ptr align 4 %m, i64 12, i1 false)\n"
            "  %l = getelementptr [4 x i32], ptr %m, i32 0, i32 3\n"
            "  call void @llvm.memset.p0.i64(ptr align 4 %l, i8 90, i64 4, i1 false)\n"
            "  call void @llvm.memcpy.p1.p0.i64(ptr addrspace(1) align 4 %po, ptr align 4 %m, i64 16, i1 false)\n",
            "declare void @llvm.lifetime.start.p0(i64, ptr)\n"
            "declare void @llvm.memcpy.p0.p1.i64(ptr, ptr addrspace(1), i64, i1)\n"
            "declare void @llvm.memcpy.p1.p0.i64(ptr addrspace(1), ptr, i64, i1)\n"
            "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)\ndeclare void @llvm.memset.p0.i64(ptr, i8, i64, "
            "i1)",
            N, 32))
        expect("llvm memory", N * 4, 32, memory_want);
}

/* ---- barriers within a SIMD group; what makes no code ---- */

static uint64_t neighbour(unsigned i, unsigned w)
{
    return get(0, i ^ 1, 32) + 1;
}

static void barrier_test(void)
{
    for (unsigned i = 0; i < N; i++)
        put(0, i, 32, i * 40503u);
    clear_out();
    if (run("simd barrier and fence",
            "  %pa = getelementptr i32, ptr addrspace(1) %a, i32 %id\n  %x = load i32, ptr addrspace(1) %pa\n"
            "  %pt = getelementptr [64 x i32], ptr addrspace(3) @t, i32 0, i32 %id\n  store i32 %x, ptr addrspace(3) "
            "%pt\n"
            "  call void @air.simdgroup.barrier(i32 2, i32 4)\n  call void @air.atomic.fence(i32 2, i32 4, i32 2)\n"
            "  call void @air.os_log(i32 %x)\n  call void @llvm.assume(i1 true)\n  %j = xor i32 %id, 1\n"
            "  %pn = getelementptr [64 x i32], ptr addrspace(3) @t, i32 0, i32 %j\n  %y = load i32, ptr addrspace(3) "
            "%pn\n"
            "  %u = call i1 @air.is_uniform.i32(i32 %x)\n  %more = select i1 %u, i32 100, i32 1\n  %r = add i32 %y, "
            "%more\n"
            "  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n  store i32 %r, ptr addrspace(1) %po\n",
            "@t = internal addrspace(3) global [64 x i32] undef\ndeclare void @air.simdgroup.barrier(i32, i32)\n"
            "declare void @air.atomic.fence(i32, i32, i32)\ndeclare void @air.os_log(i32)\ndeclare void "
            "@llvm.assume(i1)\n"
            "declare i1 @air.is_uniform.i32(i32)",
            N, N))
        expect("simd barrier and fence", N, 32, neighbour);
}

/* Constant 7 is supplied by the frame, as 41; constant 8 is not. */
static uint64_t constants_want(unsigned i, unsigned w)
{
    return 41 * 64 + (1 | 0 << 1 | 1 << 2 | 0 << 3 | (uint64_t)(i & 1) << 4 | (uint64_t)(i & 1) << 5);
}

static void constants_test(void)
{
    clear_out();
    if (run("function constants",
            "  %v = load i32, ptr addrspace(2) @given.MTL_FC_INIT_7_j\n  %w = load i32, ptr addrspace(2) "
            "@not.MTL_FC_INIT_8_j\n"
            "  %bit = trunc i32 %id to i1\n"
            "  %b0 = call i1 @air.is_function_constant_defined.p2(ptr addrspace(2) @given.MTL_FC_INIT_7_j)\n"
            "  %b1 = call i1 @air.is_function_constant_defined(i32 8)\n"
            "  %b2 = call i1 @air.function_constant_predicate(ptr addrspace(2) @given.MTL_FC_INIT_7_j)\n"
            "  %b3 = call i1 @air.normalize_function_constant_predicate(ptr addrspace(2) @not.MTL_FC_INIT_8_j)\n"
            "  %b4 = call i1 @air.function_constant_predicate.i1(i1 %bit)\n"
            "  %b5 = call i1 @air.normalize_function_constant_predicate.i1(i1 %bit)\n"
            "  %z0 = zext i1 %b0 to i32\n  %z1 = select i1 %b1, i32 2, i32 0\n  %z2 = select i1 %b2, i32 4, i32 0\n"
            "  %z3 = select i1 %b3, i32 8, i32 0\n  %z4 = select i1 %b4, i32 16, i32 0\n"
            "  %z5 = select i1 %b5, i32 32, i32 0\n  %s1 = or i32 %z0, %z1\n  %s2 = or i32 %z2, %z3\n"
            "  %s3 = or i32 %z4, %z5\n  %s4 = or i32 %s1, %s2\n  %t = or i32 %s3, %s4\n"
            "  %vw = add i32 %v, %w\n  %high = shl i32 %vw, 6\n"
            "  %r = or i32 %high, %t\n  %po = getelementptr i32, ptr addrspace(1) %o, i32 %id\n"
            "  store i32 %r, ptr addrspace(1) %po\n",
            "@given.MTL_FC_INIT_7_j = internal addrspace(2) externally_initialized constant i32 undef, section "
            "\"air.fc_initializer\"\n"
            "@not.MTL_FC_INIT_8_j = internal addrspace(2) externally_initialized constant i32 undef, section "
            "\"air.fc_initializer\"\n"
            "declare i1 @air.is_function_constant_defined.p2(ptr addrspace(2))\ndeclare i1 "
            "@air.is_function_constant_defined(i32)\n"
            "declare i1 @air.function_constant_predicate(ptr addrspace(2))\n"
            "declare i1 @air.normalize_function_constant_predicate(ptr addrspace(2))\n"
            "declare i1 @air.function_constant_predicate.i1(i1)\ndeclare i1 "
            "@air.normalize_function_constant_predicate.i1(i1)\n"
            "!air.function_constants = !{!20, !21}\n"
            "!20 = !{ptr addrspace(2) @given.MTL_FC_INIT_7_j, !\"uint\", !\"given\", i32 7, i1 true}\n"
            "!21 = !{ptr addrspace(2) @not.MTL_FC_INIT_8_j, !\"uint\", !\"not\", i32 8, i1 false}",
            N, 32))
        expect("function constants", N, 32, constants_want);
}

void functions_rest(void)
{
    for (unsigned k = 0; k < sizeof(ints) / sizeof(ints[0]); k++) {
        for (unsigned t = 0; t < 8; t += 2) {
            if (scalars[t].bits > 8 || strcmp(ints[k].llvm, "bswap"))
                twin_test(&ints[k], &scalars[t], 1 + (k + t / 2) % 4);
        }
    }
    for (unsigned k = 0; k < sizeof(floats) / sizeof(floats[0]); k++) {
        twin_test(&floats[k], FLOATS, 1 + k % 4);
        twin_test(&floats[k], FLOATS + 1, 1 + (k + 2) % 4);
    }
    for (unsigned t = 0; t < 8; t += 2) {
        left = true;
        funnel_test(&scalars[t]);
        left = false;
        funnel_test(&scalars[t]);
    }
    class_test();
    memory_test();
    barrier_test();
    constants_test();
}
