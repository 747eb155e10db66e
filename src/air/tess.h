/* SPDX-License-Identifier: MIT */
/*
 * Tessellation on Vulkan (air 2.15). Metal has no hull stage: a compute pass or the application fills a buffer with
 * factors, and the post-tessellation vertex function reads the attributes of control points. Vulkan wants a vertex and
 * a control stage before the evaluation stage that the function becomes: this makes both from the function's reflection
 * record and the pipeline's tessellation state (objects 7.3, tags 0x0c..0x12). Needs no LLVM; any thread.
 *
 * What the caller does: vertex attribute n is the stage-in attribute n of the function, of control points at vertex
 * rate; an attribute of the whole patch is read at the patch's first control point, so that its data must be repeated
 * for each control point, or each patch drawn on its own at instance rate. The factor buffer is bound at
 * AIR_BIND_TESS_FACTORS of set 2, and the push constants from AIR_PUSH_TESS_SCALE on are filled. Topology: patch list
 * of @points control points, drawn from vertex patch_start * points on; or by index, from an index buffer bound at its
 * first index and with firstIndex 0 (Mesa 25.0's llvmpipe counts primitives from the start of the buffer).
 */
#ifndef PVG_AIR_TESS_H
#define PVG_AIR_TESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum air_tess_partition {
    AIR_TESS_POW2 = 0,
    AIR_TESS_INTEGER = 1,
    AIR_TESS_FRACTIONAL_ODD = 2,
    AIR_TESS_FRACTIONAL_EVEN = 3
};

/* How the factors of a patch are found in the buffer. */
enum air_tess_step {
    AIR_TESS_CONSTANT = 0,
    AIR_TESS_PER_PATCH = 1,
    AIR_TESS_PER_INSTANCE = 2,
    AIR_TESS_PER_PATCH_AND_INSTANCE = 3,
};

struct air_tess_state {
    uint32_t partition;  /* enum air_tess_partition */
    uint32_t step;       /* enum air_tess_step */
    uint32_t winding;    /* 0 clockwise, 1 counter-clockwise */
    uint32_t max_factor; /* 1..64 */
    uint32_t points;     /* control points of a patch, 1..32: the function's number, else the draw's */
    uint32_t indexed;    /* 1: control points are drawn by index */
};

struct air_tess {
    uint32_t *vertex, *control; /* SPIR-V, owned; entry point "main" */
    size_t vertex_words, control_words;
};

/*
 * @reflection: checked record of a post-tessellation vertex function. @out: written in full, for air_tess_fini().
 * Returns NULL, or why not: the record is of no such function, the state is out of range, or there is no memory.
 */
const char *air_tess_make(const void *reflection, const struct air_tess_state *state, struct air_tess *out);
void air_tess_fini(struct air_tess *t);

#endif
