"""Sums and timings by the hour: booked with the records, once, and the same when filled later."""

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum
from django.utils import timezone

from gateway.models import UsageDay, UsageHour, UsageRecord, UsageTiming
from gateway.usage import hours, rows
from gateway.usage.booking import Booking
from gateway.usage.hours import SUMS
from gateway.usage.timings import bucket_of
from tests.gateway.usage.records import NOON, record

pytestmark = pytest.mark.django_db
HOUR = 3_600_000_000
SHARED = ("requests", "errors", *(name for name in SUMS))
KINDS_OF_END = (
    {"outcome": "completed", "status": 200, "stream": True, "first_byte_ms": 300},
    {"outcome": "completed", "status": 200},
    {"outcome": "cancelled", "status": 499},
    {"outcome": "refused", "status": 429},
    {"outcome": "upstream_error", "status": 502},
    {"outcome": "upstream_error", "status": 200},  # pings had gone out
    {"outcome": "truncated", "status": 200},
)


def insert(*lines: dict[str, Any]) -> None:
    with transaction.atomic():
        rows.insert([rows.checked(line) for line in lines])


def various(at: int = NOON) -> list[dict[str, Any]]:
    """Requests of three hours, two platforms and three models, of every end, with uses."""
    return [
        record(
            **end,
            at=at + hour * HOUR + n * 1_000_000,
            platform=("acme", "other")[n % 2],
            model=("m-1", "m-2", "")[(n + hour) % 3],
            endpoint=("chat", "images.generations", "videos")[(n // 2 + hour) % 3],
            cached_tokens=n,
            images=n % 2,
            seconds=n / 2,
            cost_micros=100 * n,
            latency_ms=7 ** (n % 6) - 1,
        )
        for hour in range(3)
        for n, end in enumerate(KINDS_OF_END * 2)
    ]


def all_hours() -> list[dict[str, Any]]:
    order = ("by", "hour", "name")
    return [
        {name: value for name, value in row.items() if name != "id"}
        for row in UsageHour.objects.order_by(*order).values()
    ]


def all_timings() -> list[tuple[Any, ...]]:
    names = ("hour", "kind", "bucket", "count")
    return list(UsageTiming.objects.order_by(*names).values_list(*names))


@pytest.mark.parametrize("by", UsageHour.By.values)
def test_each_axis_comes_to_what_the_days_come_to(by: str) -> None:
    insert(*various())

    of_hours = UsageHour.objects.filter(by=by).aggregate(*(Sum(name) for name in SHARED))
    assert of_hours == UsageDay.objects.aggregate(*(Sum(name) for name in SHARED))
    assert of_hours["requests__sum"] == 42


def test_an_hour_holds_the_requests_that_began_in_it() -> None:
    insert(record(at=NOON), record(at=NOON + HOUR - 1), record(at=NOON + HOUR))

    found = UsageHour.objects.filter(by="all").order_by("hour").values_list("hour", "requests")
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert list(found) == [(noon, 2), (noon + timedelta(hours=1), 1)]


def test_only_what_platforms_and_gateway_have_done_counts_as_failed() -> None:
    insert(*(record(**end) for end in KINDS_OF_END))

    found = UsageHour.objects.get(by="all")
    assert (found.requests, found.errors, found.failed) == (7, 5, 3)
    assert UsageDay.objects.get().errors == 5


def test_platforms_and_models_are_summed_apart() -> None:
    insert(record(platform="a", model="x"), record(platform="a", model="y"), record(model="x"))

    found = {(row["by"], row["name"]): row["requests"] for row in all_hours()}
    assert found == {
        ("all", ""): 3,
        ("platform", "a"): 2,
        ("platform", "acme"): 1,
        ("model", "x"): 2,
        ("model", "y"): 1,
    }


def test_timed_are_whole_answers_and_the_first_byte_of_streams() -> None:
    insert(
        *(record(**end, latency_ms=5000) for end in KINDS_OF_END),
        record(endpoint="images.edits", latency_ms=90_000),
        record(endpoint="videos.remix", latency_ms=90_000),
        record(first_byte_ms=5000, latency_ms=5000),
    )

    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert all_timings() == [
        (noon, "first_byte", bucket_of(300), 1),
        (noon, "latency", bucket_of(5000), 3),
    ]


def test_the_same_records_again_add_nothing() -> None:
    lines = various()
    insert(*lines)
    before = all_hours(), all_timings()

    insert(*lines)
    insert(*lines[:5])

    assert (all_hours(), all_timings()) == before


def test_batches_add_up_as_if_they_were_one() -> None:
    lines = various()
    insert(*lines)
    at_once = all_hours(), all_timings()
    for model in (UsageRecord, UsageDay, UsageHour, UsageTiming):
        model.objects.all().delete()

    for start in range(0, len(lines), 5):
        insert(*lines[start : start + 5])

    assert (all_hours(), all_timings()) == at_once


@pytest.mark.django_db(transaction=True)
def test_a_failure_leaves_nothing_in_the_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "host-1-dead.jsonl").write_bytes(orjson.dumps(record()) + b"\n")

    def fail(*_args: Any) -> None:
        raise DatabaseError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(rows, "_add_to_spends", fail)  # the step after them
        with pytest.raises(DatabaseError):
            Booking(tmp_path, None).book()
    assert (all_hours(), all_timings()) == ([], [])

    Booking(tmp_path, None).book()
    Booking(tmp_path, None).book()
    assert UsageHour.objects.get(by="all").requests == 1
    assert len(all_timings()) == 1


def test_filling_from_records_gives_what_booking_gives() -> None:
    yesterday = int((timezone.now() - timedelta(days=2)).timestamp()) * 1_000_000
    # More than a day of them: the filling goes by days.
    insert(*various(yesterday), *various(yesterday + 30 * HOUR), *various(yesterday - 7 * HOUR))
    booked = all_hours(), all_timings()
    UsageHour.objects.all().delete()
    UsageTiming.objects.all().delete()

    fill()

    assert (all_hours(), all_timings()) == booked
    assert len(booked[0]) > 40


def test_older_records_are_left_to_the_days() -> None:
    long_ago = int((timezone.now() - timedelta(days=40)).timestamp()) * 1_000_000
    insert(record(at=long_ago))
    UsageHour.objects.all().delete()

    fill()

    assert not UsageHour.objects.exists()


def test_the_fill_knows_the_same_buckets() -> None:
    migration = importlib.import_module("gateway.migrations.0008_hours")
    for ms in (*range(5000), *(2**n for n in range(12, 31))):
        assert migration._bucket(ms) == bucket_of(ms)
    assert hours.FAILED == ("upstream_error", "truncated")


def fill() -> None:
    migration = importlib.import_module("gateway.migrations.0008_hours")
    # Of the schema editor it wants the connection alone.
    migration.fill(apps, SimpleNamespace(connection=connection))
