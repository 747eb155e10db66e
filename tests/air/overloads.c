/* SPDX-License-Identifier: MIT */
/*
 * Every overload of every intrinsic of one stage-independent shape (air 3.3-3.5, 3.7-3.9, 3.11) compiles and validates:
 * each type, 1 to 4 components, each sign, "fast_"; on a complete device, and on one that lacks all narrow and wide
 * types, where SIMD groups are emulated. Values are the matter of the tests intrinsics and functions. Needs no device.
 */
#include "air/ctx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *llvm, *air;
    unsigned bits;
    char kind;
} types[] = {{"i8", "i8", 8, 'i'},      {"i16", "i16", 16, 'i'},  {"i32", "i32", 32, 'i'},    {"i64", "i64", 64, 'i'},
             {"float", "f32", 32, 'f'}, {"half", "f16", 16, 'f'}, {"bfloat", "bf16", 16, 'f'}};
#define TYPES (sizeof(types) / sizeof(types[0]))

/*
 * @names: "@" stands for simd and quad. @shape: result ":" operands. T the type with its components, E one of them, I
 * as many i32, N as many i1; B i1, i i32, L i16, l i64, c the constant false, v nothing; P and Q pointers to private T
 * and I, g to a buffer. @of: kinds of types, f and i; w only i32, j not i8, b none. @signs: "" none, "su" one of both.
 */
static const struct row {
    const char *names, *shape, *of, *signs;
} rows[] = {
    {"fabs floor ceil trunc rint round fract sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh "
     "sinpi "
     "cospi tanpi exp exp2 exp10 log log2 log10 saturate sign",
     "T:T", "f", ""},
    {"atan2 pow powr fmod fmin fmax copysign fdim nextafter", "T:TT", "f", ""},
    {"fma mix clamp fmin3 fmax3 fmedian3 min3 max3 median3", "T:TTT", "f", ""},
    {"sincos modf", "T:TP", "f", ""},
    {"frexp", "T:TQ", "f", ""},
    {"ldexp", "T:TI", "f", ""},
    {"ilogb", "I:T", "f", ""},
    {"dot", "E:TT", "f", ""},
    {"isnan isinf isfinite isnormal", "N:T", "f", ""},
    {"isordered isunordered", "N:TT", "f", ""},
    {"all any", "B:N", "b", ""},
    {"popcount reverse_bits", "T:T", "i", ""},
    {"bswap", "T:T", "j", ""},
    {"clz ctz", "T:Tc", "i", ""},
    {"abs", "T:T", "i", "su"},
    {"rotate", "T:TT", "i", ""},
    {"min max abs_diff mul_hi add_sat sub_sat hadd rhadd", "T:TT", "i", "su"},
    {"mul24", "T:TT", "w", "su"},
    {"mad24", "T:TTT", "w", "su"},
    {"mad", "T:TTT", "i", ""},
    {"mad_hi mad_sat clamp min3 max3 median3", "T:TTT", "i", "su"},
    {"extract_bits", "T:Tii", "i", "su"},
    {"insert_bits", "T:TTii", "i", "su"},
    {"load.device_coherent load.system_coherent", "T:g", "fi", ""},
    {"store.device_coherent store.system_coherent", "v:gT", "fi", ""},
    {"@_sum @_product @_min @_max @_prefix_inclusive_sum @_prefix_exclusive_sum @_prefix_inclusive_product "
     "@_prefix_exclusive_product",
     "T:T", "i", "su"},
    {"@_sum @_product @_min @_max @_prefix_inclusive_sum @_prefix_exclusive_sum @_prefix_inclusive_product "
     "@_prefix_exclusive_product @_broadcast_first",
     "T:T", "f", ""},
    {"@_and @_or @_xor @_broadcast_first", "T:T", "i", "su"},
    {"@_shuffle @_broadcast @_shuffle_up @_shuffle_down @_shuffle_xor @_shuffle_rotate_up @_shuffle_rotate_down",
     "T:TL", "f", ""},
    {"@_shuffle @_broadcast @_shuffle_up @_shuffle_down @_shuffle_xor @_shuffle_rotate_up @_shuffle_rotate_down",
     "T:TL", "i", "su"},
    {"@_shuffle_and_fill_up @_shuffle_and_fill_down", "T:TTLL", "f", ""},
    {"@_shuffle_and_fill_up @_shuffle_and_fill_down", "T:TTLL", "i", "su"},
    {"@_all @_any @_vote_all @_vote_any", "B:B", "b", ""},
    {"@_ballot", "l:B", "b", ""},
    {"@_active_threads_mask", "l:", "b", ""},
    {"@_is_first", "B:", "b", ""},
    {"get_simdgroup_size simd_get_simdgroup_size simd_get_threads_per_simdgroup", "L:", "b", ""},
};

