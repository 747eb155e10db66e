// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A pipe's connector and shared page: setting the page up, the online handshake, hot-plug, modes
 * and EDID (display 4, 5, 15.8).
 *
 * The page is the host's to change at any time; everything in it is copied and checked before use.
 */
#include <drm/drm_atomic_helper.h>
#include <drm/drm_connector.h>
#include <drm/drm_edid.h>
#include <drm/drm_modes.h>
#include <drm/drm_print.h>
#include <drm/drm_probe_helper.h>

#include "pvg_drv.h"

#define PVG_EVENTS_WANTED	(PVG_EVENT_ONLINE | PVG_EVENT_OFFLINE)
#define PVG_MIN_REFRESH		0x00010000	/* 1 Hz */
#define PVG_MAX_REFRESH		0x03e80000	/* 1000 Hz */
#define PVG_READ_RETRIES	8

/* CIE xy of sRGB and D65 as floats: 0.64 0.33, 0.30 0.60, 0.15 0.06, 0.3127 0.329 */
static const u32 pvg_srgb[8] = {
	0x3f23d70a, 0x3ea8f5c3, 0x3e99999a, 0x3f19999a,
	0x3e19999a, 0x3d75c28f, 0x3ea01a37, 0x3ea872b0,
};

static void page_preset(struct pvg_pipe *pipe)
{
	unsigned int i;

	memset(pipe->page, 0, pvg_page_size(pipe->pvg));
	for (i = 0; i < ARRAY_SIZE(pvg_srgb); i++)
		pvg_shared_write32(pipe, PVG_PAGE_CHROMATICITY + 4 * i, pvg_srgb[i]);
	/* both origins in one word */
	pvg_shared_write32(pipe, PVG_PAGE_ORIGIN_X, PVG_ORIGIN_UNSET | PVG_ORIGIN_UNSET << 16);
	pvg_shared_write32(pipe, PVG_PAGE_CURSOR_POSITION, PVG_CURSOR_NOWHERE);
}

static void read_name(struct pvg_pipe *pipe, char *name)
{
	unsigned int i;

	for (i = 0; i < PVG_PAGE_NAME_SIZE - 1; i++) {
		u8 c = READ_ONCE(pipe->page[PVG_PAGE_NAME + i]);

		if (!c)
			break;
		name[i] = c >= 0x20 && c < 0x7f ? c : '?';
	}
	if (!i)
		strscpy(name, "PVG display", PVG_PAGE_NAME_SIZE);
}

static void read_modes(struct pvg_pipe *pipe, struct pvg_monitor *info)
{
	unsigned int count = pvg_shared_read16(pipe, PVG_PAGE_MODE_COUNT);
	unsigned int i;

	if (count > PVG_MAX_MODES) {
		drm_warn_once(&pipe->pvg->drm, "pipe %u: %u modes, at most %u are possible\n",
			      pipe->index, count, PVG_MAX_MODES);
		count = PVG_MAX_MODES;
	}
	for (i = 0; i < count; i++) {
		u32 at = PVG_PAGE_MODES + i * PVG_MODE_SIZE;
		struct pvg_mode mode = {
			.width = pvg_shared_read16(pipe, at + PVG_MODE_WIDTH),
			.height = pvg_shared_read16(pipe, at + PVG_MODE_HEIGHT),
			.refresh = pvg_shared_read32(pipe, at + PVG_MODE_REFRESH),
		};

		if (!mode.width || !mode.height || mode.width > PVG_MAX_EXTENT ||
		    mode.height > PVG_MAX_EXTENT || mode.refresh < PVG_MIN_REFRESH ||
		    mode.refresh > PVG_MAX_REFRESH)
			continue;
		info->modes[info->mode_count++] = mode;
	}
}

