"""Every collection is seen as the interpreter counts it, and costs what the program measures."""
import functools
import json
import os
import subprocess
import tempfile
import unittest

from harness import OURO, SAMPLES, Recording, clean_environment, main, on_every_interpreter

EVERY = os.path.join(SAMPLES, "every_collection.py")
GARBAGE = os.path.join(SAMPLES, "garbage.py")
LOOP = os.path.join(SAMPLES, "collect_in_loop.py")
SETTINGS = ([], ["10000", "1000", "1000"], ["50", "5", "5"])


def by_generation(collections, what=lambda c: 1):
    sums = [0, 0, 0]
    for c in collections:
        sums[c["generation"]] += what(c)
    return sums


def line_of(path, text):
    with open(path) as source:
        return 1 + [text in line for line in source].index(True)


@functools.lru_cache(maxsize=None)
def every(python, *setting):
    """One recording of the sample for all tests that look at it."""
    return Recording([python, EVERY, *setting])


@functools.lru_cache(maxsize=None)
def collector(python, *setting):
    return every(python, *setting).ask("gc")["collector"]


class EveryCollection(unittest.TestCase):
    @on_every_interpreter
    def test_counts_and_frees_are_the_interpreters_own(self, python):
        for setting in SETTINGS:
            said = json.loads(every(python, *setting).stdout.splitlines()[0])
            gc = collector(python, *setting)
            ours = [c for c in gc["list"] if c["cause"] != "finalisation"]
            self.assertEqual(by_generation(ours), said["collections"])
            self.assertEqual(by_generation(ours, lambda c: c["freed"]), said["freed"])
            self.assertEqual(by_generation(ours, lambda c: c["uncollectable"]),
                             said["uncollectable"])
            self.assertEqual([s["collections"] for s in gc["statistics"]], said["collections"])
            self.assertEqual(gc["missed"], 0)
            self.assertEqual(gc["collections"], sum(said["collections"]))

    @on_every_interpreter
    def test_recording_changes_next_to_nothing_about_them(self, python):
        for setting in SETTINGS:
            bare = subprocess.run([python, EVERY, *setting], capture_output=True, text=True,
                                  env=clean_environment())
            bare = json.loads(bare.stdout)["seen"]
            seen = json.loads(every(python, *setting).stdout.splitlines()[0])["seen"]
            for a, b in zip(bare, seen):
                self.assertLessEqual(abs(a - b), max(1, 0.005 * a), (setting, bare, seen))

    @on_every_interpreter
    def test_each_knows_its_cause_its_thread_and_what_it_looked_at(self, python):
        ours = collector(python)["list"]
        calls = [c for c in ours if c["cause"] == "call"]
        self.assertEqual(by_generation(calls), [1, 1, 7])
        self.assertGreater(len({c["thread"] for c in ours}), 1)
        for c in ours:
            if c["cause"] == "threshold":
                g = c["generation"]
                self.assertGreater(c["count"][g], c["threshold"][g])
                self.assertIsNotNone(c["examined"])
            if c["examined"] is not None:
                self.assertGreaterEqual(c["examined"], c["freed"])
        seconds = [c["at"] for c in ours]
        self.assertEqual(seconds, sorted(seconds))

    @on_every_interpreter
    def test_what_was_freed_was_seen_to_die(self, python):
        run, gc = every(python), collector(python)
        nodes = [d for d in gc["garbage"] if d["type"].endswith("Node")]
        self.assertEqual(len(nodes), 1)
        self.assertEqual(nodes[0]["site"]["function"], "knots")
        # 22,000 knots of two; the last ones wait for a collection that does not come.
        self.assertGreater(nodes[0]["objects"], 40000)
        self.assertLessEqual(nodes[0]["objects"], 44000)
        found = run.findings("collected-cycle")
        self.assertEqual(found[0]["sites"][0]["function"], "knots")
        csv = subprocess.run([OURO, "gc", "--format", "csv", run.trace],
                             capture_output=True, text=True)
        self.assertEqual(len(csv.stdout.splitlines()), 1 + len(gc["list"]))


TIMED = """
import gc, time
kept = [[i] for i in range(15000)]
spent = 0.0
for _ in range(20):
    before = time.thread_time()
    gc.collect()
    spent += time.thread_time() - before
print(spent)
"""


