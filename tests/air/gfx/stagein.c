/* SPDX-License-Identifier: MIT */
/*
 * Vertex stage-in of every MTLVertexFormat (encoders 12.4) with stagein.ll: the bytes of an attribute against the value
 * that the fragment function sees, missing components as 0, 0, 1. Formats that the device cannot read as vertices are
 * skipped by name. usage: stagein PATH/stagein.ll. Exit status 77 without a Vulkan device.
 */
#include "gfx.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum kind { UINT, SINT, UNORM, SNORM, FLOAT, PACKED };

static const struct format {
    unsigned metal;
    VkFormat format;
    const char *name;
    enum kind kind;
    unsigned n, bits;
} formats[] = {
#define THREE(m, size, kind)                                                                                           \
    {m, VK_FORMAT_R##size##G##size##_##kind, "R" #size "G" #size "_" #kind, kind, 2, size},                            \
        {m + 1, VK_FORMAT_R##size##G##size##B##size##_##kind, "R" #size "G" #size "B" #size "_" #kind, kind, 3, size}, \
    {                                                                                                                  \
        m + 2, VK_FORMAT_R##size##G##size##B##size##A##size##_##kind,                                                  \
            "R" #size "G" #size "B" #size "A" #size "_" #kind, kind, 4, size                                           \
    }
    THREE(1, 8, UINT),
    THREE(4, 8, SINT),
    THREE(7, 8, UNORM),
    THREE(10, 8, SNORM),
    THREE(13, 16, UINT),
    THREE(16, 16, SINT),
    THREE(19, 16, UNORM),
    THREE(22, 16, SNORM),
    {25, VK_FORMAT_R16G16_SFLOAT, "R16G16_SFLOAT", FLOAT, 2, 16},
    {26, VK_FORMAT_R16G16B16_SFLOAT, "R16G16B16_SFLOAT", FLOAT, 3, 16},
    {27, VK_FORMAT_R16G16B16A16_SFLOAT, "R16G16B16A16_SFLOAT", FLOAT, 4, 16},
    {28, VK_FORMAT_R32_SFLOAT, "R32_SFLOAT", FLOAT, 1, 32},
    {29, VK_FORMAT_R32G32_SFLOAT, "R32G32_SFLOAT", FLOAT, 2, 32},
    {30, VK_FORMAT_R32G32B32_SFLOAT, "R32G32B32_SFLOAT", FLOAT, 3, 32},
    {31, VK_FORMAT_R32G32B32A32_SFLOAT, "R32G32B32A32_SFLOAT", FLOAT, 4, 32},
    {32, VK_FORMAT_R32_SINT, "R32_SINT", SINT, 1, 32},
    THREE(33, 32, SINT),
    {36, VK_FORMAT_R32_UINT, "R32_UINT", UINT, 1, 32},
    THREE(37, 32, UINT),
    {40, VK_FORMAT_A2B10G10R10_SNORM_PACK32, "A2B10G10R10_SNORM", PACKED, 4, 0},
    {41, VK_FORMAT_A2B10G10R10_UNORM_PACK32, "A2B10G10R10_UNORM", PACKED, 4, 0},
    {42, VK_FORMAT_B8G8R8A8_UNORM, "B8G8R8A8_UNORM", PACKED, 4, 0},
    {45, VK_FORMAT_R8_UINT, "R8_UINT", UINT, 1, 8},
    {46, VK_FORMAT_R8_SINT, "R8_SINT", SINT, 1, 8},
    {47, VK_FORMAT_R8_UNORM, "R8_UNORM", UNORM, 1, 8},
    {48, VK_FORMAT_R8_SNORM, "R8_SNORM", SNORM, 1, 8},
    {49, VK_FORMAT_R16_UINT, "R16_UINT", UINT, 1, 16},
    {50, VK_FORMAT_R16_SINT, "R16_SINT", SINT, 1, 16},
    {51, VK_FORMAT_R16_UNORM, "R16_UNORM", UNORM, 1, 16},
    {52, VK_FORMAT_R16_SNORM, "R16_SNORM", SNORM, 1, 16},
    {53, VK_FORMAT_R16_SFLOAT, "R16_SFLOAT", FLOAT, 1, 16},
    {54, VK_FORMAT_B10G11R11_UFLOAT_PACK32, "B10G11R11_UFLOAT", PACKED, 3, 0},
    {55, VK_FORMAT_E5B9G9R9_UFLOAT_PACK32, "E5B9G9R9_UFLOAT", PACKED, 3, 0},
};

static double want[4];
static struct vk_buf buffer;

static double w_value(unsigned plane, unsigned x, unsigned y, unsigned k)
{
    return want[k];
}

/* Component @k as the buffer has it, and what it means. */
static uint32_t component(const struct format *f, unsigned k)
{
    static const uint32_t u[4] = {0xfedcba98u, 0x00000001u, 0x80000000u, 0x7fffffffu};
    static const double v[4] = {0.5, -2.0, 1.25, -0.375};
    uint32_t top = f->bits == 32 ? u[k] : u[k] >> (32 - f->bits);
    double one = f->bits == 8 ? 127 : 32767;
    int32_t s = f->bits == 8 ? (int8_t)top : f->bits == 16 ? (int16_t)top : (int32_t)top;
    float fl;

    switch (f->kind) {
    case UINT:
        want[k] = top;
        return top;
    case SINT:
        want[k] = s;
        return top;
    case UNORM:
        want[k] = top / (f->bits == 8 ? 255.0 : 65535.0);
        return top;
    case SNORM:
        want[k] = fmax(s / one, -1);
        return top;
    default:
        want[k] = v[k];
        fl = (float)v[k];
        memcpy(&top, &fl, 4);
        return f->bits == 16 ? half_from_double(v[k]) : top;
    }
}

static uint32_t packed(VkFormat f)
{
    switch (f) {
    case VK_FORMAT_A2B10G10R10_SNORM_PACK32: /* 511, -511, 256, 1 */
        memcpy(want, (double[]){1, -1, 256 / 511.0, 1}, sizeof(want));
        return 511u | (uint32_t)(-511 & 1023) << 10 | 256u << 20 | 1u << 30;
    case VK_FORMAT_A2B10G10R10_UNORM_PACK32:
        memcpy(want, (double[]){1, 0, 512 / 1023.0, 2 / 3.0}, sizeof(want));
        return 1023u | 512u << 20 | 2u << 30;
    case VK_FORMAT_B8G8R8A8_UNORM:
        memcpy(want, (double[]){1, 51 / 255.0, 0, 102 / 255.0}, sizeof(want));
        return 51u << 8 | 255u << 16 | 102u << 24;
    case VK_FORMAT_B10G11R11_UFLOAT_PACK32: /* 1, 2, 0.5: exponents 15, 16, 14 */
        memcpy(want, (double[]){1, 2, 0.5, 1}, sizeof(want));
        return 15u << 6 | 16u << 17 | 14u << 27;
    default: /* E5B9G9R9: mantissas over 512, exponent 16: value = m / 512 * 2 */
        memcpy(want, (double[]){1, 0.5, 0.25, 1}, sizeof(want));
        return 256u | 128u << 9 | 64u << 18 | 16u << 27;
    }
}

static void fill(const struct format *f)
{
    static const float pos[3][2] = {{-1, -1}, {3, -1}, {-1, 3}};

    memcpy(want, (double[]){0, 0, 0, 1}, sizeof(want));
    memset(buffer.map, 0, buffer.bytes);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t *p = (uint8_t *)buffer.map + i * 32;

        memcpy(p, pos[i], 8);
        if (f->kind == PACKED) {
            uint32_t w = packed(f->format);

            memcpy(p + 8, &w, 4);
        }
        for (unsigned k = 0; f->kind != PACKED && k < f->n; k++) {
            uint32_t w = component(f, k);

            memcpy(p + 8 + k * f->bits / 8, &w, f->bits / 8);
        }
    }
}

static void draw(const struct format *f, const char *vs, const char *suffix, uint8_t class)
{
    bool integer = f->kind == UINT || f->kind == SINT;
    struct gfx *d = gfx_start(vs, integer ? "fs_uint" : "fs_float");
    VkFormatProperties fp;
    char name[96];

    snprintf(name, sizeof(name), "%u_%s%s", f->metal, f->name, suffix);
    vkGetPhysicalDeviceFormatProperties(gfx_vk.phys, f->format, &fp);
    if (!(fp.bufferFeatures & VK_FORMAT_FEATURE_VERTEX_BUFFER_BIT)) {
        gfx_skip(name, "no vertex format of the device's");
        return;
    }
    d->run.vertex_buf = &buffer;
    d->run.stride = 32;
    d->run.attr_format[4] = VK_FORMAT_R32G32_SFLOAT;
    d->run.attr_format[9] = f->format;
    d->run.attr_offset[9] = 8;
    d->opt.attribute_class[9] = class;
    if (integer) {
        d->color[0] = VK_FORMAT_R32G32B32A32_UINT;
        gfx_expect_int(name, d, 0, w_value);
    } else {
        gfx_expect(name, d, 0, w_value, strstr(vs, "half") ? 5e-4 : 1e-6);
    }
}

static const struct format *by_number(unsigned metal)
{
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (formats[i].metal == metal)
            return &formats[i];
    }
    return &formats[0];
}

