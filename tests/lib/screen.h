/* SPDX-License-Identifier: MIT */
/* The guest's side of a display for tests: channel, shared page, handshake, events, presents, pointer (display 4 to 9). */
#ifndef PVG_TESTS_LIB_SCREEN_H
#define PVG_TESTS_LIB_SCREEN_H

#include "lib/guest.h"

struct screen {
    struct guest *g;
    uint32_t port;
    struct channel *c;
    uint32_t page_pfn;
};

/* Channel and shared page, preset as a driver does (display 5.1); 0x01 is not sent. */
void screen_init(struct screen *s, struct guest *g, uint32_t port);
/* 0x01 and its stamp. */
void screen_announce(struct screen *s);
_Atomic uint32_t *screen_word(struct screen *s, uint32_t offset);
static inline void screen_enable(struct screen *s, uint32_t events)
{
    atomic_store(screen_word(s, SHARED_ENABLED), events);
}
/* Take the enabled events that are pending, as the guest does: one atomic exchange (display 4.3). */
uint32_t screen_take(struct screen *s);
/* Sleep until some of @events are pending, and take all. */
uint32_t screen_wait_event(struct screen *s, uint32_t events);
/* Acknowledge with the page's epoch. */
void screen_ack(struct screen *s);
/* Announce, enable @events, wait for online, acknowledge. */
void screen_online(struct screen *s, uint32_t events);
/* Present a surface of the kernel task (0x06); returns the stamp. */
uint32_t screen_present(struct screen *s, uint32_t surface);
/* Present and wait for the stamp. */
void screen_show(struct screen *s, uint32_t surface);

/* The newest picture equals the pattern of @seed, after gamma none. */
bool screen_shows_pattern(struct screen *s, uint32_t width, uint32_t height, uint32_t seed);
/* Pixel of the newest picture, without its fourth byte; SCREEN_NO_PIXEL where there is none. */
#define SCREEN_NO_PIXEL UINT32_MAX
uint32_t screen_pixel(struct screen *s, uint32_t x, uint32_t y);

#endif
