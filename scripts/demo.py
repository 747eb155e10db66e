#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The last steps of ./pvg demo: boots the guest image and saves its pictures.

usage: demo.py none|window|vnc DEVICE VNC_ADDRESS ARCH [FOLDER]

Pictures and logs go to FOLDER in the build folder: demo, or demo-ARCH.

Every picture is taken when the guest has said that it is there and the host has seen that it is: no fixed waits.
"""
import os
import sys
import time

import pvgvm

# A console of text has two colours; a desktop with antialiased text has hundreds.
CONSOLE_COLOURS = 2
DESKTOP_COLOURS = 32
# A client may go on drawing: then the picture of this moment is as good as a later one.
REST_S = 20


def step(text, function):
    started = time.monotonic()
    if sys.stderr.isatty():
        print(f"  {text:<58} ...", end="", file=sys.stderr, flush=True)
    try:
        result = function()
    except (pvgvm.VmError, OSError) as error:
        print(f"\r  {text:<58} FAILED after {time.monotonic() - started:.1f} s\n{error}", file=sys.stderr)
        sys.exit(1)
    start = "\r" if sys.stderr.isatty() else ""
    print(f"{start}  {text:<58} {time.monotonic() - started:6.1f} s", file=sys.stderr)
    return result


def main():
    mode, device, address, arch = sys.argv[1:5]
    pvgvm.end_by_signals()
    began = float(os.environ.get("PVG_T0", time.time()))
    name = sys.argv[5] if len(sys.argv) > 5 else "demo" if arch == "x86_64" else f"demo-{arch}"
    folder = os.path.join(pvgvm.BUILD, name)
    console, screen = os.path.join(folder, "console.png"), os.path.join(folder, "screen.png")
    extra, display = [], "none"
    ours = device.split(",")[0].startswith("apple-gfx-")
    if mode == "window":
        # Without zoom-to-fit=off QEMU's window begins with 640x480, and the guest follows it. The first mode fits small screens.
        display = "gtk,zoom-to-fit=off"
        if ours and "modes=" not in device:
            device += ",modes=1280x800@60:1440x900@60:1600x900@60:1920x1080@60"
    elif mode == "vnc":
        extra = ["-vnc", address]
    try:
        vm = pvgvm.Vm(folder, [device], extra=extra, display=display, stock=not ours, arch=arch)
        for path in (console, screen):
            if os.path.exists(path):
                os.remove(path)
    except (pvgvm.VmError, OSError) as error:
        print(f"pvg demo: {error}", file=sys.stderr)
        return 1

    def boot():
        try:
            vm.start()
        except pvgvm.VmError as error:
            if mode == "window" and "gtk initialization failed" in str(error):
                raise pvgvm.VmError(f"{error}\nno window can be opened here: ./pvg demo --no-window and --vnc need none") from error
            raise

    def show_console():
        vm.run("dmesg -n 1; { clear; cat /proc/version; echo; dmesg | grep -iE 'drm|fb0|Console' | cut -c1-150; echo; "
               "ls -l /dev/dri /dev/fb0; } >/dev/tty1 2>&1", check=False)
        vm.wait_still_picture(CONSOLE_COLOURS, timeout=REST_S).save_png(console)

    def show_desktop():
        vm.run("desktop")
        picture = vm.wait_still_picture(DESKTOP_COLOURS, timeout=REST_S)
        if picture.width < 1280:
            raise pvgvm.VmError(f"the desktop is only {picture.width} pixels wide")
        picture.save_png(screen)
        return picture

    shown = False
    try:
        step("booting the guest", boot)
        step(f"kernel console: build/{name}/console.png", show_console)
        picture = step(f"weston and its clients: build/{name}/screen.png", show_desktop)
        print(f"picture of {picture.width}x{picture.height} after {time.time() - began:.1f} s:", file=sys.stderr)
        print(screen, flush=True)
        shown = True
        if mode != "none":
            where = f"VNC on {address}" if mode == "vnc" else "the window"
            print(f"the guest goes on running in {where}; end it there or with Ctrl-C", file=sys.stderr)
            if vm.process.wait() != 0:
                print(f"pvg demo: QEMU ended with status {vm.process.returncode}\n{vm.last_words()}", file=sys.stderr)
                return 1
    except KeyboardInterrupt:
        if not shown:
            print("\npvg demo: interrupted", file=sys.stderr)
    finally:
        vm.quit()
    return 0 if shown else 130


if __name__ == "__main__":
    sys.exit(main())