/* Compiled in all their overloads by tests that run them, or of no type. */
static const char *const elsewhere[] = {
    "convert", /* below */
    "pack.*",
    "unpack.*",               /* packing.c */
    "atomic.*",               /* atomics.c */
    "simdgroup_matrix_8x8_*", /* functions_matrix.c */
    "wg.barrier",
    "simdgroup.barrier", /* regions.c, functions_rest.c */
    "atomic_*",
    "calculate_*",
    "fence_*",
    "gather_*",
    "get_*",
    "is_null_*",
    "read_*",
    "sample_*",
    "write_*", /* textures.c */
    "dfdx",
    "dfdy",
    "fwidth",
    "discard_fragment",
    "interpolate_*",
    "is_helper_thread",
    "simd_is_helper_thread",
    "set_*", /* drawn in gfx */
    "function_constant_predicate",
    "is_function_constant_defined",
    "is_uniform",
    "normalize_function_constant_predicate",
    "os_log*",
    "llvm.*", /* functions_rest.c */
};

static const struct {
    const char *name;
    uint32_t width, caps;
} devices[] = {{"complete", 32, AIR_CAPS_DEFAULT},
               {"bare", 8,
                AIR_CAPS_DEFAULT & ~(uint32_t)(AIR_CAP_INT8 | AIR_CAP_INT16 | AIR_CAP_INT64 | AIR_CAP_FLOAT16 |
                                               AIR_CAP_STORAGE8 | AIR_CAP_STORAGE16 | AIR_CAP_SUBGROUP_EXTENDED)}};

static unsigned overloads, refused;

/* One kernel: its body and declarations grow together. */
static char *body_text, *extra_text;
static FILE *body, *extra;
static size_t body_len, extra_len;

static void kernel_begin(void)
{
    body = open_memstream(&body_text, &body_len);
    extra = open_memstream(&extra_text, &extra_len);
}

/* @texture: %a is one, of this type; else a buffer. */
static void kernel_end(const char *label, const char *texture, const char *access)
{
    char *text, err[400];
    uint8_t *bc = NULL;
    size_t n, len;
    FILE *f = open_memstream(&text, &len);

    fclose(body);
    fclose(extra);
    fprintf(
        f,
        "target triple = \"air64-apple-macosx14.0.0\"\n@s = internal addrspace(2) constant i64 -9188470239253749687\n"
        "define void @k(ptr addrspace(1) %%a, ptr addrspace(1) %%o) {\n%s  ret void\n}\n%s"
        "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !2}\n!1 = !{}\n!2 = !{!3, !4}\n",
        body_text, extra_text);
    if (texture)
        fprintf(f,
                "!3 = !{i32 0, !\"air.texture\", !\"air.location_index\", i32 0, i32 1, !\"air.%s\", "
                "!\"air.arg_type_name\", !\"%s\"}\n",
                access, texture);
    else
        fprintf(f, "!3 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n");
    fprintf(f, "!4 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 1, i32 1, !\"air.read_write\"}\n");
    fclose(f);
    if (air_assemble(text, &bc, &n, err, sizeof(err))) {
        printf("%s: assembler: %s\n", label, err);
        refused++;
    }
    for (unsigned d = 0; bc && d < sizeof(devices) / sizeof(devices[0]); d++) {
        struct air_options o = {.size = sizeof(o), .caps = devices[d].caps, .simd_width = devices[d].width};
        struct air_result r = {0};

        if (air_compile(bc, n, "k", &o, &r)) {
            printf("%s on a %s device: %s: %s\n", label, devices[d].name, air_refuse_name(r.reason), r.error);
            refused++;
        }
        air_result_fini(&r);
    }
    free(bc);
    free(text);
    free(body_text);
    free(extra_text);
}

static void name_type(char out[32], const char *scalar, unsigned n)
{
    snprintf(out, 32, "%s", scalar);
    if (n > 1)
        snprintf(out, 32, "<%u x %s>", n, scalar);
}

