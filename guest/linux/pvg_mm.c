// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Address spaces: allocator, page tables and object lists of tasks, buffers of the driver in the
 * kernel task, and the list of things that the device may still use (memory 1 to 5, 7, 13).
 *
 * A task's page table and lists are ordinary memory and survive a restart of the transport;
 * a fresh device is told about everything that is mapped. Map and object commands
 * travel on the Immediate channel; packets of other channels wait for its stamps.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include <drm/drm_print.h>

#include "pvg_drv.h"

#define PVG_SLOTS		0x10000	/* per task; backed by memory as they are used */
#define PVG_DESCRIPTOR_CELL	256	/* bytes: a type-4 object with 8 planes needs 148 */

static unsigned int table_bits(struct pvg_device *pvg)
{
	return pvg->front.page_shift - 2;
}

/* The table node that holds the leaf of virtual page @page, created on demand. */
static __le32 *table_leaf(struct pvg_task *task, u64 page, bool create)
{
	struct pvg_device *pvg = task->pvg;
	unsigned int bits = table_bits(pvg);
	unsigned int level;
	__le32 *node = task->root;

	for (level = 0; level < PVG_TABLE_DEPTH - 1; level++) {
		unsigned int shift = (PVG_TABLE_DEPTH - 1 - level) * bits;
		unsigned long index = (page >> shift) & (BIT(bits) - 1);
		unsigned long key = ((page >> shift) << 1) | level;
		void *next = xa_load(&task->nodes, key);

		if (!next) {
			if (!create)
				return NULL;
			next = pvg_wire_alloc(pvg, 1);
			if (!next)
				return NULL;
			if (xa_err(xa_store(&task->nodes, key, next, GFP_KERNEL))) {
				pvg_wire_free(pvg, next, 1);
				return NULL;
			}
			wmb(); /* a zeroed node before the entry that makes it reachable */
			WRITE_ONCE(node[index], cpu_to_le32(pvg_wire_pfn(pvg, next)));
		}
		node = next;
	}
	return &node[page & (BIT(bits) - 1)];
}

static int table_set(struct pvg_task *task, u64 page, u64 pfn)
{
	__le32 *leaf;

	if (!pfn || pfn > PVG_PTE_PAGE_MASK)
		return -EFAULT;
	leaf = table_leaf(task, page, true);
	if (!leaf)
		return -ENOMEM;
	WRITE_ONCE(*leaf, cpu_to_le32(pfn));
	return 0;
}

static bool table_has(struct pvg_task *task, u64 page, u64 pfn)
{
	__le32 *leaf = table_leaf(task, page, false);

	return leaf && le32_to_cpu(*leaf) == pfn;
}

static void table_clear(struct pvg_task *task, u64 page, u64 count)
{
	u64 i;

	for (i = 0; i < count; i++) {
		__le32 *leaf = table_leaf(task, page + i, false);

		if (leaf)
			WRITE_ONCE(*leaf, 0);
	}
}

/**
 * pvg_range_address() - where a range starts in its task
 * @pvg: the device
 * @range: the range
 *
 * Returns: byte address.
 */
u64 pvg_range_address(struct pvg_device *pvg, const struct pvg_range *range)
{
	return range->node.start << pvg->front.page_shift;
}

/**
 * pvg_range_length() - how long a range is
 * @pvg: the device
 * @range: the range
 *
 * Returns: bytes, whole wire pages.
 */
u64 pvg_range_length(struct pvg_device *pvg, const struct pvg_range *range)
{
	return range->node.size << pvg->front.page_shift;
}

static int send_map(struct pvg_task *task, u64 page, u64 pages, struct pvg_fence *fence)
{
	struct pvg_device *pvg = task->pvg;
	struct pvg_packet pkt;

	if (!READ_ONCE(pvg->running))
		return 0; /* announced when the device starts */
	pvg_packet_begin(&pkt, PVG_CMD_MAP_MEMORY);
	pvg_packet_u32(&pkt, task->id);
	pvg_packet_u64(&pkt, page << pvg->front.page_shift);
	pvg_packet_u64(&pkt, pages << pvg->front.page_shift);
	return pvg_fifo_submit(pvg->memory, &pkt, fence);
}

