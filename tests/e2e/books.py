"""The books of objects that are counted by calls: what was born, taken and given back, per object."""
from collections import Counter

from raw_trace import EXT, FREE, RELEASE

BIRTH, DEATH, INCREF, DECREF = 10, 11, 12, 13
REFERENCE, EDGE, UNEDGE = 10, 11, 12
(FLOATING, SUNK, TOGGLE_ADD, TOGGLE_REMOVE, WEAK_ADD, WEAK_REMOVE, DISPOSED, REVIVED, COUNT,
 STATIC) = range(1, 11)


class Books:
    """`held`: address to [type, count] of what lives at the end.  `wrong`: what does not add up.

    `differs` counts the records whose count is not the sum of those before it: with one thread
    there must be none; with several, one can be between a change and its record.
    """

    def __init__(self, trace):
        self.held, self.wrong, self.differs = {}, Counter(), Counter()
        self.records, self.notes, self.made = Counter(), Counter(), Counter()
        self.edges, self.deaths = [], Counter()
        followed = {number for number, (runtime, _) in trace.types.items() if runtime}
        for _, kind, address, arg, _, tail in trace.events():
            if kind == BIRTH and arg in followed:
                name = trace.types[arg][1]
                if address in self.held:
                    self.wrong[f"{name} was born where a {self.held[address][0]} lives"] += 1
                self.held[address] = [name, 1]
                self.made[name] += 1
            elif kind == DEATH and address in self.held:
                name, count = self.held.pop(address)
                self.deaths[name] += 1
                if count:
                    self.wrong[f"{name} died with a count of {count}"] += 1
            elif kind in (INCREF, DECREF):
                self.change(address, 1 if kind == INCREF else -1, arg)
            elif kind == EXT:
                self.extra(trace, address, tail)
            elif kind in (FREE, RELEASE) and address in self.held:
                self.wrong[f"the memory of a {self.held[address][0]} was freed while it lived"] += 1
            self.records[kind] += 1

    def change(self, address, by, arg):
        entry = self.held.get(address)
        if not entry:
            self.wrong["a reference to what does not live"] += 1
            return
        entry[1] += by
        if entry[1] != arg:
            self.differs[entry[0]] += 1
        if entry[1] < 0:
            self.wrong[f"{entry[0]} counts below 0"] += 1

    def extra(self, trace, address, tail):
        if tail[0] == REFERENCE:
            self.notes[tail[1]] += 1
            if tail[1] == COUNT and address in self.held:
                del self.held[address]      # not followed
        elif tail[0] == EDGE:
            self.edges.append((address, tail[1] * 8, trace.strings.get(tail[2]), tail[3]))
        elif tail[0] == UNEDGE:
            self.records["unedge"] += 1
