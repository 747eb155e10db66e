// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gamma (display 8.1, 15.10): fills one of two tables in turn; the next present names it. A table
 * is not written while a present that names it is open.
 */
#include <drm/drm_mode.h>
#include <drm/drm_print.h>

#include "pvg_drv.h"
#include "pvg_lut.h"

#define PVG_GAMMA_CHANNELS	3
#define PVG_GAMMA_WAIT		msecs_to_jiffies(1000)

/**
 * pvg_gamma_init() - allocate the tables
 * @pipe: the pipe
 *
 * Returns: 0 or a negative error.
 */
int pvg_gamma_init(struct pvg_pipe *pipe)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(pipe->gamma) && !ret; i++)
		ret = pvg_buffer_alloc(pipe->pvg, &pipe->gamma[i],
				       PVG_GAMMA_CHANNELS * PVG_GAMMA_ENTRIES * sizeof(u32));
	return ret;
}

/**
 * pvg_gamma_fini() - free the tables
 * @pipe: the pipe; the device is stopped
 */
void pvg_gamma_fini(struct pvg_pipe *pipe)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pipe->gamma); i++)
		pvg_buffer_free(pipe->pvg, &pipe->gamma[i]);
}

/* Identity when there is no table. */
static u32 gamma_entry(const struct drm_color_lut *lut, unsigned int length, unsigned int channel,
		       unsigned int i, unsigned int n)
{
	unsigned int j;
	u16 pair[2];

	if (!lut)
		return pvg_lut_float(i, n - 1);
	/* The resampler reads two neighbours; give it those of this channel. */
	j = min(i * (length - 1) / (n - 1), length - 2);
	switch (channel) {
	case 0:
		pair[0] = lut[j].red;
		pair[1] = lut[j + 1].red;
		break;
	case 1:
		pair[0] = lut[j].green;
		pair[1] = lut[j + 1].green;
		break;
	default:
		pair[0] = lut[j].blue;
		pair[1] = lut[j + 1].blue;
		break;
	}
	return pvg_lut_lerp(pair[0], pair[1], i * (length - 1) - j * (n - 1), n - 1);
}

/**
 * pvg_gamma_update() - have the next present carry a table
 * @pipe: the pipe
 * @lut: the CRTC's table, NULL for identity
 * @length: its entries, at least 2
 */
void pvg_gamma_update(struct pvg_pipe *pipe, const struct drm_color_lut *lut, unsigned int length)
{
	struct pvg_buffer *buffer;
	unsigned int channel, i, n = pipe->gamma_entries;
	__le32 *out;
	u32 sum = 0;

	if (!n)
		return;
	mutex_lock(&pipe->present_lock);
	buffer = &pipe->gamma[pipe->gamma_next];
	if (pvg_fence_wait(pipe->pvg, &buffer->used, PVG_GAMMA_WAIT)) {
		drm_warn(&pipe->pvg->drm, "pipe %u: gamma table still in use, change dropped\n",
			 pipe->index);
		goto unlock;
	}
	out = buffer->vaddr;
	for (channel = 0; channel < PVG_GAMMA_CHANNELS; channel++) {
		for (i = 0; i < n; i++) {
			u32 bits = gamma_entry(lut, length, channel, i, n);

			*out++ = cpu_to_le32(bits);
			sum += bits;
		}
	}
	pipe->gamma_sum = sum;
	pipe->gamma_used = buffer;
	pipe->gamma_next ^= 1;
unlock:
	mutex_unlock(&pipe->present_lock);
}
