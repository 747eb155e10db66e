/* SPDX-License-Identifier: MIT */
/* The pictures that the guest draws and the VMM expects, pixel by pixel, and files of them. */
#ifndef MINI_VMM_PICTURE_H
#define MINI_VMM_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pixels are 0x00RRGGBB: bytes B, G, R, X in memory. */
#define PIXEL_RGB 0x00ffffffu

/* Test picture number @salt of @width x @height pixels: neighbours differ, and so do pictures of two numbers. */
uint32_t picture_pixel(uint32_t x, uint32_t y, uint32_t width, uint32_t height, uint32_t salt);

/* The pointer: 0xAARRGGBB, opaque or nothing. Odd sizes and a hot spot off centre, so that a mistake shows. */
#define POINTER_WIDTH  33
#define POINTER_HEIGHT 21
#define POINTER_HOT_X  5
#define POINTER_HOT_Y  7
uint32_t pointer_pixel(uint32_t x, uint32_t y);

/* The gamma table: red inverted, green as it is, blue constant; 256 entries, so that the result is exact. */
#define GAMMA_ENTRIES 256
float gamma_entry(int channel, uint32_t i);
uint32_t gamma_pixel(uint32_t pixel);

/* Write rows of pixels, @stride_bytes apart, as a portable pixmap (PPM). False: errno says why. */
bool picture_write(const char *path, const uint8_t *pixels, size_t stride_bytes, uint32_t width, uint32_t height);

#endif
