# SPDX-License-Identifier: MIT
# Registers, FIFOs, packets, stamps, interrupt, faults, reset, from outside. (transport 15 items 1-7 and 9, and 11.3)
import os
import struct
import tempfile
import time

from guest import (CHILD_DOORBELL, CHILD_RESUME, CURSOR_SHOW, DEFINE_CHILD, DELETE_CHILD, DISPLAY_EVENTS, EVENT_VBLANK,
                   FIFO_CONTROL, GET_DEVICE_INFO, INTR_FAULT, MAP_MEMORY, NOP, ONLINE_ACK, PAGE, ROOT_CONSUMER,
                   ROOT_FIFO_LENGTH, ROOT_FIFO_PFN, ROOT_FIFO_START, ROOT_PAGE_PFN, ROOT_PRODUCER, ROOT_RESUME,
                   STAMP_EVENTS, VERSION, Channel, Display, Guest, u32)
from harness import check, equal, test
from machine import Machine, wait_for

DEVICE = 'apple-gfx-pci,id=g'
RING = 0x10000 - PAGE
SWAP_MAPPING = 0x08


@test
def version_handshake():
    """version handshake: never more than proposed, unknown above the top rung clamped, bit 31 stays"""
    with Machine(DEVICE) as m:
        g = Guest(m)
        g.enable()
        equal(g.reg(VERSION), 0, 'before a proposal')
        for proposal in (1, 4, 6, 43, 62):
            g.set_reg(VERSION, proposal)
            check(1 <= g.reg(VERSION) <= proposal, f'proposal {proposal}: have {g.reg(VERSION)}')
        for proposal in (63, 0x7fffffff):
            g.set_reg(VERSION, proposal)
            check(g.reg(VERSION) <= 62, f'proposal {proposal:#x}: have {g.reg(VERSION)}')
        g.set_reg(VERSION, 0x80000006)
        equal(g.reg(VERSION), 0x80000006, 'proposal with bit 31')
        equal(m.refusals().get('version-bit31'), 1, 'counted')


@test
def access_sizes():
    """8-byte accesses arrive whole, 1- and 2-byte and misaligned ones read 0 and change nothing"""
    with Machine(DEVICE) as m:
        g = Guest(m)
        g.enable()
        g.set_reg(VERSION, 6)
        g.set_reg(ROOT_FIFO_PFN, 0xffffffff00000123, 8)  # the upper half must not spill into VERSION
        equal(g.reg(VERSION), 6, 'VERSION after an 8-byte write below it')
        g.set_reg(ROOT_FIFO_LENGTH - 4, 0x1000000000000, 8)  # two halves: control 0, length 0x10000
        for size, offset in ((1, VERSION), (2, VERSION), (4, VERSION + 1), (4, VERSION + 2), (1, VERSION + 3), (8, VERSION - 3)):
            equal(g.reg(offset, size), 0, f'read of {size} at {offset:#x}')
            g.set_reg(offset, 0, size)
            equal(g.reg(VERSION), 6, f'VERSION after a write of {size} at {offset:#x}')
        check(m.refusals().get('register-access-size', 0) >= 12, 'odd accesses are not counted')
        g.set_reg(0x1238, 5)
        equal(g.reg(0x1238), 0, 'unknown register')
        check(m.refusals().get('register-unknown', 0) >= 1, 'unknown register is not counted')


@test
def first_nop():
    """NOP with stamp 1 on root: cell, consumer, status bit, one message, read-to-clear"""
    with Machine(DEVICE) as m:
        g = Guest(m).start()
        check(not g.interrupted(), 'interrupt before any work')
        g.command(NOP)
        equal(g.reg(ROOT_CONSUMER), 12, 'consumer')
        wait_for(g.interrupted, 'interrupt')
        equal(g.reg(STAMP_EVENTS), 1, 'stamp events')
        equal(g.reg(STAMP_EVENTS), 0, 'stamp events after the read')
        equal(g.reg(INTR_FAULT), 0, 'fault')
        equal(g.reg(DISPLAY_EVENTS), 0, 'display events')


