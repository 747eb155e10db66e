// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checksums of what is shown, one per vertical blank, for the kernel's CRC debugfs interface.
 *
 * The device has no such unit: the driver itself blends the cursor over the primary plane, applies
 * the gamma table and takes a CRC-32 over 10 bits per channel. That proves what the driver presents
 * and when, not what the host shows (decision 23).
 */
#include <linux/crc32.h>
#include <linux/slab.h>

#include <drm/drm_crtc.h>
#include <drm/drm_debugfs_crc.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_gem_framebuffer_helper.h>
#include <drm/drm_print.h>
#include <drm/drm_vblank.h>

#include "pvg_compat.h"
#include "pvg_drv.h"

static const char *const pvg_crc_source_names[] = { "auto" };

/* Latch what is shown for the worker. Interrupt context; a worker that is behind misses frames. */
void pvg_crc_vblank(struct pvg_pipe *pipe)
{
	struct pvg_crc *crc = &pipe->crc;
	unsigned long flags;

	if (!READ_ONCE(crc->active))
		return;
	spin_lock_irqsave(&crc->lock, flags);
	if (crc->shown && !crc->latched) {
		drm_framebuffer_get(crc->shown);
		crc->latched = crc->shown;
		crc->latched_x = crc->src_x;
		crc->latched_y = crc->src_y;
		crc->frame = drm_crtc_vblank_count(&pipe->crtc);
		queue_work(system_unbound_wq, &crc->work);
	}
	spin_unlock_irqrestore(&crc->lock, flags);
}

/**
 * pvg_crc_shown() - a framebuffer was presented
 * @pipe: the pipe
 * @fb: framebuffer, NULL for black
 * @state: plane state with the part of it that is shown
 */
void pvg_crc_shown(struct pvg_pipe *pipe, struct drm_framebuffer *fb,
		   const struct drm_plane_state *state)
{
	struct pvg_crc *crc = &pipe->crc;
	struct drm_rect shown = pvg_shown(state);

	if (fb)
		drm_framebuffer_get(fb);
	spin_lock_irq(&crc->lock);
	if (crc->active) {
		swap(crc->shown, fb);
		crc->src_x = shown.x1;
		crc->src_y = shown.y1;
	}
	spin_unlock_irq(&crc->lock);
	if (fb)
		drm_framebuffer_put(fb);
}

/**
 * pvg_crc_gamma() - the gamma table changed
 * @pipe: the pipe
 * @lut: the CRTC's table, NULL for identity
 * @length: its entries, at least 2
 */
void pvg_crc_gamma(struct pvg_pipe *pipe, const struct drm_color_lut *lut, unsigned int length)
{
	struct pvg_crc *crc = &pipe->crc;
	unsigned int i;

	spin_lock_irq(&crc->lock);
	for (i = 0; i < 256; i++) {
		u16 out[3] = { i * 257, i * 257, i * 257 };

		if (lut) {
			u32 j = min(i * (length - 1) / 255, length - 2);
			u32 rest = i * (length - 1) - j * 255;

			out[0] = (lut[j].red * (255 - rest) + lut[j + 1].red * rest) / 255;
			out[1] = (lut[j].green * (255 - rest) + lut[j + 1].green * rest) / 255;
			out[2] = (lut[j].blue * (255 - rest) + lut[j + 1].blue * rest) / 255;
		}
		crc->gamma[0][i] = out[0] >> 6 << 20;
		crc->gamma[1][i] = out[1] >> 6 << 10;
		crc->gamma[2][i] = out[2] >> 6;
	}
	spin_unlock_irq(&crc->lock);
}

static u32 blend(u32 under, u32 over)
{
	u32 rest = 255 - (over >> 24);
	u32 out = 0, shift;

	for (shift = 0; shift < 24; shift += 8) {
		u32 c = (over >> shift & 255) + (((under >> shift & 255) * rest + 127) / 255);

		out |= min(c, 255u) << shift;
	}
	return out;
}

struct crc_job {
	struct drm_framebuffer *fb;
	struct iosys_map map;
	u32 x, y, width, height;
	u32 (*gamma)[256];
	u32 *cursor;
	u32 cursor_width, cursor_height;
	int cursor_x, cursor_y;
};

static void crc_row(struct crc_job *job, u32 y, u32 *pixels)
{
	u32 x;

	iosys_map_memcpy_from(pixels, &job->map,
			      job->fb->offsets[0] + (job->y + y) * job->fb->pitches[0] + job->x * 4,
			      job->width * 4);
	if (job->cursor && (int)y >= job->cursor_y &&
	    (int)y < job->cursor_y + (int)job->cursor_height) {
		const u32 *image = job->cursor + ((int)y - job->cursor_y) * job->cursor_width;

		for (x = 0; x < job->cursor_width; x++) {
			int at = job->cursor_x + (int)x;

			if (at >= 0 && at < (int)job->width)
				pixels[at] = blend(pixels[at], image[x]);
		}
	}
	for (x = 0; x < job->width; x++) {
		u32 p = pixels[x];

		pixels[x] = job->gamma[0][p >> 16 & 255] | job->gamma[1][p >> 8 & 255] |
			    job->gamma[2][p & 255];
	}
}

static u32 crc_compute(struct crc_job *job)
{
	u32 *pixels = kvmalloc_array(job->width, sizeof(*pixels), GFP_KERNEL);
	u32 y, crc = 0xffffffff;

	for (y = 0; pixels && y < job->height; y++) {
		crc_row(job, y, pixels);
		crc = crc32_le(crc, (u8 *)pixels, job->width * sizeof(*pixels));
	}
	kvfree(pixels);
	return ~crc;
}

