"""Exports, each opened by the tool it is for; what they add up to is what `ouro sites` says."""
import csv
import glob
import gzip
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from harness import BUILD, OURO, TOP, Recording, main, sample

NPM = os.environ.get("OURO_NPM", os.path.join(BUILD, "npm"))
VALUES = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "peak_objects", "peak_space"]
FLAMEGRAPH = "/usr/share/perl5/Devel/NYTProf/flamegraph.pl"
# Killed, so that something is left; two_lists has a dead cycle besides.
PROGRAM = f"""
exec(open({sample("two_lists.py")!r}).read())
class Node: pass
def grow(n): return [Node() for _ in range(n)]
def pad(n): return bytearray(n)
nodes = grow(500); room = [pad(1000 + i) for i in range(50)]
"""
KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
LEAK = """
#include <stdlib.h>
static char *volatile keep;
static inline __attribute__((always_inline)) char *take(int n) { return malloc(n); }
__attribute__((noinline)) static void lose(int n) { char *volatile p = take(n); p = 0; }
int main(void) { for (int i = 1; i <= 20; i++) lose(100 * i); keep = take(5000); return !keep; }
"""


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ouro-export-")
        source, program = cls.path("leak.c"), cls.path("leak")
        with open(source, "w") as file:
            file.write(LEAK)
        subprocess.run(["cc", "-g", "-O1", "-o", program, source], check=True)
        cls.killed = Recording(["/usr/bin/python3", "-IS", "-c", PROGRAM + KILL])
        cls.ended = Recording(["/usr/bin/python3", "-IS", "-c", PROGRAM])
        cls.native = Recording([program])
        cls.all = {"killed": cls.killed, "ended": cls.ended, "native": cls.native}

    @classmethod
    def tearDownClass(cls):
        for run in cls.all.values():
            run.folder.cleanup()
        cls.folder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    def export(self, run, what, *options):
        """The path of the file that was written."""
        path = self.path("out." + what)
        done = subprocess.run([OURO, "export", what, "-o", path, *options, run.trace],
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return path

    def totals(self, run):
        """What `ouro sites` says."""
        t = run.ask("sites")["sites"]
        return {"alloc_objects": t["blocks"], "alloc_space": t["bytes"],
                "inuse_objects": t["live_blocks"], "inuse_space": t["live_bytes"],
                "peak_objects": t["peak_blocks"], "peak_space": t["peak_bytes"]}

    def tool(self, name):
        if not shutil.which(name):
            self.skipTest(f"{name} is not installed")
        return name

    def test_pprof_reads_the_profile_and_its_totals_are_those_of_sites(self):
        go = self.tool("go")
        for name, run in self.all.items():
            with self.subTest(name):
                path = self.export(run, "pprof")
                with gzip.open(path) as file:
                    self.assertTrue(file.read())
                env = dict(os.environ, HOME=self.folder.name, PPROF_BINARY_PATH=self.folder.name)
                raw = subprocess.run([go, "tool", "pprof", "-symbolize=none", "-raw", path],
                                     capture_output=True, text=True, env=env)
                self.assertEqual(raw.returncode, 0, raw.stderr)
                samples = raw.stdout.split("Samples:\n")[1].split("Locations\n")[0].split("\n")
                self.assertEqual([x.split("/")[0] for x in samples[0].split()], VALUES)
                rows = [[int(n) for n in x.split(":")[0].split()] for x in samples[1:] if re.match(r" +\d", x)]
                self.assertEqual(dict(zip(VALUES, map(sum, zip(*rows)))), self.totals(run))
                self.assertRegex(raw.stdout, r"\d+: 0x[0-9a-f]+/0x[0-9a-f]+/0x0 /\S+ [0-9a-f]{40}")

    def test_pprof_names_functions_lines_inlined_ones_and_types(self):
        go = self.tool("go")
        top = subprocess.run([go, "tool", "pprof", "-symbolize=none", "-sample_index=alloc_space", "-lines", "-top",
                              self.export(self.native, "pprof")], capture_output=True, text=True).stdout
        self.assertRegex(top, r"take .*leak\.c:4 \(inline\)")
        self.assertRegex(top, r"lose .*leak\.c:5")
        tags = subprocess.run([go, "tool", "pprof", "-symbolize=none", "-sample_index=inuse_objects", "-tags",
                               self.export(self.killed, "pprof")], capture_output=True, text=True).stdout
        self.assertRegex(tags, r"\b500\.0.*: Node")

    def test_folded_stacks_add_up_to_each_total(self):
        for name, run in self.all.items():
            totals = self.totals(run)
            for value in VALUES if name == "native" else VALUES[3:4]:
                with self.subTest(name, value=value):
                    with open(self.export(run, "folded", "--value", value)) as file:
                        lines = file.read().splitlines()
                    self.assertEqual(sum(int(x.rsplit(" ", 1)[1]) for x in lines), totals[value])
        self.assertTrue([x for x in lines if re.match(r"(.*;)?main;take \d+$", x)], lines)

    def test_flamegraph_draws_them(self):
        path = shutil.which("flamegraph.pl") or FLAMEGRAPH
        if not os.path.exists(path):
            self.skipTest("flamegraph.pl is not installed (Debian has it in libdevel-nytprof-perl)")
        for name, run in self.all.items():
            for value in ("alloc_space", "inuse_objects"):
                with self.subTest(name, value=value):
                    svg = subprocess.run(["perl", path, "--countname", "units", "--minwidth", "0",
                                          self.export(run, "folded", "--value", value)],
                                         capture_output=True, text=True, check=True).stdout
                    boxes = [re.match(r"(.*) \(([\d,]+) units, [\d.]+%\)$", e.text) for e in
                             xml.etree.ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
                    boxes = [(b[1], int(b[2].replace(",", ""))) for b in boxes if b]
                    total = self.totals(run)[value]
                    self.assertIn(("all", total), boxes)
                    if name == "native" and value == "alloc_space":
                        self.assertIn("main", [b[0] for b in boxes])

    def test_speedscope_takes_it_by_its_own_schema(self):
        node = self.tool("node")
        if not os.path.isdir(os.path.join(NPM, "node_modules/speedscope")):
            self.skipTest(f"the npm packages speedscope and ajv are not in {NPM}")
        env = dict(os.environ, NODE_PATH=os.path.join(NPM, "node_modules"))
        for name, run in self.all.items():
            for options in [], ["--value", "alloc_objects"]:
                with self.subTest(name, options=options):
                    done = subprocess.run([node, os.path.join(TOP, "tests/e2e/speedscope.js"),
                                           self.export(run, "speedscope", *options)],
                                          capture_output=True, text=True, env=env)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    got = dict(x.split("=") for x in done.stdout.split())
                    totals = self.totals(run)
                    self.assertEqual(len(got), 1 if options else 3)
                    self.assertEqual({k: int(v) for k, v in got.items()}, {k: totals[k] for k in got})

    def test_graphviz_draws_cycles_leaks_and_holders(self):
        dot = self.tool("dot")
        for run, options, words in ((self.ended, [], ["dead cycle of 2 lists", "first[0]", "second[0]"]),
                                    (self.native, [], ["20 lost blocks made in take()"]),
                                    (self.ended, ["--holders", "type:Node"],
                                     ["Node", "module global `nodes` of __main__"])):
            svg = subprocess.run([dot, "-Tsvg", self.export(run, "dot", *options)],
                                 capture_output=True, text=True)
            self.assertEqual((svg.returncode, svg.stderr), (0, ""))
            text = "\n".join(xml.etree.ElementTree.fromstring(svg.stdout).itertext()).replace("\xa0", " ")
            for word in words:
                self.assertIn(word, text)

    def query(self, path, question):
        done = subprocess.run([self.tool("sqlite3"), path, question], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""), question)
        return done.stdout.splitlines()

    def test_sqlite_adds_up_and_answers_what_its_page_asks(self):
        with open(os.path.join(TOP, "docs/sqlite.md")) as file:
            questions = re.findall(r"```sql\n(.*?)```", file.read(), re.S)
        self.assertEqual(len(questions), 5)
        for name, run in self.all.items():
            with self.subTest(name):
                path = self.export(run, "sqlite")
                sums = self.query(path, "select " + ", ".join(f"sum({v})" for v in VALUES) + " from sites")
                self.assertEqual(dict(zip(VALUES, map(int, sums[0].split("|")))), self.totals(run))
                answers = [self.query(path, q) for q in questions]
                self.assertTrue(answers[0])
                report = run.ask("report")
                kinds = self.query(path, "select kind, count from findings")
                self.assertEqual(kinds, [f"{f['kind']}|{f['count']}"
                                         for f in report["findings"] + report["live_cycles"]])
                if name != "killed":
                    shot = self.query(path, "select objects, edges, roots from snapshot")[0]
                    self.assertEqual(shot.split("|"), self.query(path, "select (select count(*) from objects), "
                                     "(select count(*) from edges), (select count(*) from roots)")[0].split("|"))
                if name == "native":
                    self.assertEqual([x.split("|")[:3] for x in answers[4]][0][:2], ["take", "4"])
                    self.assertEqual(self.query(path, "select count(*), sum(bytes) from blocks where reached = 0"),
                                     [f"{report['lost']['direct']}|{report['lost']['direct_bytes']}"])

    def test_csv_has_the_tables(self):
        for name, run in self.all.items():
            with self.subTest(name):
                with open(self.export(run, "csv")) as file:
                    rows = list(csv.DictReader(file))
                self.assertEqual({v: sum(int(x[v]) for x in rows) for v in VALUES}, self.totals(run))
                with open(self.export(run, "csv", "--table", "timeline")) as file:
                    self.assertGreater(len(list(csv.DictReader(file))), 0)
                report = run.ask("report")
                with open(self.export(run, "csv", "--table", "findings")) as file:
                    rows = list(csv.DictReader(file))
                self.assertEqual([(x["headline"], int(x["bytes"])) for x in rows],
                                 [(f["headline"], f["bytes"])
                                  for f in report["findings"] + report["live_cycles"]])
                with open(self.export(run, "csv", "--table", "collections")) as file:
                    self.assertEqual(len(list(csv.DictReader(file))), report["totals"]["collections"])

    def test_what_is_wrong_is_said_in_one_line(self):
        for words, status in ((["export"], 2), (["export", "png", self.native.trace], 2),
                              (["export", "sqlite", self.native.trace], 2),
                              (["export", "folded", "--value", "x", self.native.trace], 2),
                              (["export", "csv", "--table", "x", self.native.trace], 2),
                              (["export", "dot", "--holders", "nobody", self.ended.trace], 2),
                              (["export", "folded", "/dev/null"], 3),
                              (["export", "folded", "-o", "/nowhere/x", self.native.trace], 3),
                              (["export", "sqlite", "-o", "/nowhere/x", self.native.trace], 2),
                              (["export", "folded", "--value", "alloc_space", "-o", "/dev/full", self.native.trace], 3)):
            done = subprocess.run([OURO, *words], capture_output=True, text=True)
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (status, 1), (words, done.stderr))


if __name__ == "__main__":
    main()
