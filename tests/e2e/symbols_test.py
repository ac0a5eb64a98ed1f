"""Names of native code: wherever the debug files are, and never wrong ones."""
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

from harness import OURO, TOP, Recording, clean_environment, main

SOURCE = """
#include <stdlib.h>
#include <string.h>
int kept_global;
static __attribute__((noinline)) char *hidden_maker(int n)
{
	char *p = malloc(n);
	memset(p, 1, n);
	return p;
}
static inline __attribute__((always_inline)) void in_between(int n)
{
	char *volatile p = hidden_maker(n);
	p = 0;
}
__attribute__((noinline)) void lose(int n) { in_between(n); }
int main(void) { lose(70); return EXTRA; }
"""

CXX = """
#include <cstdlib>
#include <map>
#include <string>
#include <vector>
namespace shop {
template <class T> struct Box {
	__attribute__((noinline)) void fill(std::map<std::string, std::vector<T>> const &m)
	{ void *volatile p = malloc(70 + m.size()); p = nullptr; }
};
}
int main() { shop::Box<std::pair<int, double>> b; b.fill({}); }
"""

RUST = """
mod shop {
    pub trait Sell { fn lose(&self); }
    pub struct Crate<T>(pub T);
    impl<T> Sell for Crate<T> {
        #[inline(never)]
        fn lose(&self) {
            let p = unsafe { std::alloc::alloc(std::alloc::Layout::from_size_align(70, 8).unwrap()) };
            unsafe { std::ptr::read_volatile(&p) };
        }
    }
}
fn main() { use shop::Sell; shop::Crate(1u8).lose(); }
"""


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def build_id(path):
    return re.search(r"Build ID: (\w+)", run("readelf", "-n", path)).group(1)


class Folder(unittest.TestCase):
    """A program in a folder of its own, built with debug information, recorded, then moved about."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ouro-symbols-")
        self.addCleanup(self.folder.cleanup)
        self.root = os.path.join(self.folder.name, "root")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def below_root(self, path):
        inside = self.root + path
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        return inside

    def build(self, name="app", text=SOURCE, *flags, compiler="gcc"):
        source = self.path(name + (".c" if compiler == "gcc" else ".cc"))
        with open(source, "w") as f:
            f.write(text)
        run(compiler, "-g", "-O1", "-DEXTRA=0", "-Wl,--build-id", source, "-o", self.path(name), *flags)
        return self.path(name)

    def record(self, *command):
        recording = Recording(list(command) or [self.path("app")])
        self.addCleanup(recording.folder.cleanup)
        self.trace = recording.trace

    def split_off(self, name="app"):
        """The debug information into NAME.debug, the program without it."""
        path, debug = self.path(name), self.path(name + ".debug")
        run("objcopy", "--only-keep-debug", path, debug)
        run("strip", path)
        return debug

    def by_build_id(self, path, debug):
        name = build_id(path)
        place = self.below_root(f"/usr/lib/debug/.build-id/{name[:2]}/{name[2:]}.debug")
        shutil.move(debug, place)

    def ask(self, *words, env=None, trace=None, verb="leaks"):
        result = subprocess.run([OURO, verb, *words, trace or self.trace], capture_output=True,
                                text=True, timeout=60, env=env or clean_environment())
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def functions(self, *words, **more):
        """Names of the stack's functions, from the innermost out to main."""
        stack = re.findall(r"^ +(?:at|by) (.+?)(?: \S+)?$", self.ask("--all", *words, **more), re.M)
        stack = [f for f in stack if not f.startswith("operator new")]
        return stack[:stack.index("main()") + 1] if "main()" in stack else stack


ALL = ["hidden_maker()", "in_between()", "lose()", "main()"]


