"""Collections of all generations and causes; ends with what the interpreter says about them.

    every_collection.py [THRESHOLD0 THRESHOLD1 THRESHOLD2]
"""
import gc
import json
import sys
import threading

seen = [0, 0, 0]


def count(phase, info):
    if phase == "stop":
        seen[info["generation"]] += 1


class Node:
    pass


def knots(n):
    for _ in range(n):
        a, b = Node(), Node()
        a.other, b.other = b, a


def grow(n, into):
    for i in range(n):
        into.append([Node(), i])


before = [s["collections"] for s in gc.get_stats()]
gc.callbacks.append(count)
if len(sys.argv) > 3:
    gc.set_threshold(*map(int, sys.argv[1:4]))
kept = []
knots(8000)
grow(30000, kept)
knots(3000)
for _ in range(7):
    gc.collect()
gc.collect(0)
gc.collect(1)
gc.disable()
knots(5000)
gc.enable()
thread = threading.Thread(target=knots, args=(6000,))
thread.start()
thread.join()
gc.disable()
gc.callbacks.remove(count)
stats = gc.get_stats()
json.dump({"before": before, "seen": seen,
           "collections": [s["collections"] for s in stats],
           "freed": [s["collected"] for s in stats],
           "uncollectable": [s["uncollectable"] for s in stats]}, sys.stdout)
sys.stdout.flush()
