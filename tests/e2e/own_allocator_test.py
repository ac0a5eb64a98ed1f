"""Programs that bring an allocator of their own: every block is recorded, and once.

The allocators are those in tests/guest/, and of Debian's packages those that are installed.
"""
import glob
import os
import subprocess
import tempfile
import unittest
from collections import Counter

from harness import LIBRARY, TOP, clean_environment, main
from raw_trace import ALLOC, PLACE, Trace

LIB = "/usr/lib/x86_64-linux-gnu"
BLOCKS = {1199: 300, 1201: 1000, 1202: 500, 1203: 300, 1204: 200}
OPERATORS = {1301: 1000, 1302: 200, 1303: 100}
ROUNDED = {1301: 1000, 1302: 200, 1344: 100}	# libstdc++'s aligned form, as it asks malloc


def shared(name):
    return next(iter(sorted(glob.glob(f"{LIB}/lib{name}.so.*"))), None)


class OwnAllocator(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ouro-own-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(self.folder, "t.trace")

    def build(self, source, *options):
        program = os.path.join(self.folder, "program")
        compiler = "g++" if source.endswith(".cc") else "gcc"
        made = subprocess.run(
            [compiler, "-O1", "-g", "-fno-builtin", "-w", "-pthread", "-o", program,
             os.path.join(TOP, "tests/guest", source), *options],
            capture_output=True, text=True)
        if made.returncode:
            raise unittest.SkipTest(f"does not link: {made.stderr.splitlines()[-1]}")
        return program

    def run_it(self, command, *preload):
        env = {}
        if preload:
            env["LD_PRELOAD"] = ":".join(preload)
        if LIBRARY in preload:
            env["OURO_OPTIONS"] = f"file={self.path}"
        result = subprocess.run(command, capture_output=True, timeout=60, cwd=self.folder,
                                env=clean_environment(**env))
        return result.returncode, result.stdout, result.stderr

    def exact(self, command, taken, kept, before=(), after=(), notes=None):
        """Each block seen once, and alive at the end exactly those that were kept."""
        bare = self.run_it(command, *before, *after)
        self.assertEqual(bare[0], 0, bare)
        self.assertEqual(bare, self.run_it(command, *before, LIBRARY, *after))
        trace = Trace(self.path)
        for note in trace.notes:
            self.assertIn(notes or "\0", note)
        self.assertEqual(sum(trace.lost), 0)
        kinds, alive, double, _ = trace.replay()
        self.assertEqual(double, 0)
        seen = Counter(e[3] for e in trace.events() if e[1] in (ALLOC, PLACE) and e[3] in taken)
        self.assertEqual(seen, Counter(taken))
        left = Counter(size for size in alive.values() if size in taken)
        self.assertEqual(left, Counter(kept))
        os.unlink(self.path)

    def blocks(self, *options, before=(), after=()):
        program = self.build("blocks.c", *options)
        self.exact([program], BLOCKS, {1201: 100, 1203: 3, 1204: 2}, before, after)
        self.exact([program, "threads"], BLOCKS, {1201: 100}, before, after)

    def operators(self, *options, before=(), after=(), taken=OPERATORS, throws=True,
                  notes=None):
        program = self.build("operators.cc", *options)
        self.exact([program] + ["no"] * (not throws), taken, {min(taken): 100}, before, after,
                   notes)

    # --- in the executable ---------------------------------------------------

    def test_libc_s(self):
        self.blocks()
        self.operators(taken=ROUNDED)

    def test_an_executable_s_own_malloc(self):
        self.blocks("-DOWN")

    def test_one_that_only_the_executable_knows(self):
        self.blocks("-DOWN", "-DHIDDEN")

    def test_a_static_position(self):
        self.blocks("-DOWN", "-no-pie")

    def test_linked_in_jemalloc(self):
        self.blocks(f"{LIB}/libjemalloc.a", "-lm", "-ldl", "-lstdc++")
        self.operators(f"{LIB}/libjemalloc.a", "-lm", "-ldl")

    def test_linked_in_tcmalloc(self):
        self.blocks(f"{LIB}/libtcmalloc_minimal.a", "-lstdc++", "-lm")
        self.operators(f"{LIB}/libtcmalloc_minimal.a", "-lm")

    # --- in a library --------------------------------------------------------

    def with_library(self, name, throws=True):
        library = shared(name)
        if not library:
            self.skipTest(f"lib{name} is not installed")
        for how in {"before": [library]}, {"after": [library]}:
            with self.subTest(**how):
                self.blocks(**how)
                self.operators(throws=throws, **how)
        with self.subTest(how="needed"):
            self.blocks("-Wl,--no-as-needed", library)
            self.operators("-Wl,--no-as-needed", library, throws=throws)

    def test_a_library_s_whose_functions_call_each_other(self):
        library = os.path.join(self.folder, "libbump.so")
        subprocess.run(["gcc", "-O1", "-w", "-fno-builtin", "-shared", "-fPIC", "-DOWN",
                        "-DLIBRARY", "-o", library, os.path.join(TOP, "tests/guest/blocks.c")],
                       check=True)
        self.blocks(before=[library])
        self.blocks(after=[library])

    def test_jemalloc(self):
        self.with_library("jemalloc")

    def test_mimalloc(self):
        # Debian's is compiled as C: its operator new aborts where it should throw.
        self.with_library("mimalloc", throws=False)

    def test_tcmalloc(self):
        self.with_library("tcmalloc_minimal")

    # --- samples -------------------------------------------------------------

    def sampled(self, program, size, preload=LIBRARY):
        env = clean_environment(LD_PRELOAD=preload,
                                OURO_OPTIONS=f"sample=4096,file={self.path}")
        subprocess.run([program], check=True, capture_output=True, timeout=60, env=env)
        trace = Trace(self.path)
        _, alive, double, unknown = trace.replay()
        self.assertEqual((double, unknown), (0, 0))
        picked = sum(e[1] == ALLOC and e[3] == size for e in trace.events())
        # Of 1000 each with 1 - exp(-size / 4096): 254 or 272, 14 more or less.
        self.assertTrue(190 < picked < 345, picked)
        os.unlink(self.path)

    def test_a_sample_counts_each_block_once(self):
        self.sampled(self.build("blocks.c", "-DOWN"), 1201)
        self.sampled(self.build("operators.cc", "-DPOOL"), 1301)
        # libstdc++'s, in the program: entered by detour, and it calls malloc, which is seen.
        self.sampled(self.build("operators.cc", "-static-libstdc++"), 1301)
        if shared("jemalloc"):
            self.sampled(self.build("operators.cc"), 1301, f"{LIBRARY}:{shared('jemalloc')}")

    # --- operators -----------------------------------------------------------

    def test_operators_with_a_pool_of_their_own(self):
        self.operators("-DPOOL")

    def test_operators_that_end_in_malloc_count_once(self):
        self.operators("-DHEADER", taken={1317: 1000, 1318: 200, 1344: 100},
                       notes="cannot be watched: call in the first bytes")


if __name__ == "__main__":
    main()
