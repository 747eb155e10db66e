/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trace points in a QEMU source tree: tracetool makes them from the same
 * trace-events file.
 */
#include "trace/trace-hw_display_openpvg.h"
