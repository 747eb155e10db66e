// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mode setting: CRTCs, primary planes, commits (display 15.1, 15.10, 15.11).
 *
 * A mode is nothing on the wire but the extent of the surface that is presented. Every commit that
 * changes what the primary plane shows is one present; a CRTC that goes off shows a black surface.
 */
#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_color_mgmt.h>
#include <drm/drm_damage_helper.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_gem_atomic_helper.h>
#include <drm/drm_print.h>
#include <drm/drm_probe_helper.h>
#include <drm/drm_vblank.h>

#include "pvg_compat.h"
#include "pvg_drv.h"

#define PVG_GAMMA_LUT_SIZE	256
#define PVG_GAMMA_LUT_MAX	4096
#define PVG_OFF_TIMEOUT		msecs_to_jiffies(200)

static const u32 pvg_primary_formats[] = { DRM_FORMAT_XRGB8888 };

/* A copy without what a commit prepares. */
static struct drm_plane_state *plane_duplicate_state(struct drm_plane *plane)
{
	struct pvg_plane_state *state;

	if (WARN_ON(!plane->state))
		return NULL;
	state = kzalloc(sizeof(*state), GFP_KERNEL);
	if (!state)
		return NULL;
	__drm_atomic_helper_plane_duplicate_state(plane, &state->base);
	return &state->base;
}

static void plane_destroy_state(struct drm_plane *plane, struct drm_plane_state *state)
{
	struct pvg_plane_state *pstate = to_pvg_plane_state(state);

	pvg_surface_put(pstate->surface);
	__drm_atomic_helper_plane_destroy_state(state);
	kfree(pstate);
}

static void plane_reset(struct drm_plane *plane)
{
	struct pvg_plane_state *state;

	if (plane->state)
		plane_destroy_state(plane, plane->state);
	plane->state = NULL;
	state = kzalloc(sizeof(*state), GFP_KERNEL);
	if (state)
		__drm_atomic_helper_plane_reset(plane, &state->base);
}

/* Of both kinds of planes. */
const struct drm_plane_funcs pvg_plane_funcs = {
	.update_plane = drm_atomic_helper_update_plane,
	.disable_plane = drm_atomic_helper_disable_plane,
	.destroy = drm_plane_cleanup,
	.reset = plane_reset,
	.atomic_duplicate_state = plane_duplicate_state,
	.atomic_destroy_state = plane_destroy_state,
};

static int pvg_primary_atomic_check(struct drm_plane *plane, struct drm_atomic_state *state)
{
	struct drm_plane_state *new = drm_atomic_get_new_plane_state(state, plane);
	struct drm_crtc_state *crtc_state = NULL;

	if (new->crtc)
		crtc_state = drm_atomic_get_new_crtc_state(state, new->crtc);
	if (!crtc_state) {
		new->visible = false;
		return 0;
	}
	return drm_atomic_helper_check_plane_state(new, crtc_state, DRM_PLANE_NO_SCALING,
						   DRM_PLANE_NO_SCALING, false, true);
}

static int pvg_primary_prepare_fb(struct drm_plane *plane, struct drm_plane_state *state)
{
	struct pvg_plane_state *pstate = to_pvg_plane_state(state);
	struct pvg_surface *surface;

	if (!state->fb || !state->crtc || !state->visible)
		return 0;
	surface = pvg_surface_get(crtc_to_pvg_pipe(state->crtc), state->fb, state);
	if (IS_ERR(surface))
		return PTR_ERR(surface);
	pvg_surface_put(pstate->surface);
	pstate->surface = surface;
	return drm_gem_plane_helper_prepare_fb(plane, state);
}

static void pvg_primary_atomic_update(struct drm_plane *plane, struct drm_atomic_state *state)
{
	/* The present is made in atomic_flush: one per commit, together with gamma. */
}

static const struct drm_plane_helper_funcs pvg_primary_helper_funcs = {
	.prepare_fb = pvg_primary_prepare_fb,
	.atomic_check = pvg_primary_atomic_check,
	.atomic_update = pvg_primary_atomic_update,
};

