/* SPDX-License-Identifier: MIT */
/* The pictures: see picture.h. */
#include "picture.h"

#include <stdio.h>
#include <string.h>

uint32_t picture_pixel(uint32_t x, uint32_t y, uint32_t width, uint32_t height, uint32_t salt)
{
    uint32_t red = x * 255 / width, green = y * 255 / height;
    uint32_t blue = ((x / 32 ^ y / 32) & 1 ? 0x80 : 0x20) + ((x * 7 + y * 13 + salt * 29) & 0x3f);

    return (red << 16 | green << 8 | blue) ^ salt * 0x030507 % 0x1000000;
}

uint32_t pointer_pixel(uint32_t x, uint32_t y)
{
    return (x + y) % 3 == 0 ? 0 : 0xff000000u | x * 7 << 16 | y * 11 << 8 | ((x ^ y) & 0xff);
}

float gamma_entry(int channel, uint32_t i)
{
    float linear = (float)i / (GAMMA_ENTRIES - 1);

    return channel == 0 ? 1.0f - linear : channel == 1 ? linear : 0.2f;
}

uint32_t gamma_pixel(uint32_t pixel)
{
    return (0xff - (pixel >> 16 & 0xff)) << 16 | (pixel & 0xff00) | 51 /* 0.2 of 255 */;
}

bool picture_write(const char *path, const uint8_t *pixels, size_t stride_bytes, uint32_t width, uint32_t height)
{
    FILE *file = fopen(path, "wb");
    bool good = file != NULL;

    good = good && fprintf(file, "P6\n%u %u\n255\n", width, height) > 0;
    for (uint32_t y = 0; good && y < height; y++) {
        for (uint32_t x = 0; good && x < width; x++) {
            const uint8_t *p = pixels + y * stride_bytes + 4 * x;
            const uint8_t rgb[3] = {p[2], p[1], p[0]};

            good = fwrite(rgb, sizeof(rgb), 1, file) == 1;
        }
    }
    if (file && fclose(file))
        good = false;
    return good;
}