static int range_insert(struct pvg_task *task, struct pvg_range *range, u64 pages)
{
	memset(range, 0, sizeof(*range));
	return drm_mm_insert_node(&task->mm, &range->node, pages);
}

static void range_remove(struct pvg_task *task, struct pvg_range *range)
{
	table_clear(task, range->node.start, range->node.size);
	drm_mm_remove_node(&range->node);
}

static int range_announce(struct pvg_task *task, struct pvg_range *range)
{
	int ret = send_map(task, range->node.start, range->node.size, &range->mapped);

	/* A device that went away in this moment learns of the range when it starts again. */
	return ret == -ENODEV ? 0 : ret;
}

/* Set the leaves for one physically contiguous piece. @done: bytes mapped so far. */
static int map_piece(struct pvg_task *task, struct pvg_range *range, u64 *done, u64 address,
		     u64 bytes)
{
	unsigned int shift = task->pvg->front.page_shift;
	u64 mask = BIT_ULL(shift) - 1;
	int ret;

	while (bytes) {
		u64 step = min(bytes, (mask + 1) - (*done & mask));
		u64 page = range->node.start + (*done >> shift);

		/* A wire page must be one aligned piece of memory. */
		if ((address & mask) != (*done & mask))
			return -EINVAL;
		if (!(*done & mask)) {
			ret = table_set(task, page, address >> shift);
			if (ret)
				return ret;
		} else if (!table_has(task, page, address >> shift)) {
			return -EINVAL;
		}
		*done += step;
		address += step;
		bytes -= step;
	}
	return 0;
}

/**
 * pvg_task_map_pages() - map kernel pages
 * @task: the task
 * @range: filled in
 * @pages: the pages, pinned by the caller until the range is unmapped and the unmap has completed
 * @count: number of kernel pages
 *
 * Where the wire page is larger than the kernel's, the pages must be contiguous and aligned in
 * units of it. Caller holds &pvg_task.lock.
 *
 * Returns: 0 or a negative error.
 */
int pvg_task_map_pages(struct pvg_task *task, struct pvg_range *range, struct page **pages,
		       unsigned long count)
{
	unsigned long i;
	u64 done = 0;
	int ret;

	ret = range_insert(task, range, pvg_pages(task->pvg, (u64)count << PAGE_SHIFT));
	if (ret)
		return ret;
	for (i = 0; i < count && !ret; i++)
		ret = map_piece(task, range, &done, page_to_phys(pages[i]), PAGE_SIZE);
	if (!ret)
		ret = range_announce(task, range);
	if (ret)
		range_remove(task, range);
	return ret;
}

/**
 * pvg_task_map_sgt() - map a scatter list, that of an imported buffer
 * @task: the task
 * @range: filled in
 * @sgt: the list, DMA-mapped; DMA addresses are guest-physical ones, as probing has made sure
 * @size: bytes to map
 *
 * Caller holds &pvg_task.lock.
 *
 * Returns: 0 or a negative error.
 */
int pvg_task_map_sgt(struct pvg_task *task, struct pvg_range *range, struct sg_table *sgt, u64 size)
{
	struct scatterlist *sg;
	u64 done = 0;
	int ret, i;

	ret = range_insert(task, range, pvg_pages(task->pvg, size));
	if (ret)
		return ret;
	for_each_sgtable_dma_sg(sgt, sg, i) {
		u64 bytes = min_t(u64, sg_dma_len(sg), size - done);

		ret = map_piece(task, range, &done, sg_dma_address(sg), bytes);
		if (ret)
			break;
	}
	if (!ret && done < size)
		ret = -EINVAL;
	if (!ret)
		ret = range_announce(task, range);
	if (ret)
		range_remove(task, range);
	return ret;
}

/**
 * pvg_task_map_repeat() - map one wire page over and over
 * @task: the task
 * @range: filled in
 * @page: memory of pvg_wire_alloc(), one page
 * @pages: number of virtual pages
 *
 * Caller holds &pvg_task.lock.
 *
 * Returns: 0 or a negative error.
 */
