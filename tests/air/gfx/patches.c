/* SPDX-License-Identifier: MIT */
/*
 * Tessellation: post-tessellation vertex functions of patches.ll behind the vertex and control stages that tess.h
 * makes, drawn and compared by value: attributes, ids, factors of each edge, partition modes, limits, scale, winding.
 * usage: patches PATH/patches.ll. Exit status 77 without a Vulkan device.
 */
#include "gfx.h"
#include "air/tess.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One control point of the vertex buffer. */
struct point {
    float position[4];
    uint16_t color[4]; /* halves */
    int32_t number;
    uint32_t pad;
    float extra[4]; /* of the patch, repeated */
};

/* A patch draw: the pipeline's state, and the stages that are made from it. */
static struct air_tess_state tess;
static struct vk_patches patch_draw;
static struct air_tess stages;

static unsigned target, first_patch, first_instance;
static double segments[2][2]; /* by instance and patch */
static struct vk_buf vertices, indices, factors, marks;

/* Patches 0 and 1 are the left and the right half of the lower half of the picture; instance 1 lies above instance 0.
 */
static void quad_vertices(void)
{
    struct point *p = vertices.map;

    for (unsigned i = 0; i < 8; i++) {
        unsigned patch = i / 4, u = i & 1, v = i >> 1 & 1;

        p[i] = (struct point){
            .position = {(float)(u + patch) - 1, (float)v - 1, 0.5f, 1},
            .color = {half_from_double(u), half_from_double(v), half_from_double(patch), half_from_double(0.5)},
            .number = -10 - (int)i,
            .extra = {(float)patch + 0.25f, 7, -3, 1}};
    }
}

static void attributes(struct gfx *d)
{
    static const struct {
        uint32_t index, offset;
        VkFormat format;
    } a[] = {{0, 0, VK_FORMAT_R32G32B32A32_SFLOAT},
             {3, 16, VK_FORMAT_R16G16B16A16_SFLOAT},
             {5, 24, VK_FORMAT_R32_SINT},
             {7, 32, VK_FORMAT_R32G32B32A32_SFLOAT}};

    d->run.stride = sizeof(struct point);
    d->run.vertex_buf = &vertices;
    for (unsigned i = 0; i < 4; i++) {
        d->run.attr_format[a[i].index] = a[i].format;
        d->run.attr_offset[a[i].index] = a[i].offset;
    }
}

static void put_factors(unsigned at, const double *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        ((uint16_t *)factors.map)[at / 2 + i] = half_from_double(f[i]);
}

static bool prepare(struct gfx *d, const struct air_result *vs)
{
    const char *why;

    air_tess_fini(&stages);
    why = air_tess_make(vs->reflection, &tess, &stages);
    if (why) {
        snprintf(d->why, sizeof(d->why), "%s", why);
        return false;
    }
    patch_draw.vertex = stages.vertex;
    patch_draw.vertex_words = stages.vertex_words;
    patch_draw.control = stages.control;
    patch_draw.control_words = stages.control_words;
    patch_draw.points = tess.points;
    d->run.patches = &patch_draw;
    d->run.topology = VK_PRIMITIVE_TOPOLOGY_PATCH_LIST;
    return air_validate(stages.vertex, stages.vertex_words, d->why, sizeof(d->why)) &&
           air_validate(stages.control, stages.control_words, d->why, sizeof(d->why));
}

static struct gfx *start_quads(void)
{
    struct gfx *d = gfx_start("vp_quad", "fs_quad");

    quad_vertices();
    attributes(d);
    d->prepare = prepare;
    d->size = 16;
    d->color[1] = VK_FORMAT_R32G32B32A32_UINT;
    d->color[2] = d->color[3] = d->color[0];
    d->run.vertices = 8;
    d->run.instances = 2;
    tess = (struct air_tess_state){
        .partition = AIR_TESS_INTEGER, .step = AIR_TESS_PER_PATCH_AND_INSTANCE, .max_factor = 16, .points = 4};
    patch_draw = (struct vk_patches){.factors = &factors, .scale = 1, .instance_stride = 32};
    first_patch = first_instance = 0;
    memset(factors.map, 0, factors.bytes);
    return d;
}

