/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry of the plugin: registers the device types in a stock QEMU that was
 * started with -plugin apple-gfx.so.
 *
 * The object was compiled against one QEMU's headers and works on its
 * structures; so before anything is registered this file makes sure that the
 * running QEMU is that one (guards G-1 to G-6, host-api 5.5; another micro
 * version is accepted when all sizes fit: docs/decisions.md 4). Runs in the
 * main thread, before the machine exists, under the big lock.
 */
#include "qemu/osdep.h"
#include <malloc.h>
#include "qapi/error.h"
#include "qapi/qapi-commands-control.h"
#include "qemu/error-report.h"
#include "qemu/qemu-plugin.h"
#include "exec/memory.h"
#include "hw/sysbus.h"
#include "compat.h"
#include "apple-gfx.h"

/* The loader refuses a plugin of another generation by this number (G-6). */
QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/*
 * An expert may load into another QEMU at his own risk; sizes are checked all
 * the same.
 */
#define ENV_ANY_QEMU "APPLE_GFX_ANY_QEMU"

static bool check_version(bool *other_micro)
{
    g_autoptr(VersionInfo) have = qmp_query_version(NULL);
    bool same = have && have->qemu->major == QEMU_VERSION_MAJOR &&
                have->qemu->minor == QEMU_VERSION_MINOR;

    *other_micro = have && have->qemu->micro != QEMU_VERSION_MICRO;
    if (same) {
        return true;
    }
    if (have && getenv(ENV_ANY_QEMU)) {
        *other_micro = true;
        return true;
    }
    error_report("apple-gfx: built for QEMU %s, but this is QEMU %" PRId64
                 ".%" PRId64 ".%" PRId64 " (%s): build it again with ./pvg build",
                 QEMU_VERSION, have ? have->qemu->major : 0,
                 have ? have->qemu->minor : 0, have ? have->qemu->micro : 0,
                 have ? have->package : "unknown");
    return false;
}

static bool size_differs(const char *what, size_t have, size_t expected)
{
    error_report("apple-gfx: %s has another size in this QEMU (%zu bytes) than "
                 "in the headers that the device was built with (%zu): build it "
                 "again with ./pvg build", what, have, expected);
    return false;
}

/*
 * Compares what malloc gave for a structure with what the headers say (G-3).
 * glibc rounds n + 8 up to 16, and at times leaves 16 bytes more in a chunk;
 * AddressSanitizer's tells what was asked for; another tells nothing (G-4).
 */
static bool check_usable(const char *what, size_t usable, size_t expected)
{
    size_t rounded = ((expected + 8 + 15) & ~(size_t)15) - 8;

    if (usable == rounded || usable == rounded + 16 || usable == expected) {
        return true;
    }
    if (usable + 64 < expected || usable > expected + 64) {
        warn_report("apple-gfx: cannot check the size of %s: this process has "
                    "an allocator of its own", what);
        return true;
    }
    return size_differs(what, usable, expected);
}

static bool check_class(const char *type, size_t expected)
{
    g_autofree char *what = g_strdup_printf("class %s", type);

    return check_usable(what, malloc_usable_size(object_class_by_name(type)),
                        expected);
}

/* @type must be a class whose objects can be made. */
static bool check_instance(const char *what, const char *type, size_t expected)
{
    size_t exact = apple_gfx_instance_size(type), usable = SIZE_MAX;
    Object *obj[4];
    unsigned i;

    if (exact) {
        return exact == expected || size_differs(what, exact, expected);
    }
    /* The smallest of several has no spare bytes. */
    for (i = 0; i < G_N_ELEMENTS(obj); i++) {
        obj[i] = object_new(type);
        usable = MIN(usable, malloc_usable_size(obj[i]));
    }
    for (i = 0; i < G_N_ELEMENTS(obj); i++) {
        object_unref(obj[i]);
    }
    return check_usable(what, usable, expected);
}

static void probe_class_init(ObjectClass *oc, APPLE_GFX_CLASS_DATA *data)
{
    DEVICE_CLASS(oc)->user_creatable = false;
}

/* Types of which objects can be made, as large as their parents. */
static const TypeInfo probes[] = {
    {
        .name = "apple-gfx-probe-pci",
        .parent = TYPE_PCI_DEVICE,
        .class_init = probe_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_CONVENTIONAL_PCI_DEVICE },
            { }
        },
    },
    {
        .name = "apple-gfx-probe-sysbus",
        .parent = TYPE_SYS_BUS_DEVICE,
        .class_init = probe_class_init,
    },
};

static bool check_sizes(void)
{
    unsigned i;

    for (i = 0; i < G_N_ELEMENTS(probes); i++) {
        type_register_static(&probes[i]);
    }
    return check_class(TYPE_DEVICE, sizeof(DeviceClass)) &&
           check_class(TYPE_PCI_DEVICE, sizeof(PCIDeviceClass)) &&
           check_class(TYPE_BUS, sizeof(BusClass)) &&
           check_instance("a memory region", TYPE_MEMORY_REGION,
                          sizeof(MemoryRegion)) &&
           check_instance("a PCI device", probes[0].name, sizeof(PCIDevice)) &&
           check_instance("a system bus device", probes[1].name,
                          sizeof(SysBusDevice));
}

/*
 * Arguments after the file name: trace=..., trace-file=..., as the properties.
 */
static bool take_argument(const char *arg)
{
    Error *err = NULL;
    bool ok = true;

    if (g_str_has_prefix(arg, "trace=")) {
        ok = apple_gfx_trace_set(arg + strlen("trace="), &err);
    } else if (g_str_has_prefix(arg, "trace-file=")) {
        ok = apple_gfx_trace_file(arg + strlen("trace-file="), &err);
    } else {
        error_setg(&err, "unknown argument '%s': there are trace= and "
                   "trace-file=", arg);
        ok = false;
    }
    if (!ok) {
        error_prepend(&err, "apple-gfx: ");
        error_report_err(err);
    }
    return ok;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
                                           const qemu_info_t *info, int argc,
                                           char **argv)
{
    bool other_micro;
    int i;

    if (!check_version(&other_micro)) {
        return -1;
    }
    if (object_class_by_name(TYPE_APPLE_GFX_PCI)) {
        error_report("apple-gfx: this QEMU already has a device "
                     TYPE_APPLE_GFX_PCI ": use it without -plugin");
        return -1;
    }
    if (!check_sizes()) {
        return -1;
    }
    if (other_micro) {
        info_report("apple-gfx: built for QEMU %s; this one differs in its last "
                    "number, all structures fit", QEMU_VERSION);
    }
    for (i = 0; i < argc; i++) {
        if (!take_argument(argv[i])) {
            return -1;
        }
    }
    apple_gfx_pci_register();
    apple_gfx_mmio_register();
    apple_gfx_platform_register();
    return 0;
}