int pvg_task_map_repeat(struct pvg_task *task, struct pvg_range *range, void *page,
			unsigned long pages)
{
	u32 pfn = pvg_wire_pfn(task->pvg, page);
	unsigned long i;
	int ret;

	ret = range_insert(task, range, pages);
	if (ret)
		return ret;
	for (i = 0; i < pages && !ret; i++)
		ret = table_set(task, range->node.start + i, pfn);
	if (!ret)
		ret = range_announce(task, range);
	if (ret)
		range_remove(task, range);
	return ret;
}

/**
 * pvg_task_unmap() - clear a range and give its addresses back
 * @task: the task
 * @range: the range; the device has completed the unmap command, or is stopped
 */
void pvg_task_unmap(struct pvg_task *task, struct pvg_range *range)
{
	mutex_lock(&task->lock);
	range_remove(task, range);
	mutex_unlock(&task->lock);
}

/**
 * pvg_task_pfn() - the wire page behind a page of a range
 * @task: the task
 * @range: the range, mapped
 * @page: page of the range
 *
 * Caller holds &pvg_task.lock.
 *
 * Returns: page number, 0 for none.
 */
u32 pvg_task_pfn(struct pvg_task *task, const struct pvg_range *range, u64 page)
{
	__le32 *leaf = table_leaf(task, range->node.start + page, false);

	return leaf ? le32_to_cpu(*leaf) & PVG_PTE_PAGE_MASK : 0;
}

/* Make sure that [offset, offset + length) of a lazily backed area has memory. */
static int area_back(struct pvg_task *task, struct drm_mm_node *area, struct xarray *pages,
		     u64 offset, u64 length)
{
	struct pvg_device *pvg = task->pvg;
	unsigned long first = offset >> pvg->front.page_shift;
	unsigned long last = (offset + length - 1) >> pvg->front.page_shift;
	unsigned long i;
	void *page;
	int ret;

	for (i = first; i <= last; i++) {
		if (xa_load(pages, i))
			continue;
		page = pvg_wire_alloc(pvg, 1);
		if (!page)
			return -ENOMEM;
		ret = table_set(task, area->start + i, pvg_wire_pfn(pvg, page));
		if (!ret)
			ret = xa_err(xa_store(pages, i, page, GFP_KERNEL));
		if (ret) {
			table_clear(task, area->start + i, 1);
			pvg_wire_free(pvg, page, 1);
			return ret;
		}
		ret = send_map(task, area->start + i, 1, &task->mapped);
		if (ret && ret != -ENODEV)
			return ret;
	}
	return 0;
}

static void area_write(struct pvg_task *task, struct xarray *pages, u64 offset, const void *data,
		       u32 length)
{
	unsigned int shift = task->pvg->front.page_shift;
	u64 mask = BIT_ULL(shift) - 1;
	const u8 *from = data;

	while (length) {
		u32 step = min_t(u64, length, mask + 1 - (offset & mask));
		u8 *page = xa_load(pages, offset >> shift);

		memcpy(page + (offset & mask), from, step);
		offset += step;
		from += step;
		length -= step;
	}
}

static void slot_write(struct pvg_task *task, u32 slot, u32 type_length, u64 address)
{
	__le32 words[PVG_SLOT_SIZE / 4] = {
		cpu_to_le32(type_length),
		cpu_to_le32(lower_32_bits(address)),
		cpu_to_le32(upper_32_bits(address)),
	};

	area_write(task, &task->list_pages, (u64)slot * PVG_SLOT_SIZE, words, sizeof(words));
}

/**
 * pvg_task_object_add() - put an object in the task's list
 * @task: the task
 * @type: object type
 * @descriptor: its descriptor
 * @length: bytes of @descriptor
 * @slot: out: slot number, which is the object's id; never 0
 *
 * Caller holds &pvg_task.lock. Packets that name the object wait for &pvg_task.mapped.
 *
 * Returns: 0 or a negative error.
 */
