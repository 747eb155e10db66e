# SPDX-License-Identifier: MIT
# The console through a real back end, VNC: pictures, pointer images, resizing. (checklist E20, E21, F27 to F29; host-api 4.7)
from guest import CURSOR_SHOW, Display, Guest, Surface, u32
from harness import equal, test
from machine import Machine, Skip, run_qemu, wait_for
from t_display import pattern, rgb
from vnc import ALPHA_CURSOR, DESKTOP_SIZE, RAW, Vnc


def machine(options=''):
    if 'nvalid option' in run_qemu('-vnc', 'none', '-version', plugin=False)[1]:
        raise Skip('this QEMU has no VNC')
    return Machine('apple-gfx-pci,id=g' + options, args=['-vnc', 'unix:@DIR@/vnc'])


@test
def vnc_picture():
    """VNC shows presents pixel by pixel and follows the size"""
    with machine() as m:
        g = Guest(m).start()
        task = g.task()
        d = Display(g).online()
        vnc = Vnc(m.path('vnc'))
        for number, (width, height) in enumerate(((64, 48), (320, 200), (64, 48)), 1):
            s = Surface(task, number, width, height)
            s.draw(pattern)
            d.present(s)

            def shown():
                vnc.update()
                return (vnc.width, vnc.height) == (width, height) and vnc.rgb() == rgb(width, height)
            wait_for(shown, f'{width}x{height} in the VNC client')
        s.draw(lambda x, y: pattern(y, x))
        d.present(s)

        def changed():
            vnc.update(incremental=True)
            return vnc.rgb() == rgb(64, 48, lambda x, y: pattern(y, x))
        wait_for(changed, 'change in the VNC client, by incremental updates')
        vnc.close()


@test
def vnc_cursor():
    """pointer image with hot spot and colours reaches the client, 1x1 to 512x512; the picture does not contain it"""
    with machine() as m:
        g = Guest(m).start()
        task = g.task()
        d = Display(g).online()
        s = Surface(task, 1, 64, 48)
        s.draw(pattern)
        d.present(s)
        vnc = Vnc(m.path('vnc'))
        for width, height, hot, color, stride in ((16, 24, (5, 7), b'\x00\x00\xff\xff', None), (1, 1, (0, 0), b'\x10\x20\x30\xff', None),
                                                  (33, 9, (32, 8), b'\x40\x00\x00\x80', 160), (512, 512, (511, 0), b'\xff\x00\x00\xff', None)):
            d.glyph(task, width, height, hot=hot, color=color, stride=stride)
            d.move(20, 20)

            def shown():
                vnc.update()
                return vnc.cursor == (*hot, width, height, color * (width * height))
            wait_for(shown, f'pointer of {width}x{height}')
        d.glyph(task, 513, 16, length=1 << 30, va=0x1000)  # too large: the old one stays

        def plain():
            vnc.update()
            return vnc.rgb() == rgb(64, 48)
        wait_for(plain, 'picture, without the pointer')
        equal(vnc.cursor[:4], (511, 0, 512, 512), 'pointer after one that is too large')
        for show in (0, 1):
            d.channel.command(CURSOR_SHOW, u32(0, show))
        vnc.close()


@test
def vnc_resize():
    """a client that asks for a size makes it the guest's preferred mode; resize=off does not"""
    with machine() as m:
        g = Guest(m).start(msi=False)
        d = Display(g).online()
        modes = d.modes()
        vnc = Vnc(m.path('vnc'))
        vnc.update()
        vnc.ask_size(900, 500)
        d.acknowledge()
        equal(d.modes(), [(900, 500, 60)] + modes, 'modes')
        vnc.ask_size(1280, 1024)  # one that is in the list moves to its front
        d.acknowledge()
        equal(d.modes()[0][:2], (1280, 1024), 'preferred mode')
        equal(sorted(d.modes()), sorted(modes), 'modes')
        m.set('modes', '640x480@60')
        d.acknowledge()
        equal(d.modes(), [(640, 480, 60)], 'a given list replaces the asked size')
        vnc.close()
    with machine(',resize=off') as m:
        g = Guest(m).start(msi=False)
        d = Display(g).online()
        epoch = d.epoch()
        vnc = Vnc(m.path('vnc'))
        vnc.update()
        vnc.ask_size(900, 500)
        vnc.update()
        m.qmp('query-status')
        equal(d.epoch(), epoch, 'epoch')
        vnc.close()


@test
def vnc_second_head():
    """each head has a VNC server of its own when the user asks for it"""
    with Machine('apple-gfx-pci,id=g,displays=2', args=['-vnc', 'unix:@DIR@/vnc,display=g,head=1']) as m:
        g = Guest(m).start()
        task = g.task()
        d = Display(g, 1)
        s = Surface(task, 1, 64, 48)
        s.draw(pattern)
        d.present(s)
        vnc = Vnc(m.path('vnc'), (RAW, DESKTOP_SIZE, ALPHA_CURSOR))

        def shown():
            vnc.update()
            return (vnc.width, vnc.height) == (64, 48) and vnc.rgb() == rgb(64, 48)
        wait_for(shown, 'second head')
        vnc.close()


@test
def reset_with_client():
    """resets and mode changes while a client watches"""
    with machine() as m:
        vnc = Vnc(m.path('vnc'))
        for i in range(10):
            g = Guest(m, ram_start=0x200000 + i * 0x200000).start(msi=False)
            task = g.task()
            d = Display(g)
            s = Surface(task, 1, 64 + 16 * i, 48)
            s.draw(pattern)
            d.present(s)
            d.glyph(task, 8 + i, 8)

            def shown():
                vnc.update()
                return vnc.width == 64 + 16 * i and vnc.rgb() == rgb(64 + 16 * i, 48)
            wait_for(shown, f'picture {i}')
            m.reset()
        vnc.close()
