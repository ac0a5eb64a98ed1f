"""GObject, GLib's boxed types and GStreamer: every reference is told, and the books balance per object.

GOBJECT_ROUNDS (1) repeats the programs with threads.
"""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from books import (COUNT, DISPOSED, FLOATING, REVIVED, STATIC, SUNK, TOGGLE_ADD, TOGGLE_REMOVE,
                   WEAK_ADD, WEAK_REMOVE, Books)
from harness import OURO, TOP, Recording, clean_environment, main
from raw_trace import Trace

PROGRAMS = os.path.join(TOP, "tests", "glib")
ROUNDS = int(os.environ.get("GOBJECT_ROUNDS", "1"))
OWNED, BORROWED, WEAK = range(3)
ACTIVE = 1
STACKS_CUT = 2

folder = tempfile.TemporaryDirectory(prefix="ouro-glib-")


def has(package):
    return subprocess.run(["pkg-config", "--exists", package], capture_output=True).returncode == 0


def build(name, package):
    """The program tests/glib/NAME.c, or a skipped test where it cannot be built."""
    if not shutil.which("pkg-config") or (package and not has(package)):
        raise unittest.SkipTest(f"{package} is not installed")
    to = os.path.join(folder.name, name)
    if not os.path.exists(to):
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", package], check=True,
                               capture_output=True, text=True).stdout.split() if package else []
        subprocess.run(["gcc", "-g", "-O1", "-Wall", "-Wno-deprecated-declarations", "-o", to,
                        os.path.join(PROGRAMS, name + ".c"), *flags, "-ldl", "-lpthread"],
                       check=True)
    return to


def has_gi(*modules):
    wanted = "; ".join(f"gi.require_version('{name}', '{version}')" for name, version in modules)
    return not subprocess.run(["/usr/bin/python3", "-c", f"import gi; {wanted}"],
                              capture_output=True).returncode


class Display:
    """An X server without a screen, for as long as it is wanted."""

    def __enter__(self):
        if not shutil.which("Xvfb"):
            raise unittest.SkipTest("Xvfb is not installed")
        read, write = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0",
                                        "800x600x24", "-nolisten", "tcp"],
                                       pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        if not number:
            self.server.wait()
            raise unittest.SkipTest("Xvfb does not start")
        return {"DISPLAY": ":" + number, "GDK_BACKEND": "x11", "NO_AT_BRIDGE": "1",
                "GSETTINGS_BACKEND": "memory"}

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()


class Inline(unittest.TestCase):
    """What GLib counts in its own code: born, and dead with its memory."""

    def test_sources_are_known_and_those_that_are_forgotten_are_lost(self):
        with Recording([build("sources", "glib-2.0")]) as run:
            self.assertEqual(run.status, 0, run.stderr)
            found = run.findings()
            dump = subprocess.run([OURO, "dump", run.trace], capture_output=True, text=True).stdout
        (number,) = re.findall(r"^type (\d+) .* name=GSource$", dump, re.M)
        born = re.findall(rf" birth 0x\w+ \d+ object=0x\w+ type={number} ", dump)
        self.assertEqual(len(born), 53)
        lost = [f for f in found if f["kind"] == "lost" and f["members"][0]["type"] == "GSource"]
        self.assertEqual(sum(f["count"] for f in lost), 3, found)
        self.assertIn("forget", str(lost[0]["stack"]))
        self.assertEqual([f["headline"] for f in found if f["severity"] == "error" and f not in lost], [])


class Balance(unittest.TestCase):
    """What all programs must fulfil."""

    def record(self, command, threads=False, env=None, same_output=True, options=()):
        environment = clean_environment(GST_REGISTRY_FORK="no", **(env or {}))
        with Recording(command, *options, env=environment) as run:
            trace = Trace(run.trace)
            self.assertEqual(trace.lost[:2], (0, 0))
            report = run.ask("report")
        self.assertEqual(run.status, 0, run.stderr)
        if same_output:
            bare = subprocess.run(command, capture_output=True, text=True, env=environment)
            self.assertEqual(self.without_addresses(run.stdout.split("\n" + report["trace"]["program"])[0]),
                             self.without_addresses(bare.stdout.rstrip("\n")))
        # Callbacks come through marshallers and libffi: no stack may end there.
        self.assertEqual(trace.counter[STACKS_CUT], 0)
        books = Books(trace)
        self.assertEqual(dict(books.wrong), {})
        if not threads:
            self.assertEqual(dict(books.differs), {})
        self.assertEqual(trace.runtimes["gobject"][2], ACTIVE)
        self.check_held(run.stdout, books)
        return books, trace, run

    @staticmethod
    def without_addresses(text):
        return [" ".join(w for w in line.split() if not w.startswith("0x"))
                for line in text.splitlines()]

    def check_held(self, output, books):
        """Lines "held ADDRESS COUNT": what memory says at the end."""
        for line in output.splitlines():
            words = line.split()
            if words[:1] == ["held"]:
                self.assertIn(int(words[1], 16), books.held, line)
                self.assertEqual(books.held[int(words[1], 16)][1], int(words[2]), line)