int pvg_task_object_add(struct pvg_task *task, u8 type, const void *descriptor, u32 length,
			u32 *slot)
{
	struct pvg_device *pvg = task->pvg;
	u64 cell, address;
	int id, ret;

	if (length > PVG_DESCRIPTOR_CELL)
		return -EINVAL;
	id = ida_alloc_range(&task->slots, 1, PVG_SLOTS - 1, GFP_KERNEL);
	if (id < 0)
		return id;
	cell = (u64)id * PVG_DESCRIPTOR_CELL;
	ret = area_back(task, &task->list, &task->list_pages, (u64)id * PVG_SLOT_SIZE,
			PVG_SLOT_SIZE);
	if (!ret)
		ret = area_back(task, &task->descriptors, &task->descriptor_pages, cell, length);
	if (ret) {
		ida_free(&task->slots, id);
		return ret;
	}

	address = (task->descriptors.start << pvg->front.page_shift) + cell;
	area_write(task, &task->descriptor_pages, cell, descriptor, length);
	wmb(); /* the descriptor before the slot that names it */
	slot_write(task, id, type | length << PVG_SLOT_LENGTH_SHIFT, address);
	*slot = id;
	return 0;
}

/**
 * pvg_task_object_remove() - clear a slot and give its number back
 * @task: the task
 * @slot: the slot; the device has completed the command that deletes the object, or is stopped
 */
void pvg_task_object_remove(struct pvg_task *task, u32 slot)
{
	mutex_lock(&task->lock);
	slot_write(task, slot, 0, 0);
	ida_free(&task->slots, slot);
	mutex_unlock(&task->lock);
}

/**
 * pvg_task_init() - create an empty address space
 * @pvg: the device
 * @task: the task
 * @id: task id, 0 for the kernel task
 *
 * Works without a running device.
 *
 * Returns: 0 or a negative error; pvg_task_fini() is right in both cases.
 */
int pvg_task_init(struct pvg_device *pvg, struct pvg_task *task, u32 id)
{
	u64 pages = PVG_TASK_LENGTH >> pvg->front.page_shift;
	u8 *directory;
	int ret;

	task->pvg = pvg;
	task->id = id;
	mutex_init(&task->lock);
	xa_init(&task->nodes);
	xa_init(&task->list_pages);
	xa_init(&task->descriptor_pages);
	ida_init(&task->slots);
	drm_mm_init(&task->mm, 1, pages - 1); /* virtual page 0 means "none" in descriptors */

	task->directory = pvg_wire_alloc(pvg, 1);
	task->root = pvg_wire_alloc(pvg, 1);
	if (!task->directory || !task->root)
		return -ENOMEM;
	directory = task->directory;
	*(__le32 *)(directory + PVG_DIRECTORY_ROOT) = cpu_to_le32(pvg_wire_pfn(pvg, task->root));
	*(__le32 *)(directory + PVG_DIRECTORY_DEPTH) = cpu_to_le32(PVG_TABLE_DEPTH);
	*(__le32 *)(directory + PVG_DIRECTORY_LENGTH) = cpu_to_le32(lower_32_bits(PVG_TASK_LENGTH));
	*(__le32 *)(directory + PVG_DIRECTORY_LENGTH + 4) =
		cpu_to_le32(upper_32_bits(PVG_TASK_LENGTH));

	/* The list is the first range of all: virtual page 1, where macOS has it. */
	ret = drm_mm_insert_node(&task->mm, &task->list,
				 pvg_pages(pvg, PVG_SLOTS * PVG_SLOT_SIZE));
	if (!ret)
		ret = drm_mm_insert_node(&task->mm, &task->descriptors,
					 pvg_pages(pvg, PVG_SLOTS * PVG_DESCRIPTOR_CELL));
	return ret;
}

static void free_wire_pages(struct pvg_device *pvg, struct xarray *pages)
{
	unsigned long index;
	void *page;

	xa_for_each(pages, index, page)
		pvg_wire_free(pvg, page, 1);
	xa_destroy(pages);
}

/**
 * pvg_task_fini() - free an address space
 * @task: the task; the device is stopped, or has completed the command that deletes it
 */
void pvg_task_fini(struct pvg_task *task)
{
	struct pvg_device *pvg = task->pvg;

	if (drm_mm_node_allocated(&task->descriptors))
		drm_mm_remove_node(&task->descriptors);
	if (drm_mm_node_allocated(&task->list))
		drm_mm_remove_node(&task->list);
	drm_mm_takedown(&task->mm);
	ida_destroy(&task->slots);
	free_wire_pages(pvg, &task->nodes);
	free_wire_pages(pvg, &task->list_pages);
	free_wire_pages(pvg, &task->descriptor_pages);
	pvg_wire_free(pvg, task->root, 1);
	pvg_wire_free(pvg, task->directory, 1);
}

