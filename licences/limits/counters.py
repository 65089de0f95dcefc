"""What a limiter needs: somewhere to count, somebody who knows what was spent, a policy. Pure."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from licences.limits.terms import Answer, Ask, Bucket, Spent, Usage


class Counters(Protocol):
    """Where the numbers are kept. Raises CountersDown."""

    async def admit(self, ask: Ask) -> Answer:
        """Count it in all of its buckets, or in none."""

    async def settle(self, ask: Ask, slot: int, tokens: int, cost_micros: int) -> None:
        """It is over: the truth instead of what was reserved."""

    async def renew(self, asks: Iterable[Ask]) -> None:
        """They are still under way."""

    async def seed(self, bucket: Bucket, spent: Spent) -> None:
        """At least this was spent."""

    async def usage(self, bucket: Bucket, day: date) -> Usage:
        """What it holds now."""

    async def sweep(self) -> None:
        """Forget what is idle."""

    async def aclose(self) -> None:
        """Give back what it holds."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator has decided."""

    lease_s: float = 30.0
    wait_s: float = 5.0
    """How long an admission waits for money that others have reserved."""
    open_limits: bool = True
    """Without counters, rates and parallel calls are not held to; else such calls are refused."""
    open_budgets: bool = False
    """The same for budgets."""


SpentOf = Callable[[Collection[int]], Awaitable[dict[int, Spent]]]
"""Asks the database what licences have spent. Raises what it raises."""
