"""What the walk says of the heap, against what the interpreter says.

  heap_test.py LIBRARY      built from dump.c; tests/e2e/walk_test.py does, on each interpreter
"""
import collections
import ctypes
import functools
import gc
import itertools
import sys
import weakref

import heapdump

LIB = heapdump.load(sys.argv[1])
FAILED = []


def claim(what, holds, *why):
    if not holds:
        FAILED.append(what)
        print("FAILED:", what, *why)


class Node:
    def __init__(self, name):
        self.name = name


class Slotted:
    __slots__ = ("left", "right")


class Both(Slotted):
    __slots__ = ("__dict__", "middle")


class Words(str):
    pass


class Rows(list):
    pass


class Table(dict):
    pass


class Pair(tuple):
    __hash__ = object.__hash__


class Many(int):
    pass


class Bad(Exception):
    pass


# --- the twelve shapes: [(object, edge, operand, object)] ... -----------------------------

def shapes():
    """{shape: list of (holder, how it is named, operand, held)}; all alive, for the caller holds them"""
    out = {}
    a = []
    a.append(a)
    out["self list"] = [(a, "INDEX", 0, a)]

    a, b = {}, {}
    a["b"], b["a"] = b, a
    out["two dicts"] = [(a, "KEY", "b", b), (b, "KEY", "a", a)]

    a = Node("m")
    a.callback = a.__init__
    out["bound method"] = [(a, "ATTR", "callback", a.callback),
                           (a.callback, "FIELD", "__self__", a)]

    def again():
        return again
    cell = again.__closure__[0]
    out["closure"] = [(again, "FIELD", "__closure__", again.__closure__),
                      (again.__closure__, "INDEX", 0, cell), (again, "CELL", "again", cell),
                      (cell, "CONTENT", 0, again)]

    def fails():
        try:
            raise Bad("x")
        except Bad as e:
            error = e
        return error
    e = fails()
    out["exception and its frame"] = [
        (e, "FIELD", "__traceback__", e.__traceback__),
        (e.__traceback__, "FIELD", "tb_frame", e.__traceback__.tb_frame),
        (e.__traceback__.tb_frame, "LOCAL", "error", e)]

    def holds():
        box = yield
        yield box
    g = holds()
    next(g)
    g.send(g)
    out["generator"] = [(g if sys.version_info >= (3, 11) else g.gi_frame, "LOCAL", "box", g)]

    a, b = Node("parent"), Node("child")
    a.children, b.parent = [b], a
    out["parent and children"] = [(a, "ATTR", "children", a.children),
                                  (a.children, "INDEX", 0, b), (b, "ATTR", "parent", a)]

    class Own:
        pass
    Own.single = Own()
    out["class and instance"] = [(Own.single, "CLASS", 0, Own),
                                 (dictionary(Own), "KEY", "single", Own.single)]

    box = []
    p = functools.partial(print, box, key=box)
    box.append(p)
    out["partial"] = [(p, "FIELD", "args", p.args), (p.args, "INDEX", 0, box),
                      (p, "FIELD", "keywords", p.keywords), (p, "ARGUMENT", 0, box),
                      (p.keywords, "KEY", "key", box), (box, "INDEX", 0, p)]

    a = Node("w")
    a.ref = weakref.ref(a, a.__init__)
    out["weakref callback"] = [(a, "ATTR", "ref", a.ref), (a.ref, "REFERENT", 0, a),
                               (a.ref, "FIELD", "__callback__", a.ref.__callback__)]

    def f(again=[], *, key=None):
        pass
    f.__defaults__[0].append(f)
    f.__kwdefaults__["key"] = f
    out["default"] = [(f, "FIELD", "__defaults__", f.__defaults__),
                      (f.__defaults__, "INDEX", 0, f.__defaults__[0]),
                      (f.__defaults__[0], "INDEX", 0, f),
                      (f, "FIELD", "__kwdefaults__", f.__kwdefaults__),
                      (f.__kwdefaults__, "KEY", "key", f)]

    a, b = Slotted(), Both()
    a.left, b.right, b.middle, b.more = b, a, [1], {(1, "x", None): [2], b"y": 3, 2.5: 4}
    out["slots and a tail"] = [(a, "SLOT", "left", b), (b, "SLOT", "right", a),
                               (b, "SLOT", "middle", b.middle), (b, "DICT", 0, b.__dict__),
                               (b.__dict__, "KEY", "more", b.more),
                               (b.more, "KEYREPR", "(1, 'x', None)", b.more[(1, "x", None)])]

    d = collections.deque([1, 2], 3)
    d.append(d)
    s = Pair(({1}, d))
    s.me = s
    o = collections.OrderedDict(a=d)
    o[s] = o
    out["collections"] = [(d, "INDEX", 2, d), (s, "INDEX", 1, d), (o, "KEY", "a", d),
                          (o, "KEYREPR", "<__main__.Pair>", o)]
    return out


