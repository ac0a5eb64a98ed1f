"""Programs that died: explained with their core file, and with nothing but the trace."""
import glob
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
import unittest

from harness import OURO, TOP, Recording, clean_environment, main


def unlimited():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Died(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="ouro-core-")
        cls.program = os.path.join(cls.folder.name, "crash")
        subprocess.run(["cc", "-g", "-O1", "-pthread", "-o", cls.program,
                        os.path.join(TOP, "tests/guest/crash.c")], check=True)
        cls.trace, cls.core = cls.run_it("segv", unlimited)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def run_it(cls, how, limit):
        """(trace, core or None) of one that died."""
        home = tempfile.mkdtemp(dir=cls.folder.name)
        trace = os.path.join(home, "run.trace")
        run = subprocess.run([OURO, "run", "-o", trace, "--", cls.program, how], cwd=home,
                             preexec_fn=limit, capture_output=True, text=True)
        assert run.returncode < 0, run.stderr
        core = glob.glob(os.path.join(home, "core*"))
        return trace, core[0] if core else None

    def needs_core(self):
        if not self.core:
            self.skipTest("core files do not come to the working directory here")

    def ask(self, verb, trace, *words):
        recording = Recording.__new__(Recording)
        recording.trace = trace
        return recording.ask(verb, *words)

    def notes(self, report):
        return "\n".join(n["text"] for n in report["notes"])

    def test_a_core_file_tells_what_was_lost_and_where_it_died(self):
        self.needs_core()
        report = self.ask("report", self.trace, "--core", self.core)
        self.assertEqual(report["trace"]["state"], "died by SIGSEGV at address 0x2")
        found = {f["stack"][0]["function"]: f for f in report["findings"]
                 if f["kind"] == "lost" and f["severity"] == "error"}
        self.assertEqual({k: (f["direct"], f["indirect"], f["cyclic"]) for k, f in found.items()},
                         {"lose": (50, 0, False), "lose_circle": (1, 1, True)})
        # The global's 100, the threads' stacks, thread-local: all of them are reached.
        self.assertEqual((report["lost"]["direct"], report["lost"]["indirect"]), (51, 1))
        self.assertEqual((report["lost"]["unseen_registers"], report["lost"]["doubtful"]), (0, False))
        notes = self.notes(report)
        self.assertRegex(notes, r"It died in thread \d+, in crash\(\) \(crash\.c:\d+\), called by main\(\)")
        self.assertRegex(notes, r"Thread \d+ was in .*worker\(\)")

    def test_leaks_and_cycles_take_a_core_file_as_well(self):
        self.needs_core()
        leaks = self.ask("leaks", self.trace, "--core", self.core)
        sizes = sorted(m["bytes"] for f in leaks["findings"] for m in f["members"] if f["severity"] == "error")
        self.assertEqual(sizes, [64, 64, 300])
        self.ask("cycles", self.trace, "--core", self.core)

    def held(self, trace, query, *options):
        """What holds the blocks made in a function: [(bytes, names of holders)], most retained first."""
        answer = self.ask("holders", trace, query, "--limit", "200", *options)
        return [(b["bytes"], [h["name"] for h in b["holders"]]) for b in answer["blocks"]]

    def test_holders_of_blocks_are_named_by_global_stack_and_thread_local(self):
        self.needs_core()
        core = "--core", self.core
        chain = self.ask("holders", self.trace, "fill", "--limit", "200", *core)["blocks"]
        self.assertEqual(len(chain), 100)
        self.assertEqual([h["name"] for h in chain[0]["holders"]], ["global `cache` of crash (crash.c:19)"])
        self.assertEqual((chain[0]["retained_blocks"], chain[0]["retained_bytes"]), (100, 4800))
        self.assertRegex(chain[1]["holders"][0]["name"], r"^\+0 \(next\) of a block of 48 bytes \(struct node\) made in fill\(\)")
        self.assertEqual(chain[1]["holders"][0]["id"], chain[0]["id"])
        self.assertRegex(chain[1]["paths"][0], r"^global `cache` .* -> a block .* \+0 \(next\) -> it$")
        worker = dict(self.held(self.trace, "function:worker", *core))
        self.assertRegex(" ".join(worker[100]), r"^the stack of thread \d+, in worker\(\) \(crash\.c:\d+\)$")
        self.assertRegex(" ".join(worker[200]), r"^thread-local memory of thread \d+$")
        self.assertRegex(" ".join(dict(self.held(self.trace, "main", *core))[400]),
                         r"the stack of thread \d+, in main\(\)")
        lost = self.ask("holders", self.trace, "lose", *core)["blocks"]
        self.assertEqual([(b["reached"], b["holders"]) for b in lost], [(False, [])] * 3)
        # within a block, by place, and one that is not there
        inside = hex(int(chain[0]["id"], 16) + 40)
        self.assertEqual(self.ask("holders", self.trace, inside, *core)["blocks"][0]["id"], chain[0]["id"])
        self.assertEqual(len(self.held(self.trace, "place:crash.c:37", *core)), 100)
        run = subprocess.run([OURO, "holders", *core, self.trace, "nobody"], capture_output=True, text=True)
        self.assertEqual((run.returncode, len(run.stderr.splitlines())), (2, 1))

    def test_another_process_core_is_refused_in_a_line(self):
        self.needs_core()
        other, core = self.run_it("segv", unlimited)
        for path, words in ((core, "is of process"), (self.program, "is no core file"),
                            ("/dev/null", "is no core file"), ("/nowhere/core", "No such file")):
            run = subprocess.run([OURO, "report", "--core", path, self.trace], capture_output=True, text=True)
            self.assertEqual((run.returncode, len(run.stderr.splitlines())), (3, 1), run.stderr)
            self.assertIn(words, run.stderr)

    def test_a_core_that_is_cut_off_says_so_and_makes_no_error(self):
        self.needs_core()
        with open(self.core, "rb") as file:
            whole = file.read()
        cut = os.path.join(self.folder.name, "cut")
        for part in (100, 5000, len(whole) // 10, len(whole) // 2, len(whole) - 10):
            with open(cut, "wb") as file:
                file.write(whole[:part])
            run = subprocess.run([OURO, "report", "--core", cut, "--format", "json", self.trace],
                                 capture_output=True, text=True)
            self.assertIn(run.returncode, (0, 3), run.stderr)
            if run.returncode == 0:
                report = self.ask("report", self.trace, "--core", cut)
                self.assertIn("The core file is cut off", self.notes(report))
                self.assertEqual([f for f in report["findings"] if f["severity"] == "error"], [])
            else:
                self.assertEqual(len(run.stderr.splitlines()), 1)

    def test_killed_without_a_word_says_what_it_had_and_what_it_did_last(self):
        trace, _ = self.run_it("kill", no_core)
        report = self.ask("report", trace)
        self.assertEqual(report["trace"]["state"], "was killed (SIGKILL)")
        self.assertRegex(self.notes(report), r"that it had in the end, .* by lose\(\) \(crash\.c:\d+\)")
        self.assertRegex(self.notes(report), r"last block it took and still had: 400 bytes by main\(\)")
        self.assertEqual(report["alive"]["sites"][0]["site"]["function"], "lose")

    def test_memory_that_ran_out_under_a_limit_is_guessed_with_what_grew(self):
        def small():
            no_core()
            resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))
        trace, _ = self.run_it("grow", small)
        report = self.ask("report", trace)
        notes = self.notes(report)
        self.assertRegex(notes, r"the limit of its address space \(RLIMIT_AS\) is 300\.0 MiB, so it probably "
                                "ended for want of memory")
        self.assertRegex(notes, r"made in the last quarter of the run: .* by (fill|grow)\(\) \(crash\.c:\d+\)")
        self.assertIn("ulimit -c unlimited", notes)


