# SPDX-License-Identifier: MIT
#
# A VNC client of the few messages that the tests need: raw pictures, pointer images with alpha, and asking for a size
# (RFC 6143 and the extensions that QEMU's documentation names).
import socket
import struct

from machine import DEADLINE_S, wait_for

RAW, DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE, ALPHA_CURSOR = 0, -223, -308, -314


class Vnc:
    def __init__(self, path, encodings=(RAW, DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE, ALPHA_CURSOR)):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE_S)
        wait_for(lambda: self.sock.connect_ex(path) == 0, 'VNC socket')
        self.cursor = None  # (hot x, hot y, width, height, bytes B,G,R,A)
        self.take(12)
        self.sock.sendall(b'RFB 003.008\n')
        self.take(self.take(1)[0])
        self.sock.sendall(b'\x01')
        self.take(4)
        self.sock.sendall(b'\x01')
        self.resize(*struct.unpack('>HH', self.take(4)))
        self.take(16)
        self.take(struct.unpack('>I', self.take(4))[0])
        self.sock.sendall(struct.pack('>B3xBBBBHHHBBB3x', 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        self.sock.sendall(struct.pack(f'>BxH{len(encodings)}i', 2, len(encodings), *encodings))

    def take(self, count):
        data = b''
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise ConnectionError('VNC connection closed')
            data += more
        return data

    def resize(self, width, height):
        self.width, self.height = width, height
        self.pixels = bytearray(width * height * 4)

    def update(self, incremental=False):
        """Asks for the screen and takes in one update message."""
        self.sock.sendall(struct.pack('>BBHHHH', 3, incremental, 0, 0, self.width, self.height))
        while True:
            kind = self.take(1)[0]
            if kind == 0:
                break
            if kind == 3:  # clipboard
                self.take(struct.unpack('>3xI', self.take(7))[0])
        for _ in range(struct.unpack('>xH', self.take(3))[0]):
            self.rectangle(*struct.unpack('>HHHHi', self.take(12)))

    def rectangle(self, x, y, width, height, encoding):
        if encoding == RAW:
            data = self.take(width * height * 4)
            for row in range(height):
                at = ((y + row) * self.width + x) * 4
                self.pixels[at:at + width * 4] = data[row * width * 4:(row + 1) * width * 4]
        elif encoding == ALPHA_CURSOR:
            self.take(4)
            self.cursor = (x, y, width, height, self.take(width * height * 4))
        else:
            if encoding == EXTENDED_DESKTOP_SIZE:
                self.take(16 * self.take(4)[0])
            self.resize(width, height)

    def rgb(self):
        out = bytearray(self.width * self.height * 3)
        out[0::3], out[1::3], out[2::3] = self.pixels[2::4], self.pixels[1::4], self.pixels[0::4]
        return bytes(out)

    def ask_size(self, width, height):
        self.sock.sendall(struct.pack('>BxHHBxIHHHHI', 251, width, height, 1, 0, 0, 0, width, height, 0))

    def close(self):
        self.sock.close()
