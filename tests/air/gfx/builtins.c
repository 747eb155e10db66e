/* SPDX-License-Identifier: MIT */
/*
 * Every builtin of vertex and fragment functions, drawn with builtins.ll and compared by value with geometry computed
 * here. usage: builtins PATH/builtins.ll. Exit status 77 without a Vulkan device; single tests are skipped by name
 * where the device lacks an extension.
 */
#include "gfx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Standard places of four samples in a pixel (Vulkan 1.3, "standard sample locations"). */
static const double place4[4][2] = {{0.375, 0.125}, {0.875, 0.375}, {0.125, 0.625}, {0.625, 0.875}};

/* ---- the triangle of vs_persp: corners (-1,-1), (3,-1), (-1,3) of the clip space after division ---- */

static void bary_linear(double px, double py, double b[3])
{
    b[1] = px / 16;
    b[2] = (8 - py) / 16;
    b[0] = 1 - b[1] - b[2];
}

static void bary_persp(double px, double py, double b[3])
{
    static const double w[3] = {1, 2, 4};
    double sum = 0;

    bary_linear(px, py, b);
    for (unsigned i = 0; i < 3; i++)
        sum += b[i] /= w[i];
    for (unsigned i = 0; i < 3; i++)
        b[i] /= sum;
}

static double w_position(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    double b[3];

    bary_linear(x + 0.5, y + 0.5, b);
    if (k < 2)
        return (k ? y : x) + 0.5;
    return k == 2 ? 0.25 * b[0] + 0.5 * b[1] + 0.75 * b[2] : b[0] + b[1] / 2 + b[2] / 4;
}

static double value_at(double px, double py, unsigned k, bool linear)
{
    double b[3];

    if (linear)
        bary_linear(px, py, b);
    else
        bary_persp(px, py, b);
    return k < 3 ? b[k] : 2 * b[0] + 4 * b[1] + 8 * b[2];
}

static double w_perspective(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return value_at(x + 0.5, y + 0.5, k, false);
}

static double w_linear(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return value_at(x + 0.5, y + 0.5, k, true);
}

static double w_offset_linear(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return value_at(x + 0.75, y + 0.375, k, true);
}

static double w_flat(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return k == 0 ? 1 : k == 3 ? 2 : 0;
}

static double w_flat_int(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return k ? (double)k : -7;
}

/* vs_small: the same triangle at half the size, so that nothing is clipped. Pixels on its edge are not compared. */
static double in_small(unsigned x, unsigned y, double dx, double dy, unsigned k, bool linear)
{
    return x > y ? -1 : x == y ? NAN : value_at(2 * (x + dx), 2 * (y + dy) - 8, k, linear);
}

static double w_small(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return in_small(x, y, 0.5, 0.5, k, false);
}

static double w_small_linear(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return in_small(x, y, 0.5, 0.5, k, true);
}

static double w_small_offset(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return in_small(x, y, 0.75, 0.375, k, false);
}

static double w_small_offset_linear(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return in_small(x, y, 0.75, 0.375, k, true);
}

static double w_small_mixed(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return x > y ? -1 : w_small(plane, x, y, k) + 10 * w_small_linear(plane, x, y, k) + 100 * w_flat(plane, x, y, k);
}

static double w_bary(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return k < 3 ? w_perspective(plane, x, y, k) : 9;
}

static double w_bary_linear(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return k < 3 ? w_linear(plane, x, y, k) : 9;
}

/* ---- the triangle of vs_edge: right angle in the lower left corner, (7.5, 8) and (0, 0.75) in pixels ---- */

static bool inside(double px, double py)
{
    return px / 7.5 + (8 - py) / 7.25 < 1;
}

static unsigned coverage(unsigned x, unsigned y)
{
    unsigned m = 0;

    for (unsigned s = 0; s < 4; s++)
        m |= inside(x + place4[s][0], y + place4[s][1]) ? 1u << s : 0;
    return m;
}

static double w_samples(unsigned s, unsigned x, unsigned y, unsigned k)
{
    if (!(coverage(x, y) >> s & 1))
        return -1;
    return k < 2 ? (k ? y + place4[s][1] : x + place4[s][0]) : k - 2.0;
}

static double w_centers(unsigned s, unsigned x, unsigned y, unsigned k)
{
    if (!(coverage(x, y) >> s & 1))
        return -1;
    return k < 2 ? (k ? y : x) + 0.5 : k - 2.0;
}

