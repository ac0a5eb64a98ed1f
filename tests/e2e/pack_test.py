"""Packed traces: smaller, the same bytes inside, read by every command and anywhere.

PACK_OBJECTS (30000): how much the large program makes.
"""
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from harness import LIBRARY, OURO, Recording, clean_environment, main

OBJECTS = int(os.environ.get("PACK_OBJECTS", "30000"))
LARGE = """
import json, random
random.seed(1)
keep = []
for i in range(%d):
    e = json.loads(json.dumps({'a': i, 'b': [i, i + 1, (i,)], 'c': str(i) * 3}))
    if i %% 10 == 0:
        keep.append(e)
    x = [object() for _ in range(random.randrange(8))]
""" % OBJECTS

WAITS = """
import sys, time
class Node: pass
a, b = Node(), Node()
a.other, b.other = b, a
del a, b
kept = [object() for _ in range(2000)]
print("ready", flush=True)
n = 0
while True:
    n += 1
    garbage = [str(n)] * 5
    if n % 10 == 0:
        time.sleep(0.002)
"""

COMMANDS = ("report", "cycles", "leaks", "gc", "survival")


def ouro(*words, status=0):
    result = subprocess.run([OURO, *words], capture_output=True, text=True, timeout=120,
                            env=clean_environment())
    if result.returncode != status:
        raise AssertionError(f"ouro {words}: status {result.returncode}: {result.stderr}")
    return result.stdout if not status else result.stderr


