"""Runtimes by description file: objects, counts and who took what, of eight real libraries.

tests/runtimes/*.c each have one known mistake; the head of each says which.  Real programs
that use the same libraries have to come out with balanced books.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import harness
from counted_books import Books

PROGRAMS = os.path.join(harness.TOP, "tests", "runtimes")
PACKAGES = {"cairo": "cairo", "dbus": "dbus-1", "ffmpeg": "libavutil",
            "fontconfig": "fontconfig", "harfbuzz": "harfbuzz", "jansson": "jansson",
            "json-c": "json-c", "sd-bus": "libsystemd"}
MISTAKE = re.compile(r"type (.+), objects (\d+), function (\w+)")

folder = tempfile.TemporaryDirectory(prefix="ouro-test-")


def build(source, *flags, output=None):
    """The program; skips where its library is not installed."""
    output = output or os.path.join(folder.name, os.path.basename(source)[:-2])
    subprocess.run(["gcc", "-g", "-O1", "-o", output, source, *flags], check=True)
    return output


def flags_of(package):
    run = subprocess.run(["pkg-config", "--cflags", "--libs", package],
                         capture_output=True, text=True)
    return run.stdout.split() if run.returncode == 0 else None


def write(name, text):
    path = os.path.join(folder.name, name)
    with open(path, "w") as out:
        out.write(text)
    return path


class KnownMistakes(unittest.TestCase):
    def record(self, name):
        flags = flags_of(PACKAGES[name])
        if flags is None:
            self.skipTest(f"{PACKAGES[name]} is not installed")
        source = os.path.join(PROGRAMS, name + ".c")
        with open(source) as text:
            type, objects, function = MISTAKE.search(text.read()).groups()
        run = harness.Recording([build(source, *flags)], "--runtime", name)
        self.addCleanup(run.folder.cleanup)
        self.assertEqual(run.status, 0, run.stderr)
        return run, type, int(objects), function

    def check_books(self, name):
        run, type, objects, function = self.record(name)
        books = Books(run.trace)
        self.assertEqual(books.wrong, {})
        self.assertEqual(books.strangers, {})
        left = [o for o in books.alive.values() if o.type == type]
        self.assertEqual(len(left), objects, books.alive_by_type())
        return run, left, function

    def check_blame(self, name):
        """Right type, right number of objects, right function to blame: also in the report."""
        run, left, function = self.check_books(name)
        for o in left:
            self.assertEqual(len(o.retains), len(o.releases), name)
            self.assertIn(function, {stack[0] for stack in o.retains if stack})
        self.check_report(run, left, function)

    def check_report(self, run, left, function):
        told = [f for f in run.findings("unbalanced") if f["severity"] == "error"]
        self.assertEqual([(f["count"], f["types"][0]["name"], f["paths"][0]["place"]["function"])
                          for f in told], [(len(left), left[0].type, function)])

    def test_cairo(self):
        self.check_blame("cairo")

    def test_dbus(self):
        self.check_blame("dbus")

    def test_fontconfig(self):
        self.check_blame("fontconfig")

    def test_harfbuzz(self):
        self.check_blame("harfbuzz")

    def test_json_c(self):
        self.check_blame("json-c")

    def test_sd_bus(self):
        self.check_blame("sd-bus")

    def test_ffmpeg(self):
        run, left, function = self.check_books("ffmpeg")
        self.assertEqual({o.stack[0] for o in left}, {function})
        self.check_report(run, left, function)

    def test_jansson(self):
        run, left, function = self.check_books("jansson")
        self.assertEqual({o.stack[0] for o in left}, {function})
        # Without references they are blocks that are lost, made in that function.
        self.assertIn(function, str([f["stack"] for f in run.findings("lost")]))

    def test_the_trace_names_the_runtime(self):
        run = self.record("cairo")[0]
        trace = run.ask("report")["trace"]
        names = [trace["runtime"]["name"]] if trace.get("runtime") else []
        self.assertIn("cairo", names + [r["name"] for r in trace.get("runtimes", [])])


class RealPrograms(unittest.TestCase):
    FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"

    def books(self, command, output=None):
        if not shutil.which(command[0]):
            self.skipTest(f"{command[0]} is not installed")
        bare = subprocess.run(command, capture_output=True, env=harness.clean_environment())
        drawn = self.read(output)
        with harness.Recording(command, "--runtime", "all") as run:
            self.assertEqual(run.status, bare.returncode, run.stderr)
            self.assertEqual(run.stdout.encode(), bare.stdout)
            self.assertEqual(self.read(output), drawn)
            return Books(run.trace)

    def read(self, path):
        if not path:
            return None
        with open(path, "rb") as data:
            return data.read()

    def test_hb_shape_gives_everything_back(self):
        books = self.books(["hb-shape", self.FONT, "Hallo"])
        self.assertGreaterEqual(books.born["hb_blob_t"], 5)
        self.assertEqual((books.wrong, books.strangers), ({}, {}))
        # GLib's own tables, told without being asked for, stay.
        self.assertEqual([t for t in books.alive_by_type() if t.startswith("hb_")], [])

    def test_fc_match_gives_everything_back(self):
        books = self.books(["fc-match", "sans:bold"])
        self.assertGreaterEqual(books.born["FcPattern"], 5)
        self.assertEqual((books.wrong, books.strangers, books.alive), ({}, {}, {}))

    def test_rsvg_convert_and_its_five_libraries(self):
        svg = write("a.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60">'
                    '<circle cx="40" cy="30" r="20" opacity=".5"/>'
                    '<text x="5" y="50">Hello</text></svg>')
        png = os.path.join(folder.name, "a.png")
        books = self.books(["rsvg-convert", svg, "-o", png], png)
        for type in "cairo_t", "cairo_surface_t", "FcPattern", "hb_font_t":
            self.assertGreater(books.born[type], 0, type)
        self.assertEqual(books.alive_by_type()["cairo_t"], 0)
        self.assertEqual(books.alive_by_type()["cairo_surface_t"], 0)
        # libcairo's own shortcuts: a face is counted where no function is called.
        self.assertLessEqual(sum(books.wrong.values()), 4, books.wrong)

    def test_dbus_send_gets_an_answer(self):
        if not shutil.which("dbus-run-session"):
            self.skipTest("dbus-run-session is not installed")
        with harness.Recording(
                ["dbus-run-session", "--", "dbus-send", "--session", "--print-reply",
                 "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames"],
                "--runtime", "dbus") as run:
            if run.status:
                self.skipTest("no session bus can be had here: " + run.stderr[-200:])
            self.assertIn("org.freedesktop.DBus", run.stdout)
            made = 0
            for trace in [run.trace, *glob.glob(run.trace + ".d/*")]:
                books = Books(trace)
                made += books.born["DBusMessage"]
                self.assertEqual([w for w in books.wrong if w[0] == "DBusMessage"], [])
            self.assertGreater(made, 1)


DESCRIPTION = """
runtime late
library liblate.so
type late_*_t
	count [0] size 4
	create late_*_new
	retain late_*_ref late_*_ref_n
	release late_*_unref
