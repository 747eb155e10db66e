/* SPDX-License-Identifier: MIT */
/*
 * Packing (air 3.5): vectors of floats or halves to the bits of a pixel and back. Normalised layouts are fields of 8,
 * 10, 16 or 2 bits, sRGB or not; rg11b10f and rgb9e5 are small floats. The first component is in the lowest bits.
 * Packing clamps, takes NaN as 0 and rounds to nearest.
 */
#include "ctx.h"

#include <string.h>

struct layout {
    const char *name;
    unsigned n;
    uint8_t bits[4];
};

static const struct layout layouts[] = {
    {"1x8", 1, {8}},   {"2x8", 2, {8, 8}},    {"4x8", 4, {8, 8, 8, 8}},
    {"1x16", 1, {16}}, {"2x16", 2, {16, 16}}, {"rgb10a2", 4, {10, 10, 10, 2}},
};

static uint32_t f32t(struct ctx *c)
{
    return spv_type_float(&c->s, 32);
}

static uint32_t u32t(struct ctx *c)
{
    return spv_type_uint(&c->s, 32);
}

static uint32_t fmul(struct ctx *c, uint32_t a, uint32_t b)
{
    return spv_op(&c->s, SpvOpFMul, f32t(c), 2, a, b);
}

static uint32_t fadd(struct ctx *c, uint32_t a, uint32_t b)
{
    return spv_op(&c->s, SpvOpFAdd, f32t(c), 2, a, b);
}

static uint32_t shl(struct ctx *c, uint32_t a, uint32_t b)
{
    return spv_op(&c->s, SpvOpShiftLeftLogical, u32t(c), 2, a, b);
}

static uint32_t sub(struct ctx *c, uint32_t a, uint32_t b)
{
    return spv_op(&c->s, SpvOpISub, u32t(c), 2, a, b);
}

static uint32_t clamp01(struct ctx *c, uint32_t x, float low)
{
    return spv_glsl(&c->s, GLSLstd450NClamp, f32t(c), 3, x, spv_f32(&c->s, low), spv_f32(&c->s, 1));
}

/* @yes where x < @limit, else @no. */
static uint32_t below(struct ctx *c, uint32_t x, float limit, uint32_t yes, uint32_t no)
{
    struct spv *s = &c->s;

    return spv_op(s, SpvOpSelect, f32t(c), 3, spv_op(s, SpvOpFOrdLessThan, spv_type_bool(s), 2, x, spv_f32(s, limit)),
                  yes, no);
}

static uint32_t to_srgb(struct ctx *c, uint32_t x)
{
    struct spv *s = &c->s;
    uint32_t p = spv_glsl(s, GLSLstd450Pow, f32t(c), 2, x, spv_f32(s, 1 / 2.4f));

    p = fadd(c, fmul(c, p, spv_f32(s, 1.055f)), spv_f32(s, -0.055f));
    return below(c, x, 0.0031308f, fmul(c, x, spv_f32(s, 12.92f)), p);
}

static uint32_t from_srgb(struct ctx *c, uint32_t x)
{
    struct spv *s = &c->s;
    uint32_t p = fmul(c, fadd(c, x, spv_f32(s, 0.055f)), spv_f32(s, 1 / 1.055f));

    p = spv_glsl(s, GLSLstd450Pow, f32t(c), 2, p, spv_f32(s, 2.4f));
    return below(c, x, 0.0404500f, fmul(c, x, spv_f32(s, 1 / 12.92f)), p);
}

/* ---- normalised ---- */

static float scale_of(unsigned bits, bool sg)
{
    return (float)((1u << (sg ? bits - 1 : bits)) - 1);
}

