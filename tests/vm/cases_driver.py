# SPDX-License-Identifier: MIT
"""Cases of the driver's edges: buffers shared with other drivers, atomic asynchronous flips, sleep, another kernel.

Sleep and kexec have a VM of their own with a disk: room for a picture of the memory, and the files of the next kernel.
"""
import os
import re
import time

import pvgvm
from cases_kms import MODES, ONE, with_cursor
from run import ARCH, Group, Skip, Steps, expect_picture, kernel_complaints, paste_rectangle, pattern

DISK_MB = 1024


def prepare_disks(folder):
    """The disk that becomes swap, empty; and the guest's own kernel and RAM disk, as disks that a guest can read."""
    with open(os.path.join(folder, "swap.img"), "wb") as f:
        f.truncate(DISK_MB << 20)
    image = pvgvm.guest_image(arch=ARCH)
    for name in ("vmlinuz", "initrd"):
        with open(os.path.join(image, name), "rb") as source, open(os.path.join(folder, name), "wb") as f:
            f.write(source.read())
            f.truncate(f.tell() + -f.tell() % 512)


def disk(folder, name, serial):
    return ["-drive", f"if=none,id={serial},format=raw,file={os.path.join(folder, name)}",
            "-device", f"virtio-blk-pci,drive={serial},serial={serial}"]


SLEEP = Group("sleep", ["apple-gfx-pci,id=gfx,gpu=none,cursor=sw,modes=1280x800@60:1024x768@60"], inputs=False)
SLEEP.prepare = prepare_disks
SLEEP.arguments["extra"] = [argument for name, serial in (("swap.img", "swap"), ("vmlinuz", "kernel"), ("initrd", "initrd"))
                            for argument in disk(SLEEP.folder, name, serial)]
GROUPS = [SLEEP] if ARCH == "x86_64" else []


def counter(vm, name):
    """A counter of the driver's state file, summed over its pipes."""
    text = "\n".join(vm.run("cat /sys/kernel/debug/dri/0/pvg_state"))
    return sum(int(n) for n in re.findall(rf"\b{name} (\d+)", text))


def kernel(vm):
    """(major, minor) of the guest's kernel."""
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", vm.run("uname -r")[0]).groups())


# ---- flips ------------------------------------------------------------------------------------------------------------

@ONE.case
def flips_atomic_async(vm):
    """Asynchronous flips by atomic commits: 1000 complete, each with its event, and all on the asynchronous path; kernels
    before 6.8 refuse them."""
    before = counter(vm, "async flips")
    lines = vm.run("kms-flip --mode 1920x1080 --seconds 0 atomic 1000")
    if kernel(vm) < (6, 8):
        assert lines[-1] == "refused: Invalid argument", lines
        raise Skip("atomic commits have no asynchronous flips before Linux 6.8; refused as they should be")
    assert lines[-1].startswith("flips=1000 "), lines
    made = counter(vm, "async flips") - before
    assert made == 1000, f"{made} of 1000 flips were asynchronous"


@ONE.case
def everything_at_once(vm):
    """Flips of both kinds, buffers that go while they are shown, damage, cursor, gamma, modes, blanks, from many threads."""
    seconds = 60 if os.environ.get("PVG_TEST_FULL") else 15
    vm.run(f"kms-stress /dev/dri/card0 {seconds}")
    # It ends at any point: the table that it left would colour the pictures of later cases.
    with Steps(vm, "", ["gamma:none"]) as steps:
        steps.next()


@ONE.last
def nothing_leaked(vm):
    """The kernel's leak detector finds no memory that the driver allocated and lost."""
    leaks = "/sys/kernel/debug/kmemleak"
    if vm.run(f"test -e {leaks}", check=False)[0] != 0:
        raise Skip("the guest's kernel looks for no leaks; ./pvg test kasan has one that does")
    # What was allocated a moment ago may be known to a register only: such objects are not reported before 5 s.
    vm.run(f"echo scan >{leaks}; sleep 6; echo scan >{leaks}")
    reports = "\n".join(vm.run(f"cat {leaks}")).split("unreferenced object")
    ours = [report for report in reports if "pvg" in report]
    assert not ours, "\n".join(ours[:3])


# ---- buffers of other drivers -----------------------------------------------------------------------------------------

def checksum(vm):
    base = "/sys/kernel/debug/dri/0/crtc-0/crc"
    return vm.run(f"echo auto >{base}/control; exec 4<{base}/data; head -n 3 <&4 | tail -n 1")[-1].split()[1:]


