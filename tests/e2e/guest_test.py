"""The library alone, under programs that do what preloaded libraries stumble over.

Each runs bare and preloaded: same output, same exit status, and a trace that adds up.
"""
import os
import random
import re
import signal
import subprocess
import time
import unittest

from guest_case import GuestCase
from harness import LIBRARY, clean_environment, main
from raw_trace import ALLOC, DEF_UNLOAD, EXT, EXT_FORK, FREE, PLACE, RELEASE, Trace

RUNNING, EXITED, ABORTED, EXECED, INERT = 1, 2, 3, 4, 5
TURNS = int(os.environ.get("TURNS", "3000"))
KILLS = int(os.environ.get("KILLS", "25"))

EARLY = r"""
#include <stdlib.h>
__attribute__((constructor)) static void early(void)
{
	static void *kept[10000];
	for (int i = 0; i < 10000; i++)
		kept[i] = malloc(i);
	for (int i = 0; i < 10000; i += 2)
		free(kept[i]);
}
"""


class Guest(GuestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hazards = cls.build("hazards", "hazards.c")
        cls.early = cls.build("libearly.so", EARLY, "-shared", "-fPIC")

    def hazard(self, name, n=0):
        return self.same(self.hazards, name, str(n))

    # --- the family ----------------------------------------------------------

    def test_every_maker_is_seen_with_every_partner(self):
        kinds, _ = self.adds_up(self.hazard("family"))
        # 9 makers by 4 ends, and a few of stdio and the start.
        self.assertGreaterEqual(kinds[ALLOC], 36)
        self.assertEqual(kinds[RELEASE], kinds[PLACE])
        self.assertGreaterEqual(kinds[PLACE], 18 + 1)

    def test_errno_is_kept(self):
        self.adds_up(self.hazard("errno"))

    def test_constructors_before_ours_may_allocate(self):
        for order in f"{self.early}:{LIBRARY}", f"{LIBRARY}:{self.early}":
            with self.subTest(order=order):
                bare = self.run_it([self.hazards, "churn", "100"])
                ours = self.run_it([self.hazards, "churn", "100"], order)
                self.assertEqual(bare, ours)
                self.assertEqual(Trace(self.path).state, EXITED)

    def test_binding_now_or_late_makes_no_difference(self):
        for extra in {}, {"LD_BIND_NOW": "1"}:
            result = self.run_it([self.hazards, "family"], LIBRARY, **extra)
            self.assertEqual(result[0], 0)
            self.adds_up(Trace(self.path))

    # --- threads -------------------------------------------------------------

    def test_threads_in_turn_share_few_blocks(self):
        trace = self.hazard("in-turn", TURNS)
        self.adds_up(trace)
        self.assertEqual(trace.threads, TURNS + 1)
        self.assertLess(trace.streams, 20)

    def test_hundreds_of_threads_at_once(self):
        trace = self.hazard("at-once", 500)
        self.adds_up(trace)
        self.assertEqual(trace.threads, 501)

    def test_blocks_traded_between_threads_are_never_alive_twice(self):
        kinds, _ = self.adds_up(self.hazard("trading", 10000))
        self.assertGreaterEqual(kinds[ALLOC], 80000)

    def test_malloc_is_no_cancellation_point(self):
        self.adds_up(self.hazard("cancel"))

    def test_key_destructors_may_allocate(self):
        self.adds_up(self.hazard("keys"))

    # --- stacks and signals --------------------------------------------------

    def test_a_handler_on_a_minimal_stack_may_allocate(self):
        kinds, _ = self.adds_up(self.hazard("small-stack"))
        self.assertGreaterEqual(kinds[ALLOC], 1000)

    def test_jumps_out_of_allocating_handlers(self):
        kinds, _ = self.adds_up(self.hazard("jumps", 3000))
        self.assertGreaterEqual(kinds[ALLOC], 3000)

    def test_a_timer_whose_handler_allocates(self):
        self.adds_up(self.hazard("profiled", 100))

    def test_coroutines(self):
        kinds, _ = self.adds_up(self.hazard("contexts", 5000))
        self.assertGreaterEqual(kinds[ALLOC], 15000)

    # --- processes -----------------------------------------------------------

    def test_forks_while_threads_allocate(self):
        trace = self.hazard("forks", 100)
        kinds, _ = self.adds_up(trace)
        children = {e[5][1] for e in trace.events() if e[1] == EXT and e[5][0] == EXT_FORK}
        self.assertEqual(len(children), 50)	# the other half are raw clones
        forked = [t for t in self.traces() if t.id != trace.id]
        self.assertEqual({t.pid for t in forked}, children)
        for t in forked:
            self.assertEqual((t.parent, t.origin, t.state, t.status), (trace.id, 1, EXITED, 7))
            self.assertEqual(t.replay()[0][ALLOC], 20)

    def test_vfork_and_spawn_do_not_disturb_the_parent(self):
        trace = self.hazard("spawns", 80)
        self.adds_up(trace)
        self.assertEqual(trace.state, EXITED)
        others = [t for t in self.traces() if t.id != trace.id]
        self.assertEqual({os.path.basename(t.argv[0]) for t in others}, {"true", "sh"})
        for t in others:
            self.assertEqual((t.parent, t.origin), (trace.id, 2))

    def test_a_failed_exec_leaves_no_trace_of_itself(self):
        trace = self.hazard("failed-exec")
        self.adds_up(trace)
        self.assertEqual(trace.state, EXITED)

    def test_what_is_executed_sees_the_environment_it_was_given(self):
        self.hazard("exec-environment")
        self.assertEqual(sum("env" in t.argv[0] for t in self.traces()), 3)

    def test_environment_bytes(self):
        for extra in {}, {"A": "", "Z": "x=y"}:
            bare = self.run_it(["/usr/bin/env"], **extra)
            ours = self.run_it(["/usr/bin/env"], LIBRARY, **extra)
            self.assertEqual(bare, ours)
        self.same("/usr/bin/env", "-i", "/usr/bin/env")
        bare = self.run_it(["/usr/bin/env"], LD_PRELOAD=self.early)
        ours = subprocess.run(["/usr/bin/env"], capture_output=True, cwd=self.folder.name,
                              env=clean_environment(
                                  LD_PRELOAD=f"{LIBRARY}:{self.early}",
                                  OURO_OPTIONS=f"preload=1,file={self.path}"))
        self.assertEqual(sorted(bare[1].split()), sorted(ours.stdout.split()))

    def test_the_auxiliary_vector_is_where_it_was(self):
        self.hazard("auxiliary")

    def test_exec_takes_over_the_name(self):
        self.same("/bin/sh", "-c", "exec /bin/sh -c 'exec /usr/bin/env true'")
        last = Trace(self.path)
        earlier = [name for name in os.listdir(self.path + ".d")
                   if name.startswith(f"{last.pid}.")]
        self.assertEqual(sorted(earlier), [f"{last.pid}.{i + 1}" for i in range(len(earlier))])
        self.assertEqual((last.argv, last.state, last.origin), (["true"], EXITED, 2))
        first = Trace(f"{self.path}.d/{last.pid}.1")
        self.assertEqual((first.state, first.origin), (EXECED, 0))

    # --- the end -------------------------------------------------------------

    def test_every_road_to_the_end_is_told(self):
        roads = {0: (EXITED, 12), 1: (EXITED, 3), 2: (EXITED, 4), 3: (EXITED, 5),
                 4: (EXITED, 6), 5: (ABORTED, 0), 6: (RUNNING, 0), 7: (EXITED, 11),
                 8: (EXITED, 0), 9: (RUNNING, 0)}
        for road, end in roads.items():
            with self.subTest(road=road):
                trace = self.hazard("ends", road)
                kinds, _ = self.adds_up(trace)
                self.assertEqual((trace.state, trace.status), end)
                self.assertGreaterEqual(kinds[FREE], 100)

    def test_killed_at_any_moment_the_trace_is_whole(self):
        rng = random.Random(7)
        for _ in range(KILLS):
            program = subprocess.Popen(
                [self.hazards, "churn", "100000000"], cwd=self.folder.name,
                env=clean_environment(LD_PRELOAD=LIBRARY, OURO_OPTIONS=f"file={self.path}"))
            while not os.path.exists(self.path):
                time.sleep(0.001)
            time.sleep(rng.random() * 0.01)
            program.send_signal(signal.SIGKILL)
            program.wait()
            try:
                trace = Trace(self.path)
            except AssertionError:
                self.assertLess(os.path.getsize(self.path), 70000)	# before it began
                continue
            finally:
                os.unlink(self.path)
            self.assertEqual(trace.state, RUNNING)
            # One thread, which frees what it made at once.
            _, alive, double, unknown = trace.replay()
            self.assertEqual((double, unknown), (0, 0))
            self.assertLess(len(alive), 10)

    # --- files, limits, sandboxes --------------------------------------------

    def test_descriptors_are_the_programs(self):
        self.adds_up(self.hazard("descriptors"))

    def test_a_limit_for_files_ends_the_recording_not_the_program(self):
        bare = self.run_it([self.hazards, "limited-file", "100000"])
        ours = self.run_it([self.hazards, "limited-file", "100000"], LIBRARY)
        self.assertEqual(bare, ours)
        trace = Trace(self.path)
        self.assertTrue(any("RLIMIT_FSIZE" in note for note in trace.notes))
        self.assertGreater(trace.lost[0], 0)

    def test_a_limit_for_memory(self):
        self.hazard("limited-memory")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_another_root(self):
        trace = self.hazard("another-root", 300000)
        self.assertTrue(trace.notes)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_full_disk(self):
        disk = os.path.join(self.folder.name, "disk")
        os.mkdir(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", disk],
                          capture_output=True).returncode:
            self.skipTest("mount is not allowed")
        try:
            self.path = os.path.join(disk, "t.trace")
            trace = self.hazard("churn", 300000)
            self.assertTrue(any("no space" in note for note in trace.notes), trace.notes)
            self.assertGreater(trace.lost[0], 0)
            self.assertGreater(trace.replay()[0][ALLOC], 10000)
        finally:
            subprocess.run(["umount", disk])

    def test_nowhere_to_write(self):
        self.path = "/proc/nowhere/t.trace"
        self.assertIsNone(self.hazard("churn", 1000))

    def test_no_loss_under_seccomp(self):
        for name in "strict", "filtered":
            with self.subTest(name):
                trace = self.hazard(name, 100000)
                kinds, _ = self.adds_up(trace)
                self.assertGreaterEqual(kinds[ALLOC], 100000)

    def test_libraries_come_and_go(self):
        trace = self.same(self.hazards, "loading", "30", self.early)
        self.adds_up(trace)
        self.assertEqual(trace.defined[DEF_UNLOAD], 30)

    # --- the library ----------------------------------------------------------

    def test_the_library_is_modest(self):
        def readelf(*options):
            return subprocess.run(["readelf", "-W", *options, LIBRARY], capture_output=True,
                                  text=True, check=True).stdout
        tls = [line.split() for line in readelf("-l").splitlines() if "TLS" in line.split()[:1]]
        self.assertEqual(len(tls), 1)
        self.assertLessEqual(int(tls[0][5], 16), 16)
        self.assertNotRegex(readelf("-r"), "DTPMOD|DTPOFF")
        self.assertRegex(readelf("-n"), "IBT, SHSTK")
        self.assertRegex(readelf("-d"), "BIND_NOW|NOW")
        exported = re.findall(r"(?:FUNC|OBJECT)\s+GLOBAL DEFAULT\s+\d+ (\S+)",
                              readelf("--dyn-syms"))
        hooked = {"malloc", "calloc", "realloc", "reallocarray", "free", "posix_memalign",
                  "aligned_alloc", "memalign", "valloc", "pvalloc", "malloc_usable_size",
                  "fork", "dlclose"}
        self.assertEqual({s for s in exported if not s.startswith("ouro_")}, hooked)


if __name__ == "__main__":
    main()