static uint32_t pack_norm(struct ctx *c, const struct layout *l, bool sg, bool srgb, const uint32_t *x)
{
    struct spv *s = &c->s;
    uint32_t r = spv_u32(s, 0);
    unsigned at = 0;

    for (unsigned i = 0; i < l->n; at += l->bits[i], i++) {
        uint32_t v = clamp01(c, x[i], sg ? -1 : 0);

        if (sg) /* the clamp made -1 of NaN */
            v = spv_op(s, SpvOpSelect, f32t(c), 3, spv_op(s, SpvOpIsNan, spv_type_bool(s), 1, x[i]), spv_f32(s, 0), v);
        if (srgb && i < 3)
            v = to_srgb(c, v);
        v = spv_glsl(s, GLSLstd450RoundEven, f32t(c), 1, fmul(c, v, spv_f32(s, scale_of(l->bits[i], sg))));
        v = spv_op(s, sg ? SpvOpConvertFToS : SpvOpConvertFToU, u32t(c), 1, v);
        v = spv_and(s, v, spv_u32(s, (1u << l->bits[i]) - 1));
        r = spv_op(s, SpvOpBitwiseOr, u32t(c), 2, r, shl(c, v, spv_u32(s, at)));
    }
    return r;
}

static void unpack_norm(struct ctx *c, const struct layout *l, bool sg, bool srgb, uint32_t bits, uint32_t *out)
{
    struct spv *s = &c->s;
    unsigned at = 0;

    for (unsigned i = 0; i < l->n; at += l->bits[i], i++) {
        uint32_t v = shl(c, bits, spv_u32(s, 32 - at - l->bits[i])), f;

        v = spv_op(s, sg ? SpvOpShiftRightArithmetic : SpvOpShiftRightLogical, u32t(c), 2, v,
                   spv_u32(s, 32 - l->bits[i]));
        f = spv_op(s, sg ? SpvOpConvertSToF : SpvOpConvertUToF, f32t(c), 1, v);
        f = spv_op(s, SpvOpFDiv, f32t(c), 2, f, spv_f32(s, scale_of(l->bits[i], sg)));
        if (sg) /* the lowest integer is -1, too */
            f = spv_glsl(s, GLSLstd450FMax, f32t(c), 2, f, spv_f32(s, -1));
        out[i] = srgb && i < 3 ? from_srgb(c, f) : f;
    }
}

/* ---- small floats ---- */

/*
 * A positive float of 5 exponent and @mantissa bits: negative and NaN to 0, infinity stays, what is too large becomes
 * the largest finite value; rounding to nearest even.
 */
static uint32_t pack_small(struct ctx *c, uint32_t x, unsigned mantissa)
{
    struct spv *s = &c->s;
    unsigned drop = 23 - mantissa;
    float max = (float)((2u << mantissa) - 1) * (float)(1u << (15 - mantissa));
    uint32_t b = spv_type_bool(s), inf = spv_op(s, SpvOpFOrdGreaterThan, b, 2, x, spv_f32(s, 3.4028234e38f)), v, u, r,
             d;

    v = spv_glsl(s, GLSLstd450NClamp, f32t(c), 3, x, spv_f32(s, 0), spv_f32(s, max));
    u = spv_op(s, SpvOpBitcast, u32t(c), 1, v);
    /* normal: take the bias difference off, round the bits that go */
    r = sub(c, u, spv_u32(s, (127 - 15) << 23));
    r = spv_iadd(s, r, spv_iadd(s, spv_u32(s, (1u << (drop - 1)) - 1), spv_and(s, spv_shr(s, u, drop), spv_u32(s, 1))));
    r = spv_shr(s, r, drop);
    /* below 2^-14: an integer of units of 2^-(14 + mantissa) */
    d = spv_glsl(s, GLSLstd450RoundEven, f32t(c), 1, fmul(c, v, spv_f32(s, (float)(1u << (14 + mantissa)))));
    d = spv_op(s, SpvOpConvertFToU, u32t(c), 1, d);
    r = spv_op(s, SpvOpSelect, u32t(c), 3, spv_op(s, SpvOpFOrdLessThan, b, 2, v, spv_f32(s, 0x1p-14f)), d, r);
    return spv_op(s, SpvOpSelect, u32t(c), 3, inf, spv_u32(s, 31u << mantissa), r);
}

