"""Counters in Redis: for several processes and machines. One script per admission, one to settle.

Redis' own clock is everybody's. All keys carry one hash tag, so that they may live in a cluster.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from licences.limits.terms import (
    Answer,
    Ask,
    Bucket,
    CountersDown,
    Granted,
    Rates,
    Refused,
    Spent,
    Unknown,
    Usage,
)

TIMEOUT_S = 1.0
CONNECTIONS = 32
_EPOCH = date(1970, 1, 1)
_FOLDER = Path(__file__).parent
# Of a bucket's keys, as the scripts expect them; `b` were its rates in older versions.
_NAMES = ("w", "l", "r", "s", "c")
_NOBODY = ""


class RedisCounters:
    """See `memory.MemoryCounters`: the same answers to the same questions. Raises CountersDown."""

    def __init__(self, url: str, *, clock: Callable[[], float] | None = None) -> None:
        """`url`: redis://host:port/database. `clock`: seconds; None: Redis' own."""
        from redis import asyncio as redis  # 7 MB for those who have none

        # Blocking: the usual pool refuses the call after its hundredth connection.
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
        )
        self._client = redis.Redis.from_pool(pool)
        # The pool gives a connection to whoever asks in the right moment; under load some would
        # wait for theirs until the counters pass for unreachable. This is first come, first served.
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._errors = (redis.RedisError, OSError, TimeoutError)
        self._clock = clock
        self._admit = self._client.register_script(_script("admit"))
        self._then = self._client.register_script(_script("settle"))

    async def admit(self, ask: Ask) -> Answer:
        """Count it in all of its buckets, or in none."""
        args: list[Any] = [ask.id, ask.tokens, ask.cost_micros, *_days(ask.day)]
        args += [int(ask.lease_s * 1000), int(ask.counts), self._now_ms()]
        for bucket in ask.buckets:
            args += _bounds(bucket)
        said = await self._run(self._admit, ask.buckets, args)
        if said[0] == b"in":
            return Granted(int(said[1]), _rates(ask.buckets, said[2:]))
        bucket = ask.buckets[int(said[1])]
        if said[0] == b"unknown":
            return Unknown(bucket)
        return Refused(bucket, said[2].decode(), int(said[3]), _seconds(said[4]))

    async def settle(self, ask: Ask, slot: int, tokens: int, cost_micros: int) -> None:
        """It is over: the truth instead of what was reserved."""
        more = [slot, tokens - ask.tokens, cost_micros, *_days(ask.day)]
        more += [int(bool(bucket.budgets)) for bucket in ask.buckets]
        await self._run(self._then, ask.buckets, ["settle", ask.id, self._now_ms(), *more])

    async def renew(self, asks: Iterable[Ask]) -> None:
        """They are still under way; also after a restart of Redis, which has forgotten them."""
        for ask in asks:
            more = [int(ask.lease_s * 1000), ask.cost_micros, int(ask.counts)]
            await self._run(self._then, ask.buckets, ["renew", ask.id, self._now_ms(), *more])

    async def seed(self, bucket: Bucket, spent: Spent) -> None:
        """At least this was spent; what is known already is never lowered."""
        more = [spent.total, spent.day, spent.month, *_days(spent.on)]
        await self._run(self._then, (bucket,), ["seed", _NOBODY, self._now_ms(), *more])

    async def usage(self, bucket: Bucket, day: date) -> Usage:
        """What it holds now."""
        said = await self._run(self._then, (bucket,), ["look", _NOBODY, self._now_ms()])
        numbers = [int(float(value)) for value in said]
        spent = None
        if len(numbers) > 6:
            total, on_day, in_month, on, month_on = numbers[6:]
            today, this_month = _days(day)
            spent = Spent(
                total,
                on_day if on >= today else 0,
                in_month if month_on >= this_month else 0,
                max(day, _EPOCH + timedelta(days=on)),
            )
        requests, requests_ms, tokens, tokens_ms, under_way, reserved = numbers[:6]
        resets = _seconds(requests_ms), _seconds(tokens_ms)
        return Usage(requests, tokens, under_way, reserved, spent, *resets)

    async def sweep(self) -> None:
        """Redis forgets by itself what is idle."""

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _run(self, script: Any, buckets: Sequence[Bucket], args: Sequence[Any]) -> Any:
        keys = keys_of(buckets)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._turns.acquire()
            try:
                return await script(keys=keys, args=args)
            finally:
                self._turns.release()
        except self._errors as error:
            raise CountersDown(str(error) or type(error).__name__) from error

    def _now_ms(self) -> str:
        return "" if self._clock is None else str(int(self._clock() * 1000))


def keys_of(buckets: Iterable[Bucket]) -> list[str]:
    """What Redis knows of these buckets, five keys each: see admit.lua."""
    return [f"tokens:{{limits}}:{name}:{bucket.key}" for bucket in buckets for name in _NAMES]


def _script(name: str) -> str:
    """A script behind what all know of rates."""
    return "".join((_FOLDER / f"{part}.lua").read_text("utf-8") for part in ("rates", name))


@cache
def _days(day: date) -> tuple[int, int]:
    """Days since 1970 and months since the year 0, which scripts can compare."""
    return (day - _EPOCH).days, day.year * 12 + day.month - 1


def _bounds(bucket: Bucket) -> list[int]:
    amounts = {budget.window: budget.amount for budget in bucket.budgets}
    values = [bucket.rpm, bucket.tpm, bucket.concurrency]
    values += [amounts.get("total"), amounts.get("day"), amounts.get("month")]
    return [-1 if value is None else value for value in values]


def _rates(buckets: Sequence[Bucket], said: Sequence[Any]) -> Rates:
    rates = Rates()
    for place, bucket in enumerate(buckets):
        requests, requests_ms, tokens, tokens_ms = said[place * 4 : place * 4 + 4]
        rates.see(bucket, int(requests), int(tokens), _seconds(requests_ms), _seconds(tokens_ms))
    return rates


def _seconds(ms: Any) -> float:
    """Below nothing: never."""
    value = float(ms)
    return float("inf") if value < 0 else value / 1000
