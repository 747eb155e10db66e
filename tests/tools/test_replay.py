#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Hostile guests once more: every device that a test program of tests/device makes is recorded and replayed, and has to do the
same: rings that lose their framing, page lists and geometries that make no ring, FIFOs that are disabled at any moment.
Arguments: pvg-record, the test program, how many recordings there are at least.
"""
import os
import struct
import subprocess
import sys
import tempfile

RECORD, PROGRAM, LEAST = sys.argv[1], sys.argv[2], int(sys.argv[3])
# While the root page is no RAM, the device stops whatever channel it happens to look at.
TIME_DECIDES = {"test_root_page_not_ram (four_k)"}
# What the VMM refuses for reasons of its own is in no recording (docs/record.md): tests that make it do so.
VMM_REFUSES = {"task-create", "task-map", "mapper-page"}


MMIO_READ, FAULT, REPORT, RESUMED = 2, 14, 16, 17


def records(path):
    """The file's head, and of each record its kind, its bytes and where its content begins in them."""
    with open(path, "rb") as f:
        data = f.read()
    at, found = 8, []
    while at < len(data):
        kind, length, _ = struct.unpack_from("<IIQ", data, at)
        found.append((kind, data[at:at + 16 + length]))
        at += 16 + length
    return data[:8], found


def report(path):
    """The report at the end, as text: the last record."""
    return "".join(text[16:].decode() for kind, text in records(path)[1] if kind == REPORT)


def make_late(path):
    """
    Each read that stands before a fault or a resume, behind it: these are written down before the guest can see them, so a
    busy machine may bring reads of before in between. Whether there was one.
    """
    head, found = records(path)
    moved = 0
    for i, (kind, _) in enumerate(found):
        if kind in (FAULT, RESUMED) and found[i - 1][0] == MMIO_READ:
            found[i - 1], found[i] = found[i], found[i - 1]
            moved += 1
    with open(path, "wb") as f:
        f.write(head + b"".join(text for _, text in found))
    return moved > 0


def replay(path):
    """Status and text."""
    done = subprocess.run([RECORD, "--replay", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def main():
    failed = played = late = 0
    with tempfile.TemporaryDirectory() as folder:
        tests = subprocess.run([PROGRAM], env={**os.environ, "PVG_TEST_RECORD": folder}, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, check=False)
        if tests.returncode:
            print(tests.stdout.decode(errors="replace")[-4000:])
            return 1
        names = [line.split("] ")[1] for line in tests.stdout.decode(errors="replace").splitlines() if "[ RUN" in line]
        for name in sorted(os.listdir(folder)):
            path, test = os.path.join(folder, name), names[int(name)]
            if test in TIME_DECIDES:
                print(f"{test}: not replayed, time decides")
                continue
            status, text = replay(path)
            told = report(path) if status else ""
            if status and any(f'"{reason}"' in told for reason in VMM_REFUSES) and '"tasks_mode":"callbacks"' in told:
                print(f"{test}: the VMM refused, not replayed")
                continue
            played += 1
            if not status and make_late(path):
                late += 1
                status, text = replay(path)
                text = f"its reads before faults written down late: {text}"
            failed += status != 0
            if status:
                print(f"{test}: {text}")
            os.unlink(path)
    print(f"{played} recordings played, {late} of them with late reads as well, {failed} differ")
    return 1 if failed or played < LEAST else 0


sys.exit(main())
