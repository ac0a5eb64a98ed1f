"""A server that loads what it needs, then forks: the worker's worker answers N requests."""
import os
import sys


class Record:
    def __init__(self, n):
        self.key, self.row = str(n), [n, (n, n + 1), {"n": n}]


class Request:
    def __init__(self, n):
        self.items = [Record(i) for i in range(n % 17)]
        self.me = self


def load(n):
    return {i: Record(i) for i in range(n)}


def work(n):
    seen = []
    for i in range(n):
        Request(i)
        seen.append(Record(i))
        if i % 100 == 99:
            del seen[:50]
    return seen


def fork():
    pid = os.fork()
    if pid:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if sys.version_info >= (3, 9)
                 else os.waitpid(pid, 0)[1] >> 8)


stock = load(4000)
fork()
stock.update(load(3000))
work(200)
for i in range(0, 4000, 3):        # what was inherited dies, too
    del stock[i]
fork()
work(int(sys.argv[1]))
