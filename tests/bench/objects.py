"""The Python benchmarks: `objects.py records N` (instances with lists of lists) or `json N`."""
import json
import sys
import time


class Record:
    def __init__(self):
        self.rows = [[] for _ in range(10)]


def records(requests):
    for _ in range(requests):
        batch = [Record() for _ in range(1000)]
        assert len(batch) == 1000
    return requests * 1000 * 13


def documents(rounds):
    document = {"users": [{"id": n, "name": "user %d" % n, "tags": ["a", "b", str(n)],
                           "score": n / 7} for n in range(200)]}
    for _ in range(rounds):
        document = json.loads(json.dumps(document))
    return rounds * 200 * 12


work = {"records": records, "json": documents}[sys.argv[1]]
wall, cpu = time.perf_counter(), time.process_time()
pairs = work(int(sys.argv[2]))
print(json.dumps({"pairs": pairs, "wall": time.perf_counter() - wall,
                  "cpu": time.process_time() - cpu}))
