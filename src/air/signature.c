/* SPDX-License-Identifier: MIT */
/*
 * Signatures of intrinsics (air 3.1): number and types of a call's operands and result, looked up by the stem of its
 * name, and the types that the name itself states. What passes here the families (intr_*.c) take as it is. They check
 * by themselves what no table says: conversions and packing, whose names are their signature (air 3.5), and textures,
 * whose operands depend on kind and AIR version (air 3.2).
 */
#include "ctx.h"

#include <stdio.h>
#include <string.h>

/*
 * A signature is the result and then the operands; behind * stands anything, behind | another signature.
 *
 *   T the overloaded type, of the row's kind      e its element            N, W integers, 32-bit ones, of its length
 *   B as many i1 as its length                    v void                   p pointer, . anything
 *   i integer of 8 to 64 bits, j or i1, z i1      w i32                    f float
 *   4 <4 x float>  2 <2 x float>  3 <3 x i32>  u <2 x i32>  l <2 x i64>    m matrix: 64 floats of any width
 *
 * Kinds of T: f floats, h those but bfloat, i integers of 8 to 64 bits, b or i1, n floats and integers, a or i1, all of
 * up to 4 lanes; x what atomics have (i32, i64, float), y its integers; m a matrix.
 */
static const struct {
    const char *names; /* "@" atomic.global. and .local., "%" simd_ and quad_, "#" simdgroup_matrix_8x8_ */
    char kind;
    const char *signature;
} rows[] = {
    {"fabs floor ceil trunc rint round fract sqrt rsqrt exp exp2 exp10 log log2 log10 saturate sign", 'f', "TT"},
    {"sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sinpi cospi tanpi", 'f', "TT"},
    {"fmin fmax atan2 pow powr fmod copysign nextafter fdim", 'f', "TTT"},
    {"fma mix fmin3 fmax3 fmedian3", 'f', "TTTT"},
    {"min3 max3 median3 clamp", 'n', "TTTT"},
    {"sincos modf frexp", 'f', "TTp"},
    {"ldexp", 'f', "TTN"},
    {"ilogb", 'f', "WT"},
    {"dot", 'f', "eTT"},
    {"isnan isinf isfinite isnormal", 'f', "BT"},
    {"isordered isunordered", 'f', "BTT"},
    {"all any", 'b', "jT"},

    {"popcount reverse_bits bswap abs", 'i', "TT"},
    {"clz ctz", 'i', "TT|TTz"},
    {"min max abs_diff rotate mul_hi mul24 add_sat sub_sat hadd rhadd", 'i', "TTT"},
    {"mad_hi mad24 mad mad_sat", 'i', "TTTT"},
    {"extract_bits", 'i', "TTii|TTNN"},
    {"insert_bits", 'i', "TTTii|TTTNN"},

    {"convert", 'a', ".T"},
    {"pack", 'h', "iT"}, /* .unorm4x8 and so on */
    {"unpack", 'h', "Ti"},
    {"load", 'a', "Tp*"}, /* of coherent memory */
    {"store", 'a', "vpT*"},
    {"@load", 'x', "Tpiiz|Tpiiiz"},
    {"@store", 'x', "vpTiiz|vpTiiiz"},
    {"@add @sub @xchg", 'x', "TpTiiz|TpTiiiz"},
    {"@and @or @xor @min @max", 'y', "TpTiiz|TpTiiiz"},
    {"@cmpxchg @cmpxchg.weak", 'x', "TppTiiiz|TppTiiiiz|zppTiiiz|zppTiiiiz"},
    {"atomic.fence", 0, "viii"},

    {"wg.barrier simdgroup.barrier", 0, "vii|viii"},
    {"%sum %product %min %max", 'n', "TT"},
    {"%and %or %xor", 'i', "TT"},
    {"%shuffle %shuffle_xor %shuffle_up %shuffle_down %shuffle_rotate_up %shuffle_rotate_down %broadcast", 'a', "TTi"},
    {"%shuffle_and_fill_up %shuffle_and_fill_down", 'a', "TTTi|TTTii"},
    {"%broadcast_first", 'a', "TT"},
    {"%all %any %vote_all %vote_any", 0, "jj"},
    {"%ballot", 0, "iz"},
    {"%active_threads_mask get_simdgroup_size %get_simdgroup_size %get_threads_per_simdgroup", 0, "i"},
    {"%is_first is_helper_thread %is_helper_thread", 0, "j"},
    {"#init_filled #init_diag", 'm', "Te"},
    {"#load", 'm', "Tpilz|Tplll"},
    {"#store", 'm', "vTpilz|vTplll"},
    {"#multiply_accumulate", 0, "mmmm"},
    {"#multiply", 0, "mmm"},

    {"dfdx dfdy fwidth", 'h', "TT"},
    {"discard_fragment", 0, "v"},
    {"get_num_samples", 0, "w|wi"},
    {"get_num_patch_control_points", 0, "w"},
    {"interpolate_center_perspective interpolate_center_no_perspective", 'h', "Tp"},
    {"interpolate_centroid_perspective interpolate_centroid_no_perspective", 'h', "Tp"},
    {"interpolate_sample_perspective interpolate_sample_no_perspective", 'h', "Tpi"},
    {"interpolate_offset_perspective interpolate_offset_no_perspective", 'h', "Tpu|Tp2"},
    {"set_position_mesh", 0, "vpi4"},
    {"set_point_size_mesh", 0, "vpif"},
    {"set_clip_distance_mesh", 0, "vpiif"},
    {"set_render_target_array_index_mesh set_viewport_array_index_mesh set_index_mesh", 0, "vpii"},
    {"set_primitive_culled_mesh", 0, "vpij"},
    {"set_indices_mesh", 'i', "vpiT"},
    {"set_primitive_count_mesh", 0, "vpi"},
    {"set_vertex_data_mesh set_primitive_data_mesh", 'n', "vpiiT"},
    {"set_threadgroups_per_grid_mesh_properties", 0, "vp3"},
};

