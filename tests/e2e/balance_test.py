"""Who keeps more than it gives back: small GLib, GTK and GStreamer programs with one known mistake each.

Their head comments in tests/glib/ say what has to be found: kind of finding, type, how many
objects, function to blame.  Second opinions: GST_TRACERS=leaks and valgrind, of one program each; of all
with SECOND=all.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import TOP, Recording, clean_environment, main

SOURCES = os.path.join(TOP, "tests", "glib")
SECOND = os.environ.get("SECOND", "")


def heads():
    """Of each program what its head comment says."""
    for path in sorted(glob.glob(f"{SOURCES}/*.c")):
        with open(path) as f:
            head = f.read().partition("*/")[0]
        facts = dict(re.findall(r"^ \* (\w+): (.*)$", head, re.M))
        if "kind" in facts:
            yield os.path.basename(path)[:-2], facts


PROGRAMS = dict(heads())


class Balance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if subprocess.run(["pkg-config", "--exists", "gobject-2.0"]).returncode:
            raise unittest.SkipTest("libglib2.0-dev is not installed")
        cls.folder = tempfile.TemporaryDirectory(prefix="ouro-balance-")
        cls.addClassCleanup(cls.folder.cleanup)

    def build(self, name):
        packages = ["gobject-2.0", "gthread-2.0", *PROGRAMS[name].get("needs", "").split()]
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", *packages],
                               capture_output=True, text=True)
        if flags.returncode:
            self.skipTest(f"{packages[-1]} is not installed")
        program = os.path.join(self.folder.name, name)
        if not os.path.exists(program):
            subprocess.run(["gcc", "-g", "-O1", "-o", program, f"{SOURCES}/{name}.c",
                            *flags.stdout.split()], check=True)
        return program

    def record(self, name):
        program = self.build(name)
        command = [program]
        if "gtk" in PROGRAMS[name].get("needs", ""):
            if not shutil.which("xvfb-run"):
                self.skipTest("xvfb is not installed")
            command = ["xvfb-run", "-a", "-n", "150", program]
        recording = Recording(command, env=clean_environment(NO_AT_BRIDGE="1", GSETTINGS_BACKEND="memory"))
        self.addCleanup(recording.folder.cleanup)
        if command[0] != program:
            recording.trace = self.trace_of(recording, program)
        return recording

    def trace_of(self, recording, program):
        """xvfb-run is a script: its children have traces of their own."""
        for path in glob.glob(recording.trace + ".d/*"):
            recording.trace = path
            if recording.ask("report")["trace"]["argv"][0] == program:
                return path
        self.fail("no trace of the program itself")

    def blamed(self, f):
        """By the finding: who keeps, or who gave back too much."""
        roles = {p["role"]: p["place"]["function"] for p in reversed(f["paths"])}
        return roles.get("suspect") or roles.get("keeps") or roles["bad"]

    def alone_in_history(self, recording, type):
        """By the history: whose retains have no release."""
        answer = recording.ask("history", "--limit", "1000", f"type:{type}")
        found = set()
        for o in answer["objects"]:
            self.assertEqual(o["retains"] - o["releases"],
                             sum(e["change"] for e in o["events"] if e["change"]) +
                             sum(e["what"] == "sunk" for e in o["events"]))
            for e in o["events"]:
                if e["change"] > 0 or e["what"] == "sunk":
                    found.add(next(s["function"] for s in e["stack"] if s["program"] and
                                   not s["file"].startswith("/usr/include/") and
                                   not re.search(r"_new(_|$)", s["function"])))
        return found

    def check(self, name):
        facts, recording = PROGRAMS[name], self.record(name)
        self.assertEqual(recording.status, 0, recording.stderr)
        findings = recording.ask("report")["findings"]
        if facts["kind"] == "clean":
            self.assertEqual([f["headline"] for f in findings if f["severity"] == "error"], [])
            return
        mine = [f for f in findings if f["kind"] in ("unbalanced", "over-released", "dead-cycle")
                and f["severity"] != "info"]
        self.assertEqual(len(mine), 1, [f["headline"] for f in mine])
        f = mine[0]
        self.assertEqual(f["kind"], facts["kind"])
        self.assertIn({"name": facts["type"], "objects": int(facts["objects"])}, f["types"])
        self.assertEqual(f["count"], int(facts["objects"]))
        self.assertEqual(self.blamed(f), facts["blame"], f["headline"])
        self.assertEqual([x["headline"] for x in findings
                          if x["severity"] == "error" and x is not f], [])
        if f["kind"] == "unbalanced":
            self.assertEqual(self.alone_in_history(recording, facts["type"]), {facts["blame"]})

    def test_tree_leads_to_who_keeps(self):
        recording = self.record("callback_ref")
        tree = recording.ask("history", "--tree", "type:Bell")["tree"]
        self.assertEqual(tree[-1]["function"], "on_ping")
        self.assertEqual((tree[-1]["balance"], tree[-1]["objects"]), (3, 3))
        self.assertEqual((tree[0]["retains"], tree[0]["releases"]), (3, 0))
        whole = recording.ask("history", "--tree", "--all", "type:Bell")["tree"]
        self.assertEqual((whole[0]["retains"], whole[0]["releases"]), (9, 6))
        self.assertIn("bell_new", [n["function"] for n in whole])
        self.assertTrue(all(n["objects"] for n in whole))

    def test_history_tells_every_event_in_order(self):
        recording = self.record("missing_unref")
        object = recording.ask("history", "--all", "Parcel")["objects"][0]
        self.assertEqual([e["what"] for e in object["events"] if e["change"]],
                         ["made"] + ["retained", "released"] * ((len(object["events"]) - 1) // 2))
        self.assertEqual([e["number"] for e in object["events"]],
                         list(range(1, len(object["events"]) + 1)))
        counts = [e["count"] for e in object["events"] if e["change"]]
        for before, after, e in zip(counts, counts[1:], [e for e in object["events"] if e["change"]][1:]):
            self.assertEqual(after - before, e["change"])
        text = recording.text("history", "Parcel")
        self.assertIn("made: nobody gave it back", text)
        self.assertIn("--all shows them", text)

    def test_who_took_a_python_object_is_named(self):
        script = ("import ctypes\ninc = ctypes.pythonapi.Py_IncRef\ninc.argtypes = [ctypes.py_object]\n"
                  "def keep(x):\n    inc(x)\nrows = [[i] for i in range(5)]\nkeep(rows[2])\n")
        path = os.path.join(self.folder.name, "keep.py")
        with open(path, "w") as f:
            f.write(script)
        with Recording(["/usr/bin/python3", path]) as recording:
            mine = [f for f in recording.findings("over-retained") if f["severity"] == "error"]
            self.assertEqual([f["count"] for f in mine], [1])
            self.assertEqual([p["place"]["function"] for p in mine[0]["paths"]], ["keep"])
            events = recording.ask("history", mine[0]["members"][0]["id"])["objects"][0]["events"]
            self.assertEqual([e["what"] for e in events], ["retained"])

    def test_pipelines_are_in_order(self):
        if not shutil.which("gst-launch-1.0"):
            self.skipTest("gstreamer1.0-tools is not installed")
        for pipeline in ("videotestsrc num-buffers=30 ! videoconvert ! fakesink",
                         "audiotestsrc num-buffers=30 ! audioconvert ! queue ! fakesink"):
            with self.subTest(pipeline=pipeline), \
                    Recording(["gst-launch-1.0", "-q", *pipeline.split()]) as recording:
                if recording.status:
                    self.skipTest(recording.stderr)
                self.assertEqual([f["headline"] for f in recording.findings()
                                  if f["severity"] == "error"], [])

    def test_gstreamers_own_tracer_agrees(self):
        for name, facts in PROGRAMS.items():
            if not name.startswith("gst_") or (SECOND != "all" and name != "gst_pad"):
                continue
            with self.subTest(name):
                run = subprocess.run([self.build(name)], capture_output=True, text=True,
                                     env=clean_environment(GST_TRACERS="leaks", GST_DEBUG="GST_TRACER:7"))
                alive = re.findall(r"object-alive, type-name=\(string\)(\w+)", run.stderr)
                self.assertEqual(alive.count(facts["type"]), int(facts["objects"]), run.stderr[-2000:])

    def test_valgrind_agrees(self):
        if not shutil.which("valgrind"):
            self.skipTest("valgrind is not installed")
        for name, facts in PROGRAMS.items():
            if facts["kind"] != "unbalanced" or "needs" in facts or \
                    (SECOND != "all" and name != "missing_unref"):
                continue
            with self.subTest(name):
                run = subprocess.run(
                    ["valgrind", "--leak-check=full", "--show-leak-kinds=definite", self.build(name)],
                    capture_output=True, text=True, env=clean_environment(G_SLICE="always-malloc"))
                lost = [int(n) for n in re.findall(r"in (\d+) blocks? are definitely lost", run.stderr)]
                # To valgrind any word is a holder: there it has nothing to say.
                count = 0 if "reached" in facts else int(facts["objects"])
                self.assertEqual(sum(lost), count, run.stderr[-3000:])


def add_program(name):
    setattr(Balance, f"test_{name}", lambda self: self.check(name))


for program in PROGRAMS:
    add_program(program)

if __name__ == "__main__":
    main()
