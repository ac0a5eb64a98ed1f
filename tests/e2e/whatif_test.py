"""What other settings of the collector would do is what they do when the program runs under them.

Environment: WHATIF (work in each program, 1; tests/bench/whatif.py has the long version); EVERY.
"""
import json
import os
import subprocess
import tempfile
import unittest

from harness import OURO, TOP, Recording, clean_environment, interpreters, main, on_every_interpreter

PROGRAMS = os.path.join(TOP, "tests", "bench", "whatif")
RUN = os.path.join(PROGRAMS, "run.py")
EVERY = os.environ.get("EVERY")		# every interpreter, rather than the first and the last
SCALE = float(os.environ.get("WHATIF", "1"))


def command(python, settings, result, program, n):
    return [python, RUN, settings, result, os.path.join(PROGRAMS, program + ".py"),
            str(int(n * SCALE))]


def bare(python, settings, program, n):
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run(command(python, settings, out.name, program, n), check=True,
                       env=clean_environment(), stdout=subprocess.DEVNULL)
        return json.load(out)["runs"]


def predicted(collector, threshold):
    for row in collector["what_if"]["settings"]:
        if not row["recorded"] and row["freeze_at"] is None and row["threshold"] == threshold \
                and row["off"] == (threshold is None):
            return row
    raise AssertionError(f"no row of {threshold}")


class Predictions(unittest.TestCase):
    def one(self, python, program, n):
        with Recording(command(python, "default", "-", program, n), "--snapshot", "never") as run:
            collector = run.ask("gc", "--what-if", "10000,1000,1000", "--what-if", "50,5,5")["collector"]
        self.assertIsNone(collector["what_if"]["refused"])
        coarse = predicted(collector, [10000, 1000, 1000])["collections"]
        self.assertEqual([c["likely"] for c in coarse],
                         bare(python, "10000,1000,1000", program, n))
        fine = predicted(collector, [50, 5, 5])["collections"][0]
        actual = bare(python, "50,5,5", program, n)[0]
        self.assertLess(fine["high"] - fine["low"], 0.25 * actual)
        if not fine["low"] <= actual <= fine["high"]:
            self.assertAlmostEqual(fine["likely"] / actual, 1, delta=0.05)
        self.assertEqual(sum(c["high"] for c in predicted(collector, None)["collections"]), 0)

    @on_every_interpreter
    def test_counts_of_a_program_without_cycles(self, python):
        self.one(python, "requests", 12)

    @on_every_interpreter
    def test_counts_of_a_fork_of_a_fork(self, python):
        with Recording(command(python, "default", "-", "forked", 700), "--snapshot", "never") as run:
            forks = [json.loads(subprocess.run(
                [OURO, "gc", "--format", "json", "--what-if", "10000,1000,1000", "--what-if", "50,5,5",
                 f"{run.trace}.d/{name}"], capture_output=True, text=True, check=True).stdout)
                for name in os.listdir(run.trace + ".d")]
        self.assertEqual(len(forks), 2)
        forks.sort(key=lambda answer: answer["collector"]["what_if"]["ancestors"])
        what_if = forks[1]["collector"]["what_if"]
        self.assertIsNone(what_if["refused"])
        self.assertEqual(what_if["ancestors"], 2)
        now = next(row for row in what_if["settings"] if row["recorded"])["collections"]
        for c, n in zip(now, bare(python, "default", "forked", 700)):
            self.assertAlmostEqual(c["likely"], n, delta=1)
        coarse = predicted({"what_if": what_if}, [10000, 1000, 1000])["collections"]
        self.assertEqual([c["likely"] for c in coarse], bare(python, "10000,1000,1000", "forked", 700))
        fine = predicted({"what_if": what_if}, [50, 5, 5])["collections"]
        actual = bare(python, "50,5,5", "forked", 700)
        self.assertAlmostEqual(fine[0]["likely"] / actual[0], 1, delta=0.05)
        self.assertAlmostEqual(fine[1]["likely"] / actual[1], 1, delta=0.05)

    def test_counts_of_a_program_with_cycles(self):
        self.one("/usr/bin/python3", "tasks", 100)


