# SPDX-License-Identifier: MIT
"""Cases with several displays and several devices, and the mode without a driver."""
from run import Group, Steps, expect_picture, pattern

TWO_DISPLAYS = Group("two-displays", ["apple-gfx-pci,id=gfx,displays=2,gpu=none,modes=1280x800@60"], inputs=False)
TWO_DEVICES = Group("two-devices", ["apple-gfx-pci,id=one,gpu=none,modes=1280x800@60",
                                    "apple-gfx-pci,id=two,gpu=none,modes=1024x768@60"], inputs=False)
GROUPS = [TWO_DISPLAYS, TWO_DEVICES]


@TWO_DISPLAYS.case
def two_displays(vm):
    """Each display of one device shows its own picture; the heads of the device are told apart by the host."""
    connected = vm.run("grep -l '^connected' /sys/class/drm/card0-*/status")
    assert len(connected) == 2, connected
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
