// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The surface mapper of the MMIO variant (memory 9, 13 step 10): a second device with a window and
 * an interrupt of its own, which learns the memory of surfaces through a ring of requests and a
 * table of descriptors. Presents name its mappings by command 0x08.
 *
 * A surface's memory lies in the kernel task in any case; a mapping's page list is a copy of the
 * leaves of its range. So a surface that the mapper cannot take, or a mapper that does not answer,
 * leaves the other way open: type-4 objects, which the parameter "surfaces" can also ask for.
 *
 * One request is under way at a time, waited for by whoever made it. Requests are rare: one per
 * framebuffer when it is first shown, one when it goes.
 */
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include <drm/drm_print.h>

#include "pvg_drv.h"

#define PVG_IOSFC_TIMEOUT	msecs_to_jiffies(2000)
#define PVG_IOSFC_SLICE		msecs_to_jiffies(100)	/* a lost interrupt costs this much */

static char *pvg_surfaces = "mapper";
module_param_named(surfaces, pvg_surfaces, charp, 0444);
MODULE_PARM_DESC(surfaces,
		 "How presents name surfaces on the MMIO variant: \"mapper\" (default), \"objects\"");

static void iosfc_write(struct pvg_device *pvg, u32 reg, u64 value)
{
	writeq(value, pvg->front.iosfc_regs + reg);
}

static u32 iosfc_consumer(struct pvg_device *pvg)
{
	return readl(pvg->front.iosfc_regs + PVG_IOSFC_CONSUMER);
}

static u32 ring_entries(struct pvg_device *pvg)
{
	return pvg_page_size(pvg) / PVG_IOSFC_ENTRY_SIZE;
}

static u32 records_per_page(struct pvg_device *pvg)
{
	return pvg_page_size(pvg) / PVG_IOSFC_RECORD_SIZE;
}

static u32 page_entry(u32 pfn)
{
	return pfn << PVG_IOSFC_PAGE_SHIFT | PVG_IOSFC_PAGE_VALID;
}

static int wait_consumer(struct pvg_device *pvg, u32 index)
{
	struct pvg_iosfc *iosfc = &pvg->iosfc;
	unsigned long deadline = jiffies + PVG_IOSFC_TIMEOUT;

	while (!wait_event_timeout(iosfc->wait, iosfc_consumer(pvg) == index, PVG_IOSFC_SLICE))
		if (time_after(jiffies, deadline))
			return -ETIMEDOUT;
	return 0;
}

/* Bring the registers to a known state; whoever was here before left them anyhow. */
static int registers_reset(struct pvg_device *pvg)
{
	iosfc_write(pvg, PVG_IOSFC_CAPACITY, 0); /* consumer follows producer now */
	iosfc_write(pvg, PVG_IOSFC_PRODUCER, 0);
	pvg->iosfc.producer = 0;
	return wait_consumer(pvg, 0);
}

static void registers_clear(struct pvg_device *pvg)
{
	iosfc_write(pvg, PVG_IOSFC_ENABLE, 0);
	iosfc_write(pvg, PVG_IOSFC_CAPACITY, 0);
	iosfc_write(pvg, PVG_IOSFC_RING_BASE, 0);
	iosfc_write(pvg, PVG_IOSFC_TABLE, 0);
	iosfc_consumer(pvg); /* flushes the writes */
}

