"""The dead are exactly those the interpreter's own collector finds."""
import os
import unittest

from harness import Recording, interpreters, main

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "random_graphs.py")
GRAPHS = int(os.environ.get("GRAPHS", "50"))


class RandomGraphs(unittest.TestCase):
    def check(self, python, seed):
        with Recording([python, PROGRAM, str(seed)], "-q", "--snapshot", "call=gc.collect") as run:
            self.assertEqual(run.status, 0, run.stderr)
            garbage = {int(word, 16) for word in run.stdout.split()}
            cycles = run.ask("cycles", "--each")
            dead = {int(o["id"], 16) for o in cycles["dead"] if o["collectable"]}
            self.assertEqual(dead, garbage, f"seed {seed}: ours less theirs "
                             f"{[hex(o) for o in dead - garbage]}, theirs less ours "
                             f"{[hex(o) for o in garbage - dead]}")

    def test_dead_objects_are_those_in_gc_garbage(self):
        for number, python in enumerate(interpreters()):
            for seed in range(GRAPHS if number < 2 else max(GRAPHS // 10, 1)):
                self.check(python, seed)


if __name__ == "__main__":
    main()
