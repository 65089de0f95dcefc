"""Histograms: where a duration is counted, and how true percentiles of counts are."""

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from gateway.usage.timings import RATIO, bounds, bucket_of, percentile

milliseconds = st.integers(0, 2**31 - 1)


@given(milliseconds)
def test_a_duration_is_in_its_bucket(ms: int) -> None:
    low, high = bounds(bucket_of(ms))

    assert low * (1 - 1e-9) <= ms < high * (1 + 1e-9)


@given(milliseconds, milliseconds)
def test_a_longer_duration_is_in_no_earlier_bucket(one: int, other: int) -> None:
    assert bucket_of(min(one, other)) <= bucket_of(max(one, other))


@given(milliseconds)
def test_buckets_lie_side_by_side_and_fit_their_column(ms: int) -> None:
    bucket = bucket_of(ms)

    assert bounds(bucket)[1] == bounds(bucket + 1)[0]
    assert bucket < 2**15


@given(st.lists(milliseconds, min_size=1), st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_percentile_is_wrong_by_no_more_than_its_bucket(found: list[int], share: float) -> None:
    told = percentile(Counter(map(bucket_of, found)), share)

    # So many took at most that long; rounded as the counting does it.
    true = sorted(found)[max(0, -int(-share * len(found) // 1) - 1)]
    assert told is not None
    assert true / RATIO - 1 <= told <= true * RATIO + 1


def test_the_median_of_many_equal_ones_is_one_of_them() -> None:
    assert percentile({bucket_of(1000): 10_000}, 0.5) == pytest.approx(1000, rel=RATIO - 1)


def test_nothing_has_no_percentile() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({3: 0}, 0.5) is None


def test_a_single_slow_one_is_the_last_percentile_only() -> None:
    counts = {bucket_of(100): 99, bucket_of(60_000): 1}

    assert percentile(counts, 0.95) == pytest.approx(100, rel=0.13)
    assert percentile(counts, 1) == pytest.approx(60_000, rel=0.13)
