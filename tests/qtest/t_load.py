# SPDX-License-Identifier: MIT
# The device as QEMU and its user see it: configuration space, properties, life cycle. (seed-checklist B, F2, G, J)
import itertools
import mmap
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile

from guest import CHILD_DOORBELL, FIFO_CONTROL, DISPLAY_PORTS, NOP, Display, Guest, Surface
from harness import check, contains, equal, test
from machine import DEADLINE_S, Config, Machine, Skip, run_qemu, wait_for

PROPERTIES_TXT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'vmm', 'qemu', 'properties.txt')
DEVICE = 'apple-gfx-pci,id=g'


@test
def pci_identity():
    """PCI ids, class 0380, revision 0, BAR of 16 KiB, 32 bits, not prefetchable"""
    with Machine(DEVICE) as m:
        g = Guest(m)
        equal(m.config_read(g.devfn, 8), 0x03800000, 'class and revision')
        equal(m.config_read(g.devfn, 0x10) & 0xf, 0, 'BAR 0 flags')
        m.config_write(g.devfn, 0x10, 0xffffffff)
        equal(m.config_read(g.devfn, 0x10), 0xffffc000, 'BAR 0 size')
        for bar in range(0x14, 0x28, 4):
            m.config_write(g.devfn, bar, 0xffffffff)
            equal(m.config_read(g.devfn, bar), 0, f'BAR at {bar:#x}')


@test
def msi_capability():
    """exactly one MSI vector, 64-bit address, no masking, no MSI-X"""
    with Machine(DEVICE) as m:
        g = Guest(m)
        cap = g.capability(5)
        check(cap, 'no MSI capability')
        equal(m.config_read(g.devfn, cap + 2, 2), 0x80, 'message control')
        equal(g.capability(0x11), 0, 'MSI-X capability')


@test
def pcie_capability():
    """Express capability on a PCIe bus, none behind a PCI bridge, both usable"""
    with Machine(DEVICE) as m:
        check(Guest(m).capability(0x10), 'no Express capability on pcie.0')
    with Machine('pcie-root-port,id=rp,chassis=1', 'apple-gfx-pci,id=g,bus=rp') as m:
        equal(m.get('displays'), 1, 'behind a root port')
    with Machine('pci-bridge,id=br,chassis_nr=1', 'apple-gfx-pci,id=g,bus=br,addr=1') as m:
        equal(m.get('displays'), 1, 'behind a PCI bridge')
    with Machine(DEVICE, machine='pc') as m:
        g = Guest(m)
        equal(g.capability(0x10), 0, 'Express capability on a conventional bus')
        g.enable()
        equal(g.reg(FIFO_CONTROL), 0, 'register on machine pc')


@test
def class_code():
    """property class-code"""
    with Machine('apple-gfx-pci,id=g,class-code=0x300') as m:
        equal(m.config_read(Guest(m).devfn, 8), 0x03000000, 'class')


@test
def register_window():
    """the window is mapped where the guest says, and reads 0 below 0x1000"""
    with Machine('apple-gfx-pci,id=g,displays=3') as m:
        g = Guest(m)
        g.enable()
        equal(g.reg(DISPLAY_PORTS), 3, 'number of display ports')
        for offset in (0, 4, 0x800, 0xffc, 0x1ffc, 0x3ffc):
            equal(g.reg(offset), 0, f'register {offset:#x}')


@test
def properties_documented():
    """properties.txt says what device-list-properties says"""
    with Machine(DEVICE) as m:
        inherited = {p['name'] for p in m.qmp('device-list-properties', typename='bochs-display')}
        have = {}
        for p in m.qmp('device-list-properties', typename='apple-gfx-pci'):
            if p['name'] not in inherited and not p['type'].startswith('child<'):
                default = p.get('default-value', '-')
                default = str(default).lower() if isinstance(default, bool) else str(default)
                have[p['name']] = (p['type'], default, p.get('description', ''))
    want = {}
    for line in open(PROPERTIES_TXT):
        if line.strip() and not line.startswith('#'):
            name, kind, default, text = line.rstrip('\n').split('|')
            if not Config.plugin and name.strip() in ('trace', 'trace-file'):
                continue  # QEMU's own -trace instead
            want[name.strip()] = (kind.strip(), default.strip(), text.strip())
    equal(sorted(have), sorted(want), 'names')
    for name in have:
        equal(have[name], want[name], name)


