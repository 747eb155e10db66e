// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cursor plane (display 9, 15.11): images go through the pipe's channel out of two buffers used in
 * turn, position and visibility through the shared page and the doorbell register. A move costs two
 * stores and one register write.
 */
#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_damage_helper.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_gem_atomic_helper.h>
#include <drm/drm_gem_framebuffer_helper.h>
#include <drm/drm_print.h>

#include "pvg_compat.h"
#include "pvg_drv.h"

#define PVG_CURSOR_WAIT	msecs_to_jiffies(1000)

static const u32 pvg_cursor_formats[] = { DRM_FORMAT_ARGB8888 };

/* Caller holds present_lock. */
static void send_glyph(struct pvg_pipe *pipe)
{
	struct pvg_cursor *cursor = &pipe->cursor;
	struct pvg_buffer *image = &cursor->images[cursor->current_image];
	const u32 *pixels = image->vaddr;
	unsigned int i, count = cursor->width * cursor->height;
	struct pvg_packet pkt;
	u32 sum = 0;

	for (i = 0; i < count; i++)
		sum += pixels[i];
	pvg_packet_begin(&pkt, PVG_CMD_CURSOR_GLYPH);
	pvg_packet_u32(&pkt, pipe->index);
	pvg_packet_u32(&pkt, PVG_KERNEL_TASK_ID);
	pvg_packet_u64(&pkt, pvg_range_address(pipe->pvg, &image->range));
	pvg_packet_u64(&pkt, pvg_range_length(pipe->pvg, &image->range));
	pvg_packet_u64(&pkt, cursor->width * 4);
	pvg_packet_u32(&pkt, cursor->width | cursor->height << 16);
	pvg_packet_u32(&pkt, cursor->hot_x | cursor->hot_y << 16);
	pvg_packet_u32(&pkt, sum);
	pvg_fifo_submit(pipe->fifo, &pkt, &image->used);
}

/* Caller holds present_lock. */
static void send_visible(struct pvg_pipe *pipe, bool visible)
{
	struct pvg_packet pkt;

	pvg_packet_begin(&pkt, PVG_CMD_CURSOR_SHOW);
	pvg_packet_u32(&pkt, pipe->index);
	pvg_packet_u32(&pkt, visible);
	pvg_fifo_submit(pipe->fifo, &pkt, NULL);
	pipe->cursor.sent_visible = visible;
}

/* Position and visibility: caller holds present_lock. */
static void publish(struct pvg_pipe *pipe)
{
	struct pvg_cursor *cursor = &pipe->cursor;
	u32 position = cursor->visible ? cursor->x | cursor->y << 16 : PVG_CURSOR_NOWHERE;
	u32 wanted = 0;

	if (!READ_ONCE(pipe->pvg->running))
		return;
	if (pvg_shared_read32(pipe, PVG_PAGE_CURSOR_POSITION) != position)
		wanted |= PVG_CURSOR_FEATURE_POSITION;
	if (pvg_shared_read32(pipe, PVG_PAGE_CURSOR_VISIBLE) != cursor->visible)
		wanted |= PVG_CURSOR_FEATURE_VISIBLE;
	pvg_shared_write32(pipe, PVG_PAGE_CURSOR_POSITION, position);
	pvg_shared_write32(pipe, PVG_PAGE_CURSOR_VISIBLE, cursor->visible);
	if (wanted & pipe->cursor_features) {
		mb(); /* the words before the doorbell */
		pvg_write(pipe->pvg, PVG_REG_DISPLAY_DOORBELL, pipe->index);
	}
	if (cursor->sent_visible != cursor->visible)
		send_visible(pipe, cursor->visible);
}

/* Copy the plane's image into the unused buffer. Caller holds present_lock. */
static bool load_image(struct pvg_pipe *pipe, struct pvg_plane_state *state)
{
	struct pvg_cursor *cursor = &pipe->cursor;
	struct drm_framebuffer *fb = state->base.fb;
	unsigned int next = cursor->current_image == 0 ? 1 : 0;
	struct pvg_buffer *image = &cursor->images[next];
	u32 y, x0 = state->base.src_x >> 16, y0 = state->base.src_y >> 16;

	if (!state->map_obj)
		return false;
	if (pvg_fence_wait(pipe->pvg, &image->used, PVG_CURSOR_WAIT)) {
		drm_warn(&pipe->pvg->drm, "pipe %u: cursor image still in use, change dropped\n",
			 pipe->index);
		return false;
	}
	if (drm_gem_fb_begin_cpu_access(fb, DMA_FROM_DEVICE))
		return false;
	cursor->width = state->base.src_w >> 16;
	cursor->height = state->base.src_h >> 16;
	for (y = 0; y < cursor->height; y++)
		iosys_map_memcpy_from((u8 *)image->vaddr + y * cursor->width * 4, &state->map,
				      fb->offsets[0] + (y0 + y) * fb->pitches[0] + x0 * 4,
				      cursor->width * 4);
	drm_gem_fb_end_cpu_access(fb, DMA_FROM_DEVICE);
	cursor->current_image = next;
	return true;
}

