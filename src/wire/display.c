/* SPDX-License-Identifier: MIT */
/* Display commands and the shared-state page: see display.h. */
#include "wire/display.h"

#include <string.h>

#include "base/limits.h"
#include "base/rd.h"

static void put_f32(uint8_t *p, float v)
{
    memcpy(p, &v, sizeof(v));
}

void shared_state_encode(const struct shared_state *state, uint8_t *page)
{
    le32_put(page + SHARED_SERIAL, state->serial);
    memset(page + SHARED_NAME, 0, SHARED_NAME_BYTES);
    memcpy(page + SHARED_NAME, state->name, strnlen(state->name, NAME_MAX_BYTES));
    le16_put(page + SHARED_PORT, state->port);
    le16_put(page + SHARED_WIDTH_MM, (uint16_t)(state->width_mm + 0.5f));
    le16_put(page + SHARED_HEIGHT_MM, (uint16_t)(state->height_mm + 0.5f));
    le16_put(page + SHARED_CURSOR_WIDTH, state->cursor_px);
    le16_put(page + SHARED_CURSOR_HEIGHT, state->cursor_px);
    le32_put(page + SHARED_GAMMA_ENTRIES, state->gamma_entries);
    le32_put(page + SHARED_CURSOR_FEATURES, state->cursor_features);
    put_f32(page + SHARED_WIDTH_MM_F32, state->width_mm);
    put_f32(page + SHARED_HEIGHT_MM_F32, state->height_mm);
    for (uint32_t i = 0; i < state->mode_count; i++) {
        uint8_t *mode = page + SHARED_MODES + i * SHARED_MODE_BYTES;

        le16_put(mode, state->modes[i].width_px);
        le16_put(mode + 2, state->modes[i].height_px);
        le32_put(mode + 4, state->modes[i].refresh_16_16);
        le64_put(mode + 8, 0);
    }
    le16_put(page + SHARED_MODE_COUNT, state->mode_count);
}

void present_decode_transaction2(const uint8_t *payload, struct present *out)
{
    *out = (struct present){
        .port = le32_get(payload), .surface = le32_get(payload + 4), .task = le32_get(payload + 8)};
}

/* Task and surface in the other order than 0x06; the 64-bit fields are not aligned (display 3.2). */
void present_decode_transaction3(const uint8_t *payload, struct present *out)
{
    *out = (struct present){.port = le32_get(payload),
                            .task = le32_get(payload + 4),
                            .surface = le32_get(payload + 8),
                            .gamma = {.gva = le64_get(payload + 0x0c),
                                      .length_bytes = le64_get(payload + 0x14),
                                      .entries = le32_get(payload + 0x1c),
                                      .sum = le32_get(payload + 0x20)}};
}

void present_decode_swap_mapping(const uint8_t *payload, uint32_t bytes, struct present *out)
{
    *out = (struct present){
        .port = le32_get(payload), .task = le32_get(payload + 4), .surface = le32_get(payload + 8)};
    if (bytes >= 0x28)
        out->gamma = (struct gamma_ref){.gva = le64_get(payload + 0x10),
                                        .length_bytes = le64_get(payload + 0x18),
                                        .entries = le32_get(payload + 0x20),
                                        .sum = le32_get(payload + 0x24)};
}

enum refuse cursor_glyph_decode(const uint8_t *payload, uint32_t max_px, struct cursor_glyph *out)
{
    uint64_t last_row;

    *out = (struct cursor_glyph){.port = le32_get(payload),
                                 .task = le32_get(payload + 4),
                                 .gva = le64_get(payload + 0x08),
                                 .length_bytes = le64_get(payload + 0x10),
                                 .stride_bytes = le64_get(payload + 0x18),
                                 .width_px = le16_get(payload + 0x20),
                                 .height_px = le16_get(payload + 0x22),
                                 .hot_x_px = le16_get(payload + 0x24),
                                 .hot_y_px = le16_get(payload + 0x26),
                                 .sum = le32_get(payload + 0x28)};
    if (!out->width_px || !out->height_px || out->width_px > max_px || out->height_px > max_px)
        return REFUSE_CURSOR_EXTENT;
    if (out->hot_x_px >= out->width_px || out->hot_y_px >= out->height_px)
        return REFUSE_CURSOR_HOT;
    if (out->stride_bytes < 4ull * out->width_px ||
        __builtin_mul_overflow(out->stride_bytes, (uint64_t)(out->height_px - 1), &last_row) ||
        out->length_bytes < 4ull * out->width_px || last_row > out->length_bytes - 4ull * out->width_px ||
        last_row > LIMIT_CURSOR_BYTES - 4ull * out->width_px)
        return REFUSE_CURSOR_STRIDE;
    return REFUSE_NONE;
}

bool gamma_ref_ok(const struct gamma_ref *ref)
{
    return ref->entries >= 2 && ref->entries <= LIMIT_GAMMA_ENTRIES && ref->length_bytes >= 12ull * ref->entries;
}

uint32_t wire_sum(const void *bytes, size_t words)
{
    const uint8_t *p = bytes;
    uint32_t sum = 0;

    for (size_t i = 0; i < words; i++)
        sum += le32_get(p + 4 * i);
    return sum;
}

uint32_t wire_format_bytes(uint32_t format)
{
    switch (format) {
    case FORMAT_BGRA:
    case FORMAT_ARGB:
    case FORMAT_RGBA:
    case FORMAT_METAL_BGRA8:
    case FORMAT_METAL_BGRA8_SRGB:
        return 4;
    case FORMAT_RGHA:
    case FORMAT_AHGR:
    case FORMAT_METAL_RGBA16F:
        return 8;
    }
    return 0;
}