/* Parameters narrower or of fewer components than the format gives. */
static void narrow(unsigned metal, const char *vs, uint8_t class)
{
    const struct format *f = by_number(metal);
    char suffix[32];

    fill(f);
    if (!strcmp(vs, "vs_float1") || !strcmp(vs, "vs_uint1"))
        memcpy(want + 1, (double[]){7, 8, 9}, 3 * sizeof(double));
    if (!strcmp(vs, "vs_float2"))
        memcpy(want + 2, (double[]){8, 9}, 2 * sizeof(double));
    snprintf(suffix, sizeof(suffix), "_%s", vs);
    draw(f, vs, suffix, class);
}

int main(int argc, char **argv)
{
    int status = gfx_open(argc, argv);

    if (status >= 0)
        return status;
    if (!vk_buf_new(&gfx_vk, &buffer, 256))
        return 2;
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        const struct format *f = &formats[i];

        fill(f);
        draw(f, f->kind == UINT ? "vs_uint4" : f->kind == SINT ? "vs_int4" : "vs_float4", "", AIR_FORMAT_DEFAULT);
    }
    narrow(31, "vs_float1", AIR_FORMAT_FLOAT);
    narrow(31, "vs_float2", AIR_FORMAT_FLOAT);
    narrow(27, "vs_half4", AIR_FORMAT_FLOAT);
    narrow(31, "vs_half4", AIR_FORMAT_DEFAULT);
    narrow(9, "vs_half4", AIR_FORMAT_FLOAT);
    narrow(15, "vs_ushort4", AIR_FORMAT_UINT);
    narrow(18, "vs_short4", AIR_FORMAT_DEFAULT);
    narrow(3, "vs_uchar4", AIR_FORMAT_DEFAULT);
    narrow(6, "vs_char4", AIR_FORMAT_SINT);
    narrow(3, "vs_ushort4", AIR_FORMAT_UINT);
    narrow(6, "vs_short4", AIR_FORMAT_SINT);
    narrow(32, "vs_uint1", AIR_FORMAT_SINT);
    narrow(36, "vs_uint1", AIR_FORMAT_UINT);
    vk_buf_free(&gfx_vk, &buffer);
    return gfx_close();
}
