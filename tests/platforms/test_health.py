"""How one credential rests and comes back: only what its own time tells it."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from platforms.health import FAILURES, MOST_COOL_S, MOST_RETRY_AFTER_S, OPEN_S, Health, Rest


@pytest.mark.parametrize(
    ("said", "rests_s"),
    [(None, 1.0), (0.25, 0.25), (30.0, 30.0), (10**9, MOST_RETRY_AFTER_S)],
)
def test_a_rest_lasts_as_long_as_the_platform_says(said: float | None, rests_s: float) -> None:
    rest = Rest()

    rest.cool(100.0, 99.0, said)

    assert rest.cooling_until == 100.0 + rests_s
    assert rest.why(100.0 + rests_s - 0.01) == "rate"
    assert rest.why(100.0 + rests_s) is None


def test_without_a_word_each_rest_is_twice_as_long() -> None:
    rest, now, lengths = Rest(), 0.0, []
    for _ in range(9):
        lengths.append(rest.cool(now, now, None) - now)
        now = rest.cooling_until + 1

    assert lengths == [1, 2, 4, 8, 16, 32, MOST_COOL_S, MOST_COOL_S, MOST_COOL_S]


def test_a_hundred_late_refusals_are_one() -> None:
    rest = Rest()

    for number in range(100):  # of calls that were under way when the first was refused
        rest.cool(10.0 + number / 1000, 9.0, None)

    assert rest.cooling_until == pytest.approx(11.1, abs=0.01)


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["cool", "fail", "begin"]),
        st.floats(0, 20),
        st.floats(0, 30),
        st.none() | st.floats(0, 100),
    ),
    max_size=30,
)


@given(_EVENTS)
def test_a_rest_only_ever_grows(events: list[tuple[Any, ...]]) -> None:
    rest, now, until = Rest(), 100.0, 0.0
    for what, pause_s, age_s, said in events:
        now += pause_s
        if what == "cool":
            rest.cool(now, now - age_s, said)
        elif what == "fail":
            rest.failed(now, now - age_s)
        elif rest.why(now) is None:
            rest.begin()
        assert rest.cooling_until >= until
        until = rest.cooling_until


def opened(now: float = 10.0) -> Rest:
    rest = Rest()
    for _ in range(FAILURES):
        rest.failed(now, now - 1)
    return rest


def test_failures_in_a_row_open_the_breaker_and_fewer_do_not() -> None:
    rest = Rest()

    said = [rest.failed(10.0, 9.0) for _ in range(FAILURES)]

    assert said == [False] * (FAILURES - 1) + [True]
    assert rest.why(10.0) == "open"
    assert rest.why(10.0 + OPEN_S) is None


def test_half_open_lets_one_through_and_no_second() -> None:
    rest = opened()
    rest.begin()

    assert rest.why(10.0 + OPEN_S) == "trial"


def test_a_failed_trial_doubles_the_pause() -> None:
    rest = opened()
    rest.begin()

    assert rest.failed(20.0, 13.0)
    assert rest.cooling_until == 20.0 + 2 * OPEN_S


@pytest.mark.parametrize("what", ["failed", "cool"])
def test_what_began_before_neither_opens_anew_nor_takes_the_trial_away(what: str) -> None:
    rest = opened()
    rest.begin()

    rest.failed(12.5, 9.0) if what == "failed" else rest.cool(12.5, 9.0, 0.1)

    assert rest.trying
    assert rest.openings == 1


def test_the_last_hour_forgets_what_is_older() -> None:
    health = Health()
    for minute in range(90):
        health.count(minute * 60.0, ok=minute % 3 != 0)

    assert health.last_hour(89 * 60.0) == (40, 20)
    assert health.last_hour(200 * 60.0) == (0, 0)


def test_one_models_rest_is_not_anothers() -> None:
    health = Health()
    health.rest("a").cool(0.0, 0.0, 60)

    assert health.why("a", 1.0) == "rate"
    assert health.why("b", 1.0) is None
    assert health.free_in("a", 1.0) == 59
