#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The VM tests: Debian's kernel and user space on our device in Debian's QEMU, what it shows compared by value.

usage: run.py [--list] [CASE...]

Cases are grouped by the VM that they need; one boot serves a group, and a case that kills its VM gets the next one a new
boot. The evidence is the host's: QMP screendumps, taken when the guest said that something is shown. Results go to
$PVG_RESULTS, one line each, for ./pvg test; the exit status is 1 when a case failed, another one than 0 or 1 when some
have not run.
"""
import os
import re
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pvgvm  # noqa: E402

# Another architecture has the memory-mapped variant of the device.
ARCH = os.environ.get("PVG_VM_ARCH", "x86_64")
SUITE = os.environ.get("PVG_VM_SUITE", "vm")
FOLDER = os.path.join(pvgvm.BUILD, "test", SUITE)


class Skip(Exception):
    """The machine or the guest lacks what the case needs; the text names it."""


class Group:
    """Cases that share a VM. A group's setup arguments are those of pvgvm.Vm; prepare(folder), if there is one, makes the
    files that they name."""

    def __init__(self, name, devices, **arguments):
        if ARCH == "aarch64":
            # A PC has a keyboard by itself, and without any weston 14 puts no window in front of its panel.
            devices = [*(device.replace("apple-gfx-pci", "apple-gfx-mmio-platform") for device in devices), "virtio-keyboard-pci"]
        self.name, self.devices, self.arguments = name, devices, {"arch": ARCH, **arguments}
        self.folder = os.path.join(FOLDER, name)
        self.prepare = None
        self.cases, self.at_the_end = [], []
        self.vm = None

    def case(self, function):
        self.cases.append(function)
        return function

    def last(self, function):
        """A case that looks back at all others of the group, in whatever module they are."""
        self.at_the_end.append(function)
        return function

    def all_cases(self):
        return [*self.cases, *self.at_the_end]

    def boot(self):
        if self.vm is None or self.vm.dead():
            self.stop()
            if self.prepare:
                os.makedirs(self.folder, exist_ok=True)
                self.prepare(self.folder)
            self.vm = pvgvm.Vm(self.folder, self.devices, **self.arguments)
            self.vm.start()
        return self.vm

    def stop(self):
        if self.vm is not None:
            self.vm.quit()
            self.vm = None


def record(word, name, why=""):
    line = f"{word} {SUITE} {name} {why}".rstrip()
    path = os.environ.get("PVG_RESULTS")
    if path:
        with open(path, "a", encoding="utf-8") as f:
            f.write(line + "\n")


def run_case(group, function):
    """True unless it failed."""
    name = function.__name__.replace("_", "-")
    began = time.monotonic()
    word, why, details = "PASS", "", ""
    try:
        function(group.boot())
    except Skip as skip:
        word, why = "SKIP", str(skip)
    except Exception as error:  # a case may fail in any way; the others run on
        word = "FAIL"
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        details = str(error) if isinstance(error, (pvgvm.VmError, AssertionError)) else traceback.format_exc()
        # What a failed case left running must not fail the next one; a VM that cannot even do this gives way to a new one.
        try:
            if group.vm is not None and not group.vm.dead():
                group.vm.run("killall -q -9 modetest kms-pattern kms-flip kms-prime kms-vblank weston sleep; true")
        except Exception:  # as above
            group.stop()
    record(word, name, why[:200])
    print(f"    {name:<44} {word.lower():<5} {time.monotonic() - began:6.1f} s  {why[:100] if word != 'PASS' else ''}".rstrip(),
          file=sys.stderr, flush=True)
    if details:
        print("\n".join("      | " + line for line in details.splitlines()[:40]), file=sys.stderr, flush=True)
    return word != "FAIL"


def main():
    pvgvm.end_by_signals()
    # The modules of cases; each defines GROUPS.
    import cases_demo
    import cases_driver
    import cases_hostile
    import cases_kms
    import cases_many
    groups = [*cases_kms.GROUPS, *cases_driver.GROUPS, *cases_many.GROUPS, *cases_hostile.GROUPS, *cases_demo.GROUPS]
    wanted = [a.replace("-", "_") for a in sys.argv[1:] if not a.startswith("--")]
    known = {function.__name__ for group in groups for function in group.all_cases()}
    if "--list" in sys.argv:
        print("\n".join(name.replace("_", "-") for name in sorted(known)))
        return 0
    unknown = [name for name in wanted if not any(k.startswith(name) for k in known)]
    if unknown:
        print(f"run.py: no case is called {unknown[0]}; --list shows them", file=sys.stderr)
        return 2
    failed = 0
    for group in groups:
        try:
            for function in group.all_cases():
                if not wanted or any(function.__name__.startswith(name) for name in wanted):
                    failed += not run_case(group, function)
        finally:
            group.stop()
    return 1 if failed else 0


# ---- what cases share -------------------------------------------------------------------------------------------------

def pattern(width, height, seed=0):
    """The picture that kms_fb_pattern() draws (tests/vm/guest/kms.c)."""
    red = bytes((x + seed * 16) & 0xff for x in range(width))
    blues = {}
    rows = []
    for y in range(height):
        row = bytearray(width * 3)
        row[0::3] = red
        row[1::3] = bytes([(y * 3 + seed) & 0xff]) * width
        if y >> 3 not in blues:
            blues[y >> 3] = bytes(((x >> 3) ^ (y >> 3)) & 0xff for x in range(width))
        row[2::3] = blues[y >> 3]
        rows.append(bytes(row))
    return pvgvm.Picture(width, height, b"".join(rows))


def kernel_complaints(vm):
    """Lines in which the guest's kernel says that something is wrong, its own checks (scripts/debug-kernel) included."""
    complaints, excused = [], False
    for line in (vm.console_text() + "\n".join(vm.run("dmesg"))).splitlines():
        if re.search(r"DMA-API: \S+ (vgem|udmabuf): mapping sg segment longer", line):
            excused = True  # neither ever says how long segments may be; the warning follows
        elif excused and "kernel/dma/debug.c" in line:
            excused = False
        elif re.search(r"WARNING: |BUG: |Oops|general protection|\*ERROR\*|DMA-API: \S+ \S+: |ODEBUG: |"
                       r"INFO: task .* blocked|lockdep is turned off|\[drm\].*(fail|error|timed out)", line):
            complaints.append(line)
    return complaints


