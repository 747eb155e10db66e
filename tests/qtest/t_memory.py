# SPDX-License-Identifier: MIT
# Tasks, page tables, objects and hostile values, seen through what a present can reach. (memory 12, 14.3)
import struct

from guest import (DEFINE_TASK, DELETE_OBJECT, DELETE_SURFACE, DELETE_TASK, MAP_MEMORY, PAGE, SET_OBJECT_LIST, TRANSACTION2,
                   UNMAP_MEMORY, Display, Guest, Surface, u32)
from harness import check, equal, test
from machine import Failure, Machine, Skip, wait_for

DEVICE = 'apple-gfx-pci,id=g,modes=64x48@60'
RED, GREEN = b'\x00\x00\xff\xff', b'\x00\xff\x00\xff'


class Scene:
    """A guest with the kernel task, a display and a red surface on it."""

    def __init__(self, machine, **start):
        self.m = machine
        self.g = Guest(machine, **start).start(msi=False)
        self.t = self.g.task()
        self.d = Display(self.g)
        self.s = Surface(self.t, 1, 64, 48)
        self.s.draw(lambda x, y: RED)
        self.d.present(self.s)
        self.shows((255, 0, 0), 'the red surface')

    def shows(self, rgb, what):
        wait_for(lambda: self.m.screendump() == (64, 48, bytes(rgb) * (64 * 48)), f'picture of {what}')


@test
def scattered_surface():
    """a surface of scattered pages is shown; rewritten content shows at the next present; unmap and remap"""
    with Machine(DEVICE) as m:
        scene = Scene(m)
        scene.s.draw(lambda x, y: GREEN)
        scene.d.present(scene.s)
        scene.shows((0, 255, 0), 'the rewritten surface')
        # The same addresses on other pages.
        count = len(scene.s.pages)
        scene.t.unmap(scene.s.va, count)
        old = scene.s.pages
        start = scene.g.alloc(count)
        scene.s.pages = [start + (count - 1 - i) * PAGE for i in range(count)]
        scene.t.map_at(scene.s.va, scene.s.pages)
        scene.s.draw(lambda x, y: b'\xff\x00\x00\xff')
        for page in old:
            m.fill(page, PAGE, 0x55)
        scene.d.present(scene.s)
        scene.shows((0, 0, 255), 'the moved surface')
        equal(m.refusals(), {}, 'refusals')