static double w_sample2(unsigned s, unsigned x, unsigned y, unsigned k)
{
    if (!(coverage(x, y) >> s & 1))
        return -1;
    return k < 2 ? (k ? y + place4[2][1] : x + place4[2][0]) : k - 2.0;
}

static double w_sample_id(unsigned s, unsigned x, unsigned y, unsigned k)
{
    return !(coverage(x, y) >> s & 1) ? 99 : k ? k : s;
}

static double w_mask_in(unsigned s, unsigned x, unsigned y, unsigned k)
{
    return !(coverage(x, y) >> s & 1) ? 99 : k == 0 ? coverage(x, y) : k == 1 ? 4 : k;
}

static double w_mask_out(unsigned s, unsigned x, unsigned y, unsigned k)
{
    unsigned m = coverage(x, y) & (x < 4 ? 5u : 8u);

    return m >> s & 1 ? k + 1.0 : -1;
}

static double w_mask_both(unsigned s, unsigned x, unsigned y, unsigned k)
{
    return coverage(x, y) & 10 & 1u << s ? k + 1.0 : -1;
}

/* Single-sampled: the mask has one bit. */
static double w_mask_single(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return x < 4 ? k + 1.0 : -1;
}

/* Centroid: any place inside both pixel and triangle, so between the extremes of what is covered; the centre if that
 * is. */
static void centroid(const char *name, const char *fs)
{
    struct gfx *d = gfx_start("vs_edge", fs);
    char detail[160] = "";
    bool ran, ok = true;

    d->samples = 4;
    d->clear = -1;
    ran = gfx_go(d);
    for (unsigned i = 0; ran && ok && i < 4 * 64; i++) {
        unsigned s = i / 64, x = i % 8, y = i / 8 % 8, m = coverage(x, y);
        double lo[2] = {9, 9}, hi[2] = {-9, -9};

        for (unsigned q = 0; q < 4; q++) {
            for (unsigned k = 0; k < 2 && m >> q & 1; k++) {
                lo[k] = fmin(lo[k], place4[q][k] + (k ? y : x));
                hi[k] = fmax(hi[k], place4[q][k] + (k ? y : x));
            }
        }
        for (unsigned k = 0; k < 2; k++) {
            double got = (double)d->out[0][s][(y * 8 + x) * 4 + k].f;
            bool good = !(m >> s & 1) ? got == -1
                        : m == 15
                            ? fabs(got - (k ? y : x) - 0.5) < 1e-3
                            : got > (inside(x + 0.5, y + 0.5) ? fmin(lo[k], (k ? y : x) + 0.5) : lo[k]) - 1e-3 &&
                                  got < (inside(x + 0.5, y + 0.5) ? fmax(hi[k], (k ? y : x) + 0.5) : hi[k]) + 1e-3;

            if (!good) {
                ok = false;
                snprintf(detail, sizeof(detail), "sample %u of pixel (%u, %u), mask %u: component %u is %g", s, x, y, m,
                         k, got);
            }
        }
    }
    gfx_verdict(name, d, ran, ok, detail);
}

static struct gfx *start4(const char *vs, const char *fs, float clear)
{
    struct gfx *d = gfx_start(vs, fs);

    d->samples = 4;
    d->clear = clear;
    return d;
}

static struct gfx *small(const char *fs)
{
    struct gfx *d = gfx_start("vs_small", fs);

    d->clear = -1;
    return d;
}

