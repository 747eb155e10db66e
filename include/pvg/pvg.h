/* SPDX-License-Identifier: MIT */
/* Everything a VMM needs: device.h (registers, memory, life cycle) and display.h (modes, pictures, pointer). */
#ifndef PVG_PVG_H
#define PVG_PVG_H

#include <pvg/device.h>
#include <pvg/display.h>

#endif
