// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gamma table arithmetic (display 8.1): 16-bit look-up tables of user space resampled to the number
 * of entries that a present carries, as IEEE single-precision bit patterns, in integer arithmetic
 * (the kernel has no floating point).
 *
 * Compiled into the driver and into a user-space test.
 */
#include "pvg_lut.h"

#ifdef __KERNEL__
#include <linux/math64.h>
#else
static u64 div64_u64(u64 a, u64 b)
{
	return a / b;
}
#endif

#define FLOAT_ONE	0x3f800000u
#define MANTISSA_BITS	23

/**
 * pvg_lut_float() - a fraction as a single-precision bit pattern, rounded to nearest
 * @numerator: not above 2^32
 * @denominator: not 0, below 2^32
 *
 * Returns: bits of min(numerator / denominator, 1).
 */
u32 pvg_lut_float(u64 numerator, u64 denominator)
{
	unsigned int shift = 0;
	u64 mantissa;

	if (!numerator)
		return 0;
	if (numerator >= denominator)
		return FLOAT_ONE;
	while (numerator << shift < denominator)
		shift++;
	/* 1 <= numerator * 2^shift / denominator < 2 */
	mantissa = div64_u64(numerator << (shift + 1 + MANTISSA_BITS), denominator);
	mantissa = (mantissa + 1) >> 1;
	return FLOAT_ONE - (shift << MANTISSA_BITS) + (u32)(mantissa - (1u << MANTISSA_BITS));
}

/**
 * pvg_lut_lerp() - a value between two table entries
 * @left: 16-bit value, 0xffff is 1.0
 * @right: its right neighbour
 * @part: distance from @left
 * @whole: distance between the two, not 0, at most 4096
 *
 * Exact before the final rounding, so an identity table of any length gives an exact identity.
 *
 * Returns: single-precision bit pattern.
 */
u32 pvg_lut_lerp(u32 left, u32 right, u32 part, u32 whole)
{
	u64 value = (u64)left * (whole - part) + (u64)right * part;

	return pvg_lut_float(value, 0xffffull * whole);
}
