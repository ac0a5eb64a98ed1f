"""`ouro watch` names the C function and line that took a reference and did not give it back."""
import os
import re
import subprocess
import tempfile
import unittest

from harness import OURO, TOP, Recording, clean_environment, main, on_every_interpreter

SOURCE = os.path.join(TOP, "tests/guest/forgetful.c")
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import forgetful
class Item:
    pass
def make():
    return Item()
def handle(i, mistake, every):
    item = make()
    forgetful.use(item, mistake if i % every == every // 2 else 1 + i % 3)
mistake, every = int(sys.argv[2]), int(sys.argv[3])
for i in range(int(sys.argv[4])):
    handle(i, mistake, every)
"""
DICTS = """
def make():
    return dict(a=1)
def twice():
    x = make()
    y = x
    return len(y)
for i in range(500):
    twice()
"""


def permitted():
    probe = subprocess.run([OURO, "watch", "--type", "x", "-q", "-o", "/dev/null/x", "--", "true"],
                           capture_output=True, text=True, env=clean_environment())
    return "watch:" not in probe.stderr


@unittest.skipUnless(permitted(), "no watchpoints here")
class Watch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ouro-watch-")
        include = subprocess.run(["/usr/bin/python3", "-c",
                                  "import sysconfig; print(sysconfig.get_path('include'))"],
                                 capture_output=True, text=True).stdout.strip()
        if not os.path.exists(os.path.join(include, "Python.h")):
            raise unittest.SkipTest("python3-dev is not installed")
        subprocess.run(["gcc", "-O2", "-g", "-shared", "-fPIC", "-I", include, SOURCE, "-o",
                        os.path.join(cls.folder.name, "forgetful.so")], check=True)
        cls.program = os.path.join(cls.folder.name, "program.py")
        with open(cls.program, "w") as f:
            f.write(PROGRAM)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def blamed(self, trace):
        """Functions of the extension that history leaves unmatched, and their lines."""
        out = subprocess.run([OURO, "history", "--limit", "20", trace, "type:Item"],
                             capture_output=True, text=True, check=True).stdout
        return re.findall(r"nobody gave it back\n(?:.*\n){0,2}?.* (\w+)\(\) \S*forgetful\.c:(\d+)", out)

    def watched(self, mistake, every, calls):
        command = ["/usr/bin/python3", self.program, self.folder.name, str(mistake), str(every),
                   str(calls)]
        with Recording(command) as first:
            (found,) = first.findings("over-retained")
            self.assertEqual(found["count"], calls // every)
            self.assertEqual(found["types"][0]["name"], "__main__.Item")
            trace = os.path.join(self.folder.name, "watched.trace")
            run = subprocess.run([OURO, "watch", "--finding", first.trace, "-o", trace, "--",
                                  *command], capture_output=True, text=True,
                                 env=clean_environment())
            self.assertEqual(run.returncode, 0, run.stderr)
        return self.blamed(trace)

    def blames(self, function, blamed):
        self.assertEqual({name for name, _ in blamed}, {function})
        with open(SOURCE) as f:
            lines = f.read().split("\n")
        (line,) = {int(line) for _, line in blamed}
        self.assertIn("Py_INCREF", lines[line - 1])
        self.assertIn(function + "(", "".join(lines[line - 4:line]))

    def test_one_of_three_ways_forgets(self):
        self.blames("remember", self.watched(4, 100, 20000))

    def test_an_error_path_of_one_call_in_a_thousand(self):
        self.blames("parse", self.watched(5, 1000, 80000))

    @on_every_interpreter
    def test_every_change_of_a_count_is_told(self, python):
        trace = os.path.join(self.folder.name, "dicts.trace")
        run = subprocess.run([OURO, "watch", "-q", "--type", "dict", "--function", "make", "-o",
                              trace, "--", python, "-c", DICTS], capture_output=True, text=True,
                             env=clean_environment())
        self.assertEqual(run.returncode, 0, run.stderr)
        totals = subprocess.run([OURO, "dump", "--totals", trace], capture_output=True, text=True)
        self.assertNotIn("cannot be watched", totals.stdout)
        records = subprocess.run([OURO, "dump", trace], capture_output=True, text=True).stdout
        counts = {}
        lives = 0
        for kind, at, count in re.findall(r" (incref|decref) (0x\w+) (\d+) ", records):
            before = counts.get(at, 1)
            self.assertEqual(int(count), before + (1 if kind == "incref" else -1), at)
            counts[at] = int(count)
            if not int(count):
                lives += 1
                del counts[at]
        self.assertGreater(lives, 400)

    def test_a_program_that_a_script_starts_is_watched_too(self):
        trace = os.path.join(self.folder.name, "started.trace")
        run = subprocess.run([OURO, "watch", "--type", "dict", "--function", "make", "-o", trace,
                              "--", "/usr/bin/env", "/usr/bin/python3", "-c", DICTS],
                             capture_output=True, text=True, env=clean_environment())
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("counts of 500 of the 500 objects that fit were watched", run.stderr)

    def test_bad_words_are_told(self):
        for words, said in (["--", "true"], "what?"), (["--type"], "needs a word"), \
                (["--type", "a,b", "--", "true"], "comma"):
            run = subprocess.run([OURO, "watch", *words], capture_output=True, text=True)
            self.assertEqual(run.returncode, 2)
            self.assertIn(said, run.stderr)
            self.assertEqual(run.stderr.count("\n"), 1)


if __name__ == "__main__":
    main()