@test
def every_interrupt():
    """each of 1000 stamps comes with a message, and with its bit (F17)"""
    with Machine(DEVICE) as m:
        g = Guest(m).start()
        c = Channel(g, 3)
        g.reg(STAMP_EVENTS)
        for i in range(1000):
            g.interrupted()
            (c if i & 1 else g).command(NOP)
            wait_for(g.interrupted, f'message {i}')
            equal(wait_for(lambda: g.reg(STAMP_EVENTS), f'stamp events {i}'), 8 if i & 1 else 1, f'stamp events {i}')


@test
def every_thread():
    """100,000 interrupts of the worker and four displays' clocks at once: a message comes after every one (F17)"""
    with Machine(DEVICE + ',displays=4,modes=64x48@480') as m:
        g = Guest(m).start()
        displays = [Display(g, port).online() for port in range(4)]
        channels = [Channel(g, number, 5) for number in (1, 2, 3, 4)]

        def look():
            """What was published since the last look, as a guest sees it that looks at a cell only for its bit."""
            stamps, ports = g.reg(STAMP_EVENTS), g.reg(DISPLAY_EVENTS)
            return [c for c in channels if stamps >> c.id & 1 and g.cell(c.id) == c.stamp] + \
                [d for d in displays if ports >> d.port & 1]

        for _ in range(100):
            # Each packet waits for that of the channel before: a turn of its own, and an interrupt.
            for c in channels:
                before, late = (c.id - 1, 0) if c.id > 1 else (4, 1)
                c.put(b''.join(g.packet(NOP, stamp=c.stamp + i, barriers=[(before, c.stamp + i - late)])
                               for i in range(1, 257)), ring=False)
                c.stamp += 256
            for d in displays:
                d.enable(EVENT_VBLANK)
            for c in channels:
                g.set_reg(CHILD_DOORBELL, c.id)
            left = {**{c: 1 for c in channels}, **{d: 5 for d in displays}}
            while left:
                wait_for(g.interrupted, f'message for {len(left)} waiters')
                for source in look():
                    left[source] = left.get(source, 1) - 1
                    if not left[source]:
                        del left[source]
                        if source in displays:  # what comes last must not be covered by another's message
                            source.enable(0)
            while True:
                came, found = g.interrupted(), look()
                if not came and not found:
                    break
                if not came:
                    wait_for(lambda: m.read(4, g.msi_page), 'message of the last event')
        report = m.report()
        check(report['interrupts'] >= 100000, f"{report['interrupts']} interrupts")
        equal(m.refusals(), {}, 'refusals')


@test
def late_msi():
    """an interrupt that was raised before MSI or bus mastering is on arrives when both are"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        g.command(NOP)
        g.enable_msi()
        wait_for(g.interrupted, 'interrupt after MSI was enabled')
        m.config_write(g.devfn, 4, 2, 2)
        g.command(NOP)
        check(not g.interrupted(), 'message without bus mastering')
        m.config_write(g.devfn, 4, 6, 2)
        wait_for(g.interrupted, 'interrupt after bus mastering was enabled')


@test
def root_wrap():
    """root ring: packets of every length wrap at every 4-byte boundary near its end; a full ring; a packet as large as it"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        for distance in range(4, 32, 4):
            fill = (RING - distance - g.root_written) % RING
            while fill:
                length = min(fill, 4096) if fill - min(fill, 4096) >= 12 or fill <= 4096 else fill - 12
                g.command(0, bytes(length - 12))
                fill -= length
            g.command(NOP)
            g.command(NOP, barriers=[(0, 0)])
        equal(g.reg(ROOT_CONSUMER), g.root_written, 'consumer')
        g.command(0, bytes(RING - 12))  # as large as the ring
        count = RING // 12
        data = b''.join(g.packet(NOP, stamp=g.root_stamp + 1 + i) for i in range(count))
        g.root_stamp += count
        g.put_many([data])
        g.wait_cell(0, g.root_stamp)


