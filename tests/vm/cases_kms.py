# SPDX-License-Identifier: MIT
"""Cases with one display: modes, flips, damage, gamma, cursor, timing, compositor, driver life cycle, reset.

The pointer is drawn by the library (property cursor=sw), so that it is part of the screendump.
"""
import re

import pvgvm
from run import ARCH, Group, Skip, Steps, expect_picture, kernel_complaints, map_components, numbers, paste_rectangle, pattern

MODES = [(1280, 800), (1024, 768), (1920, 1080), (800, 600)]
ONE = Group("one", ["apple-gfx-pci,id=gfx,cursor=sw,gpu=none,modes=" + ":".join(f"{w}x{h}@60" for w, h in MODES)], inputs=False)
GROUPS = [ONE]

# What modetest draws in the upper two thirds of its picture, from left to right.
SMPTE = [(192, 192, 192), (192, 192, 0), (0, 192, 192), (0, 192, 0), (192, 0, 192), (192, 0, 0), (0, 0, 192)]


def ids(vm):
    """Ids of the connected connector, its CRTC and the primary plane, as modetest lists them."""
    lines = vm.run("modetest -M pvg")
    section, found = "", {}
    for line in lines:
        heading = re.match(r"(\w+):$", line)
        columns = line.split("\t")
        if heading:
            section = heading[1]
        elif section == "Connectors" and len(columns) > 2 and columns[2].strip() == "connected":
            found["connector"] = columns[0].strip()
        elif section == "CRTCs" and re.match(r"\d+\t", line):
            found.setdefault("crtc", columns[0].strip())
        elif section == "Planes" and re.match(r"\d+\t", line):
            found.setdefault("plane", columns[0].strip())
    missing = [k for k in ("connector", "crtc", "plane") if k not in found]
    if missing:
        raise pvgvm.VmError(f"modetest shows no {missing[0]}:\n" + "\n".join(lines[:60]))
    return found


def held(command):
    """modetest shows its picture until its standard input ends."""
    return f"echo $$ >/tmp/held.pid; sleep 100000 | {command}"


def release(vm, job):
    vm.run("killall -q sleep; true")
    job.wait()


