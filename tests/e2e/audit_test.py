"""ouro audit: known leaks pass on other builds and in runs of other lengths, new ones fail.

Environment: LENGTHS (how many run lengths of each build; 3).
"""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from harness import OURO, TOP, clean_environment, interpreters, main

HERE = os.path.join(TOP, "tests/audit")
LENGTHS = [50, 400, 3000, 10, 20000][:int(os.environ.get("LENGTHS", "3"))]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ouro-audit-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def audit(self, *words, status=None, cwd=None):
        run = subprocess.run([OURO, "audit", *words], capture_output=True, text=True, timeout=120,
                             env=clean_environment(), cwd=cwd or self.folder)
        if status is not None:
            self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def ask(self, *words):
        run = self.audit("--format", "json", *words)
        self.assertIn(run.returncode, (0, 1), run.stderr)
        answer = json.loads(run.stdout)
        self.assertEqual(answer["audit"]["verdict"], ["passed", "failed"][run.returncode])
        return answer

    def failing(self, *words):
        """(why, kind, innermost place) of what fails."""
        return [(f["why"], f["kind"], f["places"][0]["function"] if f["places"] else None)
                for f in self.ask(*words)["findings"] if f["fails"]]

    def build(self, name, *flags, source="server.c", moved=0, folder=None):
        """A build of a program, in a folder of its own, its lines moved down."""
        place = self.path(folder or name)
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(HERE, source)) as file:
            text = file.read()
        copy = os.path.join(place, source)
        with open(copy, "w") as file:
            file.write("\n" * moved + text)
        compiler = "g++" if source.endswith(".cc") else "gcc"
        program = os.path.join(place, name)
        subprocess.run([compiler, "-w", *flags, "-o", program, copy], check=True)
        return program


