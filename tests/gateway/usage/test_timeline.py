"""What happened during a request, on its time axis; and what each part of it cost."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gateway.shapes import Usage
from gateway.usage.prices import MAX_COST_MICROS, cost_micros, parts
from gateway.usage.timeline import timeline
from platforms.routes import Price

RATE = {"platform": "p", "model": "m", "credential": "a", "ms": 100, "failure": "rate"}
GOOD = {"platform": "p", "model": "m", "credential": "b", "ms": 300}


@dataclass(frozen=True)
class Case:
    id: str
    tries: list[dict[str, Any]]
    first: int | None
    latency: int
    bars: list[tuple[str, int, int]]
    is_good: bool = True
    is_exact: bool = True


@pytest.mark.parametrize(
    "case",
    [
        Case("one", [], 200, 1000, [("began", 0, 200), ("answered", 200, 800)]),
        Case("at once", [], 1000, 1000, [("answered", 0, 1000)]),
        Case("refused", [], None, 0, [("broke", 0, 0)], is_good=False),
        Case(
            "second answers",
            [{**RATE, "at_ms": 2}, {**GOOD, "at_ms": 150}],
            450,
            900,
            [("failed", 2, 100), ("waited", 102, 48), ("began", 150, 300), ("answered", 450, 450)],
        ),
        Case(
            "none answers",
            [{**RATE, "at_ms": 0}, {**RATE, "at_ms": 100}],
            None,
            700,
            [("failed", 0, 100), ("failed", 100, 100), ("waited", 200, 500)],
            is_good=False,
        ),
        Case(
            "cut",
            [{**GOOD, "failure": "broken", "at_ms": 0}],
            300,
            900,
            [("began", 0, 300), ("broke", 300, 600)],
            is_good=False,
        ),
        Case(
            "old record",
            [RATE, GOOD],
            450,
            900,
            [("failed", 0, 100), ("began", 100, 300), ("answered", 400, 500)],
            is_exact=False,
        ),
        Case(
            "nonsense",
            [{"ms": "x", "at_ms": -5, "failure": 7}],
            None,
            0,
            [("failed", 0, 0)],
            is_good=False,
        ),
    ],
    ids=lambda case: case.id,
)
def test_bars_follow_one_another(case: Case) -> None:
    found = timeline(
        case.tries, first_byte_ms=case.first, latency_ms=case.latency, is_good=case.is_good
    )

    assert [(bar.kind, bar.start_ms, bar.ms) for bar in found.bars] == case.bars
    assert found.is_exact == case.is_exact
    assert found.total_ms >= max(1, case.latency)


micros = st.integers(0, 10**8)
count = st.integers(0, 10**7)


@given(
    st.builds(
        Price,
        prompt=micros,
        completion=micros,
        image=micros,
        second=micros,
        request=micros,
        cached=st.none() | micros,
        cache_write=st.none() | micros,
    ),
    st.builds(
        Usage,
        prompt_tokens=count,
        completion_tokens=count,
        cached_tokens=count,
        cache_write_tokens=count,
        images=st.integers(0, 100),
        seconds=st.floats(0, 1000),
    ),
)
def test_the_parts_are_what_the_whole_costs(price: Price, usage: Usage) -> None:
    exact = sum((part.micros for part in parts(price, usage)), Decimal())

    assert min(int(exact + Decimal("0.5")), MAX_COST_MICROS) == cost_micros(price, usage)