class Packed(unittest.TestCase):
    def pack(self, recording, *words):
        packed = recording.trace + ".packed"
        self.said = ouro("pack", *words, recording.trace)
        return packed

    def same_answers(self, recording, packed):
        for command in COMMANDS:
            for form in ("json", "text"):
                plain = ouro(command, "--format", form, recording.trace)
                self.assertEqual(ouro(command, "--format", form, packed),
                                 plain.replace(recording.trace, packed), command)
        self.assertEqual(ouro("dump", packed), ouro("dump", recording.trace))

    def same_bytes(self, recording, packed):
        back = packed + ".back"
        ouro("unpack", "-o", back, packed)
        with open(back, "rb") as a, open(recording.trace, "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_every_command_answers_as_before(self):
        for command in (["/usr/bin/python3", "-c", "a = []; a.append(a); del a"],
                        ["/usr/bin/git", "--version"]):
            with Recording(command) as recording:
                packed = self.pack(recording)
                self.same_answers(recording, packed)
                self.same_bytes(recording, packed)

    def test_a_ring_is_packed_like_any_other(self):
        with Recording(["/usr/bin/python3", "-c", LARGE.replace("range(%d)" % OBJECTS, "range(3000)")],
                       "--mode", "ring", "--ring-size", "1M") as recording:
            packed = self.pack(recording)
            self.same_answers(recording, packed)
            self.same_bytes(recording, packed)

    def test_three_times_smaller_and_read_in_a_part_of_the_memory(self):
        with Recording(["/usr/bin/python3", "-c", LARGE], "--snapshot", "never") as recording:
            packed = self.pack(recording)
            self.assertGreater(os.path.getsize(recording.trace), 3 * os.path.getsize(packed))
            self.assertRegex(self.said, r"[3-9]\.\d times smaller than the trace\n$")
            # As much address space as is left to it without the trace's own size.
            room = 48 * 1024 + os.path.getsize(packed) // 1024
            limited = f'ulimit -v {room}; exec "$0" dump --totals "$1"'
            for trace, status in ((packed, 0), (recording.trace, 3)):
                run = subprocess.run(["/bin/sh", "-c", limited, OURO, trace], capture_output=True)
                self.assertEqual(run.returncode, status, run.stderr)

    def test_names_take_little_of_it(self):
        with Recording(["/usr/bin/python3", "-c", LARGE.replace("range(%d)" % OBJECTS, "range(3000)")]) as recording:
            packed = self.pack(recording, "--symbols")
            self.assertGreater(os.path.getsize(recording.trace), 3 * os.path.getsize(packed))
            self.same_bytes(recording, packed)


class Unfinished(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ouro-pack-")
        self.addCleanup(self.folder.cleanup)
        self.trace = os.path.join(self.folder.name, "t")
        self.program = subprocess.Popen(
            ["/usr/bin/python3", "-c", WAITS], stdout=subprocess.PIPE, text=True,
            env=clean_environment(LD_PRELOAD=LIBRARY,
                                  OURO_OPTIONS=f"snapshot=signal:{signal.SIGUSR2},file={self.trace}"))
        self.assertEqual(self.program.stdout.readline(), "ready\n")
        self.addCleanup(self.program.stdout.close)
        self.addCleanup(self.program.wait)
        self.addCleanup(self.program.kill)

    def totals(self, trace):
        report = json.loads(ouro("report", "--format", "json", trace))
        return report["trace"]

    def test_a_trace_that_is_being_written_is_read_by_every_command(self):
        before = 0
        for command in COMMANDS:
            trace = json.loads(ouro(command, "--format", "json", self.trace))["trace"]
            self.assertTrue(trace["running"])
            self.assertFalse(trace["truncated"])
            self.assertGreater(trace["events"], before)
            before = trace["events"]
        self.assertIsNone(self.program.poll())

    def test_a_trace_that_is_being_written_is_packed_as_it_is(self):
        os.kill(self.program.pid, signal.SIGUSR2)
        until = time.monotonic() + 30
        while "dead-cycle" not in ouro("cycles", "--format", "json", self.trace):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.2)
        for _ in range(3):
            packed = os.path.join(self.folder.name, "p")
            least = self.totals(self.trace)["events"]
            said = ouro("pack", "-o", packed, self.trace)
            self.assertIn("the program still runs", said)
            trace = self.totals(packed)
            self.assertTrue(trace["running"])
            self.assertFalse(trace["truncated"])
            self.assertGreaterEqual(trace["events"], least)
            self.assertIn("still ran when its trace was packed", ouro("report", packed))
        self.assertIn("dead-cycle", ouro("report", "--format", "json", packed))
        self.assertIsNone(self.program.poll())

    def test_a_killed_program_s_trace_is_packed_and_says_so(self):
        self.program.kill()
        self.program.wait()
        packed = os.path.join(self.folder.name, "p")
        self.assertIn("was killed", ouro("pack", "-o", packed, self.trace))
        self.assertTrue(self.totals(packed)["killed"])
        self.assertEqual(ouro("dump", packed), ouro("dump", self.trace))


class Errors(unittest.TestCase):
    def one_line(self, status, *words):
        error = ouro(*words, status=status)
        self.assertEqual(error.count("\n"), 1, error)
        return error

    def test_wrong_use_and_damage_are_one_line(self):
        with tempfile.TemporaryDirectory(prefix="ouro-pack-") as folder, \
                Recording(["/usr/bin/python3", "-c", "pass"]) as recording:
            packed = os.path.join(folder, "p")
            ouro("pack", "-o", packed, recording.trace)
            self.assertIn("itself", self.one_line(2, "pack", "-o", recording.trace, recording.trace))
            self.assertIn("itself", self.one_line(2, "unpack", "-o", packed, packed))
            self.assertIn("not packed", self.one_line(2, "unpack", "-o", packed + "x", recording.trace))
            self.assertIn("-o OUT", self.one_line(2, "unpack", packed))
            self.assertIn("--level", self.one_line(2, "pack", "--level", "99", recording.trace))
            self.assertIn("No such", self.one_line(3, "pack", packed + "y"))
            self.assertIn("No such", self.one_line(3, "pack", "-o", folder + "/a/b", recording.trace))
            with open(packed, "rb") as f:
                whole = f.read()
            with open(packed, "wb") as f:
                f.write(whole[:-1])
            self.assertIn("cut off", self.one_line(3, "report", packed))
            self.assertEqual(os.listdir(folder), ["p"])


if __name__ == "__main__":
    main()