@test
def late_mapping():
    """a present of a surface that is mapped a moment later shows it"""
    with Machine(DEVICE) as m:
        scene = Scene(m)
        s = Surface(scene.t, 2, 64, 48)
        s.draw(lambda x, y: GREEN)
        entries = [(scene.t.entry(s.va + i * PAGE), page) for i, page in enumerate(s.pages)]
        m.put_bytes(entries[-1][0], u32(0))
        scene.d.channel.send(TRANSACTION2, u32(0, 2, 0))
        m.put_bytes(entries[-1][0], u32(entries[-1][1] // PAGE))
        scene.d.channel.wait()
        if not m.refusals().get('surface-timeout'):  # a slow machine may be later than 50 ms
            scene.shows((0, 255, 0), 'the late surface')
        else:
            scene.shows((255, 0, 0), 'the picture before')


@test
def hostile_tasks():
    """task definitions that cannot work: refused when used, by name; the picture stays; a good one works again"""
    with Machine(DEVICE) as m:
        scene = Scene(m)
        g, t = scene.g, scene.t
        bad_root, deep, flat, wild = g.alloc(1), g.alloc(1), g.alloc(1), g.alloc(1)
        m.put_bytes(bad_root, u32(0, 3))
        m.put_bytes(deep, u32(t.root // PAGE, 5))
        m.put_bytes(flat, u32(t.root // PAGE, 0))
        m.put_bytes(wild, u32(0x7ffffff, 3))
        for pfn, reason in ((0, 'directory-none'), (0x7fffffff, 'directory-not-ram'), (bad_root // PAGE, 'table-root-none'),
                            (deep // PAGE, 'table-depth'), (flat // PAGE, 'table-depth'), (wild // PAGE, 'table-not-ram')):
            g.command(DEFINE_TASK, struct.pack('<IQI', 1, 1 << 34, pfn))
            g.command(SET_OBJECT_LIST, u32(0, 1, 4096))
            before = m.refusals()
            scene.d.present(scene.s)
            # A present gives the guest time to repair a slot that cannot be read; then it says so.
            check(any(m.refusals().get(r, 0) > before.get(r, 0) for r in (reason, 'surface-timeout')),
                  f'{reason} is not counted: {m.refusals()}')
            scene.shows((255, 0, 0), 'the picture before')
        g.command(DEFINE_TASK, struct.pack('<IQI', 1, 1 << 34, t.directory // PAGE))
        before = m.refusals().get('list-none', 0)
        scene.d.present(scene.s)
        check(m.refusals().get('list-none', 0) > before, 'no list after a redefinition')
        g.command(SET_OBJECT_LIST, u32(0, 1, 4096))
        scene.s.draw(lambda x, y: GREEN)
        scene.d.present(scene.s)
        scene.shows((0, 255, 0), 'the surface of the good definition')


@test
def hostile_entries():
    """page-table entries: holes, corrupt ones, targets outside RAM; bit 31 is ignored"""
    with Machine(DEVICE) as m:
        scene = Scene(m)
        g, t, s = scene.g, scene.t, scene.s
        entry = t.entry(s.va + PAGE)
        good = m.read(4, entry)
        for value, reasons in ((0x80000000, ('table-corrupt',)), (0x7fffffff, ('table-target',)),
                               (g.bar // PAGE, ('table-target',)), (0, ('table-hole', 'surface-timeout'))):
            m.write(4, entry, value)
            before = sum(m.refusals().values())
            scene.d.present(s)
            check(sum(m.refusals().values()) > before and any(m.refusals().get(r) for r in reasons),
                  f'entry {value:#x}: {m.refusals()}')
            scene.shows((255, 0, 0), 'the picture before')
        m.write(4, entry, good | 0x80000000)
        s.draw(lambda x, y: GREEN)
        scene.d.present(s)
        scene.shows((0, 255, 0), 'the surface with bit 31 in an entry')


# Descriptors of surfaces that must be refused: change of (length, page, fourcc, planes, offset, width, height, packed), reason
DESCRIPTORS = (
    ({'length': 0}, 'surface-empty'), ({'page': 0}, 'surface-empty'), ({'planes': 0}, 'surface-planes'),
    ({'planes': 9}, 'surface-planes'), ({'planes': 2}, 'surface-planes'), ({'width': 0}, 'surface-edge'),
    ({'height': 0}, 'surface-edge'), ({'width': 8193}, 'surface-edge'), ({'height': 8193}, 'surface-edge'),
    ({'width': 0xffffffff}, 'surface-edge'), ({'height': 0xffffffff}, 'surface-edge'),
    ({'packed': 252 | 4 << 24}, 'surface-stride'), ({'packed': 0}, 'surface-stride'),
    ({'offset': 4}, 'surface-bounds'), ({'offset': 0xffffffff}, 'surface-bounds'),
    ({'packed': 0xffffff | 4 << 24}, 'surface-bounds'), ({'length': 64 * 48 * 4 - 1}, 'surface-bounds'),
    ({'length': (1 << 30) + 1}, 'surface-large'), ({'length': 1 << 63}, 'surface-large'),
    ({'fourcc': 0x34323066}, 'surface-format'), ({'fourcc': 0}, 'surface-format'), ({'fourcc': 0x12345678}, 'surface-format'),
)


@test
def hostile_descriptors():
    """surface descriptors that lie: each refused by its name, stamped, the picture stays"""
    with Machine(DEVICE) as m:
        scene = Scene(m)
        for i, (change, reason) in enumerate(DESCRIPTORS):
            fields = {'length': scene.s.length, 'page': scene.s.va // PAGE, 'fourcc': 0x42475241, 'planes': 1, 'offset': 0,
                      'width': 64, 'height': 48, 'packed': 256 | 4 << 24, **change}
            scene.t.slot(100 + i, 4, struct.pack('<QIIB3xIIII', *fields.values()))
            before = m.refusals().get(reason, 0)
            scene.d.channel.command(TRANSACTION2, u32(0, 100 + i, 0))
            check(m.refusals().get(reason, 0) > before, f'{change}: want {reason}, have {m.refusals()}')
        scene.shows((255, 0, 0), 'the picture before')


@test
def hostile_slots():
    """object slots: out of the list, empty, another type, too short, too long, descriptor not mapped"""
    with Machine(DEVICE) as m:
        scene = Scene(m)
        t = scene.t
        t.slot(10, 1, bytes(16))
        t.slot(11, 4, bytes(16))
        good_va = struct.unpack('<IQ', m.get_bytes(t.list + 12, 12))[1]
        t.set_slot(12, 4, 0, good_va)
        t.set_slot(13, 4, 36, 0)
        t.set_slot(14, 4, 0xffffff, good_va)
        t.set_slot(15, 4, 36, 0x3f0000000)
        t.set_slot(16, 4, 36, 0xfffffffffffffff0)
        for number, reasons in ((4096, {'list-index'}), (0xffffffff, {'list-index'}), (10, {'object-type'}),
                                (11, {'descriptor-short'}), (12, {'slot-empty', 'surface-timeout'}),
                                (13, {'slot-empty', 'surface-timeout'}), (14, {'descriptor-long'}),
                                (15, {'slot-unreadable', 'table-hole', 'surface-timeout'}),
                                (16, {'slot-unreadable', 'va-range', 'surface-timeout'})):
            before = {r: m.refusals().get(r, 0) for r in reasons}
            scene.d.channel.command(TRANSACTION2, u32(0, number, 0))
            have = m.refusals()
            check(any(have.get(r, 0) > before[r] for r in reasons), f'slot {number}: want one of {reasons}, have {have}')
        before = m.refusals()
        scene.d.channel.command(TRANSACTION2, u32(0, 0, 0))  # surface 0: nothing, and no refusal
        equal(m.refusals(), before, 'refusals after surface 0')
        scene.shows((255, 0, 0), 'the picture before')


@test
def hostile_objects():
    """destroy records that lie, surfaces on the device's own pages, one task more than there may be: refused by name"""
    with Machine(DEVICE) as m:
        scene = Scene(m)
        g, t = scene.g, scene.t
        for payload, reason in ((u32(0, 0x999, 12, 5), 'object-unknown-kind'), (u32(0, 0x3e8, 8, 5), 'record-length'),
                                (u32(0, 0x3e8, 0xfffffffc, 5), 'record-length'), (u32(9, 0x3e8, 12, 5), 'task-none')):
            before = m.refusals().get(reason, 0)
            g.command(DELETE_OBJECT, payload)
            equal(m.refusals().get(reason), before + 1, f'{payload.hex()}: {m.refusals()}')
        s = Surface(t, 2, 64, 48)
        for i, page in enumerate((g.root, g.root + 0xf000, g.root_page, scene.d.channel.pages[0], scene.d.channel.list,
                                  t.directory), 1):
            m.put_bytes(t.entry(s.va + PAGE), u32(page // PAGE))
            scene.d.channel.command(TRANSACTION2, u32(0, 2, 0))
            equal(m.refusals().get('surface-collision'), i, f'surface on page {page:#x}: {m.refusals()}')
        scene.shows((255, 0, 0), 'the picture before')
        for number in range(1, 4096, 1000):
            count = min(1000, 4096 - number)
            g.put_many([g.packet(DEFINE_TASK, struct.pack('<IQI', (number + i) << 1, 1 << 33, t.directory // PAGE),
                                 g.root_stamp + 1 + i) for i in range(count)])
            g.root_stamp += count
            g.wait_cell(0, g.root_stamp)
        equal((m.report()['tasks'], m.refusals().get('task-limit')), (4096, None), 'live tasks')
        g.command(DEFINE_TASK, struct.pack('<IQI', 0xfffffffe, 1 << 33, t.directory // PAGE))
        equal((m.report()['tasks'], m.refusals().get('task-limit')), (4096, 1), 'live tasks, one more')
        scene.s.draw(lambda x, y: GREEN)
        scene.d.present(scene.s)
        scene.shows((0, 255, 0), 'the surface afterwards')


@test
def hostile_callbacks():
    """tasks=callbacks: ranges in ROM, windows, holes, beyond RAM are refused whole; tasks are separate (D2, F10, F13, F16)"""
    with Machine(DEVICE + ',tasks=callbacks', shared_ram=True) as m:
        scene = Scene(m)
        g, t, s = scene.g, scene.t, scene.s
        middle = t.entry(s.va + PAGE)
        good = m.read(4, middle)
        for pfn in (0xfffff, g.bar // PAGE, 0xe0000, (64 << 20) // PAGE, 0x7fffffff):
            m.write(4, middle, pfn)
            before = m.refusals().get('task-map', 0)
            g.command(MAP_MEMORY, struct.pack('<IQQ', 0, s.va, len(s.pages) * PAGE))
            equal(m.refusals().get('task-map', 0), before + 1, f'map of page {pfn:#x}: {m.refusals()}')
            m.write(4, middle, good)  # a map that is refused changes nothing: the old one is still there
            for colour, rgb in ((GREEN, (0, 255, 0)), (RED, (255, 0, 0))):
                s.draw(lambda x, y: colour)
                scene.d.present(s)
                scene.shows(rgb, f'the old mapping after page {pfn:#x}')
        for i, pfn in enumerate((g.bar // PAGE, 0xe0000, (64 << 20) // PAGE, 0x7fffffff), 1):  # a directory is read, not mapped
            g.command(DEFINE_TASK, struct.pack('<IQI', 5 << 1, 1 << 33, pfn))
            g.command(MAP_MEMORY, struct.pack('<IQQ', 5, PAGE, PAGE))
            equal(m.refusals().get('directory-not-ram'), i, f'directory in page {pfn:#x}: {m.refusals()}')
        # The same addresses in two tasks: what one loses the other keeps.
        other = g.task(6)
        other.map_at(s.va, [g.alloc(1) for _ in s.pages])
        g.command(UNMAP_MEMORY, struct.pack('<IQQ', 6, s.va, len(s.pages) * PAGE))
        g.command(DELETE_TASK, u32(6))
        s.draw(lambda x, y: GREEN)
        scene.d.present(s)
        scene.shows((0, 255, 0), 'the surface of the task that stays')


@test
def deleted_task():
    """delete: surface, then task; presents are refused, the picture stays; 300 definitions and deletions leave nothing"""
    with Machine(DEVICE) as m:
        scene = Scene(m)
        g = scene.g
        for number in range(1, 301):
            g.command(DEFINE_TASK, struct.pack('<IQI', number << 1, 1 << 33, scene.t.directory // PAGE))
            if number % 2:
                g.command(DELETE_TASK, u32(number))
        equal(m.report()['tasks'], 151, 'live tasks')
        for number in range(2, 301, 2):
            g.command(DELETE_TASK, u32(number))
        scene.t.set_slot(1, 0, 0, 0)
        g.command(DELETE_SURFACE, u32(1, 0))
        before = sum(m.refusals().values())
        scene.d.present(scene.s)
        check(sum(m.refusals().values()) > before, 'present of a deleted surface is not refused')
        g.command(DELETE_TASK, u32(0))
        before = m.refusals().get('task-none', 0)
        scene.d.present(scene.s)
        check(m.refusals().get('task-none', 0) > before, f'present without a task: {m.refusals()}')
        scene.shows((255, 0, 0), 'the picture before')
        equal(m.report()['tasks'], 0, 'live tasks at the end')


@test
def callback_mode():
    """tasks=callbacks on shared memory: the same pictures, tasks viewed through the VMM's mappings"""
    with Machine(DEVICE + ',tasks=callbacks', shared_ram=True) as m:
        scene = Scene(m)
        scene.s.draw(lambda x, y: GREEN)
        scene.d.present(scene.s)
        scene.shows((0, 255, 0), 'the rewritten surface')
        # What the library only reads (rings) it cannot write: F8. QEMU's own mapping of that memory is one, and writable.
        with open(f'/proc/{m.process.pid}/maps') as f:
            kinds = [line.split()[1] for line in f if 'memfd:' in line]
        check('r--s' in kinds and kinds.count('rw-s') > 1, f'mappings of guest memory: {sorted(set(kinds))}')
        m.reset()
        scene = Scene(m, ram_start=0x1000000)
    with Machine(DEVICE + ',tasks=callbacks', args=['-object', 'memory-backend-ram,id=ram,size=64M,share=on', '-M',
                                                    'memory-backend=ram']) as m:
        Scene(m)


@test
def ram_holes():
    """RAM split by firmware holes, several blocks: surfaces in each are shown"""
    with Machine(DEVICE, args=['-object', 'memory-backend-ram,id=d,size=64M', '-device', 'pc-dimm,memdev=d,id=dimm'],
                 ram_mib='64,slots=2,maxmem=1G') as m:
        Scene(m, ram_start=0x100000000)
    with Machine(DEVICE, shared_ram=True) as m:
        Scene(m)




@test
def many_pages():
    """tasks=callbacks: 100,000 single pages, more than a process may map, are refused by name; smaller ones still work"""
    with Machine(DEVICE + ',tasks=callbacks', shared_ram=True) as m:
        scene = Scene(m)
        g, t = scene.g, scene.t
        count, va = 100000, 0x40000000
        a, b = g.alloc(1), g.alloc(3) + 2 * PAGE
        t.entry(va)  # the nodes above
        for start in range(0, count, 1024):
            node = t.entry(va + start * PAGE) & ~(PAGE - 1)
            m.put_bytes(node, u32(a // PAGE, b // PAGE) * 512)
        g.command(MAP_MEMORY, struct.pack('<IQQ', 0, va, count * PAGE))
        equal(m.refusals().get('task-map'), 1, 'refusals')
        for i in range(3):
            g.command(MAP_MEMORY, struct.pack('<IQQ', 0, va, 20000 * PAGE))
            g.command(UNMAP_MEMORY, struct.pack('<IQQ', 0, va, 20000 * PAGE))
        equal(m.refusals().get('task-map'), 1, 'refusals after maps that fit, each undone')
        for i in range(4):
            g.command(MAP_MEMORY, struct.pack('<IQQ', 0, va + (i << 28), 20000 * PAGE))
        scene.s.draw(lambda x, y: GREEN)
        scene.d.present(scene.s)
        scene.shows((0, 255, 0), 'the surface afterwards')
        with open(f'/proc/{m.process.pid}/maps') as f:
            lines = len(f.readlines())
        limit = int(open('/proc/sys/vm/max_map_count').read())
        check(lines < limit * 0.8, f'{lines} mappings of {limit}')


@test
def huge_tasks():
    """tasks=callbacks: 64 GiB are reserved, not committed; a size that cannot be reserved is refused"""
    with Machine(DEVICE + ',tasks=callbacks', shared_ram=True) as m:
        scene = Scene(m)

        def resident():
            text = open(f'/proc/{m.process.pid}/status').read()
            return int(text.split('VmRSS:')[1].split()[0])
        before = resident()
        for number in range(1, 9):
            scene.g.command(DEFINE_TASK, struct.pack('<IQI', number << 1, 64 << 30, scene.t.directory // PAGE))
        check(resident() - before < 8192, f'{resident() - before} KiB more for 512 GiB of reservations')
        equal(m.refusals(), {}, 'refusals')
        for length in (1 << 48, 1 << 63, 0xfffffffffffff000):
            scene.g.command(DEFINE_TASK, struct.pack('<IQI', 99 << 1, length, scene.t.directory // PAGE))
        equal(m.refusals().get('task-length', 0) + m.refusals().get('task-create', 0), 3, 'refusals')
        scene.s.draw(lambda x, y: GREEN)
        scene.d.present(scene.s)
        scene.shows((0, 255, 0), 'the surface afterwards')


@test
def ram_comes_and_goes():
    """RAM in a BAR of another device: usable while mapped, refused when it has moved away, also under presents"""
    for tasks in ('table', 'callbacks'):
        try:
            m = Machine(DEVICE + f',addr=4,tasks={tasks}', 'ivshmem-plain,memdev=shm,addr=6', shared_ram=True,
                        args=['-object', 'memory-backend-memfd,id=shm,size=4M,share=on'])
        except Failure as e:
            if 'ivshmem' in str(e):
                raise Skip('this QEMU has no ivshmem-plain')
            raise
        with m:
            scene = Scene(m, slot=4)
            window = 0xe0000000
            m.config_write(6 << 3, 0x18, window)
            m.config_write(6 << 3, 0x1c, 0)
            m.config_write(6 << 3, 4, 2, 2)
            s = Surface(scene.t, 2, 64, 48)
            for i in range(3):
                s.pages[i] = window + 0x10000 + i * PAGE
            scene.t.map_at(s.va, s.pages)
            s.draw(lambda x, y: GREEN)
            scene.d.present(s)
            scene.shows((0, 255, 0), 'the surface in the window')
            for i in range(20):  # the window goes while presents are under way
                for _ in range(5):
                    scene.d.channel.send(TRANSACTION2, u32(0, 2, 0))
                m.config_write(6 << 3, 4, 0 if i % 2 == 0 else 2, 2)
            scene.d.channel.wait()
            m.config_write(6 << 3, 4, 0, 2)
            if tasks == 'table':
                before = m.refusals()
                scene.d.present(s)
                check(m.refusals() != before, 'present of a surface in a window that is gone is not refused')
            scene.d.present(scene.s)
            scene.shows((255, 0, 0), 'the first surface')


@test
def dimm_unplugged():
    """a DIMM is ejected while a task maps it and presents from it: named refusals, and nothing keeps its memory (J16)"""
    for tasks in ('table', 'callbacks'):
        with Machine(DEVICE + f',tasks={tasks}', ram_mib='64,slots=2,maxmem=2G',
                     args=['-object', 'memory-backend-ram,id=ram,size=64M,share=on', '-M', 'memory-backend=ram']) as m:
            scene = Scene(m)
            s = Surface(scene.t, 2, 64, 48)
            s.pages = [0x100000000 + i * 2 * PAGE for i in range(len(s.pages))]

            def mapped():
                m.qmp('query-status')
                with open(f'/proc/{m.process.pid}/maps') as f:
                    return m.path('dimm') in f.read()

            def map_again():
                """Times that it was refused."""
                before = m.refusals().get('task-map', 0)
                scene.t.map_at(s.va, s.pages)
                return m.refusals().get('task-map', 0) - before

            for _ in range(2):  # the second DIMM comes to the place of the first
                m.qmp('object-add', **{'qom-type': 'memory-backend-file', 'id': 'd', 'mem-path': m.path('dimm'),
                                       'size': 128 << 20, 'share': True})
                m.qmp('device_add', driver='pc-dimm', memdev='d', id='dimm')
                equal(map_again(), 0, 'refusals of the mapping')
                s.draw(lambda x, y: GREEN)
                scene.d.present(s)
                scene.shows((0, 255, 0), 'the surface in the DIMM')
                m.qmp('device_del', id='dimm')
                for _ in range(5):
                    scene.d.channel.send(TRANSACTION2, u32(0, 2, 0))
                # The guest's part, by ACPI: the first slot, eject. (QEMU: docs/specs/acpi_mem_hotplug)
                m._command('outl 0xa00 0')
                m._command('outb 0xa14 8')
                wait_for(lambda: m.qmp('query-memory-devices') == [], 'end of the DIMM')
                m.qmp('object-del', id='d')
                scene.d.channel.wait()
                before = m.refusals().get('table-target', 0)
                scene.d.present(s)
                equal(m.refusals().get('table-target'), before + 1, f'presents without the DIMM: {m.refusals()}')
                scene.d.present(scene.s)
                scene.shows((255, 0, 0), 'the first surface')
                if tasks == 'callbacks':  # what is mapped stays, what is not is refused
                    equal((map_again(), mapped()), (1, True), 'mapping without the DIMM')
                    scene.g.command(UNMAP_MEMORY, struct.pack('<IQQ', 0, s.va, len(s.pages) * PAGE))
                wait_for(lambda: not mapped(), 'the last reference to the DIMM')