ABORT = """
#include <stdlib.h>
static __attribute__((destructor)) void end(void) { abort(); }
"""


class LostInCores(unittest.TestCase):
    """The programs of tests/leaks, ended by abort(): the core file says what the snapshot says."""
    def test_a_core_file_and_the_snapshot_lose_the_same_blocks(self):
        some = ["held_by_halves", "interior", "thread_tls", "cycle_with_tail", "mapped", "last_of_heap"]
        paths = [os.path.join(TOP, f"tests/leaks/{name}.c") for name in some]
        with tempfile.TemporaryDirectory(prefix="ouro-core-") as folder:
            with open(os.path.join(folder, "abort.c"), "w") as file:
                file.write(ABORT)
            for path in paths:
                with self.subTest(os.path.basename(path)):
                    self.compare(path, folder)

    def compare(self, path, folder):
        home = tempfile.mkdtemp(dir=folder)
        program, trace = os.path.join(home, "program"), os.path.join(home, "run.trace")
        with open(path) as file:
            head = dict(re.findall(r"^ \* (\w+): +(.*)$", file.read().split("*/")[0], re.M))
        subprocess.run(["gcc", "-g", "-O0", "-w", path, os.path.join(folder, "abort.c"), "-o", program,
                        *head.get("flags", "").split()], check=True)
        subprocess.run([OURO, "run", "-q", "-o", trace, "--", program], cwd=home, preexec_fn=unlimited,
                       capture_output=True)
        core = glob.glob(os.path.join(home, "core*"))
        if not core:
            self.skipTest("there is no core file")
        recording = Recording.__new__(Recording)
        recording.trace = trace
        alive, dead = recording.ask("leaks"), recording.ask("leaks", "--core", core[0])
        self.assertEqual(alive["lost"]["direct"], dead["lost"]["direct"], (alive["lost"], dead["lost"]))
        self.assertEqual(alive["lost"]["reached"], dead["lost"]["reached"])


