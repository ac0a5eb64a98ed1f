"""A program killed at any moment leaves a trace that opens and says that it was cut off."""
import os
import random
import signal
import subprocess
import tempfile
import time
import unittest

from harness import LIBRARY, OURO, clean_environment, main

KILLS = int(os.environ.get("KILLS", "25"))
PYTHON = """
import gc
kept = []
while True:
    kept.append([object(), {'n': len(kept)}, str(len(kept))])
    if len(kept) > 5000:
        kept = []
        gc.collect()
"""
C = r"""
#include <stdlib.h>
int main(void)
{
	static void *slot[512];
	for (unsigned n = 0;; n = n * 1103515245 + 12345) {
		unsigned i = n >> 16 & 511;
		free(slot[i]);
		slot[i] = malloc(n >> 20 & 1023);
	}
}
"""


class Kill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ouro-kill-")
        cls.program = os.path.join(cls.folder.name, "churn")
        subprocess.run(["cc", "-O1", "-x", "c", "-o", cls.program, "-"], input=C, text=True,
                       check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def killed(self, command):
        rng = random.Random(1)
        for round in range(KILLS):
            trace = os.path.join(self.folder.name, f"{round}.trace")
            program = subprocess.Popen(command, env=clean_environment(
                LD_PRELOAD=LIBRARY, OURO_OPTIONS=f"file={trace}"))
            while not os.path.exists(trace) or os.path.getsize(trace) < 4096:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.3))
            program.send_signal(signal.SIGKILL)
            program.wait()
            report = subprocess.run([OURO, "report", "--format", "json", trace],
                                    capture_output=True, text=True)
            self.assertEqual(report.returncode, 0, report.stderr)
            text = subprocess.run([OURO, "report", trace], capture_output=True, text=True)
            self.assertIn("killed", text.stdout)
            os.unlink(trace)

    def test_a_c_program(self):
        self.killed([self.program])

    def test_a_python_program(self):
        self.killed(["/usr/bin/python3", "-c", PYTHON])


if __name__ == "__main__":
    main()