@test
def property_errors():
    """every bad property value names the value and ends QEMU with status 1"""
    for option, part in (
            ('modes=x', "'x' is not a mode"), ('modes=0x0@0', "'0x0@0' is not a mode"),
            ('modes=1920x1080', "'1920x1080' is not a mode"), ('modes=70000x1@1', "'70000x1@1' is not a mode"),
            ('modes=800x600@60:640x480@', "'640x480@' is not a mode"), ('modes=8193x1@60', "'8193x1@60' is not a mode"),
            ('modes=640x480@481', "'640x480@481' is not a mode"), ('modes=640x480@-60', "'640x480@-60' is not a mode"),
            ('modes=640x480@1e2', "'640x480@1e2' is not a mode"), ('modes=640x480@nan', "'640x480@nan' is not a mode"),
            ('modes= 640x480@60', "' 640x480@60' is not a mode"),
            ('displays=0', 'displays=0: 1 to 8'), ('displays=9', 'displays=9: 1 to 8'),
            ('width-mm=0', 'width-mm=0: 1 to 65535'), ('height-mm=65536', 'height-mm=65536: 1 to 65535'),
            ('tasks=magic', 'tasks=magic: possible are table, callbacks'),
            ('cursor=none', 'cursor=none: possible are auto, hw, sw'),
            ('guest-page-shift=13', 'guest-page-shift=13: 12 and 14'), ('guest-page-shift=11', 'guest-page-shift=11: 12 to 14'),
            ('gpu=no-such-gpu', "gpu 'no-such-gpu' is not available"),
            ('tasks=callbacks', 'memory-backend-memfd'),
            ('trace=nonsense*', "'nonsense*' matches no event" if Config.plugin else 'trace'),
            ('trace-file=/nowhere/file', "cannot write '/nowhere/file'" if Config.plugin else 'trace-file'),
            ('record=/nowhere/file', "cannot write '/nowhere/file'"),
            ('serial=4294967295,displays=2', 'display 1, serial number 0: '),
            ('no-such=1', 'no-such')):
        status, text = run_qemu('-device', f'apple-gfx-pci,{option}')
        contains(text, part, option)
        equal(status, 1, f'status with {option}')


@test
def modes_forms():
    """mode lists as string and as JSON list, with the rate's decimals, read back"""
    three = '1920x1080@60:800x600@75:640x480@59.94'
    with Machine(f'apple-gfx-pci,id=g,modes={three}') as m:
        equal(m.get('modes'), three, 'modes')
        equal(m.get('display-modes'), three.split(':'), 'display-modes')
    with Machine({'driver': 'apple-gfx-pci', 'id': 'g', 'display-modes': ['1024x768@60', '800x600@75']}) as m:
        equal(m.get('modes'), '1024x768@60:800x600@75', 'modes from JSON')
    for option in ('', ',modes='):
        with Machine(DEVICE + option) as m:
            equal(m.get('modes'), '1920x1080@60:1440x1080@60:1280x1024@60', 'default modes')


@test
def modes_limit():
    """128 modes are taken, 129 refused"""
    modes = [f'{640 + i}x480@60' for i in range(129)]
    with Machine(f'apple-gfx-pci,id=g,modes={":".join(modes[:128])}') as m:
        equal(m.get('modes').count(':'), 127, 'modes')
        contains(m.qmp_error('qom-set', path='/machine/peripheral/g', property='modes', value=':'.join(modes)),
                 'more than 128 modes', '129 modes')
    status, text = run_qemu('-device', f'apple-gfx-pci,modes={":".join(modes)}')
    equal(status, 1, 'status')
    contains(text, 'more than 128 modes', '129 modes')