/*
 * The wire's position is the pointer's and not negative: where the image hangs over the left or
 * upper edge the hot spot moves into the image by as much, so that position minus hot spot stays
 * the plane's position.
 */
static void cursor_update(struct pvg_pipe *pipe, struct pvg_plane_state *state, bool new_image)
{
	struct pvg_cursor *cursor = &pipe->cursor;
	int hot_x, hot_y;

	mutex_lock(&pipe->present_lock);
	cursor->visible = state->base.visible && state->base.fb;
	if (cursor->visible) {
		pvg_compat_hotspot(&state->base, &hot_x, &hot_y);
		if (new_image || cursor->current_image < 0)
			new_image = load_image(pipe, state);
		if (cursor->current_image < 0) {
			mutex_unlock(&pipe->present_lock);
			return;
		}
		hot_x = clamp(max(hot_x, -state->base.crtc_x), 0, (int)cursor->width - 1);
		hot_y = clamp(max(hot_y, -state->base.crtc_y), 0, (int)cursor->height - 1);
		if (new_image || hot_x != cursor->hot_x || hot_y != cursor->hot_y) {
			cursor->hot_x = hot_x;
			cursor->hot_y = hot_y;
			send_glyph(pipe);
		}
		cursor->x = clamp(state->base.crtc_x + hot_x, 0, PVG_CURSOR_MAX_COORDINATE);
		cursor->y = clamp(state->base.crtc_y + hot_y, 0, PVG_CURSOR_MAX_COORDINATE);
	}
	publish(pipe);
	mutex_unlock(&pipe->present_lock);
}

/**
 * pvg_cursor_resend() - tell a freshly started device about the cursor
 * @pipe: the pipe
 */
void pvg_cursor_resend(struct pvg_pipe *pipe)
{
	mutex_lock(&pipe->present_lock);
	pipe->cursor.sent_visible = false;
	if (pipe->cursor.current_image >= 0)
		send_glyph(pipe);
	publish(pipe);
	mutex_unlock(&pipe->present_lock);
}

/**
 * pvg_cursor_hide() - hide the cursor until the plane is updated next
 * @pipe: the pipe
 */
void pvg_cursor_hide(struct pvg_pipe *pipe)
{
	mutex_lock(&pipe->present_lock);
	pipe->cursor.visible = false;
	publish(pipe);
	mutex_unlock(&pipe->present_lock);
}

static int pvg_cursor_atomic_check(struct drm_plane *plane, struct drm_atomic_state *state)
{
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct pvg_pipe *pipe = container_of(plane, struct pvg_pipe, cursor_plane);
	struct drm_crtc_state *crtc_state = NULL;
	int ret;

	if (new->crtc)
		crtc_state = drm_atomic_get_new_crtc_state(state, new->crtc);
	if (!crtc_state) {
		new->visible = false;
		return 0;
	}
	ret = drm_atomic_helper_check_plane_state(new, crtc_state, DRM_PLANE_NO_SCALING,
						  DRM_PLANE_NO_SCALING, true, true);
	if (ret || !new->fb)
		return ret;
	if (!(new->src_w >> 16) || new->src_w >> 16 > pipe->cursor_max_width ||
	    !(new->src_h >> 16) || new->src_h >> 16 > pipe->cursor_max_height)
		return -EINVAL;
	return 0;
}

static bool same_image(const struct drm_plane_state *a, const struct drm_plane_state *b)
{
	return a->fb == b->fb && a->src_x == b->src_x && a->src_y == b->src_y &&
	       a->src_w == b->src_w && a->src_h == b->src_h;
}

static void pvg_cursor_atomic_update(struct drm_plane *plane, struct drm_atomic_state *state)
{
	struct drm_plane_state *old = drm_atomic_get_old_plane_state(state, plane);
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct drm_crtc_state *crtc_state = drm_atomic_get_new_crtc_state(state, new->crtc);
	struct pvg_pipe *pipe = container_of(plane, struct pvg_pipe, cursor_plane);

	/*
	 * A client that draws into its cursor says so by damage. What it has set while the CRTC was
	 * off comes here when that goes on.
	 */
	cursor_update(pipe, to_pvg_plane_state(new),
		      !same_image(old, new) || !old->visible || new->fb_damage_clips ||
		      drm_atomic_crtc_needs_modeset(crtc_state));
}