static int area_announce(struct pvg_task *task, struct drm_mm_node *area, struct xarray *pages,
			 struct pvg_fence *last)
{
	unsigned long index;
	void *page;
	int ret = 0;

	xa_for_each(pages, index, page) {
		ret = send_map(task, area->start + index, 1, &task->mapped);
		if (ret)
			break;
		*last = task->mapped;
	}
	return ret;
}

/**
 * pvg_task_define() - tell a freshly started device that there is a task
 * @task: the task
 *
 * Before the memory channel is opened: what others send there comes after this.
 *
 * Returns: 0 or a negative error.
 */
int pvg_task_define(struct pvg_task *task)
{
	struct pvg_device *pvg = task->pvg;
	struct pvg_packet pkt;
	int ret;

	pvg_packet_begin(&pkt, PVG_CMD_DEFINE_TASK);
	pvg_packet_u32(&pkt, task->id << 1 | (task->id ? 0 : PVG_DEFINE_TASK_KERNEL));
	pvg_packet_u64(&pkt, PVG_TASK_LENGTH);
	pvg_packet_u32(&pkt, pvg_wire_pfn(pvg, task->directory));
	ret = pvg_fifo_submit(&pvg->root, &pkt, NULL);
	if (ret)
		return ret;

	pvg_packet_begin(&pkt, PVG_CMD_SET_OBJECT_LIST);
	pvg_packet_u32(&pkt, task->id);
	pvg_packet_u32(&pkt, task->list.start);
	pvg_packet_u32(&pkt, PVG_SLOTS);
	return pvg_fifo_submit(&pvg->root, &pkt, NULL);
}

/**
 * pvg_task_announce() - tell a device about all that is mapped in a task
 * @task: the task, defined
 *
 * Returns: 0 or a negative error.
 */
int pvg_task_announce(struct pvg_task *task)
{
	struct drm_mm_node *node;
	struct pvg_fence fence = {};
	int ret;

	mutex_lock(&task->lock);
	ret = area_announce(task, &task->list, &task->list_pages, &fence);
	if (!ret)
		ret = area_announce(task, &task->descriptors, &task->descriptor_pages, &fence);
	drm_mm_for_each_node(node, &task->mm) {
		struct pvg_range *range = container_of(node, struct pvg_range, node);

		if (ret || node == &task->list || node == &task->descriptors)
			continue;
		ret = send_map(task, node->start, node->size, &range->mapped);
		if (!ret)
			fence = range->mapped;
	}
	mutex_unlock(&task->lock);
	/* Who holds a copy of an older fence takes it for reached: make that true. */
	return ret ? ret : pvg_fence_wait(task->pvg, &fence, PVG_SETUP_TIMEOUT);
}

/**
 * pvg_unit_pages_alloc() - allocate zeroed kernel pages in units of a wire page
 * @pvg: the device
 * @pages: filled in; all NULL before
 * @count: number of kernel pages, whole wire pages
 * @gfp: how
 *
 * Each unit is contiguous and aligned, each page counts its own references.
 *
 * Returns: 0 or -ENOMEM; pvg_unit_pages_free() is right in both cases.
 */
int pvg_unit_pages_alloc(struct pvg_device *pvg, struct page **pages, unsigned long count,
			 gfp_t gfp)
{
	unsigned long per_wire = max(1UL, pvg_page_size(pvg) / PAGE_SIZE);
	unsigned int order = ilog2(per_wire);
	unsigned long i, j;

	for (i = 0; i < count; i += per_wire) {
		struct page *page = alloc_pages(gfp | __GFP_ZERO, order);

		if (!page)
			return -ENOMEM;
		split_page(page, order);
		for (j = 0; j < per_wire; j++)
			pages[i + j] = page + j;
	}
	return 0;
}

/**
 * pvg_unit_pages_free() - free what pvg_unit_pages_alloc() has allocated
 * @pages: the pages, or what there is of them
 * @count: number of kernel pages
 */
