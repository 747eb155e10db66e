/* SPDX-License-Identifier: MIT */
/*
 * Calls of intrinsics with wrong types, wrong numbers of operands and names that state other types: each right call of
 * the table below compiles; a call that differs in one place is refused by the intrinsic's name (air 3.1), or is as
 * good where the place takes any integer or any pointer. None may come to SPIRV-Tools wrong. Needs no device.
 *
 * usage: signatures
 */
#include "air/air.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_PARTS    12

/* Result, name, operands. T is each type of the kind in turn, $ its name (air 3.1); E and % are those of its element.
 */
static const struct {
    char stage, kind;
    const char *call;
} rows[] = {
    {'k', 'f', "T fabs.$ T"},
    {'k', 'f', "T fast_exp.$ T"},
    {'k', 'f', "T sin.$ T"},
    {'k', 'f', "T fmin.$ T T"},
    {'k', 'f', "T pow.$ T T"},
    {'k', 'f', "T fma.$ T T T"},
    {'k', 'f', "T clamp.$ T T T"},
    {'k', 'h', "T sincos.$ T ptr"},
    {'k', 'h', "T modf.$ T ptr"},
    {'k', 'h', "T frexp.$ T ptr"},
    {'k', 0, "float ldexp.f32 float i32"},
    {'k', 0, "<2 x half> ldexp.v2f16 <2 x half> <2 x i32>"},
    {'k', 0, "<3 x i32> ilogb.v3f32 <3 x float>"},
    {'k', 'h', "E dot.$ T T"},
    {'k', 0, "i1 isnan.f32 float"},
    {'k', 0, "<2 x i1> isnormal.v2f16 <2 x half>"},
    {'k', 0, "<4 x i1> isordered.v4f32 <4 x float> <4 x float>"},
    {'k', 0, "i1 all.v4i1 <4 x i1>"},
    {'k', 'i', "T popcount.$ T"},
    {'k', 'i', "T reverse_bits.$ T"},
    {'k', 'i', "T abs.s.$ T"},
    {'k', 'i', "T clz.$ T"},
    {'k', 'i', "T clz.$ T i1"},
    {'k', 'i', "T max.u.$ T T"},
    {'k', 'i', "T rotate.$ T T"},
    {'k', 'i', "T mul_hi.s.$ T T"},
    {'k', 'i', "T hadd.u.$ T T"},
    {'k', 'i', "T mad_sat.s.$ T T T"},
    {'k', 'i', "T median3.s.$ T T T"},
    {'k', 'i', "T extract_bits.s.$ T i32 i32"},
    {'k', 'i', "T insert_bits.$ T T i32 i32"},
    {'k', 0, "<2 x i32> extract_bits.u.v2i32 <2 x i32> <2 x i32> <2 x i32>"},
    {'k', 0, "<2 x float> convert.f.v2f32.s.v2i16 <2 x i16>"},
    {'k', 0, "i1 convert.u.i1.f.f32 float"},
    {'k', 0, "i32 pack.unorm4x8.v4f32 <4 x float>"},
    {'k', 0, "<2 x half> unpack.snorm2x16.v2f16 i32"},

    {'k', 'x', "T atomic.global.load.$ ptr addrspace(1) i32 i32 i1"},
    {'k', 'x', "T atomic.global.load.$ ptr addrspace(1) i32 i32 i32 i1"},
    {'k', 'x', "void atomic.global.store.$ ptr addrspace(1) T i32 i32 i1"},
    {'k', 'x', "T atomic.global.xchg.$ ptr addrspace(1) T i32 i32 i1"},
    {'k', 'y', "T atomic.global.min.s.$ ptr addrspace(1) T i32 i32 i1"},
    {'k', 'y', "T atomic.global.min.s.$ ptr addrspace(1) T i32 i32 i32 i1"},
    {'k', 0, "float atomic.global.add.f32 ptr addrspace(1) float i32 i32 i1"},
    {'k', 'y', "T atomic.global.cmpxchg.weak.$ ptr addrspace(1) ptr T i32 i32 i32 i1"},
    {'k', 'y', "i1 atomic.global.cmpxchg.weak.$ ptr addrspace(1) ptr T i32 i32 i32 i1"},
    {'k', 0, "void atomic.fence i32 i32 i32"},
    {'k', 0, "void wg.barrier i32 i32"},
    {'k', 0, "void wg.barrier i32 i32 i32"},
    {'k', 0, "void simdgroup.barrier i32 i32"},
    {'k', 0, "void simdgroup.barrier i32 i32 i32"},
    {'k', 'f', "T simd_sum.$ T"},
    {'k', 'i', "T simd_min.s.$ T"},
    {'k', 'i', "T quad_xor.u.$ T"},
    {'k', 'i', "T simd_prefix_inclusive_sum.u.$ T"},
    {'k', 'f', "T simd_shuffle.$ T i16"},
    {'k', 'i', "T quad_shuffle_xor.$ T i16"},
    {'k', 'f', "T simd_shuffle_rotate_up.$ T i16"},
    {'k', 'f', "T simd_shuffle_and_fill_down.$ T T i16"},
    {'k', 'f', "T simd_shuffle_and_fill_down.$ T T i16 i16"},
    {'k', 'i', "T simd_broadcast_first.$ T"},
    {'k', 0, "i1 simd_any i1"},
    {'k', 0, "i1 quad_all i1"},
    {'k', 0, "i64 simd_ballot.i64 i1"},
    {'k', 0, "i64 simd_active_threads_mask.i64"},
    {'k', 0, "i1 simd_is_first"},
    {'k', 0, "i16 get_simdgroup_size.i16"},
    {'k', 'm', "T simdgroup_matrix_8x8_init_filled.$.% E"},
    {'k', 'm', "T simdgroup_matrix_8x8_load.$.p1% ptr addrspace(1) i64 <2 x i64> i1"},
    {'k', 'm', "T simdgroup_matrix_8x8_load.$.p1% ptr addrspace(1) <2 x i64> <2 x i64> <2 x i64>"},
    {'k', 'm', "void simdgroup_matrix_8x8_store.$.p1% T ptr addrspace(1) i64 <2 x i64> i1"},
    {'k', 'm', "T simdgroup_matrix_8x8_multiply_accumulate.$.$.$.$ T T T"},

    {'f', 'h', "T dfdx.$ T"},
    {'f', 0, "float fast_fwidth.f32 float"},
    {'f', 0, "void discard_fragment"},
    {'f', 0, "i32 get_num_samples.i32 i32"},
    {'f', 0, "i32 get_num_samples.i32"},
    {'f', 0, "i1 is_helper_thread"},
    {'f', 0, "<4 x float> interpolate_center_perspective.v4f32 HANDLE"},
    {'f', 0, "<4 x float> interpolate_centroid_no_perspective.v4f32 HANDLE"},
    {'f', 0, "<4 x float> interpolate_sample_perspective.v4f32 HANDLE i32"},
    {'f', 0, "<4 x float> interpolate_offset_perspective.v4f32 HANDLE <2 x i32>"},
    {'f', 0, "<4 x float> interpolate_offset_perspective.v4f32 HANDLE <2 x float>"},

    {'f', 0, "{ <4 x float>, i8 } sample_texture_2d.v4f32 TEXTURE SAMPLER <2 x float> i1 <2 x i32> i1 float float i32"},
    {'f', 0, "{ <4 x float>, i8 } gather_texture_2d.v4f32 TEXTURE SAMPLER <2 x float> i1 <2 x i32> i32 i32"},
    {'f', 0, "{ <4 x float>, i8 } read_texture_2d.v4f32 TEXTURE <2 x i32> i32 i32"},
    {'f', 0, "i32 get_width_texture_2d TEXTURE i32"},
    {'f', 0, "float calculate_clamped_lod_texture_2d TEXTURE SAMPLER <2 x float> i32"},

    {'m', 0, "void set_position_mesh MESH i32 <4 x float>"},
    {'m', 0, "void set_point_size_mesh MESH i32 float"},
    {'m', 0, "void set_vertex_data_mesh.v2f32 MESH i32 i32 <2 x float>"},
    {'m', 0, "void set_primitive_data_mesh.f32 MESH i32 i32 float"},
    {'m', 0, "void set_render_target_array_index_mesh.i32 MESH i32 i32"},
    {'m', 0, "void set_primitive_culled_mesh MESH i32 i1"},
    {'m', 0, "void set_index_mesh MESH i32 i8"},
    {'m', 0, "void set_indices_mesh.v4i8 MESH i32 <4 x i8>"},
    {'m', 0, "void set_primitive_count_mesh MESH i32"},
    {'o', 0, "void set_threadgroups_per_grid_mesh_properties MESH <3 x i32>"},
};

