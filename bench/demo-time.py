#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Time from ./pvg demo to the saved picture: with an empty build folder, and again.

Packages that the machine already has are not installed again: the first run is that of a machine with the packages and
without anything of ours. The second run has to take less than a minute.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.environ.get("PVG_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(build):
    began = time.monotonic()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PVG_")}
    environment["PVG_BUILD"] = build
    subprocess.run([os.path.join(ROOT, "pvg"), "demo", "--no-window"], env=environment, check=True,
                   stdout=subprocess.DEVNULL, stderr=sys.stderr)
    return time.monotonic() - began


def emit(name, value, reference, reference_name):
    print(json.dumps({"name": name, "unit": "s", "value": value, "reference": reference, "reference_name": reference_name,
                      "ratio": reference / value if reference else None, "better": "lower"}), flush=True)


def main():
    build = tempfile.mkdtemp(prefix="pvg-demo-")
    try:
        emit("demo/first", run(build), None, None)
        emit("demo/second", run(build), 60.0, "one minute")
    finally:
        shutil.rmtree(build, ignore_errors=True)


if __name__ == "__main__":
    main()
