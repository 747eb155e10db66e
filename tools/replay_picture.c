/* SPDX-License-Identifier: MIT */
/* Of a replay: the pixels of a picture go to their place before the present that showed it, and the picture is waited
 * for. */
#include "replay_priv.h"

#include <string.h>

#include "base/record.h"

static bool picture_shown(struct replay *r, const void *arg)
{
    const struct port *p = arg;
    struct rd rd = rd_over(r->item[p->picture].bytes, r->item[p->picture].length);
    const struct pvg_frame *f;
    uint32_t width, height;
    bool same;

    (void)rd_u32(&rd); /* port */
    width = rd_u32(&rd);
    height = rd_u32(&rd);
    if (pvg_display_get_frame(p->display, &f))
        return false;
    same = f->width_px == width && f->height_px == height && f->stride_bytes == 4 * width &&
           rd_left(&rd) == 4ull * width * height && !memcmp(f->pixels, rd.p, rd_left(&rd));
    pvg_frame_put(f);
    return same;
}

static bool picture_taken(struct replay *r, const void *arg)
{
    const struct port *p = arg;

    return picture_shown(r, p) || pvg_display_host_presents(p->display) > p->taken_before;
}

/* The present on its way on @p that was shown when it was recorded has to be shown now. */
void replay_settle(struct replay *r, struct port *p)
{
    if (!p->picture || !p->display)
        return;
    if (!replay_wait(r, picture_taken, p, PATIENCE_NS))
        replay_problem(r, "port %u: the picture of record %zu does not come", (unsigned)(p - r->port), p->picture);
    else if (!replay_wait(r, picture_shown, p, WRONG_NS))
        replay_problem(r, "port %u: the picture of record %zu is another one now", (unsigned)(p - r->port), p->picture);
    else
        r->pictures++;
    p->picture = 0;
}

void replay_settle_before(struct replay *r, size_t item)
{
    for (uint32_t i = 0; i < r->ports; i++)
        if (r->port[i].picture < item)
            replay_settle(r, &r->port[i]);
}

/* Put the rows at @pixels where the device will read them. */
static void put_rows(struct replay *r, const struct record_source *s, struct rd runs, const uint8_t *pixels,
                     uint64_t row_bytes, uint32_t rows)
{
    uint64_t gpa = 0, left = 0, skip = 0;

    for (uint32_t y = 0; y < rows; y++) {
        for (uint64_t done = 0; done < row_bytes;) {
            uint64_t n;

            while (skip >= left) {
                skip -= left;
                gpa = rd_u64(&runs);
                left = rd_u64(&runs);
                if (runs.bad)
                    return;
            }
            gpa += skip;
            left -= skip;
            skip = 0;
            n = row_bytes - done < left ? row_bytes - done : left;
            replay_put(r, gpa, pixels + y * row_bytes + done, n);
            gpa += n;
            left -= n;
            done += n;
        }
        skip = s->stride_bytes - row_bytes;
    }
}

/* If the @number-th present of @p was shown: its pixels go to their place, and it is waited for before the next one. */
void replay_prepare_picture(struct replay *r, struct port *p, uint64_t number)
{
    uint32_t port = (uint32_t)(p - r->port);

    replay_settle(r, p);
    for (size_t i = p->next_source > r->at ? p->next_source : r->at; i < r->count; i++) {
        struct rd rd = rd_over(r->item[i].bytes, r->item[i].length), runs, picture;
        struct record_source s;
        uint32_t width, height;
        uint64_t row;
        size_t shown;

        if (r->item[i].kind != RECORD_SOURCE || r->item[i].length < sizeof(s) || le32_get(rd.p) != port)
            continue;
        memcpy(&s, rd_bytes(&rd, sizeof(s)), sizeof(s));
        p->next_source = i;
        if (s.present != number)
            return;
        for (shown = i + 1; shown < r->count; shown++)
            if (r->item[shown].kind == RECORD_PICTURE && r->item[shown].length >= 12 &&
                le32_get(r->item[shown].bytes) == port)
                break;
        if (shown == r->count)
            return; /* the recording was cut off */
        picture = rd_over(r->item[shown].bytes, r->item[shown].length);
        (void)rd_u32(&picture);
        width = rd_u32(&picture);
        height = rd_u32(&picture);
        row = (uint64_t)width * s.bytes_per_pixel;
        runs = rd_over(rd_bytes(&rd, 16ull * s.runs), 16ull * s.runs);
        if (rd.bad || width > LIMIT_EDGE_PX || height > LIMIT_EDGE_PX || s.bytes_per_pixel > 8 ||
            s.stride_bytes < row || (s.pixels ? rd_left(&rd) : rd_left(&picture)) != row * height) {
            replay_problem(r, "damaged: source of record %zu", i);
            return;
        }
        put_rows(r, &s, runs, s.pixels ? rd.p : picture.p, row, height);
        p->next_source = i + 1;
        p->picture = shown;
        p->taken_before = p->display ? pvg_display_host_presents(p->display) : 0;
        return;
    }
}