/* The LLVM type of a letter of a shape. */
static void letter_type(char out[32], char letter, const char *scalar, unsigned n)
{
    switch (letter) {
    case 'T':
        name_type(out, scalar, n);
        break;
    case 'I':
        name_type(out, "i32", n);
        break;
    case 'N':
        name_type(out, "i1", n);
        break;
    default:
        snprintf(out, 32, "%s",
                 letter == 'E'                    ? scalar
                 : letter == 'B' || letter == 'c' ? "i1"
                 : letter == 'i'                  ? "i32"
                 : letter == 'L'                  ? "i16"
                 : letter == 'l'                  ? "i64"
                 : letter == 'v'                  ? "void"
                 : letter == 'g'                  ? "ptr addrspace(1)"
                                                  : "ptr");
    }
}

/* A value %@name of LLVM type @t out of the buffer; booleans are not in memory. */
static void put_load(const char *name, const char *t, unsigned n)
{
    bool boolean = strstr(t, "i1") && !strstr(t, "i16");
    char words[32];

    name_type(words, "i32", n);
    fprintf(body, "  %%%s%s = load %s, ptr addrspace(1) %%a, align 16\n", name, boolean ? "w" : "",
            boolean ? words : t);
    if (boolean)
        fprintf(body, "  %%%s = trunc %s %%%sw to %s\n", name, words, name, t);
}

static void put_store(const char *name, const char *t, unsigned n)
{
    bool boolean = strstr(t, "i1") && !strstr(t, "i16");
    char words[32];

    name_type(words, "i32", n);
    if (boolean)
        fprintf(body, "  %%%sw = zext %s %%%s to %s\n", name, t, name, words);
    fprintf(body, "  store %s %%%s%s, ptr addrspace(1) %%o, align 16\n", boolean ? words : t, name, boolean ? "w" : "");
}

/* The call number @at of the kernel. */
static void put_call(const char *name, const char *shape, const char *scalar, unsigned n, unsigned at)
{
    char result[32], t[32], v[16], args[300] = "", decl[300] = "";
    const char *ops = shape + 2;

    letter_type(result, shape[0], scalar, n);
    for (unsigned i = 0; ops[i]; i++) {
        letter_type(t, ops[i], scalar, n);
        snprintf(v, sizeof(v), "x%u_%u", at, i);
        snprintf(decl + strlen(decl), sizeof(decl) - strlen(decl), "%s%s", i ? ", " : "", t);
        if (ops[i] == 'c' || ops[i] == 'g') {
            snprintf(args + strlen(args), sizeof(args) - strlen(args), "%s%s %s", i ? ", " : "", t,
                     ops[i] == 'c' ? "false" : "%o");
            continue;
        }
        snprintf(args + strlen(args), sizeof(args) - strlen(args), "%s%s %%%s", i ? ", " : "", t, v);
        if (ops[i] == 'P' || ops[i] == 'Q') {
            letter_type(t, ops[i] == 'P' ? 'T' : 'I', scalar, n);
            fprintf(body, "  %%%s = alloca %s\n", v, t);
        } else {
            put_load(v, t, strchr("TIN", ops[i]) ? n : 1);
        }
    }
    if (shape[0] == 'v')
        fprintf(body, "  call void @air.%s(%s)\n", name, args);
    else
        fprintf(body, "  %%r%u = call %s @air.%s(%s)\n", at, result, name, args);
    fprintf(extra, "declare %s @air.%s(%s)\n", result, name, decl);
    for (unsigned i = 0; ops[i]; i++) {
        if (ops[i] != 'P' && ops[i] != 'Q')
            continue;
        letter_type(t, ops[i] == 'P' ? 'T' : 'I', scalar, n);
        fprintf(body, "  %%y%u = load %s, ptr %%x%u_%u\n", at, t, at, i);
        snprintf(v, sizeof(v), "y%u", at);
        put_store(v, t, n);
    }
    if (shape[0] != 'v') {
        snprintf(v, sizeof(v), "r%u", at);
        put_store(v, result, strchr("TIN", shape[0]) ? n : 1);
    }
    overloads++;
}

static bool takes(const struct row *r, unsigned t)
{
    return strchr(r->of, types[t].kind) || (strchr(r->of, 'w') && t == 2) || (strchr(r->of, 'j') && t > 0 && t < 4);
}

