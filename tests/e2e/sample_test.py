"""A sample says, on average, what a whole recording does, and how far off it may be."""
import math
import os
import subprocess
import tempfile
import unittest

from harness import Recording, main, on_every_interpreter

ROUNDS = int(os.environ.get("ROUNDS", "16"))

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