def shows_smpte(picture, size):
    if (picture.width, picture.height) != size:
        return False
    width, height = size
    return all(picture.pixel((2 * i + 1) * width // 14, height // 3) == colour for i, colour in enumerate(SMPTE))


@ONE.case
def console_text(vm):
    """The kernel's text console is on the display: a line printed there changes the picture, and only in its cells."""
    vm.run("dmesg -n 1; printf '\\033[2J\\033[H\\033[?25l' >/dev/tty1")
    blank = vm.wait_picture(lambda p: p.colours() == 1, "a blank console")
    vm.run("printf 'OpenPVG' >/dev/tty1")
    picture = vm.wait_picture(lambda p: p != blank, "text on the console")
    assert picture.colours() >= 2, picture.colours()
    # Seven cells of at most 32x32 pixels in the upper left corner: all else is as before.
    rest = picture.crop(0, 32, picture.width, picture.height - 32)
    assert rest == blank.crop(0, 32, picture.width, picture.height - 32), "pixels changed outside the text"
    vm.run("printf '\\033[?25h' >/dev/tty1")


@ONE.case
def modes_listed(vm):
    """The connector offers exactly the modes given on the command line, the first one preferred."""
    lines = vm.run("modetest -M pvg -c")
    listed = [m[1] for m in (re.match(r"\s+#\d+ (\d+x\d+) ", line) for line in lines) if m]
    want = [f"{w}x{h}" for w, h in MODES]
    assert sorted(set(listed)) == sorted(want), f"listed {listed}, given {want}"
    preferred = [line for line in lines if "preferred" in line]
    assert preferred and want[0] in preferred[0], preferred


@ONE.case
def modetest_modes(vm):
    """modetest sets every mode (legacy calls) and its test picture is there in that size."""
    found = ids(vm)
    for width, height in MODES:
        job = vm.spawn(held(f"modetest -M pvg -s {found['connector']}@{found['crtc']}:{width}x{height}"))
        vm.wait_picture(lambda p: shows_smpte(p, (width, height)), f"modetest's picture in {width}x{height}")
        release(vm, job)


@ONE.case
def modetest_atomic(vm):
    """The same through the atomic interface."""
    found = ids(vm)
    width, height = MODES[1]
    job = vm.spawn(held(f"modetest -M pvg -a -s {found['connector']}@{found['crtc']}:{width}x{height} "
                        f"-P {found['plane']}@{found['crtc']}:{width}x{height}"))
    vm.wait_picture(lambda p: shows_smpte(p, (width, height)), "modetest's atomic picture")
    release(vm, job)


@ONE.case
def modetest_flips(vm):
    """modetest's page flips run and report a rate."""
    found = ids(vm)
    width, height = MODES[0]
    job = vm.spawn(held(f"modetest -M pvg -v -s {found['connector']}@{found['crtc']}:{width}x{height}"))
    job.wait_line(r"freq: [0-9.]+Hz")
    release(vm, job)


@ONE.case
def pattern_by_value(vm):
    """A fixed pattern arrives unchanged in every mode, and again after page flips."""
    for width, height in MODES:
        with Steps(vm, f"--mode {width}x{height} --seed 1", ["pattern:2", "pattern:3"]) as steps:
            expect_picture(vm, pattern(width, height, 1), f"pattern 1 in {width}x{height}")
            steps.next()
            expect_picture(vm, pattern(width, height, 2), f"pattern 2 in {width}x{height}")
            steps.next()
            expect_picture(vm, pattern(width, height, 3), f"pattern 3 in {width}x{height}")


@ONE.case
def mode_changes(vm):
    """One client goes through modes of different sizes."""
    sizes = [MODES[2], MODES[3], MODES[0]]
    with Steps(vm, "--seed 4", [f"mode:{w}x{h}" for w, h in sizes]) as steps:
        for width, height in sizes:
            steps.next()
            expect_picture(vm, pattern(width, height, 4), f"after the change to {width}x{height}")


@ONE.case
def dirty_rectangle(vm):
    """Drawing into the shown buffer arrives by DIRTYFB."""
    with Steps(vm, "", ["dirty"]) as steps:
        want = pattern(*steps.size)
        expect_picture(vm, want, "before DIRTYFB")
        steps.next()
        expect_picture(vm, paste_rectangle(want, 64, 64, 96, 96, (255, 0, 0)), "after DIRTYFB")


@ONE.case
def gamma_table(vm):
    """A gamma table applies to the picture (tolerance 1: 16-bit entries are rounded to 8 bits), and can be removed."""
    with Steps(vm, "--seed 5", ["gamma:invert", "gamma:half", "gamma:none"]) as steps:
        plain = pattern(*steps.size, 5)
        expect_picture(vm, plain, "without gamma")
        steps.next()
        expect_picture(vm, map_components(plain, lambda v: 255 - v), "inverting gamma", tolerance=1)
        steps.next()
        expect_picture(vm, map_components(plain, lambda v: v // 2), "halving gamma", tolerance=1)
        steps.next()
        expect_picture(vm, plain, "gamma removed")


def with_cursor(picture, x, y):
    for dx, dy, colour in ((0, 0, (255, 0, 0)), (32, 0, (0, 255, 0)), (0, 32, (0, 0, 255)), (32, 32, (255, 255, 255))):
        picture = paste_rectangle(picture, x + dx, y + dy, 32, 32, colour)
    return picture


@ONE.case
def cursor_plane(vm):
    """The cursor is where it was put, half outside the picture as well, and goes away."""
    places = [(100, 120), (640, 399), (-20, -31), (1280 - 20, 800 - 10)]
    with Steps(vm, "--mode 1280x800 --seed 6", [f"cursor:{x},{y}" for x, y in places] + ["cursor:none"]) as steps:
        plain = pattern(1280, 800, 6)
        for x, y in places:
            steps.next()
            expect_picture(vm, with_cursor(plain, x, y), f"cursor at {x},{y}")
        steps.next()
        expect_picture(vm, plain, "cursor hidden")


@ONE.case
def cursor_while_off(vm):
    """What happens to the cursor of a CRTC that is off is not seen, and is there when it goes on."""
    steps = ["cursor:100,120", "off", "move:300,200", "recolour:ff00ff", "move:200,300", "on"]
    with Steps(vm, "--mode 1280x800 --seed 17", steps) as steps:
        plain = pattern(1280, 800, 17)
        steps.next()
        expect_picture(vm, with_cursor(plain, 100, 120), "the cursor before off")
        steps.next()
        vm.wait_picture(lambda p: p.colours() == 1 and p.pixel(0, 0) == (0, 0, 0), "black while off")
        for _ in range(3):
            what = steps.next()
            state = "\n".join(vm.run("cat /sys/kernel/debug/dri/0/pvg_state"))
            assert "pointer shown 0 " in state, f"after {what} the cursor is on a CRTC that is off:\n{state}"
        steps.next()
        expect_picture(vm, paste_rectangle(plain, 200, 300, 64, 64, (255, 0, 255)), "the other cursor after on")


@ONE.case
def cursor_redrawn(vm):
    """A client draws into the image of its cursor and says so by damage."""
    with Steps(vm, "--mode 1280x800 --seed 18", ["cursor:50,60", "redraw:00ff00"]) as steps:
        plain = pattern(1280, 800, 18)
        steps.next()
        expect_picture(vm, with_cursor(plain, 50, 60), "the cursor")
        steps.next()
        expect_picture(vm, paste_rectangle(plain, 50, 60, 64, 64, (0, 255, 0)), "the cursor drawn anew")


@ONE.case
def plane_over_the_edges(vm):
    """A plane that reaches over the edges of the CRTC shows what lies inside, in the size of the mode."""
    with Steps(vm, "--mode 1280x800 --seed 19", ["overhang:24"]) as steps:
        expect_picture(vm, pattern(1280, 800, 19), "before")
        steps.next()
        want = pattern(1280 + 48, 800 + 48, 19).crop(24, 24, 1280, 800)
        expect_picture(vm, want, "the plane over the edges")


@ONE.case
def formats_refused(vm):
    """Framebuffers are made of what a plane can show; all else is refused at once and not by the commit that shows it."""
    with Steps(vm, "", ["formats"]) as steps:
        steps.next()
        took = [line for line in steps.job.lines if line.startswith("takes ")]
    assert took == ["takes XR24", "takes AR24"], took


@ONE.case
def registers_claimed(vm):
    """The registers are the driver's alone."""
    if ARCH == "aarch64":
        raise Skip("the device is not on a PCI bus")
    where = vm.run("basename $(readlink -f /sys/class/drm/card0/device)")[0]
    memory = [line.strip() for line in vm.run("cat /proc/iomem")]
    at = next(i for i, line in enumerate(memory) if line.endswith(f" : {where}"))
    assert memory[at + 1].endswith(" : pvg"), memory[at:at + 2]


@ONE.case
def off_and_on(vm):
    """A CRTC that is off shows black; on again it shows its picture."""
    with Steps(vm, "--seed 7", ["off", "on"]) as steps:
        expect_picture(vm, pattern(*steps.size, 7), "before off")
        steps.next()
        vm.wait_picture(lambda p: p.colours() == 1 and p.pixel(0, 0) == (0, 0, 0), "black while off")
        steps.next()
        expect_picture(vm, pattern(*steps.size, 7), "after on")


@ONE.case
def flips_async(vm):
    """2000 asynchronous flips complete, each with its event."""
    lines = vm.run("kms-flip --mode 1920x1080 --seconds 0 async 2000")
    assert not any(line.startswith("note:") for line in lines), "the driver offers no asynchronous flips"
    assert numbers(lines[-1])["flips"] == 2000, lines


def rate(vm, program):
    """What a program measured in 10 s, when its mean rate is within 0.1 % of the advertised one; else what it measures in
    50 s. A host that had no processor for a while begins a new grid of ticks; the driver's count follows the time to within
    three quarters of a period, before or after, which tilts the line by up to 0.4 % in 10 s and 0.08 % in 50 s."""
    for seconds in (10, 50):
        found = numbers(vm.run(program.format(seconds=seconds))[-1])
        off = abs(found["mean_hz"] / found["advertised_hz"] - 1)
        if off <= 0.001:
            return found
    raise AssertionError(f"{found['mean_hz']} Hz instead of {found['advertised_hz']} Hz")


@ONE.case
def flips_paced(vm):
    """Flips at the vertical blank: the mean rate is within 0.1 % of the advertised one."""
    rate(vm, "kms-flip --mode 1280x800 --seconds {seconds} paced")


@ONE.case
def vblank_rate(vm):
    """Vertical blanks with monotonic timestamps, in a mode whose rate is not a whole number of milliseconds."""
    found = rate(vm, "kms-vblank --mode 1920x1080 --seconds {seconds}")
    assert found["vblanks"] >= 500, found


@ONE.case
def pipe_crc(vm):
    """The driver's checksum changes with the picture and comes back with it."""
    base = "/sys/kernel/debug/dri/0/crtc-0/crc"
    if vm.run(f"test -e {base}/control", check=False)[0] != 0:
        raise Skip("the driver has no pipe CRC")
    sums = []
    with Steps(vm, "--seed 1", ["pattern:2", "pattern:1"]) as steps:
        for turn in range(3):
            if turn:
                steps.next()
            line = vm.run(f"echo auto >{base}/control; exec 4<{base}/data; head -n 3 <&4 | tail -n 1")[-1]
            sums.append(line.split()[1:])
    assert sums[0] == sums[2] and sums[0] != sums[1], sums


@ONE.case
def edid_decodes(vm):
    """The connector's EDID passes edid-decode's own check."""
    status, lines = vm.run("edid-decode -c $(ls /sys/class/drm/card0-*/edid | head -n 1)", check=False)
    assert status == 0, "\n".join(lines[-25:])
    assert any("EDID conformity: PASS" in line for line in lines), "\n".join(lines[-10:])


@ONE.case
def drm_info_reads(vm):
    """drm_info walks every object and property of the driver."""
    lines = vm.run("drm_info")
    text = "\n".join(lines)
    for word in ("Driver: pvg", "GAMMA_LUT", "Cursor", "ASYNC_PAGE_FLIP"):
        assert word.lower() in text.lower(), f"drm_info does not mention {word}:\n{text[:1500]}"


@ONE.case
def compositor_pattern(vm):
    """weston shows a client's shared-memory pattern over the whole screen, pixel by pixel."""
    vm.run("desktop 'shm-pattern 9'")
    width, height = MODES[0]
    expect_picture(vm, pattern(width, height, 9), "the shared-memory pattern in weston")
    vm.run("killall -q shm-pattern; killall weston; while pidof weston; do usleep 50000; done")


@ONE.case
def compositor_clients(vm):
    """weston with real clients: their windows are in the picture."""
    vm.run("desktop")
    vm.wait_picture(lambda p: p.colours() >= 32, "windows of real clients")
    vm.run("killall weston; while pidof weston; do usleep 50000; done")


@ONE.case
def driver_load_unload(vm):
    """The driver leaves and comes back 20 times, and shows its picture after that."""
    vm.run("dmesg -c >/dev/null; for i in $(seq 20); do for c in /sys/class/vtconsole/vtcon*; do "
           "grep -q 'frame buffer' $c/name && echo 0 >$c/bind; done; rmmod pvg_drm || exit 1; "
           "modprobe pvg_drm || exit 1; for n in $(seq 2000); do [ -e /dev/dri/card0 ] && break; usleep 50000; done; "
           "[ -e /dev/dri/card0 ] || exit 2; done; udevadm settle")
    bad = vm.run("dmesg | grep -E 'WARNING|BUG:|Oops|leak|pvg.*(fail|error|timed out)' | head -n 20; true")
    assert not bad, "\n".join(bad)
    with Steps(vm, "--seed 10", []) as steps:
        expect_picture(vm, pattern(*steps.size, 10), "the pattern after 20 loads")


@ONE.case
def unbind_while_flipping(vm):
    """The device is taken away from the driver under a client that flips, and given back."""
    where = "/sys/class/drm/card0/device"
    device, driver = vm.run(f"basename $(readlink {where}); readlink -f {where}/driver")
    flips = vm.spawn("kms-flip --seconds 0 async")
    flips.wait_line("^flipping")
    vm.run(f"echo {device} >{driver}/unbind")
    assert flips.wait() != 0, "the flips go on without a device"
    assert not vm.run("ls /dev/dri 2>/dev/null | grep card; true"), "the card is still there"
    vm.run(f"echo {device} >{driver}/bind; udevadm settle")
    with Steps(vm, "--seed 16", []) as steps:
        expect_picture(vm, pattern(*steps.size, 16), "the pattern after the device came back")


@ONE.case
def hotplug(vm):
    """Unplugged and replaced mode lists reach the guest as hot-plug events."""
    path = "/machine/peripheral/gfx"
    # modetest asks the driver for the list; what sysfs shows is limited to the size of the console's framebuffer.
    status = "modetest -M pvg -c | grep -q '[[:space:]]%s[[:space:]]'"
    mode = "modetest -M pvg -c | grep -q '#[0-9]* %s '"

    def wait_guest(test, what):
        code, _ = vm.run(f"for i in $(seq 2000); do {test} && exit 0; usleep 50000; done; exit 1", check=False)
        if code != 0:
            raise pvgvm.VmError(f"{what} did not reach the guest:\n" + "\n".join(vm.run("modetest -M pvg -c | head -n 12")))

    monitor = vm.spawn("echo $$ >/tmp/monitor.pid; exec udevadm monitor --kernel --subsystem-match=drm")
    monitor.wait_line("KERNEL")
    vm.qmp.command("qom-set", path=path, property="connected", value=False)
    wait_guest(status % "disconnected", "unplugging")
    monitor.wait_line(r"KERNEL\[.*change")
    vm.qmp.command("qom-set", path=path, property="connected", value=True)
    wait_guest(status % "connected", "plugging in")
    vm.qmp.command("qom-set", path=path, property="modes", value="1440x900@60:640x480@60")
    wait_guest(f"{mode % '1440x900'} && ! {mode % '1920x1080'}", "the new mode list")
    with Steps(vm, "--mode 1440x900 --seed 11", []):
        expect_picture(vm, pattern(1440, 900, 11), "the pattern in a mode that came later")
    vm.qmp.command("qom-set", path=path, property="modes", value=":".join(f"{w}x{h}@60" for w, h in MODES))
    wait_guest(mode % "1920x1080", "the old mode list")
    vm.run("kill $(cat /tmp/monitor.pid)")


@ONE.case
def reset_while_flipping(vm):
    """system_reset in the middle of asynchronous flips, twice: the guest comes up again and shows its picture."""
    for turn in range(2):
        vm.spawn("kms-flip --seconds 0 async").wait_line("^flipping")
        vm.qmp.command("system_reset")
        vm.wait_agent()
        with Steps(vm, f"--seed {12 + turn}", []) as steps:
            expect_picture(vm, pattern(*steps.size, 12 + turn), "the pattern after a reset")


@ONE.last
def nothing_bad_was_said(vm):
    """No kernel warning in all of the above, and the device refused nothing that the driver sent."""
    bad = kernel_complaints(vm)
    assert not bad, "\n".join(bad[:20])