/* All types and numbers of components of one name. */
static void one_name(const struct row *r, const char *name, char sign)
{
    char full[128], suffix[24], label[160];
    unsigned at = 0;

    snprintf(label, sizeof(label), "air.%s%s%.1s", name, sign ? "." : "", &sign);
    if (strchr(r->of, 'b')) {
        kernel_begin();
        for (unsigned n = 1; n <= (strchr(r->shape, 'N') ? 4 : 1); n++) {
            const char *bits = strchr(r->shape, 'l') ? ".i64" : strchr(r->shape, 'L') ? ".i16" : "";

            snprintf(full, sizeof(full), "%s%s", name, bits);
            if (n > 1)
                snprintf(full, sizeof(full), "%s.v%ui1", name, n);
            put_call(full, r->shape, "i32", n, at++);
        }
        kernel_end(label, NULL, NULL);
        return;
    }
    for (unsigned t = 0; t < TYPES; t++) {
        if (!takes(r, t))
            continue;
        kernel_begin();
        for (unsigned n = 1; n <= 4; n++) {
            snprintf(suffix, sizeof(suffix), "%s", types[t].air);
            if (n > 1)
                snprintf(suffix, sizeof(suffix), "v%u%s", n, types[t].air);
            snprintf(full, sizeof(full), "%s%s%.1s.%s", name, sign ? "." : "", &sign, suffix);
            put_call(full, r->shape, types[t].llvm, n, at++);
            if (types[t].kind == 'f' && types[t].bits == 32 && !strchr(name, '_') && !strchr(name, '.')) {
                snprintf(full, sizeof(full), "fast_%s.%s", name, suffix);
                put_call(full, r->shape, types[t].llvm, n, at++);
            }
        }
        snprintf(label, sizeof(label), "air.%s%s%.1s of %s", name, sign ? "." : "", &sign, types[t].air);
        kernel_end(label, NULL, NULL);
    }
}

static void conversions(void)
{
    for (unsigned d = 0; d <= TYPES; d++) { /* the last is i1 */
        char label[40];
        unsigned at = 0;

        kernel_begin();
        for (unsigned s = 0; s <= TYPES; s++) {
            const char *dt = d < TYPES ? types[d].llvm : "i1", *st = s < TYPES ? types[s].llvm : "i1";
            const char *da = d < TYPES ? types[d].air : "i1", *sa = s < TYPES ? types[s].air : "i1";

            for (unsigned k = 0; k < 16; k++) {
                char name[80], to[32], from[32], v[16],
                    dk = d < TYPES && types[d].kind == 'f' ? 'f'
                         : k & 4                           ? 's'
                                                           : 'u',
                    sk = s < TYPES && types[s].kind == 'f' ? 'f'
                         : k & 8                           ? 's'
                                                           : 'u';
                unsigned n = k % 4 + 1;

                if ((dk == 'f' && k & 4) || (sk == 'f' && k & 8) || (d == s && (d >= TYPES || dk == sk)))
                    continue;
                name_type(to, dt, n);
                name_type(from, st, n);
                snprintf(name, sizeof(name), "convert.%c.%s.%c.%s", dk, da, sk, sa);
                if (n > 1)
                    snprintf(name, sizeof(name), "convert.%c.v%u%s.%c.v%u%s", dk, n, da, sk, n, sa);
                snprintf(v, sizeof(v), "x%u", at);
                put_load(v, from, n);
                fprintf(body, "  %%r%u = call %s @air.%s(%s %%%s)\n", at, to, name, from, v);
                fprintf(extra, "declare %s @air.%s(%s)\n", to, name, from);
                snprintf(v, sizeof(v), "r%u", at++);
                put_store(v, to, n);
                overloads++;
            }
        }
        snprintf(label, sizeof(label), "air.convert to %s", d < TYPES ? types[d].air : "i1");
        kernel_end(label, NULL, NULL);
    }
}

/* ---- textures: every operation of every kind on every texel type, in the shape of AIR 2.2 to 2.7 (air 3.2, 3.6) ----
 */

static const struct kind {
    const char *air, *msl;
    unsigned dim;
    bool array, cube, ms, depth, buffer;
} kinds[] = {
    {"texture_1d", "texture1d", 1, false, false, false, false, false},
    {"texture_1d_array", "texture1d_array", 1, true, false, false, false, false},
    {"texture_2d", "texture2d", 2, false, false, false, false, false},
    {"texture_2d_array", "texture2d_array", 2, true, false, false, false, false},
    {"texture_3d", "texture3d", 3, false, false, false, false, false},
    {"texture_cube", "texturecube", 3, false, true, false, false, false},
    {"texture_cube_array", "texturecube_array", 3, true, true, false, false, false},
    {"texture_2d_ms", "texture2d_ms", 2, false, false, true, false, false},
    {"texture_2d_ms_array", "texture2d_ms_array", 2, true, false, true, false, false},
    {"texture_buffer_1d", "texture_buffer", 1, false, false, false, false, true},
    {"depth_2d", "depth2d", 2, false, false, false, true, false},
    {"depth_2d_array", "depth2d_array", 2, true, false, false, true, false},
    {"depth_cube", "depthcube", 3, false, true, false, true, false},
    {"depth_cube_array", "depthcube_array", 3, true, true, false, true, false},
    {"depth_2d_ms", "depth2d_ms", 2, false, false, true, true, false},
    {"depth_2d_ms_array", "depth2d_ms_array", 2, true, false, true, true, false},
};