/* The same factor everywhere in each of the four quads. */
static void same_factors(double a, double b, double c, double d)
{
    const double f[4] = {a, b, c, d};

    for (unsigned i = 0; i < 4; i++) {
        const double six[6] = {f[i], f[i], f[i], f[i], f[i], f[i]};

        put_factors((first_instance + i / 2) * 32 + (i & 1) * 12, six, 6);
    }
}

/* t * t at the ends of @n equal segments, straight in between. */
static double piecewise(double t, double n)
{
    double k = floor(t * n), a = k / n, b = (k + 1) / n;

    return a * a + (t * n - k) * (b * b - a * a);
}

static double w_quads(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    unsigned patch = x / 8, instance = y < 8;
    double u = (x % 8 + 0.5) / 8, v = (7.5 - y % 8) / 8, n = segments[instance][patch];

    if (patch < first_patch || n == 0)
        return 0;
    switch (target) {
    case 0: /* colour */
        return k == 0 ? u : k == 1 ? v : k == 2 ? patch : 0.5;
    case 1: /* ids */
        return k == 0   ? patch
               : k == 1 ? instance + first_instance
               : k == 2 ? first_instance
                        : 4000 - 10 - (4.0 * patch + 2);
    case 2: /* the patch's own attribute */
        return k == 0 ? patch + 0.25 : k == 1 ? 7 : k == 2 ? -3 : 1;
    default: /* how finely it was divided */
        return k == 0 ? piecewise(u, n) : k == 1 ? piecewise(v, n) : k - 2.0;
    }
}

static void segments_are(double a, double b, double c, double d)
{
    segments[0][0] = a;
    segments[0][1] = b;
    segments[1][0] = c;
    segments[1][1] = d;
}

static void quads(void)
{
    static const char *const what[] = {"quad_attributes", "quad_ids", "quad_patch_attribute", "quad_division"};
    struct gfx *d;

    for (target = 0; target < 4; target++) {
        d = start_quads();
        same_factors(4, 2, 8, 1);
        segments_are(4, 2, 8, 1);
        if (target == 1)
            gfx_expect_int(what[target], d, target, w_quads);
        else
            gfx_expect(what[target], d, target, w_quads, 1e-3);
    }
    for (target = 0; target < 4; target++) { /* bases: the ids and the places in the factor buffer move with them */
        d = start_quads();
        first_instance = d->run.first_instance = 2;
        first_patch = 1;
        d->run.first_vertex = 4;
        d->run.vertices = 4;
        same_factors(4, 2, 8, 3);
        segments_are(4, 2, 8, 3);
        if (target == 1)
            gfx_expect_int("quad_ids_with_bases", d, target, w_quads);
        else
            gfx_expect("quads_with_bases", d, target, w_quads, 1e-3);
    }
    for (target = 0; target < 4; target++) { /* by index: the patch's number is that of the draw */
        static const uint32_t index[8] = {4, 5, 6, 7};

        d = start_quads();
        memcpy(indices.map, index, sizeof(index));
        d->run.index_buf = &indices;
        d->run.vertices = 4;
        tess.indexed = 1;
        first_patch = patch_draw.patch_start = 1;
        same_factors(4, 2, 8, 3);
        segments_are(4, 2, 8, 3);
        if (target == 1)
            gfx_expect_int("quad_ids_by_index", d, target, w_quads);
        else
            gfx_expect("quads_by_index", d, target, w_quads, 1e-3);
    }
    target = 3;
}

