"""More of what preloaded libraries stumble over: loading, registers, stacks, other tools.

docs/hazards.md says which test stands for which hazard.
"""
import os
import re
import shutil
import subprocess
import unittest

from guest_case import GuestCase
from harness import LIBRARY, OURO, Recording, clean_environment, main
from raw_trace import ALLOC, FREE, Trace

RUNNING, EXITED, ABORTED, EXECED, INERT = 1, 2, 3, 4, 5

AUDIT = """
#include <link.h>
unsigned la_version(unsigned v) { return LAV_CURRENT; }
unsigned la_objopen(struct link_map *m, Lmid_t id, uintptr_t *c)
{
	return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}
"""

NULLS = """
public class Nulls {
	static class Node { Node next; int value = 1; }
	public static void main(String[] args) {
		int caught = 0;
		Node node = new Node();
		for (int i = 0; i < 200000; i++) {
			Node n = i % 100 == 0 ? null : node;
			try { caught += n.value - 1; } catch (NullPointerException e) { caught++; }
		}
		System.out.println(caught);
	}
}
"""

AT_EXIT = """
#include <string>
#include <thread>
#include <vector>
#include <cstdio>
thread_local std::vector<std::string> kept;
int main()
{
	size_t n = 0;
	for (int i = 0; i < 50; i++) {
		std::thread t([&] {
			for (int k = 0; k < 20; k++)
				kept.push_back(std::string(100 + k, 'x'));
			n += kept.size();
		});
		t.join();
	}
	kept.push_back(std::string(1000, 'y'));
	std::printf("%zu\\n", n);
}
"""


