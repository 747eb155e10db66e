# SPDX-License-Identifier: MIT
# The seed's trace points, one by one: enabled alone, one action, exactly one record with the right values. (checklist H)
import os
import re
import struct

from guest import CURSOR_SHOW, NOP, PAGE, VERSION, Display, Guest, Surface, Task, u32
from harness import check, contains, equal, test
from machine import Config, Machine, Skip, wait_for

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')


class Traced(Machine):
    def __init__(self, options='', **kwargs):
        super().__init__('apple-gfx-pci,id=g' + options, args=() if Config.plugin else ('-D', '@DIR@/trace'), **kwargs)
        if Config.plugin:
            self.set('trace-file', self.path('trace'))
        else:
            open(self.path('trace'), 'a').close()
        self.seen = 0

    def enable(self, event):
        """In a plugin by its own property, in QEMU's tree by QEMU's own switch."""
        if Config.plugin:
            self.set('trace', event)
        else:
            self.qmp('trace-event-set-state', name='apple_gfx_*', enable=False)
            self.qmp('trace-event-set-state', name=event, enable=True)

    def only(self, event, action):
        """Enables one event, runs the action, returns the fields of its records."""
        self.enable(event)
        action()
        return self.records(event)

    def records(self, event, only=True):
        lines = open(self.path('trace')).read().splitlines()[self.seen:]
        self.seen += len(lines)
        if not only:
            lines = [line for line in lines if re.search(rf'\b{event} ', line)]
        for line in lines:
            check(re.fullmatch(rf'(\d+@\d+\.\d{{6}}:)?{event} .*', line), f'record {line!r}')
        return [dict(part.split('=', 1) for part in line.split(' ')[1:]) for line in lines]

    def one(self, event, action, **want):
        found = self.only(event, action)
        equal(len(found), 1, f'records of {event}')
        for name, value in want.items():
            equal(found[0].get(name), str(value), f'{event}: {name}')
        return found[0]

    def eventually(self, event, action, count=1):
        """As only(), for events of the library's own threads: one of the event enabled before may still be on its way."""
        self.enable(event)
        action()
        have = []
        wait_for(lambda: have.extend(self.records(event, only=False)) or len(have) >= count, f'record of {event}')
        return have


@test
def registers():
    """H1, H2: apple_gfx_read, apple_gfx_write"""
    with Traced() as m:
        g = Guest(m)
        g.enable()
        g.set_reg(VERSION, 6)
        m.one('apple_gfx_read', lambda: g.reg(VERSION), offset='0x1034', res='0x6', size=4)
        m.one('apple_gfx_write', lambda: g.set_reg(VERSION, 4), offset='0x1034', val='0x4', size=4)
        m.one('apple_gfx_write', lambda: g.set_reg(0x1210, 0x123456789000, 8), offset='0x1210', val='0x123456789000', size=8)
        equal(m.only('apple_gfx_reset', m.reset), [{'device': 'g'}], 'reset')


