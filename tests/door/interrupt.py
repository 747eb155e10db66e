#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a command in a session of its own and presses Ctrl-C when a file is there: SIGINT to the process group, as a terminal
does. Prints the command's output, then its status (-2: ended by SIGINT) and the processes that are left of the session.

usage: interrupt.py FILE COMMAND...
"""
import os
import signal
import subprocess
import sys
import time

LIMIT_S = 120  # of a hang


def wait_for(condition):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def session(leader):
    """Processes of the session that have not ended."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                state, _, _, sid = f.read().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(sid) == leader and state != "Z":
            found.append(int(pid))
    return found


def main():
    file, command = sys.argv[1], sys.argv[2:]
    # A shell's background jobs ignore SIGINT, and so would what they start.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    if not wait_for(lambda: os.path.exists(file) or process.poll() is not None):
        print(f"{file} never came")
    try:
        os.killpg(process.pid, signal.SIGINT)
    except ProcessLookupError:
        print("it ended before")
    try:
        process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        print("it does not end")
    # What was interrupted too may take a moment.
    wait_for(lambda: process.poll() is None or not session(process.pid))
    left = session(process.pid)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    print(f"status {process.returncode}, left {len(left)}")


main()