/* Factors as they are in the buffer, and the segments they give. */
static void division(const char *name, uint32_t partition, uint32_t max, float scale, const double in[4],
                     const double out[4])
{
    struct gfx *d = start_quads();

    tess.partition = partition;
    tess.max_factor = max;
    patch_draw.scale = scale;
    same_factors(in[0], in[1], in[2], in[3]);
    segments_are(out[0], out[1], out[2], out[3]);
    target = 3;
    gfx_expect(name, d, 3, w_quads, 1e-3);
}

static void step(const char *name, enum air_tess_step how, const unsigned want[4])
{
    static const double two[6] = {2, 2, 2, 2, 2, 2}, three[6] = {3, 3, 3, 3, 3, 3}, four[6] = {4, 4, 4, 4, 4, 4};
    struct gfx *d = start_quads();

    target = 3;
    tess.step = how;
    put_factors(0, two, 6);
    put_factors(12, three, 6);
    put_factors(32, four, 6);
    segments_are(want[0], want[1], want[2], want[3]);
    gfx_expect(name, d, 3, w_quads, 1e-3);
}

static void steps(void)
{
    step("step_constant", AIR_TESS_CONSTANT, (const unsigned[]){2, 2, 2, 2});
    step("step_per_patch", AIR_TESS_PER_PATCH, (const unsigned[]){2, 3, 2, 3});
    step("step_per_instance", AIR_TESS_PER_INSTANCE, (const unsigned[]){2, 2, 4, 4});
}

/* ---- which points of the domain are evaluated ---- */

static bool marked(unsigned i, unsigned j)
{
    return ((uint32_t *)marks.map)[j * 61 + i];
}

static struct gfx *start_marks(const char *vs, uint32_t partition, uint32_t points)
{
    struct gfx *d = gfx_start(vs, "fs_facing");

    attributes(d);
    d->prepare = prepare;
    d->run.vertices = points;
    d->run.buf[4] = &marks;
    tess =
        (struct air_tess_state){.partition = partition, .step = AIR_TESS_CONSTANT, .max_factor = 16, .points = points};
    patch_draw = (struct vk_patches){.factors = &factors, .scale = 1};
    memset(marks.map, 0, marks.bytes);
    memset(factors.map, 0, factors.bytes);
    return d;
}

/* Edges u = 0, v = 0, u = 1, v = 1 into @f[0..3] parts, the inside into a grid of @f[4] by @f[5]. */
static void quad_marks(void)
{
    static const double f[6] = {1, 2, 3, 5, 4, 6};
    struct gfx *d = start_marks("vp_quad_marks", AIR_TESS_INTEGER, 4);
    char detail[160] = "";
    bool ran, ok = true;

    put_factors(0, f, 6);
    ran = gfx_go(d);
    for (unsigned j = 0; ran && j <= 60; j++) {
        for (unsigned i = 0; i <= 60; i++) {
            bool want = i == 0    ? j % 60 == 0
                        : i == 60 ? j % 20 == 0
                        : j == 0  ? i % 30 == 0
                        : j == 60 ? i % 12 == 0
                                  : i % 15 == 0 && j % 10 == 0;

            if (marked(i, j) != want) {
                ok = false;
                snprintf(detail, sizeof(detail), "point (%u/60, %u/60) is %sevaluated", i, j, want ? "not " : "");
            }
        }
    }
    gfx_verdict("quad_edges", d, ran, ok, detail);
}

static void tri_marks(void)
{
    static const double f[4] = {2, 3, 5, 2};
    struct gfx *d = start_marks("vp_tri_marks", AIR_TESS_INTEGER, 3);
    char detail[160] = "";
    bool ran, ok = true;

    put_factors(0, f, 4);
    ran = gfx_go(d);
    for (unsigned j = 0; ran && j <= 60; j++) {
        for (unsigned i = 0; i + j <= 60; i++) {
            bool corner = i == 60 || j == 60 || i + j == 0;
            bool want = corner        ? true
                        : i == 0      ? j % 30 == 0
                        : j == 0      ? i % 20 == 0
                        : i + j == 60 ? i % 12 == 0
                                      : i == 20 && j == 20;

            if (marked(i, j) != want) {
                ok = false;
                snprintf(detail, sizeof(detail), "point (%u/60, %u/60) is %sevaluated", i, j, want ? "not " : "");
            }
        }
    }
    gfx_verdict("triangle_edges", d, ran, ok, detail);
}