@test
def run_time_properties():
    """what the guest was told at the start cannot be changed, counters cannot be set"""
    with Machine(DEVICE) as m:
        for name, value in (('displays', 2), ('serial', 7), ('name', 'x'), ('gpu', 'none'), ('resize', False)):
            contains(m.qmp_error('qom-set', path='/machine/peripheral/g', property=name, value=value),
                     'can only be given with -device', name)
        m.qmp_error('qom-set', path='/machine/peripheral/g', property='guest-presents', value=1)
        for name in ('guest-presents', 'host-presents', 'frames-dropped'):
            equal(m.get(name), 0, name)
        contains(m.get('version'), ' for QEMU ', 'version')
        check(isinstance(m.report()['refusals'], dict), 'report has no refusals')
        bad = m.qmp_error('qom-set', path='/machine/peripheral/g', property='modes', value='640x480@60:junk')
        contains(bad, "'junk' is not a mode", 'bad list at run time')
        equal(m.get('modes'), '1920x1080@60:1440x1080@60:1280x1024@60', 'list after the refusal')


@test
def migration():
    """migrate and savevm are refused with the reason; -only-migratable refuses the device"""
    with Machine(DEVICE, args=['-nodefaults']) as m:
        contains(m.qmp_error('migrate', uri='exec:cat >/dev/null'), 'g: migration and snapshots are not supported yet',
                 'migrate')
        contains(m.qmp('human-monitor-command', **{'command-line': 'savevm x'}), 'rror', 'savevm')
    status, text = run_qemu('-only-migratable', '-device', DEVICE)
    equal(status, 1, 'status with -only-migratable')
    contains(text, 'migration and snapshots are not supported yet', '-only-migratable')


@test
def no_hot_plug():
    """device_add and device_del are refused"""
    with Machine(DEVICE) as m:
        m.qmp_error('device_add', driver='apple-gfx-pci', id='h')
        m.qmp_error('device_del', id='g')


def behind_switch(m):
    """Numbers the buses of a root port, a switch's two ports and what is below; the root port's and the last devfn."""
    port = next(d for d in range(0, 256, 8) if m.config_read(d, 0) == 0x000c1b36)
    for devfn, primary, secondary, last in (port, 0, 1, 3), (1 << 8, 1, 2, 3), (2 << 8, 2, 3, 3):
        m.config_write(devfn, 0x18, primary | secondary << 8 | last << 16)
        m.config_write(devfn, 0x20, 0xfdf0fd00)  # the window of memory
        m.config_write(devfn, 4, 7, 2)
    return port, 3 << 8


@test
def unplugged_with_its_bus():
    """a switch is unplugged with the device in it, at work and being recorded: console, threads, blocker go; QEMU lives"""
    with Machine('pcie-root-port,id=rp,chassis=1', 'x3130-upstream,id=up,bus=rp',
                 'xio3130-downstream,id=down,bus=up,chassis=2,slot=1', 'apple-gfx-pci,id=g,bus=down,displays=2',
                 args=['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off']) as m:
        port, devfn = behind_switch(m)
        g = Guest(m, slot=0)
        g.devfn = devfn
        g.start()
        task = g.task()
        d = Display(g).online()
        s = Surface(task, 1, 64, 48)
        s.put(b'\x11\x22\x33\0' * (64 * 48))
        d.present(s)
        equal(m.screendump()[:2], (64, 48), 'picture before')
        m.set('record', m.path('record'))
        threads = len(os.listdir(f'/proc/{m.process.pid}/task'))
        at = m.config_read(port, 0x34, 1)
        while m.config_read(port, at, 1) != 0x10:
            at = m.config_read(port, at + 1, 1)
        m.qmp('device_del', id='up')
        for i in range(200):
            g.put_root(g.packet(NOP, b'', g.root_stamp + 1 + i))
        slot = m.config_read(port, at + 0x18, 2)
        m.config_write(port, at + 0x18, slot | 0x700, 2)  # power off: the slot is emptied

        def gone():
            m.qmp('query-status')
            return any(e['event'] == 'DEVICE_DELETED' and e['data'].get('device') == 'g' for e in m.events)
        wait_for(gone, 'end of the device')
        contains(m.qmp_error('screendump', filename=m.path('x.ppm'), device='g'), "'g' not found", 'console')
        wait_for(lambda: len(os.listdir(f'/proc/{m.process.pid}/task')) <= threads - 2, 'end of its threads')
        m.reset()
        m.qmp('screendump', filename=m.path('x.ppm'))
        # Not blocked: it gets as far as its file. (A migration that begins may crash QEMU 7.2, which is quitting.)
        contains(m.qmp_error('migrate', uri='fd:nosuch'), 'nosuch', 'its migration blocker is left')


