# SPDX-License-Identifier: MIT
"""The guest's driver on a device that lies to it: hostile-gfx.c, a plugin that takes the real device's place (display 16, G1
to G4). Nothing is ever shown; what counts is that the driver refuses, restarts or goes on, and that the kernel lives."""
import os
import re
import shlex
import subprocess
import time

import pvgvm
from run import ARCH, Group, Skip, Steps, kernel_complaints

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTILE = Group("hostile", ["hostile-gfx,id=gfx"], inputs=False, stock=True)
GROUPS = [HOSTILE] if ARCH == "x86_64" else []
PLUGIN = os.path.join(HOSTILE.folder, "hostile-gfx.so")
HOSTILE.arguments["extra"] = ["-plugin", PLUGIN]


def compile_plugin(_):
    """Against the headers that ./pvg made for the device."""
    headers = os.path.join(pvgvm.BUILD, open(os.path.join(pvgvm.BUILD, ".qemu-headers"), encoding="utf-8").read().strip())
    if not os.path.exists(os.path.join(headers, "cflags")):
        raise Skip("there are no headers of QEMU: the device was not built")
    with open(os.path.join(headers, "cflags"), encoding="utf-8") as f:
        flags = ["-isystem" + line.strip()[2:] for line in f if line.strip()]
    flags += shlex.split(subprocess.check_output(["pkg-config", "--cflags", "glib-2.0", "pixman-1"], text=True))
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
                    "-Wno-unused-function", "-o", PLUGIN, os.path.join(HERE, "hostile-gfx.c"), *flags], check=True)


HOSTILE.prepare = compile_plugin


def behave(vm, **properties):
    for name, value in properties.items():
        vm.qmp.command("qom-set", path="/machine/peripheral/gfx", property=name.replace("_", "-"), value=value)


def seen(vm, name):
    return vm.qmp.command("qom-get", path="/machine/peripheral/gfx", property=name)


NO_CONSOLE = "for c in /sys/class/vtconsole/vtcon*; do grep -q 'frame buffer' $c/name && echo 0 >$c/bind; done; true"
UNLOAD = f"{NO_CONSOLE}; if grep -q ^pvg_drm /proc/modules; then rmmod pvg_drm; fi"


def reload(vm, **properties):
    """The driver finds a device that behaves like this; the kernel's lines since then."""
    vm.run(f"dmesg -C; {UNLOAD}")
    behave(vm, **properties)
    vm.run("modprobe pvg_drm; udevadm settle")
    return "\n".join(vm.run("dmesg"))


HONEST = {"version": 0, "ports": 1, "pipe-xor": 0, "mode-count": 1, "gamma": 257, "cursor-px": 64, "vblank": 1, "deaf": 0,
          "hold": 0, "hold-later": 0, "ahead": 0, "fault": 0, "online": 0, "offline": 0}


def honest(vm):
    said = reload(vm, **HONEST)
    assert cards(vm) == ["card0"], said


def cards(vm):
    return vm.run("ls /dev/dri 2>/dev/null | grep card; true")


def state(vm):
    return "\n".join(vm.run("cat /sys/kernel/debug/dri/0/pvg_state"))


def restarts(vm):
    return int(re.search(r"restarts: (\d+)", state(vm))[1])


def until(test, what):
    deadline = time.monotonic() + pvgvm.DEADLINE_S
    while True:
        found = test()
        if found:
            return found
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def modes(vm):
    """Status of the first connector and its modes, asked of the driver and not of sysfs, which is limited to the console's size."""
    lines = vm.run("modetest -M pvg -c")
    listed = [m[1] for m in (re.match(r"\s+#\d+ (\d+x\d+) ", line) for line in lines) if m]
    return next(line.split("\t")[2].strip() for line in lines if "Virtual-" in line), listed


@HOSTILE.case
def hostile_pipe_number(vm):
    """G1: a pipe that the host gives another number is refused, and nothing of the device stays behind."""
    said = reload(vm, **{**HONEST, "pipe-xor": 0x101})
    assert not cards(vm) and "the host calls it 257" in said, said
    honest(vm)


@HOSTILE.case
def hostile_version(vm):
    """Granted versions that cannot be."""
    for version in (7, 0x80000006, 0xffffffff):
        said = reload(vm, **{**HONEST, "version": version})
        assert not cards(vm) and f"0x{version:x} granted" in said, said
    honest(vm)
    assert reload(vm, **{**HONEST, "version": 4}) and cards(vm) and "protocol: 4" in state(vm)


@HOSTILE.case
def hostile_ports(vm):
    """Any number of display ports is one to eight."""
    for ports, want in ((0, 1), (8, 8), (0xffffffff, 8)):
        said = reload(vm, **{**HONEST, "ports": ports})
        assert state(vm).count("\npipe ") == want, f"{ports:#x} ports: {said}\n{state(vm)}"
    honest(vm)


@HOSTILE.case
def hostile_modes(vm):
    """G3: mode lists of 0, 1, 191 and 65535 entries, most of them impossible."""
    good = {"1024x768", "8192x8192", "1x1"}
    honest(vm)
    for count, want in ((0, set()), (1, {"1024x768"}), (191, good), (65535, good)):
        acks = seen(vm, "acks")
        behave(vm, mode_count=count, online=1)
        until(lambda: seen(vm, "acks") > acks, "the list is not acknowledged")  # pylint: disable=cell-var-from-loop
        status, listed = until(lambda: (lambda found: found if (found[0] == "connected") == bool(want) and
                                        set(found[1]) == want else None)(modes(vm)), f"{count} modes: {modes(vm)}")
        assert (status == "connected") == (count > 0), (status, listed)
    # 127 bytes and more of what is no number in the rest of the page.
    assert vm.run("edid-decode -c $(ls /sys/class/drm/card0-*/edid | head -n 1) | tail -n 1; true"), "no EDID"


