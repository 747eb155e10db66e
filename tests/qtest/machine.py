# SPDX-License-Identifier: MIT
#
# A stock QEMU with the device loaded, driven from outside: the qtest protocol for the guest's side (a CPU that halts in a
# 64 KiB BIOS image leaves the machine to us), QMP for the user's side. Debian's QEMU has no qtest accelerator; the
# protocol works with TCG all the same (docs/decisions.md 8). Everything waits for events, with one deadline.
import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

# After this a wait has failed; no test expects it to pass. Long: a busy machine gives a process no processor for a while.
DEADLINE_S = int(os.environ.get("PVG_QTEST_DEADLINE_S", 120))


class Failure(Exception):
    pass


class Skip(Exception):
    pass


class Config:
    qemu = 'qemu-system-x86_64'
    plugin = None  # None: the device is built into that QEMU
    other_plugin = None


def wait_for(condition, what):
    """Polls until condition() is true and returns its value."""
    end = time.monotonic() + DEADLINE_S
    pause = 0.0002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f'waited {DEADLINE_S} s for: {what}')
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def bios_image():
    """64 KiB of ROM whose reset vector holds: cli; hlt; jump to the hlt."""
    image = bytearray(b'\xff' * 65536)
    image[0xfff0:0xfff4] = b'\xfa\xf4\xeb\xfd'
    return bytes(image)


