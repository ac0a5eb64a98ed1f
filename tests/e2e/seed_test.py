"""The two smallest questions: who holds this list, and what is this cycle."""
import unittest

from harness import Recording, main, on_every_interpreter, sample


class Seed(unittest.TestCase):
    @on_every_interpreter
    def test_two_lists_are_one_dead_cycle_with_lines_names_and_counts(self, python):
        with Recording([python, sample("two_lists.py")]) as run:
            self.assertEqual(run.status, 0, run.stderr)
            found = run.findings()
            self.assertEqual([f["kind"] for f in found if f["severity"] != "info"],
                             ["dead-cycle"])
            cycle = found[0]
            self.assertEqual((cycle["count"], cycle["objects"]), (1, 2))
            self.assertEqual(cycle["types"], [{"name": "list", "objects": 2}])
            self.assertEqual([(s["function"], s["line"]) for s in cycle["sites"]],
                             [("entangle", 8), ("entangle", 9)])
            self.assertEqual({e["name"] for e in cycle["edges"]},
                             {"first[0]", "second[0]"})
            for member in cycle["members"]:
                self.assertEqual((member["refcount"], member["unknown"]), (1, 0))

    @on_every_interpreter
    def test_a_list_with_one_name_is_held_by_that_name(self, python):
        with Recording([python, sample("one_name.py")]) as run:
            self.assertEqual(run.stdout, "getrefcount: 2\n")
            held = run.ask("holders", "single")["objects"]
            self.assertEqual(len(held), 1)
            self.assertEqual((held[0]["refcount"], held[0]["unknown"]), (1, 0))
            self.assertIn("single", held[0]["holders"][0]["name"])

    @on_every_interpreter
    def test_during_the_call_the_argument_is_the_second_holder(self, python):
        with Recording([python, sample("one_name.py")], "--snapshot",
                       "call=sys.getrefcount") as run:
            self.assertEqual(run.stdout, "getrefcount: 2\n")
            held = run.ask("holders", "single")["objects"]
            self.assertEqual(len(held), 1)
            self.assertEqual((held[0]["refcount"], held[0]["unknown"]), (2, 0))
            self.assertEqual(len(held[0]["holders"]), 2)


if __name__ == "__main__":
    main()
