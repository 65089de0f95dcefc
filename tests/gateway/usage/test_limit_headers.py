"""What a caller is told of his rates; tables."""

import pytest

from gateway.usage.limit_headers import rate_headers
from licences.limits.terms import Bucket, Rate, Rates


def limited(rpm: int | None, tpm: int | None) -> Bucket:
    return Bucket("licence:1", "licence", "", rpm, tpm)


@pytest.mark.parametrize(
    ("buckets", "requests", "tokens"),
    [
        pytest.param([], None, None, id="nothing is limited"),
        pytest.param([(None, None, 1, 1)], None, None, id="only money is"),
        pytest.param([(10, None, 4, 0)], ("10", "4", "4s"), None, id="only requests are"),
        pytest.param([(0, 100, 0, 30)], None, ("100", "30", "30s"), id="none may come"),
        pytest.param(
            [(10, 1000, 4, 100), (100, 200, 39, 40)],
            ("100", "39", "39s"),
            ("1000", "100", "1m40s"),
            id="the tightest, requests and tokens apart",
        ),
        pytest.param(
            [(10, 10, 5, 0), (20, 20, 10, 0)],
            ("10", "5", "5s"),
            ("10", "0", "0ms"),
            id="the first of those that are as tight",
        ),
    ],
)
def test_rate_headers(
    buckets: list[tuple[int | None, int | None, int, int]],
    requests: tuple[str, str, str] | None,
    tokens: tuple[str, str, str] | None,
) -> None:
    """Of each bucket: its limits, and what is left; that is how many seconds it takes too."""
    rates = Rates()
    for rpm, tpm, left, more in buckets:
        rates.see(limited(rpm, tpm), (rpm or 0) - left, (tpm or 0) - more, left, more)

    told = rate_headers(rates)

    expected = {
        f"x-ratelimit-{what}-{name}": value
        for name, values in (("requests", requests), ("tokens", tokens))
        if values is not None
        for what, value in zip(("limit", "remaining", "reset"), values, strict=True)
    }
    assert {name.decode(): value.decode() for name, value in told} == expected


def test_more_than_all_is_never_left() -> None:
    rates = Rates()

    rates.see(limited(10, 100), 12, 120, 4, 30)

    assert rates == Rates(Rate(10, 0, 4), Rate(100, 0, 30))
