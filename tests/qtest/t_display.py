# SPDX-License-Identifier: MIT
# Displays from outside: shared page, handshake, events, presents compared by value in a screendump, pointer, modes, several
# displays and devices, reset. (display 16: H1, H2, H3, H5, H7, H10, H11, H13 to H17, H19)
import struct
import time

from guest import (CURSOR_SHOW, DELETE_CHILD, DISPLAY_DOORBELL, DISPLAY_EVENTS, EVENT_OFFLINE, EVENT_ONLINE,
                   EVENT_TRANSACTION, EVENT_VBLANK, NOP, ONLINE_ACK, PAGE, SET_SHARED_PAGE, STAMP_EVENTS, TRANSACTION2,
                   TRANSACTION3, Channel, Display, Guest, Surface, u32)
from harness import check, equal, test
from machine import Machine, Skip, wait_for


def pattern(x, y):
    """Every pixel differs from its neighbours in all channels."""
    return bytes(((x * 7 + y) & 255, (y * 5 + x * 3) & 255, (x * y + 11) & 255, (x + y) & 255))


def rgb(width, height, color=pattern):
    """What a screendump of color() is."""
    out = bytearray()
    for y in range(height):
        for x in range(width):
            b, g, r, _ = color(x, y)
            out += bytes((r, g, b))
    return bytes(out)


def wait_picture(m, want, what, device='g', head=0):
    wait_for(lambda: m.screendump(device, head) == want, f'picture: {what}')


def make(m, **kwargs):
    g = Guest(m, **kwargs).start()
    return g, g.task()


def make_black(m):
    """A guest whose display shows 64x48 black pixels."""
    g, task = make(m)
    d, s = Display(g).online(), Surface(task, 1, 64, 48)
    s.put(bytes(64 * 48 * 4))
    d.present(s)
    return g, task, d


