/* SPDX-License-Identifier: MIT */
/* CPU references of the block formats that the corpus' kernels read: what a block of bytes means in floats. */
#ifndef PVG_TESTS_AIR_QUANT_H
#define PVG_TESTS_AIR_QUANT_H

#include <stddef.h>
#include <stdint.h>

struct quant {
    const char *name;
    int elems, bytes; /* per block */
    void (*dequant)(const uint8_t *block, float *out);
    int d_at, m_at; /* byte offsets of half scales to be kept small in random blocks, -1 none */
};

extern const struct quant quants[];
extern const int quant_count;

const struct quant *quant_find(const char *name);
/* Where the codebook of format @name has to be put, and its length; NULL for a format without one. */
uint64_t *quant_codebook(const char *name, size_t *entries);
float half_get(const uint8_t *p);
void half_put(uint8_t *p, float f);
float bf16_get(const uint8_t *p);
void bf16_put(uint8_t *p, float f);

#endif
