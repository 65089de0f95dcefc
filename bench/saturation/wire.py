"""Calls to Redis that are written down before and cost next to nothing to make.

So one core of callers can saturate one core of Redis: through the limiter itself a call costs its
caller more than Redis.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

from typing_extensions import override

from bench.saturation import counted
from licences.limits.redis import RedisCounters, keys_of
from licences.limits.terms import Bucket

CONNECTIONS = 32
_ID = "@" * 32  # stands for a call's own
END_S = 5.0


class _Words(RedisCounters):
    """Notes what would be said to Redis, and says it to nobody."""

    said: Sequence[Any] = ()

    @override
    async def _run(self, script: Any, buckets: Sequence[Bucket], args: Sequence[Any]) -> Any:
        keys = keys_of(buckets)
        self.said = ("EVALSHA", script.sha, len(keys), *keys, *args)
        return [b"in", b"%d" % counted.now_s(), *(b"0",) * 4 * len(buckets)]


@dataclass(slots=True)
class Heard:
    """What Redis answered, and how soon."""

    calls: int = 0
    """Admissions that were settled."""
    refused: int = 0
    seconds: float = 0.0
    waits_s: list[float] = field(default_factory=list)
    """Of each command: two a call."""


async def words(*, all_kinds: bool) -> list[tuple[bytes, bytes]]:
    """For each licence, the bytes that admit and that settle a call; the scripts must be loaded."""
    counters = _Words("redis://127.0.0.1:1/0")
    found = []
    for licence in range(counted.LICENCES):
        ask = counted.ask(_ID, counted.buckets_of(licence, all_kinds=all_kinds))
        await counters.admit(ask)
        admit = _encoded(counters.said)
        await counters.settle(ask, counted.now_s(), counted.TOKENS // 2, counted.COST // 2)
        found.append((admit, _encoded(counters.said)))
    await counters.aclose()
    return found


async def run(
    url: str, said: Sequence[tuple[bytes, bytes]], seconds: float, per_s: float | None = None
) -> Heard:
    """Calls of all connections, one after the other on each; `per_s`: no more than so many."""
    heard, place = Heard(), urlsplit(url)
    gap_s = CONNECTIONS / per_s if per_s else 0.0
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    until_s = began_s + seconds
    callers = [_Caller(number, said, heard, gap_s, until_s) for number in range(CONNECTIONS)]
    for caller in callers:
        await loop.create_connection(
            partial(_itself, caller), place.hostname or "", place.port or 0
        )
    async with asyncio.timeout(seconds + END_S):
        for caller in callers:
            await caller.done
    heard.seconds = loop.time() - began_s
    return heard


def _itself(caller: "_Caller") -> "_Caller":
    return caller


class _Caller(asyncio.Protocol):
    """One connection: admits, settles, and begins again until its time is over."""

    def __init__(
        self,
        number: int,
        said: Sequence[tuple[bytes, bytes]],
        heard: Heard,
        gap_s: float,
        until_s: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._chance = random.Random(number)  # noqa: S311 # no secret
        self._said, self._heard, self._gap_s, self._until_s = said, heard, gap_s, until_s
        self._due_s = self._loop.time() + self._chance.random() * gap_s
        self._id = f"bench{number:027d}".encode()
        self._settle = b""
        self._sent_s = 0.0
        self.done: asyncio.Future[None] = self._loop.create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._loop.call_at(self._due_s, self._begin)

    @override
    def data_received(self, data: bytes) -> None:
        self._heard.waits_s.append(time.perf_counter() - self._sent_s)
        if self._settle:
            if b"in" not in data:
                self._heard.refused += 1
            settle, self._settle = self._settle, b""
            self._send(settle)
            return
        self._heard.calls += 1
        self._due_s = max(self._due_s + self._gap_s, self._loop.time() - 10 * self._gap_s)
        if self._gap_s:
            self._loop.call_at(self._due_s, self._begin)
        else:
            self._begin()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("Redis has closed a connection."))

    def _begin(self) -> None:
        if self._loop.time() >= self._until_s:
            self.done.set_result(None)
            self._transport.close()
            return
        admit, self._settle = self._chance.choice(self._said)
        self._send(admit)

    def _send(self, command: bytes) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(command.replace(_ID.encode(), self._id))


def _encoded(said: Sequence[Any]) -> bytes:
    """One command in Redis' protocol."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in said]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)
