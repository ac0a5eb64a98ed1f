"""C extensions: a cycle the collector cannot see into, and a reference lost on one path."""
import os
import subprocess
import tempfile
import unittest

from harness import Recording, clean_environment, main, sample

PYTHON = "/usr/bin/python3"
LOSE = """
import opaque
def make():
    return [[n] for n in range(100)]
things = make()
for n, thing in enumerate(things):
    opaque.forget(thing, -1 if n == 50 else 1)
"""


class Extension(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ouro-extension-")
        include = subprocess.run([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('include'))"],
                                 capture_output=True, text=True, check=True).stdout.strip()
        if not os.path.exists(os.path.join(include, "Python.h")):
            raise unittest.SkipTest("Python.h is not installed")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", f"-I{include}", "-o",
                        os.path.join(cls.folder.name, "opaque.so"), sample("opaque.c")],
                       check=True)
        cls.env = clean_environment(PYTHONPATH=cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_a_cycle_through_a_type_without_traverse_is_uncollectable(self):
        with Recording([PYTHON, sample("opaque_cycle.py")], env=self.env) as run:
            self.assertEqual(run.status, 0, run.stderr)
            found = run.findings("uncollectable-cycle")
            self.assertEqual(len(found), 1, run.findings())
            self.assertEqual({t["name"] for t in found[0]["types"]}, {"list", "opaque.Box"})
            self.assertEqual([(s["function"], s["line"]) for s in found[0]["sites"]],
                             [("wrap", 6), ("wrap", 7)])
            self.assertEqual(run.findings("dead-cycle"), [])

    def test_a_reference_lost_on_one_path_is_one_over_retained_object(self):
        with Recording([PYTHON, "-c", LOSE], env=self.env) as run:
            found = run.findings("over-retained")
            self.assertEqual([(f["severity"], f["count"], f["unknown"]) for f in found
                              if f["severity"] == "error"],
                             [("error", 1, 1)])
            self.assertEqual(found[0]["sites"][0]["function"], "<listcomp>")


if __name__ == "__main__":
    main()