static bool is_int(LLVMTypeRef t, unsigned min)
{
    unsigned w = LLVMGetTypeKind(t) == LLVMIntegerTypeKind ? LLVMGetIntTypeWidth(t) : 0;

    return w >= min && (w == 1 || w == 8 || w == 16 || w == 32 || w == 64);
}

static bool is_vector(LLVMTypeRef t, LLVMTypeKind kind, unsigned width, unsigned n)
{
    LLVMTypeRef e = elem_type(t);

    return vec_len(t) == n && LLVMGetTypeKind(e) == kind && (!width || LLVMGetIntTypeWidth(e) == width);
}

static bool is_of_kind(LLVMTypeRef t, char kind)
{
    LLVMTypeRef e = elem_type(t);
    LLVMTypeKind k = LLVMGetTypeKind(e);
    bool half = k == LLVMFloatTypeKind || k == LLVMHalfTypeKind, any = half || k == LLVMBFloatTypeKind;

    if (kind == 'm')
        return any && vec_len(t) == 64;
    if (kind == 'x' || kind == 'y')
        return vec_len(t) == 1 && (is_int(e, 32) || (kind == 'x' && k == LLVMFloatTypeKind));
    if (vec_len(t) > 4)
        return false;
    switch (kind) {
    case 'f':
        return any;
    case 'h':
        return half;
    case 'i':
        return is_int(e, 8);
    case 'b':
        return is_int(e, 1);
    case 'n':
        return any || is_int(e, 8);
    default:
        return any || is_int(e, 1);
    }
}

