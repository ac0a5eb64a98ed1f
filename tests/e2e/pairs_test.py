"""References that repeat are counted in place: nothing else about them may change, and a kill at any moment loses none.

PAIR_KILLS (6): how many times a program is killed.
"""
import glob
import os
import random
import re
import signal
import struct
import subprocess
import tempfile
import time
import unittest
from collections import Counter

from gobject_test import has
from harness import LIBRARY, OURO, TOP, clean_environment, main
from raw_trace import Trace

KILLS = int(os.environ.get("PAIR_KILLS", "6"))
SOURCE = os.path.join(TOP, "tests", "guest", "pairs.c")


class Pairs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not has("gobject-2.0"):
            raise unittest.SkipTest("gobject-2.0 is not installed")
        cls.folder = tempfile.TemporaryDirectory(prefix="ouro-pairs-")
        cls.program = os.path.join(cls.folder.name, "pairs")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gobject-2.0"], check=True,
                               capture_output=True, text=True).stdout.split()
        subprocess.run(["gcc", "-O2", "-g", "-Wall", "-o", cls.program, SOURCE, *flags, "-pthread"],
                       check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def walked(self, name, options):
        """What is told of each stream of the program and of the child it forks: lists of (kind, object, count, stack)."""
        trace = os.path.join(self.folder.name, name)
        env = clean_environment(LD_PRELOAD=LIBRARY, OURO_OPTIONS=f"snapshot=never,{options}file={trace}")
        subprocess.run([self.program, "walk"], env=env, check=True)
        traces = [trace, *glob.glob(trace + ".d/*"), *glob.glob(trace + ".[0-9]*")]
        self.assertEqual(len(traces), 2, os.listdir(self.folder.name))
        return [self.told(path) for path in traces], os.path.getsize(trace)

    def told(self, trace):
        def dump(*words):
            return subprocess.run([OURO, "dump", *words, trace], check=True, capture_output=True, text=True).stdout
        self.assertIn(" wrong=0\n", dump("--check"))
        dump = dump()
        start = {int(n): int(at, 16) for n, at in re.findall(r"^module (\d+) start=(\w+)", dump, re.M)}
        place = {n: (m, int(at, 16) - start[int(m)]) for n, m, at in re.findall(
            r"^location (\d+) .*module=(\d+) address=(\w+)", dump, re.M)}
        streams, names = {}, {}
        for stream, kind, address, arg, stack in re.findall(
                r"^\d+ s(\d+) t\d+ \d+ ([a-z]+) (0x\w+) (\d+)(?:.*? native=(\S+))?", dump, re.M):
            if kind in ("birth", "incref", "decref", "death"):
                name = names.setdefault(address, len(names))
                streams.setdefault(stream, []).append((kind, name, arg, tuple(
                    place.get(n) for n in (stack or "").split("<"))))
        return list(streams.values())

    def test_what_is_told_of_repeated_pairs_is_what_is_told_of_each_for_itself(self):
        one_by_one, size = self.walked("each", "debug=hash,")
        repeated, smaller = self.walked("repeated", "")
        self.assertLess(smaller, size)
        for each, folded in zip(one_by_one, repeated):
            self.assertEqual([len(s) for s in folded], [len(s) for s in each])
            for a, b in zip(each, folded):
                for i, (x, y) in enumerate(zip(a, b)):
                    self.assertEqual(x, y, f"event {i}")
        main = one_by_one[0][0]
        self.assertGreater(len(main), 15000)
        self.assertGreater(len(set(event[3] for event in main)), 60)

    def test_a_kill_at_any_moment_loses_no_reference(self):
        rng = random.Random(3)
        for round in range(KILLS):
            trace = os.path.join(self.folder.name, f"{round}.trace")
            done = trace + ".done"
            mode = "mode=ring," if round % 4 == 3 else ""
            program = subprocess.Popen([self.program, "forever", done], env=clean_environment(
                LD_PRELOAD=LIBRARY, OURO_OPTIONS=f"snapshot=never,{mode}file={trace}"))
            while not os.path.exists(done) or self.number(done) < 1000:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.01))
            program.send_signal(signal.SIGKILL)
            program.wait()
            told = [e for e in Trace(trace).events() if e[1] in (12, 13)]
            # One event may have been told and not done yet, or done and not told.
            self.assertLessEqual(abs(len(told) - self.others(told) - self.number(done)), 1)
            sums = Counter(e[1] for e in told if e[2] == told[-1][2])
            self.assertIn(sums[12] - sums[13], (0, 1))
            self.assertEqual(told[-1][3], 1 + sums[12] - sums[13])

    @staticmethod
    def number(path):
        with open(path, "rb") as f:
            return struct.unpack("<Q", (f.read(8) or b"").ljust(8, b"\0"))[0]

    @staticmethod
    def others(told):
        """Changes of other objects' counts: GLib's own, at its start."""
        return sum(e[2] != told[-1][2] for e in told)


if __name__ == "__main__":
    main()
