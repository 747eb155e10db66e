# SPDX-License-Identifier: MIT
"""Boots the guest image in QEMU and talks to it: used by the demo, the VM tests and the benchmarks.

A Vm is started through `./pvg qemu` with the guest's console in a log file and two sockets: QMP and the guest's agent
(scripts/guest/usr/lib/pvg/agent), which runs commands. All waits are for events, with a deadline that only a hang reaches;
what QEMU or the guest printed last is part of every failure. Only the standard library is used.
"""
import base64
import json
import os
import platform
import queue
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

ROOT = os.environ.get("PVG_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("PVG_BUILD") or os.path.join(ROOT, "build")

# Deadlines are for hangs: software emulation on a busy machine is slow, and a test never measures time with them.
DEADLINE_S = float(os.environ.get("PVG_DEADLINE_S", "300"))


class VmError(Exception):
    """The VM did something else than was waited for; the text says what it said last."""


def end_by_signals():
    """SIGTERM, and SIGHUP of a terminal that is closed, unwind as Ctrl-C does: no QEMU is left behind."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


class Picture:
    """An RGB picture, 8 bits per component."""

    def __init__(self, width, height, data):
        self.width, self.height, self.data = width, height, data
        if len(data) != width * height * 3:
            raise ValueError(f"picture of {width}x{height} with {len(data)} bytes")

    @classmethod
    def from_ppm(cls, raw):
        match = re.match(rb"P6\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s+255\s", raw)
        if not match:
            raise ValueError("not a binary PPM file")
        return cls(int(match[1]), int(match[2]), raw[match.end():])

    def pixel(self, x, y):
        at = (y * self.width + x) * 3
        return tuple(self.data[at:at + 3])

    def crop(self, x, y, width, height):
        rows = (self.data[((y + r) * self.width + x) * 3:((y + r) * self.width + x + width) * 3] for r in range(height))
        return Picture(width, height, b"".join(rows))

    def colours(self):
        """Number of different colours, as a measure of "something was drawn"."""
        return len(set(zip(self.data[0::3], self.data[1::3], self.data[2::3])))

    def __eq__(self, other):
        return (self.width, self.height, self.data) == (other.width, other.height, other.data)

    def largest_difference(self, other):
        """Largest difference of any component; None when the sizes differ."""
        if (self.width, self.height) != (other.width, other.height):
            return None
        if self.data == other.data:
            return 0
        return max(abs(a - b) for a, b in zip(self.data, other.data))

    def difference(self, other):
        """A picture of the absolute differences, eight times amplified, for people."""
        data = bytes(min(255, 8 * abs(a - b)) for a, b in zip(self.data, other.data))
        return Picture(self.width, self.height, data)

    def save_png(self, path):
        stride = self.width * 3
        rows = b"".join(b"\0" + self.data[y * stride:(y + 1) * stride] for y in range(self.height))

        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        with open(path + ".new", "wb") as f:
            f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 6)) +
                    chunk(b"IEND", b""))
        os.replace(path + ".new", path)


class Job:
    """A command running in the guest. Its lines arrive while it runs."""

    def __init__(self, vm, number, command):
        self.vm, self.number, self.command = vm, number, command
        self.lines, self.status = [], None
        self.changed = threading.Condition()

    def _line(self, text):
        with self.changed:
            self.lines.append(text)
            self.changed.notify_all()

    def _end(self, status):
        with self.changed:
            self.status = status
            self.changed.notify_all()

    def _until(self, test, what, timeout):
        deadline = time.monotonic() + (timeout or DEADLINE_S)
        with self.changed:
            while True:
                result = test()
                if result is not None:
                    return result
                if self.vm.dead():
                    raise VmError(f"QEMU ended while waiting for {what} of guest command: {self.command}\n{self.vm.last_words()}")
                left = deadline - time.monotonic()
                if left <= 0:
                    said = "\n".join(self.lines[-15:])
                    raise VmError(f"no {what} in time from guest command: {self.command}\nit said:\n{said}\n{self.vm.last_words()}")
                self.changed.wait(min(left, 1.0))

    def wait_line(self, pattern, timeout=None):
        """The first match of a regular expression in the lines printed so far or from now on."""
        expression = re.compile(pattern)

        def test():
            for line in self.lines:
                match = expression.search(line)
                if match:
                    return match
            if self.status is not None:
                said = "\n".join(self.lines[-15:])
                raise VmError(f"guest command ended with {self.status} before it said /{pattern}/: {self.command}\n{said}")
            return None

        return self._until(test, f"line /{pattern}/", timeout)

    def wait(self, timeout=None):
        """Exit status."""
        return self._until(lambda: self.status, "end", timeout)


class Qmp:
    def __init__(self, path, connection=None):
        """With a connection to the monitor, or by the path of its socket."""
        self.socket = connection or socket.socket(socket.AF_UNIX)
        if not connection:
            self.socket.connect(path)
        self.socket.settimeout(DEADLINE_S)
        self.file = self.socket.makefile("rwb")
        self.lock = threading.Lock()
        self.events = []
        json.loads(self.file.readline())
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        """The return value; raises VmError with QEMU's own sentence."""
        with self.lock:
            request = {"execute": name}
            if arguments:
                request["arguments"] = arguments
            try:
                self.file.write(json.dumps(request).encode() + b"\n")
                self.file.flush()
                while True:
                    line = self.file.readline()
                    if not line:
                        raise VmError(f"QEMU closed its monitor during {name}")
                    reply = json.loads(line)
                    if "event" in reply:
                        self.events.append(reply)
                    elif "error" in reply:
                        raise VmError(f"QMP {name}: {reply['error']['desc']}")
                    else:
                        return reply["return"]
            except OSError as error:
                raise VmError(f"QMP {name}: {error}") from error

    def monitor(self, line):
        return self.command("human-monitor-command", **{"command-line": line})


# QEMU's machine, the guest's serial line and kernel options of an architecture. The processor: all that TCG knows is slow
# on aarch64 (pointer authentication in software), while KVM has no other than the machine's. The kernel's own watchdogs are
# off: a host that gives QEMU no processor for a while is not the guest's fault.
WATCHDOGS = "nosoftlockup workqueue.watchdog_thresh=0"
ARCHITECTURES = {
    "x86_64": {"machine": "q35", "cpu": "max", "append": f"console=tty0 console=ttyS0 panic=-1 no_timer_check {WATCHDOGS}"},
    "aarch64": {"machine": "virt,gic-version=3", "cpu": "max" if platform.machine() == "aarch64" else "cortex-a72",
                "append": f"console=tty0 console=ttyAMA0 panic=-1 {WATCHDOGS}"},
}


def guest_image(suite=None, arch="x86_64"):
    """Folder of the guest image; made by scripts/guest-image, which has to be run before."""
    suite = suite or os.environ.get("PVG_GUEST")
    if not suite:
        with open("/etc/os-release", encoding="utf-8") as f:
            found = re.search(r"^VERSION_CODENAME=\"?([a-z]+)", f.read(), re.M)
        suite = found[1] if found else "unknown"
    foreign = arch == "aarch64" and platform.machine() != "aarch64"
    folder = os.path.join(BUILD, "guest", *([arch] if foreign else []), suite)
    if not os.path.exists(os.path.join(folder, "initrd")):
        raise VmError(f"no guest image in {folder}: run ./pvg build --guest")
    return folder


class Vm:
    """One QEMU with the guest image. Use as a context manager: the end of the block ends QEMU."""

    def __init__(self, folder, devices, append="", extra=(), memory="1G", smp=2, inputs=True, display="none", stock=False,
                 image=None, machine=None, arch="x86_64"):
        self.folder = folder
        image = image or guest_image(arch=arch)
        os.makedirs(folder, exist_ok=True)
        self.console_log = os.path.join(folder, "console.log")
        self.stderr_log = os.path.join(folder, "qemu.log")
        # Socket paths are limited to 107 bytes: they get a short folder of their own.
        self.sockets = tempfile.mkdtemp(prefix="pvg-")
        # A comma ends a value.
        console, sockets = (path.replace(",", ",,") for path in (self.console_log, self.sockets))
        kind = ARCHITECTURES[arch]
        self.arguments = [
            os.path.join(ROOT, "pvg"), "qemu", "--arch", arch, "--", "-M", machine or kind["machine"], "-cpu", kind["cpu"],
            "-smp", str(smp), "-m", memory,
            "-nodefaults", "-no-user-config", "-vga", "none", "-display", display,
            "-kernel", os.path.join(image, "vmlinuz"), "-initrd", os.path.join(image, "initrd"),
            "-append", f"{kind['append']} {append}".strip(),
            "-chardev", f"file,id=console,path={console}", "-serial", "chardev:console",
            "-chardev", f"socket,id=agent,path={sockets}/agent,server=on,wait=off",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=pvg.agent",
            "-qmp", f"unix:{sockets}/qmp,server=on,wait=off",
        ]
        for device in devices:
            self.arguments += ["-device", device]
        if inputs:
            self.arguments += ["-device", "qemu-xhci", "-device", "usb-kbd", "-device", "usb-tablet"]
        self.arguments += list(extra)
        self.stock = stock
        self.process = self.qmp = self.agent = None
        self.jobs, self.next_job = {}, 1
        self.agent_ready = queue.Queue()
        self.send_lock = threading.Lock()

    def start(self, wait_agent=True):
        environment = dict(os.environ)
        if self.stock:
            environment["PVG_QEMU_STOCK"] = "1"
        with open(self.stderr_log, "wb") as log:
            log.write((" ".join(self.arguments) + "\n").encode())
            log.flush()
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment, start_new_session=True)
        connection = self._connect("qmp")
        try:
            self.qmp = Qmp(self.sockets + "/qmp", connection)
        except (VmError, ValueError) as error:  # a wrong option: QEMU listens, says so and ends
            raise VmError(f"QEMU did not start\n{self.last_words()}") from error
        self.agent = self._connect("agent")
        threading.Thread(target=self._read_agent, daemon=True).start()
        if wait_agent:
            self.wait_agent()
        return self

    def _connect(self, name):
        """A connection, as soon as QEMU listens; its start may include building the device."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            if self.dead():
                raise VmError(f"QEMU did not start\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise VmError(f"QEMU does not listen on its {name} socket\n{self.last_words()}")
            # The socket is there a moment before QEMU listens on it.
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(f"{self.sockets}/{name}")
                return connection
            except OSError:
                connection.close()
            time.sleep(0.02)

    def _read_agent(self):
        try:
            with self.agent.makefile("rb") as stream:
                for raw in stream:
                    self._agent_line(raw.decode(errors="replace").rstrip("\r\n"))
        except ConnectionResetError:
            pass  # QEMU went away; who waits for something from it notices

    def _agent_line(self, line):
        match = re.match(r"(\d+)([|=])(.*)", line)
        if line.endswith("pvg-agent ready"):
            self.agent_ready.put(True)
        elif match and int(match[1]) in self.jobs:
            job = self.jobs[int(match[1])]
            if match[2] == "=":
                job._end(int(match[3]))
            else:
                job._line(match[3])

    def wait_agent(self, timeout=None):
        """Waits until a freshly booted guest answers; called again after a reset."""
        deadline = time.monotonic() + (timeout or DEADLINE_S)
        while True:
            try:
                return self.agent_ready.get(timeout=0.5)
            except queue.Empty:
                if self.dead():
                    raise VmError(f"QEMU ended while the guest booted\n{self.last_words()}") from None
                if time.monotonic() > deadline:
                    raise VmError(f"the guest did not come up\n{self.last_words()}") from None

    def spawn(self, command):
        with self.send_lock:
            job = Job(self, self.next_job, command)
            self.jobs[job.number] = job
            self.next_job += 1
            self.agent.sendall(f"{job.number} {base64.b64encode(command.encode()).decode()}\n".encode())
        return job

    def run(self, command, timeout=None, check=True):
        """Runs a command in the guest; its lines. A status other than 0 is an error unless check is False."""
        job = self.spawn(command)
        status = job.wait(timeout)
        if check and status != 0:
            said = "\n".join(job.lines[-25:])
            raise VmError(f"guest command ended with {status}: {command}\n{said}")
        return job.lines if check else (status, job.lines)

    def screendump(self, device=None, head=None):
        path = os.path.join(self.sockets, "dump.ppm")
        arguments = {"filename": path}
        if device is not None:
            arguments["device"] = device
        if head is not None:
            arguments["head"] = head
        self.qmp.command("screendump", **arguments)
        with open(path, "rb") as f:
            return Picture.from_ppm(f.read())

    def wait_picture(self, test, what, timeout=None, **which):
        """Takes screendumps until test(picture) is true; returns that picture."""
        deadline = time.monotonic() + (timeout or DEADLINE_S)
        while True:
            picture = self.screendump(**which)
            if test(picture):
                return picture
            if time.monotonic() > deadline:
                path = os.path.join(self.folder, "failed.png")
                picture.save_png(path)
                raise VmError(f"the picture never showed {what}; the last one is {path}\n{self.last_words()}")
            time.sleep(0.1)

    def wait_still_picture(self, colours, gap=0.7, timeout=None, **which):
        """A picture of at least so many colours which did not change for a while; the last one when it never rests."""
        deadline = time.monotonic() + (timeout or DEADLINE_S)
        last = None
        while True:
            picture = self.screendump(**which)
            drawn = picture.colours() >= colours
            if drawn and last is not None and picture == last:
                return picture
            if time.monotonic() > deadline:
                if drawn:
                    return picture
                raise VmError(f"the picture stays empty ({picture.colours()} colours)\n{self.last_words()}")
            last = picture
            time.sleep(gap)

    def dead(self):
        return self.process is None or self.process.poll() is not None

    def last_words(self):
        words = []
        for name, path in (("QEMU", self.stderr_log), ("guest console", self.console_log)):
            try:
                with open(path, "rb") as f:
                    lines = f.read().decode(errors="replace").splitlines()[-12:]
            except OSError:
                lines = []
            if lines:
                words.append(f"--- {name}, {path}:\n" + "\n".join(lines))
        return "\n".join(words)

    def console_text(self):
        with open(self.console_log, "rb") as f:
            return f.read().decode(errors="replace")

    def quit(self):
        """Ends QEMU, by asking it if it listens; its exit status. Nothing is left behind, whatever interrupts this."""
        try:
            if not self.dead():
                if self.qmp:
                    try:
                        self.qmp.command("quit")
                    except VmError:
                        pass
                else:
                    os.killpg(self.process.pid, signal.SIGTERM)  # it may be building the device yet
                self.process.wait(60)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if not self.dead():
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            shutil.rmtree(self.sockets, ignore_errors=True)
        return self.process.returncode if self.process else None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.quit()
            raise

    def __exit__(self, *_):
        self.quit()
