/* SPDX-License-Identifier: MIT */
/*
 * Presents: newest wins until the refresh tick, the one that stands there is copied once, then its stamp completes
 * (display 7; decision 1). The copy runs on the monitor's clock, or on the worker when the guest is about to give the
 * surface's pages up. Superseded presents cost no pass over the pixels.
 *
 * They do cost the walk of the surface's page table, about 16 us for 1920x1080. It stays at the command: a page that is
 * not mapped yet has to hold the packet at the head of its ring, where the packets behind it wait too (display 7.2(5)),
 * and strict mode has to fault the FIFO behind this very command. At the tick both would come too late.
 */
#include "display/display_priv.h"

#include <stdlib.h>
#include <string.h>

#include "wire/opcodes.h"

void present_forget(struct pipe *pipe)
{
    frame_unref(pipe->base);
    frame_unref(pipe->front);
    frame_pool_rest(pipe->pool);
    pipe->base = pipe->front = NULL;
    pipe->unpulled = 0;
}

/* ---- accepting ---- */

/* Reasons that pass by themselves: the guest publishes an object a little before its pages are mapped (memory 5.3). */
static bool may_pass(enum refuse why)
{
    return why == REFUSE_PT_HOLE || why == REFUSE_SLOT_EMPTY;
}

/* Read and check the present's gamma table. NULL: none, or refused. */
static struct gamma_lut *read_gamma(struct display_set *set, const struct core_cmd *cmd, const struct present *p)
{
    const struct gmem_space *space = core_task(set->cfg.core, p->task);
    struct gamma_lut *lut = NULL;
    struct gmem_fault fault;
    float *table;
    int err;

    if (!p->gamma.gva || !p->gamma.length_bytes)
        return NULL;
    if (!gamma_ref_ok(&p->gamma) || !space) {
        core_refuse(set->cfg.core, cmd, REFUSE_GAMMA_TABLE, "task %u, %u entries, 0x%llx bytes", p->task,
                    p->gamma.entries, (unsigned long long)p->gamma.length_bytes);
        return NULL;
    }
    table = malloc(12ull * p->gamma.entries);
    if (!table)
        return NULL;
    err = gmem_space_read(cmd->pin, space, (gva_t){p->gamma.gva}, table, 12ull * p->gamma.entries, &fault);
    if (err == PVG_ERR_REFUSED)
        core_refuse(set->cfg.core, cmd, REFUSE_GAMMA_TABLE, "table at 0x%llx: %s", (unsigned long long)p->gamma.gva,
                    refuse_text(fault.reason));
    if (!err)
        lut = malloc(sizeof(*lut));
    if (lut)
        gamma_from_table(table, p->gamma.entries, lut);
    free(table);
    return lut;
}

static enum core_verdict refuse_surface(struct display_set *set, const struct core_cmd *cmd, const struct present *p,
                                        enum refuse why, const struct gmem_fault *fault)
{
    if (cmd->pin->cut)
        return CORE_DONE;
    if (why == REFUSE_SLOT_UNREADABLE && fault->reason)
        why = fault->reason; /* the walk knows better, and only a hole passes */
    if (may_pass(why)) {
        if (clock_now_ns() - cmd->first_ns < LIMIT_SURFACE_RETRY_MS * NS_PER_MS)
            return CORE_HOLD;
        core_refuse(set->cfg.core, cmd, REFUSE_SURFACE_TIMEOUT,
                    "surface %u of task %u: %s (address 0x%llx, level %u) for %u ms", p->surface, p->task,
                    refuse_text(why), (unsigned long long)fault->gva.v, fault->level, LIMIT_SURFACE_RETRY_MS);
        return CORE_DONE;
    }
    core_refuse(set->cfg.core, cmd, why, "surface %u of task %u", p->surface, p->task);
    return CORE_DONE;
}

