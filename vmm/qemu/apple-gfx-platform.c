/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apple-gfx-mmio-platform: puts an apple-gfx-mmio on a stock machine that knows
 * nothing of it (host-api 6.3), with -device.
 *
 * QEMU lets users create system bus devices only where the machine allows the
 * type, and virt exits when such a device has no device-tree binding of its
 * own. So the user creates this device without a bus; it makes the system bus
 * device below the machine object, maps its windows, connects its lines, and
 * describes it in the device tree if the machine has one.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/boards.h"
#include "hw/sysbus.h"
#include "compat.h"
#include "apple-gfx.h"

struct AppleGFXPlatformState {
    DeviceState parent_obj;

    Object *child; /* the apple-gfx-mmio; a reference of ours */
    uint64_t gfx_base, iosfc_base; /* 0: a free place */
    uint32_t gfx_irq, iosfc_irq;   /* UINT32_MAX: free lines */
};

#define TYPE_PLATFORM_BUS "platform-bus-device"

/* Windows begin at a page of the machine's. */
#define WINDOW_ALIGN 4096

/* A place: both windows in this many bytes, both lines neighbours. */
#define PLACE_STEP   0x20000
#define IOSFC_OFFSET 0x10000

/*
 * What stock machines leave free: the first device gets the first place, the
 * next one the place after it. The first row that fits counts.
 */
