/* SPDX-License-Identifier: MIT */
/*
 * Rows of the texture tests and what their bodies are made of. Each row is one kernel of 16 threads, one for each texel of
 * a 4 x 4 level: %id is the thread, %x and %y its texel, %u and %v the texel's centre in 0..1, %c = (%u, %v), %i = (%x, %y),
 * %c3 and %i3 with a third component of 0.9 and 2. The result %r, four floats, is stored at the thread's place.
 * Declarations are made from the calls. The texture is %t, unless the row brings parameters of its own.
 *
 * Texel (x, y, layer, level) of texture e of an array holds x + 10 y + 100 layer + 1000 level + 10000 e in its first
 * component, 0.25 and 0.5 more in the next two (floats), or one and two more (integers); a sample counts as a layer.
 */
#ifndef PVG_TESTS_AIR_TEXKIT_H
#define PVG_TESTS_AIR_TEXKIT_H

#include "vkrun.h"

enum shape { T1D, T1DA, T2D, T2DA, T3D, TCUBE, TCUBEA, TBUF, T2DMS, T2DMSA };
enum fmt { FLOAT4, HALF4, UINT4, SINT4, DEPTH, UINT1, SINT1, ULONG1 };
enum encode { ENC_PAIR, ENC_ONE, ENC_INT }; /* of the constexpr sampler @s (air 2.13) */

#define NEAREST 0x007BFF0000082049ull /* nearest, nearest mip, clamp to edge */
#define LINEAR  0x007BFF0000080A49ull
#define PIXEL   0x007BFF0000088049ull
#define COMPARE 0x007BFF0000020049ull /* less_equal */
#define REPEAT  0x007BFF0000080092ull

/* What a device may lack: the row is skipped by name. */
enum need {
    NEED_IMAGE_INT64 = 1,     /* 64-bit texture atomics */
    NEED_NULL_DESCRIPTOR = 2, /* levels that a texture has not are null descriptors */
    NEED_NON_UNIFORM = 4,     /* descriptors indexed by values that differ between threads */
    NEED_MIN_LOD = 8,
    NEED_SAMPLE_RATE = 16,
};

typedef float (*want_fn)(unsigned x, unsigned y, unsigned component);

/* What a level of a texture must hold after the kernel. */
struct check {
    want_fn want;
    unsigned element, level;
};

struct row {
    const char *name;
    enum shape shape;
    enum fmt fmt;
    const char *type; /* as in the metadata */
    const char *body;
    want_fn want; /* NULL: the textures are compared */
    uint64_t sampler;
    enum encode enc;
    unsigned count;                /* textures in the array, 0: 1 */
    const char *params, *metadata; /* instead of %t: parameters and their nodes, one on each line */
    const char *globals;
    struct check check[3];
    int storage_format; /* of every texture, 0: unknown */
    unsigned levels;    /* mip levels of the textures, 0: two for sampled 2D floats, else one */
    unsigned need;
    uint32_t without, flags;    /* AIR_CAP_* that the compiler is told the device lacks; AIR_OPT_* it is given */
    uint32_t with;              /* AIR_CAP_* that it is told the device has: of functions that are refused */
    bool chosen;                /* descriptors are chosen at run time: run by index and by switch */
    enum air_refuse refused;    /* the kernel must be refused for this */
    uint64_t samplers[4];       /* state of the samplers bound at 0..3, 0: none */
    unsigned threads;           /* of the dispatch, fewer than the threadgroup has; 0: all */
    const char *version;        /* operands of !air.version, NULL: none */
};

struct rows {
    const struct row *row;
    unsigned n;
};

extern const struct rows sample_rows, depth_rows, choice_rows, store_rows;

float texel(unsigned x, unsigned y, unsigned layer, unsigned level, unsigned component);

/* Pieces of bodies. */
#define F4    "<4 x float>"
#define S4    "{ <4 x float>, i8 }"
#define S1    "{ float, i8 }"
#define T     "ptr addrspace(1) %t"
#define SMP   "ptr addrspace(2) @s"
#define C2    ", <2 x float> %c"
#define C3    ", <3 x float> %c3"
#define MID2  ", <2 x float> <float 0.5, float 0.5>"
#define POSX  ", <3 x float> <float 1.0, float -0.25, float -0.25>"
#define I2    ", <2 x i32> %i"
#define I3    ", <3 x i32> %i3"
#define OFF1  ", i1 false, i32 0"
#define OFF2  ", i1 true, <2 x i32> zeroinitializer"
#define OFF3  ", i1 true, <3 x i32> zeroinitializer"
#define AUTO  ", i1 false, float 0.0, float 0.0, i32 0"
#define LEVEL(l, min) ", i1 true, float " l ", float " min ", i32 0"
#define OUT   "  %r = extractvalue " S4 " %q, 0\n"
/* one float to four */
#define ONE(v) "  %r0 = insertelement <4 x float> zeroinitializer, float " v ", i32 0\n"                                       \
               "  %r = shufflevector <4 x float> %r0, <4 x float> undef, <4 x i32> zeroinitializer\n"
#define NUM(v) "  %n = call float @air.convert.f.f32.u.i32(i32 " v ")\n" ONE("%n")
/* an operation on texture @t: with four floats, one float or a number as its result */
#define ON(t, op, args) "  %q = call " S4 " @air." op ".v4f32(" t args ")\n" OUT
#define ON1(t, op, args) "  %q = call " S1 " @air." op ".f32(" t args ")\n  %d = extractvalue " S1 " %q, 0\n" ONE("%d")
#define SAMPLE(kind, args) ON(T, "sample_" kind, ", " SMP args)
#define READ(kind, args)   ON(T, "read_" kind, args)
#define QUERY(name, args)  "  %w = call i32 @air.get_" name "(" T args ")\n" NUM("%w")

#define WANT(n, e)                                                                                                     \
    static float n(unsigned x, unsigned y, unsigned k)                                                                 \
    {                                                                                                                  \
        (void)x;                                                                                                       \
        (void)y;                                                                                                       \
        (void)k;                                                                                                       \
        return (float)(e);                                                                                             \
    }
#define ALPHA(e) (k == 3 ? 1 : (e))

#endif
