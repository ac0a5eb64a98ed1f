"""Circles through two runtimes: Python objects and GObjects that hold each other by PyGObject.

What the programs print is the second truth: who is alive by weak reference, counts by ref_count.
"""
import unittest

from gobject_test import Display, has_gi
from harness import Recording, clean_environment, main

PYTHON = "/usr/bin/python3"
MODEL = """
import gc, weakref
import gi
from gi.repository import GObject, Gio
gc.disable()
class Model(GObject.Object):
    __gsignals__ = {"changed": (GObject.SignalFlags.RUN_FIRST, None, ())}
    def on_changed(self, *args):
        pass
def tell(made, collect):
    if collect:
        gc.collect()
    alive = [m() for m in made if m()]
    print(len(alive), {m.ref_count for m in alive})
"""
ALONE = MODEL + """
def make():
    m = Model()
    m.connect("changed", m.on_changed)
    return weakref.ref(m)
tell([make() for i in range(10)], False)
"""
CONTAINER = MODEL + """
def make():
    m = Model()
    store = Gio.ListStore.new(Model)
    m.kept_in = [store]
    store.append(m)
    m.connect("changed", m.on_changed)
    return weakref.ref(m)
tell([make() for i in range(10)], True)
"""
INNOCENT = MODEL + """
store = Gio.ListStore.new(Model)
def make():
    m = Model()
    m.title = "title"
    m.connect("changed", print)
    store.append(m)
    return weakref.ref(m)
made = [make() for i in range(10)]
store.remove_all()
tell(made, True)
kept = [make() for i in range(10)]
watched = Model()
watched.connect("changed", watched.on_changed)
"""
EXTRA = MODEL + """
import ctypes
lib = ctypes.CDLL("libgobject-2.0.so.0")
lib.g_object_ref.argtypes = lib.g_object_unref.argtypes = [ctypes.c_void_p]
def take(m):
    lib.g_object_ref(hash(m))
def give_back(m):
    lib.g_object_unref(hash(m))
def make(leak):
    m = Model()
    m.title = "title"
    take(m)
    if not leak:
        give_back(m)
    return weakref.ref(m)
made = [make(True) for i in range(5)]
fine = [make(False) for i in range(5)]
kept = Model()
take(kept)
tell(made + fine + [weakref.ref(kept)], True)
"""
WIDGET = """
import gc, weakref
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gtk
class Panel(Gtk.Box):
    def __init__(self):
        super().__init__()
        self.button = Gtk.Button(label="x")
        self.add(self.button)
        self.button.connect("clicked", self.on_clicked)
    def on_clicked(self, button):
        pass
class Careful(Panel):
    def on_clicked(self):
        pass
def make(kind):
    panel = kind()
    if kind is Careful:
        panel.button.disconnect_by_func(panel.on_clicked)
    return weakref.ref(panel)
panels = [make(Panel) for i in range(30)]
careful = [make(Careful) for i in range(30)]
gc.collect()
print(*(sum(p() is not None for p in made) for made in (panels, careful)))
window = Gtk.Window()
window.add(Panel())
window.show_all()
for i in range(20):
    Gtk.main_iteration_do(False)
"""


@unittest.skipUnless(has_gi(("Gio", "2.0")), "python3-gi is not installed")
class Across(unittest.TestCase):
    def recorded(self, program, **env):
        r = Recording([PYTHON, "-c", program], env=clean_environment(**env))
        self.addCleanup(r.__exit__)
        self.assertEqual(r.status, 0, r.stderr)
        return r

    def cycles(self, recording, kind):
        """Circles with a handler in them: how many, the most frequent one, its types and edges."""
        found = [f for f in recording.findings(kind)
                 if any(m["type"] == "GClosure" for m in f["members"])]
        self.assertTrue(found, recording.stderr)
        most = max(found, key=lambda f: f["count"])
        return sum(f["count"] for f in found), most, {m["type"] for m in most["members"]}, \
            {e["name"] for e in most["edges"]}

    def test_a_handler_of_its_own_is_a_circle_that_the_collector_frees(self):
        r = self.recorded(ALONE)
        self.assertEqual(r.stdout, "10 {1}\n")
        count, found, types, edges = self.cycles(r, "dead-cycle")
        self.assertEqual(count, 10)
        self.assertEqual(types, {"__main__.Model", "__main__+Model", "GClosure", "method"})
        self.assertEqual({e.rsplit(".", 1)[1] for e in edges},
                         {"obj", "signal changed", "callback", "__self__"})
        self.assertIn("disconnect()", found["advice"])

    def test_a_container_in_C_makes_it_one_that_nobody_frees(self):
        r = self.recorded(CONTAINER)
        self.assertEqual(r.stdout, "10 {2}\n")
        count, found, types, edges = self.cycles(r, "uncollectable-cycle")
        self.assertEqual(found["severity"], "error")
        # The last ones can be known to what GLib keeps for the next time.
        self.assertGreaterEqual(count, 7)
        self.assertLessEqual(count, 10)
        self.assertLessEqual({"__main__.Model", "__main__+Model", "GListStore", "GClosure",
                              "list"}, types)
        self.assertLessEqual({"m.obj", "m.kept_in[0]"}, edges)
        self.assertIn("nobody will free it", found["advice"])
        self.assertTrue(any(s["function"] == "make" for s in found["sites"]), found["sites"])

    def test_what_is_held_and_what_was_let_go_is_no_error(self):
        r = self.recorded(INNOCENT)
        self.assertEqual(r.stdout, "0 set()\n")
        self.assertEqual([f for f in r.findings() if f["severity"] == "error"], [])
        self.assertEqual([f["headline"] for f in r.findings() if f["severity"] == "warning"
                          and any(t["name"] == "__main__.Model" for t in f["types"])], [])

    def test_one_reference_too_many_to_what_has_a_wrapper(self):
        r = self.recorded(EXTRA)
        self.assertEqual(r.stdout, "6 {2}\n")
        mine = [f for f in r.findings() if any("Model" in t["name"] for t in f["types"])]
        self.assertEqual([(f["kind"], f["severity"], f["count"], f["types"]) for f in mine],
                         [("unbalanced", "warning", n, [{"name": "__main__+Model", "objects": n}])
                          for n in (5, 1)])		# made in make(), and in <module>
        for f in mine:
            keeps = [p["place"]["function"] for p in f["paths"] if p["role"] == "keeps"]
            self.assertEqual(keeps[0], "take", f["headline"])
        self.assertEqual([f["headline"] for f in r.findings() if f["severity"] == "error"], [])

    @unittest.skipUnless(has_gi(("Gtk", "3.0")), "gir1.2-gtk-3.0 is not installed")
    def test_widgets_that_hold_their_box_by_a_handler(self):
        with Display() as display:
            r = self.recorded(WIDGET, **display)
        self.assertEqual(r.stdout, "30 0\n")
        count, found, types, edges = self.cycles(r, "uncollectable-cycle")
        self.assertEqual(found["severity"], "error")
        # GTK's memory is full of words that were left over.
        self.assertGreaterEqual(count, 1)
        self.assertLessEqual(count, 30)
        self.assertLessEqual({"__main__.Panel", "__main__+Panel", "GtkButton", "GClosure",
                              "method"}, types)
        self.assertTrue(any(e.endswith(".button.obj") for e in edges), edges)
        self.assertEqual([f for f in r.findings()
                          if "__main__.Careful" in [t["name"] for t in f.get("types", [])]], [])


if __name__ == "__main__":
    main()
