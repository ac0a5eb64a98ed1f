"""The walk of CPython's heap tells every reference, size and count as the interpreter does."""
import os
import subprocess
import sys
import tempfile
import unittest

from harness import TOP, clean_environment, main, on_every_interpreter

PARTS = "layout text dicts shapes heap bag edges locals roots sizes words".split()


def build(path):
    sources = [f"{TOP}/preload/cpython/{part}.c" for part in PARTS]
    subprocess.run(["cc", "-std=gnu11", "-O2", "-g", "-fPIC", "-shared", "-fvisibility=hidden",
                    "-D_GNU_SOURCE", f"-I{TOP}/include", f"-I{TOP}/preload", "-o", path,
                    f"{TOP}/tests/cpython/dump.c", f"{TOP}/preload/text.c", f"{TOP}/preload/maps.c",
                    *sources], check=True)


class Walk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ouro-walk-")
        cls.walker = os.path.join(cls.folder.name, "libdump.so")
        build(cls.walker)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @on_every_interpreter
    def test_it_says_what_the_interpreter_says(self, python):
        run = subprocess.run([python, f"{TOP}/tests/cpython/heap_test.py", self.walker],
                             capture_output=True, text=True, timeout=300,
                             env=clean_environment())
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_its_offsets_are_those_of_the_headers(self):
        run = subprocess.run([sys.executable, f"{TOP}/tests/cpython/layout/generate.py", "--check"],
                             capture_output=True, text=True, timeout=300)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    main()
