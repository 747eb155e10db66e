/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apple-gfx-mmio: the paravirtualized GPU of arm64 guests, the seed's own
 * variant: a system bus device with two register windows, gfx (region 0, line
 * 0) and the surface mapper (region 1, line 1) (transport 1.2, host-api 1.14
 * and 4.6).
 *
 * A machine wires it (the in-tree patch does for vmapple); on stock machines
 * apple-gfx-platform.c does. Everything that is not about the second window and
 * the lines is in apple-gfx-common.c.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitops.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "exec/memory.h"
#include "hw/irq.h"
#include "hw/resettable.h"
#include "hw/sysbus.h"
#include "compat.h"
#include "apple-gfx.h"
#include "trace.h"

/* A held line is lowered after this long at the latest (host-api 1.14). */
#define HOLD_NS (200 * SCALE_MS)

/* An interrupt line that is pulsed, or held until the guest reads the window. */
typedef struct AppleGFXLine {
    qemu_irq irq;
    bool raised;
    QEMUTimer *timer;
} AppleGFXLine;

struct AppleGFXMMIOState {
    SysBusDevice parent_obj;

    AppleGFXState common;
    MemoryRegion iosfc_mmio;
    struct pvg_iosfc_ops iosfc_ops;
    struct pvg_iosfc *iosfc;
    QEMUBH *iosfc_bh;
    bool hold_irq; /* for controllers that sample levels */
    AppleGFXLine gfx_line, iosfc_line;
};

static AppleGFXState *apple_gfx_mmio_common(Object *obj)
{
    return &APPLE_GFX_MMIO(obj)->common;
}

/* --- Lines --- */

static void line_lower(void *opaque)
{
    AppleGFXLine *line = opaque;

    if (line->raised) {
        line->raised = false;
        timer_del(line->timer);
        qemu_set_irq(line->irq, 0);
    }
}

static void line_fire(AppleGFXLine *line, bool hold)
{
    qemu_set_irq(line->irq, 1);
    if (!hold) {
        qemu_set_irq(line->irq, 0);
        return;
    }
    line->raised = true;
    timer_mod(line->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + HOLD_NS);
}

static void line_init(AppleGFXLine *line)
{
    line->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, line_lower, line);
}

static void line_fini(AppleGFXLine *line)
{
    if (line->timer) {
        line_lower(line);
        timer_free(line->timer);
        line->timer = NULL;
    }
}

static bool apple_gfx_mmio_deliver_irq(AppleGFXState *s)
{
    AppleGFXMMIOState *m = APPLE_GFX_MMIO(s->owner);

    trace_apple_gfx_irq_delivered(0);
    line_fire(&m->gfx_line, m->hold_irq);
    return true;
}

/* The guest looks at the gfx window: that acknowledges a held line. */
static void apple_gfx_mmio_acknowledge(AppleGFXState *s)
{
    line_lower(&APPLE_GFX_MMIO(s->owner)->gfx_line);
}

static const AppleGFXFront apple_gfx_mmio_front = {
    .variant = PVG_VARIANT_MMIO,
    .deliver_irq = apple_gfx_mmio_deliver_irq,
    .acknowledge = apple_gfx_mmio_acknowledge,
};

/* --- The mapper's window --- */

static uint64_t iosfc_read(void *opaque, hwaddr offset, unsigned size)
{
    AppleGFXMMIOState *m = opaque;
    uint64_t res = pvg_iosfc_mmio_read(m->iosfc, offset, size);

    line_lower(&m->iosfc_line);
    trace_apple_iosfc_read(offset, res, size);
    return res;
}

static void iosfc_write(void *opaque, hwaddr offset, uint64_t val, unsigned size)
{
    AppleGFXMMIOState *m = opaque;

    trace_apple_iosfc_write(offset, val, size);
    pvg_iosfc_mmio_write(m->iosfc, offset, val, size);
}

