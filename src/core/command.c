/* SPDX-License-Identifier: MIT */
/*
 * Runs the command in hand: looks its opcode up, checks the smallest payload, calls the handler; and serves the commands
 * that are core's own: channels, device information, NOP, debug (transport 6, 8.0, 8.1). Runs on the worker.
 */
#include "core/core_priv.h"

#include <string.h>

#include "base/rd.h"

static void count(struct core *core, uint32_t opcode)
{
    _Atomic uint64_t *n = &core->opcode_count[opcode < OPCODE_COUNT ? opcode : OPCODE_COUNT];

    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1, memory_order_relaxed);
}

enum core_verdict command_run(struct core *core, struct fifo *f)
{
    const struct opcode_info *info = opcode_info(f->header.opcode);
    uint32_t offset = packet_payload_offset(&f->header);
    struct core_cmd cmd = {
        .opcode = f->header.opcode,
        .channel = f->id,
        .payload = f->packet + offset,
        .payload_bytes = f->header.length_bytes - offset,
        .first_ns = f->first_ns,
        .pin = &core->pin,
        .ticket = {.fifo = f->id,
                   .slot = (f->pending_head + f->pending_count - 1) % LIMIT_PENDING,
                   .generation = f->generation},
    };

    switch (info->class) {
    case OPCODE_UNKNOWN:
        count(core, OPCODE_COUNT);
        core_refuse(core, &cmd, REFUSE_OPCODE_UNKNOWN, "opcode 0x%x, %u bytes of payload", cmd.opcode,
                    cmd.payload_bytes);
        return CORE_DONE;
    case OPCODE_DEPRECATED:
        count(core, cmd.opcode);
        core_refuse(core, &cmd, REFUSE_OPCODE_DEPRECATED, "%u bytes of payload", cmd.payload_bytes);
        return CORE_DONE;
    case OPCODE_NOT_SERVED:
    case OPCODE_SERVED:
        break;
    }
    if (cmd.payload_bytes < info->least_payload_bytes) {
        count(core, cmd.opcode);
        core_refuse(core, &cmd, REFUSE_PAYLOAD_SHORT, "%u bytes, needs %u", cmd.payload_bytes,
                    info->least_payload_bytes);
        return CORE_DONE;
    }
    if (core->handlers[cmd.opcode].fn) {
        enum core_verdict verdict = core->handlers[cmd.opcode].fn(core->handlers[cmd.opcode].ctx, &cmd);

        if (verdict != CORE_HOLD)
            count(core, cmd.opcode);
        return verdict;
    }
    /* Belongs to a later capability: accepted, counted, stamped (decision 17). */
    count(core, cmd.opcode);
    return CORE_DONE;
}

static enum core_verdict nop(void *ctx, const struct core_cmd *cmd)
{
    if (cmd->payload_bytes)
        core_refuse(ctx, cmd, REFUSE_PAYLOAD_NOP, "%u bytes", cmd->payload_bytes);
    return CORE_DONE;
}

static enum core_verdict debug(void *ctx, const struct core_cmd *cmd)
{
    struct core *core = ctx;

    log_msg(core->cfg.log, PVG_LOG_DEBUG, "guest marker on channel %u: %u bytes, first word 0x%x", cmd->channel,
            cmd->payload_bytes, cmd->payload_bytes >= 4 ? le32_get(cmd->payload) : 0);
    return CORE_DONE;
}

/* The FIFO that a channel command names, or NULL and a refusal. */
static struct fifo *channel_of(struct core *core, const struct core_cmd *cmd)
{
    uint32_t id = le32_get(cmd->payload);

    if (id && id < LIMIT_FIFOS)
        return &core->fifos[id];
    core_refuse(core, cmd, REFUSE_CHANNEL_ID, "id %u, served are 1..%u", id, LIMIT_FIFOS - 1);
    return NULL;
}

/* Started work of @f finishes and is stamped before the channel goes; @cmd itself may be part of it. */
static bool owes_stamps(const struct fifo *f, const struct core_cmd *cmd)
{
    return f->pending_count > (f->id == cmd->channel);
}

static enum core_verdict define_channel(void *ctx, const struct core_cmd *cmd)
{
    struct core *core = ctx;
    struct fifo *f = channel_of(core, cmd);
    enum refuse why;

    if (!f)
        return CORE_DONE;
    if (owes_stamps(f, cmd))
        return CORE_HOLD;
    if (f->id == cmd->channel) {
        f->after = FIFO_REOPENS;
        return CORE_DONE;
    }
    why = fifo_open_child(core, f);
    if (why) {
        core_refuse(core, cmd, why, "channel %u", f->id);
        return CORE_DONE;
    }
    if (f->stamp_index >= core->stamp_cells) /* it is served all the same, and never stamped */
        core_refuse(core, cmd, REFUSE_STAMP_INDEX, "channel %u: index %u of %u cells", f->id, f->stamp_index,
                    core->stamp_cells);
    atomic_fetch_or(&core->doorbells, 1u << f->id); /* packets may have been there before */
    return CORE_DONE;
}

static enum core_verdict delete_channel(void *ctx, const struct core_cmd *cmd)
{
    struct core *core = ctx;
    struct fifo *f = channel_of(core, cmd);

    if (!f)
        return CORE_DONE;
    if (!f->defined) {
        core_refuse(core, cmd, REFUSE_CHANNEL_NONE, "channel %u", f->id);
        return CORE_DONE;
    }
    if (owes_stamps(f, cmd))
        return CORE_HOLD;
    if (f->id == cmd->channel)
        f->after = FIFO_CLOSES;
    else
        fifo_close(core, f);
    return CORE_DONE;
}

/* CmdGetDeviceInfo (transport 8.1): pairs of key and value, the rest of the page's part zeroed. */
static enum core_verdict device_info(void *ctx, const struct core_cmd *cmd)
{
    struct core *core = ctx;
    struct device_info_request req = device_info_decode(cmd->payload);
    uint64_t page = 1ull << core->page_shift;
    uint64_t bytes = (uint64_t)req.pair_capacity * DEVICE_INFO_PAIR_BYTES;
    gpa_t gpa = {(uint64_t)req.reply_pfn << core->page_shift};
    uint8_t reply[STAMP_CELLS_MAX * 4]; /* the larger page */

    atomic_store(&core->key_limit, req.key_limit);
    if (!req.reply_pfn || !bytes)
        return CORE_DONE;
    if (bytes > page)
        bytes = page;
    if (core_is_control(core, gpa, page)) {
        core_refuse(core, cmd, REFUSE_REPLY_COLLISION, "page 0x%x", req.reply_pfn);
        return CORE_DONE;
    }
    device_info_encode(&core->cfg.capabilities, core_version(core), req.key_limit, reply, bytes);
    if (gmem_write(cmd->pin, gpa, reply, bytes) == PVG_ERR_NOT_RAM)
        core_refuse(core, cmd, REFUSE_REPLY_NOT_RAM, "page 0x%x", req.reply_pfn);
    return CORE_DONE;
}

void command_register(struct core *core)
{
    core_handle(core, CMD_NOP, nop, core);
    core_handle(core, CMD_DEBUG, debug, core);
    core_handle(core, CMD_DEFINE_CHILD_FIFO, define_channel, core);
    core_handle(core, CMD_DELETE_CHILD_FIFO, delete_channel, core);
    core_handle(core, CMD_GET_DEVICE_INFO, device_info, core);
}
