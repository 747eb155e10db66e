# SPDX-License-Identifier: MIT
# The memory-mapped variant on arm64's machines: virt with the front device, in company of others that the machine places by
# itself, and vmapple, which has the device built in. (host-api 6.1 and 6.3, seed-checklist A2, A12, J18)
import os
import re
import shutil
import struct
import subprocess
import tempfile

from guest import VERSION, Display
from harness import contains, equal, test
from machine import Config, Machine, Skip, wait_for
from t_mmio import DEVICE, MAP, UNMAP, MmioGuest, Mapped, Wires, present, shows
from tpm import FakeTpm

GFX, MAPPER, GFX_LINE, MAPPER_LINE = 0xdfe0000, 0xdff0000, 176, 177
ARM_LOOP = b'\x7f\x20\x03\xd5\xff\xff\xff\x17'  # wfi; jump to it


def arm_qemu():
    """The arm64 binary of the QEMU under test; the plugin is one for all of its targets (A4)."""
    name = Config.qemu.replace('x86_64', 'aarch64')
    if name == Config.qemu or not shutil.which(name):
        raise Skip(f'no qemu-system-aarch64 beside {Config.qemu}')
    if not Config.plugin and 'apple-gfx-pci' not in run_arm(name, '-device', 'help'):
        raise Skip('the device is not built into qemu-system-aarch64')
    versions = {subprocess.run([n, '--version'], stdout=subprocess.PIPE).stdout.split()[3] for n in (name, Config.qemu)}
    if len(versions) != 1:
        raise Skip(f'qemu-system-aarch64 is of another version: {versions}')
    return name


