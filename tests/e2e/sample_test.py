"""A sample says, on average, what a whole recording does, and how far off it may be."""
import math
import os
import subprocess
import tempfile
import unittest

from harness import Recording, clean_environment, interpreters, main, on_every_interpreter

ROUNDS = int(os.environ.get("ROUNDS", "16"))
EVERY = bool(os.environ.get("EVERY"))

C = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *kept[4000];
__attribute__((noinline)) static void *keep(size_t n) { return malloc(n); }
__attribute__((noinline)) static void *grow(void *p, size_t n) { return realloc(p, n); }
int main(void)
{
	for (unsigned i = 0; i < 4000; i++)
		kept[i] = keep(40 + i % 700);
	for (unsigned i = 0; i < 200000; i++) {
		void *volatile p = malloc(40 + i % 1000);
		free(p);
	}
	for (unsigned i = 0; i < 4000; i += 2)
		kept[i] = grow(kept[i], 300 + i % 1000);
	for (unsigned i = 0; i < 4000; i += 4)
		free(kept[i]);
	_exit(0);
}
"""
# What stays: indices 1 and 3 of each four are as they were made, 2 has grown.
STAY = [40 + i % 700 if i % 2 else 300 + i % 1000 for i in range(4000) if i % 4]
MADE = [40 + i % 700 for i in range(4000)] + [40 + i % 1000 for i in range(200000)]
MEAN = 16384

PYTHON = """
import gc
gc.disable()
class Node:
    def __init__(self):
        self.rows = [[] for _ in range(3)]
        self.more = {1: (2, self)}
def make():
    return [Node() for _ in range(2000)]
gone = make()
del gone
kept = make()
"""


# What is made of memory that lay on a free list passes no allocator: nearly all of this does.
KEPT = """
import gc
gc.disable()
for i in range(300000):
    a = []
    b = {}
    c = (a, b)
"""

# Each of leak's lists was one of spare's before.
LEAK = """
import gc, os
gc.disable()
def spare():
    return []
def leak(n):
    rows = []
    for i in range(n):
        spare()
        rows.append([])
    return rows
kept = leak(70000)
os._exit(0)
"""

# All is given back, and blocks of all sizes were resized.
FREED = """
import gc, os
gc.disable()
for i in range(4):
    rows = [[object(), str(n), [n] * (n % 100)] for n in range(8000)]
    for row in rows:
        row.extend([None] * 30)
    del rows, row
os._exit(0)
"""

TRACED = """
import gc, tracemalloc
gc.disable()
def work():
    rows = []
    for i in range(4000):
        a = []
        b = (i, a)
        rows.append([i])
    return rows
first = work()
print(tracemalloc.is_tracing())
tracemalloc.start(3)
print(tracemalloc.is_tracing())
second = work()
snapshot = tracemalloc.take_snapshot()
print(max(s.count for s in snapshot.statistics("lineno") if s.traceback[0].lineno == 9) >= 4000)
tracemalloc.stop()
print(tracemalloc.is_tracing())
third = work()
"""

# A function for each size, made and thrown away: code objects at few addresses.
CODES = """
def run(i):
    space = {}
    exec("def f%d(n):\\n    return bytearray(n)\\n" % i, space)
    space["f%d" % i]((1 << 20) + 64 * i)
for i in range(150):
    run(i)