"""


class LateAndLocal(unittest.TestCase):
    """Libraries that come by dlopen, functions that are not exported, odd calls."""

    def record(self, text, program, *flags, name="late"):
        source = write(name + ".c", program)
        run = harness.Recording([build(source, *flags)], "--runtime",
                                write(name + ".runtime", text))
        self.addCleanup(run.folder.cleanup)
        return run

    def test_a_library_loaded_later_unloaded_and_loaded_again(self):
        library = write("liblate.c", """
            #include <stdlib.h>
            struct t { int count; int more; };
            struct t *late_box_new(void) { struct t *t = calloc(1, 8); t->count = 1; return t; }
            struct t *late_box_ref(struct t *t) { t->count++; return t; }
            void late_box_unref(struct t *t) { if (!--t->count) free(t); }
            __attribute__((constructor)) static void early(void)
            { struct t *t = late_box_ref(late_box_new()); late_box_unref(t); late_box_unref(t); }
        """)
        so = build(library, "-shared", "-fPIC", output=os.path.join(folder.name, "liblate.so"))
        run = self.record(DESCRIPTION, f"""
            #include <dlfcn.h>
            #include <pthread.h>
            #include <unistd.h>
            static void *wait_for_ever(void *p) {{ pause(); return p; }}
            int main(void)
            {{
                pthread_t t;
                pthread_create(&t, 0, wait_for_ever, 0);   /* so there are two threads */
                for (int i = 0; i < 3; i++) {{
                    void *lib = dlopen("{so}", RTLD_NOW);
                    void *(*make)(void) = (void *(*)(void))dlsym(lib, "late_box_new");
                    void *(*ref)(void *) = (void *(*)(void *))dlsym(lib, "late_box_ref");
                    void (*unref)(void *) = (void (*)(void *))dlsym(lib, "late_box_unref");
                    void *o = make();
                    ref(o);
                    unref(o);
                    unref(o);
                    dlclose(lib);
                }}
                return 0;
            }}""")
        self.assertEqual(run.status, 0, run.stderr)
        books = Books(run.trace)
        # One in each constructor, one in main, three times each.
        self.assertEqual(books.born, {"late_box_t": 6})
        self.assertEqual((books.wrong, books.strangers, books.alive), ({}, {}, {}))
        self.assertEqual([len(o.retains) for o in books.objects], [1, 1] * 3)

    def test_local_functions_of_a_program(self):
        run = self.record(DESCRIPTION.replace("library liblate.so", "program local"), """
            #include <stdlib.h>
            struct t { int count; int more; };
            __attribute__((noinline)) static struct t *late_box_new(void)
            { struct t *t = calloc(1, 8); t->count = 1; return t; }
            __attribute__((noinline)) static void late_box_unref(struct t *t)
            { if (!--t->count) free(t); }
            int main(void) { late_box_unref(late_box_new()); late_box_new(); return 0; }
        """, name="local")
        books = Books(run.trace)
        self.assertEqual(books.born, {"late_box_t": 2})
        self.assertEqual(books.alive_by_type(), {"late_box_t": 1})

    def test_arguments_and_results_of_all_kinds_come_through(self):
        run = self.record("""