static void interpolation(void)
{
    struct gfx *d;

    gfx_expect("position", gfx_start("vs_persp", "fs_position"), 0, w_position, 1e-5);
    gfx_expect("perspective", gfx_start("vs_persp", "fs_perspective"), 0, w_perspective, 1e-5);
    gfx_expect("perspective_unclipped", small("fs_perspective"), 0, w_small, 1e-5);
    gfx_expect("no_perspective", small("fs_linear"), 0, w_small_linear, 1e-5);
    gfx_expect("flat", gfx_start("vs_persp", "fs_flat"), 0, w_flat, 0);
    d = gfx_start("vs_persp", "fs_flat_int");
    d->color[0] = VK_FORMAT_R32G32B32A32_SINT;
    gfx_expect_int("flat_int", d, 0, w_flat_int);
    gfx_expect("center", start4("vs_edge", "fs_center", -1), 0, w_centers, 1e-3);
    centroid("centroid", "fs_centroid");
    centroid("centroid_no_perspective", "fs_centroid_linear");
    gfx_expect("sample", start4("vs_edge", "fs_sample", -1), 0, w_samples, 1e-3);
    gfx_expect("sample_no_perspective", start4("vs_edge", "fs_sample_linear", -1), 0, w_samples, 1e-3);
    gfx_expect("pull_center", gfx_start("vs_persp", "fs_pull_center"), 0, w_perspective, 1e-5);
    gfx_expect("pull_center_no_perspective", small("fs_pull_center_linear"), 0, w_small_linear, 1e-5);
    centroid("pull_centroid", "fs_pull_centroid");
    centroid("pull_centroid_no_perspective", "fs_pull_centroid_linear");
    gfx_expect("pull_sample", start4("vs_edge", "fs_pull_sample", -1), 0, w_sample2, 1e-3);
    gfx_expect("pull_sample_no_perspective", start4("vs_edge", "fs_pull_sample_linear", -1), 0, w_sample2, 1e-3);
    gfx_expect("pull_offset_affine", gfx_start("vs_affine", "fs_pull_offset"), 0, w_offset_linear, 1e-4);
    gfx_expect("pull_offset_half_no_perspective", small("fs_pull_offset_int"), 0, w_small_offset_linear, 4e-3);
    if (strstr(gfx_vk.name, "llvmpipe")) /* Mesa 22.3 and 25.0 */
        gfx_skip("pull_offset", "llvmpipe divides by the w of the pixel's centre");
    else
        gfx_expect("pull_offset", small("fs_pull_offset"), 0, w_small_offset, 1e-4);
    gfx_expect("pull_mixed", small("fs_pull_mixed"), 0, w_small_mixed, 1e-3);
    if (gfx_vk.caps & AIR_CAP_BARYCENTRIC) {
        gfx_expect("barycentric", gfx_start("vs_persp", "fs_barycentric"), 0, w_bary, 1e-5);
        gfx_expect("barycentric_no_perspective", gfx_start("vs_persp", "fs_barycentric_linear"), 0, w_bary_linear,
                   1e-5);
    } else {
        gfx_skip("barycentric", "no VK_KHR_fragment_shader_barycentric");
    }
    d = gfx_start("vs_persp", NULL);
    d->opt.caps &= ~(uint32_t)AIR_CAP_BARYCENTRIC;
    gfx_refused("barycentric_refused", "fs_barycentric", &d->opt, AIR_REFUSE_DEVICE_FEATURE);
}

static void samples(void)
{
    struct gfx *d;

    d = start4("vs_edge", "fs_sample_id", 99);
    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    gfx_expect_int("sample_id", d, 0, w_sample_id);
    d = start4("vs_edge", "fs_mask_in", 99);
    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    gfx_expect_int("sample_mask_in", d, 0, w_mask_in);
    d = start4("vs_edge", "fs_mask_in", 99);
    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    d->opt.sample_count = 4; /* the number of samples as a constant */
    gfx_expect_int("sample_count_known", d, 0, w_mask_in);
    gfx_expect("sample_mask", start4("vs_edge", "fs_mask_out", -1), 0, w_mask_out, 0);
    gfx_expect("sample_mask_in_and_out", start4("vs_edge", "fs_mask_both", -1), 0, w_mask_both, 0);
    d = gfx_start("vs_persp", "fs_mask_out");
    d->clear = -1;
    gfx_expect("sample_mask_single", d, 0, w_mask_single, 0);
}

/* ---- primitives, points, clipping, routing ---- */

static double w_primitive(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    double u = (x % 4 + 0.5) / 4, v = (7.5 - y) / 8;

    return k ? k : 100 + x / 4 * 2 + (u + v > 1);
}

static double w_point(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    if (x < 2 || x > 5 || y < 2 || y > 5)
        return -1;
    return k == 0 ? (x - 1.5) / 4 : k == 1 ? (y - 1.5) / 4 : k - 2.0;
}

static double w_point_plain(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return x == 4 && y == 3 ? k + 1.0 : -1;
}

static double w_clip2(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return x >= 3 && y >= 3 ? k + 1.0 : -1;
}

static double w_clip1(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return x >= 3 ? k + 1.0 : -1;
}

static double w_layer(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return plane == 3 ? 99 : k ? k : 10 + plane;
}

static double w_viewport(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return k ? k : 20 + x / 4;
}

