/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apple-gfx-mmio-platform: puts an apple-gfx-mmio on a stock machine that knows nothing of it (host-api 6.3), with -device.
 *
 * QEMU lets users create system bus devices only where the machine allows the type, and virt exits when such a device has no
 * device-tree binding of its own. So the user creates this device without a bus; it makes the system bus device below the
 * machine object, maps its windows, connects its lines, and describes it in the device tree if the machine has one.
 */
#include "compat.h"
#include "apple-gfx.h"
#include "hw/boards.h"

struct AppleGFXPlatformState {
    DeviceState parent_obj;

    Object *child; /* the apple-gfx-mmio; a reference of ours */
    uint64_t gfx_base, iosfc_base; /* 0: as the machine suggests */
    uint32_t gfx_irq, iosfc_irq;   /* UINT32_MAX: as the machine suggests */
};

/* Windows begin at a page of the machine's. */
#define WINDOW_ALIGN 4096

/* Interrupt controllers of stock machines, and what is free beside them. */
static const struct {
    const char *controller;
    uint64_t gfx_base, iosfc_base;
    uint32_t gfx_irq, iosfc_irq;
    uint32_t pins; /* of an I/O APIC; 0: a GIC says itself */
} places[] = {
    /* virt: the platform bus window and its interrupts, unused unless the machine has other dynamic devices */
    { "arm-gicv3-common", 0x0c000000, 0x0c010000, 112, 113, 0 },
    { "arm_gic_common", 0x0c000000, 0x0c010000, 112, 113, 0 },
    /* q35 and i440fx: below the interrupt controllers; RAM must end lower */
    { "ioapic-common", 0xf0000000, 0xf0010000, 20, 21, 24 },
};

/* Interrupts of a GIC that belong to single CPUs; the others are its lines. */
#define GIC_INTERNAL 32

static uint32_t line_count(Object *controller, uint32_t pins)
{
    uint64_t irqs;

    if (pins) {
        return pins;
    }
    irqs = object_property_get_uint(controller, "num-irq", NULL);
    return irqs > GIC_INTERNAL && irqs < UINT32_MAX ? irqs - GIC_INTERNAL : 0;
}

static bool check_lines(const AppleGFXPlatformState *p, uint32_t lines,
                        Error **errp)
{
    if (p->gfx_irq >= lines || p->iosfc_irq >= lines) {
        error_setg(errp, "gfx-irq=%u, iosfc-irq=%u: the interrupt controller "
                   "has %u lines, counted from 0", p->gfx_irq, p->iosfc_irq,
                   lines);
        return false;
    }
    if (p->gfx_irq == p->iosfc_irq) {
        error_setg(errp, "gfx-irq=%u, iosfc-irq=%u: each needs a line of its "
                   "own", p->gfx_irq, p->iosfc_irq);
        return false;
    }
    return true;
}

/* Would the window lie where the machine has nothing? */
static bool check_window(const char *name, uint64_t base, uint64_t length,
                         Error **errp)
{
    MemoryRegionSection there;

    if (base % WINDOW_ALIGN || base + (length - 1) < base) {
        error_setg(errp, "%s=0x%" PRIx64 ": a multiple of %d with 0x%" PRIx64
                   " bytes from there is needed", name, base, WINDOW_ALIGN,
                   length);
        return false;
    }
    there = memory_region_find(get_system_memory(), base, length);
    if (there.mr) {
        error_setg(errp, "%s=0x%" PRIx64 ": '%s' of the machine lies there",
                   name, base, memory_region_name(there.mr));
        memory_region_unref(there.mr);
        return false;
    }
    return true;
}

static bool check_windows(const AppleGFXPlatformState *p, Error **errp)
{
    if (!check_window("gfx-base", p->gfx_base, PVG_MMIO_LENGTH, errp) ||
        !check_window("iosfc-base", p->iosfc_base, PVG_IOSFC_MMIO_LENGTH, errp)) {
        return false;
    }
    if (p->gfx_base <= p->iosfc_base + (PVG_IOSFC_MMIO_LENGTH - 1) &&
        p->iosfc_base <= p->gfx_base + (PVG_MMIO_LENGTH - 1)) {
        error_setg(errp, "gfx-base=0x%" PRIx64 ", iosfc-base=0x%" PRIx64
                   ": the windows overlap", p->gfx_base, p->iosfc_base);
        return false;
    }
    return true;
}