/* Copy what the host says. The epoch moves when the host refills: start over then. */
static void read_monitor(struct pvg_pipe *pipe, struct pvg_monitor *info)
{
	unsigned int tries, i;

	for (tries = 0; tries < PVG_READ_RETRIES; tries++) {
		memset(info, 0, sizeof(*info));
		info->epoch = pvg_shared_read32(pipe, PVG_PAGE_EPOCH);
		rmb(); /* the epoch before the data */
		info->serial = pvg_shared_read32(pipe, PVG_PAGE_SERIAL);
		info->width_mm = pvg_shared_read16(pipe, PVG_PAGE_WIDTH_MM);
		info->height_mm = pvg_shared_read16(pipe, PVG_PAGE_HEIGHT_MM);
		for (i = 0; i < ARRAY_SIZE(info->chromaticity); i++)
			info->chromaticity[i] =
				pvg_shared_read32(pipe, PVG_PAGE_CHROMATICITY + 4 * i);
		read_name(pipe, info->name);
		read_modes(pipe, info);
		rmb(); /* the data before the epoch */
		if (info->epoch == pvg_shared_read32(pipe, PVG_PAGE_EPOCH))
			return;
	}
}

static void handle_online(struct pvg_pipe *pipe)
{
	struct pvg_device *pvg = pipe->pvg;
	struct pvg_monitor *info = kmalloc(sizeof(*info), GFP_KERNEL);
	struct pvg_packet pkt;

	if (!info)
		return;
	read_monitor(pipe, info);
	mutex_lock(&pipe->info_lock);
	pipe->info = *info;
	pipe->connected = info->mode_count > 0;
	mutex_unlock(&pipe->info_lock);
	if (info->mode_count)
		pvg_vblank_set_period(pipe, div_u64((u64)NSEC_PER_SEC << 16,
						    info->modes[0].refresh));

	pvg_packet_begin(&pkt, PVG_CMD_DISPLAY_ACK);
	pvg_packet_u32(&pkt, pipe->index);
	pvg_packet_u32(&pkt, info->epoch);
	pvg_fifo_submit(pipe->fifo, &pkt, NULL);
	drm_dbg(&pvg->drm, "pipe %u: online, epoch %u, %u modes\n", pipe->index, info->epoch,
		info->mode_count);
	kfree(info);
}

/**
 * pvg_pipe_event_work() - online and offline
 * @work: &pvg_pipe.event_work
 */
void pvg_pipe_event_work(struct work_struct *work)
{
	struct pvg_pipe *pipe = container_of(work, struct pvg_pipe, event_work);
	struct pvg_device *pvg = pipe->pvg;
	u32 claimed;

	mutex_lock(&pvg->state_lock);
	claimed = atomic_xchg(&pipe->claimed, 0);
	if (!claimed || !pvg->running) {
		mutex_unlock(&pvg->state_lock);
		return;
	}
	if (claimed & PVG_EVENT_ONLINE) {
		handle_online(pipe);
	} else {
		mutex_lock(&pipe->info_lock);
		pipe->connected = false;
		mutex_unlock(&pipe->info_lock);
	}
	mutex_unlock(&pvg->state_lock);

	wake_up_all(&pvg->online_wait);
	if (pvg->drm.registered)
		drm_kms_helper_connector_hotplug_event(&pipe->connector);
}

/**
 * pvg_pipe_irq() - the device wants attention for a pipe
 * @pipe: the pipe
 *
 * Interrupt context, inside an RCU read section.
 */
void pvg_pipe_irq(struct pvg_pipe *pipe)
{
	u32 claimed;

	if (!READ_ONCE(pipe->pvg->running))
		return;
	/*
	 * No operation of atomic_t: on one CPU they lose their lock prefix (x86), and the host is
	 * another one. The host sets enabled bits only: one that is not is an old one.
	 */
	claimed = xchg((u32 *)(pipe->page + PVG_PAGE_PENDING), 0) &
		  pvg_shared_read32(pipe, PVG_PAGE_ENABLED);

	if (claimed & PVG_EVENT_VBLANK)
		pvg_vblank_event(pipe);
	claimed &= PVG_EVENTS_WANTED;
	if (claimed) {
		atomic_or(claimed, &pipe->claimed);
		queue_work(pipe->pvg->wq, &pipe->event_work);
	}
}

/*
 * What the host offers. Tables and images have the size that the first start has found: a host that
 * offers more later on, after a fault or when the guest wakes up elsewhere, gets no more.
 */
