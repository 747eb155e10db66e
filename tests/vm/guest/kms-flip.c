/* SPDX-License-Identifier: MIT */
/*
 * Flips between two pictures for some seconds and says how fast and how evenly.
 *
 * usage: kms-flip [OPTIONS] async|atomic|paced [FLIPS]
 *
 * async: unpaced flips, the next one as soon as the last has completed; counts flips per second.
 * atomic: the same by atomic commits, every eighth a blocking one. A kernel that does not offer them (before 6.8) must
 * refuse one; the program says "refused: ERROR" then and ends.
 * paced: flips at the vertical blank; checks that sequence numbers and times grow, and prints the mean rate and how far
 * single intervals are from the period. With FLIPS it ends after so many instead of after --seconds (0: never).
 * Prints "flipping" when the first flip has completed.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"

int main(int argc, char **argv)
{
    struct kms k;
    struct kms_options o;
    struct kms_fb fb[2];
    uint64_t last_ns = 0, begun_ns, ends_ns, flips = 0, limit = 0;
    uint32_t last_sequence = 0;
    struct kms_rate rate = {0};
    uint64_t long_sequence = 0;
    double period_ns, worst_ns = 0, sum_error_ns = 0;
    bool async, atomic;

    kms_options(&o, argc, argv);
    if (!o.what || (strcmp(o.what, "async") && strcmp(o.what, "atomic") && strcmp(o.what, "paced")))
        kms_fail("async, atomic or paced?");
    atomic = !strcmp(o.what, "atomic");
    async = atomic || !strcmp(o.what, "async");
    if (o.rest + 1 < argc)
        limit = strtoull(argv[o.rest + 1], NULL, 10);
    kms_open(&k, &o);
    if (async && !k.async)
        kms_say("note: the driver takes no async flips; flipping as it does");
    for (int i = 0; i < 2; i++) {
        kms_fb_new(&k, &fb[i], k.mode.hdisplay, k.mode.vdisplay, DRM_FORMAT_XRGB8888);
        kms_fb_fill(&fb[i], i ? 0xff2060a0u : 0xffa06020u);
    }
    kms_show(&k, &fb[0]);
    period_ns = 1e9 / kms_mode_hz(&k.mode);
    begun_ns = kms_now_ns();
    ends_ns = o.seconds > 0 ? begun_ns + (uint64_t)(o.seconds * 1e9) : UINT64_MAX;
    while (limit ? flips < limit : kms_now_ns() < ends_ns) {
        uint32_t sequence;
        uint64_t time_ns;
        const struct kms_fb *next = &fb[(flips + 1) & 1];
        int err = atomic ? kms_flip_atomic(&k, next, flips % 8 == 7, flips) : kms_flip(&k, next, async && k.async, flips);

        if (atomic && !k.atomic_async && err) {
            kms_say("refused: %s", strerror(-err));
            return 0;
        }
        if (err)
            kms_fail("flip %llu: %s", (unsigned long long)flips, strerror(-err));
        kms_wait_flip(&k, &sequence, &time_ns);
        if (flips == 0) {
            kms_say("flipping");
        } else if (!async) {
            /* An interval may span several periods when the machine was busy: count how far off the nearest multiple.
             */
            double interval = (double)(time_ns - last_ns), periods = (double)(uint32_t)(sequence - last_sequence);
            double error = fabs(interval - periods * period_ns);

            if (time_ns <= last_ns)
                kms_fail("flip %llu: time went back", (unsigned long long)flips);
            if (sequence == last_sequence)
                kms_fail("flip %llu: two flips in one period", (unsigned long long)flips);
            worst_ns = error > worst_ns ? error : worst_ns;
            sum_error_ns += error;
        }
        /* Sequence numbers of flip events have 32 bits. */
        long_sequence += flips ? (uint32_t)(sequence - last_sequence) : 0;
        kms_rate_add(&rate, long_sequence, time_ns);
        last_ns = time_ns;
        last_sequence = sequence;
        flips++;
    }
    if (async) {
        double seconds = (double)(kms_now_ns() - begun_ns) / 1e9;

        kms_say("flips=%llu seconds=%.3f rate=%.2f", (unsigned long long)flips, seconds, (double)flips / seconds);
    } else {
        double seconds = (double)(rate.last_ns - rate.first_ns) / 1e9;

        kms_say("flips=%llu periods=%llu seconds=%.4f mean_hz=%.5f advertised_hz=%.5f mean_error_us=%.1f "
                "worst_error_us=%.1f",
                (unsigned long long)flips, (unsigned long long)long_sequence, seconds, kms_rate_hz(&rate),
                kms_mode_hz(&k.mode), flips > 1 ? sum_error_ns / (double)(flips - 1) / 1e3 : 0.0, worst_ns / 1e3);
    }
    return 0;
}
