"""A burst of objects per request, no cycles: ../../../samples has it in small."""
import sys


class Record:
    def __init__(self):
        self.rows = [[] for _ in range(10)]


def handle_request():
    batch = [Record() for _ in range(1000)]
    return len(batch)


for _ in range(int(sys.argv[1])):
    handle_request()