static void read_offers(struct pvg_pipe *pipe)
{
	pipe->gamma_entries = min(pipe->gamma_entries,
				  pvg_shared_read32(pipe, PVG_PAGE_GAMMA_ENTRIES));
	if (pipe->gamma_entries < 2)
		pipe->gamma_entries = 0;
	pipe->cursor_max_width = min_t(u32, pipe->cursor_max_width,
				       pvg_shared_read16(pipe, PVG_PAGE_CURSOR_WIDTH));
	pipe->cursor_max_height = min_t(u32, pipe->cursor_max_height,
					pvg_shared_read16(pipe, PVG_PAGE_CURSOR_HEIGHT));
	pipe->cursor_features = pvg_shared_read32(pipe, PVG_PAGE_CURSOR_FEATURES);
}

/**
 * pvg_pipe_start() - open a pipe's channel and register its shared page
 * @pipe: the pipe
 *
 * Returns: 0 or a negative error.
 */
int pvg_pipe_start(struct pvg_pipe *pipe)
{
	struct pvg_device *pvg = pipe->pvg;
	struct drm_device *drm = &pvg->drm;
	struct pvg_packet pkt;
	struct pvg_fence fence;
	unsigned long flags;
	u32 enabled = PVG_EVENTS_WANTED;
	int ret;

	ret = pvg_channel_open(pvg, pvg->front.display_channel + pipe->index, 1, &pipe->fifo);
	if (ret)
		return ret;
	page_preset(pipe);
	pvg_packet_begin(&pkt, PVG_CMD_SET_SHARED_PAGE);
	pvg_packet_u32(&pkt, pipe->index);
	pvg_packet_u32(&pkt, pvg_wire_pfn(pvg, pipe->page));
	ret = pvg_fifo_submit(pipe->fifo, &pkt, &fence);
	if (!ret)
		ret = pvg_fence_wait(pvg, &fence, PVG_SETUP_TIMEOUT);
	if (ret) {
		drm_err(drm, "pipe %u: the shared page is not accepted (%d)\n", pipe->index, ret);
		return ret;
	}
	if (pvg_shared_read16(pipe, PVG_PAGE_PIPE) != pipe->index) {
		drm_err(drm, "pipe %u: the host calls it %u\n", pipe->index,
			pvg_shared_read16(pipe, PVG_PAGE_PIPE));
		return -EPROTO;
	}

	read_offers(pipe);
	spin_lock_irqsave(&pipe->vbl_lock, flags);
	if (pipe->vbl_enabled)
		enabled |= PVG_EVENT_VBLANK;
	atomic_set(pvg_shared_atomic(pipe, PVG_PAGE_ENABLED), enabled);
	spin_unlock_irqrestore(&pipe->vbl_lock, flags);

	/* A bit may be pending already. */
	local_irq_save(flags);
	rcu_read_lock();
	pvg_pipe_irq(pipe);
	rcu_read_unlock();
	local_irq_restore(flags);
	return 0;
}

/**
 * pvg_pipe_stop() - stop events; with @polite also let the channel finish
 * @pipe: the pipe
 * @polite: the device is believed to answer
 *
 * Returns: true when it still is.
 */
bool pvg_pipe_stop(struct pvg_pipe *pipe, bool polite)
{
	struct pvg_device *pvg = pipe->pvg;
	struct pvg_packet pkt;
	struct pvg_fence fence;

	if (!pipe->fifo)
		return polite;
	atomic_set(pvg_shared_atomic(pipe, PVG_PAGE_ENABLED), 0);
	if (!polite || !READ_ONCE(pvg->running))
		return false;
	pvg_cursor_hide(pipe);
	pvg_packet_begin(&pkt, PVG_CMD_NOP);
	return !pvg_fifo_submit(pipe->fifo, &pkt, &fence) &&
	       !pvg_fence_wait(pvg, &fence, PVG_SUBMIT_TIMEOUT) && !pvg_channel_delete(pipe->fifo);
}