class Group:
    """A memory cgroup of our own, of either version; enter() is for the child."""
    def __init__(self, limit):
        self.home, name = None, f"ouro-test-{os.getpid()}"
        with open("/proc/self/cgroup") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
        for _, controllers, path in groups:
            first = controllers == "memory"
            if not first and controllers:
                continue
            folder = f"/sys/fs/cgroup{'/memory' if first else ''}{path}/{name}".replace("//", "/")
            try:
                os.mkdir(folder)
            except OSError as error:
                self.why = str(error)
                continue
            try:
                with open(folder + ("/memory.limit_in_bytes" if first else "/memory.max"), "w") as file:
                    file.write(str(limit))
            except OSError as error:
                self.why = f"there is no memory controller: {error}"
                os.rmdir(folder)
                continue
            self.home = folder
            return

    def enter(self):
        no_core()
        with open(self.home + "/cgroup.procs", "w") as file:
            file.write("0")

    def leave(self):
        for _ in range(200):		# until the last process is gone for the kernel, too
            try:
                return os.rmdir(self.home)
            except OSError:
                time.sleep(0.05)


class OutOfMemory(unittest.TestCase):
    """The kernel's out-of-memory killer, in a cgroup that is too small."""
    LIMIT = 96 << 20

    def killed(self, *command):
        group = Group(self.LIMIT)
        if not group.home:
            self.skipTest("no memory cgroup may be made here: " + group.why)
        self.addCleanup(group.leave)
        folder = tempfile.TemporaryDirectory(prefix="ouro-oom-")
        self.addCleanup(folder.cleanup)
        recording = Recording.__new__(Recording)
        recording.trace = os.path.join(folder.name, "run.trace")
        run = subprocess.run([OURO, "run", "-o", recording.trace, "--", *command], preexec_fn=group.enter,
                             capture_output=True, text=True, env=clean_environment())
        # The command survives, whether or not it had memory enough to read the trace.
        self.assertEqual(run.returncode, -signal.SIGKILL, run.stderr)
        self.assertIn("ouro report " + recording.trace, run.stderr)
        report = recording.ask("report")
        self.assertEqual(report["trace"]["state"], "was killed by the kernel, out of memory (SIGKILL)")
        notes = "\n".join(n["text"] for n in report["notes"])
        self.assertRegex(notes, r"had at most [\d.]+ MiB of memory, and blocks of [\d.]+ MiB when it ended; "
                                r"the limit of its memory cgroup is 96\.0 MiB, so it ended for want of memory")
        return report, notes

    def test_a_c_program_is_explained_by_what_grew(self):
        with tempfile.TemporaryDirectory(prefix="ouro-oom-") as folder:
            program = os.path.join(folder, "crash")
            subprocess.run(["cc", "-g", "-O1", "-pthread", "-o", program,
                            os.path.join(TOP, "tests/guest/crash.c")], check=True)
            report, notes = self.killed(program, "grow")
        self.assertRegex(notes, r"were made in the last quarter of the run: .* by (fill|grow)\(\) \(crash\.c:\d+\)")
        self.assertIn(report["alive"]["sites"][0]["site"]["function"], ("fill", "grow"))
        self.assertGreater(sum(s["bytes"] for s in report["alive"]["sites"]), self.LIMIT / 2)

    def test_a_python_program_is_explained_by_the_line_that_made_most(self):
        code = ("kept = {}\n"
                "def remember(n):\n"
                "    kept[n] = [n] * 10000\n"
                "n = 0\n"
                "while True:\n"
                "    remember(n)\n"
                "    n += 1\n")
        report, notes = self.killed("/usr/bin/python3", "-c", code)
        self.assertRegex(notes, r"were made in the last quarter of the run: .* by remember\(\) \(<string>:3\)")
        most = report["alive"]["sites"][0]
        self.assertEqual((most["site"]["function"], most["site"]["line"]), ("remember", 3))


if __name__ == "__main__":
    main()
