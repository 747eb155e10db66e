// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The DRM driver and the life of a device: start, stop, restart after a fault, suspend and removal
 * (display 15.2 to 15.8, 15.12). Bus fronts call the pvg_device_* functions.
 */
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/seq_file.h>

#include <drm/drm_atomic_helper.h>
#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_managed.h>
#include <drm/drm_modeset_helper.h>
#include <drm/drm_print.h>
#include <drm/drm_probe_helper.h>

#include "pvg_compat.h"
#include "pvg_drv.h"

#define PVG_MEMORY_RING_PAGES	16
#define PVG_ONLINE_TIMEOUT	msecs_to_jiffies(1000)
#define PVG_MAX_RESTARTS	5
#define PVG_RESTART_WINDOW	(60 * HZ)

DEFINE_DRM_GEM_FOPS(pvg_fops);

static int pvg_debugfs_state(struct seq_file *m, void *data)
{
	struct drm_info_node *node = m->private;
	struct pvg_device *pvg = to_pvg_device(node->minor->dev);
	unsigned int i;

	seq_printf(m, "running: %d\nprotocol: %u\ninterrupts: %llu\nrestarts: %u\n", pvg->running,
		   pvg->version, pvg->interrupts, pvg->restarts);
	if (pvg->front.iosfc_regs)
		seq_printf(m, "mapper: %s, requests %llu, interrupts %llu\n",
			   !pvg->iosfc.wanted ? "not used" : pvg->iosfc.up ? "up" : "down",
			   pvg->iosfc.requests, pvg->iosfc.interrupts);
	for (i = 0; i < pvg->pipe_count; i++) {
		struct pvg_pipe *pipe = &pvg->pipes[i];

		seq_printf(m, "pipe %u: connected %d, gamma entries %u, cursor %ux%u features %u\n",
			   i, pipe->connected, pipe->gamma_entries, pipe->cursor_max_width,
			   pipe->cursor_max_height, pipe->cursor_features);
		seq_printf(m, "  presents %llu, async flips %llu, waits %llu, open %u\n",
			   pipe->stats.presents, pipe->stats.async_flips, pipe->stats.waits,
			   pipe->pending_count);
		seq_printf(m, "  vblanks %llu, by timer %llu, period %llu ns\n",
			   pipe->stats.vblanks, pipe->stats.soft_vblanks, pipe->vbl_period_ns);
		seq_printf(m, "  pointer shown %d at %u,%u\n", pipe->cursor.visible, pipe->cursor.x,
			   pipe->cursor.y);
	}
	return 0;
}

static const struct drm_info_list pvg_debugfs_files[] = {
	{ "pvg_state", pvg_debugfs_state, 0, NULL },
};

static void pvg_debugfs_init(struct drm_minor *minor)
{
	drm_debugfs_create_files(pvg_debugfs_files, ARRAY_SIZE(pvg_debugfs_files),
				 minor->debugfs_root, minor);
}

static const struct drm_driver pvg_driver = {
	.driver_features = DRIVER_MODESET | DRIVER_GEM | DRIVER_ATOMIC | PVG_DRIVER_CURSOR_FEATURES,
	.name = "pvg",
	.desc = "OpenPVG paravirtualized graphics",
	PVG_DRIVER_DATE
	.major = 1,
	.minor = 0,
	.fops = &pvg_fops,
	PVG_PRIME_DRIVER_OPS,
	.dumb_create = pvg_dumb_create,
	.gem_create_object = pvg_gem_create_object,
	.debugfs_init = pvg_debugfs_init,
};

/* Bring everything up that the device has to know. Caller holds state_lock. */
static int device_start(struct pvg_device *pvg)
{
	unsigned int i;
	int ret;

	ret = pvg_transport_start(pvg);
	if (ret)
		return ret;
	ret = pvg_task_define(&pvg->kernel_task);
	if (!ret)
		ret = pvg_channel_open(pvg, PVG_CHANNEL_IMMEDIATE, PVG_MEMORY_RING_PAGES,
				       &pvg->memory);
	if (!ret)
		ret = pvg_task_announce(&pvg->kernel_task);
	if (!ret)
		ret = pvg_iosfc_start(pvg);
	for (i = 0; i < pvg->pipe_count && !ret; i++)
		ret = pvg_pipe_start(&pvg->pipes[i]);
	return ret;
}

/*
 * After this the device touches no memory of ours. One that does not answer is not asked again: it
 * may be gone. Caller holds state_lock.
 */