class Recorded(unittest.TestCase):
    @on_every_interpreter
    def test_collections_of_the_program_are_what_it_counts(self, python):
        # Counted from its own collection on, to where it switches the collector off.
        source = ("import gc\ngc.collect()\nbefore = [s['collections'] for s in gc.get_stats()]\n"
                  "x = [[] for _ in range(50000)]\ndel x\ngc.disable()\n"
                  "print([s['collections'] - b for s, b in zip(gc.get_stats(), before)])\n")
        with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
            program.write(source)
            program.flush()
            with Recording([python, program.name], "--snapshot", "never") as run:
                said = json.loads(run.stdout.splitlines()[0])
                collector = run.ask("gc")["collector"]
        runs = collector["list"]
        first = [c["cause"] for c in runs].index("call")
        self.assertEqual([sum(c["generation"] == g and c["cause"] == "threshold"
                              for c in runs[first:]) for g in range(3)], said)
        self.assertGreaterEqual(sum(collector["program_collections"]), 1 + sum(said))
        check = collector["what_if"]["self_check"]
        for simulated, recorded in zip(check["simulated"], check["recorded"]):
            self.assertLessEqual(abs(simulated - recorded), 1)   # as docs/json.md has it

    @on_every_interpreter
    def test_what_the_program_sets_is_told(self, python):
        source = ("import gc; gc.set_threshold(500, 3, 4); gc.disable(); gc.enable(); gc.freeze();"
                  "n = gc.get_freeze_count(); gc.unfreeze(); print(n)")
        with Recording([python, "-c", source], "--snapshot", "never") as run:
            changes = run.ask("gc")["collector"]["changes"]
            text = run.text("gc")
        self.assertEqual([c["call"] for c in changes],
                         ["gc.set_threshold", "gc.disable", "gc.enable", "gc.freeze", "gc.unfreeze"])
        self.assertEqual(changes[0]["threshold"], [500, 3, 4])
        self.assertEqual([c["enabled"] for c in changes], [True, False, True, True, True])
        self.assertEqual(changes[3]["frozen"], int(run.stdout.splitlines()[0]))
        self.assertIn("gc.set_threshold(500, 3, 4)", text)

    def test_a_sample_has_no_predictions(self):
        with Recording(["/usr/bin/python3", "-c", "x = [[] for _ in range(9000)]"],
                       "--sample", "4096") as run:
            self.assertIn("of a sample", run.ask("gc")["collector"]["what_if"]["refused"])
            self.assertIn("No prediction of other settings", run.text("gc"))

    def test_wrong_words_are_told(self):
        with Recording(["/usr/bin/python3", "-c", "pass"], "--snapshot", "never") as run:
            for words in (["--what-if", "10,10"], ["--what-if", "-1,2,3"], ["--freeze-at", "x"],
                          ["--memory", "-1"], ["--what-if", "1,2,3,4"]):
                with self.assertRaises(AssertionError) as refused:
                    run.ask("gc", *words)
                self.assertIn("status 2", str(refused.exception))


TWO_CYCLES = """
import gc, sys

class Job:
    def __init__(self, rows):
        self.rows = rows
        self.me = self

class Note:
    def __init__(self):
        self.pages = [self]

def work(broken):
    job = Job([[k] for k in range(20)])
    if broken:
        job.me = None

def note():
    Note()

before = [s["collections"] for s in gc.get_stats()]
for i in range(3000):
    work("broken" in sys.argv)
    if i % 3 == 0:
        note()
print([s["collections"] - b for s, b in zip(gc.get_stats(), before)])
"""


class Broken(unittest.TestCase):
    @on_every_interpreter
    def test_a_broken_cycle_saves_the_collections_that_are_told(self, python):
        line = 1 + TWO_CYCLES.split("\n").index("    job = Job([[k] for k in range(20)])")
        with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
            program.write(TWO_CYCLES)
            program.flush()
            with Recording([python, program.name], "--snapshot", "never") as run:
                found = [f for f in run.ask("gc")["findings"] if f["kind"] == "collected-cycle"
                         and any(s["line"] == line for s in f["sites"])]
            with_it = json.loads(run.stdout.splitlines()[0])
            out = subprocess.run([python, program.name, "broken"], check=True, text=True,
                                 env=clean_environment(), stdout=subprocess.PIPE).stdout
        without = json.loads(out)
        fewer = found[0]["if_broken"]["fewer_collections"]
        for whole, broken, told in zip(with_it, without, fewer):
            self.assertLessEqual(abs(whole - told - broken), max(2, 0.05 * whole))
        self.assertGreater(with_it[0], without[0] + 5)
        self.assertIn("It would have saved this run", found[0]["advice"])


