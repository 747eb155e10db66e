// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Presents: putting a surface on a pipe, following the stamps, and delivering page-flip events
 * (display 7, 15.10).
 *
 * A present is one packet; up to two may be open. An ordinary flip is reported at the first
 * vertical blank after its stamp. An asynchronous flip is reported when every older present has its
 * stamp, which is when the buffer it replaces is free: hosts complete a present that is superseded
 * at once but hold the newest until the next refresh tick (decision 1), so this keeps two presents
 * in flight for a client that knows only one flip at a time. Everything up to the event happens in
 * the flip's system call and in the interrupt: no worker, no sleeping round trip.
 */
#include <linux/dma-resv.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_print.h>
#include <drm/drm_vblank.h>

#include "pvg_drv.h"

#define PVG_FLIP_ROOM_TIMEOUT	msecs_to_jiffies(1000)
#define PVG_STALL_WARN_MS	1000
#define PVG_STALL_DEAD_MS	10000

/**
 * pvg_send_event_now() - deliver an event with the present time
 * @pipe: the pipe
 * @event: the event
 *
 * Caller holds the device's event_lock.
 */
void pvg_send_event_now(struct pvg_pipe *pipe, struct drm_pending_vblank_event *event)
{
	struct drm_device *drm = &pipe->pvg->drm;
	ktime_t now = ktime_get();
	struct timespec64 ts = ktime_to_timespec64(now);

	switch (event->event.base.type) {
	case DRM_EVENT_VBLANK:
	case DRM_EVENT_FLIP_COMPLETE:
		event->event.vbl.sequence = drm_crtc_vblank_count(&pipe->crtc);
		event->event.vbl.tv_sec = ts.tv_sec;
		event->event.vbl.tv_usec = ts.tv_nsec / NSEC_PER_USEC;
		break;
	}
	drm_send_event_timestamp_locked(drm, &event->base, now);
}

/* Deliver the event of a finished present. Caller holds event_lock. */
static void pending_complete(struct pvg_pipe *pipe, struct pvg_pending *pending)
{
	struct drm_pending_vblank_event *event = pending->event;
	ktime_t vblank, now;

	if (!event)
		return;
	pending->event = NULL;
	if (!pending->vblank_ref) {
		pvg_send_event_now(pipe, event);
		return;
	}
	/*
	 * The stamp may come a moment after the vertical blank at which the host took the picture:
	 * one clock drives both. The flip belongs to that vertical blank then, not to the next one.
	 */
	drm_crtc_vblank_count_and_time(&pipe->crtc, &vblank);
	now = ktime_get();
	if (ktime_before(pending->submitted, vblank) &&
	    ktime_to_ns(ktime_sub(now, vblank)) < pipe->vbl_period_ns / 2) {
		drm_crtc_send_vblank_event(&pipe->crtc, event);
		drm_crtc_vblank_put(&pipe->crtc);
	} else {
		drm_crtc_arm_vblank_event(&pipe->crtc, event);
	}
}

/* Caller holds event_lock. */
static void pending_advance(struct pvg_pipe *pipe)
{
	struct pvg_device *pvg = pipe->pvg;
	unsigned int done = 0;

	while (done < pipe->pending_count && pvg_fence_reached(pvg, &pipe->pending[done].fence))
		pending_complete(pipe, &pipe->pending[done++]);
	if (done) {
		pipe->pending_count -= done;
		memmove(pipe->pending, pipe->pending + done,
			pipe->pending_count * sizeof(pipe->pending[0]));
		pipe->stall_warned = false;
		if (wq_has_sleeper(&pipe->present_wait))
			wake_up_all(&pipe->present_wait);
	}
	if (pipe->pending_count && pipe->pending[0].async)
		pending_complete(pipe, &pipe->pending[0]);
}

/**
 * pvg_present_retire() - look at the stamps of a pipe's presents
 * @pipe: the pipe
 *
 * Any context, no locks held.
 */
void pvg_present_retire(struct pvg_pipe *pipe)
{
	struct drm_device *drm = &pipe->pvg->drm;
	unsigned long flags;

	spin_lock_irqsave(&drm->event_lock, flags);
	if (pipe->pending_count)
		pending_advance(pipe);
	spin_unlock_irqrestore(&drm->event_lock, flags);
}

/**
 * pvg_present_abandon() - complete everything that is open
 * @pipe: the pipe
 *
 * For a device that is stopped, or a pipe that goes off with a present that the host holds.
 */
void pvg_present_abandon(struct pvg_pipe *pipe)
{
	struct drm_device *drm = &pipe->pvg->drm;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&drm->event_lock, flags);
	for (i = 0; i < pipe->pending_count; i++)
		pending_complete(pipe, &pipe->pending[i]);
	pipe->pending_count = 0;
	pipe->stall_warned = false;
	spin_unlock_irqrestore(&drm->event_lock, flags);
	wake_up_all(&pipe->present_wait);
}

