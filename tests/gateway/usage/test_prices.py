"""Money: exact, rounded once."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from gateway.shapes import Usage
from gateway.usage.prices import MAX_COST_MICROS, cost_micros, format_micros, prices
from platforms.routes import Price

CENTS = Price(version=1, prompt=2_500_000, cached=1_250_000, completion=10_000_000)
WRITES = Price(version=1, prompt=2_000_000, cached=1_000_000, cache_write=3_500_000)


@pytest.mark.parametrize(
    ("price", "usage", "expected"),
    [
        (CENTS, Usage(), 0),
        (CENTS, Usage(prompt_tokens=1000), 2500),
        (CENTS, Usage(prompt_tokens=1000, cached_tokens=400), 600 * 25 // 10 + 400 * 125 // 100),
        (CENTS, Usage(prompt_tokens=10, cached_tokens=99), 13),  # cached is within prompt
        (CENTS, Usage(prompt_tokens=1000, cache_write_tokens=400), 2500),
        (WRITES, Usage(prompt_tokens=1000, cached_tokens=300, cache_write_tokens=200), 2000),
        (WRITES, Usage(prompt_tokens=10, cached_tokens=8, cache_write_tokens=99), 15),
        (CENTS, Usage(completion_tokens=3, reasoning_tokens=2), 30),
        (Price(prompt=2_000_000), Usage(prompt_tokens=5, cached_tokens=5), 10),
        (Price(prompt=1), Usage(prompt_tokens=499_999), 0),
        (Price(prompt=1), Usage(prompt_tokens=500_000), 1),
        (Price(image=40_000), Usage(images=3), 120_000),
        (Price(second=100_000), Usage(seconds=2.5), 250_000),
        (Price(request=7), Usage(), 7),
        (CENTS, Usage(prompt_tokens=2**64 - 1), MAX_COST_MICROS),  # as an upstream may claim
    ],
)
def test_what_things_cost(price: Price, usage: Usage, expected: int) -> None:
    assert cost_micros(price, usage) == expected


@given(
    st.tuples(*[st.integers(0, 10**9)] * 3),
    st.integers(0, 10**7),
    st.integers(0, 10**7),
    st.integers(0, 10**7),
)
def test_nothing_is_lost_before_the_last_rounding(
    unit: tuple[int, int, int], prompt: int, cached: int, completion: int
) -> None:
    cached = min(cached, prompt)
    price = Price(1, prompt=unit[0], cached=unit[1], completion=unit[2])

    cost = cost_micros(price, Usage(prompt, completion, cached))

    exact = Fraction(
        (prompt - cached) * unit[0] + cached * unit[1] + completion * unit[2], 1_000_000
    )
    assert abs(cost - exact) <= Fraction(1, 2)


def test_a_record_keeps_the_prices_that_are_not_zero() -> None:
    assert prices(CENTS) == {"prompt": 2_500_000, "cached": 1_250_000, "completion": 10_000_000}
    assert prices(Price(prompt=2)) == {"prompt": 2}
    assert prices(Price(cache_write=0)) == {"cache_write": 0}


def test_a_record_tells_free_cached_tokens_from_those_that_cost_as_others() -> None:
    assert prices(Price(prompt=2, cached=0)) == {"prompt": 2, "cached": 0}


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (12_500, "0.0125"),
        (2_500_000, "2.50"),
        (10**12, "1,000,000.00"),
    ],
)
def test_money_for_people(micros: int, text: str) -> None:
    assert format_micros(micros) == text
    assert format_micros(micros, "USD") == f"{text} USD"
