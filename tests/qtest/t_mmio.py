# SPDX-License-Identifier: MIT
# The memory-mapped variant: two windows and two lines on stock machines, the surface mapper and its pictures. (memory 9,
# host-api 1.14 and 6.3, seed-checklist C, D6, D7, E8 to E10, E34, E35, F33 to F36, H16 to H20)
import collections
import os
import struct
import time

from guest import (DISPLAY_PORTS, NOP, PAGE, ROOT_CONSUMER, VERSION, Display, Guest, u32)
from harness import check, contains, equal, test
from machine import Config, Failure, Machine, Skip, run_qemu, wait_for
from t_trace import SOURCES, Traced

DEVICE = 'apple-gfx-mmio-platform,id=g'
GFX, MAPPER, GFX_LINE, MAPPER_LINE = 0xfec80000, 0xfec90000, 14, 15
IOAPIC = '/machine/q35/ioapic'
TIMERS = {0, 2, 8}  # lines of a PC's interval timer and clock, which tick when a test takes longer
CASES = (0xf1200000, 0xf1000000, 17, 19)  # another place

# Registers of the mapper (memory 9.2)
RING, CAPACITY, TABLE, PRODUCER, CONSUMER, STATUS, TABLE2 = range(0x1000, 0x1038, 8)
MAP, UNMAP = 1, 2
UNANSWERED = 0xabababab
SWAP_MAPPING = 0x08
BGRA = 0x42475241