class DebugFiles(Folder):
    def setUp(self):
        super().setUp()
        self.build()
        self.record()

    def test_inlined_functions_are_frames_of_their_own(self):
        self.assertEqual(self.functions(), ALL)

    def test_debug_link_beside_and_in_its_folder(self):
        debug = self.split_off()
        run("objcopy", "--add-gnu-debuglink=" + debug, self.path("app"))
        self.assertEqual(self.functions(), ALL)
        os.mkdir(self.path(".debug"))
        shutil.move(debug, self.path(".debug/app.debug"))
        self.assertEqual(self.functions(), ALL)

    def test_sysroot_by_build_id_from_any_folder(self):
        self.by_build_id(self.path("app"), self.split_off())
        shutil.move(self.path("app"), self.below_root(self.path("app")))
        self.assertNotEqual(self.functions(), ALL)
        self.assertEqual(self.functions("--sysroot", self.root), ALL)
        self.assertEqual(self.functions("--sysroot", os.path.relpath(self.root)), ALL)

    def test_sysroot_by_debug_link(self):
        debug = self.split_off()
        run("objcopy", "--add-gnu-debuglink=" + debug, self.path("app"))
        shutil.move(debug, self.below_root("/usr/lib/debug" + self.folder.name + "/app.debug"))
        shutil.move(self.path("app"), self.below_root(self.path("app")))
        self.assertEqual(self.functions("--sysroot", self.root), ALL)

    def test_the_few_names_of_gnu_debugdata(self):
        """As Fedora has them: names of functions, no lines."""
        path, mini = self.path("app"), self.path("mini")
        run("objcopy", "-S", "--keep-symbol=hidden_maker", "--remove-section=.comment", path, mini)
        if "hidden_maker" not in run("nm", mini):
            self.skipTest("objcopy kept no symbol")
        run("xz", "-k", mini)
        run("strip", path)
        run("objcopy", "--add-section", ".gnu_debugdata=" + mini + ".xz", path)
        self.assertEqual(self.functions()[0], "hidden_maker()")

    def test_a_file_that_was_stripped_says_so_in_one_line(self):
        run("strip", self.path("app"))
        text = self.ask()
        self.assertEqual(text.count("No symbols for app"), 1)
        self.assertIn("No package has these files", re.sub(r"\s+", " ", text))
        self.assertRegex(self.functions()[0], r"^app\+0x[0-9a-f]+$")

    def test_another_build_is_never_asked(self):
        source = self.path("app.c")
        run("gcc", "-g", "-O0", "-DEXTRA=lose(1),0", "-Wl,--build-id", source, "-o", self.path("app"))
        self.assertTrue(all(re.match(r"app\+0x", f) for f in self.functions()[:1]))
        self.assertIn("app changed since the recording", re.sub(r"\s+", " ", self.ask()))

    def test_a_file_that_is_gone_is_named(self):
        os.remove(self.path("app"))
        self.assertIn("app cannot be read here", re.sub(r"\s+", " ", self.ask()))

    def test_packed_symbols_need_no_file(self):
        packed = self.path("t.packed")
        run(OURO, "pack", "--symbols", "-o", packed, self.trace)
        here = self.ask(), self.ask("--format", "json").replace(self.trace, packed)
        os.remove(self.path("app"))
        self.assertEqual((self.ask(trace=packed), self.ask("--format", "json", trace=packed)), here)
        self.assertNotEqual(self.functions(), ALL)

    def test_debuginfod_is_asked_by_who_asked_for_it_alone(self):
        if not os.path.exists("/usr/lib/x86_64-linux-gnu/libdebuginfod.so.1"):
            self.skipTest("libdebuginfod is not installed")
        name, asked = build_id(self.path("app")), []
        debug = shutil.move(self.split_off(), self.path("elsewhere"))

        class Server(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                ours = self.path == f"/buildid/{name}/debuginfo"
                self.send_response(200 if ours else 404)
                self.end_headers()
                if ours:
                    with open(debug, "rb") as f:
                        self.wfile.write(f.read())

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        env = clean_environment(DEBUGINFOD_URLS=f"http://127.0.0.1:{server.server_port}",
                                DEBUGINFOD_CACHE_PATH=self.path("cache"))
        self.assertNotEqual(self.functions(env=env), ALL)
        self.assertEqual(asked, [])
        self.assertEqual(self.functions("--debuginfod", env=env), ALL)
        self.assertIn(f"/buildid/{name}/debuginfo", asked)

    def test_debuginfod_without_a_server_is_wrong_use(self):
        env = clean_environment()
        env.pop("DEBUGINFOD_URLS", None)
        result = subprocess.run([OURO, "leaks", "--debuginfod", self.trace], env=env,
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr.count("\n"), 1)


class Dwz(Folder):
    @unittest.skipUnless(shutil.which("dwz"), "dwz is not installed")
    def test_names_that_dwz_moved_to_a_common_file(self):
        for i in (1, 2):
            text = SOURCE.replace("lose(", f"lose_{i}(").replace("int main", f"int main_{i}")
            self.build(f"libb{i}.so", text, "-shared", "-fPIC")
        self.build("app", "int main_1(void), main_2(void); int main(void) { return main_1() + main_2(); }",
                   "-L" + self.folder.name, "-l:libb1.so", "-l:libb2.so",
                   "-Wl,-rpath," + self.folder.name)
        self.record()
        debug = [self.path(f"libb{i}.debug") for i in (1, 2)]
        for i in (1, 2):
            os.rename(self.split_off(f"libb{i}.so"), debug[i - 1])
        run("dwz", "-m", self.path("common"), "-M", "/usr/lib/debug/.dwz/common.debug", *debug)
        shutil.move(self.path("common"), self.below_root("/usr/lib/debug/.dwz/common.debug"))
        for i in (1, 2):
            self.assertIn(".gnu_debugaltlink", run("readelf", "-SW", debug[i - 1]))
            self.by_build_id(self.path(f"libb{i}.so"), debug[i - 1])
        for name in ("app", "libb1.so", "libb2.so"):
            shutil.copy(self.path(name), self.below_root(self.path(name)))
        self.assertIn("in_between()", self.functions("--sysroot", self.root))


class Languages(Folder):
    def test_cxx_names_are_short_in_text_and_whole_in_json(self):
        self.build("app", CXX, compiler="g++")
        self.record()
        whole = re.search(r'"function": "(shop::Box[^"]*)"', self.ask("--format", "json")).group(1)
        self.assertTrue(whole.startswith("shop::Box<std::pair<int, double> >::fill(std::map<"), whole)
        self.assertTrue(whole.endswith(" const&)"), whole)
        self.assertIn("shop::Box<...>::fill(", self.ask())
        self.assertNotIn("allocator", self.ask())
        self.assertIn("_ZN4shop3BoxISt4pairIid", self.ask("--no-demangle"))

    @unittest.skipUnless(shutil.which("rustc"), "rustc is not installed")
    def test_rust_names_of_both_kinds(self):
        allowed = clean_environment(RUSTC_BOOTSTRAP="1")      # newer ones call legacy unstable
        for mangling in ("legacy", "v0"):
            with open(self.path("app.rs"), "w") as f:
                f.write(RUST)
            run("rustc", "-g", "-O", "-Z", "unstable-options", "-C", "symbol-mangling-version=" + mangling, "-o",
                self.path("app"), self.path("app.rs"), env=allowed)
            self.record()
            self.assertRegex(self.ask(), r"<app::shop::Crate<.*> as app::shop::Sell>::lose\S* \S*app\.rs:\d")


class Packages(Folder):
    def test_the_package_of_a_stripped_file_is_named(self):
        """By the lists of a Debian below a sysroot: the machine itself may be anything."""
        self.build()
        self.record()
        run("strip", self.path("app"))
        shutil.move(self.path("app"), self.below_root(self.path("app")))
        lists = self.below_root("/var/lib/dpkg/info/x")
        with open(os.path.join(os.path.dirname(lists), "app-tools:amd64.list"), "w") as f:
            f.write(f"/.\n{self.path('app')}\n")
        text = re.sub(r"\s+", " ", self.ask("--sysroot", self.root))
        self.assertIn("Install app-tools-dbgsym (https://wiki.debian.org/", text)



class CodeInNoFile(Folder):
    def record_guest(self, name, *words):
        run("gcc", "-g", "-O0", os.path.join(TOP, f"tests/guest/{name}.c"), "-o", self.path(name))
        self.record(self.path(name), *words)

    def test_code_made_at_run_time_has_the_name_that_its_maker_left_for_perf(self):
        self.record_guest("jit", "map")
        pid = json.loads(self.ask("--format", "json"))["trace"]["pid"]
        path = f"/tmp/perf-{pid}.map"
        self.addCleanup(os.unlink, path)
        self.assertIn("at jitted_taker at script.js:7", self.ask())
        # one of before the run is another process's, one of somebody else's anybody's
        os.utime(path, (1, 1))
        self.assertNotIn("jitted_taker", self.ask())
        root = self.below_root(path)
        with open(root, "w") as file, open(path) as original:
            file.write(original.read())
        self.assertIn("at jitted_taker at script.js:7", self.ask("--sysroot", self.root))

    def test_code_made_at_run_time_without_a_name_is_an_address(self):
        self.record_guest("jit")
        self.assertRegex(self.ask(), r"50 lost blocks made in 0x[0-9a-f]+")

    def test_the_kernels_own_library_is_stepped_through_and_lacks_no_package(self):
        self.record_guest("in_vdso")
        sites = json.loads(self.ask("--format", "json"))["findings"]
        stacks = [[f["module"] for f in x["stack"] if f["module"]] for x in sites]
        kernel = [x for x in stacks if any("vdso" in m for m in x)]
        self.assertTrue(kernel, stacks)
        self.assertTrue(all(any("in_vdso" in m for m in x) for x in kernel), kernel)
        self.assertNotRegex(self.ask(), "No symbols for .*vdso")
        if "__GI_" in self.ask():		# libc's symbols are installed: then the way back has its name, too
            self.assertIn("by __restore_rt() libc.so.6", self.ask())

    def test_a_file_that_was_deleted_while_it_was_used_is_named(self):
        self.build()
        self.build("plain", "int main(void) { return 0; }")
        subprocess.run(["cp", self.path("app"), self.path("gone")], check=True)
        self.record(self.path("gone"))
        os.unlink(self.path("gone"))
        self.assertRegex(self.ask().replace("\n    ", " "), r"gone: .*(no such file|is not here|not there|deleted)|gone\+0x")


if __name__ == "__main__":
    main()
