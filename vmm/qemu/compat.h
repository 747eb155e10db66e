/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every difference between the QEMU generations that this device is built for:
 * 7.2 (Debian 12) and 10.0 (Debian 13).
 *
 * Headers that have another path in one of them are included here, the others
 * where they are used. Paths are chosen by what exists, meanings by
 * QEMU_VERSION_MAJOR (docs/spec/host-api.md 4.1 to 4.9). Nothing outside this
 * file asks for a version.
 */
#ifndef APPLE_GFX_COMPAT_H
#define APPLE_GFX_COMPAT_H

#include "qapi/error.h"
#include "hw/resettable.h"
#include "migration/blocker.h"
#include "ui/console.h"
#if __has_include("hw/pci/pci_device.h")
#include "hw/pci/pci_device.h"
#else
#include "hw/pci/pci.h"
#endif
#if __has_include("system/runstate.h")
#include "system/runstate.h"
#include "system/system.h"
#include "system/device_tree.h"
#else
#include "sysemu/device_tree.h"
#include "sysemu/runstate.h"
#include "sysemu/sysemu.h"
#endif

#if QEMU_VERSION_MAJOR >= 10

/*
 * The cursor's reference count has other names since 8.1, and its sizes another
 * type.
 */
#define apple_gfx_cursor_unref cursor_unref

/* Since 8.1 every back end takes the pointer from the console. */
static inline bool apple_gfx_backend_shows_cursor(QemuConsole *con)
{
    return true;
}

/* Since 8.2 the caller's pointer is cleared when the blocker was refused. */
static inline int apple_gfx_migration_block(Error **reason, Error **errp)
{
    return migrate_add_blocker(reason, errp);
}

static inline void apple_gfx_migration_unblock(Error **reason)
{
    migrate_del_blocker(reason);
}

/* Exact size of an object of @type; 0: this QEMU does not tell (since 8.2). */
static inline size_t apple_gfx_instance_size(const char *type)
{
    return 0;
}

/* Since 9.1 the hold phase is told which reset it is. */
#define APPLE_GFX_HOLD_ARGS(obj) Object *obj, ResetType type

/* See below. */
#ifdef APPLE_GFX_PLUGIN
#pragma weak cursor_unref
#endif

#else /* 7.2 */

#define apple_gfx_cursor_unref cursor_put

static inline bool apple_gfx_backend_shows_cursor(QemuConsole *con)
{
    return dpy_cursor_define_supported(con);
}

static inline int apple_gfx_migration_block(Error **reason, Error **errp)
{
    int ret = migrate_add_blocker(*reason, errp);

    if (ret < 0) {
        error_free(*reason);
        *reason = NULL;
    }
    return ret;
}

static inline void apple_gfx_migration_unblock(Error **reason)
{
    if (*reason) {
        migrate_del_blocker(*reason);
        error_free(*reason);
        *reason = NULL;
    }
}

static inline size_t apple_gfx_instance_size(const char *type)
{
    return object_type_get_instance_size(type);
}

#define APPLE_GFX_HOLD_ARGS(obj) Object *obj

/*
 * Symbols that the other generation lacks. Weak, so that its loader gets as far
 * as reading the plugin's version and refuses it in plain words (G-6).
 */
#pragma weak cursor_put
#pragma weak dpy_cursor_define_supported
#pragma weak object_type_get_instance_size

#endif

/* Since 10.1 (without a release of Debian yet) the second argument is const. */
#if QEMU_VERSION_MAJOR > 10 || (QEMU_VERSION_MAJOR == 10 && QEMU_VERSION_MINOR >= 1)
#define APPLE_GFX_CLASS_DATA const void
#else
#define APPLE_GFX_CLASS_DATA void
#endif

#endif