class Processor(unittest.TestCase):
    @on_every_interpreter
    def test_its_time_is_what_the_program_measures(self, python):
        with Recording([python, "-c", TIMED], "--snapshot", "never") as run:
            spent = float(run.stdout.splitlines()[0])
            gc = run.ask("gc")["collector"]
        calls = [c for c in gc["list"] if c["cause"] == "call"]
        self.assertEqual(len(calls), 20)
        self.assertAlmostEqual(sum(c["cpu_seconds"] for c in calls) / spent, 1, delta=0.1)
        self.assertTrue(all(c["cpu_seconds"] is not None for c in gc["list"] if c["generation"]))
        self.assertLessEqual(gc["cpu_seconds"], gc["seconds"])
        self.assertGreater(gc["cpu_seconds"], 0.5 * spent)

    def test_of_the_youngest_one_in_eight_is_measured(self):
        with Recording(["/usr/bin/python3", "-c", "import gc; gc.set_threshold(20)\n"
                        "x = [[] for _ in range(100000)]"], "--snapshot", "never") as run:
            young = [c for c in run.ask("gc")["collector"]["list"] if c["generation"] == 0]
        measured = sum(c["cpu_seconds"] is not None for c in young[100:])
        self.assertAlmostEqual(measured / len(young[100:]), 1 / 8, delta=0.02)


SIZES = """
import gc, json
gc.disable()
gc.collect()
told, kept = [], []
for generation, new in ((0, 1000), (0, 700), (1, 500), (0, 300), (2, 900), (0, 10)):
    kept.append([[] for _ in range(new)])
    told.append([[len(gc.get_objects(generation=g)) for g in range(3)], list(gc.get_count())])
    gc.collect(generation)
print(json.dumps(told))
"""


class Sizes(unittest.TestCase):
    """What the collector knows, before each collection, is what gc.get_objects() tells."""
    @on_every_interpreter
    def test_generations_and_counts_are_the_programs_own(self, python):
        with Recording([python, "-c", SIZES], "--snapshot", "never") as run:
            told = json.loads(run.stdout.splitlines()[0])
            calls = [c for c in run.ask("gc")["collector"]["list"] if c["cause"] == "call"][1:]
            csv = subprocess.run([OURO, "gc", "--format", "csv", run.trace],
                                 capture_output=True, text=True).stdout.splitlines()
        self.assertEqual(len(calls), len(told))
        few = 40                # untracked ones, and what the asking makes
        for ours, (sizes, count) in zip(calls, told):
            for g in range(2):
                self.assertAlmostEqual(ours["generations"][g], sizes[g], delta=few)
            self.assertAlmostEqual(ours["count"][0], count[0], delta=few)
            self.assertEqual(ours["count"][1:], count[1:])
        # Of the oldest many are not tracked; how it grows shows the rest.
        first, last = told[0][0][2], told[-1][0][2]
        self.assertAlmostEqual(calls[-1]["generations"][2] - calls[0]["generations"][2], last - first,
                               delta=few)
        self.assertGreater(last - first, 3000)
        columns = csv[0].split(",")
        rows = [dict(zip(columns, line.split(","))) for line in csv[1:]]
        self.assertEqual([[int(r[f"generation_{g}"]) for g in range(3)] for r in rows
                          if r["cause"] == "call"][1:], [c["generations"] for c in calls])


class Waste(unittest.TestCase):
    @on_every_interpreter
    def test_explicit_calls_are_counted_by_line_and_timed(self, python):
        with Recording([python, LOOP, "1500"]) as run:
            theirs = float(run.stdout.splitlines()[0])
            answer = run.ask("gc")
            callers = answer["collector"]["callers"]
            self.assertEqual(len(callers), 1)
            self.assertEqual(callers[0]["collections"], 1500)
            self.assertEqual(callers[0]["site"]["line"], line_of(LOOP, "gc.collect()\n"))
            self.assertEqual(callers[0]["cause"], "call")
            self.assertGreaterEqual(callers[0]["freed"], 1499)
            self.assertAlmostEqual(callers[0]["seconds"] / theirs, 1, delta=0.05)
            self.assertLess(callers[0]["recorder_seconds"], 0.05 * theirs)
            (waste,) = run.findings("collector-waste")
            self.assertEqual(waste["count"], 1500)
            self.assertEqual(waste["severity"], "warning")
            self.assertEqual(waste["sites"][0]["function"], "tidy")
            lines = [f["function"] for f in waste["stack"] if f["file"] == LOOP]
            self.assertEqual(lines, ["tidy", "<module>"])
            self.assertIn("1,500 explicit collections", run.text("report"))

    def test_one_collection_is_no_waste(self):
        with Recording(["/usr/bin/python3", "-c", "import gc; gc.collect()"]) as run:
            self.assertEqual(run.findings("collector-waste"), [])
            self.assertEqual(run.findings("collected-cycle"), [])