class Native(Case):
    def setUp(self):
        super().setUp()
        self.old = self.build("server", "-g", "-O0")
        self.baseline = self.path("baseline.txt")
        self.update = self.audit("--baseline", self.baseline, "--update", "--", self.old, "400",
                                 status=0)

    def test_known_leaks_pass_on_other_builds_at_any_length(self):
        builds = [self.old, self.build("optimised", "-g", "-O2", moved=37),
                  self.build("most", "-g", "-O3", "-flto", moved=3),
                  self.build("nameless", "-O2", moved=11)]
        for program in builds:
            for length in LENGTHS:
                with self.subTest(program=os.path.basename(program), length=length):
                    run = self.audit("--baseline", self.baseline, "--", program, str(length), status=0)
                    self.assertIn("0 new, 0 grown, 2 known", run.stdout)
                    self.assertNotIn("gone", run.stdout)

    def test_a_baseline_of_an_optimised_build_holds_for_the_others(self):
        other = self.build("optimised", "-g", "-O2", moved=5)
        self.audit("--baseline", self.path("b2.txt"), "--update", "--", other, "50", status=0)
        for length in LENGTHS:
            self.audit("--baseline", self.path("b2.txt"), "--", self.old, str(length), status=0)

    def test_a_third_leak_fails_and_is_the_only_one_named(self):
        for name, flags in ("debug", ["-g", "-O0"]), ("optimised", ["-g", "-O2"]):
            program = self.build(name, *flags, "-DTHIRD", moved=20)
            for length in LENGTHS:
                with self.subTest(program=name, length=length):
                    answer = self.ask("--baseline", self.baseline, "--", program, str(length))
                    failing = [f for f in answer["findings"] if f["fails"]]
                    self.assertEqual([f["why"] for f in failing], ["new"])
                    self.assertEqual([p["function"] for p in failing[0]["places"]],
                                     ["xmalloc", "log_request", "main"])
                    self.assertEqual(failing[0]["count"], length)
        run = self.audit("--baseline", self.baseline, "--", program, "100", status=1)
        self.assertIn("1 new, 0 grown, 2 known", run.stdout)
        self.assertIn("log_request", run.stdout)
        self.assertNotIn("read_options", run.stdout)

    def test_more_of_a_known_leak_in_a_run_of_the_same_length_has_grown(self):
        text = self.read("baseline.txt").replace("found 400 times, 400 objects", "found 200 times, 200 objects")
        self.write("less.txt", text)
        self.assertEqual(self.failing("--baseline", self.path("less.txt"), "--", self.old, "400"),
                         [("grown", "lost", "xmalloc")])
        for tolerance, status in ("101%", 0), ("99", 1):
            self.audit("--baseline", self.path("less.txt"), "--tolerance", tolerance, "--", self.old,
                       "400", status=status)

    def test_per_run_lets_no_run_find_more(self):
        self.audit("--baseline", self.baseline, "--per", "run", "--", self.old, "4000", status=1)
        text = self.read("baseline.txt")
        self.write("per.txt", re.sub(r"(found 400 .*\n.*\n)", r"\1    per   run\n", text))
        self.audit("--baseline", self.path("per.txt"), "--", self.old, "4000", status=1)
        self.audit("--baseline", self.path("per.txt"), "--", self.old, "40", status=0)

    def test_the_baseline_can_be_reviewed(self):
        text = self.read("baseline.txt")
        self.assertTrue(text.startswith("# ouro baseline 1\n"))
        self.assertNotIn(self.folder, text)
        self.assertNotRegex(text, r"0x[0-9a-f]{6}")
        self.assertIn("    at    xmalloc (server/server.c:", text)
        self.assertIn("    by    read_options (server/server.c:", text)
        self.assertEqual(len(re.findall(r"^lost$", text, re.M)), 2)

    def test_update_keeps_comments_and_what_has_not_changed(self):
        text = self.read("baseline.txt").replace("\nlost", "\n# known since the beginning\nlost", 1)
        text = text.replace("# ouro baseline 1\n", "# ouro baseline 1\n# Ours.\n") + "\n# The end.\n"
        self.write("baseline.txt", text)
        self.audit("--baseline", self.baseline, "--update", "--", self.old, "700", status=0)
        self.assertEqual(self.read("baseline.txt"), text)
        third = self.build("third", "-g", "-O2", "-DTHIRD", moved=9)
        run = self.audit("--baseline", self.baseline, "--update", "--", third, "400", status=0)
        self.assertIn("1 added, 0 changed, 2 as before, 0 removed", run.stderr)
        more = self.read("baseline.txt")
        self.assertIn("log_request", more)
        self.audit("--baseline", self.baseline, "--", third, "50", status=0)
        run = self.audit("--baseline", self.baseline, "--update", "--", self.old, "400", status=0)
        self.assertIn("0 added, 0 changed, 2 as before, 1 removed", run.stderr)
        self.assertEqual(self.read("baseline.txt"), text)

    def test_what_is_gone_is_told_and_does_not_fail(self):
        third = self.build("third", "-g", "-O2", "-DTHIRD")
        self.audit("--baseline", self.baseline, "--update", "--", third, "400", status=0)
        run = self.audit("--baseline", self.baseline, "--", self.old, "400", status=0)
        self.assertIn("1 gone", run.stdout)
        self.assertRegex(run.stdout, r"gone: lost .*log_request")

    def test_kinds_that_must_not_be_fail_though_they_are_known(self):
        run = self.audit("--baseline", self.baseline, "--fail-on", "lost,dead-cycle", "--", self.old, status=1)
        self.assertIn("no lost is allowed", run.stdout)
        self.audit("--baseline", self.baseline, "--fail-on", "dead-cycle", "--", self.old, status=0)

    def test_what_was_allocated_before_the_mark_is_no_finding(self):
        cached = self.build("cached", "-g", "-O0", "-DCACHE")
        self.assertEqual(len(self.failing("--baseline", self.baseline, "--", cached)), 1)
        self.assertEqual(self.failing("--baseline", self.baseline, "--skip-until", "warm", "--", cached), [])
        # The leak at the start is from before the mark, too.
        answer = self.ask("--skip-until", "warm", "--", cached, "400")
        self.assertEqual([(f["why"], f["places"][2]["function"]) for f in answer["findings"]],
                         [("new", "parse")])
        run = self.audit("--skip-until", "hot", "--", cached, status=1)
        self.assertIn('no process set the mark "hot"', run.stdout)

    def test_skipped_seconds(self):
        self.audit("--skip-seconds", "30", "--", self.old, status=0)
        self.audit("--skip-seconds", "0.0000001", "--", self.old, status=1)

    def test_traces_are_audited_as_commands_are(self):
        traces = []
        for length in "100", "3000":
            traces.append(self.path(length + ".trace"))
            subprocess.run([OURO, "run", "-q", "-o", traces[-1], "--", self.old, length], check=True,
                           capture_output=True, env=clean_environment())
        for given in traces[:1], traces[1:], traces:
            answer = self.ask("--baseline", self.baseline, *given)
            self.assertEqual((answer["audit"]["known"], answer["audit"]["new"]), (2, 0))
            self.assertEqual(len(answer["processes"]), len(given))

    def test_a_crash_is_a_failure_of_its_own(self):
        run = self.audit("--", "sh", "-c", "kill -SEGV $$", status=1)
        self.assertIn("crash: ", run.stdout)
        self.assertIn("SIGSEGV", run.stdout)
        before = self.read("baseline.txt")
        run = self.audit("--baseline", self.baseline, "--update", "--", "sh", "-c", "kill -ABRT $$", status=1)
        self.assertIn("is left as it is", run.stderr)
        self.assertEqual(self.read("baseline.txt"), before)

    def test_a_status_other_than_0_fails_unless_allowed(self):
        run = self.audit("--", "false", status=1)
        self.assertIn("ended with status 1", run.stdout)
        self.audit("--any-status", "--", "false", status=0)

    def test_other_processes_are_judged_too(self):
        third = self.build("third", "-g", "-O2", "-DTHIRD")
        command = ["sh", "-c", f"{self.old} 400; {third} 400; true"]
        self.assertEqual(self.failing("--baseline", self.baseline, "--only", "server", "--", *command), [])
        answer = self.ask("--baseline", self.baseline, "--", *command)
        self.assertEqual([f["places"][1]["function"] for f in answer["findings"] if f["fails"]], ["log_request"])
        self.assertEqual(len(answer["processes"]), 3)

    def test_wrong_use_and_files_that_are_none(self):
        for words, status in (([], 2), (["--nonsense"], 2), (["--fail-on", "lots", "--", "true"], 2),
                              (["--tolerance", "x", "--", "true"], 2), (["--update", "--", "true"], 2),
                              (["--baseline", self.path("none"), "--", "true"], 2),
                              (["--baseline", self.old, "--", "true"], 2),
                              (["--suppressions", self.path("none"), "--", "true"], 2),
                              (["--", self.path("none")], 2),
                              ([self.path("none")], 3), ([self.old], 3)):
            with self.subTest(words=words):
                run = self.audit(*words, status=status)
                self.assertEqual(run.stdout, "")
                self.assertRegex(run.stderr, r"^ouro: |^/.*: unrecognized option|audit --help")

    def test_a_line_of_a_baseline_that_is_wrong_is_named(self):
        for line, said in (("    at    nowhere", "a place is FUNCTION (FILE:LINE)"),
                           ("    found lots", "a number is missing"), ("    zap   1", "no such line"),
                           ("    per   week", "per is")):
            self.write("bad.txt", "# ouro baseline 1\n\nlost\n" + line + "\n")
            run = self.audit("--baseline", self.path("bad.txt"), "--", "true", status=2)
            self.assertIn("bad.txt:4: " + said, run.stderr)

    @unittest.skipUnless(shutil.which("xmllint"), "xmllint is not installed")
    def test_junit_is_valid_and_says_the_same(self):
        third = self.build("third", "-g", "-O2", "-DTHIRD")
        supp = self.write("s.supp", "leak:read_options\nleak:nothing_is_called_so\n")
        for command in [third, "400"], ["sh", "-c", "kill -SEGV $$"], [self.old, "400"]:
            self.audit("--baseline", self.baseline, "--junit", "j.xml", "--suppressions", supp, "--", *command)
            run = subprocess.run(["xmllint", "--noout", "--schema", os.path.join(HERE, "junit.xsd"),
                                  self.path("j.xml")], capture_output=True, text=True)
            self.assertEqual(run.returncode, 0, run.stderr)
            suite = xml.etree.ElementTree.parse(self.path("j.xml")).getroot()[0]
            cases = suite.findall("testcase")
            for what in "failure", "error", "skipped":
                key = what + ("" if what == "skipped" else "s")
                self.assertEqual(len([c for c in cases if c.find(what) is not None]), int(suite.get(key)))
            self.assertEqual(len(cases), int(suite.get("tests")))
        self.assertEqual((suite.get("failures"), suite.get("errors"), suite.get("skipped")), ("0", "0", "1"))

    def test_json_is_alone_on_stdout(self):
        answer = self.ask("--", self.old, "50")     # which prints, too
        self.assertEqual(answer["audit"]["new"], 2)


