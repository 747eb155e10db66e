# SPDX-License-Identifier: MIT
"""Cases with several displays and several devices, and the memory-mapped variant where nothing describes it to the guest."""
import json
import os
import re

from run import ARCH, Group, Skip, Steps, expect_picture, pattern

TWO_DISPLAYS = Group("two-displays", ["apple-gfx-pci,id=gfx,displays=2,gpu=none,modes=1280x800@60"], inputs=False)
TWO_DEVICES = Group("two-devices", ["apple-gfx-pci,id=one,gpu=none,modes=1280x800@60",
                                    "apple-gfx-pci,id=two,gpu=none,modes=1024x768@60"], inputs=False)
GROUPS = [TWO_DISPLAYS, TWO_DEVICES]

# A PC with the memory-mapped variant at its default place, which the driver is told, among PCI devices whose interrupts are
# lines and not messages, on every line that ordinary slots of q35 have.
PLACE = "0xfec80000,0xfec90000,14,15"
MMIO_PC = Group("mmio-pc", ["apple-gfx-mmio-platform,id=gfx,cursor=sw,gpu=none,modes=1280x800@60",
                            *(f"virtio-tablet-pci,vectors=0,addr={slot:#x}" for slot in range(0x10, 0x18))],
                inputs=False)
# arm64 with firmware, which gives the guest ACPI tables instead of the device tree.
FIRMWARE = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
ACPI = Group("acpi", ["apple-gfx-mmio-platform,id=gfx,cursor=sw,gpu=none,modes=1280x800@60"], inputs=False,
             extra=["-bios", FIRMWARE])
GROUPS.append(MMIO_PC if ARCH == "x86_64" else ACPI)


def need_firmware(_):
    if not os.path.exists(FIRMWARE):
        raise Skip(f"{FIRMWARE} is not there (package qemu-efi-aarch64)")


ACPI.prepare = need_firmware


@TWO_DISPLAYS.case
def two_displays(vm):
    """Each display of one device shows its own picture; the heads of the device are told apart by the host."""
    # The driver waits for one of them only when it is loaded.
    vm.run("until [ $(grep -l '^connected' /sys/class/drm/card0-*/status | wc -l) = 2 ]; do usleep 100000; done")
    for head in (0, 1):
        with Steps(vm, f"--connector {head} --seed {20 + head}", []) as steps:
            expect_picture(vm, pattern(*steps.size, 20 + head), f"pattern on head {head}", device="gfx", head=head)


@TWO_DISPLAYS.case
def two_displays_flip(vm):
    """Flips on the second display alone complete at its own rate."""
    lines = vm.run("kms-flip --connector 1 --seconds 0 paced 120")
    assert lines[-1].startswith("flips=120 "), lines


@TWO_DEVICES.case
def two_devices(vm):
    """Two devices, each with its own card and console; what one shows is not on the other."""
    cards = vm.run("ls /dev/dri/card*")
    assert len(cards) == 2, cards
    sizes = {}
    for card in cards:
        with Steps(vm, f"--card {card} --seed 30", []) as steps:
            sizes[steps.size] = card
            device = "one" if steps.size == (1280, 800) else "two"
            other = "two" if device == "one" else "one"
            want = pattern(*steps.size, 30)
            expect_picture(vm, want, f"pattern on device {device}", device=device)
            assert vm.screendump(device=other) != want, "both devices show the same"
    assert set(sizes) == {(1280, 800), (1024, 768)}, sizes


def report(vm):
    return json.loads(vm.qmp.command("qom-get", path="/machine/peripheral/gfx", property="report"))


def interrupts(vm):
    """The numbered rows of /proc/interrupts: count, controller, trigger, names."""
    first, *rows = vm.run("cat /proc/interrupts")
    cpus, found = len(first.split()), {}
    for row in rows:
        number, *fields = row.split(maxsplit=cpus + 3)
        if number[:-1].isdigit() and len(fields) == cpus + 3:
            found[int(number[:-1])] = sum(map(int, fields[:cpus])), *fields[cpus:]
    return found


@MMIO_PC.case
def mmio_pc(vm):
    """q35: the driver is told where the device is; pictures by mapping and as objects of the task; flips at the display's rate."""
    for surfaces in ("mapper", "objects"):
        vm.run("rmmod pvg_drm 2>/dev/null; true")
        vm.run(f"modprobe pvg_drm mmio={PLACE} surfaces={surfaces} && udevadm settle")
        before = report(vm)["mapper"]["maps"] if surfaces == "mapper" else None
        with Steps(vm, "--seed 40", []) as steps:
            assert steps.size == (1280, 800), steps.size
            expect_picture(vm, pattern(*steps.size, 40), f"pattern, {surfaces}")
        lines = vm.run("kms-flip --seconds 0 paced 60")
        assert lines[-1].startswith("flips=60 "), lines
        if before is not None:
            assert report(vm)["mapper"]["maps"] > before, "nothing was mapped"
    assert not report(vm)["refusals"], report(vm)["refusals"]


@MMIO_PC.case
def mmio_pc_interrupts(vm):
    """q35: pins 14 and 15 are edges and the device's alone while every PCI line is in use; the windows are nobody else's."""
    vm.run(f"[ -e /dev/dri/card0 ] || {{ modprobe pvg_drm mmio={PLACE} && udevadm settle; }}")
    rows = interrupts(vm)
    assert rows[14][1:] == ("IO-APIC", "14-edge", "pvg") and rows[15][1:] == ("IO-APIC", "15-edge", "pvg-iosfc"), rows
    assert {n for n, row in rows.items() if "virtio" in row[3] and "fasteoi" in row[2]} == {20, 21, 22, 23}, rows
    before = rows[14][0]
    vm.run("kms-flip --seconds 0 paced 60")
    after = interrupts(vm)
    assert after[14][0] - before >= 30, (before, after)
    problems = vm.run("dmesg | grep -iE 'nobody cared|disabling irq|spurious' ; true")
    assert not problems, problems
    memory = vm.run("cat /proc/iomem")
    ours = [line for line in memory if re.match(r" *fec[89]", line)]
    assert ours and not any(line.startswith("  ") and "pvg" not in line for line in ours), memory
    windows = [tuple(int(x, 16) for x in re.match(r"([0-9a-f]+)-([0-9a-f]+)", line).groups())
               for line in memory if "PCI Bus 0000:00" in line]
    assert windows and not any(first <= 0xfec80000 <= last for first, last in windows), memory


@ACPI.case
def acpi_virt(vm):
    """virt with UEFI: nothing describes the device, and the driver that is told its place shows a picture and flips."""
    assert vm.run("dmesg | grep -c 'ACPI: RSDP'; true") != ["0"], "the guest has no ACPI tables"
    assert not vm.run("ls /dev/dri 2>/dev/null; true"), "the guest found the device by itself"
    vm.run("modprobe pvg_drm mmio=0x0dfe0000,0x0dff0000,208,209 && udevadm settle")
    with Steps(vm, "--seed 41", []) as steps:
        expect_picture(vm, pattern(*steps.size, 41), "pattern")
    rows = interrupts(vm)
    assert {(row[2], *row[3].split()) for row in rows.values() if "pvg" in row[3]} == {("208", "Edge", "pvg"),
                                                                                   ("209", "Edge", "pvg-iosfc")}, rows
    lines = vm.run("kms-flip --seconds 0 paced 30")
    assert lines[-1].startswith("flips=30 "), lines