/* The same exponent as half's: half with fewer bits. */
static uint32_t unpack_small(struct ctx *c, uint32_t bits, unsigned at, unsigned mantissa)
{
    struct spv *s = &c->s;
    uint32_t v = spv_and(s, spv_shr(s, bits, at), spv_u32(s, (1u << (5 + mantissa)) - 1));

    v = shl(c, v, spv_u32(s, 10 - mantissa));
    return extract(c, spv_glsl(s, GLSLstd450UnpackHalf2x16, spv_type_vec(s, f32t(c), 2), 1, v), f32t(c), 2, 0);
}

static uint32_t pack_rg11b10(struct ctx *c, const uint32_t *x)
{
    struct spv *s = &c->s;
    uint32_t r =
        spv_op(s, SpvOpBitwiseOr, u32t(c), 2, pack_small(c, x[0], 6), shl(c, pack_small(c, x[1], 6), spv_u32(s, 11)));

    return spv_op(s, SpvOpBitwiseOr, u32t(c), 2, r, shl(c, pack_small(c, x[2], 5), spv_u32(s, 22)));
}

static uint32_t half_up(struct ctx *c, uint32_t x)
{
    struct spv *s = &c->s;

    return spv_op(s, SpvOpConvertFToU, u32t(c), 1,
                  spv_glsl(s, GLSLstd450Floor, f32t(c), 1, fadd(c, x, spv_f32(s, 0.5f))));
}

/* 2^(127 + e) as a float, e the u32 id @e: bits of the exponent alone. */
static uint32_t power(struct ctx *c, uint32_t e)
{
    return spv_op(&c->s, SpvOpBitcast, f32t(c), 1, shl(c, e, spv_u32(&c->s, 23)));
}

/* Three mantissas of 9 bits under one exponent of 5, bias 15: the rule of Vulkan's E5B9G9R9_UFLOAT_PACK32. */
static uint32_t pack_rgb9e5(struct ctx *c, const uint32_t *x)
{
    struct spv *s = &c->s;
    uint32_t v[3], m, e, r, b = spv_type_bool(s);

    for (unsigned i = 0; i < 3; i++)
        v[i] = spv_glsl(s, GLSLstd450NClamp, f32t(c), 3, x[i], spv_f32(s, 0), spv_f32(s, 65408));
    m = spv_glsl(s, GLSLstd450FMax, f32t(c), 2, v[0], spv_glsl(s, GLSLstd450FMax, f32t(c), 2, v[1], v[2]));
    /* floor(log2(m)) + 16, at least 0, from the bits of m; one more when the largest mantissa rounds up to 512 */
    e = spv_shr(s, spv_op(s, SpvOpBitcast, u32t(c), 1, m), 23);
    e = sub(c, spv_glsl(s, GLSLstd450UMax, u32t(c), 2, e, spv_u32(s, 127 - 16)), spv_u32(s, 127 - 16));
    r = half_up(c, fmul(c, m, power(c, sub(c, spv_u32(s, 127 + 24), e))));
    e = spv_op(s, SpvOpSelect, u32t(c), 3, spv_op(s, SpvOpIEqual, b, 2, r, spv_u32(s, 512)),
               spv_iadd(s, e, spv_u32(s, 1)), e);
    r = shl(c, e, spv_u32(s, 27));
    for (unsigned i = 0; i < 3; i++) {
        uint32_t q = half_up(c, fmul(c, v[i], power(c, sub(c, spv_u32(s, 127 + 24), e))));

        r = spv_op(s, SpvOpBitwiseOr, u32t(c), 2, r, shl(c, q, spv_u32(s, 9 * i)));
    }
    return r;
}

static void unpack_rgb9e5(struct ctx *c, uint32_t bits, uint32_t *out)
{
    struct spv *s = &c->s;
    uint32_t scale = power(c, spv_iadd(s, spv_shr(s, bits, 27), spv_u32(s, 127 - 24)));

    for (unsigned i = 0; i < 3; i++) {
        uint32_t m = spv_and(s, spv_shr(s, bits, 9 * i), spv_u32(s, 511));

        out[i] = fmul(c, spv_op(s, SpvOpConvertUToF, f32t(c), 1, m), scale);
    }
}

