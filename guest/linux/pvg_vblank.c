// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Vertical blank (display 6.3, 15.11): event class 0 of the shared page, with timestamps on the
 * refresh grid.
 *
 * The device ticks on a fixed grid; an interrupt arrives a little after its tick. The grid's phase
 * follows the earliest arrivals, so that timestamps have neither the interrupt's jitter nor a
 * drift. Counting by time keeps the frame number right while events are off or merged. When the
 * device delivers no events at all, a timer at the same rate does.
 */
#include <linux/math64.h>

#include <drm/drm_vblank.h>

#include "pvg_compat.h"
#include "pvg_drv.h"

#define PVG_VBL_WATCH_NS	(100 * NSEC_PER_MSEC)	/* then the timer stands in */
#define PVG_VBL_STALE_PERIODS	2
#define PVG_VBL_LATE_TICKS	4

/*
 * The time moves on by @delta: count whole periods. Caller holds vbl_lock.
 *
 * What rounding leaves over is kept, so that the count follows the time however often the grid
 * starts anew; one tick is one frame as long as that keeps the rest within three quarters of a
 * period.
 */
static void grid_advance(struct pvg_pipe *pipe, s64 delta)
{
	s64 period = pipe->vbl_period_ns;
	s64 n = 1;

	pipe->vbl_time = ktime_add_ns(pipe->vbl_time, delta);
	pipe->vbl_rest += delta;
	if (pipe->vbl_rest < period / 4)
		n = 0;
	else if (pipe->vbl_rest > period / 4 * 7)
		n = div64_s64(pipe->vbl_rest + period / 2, period);
	pipe->vbl_rest -= n * period;
	pipe->vbl_count += n;
}

/*
 * Put a tick that was seen at @now on the grid. Caller holds vbl_lock.
 *
 * Early arrivals set the phase, late ones move it a little, and when all are late for a while the
 * grid itself has moved: hosts start a new one when events were off or they could not keep up.
 */
static void grid_tick(struct pvg_pipe *pipe, ktime_t now)
{
	s64 period = pipe->vbl_period_ns;
	s64 delta = ktime_to_ns(ktime_sub(now, pipe->vbl_time));
	s64 late;
	u64 n;

	if (!pipe->vbl_resync) {
		n = div64_u64(delta + period / 4, period);
		if (!n)
			return; /* a second report of the same tick */
		late = delta - n * period;
		pipe->vbl_late = late > period / 8 ? pipe->vbl_late + 1 : 0;
		if (pipe->vbl_late < PVG_VBL_LATE_TICKS)
			delta = n * period + (late < 0 ? late : late / 32);
		else
			pipe->vbl_late = 0;
	}
	pipe->vbl_resync = false;
	grid_advance(pipe, delta);
}

/* Caller holds no locks; interrupt context. */
static void vblank_tick(struct pvg_pipe *pipe, bool soft)
{
	ktime_t now = ktime_get();
	unsigned long flags;

	spin_lock_irqsave(&pipe->vbl_lock, flags);
	grid_tick(pipe, now);
	if (!soft)
		pipe->vbl_seen = now;
	pipe->vbl_soft = soft;
	spin_unlock_irqrestore(&pipe->vbl_lock, flags);

	if (soft)
		pipe->stats.soft_vblanks++;
	else
		pipe->stats.vblanks++;
	drm_crtc_handle_vblank(&pipe->crtc);
	pvg_crc_vblank(pipe);
}

/**
 * pvg_vblank_event() - the device reports a vertical blank
 * @pipe: the pipe
 */
void pvg_vblank_event(struct pvg_pipe *pipe)
{
	if (READ_ONCE(pipe->vbl_enabled))
		vblank_tick(pipe, false);
}

static enum hrtimer_restart vblank_timer(struct hrtimer *timer)
{
	struct pvg_pipe *pipe = container_of(timer, struct pvg_pipe, vbl_timer);
	bool tick = false;
	u64 next = PVG_VBL_WATCH_NS;

	spin_lock(&pipe->vbl_lock);
	/* Events may have been stopped and started again since it fired: it has a new time then. */
	if (!pipe->vbl_enabled || hrtimer_is_queued(timer)) {
		spin_unlock(&pipe->vbl_lock);
		return HRTIMER_NORESTART;
	}
	if (ktime_to_ns(ktime_sub(ktime_get(), pipe->vbl_seen)) >= PVG_VBL_WATCH_NS) {
		tick = true;
		next = pipe->vbl_period_ns;
	}
	hrtimer_forward_now(timer, ns_to_ktime(next));
	spin_unlock(&pipe->vbl_lock);