/* Fractional modes: points on the edge u = 0 for a factor between whole numbers; the parts are symmetrical. */
static void fractional(const char *name, uint32_t partition, double factor, unsigned parts)
{
    const double f[6] = {factor, factor, factor, factor, factor, factor};
    struct gfx *d = start_marks("vp_quad_marks", partition, 4);
    unsigned n = 0, odd = 0;
    char detail[160] = "";
    bool ran;

    put_factors(0, f, 6);
    ran = gfx_go(d);
    for (unsigned j = 0; ran && j <= 60; j++) {
        n += marked(0, j);
        /* a place between two marks is rounded up, and so is its mirror image */
        odd += marked(0, j) && !marked(0, 60 - j) && !(j && marked(0, 61 - j));
    }
    snprintf(detail, sizeof(detail), "%u parts, expected %u; %u points without their mirror image", n - 1, parts, odd);
    gfx_verdict(name, d, ran, n == parts + 1 && !odd, detail);
}

/* ---- triangles ---- */

static double w_tri(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    double a = (x + 0.5) / 16, b = (15.5 - y) / 16;

    if (a + b > 1 - 1e-6)
        return a + b > 1 + 1e-6 ? 0 : NAN;
    if (target == 1)
        return k == 0 ? 5 : k == 1 ? 6 : k == 2 ? 7 : 8;
    return k == 0 ? 1 - a - b : k == 1 ? 2 * a : k == 2 ? 3 * b : 1;
}

static void triangles(void)
{
    static const double f[4] = {4, 3, 2, 5};
    struct point *p = vertices.map;

    for (target = 0; target < 2; target++) {
        struct gfx *d = gfx_start("vp_tri", "fs_tri");

        attributes(d);
        d->prepare = prepare;
        d->size = 16;
        d->color[1] = d->color[0];
        d->run.vertices = 3;
        for (unsigned i = 0; i < 3; i++)
            p[i] = (struct point){.position = {i == 1 ? 1 : -1, i == 2 ? 1 : -1, 0.5f, 1},
                                  .color = {half_from_double(i == 0), half_from_double(i == 1 ? 2 : 0),
                                            half_from_double(i == 2 ? 3 : 0), 0},
                                  .extra = {5, 6, 7, 8}};
        d->run.attr_format[3] = VK_FORMAT_R16G16B16A16_SFLOAT;
        tess = (struct air_tess_state){
            .partition = AIR_TESS_FRACTIONAL_ODD, .step = AIR_TESS_PER_PATCH, .max_factor = 64, .points = 3};
        patch_draw = (struct vk_patches){.factors = &factors, .scale = 1};
        put_factors(0, f, 4);
        gfx_expect(target ? "triangle_patch_attribute" : "triangle", d, target, w_tri, 1e-3);
    }
}

static double w_red(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return k == 0 || k == 3;
}

static double w_green(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return k == 1 || k == 3;
}

/*
 * Winding is that of the (u, v) plane with its origin in the upper left corner, Vulkan's default. Here v points up, so
 * that clockwise triangles turn counter-clockwise on the screen and show their back, as long as clockwise is the front.
 */
static void winding(const char *name, uint32_t winding, gfx_want want)
{
    struct gfx *d = start_quads();

    d->fs = "fs_facing";
    for (unsigned i = 1; i < 4; i++)
        d->color[i] = VK_FORMAT_UNDEFINED;
    tess.winding = winding;
    same_factors(4, 2, 8, 1);
    gfx_expect(name, d, 0, want, 0);
}