static const struct {
    const char *kinds, *type, *name, *element, *element_name;
} types[] = {
    {"fhx", "float", "f32", "float", "f32"},
    {"fh", "<3 x half>", "v3f16", "half", "f16"},
    {"f", "<2 x bfloat>", "v2bf16", "bfloat", "bf16"},
    {"ixy", "i32", "i32", "i32", "i32"},
    {"i", "<4 x i8>", "v4i8", "i8", "i8"},
    {"ixy", "i64", "i64", "i64", "i64"},
    {"m", "<64 x float>", "v64f32", "float", "f32"},
    {"m", "<64 x half>", "v64f16", "half", "f16"},
};

/* What stands in the place of a type. */
static const char *const others[] = {"float",
                                     "half",
                                     "i32",
                                     "i1",
                                     "i128",
                                     "<3 x float>",
                                     "<2 x i16>",
                                     "<8 x float>",
                                     "{ float, i32 }",
                                     "[2 x i32]",
                                     "ptr addrspace(1)"};

/* [0] result, [1] name, then operands */
struct call {
    char stage, part[MAX_PARTS][80];
    unsigned n;
};

static struct call calls[256]; /* the right ones */
static unsigned ncall, right, wrong;

/* Parts are separated by blanks that stand in no brackets; "ptr addrspace(1)" is one. */
static void split(const char *s, struct call *c)
{
    unsigned depth = 0, at = 0;

    for (c->n = 1; *s; s++) {
        depth += *s == '<' || *s == '{' || *s == '[';
        depth -= *s == '>' || *s == '}' || *s == ']';
        if (*s == ' ' && !depth && strncmp(s + 1, "addrspace", 9)) {
            c->n++;
            at = 0;
        } else {
            c->part[c->n - 1][at++] = *s;
        }
    }
}