def dictionary(cls):
    return gc.get_referents(cls.__dict__)[0]


def check_shapes(heap, made):
    for shape, edges in made.items():
        for holder, name, operand, held in edges:
            node = heap.nodes.get(id(holder))
            if name == "ATTR" and sys.version_info < (3, 11):      # by way of its dict
                node, name = heap.nodes[[e.to for e in node.edges if e.name == "DICT"][0]], "KEY"
            found = node and any((e.to, e.name, e.operand) == (id(held), name, operand)
                                 for e in node.edges)
            claim(f"{shape}: {type(holder).__name__} -{name} {operand}-> "
                  f"{type(held).__name__}", found, node and [
                      (e.name, e.operand, e.flags) for e in node.edges])


def check_references(heap, before):
    """Every reference the collector can see is an edge."""
    missing = collections.Counter()
    for at, (kind, _, seen) in before.items():
        if kind in ("frame", "_lru_cache_wrapper") or at in BUSY or at not in heap.nodes:
            continue
        said = collections.Counter(e.to for e in heap.nodes[at].edges if not e.flags)
        if collections.Counter(seen) - said:
            missing[kind] += 1
    claim("what gc.get_referents() shows is there", not missing, missing)


# Their sizes count memory of their own that only their own __sizeof__ knows.
SPECIAL = {"StgDict", "Struct", "BufferedReader", "BufferedWriter", "PyCSimpleType", "PyCFuncPtrType",
           "PyCStructType", "PyCPointerType", "PyCArrayType", "UnionType", "frame",
           "_swapped_struct_meta", "_swapped_union_meta"}


def check_sizes(heap, before):
    wrong = collections.Counter()
    for at, (kind, size, _) in before.items():
        node = heap.nodes.get(at)
        if node and at not in BUSY and kind not in SPECIAL and node.size != size:
            wrong[kind, node.label, node.size - size] += 1
    claim("sizes are those of sys.getsizeof()", not wrong, wrong.most_common(12))


def check_counts(heap):
    """Nothing owned by more than its count says; nearly all explained by edges and roots alone."""
    tracked = [n for n in heap.nodes.values() if n.flags & heapdump.TRACKED]
    below = [n for n in tracked if (heap.unknown(n.address) or 0) < 0 and n.label != "atexit"]
    rest = [n for n in tracked if (heap.unknown(n.address) or 0) > 0]
    claim("no count is below its known holders", not below, below[:3])
    allowed = 0.04 if sys.version_info < (3, 10) else 0.006
    claim("counts are explained", len(rest) <= allowed * len(tracked), len(rest), len(tracked))
    maybe = collections.Counter(r.to for r in heap.roots if r.flags & heapdump.MAYBE)
    maybe.update(w[0] for w in heap.words)
    for n in heap.nodes.values():
        maybe.update(e.to for e in n.edges if e.flags & heapdump.MAYBE)
    left = [n for n in rest if heap.unknown(n.address) > maybe[n.address]]
    return tracked, rest, left


