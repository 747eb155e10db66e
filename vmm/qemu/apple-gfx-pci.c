/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apple-gfx-pci: the paravirtualized GPU as a PCI function with one memory BAR
 * and one MSI vector (transport 1.1, host-api 4.2 and 4.6). Everything else is
 * in apple-gfx-common.c.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitops.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci.h"
#include "hw/pci/pcie.h"
#include "hw/resettable.h"
#include "compat.h"
#include "apple-gfx.h"
#include "trace.h"

/* Where the Express capability lies, on buses that have one. */
#define PCIE_CAP_OFFSET 0x80

OBJECT_DECLARE_SIMPLE_TYPE(AppleGFXPCIState, APPLE_GFX_PCI)

struct AppleGFXPCIState {
    PCIDevice parent_obj;

    AppleGFXState common;
};

static AppleGFXState *apple_gfx_pci_common(Object *obj)
{
    return &APPLE_GFX_PCI(obj)->common;
}

/* Without Bus Master Enable a message would vanish. */
static bool apple_gfx_pci_can_interrupt(PCIDevice *pci)
{
    return msi_enabled(pci) &&
           (pci_default_read_config(pci, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
}

static bool apple_gfx_pci_deliver_irq(AppleGFXState *s)
{
    PCIDevice *pci = PCI_DEVICE(s->owner);

    if (!apple_gfx_pci_can_interrupt(pci)) {
        return false;
    }
    trace_apple_gfx_irq_delivered(1);
    msi_notify(pci, 0);
    return true;
}

static const AppleGFXFront apple_gfx_pci_front = {
    .variant = PVG_VARIANT_PCI,
    .deliver_irq = apple_gfx_pci_deliver_irq,
};

static void apple_gfx_pci_config_write(PCIDevice *pci, uint32_t address,
                                       uint32_t val, int len)
{
    AppleGFXPCIState *s = APPLE_GFX_PCI(pci);

    pci_default_write_config(pci, address, val, len);
    if (apple_gfx_pci_can_interrupt(pci)) {
        apple_gfx_irq_retry(&s->common);
    }
}

/*
 * Rule G-7: the fields that this file touches lie where the headers say. What
 * differs was built for another QEMU, and going on would corrupt memory.
 */
static bool apple_gfx_pci_check_layout(PCIDevice *pci, Error **errp)
{
    DeviceState *dev = DEVICE(pci);
    uint32_t ids = pci_default_read_config(pci, PCI_VENDOR_ID, 4);
    g_autofree char *type = object_property_get_str(OBJECT(dev), "type", NULL);

    if (!pci->config || pci_get_long(pci->config) != ids ||
        ids != (PVG_PCI_VENDOR_ID | PVG_PCI_DEVICE_ID << 16) ||
        g_strcmp0(type, TYPE_APPLE_GFX_PCI) != 0 ||
        dev->realized != object_property_get_bool(OBJECT(dev), "realized", NULL)) {
        error_setg(errp, "this build of the device does not fit this QEMU's "
                   "structures: build it again (./pvg build)");
        return false;
    }
    return true;
}

static void apple_gfx_pci_realize(PCIDevice *pci, Error **errp)
{
    AppleGFXPCIState *s = APPLE_GFX_PCI(pci);

    if (!apple_gfx_pci_check_layout(pci, errp)) {
        return;
    }
    pci_config_set_class(pci->config, s->common.class_code);
    pci_register_bar(pci, PVG_PCI_BAR_MMIO, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->common.mmio);
    if (msi_init(pci, 0, PVG_PCI_MAX_MSI_VECTORS, true, false, errp) < 0) {
        return;
    }
    if (pci_bus_is_express(pci_get_bus(pci))) {
        pcie_endpoint_cap_init(pci, PCIE_CAP_OFFSET);
    }
    if (!apple_gfx_common_realize(&s->common, errp)) {
        apple_gfx_common_unrealize(&s->common);
        msi_uninit(pci);
    }
}

static void apple_gfx_pci_exit(PCIDevice *pci)
{
    AppleGFXPCIState *s = APPLE_GFX_PCI(pci);

    apple_gfx_common_unrealize(&s->common);
    msi_uninit(pci);
}

static void apple_gfx_pci_hold(APPLE_GFX_HOLD_ARGS(obj))
{
    apple_gfx_common_reset(&APPLE_GFX_PCI(obj)->common);
}

static void apple_gfx_pci_init(Object *obj)
{
    AppleGFXPCIState *s = APPLE_GFX_PCI(obj);
    PCIDeviceClass *pc = PCI_DEVICE_GET_CLASS(obj);

    /*
     * As late as the first device, not at class init: the library must not be
     * asked before QEMU has forked for -daemonize (T-10, row J6).
     */
    if (!pc->romfile) {
        pc->romfile = pvg_option_rom_path();
    }
    /* Sizes the configuration space; the capability follows at realize. */
    PCI_DEVICE(obj)->cap_present |= QEMU_PCI_CAP_EXPRESS;
    apple_gfx_common_init(&s->common, DEVICE(obj), &apple_gfx_pci_front);
}

static void apple_gfx_pci_finalize(Object *obj)
{
    apple_gfx_common_finalize(&APPLE_GFX_PCI(obj)->common);
}

static void apple_gfx_pci_class_init(ObjectClass *oc, APPLE_GFX_CLASS_DATA *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(oc);
    ResettableClass *rc = RESETTABLE_CLASS(oc);

    dc->desc = "Apple paravirtualized graphics (OpenPVG), PCI";
    dc->hotpluggable = false;
    set_bit(DEVICE_CATEGORY_DISPLAY, dc->categories);
    rc->phases.hold = apple_gfx_pci_hold;
    pc->realize = apple_gfx_pci_realize;
    pc->exit = apple_gfx_pci_exit;
    pc->config_write = apple_gfx_pci_config_write;
    pc->vendor_id = PVG_PCI_VENDOR_ID;
    pc->device_id = PVG_PCI_DEVICE_ID;
    pc->class_id = PCI_CLASS_DISPLAY_OTHER;
    apple_gfx_class_properties(oc, PVG_VARIANT_PCI);
}

static const TypeInfo apple_gfx_pci_types[] = {
    {
        .name = TYPE_APPLE_GFX_PCI,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(AppleGFXPCIState),
        .instance_init = apple_gfx_pci_init,
        .instance_finalize = apple_gfx_pci_finalize,
        .class_init = apple_gfx_pci_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { INTERFACE_CONVENTIONAL_PCI_DEVICE },
            { }
        },
    },
};

#ifdef APPLE_GFX_PLUGIN
void apple_gfx_pci_register(void)
{
    apple_gfx_add_type(TYPE_APPLE_GFX_PCI, apple_gfx_pci_common);
    type_register_static(&apple_gfx_pci_types[0]);
}
#else
DEFINE_TYPES(apple_gfx_pci_types)

static void __attribute__((constructor)) apple_gfx_pci_add(void)
{
    apple_gfx_add_type(TYPE_APPLE_GFX_PCI, apple_gfx_pci_common);
}
#endif