void pvg_unit_pages_free(struct page **pages, unsigned long count)
{
	unsigned long i;

	for (i = 0; i < count; i++)
		if (pages[i])
			__free_page(pages[i]);
}

/**
 * pvg_buffer_alloc() - allocate memory of the driver in the kernel task
 * @pvg: the device
 * @buffer: filled in
 * @bytes: size
 *
 * Returns: 0 or a negative error; pvg_buffer_free() is right in both cases.
 */
int pvg_buffer_alloc(struct pvg_device *pvg, struct pvg_buffer *buffer, size_t bytes)
{
	struct pvg_task *task = &pvg->kernel_task;
	unsigned long per_wire = max(1UL, pvg_page_size(pvg) / PAGE_SIZE);
	unsigned long count = ALIGN(DIV_ROUND_UP(bytes, PAGE_SIZE), per_wire);
	int ret;

	memset(buffer, 0, sizeof(*buffer));
	buffer->pages = kvcalloc(count, sizeof(*buffer->pages), GFP_KERNEL);
	if (!buffer->pages)
		return -ENOMEM;
	buffer->count = count;
	ret = pvg_unit_pages_alloc(pvg, buffer->pages, count, GFP_KERNEL);
	if (ret)
		goto free;
	ret = -ENOMEM;
	buffer->vaddr = vmap(buffer->pages, count, VM_MAP, PAGE_KERNEL);
	if (!buffer->vaddr)
		goto free;
	mutex_lock(&task->lock);
	ret = pvg_task_map_pages(task, &buffer->range, buffer->pages, count);
	mutex_unlock(&task->lock);
	if (!ret) /* packets that name the buffer need not wait for its mapping */
		return pvg_fence_wait(pvg, &buffer->range.mapped, PVG_SETUP_TIMEOUT);
	buffer->range = (struct pvg_range){};
free:
	pvg_buffer_free(pvg, buffer);
	return ret;
}

/**
 * pvg_buffer_free() - free memory of pvg_buffer_alloc()
 * @pvg: the device, stopped
 * @buffer: the buffer, or an all-zero one
 */
void pvg_buffer_free(struct pvg_device *pvg, struct pvg_buffer *buffer)
{
	if (drm_mm_node_allocated(&buffer->range.node))
		pvg_task_unmap(&pvg->kernel_task, &buffer->range);
	if (buffer->vaddr)
		vunmap(buffer->vaddr);
	pvg_unit_pages_free(buffer->pages, buffer->count);
	kvfree(buffer->pages);
	memset(buffer, 0, sizeof(*buffer));
}

/**
 * pvg_garbage_add() - free something when the device has let go of it
 * @pvg: the device
 * @garbage: what, with its fence
 */
void pvg_garbage_add(struct pvg_device *pvg, struct pvg_garbage *garbage)
{
	unsigned long flags;

	spin_lock_irqsave(&pvg->garbage_lock, flags);
	list_add_tail(&garbage->link, &pvg->garbage);
	spin_unlock_irqrestore(&pvg->garbage_lock, flags);
	pvg_garbage_kick(pvg);
}

/**
 * pvg_garbage_collect() - free what the device has let go of
 * @pvg: the device
 *
 * Process context, no locks held.
 */
void pvg_garbage_collect(struct pvg_device *pvg)
{
	struct pvg_garbage *garbage, *next;
	LIST_HEAD(ready);

	spin_lock_irq(&pvg->garbage_lock);
	list_for_each_entry_safe(garbage, next, &pvg->garbage, link)
		if (pvg_fence_reached(pvg, &garbage->fence))
			list_move_tail(&garbage->link, &ready);
	spin_unlock_irq(&pvg->garbage_lock);

	list_for_each_entry_safe(garbage, next, &ready, link)
		garbage->release(garbage);
}

/**
 * pvg_garbage_kick() - look for garbage soon
 * @pvg: the device
 *
 * Any context.
 */
void pvg_garbage_kick(struct pvg_device *pvg)
{
	if (!list_empty_careful(&pvg->garbage))
		queue_work(pvg->wq, &pvg->garbage_work);
}
