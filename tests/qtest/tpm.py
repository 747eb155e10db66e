# SPDX-License-Identifier: MIT
#
# As much of a TPM emulator as QEMU's "emulator" back end needs to start, so that a tpm-tis-device can be put beside the device
# under test. Every TPM command fails; nobody sends any. (QEMU's docs/specs/tpm.rst; the numbers are those of swtpm's control
# channel.)
import array
import os
import socket
import struct
import threading

INIT, SHUTDOWN, ESTABLISHED, LOCALITY, STOP, DATA_FD, BUFFER_SIZE, CAPABILITIES = 2, 3, 4, 5, 0x0e, 0x10, 0x11, 1
ARGUMENT_BYTES = {INIT: 4, LOCALITY: 4, BUFFER_SIZE: 4}
ANSWERS = {CAPABILITIES: struct.pack('>II', 0, 0x1ffff), ESTABLISHED: bytes(8), BUFFER_SIZE: struct.pack('>IIII', 0, 4096, 128, 4096)}
FAILURE = struct.pack('>HII', 0x8001, 10, 0x101)  # of a TPM 2


class FakeTpm:
    """Serves one QEMU until it is closed; path is for -chardev socket."""

    def __init__(self, folder):
        self.path = os.path.join(folder, 'tpm.sock')
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.sockets = [self.listener]
        threading.Thread(target=self._control, daemon=True).start()

    def _control(self):
        try:
            control = self.listener.accept()[0]
            self.sockets.append(control)
            while True:
                data, more, _, _ = control.recvmsg(4, socket.CMSG_SPACE(4))
                if len(data) < 4:
                    return
                for level, kind, passed in more:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        self.sockets.append(socket.socket(fileno=array.array('i', passed[:4])[0]))
                        threading.Thread(target=self._data, args=(self.sockets[-1],), daemon=True).start()
                command, = struct.unpack('>I', data)
                if command in ARGUMENT_BYTES:
                    control.recv(ARGUMENT_BYTES[command], socket.MSG_WAITALL)
                control.sendall(ANSWERS.get(command, bytes(4)))
        except OSError:
            pass  # closed, or QEMU is gone

    @staticmethod
    def _data(channel):
        try:
            while channel.recv(4096):
                channel.sendall(FAILURE)
        except OSError:
            pass

    def close(self):
        for one in self.sockets:
            one.close()