FREEZE = """
import gc, json, sys

before = [s["collections"] for s in gc.get_stats()]

class Row:
    def __init__(self, i):
        self.cells = [i, [str(i)]]

class Job:
    def __init__(self, rows):
        self.rows = rows
        self.done = self.finish

    def finish(self):
        return len(self.rows)

table = {i: Row(i) for i in range(20000)}
if sys.argv[1] == "freeze":
    gc.freeze()
gc.set_threshold(*map(int, sys.argv[2:]))
for i in range(4000):
    Job([[k, table[i * 7 % 20000].cells] for k in range(30)]).done()
print([s["collections"] - b for s, b in zip(gc.get_stats(), before)])
"""


class Frozen(unittest.TestCase):
    """What gc.freeze() and thresholds change at a moment, told from a recording without either."""
    def counts(self, python, program, *words):
        return json.loads(subprocess.run([python, program, *words], check=True, text=True, timeout=600,
                                         env=clean_environment(), stdout=subprocess.PIPE).stdout)

    def test_a_freeze_does_what_is_told(self):
        found = interpreters()
        for python in found if EVERY else {found[0], found[-1]}:
            with self.subTest(python=python):
                self.freeze(python)

    def freeze(self, python):
        now = ["700", "10", "10"]
        with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
            program.write(FREEZE)
            program.flush()
            with Recording([python, program.name, "stay", *now], "--snapshot", "never") as run:
                plain = json.loads(run.stdout.splitlines()[0])
                change = run.ask("gc")["collector"]["changes"][-1]
                rows = run.ask("gc", "--freeze-at", f"{change['at'] + 1e-6:.9f}s")["collector"]
            frozen = self.counts(python, program.name, "freeze", *now)
        self.assertEqual(change["call"], "gc.set_threshold")
        as_recorded, asked = rows["what_if"]["settings"][:2]
        self.assertTrue(as_recorded["recorded"] and asked["asked"])
        self.assertAlmostEqual(asked["freeze_at"], change["at"], delta=1e-3)
        for g in range(3):
            told = asked["collections"][g]["likely"] - as_recorded["collections"][g]["likely"]
            self.assertLessEqual(abs(told - (frozen[g] - plain[g])), 1, (g, told, frozen, plain))

    def test_with_thresholds_of_its_own(self):
        python = "/usr/bin/python3"
        with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
            program.write(FREEZE.replace("before =", "gc.set_threshold(*map(int, sys.argv[2:]))\nbefore ="))
            program.flush()
            with Recording([python, program.name, "stay", "700", "10", "10"], "--snapshot",
                           "never") as run:
                change = run.ask("gc")["collector"]["changes"][-1]
                rows = run.ask("gc", "--what-if", "300,5,5", "--freeze-at",
                               f"{change['at'] + 1e-6:.9f}s")["collector"]["what_if"]["settings"]
            frozen = self.counts(python, program.name, "freeze", "300", "5", "5")
        (asked,) = [r for r in rows if r["threshold"] == [300, 5, 5]]
        self.assertIsNotNone(asked["freeze_at"])
        for g in range(3):
            self.assertLessEqual(abs(asked["collections"][g]["likely"] - frozen[g]),
                                 max(3, 0.05 * frozen[g]), (g, asked["collections"], frozen))


class Tuning(unittest.TestCase):
    def test_a_heap_that_stays_is_frozen_or_looked_at_less(self):
        command = ["/usr/bin/python3", os.path.join(PROGRAMS, "heap.py"), "4000", "300000"]
        with Recording(command, "--snapshot", "never") as run:
            (found,) = run.findings("collector-tuning")
            rows = run.ask("gc")["collector"]["what_if"]["settings"]
        best = [r for r in rows if r["recommended"]]
        self.assertEqual(len(best), 1)
        self.assertLess(best[0]["seconds"]["high"], rows[0]["seconds"]["likely"])
        self.assertTrue(best[0]["memory_holds"] and best[0]["pause_holds"])
        self.assertIn("gc.", found["advice"])


if __name__ == "__main__":
    main()
