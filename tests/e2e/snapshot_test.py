"""When snapshots are taken: at every kind of end, on a signal, at an interval; and by whom."""
import os
import unittest

from harness import Recording, main, on_every_interpreter

KNOT = "import gc; gc.disable(); a = []; a.append(a); del a\n"


class Snapshot(unittest.TestCase):
    def dead(self, run):
        """Objects of the program's own dead cycles; imports leave some, too.  What a child
        inherited has no site in its trace."""
        return sum(f["objects"] for f in run.findings("dead-cycle")
                   if not f["sites"] or f["sites"][0]["file"] == "<string>")

    @on_every_interpreter
    def test_every_end_of_the_interpreter_shows_the_heap(self, python):
        ends = {
            "end of file": ("", 0, "at exit"),
            "sys.exit": ("import sys; sys.exit(3)", 3, "at exit"),
            "exception": ("raise ValueError", 1, "at exit"),
            "os._exit": ("import os; os._exit(4)", 4, "at _exit()"),
            "os.abort": ("import os; os.abort()", -6, "at abort()"),
        }
        for name, (end, status, taken) in ends.items():
            with self.subTest(end=name), Recording([python, "-c", KNOT + end]) as run:
                self.assertEqual(run.status, status, run.stderr)
                report = run.ask("report")
                self.assertEqual(report["snapshot"]["taken"], taken)
                self.assertEqual(self.dead(run), 1)

    @on_every_interpreter
    def test_a_signal_takes_one_and_the_program_goes_on(self, python):
        text = KNOT + ("import os, signal, time\n"
                       "os.kill(os.getpid(), signal.SIGUSR1)\n"
                       "t = time.monotonic() + 20\n"
                       "while time.monotonic() < t and not os.path.exists(MARK): [[]]\n")
        with Recording([python, "-c", "MARK = '/'\n" + text + "print('done')\n"],
                       "--snapshot", "USR1") as run:
            self.assertEqual((run.status, run.stdout), (0, "done\n"), run.stderr)
            report = run.ask("report")
            self.assertEqual(report["snapshot"]["taken"], "on a signal")
            self.assertEqual(self.dead(run), 1)

    def test_an_interval_takes_several_and_each_can_be_asked_for(self):
        text = ("import gc, time\ngc.disable()\nkept = []\nt = time.monotonic() + 3.5\n"
                "while time.monotonic() < t:\n"
                "    kept.append([]); kept[-1].append(kept[-1]); time.sleep(0.01)\n")
        with Recording(["/usr/bin/python3", "-c", text], "--snapshot", "every=1+exit") as run:
            begun = run.ask("report")["snapshot"]["begun"]
            self.assertGreaterEqual(begun, 3)
            objects = [run.ask("report", "--snapshot", str(n))["snapshot"]["objects"]
                       for n in range(1, begun + 1)]
            self.assertEqual(objects, sorted(objects))

    def test_never_is_never(self):
        with Recording(["/usr/bin/python3", "-c", KNOT], "--snapshot", "never") as run:
            report = run.ask("report")
            self.assertIsNone(report["snapshot"])
            self.assertEqual(report["findings"], [])

    def test_a_forked_child_has_its_own(self):
        text = KNOT + ("import os\npid = os.fork()\n"
                       "if pid == 0:\n    b = []; b.append(b); c = [b]; b.append(c); del b, c\n"
                       "    os._exit(7)\nprint(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n")
        with Recording(["/usr/bin/python3", "-c", text]) as run:
            self.assertEqual(run.stdout, "7\n")
            self.assertEqual(self.dead(run), 1)
            child, = os.listdir(run.trace + ".d")
            run.trace = os.path.join(run.trace + ".d", child)
            self.assertEqual(self.dead(run), 3)

    def test_the_program_sees_no_child_and_no_signal_of_ours(self):
        text = ("import os, signal, subprocess, sys\nhits = []\n"
                "signal.signal(signal.SIGCHLD, lambda *a: hits.append(a))\n"
                "sys.getrefcount([])\n"
                "try:\n    os.waitpid(-1, 0)\nexcept ChildProcessError:\n    print('none', hits)\n")
        with Recording(["/usr/bin/python3", "-c", text], "--snapshot",
                       "call=sys.getrefcount") as run:
            self.assertEqual(run.stdout, "none []\n")
            self.assertEqual(run.ask("report")["snapshot"]["taken"], "on a call")

    def test_a_pipe_closes_when_the_program_ends(self):
        text = "kept = [[n] for n in range(300000)]; print('x')"
        with Recording(["bash", "-c", f"/usr/bin/python3 -c \"{text}\" | cat"], timeout=60) as run:
            self.assertEqual((run.status, run.stdout), (0, "x\n"))


if __name__ == "__main__":
    main()