/* What tess.h refuses. */
static void refusals(void)
{
    struct gfx *d = start_quads();
    struct air_tess_state good = tess, s[6] = {good, good, good, good, good, good};
    struct air_result vs, fs;
    struct air_tess t;
    bool ok = false;

    s[0].partition = 4;
    s[1].max_factor = 65;
    s[2].points = 5;
    s[3].winding = 2;
    s[4].step = 4;
    s[5].indexed = 2;
    if (gfx_compile("vp_quad", &d->opt, &vs, d->why, sizeof(d->why)) &&
        gfx_compile("fs_quad", &d->opt, &fs, d->why, sizeof(d->why))) {
        ok = air_tess_make(fs.reflection, &good, &t) && !t.vertex && !t.control;
        for (unsigned i = 0; i < 6; i++)
            ok = ok && air_tess_make(vs.reflection, &s[i], &t) && !t.vertex && !t.control;
        air_result_fini(&fs);
    }
    air_result_fini(&vs);
    gfx_verdict("refusals", d, true, ok, "a state out of range was accepted");
}

int main(int argc, char **argv)
{
    static const double nan_in[4] = {NAN, 2, -1, 4}, zero_in[4] = {4, 0, 2, 4};
    int status = gfx_open(argc, argv);

    if (status >= 0)
        return status;
    if (!(gfx_vk.caps & AIR_CAP_TESSELLATION)) {
        gfx_skip("all", "no tessellation");
        return gfx_close();
    }
    if (!vk_buf_new(&gfx_vk, &vertices, 1024) || !vk_buf_new(&gfx_vk, &indices, 64) ||
        !vk_buf_new(&gfx_vk, &factors, 256) || !vk_buf_new(&gfx_vk, &marks, 61 * 61 * 4))
        return 2;
    quads();
    steps();
    division("integer", AIR_TESS_INTEGER, 16, 1, (const double[]){3.25, 1.5, 0.5, 7}, (const double[]){4, 2, 1, 7});
    division("integer_limit", AIR_TESS_INTEGER, 5, 1, (const double[]){5, 6, 60, 2}, (const double[]){5, 5, 5, 2});
    division("scale", AIR_TESS_INTEGER, 16, 2, (const double[]){1, 2, 3, 4}, (const double[]){2, 4, 6, 8});
    division("power_of_two", AIR_TESS_POW2, 16, 1, (const double[]){1, 3, 5, 8}, (const double[]){1, 4, 8, 8});
    division("fractional_odd_whole", AIR_TESS_FRACTIONAL_ODD, 15, 1, (const double[]){1, 3, 5, 7},
             (const double[]){1, 3, 5, 7});
    division("fractional_even_whole", AIR_TESS_FRACTIONAL_EVEN, 16, 1, (const double[]){1, 4, 6, 8},
             (const double[]){2, 4, 6, 8});
    division("culled_no_number", AIR_TESS_INTEGER, 16, 1, nan_in, (const double[]){0, 2, 0, 4});
    division("culled_zero", AIR_TESS_POW2, 16, 1, zero_in, (const double[]){4, 0, 2, 4});
    fractional("fractional_odd", AIR_TESS_FRACTIONAL_ODD, 4.25, 5);
    fractional("fractional_even", AIR_TESS_FRACTIONAL_EVEN, 5, 6);
    quad_marks();
    tri_marks();
    triangles();
    winding("winding_clockwise", 0, w_green);
    winding("winding_counter_clockwise", 1, w_red);
    refusals();
    air_tess_fini(&stages);
    vk_buf_free(&gfx_vk, &vertices);
    vk_buf_free(&gfx_vk, &indices);
    vk_buf_free(&gfx_vk, &factors);
    vk_buf_free(&gfx_vk, &marks);
    return gfx_close();
}
