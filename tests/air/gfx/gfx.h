/* SPDX-License-Identifier: MIT */
/*
 * Frame of the drawing tests: functions of one .ll file are compiled by name, drawn into small attachments of any
 * number of layers or samples, and every pixel is compared with a reference function. Multisampled attachments are read
 * sample by sample with a kernel that this compiler makes, too.
 */
#ifndef PVG_TESTS_AIR_GFX_H
#define PVG_TESTS_AIR_GFX_H

#include "../vkrun.h"
#include "air/air_abi.h"

#define GFX_MAX    16 /* pixels along an edge */
#define GFX_PLANES 4  /* layers, or samples */

struct gfx {
    const char *vs, *fs, *object; /* vs: vertex, post-tessellation vertex or mesh function */
    VkFormat color[8], depth;
    uint32_t size, layers, samples;
    struct air_options opt;
    struct vk_run run;
    bool (*prepare)(struct gfx *d, const struct air_result *vs); /* before the draw, or NULL; false: ->why */
    float clear, clear_depth; /* initial contents of the attachments, every component */
    /* results: colours as four floats or four 32-bit integers, after conversion of narrower formats */
    union {
        float f;
        uint32_t u;
    } out[8][GFX_PLANES][GFX_MAX * GFX_MAX * 4];
    float dout[GFX_PLANES][GFX_MAX * GFX_MAX];
    uint8_t sout[GFX_MAX * GFX_MAX];
    struct vk_image image[8], dimage;
    char why[300];
};

extern struct vk gfx_vk;

/* Opens the device and the .ll file named in argv[1]. Returns -1 to go on, else the exit status. */
int gfx_open(int argc, char **argv);
/* Prints the summary; returns the exit status. */
int gfx_close(void);

/* The one draw of the test at hand, all fields at their defaults. */
struct gfx *gfx_start(const char *vs, const char *fs);
bool gfx_go(struct gfx *d);

/* Reference of component @k of pixel (@x, @y) of layer or sample @plane; NAN: not compared. */
typedef double (*gfx_want)(unsigned plane, unsigned x, unsigned y, unsigned k);
/* Compares colour target @t (float) and counts the test as right or wrong. */
void gfx_expect(const char *name, struct gfx *d, unsigned t, gfx_want want, double tolerance);
/* The same for a target of integers: exactly. */
void gfx_expect_int(const char *name, struct gfx *d, unsigned t, gfx_want want);
void gfx_verdict(const char *name, const struct gfx *d, bool ran, bool ok, const char *detail);
void gfx_skip(const char *name, const char *reason);
/* The function must be refused for this reason. */
void gfx_refused(const char *name, const char *function, const struct air_options *opt, enum air_refuse reason);
bool gfx_compile(const char *name, const struct air_options *opt, struct air_result *r, char *why, size_t max);

#endif