static void routing(void)
{
    struct gfx *d;

    d = gfx_start("vs_quads", "fs_primitive");
    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    d->run.vertices = 12;
    d->run.instances = 2;
    gfx_expect_int("primitive_id", d, 0, w_primitive);
    d->opt.caps &= ~(uint32_t)AIR_CAP_GEOMETRY;
    gfx_refused("primitive_id_refused", "fs_primitive", &d->opt, AIR_REFUSE_DEVICE_FEATURE);

    d = gfx_start("vs_point", "fs_point_coord");
    d->run.topology = VK_PRIMITIVE_TOPOLOGY_POINT_LIST;
    d->run.vertices = 1;
    d->clear = -1;
    gfx_expect("point_size_and_coord", d, 0, w_point, 1e-4);
    d = gfx_start("vs_point_plain", "fs_one");
    d->run.topology = VK_PRIMITIVE_TOPOLOGY_POINT_LIST;
    d->run.vertices = 1;
    d->clear = -1;
    d->opt.flags |= AIR_OPT_POINT_TOPOLOGY;
    gfx_expect("point_size_default", d, 0, w_point_plain, 0);

    d = gfx_start("vs_clip2", "fs_one");
    d->clear = -1;
    gfx_expect("clip_distances", d, 0, w_clip2, 0);
    d = gfx_start("vs_clip1", "fs_one");
    d->clear = -1;
    gfx_expect("clip_distance_scalar", d, 0, w_clip1, 0);

    d = gfx_start("vs_layer", "fs_layer");
    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    d->layers = 4;
    d->run.instances = 3;
    d->clear = 99;
    gfx_expect_int("layer", d, 0, w_layer);
    d = gfx_start("vs_viewport", "fs_viewport");
    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    d->run.viewports = 2;
    d->run.instances = 2;
    gfx_expect_int("viewport", d, 0, w_viewport);
    d->opt.caps &= ~(uint32_t)AIR_CAP_LAYER_OUTPUT;
    gfx_refused("layer_refused", "vs_layer", &d->opt, AIR_REFUSE_DEVICE_FEATURE);
}

/* ---- ids ---- */

static unsigned want_ids[4];

static double w_ids(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return want_ids[k];
}

static void ids(const char *name, const char *vs, bool indexed)
{
    struct gfx *d = gfx_start(vs, "fs_ids");
    struct vk_buf ib;

    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    d->run.first_instance = 5;
    if (!vk_buf_new(&gfx_vk, &ib, 64))
        return;
    if (indexed) {
        static const uint32_t index[6] = {9, 9, 9, 0, 1, 2};

        memcpy(ib.map, index, sizeof(index));
        d->run.index_buf = &ib;
        d->run.first_index = 3;
        d->run.base_vertex = 7;
        memcpy(want_ids, (unsigned[]){7, 5, 7, 5}, sizeof(want_ids));
    } else {
        d->run.first_vertex = 3;
        memcpy(want_ids, (unsigned[]){3, 5, 3, 5}, sizeof(want_ids));
    }
    gfx_expect_int(name, d, 0, w_ids);
    vk_buf_free(&gfx_vk, &ib);
}

/* ---- depth, stencil, tests ---- */

static double depth_value(const char *fs, unsigned x)
{
    double px = x + 0.5;

    return !strcmp(fs, "fs_depth_any") ? px / 8 : !strcmp(fs, "fs_depth_greater") ? 0.25 + px / 16 : 0.25 - px / 64;
}

static void depth(const char *name, const char *fs, VkCompareOp op, float before)
{
    struct gfx *d = gfx_start("vs_layer", fs); /* depth 0.25 everywhere, the layer is 0 */
    char detail[160] = "";
    bool ran, ok = true;

    d->depth = VK_FORMAT_D32_SFLOAT;
    d->clear = -1;
    d->clear_depth = before;
    d->run.depth_op = op;
    ran = gfx_go(d);
    for (unsigned i = 0; ran && i < 64; i++) {
        double z = depth_value(fs, i % 8);
        bool pass = op == VK_COMPARE_OP_ALWAYS || (op == VK_COMPARE_OP_LESS ? z < (double)before : z > (double)before);

        if (fabs((double)d->dout[0][i] - (pass ? z : (double)before)) > 1e-5 ||
            (double)d->out[0][0][i * 4].f != (pass ? 1 : -1)) {
            ok = false;
            snprintf(detail, sizeof(detail), "pixel %u: depth %g, colour %g, the function's depth %g", i,
                     (double)d->dout[0][i], (double)d->out[0][0][i * 4].f, z);
        }
    }
    gfx_verdict(name, d, ran, ok, detail);
}

static void stencil(void)
{
    struct gfx *d = gfx_start("vs_persp", "fs_stencil");
    char detail[160] = "";
    bool ran, ok = true;

    if (!gfx_vk.stencil_export) {
        gfx_skip("stencil", "no VK_EXT_shader_stencil_export");
        return;
    }
    d->depth = VK_FORMAT_S8_UINT;
    d->run.stencil_replace = true;
    ran = gfx_go(d);
    for (unsigned i = 0; ran && i < 64; i++) {
        if (d->sout[i] != i % 8 + 3) {
            ok = false;
            snprintf(detail, sizeof(detail), "pixel %u is %u", i, d->sout[i]);
        }
    }
    gfx_verdict("stencil", d, ran, ok, detail);
}

