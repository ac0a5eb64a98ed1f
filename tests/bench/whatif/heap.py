"""A million objects that stay, and requests that come and go, a few with cycles."""
import sys

REQUESTS = int(sys.argv[1])
SIZE = int(sys.argv[2]) if len(sys.argv) > 2 else 250000


class Row:
    def __init__(self, i):
        self.key = i
        self.cells = [i, (i, str(i))]


class Job:
    def __init__(self, rows):
        self.rows = rows
        self.done = self.finish

    def finish(self):
        return len(self.rows)


table = {i: Row(i) for i in range(SIZE)}
total = 0
for i in range(REQUESTS):
    picked = [table[(i * 31 + k * 977) % SIZE] for k in range(40)]
    job = Job([[r.key, list(r.cells)] for r in picked])
    total += job.done()
    if i % 1000 == 0:
        table[i % SIZE] = Row(i)
