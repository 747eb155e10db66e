# SPDX-License-Identifier: MIT
# What a bug report holds: ./pvg doctor --report FILE --qmp SOCKET with the loaded device.
import json
import os
import subprocess
import sys

from guest import Display, Guest, Surface
from harness import check, contains, equal, test
from machine import Machine

DOCTOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'scripts', 'qmp-report.py')


@test
def doctor_report():
    """what ./pvg doctor --report asks a running VM: versions, state, counters, refusals, the record, why the screen is black"""
    def ask(m):
        done = subprocess.run([sys.executable, '-B', DOCTOR, m.path('second')], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        equal(done.returncode, 0, 'status')
        return done.stdout.decode(), done.stderr.decode()

    with Machine('apple-gfx-pci,id=g,displays=2', args=['-qmp', 'unix:@DIR@/second,server=on,wait=off']) as m:
        text, said = ask(m)
        contains(said, 'apple-gfx-pci: no guest driver has spoken to the device', 'why the screen is black')
        equal(text.count('apple-gfx-pci at /machine/peripheral/g'), 1, 'devices')
        m.set('record', m.path('record'))
        g = Guest(m).start(msi=False)
        task = g.task()
        g.command(0x0d)
        d = Display(g).online()
        text, said = ask(m)
        contains(said, 'display 0: the guest knows the monitor and has not presented anything', 'the first display')
        contains(said, 'display 1: the guest driver has not set this display up', 'the second display')
        d.present(Surface(task, 1, 64, 48))
        text, said = ask(m)
        check('display 0' not in said, said)
        for part in ('"major": ', '"status": "running"', 'version: "', ' for QEMU ', f'record: "{m.path("record")}"', '"libpvg": "',
                     'guest-presents: 1', '"opcode-unknown": {', '"text": "no such command"', '"commands": {',
                     '"registers": {', '"fifos": [', '"stamps": ', '"displays": [', '"recording": "on"', '"objects": {'):
            contains(text, part, 'report')
        report = json.loads(text[text.index('\n{'):])
        equal(report['refusals']['opcode-unknown']['count'], 1, 'refusals in the report')
        equal(report['displays'][0]['guest_presents'], 1, 'presents in the report')