runtime kinds
program kinds
type thing
	count [0] size 8
	create make_many
	retain mix object arg3 after
	release drop times arg2
""", """
            #include <stdarg.h>
            #include <stdio.h>
            #include <stdlib.h>
            struct thing { long count; };
            struct wide { double a, b; };
            __attribute__((noinline)) struct thing *make_many(int a, long b, double c, float d,
                long e, long f, long g, long h, long i, long j, long k, const char *format, ...)
            {
                va_list args;
                struct thing *t = malloc(sizeof *t);
                printf("%d %ld %g %g %ld %ld %ld %ld %ld %ld %ld ", a, b, c, d, e, f, g, h, i, j, k);
                va_start(args, format);
                vprintf(format, args);
                va_end(args);
                t->count = 1;
                return t;
            }
            __attribute__((noinline)) struct wide mix(double a, int b, float c, long d,
                struct thing *t)
            {
                t->count++;
                return (struct wide){ a + b, c + d };
            }
            __attribute__((noinline)) void drop(struct thing *t, int n)
            {
                t->count -= n;
                if (!t->count)
                    free(t);
            }
            int main(void)
            {
                struct thing *t = make_many(1, 2, 3.5, 4.5f, 5, 6, 7, 8, 9, 10, 11,
                    "%g %s %d\\n", 12.5, "thirteen", 14);
                struct wide w = mix(1.25, 2, 3.5f, 4, t);
                printf("%g %g\\n", w.a, w.b);
                drop(t, 2);
                return 0;
            }""", name="kinds")
        self.assertEqual(run.stdout, "1 2 3.5 4.5 5 6 7 8 9 10 11 12.5 thirteen 14\n3.25 7.5\n")
        books = Books(run.trace)
        self.assertEqual(books.born, {"thing": 1})
        self.assertEqual((books.wrong, books.strangers, books.alive), ({}, {}, {}))
        self.assertEqual(len(books.objects[0].releases), 2)

    def test_every_register_is_as_it_was(self):
        gp = "rax rcx rdx rbx rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
        asm = ["call_with:", *(f"push %{r}" for r in "rbx rbp r12 r13 r14 r15 rsi rdx".split()),
               "sub $8, %rsp", "mov %rdi, %rbp",
               *(f"movups {112 + 16 * i}(%rbp), %xmm{i}" for i in range(16)),
               *(f"mov {8 * i}(%rbp), %{r}" for i, r in enumerate(gp)),
               "call *8(%rsp)", "mov 16(%rsp), %rbp",
               *(f"movups %xmm{i}, {112 + 16 * i}(%rbp)" for i in range(16)),
               *(f"mov %{r}, {8 * i}(%rbp)" for i, r in enumerate(gp)),
               "add $24, %rsp", *(f"pop %{r}" for r in "r15 r14 r13 r12 rbp rbx".split()), "ret",
               ".globl quiet_ref, quiet_new", ".type quiet_ref, @function",
               ".type quiet_new, @function",
               "quiet_ref: .cfi_startproc", *["nop"] * 8, "ret", ".cfi_endproc",
               ".size quiet_ref, . - quiet_ref", ".balign 16",
               "quiet_new: .cfi_startproc", *["nop"] * 8, "ret", ".cfi_endproc",
               ".size quiet_new, . - quiet_new"]
        run = self.record("""
runtime registers
program registers
type thing
	count [0]
	create quiet_new
	retain quiet_ref
