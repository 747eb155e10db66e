# SPDX-License-Identifier: MIT
#
# A small guest driver for the tests, over the qtest protocol: PCI, register window, root FIFO, child channels, tasks with
# page tables, surfaces and displays. Written from docs/spec (transport.md, memory.md, display.md), independent of the
# library's own tables (docs/decisions.md 11). Guest RAM is handed out once, front to back.
import struct

from machine import Failure, wait_for

PAGE = 4096

# Registers (transport 2)
FIFO_CONTROL, ROOT_FIFO_LENGTH, ROOT_PRODUCER, ROOT_CONSUMER, ROOT_FIFO_START = 0x1000, 0x1004, 0x1008, 0x100c, 0x1010
DISPLAY_EVENTS, STAMP_EVENTS, ROOT_PAGE_PFN, CHILD_DOORBELL, ROOT_RESUME = 0x1014, 0x1018, 0x101c, 0x1020, 0x1024
CHILD_RESUME, INTR_FAULT, ROOT_FIFO_PFN, VERSION = 0x1028, 0x102c, 0x1030, 0x1034
DISPLAY_DOORBELL, DISPLAY_PORTS = 0x1220, 0x122c

# Commands (transport 8.0)
SET_SHARED_PAGE, ONLINE_ACK, CURSOR_GLYPH, CURSOR_SHOW, TRANSACTION2, TRANSACTION3 = 0x01, 0x02, 0x04, 0x05, 0x06, 0x07
NOP, DELETE_TASK, UNMAP_MEMORY, DELETE_SURFACE, DEFINE_CHILD, DELETE_CHILD = 0x1e, 0x20, 0x22, 0x36, 0x30, 0x31
SET_OBJECT_LIST, DEFINE_TASK, MAP_MEMORY, GET_DEVICE_INFO, DELETE_OBJECT = 0x33, 0x38, 0x39, 0x3a, 0x28

# Events of a display (display 6.1)
EVENT_VBLANK, EVENT_TRANSACTION, EVENT_ONLINE, EVENT_OFFLINE = 1, 2, 4, 8


def u32(*values):
    return struct.pack(f'<{len(values)}I', *(v & 0xffffffff for v in values))


