#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guest page flips: the same guest image and the same program on our device and on QEMU's stock displays, 1920x1080.

One VM per device stays booted; the runs are interleaved and the medians reported, because the speed of software emulation
changes with whatever else the machine does. Stock displays give the guest no vertical blank, so only ours can be paced.

Two differences belong to every ratio. The stock drivers offer no asynchronous flips: theirs are ordinary ones, which complete
at once. And a present of ours that a newer one supersedes is never copied (decision 1), while virtio-gpu transfers each.
Every run's spread and the machine's load are printed: where they are large, the medians mean little.
"""
import json
import os
import re
import statistics
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts"))
import pvgvm  # noqa: E402

ROUNDS = 5
SECONDS = 2
PACED_SECONDS = 10
DEVICES = {
    "apple-gfx-pci": "apple-gfx-pci,modes=1920x1080@60",
    "virtio-gpu-pci": "virtio-gpu-pci,xres=1920,yres=1080",
    "bochs-display": "bochs-display,xres=1920,yres=1080,vgamem=64M",
    "qxl-vga": "qxl-vga,vgamem_mb=32",
}


def emit(name, unit, value, reference, reference_name, better):
    ratio = None
    if reference and value:
        ratio = value / reference if better == "higher" else reference / value
    print(json.dumps({"name": name, "unit": unit, "value": value, "reference": reference, "reference_name": reference_name,
                      "ratio": ratio, "better": better}), flush=True)


def main():
    vms, rates = {}, {}
    try:
        for name, device in DEVICES.items():
            vm = pvgvm.Vm(os.path.join(pvgvm.BUILD, "bench", name), [device], inputs=False, stock=name != "apple-gfx-pci")
            try:
                vms[name] = vm.start()
                vm.run("kms-flip --mode 1920x1080 --seconds 0.5 async")
                rates[name] = []
            except pvgvm.VmError as error:
                if name == "apple-gfx-pci":
                    raise
                print(f"{name} cannot be compared: {str(error).splitlines()[0]}", flush=True)
                vms.pop(name, None)
                vm.quit()
        for _ in range(ROUNDS):
            for name, vm in vms.items():
                line = vm.run(f"kms-flip --mode 1920x1080 --seconds {SECONDS} async")[-1]
                rates[name].append(float(re.search(r"rate=([0-9.]+)", line)[1]))
        for name, values in rates.items():
            print(f"{name}: {min(values):.0f}..{max(values):.0f} flips/s in {len(values)} runs", flush=True)
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, the guests' own work included", flush=True)
        ours = statistics.median(rates["apple-gfx-pci"])
        for name, values in rates.items():
            if name != "apple-gfx-pci":
                emit(f"flips/async-vs-{name}", "flips/s", ours, statistics.median(values), name, "higher")
        line = vms["apple-gfx-pci"].run(f"kms-flip --mode 1920x1080 --seconds {PACED_SECONDS} paced")[-1]
        found = {k: float(v) for k, v in re.findall(r"(\w+)=([0-9.]+)", line)}
        off = abs(found["mean_hz"] - found["advertised_hz"]) / found["advertised_hz"] * 100
        emit("flips/paced-mean-error", "%", max(off, 1e-6), 0.1, "limit of decision 20", "lower")
        emit("flips/paced-interval-error-mean", "us", found["mean_error_us"], None, None, "lower")
        emit("flips/paced-interval-error-worst", "us", found["worst_error_us"], None, None, "lower")
    finally:
        for vm in vms.values():
            vm.quit()


if __name__ == "__main__":
    main()