static void add_mode(struct pvg_pipe *pipe, const struct pvg_mode *wire, bool preferred)
{
	struct drm_connector *connector = &pipe->connector;
	struct drm_display_mode *mode;
	struct pvg_timing t;

	mode = drm_mode_create(connector->dev);
	if (!mode)
		return;
	pvg_timing_make(&t, wire);
	mode->type = DRM_MODE_TYPE_DRIVER | (preferred ? DRM_MODE_TYPE_PREFERRED : 0);
	mode->clock = t.clock_khz;
	mode->hdisplay = t.hdisplay;
	mode->hsync_start = t.hsync_start;
	mode->hsync_end = t.hsync_end;
	mode->htotal = t.htotal;
	mode->vdisplay = t.vdisplay;
	mode->vsync_start = t.vsync_start;
	mode->vsync_end = t.vsync_end;
	mode->vtotal = t.vtotal;
	mode->flags = DRM_MODE_FLAG_PHSYNC | DRM_MODE_FLAG_NVSYNC;
	drm_mode_set_name(mode);
	drm_mode_probed_add(connector, mode);
}

static int pvg_connector_get_modes(struct drm_connector *connector)
{
	struct pvg_pipe *pipe = connector_to_pvg_pipe(connector);
	u8 *edid = kzalloc(PVG_EDID_MAX_SIZE, GFP_KERNEL);
	unsigned int i, count;

	if (!edid)
		return 0;
	mutex_lock(&pipe->info_lock);
	pvg_edid_make(edid, &pipe->info);
	count = pipe->info.mode_count;
	for (i = 0; i < count; i++)
		add_mode(pipe, &pipe->info.modes[i], !i);
	drm_connector_update_edid_property(connector, (struct edid *)edid);
	connector->display_info.width_mm = pipe->info.width_mm;
	connector->display_info.height_mm = pipe->info.height_mm;
	mutex_unlock(&pipe->info_lock);
	kfree(edid);
	return count;
}

static enum drm_connector_status pvg_connector_detect(struct drm_connector *connector, bool force)
{
	struct pvg_pipe *pipe = connector_to_pvg_pipe(connector);

	return READ_ONCE(pipe->connected) ? connector_status_connected :
					    connector_status_disconnected;
}

static const struct drm_connector_helper_funcs pvg_connector_helper_funcs = {
	.get_modes = pvg_connector_get_modes,
};

static const struct drm_connector_funcs pvg_connector_funcs = {
	.detect = pvg_connector_detect,
	.fill_modes = drm_helper_probe_single_connector_modes,
	.destroy = drm_connector_cleanup,
	.reset = drm_atomic_helper_connector_reset,
	.atomic_duplicate_state = drm_atomic_helper_connector_duplicate_state,
	.atomic_destroy_state = drm_atomic_helper_connector_destroy_state,
};

static const struct drm_encoder_funcs pvg_encoder_funcs = {
	.destroy = drm_encoder_cleanup,
};

/**
 * pvg_connector_init() - create encoder and connector of a pipe
 * @pipe: the pipe; its CRTC exists
 *
 * Returns: 0 or a negative error.
 */
int pvg_connector_init(struct pvg_pipe *pipe)
{
	struct drm_device *drm = &pipe->pvg->drm;
	int ret;

	ret = drm_encoder_init(drm, &pipe->encoder, &pvg_encoder_funcs,
			       DRM_MODE_ENCODER_VIRTUAL, NULL);
	if (ret)
		return ret;
	pipe->encoder.possible_crtcs = drm_crtc_mask(&pipe->crtc);

	ret = drm_connector_init(drm, &pipe->connector, &pvg_connector_funcs,
				 DRM_MODE_CONNECTOR_VIRTUAL);
	if (ret)
		return ret;
	drm_connector_helper_add(&pipe->connector, &pvg_connector_helper_funcs);
	drm_connector_attach_edid_property(&pipe->connector); /* not automatic for virtual ones */
	pipe->connector.polled = DRM_CONNECTOR_POLL_HPD;
	return drm_connector_attach_encoder(&pipe->connector, &pipe->encoder);
}
