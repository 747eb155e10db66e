/* SPDX-License-Identifier: MIT */
/*
 * Waits for vertical blanks for some seconds and says how often they came.
 *
 * usage: kms-vblank [OPTIONS]
 *
 * The mean rate is taken from the driver's own timestamps and sequence numbers over the whole time (decision 20).
 * Checks that both grow and that a timestamp is never later than the moment in which it was read.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>
#include <xf86drm.h>

#include "kms.h"

int main(int argc, char **argv)
{
    struct kms k;
    struct kms_options o;
    struct kms_fb fb;
    uint64_t last_sequence = 0, last_ns = 0, begun_ns = 0, n = 0;
    struct kms_rate rate = {0};
    double seconds;

    kms_options(&o, argc, argv);
    kms_open(&k, &o);
    kms_fb_new(&k, &fb, k.mode.hdisplay, k.mode.vdisplay, DRM_FORMAT_XRGB8888);
    kms_fb_pattern(&fb, 0);
    kms_show(&k, &fb);
    while (!n || kms_now_ns() - begun_ns < (uint64_t)(o.seconds * 1e9)) {
        drmVBlank v = {.request = {.type = DRM_VBLANK_RELATIVE |
                                           ((k.crtc_index << DRM_VBLANK_HIGH_CRTC_SHIFT) & DRM_VBLANK_HIGH_CRTC_MASK),
                                   .sequence = 1}};
        uint64_t sequence, ns;

        if (drmWaitVBlank(k.fd, &v))
            kms_fail("waiting for a vertical blank: %s", strerror(errno));
        /* The precise pair of the same vertical blank, or of a later one: still a pair. */
        if (drmCrtcGetSequence(k.fd, k.crtc_id, &sequence, &ns))
            kms_fail("reading the sequence: %s", strerror(errno));
        if (ns > kms_now_ns())
            kms_fail("the timestamp of sequence %llu lies in the future", (unsigned long long)sequence);
        if (n && (sequence < last_sequence || ns < last_ns || (sequence > last_sequence) != (ns > last_ns)))
            kms_fail("sequence %llu after %llu: times do not grow with it", (unsigned long long)sequence,
                     (unsigned long long)last_sequence);
        kms_rate_add(&rate, sequence, ns);
        last_sequence = sequence;
        last_ns = ns;
        if (!n++)
            begun_ns = kms_now_ns();
    }
    seconds = (double)(rate.last_ns - rate.first_ns) / 1e9;
    kms_say("waits=%llu vblanks=%llu seconds=%.4f mean_hz=%.5f advertised_hz=%.5f", (unsigned long long)n,
            (unsigned long long)(rate.last_sequence - rate.first_sequence), seconds, kms_rate_hz(&rate),
            kms_mode_hz(&k.mode));
    return 0;
}
