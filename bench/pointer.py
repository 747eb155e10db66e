#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Processor time that 1000 moves of the pointer a second cost QEMU, beside virtio-gpu's moves over the same interface.

The guest is the one of tests/qtest. A qtest command costs QEMU more than a move does, so each device is measured twice, in turn:
with moves, and with the same commands whose last, the doorbell, goes to RAM. The difference is the move: its register write,
the threads of the library and the main loop's share. The goal is 1 % of a processor (seed checklist F30).
"""
import json
import os
import statistics
import struct
import sys
import time

sys.dont_write_bytecode = True
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "qtest"))
from guest import DISPLAY_DOORBELL, Display, Guest, Surface, u32  # noqa: E402
from machine import Config, Failure, Machine  # noqa: E402

PLUGIN = os.path.join(os.environ.get("PVG_BUILD") or os.path.join(ROOT, "build"), "vmm", "qemu", "apple-gfx.so")
ROUNDS, SECONDS, RATE, GOAL = 5, 4, 1000, 1


class Ours:
    def __init__(self, cursor):
        Config.plugin = PLUGIN
        self.m = Machine(f"apple-gfx-pci,id=g,modes=1920x1080@60,cursor={cursor}")
        g = Guest(self.m).start(msi=False)
        task = g.task()
        self.d = Display(g).online()
        self.d.present(Surface(task, 1, 1920, 1080))
        self.d.glyph(task, 64, 64)
        self.ram, self.bell = g.alloc(1), g.bar + DISPLAY_DOORBELL
        self.d.move(0, 0)

    def step(self, i, bell):
        self.m.put_bytes(self.d.page + 0xe00, u32(i % 1920 | 500 << 16, 1))
        self.m.write(4, bell, 0)


class Virtio:
    """The cursor queue of virtio-gpu by its modern PCI interface (virtio 1.1, 4.1.4 and 5.7)."""

    BAR = 0xe0000000

    def __init__(self):
        Config.plugin = None
        self.m = m = Machine("virtio-gpu-pci,id=g,addr=4,xres=1920,yres=1080")
        devfn, at, found = 4 << 3, m.config_read(4 << 3, 0x34, 1), {}
        while at:
            if m.config_read(devfn, at, 1) == 9:
                found[m.config_read(devfn, at + 3, 1)] = (m.config_read(devfn, at + 4, 1), m.config_read(devfn, at + 8), at)
            at = m.config_read(devfn, at + 1, 1)
        bar, common, _ = found[1]
        m.config_write(devfn, 0x10 + 4 * bar, self.BAR)
        m.config_write(devfn, 0x14 + 4 * bar, 0)
        m.config_write(devfn, 4, 6, 2)
        common += self.BAR
        for size, offset, value in ((1, 20, 0), (1, 20, 3), (4, 8, 1), (4, 12, 1), (1, 20, 11), (2, 22, 1)):
            m.write(size, common + offset, value)  # reset, driver, VIRTIO_F_VERSION_1, features are good, queue 1
        self.size = m.read(2, common + 24)
        self.table, self.avail, self.request, self.ram = 0x200000, 0x201000, 0x203000, 0x204000
        m.fill(0x200000, 0x5000)
        m.put_bytes(self.table, struct.pack("<QIHH", self.request, 56, 0, 0))
        m.write(2, self.avail, 1)  # no interrupts
        for offset, value in ((32, self.table), (40, self.avail), (48, 0x202000)):
            m.write(8, common + offset, value)
        m.write(2, common + 28, 1)
        _, notify, at = found[2]
        self.bell = self.BAR + notify + m.read(2, common + 30) * m.config_read(devfn, at + 16)
        m.write(1, common + 20, 15)
        self.made = 0

    def step(self, i, bell):
        # MOVE_CURSOR on scanout 0; its place in the ring holds descriptor 0 for ever.
        self.m.put_bytes(self.request, struct.pack("<IIQIIIIIIIIII", 0x301, 0, 0, 0, 0, 0, i % 1920, 500, 0, 0, 0, 0, 0))
        self.made += bell == self.bell
        self.m.write(2, self.avail + 2, self.made & 0xffff)
        self.m.write(4, bell, 1)

    def check(self):
        taken = self.m.read(2, 0x202002)
        if taken != self.made & 0xffff:
            raise Failure(f"virtio-gpu took {taken} of {self.made} moves")


def processor_ns(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def spent_ns(device, bell, first):
    """In a tenth of a second of RATE steps a second."""
    start, before = time.monotonic(), processor_ns(device.m.process.pid)
    for i in range(RATE // 10):
        device.step(first + i, bell)
        time.sleep(max(0.0, start + i / RATE - time.monotonic()))
    return processor_ns(device.m.process.pid) - before


def percent(device):
    """Of a processor, that RATE moves a second cost; in short turns, since the speed of machines drifts."""
    turns = range(0, RATE * SECONDS, RATE // 10)
    return sum(spent_ns(device, device.bell, i) - spent_ns(device, device.ram, i) for i in turns) / SECONDS / 1e7


def main():
    devices, costs = {}, {}
    try:
        for name, make in (("hw", lambda: Ours("hw")), ("sw", lambda: Ours("sw")), ("virtio", Virtio)):
            devices[name], costs[name] = make(), []
        for _ in range(ROUNDS):
            for name, device in devices.items():
                costs[name].append(percent(device))
        devices["virtio"].check()
    finally:
        for device in devices.values():
            device.m.kill()
    for name, values in costs.items():
        print(f"{name}: {min(values):.2f}..{max(values):.2f} % in {ROUNDS} runs", flush=True)
    ours = statistics.median(costs["hw"])

    def emit(name, value, reference, reference_name):
        ratio = reference / value if value > 0 < reference else None  # a difference may be lost in what is subtracted
        print(json.dumps({"name": name, "unit": "%", "value": value, "reference": reference, "reference_name": reference_name,
                          "ratio": ratio, "better": "lower"}), flush=True)

    emit("pointer/1000-moves", ours, GOAL, "goal")
    emit("pointer/1000-moves-vs-virtio-gpu-pci", ours, statistics.median(costs["virtio"]), "virtio-gpu-pci")
    emit("pointer/1000-moves-drawn-by-the-library", statistics.median(costs["sw"]), GOAL, "goal")


if __name__ == "__main__":
    main()
