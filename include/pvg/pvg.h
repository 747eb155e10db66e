/* SPDX-License-Identifier: MIT */
/*
 * Everything a VMM needs: device.h (registers, memory, life cycle), display.h (modes, pictures, pointer) and iosfc.h (surface
 * mapper of the MMIO variant).
 */
#ifndef PVG_PVG_H
#define PVG_PVG_H

#include <pvg/device.h>
#include <pvg/display.h>
#include <pvg/iosfc.h>

#endif
