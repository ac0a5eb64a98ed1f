"""Objects of many shapes, some of them leaked; then the end that is asked for (abort, segv, thread, damage)."""
import collections
import ctypes
import datetime
import functools
import gc
import itertools
import json
import os
import re
import sys
import threading
import types
import weakref

gc.disable()


class Node:
    def __init__(self, number):
        self.number = number
        self.me = self
        self.more = {"number": number, ("a", 1): [number], 2.5: {number}}


class Slots:
    __slots__ = ("left", "right", "__weakref__")


class Derived(dict):
    pass


class Listed(list):
    __slots__ = ("extra",)


class Broken(Exception):
    pass


def leave(n):
    for i in range(n):
        Node(i)


def forget():
    lost = [Node("lost")]		# no name holds it any more, but a reference that C code forgot
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(lost))


def outer(free):
    def inner(default=free, *, key=[free]):
        return free, default, key
    return inner


def count(n):
    local = {"n": n}
    for i in range(n):
        yield local, i


@types.coroutine
def pause(what):
    yield what


async def wait(what):
    await what


async def stream():
    yield 1


def thread(ready, go):
    held = Node("thread")
    ready.set()
    go.wait()
    return held


def build():
    leave(100)
    slots = Slots()
    slots.left, slots.right = slots, [slots]
    derived = Derived(a=[1])
    derived.attribute = derived
    listed = Listed([1, [2]])
    listed.extra = {"x": listed}
    running = count(3)
    next(running)
    coroutine = wait(pause([1]))
    coroutine.send(None)
    try:
        raise Broken("because", [1, 2])
    except Broken as e:
        caught = e
    odd = type("Odd", (Node,), {"__slots__": ()})
    for i in range(20):
        made = Node(i)
        setattr(made, "attribute%d" % i, made)
        derived[made] = weakref.ref(made)
    return (slots, derived, listed, running, coroutine, caught, odd, outer([1]), outer({}),
            collections.deque([[1], {2}], maxlen=9), collections.OrderedDict(a=[1], b={2}),
            collections.defaultdict(list, a=[3]), collections.Counter("abc"),
            functools.partial(leave, 1), functools.lru_cache(maxsize=4)(outer), stream(),
            itertools.chain([1], [2]), itertools.count(), iter([1, 2]), iter({1: 2}.items()),
            {1: 2}.keys(), types.MappingProxyType({"a": []}), types.SimpleNamespace(a=[1]),
            re.compile("(a)(b)").match("ab"), datetime.datetime.now(datetime.timezone.utc),
            property(leave), classmethod(leave), staticmethod(leave), slots.__init__, [].append,
            memoryview(bytearray(9)), slice([], 1), range(5), frozenset([1, (2,)]),
            weakref.proxy(slots), weakref.WeakValueDictionary(a=slots), json.JSONEncoder(),
            sys._getframe(), threading.Lock(), ctypes.c_int * 3, (ctypes.py_object * 1)([1]),
            weakref.WeakKeyDictionary({slots: [1]}), enumerate([1]), zip([1], [2]), map(str, [1]))


everything = build()
everything[14](3)
ready, go = threading.Event(), threading.Event()
threading.Thread(target=thread, args=(ready, go), daemon=True).start()
ready.wait()
forget()
if sys.argv[1] == "damage":		# words that lead nowhere, where a list has its items, an instance its type
    word = ctypes.c_size_t * 2
    broken, stranger, kept = [[1], [2]], Node("stranger"), [Node("kept")]
    everything = (everything, broken, stranger, kept)
    word.from_address(id(broken) + 16)[1] = 0x100000000008
    word.from_address(id(stranger))[1] = 0x100000000010
    os.kill(os.getpid(), 11)
if sys.argv[1] == "abort":
    os.abort()
if sys.argv[1] == "segv":
    def crash(n):
        return crash(n - 1) if n else ctypes.string_at(8)
    crash(2)
if sys.argv[1] == "thread":		# it has no state of the interpreter's, and no lock
    libc = ctypes.CDLL(None)
    started = ctypes.c_ulong()
    libc.pthread_create(ctypes.byref(started), None, ctypes.c_void_p(8), None)
    threading.Event().wait()