static bool choose_place(AppleGFXPlatformState *p, DeviceState **controller,
                         Error **errp)
{
    unsigned i;

    for (i = 0; i < G_N_ELEMENTS(places); i++) {
        Object *obj = object_resolve_path_type("", places[i].controller, NULL);

        if (!obj) {
            continue;
        }
        *controller = DEVICE(obj);
        p->gfx_base = p->gfx_base ? p->gfx_base : places[i].gfx_base;
        p->iosfc_base = p->iosfc_base ? p->iosfc_base : places[i].iosfc_base;
        p->gfx_irq = p->gfx_irq != UINT32_MAX ? p->gfx_irq : places[i].gfx_irq;
        p->iosfc_irq = p->iosfc_irq != UINT32_MAX ? p->iosfc_irq :
                       places[i].iosfc_irq;
        return check_lines(p, line_count(obj, places[i].pins), errp) &&
               check_windows(p, errp);
    }
    error_setg(errp, "this machine has no interrupt controller that "
               "apple-gfx-mmio knows: use -M virt or -M q35");
    return false;
}

/* --- Device tree --- */

/*
 * Only builds of QEMU with a device-tree machine have these; and the tree itself
 * hangs on a field of MachineState, which is looked at before it is believed.
 */
#ifdef APPLE_GFX_PLUGIN
#pragma weak qemu_fdt_add_subnode
#pragma weak qemu_fdt_setprop
#pragma weak qemu_fdt_setprop_string
#endif

#define FDT_MAGIC_BE 0xd00dfeedu

static void put_cells(uint32_t *cells, uint64_t base, uint32_t size)
{
    cells[0] = cpu_to_be32(base >> 32);
    cells[1] = cpu_to_be32(base);
    cells[2] = 0;
    cells[3] = cpu_to_be32(size);
}

/* Interrupts of the GIC: shared peripheral, number, rising edge or level. */
static void put_irq(uint32_t *cells, uint32_t irq, bool level)
{
    cells[0] = 0;
    cells[1] = cpu_to_be32(irq);
    cells[2] = cpu_to_be32(level ? 4 : 1);
}

static void describe(AppleGFXPlatformState *p)
{
    void *fdt = MACHINE(qdev_get_machine())->fdt;
    bool level = object_property_get_bool(p->child, "hold-irq", NULL);
    g_autofree char *node = NULL;
    uint32_t reg[8], irq[6];

#ifdef APPLE_GFX_PLUGIN
    if (!qemu_fdt_add_subnode || !qemu_fdt_setprop || !qemu_fdt_setprop_string) {
        return;
    }
#endif
    if (!fdt || ldl_be_p(fdt) != FDT_MAGIC_BE) {
        return;
    }
    node = g_strdup_printf("/apple-gfx@%" PRIx64, p->gfx_base);
    put_cells(reg, p->gfx_base, PVG_MMIO_LENGTH);
    put_cells(reg + 4, p->iosfc_base, PVG_IOSFC_MMIO_LENGTH);
    put_irq(irq, p->gfx_irq, level);
    put_irq(irq + 3, p->iosfc_irq, level);
    qemu_fdt_add_subnode(fdt, node);
    qemu_fdt_setprop_string(fdt, node, "compatible", "openpvg,apple-gfx-mmio");
    qemu_fdt_setprop(fdt, node, "reg", reg, sizeof(reg));
    qemu_fdt_setprop(fdt, node, "interrupts", irq, sizeof(irq));
    /* Guest RAM is reached through the caches of the host's CPUs. */
    qemu_fdt_setprop(fdt, node, "dma-coherent", NULL, 0);
}

/* --- Life cycle --- */

static void platform_realize(DeviceState *dev, Error **errp)
{
    AppleGFXPlatformState *p = APPLE_GFX_PLATFORM(dev);
    SysBusDevice *sbd = SYS_BUS_DEVICE(p->child);
    DeviceState *controller = NULL;

    if (!choose_place(p, &controller, errp)) {
        return;
    }
    /* By the user's name consoles are found (QMP screendump, -vnc display=). */
    if (dev->id) {
        DEVICE(sbd)->id = g_strdup(dev->id);
    }
    object_property_add_child(qdev_get_machine(), "apple-gfx-mmio[*]", p->child);
    if (!sysbus_realize(sbd, errp)) {
        object_unparent(p->child);
        return;
    }
    sysbus_mmio_map(sbd, 0, p->gfx_base);
    sysbus_mmio_map(sbd, 1, p->iosfc_base);
    sysbus_connect_irq(sbd, 0, qdev_get_gpio_in(controller, p->gfx_irq));
    sysbus_connect_irq(sbd, 1, qdev_get_gpio_in(controller, p->iosfc_irq));
    describe(p);
}

