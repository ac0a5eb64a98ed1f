"""Three kinds of cyclic garbage, all of it gone by the end: only the collector freed it."""
import gc
import sys


class Node:
    def __init__(self, parent):
        self.parent = parent
        self.children = []


def plant():
    root = Node(None)
    root.children.append(Node(root))


def listen():
    def on_event():
        return on_event
    return on_event


def fail():
    try:
        raise ValueError("no")
    except ValueError as error:
        kept = error
    return len(str(kept))


rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 6000
for _ in range(rounds):
    plant()
    listen()
    fail()
gc.collect()
