/* SPDX-License-Identifier: MIT */
/*
 * The surface mapper: second register window of PVG_VARIANT_MMIO, through which an arm64 guest announces the memory of
 * its surfaces (docs/spec/memory.md 9, host-api.md 1.14, 2.3). One per device; the PCI variant needs none.
 *
 * Threads: register accesses are safe from any thread and never wait. Requests are served on a thread of the mapper's
 * own. Callbacks come from library threads, several at once, and may not call pvg_iosfc_new(), _reset() or _free(). Only
 * unmap_memory comes also from the thread that calls pvg_iosfc_reset(), pvg_iosfc_free() or pvg_device_stop().
 */
#ifndef PVG_IOSFC_H
#define PVG_IOSFC_H

#include <pvg/device.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pvg_iosfc;

/* Length of the mapper's register window in bytes. */
#define PVG_IOSFC_MMIO_LENGTH 0x10000

/* What the VMM offers. Borrowed until pvg_iosfc_free() returns. First argument: pvg_iosfc_desc.opaque. */
struct pvg_iosfc_ops {
    size_t size; /* sizeof(struct pvg_iosfc_ops) of the caller's headers */

    /*
     * Requests are complete: pulse the mapper's line if it is edge-triggered; hold it until the guest next reads the
     * window if it is not. @vector: always 0. Must not block. Required.
     */
    void (*raise_interrupt)(void *opaque, uint32_t vector);

    /*
     * PVG_TASKS_CALLBACKS only, both required there: host pointer to a contiguous range of guest RAM (pages of a
     * surface, or an entry of the request ring, of any alignment), valid until it is unmapped; ranges may overlap.
     * False, and *@host NULL, when the range is not all RAM, or not contiguous in the host: the library then asks page
     * by page.
     */
    bool (*map_memory)(void *opaque, uint64_t gpa, uint64_t length_bytes, bool readonly, void **host);
    /* Release what map_memory returned. */
    bool (*unmap_memory)(void *opaque, void *host, uint64_t length_bytes);
};

struct pvg_iosfc_desc {
    size_t size;                     /* sizeof(struct pvg_iosfc_desc) of the caller's headers */
    uint64_t mmio_length_bytes;      /* filled by pvg_iosfc_desc_init() */
    const struct pvg_iosfc_ops *ops; /* required */
    void *opaque;
};

/* Fill @desc with defaults. @size: sizeof(*desc). Calling it twice is harmless. */
PVG_API void pvg_iosfc_desc_init(struct pvg_iosfc_desc *desc, size_t size);

/*
 * Create the mapper of @dev, which must be of PVG_VARIANT_MMIO. Free it before the device.
 *
 * Returns 0; PVG_ERR_INVALID (variant, missing callbacks); PVG_ERR_IN_USE (the device has one); PVG_ERR_STOPPED;
 * PVG_ERR_NOMEM; PVG_ERR_SYSTEM. On failure *@out is NULL.
 */
PVG_API int pvg_iosfc_new(struct pvg_device *dev, const struct pvg_iosfc_desc *desc, struct pvg_iosfc **out);

/* Drop all mappings, without writing to any, and release the mapper. NULL does nothing. No callback runs afterwards. */
PVG_API void pvg_iosfc_free(struct pvg_iosfc *iosfc);

/* Forward a guest's read: @offset in bytes from the window's start, @size 4 or 8 bytes; others read 0. Never waits. */
PVG_API uint64_t pvg_iosfc_mmio_read(struct pvg_iosfc *iosfc, uint64_t offset, unsigned size);
/* Forward a guest's write; 8-byte values are taken whole. Never waits. */
PVG_API void pvg_iosfc_mmio_write(struct pvg_iosfc *iosfc, uint64_t offset, uint64_t value, unsigned size);

/*
 * Back to the state after creation: registers 0, no mapping. Guest memory is not touched for old requests once it
 * returns. Waits for a request or a present in progress and for the memory callbacks in it; never for raise_interrupt.
 */
PVG_API void pvg_iosfc_reset(struct pvg_iosfc *iosfc);

/* Number of live mappings. Any thread. */
PVG_API uint64_t pvg_iosfc_mappings(struct pvg_iosfc *iosfc);

#ifdef __cplusplus
}
#endif

#endif
