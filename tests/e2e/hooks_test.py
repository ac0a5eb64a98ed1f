"""ouro/hooks.h: a runtime that reports by calls, in every kind of program."""
import os
import subprocess
import tempfile
import unittest

import harness
from counted_books import Books

folder = tempfile.TemporaryDirectory(prefix="ouro-test-")
INCLUDE = "-I" + os.path.join(harness.TOP, "include")
TINY = os.path.join(harness.SAMPLES, "runtime", "tiny.c")
COUNTERS = os.path.join(harness.SAMPLES, "runtime", "counters.tiny")

CALLS = """
#include <stdlib.h>
#include <ouro/hooks.h>
#ifdef __cplusplus
extern "C"
#endif
int report(void);
int report(void)
{
	unsigned runtime = ouro_runtime("here", "1");
	long *p = (long *)malloc(16);

	*p = 1;
	ouro_birth(runtime, p, "thing", 1);
	ouro_incref(p, 2);
	ouro_edge(p, p + 1, "next");
	ouro_unedge(p, p + 1);
	ouro_decref(p, 1);
	ouro_decref(p, 0);
	ouro_death(p);
	ouro_collect_start(runtime, 0);
	ouro_collect_end(runtime, 1);
	ouro_mark("done");
	free(p);
	return runtime ? 7 : 3;
}
"""
MAIN = "extern int report(void); int main(void) { return report(); }\n"


def path(name):
    return os.path.join(folder.name, name)


def write(name, text):
    with open(path(name), "w") as out:
        out.write(text)
    return path(name)


def have(compiler):
    return subprocess.run(["sh", "-c", f"command -v {compiler}"], capture_output=True).returncode == 0


class EveryKindOfProgram(unittest.TestCase):
    """7: reported to ouro; 3: nobody there."""

    def check(self, compiler, *flags, reported=7, source="calls.c"):
        if not have(compiler):
            self.skipTest(f"{compiler} is not installed")
        write("calls.c", CALLS)
        write("calls.cc", CALLS.replace("int report(void);", "int report();", 1))
        program = path("program")
        build = subprocess.run(
            [compiler, *flags, INCLUDE, "-Wall", "-Wextra", "-Werror", "-o", program,
             path(source), *([write("main.c", MAIN)] if source == "calls.c" else
                             [write("main.cc", 'extern "C" int report(); '
                                               'int main() { return report(); }')])],
            capture_output=True, text=True)
        self.assertEqual(build.returncode, 0, build.stderr)
        self.assertEqual(subprocess.run([program]).returncode, 3)
        with harness.Recording([program], "-q") as run:
            self.assertEqual(run.status, reported, run.stderr)
            if reported == 7:
                self.check_trace(run)

    def check_trace(self, run):
        books = Books(run.trace)
        self.assertEqual((books.born, books.wrong, books.alive), ({"thing": 1}, {}, {}))
        self.assertIn(books.objects[0].retains[0][0], ("report", "main"))  # inlined by LTO

    def test_pie(self):
        self.check("gcc", "-O2", "-fPIE", "-pie")

    def test_unoptimised(self):
        self.check("gcc", "-O0", "-fPIE", "-pie")

    def test_at_a_fixed_address(self):
        self.check("gcc", "-O2", "-fno-pie", "-no-pie")

    def test_hidden_and_bound_now(self):
        self.check("gcc", "-O2", "-fvisibility=hidden", "-Wl,-z,now", "-Wl,-z,defs")

    def test_with_link_time_optimisation(self):
        self.check("gcc", "-O2", "-flto", "-fno-pie", "-no-pie")

    def test_static(self):
        self.check("gcc", "-O2", "-static", reported=3)

    def test_static_pie(self):
        self.check("gcc", "-O2", "-static-pie", "-fPIE", reported=3)

    def test_old_c(self):
        self.check("gcc", "-O1", "-std=c99", "-pedantic-errors")

    def test_clang(self):
        self.check("clang", "-O2", "-fPIE", "-pie")

    def test_clang_at_a_fixed_address(self):
        self.check("clang", "-O2", "-fno-pie", "-no-pie")

    def test_cxx(self):
        self.check("g++", "-O2", "-std=c++98", "-pedantic-errors", source="calls.cc")

    def test_a_shared_library(self):
        library = path("libcalls.so")
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-Wl,-z,defs", "-Wl,-z,now", INCLUDE,
                        "-o", library, write("calls.c", CALLS)], check=True)
        subprocess.run(["gcc", "-o", path("program"), write("main.c", MAIN), "-L" + folder.name,
                        "-lcalls", "-Wl,-rpath," + folder.name], check=True)
        self.assertEqual(subprocess.run([path("program")]).returncode, 3)
        with harness.Recording([path("program")], "-q") as run:
            self.assertEqual(run.status, 7)
            self.check_trace(run)

    def test_absent_it_is_a_load_a_test_and_a_branch(self):
        source = write("one.c", "#include <ouro/hooks.h>\n"
                       "void one(long *p);\nvoid one(long *p) { ouro_incref(p, ++*p); }\n")
        subprocess.run(["gcc", "-O2", INCLUDE, "-fcf-protection=none", "-c", "-o", path("one.o"),
                        source], check=True)
        code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path("one.o")],
                              capture_output=True, text=True, check=True).stdout
        straight = code.split("<one>:")[1].split("ret")[0]
        self.assertEqual(straight.count("j"), 1, code)
        self.assertLessEqual(len(straight.strip().splitlines()), 8, code)


