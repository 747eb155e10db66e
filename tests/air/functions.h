/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the test functions share: the scalar types of AIR, vectors of them in the frame's buffers
 * (widths.h), and the text of a kernel around one intrinsic.
 */
#ifndef PVG_TESTS_AIR_FUNCTIONS_H
#define PVG_TESTS_AIR_FUNCTIONS_H

#include "widths.h"

struct scalar {
    const char *llvm, *air; /* "half", "f16" */
    unsigned bits;
    char kind; /* 's', 'u', or 'f' */
};

#define SCALARS 11
extern const struct scalar scalars[SCALARS];
#define FLOATS (scalars + 8) /* f32, f16, bf16 */

double decode(const struct scalar *t, uint64_t bits);
uint64_t encode(const struct scalar *t, double v); /* to the nearest, ties to even */

/* Component @k of vector @i of @n in a buffer: three take the room of four. */
static inline unsigned component(unsigned i, unsigned n, unsigned k)
{
    return i * (n == 3 ? 4 : n) + k;
}

/* "<3 x half>" and "v3f16", or those of the scalar. */
void vector_names(const struct scalar *t, unsigned n, char llvm[24], char air[24]);

/* The value %NAME of LLVM type @type, element %id of buffer @buf, loaded or stored. */
void load_text(char *s, size_t max, const char *name, const char *type, char buf);
void store_text(char *s, size_t max, const char *name, const char *type);

void functions_int(void);    /* functions_int.c */
void functions_groups(void); /* functions_groups.c */
void functions_matrix(void); /* functions_matrix.c */
void functions_rest(void);   /* functions_rest.c */

#endif