class Python(Case):
    JOBS = os.path.join(HERE, "jobs.py")

    def moved(self, name):
        with open(self.JOBS) as file:
            text = file.read()
        os.makedirs(self.path(name), exist_ok=True)
        copy = self.path(name + "/jobs.py")
        with open(copy, "w") as file:
            file.write("# moved\n" * 12 + text)
        return copy

    def test_known_cycles_pass_and_the_third_is_named(self):
        moved = self.moved("moved")
        for python in interpreters():
            with self.subTest(python=python):
                baseline = self.path("baseline.txt")
                self.audit("--baseline", baseline, "--update", "--", python, self.JOBS, "400", status=0)
                for length in LENGTHS:
                    self.audit("--baseline", baseline, "--", python, moved, str(length), status=0)
                answer = self.ask("--baseline", baseline, "--", python, moved, "300", "third")
                self.assertEqual([(f["why"], f["kind"], f["places"][0]["function"])
                                  for f in answer["findings"] if f["fails"]],
                                 [("new", "dead-cycle", "log")])
                os.unlink(baseline)

    def test_a_mark_is_set_from_python(self):
        python = interpreters()[0]
        baseline = self.path("baseline.txt")
        self.audit("--baseline", baseline, "--update", "--", python, self.JOBS, "50", status=0)
        self.assertEqual(self.failing("--baseline", baseline, "--", python, self.JOBS, "50", "cache"),
                         [("new", "dead-cycle", "warm_up")])
        self.audit("--baseline", baseline, "--skip-until", "warm", "--", python, self.JOBS, "50", "cache",
                   status=0)

    def test_suppressions_of_ouro_know_types_places_and_edges(self):
        python = interpreters()[0]
        for line, left in (("dead-cycle: type=__main__.Job", 1), ("dead-cycle: edge=*view*", 1),
                           ("any: file=jobs.py", 0), ("any: function=run", 1), ("lost: type=*", 2),
                           ("dead-cycle: type=*.Job function=nothing", 2)):
            with self.subTest(line=line):
                supp = self.write("s.txt", "# why\n" + line + "\n")
                answer = self.ask("--suppressions", supp, "--", python, self.JOBS, "20")
                self.assertEqual(len(answer["findings"]), left)
                run = self.audit("--suppressions", supp, "--", python, self.JOBS, "20")
                self.assertEqual("unused suppression" in run.stdout, left == 2)