""", "#include <stdint.h>\n#include <stdio.h>\n#include <string.h>\n__asm__(\"" +
            "\\n".join(asm) + """");
            struct regs { uint64_t g[14], x[32]; };
            extern void call_with(struct regs *in, struct regs *out, void (*fn)(void));
            extern void quiet_ref(void), quiet_new(void);
            static int thing[4] = { 1 };
            int main(void)
            {
                for (int round = 0; round < 1000; round++) {
                    struct regs in, out;
                    for (int i = 0; i < 14; i++)
                        in.g[i] = 0x1111111111111111u * (i + 1) + round;
                    for (int i = 0; i < 32; i++)
                        in.x[i] = 0x0123456789abcdefu * (i + 3) + round;
                    in.g[0] = in.g[5] = (uintptr_t)thing;	/* rax: the result; rdi */
                    memset(&out, 0, sizeof out);
                    call_with(&in, &out, round % 2 ? quiet_ref : quiet_new);
                    if (memcmp(&in, &out, sizeof in)) {
                        puts("a register was changed");
                        return 1;
                    }
                }
                return 0;
            }""", name="registers")
        self.assertEqual((run.status, run.stdout), (0, ""))
        books = Books(run.trace)
        self.assertEqual(books.born, {"thing": 500})
        self.assertEqual(sum(len(o.retains) for o in books.objects), 500)

    def test_threads_lose_no_event(self):
        run = self.record("""
runtime threads
program threads
type thing
	count [0]
	create thing_new
	retain thing_ref
	release thing_unref
""", """
            #include <pthread.h>
            #include <stdlib.h>
            #define APART __attribute__((noinline))
            struct thing { _Atomic int count; };
            APART struct thing *thing_new(void)
            { struct thing *t = malloc(sizeof *t); t->count = 1; return t; }
            APART void thing_ref(struct thing *t) { t->count++; }
            APART void thing_unref(struct thing *t) { if (!--t->count) free(t); }
            static struct thing *shared;
            static void *work(void *p)
            {
                for (int i = 0; i < 5000; i++) {
                    struct thing *own = thing_new();
                    thing_ref(shared);
                    thing_ref(own);
                    thing_unref(own);
                    thing_unref(own);
                    thing_unref(shared);
                }
                return p;
            }
            int main(void)
            {
                pthread_t t[4];
                shared = thing_new();
                for (int i = 0; i < 4; i++)
                    pthread_create(&t[i], 0, work, 0);
                for (int i = 0; i < 4; i++)
                    pthread_join(t[i], 0);
                thing_unref(shared);
                return 0;
            }""", "-pthread", name="threads")
        self.assertEqual(run.status, 0, run.stderr)
        books = Books(run.trace)
        self.assertEqual(books.born, {"thing": 20001})
        self.assertEqual(sum(len(o.retains) for o in books.objects), 40000)
        self.assertEqual(sum(len(o.releases) for o in books.objects), 60001)
        self.assertEqual((books.strangers, books.alive), ({}, {}))

    def test_exceptions_and_long_jumps_pass_a_described_function(self):
        source = write("throws.cc", """
            #include <setjmp.h>
            #include <stdio.h>
            #include <stdlib.h>
            struct thing { int count; };
            static jmp_buf out;
            extern "C" __attribute__((noinline)) thing *thing_new(int how)
            {
                thing *t = (thing *)malloc(sizeof(thing));
                t->count = 1;
                if (how == 1) { free(t); throw how; }
                if (how == 2) { free(t); longjmp(out, 1); }
                return t;
            }
            extern "C" __attribute__((noinline)) void thing_unref(thing *t)
            {
                if (!--t->count)
                    free(t);
            }
            int main()
            {
                volatile int caught = 0, jumped = 0;
                for (volatile int i = 0; i < 3000; i++) {
                    try {
                        if (setjmp(out))
                            jumped++;
                        else
                            thing_unref(thing_new(i % 3));
                    } catch (int) {
                        caught++;
                    }
                }
                printf("%d %d\\n", caught, jumped);
            }""")
        program = os.path.join(folder.name, "throws")
        subprocess.run(["g++", "-g", "-O1", "-o", program, source], check=True)
        text = write("throws.runtime", "runtime throws\nprogram throws\ntype thing\n"
                     "count [0]\ncreate thing_new\nrelease thing_unref\n")
        with harness.Recording([program], "--runtime", text) as run:
            self.assertEqual((run.status, run.stdout), (0, "1000 1000\n"), run.stderr)
            books = Books(run.trace)
            self.assertEqual(books.born, {"thing": 1000})
            self.assertEqual((books.wrong, books.strangers, books.alive), ({}, {}, {}))

    def test_types_by_number_and_by_text_holders_and_sharing(self):
        run = self.record("""
