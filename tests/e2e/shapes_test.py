"""Twelve shapes of cycles: each is found, with its members and the names of its edges."""
import unittest

from harness import Recording, main, on_every_interpreter, sample

# where it is made: types that must be members, names that must be drawn, least objects in the tail
SHAPES = {
    "self_list": ({"list"}, {"knot[0]"}, 0),
    "two_dicts": ({"dict"}, {"left['right']", "right['left']"}, 0),
    "bound_method": ({"Button", "method"}, {"button.handler", "button.handler.__self__"}, 0),
    "closure_over_itself": ({"function", "tuple", "cell"},
                            {"cell of countdown (countdown)"}, 0),
    "exception_with_its_frame": ({"ValueError", "traceback", "frame"},
                                 {"kept.__traceback__", "kept.__traceback__.tb_frame",
                                  "kept.__traceback__.tb_frame local kept"}, 0),
    "generator_holding_itself": ({"generator"}, {"local me of numbers()"}, 0),
    "parent_and_children": ({"Parent", "list", "Node"},
                            {"parent.children[0]", "parent.children[2]", "child #1.parent",
                             "child #3.parent"}, 0),
    "class_and_its_instance": ({"type", "Registry"}, {"Registry.default", "Registry.__mro__[0]"}, 0),
    "partial": ({"Node", "partial", "tuple"}, {"box.call", "box.call.args[0]"}, 0),
    "weakref_callback": ({"Node"}, set(), 1),
    "nested_function_default": ({"Node", "function", "tuple"},
                                {"holder.hook", "hook.__defaults__[0]"}, 0),
    "long_tail": ({"Node"}, {"head.me"}, 200),
}
# What else can be a member: the __dict__ that older versions give each instance, ...
EXTRA = {"dict", "frame", "tuple", "getset_descriptor", "ReferenceType", "weakref",
         "builtin_function_or_method"}


class Shapes(unittest.TestCase):
    @on_every_interpreter
    def test_each_shape_is_one_finding_with_its_members_and_names(self, python):
        with Recording([python, sample("shapes.py")]) as run:
            self.assertEqual(run.status, 0, run.stderr)
            found = {}
            for f in run.ask("cycles")["findings"]:
                for site in f["sites"] + f["stack"]:
                    if site["function"] in SHAPES and \
                            (site["file"] or "").endswith("/shapes.py"):
                        found.setdefault(site["function"], []).append(f)
                        break
            self.assertEqual(set(found), set(SHAPES))
            for name, (types, edges, tail) in SHAPES.items():
                with self.subTest(shape=name):
                    self.assertEqual(len(found[name]), 1)
                    cycle, = found[name]
                    self.assertEqual((cycle["kind"], cycle["count"]), ("dead-cycle", 1))
                    members = {t["name"].split(".")[-1] for t in cycle["types"]}
                    self.assertLessEqual(types, members)
                    self.assertLessEqual(members - types, EXTRA)
                    self.assertLessEqual(edges, {e["name"] for e in cycle["edges"]})
                    self.assertGreaterEqual(cycle["tail_objects"], tail)
                    for member in cycle["members"]:
                        self.assertEqual(member["unknown"], 0)

    @on_every_interpreter
    def test_the_weak_callback_is_in_its_cycle_where_the_dict_is(self, python):
        """From 3.13 on an instance holds its attributes itself, and the dict is only seen."""
        if "3.13" in python:
            self.skipTest("the cycle is watcher.again alone")
        with Recording([python, sample("shapes.py")]) as run:
            names = {e["name"] for f in run.ask("cycles")["findings"] for e in f["edges"]}
            self.assertTrue({n for n in names if n.endswith("['ref'].__callback__")}, names)


if __name__ == "__main__":
    main()