static const struct {
    const char *controller; /* type of the interrupt controller */
    const char *beside;     /* another type that the machine must have */
    uint64_t base;          /* of the first place */
    int64_t step;           /* to the next one */
    uint32_t irq;
    unsigned count; /* of places */
    uint32_t pins;  /* of an I/O APIC; 0: a GIC says itself */
} machines[] = {
    /*
     * virt: the end of the platform bus's window, which the machine fills from
     * the start, and the interrupts behind the platform bus's.
     */
    { "arm-gicv3-common", NULL, 0x0dfe0000, -PLACE_STEP, 176, 40, 0 },
    { "arm_gic_common", NULL, 0x0dfe0000, -PLACE_STEP, 176, 40, 0 },
    /*
     * PCs: between the I/O APIC and the HPET, outside of what is PCI's or may
     * be RAM. q35 has no IDE, whose pins 14 and 15 are edge-triggered; its PCI
     * has 16 to 23. i440fx has IDE, and its PCI has 10 and 11.
     */
    { "ioapic-common", "ICH9-LPC", 0xfec80000, PLACE_STEP, 14, 1, 24 },
    { "ioapic-common", NULL, 0xfec80000, PLACE_STEP, 16, 4, 24 },
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

/* Which device of the machine is connected to a line? */
typedef struct LineUser {
    Object *line;
    const char *type; /* NULL: none */
} LineUser;

static int look_for_line(Object *obj, void *opaque)
{
    LineUser *user = opaque;
    unsigned n;

    /* The platform bus passes its lines on. */
    if (!object_dynamic_cast(obj, TYPE_SYS_BUS_DEVICE) ||
        object_dynamic_cast(obj, TYPE_PLATFORM_BUS)) {
        return 0;
    }
    for (n = 0;; n++) {
        g_autofree char *name = g_strdup_printf("sysbus-irq[%u]", n);

        if (!object_property_find(obj, name)) {
            return 0;
        }
        if (object_property_get_link(obj, name, NULL) == user->line) {
            user->type = object_get_typename(obj);
            return 1;
        }
    }
}

static bool check_line(const char *name, uint32_t irq, DeviceState *controller,
                       uint32_t lines, Error **errp)
{
    LineUser user = { NULL };

    if (irq >= lines) {
        error_setg(errp, "%s=%u: the interrupt controller has %u lines, counted "
                   "from 0", name, irq, lines);
        return false;
    }
    user.line = OBJECT(qdev_get_gpio_in(controller, irq));
    object_child_foreach_recursive(object_get_root(), look_for_line, &user);
    if (user.type) {
        error_setg(errp, "%s=%u: '%s' of the machine has that line", name, irq,
                   user.type);
        return false;
    }
    return true;
}

static bool check_lines(const AppleGFXPlatformState *p, DeviceState *controller,
                        uint32_t lines, Error **errp)
{
    if (!check_line("gfx-irq", p->gfx_irq, controller, lines, errp) ||
        !check_line("iosfc-irq", p->iosfc_irq, controller, lines, errp)) {
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

/* What the user left open becomes place number @n of row @row. */
static bool fill_in(AppleGFXPlatformState *p, unsigned row, unsigned n,
                    Error **errp)
{
    bool open = !p->gfx_base || !p->iosfc_base || p->gfx_irq == UINT32_MAX ||
                p->iosfc_irq == UINT32_MAX;
    uint64_t base = machines[row].base + n * machines[row].step;

    if (open && n >= machines[row].count) {
        error_setg(errp, "this machine has room for %u " TYPE_APPLE_GFX_PLATFORM
                   ": more need gfx-base=, iosfc-base=, gfx-irq= and iosfc-irq=",
                   machines[row].count);
        return false;
    }
    p->gfx_base = p->gfx_base ? p->gfx_base : base;
    p->iosfc_base = p->iosfc_base ? p->iosfc_base : base + IOSFC_OFFSET;
    if (p->gfx_irq == UINT32_MAX) {
        p->gfx_irq = machines[row].irq + 2 * n;
    }
    if (p->iosfc_irq == UINT32_MAX) {
        p->iosfc_irq = machines[row].irq + 2 * n + 1;
    }
    return true;
}

static int count_placed(Object *obj, void *opaque)
{
    if (object_dynamic_cast(obj, TYPE_APPLE_GFX_PLATFORM) &&
        DEVICE(obj)->realized) {
        ++*(unsigned *)opaque;
    }
    return 0;
}

static bool choose_place(AppleGFXPlatformState *p, DeviceState **controller,
                         Error **errp)
{
    unsigned i, placed = 0;

    object_child_foreach_recursive(qdev_get_machine(), count_placed, &placed);
    for (i = 0; i < G_N_ELEMENTS(machines); i++) {
        Object *obj = object_resolve_path_type("", machines[i].controller, NULL);

        if (!obj || (machines[i].beside &&
                     !object_resolve_path_type("", machines[i].beside, NULL))) {
            continue;
        }
        *controller = DEVICE(obj);
        return fill_in(p, i, placed, errp) &&
               check_lines(p, *controller, line_count(obj, machines[i].pins),
                           errp) &&
               check_windows(p, errp);
    }
    error_setg(errp, "this machine has no interrupt controller that "
               "apple-gfx-mmio knows: use -M virt or -M q35");
    return false;
}

/*
 * In the window of the machine's platform bus a device is put into that bus's
 * region: there the machine looks when it places others (a TPM, for one).
 */
static void map_window(SysBusDevice *sbd, int n, uint64_t base)
{
    Object *bus = object_resolve_path_type("", TYPE_PLATFORM_BUS, NULL);
    MemoryRegion *mr = bus ? sysbus_mmio_get_region(SYS_BUS_DEVICE(bus), 0) : NULL;
    MemoryRegion *window = sysbus_mmio_get_region(sbd, n);

    if (mr && memory_region_is_mapped(mr) && base >= mr->addr &&
        base + memory_region_size(window) <= mr->addr + memory_region_size(mr)) {
        memory_region_add_subregion(mr, base - mr->addr, window);
    } else {
        sysbus_mmio_map(sbd, n, base);
    }
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
    map_window(sbd, 0, p->gfx_base);
    map_window(sbd, 1, p->iosfc_base);
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
        uint64_t value;
    } numbers[] = {
        { "gfx-base", "uint64",
          "Guest-physical address of the gfx window; 0: a free place",
          get_gfx_base, set_gfx_base, 0 },
        { "iosfc-base", "uint64",
          "Guest-physical address of the mapper window; 0: a free place",
          get_iosfc_base, set_iosfc_base, 0 },
        { "gfx-irq", "uint32",
          "Line of the interrupt controller (SPI, pin); 4294967295: a free one",
          get_gfx_irq, set_gfx_irq, UINT32_MAX },
        { "iosfc-irq", "uint32",
          "The mapper's line of the controller; 4294967295: a free one",
          get_iosfc_irq, set_iosfc_irq, UINT32_MAX },
    };
    DeviceClass *dc = DEVICE_CLASS(oc);
    unsigned i;

    dc->desc = "Puts an apple-gfx-mmio (OpenPVG) on a stock machine";
    dc->hotpluggable = false;
    dc->user_creatable = true;
    set_bit(DEVICE_CATEGORY_DISPLAY, dc->categories);
    dc->realize = platform_realize;
    for (i = 0; i < G_N_ELEMENTS(numbers); i++) {
        ObjectProperty *p;

        p = object_class_property_add(oc, numbers[i].name, numbers[i].type,
                                      numbers[i].get, numbers[i].set, NULL, NULL);
        object_property_set_default_uint(p, numbers[i].value);
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
