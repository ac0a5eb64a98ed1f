"""Makes objects of many kinds, keeps some, and at the end says which ones the collector knows.

    mixed.py ROUNDS FILE      one line for each: address in hex, name of its type
"""
import asyncio
import collections
import contextvars
import functools
import gc
import json
import os
import random
import re
import sys
import threading

random.seed(7)
keep = []


class Node:
    def __init__(self, parent=None):
        self.parent = parent
        self.kids = []
        self.notes = {"a": 1, "parent": parent}


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a = []
        self.b = (self.a,)


class SubList(list):
    pass


class SubDict(dict):
    pass


class SubTuple(tuple):
    pass


class Undead:
    saved = []

    def __del__(self):
        if len(Undead.saved) < 50:
            Undead.saved.append(self)


Pair = collections.namedtuple("Pair", "x y")


def numbers(n):
    for i in range(n):
        yield [i]


async def numbers_later(n):
    for i in range(n):
        yield {"i": i}


async def total(n):
    t = 0
    async for d in numbers_later(n):
        t += d["i"]
        await asyncio.sleep(0)
    return t


def fail(n):
    if n == 0:
        raise MemoryError("made up")
    return [fail(n - 1)]


def deep(n):
    """More nested than the trashcan lets through at once."""
    nested_list, nested_tuple, nested_dict = [], (), {}
    for _ in range(n):
        nested_list = [nested_list]
        nested_tuple = (nested_tuple,)
        nested_dict = {"d": nested_dict}


def work(rounds):
    for i in range(rounds):
        n = Node()
        n.kids.append(Node(n))
        some = [Slotted(), SubList([1, 2]), SubDict(x=1), SubTuple((1, [2])), Pair(i, [i])]
        if i % 37 == 0:
            keep.append(n)
        if i % 91 == 0:
            keep.extend(some)
        for _ in numbers(3):
            pass
        parsed = json.loads('{"a": [1, 2, {"b": []}], "c": 1.5, "d": "zz"}')
        json.dumps(parsed)
        re.match(r"(a+)(b*)", "aaab").groups()

        def closure(q=i):
            return q, parsed, i

        if i % 61 == 0:
            started = numbers(4)
            next(started)
            keep.extend((parsed, closure, functools.partial(closure, 1), numbers(5), started))
        try:
            fail(5)
        except MemoryError as e:
            if i % 211 == 0:
                keep.append(e)
        context = contextvars.copy_context()
        if i % 97 == 0:
            keep.append(context)
        if keep and i % 5 == 0:
            keep.pop(random.randrange(len(keep)))
        grown = []
        for j in range(20):
            grown.append((j,))
        tuple(j for j in range(7))
        [1, 2, 3, 4][0:2], slice(1, i), str(i) * 3, float(i) * 1.5
        set(range(4)), frozenset([1, 2]), dict(zip("ab", "cd")).items(), list(enumerate("ab"))
        Undead()
        if i % 500 == 0:
            deep(3000)
            exec("class C:\n def m(self): return [self]\nkept = C().m()", {})


async def many():
    await asyncio.gather(*[total(30) for _ in range(20)])


def main():
    work(int(sys.argv[1]))
    asyncio.run(many())
    threads = [threading.Thread(target=work, args=(300,)) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


main()
gc.collect()
gc.disable()
# From here to the end nothing is made that the collector would know and that would go again.
known = gc.get_objects()
with os.fdopen(os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
    for o in known:
        if o is not known:
            out.write(b"%x %s\n" % (id(o), type(o).__name__.encode()))
