"""The books of counted objects, from `ouro dump`: does each count follow from what was told?

A second reading, apart from the analyzer's own: one pass over the text, per object.
"""
import collections
import re
import subprocess

import harness

UNKNOWN = 0x80000000

EVENT = re.compile(r"\d+ s\d+ t\d+ \d+ ([\w-]+) (0x[0-9a-f]+) (\d+)(.*)")
TYPE = re.compile(r"type (\d+) same=(\d+) .*name=(.*)")
LOCATION = re.compile(r"location (\d+) same=\d+ (?:module=\d+ address=0x[0-9a-f]+ |entry )?(\S+)")
BORN_WITH = re.compile(r" (?:reference|10) 9 (\d+)")


class Object:
    def __init__(self, type, stack):
        self.type, self.stack = type, stack
        self.count = 1
        self.retains, self.releases = [], []


class Books:
    """born, alive: types; wrong: counts that do not follow; strangers: never born."""

    def __init__(self, trace):
        self.born, self.wrong = collections.Counter(), collections.Counter()
        self.strangers, self.objects = collections.Counter(), []
        self.alive, self.block, types, self.places = {}, {}, {}, {}
        dump = subprocess.run([harness.OURO, "dump", trace], capture_output=True, text=True,
                              errors="replace", check=True).stdout
        for line in dump.splitlines():
            if m := TYPE.match(line):
                types[int(m[1])] = m[3]
            elif m := LOCATION.match(line):
                self.places[m[1]] = m[2]
            elif m := EVENT.match(line):
                self.event(types, m[1], m[2], int(m[3]), m[4])

    def event(self, types, kind, address, argument, rest):
        if kind in ("birth", "pool-birth"):
            type = types[int(re.search(r"type=(\d+)", rest)[1])]
            object = re.search(r"object=(0x[0-9a-f]+)", rest)[1]
            self.block[address] = object
            self.alive[object] = Object(type, self.stack(rest))
            self.objects.append(self.alive[object])
            self.born[type] += 1
        elif kind in ("free", "pool-free", "pool-release"):
            self.alive.pop(self.block.pop(address, address), None)
        elif kind == "death":
            self.alive.pop(address, None)
        elif kind == "ext" and (m := BORN_WITH.match(rest)):
            self.alive[address].count = int(m[1])
        elif kind in ("incref", "decref"):
            self.count(kind, address, argument, rest)

    def count(self, kind, address, told, rest):
        o = self.alive.get(address)
        if not o:
            self.strangers[kind, self.stack(rest)[:3]] += 1
            return
        o.count += 1 if kind == "incref" else -1
        (o.retains if kind == "incref" else o.releases).append(self.stack(rest))
        if told not in (o.count, UNKNOWN):
            self.wrong[o.type, kind, self.stack(rest)[:3]] += 1
            o.count = told

    def stack(self, rest):
        """Interpreter frames, then native ones, each the innermost first."""
        return tuple(self.places.get(n, "?") for m in (re.search(r"interp=([\d<]+)", rest),
                                                       re.search(r"native=([\d<]+)", rest))
                     if m for n in m[1].split("<"))

    def alive_by_type(self):
        return collections.Counter(o.type for o in self.alive.values())


if __name__ == "__main__":
    import sys
    b = Books(sys.argv[1])
    print("born", dict(b.born), "\nalive", dict(b.alive_by_type()))
    for name in "wrong", "strangers":
        for k, n in getattr(b, name).most_common(12):
            print(name, n, k)
