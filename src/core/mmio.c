/* SPDX-License-Identifier: MIT */
/*
 * The register window: access sizes, reads, writes (transport 1.3, 2, 3). Any thread; atomics only, so that a guest that
 * spins on a register never waits for a packet.
 */
#include "core/core_priv.h"

/* Low half first, with the side effects of both (transport 1.3). */
static uint32_t read32(struct core *core, uint32_t offset)
{
    struct regs *r = &core->regs;

    switch (offset) {
    case REG_FIFO_CONTROL:
        return atomic_load(&r->fifo_control);
    case REG_ROOT_FIFO_LENGTH:
        return atomic_load(&r->root_fifo_length);
    case REG_ROOT_PRODUCER:
        return atomic_load(&r->root_producer);
    case REG_ROOT_CONSUMER:
        return atomic_load_explicit(&r->root_consumer, memory_order_acquire);
    case REG_ROOT_FIFO_START:
        return atomic_load(&r->root_fifo_start);
    case REG_DISPLAY_EVENTS:
        return atomic_exchange(&r->display_events, 0);
    case REG_STAMP_EVENTS:
        return atomic_exchange(&r->stamp_events, 0);
    case REG_ROOT_PAGE_PFN:
        return atomic_load(&r->root_page_pfn);
    case REG_INTR_FAULT:
        return atomic_exchange(&r->intr_fault, 0);
    case REG_ROOT_FIFO_PFN:
        return atomic_load(&r->root_fifo_pfn);
    case REG_VERSION:
        return atomic_load(&r->version);
    case REG_ROOT_FAULT_OFFSET:
        return atomic_load(&r->root_fault_offset);
    case REG_CHILD_DOORBELL:
    case REG_ROOT_RESUME:
    case REG_CHILD_RESUME:
    case REG_NEW_ICB:
        return 0;
    }
    log_refuse(core->cfg.log, REFUSE_REG_UNKNOWN, "read at 0x%x", offset);
    return 0;
}

/* The register comes last: a worker that reads 1 reads the geometry and the number of this enable, not of one before. */
static void enable(struct core *core)
{
    struct regs *r = &core->regs;

    if (atomic_load(&core->stopped))
        return;
    if (!atomic_load(&r->fifo_control)) {
        atomic_store(&r->root_producer, 0);
        atomic_store(&r->root_consumer, 0);
        atomic_store(&r->enabled_length, atomic_load(&r->root_fifo_length));
        atomic_store(&r->enabled_start, atomic_load(&r->root_fifo_start));
        atomic_store(&r->enabled_pfn, atomic_load(&r->root_fifo_pfn));
        atomic_fetch_add(&r->enable_seq, 1);
        atomic_store(&r->fifo_control, 1);
    }
    worker_kick(core, 1u);
}

static void doorbell(struct core *core, uint32_t id, bool resume)
{
    if (!id || id >= LIMIT_FIFOS) {
        log_refuse(core->cfg.log, REFUSE_DOORBELL_ID, "channel %u, served are 1..%u", id, LIMIT_FIFOS - 1);
        return;
    }
    if (resume)
        atomic_fetch_or(&core->resumes, 1u << id);
    worker_kick(core, 1u << id);
}

/* The host's answer is what the guest will read back (transport 3). */
static uint32_t grant_version(struct core *core, uint32_t proposal)
{
    if (proposal & WIRE_VERSION_BIT31) {
        log_refuse(core->cfg.log, REFUSE_VERSION_BIT31, "proposal 0x%x", proposal);
        return proposal;
    }
    return proposal < WIRE_VERSION_MAX ? proposal : WIRE_VERSION_MAX;
}