@test
def tasks():
    """H3, H4, H5, H6, H8 in the normal mode: tasks and mappings as the library tells them"""
    with Traced() as m:
        g = Guest(m).start(msi=False)
        t = g.task()
        page = g.alloc(1)
        m.put_bytes(t.entry(0x2000000), u32(page // PAGE))
        define = lambda: g.command(0x38, struct.pack('<IQI', 6, 8 << 30, t.directory // PAGE))  # noqa: E731
        equal(m.eventually('apple_gfx_create_task', define)[0]['vm_size'], hex(8 << 30), 'H3: 64-bit size')
        found = m.eventually('apple_gfx_map_memory', lambda: t.map_at(0x2000000, [page]))
        equal((len(found), found[0]['task'], found[0]['virtual_offset']), (1, '0x0', '0x2000000'), 'H5')
        found = m.eventually('apple_gfx_map_memory_range', lambda: t.map_at(0x2000000, [page]))
        equal((len(found), found[0]['index'], found[0]['length']), (1, '0', '0x1000'), 'H6')
        found = m.eventually('apple_gfx_unmap_memory', lambda: t.unmap(0x2000000, 1))
        equal(found, [{'task': '0x0', 'virtual_offset': '0x2000000', 'length': '0x1000'}], 'H8')
        found = m.eventually('apple_gfx_destroy_task', lambda: g.command(0x20, u32(3)))
        equal((len(found), found[0]['task']), (1, '0x3'), 'H4')


@test
def task_callbacks():
    """H3 to H9 in tasks=callbacks: ranges, remap results, reads"""
    with Traced(',tasks=callbacks', shared_ram=True) as m:
        g = Guest(m).start(msi=False)
        t = Task(g, 0, 1 << 34, 64)
        pages = [g.alloc(1), g.alloc(2) + PAGE, g.alloc(2) + PAGE]
        for i, page in enumerate(pages):
            m.put_bytes(t.entry(0x2000000 + i * PAGE), u32(page // PAGE))
        found = m.eventually('apple_gfx_map_memory', lambda: t.map_at(0x2000000, pages))
        equal((found[-1]['range_count'], found[-1]['virtual_offset']), ('3', '0x2000000'), 'H5')
        found = m.eventually('apple_gfx_map_memory_range', lambda: t.map_at(0x2000000, pages), 3)
        equal([f['address'] for f in found[-3:]], [hex(p) for p in pages], 'H6')
        check(all(int(f['host'], 16) for f in found), 'H6: host addresses')
        found = m.eventually('apple_gfx_remap', lambda: t.map_at(0x2000000, pages), 3)
        equal({f['errno'] for f in found}, {'0'}, 'H7')
        found = m.eventually('apple_gfx_unmap_memory', lambda: t.unmap(0x2000000, 3))
        equal((found[-1]['virtual_offset'], found[-1]['length']), ('0x2000000', '0x3000'), 'H8')
        found = m.eventually('apple_gfx_read_memory', lambda: t.map_at(0x2000000, pages))
        check(all(f['result'] == '1' and int(f['length'], 16) for f in found), 'H9')
        bad = (g.bar // PAGE, 0xe0000, (64 << 20) // PAGE)  # a window, a hole, behind RAM: as a directory (F16)
        for pfn in bad:
            g.command(0x38, struct.pack('<IQI', 5 << 1, 1 << 33, pfn))
            found = m.eventually('apple_gfx_read_memory', lambda: g.command(0x39, struct.pack('<IQQ', 5, PAGE, PAGE)))
            equal({f['result'] for f in found}, {'0'}, f'F16: read of page {pfn:#x}')
        found = m.eventually('apple_gfx_destroy_task', lambda: g.command(0x20, u32(0)))
        check(len(found) == 1, 'H4')


@test
def interrupt():
    """H10: apple_gfx_raise_irq"""
    with Traced() as m:
        g = Guest(m).start()
        equal(m.eventually('apple_gfx_raise_irq', lambda: g.command(NOP)), [{'vector': '0'}], 'H10')


@test
def display():
    """H11 to H15: new_frame, mode_change, cursor_set, cursor_show, cursor_move"""
    with Traced() as m:
        g = Guest(m).start(msi=False)
        t = g.task()
        d = Display(g).online()
        s = Surface(t, 1, 64, 48)
        found = m.eventually('apple_gfx_mode_change', lambda: d.present(s))
        equal(found, [{'port': '0', 'x': '64', 'y': '48', 'format': '0x42475241'}], 'H12')
        found = m.eventually('apple_gfx_new_frame', lambda: d.present(s))
        frames = [int(f['frame']) for f in found]  # the first frame is told after the mode change, maybe only now
        equal(frames, sorted(set(frames)), 'H11: one record for each frame')
        check(frames[0] >= 1, 'H11: frame number')
        found = m.eventually('apple_gfx_cursor_set', lambda: d.glyph(t, 16, 24, hot=(5, 7)))
        equal(found, [{'port': '0', 'bpp': '32', 'width': '16', 'height': '24', 'hot_x': '5', 'hot_y': '7'}], 'H13')
        found = m.eventually('apple_gfx_cursor_show', lambda: d.move(3, 4))
        equal(found, [{'port': '0', 'show': '1'}], 'H14: made visible by its first place')
        for show in (0, 1):
            found = m.eventually('apple_gfx_cursor_show', lambda: d.channel.command(CURSOR_SHOW, u32(0, show)))
            equal(found, [{'port': '0', 'show': str(show)}], 'H14')
        found = m.eventually('apple_gfx_cursor_move', lambda: d.move(33, 44))
        equal(found, [{'port': '0', 'x': '33', 'y': '44'}], 'H15')


@test
def switches():
    """patterns, all, none, unknown; trace and trace-file read back; a FIFO that nobody reads is an error"""
    if not Config.plugin:
        raise Skip('the device is built in: QEMU has its own switches')
    with Traced() as m:
        g = Guest(m)
        g.enable()
        equal(m.get('trace-file'), m.path('trace'), 'trace-file')
        m.set('trace', 'apple_gfx_re*:apple_gfx_write')
        equal(m.get('trace'), 'apple_gfx_re*:apple_gfx_write', 'trace')
        g.reg(VERSION)
        g.set_reg(VERSION, 1)
        lines = open(m.path('trace')).read()
        contains(lines, 'apple_gfx_read offset=0x1034', 'read')
        contains(lines, 'apple_gfx_write offset=0x1034', 'write')
        contains(m.qmp_error('qom-set', path='/machine/peripheral/g', property='trace', value='apple_gfx_read:bogus'),
                 "'bogus' matches no event", 'unknown event')
        m.set('trace', '')
        size = os.path.getsize(m.path('trace'))
        g.reg(VERSION)
        equal(os.path.getsize(m.path('trace')), size, 'trace file after switching off')
        os.mkfifo(m.path('fifo'))
        contains(m.qmp_error('qom-set', path='/machine/peripheral/g', property='trace-file', value=m.path('fifo')),
                 'trace-file: cannot write', 'FIFO that nobody reads')
        equal(m.get('trace-file'), m.path('trace'), 'trace-file')
    with Machine('apple-gfx-pci,id=g', plugin_args=',trace=apple_gfx_reset') as m:
        m.reset()
        contains(m.messages(), 'apple_gfx_reset device=g', 'trace of the plugin argument on stderr')


@test
def documented():
    """docs/qemu.md lists every trace point and every property"""
    manual = open(os.path.join(SOURCES, 'docs', 'qemu.md')).read()
    for line in open(os.path.join(SOURCES, 'vmm', 'qemu', 'trace-events')):
        if line.startswith(('apple_gfx', 'apple_iosfc')):
            contains(manual, line.split('(')[0], 'manual')
    for line in open(os.path.join(SOURCES, 'vmm', 'qemu', 'properties.txt')):
        if line.strip() and not line.startswith('#'):
            name = line.split('|')[0].strip()
            contains(manual, '`' + re.sub(r'(?<=[a-z])[1-7]$', '', name), 'manual')
