"""What one call holds of its limits, until it is settled."""

from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Protocol, Self

from licences.limits.terms import Ask, Rates, Subject


class Settles(Protocol):
    """The limiter, as reservations know it."""

    async def settled(self, ask: Ask, slot: int, tokens: int, cost_micros: int) -> None:
        """It is over."""

    async def sheltered(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this to its end."""


class Reservation:
    """What one call holds, until it is settled. Leaving the block unsettled gives it all back."""

    __slots__ = ("_ask", "_limiter", "_slot", "rates")

    def __init__(self, limiter: Settles, ask: Ask | None, slot: int, rates: Rates) -> None:
        """`ask` None: nothing is held."""
        self._limiter = limiter
        self._ask = ask
        self._slot = slot
        self.rates = rates

    @property
    def asked(self) -> Ask | None:
        """What is held; None: nothing, or nothing any more."""
        return self._ask

    def is_of(self, subject: Subject) -> bool:
        """Whether it holds something of this kind."""
        buckets = () if self._ask is None else self._ask.buckets
        return any(bucket.subject == subject for bucket in buckets)

    def give_up(self) -> Ask | None:
        """What was held; it is held no more by this."""
        ask, self._ask = self._ask, None
        return ask

    async def settle(self, *, tokens: int = 0, cost_micros: int = 0) -> None:
        """Count the truth instead of what was reserved; the first word holds."""
        if (ask := self.give_up()) is not None:
            await self._limiter.settled(ask, self._slot, tokens, cost_micros)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._ask is not None:
            await self._limiter.sheltered(self.settle())
