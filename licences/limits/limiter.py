"""Admission: everything reserved in one step before a call, everything settled after it.

    async with await limiter.admit(id, buckets, tokens=…, cost_micros=…) as reservation:
        …
        await reservation.settle(tokens=…, cost_micros=…)

A reservation is a lease: the process renews it while it lives, and what a dead one held is free
again after `lease_s`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any, TypeVar

from django.utils import timezone

from licences.errors import BudgetSpent, LimitReached, LimitsUnavailable
from licences.limits.counters import Counters, Policy, SpentOf
from licences.limits.reservation import Reservation
from licences.limits.terms import (
    Ask,
    Bucket,
    CountersDown,
    Granted,
    Rates,
    Refused,
    Unknown,
    Usage,
    day_of,
    window_end,
)

logger = logging.getLogger(__name__)
T = TypeVar("T")

REST_S = 1.0
"""After a failure of the counters, so long no call waits for them."""
RAISE_S = 2.0
"""How often counters are compared with the database."""
LATELY_S = 600.0
_DAY_NS = 86_400 * 10**9
_POLL_S = (0.02, 0.2)
_SEEDS = 3  # an admission that still meets an unknown spend afterwards gives up


def _today() -> date:
    """Asked with each call: `timezone.now().date()` takes thrice as long (Nov 2026)."""
    return day_of(time.time_ns() // _DAY_NS)


class Limiter:
    """One per process."""

    def __init__(
        self,
        counters: Counters,
        spent_of: SpentOf,
        policy: Policy | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = _today,
    ) -> None:
        """`clock`: seconds that only go forward; `today`: the day that budgets go by, UTC."""
        self._counters = counters
        self._spent_of = spent_of
        self._policy = policy or Policy()
        self._clock = clock
        self._today = today
        self._open: dict[str, Ask] = {}
        self._held: dict[str, Ask] = {}
        self._lately: dict[str, tuple[float, Bucket]] = {}
        self._down_until = 0.0
        self._is_down = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._seeds: dict[str, asyncio.Task[None]] = {}
        self._seeded_at: dict[str, float] = {}
        self.failures = 0
        """How often the counters could not be reached, for metrics."""

    async def admit(
        self,
        id: str,
        buckets: Sequence[Bucket],
        *,
        tokens: int = 0,
        cost_micros: int = 0,
        counts: bool = True,
    ) -> Reservation:
        """Reserve this in all buckets at once, each of which limits something.

        `tokens`, `cost_micros`: what it may come to; `counts`: it is a request of its own. Raises
        LimitReached, BudgetSpent, LimitsUnavailable; then nothing is held.
        """
        if not buckets:
            return Reservation(self, None, 0, Rates())
        lease_s = self._policy.lease_s
        ask = Ask(id, tuple(buckets), tokens, cost_micros, self._today(), lease_s, counts)
        asked_at = self._clock()
        give_up = asked_at + self._policy.wait_s
        seeds = 0
        while True:
            try:
                answer = await self._counted(self._counters.admit(ask))
            except CountersDown as error:
                return self._without(ask, error)
            except asyncio.CancelledError:
                # It may have been counted; if so, it is given back.
                await self.sheltered(self.settled(ask, 0, ask.tokens, 0))
                raise
            if isinstance(answer, Granted):
                self._open[id] = ask
                return Reservation(self, ask, answer.slot, answer.rates)
            if isinstance(answer, Unknown):
                seeds += 1
                try:
                    if seeds > _SEEDS:
                        raise CountersDown("What it has spent is forgotten again and again.")
                    # Unless somebody else has told them since they were asked.
                    if self._seeded_at.get(answer.bucket.key, -1.0) < asked_at:
                        await self._seed(answer.bucket)
                except CountersDown as error:
                    return self._without(ask, error)
            elif answer.what == "reserved" and self._clock() < give_up:
                # Others' worst cases are in the way; they may come to less.
                await asyncio.sleep(random.uniform(*_POLL_S))  # noqa: S311 # no secret
            else:
                raise _refusal(answer, ask.day)
            asked_at = self._clock()

    async def usage(self, bucket: Bucket) -> Usage:
        """What a bucket holds now. Raises LimitsUnavailable."""
        try:
            found = await self._counted(self._counters.usage(bucket, self._today()))
            if bucket.budgets and found.spent is None:
                await self._seed(bucket)
                found = await self._counted(self._counters.usage(bucket, self._today()))
        except CountersDown as error:
            raise LimitsUnavailable from error
        return found

    def hold(self, asks: Iterable[Ask]) -> None:
        """Go on holding these, whoever has reserved them; those of the last time no more."""
        self._held = {ask.id: ask for ask in asks}

    def let_go(self, reservation: Reservation) -> None:
        """It is not this call's any more: `hold` and `settled` see to it from now on."""
        ask = reservation.give_up()
        if ask is not None:
            self._held[ask.id] = self._open.pop(ask.id, ask)

    async def settled(self, ask: Ask, slot: int, tokens: int, cost_micros: int) -> None:
        """Called by reservations. Where the counters are down, the lease ends it."""
        self._open.pop(ask.id, None)
        self._held.pop(ask.id, None)
        for bucket in ask.buckets:
            if bucket.budgets:
                self._lately[bucket.key] = self._clock(), bucket
        try:
            await self._counted(self._counters.settle(ask, slot, tokens, cost_micros))
        except CountersDown as error:
            self._tell(error)

    async def sheltered(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this to its end, also where the caller is cancelled meanwhile."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def run(self) -> None:
        """Renew what is held, compare with the database, forget what is idle; for ever."""
        renew_at = sweep_at = 0.0
        while True:
            await asyncio.sleep(min(RAISE_S, self._policy.lease_s / 3))
            now = self._clock()
            try:
                if now >= renew_at:
                    renew_at = now + self._policy.lease_s / 3
                    await self._counters.renew(self._still_held())
                await self._raise(now)
                if now >= sweep_at:
                    sweep_at = now + 60
                    await self._counters.sweep()
            except CountersDown as error:
                self._tell(error)

    async def aclose(self) -> None:
        """Let settlements end, and close the counters."""
        if under_way := {*self._tasks, *self._seeds.values()}:
            await asyncio.wait(under_way, timeout=2.0)
        await self._counters.aclose()

    def _still_held(self) -> Iterator[Ask]:
        """Looked at one by one: what is settled while others are renewed must not come back."""
        for ask in [*self._open.values(), *self._held.values()]:
            if ask.id in self._open or ask.id in self._held:
                yield ask

    async def _raise(self, now: float) -> None:
        """What the database knows and the counters do not: another's bookings, a lost counter."""
        recent = {key: bucket for key, (at, bucket) in self._lately.items() if now - at < LATELY_S}
        self._lately = {key: self._lately[key] for key in recent}
        if not recent:
            return
        ids = {_licence_of(bucket): bucket for bucket in recent.values()}
        try:
            found = await self._spent_of(list(ids))
        except Exception as error:  # whatever the database raises: next time
            logger.debug("Spends cannot be read: %s", error)
            return
        for id, spent in found.items():
            await self._counters.seed(ids[id], spent)

    async def _counted(self, work: Awaitable[T]) -> T:
        """What the counters say; while they are down nobody waits for them."""
        if self._down_until and self._down_until > self._clock():
            if isinstance(work, Coroutine):
                work.close()
            raise CountersDown("They failed a moment ago.")
        try:
            found = await work
        except CountersDown:
            self._down_until = self._clock() + REST_S
            self.failures += 1
            raise
        if self._is_down:
            self._is_down = False
            logger.warning("The counters of limits can be reached again.")
        return found

    async def _seed(self, bucket: Bucket) -> None:
        """Tell the counters what the database knows; however many wait, it is asked once.

        Raises CountersDown.
        """
        task = self._seeds.get(bucket.key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._seed_now(bucket))
            self._seeds[bucket.key] = task
            task.add_done_callback(partial(self._seeded, bucket.key))
        await asyncio.shield(task)

    def _seeded(self, key: str, task: asyncio.Task[None]) -> None:
        del self._seeds[key]
        if not task.cancelled():
            task.exception()  # those who wait are told; perhaps nobody does any more

    async def _seed_now(self, bucket: Bucket) -> None:
        licence = _licence_of(bucket)
        try:
            found = await self._spent_of([licence])
        except Exception as error:
            raise CountersDown(f"What was spent cannot be read: {error}") from error
        await self._counted(self._counters.seed(bucket, found[licence]))
        self._seeded_at[bucket.key] = self._clock()

    def _without(self, ask: Ask, error: CountersDown) -> Reservation:
        """The operator's word on what happens without counters."""
        self._tell(error)
        policy, buckets = self._policy, ask.buckets
        if not policy.open_budgets and any(bucket.budgets for bucket in buckets):
            raise LimitsUnavailable from error
        if not policy.open_limits and any(bucket.has_rates() for bucket in buckets):
            raise LimitsUnavailable from error
        return Reservation(self, None, 0, Rates())

    def _tell(self, error: CountersDown) -> None:
        if not self._is_down:
            logger.error("The counters of limits cannot be reached: %s", error)
        self._is_down = True


def _licence_of(bucket: Bucket) -> int:
    return int(bucket.key.split(":")[1])


def _refusal(answer: Refused, day: date) -> LimitReached | BudgetSpent:
    bucket = answer.bucket
    if answer.what in ("total", "day", "month"):
        end = window_end(answer.what, day)
        left_s = None if end is None else (end - timezone.now()).total_seconds()
        return BudgetSpent(answer.what, answer.limit, left_s)
    return LimitReached(
        bucket.subject, bucket.name, answer.what, answer.limit, answer.retry_after_s
    )
