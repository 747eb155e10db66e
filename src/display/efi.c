/* SPDX-License-Identifier: MIT */
/*
 * The register block 0x1200..0x1234: what firmware reads about modes and writes about its frame buffer, which
 * firmware.c shows, and the display doorbell (display 10, 9.4). Each display has its own values. Any thread, atomics
 * only.
 */
#include "display/display_priv.h"
#include "wire/regs.h"

static struct pipe *selected(struct display_set *set)
{
    uint32_t port = atomic_load(&set->efi_select);

    return &set->pipes[port < set->cfg.ports ? port : 0];
}

uint32_t efi_extent(struct pipe *pipe)
{
    uint32_t i = atomic_load(&pipe->efi.mode);

    return i < atomic_load(&pipe->efi.mode_count) ? atomic_load(&pipe->efi.extent[i]) : 0;
}

static uint64_t efi_read(void *ctx, uint32_t offset, unsigned size)
{
    struct display_set *set = ctx;
    struct pipe *pipe = selected(set);
    uint64_t value = 0;

    switch (offset) {
    case REG_EFI_DISPLAY_SELECT:
        value = atomic_load(&set->efi_select);
        break;
    case REG_EFI_MODES:
        value = atomic_load(&pipe->efi.mode_count);
        break;
    case REG_EFI_MODE_INDEX:
        value = atomic_load(&pipe->efi.mode);
        break;
    case REG_EFI_MODE_EXTENT:
        value = efi_extent(pipe);
        break;
    case REG_EFI_BUFFER_ADDRESS:
        value = atomic_load(&pipe->efi.address);
        return size == 8 ? value : (uint32_t)value; /* truly 64 bits wide */
    case REG_EFI_BUFFER_SIZE:
        value = atomic_load(&pipe->efi.size);
        break;
    case REG_EFI_BUFFER_BPP:
        value = atomic_load(&pipe->efi.bpp);
        break;
    case REG_EFI_BUFFER_ENABLE:
        value = atomic_load(&pipe->efi.enable);
        break;
    case REG_EFI_PITCH_ALIGN:
        value = WIRE_EFI_PITCH_ALIGN;
        break;
    case REG_EFI_BUFFER_PITCH:
        value = atomic_load(&pipe->efi.pitch);
        break;
    case REG_DISPLAY_PORTS:
        value = set->cfg.ports;
        break;
    case REG_BUILTIN_CONNECTED:
        value = 1;
        break;
    }
    return size == 8 ? value | efi_read(ctx, offset + 4, 4) << 32 : value;
}

static void doorbell(struct display_set *set, uint32_t port)
{
    struct pipe *pipe;

    if (port >= set->cfg.ports) {
        log_refuse(core_log(set->cfg.core), REFUSE_DISPLAY_DOORBELL, "port %u of %u", port, set->cfg.ports);
        return;
    }
    pipe = &set->pipes[port];
    if (!atomic_exchange(&pipe->doorbell, true))
        clock_wake(pipe);
}

/* The low half alone: the high one stays. */
static void write_low(_Atomic uint64_t *address, uint32_t low)
{
    uint64_t old = atomic_load(address);

    while (!atomic_compare_exchange_weak(address, &old, (old & ~0xffffffffull) | low))
        continue;
}

/* A register that says where the firmware's picture is. */
static void efi_changed(struct pipe *pipe)
{
    atomic_fetch_add(&pipe->efi.writes, 1);
    clock_wake(pipe);
}

static void efi_write(void *ctx, uint32_t offset, uint64_t value, unsigned size)
{
    struct display_set *set = ctx;
    struct pipe *pipe = selected(set);

    switch (offset) {
    case REG_EFI_DISPLAY_SELECT:
        atomic_store(&set->efi_select, (uint32_t)value);
        break;
    case REG_EFI_MODE_INDEX:
        atomic_store(&pipe->efi.mode, (uint32_t)value);
        efi_changed(pipe);
        break;
    case REG_EFI_BUFFER_ADDRESS:
        if (size == 8)
            atomic_store(&pipe->efi.address, value);
        else
            write_low(&pipe->efi.address, (uint32_t)value);
        efi_changed(pipe);
        return;
    case REG_EFI_BUFFER_SIZE:
        atomic_store(&pipe->efi.size, (uint32_t)value);
        break;
    case REG_EFI_BUFFER_BPP:
        atomic_store(&pipe->efi.bpp, (uint32_t)value);
        break;
    case REG_EFI_BUFFER_ENABLE:
        atomic_store(&pipe->efi.enable, (uint32_t)value);
        break;
    case REG_DISPLAY_DOORBELL:
        doorbell(set, (uint32_t)value);
        break;
    case REG_EFI_BUFFER_PITCH:
        atomic_store(&pipe->efi.pitch, (uint32_t)value);
        efi_changed(pipe);
        break;
    }
    if (size == 8)
        efi_write(ctx, offset + 4, value >> 32, 4);
}

void efi_show_modes(struct pipe *pipe, const struct pvg_display *disp)
{
    for (uint32_t i = 0; disp && i < disp->mode_count; i++)
        atomic_store(&pipe->efi.extent[i], (uint32_t)disp->modes[i].width_px << 16 | disp->modes[i].height_px);
    atomic_store(&pipe->efi.mode_count, disp && disp->connected ? disp->mode_count : 0);
}

void efi_reset(struct display_set *set)
{
    atomic_store(&set->efi_select, 0);
    for (uint32_t i = 0; i < LIMIT_PORTS; i++) {
        struct efi_block *efi = &set->pipes[i].efi;

        atomic_store(&efi->mode, 0);
        atomic_store(&efi->address, 0);
        atomic_store(&efi->size, 0);
        atomic_store(&efi->bpp, 0);
        atomic_store(&efi->enable, 0);
        atomic_store(&efi->pitch, 0);
    }
}

void efi_register(struct display_set *set)
{
    const struct core_display_regs regs = {.ctx = set, .read = efi_read, .write = efi_write};

    core_display_regs(set->cfg.core, &regs);
}