"""


class Sample(unittest.TestCase):
    def check(self, estimates, sizes, weight, what):
        """`estimates`: pairs of value and standard error, of the sum of weight(size)."""
        n = len(estimates)
        mean = sum(value for value, _ in estimates) / n
        truth = sum(map(weight, sizes))
        # What one estimate is off by, from the sizes: those of few samples would not do.
        picked = {size: -math.expm1(-size / MEAN) for size in set(sizes)}
        error = math.sqrt(sum(weight(s) ** 2 * (1 - picked[s]) / picked[s] for s in sizes))
        # Six standard errors: by chance once in some 100 million, skewed as it is.
        self.assertLess(abs(mean - truth), 6 * error / math.sqrt(n) + 1,
                        f"{what}: {mean}, not {truth}")
        told = math.sqrt(sum(error * error for _, error in estimates) / n)
        self.assertTrue(0.6 * error < told < 1.5 * error, f"{what}: error {told}, not {error}")
        self.assertLess(error / math.sqrt(n), 0.2 * truth, f"{what}: the sample is of no use")

    def test_estimates_are_right_on_average(self):
        made, live, live_bytes = [], [], []
        with tempfile.TemporaryDirectory(prefix="ouro-sample-") as folder:
            program = os.path.join(folder, "program")
            subprocess.run(["cc", "-O1", "-g", "-x", "c", "-o", program, "-"], input=C,
                           text=True, check=True)
            for _ in range(ROUNDS):
                with Recording([program], "--sample", "16K") as run:
                    self.assertEqual(run.status, 0, run.stderr)
                    report = run.ask("report")
                totals, sampled = report["totals"], report["totals"]["sampled"]
                self.assertEqual(sampled["mean_bytes"], MEAN)
                self.assertLess(sampled["blocks"], len(MADE) / 10)
                made.append((totals["blocks"], sampled["blocks_error"]))
                live.append((totals["live_blocks"], sampled["live_blocks_error"]))
                live_bytes.append((totals["live_bytes"], sampled["live_bytes_error"]))
                self.assertTrue(any(n["text"].startswith("Sampled") for n in report["notes"]))
        self.check(made, MADE, lambda size: 1, "blocks made")
        self.check(live, STAY, lambda size: 1, "blocks alive")
        self.check(live_bytes, STAY, lambda size: size, "bytes alive")

    @on_every_interpreter
    def test_python_objects_are_estimated_too(self, python):
        with Recording([python, "-c", PYTHON], "--snapshot", "never") as run:
            whole = run.ask("report")["totals"]
        births, blocks = [], []
        for _ in range(max(4, ROUNDS // 4)):
            with Recording([python, "-c", PYTHON], "--sample", "1K", "--snapshot",
                           "never") as run:
                self.assertEqual(run.status, 0, run.stderr)
                totals = run.ask("report")["totals"]
            births.append(totals["births"])
            blocks.append((totals["blocks"], totals["sampled"]["blocks_error"]))
        # Freed and taken from a free list is a block made when sampled.
        mean = sum(births) / len(births)
        self.assertLess(abs(mean - whole["births"]), 0.05 * whole["births"], whole)

    def some(self, python):
        if not EVERY and python not in (interpreters()[0], interpreters()[-1]):
            self.skipTest("EVERY=1 asks this of all")

    def near(self, estimate, error, truth):
        """Once in a million runs by chance; in a window many samples come at once, hence more."""
        self.assertLess(abs(estimate - truth), 8 * error, f"{estimate} +- {error}, not {truth}")
        self.assertLess(error, 0.2 * truth, "the sample is of no use")

    @on_every_interpreter
    def test_what_comes_from_free_lists_is_estimated_too(self, python):
        self.some(python)
        with Recording([python, "-c", KEPT], "--snapshot", "never") as run:
            whole = run.ask("report")["totals"]["births"]
        with Recording([python, "-c", KEPT], "--sample", "64K", "--snapshot", "never") as run:
            self.assertEqual(run.status, 0, run.stderr)
            totals = run.ask("report")["totals"]
        self.near(totals["births"], totals["sampled"]["blocks_error"], whole)

    @on_every_interpreter
    def test_a_leak_out_of_a_free_list_is_found_where_it_is(self, python):
        self.some(python)
        with Recording([python, "-c", LEAK], "--sample", "64K", "--snapshot", "never") as run:
            self.assertEqual(run.status, 0, run.stderr)
            first = run.ask("sites")["sites"]["rows"][0]
        self.assertEqual((first["function"], first["line"]), ("leak", 10))
        self.near(first["live_blocks"], first["live_blocks_error"], 70000)

    @on_every_interpreter
    def test_ends_are_seen_whatever_the_allocator(self, python):
        self.some(python)
        for allocator in "pymalloc", "malloc", "debug", "malloc_debug", "mimalloc":
            env = clean_environment(PYTHONMALLOC=allocator)
            known = subprocess.run([python, "-c", ""], env=env, capture_output=True)
            if known.returncode:
                continue
            with Recording([python, "-c", FREED], "--sample", "64K", "--snapshot", "never",
                           env=env) as run:
                self.assertEqual(run.status, 0, run.stderr)
                report = run.ask("report")
            totals = report["totals"]
            self.assertEqual(report["trace"]["lost"], 0)
            self.assertGreater(totals["births"], 50000, allocator)
            # What the interpreter itself keeps is some 20000 blocks.
            self.assertLess(totals["live_blocks"],
                            20000 + 8 * totals["sampled"]["live_blocks_error"], allocator)

    @on_every_interpreter
    def test_the_programs_own_tracemalloc_sees_what_it_would(self, python):
        self.some(python)
        for options in [], ["-X", "tracemalloc=2"]:
            command = [python, *options, "-c", TRACED]
            bare = subprocess.run(command, env=clean_environment(), capture_output=True, text=True)
            with Recording(command, "--sample", "64K", "--snapshot", "never") as run:
                self.assertEqual(run.stdout.splitlines()[:4], bare.stdout.splitlines())

    @on_every_interpreter
    def test_a_function_made_where_another_was_has_its_own_name(self, python):
        with Recording([python, "-c", CODES], "--sample", "64K", "--snapshot", "never") as run:
            self.assertEqual(run.status, 0, run.stderr)
            rows = run.ask("sites", "--limit", "0")["sites"]["rows"]
        # One that made something small, too, which was picked, stands for hundreds.
        sizes = {row["function"]: (row["blocks"], row["bytes"]) for row in rows
                 if row["function"].startswith("f") and row["function"][1:].isdigit()
                 and row["blocks"] < 10}
        self.assertGreater(len(sizes), 130)
        for function, (blocks, size) in sizes.items():
            self.assertEqual(blocks, 1, function)
            self.assertLess(abs(size - (1 << 20) - 64 * int(function[1:])), 64, function)

    @on_every_interpreter
    def test_findings_are_made_of_what_is_known(self, python):
        for sample in "1", "1G":
            with Recording([python, "-c", PYTHON], "--sample", sample) as run:
                self.assertEqual(run.status, 0, run.stderr)
                report = run.ask("report")
            cycles = [f for f in report["findings"] if f["kind"] == "dead-cycle"
                      and any("Node" in t["name"] for t in f["types"])]
            self.assertEqual(sum(f["count"] for f in cycles), 2000)
            self.assertNotIn("error", {f["severity"] for f in report["findings"]})
            for f in cycles:
                if f["sites"]:
                    self.assertEqual(f["severity"], "warning")
                else:
                    self.assertEqual(f["severity"], "info")
                    self.assertIn("birth not sampled", f["headline"])
            self.assertEqual(bool(cycles[0]["sites"]), sample == "1")

    def test_a_ring_may_be_sampled(self):
        with Recording(["/usr/bin/python3", "-c", PYTHON], "--sample", "100", "--mode", "ring",
                       "--ring-size", "512K") as run:
            self.assertEqual(run.status, 0, run.stderr)
            report = run.ask("report")
        self.assertEqual(report["trace"]["lost"], 0)
        self.assertIn("sampled", report["totals"])


if __name__ == "__main__":
    main()
