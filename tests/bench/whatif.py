"""Predictions of other settings of the collector, and what they were like when they were run.

    whatif.py [--scale S] [--counts] [--python PATH]... [PROGRAM]...     a table in Markdown; S 1: 20 s of work each

Each program is recorded once under the defaults.  Then it runs bare under each setting: once for
counts (gc.get_stats), once for pauses (gc.callbacks), and once recorded for the peak of live bytes.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from harness import OURO, clean_environment, interpreters  # noqa: E402

RUN = os.path.join(HERE, "whatif", "run.py")
# Arguments for about 20 s of work on a machine of 2020.
PROGRAMS = {"requests": [5500], "service": [200000], "compiler": [500], "heap": [100000],
            "tasks": [4600], "threads": [100000], "sphinx_build": [150]}
SETTINGS = {"10000,1000,1000": "coarser", "50,5,5": "finer", "off": "off"}


def bare(python, settings, program, arguments):
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        subprocess.run([python, RUN, settings, result.name, program, *arguments], check=True,
                       env=clean_environment(), stdout=subprocess.DEVNULL)
        return json.load(result)


def recorded(python, settings, program, arguments, *words):
    with tempfile.TemporaryDirectory(prefix="ouro-whatif-") as folder:
        trace = os.path.join(folder, "t.trace")
        subprocess.run([OURO, "run", "-o", trace, "--snapshot", "never", "--", python, RUN, settings,
                        os.path.join(folder, "own.json"), program, *arguments],
                       env=clean_environment(), capture_output=True, check=True)
        with open(os.path.join(folder, "own.json")) as own:
            runs = json.load(own)["runs"]
        out = subprocess.run([OURO, "gc", "--format", "json", *words, trace],
                             capture_output=True, text=True)
        if out.returncode:
            sys.exit(out.stderr)
        return json.loads(out.stdout)["collector"], runs


def inside(value, row):
    return row["low"] <= value <= row["high"]


def off_by(predicted, actual):
    return (predicted - actual) / actual if actual else float(predicted > 0)


def percent(x):
    return f"{100 * x:+.1f} %"


def judge(kind, row, actual):
    """The worst of the generations that count, as (text, met)."""
    texts, met = [], True
    for g, n in enumerate(actual):
        c = row["collections"][g]
        width = (c["high"] - c["low"]) / n if n else 0
        texts.append(f"{c['likely']:.0f}" + (f" [{c['low']:.0f}..{c['high']:.0f}]"
                                             if c["high"] > c["low"] else "") + f" / {n}")
        if kind == "finer":
            ok = abs(c["likely"] - n) <= max(1, 0.05 * n) or (inside(n, c) and width <= 0.25)
        else:
            ok = c["likely"] == n
        met &= ok
    return "; ".join(texts), met


def compare(python, name, scale, out, counts_alone):
    program = os.path.join(HERE, "whatif", name + ".py")
    if name == "sphinx_build" and subprocess.run([python, "-c", "import sphinx"],
                                                 stderr=subprocess.DEVNULL).returncode:
        return
    arguments = [str(max(1, int(n * scale))) for n in PROGRAMS[name]]
    plain = bare(python, "default", program, arguments)
    words = sum((["--what-if", s] for s in SETTINGS), [])
    collector, own = recorded(python, "default", program, arguments, *words)
    version = os.path.basename(os.path.dirname(os.path.dirname(python)))
    version = "3.11.2" if version == "usr" else version
    perturbed = abs(sum(own) - sum(plain["runs"])) / max(1, sum(plain["runs"]))
    if collector["what_if"]["refused"]:
        out(f"| {version} | {name} | - | refused: {collector['what_if']['refused']} | | | "
            f"{percent(perturbed)} | | ")
        return
    rows = {("off" if s["off"] else ",".join(map(str, s["threshold"] or []))): s
            for s in collector["what_if"]["settings"] if not s["recorded"] and s["freeze_at"] is None}
    for setting, kind in SETTINGS.items():
        row = rows[setting]
        counts = bare(python, setting, program, arguments)
        if counts_alone:
            out(f"| {version} | {name} | {setting} | {judge(kind, row, counts['runs'])[0]} | "
                f"{'yes' if judge(kind, row, counts['runs'])[1] else 'NO'} | | {percent(perturbed)}"
                f"{'' if perturbed <= 0.005 else ' NO'} | |")
            continue
        timed = bare(python, setting + "+pauses", program, arguments)
        again, _ = recorded(python, setting, program, arguments)
        peak = next((s["peak_bytes"]["likely"] for s in again["what_if"]["settings"]
                     if s["recorded"]), None)
        text, met = judge(kind, row, counts["runs"])
        pause = sum(timed["pauses"])
        pauses = off_by(row["seconds"]["likely"], pause) if pause > 0.001 else 0.0
        memory = off_by(row["peak_bytes"]["likely"], peak) if peak else None
        out(f"| {version} | {name} | {setting} | {text} | {'yes' if met else 'NO'} | "
            f"{row['seconds']['likely']:.3f} / {pause:.3f} s, {percent(pauses)}"
            f"{'' if abs(pauses) <= 0.2 else ' NO'} | {percent(perturbed)}"
            f"{'' if perturbed <= 0.005 else ' NO'} | "
            + ("no second recording to compare with" if memory is None else
               percent(memory) + ("" if abs(memory) <= 0.1 else " NO")) + " |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--counts", action="store_true", help="no pauses, no memory")
    parser.add_argument("--python", action="append")
    parser.add_argument("programs", nargs="*")
    asked = parser.parse_args()

    def out(line):
        print(line, flush=True)

    out("| CPython | program | setting | collections predicted / counted, by generation | met | "
        "total pause predicted / measured | counts, recorded against bare | peak of live bytes |")
    out("|---|---|---|---|---|---|---|---|")
    for python in asked.python or interpreters():
        for name in asked.programs or PROGRAMS:
            compare(os.path.realpath(python) if "pyenv" in python else python, name, asked.scale, out,
                    asked.counts)


if __name__ == "__main__":
    main()
