"""A process of callers that admit and settle through the product's own limiter; JSON out.

python -m bench.saturation.callers REDIS_URL CALLERS SECONDS
"""

import asyncio
import os
import random
import secrets
import sys
import time
from collections.abc import Collection
from typing import Any

import orjson
import uvloop

from bench.saturation.racing import READY


async def _run(url: str, callers: int, seconds: float) -> dict[str, Any]:
    """So many callers at once, each with one call after the other, for so long."""
    from bench.saturation import counted
    from licences.limits.limiter import Limiter
    from licences.limits.redis import RedisCounters
    from licences.limits.terms import Spent

    async def spent_of(licences: Collection[int]) -> dict[int, Spent]:
        return {id: Spent(0, 0, 0, counted.today()) for id in licences}

    limiter = Limiter(RedisCounters(url), spent_of)
    waits_s: list[float] = []

    async def call(until_s: float) -> None:
        while (began_s := time.perf_counter()) < until_s:
            buckets = counted.buckets_of(random.randrange(counted.LICENCES), all_kinds=False)  # noqa: S311
            admitted = await limiter.admit(
                *(secrets.token_hex(16), buckets),
                tokens=counted.TOKENS,
                cost_micros=counted.COST,
            )
            waits_s.append(time.perf_counter() - began_s)
            async with admitted as reservation:
                await reservation.settle(tokens=900, cost_micros=2_000)

    await call(time.perf_counter() + 0.2)  # connected, scripts known
    waits_s.clear()
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    await asyncio.to_thread(sys.stdin.buffer.readline)
    began_s, cpu_s = time.perf_counter(), time.process_time()
    async with asyncio.timeout(seconds + 10), asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(call(began_s + seconds))
    found = {
        "calls": len(waits_s),
        "seconds": time.perf_counter() - began_s,
        "cpu_s": time.process_time() - cpu_s,
        "failures": limiter.failures,
    }
    waits_s.sort()
    for share in (0.5, 0.99):
        found[f"admit_p{share * 100:.0f}_ms"] = waits_s[int(share * len(waits_s))] * 1000
    await limiter.aclose()
    return found


def main() -> int:
    """Settings first: the limiter asks Django what time it is."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    import django

    django.setup()
    found = uvloop.run(_run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
    sys.stdout.buffer.write(orjson.dumps(found) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
