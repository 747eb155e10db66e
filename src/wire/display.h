/* SPDX-License-Identifier: MIT */
/*
 * Display commands and the shared-state page (display 3, 4, 8, 9): offsets, decoding of payloads already copied, encoding of
 * the host's part of the page. Payloads have their smallest size (opcodes.h) when they come here.
 */
#ifndef PVG_WIRE_DISPLAY_H
#define PVG_WIRE_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/refuse.h"

/* Offsets in the shared page. Host writes all but ENABLED and the two cursor words. */
#define SHARED_SERIAL          0x000u
#define SHARED_NAME            0x004u
#define SHARED_NAME_BYTES      14u
#define SHARED_PORT            0x012u
#define SHARED_WIDTH_MM        0x014u
#define SHARED_HEIGHT_MM       0x016u
#define SHARED_CURSOR_WIDTH    0x018u
#define SHARED_CURSOR_HEIGHT   0x01au
#define SHARED_GAMMA_ENTRIES   0x01cu
#define SHARED_CURSOR_FEATURES 0x020u
#define SHARED_WIDTH_MM_F32    0x024u
#define SHARED_HEIGHT_MM_F32   0x028u
#define SHARED_PENDING         0x100u
#define SHARED_ENABLED         0x104u
#define SHARED_EPOCH           0x200u
#define SHARED_MODE_COUNT      0x208u
#define SHARED_MODES           0x210u
#define SHARED_MODE_BYTES      16u
#define SHARED_CURSOR_POSITION 0xe00u
#define SHARED_CURSOR_VISIBLE  0xe04u

#define SHARED_CURSOR_NOWHERE 0xffffffffu

/* Event bits of PENDING and ENABLED. */
#define EVENT_VBL         (1u << 0)
#define EVENT_TRANSACTION (1u << 1)
#define EVENT_ONLINE      (1u << 2)
#define EVENT_OFFLINE     (1u << 3)

/* CURSOR_FEATURES: ring the doorbell when visibility, when position changed. */
#define CURSOR_DOORBELL_SHOW (1u << 0)
#define CURSOR_DOORBELL_MOVE (1u << 1)

#define NAME_MAX_BYTES 13u

/* Pixel formats of presents (display 7.7). */
#define FORMAT_BGRA        0x42475241u
#define FORMAT_ARGB        0x41524742u
#define FORMAT_RGBA        0x52474241u
#define FORMAT_RGHA        0x52476841u
#define FORMAT_AHGR        0x41684752u
#define FORMAT_METAL_BGRA8      80u
#define FORMAT_METAL_BGRA8_SRGB 81u
#define FORMAT_METAL_RGBA16F    115u

/* Bytes per pixel of a format that can be shown, or 0 (display 7.7). */
uint32_t wire_format_bytes(uint32_t format);

struct wire_mode {
    uint16_t width_px, height_px;
    uint32_t refresh_16_16; /* Hz, 16.16 fixed point */
};

/* What the host tells about a monitor; written to the page in one go before its epoch. */
struct shared_state {
    uint32_t serial;
    char name[NAME_MAX_BYTES + 1];
    uint16_t port;
    float width_mm, height_mm;
    uint16_t cursor_px;      /* largest edge of a pointer image */
    uint32_t gamma_entries;  /* 0: the guest sends no gamma */
    uint32_t cursor_features;
    const struct wire_mode *modes;
    uint16_t mode_count;
};

/*
 * Write the host's fields, epoch excepted, to @page (at least SHARED_CURSOR_POSITION bytes, or SHARED_MODES + modes). Leaves
 * everything else alone (display 4.1).
 */
void shared_state_encode(const struct shared_state *state, uint8_t *page);

/* A gamma table's place in the guest; address 0 or length 0: no new table. */
struct gamma_ref {
    uint64_t gva, length_bytes;
    uint32_t entries, sum;
};

struct present {
    uint32_t port, task, surface; /* surface: object reference, or mapping id for 0x08 */
    struct gamma_ref gamma;
};

void present_decode_transaction2(const uint8_t *payload, struct present *out);
void present_decode_transaction3(const uint8_t *payload, struct present *out);
/* Shorter than 40 bytes: without gamma. */
void present_decode_swap_mapping(const uint8_t *payload, uint32_t bytes, struct present *out);

struct cursor_glyph {
    uint32_t port, task;
    uint64_t gva, length_bytes, stride_bytes;
    uint16_t width_px, height_px, hot_x_px, hot_y_px;
    uint32_t sum;
};

/* Decode and check against the limit of an edge (display 9.1). @out is filled also when refused. */
enum refuse cursor_glyph_decode(const uint8_t *payload, uint32_t max_px, struct cursor_glyph *out);

/* Is the table's size acceptable? (display 8.1) */
bool gamma_ref_ok(const struct gamma_ref *ref);
/* Wrapping sum of @words 32-bit words. */
uint32_t wire_sum(const void *bytes, size_t words);

#endif
