"""CPython's references that are taken by calls: ctypes, and extensions of the stable ABI."""
import os
import subprocess
import tempfile
import unittest

import harness
from counted_books import Books

folder = tempfile.TemporaryDirectory(prefix="ouro-test-")

BY_CTYPES = """
import ctypes
inc, dec = ctypes.pythonapi.Py_IncRef, ctypes.pythonapi.Py_DecRef
inc.argtypes = dec.argtypes = [ctypes.py_object]
inc.restype = dec.restype = None

class Thing:
    pass

def forget(o):
    inc(o)

def borrow(o):
    inc(o)
    dec(o)

def work():
    for i in range(12):
        t = Thing()
        borrow(t)
        forget(t)
    for i in range(40):
        inc(None)
        dec(None)

work()
"""

EXTENSION = r"""
#define Py_LIMITED_API 0x030c0000
#include <Python.h>

PyObject *volatile kept;

__attribute__((noinline)) static void keep(PyObject *o)
{
	Py_IncRef(o);
	kept = o;
}

static PyObject *look(PyObject *self, PyObject *o)
{
	Py_INCREF(o);
	if (PyList_Check(o) && PyList_Size(o) == 3)
		keep(o);
	Py_DECREF(o);
	return Py_NewRef(Py_None);
}

static PyMethodDef methods[] = { { "look", look, METH_O, 0 }, { 0 } };
static struct PyModuleDef module = { PyModuleDef_HEAD_INIT, "stable", 0, -1, methods };
PyMODINIT_FUNC PyInit_stable(void) { return PyModule_Create(&module); }
"""


def path(name, text):
    with open(os.path.join(folder.name, name), "w") as out:
        out.write(text)
    return out.name


def some_interpreters():
    """Where something changes; EVERY=1 for all of them."""
    found = harness.interpreters()
    if os.environ.get("EVERY"):
        return found
    return [p for p in found if p == "/usr/bin/python3" or minor_of(p) in (8, 13)]


def minor_of(python):
    return int(subprocess.run([python, "-c", "import sys; print(sys.version_info[1])"],
                              capture_output=True, text=True).stdout)


class Ctypes(unittest.TestCase):
    def test_each_call_is_told_with_the_line_that_made_it(self):
        script = path("by_ctypes.py", BY_CTYPES)
        for python in some_interpreters():
            with self.subTest(python=python), harness.Recording([python, script], "-q") as run:
                self.assertEqual(run.status, 0, run.stderr)
                self.check(run, immortal=minor_of(python) >= 12)

    def check(self, run, immortal):
        books = Books(run.trace)
        things = [o for o in books.objects if o.type.endswith("Thing")]
        self.assertEqual(len(things), 12)
        for o in things:
            self.assertEqual((len(o.retains), len(o.releases)), (2, 1))
            self.assertIn("forget", {place for s in o.retains for place in s})
        none = sum(len(o.retains) for o in books.objects) - 24 + sum(
            n for (kind, _), n in books.strangers.items() if kind == "incref")
        self.assertEqual(none, 0 if immortal else 40)
        over = [f for f in run.findings("over-retained")
                if f["types"][0]["name"].endswith("Thing")]
        self.assertEqual([(f["objects"], f["severity"]) for f in over], [(12, "error")])
        # Who took them by a call, and did not give them back by one, is named.
        self.assertEqual([(p["place"]["function"], p["references"]) for p in over[0]["paths"]],
                         [("forget", 12)])
        self.assertIn("forget()", over[0]["advice"])


class StableAbi(unittest.TestCase):
    def test_an_extension_that_calls_for_each_reference(self):
        for python in some_interpreters():
            with self.subTest(python=python):
                self.check(python)

    def check(self, python):
        include = subprocess.run(
            [python, "-c", "import sysconfig, sys; print(sysconfig.get_paths()['include'],"
             "sys.version_info[1])"], capture_output=True, text=True, check=True).stdout.split()
        if int(include[1]) < 12 or not os.path.exists(include[0] + "/Python.h"):
            self.skipTest("the limited API calls no functions before 3.12")
        subprocess.run(["gcc", "-O2", "-g", "-shared", "-fPIC", "-I" + include[0], "-o",
                        os.path.join(folder.name, "stable.abi3.so"),
                        path("stable.c", EXTENSION)], check=True)
        script = path("stable_user.py", "import sys; sys.path.insert(0, %r)\nimport stable\n"
                      "for i in range(20):\n    stable.look([i] * (3 if i %% 4 == 0 else 2))\n"
                      % folder.name)
        with harness.Recording([python, script], "-q") as run:
            self.assertEqual(run.status, 0, run.stderr)
            books = Books(run.trace)
            lists = [o for o in books.objects if o.type == "list" and o.retains]
            self.assertEqual(sorted(len(o.retains) - len(o.releases) for o in lists),
                             [0] * 15 + [1] * 5)
            kept = [o for o in lists if len(o.retains) > len(o.releases)]
            for o in kept:
                self.assertIn("keep", {place for s in o.retains for place in s})
            over = [f for f in run.findings("over-retained") if f.get("paths")
                    and f["types"][0]["name"] == "list"]
            self.assertEqual({f["paths"][0]["place"]["function"] for f in over}, {"keep"})


if __name__ == "__main__":
    harness.main()