/* Row @r with type number @t. */
static void add(unsigned r, unsigned t)
{
    struct call *c = &calls[ncall++];
    char name[80] = "";
    size_t n = 0;

    c->stage = rows[r].stage;
    split(rows[r].call, c);
    for (unsigned i = 0; rows[r].kind && i < c->n; i++) {
        if (!strcmp(c->part[i], "T"))
            strcpy(c->part[i], types[t].type);
        else if (!strcmp(c->part[i], "E"))
            strcpy(c->part[i], types[t].element);
    }
    for (const char *p = c->part[1]; *p; p++)
        n += (size_t)snprintf(name + n, sizeof(name) - n, *p == '$' || *p == '%' ? "%s" : "%.1s",
                              *p == '$'   ? types[t].name
                              : *p == '%' ? types[t].element_name
                                          : p);
    strcpy(c->part[1], name);
}

/* The LLVM type of a part, and the value that is passed. */
static const char *type_of(const char *part)
{
    if (!strcmp(part, "HANDLE") || !strcmp(part, "TEXTURE"))
        return "ptr addrspace(1)";
    if (!strcmp(part, "SAMPLER"))
        return "ptr addrspace(2)";
    return strcmp(part, "MESH") ? part : "ptr addrspace(7)";
}

static const char *value_of(const char *part)
{
    static const struct {
        const char *part, *value;
    } t[] = {{"HANDLE", "%h"}, {"TEXTURE", "%t"}, {"SAMPLER", "%s"}, {"MESH", "%m"}, {"ptr", "%local"}};

    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        if (!strcmp(part, t[i].part))
            return t[i].value;
    }
    return strncmp(part, "ptr", 3) ? "zeroinitializer" : "%b";
}

