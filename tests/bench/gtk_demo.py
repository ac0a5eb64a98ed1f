#!/usr/bin/python3
"""gtk3-demo, driven for a minute as a user would: what docs/gobject-check.md was written from.

    python3 tests/bench/gtk_demo.py [-o demo.trace]

Opens some demos one after the other under Xvfb, types a few keys in each and closes it as a window manager does;
with the last one open it stops the process and compares all counts that the trace tells with those in the program's
memory.  Then it closes them, and the main window.  Needs gtk-3-examples, xvfb, xdotool.
"""
import argparse
import ctypes
import os
import signal
import struct
import subprocess
import sys
import time
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))

from books import Books          # noqa: E402
from harness import OURO         # noqa: E402
from raw_trace import Trace      # noqa: E402

CLOSED = 2, 3, 4, 6, 7, 8, 9, 10, 11, 13, 17, 18, 19, 20        # lines of the demo's list, from the top
LEFT_OPEN = 14,
COUNT_AT = 8                    # struct _GObject: { class; count; ...
WM_DELETE, CLIENT_MESSAGE = b"WM_DELETE_WINDOW", 33


class Message(ctypes.Structure):
    """XClientMessageEvent, padded to an XEvent."""
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int),
                ("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("message", ctypes.c_ulong),
                ("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("pad", ctypes.c_long * 16)]


class Screen:
    def __init__(self):
        read, write = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1200x24",
                                        "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as answer:
            self.name = ":" + answer.readline().strip()
        self.env = {**os.environ, "DISPLAY": self.name, "GDK_BACKEND": "x11", "NO_AT_BRIDGE": "1",
                    "GSETTINGS_BACKEND": "memory"}
        self.x = ctypes.CDLL("libX11.so.6")
        self.x.XOpenDisplay.restype = ctypes.c_void_p
        self.x.XInternAtom.restype = ctypes.c_ulong
        self.display = ctypes.c_void_p(self.x.XOpenDisplay(self.name.encode()))

    def tool(self, *words):
        run = subprocess.run(["xdotool", *map(str, words)], env=self.env, capture_output=True, text=True)
        return run.stdout.split()

    def windows(self):
        return self.tool("search", "--onlyvisible", "--class", "gtk3-demo")

    def close(self, window):
        atom = lambda name: self.x.XInternAtom(self.display, name, 0)     # noqa: E731
        e = Message(type=CLIENT_MESSAGE, window=int(window), message=atom(b"WM_PROTOCOLS"), format=32)
        e.data[0] = atom(WM_DELETE)
        self.x.XSendEvent(self.display, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0), ctypes.byref(e))
        self.x.XFlush(self.display)
        time.sleep(0.2)


def open_demo(screen, main, line):
    screen.tool("windowfocus", main)
    time.sleep(0.1)
    screen.tool("key", "Home", *["Down"] * line)
    time.sleep(0.2)
    screen.tool("key", "Return")
    time.sleep(1.2)


def use(screen, window):
    screen.tool("windowfocus", window)
    for keys in (["Tab", "space"], ["Tab", "x"]):
        screen.tool("key", *keys)
        time.sleep(0.2)


def close_all(screen, windows):
    """Some ask, or come back: twice is enough."""
    for _ in range(2):
        for window in windows():
            screen.close(window)


def compare_counts(trace, pid):
    """Of all living GObjects: does the trace tell the count that stands in memory?"""
    agree, differ = Counter(), []
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.5)
    told = Trace(trace)
    objects = objects_of(told)
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for address, (name, count) in Books(told).held.items():
            if address not in objects:
                continue
            memory.seek(address + COUNT_AT)
            stands, = struct.unpack("<I", memory.read(4))
            if stands == count:
                agree[name] += 1
            else:
                differ.append((hex(address), name, count, stands))
    os.kill(pid, signal.SIGCONT)
    print(f"counts: {sum(agree.values())} objects of {len(agree)} types as in memory, {len(differ)} not", *differ[:8])


def objects_of(trace):
    """Addresses that GObjects were last born at: all that is none of GLib's plain counted structures."""
    plain = {"GClosure", "GHashTable", "GPtrArray", "GArray", "GByteArray", "GBytes", "GVariant", "GDateTime", "GTree",
             "GRefString", "GMappedFile", "GMarkupParseContext", "GIOChannel", "GAsyncQueue", "GSource", "GMainContext",
             "GMainLoop", "GRcBox", "GAtomicRcBox"}
    born = {}
    for _, kind, address, arg, _, _ in trace.events():
        if kind == 10:
            born[address] = trace.types.get(arg, (0, "?"))[1]
    return {a for a, name in born.items() if name not in plain and not name.startswith("GParam")}


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("-o", default="demo.trace")
    trace = words.parse_args().o
    screen = Screen()
    command = subprocess.Popen([OURO, "run", "-q", "-o", trace, "--", "gtk3-demo"], env=screen.env,
                               start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not screen.windows():
            time.sleep(0.5)
        time.sleep(2)
        (main_window,) = screen.windows()
        screen.tool("windowmove", main_window, 900, 500)
        time.sleep(0.3)
        screen.tool("windowfocus", main_window, "mousemove", 1000, 650, "click", 1)
        others = lambda: [w for w in screen.windows() if w != main_window]     # noqa: E731
        for line in CLOSED + LEFT_OPEN:
            open_demo(screen, main_window, line)
            for w in others():
                print(f"{line}:", *screen.tool("getwindowname", w))
                use(screen, w)
            close_all(screen, others if line in CLOSED else list)
        pid, = map(int, subprocess.run(["pgrep", "-P", str(command.pid)], capture_output=True, text=True).stdout.split())
        compare_counts(trace, pid)
        close_all(screen, others)
        screen.close(main_window)
        print("exit status", command.wait(60))
    finally:
        if command.poll() is None:
            os.killpg(command.pid, signal.SIGTERM)
        screen.server.terminate()
    print(f"now: {OURO} report {trace}")


if __name__ == "__main__":
    main()
