"""Read what dump.c writes, as objects."""
import collections
import ctypes
import gc
import os
import tempfile

EDGES = ("OTHER INDEX KEY KEYREPR DICTKEY ATTR SLOT FIELD CELL CONTENT LOCAL STACK MEMBER CLASS"
         " DICT REFERENT OFFSET CONST ARGUMENT").split()
ROOTS = " LOCAL STACK FRAME THREAD INTERP STATIC PENDING".split(" ")
TEXT = {"KEY", "KEYREPR", "DICTKEY", "ATTR", "SLOT", "FIELD", "CELL", "LOCAL"}
BORROWED, MAYBE = 1, 2
IMMORTAL, STATIC, TRACKED, FINALIZED, NAMESPACE, INFRA = 1, 2, 4, 8, 16, 32

Edge = collections.namedtuple("Edge", "to name flags operand")
Root = collections.namedtuple("Root", "to kind flags what function file line thread number")
Node = collections.namedtuple("Node", "address type size count flags generation label edges")


class Heap:
    def __init__(self, path):
        self.nodes, self.roots, self.words, self.types = {}, [], [], {}
        self.notes, self.complete = [], False
        strings, node = {0: ""}, None
        for line in open(path, encoding="utf-8", errors="replace"):
            kind, *rest = line.rstrip("\n").split("\t")
            if kind == "S":
                strings[int(rest[0])] = "\t".join(rest[1:])
            elif kind == "T":
                number, address, name, flags, basic, item = map(int, rest)
                self.types[number] = (strings[name], flags, address)
            elif kind == "N":
                a, t, size, count, flags, gen, label = map(int, rest)
                assert a not in self.nodes, "an object is written twice"
                node = self.nodes[a] = Node(a, self.types[t][0], size, count, flags, gen,
                                            strings[label], [])
            elif kind == "E":
                to, name, flags, operand = map(int, rest)
                name = EDGES[name]
                node.edges.append(Edge(to, name, flags,
                                       strings[operand] if name in TEXT else operand))
            elif kind == "R":
                to, k, flags, what, function, file, line_, thread, number = map(int, rest)
                self.roots.append(Root(to, ROOTS[k], flags, strings[what], strings[function],
                                       strings[file], line_, thread, number))
            elif kind == "W":
                self.words.append(tuple(map(int, rest)))
            elif kind == "X":
                self.notes.append(rest[0])
            elif kind == "Z":
                self.complete = True
        owned = collections.Counter(r.to for r in self.roots if not r.flags)
        for n in self.nodes.values():
            owned.update(e.to for e in n.edges if not e.flags)
        self.owned = owned

    def unknown(self, address):
        """Count less the references known to be owned; None: the count means nothing."""
        n = self.nodes[address]
        return None if n.flags & IMMORTAL else n.count - self.owned[address]

    def at(self, ob):
        return self.nodes[id(ob)]


def load(library):
    lib = ctypes.PyDLL(library)
    lib.ouro_check.restype = ctypes.c_char_p
    lib.ouro_check.argtypes = [ctypes.c_long] * 3
    lib.ouro_dump.argtypes = [ctypes.c_char_p]
    why = lib.ouro_check(*gc.get_threshold())
    if why:
        raise SystemExit("layout does not hold: " + why.decode())
    return lib


def take(lib):
    """(Heap, milliseconds)"""
    fd, path = tempfile.mkstemp()
    os.close(fd)
    ms = lib.ouro_dump(path.encode())
    try:
        if ms < 0:
            raise SystemExit("the snapshot's child failed")
        return Heap(path), ms
    finally:
        os.unlink(path)