@test
def recordings():
    """record: a file has one writer, beginning anew in one's own is whole; a FIFO that nobody reads is an error"""
    with Machine('apple-gfx-pci,id=g,addr=4', 'apple-gfx-pci,id=h,addr=5') as m:
        path = m.path('record')
        m.set('record', path)
        g = Guest(m, slot=4).start(msi=False)
        for _ in range(50):
            g.command(NOP)
        contains(m.qmp_error('qom-set', path='/machine/peripheral/h', property='record', value=path),
                 f"record: '{path}' is being written by another device", 'two writers')
        equal(m.get('record', 'h'), '', 'record of the other')
        m.set('record', path)
        g.command(NOP)
        m.set('record', '')
        with open(path, 'rb') as f:
            data = f.read()
        # Record after record up to the very end: nothing of the older recording is left (docs/record.md).
        at = 8
        while at < len(data):
            at += 16 + struct.unpack_from('<I', data, at + 4)[0]
        equal((data[:4], at), (b'PVGR', len(data)), 'magic, end of the last record')
        m.set('record', path, 'h')
        os.mkfifo(m.path('fifo'))
        contains(m.qmp_error('qom-set', path='/machine/peripheral/g', property='record', value=m.path('fifo')),
                 "record: cannot write", 'FIFO')


@test
def message_to_itself():
    """an MSI message that the guest sends to the device's own window goes nowhere"""
    with Machine(DEVICE) as m:
        m.reenters = True  # QEMU 7.2.22 and 10.0 block it with a warning
        g = Guest(m).start()
        cap = g.capability(5)
        g.command(NOP)
        m.config_write(g.devfn, cap + 4, g.bar + CHILD_DOORBELL)
        m.config_write(g.devfn, cap + 12, 0, 2)
        g.command(NOP)
        m.qmp('query-status')  # the main loop has been round
        m.config_write(g.devfn, cap + 4, g.msi_page)
        m.config_write(g.devfn, cap + 12, 0x5a, 2)
        m.write(4, g.msi_page, 0)
        g.command(NOP)
        wait_for(g.interrupted, 'a message to memory')
        equal(m.refusals(), {}, 'refused: what its own message rang')


@test
def under_asan():
    """with AddressSanitizer's allocator, which tells other sizes than glibc's, structures are known to fit"""
    cc = Config.plugin and shutil.which('cc')
    asan = cc and subprocess.run([cc, '-print-file-name=libasan.so'], stdout=subprocess.PIPE, text=True).stdout.strip()
    if not asan or not os.path.isabs(asan):
        raise Skip('needs the plugin, and a libasan.so')
    env = {'LD_PRELOAD': asan, 'ASAN_OPTIONS': 'detect_leaks=0'}
    status, text = run_qemu('-device', 'apple-gfx-pci,displays=0', env=env)
    equal((status, text.splitlines()[-1].rpartition('apple-gfx-pci,displays=0: ')[2]),
          (1, 'displays=0: 1 to 8 are possible'), 'realize')


@test
def failed_realize():
    """a device that cannot be realized leaves nothing behind (8 displays, serial in use)"""
    status, text = run_qemu('-device', 'apple-gfx-pci,serial=5', '-device', 'apple-gfx-pci,displays=8,serial=1')
    equal(status, 1, 'status')
    contains(text, 'serial number 5 is in use', 'message')


class Faults:
    """fault.so in a QEMU: makes the n-th call of the plugin for memory, a thread or a file fail, and counts QEMU's heap blocks."""

    def __init__(self):
        library = os.environ.get('PVG_QTEST_FAULT')
        if not Config.plugin or not library:
            raise Skip('needs the plugin, and fault.so as meson builds it')
        self.file = tempfile.NamedTemporaryFile()
        self.file.truncate(mmap.PAGESIZE)
        self.words = memoryview(mmap.mmap(self.file.fileno(), mmap.PAGESIZE)).cast('q')
        self.env = {'LD_PRELOAD': library, 'PVG_FAULT_FILE': self.file.name}

    def fail(self, n):
        self.words[0] = n

    def failed(self):
        """Did that call come? From now on none fails."""
        left, self.words[0] = self.words[0], 0
        return left == 0

    def blocks(self):
        return self.words[1]


