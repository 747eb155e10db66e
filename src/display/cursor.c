/* SPDX-License-Identifier: MIT */
/*
 * The guest's pointer: image, visibility, position (display 9). Images are copied before their stamp; position and visibility
 * are read from the shared page when the guest rings the display doorbell.
 */
#include "display/display_priv.h"

#include <stdlib.h>
#include <string.h>

#include "wire/opcodes.h"

struct glyph *glyph_ref(struct glyph *glyph)
{
    if (glyph)
        atomic_fetch_add(&glyph->refs, 1);
    return glyph;
}

void glyph_unref(struct glyph *glyph)
{
    if (glyph && atomic_fetch_sub(&glyph->refs, 1) == 1)
        free(glyph);
}

static struct glyph *glyph_new(const struct cursor_glyph *g)
{
    struct glyph *glyph = malloc(sizeof(*glyph) + 4ull * g->width_px * g->height_px);

    if (!glyph)
        return NULL;
    atomic_init(&glyph->refs, 1);
    glyph->image = (struct pvg_cursor){.width_px = g->width_px,
                                       .height_px = g->height_px,
                                       .hot_x_px = g->hot_x_px,
                                       .hot_y_px = g->hot_y_px,
                                       .stride_bytes = 4u * g->width_px,
                                       .pixels = (const uint8_t *)(glyph + 1)};
    return glyph;
}

/* Copy the image out of the guest. 0 or why not. */
static enum refuse read_glyph(struct display_set *set, const struct core_cmd *cmd, const struct cursor_glyph *g,
                              struct glyph **out)
{
    const struct gmem_space *space = core_task(set->cfg.core, g->task);
    uint64_t span = g->stride_bytes * (g->height_px - 1ull) + 4ull * g->width_px;
    struct gmem_runs runs = {0};
    struct gmem_fault fault = {0};
    struct glyph *glyph;
    int err;

    *out = NULL;
    if (!space)
        return REFUSE_TASK_NONE;
    err = gmem_resolve(cmd->pin, space, (gva_t){g->gva}, span, false, &runs, &fault);
    if (err) {
        gmem_runs_fini(&runs);
        return REFUSE_CURSOR_UNMAPPED;
    }
    glyph = glyph_new(g);
    if (glyph && gmem_runs_read_rows(cmd->pin, &runs, 0, g->stride_bytes, (uint8_t *)(glyph + 1),
                                     glyph->image.stride_bytes, glyph->image.stride_bytes, g->height_px)) {
        glyph_unref(glyph);
        glyph = NULL; /* cut off: no image, as without memory */
    }
    gmem_runs_record(core_gmem(set->cfg.core), space, (gva_t){g->gva}, &runs);
    gmem_runs_fini(&runs);
    *out = glyph;
    return REFUSE_NONE;
}

static void record_glyph(struct pipe *pipe, const struct pvg_cursor *image)
{
    struct recorder *rec = core_recorder(pipe->set->cfg.core);
    const struct {
        uint32_t port;
        uint16_t extent[4];
    } head = {.port = pipe->port, .extent = {image->width_px, image->height_px, image->hot_x_px, image->hot_y_px}};

    if (recorder_on(rec))
        recorder_add(rec, RECORD_POINTER, &head, sizeof(head), image->pixels,
                     (size_t)image->stride_bytes * image->height_px);
}

static enum core_verdict cursor_glyph(void *ctx, const struct core_cmd *cmd)
{
    struct display_set *set = ctx;
    struct pipe *pipe = pipe_of(set, cmd);
    struct cursor_glyph g;
    struct glyph *glyph = NULL, *old = NULL;
    uint32_t max_px;
    enum refuse why;

    if (!pipe)
        return CORE_DONE;
    pthread_mutex_lock(&pipe->lock);
    max_px = pipe->monitor ? pipe->monitor->max_cursor_px : LIMIT_CURSOR_PX;
    pthread_mutex_unlock(&pipe->lock);
    why = cursor_glyph_decode(cmd->payload, max_px, &g);
    if (!why)
        why = read_glyph(set, cmd, &g, &glyph);
    if (why) {
        core_refuse(set->cfg.core, cmd, why, "port %u: %ux%u, hot spot %u,%u, stride %llu, length %llu, limit %u",
                    g.port, g.width_px, g.height_px, g.hot_x_px, g.hot_y_px, (unsigned long long)g.stride_bytes,
                    (unsigned long long)g.length_bytes, max_px);
        return CORE_DONE;
    }
    if (!glyph)
        return CORE_DONE; /* the old image stays */
    record_glyph(pipe, &glyph->image);
    pthread_mutex_lock(&pipe->lock);
    old = pipe->glyph;
    pipe->glyph = glyph;
    pipe->tell_glyph = true;
    pipe->compose = true;
    pthread_mutex_unlock(&pipe->lock);
    glyph_unref(old);
    atomic_store(&pipe->doorbell, true); /* image, hot spot and position are published together */
    clock_wake(pipe);
    return CORE_DONE;
}

/* Lock held. */
static void set_visible(struct pipe *pipe, bool visible)
{
    if (pipe->cursor_visible == visible)
        return;
    pipe->cursor_visible = visible;
    pipe->tell_show = true;
    pipe->compose = true;
}

static enum core_verdict cursor_show(void *ctx, const struct core_cmd *cmd)
{
    struct display_set *set = ctx;
    struct pipe *pipe = pipe_of(set, cmd);

    if (!pipe)
        return CORE_DONE;
    pthread_mutex_lock(&pipe->lock);
    /* A move from before this command that waits to be told: the last of the two wins. */
    if (atomic_exchange(&pipe->doorbell, false) && section_enter(pipe, cmd->pin)) {
        pthread_mutex_unlock(&pipe->lock);
        cursor_sample(pipe, cmd->pin);
        pthread_mutex_lock(&pipe->lock);
        section_leave(pipe);
    }
    set_visible(pipe, cmd->payload[4] != 0);
    pthread_mutex_unlock(&pipe->lock);
    clock_wake(pipe);
    return CORE_DONE;
}

void cursor_sample(struct pipe *pipe, struct gmem_pin *pin)
{
    _Atomic uint32_t *position = pipe_word(pipe, pin, SHARED_CURSOR_POSITION);
    _Atomic uint32_t *visible = pipe_word(pipe, pin, SHARED_CURSOR_VISIBLE);
    struct pvg_coord at;
    uint32_t word, shown;

    if (!position || !visible)
        return;
    word = atomic_load(position);
    shown = atomic_load(visible);
    pipe_record_word(pipe, SHARED_CURSOR_POSITION, word);
    pipe_record_word(pipe, SHARED_CURSOR_VISIBLE, shown);
    at = (struct pvg_coord){.x = (uint16_t)word, .y = (uint16_t)(word >> 16)};
    pthread_mutex_lock(&pipe->lock);
    if (at.x != pipe->cursor.x || at.y != pipe->cursor.y) {
        pipe->cursor = at;
        pipe->tell_move = true;
        pipe->compose = true;
    }
    set_visible(pipe, word != SHARED_CURSOR_NOWHERE && (shown & 0xff));
    pthread_mutex_unlock(&pipe->lock);
}

void cursor_register(struct display_set *set)
{
    core_handle(set->cfg.core, CMD_DISPLAY_CURSOR_GLYPH, cursor_glyph, set);
    core_handle(set->cfg.core, CMD_DISPLAY_CURSOR_SHOW, cursor_show, set);
}