	if (tick)
		vblank_tick(pipe, true);
	return HRTIMER_RESTART;
}

/**
 * pvg_vblank_init() - initialise
 * @pipe: the pipe
 */
void pvg_vblank_init(struct pvg_pipe *pipe)
{
	spin_lock_init(&pipe->vbl_lock);
	pipe->vbl_period_ns = NSEC_PER_SEC / 60;
	pvg_compat_hrtimer_init(&pipe->vbl_timer, vblank_timer);
}

/**
 * pvg_vblank_set_period() - set the refresh period
 * @pipe: the pipe
 * @period_ns: nanoseconds
 */
void pvg_vblank_set_period(struct pvg_pipe *pipe, u64 period_ns)
{
	spin_lock_irq(&pipe->vbl_lock);
	pipe->vbl_period_ns = period_ns;
	spin_unlock_irq(&pipe->vbl_lock);
}

/**
 * pvg_vblank_enable() - start events
 * @crtc: CRTC
 *
 * Returns: 0.
 */
int pvg_vblank_enable(struct drm_crtc *crtc)
{
	struct pvg_pipe *pipe = crtc_to_pvg_pipe(crtc);

	spin_lock(&pipe->vbl_lock);
	pipe->vbl_enabled = true;
	pipe->vbl_resync = true;
	pipe->vbl_seen = ktime_get();
	if (READ_ONCE(pipe->pvg->running))
		atomic_or(PVG_EVENT_VBLANK, pvg_shared_atomic(pipe, PVG_PAGE_ENABLED));
	hrtimer_start(&pipe->vbl_timer, ns_to_ktime(PVG_VBL_WATCH_NS), HRTIMER_MODE_REL);
	spin_unlock(&pipe->vbl_lock);
	return 0;
}

/**
 * pvg_vblank_disable() - stop events
 * @crtc: CRTC
 */
void pvg_vblank_disable(struct drm_crtc *crtc)
{
	struct pvg_pipe *pipe = crtc_to_pvg_pipe(crtc);

	spin_lock(&pipe->vbl_lock);
	pipe->vbl_enabled = false;
	if (READ_ONCE(pipe->pvg->running))
		atomic_andnot(PVG_EVENT_VBLANK, pvg_shared_atomic(pipe, PVG_PAGE_ENABLED));
	spin_unlock(&pipe->vbl_lock);
	/* A running timer sees the flag and ends by itself. */
	hrtimer_try_to_cancel(&pipe->vbl_timer);
}

/**
 * pvg_vblank_counter() - number of the last vertical blank
 * @crtc: CRTC
 *
 * Returns: a count of refresh periods that wraps.
 */
u32 pvg_vblank_counter(struct drm_crtc *crtc)
{
	struct pvg_pipe *pipe = crtc_to_pvg_pipe(crtc);
	unsigned long flags;
	u32 count;

	spin_lock_irqsave(&pipe->vbl_lock, flags);
	count = pipe->vbl_count;
	spin_unlock_irqrestore(&pipe->vbl_lock, flags);
	return count;
}

/**
 * pvg_vblank_timestamp() - time of the last vertical blank
 * @crtc: CRTC
 * @max_error: out: nanoseconds
 * @time: out: the time
 * @in_irq: called for the event itself
 *
 * While events arrive this is the last one reported, not a tick whose report is still on its way: a
 * flip may wait for that report.
 *
 * Returns: true.
 */
bool pvg_vblank_timestamp(struct drm_crtc *crtc, int *max_error, ktime_t *time, bool in_irq)
{
	struct pvg_pipe *pipe = crtc_to_pvg_pipe(crtc);
	unsigned long flags;
	s64 delta;

	spin_lock_irqsave(&pipe->vbl_lock, flags);
	if (!pipe->vbl_time)
		pipe->vbl_time = ktime_get();
	delta = ktime_to_ns(ktime_sub(ktime_get(), pipe->vbl_time));
	if (!in_irq && delta > (s64)(PVG_VBL_STALE_PERIODS * pipe->vbl_period_ns)) {
		u64 n = div64_u64(delta, pipe->vbl_period_ns);

		/* The next event may start a new grid: leave room for it to count. */
		if (pipe->vbl_resync)
			n--;
		pipe->vbl_time = ktime_add_ns(pipe->vbl_time, n * pipe->vbl_period_ns);
		pipe->vbl_count += n;
	}
	*time = pipe->vbl_time;
	spin_unlock_irqrestore(&pipe->vbl_lock, flags);
	*max_error = pipe->vbl_period_ns / 32;
	return true;
}