static u64 pipe_period_ns(struct pvg_pipe *pipe)
{
	u64 period;

	spin_lock_irq(&pipe->vbl_lock);
	period = pipe->vbl_period_ns;
	spin_unlock_irq(&pipe->vbl_lock);
	return period;
}

static enum drm_mode_status pvg_crtc_mode_valid(struct drm_crtc *crtc,
						const struct drm_display_mode *mode)
{
	if (mode->hdisplay > PVG_MAX_EXTENT || mode->vdisplay > PVG_MAX_EXTENT)
		return MODE_BAD;
	if (mode->flags & DRM_MODE_FLAG_INTERLACE)
		return MODE_NO_INTERLACE;
	if (mode->flags & DRM_MODE_FLAG_DBLSCAN)
		return MODE_NO_DBLESCAN;
	return MODE_OK;
}

/* Any extent goes, but the refresh rate is the host's: frames are counted and timed by it. */
static bool pvg_crtc_mode_fixup(struct drm_crtc *crtc, const struct drm_display_mode *mode,
				struct drm_display_mode *adjusted)
{
	u64 pixels = (u64)adjusted->htotal * adjusted->vtotal;

	adjusted->clock = DIV_ROUND_CLOSEST_ULL(pixels * (NSEC_PER_SEC / 1000),
						pipe_period_ns(crtc_to_pvg_pipe(crtc)));
	adjusted->crtc_clock = adjusted->clock;
	return true;
}

static int pvg_crtc_atomic_check(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	struct drm_crtc_state *new = drm_atomic_get_new_crtc_state(state, crtc);
	int ret;

	if (new->enable && !(new->plane_mask & drm_plane_mask(crtc->primary)))
		return -EINVAL; /* the picture is the primary plane's */
	if (new->gamma_lut) {
		ret = drm_color_lut_size(new->gamma_lut);
		if (ret < 2 || ret > PVG_GAMMA_LUT_MAX)
			return -EINVAL;
	}
	return 0;
}

/* Commits that do not block hold no locks that a repaint knows. */
static void set_black(struct pvg_pipe *pipe, struct pvg_surface *black)
{
	mutex_lock(&pipe->present_lock);
	swap(pipe->black, black);
	mutex_unlock(&pipe->present_lock);
	pvg_surface_put(black);
}

static struct pvg_surface *get_black(struct pvg_pipe *pipe)
{
	struct pvg_surface *black;

	mutex_lock(&pipe->present_lock);
	black = pipe->black;
	if (black)
		kref_get(&black->ref);
	mutex_unlock(&pipe->present_lock);
	return black;
}

static void pvg_crtc_atomic_enable(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	set_black(crtc_to_pvg_pipe(crtc), NULL);
	drm_crtc_vblank_on(crtc);
}

static void show_black(struct pvg_pipe *pipe, const struct drm_display_mode *mode)
{
	struct pvg_surface *black = pvg_surface_black(pipe, mode->hdisplay, mode->vdisplay);

	if (IS_ERR(black))
		return;
	kref_get(&black->ref);
	set_black(pipe, black);
	pvg_present(pipe, black, NULL, PVG_PRESENT_ASYNC);
	pvg_surface_put(black);
	wait_event_timeout(pipe->present_wait, !READ_ONCE(pipe->pending_count), PVG_OFF_TIMEOUT);
}

static void pvg_crtc_atomic_disable(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	struct pvg_pipe *pipe = crtc_to_pvg_pipe(crtc);
	struct drm_crtc_state *old = drm_atomic_get_old_crtc_state(state, crtc);
	struct drm_crtc_state *new = drm_atomic_get_new_crtc_state(state, crtc);

	if (!new->active) {
		pvg_cursor_hide(pipe);
		show_black(pipe, &old->adjusted_mode);
	}
	pvg_present_abandon(pipe);
	drm_crtc_vblank_off(crtc);

	spin_lock_irq(&crtc->dev->event_lock);
	if (new->event && !new->active) {
		drm_crtc_send_vblank_event(crtc, new->event);
		new->event = NULL;
	}
	spin_unlock_irq(&crtc->dev->event_lock);
}