def check_roots(heap, marker):
    found = [r for r in heap.roots if r.to == id(marker) and r.kind == "LOCAL"]
    claim("a local variable is a root with its place", any(
        r.function.endswith("main") and r.what == "marker" and r.file == __file__ and
        r.line == LINE for r in found), found, LINE)
    claim("modules are a root", any(r.to == id(sys.modules) and r.kind == "INTERP" and
                                    r.what.endswith("modules") for r in heap.roots))
    claim("a module's dict is a namespace",
          heap.at(globals()).flags & heapdump.NAMESPACE)


RUNNING = ["held by a generator that runs"]


def in_generator():
    variable = RUNNING                                  # noqa: F841
    yield heapdump.take(LIB)


def main():
    global LINE
    made = shapes()
    marker = ["marker"]
    leaked, twice, clean = [Node(i) for i in range(3)], [["x"]], [Node(i) for i in range(997)]
    for ob in leaked:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(ob))
    for _ in range(2):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(twice[0]))
    various = [Words("ab"), Words("\u20ac"), "\xe9", "\u20ac", "\U0001f600", b"abc", bytearray(b"x"), 0, 1, 2**70,
               -5, Many(3), Many(2**40), 1.5, 2j, True, None, ..., (), (1, 2), [], [1], Rows([1]), Pair((1, 2)), {}, {1: 2},
               {"a": 1}, Table(a=1), set(), set(range(100)), frozenset({1}), Node("x"), Slotted(),
               Both(), Node, dict, range(3), slice(1), collections.deque(range(200)),
               collections.OrderedDict(a=1, b=2), Bad(1), itertools.count(), memoryview(b"x"),
               weakref.ref(Node), lambda: 0, main.__code__, in_generator, property(), print,
               functools.partial(print), object(), type("Made", (), {}), iter([]), sys]
    various[-1].marker = marker
    heapdump.take(LIB)      # what is imported or made at the first time is there now
    objects = gc.get_objects()
    before = {}
    BUSY.update({id(objects), id(globals()), id(before)})   # these change as we look
    for ob in itertools.chain(objects, various):
        before[id(ob)] = type(ob).__name__, sys.getsizeof(ob), list(map(id, gc.get_referents(ob)))
    heap, ms = heapdump.take(LIB); LINE = sys._getframe().f_lineno      # noqa: E702
    claim("the snapshot is complete", heap.complete and not heap.notes, heap.notes)
    check_shapes(heap, made)
    check_references(heap, before)
    check_sizes(heap, before)
    tracked, rest, left = check_counts(heap)
    check_roots(heap, marker)
    running, _ = next(in_generator())
    claim("a running generator's variable is told once", running.unknown(id(RUNNING)) == 0,
          running.unknown(id(RUNNING)))
    claim("... as a root of the generator's function", any(
        r.to == id(RUNNING) and r.what == "variable" for r in running.roots))
    for ob in leaked:
        claim("one leaked reference is a remainder of one", heap.unknown(id(ob)) == 1)
    lost = {id(ob) for ob in leaked + twice}
    nowhere = [n for n in left if n.address not in lost]
    claim("whatever else is not explained has its address in C memory", len(nowhere) <= 1, nowhere)
    # memory given back may still have it: which blocks live, the trace's events say
    claim("what was leaked stands in no variable of C",
          not [w for w in heap.words if w[0] in lost and w[1] == 1], heap.words[:9])
    claim("two are two", heap.unknown(id(twice[0])) == 2)
    claim("no other instance has one", not any(heap.unknown(id(o)) for o in clean))
    print(f"{sys.version.split()[0]}: {len(heap.nodes)} objects, {len(tracked)} tracked, "
          f"{len(rest)} not explained by edges and roots, {len(left)} nowhere in memory, {ms} ms, "
          f"{len(FAILED)} claims failed")
    return 1 if FAILED else 0


BUSY = set()
LINE = 0
sys.exit(main())
