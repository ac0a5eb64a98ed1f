"""Every stack against libunwind's, and every stack read against the one taken.

STACKS=N scales the programs (1: about a million and a half stacks in all).  30 million:

    STACKS=20 tests/e2e/stacks_test.py
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

from harness import LIBRARY, OURO, TOP, clean_environment, interpreters, main

SCALE = float(os.environ.get("STACKS", "1"))
BENCH = os.path.join(TOP, "tests", "bench")


class Stacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory(prefix="ouro-stacks-")

    @classmethod
    def tearDownClass(cls):
        cls.made.cleanup()

    def program(self, depth, shape):
        out = os.path.join(self.made.name, f"{shape}{depth}")
        text = subprocess.run([sys.executable, os.path.join(BENCH, "calls.py"), str(depth), shape],
                              capture_output=True, check=True).stdout
        subprocess.run(["cc", "-O2", "-pthread", "-xc", "-o", out, "-"], input=text, check=True)
        return out

    def record(self, command, debug):
        """What `dump --check` says of a run: {name: number}."""
        trace = os.path.join(self.made.name, "trace")
        env = clean_environment(LD_PRELOAD=LIBRARY,
                                OURO_OPTIONS=f"snapshot=never,debug={debug},file={trace}")
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
        dump = subprocess.run([OURO, "dump", "--check", trace], capture_output=True, text=True,
                              check=True).stdout
        os.unlink(trace)
        found = {name: int(number) for name, number in re.findall(
            r"^counter ([a-z-]+)=(\d+)$", dump, re.M)}
        found["checked"], found["wrong"] = map(int, re.search(
            r"^stacks checked=(\d+) wrong=(\d+)$", dump, re.M).groups())
        found["differences"] = re.findall(r"^note.*(a stack differs.*)$", dump, re.M)
        return found

    def holds(self, command, stacks):
        found = self.record(command, "compare+hash")
        if SCALE > 1:
            print(command, found, flush=True)
        self.assertEqual((found.get("differs", 0), found["differences"]), (0, []))
        self.assertEqual(found["wrong"], 0)
        self.assertEqual(found["compared"], found["stacks"])
        self.assertEqual(found["checked"], found["stacks"])
        self.assertGreaterEqual(found["stacks"], stacks)
        self.assertLess(found.get("stacks-fallback", 0) / found["stacks"], 0.001)

    def test_stacks_of_c_at_any_depth_are_libunwinds(self):
        for depth in 10, 40, 80:
            n = int(150000 * SCALE)
            self.holds([self.program(depth, "steady"), str(n)], n)

    def test_stacks_that_share_nothing_are_libunwinds(self):
        n = int(50000 * SCALE)
        self.holds([self.program(40, "hostile"), str(n)], n)

    def test_stacks_of_two_threads_are_libunwinds(self):
        n = int(100000 * SCALE)
        self.holds([self.program(20, "steady"), str(n), "2"], n)

    def test_stacks_of_cxx_are_libunwinds(self):
        out = os.path.join(self.made.name, "containers")
        subprocess.run(["c++", "-O2", "-pthread", "-o", out,
                        os.path.join(BENCH, "containers.cc")], check=True)
        self.holds([out, str(int(50000 * SCALE))], int(100000 * SCALE))

    def test_stacks_of_python_are_libunwinds(self):
        for python in interpreters():
            for work in "records", "json":
                with self.subTest(python=python, work=work):
                    size = max(int(2 * SCALE), 1)
                    self.holds([python, os.path.join(BENCH, "objects.py"), work, str(size)],
                               size * 5000)

    def test_without_the_option_nothing_is_compared_or_hashed(self):
        found = self.record([self.program(10, "steady"), "1000"], "")
        self.assertNotIn("compared", found)
        self.assertEqual(found["checked"], 0)


if __name__ == "__main__":
    main()
