"""What a forked process inherited: who made it is in its parent's trace."""
import json
import os
import sqlite3
import subprocess
import tempfile
import unittest
from harness import OURO, Recording, main, on_every_interpreter

PROGRAM = """
import gc, json, os, sys

class Node: pass
class Slot: __slots__ = ("x",)

def first(n):
    made = []
    for _ in range(n):
        made.append(Node())
    return made
def second(n):
    made = []
    for _ in range(n):
        made.append(Slot())
    return made
def third(n):
    made = []
    for _ in range(n):
        made.append(Node())
    return made

def tell(level, kept):
    with open(sys.argv[1] + str(level), "w") as out:
        json.dump([os.getpid()] + [[id(x), f] for f, xs in kept for x in xs], out)

kept = [["first", first(500)]]
gone = first(500)
tell(0, kept)
if not os.fork():
    del gone                    # the memory is used again by what is made here
    kept.append(["second", second(500)])
    del kept[0][1][100:200]
    tell(1, kept)
    if not os.fork():
        kept.append(["third", third(700)])
        del kept[1][1][:50]
        tell(2, kept)
        sys.exit(0)
    os.wait()
    sys.exit(0)
os.wait()
"""


def made(path, table):
    """Of every object of a snapshot the function that made it, by address."""
    subprocess.run([OURO, "export", "sqlite", "-o", table, path], check=True)
    base = sqlite3.connect(table)
    rows = base.execute("SELECT objects.address, sites.function FROM objects"
                        " LEFT JOIN sites ON sites.id = objects.site").fetchall()
    base.close()
    return {int(address, 16): function for address, function in rows}


def counts(path):
    """Objects made before the fork, and those of which nobody knows who made them."""
    out = subprocess.run([OURO, "report", "--format", "json", path], capture_output=True, text=True,
                         check=True)
    alive = json.loads(out.stdout)["alive"]
    return alive["inherited_objects"], alive["other_objects"]


class Fork(unittest.TestCase):
    @on_every_interpreter
    def test_who_made_what_was_inherited_is_known(self, python):
        with tempfile.TemporaryDirectory() as folder:
            told = os.path.join(folder, "told.")
            with Recording([python, "-c", PROGRAM, told]) as run:
                for level in range(3):
                    with open(told + str(level)) as answer:
                        pid, *objects = json.load(answer)
                    trace = f"{run.trace}.d/{pid}" if level else run.trace
                    functions = made(trace, os.path.join(folder, f"{level}.db"))
                    self.assertEqual(len(objects), (500, 900, 1550)[level])
                    wrong = [(f, functions.get(address)) for address, f in objects
                             if functions.get(address) != f]
                    self.assertEqual(wrong[:3], [], (level, len(wrong)))
                    if level == 1:
                        continue
                    inherited, unknown = counts(trace)
                    self.assertEqual(inherited > 0, level > 0)
                    if level == 0:
                        unknown_at_first = unknown
                    self.assertLess(unknown, unknown_at_first + 50)


main()