# What a failing system leaves of realize, numbers and names of files apart.
FAULT_ERRORS = {
    *(f'{step}: {reason}' for step in ('cannot create the device', 'display N, serial number N')
      for reason in ('out of memory', 'the operating system refused')),
    *(f'record: cannot write FILE: {reason}' for reason in ('Too many open files', 'Bad file descriptor', 'Input/output error')),
    'record: FILE: the operating system refused'}
FAULT_REPEAT = 12


def fault_kind(error):
    return re.sub(r"'.*'", 'FILE', re.sub(r'\b\d+\b', 'N', error))


def device_state(m):
    """Everything of a device that another could trip over: threads first."""
    def each(folder, look):
        for entry in os.scandir(f'/proc/{m.process.pid}/{folder}'):
            try:
                yield look(entry.path)
            except OSError:
                pass  # it ended meanwhile

    return ([name for name in each('task', lambda path: open(f'{path}/comm').read()) if name.startswith('pvg')],
            sorted(each('fd', os.readlink)),
            m.qmp('human-monitor-command', **{'command-line': 'info mtree'}), m.qmp('query-migrate'),
            *(m.qmp('qom-list', path=path) for path in ('/machine/apple-gfx-mmio[0]', '/machine/unattached', '/backend')))


@test
def failing_steps():
    """each step of realize that can fail does so in turn: a plain error, nothing is left, and the next try works"""
    faults = Faults()
    for tasks in 'table', 'callbacks':
        # The memory-mapped device, whose realized property can be set: QEMU's PCI core cannot do that twice.
        with Machine(args=['-device', f'apple-gfx-mmio-platform,id=g,displays=2,tasks={tasks},record=@DIR@/record'],
                     shared_ram=tasks == 'callbacks', env=faults.env) as m:
            def realize(on=True):
                reply = m.qmp_raw('qom-set', path='/machine/apple-gfx-mmio[0]', property='realized', value=on)
                return reply['error']['desc'] if 'error' in reply else None

            for on in False, True, False:
                equal(realize(on), None, f'realized={on}')
            wait_for(lambda: not device_state(m)[0], 'end of its threads')
            before, kinds, left_out = device_state(m), set(), 0
            for n in itertools.count(1):
                blocks = faults.blocks()
                for _ in range(FAULT_REPEAT):
                    faults.fail(n)
                    error = realize()
                    reached = faults.failed()
                    if error:
                        kinds.add(fault_kind(error))
                    elif reached:
                        left_out += 1
                        equal(realize(False), None, f'call {n}, realized=off')
                    else:
                        break
                if not reached:
                    break
                # A console that is used again costs a timer: QEMU's.
                at = re.match(r'cannot create the device|display (\d+)', error or '')
                consoles = 2 if not at else int(at.group(1)) + 1 if at.group(1) else 0
                wait_for(lambda: faults.blocks() - blocks < FAULT_REPEAT * (consoles + 1), f'the heap, call {n}: {error}')
                wait_for(lambda: device_state(m) == before, f'the state before call {n}: {error}')
            equal(error, None, 'without a fault')
            equal(kinds, FAULT_ERRORS | {'cannot create the surface mapper: out of memory',
                                         'cannot create the surface mapper: the operating system refused'}, 'errors')
            equal(m.messages().count('cannot be used: out of memory'), left_out, 'pieces of RAM that were left out')
            equal(m.screendump()[:2], (1920, 1080), 'picture')