/**
 * pvg_present_stalled() - is the oldest present overdue?
 * @pipe: the pipe
 *
 * Warns once after a second.
 *
 * Returns: true when the pipe's channel has to be given up.
 */
bool pvg_present_stalled(struct pvg_pipe *pipe)
{
	struct drm_device *drm = &pipe->pvg->drm;
	s64 age = 0;
	bool warn = false;

	spin_lock_irq(&drm->event_lock);
	if (pipe->pending_count)
		age = ktime_ms_delta(ktime_get(), pipe->pending[0].submitted);
	if (age >= PVG_STALL_WARN_MS && !pipe->stall_warned) {
		pipe->stall_warned = true;
		warn = true;
	}
	spin_unlock_irq(&drm->event_lock);
	if (warn)
		drm_warn(drm, "pipe %u: a present is open for %lld ms\n", pipe->index, age);
	return age >= PVG_STALL_DEAD_MS;
}

static bool present_room(struct pvg_pipe *pipe)
{
	return READ_ONCE(pipe->pending_count) < PVG_MAX_PRESENTS_IN_FLIGHT ||
	       !READ_ONCE(pipe->pvg->running);
}

/* Wait until the device knows the surface. Both fences are of one channel: the later one does. */
static void surface_wait(struct pvg_surface *surface, struct pvg_packet *pkt)
{
	bool listed_later = surface->listed.stamp > surface->mapped.stamp;

	pvg_packet_wait(surface->pvg, pkt, listed_later ? &surface->listed : &surface->mapped);
}

/* The table to use from this present on, or none. */
static void gamma_block(struct pvg_pipe *pipe, struct pvg_packet *pkt)
{
	struct pvg_device *pvg = pipe->pvg;
	struct pvg_buffer *gamma = pipe->gamma_used;

	pvg_packet_u64(pkt, gamma ? pvg_range_address(pvg, &gamma->range) : 0);
	pvg_packet_u64(pkt, gamma ? pvg_range_length(pvg, &gamma->range) : 0);
	pvg_packet_u32(pkt, gamma ? pipe->gamma_entries : 0);
	pvg_packet_u32(pkt, gamma ? pipe->gamma_sum : 0);
}

static void present_packet(struct pvg_pipe *pipe, struct pvg_surface *surface,
			   struct pvg_packet *pkt)
{
	if (surface->mapping) {
		pvg_packet_begin(pkt, PVG_CMD_PRESENT_MAPPING);
		pvg_packet_u32(pkt, pipe->index);
		pvg_packet_u32(pkt, PVG_KERNEL_TASK_ID);
		pvg_packet_u32(pkt, surface->mapping->id);
		pvg_packet_u32(pkt, 0);
		gamma_block(pipe, pkt);
		return;
	}
	pvg_packet_begin(pkt, pipe->gamma_entries ? PVG_CMD_PRESENT_GAMMA : PVG_CMD_PRESENT);
	if (!surface->gem)
		surface_wait(surface, pkt); /* no packet goes before */
	pvg_packet_u32(pkt, pipe->index);
	if (!pipe->gamma_entries) {
		pvg_packet_u32(pkt, surface->slot);
		pvg_packet_u32(pkt, PVG_KERNEL_TASK_ID);
		return;
	}
	pvg_packet_u32(pkt, PVG_KERNEL_TASK_ID);
	pvg_packet_u32(pkt, surface->slot);
	gamma_block(pipe, pkt);
}

/*
 * The CPU may have written the surface (memory 6.2): nobody tells, so say so with every present.
 * The black surface never changes, and mappings are no objects: there is nothing to say it of.
 */
static struct pvg_packet *invalidate_packet(struct pvg_surface *surface, struct pvg_packet *pkt)
{
	if (!surface->gem || surface->mapping)
		return NULL;
	pvg_packet_begin(pkt, PVG_CMD_INVALIDATE);
	surface_wait(surface, pkt);
	pvg_packet_u32(pkt, PVG_KERNEL_TASK_ID);
	pvg_packet_u32(pkt, 1);
	pvg_packet_u32(pkt, surface->slot);
	pvg_packet_u32(pkt, PVG_INVALIDATE_PAGE_ON);
	return pkt;
}

