# SPDX-License-Identifier: MIT
# The plugin's guards: what does not fit this QEMU is refused in plain words. (host-api 5.5)
import os
import re
import shlex
import shutil
import subprocess
import tempfile

from harness import contains, equal, test
from machine import Config, Failure, Skip, run_qemu


def need_plugin():
    if not Config.plugin:
        raise Skip('the device is built in')


class Variant:
    """The plugin, compiled once more with changed headers. The build folder is found from the plugin's path."""

    def __init__(self):
        need_plugin()
        self.build = os.path.dirname(Config.plugin)
        while len(self.build) > 1 and not os.path.exists(os.path.join(self.build, 'compile_commands.json')):
            self.build = os.path.dirname(self.build)
        if len(self.build) == 1 or not shutil.which('ninja'):
            raise Skip('the plugin does not lie in a build folder with compile_commands.json, or ninja is missing')
        target = os.path.relpath(Config.plugin, self.build)
        commands = subprocess.run(['ninja', '-C', self.build, '-t', 'commands', target], check=True,
                                  stdout=subprocess.PIPE).stdout.decode().splitlines()
        commands = [c for c in commands if not c.startswith('ninja:')]
        # The guards are in one file; the others stay as they are.
        self.compiles = [shlex.split(c) for c in commands if ' -c ' in c and c.endswith('/plugin.c')]
        self.link = shlex.split(commands[-1])
        self.dir = tempfile.mkdtemp(prefix='pvg-guards-')

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        shutil.rmtree(self.dir)

    def tool(self, command):
        done = subprocess.run(command, cwd=self.build, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise Failure(f'{command[0]} failed: {done.stdout.decode()[-1500:]}')

    def make(self, name, header, change):
        """Builds the plugin with one header (a path below an include folder) changed by a function; returns its path."""
        include = os.path.join(self.dir, name)
        for folder in [a[len('-isystem'):] for a in self.compiles[0] if a.startswith('-isystem')]:
            path = os.path.join(folder, header)
            if os.path.exists(path):
                break
        os.makedirs(os.path.dirname(os.path.join(include, header)))
        text = open(path).read()
        changed = change(text)
        if changed == text:
            raise Skip(f'{header} of this QEMU is not as the test expects')
        with open(os.path.join(include, header), 'w') as f:
            f.write(changed)
        link = list(self.link)
        for command in self.compiles:
            command = [c for c in command]
            first = next(i for i, a in enumerate(command) if a.startswith('-isystem'))
            command[first:first] = ['-Wno-error', '-Wno-incompatible-pointer-types', '-isystem' + include]
            out = command[command.index('-o') + 1]
            new = os.path.join(self.dir, name, os.path.basename(out))
            for option in ('-o', '-MQ'):
                command[command.index(option) + 1] = new
            command[command.index('-MF') + 1] = new + '.d'
            self.tool(command)
            link = [new if a == out else a for a in link]
        plugin = os.path.join(self.dir, name + '.so')
        link[link.index('-o') + 1] = plugin
        self.tool(link)
        return plugin


def define(name, change):
    return lambda text: re.sub(rf'(#define {name}) (\S+)', lambda m: f'{m[1]} {change(m[2])}', text)


@test
def other_version():
    """built for another minor version: refused with both versions; the expert's override passes the size checks"""
    with Variant() as v:
        plugin = v.make('minor', 'config-host.h', define('QEMU_VERSION_MINOR', lambda n: int(n) + 7))
        status, text = run_qemu(plugin=plugin)
        equal(status, 1, 'status')
        contains(text, 'built for QEMU', 'message')
        contains(text, 'build it again with ./pvg build', 'message')
        status, text = run_qemu('-device', 'apple-gfx-pci', '-device', 'no-such-device', plugin=plugin,
                                env={'APPLE_GFX_ANY_QEMU': '1'})
        contains(text, 'all structures fit', 'override')
        contains(text, 'no-such-device', 'override gets past the first device')


@test
def other_micro():
    """built for another micro version: accepted with one note when all sizes fit"""
    with Variant() as v:
        plugin = v.make('micro', 'config-host.h', define('QEMU_VERSION_MICRO', lambda n: int(n) + 1))
        status, text = run_qemu('-device', 'apple-gfx-pci', '-device', 'no-such-device', plugin=plugin)
        equal(text.count('differs in its last number, all structures fit'), 1, 'notes')
        contains(text, 'no-such-device', 'the device before it was realized')


@test
def other_sizes():
    """structures of another size: refused, also for the expert"""
    grown = lambda text: re.sub(r'(struct PCIDevice \{)', r'\1 char grown[64];', text)  # noqa: E731
    with Variant() as v:
        header = 'hw/pci/pci_device.h' if any(
            os.path.exists(os.path.join(a[8:], 'hw/pci/pci_device.h')) for a in v.compiles[0] if a.startswith('-isystem')
        ) else 'hw/pci/pci.h'
        plugin = v.make('grown', header, grown)
        for env in ({}, {'APPLE_GFX_ANY_QEMU': '1'}):
            status, text = run_qemu(plugin=plugin, env=env)
            equal(status, 1, 'status')
            contains(text, 'has another size in this QEMU', 'message')


@test
def other_generation():
    """a plugin of another generation is refused before any of it runs"""
    if not Config.other_plugin:
        raise Skip('no --other-plugin given')
    status, text = run_qemu(plugin=Config.other_plugin)
    equal(status, 1, 'status')
    contains(text, 'API version', 'message')


@test
def duplicate():
    """a QEMU that has the device already refuses the plugin"""
    need_plugin()
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(Config.plugin, os.path.join(folder, 'copy.so'))  # QEMU itself leaves out the same file twice
        status, text = run_qemu('-plugin', copy)
    equal(status, 1, 'status')
    contains(text, 'already has a device apple-gfx-pci', 'message')


@test
def plugin_arguments():
    """plugin arguments: trace= and trace-file= are known, others are refused by name"""
    need_plugin()
    status, text = run_qemu(plugin_args=',colour=red')
    equal(status, 1, 'status')
    contains(text, "unknown argument 'colour=red'", 'message')
    status, text = run_qemu(plugin_args=',trace=nothing')
    contains(text, "'nothing' matches no event", 'message')


@test
def exported_symbols():
    """only the two symbols of a plugin leave the object"""
    need_plugin()
    if not shutil.which('nm'):
        raise Skip('nm is missing')
    names = subprocess.run(['nm', '-D', '--defined-only', Config.plugin], check=True, stdout=subprocess.PIPE).stdout
    equal(sorted(line.split()[-1] for line in names.decode().splitlines()), ['qemu_plugin_install', 'qemu_plugin_version'],
          'exported symbols')


@test
def no_protocol_knowledge():
    """the device's sources name no register, opcode or Vulkan call (rows A1, D12)"""
    sources = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'vmm', 'qemu')
    for name in sorted(os.listdir(sources)):
        if name.endswith(('.c', '.h')):
            text = open(os.path.join(sources, name)).read()
            found = re.search(r'\b0x10[0-3][0-9a-f]\b|\b0x12[0-3][0-9a-f]\b|\bvk[A-Z]|\bCMD_|wire/|FIFO_[A-Z]', text)
            equal(found and found[0], None, f'{name}: knowledge of the protocol')
