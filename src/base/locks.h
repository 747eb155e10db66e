/* SPDX-License-Identifier: MIT */
/*
 * The order of locks, written once. A thread takes them only in this order, holds none of 2 to 6 across a callback, a wait
 * for the GPU or a copy of guest-given size, and takes only leaf locks in pvg_device_mmio_read/write (FIFO_CONTROL := 0
 * excepted). Those of 1 are held while callbacks end: what takes them no callback may call (host-api T-8).
 *
 *   1. pvg_device.life_lock      pause, stop, reset, mapper: serialises the VMM's life-cycle calls
 *      display_set.attach_lock   which monitors there are, and that their clocks run
 *   2. core.quiesce_lock         one quiescer at a time (FIFO_CONTROL := 0, reset, stop)
 *   3. pipe.lock                 state of one display pipe
 *      pvg_device.report_lock    whether there is a surface mapper, for reports: those may come from a callback
 *   4. pvg_iosfc.lock            the surface mapper's mappings and ring
 *   5. gmem.lock                 RAM table pointer and pins, callback-mode page cache
 *   6. leaf locks                log rates, recorder, frame pool, serial numbers, the mapper's provider
 */
#ifndef PVG_BASE_LOCKS_H
#define PVG_BASE_LOCKS_H

#include <pthread.h>

#endif