def map_components(picture, function):
    """The picture with every component replaced by function(component)."""
    return pvgvm.Picture(picture.width, picture.height, picture.data.translate(bytes(function(i) for i in range(256))))


def paste_rectangle(picture, x, y, width, height, colour):
    data = bytearray(picture.data)
    for row in range(max(y, 0), min(y + height, picture.height)):
        left, right = max(x, 0), min(x + width, picture.width)
        if left < right:
            at = (row * picture.width + left) * 3
            data[at:at + (right - left) * 3] = bytes(colour) * (right - left)
    return pvgvm.Picture(picture.width, picture.height, bytes(data))


def expect_picture(vm, want, what, tolerance=0, **which):
    """The screendump equals want, by value. The guest has said that it is shown; the console may take it a moment later, so
    the picture is awaited, and on failure picture, expectation and difference are left as files."""
    try:
        return vm.wait_picture(lambda got: same(got, want, tolerance), what, **which)
    except pvgvm.VmError as error:
        got = vm.screendump(**which)
        base = os.path.join(vm.folder, re.sub(r"[^a-z0-9]+", "-", what.lower()))
        got.save_png(base + "-got.png")
        want.save_png(base + "-want.png")
        text = f"{what}: the picture is {got.width}x{got.height} instead of {want.width}x{want.height}"
        if (got.width, got.height) == (want.width, want.height):
            got.difference(want).save_png(base + "-difference.png")
            wrong = [i // 3 for i in range(0, len(got.data), 3) if got.data[i:i + 3] != want.data[i:i + 3]]
            x, y = wrong[0] % got.width, wrong[0] // got.width
            text = (f"{what}: {len(wrong)} of {got.width * got.height} pixels differ, first {x},{y}: {got.pixel(x, y)} "
                    f"instead of {want.pixel(x, y)}, largest difference {got.largest_difference(want)}")
        raise pvgvm.VmError(f"{text}; see {base}-*.png") from error


def same(got, want, tolerance):
    if tolerance == 0:
        return got == want
    largest = got.largest_difference(want)
    return largest is not None and largest <= tolerance


class Steps:
    """A running kms-pattern whose steps are made one by one."""

    def __init__(self, vm, arguments, steps):
        self.vm, self.steps, self.at = vm, steps, 0
        self.job = vm.spawn(f"echo $$ >/tmp/steps.pid; exec kms-pattern {arguments} {' '.join(steps)}")
        match = self.job.wait_line(r"^shown 0 of (\d+)x(\d+)")
        self.size = int(match[1]), int(match[2])

    def next(self):
        """Makes the next step and returns its name."""
        self.vm.run("kill -USR1 $(cat /tmp/steps.pid)")
        self.at += 1
        self.job.wait_line(rf"^shown {self.at} ")
        return self.steps[self.at - 1]

    def end(self):
        self.vm.run("kill $(cat /tmp/steps.pid)")
        self.job.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.end()


def numbers(line):
    return {key: float(value) for key, value in re.findall(r"(\w+)=(-?[0-9.]+)", line)}


if __name__ == "__main__":
    sys.modules["run"] = sys.modules["__main__"]
    try:
        sys.exit(main())
    except Exception:  # not the status of a failed case: some have not run
        traceback.print_exc()
        sys.exit(3)