class MmioGuest(Guest):
    """A guest with pages of 16 KiB that was told where the windows are."""

    def __init__(self, machine, gfx=GFX, mapper=MAPPER, ram_start=0x200000, page=0x4000):
        self.m, self.bar, self.window = machine, gfx, mapper
        self.next_free, self.page, self.first_display = ram_start, page, 4
        self.root_stamp = 0

    def enable(self, bus_master=True):
        pass

    def mreg(self, offset, size=8):
        return self.m.read(size, self.window + offset)

    def set_mreg(self, offset, value, size=8):
        self.m.write(size, self.window + offset, value)

    def start_mapper(self, capacity=16):
        self.capacity, self.count = capacity, 0
        self.ring, self.table = self.alloc((capacity * 16 + self.page - 1) // self.page), self.alloc(1)
        self.records = self.alloc(1)  # of ids 0 to 31
        self.m.put_bytes(self.table, u32(self.entry(self.records)))
        self.set_mreg(RING, self.ring)
        self.set_mreg(CAPACITY, capacity)
        self.set_mreg(TABLE, self.table)
        self.set_mreg(CONSUMER, 1)
        return self

    def entry(self, gpa):
        return gpa // self.page << 2 | 1

    def put_request(self, operation, number):
        """Writes an entry; returns the address of its result."""
        at = self.ring + self.count % self.capacity * 16
        self.m.put_bytes(at, u32(operation, number, UNANSWERED, 0))
        self.count += 1
        return at + 8

    def request(self, operation, number):
        """One request, served: its result."""
        at = self.put_request(operation, number)
        self.set_mreg(PRODUCER, self.count)
        wait_for(lambda: self.mreg(CONSUMER) == self.count, f'request {self.count}')
        return self.m.read(4, at)

    def live(self):
        return self.m.report()['mapper']['mappings']


class Mapped:
    """A surface of scattered pages with its record and page list (memory 9.5)."""

    def __init__(self, guest, number, width, height, stride=None, offset=0):
        self.g, self.m, self.id = guest, guest.m, number
        self.width, self.height, self.stride, self.offset = width, height, stride or width * 4, offset
        self.length = offset + self.stride * height
        count = (self.length + guest.page - 1) // guest.page
        start = guest.alloc(count)
        order = list(range(1, count, 2)) + list(range(0, count, 2))
        self.pages = [start + i * guest.page for i in order]
        self.list = guest.alloc(1)
        self.m.put_bytes(self.list, u32(*(guest.entry(p) for p in self.pages)))
        self.record = guest.records + number * 0x200
        data = bytearray(0x200)
        struct.pack_into('<IIIII', data, 0, guest.entry(self.list), BGRA, offset, 0, self.length)
        struct.pack_into('<QIHB', data, 0x14, 1 | width << 8 | 1 << 32 | height << 40, self.stride, 4, 0)
        self.m.put_bytes(self.record, data)

    def draw(self, seed):
        """A pattern of all bytes; returns the picture that a console must show."""
        data, rgb = bytearray(b'\xcc' * self.length), bytearray()
        for y in range(self.height):
            for x in range(self.width):
                b, g, r = (x * 7 + seed) & 255, (y * 11 + seed * 3) & 255, (x ^ y ^ seed) & 255
                struct.pack_into('4B', data, self.offset + y * self.stride + 4 * x, b, g, r, 255)
                rgb += bytes((r, g, b))
        for i, page in enumerate(self.pages):
            self.m.put_bytes(page, data[i * self.g.page:(i + 1) * self.g.page])
        return self.width, self.height, bytes(rgb)


def present(display, number):
    display.channel.command(SWAP_MAPPING, u32(display.port, 0, number, 0) + bytes(24))


def shows(m, picture, what, head=0):
    wait_for(lambda: m.screendump(head=head) == picture, f'picture of {what}')


class Wires:
    """Interrupts by line of a controller, in the order QEMU tells."""

    def __init__(self, machine, controller=IOAPIC):
        self.m = machine
        machine._command(f'irq_intercept_in {controller}')

    def count(self, what, line):
        self.m.read(4, 0x1000 + self.m.ram)  # what was told before it has come
        return self.m.irqs.count(f'IRQ {what} {line}')

    def wait(self, what, line, count):
        wait_for(lambda: self.count(what, line) >= count, f'{what} {count} of line {line}')


class Q35(Machine):
    ram = 0  # where RAM begins

    def __init__(self, options='', devices=(), **kwargs):
        super().__init__(DEVICE + options, *devices, **kwargs)


@test
def windows():
    """windows and regions at the default and at given places, of 16 and 64 KiB (B1, B7, D7, E34)"""
    for options, gfx, mapper in (('', GFX, MAPPER), (f',gfx-base={CASES[0]:#x},iosfc-base={CASES[1]:#x}', *CASES[:2])):
        with Q35(options + ',displays=3') as m:
            tree = m.qmp('human-monitor-command', **{'command-line': 'info mtree'})
            contains(tree, f'{gfx:016x}-{gfx + 0x3fff:016x} (prio 0, i/o): apple-gfx-mmio', 'gfx window')
            contains(tree, f'{mapper:016x}-{mapper + 0xffff:016x} (prio 0, i/o): apple-iosfc-mmio', 'mapper window')
            g = MmioGuest(m, gfx, mapper)
            equal((g.reg(DISPLAY_PORTS), g.reg(0xffc), g.reg(0x3ffc)), (3, 0, 0), 'gfx registers')
            equal([g.mreg(o) for o in (0, 0xff8, RING, PRODUCER, CONSUMER, STATUS, 0x1038, 0xfff8)], [0] * 8, 'mapper registers')
            equal(m.get('gfx-base'), gfx, 'gfx-base')
            names = [t['name'] for t in m.qmp('qom-list-types', implements='apple-gfx-mmio')]
            equal(names, ['apple-gfx-mmio'], 'type')


@test
def mapper_registers():
    """mapper registers are 64 bits wide: whole, by halves; other sizes and misaligned ones do nothing (C6, E10, J24)"""
    with Q35() as m:
        g = MmioGuest(m)
        for offset in (RING, CAPACITY, TABLE, TABLE2):
            g.set_mreg(offset, 0xfedcba9876543210 + offset)
            equal(g.mreg(offset), 0xfedcba9876543210 + offset, f'register {offset:#x} whole')
            equal((g.mreg(offset, 4), g.mreg(offset + 4, 4)), (0x76543210 + offset, 0xfedcba98), 'its halves')
            g.set_mreg(offset, 0x11111111, 4)
            equal(g.mreg(offset), 0xfedcba9811111111, 'low half written')
            g.set_mreg(offset + 4, 0x22222222, 4)
            equal(g.mreg(offset), 0x2222222211111111, 'high half written')
        equal(m.refusals(), {}, 'refusals')
        for size, at in ((1, RING), (2, RING), (1, RING + 3), (2, RING + 2), (4, RING + 2), (8, RING + 4), (4, RING + 1)):
            g.set_mreg(at, 0x55, size)
            equal(g.mreg(at, size), 0, f'{size} bytes at {at:#x}')
        equal((g.mreg(RING), g.mreg(CAPACITY)), (0x2222222211111111,) * 2, 'registers afterwards')
        check(sum(m.refusals().values()) >= 14, f'odd accesses are not counted: {m.refusals()}')
        for offset in (STATUS, 0x1038, 0x800):
            g.set_mreg(offset, 0xffffffffffffffff)
            equal(g.mreg(offset), 0, f'register {offset:#x}')
        g.set_mreg(CONSUMER, 1)
        equal(g.mreg(CONSUMER), 0, 'the enable does not move the consumer')
        m.reset()
        equal([g.mreg(o) for o in (RING, CAPACITY, TABLE, TABLE2)], [0] * 4, 'registers after a reset')


@test
def gfx_registers():
    """the gfx window: version handshake, root FIFO in 16 KiB pages, odd accesses (E8, E9, I2)"""
    with Q35() as m:
        equal(m.get('guest-page-shift'), 14, 'guest-page-shift')
        g = MmioGuest(m).start(msi=False)
        equal(g.reg(VERSION), 6, 'version')
        while g.root_written < 0x20000:  # twice around the ring
            g.put_root(g.packet(NOP, stamp=g.root_stamp) * 100, ring=False)
            g.command(NOP)
        equal(g.reg(ROOT_CONSUMER), g.root_written % (1 << 32), 'consumer')
        equal(m.refusals(), {}, 'refusals')
        for size, at in ((1, VERSION), (2, VERSION), (4, VERSION + 2), (8, VERSION)):
            g.set_reg(at, 0, size)
            equal(g.reg(at, size), 0, f'{size} bytes at {at:#x}')
        equal(g.reg(VERSION), 6, 'version afterwards')
    with Q35(',guest-page-shift=12') as m:
        MmioGuest(m, page=PAGE).start(msi=False).command(NOP)


@test
def lines():
    """interrupts are counted on their own line, at the default and at given pins (D6, E35, F35)"""
    for options, gfx_line, mapper_line in (('', GFX_LINE, MAPPER_LINE), (f',gfx-irq={CASES[2]},iosfc-irq={CASES[3]}', *CASES[2:])):
        with Q35(options) as m:
            w, g = Wires(m), MmioGuest(m).start(msi=False)
            before = w.count('raise', gfx_line)
            g.command(NOP)
            w.wait('raise', gfx_line, before + 1)
            w.wait('lower', gfx_line, before + 1)
            equal(w.count('raise', mapper_line), 0, 'mapper line after work of the FIFO')
            g.start_mapper()
            after = w.count('raise', gfx_line)
            for i in range(1, 6):
                g.request(7, 1)
                w.wait('lower', mapper_line, i)
                equal(w.count('raise', mapper_line), i, 'pulses of the mapper')
            equal(w.count('raise', gfx_line), after, 'gfx line after requests')
            moved = {int(line.split()[2]) for line in m.irqs} - TIMERS
            equal(moved, {gfx_line, mapper_line}, 'lines that moved')


def held(m, w, line, action, acknowledge):
    """The line rises with the action and falls with the read. One that nobody reads falls after 200 ms: try again when the
    machine was slower than that."""
    for _ in range(10):
        raised, lowered, start = w.count('raise', line), w.count('lower', line), time.monotonic()
        action()
        w.wait('raise', line, raised + 1)
        early = w.count('lower', line) - lowered
        if not early:
            acknowledge()
            equal(w.count('lower', line), lowered + 1, f'line {line} after the read')
            return
        check(time.monotonic() - start > 0.2, f'line {line} fell before it was read')
    raise Skip('this machine is too slow to see a held line')


@test
def held_lines():
    """hold-irq=on: a line stays up until its own window is read, falls by itself otherwise, and with a reset (J24)"""
    with Q35(',hold-irq=on') as m:
        contains(m.qmp_error('qom-set', path='/machine/peripheral/g', property='hold-irq', value=False),
                 'can only be given with -device', 'hold-irq at run time')
        w, g = Wires(m), MmioGuest(m).start(msi=False).start_mapper()

        def ask(count=1):
            for _ in range(count):
                g.put_request(7, 1)
            g.set_mreg(PRODUCER, g.count)

        def other_window():
            g.set_mreg(RING, g.ring)  # a write is no acknowledgement, nor is the other window
            g.reg(VERSION)

        held(m, w, MAPPER_LINE, ask, lambda: g.mreg(CONSUMER))
        held(m, w, MAPPER_LINE, lambda: (ask(3), w.wait('raise', MAPPER_LINE, 1), other_window()), lambda: g.mreg(CONSUMER, 4))
        held(m, w, GFX_LINE, lambda: g.put_root(g.packet(NOP, b'', 77)), lambda: g.reg(VERSION))
        lowered = w.count('lower', MAPPER_LINE)
        ask()
        w.wait('lower', MAPPER_LINE, lowered + 1)  # nobody reads
        held(m, w, MAPPER_LINE, ask, m.reset)


@test
def mapper_requests():
    """map, unmap, unknown operation and id: results, consumer, counters; more requests than the ring has entries (F36)"""
    with Q35() as m:
        g = MmioGuest(m).start(msi=False).start_mapper()
        Mapped(g, 5, 64, 48)
        equal((g.request(MAP, 5), g.live()), (0, 1), 'map')
        equal((g.request(MAP, 5), g.live()), (0, 1), 'the same again')
        equal((g.request(UNMAP, 5), g.live()), (0, 0), 'unmap')
        equal(m.refusals(), {}, 'refusals')
        for operation, number, reason in ((UNMAP, 5, 'unmap'), (MAP, 0, 'id'), (MAP, 0xffffffff, None), (MAP, 6, None),
                                          (3, 5, 'operation'), (0, 5, 'operation'), (0xffffffff, 5, 'operation')):
            before = sum(m.refusals().values())
            check(g.request(operation, number) not in (0, UNANSWERED), f'{operation} {number} has no error')
            equal(sum(m.refusals().values()), before + 1, f'refusals by {operation} {number}')
            check(not reason or any(reason in r for r in m.refusals()), f'{reason}: {m.refusals()}')
        equal(g.live(), 0, 'mappings')
        results = []
        for i in range(200):
            results.append([g.put_request(MAP if i % 2 == 0 else UNMAP, 5) for i in range(16)])
            g.set_mreg(PRODUCER, g.count)
            wait_for(lambda: g.mreg(CONSUMER) == g.count, 'a full ring')
            equal({m.read(4, at) for at in results[-1]}, {0}, 'results')
        equal((g.live(), m.report()['mapper']['maps']), (0, 1602), 'mappings')


@test
def hostile_ring():
    """indices that contradict each other, rings in a hole, in a window or at the end of addresses: consumed, no entry read"""
    with Q35() as m:
        w, g = Wires(m), MmioGuest(m).start(msi=False).start_mapper()
        Mapped(g, 1, 64, 48)
        untouched = g.put_request(MAP, 1)
        raised = 0
        for ring, capacity, producer in ((g.ring, 16, 1000), (g.ring, 0, 3), (0, 16, 4), (g.ring, 65537, 5),
                                         (g.ring, (1 << 64) - 1, 6), (g.ring, 16, (1 << 64) - 1), (g.ring, 2, 100),
                                         (GFX + 0x1000, 16, 101), (MAPPER + 0x1000, 16, 102), (0xe0000000, 16, 103),
                                         ((1 << 64) - 8, 16, 104), (0xfffffffffffffff0, 16, 106), (0xfffc, 16, 105)):
            g.set_mreg(RING, ring)
            g.set_mreg(CAPACITY, capacity)
            g.set_mreg(PRODUCER, producer)
            wait_for(lambda: g.mreg(CONSUMER) == producer, f'consumer {producer:#x}')
            raised += 1
            w.wait('raise', MAPPER_LINE, raised)
        equal(m.read(4, untouched), UNANSWERED, 'result of the entry that nobody should serve')
        check(m.refusals(), 'nothing was counted')
        m.reset()
        g = MmioGuest(m, ram_start=0x1000000).start(msi=False).start_mapper()
        Mapped(g, 1, 64, 48)
        equal(g.request(MAP, 1), 0, 'map after a reset')


@test
def hostile_records():
    """tables, records and page lists that lie: refused, nothing mapped, the picture stays (F33, C3)"""
    for tasks in ('table', 'callbacks'):
        with Q35(f',tasks={tasks}', shared_ram=True) as m:
            g = MmioGuest(m).start(msi=False).start_mapper()
            d, s = Display(g), Mapped(g, 1, 64, 96)
            picture = s.draw(1)
            present(d, 1)
            shows(m, picture, 'the good surface')
            equal(g.request(UNMAP, 1), 0, 'unmap')
            good = m.get_bytes(s.record, 0x200)
            for what, at, value in (
                    ('list not present', s.record, u32(0)), ('list in a hole', s.record, u32(g.entry(0xe0000000))),
                    ('list in a window', s.record, u32(g.entry(GFX))), ('size 0', s.record + 0x10, u32(0)),
                    ('huge', s.record + 0x10, u32(0xffffffff)), ('planes', s.record + 0x24, b'\x09'),
                    ('page not present', s.list, u32(0)), ('page in a window', s.list + 4, u32(g.entry(MAPPER))),
                    ('page in a hole', s.list + 4, u32(g.entry(0xe0000000))), ('page beyond all', s.list, u32(0xffffffff)),
                    ('page after RAM', s.list + 4, u32(g.entry(64 << 20))), ('table entry', g.table, u32(0)),
                    ('records in a window', g.table, u32(g.entry(GFX)))):
                old = m.get_bytes(at, len(value))
                m.put_bytes(at, value)
                check(g.request(MAP, 1) not in (0, UNANSWERED), f'{tasks}: {what} was mapped')
                before = sum(m.refusals().values())
                present(d, 1)
                check(sum(m.refusals().values()) > before, f'{tasks}: a present with {what} is not refused')
                equal((m.screendump(), g.live()), (picture, 0), f'{tasks}: {what}')
                m.put_bytes(at, old)
            for base in (GFX, 0xe0000000, (1 << 64) - 4):
                g.set_mreg(TABLE, base)
                check(g.request(MAP, 1) not in (0, UNANSWERED), f'{tasks}: a table at {base:#x} was read')
            g.set_mreg(TABLE, g.table)
            equal(m.get_bytes(s.record, 0x200), good, 'the record')
            picture = s.draw(2)
            equal(g.request(MAP, 1), 0, 'the good record')
            present(d, 1)
            shows(m, picture, 'the good surface again')


@test
def pictures():
    """surfaces by mapping, presented with 0x08 on channel 4 + p, by value; both task modes; odd strides, offsets (C4)"""
    for tasks in ('table', 'callbacks'):
        with Q35(f',displays=2,tasks={tasks}', shared_ram=True) as m:
            g = MmioGuest(m).start(msi=False).start_mapper()
            equal(g.reg(DISPLAY_PORTS), 2, 'ports')
            displays = [Display(g, 0), Display(g, 1)]
            equal([d.channel.id for d in displays], [4, 5], 'channels')
            for number, args in enumerate(((64, 48), (33, 130, 140), (200, 100, 804, 1024), (1, 1)), 1):
                for head, d in enumerate(displays):
                    s = Mapped(g, number + 10 * head, *args)
                    picture = s.draw(number + head)
                    if number % 2:
                        equal(g.request(MAP, s.id), 0, 'map')
                    present(d, s.id)
                    shows(m, picture, f'surface {s.id}', head)
                    picture = s.draw(number + 50)
                    present(d, s.id)
                    shows(m, picture, f'surface {s.id} drawn again', head)
            equal(g.live(), 8, 'mappings')
            for page in s.pages:  # unmapped: the host neither reads nor writes
                equal(g.request(UNMAP, s.id), 0, 'unmap') if g.live() == 8 else None
                m.fill(page, g.page, 0x77)
                equal(m.get_bytes(page, g.page), b'\x77' * g.page, 'page after the unmap')
            equal((m.screendump(head=1), g.live()), (picture, 7), 'picture after the unmap')
            equal(m.refusals(), {}, 'refusals')


@test
def above_4_gib():
    """ring, table, records and surface in RAM above 4 GiB (C6)"""
    with Q35(args=['-object', 'memory-backend-ram,id=d,size=64M', '-device', 'pc-dimm,memdev=d,id=dimm'],
             ram_mib='64,slots=2,maxmem=1G') as m:
        g = MmioGuest(m, ram_start=0x100000000).start(msi=False).start_mapper()
        check(g.mreg(RING) == g.ring > 1 << 32, 'base')
        d, s = Display(g), Mapped(g, 1, 64, 48)
        picture = s.draw(3)
        equal(g.request(MAP, 1), 0, 'map')
        present(d, 1)
        shows(m, picture, 'the surface')


@test
def across_blocks():
    """neighbouring pages of two blocks of RAM: no one range covers both, and the surface is shown in both modes (C3)"""
    blocks = ['-object', 'memory-backend-memfd,id=ram,size=64M,share=on', '-M', 'memory-backend=ram']
    for i in (1, 2):
        blocks += ['-object', f'memory-backend-memfd,id=d{i},size=128M,share=on', '-device', f'pc-dimm,memdev=d{i},id=dimm{i}']
    for tasks in ('table', 'callbacks'):
        with TracedMmio(f',tasks={tasks}', ram_mib='64,slots=2,maxmem=1G', args=blocks) as m:
            g = MmioGuest(m).start(msi=False).start_mapper()
            d, s = Display(g), Mapped(g, 1, 64, 512)
            edge = 0x108000000
            s.pages = [edge + (i - len(s.pages) // 2) * g.page for i in range(len(s.pages))]
            m.put_bytes(s.list, u32(*(g.entry(p) for p in s.pages)))
            picture = s.draw(4)
            m.enable('apple_iosfc_map_memory')
            equal(g.request(MAP, 1), 0, 'map')
            found = [f for f in m.records('apple_iosfc_map_memory') if f['length'] != '0x4']
            if tasks == 'callbacks':
                whole = [f for f in found if int(f['length'], 16) == len(s.pages) * g.page]
                equal([int(f['host'].strip('()nil') or '0', 16) for f in whole], [0], 'host address of the whole')
                equal([int(f['address'], 16) for f in found[1:]], s.pages, 'pages one by one')
            else:
                equal(found, [], 'callbacks in the normal mode')
            present(d, 1)
            shows(m, picture, 'the surface')
            equal((g.request(UNMAP, 1), m.refusals()), (0, {}), 'unmap')


@test
def reset_with_mappings():
    """system_reset while mappings live and requests come: nothing left, old memory untouched, works again; both modes"""
    for tasks in ('table', 'callbacks'):
        with Q35(f',tasks={tasks}', shared_ram=True) as m:
            for turn in range(5):
                g = MmioGuest(m, ram_start=0x400000 * (turn + 1)).start(msi=False).start_mapper(1024)
                d, s = Display(g), Mapped(g, 1, 64, 48)
                picture = s.draw(turn)
                equal(g.request(MAP, 1), 0, 'map')
                present(d, 1)
                shows(m, picture, 'the surface')
                for i in range(900):
                    g.put_request(MAP if i % 2 else UNMAP, 1)
                g.set_mreg(PRODUCER, g.count)
                m.reset()
                m.fill(g.ring, g.page, 0x5a)
                report = m.report()['mapper']
                equal((report['mappings'], report['ring'], report['producer'], report['consumer']), (0, 0, 0, 0), 'state')
                equal(m.get_bytes(g.ring, g.page), b'\x5a' * g.page, 'the old ring')
            equal(m.screendump()[2].strip(b'\0'), b'', 'picture after a reset')


@test
def stop_and_continue():
    """requests while the machine is stopped are served when it continues, with their interrupt"""
    with Q35() as m:
        w, g = Wires(m), MmioGuest(m).start(msi=False).start_mapper()
        Mapped(g, 1, 64, 48)
        m.qmp('stop')
        at = g.put_request(MAP, 1)
        g.set_mreg(PRODUCER, 1)
        equal((m.read(4, at), g.mreg(CONSUMER), w.count('raise', MAPPER_LINE)), (UNANSWERED, 0, 0), 'while stopped')
        m.qmp('cont')
        w.wait('raise', MAPPER_LINE, 1)
        equal((m.read(4, at), g.mreg(CONSUMER)), (0, 1), 'afterwards')


@test
def unplugged_ram():
    """tasks=callbacks: RAM that a mapping names stays after its unplug, and goes with the unmap, or a reset (F34)"""
    for how in ('before', 'unmap', 'reset'):
        try:
            m = Q35(',tasks=callbacks', devices=('ivshmem-plain,memdev=shm,addr=6,id=iv',), machine='pc', shared_ram=True,
                    args=['-object', 'memory-backend-memfd,id=shm,size=4M,share=on'])
        except Failure as e:
            if 'ivshmem' in str(e) or 'unsupported machine type' in str(e):
                raise Skip('this QEMU has no machine pc or no ivshmem-plain')
            raise

        def there():
            return '/shm' in m.qmp('human-monitor-command', **{'command-line': 'info ramblock'})
        with m:
            g = MmioGuest(m).start(msi=False).start_mapper()
            m.config_write(6 << 3, 0x18, 0xe0000000)
            m.config_write(6 << 3, 0x1c, 0)
            m.config_write(6 << 3, 4, 2, 2)
            s = Mapped(g, 1, 64, 48)
            m.put_bytes(s.list, u32(g.entry(0xe0000000)))
            for _ in range(1000):
                equal((g.request(MAP, 1), g.request(UNMAP, 1)), (0, 0), 'map and unmap')
            if how != 'before':
                equal(g.request(MAP, 1), 0, 'map')
            m.qmp('device_del', id='iv')
            m._command('outl 0xae10 0')  # the guest's side of an unplug over ACPI: bus, then slot
            m._command('outl 0xae08 0x40')
            wait_for(lambda: all(p['name'] != 'iv' for p in m.qmp('qom-list', path='/machine/peripheral')), 'unplug')
            m.qmp('object-del', id='shm')
            if how != 'before':
                check(there(), 'the RAM went while it was mapped')
            if how == 'unmap':
                equal(g.request(UNMAP, 1), 0, 'unmap')
            elif how == 'reset':
                m.reset()
            wait_for(lambda: not there(), 'end of the RAM')


class TracedMmio(Traced):
    ram = 0

    def __init__(self, options='', **kwargs):
        args = list(kwargs.pop('args', ())) + ([] if Config.plugin else ['-D', '@DIR@/trace'])
        Machine.__init__(self, DEVICE + options, args=args, **kwargs)
        if Config.plugin:
            self.set('trace-file', self.path('trace'))
        else:
            open(self.path('trace'), 'a').close()
        self.seen = 0

    def enable(self, event):
        if not Config.plugin:
            self.qmp('trace-event-set-state', name='apple_iosfc_*', enable=False)
        super().enable(event)


@test
def trace_registers():
    """H16, H17, H20: apple_iosfc_read, apple_iosfc_write, apple_iosfc_raise_irq, one by one"""
    with TracedMmio() as m:
        g = MmioGuest(m).start(msi=False).start_mapper()
        m.one('apple_iosfc_write', lambda: g.set_mreg(TABLE2, 0x123456789abcdef0), offset='0x1030', val='0x123456789abcdef0',
              size=8)
        m.one('apple_iosfc_read', lambda: g.mreg(TABLE2), offset='0x1030', res='0x123456789abcdef0', size=8)
        m.one('apple_iosfc_read', lambda: g.mreg(TABLE2 + 4, 4), offset='0x1034', res='0x12345678', size=4)
        equal(m.eventually('apple_iosfc_raise_irq', lambda: g.request(7, 1)), [{'vector': '0'}], 'H20')
        equal(m.eventually('apple_gfx_irq_delivered', lambda: g.command(NOP)), [{'msi': '0'}], 'gfx interrupt')


@test
def trace_memory():
    """H18, H19: with tasks=callbacks every range that is mapped is unmapped once; 1000 times (C2, C3, F34)"""
    with TracedMmio(',tasks=callbacks', shared_ram=True) as m:
        g = MmioGuest(m).start(msi=False).start_mapper(1000)
        s = Mapped(g, 1, 64, 96, 512)
        found = m.eventually('apple_iosfc_map_memory', lambda: g.request(MAP, 1), len(s.pages))
        pages = [f for f in found if f['length'] != '0x4']
        equal(sum(int(f['length'], 16) for f in pages), len(s.pages) * g.page, 'H18: bytes')
        equal({f['read_only'] for f in pages}, {'1'}, 'H18: read_only')
        check({int(f['address'], 16) for f in pages} <= set(s.pages), f'H18: addresses {pages}')
        gone = m.eventually('apple_iosfc_unmap_memory', lambda: g.request(UNMAP, 1), len(pages))
        equal(sorted(f['host'] for f in gone if f['length'] != '0x4'), sorted(f['host'] for f in pages), 'H19: hosts')
        m.enable('apple_iosfc_*map_memory')
        live, total = collections.Counter(), 0
        for i in range(1000):
            g.put_request(MAP if i % 2 == 0 else UNMAP, 1)
        g.set_mreg(PRODUCER, g.count)
        wait_for(lambda: g.mreg(CONSUMER) == g.count, 'requests')
        for line in open(m.path('trace')).read().splitlines()[m.seen:]:
            fields = dict(part.split('=', 1) for part in line.split(' ')[1:])
            what = line.split(' ')[0]
            live[fields['host'], fields['length']] += 1 if what.endswith('iosfc_map_memory') else -1
            total += 1
        check(total >= 2000, f'{total} records')
        equal(set(live.values()), {0}, 'what was mapped and not unmapped')
        check('could not unmap' not in m.messages(), m.messages())


@test
def properties():
    """every property of the device can be given, set and read on the platform device (aliases); QMP names the console"""
    with Q35(',modes=640x480@60:800x600@60,displays=2,modes1=320x200@60,serial=9,name=Left') as m:
        equal((m.get('modes'), m.get('displays'), m.get('serial'), m.get('name')), ('640x480@60:800x600@60', 2, 9, 'Left'),
              'properties')
        equal((m.screendump()[:2], m.screendump(head=1)[:2]), ((640, 480), (320, 200)), 'consoles')
        m.set('modes', '800x600@60')
        equal(m.get('modes'), '800x600@60', 'modes set at run time')
        check('mapper' in m.report(), 'report has no mapper')
        for name, value in (('gfx-base', 0), ('iosfc-irq', 3), ('displays', 1)):
            contains(m.qmp_error('qom-set', path='/machine/peripheral/g', property=name, value=value),
                     'can only be given with -device', name)
        m.qmp_error('device_add', driver='apple-gfx-mmio-platform', id='h')
        m.qmp_error('device_del', id='g')
        contains(m.qmp_error('migrate', uri='exec:cat >/dev/null'), 'g: migration and snapshots are not supported', 'migrate')


def listed(m, kind):
    """Type, default and description by name, without what every device has."""
    inherited = {p['name'] for p in m.qmp('device-list-properties', typename='bochs-display') if '[' not in p['name']}
    have = {}
    for p in m.qmp('device-list-properties', typename=kind):
        if p['name'] not in inherited and not p['type'].startswith('child<') and '[' not in p['name']:
            default = p.get('default-value', '-')
            have[p['name']] = (p['type'], str(default).lower() if isinstance(default, bool) else str(default),
                               p.get('description', ''))
    return have


def documented(name):
    rows = {}
    for line in open(os.path.join(SOURCES, 'vmm', 'qemu', name)):
        if line.strip() and not line.startswith('#'):
            name, *rest = (part.strip() for part in line.split('|'))
            rows[name] = tuple(rest)
    return rows


@test
def properties_documented():
    """properties.txt and properties-mmio.txt say what device-list-properties says of both types: page shift 14, no class-code"""
    common, other = documented('properties.txt'), documented('properties-mmio.txt')
    own = {'gfx-base', 'iosfc-base', 'gfx-irq', 'iosfc-irq'}
    want = {name: row for name, row in {**common, **other}.items() if row[1] != 'none' and
            (Config.plugin or name not in ('trace', 'trace-file'))}
    with Q35() as m:
        have = listed(m, 'apple-gfx-mmio-platform')
        equal(sorted(have), sorted(want), 'names on the platform device')
        for name, row in want.items():
            equal(have[name], row, name)
        below = listed(m, 'apple-gfx-mmio')
        equal(sorted(below), sorted(want.keys() - own), 'names on the device')
        for name in below:
            equal(below[name], want[name], name)
        equal((m.get('guest-page-shift'), m.get('gfx-irq'), m.get('iosfc-base')), (14, GFX_LINE, MAPPER), 'values')
        contains(m.qmp_error('qom-get', path='/machine/peripheral/g', property='class-code'), 'class-code', 'class-code')


@test
def two_devices():
    """two devices on one machine, each with windows, lines, console and mapper of its own"""
    with Machine(DEVICE + ',modes=640x480@60', f'apple-gfx-mmio-platform,id=h,modes=800x600@60,gfx-base={CASES[0]},'
                 f'iosfc-base={CASES[1]},gfx-irq={CASES[2]},iosfc-irq={CASES[3]}', 'apple-gfx-pci,id=p,modes=320x200@60') as m:
        m.ram = 0
        w, a = Wires(m), MmioGuest(m).start(msi=False).start_mapper()
        b = MmioGuest(m, *CASES[:2], ram_start=0x1000000).start(msi=False).start_mapper()
        equal([m.screendump(i)[:2] for i in 'ghp'], [(640, 480), (800, 600), (320, 200)], 'consoles')
        for number, g, line in ((1, a, MAPPER_LINE), (2, b, CASES[3])):
            before = w.count('raise', line)
            Mapped(g, number, 64, 48)
            equal(g.request(MAP, number), 0, 'map')
            w.wait('raise', line, before + 1)
        equal([m.report(i)['mapper']['mappings'] for i in 'gh'], [1, 1], 'mappings')


@test
def several_on_pc():
    """pc: four devices without a given place get windows and pins of their own and work; a fifth is refused"""
    ids = ('g', 'h', 'i', 'j')
    try:
        m = Machine(*(f'apple-gfx-mmio-platform,id={i}' for i in ids), machine='pc')
    except Failure as e:
        if 'unsupported machine type' in str(e):
            raise Skip('this QEMU has no machine pc')
        raise
    with m:
        m.ram = 0
        equal([(m.get('gfx-base', i), m.get('iosfc-base', i), m.get('gfx-irq', i), m.get('iosfc-irq', i)) for i in ids],
              [(GFX + n * 0x20000, MAPPER + n * 0x20000, 16 + 2 * n, 17 + 2 * n) for n in range(4)], 'places')
        w = Wires(m, '/machine/i440fx/ioapic')
        for n, i in enumerate(ids):
            g = MmioGuest(m, m.get('gfx-base', i), m.get('iosfc-base', i), ram_start=0x200000 * (n + 1)).start(msi=False)
            g.start_mapper()
            before = w.count('raise', 17 + 2 * n)
            Mapped(g, 1, 64, 48)
            equal(g.request(MAP, 1), 0, f'map on {i}')
            w.wait('raise', 17 + 2 * n, before + 1)
    status, text = run_qemu(*['-device', 'apple-gfx-mmio-platform'] * 5, machine='pc')
    equal(status, 1, 'status of five')
    contains(text, 'this machine has room for 4 apple-gfx-mmio-platform: more need gfx-base=', 'five')


@test
def refused_places():
    """places that cannot be: each refused with its reason, status 1 (C5)"""
    own = 'apple-gfx-mmio-platform'
    for options, part in (
            ('gfx-irq=24', 'gfx-irq=24: the interrupt controller has 24 lines'),
            ('iosfc-irq=4000000000', 'the interrupt controller has 24 lines'), ('iosfc-irq=14', 'a line of its own'),
            ('gfx-irq=-1', 'gfx-irq'), ('gfx-irq=4294967296', 'gfx-irq'), ('gfx-base=1', 'a multiple of 4096'),
            ('iosfc-base=0xfec90800', 'a multiple of 4096'), ('iosfc-base=0xffffffffffff8000', 'a multiple of 4096'),
            ('iosfc-base=0xfec80000', 'the windows overlap'), ('gfx-base=0xfec9f000', 'the windows overlap'),
            ('gfx-base=0xefffd000,iosfc-base=0xeffee000', 'the windows overlap'), ('gfx-base=0x100000', 'of the machine lies there'),
            ('iosfc-base=0xfebf8000', 'of the machine lies there'), ('gfx-base=0xfec00000', "'ioapic' of the machine lies there"), ('gfx-base=x', 'gfx-base'), ('hold-irq=2', 'hold-irq'),
            ('modes=x', "'x' is not a mode"), ('displays=9', 'displays=9: 1 to 8'), ('guest-page-shift=13', '12 and 14'),
            ('tasks=callbacks', 'memory-backend-memfd'), ('no-such=1', 'no-such')):
        status, text = run_qemu('-device', f'{own},{options}')
        contains(text, part, options)
        equal(status, 1, f'status with {options}')
    status, text = run_qemu('-device', own, '-device', own)
    contains(text, 'this machine has room for 1 apple-gfx-mmio-platform: more need gfx-base=', 'two without a place')
    equal(status, 1, 'status of two without a place')
    place = f'gfx-base={CASES[0]:#x},iosfc-base={CASES[1]:#x},gfx-irq={CASES[2]},iosfc-irq={CASES[3]}'
    for options, part in (
            (place.replace(f'{CASES[0]:#x}', f'{GFX:#x}'), f"gfx-base={GFX:#x}: 'apple-gfx-mmio' of the machine lies there"),
            (place.replace(f'{CASES[1]:#x}', f'{MAPPER:#x}'), f"iosfc-base={MAPPER:#x}: 'apple-iosfc-mmio' of the machine"),
            (place.replace('gfx-irq=17', 'gfx-irq=15'), "gfx-irq=15: 'apple-gfx-mmio' of the machine has that line"),
            (place.replace('iosfc-irq=19', 'iosfc-irq=14'), "iosfc-irq=14: 'apple-gfx-mmio' of the machine has that")):
        status, text = run_qemu('-device', own, '-device', f'{own},{options}')
        contains(text, part, f'two, the second with {options}')
        equal(status, 1, f'status of two, the second with {options}')
    status, text = run_qemu('-device', f'{own},serial=5', '-device', f'{own},serial=5,displays=3,gfx-base={CASES[0]:#x},'
                            f'iosfc-base={CASES[1]:#x},gfx-irq={CASES[2]},iosfc-irq={CASES[3]}')
    equal(status, 1, 'status of a device that cannot be realized')
    contains(text, 'serial number 5 is in use', 'a device that cannot be realized')
    status, text = run_qemu('-device', 'apple-gfx-mmio')
    equal(status, 1, 'status of apple-gfx-mmio itself')
    contains(text, 'apple-gfx-mmio', 'apple-gfx-mmio itself')
    status, text = run_qemu('-only-migratable', '-device', own)
    contains(text, 'migration and snapshots are not supported yet', '-only-migratable')
    status, text = run_qemu('-device', own, machine='isapc')
    if 'unsupported machine type' in text:
        raise Skip('this QEMU has no machine isapc')
    contains(text, 'no interrupt controller that apple-gfx-mmio knows', 'isapc')