static const struct {
    char stage;
    const char *head, *tail;
} stages[] = {
    {'k', "ptr addrspace(1) %b",
     "!air.kernel = !{!0}\n!0 = !{ptr @k, !1, !{!2}}\n"
     "!2 = !{i32 0, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"},
    {'f', "ptr addrspace(1) %h, ptr addrspace(1) %t, ptr addrspace(2) %s, ptr addrspace(1) %b",
     "!air.fragment = !{!0}\n!0 = !{ptr @k, !1, !{!2, !3, !4, !5}}\n"
     "!2 = !{i32 0, !\"air.fragment_input\", !\"user(locn0)\", !\"air.interpolation_function\", "
     "!\"air.arg_type_name\", !\"float4\"}\n"
     "!3 = !{i32 1, !\"air.texture\", !\"air.location_index\", i32 0, i32 1, !\"air.sample\", "
     "!\"air.arg_type_name\", !\"texture2d<float, sample>\"}\n"
     "!4 = !{i32 2, !\"air.sampler\", !\"air.location_index\", i32 0, i32 1}\n"
     "!5 = !{i32 3, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"},
    {'m', "ptr addrspace(7) %m, ptr addrspace(1) %b",
     "!air.mesh = !{!0}\n!0 = !{ptr @k, !1, !{!2, !9}}\n"
     "!2 = !{i32 0, !\"air.mesh\", !{!\"air.mesh_type_info\", !{!3, !4, !5}, !{!6, !7, !8}, i32 4, i32 2, "
     "!\"air.triangle\"}, !\"air.arg_name\", !\"m\"}\n"
     "!3 = !{!\"air.position\", !\"air.arg_type_name\", !\"float4\"}\n"
     "!4 = !{!\"air.mesh_vertex_data\", i32 0, !\"user(a)\", !\"air.arg_type_name\", !\"float2\"}\n"
     "!5 = !{!\"air.point_size\", !\"air.arg_type_name\", !\"float\"}\n"
     "!6 = !{!\"air.mesh_primitive_data\", i32 0, !\"user(b)\", !\"air.arg_type_name\", !\"float\"}\n"
     "!7 = !{!\"air.render_target_array_index\", !\"air.arg_type_name\", !\"uint\"}\n"
     "!8 = !{!\"air.primitive_culled\", !\"air.arg_type_name\", !\"bool\"}\n"
     "!9 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"},
    {'o', "ptr addrspace(7) %m, ptr addrspace(1) %b",
     "!air.object = !{!0}\n!0 = !{ptr @k, !1, !{!2, !3}}\n!2 = !{i32 0, !\"air.mesh_grid_properties\"}\n"
     "!3 = !{i32 1, !\"air.buffer\", !\"air.location_index\", i32 0, i32 1, !\"air.read_write\"}\n"},
};

static void text_of(const struct call *c, char *s, size_t max)
{
    unsigned st = 0;
    size_t n;

    while (stages[st].stage != c->stage)
        st++;
    n = (size_t)snprintf(s, max,
                         "target triple = \"air64-apple-macosx14.0.0\"\ndefine void @k(%s) {\n"
                         "  %%local = alloca [4 x i64]\n  %scall %s @air.%s(",
                         stages[st].head, strcmp(c->part[0], "void") ? "%x = " : "", c->part[0], c->part[1]);
    for (unsigned i = 2; i < c->n; i++)
        n += (size_t)snprintf(s + n, max - n, "%s%s %s", i > 2 ? ", " : "", type_of(c->part[i]), value_of(c->part[i]));
    n += (size_t)snprintf(s + n, max - n, ")\n  ret void\n}\ndeclare %s @air.%s(", c->part[0], c->part[1]);
    for (unsigned i = 2; i < c->n; i++)
        n += (size_t)snprintf(s + n, max - n, "%s%s", i > 2 ? ", " : "", type_of(c->part[i]));
    snprintf(s + n, max - n, ")\n!1 = !{}\n%s", stages[st].tail);
}

static void say(const struct call *c, const char *what, const char *detail)
{
    wrong++;
    printf("wrong: %s %s(", c->part[0], c->part[1]);
    for (unsigned i = 2; i < c->n; i++)
        printf("%s%s", i > 2 ? ", " : "", c->part[i]);
    printf("): %s %s\n", what, detail);
}

