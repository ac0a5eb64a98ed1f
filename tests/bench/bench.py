#!/usr/bin/python3
"""Bare, under ouro and under heaptrack, interleaved in one run; medians of paired ratios.

    bench.py [--rounds 7] [--only WORD] [--scale 1.0] [--output docs/benchmarks.md] [--lock FILE]

ns per pair: extra CPU time of the process over bare, divided by the program's own count of
allocations.  Peak memory: VmHWM less bare's, of the program's process alone.  --lock: held
during each round, where others measure on the same machine.
"""
import argparse
import contextlib
import fcntl
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("O", "build"))
HERE = os.path.join(TOP, "tests", "bench")
PYTHON = "/usr/bin/python3"
SAMPLE = 512 << 10


def build(folder):
    def compile(name, *flags, source, text=None):
        out = os.path.join(folder, name)
        subprocess.run([*flags, "-O2", "-g", "-pthread", "-o", out, source], input=text,
                       text=True, check=True)
        return out

    made = {}
    for shape in ("steady", "hostile"):
        for depth in (10, 20, 40, 80):
            if shape == "hostile" and depth != 40:
                continue
            text = subprocess.run([PYTHON, os.path.join(HERE, "calls.py"), str(depth), shape],
                                  capture_output=True, text=True, check=True).stdout
            made[shape, depth] = compile(f"{shape}{depth}", "gcc", "-xc", source="-", text=text)
    made["c++"] = compile("containers", "g++", source=os.path.join(HERE, "containers.cc"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gobject-2.0"],
                           capture_output=True, text=True)
    if not flags.returncode:
        out = os.path.join(folder, "references")
        subprocess.run(["gcc", "-O2", "-g", "-o", out, os.path.join(HERE, "references.c"),
                        *flags.stdout.split()], check=True)
        made["references"] = out
    return made


def workloads(made, scale):
    def n(count):
        return str(max(int(count * scale), 1))

    for depth in (10, 20, 40, 80):
        yield f"C, depth {depth}", [made["steady", depth], n(3e6)], {}
    yield "C, depth 40, 2 threads", [made["steady", 40], n(3e6), "2"], {}
    yield "C, depth 40, hostile", [made["hostile", 40], n(1e6)], {}
    yield "C++ maps and strings", [made["c++"], n(2e6)], {}
    if "references" in made:
        for depth in (20, 80):
            yield f"GObject ref and unref, depth {depth}", [made["references"], n(3e6), str(depth)], {}
    if shutil.which("gst-launch-1.0"):
        video = "video/x-raw,width=320,height=240"
        quiet = ["gst-launch-1.0", "-q"]
        yield "GStreamer, video", [*quiet, "videotestsrc", f"num-buffers={n(3000)}", "!", video,
                                   "!", "queue", "!", "videoconvert", "!", "fakesink"], {}
        yield "GStreamer, empty buffers", [*quiet, "fakesrc", f"num-buffers={n(1e5)}", "!",
                                           "queue", "!", "fakesink"], {}
    script = os.path.join(HERE, "objects.py")
    for name, size in (("records", 80), ("json", 200)):
        yield f"Python {name}", [PYTHON, script, name, n(size)], {}
        yield f"Python {name}, malloc", [PYTHON, script, name, n(size)], \
            {"PYTHONMALLOC": "malloc"}
    source = os.path.join(os.path.dirname(made["c++"]), "compile.cc")
    with open(source, "w") as out:
        out.write("#include <iostream>\n#include <map>\n#include <regex>\n#include <string>\n"
                  "int main() { std::map<std::string, std::regex> m; std::cout << m.size(); }\n")
    cc1 = subprocess.run(["g++", "-print-prog-name=cc1plus"], capture_output=True, text=True,
                         check=True).stdout.strip()
    yield "cc1plus -O1", [cc1, "-quiet", "-O1", source, "-o", "/dev/null", "-D_GNU_SOURCE",
                          "-imultiarch", "x86_64-linux-gnu"], {}


def peak_of(pid, stop):
    peak = 0
    while not stop():
        try:
            with open(f"/proc/{pid}/status") as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        peak = max(peak, int(line.split()[1]))
        except OSError:
            break
        time.sleep(0.005)
    return peak


def run(command, env, prefix=()):
    """The program's own figures; CPU of a program that has none is that of its process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    process = subprocess.Popen([*prefix, *command], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env={**os.environ, **env}, text=True)
    peak = 0 if prefix else peak_of(process.pid, lambda: process.poll() is not None)
    out = process.communicate()[0]
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise SystemExit(f"{' '.join([*prefix, *command])}: status {process.returncode}")
    line = [l for l in out.splitlines() if l.startswith("{")]
    figures = json.loads(line[-1]) if line else {
        "wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}
    figures["peak"] = peak
    return figures


@contextlib.contextmanager
def alone(lock):
    with open(lock, "w") if lock else contextlib.nullcontext() as file:
        if file:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def one_round(rows, command, env, folder, trace):
    rows["bare"].append(run(command, env))
    rows["ouro"].append(run(command, {**env, "LD_PRELOAD": f"{BUILD}/libouro.so",
                                      "OURO_OPTIONS": f"snapshot=never,file={trace}"}))
    sampled = trace + ".sampled"
    rows["sampled"].append(run(command, {
        **env, "LD_PRELOAD": f"{BUILD}/libouro.so",
        "OURO_OPTIONS": f"snapshot=never,sample={SAMPLE},file={sampled}"}))
    os.unlink(sampled)
    heaptrack = shutil.which("heaptrack")
    if not heaptrack:
        return
    rows["heaptrack"].append(run(command, env, (
        heaptrack, "--raw", "-o", os.path.join(folder, "heaptrack"))))
    for file in os.listdir(folder):
        if file.startswith("heaptrack."):
            os.unlink(os.path.join(folder, file))


def count(trace):
    """Events and losses, by the reader."""
    dump = subprocess.run([f"{BUILD}/ouro", "dump", "--totals", trace],
                          capture_output=True, text=True, check=True).stdout
    return map(int, re.search(r"^total events=(\d+) lost=(\d+)", dump, re.M).groups())


def measure(name, command, env, args, folder):
    rows = {"bare": [], "ouro": [], "sampled": [], "heaptrack": []}
    size = events = lost = 0
    trace = os.path.join(folder, "bench.trace")
    for _ in range(args.rounds):
        with alone(args.lock):
            one_round(rows, command, env, folder, trace)
        if not events:
            events, lost = count(trace)
            size = os.path.getsize(trace)
        os.unlink(trace)
    assert not lost, f"{name}: {lost} records lost"

    def ratio(tool, key):
        return statistics.median(t[key] / b[key] for t, b in zip(rows[tool], rows["bare"]))

    def extra(tool):
        pairs = rows["bare"][0].get("pairs")
        return pairs and statistics.median(
            (t["cpu"] - b["cpu"]) / pairs * 1e9 for t, b in zip(rows[tool], rows["bare"]))

    row = {"name": name, "bare_ns": None, "event_ns": None, "bytes": size / events if events else 0,
           "events": events,
           "memory": statistics.median(o["peak"] - b["peak"]
                                       for o, b in zip(rows["ouro"], rows["bare"])) / 1024}
    if rows["bare"][0].get("pairs"):
        row["event_ns"] = extra("ouro") * rows["bare"][0]["pairs"] / events
        row["bare_ns"] = statistics.median(
            b["cpu"] / b["pairs"] * 1e9 for b in rows["bare"])
    for tool in ("ouro", "sampled", "heaptrack"):
        if rows[tool]:
            row[tool] = {"wall": ratio(tool, "wall"), "cpu": ratio(tool, "cpu"),
                         "ns": extra(tool)}
    if "heaptrack" in row and row["ouro"]["ns"]:
        row["times"] = row["heaptrack"]["ns"] / row["ouro"]["ns"]
    return row


def cell(value, form="{:.2f}"):
    return "-" if value is None else form.format(value)


def table(rows):
    yield "| program | bare ns/pair | ouro wall | cpu | +ns/pair | +ns/event | sampled cpu " \
          "| heaptrack wall | cpu | +ns/pair | heaptrack's extra / ouro's | bytes/event | +MB |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for r in rows:
        o, h = r["ouro"], r.get("heaptrack", {})
        yield f"| {r['name']} | {cell(r['bare_ns'], '{:.0f}')} | {cell(o['wall'])} | {cell(o['cpu'])} " \
              f"| {cell(o['ns'], '{:.0f}')} | {cell(r['event_ns'], '{:.0f}')} | {cell(r['sampled']['cpu'])} " \
              f"| {cell(h.get('wall'))} | {cell(h.get('cpu'))} " \
              f"| {cell(h.get('ns'), '{:.0f}')} | {cell(r.get('times'), '{:.1f}')} " \
              f"| {cell(r['bytes'], '{:.1f}')} | {cell(r['memory'], '{:.1f}')} |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--lock")
    parser.add_argument("--output", default=os.path.join(TOP, "docs", "benchmarks.md"))
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="ouro-bench-") as folder:
        made = build(folder)
        for name, command, env in workloads(made, args.scale):
            if args.only in name:
                rows.append(measure(name, command, env, args, folder))
                print(list(table(rows))[-1], flush=True)
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if "model name" in l), "?")
    text = "\n".join([
        "# Benchmarks", "",
        "Written by `make bench` from its own output: bare, ouro (full stacks on every event, to a "
        "file, no snapshot) and `heaptrack --raw`, interleaved, "
        f"{args.rounds} rounds, medians of paired ratios; {cpu}, {os.cpu_count()} cores, "
        f"{platform.release()}; load average at the end {os.getloadavg()[1]:.1f} "
        "(1 is this run alone).", "",
        "wall and cpu: times bare. +ns/pair: extra CPU time per allocation and its free, as the "
        "program counts them; +ns/event: per record that ouro wrote of it. sampled: with --sample 512K. bytes/event: file size "
        "over events, all definitions included. +MB: peak memory over bare. For Python with its own "
        "allocator heaptrack sees only what that takes from malloc: there the two are not comparable, "
        "with PYTHONMALLOC=malloc they are. The C and C++ programs do nothing but allocate; pairs of "
        "Python are an estimate (objects made), and each is three to four events.", "",
        *table(rows), ""])
    if not args.only:
        with open(args.output, "w") as out:
            out.write(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