@HOSTILE.case
def hostile_online_twice(vm):
    """G2: more online events than there is news; offline and online again."""
    honest(vm)
    acks = seen(vm, "acks")
    behave(vm, online=1000000)
    until(lambda: seen(vm, "acks") >= acks + 10, "online events are not answered")
    behave(vm, online=0)

    # Where both are pending, online counts: say it until it is seen.
    def seen_after(**event):
        behave(vm, **event)
        return modes(vm)[0]

    until(lambda: seen_after(offline=1) == "disconnected", "offline is not seen")
    until(lambda: seen_after(online=1) == "connected", "online is not seen")


@HOSTILE.case
def hostile_no_vblank(vm):
    """G4: a device that never reports a vertical blank: flips complete by the timer."""
    reload(vm, **{**HONEST, "vblank": 0})
    lines = vm.run("kms-flip --seconds 0 paced 30")
    assert lines[-1].startswith("flips=30 "), lines
    assert int(re.search(r"by timer (\d+)", state(vm))[1]) >= 30, state(vm)


@HOSTILE.case
def hostile_offers(vm):
    """After a fault the device offers more than it did: memory for tables and images has the size of the first offer."""
    reload(vm, **{**HONEST, "gamma": 0, "cursor-px": 16})
    assert "gamma entries 0, cursor 16x16" in state(vm), state(vm)
    behave(vm, gamma=0xffffffff, cursor_px=512, fault=1)
    until(lambda: restarts(vm) == 1 and seen(vm, "presents") > 0, "the device was not started again and painted")
    assert "gamma entries 0, cursor 16x16" in state(vm), state(vm)
    # Less is taken as it is.
    reload(vm, **HONEST)
    behave(vm, gamma=1, cursor_px=0, fault=1)
    until(lambda: restarts(vm) == 1 and "gamma entries 0, cursor 0x0" in state(vm), "less is not taken")
    lines = vm.run("kms-flip --seconds 0 paced 5")
    assert lines[-1].startswith("flips=5 "), lines


@HOSTILE.case
def hostile_faults(vm):
    """Faults without end: five restarts, then the display stays as it is; clients go on, the driver leaves and comes back."""
    honest(vm)
    flips = vm.spawn("echo $$ >/tmp/flip.pid; exec kms-flip --seconds 0 async")
    flips.wait_line("^flipping")
    starts = seen(vm, "starts")

    def given_up():
        behave(vm, fault=0x80000001)
        return vm.run("dmesg | grep -c 'restart failed'; true") != ["0"]

    until(given_up, "it is restarted for ever")
    assert seen(vm, "starts") >= starts + 5, "given up before the fifth restart"
    assert "running: 0" in state(vm) and flips.status is None, flips.lines
    vm.run("kill $(cat /tmp/flip.pid)")
    flips.wait()
    honest(vm)


@HOSTILE.case
def hostile_stamps(vm):
    """Stamps beyond what was handed out are not believed: the device is restarted, and the flip completes all the same."""
    honest(vm)
    with Steps(vm, "", ["pattern:2", "pattern:3"]) as steps:
        starts = seen(vm, "starts")
        behave(vm, ahead=1000)
        steps.next()
        until(lambda: seen(vm, "starts") > starts, "the stamps were believed")
        steps.next()
    honest(vm)


@HOSTILE.case
def hostile_held_presents(vm):
    """A device that holds presents after a restart, under a client that presents without a pause, so that the repaint finds
    no room: it is restarted again."""
    honest(vm)
    with Steps(vm, "", ["storm"]) as steps:
        vm.run("kill -USR1 $(cat /tmp/steps.pid)")
        steps.job.wait_line("^storming")
        starts = seen(vm, "starts")
        behave(vm, hold_later=1, fault=1)
        until(lambda: seen(vm, "starts") >= starts + 2, "no second restart")
        behave(vm, hold_later=0, hold=0)
    honest(vm)


@HOSTILE.case
def hostile_full_ring(vm):
    """A display channel that takes nothing fills up with acknowledgements, while no present is open that somebody watches:
    the device is restarted, and the next present does not wait for ever."""
    honest(vm)
    with Steps(vm, "", ["pattern:2"]) as steps:
        starts = seen(vm, "starts")
        behave(vm, deaf=1 << 5, online=1000000)
        until(lambda: seen(vm, "starts") > starts and "running: 1" in state(vm), "no restart")
        behave(vm, online=0)
        steps.next()
    honest(vm)


@HOSTILE.case
def hostile_deaf_at_the_end(vm):
    """A device that takes nothing any more, with four displays: a driver that leaves finds that out once, not once a channel."""
    reload(vm, **{**HONEST, "ports": 4})
    # What the console draws would wait for room, until a restart makes the device listen again.
    vm.run(NO_CONSOLE)
    until(lambda: state(vm).count(" open 0\n") == 4, "presents stay open")
    behave(vm, deaf=0xffffffff)
    rings = seen(vm, "rings")
    vm.run(UNLOAD)
    assert seen(vm, "rings") == rings, f"{seen(vm, 'rings') - rings} channels were deleted one by one"
    honest(vm)


@HOSTILE.last
def hostile_left_no_trace(vm):
    """No kernel warning in all of the above; errors of the driver are what it had to say."""
    bad = [line for line in kernel_complaints(vm) if not re.search(r"pvg 0000.*\*ERROR\*|pvg 0000.*flip_done timed out", line)]
    assert not bad, "\n".join(bad[:20])
    assert not seen(vm, "early"), "a channel was opened before there was a task: its first commands may name none"
