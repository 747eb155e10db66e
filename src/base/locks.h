/* SPDX-License-Identifier: MIT */
/*
 * The order of locks, written once. A thread takes them only in this order, holds none across a callback, a wait for the
 * GPU or a copy of guest-given size, and takes none at all in pvg_device_mmio_read/write (FIFO_CONTROL := 0 excepted).
 *
 *   1. pvg_device.life_lock      creation, display list, pause, stop, reset: serialises the VMM's life-cycle calls
 *   1a. pvg_device.report_lock   whether there is a surface mapper, for reports: those may come from a callback
 *   2. core.quiesce_lock         one quiescer at a time (FIFO_CONTROL := 0, pause, reset, stop)
 *   3. pipe.lock                 state of one display pipe; pvg_iosfc.lock: the surface mapper's mappings and ring
 *   4. gmem.lock                 RAM table pointer and pins, callback-mode page cache, view budget
 *   5. leaf locks                log rate limits, recorder, frame pool; nothing is taken under them
 */
#ifndef PVG_BASE_LOCKS_H
#define PVG_BASE_LOCKS_H

#include <pthread.h>

#endif
