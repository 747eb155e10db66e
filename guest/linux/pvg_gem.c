// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of pictures: GEM objects (shmem), framebuffers, and the surfaces that presents name
 * (display 15.9).
 *
 * Where the wire page is larger than the kernel's, shmem's pages do not do: GEM objects get memory
 * in units of a wire page then, which the shmem helpers handle like their own.
 *
 * A GEM object has an address in the kernel task while at least one surface uses it. A surface
 * describes one window (offset and extent) of a GEM object and never changes: hosts may keep copies
 * of its descriptor. Freeing is ordered by the wire itself: the delete and unmap commands wait for
 * the presents, memory goes back when they have completed.
 */
#include <linux/slab.h>

#include <drm/drm_gem_framebuffer_helper.h>
#include <drm/drm_plane.h>
#include <drm/drm_print.h>

#include "pvg_compat.h"
#include "pvg_drv.h"

#define PVG_PITCH_ALIGN	64

static void pvg_gem_free(struct drm_gem_object *obj)
{
	struct pvg_gem *gem = to_pvg_gem(obj);
	unsigned long count = obj->size >> PAGE_SHIFT;
	struct page **pages = NULL;

	if (gem->own_pages) {
		pages = gem->base.pages;
		pvg_compat_set_pages(&gem->base, NULL);
	}
	drm_gem_shmem_free(&gem->base);
	if (pages) {
		pvg_unit_pages_free(pages, count);
		kvfree(pages);
	}
}

static const struct drm_gem_object_funcs pvg_gem_funcs = {
	.free = pvg_gem_free,
	.print_info = drm_gem_shmem_object_print_info,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = drm_gem_shmem_object_mmap,
	.vm_ops = &drm_gem_shmem_vm_ops,
};

/**
 * pvg_gem_create_object() - allocate the driver's GEM structure for the shmem helpers
 * @dev: DRM device
 * @size: unused
 *
 * Returns: the object or an error pointer.
 */
struct drm_gem_object *pvg_gem_create_object(struct drm_device *dev, size_t size)
{
	struct pvg_gem *gem = kzalloc(sizeof(*gem), GFP_KERNEL);

	if (!gem)
		return ERR_PTR(-ENOMEM);
	gem->base.base.funcs = &pvg_gem_funcs;
	return &gem->base.base;
}

/**
 * pvg_gem_prime_import() - make a GEM object of another driver's buffer
 * @dev: DRM device
 * @attach: the buffer, attached
 * @sgt: its memory, mapped for the device
 *
 * Returns: the object or an error pointer.
 */
struct drm_gem_object *pvg_gem_prime_import(struct drm_device *dev,
					    struct dma_buf_attachment *attach, struct sg_table *sgt)
{
	struct drm_gem_object *obj = drm_gem_shmem_prime_import_sg_table(dev, attach, sgt);

	if (!IS_ERR(obj))
		pvg_compat_imported(obj);
	return obj;
}

