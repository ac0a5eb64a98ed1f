"""What the tests of the library alone share: a program runs bare, and preloaded."""
import os
import subprocess
import tempfile
import unittest

from harness import LIBRARY, TOP, clean_environment
from raw_trace import Trace


class GuestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.TemporaryDirectory(prefix="ouro-guest-")

    @classmethod
    def tearDownClass(cls):
        cls.built.cleanup()

    @classmethod
    def build(cls, name, source, *options):
        """A file of tests/guest/, or C itself, compiled once for all tests of a class."""
        path = os.path.join(cls.built.name, name)
        text = None if source.endswith((".c", ".cc")) else source
        if not os.path.exists(path):
            subprocess.run(
                ["g++" if source.endswith(".cc") else "gcc", "-O1", "-g", "-D_GNU_SOURCE", "-w",
                 "-pthread", "-o", path, *(["-x", "c", "-"] if text else
                                           [os.path.join(TOP, "tests/guest", source)]),
                 *(["-x", "none"] if text else []), *options],
                input=text, text=True, check=True)
        return path

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ouro-guest-")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "t.trace")

    def run_it(self, command, preload=None, **env):
        if preload is not None:
            env.update(LD_PRELOAD=preload, OURO_OPTIONS=f"file={self.path}")
        result = subprocess.run(command, capture_output=True, timeout=120,
                                cwd=self.folder.name, env=clean_environment(**env))
        return result.returncode, result.stdout, result.stderr

    def same(self, *command, preload=LIBRARY, **env):
        """Runs it both ways; the trace of the preloaded run."""
        bare, ours = self.run_it(command, **env), self.run_it(command, preload, **env)
        self.assertEqual(bare, ours, command)
        return Trace(self.path) if os.path.exists(self.path) else None

    def traces(self):
        return [Trace(os.path.join(folder, name))
                for folder, _, names in os.walk(self.folder.name) for name in names
                if name.startswith("t.trace") or folder.endswith(".d")]

    def adds_up(self, trace):
        kinds, alive, double, unknown = trace.replay()
        self.assertEqual((double, unknown), (0, 0))
        self.assertEqual(sum(trace.lost), 0)
        return kinds, alive
