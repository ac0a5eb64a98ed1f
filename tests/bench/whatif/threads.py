"""Four threads that share one queue and build trees with parents."""
import queue
import sys
import threading

JOBS = int(sys.argv[1])


class Node:
    def __init__(self, parent, depth):
        self.parent = parent
        self.children = [Node(self, depth - 1) for _ in range(3)] if depth else []


def work(jobs):
    while True:
        n = jobs.get()
        if n is None:
            return
        tree = Node(None, 3 + n % 2)
        sum(len(c.children) for c in tree.children)
        {k: [k] for k in range(30)}


jobs = queue.Queue(100)
threads = [threading.Thread(target=work, args=(jobs,)) for _ in range(4)]
for t in threads:
    t.start()
for n in range(JOBS):
    jobs.put(n)
for t in threads:
    jobs.put(None)
for t in threads:
    t.join()
