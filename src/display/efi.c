/* SPDX-License-Identifier: MIT */
/*
 * The register block 0x1200..0x1234: what firmware reads about modes and writes about its frame buffer, and the display
 * doorbell (display 10, 9.4). Values are kept for the firmware console to come; nothing scans them yet. Any thread, atomics only.
 */
#include "display/display_priv.h"
#include "wire/regs.h"

static uint32_t selected(struct display_set *set)
{
    uint32_t port = atomic_load(&set->efi_select);

    return port < set->cfg.ports ? port : 0;
}

static uint32_t extent(struct display_set *set)
{
    uint32_t port = selected(set), i = atomic_load(&set->efi_mode);

    return i < atomic_load(&set->efi_mode_count[port]) ? atomic_load(&set->efi_extent[port][i]) : 0;
}

static uint64_t efi_read(void *ctx, uint32_t offset, unsigned size)
{
    struct display_set *set = ctx;
    uint64_t value = 0;

    switch (offset) {
    case REG_EFI_DISPLAY_SELECT:
        value = atomic_load(&set->efi_select);
        break;
    case REG_EFI_MODES:
        value = atomic_load(&set->efi_mode_count[selected(set)]);
        break;
    case REG_EFI_MODE_INDEX:
        value = atomic_load(&set->efi_mode);
        break;
    case REG_EFI_MODE_EXTENT:
        value = extent(set);
        break;
    case REG_EFI_BUFFER_ADDRESS:
        value = atomic_load(&set->efi_address);
        return size == 8 ? value : (uint32_t)value; /* truly 64 bits wide */
    case REG_EFI_BUFFER_SIZE:
        value = atomic_load(&set->efi_size);
        break;
    case REG_EFI_BUFFER_BPP:
        value = atomic_load(&set->efi_bpp);
        break;
    case REG_EFI_BUFFER_ENABLE:
        value = atomic_load(&set->efi_enable);
        break;
    case REG_EFI_PITCH_ALIGN:
        value = WIRE_EFI_PITCH_ALIGN;
        break;
    case REG_EFI_BUFFER_PITCH:
        value = atomic_load(&set->efi_pitch);
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

static void efi_write(void *ctx, uint32_t offset, uint64_t value, unsigned size)
{
    struct display_set *set = ctx;
    uint64_t old;

    switch (offset) {
    case REG_EFI_DISPLAY_SELECT:
        atomic_store(&set->efi_select, (uint32_t)value);
        break;
    case REG_EFI_MODE_INDEX:
        atomic_store(&set->efi_mode, (uint32_t)value);
        break;
    case REG_EFI_BUFFER_ADDRESS:
        if (size == 8) {
            atomic_store(&set->efi_address, value);
            return;
        }
        old = atomic_load(&set->efi_address); /* the low half; the high half stays */
        while (!atomic_compare_exchange_weak(&set->efi_address, &old, (old & ~0xffffffffull) | (uint32_t)value))
            continue;
        break;
    case REG_EFI_BUFFER_SIZE:
        atomic_store(&set->efi_size, (uint32_t)value);
        break;
    case REG_EFI_BUFFER_BPP:
        atomic_store(&set->efi_bpp, (uint32_t)value);
        break;
    case REG_EFI_BUFFER_ENABLE:
        atomic_store(&set->efi_enable, (uint32_t)value);
        break;
    case REG_DISPLAY_DOORBELL:
        doorbell(set, (uint32_t)value);
        break;
    case REG_EFI_BUFFER_PITCH:
        atomic_store(&set->efi_pitch, (uint32_t)value);
        break;
    }
    if (size == 8)
        efi_write(ctx, offset + 4, value >> 32, 4);
}

void efi_show_modes(struct display_set *set, const struct pvg_display *disp)
{
    uint32_t port = disp->pipe->port;

    for (uint32_t i = 0; i < disp->mode_count; i++)
        atomic_store(&set->efi_extent[port][i], (uint32_t)disp->modes[i].width_px << 16 | disp->modes[i].height_px);
    atomic_store(&set->efi_mode_count[port], disp->connected ? disp->mode_count : 0);
}

void efi_reset(struct display_set *set)
{
    atomic_store(&set->efi_select, 0);
    atomic_store(&set->efi_mode, 0);
    atomic_store(&set->efi_address, 0);
    atomic_store(&set->efi_size, 0);
    atomic_store(&set->efi_bpp, 0);
    atomic_store(&set->efi_enable, 0);
    atomic_store(&set->efi_pitch, 0);
}

void efi_register(struct display_set *set)
{
    const struct core_display_regs regs = {.ctx = set, .read = efi_read, .write = efi_write};

    core_display_regs(set->cfg.core, &regs);
}