runtime named
program named
type shape
	named number [4] size 2
	name 1 circle
	name 2 square
	count [0]
	create shape_get shared
	release shape_unref
type node
	named string [8][0]
	count [0]
	create node_make object arg2[0] after when result == 0
	destroy node_free
	hold node_add held arg2 as children
	unhold node_remove held arg2
""", """
            #include <stdlib.h>
            #define APART __attribute__((noinline))
            struct shape { int count; short kind; };
            struct info { const char *name; };
            struct node { int count; struct info *info; struct node *child; };
            static struct info leaf = { "leaf" }, branch = { "branch" };
            static struct shape *cached;
            APART struct shape *shape_get(int kind)
            {
                if (kind == 2 && cached) { cached->count++; return cached; }
                struct shape *s = calloc(1, sizeof *s);
                s->count = 1;
                s->kind = kind;
                if (kind == 2) { cached = s; s->count = 2; }
                return s;
            }
            APART void shape_unref(struct shape *s) { if (!--s->count) free(s); }
            APART int node_make(int kind, struct node **ret)
            {
                if (kind > 1) { *ret = (void *)0x123456; return -1; }
                *ret = calloc(1, sizeof **ret);
                (*ret)->info = kind ? &branch : &leaf;
                return 0;
            }
            APART void node_free(struct node *n) { free(n); }
            APART void node_add(struct node *n, struct node *c) { n->child = c; }
            APART void node_remove(struct node *n, struct node *c) { if (n->child == c) n->child = 0; }
            int main(void)
            {
                struct node *a, *b;
                struct shape *one = shape_get(1), *two = shape_get(2), *same = shape_get(2);
                shape_unref(one); shape_unref(two); shape_unref(same); shape_unref(cached);
                node_make(0, &a); node_make(1, &b); node_make(2, &b); node_make(1, &b);
                node_add(b, a); node_remove(b, a);
                node_free(b); node_free(a);
                return 0;
            }""", name="named")
        self.assertEqual(run.status, 0, run.stderr)
        books = Books(run.trace)
        self.assertEqual(books.born, {"circle": 1, "square": 1, "leaf": 1, "branch": 2})
        self.assertEqual((books.wrong, books.strangers), ({}, {}))
        self.assertEqual(books.alive_by_type(), {"branch": 1})
        dump = run.text("dump")
        self.assertRegex(dump, r"ext 0x[0-9a-f]+ \d+ edge ")
        self.assertRegex(dump, r"ext 0x[0-9a-f]+ \d+ unedge ")


class Complaints(unittest.TestCase):
    def complain(self, text):
        path = write("wrong.runtime", text)
        run = subprocess.run([harness.OURO, "run", "--runtime", path, "--", "true"],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 2)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        return run.stderr.replace(path, "F")

    def test_name_line_and_cure(self):
        head = "runtime a\nlibrary b\n"
        for text, line, words in [
                ("", "F:", "names no runtime"),
                ("runtime a\n", "F:", "names no library"),
                (head, "F:", "names no function"),
                (head + "create f\n", "F:3: create", "write type NAME above"),
                (head + "type t\ncreate\n", "F:4: create", "needs the name of a function"),
                (head + "type t\nretain f object arg7\n", "F:4: arg7", "arg1 to arg6"),
                (head + "type t\nretain f object arg1[x]\n", "F:4: [x]", "[BYTES]"),
                (head + "type t\ncount [0] size 3\n", "F:4: 3", "1, 2, 4 or 8"),
                (head + "type t\ncreate f when result ~ 3\n", "F:4: result", "when result >= 0"),
                (head + "typ t\n", "F:3: typ", "is not known"),
                (head + "type t*\ncreate f\n", "F:4: f", "one `*`"),
                (head + "type t u\n", "F:3: u", "too much"),
                ("runtime a\nruntime b\n", "F:2: runtime", "stands twice")]:
            said = self.complain(text)
            self.assertIn(line, said)
            self.assertIn(words, said)

    def test_a_name_that_is_not_shipped(self):
        run = subprocess.run([harness.OURO, "run", "--runtime", "qt", "--", "true"],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 2)
        self.assertIn("there are: cairo, dbus, ", run.stderr)

    def test_all_that_are_shipped_are_right(self):
        for path in glob.glob(os.path.join(harness.SAMPLES, "*.runtime")):
            run = subprocess.run([harness.OURO, "run", "-q", "-o",
                                  os.path.join(folder.name, "t"), "--runtime", path, "--", "true"],
                                 capture_output=True, text=True)
            self.assertEqual((run.returncode, run.stderr), (0, ""))


if __name__ == "__main__":
    harness.main()
