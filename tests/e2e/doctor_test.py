"""ouro doctor: what it says before is what a run does after, and nothing runs."""
import glob
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import OURO, Recording, clean_environment, interpreters, main

MAIN = "#include <stdlib.h>\nint main(void) { free(malloc(1)); return 0; }\n"


class Doctor(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ouro-doctor-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def build(self, name, *options, source=MAIN, compiler="gcc"):
        if not shutil.which(compiler):
            self.skipTest(f"{compiler} is not installed")
        made = subprocess.run([compiler, "-x", "c", "-", "-x", "none", "-o", self.path(name),
                               *options],
                              input=source, text=True, capture_output=True)
        if made.returncode:
            self.skipTest(f"does not build: {made.stderr.splitlines()[-1]}")
        return self.path(name)

    def ask(self, *words, status=0, before=None, env=None):
        run = subprocess.run([*(before or []), OURO, "doctor", "--format", "json", *words],
                             capture_output=True, text=True, cwd=self.folder, timeout=60,
                             env=env or clean_environment())
        self.assertEqual((run.returncode, run.stderr), (status, ""))
        answer = json.loads(run.stdout)
        text = subprocess.run([*(before or []), OURO, "doctor", *words], text=True,
                              capture_output=True, cwd=self.folder, timeout=60,
                              env=env or clean_environment()).stdout
        for check in answer["checks"]:
            if check["what"] != "trace":	# others write to that disk, too
                self.assertIn(check["text"], text)
        return answer

    def refused(self, program, why):
        answer = self.ask(program)
        self.assertFalse(answer["recorded"], answer)
        self.assertIn(why, " ".join(c["text"] for c in answer["checks"]
                                    if c["verdict"] == "no"))
        return answer

    def said(self, answer, what):
        return [(c["verdict"], c["text"]) for c in answer["checks"] if c["what"] == what]

    # --- the program ---------------------------------------------------------

    def test_an_ordinary_program(self):
        answer = self.ask("/bin/true")
        self.assertEqual((answer["recorded"], answer["runtime"]), (True, None))
        self.assertIn("libc.so.6", answer["allocator"])
        self.assertEqual(answer["command"], ["/bin/true"])

    def test_nothing_is_run_and_nothing_is_left_behind(self):
        program = self.build("touch", source='#include <stdio.h>\n'
                             'int main(void) { return !fopen("touched", "w"); }\n'
                             '__attribute__((constructor)) static void c(void) { main(); }\n')
        self.ask(program)
        self.assertEqual(os.listdir(self.folder), ["touch"])

    def test_what_cannot_be_preloaded(self):
        self.refused(self.build("static", "-static"), "is statically linked")
        self.refused(self.build("asan", "-fsanitize=address"), "is built with a sanitizer")
        self.refused(self.build("small", "-m32", "-nostdlib", "-static",
                                source="void _start(void) { for (;;); }"), "another machine")

    def test_another_c_library(self):
        self.refused(self.build("musl", compiler="musl-gcc"), "another C library than glibc")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_privileged_program(self):
        program = self.build("privileged")
        os.chown(program, 65534, 65534)
        os.chmod(program, 0o4755)
        self.refused(program, "is setuid")

    def test_a_run_agrees(self):
        for program in self.build("plain"), self.build("static", "-static"):
            with self.subTest(program):
                recorded = self.ask(program)["recorded"]
                with Recording([program]) as r:
                    self.assertEqual(os.path.exists(r.trace), recorded)
                    self.assertEqual("without being recorded" in r.stderr, not recorded)

    def test_no_such_command(self):
        answer = self.ask("no-such-command-here", status=2)
        self.assertFalse(answer["recorded"])
        self.assertIn("no such command", answer["checks"][0]["text"])

    def test_a_file_that_is_no_program(self):
        with open(self.path("words"), "w") as f:
            f.write("echo yes\n")
        os.chmod(self.path("words"), 0o755)
        self.refused(self.path("words"), "is neither a program nor a script")

    def test_a_missing_library(self):
        with open(self.path("empty.c"), "w") as f:
            f.write("int f(void) { return 0; }")
        lib = self.path("libgone.so")
        subprocess.run(["gcc", "-shared", "-o", lib, self.path("empty.c")], check=True)
        program = self.build("needs", "-Wl,--no-as-needed", lib)
        os.unlink(lib)
        self.refused(program, "is not found")

    # --- scripts and runtimes ------------------------------------------------

    def test_every_python_is_known_by_its_file(self):
        for python in interpreters():
            with self.subTest(python):
                told = subprocess.run([python, "-c", "import sys; print(sys.version.split()[0])"],
                                      capture_output=True, text=True).stdout.strip()
                answer = self.ask(python)
                self.assertTrue(answer["recorded"])
                self.assertEqual(answer["runtime"]["version"].rstrip("+"), told.rstrip("+"))
                self.assertEqual(self.said(answer, "runtime")[0][0], "yes")

    def test_scripts_are_followed_to_what_runs(self):
        for line, program in (("#!/usr/bin/python3", "/usr/bin/python3"),
                              ("#!/usr/bin/env python3", "python3"), ("#! /bin/sh", "/bin/sh")):
            with self.subTest(line):
                with open(self.path("script"), "w") as f:
                    f.write(line + "\n")
                os.chmod(self.path("script"), 0o755)
                env = clean_environment(PATH="/usr/bin:/bin")
                answer = self.ask("./script", env=env)
                self.assertTrue(answer["program"].endswith(program), answer["program"])
                self.assertEqual(answer["runtime"] is not None, "python" in line)
                self.assertIn("is a script", answer["checks"][0]["text"])

    def test_a_script_of_what_cannot_be_recorded(self):
        static = self.build("static", "-static")
        with open(self.path("script"), "w") as f:
            f.write(f"#!{static}\n")
        os.chmod(self.path("script"), 0o755)
        self.refused(self.path("script"), "is statically linked")

    # --- allocators ----------------------------------------------------------

    def test_an_allocator_of_its_own(self):
        source = MAIN + ("void *malloc(size_t n) { return 0; } void free(void *p) {}\n"
                         "void *calloc(size_t n, size_t m) { return 0; }\n"
                         "void *realloc(void *p, size_t n) { return 0; }\n")
        program = self.build("own", "-fno-builtin", source=source)
        answer = self.ask(program)
        self.assertEqual(answer["allocator"], program)
        self.assertEqual(self.said(answer, "allocator"),
                         [("yes", "the program has its own: it is entered by detour")])
        partly = self.build("partly", "-fno-builtin", source=MAIN +
                            "void *malloc(size_t n) { return 0; }\nvoid free(void *p) {}\n")
        self.assertEqual(self.said(self.ask(partly), "allocator")[0][0], "limited")

    def test_a_preloaded_allocator(self):
        found = glob.glob("/usr/lib/x86_64-linux-gnu/libjemalloc.so.*")
        if not found:
            self.skipTest("libjemalloc is not installed")
        answer = self.ask("/bin/true", env=clean_environment(LD_PRELOAD=found[0]))
        self.assertEqual(answer["allocator"], found[0])

    # --- the machine ---------------------------------------------------------

    def test_limits_are_told(self):
        answer = self.ask("/bin/true", before=["prlimit", "--fsize=100000"])
        self.assertEqual(self.said(answer, "limits")[0][0], "limited")
        answer = self.ask("/bin/true", before=["prlimit", "--as=200000000"])
        self.assertEqual(self.said(answer, "limits")[0][0], "limited")

    def test_nowhere_to_write(self):
        answer = self.ask("-o", "/proc/nowhere/t", "/bin/true")
        self.assertFalse(answer["recorded"])
        self.assertIn("/proc/nowhere", self.said(answer, "trace")[0][1])

    def test_wrong_use(self):
        run = subprocess.run([OURO, "doctor"], capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stdout), (2, ""))
        run = subprocess.run([OURO, "doctor", "--format", "xml", "true"], capture_output=True)
        self.assertEqual(run.returncode, 2)


if __name__ == "__main__":
    main()