static enum core_verdict accept(struct display_set *set, const struct core_cmd *cmd, const struct present *p,
                                const struct picture_provider *from)
{
    struct standing next = {.there = true, .provider = *from, .ticket = cmd->ticket, .accepted_ns = cmd->first_ns};
    struct pipe *pipe = pipe_of(set, cmd);
    struct gmem_fault fault = {0};
    struct core_ticket superseded;
    bool supersedes;
    enum refuse why;

    if (!pipe || !p->surface)
        return CORE_DONE;
    pthread_mutex_lock(&pipe->lock);
    if (!pipe->monitor) {
        atomic_fetch_add(&pipe->guest_presents, 1);
        pthread_mutex_unlock(&pipe->lock);
        return CORE_DONE;
    }
    if (set->cfg.hold_presents && pipe->standing.there) {
        pthread_mutex_unlock(&pipe->lock);
        return CORE_HOLD;
    }
    pthread_mutex_unlock(&pipe->lock);

    why = from->find(from->ctx, cmd->pin, p->task, p->surface, &next.picture, &fault);
    if (why) {
        enum core_verdict verdict = refuse_surface(set, cmd, p, why, &fault);

        if (verdict == CORE_DONE)
            atomic_fetch_add(&pipe->guest_presents, 1);
        return verdict;
    }
    next.lut = read_gamma(set, cmd, p);
    next.number = atomic_fetch_add(&pipe->guest_presents, 1);

    pthread_mutex_lock(&pipe->lock);
    if (cmd->pin->cut || !pipe->monitor) { /* torn down or unplugged meanwhile: nothing to show it on */
        pthread_mutex_unlock(&pipe->lock);
        free(next.lut);
        return CORE_DONE;
    }
    supersedes = pipe->standing.there;
    superseded = pipe->standing.ticket;
    if (supersedes) {
        /* The tick stays the first one's, or a guest faster than the display would push it away for ever. */
        next.accepted_ns = pipe->standing.accepted_ns;
        if (next.lut)
            free(pipe->standing.lut);
        else
            next.lut = pipe->standing.lut; /* a table stays until the next one */
    }
    pipe->standing = next;
    pipe->guest_presented = true;
    pthread_mutex_unlock(&pipe->lock);
    if (supersedes) {
        atomic_fetch_add(&pipe->superseded, 1);
        core_complete(set->cfg.core, superseded);
    }
    if (!atomic_load(&pipe->clock_armed))
        clock_wake(pipe);
    return CORE_PENDING;
}

static enum core_verdict transaction2(void *ctx, const struct core_cmd *cmd)
{
    struct present p;

    present_decode_transaction2(cmd->payload, &p);
    return accept(ctx, cmd, &p, &((struct display_set *)ctx)->cfg.provider);
}

static enum core_verdict transaction3(void *ctx, const struct core_cmd *cmd)
{
    struct present p;

    present_decode_transaction3(cmd->payload, &p);
    return accept(ctx, cmd, &p, &((struct display_set *)ctx)->cfg.provider);
}

/* Mapping ids belong to the surface mapper of the MMIO variant (memory 9); without one there is none to name. */
static enum core_verdict swap_mapping(void *ctx, const struct core_cmd *cmd)
{
    struct display_set *set = ctx;
    struct picture_provider mapper;
    struct present p;
    struct pipe *pipe;

    present_decode_swap_mapping(cmd->payload, cmd->payload_bytes, &p);
    pthread_mutex_lock(&set->mapper_lock);
    mapper = set->mapper;
    pthread_mutex_unlock(&set->mapper_lock);
    if (mapper.find)
        return accept(set, cmd, &p, &mapper);
    pipe = pipe_of(set, cmd);
    if (pipe && p.surface) {
        atomic_fetch_add(&pipe->guest_presents, 1);
        core_refuse(set->cfg.core, cmd, REFUSE_MAPPING_UNSUPPORTED, "port %u, mapping %u", p.port, p.surface);
    }
    return CORE_DONE;
}

/* ---- taking ---- */

static void convert_free(struct pipe *pipe)
{
    free(pipe->convert);
    frame_pool_uncharge(pipe->pool, pipe->convert_bytes);
    pipe->convert = NULL;
    pipe->convert_bytes = 0;
}

static bool convert_room(struct pipe *pipe, size_t bytes)
{
    if (pipe->convert_bytes >= bytes)
        return true;
    convert_free(pipe);
    if (!frame_pool_charge(pipe->pool, bytes))
        return false;
    pipe->convert = malloc(bytes);
    if (!pipe->convert) {
        frame_pool_uncharge(pipe->pool, bytes);
        return false;
    }
    pipe->convert_bytes = bytes;
    return true;
}

void present_rest(struct pipe *pipe)
{
    frame_pool_rest(pipe->pool);
    if (!pipe->busy)
        convert_free(pipe);
}

static void refuse_memory(struct pipe *pipe, const struct picture *pic)
{
    log_refuse(core_log(pipe->set->cfg.core), REFUSE_PICTURE_MEMORY, "port %u: %ux%u, limit of all 0x%llx bytes", pipe->port,
               pic->width_px, pic->height_px, (unsigned long long)LIMIT_PICTURES_BYTES);
}

