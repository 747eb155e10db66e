/* SPDX-License-Identifier: MIT */
/* Fuzz target: surface descriptors. What decodes encodes to the same bytes; what passes the check stays in its backing.
 */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "wire/surface.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t out[0x14 + 16 * SURFACE_PLANES_MAX];
    struct surface s, again;
    size_t n;

    if (surface_decode(data, size, &s))
        return 0;
    n = surface_encode(out, &s);
    assert(n <= size && !memcmp(out, data, 0x11) && !memcmp(out + 0x14, data + 0x14, n - 0x14));
    assert(!surface_decode(out, n, &again) && !memcmp(&s, &again, sizeof(s)));
    for (uint32_t plane = 0; plane <= s.plane_count; plane++) {
        for (uint32_t bpp = 1; bpp <= 16; bpp *= 2) {
            const struct surface_plane *p = &s.plane[plane];

            if (surface_plane_check(&s, plane, bpp, LIMIT_EDGE_PX))
                continue;
            assert(plane < s.plane_count && p->width_px && p->height_px);
            assert((unsigned __int128)p->offset_bytes + (unsigned __int128)(p->height_px - 1) * p->stride_bytes +
                       (unsigned __int128)p->width_px * bpp <=
                   s.length_bytes);
            assert((uint64_t)p->width_px * bpp <= p->stride_bytes);
        }
    }
    return 0;
}
