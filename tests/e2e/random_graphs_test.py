"""The dead are exactly those the interpreter's own collector finds."""
import os
import unittest

from harness import Recording, interpreters, main

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "random_graphs.py")
GRAPHS = int(os.environ.get("GRAPHS", "50"))


class RandomGraphs(unittest.TestCase):
    def dead_and_garbage(self, python, *arguments):
        with Recording([python, PROGRAM, *arguments], "-q", "--snapshot",
                       "call=gc.collect") as run:
            self.assertEqual(run.status, 0, run.stderr)
            found = run.ask("cycles", "--each")["findings"]
            return ({int(id, 16) for f in found for id in f["garbage"]},
                    {int(word, 16) for word in run.stdout.split()})

    def test_dead_objects_are_those_in_gc_garbage(self):
        for number, python in enumerate(interpreters()):
            for seed in range(GRAPHS if number == 0 else max(GRAPHS // 5, 1)):
                dead, garbage = self.dead_and_garbage(python, str(seed))
                self.assertEqual(dead, garbage, f"{python}, seed {seed}: ours alone "
                                 f"{[hex(o) for o in dead - garbage]}, theirs alone "
                                 f"{[hex(o) for o in garbage - dead]}")

    def test_with_generators_nothing_in_gc_garbage_is_missed(self):
        for python in interpreters():
            for seed in range(max(GRAPHS // 10, 1)):
                dead, garbage = self.dead_and_garbage(python, str(seed), "generators")
                self.assertLessEqual(garbage, dead, f"{python}, seed {seed}")


if __name__ == "__main__":
    main()
