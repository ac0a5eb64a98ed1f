"""Who made how much: against counts by hand, against heaptrack, against tracemalloc."""
import csv
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import OURO, Recording, clean_environment, interpreters, main

EVERY = os.environ.get("EVERY")		# every interpreter, rather than the first and the last

HAND = r"""
#include <pthread.h>
#include <stdlib.h>
#define NOINLINE __attribute__((noinline))
static void *kept[1000], *big;
static NOINLINE void *keep(size_t n) { return malloc(n); }
static NOINLINE void temporary(size_t n) { char *volatile p = malloc(n); p[0] = 1; free(p); }
static NOINLINE void *grow(void *p, size_t n) { return realloc(p, n); }
static NOINLINE void peak(void) { big = calloc(1, 1 << 20); }
static void *thread(void *arg) { for (int i = 0; i < 300; i++) free(keep(10)); return arg; }
int main(void)
{
	pthread_t t;

	for (int i = 0; i < 1000; i++)
		kept[i] = keep(100);
	for (int i = 0; i < 5000; i++)
		temporary(32);
	peak();
	free(big);
	for (int i = 0; i < 10; i++)
		kept[i] = grow(kept[i], 1000);
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	for (int i = 500; i < 1000; i++)
		free(kept[i]);
	return 0;
}
"""
# function: blocks made, bytes, temporary, left, bytes left, at the peak, its bytes
BY_HAND = {
    "keep": (1300, 103000, 300, 490, 49000, 1000, 100000),
    "temporary": (5000, 160000, 5000, 0, 0, 0, 0),
    "grow": (10, 10000, 0, 10, 10000, 0, 0),
    "peak": (1, 1 << 20, 1, 0, 0, 1, 1 << 20),
}
FIELDS = ("blocks", "bytes", "temporary", "live_blocks", "live_bytes", "peak_blocks", "peak_bytes")

TRACED = """
import json, sys, tracemalloc
class Node:
    def __init__(self, n):
        self.name = "node %d" % n
        self.parts = [n + 1000, n + 2000, n + 3000]
def make(n):
    return {i: Node(i) for i in range(n)}
def waste(n):
    for i in range(n):
        bytearray(1000)
if sys.argv[1] == "trace":
    tracemalloc.start()
nodes = make(2000)
waste(3000)
table = [bytes(200) for _ in range(500)]
if sys.argv[1] == "trace":
    rows = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, __file__)])
    print(json.dumps({s.traceback[0].lineno: (s.count, s.size) for s in rows.statistics("lineno")}))
"""

SERVER = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline))
struct node { struct node *next; char body[56]; };
static struct node *list;
static void *cache[256], *ring[64];
static NOINLINE void remember(void) { struct node *n = malloc(sizeof *n); memset(n, 1, sizeof *n);
	n->next = list; list = n; }
static NOINLINE void fill(int k) { if (!cache[k]) { cache[k] = malloc(300); memset(cache[k], 0, 300); } }
static NOINLINE void work(int i) { free(ring[i % 64]); ring[i % 64] = calloc(1, 100 + i % 900); }
static NOINLINE void temporary(void) { char *volatile p = malloc(64); p[0] = 1; free(p); }
int main(int argc, char **argv)
{
	for (int i = 0; i < 150000; i++) {
		work(i);
		temporary();
		fill(rand() % 256);
		if (argc > 1 && i % 7 == 0)
			remember();
		if (i % 100 == 0)
			usleep(1000);
	}
	return 0;
}
"""

PYTHON_SERVER = """
import gc, json, random, sys, time
if sys.argv[1] == "garbage":	# waits for a collector that does not come: no growth, but dead cycles
    gc.disable()
class Slow:		# what is left may take long to be tidied up
    def __del__(self):
        time.sleep(0.6)
slow = Slow()
class Loop:
    def __init__(self):
        self.me = self
config = {str(i): [i] * 5 for i in range(1000)}
sessions, cache = {}, {}
class Session:
    def __init__(self, user):
        self.basket = [user, "user %d" % user]
        self.buffer = bytearray()
