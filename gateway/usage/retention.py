"""What is kept no longer is removed: usage records, where the operator says so, and old hours.

The sums by day, and what was spent, stay.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFailure, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from gateway.models import UsageHour, UsageRecord, UsageTiming
from gateway.usage import report

logger = logging.getLogger(__name__)

BATCH = 5_000  # a tenth of a second; booking waits no longer for its turn
EVERY_S = 3600.0
HOURS_KEPT = timedelta(days=400)
"""Sums by the hour are for looking at the last weeks; those by day are kept for ever."""
PAUSE_S = 0.2  # between batches: calls come first
_LOCK = 0x746B_7573  # "tkus": the number of our advisory lock

InDatabase = Callable[[Callable[[], int | None]], Awaitable[int | None]]


def before(period: str) -> datetime:
    """The moment before which records are older than `90d`, `2w` or a date. Raises ValueError.

    The beginning of a day (UTC): days are removed whole, as the sums know them.
    """
    return datetime.combine(report.day_of(period), time.min, UTC)


def older(than: datetime) -> int:
    """How many records there are from before."""
    return UsageRecord.objects.filter(at__lt=than).order_by().count()


def remove_batch(than: datetime) -> int | None:
    """Remove up to `BATCH` records from before, the oldest first; how many.

    None: another process is at it. One transaction, and a short one.
    """
    return _remove(UsageRecord.objects.filter(at__lt=than).order_by("at"))


def remove_old_hours() -> int | None:
    """Remove up to `BATCH` sums and timings of hours that are kept no longer, in the same way."""
    than = timezone.now() - HOURS_KEPT
    # By name of each axis, as the index begins with them.
    removed = _remove(UsageHour.objects.filter(by__in=UsageHour.By.values, hour__lt=than))
    return removed or _remove(UsageTiming.objects.filter(hour__lt=than))


def _remove(old: QuerySet[Any]) -> int | None:
    with transaction.atomic():
        if not _turn():
            return None
        ids = list(old.values_list("pk", flat=True)[:BATCH])
        old.model._default_manager.filter(pk__in=ids).delete()
    return len(ids)


async def run(in_database: InDatabase) -> None:
    """Remove what is due, every hour, for ever."""
    while True:
        # Not at the same moment in every process.
        await asyncio.sleep(EVERY_S * (0.5 + secrets.randbelow(1000) / 1000))
        try:
            removed = await remove_due(in_database)
        except DatabaseFailure as error:
            logger.warning("Old usage cannot be removed, the database fails: %s", error)
        else:
            if removed:
                logger.info("%d old usage records removed.", removed)


async def remove_due(in_database: InDatabase) -> int:
    """Remove old hours, and records older than TOKENS_USAGE_DAYS; how many of these.

    With 0 days no record is ever removed.
    """
    await _removed(in_database, remove_old_hours)
    if settings.TOKENS_USAGE_DAYS <= 0:
        return 0
    than = before(f"{settings.TOKENS_USAGE_DAYS}d")
    return await _removed(in_database, lambda: remove_batch(than))


async def _removed(in_database: InDatabase, batch: Callable[[], int | None]) -> int:
    """Batch after batch until nothing is left; how many."""
    removed = 0
    while count := await in_database(batch):
        removed += count
        await asyncio.sleep(PAUSE_S)
    return removed


def _turn() -> bool:
    """Whether this transaction is the only one that removes. SQLite lets only one write anyway."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])
