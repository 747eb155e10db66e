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


def report(path):
    """The report at the end, as text: the last record."""
    with open(path, "rb") as f:
        data = f.read()
    at, last = 8, b""
    while at < len(data):
        kind, length, _ = struct.unpack_from("<IIQ", data, at)
        if kind == 16:
            last = data[at + 16:at + 16 + length]
        at += 16 + length
    return last.decode()


def main():
    failed = played = 0
    with tempfile.TemporaryDirectory() as folder:
        tests = subprocess.run([PROGRAM], env={**os.environ, "PVG_TEST_RECORD": folder}, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, check=False)
        if tests.returncode:
            print(tests.stdout.decode(errors="replace")[-4000:])
            return 1
        names = [line.split("] ")[1] for line in tests.stdout.decode(errors="replace").splitlines() if "[ RUN" in line]
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if names[int(name)] in TIME_DECIDES:
                print(f"{names[int(name)]}: not replayed, time decides")
                continue
            done = subprocess.run([RECORD, "--replay", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            text = done.stdout.decode(errors="replace")
            told = report(path) if done.returncode else ""
            if done.returncode and any(f'"{reason}"' in told for reason in VMM_REFUSES) and '"tasks_mode":"callbacks"' in told:
                print(f"{names[int(name)]}: the VMM refused, not replayed")
                continue
            played += 1
            failed += done.returncode != 0
            if done.returncode:
                print(f"{names[int(name)]}: {text}")
            os.unlink(path)
    print(f"{played} recordings played, {failed} differ")
    return 1 if failed or played < LEAST else 0


sys.exit(main())
