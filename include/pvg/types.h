/* SPDX-License-Identifier: MIT */
/*
 * Types, constants and error codes that every part of the public interface of libpvg uses.
 *
 * libpvg is the contract of Apple's ParavirtualizedGraphics framework in C: a VMM forwards register accesses, shares
 * guest memory and shows pictures; the library holds all protocol knowledge. (docs/spec/host-api.md, parts 1 and 2)
 */
#ifndef PVG_TYPES_H
#define PVG_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PVG_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* Error codes. Every function that can fail returns 0 or one of these; out parameters then hold a safe value. */
enum pvg_error {
    PVG_OK = 0,
    PVG_ERR_INVALID = -1,     /* an argument of the caller is wrong; no side effect */
    PVG_ERR_NOMEM = -2,       /* out of host memory */
    PVG_ERR_UNSUPPORTED = -3, /* this build or this host cannot do it */
    PVG_ERR_STOPPED = -4,     /* the device was stopped, or the work was cut off by a reset */
    PVG_ERR_NO_FRAME = -5,    /* the display has not shown anything since creation or reset */
    PVG_ERR_NOT_RAM = -6,     /* a guest address does not name guest RAM (or is read-only and should be written) */
    PVG_ERR_IN_USE = -7,      /* port, serial number or address range is taken */
    PVG_ERR_SYSTEM = -8,      /* the host's operating system refused; the log says what */
    PVG_ERR_NO_GPU = -9,      /* the GPU that was asked for by name is not there */
    PVG_ERR_REFUSED = -10     /* guest data was refused; counters and log name the reason */
};

/* English sentence for @err (an enum pvg_error), without a full stop. Never NULL. Any thread. Static storage. */
PVG_API const char *pvg_error_text(int err);

/* Version of the library as "MAJOR.MINOR.PATCH". Static storage. */
PVG_API const char *pvg_version(void);

/* Identity of the PCI variant (transport 1.1). */
#define PVG_PCI_VENDOR_ID       0x106b
#define PVG_PCI_DEVICE_ID       0xeeee
#define PVG_PCI_BAR_MMIO        0
#define PVG_PCI_MAX_MSI_VECTORS 1

/* Length of the register window in bytes (transport 1.1, 1.2). */
#define PVG_MMIO_LENGTH 0x4000

/* Pixel formats as the number whose most significant byte is the first letter (display 7.7). */
#define PVG_FOURCC_BGRA 0x42475241u

/* A point, in pixels from the top left corner. */
struct pvg_coord {
    uint16_t x;
    uint16_t y;
};

/* A range of guest-physical memory, in bytes. */
struct pvg_range {
    uint64_t gpa;
    uint64_t length_bytes;
};

#ifdef __cplusplus
}
#endif

#endif
