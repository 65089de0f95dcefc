"""Words for tests of counters: a clock, buckets, what is asked and what is answered."""

from datetime import date
from typing import Any

import pytest

from licences.limits.terms import Answer, Ask, Bucket, Budget, Rate, Refused, Spent

DAY = date(2026, 11, 23)
LEASE_S = 30.0
NOTHING = Spent(0, 0, 0, DAY)


class Clock:
    """Time that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.5

    def __call__(self) -> float:
        return self.now


def ask(bucket: Bucket | tuple[Bucket, ...], id: str = "a", **over: Any) -> Ask:
    buckets = bucket if isinstance(bucket, tuple) else (bucket,)
    fields = {"tokens": 0, "cost_micros": 0, "day": DAY, "lease_s": LEASE_S, **over}
    return Ask(id, buckets, **fields)


def bucket(key: str = "licence:1", **over: Any) -> Bucket:
    return Bucket(key, "licence", **over)


def budgeted(**amounts: int) -> Bucket:
    budgets = tuple(Budget(window, amount) for window, amount in amounts.items())  # type: ignore[arg-type]
    return bucket(budgets=budgets)


def refused(answer: Answer) -> tuple[str, int, float]:
    assert isinstance(answer, Refused), answer
    return answer.what, answer.limit, answer.retry_after_s


def same(one: Rate | None, other: Rate | None) -> None:
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (one.limit, one.left) == (other.limit, other.left)
        assert one.reset_s == pytest.approx(other.reset_s, abs=0.01)