/* Where @rows of the picture came from. @plain: nothing is going to change them. */
static void record_source(struct pipe *pipe, const struct standing *s, const uint8_t *rows, bool plain)
{
    struct recorder *rec = core_recorder(pipe->set->cfg.core);
    const struct gmem_runs *runs = &pipe->scratch;
    const struct record_source head = {.port = pipe->port,
                                       .bytes_per_pixel = s->picture.bytes_per_pixel,
                                       .present = s->number,
                                       .stride_bytes = s->picture.stride_bytes,
                                       .runs = (uint32_t)runs->count,
                                       .pixels = !plain};
    uint64_t skip = s->picture.mapping ? s->picture.offset_bytes : 0; /* a mapping's runs begin with the mapping */
    uint64_t *place = recorder_on(rec) && runs->count ? malloc(runs->count * 2 * sizeof(*place)) : NULL;
    const struct iovec piece[] = {
        {.iov_base = (void *)(uintptr_t)&head, .iov_len = sizeof(head)},
        {.iov_base = place, .iov_len = runs->count * 2 * sizeof(*place)},
        {.iov_base = (void *)(uintptr_t)rows,
         .iov_len = plain ? 0 : (size_t)s->picture.bytes_per_pixel * s->picture.width_px * s->picture.height_px}};

    for (size_t i = 0; place && i < runs->count; i++) {
        uint64_t before = skip < runs->run[i].length_bytes ? skip : runs->run[i].length_bytes;

        place[2 * i] = runs->run[i].gpa.v + before;
        place[2 * i + 1] = runs->run[i].length_bytes - before;
        skip -= before;
    }
    if (place)
        recorder_addv(rec, RECORD_SOURCE, piece, 3);
    free(place);
}

/* Fill @frame from the guest. Section open, lock not held. */
static bool copy_picture(struct pipe *pipe, struct gmem_pin *pin, const struct standing *s, const struct gamma_lut *lut,
                         struct pvg_frame *frame)
{
    const struct picture_provider *from = &s->provider;
    const struct picture *pic = &s->picture;
    struct core *core = pipe->set->cfg.core;
    uint8_t *dst = frame->pixels;
    size_t stride = frame->stride_bytes;
    struct gmem_fault fault = {0};
    int err;

    if (pic->bytes_per_pixel != 4) {
        stride = (size_t)pic->width_px * pic->bytes_per_pixel;
        if (!convert_room(pipe, stride * pic->height_px)) {
            refuse_memory(pipe, pic);
            return false;
        }
        dst = pipe->convert;
    }
    err = from->read(from->ctx, pin, pic, dst, stride, &pipe->scratch, &fault);
    if (err == PVG_ERR_REFUSED)
        log_refuse(core_log(core), fault.reason, "port %u: picture at its tick, address 0x%llx", pipe->port,
                   (unsigned long long)fault.gva.v);
    gmem_callback_begin(pin); /* to the end of present_take() guest memory is not touched: nobody need wait for it */
    if (err)
        return false;
    record_source(pipe, s, dst, lut->identity && pixels_are_bgra(pic->format));
    if (dst != frame->pixels)
        pixels_from_half(dst, stride, frame);
    else if (!pixels_are_bgra(pic->format))
        pixels_swap_red_blue(frame);
    return true;
}

static void record_picture(struct pipe *pipe, const struct pvg_frame *frame)
{
    struct recorder *rec = core_recorder(pipe->set->cfg.core);
    const uint32_t head[3] = {pipe->port, frame->width_px, frame->height_px};

    if (recorder_on(rec))
        recorder_add(rec, RECORD_PICTURE, head, sizeof(head), frame->pixels,
                     (size_t)frame->stride_bytes * frame->height_px);
}

void present_show(struct pipe *pipe, struct pvg_frame *frame)
{
    struct pvg_frame *old = pipe->base;
    bool draw = pipe->monitor && pipe->monitor->draw_cursor;

    frame->sequence = ++pipe->sequence;
    pipe->base = frame;
    if (draw) {
        pipe->compose = true; /* the clock draws the pointer and moves `front` */
    } else {
        frame_unref(pipe->front);
        pipe->front = frame_ref(frame);
    }
    frame_unref(old);
    pipe->pool_used = true;
    pipe->taken_ns = clock_now_ns();
}