static void device_stop(struct pvg_device *pvg, bool polite)
{
	unsigned int i;

	for (i = 0; i < pvg->pipe_count; i++)
		polite = pvg_pipe_stop(&pvg->pipes[i], polite);
	if (polite && pvg->memory && READ_ONCE(pvg->running))
		pvg_channel_delete(pvg->memory);
	pvg_transport_stop(pvg);
	pvg_iosfc_stop(pvg);
	for (i = 0; i < pvg->pipe_count; i++)
		pvg_present_abandon(&pvg->pipes[i]);
	pvg_garbage_collect(pvg);
}

static void garbage_work(struct work_struct *work)
{
	pvg_garbage_collect(container_of(work, struct pvg_device, garbage_work));
}

static void restart_work(struct work_struct *work)
{
	struct pvg_device *pvg = container_of(work, struct pvg_device, restart_work);
	int ret;

	mutex_lock(&pvg->state_lock);
	if (pvg->unplugged || !pvg->running) {
		mutex_unlock(&pvg->state_lock);
		return;
	}
	if (time_after(jiffies, pvg->restart_time + PVG_RESTART_WINDOW))
		pvg->restarts = 0;
	pvg->restart_time = jiffies;
	device_stop(pvg, false);
	ret = -EIO;
	if (pvg->restarts++ < PVG_MAX_RESTARTS)
		ret = device_start(pvg);
	if (ret) {
		device_stop(pvg, false);
		drm_err(&pvg->drm, "restart failed (%d): the display stays as it is\n", ret);
	}
	mutex_unlock(&pvg->state_lock);
	if (!ret)
		schedule_work(&pvg->repaint_work);
}

static void repaint_work(struct work_struct *work)
{
	pvg_kms_repaint(container_of(work, struct pvg_device, repaint_work));
}

/**
 * pvg_device_fault() - the device does not do what it should: restart it
 * @pvg: the device
 * @why: reason for the log
 *
 * Any context.
 */
void pvg_device_fault(struct pvg_device *pvg, const char *why)
{
	rcu_read_lock(); /* pvg_transport_stop() waits, then stop_for_good() cancels */
	if (!READ_ONCE(pvg->unplugged) && schedule_work(&pvg->restart_work))
		drm_err(&pvg->drm, "%s: restarting\n", why);
	rcu_read_unlock();
}

static void watchdog_work(struct work_struct *work)
{
	struct pvg_device *pvg = container_of(to_delayed_work(work), struct pvg_device, watchdog);
	bool open = false;
	unsigned int i;

	if (!READ_ONCE(pvg->running))
		return;
	pvg_garbage_kick(pvg);
	for (i = 0; i < pvg->pipe_count; i++) {
		struct pvg_pipe *pipe = &pvg->pipes[i];

		pvg_present_retire(pipe);
		if (pvg_present_stalled(pipe))
			pvg_device_fault(pvg, "a present does not complete");
		open = open || READ_ONCE(pipe->pending_count);
	}
	if (open || !list_empty_careful(&pvg->garbage))
		schedule_delayed_work(&pvg->watchdog, HZ);
}

/* The last reference to the DRM device is gone. */
static void device_release(struct drm_device *drm, void *data)
{
	struct pvg_device *pvg = to_pvg_device(drm);
	unsigned int i;

	pvg_kms_fini(pvg);
	pvg_garbage_collect(pvg);
	if (pvg->wq)
		destroy_workqueue(pvg->wq); /* it may be collecting, too */
	for (i = 0; i < pvg->pipe_count; i++)
		pvg_wire_free(pvg, pvg->pipes[i].page, 1);
	pvg_iosfc_fini(pvg);
	if (pvg->kernel_task.pvg)
		pvg_task_fini(&pvg->kernel_task);
	pvg_wire_free(pvg, pvg->black_page, 1);
}

/* Everything on the wire is a guest-physical address: DMA addresses must be the same thing. */
static int check_identity(struct pvg_device *pvg)
{
	struct device *parent = pvg->drm.dev;
	dma_addr_t dma;
	void *page;
	int ret;

	ret = dma_set_mask_and_coherent(parent, DMA_BIT_MASK(31 + pvg->front.page_shift));
	if (ret)
		return ret;
	/* Memory goes to the device page by page: exporters may join as many as they like. */
	dma_set_max_seg_size(parent, UINT_MAX);
	page = pvg_wire_alloc(pvg, 1);
	if (!page)
		return -ENOMEM;
	dma = dma_map_single(parent, page, PAGE_SIZE, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(parent, dma)) {
		ret = -EIO;
	} else {
		if (dma != virt_to_phys(page))
			ret = -EOPNOTSUPP;
		dma_unmap_single(parent, dma, PAGE_SIZE, DMA_BIDIRECTIONAL);
	}
	pvg_wire_free(pvg, page, 1);
	if (ret)
		drm_err(&pvg->drm, "memory behind an IOMMU or bounce buffers is of no use (%d)\n",
			ret);
	return ret;
}