class Samples(Case):
    CI = os.path.join(TOP, "samples/ci")

    def make(self, *words, lang="C.UTF-8"):
        return subprocess.run(["make", "-C", self.path("ci"), f"OURO={OURO}", *words], capture_output=True,
                              text=True, env=clean_environment(LANG=lang))

    def test_the_makefile_gates(self):
        shutil.copytree(self.CI, self.path("ci"))
        for flags, lang in ("-O0", "C.UTF-8"), ("-O2", "de_DE.UTF-8"), ("-O2 -g0", "C.UTF-8"):
            run = self.make("audit", "CFLAGS=" + flags, lang=lang)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            self.assertIn("0 new, 0 grown, 2 known", run.stdout)
        run = self.make("audit", "CFLAGS=-DNEW_LEAK")
        self.assertEqual(run.returncode, 2, run.stdout)         # make's own
        self.assertIn("1 new, 0 grown, 2 known", run.stdout)
        self.assertIn("log_word", run.stdout)
        before = self.read("ci/baseline.txt")
        self.assertEqual(self.make("audit-update").returncode, 0)
        self.assertEqual(self.read("ci/baseline.txt"), before)

    def test_the_other_systems_use_the_same_target(self):
        for name in "gitlab-ci.yml", "github-actions.yml":
            with open(os.path.join(self.CI, name)) as file:
                text = file.read()
            self.assertRegex(text, r"(?m)^ +- (run: )?make audit$")
            self.assertIn("audit.xml", text)
            self.assertNotIn("\t", text)


