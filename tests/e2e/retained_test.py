"""A reference that C code took and lost is told from one that something holds."""
import unittest

from harness import Recording, main, on_every_interpreter, sample

CLEAN = {
    "json": "import json; d = [json.loads(json.dumps({'a': [1, {'b': n}]})) for n in range(2000)]",
    "re": "import re; hits = [re.compile('(a+)%d' % n).match('aaa%d' % n) for n in range(200)]",
    "sqlite3": "import sqlite3; c = sqlite3.connect(':memory:'); c.execute('create table t(a)');"
               "c.executemany('insert into t values (?)', [(n,) for n in range(999)]);"
               "rows = list(c.execute('select * from t'))",
    "xml": "import xml.etree.ElementTree as e; t = e.fromstring('<a>' + '<b c=\"d\"/>' * 500 + '</a>')",
    "asyncio": "import asyncio\nasync def one(n):\n  await asyncio.sleep(0)\n  return n\n"
               "async def all():\n  return await asyncio.gather(*map(one, range(50)))\n"
               "print(sum(asyncio.run(all())))",
    "threads": "import threading; out = []\nts = [threading.Thread(target=out.append, args=([n],))"
               " for n in range(20)]\nfor t in ts: t.start()\nfor t in ts: t.join()",
    "decimal": "from decimal import Decimal as D; x = [D(n) / 7 for n in range(1000)]",
    "logging": "import logging; logging.basicConfig(level=20); l = logging.getLogger('x')\n"
               "for n in range(100): l.debug('no %d', n)",
    "collections": "import collections as c; o = c.OrderedDict((n, [n]) for n in range(500));"
                   "d = c.deque(map(list, 'abc')); k = c.Counter('hello'); P = c.namedtuple('P', 'x y');"
                   "ps = [P([n], {}) for n in range(100)]",
    "itertools": "import itertools as i, functools as f; a, b = i.tee([[1], [2]]); next(a);"
                 "c = i.chain([[1]], [[2]]); next(c); g = f.partial(print, [3]);"
                 "z = f.lru_cache(lambda n: [n]); ls = [z(n) for n in range(50)]",
    "a thread in a foreign call": "import ctypes, glob, threading, time\nlibc = ctypes.CDLL(None)\n"
                                  "def wait(): libc.poll(None, ctypes.c_long(0), *[ctypes.c_int(1000000)])\n"
                                  "threading.Thread(target=wait, daemon=True).start()\n"
                                  "while not any(open(f).read().startswith('7 ') for f in "
                                  "glob.glob('/proc/self/task/*/syscall')): time.sleep(0.01)",
    "dataclasses": "import dataclasses, enum, pathlib, typing\n@dataclasses.dataclass\nclass A:\n"
                   "  x: list = dataclasses.field(default_factory=list)\n"
                   "class C(enum.Enum):\n  R = 1\n  G = 2\nas_ = [A() for _ in range(100)]\n"
                   "p = [pathlib.Path('/a') / str(n) for n in range(50)]",
}


class Retained(unittest.TestCase):
    @on_every_interpreter
    def test_exactly_the_three_leaked_records_are_found_with_their_amounts(self, python):
        with Recording([python, sample("leaked_reference.py")]) as run:
            found = [f for f in run.findings("over-retained") if f["severity"] == "error"]
            self.assertEqual(sum(f["count"] for f in found), 3, found)
            self.assertEqual(sorted(f["unknown"] for f in found), [1, 2, 3])
            for f in found:
                self.assertEqual([t["name"].split(".")[-1] for t in f["types"]], ["Record"])
                self.assertEqual([s["line"] for s in f["sites"]], [10])

    @on_every_interpreter
    def test_clean_programs_have_no_error(self, python):
        for name, text in CLEAN.items():
            with self.subTest(program=name), Recording([python, "-c", text]) as run:
                self.assertEqual(run.status, 0, run.stderr)
                self.assertEqual([f for f in run.findings() if f["severity"] == "error"], [])


if __name__ == "__main__":
    main()