/* The cursor as of now, copied: presents must not wait for a checksum. */
static void crc_copy_cursor(struct pvg_pipe *pipe, struct crc_job *job)
{
	struct pvg_cursor *cursor = &pipe->cursor;

	mutex_lock(&pipe->present_lock);
	if (cursor->visible && cursor->current_image >= 0) {
		size_t bytes = cursor->width * cursor->height * 4;

		job->cursor = kvmalloc(bytes, GFP_KERNEL);
		if (job->cursor)
			memcpy(job->cursor, cursor->images[cursor->current_image].vaddr, bytes);
		job->cursor_width = cursor->width;
		job->cursor_height = cursor->height;
		job->cursor_x = (int)cursor->x - (int)cursor->hot_x;
		job->cursor_y = (int)cursor->y - (int)cursor->hot_y;
	}
	mutex_unlock(&pipe->present_lock);
}

static void pvg_crc_work(struct work_struct *work)
{
	struct pvg_pipe *pipe = container_of(work, struct pvg_pipe, crc.work);
	struct pvg_crc *crc = &pipe->crc;
	struct crc_job job = {};
	u32 value, frame;

	spin_lock_irq(&crc->lock);
	job.fb = crc->latched;
	job.x = crc->latched_x;
	job.y = crc->latched_y;
	frame = crc->frame;
	spin_unlock_irq(&crc->lock);
	if (!job.fb)
		return;
	job.width = min_t(u32, crc->width, job.fb->width - min(job.x, job.fb->width));
	job.height = min_t(u32, crc->height, job.fb->height - min(job.y, job.fb->height));
	job.gamma = kvmalloc(sizeof(crc->gamma), GFP_KERNEL);
	if (!job.gamma || pvg_compat_vmap(job.fb->obj[0], &job.map)) {
		drm_warn_once(job.fb->dev, "a picture cannot be read: no checksum of it\n");
	} else {
		spin_lock_irq(&crc->lock);
		memcpy(job.gamma, crc->gamma, sizeof(crc->gamma));
		spin_unlock_irq(&crc->lock);
		crc_copy_cursor(pipe, &job);
		if (!drm_gem_fb_begin_cpu_access(job.fb, DMA_FROM_DEVICE)) {
			value = crc_compute(&job);
			drm_gem_fb_end_cpu_access(job.fb, DMA_FROM_DEVICE);
			drm_crtc_add_crc_entry(&pipe->crtc, true, frame, &value);
		}
		pvg_compat_vunmap(job.fb->obj[0], &job.map);
	}
	kvfree(job.cursor);
	kvfree(job.gamma);
	drm_framebuffer_put(job.fb);
	spin_lock_irq(&crc->lock);
	crc->latched = NULL;
	spin_unlock_irq(&crc->lock);
}

/**
 * pvg_crc_init() - initialise
 * @pipe: the pipe
 */
void pvg_crc_init(struct pvg_pipe *pipe)
{
	spin_lock_init(&pipe->crc.lock);
	INIT_WORK(&pipe->crc.work, pvg_crc_work);
	pvg_crc_gamma(pipe, NULL, 0);
}

static int crc_start(struct pvg_pipe *pipe)
{
	struct drm_plane_state *state;
	int ret;

	ret = drm_crtc_vblank_get(&pipe->crtc);
	if (ret)
		return ret;
	drm_modeset_lock(&pipe->primary.mutex, NULL);
	WRITE_ONCE(pipe->crc.active, true);
	state = pipe->primary.state;
	pipe->crc.width = drm_rect_width(&state->src) >> 16;
	pipe->crc.height = drm_rect_height(&state->src) >> 16;
	pvg_crc_shown(pipe, state->fb, state);
	drm_modeset_unlock(&pipe->primary.mutex);
	return 0;
}

static void crc_stop(struct pvg_pipe *pipe)
{
	struct drm_framebuffer *fb;

	spin_lock_irq(&pipe->crc.lock);
	WRITE_ONCE(pipe->crc.active, false);
	fb = pipe->crc.shown;
	pipe->crc.shown = NULL;
	spin_unlock_irq(&pipe->crc.lock);
	if (fb)
		drm_framebuffer_put(fb);
	flush_work(&pipe->crc.work);
	drm_crtc_vblank_put(&pipe->crtc);
}

/**
 * pvg_crc_set_source() - start or stop checksums
 * @crtc: CRTC
 * @source: "auto" or NULL
 *
 * Returns: 0 or a negative error.
 */
int pvg_crc_set_source(struct drm_crtc *crtc, const char *source)
{
	struct pvg_pipe *pipe = crtc_to_pvg_pipe(crtc);

	if (!!source == pipe->crc.active)
		return 0;
	if (source)
		return crc_start(pipe);
	crc_stop(pipe);
	return 0;
}

/**
 * pvg_crc_verify_source() - is it a source?
 * @crtc: CRTC
 * @source: name
 * @count: out: values per entry
 *
 * Returns: 0 or -EINVAL.
 */
int pvg_crc_verify_source(struct drm_crtc *crtc, const char *source, size_t *count)
{
	if (source && strcmp(source, pvg_crc_source_names[0]))
		return -EINVAL;
	*count = 1;
	return 0;
}

/**
 * pvg_crc_sources() - names of the sources
 * @crtc: CRTC
 * @count: out: number of names
 *
 * Returns: the names.
 */
const char *const *pvg_crc_sources(struct drm_crtc *crtc, size_t *count)
{
	*count = ARRAY_SIZE(pvg_crc_source_names);
	return pvg_crc_source_names;
}