@test
def shared_page():
    """H1: the host fills every field before the stamp, leaves the guest's alone, posts nothing"""
    with Machine('apple-gfx-pci,id=g,serial=77,name=A name of twenty chars,width-mm=480,height-mm=270,'
                 'modes=1024x768@75:800x600@59.94:640x480@60') as m:
        g = Guest(m).start()
        channel, page = Channel(g, 5, 1), g.alloc(1)
        before = bytearray(b'\xa5' * PAGE)
        before[0x100:0x108] = bytes(8)
        m.put_bytes(page, before)
        g.reg(STAMP_EVENTS), g.interrupted()
        channel.command(SET_SHARED_PAGE, u32(0, page // PAGE))
        data = m.get_bytes(page, PAGE)
        equal(struct.unpack_from('<I', data, 0)[0], 77, 'serial')
        equal(data[4:18], b'A name of twe\0', 'name, cut at 13')
        port, width, height, cursor_w, cursor_h = struct.unpack_from('<5H', data, 0x12)
        equal((port, width, height), (0, 480, 270), 'port and size')
        check(cursor_w == cursor_h and 64 <= cursor_w <= 512, f'cursor limits {cursor_w}x{cursor_h}')
        check(struct.unpack_from('<I', data, 0x20)[0] & 3 == 3, 'cursor features')
        equal(struct.unpack_from('<2f', data, 0x24), (480.0, 270.0), 'size as floats')
        equal(data[0x2c:0x4c], before[0x2c:0x4c], 'chromaticities')
        equal(data[0x51:0x100], before[0x51:0x100], 'unknown words')
        equal(struct.unpack_from('<2I', data, 0x100), (0, 0), 'events')
        equal(data[0x108:0x200], before[0x108:0x200], 'unknown words')
        equal(struct.unpack_from('<I', data, 0x200)[0], 1, 'epoch')
        equal(struct.unpack_from('<H', data, 0x208)[0], 3, 'modes')
        modes = [struct.unpack_from('<HHIQ', data, 0x210 + 16 * i) for i in range(3)]
        equal([m[:2] for m in modes], [(1024, 768), (800, 600), (640, 480)], 'mode table')
        equal([m[2] for m in modes], [75 << 16, round(59.94 * 65536), 60 << 16], 'rates in 16.16')
        equal([m[3] for m in modes], [0, 0, 0], 'last word of the modes')
        equal(data[0xe00:], before[0xe00:], 'cursor words and behind')
        equal(g.reg(DISPLAY_EVENTS), 0, 'display events')


@test
def defaults():
    """default name, size, serial numbers and modes"""
    with Machine('apple-gfx-pci,id=g,displays=2') as m:
        g = Guest(m).start(msi=False)
        for port in (0, 1):
            d = Display(g, port)
            data = m.get_bytes(d.page, 0x2c)
            equal(struct.unpack_from('<I', data)[0], port + 1, 'serial')
            equal(data[4:18], b'QEMU display\0\0', 'name')
            equal(struct.unpack_from('<3H', data, 0x12), (port, 400, 300), 'port and size')
            equal(d.modes(), [(1920, 1080, 60), (1440, 1080, 60), (1280, 1024, 60)], 'modes')


@test
def online():
    """H2: online event at once when enabled, repeated until the acknowledgement, never again after it"""
    with Machine('apple-gfx-pci,id=g') as m:
        g = Guest(m).start()
        d = Display(g)
        m.qmp('query-status')
        equal(d.pending(), 0, 'pending before anything is enabled')
        d.enable(EVENT_ONLINE | EVENT_OFFLINE)
        wait_for(lambda: d.pending() & EVENT_ONLINE, 'online event')
        check(wait_for(lambda: g.reg(DISPLAY_EVENTS), 'display events') & 1, 'port bit')
        wait_for(g.interrupted, 'interrupt')
        equal(d.take(), EVENT_ONLINE, 'events')
        wait_for(lambda: d.pending() & EVENT_ONLINE, 'the event again, since it was not acknowledged')
        d.take()
        d.channel.command(ONLINE_ACK, u32(0, d.epoch()))
        d.take()
        end = time.monotonic() + 1.3
        while time.monotonic() < end:  # nothing happens: that can only be watched for a while
            equal(d.pending(), 0, 'events after the acknowledgement')
            time.sleep(0.02)


@test
def pulse_crosses_acknowledgement():
    """H18: an online event that is pending when the acknowledgement comes is taken back, and none follows"""
    with Machine('apple-gfx-pci,id=g') as m:
        g = Guest(m).start(msi=False)
        d = Display(g)
        for _ in range(5):
            d.enable(EVENT_ONLINE)
            wait_for(lambda: d.pending() & EVENT_ONLINE, 'online event')
            d.channel.command(ONLINE_ACK, u32(0, d.epoch()))
            equal(d.pending(), 0, 'events after the stamp of the acknowledgement')
            end = time.monotonic() + 0.5  # more than two repetitions
            while time.monotonic() < end:
                equal(d.pending(), 0, 'events after the acknowledgement')
                time.sleep(0.02)
            d.enable(0)
            d.channel.command(SET_SHARED_PAGE, u32(0, d.page // PAGE))


@test
def vblank():
    """H3, H5: vertical blank and transaction events come only when armed, and then on their own"""
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d = Display(g).online()
        s = Surface(task, 1, 64, 48)
        for _ in range(20):
            d.present(s)
            equal(d.pending(), 0, 'events that are not enabled')
        for events in (EVENT_VBLANK, EVENT_TRANSACTION, EVENT_VBLANK | EVENT_TRANSACTION):
            d.enable(events | EVENT_ONLINE | EVENT_OFFLINE)
            for _ in range(5):
                wait_for(lambda: d.pending() == events, f'events {events}')
                d.take()
        d.enable(EVENT_ONLINE | EVENT_OFFLINE)
        d.present(s)  # completes at a tick: one that saw the events still enabled is over
        m.write(4, d.page + 0x100, 0)
        g.reg(DISPLAY_EVENTS)
        for _ in range(20):
            d.present(s)
            equal(d.pending(), 0, 'events after disarming')


@test
def toggled_events():
    """H4: events armed and disarmed every millisecond: each armed tick's bit arrives, and no other bit ever is set"""
    with Machine('apple-gfx-pci,id=g,modes=640x480@240') as m:
        g = Guest(m).start(msi=False)
        d = Display(g).online()
        end, taken = time.monotonic() + 120, 0
        while taken < 50:
            for events in (EVENT_ONLINE | EVENT_OFFLINE | EVENT_VBLANK, EVENT_ONLINE | EVENT_OFFLINE):
                d.enable(events)
                time.sleep(0.001)
                pending = d.pending()
                equal(pending & ~EVENT_VBLANK, 0, 'events that nobody armed')
                if pending:
                    d.enable(EVENT_ONLINE | EVENT_OFFLINE)  # disarmed: the host sets nothing between our two accesses
                    m.write(4, d.page + 0x100, 0)
                    taken += 1
            check(time.monotonic() < end, f'{taken} events in two minutes')
        m.write(4, d.page + 0x100, 0)
        time.sleep(0.05)
        equal(d.pending(), 0, 'events after the last was disarmed')


def rate_of(m, seconds):
    """Vertical blanks per second of display 0 over some time."""
    start, before = time.monotonic(), m.report()['displays'][0]['vblanks']
    time.sleep(seconds)
    return (m.report()['displays'][0]['vblanks'] - before) / (time.monotonic() - start)


@test
def vblank_rate():
    """H6: the advertised rate within 1 %, and no burst after a stop"""
    with Machine('apple-gfx-pci,id=g,modes=640x480@75') as m:
        g = Guest(m).start(msi=False)
        Display(g).online(EVENT_VBLANK | EVENT_ONLINE)
        rate_of(m, 0.2)
        for _ in range(5):
            m.qmp('stop')
            time.sleep(0.1)
            before = m.report()['displays'][0]['vblanks']
            start = time.monotonic()
            m.qmp('cont')
            time.sleep(0.04)
            made = m.report()['displays'][0]['vblanks'] - before
            check(made <= 2 + (time.monotonic() - start) * 75, f'{made} vertical blanks at once after a stop')
        rates = [rate_of(m, 10)]
        while not 74.25 <= rates[-1] and len(rates) < 3:
            rates.append(rate_of(m, 10))
        check(max(rates) <= 75.75, f'rates {rates}')
        if max(rates) < 74.25:
            check(max(rates) > 37, f'rates {rates}')
            raise Skip(f'this machine is too busy for 75 ticks a second: {max(rates):.1f}')


@test
def picture():
    """a present is shown pixel by pixel: scattered pages, odd sizes, padded rows"""
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d = Display(g).online()
        for number, (width, height, stride) in enumerate(((64, 48, None), (37, 29, 37 * 4 + 12), (1, 1, None), (683, 3, 4096),
                                                          (320, 200, None)), 1):
            s = Surface(task, number, width, height, stride)
            s.draw(pattern)
            d.present(s)
            wait_picture(m, (width, height, rgb(width, height)), f'{width}x{height}')
        equal(m.refusals(), {}, 'refusals')
        equal(m.get('guest-presents'), 5, 'guest-presents')
        equal(m.get('host-presents'), 5, 'host-presents')


@test
def pure_colours():
    """B12: red, green, blue, white and half alpha arrive exactly; alpha is ignored"""
    colours = (b'\x00\x00\xff\xff', b'\x00\xff\x00\xff', b'\xff\x00\x00\xff', b'\xff\xff\xff\x00', b'\x80\x40\x20\x80')
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d = Display(g)
        s = Surface(task, 1, 50, 10)
        s.draw(lambda x, y: colours[x // 10])
        d.present(s)
        wait_picture(m, (50, 10, rgb(50, 10, lambda x, y: colours[x // 10])), 'five colours')


@test
def full_hd():
    """1920x1080 from 2025 scattered pages"""
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d = Display(g)
        s = Surface(task, 1, 1920, 1080)
        row = bytes(range(256)) * 30
        data = bytearray().join(row[y % 200:] + row[:y % 200] for y in range(1080))
        s.put(data)
        d.present(s)
        want = bytearray(1920 * 1080 * 3)
        want[0::3], want[1::3], want[2::3] = data[2::4], data[1::4], data[0::4]
        wait_picture(m, (1920, 1080, bytes(want)), '1920x1080')


@test
def content_is_held():
    """H7: after the stamp the guest may overwrite the surface, the picture keeps the old content"""
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d = Display(g).online()
        s = Surface(task, 1, 320, 240)
        for i in range(12):
            colour = bytes((i * 20, 255 - i * 20, 128, 255))
            s.put(colour * (320 * 240))
            d.present(s)
            s.put(b'\x11\x22\x33\x44' * (320 * 240))
            wait_picture(m, (320, 240, bytes((128, 255 - i * 20, i * 20)) * (320 * 240)), f'present {i}')


@test
def superseded():
    """newest wins: of 200 presents in one go all are stamped and the last one is shown"""
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d = Display(g, ring_pages=2).online()
        surfaces = [Surface(task, i + 1, 64, 48) for i in range(4)]
        for i, s in enumerate(surfaces):
            s.put(bytes((i * 60, i * 50, i * 40, 255)) * (64 * 48))
        for i in range(200):
            d.channel.send(TRANSACTION2, u32(0, 1 + i % 4, 0))
        d.channel.wait()
        wait_picture(m, (64, 48, bytes((120, 150, 180)) * (64 * 48)), 'the last present')
        equal(m.get('guest-presents'), 200, 'guest-presents')
        check(1 <= m.get('host-presents') <= 200, 'host-presents')


@test
def hold_two():
    """H9: with hold-presents=on and nobody looking the third present is withheld; a look releases it, or time does"""
    with Machine('apple-gfx-pci,id=g,hold-presents=on,modes=64x48@1') as m:
        g, task = make(m)
        d = Display(g).online()
        for i in range(1, 4):
            Surface(task, i, 64, 48).put(bytes((i * 60, 0, i, 255)) * (64 * 48))

        def third(look):
            """Seconds between the second present's stamp and the third's."""
            m.screendump()
            for i in (1, 2):
                d.channel.command(TRANSACTION2, u32(0, i, 0))
            start = time.monotonic()
            d.channel.send(TRANSACTION2, u32(0, 3, 0))
            g.command(NOP)  # others go on
            if look:
                m.screendump()
            d.channel.wait()
            return time.monotonic() - start

        # Withheld: for two periods, and not for what is left of one. One that is seen late proves nothing.
        found = []
        while not found or found[-1] < 1.2 and len(found) < 5:
            found.append(third(False))
        check(found[-1] >= 1.2, f'the third present was stamped after {found} s')
        wait_picture(m, (64, 48, bytes((3, 0, 180)) * (64 * 48)), 'the third present')
        found = []
        while not found or found[-1] > 1.2 and len(found) < 5:
            found.append(third(True))
        check(found[-1] <= 1.2, f'a look did not release the third present: {found} s')


@test
def hold_presents():
    """hold-presents=on: every present completes all the same, and the last one is shown"""
    with Machine('apple-gfx-pci,id=g,hold-presents=on') as m:
        g, task = make(m)
        d = Display(g).online()
        for i in range(1, 7):
            Surface(task, i, 16, 16).put(bytes((i * 40, 0, i, 255)) * 256)
        for i in range(1, 7):
            d.channel.send(TRANSACTION2, u32(0, i, 0))
        d.channel.wait()
        wait_picture(m, (16, 16, bytes((6, 0, 240)) * 256), 'the last present')


@test
def stopped_vm():
    """a stopped machine shows its last picture; after cont new ones"""
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d = Display(g).online()
        s = Surface(task, 1, 48, 32)
        s.draw(pattern)
        d.present(s)
        wait_picture(m, (48, 32, rgb(48, 32)), 'present')
        m.qmp('stop')
        equal(m.screendump(), (48, 32, rgb(48, 32)), 'while stopped')
        s.draw(lambda x, y: pattern(y, x))
        d.channel.send(TRANSACTION2, u32(0, 1, 0))
        equal(m.screendump(), (48, 32, rgb(48, 32)), 'while stopped, with a present waiting')
        m.qmp('cont')
        d.channel.wait()
        wait_picture(m, (48, 32, rgb(48, 32, lambda x, y: pattern(y, x))), 'after cont')
        taken = m.get('host-presents')
        equal(m.get('frames-dropped'), taken - 2, 'frames-dropped')

        def three_more():
            d.present(s)
            return m.get('host-presents') >= taken + 3
        wait_for(three_more, 'three pictures that nobody takes')
        made = m.get('host-presents')
        m.screendump()
        check(m.get('frames-dropped') >= made - 3, 'frames-dropped after the next update')


@test
def barrier_before_present():
    """H8: a present that waits for another channel is held while others run"""
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d, other = Display(g), Channel(g, 1)
        s = Surface(task, 1, 64, 48)
        d.channel.send(TRANSACTION2, u32(0, 1, 0), barriers=[(1, 1)])
        g.command(0x1e)
        s.draw(pattern)
        equal(g.cell(5), d.channel.stamp - 1, 'held')
        other.command(0x1e)
        d.channel.wait()
        wait_picture(m, (64, 48, rgb(64, 48)), 'the held present')


@test
def before_the_guest():
    """before the first present, and after a reset: black in the first mode's size or the last, never stale memory"""
    with Machine('apple-gfx-pci,id=g,modes=96x64@60') as m:
        equal(m.screendump(), (96, 64, bytes(96 * 64 * 3)), 'before the guest')
        g, task = make(m)
        d = Display(g)
        s = Surface(task, 1, 48, 32)
        s.draw(pattern)
        d.present(s)
        wait_picture(m, (48, 32, rgb(48, 32)), 'present')
        m.reset()
        width, height, pixels = m.screendump()
        equal(pixels, bytes(width * height * 3), 'after the reset')
        g, task = make(m, ram_start=0x1000000)
        d = Display(g).online()
        s = Surface(task, 1, 48, 32)
        s.draw(pattern)
        d.present(s)
        wait_picture(m, (48, 32, rgb(48, 32)), 'present after the reset')


@test
def picture_survives_teardown():
    """FIFO_CONTROL 0 keeps the picture; a new bring-up shows new ones"""
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d = Display(g)
        s = Surface(task, 1, 48, 32)
        s.draw(pattern)
        d.present(s)
        wait_picture(m, (48, 32, rgb(48, 32)), 'present')
        g.set_reg(0x1000, 0)
        m.fill(s.pages[0] & ~0xfff, PAGE, 0x77)
        equal(m.screendump(), (48, 32, rgb(48, 32)), 'after FIFO_CONTROL 0')


@test
def bad_ports():
    """commands and doorbells of ports that do not exist: refused, nothing else"""
    with Machine('apple-gfx-pci,id=g,displays=2') as m:
        g, task = make(m)
        d = Display(g)
        page = g.alloc(1)
        for port in (2, 8, 31, 32, 0xffffffff):
            before = m.refusals().get('port', 0)
            for opcode, payload in ((SET_SHARED_PAGE, u32(port, page // PAGE)), (ONLINE_ACK, u32(port, 1)),
                                    (CURSOR_SHOW, u32(port, 1)), (TRANSACTION2, u32(port, 1, 0)),
                                    (TRANSACTION3, u32(port, 0, 1, 0, 0, 0, 0, 0, 0)), (0x04, u32(port) + bytes(40)),
                                    (0x09, u32(port, 1)), (0x0a, u32(port, 1))):
                d.channel.command(opcode, payload)
            equal(m.refusals().get('port', 0), before + 8, f'port {port}')
            before = m.refusals().get('doorbell-display', 0)
            g.set_reg(DISPLAY_DOORBELL, port)
            equal(m.refusals().get('doorbell-display', 0), before + 1, f'doorbell of port {port}')
        equal(m.get_bytes(page, PAGE), bytes(PAGE), 'page of the refused set-up')


@test
def bad_shared_pages():
    """shared pages that are 0, no RAM, ROM or one of the device's own pages: the port stays off"""
    with Machine('apple-gfx-pci,id=g') as m:
        g = Guest(m).start(msi=False)
        d = Display(g)
        for pfn, reason in ((0, 'shared-page-none'), (0x7fffffff, 'shared-page-not-ram'), (0xffffffff, 'shared-page-not-ram'),
                            (0xfffff, 'shared-page-not-ram'), (g.bar // PAGE, 'shared-page-not-ram'),
                            (g.root // PAGE, 'reply-collision'), (g.root_page // PAGE, 'reply-collision')):
            before = m.refusals().get(reason, 0)
            d.channel.command(SET_SHARED_PAGE, u32(0, pfn))
            equal(m.refusals().get(reason, 0), before + 1, f'page {pfn:#x}: {m.refusals()}')
        d.channel.command(SET_SHARED_PAGE, u32(0, d.page // PAGE))
        d.online()


@test
def second_setup():
    """H17, H19: a second SetSharedStatePage restarts the handshake; the old page, and that of a deleted channel, stay as is"""
    with Machine('apple-gfx-pci,id=g') as m:
        g = Guest(m).start(msi=False)
        d = Display(g).online(EVENT_VBLANK | EVENT_ONLINE)
        old, d.page = d.page, g.alloc(1)
        d.channel.command(SET_SHARED_PAGE, u32(0, d.page // PAGE))
        m.fill(old, PAGE, 0x3c)
        d.online(EVENT_VBLANK | EVENT_ONLINE)
        for _ in range(5):
            wait_for(lambda: d.pending() & EVENT_VBLANK, 'vertical blank in the new page')
            d.take()
        equal(m.get_bytes(old, PAGE), b'\x3c' * PAGE, 'old page')
        g.command(DELETE_CHILD, u32(5))
        m.fill(d.page, PAGE, 0x3c)
        time.sleep(0.1)  # several ticks in which nothing may happen
        equal(m.get_bytes(d.page, PAGE), b'\x3c' * PAGE, 'page of the deleted channel')


@test
def hot_mode_list():
    """5.4: qom-set of modes replaces the list: table, count, epoch, one online event"""
    with Machine('apple-gfx-pci,id=g,displays=2') as m:
        g = Guest(m).start(msi=False)
        d, e = Display(g).online(), Display(g, 1).online()
        epoch = d.epoch()
        m.set('modes', '1600x900@50:800x600@50')
        d.acknowledge()
        equal(d.modes(), [(1600, 900, 50), (800, 600, 50)], 'modes')
        check(d.epoch() > epoch, 'epoch')
        e.acknowledge()
        equal(e.modes()[0], (1600, 900, 50), 'modes of the display without a list of its own')
        m.set('modes1', '640x480@72')
        e.acknowledge()
        equal(e.modes(), [(640, 480, 72)], 'modes of the second display')
        m.set('display-modes', ['1024x768@60'])
        d.acknowledge()
        equal(d.modes(), [(1024, 768, 60)], 'modes from a JSON list')
        equal(e.modes(), [(640, 480, 72)], 'the second display keeps its own')


@test
def unplug():
    """connected=false posts offline, true brings the display back; an unplugged display at the start stays dark"""
    with Machine('apple-gfx-pci,id=g,displays=2,connected1=false') as m:
        g = Guest(m).start(msi=False)
        d, e = Display(g).online(), Display(g, 1)
        e.enable(EVENT_ONLINE | EVENT_OFFLINE)
        m.set('connected', False)
        wait_for(lambda: d.pending() & EVENT_OFFLINE, 'offline event')
        d.take()
        equal(m.get('connected'), False, 'connected')
        m.set('connected', True)
        wait_for(lambda: d.pending() & EVENT_ONLINE, 'online event')
        equal(e.pending() & EVENT_ONLINE, 0, 'the other display')
        m.set('connected1', True)
        wait_for(lambda: e.pending() & EVENT_ONLINE, 'online event of the second display')


@test
def two_displays():
    """two displays of one device show their own pictures"""
    with Machine('apple-gfx-pci,id=g,displays=2') as m:
        g, task = make(m)
        d, e = Display(g), Display(g, 1)
        a, b = Surface(task, 1, 40, 30), Surface(task, 2, 50, 20)
        a.draw(pattern)
        b.draw(lambda x, y: pattern(y, x))
        d.present(a)
        e.present(b)
        wait_picture(m, (40, 30, rgb(40, 30)), 'first display')
        wait_picture(m, (50, 20, rgb(50, 20, lambda x, y: pattern(y, x))), 'second display', head=1)


@test
def two_devices():
    """two devices work at once, and resetting the machine resets both"""
    with Machine('apple-gfx-pci,id=g,addr=4', 'apple-gfx-pci,id=h,addr=5') as m:
        both = []
        for slot, device, colour in ((4, 'g', b'\x10\x20\x30\xff'), (5, 'h', b'\x60\x50\x40\xff')):
            g, task = make(m, slot=slot, bar=0xfd000000 + slot * 0x10000, ram_start=slot * 0x800000)
            d = Display(g).online()
            s = Surface(task, 1, 32, 32)
            s.put(colour * 1024)
            both.append((g, d, s, device, colour))
        for g, d, s, device, colour in both:
            d.present(s)
        for g, d, s, device, colour in both:
            wait_picture(m, (32, 32, bytes(colour[2::-1]) * 1024), device, device)
        check(both[0][0].m.get_bytes(both[0][1].page, 4) != both[1][0].m.get_bytes(both[1][1].page, 4), 'equal serial numbers')
        m.reset()
        for device in 'gh':
            width, height, pixels = m.screendump(device)
            equal(pixels, bytes(width * height * 3), f'{device} after the reset')


@test
def gamma():
    """H12: a gamma table of a present is applied; a bad one is refused and the present still shown"""
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d = Display(g)
        s = Surface(task, 1, 32, 32)
        s.put(b'\x40\x80\xc0\xff' * 1024)

        def present(curve, n=257, length=None, va=None):
            table = b''.join(struct.pack('<f', curve(i / (n - 1), c)) for c in range(3) for i in range(n)) if n > 1 else b''
            at = g.alloc(1)
            m.put_bytes(at, table[:PAGE])
            address = task.map([at]) if va is None else va
            d.channel.command(TRANSACTION3, u32(0, 0, 1) + struct.pack('<QQII', address, PAGE if length is None else length, n,
                                                                      sum(struct.unpack(f'<{len(table) // 4}I', table)) & 0xffffffff))

        present(lambda v, c: v)
        wait_picture(m, (32, 32, b'\xc0\x80\x40' * 1024), 'identity')
        present(lambda v, c: 1 - v)
        wait_picture(m, (32, 32, b'\x3f\x7f\xbf' * 1024), 'inverted')
        present(lambda v, c: v if c == 0 else 0)
        wait_picture(m, (32, 32, b'\xc0\x00\x00' * 1024), 'red only')
        for n, length, va in ((1, None, None), (257, 16, None), (4097, 1 << 20, None), (0xffffffff, 0xffffffffffffffff, 0x1000),
                              (257, PAGE, 0x3f0000000)):
            before = m.refusals().get('gamma-table', 0)
            d.channel.command(TRANSACTION3, u32(0, 0, 1) + struct.pack('<QQII', va or task.list and 0x1000,
                                                                      PAGE if length is None else length, n, 0))
            check(m.refusals().get('gamma-table', 0) > before, f'{n} entries, length {length}')
        d.channel.command(TRANSACTION2, u32(0, 1, 0))


@test
def software_pointer():
    """cursor=sw: the library draws the pointer at position minus hot spot, clipped; hidden and shown"""
    with Machine('apple-gfx-pci,id=g,cursor=sw') as m:
        g, task = make(m)
        d = Display(g).online()
        s = Surface(task, 1, 64, 48)
        grey = b'\x50\x50\x50\xff'
        s.put(grey * (64 * 48))
        d.present(s)
        d.glyph(task, 8, 6, hot=(3, 2))

        def expect(x, y, visible):
            def colour(px, py):
                inside = visible and x - 3 <= px < x + 5 and y - 2 <= py < y + 4
                return b'\x00\x00\xff\xff' if inside else grey
            wait_picture(m, (64, 48, rgb(64, 48, colour)), f'pointer at {x},{y}')

        for x, y in ((20, 10), (0, 0), (63, 47), (2, 46)):
            d.move(x, y)
            expect(x, y, True)
        d.channel.command(CURSOR_SHOW, u32(0, 0))
        expect(2, 46, False)
        d.channel.command(CURSOR_SHOW, u32(0, 1))
        expect(2, 46, True)
        m.write(4, d.page + 0xe00, 0xffffffff)
        g.set_reg(DISPLAY_DOORBELL, 0)
        expect(2, 46, False)


@test
def bad_glyphs():
    """H13: glyphs that are empty, too large, with a hot spot outside, bad stride or unmapped: refused, the old one stays"""
    with Machine('apple-gfx-pci,id=g,cursor=sw') as m:
        g, task, d = make_black(m)
        for size in (1, 64):
            d.glyph(task, size, size)
        d.glyph(task, 4, 4, stride=40)
        d.move(10, 10)
        want = (64, 48, rgb(64, 48, lambda x, y: b'\0\0\xff\xff' if 10 <= x < 14 and 10 <= y < 14 else bytes(4)))
        wait_picture(m, want, 'pointer')
        equal(m.refusals(), {}, 'refusals')
        va = 0x1000
        for arguments, reason in (((0, 4), 'cursor-extent'), ((4, 0), 'cursor-extent'), ((513, 16), 'cursor-extent'),
                                  ((65535, 65535), 'cursor-extent')):
            before = m.refusals().get(reason, 0)
            d.glyph(task, *arguments, va=va, length=1 << 40)
            equal(m.refusals().get(reason, 0), before + 1, f'{arguments}: {m.refusals()}')
        for keywords, reason in (({'hot': (4, 0)}, 'cursor-hot'), ({'hot': (0, 4)}, 'cursor-hot'),
                                 ({'stride': 12}, 'cursor-stride'), ({'stride': 1 << 63, 'va': va}, 'cursor-stride'),
                                 ({'length': 63}, 'cursor-stride'), ({'va': 0x3f0000000}, 'cursor-unmapped'),
                                 ({'va': 0xfffffffffffff000}, 'cursor-unmapped')):
            before = m.refusals().get(reason, 0)
            if keywords.get('stride', 0) > 1 << 20:
                d.channel.command(0x04, struct.pack('<IIQQQHHHHI', 0, 0, va, PAGE, 1 << 63, 4, 4, 0, 0, 0))
            else:
                d.glyph(task, 4, 4, **keywords)
            check(m.refusals().get(reason, 0) > before, f'{keywords}: {m.refusals()}')
        before = m.refusals().get('task-none', 0)
        d.channel.command(0x04, struct.pack('<IIQQQHHHHI', 0, 99, va, PAGE, 16, 4, 4, 0, 0, 0))
        check(m.refusals().get('task-none', 0) > before, m.refusals())
        wait_picture(m, want, 'pointer afterwards')


@test
def many_glyphs():
    """D17: 10,000 pointer images in a row, each stamped; the last one is shown"""
    with Machine('apple-gfx-pci,id=g,cursor=sw') as m:
        g, task, d = make_black(m)
        d.move(10, 10)
        page = g.alloc(2)
        m.put_bytes(page, b'\x00\xff\x00\xff' * 1024 + b'\xff\x00\x00\xff' * 1024)
        va = task.map([page, page + PAGE])
        for number in range(0, 10000, 500):
            g.put_many([g.packet(0x04, struct.pack('<IIQQQHHHHI', 0, 0, va + PAGE * (i % 2), 1024, 4 * (4 + i % 13), 4 + i % 13,
                                                   4 + i % 11, i % 4, i % 3, 0), g.root_stamp + 1 + i) for i in range(500)])
            g.root_stamp += 500
            g.wait_cell(0, g.root_stamp)
        equal(m.refusals(), {}, 'refusals')
        width, height, hot_x, hot_y = 4 + 499 % 13, 4 + 499 % 11, 499 % 4, 499 % 3
        wait_picture(m, (64, 48, rgb(64, 48, lambda x, y: b'\xff\0\0\xff' if 0 <= x - 10 + hot_x < width and
                                     0 <= y - 10 + hot_y < height else bytes(4))), 'the last pointer')


@test
def largest_mode():
    """8192x8192 is a mode; a present of 8192x1 is shown"""
    with Machine('apple-gfx-pci,id=g,modes=8192x8192@60') as m:
        g, task = make(m)
        d = Display(g)
        equal(d.modes(), [(8192, 8192, 60)], 'modes')
        s = Surface(task, 1, 8192, 1)
        s.put(b'\x01\x02\x03\x04' * 8192)
        d.present(s)
        wait_picture(m, (8192, 1, b'\x03\x02\x01' * 8192), '8192x1')


@test
def sleep_and_properties():
    """sleep, properties and later display commands are accepted and stamped"""
    with Machine('apple-gfx-pci,id=g') as m:
        g, task = make(m)
        d = Display(g)
        for opcode, payload in ((0x09, u32(0, 1)), (0x0a, u32(0, 3, 4, 5)), (0x0b, u32(0, 0)), (0x0c, u32(0, 0, 0))):
            d.channel.command(opcode, payload)
        equal(m.refusals(), {}, 'refusals')


# The firmware's registers (display 10).
EFI_SELECT, EFI_MODES, EFI_MODE, EFI_EXTENT, EFI_ADDRESS, EFI_LENGTH, EFI_PITCH = 0x1200, 0x1204, 0x1208, 0x120c, 0x1210, 0x1214, 0x1228


def firmware_show(g, width, height, pitch, color):
    """Find the mode, draw, and say where it is, as display 10.1 does. Returns the address."""
    at = g.alloc((pitch * height + PAGE - 1) // PAGE)
    for y in range(height):
        g.m.put_bytes(at + y * pitch, b''.join(color(x, y) for x in range(width)))
    g.set_reg(EFI_SELECT, 0)
    for mode in range(g.reg(EFI_MODES)):
        g.set_reg(EFI_MODE, mode)
        if g.reg(EFI_EXTENT) == width << 16 | height:
            break
    else:
        raise AssertionError(f'no mode {width}x{height}')
    g.set_reg(EFI_ADDRESS, at, 8)
    g.set_reg(EFI_LENGTH, pitch * height)
    g.set_reg(EFI_PITCH, pitch)
    return at


@test
def firmware():
    """H15, H16: the firmware's picture until the first present and after a reset; addresses that are no RAM are refused"""
    def other(x, y):
        return bytes(((x * 3 + y * 9) & 255, (y + 77) & 255, (x ^ y) & 255, 0))

    width, height, pitch = 96, 64, 448
    with Machine('apple-gfx-pci,id=g,modes=640x480@60:96x64@60') as m:
        g = Guest(m)
        g.enable()
        at = firmware_show(g, width, height, pitch, pattern)
        wait_picture(m, (width, height, rgb(width, height)), 'the firmware draws')
        for bad in (g.bar, 0xfee00000, 0xfffffffffffff000, at + (1 << 40)):
            before = m.refusals().get('firmware-picture', 0)
            g.set_reg(EFI_ADDRESS, bad, 8)
            wait_for(lambda: m.refusals().get('firmware-picture', 0) == before + 1, f'refusal of 0x{bad:x}')
            wait_picture(m, (width, height, rgb(width, height)), 'the last picture stays')
        g.set_reg(EFI_ADDRESS, at, 8)
        g.start()
        d, s = Display(g).online(), Surface(g.task(), 1, 64, 48)
        s.draw(other)
        equal(m.screendump(), (width, height, rgb(width, height)), 'a driver that has presented nothing')
        d.present(s)
        wait_picture(m, (64, 48, rgb(64, 48, other)), 'the driver presents')
        m.fill(at, pitch * height)
        for _ in range(5):
            d.present(s)
            equal(m.screendump(), (64, 48, rgb(64, 48, other)), 'the firmware\'s memory was used for something else')
        m.reset()
        g.enable()
        equal(g.reg(EFI_ADDRESS, 8), 0, 'address after a reset')
        firmware_show(g, width, height, width * 4, other)
        wait_picture(m, (width, height, rgb(width, height, other)), 'the firmware draws after a reset')
