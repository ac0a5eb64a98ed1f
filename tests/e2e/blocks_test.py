"""Blocks of C code in a Python process: what an extension forgets is lost, what it keeps is not.

Where something seems lost in a clean program, valgrind is asked (VALGRIND=1: on all interpreters).
"""
import glob
import os
import resource
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from harness import OURO, TOP, Recording, clean_environment, interpreters, main, on_every_interpreter

SOURCE = os.path.join(TOP, "tests/guest/forgets.c")
KEEP = "import blocks\nblocks.keep_in_static()\nblocks.keep_in_thread()\nx = blocks.keep_in_object()\n"
# Of one: direct, indirect, cyclic.  Each is lost some times: a word that was left over may hold one.
LOSE = {"lose_malloc": (1, 2, False), "lose_mem": (1, 2, False), "lose_raw": (1, 1, False),
        "lose_circle": (1, 1, True)}
TIMES, MISSED = 10, 4

# Nothing of them is wrong, and each uses much C code.
CLEAN = {
    "containers": """
import collections, json, re
d = [{str(i): [i, (i, str(i))] for i in range(40)} for _ in range(200)]
s = json.loads(json.dumps(d)); c = collections.Counter(re.findall(r"[0-9]+", json.dumps(d)))
q = collections.deque(c); del d[50:]
""",
    "libraries": """
import bz2, ctypes, csv, decimal, hashlib, io, lzma, pickle, sqlite3, ssl, struct, zlib
base = sqlite3.connect(":memory:"); base.execute("create table t (a, b)")
base.executemany("insert into t values (?, ?)", [(i, str(i)) for i in range(1000)])
x = zlib.compress(pickle.dumps(base.execute("select * from t").fetchall()))
y = [decimal.Decimal(i) / 7 for i in range(100)], hashlib.sha256(x), lzma.compress(x), bz2.compress(x)
z = ctypes.create_string_buffer(10000); context = ssl.create_default_context()
""",
    "threads": """
import asyncio, concurrent.futures, queue, subprocess, threading
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    squares = list(pool.map(lambda n: n * n, range(500)))
async def work(n):
    await asyncio.sleep(0.001); return [n] * 100
async def all(): return await asyncio.gather(*(work(n) for n in range(100)))
results = asyncio.run(all()); subprocess.run(["true"])
local = threading.local(); local.x = bytearray(100000)
""",
    "xml": """
import xml.etree.ElementTree as E, xml.dom.minidom, email, html.parser, unittest, argparse, logging
tree = E.fromstring("<a>" + "<b c='d'>e</b>" * 2000 + "</a>"); dom = xml.dom.minidom.parseString(E.tostring(tree))
logging.basicConfig(); p = argparse.ArgumentParser(); p.add_argument("--x"); p.parse_args([])
""",
}


def include_of(python):
    return subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"],
                          capture_output=True, text=True, check=True).stdout.strip()


def lost(run):
    return [f for f in run.ask("leaks")["findings"] if f["kind"] == "lost"]


def valgrind_direct(python, program):
    """Bytes that are definitely lost, where the pool is malloc."""
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "xml")
        subprocess.run(["valgrind", "--leak-check=full", "--xml=yes", f"--xml-file={report}", python, "-c",
                        program], env=clean_environment(PYTHONMALLOC="malloc"), capture_output=True)
        errors = xml.etree.ElementTree.parse(report).getroot().iter("error")
        return sum(int(e.find("xwhat/leakedblocks").text) for e in errors
                   if e.find("kind").text == "Leak_DefinitelyLost")


