# SPDX-License-Identifier: MIT
"""./pvg demo as its user has it: a line with its time for each step, the pictures that it saves, and then a VNC client that goes on
with keyboard and absolute pointer until Ctrl-C.

The desktop is weston's own: it draws the pointer into its picture, and Ctrl-Alt-Backspace ends it.
"""
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

import pvgvm
from run import ARCH, SUITE, Group

sys.path.insert(0, os.path.join(pvgvm.ROOT, "tests", "qtest"))
from vnc import RAW, Vnc  # noqa: E402

DEMO = os.path.join(pvgvm.ROOT, "scripts", "demo.py")
CTRL, ALT, BACKSPACE = 0xFFE3, 0xFFE9, 0xFF08  # X keysyms, as RFC 6143 has them


class Demo(Group):
    """The demo boots its own guest."""

    def boot(self):
        return None


DEMO_GROUP = Demo("demo", [])
GROUPS = [DEMO_GROUP]


def read_png(path):
    """A picture that pvgvm.Picture.save_png() wrote."""
    with open(path, "rb") as f:
        data = f.read()
    width, height = struct.unpack(">II", data[16:24])
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += 12 + length
    rows = zlib.decompress(packed)
    return pvgvm.Picture(width, height, b"".join(rows[y * (width * 3 + 1) + 1:(y + 1) * (width * 3 + 1)] for y in range(height)))


class Screen:
    """What a person has who looks at the VNC server."""

    def __init__(self, path):
        self.vnc = Vnc(path, (RAW,))

    def picture(self):
        self.vnc.update()
        return pvgvm.Picture(self.vnc.width, self.vnc.height, self.vnc.rgb())

    def wait(self, test, what):
        deadline = time.monotonic() + pvgvm.DEADLINE_S
        while not test(self.picture()):
            if time.monotonic() > deadline:
                raise pvgvm.VmError(f"the picture never showed {what}")
            time.sleep(0.1)

    def point(self, x, y):
        self.vnc.sock.sendall(struct.pack(">BBHH", 5, 0, x, y))

    def press(self, *keys):
        for down, order in ((1, keys), (0, reversed(keys))):
            for key in order:
                self.vnc.sock.sendall(struct.pack(">BBxxI", 4, down, key))


@DEMO_GROUP.case
def demo(_):
    """steps with their times, a console and a desktop of at least 1280 columns, keyboard and pointer, Ctrl-C"""
    folder = f"test/{SUITE}/demo"
    where = os.path.join(pvgvm.BUILD, folder)
    os.makedirs(where, exist_ok=True)
    socket = os.path.join(tempfile.mkdtemp(prefix="pvg-"), "vnc")
    device = "apple-gfx-pci" if ARCH == "x86_64" else "apple-gfx-mmio-platform"
    with open(os.path.join(where, "steps"), "w+b") as steps:
        process = subprocess.Popen([sys.executable, "-B", DEMO, "vnc", device, f"unix:{socket}", ARCH, folder],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=steps,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        try:
            screen = process.stdout.readline().decode().strip()
            steps.seek(0)
            said = steps.read().decode()
            assert screen == os.path.join(where, "screen.png"), f"it printed {screen!r} and said {said}"
            for step in ("booting the guest", f"kernel console: build/{folder}/console.png",
                         f"weston and its clients: build/{folder}/screen.png"):
                assert re.search(rf"^  {re.escape(step)} +\d+\.\d s$", said, re.M), f"no line of {step}: {said}"
            console, desktop = read_png(os.path.join(where, "console.png")), read_png(screen)
            assert console.colours() >= 2, "nothing is on the console"
            assert desktop.width >= 1280 and desktop.colours() >= 32, f"{desktop.width} columns, {desktop.colours()} colours"
            use(Screen(socket), desktop)
            process.send_signal(signal.SIGINT)
            status = process.wait(pvgvm.DEADLINE_S)
            assert status == 0, f"status {status} after Ctrl-C"
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            process.stdout.close()
            shutil.rmtree(os.path.dirname(socket), ignore_errors=True)


def use(screen, desktop):
    """Two places without a window, each without and with the pointer; then the keys that end weston."""
    screen.wait(lambda p: (p.width, p.height) == (desktop.width, desktop.height), "the desktop's size")

    def plain(picture, place):
        return picture.crop(*place, 32, 32).colours() == 1

    bare = [(x, y) for y in range(40, desktop.height - 32, 40) for x in range(0, desktop.width - 32, 40) if plain(desktop, (x, y))]
    ends = bare[0], bare[-1]
    for here, there in (ends, ends[::-1], ends):
        screen.point(*there)
        screen.wait(lambda p: plain(p, here) and not plain(p, there), f"the pointer at {there} and not at {here}")
    screen.press(CTRL, ALT, BACKSPACE)
    screen.wait(lambda p: p.colours() <= 16, "the console after weston has ended")
