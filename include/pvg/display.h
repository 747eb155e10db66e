/* SPDX-License-Identifier: MIT */
/*
 * Displays: monitors of a device, their mode lists, the pictures that the guest presents, and the guest's pointer. Until its
 * driver presents for the first time, and after a reset, a display shows what firmware draws into guest memory (display 10).
 *
 * Frames are pulled: on_frame says that there is a newer picture, pvg_display_get_frame() takes a reference to it at once,
 * without a copy and without waiting. All callbacks of one display are serial, in order, and come from one library thread
 * with no lock held; the library never waits for their effect (host-api 1.9 to 1.13, 2.2, T-4, T-5).
 */
#ifndef PVG_DISPLAY_H
#define PVG_DISPLAY_H

#include <pvg/device.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pvg_display;

/* One entry of a display's mode list. Copied by pvg_display_set_modes(). */
struct pvg_mode {
    uint16_t width_px;   /* 1..8192 */
    uint16_t height_px;  /* 1..8192 */
    double refresh_hz;   /* 1..480; the vertical blank is paced to exactly the rate of the first mode (display 5.3) */
    uint32_t flags;      /* no flag is defined: non-zero is PVG_ERR_INVALID */
};

#define PVG_MAX_MODES 128

/* The guest's pointer image: premultiplied B,G,R,A bytes. Valid during on_cursor only. */
struct pvg_cursor {
    uint16_t width_px;     /* 1..512 */
    uint16_t height_px;    /* 1..512 */
    uint16_t hot_x_px;     /* hot spot from the top left, inside the image */
    uint16_t hot_y_px;
    uint32_t stride_bytes; /* of a row; at least width_px * 4 */
    const uint8_t *pixels;
};

/* An immutable picture. Lives until every pvg_display_get_frame() has had its pvg_frame_put(), whatever the display does. */
struct pvg_frame {
    uint32_t width_px;
    uint32_t height_px;
    uint32_t stride_bytes; /* of a row; at least width_px * 4 */
    uint32_t fourcc;       /* PVG_FOURCC_BGRA: bytes B,G,R,X; the fourth byte of a pixel has no meaning */
    uint64_t sequence;     /* of the display, from 1, larger for newer pictures */
    uint8_t *pixels;       /* height_px rows; borrowed from the frame, not to be written */
};

/* Callbacks of a display; any may be NULL. First argument: pvg_display_desc.opaque. */
struct pvg_display_ops {
    size_t size; /* sizeof(struct pvg_display_ops) of the caller's headers */
    /* Coming frames have this size in pixels and this format. Precedes the first on_frame of that size. */
    void (*on_mode)(void *opaque, uint32_t width_px, uint32_t height_px, uint32_t fourcc);
    /* There is a newer frame. Coalesced: not every frame has a call of its own. */
    void (*on_frame)(void *opaque, uint64_t sequence);
    /* New pointer image. If this or on_cursor_show is NULL the library draws the pointer into the frames. */
    void (*on_cursor)(void *opaque, const struct pvg_cursor *cursor);
    void (*on_cursor_show)(void *opaque, bool visible); /* called once at the start too */
    /*
     * Position of the pointer's hot spot in pixels of the picture; 0xffff, 0xffff: not on this display. Coalesced: of many moves
     * one in half a refresh is told, up to that much late; the last one always.
     */
    void (*on_cursor_move)(void *opaque, uint16_t x_px, uint16_t y_px);
};

struct pvg_display_desc {
    size_t size;          /* sizeof(struct pvg_display_desc) of the caller's headers */
    const char *name;     /* UTF-8, cut to 13 bytes at a character; NULL: "OpenPVG". Borrowed for pvg_display_new() */
    double width_mm;      /* of the panel, 1..65535; default 400 */
    double height_mm;     /* default 300 */
    uint32_t max_cursor_px; /* largest edge of a pointer image that the VMM takes: 16..512; default 512 */
    const struct pvg_display_ops *ops; /* borrowed for pvg_display_new(); NULL: no callbacks */
    void *opaque;
};

/* Fill @desc with defaults. @size: sizeof(*desc). */
PVG_API void pvg_display_desc_init(struct pvg_display_desc *desc, size_t size);

/*
 * Attach a display to @port (0-based) of @dev. @serial: identity of the monitor for the guest; not 0, unique in this process,
 * stable over restarts so that the guest keeps its arrangement. The guest does not see the display before its first
 * mode list. Freed with pvg_display_free(), at the latest by pvg_device_free().
 *
 * Not from a callback. Returns 0; PVG_ERR_INVALID (port, size, serial 0, ops); PVG_ERR_IN_USE (port or serial); PVG_ERR_STOPPED;
 * PVG_ERR_NOMEM; PVG_ERR_SYSTEM.
 */
PVG_API int pvg_display_new(struct pvg_device *dev, const struct pvg_display_desc *desc, uint32_t port, uint32_t serial,
                            struct pvg_display **out);

/* Unplug the display and free it. NULL does nothing. No callback of it runs once it returns. Not from a callback. */
PVG_API void pvg_display_free(struct pvg_display *disp);

/*
 * Replace the mode list of @disp. The first mode is the preferred one; the first call plugs the display in.
 *
 * @modes: array of @n modes, borrowed for the call. @n: 1..PVG_MAX_MODES.
 *
 * Any thread. Never blocks on the GPU or on a callback.
 * Returns 0; PVG_ERR_INVALID for a bad mode or count (list unchanged); PVG_ERR_STOPPED after pvg_device_stop().
 */
PVG_API int pvg_display_set_modes(struct pvg_display *disp, const struct pvg_mode *modes, size_t n);

/* Pull the plug (false) or put it back (true) without freeing the display. Any thread. Returns 0 or PVG_ERR_STOPPED. */
PVG_API int pvg_display_set_connected(struct pvg_display *disp, bool connected);

/* Whether the library draws the pointer into the frames, for a VMM whose back end cannot show one. Any thread. */
PVG_API void pvg_display_draw_cursor(struct pvg_display *disp, bool draw);

/*
 * Take a reference to the newest frame. Any thread; never waits. Returns 0, or PVG_ERR_NO_FRAME with *@out NULL before the
 * first picture. Give it back with pvg_frame_put().
 */
PVG_API int pvg_display_get_frame(struct pvg_display *disp, const struct pvg_frame **out);
PVG_API void pvg_frame_put(const struct pvg_frame *frame);

/*
 * Copy the newest frame to @dst, @height_px rows of @width_px pixels, @stride_bytes apart. Parts outside the frame are left
 * alone. Any thread. Returns 0; PVG_ERR_NO_FRAME; PVG_ERR_INVALID (stride too small).
 */
PVG_API int pvg_display_read_frame(struct pvg_display *disp, void *dst, size_t stride_bytes, uint32_t width_px,
                                   uint32_t height_px);

/* Position of the guest's pointer; 0xffff, 0xffff: none. Any thread. */
PVG_API struct pvg_coord pvg_display_cursor(struct pvg_display *disp);

/* Presents by the guest since creation, and frames of them that became a picture. Any thread, lock-free. */
PVG_API uint64_t pvg_display_guest_presents(struct pvg_display *disp);
PVG_API uint64_t pvg_display_host_presents(struct pvg_display *disp);

#ifdef __cplusplus
}
#endif

#endif