class Guest:
    def __init__(self, machine, slot=None, bar=0xfd000000, ram_start=0x200000):
        self.m = machine
        self.bar = bar
        self.next_free = ram_start
        self.page, self.first_display = PAGE, 5  # another front of the device has others
        self.devfn = self.find() if slot is None else slot << 3
        self.root_stamp = 0

    # PCI

    def find(self):
        for devfn in range(0, 256, 8):
            if self.m.config_read(devfn, 0) == 0xeeee106b:
                return devfn
        raise Failure('no function 106b:eeee on bus 0')

    def capability(self, wanted):
        """Offset of a capability in config space, or 0."""
        at = self.m.config_read(self.devfn, 0x34, 1)
        while at:
            if self.m.config_read(self.devfn, at, 1) == wanted:
                return at
            at = self.m.config_read(self.devfn, at + 1, 1)
        return 0

    def enable(self, bus_master=True):
        self.m.config_write(self.devfn, 0x10, self.bar)
        self.m.config_write(self.devfn, 4, 6 if bus_master else 2, 2)

    def enable_msi(self):
        """Messages go to a page of RAM, where self.interrupted() sees them."""
        cap = self.capability(5)
        self.msi_page = self.alloc(1)
        self.m.config_write(self.devfn, cap + 4, self.msi_page)
        self.m.config_write(self.devfn, cap + 8, 0)
        self.m.config_write(self.devfn, cap + 12, 0x5a, 2)
        self.m.config_write(self.devfn, cap + 2, 1, 2)

    def interrupted(self):
        """Whether a message came since the last call."""
        if not self.m.read(4, self.msi_page):
            return False
        self.m.write(4, self.msi_page, 0)
        return True

    # Registers and RAM

    def reg(self, offset, size=4):
        return self.m.read(size, self.bar + offset)

    def set_reg(self, offset, value, size=4):
        self.m.write(size, self.bar + offset, value)

    def alloc(self, pages, zero=True):
        at = self.next_free
        self.next_free += pages * self.page
        if zero:
            self.m.fill(at, pages * self.page)
        return at

    # Root FIFO (transport 4 and 5)

    def start(self, version=6, msi=True):
        self.enable()
        if msi:
            self.enable_msi()
        self.set_reg(VERSION, version)
        self.root_page = self.alloc(1)
        self.root = self.alloc(0x10000 // self.page)
        self.start_root()
        return self

    def start_root(self):
        self.set_reg(ROOT_PAGE_PFN, self.root_page // self.page)
        self.set_reg(ROOT_FIFO_PFN, self.root // self.page)
        self.set_reg(ROOT_FIFO_LENGTH, 0x10000)
        self.set_reg(ROOT_FIFO_START, self.page)
        self.set_reg(FIFO_CONTROL, 1)
        self.root_written = 0

    def cell(self, index):
        return self.m.read(4, self.root + 4 * index)

    @staticmethod
    def packet(opcode, payload=b'', stamp=0, barriers=()):
        total = 12 + 8 * len(barriers) + len(payload)
        return struct.pack('<HHII', opcode, len(barriers), total, stamp) + b''.join(u32(*b) for b in barriers) + payload

    def put_root(self, data, ring=True):
        size = 0x10000 - self.page
        for i in range(0, len(data), 4):
            self.m.put_bytes(self.root + self.page + (self.root_written + i) % size, data[i:i + 4])
        self.root_written += len(data)
        if ring:
            self.set_reg(ROOT_PRODUCER, self.root_written)

    def put_many(self, packets):
        """Puts whole packets in the root ring with as few accesses as possible, and rings."""
        size = 0x10000 - self.page
        data = b''.join(packets)
        at = self.root_written % size
        self.m.put_bytes(self.root + self.page + at, data[:size - at])
        self.m.put_bytes(self.root + self.page, data[size - at:])
        self.root_written = self.root_written + len(data) & 0xffffffff
        self.set_reg(ROOT_PRODUCER, self.root_written)

    def command(self, opcode, payload=b'', barriers=()):
        """Sends a command on root and waits for its stamp."""
        self.root_stamp += 1
        self.put_root(self.packet(opcode, payload, self.root_stamp, barriers))
        self.wait_cell(0, self.root_stamp)

    def wait_cell(self, index, stamp):
        wait_for(lambda: self.cell(index) == stamp, f'stamp {stamp} in cell {index}, have {self.cell(index)}')

    # Tasks (memory 1 and 2)

    def task(self, number=0, length=1 << 34, list_slots=4096):
        return Task(self, number, length, list_slots)


class Channel:
    """A child channel whose ring pages are scattered (transport 7)."""

    def __init__(self, guest, number, ring_pages=4):
        self.g, self.m, self.id = guest, guest.m, number
        self.list = guest.alloc(1)
        self.pages = []
        for _ in range(ring_pages):
            self.pages.append(guest.alloc(1))
            guest.alloc(1, zero=False)  # a hole between them
        self.pages.reverse()
        self.written = self.stamp = 0
        self.record = guest.root_page + 0x400 + (number - 1) * 0x14
        self.m.put_bytes(self.list, u32(*(p // guest.page for p in self.pages)))
        self.m.put_bytes(self.record, u32(0, 0, 0, number, self.list // guest.page))
        guest.command(DEFINE_CHILD, u32(number))

    def put(self, data, ring=True):
        page = self.g.page
        at, rest = self.written % (len(self.pages) * page), data
        while rest:
            piece, rest = rest[:page - at % page], rest[page - at % page:]
            self.m.put_bytes(self.pages[at // page] + at % page, piece)
            at = (at + len(piece)) % (len(self.pages) * page)
        self.written = self.written + len(data) & 0xffffffff
        self.m.write(4, self.record, self.written)
        if ring:
            self.g.set_reg(CHILD_DOORBELL, self.id)

    def send(self, opcode, payload=b'', barriers=()):
        self.stamp += 1
        self.put(self.g.packet(opcode, payload, self.stamp, barriers))
        return self.stamp

    def wait(self):
        self.g.wait_cell(self.id, self.stamp)

    def command(self, opcode, payload=b'', barriers=()):
        self.send(opcode, payload, barriers)
        self.wait()


class Task:
    """An address space with a page table of depth 3 and an object list at its page 1."""

    DEPTH = 3

    def __init__(self, guest, number, length, list_slots):
        self.g, self.m, self.id = guest, guest.m, number
        self.directory, self.root = guest.alloc(1), guest.alloc(1)
        self.nodes = {(): self.root}
        self.next_va = 0x1000000
        self.m.put_bytes(self.directory, u32(self.root // PAGE, self.DEPTH))
        raw = number << 1 | (number == 0)
        guest.command(DEFINE_TASK, struct.pack('<IQI', raw, length, self.directory // PAGE))
        self.list_slots = list_slots
        pages = (list_slots * 12 + PAGE - 1) // PAGE
        self.list = guest.alloc(pages)
        self.map_at(0x1000, [self.list + i * PAGE for i in range(pages)])
        guest.command(SET_OBJECT_LIST, u32(number, 1, list_slots))

    def entry(self, va):
        """Guest-physical address of the leaf entry of a page; makes the nodes above it."""
        page, path = va // PAGE, ()
        for level in range(self.DEPTH - 1):
            index = page >> 10 * (self.DEPTH - 1 - level) & 1023
            if path + (index,) not in self.nodes:
                node = self.g.alloc(1)
                self.m.put_bytes(self.nodes[path] + 4 * index, u32(node // PAGE))
                self.nodes[path + (index,)] = node
            path += (index,)
        return self.nodes[path] + 4 * (page & 1023)

    def map_at(self, va, pages):
        for i, gpa in enumerate(pages):
            self.m.put_bytes(self.entry(va + i * PAGE), u32(gpa // PAGE))
        self.g.command(MAP_MEMORY, struct.pack('<IQQ', self.id, va, len(pages) * PAGE))

    def map(self, pages):
        va = self.next_va
        self.next_va += (len(pages) + 1) * PAGE
        self.map_at(va, pages)
        return va

    def unmap(self, va, count):
        self.g.command(UNMAP_MEMORY, struct.pack('<IQQ', self.id, va, count * PAGE))
        for i in range(count):
            self.m.put_bytes(self.entry(va + i * PAGE), u32(0))

    def slot(self, number, kind, descriptor):
        """Publishes an object descriptor in the list."""
        page = self.g.alloc(1)
        self.m.put_bytes(page, descriptor)
        va = self.map([page])
        self.set_slot(number, kind, len(descriptor), va)

    def set_slot(self, number, kind, length, va):
        self.m.put_bytes(self.list + 12 * number, struct.pack('<IQ', kind | length << 8, va))


class Surface:
    """A type-4 surface of the kernel task whose pages are scattered (memory 5.3)."""

    def __init__(self, task, number, width, height, stride=None, fourcc=0x42475241):
        self.t, self.m, self.id = task, task.m, number
        self.width, self.height, self.stride = width, height, stride or width * 4
        self.length = self.stride * height
        count = (self.length + PAGE - 1) // PAGE
        start = task.g.alloc(count)
        # Odd pages first: the order of pages is not that of addresses.
        order = list(range(1, count, 2)) + list(range(0, count, 2))
        self.pages = [start + i * PAGE for i in order]
        self.va = task.map(self.pages)
        self.descriptor = struct.pack('<QIIB3xIIII', self.length, self.va // PAGE, fourcc, 1, 0, width, height,
                                      self.stride | 4 << 24)
        task.slot(number, 4, self.descriptor)

    def draw(self, color):
        """color(x, y) gives the four bytes B, G, R, A."""
        data = bytearray(self.length)
        for y in range(self.height):
            for x in range(self.width):
                data[y * self.stride + 4 * x:y * self.stride + 4 * x + 4] = color(x, y)
        self.put(data)

    def put(self, data):
        for i, page in enumerate(self.pages):
            self.m.put_bytes(page, data[i * PAGE:(i + 1) * PAGE])


class Display:
    """A display port with its channel and shared page (display 4 and 5)."""

    def __init__(self, guest, port=0, ring_pages=1):
        self.g, self.m, self.port = guest, guest.m, port
        self.channel = Channel(guest, guest.first_display + port, ring_pages)
        self.page = guest.alloc(1)
        self.m.put_bytes(self.page + 0xe00, u32(0xffffffff, 0))
        self.channel.command(SET_SHARED_PAGE, u32(port, self.page // guest.page))

    def pending(self):
        return self.m.read(4, self.page + 0x100)

    def enable(self, events):
        self.m.write(4, self.page + 0x104, events)

    def take(self):
        """Claims enabled events as a guest does. The CPU is us, so two accesses will do only while nothing races."""
        events = self.pending() & self.m.read(4, self.page + 0x104)
        self.m.write(4, self.page + 0x100, self.pending() & ~events & 0xffffffff)
        return events

    def online(self, events=EVENT_ONLINE | EVENT_OFFLINE):
        self.enable(events)
        self.acknowledge()
        return self

    def acknowledge(self):
        """Waits for an online event, takes it and answers."""
        wait_for(lambda: self.pending() & EVENT_ONLINE, 'online event')
        self.take()
        self.channel.command(ONLINE_ACK, u32(self.port, self.epoch()))
        self.take()  # the event is repeated until the acknowledgement was read, which may be late

    def epoch(self):
        return self.m.read(4, self.page + 0x200)

    def modes(self):
        count = self.m.read(2, self.page + 0x208)
        data = self.m.get_bytes(self.page + 0x210, 16 * count)
        return [(w, h, hz / 65536) for w, h, hz, _ in struct.iter_unpack('<HHIQ', data)]

    def present(self, surface):
        self.channel.command(TRANSACTION2, u32(self.port, surface.id if surface else 0, 0))

    def glyph(self, task, width, height, hot=(0, 0), color=b'\x00\x00\xff\xff', stride=None, length=None, va=None):
        stride = stride or width * 4
        data = b''.join((color * width).ljust(stride, b'\xee') for _ in range(min(height, 600)))
        pages = (len(data) + PAGE - 1) // PAGE
        if va is None:
            gpa = self.g.alloc(max(pages, 1))
            self.m.put_bytes(gpa, data)
            va = task.map([gpa + i * PAGE for i in range(max(pages, 1))])
        self.channel.command(CURSOR_GLYPH, struct.pack('<IIQQQHHHHI', self.port, task.id, va,
                                                       len(data) if length is None else length, stride, width, height,
                                                       hot[0], hot[1], 0))

    def move(self, x, y, visible=1):
        self.m.write(4, self.page + 0xe00, x | y << 16)
        self.m.write(4, self.page + 0xe04, visible)
        self.g.set_reg(DISPLAY_DOORBELL, self.port)