static int pipes_alloc(struct pvg_device *pvg)
{
	unsigned int i;

	pvg->pipe_count = clamp_t(u32, pvg_read(pvg, PVG_REG_DISPLAY_PORTS), 1, PVG_MAX_PIPES);
	for (i = 0; i < pvg->pipe_count; i++) {
		struct pvg_pipe *pipe = &pvg->pipes[i];

		pipe->pvg = pvg;
		pipe->index = i;
		mutex_init(&pipe->info_lock);
		mutex_init(&pipe->present_lock);
		init_waitqueue_head(&pipe->present_wait);
		INIT_WORK(&pipe->event_work, pvg_pipe_event_work);
		pipe->gamma_entries = PVG_GAMMA_ENTRIES;
		pipe->cursor_max_width = PVG_MAX_CURSOR_EXTENT;
		pipe->cursor_max_height = PVG_MAX_CURSOR_EXTENT;
		pipe->cursor.current_image = -1;
		pvg_vblank_init(pipe);
		pvg_crc_init(pipe);
		pipe->page = pvg_wire_alloc(pvg, 1);
		if (!pipe->page)
			return -ENOMEM;
	}
	return 0;
}

/**
 * pvg_device_create() - allocate a device; nothing is sent yet
 * @parent: bus device
 * @front: the front's description, copied
 *
 * The front requests its interrupt after this and before pvg_device_register().
 *
 * Returns: the device, freed with @parent, or an error pointer.
 */
struct pvg_device *pvg_device_create(struct device *parent, const struct pvg_front *front)
{
	struct pvg_device *pvg;
	int ret;

	pvg = devm_drm_dev_alloc(parent, &pvg_driver, struct pvg_device, drm);
	if (IS_ERR(pvg))
		return pvg;
	pvg->front = *front;
	mutex_init(&pvg->state_lock);
	spin_lock_init(&pvg->garbage_lock);
	INIT_LIST_HEAD(&pvg->garbage);
	INIT_WORK(&pvg->garbage_work, garbage_work);
	INIT_WORK(&pvg->restart_work, restart_work);
	INIT_WORK(&pvg->repaint_work, repaint_work);
	INIT_DELAYED_WORK(&pvg->watchdog, watchdog_work);
	init_waitqueue_head(&pvg->online_wait);
	pvg_transport_init(pvg);
	pvg_iosfc_init(pvg);

	ret = drmm_add_action_or_reset(&pvg->drm, device_release, NULL);
	if (ret)
		return ERR_PTR(ret);
	pvg->wq = alloc_ordered_workqueue("pvg", 0);
	if (!pvg->wq)
		return ERR_PTR(-ENOMEM);
	ret = check_identity(pvg);
	if (ret)
		return ERR_PTR(ret);
	pvg->black_page = pvg_wire_alloc(pvg, 1);
	if (!pvg->black_page)
		return ERR_PTR(-ENOMEM);
	ret = pvg_task_init(pvg, &pvg->kernel_task, PVG_KERNEL_TASK_ID);
	if (!ret)
		ret = pvg_iosfc_prepare(pvg);
	if (!ret)
		ret = drmm_mode_config_init(&pvg->drm);
	return ret ? ERR_PTR(ret) : pvg;
}

static bool any_online(struct pvg_device *pvg)
{
	unsigned int i;

	for (i = 0; i < pvg->pipe_count; i++)
		if (READ_ONCE(pvg->pipes[i].connected))
			return true;
	return false;
}

static void cancel_works(struct pvg_device *pvg)
{
	unsigned int i;

	cancel_work_sync(&pvg->restart_work);
	cancel_work_sync(&pvg->repaint_work);
	cancel_delayed_work_sync(&pvg->watchdog);
	flush_workqueue(pvg->wq);
	for (i = 0; i < pvg->pipe_count; i++) {
		hrtimer_cancel(&pvg->pipes[i].vbl_timer);
		flush_work(&pvg->pipes[i].crc.work);
	}
}