class Blocks(unittest.TestCase):
    def extension(self, python):
        """Environment with the extension for this interpreter."""
        include = include_of(python)
        if not os.path.exists(os.path.join(include, "Python.h")):
            self.skipTest("Python.h is not installed")
        folder = tempfile.TemporaryDirectory(prefix="ouro-blocks-")
        self.addCleanup(folder.cleanup)
        subprocess.run(["cc", "-shared", "-fPIC", "-g", "-O1", f"-I{include}", "-o",
                        os.path.join(folder.name, "blocks.so"), SOURCE], check=True)
        return clean_environment(PYTHONPATH=folder.name)

    @on_every_interpreter
    def test_what_is_kept_is_not_lost_and_what_is_lost_is_found_with_its_line(self, python):
        env = self.extension(python)
        with open(SOURCE) as file:
            lines = file.read().split("\n")
        lose = "".join(f"for _ in range({TIMES}): blocks.{x}()\n" for x in LOSE)
        with Recording([python, "-c", KEEP + lose], env=env) as run:
            self.assertEqual(run.status, 0, run.stderr)
            found = set()
            for f in lost(run):
                # the chain's maker is the innermost, who called it stands behind
                names = [x["function"] for x in f["stack"]]
                name = next(n for n in names if n.startswith(("keep_", "lose_")))
                found.add(name)
                direct, indirect, cyclic = LOSE.get(name, (0, 0, False))
                self.assertIn(f["direct"], range(TIMES - MISSED, TIMES + 1), name)
                self.assertIn(f["indirect"], range((TIMES - MISSED) * indirect, TIMES * indirect + 1), name)
                self.assertEqual(f["cyclic"], cyclic, name)
                site = f["sites"][0]
                self.assertEqual(os.path.basename(site["file"]), "forgets.c")
                self.assertIn("take(sizeof", lines[site["line"] - 1])
            self.assertEqual(found, set(LOSE))

    def test_holders_of_a_block_are_named_in_a_process_that_lives(self):
        env = self.extension(interpreters()[0])
        with Recording([interpreters()[0], "-c", KEEP + "import time; time.sleep(0.2)"], env=env) as run:
            names = [h["name"] for b in run.ask("holders", "function:chain", "--limit", "9")["blocks"]
                     for h in b["holders"]]
            self.assertTrue([n for n in names if n.startswith("global `kept` of blocks.so (")], names)
            self.assertTrue([n for n in names if "stack or thread-local memory of thread" in n or
                             "the stack of thread" in n], names)
            self.assertTrue([n for n in names if n.startswith("+16 of an object of 24 bytes made in "
                                                              "keep_in_object()")], names)

    def test_a_core_file_of_an_interpreter_tells_of_its_blocks_as_well(self):
        python = interpreters()[0]
        env = self.extension(python)
        home = tempfile.mkdtemp(dir=os.path.join(env["PYTHONPATH"]))
        trace = os.path.join(home, "run.trace")
        subprocess.run([OURO, "run", "-o", trace, "--snapshot", "never", "--", python, "-c", KEEP +
                        "for _ in range(20): blocks.lose_mem(), blocks.lose_malloc()\n"
                        "import os; os.kill(os.getpid(), 11)"], env=env, cwd=home, capture_output=True,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
        core = glob.glob(os.path.join(home, "core*"))
        if not core:
            self.skipTest("core files do not come to the working directory here")
        run = Recording.__new__(Recording)
        run.trace = trace
        found = run.ask("leaks", "--core", core[0])
        self.assertIn("SIGSEGV", found["trace"]["state"])
        names = {}
        for f in found["findings"]:
            if f["kind"] == "lost" and f["severity"] != "info":
                name = next((x["function"] for x in f["stack"] if x["function"].startswith(("keep_", "lose_"))),
                            f["headline"])
                names[name] = names.get(name, 0) + f["direct"]
        self.assertEqual(set(names), {"lose_mem", "lose_malloc"}, names)
        self.assertGreaterEqual(min(names.values()), 20 - 2 * MISSED)

    def test_many_alike_are_an_error(self):
        python = interpreters()[0]
        env = self.extension(python)
        with Recording([python, "-c", "import blocks\nfor _ in range(100): blocks.lose_mem()"], env=env) as run:
            self.assertEqual([f["severity"] for f in lost(run)], ["error"])
            self.assertGreaterEqual(lost(run)[0]["direct"], 90)
            self.assertGreaterEqual(lost(run)[0]["objects"], 270)

    def test_nothing_of_a_clean_program_is_lost_but_what_valgrind_calls_definitely_lost(self):
        all_of = os.environ.get("VALGRIND")
        for python in interpreters() if all_of else (interpreters()[0], interpreters()[-1]):
            for name, program in CLEAN.items():
                with self.subTest(python=python, program=name), Recording([python, "-c", program]) as run:
                    self.assertEqual(run.status, 0, run.stderr)
                    errors = [f for f in lost(run) if f["severity"] == "error"]
                    if not errors:
                        continue
                    if not shutil.which("valgrind"):
                        self.skipTest("valgrind is not installed")
                    self.assertLessEqual(sum(f["direct_bytes"] for f in errors),
                                         valgrind_direct(python, program), errors)


if __name__ == "__main__":
    main()