class Shapes(unittest.TestCase):
    """What was garbage is gone at the end; a snapshot before a collection has seen it."""
    CYCLES = {"plant": ["children[0].parent"], "listen": ["on_event"], "fail": ["kept"]}

    @on_every_interpreter
    def test_each_kind_of_garbage_is_shown_as_it_was(self, python):
        with Recording([python, GARBAGE]) as run:
            found = run.findings("collected-cycle")
            for function, names in self.CYCLES.items():
                mine = [f for f in found
                        if function in {s["function"].split(".")[-1] for s in f["sites"]}]
                self.assertTrue(mine, (function, [f["headline"] for f in found]))
                edges = [e["name"] for e in mine[0]["edges"]]
                for name in names:
                    self.assertTrue([e for e in edges if name in e], (function, edges))
                ids = {m["id"] for m in mine[0]["members"]}
                self.assertTrue(all(e["from"] in ids and e["to"] in ids
                                    for e in mine[0]["edges"]))
                self.assertGreater(mine[0]["objects_per_second"], 100)
                self.assertIn("just before a collection", mine[0]["story"])
            self.assertEqual([f for f in run.ask("report")["findings"]
                              if f["kind"] == "dead-cycle" and f["severity"] != "info"], [])

    def test_who_wants_none_gets_none(self):
        with Recording(["/usr/bin/python3", GARBAGE], "--snapshot", "exit") as run:
            report = run.ask("report")
            self.assertEqual(report["snapshot"]["begun"], 1)
            found = [f for f in report["findings"] if f["kind"] == "collected-cycle"]
            self.assertTrue(found)
            self.assertTrue(all(not f["members"] for f in found))
            self.assertIn("--snapshot exit+collection", found[0]["story"])


class Survival(unittest.TestCase):
    def deaths(self, lives):
        return sum(sum(lives[how]) for how in ("by_count", "by_collector", "at_end"))

    @on_every_interpreter
    def test_deaths_by_generation_and_kind_are_births_less_the_living(self, python):
        answer = every(python).ask("survival")
        totals = every(python).ask("report")["totals"]
        lives = answer["survival"]
        self.assertEqual(answer["trace"]["lost"], 0)
        self.assertFalse(lives["simulated"])
        self.assertEqual(lives["births"], totals["births"])
        self.assertEqual(self.deaths(lives), totals["deaths"])
        self.assertEqual(lives["living"], totals["live_objects"])
        for key in ("births", "living"):
            self.assertEqual(sum(s[key] for s in lives["sites"]), lives[key])
        self.assertEqual(sum(self.deaths(s) for s in lives["sites"]), self.deaths(lives))
        for s in lives["sites"]:
            self.assertEqual(s["births"] - s["living"], self.deaths(s))
            for ages in ("age_collections", "age_births", "age_ns"):
                self.assertEqual(sum(s[ages]), self.deaths(s))

    def test_a_program_without_a_runtime_has_generations_too(self):
        source = ("#include <stdlib.h>\nint main(void){for(int i=0;i<9000;i++){"
                  "char*p=malloc(20);p[0]=1;free(p);}return malloc(7)==0;}\n")
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "churn")
            with open(program + ".c", "w") as out:
                out.write(source)
            subprocess.run(["gcc", "-O0", "-g", "-o", program, program + ".c"], check=True)
            with Recording([program]) as run:
                lives = run.ask("survival")["survival"]
                text = run.text("survival")
        self.assertTrue(lives["simulated"])
        self.assertEqual(lives["of"], "blocks")
        self.assertGreaterEqual(lives["by_count"][0], 9000 - 9000 // 700 - 1)
        self.assertIn("in main()", text)


if __name__ == "__main__":
    main()
