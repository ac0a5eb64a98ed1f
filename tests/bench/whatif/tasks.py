"""asyncio tasks of which many fail: exceptions, tracebacks and frames in cycles."""
import asyncio
import sys

ROUNDS = int(sys.argv[1])


class Failure(Exception):
    pass


async def fetch(n, depth):
    await asyncio.sleep(0)
    if depth:
        return await fetch(n, depth - 1)
    if n % 3 == 0:
        raise Failure(n, {"request": n, "payload": [n, n + 1]})
    return {"n": n, "rows": [[n]] * 3}


async def work(n):
    try:
        return await fetch(n, n % 4)
    except Failure as failure:
        kept = failure                          # the frame holds the exception, it the frame
        return kept.args[0]


async def main():
    for i in range(ROUNDS):
        tasks = [asyncio.ensure_future(work(i * 50 + k)) for k in range(50)]
        failing = [asyncio.ensure_future(fetch(k * 3, 1)) for k in range(10)]
        await asyncio.gather(*tasks)
        await asyncio.gather(*failing, return_exceptions=True)


asyncio.run(main())