def shared_pictures(vm, exporter, seed):
    """Shows buffers of another driver; the checksum of an imported picture equals that of a buffer of our own."""
    width, height = MODES[0]
    with Steps(vm, f"--mode {width}x{height} --seed {seed + 1}", []):
        own = checksum(vm)
    job = vm.spawn(f"echo $$ >/tmp/steps.pid; exec kms-prime --mode {width}x{height} --seed {seed} {exporter}")
    found = job.wait_line("^(shown 0|refused|missing):? *(.*)")
    if found[1] == "missing":
        job.wait()
        raise Skip(f"the guest's kernel has no {exporter}")
    if ARCH == "aarch64":
        # Wire pages are larger than the exporter's there, and its memory is scattered.
        assert found[1] == "refused" and found[2] == "Invalid argument", found[0]
        job.wait()
        raise Skip("scattered 4 KiB pages cannot be shown with 16 KiB wire pages; refused as they should be")
    assert found[1] == "shown 0", found[0]

    def step(number):
        vm.run("kill -USR1 $(cat /tmp/steps.pid)")
        return job.wait_line(rf"^shown {number} (.*)")[1]

    want = pattern(width, height, seed)
    expect_picture(vm, want, f"a buffer of {exporter}")
    step(1)
    want = paste_rectangle(want, 64, 64, 96, 96, (255, 0, 0))
    expect_picture(vm, want, "what was drawn through the dma-buf")
    said = step(2)
    if said == "cursor":
        expect_picture(vm, with_cursor(want, 100, 120), "an imported cursor")
    else:
        # The udmabuf of Linux 6.1 lets no kernel code map its buffers: no cursor image, no checksum.
        assert said == "refused: Invalid argument" and exporter == "udmabuf", said
        expect_picture(vm, want, "without a cursor that cannot be")
    step(3)
    expect_picture(vm, pattern(width, height, seed + 1), "after a flip to another imported buffer")
    if said == "cursor":
        imported = checksum(vm)
        assert imported == own, f"checksums differ: own buffer {own}, imported {imported}"
    vm.run("kill $(cat /tmp/steps.pid)")
    assert job.wait() == 0, job.lines


def with_vgem(vm):
    if vm.run("modprobe vgem && udevadm settle", check=False)[0] != 0:
        raise Skip("the guest's kernel has no vgem")


@ONE.case
def prime_import_vgem(vm):
    """Buffers of vgem on the screen and as a cursor; flips wait for the other driver's fence."""
    with_vgem(vm)
    shared_pictures(vm, "vgem", 40)
    vm.run("rmmod vgem")


@ONE.case
def prime_import_udmabuf(vm):
    """Ordinary memory as a dma-buf on the screen."""
    shared_pictures(vm, "udmabuf", 50)


@ONE.case
def prime_export(vm):
    """Our buffers as dma-bufs: mappings, identity there and back, refusals by their errno."""
    with_vgem(vm)
    assert vm.run("kms-prime --seed 60 export")[-1] == "export ok"
    vm.run("rmmod vgem")


# ---- sleep ------------------------------------------------------------------------------------------------------------

class Sleeper:
    """A picture that has to be there again after sleep, without its client doing anything; flips go on as well."""

    def __init__(self, vm, seed):
        self.vm, self.want = vm, pattern(1280, 800, seed)
        self.steps = Steps(vm, f"--mode 1280x800 --seed {seed}", ["cursor:300,200", f"pattern:{seed + 1}"])
        self.steps.next()
        self.with_cursor = with_cursor(self.want, 300, 200)
        expect_picture(vm, self.with_cursor, "before sleep")
        self.seed = seed

    def wake(self, how):
        expect_picture(self.vm, self.with_cursor, f"right after {how}")
        self.steps.next()
        expect_picture(self.vm, with_cursor(pattern(1280, 800, self.seed + 1), 300, 200), f"a flip after {how}")
        self.steps.end()


def sleep_files(vm, *names):
    for name in names:
        if vm.run(f"test -e /sys/power/{name}", check=False)[0] != 0:
            raise Skip(f"the guest's kernel has no /sys/power/{name}")


@SLEEP.case
def sleep_devices(vm):
    """Every device suspended and resumed, the rest of the way left out (pm_test)."""
    sleep_files(vm, "pm_test")
    sleeper = Sleeper(vm, 70)
    vm.run("echo devices >/sys/power/pm_test; echo freeze >/sys/power/state; rc=$?; echo none >/sys/power/pm_test; exit $rc")
    sleeper.wake("a test of suspend")


@SLEEP.case
def sleep_idle(vm):
    """Suspend to idle, woken by the power button. A press on the way into sleep makes the guest turn back: it tries again."""
    if "freeze" not in vm.run("cat /sys/power/state")[0].split():
        raise Skip("the guest's kernel has no suspend to idle")
    sleeper = Sleeper(vm, 72)
    job = vm.spawn("until echo freeze >/sys/power/state; do :; done")
    deadline = time.monotonic() + pvgvm.DEADLINE_S
    pause = 1
    while job.status is None:
        assert time.monotonic() < deadline, "the power button does not wake the guest"
        time.sleep(pause)
        pause *= 1.5  # a slow guest needs longer to fall asleep
        vm.qmp.command("system_powerdown")
    sleeper.wake("suspend to idle")