class Loading(GuestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.loading = cls.build("loading", "loading.c")
        cls.alpha = cls.plugin("alpha", 2001)
        cls.beta = cls.plugin("beta", 2002)

    @classmethod
    def plugin(cls, name, size, *options):
        return cls.build(f"lib{name}.so", "plugin.c", "-shared", "-fPIC",
                         f"-DMAKER={name}", f"-DSIZE={size}", *options)

    def test_plugins_in_the_same_place_are_told_apart(self):
        trace = self.same(self.loading, "alternate", "300", self.alpha, self.beta)
        self.adds_up(trace)
        out = self.run_it([self.loading, "alternate", "4", self.alpha, self.beta])[1]
        self.assertEqual(out.split(), [b"4", b"0", b"1"], "they do not share a place here")
        dump = subprocess.run([OURO, "dump", self.path], capture_output=True, text=True,
                              check=True).stdout
        name = dict(re.findall(r"^location (\d+) .* address=\S+ (\w+)", dump, re.M))
        inner = re.findall(r" alloc \S+ (2001|2002) native=(\d+)", dump)
        self.assertEqual(len(inner), 300)
        for size, location in inner:
            self.assertEqual(name[location], {"2001": "alpha", "2002": "beta"}[size])

    def test_deepbind_goes_round_us_and_is_let(self):
        plugin = self.plugin("deep", 2003, "-Wl,--no-as-needed", "-lc")
        trace = self.same(self.loading, "deep", "500", plugin)
        self.assertEqual(trace.state, EXITED)
        self.assertEqual(sum(e[1] == ALLOC and e[3] == 2003 for e in trace.events()), 0)

    def test_a_run_path_from_the_program_s_place(self):
        sub = os.path.join(self.built.name, "sub")
        os.makedirs(sub, exist_ok=True)
        shutil.copy(self.alpha, os.path.join(sub, "libplugin.so"))
        program = self.build("by-name", "loading.c", "-Wl,-rpath,$ORIGIN/sub")
        self.assertIn(b"1", self.run_it([program, "by-name"])[1])
        self.adds_up(self.same(program, "by-name"))

    def test_an_auditor(self):
        audit = self.build("libaudit.so", AUDIT, "-shared", "-fPIC")
        trace = self.same(self.loading, "alternate", "20", self.alpha, self.beta,
                          LD_AUDIT=audit)
        self.assertEqual(trace.state, EXITED)
        self.assertEqual(sum(e[1] == ALLOC and e[3] in (2001, 2002) for e in trace.events()), 20)

    def test_handlers_allocate_while_libraries_come_and_go(self):
        bump = self.build("libbump.so", "blocks.c", "-DOWN", "-DLIBRARY", "-shared", "-fPIC",
                          "-fno-builtin")
        own = self.build("loading-own", "loading.c", "-rdynamic", "-Wl,--no-as-needed", bump)
        for command, preload in ([self.loading], f"{LIBRARY}:{bump}"), ([own], LIBRARY):
            with self.subTest(command):
                command += ["interrupted", "20000", self.alpha, self.beta]
                ours = self.run_it(command, preload)
                self.assertEqual((ours[0], ours[1]), (0, b"0\n"), ours)
                trace = Trace(self.path)
                self.assertEqual(trace.state, EXITED)
                kinds, _, double, _ = trace.replay()
                self.assertEqual(double, 0)
                self.assertGreater(kinds[ALLOC], 10000)
                os.unlink(self.path)

    def test_the_loader_binds_nothing_of_ours_late(self):
        log = os.path.join(self.folder.name, "log")
        result = self.run_it([self.loading, "alternate", "4", self.alpha, self.beta], LIBRARY,
                             LD_DEBUG="bindings,files", LD_DEBUG_OUTPUT=log)
        self.assertEqual(result[0], 0)
        name, = (f for f in os.listdir(self.folder.name) if f.startswith("log"))
        with open(os.path.join(self.folder.name, name)) as f:
            text = f.read()
        # Our constructor runs while the loader still initializes; the program comes after.
        before, after = text.split("transferring control: " + self.loading)
        self.assertIn("binding file " + LIBRARY, before)
        self.assertNotIn("binding file " + LIBRARY, after)


class Machine(GuestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machine = cls.build("machine", "machine.c", "-fno-builtin")

    def test_registers_are_the_program_s(self):
        self.adds_up(self.same(self.machine, "registers"))

    def test_an_own_allocator_s_callers_keep_every_register(self):
        own = self.build("machine-own", "machine.c", "-fno-builtin", "-DOWN")
        trace = self.same(own, "registers")
        self.assertEqual(self.run_it([own, "registers"])[1], b"0 1 0\n")
        self.assertEqual(trace.notes, [])
        self.assertGreater(trace.replay()[0][ALLOC], 150)

    def test_a_hook_needs_about_a_kib_of_stack(self):
        bare = self.run_it([self.machine, "stack"], LD_BIND_NOW="1")[1].split()
        ours = self.run_it([self.machine, "stack"], LIBRARY, LD_BIND_NOW="1")[1].split()
        first, then = (int(b) - int(a) for a, b in zip(bare, ours))
        self.assertGreater(then, 100, "the hook left no trace on the stack: no test")
        self.assertLessEqual(first, 1280)
        self.assertLessEqual(then, 1024)

    def test_no_handler_no_mask_no_thread_no_descriptor(self):
        self.adds_up(self.same(self.machine, "status"))

    def test_children_that_share_the_memory(self):
        trace = self.same(self.machine, "shared-memory", "500")
        self.adds_up(trace)
        self.assertEqual(trace.state, EXITED)

    def test_exit_while_threads_allocate(self):
        for _ in range(6):
            trace = self.same(self.machine, "busy-exit", "5000")
            self.assertEqual((trace.state, trace.status), (EXITED, 5))
            _, _, double, unknown = trace.replay()
            self.assertEqual((double, unknown), (0, 0))
            os.unlink(self.path)

    def test_another_file_in_the_place_of_the_trace_is_left_alone(self):
        bare = self.run_it([self.machine, "unlinked", "300000", self.path])
        ours = self.run_it([self.machine, "unlinked", "300000", self.path], LIBRARY)
        self.assertEqual(bare, ours)

    def test_a_block_that_changes_hands_at_once_is_never_alive_twice(self):
        lifo = self.build("liblifo.so", "lifo.c", "-shared", "-fPIC", "-fno-builtin")
        trading = self.build("hazards", "hazards.c")
        trace = self.same(trading, "trading", "20000", preload=f"{LIBRARY}:{lifo}")
        kinds, _, double, _ = trace.replay()
        self.assertGreaterEqual(kinds[ALLOC], 160000)
        self.assertEqual((double, sum(trace.lost)), (0, 0))

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_disk_without_room_for_every_thread(self):
        disk = os.path.join(self.folder.name, "disk")
        os.mkdir(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", disk],
                          capture_output=True).returncode:
            self.skipTest("mount is not allowed")
        try:
            self.path = os.path.join(disk, "t.trace")
            trace = self.same(self.build("hazards", "hazards.c"), "at-once", "60")
            self.assertTrue(any("no space" in note for note in trace.notes), trace.notes)
            self.assertEqual(trace.state, EXITED)
        finally:
            subprocess.run(["umount", disk])

    def test_limits_of_memory_from_the_start(self):
        for limit in "--as=40000000", "--data=4000000", "--as=16000000", "--stack=65536":
            with self.subTest(limit):
                self.same("prlimit", limit, self.machine, "churn", "20000")

    def test_thread_locals_that_free_at_the_end_of_threads(self):
        source = os.path.join(self.built.name, "at-exit.cc")
        with open(source, "w") as f:
            f.write(AT_EXIT)
        self.adds_up(self.same(self.build("at-exit", source)))


class Others(GuestCase):
    def test_fakeroot_inside_and_outside(self):
        fakeroot = shutil.which("fakeroot")
        if not fakeroot:
            self.skipTest("fakeroot is not installed")
        script = "id -u; touch a; chown 12:34 a; stat -c %u:%g a; rm a"
        with Recording([fakeroot, "sh", "-c", script], cwd=self.folder.name) as r:
            self.assertEqual((r.status, r.stdout), (0, "0\n12:34\n"))
        ours = subprocess.run([fakeroot, OURO, "run", "-q", "-o", self.path, "--", "sh", "-c",
                               script], capture_output=True, text=True, cwd=self.folder.name,
                              env=clean_environment(), timeout=60)
        self.assertEqual((ours.returncode, ours.stdout, ours.stderr), (0, "0\n12:34\n", ""))

    def test_a_runtime_that_faults_on_purpose(self):
        if not shutil.which("javac"):
            self.skipTest("javac is not installed")
        with open(os.path.join(self.folder.name, "Nulls.java"), "w") as f:
            f.write(NULLS)
        subprocess.run(["javac", "Nulls.java"], cwd=self.folder.name, check=True)
        trace = self.same("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp",
                          self.folder.name, "Nulls")
        self.assertEqual(trace.state, EXITED)
        self.assertGreater(trace.replay()[0][FREE], 1000)

    def test_a_script_that_clears_its_environment(self):
        self.same("/bin/sh", "-c", "env -i /bin/sh -c 'env; exec env -u PATH env | sort'")


if __name__ == "__main__":
    main()