static void pvg_cursor_atomic_disable(struct drm_plane *plane, struct drm_atomic_state *state)
{
	struct pvg_pipe *pipe = container_of(plane, struct pvg_pipe, cursor_plane);

	pvg_cursor_hide(pipe);
}

static int pvg_cursor_prepare_fb(struct drm_plane *plane, struct drm_plane_state *state)
{
	struct pvg_plane_state *pstate = to_pvg_plane_state(state);
	int ret;

	if (!state->fb)
		return 0;
	ret = drm_gem_plane_helper_prepare_fb(plane, state);
	if (ret)
		return ret;
	ret = pvg_compat_vmap(state->fb->obj[0], &pstate->map);
	if (ret)
		return ret;
	pstate->map_obj = state->fb->obj[0];
	return 0;
}

static void pvg_cursor_cleanup_fb(struct drm_plane *plane, struct drm_plane_state *state)
{
	struct pvg_plane_state *pstate = to_pvg_plane_state(state);

	if (pstate->map_obj)
		pvg_compat_vunmap(pstate->map_obj, &pstate->map);
	pstate->map_obj = NULL;
}

/* The legacy cursor ioctls must neither wait for flips nor delay them. */
static int pvg_cursor_async_check(struct drm_plane *plane, struct drm_atomic_state *state)
{
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct drm_crtc_state *crtc_state;

	if (!plane->state->crtc || !plane->state->fb || !new->crtc || !new->fb)
		return -EINVAL;
	/* Nothing appears on a CRTC that is off. */
	crtc_state = drm_atomic_get_new_crtc_state(state, new->crtc);
	return crtc_state && crtc_state->active ? 0 : -EINVAL;
}

static void pvg_cursor_async_update(struct drm_plane *plane, struct drm_atomic_state *state)
{
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct drm_plane_state *now = plane->state;
	struct pvg_pipe *pipe = container_of(plane, struct pvg_pipe, cursor_plane);
	bool new_image = !same_image(now, new) || !now->visible;

	swap(now->fb, new->fb);
	swap(to_pvg_plane_state(now)->map, to_pvg_plane_state(new)->map);
	swap(to_pvg_plane_state(now)->map_obj, to_pvg_plane_state(new)->map_obj);
	now->src_x = new->src_x;
	now->src_y = new->src_y;
	now->src_w = new->src_w;
	now->src_h = new->src_h;
	now->crtc_x = new->crtc_x;
	now->crtc_y = new->crtc_y;
	now->crtc_w = new->crtc_w;
	now->crtc_h = new->crtc_h;
	now->src = new->src;
	now->dst = new->dst;
	now->visible = new->visible;
	pvg_compat_copy_hotspot(now, new);
	cursor_update(pipe, to_pvg_plane_state(now), new_image);
}

static const struct drm_plane_helper_funcs pvg_cursor_helper_funcs = {
	.prepare_fb = pvg_cursor_prepare_fb,
	.cleanup_fb = pvg_cursor_cleanup_fb,
	.atomic_check = pvg_cursor_atomic_check,
	.atomic_update = pvg_cursor_atomic_update,
	.atomic_disable = pvg_cursor_atomic_disable,
	.atomic_async_check = pvg_cursor_async_check,
	.atomic_async_update = pvg_cursor_async_update,
};

/**
 * pvg_cursor_init() - create the cursor plane
 * @pipe: the pipe; the device has a cursor
 *
 * Returns: 0 or a negative error.
 */
int pvg_cursor_init(struct pvg_pipe *pipe)
{
	size_t bytes = (size_t)pipe->cursor_max_width * pipe->cursor_max_height * 4;
	unsigned int i;
	int ret;

	pipe->cursor.current_image = -1;
	for (i = 0; i < ARRAY_SIZE(pipe->cursor.images); i++) {
		ret = pvg_buffer_alloc(pipe->pvg, &pipe->cursor.images[i], bytes);
		if (ret)
			return ret;
	}
	ret = drm_universal_plane_init(&pipe->pvg->drm, &pipe->cursor_plane, BIT(pipe->index),
				       &pvg_plane_funcs, pvg_cursor_formats,
				       ARRAY_SIZE(pvg_cursor_formats), NULL,
				       DRM_PLANE_TYPE_CURSOR, NULL);
	if (ret)
		return ret;
	drm_plane_helper_add(&pipe->cursor_plane, &pvg_cursor_helper_funcs);
	drm_plane_enable_fb_damage_clips(&pipe->cursor_plane);
	return 0;
}

/**
 * pvg_cursor_fini() - free the images
 * @pipe: the pipe; the device is stopped
 */
void pvg_cursor_fini(struct pvg_pipe *pipe)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pipe->cursor.images); i++)
		pvg_buffer_free(pipe->pvg, &pipe->cursor.images[i]);
}
