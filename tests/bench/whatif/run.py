"""Runs a program under settings of the collector and tells what the collector did.

    run.py SETTINGS RESULT PROGRAM [ARGUMENTS]

SETTINGS: `default`, `off` or thresholds as `10000,1000,1000`; `+pauses` behind it measures pauses by
gc.callbacks, in time of the processor (of a machine that does other things, too), less what the callbacks cost.
"""
import gc
import sys

# At once: what the imports below make is counted under the settings, as it is predicted.
before = [s["collections"] for s in gc.get_stats()]
settings, _, pauses = sys.argv[1].partition("+")
if settings == "off":
    gc.disable()
elif settings[0].isdigit():
    gc.set_threshold(*map(int, settings.split(",")))

import json  # noqa: E402
import resource  # noqa: E402
import runpy  # noqa: E402
import time  # noqa: E402

result, program = sys.argv[2:4]
sys.argv = sys.argv[3:]
times = [0.0, 0.0, 0.0]
longest = [0.0]
began = [0.0]
empty = [0.0]


def watch(phase, info):
    if phase == "start":
        began[0] = time.thread_time()
    else:
        took = time.thread_time() - began[0] - empty[0]
        times[info["generation"]] += took
        longest[0] = max(longest[0], took)


if pauses:
    gc.callbacks.append(watch)
    tries = []
    for _ in range(200):
        times[0] = 0.0
        gc.collect(0)
        tries.append(times[0])
    empty[0] = sorted(tries)[100]
    times[:] = [0.0, 0.0, 0.0]
    longest[0] = 0.0
start = time.perf_counter()
try:
    runpy.run_path(program, run_name="__main__")
finally:
    seconds = time.perf_counter() - start
    after = [s["collections"] for s in gc.get_stats()]
    if result != "-":
        with open(result, "w") as out:
            json.dump({"runs": [a - b for a, b in zip(after, before)], "seconds": seconds,
                       "pauses": times, "longest": longest[0],
                       "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}, out)
