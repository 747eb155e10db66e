# SPDX-License-Identifier: MIT
# QEMU's own window, under an X server without a screen: picture and resizing. (issue 2 item 4; checklist E23)
import os
import shutil
import struct
import subprocess

from guest import Display, Guest, Surface
from harness import equal, test
from machine import Failure, Machine, Skip, run_qemu, wait_for


class Xvfb:
    def __enter__(self):
        for tool in ('Xvfb', 'xwd', 'xdotool'):
            if not shutil.which(tool):
                raise Skip(f'{tool} is missing')
        env = dict(os.environ, DISPLAY=':65000')
        if 'gtk initialization failed' not in run_qemu('-display', 'gtk', plugin=False, env=env)[1]:
            raise Skip('this QEMU has no gtk window (qemu-system-gui)')
        read, write = os.pipe()
        self.process = subprocess.Popen(['Xvfb', '-displayfd', str(write), '-screen', '0', '1600x1200x24', '-nolisten', 'tcp'],
                                        pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as f:
            number = f.readline().strip()
        if not number:
            raise Failure('Xvfb does not start')
        self.env = {'DISPLAY': ':' + number, 'GDK_BACKEND': 'x11', 'NO_AT_BRIDGE': '1'}
        return self

    def __exit__(self, *ignored):
        self.process.terminate()
        self.process.wait()

    def run(self, *command):
        return subprocess.run(command, env=dict(os.environ, **self.env), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout

    def centres(self, colors):
        """Centre of all pixels on the screen that have exactly a colour (bytes B, G, R), for each; None: too few of them."""
        dump = self.run('xwd', '-root', '-silent')
        if len(dump) < 100:
            return [None] * len(colors)
        header, width, height = struct.unpack('>I', dump[:4])[0], *struct.unpack('>II', dump[16:24])
        bits, line, map_entries = *struct.unpack('>II', dump[44:52]), struct.unpack('>I', dump[76:80])[0]
        size = bits // 8  # 3 or 4
        start = header + map_entries * 12
        sums = [[0, 0, 0] for _ in colors]
        for y in range(0, height, 4):
            row = dump[start + y * line:start + y * line + width * size]
            for x in range(0, width, 4):
                pixel = row[size * x:size * x + 3]
                if pixel in colors:
                    entry = sums[colors.index(pixel)]
                    entry[0] += x
                    entry[1] += y
                    entry[2] += 1
        return [(x / n, y / n) if n > 100 else None for x, y, n in sums]


# Colours that no theme uses, for the four quarters of a picture.
QUARTERS = [b'\x11\x71\xc3', b'\xc7\x1d\x2b', b'\x35\xb9\x17', b'\x97\x23\x95']


def quarters(order):
    return lambda x, y: QUARTERS[order[(x >= 160) + 2 * (y >= 100)]] + b'\0'


@test
def window():
    """the picture is in the window with its exact colours, and resizing the window makes a mode of its size"""
    with Xvfb() as x:
        with Machine('apple-gfx-pci,id=g,modes=400x300@60', args=['-display', 'gtk'], env=x.env) as m:
            g = Guest(m).start(msi=False)
            task = g.task()
            d = Display(g).online()
            s = Surface(task, 1, 320, 200)
            for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
                s.draw(quarters(order))
                d.present(s)

                def shown():
                    # The window may scale; where the colours are is what counts.
                    c = x.centres([QUARTERS[i] for i in order])
                    return all(c) and c[0][0] < c[1][0] and c[2][0] < c[3][0] and c[0][1] < c[2][1] and c[1][1] < c[3][1]
                wait_for(shown, f'quarters {order} in the window')
            name = x.run('xdotool', 'search', '--onlyvisible', '--name', 'QEMU').split()[0].decode()
            before = d.modes()[0][:2]
            x.run('xdotool', 'windowsize', name, '900', '700')

            def resized():
                if d.pending() & 4:
                    d.acknowledge()
                width, height, _ = d.modes()[0]
                return (width, height) != before and 880 <= width <= 900 and 600 <= height <= 700
            wait_for(resized, 'mode of the window\'s new size')
            equal(d.modes()[1:], [(400, 300, 60)], 'modes behind it')