static void stop_for_good(struct pvg_device *pvg)
{
	unsigned int i;

	mutex_lock(&pvg->state_lock);
	WRITE_ONCE(pvg->unplugged, true);
	device_stop(pvg, true);
	mutex_unlock(&pvg->state_lock);
	/* Who has seen the device running may be at the cursor's doorbell still. */
	for (i = 0; i < pvg->pipe_count; i++) {
		mutex_lock(&pvg->pipes[i].present_lock);
		mutex_unlock(&pvg->pipes[i].present_lock);
	}
	cancel_works(pvg);
}

/**
 * pvg_device_register() - start the device and offer it to user space
 * @pvg: the device; interrupts are delivered
 *
 * Returns: 0 or a negative error; the device is stopped then.
 */
int pvg_device_register(struct pvg_device *pvg)
{
	int ret;

	ret = pipes_alloc(pvg);
	if (ret)
		return ret;
	mutex_lock(&pvg->state_lock);
	ret = device_start(pvg);
	if (ret)
		device_stop(pvg, false); /* no event finds a device that is half up */
	mutex_unlock(&pvg->state_lock);
	if (!ret)
		ret = pvg_kms_init(pvg);
	if (ret)
		goto stop;
	/* A quiet boot: no console on a display that comes a moment later. */
	wait_event_timeout(pvg->online_wait, any_online(pvg), PVG_ONLINE_TIMEOUT);
	drm_kms_helper_poll_init(&pvg->drm);
	ret = drm_dev_register(&pvg->drm, 0);
	if (ret)
		goto fini_poll;
	drm_info(&pvg->drm, "%s: protocol %u, %u display%s\n", pvg->front.name, pvg->version,
		 pvg->pipe_count, pvg->pipe_count == 1 ? "" : "s");
	pvg_compat_fbdev_setup(&pvg->drm);
	return 0;

fini_poll:
	drm_kms_helper_poll_fini(&pvg->drm);
stop:
	stop_for_good(pvg);
	return ret;
}

/**
 * pvg_device_unregister() - withdraw the device from user space and stop it
 * @pvg: the device
 */
void pvg_device_unregister(struct pvg_device *pvg)
{
	drm_dev_unplug(&pvg->drm);
	drm_kms_helper_poll_fini(&pvg->drm);
	drm_atomic_helper_shutdown(&pvg->drm);
	stop_for_good(pvg);
}

/**
 * pvg_device_shutdown() - stop the device for the next kernel
 * @pvg: the device
 */
void pvg_device_shutdown(struct pvg_device *pvg)
{
	drm_atomic_helper_shutdown(&pvg->drm);
	stop_for_good(pvg);
}

/**
 * pvg_device_suspend() - stop the device, keep what user space has
 * @pvg: the device
 *
 * Returns: 0 or a negative error.
 */
int pvg_device_suspend(struct pvg_device *pvg)
{
	int ret = drm_mode_config_helper_suspend(&pvg->drm);

	if (ret)
		return ret;
	mutex_lock(&pvg->state_lock);
	device_stop(pvg, true);
	mutex_unlock(&pvg->state_lock);
	return 0;
}

/**
 * pvg_device_resume() - start again after pvg_device_suspend()
 * @pvg: the device
 *
 * Returns: 0 or a negative error.
 */
int pvg_device_resume(struct pvg_device *pvg)
{
	unsigned int i;
	int ret, err;

	mutex_lock(&pvg->state_lock);
	ret = device_start(pvg);
	if (ret) {
		device_stop(pvg, false);
		drm_err(&pvg->drm, "no start after sleep (%d): the display stays as it is\n", ret);
	}
	mutex_unlock(&pvg->state_lock);
	for (i = 0; i < pvg->pipe_count && !ret; i++)
		pvg_cursor_resend(&pvg->pipes[i]);
	/* In any case: user space goes on, on a display that shows nothing if need be. */
	err = drm_mode_config_helper_resume(&pvg->drm);
	return ret ? ret : err;
}

static int __init pvg_module_init(void)
{
	int ret = pci_register_driver(&pvg_pci_driver);

	if (ret)
		return ret;
	ret = pvg_platform_register();
	if (ret)
		pci_unregister_driver(&pvg_pci_driver);
	return ret;
}

static void __exit pvg_module_exit(void)
{
	pvg_platform_unregister();
	pci_unregister_driver(&pvg_pci_driver);
}

module_init(pvg_module_init);
module_exit(pvg_module_exit);

MODULE_DESCRIPTION("DRM driver for Apple's paravirtualized graphics device");
MODULE_AUTHOR("OpenPVG");
MODULE_LICENSE("GPL");
