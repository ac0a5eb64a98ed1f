"""A random object graph by seed, then gc.collect() with DEBUG_SAVEALL: prints what it found.

    random_graphs.py SEED [generators]

Recorded with --snapshot call=gc.collect, the snapshot shows the same moment.  Suspended
generators are asked for apart: the collector closes them before it fills gc.garbage, and
what only they held is freed and never gets there.
"""
import functools
import gc
import random
import sys
import weakref

gc.disable()
rng = random.Random(int(sys.argv[1]))


class Plain:
    pass


class Slotted:
    __slots__ = ("one", "two", "__weakref__")


def function_of(value):
    def inner():
        return value
    return inner


def generator_of(value):
    def walk(held):
        yield
        yield held
    stream = walk(value)
    next(stream)
    return stream


def make(kind, value):
    if kind == "list":
        return [value]
    if kind == "dict":
        return {rng.choice(["k", 1, (2, "t")]): value}
    if kind == "tuple":
        return (value, [])
    if kind == "set":
        return {Plain()}
    if kind == "plain":
        made = Plain()
        made.held = value
        return made
    if kind == "slotted":
        made = Slotted()
        made.one = value
        return made
    if kind == "function":
        return function_of(value)
    if kind == "generator":
        return generator_of(value)
    if kind == "partial":
        return functools.partial(print, value)
    if kind == "method":
        made = Plain()
        made.held = value
        made.method = make.__get__(made)
        return made
    if kind == "weak":
        made = Plain()
        made.watch = weakref.ref(made)
        made.held = value
        return made
    raise AssertionError(kind)


KINDS = ["list", "dict", "tuple", "set", "plain", "slotted", "function", "partial",
         "method", "weak"] + ["generator"] * (sys.argv[2:] == ["generators"])


def tie(a, b):
    """Let a hold b, where its type can."""
    if isinstance(a, list):
        a.append(b)
    elif isinstance(a, dict):
        a[len(a)] = b
    elif isinstance(a, Plain):
        setattr(a, rng.choice(["left", "right", "more"]), b)
    elif isinstance(a, Slotted):
        a.two = b


def build():
    objects = [[]]
    for _ in range(rng.randrange(20, 120)):
        objects.append(make(rng.choice(KINDS), rng.choice(objects)))
    for _ in range(rng.randrange(10, 150)):
        tie(rng.choice(objects), rng.choice(objects))
    return rng.sample(objects, rng.randrange(0, 3))


kept = build()
gc.set_debug(gc.DEBUG_SAVEALL)
gc.collect()
gc.set_debug(0)
print(" ".join(f"{id(o):x}" for o in gc.garbage))
gc.garbage.clear()