bool present_take(struct pipe *pipe, struct gmem_pin *pin, struct core_ticket *done)
{
    struct gamma_lut lut; /* of its own: a teardown may reset the pipe's meanwhile */
    struct pvg_frame *frame;
    struct standing s;
    bool good;

    if (!section_enter(pipe, pin))
        return false;
    s = pipe->standing;
    if (!s.there) {
        section_leave(pipe);
        return false;
    }
    pipe->standing = (struct standing){0};
    if (s.lut)
        pipe->gamma = *s.lut;
    free(s.lut);
    lut = pipe->gamma;
    pthread_mutex_unlock(&pipe->lock);

    frame = frame_new(pipe->pool, s.picture.width_px, s.picture.height_px);
    if (!frame)
        refuse_memory(pipe, &s.picture);
    good = frame && copy_picture(pipe, pin, &s, &lut, frame);
    if (good) {
        gamma_apply(&lut, frame);
        record_picture(pipe, frame);
    }
    (void)gmem_callback_end(pin); /* the pin remembers that it was cut off */

    pthread_mutex_lock(&pipe->lock);
    if (good && !pipe->detached) {
        present_show(pipe, frame);
        pipe->unpulled++;
        atomic_fetch_add(&pipe->host_presents, 1);
    } else {
        frame_unref(frame); /* the last picture stays */
    }
    section_leave(pipe);
    *done = s.ticket;
    return true;
}

static bool overlaps(const struct picture *pic, uint32_t task, gva_t gva, uint64_t length)
{
    uint64_t end = gva.v + length < gva.v ? UINT64_MAX : gva.v + length;

    return !pic->mapping && pic->space.task == task && pic->backing.v < end &&
           gva.v < pic->backing.v + pic->backing_bytes;
}

/* Lock held. What stands on pages that go (@stands) is taken now; what is being taken is waited for. */
static void settle_pipe(struct pipe *pipe, struct gmem_pin *pin, bool stands)
{
    struct core_ticket ticket;

    if (stands && present_take(pipe, pin, &ticket)) {
        core_complete(pipe->set->cfg.core, ticket);
        clock_wake(pipe); /* to tell the VMM */
    } else if (pipe->busy && section_enter(pipe, pin)) {
        section_leave(pipe);
    }
}

/* Worker: pages are about to be given up. */
void present_settle(void *ctx, struct gmem_pin *pin, uint32_t task, gva_t gva, uint64_t length)
{
    struct display_set *set = ctx;

    for (uint32_t i = 0; i < set->cfg.ports; i++) {
        struct pipe *pipe = &set->pipes[i];

        pthread_mutex_lock(&pipe->lock);
        settle_pipe(pipe, pin, pipe->standing.there && overlaps(&pipe->standing.picture, task, gva, length));
        pthread_mutex_unlock(&pipe->lock);
    }
}

void display_settle_mapping(struct display_set *set, struct gmem_pin *pin, uint32_t mapping)
{
    for (uint32_t i = 0; i < set->cfg.ports; i++) {
        struct pipe *pipe = &set->pipes[i];

        pthread_mutex_lock(&pipe->lock);
        settle_pipe(pipe, pin, pipe->standing.there && pipe->standing.picture.mapping == mapping);
        pthread_mutex_unlock(&pipe->lock);
    }
}

void display_drop_mappings(struct display_set *set)
{
    for (uint32_t i = 0; i < set->cfg.ports; i++) {
        struct pipe *pipe = &set->pipes[i];

        pthread_mutex_lock(&pipe->lock);
        if (pipe->standing.there && pipe->standing.picture.mapping) {
            core_complete(set->cfg.core, pipe->standing.ticket);
            free(pipe->standing.lut);
            pipe->standing = (struct standing){0};
        }
        pthread_mutex_unlock(&pipe->lock);
    }
}

void display_set_mapper(struct display_set *set, const struct picture_provider *provider)
{
    pthread_mutex_lock(&set->mapper_lock);
    set->mapper = provider ? *provider : (struct picture_provider){0};
    pthread_mutex_unlock(&set->mapper_lock);
}

void present_register(struct display_set *set)
{
    struct core *core = set->cfg.core;

    core_handle(core, CMD_DISPLAY_TRANSACTION2, transaction2, set);
    core_handle(core, CMD_DISPLAY_TRANSACTION3, transaction3, set);
    core_handle(core, CMD_DISPLAY_SWAP_MAPPING, swap_mapping, set);
}