static void update_gamma(struct pvg_pipe *pipe, struct drm_crtc_state *state)
{
	struct drm_property_blob *blob = state->gamma_lut;
	const struct drm_color_lut *lut = blob ? blob->data : NULL;
	unsigned int length = blob ? drm_color_lut_size(blob) : 0;

	pvg_gamma_update(pipe, lut, length);
	pvg_crc_gamma(pipe, lut, length);
}

/* Does this commit change what the pipe shows? Cursor moves do not go through presents. */
static bool needs_present(struct pvg_pipe *pipe, struct drm_atomic_state *state,
			  struct drm_crtc_state *crtc_state)
{
	return drm_atomic_crtc_needs_modeset(crtc_state) || crtc_state->color_mgmt_changed ||
	       drm_atomic_get_new_plane_state(state, &pipe->primary);
}

static void finish_event(struct pvg_pipe *pipe, struct drm_pending_vblank_event *event)
{
	struct drm_crtc *crtc = &pipe->crtc;
	bool vblank = !drm_crtc_vblank_get(crtc);

	spin_lock_irq(&crtc->dev->event_lock);
	if (vblank)
		drm_crtc_arm_vblank_event(crtc, event);
	else
		drm_crtc_send_vblank_event(crtc, event);
	spin_unlock_irq(&crtc->dev->event_lock);
}

static void pvg_crtc_atomic_flush(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	struct pvg_pipe *pipe = crtc_to_pvg_pipe(crtc);
	struct drm_crtc_state *crtc_state = drm_atomic_get_new_crtc_state(state, crtc);
	struct drm_plane_state *plane_state = pipe->primary.state;
	struct pvg_surface *surface = to_pvg_plane_state(plane_state)->surface;
	struct drm_pending_vblank_event *event = crtc_state->event;
	int ret;

	crtc_state->event = NULL;
	if (!surface || !needs_present(pipe, state, crtc_state)) {
		if (event)
			finish_event(pipe, event);
		return;
	}
	if (drm_atomic_crtc_needs_modeset(crtc_state) || crtc_state->color_mgmt_changed)
		update_gamma(pipe, crtc_state);
	pvg_crc_shown(pipe, plane_state->fb, plane_state);
	ret = pvg_present(pipe, surface, event, crtc_state->async_flip ? PVG_PRESENT_ASYNC : 0);
	if (ret && event)
		finish_event(pipe, event);
}

static const struct drm_crtc_helper_funcs pvg_crtc_helper_funcs = {
	.mode_valid = pvg_crtc_mode_valid,
	.mode_fixup = pvg_crtc_mode_fixup,
	.atomic_check = pvg_crtc_atomic_check,
	.atomic_flush = pvg_crtc_atomic_flush,
	.atomic_enable = pvg_crtc_atomic_enable,
	.atomic_disable = pvg_crtc_atomic_disable,
};

static const struct drm_crtc_funcs pvg_crtc_funcs = {
	.reset = drm_atomic_helper_crtc_reset,
	.destroy = drm_crtc_cleanup,
	.set_config = drm_atomic_helper_set_config,
	.page_flip = pvg_crtc_page_flip,
	.atomic_duplicate_state = drm_atomic_helper_crtc_duplicate_state,
	.atomic_destroy_state = drm_atomic_helper_crtc_destroy_state,
	.enable_vblank = pvg_vblank_enable,
	.disable_vblank = pvg_vblank_disable,
	.get_vblank_counter = pvg_vblank_counter,
	.get_vblank_timestamp = pvg_vblank_timestamp,
	.set_crc_source = pvg_crc_set_source,
	.verify_crc_source = pvg_crc_verify_source,
	.get_crc_sources = pvg_crc_sources,
};