/* One request and its answer. Caller holds the lock, the mapper is up. */
static int iosfc_request(struct pvg_device *pvg, u32 operation, u32 id)
{
	struct pvg_iosfc *iosfc = &pvg->iosfc;
	__le32 *entry = iosfc->ring + iosfc->producer * (PVG_IOSFC_ENTRY_SIZE / 4);
	u32 result;
	int ret;

	entry[PVG_IOSFC_ENTRY_OPERATION / 4] = cpu_to_le32(operation);
	entry[PVG_IOSFC_ENTRY_MAPPING / 4] = cpu_to_le32(id);
	entry[PVG_IOSFC_ENTRY_RESULT / 4] = 0;
	entry[PVG_IOSFC_ENTRY_RESULT / 4 + 1] = 0;
	iosfc->producer = (iosfc->producer + 1) % ring_entries(pvg);
	iosfc->requests++;
	wmb(); /* record and entry before the doorbell */
	iosfc_write(pvg, PVG_IOSFC_PRODUCER, iosfc->producer);

	ret = wait_consumer(pvg, iosfc->producer);
	if (ret) {
		drm_err(&pvg->drm,
			"the surface mapper does not answer: type-4 objects from here on\n");
		registers_clear(pvg);
		iosfc->up = false;
		WRITE_ONCE(iosfc->wanted, false);
		iosfc->ring = NULL; /* a late answer may still be written: never freed */
		return ret;
	}
	result = le32_to_cpu(READ_ONCE(entry[PVG_IOSFC_ENTRY_RESULT / 4]));
	if (result) {
		drm_err_ratelimited(&pvg->drm, "surface mapper: request %u, mapping %u: error %u\n",
				    operation, id, result);
		return -EIO;
	}
	return 0;
}

/* The record of a mapping, with a page for it in the table. Caller holds the lock. */
static __le32 *record_get(struct pvg_device *pvg, u32 id)
{
	struct pvg_iosfc *iosfc = &pvg->iosfc;
	u32 index = id / records_per_page(pvg);
	u32 offset = id % records_per_page(pvg) * PVG_IOSFC_RECORD_SIZE;
	void *page = xa_load(&iosfc->record_pages, index);

	if (!page) {
		page = pvg_wire_alloc(pvg, 1);
		if (!page)
			return NULL;
		if (xa_err(xa_store(&iosfc->record_pages, index, page, GFP_KERNEL))) {
			pvg_wire_free(pvg, page, 1);
			return NULL;
		}
		wmb(); /* a zeroed page before the entry that makes it reachable */
		WRITE_ONCE(iosfc->table[index], cpu_to_le32(page_entry(pvg_wire_pfn(pvg, page))));
	}
	return page + offset;
}

static void record_fill(const struct pvg_surface *surface, const struct pvg_range *range,
			__le32 *record)
{
	struct pvg_device *pvg = surface->pvg;
	u32 list_pfn = pvg_wire_pfn(pvg, surface->mapping->list);

	record[PVG_IOSFC_RECORD_FORMAT / 4] = cpu_to_le32(PVG_FORMAT_BGRA);
	record[PVG_IOSFC_RECORD_BASE / 4] = cpu_to_le32(surface->offset);
	record[PVG_IOSFC_RECORD_LENGTH / 4] = cpu_to_le32(pvg_range_length(pvg, range));
	record[PVG_IOSFC_RECORD_WIDTH / 4] =
		cpu_to_le32(1 | surface->width << PVG_IOSFC_EXTENT_SHIFT);
	record[PVG_IOSFC_RECORD_HEIGHT / 4] =
		cpu_to_le32(1 | surface->height << PVG_IOSFC_EXTENT_SHIFT);
	record[PVG_IOSFC_RECORD_PITCH / 4] = cpu_to_le32(surface->pitch);
	record[PVG_IOSFC_RECORD_ELEMENT / 4] = cpu_to_le32(4);
	record[PVG_IOSFC_RECORD_PLANES / 4] = 0;
	wmb(); /* the list makes the record valid: last */
	WRITE_ONCE(record[PVG_IOSFC_RECORD_LIST / 4], cpu_to_le32(page_entry(list_pfn)));
}

/* The page list of a range. */
static int list_fill(struct pvg_device *pvg, const struct pvg_range *range, __le32 *list)
{
	struct pvg_task *task = &pvg->kernel_task;
	int ret = 0;
	u64 i;

	mutex_lock(&task->lock);
	for (i = 0; i < range->node.size && !ret; i++) {
		u32 pfn = pvg_task_pfn(task, range, i);

		if (!pfn || pfn > PVG_IOSFC_PAGE_MAX)
			ret = -EFAULT;
		list[i] = cpu_to_le32(page_entry(pfn) | PVG_IOSFC_PAGE_WRITABLE);
	}
	mutex_unlock(&task->lock);
	return ret;
}

/**
 * pvg_iosfc_takes() - can the mapper take a surface?
 * @pvg: the device
 * @range: its memory
 *
 * Returns: false without a mapper, and where one page does not hold the page list.
 */
