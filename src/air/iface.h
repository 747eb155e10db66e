/* SPDX-License-Identifier: MIT */
/* What iface.c offers iface_io.c alone: small makers of types, variables and constants of the entry interface. */
#ifndef PVG_AIR_IFACE_H
#define PVG_AIR_IFACE_H

#include "ctx.h"

uint32_t iface_u32(struct ctx *c);
uint32_t iface_uvec(struct ctx *c, unsigned n);
uint32_t iface_var(struct ctx *c, uint32_t type, SpvStorageClass sc); /* on the entry point's list */
uint32_t iface_spec(struct ctx *c, uint32_t id, uint32_t def);        /* u32 specialisation constant */
bool iface_whole_groups(const struct ctx *c);                         /* no thread is outside the grid */
/* u32 values of a kernel builtin; *n components. 0: not a kernel builtin. */
uint32_t iface_kernel_builtin(struct ctx *c, enum air_kind k, unsigned *n);

#endif