static bool fits(char letter, LLVMTypeRef t, LLVMTypeRef overloaded, char kind)
{
    unsigned n = overloaded ? vec_len(overloaded) : 1;

    switch (letter) {
    case 'T':
        return t == overloaded && is_of_kind(t, kind);
    case 'e':
        return t == elem_type(overloaded);
    case 'N':
        return vec_len(t) == n && is_int(elem_type(t), 8);
    case 'W':
        return is_vector(t, LLVMIntegerTypeKind, 32, n);
    case 'B':
        return is_vector(t, LLVMIntegerTypeKind, 1, n);
    case 'v':
        return LLVMGetTypeKind(t) == LLVMVoidTypeKind;
    case 'p':
        return LLVMGetTypeKind(t) == LLVMPointerTypeKind;
    case 'i':
        return is_int(t, 8);
    case 'j':
        return is_int(t, 1);
    case 'z':
        return is_vector(t, LLVMIntegerTypeKind, 1, 1);
    case 'w':
        return is_vector(t, LLVMIntegerTypeKind, 32, 1);
    case 'f':
        return is_vector(t, LLVMFloatTypeKind, 0, 1);
    case '4':
        return is_vector(t, LLVMFloatTypeKind, 0, 4);
    case '2':
        return is_vector(t, LLVMFloatTypeKind, 0, 2);
    case '3':
        return is_vector(t, LLVMIntegerTypeKind, 32, 3);
    case 'u':
        return is_vector(t, LLVMIntegerTypeKind, 32, 2);
    case 'l':
        return is_vector(t, LLVMIntegerTypeKind, 64, 2);
    case 'm':
        return is_of_kind(t, 'm');
    default:
        return true;
    }
}

#define COUNT_WRONG 100 /* more than a call has operands */

/* Result (0) or operand (from 1) of @k that is not as the first signature at @sig says, COUNT_WRONG, or -1; @t: the T. */
static int mismatch(const struct call *k, char kind, const char *sig, LLVMTypeRef *t)
{
    size_t n = strcspn(sig, "|"), at = strcspn(sig, "T");
    bool more = memchr(sig, '*', n);

    n -= more;
    if (more ? k->n + 1 < n : k->n + 1 != n)
        return COUNT_WRONG;
    *t = at >= n ? NULL : at ? LLVMTypeOf(k->a[at - 1]) : k->ret;
    for (unsigned i = 0; i < n; i++) {
        if (!fits(sig[i], i ? LLVMTypeOf(k->a[i - 1]) : k->ret, *t, kind))
            return (int)i;
    }
    return -1;
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = n ? strstr(list, word) : NULL; p; p = strstr(p + 1, word)) {
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
            return true;
    }
    return false;
}

/* The word for @op in rows[].names. */
static void table_word(const char *op, char *word, size_t max)
{
    static const struct {
        const char *prefix, *sign;
    } groups[] = {{"atomic.global.", "@"},
                  {"atomic.local.", "@"},
                  {"simdgroup_matrix_8x8_", "#"},
                  {"simd_", "%"},
                  {"quad_", "%"}};
    const char *sign = "";

    op += strncmp(op, "fast_", 5) ? 0 : 5;
    for (unsigned g = 0; g < ARRAY_LEN(groups) && !*sign; g++) {
        size_t n = strlen(groups[g].prefix);

        if (strncmp(op, groups[g].prefix, n))
            continue;
        op += n;
        sign = groups[g].sign;
    }
    if (!strncmp(op, "pack.", 5) || !strncmp(op, "unpack.", 7))
        sign = *op == 'p' ? "pack" : "unpack", op = "";
    if (*sign == '%' && (!strncmp(op, "prefix_inclusive_", 17) || !strncmp(op, "prefix_exclusive_", 17)))
        op += 17;
    snprintf(word, max, "%s%.96s", sign, op);
}

