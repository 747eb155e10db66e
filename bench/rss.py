#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Resident memory that a display device adds to QEMU: QEMU with it less QEMU without, idle in its firmware.

Medians of interleaved starts. Beside ours stand QEMU's stock displays, measured in the same way. The picture of a display
that nobody has drawn is small; the limit is 8 MiB and one picture per display.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts"))
import pvgvm  # noqa: E402

ROUNDS = 5
LIMIT_MIB = 8 + 1920 * 1080 * 4 / 2**20
DEVICES = {
    "none": None,
    "apple-gfx-pci": "apple-gfx-pci,gpu=none,modes=1920x1080@60",
    "virtio-gpu-pci": "virtio-gpu-pci,xres=1920,yres=1080",
    "bochs-display": "bochs-display,xres=1920,yres=1080",
}


def resident_mib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith("Rss:"):
                return int(line.split()[1]) / 1024
    raise pvgvm.VmError("no Rss in smaps_rollup")


def measure(device):
    """Resident MiB when two readings, a second apart, agree to within 64 KiB: QEMU is idle."""
    with tempfile.TemporaryDirectory(prefix="pvg-") as sockets:
        command = [os.path.join(pvgvm.ROOT, "pvg"), "qemu", "--", "-M", "q35", "-m", "64", "-nodefaults", "-vga", "none",
                   "-display", "none", "-qmp", f"unix:{sockets}/qmp,server=on,wait=off"]
        if device:
            command += ["-device", device]
        ours = device and device.startswith("apple")
        environment = dict(os.environ, **({} if ours else {"PVG_QEMU_STOCK": "1"}))
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            last, deadline = None, time.monotonic() + 60
            while time.monotonic() < deadline:
                time.sleep(1)
                if process.poll() is not None:
                    raise pvgvm.VmError(f"QEMU ended with {process.returncode} for device {device}")
                if not os.path.exists(f"{sockets}/qmp"):
                    continue
                now = resident_mib(process.pid)
                if last is not None and abs(now - last) < 64 / 1024:
                    return now
                last = now
            raise pvgvm.VmError("QEMU's memory does not come to rest")
        finally:
            process.terminate()
            process.wait()


def main():
    values = {name: [] for name in DEVICES}
    for _ in range(ROUNDS):
        for name, device in DEVICES.items():
            values[name].append(measure(device))
    base = statistics.median(values["none"])
    added = {name: max(statistics.median(v) - base, 0.0) for name, v in values.items() if name != "none"}
    ours = added.pop("apple-gfx-pci")

    def emit(name, reference, reference_name):
        print(json.dumps({"name": name, "unit": "MiB", "value": ours, "reference": reference, "reference_name": reference_name,
                          "ratio": reference / ours if ours and reference else None, "better": "lower"}), flush=True)

    emit("rss/added", LIMIT_MIB, "8 MiB and one 1920x1080 picture")
    for name, value in added.items():
        emit(f"rss/added-vs-{name}", value, name)


if __name__ == "__main__":
    main()