static void write32(struct core *core, uint32_t offset, uint32_t value)
{
    struct regs *r = &core->regs;

    switch (offset) {
    case REG_FIFO_CONTROL:
        if (value)
            enable(core);
        else
            core_disable(core);
        return;
    case REG_ROOT_FIFO_LENGTH:
        atomic_store(&r->root_fifo_length, value);
        return;
    case REG_ROOT_PRODUCER:
        atomic_store_explicit(&r->root_producer, value, memory_order_release);
        if (atomic_load(&r->fifo_control))
            worker_kick(core, 1u);
        return;
    case REG_ROOT_FIFO_START:
        atomic_store(&r->root_fifo_start, value);
        return;
    case REG_DISPLAY_EVENTS:
        atomic_fetch_and(&r->display_events, ~value);
        return;
    case REG_STAMP_EVENTS:
        atomic_fetch_and(&r->stamp_events, ~value);
        return;
    case REG_INTR_FAULT:
        atomic_fetch_and(&r->intr_fault, ~value);
        return;
    case REG_ROOT_PAGE_PFN:
        atomic_store(&r->root_page_pfn, value);
        return;
    case REG_CHILD_DOORBELL:
        doorbell(core, value, false);
        return;
    case REG_CHILD_RESUME:
        doorbell(core, value, true);
        return;
    case REG_ROOT_RESUME:
        atomic_fetch_or(&core->resumes, 1u);
        worker_kick(core, 1u);
        return;
    case REG_ROOT_FIFO_PFN:
        atomic_store(&r->root_fifo_pfn, value);
        return;
    case REG_VERSION:
        atomic_store(&r->version, grant_version(core, value));
        return;
    case REG_ROOT_CONSUMER:
    case REG_NEW_ICB:
    case REG_ROOT_FAULT_OFFSET:
        return;
    }
    log_refuse(core->cfg.log, REFUSE_REG_UNKNOWN, "write of 0x%x at 0x%x", value, offset);
}

static bool display_reg(uint64_t offset)
{
    return offset >= REG_EFI_DISPLAY_SELECT && offset <= REG_BUILTIN_CONNECTED;
}

/* May this access be served? Below the registers everything reads 0. */
static bool acceptable(struct core *core, uint64_t offset, unsigned size)
{
    if (offset < REG_FIRST)
        return false;
    if ((size == 4 || size == 8) && offset % size == 0)
        return true;
    log_refuse(core->cfg.log, REFUSE_REG_SIZE, "%u bytes at 0x%llx", size, (unsigned long long)offset);
    return false;
}

static uint64_t read_any(struct core *core, uint64_t offset, unsigned size)
{
    if (!acceptable(core, offset, size))
        return 0;
    if (display_reg(offset))
        return core->display_regs.read ? core->display_regs.read(core->display_regs.ctx, (uint32_t)offset, size) : 0;
    if (offset >= PVG_MMIO_LENGTH)
        return 0;
    if (size == 8)
        return read32(core, (uint32_t)offset) | (uint64_t)read32(core, (uint32_t)offset + 4) << 32;
    return read32(core, (uint32_t)offset);
}

/* What does not fit is beyond the window in any case. */
static uint32_t record_offset(uint64_t offset)
{
    return offset > UINT32_MAX ? 0xfffffff8u | (uint32_t)(offset & 7) : (uint32_t)offset;
}

uint64_t core_mmio_read(struct core *core, uint64_t offset, unsigned size)
{
    uint64_t value = read_any(core, offset, size);

    if (recorder_on(core->cfg.recorder)) {
        const uint32_t head[4] = {record_offset(offset), size, (uint32_t)value, (uint32_t)(value >> 32)};

        recorder_add(core->cfg.recorder, RECORD_MMIO_READ, head, sizeof(head), NULL, 0);
    }
    return value;
}

void core_mmio_write(struct core *core, uint64_t offset, uint64_t value, unsigned size)
{
    if (recorder_on(core->cfg.recorder)) {
        const uint32_t head[4] = {record_offset(offset), size, (uint32_t)value, (uint32_t)(value >> 32)};

        recorder_add(core->cfg.recorder, RECORD_MMIO_WRITE, head, sizeof(head), NULL, 0);
    }
    if (!acceptable(core, offset, size) || offset >= PVG_MMIO_LENGTH)
        return;
    if (display_reg(offset)) {
        if (core->display_regs.write)
            core->display_regs.write(core->display_regs.ctx, (uint32_t)offset, value, size);
        return;
    }
    write32(core, (uint32_t)offset, (uint32_t)value);
    /* The upper half of an 8-byte write at ROOT_FIFO_PFN would land in VERSION: dropped (transport 1.3). */
    if (size == 8 && offset != REG_ROOT_FIFO_PFN)
        write32(core, (uint32_t)offset + 4, (uint32_t)(value >> 32));
}