/* Every property of the device below can be given here. */
static void add_aliases(AppleGFXPlatformState *p)
{
    ObjectPropertyIterator it;
    ObjectProperty *prop;

    object_property_iter_init(&it, p->child);
    while ((prop = object_property_iter_next(&it))) {
        if (!object_property_find(OBJECT(p), prop->name) &&
            !strchr(prop->name, '[')) {
            object_property_add_alias(OBJECT(p), prop->name, p->child,
                                      prop->name);
        }
    }
}

static void platform_init(Object *obj)
{
    AppleGFXPlatformState *p = APPLE_GFX_PLATFORM(obj);

    p->gfx_irq = p->iosfc_irq = UINT32_MAX;
    p->child = object_new(TYPE_APPLE_GFX_MMIO);
    add_aliases(p);
}

static void platform_finalize(Object *obj)
{
    object_unref(APPLE_GFX_PLATFORM(obj)->child);
}

#define NUMBER(name, member, kind)                                             \
    static void get_##member(Object *obj, Visitor *v, const char *n,           \
                             void *opaque, Error **errp)                       \
    {                                                                          \
        visit_type_##kind(v, n, &APPLE_GFX_PLATFORM(obj)->member, errp);       \
    }                                                                          \
    static void set_##member(Object *obj, Visitor *v, const char *n,           \
                             void *opaque, Error **errp)                       \
    {                                                                          \
        if (DEVICE(obj)->realized) {                                           \
            error_setg(errp, name " can only be given with -device");       \
            return;                                                            \
        }                                                                      \
        visit_type_##kind(v, n, &APPLE_GFX_PLATFORM(obj)->member, errp);       \
    }
NUMBER("gfx-base", gfx_base, uint64)
NUMBER("iosfc-base", iosfc_base, uint64)
NUMBER("gfx-irq", gfx_irq, uint32)
NUMBER("iosfc-irq", iosfc_irq, uint32)

static void platform_class_init(ObjectClass *oc, APPLE_GFX_CLASS_DATA *data)
{
    static const struct {
        const char *name, *type, *help;
        ObjectPropertyAccessor *get, *set;
    } numbers[] = {
        { "gfx-base", "uint64", "Guest-physical address of the gfx window",
          get_gfx_base, set_gfx_base },
        { "iosfc-base", "uint64", "Guest-physical address of the mapper window",
          get_iosfc_base, set_iosfc_base },
        { "gfx-irq", "uint32", "Line of the interrupt controller (SPI, pin)",
          get_gfx_irq, set_gfx_irq },
        { "iosfc-irq", "uint32", "The mapper's line of the controller",
          get_iosfc_irq, set_iosfc_irq },
    };
    DeviceClass *dc = DEVICE_CLASS(oc);
    unsigned i;

    dc->desc = "Puts an apple-gfx-mmio (OpenPVG) on a stock machine";
    dc->hotpluggable = false;
    dc->user_creatable = true;
    set_bit(DEVICE_CATEGORY_DISPLAY, dc->categories);
    dc->realize = platform_realize;
    for (i = 0; i < G_N_ELEMENTS(numbers); i++) {
        object_class_property_add(oc, numbers[i].name, numbers[i].type,
                                  numbers[i].get, numbers[i].set, NULL, NULL);
        object_class_property_set_description(oc, numbers[i].name,
                                              numbers[i].help);
    }
}

static const TypeInfo apple_gfx_platform_types[] = {
    {
        .name = TYPE_APPLE_GFX_PLATFORM,
        .parent = TYPE_DEVICE,
        .instance_size = sizeof(AppleGFXPlatformState),
        .instance_init = platform_init,
        .instance_finalize = platform_finalize,
        .class_init = platform_class_init,
    },
};

#ifdef APPLE_GFX_PLUGIN
void apple_gfx_platform_register(void)
{
    type_register_static(&apple_gfx_platform_types[0]);
}
#else
DEFINE_TYPES(apple_gfx_platform_types)
#endif
