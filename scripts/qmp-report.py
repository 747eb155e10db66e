#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the state of every apple-gfx device of a running VM, for a bug report; the diagnosis also to stderr.

usage: qmp-report.py SOCKET
"""
import json
import os
import sys

os.environ["PVG_DEADLINE_S"] = "10"  # somebody waits for this
import pvgvm  # noqa: E402

PROPERTIES = ("version", "modes", "displays", "connected", "gpu", "tasks", "cursor", "trace", "record", "guest-presents",
              "host-presents", "frames-dropped")


def devices(qmp, path="/machine", depth=0):
    """QOM paths of our devices; children only, and not deeper than devices are."""
    if depth > 4:
        return
    for entry in qmp.command("qom-list", path=path):
        kind = entry["type"]
        if not kind.startswith("child<"):
            continue
        child = f"{path}/{entry['name']}"
        if kind[6:-1].startswith("apple-gfx"):
            yield child, kind[6:-1]
        else:
            yield from devices(qmp, child, depth + 1)


def fail(text):
    """Said to the user and left in the report."""
    print(text)
    print("pvg: " + text, file=sys.stderr)
    return 1


def main():
    try:
        qmp = pvgvm.Qmp(sys.argv[1])
    except TimeoutError:
        return fail(f"QMP socket {sys.argv[1]}: no answer within 10 s; QEMU serves one client at a time, is there another?")
    except OSError as error:
        return fail(f"QMP socket {sys.argv[1]}: {error.strerror}; is the VM running, and was it started with this socket?")
    print("QEMU:", json.dumps(qmp.command("query-version")["qemu"]), json.dumps(qmp.command("query-status")))
    found = list(devices(qmp))
    if not found:
        print("the VM has no apple-gfx device")
    for path, kind in found:
        print(f"\n{kind} at {path}")
        for name in PROPERTIES:
            try:
                print(f"  {name}: {json.dumps(qmp.command('qom-get', path=path, property=name))}")
            except pvgvm.VmError:
                pass
        try:
            report = qmp.command("qom-get", path=path, property="report")
            try:
                told = json.loads(report)
                report = json.dumps(told, indent=1)
                for sentence in told.get("diagnosis", []):
                    print(f"  {kind}: {sentence}", file=sys.stderr)
            except ValueError:
                pass
            print(report)
        except pvgvm.VmError as error:
            print(f"  no report: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
