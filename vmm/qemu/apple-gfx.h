/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of the apple-gfx devices and what their parts offer each other. The
 * device holds no protocol knowledge: it forwards register accesses to libpvg,
 * describes guest memory to it, and shows its pictures (docs/spec/host-api.md
 * parts 2 to 4).
 *
 * Threads: QEMU calls with its big lock held. libpvg calls from threads of its
 * own; those functions record under a leaf mutex or in an atomic and schedule a
 * bottom half, never take the big lock, never wait.
 */
#ifndef APPLE_GFX_H
#define APPLE_GFX_H

#include <pthread.h>
#include <pvg/pvg.h>
#include "qemu/notify.h"
#include "qom/object.h"
#include "exec/memory.h"

#define TYPE_APPLE_GFX_PCI "apple-gfx-pci"
#define TYPE_APPLE_GFX_MMIO "apple-gfx-mmio"
#define TYPE_APPLE_GFX_PLATFORM "apple-gfx-mmio-platform"

/*
 * Most heads of one device; the library may allow fewer
 * (pvg_max_display_ports()).
 */
#define APPLE_GFX_MAX_DISPLAYS 8

typedef struct AppleGFXState AppleGFXState;

/*
 * QEMU's structures that it links into its lists: allocated alone, never
 * embedded among our fields (G-9).
 */
typedef struct AppleGFXRamListener {
    AppleGFXState *s;
    MemoryListener parent;
} AppleGFXRamListener;

typedef struct AppleGFXExit {
    AppleGFXState *s;
    Notifier parent;
} AppleGFXExit;

/* A mode list as the user gave it. */
typedef struct AppleGFXModes {
    size_t n; /* 0: not given */
    struct pvg_mode mode[PVG_MAX_MODES];
} AppleGFXModes;

typedef struct AppleGFXDisplay {
    AppleGFXState *s;
    uint32_t port;

    /* Configuration; the main loop's */
    AppleGFXModes modes;
    char *name;      /* NULL: as the first display */
    uint32_t serial; /* 0: automatic */
    bool connected;
    uint32_t ui_width_px, ui_height_px; /* the user's window; 0: none */

    QemuConsole *con;
    struct pvg_display *disp;

    /* What the console shows; the main loop's */
    bool has_surface;        /* one of ours, not QEMU's placeholder */
    uint64_t shown_sequence; /* of the picture in it; 0: black */
    uint64_t last_sequence;  /* newest that any update saw */
    uint64_t frames_dropped;
    bool library_draws_cursor;

    /* Pointer: written by the library's thread, read by the bottom half */
    pthread_mutex_t cursor_lock; /* protects the following five */
    struct pvg_cursor cursor;    /* .pixels is ours */
    bool cursor_changed;
    bool cursor_visible;
    uint16_t cursor_x, cursor_y;
    QEMUBH *cursor_bh;
} AppleGFXDisplay;

struct AppleGFXState {
    DeviceState *owner;
    const struct AppleGFXFront *front;
    MemoryRegion mmio;
    struct pvg_device *dev;

    /* Configuration */
    uint32_t display_count;
    uint32_t width_mm, height_mm;
    uint32_t class_code;
    uint32_t guest_page_shift;
    char *gpu;
    char *tasks;
    char *cursor;
    char *record;
    bool resize;
    bool strict;
    bool hold_presents;

    AppleGFXDisplay display[APPLE_GFX_MAX_DISPLAYS];

    struct pvg_host_ops ops;
    char *id; /* for messages; from realize on */
    AppleGFXRamListener *ram_listener; /* NULL: the library has no RAM table */
    AppleGFXExit *exit;
    VMChangeStateEntry *vm_state;
    Error *migration_blocker;
    bool paused;
    bool stopped;
    bool recording; /* to the file named by record */

    QEMUBH *irq_bh;
    /* atomic: the library asked, and no message went out since */
    int irq_pending;
};

/* What differs between the ways the device sits in a machine. */
typedef struct AppleGFXFront {
    enum pvg_variant variant;
    /*
     * Deliver the interrupt; main loop. False: the guest cannot take it now;
     * apple_gfx_irq_retry() follows when it can.
     */
    bool (*deliver_irq)(AppleGFXState *s);
    /* The guest has read the register window; NULL: of no interest. */
    void (*acknowledge)(AppleGFXState *s);
} AppleGFXFront;

OBJECT_DECLARE_SIMPLE_TYPE(AppleGFXMMIOState, APPLE_GFX_MMIO)
OBJECT_DECLARE_SIMPLE_TYPE(AppleGFXPlatformState, APPLE_GFX_PLATFORM)

/* The common part of @obj, an instance of any front. */
AppleGFXState *apple_gfx_from_object(Object *obj);
/* A front says how to find the common part in its objects. */
void apple_gfx_add_type(const char *type,
                        AppleGFXState *(*common)(Object *obj));

/* apple-gfx-common.c */
void apple_gfx_common_init(AppleGFXState *s, DeviceState *owner,
                           const AppleGFXFront *front);
bool apple_gfx_common_realize(AppleGFXState *s, Error **errp);
void apple_gfx_common_unrealize(AppleGFXState *s);
void apple_gfx_common_finalize(AppleGFXState *s);
void apple_gfx_common_reset(AppleGFXState *s);
void apple_gfx_irq_retry(AppleGFXState *s);
bool apple_gfx_record(AppleGFXState *s, const char *path, Error **errp);

/* apple-gfx-display.c */
void apple_gfx_display_init(AppleGFXDisplay *d, AppleGFXState *s,
                            uint32_t port);
bool apple_gfx_display_realize(AppleGFXDisplay *d, Error **errp);
void apple_gfx_display_unrealize(AppleGFXDisplay *d);
void apple_gfx_display_finalize(AppleGFXDisplay *d);
void apple_gfx_display_reset(AppleGFXDisplay *d);
bool apple_gfx_display_set_modes(AppleGFXDisplay *d, Error **errp);
void apple_gfx_display_set_connected(AppleGFXDisplay *d);

/* properties.c */
void apple_gfx_class_properties(ObjectClass *oc, enum pvg_variant variant);
char *apple_gfx_modes_text(const struct pvg_mode *mode, size_t n);
void apple_gfx_default_modes(AppleGFXModes *modes);

/* tasks.c */
void apple_gfx_tasks_ops(struct pvg_host_ops *ops, bool callbacks);
bool apple_gfx_tasks_check_ram(Error **errp);
/*
 * Host address of one piece of RAM, with a reference to it until it is given
 * back. Library threads.
 */
bool apple_gfx_tasks_map_ram(uint64_t gpa, uint64_t length, bool readonly,
                             void **host);
bool apple_gfx_tasks_unmap_ram(void *host);
/*
 * File, offset and sharing of a piece of RAM; false: it is not RAM that may be
 * handed out.
 */
bool apple_gfx_ram_backing(MemoryRegion *mr, uint64_t offset, int *fd,
                           uint64_t *fd_offset, bool *shared);

/* The plugin registers the types itself, QEMU's own build by constructor. */
#ifdef APPLE_GFX_PLUGIN
void apple_gfx_pci_register(void);
void apple_gfx_mmio_register(void);
void apple_gfx_platform_register(void);
#endif

/* trace.c; the plugin only: QEMU's own tracing serves the in-tree build. */
#ifdef APPLE_GFX_PLUGIN
bool apple_gfx_trace_set(const char *patterns, Error **errp);
const char *apple_gfx_trace_get(void);
bool apple_gfx_trace_file(const char *path, Error **errp);
const char *apple_gfx_trace_file_get(void);
#endif

#endif
