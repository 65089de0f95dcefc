"""Old records go, in short transactions, by one process at a time; sums stay."""

import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from gateway.models import UsageDay, UsageHour, UsageRecord, UsageTiming
from gateway.usage import retention


def records(count: int, days_ago: float) -> None:
    UsageRecord.objects.bulk_create(
        UsageRecord(
            request_id=f"foaicmpl-{days_ago}-{n}",
            at=timezone.now() - timedelta(days=days_ago),
            endpoint="chat.completions",
            outcome="completed",
            status=200,
        )
        for n in range(count)
    )


def usage(*arguments: str) -> str:
    out = StringIO()
    call_command("usage", *arguments, stdout=out)
    return out.getvalue()


async def in_this_thread(work: Any) -> Any:
    from asgiref.sync import sync_to_async

    return await sync_to_async(work)()


@pytest.mark.django_db
def test_old_records_go_and_sums_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    records(7, days_ago=100)
    records(2, days_ago=10)
    UsageDay.objects.create(day=timezone.now().date() - timedelta(days=100), requests=7)

    said = usage("prune", "--older-than", "90d")

    assert [line.split(" of")[0] for line in said.splitlines()[:-1]] == ["3", "6", "7"]
    assert UsageRecord.objects.count() == 2
    assert UsageDay.objects.get().requests == 7


@pytest.mark.django_db
def test_a_dry_run_counts_and_removes_nothing() -> None:
    records(4, days_ago=100)

    assert "4 usage records" in usage("prune", "--older-than", "90d", "--dry-run")
    assert UsageRecord.objects.count() == 4


@pytest.mark.django_db
@pytest.mark.parametrize("period", ["", "90", "x", "0d"])
def test_a_period_that_is_none_removes_nothing(period: str) -> None:
    records(1, days_ago=0.001)

    with pytest.raises(CommandError, match="--older-than"):
        usage("prune", "--older-than", period)
    assert UsageRecord.objects.count() == 1


@pytest.mark.django_db(transaction=True)
async def test_the_setting_says_how_many_days_are_kept(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asgiref.sync import sync_to_async

    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "PAUSE_S", 0)
    settings.TOKENS_USAGE_DAYS = 30
    await sync_to_async(records)(5, days_ago=32)
    await sync_to_async(records)(1, days_ago=29)

    assert await retention.remove_due(in_this_thread) == 5
    assert await UsageRecord.objects.acount() == 1


@pytest.mark.django_db(transaction=True)
async def test_by_default_no_record_is_ever_removed(settings: Any) -> None:
    from asgiref.sync import sync_to_async

    settings.TOKENS_USAGE_DAYS = 0
    await sync_to_async(records)(1, days_ago=5000)

    assert await retention.remove_due(in_this_thread) == 0
    assert await UsageRecord.objects.acount() == 1


@pytest.mark.django_db(transaction=True)
async def test_hours_go_after_400_days_whatever_the_setting_says(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "PAUSE_S", 0)
    settings.TOKENS_USAGE_DAYS = 0
    for days in (399, 401, 500):
        hour = timezone.now() - timedelta(days=days)
        for by in UsageHour.By.values:
            await UsageHour.objects.acreate(hour=hour, by=by)
        for bucket in range(3):
            await UsageTiming.objects.acreate(hour=hour, kind="latency", bucket=bucket, count=1)

    await retention.remove_due(in_this_thread)

    assert (await UsageHour.objects.acount(), await UsageTiming.objects.acount()) == (3, 3)


@pytest.mark.django_db(transaction=True)
def test_only_one_process_removes_at_a_time() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one process write at a time; PostgreSQL is not what runs here")
    records(1, days_ago=100)
    than, theirs = timezone.now() - timedelta(days=90), []
    with transaction.atomic():
        assert retention.remove_batch(than) == 1
        other = threading.Thread(target=lambda: theirs.append(retention.remove_batch(than)))
        other.start()
        other.join(10)

    assert theirs == [None]
