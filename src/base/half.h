/* SPDX-License-Identifier: MIT */
/* IEEE half precision, without _Float16: clang has it on x86 only from version 15 on. */
#ifndef PVG_BASE_HALF_H
#define PVG_BASE_HALF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float half_to_float(uint16_t h)
{
    uint32_t exponent = h >> 10 & 31, bits = (uint32_t)(h & 1023) << 13;
    float v;

    if (!exponent) {
        v = (float)(h & 1023) * 0x1p-24f;
        return h & 0x8000 ? -v : v;
    }
    bits |= (uint32_t)(h & 0x8000) << 16 | (exponent == 31 ? 255 : exponent + 112) << 23;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

/* Round to nearest, ties to even, in one step from double. */
static inline uint16_t half_from_double(double v)
{
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    double a = fabs(v), unit;
    int exponent;

    if (isnan(v))
        return sign | 0x7e00;
    if (a >= 65520.0) /* rounds to infinity */
        return sign | 0x7c00;
    if (a < ldexp(1.0, -14)) /* subnormal: units of 2^-24 */
        return sign | (uint16_t)nearbyint(ldexp(a, 24));
    (void)frexp(a, &exponent); /* a = f * 2^exponent, f in [0.5, 1) */
    unit = nearbyint(ldexp(a, 11 - exponent)); /* 1024..2048; 2048 carries into the exponent below */
    return sign | (uint16_t)(((exponent + 14) << 10) + (int)unit - 1024);
}

#endif
