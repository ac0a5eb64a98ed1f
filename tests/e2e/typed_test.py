"""Holders in C are named by members where types are certain, and by offsets alone where not."""
import os
import subprocess
import tempfile
import unittest

from harness import OURO, TOP, Recording, main


class Typed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ouro-typed-")
        cls.program = os.path.join(cls.folder.name, "typed")
        subprocess.run(["cc", "-g", "-O0", "-o", cls.program, os.path.join(TOP, "tests/guest/typed.c")], check=True)
        cls.run_ = Recording([cls.program])

    @classmethod
    def tearDownClass(cls):
        cls.run_.folder.cleanup()
        cls.folder.cleanup()

    def blocks(self, *query):
        return self.run_.ask("holders", *query, "--limit", "100")["blocks"]

    def test_each_block_has_the_type_and_each_holder_the_member_that_are_certain(self):
        found = {(b["bytes"], b["type"], tuple(h["member"] for h in b["holders"])) for b in self.blocks("make")
                 if b["bytes"] >= 64}
        self.assertEqual(found, {
            (80, "struct entry", ("cache.table[3]",)),	# with an array at its end
            (64, "struct entry", ("children.first",)),
            (64, "struct entry", ("more[1]",)),
            (64, "struct entry", ("[17]",)),
            (64, None, ("link.next",)),			# it begins with a link, and is larger
            (64, None, ("base",)),
            (64, None, ("owner",)),			# void *
            (64, None, (None,)),			# a union
        })
        found = {(b["bytes"], b["type"], tuple(h["member"] for h in b["holders"])) for b in self.blocks("main")}
        self.assertEqual(found, {
            (320, "struct entry *", ("cache.index",)),
            (100, None, ("cache.hidden",)),		# of a type that is defined elsewhere
            (120, None, ("untyped",)),
            (24, None, ("as_one", "as_two")),		# two types: none
            (130, None, (None,)),
        })

    def test_text_names_the_way_and_a_type_is_a_query(self):
        text = self.run_.text("holders", "type:entry", "--limit", "1")
        self.assertIn("4 blocks, 272 bytes, by type `type:entry`", text)
        self.assertIn("a block of 80 bytes (struct entry) made in make()", text)
        self.assertIn("global `cache.table[3]` of typed (typed.c:", text)
        last = self.blocks("type:struct entry")[-1]
        self.assertRegex(" ".join(last["paths"]), r"-> a block of .*\+\d+ \(.*\) -> it$")
        run = subprocess.run([OURO, "holders", self.run_.trace, "type:nothing"], capture_output=True, text=True)
        self.assertEqual((run.returncode, len(run.stderr.splitlines())), (2, 1))


if __name__ == "__main__":
    main()
