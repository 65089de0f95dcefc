"""Counters in this process's memory: for one process. All admission is one step of the event loop.

With all limits on, an admission and its settlement cost about 10 µs together.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

from licences.limits.terms import (
    WINDOW_S,
    Answer,
    Ask,
    Bucket,
    Granted,
    Refused,
    Spent,
    Standing,
    Unknown,
    Usage,
)

_FREE_SOON_S = 1.0  # when a call under way ends cannot be told


class _Slots:
    """A sum over the last minute, in slots of a second."""

    __slots__ = ("_slots", "total")

    def __init__(self) -> None:
        self._slots: deque[list[int]] = deque()
        self.total = 0

    def look(self, now: float) -> int:
        """The sum now."""
        while self._slots and self._slots[0][0] + 1 + WINDOW_S <= now:
            self.total -= self._slots.popleft()[1]
        return self.total

    def add(self, slot: int, amount: int) -> None:
        """Add to a slot that is not over yet; to one that is, nothing."""
        if not self._slots or self._slots[-1][0] < slot:
            self._slots.append([slot, amount])
            self.total += amount
            return
        for one in reversed(self._slots):
            if one[0] == slot:
                one[1] += amount
                self.total += amount
                return

    def room_in(self, now: float, excess: int) -> float:
        """Seconds until so much of it is over."""
        for slot, amount in self._slots:
            excess -= amount
            if excess <= 0:
                return slot + 1 + WINDOW_S - now
        return float(WINDOW_S)

    def empty_in(self, now: float) -> float:
        """Seconds until all of it is over."""
        return self._slots[-1][0] + 1 + WINDOW_S - now if self._slots else 0.0


@dataclass(slots=True)
class _Spending:
    total: int
    day: int
    month: int
    on: date

    def turn(self, day: date) -> None:
        """A new day, or month, begins with nothing."""
        if day <= self.on:
            return
        if (day.year, day.month) != (self.on.year, self.on.month):
            self.month = 0
        self.day, self.on = 0, day

    def add(self, cost: int, day: date) -> None:
        """Spend, on this day."""
        self.turn(day)
        self.total += cost
        if day == self.on:
            self.day += cost
        if (day.year, day.month) == (self.on.year, self.on.month):
            self.month += cost

    def of(self, window: str) -> int:
        """What was spent in this window."""
        return int(getattr(self, window))


@dataclass(slots=True)
class _State:
    requests: _Slots = field(default_factory=_Slots)
    tokens: _Slots = field(default_factory=_Slots)
    leases: dict[str, tuple[float, int, bool]] = field(default_factory=dict)
    """By reservation: until when, how much money it may cost, whether it is a call."""
    reserved: int = 0
    under_way: int = 0
    """How many of them are calls."""
    spending: _Spending | None = None


class MemoryCounters:
    """See `redis.RedisCounters`: the same answers to the same questions."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds that only go forward."""
        self._clock = clock
        self._states: dict[str, _State] = {}

    async def admit(self, ask: Ask) -> Answer:
        """Count it in all of its buckets, or in none."""
        now = self._clock()
        states = [self._state(bucket.key, now) for bucket in ask.buckets]
        for bucket, state in zip(ask.buckets, states, strict=True):
            found = _refusal(bucket, state, ask, now)
            if found is not None:
                return found
        slot = int(now)
        for state in states:
            if ask.counts:
                state.requests.add(slot, 1)
            state.tokens.add(slot, ask.tokens)
            _lease(state, ask, now)
        standings = (_standing(b, s, now) for b, s in zip(ask.buckets, states, strict=True))
        return Granted(slot, tuple(standings))

    async def settle(self, ask: Ask, slot: int, tokens: int, cost_micros: int) -> None:
        """It is over: the truth instead of what was reserved."""
        for bucket in ask.buckets:
            state = self._state(bucket.key, self._clock())
            _release(state, ask.id)
            state.tokens.add(slot, tokens - ask.tokens)
            if state.spending is not None and bucket.budgets:
                state.spending.add(cost_micros, ask.day)

    async def renew(self, asks: Iterable[Ask]) -> None:
        """They are still under way."""
        now = self._clock()
        for ask in asks:
            for bucket in ask.buckets:
                _lease(self._state(bucket.key, now), ask, now)

    async def seed(self, bucket: Bucket, spent: Spent) -> None:
        """At least this was spent; what is known already is never lowered."""
        state = self._state(bucket.key, self._clock())
        if state.spending is None:
            state.spending = _Spending(spent.total, spent.day, spent.month, spent.on)
            return
        own = state.spending
        own.turn(spent.on)
        own.total = max(own.total, spent.total)
        if spent.on == own.on:
            own.day = max(own.day, spent.day)
        if (spent.on.year, spent.on.month) == (own.on.year, own.on.month):
            own.month = max(own.month, spent.month)

    async def usage(self, bucket: Bucket, day: date) -> Usage:
        """What it holds now."""
        now = self._clock()
        state = self._state(bucket.key, now)
        own = state.spending
        if own is not None:
            own.turn(day)
        return Usage(
            state.requests.look(now),
            state.tokens.look(now),
            state.under_way,
            state.reserved,
            None if own is None else Spent(own.total, own.day, own.month, own.on),
            _standing(bucket, state, now),
        )

    async def sweep(self) -> None:
        """Forget what is idle; what was spent is kept."""
        now = self._clock()
        for key in list(self._states):
            state = self._state(key, now)
            idle = not (state.leases or state.requests.look(now) or state.tokens.look(now))
            if idle and state.spending is None:
                del self._states[key]

    async def aclose(self) -> None:
        """Nothing is to be given back."""

    def _state(self, key: str, now: float) -> _State:
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = _State()
        while state.leases:
            # In the order of their ends: all are as long, and a renewal puts one at the end.
            id, (until, _cost, _call) = next(iter(state.leases.items()))
            if until > now:
                break
            _release(state, id)
        return state