@test
def incomplete_packets():
    """header and packet arrive in parts: nothing happens before the last byte, nothing is refused"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        data = g.packet(0, bytes(20), 1)
        for i in range(0, len(data), 4):
            equal(g.cell(0), 0, f'cell after {i} bytes')
            g.put_root(data[i:i + 4])
        g.wait_cell(0, 1)
        g.root_stamp = 1
        g.command(NOP)
        equal(m.refusals(), {}, 'refusals')


@test
def child_scattered():
    """child channel with a scattered page list: 3000 packets, wraps, record and cell"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        c = Channel(g, 7, 3)
        for burst in range(30):
            for i in range(100):
                c.stamp += 1
                c.put(g.packet(0, bytes(4 * (i % 5)), c.stamp), ring=False)
            g.set_reg(CHILD_DOORBELL, 7)
            c.wait()
        equal(m.read(4, c.record + 4), c.written, 'consumer in the record')
        equal(m.read(4, c.record + 8), 0, 'unknown word of the record')
        wait_for(lambda: g.reg(STAMP_EVENTS) & 1 << 7, 'status bit of the channel')  # set after the cell
        equal(m.refusals(), {}, 'refusals')


@test
def counter_wrap():
    """a child's counters run across 2^32"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        c = Channel(g, 2, 2)
        g.command(DELETE_CHILD, u32(2))  # its counters move: nobody may look meanwhile
        start = 2 ** 32 - 3 * 12 - 4
        c.written = start
        m.put_bytes(c.record, u32(start, start))
        g.command(DEFINE_CHILD, u32(2))
        for _ in range(8):
            c.command(NOP)
        equal(m.read(4, c.record + 4), (start + 96) % 2 ** 32, 'consumer')
        equal(m.refusals(), {}, 'refusals')


@test
def early_doorbell():
    """a doorbell before DefineChildFIFO is not lost"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        ring, pages = g.alloc(1), g.alloc(1)
        m.put_bytes(pages, u32(ring // PAGE))
        m.put_bytes(ring, g.packet(NOP, stamp=1))
        m.put_bytes(g.root_page + 0x400 + 2 * 20, u32(12, 0, 0, 3, pages // PAGE))
        g.set_reg(CHILD_DOORBELL, 3)
        g.command(DEFINE_CHILD, u32(3))
        g.wait_cell(3, 1)


@test
def barriers():
    """barriers: cross-channel hold, own cell, wrapped values, index out of range, broken by DeleteChildFIFO"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        a, b = Channel(g, 1), Channel(g, 2)
        b.send(NOP, barriers=[(1, 2)])
        a.command(NOP)
        equal(g.cell(2), 0, 'held')
        g.command(NOP)
        a.command(NOP)
        b.wait()
        a.command(NOP, barriers=[(1, 2)])  # its own earlier command
        g.command(NOP, barriers=[(1, 0xfffffffe)])  # cell is ahead, counting wraps
        g.command(NOP, barriers=[(0x10001, 3)])  # index is masked
        g.command(NOP, barriers=[(0xffff, 5)])  # no such cell: runs
        equal(m.refusals().get('barrier-index'), 1, 'index out of range')
        b.send(NOP, barriers=[(1, 1000)])
        wait_for(lambda: any(f['channel'] == 2 and 'barrier' in f['state'] for f in m.report()['fifos']), 'channel 2 waits')
        a.command(NOP)
        g.command(DELETE_CHILD, u32(2))
        equal(g.cell(2), 1, 'cell of the deleted channel')
        g.command(NOP, barriers=[(1, 1)] * 32)


@test
def device_info():
    """GetDeviceInfo: no key at or above the limit, zero tail, nothing beyond capacity or page, reply before the stamp"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        for limit in (7, 14, 18, 42, 45):
            for capacity in (0, 1, 3, 512, 100000):
                page = g.alloc(3)
                m.fill(page, 3 * PAGE, 0xcc)
                g.command(GET_DEVICE_INFO, u32(limit, capacity, page // PAGE + 1))
                data = m.get_bytes(page, 3 * PAGE)
                equal(set(data[:PAGE] + data[2 * PAGE:]), {0xcc}, f'neighbours, limit {limit}, capacity {capacity}')
                pairs = list(struct.iter_unpack('<II', data[PAGE:2 * PAGE]))
                room = min(capacity, 512)
                keys = [k for k, _ in pairs[:room] if k]
                check(all(1 <= k < limit and k != 43 for k in keys), f'keys {keys} with limit {limit}')
                equal(len(keys), len(set(keys)), 'a key twice')
                equal(set(pairs[len(keys):room]) | {(0, 0)}, {(0, 0)}, 'tail')
                equal(set(pairs[room:]) | {(0xcccccccc, 0xcccccccc)}, {(0xcccccccc, 0xcccccccc)}, 'beyond the capacity')
                if capacity == 512:
                    check(1 in keys, f'key 1 is missing, limit {limit}')
        g.command(GET_DEVICE_INFO, u32(45, 512, 0))
        equal(m.refusals(), {}, 'refusals')


# Commands that cannot be served: a stamp, a named refusal, no effect. (opcode, payload, reason)
REFUSED = (
    (0x0d, b'', 'opcode-unknown'), (0x1d, b'', 'opcode-unknown'), (0x46, b'', 'opcode-unknown'),
    (0xffff, b'', 'opcode-unknown'), (0x1f, b'', 'opcode-deprecated'), (0x2d, u32(45, 1), 'opcode-deprecated'),
    (0x32, b'', 'opcode-deprecated'), (NOP, u32(1), 'payload-nop'),
    (DEFINE_CHILD, b'', 'payload-short'), (0x38, bytes(12), 'payload-short'), (0x20, b'', 'payload-short'),
    (0x33, bytes(8), 'payload-short'), (GET_DEVICE_INFO, bytes(8), 'payload-short'), (0x39, bytes(16), 'payload-short'),
    (0x22, bytes(16), 'payload-short'), (0x01, bytes(4), 'payload-short'), (CURSOR_SHOW, bytes(4), 'payload-short'),
    (0x06, bytes(8), 'payload-short'), (0x07, bytes(32), 'payload-short'), (0x04, bytes(40), 'payload-short'),
    (DEFINE_CHILD, u32(0), 'channel-id'), (DEFINE_CHILD, u32(65), 'channel-id'),
    (DEFINE_CHILD, u32(0xffffffff), 'channel-id'), (DELETE_CHILD, u32(0x80000000), 'channel-id'),
    (DELETE_CHILD, u32(9), 'channel-none'), (ONLINE_ACK, u32(0, 1), 'ack-unexpected'),
    (SWAP_MAPPING, u32(0, 0, 9), 'mapping-unsupported'), (MAP_MEMORY, struct.pack('<IQQ', 99, PAGE, PAGE), 'task-none'),
    (GET_DEVICE_INFO, u32(45, 512, 0xfffff), 'reply-not-ram'), (GET_DEVICE_INFO, u32(45, 512, 0xffffffff), 'reply-not-ram'),
    (0x33, u32(99, 1, 16), 'task-none'), (0x34, u32(0, 0xffffffff), 'payload-count'),
    (0x35, u32(0, 0x40000000), 'payload-count'),
)


@test
def refused_commands():
    """commands that cannot be served: stamped, refused by name, counted once, nothing else happens"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        want = {}
        for opcode, payload, reason in REFUSED:
            g.command(opcode, payload)
            want[reason] = want.get(reason, 0) + 1
            have = m.refusals()
            equal(have.get(reason), want[reason], f'opcode {opcode:#x}, payload {payload.hex()}: {have}')
        g.command(NOP)
        equal(g.reg(INTR_FAULT), 0, 'fault')


@test
def log_rate():
    """thousands of refusals of one kind: all counted and stamped, a few lines on QEMU's standard error, named"""
    start = time.monotonic()
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        for _ in range(3):
            g.put_many([g.packet(0x0d, stamp=g.root_stamp + 1 + i) for i in range(4000)])
            g.root_stamp += 4000
            g.wait_cell(0, g.root_stamp)
        equal(m.refusals(), {'opcode-unknown': 12000}, 'refusals')
        lines = [line for line in m.messages().splitlines() if 'opcode-unknown' in line]
        check(1 <= len(lines) <= 8 + (time.monotonic() - start) / 2.5, f'{len(lines)} lines')  # four in ten seconds
        check(all('g: refused (opcode-unknown, ' in line and 'channel 0' in line for line in lines), lines[0])
        before = len(m.messages().splitlines())
        g.command(NOP, u32(1))
        check(any('payload-nop' in line for line in m.messages().splitlines()[before:]), 'another kind has no line')


@test
def reply_into_rom():
    """a reply page in ROM, in the device's own window or behind RAM is refused, ROM unchanged"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        rom = m.get_bytes(0xfffff000, PAGE)
        for gpa in (0xfffff000, g.bar, 64 << 20, 0x100000000):
            g.command(GET_DEVICE_INFO, u32(45, 512, gpa // PAGE))
        equal(m.refusals().get('reply-not-ram'), 4, 'refusals')
        equal(m.get_bytes(0xfffff000, PAGE), rom, 'ROM')


# Packets that lose the framing: (header words, reason)
FRAMING = ((u32(NOP, 0, 1), 'packet-length'), (u32(NOP, 8, 1), 'packet-length'), (u32(NOP, RING + 4, 1), 'packet-length'),
           (u32(NOP, 0xfffffffc, 1), 'packet-length'), (u32(NOP, 14, 1), 'packet-length'),
           (u32(NOP | 1 << 16, 12, 1), 'packet-barriers'), (u32(NOP | 0xffff << 16, 1024, 1), 'packet-barriers'))


@test
def framing_lost():
    """lost framing stops that FIFO only: fault bit, interrupt, others go on, resume discards and continues"""
    with Machine(DEVICE) as m:
        g = Guest(m).start()
        a, b = Channel(g, 1), Channel(g, 2)
        seen = {}
        for i, (words, reason) in enumerate(FRAMING):
            g.reg(STAMP_EVENTS), g.interrupted()
            a.put(words + bytes(64), ring=True)
            wait_for(lambda: m.refusals().get(reason, 0) > seen.get(reason, 0), f'{reason} for {words.hex()}')
            seen[reason] = seen.get(reason, 0) + 1
            equal(wait_for(lambda: g.reg(INTR_FAULT), 'fault bit'), 1 << 1, 'fault register')
            equal(g.reg(INTR_FAULT), 0, 'fault register after the read')
            wait_for(g.interrupted, 'interrupt')
            b.command(NOP)
            g.command(NOP)
            g.set_reg(CHILD_RESUME, 1)
            wait_for(lambda: m.read(4, a.record + 4) == a.written, 'everything before the resume is discarded')
            a.command(NOP)
        equal(g.cell(1), len(FRAMING), 'stamps of the channel that lost its framing')


@test
def root_framing():
    """lost framing on root: fault bit 0, resume by 0x1024, and by FIFO_CONTROL 0 and 1"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        g.put_root(u32(NOP, 4, 1))
        equal(wait_for(lambda: g.reg(INTR_FAULT), 'fault bit'), 1, 'fault register')
        g.set_reg(ROOT_RESUME, 1)
        wait_for(lambda: g.reg(ROOT_CONSUMER) == g.root_written, 'discarded')
        g.command(NOP)
        g.put_root(u32(NOP, 4, 1))
        wait_for(lambda: g.reg(INTR_FAULT), 'second fault')
        g.set_reg(FIFO_CONTROL, 0)
        m.fill(g.root, PAGE)
        g.start_root()
        g.command(NOP)
        equal(g.reg(INTR_FAULT), 0, 'fault register')


@test
def producer_ahead():
    """a producer ahead by more than the ring is a fault, on root and on a child"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        c = Channel(g, 4, 1)
        m.write(4, c.record, PAGE + 4)
        g.set_reg(CHILD_DOORBELL, 4)
        equal(wait_for(lambda: g.reg(INTR_FAULT), 'fault of the child'), 1 << 4, 'fault register')
        g.command(NOP)
        g.set_reg(ROOT_PRODUCER, g.root_written + RING + 4)
        equal(wait_for(lambda: g.reg(INTR_FAULT), 'fault of root'), 1, 'fault register')
        equal(m.refusals().get('counter-range'), 2, 'refusals')


@test
def root_geometry():
    """a root FIFO that cannot be one is refused, a good one afterwards works"""
    with Machine(DEVICE) as m:
        g = Guest(m)
        g.enable()
        g.root, g.root_page = g.alloc(16), g.alloc(1)
        good = (g.root // PAGE, 0x10000, PAGE)
        for pfn, length, start in ((0, 0x10000, PAGE), (good[0], 0, PAGE), (good[0], 0x20004, PAGE), (good[0], PAGE, PAGE),
                                   (good[0], 0x10002, PAGE), (good[0], 0xffffffff, PAGE), (0xfffff, 0x10000, PAGE),
                                   (0xffffffff, 0x10000, PAGE), ((64 << 20) // PAGE - 8, 0x10000, PAGE),
                                   (g.bar // PAGE, 0x4000, PAGE)):
            before = sum(m.refusals().values())
            for register, value in ((ROOT_FIFO_PFN, pfn), (ROOT_FIFO_LENGTH, length), (ROOT_FIFO_START, start),
                                    (FIFO_CONTROL, 1), (ROOT_PRODUCER, 12)):
                g.set_reg(register, value)
            wait_for(lambda: sum(m.refusals().values()) > before, f'refusal of {pfn:#x} {length:#x} {start:#x}')
            g.set_reg(FIFO_CONTROL, 0)
        check(set(m.refusals()) <= {'root-geometry', 'root-not-ram'}, m.refusals())
        g.start_root()
        g.command(NOP)


@test
def bad_rings():
    """page lists and ring pages outside RAM make that channel unusable only"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        pages = g.alloc(1)
        for number, (entries, reason) in enumerate(((u32(0), 'ring-empty'), (u32(0xffffffff), 'ring-not-ram'),
                                                    (u32(g.bar // PAGE), 'ring-not-ram'),
                                                    (u32(pages // PAGE, 0x7ffffff), 'ring-not-ram')), 1):
            m.put_bytes(pages, entries + u32(0))
            m.put_bytes(g.root_page + 0x400 + (number - 1) * 20, u32(12, 0, 0, number, pages // PAGE))
            before = m.refusals().get(reason, 0)
            g.command(DEFINE_CHILD, u32(number))
            g.set_reg(CHILD_DOORBELL, number)
            wait_for(lambda: m.refusals().get(reason, 0) > before, f'{reason} of channel {number}')
        m.put_bytes(g.root_page + 0x400 + 4 * 20, u32(12, 0, 0, 5, 0xfffff))
        before = m.refusals().get('ring-not-ram', 0)
        g.command(DEFINE_CHILD, u32(5))
        g.set_reg(CHILD_DOORBELL, 5)
        wait_for(lambda: m.refusals().get('ring-not-ram', 0) > before, 'list outside RAM')
        for number in (0, 65, 0x80000000, 0xffffffff):
            before = m.refusals().get('doorbell-channel', 0)
            g.set_reg(CHILD_DOORBELL, number)
            equal(m.refusals().get('doorbell-channel'), before + 1, f'doorbell of channel {number:#x}')
        Channel(g, 9).command(NOP)


@test
def stamp_rules():
    """a stamp is the guest's value; a rewind is not stored; an index beyond the cells is never written"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        c = Channel(g, 6)
        for stamp in (0x100, 0x7fffff00, 0xf0000000, 0xfffffff0, 5):
            c.put(g.packet(NOP, stamp=stamp))
            g.wait_cell(6, stamp)
        c.put(g.packet(NOP, stamp=3))
        wait_for(lambda: m.refusals().get('stamp-rewind') == 1, 'refusal of the rewind')
        equal(g.cell(6), 5, 'cell after the rewind')
        c.put(g.packet(NOP, stamp=7))
        g.wait_cell(6, 7)
        behind = m.get_bytes(g.root + PAGE, PAGE)
        pages, ring = g.alloc(1), g.alloc(1)
        m.put_bytes(pages, u32(ring // PAGE))
        m.put_bytes(ring, g.packet(NOP, stamp=0x11111111))
        m.put_bytes(g.root_page + 0x400 + 7 * 20, u32(12, 0, 0, 1024 + 8, pages // PAGE))
        g.command(DEFINE_CHILD, u32(8))
        g.set_reg(CHILD_DOORBELL, 8)
        wait_for(lambda: m.refusals().get('stamp-index'), 'stamp index')
        equal(m.get_bytes(g.root + PAGE + 64, PAGE - 64), behind[64:], 'ring behind the stamp cells')


@test
def teardown_cycles():
    """FIFO_CONTROL 0 and 1, 50 times with work in flight: the write of 0 ends all access to guest memory"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        free = g.next_free
        for i in range(50):
            c = Channel(g, 1 + i % 8, 1)
            for _ in range(200):
                c.stamp += 1
                c.put(g.packet(NOP, stamp=c.stamp), ring=False)
            g.set_reg(CHILD_DOORBELL, c.id)
            g.set_reg(FIFO_CONTROL, 0)
            equal(g.reg(FIFO_CONTROL), 0, 'control')
            pattern = bytes([i + 1]) * PAGE
            m.put_bytes(g.root, pattern)
            m.put_bytes(c.pages[0], pattern)
            before = m.get_bytes(g.root_page, PAGE)
            g.set_reg(CHILD_DOORBELL, c.id)
            m.qmp('query-status')
            equal(m.get_bytes(g.root, PAGE), pattern, 'stamp cells afterwards')
            equal(m.get_bytes(c.pages[0], PAGE), pattern, 'ring afterwards')
            equal(m.get_bytes(g.root_page, PAGE), before, 'records afterwards')
            g.next_free = free
            m.fill(g.root, 0x10000)
            m.fill(g.root_page, PAGE)
            g.start_root()
            g.root_stamp = 0


@test
def system_reset():
    """system_reset, 100 times with work in flight: registers as at the start, guest RAM untouched afterwards"""
    with Machine(DEVICE) as m:
        for i in range(100):
            g = Guest(m, ram_start=0x200000 + i * 0x80000).start()
            g.reg(STAMP_EVENTS)
            c = Channel(g, 3, 2)
            for _ in range(300):
                c.stamp += 1
                c.put(g.packet(NOP, stamp=c.stamp), ring=False)
            g.set_reg(CHILD_DOORBELL, 3)
            m.reset()
            used = m.get_bytes(0x200000 + i * 0x80000, 0x20000)
            g.enable()
            for register in (FIFO_CONTROL, VERSION, STAMP_EVENTS, DISPLAY_EVENTS, INTR_FAULT, ROOT_CONSUMER, ROOT_PAGE_PFN):
                equal(g.reg(register), 0, f'register {register:#x} after reset {i}')
            g.set_reg(CHILD_DOORBELL, 3)
            m.qmp('query-status')
            equal(m.get_bytes(0x200000 + i * 0x80000, 0x20000), used, 'guest RAM afterwards')


@test
def stopped_vm():
    """stop: doorbells are kept, nothing runs; cont: work goes on"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        m.qmp('stop')
        g.root_stamp += 1
        g.put_root(g.packet(NOP, stamp=g.root_stamp))
        equal(g.reg(VERSION), 6, 'registers answer')
        m.qmp('query-status')
        equal(g.cell(0), 0, 'stamp while stopped')
        m.qmp('cont')
        g.wait_cell(0, g.root_stamp)


@test
def strict():
    """strict=on: an invalid command, and a wait that cannot be decided, are stamped, then the FIFO stops with a fault"""
    with Machine(DEVICE + ',strict=on') as m:
        g = Guest(m).start(msi=False)
        c = Channel(g, 3)
        for opcode, barriers, reason in ((0x1d, [], 'opcode-unknown'), (NOP, [(0xffff, 5)], 'barrier-index')):
            c.command(opcode, barriers=barriers)
            equal(wait_for(lambda: g.reg(INTR_FAULT), f'fault bit of {reason}'), 1 << 3, 'fault register')
            equal(m.refusals().get(reason), 1, reason)
            c.send(NOP)
            g.command(NOP)
            equal(g.cell(3), c.stamp - 1, 'parked')
            g.set_reg(CHILD_RESUME, 3)
            c.wait()


@test
def record():
    """record=FILE from the start and at run time; empty ends it; a file that cannot be written is refused"""
    with Machine(DEVICE) as m:
        g = Guest(m).start(msi=False)
        first, second = m.path('first'), m.path('second')
        m.set('record', first)
        g.command(NOP)
        m.set('record', second)
        size = os.path.getsize(first)
        check(size > 0, 'first record is empty')
        g.command(NOP)
        m.set('record', '')
        equal(os.path.getsize(first), size, 'first record after the second began')
        check(os.path.getsize(second) > 0, 'second record is empty')
        size = os.path.getsize(second)
        g.command(NOP)
        equal(os.path.getsize(second), size, 'second record after the end')
        m.qmp_error('qom-set', path='/machine/peripheral/g', property='record', value='/nowhere/file')
        equal(m.get('record'), '', 'record')
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'record')
        with Machine(f'{DEVICE},record={path}') as m:
            Guest(m).start(msi=False).command(NOP)
            equal(m.get('record'), path, 'record')
        check(os.path.getsize(path) > 0, 'record from the start is empty')