class Tiny(unittest.TestCase):
    """samples/runtime: a Lisp with a cycle collector."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["gcc", "-g", "-O1", INCLUDE, "-o", path("tiny"), TINY], check=True)
        cls.run_ = harness.Recording([path("tiny"), COUNTERS])
        cls.books = Books(cls.run_.trace)

    @classmethod
    def tearDownClass(cls):
        cls.run_.folder.cleanup()

    def test_its_output_is_its_own(self):
        self.assertEqual((self.run_.status, self.run_.stdout), (0, "done\n35\ndone\n"))

    def test_every_count_follows(self):
        self.assertEqual((self.books.wrong, self.books.strangers), ({}, {}))
        self.assertGreater(sum(self.books.born.values()), 500)

    def test_the_trace_names_it_and_its_collection(self):
        trace = self.run_.ask("report")["trace"]
        self.assertIn("tiny", str(trace))
        totals = subprocess.run([harness.OURO, "dump", "--totals", self.run_.trace],
                                capture_output=True, text=True).stdout
        self.assertIn("collections=1 collected=35", totals)

    def test_its_three_cycles_are_found_and_named(self):
        cycles = self.run_.findings("dead-cycle")
        self.assertEqual([(f["count"], f["severity"]) for f in cycles], [(3, "error")])
        self.assertEqual({t["name"]: t["objects"] for t in cycles[0]["types"]},
                         {"scope": 3, "closure": 3, "pair": 3})
        self.assertEqual({e["name"] for e in cycles[0]["edges"]}, {"values", "scope", "car"})
        self.assertIn("make", str(cycles[0]["sites"]))
        told = subprocess.run([harness.OURO, "cycles", self.run_.trace], capture_output=True,
                              text=True).stdout
        self.assertIn("3 dead cycles, each of 1 scope, 1 closure and 1 pair", told)

    def test_the_forgotten_reference_is_found(self):
        kept = self.run_.findings("unbalanced")
        self.assertEqual([(f["count"], f["types"][0]["name"]) for f in kept], [(1, "pair")])
        with open(TINY) as f:
            (line,) = [i for i, text in enumerate(f, 1) if text.startswith("\tref(car(a));")]
        self.assertIn(f"f_keep() (tiny.c:{line}) keeps a reference", kept[0]["headline"])

    def test_history_names_who_kept_it(self):
        (kept,) = self.run_.findings("unbalanced")
        told = subprocess.run([harness.OURO, "history", self.run_.trace, kept["members"][0]["id"]],
                              capture_output=True, text=True).stdout
        self.assertRegex(told, r"nobody gave it back\n.*\n.* f_keep\(\) ")
        self.assertEqual(told.count("nobody gave it back"), 1)

    def test_what_keep_keeps_is_left_with_one_count_too_many(self):
        kept = [o for o in self.books.alive.values()
                if o.type == "pair" and any(s[0] == "f_keep" for s in o.retains if s)
                or any("f_keep" in s[:2] for s in o.retains)]
        self.assertEqual(len(kept), 1)
        self.assertEqual(kept[0].count, 1)


if __name__ == "__main__":
    harness.main()
