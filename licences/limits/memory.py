"""Counters in this process's memory: for one process. All admission is one step of the event loop.

With all limits on, an admission and its settlement cost about 5 µs together. Every call comes
through here once, with cold caches: so a bucket is looked up once, and what is over goes first, so
that its sums need no second look.
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
    Rates,
    Refused,
    Spent,
    Unknown,
    Usage,
)

_FREE_SOON_S = 1.0  # when a call under way ends cannot be told


@dataclass(slots=True)
class _Slot:
    """What was admitted in a second of the last minute."""

    at: int
    requests: int = 0
    tokens: int = 0


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


@dataclass(slots=True)
class _State:
    slots: deque[_Slot] = field(default_factory=deque)
    """Of the last minute, the oldest first."""
    requests: int = 0
    """In all of them together, as are the tokens."""
    tokens: int = 0
    last_request: int = 0
    """In which slot; of no account while there are none."""
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
        states = []
        for bucket in ask.buckets:
            state = self._state(bucket.key, now)
            found = _refusal(bucket, state, ask, now)
            if found is not None:
                return found
            states.append(state)
        slot, rates = int(now), Rates()
        for bucket, state in zip(ask.buckets, states, strict=True):
            _take(state, ask, slot, now)
            rates.see(bucket, state.requests, state.tokens, *_resets(state, now))
        return Granted(slot, rates)

    async def settle(self, ask: Ask, slot: int, tokens: int, cost_micros: int) -> None:
        """It is over: the truth instead of what was reserved."""
        more = tokens - ask.tokens
        for bucket in ask.buckets:
            state = self._states.get(bucket.key)
            if state is None:
                continue
            _release(state, ask.id)
            if more:
                _correct(state, slot, more)
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
            state.requests,
            state.tokens,
            state.under_way,
            state.reserved,
            None if own is None else Spent(own.total, own.day, own.month, own.on),
            *_resets(state, now),
        )

    async def sweep(self) -> None:
        """Forget what is idle; what was spent is kept."""
        now = self._clock()
        for key in list(self._states):
            state = self._state(key, now)
            if not (state.leases or state.slots) and state.spending is None:
                del self._states[key]

    async def aclose(self) -> None:
        """Nothing is to be given back."""

    def _state(self, key: str, now: float) -> _State:
        """As it is now: slots and leases that are over are gone."""
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = _State()
        slots, leases = state.slots, state.leases
        while slots and slots[0].at + 1 + WINDOW_S <= now:
            over = slots.popleft()
            state.requests -= over.requests
            state.tokens -= over.tokens
        while leases:
            # In the order of their ends: all are as long, and a renewal puts one at the end.
            id = next(iter(leases))
            if leases[id][0] > now:
                break
            _release(state, id)
        return state


def _refusal(bucket: Bucket, state: _State, ask: Ask, now: float) -> Refused | Unknown | None:
    if ask.counts:
        most = bucket.concurrency
        if most is not None and state.under_way >= most:
            return Refused(bucket, "concurrency", most, _FREE_SOON_S)
        most = bucket.rpm
        if most is not None and state.requests >= most:
            amounts = ((slot.at, slot.requests) for slot in state.slots)
            wait_s = _room_in(now, amounts, state.requests + 1 - most)
            return Refused(bucket, "rpm", most, wait_s)
    most, used = bucket.tpm, state.tokens
    # One that is larger than the limit may go alone: nobody could ever make room for it.
    if most is not None and used > 0 and used + ask.tokens > most:
        amounts = ((slot.at, slot.tokens) for slot in state.slots)
        wait_s = _room_in(now, amounts, min(used, used + ask.tokens - most))
        return Refused(bucket, "tpm", most, wait_s)
    return _over_budget(bucket, state, ask) if bucket.budgets else None


def _room_in(now: float, amounts: Iterable[tuple[int, int]], excess: int) -> float:
    """Seconds until so much of these slots' amounts is over."""
    for at, amount in amounts:
        excess -= amount
        if excess <= 0:
            return at + 1 + WINDOW_S - now
    return float(WINDOW_S)


def _over_budget(bucket: Bucket, state: _State, ask: Ask) -> Refused | Unknown | None:
    spending, reserved = state.spending, state.reserved
    if spending is None:
        return Unknown(bucket)
    spending.turn(ask.day)
    held = None
    for budget in bucket.budgets:
        spent: int = getattr(spending, budget.window)
        if spent >= budget.amount:
            return Refused(bucket, budget.window, budget.amount, math.inf)
        # One call alone may go while there is money: its worst case is seldom its cost.
        if reserved and spent + reserved + ask.cost_micros > budget.amount:
            held = Refused(bucket, "reserved", budget.amount, _FREE_SOON_S)
    return held


def _take(state: _State, ask: Ask, at: int, now: float) -> None:
    slots = state.slots
    if not slots or slots[-1].at < at:
        slots.append(_Slot(at))
    slot, tokens = slots[-1], ask.tokens
    slot.tokens += tokens
    state.tokens += tokens
    if ask.counts:
        slot.requests += 1
        state.requests += 1
        state.last_request = at
    _lease(state, ask, now)


def _correct(state: _State, at: int, more: int) -> None:
    """Tokens of a slot that is not over yet; of one that is, nothing."""
    for slot in reversed(state.slots):
        if slot.at <= at:
            if slot.at == at:
                slot.tokens += more
                state.tokens += more
            return


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


def _resets(state: _State, now: float) -> tuple[float, float]:
    """In how many seconds all requests and all tokens are there again."""
    slots, over_s = state.slots, now - WINDOW_S - 1
    return (
        state.last_request - over_s if state.requests else 0.0,
        slots[-1].at - over_s if slots else 0.0,
    )