@test
def failing_steps_at_start():
    """the same of the PCI device at the start: QEMU says it and ends with status 1"""
    faults, kinds = Faults(), set()
    with tempfile.TemporaryDirectory() as folder:
        for n in itertools.count(1):
            faults.fail(n)
            # The second device ends a QEMU whose first one lives without what failed.
            status, text = run_qemu('-device', f'apple-gfx-pci,displays=2,record={folder}/record', '-device',
                                    'apple-gfx-pci,displays=0', env=faults.env)
            equal(status, 1, f'status with call {n}: {text}')
            lines = text.splitlines()
            said = re.fullmatch(r'\S+: -device apple-gfx-pci,displays=(\d),?\S*: (.*)', lines[-1])
            check(said, f'call {n}: {text}')
            if not faults.failed():
                break
            if said.group(1) == '2':
                kinds.add(fault_kind(said.group(2)))
    contains(text, 'displays=0: 1 to 8 are possible', 'without a fault')
    equal(kinds, FAULT_ERRORS, 'errors')
    status, text = run_qemu('-cpu', 'qemu64,-apic', '-device', 'apple-gfx-pci')
    equal((status, text.splitlines()[-1].rpartition(': ')[2]), (1, 'MSI is not supported by interrupt controller'), 'no MSI')


@test
def stop_and_continue():
    """stop, cont, system_reset in all orders, then quit"""
    with Machine(DEVICE) as m:
        for command in ('stop', 'system_reset', 'cont', 'stop', 'cont', 'system_reset', 'stop', 'stop', 'cont'):
            m.qmp(command)
        g = Guest(m)
        g.enable()
        equal(g.reg(FIFO_CONTROL), 0, 'register afterwards')


@test
def two_devices():
    """two devices with two displays each have windows, consoles and serial numbers of their own"""
    with Machine('apple-gfx-pci,id=g,addr=4,displays=2', 'apple-gfx-pci,id=h,addr=5,displays=2,modes=800x600@60') as m:
        a, b = Guest(m, slot=4), Guest(m, slot=5, bar=0xfd100000)
        a.enable()
        b.enable()
        for g in (a, b):
            equal(g.reg(DISPLAY_PORTS), 2, 'ports')
        equal(m.screendump('g', 1)[:2], (1920, 1080), 'console of g')
        equal(m.screendump('h', 0)[:2], (800, 600), 'console of h')


@test
def sandbox():
    """works under -sandbox with everything denied"""
    if 'no option group' in run_qemu('-sandbox', 'on', '-version')[1]:
        raise Skip('this QEMU has no -sandbox')
    sandbox = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'
    with Machine(DEVICE, args=['-sandbox', sandbox]) as m:
        Guest(m).start().command(0x1e)
        equal(m.screendump()[:2], (1920, 1080), 'screendump')


@test
def daemonize():
    """works with -daemonize: the library's threads live in the child"""
    with Machine(DEVICE) as helper:  # its folder and BIOS
        pid = helper.path('pid')
        status, text = run_qemu('-daemonize', '-pidfile', pid, '-device', DEVICE, '-bios', helper.path('bios.bin'))
        try:
            # A build with AddressSanitizer has this to say of QEMU's coroutines.
            text = re.sub(r"==\d+==WARNING: ASan doesn't fully support makecontext.*\n", '', text)
            equal((status, text), (0, ''), 'start')
            number = int(open(pid).read())
            threads = set()
            for task in os.listdir(f'/proc/{number}/task'):
                threads.add(open(f'/proc/{number}/task/{task}/comm').read().strip())
        finally:
            if os.path.exists(pid):
                os.kill(int(open(pid).read()), signal.SIGTERM)
        wait_for(lambda: not os.path.exists(pid), f'end of the daemon within {DEADLINE_S} s')
        check(any(t.startswith('pvg') for t in threads), f'no thread of the library among {sorted(threads)}')


@test
def option_rom():
    """romfile= switches the expansion ROM off"""
    with Machine('apple-gfx-pci,id=g,romfile=') as m:
        g = Guest(m)
        m.config_write(g.devfn, 0x30, 0xfffffffe)
        equal(m.config_read(g.devfn, 0x30), 0, 'ROM BAR')


@test
def idle_memory():
    """an idle device shows a defined black picture of the first mode before the guest runs"""
    with Machine('apple-gfx-pci,id=g,modes=640x480@60:800x600@60') as m:
        width, height, pixels = m.screendump()
        equal((width, height), (640, 480), 'size')
        equal(pixels, bytes(640 * 480 * 3), 'picture')