bool pvg_iosfc_takes(struct pvg_device *pvg, const struct pvg_range *range)
{
	return READ_ONCE(pvg->iosfc.wanted) && range->node.size <= pvg_page_size(pvg) / 4;
}

static void mapping_free(struct pvg_device *pvg, struct pvg_mapping *mapping)
{
	pvg_wire_free(pvg, mapping->list, 1);
	kfree(mapping);
}

/**
 * pvg_iosfc_map() - make a mapping of a surface
 * @surface: the surface; gets the mapping
 * @range: its memory, mapped in the kernel task and staying so
 *
 * Waits for the mapper. While the device is stopped the mapper hears of it when it starts.
 *
 * Returns: 0; -ETIMEDOUT when the mapper does not answer: it takes nothing from then on; other
 * negative errors.
 */
int pvg_iosfc_map(struct pvg_surface *surface, const struct pvg_range *range)
{
	struct pvg_device *pvg = surface->pvg;
	struct pvg_iosfc *iosfc = &pvg->iosfc;
	struct pvg_mapping *mapping = kzalloc(sizeof(*mapping), GFP_KERNEL);
	__le32 *record;
	int ret;

	if (!mapping)
		return -ENOMEM;
	mapping->list = pvg_wire_alloc(pvg, 1);
	ret = mapping->list ? list_fill(pvg, range, mapping->list) : -ENOMEM;
	if (ret)
		goto free;
	mutex_lock(&iosfc->lock);
	ret = xa_alloc(&iosfc->mappings, &mapping->id, mapping,
		       XA_LIMIT(1, PVG_IOSFC_MAX_MAPPING), GFP_KERNEL);
	if (ret)
		goto unlock;
	record = record_get(pvg, mapping->id);
	if (!record) {
		ret = -ENOMEM;
		goto erase;
	}
	surface->mapping = mapping;
	record_fill(surface, range, record);
	if (iosfc->up)
		ret = iosfc_request(pvg, PVG_IOSFC_OP_MAP, mapping->id);
	else if (!iosfc->wanted)
		ret = -ETIMEDOUT;
	if (!ret) {
		mutex_unlock(&iosfc->lock);
		return 0;
	}
	surface->mapping = NULL;
	memset(record, 0, PVG_IOSFC_RECORD_SIZE);
erase:
	xa_erase(&iosfc->mappings, mapping->id);
unlock:
	mutex_unlock(&iosfc->lock);
free:
	mapping_free(pvg, mapping);
	return ret;
}

/**
 * pvg_iosfc_unmap() - let go of a mapping and free it
 * @pvg: the device
 * @mapping: the mapping; presents that name it have completed
 *
 * Waits for the mapper; one that does not answer may read the memory no more, as no present will
 * ask for it.
 */
void pvg_iosfc_unmap(struct pvg_device *pvg, struct pvg_mapping *mapping)
{
	struct pvg_iosfc *iosfc = &pvg->iosfc;
	__le32 *record;

	mutex_lock(&iosfc->lock);
	if (iosfc->up)
		iosfc_request(pvg, PVG_IOSFC_OP_UNMAP, mapping->id);
	record = record_get(pvg, mapping->id); /* there since the mapping is */
	memset(record, 0, PVG_IOSFC_RECORD_SIZE);
	xa_erase(&iosfc->mappings, mapping->id);
	mutex_unlock(&iosfc->lock);
	mapping_free(pvg, mapping);
}

/**
 * pvg_iosfc_start() - set the mapper up and tell it about all mappings
 * @pvg: the device
 *
 * A mapper that does not come up is no error: surfaces go the other way then.
 *
 * Returns: 0 or a negative error, when there are mappings that the mapper did not take.
 */