static bool same(const struct call *a, const struct call *b)
{
    bool eq = a->n == b->n && a->stage == b->stage;

    for (unsigned i = 0; eq && i < a->n; i++)
        eq = !strcmp(type_of(a->part[i]), type_of(b->part[i]));
    return eq;
}

static bool in_table(const struct call *c)
{
    for (unsigned i = 0; i < ncall; i++) {
        if (same(c, &calls[i]))
            return true;
    }
    return false;
}

/*
 * A call of the table is compiled. Another one is refused for its intrinsic, or @may be compiled; @other: the type that
 * stands in a wrong place has a reason of its own. Textures take the shapes of several AIR versions, and pointers that
 * are no handles are found out as pointers.
 */
static void check(const struct call *c, const char *other, bool may)
{
    struct air_options o = {.size = sizeof(o), .caps = AIR_CAPS_DEFAULT | AIR_CAP_MESH, .simd_width = 32};
    bool must = in_table(c), texture = strstr(c->part[1], "_texture_"), ok;
    char text[6000], err[400], name[100];
    struct air_result r;
    uint8_t *bc;
    size_t n;

    text_of(c, text, sizeof(text));
    if (air_assemble(text, &bc, &n, err, sizeof(err))) {
        say(c, "not assembled:", err);
        return;
    }
    (void)air_compile(bc, n, NULL, &o, &r);
    snprintf(name, sizeof(name), "air.%s", c->part[1]);
    if (must)
        ok = !r.reason;
    else if (!r.reason)
        ok = may || texture;
    else
        ok = (r.reason == AIR_REFUSE_INTRINSIC && strstr(r.error, name)) ||
             (r.reason == AIR_REFUSE_TYPE && !strcmp(other, "i128")) ||
             (r.reason == AIR_REFUSE_POINTER && texture && !strncmp(other, "ptr", 3));
    right += ok;
    if (!ok)
        say(c, r.reason ? air_refuse_name(r.reason) : "compiled", r.error);
    air_result_fini(&r);
    free(bc);
}

/* Any integer, any pointer may do where another one stands. */
static bool alike(const char *a, const char *b)
{
    return (a[0] == 'i' && b[0] == 'i' && strcmp(b, "i128")) ||
           (!strncmp(a, "<2 x i", 6) && !strncmp(b, "<2 x i", 6)) || (!strncmp(a, "ptr", 3) && !strncmp(b, "ptr", 3));
}

static void change(const struct call *ok)
{
    struct call c = *ok;

    check(&c, "", true);
    for (unsigned i = 0; i < ok->n; i++) {
        for (unsigned t = 0; t < ARRAY_LEN(others) && i != 1; t++) {
            if (!strcmp(type_of(ok->part[i]), others[t]))
                continue;
            strcpy(c.part[i], others[t]);
            check(&c, others[t], alike(type_of(ok->part[i]), others[t]));
        }
        memcpy(c.part[i], ok->part[i], sizeof(c.part[i]));
    }
    strcpy(c.part[0], strcmp(ok->part[0], "void") ? "void" : "i32");
    check(&c, "", false);
    c = *ok;
    if (c.n > 2) {
        c.n--;
        check(&c, "", false);
    }
    c = *ok;
    strcpy(c.part[c.n++], "float");
    check(&c, "", false);
    for (unsigned t = 0; t < ARRAY_LEN(types); t++) { /* the name says another type */
        char *at;

        c = *ok;
        at = strstr(c.part[1], types[t].name);
        if (!at || at[-1] != '.' || at[strlen(types[t].name)])
            continue;
        strcpy(at, "v4i16");
        check(&c, "", false);
    }
}

int main(void)
{
    for (unsigned r = 0; r < ARRAY_LEN(rows); r++) {
        for (unsigned t = 0; t < ARRAY_LEN(types); t++) {
            if (rows[r].kind ? strchr(types[t].kinds, rows[r].kind) != NULL : !t)
                add(r, t);
        }
    }
    for (unsigned i = 0; i < ncall; i++)
        change(&calls[i]);
    printf("signatures: %u calls, %u right, %u wrong\n", ncall, right, wrong);
    return wrong ? 1 : 0;
}