static void pvg_commit_tail(struct drm_atomic_state *state)
{
	struct drm_device *dev = state->dev;

	drm_atomic_helper_commit_modeset_disables(dev, state);
	drm_atomic_helper_commit_modeset_enables(dev, state);
	drm_atomic_helper_commit_planes(dev, state, DRM_PLANE_COMMIT_ACTIVE_ONLY);
	drm_atomic_helper_commit_hw_done(state);
	drm_atomic_helper_wait_for_flip_done(dev, state);
	drm_atomic_helper_cleanup_planes(dev, state);
}

/* The only CRTC of an asynchronous flip that came as an atomic commit, or NULL. */
static struct drm_crtc *async_commit_crtc(struct drm_atomic_state *state)
{
	struct drm_crtc *crtc, *found = NULL;
	struct drm_crtc_state *crtc_state;
	struct drm_connector *connector;
	struct drm_connector_state *connector_state;
	struct drm_plane *plane;
	struct drm_plane_state *old, *new;
	int i;

	for_each_new_crtc_in_state(state, crtc, crtc_state, i) {
		if (found || !crtc_state->async_flip || drm_atomic_crtc_needs_modeset(crtc_state) ||
		    crtc_state->color_mgmt_changed)
			return NULL;
		found = crtc;
	}
	for_each_new_connector_in_state(state, connector, connector_state, i)
		return NULL;
	for_each_oldnew_plane_in_state(state, plane, old, new, i) {
		if (!found || plane != found->primary) {
			/* Planes in the state that do not change are no obstacle. */
			if (plane->type == DRM_PLANE_TYPE_CURSOR && old->fb == new->fb)
				continue;
			return NULL;
		}
		if (!new->fb || new->crtc != found ||
		    !new->visible || !drm_rect_equals(&new->src, &old->src) ||
		    (new->fence && !dma_fence_is_signaled(new->fence)))
			return NULL;
	}
	return found;
}

static int pvg_atomic_commit(struct drm_device *dev, struct drm_atomic_state *state, bool nonblock)
{
	struct drm_crtc *crtc = async_commit_crtc(state);

	if (crtc) {
		struct drm_crtc_state *crtc_state = drm_atomic_get_new_crtc_state(state, crtc);
		struct drm_plane_state *plane_state =
			drm_atomic_get_new_plane_state(state, crtc->primary);
		int ret = -EAGAIN;

		if (plane_state)
			ret = pvg_async_flip(crtc_to_pvg_pipe(crtc), plane_state->fb,
					     crtc_state->event);
		if (!ret)
			crtc_state->event = NULL;
		/* A blocking commit waits for the flip that is in its way. */
		if (ret == -EBUSY && !nonblock)
			ret = -EAGAIN;
		if (ret != -EAGAIN)
			return ret;
	}
	return drm_atomic_helper_commit(dev, state, nonblock);
}

static const struct drm_mode_config_helper_funcs pvg_mode_config_helper_funcs = {
	.atomic_commit_tail = pvg_commit_tail,
};

static const struct drm_mode_config_funcs pvg_mode_config_funcs = {
	.fb_create = pvg_fb_create,
	.atomic_check = drm_atomic_helper_check,
	.atomic_commit = pvg_atomic_commit,
};

static int pipe_init(struct pvg_pipe *pipe)
{
	struct drm_device *drm = &pipe->pvg->drm;
	bool has_cursor = pipe->cursor_max_width && pipe->cursor_max_height;
	int ret;

	ret = drm_universal_plane_init(drm, &pipe->primary, BIT(pipe->index), &pvg_plane_funcs,
				       pvg_primary_formats, ARRAY_SIZE(pvg_primary_formats), NULL,
				       DRM_PLANE_TYPE_PRIMARY, NULL);
	if (ret)
		return ret;
	drm_plane_helper_add(&pipe->primary, &pvg_primary_helper_funcs);
	drm_plane_enable_fb_damage_clips(&pipe->primary);

	if (has_cursor) {
		ret = pvg_cursor_init(pipe);
		if (ret)
			return ret;
	}
	ret = drm_crtc_init_with_planes(drm, &pipe->crtc, &pipe->primary,
					has_cursor ? &pipe->cursor_plane : NULL,
					&pvg_crtc_funcs, NULL);
	if (ret)
		return ret;
	drm_crtc_helper_add(&pipe->crtc, &pvg_crtc_helper_funcs);

	if (pipe->gamma_entries) {
		ret = pvg_gamma_init(pipe);
		if (!ret)
			ret = drm_mode_crtc_set_gamma_size(&pipe->crtc, PVG_GAMMA_LUT_SIZE);
		if (ret)
			return ret;
		drm_crtc_enable_color_mgmt(&pipe->crtc, 0, false, PVG_GAMMA_LUT_SIZE);
	}
	return pvg_connector_init(pipe);
}

