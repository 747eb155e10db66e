/* SPDX-License-Identifier: MIT */
/*
 * What the files of display share.
 *
 * A pipe is the guest's side: shared page, handshake, presents, pointer, gamma. A monitor (struct pvg_display) is the VMM's:
 * name, modes, callbacks, frames, and the thread that is the pipe's clock: refresh ticks, events, taking of presents,
 * callbacks. Handlers run on core's worker. All state of both is under pipe.lock, which is held across neither copies nor
 * callbacks: who copies sets `busy` meanwhile.
 */
#ifndef PVG_DISPLAY_DISPLAY_PRIV_H
#define PVG_DISPLAY_DISPLAY_PRIV_H

#include "display/display.h"

#include <pthread.h>

#include "base/event.h"
#include "base/limits.h"
#include "display/frame.h"
#include "display/pixels.h"
#include "wire/display.h"

/* A pointer image: immutable, reference-counted. */
struct glyph {
    _Atomic uint32_t refs;
    struct pvg_cursor image; /* pixels follow the struct */
};

/* A display's registers 0x1204..0x1234 (display 10). Written by any thread, read by the clock: atomics. */
struct efi_block {
    _Atomic uint32_t mode, size, bpp, enable, pitch;
    _Atomic uint64_t address;
    _Atomic uint32_t mode_count, extent[LIMIT_MODES]; /* of the monitor; width << 16 | height */
    _Atomic uint32_t writes;                          /* counts them */
};

enum online { ONLINE_OFF, ONLINE_ARMED, ONLINE_SIGNALLED, ONLINE_ACKNOWLEDGED };

/* A present that waits for its tick. */
struct standing {
    bool there;
    struct picture_provider provider; /* of the picture */
    struct picture picture;
    struct core_ticket ticket;
    struct gamma_lut *lut; /* owned; NULL: keep the last one */
    uint64_t number;       /* of the port's guest_presents before it */
    uint64_t accepted_ns;
};

struct pipe {
    struct display_set *set;
    uint32_t port;
    pthread_mutex_t lock;
    pthread_cond_t idle;         /* busy went false, or a callback ended */
    struct pvg_display *monitor; /* NULL: none attached */

    /* guest's side */
    uint64_t shared_gpa;         /* 0: not set up */
    uint32_t channel;            /* on which 0x01 came; its end tears the pipe down */
    enum online online;
    bool refill;                 /* the page does not show the current monitor yet */
    bool offline_due;            /* signal offline */
    bool acknowledged;           /* since the page was left: some list, with whatever epoch */
    uint32_t epoch, pulses;
    uint64_t armed_ns, pulse_ns;
    bool online_gave_up;
    uint64_t grid_ns;            /* last refresh tick that was signalled */
    struct standing standing;
    uint32_t unpulled;           /* hold_presents: frames announced and not pulled */
    struct glyph *glyph;         /* NULL: none yet */
    bool cursor_visible;
    struct pvg_coord cursor;     /* 0xffff, 0xffff: nowhere */
    struct gamma_lut gamma;
    uint32_t sleep_state;
    bool busy;                   /* a section of somebody's is open: see section_enter() */
    uint32_t waiting;            /* threads that are about to open one */
    struct gmem_pin *busy_pin;   /* that section's */
    bool detached;               /* set by teardown: the section in progress must not publish */

    /* firmware's picture */
    struct efi_block efi;
    bool guest_presented;        /* the console is the driver's until reset (display 11.2) */
    /* the clock's own: */
    uint64_t scan_ns;            /* when the firmware's picture was looked at last, or its registers were found changed */
    uint32_t scan_writes;        /* efi.writes then */
    bool scan_refused;           /* since they changed */

    /* frames */
    struct pvg_frame *base;      /* newest picture without pointer */
    struct pvg_frame *front;     /* what get_frame hands out: base, or base with the pointer drawn */
    struct frame_pool *pool;     /* where frames come from and go back to */
    bool pool_used;              /* since it was last told to rest */
    struct gmem_runs scratch;    /* of the taker */
    uint8_t *convert;            /* buffer for formats that are not 4 bytes */
    size_t convert_bytes;
    uint64_t sequence;
    uint64_t taken_ns;           /* when the last picture was taken */

    /* what the clock has to tell the VMM */
    bool tell_glyph, tell_show, tell_move, compose;

    struct event wake;           /* the clock sleeps here */
    _Atomic bool doorbell;       /* guest rang: sample the pointer */
    _Atomic bool clock_armed;    /* the clock will wake for the standing present by itself */
    _Atomic uint64_t guest_presents, host_presents, superseded;
    _Atomic uint64_t vblanks, transactions, onlines;
};

