#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ./pvg doctor asks a running VM: the report whole on stdout, "why is my screen black" on stderr. Argument: the script."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

REPORT = {"libpvg": "0.1.0", "diagnosis": ["no guest driver has spoken to the device", "the guest is asleep"]}
ANSWERS = {"qom-list": lambda a: [{"name": "gfx0", "type": "child<apple-gfx-pci>"}] if a["path"] == "/machine" else [],
           "qom-get": lambda a: json.dumps(REPORT) if a["property"] == "report" else "value of " + a["property"],
           "query-version": lambda a: {"qemu": {"major": 7}}}


def serve(listener):
    connection, _ = listener.accept()
    with connection, connection.makefile("rw", encoding="utf-8") as stream:
        def say(message):
            stream.write(json.dumps(message) + "\n")
            stream.flush()

        say({"QMP": {"version": {}, "capabilities": []}})
        for line in stream:
            asked = json.loads(line)
            answer = ANSWERS.get(asked["execute"], lambda a: {})(asked.get("arguments", {}))
            say({"return": answer, **({"id": asked["id"]} if "id" in asked else {})})


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "qmp")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        done = subprocess.run([sys.executable, "-B", sys.argv[1], path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        thread.join(60)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 0, err
    assert err.splitlines() == ["  apple-gfx-pci: " + sentence for sentence in REPORT["diagnosis"]], err
    assert "apple-gfx-pci at /machine/gfx0" in out and json.dumps(REPORT, indent=1) in out, out
    gone = subprocess.run([sys.executable, "-B", sys.argv[1], path + "-not"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert gone.returncode == 1 and b"is the VM running" in gone.stderr, gone.stderr
print("ok")
