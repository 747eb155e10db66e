/* SPDX-License-Identifier: MIT */
/*
 * What the guest's test programs share: one card, one connector with its CRTC and planes, dumb framebuffers, atomic
 * commits.
 *
 * Every function prints what went wrong and ends the program with status 1: a test that cannot go on has failed. The
 * pattern drawn here is computed by tests/vm/run.py in the same way and compared pixel by pixel.
 */
#ifndef KMS_H
#define KMS_H

#include <stdbool.h>
#include <stdint.h>
#include <xf86drmMode.h>

/* One dumb buffer with its framebuffer, mapped for writing. */
struct kms_fb {
    uint32_t id, handle;
    uint32_t width_px, height_px, stride_bytes;
    uint8_t *pixels;
    uint64_t size_bytes;
};

struct kms {
    int fd;
    uint32_t connector_id, crtc_id, primary_id, cursor_id; /* cursor_id: 0 without such a plane */
    unsigned crtc_index;
    drmModeModeInfo mode;
    uint32_t mode_blob;
    bool async;        /* the driver takes async flips */
    bool atomic_async; /* also by atomic commits */
};

/* Options common to all programs; kms_options() takes them out of the arguments. */
struct kms_options {
    const char *card;   /* --card PATH, default: the first card with a connected connector */
    unsigned connector; /* --connector N: the N-th connected one, counted from 0 */
    unsigned width_px;  /* --mode WxH, default: the preferred mode */
    unsigned height_px;
    unsigned seed;    /* --seed N: which pattern */
    double seconds;   /* --seconds S */
    const char *what; /* first other argument */
    int rest;         /* index of the first other argument in argv */
};

void kms_options(struct kms_options *o, int argc, char **argv);

/* Opens the card and chooses connector, CRTC, planes and mode; becomes DRM master and turns atomic on. */
void kms_open(struct kms *k, const struct kms_options *o);

void kms_fb_new(struct kms *k, struct kms_fb *fb, uint32_t width_px, uint32_t height_px, uint32_t fourcc);
void kms_fb_fill(struct kms_fb *fb, uint32_t xrgb);
void kms_fb_pattern(struct kms_fb *fb, unsigned seed);
/* Four opaque quarters: red, green, blue, white. */
void kms_fb_quarters(struct kms_fb *fb);

/* Property of an object by name; 0 when the object has none. */
uint32_t kms_property(struct kms *k, uint32_t object_id, uint32_t object_type, const char *name, uint64_t *value);
void kms_set(struct kms *k, drmModeAtomicReq *req, uint32_t object_id, uint32_t object_type, const char *name,
             uint64_t value);

/* Sets the mode with this framebuffer on the primary plane. kms_try_show() returns 0 or -errno. */
void kms_show(struct kms *k, const struct kms_fb *fb);
int kms_try_show(struct kms *k, const struct kms_fb *fb);

/*
 * Puts the cursor plane with all of this framebuffer at a position; hides it when @fb is NULL. kms_try_cursor() returns 0 or
 * -errno.
 */
void kms_cursor(struct kms *k, const struct kms_fb *fb, int x, int y);
int kms_try_cursor(struct kms *k, const struct kms_fb *fb, int x, int y);

/* Flips the primary plane; the event arrives with @cookie. Returns 0 or -errno: -EBUSY while one is pending. */
int kms_flip(struct kms *k, const struct kms_fb *fb, bool async, uint64_t cookie);

/* An asynchronous flip by an atomic commit, blocking or not. Returns 0 or -errno. */
int kms_flip_atomic(struct kms *k, const struct kms_fb *fb, bool blocking, uint64_t cookie);

/* Waits for one flip event: its sequence number and time in ns of CLOCK_MONOTONIC. */
void kms_wait_flip(struct kms *k, uint32_t *sequence, uint64_t *time_ns);

/*
 * Mean rate of events with sequence numbers: the slope of the line through all of them, so that the jitter of the first
 * and the last one, which a busy machine delays by milliseconds, does not count as rate.
 */
struct kms_rate {
    double n, x, y, xx, xy;
    uint64_t first_sequence, first_ns, last_sequence, last_ns;
};
void kms_rate_add(struct kms_rate *r, uint64_t sequence, uint64_t time_ns);
double kms_rate_hz(const struct kms_rate *r);

double kms_mode_hz(const drmModeModeInfo *mode);
uint64_t kms_now_ns(void);
void kms_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Prints a line that the host waits for. */
void kms_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Waits for the next SIGUSR1, by which the host says "go on"; false on SIGTERM. kms_signals() must run first. */
void kms_signals(void);
bool kms_next(void);

#endif