class Diff(Case):
    def record(self, name, *command):
        trace = self.path(name + ".trace")
        subprocess.run([OURO, "run", "-q", "-o", trace, "--", *command], check=True, capture_output=True,
                       env=clean_environment())
        return trace

    def ask_diff(self, *words):
        run = subprocess.run([OURO, "diff", "--format", "json", *words], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    @staticmethod
    def changes(rows, *wanted):
        return sorted((r["change"], r["places"][0]["function"]) for r in rows
                      if not wanted or r["change"] in wanted)

    def test_a_build_with_a_new_leak_differs_by_that(self):
        a = self.record("a", self.build("a", "-g", "-O0"), "200")
        b = self.record("b", self.build("b", "-g", "-O2", "-DTHIRD", moved=30), "2000")
        answer = self.ask_diff(a, b)
        self.assertEqual([(r["change"], r["places"][1]["function"]) for r in answer["findings"]],
                         [("new", "log_request"), ("known", "xstrdup"), ("known", "xstrdup")])
        # 3 blocks for each request in a, 4 in b; and the one of the start.
        self.assertEqual([answer["diff"][s]["blocks"] for s in "ab"], [3 * 200 + 2, 4 * 2000 + 2])
        self.assertAlmostEqual(answer["diff"]["scale"], 8002 / 602, places=6)
        made = {r["places"][0]["function"]: r for r in answer["made"]}
        self.assertEqual(made["answer"]["count"], 2000)
        self.assertEqual(made["answer"]["before"]["count"], 200)
        self.assertEqual(made["answer"]["bytes"], 200 * 2000)
        alive = {r["places"][0]["function"]: r for r in answer["alive"]}
        self.assertEqual(alive["xmalloc"]["count"], 1 + 2 * 2000)
        self.assertEqual(alive["xmalloc"]["before"]["count"], 1 + 200)
        self.assertEqual(alive["xmalloc"]["change"], "grown")
        back = self.ask_diff(b, a)
        self.assertEqual(self.changes(back["findings"], "gone"), [("gone", "xmalloc")])
        text = subprocess.run([OURO, "diff", a, b], capture_output=True, text=True)
        self.assertIn("Findings: 1 new, 0 grown, 2 as before", text.stdout)

    def test_a_longer_run_of_the_same_is_no_difference_unless_asked(self):
        program = self.build("a", "-g", "-O0")
        a, b = self.record("a", program, "300"), self.record("b", program, "3000")
        answer = self.ask_diff(a, b)
        for part in "findings", "alive", "made":
            self.assertEqual(self.changes(answer[part], "new", "grown", "gone"), [], part)
        answer = self.ask_diff("--per", "run", a, b)
        self.assertEqual(self.changes(answer["findings"], "grown"), [("grown", "xmalloc")])

    def test_python_by_type_and_place(self):
        jobs, python = os.path.join(HERE, "jobs.py"), interpreters()[0]
        a = self.record("a", python, jobs, "100")
        b = self.record("b", python, jobs, "100", "third")
        answer = self.ask_diff(a, b)
        self.assertEqual([(r["change"], r["kind"], r["types"]) for r in answer["findings"]
                          if r["change"] != "known"], [("new", "dead-cycle", ["list"])])
        row = [r for r in answer["alive"] if r["places"][0]["function"] == "log"]
        self.assertEqual([(r["change"], r["types"], r["count"]) for r in row], [("new", ["list"], 100)])

    def test_wrong_use(self):
        trace = self.record("a", "true")
        for words, status in ([trace], 2), ([trace, self.path("none")], 3), (["--per", "moon", trace, trace], 2):
            run = subprocess.run([OURO, "diff", *words], capture_output=True, text=True)
            self.assertEqual((run.returncode, run.stdout), (status, ""))
            self.assertTrue(run.stderr.startswith("ouro: "), run.stderr)


class Suppressions(Case):
    """The files of other tools take away the same leaks as those tools do with them."""
    ALL = {1001, 1002, 1003, 1004}
    LSAN = ["leak:direct_leak", "leak:^outer", "leak:outer$", "leak:grab", "leak:with_new", "leak:^grab$",
            "leak:suppressed.cc", "leak:d*_leak", "leak:nothing", "leak:^eak", "leak:clear", "leak:*ma*n",
            "# leak:grab\nleak:cleared\n\nleak:direct", "leak:cl*d", "leak:grab(unsigned long)"]
    VALGRIND = ["fun:malloc\n   fun:_ZL4grabm\n   fun:_ZL11direct_leakv",
                "fun:malloc\n   fun:_ZL4grabm", "fun:malloc\n   ...\n   fun:_ZL5outerv",
                "fun:_Znwm\n   fun:_ZL8with_newv", "...\n   fun:main",
                "fun:*alloc\n   fun:*cleared*", "...\n   obj:*/suppressed\n   fun:main",
                "fun:malloc\n   src:suppressed.cc:16", "fun:malloc\n   src:*ressed.c?:16",
                "fun:malloc\n   src:suppressed.cc:17", "fun:_ZL4grabm", "obj:*\n   fun:*grab?",
                "match-leak-kinds: reachable\n   ...\n   fun:main",
                "match-leak-kinds: definite\n   ...\n   fun:_ZL5outerv",
                "match-leak-kinds: all\n   fun:*\n   fun:*\n   fun:_ZL11direct_leakv"]

    def sizes(self, program, supp):
        findings = self.ask("--suppressions", supp, "--", program)["findings"]
        return {f["bytes"] // f["count"] for f in findings if f["kind"] == "lost"}

    def test_leak_sanitizer_suppresses_the_same(self):
        checked = self.build("checked", "-g", "-O0", "-fsanitize=leak", source="suppressed.cc")
        program = self.build("suppressed", "-g", "-O0", source="suppressed.cc")
        for text in self.LSAN:
            with self.subTest(text=text):
                supp = self.write("lsan.supp", text + "\n")
                run = subprocess.run([checked], capture_output=True, text=True, env=clean_environment(
                    LSAN_OPTIONS=f"use_stacks=0:use_registers=0:suppressions={supp}"))
                if "fatal error" in run.stderr:
                    self.skipTest("LeakSanitizer may not trace here")
                theirs = {int(n) for n in re.findall(r"Direct leak of (\d+) byte", run.stderr)}
                self.assertEqual(self.sizes(program, supp), theirs)

    @unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
    def test_valgrind_suppresses_the_same(self):
        program = self.build("suppressed", "-g", "-O0", source="suppressed.cc")
        for body in self.VALGRIND:
            with self.subTest(body=body):
                supp = self.write("v.supp", "{\n   a name\n   Memcheck:Leak\n   %s\n}\n" % body)
                run = subprocess.run(["valgrind", "--leak-check=full", "--show-leak-kinds=definite",
                                      f"--suppressions={supp}", program], capture_output=True, text=True,
                                     env=clean_environment())
                theirs = {int(n.replace(",", "")) for n in
                          re.findall(r"([\d,]+) bytes in 1 blocks are definitely lost", run.stderr)}
                self.assertEqual(self.sizes(program, supp), theirs, run.stderr)

    def test_an_allocator_alone_takes_nothing_away(self):
        """Which function of malloc's family was called is not recorded."""
        program = self.build("suppressed", "-g", "-O0", source="suppressed.cc")
        supp = self.write("v.supp", "{\n a\n Memcheck:Leak\n fun:calloc\n}\n")
        self.assertEqual(self.sizes(program, supp), self.ALL)

    def test_other_kinds_of_valgrind_and_other_sanitizers_are_passed_over(self):
        program = self.build("suppressed", "-g", "-O0", source="suppressed.cc")
        supp = self.write("v.supp", "{\n c\n Memcheck:Cond\n fun:x\n}\nrace:foo\n"
                          "{\n p\n Memcheck:Param\n write(buf)\n obj:*\n}\n")
        self.assertEqual(self.sizes(program, supp), self.ALL)
        self.assertEqual(self.ask("--suppressions", supp, "--", program)["suppressions"], [])

    def test_unused_ones_are_told_with_their_line(self):
        program = self.build("suppressed", "-g", "-O0", source="suppressed.cc")
        one = self.write("one.supp", "leak:main\n# why\nleak:never\n")
        two = self.write("two.supp", "\n{\n   not once\n   Memcheck:Leak\n   fun:never\n}\n")
        run = self.audit("--suppressions", one, "--suppressions", two, "--", program, status=0)
        self.assertIn("4 suppressed", run.stdout)
        told = " ".join(run.stdout.split())
        self.assertIn(f"unused suppression: {one}:3: leak:never", told)
        self.assertIn(f"unused suppression: {two}:2: not once", told)

    def test_a_wrong_line_is_named(self):
        for text, line in (("leak:a\nnonsense\n", 2), ("{\n  x\n  Memcheck:Leak\n  what\n}\n", 4),
                           ("{\n  x\n", 3), ("dead-cycle: colour=red\n", 1), ("any: \n", 1)):
            with self.subTest(text=text):
                supp = self.write("bad.supp", text)
                run = self.audit("--suppressions", supp, "--", "true", status=2)
                self.assertIn(f"bad.supp:{line}: ", run.stderr)


if __name__ == "__main__":
    main()
