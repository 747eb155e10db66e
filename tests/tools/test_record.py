#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pvg-record on a recording that mini-vmm makes, and on damaged ones. Arguments: pvg-record, mini-vmm."""
import collections
import functools
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import unittest

RECORD, VMM = sys.argv[1:3]
MAGIC = 0x52475650
DEVICE = struct.pack("<IIIII", 12, 1, 1, 0, 0)


def run(*arguments, stdin=None):
    done = subprocess.run([RECORD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, input=stdin, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def made_up(*records, magic=MAGIC, version=3, cut=0):
    """A recording of (kind, bytes) pairs, @cut bytes missing at its end."""
    data = struct.pack("<II", magic, version)
    for i, (kind, body) in enumerate(records):
        data += struct.pack("<IIQ", kind, len(body), 1000000 * i + 1) + body
    return data[:len(data) - cut]


def packet(opcode, barriers=b"", payload=b"", count=None):
    count = len(barriers) // 8 if count is None else count
    return struct.pack("<HHII", opcode, count, 12 + len(barriers) + len(payload), 7) + barriers + payload


class Recording(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = os.path.join(cls.folder.name, "record")
        subprocess.run([VMM, "--record", cls.path, "--mode", "640x480", "--displays", "1"], stdout=subprocess.DEVNULL, check=True)
        status, out, err = run("--json", cls.path)
        assert status == 0 and not err, err
        cls.records = [json.loads(line) for line in out.splitlines()]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_begins_with_the_device(self):
        first = self.records[0]
        self.assertEqual((first["kind"], first["page_shift"], first["ports"], first["variant"]), ("device", 12, 1, 1))

    def test_order(self):
        """Numbered without a gap. Threads take the time before their turn to write: records may pass each other a little."""
        self.assertEqual([r["record"] for r in self.records], list(range(len(self.records))))
        self.assertTrue(all(a["time_ns"] <= b["time_ns"] + 10**9 for a, b in zip(self.records, self.records[1:])))

    def test_handshake(self):
        """The guest's first accesses, in its order (transport 3)."""
        seen = [(r["kind"], r["register"], r["value"]) for r in self.records if r["kind"] in ("read", "write")][:3]
        self.assertEqual(seen, [("write", "FIFO_CONTROL", 0), ("write", "VERSION", 6), ("read", "VERSION", 6)])

    def test_packets(self):
        packets = [r for r in self.records if r["kind"] == "packet"]
        first = packets[0]
        self.assertEqual((first["channel"], first["command"], first["stamp"], first["length"]), (0, "CMD_NOP", 1, 12))
        self.assertEqual((first["barriers"], first["bytes"], first["data"]), ([], 0, ""))
        presents = [r for r in packets if r["command"] == "CMD_DISPLAY_TRANSACTION2"]
        waiting = [r["barriers"] for r in presents if r["barriers"]]
        self.assertTrue(waiting)
        self.assertTrue(all(len(barriers) == 1 and barriers[0][0] == 2 for barriers in waiting))

    def test_pictures(self):
        """The saved pictures: one per record, and the size that was shown."""
        shown = [r for r in self.records if r["kind"] == "picture"]
        self.assertTrue(shown)
        with tempfile.TemporaryDirectory() as folder:
            status, _, err = run("--summary", "--pictures", folder, self.path)
            self.assertEqual((status, err), (0, ""))
            names = sorted(os.listdir(folder))
            self.assertEqual(names, sorted(f"{r['record']:06}-port0.ppm" for r in shown))
            for record in shown:
                with open(os.path.join(folder, f"{record['record']:06}-port0.ppm"), "rb") as f:
                    head = b"P6\n%d %d\n255\n" % (record["width"], record["height"])
                    data = f.read()
                self.assertTrue(data.startswith(head))
                self.assertEqual(len(data), len(head) + 3 * record["width"] * record["height"])

    def test_summary_agrees(self):
        status, out, _ = run("--json", "--summary", self.path)
        told = json.loads(out)
        kinds = collections.Counter(r["kind"] for r in self.records)
        commands = collections.Counter(r["command"] for r in self.records if r["kind"] == "packet")
        self.assertEqual(status, 0)
        self.assertEqual({k: v for k, v in told["records"].items() if v}, dict(kinds))
        self.assertEqual(told["commands"], dict(commands))

    def test_choice(self):
        _, out, _ = run("--json", "--kind", "packet", "--channel", "2", self.path)
        chosen = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(chosen, [r for r in self.records if r["kind"] == "packet" and r["channel"] == 2])

    def test_text_names_things(self):
        _, out, _ = run(self.path)
        self.assertEqual(len(out.splitlines()), len(self.records))
        for word in ("CMD_NOP", "FIFO_CONTROL", "picture", "640x480", "channel 0"):
            self.assertIn(word, out)

    def test_standard_input(self):
        with open(self.path, "rb") as f:
            status, out, _ = run("--json", "-", stdin=f.read())
        self.assertEqual(status, 0)
        self.assertEqual(len(out.splitlines()), len(self.records))


class Replay(unittest.TestCase):
    """What mini-vmm's guest did, once more, to a device of pvg-record's own: the same pictures, pointer, stamps, counters."""

    def replayed(self, data):
        with tempfile.NamedTemporaryFile() as f:
            f.write(data)
            f.flush()
            return run("--replay", f.name)

    @staticmethod
    def records(data):
        at = 8
        while at < len(data):
            kind, length, _ = struct.unpack_from("<IIQ", data, at)
            yield kind, at + 16, length
            at += 16 + length

    @staticmethod
    @functools.lru_cache(maxsize=1)
    def made(*options):
        with tempfile.NamedTemporaryFile() as f:
            subprocess.run([VMM, "--record", f.name, "--mode", "640x480", "--presents", "50", *options],
                           stdout=subprocess.DEVNULL, check=True)
            return f.read()

    def record(self, *options):
        return bytearray(self.made(*options))

    def test_same(self):
        for options in (("--displays", "1"), ("--displays", "3"), ("--displays", "1", "--page-shift", "14"),
                        ("--displays", "2", "--tasks", "callbacks"), ("--displays", "2", "--variant", "mmio"),
                        ("--displays", "1", "--variant", "mmio", "--tasks", "callbacks")):
            with self.subTest(options=options):
                data = self.record(*options)
                status, out, err = self.replayed(data)
                self.assertEqual((status, err), (0, ""))
                kinds = collections.Counter(kind for kind, _, _ in self.records(data))
                mapper = f", {kinds[24]} mapper requests" if "mmio" in options else ""
                self.assertIn(f"the same: {kinds[4]} packets, {kinds[7]} pictures, {kinds[13]} pointer images, "
                              f"{kinds[11]} stamps{mapper}, report", out)
                self.assertTrue(kinds[7] >= 5 and (not mapper or kinds[24] >= 5))

    def test_other_picture(self):
        """One channel of one pixel of the last picture that gamma made: its source is written down apart."""
        data = self.record("--displays", "1")
        sources = [(at, length) for kind, at, length in self.records(data)
                   if kind == 12 and struct.unpack_from("<I", data, at + 28)[0]]
        self.assertTrue(sources)
        picture = next(at for kind, at, _ in self.records(data) if kind == 7 and at > sources[-1][0])
        data[picture + 12 + 4 * 12345] ^= 1
        status, out, err = self.replayed(data)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("is another one now", err)

    def test_other_report(self):
        data = self.record("--displays", "1")
        at, length = next((at, length) for kind, at, length in self.records(data) if kind == 16)
        said = re.search(rb'"guest_presents":(\d+)', data[at:at + length])
        data[at + said.end() - 1] ^= 1
        status, out, err = self.replayed(data)
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(len(err.splitlines()), 1)
        self.assertIn("guest_presents was", err)

    def test_cut_off(self):
        """Up to where it was cut off, it is played; there is no report then."""
        data = self.record("--displays", "1")
        at, length = next((at, length) for kind, at, length in self.records(data) if kind == 16)
        status, out, err = self.replayed(data[:at + length // 2])
        self.assertEqual((status, err), (0, ""))
        self.assertIn("no report to compare", out)

    def test_other_answer(self):
        """The mapper's answer to the last request: a mapping that was made is said to have been refused."""
        data = self.record("--displays", "1", "--variant", "mmio")
        answer = [at for kind, at, _ in self.records(data) if kind == 24][-1]
        data[answer + 8] ^= 1
        status, out, err = self.replayed(data)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("the mapper's answer is not 1", err)

    def test_other_place(self):
        """tasks=callbacks: the pixels of the last picture are said to have lain in pages that were not mapped there."""
        data = self.record("--displays", "1", "--tasks", "callbacks")
        at = [at for kind, at, _ in self.records(data) if kind == 12][-1]
        for run in range(struct.unpack_from("<I", data, at + 24)[0]):
            gpa, length = struct.unpack_from("<QQ", data, at + 32 + 16 * run)
            struct.pack_into("<QQ", data, at + 32 + 16 * run, gpa + (1 << 36), length)
        status, out, err = self.replayed(data)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("is another one now", err)

    def test_made_up(self):
        """Nothing in a recording is trusted: bytes changed at random end in a sentence or in the same."""
        random.seed(1)
        for options in ((), ("--tasks", "callbacks"), ("--variant", "mmio")):
            data = self.record("--displays", "1", "--presents", "1", *options)
            heads = [at - 16 for _, at, _ in self.records(data)]
            for _ in range(2):
                broken = bytearray(data[:heads[min(len(heads) - 1, 3000)]])
                for _ in range(3):
                    broken[random.choice(heads[:1000]) + random.randrange(16 + 8)] ^= 1 << random.randrange(8)
                status, _, err = self.replayed(broken)
                self.assertIn(status, (0, 1), err)
        self.assertEqual(self.replayed(b"")[0], 1)
        self.assertEqual(self.replayed(made_up())[0], 1)
        self.assertEqual(self.replayed(made_up((5, bytes(8))))[0], 1)
        self.assertEqual(self.replayed(made_up((1, struct.pack("<IIIII", 12, 99, 1, 0, 0))))[0], 1)
        self.assertEqual(self.replayed(made_up((1, DEVICE)))[0], 0)


class Damaged(unittest.TestCase):
    def refused(self, data, sentence, lines=0, arguments=()):
        status, out, err = run("--json", *arguments, "-", stdin=data)
        self.assertEqual(status, 1)
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn(sentence, err)
        self.assertEqual(len(out.splitlines()), lines)
        for line in out.splitlines():
            json.loads(line)

    def test_not_a_recording(self):
        self.refused(b"", "too short")
        self.refused(made_up(magic=1), "not a recording")
        self.refused(made_up(version=1), "version 1")

    def test_cut_short(self):
        whole = (1, DEVICE)
        self.refused(made_up(whole, whole, cut=1), "middle of record 1", lines=1)
        self.refused(made_up(whole, whole, cut=13), "middle of record 1", lines=1)

    def test_lengths(self):
        self.refused(made_up() + struct.pack("<IIQ", 1, 0xffffffff, 0), "middle of record 0")
        for kind, enough in ((1, 20), (2, 16), (3, 16), (4, 16), (5, 8), (6, 12), (7, 12), (8, 24), (9, 16), (10, 20), (11, 8),
                             (12, 32), (13, 12), (14, 8), (17, 8), (18, 12), (19, 4), (20, 16), (21, 16), (22, 8), (23, 16),
                             (24, 12)):
            self.refused(made_up((kind, bytes(enough - 1))), "damaged", lines=1)

    def test_kinds(self):
        self.refused(made_up((0, b"")), "unknown kind 0")
        self.refused(made_up((25, b"")), "unknown kind 25")

    def test_barriers_beyond_the_packet(self):
        body = struct.pack("<I", 5) + packet(0x1e, count=65535)
        self.refused(made_up((4, body)), "damaged", lines=1)

    def test_picture_of_another_size(self):
        for width, height in ((2, 2), (0xffffffff, 0xffffffff), (0x10000, 0x10000), (0, 1)):
            body = struct.pack("<III", 0, width, height) + bytes(12)
            with tempfile.TemporaryDirectory() as folder:
                self.refused(made_up((7, body)), "damaged", lines=1, arguments=("--pictures", folder))
                self.assertEqual(os.listdir(folder), [])

    def test_file(self):
        status, _, err = run("/nonexistent")
        self.assertEqual(status, 1)
        self.assertIn("No such file", err)


class CommandLine(unittest.TestCase):
    def test_help(self):
        for flag in ("--help", "-h"):
            status, out, _ = run(flag)
            self.assertEqual(status, 0)
            self.assertIn("usage:", out)

    def test_mistakes(self):
        for arguments in ([], ["a", "b"], ["--kind", "x", "a"], ["--channel", "32", "a"], ["--bytes", "-1", "a"], ["--wrong"],
                          ["--replay", "-"]):
            status, out, err = run(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertTrue(err)


unittest.main(argv=sys.argv[:1], verbosity=1)