@SLEEP.case
def sleep_while_flipping(vm):
    """Two rounds of suspend under a client that flips as fast as it can: it goes on and loses no event."""
    sleep_files(vm, "pm_test")
    job = vm.spawn("echo $$ >/tmp/flip.pid; exec kms-flip --mode 1280x800 --seconds 0 async")
    job.wait_line("^flipping")
    for _ in range(2):
        before = counter(vm, "async flips")
        vm.run("echo devices >/sys/power/pm_test; echo freeze >/sys/power/state; rc=$?; echo none >/sys/power/pm_test; "
               "exit $rc")
        deadline = time.monotonic() + pvgvm.DEADLINE_S
        while counter(vm, "async flips") <= before:
            assert time.monotonic() < deadline and job.status is None, f"no flips after suspend: {job.lines}"
            time.sleep(0.1)
    vm.run("kill $(cat /tmp/flip.pid)")
    job.wait()


@SLEEP.case
def sleep_disk(vm):
    """Hibernation: the machine goes off, another one starts, whose kernel reads the picture of the memory back; the driver
    of the first kernel goes on with a device that the second one has used."""
    sleep_files(vm, "disk", "resume")
    vm.run("for d in /sys/block/vd*; do [ \"$(cat $d/serial)\" = swap ] && n=${d##*/}; done; cat /sys/block/$n/dev >/tmp/swap.dev; "
           "mkswap /dev/$n && swapon /dev/$n && cat /tmp/swap.dev >/sys/power/resume; grep -qw shutdown /sys/power/disk")
    where = vm.run("cat /tmp/swap.dev")[0]
    sleeper = Sleeper(vm, 76)
    asleep = vm.spawn("echo shutdown >/sys/power/disk; echo disk >/sys/power/state")
    deadline = time.monotonic() + pvgvm.DEADLINE_S
    while not vm.dead():
        assert time.monotonic() < deadline and asleep.status is None, f"the machine does not go off: {asleep.lines}"
        time.sleep(0.1)

    # What ran on the first machine runs on the second one when the memory is back.
    after = pvgvm.Vm(SLEEP.folder + "-after", SLEEP.devices, **SLEEP.arguments)
    after.next_job = vm.next_job
    SLEEP.stop()
    SLEEP.vm = after
    after.start()
    for job in (asleep, sleeper.steps.job):
        job.vm = after
        after.jobs[job.number] = job
    sleeper.vm = sleeper.steps.vm = after
    after.spawn(f"sync; echo {where} >/sys/power/resume")
    assert asleep.wait() == 0, asleep.lines
    sleeper.wake("hibernation")
    assert after.run("cat /tmp/swap.dev") == [where]
    after.run("swapoff $(sed -n '2s/ .*//p' /proc/swaps)")


@SLEEP.case
def kexec_while_flipping(vm):
    """Another kernel starts from this one in the middle of flips: the driver has stopped the device, its successor starts it."""
    if vm.run("udevadm settle; ls -d /sys/block/vd*", check=False)[0] != 0:
        raise Skip("the guest's kernel has no driver for the disks with its successor")
    vm.run("for d in /sys/block/vd*; do s=$(cat $d/serial); case $s in kernel|initrd) "
           "cat /dev/${d##*/} >/tmp/next.$s ;; esac; done; ls -l /tmp/next.kernel /tmp/next.initrd")
    flips = vm.spawn("kms-flip --mode 1280x800 --seconds 0 async")
    flips.wait_line("^flipping")
    vm.run("echo first >/tmp/kernel-was-here")
    job = vm.spawn("kexec-into /tmp/next.kernel /tmp/next.initrd")
    if job.wait_line("^(starting|missing: .*)")[1] != "starting":
        vm.run("killall kms-flip")
        raise Skip("the guest's kernel has no kexec_file_load")
    vm.wait_agent()
    assert vm.run("test -e /tmp/kernel-was-here", check=False)[0] != 0, "this is still the first kernel"
    with Steps(vm, "--mode 1280x800 --seed 80", []):
        expect_picture(vm, pattern(1280, 800, 80), "the pattern under the next kernel")


@SLEEP.case
def sleep_ram(vm):
    """Suspend to RAM: the machine resets every device on the way back, the driver starts from nothing. After the other cases:
    QEMU's machine cannot be switched off by its guest any more once it has slept like this."""
    if "mem" not in vm.run("cat /sys/power/state")[0].split():
        raise Skip("the guest offers no suspend to RAM")
    sleeper = Sleeper(vm, 74)
    job = vm.spawn("echo deep >/sys/power/mem_sleep; echo mem >/sys/power/state")
    deadline = time.monotonic() + pvgvm.DEADLINE_S
    while vm.qmp.command("query-status")["status"] != "suspended":
        assert time.monotonic() < deadline and job.status is None, f"the guest does not sleep: {job.lines}"
        time.sleep(0.1)
    vm.qmp.command("system_wakeup")
    assert job.wait() == 0, job.lines
    sleeper.wake("suspend to RAM")


@SLEEP.last
def sleep_left_no_trace(vm):
    """No kernel warning and no error of the driver in all of the above."""
    bad = kernel_complaints(vm)
    assert not bad, "\n".join(bad[:20])