def fill(session):	# memory of C that is an object's, and no object
    session.buffer.extend(b"x" * 600)
def handle(n):
    data = json.loads(json.dumps({"user": n, "items": list(range(10))}))
    if sys.argv[1] == "leak" and n % 3 == 0:
        sessions[n] = Session(n)
        fill(sessions[n])
    if sys.argv[1] == "garbage":
        Loop()
    cache.setdefault(random.randrange(50), [n])
    return data
end, n = time.monotonic() + 4, 0
while time.monotonic() < end:
    n += 1
    handle(n)
    if n % 10 == 0:
        time.sleep(0.002)
"""


def build(folder, name, source):
    path = os.path.join(folder, name)
    subprocess.run(["cc", "-O1", "-g", "-x", "c", "-o", path, "-", "-lpthread"], input=source,
                   text=True, check=True)
    return path


def heaptrack_says(program, folder):
    """Calls to allocation functions, temporary ones, bytes leaked."""
    subprocess.run(["heaptrack", "-o", os.path.join(folder, "ht"), program], cwd=folder, timeout=120,
                   capture_output=True, env=clean_environment())
    traces = [f for f in os.listdir(folder) if f.startswith("ht.")]
    if not traces:
        raise unittest.SkipTest("heaptrack recorded nothing")
    out = subprocess.run(["heaptrack_print", "-f", os.path.join(folder, traces[0])],
                         capture_output=True, text=True, timeout=120).stdout
    calls = int(re.search(r"calls to allocation functions: (\d+)", out).group(1))
    temporary = int(re.search(r"temporary memory allocations: (\d+)", out).group(1))
    leaked = re.search(r"total memory leaked: ([\d.]+)([BKMG])", out)
    return calls, temporary, float(leaked.group(1)) * {"B": 1, "K": 1e3, "M": 1e6}[leaked.group(2)]


class Sites(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ouro-sites-")
        self.addCleanup(shutil.rmtree, self.folder)

    def rows(self, run, *words):
        return run.ask("sites", "--limit", "0", *words)["sites"]

    def test_counts_are_those_counted_by_hand(self):
        with Recording([build(self.folder, "hand", HAND)]) as run:
            self.assertEqual(run.status, 0, run.stderr)
            answer = self.rows(run, "--by", "function")
            rows = {row["function"]: row for row in answer["rows"]}
            for function, counts in BY_HAND.items():
                self.assertEqual(tuple(rows[function][f] for f in FIELDS), counts, function)
            totals = run.ask("report")["totals"]
            for by in "site", "stack", "file", "module", "type", "thread":
                answer = self.rows(run, "--by", by)
                for field in FIELDS:
                    self.assertEqual(sum(row[field] for row in answer["rows"]), answer[field], by)
                self.assertEqual(answer["peak_bytes"], totals["peak_bytes"])
                self.assertEqual(answer["live_bytes"], totals["live_bytes"])
                self.assertEqual(answer["bytes"], totals["bytes"])
            threads = {row["thread"]: row["temporary"] for row in self.rows(run, "--by", "thread")["rows"]}
            self.assertEqual(threads, {1: 5001, 2: 300})
            self.assertEqual(self.rows(run, "--thread", "2")["blocks"], 300)
            self.assertEqual(self.rows(run, "--under", "thread")["temporary"], 300)
            self.assertEqual(self.rows(run, "--function", "gr*", "--module", "hand")["blocks"], 10)
            lines = list(csv.DictReader(io.StringIO(run.text("sites", "--format", "csv"))))
            self.assertEqual(sum(int(line["bytes"]) for line in lines), answer["bytes"])

    def test_trees_and_time_lose_nothing(self):
        with Recording([build(self.folder, "hand", HAND)]) as run:
            totals = run.ask("report")["totals"]
            for way in "--top-down", "--bottom-up":
                nodes = run.ask("tree", way)["tree"]["nodes"]
                self.assertEqual(nodes[0]["bytes"], totals["bytes"])
                for field in FIELDS:
                    self.assertEqual(sum(n[field] for n in nodes if n["parent"] == 0), nodes[0][field])
                for n in nodes:
                    inside = sum(k["bytes"] for k in nodes if k["parent"] == n["id"])
                    self.assertLessEqual(inside, n["bytes"])
            self.assertTrue(all(len(line) <= 90 for line in self.narrow(run, "tree")))
            answer = run.ask("timeline")
            self.assertEqual(max(b["high_bytes"] for b in answer["timeline"]), totals["peak_bytes"])
            self.assertEqual(answer["timeline"][-1]["live_bytes"], totals["live_bytes"])
            self.assertEqual(answer["timeline"][-1]["bytes"], totals["bytes"])
            peak = answer["peak"]
            self.assertEqual(peak["bytes"], totals["peak_bytes"])
            self.assertEqual([s["function"] for s in peak["sites"]][:2], ["peak", "keep"])
            self.assertIn("At its highest", run.text("report"))
            # Before the peak, after it, and both together.
            at = peak["seconds"]
            before = self.rows(run, "--to", repr(at))
            after = self.rows(run, "--from", repr(at))
            self.assertEqual(before["bytes"] + after["bytes"], totals["bytes"])
            self.assertEqual(after["peak_bytes"], totals["peak_bytes"])

    def narrow(self, run, verb):
        out = subprocess.run([OURO, verb, run.trace], capture_output=True, text=True,
                             env=dict(os.environ, COLUMNS="90")).stdout
        return out.splitlines()

    @unittest.skipUnless(shutil.which("heaptrack_print"), "heaptrack is not installed")
    def test_heaptrack_counts_the_same(self):
        program = build(self.folder, "hand", HAND)
        calls, temporary, leaked = heaptrack_says(program, self.folder)
        with Recording([program]) as run:
            answer = self.rows(run)
        # It has one block of its own, the C++ library's reserve.
        self.assertLessEqual(abs(calls - answer["blocks"]), 2)
        self.assertLessEqual(abs(temporary - answer["temporary"]), 1)
        self.assertLessEqual(abs(leaked - answer["live_bytes"]), 100)

    def test_tracemalloc_counts_the_same(self):
        found = interpreters()
        for python in found if EVERY else {found[0], found[-1]}:
            with self.subTest(python=python):
                self.check_tracemalloc(python)

    def check_tracemalloc(self, python):
        script = os.path.join(self.folder, "traced.py")
        with open(script, "w") as f:
            f.write(TRACED)
        truth = json.loads(subprocess.run([python, script, "trace"], capture_output=True, text=True,
                                          env=clean_environment(), check=True).stdout)
        with Recording([python, script, "run"]) as run:
            self.assertEqual(run.status, 0, run.stderr)
            ours = {}		# by line: a comprehension may be a function of its own
            for row in self.rows(run, "--module", "traced.py")["rows"]:
                count, size = ours.get(row["line"], (0, 0))
                ours[row["line"]] = count + row["live_blocks"], size + row["live_bytes"]
            temporary = self.rows(run, "--function", "waste")["temporary"]
        for line, (count, size) in truth.items():
            if size < 5000:
                continue
            # Each may have some memory of a free list that the other has not.
            self.assertLess(abs(ours[int(line)][0] - count), 0.02 * count + 5, (line, ours))
            self.assertLess(abs(ours[int(line)][1] - size), 0.02 * size + 500, (line, ours))
        self.assertGreaterEqual(temporary, 2900)

    def test_a_script_has_its_own_name(self):
        script = os.path.join(self.folder, "tool")
        with open(script, "w") as f:
            f.write("#! /usr/bin/python3\n[]\n")
        os.chmod(script, 0o755)
        for command, name in ([script, "clone"], "tool"), (["/usr/bin/python3", "-X", "dev", script],
                              "tool"), (["/usr/bin/python3", "-c", "[]", "x.py"], "python3"), \
                             (["/usr/bin/python3", "-m", "calendar", "2026"], "calendar"), \
                             (["cat", "/dev/null"], "cat"):
            with Recording(command) as run:
                self.assertEqual(run.ask("report")["trace"]["program"], name)

    def test_the_other_processes_of_a_run_are_named(self):
        code = ("import os, sys, time\nfor n in 1000, 20000:\n if not os.fork():\n"
                "  x = [[i] for i in range(n)]; os._exit(0)\n os.wait()\ntime.sleep(2.1)")
        with Recording(["/usr/bin/python3", "-c", code]) as run:
            answer = run.ask("report")
            large, small = answer["processes"]
            self.assertEqual(large["file"], f"{run.trace}.d/{large['pid']}")
            self.assertEqual((large["program"], large["bytes"]),
                             ("python3", os.path.getsize(large["file"])))
            self.assertGreater(large["bytes"], small["bytes"])
            self.assertNotEqual(large["pid"], small["pid"])
            self.assertIn("Also recorded: 2 other processes; the largest trace: python3, pid "
                          f"{large['pid']}, `ouro report {large['file']}`.",
                          " ".join(run.stderr.split()))
            text = " ".join(run.text("report").split())
            self.assertIn(f"python3, pid {small['pid']}: `ouro report {small['file']}`", text)
            self.assertFalse(answer["totals"]["growth_tested"])
            self.assertIn("too short a run to tell what keeps growing", text)
            refused = subprocess.run([OURO, "report", run.trace + ".d"], capture_output=True, text=True)
            self.assertIn("a folder: name one of the traces in it", refused.stderr)

    def test_what_keeps_growing_is_told_and_what_fills_up_is_not(self):
        program = build(self.folder, "server", SERVER)
        for words, wanted in ([program, "leak"], ["remember"]), ([program], []):
            with Recording(words) as run:
                report = run.ask("report", "--skip-seconds", "0.6")
                growth = [f for f in report["findings"] if f["kind"] == "growth"]
                self.assertEqual([f["sites"][0]["function"] for f in growth], wanted)
                churn = [f["sites"][0]["function"] for f in report["findings"] if f["kind"] == "churn"]
                self.assertEqual(churn, ["temporary"])
                # A run as short as this one says nothing of itself.
                self.assertFalse(run.findings("growth"))
            if growth:
                self.assertIn("remember", growth[0]["held_by"])
                self.assertEqual(growth[0]["severity"], "warning")
                true = 150000 / 7 * 64 / report["trace"]["seconds"] * 3600
                self.assertLess(abs(growth[0]["bytes_per_hour"] - true), 0.3 * true)
            self.assertTrue(any(b["rss"] for b in run_timeline(words)))

    def test_a_leak_by_request_names_its_holder(self):
        script = os.path.join(self.folder, "service.py")
        with open(script, "w") as f:
            f.write(PYTHON_SERVER)
        for kind in "leak", "none", "garbage":
            with Recording(["/usr/bin/python3", script, kind]) as run:
                report = run.ask("report", "--skip-seconds", "1")
            growth = [f for f in report["findings"] if f["kind"] == "growth"]
            if kind != "leak":
                self.assertEqual([f["sites"][0] for f in growth], [])
                continue
            told = {f["sites"][0]["function"]: f for f in growth}
            self.assertIn("handle", told)
            self.assertRegex(told["handle"]["held_by"], r"sessions\[\d+\]")
            self.assertTrue(set(told) <= {"handle", "fill", "__init__", "<module>"}, set(told))
            self.assertEqual(told["fill"]["types"], [])
            self.assertRegex(told["fill"]["held_by"], r"sessions\[\d+\]\.buffer$")
            self.assertIn(" one of them is held by ", told["fill"]["story"])


def run_timeline(command):
    with Recording(command, "--snapshot", "never") as run:
        return run.ask("timeline")["timeline"]


if __name__ == "__main__":
    main()