/* Wait until fewer than two presents are open. */
static int wait_for_room(struct pvg_pipe *pipe, bool interruptible)
{
	long left;

	if (present_room(pipe))
		return 0;
	pipe->stats.waits++;
	if (!interruptible) {
		/* Ends in any case: the watchdog restarts a device that holds one for long. */
		while (!wait_event_timeout(pipe->present_wait, present_room(pipe), HZ / 10))
			pvg_present_retire(pipe);
		return 0;
	}
	left = wait_event_interruptible_timeout(pipe->present_wait, present_room(pipe),
						PVG_FLIP_ROOM_TIMEOUT);
	if (left > 0)
		return 0;
	return left ? -ERESTARTSYS : -EBUSY;
}

/* Send a present and note it down in one step: the interrupt may come at once. */
static int present_send(struct pvg_pipe *pipe, struct pvg_surface *surface,
			struct drm_pending_vblank_event *event, bool async)
{
	struct pvg_device *pvg = pipe->pvg;
	struct drm_device *drm = &pvg->drm;
	bool vblank_ref = event && !async && !drm_crtc_vblank_get(&pipe->crtc);
	struct pvg_packet pkt, invalidate, *before;
	struct pvg_pending *pending;
	struct pvg_fence fence;
	unsigned long flags;
	int ret = -ENODEV;

	present_packet(pipe, surface, &pkt);
	before = invalidate_packet(surface, &invalidate);
	spin_lock_irqsave(&drm->event_lock, flags);
	if (READ_ONCE(pvg->running))
		ret = pvg_fifo_try_submit(pipe->fifo, before, &pkt, &fence);
	if (!ret) {
		surface->presented = fence;
		if (pipe->gamma_used)
			pipe->gamma_used->used = fence;
		pending = &pipe->pending[pipe->pending_count++];
		pending->fence = fence;
		pending->event = event;
		pending->async = async || !vblank_ref;
		pending->vblank_ref = vblank_ref;
		pending->submitted = ktime_get();
		pending_advance(pipe);
	}
	spin_unlock_irqrestore(&drm->event_lock, flags);
	if (ret && vblank_ref)
		drm_crtc_vblank_put(&pipe->crtc);
	return ret;
}

/**
 * pvg_present() - show a surface
 * @pipe: the pipe
 * @surface: the surface
 * @event: event to deliver, or NULL; owned by this function when it returns 0
 * @flags: PVG_PRESENT_*
 *
 * Process context. Sleeps only while two presents are open, or the ring is full.
 *
 * Returns: 0; -ENODEV when the device is stopped; when interruptible also -EBUSY after a second
 * without a completed present and -ERESTARTSYS on a signal.
 */
int pvg_present(struct pvg_pipe *pipe, struct pvg_surface *surface,
		struct drm_pending_vblank_event *event, unsigned int flags)
{
	unsigned long deadline = jiffies + PVG_SUBMIT_TIMEOUT;
	struct pvg_device *pvg = pipe->pvg;
	int ret;

	mutex_lock(&pipe->present_lock);
	do {
		ret = wait_for_room(pipe, flags & PVG_PRESENT_INTERRUPTIBLE);
		if (!ret)
			ret = present_send(pipe, surface, event, flags & PVG_PRESENT_ASYNC);
		if (ret == -EAGAIN) {
			/* Full of cursor commands. Ends in any case: a restart empties the ring. */
			if (time_after(jiffies, deadline))
				pvg_device_fault(pvg, "a channel for presents stays full");
			schedule_timeout_uninterruptible(1);
		}
	} while (ret == -EAGAIN || ret == -ESTALE);
	if (!ret) {
		pipe->gamma_used = NULL;
		pipe->stats.presents++;
		if (!delayed_work_pending(&pvg->watchdog))
			schedule_delayed_work(&pvg->watchdog, HZ);
	}
	mutex_unlock(&pipe->present_lock);
	return ret;
}

/* May a flip skip the commit machinery? Caller holds the CRTC's and the primary plane's lock. */
static int async_possible(struct pvg_pipe *pipe, struct drm_framebuffer *fb)
{
	struct drm_plane_state *plane_state = pipe->primary.state;
	struct drm_crtc_state *crtc_state = pipe->crtc.state;

	if (!crtc_state->active || plane_state->crtc != &pipe->crtc || !plane_state->fb ||
	    !plane_state->visible)
		return -EAGAIN;
	/* A flip that waits for its vertical blank must be reported first. */
	if (crtc_state->commit && !try_wait_for_completion(&crtc_state->commit->flip_done))
		return -EBUSY;
	if (plane_state->commit && !try_wait_for_completion(&plane_state->commit->hw_done))
		return -EBUSY;
	if (!dma_resv_test_signaled(fb->obj[0]->resv, DMA_RESV_USAGE_WRITE))
		return -EAGAIN;
	return 0;
}