def _refusal(bucket: Bucket, state: _State, ask: Ask, now: float) -> Refused | Unknown | None:
    if bucket.concurrency is not None and ask.counts and state.under_way >= bucket.concurrency:
        return Refused(bucket, "concurrency", bucket.concurrency, _FREE_SOON_S)
    if bucket.rpm is not None and ask.counts:
        used = state.requests.look(now)
        if used >= bucket.rpm:
            wait_s = state.requests.room_in(now, used + 1 - bucket.rpm)
            return Refused(bucket, "rpm", bucket.rpm, wait_s)
    if bucket.tpm is not None:
        used = state.tokens.look(now)
        # One that is larger than the limit may go alone: nobody could ever make room for it.
        if used > 0 and used + ask.tokens > bucket.tpm:
            wait_s = state.tokens.room_in(now, min(used, used + ask.tokens - bucket.tpm))
            return Refused(bucket, "tpm", bucket.tpm, wait_s)
    return _over_budget(bucket, state, ask) if bucket.budgets else None


def _over_budget(bucket: Bucket, state: _State, ask: Ask) -> Refused | Unknown | None:
    if state.spending is None:
        return Unknown(bucket)
    state.spending.turn(ask.day)
    held = None
    for budget in bucket.budgets:
        spent = state.spending.of(budget.window)
        if spent >= budget.amount:
            return Refused(bucket, budget.window, budget.amount, math.inf)
        # One call alone may go while there is money: its worst case is seldom its cost.
        if state.reserved and spent + state.reserved + ask.cost_micros > budget.amount:
            held = Refused(bucket, "reserved", budget.amount, _FREE_SOON_S)
    return held


def _lease(state: _State, ask: Ask, now: float) -> None:
    _release(state, ask.id)
    state.leases[ask.id] = now + ask.lease_s, ask.cost_micros, ask.counts
    state.reserved += ask.cost_micros
    state.under_way += ask.counts


def _release(state: _State, id: str) -> None:
    lease = state.leases.pop(id, None)
    if lease is not None:
        state.reserved -= lease[1]
        state.under_way -= lease[2]


def _standing(bucket: Bucket, state: _State, now: float) -> Standing:
    requests = state.requests.look(now) if bucket.rpm is not None else 0
    tokens = state.tokens.look(now) if bucket.tpm is not None else 0
    return Standing(
        None if bucket.rpm is None else max(0, bucket.rpm - requests),
        state.requests.empty_in(now),
        None if bucket.tpm is None else max(0, bucket.tpm - tokens),
        state.tokens.empty_in(now),
    )