/* Give a new object memory in units of a wire page. Not swapped: charged to who asks for it. */
static int gem_populate(struct pvg_device *pvg, struct pvg_gem *gem)
{
	unsigned long count = gem->base.base.size >> PAGE_SHIFT;
	struct page **pages = kvcalloc(count, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!pages)
		return -ENOMEM;
	ret = pvg_unit_pages_alloc(pvg, pages, count,
				   GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (ret) {
		pvg_unit_pages_free(pages, count);
		kvfree(pages);
		return ret;
	}
	pvg_compat_set_pages(&gem->base, pages);
	gem->own_pages = true;
	return 0;
}

static int unit_dumb_create(struct drm_file *file, struct drm_device *dev,
			    struct drm_mode_create_dumb *args)
{
	struct drm_gem_shmem_object *shmem = drm_gem_shmem_create(dev, args->size);
	int ret;

	if (IS_ERR(shmem))
		return PTR_ERR(shmem);
	ret = gem_populate(to_pvg_device(dev), to_pvg_gem(&shmem->base));
	if (!ret)
		ret = drm_gem_handle_create(file, &shmem->base, &args->handle);
	drm_gem_object_put(&shmem->base);
	return ret;
}

/**
 * pvg_dumb_create() - create a dumb buffer with the pitch the device likes
 * @file: DRM client
 * @dev: DRM device
 * @args: ioctl arguments
 *
 * Returns: 0 or a negative error.
 */
int pvg_dumb_create(struct drm_file *file, struct drm_device *dev,
		    struct drm_mode_create_dumb *args)
{
	u64 pitch = ALIGN(DIV_ROUND_UP((u64)args->width * args->bpp, 8), PVG_PITCH_ALIGN);
	unsigned long wire_page = pvg_page_size(to_pvg_device(dev));

	if (pitch > PVG_MAX_PITCH)
		return -EINVAL;
	args->pitch = pitch;
	args->size = ALIGN(pitch * args->height, max(wire_page, PAGE_SIZE));
	if (wire_page > PAGE_SIZE)
		return unit_dumb_create(file, dev, args);
	return drm_gem_shmem_dumb_create(file, dev, args);
}

/* Caller holds the kernel task's lock. */
static int gem_map(struct pvg_device *pvg, struct pvg_gem *gem)
{
	struct drm_gem_shmem_object *shmem = &gem->base;
	struct pvg_task *task = &pvg->kernel_task;
	struct pvg_range *range;
	int ret;

	if (gem->users) {
		gem->users++;
		return 0;
	}
	range = kzalloc(sizeof(*range), GFP_KERNEL);
	if (!range)
		return -ENOMEM;
	if (shmem->base.import_attach) {
		ret = pvg_task_map_sgt(task, range, shmem->sgt, shmem->base.size);
	} else {
		ret = drm_gem_shmem_pin(shmem);
		if (!ret) {
			ret = pvg_task_map_pages(task, range, shmem->pages,
						 shmem->base.size >> PAGE_SHIFT);
			if (ret)
				drm_gem_shmem_unpin(shmem);
		}
	}
	if (ret) {
		kfree(range);
		return ret;
	}
	gem->range = range;
	gem->users = 1;
	return 0;
}

static int surface_publish(struct pvg_surface *surface, const struct pvg_range *range)
{
	struct pvg_device *pvg = surface->pvg;
	__le32 d[PVG_SURFACE_DESCRIPTOR_SIZE / 4] = {};
	__le32 *plane = &d[PVG_SURFACE_PLANE0 / 4];
	u64 length = pvg_range_length(pvg, range);

	d[PVG_SURFACE_LENGTH / 4] = cpu_to_le32(lower_32_bits(length));
	d[PVG_SURFACE_LENGTH / 4 + 1] = cpu_to_le32(upper_32_bits(length));
	d[PVG_SURFACE_PAGE / 4] = cpu_to_le32(range->node.start);
	d[PVG_SURFACE_FORMAT / 4] = cpu_to_le32(PVG_FORMAT_BGRA);
	d[PVG_SURFACE_PLANES / 4] = cpu_to_le32(1);
	plane[PVG_PLANE_OFFSET / 4] = cpu_to_le32(surface->offset);
	plane[PVG_PLANE_WIDTH / 4] = cpu_to_le32(surface->width);
	plane[PVG_PLANE_HEIGHT / 4] = cpu_to_le32(surface->height);
	plane[PVG_PLANE_PITCH / 4] = cpu_to_le32(surface->pitch | 4 << PVG_PLANE_ELEMENT_SHIFT);
	return pvg_task_object_add(&pvg->kernel_task, PVG_OBJECT_SURFACE, d, sizeof(d),
				   &surface->slot);
}

/*
 * Tell the device about a surface, through the mapper where there is one, else as an object. The
 * caller has a reference to @range.
 */
static int surface_announce(struct pvg_surface *surface, const struct pvg_range *range)
{
	struct pvg_task *task = &surface->pvg->kernel_task;
	int ret;

	if (pvg_iosfc_takes(surface->pvg, range)) {
		ret = pvg_iosfc_map(surface, range);
		if (ret != -ETIMEDOUT)
			return ret;
	}
	mutex_lock(&task->lock);
	ret = surface_publish(surface, range);
	surface->mapped = range->mapped;
	surface->listed = task->mapped;
	mutex_unlock(&task->lock);
	return ret;
}

/* Free a surface that no packet names any more. Process context. */
static void surface_free(struct pvg_surface *surface)
{
	struct pvg_task *task = &surface->pvg->kernel_task;
	struct pvg_gem *gem = surface->gem;

	if (surface->mapping)
		pvg_iosfc_unmap(surface->pvg, surface->mapping);
	if (surface->slot)
		pvg_task_object_remove(task, surface->slot);
	if (surface->range) {
		pvg_task_unmap(task, surface->range);
		kfree(surface->range);
		if (gem && !gem->base.base.import_attach)
			drm_gem_shmem_unpin(&gem->base);
	}
	if (gem)
		drm_gem_object_put(&gem->base.base);
	kfree(surface);
}

static void surface_garbage_release(struct pvg_garbage *garbage)
{
	surface_free(container_of(garbage, struct pvg_surface, garbage));
}

/* The last surface of a GEM object takes its range along. Caller holds the kernel task's lock. */
static void surface_detach(struct pvg_surface *surface)
{
	struct pvg_gem *gem = surface->gem;

	if (gem && !--gem->users) {
		surface->range = gem->range;
		gem->range = NULL;
	}
}

static void surface_release(struct kref *ref)
{
	struct pvg_surface *surface = container_of(ref, struct pvg_surface, ref);
	struct pvg_device *pvg = surface->pvg;
	struct pvg_task *task = &pvg->kernel_task;
	struct pvg_fence fence;
	struct pvg_packet pkt;
	int ret;

	mutex_lock(&task->lock);
	surface_detach(surface);
	mutex_unlock(&task->lock);

	do {
		/* Where no command gets through, the memory is free when the device is stopped. */
		fence = pvg_fence_until_stop(pvg);
		/* The mapper knows no order with presents: it hears when the NOP has completed. */
		pvg_packet_begin(&pkt, surface->slot ? PVG_CMD_DELETE_SURFACE : PVG_CMD_NOP);
		pvg_packet_wait(pvg, &pkt, &surface->presented);
		if (surface->slot) {
			pvg_packet_u32(&pkt, surface->slot);
			pvg_packet_u32(&pkt, task->id);
		}
		ret = pvg_fifo_submit(pvg->memory, &pkt, &fence);
	} while (ret == -ESTALE);
	if (!ret && surface->range) {
		struct pvg_fence until_stop = pvg_fence_until_stop(pvg);

		pvg_packet_begin(&pkt, PVG_CMD_UNMAP_MEMORY);
		pvg_packet_u32(&pkt, task->id);
		pvg_packet_u64(&pkt, pvg_range_address(pvg, surface->range));
		pvg_packet_u64(&pkt, pvg_range_length(pvg, surface->range));
		ret = pvg_fifo_submit(pvg->memory, &pkt, &fence);
		if (ret)
			fence = until_stop;
	}
	surface->garbage.fence = fence;
	surface->garbage.release = surface_garbage_release;
	pvg_garbage_add(pvg, &surface->garbage);
}

/**
 * pvg_surface_put() - drop a reference
 * @surface: the surface, or NULL
 *
 * Process context.
 */
void pvg_surface_put(struct pvg_surface *surface)
{
	if (surface)
		kref_put(&surface->ref, surface_release);
}

static struct pvg_surface *surface_alloc(struct pvg_device *pvg, u32 width, u32 height, u32 pitch)
{
	struct pvg_surface *surface = kzalloc(sizeof(*surface), GFP_KERNEL);

	if (!surface)
		return NULL;
	kref_init(&surface->ref);
	surface->pvg = pvg;
	surface->width = width;
	surface->height = height;
	surface->pitch = pitch;
	return surface;
}

static struct pvg_surface *surface_create(struct pvg_device *pvg, struct drm_framebuffer *fb,
					  u32 offset, u32 width, u32 height)
{
	struct pvg_task *task = &pvg->kernel_task;
	struct pvg_surface *surface = surface_alloc(pvg, width, height, fb->pitches[0]);
	struct pvg_gem *gem = to_pvg_gem(fb->obj[0]);
	int ret;

	if (!surface)
		return ERR_PTR(-ENOMEM);
	surface->offset = offset;

	mutex_lock(&task->lock);
	ret = gem_map(pvg, gem);
	if (ret) {
		mutex_unlock(&task->lock);
		kfree(surface);
		return ERR_PTR(ret);
	}
	drm_gem_object_get(&gem->base.base);
	surface->gem = gem;
	mutex_unlock(&task->lock);
	ret = surface_announce(surface, gem->range);
	if (ret) {
		pvg_surface_put(surface);
		return ERR_PTR(ret);
	}
	return surface;
}

/**
 * pvg_surface_get() - the surface that shows a plane's part of a framebuffer
 * @pipe: the pipe
 * @fb: the framebuffer
 * @state: plane state, checked: the surface is what it shows
 *
 * Process context; may allocate and send map commands, never waits for their completion. A surface
 * of the mapper is new to it once, which takes an answer of the mapper.
 *
 * Returns: a referenced surface or an error pointer.
 */
struct pvg_surface *pvg_surface_get(struct pvg_pipe *pipe, struct drm_framebuffer *fb,
				    const struct drm_plane_state *state)
{
	struct pvg_framebuffer *pfb = to_pvg_framebuffer(fb);
	struct drm_rect shown = pvg_shown(state);
	u32 width = drm_rect_width(&shown);
	u32 height = drm_rect_height(&shown);
	u32 offset = fb->offsets[0] + shown.y1 * fb->pitches[0] + shown.x1 * 4;
	struct pvg_surface *surface, *old = NULL;

	mutex_lock(&pfb->lock);
	surface = pfb->surfaces[pipe->index];
	if (!surface || surface->offset != offset || surface->width != width ||
	    surface->height != height ||
	    (surface->mapping && !READ_ONCE(pipe->pvg->iosfc.wanted))) {
		old = surface;
		surface = surface_create(pipe->pvg, fb, offset, width, height);
		if (IS_ERR(surface)) {
			mutex_unlock(&pfb->lock);
			return surface;
		}
		pfb->surfaces[pipe->index] = surface;
	}
	kref_get(&surface->ref);
	mutex_unlock(&pfb->lock);
	pvg_surface_put(old);
	return surface;
}

/**
 * pvg_surface_black() - a black surface that costs one page of memory
 * @pipe: the pipe
 * @width: pixels
 * @height: pixels
 *
 * Returns: a referenced surface or an error pointer.
 */
struct pvg_surface *pvg_surface_black(struct pvg_pipe *pipe, u32 width, u32 height)
{
	struct pvg_device *pvg = pipe->pvg;
	struct pvg_task *task = &pvg->kernel_task;
	u32 pitch = ALIGN(width * 4, PVG_PITCH_ALIGN);
	struct pvg_surface *surface = surface_alloc(pvg, width, height, pitch);
	struct pvg_range *range = kzalloc(sizeof(*range), GFP_KERNEL);
	int ret;

	if (!surface || !range) {
		ret = -ENOMEM;
		goto free;
	}
	mutex_lock(&task->lock);
	ret = pvg_task_map_repeat(task, range, pvg->black_page,
				  pvg_pages(pvg, (u64)pitch * height));
	if (ret) {
		mutex_unlock(&task->lock);
		goto free;
	}
	mutex_unlock(&task->lock);
	surface->range = range;
	ret = surface_announce(surface, range);
	if (ret) {
		pvg_surface_put(surface);
		return ERR_PTR(ret);
	}
	return surface;

free:
	kfree(range);
	kfree(surface);
	return ERR_PTR(ret);
}

static void pvg_fb_destroy(struct drm_framebuffer *fb)
{
	struct pvg_framebuffer *pfb = to_pvg_framebuffer(fb);
	unsigned int i;

	for (i = 0; i < PVG_MAX_PIPES; i++)
		pvg_surface_put(pfb->surfaces[i]);
	mutex_destroy(&pfb->lock);
	drm_gem_fb_destroy(fb);
}

static const struct drm_framebuffer_funcs pvg_fb_funcs = {
	.destroy = pvg_fb_destroy,
	.create_handle = drm_gem_fb_create_handle,
	.dirty = pvg_fb_dirty,
};

/**
 * pvg_fb_create() - create a framebuffer
 * @dev: DRM device
 * @file: DRM client
 * @mode_cmd: ioctl arguments
 *
 * Returns: the framebuffer or an error pointer.
 */
struct drm_framebuffer *pvg_fb_create(struct drm_device *dev, struct drm_file *file,
				      const struct drm_mode_fb_cmd2 *mode_cmd)
{
	struct pvg_framebuffer *pfb;
	int ret;

	if (mode_cmd->pitches[0] > PVG_MAX_PITCH || mode_cmd->pitches[0] % 4 ||
	    mode_cmd->offsets[0] % 4)
		return ERR_PTR(-EINVAL);
	/* The helper below asks this from 6.3 on. */
	if (!drm_any_plane_has_format(dev, mode_cmd->pixel_format, mode_cmd->modifier[0]))
		return ERR_PTR(-EINVAL);
	pfb = kzalloc(sizeof(*pfb), GFP_KERNEL);
	if (!pfb)
		return ERR_PTR(-ENOMEM);
	mutex_init(&pfb->lock);
	ret = drm_gem_fb_init_with_funcs(dev, &pfb->base, file, mode_cmd, &pvg_fb_funcs);
	if (ret) {
		kfree(pfb);
		return ERR_PTR(ret);
	}
	return &pfb->base;
}
