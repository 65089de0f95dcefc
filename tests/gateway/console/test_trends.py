"""Which way a figure moves, in words."""

import pytest

from gateway.console.trends import Good, trend, trend_of_share


@pytest.mark.parametrize(
    ("now", "before", "good", "arrow", "words", "verdict"),
    [
        (112, 100, "", "▲", "12 % more", ""),
        (88, 100, "", "▼", "12 % less", ""),
        (112, 100, "less", "▲", "12 % worse", "worse"),
        (88, 100, "less", "▼", "12 % better", "better"),
        (112, 100, "more", "▲", "12 % better", "better"),
        (100.2, 100, "less", "", "as before", ""),
        (2500, 100, "", "▲", "25 times more", ""),
        (0, 100, "", "▼", "100 % less", ""),
    ],
)
def test_a_figure_beside_the_one_before(
    now: float, before: float, good: Good, arrow: str, words: str, verdict: str
) -> None:
    found = trend(now, before, good)

    assert found is not None
    assert (found.arrow, found.words, found.verdict) == (arrow, words, verdict)


def test_shares_are_compared_in_points() -> None:
    better, worse, same = (trend_of_share(now, 0.98) for now in (0.99, 0.951, 0.9801))

    assert better is not None
    assert (better.arrow, better.words, better.verdict) == ("▲", "1.0 points better", "better")
    assert worse is not None
    assert (worse.arrow, worse.words, worse.verdict) == ("▼", "2.9 points worse", "worse")
    assert same is not None
    assert same.arrow == ""


def test_nothing_cannot_be_compared_with() -> None:
    assert trend(5, 0) is None
    assert trend(5, None) is None
    assert trend(None, 5) is None
    assert trend_of_share(None, 0.5) is None
    assert trend_of_share(0.5, None) is None