static const struct texel {
    const char *msl, *air, *llvm;
} texels[] = {{"float", "v4f32", "float"}, {"half", "v4f16", "half"},   {"int", "s.v4i32", "i32"},
              {"uint", "u.v4i32", "i32"},  {"short", "s.v4i16", "i16"}, {"ushort", "u.v4i16", "i16"}};

static char call_args[600], call_types[400];
static unsigned calls;

static void operand(const char *type, const char *v)
{
    const char *comma = *call_args ? ", " : "";

    snprintf(call_args + strlen(call_args), sizeof(call_args) - strlen(call_args), "%s%s %s", comma, type, v);
    snprintf(call_types + strlen(call_types), sizeof(call_types) - strlen(call_types), "%s%s", comma, type);
}

/* A vector of @dim zeros. */
static void zeros(const char *scalar, unsigned dim)
{
    char t[32];

    name_type(t, scalar, dim);
    operand(t, dim > 1 ? "zeroinitializer" : *scalar == 'i' ? "0" : "0.0");
}

static void start_call(const struct kind *k, bool sampler)
{
    *call_args = *call_types = 0;
    operand("ptr addrspace(1)", "%a");
    if (sampler)
        operand("ptr addrspace(2)", "@s");
    if (k->depth)
        operand("i32", "1");
}

/* Of a sampled texture: coordinate and layer; and offset. */
static void coordinate(const struct kind *k)
{
    zeros("float", k->dim);
    if (k->array)
        operand("i32", "0");
}

static void offset(const struct kind *k)
{
    if (k->cube)
        return;
    operand("i1", k->dim > 1 ? "true" : "false");
    zeros("i32", k->dim);
}

/* Of one read or written: coordinate, face, layer. */
static void place(const struct kind *k)
{
    zeros("i32", k->cube ? 2 : k->dim);
    if (k->cube)
        operand("i32", "0");
    if (k->array)
        operand("i32", "0");
}

static void finish_call(const char *verb, const struct kind *k, const char *more, const char *result,
                        const char *suffix)
{
    char name[96];

    snprintf(name, sizeof(name), "air.%s_%s%s%s%s", verb, k->air, more, *suffix ? "." : "", suffix);
    fprintf(extra, "declare %s @%s(%s)\n", result, name, call_types);
    if (!strcmp(result, "void")) {
        fprintf(body, "  call void @%s(%s)\n", name, call_args);
    } else {
        fprintf(body, "  %%q%u = call %s @%s(%s)\n", calls, result, name, call_args);
        fprintf(body, "  store %s %%q%u, ptr addrspace(1) %%o, align 16\n", result, calls);
    }
    calls++;
    overloads++;
}

static void sampled(const struct kind *k, const char *suffix, const char *result, const char *four)
{
    bool compared = k->depth;

    for (unsigned c = 0; c <= compared; c++) {
        start_call(k, true);
        coordinate(k);
        if (c)
            operand("float", "0.5");
        offset(k);
        operand("i1", "true");
        operand("float", "0.0");
        operand("float", "0.0");
        operand("i32", "0");
        finish_call(c ? "sample_compare" : "sample", k, "", result, suffix);
        if (k->dim == 1 || (k->dim == 3 && !k->cube))
            continue;
        start_call(k, true);
        coordinate(k);
        if (c)
            operand("float", "0.5");
        offset(k);
        if (!k->depth)
            operand("i32", "2");
        operand("i32", "0");
        finish_call(c ? "gather_compare" : "gather", k, "", four, suffix);
    }
    start_call(k, true);
    coordinate(k);
    zeros("float", k->dim);
    zeros("float", k->dim);
    operand("float", "0.0");
    offset(k);
    operand("i32", "0");
    finish_call("sample", k, "_grad", result, suffix);
}