/* Values are 64 bits wide and pass whole (seed row E10). */
static const MemoryRegionOps iosfc_mmio_ops = {
    .read = iosfc_read,
    .write = iosfc_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

/* Library thread. */
static void iosfc_raise_interrupt(void *opaque, uint32_t vector)
{
    AppleGFXMMIOState *m = opaque;

    trace_apple_iosfc_raise_irq(vector);
    qemu_bh_schedule(m->iosfc_bh);
}

static void iosfc_irq_bh(void *opaque)
{
    AppleGFXMMIOState *m = opaque;

    line_fire(&m->iosfc_line, m->hold_irq);
}

/* Library thread, tasks=callbacks. */
static bool iosfc_map_memory(void *opaque, uint64_t gpa, uint64_t length_bytes,
                             bool readonly, void **host)
{
    bool ok = apple_gfx_tasks_map_ram(gpa, length_bytes, readonly, host);

    trace_apple_iosfc_map_memory(gpa, length_bytes, readonly, *host);
    return ok;
}

static bool iosfc_unmap_memory(void *opaque, void *host, uint64_t length_bytes)
{
    trace_apple_iosfc_unmap_memory(host, length_bytes);
    return apple_gfx_tasks_unmap_ram(host);
}

/* --- Life cycle --- */

static bool iosfc_realize(AppleGFXMMIOState *m, Error **errp)
{
    struct pvg_iosfc_desc desc;
    int err;

    m->iosfc_bh = qemu_bh_new_guarded(iosfc_irq_bh, m,
                                      &DEVICE(m)->mem_reentrancy_guard);
    m->iosfc_ops = (struct pvg_iosfc_ops) {
        .size = sizeof(m->iosfc_ops),
        .raise_interrupt = iosfc_raise_interrupt,
        .map_memory = iosfc_map_memory,
        .unmap_memory = iosfc_unmap_memory,
    };
    pvg_iosfc_desc_init(&desc, sizeof(desc));
    desc.ops = &m->iosfc_ops;
    desc.opaque = m;
    err = pvg_iosfc_new(m->common.dev, &desc, &m->iosfc);
    if (err) {
        error_setg(errp, "cannot create the surface mapper: %s",
                   pvg_error_text(err));
        return false;
    }
    return true;
}

static void apple_gfx_mmio_undo(AppleGFXMMIOState *m)
{
    /* Mapper, then displays and device (seed row D8). */
    pvg_iosfc_free(m->iosfc);
    m->iosfc = NULL;
    apple_gfx_common_unrealize(&m->common);
    if (m->iosfc_bh) {
        qemu_bh_delete(m->iosfc_bh);
        m->iosfc_bh = NULL;
    }
    line_fini(&m->gfx_line);
    line_fini(&m->iosfc_line);
}

static void apple_gfx_mmio_realize(DeviceState *dev, Error **errp)
{
    AppleGFXMMIOState *m = APPLE_GFX_MMIO(dev);

    line_init(&m->gfx_line);
    line_init(&m->iosfc_line);
    if (!apple_gfx_common_realize(&m->common, errp) ||
        !iosfc_realize(m, errp)) {
        apple_gfx_mmio_undo(m);
    }
}

static void apple_gfx_mmio_unrealize(DeviceState *dev)
{
    apple_gfx_mmio_undo(APPLE_GFX_MMIO(dev));
}

static void apple_gfx_mmio_hold(APPLE_GFX_HOLD_ARGS(obj))
{
    AppleGFXMMIOState *m = APPLE_GFX_MMIO(obj);

    if (m->iosfc) {
        pvg_iosfc_reset(m->iosfc);
        qemu_bh_cancel(m->iosfc_bh); /* an interrupt of before the reset */
    }
    apple_gfx_common_reset(&m->common);
    line_lower(&m->gfx_line);
    line_lower(&m->iosfc_line);
}

static void apple_gfx_mmio_init(Object *obj)
{
    AppleGFXMMIOState *m = APPLE_GFX_MMIO(obj);
    SysBusDevice *sbd = SYS_BUS_DEVICE(obj);
    struct pvg_iosfc_desc desc;

    apple_gfx_common_init(&m->common, DEVICE(obj), &apple_gfx_mmio_front);
    pvg_iosfc_desc_init(&desc, sizeof(desc));
    memory_region_init_io(&m->iosfc_mmio, obj, &iosfc_mmio_ops, m,
                          "apple-iosfc-mmio", desc.mmio_length_bytes);
    sysbus_init_mmio(sbd, &m->common.mmio);
    sysbus_init_mmio(sbd, &m->iosfc_mmio);
    sysbus_init_irq(sbd, &m->gfx_line.irq);
    sysbus_init_irq(sbd, &m->iosfc_line.irq);
}

static void apple_gfx_mmio_finalize(Object *obj)
{
    apple_gfx_common_finalize(&APPLE_GFX_MMIO(obj)->common);
}

static bool get_hold_irq(Object *obj, Error **errp)
{
    return APPLE_GFX_MMIO(obj)->hold_irq;
}

static void set_hold_irq(Object *obj, bool value, Error **errp)
{
    if (DEVICE(obj)->realized) {
        error_setg(errp, "hold-irq can only be given with -device");
        return;
    }
    APPLE_GFX_MMIO(obj)->hold_irq = value;
}

static void apple_gfx_mmio_class_init(ObjectClass *oc, APPLE_GFX_CLASS_DATA *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    ResettableClass *rc = RESETTABLE_CLASS(oc);

    dc->desc = "Apple paravirtualized graphics (OpenPVG), memory-mapped";
    dc->hotpluggable = false;
    set_bit(DEVICE_CATEGORY_DISPLAY, dc->categories);
    dc->realize = apple_gfx_mmio_realize;
    dc->unrealize = apple_gfx_mmio_unrealize;
    rc->phases.hold = apple_gfx_mmio_hold;
    apple_gfx_class_properties(oc, PVG_VARIANT_MMIO);
    object_property_set_default_bool(
        object_class_property_add_bool(oc, "hold-irq", get_hold_irq, set_hold_irq),
        false);
    object_class_property_set_description(oc, "hold-irq",
        "Hold the interrupt lines until the guest reads the window, for "
        "controllers that sample levels; off: pulse them");
}

static const TypeInfo apple_gfx_mmio_types[] = {
    {
        .name = TYPE_APPLE_GFX_MMIO,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(AppleGFXMMIOState),
        .instance_init = apple_gfx_mmio_init,
        .instance_finalize = apple_gfx_mmio_finalize,
        .class_init = apple_gfx_mmio_class_init,
    },
};

#ifdef APPLE_GFX_PLUGIN
void apple_gfx_mmio_register(void)
{
    apple_gfx_add_type(TYPE_APPLE_GFX_MMIO, apple_gfx_mmio_common);
    type_register_static(&apple_gfx_mmio_types[0]);
}
#else
DEFINE_TYPES(apple_gfx_mmio_types)

static void __attribute__((constructor)) apple_gfx_mmio_add(void)
{
    apple_gfx_add_type(TYPE_APPLE_GFX_MMIO, apple_gfx_mmio_common);
}
#endif
