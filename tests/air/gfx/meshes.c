/* SPDX-License-Identifier: MIT */
/*
 * Object and mesh functions of meshes.ll, drawn and compared by value. usage: meshes PATH/meshes.ll. Exit status 77
 * without a Vulkan device or without VK_EXT_mesh_shader (Mesa's lavapipe has it from version 24.1 on).
 */
#include "gfx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static unsigned target, columns, shown;

/* Columns 0..@shown - 1 of @columns; what lies right of them was never drawn. */
static double w_columns(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    unsigned width = 8 / columns, n = x / width;
    double u = (x % width + 0.5) / width, v = (7.5 - y) / 8;
    unsigned prim = n * 10 + (u + v > 1);

    if (n >= shown)
        return 0;
    switch (target) {
    case 0:
        return k == 0 ? u : k == 1 ? v : k == 2 ? n : 1;
    case 1:
        if (k == 1)
            return prim;
        if (k > 1)
            return k;
        /* see mesh_columns: 8 threads in a group, 16 in the grid, 2 groups; and object, whose payload is mesh_payload's
         */
        return columns == 2 ? 800 + 16000 + 200000 + 8.0 * n : 3000 + 125000 + (5 + n % 2) * 100.0 + n;
    default:
        return k == 0 ? prim : k == 1 ? 0.5 : k;
    }
}

static struct gfx *start(const char *object, const char *mesh, const char *fs, unsigned groups, unsigned threads)
{
    struct gfx *d = gfx_start(mesh, fs);

    d->object = object;
    d->run.groups[0] = groups;
    d->run.groups[1] = d->run.groups[2] = 1;
    d->run.local[0] = threads;
    d->run.local[1] = d->run.local[2] = 1;
    return d;
}

static void with_columns(const char *name, const char *object, const char *mesh, unsigned groups, unsigned n,
                         unsigned drawn)
{
    columns = n;
    shown = drawn;
    for (target = 0; target < 3; target++) {
        struct gfx *d = start(object, mesh, "fs_columns", groups, 8);
        char full[64];

        d->color[1] = VK_FORMAT_R32G32B32A32_UINT;
        d->color[2] = d->color[0];
        snprintf(full, sizeof(full), "%s_%s", name,
                 target == 0   ? "vertex_data"
                 : target == 1 ? "numbers"
                               : "primitive_data");
        if (target == 1)
            gfx_expect_int(full, d, target, w_columns);
        else
            gfx_expect(full, d, target, w_columns, 1e-4);
    }
}

static double w_line(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return y == 3 ? k + 1.0 : -1;
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

static double w_layer(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return plane == 3 ? 99 : k ? k : 10 + plane;
}

static double w_culled(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return plane == 1 ? 99 : w_layer(plane, x, y, k);
}

/* In each half of the picture: x + 0.5 >= 0 and y <= 0.24 of the clip space. */
static double w_viewport(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return x % 4 < 1 || y < 4 - 1 ? 99 : k ? k : 20 + x / 4;
}

static double w_nothing(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return -1;
}

static struct gfx *cleared(struct gfx *d, float clear)
{
    d->clear = clear;
    return d;
}

int main(int argc, char **argv)
{
    int status = gfx_open(argc, argv);
    struct gfx *d;
    bool ran;

    if (status >= 0)
        return status;
    if (!(gfx_vk.caps & AIR_CAP_MESH)) {
        (void)gfx_close();
        printf("SKIP: no VK_EXT_mesh_shader\n");
        return 77;
    }
    with_columns("mesh", NULL, "mesh_columns", 2, 2, 2);
    with_columns("object", "object", "mesh_payload", 3, 4, 4);
    with_columns("object_one_group", "object", "mesh_payload", 1, 4, 2);
    gfx_expect("line", cleared(start(NULL, "mesh_line", "fs_one", 1, 1), -1), 0, w_line, 0);
    gfx_expect("point", cleared(start(NULL, "mesh_point", "fs_point_coord", 1, 1), -1), 0, w_point, 1e-4);
    gfx_expect("point_size_default", cleared(start(NULL, "mesh_point_plain", "fs_one", 1, 1), -1), 0, w_point_plain, 0);
    gfx_expect("no_primitives", cleared(start(NULL, "mesh_none", "fs_one", 1, 3), -1), 0, w_nothing, 0);
    d = cleared(start(NULL, "mesh_layers", "fs_layer", 1, 3), 99);
    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    d->layers = 4;
    gfx_expect_int("layers", d, 0, w_layer);
    d = cleared(start(NULL, "mesh_culled", "fs_layer", 1, 3), 99);
    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    d->layers = 4;
    gfx_expect_int("culled", d, 0, w_culled);
    d = cleared(start(NULL, "mesh_viewports", "fs_viewport", 1, 3), 99);
    d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
    d->run.viewports = 2;
    gfx_expect_int("viewports_and_clip_distances", d, 0, w_viewport);
    /* Numbers out of range: nothing is promised but that the device goes on. */
    d = start(NULL, "mesh_hostile", "fs_one", 4, 32);
    ran = gfx_go(d);
    gfx_verdict("out_of_range", d, ran, true, "");
    gfx_expect("too_many_groups", cleared(start("object_hostile", "mesh_none", "fs_one", 1, 3), -1), 0, w_nothing, 0);
    return gfx_close();
}
