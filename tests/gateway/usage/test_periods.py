"""Today and the days before it, wherever the operator is."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from gateway.usage.periods import CHOICES, HOUR, Period, period

NOW = datetime(2026, 11, 26, 14, 20, tzinfo=UTC)
BERLIN, KATHMANDU = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "America/Havana")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_today_begins_at_the_operators_midnight() -> None:
    found = period(1, NOW, BERLIN)

    assert (found.since, found.until) == (at("2026-11-25T23:00"), at("2026-11-26T15:00"))
    assert len(found.steps) == 24
    assert found.begun() == 16


def test_seven_days_are_today_and_six_before_in_steps_of_six_hours() -> None:
    found = period(7, NOW, BERLIN)

    assert found.since == at("2026-11-19T23:00")
    assert len(found.steps) == 28
    assert {found.local(step).hour for step in found.steps} == {0, 6, 12, 18}


def test_thirty_days_are_thirty_steps() -> None:
    found = period(30, NOW, BERLIN)

    assert len(found.steps) == 30
    assert found.local(found.steps[0]).date().isoformat() == "2026-10-28"


@pytest.mark.parametrize(
    ("now", "since"),
    [
        # Midnight there is at 18:15 UTC: three quarters of that hour are of the new day.
        ("2026-11-25T18:20", "2026-11-25T18:00"),
        ("2026-11-25T18:10", "2026-11-24T18:00"),
        ("2026-11-26T14:20", "2026-11-25T18:00"),
    ],
)
def test_an_hour_belongs_to_the_day_that_its_middle_is_in(now: str, since: str) -> None:
    assert period(1, at(now), KATHMANDU).since == at(since)


@pytest.mark.parametrize("now", ["2026-11-26T12:00", "2026-11-25T23:50"])
def test_an_hour_that_is_mostly_of_yesterday_is_yesterdays(now: str) -> None:
    quarter = timezone(timedelta(minutes=15))  # midnight at a quarter to twelve of UTC

    found = period(1, at(now), quarter)

    assert found.since == at("2026-11-26T00:00")
    assert found.until > found.since


def test_a_day_on_which_clocks_go_back_has_25_steps() -> None:
    found = period(1, at("2026-10-25T20:00"), BERLIN)

    assert (found.since, len(found.steps)) == (at("2026-10-24T22:00"), 25)
    assert [found.local(step).hour for step in found.steps[:5]] == [0, 1, 2, 2, 3]


def test_a_day_on_which_clocks_go_forward_has_23_steps() -> None:
    found = period(1, at("2026-03-29T20:00"), BERLIN)

    assert (found.since, len(found.steps)) == (at("2026-03-28T23:00"), 23)


def test_days_around_a_change_of_clocks_begin_at_midnight_each() -> None:
    found = period(30, at("2026-11-10T12:00"), BERLIN)

    assert len(found.steps) == 30
    assert {found.local(step).hour for step in found.steps} == {0}
    assert {b - a for a, b in pairwise(found.steps)} == {24 * HOUR, 25 * HOUR}


def test_the_period_before_ends_at_the_same_time_of_day() -> None:
    before = period(7, NOW, BERLIN).before

    assert (before.since, before.last) == (at("2026-11-12T23:00"), at("2026-11-19T14:00"))
    assert before.weight(before.last) == pytest.approx(1 / 3)
    assert before.weight(before.last - HOUR) == 1
    assert before.weight(before.last + HOUR) == 0
    assert before.weight(before.since - HOUR) == 0


@given(
    st.integers(0, 2 * 365 * 24 * 60).map(lambda n: at("2026-01-01") + timedelta(minutes=n)),
    st.sampled_from(ZONES),
    st.sampled_from(CHOICES),
)
def test_steps_cover_the_period_whole_and_in_order(now: datetime, zone: str, days: int) -> None:
    found = period(days, now, ZoneInfo(zone))

    assert found.steps[0] == found.since
    assert all(a < b for a, b in pairwise(found.steps))
    assert found.since < found.until
    assert found.before.since <= found.before.last < found.since
    assert timedelta(0) <= now - (found.until - HOUR) < HOUR or _is_before_todays_hour(found, now)
    numbers = [found.step(hour) for hour in _hours(found)]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(found.begun()))


def _hours(found: Period) -> list[datetime]:
    count = (found.until - found.since) // HOUR
    return [found.since + n * HOUR for n in range(count)]


def _is_before_todays_hour(found: Period, now: datetime) -> bool:
    """The first minutes of a day whose first hour is not the present one yet."""
    return found.until == found.since + HOUR and now < found.since