static void queried(const struct kind *k)
{
    static const char *const whats[] = {"get_width",      "get_height",         "get_depth",
                                        "get_array_size", "get_num_mip_levels", "get_num_samples"};

    for (unsigned q = 0; q < 6; q++) {
        if ((q == 1 && k->dim < 2) || (q == 2 && (k->dim < 3 || k->cube)) || (q == 3 && !k->array) ||
            (q == 5 && !k->ms))
            continue;
        *call_args = *call_types = 0;
        operand("ptr addrspace(1)", "%a");
        if (q < 3 && !k->ms && !k->buffer)
            operand("i32", "0");
        finish_call(whats[q], k, "", "i32", "");
    }
}

static void textures(void)
{
    static const char *const access[] = {"sample", "read", "write"};

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct kind *k = &kinds[i];

        for (unsigned t = 0; t < (k->depth ? 1 : sizeof(texels) / sizeof(texels[0])); t++) {
            for (unsigned a = 0; a < 3; a++) {
                char type[64], result[40], four[40], value_type[24];
                const char *suffix = k->depth ? "f32" : texels[t].air;

                if ((a == 0 && (k->ms || k->buffer)) || (a == 2 && (k->ms || k->depth)))
                    continue;
                snprintf(type, sizeof(type), "%s<%s, %s>", k->msl, texels[t].msl, access[a]);
                snprintf(value_type, sizeof(value_type), "<4 x %s>", texels[t].llvm);
                snprintf(four, sizeof(four), "{ %s, i8 }", value_type);
                snprintf(result, sizeof(result), "{ %s, i8 }", k->depth ? "float" : value_type);
                kernel_begin();
                calls = 0;
                if (a == 0)
                    sampled(k, suffix, result, four);
                if (a < 2)
                    queried(k);
                if (a == 1) {
                    start_call(k, false);
                    place(k);
                    if (k->ms || !k->buffer)
                        operand("i32", "0"); /* sample or level */
                    operand("i32", "1");
                    finish_call("read", k, "", result, suffix);
                }
                if (a == 2) {
                    start_call(k, false);
                    place(k);
                    operand(value_type, "zeroinitializer");
                    if (!k->buffer)
                        operand("i32", "0");
                    operand("i32", "2");
                    finish_call("write", k, "", "void", suffix);
                }
                kernel_end(type, type, access[a]);
            }
        }
    }
}

static bool matches(const char *pattern, const char *name)
{
    size_t n = strcspn(pattern, "*");

    return !strncmp(pattern, name, n) && (pattern[n] || !name[n]);
}

/* Is a name in a row? "@" is simd or quad; tokens behind a dot are no part of it. */
static bool in_rows(const char *name)
{
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (const char *p = rows[i].names; *p; p += strcspn(p, " "), p += *p == ' ') {
            size_t n = strcspn(p, " .");
            bool group = *p == '@' && (!strncmp(name, "simd", 4) || !strncmp(name, "quad", 4));

            if (group ? strlen(name) == n + 3 && !strncmp(p + 1, name + 4, n - 1)
                      : strlen(name) == n && !strncmp(p, name, n))
                return true;
        }
    }
    return false;
}

int main(void)
{
    unsigned unknown = 0;

    for (unsigned i = 0; intr_names[i]; i++) {
        bool ok = in_rows(intr_names[i]);

        for (unsigned k = 0; k < sizeof(elsewhere) / sizeof(elsewhere[0]) && !ok; k++)
            ok = matches(elsewhere[k], intr_names[i]);
        if (!ok)
            printf("%s: no overload of it is tried\n", intr_names[i]);
        unknown += !ok;
    }
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (const char *p = rows[i].names; *p; p += strcspn(p, " "), p += *p == ' ') {
            for (unsigned g = 0; g < (*p == '@' ? 2 : 1); g++) {
                char name[96];
                size_t n = strcspn(p, " ");

                snprintf(name, sizeof(name), "%s%.*s",
                         *p != '@' ? ""
                         : g       ? "quad"
                                   : "simd",
                         (int)(n - (*p == '@')), p + (*p == '@'));
                for (const char *s = rows[i].signs; *s || s == rows[i].signs; s++) {
                    one_name(&rows[i], name, *s);
                    if (!*s)
                        break;
                }
            }
        }
    }
    conversions();
    textures();
    printf("%u overloads, %u kernels refused, %u names not tried\n", overloads, refused, unknown);
    return refused || unknown;
}
