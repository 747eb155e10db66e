// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI front: finds the device, maps its registers, takes over from the firmware framebuffer and
 * delivers its one MSI vector (transport 1.1, display 15.2). Without MSI the device is polled: it
 * has no other interrupt.
 */
#include <linux/aperture.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "pvg_compat.h"
#include "pvg_drv.h"

#define PVG_POLL_NS	(2 * NSEC_PER_MSEC)

/**
 * struct pvg_pci - the front's own state
 * @pvg: the device
 * @poll: timer in place of the interrupt
 * @irq: the interrupt, 0 when polling
 */
struct pvg_pci {
	struct pvg_device *pvg;
	struct hrtimer poll;
	int irq;
};

static irqreturn_t pvg_pci_irq(int irq, void *data)
{
	pvg_handle_irq(data);
	return IRQ_HANDLED; /* MSI is never shared */
}

static enum hrtimer_restart pvg_pci_poll(struct hrtimer *timer)
{
	struct pvg_pci *pci = container_of(timer, struct pvg_pci, poll);

	pvg_handle_irq(pci->pvg);
	hrtimer_forward_now(timer, ns_to_ktime(PVG_POLL_NS));
	return HRTIMER_RESTART;
}

static int interrupt_start(struct pci_dev *pdev, struct pvg_pci *pci)
{
	int ret;

	pvg_compat_hrtimer_init(&pci->poll, pvg_pci_poll);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0) {
		drm_warn(&pci->pvg->drm, "no MSI (%d): polling\n", ret);
		hrtimer_start(&pci->poll, ns_to_ktime(PVG_POLL_NS), HRTIMER_MODE_REL);
		return 0;
	}
	pci->irq = pci_irq_vector(pdev, 0);
	ret = request_irq(pci->irq, pvg_pci_irq, 0, "pvg", pci->pvg);
	if (ret) {
		pci_free_irq_vectors(pdev);
		pci->irq = 0;
	}
	return ret;
}

static void interrupt_stop(struct pci_dev *pdev, struct pvg_pci *pci)
{
	if (pci->irq) {
		free_irq(pci->irq, pci->pvg);
		pci_free_irq_vectors(pdev);
		pci->irq = 0;
	} else {
		hrtimer_cancel(&pci->poll);
	}
}

static int pvg_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct pvg_front front = {
		.name = "pci",
		.page_shift = PVG_PAGE_SHIFT_PCI,
		.display_channel = PVG_CHANNEL_DISPLAY_PCI,
	};
	struct pvg_pci *pci;
	int ret;

	ret = aperture_remove_conflicting_pci_devices(pdev, "pvg");
	if (ret)
		return ret;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	if (pci_resource_len(pdev, PVG_PCI_BAR_REGS) < PVG_REGS_SIZE) {
		dev_err(&pdev->dev, "BAR%d is too small for the registers\n", PVG_PCI_BAR_REGS);
		return -ENODEV;
	}
	ret = pcim_iomap_regions(pdev, BIT(PVG_PCI_BAR_REGS), "pvg");
	if (ret)
		return ret;
	front.regs = pcim_iomap_table(pdev)[PVG_PCI_BAR_REGS];
	pci_set_master(pdev);

	pci = devm_kzalloc(&pdev->dev, sizeof(*pci), GFP_KERNEL);
	if (!pci)
		return -ENOMEM;
	pci->pvg = pvg_device_create(&pdev->dev, &front);
	if (IS_ERR(pci->pvg))
		return PTR_ERR(pci->pvg);
	pci_set_drvdata(pdev, pci);

	ret = interrupt_start(pdev, pci);
	if (ret)
		return ret;
	ret = pvg_device_register(pci->pvg);
	if (ret)
		interrupt_stop(pdev, pci);
	return ret;
}

static void pvg_pci_remove(struct pci_dev *pdev)
{
	struct pvg_pci *pci = pci_get_drvdata(pdev);

	pvg_device_unregister(pci->pvg);
	interrupt_stop(pdev, pci);
	pci_clear_master(pdev);
}

static void pvg_pci_shutdown(struct pci_dev *pdev)
{
	struct pvg_pci *pci = pci_get_drvdata(pdev);

	pvg_device_shutdown(pci->pvg);
	pci_clear_master(pdev);
}

static int pvg_pci_suspend(struct device *dev)
{
	struct pvg_pci *pci = dev_get_drvdata(dev);

	return pvg_device_suspend(pci->pvg);
}

static int pvg_pci_resume(struct device *dev)
{
	struct pvg_pci *pci = dev_get_drvdata(dev);

	return pvg_device_resume(pci->pvg);
}

static DEFINE_SIMPLE_DEV_PM_OPS(pvg_pci_pm_ops, pvg_pci_suspend, pvg_pci_resume);

static const struct pci_device_id pvg_pci_ids[] = {
	{ PCI_DEVICE(PVG_PCI_VENDOR_ID, PVG_PCI_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, pvg_pci_ids);

struct pci_driver pvg_pci_driver = {
	.name = "pvg",
	.id_table = pvg_pci_ids,
	.probe = pvg_pci_probe,
	.remove = pvg_pci_remove,
	.shutdown = pvg_pci_shutdown,
	.driver.pm = pm_sleep_ptr(&pvg_pci_pm_ops),
};