class Programs(Balance):
    def test_each_kind_of_reference(self):
        books, trace, _ = self.record([build("objects", "gobject-2.0")])
        notes = books.notes
        self.assertEqual((notes[TOGGLE_ADD], notes[TOGGLE_REMOVE], notes[DISPOSED], notes[REVIVED]),
                         (1, 1, 1, 1))
        self.assertEqual((notes[WEAK_ADD], notes[WEAK_REMOVE]), (3, 0))
        self.assertEqual(notes[COUNT], 0)
        for name, count in {"Thing": 3, "GInitiallyUnowned": 3, "GVariant": 4, "GBytes": 4,
                            "GDateTime": 2, "GPtrArray": 1, "GAtomicRcBox": 1, "GRcBox": 1}.items():
            self.assertGreaterEqual(books.made[name], count, name)
        self.assertGreaterEqual(notes[FLOATING], notes[SUNK])

    def test_signal_handlers_are_edges(self):
        books, _, run = self.record([build("objects", "gobject-2.0")])
        objects = [int(line.split()[1], 16) for line in run.stdout.splitlines()
                   if line.startswith("held")]
        named = [(holder, held) for holder, held, name, how in books.edges
                 if name == "signal poked" and how == OWNED]
        self.assertEqual(len(named), 3)
        instance, = {holder for holder, _ in named}
        self.assertIn(instance, objects)
        closures = {held for _, held in named}
        data = {(held, how) for holder, held, name, how in books.edges
                if holder in closures and name == "data"}
        self.assertEqual({how for _, how in data}, {OWNED, BORROWED, WEAK})
        self.assertEqual(len({held for held, _ in data}), 1)
        self.assertEqual(books.records["unedge"], 1)

    def test_threads(self):
        for _ in range(ROUNDS):
            self.record([build("threads", "gobject-2.0")], threads=True)

    def test_a_library_that_comes_late(self):
        if not has("gobject-2.0"):
            self.skipTest("gobject-2.0 is not installed")
        books, _, _ = self.record([build("late", None)], threads=True)
        self.assertEqual(books.made["GObject"], 4)

    def test_complaints_are_the_same(self):
        program = build("misuse", "gobject-2.0")
        bare = subprocess.run([program], capture_output=True, text=True)
        _, _, run = self.record([program])
        self.assertEqual(self.complaints(run.stderr), self.complaints(bare.stderr))
        self.assertGreater(len(self.complaints(run.stderr)), 3)

    @staticmethod
    def complaints(text):
        """Without the pid and the time."""
        return [line.split(": ", 3)[-1] for line in text.splitlines() if "CRITICAL" in line]

    def test_a_ring_keeps_what_lives(self):
        with Recording([build("threads", "gobject-2.0")], "--mode", "ring", "--ring-size", "1M",
                       env=clean_environment()) as run:
            self.assertEqual(run.status, 0, run.stderr)
            totals = subprocess.run([OURO, "dump", "--totals", run.trace], check=True,
                                    capture_output=True, text=True).stdout
        live = int(re.search(r"live-objects=(\d+)", totals).group(1))
        with Recording([build("threads", "gobject-2.0")], env=clean_environment()) as run:
            self.assertEqual(live, len(Books(Trace(run.trace)).held))


