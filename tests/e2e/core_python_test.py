"""Python programs that died: their objects are read from the core file as they were.

The second truth is the snapshot that the library takes in abort(): the core file is of the
same moment, so both must say the same of every object.  EVERY=1: on every interpreter.
"""
import collections
import glob
import os
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

from harness import OURO, TOP, Recording, clean_environment, interpreters, main

GUEST = os.path.join(TOP, "tests/guest/every_shape.py")

QUESTIONS = {
    "objects": "SELECT address, type, label, bytes, refcount, unknown, generation, born, site, "
               "retained_objects, retained_bytes FROM objects",
    "edges": "SELECT x.address, y.address, name, owned FROM edges "
             "JOIN objects x ON x.id = holder JOIN objects y ON y.id = held",
    "roots": "SELECT address, kind, what, function, file, line, thread, owned FROM roots "
             "JOIN objects ON objects.id = object",
    "findings": "SELECT kind, severity, count, objects, bytes, retained_bytes, headline, story FROM findings",
    "blocks": "SELECT address, bytes, born, site, pool, has_object, reached FROM blocks",
}


def unlimited():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class CoreOfPython(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ouro-core-")
        self.addCleanup(self.folder.cleanup)

    def die(self, python, how):
        """(trace, core) of one that ended so."""
        home = tempfile.mkdtemp(dir=self.folder.name)
        trace = os.path.join(home, "run.trace")
        subprocess.run([OURO, "run", "-o", trace, "--", python, GUEST, how], cwd=home, check=False,
                       preexec_fn=unlimited, capture_output=True, env=clean_environment())
        core = glob.glob(os.path.join(home, "core*"))
        if not core:
            self.skipTest("core files do not come to the working directory here")
        return trace, core[0]

    def tables(self, trace, *words):
        path = os.path.join(self.folder.name, "tables.db")
        subprocess.run([OURO, "export", "sqlite", "-o", path, *words, trace], check=True, capture_output=True)
        with sqlite3.connect(path) as db:
            found = {k: collections.Counter(db.execute(q)) for k, q in QUESTIONS.items()}
        os.unlink(path)
        return found

    def report(self, trace, core, *words):
        recording = Recording.__new__(Recording)
        recording.trace = trace
        return recording.ask("report", "--core", core, *words)

    def notes(self, report):
        return "\n".join(n["text"] for n in report["notes"])

    def check_findings(self, report):
        """The 100 that nothing holds, and the list that C code forgot; nothing else is wrong."""
        dead = [f for f in report["findings"] if f["kind"] == "dead-cycle" and f["severity"] == "warning"]
        self.assertEqual([(f["count"], f["types"][0]["name"]) for f in dead], [(100, "__main__.Node")])
        errors = [f for f in report["findings"] if f["severity"] == "error" and f["kind"] != "lost"]
        self.assertEqual([(f["kind"], f["count"], f["types"][0]["name"]) for f in errors],
                         [("over-retained", 1, "list")])

    def test_each_object_count_edge_root_and_finding_is_that_of_the_last_snapshot(self):
        for python in interpreters() if os.environ.get("EVERY") else interpreters()[:1]:
            with self.subTest(python=python):
                trace, core = self.die(python, "abort")
                alive, dead = self.tables(trace), self.tables(trace, "--core", core)
                self.assertGreater(sum(alive["objects"].values()), 20000)
                for what in QUESTIONS:
                    self.assertEqual(list((alive[what] - dead[what]) + (dead[what] - alive[what]))[:5], [], what)

    def test_one_that_died_without_a_snapshot_is_told_as_one_that_had_time_for_it(self):
        every = os.environ.get("EVERY")
        for python in interpreters() if every else interpreters()[-1:]:
            for how in ("segv", "thread") if every else ("segv",):
                with self.subTest(python=python, how=how):
                    trace, core = self.die(python, how)
                    report = self.report(trace, core)
                    self.assertEqual(report["trace"]["state"], "died by SIGSEGV at address 0x8")
                    self.check_findings(report)
                    self.assertNotIn("damaged", self.notes(report))
                    if how == "segv":
                        self.assertRegex(self.notes(report), r"first thread ran string_at\(\) \(ctypes/__init__\.py:\d+\)"
                                         r"(, called by crash\(\) \(every_shape\.py:\d+\)){3}, called by <module> "
                                         r"\(every_shape\.py:\d+\)\.")

    def test_what_is_damaged_is_counted_and_the_rest_told(self):
        trace, core = self.die(interpreters()[0], "damage")
        report = self.report(trace, core)
        self.assertRegex(self.notes(report), r"2 objects are damaged")
        self.check_findings(report)

    def test_another_build_of_a_file_is_not_believed_and_a_sysroot_has_the_right_one(self):
        python = os.path.join(self.folder.name, "python")
        shutil.copy(os.path.realpath("/usr/bin/python3"), python)
        trace, core = self.die(python, "segv")
        root = os.path.join(self.folder.name, "root")
        os.makedirs(root + self.folder.name)
        os.rename(python, root + python)
        for other in (None, "/bin/true"):
            if other:
                shutil.copy(other, python)
            report = self.report(trace, core)
            self.assertIn("The objects of cpython are not known: python is not here, or it is another build",
                          self.notes(report))
            self.assertEqual([f for f in report["findings"] if f["severity"] == "error"], [])
        self.check_findings(self.report(trace, core, "--sysroot", root))

    def test_a_core_file_from_a_debugger_serves_as_well(self):
        if not shutil.which("gcore"):
            self.skipTest("gcore (gdb) is not installed")
        home = self.folder.name
        script = os.path.join(home, "every_shape.py")
        with open(GUEST) as file:
            code = file.read().replace("ctypes.string_at(8)",
                                       "(print(os.getpid(), flush=True), threading.Event().wait())")
        with open(script, "w") as file:
            file.write(code)
        trace = os.path.join(home, "run.trace")
        with subprocess.Popen([OURO, "run", "-o", trace, "--", "/usr/bin/python3", script, "segv"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=clean_environment()) as run:
            pid = run.stdout.readline().strip()
            taken = subprocess.run(["gcore", "-o", os.path.join(home, "taken"), pid], capture_output=True, text=True)
            os.kill(int(pid), 9)
        core = os.path.join(home, "taken." + pid)
        if not os.path.exists(core):
            self.skipTest("gcore may not look at others here: " + taken.stderr.strip()[-80:])
        report = self.report(trace, core)
        self.assertEqual(report["trace"]["state"], "ran on when the core file was taken")
        self.check_findings(report)


if __name__ == "__main__":
    main()
