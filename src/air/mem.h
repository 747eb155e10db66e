/* SPDX-License-Identifier: MIT */
/*
 * What the files on memory share: mem_decl.c declares variables, mem.c reaches them, mem_phys.c reaches buffers by
 * address. A unit is 1 << lg bytes.
 */
#ifndef PVG_AIR_MEM_H
#define PVG_AIR_MEM_H

#include "ctx.h"

static inline unsigned log2u(unsigned x)
{
    return (unsigned)__builtin_ctz(x);
}

/* Largest power of two that divides @x, at most @max. */
static inline unsigned low_bit(uint64_t x, unsigned max)
{
    return x && (x & -x) < max ? (unsigned)(x & -x) : max;
}

/* mem_decl.c */
uint32_t mem_view_type(struct ctx *c, unsigned lg);            /* element of a view: u8, u16, u32, uvec2, uvec4 */
uint32_t mem_view(struct ctx *c, struct root *r, unsigned lg); /* variable of a buffer-like root in these units */
uint32_t mem_buffer_view(struct ctx *c, uint32_t elem, unsigned stride, uint32_t set, uint32_t binding, bool writable,
                         const char *name);
SpvStorageClass mem_class(const struct root *r);
bool mem_has_views(const struct root *r);

/* mem_phys.c: accesses that the table of buffers bounds. */
bool mem_is_phys(struct ctx *c, struct ptr p);
void phys_load(struct ctx *c, struct ptr p, unsigned lg, unsigned n, uint32_t *out);
void phys_store(struct ctx *c, struct ptr p, unsigned lg, unsigned n, const uint32_t *in);
uint32_t phys_pointer(struct ctx *c, struct ptr p, uint32_t type); /* unbounded: under mem_inside() */

#endif
