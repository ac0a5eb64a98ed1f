"""Jobs that leave dead cycles behind: one for each job, one at the start, and with `third` one more.

    jobs.py JOBS [third] [cache]
"""
import ctypes
import gc
import sys


class Job:
    def __init__(self, number):
        self.number = number
        self.steps = [Step(self, n) for n in range(1 + number % 3)]


class Step:
    def __init__(self, job, n):
        self.job = job
        self.n = n


class Settings:
    def __init__(self):
        self.view = lambda: self


class Entry:
    def __init__(self):
        self.again = self


def run(number):
    job = Job(number)
    return sum(step.n for step in job.steps)


def log(number):
    rows = [number]
    rows.append(rows)


def warm_up():
    for _ in range(40):
        Entry()


PROGRAM = ctypes.CDLL(None)


def mark(name):
    """Tells ouro, when it is there."""
    if hasattr(PROGRAM, "ouro_mark"):
        PROGRAM.ouro_mark(name.encode())


def main():
    gc.disable()                # what is left at the end is all there was
    Settings()
    if "cache" in sys.argv:
        warm_up()
        mark("warm")
    total = 0
    for number in range(int(sys.argv[1])):
        total += run(number)
        if "third" in sys.argv:
            log(number)
    print(total)


main()
