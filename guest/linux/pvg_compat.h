/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every difference between the kernels this driver builds for (6.1 of Debian 12, 6.12 of Debian
 * 13), and nothing else.
 */
#ifndef PVG_COMPAT_H
#define PVG_COMPAT_H

#include <linux/version.h>
#include <linux/hrtimer.h>

#include <drm/drm_drv.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_plane.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#include <drm/drm_fbdev_shmem.h>
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#include <drm/drm_fbdev_generic.h>
#else
#include <drm/drm_fb_helper.h>
#endif

/* Hot spots belong to the plane from 6.8 on; before, to the cursor's framebuffer (decision 23). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define PVG_DRIVER_CURSOR_FEATURES	DRIVER_CURSOR_HOTSPOT
#else
#define PVG_DRIVER_CURSOR_FEATURES	0
#endif

/* DRM_GEM_SHMEM_DRIVER_OPS without dumb_create; the handle functions are default from 6.6 on. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define PVG_PRIME_DRIVER_OPS \
	.gem_prime_import_sg_table = pvg_gem_prime_import
#else
#define PVG_PRIME_DRIVER_OPS \
	.prime_handle_to_fd = drm_gem_prime_handle_to_fd, \
	.prime_fd_to_handle = drm_gem_prime_fd_to_handle, \
	.gem_prime_import_sg_table = pvg_gem_prime_import, \
	.gem_prime_mmap = drm_gem_prime_mmap
#endif

/* Unused by the kernel, but 6.1 prints it. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define PVG_DRIVER_DATE	.date = "20261125",
#else
#define PVG_DRIVER_DATE
#endif

static inline void pvg_compat_hotspot(const struct drm_plane_state *state, int *x, int *y)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	*x = state->hotspot_x;
	*y = state->hotspot_y;
#else
	*x = state->fb ? state->fb->hot_x : 0;
	*y = state->fb ? state->fb->hot_y : 0;
#endif
}

static inline void pvg_compat_copy_hotspot(struct drm_plane_state *to,
					   const struct drm_plane_state *from)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	to->hotspot_x = from->hotspot_x;
	to->hotspot_y = from->hotspot_y;
#endif
}

/* The reservation lock is the caller's business from 6.2 on. */
static inline int pvg_compat_vmap(struct drm_gem_object *obj, struct iosys_map *map)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	return drm_gem_vmap_unlocked(obj, map);
#else
	return obj->funcs->vmap(obj, map);
#endif
}

static inline void pvg_compat_vunmap(struct drm_gem_object *obj, struct iosys_map *map)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	drm_gem_vunmap_unlocked(obj, map);
#else
	obj->funcs->vunmap(obj, map);
#endif
}

/*
 * A mapping of an imported buffer is one of its exporter's: where that is a driver with shmem
 * objects, too, it takes a lock of the same kind before 6.2. They are never taken in the other
 * order: an imported buffer is not exported again but passed on.
 */
static inline void pvg_compat_imported(struct drm_gem_object *obj)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	static struct lock_class_key imported;

	lockdep_set_class(&to_drm_gem_shmem_obj(obj)->vmap_lock, &imported);
#endif
}

/*
 * Pages of the driver's own in a shmem object: one use that never ends keeps the helpers from
 * getting pages of theirs, and from putting these. A refcount_t from 6.16 on.
 */
static inline void pvg_compat_set_pages(struct drm_gem_shmem_object *shmem, struct page **pages)
{
	shmem->pages = pages;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
	refcount_set(&shmem->pages_use_count, pages ? 1 : 0);
#else
	shmem->pages_use_count = pages ? 1 : 0;
#endif
}

static inline void pvg_compat_fbdev_setup(struct drm_device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	drm_fbdev_shmem_setup(dev, 32);
#else
	drm_fbdev_generic_setup(dev, 32);
#endif
}

static inline void pvg_compat_hrtimer_init(struct hrtimer *timer,
					   enum hrtimer_restart (*fn)(struct hrtimer *))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer->function = fn;
#endif
}

#endif