/* ---- names ---- */

/* "unorm4x8", "unorm.rgb10a2", "unorm4x8.srgb", "unorm.rgb9e5": the layout, or NULL. */
static const struct layout *layout_of(const char *name, bool *sg, bool *srgb)
{
    static const struct layout small[] = {{"rg11b10f", 3, {11, 11, 10}}, {"rgb9e5", 3, {9, 9, 9}}};
    char rest[32] = "";
    const char *p = name;

    *sg = !strncmp(p, "snorm", 5);
    *srgb = false;
    if (*sg || !strncmp(p, "unorm", 5))
        p += 5;
    while (*p) {
        size_t n = strcspn(p + strspn(p, "._"), "._");

        p += strspn(p, "._");
        if (!strncmp(p, "srgb", 4)) { /* a part of its own, or in front of the fields */
            *srgb = true;
            p += 4;
        } else if (n && n < sizeof(rest) - strlen(rest)) {
            strncat(rest, p, n);
            p += n;
        } else {
            return NULL;
        }
    }
    for (unsigned i = 0; i < ARRAY_LEN(small); i++) {
        if (!strcmp(rest, small[i].name))
            return *srgb || *sg ? NULL : &small[i];
    }
    for (unsigned i = 0; i < ARRAY_LEN(layouts); i++) {
        if (!strcmp(rest, layouts[i].name) && (!*srgb || (!*sg && layouts[i].bits[0] == 8)))
            return &layouts[i];
    }
    return NULL;
}

bool intr_pack(struct ctx *c, struct call *k)
{
    bool pack = !strncmp(k->op, "pack.", 5), sg, srgb;
    const struct layout *l;
    struct spv *s = &c->s;
    LLVMTypeRef ft, it;
    uint32_t x[4], r;
    unsigned fb;

    if ((!pack && strncmp(k->op, "unpack.", 7)) || k->n != 1)
        return false;
    l = layout_of(strchr(k->op, '.') + 1, &sg, &srgb);
    ft = pack ? LLVMTypeOf(k->a[0]) : k->ret;
    it = pack ? k->ret : LLVMTypeOf(k->a[0]);
    if (!l || vec_len(ft) != l->n || vec_len(it) != 1 || LLVMGetTypeKind(it) != LLVMIntegerTypeKind ||
        (LLVMGetTypeKind(elem_type(ft)) != LLVMFloatTypeKind && LLVMGetTypeKind(elem_type(ft)) != LLVMHalfTypeKind))
        return false;
    fb = scalar_bits(c, ft);
    r = value(c, k->a[0]);
    if (pack) {
        if (fb == 16)
            r = spv_op(s, SpvOpFConvert, spv_type_vec(s, f32t(c), l->n), 1, r);
        for (unsigned i = 0; i < l->n; i++)
            x[i] = extract(c, r, f32t(c), l->n, i);
        r = l->bits[0] == 11 ? pack_rg11b10(c, x) : l->bits[0] == 9 ? pack_rgb9e5(c, x) : pack_norm(c, l, sg, srgb, x);
        set_value(c, k->inst, scalar_bits(c, it) == 32 ? r : spv_op(s, SpvOpUConvert, type_of(c, it), 1, r));
        return true;
    }
    r = to_u32(c, r, it, false);
    if (l->bits[0] == 11) {
        for (unsigned i = 0; i < 3; i++)
            x[i] = unpack_small(c, r, 11 * i, i < 2 ? 6 : 5);
    } else if (l->bits[0] == 9) {
        unpack_rgb9e5(c, r, x);
    } else {
        unpack_norm(c, l, sg, srgb, r, x);
    }
    r = construct(c, spv_type_vec(s, f32t(c), l->n), x, l->n);
    set_value(c, k->inst, fb == 16 ? spv_op(s, SpvOpFConvert, type_of(c, ft), 1, r) : r);
    return true;
}
