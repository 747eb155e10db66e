// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Platform front: the MMIO variant, a device with two register windows (gfx, surface mapper) and an
 * interrupt for each (transport 1.2, display 15.13). It comes from the device tree, or from the
 * parameter "mmio" on machines without one.
 */
#include <linux/acpi.h>
#include <linux/interrupt.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include <drm/drm_print.h>

#include "pvg_drv.h"

#define PVG_PLATFORM_NAME	"pvg-mmio"

static char *pvg_mmio;
module_param_named(mmio, pvg_mmio, charp, 0444);
MODULE_PARM_DESC(mmio,
		 "GFX_BASE,IOSFC_BASE,GFX_IRQ,IOSFC_IRQ: an MMIO variant that nothing describes");

static struct platform_device *pvg_param_device;
static unsigned int pvg_param_gsi[2];
static unsigned int pvg_param_gsis;

static irqreturn_t pvg_platform_irq(int irq, void *data)
{
	pvg_handle_irq(data);
	return IRQ_HANDLED;
}

static irqreturn_t pvg_platform_iosfc_irq(int irq, void *data)
{
	pvg_iosfc_handle_irq(data);
	return IRQ_HANDLED;
}

static void pvg_platform_stop(void *data)
{
	pvg_device_unregister(data);
}

static int request_irqs(struct platform_device *pdev, struct pvg_device *pvg)
{
	irq_handler_t handlers[] = { pvg_platform_irq, pvg_platform_iosfc_irq };
	unsigned int i;
	int irq, ret = 0;

	for (i = 0; i < ARRAY_SIZE(handlers) && !ret; i++) {
		irq = platform_get_irq(pdev, i);
		if (irq < 0)
			return irq;
		ret = devm_request_irq(&pdev->dev, irq, handlers[i], 0, i ? "pvg-iosfc" : "pvg",
				       pvg);
	}
	return ret;
}

static int pvg_platform_probe(struct platform_device *pdev)
{
	struct pvg_front front = {
		.name = "mmio",
		.page_shift = PVG_PAGE_SHIFT_MMIO,
		.display_channel = PVG_CHANNEL_DISPLAY_MMIO,
	};
	struct resource *gfx, *iosfc;
	struct pvg_device *pvg;
	int ret;

	front.regs = devm_platform_get_and_ioremap_resource(pdev, 0, &gfx);
	if (IS_ERR(front.regs))
		return PTR_ERR(front.regs);
	front.iosfc_regs = devm_platform_get_and_ioremap_resource(pdev, 1, &iosfc);
	if (IS_ERR(front.iosfc_regs))
		return PTR_ERR(front.iosfc_regs);
	if (resource_size(gfx) < PVG_REGS_SIZE || resource_size(iosfc) < PVG_IOSFC_REGS_SIZE) {
		dev_err(&pdev->dev, "a window is too small for its registers\n");
		return -ENODEV;
	}
	pvg = pvg_device_create(&pdev->dev, &front);
	if (IS_ERR(pvg))
		return PTR_ERR(pvg);
	platform_set_drvdata(pdev, pvg);
	ret = request_irqs(pdev, pvg);
	if (ret)
		return ret;
	ret = pvg_device_register(pvg);
	if (ret)
		return ret;
	/* Not a remove callback: its type differs between kernels, and this comes as early. */
	return devm_add_action_or_reset(&pdev->dev, pvg_platform_stop, pvg);
}

static void pvg_platform_shutdown(struct platform_device *pdev)
{
	struct pvg_device *pvg = platform_get_drvdata(pdev);

	pvg_device_shutdown(pvg);
}

static int pvg_platform_suspend(struct device *dev)
{
	return pvg_device_suspend(dev_get_drvdata(dev));
}

static int pvg_platform_resume(struct device *dev)
{
	return pvg_device_resume(dev_get_drvdata(dev));
}

static DEFINE_SIMPLE_DEV_PM_OPS(pvg_platform_pm_ops, pvg_platform_suspend, pvg_platform_resume);

static const struct of_device_id pvg_platform_of_match[] = {
	{ .compatible = "openpvg,apple-gfx-mmio" },
	{ }
};
MODULE_DEVICE_TABLE(of, pvg_platform_of_match);

