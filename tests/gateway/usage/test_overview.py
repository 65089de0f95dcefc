"""What the dashboard tells of a period."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from gateway.usage import overview, rows
from gateway.usage.overview import By, Figures, Kind
from gateway.usage.periods import Period, period
from tests.gateway.usage.records import record

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)
TODAY = period(1, NOW, ZoneInfo("UTC"))
HOUR = timedelta(hours=1)


def use(*moments: datetime, **over: Any) -> None:
    """A request at each of these moments."""
    with transaction.atomic():
        rows.insert(
            [rows.checked(record(at=int(at.timestamp()) * 1_000_000, **over)) for at in moments]
        )


def test_a_period_holds_what_happened_in_it() -> None:
    midnight = datetime(2026, 11, 26, tzinfo=UTC)
    use(midnight, NOW, prompt_tokens=10, completion_tokens=5, cost_micros=7)
    use(midnight - HOUR, prompt_tokens=1000)

    found = overview.totals(TODAY)

    each = Figures(requests=1, tokens=15, cost_micros=7)
    assert found.now == Figures(requests=2, tokens=30, cost_micros=14)
    assert found.steps == {0: each, 14: each}


@pytest.mark.parametrize(
    ("zone", "requests"),
    [
        ("UTC", 2),
        ("Asia/Kathmandu", 4),  # today began yesterday at 18:15
        ("America/New_York", 1),  # and there at 5:00
    ],
)
def test_today_is_the_operators(zone: str, requests: int) -> None:
    use(
        *(NOW - HOUR, NOW - 12 * HOUR),  # 13:30 and 2:30
        *(NOW - 16 * HOUR, NOW - 20 * HOUR),  # 22:30 and 18:30
        NOW - 22 * HOUR,  # 16:30
    )

    assert overview.totals(period(1, NOW, ZoneInfo(zone))).now.requests == requests


def test_the_day_before_is_compared_up_to_the_same_minute() -> None:
    day = timedelta(days=1)
    use(NOW - 2 * day)
    use(NOW - day - HOUR, cost_micros=100)
    use(NOW - day, cost_micros=100)  # in the hour that is half over now
    use(NOW - day + HOUR, cost_micros=100)

    before = overview.totals(TODAY).before

    assert before is not None
    assert (before.requests, before.cost_micros) == (1.5, 150)


def test_a_young_system_has_nothing_to_compare_with() -> None:
    use(NOW, NOW - HOUR, NOW - 15 * HOUR)

    assert overview.totals(TODAY).before is None


def test_callers_own_errors_do_not_lower_the_success_rate() -> None:
    use(*[NOW] * 7)
    use(*[NOW] * 20, outcome="refused", status=429)
    use(*[NOW] * 5, outcome="cancelled", status=499)
    use(*[NOW] * 2, outcome="upstream_error", status=502)
    use(NOW, outcome="truncated")

    assert overview.totals(TODAY).now.success == pytest.approx(0.7)


def test_without_any_answer_there_is_no_success_rate() -> None:
    use(NOW, outcome="refused", status=403)

    assert overview.totals(TODAY).now.success is None


def test_the_largest_of_each_measure_are_known_by_step() -> None:
    use(*[NOW] * 3, platform="many", cost_micros=1)
    use(NOW - HOUR, platform="dear", cost_micros=1000)
    use(NOW, platform="neither", cost_micros=2, prompt_tokens=0, completion_tokens=0)
    use(NOW, platform="wordy", prompt_tokens=5000)

    found = overview.axis(TODAY, By.PLATFORM, 1)

    assert set(found.totals) == {"many", "dear", "neither", "wordy"}
    assert found.steps == {
        "many": {14: (3, 39, 3)},
        "dear": {13: (1, 13, 1000)},
        "wordy": {14: (1, 5004, 0)},
    }


@pytest.mark.parametrize("days", [1, 7, 30])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Europe/Berlin"])
def test_steps_of_all_and_of_each_agree(days: int, zone: str) -> None:
    now = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)  # clocks went back within seven days
    chosen = period(days, now, ZoneInfo(zone))
    use(*(now - n * 7 * HOUR for n in range(110)))

    of_all = overview.totals(chosen).steps
    of_one = overview.axis(chosen, By.MODEL, 7).steps["m-1"]

    assert {step: figures.requests for step, figures in of_all.items()} == {
        step: sums.requests for step, sums in of_one.items()
    }


def test_percentiles_are_those_of_the_period_and_of_each_step() -> None:
    use(*[NOW] * 19, latency_ms=1000, stream=True, first_byte_ms=200)
    use(NOW - HOUR, latency_ms=50_000)
    use(NOW - timedelta(days=1), latency_ms=4000)

    found = overview.timings(TODAY)

    assert found.percentile(Kind.LATENCY, 0.5) == pytest.approx(1000, rel=0.13)
    assert found.percentile(Kind.LATENCY, 1) == pytest.approx(50_000, rel=0.13)
    assert found.percentile(Kind.FIRST_BYTE, 0.95) == pytest.approx(200, rel=0.13)
    assert found.percentile(Kind.LATENCY, 0.5, before=True) == pytest.approx(4000, rel=0.13)
    assert found.percentile(Kind.FIRST_BYTE, 0.5, before=True) is None
    by_step = found.over_time(Kind.LATENCY, 0.5, 24)
    assert [n for n, value in enumerate(by_step) if value is not None] == [13, 14]
    assert by_step[13] == pytest.approx(50_000, rel=0.13)


def test_the_dearest_licences_come_first() -> None:
    use(NOW, licence_id=1, cost_micros=5)
    use(NOW, licence_id=2, cost_micros=50)
    use(NOW, NOW, licence_id=3)
    use(NOW - timedelta(days=1), licence_id=4, cost_micros=500)
    use(NOW, licence_id=None)

    found = overview.licences(TODAY, 2)

    assert found == [(2, (1, 13, 50)), (1, (1, 13, 5))]
    assert [pk for pk, _sums in overview.licences(period(7, NOW, UTC), 9)] == [4, 2, 1, 3]


def test_the_newest_failures_of_either_kind_are_found() -> None:
    use(*(NOW - n * HOUR for n in (1, 3, 5)), outcome="truncated")
    use(*(NOW - n * HOUR for n in (2, 4)), outcome="upstream_error", status=502)
    use(NOW, outcome="refused", status=429)
    use(NOW - 20 * HOUR, outcome="truncated")

    found = overview.latest_failures(TODAY, 4)

    assert [NOW - record.at for record in found] == [n * HOUR for n in (1, 2, 3, 4)]
    assert len(overview.latest_failures(TODAY, 9)) == 5


@pytest.mark.parametrize("days", [1, 7, 30])
def test_queries_depend_on_nothing(days: int) -> None:
    chosen = period(days, NOW, ZoneInfo("Asia/Kathmandu"))
    use(NOW)
    few = _queries(chosen)
    for n in range(12):
        use(NOW - n * 5 * HOUR, platform=f"p{n}", model=f"m{n}", outcome="truncated", licence_id=n)

    assert _queries(chosen) == few == 10


def _queries(chosen: Period) -> int:
    with CaptureQueriesContext(connection) as found:
        overview.is_empty()
        overview.totals(chosen)
        overview.timings(chosen)
        overview.axis(chosen, By.PLATFORM, 7)
        overview.axis(chosen, By.MODEL, 7)
        overview.latest_failures(chosen, 8)
    return len(found)
