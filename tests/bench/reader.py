#!/usr/bin/python3
"""How fast a trace is read and reported, against heaptrack's own reading of the same program.

    reader.py [--rounds 3] [--events 100e6] [--only WORD] [--against 10e6] [--lock FILE]

For each program: events a second of `ouro report` (wall clock and CPU) on a trace of about
--events events, and its peak memory, the file's pages that it looked at aside.  Then, on a run of about
--against events, interleaved: `ouro report`, and heaptrack_interpret and heaptrack_print on
heaptrack's trace of the same command.  Medians.  --lock: held during each measurement.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import bench

INTERPRET = "/usr/lib/heaptrack/libexec/heaptrack_interpret"
# program, its command for n units, environment, events of a unit
PROGRAMS = (
    ("C, depth 40", lambda m, n: [m["steady", 40], str(n)], {}, 2),
    ("C++ maps and strings", lambda m, n: [m["c++"], str(n)], {}, 8),
    ("Python json", lambda m, n: [bench.PYTHON, os.path.join(bench.HERE, "objects.py"), "json",
                                  str(n)], {}, 14200),
    ("Python json, malloc", lambda m, n: [bench.PYTHON, os.path.join(bench.HERE, "objects.py"),
                                          "json", str(n)], {"PYTHONMALLOC": "malloc"}, 14200),
)


def anonymous_peak(pid, stop, ret):
    """Memory of its own: pages of the trace are the kernel's, which may take them back."""
    while not stop.is_set():
        try:
            with open(f"/proc/{pid}/status") as status:
                for line in status:
                    if line.startswith("RssAnon:"):
                        ret[0] = max(ret[0], int(line.split()[1]) * 1024)
        except OSError:
            return
        time.sleep(0.01)


def timed(command, stdin=None, stdout=subprocess.DEVNULL):
    """Seconds by the clock, of the processor, and bytes."""
    peak, stop = [0], threading.Event()
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)
    watch = threading.Thread(target=anonymous_peak, args=(process.pid, stop, peak))
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    stop.set()
    watch.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: status {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, peak[0]


def record(command, env, trace):
    if os.path.exists(trace):
        os.unlink(trace)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env={
        **os.environ, **env, "LD_PRELOAD": f"{bench.BUILD}/libouro.so",
        "OURO_OPTIONS": f"snapshot=never,file={trace}"})
    totals = subprocess.run([f"{bench.BUILD}/ouro", "dump", "--totals", trace],
                            capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in
            re.findall(r"(events|peak-live|sites|stack-nodes)=(\d+)", totals)}


def record_heaptrack(command, env, folder):
    """heaptrack's raw trace, unpacked, so that only reading it is measured."""
    subprocess.run(["heaptrack", "--raw", "-o", os.path.join(folder, "heaptrack"), *command],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
                   env={**os.environ, **env})
    packed = [f for f in os.listdir(folder) if f.startswith("heaptrack.")][0]
    packed = os.path.join(folder, packed)
    raw = os.path.join(folder, "raw")
    tool = "zstd" if packed.endswith(".zst") else "gzip"
    with open(raw, "wb") as out:
        subprocess.run([tool, "-dc", packed], stdout=out, check=True)
    os.unlink(packed)
    return raw


def heaptrack(raw, folder):
    data = os.path.join(folder, "data")
    with open(raw, "rb") as source, open(data, "wb") as out:
        first = timed([INTERPRET], stdin=source, stdout=out)
    second = timed(["heaptrack_print", data])
    os.unlink(data)
    return first[0] + second[0], first[1] + second[1], max(first[2], second[2])


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=float, default=100e6)
    parser.add_argument("--against", type=float, default=10e6)
    parser.add_argument("--only", default="")
    parser.add_argument("--lock")
    options = parser.parse_args()
    print("| program | events | M events/s | ... of CPU | memory | living at most | distinct stacks "
          "| heaptrack / ouro, wall | CPU |\n|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        made = bench.build(folder)
        trace = os.path.join(folder, "trace")
        for name, command, env, events in PROGRAMS:
            if options.only not in name:
                continue
            totals = record(command(made, int(options.events / events)), env, trace)
            rows = []
            for _ in range(options.rounds):
                with bench.alone(options.lock):
                    rows.append(timed([f"{bench.BUILD}/ouro", "report", trace]))
            wall, cpu, memory = medians(rows)
            ratio = ["-", "-"]
            if shutil.which("heaptrack") and (not name.startswith("Python") or env):
                less = command(made, int(options.against / events))
                record(less, env, trace)
                raw = record_heaptrack(less, env, folder)
                pairs = []
                for _ in range(options.rounds):
                    with bench.alone(options.lock):
                        ours = timed([f"{bench.BUILD}/ouro", "report", trace])
                        theirs = heaptrack(raw, folder)
                    pairs.append((theirs[0] / ours[0], theirs[1] / ours[1]))
                os.unlink(raw)
                ratio = [f"{x:.1f}" for x in medians(pairs)]
            n = totals["events"]
            print(f"| {name} | {n / 1e6:.1f} M | {n / wall / 1e6:.1f} | {n / cpu / 1e6:.1f} | "
                  f"{memory / 1e6:.0f} MB | {totals['peak-live']} | {totals['sites']} | "
                  f"{ratio[0]} | {ratio[1]} |", flush=True)
            os.unlink(trace)


if __name__ == "__main__":
    sys.exit(main())
