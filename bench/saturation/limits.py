"""Limits: how many calls a second Redis can admit and settle, and what one costs it."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from bench import servers
from bench.saturation import counted, processor, wire
from bench.saturation.racing import lined_up, race

SITUATIONS: Mapping[str, dict[str, Any]] = {
    "a quiet licence": {"all_kinds": False, "seconds": 1, "under_way": 1},
    "a busy licence": {"all_kinds": False, "seconds": 60, "under_way": 10},
    "licence, model and platform, busy": {"all_kinds": True, "seconds": 60, "under_way": 10},
}
"""Called in so many of the last 60 seconds, with so many calls under way."""
ROUNDS = 3
"""The best of them counts: other work on the machine only ever adds."""
CALLERS = ((1, 1), (1, 16), (1, 64), (2, 32), (4, 16))
"""Processes, and callers in each."""


async def measure(settings: Mapping[str, str], seconds: float) -> dict[str, list[dict[str, Any]]]:
    """Redis as fast as it goes and at half of that, then through the product's own limiter."""
    with servers.running_redis() as url:
        pid = await _pid(url)
        processor.place(pid)
        wired = []
        for name, situation in SITUATIONS.items():
            wired += await _saturated(url, pid, name, situation, seconds)
        through = [
            await limited(settings, url, pid, processes=processes, callers=callers, seconds=seconds)
            for processes, callers in CALLERS
        ]
    return {"redis": wired, "limiter": through}


async def _saturated(
    url: str, pid: int, name: str, situation: dict[str, Any], seconds: float
) -> list[dict[str, Any]]:
    """At its fastest, then at half of that."""
    found: list[dict[str, Any]] = []
    said = await wire.words(all_kinds=situation["all_kinds"])
    for load, share in (("all it can", None), ("half of that", 0.5)):
        bytes_each = await counted.fill(url, **situation)
        per_s = share and found[0]["calls_per_s"] * share
        tried = []
        for _round in range(ROUNDS):
            with processor.watched(pid) as spell:
                heard = await wire.run(url, said, seconds / ROUNDS, per_s)
            tried.append((spell.cpu_s / heard.calls, spell, heard))
        _least, spell, heard = min(tried, key=itemgetter(0))
        waits = sorted(heard.waits_s)
        found.append(
            {
                "situation": name,
                "load": load,
                "calls_per_s": heard.calls / heard.seconds,
                "redis_us_per_call": spell.cpu_s * 1e6 / heard.calls,
                "redis_share": spell.share,
                "p50_ms": waits[len(waits) // 2] * 1000,
                "p99_ms": waits[len(waits) * 99 // 100] * 1000,
                "refused": heard.refused,
                "bytes_per_licence": bytes_each,
            }
        )
    return found


async def limited(
    settings: Mapping[str, str], url: str, pid: int, *, processes: int, callers: int, seconds: float
) -> dict[str, Any]:
    """Through the limiter, which costs the callers' core more than Redis'; `pid`: Redis' process.

    Raises MachineFailed, TimeoutError.
    """
    await counted.fill(url, **SITUATIONS["a busy licence"])
    command = ("bench.saturation.callers", url, str(callers), str(seconds))
    async with lined_up([command] * processes, dict(settings)) as started:
        with processor.watched(pid) as spell:
            found = await race(started)
    calls = sum(one["calls"] for one in found)
    longest_s = max(one["seconds"] for one in found)
    return {
        "processes": processes,
        "callers": callers,
        "calls_per_s": calls / longest_s,
        "caller_us_per_call": sum(one["cpu_s"] for one in found) * 1e6 / calls,
        "redis_us_per_call": spell.cpu_s * 1e6 / calls,
        "redis_share": spell.cpu_s / longest_s,
        "admit_p50_ms": max(one["admit_p50_ms"] for one in found),
        "admit_p99_ms": max(one["admit_p99_ms"] for one in found),
        "failures": sum(one["failures"] for one in found),
    }


async def _pid(url: str) -> int:
    from redis import asyncio as redis

    async with redis.Redis.from_url(url) as client:
        return int((await client.info("server"))["process_id"])
