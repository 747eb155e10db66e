/* SPDX-License-Identifier: MIT */
/* The guest's side of a display: see screen.h. */
#include "lib/screen.h"

#include <string.h>

/* What a driver writes before 0x01: sRGB primaries and D65, and a pointer that is nowhere (display 5.1). */
static void preset(struct screen *s)
{
    static const float chroma[8] = {0.64f, 0.33f, 0.30f, 0.60f, 0.15f, 0.06f, 0.3127f, 0.329f};
    uint8_t *page = guest_ptr(s->g, s->page_pfn, 0);

    memset(page, 0, s->g->page);
    memcpy(page + 0x2c, chroma, sizeof(chroma));
    memset(page + 0x4c, 0xff, 4);
    memset(page + SHARED_CURSOR_POSITION, 0xff, 4);
}

void screen_init(struct screen *s, struct guest *g, uint32_t port)
{
    *s = (struct screen){.g = g, .port = port, .page_pfn = guest_page(g)};
    preset(s);
    s->c = guest_channel(g, 5 + port, 1);
}

void screen_announce(struct screen *s)
{
    guest_run(s->g, s->c, CMD_DISPLAY_SET_SHARED_STATE_PAGE, WORDS(s->port, s->page_pfn));
}

_Atomic uint32_t *screen_word(struct screen *s, uint32_t offset)
{
    return guest_word(s->g, s->page_pfn, offset);
}

uint32_t screen_take(struct screen *s)
{
    uint32_t enabled = atomic_load(screen_word(s, SHARED_ENABLED));

    return atomic_fetch_and(screen_word(s, SHARED_PENDING), ~enabled) & enabled;
}

uint32_t screen_wait_event(struct screen *s, uint32_t events)
{
    vmm_wait(s->g->vmm, atomic_load(screen_word(s, SHARED_PENDING)) & events);
    return screen_take(s);
}

void screen_ack(struct screen *s)
{
    guest_run(s->g, s->c, CMD_DISPLAY_ACK, WORDS(s->port, atomic_load(screen_word(s, SHARED_EPOCH))));
}

void screen_online(struct screen *s, uint32_t events)
{
    screen_announce(s);
    screen_enable(s, events | EVENT_ONLINE);
    screen_wait_event(s, EVENT_ONLINE);
    screen_ack(s);
}

uint32_t screen_present(struct screen *s, uint32_t surface)
{
    return guest_send(s->g, s->c, CMD_DISPLAY_TRANSACTION2, WORDS(s->port, surface, 0));
}

void screen_show(struct screen *s, uint32_t surface)
{
    guest_wait(s->g, s->c, screen_present(s, surface));
}

static const struct pvg_frame *newest(struct screen *s)
{
    const struct pvg_frame *frame;
    int err = pvg_display_get_frame(s->g->vmm->display[s->port].disp, &frame);

    must(!err || err == PVG_ERR_NO_FRAME, "get_frame: %d", err);
    return frame;
}

uint32_t screen_pixel(struct screen *s, uint32_t x, uint32_t y)
{
    const struct pvg_frame *frame = newest(s);
    uint32_t value = SCREEN_NO_PIXEL;

    if (frame && x < frame->width_px && y < frame->height_px) {
        memcpy(&value, frame->pixels + (size_t)y * frame->stride_bytes + 4ull * x, 4);
        value &= 0xffffff;
    }
    pvg_frame_put(frame);
    return value;
}

bool screen_shows_pattern(struct screen *s, uint32_t width, uint32_t height, uint32_t seed)
{
    const struct pvg_frame *frame = newest(s);
    bool same = frame && frame->width_px == width && frame->height_px == height;

    for (uint32_t y = 0; same && y < height; y++)
        for (uint32_t x = 0; same && x < width; x++) {
            uint32_t value;

            memcpy(&value, frame->pixels + (size_t)y * frame->stride_bytes + 4ull * x, 4);
            same = (value & 0xffffff) == pattern(x, y, seed);
        }
    pvg_frame_put(frame);
    return same;
}