/* Is @t what the @n characters at @token say (air 3.1)? Of pointers only the address space can be seen. */
static bool is_named(LLVMTypeRef t, const char *token, size_t n)
{
    char text[40] = "", *e = text;
    LLVMTypeKind k = LLVMGetTypeKind(elem_type(t));

    if (k == LLVMPointerTypeKind) {
        n = (size_t)snprintf(text, sizeof(text), "p%u", LLVMGetPointerAddressSpace(elem_type(t)));
        return !strncmp(token, text, n) && (token[n] < '0' || token[n] > '9');
    }
    if (vec_len(t) > 1)
        e += snprintf(text, sizeof(text), "v%u", vec_len(t));
    if (k == LLVMIntegerTypeKind)
        snprintf(e, 20, "i%u", LLVMGetIntTypeWidth(elem_type(t)));
    else
        strcpy(e, k == LLVMFloatTypeKind    ? "f32"
                  : k == LLVMHalfTypeKind   ? "f16"
                  : k == LLVMBFloatTypeKind ? "bf16"
                                            : "?");
    return strlen(text) == n && !memcmp(token, text, n);
}

/* That, or its element: coordinates, offsets and texels are named by it. */
static bool is_mentioned(LLVMTypeRef t, const char *token, size_t n)
{
    return is_named(t, token, n) || is_named(elem_type(t), token, n);
}

/* Each type in the name is that of the result, a member of it or an operand; one of them is the @overloaded type. */
static void check_name(struct ctx *c, const struct call *k, LLVMTypeRef overloaded)
{
    bool members = LLVMGetTypeKind(k->ret) == LLVMStructTypeKind, named = !overloaded, any = false;

    for (const char *p = k->name; *p; p += strcspn(p, ".") + (p[strcspn(p, ".")] == '.')) {
        size_t n = strcspn(p, ".");
        bool found = is_mentioned(k->ret, p, n);

        if (!intr_type_token(p, n))
            continue;
        any = true;
        named = named || is_named(overloaded, p, n);
        for (unsigned i = 0; members && i < LLVMCountStructElementTypes(k->ret); i++)
            found = found || is_mentioned(LLVMStructGetTypeAtIndex(k->ret, i), p, n);
        for (unsigned i = 0; i < k->n; i++)
            found = found || is_mentioned(LLVMTypeOf(k->a[i]), p, n);
        if (!found)
            air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: nothing has the type %.*s", k->name, (int)n, p);
    }
    if (any && !named)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: not of the type in its name", k->name);
}

static void check(struct ctx *c, const struct call *k)
{
    char word[128];
    LLVMTypeRef overloaded = NULL;
    int wrong = COUNT_WRONG;
    unsigned r = 0;

    table_word(k->op, word, sizeof(word));
    while (r < ARRAY_LEN(rows) && !has_word(rows[r].names, word))
        r++;
    for (const char *sig = r < ARRAY_LEN(rows) ? rows[r].signature : NULL; sig && wrong >= 0; sig = strchr(sig, '|')) {
        int at = mismatch(k, rows[r].kind, sig += *sig == '|', &overloaded);

        wrong = at < wrong ? at : wrong; /* a type says more than a number */
    }
    if (r < ARRAY_LEN(rows) && wrong == COUNT_WRONG)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: %u operands", k->name, k->n);
    if (!wrong)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: type of the result", k->name);
    if (r < ARRAY_LEN(rows) && wrong > 0)
        air_fail(c, AIR_REFUSE_INTRINSIC, "air.%.80s: type of operand %d", k->name, wrong);
    check_name(c, k, overloaded);
}

void signature_check(struct ctx *c, LLVMValueRef inst)
{
    LLVMValueRef f = LLVMGetCalledValue(inst);
    const char *name = LLVMIsAFunction(f) ? LLVMGetValueName(f) : "";
    bool as_declared = LLVMIsAFunction(f) && LLVMGetCalledFunctionType(inst) == LLVMGlobalGetValueType(f);
    struct call k;
    int known;

    if (strncmp(name, "air.", 4) || (as_declared && pmap_get(&c->checked, f, &known)) || refused_family(name + 4))
        return;
    c->cur_inst = inst;
    intr_call_of(c, inst, name + 4, &k);
    check(c, &k);
    c->cur_inst = NULL;
    if (as_declared)
        pmap_put(c, &c->checked, f, 1);
}