/**
 * pvg_kms_init() - create all mode objects
 * @pvg: the device, started: cursor and gamma depend on what the host offers
 *
 * Returns: 0 or a negative error.
 */
int pvg_kms_init(struct pvg_device *pvg)
{
	struct drm_device *drm = &pvg->drm;
	struct drm_mode_config *config = &drm->mode_config;
	unsigned int i;
	int ret;

	config->min_width = 1;
	config->min_height = 1;
	config->max_width = PVG_MAX_EXTENT;
	config->max_height = PVG_MAX_EXTENT;
	config->preferred_depth = 24;
	config->async_page_flip = true;
	config->cursor_width = 64;
	config->cursor_height = 64;
	config->funcs = &pvg_mode_config_funcs;
	config->helper_private = &pvg_mode_config_helper_funcs;

	for (i = 0; i < pvg->pipe_count; i++) {
		struct pvg_pipe *pipe = &pvg->pipes[i];

		ret = pipe_init(pipe);
		if (ret)
			return ret;
		if (!i && pipe->cursor_max_width && pipe->cursor_max_height) {
			config->cursor_width = pipe->cursor_max_width;
			config->cursor_height = pipe->cursor_max_height;
		}
	}
	ret = drm_vblank_init(drm, pvg->pipe_count);
	if (ret)
		return ret;
	drm->max_vblank_count = U32_MAX;
	drm_mode_config_reset(drm);
	return 0;
}

/**
 * pvg_kms_fini() - free what pipes own beyond mode objects
 * @pvg: the device, stopped, mode objects cleaned up
 */
void pvg_kms_fini(struct pvg_device *pvg)
{
	unsigned int i;

	for (i = 0; i < pvg->pipe_count; i++) {
		pvg_surface_put(pvg->pipes[i].black);
		pvg->pipes[i].black = NULL;
		pvg_cursor_fini(&pvg->pipes[i]);
		pvg_gamma_fini(&pvg->pipes[i]);
	}
}

static void repaint_pipe(struct pvg_pipe *pipe)
{
	struct pvg_plane_state *state = to_pvg_plane_state(pipe->primary.state);
	struct pvg_surface *black = get_black(pipe);

	pvg_cursor_resend(pipe);
	update_gamma(pipe, pipe->crtc.state);
	if (pipe->crtc.state->active && state->surface)
		pvg_present(pipe, state->surface, NULL, PVG_PRESENT_ASYNC);
	else if (black)
		pvg_present(pipe, black, NULL, PVG_PRESENT_ASYNC);
	pvg_surface_put(black);
}

/**
 * pvg_kms_repaint() - show everything again on a device that was restarted
 * @pvg: the device
 */
void pvg_kms_repaint(struct pvg_device *pvg)
{
	struct drm_modeset_acquire_ctx ctx;
	struct drm_device *drm = &pvg->drm;
	unsigned int i;
	int ret;

	DRM_MODESET_LOCK_ALL_BEGIN(drm, ctx, 0, ret);
	for (i = 0; i < pvg->pipe_count; i++)
		repaint_pipe(&pvg->pipes[i]);
	DRM_MODESET_LOCK_ALL_END(drm, ctx, ret);
}
