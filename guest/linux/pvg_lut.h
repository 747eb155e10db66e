/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gamma tables in the wire's form: see pvg_lut.c. Includable from user space for tests. */
#ifndef PVG_LUT_H
#define PVG_LUT_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

u32 pvg_lut_float(u64 numerator, u64 denominator);
u32 pvg_lut_lerp(u32 left, u32 right, u32 part, u32 whole);

#endif
