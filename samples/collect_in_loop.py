"""Goes wrong in one way: gc.collect() in a loop, after each knot, where the collector would do by itself."""
import gc
import sys
import time

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000


def tie():
    knot = []
    knot.append(knot)


def tidy():
    for _ in range(ROUNDS):
        tie()
        gc.collect()


began = time.perf_counter()
tidy()
print(f"{time.perf_counter() - began:.6f}")