class Gtk(Balance):
    def test_a_program(self):
        program = build("gtk", "gtk+-3.0")
        with Display() as display:
            books, _, _ = self.record([program], env=display, threads=True)
        # Pango looks for fonts in a thread of its own, and two threads at one count can tell it
        # in the other order (counted.h); all else is one thread's.
        self.assertEqual([n for n in books.differs if not n.startswith("Pango")], [])
        for name, count in {"GtkButton": 63, "GtkWindow": 3, "GtkTreeView": 3}.items():
            self.assertEqual(books.made[name], count)
        self.assertEqual(books.deaths["GtkButton"], 63)
        self.assertEqual(sum(name == "signal clicked" for _, _, name, _ in books.edges), 63)

    def test_one_that_is_there(self):
        if not shutil.which("gtk3-widget-factory"):
            self.skipTest("gtk-3-examples is not installed")
        with Display() as display, Recording(
                ["timeout", "-s", "KILL", "4", "gtk3-widget-factory"],
                env=clean_environment(**display)) as run:
            inside = run.trace + ".d"
            self.assertEqual(run.status, -9)
            books = [Books(Trace(os.path.join(inside, name))) for name in os.listdir(inside)
                     if "." not in name]
        factory = max(books, key=lambda b: sum(b.made.values()))
        self.assertGreater(sum(factory.made.values()), 100)
        self.assertEqual((dict(factory.wrong), dict(factory.differs)), ({}, {}))


class GStreamer(Balance):
    PIPELINES = {
        "videotestsrc num-buffers=50 ! videoconvert ! fakesink": 50,
        "audiotestsrc num-buffers=50 ! audioconvert ! audioresample ! fakesink": 50,
        "videotestsrc num-buffers=30 ! queue ! tee name=t t. ! queue ! fakesink t. ! queue ! "
        "videoscale ! video/x-raw,width=100 ! fakesink": 30,
        "fakesrc num-buffers=500 sizetype=fixed sizemax=64 ! queue max-size-buffers=10 ! fakesink": 500,
    }

    def setUp(self):
        if not shutil.which("gst-launch-1.0"):
            self.skipTest("gst-launch-1.0 is not installed")

    def test_pipelines(self):
        for words, buffers in self.PIPELINES.items():
            with self.subTest(words):
                books, trace, _ = self.record(["gst-launch-1.0", *words.split()],
                                              threads=True, same_output=False)
                self.assertEqual(trace.runtimes["gstreamer"][2], ACTIVE)
                self.assertGreater(books.made["GstCaps"], 100)
                self.assertGreater(books.made["GstEvent"], 3)
                self.assertGreaterEqual(books.made["GstBuffer"] + books.notes[REVIVED], buffers)
                self.assertGreater(books.notes[STATIC], 1)
                left = sorted(name for name, _ in books.held.values()
                              if name in ("GstBuffer", "GstPipeline", "GstBus", "GstMessage"))
                self.assertEqual(left, [])


class Python(Balance):
    PROGRAM = """
import gc, sys
import gi
gi.require_version('Gst', '1.0')
from gi.repository import Gio, GLib, GObject, Gst

class Thing(GObject.Object):
    def __init__(self):
        super().__init__()
        self.name = 'thing'         # with a __dict__ the wrapper is held by a toggle reference

    __gsignals__ = {'poked': (GObject.SignalFlags.RUN_FIRST, None, (int,))}

things = []
for i in range(200):
    t = Thing()
    t.connect('poked', lambda o, n, t=t: None)
    t.emit('poked', i)
    if i % 2:
        things.append(t)
del t
gc.collect()
Gst.init(None)
p = Gst.parse_launch('videotestsrc num-buffers=20 ! queue ! fakesink')
p.set_state(Gst.State.PLAYING)
m = p.get_bus().timed_pop_filtered(20 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
p.set_state(Gst.State.NULL)
print(m.type == Gst.MessageType.EOS, len(things))
"""

    def test_python_and_gobject(self):
        if not has_gi(("Gst", "1.0")):
            self.skipTest("python3-gi or GStreamer's typelib is not installed")
        books, trace, run = self.record(["/usr/bin/python3", "-c", self.PROGRAM], threads=True)
        self.assertTrue(run.stdout.startswith("True 100"), run.stdout)
        self.assertEqual({name: number for name, (number, _, _) in trace.runtimes.items()},
                         {"cpython": 0, "gobject": trace.runtimes["gobject"][0],
                          "gstreamer": trace.runtimes["gstreamer"][0]})
        thing = "__main__+Thing"
        self.assertEqual(books.made[thing], 200)
        self.assertEqual(books.notes[TOGGLE_ADD], 200)


if __name__ == "__main__":
    main()