struct pvg_display {
    struct pipe *pipe;
    char name[NAME_MAX_BYTES + 1];
    double width_mm, height_mm;
    uint32_t serial, max_cursor_px;
    struct pvg_display_ops ops; /* the VMM's; what it did not give is NULL */
    void *opaque;
    struct wire_mode modes[LIMIT_MODES]; /* under pipe.lock */
    uint16_t mode_count;
    uint64_t period_ns;                  /* of the first mode */
    bool connected, draw_cursor;         /* under pipe.lock */
    uint64_t modes_ns;                   /* when the list changed last */

    pthread_t clock;
    _Atomic bool stop;
    bool in_callback;                    /* under pipe.lock */
    struct gmem_pin pin;                 /* the clock's */

    /* the clock's own: what the VMM was told */
    uint32_t told_width, told_height;
    uint64_t told_sequence;
};

struct display_set {
    struct display_config cfg;
    pthread_mutex_t attach_lock; /* list of monitors: attach, free, stop */
    struct frame_budget *budget; /* LIMIT_PICTURES_BYTES */
    struct pipe pipes[LIMIT_PORTS];
    bool stopped;
    pthread_mutex_t mapper_lock;
    struct picture_provider mapper; /* of mapping ids; find == NULL: there is no surface mapper */
    _Atomic uint32_t efi_select; /* the port whose block firmware sees */
};

/* pipe.c: commands other than presents and pointer; sections */
void pipe_register(struct display_set *set);
/* The pipe that a command names in its first word, or NULL and a refusal. */
struct pipe *pipe_of(struct display_set *set, const struct core_cmd *cmd);
/*
 * Open the pipe's section: from here to section_leave() its guest memory may be touched, with the lock dropped, and teardown
 * waits. Only one at a time: waits for another's end. Lock held; dropped while waiting. False: @pin was cut off meanwhile,
 * no section is open.
 */
bool section_enter(struct pipe *pipe, struct gmem_pin *pin);
void section_leave(struct pipe *pipe);
/* Lock held, section not needed: forget all of the guest's side; completes nothing. */
void pipe_detach(struct pipe *pipe);
/* In a section, lock not held: write the monitor's facts and the next epoch to the shared page. */
void pipe_fill(struct pipe *pipe, struct gmem_pin *pin);
/* Write one of the shared page's words, as it was read, to the recording. Lock not held. */
void pipe_record_word(struct pipe *pipe, uint32_t offset, uint32_t value);
/* In a section, lock not held: a word of the shared page, or NULL. */
_Atomic uint32_t *pipe_word(struct pipe *pipe, struct gmem_pin *pin, uint32_t offset);

/* present.c */
void present_register(struct display_set *set);
/* Lock held, dropped while it copies: take the standing present, if any. True: the caller completes *@done. */
bool present_take(struct pipe *pipe, struct gmem_pin *pin, struct core_ticket *done);
void present_settle(void *ctx, struct gmem_pin *pin, uint32_t task, gva_t gva, uint64_t length);
/* Lock held: drop all pictures. */
void present_forget(struct pipe *pipe);
/* Lock held: give back the memory that waits for a next picture. */
void present_rest(struct pipe *pipe);
/* Lock held: @frame becomes the newest picture; takes the reference. */
void present_show(struct pipe *pipe, struct pvg_frame *frame);

/* firmware.c */
/*
 * Section open, lock held (dropped meanwhile): while the console is the firmware's, take its picture if it has changed.
 * Returns when to come again in ns; UINT64_MAX: not by itself.
 */
uint64_t firmware_step(struct pipe *pipe, struct gmem_pin *pin, uint64_t now);

/* cursor.c */
void cursor_register(struct display_set *set);
/* In a section, lock not held: read the page's pointer words and note what changed. */
void cursor_sample(struct pipe *pipe, struct gmem_pin *pin);
struct glyph *glyph_ref(struct glyph *glyph);
void glyph_unref(struct glyph *glyph);

/* clock.c */
void *clock_main(void *arg);
static inline void clock_wake(struct pipe *pipe)
{
    event_signal(&pipe->wake);
}

/* efi.c */
void efi_register(struct display_set *set);
/* Lock held: show the monitor's modes to firmware; NULL: there is no monitor. */
void efi_show_modes(struct pipe *pipe, const struct pvg_display *disp);
/* Width << 16 | height of the mode that firmware chose; 0: it chose none that there is. */
uint32_t efi_extent(struct pipe *pipe);
void efi_reset(struct display_set *set);

#endif
