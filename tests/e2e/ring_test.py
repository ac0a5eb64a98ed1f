"""A ring stays at its size and knows the birth of all that lives, however often it turned."""
import json
import os
import random
import subprocess
import tempfile
import time
import unittest

from harness import LIBRARY, OURO, Recording, clean_environment, main, on_every_interpreter

KILLS = int(os.environ.get("KILLS", "15"))
SECONDS = os.environ.get("SECONDS_OF_CHURN", "2")
RING = 4 << 20
CHUNK = 65536

C = r"""
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static void *kept[1000];
static int seconds;
__attribute__((noinline)) void *keep_early(unsigned n) { return malloc(4096 + n); }
__attribute__((noinline)) void *churn(unsigned n) { return malloc(n & 1023); }
__attribute__((noinline)) void *leave_behind(void) { return malloc(100000); }
static void *work(void *arg)
{
	void *slot[512] = { 0 };
	unsigned n = (unsigned)(size_t)arg;
	time_t end = time(0) + seconds;

	do
		for (int i = 0; i < 10000; i++) {
			unsigned k = (n = n * 1103515245 + 12345) >> 16 & 511;

			if ((n & 0xf000) == 0) {
				slot[k] = realloc(slot[k], 1 + (n >> 20 & 2047));
			} else {
				free(slot[k]);
				slot[k] = churn(n >> 20);
			}
		}
	while (time(0) < end);
	for (int i = 0; i < 512; i++)
		free(slot[i]);
	return leave_behind();
}
int main(int argc, char **argv)
{
	int threads = atoi(argv[2]);
	pthread_t t[16];
	static void *left[16];

	seconds = atoi(argv[1]);
	for (unsigned i = 0; i < 1000; i++)
		kept[i] = keep_early(i);
	if (write(1, "k", 1) != 1)
		return 1;
	for (int i = 0; i < threads; i++)
		pthread_create(&t[i], 0, work, (void *)(size_t)(i + 1));
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], &left[i]);
	_exit(left[0] == kept[0]);
}
"""

PYTHON = """
import gc, sys, time
class Node:
    pass
def make_cycle():
    a, b = Node(), Node()
    a.other, b.other = b, a
def keep():
    return [Node() for _ in range(100)]
gc.collect()
gc.disable()
kept = keep()
make_cycle()
end = time.time() + float(sys.argv[1])
while time.time() < end:
    made = []
    for i in range(2000):
        made.append((i, str(i), {i: made}))
        made[-1][2].clear()
"""


def alive(report, function):
    return sum(s["objects"] for s in report["alive"]["sites"]
               if s["site"] and s["site"]["function"] == function)


class Ring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ouro-ring-")
        cls.program = os.path.join(cls.folder.name, "churn")
        subprocess.run(["cc", "-O1", "-g", "-pthread", "-x", "c", "-o", cls.program, "-"],
                       input=C, text=True, check=True)
        cls.script = os.path.join(cls.folder.name, "churn.py")
        with open(cls.script, "w") as f:
            f.write(PYTHON)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def check_size(self, path, beside):
        """`beside`: chunks of definitions, rows, stacks, and a snapshot."""
        self.assertLessEqual(os.path.getsize(path), 4096 + RING + beside * CHUNK)

    def test_all_that_lives_has_its_birth_stack(self):
        for threads in 1, 4:
            with self.subTest(threads=threads), \
                    Recording([self.program, SECONDS, str(threads)], "--mode", "ring",
                              "--ring-size", str(RING)) as run:
                self.assertEqual(run.status, 0, run.stderr)
                report = run.ask("report")
                self.assertEqual(alive(report, "keep_early"), 1000)
                self.assertEqual(alive(report, "leave_behind"), threads)
                self.assertEqual(alive(report, "churn"), 0)
                self.assertEqual(report["trace"]["lost"], 0)
                self.assertTrue(any("written over" in n["text"] for n in report["notes"]))
                self.check_size(run.trace, 24)

    def test_its_size_does_not_depend_on_the_time_it_ran(self):
        sizes = []
        seconds = 1
        while len(sizes) < 2:
            with Recording([self.program, str(seconds), "1"], "--mode", "ring", "--ring-size",
                           str(RING)) as run:
                full = any("written over" in n["text"] for n in run.ask("report")["notes"])
                if full:	# else a busy machine did not fill it in that time
                    sizes.append(os.path.getsize(run.trace))
            self.assertLess(seconds, 100)
            seconds *= 3
        self.assertEqual(*sizes)

    @on_every_interpreter
    def test_an_old_cycle_is_told_with_its_place(self, python):
        with Recording([python, self.script, "1.5"], "--mode", "ring", "--ring-size",
                       str(RING)) as run:
            self.assertEqual(run.status, 0, run.stderr)
            report = run.ask("report")
            found = [f for f in report["findings"]
                     if f["kind"] == "dead-cycle" and f["severity"] == "warning"]
            self.assertEqual(len(found), 1)
            self.assertEqual({(s["function"], s["line"]) for s in found[0]["sites"]}
                             - {("make_cycle", 7)}, {("make_cycle", 6)})  # 7: __dict__
            self.assertTrue(any("written over" in n["text"] for n in report["notes"]))
            nodes = [s["objects"] for s in report["alive"]["sites"]
                     if s["type"].endswith("Node") and s["site"]["line"] == 9]
            self.assertEqual(sum(nodes), 100)

    def test_killed_at_any_moment_it_opens_and_forgets_nothing_old(self):
        rng = random.Random(7)
        for kill in range(KILLS):
            trace = os.path.join(self.folder.name, "killed.trace")
            command = ([self.program, "60", str(1 + kill % 3)] if kill % 4
                       else ["/usr/bin/python3", self.script, "60"])
            program = subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment(
                LD_PRELOAD=LIBRARY,
                OURO_OPTIONS=f"mode=ring,ring={RING >> rng.randrange(4)},file={trace}"))
            if kill % 4:
                self.assertEqual(program.stdout.read(1), b"k")   # what is old is there
            while not os.path.exists(trace) or os.path.getsize(trace) < RING >> 3:
                time.sleep(0.001)
            time.sleep(0.03 + rng.expovariate(5))
            program.kill()
            program.wait()
            program.stdout.close()
            run = subprocess.run([OURO, "report", "--format", "json", trace],
                                 capture_output=True, text=True)
            self.assertEqual(run.returncode, 0, run.stderr)
            report = json.loads(run.stdout)
            self.assertTrue(report["trace"]["killed"])
            self.assertFalse([n for n in report["notes"] if "chunk" in n["text"]])
            if kill % 4:
                self.assertEqual(alive(report, "keep_early"), 1000)
            os.unlink(trace)

    def test_a_forked_child_has_a_ring_of_its_own(self):
        script = ("import os, sys\n"
                  "pid = os.fork()\n"
                  "kept = [str(i) for i in range(1000)]\n"
                  "for i in range(200000): str(i)\n"
                  "if pid: sys.exit(os.waitpid(pid, 0)[1])\n")
        with Recording(["/usr/bin/python3", "-c", script], "--mode", "ring", "--ring-size",
                       str(1 << 20)) as run:
            self.assertEqual(run.status, 0, run.stderr)
            others = run.trace + ".d"
            traces = [run.trace] + [os.path.join(others, f) for f in os.listdir(others)]
            self.assertEqual(len(traces), 2)
            for trace in traces:
                report = subprocess.run([OURO, "report", "--format", "json", trace],
                                        capture_output=True, text=True)
                self.assertEqual(report.returncode, 0, report.stderr)
                self.assertIn("written over", report.stdout)


if __name__ == "__main__":
    main()