static const struct platform_device_id pvg_platform_ids[] = {
	{ .name = PVG_PLATFORM_NAME },
	{ }
};
MODULE_DEVICE_TABLE(platform, pvg_platform_ids);

static struct platform_driver pvg_platform_driver = {
	.probe = pvg_platform_probe,
	.shutdown = pvg_platform_shutdown,
	.id_table = pvg_platform_ids,
	.driver = {
		.name = PVG_PLATFORM_NAME,
		.of_match_table = pvg_platform_of_match,
		.pm = pm_sleep_ptr(&pvg_platform_pm_ops),
	},
};

static void param_irqs_release(void)
{
#ifdef CONFIG_ACPI
	while (pvg_param_gsis)
		acpi_unregister_gsi(pvg_param_gsi[--pvg_param_gsis]);
#endif
}

/* The number is a line of the interrupt controller: an ACPI GSI. */
static int param_irq(unsigned int gsi)
{
#ifdef CONFIG_ACPI
	int irq;

	if (acpi_disabled)
		return -EOPNOTSUPP;
	/* Lines are pulsed. */
	irq = acpi_register_gsi(NULL, gsi, ACPI_EDGE_SENSITIVE, ACPI_ACTIVE_HIGH);
	if (irq >= 0)
		pvg_param_gsi[pvg_param_gsis++] = gsi;
	return irq;
#else
	return -EOPNOTSUPP;
#endif
}

static int param_device_register(u64 gfx_base, u64 iosfc_base, int gfx_irq, int iosfc_irq)
{
	const struct resource res[] = {
		DEFINE_RES_MEM(gfx_base, PVG_REGS_SIZE),
		DEFINE_RES_MEM(iosfc_base, PVG_IOSFC_REGS_SIZE),
		DEFINE_RES_IRQ(gfx_irq),
		DEFINE_RES_IRQ(iosfc_irq),
	};

	pvg_param_device = platform_device_register_simple(PVG_PLATFORM_NAME, PLATFORM_DEVID_NONE,
							   res, ARRAY_SIZE(res));
	return PTR_ERR_OR_ZERO(pvg_param_device);
}

static int param_device_create(void)
{
	u64 gfx_base, iosfc_base;
	unsigned int gfx_gsi, iosfc_gsi;
	int gfx_irq, iosfc_irq, ret, end = 0;

	if (!pvg_mmio || !*pvg_mmio)
		return 0;
	if (sscanf(pvg_mmio, "%lli,%lli,%i,%i%n", &gfx_base, &iosfc_base, &gfx_gsi, &iosfc_gsi,
		   &end) != 4 || pvg_mmio[end]) {
		pr_err("pvg_drm: mmio=%s: GFX_BASE,IOSFC_BASE,GFX_IRQ,IOSFC_IRQ is expected\n",
		       pvg_mmio);
		return -EINVAL;
	}
	gfx_irq = param_irq(gfx_gsi);
	iosfc_irq = gfx_irq < 0 ? gfx_irq : param_irq(iosfc_gsi);
	if (iosfc_irq < 0) {
		pr_err("pvg_drm: mmio=%s: no such interrupts (%d)\n", pvg_mmio, iosfc_irq);
		param_irqs_release();
		return iosfc_irq;
	}
	ret = param_device_register(gfx_base, iosfc_base, gfx_irq, iosfc_irq);
	if (ret)
		param_irqs_release();
	return ret;
}

/**
 * pvg_platform_register() - register the front, and the device that the parameter describes
 *
 * Returns: 0 or a negative error.
 */
int pvg_platform_register(void)
{
	int ret = platform_driver_register(&pvg_platform_driver);

	if (ret)
		return ret;
	ret = param_device_create();
	if (ret)
		platform_driver_unregister(&pvg_platform_driver);
	return ret;
}

/**
 * pvg_platform_unregister() - undo pvg_platform_register()
 */
void pvg_platform_unregister(void)
{
	if (pvg_param_device)
		platform_device_unregister(pvg_param_device);
	platform_driver_unregister(&pvg_platform_driver);
	param_irqs_release();
}