/**
 * pvg_async_flip() - flip the primary plane at once
 * @pipe: the pipe
 * @fb: new framebuffer, of a size that the plane's source rectangle fits in
 * @event: event to deliver or NULL; owned by this function when it returns 0
 *
 * Caller holds the CRTC's and the primary plane's lock. The plane's state is changed in place, as
 * for asynchronous plane updates.
 *
 * Returns: 0; -EAGAIN when the flip needs an ordinary commit; -EBUSY; -ERESTARTSYS; other negative
 * errors.
 */
int pvg_async_flip(struct pvg_pipe *pipe, struct drm_framebuffer *fb,
		   struct drm_pending_vblank_event *event)
{
	struct pvg_plane_state *state = to_pvg_plane_state(pipe->primary.state);
	struct drm_framebuffer *old_fb;
	struct pvg_surface *surface;
	int ret;

	ret = async_possible(pipe, fb);
	if (ret)
		return ret;
	surface = pvg_surface_get(pipe, fb, &state->base);
	if (IS_ERR(surface))
		return PTR_ERR(surface);
	ret = pvg_present(pipe, surface, event, PVG_PRESENT_ASYNC | PVG_PRESENT_INTERRUPTIBLE);
	if (ret) {
		pvg_surface_put(surface);
		/* For a stopped device the commit path completes the event. */
		return ret == -ENODEV ? -EAGAIN : ret;
	}
	pipe->stats.async_flips++;
	pvg_crc_shown(pipe, fb, &state->base);

	old_fb = state->base.fb;
	drm_framebuffer_get(fb);
	state->base.fb = fb;
	swap(state->surface, surface);
	drm_framebuffer_put(old_fb);
	pvg_surface_put(surface);
	return 0;
}

/**
 * pvg_crtc_page_flip() - the page-flip ioctl
 * @crtc: CRTC
 * @fb: new framebuffer
 * @event: event or NULL
 * @flags: DRM_MODE_PAGE_FLIP_*
 * @ctx: locks held
 *
 * Returns: 0 or a negative error.
 */
int pvg_crtc_page_flip(struct drm_crtc *crtc, struct drm_framebuffer *fb,
		       struct drm_pending_vblank_event *event, uint32_t flags,
		       struct drm_modeset_acquire_ctx *ctx)
{
	if (flags & DRM_MODE_PAGE_FLIP_ASYNC) {
		int ret = pvg_async_flip(crtc_to_pvg_pipe(crtc), fb, event);

		if (ret != -EAGAIN)
			return ret;
	}
	return drm_atomic_helper_page_flip(crtc, fb, event, flags, ctx);
}

/* Present what a plane shows if it shows @fb. */
static int dirty_pipe(struct pvg_pipe *pipe, struct drm_framebuffer *fb,
		      struct drm_modeset_acquire_ctx *ctx, unsigned int interruptible)
{
	struct pvg_plane_state *state;
	int ret;

	ret = drm_modeset_lock(&pipe->crtc.mutex, ctx);
	if (ret)
		return ret;
	ret = drm_modeset_lock(&pipe->primary.mutex, ctx);
	if (ret)
		return ret;
	state = to_pvg_plane_state(pipe->primary.state);
	if (state->base.fb != fb || !pipe->crtc.state->active || !state->surface)
		return 0;
	if (state->base.commit) {
		long left = wait_for_completion_interruptible_timeout(&state->base.commit->hw_done,
								      10 * HZ);
		if (left < 0)
			return left;
	}
	ret = pvg_present(pipe, state->surface, NULL, PVG_PRESENT_ASYNC | interruptible);
	return ret == -ENODEV ? 0 : ret;
}

/**
 * pvg_fb_dirty() - show what was drawn into a framebuffer on screen
 * @fb: framebuffer
 * @file: DRM client
 * @flags: unused
 * @color: unused
 * @clips: unused: the wire has no damage
 * @num_clips: unused
 *
 * Returns: 0 or a negative error.
 */
int pvg_fb_dirty(struct drm_framebuffer *fb, struct drm_file *file, unsigned int flags,
		 unsigned int color, struct drm_clip_rect *clips, unsigned int num_clips)
{
	struct pvg_device *pvg = to_pvg_device(fb->dev);
	struct drm_modeset_acquire_ctx ctx;
	unsigned int i;
	int ret;

	drm_modeset_acquire_init(&ctx, file ? DRM_MODESET_ACQUIRE_INTERRUPTIBLE : 0);
retry:
	ret = 0;
	for (i = 0; i < pvg->pipe_count && !ret; i++)
		ret = dirty_pipe(&pvg->pipes[i], fb, &ctx, file ? PVG_PRESENT_INTERRUPTIBLE : 0);
	if (ret == -EDEADLK) {
		ret = drm_modeset_backoff(&ctx);
		if (!ret)
			goto retry;
	}
	drm_modeset_drop_locks(&ctx);
	drm_modeset_acquire_fini(&ctx);
	return ret;
}