class Lines:
    """One accepted connection, read by lines."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.sock = None

    def accept(self, process):
        self.listener.settimeout(0.1)

        def connected():
            try:
                self.sock = self.listener.accept()[0]
            except socket.timeout:
                if process.poll() is not None:
                    raise Failure('QEMU ended before it connected')
            return self.sock

        wait_for(connected, 'connection of QEMU')
        self.listener.close()
        self.sock.settimeout(DEADLINE_S)
        self.file = self.sock.makefile('rb')

    def send(self, text):
        self.sock.sendall(text.encode() + b'\n')

    def receive(self):
        line = self.file.readline()
        if not line:
            raise Failure('QEMU closed a connection')
        return line.decode().strip()

    def close(self):
        if self.sock:
            self.file.close()
            self.sock.close()


class Machine:
    """QEMU with machine q35 (or another), 64 MiB of RAM, no default devices."""

    def __init__(self, *devices, machine='q35', ram_mib=64, args=(), shared_ram=False, plugin_args='', env=None,
                 qemu=None, bios=None):
        self.dir = tempfile.mkdtemp(prefix='pvg-qtest-')
        self.events = []
        self.reenters = False  # the test makes the device reach itself, and QEMU is to say so
        self.irqs = []  # 'IRQ raise N' and 'IRQ lower N' of an intercepted controller, as they were seen
        with open(self.path('bios.bin'), 'wb') as f:
            f.write(bios or bios_image())
        self.qtest = Lines(self.path('qtest.sock'))
        self.qmp_lines = Lines(self.path('qmp.sock'))
        command = [qemu or Config.qemu, '-nodefaults', '-no-user-config', '-display', 'none', '-accel', 'tcg', '-m',
                   str(ram_mib), '-bios', self.path('bios.bin'), '-qtest', f'unix:{self.path("qtest.sock")}',
                   '-qtest-log', 'none', '-qmp', f'unix:{self.path("qmp.sock")}']
        if Config.plugin:
            command += ['-plugin', Config.plugin + plugin_args]
        if shared_ram:
            command += ['-object', f'memory-backend-memfd,id=ram,size={ram_mib}M,share=on', '-M',
                        f'{machine},memory-backend=ram']
        else:
            command += ['-M', machine]
        for device in devices:
            command += ['-device', device if isinstance(device, str) else json.dumps(device)]
        command += [a.replace('@DIR@', self.dir) for a in args]
        self.stderr = open(self.path('stderr'), 'w+')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.stderr, stderr=self.stderr,
                                        env=dict(os.environ, **(env or {})))
        try:
            self.qtest.accept(self.process)
            self.qmp_lines.accept(self.process)
            json.loads(self.qmp_lines.receive())
            self.qmp('qmp_capabilities')
        except (Failure, OSError) as e:
            text = self.messages()
            self.kill()
            raise Failure(f'{e}; QEMU said: {text}')

    def path(self, name):
        return os.path.join(self.dir, name)

    def messages(self):
        self.stderr.flush()
        with open(self.path('stderr'), errors='replace') as f:
            return f.read()

    # The user's side

    def qmp_raw(self, command, **arguments):
        self.qmp_lines.send(json.dumps({'execute': command, 'arguments': arguments}))
        while True:
            reply = json.loads(self.qmp_lines.receive())
            if 'event' in reply:
                self.events.append(reply)
            else:
                return reply

    def qmp(self, command, **arguments):
        reply = self.qmp_raw(command, **arguments)
        if 'error' in reply:
            raise Failure(f'{command}: {reply["error"]["desc"]}')
        return reply['return']

    def qmp_error(self, command, **arguments):
        reply = self.qmp_raw(command, **arguments)
        if 'error' not in reply:
            raise Failure(f'{command} did not fail')
        return reply['error']['desc']

    def get(self, name, device='g'):
        return self.qmp('qom-get', path=f'/machine/peripheral/{device}', property=name)

    def set(self, name, value, device='g'):
        return self.qmp('qom-set', path=f'/machine/peripheral/{device}', property=name, value=value)

    def report(self, device='g'):
        return json.loads(self.get('report', device))

    def refusals(self, device='g'):
        """Counts by reason."""
        return {k: v['count'] for k, v in self.report(device)['refusals'].items()}

    def reset(self):
        self.qmp('system_reset')
        wait_for(lambda: any(e['event'] == 'RESET' for e in self.events) or self.qmp('query-status') is None, 'reset')
        self.events = [e for e in self.events if e['event'] != 'RESET']

    def screendump(self, device='g', head=0):
        """Picture of a console: width, height, bytes R,G,B. Without a device: of the first console."""
        path = self.path('screen.ppm')
        self.qmp('screendump', filename=path, **({'device': device, 'head': head} if device else {}))
        with open(path, 'rb') as f:
            data = f.read()
        magic, size, depth, pixels = data.split(b'\n', 3)
        if magic != b'P6' or depth != b'255':
            raise Failure('screendump is no PPM of 8 bits')
        width, height = map(int, size.split())
        stride = width * 3
        if len(pixels) != stride * height:
            stride = stride + 3 & ~3  # QEMU 7.2 pads rows to whole words, against the format
        if len(pixels) != stride * height:
            raise Failure(f'screendump has {len(pixels)} bytes for {width}x{height}')
        return width, height, b''.join(pixels[y * stride:y * stride + width * 3] for y in range(height))

    # The guest's side

    def _command(self, text):
        self.qtest.send(text)
        while True:
            line = self.qtest.receive()
            if line.startswith('IRQ'):
                self.irqs.append(line)
                continue
            if not line.startswith('OK'):
                raise Failure(f'qtest: {text[:60]}: {line}')
            return line[2:].strip()

    def read(self, size, address):
        return int(self._command(f'read{ {1: "b", 2: "w", 4: "l", 8: "q"}[size] } {address:#x}'), 16)

    def write(self, size, address, value):
        self._command(f'write{ {1: "b", 2: "w", 4: "l", 8: "q"}[size] } {address:#x} {value:#x}')

    def get_bytes(self, address, length):
        return base64.b64decode(self._command(f'b64read {address:#x} {length:#x}'))

    def put_bytes(self, address, data):
        if data:
            self._command(f'b64write {address:#x} {len(data):#x} {base64.b64encode(bytes(data)).decode()}')

    def fill(self, address, length, value=0):
        self._command(f'memset {address:#x} {length:#x} {value:#x}')

    def config_read(self, devfn, offset, size=4):
        self._command(f'outl 0xcf8 {0x80000000 | devfn << 8 | offset & 0xfc:#x}')
        value = int(self._command('inl 0xcfc'), 16)
        return value >> 8 * (offset & 3) & (1 << 8 * size) - 1

    def config_write(self, devfn, offset, value, size=4):
        self._command(f'outl 0xcf8 {0x80000000 | devfn << 8 | offset & 0xfc:#x}')
        self._command(f'out{ {1: "b", 2: "w", 4: "l"}[size] } {0xcfc + (offset & 3):#x} {value:#x}')

    # The end

    def quit(self):
        """Ends QEMU properly; it must not have crashed nor complained about memory."""
        try:
            if self.process.poll() is None:
                self.qmp_lines.send('{"execute":"quit"}')
                try:
                    self.process.wait(DEADLINE_S)
                except subprocess.TimeoutExpired:
                    raise Failure('QEMU does not end')
            if self.process.returncode:
                raise Failure(f'QEMU ended with status {self.process.returncode}: {self.messages()[-2000:]}')
            # An access of ours came back to us (checklist E6, E8, E9).
            if 're-entrant' in self.messages() and not self.reenters:
                raise Failure(f'QEMU said: {self.messages()[-2000:]}')
        finally:
            self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.qtest.close()
        self.qmp_lines.close()
        self.stderr.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.quit()
        else:
            if hasattr(value, 'args') and self.process.poll() is not None:
                value.args = (f'{value}; QEMU ended with {self.process.returncode}: {self.messages()[-1500:]}',)
            self.kill()


def run_qemu(*args, machine='q35', plugin=True, plugin_args='', env=None):
    """Runs a QEMU that is expected to end by itself: exit status and everything it said."""
    command = [Config.qemu, '-nodefaults', '-no-user-config', '-display', 'none', '-accel', 'tcg', '-m', '32', '-S', '-M',
               machine]
    if plugin and (Config.plugin or isinstance(plugin, str)):
        command += ['-plugin', (plugin if isinstance(plugin, str) else Config.plugin) + plugin_args]
    done = subprocess.run(command + list(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=DEADLINE_S, env=dict(os.environ, **(env or {})))
    return done.returncode, done.stdout.decode(errors='replace')