int pvg_iosfc_start(struct pvg_device *pvg)
{
	struct pvg_iosfc *iosfc = &pvg->iosfc;
	struct pvg_mapping *mapping;
	unsigned long id;
	int ret = 0;

	if (!iosfc->wanted)
		return 0;
	mutex_lock(&iosfc->lock);
	if (registers_reset(pvg)) {
		drm_warn(&pvg->drm, "the surface mapper does not start: using type-4 objects\n");
		WRITE_ONCE(iosfc->wanted, false);
		ret = xa_empty(&iosfc->mappings) ? 0 : -ETIMEDOUT;
		goto unlock;
	}
	iosfc_write(pvg, PVG_IOSFC_RING_BASE, virt_to_phys(iosfc->ring));
	iosfc_write(pvg, PVG_IOSFC_TABLE, virt_to_phys(iosfc->table));
	iosfc_write(pvg, PVG_IOSFC_CAPACITY, ring_entries(pvg));
	iosfc_write(pvg, PVG_IOSFC_ENABLE, 1);
	iosfc->up = true;
	xa_for_each(&iosfc->mappings, id, mapping) {
		ret = iosfc_request(pvg, PVG_IOSFC_OP_MAP, id);
		if (ret)
			break;
	}
unlock:
	mutex_unlock(&iosfc->lock);
	return ret;
}

/**
 * pvg_iosfc_stop() - take all mappings from the mapper and stop it
 * @pvg: the device, whose presents have ended
 *
 * The mappings stay for the next start.
 */
void pvg_iosfc_stop(struct pvg_device *pvg)
{
	struct pvg_iosfc *iosfc = &pvg->iosfc;
	struct pvg_mapping *mapping;
	unsigned long id;

	mutex_lock(&iosfc->lock);
	if (iosfc->up) {
		xa_for_each(&iosfc->mappings, id, mapping)
			if (iosfc_request(pvg, PVG_IOSFC_OP_UNMAP, id) == -ETIMEDOUT)
				break;
		if (iosfc->up)
			registers_clear(pvg);
		iosfc->up = false;
	}
	mutex_unlock(&iosfc->lock);
}

/**
 * pvg_iosfc_init() - initialise locks and queues
 * @pvg: the device
 */
void pvg_iosfc_init(struct pvg_device *pvg)
{
	struct pvg_iosfc *iosfc = &pvg->iosfc;

	mutex_init(&iosfc->lock);
	init_waitqueue_head(&iosfc->wait);
	xa_init(&iosfc->record_pages);
	xa_init_flags(&iosfc->mappings, XA_FLAGS_ALLOC1);
}

/**
 * pvg_iosfc_prepare() - allocate what the mapper needs, if there is one and it is asked for
 * @pvg: the device
 *
 * Returns: 0 or a negative error.
 */
int pvg_iosfc_prepare(struct pvg_device *pvg)
{
	struct pvg_iosfc *iosfc = &pvg->iosfc;

	if (!pvg->front.iosfc_regs || !strcmp(pvg_surfaces, "objects"))
		return 0;
	if (strcmp(pvg_surfaces, "mapper")) {
		drm_err(&pvg->drm, "surfaces=%s: \"mapper\" or \"objects\" is expected\n",
			pvg_surfaces);
		return -EINVAL;
	}
	iosfc->ring = pvg_wire_alloc(pvg, 1);
	iosfc->table = pvg_wire_alloc(pvg, 1);
	if (!iosfc->ring || !iosfc->table)
		return -ENOMEM;
	iosfc->wanted = true;
	return 0;
}

/**
 * pvg_iosfc_fini() - free what pvg_iosfc_prepare() has allocated, and records
 * @pvg: the device, stopped, without surfaces
 */
void pvg_iosfc_fini(struct pvg_device *pvg)
{
	struct pvg_iosfc *iosfc = &pvg->iosfc;
	unsigned long index;
	void *page;

	xa_for_each(&iosfc->record_pages, index, page)
		pvg_wire_free(pvg, page, 1);
	xa_destroy(&iosfc->record_pages);
	xa_destroy(&iosfc->mappings);
	pvg_wire_free(pvg, iosfc->table, 1);
	pvg_wire_free(pvg, iosfc->ring, 1);
}

/**
 * pvg_iosfc_handle_irq() - the mapper's interrupt: requests have completed
 * @pvg: the device
 *
 * Hard interrupt context.
 */
void pvg_iosfc_handle_irq(struct pvg_device *pvg)
{
	iosfc_consumer(pvg); /* lets go of a line that is held until somebody looks */
	pvg->iosfc.interrupts++;
	wake_up_all(&pvg->iosfc.wait);
}
