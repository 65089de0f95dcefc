"""What an order of a picture or film is counted in."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.media import money
from licences.holders import Holder
from licences.limits.terms import Bucket, Budget

BUDGETS = (Budget("total", 100),)


@dataclass
class Limiter:
    """Notes what it is asked to admit."""

    asked: list[Bucket] = field(default_factory=list)

    async def admit(self, _id: str, buckets: list[Bucket]) -> str:
        self.asked += buckets
        return "held"


@pytest.mark.parametrize(
    ("limits", "counted"),
    [
        (Bucket("licence:1", "licence", budgets=BUDGETS), []),
        (
            Bucket("licence:1", "licence", rpm=3, budgets=BUDGETS),
            [Bucket("licence:1", "licence", rpm=3)],
        ),
        (None, []),
    ],
    ids=["a budget alone", "requests too", "nothing"],
)
async def test_an_order_is_counted_where_requests_are_its_money_apart(
    limits: Bucket | None, counted: list[Bucket]
) -> None:
    limiter = Limiter()
    caller = Holder(id=1, name="ada", start="tk-abcde", limits=limits)
    entry = SimpleNamespace(id="x", caller=caller, reservation=None)
    platform = SimpleNamespace(rpm=None, tpm=None, concurrency=None)
    route = SimpleNamespace(name="film-1", platform=platform)

    await money.admitted(cast(Any, limiter), cast(Any, entry), cast(Any, route))

    assert limiter.asked == counted
    assert entry.reservation == ("held" if counted else None)
