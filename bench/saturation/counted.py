"""What Redis counts in a run: licences with every limit, as busy or as quiet as one says."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

from licences.limits.redis import RedisCounters, keys_of
from licences.limits.terms import Ask, Bucket, Budget, Spent

LICENCES = 1_000
PLATFORMS = 20
TOKENS, COST = 1_500, 4_000
LEASE_S = 600.0  # longer than a run: what is under way in it needs no renewal
_PLENTY = 10**9
_BUDGETS = (
    Budget("total", 10**15),
    Budget("day", 10**15),
    Budget("month", 10**15),
)


def today() -> date:
    """The day that budgets go by."""
    return datetime.now(UTC).date()


def now_s() -> int:
    """The second that is counted in."""
    return int(datetime.now(UTC).timestamp())


def buckets_of(licence: int, *, all_kinds: bool) -> tuple[Bucket, ...]:
    """A licence with all its limits; `all_kinds`: one of its models and its platform too."""
    own = Bucket(
        *(f"licence:{licence}", "licence", "", _PLENTY, _PLENTY, _PLENTY),
        budgets=_BUDGETS,
    )
    if not all_kinds:
        return (own,)
    platform = licence % PLATFORMS
    return (
        own,
        Bucket(f"licence:{licence}:gpt-*", "model", "gpt-*", _PLENTY, _PLENTY, _PLENTY),
        Bucket(f"platform:{platform}", "platform", "p", _PLENTY, _PLENTY, _PLENTY),
    )


def ask(id: str, buckets: tuple[Bucket, ...]) -> Ask:
    """What one call asks for."""
    return Ask(id, buckets, TOKENS, COST, today(), LEASE_S)


async def fill(url: str, *, all_kinds: bool, seconds: int, under_way: int) -> float:
    """Empty it, then let each licence have called in so many seconds, with calls under way.

    Returns what a licence takes of Redis' memory, in bytes.
    """
    from redis import asyncio as redis

    client = redis.Redis.from_url(url)
    counters = RedisCounters(url)
    try:
        await client.flushall()
        before = (await client.info("memory"))["used_memory"]
        now, day = now_s(), today()
        for licence in range(LICENCES):
            buckets = buckets_of(licence, all_kinds=all_kinds)
            await counters.seed(buckets[0], Spent(0, 0, 0, day))
            async with asyncio.TaskGroup() as group:
                for number in range(under_way):
                    one = ask(f"{licence:016x}{number:016x}", buckets)
                    group.create_task(counters.admit(one))
            async with client.pipeline(transaction=False) as pipeline:
                for bucket in buckets if seconds else ():
                    key = keys_of((bucket,))[0]  # as rates.lua keeps it
                    pipeline.delete(key)  # what was counted just now
                    pipeline.hset(key, mapping=_rates(now, seconds))
                    pipeline.expire(key, 120)
                await pipeline.execute()
        after = (await client.info("memory"))["used_memory"]
        return float(after - before) / LICENCES
    finally:
        await counters.aclose()
        await client.aclose()


def _rates(now: int, seconds: int) -> dict[Any, Any]:
    """Rates as rates.lua keeps them, of two calls in each of so many seconds until now."""
    found = {"rn": now, "tn": now, "from": now - seconds + 1}
    for kind, amount in (("r", 2), ("t", TOKENS)):
        found[kind] = amount * seconds
        found |= {f"{kind}:{now - back}": amount for back in range(seconds)}
    return found