def run_arm(name, *args, machine='virt'):
    plugin = ['-plugin', Config.plugin] if Config.plugin else []
    done = subprocess.run([name, '-nodefaults', '-no-user-config', '-display', 'none', '-S', '-M', machine, *plugin, *args],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    return done.stdout.decode(errors='replace')


def node_of(tree, wanted):
    """Properties of the nodes of a flattened device tree whose path is @wanted or begins with it and @."""
    magic, _, struct_at, strings = struct.unpack_from('>IIII', tree)
    equal(magic, 0xd00dfeed, 'magic of the device tree')
    at, path, found = struct_at, [], {}
    while True:
        token, = struct.unpack_from('>I', tree, at)
        at += 4
        if token == 1:
            end = tree.index(b'\0', at)
            path.append(tree[at:end].decode())
            at = end + 4 & ~3
        elif token == 2:
            path.pop()
        elif token == 3:
            length, name = struct.unpack_from('>II', tree, at)
            name = tree[strings + name:tree.index(b'\0', strings + name)].decode()
            if '/'.join(path).split('@')[0] == wanted:
                found.setdefault('/'.join(path), {})[name] = tree[at + 8:at + 8 + length]
            at = at + 8 + length + 3 & ~3
        elif token == 9:
            return found


def unattached(m, *kinds):
    """The device of one of these types that the machine made for itself."""
    return next('/machine/unattached/' + p['name'] for p in m.qmp('qom-list', path='/machine/unattached')
                if p['type'] in {f'child<{kind}>' for kind in kinds})


@test
def arm_virt():
    """qemu-system-aarch64 -M virt, GIC 2 and 3: windows, device tree, lines, picture, reset (A12, J18)"""
    name = arm_qemu()
    for version in (2, 3):
        with Machine(DEVICE + ',modes=640x480@60', qemu=name, machine=f'virt,gic-version={version}', bios=ARM_LOOP * 8192,
                     args=['-cpu', 'cortex-a57']) as m:
            tree = m.qmp('human-monitor-command', **{'command-line': 'info mtree'})
            contains(tree, '000000000dfe0000-000000000dfe3fff (prio 0, i/o): apple-gfx-mmio', 'gfx window')
            contains(tree, '000000000dff0000-000000000dffffff (prio 0, i/o): apple-iosfc-mmio', 'mapper window')
            nodes = node_of(m.get_bytes(0x40000000, 1 << 20), '/apple-gfx')
            equal(list(nodes), ['/apple-gfx@dfe0000'], 'nodes')
            node = nodes['/apple-gfx@dfe0000']
            equal(node['compatible'], b'openpvg,apple-gfx-mmio\0', 'compatible')
            equal(struct.unpack('>4Q', node['reg']), (GFX, 0x4000, MAPPER, 0x10000), 'reg')
            equal(struct.unpack('>6I', node['interrupts']), (0, GFX_LINE, 1, 0, MAPPER_LINE, 1), 'interrupts')
            equal(node.get('dma-coherent'), b'', 'dma-coherent')
            m.ram = 0x41000000
            w = Wires(m, unattached(m, 'arm-gicv3', 'arm_gic'))
            g = MmioGuest(m, GFX, MAPPER, ram_start=0x42000000).start(msi=False).start_mapper()
            d, s = Display(g), Mapped(g, 1, 64, 48)
            picture = s.draw(version)
            equal(g.request(MAP, 1), 0, 'map')
            w.wait('lower', MAPPER_LINE, 1)
            present(d, 1)
            shows(m, picture, 'the surface')
            w.wait('lower', GFX_LINE, 1)
            equal({line.split()[2] for line in m.irqs} & {'176', '177'}, {'176', '177'}, 'lines')
            m.reset()
            equal((g.live(), g.reg(VERSION)), (0, 0), 'after a reset')


@test
def arm_places():
    """virt: level interrupts in the device tree with hold-irq=on; other places; what is taken or beyond the GIC is refused"""
    name = arm_qemu()
    with Machine(DEVICE + ',hold-irq=on,gfx-base=0xc100000,iosfc-base=0xc200000,gfx-irq=130,iosfc-irq=255',
                 'apple-gfx-mmio-platform', qemu=name, machine='virt', bios=ARM_LOOP * 8192, args=['-cpu', 'cortex-a57']) as m:
        nodes = node_of(m.get_bytes(0x40000000, 1 << 20), '/apple-gfx')
        equal(sorted(nodes), ['/apple-gfx@c100000', '/apple-gfx@dfc0000'], 'nodes')
        node = nodes['/apple-gfx@c100000']
        equal(struct.unpack('>4Q', node['reg']), (0xc100000, 0x4000, 0xc200000, 0x10000), 'reg')
        equal(struct.unpack('>6I', node['interrupts']), (0, 130, 4, 0, 255, 4), 'interrupts')
    own = 'apple-gfx-mmio-platform'
    for options, part in (('gfx-irq=1', "gfx-irq=1: 'pl011' of the machine has that line"),
                          ('iosfc-irq=3', "iosfc-irq=3: 'gpex-pcihost' of the machine has that line"), ('gfx-irq=256', 'the interrupt controller has 256 lines'), ('iosfc-irq=300', '256 lines'),
                          ('gfx-irq=987', '256 lines'), ('gfx-base=0x30200000', 'of the machine lies there'),
                          ('gfx-base=0x09000000', "'pl011' of the machine lies there"),
                          ('iosfc-base=0x40000000', 'of the machine lies there')):
        contains(run_arm(name, '-device', f'{own},{options}'), part, options)
    contains(run_arm(name, '-device', 'apple-gfx-mmio'), 'apple-gfx-mmio', 'apple-gfx-mmio itself')
    text = run_arm(name, '-device', own, machine='cubieboard')
    if 'unsupported machine type' not in text:  # a small build of QEMU
        contains(text, f'-device {own}: this machine has no interrupt controller that apple-gfx-mmio knows', 'cubieboard')


@test
def several():
    """virt: the front device places as many as are asked for; windows, lines and nodes are different, all of them work"""
    name = arm_qemu()
    ids = ('g', 'h', 'i')
    with Machine(*(f'apple-gfx-mmio-platform,id={i},modes={640 + 32 * n}x480@60' for n, i in enumerate(ids)), qemu=name,
                 machine='virt,gic-version=3', bios=ARM_LOOP * 8192, args=['-cpu', 'cortex-a57']) as m:
        m.ram = 0x41000000
        equal([m.screendump(i)[0] for i in ids], [640, 672, 704], 'consoles')
        equal([(m.get('gfx-base', i), m.get('iosfc-irq', i)) for i in ids],
              [(GFX - n * 0x20000, MAPPER_LINE + 2 * n) for n in range(3)], 'places')
        nodes = node_of(m.get_bytes(0x40000000, 1 << 20), '/apple-gfx')
        equal(sorted(nodes), [f'/apple-gfx@{GFX - n * 0x20000:x}' for n in (2, 1, 0)], 'nodes')
        w = Wires(m, unattached(m, 'arm-gicv3'))
        for n, i in enumerate(ids):
            g = MmioGuest(m, m.get('gfx-base', i), m.get('iosfc-base', i), ram_start=0x42000000 + n * 0x200000)
            g.start(msi=False).start_mapper()
            before = w.count('raise', m.get('iosfc-irq', i))
            Mapped(g, 1, 64, 48)
            equal(g.request(MAP, 1), 0, 'map')
            w.wait('raise', m.get('iosfc-irq', i), before + 1)
        equal([m.report(i)['mapper']['mappings'] for i in ids], [1, 1, 1], 'mappings')


def windows_of(m):
    """What lies in the platform bus's window: first and last address by name, from the flat view."""
    tree = m.qmp('human-monitor-command', **{'command-line': 'info mtree -f'})
    found = {}
    for first, last, name in re.findall(r'([0-9a-f]{16})-([0-9a-f]{16}) \(prio 0, i/o\): ([\w-]+)', tree):
        if 0xc000000 <= int(first, 16) < 0xe000000 and name != 'platform':
            found[name] = (int(first, 16), int(last, 16))
    return found


@test
def beside_a_tpm():
    """virt: a TPM that the machine puts on its platform bus, made before or after the device, at any place of that: both whole"""
    name = arm_qemu()
    if 'tpm-tis-device' not in run_arm(name, '-device', 'help') or 'emulator' not in run_arm(name, '-tpmdev', 'help'):
        raise Skip('this QEMU has no tpm-tis-device or no emulator back end')
    for options, tpm_first in (('', True), ('', False), (',gfx-base=0xc000000,iosfc-base=0xc010000', False),
                               (',gfx-base=0xc100000,iosfc-base=0xc008000', True)):
        devices = [DEVICE + options, 'tpm-tis-device,tpmdev=t']
        with tempfile.TemporaryDirectory(prefix='pvg-tpm-') as folder:
            tpm = FakeTpm(folder)
            args = ['-cpu', 'cortex-a57', '-chardev', f'socket,id=c,path={tpm.path}', '-tpmdev', 'emulator,id=t,chardev=c']
            try:
                with Machine(*(reversed(devices) if tpm_first else devices), qemu=name, machine='virt,gic-version=3',
                             bios=ARM_LOOP * 8192, args=args) as m:
                    m.ram = 0x41000000
                    found = windows_of(m)
                    equal({k: last - first + 1 for k, (first, last) in found.items()},
                          {'apple-gfx-mmio': 0x4000, 'apple-iosfc-mmio': 0x10000, 'tpm-tis-mmio': 0x5000}, f'sizes, {options}')
                    equal((found['apple-gfx-mmio'][0], found['apple-iosfc-mmio'][0]), (m.get('gfx-base'), m.get('iosfc-base')),
                          'addresses')
                    equal(m.read(4, found['tpm-tis-mmio'][0] + 0xf00) & 0xffff, 0x1014, 'vendor id of the TPM')
                    g = MmioGuest(m, m.get('gfx-base'), m.get('iosfc-base'), ram_start=0x42000000).start(msi=False).start_mapper()
                    Mapped(g, 1, 64, 48)
                    equal((g.request(MAP, 1), g.request(UNMAP, 1), m.refusals()), (0, 0, {}), 'requests')
            finally:
                tpm.close()
    for options, part in (('gfx-base=0xc000000', "gfx-base=0xc000000: 'tpm-tis-mmio' of the machine lies there"),
                          ('gfx-irq=112', "gfx-irq=112: 'tpm-tis-device' of the machine has that line")):
        with tempfile.TemporaryDirectory(prefix='pvg-tpm-') as folder:
            tpm = FakeTpm(folder)
            text = run_arm(name, '-chardev', f'socket,id=c,path={tpm.path}', '-tpmdev', 'emulator,id=t,chardev=c', '-device',
                           'tpm-tis-device,tpmdev=t', '-device', f'apple-gfx-mmio-platform,{options}')
            tpm.close()
            contains(text, part, options)


# Machine vmapple, in QEMU's tree (vmm/qemu/intree): what it does without Apple's firmware

V_GFX, V_MAPPER, V_GFX_LINE, V_MAPPER_LINE = 0x30200000, 0x30210000, 0x11, 0x10  # transport 1.2


class VmApple(Machine):
    ram = 0x70000000

    def __init__(self, name, *args):
        disks = [a for _ in range(2) for a in ('-drive', 'if=pflash,driver=null-co,size=1M,read-zeroes=on')]
        super().__init__(qemu=name, machine='vmapple', bios=ARM_LOOP, ram_mib=128, args=[*disks, *args])
        self.path_of_device = unattached(self, 'apple-gfx-mmio')

    def get(self, name, device='g'):
        return self.qmp('qom-get', path=self.path_of_device, property=name)


def vmapple_qemu():
    name = arm_qemu()
    if 'vmapple' not in run_arm(name, machine='help'):
        raise Skip('this QEMU has no machine vmapple')
    return name


@test
def vmapple():
    """vmapple on this host: our device at its addresses and lines; transport, mapper, picture, reset (A2, J18)"""
    with VmApple(vmapple_qemu(), '-global', 'apple-gfx-mmio.modes=640x480@60') as m:
        tree = m.qmp('human-monitor-command', **{'command-line': 'info mtree'})
        contains(tree, f'{V_GFX:016x}-{V_GFX + 0x3fff:016x} (prio 0, i/o): apple-gfx-mmio', 'gfx window')
        contains(tree, f'{V_MAPPER:016x}-{V_MAPPER + 0xffff:016x} (prio 0, i/o): apple-iosfc-mmio', 'mapper window')
        contains(m.get('version'), ' for QEMU 10.', 'version of a device of ours')
        equal((m.get('guest-page-shift'), m.get('modes')), (14, '640x480@60'), 'properties')
        w = Wires(m, unattached(m, 'arm-gicv3'))
        for turn in range(2):
            g = MmioGuest(m, V_GFX, V_MAPPER, ram_start=0x71000000 + turn * 0x1000000).start(msi=False).start_mapper()
            d, s = Display(g), Mapped(g, 1, 64, 48)
            picture = s.draw(turn)
            before = w.count('lower', V_MAPPER_LINE), w.count('lower', V_GFX_LINE)
            equal(g.request(MAP, 1), 0, 'map')
            w.wait('lower', V_MAPPER_LINE, before[0] + 1)
            present(d, 1)
            wait_for(lambda: m.screendump(None) == picture, 'picture of the surface')
            w.wait('lower', V_GFX_LINE, before[1] + 1)
            equal((g.live(), m.refusals()), (1, {}), 'mappings')
            m.reset()
            equal((g.live(), g.reg(VERSION), g.mreg(0x1000)), (0, 0, 0), 'after a reset')