/* Side effects of fragments that fail the depth test: only with late tests do they happen. */
static void early(const char *name, const char *fs, float before, unsigned want_store, double want_color)
{
    struct gfx *d = gfx_start("vs_layer", fs);
    char detail[160] = "";
    struct vk_buf b;
    bool ran, ok = true;

    if (!vk_buf_new(&gfx_vk, &b, 256))
        return;
    d->depth = VK_FORMAT_D32_SFLOAT;
    d->clear = -1;
    d->clear_depth = before;
    d->run.depth_op = VK_COMPARE_OP_LESS;
    d->run.buf[3] = &b;
    ran = gfx_go(d);
    for (unsigned i = 0; ran && i < 64; i++) {
        if (((uint32_t *)b.map)[i] != want_store || (double)d->out[0][0][i * 4].f != want_color) {
            ok = false;
            snprintf(detail, sizeof(detail), "pixel %u: stored %u, colour %g", i, ((uint32_t *)b.map)[i],
                     (double)d->out[0][0][i * 4].f);
        }
    }
    gfx_verdict(name, d, ran, ok, detail);
    vk_buf_free(&gfx_vk, &b);
}

static void helpers(void)
{
    struct gfx *d = gfx_start("vs_persp", "fs_helpers");
    char detail[160] = "";
    struct vk_buf b;
    bool ran, ok = true;

    if (!vk_buf_new(&gfx_vk, &b, 256))
        return;
    d->clear = -1;
    d->run.buf[3] = &b;
    ran = gfx_go(d);
    for (unsigned i = 0; ran && i < 64; i++) {
        unsigned x = i % 8;
        double l = x / 2 * 2 + 0.5, dx = (l + 1) * (l + 1) - l * l;
        double want[4] = {dx, 3, 0, 1};

        for (unsigned k = 0; k < 4; k++) {
            double got = (double)d->out[0][0][i * 4 + k].f;

            if (fabs(got - (x & 1 ? -1 : want[k])) > 1e-4) {
                ok = false;
                snprintf(detail, sizeof(detail), "pixel %u component %u is %g", i, k, got);
            }
        }
        if (((uint32_t *)b.map)[i] != (x & 1 ? 0u : 7u)) {
            ok = false;
            snprintf(detail, sizeof(detail), "pixel %u stored %u", i, ((uint32_t *)b.map)[i]);
        }
    }
    gfx_verdict("discard_helpers", d, ran, ok, detail);
    vk_buf_free(&gfx_vk, &b);
}

int main(int argc, char **argv)
{
    int status = gfx_open(argc, argv);
    struct gfx *d;

    if (status >= 0)
        return status;
    interpolation();
    samples();
    routing();
    ids("ids", "vs_ids", false);
    ids("ids_indexed", "vs_ids", true);
    ids("ids_of_16_bits", "vs_ids16", false);
    ids("ids_indexed_of_16_bits", "vs_ids16", true);
    d = gfx_start("vs_amplified", "fs_ids");
    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    memcpy(want_ids, (unsigned[]){0, 1, 7, 8}, sizeof(want_ids));
    gfx_expect_int("amplification", d, 0, w_ids);
    depth("depth_any", "fs_depth_any", VK_COMPARE_OP_ALWAYS, 1);
    depth("depth_any_less", "fs_depth_any", VK_COMPARE_OP_LESS, 0.55f);
    depth("depth_greater", "fs_depth_greater", VK_COMPARE_OP_LESS, 0.5f);
    depth("depth_greater_greater", "fs_depth_greater", VK_COMPARE_OP_GREATER, 0.5f);
    depth("depth_less", "fs_depth_less", VK_COMPARE_OP_LESS, 0.2f);
    depth("depth_less_greater", "fs_depth_less", VK_COMPARE_OP_GREATER, 0.2f);
    stencil();
    early("late_tests_fail", "fs_late", 0.125f, 1, -1);
    early("late_tests_pass", "fs_late", 1, 1, 1);
    early("early_tests_fail", "fs_early", 0.125f, 0, -1);
    early("early_tests_pass", "fs_early", 1, 1, 1);
    early("early_tests_node", "fs_early_node", 0.125f, 0, -1);
    helpers();
    return gfx_close();
}
